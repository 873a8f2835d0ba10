#include "schema/schema.h"

#include "base/clock.h"
#include "base/id.h"
#include <string.h>

static const char *const space_types[SPACE_TYPES] = {"personal", "brand", "club",
                                                     "family",   "team",  "practice"};
static const char *const modules[MODULES] = {"profile", "wardrobe", "picture",
                                             "tags",    "tasks",    "scenes"};

#define ALL_TYPES ((1u << SPACE_TYPES) - 1)

/* The capability table (CONTRACT §2, G-T6): module × space type, a bit per type. */
static const unsigned capabilities[MODULES] = {
    [MODULE_PROFILE] = ALL_TYPES, [MODULE_WARDROBE] = ALL_TYPES, [MODULE_PICTURE] = ALL_TYPES,
    [MODULE_TAGS] = ALL_TYPES,    [MODULE_TASKS] = ALL_TYPES,    [MODULE_SCENES] = ALL_TYPES,
};

bool schema_allowed(int module, int space_type)
{
    if (module < 0 || module >= MODULES || space_type < 0 || space_type >= SPACE_TYPES)
        return false;
    return capabilities[module] >> space_type & 1;
}

const char *schema_space_type_name(int type)
{
    return type >= 0 && type < SPACE_TYPES ? space_types[type] : "";
}

int schema_space_type(const char *name)
{
    for (int i = 0; i < SPACE_TYPES; i++)
        if (strcmp(space_types[i], name) == 0)
            return i;
    return -1;
}

const char *schema_module_name(int module)
{
    return module >= 0 && module < MODULES ? modules[module] : "";
}

static bool same(const char *name, const char *text, size_t len)
{
    return strlen(name) == len && memcmp(name, text, len) == 0;
}

const struct schema_table *schema_table_text(const char *name, size_t len)
{
    for (const struct schema_table *t = schema_tables; t->name; t++)
        if (same(t->name, name, len))
            return t;
    return NULL;
}

const struct schema_table *schema_table(const char *name)
{
    return schema_table_text(name, strlen(name));
}

const struct schema_table *schema_table_number(int number)
{
    for (const struct schema_table *t = schema_tables; t->name; t++)
        if (t->number == number)
            return t;
    return NULL;
}

bool schema_is_slots(const struct schema_table *t)
{
    return t && t->number == 2;
}

const struct schema_field *schema_field(const struct schema_table *t, const char *name, size_t len)
{
    for (const struct schema_field *f = t ? t->fields : NULL; f && f->name; f++)
        if (same(f->name, name, len))
            return f;
    for (const struct schema_field *f = schema_base; f->name; f++)
        if (same(f->name, name, len))
            return f;
    return NULL;
}

const struct schema_field *schema_field_tag(const struct schema_table *t, int tag)
{
    const struct schema_field *f = tag >= TAG_OWN ? t->fields : schema_base;
    for (; f->name; f++)
        if (f->tag == tag)
            return f;
    return NULL;
}

size_t schema_field_count(const struct schema_table *t)
{
    size_t count = 0;
    while (t->fields[count].name)
        count++;
    return count;
}

bool schema_is_derived(const struct schema_table *t, const char *name, size_t len)
{
    if (same("updatedAt", name, len))
        return true;
    for (const struct schema_derived *d = t->derived; d && d->name; d++)
        if (same(d->name, name, len))
            return true;
    return false;
}

static bool chosen(const struct schema_field *f, struct json_value v)
{
    if (!f->choices)
        return true;
    for (const char *const *c = f->choices; *c; c++)
        if (json_equals(v, *c))
            return true;
    return false;
}

static int bad(const struct schema_field *f, const char *wanted, struct raum_error *error)
{
    return err_at(error, "schema", RAUM_EBAD_CHANGE, "%s: %s", f->name, wanted);
}

static int bad_choice(const struct schema_field *f, struct raum_error *error)
{
    char list[200] = "one of:";
    size_t len = strlen(list);
    for (const char *const *c = f->choices; *c && len + strlen(*c) + 2 < sizeof list; c++) {
        list[len++] = ' ';
        memcpy(list + len, *c, strlen(*c) + 1);
        len += strlen(*c);
    }
    return bad(f, list, error);
}

