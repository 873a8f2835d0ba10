/* Pictures from references with the built-in collage: what is made, and every way to get a
 * reference out without its person's consent (G-P1, G-P2, G-P5, G-P6, G-P7, G-T9, G-T12). True
 * pictures, the true worker. */
#include "server/gallery.h"

#include "server/generate/generate.h"

#define GENERATE "/api/v1/picture/generate-with-reference"
#define PROMPT "a most secret prompt"

static struct reply last;

/* Asks, and keeps the answer in `last` until the next call. */
static int ask(const char *token, const char *space, const char *references, const char *more)
{
    char body[4096];
    desk_done(&last);
    snprintf(body, sizeof body,
             "{\"spaceId\":\"%s\",\"prompt\":\"" PROMPT "\",\"referenceMediaIds\":[%s]%s}", space,
             references, more);
    desk_ask(&g.desk, "POST", GENERATE, token, body, &last);
    return last.status;
}

static void refused(int status, const char *code, const char *token, const char *space,
                    const char *references)
{
    int got = ask(token, space, references, "");
    if (got != status || strcmp(desk_text(&last, "error.code"), code) != 0)
        fail_msg("%s: %d %s", references, got, buf_text(&last.body));
}

static void garment(const char *token, const char *op, const char *id, const char *fields)
{
    assert_string_equal(pushed(token, op, "wardrobeGarments", id, "fam", fields), "applied");
}

/* Anna's face with consent, and the photograph of a garment of Bert's, in the family's space. */
static void furnish(void)
{
    assert_int_equal(put_as(g.anna, "fam", "face", "me", "gps.jpg"), 204);
    row(g.anna, "insert", "i1", "fam", "mediaId=\"face\";kind=\"face\";usage.aiReference=true");
    assert_int_equal(put_as(g.bert, "fam", "shirt", "wardrobe", "gps.png"), 204);
    garment(g.bert, "insert", "g1", "category=\"top\";mediaIds=[\"shirt\"]");
}

/* Of the first picture of the answer; static. */
static const char *made(const char *key)
{
    static char out[200];
    struct arena a;
    arena_init(&a, 65536);
    const char *text = json_str(json_get(json_first(json_get(last.json, "images")), key), &a);
    snprintf(out, sizeof out, "%s", text ? text : "");
    arena_release(&a);
    return out;
}

/* The text of a field of the newest row that the server made, or "" */
static const char *image_field(const char *field)
{
    static char out[512];
    struct relay *relay;
    struct arena a;
    struct merge_record record = {0};
    arena_init(&a, 1 << 20);
    KIT_OK(&g.desk.kit, relay_new(&relay, g.desk.sql, raum_env_native(), &g.desk.kit.error));
    out[0] = '\0';
    KIT_OK(&g.desk.kit, sql_begin(g.desk.sql, &g.desk.kit.error));
    int rc = relay_record(relay, "fam", "images", made("id"), &a, &record, &g.desk.kit.error);
    const struct merge_field *f = rc == 0 ? merge_find(&record, field) : NULL;
    if (f)
        snprintf(out, sizeof out, "%.*s", (int)f->len, f->value);
    KIT_OK(&g.desk.kit, sql_end(g.desk.sql, rc > 0 ? 0 : rc, &g.desk.kit.error));
    relay_free(relay);
    arena_release(&a);
    return out;
}

static void collage(void **state)
{
    (void)state;
    char path[200];
    furnish();
    int status = ask(g.anna, "fam", "\"face\",\"shirt\"",
                     ",\"n\":3,\"size\":\"1024x1536\",\"wardrobeOutfitId\":\"o1\"");
    if (status != 200)
        fail_msg("%d %s", status, buf_text(&last.body));
    assert_string_equal(desk_text(&last, "model"), "collage");
    assert_string_equal(desk_text(&last, "mode"), "edit");
    assert_int_equal(json_count(json_get(last.json, "referenceMediaIds")), 2);
    assert_int_equal(json_count(json_get(last.json, "images")), 1); /* a collage is one */
    snprintf(path, sizeof path, "/%s/medium", made("mediaId"));
    assert_int_equal(see(g.anna, path + 1), 200);
    looks_absent(g.bert, path + 1); /* private, though the space is shared (G-T9) */
    assert_string_equal(image_field("visibility"), "\"private\"");
    assert_string_equal(image_field("wardrobeOutfitId"), "\"o1\"");
    assert_string_equal(image_field("referenceMediaIds"), "[\"face\",\"shirt\"]");
    assert_string_equal(image_field("generationMode"), "\"reference\"");
    assert_string_equal(image_field("width"), "1024");
    assert_string_equal(image_field("height"), "1536");
    assert_string_equal(image_field("prompt"), ""); /* the client's to seal (G-K1) */
    assert_int_equal(count_of("SELECT count(*) AS n FROM generations WHERE state = 'delivered'"
                              " AND made = 1 AND outcome = 'OK'"),
                     1);
    assert_int_equal(count_of("SELECT count(*) AS n FROM generated"), 0);
    assert_int_equal(files_in("generated"), 0);
    assert_int_equal(ask(g.anna, "fam", "\"face\"", ",\"visibility\":\"space\""), 200);
    snprintf(path, sizeof path, "/%s", made("mediaId"));
    assert_int_equal(see(g.bert, path + 1), 200);
}

