/* What every call goes through: Host, CORS, origins, limits, bodies, errors in the shape of the
 * path; and that the description of our routes is one of all routes and of no others. */
#include "server/auth/auth.h"
#include "server/desk.h"
#include "server/limiter.h"

#include <strings.h>
#include <time.h>

static struct desk desk;

static int set_up(void **state)
{
    static const char *const trusted[] = {"https://app.example", "https://*.apps.example", NULL};
    (void)state;
    desk_open(&desk);
    desk.server->options.trusted = trusted;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    desk_close(&desk);
    return 0;
}

struct ask {
    const char *method, *target, *host, *peer, *type, *body;
    const char *headers[16]; /* name, value, …, NULL */
};

static void ask(const struct ask *a, struct reply *r)
{
    struct http_request *q = &r->http;
    struct http_header headers[10];
    int n = 0;
    memset(r, 0, sizeof *r);
    arena_init(&q->arena, (size_t)4 << 20);
    buf_init(&q->answer, (size_t)8 << 20);
    for (int i = 0; a->headers[i]; i += 2)
        headers[n++] = (struct http_header){a->headers[i], a->headers[i + 1]};
    if (a->type || a->body)
        headers[n++] = (struct http_header){"Content-Type", a->type ? a->type : "application/json"};
    char *path = arena_str(&q->arena, a->target), *query = strchr(path, '?');
    if (query)
        *query++ = '\0';
    q->id = "0123456789abcdef";
    q->method = a->method ? a->method : "GET";
    q->path = path;
    q->query = query ? query : "";
    q->host = a->host ? a->host : "raum.test";
    q->peer = a->peer ? a->peer : "127.0.0.1";
    q->headers = headers;
    q->header_count = n;
    q->body = a->body ? a->body : "";
    q->body_len = strlen(q->body);
    call_dispatch(desk.server, desk.sql, q);
    q->headers = NULL;
    q->header_count = 0;
    r->status = q->status;
    r->body = q->answer;
    json_init(&r->doc);
    if (r->body.len && json_parse(&r->doc, r->body.data, r->body.len, 0, NULL) == 0)
        r->json = json_root(&r->doc);
}

static int status(const struct ask *a)
{
    struct reply r;
    ask(a, &r);
    int got = r.status;
    desk_done(&r);
    return got;
}

/* Only for what has a header of that value; NULL: has not got it. */
static void header_is(const struct ask *a, const char *name, const char *wanted)
{
    struct reply r;
    ask(a, &r);
    const char *got = desk_header(&r, name);
    if (!wanted ? got != NULL : !got || strcmp(got, wanted) != 0)
        fail_msg("%s: %s is %s", a->target, name, got ? got : "absent");
    desk_done(&r);
}

static void body_is(const struct ask *a, int wanted, const char *body)
{
    struct reply r;
    ask(a, &r);
    assert_int_equal(r.status, wanted);
    assert_string_equal(buf_text(&r.body), body);
    desk_done(&r);
}

/* ---- Host */

static void test_host(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        int status;
    } cases[] = {
        {"raum.test", 200},         {"app.example", 200},    {"x.apps.example", 200},
        {"127.0.0.1:7117", 200},    {"localhost:7117", 200}, {"[::1]:7117", 200},
        {"192.168.1.2", 200},       {"evil.example", 421},   {"raum.test:81", 421},
        {"raum.test.evil", 421},    {"apps.example", 421},   {"127.0.0.1.evil", 421},
        {"evil.example:7117", 421}, {"x@raum.test", 421},    {"", 421},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct ask a = {.target = "/api/auth/ok", .host = cases[i].host};
        if (status(&a) != cases[i].status)
            fail_msg("%s", cases[i].host);
    }
    /* A supervisor's probe may use any name. */
    assert_int_equal(status(&(struct ask){.target = "/health", .host = "pod-17"}), 200);
    assert_int_equal(status(&(struct ask){.target = "/ready", .host = "pod-17"}), 200);
    assert_int_equal(status(&(struct ask){.target = "/metrics", .host = "pod-17"}), 421);
}

/* ---- CORS */

