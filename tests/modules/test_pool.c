/* The pool: strict scope, slots, consent, copies. */
#include "modules/pool.h"

static const struct me_filter everything;

/* G-T4: an empty pool in a shared space stays empty. */
static void empty_stays_empty(void **state)
{
    (void)state;
    struct place p;
    char id[RAUM_ID_MAX];
    place_open(&p, "lena");
    kit_join(p.raum, "sp-marke", SPACE_BRAND, ROLE_OWNER);
    OK(place_add(&p, p.home, "gps.jpg", "avatar", id));
    struct raum_handle *brand = kit_scope(p.raum, "sp-marke");
    assert_string_equal(place_list(brand, &everything), "");
    assert_string_equal(place_list(brand, &(struct me_filter){.kind = "face"}), "");
    assert_string_equal(place_list(brand, &(struct me_filter){.reference = true}), "");
    assert_string_equal(place_holder(brand, NULL, "avatar"), "");
    assert_string_equal(place_list(p.home, &everything), id);
    /* Not ready is not empty. */
    struct raum_query *q;
    OK(raum_scope_set(brand, NULL, &error));
    REFUSED(RAUM_ESCOPE_NOT_READY, me_images_query(brand, &everything, &q, &error));
    REFUSED(RAUM_ESCOPE_NOT_READY, place_add(&p, brand, "gps.png", NULL, id));
    raum_handle_free(brand);
    place_close(&p);
}

static void four_queries(void **state)
{
    (void)state;
    struct place p;
    char a[RAUM_ID_MAX], b[RAUM_ID_MAX], c[RAUM_ID_MAX], both[2 * RAUM_ID_MAX];
    place_open(&p, "lena");
    OK(place_add(&p, p.home, "gps.jpg", "avatar", a));
    OK(place_add(&p, p.home, "gps.png", NULL, b));
    OK(place_add(&p, p.home, "gps.webp", "body-ref", c));
    char all[3 * RAUM_ID_MAX];
    snprintf(all, sizeof all, "%s %s %s", c, b, a);
    assert_string_equal(place_list(p.home, &everything), all); /* newest first */
    assert_string_equal(place_list(p.home, &(struct me_filter){.kind = "face"}), a);
    assert_string_equal(place_list(p.home, &(struct me_filter){.kind = "fullbody"}), c);
    assert_string_equal(place_list(p.home, &(struct me_filter){.kind = "hands"}), "");
    assert_string_equal(place_list(p.home, &(struct me_filter){.reference = true}), "");
    OK(me_images_consent(p.home, a, true, &error));
    OK(me_images_consent(p.home, b, true, &error));
    snprintf(both, sizeof both, "%s %s", b, a);
    assert_string_equal(place_list(p.home, &(struct me_filter){.reference = true}), both);
    OK(me_images_consent(p.home, b, false, &error));
    assert_string_equal(place_list(p.home, &(struct me_filter){.reference = true}), a);
    struct raum_query *q;
    REFUSED(RAUM_EUSAGE,
            me_images_query(p.home, &(struct me_filter){.kind = "x' OR 1"}, &q, &error));
    REFUSED(RAUM_EUSAGE, me_images_query(p.home, &(struct me_filter){.slot = "none"}, &q, &error));
    assert_string_equal(place_holder(p.home, "a' OR '1'='1", "avatar"), "");
    place_close(&p);
}

