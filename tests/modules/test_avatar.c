/* The account's picture (G-T11), the picture from before Raum, what a person tells about
 * themselves. */
#include "modules/pool.h"
#include "modules/profile/avatar.h"
#include "modules/profile/user_context.h"

static const char *queued(struct raum *r, enum intent_state wanted)
{
    static char text[RAUM_ID_MAX];
    struct arena a;
    char *value;
    enum intent_state state;
    arena_init(&a, 1 << 16);
    OK(intents_get(r, AVATAR_INTENT, &a, &value, &state, &error));
    assert_int_equal(state, wanted);
    snprintf(text, sizeof text, "%s", value ? value : "null");
    arena_release(&a);
    return text;
}

static void delivered(struct raum *r, const char *value)
{
    OK(replica_begin(r, &error));
    OK(intents_done(r, AVATAR_INTENT, value, &error));
    OK(replica_commit(r, &error));
}

/* G-T11 */
static void follows_the_personal_space(void **state)
{
    (void)state;
    struct place p;
    char face[RAUM_ID_MAX], body[RAUM_ID_MAX], there[RAUM_ID_MAX], m_face[RAUM_ID_MAX],
        m_body[RAUM_ID_MAX];
    place_open(&p, "lena");
    kit_join(p.raum, "sp-marke", SPACE_BRAND, ROLE_OWNER);
    struct raum_handle *brand = kit_scope(p.raum, "sp-marke");
    OK(place_add(&p, brand, "gps.webp", "avatar", there));
    assert_string_equal(queued(p.raum, INTENT_NONE),
                        "null"); /* no other space ever reaches the account */
    OK(place_add(&p, p.home, "gps.jpg", "face-ref", face));
    OK(place_add(&p, p.home, "gps.png", "body-ref", body));
    snprintf(m_face, sizeof m_face, "%s", place_media(p.home, face));
    snprintf(m_body, sizeof m_body, "%s", place_media(p.home, body));
    assert_string_equal(queued(p.raum, INTENT_WAITING),
                        m_face); /* face-ref for want of an avatar */
    OK(me_slots_claim(p.home, "avatar", body, &error));
    assert_string_equal(queued(p.raum, INTENT_WAITING), m_body);
    delivered(p.raum, m_face); /* an answer that came late is not about this one */
    assert_string_equal(queued(p.raum, INTENT_WAITING), m_body);
    delivered(p.raum, m_body);
    assert_string_equal(queued(p.raum, INTENT_DONE), m_body);
    OK(me_slots_claim(brand, "face-ref", there, &error));
    OK(me_slots_release(brand, "avatar", &error));
    OK(me_images_delete(brand, &p.pictures, there, true, &error));
    assert_string_equal(queued(p.raum, INTENT_DONE), m_body);
    OK(me_images_delete(p.home, &p.pictures, body, false, &error));
    assert_string_equal(queued(p.raum, INTENT_WAITING), m_face);
    OK(me_slots_release(p.home, "face-ref", &error));
    assert_string_equal(queued(p.raum, INTENT_WAITING),
                        "null"); /* cleared, and that is to be told */
    raum_handle_free(brand);
    place_again(&p); /* until it has arrived */
    assert_string_equal(queued(p.raum, INTENT_WAITING), "null");
    delivered(p.raum, NULL);
    OK(avatar_refresh(p.raum, &error));
    assert_string_equal(queued(p.raum, INTENT_DONE), "null");
    place_close(&p);
}

/* A change that came by other means than the module is noticed at the next look. */
static void noticed_afterwards(void **state)
{
    (void)state;
    struct place p;
    char face[RAUM_ID_MAX];
    place_open(&p, "lena");
    OK(place_add(&p, p.home, "gps.jpg", "avatar", face));
    OK(kit_update(p.home, "meSlots", "lena:avatar", "{\"imageId\":null}"));
    OK(avatar_refresh(p.raum, &error));
    assert_string_equal(queued(p.raum, INTENT_WAITING), "null");
    place_close(&p);
}

static void rolled_back_with_its_change(void **state)
{
    (void)state;
    struct place p;
    char face[RAUM_ID_MAX];
    place_open(&p, "lena");
    OK(raum_begin(p.raum, &error));
    OK(place_add(&p, p.home, "gps.jpg", "avatar", face));
    raum_rollback(p.raum);
    assert_string_equal(queued(p.raum, INTENT_NONE), "null");
    assert_string_equal(place_list(p.home, &(struct me_filter){0}), "");
    place_close(&p);
}

