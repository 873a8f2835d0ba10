/* Better Auth's core protocol, through call_dispatch, on both databases. */
#include "server/auth/cookies.h"
#include "server/auth/crypto.h"
#include "server/desk.h"
#include "server/url.h"

#include <dirent.h>
#include <pthread.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define DAY_MS INT64_C(86400000)

/* ---- helpers */

static struct desk desk;

static int set_up(void **state)
{
    (void)state;
    desk_open(&desk);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    desk_close(&desk);
    return 0;
}

/* With a cookie as browsers send it. */
static void ask_cookie(const char *method, const char *target, const char *cookie, const char *json,
                       struct reply *r)
{
    const char *const headers[] = {"Cookie", cookie, "Origin", DESK_ORIGIN, NULL};
    desk_send(&desk, desk.sql, method, target, NULL, json ? "application/json" : NULL, json,
              json ? strlen(json) : 0, headers, r);
}

/* "better-auth.session_token=<token>.<signature>" */
static void make_cookie(const char *token, char out[256])
{
    char signature[COOKIE_SIGNATURE + 1];
    cookie_sign(desk.server->secret, token, signature);
    snprintf(out, 256, "better-auth.session_token=%s.%s", token, signature);
}

static int cookies_of(const struct reply *r)
{
    int n = 0;
    for (int i = 0; i < r->http.out_count; i++)
        n += strcasecmp(r->http.out[i].name, "Set-Cookie") == 0;
    return n;
}

static const char *cookie_of(const struct reply *r, int at)
{
    for (int i = 0; i < r->http.out_count; i++)
        if (strcasecmp(r->http.out[i].name, "Set-Cookie") == 0 && at-- == 0)
            return r->http.out[i].value;
    return "";
}

static void assert_cleared(const struct reply *r)
{
    assert_int_equal(cookies_of(r), 3);
    assert_string_equal(cookie_of(r, 0), "better-auth.session_token=; Max-Age=0; Path=/; HttpOnly;"
                                         " SameSite=Lax");
    assert_string_equal(cookie_of(r, 1), "better-auth.session_data=; Max-Age=0; Path=/; HttpOnly;"
                                         " SameSite=Lax");
    assert_string_equal(cookie_of(r, 2), "better-auth.dont_remember=; Max-Age=0; Path=/; HttpOnly;"
                                         " SameSite=Lax");
}

static void assert_body(const struct reply *r, const char *wanted)
{
    assert_string_equal(buf_text(&r->body), wanted);
}

/* One statement straight into the database. */
static void set(const char *sql, int64_t value, const char *who)
{
    KIT_OK(&desk.kit, sql_run(desk.sql, &desk.kit.error, sql, "is", value, who));
}

static int64_t count(const char *sql, const char *who)
{
    struct sql_rows *rows;
    KIT_OK(&desk.kit, sql_one(desk.sql, &rows, &desk.kit.error, sql, "s", who));
    int64_t n = sql_int(rows, "n");
    sql_rows_free(rows);
    return n;
}

static int64_t now_ms(void)
{
    return desk.server->env->now_ms(desk.server->env->ctx);
}

/* The newest mail's link, waited for: what is behind the origin. */
static void last_link(int number, char out[4096])
{
    char path[256];
    snprintf(path, sizeof path, "%s/outbox/%03d.eml", desk.kit.folder, number);
    for (int i = 0; i < 500; i++) {
        void *data;
        size_t len;
        const struct timespec pause = {.tv_nsec = 10000000};
        const struct raum_env *env = raum_env_native();
        if (env->file_read(env->ctx, path, 1 << 20, &data, &len) == 0 && len) {
            char *text = malloc(len + 1);
            memcpy(text, data, len);
            text[len] = '\0';
            char *link = strstr(text, DESK_ORIGIN "/api/auth/");
            assert_non_null(link);
            snprintf(out, 4096, "%.*s", (int)strcspn(link, "\n"), link);
            memmove(out, out + strlen(DESK_ORIGIN), strlen(out + strlen(DESK_ORIGIN)) + 1);
            free(text);
            free(data);
            return;
        }
        nanosleep(&pause, NULL);
    }
    fail_msg("%s is not there", path);
}

static void account_of(const char *token, char out[64])
{
    struct reply r;
    desk_ask(&desk, "GET", "/api/auth/get-session", token, NULL, &r);
    snprintf(out, 64, "%.63s", desk_text(&r, "user.id"));
    desk_done(&r);
}

/* ---- signing up and in */

