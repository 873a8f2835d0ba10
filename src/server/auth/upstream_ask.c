#define _GNU_SOURCE
#include "server/auth/upstream_ask.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define IDLE_MAX 16 /* connections that wait for the next request */
#define HEADERS_MAX 100
#define ANSWER_MAX ((size_t)4 << 20)
#define PREFIX "/api/auth"

struct asker {
    char *base;
    pthread_mutex_t mutex;
    struct client *idle[IDLE_MAX];
    int count;
};

int asker_new(struct asker **out, const char *base, struct raum_error *error)
{
    struct asker *a = *out = calloc(1, sizeof *a);
    if (a && !(a->base = strdup(base))) {
        free(a);
        a = *out = NULL;
    }
    if (!a)
        return err_set(error, RAUM_ENOMEM, NULL);
    pthread_mutex_init(&a->mutex, NULL);
    return 0;
}

void asker_free(struct asker *a)
{
    if (!a)
        return;
    while (a->count > 0)
        client_free(a->idle[--a->count]);
    pthread_mutex_destroy(&a->mutex);
    free(a->base);
    free(a);
}

static int take(struct asker *a, struct client **out, struct raum_error *error)
{
    pthread_mutex_lock(&a->mutex);
    *out = a->count > 0 ? a->idle[--a->count] : NULL;
    pthread_mutex_unlock(&a->mutex);
    return *out ? 0 : client_new(out, error);
}

static void give_back(struct asker *a, struct client *client)
{
    pthread_mutex_lock(&a->mutex);
    bool kept = a->count < IDLE_MAX;
    if (kept)
        a->idle[a->count++] = client;
    pthread_mutex_unlock(&a->mutex);
    if (!kept)
        client_free(client);
}

/* ---- headers */

static bool one_of(const char *name, const char *const *list)
{
    for (; *list; list++)
        if (strcasecmp(name, *list) == 0)
            return true;
    return false;
}

/* What belongs to one connection, and what we say ourselves. */
static bool is_ours(const char *name)
{
    static const char *const list[] = {"host",
                                       "connection",
                                       "keep-alive",
                                       "te",
                                       "trailer",
                                       "transfer-encoding",
                                       "upgrade",
                                       "proxy-connection",
                                       "proxy-authorization",
                                       "content-length",
                                       "content-type",
                                       "expect",
                                       "accept-encoding",
                                       "forwarded",
                                       "x-real-ip",
                                       NULL};
    return one_of(name, list) || strncasecmp(name, "x-forwarded-", 12) == 0;
}

static int add(struct call *c, const char **list, int *count, const char *name, const char *value)
{
    if (*count >= HEADERS_MAX)
        return err_set(&c->error, RAUM_ETOO_LARGE, "too many headers");
    list[*count] = arena_printf(c->arena, "%s: %s", name, value);
    return list[(*count)++] ? 0 : err_set(&c->error, RAUM_ENOMEM, NULL);
}

/* Who asks, and nothing else of what he sent: the first of each, which is what an answer is
 * remembered by. */
static int add_identity(struct call *c, const char **list, int *count)
{
    static const char *const names[] = {"Cookie", "Authorization", "User-Agent", NULL};
    int rc = 0;
    for (int i = 0; rc == 0 && names[i]; i++) {
        const char *value = http_header(c->http, names[i]);
        if (value)
            rc = add(c, list, count, names[i], value);
    }
    return rc ? rc : add(c, list, count, "Origin", c->server->origin);
}

static int add_whole(struct call *c, const char **list, int *count)
{
    int rc = 0;
    for (int i = 0; rc == 0 && i < c->http->header_count; i++) {
        const struct http_header *h = &c->http->headers[i];
        if (!is_ours(h->name))
            rc = add(c, list, count, h->name, h->value);
    }
    return rc;
}