static void test_cors(void **state)
{
    (void)state;
    const struct ask good = {.target = "/api/auth/ok",
                             .headers = {"Origin", "https://app.example"}};
    header_is(&good, "Access-Control-Allow-Origin", "https://app.example");
    header_is(&good, "Access-Control-Allow-Credentials", "true");
    header_is(&good, "Vary", "Origin");
    const struct ask wild = {.target = "/api/v1/spaces",
                             .headers = {"Origin", "https://b.apps.example"}};
    header_is(&wild, "Access-Control-Allow-Origin", "https://b.apps.example");
    static const char *const bad[] = {"https://evil.example",    "null",
                                      "http://app.example",      "https://app.example.evil",
                                      "https://app.example:444", ""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const struct ask a = {.target = "/api/auth/ok", .headers = {"Origin", bad[i]}};
        header_is(&a, "Access-Control-Allow-Origin", NULL);
        header_is(&a, "Access-Control-Allow-Credentials", NULL);
    }
    /* Pages are nobody's data. */
    const struct ask page = {.target = "/", .headers = {"Origin", "https://app.example"}};
    header_is(&page, "Access-Control-Allow-Origin", NULL);
}

static void test_preflight(void **state)
{
    (void)state;
    struct ask a = {.method = "OPTIONS",
                    .target = "/api/auth/sign-in/email",
                    .headers = {"Origin", "https://app.example", "Access-Control-Request-Method",
                                "POST", "Access-Control-Request-Headers",
                                "content-type,authorization"}};
    assert_int_equal(status(&a), 204);
    header_is(&a, "Access-Control-Allow-Origin", "https://app.example");
    header_is(&a, "Access-Control-Allow-Credentials", "true");
    header_is(&a, "Access-Control-Allow-Headers", "content-type,authorization");
    header_is(&a, "Content-Type", NULL);
    a.headers[1] = "https://evil.example";
    header_is(&a, "Access-Control-Allow-Origin", NULL);
    header_is(&a, "Access-Control-Allow-Methods", NULL);
    a.headers[1] = "https://app.example";
    a.headers[5] = "x-a\r\nx-b: 1";
    header_is(&a, "Access-Control-Allow-Headers", NULL);
    /* Without a method asked for it is no preflight, and Better Auth knows no OPTIONS. */
    a.headers[2] = NULL;
    body_is(&a, 404, "");
}

static void test_security_headers(void **state)
{
    (void)state;
    static const char *const paths[] = {"/", "/api/auth/ok", "/api/auth/nope", "/health", "/nope"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        const struct ask a = {.target = paths[i]};
        struct reply r;
        header_is(&a, "X-Content-Type-Options", "nosniff");
        bool data = strncmp(paths[i], "/api/", 5) == 0;
        header_is(&a, "X-Frame-Options", data ? NULL : "DENY");
        header_is(&a, "Strict-Transport-Security", NULL);
        ask(&a, &r);
        assert_true(data || desk_header(&r, "Referrer-Policy"));
        assert_non_null(strstr(desk_header(&r, "Content-Security-Policy"), "frame-ancestors"));
        desk_done(&r);
    }
}

/* ---- routes */

static void test_routes(void **state)
{
    (void)state;
    static const char *const unknown[] = {"/api/auth/nope",         "/api/auth",     "/api/auth/",
                                          "/api/auth/ok/",          "/api/auth//ok", "/api/auth/OK",
                                          "/api/auth/sign-in/email"};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        const struct ask a = {.target = unknown[i]};
        body_is(&a, 404, "");
        header_is(&a, "Content-Type", NULL);
    }
    body_is(&(struct ask){.target = "/api/auth/ok", .method = "HEAD"}, 404, "");
    body_is(&(struct ask){.target = "/api/auth/ok", .method = "POST", .body = "{}"}, 404, "");
    body_is(&(struct ask){.target = "/api/auth/ok", .method = "PUT"}, 404, "");
    body_is(&(struct ask){.target = "/api/v1/nope"}, 404,
            "{\"error\":{\"code\":\"NOT_FOUND\",\"message\":\"not found\"}}");
    assert_int_equal(status(&(struct ask){.target = "/health", .method = "POST"}), 405);
    assert_int_equal(status(&(struct ask){.target = "/health", .method = "HEAD"}), 200);
    body_is(&(struct ask){.target = "/api/v1/spaces"}, 401,
            "{\"error\":{\"code\":\"UNAUTHORIZED\",\"message\":\"Sign in first\"}}");
    body_is(&(struct ask){.target = "/health"}, 200, "{\"ok\":true}");
    body_is(&(struct ask){.target = "/api/auth/ok"}, 200, "{\"ok\":true}");
}

