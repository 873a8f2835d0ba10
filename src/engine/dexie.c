#include "engine/dexie.h"

#include "base/id.h"
#include "engine/dexie_check.h"
#include "engine/dexie_row.h"

#include <stdlib.h>
#include <string.h>

#define ONES 0x0101010101010101u
#define HIGHS 0x8080808080808080u
#define WINDOW_FIRST (256u << 10)
#define WINDOW_MAX (DEXIE_ROW_MAX + 4096)
#define ARENA_MAX (8u << 20) /* names, schemas and owners of a file */

/* ---- the window ---- */

struct reader {
    dexie_read *read;
    void *ctx;
    char *data;      /* cap + DEXIE_PAD bytes */
    size_t cap, len; /* bytes there */
    size_t at;       /* next byte */
    uint64_t base;   /* offset of data[0] in the file */
    bool end;        /* nothing follows the window */
    struct raum_error *error;
};

static uint64_t offset_of(const struct reader *r, size_t at)
{
    return r->base + at;
}

static int corrupt(struct reader *r, size_t at, const char *what)
{
    err_at(r->error, "import", RAUM_ECORRUPT, "not a Dexie export: byte %llu: %s",
           (unsigned long long)offset_of(r, at), what);
    return RAUM_ECORRUPT;
}

static int cut_off(struct reader *r)
{
    return err_at(r->error, "import", RAUM_ECORRUPT, "the file is cut off: it ends at byte %llu",
                  (unsigned long long)offset_of(r, r->len));
}

static int reader_init(struct reader *r, dexie_read *read, void *ctx, struct raum_error *error)
{
    *r = (struct reader){.read = read, .ctx = ctx, .cap = WINDOW_FIRST, .error = error};
    r->data = malloc(r->cap + DEXIE_PAD);
    if (!r->data) {
        err_at(error, "import", RAUM_ENOMEM, NULL);
        return RAUM_ENOMEM;
    }
    memset(r->data, 0, DEXIE_PAD);
    return 0;
}

/* Moves what is not read yet to the front and fills the window, which doubles when more than half
 * is taken. A value that starts over after each call costs at most twice its length. */
static int fill(struct reader *r)
{
    size_t left = r->len - r->at;
    memmove(r->data, r->data + r->at, left);
    r->base += r->at;
    r->at = 0;
    r->len = left;
    if (left > r->cap / 2 && r->cap < WINDOW_MAX) {
        size_t cap = r->cap * 2 < WINDOW_MAX ? r->cap * 2 : WINDOW_MAX;
        char *data = realloc(r->data, cap + DEXIE_PAD);
        if (!data)
            return err_at(r->error, "import", RAUM_ENOMEM, NULL);
        r->data = data;
        r->cap = cap;
    }
    while (r->len < r->cap && !r->end) {
        int64_t got = r->read(r->ctx, r->data + r->len, r->cap - r->len);
        if (got < 0)
            return err_at(r->error, "import", (int)got, NULL);
        r->len += (size_t)got;
        r->end = got == 0;
    }
    memset(r->data + r->len, 0, DEXIE_PAD);
    return 0;
}

/* More bytes of a value that the window does not hold whole. */
static int more(struct reader *r)
{
    size_t left = r->len - r->at;
    if (left == WINDOW_MAX)
        return err_at(r->error, "import", RAUM_ETOO_LARGE,
                      "the row at byte %llu is larger than %u MiB",
                      (unsigned long long)offset_of(r, r->at), DEXIE_ROW_MAX >> 20);
    int rc = r->end ? 0 : fill(r);
    return rc == 0 && r->len - r->at == left ? cut_off(r) : rc;
}

/* Steps over white space; *c is the byte behind it, which stays unread. */
static int peek(struct reader *r, char *c)
{
    for (;;) {
        while (dexie_is_space(r->data[r->at]))
            r->at++;
        if (r->at < r->len)
            break;
        int rc = more(r);
        if (rc)
            return rc;
    }
    *c = r->data[r->at];
    return 0;
}