static void adopted_once(void **state)
{
    (void)state;
    struct place p;
    bool made;
    size_t len;
    place_open(&p, "lena");
    void *data = place_file("gps.jpg", &len);
    OK(avatar_adopt(p.raum, &p.pictures, "https://old.example/a.jpg", data, len, &made, &error));
    assert_true(made);
    assert_string_equal(queued(p.raum, INTENT_WAITING), ME_LEGACY "lena");
    const char *row =
        kit_rows(p.home, "SELECT id, kind, mediaId, width, height, primaryFor FROM meImages");
    assert_non_null(strstr(row, "|face|" ME_LEGACY "lena|0|0|avatar"));
    char id[RAUM_ID_MAX];
    snprintf(id, sizeof id, "%.*s", (int)strcspn(row, "|"), row);
    assert_non_null(strstr(kit_get(p.home, "meImages", id, false), "https://old.example/a.jpg"));
    assert_true(place_opens(&p, p.home, ME_LEGACY "lena"));
    /* Never a reference: neither by asking nor by force. */
    REFUSED(RAUM_ENOT_ALLOWED, me_images_consent(p.home, id, true, &error));
    OK(kit_update(p.home, "meImages", id, "{\"usage.aiReference\":true}"));
    assert_string_equal(place_list(p.home, &(struct me_filter){.reference = true}), "");
    OK(me_images_consent(p.home, id, false, &error));
    /* Once. Also when it was deleted. */
    OK(avatar_adopt(p.raum, &p.pictures, "https://old.example/a.jpg", data, len, &made, &error));
    assert_false(made);
    OK(me_images_delete(p.home, &p.pictures, id, false, &error));
    OK(avatar_adopt(p.raum, &p.pictures, "https://old.example/b.jpg", data, len, &made, &error));
    assert_false(made);
    assert_string_equal(place_list(p.home, &(struct me_filter){0}), "");
    free(data);
    place_close(&p);
}

/* Bytes that cannot be had or read: a placeholder. A slot that is taken stays with its holder. */
static void adopted_as_placeholder(void **state)
{
    (void)state;
    struct place p;
    bool made;
    char face[RAUM_ID_MAX];
    place_open(&p, "lena");
    OK(place_add(&p, p.home, "gps.jpg", "avatar", face));
    OK(avatar_adopt(p.raum, &p.pictures, "https://old.example/a.svg", "<svg/>", 6, &made, &error));
    assert_true(made);
    assert_int_equal(kit_int(p.home, "SELECT count(*) FROM meImages"), 2);
    assert_false(place_opens(&p, p.home, ME_LEGACY "lena"));
    assert_string_equal(place_holder(p.home, NULL, "avatar"), face);
    struct pictures_state s;
    OK(pictures_check(&p.pictures, false, &s, &error));
    assert_int_equal(s.files, 1);
    place_close(&p);
}

/* Two devices adopt the same picture apart from each other: one row, the same bytes. */
static void adopted_on_two_devices(void **state)
{
    (void)state;
    struct place p[2];
    struct buf dump[2];
    bool made;
    for (int i = 0; i < 2; i++) {
        place_open(&p[i], "lena");
        p[i].world.seed = 40 + (uint64_t)i;
        p[i].world.now_ms += 1000000 * i;
        OK(avatar_adopt(p[i].raum, &p[i].pictures, "https://old.example/a.jpg", NULL, 0, &made,
                        &error));
        assert_true(made);
    }
    const char *home = intern_personal(p[0].raum)->id;
    OK(kit_hand_over(p[0].raum, p[1].raum, home, false, &error));
    OK(kit_hand_over(p[1].raum, p[0].raum, home, false, &error));
    for (int i = 0; i < 2; i++) {
        buf_init(&dump[i], 1 << 20);
        kit_dump(p[i].raum, p[i].home->space, &dump[i]);
        assert_int_equal(kit_int(p[i].home, "SELECT count(*) FROM meImages"), 1);
    }
    assert_string_equal(buf_text(&dump[0]), buf_text(&dump[1]));
    for (int i = 0; i < 2; i++) {
        buf_release(&dump[i]);
        place_close(&p[i]);
    }
}

static void context(void **state)
{
    (void)state;
    struct place p;
    struct raum_handle *own;
    struct buf out;
    struct json_doc doc;
    static const char first[] = "{\"about\":\"Gärtnerin\",\"interests\":[\"Rosen\"]}";
    static const char second[] = "{\"about\":null,\"goals\":[\"ein Beet\"]}";
    place_open(&p, "lena");
    buf_init(&out, 1 << 20);
    json_init(&doc);
    OK(raum_account_new(p.raum, &own, &error));
    OK(user_context_get(own, &out, &error));
    assert_string_equal(buf_text(&out), "{}");
    OK(json_parse(&doc, first, sizeof first - 1, 0, &error));
    OK(user_context_set(own, json_root(&doc), &error));
    OK(json_parse(&doc, second, sizeof second - 1, 0, &error));
    OK(user_context_set(own, json_root(&doc), &error));
    buf_reset(&out);
    OK(user_context_get(own, &out, &error));
    assert_non_null(strstr(buf_text(&out), "\"interests\":[\"Rosen\"]"));
    assert_non_null(strstr(buf_text(&out), "\"about\":null"));
    assert_int_equal(kit_int(own, "SELECT count(*) FROM userContext"), 1);
    /* Of the account, not of any space; and not of a space handle. */
    REFUSED(RAUM_EUNKNOWN_TABLE, user_context_set(p.home, json_root(&doc), &error));
    raum_handle_free(own);
    json_release(&doc);
    buf_release(&out);
    place_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_the_personal_space),
        cmocka_unit_test(noticed_afterwards),
        cmocka_unit_test(rolled_back_with_its_change),
        cmocka_unit_test(adopted_once),
        cmocka_unit_test(adopted_as_placeholder),
        cmocka_unit_test(adopted_on_two_devices),
        cmocka_unit_test(context),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
