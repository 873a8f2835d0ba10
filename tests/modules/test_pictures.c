/* Bytes and references stay in step: deleting, trash, for ever, crashes in between (G-P4). */
#include "modules/pool.h"

#define DAY_MS ((int64_t)24 * 3600 * 1000)

static int files(struct place *p)
{
    struct pictures_state s;
    OK(pictures_check(&p->pictures, true, &s, &error));
    assert_int_equal(s.damaged, 0);
    return (int)s.files;
}

static int odd(struct place *p)
{
    struct pictures_state s;
    OK(pictures_check(&p->pictures, false, &s, &error));
    return (int)(s.odd + s.missing);
}

/* G-P4: dead at once, gone after 30 days. */
static void trash(void **state)
{
    (void)state;
    struct place p;
    char id[RAUM_ID_MAX], media[RAUM_ID_MAX];
    place_open(&p, "lena");
    OK(place_add(&p, p.home, "gps.jpg", "avatar", id));
    snprintf(media, sizeof media, "%s", place_media(p.home, id));
    assert_true(place_opens(&p, p.home, media));
    OK(me_images_delete(p.home, &p.pictures, id, false, &error));
    assert_false(place_opens(&p, p.home, media));
    REFUSED(RAUM_ENOT_FOUND, me_images_delete(p.home, &p.pictures, id, false, &error));
    OK(me_images_restore(p.home, &p.pictures, id, &error));
    assert_true(place_opens(&p, p.home, media));
    assert_string_equal(place_list(p.home, &(struct me_filter){0}), id);
    assert_string_equal(place_holder(p.home, NULL, "avatar"), ""); /* the slot stays empty */
    OK(me_images_restore(p.home, &p.pictures, id, &error));        /* again: no effect */
    OK(me_images_delete(p.home, &p.pictures, id, false, &error));
    p.world.now_ms += 29 * DAY_MS;
    OK(pictures_sweep(&p.pictures, &error));
    assert_int_equal(files(&p), 1);
    p.world.now_ms += 2 * DAY_MS;
    OK(pictures_tidy(&p.pictures, &error));
    assert_int_equal(files(&p), 0);
    assert_int_equal(odd(&p), 0);
    place_close(&p);
}

static void for_ever(void **state)
{
    (void)state;
    struct place p;
    char id[RAUM_ID_MAX], other[RAUM_ID_MAX];
    place_open(&p, "lena");
    OK(place_add(&p, p.home, "gps.jpg", NULL, id));
    OK(place_add(&p, p.home, "gps.png", NULL, other));
    OK(me_images_delete(p.home, &p.pictures, id, true, &error));
    assert_int_equal(files(&p), 1);
    assert_null(strstr(kit_get(p.home, "meImages", id, true), "gps.jpg")); /* the label went too */
    REFUSED(RAUM_ENOT_FOUND, me_images_restore(p.home, &p.pictures, id, &error));
    /* First the trash, then for ever. */
    OK(me_images_delete(p.home, &p.pictures, other, false, &error));
    OK(me_images_delete(p.home, &p.pictures, other, true, &error));
    assert_int_equal(files(&p), 0);
    REFUSED(RAUM_ENOT_FOUND, me_images_restore(p.home, &p.pictures, other, &error));
    REFUSED(RAUM_ENOT_FOUND, me_images_delete(p.home, &p.pictures, "nobody", true, &error));
    place_close(&p);
}

/* The same bytes twice: each row has its own, the file goes with the last. */
static void same_bytes(void **state)
{
    (void)state;
    struct place p;
    char a[RAUM_ID_MAX], b[RAUM_ID_MAX], c[RAUM_ID_MAX];
    place_open(&p, "lena");
    kit_join(p.raum, "sp-marke", SPACE_BRAND, ROLE_OWNER);
    struct raum_handle *brand = kit_scope(p.raum, "sp-marke");
    OK(place_add(&p, p.home, "gps.jpg", NULL, a));
    OK(place_add(&p, p.home, "gps.jpg", NULL, b));
    OK(place_add(&p, brand, "gps.jpg", NULL, c));
    assert_int_equal(files(&p), 1);
    OK(me_images_delete(p.home, &p.pictures, a, true, &error));
    OK(me_images_delete(p.home, &p.pictures, b, false, &error));
    assert_true(place_opens(&p, brand, place_media(brand, c)));
    OK(me_images_delete(brand, &p.pictures, c, true, &error));
    assert_int_equal(files(&p), 1); /* b's, in the trash */
    OK(me_images_restore(p.home, &p.pictures, b, &error));
    assert_true(place_opens(&p, p.home, place_media(p.home, b)));
    assert_int_equal(odd(&p), 0);
    /* Deleted, and the same photograph taken in anew: the trash does not take it along. */
    OK(me_images_delete(p.home, &p.pictures, b, false, &error));
    OK(place_add(&p, p.home, "gps.jpg", NULL, a));
    p.world.now_ms += 31 * DAY_MS;
    OK(pictures_sweep(&p.pictures, &error));
    assert_true(place_opens(&p, p.home, place_media(p.home, a)));
    assert_int_equal(odd(&p), 0);
    assert_int_equal(files(&p), 1); /* the old ones went by their age */
    raum_handle_free(brand);
    place_close(&p);
}

