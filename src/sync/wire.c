#include "sync/wire.h"

#include "base/clock.h"
#include "base/id.h"
#include <string.h>

static const char *const op_names[WIRE_OPS] = {"insert", "update", "delete"};
static const char *const status_names[WIRE_STATUSES] = {"applied", "duplicate", "stale",
                                                        "rejected"};

const char *wire_op_name(enum wire_op op)
{
    return op < WIRE_OPS ? op_names[op] : "";
}

const char *wire_status_name(enum wire_status status)
{
    return status < WIRE_STATUSES ? status_names[status] : "";
}

/* ---- reading ---- */

/* What a change says once for all its fields. */
struct defaults {
    const char *client, *by, *agent;
    int origin;
};
struct reading {
    struct arena *a;
    struct defaults defaults;
    const char *dev, *by; /* as the last field had them: mostly the next has the same */
    bool full;            /* memory ran out */
};

/* A member's text; *bad: there, but no text of at most `max` bytes without control characters. */
static const char *text_of(struct reading *r, struct json_value v, size_t max, bool *bad)
{
    const char *text;
    size_t len;
    if (!v.doc || json_is(v, JSON_NULL))
        return NULL;
    if (!json_is(v, JSON_STRING) || !json_text(v, r->a, &text, &len) || len > max) {
        *bad = true;
        return NULL;
    }
    if (len > 0 && !id_valid(text, len)) {
        *bad = true;
        return NULL;
    }
    char *copy = arena_copy(r->a, text, len);
    r->full |= !copy;
    return copy;
}

/* A cursor is whatever a server said; what is none means "from the start", but for its length: that
 * of one grows with the spaces it is over. */
static const char *cursor_of(struct reading *r, struct json_value v, bool *bad)
{
    const char *text;
    size_t len;
    if (!v.doc || json_is(v, JSON_NULL))
        return NULL;
    if (!json_is(v, JSON_STRING) || !json_text(v, r->a, &text, &len) || len > WIRE_CURSOR_MAX) {
        *bad = true;
        return NULL;
    }
    char *copy = arena_copy(r->a, text, len);
    r->full |= !copy;
    return copy;
}

