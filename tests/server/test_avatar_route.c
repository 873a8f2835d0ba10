/* The account's picture (G-T11): it shows up in the session, each has an address of its own, the
 * old one dies; nothing but a small clean WebP gets in. */
#include "server/desk.h"

#define AVATAR "/api/v1/avatar"
#define SIDE_BITS(w, h) (((w) - 1) | (uint32_t)((h) - 1) << 14)

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

/* ---- WebP files, made by hand ---- */

struct file {
    unsigned char data[70000];
    size_t len;
};

static void le32(unsigned char *at, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        at[i] = (unsigned char)(v >> 8 * i);
}

static void chunk(struct file *f, const char *type, const void *body, size_t len)
{
    memcpy(f->data + f->len, type, 4);
    le32(f->data + f->len + 4, (uint32_t)len);
    memcpy(f->data + f->len + 8, body, len);
    f->len += 8 + len;
    if (len & 1)
        f->data[f->len++] = 0;
    le32(f->data + 4, (uint32_t)(f->len - 8));
}

static void begin(struct file *f)
{
    memset(f, 0, sizeof *f);
    memcpy(f->data, "RIFF\0\0\0\0WEBP", 12);
    f->len = 12;
}

/* The smallest that has this size: only its header is looked at. `filler` tells pictures apart. */
static void webp(struct file *f, unsigned width, unsigned height, size_t size, int filler)
{
    static unsigned char body[66000];
    memset(body, filler, sizeof body);
    body[0] = 0x2F;
    le32(body + 1, SIDE_BITS(width, height));
    begin(f);
    chunk(f, "VP8L", body, size - 20);
}

static void extended(struct file *f, unsigned flags, unsigned width, unsigned height)
{
    unsigned char head[10] = {(unsigned char)flags};
    head[4] = (unsigned char)(width - 1);
    head[7] = (unsigned char)(height - 1);
    begin(f);
    chunk(f, "VP8X", head, sizeof head);
}

static void picture(struct file *f, unsigned width, unsigned height)
{
    unsigned char body[20] = {0x2F};
    le32(body + 1, SIDE_BITS(width, height));
    chunk(f, "VP8L", body, sizeof body);
}

/* ---- sending ---- */

static int send(const char *token, const char *type, const void *data, size_t len, struct reply *r)
{
    desk_send(&desk, desk.sql, "PUT", AVATAR, token, type, data, len, NULL, r);
    return r->status;
}

static void refused(int status, const char *type, const struct file *f)
{
    struct reply r;
    if (send(anna, type, f->data, f->len, &r) != status)
        fail_msg("%d, not %d: %s", r.status, status, buf_text(&r.body));
    assert_true(desk_text(&r, "error.code")[0]);
    desk_done(&r);
}

/* Path of the picture's address. */
static void taken(const char *token, const struct file *f, char path[256])
{
    struct reply r;
    if (send(token, "image/webp", f->data, f->len, &r) != 200)
        fail_msg("%d: %s", r.status, buf_text(&r.body));
    const char *url = desk_text(&r, "image");
    assert_memory_equal(url, DESK_ORIGIN, strlen(DESK_ORIGIN));
    snprintf(path, 256, "%s", url + strlen(DESK_ORIGIN));
    desk_done(&r);
}

static void shown(const char *token, const char *path)
{
    struct reply r;
    char wanted[512] = "";
    desk_ask(&desk, "GET", "/api/auth/get-session", token, NULL, &r);
    if (path)
        snprintf(wanted, sizeof wanted, "%s%s", DESK_ORIGIN, path);
    assert_string_equal(desk_text(&r, "user.image"), wanted);
    assert_true(path || json_is(json_get(json_get(r.json, "user"), "image"), JSON_NULL));
    desk_done(&r);
}

/* ---- tests ---- */

