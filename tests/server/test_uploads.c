/* What arrives, and how: tus in parts, over restarts (G-O1), within limits (G-O3); what is no
 * picture (G-P5), and what a picture is cleaned of (G-P3). */
#include "server/gallery.h"

/* ---- tests: uploading ---- */

static void test_in_parts(void **state)
{
    (void)state;
    struct file f = sample("gps.jpg");
    struct reply r;
    desk_ask(&g.desk, "OPTIONS", API, NULL, NULL, &r);
    assert_int_equal(r.status, 204);
    assert_string_equal(desk_header(&r, "Tus-Version"), "1.0.0");
    assert_non_null(strstr(desk_header(&r, "Tus-Extension"), "creation-with-upload"));
    assert_string_equal(desk_header(&r, "Tus-Max-Size"), number(MEDIA_FILE_MAX));
    desk_done(&r);
    assert_int_equal(create(g.anna, f.len, metadata("fam", "m1", "me", NULL), NULL, 0), 201);
    for (size_t at = 0; at < f.len; at += 300) {
        size_t len = f.len - at < 300 ? f.len - at : 300;
        assert_int_equal(simple("HEAD", g.anna), 200);
        assert_string_equal(g.offset, number(at));
        assert_int_equal(see(g.anna, "m1"), 404);
        assert_int_equal(patch(g.anna, at, f.data + at, len), 204);
        assert_string_equal(g.offset, number(at + len));
    }
    assert_int_equal(simple("HEAD", g.anna), 200); /* its answer may have been lost */
    assert_string_equal(g.offset, number(f.len));
    assert_int_equal(see(g.anna, "m1"), 200);
    assert_int_equal(files_in("media"), 4);
    assert_int_equal(files_in("uploads"), 0);
    free(f.data);
}

