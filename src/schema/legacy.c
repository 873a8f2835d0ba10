#include "schema/legacy.h"

#include <math.h>
#include <string.h>

#define PERSONAL "_personal:" /* the sentinel of a personal space whose id is not known yet */

/* ---- tables ---- */

/* Tables that were user-level, at all times or until a version. All others have always been data
 * tables. */
static const struct user_table {
    const char *name;
    int since; /* no step before this one knows the table */
    int until; /* a data table from this version on; 0: still user-level */
} user_tables[] = {
    {"userContext", 0, 0},
    {"userSettings", 0, 0},
    {"userTagPresets", 0, 0},
    {"meImages", 38, 40},
};

static const struct alias {
    const char *old, *name;
} aliases[] = {
    {"globalTags", "tags"},
};

static const struct user_table *user_table(const char *name)
{
    for (size_t i = 0; i < sizeof user_tables / sizeof *user_tables; i++)
        if (strcmp(user_tables[i].name, name) == 0)
            return &user_tables[i];
    return NULL;
}

/* True if the table stood at `level` when `version` was made. */
static bool stood_at(const char *table, enum legacy_level level, int version)
{
    const struct user_table *user = user_table(table);
    if (!user)
        return level == LEGACY_DATA;
    if (version < user->since)
        return false;
    bool was_user = user->until == 0 || version < user->until;
    return level == (was_user ? LEGACY_USER : LEGACY_DATA);
}

enum legacy_level legacy_level(const char *table)
{
    if (table[0] == '_')
        return LEGACY_LOCAL;
    return stood_at(table, LEGACY_USER, LEGACY_VERSION) ? LEGACY_USER : LEGACY_DATA;
}

const char *legacy_table_name(const char *name)
{
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        if (strcmp(aliases[i].old, name) == 0)
            return aliases[i].name;
    return name;
}

/* ---- fields ---- */

static struct legacy_field *add_field(struct legacy_row *row)
{
    if (row->count == row->cap) {
        uint32_t cap = row->cap * 2;
        struct legacy_field *fields = arena_alloc(row->arena, cap * sizeof *fields);
        if (!fields)
            return NULL;
        memcpy(fields, row->fields, row->count * sizeof *fields);
        row->fields = fields;
        row->cap = cap;
    }
    struct legacy_field *field = &row->fields[row->count++];
    *field = (struct legacy_field){0};
    return field;
}

static int add_value(struct legacy_row *row, const char *name, size_t name_len,
                     struct json_value value)
{
    struct legacy_field *field = add_field(row);
    if (!field)
        return RAUM_ENOMEM;
    size_t len;
    field->name = name;
    field->name_len = (uint32_t)name_len;
    field->json = json_raw(value, &len);
    field->json_len = (uint32_t)len;
    field->value = value;
    return 0;
}

int legacy_row_init(struct legacy_row *row, struct arena *arena, const char *table, const char *key,
                    size_t key_len, struct json_value value)
{
    bool object = json_is(value, JSON_OBJECT);
    *row = (struct legacy_row){.table = legacy_table_name(table), .key = key, .key_len = key_len,
                               .arena = arena, .cap = (object ? json_count(value) : 1) + 4};
    row->fields = arena_alloc(arena, row->cap * sizeof *row->fields);
    if (!row->fields)
        return RAUM_ENOMEM;
    if (!object)
        return add_value(row, "$", 1, value);
    for (struct json_value v = json_first(value); v.doc; v = json_next(value, v)) {
        const char *name;
        size_t len;
        if (!json_text(json_key(v), arena, &name, &len) || add_value(row, name, len, v) != 0)
            return RAUM_ENOMEM;
    }
    return 0;
}

struct legacy_field *legacy_get(const struct legacy_row *row, const char *name)
{
    size_t len = strlen(name);
    for (uint32_t i = 0; i < row->count; i++) {
        struct legacy_field *field = &row->fields[i];
        if (field->json && field->name_len == len && memcmp(field->name, name, len) == 0)
            return field;
    }
    return NULL;
}

int legacy_set(struct legacy_row *row, const char *name, const char *json, size_t len)
{
    struct legacy_field *field = legacy_get(row, name);
    if (!field && !(field = add_field(row)))
        return RAUM_ENOMEM;
    *field = (struct legacy_field){.name = name, .name_len = (uint32_t)strlen(name), .json = json,
                                   .json_len = (uint32_t)len};
    return 0;
}