static void a_picture(void **state)
{
    (void)state;
    struct file f;
    struct reply r;
    char path[256], second[256], other[256];
    webp(&f, 256, 256, 5000, 1);
    shown(anna, NULL);
    taken(anna, &f, path);
    shown(anna, path);
    desk_ask(&desk, "GET", path, NULL, NULL, &r); /* public */
    assert_int_equal(r.status, 200);
    assert_int_equal(r.body.len, f.len);
    assert_memory_equal(r.body.data, f.data, f.len);
    assert_string_equal(desk_header(&r, "Content-Type"), "image/webp");
    assert_string_equal(desk_header(&r, "X-Content-Type-Options"), "nosniff");
    assert_non_null(strstr(desk_header(&r, "Cache-Control"), "public"));
    assert_non_null(strstr(desk_header(&r, "Cache-Control"), "immutable"));
    const char *known[] = {"If-None-Match", desk_header(&r, "ETag"), NULL};
    struct reply again;
    desk_send(&desk, desk.sql, "GET", path, NULL, NULL, NULL, 0, known, &again);
    assert_int_equal(again.status, 304);
    assert_int_equal(again.body.len, 0);
    desk_done(&again);
    desk_done(&r);
    /* The next one has another address, also when it is the same picture; the first is gone. */
    taken(anna, &f, second);
    assert_string_not_equal(path, second);
    DESK_CODE(&desk, 404, "NOT_FOUND", "GET", path, NULL, NULL);
    DESK_IS(&desk, 200, "GET", second, NULL, NULL);
    shown(anna, second);
    /* Somebody else's is another matter. */
    taken(bert, &f, other);
    DESK_IS(&desk, 200, "DELETE", AVATAR, bert, NULL);
    DESK_CODE(&desk, 404, "NOT_FOUND", "GET", other, NULL, NULL);
    shown(bert, NULL);
    shown(anna, second);
    DESK_IS(&desk, 200, "GET", second, NULL, NULL);
}

static void cleared(void **state)
{
    (void)state;
    struct file f;
    struct reply r;
    char path[256];
    webp(&f, 1, 1, 64, 1);
    taken(anna, &f, path);
    assert_int_equal(send(anna, NULL, NULL, 0, &r), 200); /* an empty body */
    assert_string_equal(buf_text(&r.body), "{\"image\":null}");
    desk_done(&r);
    shown(anna, NULL);
    DESK_CODE(&desk, 404, "NOT_FOUND", "GET", path, NULL, NULL);
    DESK_IS(&desk, 200, "DELETE", AVATAR, anna, NULL); /* twice is as once */
    /* Cleared or changed by the other way that Better Auth has. */
    taken(anna, &f, path);
    DESK_IS(&desk, 200, "POST", "/api/auth/update-user", anna, "{\"image\":null}");
    DESK_CODE(&desk, 404, "NOT_FOUND", "GET", path, NULL, NULL);
    taken(anna, &f, path);
    DESK_IS(&desk, 200, "POST", "/api/auth/update-user", anna,
            "{\"image\":\"https://example.org/a.png\"}");
    DESK_CODE(&desk, 404, "NOT_FOUND", "GET", path, NULL, NULL);
    /* And with the account. */
    taken(anna, &f, path);
    DESK_IS(&desk, 200, "POST", "/api/auth/delete-user", anna,
            "{\"password\":\"" DESK_PASSWORD "\"}");
    DESK_CODE(&desk, 404, "NOT_FOUND", "GET", path, NULL, NULL);
}

static void nobody(void **state)
{
    (void)state;
    struct file f;
    struct reply r;
    webp(&f, 10, 10, 64, 1);
    assert_int_equal(send(NULL, "image/webp", f.data, f.len, &r), 401);
    desk_done(&r);
    DESK_IS(&desk, 401, "DELETE", AVATAR, NULL, NULL);
    static const char *const guesses[] = {
        "", "/", "/a", "/00000000000000000000000000000000", "/%", "/' OR 1=1 --", "/_", "/..", NULL,
    };
    for (const char *const *one = guesses; *one; one++) {
        char path[256];
        snprintf(path, sizeof path, "%s%s", AVATAR, *one);
        desk_ask(&desk, "GET", path, anna, NULL, &r);
        if (r.status != 404 && r.status != 405)
            fail_msg("%s: %d", path, r.status);
        desk_done(&r);
    }
    /* A cookie from a page of somebody else's (no listed Origin) changes nothing. */
    const char *forged[] = {"Cookie", "better-auth.session_token=x.y", "Origin",
                            "https://evil.example", NULL};
    desk_send(&desk, desk.sql, "PUT", AVATAR, NULL, "image/webp", f.data, f.len, forged, &r);
    assert_true(r.status == 403 || r.status == 401);
    desk_done(&r);
    shown(anna, NULL);
}

