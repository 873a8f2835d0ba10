#include "tools/tools.h"
#include "base/base64.h"
#include "schema/schema.h"
#include "tools/inside.h"
#include "tools/json_schema.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct tool *tools_find(const char *name)
{
    for (const struct tool *t = tools_all; t->name; t++)
        if (strcmp(t->name, name) == 0)
            return t;
    return NULL;
}

/* ---- what is allowed (G-A5) ---- */

const struct tool_grant tool_grant_person = {.all_writes = true};

static bool named(const struct tool_grant *g, const char *name)
{
    for (int i = 0; g && i < g->count; i++)
        if (strcmp(g->names[i], name) == 0)
            return true;
    return false;
}

bool tools_granted(const struct tool *t, const struct tool_grant *g)
{
    if (t->scope == TOOL_ADMIN)
        return false;
    switch (t->policy) {
    case TOOL_READ:
        return true;
    case TOOL_WRITE:
        return g && !g->read_only && (g->all_writes || named(g, t->name));
    case TOOL_DESTRUCTIVE:
        return g && !g->read_only && named(g, t->name);
    }
    return false;
}

static bool has_module(const struct tool *t, const struct raum_handle *h)
{
    return !h || !t->table || scope_has(h, schema_table(t->table));
}

bool tools_offered(const struct tool *t, const struct tool_grant *g, const struct raum_handle *h)
{
    return tools_granted(t, g) && has_module(t, h);
}

/* ---- hooks ---- */

bool tool_cancelled(const struct tool_call *call)
{
    return call->hooks.cancelled && call->hooks.cancelled(call->hooks.ctx);
}

void tool_progress(const struct tool_call *call, double done, double total, const char *text)
{
    if (call->hooks.progress)
        call->hooks.progress(call->hooks.ctx, done, total, text);
}

/* ---- content blocks ---- */

void tool_link(struct tool_result *result, const char *uri, const char *name, const char *type)
{
    struct json_writer *w = result->more;
    json_open_object(w);
    json_put_key(w, "type");
    json_put_str(w, "resource_link");
    json_put_key(w, "uri");
    json_put_str(w, uri);
    json_put_key(w, "name");
    json_put_str(w, *name ? name : uri);
    if (!strchr(type, '*')) {
        json_put_key(w, "mimeType");
        json_put_str(w, type);
    }
    json_close_object(w);
}

/* Base64 with padding, as JSON has it. */
void tool_put_base64(struct json_writer *w, const void *data, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *at = data;
    struct buf text;
    buf_init(&text, TOOL_JSON_MAX);
    char *out = buf_room(&text, (len + 2) / 3 * 4 + 2);
    size_t n = 0;
    if (out) {
        out[n++] = '"';
        for (; len; at += 3) {
            unsigned v = (unsigned)at[0] << 16 | (len > 1 ? (unsigned)at[1] << 8 : 0) |
                         (len > 2 ? at[2] : 0);
            out[n++] = digits[v >> 18];
            out[n++] = digits[v >> 12 & 63];
            out[n++] = len > 1 ? digits[v >> 6 & 63] : '=';
            out[n++] = len > 2 ? digits[v & 63] : '=';
            len -= len < 3 ? len : 3;
        }
        out[n++] = '"';
        json_put_raw(w, out, n);
    } else {
        json_put_null(w);
    }
    buf_release(&text);
}

int tool_thumbnail(struct tool_call *call, struct tool_result *result, const char *media,
                   struct raum_error *error)
{
    void *data = NULL;
    size_t len = 0;
    const char *type = NULL;
    struct json_writer *w = result->more;
    if (!call->media || tool_cancelled(call))
        return 0;
    int rc = tool_media_may(call, media, error);
    if (rc == 0)
        rc = call->media->read(call->media->ctx, call, media, MEDIA_THUMB, &data, &len, &type,
                               error);
    if (rc == RAUM_ENOT_FOUND || rc == RAUM_ECONSENT_REQUIRED) {
        err_clear(error);
        return 0;
    }
    if (rc)
        return rc;
    json_open_object(w);
    json_put_key(w, "type");
    json_put_str(w, "image");
    json_put_key(w, "data");
    tool_put_base64(w, data, len);
    json_put_key(w, "mimeType");
    json_put_str(w, type);
    json_close_object(w);
    free(data);
    return 0;
}