void legacy_drop(struct legacy_row *row, const char *name)
{
    struct legacy_field *field = legacy_get(row, name);
    if (field)
        field->json = NULL;
}

/* ---- rules ---- */

static bool is_null(const struct legacy_field *field)
{
    return !field || (field->json_len == 4 && memcmp(field->json, "null", 4) == 0);
}

/* 1 if the field was set, 0 if it had a value, RAUM_ENOMEM. */
static int set_if_missing(struct legacy_row *row, const char *name, const char *json, size_t len)
{
    if (!is_null(legacy_get(row, name)))
        return 0;
    int rc = legacy_set(row, name, json, len);
    return rc ? rc : 1;
}

static int drop_if_there(struct legacy_row *row, const char *name)
{
    if (!legacy_get(row, name))
        return 0;
    legacy_drop(row, name);
    return 1;
}

/* The owner as a JSON string: userId if it is a non-empty string, else guest. */
static const char *owner_json(const struct legacy_row *row, size_t *len)
{
    const struct legacy_field *user = legacy_get(row, "userId");
    if (user && user->json[0] == '"' && user->json_len > 2) {
        *len = user->json_len;
        return user->json;
    }
    *len = sizeof "\"" LEGACY_GUEST "\"" - 1;
    return "\"" LEGACY_GUEST "\"";
}

static int place_in_space(struct legacy_row *row)
{
    static const char visible[] = "\"space\"";
    size_t len;
    const char *owner = owner_json(row, &len);
    const char *space = arena_printf(row->arena, "\"" PERSONAL "%.*s", (int)len - 1, owner + 1);
    if (!space)
        return RAUM_ENOMEM;
    int a = set_if_missing(row, "spaceId", space, strlen(space));
    int b = set_if_missing(row, "authorId", owner, len);
    int c = set_if_missing(row, "visibility", visible, sizeof visible - 1);
    return a < 0 || b < 0 || c < 0 ? RAUM_ENOMEM : a | b | c;
}

static int drop_user(struct legacy_row *row)
{
    return drop_if_there(row, "userId");
}

static int drop_space(struct legacy_row *row)
{
    return drop_if_there(row, "spaceId") | drop_if_there(row, "authorId") |
           drop_if_there(row, "visibility");
}

static int move_to_space(struct legacy_row *row)
{
    int rc = place_in_space(row);
    return rc < 0 ? rc : rc | drop_user(row);
}

/* Append-only, ascending. A rule gives 1 if it changed the row, 0 if not, or an error. */
const struct legacy_step legacy_steps[] = {
    {28, LEGACY_DATA, NULL, place_in_space, "spaceId, authorId and visibility"},
    {34, LEGACY_USER, "userTagPresets", NULL, "table appears"},
    {35, LEGACY_DATA, NULL, drop_user, "userId goes"},
    {36, LEGACY_USER, NULL, drop_space, "spaceId, authorId and visibility go"},
    {38, LEGACY_USER, "meImages", NULL, "table appears"},
    {40, LEGACY_DATA, "meImages", move_to_space, "belongs to a space; userId goes"},
    {41, LEGACY_DATA, "wardrobeGarments", NULL, "table appears"},
    {41, LEGACY_DATA, "wardrobeOutfits", NULL, "table appears"},
    {42, LEGACY_DATA, "images", NULL, "gains wardrobeOutfitId and wardrobeGarmentId"},
};
const size_t legacy_step_count = sizeof legacy_steps / sizeof *legacy_steps;

int legacy_check_version(double version, struct raum_error *error)
{
    if (!isfinite(version) || version < 0)
        return err_at(error, "legacy", RAUM_ECORRUPT, "the file names no version of its database");
    if (version > LEGACY_VERSION_MAX)
        return err_at(error, "legacy", RAUM_ENEWER_DATABASE,
                      "the file's database is of version %g; this program knows versions up to %d",
                      version, LEGACY_VERSION_MAX);
    return 0;
}

int legacy_upgrade(struct legacy_row *row, double version)
{
    for (size_t i = 0; i < legacy_step_count; i++) {
        const struct legacy_step *step = &legacy_steps[i];
        if (!(step->version > version) || !step->apply ||
            (step->table && strcmp(step->table, row->table) != 0) ||
            !stood_at(row->table, step->level, step->version))
            continue;
        int rc = step->apply(row);
        if (rc < 0)
            return rc;
        if (rc)
            row->changed |= 1u << i;
    }
    return 0;
}
