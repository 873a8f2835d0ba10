/* A guest's browser becomes an account's (G-U5), and a guest's again. What was decided is written
 * down first, so that a tab that dies leaves either the guest or the account whole:
 *
 *     join.begin: joining.json written, the replica that will be the account's opened · the host
 *     copies its keys to the server · join.finish: adoption, account remembered, joining.json gone
 */
#include "base/err.h"
#include "engine/adopt.h"
#include "engine/intern.h"
#include "schema/rights.h"
#include "wasm/app.h"
#include <stdlib.h>
#include <string.h>

#define NOTE APP_FOLDER "/joining.json"
#define NOTE_MAX 4096

static const struct raum_env *env(void)
{
    return raum_env_native();
}

static bool has_data(struct call *c, const char *account)
{
    char *folder = replica_folder(APP_FOLDER, account, env(), c->arena);
    char *path = folder ? arena_printf(c->arena, "%s/raum.db", folder) : NULL;
    int64_t size;
    return path && env()->file_size(env()->ctx, path, &size, NULL) == 0 && size > 0;
}

/* ---- has the guest anything? ---- */

static int count_rows(struct raum *r, bool *any, struct raum_error *error)
{
    char sql[200];
    int64_t count = 0;
    int rc = db_query_int(r->db, "SELECT count(*) FROM data_opaque", &count, error);
    *any = count > 0;
    for (const struct schema_table *t = schema_tables; t->name && rc == 0 && !*any; t++) {
        sqlite3_snprintf(sizeof sql, sql, "SELECT EXISTS (SELECT 1 FROM \"data_%w\")", t->name);
        rc = db_query_int(r->db, sql, &count, error);
        *any = count > 0;
    }
    for (uint32_t i = 1; i < r->space_count && !*any; i++) {
        const struct space *s = intern_space(r, i);
        *any = s && s->type > SPACE_PERSONAL && s->role > ROLE_NONE;
    }
    return rc;
}

/* {data}: is there anything of a guest's that could be lost? */
static int guest(struct call *c)
{
    struct raum *r = c->app->raum, *other = NULL;
    bool any = false;
    int rc = 0;
    if (strcmp(raum_account(r), SCHEMA_GUEST) != 0) {
        const struct raum_options options = {.folder = APP_FOLDER, .account = SCHEMA_GUEST};
        if (has_data(c, SCHEMA_GUEST))
            rc = raum_open(&other, &options, c->error);
        r = other;
    }
    if (rc == 0 && r)
        rc = count_rows(r, &any, c->error);
    raum_close(other);
    json_open_object(c->out);
    answer_flag(c, "data", any);
    json_close_object(c->out);
    return rc;
}

/* ---- joining ---- */

static int write_note(struct call *c, const char *account, const char *personal, bool take)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, NOTE_MAX);
    json_begin(&w, &b);
    json_open_object(&w);
    json_put_key(&w, "account");
    json_put_str(&w, account);
    json_put_key(&w, "personal");
    json_put_str(&w, personal);
    json_put_key(&w, "take");
    json_put_bool(&w, take);
    json_close_object(&w);
    int rc = buf_error(&b, c->error);
    if (rc == 0)
        rc = env()->file_write(env()->ctx, NOTE, b.data, b.len, 0600);
    buf_release(&b);
    return rc ? err_set(c->error, rc, "cannot write joining.json: %s", raum_code_text(rc)) : 0;
}

/* The note of one that was begun; null: none. */
static int pending(struct call *c)
{
    void *data = NULL;
    size_t len = 0;
    struct json_doc doc;
    int rc = env()->file_read(env()->ctx, NOTE, NOTE_MAX, &data, &len);
    if (rc == RAUM_ENOT_FOUND)
        return 0;
    if (rc)
        return err_set(c->error, rc, NULL);
    json_init(&doc);
    if (json_parse(&doc, data, len, 0, NULL) == 0)
        json_put_value(c->out, json_root(&doc));
    json_release(&doc);
    free(data);
    return 0;
}

static int forget(struct call *c)
{
    int rc = env()->file_remove(env()->ctx, NOTE);
    if (c->app->joining != c->app->raum)
        raum_close(c->app->joining);
    c->app->joining = NULL;
    return rc;
}