static void test_headers_that_are_wrong(void **state)
{
    (void)state;
    struct file f = sample("gps.jpg");
    struct reply r;
    static const char *const wrong[] = {
        "",
        "spaceId",
        "spaceId ZmFt,mediaId bTE",
        "spaceId ZmFt,mediaId !!!!,purpose bWU=",
        "spaceId ZmFt,mediaId bTE=",                      /* no purpose */
        "spaceId ZmFt,mediaId bTE=,purpose eA==",         /* another */
        "spaceId ZmFt,purpose bWU=",                      /* no id */
        "spaceId ZmFt,mediaId Li4vLi4=,purpose bWU=",     /* ../.. */
        "spaceId ZmFt,mediaId dXBsb2Fkcw==,purpose bWU=", /* uploads */
        "spaceId ZmFt,mediaId bTE=,mediaId bTI=,purpose bWU=",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(create(g.anna, 10, wrong[i], NULL, 0), 400);
        assert_string_equal(g.code, "BAD_CHANGE");
    }
    assert_int_equal(create(g.anna, 0, metadata("fam", "m1", "me", NULL), NULL, 0), 415);
    assert_int_equal(create(g.anna, MEDIA_FILE_MAX + 1, metadata("fam", "m1", "me", NULL), NULL, 0),
                     413);
    assert_int_equal(create(g.anna, 10, metadata("other", "m1", "me", NULL), NULL, 0), 404);
    assert_int_equal(create(g.anna, 10, metadata("nowhere", "m1", "me", NULL), NULL, 0), 404);
    assert_int_equal(create(NULL, 10, metadata("fam", "m1", "me", NULL), NULL, 0), 401);
    const char *none[] = {"Upload-Length", "10", NULL};
    desk_send(&g.desk, g.desk.sql, "POST", API, g.anna, NULL, NULL, 0, none, &r);
    assert_string_equal(desk_header(&r, "Tus-Version"), "1.0.0");
    assert_int_equal(done(&r), 412);
    const char *bad_length[] = {"Tus-Resumable", "1.0.0", "Upload-Length", "-1", NULL};
    desk_send(&g.desk, g.desk.sql, "POST", API, g.anna, NULL, NULL, 0, bad_length, &r);
    assert_int_equal(done(&r), 400);
    /* Of an upload that is on its way. */
    assert_int_equal(create(g.anna, f.len, metadata("fam", "m1", "me", NULL), NULL, 0), 201);
    assert_int_equal(patch(g.anna, 5, f.data, 10), 409);
    assert_string_equal(g.offset, "0");
    assert_int_equal(patch(g.anna, 0, f.data, f.len + 1 > 100 ? 100 : 10), 204);
    assert_int_equal(patch(g.anna, 100, f.data, f.len), 413);
    assert_int_equal(patch(g.bert, 100, f.data, 10), 404);
    assert_int_equal(simple("HEAD", g.bert), 404);
    assert_int_equal(simple("DELETE", g.bert), 404);
    assert_int_equal(simple("HEAD", NULL), 401);
    const char *typed[] = {"Tus-Resumable", "1.0.0", "Upload-Offset", "100", NULL};
    desk_send(&g.desk, g.desk.sql, "PATCH", g.upload, g.anna, "image/jpeg", f.data, 10, typed, &r);
    assert_int_equal(done(&r), 415);
    const char *summed[] = {"Tus-Resumable",
                            "1.0.0",
                            "Upload-Offset",
                            "100",
                            "Upload-Checksum",
                            "sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
                            NULL};
    desk_send(&g.desk, g.desk.sql, "PATCH", g.upload, g.anna, "application/offset+octet-stream",
              f.data + 100, 10, summed, &r);
    assert_int_equal(done(&r), 460);
    const char *unknown[] = {"Tus-Resumable",  "1.0.0", "Upload-Offset", "100", "Upload-Checksum",
                             "crc32 AAAAAA==", NULL};
    desk_send(&g.desk, g.desk.sql, "PATCH", g.upload, g.anna, "application/offset+octet-stream",
              f.data + 100, 10, unknown, &r);
    assert_int_equal(done(&r), 400);
    /* None of that has moved it; the rest makes the picture. */
    assert_int_equal(simple("HEAD", g.anna), 200);
    assert_string_equal(g.offset, "100");
    assert_int_equal(patch(g.anna, 100, f.data + 100, f.len - 100), 204);
    free(f.data);
}

static void test_checksum_that_fits(void **state)
{
    (void)state;
    struct file f = sample("gps.webp");
    struct reply r;
    /* sha1 of "RIFF" */
    const char *headers[] = {"Tus-Resumable",
                             "1.0.0",
                             "Upload-Offset",
                             "0",
                             "Upload-Checksum",
                             "sha1 bKChLCPwNxngIp/oXjTJjecHk5c=",
                             NULL};
    assert_int_equal(create(g.anna, f.len, metadata("fam", "m1", "me", NULL), NULL, 0), 201);
    desk_send(&g.desk, g.desk.sql, "PATCH", g.upload, g.anna, "application/offset+octet-stream",
              f.data, 4, headers, &r);
    assert_int_equal(done(&r), 204);
    headers[3] = "4";
    headers[5] = "sha256 pA/z1ZAPt2mLjIZQQTR8tJ7M7cj5OUX4limtEEquzOQ=";
    desk_send(&g.desk, g.desk.sql, "PATCH", g.upload, g.anna, "application/offset+octet-stream",
              f.data, 4, headers, &r);
    assert_int_equal(done(&r), 204);
    free(f.data);
}

static void test_termination_and_end(void **state)
{
    (void)state;
    struct file f = sample("gps.jpg");
    assert_int_equal(create(g.anna, f.len, metadata("fam", "m1", "me", NULL), f.data, 200), 201);
    assert_string_equal(g.offset, "200");
    assert_int_equal(files_in("uploads"), 1);
    assert_int_equal(simple("DELETE", g.anna), 204);
    assert_int_equal(files_in("uploads"), 0);
    assert_int_equal(simple("HEAD", g.anna), 404);
    assert_int_equal(create(g.anna, f.len, metadata("fam", "m1", "me", NULL), f.data, 200), 201);
    g.now += UPLOAD_MS + 1;
    assert_int_equal(simple("HEAD", g.anna), 410);
    assert_int_equal(patch(g.anna, 200, f.data + 200, 10), 410);
    sweep();
    assert_int_equal(count_of("SELECT count(*) AS n FROM uploads"), 0);
    assert_int_equal(simple("HEAD", g.anna), 404);
    assert_int_equal(files_in("uploads"), 0);
    free(f.data);
}