static int make_headers(struct call *c, const struct ask *q, const char **list)
{
    int count = 0;
    int rc = q->whole ? add_whole(c, list, &count) : add_identity(c, list, &count);
    if (rc == 0)
        rc = add(c, list, &count, "X-Forwarded-For", call_address(c));
    if (rc == 0)
        rc = add(c, list, &count, "X-Forwarded-Proto", c->server->secure ? "https" : "http");
    if (rc == 0 && c->http->host && *c->http->host)
        rc = add(c, list, &count, "X-Forwarded-Host", c->http->host);
    list[count] = NULL;
    return rc;
}

int asker_run(struct asker *a, struct call *c, const struct ask *q, struct client_answer *answer)
{
    const char *headers[HEADERS_MAX + 1];
    struct client *client;
    *answer = (struct client_answer){0};
    char *url = arena_printf(c->arena, "%s" PREFIX "%s", a->base, q->path);
    int rc = url ? make_headers(c, q, headers) : err_set(&c->error, RAUM_ENOMEM, NULL);
    if (rc == 0)
        rc = take(a, &client, &c->error);
    if (rc)
        return rc;
    struct client_request request = {.method = q->method,
                                     .url = url,
                                     .headers = headers,
                                     .body = q->body,
                                     .body_len = q->len,
                                     .type = q->type,
                                     .timeout_ms = q->timeout_ms,
                                     .max = ANSWER_MAX,
                                     .no_redirects = true};
    rc = client_run(client, &request, answer, &c->error);
    give_back(a, client);
    return rc;
}

/* ---- passing on */

/* The path was decoded for routing; whatever is not plain is encoded again. */
static char *encode_path(struct call *c)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-._~/!$&'()*+,;=:@";
    static const char hex[] = "0123456789ABCDEF";
    const char *path = c->http->path + strlen(PREFIX), *query = c->http->query;
    char *out = arena_alloc(c->arena, 3 * strlen(path) + strlen(query) + 2), *to = out;
    if (!out)
        return NULL;
    for (; *path; path++) {
        if (strchr(plain, *path)) {
            *to++ = *path;
        } else {
            *to++ = '%';
            *to++ = hex[(unsigned char)*path >> 4];
            *to++ = hex[(unsigned char)*path & 15];
        }
    }
    if (*query)
        *to++ = '?';
    memcpy(to, query, strlen(query) + 1);
    return out;
}

int asker_copy(struct call *c, struct ask *q)
{
    bool empty = c->http->body_len == 0 && !http_header(c->http, "Content-Length");
    *q = (struct ask){.method = c->http->method,
                      .path = encode_path(c),
                      .type = http_header(c->http, "Content-Type"),
                      .body = empty ? NULL : c->http->body,
                      .len = c->http->body_len,
                      .timeout_ms = ASK_PASS_MS,
                      .whole = true};
    return q->path ? 0 : err_set(&c->error, RAUM_ENOMEM, NULL);
}

/* CORS is answered for our own origins, and the connection is ours. */
static bool is_dropped(const char *name)
{
    static const char *const list[] = {"connection",
                                       "keep-alive",
                                       "transfer-encoding",
                                       "trailer",
                                       "upgrade",
                                       "content-length",
                                       "content-encoding",
                                       "content-type",
                                       "date",
                                       "server",
                                       "x-powered-by",
                                       "access-control-allow-origin",
                                       "access-control-allow-credentials",
                                       "access-control-allow-methods",
                                       "access-control-allow-headers",
                                       "access-control-max-age",
                                       NULL};
    return one_of(name, list);
}

static int add_header(struct call *c, const char *line)
{
    const char *colon = strchr(line, ':');
    char *name = colon ? arena_copy(c->arena, line, (size_t)(colon - line)) : NULL;
    if (!colon)
        return 0;
    if (!name)
        return err_set(&c->error, RAUM_ENOMEM, NULL);
    colon++;
    colon += strspn(colon, " \t");
    return is_dropped(name) ? 0 : http_add(c->http, name, colon);
}

int asker_reply(struct call *c, const struct client_answer *answer)
{
    int rc = 0;
    for (int i = 0; rc == 0 && i < answer->header_count; i++)
        rc = add_header(c, answer->headers[i]);
    if (rc)
        return rc;
    return http_reply(c->http, answer->status, client_header(answer, "content-type", 0),
                      buf_text(&answer->body), answer->body.len);
}