static void test_sign_up(void **state)
{
    (void)state;
    struct reply r;
    char value[COOKIE_VALUE_MAX], *decoded;
    struct arena a;
    arena_init(&a, 65536);
    desk_ask(&desk, "POST", "/api/auth/sign-up/email", NULL,
             "{\"email\":\"Anna@Example.org\",\"password\":\"12345678\",\"name\":\"Anna\"}", &r);
    assert_int_equal(r.status, 200);
    assert_string_equal(desk_text(&r, "user.email"), "anna@example.org");
    /* The order of keys is Better Auth's. */
    const char *text = buf_text(&r.body), *last = text;
    static const char *const keys[] = {"{\"token\":\"",      "\"user\":{\"name\":\"Anna\"",
                                       "\"email\":",         "\"emailVerified\":false",
                                       "\"image\":null",     "\"createdAt\":\"20",
                                       "\"updatedAt\":\"20", "\"id\":\""};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        last = strstr(last, keys[i]);
        assert_non_null(last);
    }
    assert_int_equal(cookies_of(&r), 1);
    const char *cookie = cookie_of(&r, 0), *from = strchr(cookie, '=');
    assert_non_null(from);
    assert_memory_equal(cookie, "better-auth.session_token=", ++from - cookie);
    assert_string_equal(strchr(cookie, ';'), "; Max-Age=604800; Path=/; HttpOnly; SameSite=Lax");
    decoded = url_decode(&a, from, strcspn(from, ";"), false);
    assert_true(cookie_verify(desk.server->secret, decoded, value));
    assert_string_equal(value, desk_text(&r, "token"));
    assert_string_equal(desk_header(&r, "set-auth-token"), decoded);
    assert_string_equal(desk_header(&r, "Access-Control-Expose-Headers"), "set-auth-token");
    desk_done(&r);
    arena_release(&a);
    /* G-O: with the account its personal space, in one transaction. */
    assert_int_equal(count("SELECT count(*) AS n FROM personal_spaces p JOIN accounts a"
                           " ON a.id = p.account WHERE a.email = ?1",
                           "anna@example.org"),
                     1);
    DESK_IS(&desk, 422, "POST", "/api/auth/sign-up/email", NULL,
            "{\"email\":\"ANNA@example.org\",\"password\":\"12345678\",\"name\":\"B\"}");
}

