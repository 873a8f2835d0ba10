/* What a browser gets: pages in its language with a strict policy, assets and nothing else of the
 * program, the folder of --files, and spaces' addresses for members only. */
#include "server/desk.h"

#include "server/routes/app.h"
#include "server/routes/page.h"
#include <sys/stat.h>

static struct desk desk;
static char anna[64], bert[64];

static int set_up(void **state)
{
    (void)state;
    desk_open(&desk);
    desk_sign_up(&desk, "anna@example.org", anna);
    desk_sign_up(&desk, "bert@example.org", bert);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    desk_close(&desk);
    return 0;
}

static bool in_german(const char *target, const char *languages)
{
    struct reply r;
    const char *headers[] = {"Accept-Language", languages, NULL};
    desk_send(&desk, desk.sql, "GET", target, NULL, NULL, NULL, 0, languages ? headers : NULL, &r);
    assert_int_equal(r.status, 200);
    assert_string_equal(desk_header(&r, "Content-Type"), "text/html; charset=utf-8");
    bool german = strstr(buf_text(&r.body), "<html lang=\"de\">");
    assert_true(german || strstr(buf_text(&r.body), "<html lang=\"en\">"));
    desk_done(&r);
    return german;
}

static void languages(void **state)
{
    (void)state;
    static const char *const german[] = {
        "de",          "de-AT,de;q=0.9,en;q=0.8", "fr, de;q=0.5, en;q=0.4",
        "en;q=0.1,DE", "en;q=0, de;q=0.001",      NULL};
    static const char *const english[] = {
        "en",      "en-GB,de;q=0.9",    "fr", "", "*", "den", "de;q=0", "de;q=2", "de;q=x",
        ",,,;;;=", "de;q=0.5,en;q=0.5", NULL};
    static const char *const pages[] = {"/",
                                        "/reset-password",
                                        "/reset-password?token=abc",
                                        "/accept-invitation?id=x&secret=y",
                                        "/verified",
                                        NULL};
    for (int i = 0; german[i]; i++)
        if (!in_german("/verified", german[i]))
            fail_msg("not German: %s", german[i]);
    for (int i = 0; english[i]; i++)
        if (in_german("/verified", english[i]))
            fail_msg("not English: %s", english[i]);
    for (int i = 0; pages[i]; i++) {
        assert_false(in_german(pages[i], NULL));
        assert_true(in_german(pages[i], "de"));
    }
}

/* A page has no script or style of its own, sends nothing of its address on, sits in no frame. */
static void strict(void **state)
{
    (void)state;
    struct reply r;
    desk_ask(&desk, "GET", "/reset-password?token=%3Cscript%3E", NULL, NULL, &r);
    const char *policy = desk_header(&r, "Content-Security-Policy");
    assert_non_null(policy);
    assert_non_null(strstr(policy, "default-src 'none'"));
    assert_non_null(strstr(policy, "frame-ancestors 'none'"));
    assert_null(strstr(policy, "unsafe"));
    assert_string_equal(desk_header(&r, "Referrer-Policy"), "no-referrer");
    assert_string_equal(desk_header(&r, "X-Content-Type-Options"), "nosniff");
    assert_string_equal(desk_header(&r, "Vary"), "Accept-Language");
    assert_null(strstr(buf_text(&r.body), "<script>"));
    assert_non_null(strstr(buf_text(&r.body), "/assets/reset.js"));
    desk_done(&r);
    for (int i = 0; page_files[i].name; i++) {
        const char *text = (const char *)page_files[i].data;
        const char *dot = strrchr(page_files[i].name, '.');
        if (strcmp(dot, ".html") == 0) {
            /* nothing that the policy would stop, and both languages of each */
            assert_null(strstr(text, "style="));
            assert_null(strstr(text, " onclick"));
            assert_null(strstr(text, "<style"));
            assert_null(strstr(text, "http://"));
            assert_null(strstr(text, "https://"));
        } else {
            assert_null(strstr(text, "innerHTML"));
            assert_null(strstr(text, "eval("));
        }
    }
}