/* ---- the rate ---- */

#define RATES_MAX 4096

struct rate {
    unsigned char key[16]; /* digest of actor and tool */
    int64_t used;
    int64_t at[TOOL_RATE]; /* a ring of the last calls */
    int next, count;
};
struct tool_rates {
    struct rate *list;
    int count, cap;
};

int tool_rates_new(struct tool_rates **out, struct raum_error *error)
{
    *out = calloc(1, sizeof **out);
    return *out ? 0 : err_set(error, RAUM_ENOMEM, NULL);
}

void tool_rates_free(struct tool_rates *rates)
{
    if (!rates)
        return;
    free(rates->list);
    free(rates);
}

/* FNV-1a, twice: a name for a table in memory, nothing that has to withstand anybody but chance. */
static void rate_key(const char *actor, const char *tool, unsigned char out[16])
{
    uint64_t a = 14695981039346656037u, b = 1099511628211u;
    for (const char *const *part = (const char *const[]){actor, "\n", tool, NULL}; *part; part++)
        for (const char *at = *part; *at; at++) {
            a = (a ^ (unsigned char)*at) * 1099511628211u;
            b = (b + (unsigned char)*at) * 6364136223846793005u + 1442695040888963407u;
        }
    memcpy(out, &a, 8);
    memcpy(out + 8, &b, 8);
}

static struct rate *rate_find(struct tool_rates *rates, const unsigned char key[16])
{
    struct rate *oldest = NULL;
    for (int i = 0; i < rates->count; i++) {
        struct rate *r = &rates->list[i];
        if (memcmp(r->key, key, 16) == 0)
            return r;
        if (!oldest || r->used < oldest->used)
            oldest = r;
    }
    if (rates->count == rates->cap && rates->cap < RATES_MAX) {
        int cap = rates->cap ? 2 * rates->cap : 16;
        struct rate *list = realloc(rates->list, (size_t)cap * sizeof *list);
        if (list) {
            rates->list = list;
            rates->cap = cap;
        }
    }
    struct rate *fresh = rates->count < rates->cap ? &rates->list[rates->count++] : oldest;
    if (fresh) {
        memset(fresh, 0, sizeof *fresh);
        memcpy(fresh->key, key, 16);
    }
    return fresh;
}

int tool_rates_take(struct tool_rates *rates, const char *actor, const char *tool, int64_t now_ms,
                    int *wait, struct raum_error *error)
{
    unsigned char key[16];
    rate_key(actor, tool, key);
    struct rate *r = rate_find(rates, key);
    *wait = 0;
    if (!r)
        return err_set(error, RAUM_ENOMEM, NULL);
    r->used = now_ms;
    /* The oldest of the last thirty; a clock that went back does not lock anybody out. */
    int64_t age = now_ms - r->at[r->next];
    if (r->count == TOOL_RATE && age >= 0 && age < TOOL_RATE_MS) {
        *wait = (int)((TOOL_RATE_MS - age + 999) / 1000);
        return err_at(error, "tools", RAUM_ERATE_LIMITED, "%d calls a minute; again in %d seconds",
                      TOOL_RATE, *wait);
    }
    r->at[r->next] = now_ms;
    r->next = (r->next + 1) % TOOL_RATE;
    if (r->count < TOOL_RATE)
        r->count++;
    return 0;
}

/* ---- a call ---- */

static int check(const char *schema, struct json_value value, struct raum_error *error)
{
    struct json_doc doc;
    json_init(&doc);
    int rc = json_parse(&doc, schema, strlen(schema), 0, error);
    rc = rc ? RAUM_EINTERNAL : json_schema_check(json_root(&doc), value, error);
    json_release(&doc);
    return rc;
}