/* The live texts run behind the fence and say the same. */
static void live_texts(void **state)
{
    (void)state;
    struct place p;
    struct buf sql;
    struct raum_query *q;
    char a[RAUM_ID_MAX], b[RAUM_ID_MAX];
    place_open(&p, "o'hara");
    OK(place_add(&p, p.home, "gps.jpg", "avatar", a));
    OK(place_add(&p, p.home, "gps.png", NULL, b));
    const struct me_filter filters[] = {
        {0}, {.kind = "face"}, {.slot = "avatar"}, {.reference = true}};
    const char *const wanted[] = {b, a, a, NULL};
    for (int i = 0; i < 4; i++) {
        buf_init(&sql, 1 << 16);
        OK(me_images_sql(p.home, &filters[i], &sql, &error));
        OK(raum_query_new(p.home, buf_text(&sql), &q, &error));
        assert_int_equal(raum_query_columns(q), ME_COLUMNS);
        int rc = raum_query_step(q, &error);
        assert_int_equal(rc, wanted[i] ? 0 : RAUM_END);
        if (wanted[i]) {
            assert_string_equal(raum_query_text(q, ME_ID, NULL), wanted[i]);
            assert_int_equal(raum_query_int(q, ME_SLOTS), wanted[i] == a ? 1 : 0);
        }
        raum_query_free(q);
        buf_release(&sql);
    }
    place_close(&p);
}

/* G-T10: one holder a slot, several slots a picture, each space its own. */
static void slots(void **state)
{
    (void)state;
    struct place p;
    char a[RAUM_ID_MAX], b[RAUM_ID_MAX], there[RAUM_ID_MAX];
    place_open(&p, "lena");
    kit_join(p.raum, "sp-marke", SPACE_BRAND, ROLE_OWNER);
    struct raum_handle *brand = kit_scope(p.raum, "sp-marke");
    OK(place_add(&p, p.home, "gps.jpg", "avatar", a));
    OK(place_add(&p, p.home, "gps.png", NULL, b));
    OK(place_add(&p, brand, "gps.webp", "avatar", there));
    OK(me_slots_claim(p.home, "face-ref", a, &error));
    assert_string_equal(place_holder(p.home, NULL, "avatar"), a);
    assert_string_equal(place_holder(p.home, NULL, "face-ref"), a);
    OK(me_slots_claim(p.home, "avatar", b, &error));
    assert_string_equal(place_holder(p.home, NULL, "avatar"), b);
    assert_string_equal(place_holder(p.home, NULL, "face-ref"), a);
    assert_string_equal(place_holder(brand, NULL, "avatar"), there);
    assert_int_equal(kit_int(p.home, "SELECT count(*) FROM meSlots WHERE slot = 'avatar'"), 1);
    assert_int_equal(kit_int(p.home, "SELECT count(*) FROM meImages"),
                     2); /* nobody left the pool */
    /* A picture of another space, one that is not there, one that is deleted. */
    REFUSED(RAUM_ENOT_FOUND, me_slots_claim(p.home, "avatar", there, &error));
    REFUSED(RAUM_ENOT_FOUND, me_slots_claim(p.home, "avatar", "nobody", &error));
    REFUSED(RAUM_EUSAGE, me_slots_claim(p.home, "throne", a, &error));
    OK(me_images_delete(p.home, &p.pictures, a, false, &error));
    REFUSED(RAUM_ENOT_FOUND, me_slots_claim(p.home, "avatar", a, &error));
    assert_string_equal(place_holder(p.home, NULL, "face-ref"), "");
    assert_string_equal(place_holder(p.home, NULL, "avatar"), b);
    /* Releasing, twice, and taking anew. */
    OK(me_slots_release(p.home, "avatar", &error));
    OK(me_slots_release(p.home, "avatar", &error));
    OK(me_slots_release(p.home, "body-ref", &error)); /* never held */
    assert_string_equal(place_holder(p.home, NULL, "avatar"), "");
    OK(me_slots_claim(p.home, "avatar", b, &error));
    OK(raum_delete(p.home, "meSlots", "lena:avatar", &error)); /* a row deleted by other means */
    assert_string_equal(place_holder(p.home, NULL, "avatar"), "");
    OK(me_slots_release(p.home, "avatar", &error)); /* empty already */
    OK(me_slots_claim(p.home, "avatar", b, &error));
    assert_string_equal(place_holder(p.home, NULL, "avatar"), b);
    assert_string_equal(place_holder(brand, NULL, "avatar"), there);
    raum_handle_free(brand);
    place_close(&p);
}

