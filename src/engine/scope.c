#include "engine/scope.h"

#include "base/json.h"
#include "base/plant.h"
#include "engine/ddl.h"
#include "engine/fence.h"
#include "engine/intern.h"
#include "engine/live.h"
#include "engine/query.h"
#include "engine/seal.h"
#include "schema/rights.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The handle whose statement is running: the grant in force is the handle's. G-T3: there is no
 * other way to a space. The engine's own statements have no handle: scope_ref() is NULL there, and
 * matches nothing. */
static const struct raum_handle *running(sqlite3_context *context)
{
    const struct raum *r = sqlite3_user_data(context);
    const struct db_grant *grant = r->db->grant;
    return grant && grant != &db_grant_own ? grant->ctx : NULL;
}

static void fn_scope_ref(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count, (void)values;
    const struct raum_handle *h = running(context);
    if (h && h->space)
        sqlite3_result_int64(context, h->space);
}

static void fn_scope_id(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count, (void)values;
    const struct raum_handle *h = running(context);
    const struct space *s = h ? intern_space(h->raum, h->space) : NULL;
    if (s)
        sqlite3_result_text(context, s->id, -1, SQLITE_TRANSIENT);
}

static void fn_scope_account(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count, (void)values;
    const struct raum_handle *h = running(context);
    if (h)
        sqlite3_result_int64(context, h->raum->account_ref);
}

static void fn_account_id(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    const struct raum *r = sqlite3_user_data(context);
    const char *id = intern_account(r, (uint32_t)sqlite3_value_int64(values[0]));
    if (id)
        sqlite3_result_text(context, id, -1, SQLITE_TRANSIENT);
}

static void fn_space_id(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    const struct space *s =
        intern_space(sqlite3_user_data(context), (uint32_t)sqlite3_value_int64(values[0]));
    if (s)
        sqlite3_result_text(context, s->id, -1, SQLITE_TRANSIENT);
}

static void fn_stamps_time(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    char text[CLOCK_TEXT];
    const void *data = sqlite3_value_blob(values[0]);
    uint64_t at = stamps_newest(data, (size_t)sqlite3_value_bytes(values[0]));
    clock_format(at, text);
    sqlite3_result_text(context, text, -1, SQLITE_TRANSIENT);
}

static void fn_open_value(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    struct raum *r = sqlite3_user_data(context);
    if (sqlite3_value_type(values[0]) != SQLITE_BLOB) {
        sqlite3_result_value(context, values[0]);
        return;
    }
    int code = sqlite3_value_int(values[2]);
    const struct schema_table *t = schema_table_number(code / 256);
    const struct schema_field *f = t ? schema_field_tag(t, code % 256) : NULL;
    const void *data = sqlite3_value_blob(values[0]);
    size_t len = (size_t)sqlite3_value_bytes(values[0]);
    struct raum_error error;
    struct buf *out = &r->opened;
    buf_reset(out);
    if (!f)
        return;
    struct seal_place place = {t->app,
                               t->name,
                               f->name,
                               (const char *)sqlite3_value_text(values[1]),
                               (size_t)sqlite3_value_bytes(values[1]),
                               (uint32_t)sqlite3_value_int64(values[3])};
    int result = seal_open(r, &place, data, len, out, &error);
    if (result == 0)
        sqlite3_result_text64(context, buf_text(out), out->len, SQLITE_TRANSIENT, SQLITE_UTF8);
    else if (result == RAUM_ENOMEM)
        sqlite3_result_error_nomem(context);
    else if (result != RAUM_EKEY_MISSING) /* without its key a value shows as null, the rest of the
                                             row stays */
        sqlite3_result_error(context, error.text, -1);
}

static void fn_media_path(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    static const char *const format[] = {"media/%s", "/api/v1/media/%s", "/api/v1/media/%s/thumb"};
    int which = sqlite3_value_int(values[2]);
    const char *id = (const char *)sqlite3_value_text(values[1]);
    char *path = id && which >= 0 && which < 3 ? sqlite3_mprintf(format[which], id) : NULL;
    if (path)
        sqlite3_result_text(context, path, -1, sqlite3_free);
    else if (id)
        sqlite3_result_error_nomem(context);
}