static void test_sign_up_refused(void **state)
{
    (void)state;
    static const struct {
        const char *body, *answer;
    } cases[] = {
        {"{\"email\":\"a@b.de\",\"password\":\"1234567\",\"name\":\"\"}",
         "{\"message\":\"Password too short\",\"code\":\"PASSWORD_TOO_SHORT\"}"},
        /* Seven characters of which each is two units in JavaScript are long enough. */
        {"{\"email\":\"a@b\",\"password\":\"\",\"name\":\"\"}",
         "{\"message\":\"[body.email] Invalid email address; [body.password] Too small: expected "
         "string to have >=1 characters\",\"code\":\"VALIDATION_ERROR\"}"},
        {"{\"email\":5,\"name\":null,\"rememberMe\":1}",
         "{\"message\":\"[body.name] Invalid input: expected string, received null; [body.email] "
         "Invalid input: expected string, received number; [body.password] Invalid input: expected "
         "string, received undefined; [body.rememberMe] Invalid input: expected boolean, received "
         "number\",\"code\":\"VALIDATION_ERROR\"}"},
        {"[]", "{\"message\":\"[body] Invalid input: expected object, received array; [body] "
               "Invalid input: expected record, received array\",\"code\":\"VALIDATION_ERROR\"}"},
        {"{", "{\"message\":\"Invalid JSON in request body\",\"code\":\"BAD_REQUEST\"}"},
        {"{\"email\":\"a@b.de\",\"password\":\"12345678\",\"name\":\"a\\u0000b\"}",
         "{\"message\":\"[body.name] Invalid input\",\"code\":\"VALIDATION_ERROR\"}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct reply r;
        desk_ask(&desk, "POST", "/api/auth/sign-up/email", NULL, cases[i].body, &r);
        assert_int_equal(r.status, 400);
        assert_body(&r, cases[i].answer);
        assert_int_equal(cookies_of(&r), 0);
        desk_done(&r);
    }
    char body[400], pass[140];
    memset(pass, 'x', 129);
    pass[129] = '\0';
    snprintf(body, sizeof body, "{\"email\":\"a@b.de\",\"password\":\"%s\",\"name\":\"\"}", pass);
    DESK_IS(&desk, 400, "POST", "/api/auth/sign-up/email", NULL, body);
    pass[128] = '\0';
    snprintf(body, sizeof body, "{\"email\":\"a@b.de\",\"password\":\"%s\",\"name\":\"\"}", pass);
    DESK_IS(&desk, 200, "POST", "/api/auth/sign-up/email", NULL, body);
    DESK_IS(&desk, 200, "POST", "/api/auth/sign-up/email", NULL,
            "{\"email\":\"b@b.de\",\"password\":\"😀😀😀😀\",\"name\":\"\"}");
}

struct racer {
    pthread_t thread;
    struct sql *sql;
    int status;
};

static void *race(void *arg)
{
    struct racer *me = arg;
    struct reply r;
    static const char body[] =
        "{\"email\":\"race@example.org\",\"password\":\"12345678\",\"name\":\"R\"}";
    desk_send(&desk, me->sql, "POST", "/api/auth/sign-up/email", NULL, "application/json", body,
              sizeof body - 1, NULL, &r);
    me->status = r.status;
    desk_done(&r);
    return NULL;
}

/* One address, four at once: one account, one personal space. */
static void test_sign_up_race(void **state)
{
    (void)state;
    struct racer racers[4];
    int made = 0, taken = 0;
    for (int i = 0; i < 4; i++) {
        racers[i].sql = kit_connect(&desk.kit);
        assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(racers[i].thread, NULL);
        sql_close(racers[i].sql);
        made += racers[i].status == 200;
        taken += racers[i].status == 422;
    }
    assert_int_equal(made, 1);
    assert_int_equal(taken, 3);
    assert_int_equal(count("SELECT count(*) AS n FROM spaces WHERE slug LIKE ?1", "race%"), 1);
}

static void test_sign_in(void **state)
{
    (void)state;
    struct reply r;
    char token[64];
    desk_sign_up(&desk, "anna@example.org", token);
    assert_int_equal(desk_sign_in(&desk, "ANNA@example.org", DESK_PASSWORD, token), 200);
    assert_int_equal(strlen(token), 32);
    struct reply unknown;
    desk_ask(&desk, "POST", "/api/auth/sign-in/email", NULL,
             "{\"email\":\"anna@example.org\",\"password\":\"wrong horse\"}", &r);
    desk_ask(&desk, "POST", "/api/auth/sign-in/email", NULL,
             "{\"email\":\"nobody@example.org\",\"password\":\"wrong horse\"}", &unknown);
    assert_int_equal(r.status, 401);
    assert_body(&r, "{\"message\":\"Invalid email or password\",\"code\":"
                    "\"INVALID_EMAIL_OR_PASSWORD\"}");
    assert_int_equal(unknown.status, 401);
    assert_body(&unknown, buf_text(&r.body));
    desk_done(&r);
    desk_done(&unknown);
    desk_ask(&desk, "POST", "/api/auth/sign-in/email", NULL,
             "{\"email\":\"anna@example.org\",\"password\":\"" DESK_PASSWORD
             "\",\"callbackURL\":\"/start\"}",
             &r);
    assert_int_equal(r.status, 200);
    assert_string_equal(desk_header(&r, "Location"), "/start");
    assert_memory_equal(buf_text(&r.body), "{\"redirect\":true,\"token\":\"", 26);
    assert_string_equal(desk_text(&r, "url"), "/start");
    desk_done(&r);
    DESK_IS(&desk, 403, "POST", "/api/auth/sign-in/email", NULL,
            "{\"email\":\"anna@example.org\",\"password\":\"" DESK_PASSWORD
            "\",\"callbackURL\":\"//evil.example\"}");
}

static void test_form(void **state)
{
    (void)state;
    struct reply r;
    char token[64];
    static const char form[] = "email=anna%40example.org&password=x&password=correct+horse&";
    desk_sign_up(&desk, "anna@example.org", token);
    desk_send(&desk, desk.sql, "POST", "/api/auth/sign-in/email", NULL,
              "application/x-www-form-urlencoded; charset=utf-8", form, sizeof form - 1, NULL, &r);
    assert_int_equal(r.status, 200);
    desk_done(&r);
    desk_send(&desk, desk.sql, "POST", "/api/auth/update-user", token,
              "application/x-www-form-urlencoded", "name=x", 6, NULL, &r);
    assert_int_equal(r.status, 415);
    assert_body(&r, "{\"message\":\"Content-Type \\\"application/x-www-form-urlencoded\\\" is not "
                    "allowed. Allowed types: application/json\",\"code\":\"UNSUPPORTED_MEDIA_TYPE"
                    "\"}");
    desk_done(&r);
}

static void test_not_remembered(void **state)
{
    (void)state;
    struct reply r;
    char token[64], cookie[256], mark[128], value[COOKIE_VALUE_MAX];
    desk_sign_up(&desk, "anna@example.org", token);
    desk_ask(&desk, "POST", "/api/auth/sign-in/email", NULL,
             "{\"email\":\"anna@example.org\",\"password\":\"" DESK_PASSWORD
             "\",\"rememberMe\":false}",
             &r);
    assert_int_equal(cookies_of(&r), 2);
    assert_null(strstr(cookie_of(&r, 0), "Max-Age"));
    assert_memory_equal(cookie_of(&r, 1), "better-auth.dont_remember=true.", 31);
    assert_non_null(strstr(cookie_of(&r, 1), "; Path=/; HttpOnly; SameSite=Lax"));
    snprintf(mark, sizeof mark, "%.*s", (int)strcspn(cookie_of(&r, 1), ";"), cookie_of(&r, 1));
    snprintf(token, sizeof token, "%s", desk_text(&r, "token"));
    desk_done(&r);
    int64_t left = count("SELECT expires AS n FROM sessions WHERE token = ?1", token) - now_ms();
    assert_true(left > DAY_MS - 60000 && left <= DAY_MS);
    /* It would be due, and is not refreshed: neither by cookie nor by bearer. */
    make_cookie(token, cookie);
    snprintf(cookie + strlen(cookie), sizeof cookie - strlen(cookie), "; %s", mark);
    ask_cookie("GET", "/api/auth/get-session", cookie, NULL, &r);
    assert_int_equal(cookies_of(&r), 0);
    assert_non_null(strstr(buf_text(&r.body), "\"session\":{"));
    desk_done(&r);
    desk_ask(&desk, "GET", "/api/auth/get-session", token, NULL, &r);
    assert_int_equal(cookies_of(&r), 0);
    desk_done(&r);
    /* Signing in with "remember me" takes the mark away. */
    (void)value;
    const char *const headers[] = {"Cookie", mark, "Origin", DESK_ORIGIN, NULL};
    static const char body[] =
        "{\"email\":\"anna@example.org\",\"password\":\"" DESK_PASSWORD "\"}";
    desk_send(&desk, desk.sql, "POST", "/api/auth/sign-in/email", NULL, "application/json", body,
              sizeof body - 1, headers, &r);
    assert_int_equal(cookies_of(&r), 2);
    assert_non_null(strstr(cookie_of(&r, 1), "dont_remember=; Max-Age=0"));
    desk_done(&r);
}

/* Over https the names have the prefix, and cookies of the other name are nobody's. */
static void test_secure(void **state)
{
    (void)state;
    struct reply r;
    char token[64], cookie[256];
    desk.server->secure = true;
    desk_ask(&desk, "POST", "/api/auth/sign-up/email", NULL,
             "{\"email\":\"a@b.de\",\"password\":\"12345678\",\"name\":\"A\"}", &r);
    assert_memory_equal(cookie_of(&r, 0), "__Secure-better-auth.session_token=", 35);
    assert_string_equal(strchr(cookie_of(&r, 0), ';'),
                        "; Max-Age=604800; Path=/; HttpOnly; Secure; SameSite=Lax");
    assert_string_equal(desk_header(&r, "Strict-Transport-Security"), "max-age=31536000");
    snprintf(token, sizeof token, "%s", desk_text(&r, "token"));
    desk_done(&r);
    make_cookie(token, cookie);
    ask_cookie("GET", "/api/auth/get-session", cookie, NULL, &r);
    assert_body(&r, "null");
    desk_done(&r);
}

/* ---- sessions */

static void test_get_session(void **state)
{
    (void)state;
    struct reply r;
    char token[64], cookie[256];
    desk_sign_up(&desk, "anna@example.org", token);
    make_cookie(token, cookie);
    ask_cookie("GET", "/api/auth/get-session", cookie, NULL, &r);
    assert_int_equal(r.status, 200);
    assert_string_equal(desk_header(&r, "Cache-Control"), "no-store");
    assert_string_equal(desk_header(&r, "Pragma"), "no-cache");
    assert_string_equal(desk_header(&r, "Access-Control-Expose-Headers"), "set-auth-jwt");
    assert_memory_equal(buf_text(&r.body), "{\"session\":{\"expiresAt\":\"", 25);
    desk_done(&r);
    /* Nobody, or a signature that is none: null, and nothing is cleared. */
    static const char *const nobody[] = {
        "x=y", "better-auth.session_token",
        "better-auth.session_token=", "better-auth.session_token=abc.def",
        "better-auth.session_token=abc.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="};
    for (size_t i = 0; i < sizeof nobody / sizeof *nobody; i++) {
        ask_cookie("GET", "/api/auth/get-session", nobody[i], NULL, &r);
        assert_int_equal(r.status, 200);
        assert_body(&r, "null");
        assert_int_equal(cookies_of(&r), 0);
        assert_null(desk_header(&r, "set-auth-jwt"));
        desk_done(&r);
    }
    make_cookie("nobodysnobodysnobodysnobodys1234", cookie);
    ask_cookie("GET", "/api/auth/get-session", cookie, NULL, &r);
    assert_body(&r, "null");
    assert_cleared(&r);
    desk_done(&r);
    DESK_IS(&desk, 405, "POST", "/api/auth/get-session", token, "{}");
}

static void test_expired(void **state)
{
    (void)state;
    struct reply r;
    char token[64], cookie[256];
    desk_sign_up(&desk, "anna@example.org", token);
    make_cookie(token, cookie);
    set("UPDATE sessions SET expires = ?1 WHERE token = ?2", now_ms() - 1, token);
    ask_cookie("GET", "/api/auth/list-accounts", cookie, NULL, &r);
    assert_int_equal(r.status, 401);
    assert_body(&r, "{\"message\":\"Unauthorized\",\"code\":\"UNAUTHORIZED\"}");
    assert_cleared(&r);
    desk_done(&r);
    assert_int_equal(count("SELECT count(*) AS n FROM sessions WHERE token = ?1", token), 0);
}

static void test_refresh(void **state)
{
    (void)state;
    struct reply r;
    char token[64], cookie[256];
    desk_sign_up(&desk, "anna@example.org", token);
    make_cookie(token, cookie);
    int64_t young = now_ms() + 7 * DAY_MS - DAY_MS + 60000, old = now_ms() + 6 * DAY_MS - 1000;
    set("UPDATE sessions SET expires = ?1 WHERE token = ?2", young, token);
    ask_cookie("GET", "/api/auth/get-session", cookie, NULL, &r);
    assert_int_equal(cookies_of(&r), 0);
    desk_done(&r);
    assert_true(count("SELECT expires AS n FROM sessions WHERE token = ?1", token) == young);
    set("UPDATE sessions SET expires = ?1 WHERE token = ?2", old, token);
    ask_cookie("GET", "/api/auth/get-session?disableRefresh=true", cookie, NULL, &r);
    assert_int_equal(cookies_of(&r), 0);
    desk_done(&r);
    assert_true(count("SELECT expires AS n FROM sessions WHERE token = ?1", token) == old);
    /* On any read, not only this one. */
    ask_cookie("GET", "/api/auth/list-accounts", cookie, NULL, &r);
    assert_int_equal(cookies_of(&r), 1);
    assert_non_null(desk_header(&r, "set-auth-token"));
    desk_done(&r);
    int64_t left = count("SELECT expires AS n FROM sessions WHERE token = ?1", token) - now_ms();
    assert_true(left > 7 * DAY_MS - 60000 && left <= 7 * DAY_MS);
    ask_cookie("GET", "/api/auth/get-session", cookie, NULL, &r);
    assert_int_equal(cookies_of(&r), 0);
    desk_done(&r);
}

static void test_bearer(void **state)
{
    (void)state;
    struct reply r;
    char anna[64], ben[64], cookie[256], text[300], signature[COOKIE_SIGNATURE + 1];
    desk_sign_up(&desk, "anna@example.org", anna);
    desk_sign_up(&desk, "ben@example.org", ben);
    make_cookie(ben, cookie);
    cookie_sign(desk.server->secret, anna, signature);
    static const char *const forms[] = {"Bearer %s", "bearer   %s  ", "Bearer %s.%s"};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(text, sizeof text, forms[i], anna, signature);
#pragma GCC diagnostic pop
        const char *const headers[] = {"Authorization", text, "Cookie", cookie, NULL};
        desk_send(&desk, desk.sql, "GET", "/api/auth/get-session", NULL, NULL, NULL, 0, headers,
                  &r);
        assert_string_equal(desk_text(&r, "user.email"), "anna@example.org");
        desk_done(&r);
    }
    /* A wrong signature, or another scheme: as if it were not there. */
    signature[3] = signature[3] == 'A' ? 'B' : 'A';
    snprintf(text, sizeof text, "Bearer %s.%s", anna, signature);
    const char *const wrong[] = {"Authorization", text, "Cookie", cookie, NULL};
    desk_send(&desk, desk.sql, "GET", "/api/auth/get-session", NULL, NULL, NULL, 0, wrong, &r);
    assert_string_equal(desk_text(&r, "user.email"), "ben@example.org");
    desk_done(&r);
    snprintf(text, sizeof text, "Basic %s", anna);
    desk_send(&desk, desk.sql, "GET", "/api/auth/get-session", NULL, NULL, NULL, 0, wrong, &r);
    assert_string_equal(desk_text(&r, "user.email"), "ben@example.org");
    desk_done(&r);
}