static void assets(void **state)
{
    (void)state;
    struct reply r;
    desk_ask(&desk, "GET", "/assets/style.css", NULL, NULL, &r);
    assert_int_equal(r.status, 200);
    const char *known[] = {"If-None-Match", desk_header(&r, "ETag"), NULL};
    struct reply again;
    desk_send(&desk, desk.sql, "GET", "/assets/style.css", NULL, NULL, NULL, 0, known, &again);
    assert_int_equal(again.status, 304);
    desk_done(&again);
    desk_done(&r);
    static const char *const nothing[] = {"/assets/",
                                          "/assets/reset.de.html",
                                          "/assets/x.js",
                                          "/assets/../secret",
                                          "/assets/style.css/",
                                          "/nothing",
                                          "/reset-password/",
                                          "/secret",
                                          "/server.db",
                                          "/@",
                                          NULL};
    for (int i = 0; nothing[i]; i++) {
        desk_ask(&desk, "GET", nothing[i], anna, NULL, &r);
        if (r.status != 404)
            fail_msg("%s: %d", nothing[i], r.status);
        desk_done(&r);
    }
    DESK_IS(&desk, 405, "POST", "/reset-password", NULL, NULL);
}

static void folder(void **state)
{
    (void)state;
    struct pages *own = desk.server->pages;
    struct reply r;
    char path[128];
    const struct raum_env *env = raum_env_native();
    snprintf(path, sizeof path, "%s/site", desk.kit.folder);
    assert_int_equal(pages_new(&desk.server->pages, path, NULL, &desk.kit.error),
                     RAUM_ENOT_FOUND);
    assert_int_equal(mkdir(path, 0700), 0);
    KIT_OK(&desk.kit, pages_new(&desk.server->pages, path, NULL, &desk.kit.error));
    desk_ask(&desk, "GET", "/", NULL, NULL, &r); /* no first page of its own yet */
    assert_non_null(strstr(buf_text(&r.body), "assets/style.css"));
    desk_done(&r);
    snprintf(path, sizeof path, "%s/site/index.html", desk.kit.folder);
    assert_int_equal(env->file_write(env->ctx, path, "own page", 8, 0644), 0);
    snprintf(path, sizeof path, "%s/site/a.txt", desk.kit.folder);
    assert_int_equal(env->file_write(env->ctx, path, "a text", 6, 0644), 0);
    desk_ask(&desk, "GET", "/", NULL, NULL, &r);
    assert_string_equal(buf_text(&r.body), "own page");
    desk_done(&r);
    desk_ask(&desk, "GET", "/a.txt", NULL, NULL, &r);
    assert_string_equal(buf_text(&r.body), "a text");
    desk_done(&r);
    /* What is the server's stays so, and its own files are out of reach. */
    DESK_IS(&desk, 200, "GET", "/reset-password", NULL, NULL);
    DESK_IS(&desk, 200, "GET", "/assets/reset.js", NULL, NULL);
    DESK_IS(&desk, 404, "GET", "/../secret", NULL, NULL);
    pages_free(desk.server->pages);
    desk.server->pages = own;
}

static void address_of(const char *slug, const char *token, int status, const char *location)
{
    struct reply r;
    desk_ask(&desk, "GET", slug, token, NULL, &r);
    if (r.status != status)
        fail_msg("%s: %d", slug, r.status);
    if (location)
        assert_string_equal(desk_header(&r, "Location"), location);
    desk_done(&r);
}