/* Nothing that fails leaves anything behind, or counts. */
static void nothing_made(void)
{
    assert_int_equal(count_of("SELECT count(*) AS n FROM generations WHERE state <> 'failed'"
                              " OR units <> 0 OR made <> 0"),
                     0);
    assert_int_equal(count_of("SELECT count(*) AS n FROM media WHERE purpose = 'picture'"), 0);
    assert_int_equal(files_in("generated"), 0);
}

static void without_consent(void **state)
{
    (void)state;
    furnish();
    row(g.anna, "update", "i1", "fam", "usage.aiReference=false");
    refused(403, "CONSENT_REQUIRED", g.anna, "fam", "\"face\"");
    refused(403, "CONSENT_REQUIRED", g.anna, "fam", "\"shirt\",\"face\"");
    row(g.anna, "update", "i1", "fam", "usage.aiReference=true");
    row(g.bert, "update", "i1", "fam", "usage.aiReference=false"); /* any member may (G-T12) */
    refused(403, "CONSENT_REQUIRED", g.anna, "fam", "\"face\"");
    assert_string_not_equal(
        pushed(g.bert, "update", "meImages", "i1", "fam", "usage.aiReference=true"), "applied");
    refused(403, "CONSENT_REQUIRED", g.anna, "fam", "\"face\"");
    /* Two rows of the same picture: each must say so. */
    row(g.anna, "update", "i1", "fam", "usage.aiReference=true");
    row(g.anna, "insert", "i2", "fam", "mediaId=\"face\";usage.aiReference=false");
    refused(403, "CONSENT_REQUIRED", g.anna, "fam", "\"face\"");
    /* As a garment it is still a face. */
    garment(g.anna, "insert", "g2", "category=\"hat\";mediaIds=[\"face\"]");
    refused(403, "CONSENT_REQUIRED", g.anna, "fam", "\"face\"");
    row(g.anna, "update", "i1", "fam", "deletedAt=\"2026-01-01T00:00:00.000Z\"");
    row(g.anna, "update", "i2", "fam", "deletedAt=\"2026-01-01T00:00:00.000Z\"");
    refused(404, "NOT_FOUND", g.anna, "fam", "\"face\"");
    nothing_made();
}

static void by_another_hand(void **state)
{
    (void)state;
    furnish();
    refused(404, "NOT_FOUND", g.bert, "fam", "\"face\""); /* Anna's, with consent */
    row(g.bert, "insert", "b1", "fam", "mediaId=\"face\";usage.aiReference=true");
    refused(404, "NOT_FOUND", g.bert, "fam", "\"face\"");
    garment(g.bert, "insert", "g3", "category=\"hat\";mediaIds=[\"face\"]");
    refused(404, "NOT_FOUND", g.bert, "fam", "\"face\"");
    /* What Bert's rows say does not bind Anna. */
    row(g.bert, "update", "b1", "fam", "usage.aiReference=false");
    assert_int_equal(ask(g.anna, "fam", "\"face\"", ""), 200);
    /* Bert's own claim is left when Anna takes her picture back. */
    row(g.anna, "update", "i1", "fam", "deletedAt=\"2026-01-01T00:00:00.000Z\"");
    refused(404, "NOT_FOUND", g.bert, "fam", "\"face\"");
    refused(404, "NOT_FOUND", g.anna, "fam", "\"face\"");
    refused(404, "NOT_FOUND", g.cleo, "fam", "\"face\""); /* no member */
    refused(404, "NOT_FOUND", g.cleo, "other", "\"face\"");
    refused(404, "NOT_FOUND", g.cleo, "other", "\"shirt\"");
    DESK_IS(&g.desk, 401, "POST", GENERATE, NULL, "{}");
}

