/* The functions that the host calls. A call's answer lies in memory until the next call. */
#include "base/err.h"
#include "wasm/app.h"
#include <stdlib.h>
#include <string.h>

#define EXPORT(name) __attribute__((export_name(#name)))
#define ARENA_MAX ((size_t)64 << 20)
#define NAME_MAX_BYTES 64

void *raum_alloc(size_t len) EXPORT(raum_alloc);
void raum_free(void *data) EXPORT(raum_free);
int raum_call(int client, const char *method, size_t method_len, const char *args, size_t len,
              const void *blob, size_t blob_len) EXPORT(raum_call);
const char *raum_answer(void) EXPORT(raum_answer);
size_t raum_answer_len(void) EXPORT(raum_answer_len);
const char *raum_bytes(void) EXPORT(raum_bytes);
size_t raum_bytes_len(void) EXPORT(raum_bytes_len);

static const struct call_entry *const tables[] = {
    calls_life, calls_rows, calls_spaces, calls_modules, calls_wardrobe,
    calls_media, calls_keys, calls_join, calls_sync, calls_media_sync,
};
static struct app app;
static struct buf answer, bytes;

void *raum_alloc(size_t len)
{
    return malloc(len ? len : 1);
}

void raum_free(void *data)
{
    free(data);
}

static const struct call_entry *find(const char *method, size_t len)
{
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (const struct call_entry *e = tables[t]; e->name; e++)
            if (strlen(e->name) == len && memcmp(e->name, method, len) == 0)
                return e;
    return NULL;
}

static struct client *client_of(int id)
{
    for (struct client *x = app.clients; x; x = x->next)
        if (x->id == id)
            return x;
    struct client *x = calloc(1, sizeof *x);
    if (x) {
        x->id = id;
        x->next = app.clients;
        app.clients = x;
    }
    return x;
}

static void put_error(const struct raum_error *error, int rc)
{
    struct json_writer w;
    buf_reset(&answer);
    buf_reset(&bytes);
    json_begin(&w, &answer);
    json_open_object(&w);
    json_put_key(&w, "code");
    json_put_str(&w, raum_code_name(rc));
    json_put_key(&w, "message");
    json_put_str(&w, error->code == rc && error->text[0] ? error->text : raum_code_text(rc));
    json_close_object(&w);
}

static int run(struct call *c, const char *method, size_t method_len, const char *args, size_t len)
{
    struct json_doc doc;
    struct json_writer w;
    const struct call_entry *e = find(method, method_len);
    if (!e)
        return err_at(c->error, "call", RAUM_EUSAGE, "no such method: %.*s",
                      method_len < NAME_MAX_BYTES ? (int)method_len : NAME_MAX_BYTES, method);
    if (e->kind != CALL_CLOSED && !app.raum)
        return err_at(c->error, "call", RAUM_EUSAGE, "nothing is open");
    json_init(&doc);
    int rc = json_parse(&doc, args, len, 0, c->error);
    if (rc == 0) {
        c->args = json_root(&doc);
        json_begin(&w, &answer);
        c->out = &w;
        rc = e->kind == CALL_ONCE && app.raum ? once_run(c, e->run) : e->run(c);
    }
    if (rc == 0 && answer.len == 0)
        json_put_null(&w);
    if (rc == 0)
        rc = buf_error(&answer, c->error);
    if (rc == 0)
        rc = buf_error(&bytes, c->error);
    json_release(&doc);
    return rc;
}

int raum_call(int client, const char *method, size_t method_len, const char *args, size_t len,
              const void *blob, size_t blob_len)
{
    struct raum_error error = {0};
    struct arena a;
    struct client *x = client_of(client);
    buf_release(&answer);
    buf_release(&bytes);
    buf_init(&answer, APP_ANSWER_MAX);
    buf_init(&bytes, APP_ANSWER_MAX);
    arena_init(&a, ARENA_MAX);
    struct call c = {.app = &app, .client = x, .blob = blob, .blob_len = blob_len, .arena = &a,
                     .bytes = &bytes, .error = &error};
    int rc = x ? run(&c, method, method_len, args, len) : err_set(&error, RAUM_ENOMEM, NULL);
    while (app.raum && app.raum->depth > 0) /* one that forgot to end it holds up no other */
        raum_rollback(app.raum);
    if (rc)
        put_error(&error, rc);
    arena_release(&a);
    return rc;
}

const char *raum_answer(void)
{
    return buf_text(&answer);
}

size_t raum_answer_len(void)
{
    return answer.len;
}

const char *raum_bytes(void)
{
    return buf_text(&bytes);
}

size_t raum_bytes_len(void)
{
    return bytes.len;
}