static void test_metrics(void **state)
{
    (void)state;
    struct reply r;
    char token[64];
    desk_sign_up(&desk, "anna@example.org", token);
    ask(&(struct ask){.target = "/metrics"}, &r);
    assert_int_equal(r.status, 200);
    assert_non_null(strstr(buf_text(&r.body), "\nraum_accounts 1\n"));
    assert_non_null(strstr(buf_text(&r.body), "\nraum_sessions 1\n"));
    assert_non_null(strstr(buf_text(&r.body), "\nraum_spaces 1\n"));
    assert_null(strstr(buf_text(&r.body), token));
    desk_done(&r);
}

static void test_error_page(void **state)
{
    (void)state;
    struct reply r;
    ask(&(struct ask){.target = "/api/auth/error?error=INVALID_TOKEN"}, &r);
    assert_string_equal(desk_header(&r, "Content-Type"), "text/html");
    assert_non_null(strstr(buf_text(&r.body), "INVALID_TOKEN"));
    desk_done(&r);
    ask(&(struct ask){.target = "/api/auth/error?error=%3Cscript%3Ealert(1)%3C/script%3E"}, &r);
    assert_null(strstr(buf_text(&r.body), "script"));
    assert_non_null(strstr(buf_text(&r.body), "UNKNOWN"));
    desk_done(&r);
}

/* ---- bodies */

static void test_bodies(void **state)
{
    (void)state;
#define IN "/api/auth/sign-in/email"
    static const struct {
        const char *type, *body, *message;
        int status;
    } cases[] = {
        {"application/json", "", "[body] Invalid input: expected object, received undefined", 400},
        {"application/json", "null", "[body] Invalid input: expected object, received null", 400},
        {"application/json", "true", "[body] Invalid input: expected object, received boolean",
         400},
        {"application/json", "{", "Invalid JSON in request body", 400},
        {"application/json", "{\"a\":1,}", "Invalid JSON in request body", 400},
        {"application/json", "{\"email\":\"a\",\"email\":\"b\"}", "Invalid JSON in request body",
         400},
        {"application/json", "{\"email\":\"\\ud800\"}", "Invalid JSON in request body", 400},
        {"application/json", "\xff", "Invalid JSON in request body", 400},
        {"application/JSON ; charset=utf-8", "{}",
         "[body.email] Invalid input: expected string, received undefined; [body.password] Invalid "
         "input: expected string, received undefined",
         400},
        {"text/plain", "x",
         "Content-Type \"text/plain\" is not allowed. Allowed types: "
         "application/x-www-form-urlencoded, application/json",
         415},
        {"application/x-www-form-urlencoded", "email=%ff&password=x",
         "Invalid JSON in request body", 400},
        {"application/x-www-form-urlencoded", "email=a%00b&password=x",
         "Invalid JSON in request body", 400},
        {"application/x-www-form-urlencoded", "rememberMe=true&email=a&password",
         "[body.rememberMe] Invalid input: expected boolean, received string", 400},
        {"application/json", "{\"email\":\"nope\",\"password\":\"x\"}", "Invalid email", 400},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct ask a = {
            .method = "POST", .target = IN, .type = cases[i].type, .body = cases[i].body};
        struct reply r;
        ask(&a, &r);
        if (r.status != cases[i].status || strcmp(desk_text(&r, "message"), cases[i].message) != 0)
            fail_msg("%s: %d %s", cases[i].body, r.status, buf_text(&r.body));
        desk_done(&r);
    }
    /* A form of more members than anybody needs. */
    char many[1200] = "";
    for (int i = 0; i < 100; i++)
        snprintf(many + strlen(many), sizeof many - strlen(many), "m%d=1&", i);
    assert_int_equal(status(&(struct ask){.method = "POST",
                                          .target = IN,
                                          .type = "application/x-www-form-urlencoded",
                                          .body = many}),
                     400);
    /* Deeply nested. */
    char *deep = malloc(200001);
    memset(deep, '[', 200000);
    deep[200000] = '\0';
    assert_int_equal(status(&(struct ask){.method = "POST", .target = IN, .body = deep}), 400);
    free(deep);
}

/* ---- origins */

static int sign_in(const char *const headers[])
{
    struct ask a = {
        .method = "POST", .target = IN, .body = "{\"email\":\"a@b.de\",\"password\":\"x\"}"};
    for (int i = 0; headers[i]; i++)
        a.headers[i] = headers[i];
    return status(&a);
}