static void test_lists_and_revoking(void **state)
{
    (void)state;
    struct reply r;
    char one[64], two[64], other[64], body[128];
    desk_sign_up(&desk, "anna@example.org", one);
    desk_sign_up(&desk, "ben@example.org", other);
    assert_int_equal(desk_sign_in(&desk, "anna@example.org", DESK_PASSWORD, two), 200);
    desk_ask(&desk, "GET", "/api/auth/list-sessions", one, NULL, &r);
    assert_int_equal(json_count(r.json), 2);
    desk_done(&r);
    /* Nobody ends another's session: the answer is the same, nothing happens. */
    snprintf(body, sizeof body, "{\"token\":\"%s\"}", one);
    DESK_IS(&desk, 200, "POST", "/api/auth/revoke-session", other, body);
    DESK_IS(&desk, 200, "GET", "/api/auth/list-accounts", one, NULL);
    snprintf(body, sizeof body, "{\"token\":\"%s\"}", two);
    DESK_IS(&desk, 200, "POST", "/api/auth/revoke-session", one, body);
    DESK_IS(&desk, 401, "GET", "/api/auth/list-accounts", two, NULL);
    assert_int_equal(desk_sign_in(&desk, "anna@example.org", DESK_PASSWORD, two), 200);
    DESK_IS(&desk, 200, "POST", "/api/auth/revoke-other-sessions", two, "{}");
    DESK_IS(&desk, 401, "GET", "/api/auth/list-accounts", one, NULL);
    desk_ask(&desk, "POST", "/api/auth/revoke-sessions", two, NULL, &r);
    assert_int_equal(r.status, 200);
    assert_cleared(&r);
    desk_done(&r);
    DESK_IS(&desk, 401, "GET", "/api/auth/list-accounts", two, NULL);
    DESK_IS(&desk, 200, "GET", "/api/auth/list-accounts", other, NULL);
    set("UPDATE sessions SET created = ?1 WHERE token = ?2", now_ms() - DAY_MS, other);
    DESK_IS(&desk, 403, "GET", "/api/auth/list-sessions", other, NULL);
    DESK_IS(&desk, 400, "POST", "/api/auth/delete-user", other, "{}");
}

