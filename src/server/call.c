#include "server/call.h"
#include "server/auth/auth.h"
#include "server/auth/upstream.h"
#include "server/call_body.h"
#include "server/guard.h"
#include "server/limiter.h"
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define MESSAGE_MAX 1024
#define DAY_MS INT64_C(86400000)

/* ---- answers */

static bool under_auth(const struct call *c)
{
    return strncmp(c->http->path, "/api/auth/", 10) == 0;
}

int call_json(struct call *c, int status, const struct buf *json)
{
    int rc = buf_error(json, &c->error);
    return rc ? rc : http_reply(c->http, status, "application/json", json->data, json->len);
}

int call_text(struct call *c, int status, const char *json)
{
    return http_reply(c->http, status, "application/json", json, strlen(json));
}

int call_fail(struct call *c, int status, const char *code, const char *message)
{
    struct buf text;
    struct json_writer w;
    bool wrapped = !under_auth(c);
    buf_init(&text, 16 * MESSAGE_MAX);
    json_begin(&w, &text);
    json_open_object(&w);
    if (wrapped) {
        json_put_key(&w, "error");
        json_open_object(&w);
        json_put_key(&w, "code");
        json_put_str(&w, code ? code : "INTERNAL");
    }
    json_put_key(&w, "message");
    json_put_str(&w, message ? message : "");
    if (!wrapped && code) {
        json_put_key(&w, "code");
        json_put_str(&w, code);
    }
    if (wrapped)
        json_close_object(&w);
    json_close_object(&w);
    int rc = call_json(c, status, &text);
    buf_release(&text);
    return rc;
}

int call_failf(struct call *c, int status, const char *code, const char *fmt, ...)
{
    char text[MESSAGE_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return call_fail(c, status, code, text);
}

int call_unauthorized(struct call *c)
{
    if (under_auth(c))
        return call_fail(c, 401, "UNAUTHORIZED", "Unauthorized");
    return call_fail(c, 401, "UNAUTHORIZED", "Sign in first");
}

/* What a result means to who asked; 500 for all that is our own affair. */
static int status_of(int result)
{
    switch (result) {
    case RAUM_EBAD_JSON:
    case RAUM_EUSAGE:
    case RAUM_EBAD_CHANGE:
    case RAUM_EUNKNOWN_TABLE:
    case RAUM_ESPACE_METADATA_INVALID:
        return 400;
    case RAUM_ENOT_ALLOWED:
    case RAUM_EIMMUTABLE_FIELD:
    case RAUM_ECONSENT_REQUIRED:
    case RAUM_ESPACE_PERSONAL_UNDELETABLE:
    case RAUM_ELAST_OWNER:
    case RAUM_EMODULE_NOT_IN_SPACE:
        return 403;
    case RAUM_ENOT_FOUND:
        return 404;
    case RAUM_EEXISTS:
    case RAUM_ECLOCK_AHEAD:
        return 409;
    case RAUM_ETOO_LARGE:
        return 413;
    case RAUM_EUNSUPPORTED_MEDIA:
        return 415;
    case RAUM_ERATE_LIMITED:
        return 429;
    case RAUM_EPROVIDER_FAILED:
        return 502;
    case RAUM_EUNREACHABLE:
    case RAUM_EBUSY:
    case RAUM_ELIMIT:
    case RAUM_ENOMEM:
    case RAUM_ENOT_CONFIGURED:
        return 503;
    default:
        return 500;
    }
}

int call_error(struct call *c, int result)
{
    int status = status_of(result), rc = 0;
    if (status == 500) {
        NET_LOG(c->server->options.log, LOG_ERROR, "failed", {"id", c->http->id, 0},
                {"code", raum_code_name(result), 0}, {"text", c->error.text, 0});
        return call_fail(c, 500, "INTERNAL_SERVER_ERROR", "Internal Server Error");
    }
    if (status == 503)
        rc = http_add(c->http, "Retry-After", "1");
    if (rc)
        return rc;
    const char *text =
        c->error.code == result && c->error.text[0] ? c->error.text : raum_code_text(result);
    if (status == 502 || status == 503)
        text = raum_code_text(result); /* the rest is about our own machine */
    return call_fail(c, status, raum_code_name(result), text);
}

/* ---- parts */

const char *call_str(struct call *c, const char *key)
{
    return json_str(json_get(c->body, key), c->arena);
}

bool call_bool(struct call *c, const char *key, bool otherwise)
{
    bool value;
    return json_bool(json_get(c->body, key), &value) ? value : otherwise;
}

bool call_has(const struct call *c, const char *key)
{
    return !json_is(json_get(c->body, key), JSON_NONE);
}

int call_need_param(struct call *c, const char *name, const char **out)
{
    *out = http_param(c->http, name);
    if (*out)
        return 0;
    int rc = call_failf(c, 400, "VALIDATION_ERROR",
                        "[query.%s] Invalid input: expected string, received undefined", name);
    return rc ? rc : 1;
}

char *call_random(struct call *c, int length)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    char *out = arena_alloc(c->arena, (size_t)length + 1);
    for (int i = 0; out && i < length;) {
        unsigned char bytes[64];
        c->server->env->random(c->server->env->ctx, bytes, sizeof bytes);
        for (size_t k = 0; k < sizeof bytes && i < length; k++)
            if (bytes[k] < 248) /* 4 × 62: each letter as likely as the others */
                out[i++] = letters[bytes[k] % 62];
    }
    if (out)
        out[length] = '\0';
    return out;
}