static int expect(struct reader *r, char want, const char *what)
{
    char c;
    int rc = peek(r, &c);
    if (rc)
        return rc;
    if (c != want)
        return corrupt(r, r->at, what);
    r->at++;
    return 0;
}

/* ---- one value ---- */

/* Takes the value that comes next: *text is lent until the next step of the reader. */
static int take_value(struct reader *r, struct dexie_check *c, const char **text, size_t *len)
{
    char first;
    int rc = peek(r, &first);
    if (rc)
        return rc;
    while ((rc = dexie_check_value(c, r->data + r->at, r->len - r->at)) == DEXIE_MORE)
        if ((rc = more(r)) != 0)
            return rc;
    if (rc)
        return corrupt(r, (size_t)(c->at - r->data), c->what);
    *text = r->data + r->at;
    *len = (size_t)(c->at - *text);
    if (*len > DEXIE_ROW_MAX || c->values > DEXIE_VALUES_MAX)
        return err_at(r->error, "import", RAUM_ETOO_LARGE,
                      "the row at byte %llu is larger than %u MiB or %u values",
                      (unsigned long long)offset_of(r, r->at), DEXIE_ROW_MAX >> 20,
                      DEXIE_VALUES_MAX);
    r->at += *len;
    return 0;
}

/* ---- the file around the rows ---- */

/* To the next item: 0, or RAUM_END behind the closing bracket. */
static int next_item(struct reader *r, bool *first, char close)
{
    char c;
    int rc = peek(r, &c);
    if (rc)
        return rc;
    if (c == close && *first) {
        r->at++;
        return RAUM_END;
    }
    if (*first) {
        *first = false;
        return 0;
    }
    if (c != close && c != ',')
        return corrupt(r, r->at, "a comma or a closing bracket was expected");
    r->at++;
    return c == close ? RAUM_END : 0;
}

#define KEY_MAX 20

/* To the next member's value; its key, or "" if it is none that anybody looks for. */
static int next_member(struct reader *r, struct dexie_check *c, bool *first, char key[KEY_MAX])
{
    const char *text;
    size_t len;
    int rc = next_item(r, first, '}');
    if (rc == 0)
        rc = take_value(r, c, &text, &len);
    if (rc)
        return rc;
    if (text[0] != '"')
        return corrupt(r, r->at - len, "a key was expected");
    len -= 2;
    key[0] = '\0';
    if (len < KEY_MAX) {
        memcpy(key, text + 1, len);
        key[len] = '\0';
    }
    return expect(r, ':', "a colon was expected");
}

/* ---- pass 1 ---- */

struct tally {
    struct dexie_owner owner;
    size_t len;              /* of the id */
    uint64_t rows, authored; /* in the table that is being read: it may turn out to be local */
};

struct scan {
    struct reader r;
    struct dexie_check c;
    struct dexie_file *file;
    struct json_doc doc;
    struct tally *tallies;
    size_t tally_count, last; /* last: the one found last */
    uint64_t others, other_rows;
    size_t table_cap;
};

static int nomem(struct scan *s)
{
    return err_at(s->r.error, "import", RAUM_ENOMEM, NULL);
}

/* The value that comes next as a document (of something small). */
static int take_small(struct scan *s, struct json_value *v)
{
    const char *text;
    size_t len;
    int rc = take_value(&s->r, &s->c, &text, &len);
    if (rc == 0)
        rc = json_parse(&s->doc, text, len, JSON_LONE, s->r.error);
    *v = json_root(&s->doc);
    return rc;
}

/* A text that the file must name; what: what is wrong otherwise. */
static int keep_text(struct scan *s, struct json_value v, size_t max, const char *what,
                     const char **out)
{
    size_t len;
    json_raw(v, &len);
    *out = len <= max ? json_str(v, &s->file->arena) : NULL;
    return *out ? 0 : corrupt(&s->r, s->r.at, what);
}

