#include "wasm/app.h"

#include "base/err.h"
#include "schema/rights.h"
#include <stdlib.h>
#include <string.h>

/* ---- arguments ---- */

int call_wrong(struct call *c, const char *key, const char *what)
{
    return err_at(c->error, "call", RAUM_EUSAGE, "\"%s\" %s", key, what);
}

const char *call_text(struct call *c, const char *key)
{
    const char *text = json_str(json_get(c->args, key), c->arena);
    if (!text)
        call_wrong(c, key, "has to be a text");
    return text;
}

const char *call_maybe(struct call *c, const char *key)
{
    return json_str(json_get(c->args, key), c->arena);
}

bool call_flag(struct call *c, const char *key)
{
    bool value = false;
    return json_bool(json_get(c->args, key), &value) && value;
}

int64_t call_number(struct call *c, const char *key)
{
    int64_t value = 0;
    return json_int(json_get(c->args, key), &value) ? value : 0;
}

int call_list(struct call *c, const char *key, const char *const **out, int *count)
{
    struct json_value list = json_get(c->args, key);
    *out = NULL;
    *count = -1;
    if (!list.doc || json_is(list, JSON_NULL))
        return 0;
    if (!json_is(list, JSON_ARRAY))
        return call_wrong(c, key, "has to be a list");
    const char **texts = arena_alloc(c->arena, (json_count(list) + 1) * sizeof *texts);
    if (!texts)
        return err_set(c->error, RAUM_ENOMEM, NULL);
    *count = 0;
    for (struct json_value v = json_first(list); v.doc; v = json_next(list, v)) {
        texts[*count] = json_str(v, c->arena);
        if (!texts[(*count)++])
            return call_wrong(c, key, "has to be a list of texts");
    }
    *out = texts;
    return 0;
}

/* ---- handles ---- */

struct raum_handle *call_scope(struct call *c)
{
    struct client *x = c->client;
    if (!x->scope && raum_scope_new(c->app->raum, &x->scope, c->error) != 0)
        return NULL;
    return x->scope;
}

struct raum_handle *call_own(struct call *c)
{
    struct client *x = c->client;
    if (!x->own && raum_account_new(c->app->raum, &x->own, c->error) != 0)
        return NULL;
    return x->own;
}

struct raum_handle *call_across(struct call *c)
{
    struct client *x = c->client;
    if (!x->across && raum_across_new(c->app->raum, &x->across, c->error) != 0)
        return NULL;
    return x->across;
}

struct raum_handle *call_handle(struct call *c)
{
    struct json_value scope = json_get(c->args, "scope");
    if (json_equals(scope, "across"))
        return call_across(c);
    return json_equals(scope, "own") ? call_own(c) : call_scope(c);
}

/* ---- answers ---- */

void answer_str(struct call *c, const char *key, const char *text)
{
    json_put_key(c->out, key);
    json_put_str(c->out, text);
}

void answer_int(struct call *c, const char *key, int64_t value)
{
    json_put_key(c->out, key);
    json_put_int(c->out, value);
}

void answer_flag(struct call *c, const char *key, bool value)
{
    json_put_key(c->out, key);
    json_put_bool(c->out, value);
}

void answer_id(struct call *c, const char *id)
{
    json_open_object(c->out);
    answer_str(c, "id", id);
    json_close_object(c->out);
}

void answer_value(struct json_writer *w, const struct raum_query *q, int at)
{
    size_t len = 0;
    const char *text;
    switch (raum_query_type(q, at)) {
    case RAUM_INTEGER:
        json_put_int(w, raum_query_int(q, at));
        break;
    case RAUM_REAL:
        json_put_double(w, raum_query_real(q, at));
        break;
    case RAUM_TEXT:
    case RAUM_BLOB:
        text = raum_query_text(q, at, &len);
        json_put_text(w, text ? text : "", len);
        break;
    case RAUM_NULL:
        json_put_null(w);
        break;
    }
}

void answer_row(struct json_writer *w, const struct raum_query *q)
{
    int columns = raum_query_columns(q);
    json_open_object(w);
    for (int i = 0; i < columns; i++) {
        json_put_key(w, raum_query_name(q, i));
        answer_value(w, q, i);
    }
    json_close_object(w);
}

void answer_space(struct call *c, const struct space *s)
{
    bool coming = false;
    if (session_coming(c->app->raum, s->ref, &coming, NULL) != 0)
        coming = true;
    json_open_object(c->out);
    answer_str(c, "id", s->id);
    answer_str(c, "slug", s->slug);
    answer_str(c, "name", s->name);
    answer_str(c, "type", schema_space_type_name(s->type));
    answer_str(c, "role", rights_role_name(s->role));
    answer_flag(c, "offline", s->offline);
    answer_flag(c, "ready", !coming);
    json_close_object(c->out);
}

/* ---- coming and going ---- */

static void drop_watches(struct app *app, const struct client *client)
{
    for (struct watch **at = &app->watches, *w; (w = *at);) {
        if (client && w->client != client) {
            at = &w->next;
            continue;
        }
        *at = w->next;
        raum_watch_free(w->live);
        free(w);
    }
}

static void drop_handles(struct client *x)
{
    raum_handle_free(x->scope);
    raum_handle_free(x->own);
    raum_handle_free(x->across);
    x->scope = x->own = x->across = NULL;
}

void app_client_close(struct app *app, int id)
{
    for (struct client **at = &app->clients, *x; (x = *at); at = &x->next) {
        if (x->id != id)
            continue;
        *at = x->next;
        drop_watches(app, x);
        drop_handles(x);
        free(x);
        return;
    }
}

void app_close(struct app *app)
{
    drop_watches(app, NULL);
    for (struct client *x = app->clients; x; x = x->next)
        drop_handles(x);
    session_free(app->session);
    app->session = NULL;
    media_sync_free(app->media);
    app->media = NULL;
    sse_release(&app->sse);
    if (app->joining != app->raum)
        raum_close(app->joining);
    app->joining = NULL;
    pictures_close(&app->pictures);
    raum_close(app->raum);
    app->raum = NULL;
}