/* No arguments are as an empty object. */
static int check_arguments(const struct tool *t, struct json_value args, struct raum_error *error)
{
    static const char empty[] = "{}";
    struct json_doc doc;
    if (args.doc)
        return check(t->input, args, error);
    json_init(&doc);
    int rc = json_parse(&doc, empty, 2, 0, error);
    if (rc == 0)
        rc = check(t->input, json_root(&doc), error);
    json_release(&doc);
    return rc;
}

static int check_result(const struct tool *t, const struct buf *json, struct raum_error *error)
{
    struct json_doc doc;
    struct raum_error why = {0};
    json_init(&doc);
    int rc = json_parse(&doc, buf_text(json), json->len, 0, &why);
    if (rc == 0)
        rc = check(t->output, json_root(&doc), &why);
    json_release(&doc);
    return rc ? err_at(error, "tools", RAUM_EINTERNAL, "%s gave what it should not: %.200s",
                       t->name, why.text)
              : 0;
}

static int run(const struct tool *t, struct tool_call *call, struct json_value args,
               struct buf *json, struct buf *more, struct raum_error *error)
{
    struct json_writer out, blocks;
    struct tool_result result = {&out, &blocks};
    struct buf list;
    buf_init(&list, TOOL_JSON_MAX);
    json_begin(&out, json);
    json_begin(&blocks, &list);
    json_open_array(&blocks);
    int rc = t->run(call, args, &result, error);
    if (rc == 0 && tool_cancelled(call))
        rc = err_set(error, RAUM_EINTERRUPTED, NULL);
    if (rc == 0) {
        json_close_array(&blocks);
        rc = buf_error(json, error);
    }
    if (rc == 0)
        rc = buf_error(&list, error);
    if (rc == 0)
        rc = check_result(t, json, error);
    if (rc == 0) {
        buf_add(more, buf_text(&list) + 1, list.len - 2);
        rc = buf_error(more, error);
    }
    buf_release(&list);
    if (rc)
        buf_reset(json);
    return rc;
}

static int pass(const struct tool *t, struct tool_call *call, const struct tool_gate *gate,
                const char *name, struct json_value args, struct raum_error *error)
{
    int wait;
    if (!t || t->scope == TOOL_ADMIN || !has_module(t, call->scope))
        return err_at(error, "tools", RAUM_ENOT_FOUND, "no such tool: %.100s", name);
    if (!tools_granted(t, gate->grant))
        return err_at(error, "tools", RAUM_ENOT_ALLOWED, "%s was not granted", t->name);
    int rc = gate->rates ? tool_rates_take(gate->rates, call->actor, t->name,
                                           call->env->now_ms(call->env->ctx), &wait, error)
                         : 0;
    return rc ? rc : check_arguments(t, args, error);
}

static void tell(const struct tool *t, struct tool_call *call, const struct tool_gate *gate,
                 struct json_value args, int rc, int64_t began)
{
    unsigned char sum[16];
    char digest[TOOL_DIGEST];
    size_t len;
    const char *raw = json_raw(args, &len);
    if (!gate->log || !t)
        return;
    call->env->hash(call->env->ctx, sum, sizeof sum, raw ? raw : "{}", raw ? len : 2, NULL);
    hex_put(digest, sum, sizeof sum);
    const struct tool_logged entry = {.actor = call->actor,
                                      .run = call->run,
                                      .tool = t->name,
                                      .digest = digest,
                                      .outcome = rc ? raum_code_name(rc) : "ok",
                                      .policy = t->policy,
                                      .at = began,
                                      .took_ms = call->env->now_ms(call->env->ctx) - began};
    gate->log(gate->log_ctx, &entry);
}

int tools_call(struct tool_call *call, const struct tool_gate *gate, const char *name,
               struct json_value args, struct buf *json, struct buf *more, struct raum_error *error)
{
    const struct tool *t = tools_find(name);
    int64_t began = call->env->now_ms(call->env->ctx);
    int rc = pass(t, call, gate, name, args, error);
    if (rc == 0)
        rc = run(t, call, args, json, more, error);
    tell(t, call, gate, args, rc, began);
    return rc;
}