/* The entry of a table, made if it is not there. Lent until the next one is made. */
static int table_named(struct scan *s, const char *name, struct dexie_table **out)
{
    struct dexie_file *file = s->file;
    for (size_t i = 0; i < file->table_count; i++)
        if (strcmp(file->tables[i].name, name) == 0) {
            *out = &file->tables[i];
            return 0;
        }
    if (file->table_count == DEXIE_TABLES_MAX)
        return err_at(s->r.error, "import", RAUM_ETOO_LARGE, "the file has more than %u tables",
                      DEXIE_TABLES_MAX);
    if (file->table_count == s->table_cap) {
        size_t cap = s->table_cap ? s->table_cap * 2 : 32;
        struct dexie_table *tables = realloc(file->tables, cap * sizeof *tables);
        if (!tables)
            return nomem(s);
        file->tables = tables;
        s->table_cap = cap;
    }
    *out = &file->tables[file->table_count++];
    **out = (struct dexie_table){.name = name, .local = name[0] == '_', .skip = name[0] == '_'};
    return 0;
}

/* "++seq,k" → "seq"; "&id" → "id"; "[a+b],c" → "[a+b]"; "" → "". */
static char *key_path(struct arena *a, const char *schema)
{
    schema += strspn(schema, "+&* ");
    size_t len = strcspn(schema, ",");
    while (len > 0 && schema[len - 1] == ' ')
        len--;
    return arena_copy(a, schema, len);
}

/* {"name":"meImages","schema":"id,kind","rowCount":10} */
static int scan_listed(struct scan *s)
{
    struct json_value v;
    const char *name, *schema;
    struct dexie_table *t;
    int rc = take_small(s, &v);
    if (rc == 0)
        rc = keep_text(s, json_get(v, "name"), DEXIE_NAME_MAX, "a table needs a name", &name);
    if (rc == 0)
        rc = keep_text(s, json_get(v, "schema"), DEXIE_SCHEMA_MAX, "a table needs a schema",
                       &schema);
    if (rc == 0)
        rc = table_named(s, name, &t);
    if (rc)
        return rc;
    if (t->schema)
        return corrupt(&s->r, s->r.at, "a table is listed twice");
    t->schema = schema;
    t->key = key_path(&s->file->arena, schema);
    return t->key ? 0 : nomem(s);
}

static int scan_tables(struct scan *s)
{
    bool first = true;
    int rc = expect(&s->r, '[', "the tables must be an array");
    while (rc == 0 && (rc = next_item(&s->r, &first, ']')) == 0)
        rc = scan_listed(s);
    return rc == RAUM_END ? 0 : rc;
}

/* The tally of an id of len bytes; NULL when there is no more room for a new one. */
static struct tally *find_tally(struct scan *s, const char *id, size_t len)
{
    for (size_t i = 0, at = s->last; i < s->tally_count; i++, at++) {
        struct tally *t = &s->tallies[at % s->tally_count];
        if (t->len == len && memcmp(t->owner.id, id, len) == 0) {
            s->last = at % s->tally_count;
            return t;
        }
    }
    if (s->tally_count == DEXIE_OWNERS_MAX)
        return NULL;
    const char *kept = arena_copy(&s->file->arena, id, len);
    if (!kept)
        return NULL;
    s->last = s->tally_count;
    s->tallies[s->tally_count] = (struct tally){.owner.id = kept, .len = len};
    return &s->tallies[s->tally_count++];
}

/* Counts the person named in a row. What can be no id names nobody. */
static int count_person(struct scan *s, struct dexie_spot spot, bool author)
{
    if (!spot.text)
        return 0;
    const char *id = spot.text + 1;
    size_t len = spot.len - 2;
    if (memchr(id, '\\', len)) {
        int rc = json_parse(&s->doc, spot.text, spot.len, JSON_LONE, s->r.error);
        id = rc == 0 ? json_str(json_root(&s->doc), &s->file->arena) : NULL;
        len = id ? strlen(id) : 0;
    }
    if (!id || !id_valid(id, len))
        return 0;
    struct tally *t = find_tally(s, id, len);
    if (!t)
        s->other_rows++;
    else if (author)
        t->authored++;
    else
        t->rows++;
    return 0;
}

