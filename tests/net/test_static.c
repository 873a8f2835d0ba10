#include "net/static.h"

#include "net/kit.h"
#include <brotli/decode.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/raum-static-XXXXXX", outside[80];
static struct static_files *files;
static struct static_item *page;
static char text[5000];

static void put(const char *name, const void *data, size_t len)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, len, file), len);
    fclose(file);
}

static void make_folder(const char *name)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(mkdir(path, 0700), 0);
}

static void link_to(const char *target, const char *name)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(symlink(target, path), 0);
}

static int start(void **state)
{
    struct raum_error error;
    (void)state;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)('a' + i % 7);
    assert_non_null(mkdtemp(folder));
    snprintf(outside, sizeof outside, "%s-outside", folder);
    FILE *file = fopen(outside, "w");
    fputs("secret", file);
    fclose(file);
    make_folder("site");
    make_folder("site/assets");
    make_folder("site/.git");
    make_folder("site/.well-known");
    put("site/index.html", "<p>hello</p>", 12);
    put("site/assets/app-BfX2a9Qk.js", text, sizeof text);
    put("site/assets/plain.css", text, sizeof text);
    put("site/photo.webp", text, sizeof text);
    put("site/empty.txt", "", 0);
    put("site/.env", "secret", 6);
    put("site/.git/config", "secret", 6);
    put("site/.well-known/x.txt", "well", 4);
    put("secret.txt", "secret", 6);
    link_to("../secret.txt", "site/out.txt");
    link_to("..", "site/up");
    link_to("/etc", "site/etc");
    link_to("index.html", "site/in.html");
    char path[200];
    snprintf(path, sizeof path, "%s/site/pipe.txt", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    snprintf(path, sizeof path, "%s/site", folder);
    assert_int_equal(static_open(&files, path, 30000, &error), 0);
    assert_int_equal(static_item_new(&page, "index.html", text, sizeof text, &error), 0);
    return 0;
}

static int stop(void **state)
{
    char command[300];
    (void)state;
    static_close(files);
    static_item_free(page);
    snprintf(command, sizeof command, "rm -rf '%s' '%s'", folder, outside);
    return system(command);
}

/* A request without a socket. */
struct ask {
    struct http_request q;
    struct http_header in[2];
};

static void ask(struct ask *a, const char *method, const char *header, const char *value)
{
    memset(a, 0, sizeof *a);
    arena_init(&a->q.arena, 1 << 20);
    buf_init(&a->q.answer, 1 << 24);
    a->q.method = method;
    a->q.query = "";
    if (header) {
        a->in[0] = (struct http_header){header, value};
        a->q.headers = a->in;
        a->q.header_count = 1;
    }
}

static void done(struct ask *a)
{
    arena_release(&a->q.arena);
    buf_release(&a->q.answer);
}

static const char *out(const struct ask *a, const char *name)
{
    for (int i = 0; i < a->q.out_count; i++)
        if (strcmp(a->q.out[i].name, name) == 0)
            return a->q.out[i].value;
    return NULL;
}

static int get(struct ask *a, const char *path)
{
    ask(a, "GET", NULL, NULL);
    return static_reply(files, &a->q, path);
}

static void test_files(void **state)
{
    struct ask a;
    (void)state;
    assert_int_equal(get(&a, "/"), 0);
    assert_int_equal(a.q.status, 200);
    assert_string_equal(buf_text(&a.q.answer), "<p>hello</p>");
    assert_string_equal(out(&a, "Content-Type"), "text/html; charset=utf-8");
    assert_string_equal(out(&a, "Cache-Control"), "no-cache");
    assert_string_equal(out(&a, "X-Content-Type-Options"), "nosniff");
    done(&a);
    assert_int_equal(get(&a, "/assets/app-BfX2a9Qk.js"), 0);
    assert_string_equal(out(&a, "Cache-Control"), "public, max-age=31536000, immutable");
    assert_string_equal(out(&a, "Vary"), "Accept-Encoding");
    assert_null(out(&a, "Content-Encoding"));
    assert_int_equal(a.q.answer.len, sizeof text);
    done(&a);
    assert_int_equal(get(&a, "/photo.webp"), 0);
    assert_null(out(&a, "Vary"));
    done(&a);
    assert_int_equal(get(&a, "/empty.txt"), 0);
    assert_int_equal(a.q.answer.len, 0);
    done(&a);
    assert_int_equal(get(&a, "/in.html"), 0); /* a link that stays inside */
    done(&a);
    assert_int_equal(get(&a, "/.well-known/x.txt"), 0);
    done(&a);
}

