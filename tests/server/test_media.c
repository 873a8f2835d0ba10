/* Pictures on the server: who sees them (G-P2, G-P7, G-T9), and when they go (G-P4). */
#include "server/gallery.h"

#include <pthread.h>
#include <unistd.h>

/* ---- tests: reading ---- */

static void test_reading(void **state)
{
    (void)state;
    struct reply r, whole;
    assert_int_equal(put(g.anna, "fam", "m1", "gps.jpg"), 201);
    row(g.anna, "insert", "i1", "fam", "mediaId=\"m1\"");
    desk_ask(&g.desk, "GET", API "/m1", g.bert, NULL, &whole);
    assert_int_equal(whole.status, 200);
    assert_string_equal(desk_header(&whole, "Cache-Control"), "private, no-cache");
    assert_string_equal(desk_header(&whole, "Accept-Ranges"), "bytes");
    const char *tag = desk_header(&whole, "ETag");
    assert_non_null(tag);
    const char *known[] = {"If-None-Match", tag, NULL};
    desk_send(&g.desk, g.desk.sql, "GET", API "/m1", g.bert, NULL, NULL, 0, known, &r);
    assert_int_equal(r.body.len, 0);
    assert_int_equal(done(&r), 304);
    /* The tag of the thumb is another. */
    desk_send(&g.desk, g.desk.sql, "GET", API "/m1/thumb", g.bert, NULL, NULL, 0, known, &r);
    assert_int_equal(done(&r), 200);
    static const struct {
        const char *range;
        int status;
        size_t from, count; /* count 0: to the end */
    } ranges[] = {
        {"bytes=0-9", 206, 0, 10},
        {"bytes=10-", 206, 10, 0},
        {"bytes=-7", 206, 0, 7},
        {"bytes=5-5", 206, 5, 1},
        {"bytes=0-999999", 206, 0, 0},
        {"bytes=999999-", 416, 0, 0},
        {"bytes=-0", 416, 0, 0},
        {"bytes=0-1,3-4", 200, 0, 0},
        {"bytes=9-1", 200, 0, 0},
        {"lines=0-9", 200, 0, 0},
        {"bytes=", 200, 0, 0},
        {"bytes=x-9", 200, 0, 0},
        {"bytes=0-9 ", 200, 0, 0},
        {"bytes=-", 200, 0, 0},
        {"bytes=99999999999999999999-", 200, 0, 0},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        const char *headers[] = {"Range", ranges[i].range, NULL};
        desk_send(&g.desk, g.desk.sql, "GET", API "/m1", g.bert, NULL, NULL, 0, headers, &r);
        if (r.status != ranges[i].status)
            fail_msg("%s: %d", ranges[i].range, r.status);
        if (r.status == 206) {
            size_t count = ranges[i].count ? ranges[i].count : whole.body.len - ranges[i].from;
            size_t from =
                strcmp(ranges[i].range, "bytes=-7") == 0 ? whole.body.len - 7 : ranges[i].from;
            assert_int_equal(r.body.len, count);
            assert_memory_equal(r.body.data, whole.body.data + from, count);
            char wanted[64];
            snprintf(wanted, sizeof wanted, "bytes %zu-%zu/%zu", from, from + count - 1,
                     whole.body.len);
            assert_string_equal(desk_header(&r, "Content-Range"), wanted);
        } else if (r.status == 200) {
            assert_int_equal(r.body.len, whole.body.len);
        }
        desk_done(&r);
    }
    const char *other[] = {"Range", "bytes=0-9", "If-Range", "\"x\"", NULL};
    desk_send(&g.desk, g.desk.sql, "GET", API "/m1", g.bert, NULL, NULL, 0, other, &r);
    assert_int_equal(done(&r), 200);
    assert_int_equal(see(g.bert, "m1/huge"), 404);
    assert_int_equal(see(g.bert, "m1/thumb/x"), 404);
    assert_int_equal(see(g.bert, "m1/"), 404);
    assert_int_equal(see(g.bert, "m1?space=fam"), 200);
    assert_int_equal(see(g.bert, "m1?space=other"), 404);
    desk_done(&whole);
}