static void test_disabled(void **state)
{
    (void)state;
    char token[64];
    desk_sign_up(&desk, "anna@example.org", token);
    set("UPDATE accounts SET disabled = ?1 WHERE email = ?2", 1, "anna@example.org");
    DESK_IS(&desk, 401, "GET", "/api/auth/list-accounts", token, NULL);
    assert_int_equal(desk_sign_in(&desk, "anna@example.org", DESK_PASSWORD, token), 401);
}

/* ---- JWT */

static void test_jwt(void **state)
{
    (void)state;
    struct reply r;
    char token[64], first[4096], kid[64];
    struct buf payload;
    struct sql_rows *rows;
    size_t len;
    desk_sign_up(&desk, "anna@example.org", token);
    desk_ask(&desk, "GET", "/api/auth/get-session", token, NULL, &r);
    snprintf(first, sizeof first, "%s", desk_header(&r, "set-auth-jwt"));
    desk_done(&r);
    desk_ask(&desk, "GET", "/api/auth/jwks", NULL, NULL, &r);
    assert_int_equal(r.status, 200);
    assert_memory_equal(buf_text(&r.body),
                        "{\"keys\":[{\"alg\":\"EdDSA\",\"crv\":\"Ed25519\",\"x\":\"", 45);
    desk_done(&r);
    KIT_OK(&desk.kit, sql_one(desk.sql, &rows, &desk.kit.error,
                              "SELECT id, public, secret FROM signing_keys", ""));
    snprintf(kid, sizeof kid, "%s", sql_text(rows, "id"));
    buf_init(&payload, 65536);
    assert_int_equal(crypto_jwt_check(first, kid, sql_bytes(rows, "public", &len), &payload), 0);
    /* The secret half does not lie there as it is. */
    (void)sql_bytes(rows, "secret", &len);
    assert_true(len > CRYPTO_SIGN_SECRET);
    sql_rows_free(rows);
    assert_memory_equal(payload.data, "{\"iat\":", 7);
    assert_non_null(strstr(payload.data, "\"email\":\"anna@example.org\""));
    assert_non_null(
        strstr(payload.data, "\"iss\":\"" DESK_ORIGIN "\",\"aud\":\"" DESK_ORIGIN "\"}"));
    buf_release(&payload);
    /* Soon after it is the same; with another name it is another at once. */
    desk_ask(&desk, "GET", "/api/auth/token", token, NULL, &r);
    assert_string_equal(desk_text(&r, "token"), first);
    desk_done(&r);
    DESK_IS(&desk, 200, "POST", "/api/auth/update-user", token, "{\"name\":\"Other\"}");
    desk_ask(&desk, "GET", "/api/auth/token", token, NULL, &r);
    assert_string_not_equal(desk_text(&r, "token"), first);
    desk_done(&r);
    DESK_IS(&desk, 401, "GET", "/api/auth/token", NULL, NULL);
}