static void test_origins(void **state)
{
    (void)state;
#define H(...) ((const char *const[]){__VA_ARGS__, NULL})
    /* 401: let through to the password. */
    assert_int_equal(sign_in(H("X", "y")), 401);
    assert_int_equal(sign_in(H("Origin", "http://raum.test")), 401);
    assert_int_equal(sign_in(H("Origin", "https://app.example")), 401);
    assert_int_equal(sign_in(H("Referer", "http://raum.test/page")), 401);
    assert_int_equal(sign_in(H("Origin", "https://evil.example")), 403);
    assert_int_equal(sign_in(H("Origin", "null")), 403);
    assert_int_equal(sign_in(H("Referer", "https://evil.example/http://raum.test")), 403);
    assert_int_equal(sign_in(H("Origin", "https://evil.example", "Referer", "http://raum.test/")),
                     403);
    assert_int_equal(sign_in(H("Sec-Fetch-Mode", "cors")), 403);
    assert_int_equal(sign_in(H("Sec-Fetch-Mode", " ")), 401);
    assert_int_equal(sign_in(H("Sec-Fetch-Mode", "cors", "Origin", "http://raum.test")), 401);
    assert_int_equal(sign_in(H("Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate",
                               "Origin", "http://raum.test")),
                     403);
    assert_int_equal(sign_in(H("Cookie", "a=b")), 403);
    assert_int_equal(sign_in(H("Cookie", "a=b", "Origin", "http://raum.test")), 401);
    assert_int_equal(sign_in(H("Cookie", "a=b", "Origin", "http://raum.test.evil")), 403);
    /* A GET is never asked where it comes from; our own paths are as strict. */
    assert_int_equal(status(&(struct ask){.target = "/api/auth/get-session",
                                          .headers = {"Cookie", "a=b", "Origin", "null"}}),
                     200);
    assert_int_equal(status(&(struct ask){.method = "PUT",
                                          .target = "/api/v1/vault",
                                          .body = "{}",
                                          .headers = {"Cookie", "a=b"}}),
                     403);
    /* The cookie's check comes before the body's, the login's behind it. */
    body_is(
        &(struct ask){.method = "POST", .target = IN, .body = "[]", .headers = {"Cookie", "a=b"}},
        403, "{\"message\":\"Missing or null Origin\",\"code\":\"MISSING_OR_NULL_ORIGIN\"}");
    assert_int_equal(
        status(&(struct ask){
            .method = "POST", .target = IN, .body = "{}", .headers = {"Origin", "null"}}),
        400);
}