/* {account, personal, take}: opens what will be the account's, so that its keys can be copied. */
static int begin(struct call *c)
{
    struct app *app = c->app;
    const char *account = call_text(c, "account");
    const char *personal = account ? call_text(c, "personal") : NULL;
    bool take = call_flag(c, "take") && has_data(c, SCHEMA_GUEST);
    if (!personal)
        return c->error->code;
    int rc = write_note(c, account, personal, call_flag(c, "take"));
    if (rc)
        return rc;
    if (app->joining && app->joining != app->raum)
        raum_close(app->joining);
    app->joining = NULL;
    const char *which = take && !has_data(c, account) ? SCHEMA_GUEST : account;
    if (app->raum && strcmp(raum_account(app->raum), which) == 0) {
        app->joining = app->raum;
        return 0;
    }
    const struct raum_options options = {.folder = APP_FOLDER, .account = which};
    return raum_open(&app->joining, &options, c->error);
}

struct carry {
    struct media_store *from, *to;
    struct raum_error *error;
};

static int carry_one(void *arg, const struct media_entry *entry)
{
    struct carry *x = arg;
    struct media_item item;
    void *data = NULL;
    size_t len;
    if (entry->trashed_ms)
        return 0;
    int rc = media_store_read(x->from, entry->hash, MEDIA_ORIGINAL, &data, &len, NULL, x->error);
    if (rc == 0)
        rc = media_store_put(x->to, NULL, data, len, &item, x->error);
    free(data);
    return rc;
}

static int carry_files(void *arg, const char *from, const char *to, struct raum_error *error)
{
    struct carry x = {.error = error};
    (void)arg;
    int rc = media_store_new(&x.from, env(), from, error);
    if (rc == 0)
        rc = media_store_new(&x.to, env(), to, error);
    if (rc == 0)
        rc = media_store_each(x.from, carry_one, &x, error);
    media_store_free(x.from);
    media_store_free(x.to);
    return rc;
}

/* Everything is closed afterwards; `open` opens the account. */
static int finish(struct call *c)
{
    const char *account = call_text(c, "account");
    const char *personal = account ? call_text(c, "personal") : NULL;
    const struct raum_options options = {.folder = APP_FOLDER};
    struct adopt_report report = {0};
    if (!personal)
        return c->error->code;
    app_close(c->app);
    int rc = 0;
    if (call_flag(c, "take") && has_data(c, SCHEMA_GUEST))
        rc = adopt_guest(&options, account, personal, carry_files, NULL, &report, c->error);
    if (rc == 0)
        rc = replica_account_write(env(), APP_FOLDER, account, c->error);
    if (rc == 0)
        rc = env()->file_remove(env()->ctx, NOTE);
    json_open_object(c->out);
    answer_str(c, "account", account);
    answer_flag(c, "moved", report.moved);
    answer_int(c, "rows", report.rows);
    json_close_object(c->out);
    return rc;
}

/* {erase}: a guest from the next `open` on. */
static int leave(struct call *c)
{
    const char *account = arena_str(c->arena, raum_account(c->app->raum));
    if (!account)
        return err_set(c->error, RAUM_ENOMEM, NULL);
    if (strcmp(account, SCHEMA_GUEST) == 0)
        return 0;
    char *folder = replica_folder(APP_FOLDER, account, env(), c->arena);
    app_close(c->app);
    int rc = folder ? replica_account_write(env(), APP_FOLDER, SCHEMA_GUEST, c->error)
                    : err_set(c->error, RAUM_ENOMEM, NULL);
    if (rc == 0 && call_flag(c, "erase"))
        adopt_erase(env(), folder);
    return rc;
}

const struct call_entry calls_join[] = {
    {"account.guest", guest, CALL_READ}, {"join.pending", pending, CALL_CLOSED},
    {"join.forget", forget, CALL_CLOSED},   {"join.begin", begin, CALL_CLOSED},
    {"join.finish", finish, CALL_CLOSED},   {"account.close", leave, CALL_READ},
    {0},
};