static void test_G_P2_members_only(void **state)
{
    (void)state;
    assert_int_equal(put(g.anna, "fam", "m1", "gps.jpg"), 201);
    assert_int_equal(see(g.anna, "m1"), 200); /* before any row: its uploader alone */
    looks_absent(g.bert, "m1");
    row(g.anna, "insert", "i1", "fam", "mediaId=\"m1\"");
    assert_int_equal(see(g.bert, "m1"), 200);
    assert_int_equal(see(g.bert, "m1/thumb"), 200);
    looks_absent(g.cleo, "m1");
    looks_absent(g.cleo, "m1/thumb");
    assert_int_equal(see(NULL, "m1"), 401);
    /* The hash opens nothing. */
    struct media_row found;
    struct arena a;
    arena_init(&a, 65536);
    KIT_OK(&g.desk.kit, media_own(g.desk.sql, &a, account_of("anna@example.org"), "fam", "m1",
                                  &found, &g.desk.kit.error));
    looks_absent(g.cleo, found.hash);
    looks_absent(g.bert, found.hash);
    arena_release(&a);
    /* Membership of this moment, and spaces that are not deleted. */
    run_sql("UPDATE members SET space = 'other' WHERE id = 'fam-1'");
    looks_absent(g.bert, "m1");
    run_sql("UPDATE members SET space = 'fam' WHERE id = 'fam-1'");
    assert_int_equal(see(g.bert, "m1"), 200);
    run_sql("UPDATE spaces SET deleted = 1 WHERE id = 'fam'");
    looks_absent(g.bert, "m1");
    looks_absent(g.anna, "m1");
}

static void test_G_T9_private_rows(void **state)
{
    (void)state;
    assert_int_equal(put(g.anna, "fam", "m1", "gps.jpg"), 201);
    row(g.anna, "insert", "i1", "fam", "mediaId=\"m1\";visibility=\"private\"");
    assert_int_equal(see(g.anna, "m1"), 200);
    looks_absent(g.bert, "m1");
    row(g.anna, "update", "i1", "fam", "visibility=\"space\"");
    assert_int_equal(see(g.bert, "m1"), 200);
    row(g.anna, "update", "i1", "fam", "visibility=\"private\"");
    looks_absent(g.bert, "m1/thumb");
    /* Shown by two rows, one of them shared. */
    row(g.anna, "insert", "i2", "fam", "mediaId=\"m1\"");
    assert_int_equal(see(g.bert, "m1"), 200);
    row(g.anna, "update", "i2", "fam", "mediaId=null");
    looks_absent(g.bert, "m1");
    assert_int_equal(see(g.anna, "m1"), 200);
}