/* A table's rows have ended: its persons count if it is not local. */
static void settle_tallies(struct scan *s, bool local)
{
    for (size_t i = 0; i < s->tally_count; i++) {
        struct tally *t = &s->tallies[i];
        t->owner.rows += local ? 0 : t->rows;
        t->owner.authored += local ? 0 : t->authored;
        t->rows = t->authored = 0;
    }
    s->others += local ? 0 : s->other_rows;
    s->other_rows = 0;
}

struct entry { /* of data.data */
    const char *name;
    bool has_inbound, inbound, has_rows, tuples;
    uint64_t rows, offset;
};

static int scan_rows(struct scan *s, struct entry *e)
{
    bool first = true;
    int rc = expect(&s->r, '[', "the rows must be an array");
    e->has_rows = true;
    e->offset = offset_of(&s->r, s->r.at);
    while (rc == 0 && (rc = next_item(&s->r, &first, ']')) == 0) {
        const char *text;
        size_t len;
        rc = take_value(&s->r, &s->c, &text, &len);
        if (rc)
            break;
        if (text[0] != '{' && text[0] != '[')
            return corrupt(&s->r, s->r.at - len, "a row must be an object");
        e->tuples |= text[0] == '[';
        e->rows++;
        rc = count_person(s, s->c.user, false);
        if (rc == 0)
            rc = count_person(s, s->c.author, true);
    }
    return rc == RAUM_END ? 0 : rc;
}

static int scan_entry_member(struct scan *s, struct entry *e, const char *key)
{
    struct json_value v;
    const char *text;
    size_t len;
    int rc;
    if (strcmp(key, "tableName") == 0 && !e->name) {
        rc = take_small(s, &v);
        return rc ? rc : keep_text(s, v, DEXIE_NAME_MAX, "tableName must be a text", &e->name);
    }
    if (strcmp(key, "inbound") == 0 && !e->has_inbound) {
        rc = take_small(s, &v);
        e->has_inbound = true;
        if (rc == 0 && !json_bool(v, &e->inbound))
            rc = corrupt(&s->r, s->r.at, "inbound must be true or false");
        return rc;
    }
    if (strcmp(key, "rows") == 0 && !e->has_rows)
        return scan_rows(s, e);
    if (strcmp(key, "tableName") == 0 || strcmp(key, "inbound") == 0 || strcmp(key, "rows") == 0)
        return corrupt(&s->r, s->r.at, "a part of a table is there twice");
    return take_value(&s->r, &s->c, &text, &len);
}

/* {"tableName":"meImages","inbound":true,"rows":[…]} */
static int scan_entry(struct scan *s)
{
    struct entry e = {0};
    struct dexie_table *t;
    char key[KEY_MAX];
    bool first = true;
    int rc = expect(&s->r, '{', "a table must be an object");
    while (rc == 0 && (rc = next_member(&s->r, &s->c, &first, key)) == 0)
        rc = scan_entry_member(s, &e, key);
    if (rc != RAUM_END)
        return rc;
    if (!e.name || !e.has_inbound || !e.has_rows)
        return corrupt(&s->r, s->r.at, "a table needs tableName, inbound and rows");
    if (e.inbound && e.tuples)
        return corrupt(&s->r, s->r.at, "a row of this table must be an object");
    rc = table_named(s, e.name, &t);
    if (rc)
        return rc;
    if (t->offset)
        return corrupt(&s->r, s->r.at, "the rows of a table are there twice");
    t->inbound = e.inbound;
    t->rows = e.rows;
    t->offset = e.offset;
    s->file->rows += e.rows;
    settle_tallies(s, t->local);
    return 0;
}

static int scan_entries(struct scan *s)
{
    bool first = true;
    int rc = expect(&s->r, '[', "the data must be an array");
    while (rc == 0 && (rc = next_item(&s->r, &first, ']')) == 0)
        rc = scan_entry(s);
    return rc == RAUM_END ? 0 : rc;
}