/* Two accounts in one space, each on a device of their own. */
struct pair {
    struct place anna, bert;
    struct raum_handle *a, *b;
    char of_anna[RAUM_ID_MAX], of_bert[RAUM_ID_MAX];
};

static void meet(struct pair *x)
{
    OK(kit_hand_over(x->anna.raum, x->bert.raum, "sp-team", false, &error));
    OK(kit_hand_over(x->bert.raum, x->anna.raum, "sp-team", false, &error));
}

static void pair_open(struct pair *x)
{
    place_open(&x->anna, "anna");
    place_open(&x->bert, "bert");
    x->bert.world.seed = 8;
    kit_join(x->anna.raum, "sp-team", SPACE_TEAM, ROLE_OWNER);
    kit_join(x->bert.raum, "sp-team", SPACE_TEAM, ROLE_MEMBER);
    x->a = kit_scope(x->anna.raum, "sp-team");
    x->b = kit_scope(x->bert.raum, "sp-team");
    OK(place_add(&x->anna, x->a, "gps.jpg", "avatar", x->of_anna));
    OK(place_add(&x->bert, x->b, "gps.png", "avatar", x->of_bert));
    meet(x);
}

static void pair_close(struct pair *x)
{
    raum_handle_free(x->a);
    raum_handle_free(x->b);
    place_close(&x->anna);
    place_close(&x->bert);
}

/* G-T10: two members each have their own, after edits offline on both sides. */
static void slots_of_two(void **state)
{
    (void)state;
    struct pair x;
    pair_open(&x);
    assert_string_equal(place_holder(x.a, "anna", "avatar"), x.of_anna);
    assert_string_equal(place_holder(x.a, "bert", "avatar"), x.of_bert);
    assert_string_equal(place_holder(x.b, "anna", "avatar"), x.of_anna);
    assert_string_equal(place_holder(x.b, "bert", "avatar"), x.of_bert);
    OK(me_slots_release(x.a, "avatar", &error));
    OK(me_slots_claim(x.b, "face-ref", x.of_bert, &error));
    meet(&x);
    assert_string_equal(place_holder(x.b, "anna", "avatar"), "");
    assert_string_equal(place_holder(x.a, "bert", "face-ref"), x.of_bert);
    pair_close(&x);
}

/* G-T10: one account on two devices, random claims and releases offline; after each meeting both
 * agree and nobody holds a slot twice. The seed is printed when it fails. */
static void slots_offline(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct place p[2];
        struct raum_handle *h[2];
        char images[3][RAUM_ID_MAX];
        uint64_t dice = seed;
        for (int i = 0; i < 2; i++) {
            place_open(&p[i], "lena");
            p[i].world.seed = 100 * seed + (uint64_t)i;
            kit_join(p[i].raum, "sp-team", SPACE_TEAM, ROLE_OWNER);
            h[i] = kit_scope(p[i].raum, "sp-team");
        }
        static const char *const files[] = {"gps.jpg", "gps.png", "gps.webp"};
        for (int i = 0; i < 3; i++)
            OK(place_add(&p[0], h[0], files[i], NULL, images[i]));
        OK(kit_hand_over(p[0].raum, p[1].raum, "sp-team", false, &error));
        for (int round = 0; round < 12; round++) {
            for (int step = 0; step < 4; step++) {
                int who = (int)(kit_random(&dice) % 2), image = (int)(kit_random(&dice) % 3);
                const char *slot = me_slots[kit_random(&dice) % 3];
                p[who].world.now_ms +=
                    (int64_t)(kit_random(&dice) % 3); /* often the same millisecond */
                if (kit_random(&dice) % 4 == 0)
                    OK(me_slots_release(h[who], slot, &error));
                else
                    OK(me_slots_claim(h[who], slot, images[image], &error));
            }
            OK(kit_hand_over(p[0].raum, p[1].raum, "sp-team", false, &error));
            OK(kit_hand_over(p[1].raum, p[0].raum, "sp-team", false, &error));
            for (int s = 0; me_slots[s]; s++) {
                char first[RAUM_ID_MAX];
                snprintf(first, sizeof first, "%s", place_holder(h[0], NULL, me_slots[s]));
                if (strchr(first, ' ') || strcmp(first, place_holder(h[1], NULL, me_slots[s])) != 0)
                    fail_msg("seed %d round %d: %s", (int)seed, round, me_slots[s]);
            }
        }
        for (int i = 0; i < 2; i++) {
            raum_handle_free(h[i]);
            place_close(&p[i]);
        }
    }
}