/* G-P7: naming an id opens nothing: not from another space, not from the same one. */
static void test_G_P7_no_capture(void **state)
{
    (void)state;
    assert_int_equal(put(g.anna, "fam", "m1", "gps.jpg"), 201);
    row(g.anna, "insert", "i1", "fam", "mediaId=\"m1\"");
    assert_int_equal(put(g.anna, "fam", "m2", "gps.png"), 201);
    row(g.anna, "insert", "i2", "fam", "mediaId=\"m2\";visibility=\"private\"");
    /* A stranger in their own space, and somebody who once was a member. */
    row(g.cleo, "insert", "c1", "other", "mediaId=\"m1\"");
    looks_absent(g.cleo, "m1");
    looks_absent(g.cleo, "m1?space=fam");
    looks_absent(g.cleo, "m1?space=other");
    run_sql("DELETE FROM members WHERE id = 'fam-1'");
    space_of("berts", "bert@example.org", NULL);
    row(g.bert, "insert", "b1", "berts", "mediaId=\"m1\"");
    looks_absent(g.bert, "m1");
    looks_absent(g.bert, "m1?space=berts");
    run_sql("INSERT INTO members (id, space, account, role, created) VALUES ('again', 'fam',"
            " (SELECT id FROM accounts WHERE email = 'bert@example.org'), 'member', 1)");
    /* A member names another's private picture: g.now, before it arrives, and after it was shared.
     */
    row(g.bert, "insert", "b2", "fam", "mediaId=\"m2\"");
    looks_absent(g.bert, "m2");
    row(g.bert, "insert", "b3", "fam", "mediaId=\"m3\"");
    assert_int_equal(put(g.anna, "fam", "m3", "gps.webp"), 201);
    row(g.anna, "insert", "i3", "fam", "mediaId=\"m3\";visibility=\"private\"");
    looks_absent(g.bert, "m3");
    row(g.anna, "update", "i2", "fam", "visibility=\"space\"");
    assert_int_equal(see(g.bert, "m2"), 200);
    row(g.anna, "update", "i2", "fam", "visibility=\"private\"");
    looks_absent(g.bert, "m2");
    row(g.bert, "update", "b2", "fam", "mediaId=null");
    row(g.bert, "update", "b2", "fam", "mediaId=\"m2\"");
    looks_absent(g.bert, "m2");
    /* Uploading under another's id is a picture of one's own. */
    assert_int_equal(put(g.bert, "fam", "m2", "gps.avif"), 201);
    struct reply r;
    desk_ask(&g.desk, "GET", API "/m2", g.anna, NULL, &r);
    assert_string_equal(desk_header(&r, "Content-Type"), "image/png");
    desk_done(&r);
}

/* What was shared with somebody and is named by them may be read as long as their row lives: a
 * garment that two people edit. */
static void test_shared_lists(void **state)
{
    (void)state;
    assert_int_equal(put(g.anna, "fam", "m1", "gps.jpg"), 201);
    assert_int_equal(put(g.bert, "fam", "m2", "gps.png"), 201);
    assert_string_equal(pushed(g.anna, "insert", "wardrobeGarments", "g", "fam",
                               "category=\"top\";mediaIds=[\"m1\"]"),
                        "applied");
    assert_int_equal(see(g.bert, "m1"), 200);
    looks_absent(g.anna, "m2");
    assert_string_equal(
        pushed(g.bert, "update", "wardrobeGarments", "g", "fam", "mediaIds=[\"m1\",\"m2\"]"),
        "applied");
    assert_int_equal(see(g.bert, "m1"), 200);
    assert_int_equal(see(g.anna, "m1"), 200);
    assert_int_equal(see(g.anna, "m2"), 200);
    assert_string_equal(pushed(g.anna, "update", "wardrobeGarments", "g", "fam",
                               "deletedAt=\"2026-"
                               "01-01T00:00:00Z\""),
                        "applied");
    looks_absent(g.bert, "m1");
    looks_absent(g.anna, "m2");
    assert_string_equal(pushed(g.anna, "update", "wardrobeGarments", "g", "fam", "deletedAt=null"),
                        "applied");
    assert_int_equal(see(g.bert, "m1"), 200);
    assert_int_equal(see(g.anna, "m2"), 200);
}

/* ---- tests: ends ---- */

/* G-P4: the address dies with the row, the bytes 30 days later. */
static void test_G_P4_deleted_rows(void **state)
{
    (void)state;
    assert_int_equal(put(g.anna, "fam", "m1", "gps.jpg"), 201);
    row(g.anna, "insert", "i1", "fam", "mediaId=\"m1\"");
    row(g.anna, "update", "i1", "fam", "deletedAt=\"2026-01-01T00:00:00Z\"");
    looks_absent(g.anna, "m1");
    looks_absent(g.bert, "m1/thumb");
    g.now += 6 * DAY;
    row(g.anna, "update", "i1", "fam", "deletedAt=null");
    assert_int_equal(see(g.bert, "m1"), 200);
    row(g.anna, "update", "i1", "fam", "deletedAt=\"2026-01-01T00:00:00Z\"");
    g.now += MEDIA_KEEP_MS - 1;
    sweep();
    assert_int_equal(files_in("media"), 4);
    g.now += 2;
    sweep();
    assert_int_equal(files_in("media"), 0);
    assert_int_equal(count_of("SELECT count(*) AS n FROM media"), 0);
    assert_int_equal(count_of("SELECT count(*) AS n FROM blobs"), 0);
}

