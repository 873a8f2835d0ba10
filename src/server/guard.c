#include "server/guard.h"
#include "server/auth/auth.h"
#include "server/url.h"
#include <ctype.h>
#include <string.h>
#include <strings.h>

#define HEADERS_MAX 1024 /* bytes of Access-Control-Request-Headers that are repeated */

bool guard_trusts(const struct server *s, struct arena *a, const char *url)
{
    if (url_matches(a, url, s->origin))
        return true;
    for (const char *const *one = s->options.trusted; one && *one; one++)
        if (url_matches(a, url, *one))
            return true;
    return false;
}

bool auth_url_trusted(const struct server *s, const char *url)
{
    struct arena scratch;
    arena_init(&scratch, 64 * 1024);
    bool trusted = url[0] == '/' ? url_relative(url) : guard_trusts(s, &scratch, url);
    arena_release(&scratch);
    return trusted;
}

/* Probes of a supervisor may use any name. */
static bool is_probe(const struct call *c)
{
    return strcmp(c->http->path, "/health") == 0 || strcmp(c->http->path, "/ready") == 0;
}

int guard_host(struct call *c)
{
    const char *host = c->http->host;
    if (!host || url_host_is_address(host) || is_probe(c))
        return 0;
    char *plain = arena_printf(c->arena, "http://%s", host);
    char *secure = arena_printf(c->arena, "https://%s", host);
    if (!plain || !secure)
        return RAUM_ENOMEM;
    if (guard_trusts(c->server, c->arena, plain) || guard_trusts(c->server, c->arena, secure))
        return 0;
    if (strcasecmp(host, c->server->options.host ? c->server->options.host : "") == 0)
        return 0;
    int rc = call_fail(c, 421, "NOT_ALLOWED", "This server is not known by that name");
    return rc ? rc : 1;
}

/* The Origin header if it may read our answers; else NULL. */
static const char *cors_origin(struct call *c)
{
    const char *origin = http_header(c->http, "Origin");
    return origin && guard_trusts(c->server, c->arena, origin) ? origin : NULL;
}

/* A list of header names and nothing else. */
static bool plain_list(const char *text)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)text[i]) && !strchr("-_, ", text[i]))
            return false;
    return len > 0 && len <= HEADERS_MAX;
}

int guard_preflight(struct call *c)
{
    struct http_request *q = c->http;
    const char *wanted = http_header(q, "Access-Control-Request-Headers");
    if (strcmp(q->method, "OPTIONS") != 0 || !http_header(q, "Access-Control-Request-Method"))
        return 0;
    int rc = 0;
    if (cors_origin(c)) {
        rc = http_add(q, "Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE");
        if (rc == 0 && wanted && plain_list(wanted))
            rc = http_add(q, "Access-Control-Allow-Headers", wanted);
        if (rc == 0)
            rc = http_add(q, "Access-Control-Max-Age", "600");
    }
    if (rc == 0)
        rc = http_reply(q, 204, NULL, "", 0);
    return rc ? rc : 1;
}

static int refuse(struct call *c, const char *code, const char *message)
{
    int rc = call_fail(c, 403, code, message);
    return rc ? rc : 1;
}

/* Non-empty: what the browser says the request came from. */
static const char *sender(struct call *c)
{
    const char *origin = http_header(c->http, "Origin");
    if (origin && *origin)
        return origin;
    const char *referer = http_header(c->http, "Referer");
    return referer ? referer : "";
}

static int check_sender(struct call *c)
{
    const char *from = sender(c);
    if (!*from || strcmp(from, "null") == 0)
        return refuse(c, "MISSING_OR_NULL_ORIGIN", "Missing or null Origin");
    if (!guard_trusts(c->server, c->arena, from))
        return refuse(c, "INVALID_ORIGIN", "Invalid origin");
    return 0;
}

static bool says(struct call *c, const char *name, const char *value)
{
    const char *text = http_header(c->http, name);
    return text && (value ? strcmp(text, value) == 0 : text[strspn(text, " \t")] != '\0');
}

int guard_origin(struct call *c, bool login)
{
    const char *method = c->http->method;
    if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0 || strcmp(method, "OPTIONS") == 0)
        return 0;
    if (http_header(c->http, "Cookie"))
        return check_sender(c);
    if (!login)
        return 0;
    bool fetched = says(c, "Sec-Fetch-Site", NULL) || says(c, "Sec-Fetch-Mode", NULL) ||
                   says(c, "Sec-Fetch-Dest", NULL);
    if (says(c, "Sec-Fetch-Site", "cross-site") && says(c, "Sec-Fetch-Mode", "navigate"))
        return refuse(c, "CROSS_SITE_NAVIGATION_LOGIN_BLOCKED",
                      "Cross-site navigation login blocked. This request appears to be a CSRF "
                      "attack.");
    return fetched || *sender(c) ? check_sender(c) : 0;
}