/* A member that must be there once: *seen has its bit. */
static int once(struct scan *s, unsigned *seen, unsigned bit)
{
    if (*seen & bit)
        return corrupt(&s->r, s->r.at, "a part is there twice");
    *seen |= bit;
    return 0;
}

static int scan_name(struct scan *s)
{
    struct json_value v;
    int rc = take_small(s, &v);
    return rc ? rc : keep_text(s, v, DEXIE_NAME_MAX, "databaseName must be a text",
                               &s->file->database);
}

static int scan_version(struct scan *s)
{
    struct json_value v;
    int rc = take_small(s, &v);
    if (rc == 0 && !json_double(v, &s->file->version))
        rc = corrupt(&s->r, s->r.at, "databaseVersion must be a number");
    return rc;
}

static int scan_data(struct scan *s)
{
    static const struct {
        const char *key;
        int (*scan)(struct scan *s);
    } parts[] = {{"databaseName", scan_name}, {"databaseVersion", scan_version},
                 {"tables", scan_tables}, {"data", scan_entries}};
    enum { PARTS = sizeof parts / sizeof *parts };
    char key[KEY_MAX];
    unsigned seen = 0;
    bool first = true;
    int rc = expect(&s->r, '{', "the data must be an object");
    while (rc == 0 && (rc = next_member(&s->r, &s->c, &first, key)) == 0) {
        unsigned i = 0;
        while (i < PARTS && strcmp(key, parts[i].key) != 0)
            i++;
        const char *text;
        size_t len;
        if (i == PARTS)
            rc = take_value(&s->r, &s->c, &text, &len);
        else if ((rc = once(s, &seen, 1u << i)) == 0)
            rc = parts[i].scan(s);
    }
    if (rc == RAUM_END && seen != (1u << PARTS) - 1)
        return corrupt(&s->r, s->r.at,
                       "data needs databaseName, databaseVersion, tables and data");
    return rc == RAUM_END ? 0 : rc;
}

static int scan_format(struct scan *s, bool version)
{
    struct json_value v;
    double number = 0;
    int rc = take_small(s, &v);
    if (rc)
        return rc;
    if (!version && !json_equals(v, "dexie"))
        return corrupt(&s->r, s->r.at, "the format is not \"dexie\"");
    if (version && (!json_double(v, &number) || number != 1))
        return corrupt(&s->r, s->r.at, "only version 1 of the format is known");
    return 0;
}

static int scan_nothing_more(struct scan *s)
{
    struct reader *r = &s->r;
    for (;;) {
        while (dexie_is_space(r->data[r->at]))
            r->at++;
        if (r->at < r->len)
            return corrupt(r, r->at, "nothing may follow the end");
        if (r->end)
            return 0;
        int rc = fill(r);
        if (rc)
            return rc;
    }
}

static int scan_file(struct scan *s)
{
    char key[KEY_MAX];
    unsigned seen = 0;
    bool first = true;
    int rc = expect(&s->r, '{', "an object was expected");
    while (rc == 0 && (rc = next_member(&s->r, &s->c, &first, key)) == 0) {
        bool name = strcmp(key, "formatName") == 0, version = strcmp(key, "formatVersion") == 0;
        const char *text;
        size_t len;
        if (name || version)
            rc = (rc = once(s, &seen, name ? 1 : 2)) ? rc : scan_format(s, version);
        else if (strcmp(key, "data") == 0)
            rc = (rc = once(s, &seen, 4)) ? rc : scan_data(s);
        else
            rc = take_value(&s->r, &s->c, &text, &len);
    }
    if (rc != RAUM_END)
        return rc;
    if (seen != 7)
        return corrupt(&s->r, s->r.at, "formatName, formatVersion and data are needed");
    return scan_nothing_more(s);
}

static int by_place(const void *a, const void *b)
{
    const struct dexie_table *x = a, *y = b;
    if (x->offset != y->offset)
        return x->offset - 1 < y->offset - 1 ? -1 : 1; /* 0, no rows, comes last */
    return strcmp(x->name, y->name);
}