static void test_nothing_else(void **state)
{
    static const char *const paths[] = {
        "/nothing",
        "/assets",
        "/assets/",
        "/.env",
        "/.git/config",
        "/../secret.txt",
        "/assets/../../secret.txt",
        "/out.txt",
        "/up/secret.txt",
        "/etc/passwd",
        "/pipe.txt",
        "//etc/passwd",
        "/a\\..\\b",
        "index.html",
        "",
        "/index.html/",
        "/index.html/x",
        "/assets//plain.css",
        "/..",
    };
    struct ask a;
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        if (get(&a, paths[i]) != RAUM_ENOT_FOUND)
            fail_msg("%s was served", paths[i]);
        assert_int_equal(a.q.status, 0);
        assert_int_equal(a.q.out_count, 0);
        done(&a);
    }
    char *path = calloc(1, 5000);
    memset(path, 'a', 4999);
    path[0] = '/';
    assert_int_equal(get(&a, path), RAUM_ENOT_FOUND);
    done(&a);
    free(path);
    struct static_files *none;
    struct raum_error error;
    assert_int_equal(static_open(&none, "/no/such/folder", 0, &error), RAUM_ENOT_FOUND);
    assert_non_null(strstr(error.text, "/no/such/folder"));
    assert_null(none);
    static_close(NULL);
    static_item_free(NULL);
}

static void matched(const char *value, int status)
{
    struct ask a;
    ask(&a, "GET", "If-None-Match", value);
    assert_int_equal(static_item_reply(page, &a.q), 0);
    if (a.q.status != status)
        fail_msg("%d for %s", a.q.status, value);
    assert_non_null(out(&a, "ETag"));
    assert_int_equal(a.q.answer.len, status == 304 ? 0 : sizeof text);
    done(&a);
}

static void test_etag(void **state)
{
    struct ask a;
    char tag[100], list[300];
    (void)state;
    ask(&a, "GET", NULL, NULL);
    assert_int_equal(static_item_reply(page, &a.q), 0);
    snprintf(tag, sizeof tag, "%s", out(&a, "ETag"));
    assert_int_equal(strlen(tag), 34);
    done(&a);
    matched(tag, 304);
    matched("*", 304);
    snprintf(list, sizeof list, "\"x\", W/%s", tag);
    matched(list, 304);
    snprintf(list, sizeof list, "\"a,b\" ,, %s,", tag);
    matched(list, 304);
    snprintf(list, sizeof list, "\"%.32s-br\"", tag + 1);
    matched(list, 304);
    matched("\"x\"", 200);
    matched("", 200);
    matched("\"", 200);
    matched("W/", 200);
    snprintf(list, sizeof list, "\"%.31s\"", tag + 1);
    matched(list, 200);
    snprintf(list, sizeof list, "%.32s", tag + 1); /* without quotes it is none */
    matched(list, 200);
}