/* What is shown stays, however old; what never was shown goes like what is shown no more. */
static void test_age_alone(void **state)
{
    (void)state;
    assert_int_equal(put(g.anna, "fam", "m1", "gps.jpg"), 201);
    assert_int_equal(put(g.anna, "fam", "m2", "gps.png"), 201);
    row(g.anna, "insert", "i1", "fam", "mediaId=\"m1\"");
    g.now += 400 * DAY;
    sweep();
    assert_int_equal(count_of("SELECT count(*) AS n FROM media"), 1);
    assert_int_equal(files_in("media"), 4);
}

static void test_G_P4_by_hand(void **state)
{
    (void)state;
    assert_int_equal(put(g.anna, "fam", "m1", "gps.jpg"), 201);
    row(g.anna, "insert", "i1", "fam", "mediaId=\"m1\"");
    assert_int_equal(take_away(g.bert, "m1"), 403);
    assert_int_equal(take_away(g.cleo, "m1"), 404);
    assert_int_equal(take_away(g.anna, "m1/thumb"), 404);
    assert_int_equal(take_away(g.anna, "m1"), 204);
    looks_absent(g.anna, "m1");
    looks_absent(g.bert, "m1");
    assert_int_equal(take_away(g.anna, "m1"), 204);             /* again is fine */
    assert_int_equal(put(g.anna, "fam", "m1", "gps.jpg"), 200); /* out of the trash */
    assert_int_equal(see(g.bert, "m1"), 200);
    assert_int_equal(take_away(g.anna, "m1?forever=1"), 204);
    assert_int_equal(files_in("media"), 0);
    looks_absent(g.bert, "m1");
    /* The owner of the space takes a member's away, unless it is private to them. */
    assert_int_equal(put(g.bert, "fam", "b1", "gps.png"), 201);
    assert_int_equal(take_away(g.anna, "b1?forever=1"), 404);
    row(g.bert, "insert", "j1", "fam", "mediaId=\"b1\";visibility=\"private\"");
    assert_int_equal(take_away(g.anna, "b1?forever=1"), 404);
    row(g.bert, "update", "j1", "fam", "visibility=\"space\"");
    assert_int_equal(take_away(g.anna, "b1?forever=1"), 204);
    assert_int_equal(files_in("media"), 0);
    assert_int_equal(count_of("SELECT count(*) AS n FROM blobs"), 0);
}

/* G-P4: identical bytes lie there once and go with the last who needs them. */
static void test_identical_bytes(void **state)
{
    (void)state;
    assert_int_equal(put(g.anna, "fam", "m1", "gps.jpg"), 201);
    assert_int_equal(put(g.anna, "fam", "m2", "gps.jpg"), 201);
    assert_int_equal(put(g.cleo, "other", "m1", "gps.jpg"), 201);
    row(g.cleo, "insert", "c1", "other", "mediaId=\"m1\"");
    assert_int_equal(files_in("media"), 4);
    assert_int_equal(count_of("SELECT count(*) AS n FROM blobs"), 1);
    assert_int_equal(take_away(g.anna, "m1?forever=1"), 204);
    assert_int_equal(take_away(g.anna, "m2?forever=1"), 204);
    assert_int_equal(files_in("media"), 4);
    assert_int_equal(see(g.cleo, "m1"), 200);
    assert_int_equal(see(g.cleo, "m1/large"), 200);
    assert_int_equal(take_away(g.cleo, "m1?forever=1"), 204);
    assert_int_equal(files_in("media"), 0);
}