static const struct {
    const char *name;
    int args;
    int flags;
    void (*call)(sqlite3_context *, int, sqlite3_value **);
} functions[] = {
    {"scope_ref", 0, SQLITE_DETERMINISTIC, fn_scope_ref},
    {"scope_id", 0, SQLITE_DETERMINISTIC, fn_scope_id},
    {"scope_account", 0, SQLITE_DETERMINISTIC, fn_scope_account},
    {"account_id", 1, SQLITE_DETERMINISTIC, fn_account_id},
    {"space_id", 1, SQLITE_DETERMINISTIC, fn_space_id},
    {"stamps_time", 1, SQLITE_DETERMINISTIC, fn_stamps_time},
    {"open_value", 4, SQLITE_DETERMINISTIC, fn_open_value},
    {"media_path", 3, SQLITE_DETERMINISTIC, fn_media_path},
};

/* ---- the authorizer of scoped statements: deny by default ---- */

static const char *const plain_functions[] = {"coalesce",
                                              "ifnull",
                                              "count",
                                              "max",
                                              "min",
                                              "sum",
                                              "total",
                                              "length",
                                              "lower",
                                              "upper",
                                              "substr",
                                              "abs",
                                              "like",
                                              "glob",
                                              "instr",
                                              "json_extract",
                                              "json_array_length",
                                              "json_each",
                                              NULL};

static bool ours(const char *name)
{
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
        if (strcmp(functions[i].name, name) == 0)
            return true;
    return false;
}

static bool plain(const char *name)
{
    for (size_t i = 0; plain_functions[i]; i++)
        if (strcmp(plain_functions[i], name) == 0)
            return true;
    return false;
}

/* Is this the secret name of an inner view of this connection? Its body alone may read base tables.
 */
static bool inner(const struct raum *r, const char *name)
{
    if (!name)
        return false;
    if (strncmp(name, DDL_ACROSS, strlen(DDL_ACROSS)) == 0)
        name += strlen(DDL_ACROSS);
    return strncmp(name, r->secret, DDL_INNER - 1) == 0;
}

static bool may_read(const struct raum_handle *h, const char *table, const char *within)
{
    const struct raum *r = h->raum;
    bool across = h->mode == HANDLE_ACROSS;
    if (inner(r, within)) {
        bool across_body = strncmp(within, DDL_ACROSS, strlen(DDL_ACROSS)) == 0;
        return across_body == across;
    }
    if (inner(r, table)) {
        /* Only the outer view of the same name reaches the inner one. */
        const char *outer = table + (across ? strlen(DDL_ACROSS) : 0) + DDL_INNER - 1;
        const char *from = within && across ? within + strlen(DDL_ACROSS) : within;
        bool prefixed = !across || (within && strncmp(within, DDL_ACROSS, strlen(DDL_ACROSS)) == 0);
        return within && prefixed && strcmp(outer, from) == 0;
    }
    bool named = strncmp(table, DDL_ACROSS, strlen(DDL_ACROSS)) == 0;
    const struct schema_table *t = schema_table(named ? table + strlen(DDL_ACROSS) : table);
    return t && named == across && scope_has(h, t);
}

static int allow_scoped(void *ctx, int action, const char *a, const char *b, const char *schema,
                        const char *within)
{
    const struct raum_handle *h = ctx;
    (void)schema;
    switch (action) {
    case SQLITE_SELECT:
        return SQLITE_OK;
    case SQLITE_READ:
        if (strcmp(a, "json_each") == 0)
            return SQLITE_OK;
        return may_read(h, a, within) ? SQLITE_OK : SQLITE_DENY;
    case SQLITE_FUNCTION:
        if (ours(b))
            return inner(h->raum, within) ? SQLITE_OK : SQLITE_DENY;
        return plain(b) || inner(h->raum, within) ? SQLITE_OK : SQLITE_DENY;
    default:
        return SQLITE_DENY;
    }
}

/* ---- set-up ---- */

int scope_attach(struct raum *r, struct raum_error *error)
{
    unsigned char random[(DDL_INNER - 1) / 2];
    struct buf sql;
    buf_init(&sql, 1 << 20);
    buf_init(&r->opened, 64u << 20);
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        int rc = sqlite3_create_function_v2(r->db->handle, functions[i].name, functions[i].args,
                                            SQLITE_UTF8 | SQLITE_INNOCUOUS | functions[i].flags, r,
                                            functions[i].call, NULL, NULL, NULL);
        if (rc != SQLITE_OK)
            return db_fail(r->db, rc, "cannot set up the scope", error);
    }
    r->env->random(r->env->ctx, random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++) {
        static const char digits[] = "0123456789abcdef";
        r->secret[2 * i] = digits[random[i] >> 4];
        r->secret[2 * i + 1] = digits[random[i] & 15];
    }
    /* One transaction: a commit per view would sync nothing but cost time. TEMP views are no
     * writing to the file. json_each declares itself at first use, which the authorizer of scoped
     * statements would take for the making of a table. */
    buf_str(&sql, "SELECT count(*) FROM json_each('[]'); PRAGMA query_only=OFF; SAVEPOINT views;");
    for (const struct schema_table *t = schema_tables; t->name; t++) {
        ddl_views(&sql, t, r->secret, false);
        if (t->level == LEVEL_SPACE)
            ddl_views(&sql, t, r->secret, true);
    }
    buf_printf(&sql, "RELEASE views; PRAGMA query_only=%s;", r->read_only ? "ON" : "OFF");
    int result = buf_error(&sql, error);
    if (result == 0)
        result = db_exec(r->db, buf_text(&sql), error);
    buf_release(&sql);
    return result;
}