static void test_brotli(void **state)
{
    struct ask a;
    static uint8_t plain[sizeof text + 1];
    size_t len = sizeof plain;
    (void)state;
    ask(&a, "GET", "Accept-Encoding", "gzip, deflate, br");
    assert_int_equal(static_item_reply(page, &a.q), 0);
    assert_string_equal(out(&a, "Content-Encoding"), "br");
    assert_true(a.q.answer.len < 200);
    assert_int_equal(
        BrotliDecoderDecompress(a.q.answer.len, (const uint8_t *)a.q.answer.data, &len, plain),
        BROTLI_DECODER_RESULT_SUCCESS);
    assert_int_equal(len, sizeof text);
    assert_memory_equal(plain, text, len);
    assert_non_null(strstr(out(&a, "ETag"), "-br\""));
    char tag[100];
    snprintf(tag, sizeof tag, "%s", out(&a, "ETag"));
    done(&a);
    matched(tag, 304);
    static const char *const without[] = {"gzip", "br;q=0", "", "identity"};
    for (int i = 0; i < 4; i++) {
        ask(&a, "GET", "Accept-Encoding", without[i]);
        assert_int_equal(static_item_reply(page, &a.q), 0);
        assert_null(out(&a, "Content-Encoding"));
        assert_int_equal(a.q.answer.len, sizeof text);
        done(&a);
    }
}

static void test_methods(void **state)
{
    struct ask a;
    (void)state;
    ask(&a, "POST", NULL, NULL);
    assert_int_equal(static_item_reply(page, &a.q), 0);
    assert_int_equal(a.q.status, 405);
    assert_string_equal(out(&a, "Allow"), "GET, HEAD");
    done(&a);
    ask(&a, "GET", NULL, NULL);
    assert_int_equal(http_add(&a.q, "Cache-Control", "private"), 0);
    assert_int_equal(static_item_reply(page, &a.q), 0);
    assert_string_equal(out(&a, "Cache-Control"), "private");
    done(&a);
}

/* What changes on disk is served anew; what does not fit is served all the same. */
static void test_changes(void **state)
{
    struct ask a;
    char name[60], path[60], tag[100];
    (void)state;
    put("site/change.txt", "one", 3);
    assert_int_equal(get(&a, "/change.txt"), 0);
    assert_string_equal(buf_text(&a.q.answer), "one");
    snprintf(tag, sizeof tag, "%s", out(&a, "ETag"));
    done(&a);
    kit_sleep(15);
    put("site/change.txt", "two", 3);
    assert_int_equal(get(&a, "/change.txt"), 0);
    assert_string_equal(buf_text(&a.q.answer), "two");
    assert_string_not_equal(tag, out(&a, "ETag"));
    done(&a);
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < 20; i++) { /* 20 files of 7.5 KB in 30 KB */
            snprintf(name, sizeof name, "site/f%d.txt", i);
            snprintf(path, sizeof path, "/f%d.txt", i);
            if (round == 0)
                put(name, text, sizeof text - (size_t)i);
            assert_int_equal(get(&a, path), 0);
            assert_int_equal(a.q.answer.len, sizeof text - (size_t)i);
            done(&a);
        }
}

static void test_names(void **state)
{
    (void)state;
    assert_true(static_is_hashed("assets/index-BfX2a9Qk.js"));
    assert_true(static_is_hashed("app.3f2a1b4c.css"));
    assert_false(static_is_hashed("index.html"));
    assert_false(static_is_hashed("service-worker.js"));
    assert_false(static_is_hashed("raum-instructions.txt"));
    assert_false(static_is_hashed("report-20240101.txt"));
    assert_false(static_is_hashed("a-Ab1.js"));
    assert_false(static_is_hashed(".3f2a1b4c"));
    assert_false(static_is_hashed("BfX2a9Qk"));
    assert_false(static_is_hashed("x-BfX2a9Qk/index.html"));
    assert_string_equal(static_type("a/b.WASM"), "application/wasm");
    assert_string_equal(static_type("a.b/c"), "application/octet-stream");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),   cmocka_unit_test(test_nothing_else),
        cmocka_unit_test(test_etag),    cmocka_unit_test(test_brotli),
        cmocka_unit_test(test_methods), cmocka_unit_test(test_changes),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