static int index_of(const char *const *names, int count, const char *name)
{
    for (int i = 0; name && i < count; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

/* "server-replay" is what a device notes for itself; nobody may claim it. */
static int origin_of(struct reading *r, struct json_value v, int otherwise, bool *bad)
{
    const char *name = text_of(r, v, WIRE_NAME_MAX, bad);
    if (!name)
        return otherwise;
    int origin = stamp_origin(name, strlen(name));
    if (origin < 0 || origin == ORIGIN_REPLAY)
        *bad = true;
    return origin;
}

/* An actor is an account's id, or {account, agent}. */
static void read_actor(struct reading *r, struct json_value v, struct defaults *d, bool *bad)
{
    if (json_is(v, JSON_OBJECT)) {
        d->by = text_of(r, json_get(v, "account"), ID_LEN_MAX, bad);
        d->agent = text_of(r, json_get(v, "agent"), ID_LEN_MAX, bad);
    } else {
        d->by = text_of(r, v, ID_LEN_MAX, bad);
    }
}

static uint64_t time_of(struct json_value v, struct arena *a, bool *bad)
{
    uint64_t at = 0;
    const char *text;
    size_t len;
    if (!v.doc || json_is(v, JSON_NULL))
        return 0;
    if (!json_text(v, a, &text, &len) || clock_parse(text, len, &at) != 0)
        *bad = true;
    return at;
}

static struct merge_field *add_field(struct reading *r, struct wire_change *c, const char *name,
                                     struct json_value value)
{
    if (!name || !*name || c->count == WIRE_FIELDS_MAX) {
        c->error = name && *name ? RAUM_ETOO_LARGE : RAUM_EBAD_CHANGE;
        return NULL;
    }
    for (uint32_t i = 0; i < c->count; i++)
        if (strcmp(c->fields[i].name, name) == 0)
            return NULL; /* `fields` was read first and counts */
    struct merge_field *f = &c->fields[c->count++];
    *f = (struct merge_field){.name = name, .plain = true};
    f->value = json_raw(value, &f->len);
    f->stamp = (struct merge_stamp){0, r->defaults.client, r->defaults.by, r->defaults.agent,
                                    r->defaults.origin};
    return f;
}

/* The members of a stamped field, looked up in one pass. */
struct stamped {
    struct json_value value, at, dev, by, agent, origin;
};

static struct stamped parts_of(struct json_value field)
{
    struct stamped s = {0};
    const struct {
        const char *key;
        struct json_value *to;
    } parts[] = {{"value", &s.value}, {"at", &s.at},       {"dev", &s.dev},
                 {"by", &s.by},       {"agent", &s.agent}, {"origin", &s.origin}};
    if (!json_is(field, JSON_OBJECT))
        return s;
    size_t next = 0; /* they come in this order, mostly */
    for (struct json_value v = json_first(field); v.doc; v = json_next(field, v))
        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
            size_t k = (next + i) % (sizeof parts / sizeof *parts);
            if (!json_equals(json_key(v), parts[k].key))
                continue;
            *parts[k].to = v;
            next = k + 1;
            break;
        }
    return s;
}

/* As text_of, for what repeats from field to field. */
static const char *again_of(struct reading *r, struct json_value v, const char **last, bool *bad)
{
    if (*last && json_equals(v, *last))
        return *last;
    const char *text = text_of(r, v, ID_LEN_MAX, bad);
    if (text)
        *last = text;
    return text;
}

static void read_stamped(struct reading *r, struct wire_change *c, struct json_value fields)
{
    for (struct json_value v = json_first(fields); v.doc; v = json_next(fields, v)) {
        bool bad = false;
        const char *name = text_of(r, json_key(v), WIRE_NAME_MAX, &bad);
        struct stamped s = parts_of(v);
        struct merge_field *f = bad || !s.value.doc ? NULL : add_field(r, c, name, s.value);
        if (!f) {
            c->error = c->error ? c->error : RAUM_EBAD_CHANGE;
            return;
        }
        f->stamp.at = time_of(s.at, r->a, &bad);
        f->plain = false;
        const char *dev = again_of(r, s.dev, &r->dev, &bad);
        const char *by = again_of(r, s.by, &r->by, &bad);
        const char *agent = text_of(r, s.agent, ID_LEN_MAX, &bad);
        f->stamp.origin = origin_of(r, s.origin, f->stamp.origin, &bad);
        if (dev)
            f->stamp.dev = dev;
        if (by) { /* somebody else's write: the change's agent has no part in it */
            f->stamp.by = by;
            f->stamp.agent = agent;
        } else if (agent) {
            f->stamp.agent = agent;
        }
        if (bad || !json_is(s.at, JSON_STRING))
            c->error = RAUM_EBAD_CHANGE;
    }
}

/* The leaves of a known table's field that is an object there ("usage"). */
static bool has_leaves(const struct schema_table *t, const char *name)
{
    size_t len = strlen(name);
    for (const struct schema_field *f = t ? t->fields : NULL; f && f->name; f++)
        if (strncmp(f->name, name, len) == 0 && f->name[len] == '.')
            return true;
    return false;
}

static void read_leaves(struct reading *r, struct wire_change *c, const char *name,
                        struct json_value object)
{
    for (struct json_value v = json_first(object); v.doc; v = json_next(object, v)) {
        bool bad = false;
        const char *leaf = text_of(r, json_key(v), WIRE_NAME_MAX, &bad);
        char *full = leaf ? arena_printf(r->a, "%s.%s", name, leaf) : NULL;
        r->full |= leaf && !full;
        if (bad || !leaf || !*leaf || !full || strlen(full) > WIRE_NAME_MAX)
            c->error = c->error ? c->error : RAUM_EBAD_CHANGE;
        else {
            struct merge_field *f = add_field(r, c, full, v);
            if (f)
                f->whole = true;
        }
    }
}

static void read_data(struct reading *r, struct wire_change *c, struct json_value data)
{
    const struct schema_table *t = schema_table(c->table);
    for (struct json_value v = json_first(data); v.doc && !c->error; v = json_next(data, v)) {
        bool bad = false;
        const char *name = text_of(r, json_key(v), WIRE_NAME_MAX, &bad);
        if (bad || !name || !*name) {
            c->error = RAUM_EBAD_CHANGE;
            return;
        }
        if (strcmp(name, "id") == 0 || strcmp(name, "spaceId") == 0)
            continue; /* said by the change itself */
        if (t && schema_is_derived(t, name, strlen(name)))
            continue; /* what is derived is never stored */
        if (json_is(v, JSON_OBJECT) && has_leaves(t, name))
            read_leaves(r, c, name, v);
        else
            (void)add_field(r, c, name, v);
    }
}

static void read_deleted_at(struct reading *r, struct wire_change *c, struct json_value v)
{
    bool bad = false;
    if (!v.doc)
        return;
    uint64_t at = time_of(v, r->a, &bad);
    struct merge_field *f = bad ? NULL : add_field(r, c, "deletedAt", v);
    if (bad)
        c->error = RAUM_EBAD_CHANGE;
    else if (f && json_is(v, JSON_STRING)) { /* the time of the deletion is that of the write */
        f->stamp.at = at;
        f->plain = false;
    }
}

static bool read_head(struct reading *r, struct json_value v, struct wire_change *c)
{
    bool bad = false;
    c->event = text_of(r, json_get(v, "eventId"), ID_LEN_MAX, &bad);
    c->app = text_of(r, json_get(v, "app"), WIRE_NAME_MAX, &bad);
    c->table = text_of(r, json_get(v, "table"), WIRE_NAME_MAX, &bad);
    c->id = text_of(r, json_get(v, "id"), ID_LEN_MAX, &bad);
    c->space = text_of(r, json_get(v, "spaceId"), ID_LEN_MAX, &bad);
    if (!c->space) { /* older clients have it among the row's own */
        c->space = text_of(r, json_get(json_get(v, "data"), "spaceId"), ID_LEN_MAX, &bad);
    }
    int op = index_of(op_names, WIRE_OPS, text_of(r, json_get(v, "op"), WIRE_NAME_MAX, &bad));
    c->op = op < 0 ? WIRE_UPDATE : (enum wire_op)op;
    return !bad && op >= 0 && c->table && *c->table && c->id && *c->id;
}

static void read_change(struct reading *r, struct json_value v, struct wire_change *c)
{
    struct reading own = *r;
    bool bad = false;
    *c = (struct wire_change){.op = WIRE_UPDATE};
    if (!json_is(v, JSON_OBJECT) || !read_head(&own, v, c)) {
        c->error = RAUM_EBAD_CHANGE;
        r->full |= own.full;
        return;
    }
    struct json_value fields = json_get(v, "fields"), data = json_get(v, "data");
    read_actor(&own, json_get(v, "actor"), &own.defaults, &bad);
    own.defaults.origin = origin_of(&own, json_get(v, "origin"), ORIGIN_USER, &bad);
    bool shaped = (!fields.doc || json_is(fields, JSON_OBJECT)) &&
                  (!data.doc || json_is(data, JSON_OBJECT) || json_is(data, JSON_NULL));
    if (bad || !shaped) {
        c->error = RAUM_EBAD_CHANGE;
        r->full |= own.full;
        return;
    }
    size_t most = (size_t)json_count(fields) + 1;
    for (struct json_value m = json_first(data); m.doc; m = json_next(data, m))
        most += 1 + json_count(m);
    if (most > WIRE_FIELDS_MAX)
        most = WIRE_FIELDS_MAX;
    c->fields = arena_alloc(own.a, most * sizeof *c->fields);
    own.full |= !c->fields;
    if (c->fields) {
        read_stamped(&own, c, fields);
        if (!c->error)
            read_deleted_at(&own, c, json_get(v, "deletedAt"));
        if (!c->error)
            read_data(&own, c, data);
    }
    r->full |= own.full;
}

static int read_changes(struct reading *r, struct json_value list, struct wire_change **out,
                        uint32_t *count, struct raum_error *error)
{
    *out = NULL;
    *count = 0;
    if (!list.doc || json_is(list, JSON_NULL))
        return 0;
    if (!json_is(list, JSON_ARRAY))
        return err_at(error, "wire", RAUM_EBAD_CHANGE, "changes must be a list");
    if (json_count(list) > WIRE_CHANGES_MAX)
        return err_at(error, "wire", RAUM_ETOO_LARGE, "more than %d changes", WIRE_CHANGES_MAX);
    *out = arena_zero(r->a, ((size_t)json_count(list) + 1) * sizeof **out);
    if (!*out)
        return err_set(error, RAUM_ENOMEM, NULL);
    for (struct json_value v = json_first(list); v.doc; v = json_next(list, v))
        read_change(r, v, &(*out)[(*count)++]);
    return r->full ? err_set(error, RAUM_ENOMEM, NULL) : 0;
}

int wire_read_request(const struct json_doc *doc, struct arena *a, struct wire_request *out,
                      struct raum_error *error)
{
    struct reading r = {.a = a};
    struct json_value root = json_root(doc);
    bool bad = false;
    *out = (struct wire_request){0};
    if (!json_is(root, JSON_OBJECT))
        return err_at(error, "wire", RAUM_EBAD_CHANGE, "a request is an object");
    out->client = text_of(&r, json_get(root, "clientId"), ID_LEN_MAX, &bad);
    out->since = cursor_of(&r, json_get(root, "since"), &bad);
    struct json_value schema = json_get(root, "schemaVersion");
    if (schema.doc && !json_is(schema, JSON_NULL) && !json_int(schema, &out->schema))
        bad = true;
    if (bad)
        return err_at(error, "wire", RAUM_EBAD_CHANGE,
                      "clientId, since or schemaVersion is not what it should be");
    r.defaults.client = out->client;
    return read_changes(&r, json_get(root, "changes"), &out->changes, &out->count, error);
}

/* What a server says of one change; what it leaves out or is not known counts as rejected. */
static void read_result(struct reading *r, struct json_value v, struct wire_result *out, bool *bad)
{
    int64_t index = -1;
    *out = (struct wire_result){.status = WIRE_REJECTED};
    if (!json_int(json_get(v, "index"), &index) || index < 0 || index > UINT32_MAX)
        *bad = true;
    out->index = (uint32_t)index;
    out->event = text_of(r, json_get(v, "eventId"), ID_LEN_MAX, bad);
    int status = index_of(status_names, WIRE_STATUSES,
                          text_of(r, json_get(v, "status"), WIRE_NAME_MAX, bad));
    const char *code = text_of(r, json_get(v, "code"), WIRE_NAME_MAX, bad);
    if (status >= 0)
        out->status = (enum wire_status)status;
    if (out->status == WIRE_REJECTED)
        out->code = code ? err_code(code) : RAUM_EINTERNAL;
    out->server_time = time_of(json_get(v, "serverTime"), r->a, bad);
}

static int read_answer(const struct json_doc *doc, const char *list, struct arena *a,
                       struct wire_answer *out, struct raum_error *error)
{
    struct reading r = {.a = a};
    struct json_value root = json_root(doc), results = json_get(root, "results");
    bool bad = !json_is(root, JSON_OBJECT);
    *out = (struct wire_answer){0};
    int result = bad ? 0
                     : read_changes(&r, json_get(root, list), &out->changes, &out->change_count,
                                    error);
    if (result < 0)
        return result;
    out->until = cursor_of(&r, json_get(root, "syncedUntil"), &bad);
    out->epoch = text_of(&r, json_get(root, "epoch"), WIRE_NAME_MAX, &bad);
    struct json_value more = json_get(root, "hasMore");
    if (more.doc && !json_bool(more, &out->more))
        bad = true;
    if (results.doc && (!json_is(results, JSON_ARRAY) || json_count(results) > WIRE_CHANGES_MAX))
        bad = true;
    if (!bad && results.doc) {
        out->results = arena_zero(a, ((size_t)json_count(results) + 1) * sizeof *out->results);
        if (!out->results)
            return err_set(error, RAUM_ENOMEM, NULL);
        for (struct json_value v = json_first(results); v.doc; v = json_next(results, v))
            read_result(&r, v, &out->results[out->result_count++], &bad);
    }
    if (r.full)
        return err_set(error, RAUM_ENOMEM, NULL);
    struct json_value behind = json_get(root, "behind");
    if (behind.doc && (!json_int(behind, &out->behind) || out->behind < 0))
        bad = true;
    return bad ? err_at(error, "wire", RAUM_EBAD_CHANGE, "not an answer of a Raum server") : 0;
}

int wire_read_answer(const struct json_doc *doc, struct arena *a, struct wire_answer *out,
                     struct raum_error *error)
{
    return read_answer(doc, "serverChanges", a, out, error);
}

int wire_read_event(const struct json_doc *doc, struct arena *a, struct wire_answer *out,
                    struct raum_error *error)
{
    return read_answer(doc, "changes", a, out, error);
}

/* ---- writing ---- */

static void put_str(struct json_writer *w, const char *key, const char *text)
{
    if (!text)
        return;
    json_put_key(w, key);
    json_put_str(w, text);
}

static void put_time(struct json_writer *w, const char *key, uint64_t at)
{
    char text[CLOCK_TEXT];
    clock_format(at, text);
    put_str(w, key, text);
}

/* A field without a stamp goes into `data`, one with into `fields`. */
static void put_fields(struct json_writer *w, const struct wire_change *c, bool stamped)
{
    bool open = false;
    for (uint32_t i = 0; i < c->count; i++) {
        const struct merge_field *f = &c->fields[i];
        if (f->plain == stamped)
            continue;
        if (!open) {
            json_put_key(w, stamped ? "fields" : "data");
            json_open_object(w);
            open = true;
        }
        json_put_key(w, f->name);
        if (!stamped) {
            json_put_raw(w, f->value, f->len);
            continue;
        }
        json_open_object(w);
        json_put_key(w, "value");
        json_put_raw(w, f->value, f->len);
        put_time(w, "at", f->stamp.at);
        put_str(w, "dev", f->stamp.dev);
        put_str(w, "by", f->stamp.by);
        put_str(w, "agent", f->stamp.agent);
        if (f->stamp.origin != ORIGIN_USER)
            put_str(w, "origin", stamp_origin_name(f->stamp.origin));
        json_close_object(w);
    }
    if (open)
        json_close_object(w);
}

void wire_put_change(struct json_writer *w, const struct wire_change *c)
{
    json_open_object(w);
    put_str(w, "eventId", c->event);
    put_str(w, "app", c->app);
    put_str(w, "table", c->table);
    put_str(w, "id", c->id);
    put_str(w, "op", wire_op_name(c->op));
    put_str(w, "spaceId", c->space);
    put_str(w, "deletedAt", c->deleted);
    put_fields(w, c, false);
    put_fields(w, c, true);
    json_close_object(w);
}

void wire_put_request(struct json_writer *w, const struct wire_request *q)
{
    json_open_object(w);
    put_str(w, "clientId", q->client);
    json_put_key(w, "since");
    json_put_str(w, q->since ? q->since : "");
    if (q->schema) {
        json_put_key(w, "schemaVersion");
        json_put_int(w, q->schema);
    }
    json_put_key(w, "changes");
    json_open_array(w);
    for (uint32_t i = 0; i < q->count; i++)
        wire_put_change(w, &q->changes[i]);
    json_close_array(w);
    json_close_object(w);
}

static void put_result(struct json_writer *w, const struct wire_result *r)
{
    json_open_object(w);
    json_put_key(w, "index");
    json_put_int(w, r->index);
    put_str(w, "eventId", r->event);
    put_str(w, "status", wire_status_name(r->status));
    if (r->code)
        put_str(w, "code", raum_code_name(r->code));
    if (r->server_time)
        put_time(w, "serverTime", r->server_time);
    json_close_object(w);
}

void wire_put_answer(struct json_writer *w, const struct wire_answer *a)
{
    json_open_object(w);
    json_put_key(w, "serverChanges");
    json_open_array(w);
    for (uint32_t i = 0; i < a->change_count; i++)
        wire_put_change(w, &a->changes[i]);
    json_close_array(w);
    json_put_key(w, "results");
    json_open_array(w);
    for (uint32_t i = 0; i < a->result_count; i++)
        put_result(w, &a->results[i]);
    json_close_array(w);
    json_put_key(w, "conflicts");
    json_open_array(w);
    json_close_array(w);
    json_put_key(w, "syncedUntil");
    json_put_str(w, a->until ? a->until : "");
    json_put_key(w, "hasMore");
    json_put_bool(w, a->more);
    put_str(w, "epoch", a->epoch);
    json_close_object(w);
}