static void spaces(void **state)
{
    (void)state;
    struct reply r;
    char json[256];
    desk_ask(&desk, "POST", "/api/auth/organization/create", anna,
             "{\"name\":\"Marke\",\"slug\":\"marke\",\"metadata\":{\"type\":\"brand\"}}", &r);
    assert_int_equal(r.status, 200);
    snprintf(json, sizeof json, "{\"organizationId\":\"%s\",\"data\":{\"slug\":\"neue-marke\"}}",
             desk_text(&r, "id"));
    desk_done(&r);
    address_of("/@marke", anna, 200, NULL);
    DESK_IS(&desk, 200, "POST", "/api/auth/organization/update", anna, json);
    address_of("/@marke", anna, 302, "/@neue-marke");
    address_of("/@marke/pool/1", anna, 302, "/@neue-marke/pool/1");
    address_of("/@marke//evil.example", anna, 302, "/@neue-marke//evil.example");
    address_of("/@marke/a b", anna, 302, "/@neue-marke/");
    address_of("/@neue-marke/pool", anna, 200, NULL);
    /* Whoever is no member cannot tell a space from none. */
    struct reply none;
    desk_ask(&desk, "GET", "/@nowhere", bert, NULL, &none);
    static const char *const hidden[] = {"/@marke", "/@neue-marke", "/@neue-marke/x", NULL};
    for (int i = 0; hidden[i]; i++) {
        desk_ask(&desk, "GET", hidden[i], bert, NULL, &r);
        assert_int_equal(r.status, 404);
        assert_string_equal(buf_text(&r.body), buf_text(&none.body));
        assert_int_equal(r.http.out_count, none.http.out_count);
        desk_done(&r);
        address_of(hidden[i], NULL, 404, NULL);
    }
    desk_done(&none);
}

/* ---- the web app, packed as scripts/page does it ---- */

#define APP_PAGE "<!doctype html><title>app</title>"
#define APP_SCRIPT "export const sum = (a, b) => a + b;\n"

static const unsigned char page_packed[] =
    "\x1b\x20\x00\xf8\xa5\x5f\x78\xc2\xe0\x64\x21\xac\x08\x93\x01\x60\xa0\xc2\xe5\x7a\x01";
static const unsigned char script_packed[] =
    "\x8b\x11\x80"
    "export const sum = (a, b) => a + b;\n\x03";
static const struct app_file packed[] = {
    {"assets/index-k3jd82ha.js", script_packed, sizeof script_packed - 1, sizeof APP_SCRIPT - 1},
    {"index.html", page_packed, sizeof page_packed - 1, sizeof APP_PAGE - 1},
    {"sw.js", script_packed, sizeof script_packed - 1, sizeof APP_SCRIPT - 1},
    {NULL, NULL, 0, 0},
};

static int set_up_app(void **state)
{
    (void)state;
    const struct server_options with_app = {.app = packed};
    desk_open_with(&desk, &with_app);
    desk_sign_up(&desk, "anna@example.org", anna);
    desk_sign_up(&desk, "bert@example.org", bert);
    return 0;
}

static void as_browser(const char *target, const char *token, struct reply *r)
{
    const char *headers[] = {"Accept", "text/html,application/xhtml+xml,*/*;q=0.8", NULL};
    desk_send(&desk, desk.sql, "GET", target, token, NULL, NULL, 0, headers, r);
}

static void app_pages(void **state)
{
    (void)state;
    static const char *const pages[] = {"/", "/settings", "/all", "/accept-invitation?id=x", NULL};
    struct reply r;
    for (int i = 0; pages[i]; i++) {
        as_browser(pages[i], NULL, &r);
        assert_int_equal(r.status, 200);
        assert_string_equal(buf_text(&r.body), APP_PAGE);
        const char *policy = desk_header(&r, "Content-Security-Policy");
        assert_non_null(strstr(policy, "script-src 'self' 'wasm-unsafe-eval';"));
        assert_null(strstr(policy, "unsafe-inline"));
        assert_null(strstr(policy, "'unsafe-eval'"));
        assert_string_equal(desk_header(&r, "Cache-Control"), "no-cache");
        assert_string_equal(desk_header(&r, "Referrer-Policy"), "no-referrer");
        desk_done(&r);
    }
    /* The links of mails keep their small pages. */
    desk_ask(&desk, "GET", "/reset-password", NULL, NULL, &r);
    assert_non_null(strstr(buf_text(&r.body), "/assets/reset.js"));
    desk_done(&r);
}