/* ---- the account */

static void test_update_user(void **state)
{
    (void)state;
    struct reply r;
    char token[64];
    desk_sign_up(&desk, "anna@example.org", token);
    desk_ask(&desk, "POST", "/api/auth/update-user", token,
             "{\"name\":\"Änne\",\"image\":\"https://x.example/a.webp\"}", &r);
    assert_body(&r, "{\"status\":true}");
    assert_int_equal(cookies_of(&r), 1);
    desk_done(&r);
    desk_ask(&desk, "GET", "/api/auth/get-session", token, NULL, &r);
    assert_string_equal(desk_text(&r, "user.name"), "Änne");
    assert_string_equal(desk_text(&r, "user.image"), "https://x.example/a.webp");
    desk_done(&r);
    DESK_IS(&desk, 200, "POST", "/api/auth/update-user", token, "{\"image\":null}");
    desk_ask(&desk, "GET", "/api/auth/get-session", token, NULL, &r);
    assert_non_null(strstr(buf_text(&r.body), "\"image\":null"));
    assert_string_equal(desk_text(&r, "user.name"), "Änne");
    desk_done(&r);
    static const char *const bad[] = {"{}",
                                      "{\"x\":1}",
                                      "{\"name\":5}",
                                      "{\"name\":null}",
                                      "{\"image\":[]}",
                                      "{\"email\":\"b@c.de\",\"name\":\"x\"}",
                                      "{\"name\":\"\\u0000\"}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        DESK_IS(&desk, 400, "POST", "/api/auth/update-user", token, bad[i]);
    /* It travels in every token: pictures do not go there. */
    char *lang = malloc(6000);
    memset(lang, 'x', 5999);
    memcpy(lang, "{\"image\":\"", 10);
    memcpy(lang + 5997, "\"}", 3);
    DESK_IS(&desk, 400, "POST", "/api/auth/update-user", token, lang);
    free(lang);
}

static void test_change_password(void **state)
{
    (void)state;
    struct reply r;
    char token[64], other[64];
    desk_sign_up(&desk, "anna@example.org", token);
    assert_int_equal(desk_sign_in(&desk, "anna@example.org", DESK_PASSWORD, other), 200);
    desk_ask(&desk, "POST", "/api/auth/change-password", token,
             "{\"currentPassword\":\"wrong horse\",\"newPassword\":\"new horse!\"}", &r);
    assert_int_equal(r.status, 400);
    assert_body(&r, "{\"message\":\"Invalid password\",\"code\":\"INVALID_PASSWORD\"}");
    desk_done(&r);
    DESK_IS(&desk, 400, "POST", "/api/auth/change-password", token,
            "{\"currentPassword\":\"" DESK_PASSWORD "\",\"newPassword\":\"short\"}");
    desk_ask(&desk, "POST", "/api/auth/change-password", token,
             "{\"currentPassword\":\"" DESK_PASSWORD "\",\"newPassword\":\"new horse!\"}", &r);
    assert_int_equal(r.status, 200);
    assert_memory_equal(buf_text(&r.body), "{\"token\":null,\"user\":{", 22);
    assert_int_equal(cookies_of(&r), 0);
    desk_done(&r);
    DESK_IS(&desk, 200, "GET", "/api/auth/list-accounts", other, NULL);
    desk_ask(&desk, "POST", "/api/auth/change-password", token,
             "{\"currentPassword\":\"new horse!\",\"newPassword\":\"newer horse\","
             "\"revokeOtherSessions\":true}",
             &r);
    assert_int_equal(r.status, 200);
    assert_int_equal(cookies_of(&r), 1);
    DESK_IS(&desk, 401, "GET", "/api/auth/list-accounts", other, NULL);
    DESK_IS(&desk, 401, "GET", "/api/auth/list-accounts", token, NULL);
    snprintf(token, sizeof token, "%s", desk_text(&r, "token"));
    desk_done(&r);
    DESK_IS(&desk, 200, "GET", "/api/auth/list-accounts", token, NULL);
    assert_int_equal(desk_sign_in(&desk, "anna@example.org", "newer horse", other), 200);
    assert_int_equal(desk_sign_in(&desk, "anna@example.org", DESK_PASSWORD, other), 401);
}

/* A hash of Better Auth's own kind opens once, and is ours afterwards. */
static void test_imported_hash(void **state)
{
    (void)state;
    static const char scrypt[] = "00112233445566778899aabbccddeeff:"
                                 "13af89ff6a88bb0fb3277e79ba724c6c0731b15919ca892969d63abd1534b867"
                                 "d110179e3bc8af39995ede0f9b2ac14b2b97573df10ba3802c498dbeb61e4f64";
    char token[64], account[64];
    struct sql_rows *rows;
    desk_sign_up(&desk, "anna@example.org", token);
    account_of(token, account);
    KIT_OK(&desk.kit,
           sql_run(desk.sql, &desk.kit.error, "UPDATE credentials SET hash = ?1 WHERE account = ?2",
                   "ss", scrypt, account));
    assert_int_equal(desk_sign_in(&desk, "anna@example.org", "wrong horse", token), 401);
    assert_int_equal(desk_sign_in(&desk, "anna@example.org", DESK_PASSWORD, token), 200);
    KIT_OK(&desk.kit, sql_one(desk.sql, &rows, &desk.kit.error,
                              "SELECT hash FROM credentials WHERE account = ?1", "s", account));
    assert_memory_equal(sql_text(rows, "hash"), "$argon2id$", 10);
    sql_rows_free(rows);
    assert_int_equal(desk_sign_in(&desk, "anna@example.org", DESK_PASSWORD, token), 200);
}

static void test_delete_user(void **state)
{
    (void)state;
    struct reply r;
    char token[64], other[64], account[64];
    desk_sign_up(&desk, "anna@example.org", token);
    account_of(token, account);
    assert_int_equal(desk_sign_in(&desk, "anna@example.org", DESK_PASSWORD, other), 200);
    DESK_IS(&desk, 400, "POST", "/api/auth/delete-user", token, "{\"password\":\"wrong horse\"}");
    DESK_IS(&desk, 404, "POST", "/api/auth/delete-user", token, "{\"token\":\"abc\"}");
    DESK_IS(&desk, 401, "POST", "/api/auth/delete-user", NULL, "{}");
    DESK_IS(&desk, 200, "GET", "/api/auth/list-accounts", token, NULL);
    desk_ask(&desk, "POST", "/api/auth/delete-user", token, "{\"password\":\"" DESK_PASSWORD "\"}",
             &r);
    assert_int_equal(r.status, 200);
    assert_body(&r, "{\"success\":true,\"message\":\"User deleted\"}");
    assert_cleared(&r);
    desk_done(&r);
    DESK_IS(&desk, 401, "GET", "/api/auth/list-accounts", other, NULL);
    assert_int_equal(count("SELECT count(*) AS n FROM gone_accounts WHERE id = ?1", account), 1);
    assert_int_equal(count("SELECT count(*) AS n FROM credentials WHERE account = ?1", account), 0);
    assert_int_equal(count("SELECT count(*) AS n FROM personal_spaces WHERE account = ?1", account),
                     0);
    desk_sign_up(&desk, "anna@example.org", token);
}

/* ---- links of mails */

static void test_reset(void **state)
{
    (void)state;
    struct reply r;
    char session[64], link[4096], body[256], secret[64];
    static const char same[] = "{\"status\":true,\"message\":\"If this email exists in our system, "
                               "check your email for the reset link\"}";
    desk_sign_up(&desk, "anna@example.org", session);
    desk_ask(&desk, "POST", "/api/auth/request-password-reset", NULL,
             "{\"email\":\"nobody@example.org\"}", &r);
    assert_body(&r, same);
    desk_done(&r);
    DESK_IS(&desk, 403, "POST", "/api/auth/request-password-reset", NULL,
            "{\"email\":\"anna@example.org\",\"redirectTo\":\"https://evil.example/\"}");
    desk_ask(&desk, "POST", "/api/auth/request-password-reset", NULL,
             "{\"email\":\"Anna@example.org\"}", &r);
    assert_body(&r, same);
    desk_done(&r);
    last_link(2, link); /* the first one was the sign-up's */
    assert_memory_equal(link, "/api/auth/reset-password/", 25);
    snprintf(secret, sizeof secret, "%.24s", link + 25);
    desk_ask(&desk, "GET", link, NULL, NULL, &r);
    assert_int_equal(r.status, 302);
    char wanted[256];
    snprintf(wanted, sizeof wanted, DESK_ORIGIN "/reset-password?token=%s", secret);
    assert_string_equal(desk_header(&r, "Location"), wanted);
    desk_done(&r);
    snprintf(body, sizeof body, "{\"newPassword\":\"short\",\"token\":\"%s\"}", secret);
    DESK_IS(&desk, 400, "POST", "/api/auth/reset-password", NULL, body);
    snprintf(body, sizeof body, "{\"newPassword\":\"a new horse\",\"token\":\"%s\"}", secret);
    DESK_IS(&desk, 200, "POST", "/api/auth/reset-password", NULL, body);
    DESK_IS(&desk, 400, "POST", "/api/auth/reset-password", NULL, body);
    DESK_IS(&desk, 401, "GET", "/api/auth/list-accounts", session, NULL);
    assert_int_equal(desk_sign_in(&desk, "anna@example.org", DESK_PASSWORD, session), 401);
    assert_int_equal(desk_sign_in(&desk, "anna@example.org", "a new horse", session), 200);
    desk_ask(&desk, "GET", link, NULL, NULL, &r);
    assert_string_equal(desk_header(&r, "Location"),
                        DESK_ORIGIN "/reset-password?error=INVALID_TOKEN");
    desk_done(&r);
}

static void test_reset_bounds(void **state)
{
    (void)state;
    struct reply r;
    char session[64], link[4096], account[64];
    desk_sign_up(&desk, "anna@example.org", session);
    account_of(session, account);
    for (int i = 0; i < 8; i++)
        DESK_IS(&desk, 200, "POST", "/api/auth/request-password-reset", NULL,
                "{\"email\":\"anna@example.org\",\"redirectTo\":\"/x?a=1\"}");
    assert_int_equal(count("SELECT count(*) AS n FROM verifications WHERE value = ?1", account), 5);
    last_link(9, link);
    set("UPDATE verifications SET expires = ?1 WHERE value = ?2", now_ms() - 1, account);
    desk_ask(&desk, "GET", link, NULL, NULL, &r);
    assert_string_equal(desk_header(&r, "Location"), DESK_ORIGIN "/x?a=1&error=INVALID_TOKEN");
    desk_done(&r);
    DESK_IS(&desk, 400, "GET", "/api/auth/reset-password/abc", NULL, NULL);
    DESK_IS(&desk, 403, "GET", "/api/auth/reset-password/abc?callbackURL=//evil.example", NULL,
            NULL);
    DESK_IS(&desk, 302, "GET", "/api/auth/reset-password/abc?callbackURL=", NULL, NULL);
    DESK_IS(&desk, 404, "GET", "/api/auth/reset-password/abc/def?callbackURL=/", NULL, NULL);
}

static void test_verify(void **state)
{
    (void)state;
    struct reply r;
    char token[64], link[4096];
    desk_sign_up(&desk, "anna@example.org", token);
    last_link(1, link);
    char *broken = strdup(link), *payload = strchr(strstr(broken, "token="), '.') + 5;
    *payload = *payload == 'A' ? 'B' : 'A';
    desk_ask(&desk, "GET", broken, NULL, NULL, &r);
    assert_string_equal(desk_header(&r, "Location"), "/verified?error=INVALID_TOKEN");
    desk_done(&r);
    free(broken);
    /* "alg":"none", without a signature. */
    DESK_IS(&desk, 401, "GET",
            "/api/auth/verify-email?token=eyJhbGciOiJub25lIn0."
            "eyJlbWFpbCI6ImFubmFAZXhhbXBsZS5vcmciLCJleHAiOjk5OTk5OTk5OTl9.",
            NULL, NULL);
    DESK_IS(&desk, 400, "GET", "/api/auth/verify-email", NULL, NULL);
    DESK_IS(&desk, 403, "GET", "/api/auth/verify-email?token=x&callbackURL=http://evil.example",
            NULL, NULL);
    desk_ask(&desk, "GET", "/api/auth/get-session", token, NULL, &r);
    assert_non_null(strstr(buf_text(&r.body), "\"emailVerified\":false"));
    desk_done(&r);
    desk_ask(&desk, "GET", link, NULL, NULL, &r);
    assert_int_equal(r.status, 302);
    assert_string_equal(desk_header(&r, "Location"), "/verified");
    desk_done(&r);
    desk_ask(&desk, "GET", "/api/auth/get-session", token, NULL, &r);
    assert_non_null(strstr(buf_text(&r.body), "\"emailVerified\":true"));
    desk_done(&r);
    DESK_IS(&desk, 302, "GET", link, NULL, NULL);
    DESK_IS(&desk, 400, "POST", "/api/auth/send-verification-email", token,
            "{\"email\":\"anna@example.org\"}");
    DESK_IS(&desk, 400, "POST", "/api/auth/send-verification-email", token,
            "{\"email\":\"ben@example.org\"}");
    DESK_IS(&desk, 200, "POST", "/api/auth/send-verification-email", NULL,
            "{\"email\":\"nobody@example.org\"}");
}

static void test_change_email(void **state)
{
    (void)state;
    struct reply r;
    char token[64], other[64], link[4096];
    desk_sign_up(&desk, "anna@example.org", token);
    desk_sign_up(&desk, "ben@example.org", other);
    DESK_IS(&desk, 400, "POST", "/api/auth/change-email", token,
            "{\"newEmail\":\"anna@example.org\"}");
    /* Taken: the same answer, no mail. */
    DESK_IS(&desk, 200, "POST", "/api/auth/change-email", token,
            "{\"newEmail\":\"ben@example.org\"}");
    DESK_IS(&desk, 200, "POST", "/api/auth/change-email", token,
            "{\"newEmail\":\"New@example.org\",\"callbackURL\":\"/done\"}");
    last_link(3, link);
    desk_ask(&desk, "GET", link, other, NULL, &r); /* with somebody else's session */
    assert_string_equal(desk_header(&r, "Location"), "/done?error=INVALID_USER");
    desk_done(&r);
    desk_ask(&desk, "GET", link, NULL, NULL, &r);
    assert_string_equal(desk_header(&r, "Location"), "/done");
    desk_done(&r);
    desk_ask(&desk, "GET", "/api/auth/get-session", token, NULL, &r);
    assert_string_equal(desk_text(&r, "user.email"), "new@example.org");
    desk_done(&r);
    desk_ask(&desk, "GET", link, NULL, NULL, &r); /* it was for the old address */
    assert_string_equal(desk_header(&r, "Location"), "/done?error=INVALID_TOKEN");
    desk_done(&r);
    assert_int_equal(desk_sign_in(&desk, "new@example.org", DESK_PASSWORD, token), 200);
    /* Taken meanwhile: nothing changes. */
    DESK_IS(&desk, 200, "POST", "/api/auth/change-email", other,
            "{\"newEmail\":\"late@example.org\"}");
    last_link(4, link);
    desk_sign_up(&desk, "late@example.org", token);
    desk_ask(&desk, "GET", link, NULL, NULL, &r);
    assert_string_equal(desk_header(&r, "Location"), "/verified?error=INVALID_TOKEN");
    desk_done(&r);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_sign_up),       T(test_sign_up_refused),
        T(test_sign_up_race),  T(test_sign_in),
        T(test_form),          T(test_not_remembered),
        T(test_secure),        T(test_get_session),
        T(test_expired),       T(test_refresh),
        T(test_bearer),        T(test_lists_and_revoking),
        T(test_disabled),      T(test_jwt),
        T(test_update_user),   T(test_change_password),
        T(test_imported_hash), T(test_delete_user),
        T(test_reset),         T(test_reset_bounds),
        T(test_verify),        T(test_change_email),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