static void test_callbacks(void **state)
{
    (void)state;
    static const struct {
        const char *body, *answer;
        int status;
    } cases[] = {
        {"{\"callbackURL\":5}", "{\"message\":\"Invalid callbackURL: expected a string\"}", 400},
        {"{\"callbackURL\":\"https://evil.example\"}",
         "{\"message\":\"Invalid callbackURL\",\"code\":\"INVALID_CALLBACK_URL\"}", 403},
        {"{\"redirectTo\":\"//evil.example\"}",
         "{\"message\":\"Invalid redirectURL\",\"code\":\"INVALID_REDIRECT_URL\"}", 403},
        {"{\"errorCallbackURL\":\"/\\\\evil.example\"}",
         "{\"message\":\"Invalid errorCallbackURL\",\"code\":\"INVALID_ERROR_CALLBACK_URL\"}", 403},
        {"{\"newUserCallbackURL\":\"javascript:alert(1)\"}",
         "{\"message\":\"Invalid newUserCallbackURL\",\"code\":\"INVALID_NEW_USER_CALLBACK_URL\"}",
         403},
        {"{\"callbackURL\":\"\",\"redirectTo\":\"/x\"}", "{\"success\":true}", 200},
        {"{\"callbackURL\":\"https://a.apps.example/x\"}", "{\"success\":true}", 200},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        body_is(
            &(struct ask){.method = "POST", .target = "/api/auth/sign-out", .body = cases[i].body},
            cases[i].status, cases[i].answer);
}

/* ---- limits */

static int try_in(const char *peer, const char *forwarded)
{
    return status(&(struct ask){.method = "POST",
                                .target = IN,
                                .peer = peer,
                                .body = "{}",
                                .headers = {forwarded ? "X-Forwarded-For" : NULL, forwarded}});
}

static void test_limits(void **state)
{
    (void)state;
    struct reply r;
    desk.server->options.limits = true;
    for (int i = 0; i < 3; i++)
        assert_int_equal(try_in("10.0.0.1", NULL), 400);
    ask(&(struct ask){.method = "POST", .target = IN, .peer = "10.0.0.1", .body = "{}"}, &r);
    assert_int_equal(r.status, 429);
    assert_string_equal(buf_text(&r.body),
                        "{\"message\":\"Too many requests. Please try again later.\"}");
    assert_non_null(desk_header(&r, "X-Retry-After"));
    desk_done(&r);
    /* Another address, another path; but what an unknown client claims about itself is nothing. */
    assert_int_equal(try_in("10.0.0.2", NULL), 400);
    assert_int_equal(try_in("10.0.0.1", "10.0.0.3"), 429);
    /* A proxy on this machine is believed, for the last address only. */
    for (int i = 0; i < 3; i++)
        assert_int_equal(try_in("127.0.0.1", "1.2.3.4, 10.0.0.9"), 400);
    assert_int_equal(try_in("127.0.0.1", "9.9.9.9, 10.0.0.9"), 429);
    assert_int_equal(try_in("127.0.0.1", "10.0.0.9, 9.9.9.9"), 400);
    assert_int_equal(try_in("127.0.0.1", "::ffff:10.0.0.9"), 429);
    /* All of a /64 count as one. */
    for (int i = 0; i < 3; i++) {
        char address[40];
        snprintf(address, sizeof address, "2001:db8:1:2::%d", i);
        assert_int_equal(try_in(address, NULL), 400);
    }
    assert_int_equal(try_in("2001:db8:1:2:ffff::1", NULL), 429);
    assert_int_equal(try_in("2001:db8:1:3::1", NULL), 400);
    /* The others have a hundred. */
    for (int i = 0; i < 100; i++)
        assert_int_equal(status(&(struct ask){.target = "/api/auth/ok", .peer = "10.0.0.1"}), 200);
    assert_int_equal(status(&(struct ask){.target = "/api/auth/ok", .peer = "10.0.0.1"}), 429);
    assert_int_equal(status(&(struct ask){.target = "/health", .peer = "10.0.0.1"}), 200);
}

static int enter(const char *peer, const char *password)
{
    char body[200];
    snprintf(body, sizeof body, "{\"email\":\"anna@example.org\",\"password\":\"%s\"}", password);
    return status(&(struct ask){
        .method = "POST", .target = "/api/auth/sign-in/email", .peer = peer, .body = body});
}

/* Wrong passwords from one place are stopped there after ten; the owner comes in from his own. */
static void test_failures(void **state)
{
    (void)state;
    char token[64];
    int refused = 0;
    desk_sign_up(&desk, "anna@example.org", token);
    desk.server->options.limits = true;
    for (int i = 0; i < 14; i++) {
        /* A limiter of its own would stop it earlier: as if ten seconds had passed each time. */
        limiter_clear(desk.server->limiter, "/sign-in/email", "10.0.0.1");
        refused += enter("10.0.0.1", "wrong horse") == 429;
    }
    assert_int_equal(refused, 4);
    limiter_clear(desk.server->limiter, "/sign-in/email", "10.0.0.1");
    assert_int_equal(enter("10.0.0.1", DESK_PASSWORD), 429);
    assert_int_equal(enter("10.0.0.2", DESK_PASSWORD), 200);
}

/* ---- small parts */

static void test_emails(void **state)
{
    (void)state;
    struct call c = {.server = desk.server};
    struct arena a;
    static const char *const good[] = {"a@b.de", "A.b+c_d'e-f@x-y.example.org", "1@1.de"};
    static const char *const bad[] = {
        "",           "a",           "@b.de",        "a@",      "a@b",       "a@b.d",
        "a@.de",      "a@b..de",     ".a@b.de",      "a.@b.de", "a..b@c.de", "a b@c.de",
        "a@b.d1",     "a@-b.de",     "a'@b.de",      "ä@b.de",  "a@b.de\n",  "a@b@c.de",
        "\"a\"@b.de", "a@[1.2.3.4]", "a@b.de,c@d.de"};
    arena_init(&a, 65536);
    c.arena = &a;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!auth_email(&c, good[i]))
            fail_msg("%s is refused", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (auth_email(&c, bad[i]))
            fail_msg("%s is taken", bad[i]);
    assert_string_equal(auth_email(&c, "Anna@Example.ORG"), "anna@example.org");
    arena_release(&a);
}

/* Against the C library, over ten thousand years. */
static void test_time(void **state)
{
    (void)state;
    struct buf out;
    struct json_writer w;
    int64_t ms = -62167219200000;
    buf_init(&out, 1000);
    while (ms < 253402300800000) {
        char wanted[64];
        int64_t part = ((ms % 1000) + 1000) % 1000;
        time_t seconds = (time_t)((ms - part) / 1000);
        struct tm tm;
        assert_non_null(gmtime_r(&seconds, &tm));
        snprintf(wanted, sizeof wanted, "\"%04d-%02d-%02dT%02d:%02d:%02d.%03dZ\"",
                 tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                 (int)part);
        buf_reset(&out);
        json_begin(&w, &out);
        call_put_time(&w, ms);
        assert_string_equal(buf_text(&out), wanted);
        ms += 12345678901 - 77;
    }
    buf_reset(&out);
    json_begin(&w, &out);
    call_put_time(&w, INT64_MAX);
    assert_string_equal(buf_text(&out), "null");
    buf_release(&out);
}

/* ---- the description */

/* Is `path` ("/a/{b}") what a route stands for? */
static bool describes(const char *path, const struct route *r)
{
    size_t len = strlen(r->path);
    if (!(r->flags & ROUTE_PREFIX))
        return strcmp(path, r->path) == 0;
    if (strncmp(path, r->path, len) != 0)
        return false;
    return path[len] == '{' || (path[len] == '/' && path[len + 1] == '{');
}

static bool is_method(const char *key, size_t len, const char *method)
{
    return len == strlen(method) && strncasecmp(key, method, len) == 0;
}

/* Does the document have the route, and the route's operation what it must have? */
static bool described(struct json_value paths, const struct route *r)
{
    struct arena a;
    bool found = false;
    arena_init(&a, 65536);
    for (struct json_value p = json_first(paths); p.doc; p = json_next(paths, p)) {
        const char *path = json_str(json_key(p), &a);
        if (!describes(path, r))
            continue;
        for (struct json_value op = json_first(p); op.doc; op = json_next(p, op)) {
            const char *key = json_str(json_key(op), &a);
            if (!is_method(key, strlen(key), r->method))
                continue;
            found = true;
            if (!json_is(json_get(op, "summary"), JSON_STRING) ||
                !json_is(json_get(op, "responses"), JSON_OBJECT) ||
                json_count(json_get(op, "security")) == 0)
                fail_msg("%s %s lacks something", key, path);
            bool open = json_count(json_first(json_get(op, "security"))) == 0;
            if ((r->flags & ROUTE_SESSION) && open)
                fail_msg("%s %s needs a session", key, path);
        }
    }
    arena_release(&a);
    return found;
}

static bool routed(const char *path, const char *method)
{
    for (const struct route *const *t = server_routes; *t; t++)
        for (const struct route *r = *t; r->run; r++)
            if (describes(path, r) && is_method(method, strlen(method), r->method))
                return true;
    return false;
}

static void test_openapi(void **state)
{
    (void)state;
    struct reply r;
    struct arena a;
    int count = 0;
    arena_init(&a, 1 << 20);
    ask(&(struct ask){.target = "/openapi.json"}, &r);
    assert_int_equal(r.status, 200);
    assert_string_equal(desk_text(&r, "openapi"), "3.1.0");
    struct json_value paths = json_get(r.json, "paths");
    for (const struct route *const *t = server_routes; *t; t++)
        for (const struct route *one = *t; one->run; one++, count++)
            if (!described(paths, one))
                fail_msg("not described: %s %s", one->method, one->path);
    for (struct json_value p = json_first(paths); p.doc; p = json_next(paths, p))
        for (struct json_value op = json_first(p); op.doc; op = json_next(p, op))
            if (!routed(json_str(json_key(p), &a), json_str(json_key(op), &a)))
                fail_msg("no such route: %s", json_str(json_key(p), &a));
    assert_true(count >= 60);
    desk_done(&r);
    arena_release(&a);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_host),    T(test_cors),      T(test_preflight),  T(test_security_headers),
        T(test_routes),  T(test_metrics),   T(test_error_page), T(test_bodies),
        T(test_origins), T(test_callbacks), T(test_limits),     T(test_failures),
        T(test_emails),  T(test_time),      T(test_openapi),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