static void test_spaces_that_end(void **state)
{
    (void)state;
    assert_int_equal(put(g.anna, "fam", "m1", "gps.jpg"), 201);
    row(g.anna, "insert", "i1", "fam", "mediaId=\"m1\"");
    run_sql("DELETE FROM spaces WHERE id = 'fam'");
    sweep();
    assert_int_equal(files_in("media"), 0);
    assert_int_equal(count_of("SELECT count(*) AS n FROM media"), 0);
    assert_int_equal(count_of("SELECT count(*) AS n FROM media_refs"), 0);
}

/* G-O1: bytes whose server was killed before their row, and uploads without one. */
static void test_leavings(void **state)
{
    (void)state;
    char path[512];
    assert_int_equal(put(g.anna, "fam", "m1", "gps.jpg"), 201);
    run_sql("DELETE FROM media");
    snprintf(path, sizeof path, "%s/uploads/abcdefghijklmnopqrstuvwxyz012345", g.desk.kit.folder);
    file_spit(path, "x", 1);
    sweep();
    assert_int_equal(files_in("media"), 4); /* it might just be coming */
    assert_int_equal(files_in("uploads"), 1);
    g.now += DAY;
    sweep();
    assert_int_equal(files_in("media"), 0);
    assert_int_equal(files_in("uploads"), 0);
    assert_int_equal(count_of("SELECT count(*) AS n FROM blobs"), 0);
}

/* Taking in and taking away the same bytes at once: who has a row has its bytes. */
struct racer {
    struct sql *sql;
    const char *id;
    int rounds, broken;
};

static void *race(void *arg)
{
    struct racer *x = arg;
    struct media *m = g.desk.server->media;
    struct raum_error error;
    struct arena a;
    char path[FILES_PATH], account[64];
    bool known;
    arena_init(&a, 1 << 20);
    snprintf(account, sizeof account, "%s", x->id);
    snprintf(path, sizeof path, "%s/media/gps.jpg", getenv("RAUM_TEST_DATA"));
    for (int i = 0; i < x->rounds; i++) {
        struct media_row found;
        const struct media_new add = {account, "fam", x->id, "me", NULL};
        int fd = -1;
        int64_t size;
        int rc = media_take(m, x->sql, &add, path, &known, &error), at = 1;
        if (rc == 0 && ++at)
            rc = media_own(x->sql, &a, account, "fam", x->id, &found, &error);
        if (rc == 0 && ++at)
            rc = m->storage.open(m->storage.ctx, found.hash, found.type, MEDIA_THUMB, &fd, &size,
                                 &error);
        if (rc) {
            printf("%d. %d %s\n", at, rc, error.text);
            x->broken++;
            continue;
        }
        close(fd);
        if (media_delete(m, x->sql, &a, account, "fam", x->id, true, &error) != 0)
            x->broken++;
        arena_reset(&a);
    }
    arena_release(&a);
    return NULL;
}

static void test_races(void **state)
{
    (void)state;
    struct racer racers[2];
    pthread_t threads[2];
    static const char *const people[] = {"anna@example.org", "bert@example.org"};
    static char ids[2][64];
    for (int i = 0; i < 2; i++) {
        snprintf(ids[i], sizeof ids[i], "%s", account_of(people[i]));
        racers[i] = (struct racer){kit_connect(&g.desk.kit), ids[i], 40, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        sql_close(racers[i].sql);
    }
    assert_int_equal(racers[0].broken + racers[1].broken, 0);
    assert_int_equal(files_in("media"), 0);
}

static int run(void)
{
    const struct CMUnitTest tests[] = {
        T(test_reading),         T(test_G_P2_members_only), T(test_G_T9_private_rows),
        T(test_G_P7_no_capture), T(test_shared_lists),      T(test_G_P4_deleted_rows),
        T(test_age_alone),       T(test_G_P4_by_hand),      T(test_identical_bytes),
        T(test_spaces_that_end), T(test_leavings),          T(test_races),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
    return gallery_main(argc, argv, run);
}