int scope_handle_new(struct raum *r, enum handle_mode mode, struct raum_handle **out,
                     struct raum_error *error)
{
    struct raum_handle *h = calloc(1, sizeof *h);
    if (!h)
        return err_set(error, RAUM_ENOMEM, NULL);
    h->raum = r;
    h->mode = mode;
    h->grant = (struct db_grant){.allow = allow_scoped, .ctx = h};
    h->space = mode == HANDLE_ACCOUNT ? r->user_ref : 0;
    h->actor = r->self_actor;
    h->origin = ORIGIN_USER;
    h->next = r->handles;
    r->handles = h;
    *out = h;
    return 0;
}

int raum_scope_new(struct raum *raum, struct raum_handle **out, struct raum_error *error)
{
    return scope_handle_new(raum, HANDLE_SCOPE, out, error);
}

int raum_account_new(struct raum *raum, struct raum_handle **out, struct raum_error *error)
{
    return scope_handle_new(raum, HANDLE_ACCOUNT, out, error);
}

int raum_across_new(struct raum *raum, struct raum_handle **out, struct raum_error *error)
{
    return scope_handle_new(raum, HANDLE_ACROSS, out, error);
}

void raum_handle_free(struct raum_handle *handle)
{
    if (!handle)
        return;
    live_handle_gone(handle);
    while (handle->queries)
        raum_query_free(handle->queries);
    query_keep_none(handle);
    fence_close(handle->fence);
    struct raum_handle **at = &handle->raum->handles;
    while (*at && *at != handle)
        at = &(*at)->next;
    if (*at)
        *at = handle->next;
    free(handle);
}

int raum_handle_agent(struct raum_handle *handle, const char *agent, struct raum_error *error)
{
    struct raum *r = handle->raum;
    if (!agent) {
        handle->actor = r->self_actor;
        handle->origin = ORIGIN_USER;
        return 0;
    }
    uint32_t actor;
    if (handle->mode == HANDLE_ACROSS)
        return err_set(error, RAUM_ENOT_ALLOWED, "an agent is bound to one space");
    if (!id_valid(agent, strlen(agent)))
        return err_set(error, RAUM_EUSAGE, "this is not an agent's name");
    if (r->depth > 0) /* rolled back with it, the number would later be somebody else's (G-A4) */
        return err_set(error, RAUM_EUSAGE, "who writes is said before a transaction begins");
    int result = replica_begin(r, error);
    if (result < 0)
        return result;
    result = intern_actor_ref(r, r->account_ref, r->device, agent, &actor, error);
    result = replica_end(r, result, error);
    if (result < 0)
        return result;
    handle->actor = actor;
    handle->origin = ORIGIN_AGENT;
    return 0;
}

/* ---- the switch ---- */

static void enter(struct raum_handle *h, uint32_t ref)
{
    if (!PLANT(SWITCH)) {
        query_interrupt(h); /* G-T8: busy statements end before the value changes */
        h->generation++;
    }
    h->space = ref;
    live_switched(h);
}

int raum_scope_set(struct raum_handle *handle, const char *space_id, struct raum_error *error)
{
    struct raum *r = handle->raum;
    uint32_t ref = 0;
    if (handle->mode != HANDLE_SCOPE)
        return err_at(error, "scope", RAUM_EUSAGE, "only a scope handle has a space");
    if (space_id) {
        /* The text may be lent from the very names that are about to be read anew. */
        char id[RAUM_ID_MAX + 1]; /* a longer one is cut, and nobody's */
        snprintf(id, sizeof id, "%s", space_id);
        int result = replica_look(r, error);
        if (result < 0)
            return result;
        const struct space *s = intern_space_find(r, id);
        if (!s || s->type < 0 || s->role == ROLE_NONE)
            return err_at(error, "scope", RAUM_ENOT_FOUND, "no such space: %s", id);
        ref = s->ref;
    }
    if (ref == handle->space)
        return 0;
    enter(handle, ref);
    return 0;
}