/* The same id: the same bytes are fine, others are refused; a device that names their hash need
 * not send them. */
static void test_the_same_again(void **state)
{
    (void)state;
    struct file f = sample("gps.jpg");
    struct media_row found;
    struct arena a;
    arena_init(&a, 65536);
    assert_int_equal(put(g.anna, "fam", "m1", "gps.jpg"), 201);
    assert_int_equal(put(g.anna, "fam", "m1", "gps.jpg"), 200);
    assert_int_equal(put(g.anna, "fam", "m1", "gps.png"), 409);
    assert_int_equal(count_of("SELECT count(*) AS n FROM media"), 1);
    KIT_OK(&g.desk.kit, media_own(g.desk.sql, &a, account_of("anna@example.org"), "fam", "m1",
                                  &found, &g.desk.kit.error));
    assert_int_equal(create(g.anna, f.len, metadata("fam", "m1", "me", found.hash), NULL, 0), 200);
    assert_string_equal(g.upload, API "/m1");
    char other[MEDIA_HASH_TEXT];
    snprintf(other, sizeof other, "%s", found.hash);
    other[0] = other[0] == 'a' ? 'b' : 'a';
    assert_int_equal(create(g.anna, f.len, metadata("fam", "m1", "me", other), NULL, 0), 409);
    /* Another's same id is another picture: nobody takes an id away from anybody (G-P7). */
    assert_int_equal(create(g.bert, f.len, metadata("fam", "m1", "me", found.hash), NULL, 0), 201);
    assert_int_equal(put(g.bert, "fam", "m1", "gps.png"), 201);
    arena_release(&a);
    free(f.data);
}

static void test_limits(void **state)
{
    (void)state;
    struct file f = sample("gps.jpg");
    for (int i = 0; i < UPLOADS_AT_ONCE; i++)
        assert_int_equal(
            create(g.anna, 1000, metadata("fam", number((size_t)i + 1), "me", NULL), NULL, 0), 201);
    assert_int_equal(create(g.anna, 1000, metadata("fam", "more", "me", NULL), NULL, 0), 429);
    assert_string_equal(g.code, "RATE_LIMITED");
    assert_int_equal(create(g.bert, 1000, metadata("fam", "more", "me", NULL), NULL, 0), 201);
    run_sql("DELETE FROM uploads");
    KIT_OK(&g.desk.kit,
           media_set_quota(g.desk.sql, account_of("anna@example.org"), 3000, &g.desk.kit.error));
    assert_int_equal(create(g.anna, 2000, metadata("fam", "a", "me", NULL), NULL, 0), 201);
    assert_int_equal(create(g.anna, 1001, metadata("fam", "b", "me", NULL), NULL, 0), 413);
    assert_string_equal(g.code, "TOO_LARGE");
    assert_int_equal(create(g.anna, 1000, metadata("fam", "b", "me", NULL), NULL, 0), 201);
    run_sql("DELETE FROM uploads");
    /* What is kept counts, also in the trash. */
    assert_int_equal(put_bytes(g.anna, "fam", "kept", &f), 201);
    assert_int_equal(take_away(g.anna, "kept"), 204);
    assert_int_equal(create(g.anna, 3000 - 100, metadata("fam", "b", "me", NULL), NULL, 0), 413);
    KIT_OK(&g.desk.kit,
           media_set_quota(g.desk.sql, account_of("anna@example.org"), -1, &g.desk.kit.error));
    assert_int_equal(create(g.anna, 3000, metadata("fam", "b", "me", NULL), NULL, 0), 201);
    free(f.data);
}