/* G-T12: what another member may not do, by any path that this device has. */
static void rights(void **state)
{
    (void)state;
    struct pair x;
    char id[RAUM_ID_MAX];
    pair_open(&x);
    REFUSED(RAUM_ENOT_ALLOWED, me_images_consent(x.b, x.of_anna, true, &error));
    REFUSED(RAUM_ENOT_ALLOWED,
            kit_update(x.b, "meImages", x.of_anna, "{\"usage.aiReference\":true}"));
    OK(kit_update(x.b, "meImages", x.of_anna,
                  "{\"usage\":{\"aiReference\":true,\"showInProfile\":false}}"));
    assert_non_null(strstr(kit_get(x.b, "meImages", x.of_anna, false), "\"aiReference\":false"));
    assert_non_null(strstr(kit_get(x.b, "meImages", x.of_anna, false), "\"showInProfile\":false"));
    REFUSED(RAUM_ENOT_ALLOWED, me_slots_claim(x.b, "avatar", x.of_anna, &error));
    REFUSED(RAUM_ENOT_ALLOWED, kit_update(x.b, "meSlots", "anna:avatar", "{\"imageId\":null}"));
    REFUSED(RAUM_ENOT_ALLOWED,
            kit_insert(x.b, "meSlots", "{\"person\":\"anna\",\"slot\":\"body-ref\"}", id));
    REFUSED(RAUM_ENOT_ALLOWED,
            kit_update(x.b, "meImages", x.of_anna, "{\"visibility\":\"private\"}"));
    REFUSED(RAUM_EIMMUTABLE_FIELD,
            kit_update(x.b, "meImages", x.of_anna, "{\"subjectId\":\"bert\"}"));
    REFUSED(RAUM_ENOT_ALLOWED, me_images_delete(x.b, &x.bert.pictures, x.of_anna, false, &error));
    /* A picture of somebody else, with their consent: not mine to give. */
    REFUSED(RAUM_ENOT_ALLOWED,
            kit_insert(x.b, "meImages", "{\"subjectId\":\"anna\",\"usage.aiReference\":true}", id));
    /* What a member may: an ordinary field, and saying no for somebody else. */
    OK(me_images_consent(x.a, x.of_anna, true, &error));
    meet(&x);
    assert_string_equal(place_list(x.b, &(struct me_filter){.reference = true}), x.of_anna);
    OK(kit_update(x.b, "meImages", x.of_anna, "{\"label\":\"Anna im Garten\"}"));
    OK(me_images_consent(x.b, x.of_anna, false, &error));
    meet(&x);
    assert_string_equal(place_list(x.a, &(struct me_filter){.reference = true}), "");
    pair_close(&x);
}

/* An admin may delete another's picture; the slot, which is not the admin's, reads as empty. */
static void deleted_by_admin(void **state)
{
    (void)state;
    struct pair x;
    pair_open(&x);
    OK(me_images_delete(x.a, &x.anna.pictures, x.of_bert, false, &error)); /* anna owns the space */
    assert_string_equal(place_holder(x.a, "bert", "avatar"), "");
    meet(&x);
    assert_string_equal(place_holder(x.b, "bert", "avatar"), "");
    assert_string_equal(place_list(x.b, &everything), x.of_anna);
    pair_close(&x);
}