void scope_names_lost(struct raum *r)
{
    for (struct raum_handle *h = r->handles; h; h = h->next)
        if (h->mode == HANDLE_SCOPE && h->space && !intern_space(r, h->space))
            enter(h, 0);
}

void scope_moved(struct raum *r, uint32_t from, uint32_t to)
{
    for (struct raum_handle *h = r->handles; h; h = h->next)
        if (h->mode == HANDLE_SCOPE && h->space == from)
            enter(h, to);
}

const char *raum_scope_space(const struct raum_handle *handle)
{
    const struct space *s = intern_space(handle->raum, handle->space);
    return handle->mode == HANDLE_SCOPE && s ? s->id : NULL;
}

/* ---- asking ---- */

bool scope_has(const struct raum_handle *h, const struct schema_table *t)
{
    if (h->mode == HANDLE_ACCOUNT)
        return t->level == LEVEL_USER;
    if (t->level != LEVEL_SPACE)
        return false;
    const struct space *s = intern_space(h->raum, h->space);
    return !s || h->mode == HANDLE_ACROSS || schema_allowed(t->module, s->type);
}

int scope_there(const struct raum_handle *h, struct raum_error *error)
{
    if (h->mode == HANDLE_ACROSS)
        return 0;
    if (!h->space)
        return err_at(error, "scope", RAUM_ESCOPE_NOT_READY, NULL);
    const struct space *s = intern_space(h->raum, h->space);
    if (!s || s->role == ROLE_NONE)
        return err_at(error, "scope", RAUM_ENOT_FOUND, "this space is not here any more");
    return 0;
}

int scope_check(const struct raum_handle *h, const struct schema_table *t, struct raum_error *error)
{
    int level = h->mode == HANDLE_ACCOUNT ? LEVEL_USER : LEVEL_SPACE;
    if (t->level != level)
        return err_at(error, "scope", RAUM_EUNKNOWN_TABLE, "no such table here: %s", t->name);
    if (h->mode == HANDLE_ACROSS)
        return err_at(error, "scope", RAUM_ENOT_ALLOWED, "reading across spaces does not write");
    int result = scope_there(h, error);
    if (result < 0)
        return result;
    const struct space *s = intern_space(h->raum, h->space);
    if (!scope_has(h, t))
        return err_at(error, "scope", RAUM_EMODULE_NOT_IN_SPACE,
                      "%s is not part of a space of type %s", schema_module_name(t->module),
                      schema_space_type_name(s->type));
    return 0;
}

int scope_prepare(struct raum_handle *h, struct db_stmt *out, const char *sql,
                  struct raum_error *error)
{
    *out = (struct db_stmt){0};
    int result = scope_there(h, error);
    return result ? result : db_prepare(h->raum->db, out, &h->grant, sql, error);
}

static void add(struct scope_column *out, size_t max, size_t *count, struct scope_column column)
{
    if (*count < max)
        out[*count] = column;
    (*count)++;
}

size_t scope_columns(const struct schema_table *t, struct scope_column *out, size_t max)
{
    size_t n = 0;
    add(out, max, &n, (struct scope_column){.name = "id", .derived = schema_is_slots(t)});
    if (t->level == LEVEL_SPACE) {
        add(out, max, &n, (struct scope_column){.name = "spaceId", .derived = true});
        add(out, max, &n, (struct scope_column){.name = "authorId", .derived = true});
        add(out, max, &n, (struct scope_column){.name = "visibility"});
    }
    add(out, max, &n, (struct scope_column){.name = "createdAt", .type = TYPE_TIME});
    add(out, max, &n,
        (struct scope_column){.name = "updatedAt", .type = TYPE_TIME, .derived = true});
    add(out, max, &n, (struct scope_column){.name = "deletedAt", .type = TYPE_TIME});
    for (const struct schema_field *f = t->fields; f->name; f++)
        add(out, max, &n,
            (struct scope_column){.name = f->name, .type = f->type,
                                  .sealed = (f->flags & FIELD_SEALED) != 0,
                                  .derived = f->type == TYPE_ACCOUNT});
    for (const struct schema_derived *d = t->derived; d && d->name; d++)
        add(out, max, &n,
            (struct scope_column){.name = d->name, .derived = true, .needs = d->needs});
    if (n < max)
        out[n] = (struct scope_column){.name = NULL};
    return n;
}