int auth_check_origin(struct call *c)
{
    return guard_origin(c, false);
}

/* One URL of the body or the query that the answer or a mail may lead to. */
static int check_callback(struct call *c, struct json_value url, const char *label,
                          const char *code)
{
    if (json_is(url, JSON_NONE) || json_is(url, JSON_NULL) || json_is(url, JSON_FALSE) ||
        json_equals(url, ""))
        return 0;
    if (!json_is(url, JSON_STRING)) {
        int rc = call_failf(c, 400, NULL, "Invalid %s: expected a string", label);
        return rc ? rc : 1;
    }
    const char *text = json_str(url, c->arena);
    if (text && auth_url_trusted(c->server, text))
        return 0;
    return refuse(c, code, arena_printf(c->arena, "Invalid %s", label));
}

int guard_callbacks(struct call *c)
{
    static const char *const names[][3] = {
        {"callbackURL", "callbackURL", "INVALID_CALLBACK_URL"},
        {"redirectTo", "redirectURL", "INVALID_REDIRECT_URL"},
        {"errorCallbackURL", "errorCallbackURL", "INVALID_ERROR_CALLBACK_URL"},
        {"newUserCallbackURL", "newUserCallbackURL", "INVALID_NEW_USER_CALLBACK_URL"},
    };
    int rc = 0;
    if (strcmp(c->http->method, "GET") == 0)
        return 0;
    for (size_t i = 0; rc == 0 && i < sizeof names / sizeof *names; i++)
        rc = check_callback(c, json_get(c->body, names[i][0]), names[i][1], names[i][2]);
    return rc;
}

static bool has_answer_header(const struct http_request *q, const char *name)
{
    for (int i = 0; i < q->out_count; i++)
        if (strcasecmp(q->out[i].name, name) == 0)
            return true;
    return false;
}

static int add_new(struct http_request *q, const char *name, const char *value)
{
    return has_answer_header(q, name) ? 0 : http_add(q, name, value);
}

/* Which of our headers a page's script may read. Better Auth names those it sets, to everybody. */
static int expose(struct call *c, bool cors)
{
    struct http_request *q = c->http;
    bool jwt = has_answer_header(q, "set-auth-jwt"), token = has_answer_header(q, "set-auth-token");
    if (jwt || token)
        return http_add(q, "Access-Control-Expose-Headers",
                        jwt && token ? "set-auth-jwt, set-auth-token"
                        : jwt        ? "set-auth-jwt"
                                     : "set-auth-token");
    if (!cors || strncmp(q->path, "/api/auth/", 10) == 0)
        return 0;
    return http_add(q, "Access-Control-Expose-Headers",
                    "Retry-After, Location, ETag, Upload-Offset, Upload-Length, Upload-Expires, "
                    "Tus-Resumable, Tus-Version, Tus-Extension, Tus-Max-Size, Upload-Metadata, "
                    "X-Request-Id, Mcp-Session-Id, WWW-Authenticate");
}

static bool is_data(const char *path)
{
    return strncmp(path, "/api/", 5) == 0 || strncmp(path, "/sync/", 6) == 0 ||
           strcmp(path, "/mcp") == 0;
}

int guard_finish(struct call *c)
{
    struct http_request *q = c->http;
    const char *origin = cors_origin(c);
    bool data = is_data(q->path);
    int rc = add_new(q, "X-Content-Type-Options", "nosniff");
    if (rc == 0 && !data)
        rc = add_new(q, "Referrer-Policy", "same-origin");
    if (rc == 0 && !data) /* for browsers that do not read the policy */
        rc = add_new(q, "X-Frame-Options", "DENY");
    if (rc == 0)
        rc = add_new(q, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
    if (rc == 0 && c->server->secure)
        rc = add_new(q, "Strict-Transport-Security", "max-age=31536000");
    if (rc == 0 && data)
        rc = add_new(q, "Vary", "Origin");
    if (rc == 0 && origin && data) {
        rc = http_add(q, "Access-Control-Allow-Origin", origin);
        if (rc == 0)
            rc = http_add(q, "Access-Control-Allow-Credentials", "true");
    }
    return rc ? rc : expose(c, origin && data);
}