int64_t call_now(const struct call *c)
{
    return c->server->env->now_ms(c->server->env->ctx);
}

static char *put_digits(char *out, int64_t value, int count)
{
    for (int i = count - 1; i >= 0; i--, value /= 10)
        out[i] = (char)('0' + value % 10);
    return out + count;
}

/* Ten of these stand in every answer about a session: without the C library's care for calendars.
 * Days since 1970 to year, month, day by the well-known arithmetic over 400 years of 146,097. */
void call_put_time(struct json_writer *w, int64_t ms)
{
    char text[32], *p = text;
    int64_t days = ms / DAY_MS - (ms % DAY_MS < 0), rest = ms - days * DAY_MS;
    int64_t shifted = days + 719468; /* since the first of March of the year 0 */
    int64_t era = (shifted < 0 ? shifted - 146096 : shifted) / 146097;
    int64_t doe = shifted - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    int64_t month = mp < 10 ? mp + 3 : mp - 9, year = yoe + era * 400 + (month <= 2);
    if (year < 0 || year > 9999) {
        json_put_null(w);
        return;
    }
    p = put_digits(p, year, 4);
    *p++ = '-';
    p = put_digits(p, month, 2);
    *p++ = '-';
    p = put_digits(p, doy - (153 * mp + 2) / 5 + 1, 2);
    *p++ = 'T';
    p = put_digits(p, rest / 3600000, 2);
    *p++ = ':';
    p = put_digits(p, rest / 60000 % 60, 2);
    *p++ = ':';
    p = put_digits(p, rest / 1000 % 60, 2);
    *p++ = '.';
    p = put_digits(p, rest % 1000, 3);
    *p++ = 'Z';
    json_put_text(w, text, (size_t)(p - text));
}

/* The last of a list "a, b, c": what the nearest proxy wrote; those before it anybody may claim. */
static const char *last_of(struct arena *a, const char *list)
{
    const char *comma = strrchr(list, ',');
    const char *from = comma ? comma + 1 : list;
    from += strspn(from, " \t");
    return arena_copy(a, from, strcspn(from, " \t"));
}

const char *call_address(struct call *c)
{
    unsigned char bytes[16];
    const char *peer = c->http->peer ? c->http->peer : "";
    bool local = strncmp(peer, "127.", 4) == 0 || strcmp(peer, "::1") == 0;
    const char *forwarded = local ? http_header(c->http, "X-Forwarded-For") : NULL;
    if (forwarded && strlen(forwarded) < 1024) {
        const char *last = last_of(c->arena, forwarded);
        if (last && strncasecmp(last, "::ffff:", 7) == 0 && strchr(last, '.'))
            last += 7;
        if (last && (inet_pton(AF_INET, last, bytes) == 1 || inet_pton(AF_INET6, last, bytes) == 1))
            return last;
    }
    return peer;
}

/* ---- dispatch */

/* Who counts together: an IPv4 address, or the /64 that a household or a host has of IPv6. */
static const char *limit_key(struct call *c)
{
    unsigned char bytes[16];
    const char *address = call_address(c);
    if (inet_pton(AF_INET6, address, bytes) != 1)
        return address;
    return arena_printf(c->arena, "%02x%02x:%02x%02x:%02x%02x:%02x%02x", bytes[0], bytes[1],
                        bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7]);
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* Better Auth's rules for its own paths (`path` behind /api/auth); the rest has the default. */
static struct limiter_rule rule_of(const char *path)
{
    if (begins(path, "/sign-in") || begins(path, "/sign-up") || begins(path, "/change-password") ||
        begins(path, "/change-email"))
        return (struct limiter_rule){10 * 1000, 3};
    if (strcmp(path, "/request-password-reset") == 0 ||
        strcmp(path, "/send-verification-email") == 0)
        return (struct limiter_rule){60 * 1000, 3};
    return (struct limiter_rule){10 * 1000, 100};
}

static int check_limit(struct call *c)
{
    const char *path = c->http->path, *key = limit_key(c);
    if (!c->server->options.limits || !c->server->limiter || !under_auth(c))
        return 0;
    if (!key)
        return RAUM_ENOMEM;
    size_t len = strlen(path);
    while (len > 10 && path[len - 1] == '/')
        len--;
    const char *kind = arena_copy(c->arena, path + 9, len - 9);
    if (!kind)
        return RAUM_ENOMEM;
    struct limiter_rule rule = rule_of(kind);
    int wait = limiter_take(c->server->limiter, kind, key, &rule);
    if (!wait)
        return 0;
    int rc = http_addf(c->http, "X-Retry-After", "%d", wait);
    if (rc == 0)
        rc = http_addf(c->http, "Retry-After", "%d", wait);
    if (rc == 0)
        rc = call_fail(c, 429, NULL, "Too many requests. Please try again later.");
    return rc ? rc : 1;
}

