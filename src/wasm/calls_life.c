/* Opening and closing, the clients, live queries. */
#include "base/err.h"
#include "engine/intern.h"
#include "engine/live.h"
#include "modules/profile/avatar.h"
#include "schema/rights.h"
#include "wasm/app.h"
#include <stdlib.h>
#include <string.h>

static int open_replica(struct call *c)
{
    struct app *app = c->app;
    const char *account = call_maybe(c, "account");
    app_close(app);
    sse_init(&app->sse);
    struct raum_options options = {.folder = APP_FOLDER, .account = account,
                                   .passphrase = call_maybe(c, "passphrase")};
    int rc = raum_open(&app->raum, &options, c->error);
    if (rc == 0)
        rc = pictures_open(&app->pictures, app->raum, NULL, c->error);
    if (rc == 0)
        (void)!pictures_tidy(&app->pictures, NULL); /* can wait */
    if (rc) {
        app_close(app);
        return rc;
    }
    once_tidy(app->raum);
    json_open_object(c->out);
    answer_str(c, "account", raum_account(app->raum));
    answer_str(c, "device", raum_device(app->raum));
    answer_str(c, "version", raum_version());
    json_close_object(c->out);
    return 0;
}

static int close_replica(struct call *c)
{
    app_close(c->app);
    return 0;
}

static int close_client(struct call *c)
{
    app_client_close(c->app, (int)call_number(c, "client"));
    return 0;
}

/* ---- live queries ---- */

static void end_batch(struct watch *w)
{
    if (!w->in_batch)
        return;
    json_close_array(w->out);
    json_close_object(w->out);
    w->in_batch = false;
}

static void put_change(struct json_writer *out, const char *kind, int a, int b,
                       const struct raum_query *row)
{
    json_open_array(out);
    json_put_str(out, kind);
    json_put_int(out, a);
    if (row)
        answer_row(out, row);
    else if (b >= 0)
        json_put_int(out, b);
    json_close_array(out);
}

static void begin_batch(struct watch *w, const struct raum_watch_event *e)
{
    json_open_object(w->out);
    json_put_key(w->out, "watch");
    json_put_int(w->out, w->id);
    json_put_key(w->out, "client");
    json_put_int(w->out, w->client->id);
    json_put_key(w->out, "space");
    json_put_str(w->out, e->space);
    json_put_key(w->out, "changes");
    json_open_array(w->out);
    w->in_batch = true;
}

static void tell(void *arg, const struct raum_watch_event *e)
{
    struct watch *w = arg;
    switch (e->kind) {
    case RAUM_WATCH_BEGIN:
        begin_batch(w, e);
        break;
    case RAUM_WATCH_RESET:
        put_change(w->out, "r", 0, -1, NULL);
        break;
    case RAUM_WATCH_INSERT:
        put_change(w->out, "i", e->to, -1, e->row);
        break;
    case RAUM_WATCH_UPDATE:
        put_change(w->out, "u", e->to, -1, e->row);
        break;
    case RAUM_WATCH_MOVE:
        put_change(w->out, "m", e->from, e->to, NULL);
        break;
    case RAUM_WATCH_DELETE:
        put_change(w->out, "d", e->from, -1, NULL);
        break;
    case RAUM_WATCH_END:
        end_batch(w);
        break;
    case RAUM_WATCH_NOT_READY:
        begin_batch(w, e);
        put_change(w->out, "n", 0, -1, NULL);
        end_batch(w);
        break;
    }
}

static int open_watch(struct call *c)
{
    const char *sql = call_text(c, "sql");
    struct json_value params = json_get(c->args, "params");
    struct raum_handle *h = call_handle(c);
    size_t len = 0;
    const char *raw = json_is(params, JSON_ARRAY) ? json_raw(params, &len) : NULL;
    char *list = raw ? arena_copy(c->arena, raw, len) : NULL;
    struct watch *w = sql && h ? calloc(1, sizeof *w) : NULL;
    if (!w)
        return sql && h ? err_set(c->error, RAUM_ENOMEM, NULL) : c->error->code;
    w->id = (int)call_number(c, "watch");
    w->client = c->client;
    int rc = live_watch(h, sql, list, tell, w, &w->live, c->error);
    if (rc) {
        free(w);
        return rc;
    }
    w->next = c->app->watches;
    c->app->watches = w;
    return 0;
}

static int close_watch(struct call *c)
{
    int id = (int)call_number(c, "watch");
    for (struct watch **at = &c->app->watches, *w; (w = *at); at = &w->next) {
        if (w->id != id || w->client != c->client)
            continue;
        *at = w->next;
        raum_watch_free(w->live);
        free(w);
        return 0;
    }
    return 0;
}

/* [{watch, client, space, changes: [["r"], ["i", to, row], ["u", at, row], ["m", from, to],
 * ["d", from], ["n"]]}…] */
static int poll_watches(struct call *c)
{
    json_open_array(c->out);
    for (struct watch *w = c->app->watches; w; w = w->next)
        w->out = c->out;
    int rc = raum_poll(c->app->raum, c->error);
    for (struct watch *w = c->app->watches; w; w = w->next) {
        end_batch(w); /* one whose query failed on the way */
        w->out = NULL;
    }
    json_close_array(c->out);
    return rc;
}

const struct call_entry calls_life[] = {
    {"open", open_replica, CALL_CLOSED},
    {"close", close_replica, CALL_CLOSED},
    {"client.close", close_client, CALL_CLOSED},
    {"watch.open", open_watch, CALL_READ},
    {"watch.close", close_watch, CALL_READ},
    {"poll", poll_watches, CALL_READ},
    {0},
};