/* Two rows of one space that show the same media: the bytes stay until both are gone. */
static void shared_media(void **state)
{
    (void)state;
    struct place p;
    char a[RAUM_ID_MAX], b[RAUM_ID_MAX], json[512], media[RAUM_ID_MAX];
    place_open(&p, "lena");
    OK(place_add(&p, p.home, "gps.jpg", NULL, a));
    snprintf(media, sizeof media, "%s", place_media(p.home, a));
    snprintf(json, sizeof json, "{\"mediaId\":\"%s\"}", media);
    OK(kit_insert(p.home, "images", json, b));
    OK(me_images_delete(p.home, &p.pictures, a, true, &error));
    assert_true(place_opens(&p, p.home, media));
    /* A deleted row is not copied although its media lives on; one without media has nothing to
     * copy. */
    kit_join(p.raum, "sp-marke", SPACE_BRAND, ROLE_OWNER);
    struct raum_handle *brand = kit_scope(p.raum, "sp-marke");
    OK(kit_insert(p.home, "meImages", json, a));
    OK(me_images_delete(p.home, &p.pictures, a, false, &error));
    assert_true(place_opens(&p, p.home, media));
    REFUSED(RAUM_ENOT_FOUND, me_images_copy(p.home, brand, &p.pictures, a, false, b, &error));
    OK(kit_insert(p.home, "meImages", "{}", a));
    REFUSED(RAUM_ENOT_FOUND, me_images_copy(p.home, brand, &p.pictures, a, false, b, &error));
    OK(me_images_delete(p.home, &p.pictures, a, false, &error));
    OK(me_images_delete(p.home, &p.pictures, a, true, &error));
    raum_handle_free(brand);
    place_close(&p);
}

/* Killed between the bytes and the row, between the row and the bytes: the sweep makes it right. */
static void crashes(void **state)
{
    (void)state;
    struct place p;
    struct media_item item;
    char id[RAUM_ID_MAX], media[RAUM_ID_MAX];
    size_t len;
    place_open(&p, "lena");
    void *data = place_file("gps.jpg", &len);
    OK(pictures_prepare(&p.pictures, data, len, &item, &error));
    place_again(&p); /* died before the row was written */
    assert_int_equal(odd(&p), 1);
    OK(pictures_sweep(&p.pictures, &error));
    assert_int_equal(files(&p), 0);
    /* A transaction that fails leaves no file. */
    struct me_new bad = {
        .data = data, .len = len, .tags = (const char *const[]){"\xff"}, .tag_count = 1};
    assert_true(me_images_add(p.home, &p.pictures, &bad, id, &item, &error) < 0 ||
                place_list(p.home, &(struct me_filter){0})[0]);
    free(data);
    OK(place_add(&p, p.home, "gps.png", NULL, id));
    snprintf(media, sizeof media, "%s", place_media(p.home, id));
    OK(raum_delete(p.home, "meImages", id, &error));
    OK(replica_begin(p.raum, &error));
    OK(media_refs_trash(p.raum, p.home->space, media, &error));
    OK(replica_commit(p.raum, &error));
    place_again(&p); /* died before the file was moved: its reference is dead already */
    assert_false(place_opens(&p, p.home, media));
    OK(pictures_sweep(&p.pictures, &error));
    OK(me_images_restore(p.home, &p.pictures, id, &error));
    assert_true(place_opens(&p, p.home, media));
    assert_int_equal(odd(&p), 0);
    place_close(&p);
}