/* G-O1: the server ends anywhere; what was acknowledged is there afterwards. */
static void test_restarts(void **state)
{
    (void)state;
    struct file f = sample("gps.png");
    assert_int_equal(create(g.anna, f.len, metadata("fam", "m1", "me", NULL), f.data, 500), 201);
    desk_restart(&g.desk);
    assert_int_equal(simple("HEAD", g.anna), 200);
    assert_string_equal(g.offset, "500");
    assert_int_equal(patch(g.anna, 500, f.data + 500, 500), 204);
    desk_restart(&g.desk);
    sweep();
    assert_int_equal(simple("HEAD", g.anna), 200);
    assert_string_equal(g.offset, "1000");
    /* Killed between the last byte and the picture: the next look makes it. */
    char path[512];
    snprintf(path, sizeof path, "%s/uploads/%s", g.desk.kit.folder, strrchr(g.upload, '/') + 1);
    file_spit(path, f.data, f.len);
    assert_int_equal(see(g.anna, "m1"), 404);
    desk_restart(&g.desk);
    assert_int_equal(simple("HEAD", g.anna), 200);
    assert_string_equal(g.offset, number(f.len));
    assert_int_equal(see(g.anna, "m1"), 200);
    free(f.data);
}

/* A decoder that cannot start is no verdict: the upload waits. One that never ends is. */
static int failing_code;
static int fail_to_resize(void *ctx, const void *data, size_t len, struct buf variants[3],
                          uint32_t *width, uint32_t *height, struct raum_error *error)
{
    (void)ctx, (void)data, (void)len, (void)variants, (void)width, (void)height;
    return err_set(error, failing_code, NULL);
}

static void test_decoders_that_fail(void **state)
{
    (void)state;
    struct file f = sample("gps.jpg");
    struct media_resizer good = g.ports[0];
    g.ports[0] = g.ports[1] = (struct media_resizer){NULL, fail_to_resize};
    failing_code = RAUM_ENOT_CONFIGURED;
    assert_int_equal(create(g.anna, f.len, metadata("fam", "m1", "me", NULL), NULL, 0), 201);
    assert_int_equal(patch(g.anna, 0, f.data, f.len), 503);
    assert_int_equal(simple("HEAD", g.anna), 503);
    assert_int_equal(see(g.anna, "m1"), 404);
    g.ports[0] = good;
    assert_int_equal(simple("HEAD", g.anna), 200);
    assert_int_equal(see(g.anna, "m1"), 200);
    g.ports[0] = g.ports[1];
    failing_code = RAUM_ELIMIT;
    assert_int_equal(put(g.anna, "fam", "m2", "gps.png"), 415);
    assert_string_equal(g.code, "UNSUPPORTED_MEDIA");
    assert_int_equal(simple("HEAD", g.anna), 404);
    assert_int_equal(see(g.anna, "m2"), 404);
    free(f.data);
}

/* ---- tests: what arrives ---- */

