#include "server/desk.h"

#include <strings.h>

#define HEADERS_MAX 16

static void start(struct desk *d)
{
    KIT_OK(&d->kit, server_open(&d->server, &d->options, &d->kit.error));
    d->sql = d->server->sql;
}

void desk_open_with(struct desk *d, const struct server_options *more)
{
    *d = (struct desk){.options = *more};
    kit_make(&d->kit);
    d->options.data = d->kit.folder;
    d->options.host = "127.0.0.1";
    d->options.origin = DESK_ORIGIN;
    d->options.database = kit_is_postgres() ? d->kit.url : NULL;
    start(d);
}

void desk_open(struct desk *d)
{
    desk_open_with(d, &(struct server_options){0});
}

void desk_restart(struct desk *d)
{
    server_stop(d->server);
    start(d);
}

void desk_close(struct desk *d)
{
    server_stop(d->server);
    kit_close(&d->kit);
}

/* "/a?b": what the HTTP server would have made of it. */
static void aim(struct http_request *q, const char *target)
{
    char *path = arena_str(&q->arena, target), *query = strchr(path, '?');
    assert_non_null(path);
    if (query)
        *query++ = '\0';
    q->path = path;
    q->query = query ? query : "";
}

static void fill(struct http_request *q, struct http_header *h, const char *token, const char *type,
                 const char *const *headers)
{
    int n = 0;
    h[n++] = (struct http_header){"Host", "raum.test"};
    if (type)
        h[n++] = (struct http_header){"Content-Type", type};
    if (token)
        h[n++] = (struct http_header){"Authorization", arena_printf(&q->arena, "Bearer %s", token)};
    for (; headers && headers[0]; headers += 2) {
        assert_true(n < HEADERS_MAX);
        h[n++] = (struct http_header){headers[0], headers[1]};
    }
    q->headers = h;
    q->header_count = n;
}

/* An answer that is a file, read as the HTTP server would. */
static void take_file(struct http_request *q)
{
    size_t n;
    q->answer.max = (size_t)64 << 20;
    do {
        char *room = buf_room(&q->answer, 65536);
        assert_non_null(room);
        n = http_file_read(q->file, room, 65536);
        q->answer.len += n;
        room[n] = '\0';
    } while (n > 0);
    http_file_free(q->file);
    q->file = NULL;
}

void desk_send(struct desk *d, struct sql *sql, const char *method, const char *target,
               const char *token, const char *type, const void *body, size_t len,
               const char *const *headers, struct reply *r)
{
    struct http_request *q = &r->http;
    struct http_header own[HEADERS_MAX];
    memset(r, 0, sizeof *r);
    arena_init(&q->arena, (size_t)4 << 20);
    buf_init(&q->answer, (size_t)8 << 20);
    aim(q, target);
    fill(q, own, token, type, headers);
    q->id = "0123456789abcdef";
    q->method = method;
    q->host = "raum.test";
    q->peer = "127.0.0.1";
    q->body = len ? arena_copy(&q->arena, body, len) : "";
    assert_non_null(q->body);
    q->body_len = len;
    call_dispatch(d->server, sql, q);
    q->headers = NULL;
    q->header_count = 0;
    r->status = q->status;
    if (q->file)
        take_file(q);
    r->body = q->answer;
    json_init(&r->doc);
    if (r->body.len && json_parse(&r->doc, r->body.data, r->body.len, 0, NULL) == 0)
        r->json = json_root(&r->doc);
}

void desk_ask(struct desk *d, const char *method, const char *target, const char *token,
              const char *json, struct reply *r)
{
    desk_send(d, d->sql, method, target, token, json ? "application/json" : NULL, json,
              json ? strlen(json) : 0, NULL, r);
}

void desk_done(struct reply *r)
{
    json_release(&r->doc);
    buf_release(&r->body);
    arena_release(&r->http.arena);
}

const char *desk_header(const struct reply *r, const char *name)
{
    for (int i = 0; i < r->http.out_count; i++)
        if (strcasecmp(r->http.out[i].name, name) == 0)
            return r->http.out[i].value;
    return NULL;
}

const char *desk_text(const struct reply *r, const char *path)
{
    static char out[4096];
    struct json_value v = r->json;
    const char *text;
    size_t len;
    struct arena a;
    out[0] = '\0';
    while (*path && v.doc) {
        char part[64];
        size_t n = strcspn(path, ".");
        snprintf(part, sizeof part, "%.*s", (int)n, path);
        v = json_get(v, part);
        path += n + (path[n] == '.');
    }
    arena_init(&a, 1 << 20);
    if (v.doc && json_text(v, &a, &text, &len))
        snprintf(out, sizeof out, "%.*s", (int)len, text);
    arena_release(&a);
    return out;
}

static int enter(struct desk *d, const char *path, const char *json, char out[64])
{
    struct reply r;
    desk_ask(d, "POST", path, NULL, json, &r);
    int status = r.status;
    snprintf(out, 64, "%.63s", desk_text(&r, "token"));
    desk_done(&r);
    return status;
}

void desk_sign_up(struct desk *d, const char *email, char out[64])
{
    char json[512];
    snprintf(json, sizeof json, "{\"email\":\"%s\",\"password\":\"%s\",\"name\":\"Anna\"}", email,
             DESK_PASSWORD);
    assert_int_equal(enter(d, "/api/auth/sign-up/email", json, out), 200);
    assert_int_equal(strlen(out), 32);
}

int desk_sign_in(struct desk *d, const char *email, const char *password, char out[64])
{
    char json[512];
    snprintf(json, sizeof json, "{\"email\":\"%s\",\"password\":\"%s\"}", email, password);
    return enter(d, "/api/auth/sign-in/email", json, out);
}