/* Bytes that are not here, or are not what they were: told, not repaired by guessing. */
static void missing_and_damaged(void **state)
{
    (void)state;
    struct place p;
    struct pictures_state s;
    char a[RAUM_ID_MAX], b[RAUM_ID_MAX], c[RAUM_ID_MAX], path[MEDIA_PATH_MAX];
    place_open(&p, "lena");
    OK(place_add(&p, p.home, "gps.jpg", NULL, a));
    OK(place_add(&p, p.home, "gps.png", NULL, b));
    OK(place_add(&p, p.home, "gps.webp", NULL, c));
    OK(me_images_delete(p.home, &p.pictures, c, false,
                        &error)); /* in the trash: nobody misses it */
    OK(pictures_path(&p.pictures, p.home->space, place_media(p.home, a), MEDIA_ORIGINAL, path,
                     &error));
    OK(p.world.env.file_remove(p.world.env.ctx, path));
    OK(pictures_path(&p.pictures, p.home->space, place_media(p.home, b), MEDIA_ORIGINAL, path,
                     &error));
    OK(p.world.env.file_write(p.world.env.ctx, path, "x", 1, 0600));
    OK(pictures_check(&p.pictures, true, &s, &error));
    assert_int_equal(s.missing, 1);
    assert_int_equal(s.damaged, 1);
    assert_int_equal(s.odd, 0);
    OK(pictures_sweep(&p.pictures, &error));
    OK(pictures_check(&p.pictures, false, &s, &error));
    assert_int_equal(s.missing, 1);
    assert_int_equal(s.damaged, 0); /* not looked for */
    assert_int_equal(kit_int(p.home, "SELECT count(*) FROM meImages"), 2);
    place_close(&p);
}

/* A failing write leaves neither row nor reference nor file. */
static void all_or_nothing(void **state)
{
    (void)state;
    struct place p;
    struct media_item item;
    char id[RAUM_ID_MAX];
    size_t len;
    static char label[SCHEMA_TEXT_MAX + 10];
    place_open(&p, "lena");
    memset(label, 'x', sizeof label - 1);
    void *data = place_file("gps.jpg", &len);
    struct me_new add = {.data = data, .len = len, .label = label, .slot = "avatar"};
    assert_true(me_images_add(p.home, &p.pictures, &add, id, &item, &error) < 0);
    assert_int_equal(files(&p), 0);
    assert_int_equal(kit_raw(p.raum, "SELECT count(*) FROM media"), 0);
    assert_int_equal(kit_raw(p.raum, "SELECT count(*) FROM data_meImages"), 0);
    assert_int_equal(kit_raw(p.raum, "SELECT count(*) FROM data_meSlots"), 0);
    add.label = "short";
    add.len = len / 2;
    assert_true(me_images_add(p.home, &p.pictures, &add, id, &item, &error) < 0);
    add.len = 0;
    assert_true(me_images_add(p.home, &p.pictures, &add, id, &item, &error) < 0);
    assert_int_equal(files(&p), 0);
    free(data);
    place_close(&p);
}

/* G-P2, on the device: a guessed id, an id of another space, of a deleted one: the same answer. */
static void refusal_is_absence(void **state)
{
    (void)state;
    struct place p;
    char a[RAUM_ID_MAX], b[RAUM_ID_MAX], path[MEDIA_PATH_MAX];
    struct raum_error errors[3];
    place_open(&p, "lena");
    kit_join(p.raum, "sp-marke", SPACE_BRAND, ROLE_OWNER);
    struct raum_handle *brand = kit_scope(p.raum, "sp-marke");
    OK(place_add(&p, brand, "gps.jpg", NULL, a));
    OK(place_add(&p, p.home, "gps.png", NULL, b));
    char foreign[RAUM_ID_MAX], deleted[RAUM_ID_MAX];
    snprintf(foreign, sizeof foreign, "%s", place_media(brand, a));
    snprintf(deleted, sizeof deleted, "%s", place_media(p.home, b));
    OK(me_images_delete(p.home, &p.pictures, b, false, &error));
    const char *const asked[] = {"guess", foreign, deleted};
    for (int i = 0; i < 3; i++) {
        err_clear(&errors[i]);
        assert_int_equal(
            pictures_path(&p.pictures, p.home->space, asked[i], MEDIA_ORIGINAL, path, &errors[i]),
            RAUM_ENOT_FOUND);
        assert_string_equal(errors[i].text, errors[0].text);
    }
    raum_handle_free(brand);
    place_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trash),
        cmocka_unit_test(for_ever),
        cmocka_unit_test(same_bytes),
        cmocka_unit_test(shared_media),
        cmocka_unit_test(missing_and_damaged),
        cmocka_unit_test(crashes),
        cmocka_unit_test(all_or_nothing),
        cmocka_unit_test(refusal_is_absence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