/* G-P5: refused for what it is, whatever it is called, and nothing of it stays. */
static void test_G_P5_no_pictures(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>",
        "<!doctype html><html><script>alert(1)</script></html>",
        "%PDF-1.7 1 0 obj << /Type /Catalog >> endobj trailer <<>>",
        "GIF89a\1\0\1\0\0\0\0;",
        "PK\3\4 and so on, a zip archive",
        "short",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const struct file f = {(unsigned char *)texts[i], strlen(texts[i])};
        assert_int_equal(put_bytes(g.anna, "fam", "m1", &f), 415);
        assert_string_equal(g.code, "UNSUPPORTED_MEDIA");
    }
    struct file jpg = sample("gps.jpg");
    const struct file cut = {jpg.data, jpg.len / 2};
    assert_int_equal(put_bytes(g.anna, "fam", "m1", &cut), 415);
    /* A picture's head before HTML, and HTML behind a picture: the former is none, of the latter
     * the picture is kept. */
    struct file both = {malloc(jpg.len + 200), 0};
    const char *tail = "<html><script>alert(document.cookie)</script></html>";
    memcpy(both.data, "\xFF\xD8\xFF\xE0", 4);
    memcpy(both.data + 4, tail, strlen(tail));
    both.len = 4 + strlen(tail);
    assert_int_equal(put_bytes(g.anna, "fam", "m1", &both), 415);
    /* A bomb: a header of 60,000 × 60,000 pixels. */
    static const unsigned char bomb[] =
        "\x89PNG\r\n\x1A\n\0\0\0\rIHDR\0\0\xEA\x60\0\0\xEA\x60\x08\2\0\0\0\0\0\0\0\0\0\0\0IEND";
    const struct file big = {(unsigned char *)bomb, sizeof bomb};
    int status = put_bytes(g.anna, "fam", "m1", &big);
    assert_true(status == 413 || status == 415);
    assert_int_equal(count_of("SELECT count(*) AS n FROM media"), 0);
    assert_int_equal(count_of("SELECT count(*) AS n FROM uploads"), 0);
    assert_int_equal(files_in("media"), 0);
    assert_int_equal(files_in("uploads"), 0);
    memcpy(both.data, jpg.data, jpg.len);
    memcpy(both.data + jpg.len, tail, strlen(tail));
    both.len = jpg.len + strlen(tail);
    assert_int_equal(put_bytes(g.anna, "fam", "m1", &both), 201);
    struct reply r;
    desk_ask(&g.desk, "GET", API "/m1", g.anna, NULL, &r);
    assert_int_equal(r.status, 200);
    assert_false(bytes_contain(r.body.data, r.body.len, "script"));
    desk_done(&r);
    free(both.data);
    free(jpg.data);
}

/* G-P3: what is served is what is left when all metadata is gone, in every format. */
static void test_G_P3_served_bytes_are_clean(void **state)
{
    (void)state;
    static const char *const kinds[] = {"jpg", "png", "webp", "heic", "avif"};
    static const char *const variants[] = {"", "/thumb", "/medium", "/large"};
    for (int k = 0; k < 5; k++) {
        char name[32], path[64];
        snprintf(name, sizeof name, "gps.%s", kinds[k]);
        assert_int_equal(put(g.anna, "fam", kinds[k], name), 201);
        for (int v = 0; v < 4; v++) {
            struct reply r;
            struct buf clean;
            struct media_facts facts;
            snprintf(path, sizeof path, API "/%s%s", kinds[k], variants[v]);
            desk_ask(&g.desk, "GET", path, g.anna, NULL, &r);
            assert_int_equal(r.status, 200);
            buf_init(&clean, MEDIA_OUT_MAX(r.body.len));
            assert_int_equal(media_sniff(r.body.data, r.body.len, &facts, NULL), 0);
            assert_string_equal(desk_header(&r, "Content-Type"),
                                v ? "image/webp" : media_mime(facts.type));
            assert_string_equal(desk_header(&r, "X-Content-Type-Options"), "nosniff");
            assert_int_equal(media_strip(facts.type, r.body.data, r.body.len, &clean, NULL, NULL),
                             0);
            assert_int_equal(clean.len, r.body.len);
            assert_memory_equal(clean.data, r.body.data, clean.len);
            assert_true(v == 0 || facts.orientation == 1);
            buf_release(&clean);
            desk_done(&r);
        }
    }
}

static int run(void)
{
    const struct CMUnitTest tests[] = {
        T(test_in_parts),           T(test_headers_that_are_wrong),
        T(test_checksum_that_fits), T(test_termination_and_end),
        T(test_the_same_again),     T(test_limits),
        T(test_restarts),           T(test_decoders_that_fail),
        T(test_G_P5_no_pictures),   T(test_G_P3_served_bytes_are_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
    return gallery_main(argc, argv, run);
}