static void app_files_served(void **state)
{
    (void)state;
    struct reply r, again;
    desk_ask(&desk, "GET", "/assets/index-k3jd82ha.js", NULL, NULL, &r);
    assert_int_equal(r.status, 200);
    assert_string_equal(buf_text(&r.body), APP_SCRIPT);
    /* A worker's script brings the worker's policy. */
    assert_non_null(strstr(desk_header(&r, "Content-Security-Policy"), "'wasm-unsafe-eval'"));
    assert_string_equal(desk_header(&r, "Cache-Control"), "public, max-age=31536000, immutable");
    const char *brotli[] = {"Accept-Encoding", "br", "If-None-Match", "\"x\"", NULL};
    desk_send(&desk, desk.sql, "GET", "/assets/index-k3jd82ha.js", NULL, NULL, NULL, 0, brotli,
              &again);
    assert_string_equal(desk_header(&again, "Content-Encoding"), "br");
    assert_int_equal(again.body.len, sizeof script_packed - 1);
    const char *known[] = {"If-None-Match", desk_header(&again, "ETag"), NULL};
    struct reply same;
    desk_send(&desk, desk.sql, "GET", "/assets/index-k3jd82ha.js", NULL, NULL, NULL, 0, known,
              &same);
    assert_int_equal(same.status, 304);
    desk_done(&same);
    desk_done(&again);
    desk_done(&r);
    desk_ask(&desk, "GET", "/sw.js", NULL, NULL, &r);
    assert_int_equal(r.status, 200);
    assert_string_equal(desk_header(&r, "Cache-Control"), "no-cache");
    desk_done(&r);
    /* The page is at its addresses only. */
    DESK_IS(&desk, 404, "GET", "/index.html", NULL, NULL);
    DESK_IS(&desk, 404, "GET", "/assets/index.html", NULL, NULL);
}

/* Also where there is nothing a browser gets the page, which looks on its device; it is the same
 * answer for a space that is there as for one that is not. */
static void app_nowhere(void **state)
{
    (void)state;
    struct reply mine, hidden, none;
    as_browser("/@anna/profile/me-images", anna, &mine);
    assert_int_equal(mine.status, 200);
    as_browser("/@anna/profile/me-images", bert, &hidden);
    as_browser("/@nowhere/profile/me-images", bert, &none);
    assert_int_equal(hidden.status, 404);
    assert_int_equal(none.status, 404);
    assert_string_equal(buf_text(&hidden.body), APP_PAGE);
    assert_string_equal(buf_text(&none.body), APP_PAGE);
    assert_int_equal(hidden.http.out_count, none.http.out_count);
    assert_string_equal(desk_header(&hidden, "ETag"), desk_header(&none, "ETag"));
    desk_done(&mine);
    desk_done(&hidden);
    desk_done(&none);
    desk_ask(&desk, "GET", "/nothing", anna, NULL, &none); /* a program reads JSON */
    assert_string_equal(desk_text(&none, "error.code"), "NOT_FOUND");
    desk_done(&none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(languages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(strict, set_up, tear_down),
        cmocka_unit_test_setup_teardown(assets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(folder, set_up, tear_down),
        cmocka_unit_test_setup_teardown(spaces, set_up, tear_down),
        cmocka_unit_test_setup_teardown(app_pages, set_up_app, tear_down),
        cmocka_unit_test_setup_teardown(app_files_served, set_up_app, tear_down),
        cmocka_unit_test_setup_teardown(app_nowhere, set_up_app, tear_down),
    };
    return cmocka_run_group_tests_name("page", tests, NULL, NULL);
}