/* HEAD is a GET whose body is not sent; Better Auth has none. */
static bool method_fits(const struct call *c, const struct route *r)
{
    return strcmp(r->method, c->http->method) == 0 ||
           (strcmp(c->http->method, "HEAD") == 0 && strcmp(r->method, "GET") == 0 &&
            !under_auth(c));
}

/* The pages' "/" is no answer to a program that asks for data. */
static bool prefix_fits(const char *path, const struct route *r)
{
    size_t len = strlen(r->path);
    if (!begins(path, r->path) || (begins(path, "/api/") && !begins(r->path, "/api/")))
        return false;
    return path[len] == '\0' || path[len] == '/' || (len && r->path[len - 1] == '/');
}

/* An exact route wins over a prefix, a longer prefix over a shorter one. *other: the path exists
 * with another method. */
static const struct route *find_route(const struct call *c, bool *other)
{
    const char *path = c->http->path;
    const struct route *best = NULL;
    for (const struct route *const *table = server_routes; *table; table++) {
        for (const struct route *r = *table; r->run; r++) {
            if (r->flags & ROUTE_PREFIX) {
                if (prefix_fits(path, r) && method_fits(c, r) &&
                    (!best || strlen(r->path) > strlen(best->path)))
                    best = r;
            } else if (strcmp(path, r->path) == 0) {
                if (method_fits(c, r))
                    return r;
                *other = true;
            }
        }
    }
    return best;
}

/* The methods that the path does take. */
static int put_allowed(struct call *c)
{
    struct buf list;
    buf_init(&list, 256);
    for (const struct route *const *table = server_routes; *table; table++)
        for (const struct route *r = *table; r->run; r++)
            if (!(r->flags & ROUTE_PREFIX) && strcmp(c->http->path, r->path) == 0)
                buf_printf(&list, "%s%s", list.len ? ", " : "", r->method);
    int rc = http_add(c->http, "Allow", buf_text(&list));
    buf_release(&list);
    return rc;
}

static int no_route(struct call *c, bool other)
{
    if (begins(c->http->path, "/api/auth"))
        return http_reply(c->http, 404, NULL, "", 0); /* as Better Auth: nothing at all */
    if (other && put_allowed(c) == 0)
        return call_fail(c, 405, "NOT_ALLOWED", "This path takes another method");
    return call_fail(c, 404, "NOT_FOUND", raum_code_text(RAUM_ENOT_FOUND));
}

static int run_route(struct call *c)
{
    bool login = c->route->flags & ROUTE_LOGIN;
    int rc = c->route->flags & ROUTE_RAW ? 0 : call_body_read(c);
    if (rc == 0)
        rc = guard_origin(c, false);
    if (rc == 0 && under_auth(c))
        rc = guard_callbacks(c);
    if (rc == 0 && !(c->route->flags & ROUTE_RAW))
        rc = call_body_check(c);
    if (rc == 0 && login)
        rc = guard_origin(c, true);
    if (rc == 0 && (c->route->flags & ROUTE_SESSION)) {
        rc = auth_session(c);
        if (rc == 0 && !c->session) {
            rc = call_unauthorized(c);
            rc = rc ? rc : 1;
        }
    }
    return rc ? rc : c->route->run(c);
}

static void set_rest(struct call *c)
{
    const char *rest = c->http->path + strlen(c->route->path);
    c->rest = rest + (*rest == '/');
}

static int answer(struct call *c)
{
    bool other = false;
    int rc = guard_host(c);
    if (rc == 0)
        rc = guard_preflight(c);
    if (rc == 0)
        rc = check_limit(c);
    if (rc)
        return rc;
    if (c->server->upstream && under_auth(c))
        return upstream_pass(c);
    c->route = find_route(c, &other);
    if (!c->route)
        return no_route(c, other);
    if (c->route->flags & ROUTE_PREFIX)
        set_rest(c);
    return run_route(c);
}

void call_dispatch(struct server *s, struct sql *sql, struct http_request *q)
{
    struct call *c = q->later;
    bool again = c != NULL;
    int rc;
    q->later = NULL;
    if (!again) {
        c = arena_alloc(&q->arena, sizeof *c);
        if (!c)
            return; /* the server says 500 */
        *c = (struct call){.server = s, .http = q, .arena = &q->arena, .rest = ""};
        json_init(&c->doc);
    }
    c->sql = sql;
    rc = again ? c->later(c) : answer(c);
    if (rc == CALL_LATER) {
        q->later = c;
        return;
    }
    if (rc < 0)
        rc = call_error(c, rc);
    if (rc >= 0)
        rc = guard_finish(c);
    if (rc < 0) /* no memory even for that: the server says 500 */
        q->status = 0;
    json_release(&c->doc);
}