/* A picture of Bert that Anna took: his to agree to, and to use. */
static void of_somebody_else(void **state)
{
    (void)state;
    char fields[300];
    assert_int_equal(put_as(g.anna, "fam", "bert", "me", "gps.jpg"), 204);
    snprintf(fields, sizeof fields, "mediaId=\"bert\";kind=\"fullbody\";subjectId=\"%s\"",
             account_of("bert@example.org"));
    row(g.anna, "insert", "i9", "fam", fields);
    refused(404, "NOT_FOUND", g.anna, "fam", "\"bert\"");
    refused(403, "CONSENT_REQUIRED", g.bert, "fam", "\"bert\"");
    row(g.bert, "update", "i9", "fam", "usage.aiReference=true");
    refused(404, "NOT_FOUND", g.anna, "fam", "\"bert\"");
    assert_int_equal(ask(g.bert, "fam", "\"bert\"", ""), 200);
}

static void elsewhere(void **state)
{
    (void)state;
    furnish();
    space_of("second", "anna@example.org", NULL);
    refused(404, "NOT_FOUND", g.anna, "second", "\"face\"");
    row(g.anna, "insert", "s1", "second", "mediaId=\"face\";usage.aiReference=true");
    refused(404, "NOT_FOUND", g.anna, "second", "\"face\""); /* a reference is no copy (G-P7) */
    refused(404, "NOT_FOUND", g.anna, "fam", "\"never-was\"");
    refused(404, "NOT_FOUND", g.anna, "no-such-space", "\"face\"");
    /* Uploaded for the pool, and no row of it. */
    assert_int_equal(put_as(g.anna, "fam", "lone", "me", "gps.webp"), 204);
    refused(404, "NOT_FOUND", g.anna, "fam", "\"lone\"");
    assert_int_equal(put_as(g.anna, "fam", "loose", "wardrobe", "gps.webp"), 204);
    refused(404, "NOT_FOUND", g.anna, "fam", "\"loose\"");
    /* Another member's private garment; one that is gone. */
    garment(g.bert, "update", "g1", "visibility=\"private\"");
    refused(404, "NOT_FOUND", g.anna, "fam", "\"shirt\"");
    assert_int_equal(ask(g.bert, "fam", "\"shirt\"", ""), 200);
    garment(g.bert, "update", "g1", "deletedAt=\"2026-01-01T00:00:00.000Z\"");
    refused(404, "NOT_FOUND", g.bert, "fam", "\"shirt\"");
    /* Deleted bytes; a former member. */
    assert_int_equal(ask(g.anna, "fam", "\"face\"", ""), 200);
    char again[100];
    snprintf(again, sizeof again, "\"%s\"", made("mediaId"));
    refused(404, "NOT_FOUND", g.anna, "fam", again); /* what was made is no reference */
    assert_int_equal(take_away(g.anna, "face"), 204);
    refused(404, "NOT_FOUND", g.anna, "fam", "\"face\"");
    run_sql("DELETE FROM members WHERE id = 'fam-1'");
    refused(404, "NOT_FOUND", g.bert, "fam", "\"shirt\"");
}

static void absent_alike(void **state)
{
    (void)state;
    char first[600];
    furnish();
    ask(g.bert, "fam", "\"never-was\"", "");
    snprintf(first, sizeof first, "%s", buf_text(&last.body));
    ask(g.bert, "fam", "\"face\"", "");
    assert_string_equal(buf_text(&last.body), first);
}

static void switch_off(void)
{
    g.meanwhile = NULL;
    row(g.bert, "update", "i1", "fam", "usage.aiReference=false");
}

static void take_back(void)
{
    g.meanwhile = NULL;
    assert_int_equal(take_away(g.anna, "face"), 204);
}

static void leave(void)
{
    g.meanwhile = NULL;
    run_sql("DELETE FROM members WHERE id = 'fam-0'");
}

/* Switched off, deleted, left between the reading of the bytes and their use. */
static void in_between(void **state)
{
    (void)state;
    furnish();
    g.meanwhile = switch_off;
    refused(403, "CONSENT_REQUIRED", g.anna, "fam", "\"face\",\"shirt\"");
    assert_null(g.meanwhile);
    row(g.anna, "update", "i1", "fam", "usage.aiReference=true");
    g.meanwhile = take_back;
    refused(404, "NOT_FOUND", g.anna, "fam", "\"face\"");
    assert_int_equal(put_as(g.anna, "fam", "face", "me", "gps.jpg"), 204);
    assert_int_equal(ask(g.anna, "fam", "\"face\"", ""), 200);
    run_sql("DELETE FROM generations");
    run_sql("DELETE FROM media WHERE purpose = 'picture'");
    g.meanwhile = leave;
    refused(404, "NOT_FOUND", g.anna, "fam", "\"face\"");
    nothing_made();
}