static int finish_scan(struct scan *s)
{
    struct dexie_file *file = s->file;
    for (size_t i = 0; i < file->table_count; i++) {
        struct dexie_table *t = &file->tables[i];
        if (!t->schema)
            return err_at(s->r.error, "import", RAUM_ECORRUPT,
                          "not a Dexie export: table %.100s has rows but is not listed", t->name);
    }
    if (file->table_count)
        qsort(file->tables, file->table_count, sizeof *file->tables, by_place);
    file->owners = arena_alloc(&file->arena, (s->tally_count + 1) * sizeof *file->owners);
    if (!file->owners)
        return nomem(s);
    for (size_t i = 0; i < s->tally_count; i++)
        if (s->tallies[i].owner.rows || s->tallies[i].owner.authored)
            file->owners[file->owner_count++] = s->tallies[i].owner;
    file->other_owners = s->others;
    file->bytes = offset_of(&s->r, s->r.len);
    return 0;
}

int dexie_scan(struct dexie_file *file, dexie_read *read, void *ctx, struct raum_error *error)
{
    struct scan s = {.file = file};
    *file = (struct dexie_file){0};
    arena_init(&file->arena, ARENA_MAX);
    json_init(&s.doc);
    int rc = reader_init(&s.r, read, ctx, error);
    s.tallies = malloc(DEXIE_OWNERS_MAX * sizeof *s.tallies);
    if (rc == 0 && !s.tallies)
        rc = nomem(&s);
    if (rc == 0)
        rc = scan_file(&s);
    if (rc == 0)
        rc = finish_scan(&s);
    free(s.tallies);
    json_release(&s.doc);
    free(s.r.data);
    return rc;
}

void dexie_release(struct dexie_file *file)
{
    if (!file)
        return;
    free(file->tables);
    arena_release(&file->arena);
    *file = (struct dexie_file){0};
}

const struct dexie_table *dexie_table(const struct dexie_file *file, const char *name)
{
    for (size_t i = 0; i < file->table_count; i++)
        if (strcmp(file->tables[i].name, name) == 0)
            return &file->tables[i];
    return NULL;
}

/* ---- pass 2 ---- */

struct cut {
    size_t len;
    bool plain;   /* compact, spelled as every writer does, no "$": nothing to rewrite */
    size_t types; /* offset of the comma before a last "$types" that marks all arrays and nothing
                   * else, which changes nothing; 0: there is none */
};

/* Behind the closing quote of the text whose first byte is at s; NULL: the window ends. A text that
 * begins with $, or has an escape that may be spelled in several ways, is not plain. */
static const char *cut_string(const char *s, const char *end, struct cut *cut)
{
    if (*s == '$')
        cut->plain = false;
    for (;;) {
        uint64_t eight;
        memcpy(&eight, s, sizeof eight);
        uint64_t quote = eight ^ (ONES * '"'), slash = eight ^ (ONES * '\\');
        uint64_t found = ((quote - ONES) & ~quote) | ((slash - ONES) & ~slash) |
                         ((eight - ONES) & ~eight);
        if ((found & HIGHS) == 0) {
            s += 8;
            continue;
        }
        while (*s != '"' && *s != '\\' && *s != '\0')
            s++;
        if (*s == '"')
            return s + 1;
        if (s >= end)
            return NULL;
        if (*s == '\\' && (s[1] == 'u' || s[1] == '/'))
            cut->plain = false;
        s += *s == '\\' && s + 1 < end ? 2 : 1;
    }
}

/* The marks in the text at s, a member's value up to the row's last bracket, if all of them are
 * "arrayNonindexKeys"; -1 if not. */
static int count_array_marks(const char *s, const char *end)
{
    static const char mark[] = "\":\"arrayNonindexKeys\"";
    const size_t len = sizeof mark - 1;
    if (*s++ != '{')
        return -1;
    for (int count = 1;; count++) {
        if (*s++ != '"')
            return -1;
        s = memchr(s, '"', (size_t)(end - s));
        if (!s || (size_t)(end - s) < len + 1 || memcmp(s, mark, len) != 0)
            return -1;
        s += len;
        if (*s == '}')
            return s + 1 == end ? count : -1;
        if (*s++ != ',')
            return -1;
    }
}