static void refusals(void **state)
{
    (void)state;
    static struct file f;
    char path[256];
    webp(&f, 256, 256, 65536, 7);
    taken(anna, &f, path); /* as much as may be */
    refused(415, "image/png", &f);
    refused(415, NULL, &f);
    webp(&f, 256, 256, 65538, 7);
    refused(413, "image/webp", &f);
    webp(&f, 257, 256, 64, 7);
    refused(413, "image/webp", &f);
    webp(&f, 256, 257, 64, 7);
    refused(413, "image/webp", &f);
    webp(&f, 16384, 16384, 64, 7);
    refused(415, "image/webp", &f);
    /* Something behind the end. */
    webp(&f, 20, 20, 64, 7);
    f.data[f.len++] = 'x';
    refused(415, "image/webp", &f);
    /* Metadata, whether the header admits it or not. */
    for (unsigned flags = 0; flags < 0x40; flags += 4)
        for (const char *const *type = (const char *const[]){"EXIF", "XMP ", "ABCD", NULL}; *type;
             type++) {
            extended(&f, flags, 20, 20);
            picture(&f, 20, 20);
            chunk(&f, *type, "GPS 48.1 11.5", 13);
            refused(415, "image/webp", &f);
        }
    /* A profile of colours is part of the picture; announced and there. */
    extended(&f, 0x20, 20, 20);
    chunk(&f, "ICCP", "profile!", 8);
    picture(&f, 20, 20);
    taken(anna, &f, path);
    extended(&f, 0x02, 20, 20); /* moving */
    picture(&f, 20, 20);
    refused(415, "image/webp", &f);
    memcpy(f.data, "GIF89a", 6);
    refused(415, "image/webp", &f);
    memcpy(f.data, "<svg xmlns=\"http://www.w3.org/2000/svg\">", 40);
    refused(415, "image/webp", &f);
    shown(anna, path);
}

/* Cut off anywhere and altered anywhere: an answer each time, and metadata never gets in. */
static void broken(void **state)
{
    (void)state;
    static struct file whole, f;
    const char *seed = getenv("RAUM_SEED");
    unsigned x = seed ? (unsigned)strtoul(seed, NULL, 10) : 1;
    struct reply r;
    print_message("seed %u\n", x);
    extended(&whole, 0x08, 20, 20);
    picture(&whole, 20, 20);
    chunk(&whole, "EXIF", "GPS 48.1 11.5", 13);
    for (size_t len = 1; len < whole.len; len++) {
        int status = send(anna, "image/webp", whole.data, len, &r);
        if (status != 415)
            fail_msg("cut off at %zu: %d", len, status);
        desk_done(&r);
    }
    for (int i = 0; i < 2000; i++) {
        f = whole;
        for (int n = 0; n < 3; n++) {
            x = x * 1664525u + 1013904223u;
            f.data[x % f.len] = (unsigned char)(x >> 24);
        }
        int status = send(anna, "image/webp", f.data, f.len, &r);
        if (status == 200 && memmem(f.data, f.len, "GPS", 3) &&
            memmem(f.data, f.len, "VP8L", 4) > memmem(f.data, f.len, "GPS", 3))
            fail_msg("metadata got in, round %d", i);
        assert_true(status == 200 || status == 413 || status == 415);
        desk_done(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_picture, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cleared, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refusals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(broken, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("avatar_route", tests, NULL, NULL);
}