static void bad_orders(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{}",
        "{\"spaceId\":\"fam\",\"referenceMediaIds\":[\"face\"]}",
        "{\"spaceId\":\"fam\",\"prompt\":\"\",\"referenceMediaIds\":[\"face\"]}",
        "{\"spaceId\":\"fam\",\"prompt\":7,\"referenceMediaIds\":[\"face\"]}",
        "{\"spaceId\":\"fam\",\"prompt\":\"x\"}",
        "{\"spaceId\":\"fam\",\"prompt\":\"x\",\"referenceMediaIds\":[]}",
        "{\"spaceId\":\"fam\",\"prompt\":\"x\",\"referenceMediaIds\":\"face\"}",
        "{\"spaceId\":\"fam\",\"prompt\":\"x\",\"referenceMediaIds\":[null]}",
        "{\"spaceId\":\"fam\",\"prompt\":\"x\",\"referenceMediaIds\":[{}]}",
        "{\"spaceId\":\"fam\",\"prompt\":\"x\",\"referenceMediaIds\":[\"face\",\"face\"]}",
        "{\"spaceId\":\"fam\",\"prompt\":\"x\",\"referenceMediaIds\":"
        "[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\"]}",
        "{\"spaceId\":\"fam\",\"prompt\":\"x\",\"referenceMediaIds\":[\"face\"],\"size\":\"9x9\"}",
        "{\"spaceId\":\"fam\",\"prompt\":\"x\",\"referenceMediaIds\":[\"face\"],"
        "\"quality\":\"best\"}",
        "{\"spaceId\":\"fam\",\"prompt\":\"x\",\"referenceMediaIds\":[\"face\"],"
        "\"model\":\"dall-e\"}",
        "{\"spaceId\":\"fam\",\"prompt\":\"x\",\"referenceMediaIds\":[\"face\"],"
        "\"visibility\":\"public\"}",
        "{\"spaceId\":\"fam\",\"prompt\":\"x\",\"referenceMediaIds\":[\"face\"],\"n\":\"two\"}",
        "{\"spaceId\":\"fam\",\"prompt\":\"x\",\"referenceMediaIds\":[\"face\"],"
        "\"wardrobeOutfitId\":\"a\",\"wardrobeGarmentId\":\"b\"}",
    };
    furnish();
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        DESK_CODE(&g.desk, 400, "BAD_CHANGE", "POST", GENERATE, g.anna, bodies[i]);
    char *longest = malloc(40000 + 200);
    snprintf(longest, 200, "{\"spaceId\":\"fam\",\"referenceMediaIds\":[\"face\"],\"prompt\":\"");
    size_t at = strlen(longest);
    memset(longest + at, 'x', 32001);
    snprintf(longest + at + 32001, 10, "\"}");
    DESK_CODE(&g.desk, 400, "BAD_CHANGE", "POST", GENERATE, g.anna, longest);
    snprintf(longest + at + 32000, 10, "\"}");
    DESK_IS(&g.desk, 200, "POST", GENERATE, g.anna, longest);
    free(longest);
    assert_int_equal(ask(g.anna, "fam", "\"face\"", ",\"n\":99"), 200);
    assert_int_equal(ask(g.anna, "fam", "\"face\"", ",\"n\":-5,\"size\":\"auto\""), 200);
}

static void in_the_personal_space(void **state)
{
    (void)state;
    char space[100];
    snprintf(space, sizeof space, "_personal:%s", account_of("anna@example.org"));
    assert_int_equal(put_as(g.anna, space, "own", "me", "gps.heic"), 204);
    row(g.anna, "insert", "p1", space, "mediaId=\"own\";usage.aiReference=true");
    int status = ask(g.anna, space, "\"own\"", "");
    if (status != 200)
        fail_msg("%d %s", status, buf_text(&last.body));
}

static void switched_off(void **state)
{
    (void)state;
    furnish();
    refused(503, "NOT_CONFIGURED", g.anna, "fam", "\"face\"");
}

static int set_up_none(void **state)
{
    g.with = (struct server_options){.image_provider = "none"};
    int rc = gallery_set_up(state);
    g.with = (struct server_options){0};
    return rc;
}

static int tear_down(void **state)
{
    desk_done(&last);
    last = (struct reply){0};
    return gallery_tear_down(state);
}

static int run(void)
{
#define C(f) cmocka_unit_test_setup_teardown(f, gallery_set_up, tear_down)
    const struct CMUnitTest tests[] = {
        C(collage),
        C(without_consent),
        C(by_another_hand),
        C(elsewhere),
        C(of_somebody_else),
        C(absent_alike),
        C(in_between),
        C(bad_orders),
        C(in_the_personal_space),
        cmocka_unit_test_setup_teardown(switched_off, set_up_none, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
    return gallery_main(argc, argv, run);
}