static void copies(void **state)
{
    (void)state;
    struct pair x;
    char id[RAUM_ID_MAX], media[RAUM_ID_MAX];
    pair_open(&x);
    OK(me_images_consent(x.a, x.of_anna, true, &error));
    OK(me_images_copy(x.a, x.anna.home, &x.anna.pictures, x.of_anna, false, id, &error));
    assert_string_not_equal(id, x.of_anna);
    snprintf(media, sizeof media, "%s", place_media(x.anna.home, id));
    assert_string_not_equal(media, place_media(x.a, x.of_anna));
    assert_string_equal(place_list(x.anna.home, &(struct me_filter){.reference = true}), "");
    assert_true(place_opens(&x.anna, x.anna.home, media));
    assert_false(
        place_opens(&x.anna, x.a, media)); /* G-P7: its id opens nothing in the other space */
    OK(me_images_copy(x.a, x.anna.home, &x.anna.pictures, x.of_anna, true, id, &error));
    assert_string_equal(place_list(x.anna.home, &(struct me_filter){.reference = true}), id);
    /* Somebody else's picture: the person stays who they are, and their consent theirs. */
    OK(replica_begin(x.anna.raum, &error));
    struct media_ref ref = {.hash = "00", .type = "png", .purpose = "me"};
    snprintf(ref.id, sizeof ref.id, "%s", place_media(x.a, x.of_bert));
    OK(media_refs_add(x.anna.raum, x.a->space, &ref, &error)); /* known, not here */
    OK(replica_commit(x.anna.raum, &error));
    REFUSED(RAUM_ENOT_FOUND,
            me_images_copy(x.a, x.anna.home, &x.anna.pictures, x.of_bert, false, id, &error));
    size_t len;
    struct media_item item;
    void *data = place_file("gps.webp", &len);
    OK(pictures_prepare(&x.anna.pictures, data, len, &item, &error)); /* as if it had come */
    free(data);
    memcpy(ref.hash, item.hash, sizeof ref.hash);
    OK(replica_begin(x.anna.raum, &error));
    OK(media_refs_erase(x.anna.raum, x.a->space, ref.id, &error));
    OK(media_refs_add(x.anna.raum, x.a->space, &ref, &error));
    OK(replica_commit(x.anna.raum, &error));
    REFUSED(RAUM_ENOT_ALLOWED,
            me_images_copy(x.a, x.anna.home, &x.anna.pictures, x.of_bert, true, id, &error));
    OK(me_images_copy(x.a, x.anna.home, &x.anna.pictures, x.of_bert, false, id, &error));
    assert_non_null(strstr(kit_get(x.anna.home, "meImages", id, false), "\"subjectId\":\"bert\""));
    OK(replica_begin(x.anna.raum, &error)); /* bytes on their way out are not copied either */
    OK(media_refs_trash(x.anna.raum, x.a->space, place_media(x.a, x.of_anna), &error));
    OK(replica_commit(x.anna.raum, &error));
    REFUSED(RAUM_ENOT_FOUND,
            me_images_copy(x.a, x.anna.home, &x.anna.pictures, x.of_anna, false, id, &error));
    /* No right to read, no copy: deleted, foreign, without bytes here. */
    REFUSED(RAUM_ENOT_FOUND,
            me_images_copy(x.anna.home, x.a, &x.anna.pictures, x.of_anna, false, id, &error));
    REFUSED(RAUM_ENOT_FOUND,
            me_images_copy(x.b, x.bert.home, &x.bert.pictures, x.of_anna, false, id, &error));
    pair_close(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_stays_empty),
        cmocka_unit_test(four_queries),
        cmocka_unit_test(live_texts),
        cmocka_unit_test(slots),
        cmocka_unit_test(slots_of_two),
        cmocka_unit_test(slots_offline),
        cmocka_unit_test(rights),
        cmocka_unit_test(deleted_by_admin),
        cmocka_unit_test(copies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