/* Finds the end of the row at r->at, quickly: what is within is checked by the parser. DEXIE_MORE:
 * the window ends. */
static int cut_row(const struct reader *r, struct cut *cut)
{
    static const char mark[] = "$types\":";
    const char *start = r->data + r->at, *end = r->data + r->len, *s = start;
    const char *types = NULL;
    int depth = 0, arrays = 0;
    *cut = (struct cut){.plain = true};
    for (;; s++) {
        switch (*s) {
        case '[':
            arrays++;
            depth++;
            continue;
        case '{':
            depth++;
            continue;
        case '}':
        case ']':
            if (--depth > 0)
                continue;
            cut->len = (size_t)(s + 1 - start);
            if (types && cut->plain && count_array_marks(types + sizeof mark + 1, s) == arrays)
                cut->types = (size_t)(types - start);
            cut->plain &= !types || cut->types;
            return 0;
        case '"':
            if (depth == 1 && !types && s[-1] == ',' && memcmp(s + 1, mark, sizeof mark - 1) == 0) {
                types = s - 1;
                s += sizeof mark - 1; /* to the colon */
            } else {
                s = cut_string(s + 1, end, cut);
                if (!s)
                    return DEXIE_MORE;
                s--;
            }
            continue;
        case ' ':
        case '\n':
        case '\r':
        case '\t':
            cut->plain = false;
            continue;
        case '\0':
            if (s >= end)
                return DEXIE_MORE;
            continue; /* the parser will refuse it */
        default:
            continue;
        }
    }
}

static int skip_to(struct reader *r, uint64_t offset)
{
    while (r->base + r->len < offset) {
        r->at = r->len;
        int rc = more(r);
        if (rc)
            return rc;
    }
    r->at = (size_t)(offset - r->base);
    return 0;
}

struct pass {
    struct reader r;
    struct dexie_decoder decoder;
    dexie_each *each;
    void *arg;
};

static int changed(struct reader *r)
{
    return corrupt(r, r->at, "the file is not the one that was checked");
}

static int read_row(struct pass *p, struct dexie_row *row)
{
    struct reader *r = &p->r;
    struct cut cut;
    char c;
    int rc = peek(r, &c);
    if (rc)
        return rc;
    if (c != '{' && c != '[')
        return changed(r);
    while (cut_row(r, &cut) == DEXIE_MORE)
        if ((rc = more(r)) != 0)
            return rc;
    if (cut.len > DEXIE_ROW_MAX)
        return changed(r);
    char *text = r->data + r->at;
    r->at += cut.len;
    rc = dexie_decode(&p->decoder, text, cut.len, cut.plain, cut.types, row, r->error);
    return rc ? rc : p->each(p->arg, row, r->error);
}

static int read_table(struct pass *p, const struct dexie_table *t)
{
    bool first = true;
    uint64_t count = 0;
    int rc = skip_to(&p->r, t->offset);
    while (rc == 0 && (rc = next_item(&p->r, &first, ']')) == 0) {
        struct dexie_row row = {.table = t, .number = count};
        rc = count++ < t->rows ? read_row(p, &row) : changed(&p->r);
    }
    if (rc != RAUM_END)
        return rc;
    return count == t->rows ? 0 : changed(&p->r);
}

int dexie_rows(const struct dexie_file *file, dexie_read *read, void *ctx, dexie_each *each,
               void *arg, struct raum_error *error)
{
    struct pass p = {.each = each, .arg = arg};
    dexie_decoder_init(&p.decoder);
    int rc = reader_init(&p.r, read, ctx, error);
    for (size_t i = 0; i < file->table_count && rc == 0; i++)
        if (file->tables[i].offset && !file->tables[i].skip)
            rc = read_table(&p, &file->tables[i]);
    dexie_decoder_release(&p.decoder);
    free(p.r.data);
    return rc;
}