static int check_string(const struct schema_field *f, struct json_value v, struct raum_error *error)
{
    size_t raw;
    if (!json_is(v, JSON_STRING))
        return bad(f, "a text is wanted", error);
    json_raw(v, &raw);
    if (raw > SCHEMA_TEXT_MAX)
        return err_at(error, "schema", RAUM_ETOO_LARGE, "%s: at most %d bytes", f->name,
                      SCHEMA_TEXT_MAX);
    return chosen(f, v) ? 0 : bad_choice(f, error);
}

static int check_time(const struct schema_field *f, struct json_value v, struct raum_error *error)
{
    uint64_t at;
    size_t len;
    const char *raw = json_raw(v, &len);
    if (!json_is(v, JSON_STRING) || len < 2 || clock_parse(raw + 1, len - 2, &at) < 0)
        return bad(f, "a time like 2026-04-01T12:00:00.000Z is wanted", error);
    return 0;
}

static int check_date(const struct schema_field *f, struct json_value v, struct raum_error *error)
{
    size_t len;
    const char *raw = json_raw(v, &len);
    if (!json_is(v, JSON_STRING) || len < 2 || clock_parse_date(raw + 1, len - 2) < 0)
        return bad(f, "a date like 2026-04-01 is wanted", error);
    return 0;
}

static int check_texts(const struct schema_field *f, struct json_value v, struct raum_error *error)
{
    if (!json_is(v, JSON_ARRAY))
        return bad(f, "a list of texts is wanted", error);
    if (json_count(v) > SCHEMA_LIST_MAX)
        return err_at(error, "schema", RAUM_ETOO_LARGE, "%s: at most %d items", f->name,
                      SCHEMA_LIST_MAX);
    for (struct json_value item = json_first(v); item.doc; item = json_next(v, item)) {
        int result = check_string(f, item, error);
        if (result < 0)
            return result;
    }
    return 0;
}

static int check_json(const struct schema_field *f, struct json_value v, struct raum_error *error)
{
    size_t len;
    json_raw(v, &len);
    return len <= SCHEMA_TEXT_MAX ? 0
                                  : err_at(error, "schema", RAUM_ETOO_LARGE,
                                           "%s: at most %d bytes", f->name, SCHEMA_TEXT_MAX);
}

static int check_account(const struct schema_field *f, struct json_value v,
                         struct raum_error *error)
{
    size_t len;
    const char *raw = json_raw(v, &len);
    if (!json_is(v, JSON_STRING) || !id_valid(raw + 1, len - 2) || memchr(raw, '\\', len))
        return bad(f, "an account's id is wanted", error);
    return 0;
}

int schema_check(const struct schema_field *f, struct json_value v, struct raum_error *error)
{
    int64_t integer;
    double number;
    bool flag;
    if (!v.doc || json_is(v, JSON_NULL))
        return f->flags & FIELD_REQUIRED ? bad(f, "cannot be empty", error) : 0;
    switch ((enum schema_type)f->type) {
    case TYPE_TEXT:
        return check_string(f, v, error);
    case TYPE_INT:
        return json_int(v, &integer) ? 0 : bad(f, "a whole number is wanted", error);
    case TYPE_REAL:
        return json_double(v, &number) ? 0 : bad(f, "a number is wanted", error);
    case TYPE_BOOL:
        return json_bool(v, &flag) ? 0 : bad(f, "true or false is wanted", error);
    case TYPE_TIME:
        return check_time(f, v, error);
    case TYPE_DATE:
        return check_date(f, v, error);
    case TYPE_TEXTS:
        return check_texts(f, v, error);
    case TYPE_JSON:
        return check_json(f, v, error);
    case TYPE_ACCOUNT:
        return check_account(f, v, error);
    }
    return bad(f, "unknown type", error);
}

int schema_check_foreign(const struct schema_field *f, struct json_value v,
                         struct raum_error *error)
{
    struct schema_field open = *f;
    if (open.right == RIGHT_MEMBER)
        open.choices = NULL;
    return schema_check(&open, v, error);
}
