/* The wardrobe: garments with their photographs, outfits, the wear log, statistics; in all six
 * types of space, and strictly apart (G-T2, G-T4). */
#include "modules/pool.h"
#include "modules/wardrobe/outfits.h"
#include "modules/wardrobe/statistics.h"
#include "modules/wardrobe/wears.h"

#define DAY_MS ((int64_t)24 * 3600 * 1000)
#define GARMENTS "wardrobeGarments"
#define OUTFITS "wardrobeOutfits"
#define WEARS "wardrobeWears"

static const char *const files[] = {"gps.jpg", "gps.png", "gps.webp"};
static const struct outfit_fields as_it_is = {.season_count = -1, .tag_count = -1};
static const struct outfit_change no_change;

static void prepare(struct place *p, const char *file, struct media_item *item)
{
    size_t len;
    void *data = place_file(file, &len);
    OK(pictures_prepare(&p->pictures, data, len, item, &error));
    free(data);
}

static int add_fields(struct place *p, struct raum_handle *h, const struct garment_fields *fields,
                      int photos, char id[RAUM_ID_MAX])
{
    struct media_item items[16];
    for (int i = 0; i < photos; i++)
        prepare(p, files[i % 3], &items[i]);
    p->world.now_ms += 1000;
    return garments_add(h, &p->pictures, fields, items, photos, id, &error);
}

static int add(struct place *p, struct raum_handle *h, const char *name, char id[RAUM_ID_MAX])
{
    const struct garment_fields fields = {.name = name, .category = "top", .tag_count = -1};
    return add_fields(p, h, &fields, 1, id);
}

static int create(struct raum_handle *h, const char *name, const char *const *garments, int count,
                  char id[RAUM_ID_MAX])
{
    struct outfit_fields fields = as_it_is;
    fields.name = name;
    return outfits_create(h, &fields, garments, count, id, &error);
}

/* The row's JSON with what is derived. Lent until the next call. */
static const char *shown(struct raum_handle *h, const char *table, const char *id)
{
    static char text[8192];
    struct buf b;
    buf_init(&b, sizeof text - 1);
    OK(strcmp(table, OUTFITS) == 0 ? outfits_json(h, id, &b, &error)
                                   : garments_json(h, id, &b, &error));
    memcpy(text, buf_text(&b), b.len + 1);
    buf_release(&b);
    return text;
}

static void holds(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("no %s in %s", part, text);
}

/* The id of a garment's photograph by its place. Lent until the next call. */
static const char *photo(struct raum_handle *h, const char *id, int at)
{
    static char media[RAUM_ID_MAX];
    char sql[256];
    snprintf(sql, sizeof sql,
             "SELECT json_extract(mediaIds, '$[%d]') FROM " GARMENTS " WHERE id = '%s'", at, id);
    snprintf(media, sizeof media, "%s", kit_rows(h, sql));
    media[strcspn(media, "\n")] = '\0';
    return media;
}

static int stored(struct place *p)
{
    struct pictures_state s;
    OK(pictures_check(&p->pictures, true, &s, &error));
    assert_int_equal(s.odd + s.missing + s.damaged, 0);
    return (int)s.files;
}

/* ---- in every type of space ---- */

static void one_space(struct place *p, struct raum_handle *h, struct raum_handle *other)
{
    const struct garment_fields fields = {.name = "Regenmantel",
                                          .category = "outerwear",
                                          .brand = "Ostsee",
                                          .color = "gelb",
                                          .size = "M",
                                          .material = "Wachstuch",
                                          .notes = "hängt im Flur",
                                          .purchased = "2026-03-01",
                                          .price = "129,90",
                                          .tags = (const char *const[]){"Regen", "Herbst"},
                                          .tag_count = 2};
    char coat[RAUM_ID_MAX], boots[RAUM_ID_MAX], outfit[RAUM_ID_MAX], wear[RAUM_ID_MAX];
    int64_t foreign = kit_int(other, "SELECT count(*) FROM " GARMENTS);
    int worn = 0;
    OK(add_fields(p, h, &fields, 2, coat));
    OK(add(p, h, "Stiefel", boots));
    const char *row = shown(h, GARMENTS, coat);
    holds(row, "\"brand\":\"Ostsee\",\"color\":\"gelb\",\"size\":\"M\",\"material\":\"Wachstuch\"");
    holds(row, "\"tags\":[\"Regen\",\"Herbst\"]");
    holds(row, "\"purchasedAt\":\"2026-03-01\",\"priceCents\":12990,\"currency\":\"EUR\"");
    holds(row, "\"wearCount\":0,\"lastWornAt\":null");
    assert_true(place_opens(p, h, photo(h, coat, 0)));
    assert_true(place_opens(p, h, photo(h, coat, 1)));
    assert_false(place_opens(p, other, photo(h, coat, 0))); /* G-P7 */
    OK(create(h, "Regentag", (const char *const[]){coat, boots}, 2, outfit));
    OK(wears_outfit(h, outfit, "2026-03-02", wear, &worn, &error));
    assert_int_equal(worn, 2);
    OK(wears_garment(h, coat, "2026-03-03", wear, &error));
    holds(shown(h, GARMENTS, coat), "\"wearCount\":2,\"lastWornAt\":\"2026-03-03\"");
    holds(shown(h, OUTFITS, outfit), "\"wearCount\":1,\"lastWornAt\":\"2026-03-02\"");
    assert_int_equal(kit_int(h, "SELECT count(*) FROM " GARMENTS), 2);
    /* G-T2: nothing of it is anywhere else, whoever asks for it. */
    assert_int_equal(kit_int(other, "SELECT count(*) FROM " GARMENTS), foreign);
    REFUSED(RAUM_ENOT_FOUND, create(other, "x", (const char *const[]){coat}, 1, wear));
    REFUSED(RAUM_ENOT_FOUND, wears_garment(other, coat, "2026-03-03", wear, &error));
    REFUSED(RAUM_ENOT_FOUND, wears_outfit(other, outfit, "2026-03-03", wear, NULL, &error));
    REFUSED(RAUM_ENOT_FOUND, garments_archive(other, coat, true, &error));
    REFUSED(RAUM_ENOT_FOUND, garments_delete(other, &p->pictures, coat, true, &error));
    REFUSED(RAUM_ENOT_FOUND, garments_restore(other, &p->pictures, coat, &error));
    REFUSED(RAUM_ENOT_FOUND, garments_photo_first(other, coat, photo(h, coat, 1), &error));
    REFUSED(RAUM_ENOT_FOUND, garments_set(other, coat, &fields, &error));
    REFUSED(RAUM_ENOT_FOUND, outfits_set(other, outfit, &as_it_is, &no_change, &error));
    REFUSED(RAUM_ENOT_FOUND, outfits_delete(other, outfit, &error));
    REFUSED(RAUM_ENOT_FOUND, wears_remove(other, wear, &error));
}

/* G-T4, G-T6: each of the six has a wardrobe of its own, and an empty one stays empty. */
static void six_types(void **state)
{
    (void)state;
    struct place p;
    struct raum_handle *h[SPACE_TYPES];
    char name[32];
    place_open(&p, "lena");
    h[0] = p.home;
    for (int type = 1; type < SPACE_TYPES; type++) {
        snprintf(name, sizeof name, "sp-%s", schema_space_type_name(type));
        kit_join(p.raum, name, type, ROLE_OWNER);
        h[type] = kit_scope(p.raum, name);
    }
    for (int type = 0; type < SPACE_TYPES; type++) {
        assert_int_equal(kit_int(h[type], "SELECT count(*) FROM " GARMENTS), 0);
        one_space(&p, h[type], h[(type + 1) % SPACE_TYPES]);
    }
    for (int type = 1; type < SPACE_TYPES; type++)
        raum_handle_free(h[type]);
    place_close(&p);
}

/* ---- garments ---- */

static void wrong_fields(void **state)
{
    (void)state;
    char id[RAUM_ID_MAX], long_name[202];
    struct place p;
    place_open(&p, "lena");
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    const struct garment_fields bad[] = {
        {.name = "", .tag_count = -1},
        {.name = long_name, .tag_count = -1},
        {.category = "swimwear", .tag_count = -1},
        {.category = "", .tag_count = -1},
        {.price = "-5", .tag_count = -1},
        {.price = "5.999", .tag_count = -1},
        {.purchased = "2026-02-30", .tag_count = -1},
        {.purchased = "gestern", .tag_count = -1},
        {.tag_count = 21},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        REFUSED(RAUM_EUSAGE, add_fields(&p, p.home, &bad[i], 1, id));
    const struct garment_fields fine = {.name = "x", .tag_count = -1};
    REFUSED(RAUM_EUSAGE, add_fields(&p, p.home, &fine, 0, id));
    REFUSED(RAUM_EUSAGE, add_fields(&p, p.home, &fine, GARMENT_PHOTOS_MAX + 1, id));
    assert_int_equal(kit_int(p.home, "SELECT count(*) FROM " GARMENTS), 0);
    assert_int_equal(stored(&p), 0); /* what was prepared for them went again */
    OK(add_fields(&p, p.home, &fine, GARMENT_PHOTOS_MAX, id));
    /* What is derived is never accepted. */
    REFUSED(RAUM_EBAD_CHANGE, kit_update(p.home, GARMENTS, id, "{\"wearCount\":7}"));
    REFUSED(RAUM_EBAD_CHANGE, kit_update(p.home, GARMENTS, id, "{\"lastWornAt\":\"2026-01-01\"}"));
    REFUSED(RAUM_EBAD_CHANGE, kit_insert(p.home, OUTFITS, "{\"lastTryOn\":\"x\"}", id));
    place_close(&p);
}

static void setting(void **state)
{
    (void)state;
    struct place p;
    char id[RAUM_ID_MAX];
    const struct garment_fields first = {
        .name = "Hose", .price = "20 chf", .brand = "Berg", .tag_count = -1};
    place_open(&p, "lena");
    OK(add_fields(&p, p.home, &first, 1, id));
    holds(shown(p.home, GARMENTS, id), "\"category\":\"other\"");
    holds(shown(p.home, GARMENTS, id), "\"priceCents\":2000,\"currency\":\"CHF\"");
    /* A price without a currency keeps the one that is there; without a price there is none. */
    OK(garments_set(p.home, id, &(struct garment_fields){.price = "30", .tag_count = -1}, &error));
    holds(shown(p.home, GARMENTS, id), "\"priceCents\":3000,\"currency\":\"CHF\"");
    OK(garments_set(
        p.home, id,
        &(struct garment_fields){
            .price = "", .brand = "", .tag_count = 1, .tags = (const char *const[]){"blau"}},
        &error));
    holds(shown(p.home, GARMENTS, id), "\"brand\":null");
    holds(shown(p.home, GARMENTS, id), "\"priceCents\":null,\"currency\":null");
    holds(shown(p.home, GARMENTS, id), "\"tags\":[\"blau\"]");
    holds(shown(p.home, GARMENTS, id), "\"name\":\"Hose\"");
    REFUSED(RAUM_EUSAGE,
            garments_set(p.home, id, &(struct garment_fields){.tag_count = -1}, &error));
    OK(garments_archive(p.home, id, true, &error));
    struct raum_query *q;
    OK(garments_query(p.home, &(struct garment_filter){.shelf = SHELF_IN_USE}, &q, &error));
    assert_int_equal(raum_query_step(q, &error), RAUM_END);
    raum_query_free(q);
    const struct garment_filter found[] = {{.shelf = SHELF_ARCHIVED},
                                           {.shelf = SHELF_ALL, .tag = "BLAU"},
                                           {.shelf = SHELF_ALL, .category = "other"}};
    for (int i = 0; i < 3; i++) {
        OK(garments_query(p.home, &found[i], &q, &error));
        OK(raum_query_step(q, &error));
        assert_string_equal(raum_query_text(q, GARMENT_ID, NULL), id);
        raum_query_free(q);
    }
    REFUSED(RAUM_EUSAGE,
            garments_query(p.home, &(struct garment_filter){.category = "x' OR 1"}, &q, &error));
    place_close(&p);
}

static void prices(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t cents;
        const char *currency;
    } good[] = {{"49.90", 4990, ""},       {"49,9", 4990, ""},
                {"49", 4900, ""},          {"0", 0, ""},
                {" 5 eur ", 500, "EUR"},   {"CHF 20", 2000, "CHF"},
                {"chf20.05", 2005, "CHF"}, {"10000000000", 1000000000000, ""}};
    static const char *const bad[] = {"",
                                      " ",
                                      "-1",
                                      "-0.01",
                                      "1.234",
                                      "1.",
                                      ".5",
                                      "EUR",
                                      "5 EURO",
                                      "5 E",
                                      "1e3",
                                      "5 EUR CHF",
                                      "0x10",
                                      "1 2",
                                      "nan",
                                      "5€",
                                      "1,234.00",
                                      "10000000000.01",
                                      "99999999999999999999"};
    int64_t cents;
    char currency[4];
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        OK(garment_price(good[i].text, &cents, currency, &error));
        assert_int_equal(cents, good[i].cents);
        assert_string_equal(currency, good[i].currency);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        REFUSED(RAUM_EUSAGE, garment_price(bad[i], &cents, currency, &error));
}

static void photographs(void **state)
{
    (void)state;
    struct place p;
    struct media_item item;
    char id[RAUM_ID_MAX], one[RAUM_ID_MAX], two[RAUM_ID_MAX], three[RAUM_ID_MAX];
    place_open(&p, "lena");
    OK(add(&p, p.home, "Hemd", id));
    snprintf(one, sizeof one, "%s", photo(p.home, id, 0));
    REFUSED(RAUM_ENOT_ALLOWED,
            garments_photo_remove(p.home, &p.pictures, id, one, false, &error)); /* the last one */
    prepare(&p, "gps.png", &item);
    OK(garments_photos_add(p.home, &p.pictures, id, &item, 1, &error));
    prepare(&p, "gps.webp", &item);
    OK(garments_photos_add(p.home, &p.pictures, id, &item, 1, &error));
    snprintf(two, sizeof two, "%s", photo(p.home, id, 1));
    snprintf(three, sizeof three, "%s", photo(p.home, id, 2));
    OK(garments_photo_first(p.home, id, three, &error));
    assert_string_equal(photo(p.home, id, 0), three);
    assert_string_equal(photo(p.home, id, 1), one);
    assert_string_equal(photo(p.home, id, 2), two);
    REFUSED(RAUM_ENOT_FOUND, garments_photo_first(p.home, id, "nobody", &error));
    REFUSED(RAUM_ENOT_FOUND,
            garments_photo_remove(p.home, &p.pictures, id, "nobody", false, &error));
    /* Into the trash, and for ever. */
    OK(garments_photo_remove(p.home, &p.pictures, id, one, false, &error));
    assert_false(place_opens(&p, p.home, one));
    assert_int_equal(stored(&p), 3);
    OK(garments_photo_remove(p.home, &p.pictures, id, two, true, &error));
    assert_int_equal(stored(&p), 2);
    assert_string_equal(photo(p.home, id, 0), three);
    assert_string_equal(photo(p.home, id, 1), "");
    p.world.now_ms += 31 * DAY_MS;
    OK(pictures_sweep(&p.pictures, &error));
    assert_int_equal(stored(&p), 1);
    place_close(&p);
}

/* All or nothing: if one of several photographs is gone again, there is no garment. */
static void half(void **state)
{
    (void)state;
    struct place p;
    struct media_item items[2];
    char id[RAUM_ID_MAX];
    const struct garment_fields fields = {.name = "Mantel", .tag_count = -1};
    place_open(&p, "lena");
    prepare(&p, "gps.jpg", &items[0]);
    prepare(&p, "gps.png", &items[1]);
    OK(media_store_erase(p.pictures.store, items[1].hash, &error));
    REFUSED(RAUM_EBUSY, garments_add(p.home, &p.pictures, &fields, items, 2, id, &error));
    assert_int_equal(kit_int(p.home, "SELECT count(*) FROM " GARMENTS), 0);
    assert_int_equal(kit_raw(p.raum, "SELECT count(*) FROM media"), 0);
    assert_int_equal(stored(&p), 0);
    place_close(&p);
}

/* A picture that another row shows too stays, whichever of them goes first. */
static void shared_picture(void **state)
{
    (void)state;
    struct place p;
    char garment[RAUM_ID_MAX], image[RAUM_ID_MAX], media[RAUM_ID_MAX], json[400];
    place_open(&p, "lena");
    for (int first = 0; first < 2; first++) {
        OK(place_add(&p, p.home, "gps.jpg", NULL, image));
        snprintf(media, sizeof media, "%s", place_media(p.home, image));
        snprintf(json, sizeof json, "{\"name\":\"x\",\"mediaIds\":[\"%s\"]}", media);
        OK(kit_insert(p.home, GARMENTS, json, garment));
        if (first)
            OK(garments_delete(p.home, &p.pictures, garment, false, &error));
        else
            OK(me_images_delete(p.home, &p.pictures, image, false, &error));
        assert_true(place_opens(&p, p.home, media));
        if (first)
            OK(me_images_delete(p.home, &p.pictures, image, false, &error));
        else
            OK(garments_delete(p.home, &p.pictures, garment, false, &error));
        assert_false(place_opens(&p, p.home, media));
    }
    place_close(&p);
}

/* G-P4: deleted, restored, deleted for ever. */
static void deleting(void **state)
{
    (void)state;
    struct place p;
    char id[RAUM_ID_MAX], other[RAUM_ID_MAX], media[RAUM_ID_MAX], wear[RAUM_ID_MAX];
    const struct garment_fields fields = {.name = "Geheimer Hut", .price = "5", .tag_count = -1};
    place_open(&p, "lena");
    OK(add_fields(&p, p.home, &fields, 2, id));
    OK(add(&p, p.home, "Schal", other)); /* shows the bytes of its first photograph too */
    snprintf(media, sizeof media, "%s", photo(p.home, id, 1));
    OK(wears_garment(p.home, id, "2026-03-01", wear, &error));
    OK(garments_delete(p.home, &p.pictures, id, false, &error));
    assert_false(place_opens(&p, p.home, media));
    REFUSED(RAUM_ENOT_FOUND, garments_delete(p.home, &p.pictures, id, false, &error));
    REFUSED(RAUM_ENOT_FOUND, wears_garment(p.home, id, "2026-03-01", wear, &error));
    REFUSED(RAUM_ENOT_FOUND, garments_set(p.home, id, &fields, &error));
    OK(garments_restore(p.home, &p.pictures, id, &error));
    OK(garments_restore(p.home, &p.pictures, id, &error)); /* again: no effect */
    assert_true(place_opens(&p, p.home, media));
    holds(shown(p.home, GARMENTS, id), "\"wearCount\":1");
    OK(garments_delete(p.home, &p.pictures, id, false, &error));
    OK(garments_delete(p.home, &p.pictures, id, true, &error)); /* out of the trash, too */
    assert_null(strstr(kit_get(p.home, GARMENTS, id, true), "Geheim"));
    assert_null(strstr(kit_get(p.home, GARMENTS, id, true), media));
    REFUSED(RAUM_ENOT_FOUND, garments_restore(p.home, &p.pictures, id, &error));
    assert_int_equal(stored(&p), 1);
    assert_true(place_opens(&p, p.home, photo(p.home, other, 0)));
    assert_int_equal(kit_int(p.home, "SELECT count(*) FROM " WEARS), 1); /* the log stays */
    place_close(&p);
}

/* A garment from another device: its photographs have not come here. */
static void without_bytes(void **state)
{
    (void)state;
    struct place p;
    char id[RAUM_ID_MAX];
    place_open(&p, "lena");
    OK(kit_insert(p.home, GARMENTS, "{\"name\":\"x\",\"mediaIds\":[\"far\",\"away\"]}", id));
    OK(garments_delete(p.home, &p.pictures, id, false, &error));
    OK(garments_restore(p.home, &p.pictures, id, &error));
    OK(garments_photo_remove(p.home, &p.pictures, id, "far", false, &error));
    OK(garments_delete(p.home, &p.pictures, id, true, &error));
    REFUSED(RAUM_ENOT_FOUND, garments_restore(p.home, &p.pictures, id, &error));
    place_close(&p);
}

static void finding(void **state)
{
    (void)state;
    struct place p;
    char a[RAUM_ID_MAX], b[RAUM_ID_MAX], found[RAUM_ID_MAX];
    place_open(&p, "lena");
    OK(add(&p, p.home, "Hemd", a));
    OK(garments_find(p.home, "HEMD", found, &error));
    assert_string_equal(found, a);
    OK(add(&p, p.home, "hemd", b));
    REFUSED(RAUM_EUSAGE, garments_find(p.home, "Hemd", found, &error));
    OK(garments_find(p.home, b, found, &error));
    assert_string_equal(found, b);
    OK(garments_find(p.home, "nobody", found, &error)); /* may be a deleted one: asked for later */
    assert_string_equal(found, "nobody");
    OK(garments_find(p.home, "x' OR '1'='1", found, &error));
    OK(garments_delete(p.home, &p.pictures, a, false, &error));
    OK(garments_find(p.home, "Hemd", found, &error));
    assert_string_equal(found, b);
    place_close(&p);
}

/* ---- outfits ---- */

static void outfits(void **state)
{
    (void)state;
    struct place p;
    char a[RAUM_ID_MAX], b[RAUM_ID_MAX], c[RAUM_ID_MAX], id[RAUM_ID_MAX], text[4 * RAUM_ID_MAX];
    place_open(&p, "lena");
    OK(add(&p, p.home, "A", a));
    OK(add(&p, p.home, "B", b));
    OK(add(&p, p.home, "C", c));
    const char *const list[] = {c, a, c, b, a}, *const just_b[] = {b}, *const just_c[] = {c};
    const char *const nobody[] = {a, "nobody"};
    OK(create(p.home, "Alltag", list, 5, id)); /* in order; the same one twice is once */
    snprintf(text, sizeof text, "\"garmentIds\":[\"%s\",\"%s\",\"%s\"]", c, a, b);
    holds(shown(p.home, OUTFITS, id), text);
    REFUSED(RAUM_ENOT_FOUND, create(p.home, "x", nobody, 2, text));
    REFUSED(RAUM_EUSAGE, create(p.home, "", list, 5, text));
    REFUSED(RAUM_EUSAGE, create(p.home, NULL, list, 5, text));
    REFUSED(RAUM_EUSAGE, create(p.home, "x", list, 0, text));
    assert_int_equal(kit_int(p.home, "SELECT count(*) FROM " OUTFITS), 1);
    /* More, fewer. */
    OK(outfits_set(p.home, id, &as_it_is,
                   &(struct outfit_change){.remove = list, .remove_count = 1}, &error));
    OK(outfits_set(p.home, id, &as_it_is, &(struct outfit_change){.add = just_c, .add_count = 1},
                   &error));
    snprintf(text, sizeof text, "\"garmentIds\":[\"%s\",\"%s\",\"%s\"]", a, b, c);
    holds(shown(p.home, OUTFITS, id), text);
    REFUSED(RAUM_ENOT_FOUND,
            outfits_set(p.home, id, &as_it_is,
                        &(struct outfit_change){.remove = nobody + 1, .remove_count = 1}, &error));
    REFUSED(RAUM_EUSAGE, outfits_set(p.home, id, &as_it_is, &no_change, &error));
    /* A garment that is deleted is shown as gone, and can be taken out or come back. */
    OK(garments_delete(p.home, &p.pictures, b, false, &error));
    snprintf(text, sizeof text, "{\"id\":\"%s\",\"name\":\"B\",\"category\":\"top\",\"gone\":true}",
             b);
    holds(shown(p.home, OUTFITS, id), text);
    OK(garments_restore(p.home, &p.pictures, b, &error));
    snprintf(text, sizeof text,
             "{\"id\":\"%s\",\"name\":\"B\",\"category\":\"top\",\"gone\":false}", b);
    holds(shown(p.home, OUTFITS, id), text);
    OK(garments_delete(p.home, &p.pictures, b, true, &error));
    snprintf(text, sizeof text, "{\"id\":\"%s\",\"name\":null,\"category\":\"top\",\"gone\":true}",
             b);
    holds(shown(p.home, OUTFITS, id), text);
    REFUSED(RAUM_ENOT_FOUND,
            outfits_set(p.home, id, &as_it_is,
                        &(struct outfit_change){
                            .add = just_b, .add_count = 1, .remove = just_b, .remove_count = 1},
                        &error));
    struct raum_query *q;
    OK(outfits_query(p.home, &(struct outfit_filter){.garment = b}, &q, &error));
    OK(raum_query_step(q, &error));
    assert_int_equal(raum_query_int(q, OUTFIT_GARMENTS), 3);
    assert_int_equal(raum_query_int(q, OUTFIT_GONE), 1);
    raum_query_free(q);
    OK(outfits_set(p.home, id, &as_it_is,
                   &(struct outfit_change){.remove = just_b, .remove_count = 1}, &error));
    assert_null(strstr(shown(p.home, OUTFITS, id), "\"gone\":true"));
    /* It keeps a garment. */
    const char *const rest[] = {a, c};
    REFUSED(RAUM_ENOT_ALLOWED,
            outfits_set(p.home, id, &as_it_is,
                        &(struct outfit_change){.remove = rest, .remove_count = 2}, &error));
    place_close(&p);
}

static void outfit_fields(void **state)
{
    (void)state;
    struct place p;
    char ids[OUTFIT_GARMENTS_MAX + 1][RAUM_ID_MAX], id[RAUM_ID_MAX], other[RAUM_ID_MAX];
    const char *list[OUTFIT_GARMENTS_MAX + 1];
    const char *const seasons[] = {"spring", "autumn"}, *const rain[] = {"rainy"};
    place_open(&p, "lena");
    for (int i = 0; i <= OUTFIT_GARMENTS_MAX; i++) {
        OK(add(&p, p.home, "x", ids[i]));
        list[i] = ids[i];
    }
    REFUSED(RAUM_EUSAGE, create(p.home, "zu viel", list, OUTFIT_GARMENTS_MAX + 1, id));
    OK(create(p.home, "viel", list, OUTFIT_GARMENTS_MAX, id));
    REFUSED(RAUM_EUSAGE,
            outfits_set(p.home, id, &as_it_is,
                        &(struct outfit_change){.add = list + OUTFIT_GARMENTS_MAX, .add_count = 1},
                        &error));
    struct outfit_fields f = {.occasion = "work",
                              .description = "fürs Büro",
                              .seasons = seasons,
                              .season_count = 2,
                              .tag_count = 1,
                              .tags = rain};
    OK(outfits_set(p.home, id, &f, &no_change, &error));
    OK(outfits_favorite(p.home, id, true, &error));
    holds(shown(p.home, OUTFITS, id), "\"season\":[\"spring\",\"autumn\"],\"tags\":[\"rainy\"]");
    f = (struct outfit_fields){.season_count = 1, .seasons = rain, .tag_count = -1};
    REFUSED(RAUM_EUSAGE, outfits_set(p.home, id, &f, &no_change, &error));
    f = (struct outfit_fields){.occasion = "party", .season_count = -1, .tag_count = -1};
    REFUSED(RAUM_EUSAGE, outfits_set(p.home, id, &f, &no_change, &error));
    OK(create(p.home, "anders", list, 1, other));
    const struct outfit_filter just_one[] = {
        {.occasion = "work"}, {.season = "autumn"}, {.tag = "Rainy"}, {.favorites = true}};
    struct raum_query *q;
    for (int i = 0; i < 4; i++) {
        OK(outfits_query(p.home, &just_one[i], &q, &error));
        OK(raum_query_step(q, &error));
        assert_string_equal(raum_query_text(q, OUTFIT_ID, NULL), id);
        assert_int_equal(raum_query_step(q, &error), RAUM_END);
        raum_query_free(q);
    }
    OK(outfits_query(p.home, &(struct outfit_filter){0}, &q, &error)); /* favourites first */
    OK(raum_query_step(q, &error));
    assert_string_equal(raum_query_text(q, OUTFIT_ID, NULL), id);
    raum_query_free(q);
    OK(outfits_archive(p.home, id, true, &error));
    OK(outfits_delete(p.home, other, &error));
    OK(outfits_query(p.home, &(struct outfit_filter){0}, &q, &error));
    assert_int_equal(raum_query_step(q, &error), RAUM_END);
    raum_query_free(q);
    OK(outfits_restore(p.home, other, &error));
    assert_int_equal(kit_int(p.home, "SELECT count(*) FROM " OUTFITS), 2);
    place_close(&p);
}

/* ---- wears ---- */

static void wears(void **state)
{
    (void)state;
    struct place p;
    char a[RAUM_ID_MAX], b[RAUM_ID_MAX], outfit[RAUM_ID_MAX], first[RAUM_ID_MAX], id[RAUM_ID_MAX];
    int worn;
    place_open(&p, "lena");
    OK(add(&p, p.home, "A", a));
    OK(add(&p, p.home, "B", b));
    const char *const both[] = {a, b}, *const just_b[] = {b};
    OK(create(p.home, "Beide", both, 2, outfit));
    OK(wears_outfit(p.home, outfit, "2026-03-01", first, &worn, &error));
    OK(wears_outfit(p.home, outfit, "2026-03-01", id, &worn, &error)); /* twice on a day: twice */
    OK(wears_garment(p.home, a, "2026-02-01", id, &error));
    holds(shown(p.home, GARMENTS, a), "\"wearCount\":3,\"lastWornAt\":\"2026-03-01\"");
    holds(shown(p.home, OUTFITS, outfit), "\"wearCount\":2");
    assert_string_equal(
        kit_rows(p.home, "SELECT wearCount, lastWornAt FROM " GARMENTS " ORDER BY createdAt"),
        "3|2026-03-01\n2|2026-03-01");
    /* What happened stays what it was: the outfit loses a garment, the garment keeps its wears. */
    OK(outfits_set(p.home, outfit, &as_it_is,
                   &(struct outfit_change){.remove = just_b, .remove_count = 1}, &error));
    holds(shown(p.home, GARMENTS, b), "\"wearCount\":2");
    OK(wears_outfit(p.home, outfit, "2026-03-02", id, &worn, &error));
    assert_int_equal(worn, 1);
    holds(shown(p.home, GARMENTS, b), "\"wearCount\":2");
    /* The log: one entry a wear, an outfit's garments with it. */
    struct raum_query *q;
    static const int parts[] = {1, 2, 2, 0};
    OK(wears_query(p.home, NULL, NULL, &q, &error));
    for (int i = 0; i < 4; i++) {
        OK(raum_query_step(q, &error));
        assert_int_equal(raum_query_int(q, WEAR_PARTS), parts[i]);
    }
    assert_int_equal(raum_query_step(q, &error), RAUM_END);
    raum_query_free(q);
    /* Taken back: with its garments, and nothing else. */
    OK(wears_remove(p.home, first, &error));
    holds(shown(p.home, GARMENTS, b), "\"wearCount\":1");
    holds(shown(p.home, GARMENTS, a), "\"wearCount\":3");
    holds(shown(p.home, OUTFITS, outfit), "\"wearCount\":2");
    REFUSED(RAUM_ENOT_FOUND, wears_remove(p.home, first, &error));
    /* A garment that is gone is not worn with the outfit; those behind it are. */
    OK(outfits_set(p.home, outfit, &as_it_is,
                   &(struct outfit_change){.add = just_b, .add_count = 1}, &error));
    OK(garments_delete(p.home, &p.pictures, a, false, &error));
    OK(wears_outfit(p.home, outfit, "2026-03-03", id, &worn, &error));
    assert_int_equal(worn, 1);
    holds(shown(p.home, GARMENTS, b), "\"wearCount\":2,\"lastWornAt\":\"2026-03-03\"");
    holds(shown(p.home, GARMENTS, a), "\"wearCount\":3"); /* it still says what it was */
    REFUSED(RAUM_EIMMUTABLE_FIELD, kit_update(p.home, WEARS, id, "{\"garmentId\":\"x\"}"));
    place_close(&p);
}

static void days(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "2026-02-30", "2026-3-1", "heute", "2026-03-01T10:00:00Z", "2026-04-03", "9999-12-31"};
    struct place p;
    char a[RAUM_ID_MAX], id[RAUM_ID_MAX];
    place_open(&p, "lena");
    OK(add(&p, p.home, "A", a));
    uint64_t noon;
    OK(clock_parse("2026-04-01T12:00:00Z", 20, &noon));
    p.world.now_ms = clock_ms(noon);
    OK(wears_garment(p.home, a, "2026-04-02", id, &error)); /* it is tomorrow already, somewhere */
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        REFUSED(RAUM_EUSAGE, wears_garment(p.home, a, bad[i], id, &error));
    p.world.now_ms -= 3 * 3600 * 1000;
    REFUSED(RAUM_EUSAGE, wears_garment(p.home, a, "2026-04-02", id, &error));
    assert_int_equal(kit_int(p.home, "SELECT count(*) FROM " WEARS), 1);
    place_close(&p);
}

/* Two devices of one account, or of two members. */
struct two {
    struct place p[2];
    struct raum_handle *h[2];
};

static void two_open(struct two *x, const char *first, const char *second)
{
    place_open(&x->p[0], first);
    place_open(&x->p[1], second);
    x->p[1].world.seed = 8;
    for (int i = 0; i < 2; i++) {
        kit_join(x->p[i].raum, "sp-team", SPACE_TEAM, i ? ROLE_MEMBER : ROLE_OWNER);
        x->h[i] = kit_scope(x->p[i].raum, "sp-team");
    }
}

static void meet(struct two *x)
{
    OK(kit_hand_over(x->p[0].raum, x->p[1].raum, "sp-team", false, &error));
    OK(kit_hand_over(x->p[1].raum, x->p[0].raum, "sp-team", false, &error));
}

static void two_close(struct two *x)
{
    for (int i = 0; i < 2; i++) {
        raum_handle_free(x->h[i]);
        place_close(&x->p[i]);
    }
}

/* What two write apart adds up; nothing counts twice. */
static void adds_up(void **state)
{
    (void)state;
    struct two x;
    char a[RAUM_ID_MAX], outfit[RAUM_ID_MAX], id[RAUM_ID_MAX];
    two_open(&x, "anna", "anna");
    OK(add(&x.p[0], x.h[0], "A", a));
    OK(create(x.h[0], "Nur A", (const char *const[]){a}, 1, outfit));
    meet(&x);
    OK(wears_garment(x.h[0], a, "2026-03-01", id, &error));
    OK(wears_garment(x.h[1], a, "2026-03-01", id, &error));
    OK(wears_outfit(x.h[1], outfit, "2026-03-02", id, NULL, &error));
    for (int again = 0; again < 3; again++)
        meet(&x);
    for (int i = 0; i < 2; i++) {
        holds(shown(x.h[i], GARMENTS, a), "\"wearCount\":3,\"lastWornAt\":\"2026-03-02\"");
        holds(shown(x.h[i], OUTFITS, outfit), "\"wearCount\":1");
    }
    OK(wears_remove(x.h[0], id, &error)); /* written on the other device */
    meet(&x);
    for (int i = 0; i < 2; i++)
        holds(shown(x.h[i], GARMENTS, a), "\"wearCount\":2,\"lastWornAt\":\"2026-03-01\"");
    two_close(&x);
}

/* What is private to one does not show in what the other sees, wears and counts included (G-T9). */
static void private_things(void **state)
{
    (void)state;
    struct two x;
    char mine[RAUM_ID_MAX], ours[RAUM_ID_MAX], outfit[RAUM_ID_MAX], id[RAUM_ID_MAX];
    const struct garment_fields secret = {
        .name = "Geheim", .visibility = "private", .tag_count = -1};
    two_open(&x, "anna", "bert");
    OK(add_fields(&x.p[0], x.h[0], &secret, 1, mine));
    OK(add(&x.p[0], x.h[0], "Hemd", ours));
    OK(create(x.h[0], "Beide", (const char *const[]){ours, mine}, 2, outfit));
    OK(wears_garment(x.h[0], mine, "2026-03-01", id, &error));
    OK(wears_outfit(x.h[0], outfit, "2026-03-02", id, NULL, &error));
    meet(&x);
    assert_int_equal(kit_int(x.h[0], "SELECT count(*) FROM " WEARS), 4);
    assert_int_equal(kit_int(x.h[1], "SELECT count(*) FROM " WEARS), 2);
    const char *theirs = shown(x.h[1], OUTFITS, outfit);
    assert_null(strstr(theirs, "Geheim"));
    holds(theirs, "\"name\":null,\"category\":null,\"gone\":true");
    holds(shown(x.h[0], OUTFITS, outfit), "\"name\":\"Geheim\"");
    REFUSED(RAUM_ENOT_FOUND, wears_garment(x.h[1], mine, "2026-03-01", id, &error));
    REFUSED(RAUM_ENOT_FOUND, create(x.h[1], "x", (const char *const[]){mine}, 1, id));
    holds(shown(x.h[0], GARMENTS, mine), "\"wearCount\":2");
    two_close(&x);
}

/* The author and an admin delete; a member writes the rest. */
static void rights(void **state)
{
    (void)state;
    struct two x;
    char annas[RAUM_ID_MAX], berts[RAUM_ID_MAX], id[RAUM_ID_MAX];
    two_open(&x, "anna", "bert");
    OK(add(&x.p[0], x.h[0], "Annas", annas));
    OK(add(&x.p[1], x.h[1], "Berts", berts));
    meet(&x);
    OK(garments_archive(x.h[1], annas, true, &error));
    OK(wears_garment(x.h[1], annas, "2026-03-01", id, &error));
    REFUSED(RAUM_ENOT_ALLOWED, garments_delete(x.h[1], &x.p[1].pictures, annas, false, &error));
    REFUSED(RAUM_ENOT_ALLOWED, garments_delete(x.h[1], &x.p[1].pictures, annas, true, &error));
    holds(shown(x.h[1], GARMENTS, annas), "\"name\":\"Annas\""); /* not blanked on the way */
    OK(garments_delete(x.h[0], &x.p[0].pictures, berts, false, &error)); /* she owns the space */
    meet(&x);
    assert_int_equal(kit_int(x.h[1], "SELECT count(*) FROM " GARMENTS), 1);
    two_close(&x);
}

/* G-S10: a deletion and an edit of the same garment, made apart, in both orders: all three agree,
 * and the log of it stays. */
static void edit_and_delete(void **state)
{
    (void)state;
    for (int order = 0; order < 2; order++) {
        struct place p[3];
        struct raum_handle *h[3];
        char id[RAUM_ID_MAX], wear[RAUM_ID_MAX];
        for (int i = 0; i < 3; i++) {
            place_open(&p[i], "lena");
            p[i].world.seed = 20 + (uint64_t)i;
            kit_join(p[i].raum, "sp-team", SPACE_TEAM, ROLE_OWNER);
            h[i] = kit_scope(p[i].raum, "sp-team");
        }
        OK(add(&p[0], h[0], "Rock", id));
        for (int i = 1; i < 3; i++)
            OK(kit_hand_over(p[0].raum, p[i].raum, "sp-team", false, &error));
        p[order].world.now_ms += 5000; /* who is later */
        OK(garments_delete(h[0], &p[0].pictures, id, false, &error));
        OK(garments_set(h[1], id, &(struct garment_fields){.name = "Roter Rock", .tag_count = -1},
                        &error));
        OK(wears_garment(h[2], id, "2026-03-01", wear, &error));
        for (int round = 0; round < 2; round++)
            for (int i = 0; i < 3; i++)
                for (int j = 0; j < 3; j++)
                    if (i != j)
                        OK(kit_hand_over(p[order ? 2 - i : i].raum, p[order ? 2 - j : j].raum,
                                         "sp-team", false, &error));
        for (int i = 0; i < 3; i++) {
            assert_int_equal(kit_int(h[i], "SELECT count(*) FROM " GARMENTS), 0);
            holds(shown(h[i], GARMENTS, id), "\"name\":\"Roter Rock\"");
            holds(shown(h[i], GARMENTS, id), "\"wearCount\":1");
        }
        for (int i = 0; i < 3; i++) {
            raum_handle_free(h[i]);
            place_close(&p[i]);
        }
    }
}

/* ---- statistics ---- */

static const char *rows(struct raum_query *q)
{
    static char text[4096];
    size_t len = 0;
    int rc;
    text[0] = '\0';
    while ((rc = raum_query_step(q, &error)) == 0) {
        for (int i = 0; i < raum_query_columns(q); i++) {
            if (strcmp(raum_query_name(q, i), "id") == 0)
                continue;
            const char *cell = raum_query_text(q, i, NULL);
            len += (size_t)snprintf(text + len, sizeof text - len, "%s|", cell ? cell : "-");
        }
        len += (size_t)snprintf(text + len, sizeof text - len, "\n");
    }
    raum_query_free(q);
    assert_int_equal(rc, RAUM_END);
    return text;
}

static void statistics(void **state)
{
    (void)state;
    struct place p;
    struct raum_query *q;
    static const struct {
        const char *name, *category, *price;
    } all[] = {{"Hemd", "top", "20"},
               {"Hose", "bottom", "30"},
               {"Hut", "hat", "5 CHF"},
               {"Kleid", "dress", NULL},
               {"Alt", "top", "100"}};
    char ids[5][RAUM_ID_MAX], outfit[RAUM_ID_MAX], id[RAUM_ID_MAX];
    place_open(&p, "lena");
    for (int i = 0; i < 5; i++) {
        const struct garment_fields f = {.name = all[i].name,
                                         .category = all[i].category,
                                         .price = all[i].price,
                                         .tag_count = -1};
        OK(add_fields(&p, p.home, &f, 1, ids[i]));
    }
    OK(garments_archive(p.home, ids[4], true, &error));
    OK(create(p.home, "x", (const char *const[]){ids[0], ids[1]}, 2, outfit));
    OK(wears_outfit(p.home, outfit, "2026-02-10", id, NULL, &error));
    OK(wears_outfit(p.home, outfit, "2026-03-10", id, NULL, &error));
    OK(wears_garment(p.home, ids[0], "2026-03-11", id, &error));
    OK(wears_garment(p.home, ids[4], "2025-12-31", id, &error));
    OK(statistics_most_worn(p.home, 2, &q, &error));
    assert_string_equal(rows(q), "Hemd|top|3|2026-03-11|2000|EUR|\n"
                                 "Hose|bottom|2|2026-03-10|3000|EUR|\n");
    OK(statistics_most_worn(p.home, 10, &q, &error));
    assert_non_null(strstr(rows(q), "Alt|"));
    OK(statistics_not_worn(p.home, 10, &q, &error)); /* never, the oldest of them first */
    assert_string_equal(rows(q), "Hut|hat|0|-|500|CHF|\nKleid|dress|0|-|-|-|\n"
                                 "Hose|bottom|2|2026-03-10|3000|EUR|\n"
                                 "Hemd|top|3|2026-03-11|2000|EUR|\n");
    OK(statistics_categories(p.home, &q, &error));
    assert_string_equal(rows(q), "top|2|1|4|\nbottom|1|0|2|\ndress|1|0|0|\nhat|1|0|0|\n");
    OK(statistics_costs(p.home, &q, &error));
    assert_string_equal(rows(q), "EUR|3|15000.0|6|\nCHF|1|500.0|0|\n");
    OK(statistics_months(p.home, 2, &q, &error));
    assert_string_equal(rows(q), "2026-03|2|3|\n2026-02|1|2|\n");
    /* Prices that no sum of whole numbers holds. */
    for (int i = 0; i < 2; i++)
        OK(kit_update(p.home, GARMENTS, ids[i], "{\"priceCents\":9223372036854775807}"));
    OK(statistics_costs(p.home, &q, &error));
    assert_non_null(strstr(rows(q), "e+19"));
    place_close(&p);
}

/* ---- live, and newer versions ---- */

struct heard {
    int inserts, updates;
    char row[256];
};

static void listen(void *arg, const struct raum_watch_event *e)
{
    struct heard *x = arg;
    x->inserts += e->kind == RAUM_WATCH_INSERT;
    x->updates += e->kind == RAUM_WATCH_UPDATE;
    if (e->row)
        snprintf(x->row, sizeof x->row, "%s %s %s", raum_query_text(e->row, 1, NULL),
                 raum_query_text(e->row, GARMENT_WORN, NULL),
                 raum_query_text(e->row, GARMENT_LAST, NULL));
}

/* What is derived from the log moves with it, behind the fence too. */
static void live(void **state)
{
    (void)state;
    struct place p;
    struct buf sql;
    struct heard heard = {0}, outfits_heard = {0};
    struct raum_watch *watch, *other;
    char a[RAUM_ID_MAX], outfit[RAUM_ID_MAX], id[RAUM_ID_MAX];
    place_open(&p, "o'hara");
    OK(add(&p, p.home, "O'Hemd", a));
    OK(create(p.home, "x", (const char *const[]){a}, 1, outfit));
    buf_init(&sql, 1 << 16);
    OK(garments_sql(&(struct garment_filter){.category = "top"}, &sql, &error));
    OK(raum_watch_new(p.home, buf_text(&sql), listen, &heard, &watch, &error));
    buf_reset(&sql);
    OK(outfits_sql(&(struct outfit_filter){.shelf = SHELF_ALL}, &sql, &error));
    OK(raum_watch_new(p.home, buf_text(&sql), listen, &outfits_heard, &other, &error));
    OK(raum_poll(p.raum, &error));
    assert_int_equal(heard.inserts + outfits_heard.inserts, 2);
    OK(wears_outfit(p.home, outfit, "2026-03-01", id, NULL, &error));
    OK(raum_poll(p.raum, &error));
    assert_int_equal(heard.updates, 1);
    assert_string_equal(heard.row, "O'Hemd 1 2026-03-01");
    assert_int_equal(outfits_heard.updates, 1);
    OK(garments_delete(p.home, &p.pictures, a, false, &error)); /* the outfit has one gone now */
    OK(raum_poll(p.raum, &error));
    assert_int_equal(outfits_heard.updates, 2);
    raum_watch_free(watch);
    raum_watch_free(other);
    buf_release(&sql);
    place_close(&p);
}

/* Words that a newer version knows are kept, shown and counted; writing other fields does not hurt
 * them. */
static void newer_words(void **state)
{
    (void)state;
    struct place p;
    struct raum_query *q;
    char a[RAUM_ID_MAX], outfit[RAUM_ID_MAX];
    place_open(&p, "lena");
    OK(add(&p, p.home, "Badehose", a));
    OK(create(p.home, "Strand", (const char *const[]){a}, 1, outfit));
    kit_raw(p.raum, "UPDATE data_" GARMENTS " SET category = 'swimwear' RETURNING 1");
    kit_raw(p.raum, "UPDATE data_" OUTFITS " SET occasion = 'beach', season = '[\"monsoon\"]' "
                    "RETURNING 1");
    OK(garments_set(p.home, a, &(struct garment_fields){.brand = "Meer", .tag_count = -1}, &error));
    holds(shown(p.home, GARMENTS, a), "\"category\":\"swimwear\"");
    holds(shown(p.home, OUTFITS, outfit), "\"occasion\":\"beach\",\"season\":[\"monsoon\"]");
    OK(statistics_categories(p.home, &q, &error));
    assert_string_equal(rows(q), "swimwear|1|0|0|\n");
    OK(garments_query(p.home, &(struct garment_filter){0}, &q, &error));
    assert_non_null(strstr(rows(q), "swimwear"));
    place_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(six_types),      cmocka_unit_test(wrong_fields),
        cmocka_unit_test(setting),        cmocka_unit_test(prices),
        cmocka_unit_test(photographs),    cmocka_unit_test(half),
        cmocka_unit_test(shared_picture), cmocka_unit_test(deleting),
        cmocka_unit_test(finding),        cmocka_unit_test(without_bytes),
        cmocka_unit_test(outfits),        cmocka_unit_test(outfit_fields),
        cmocka_unit_test(wears),          cmocka_unit_test(days),
        cmocka_unit_test(adds_up),        cmocka_unit_test(private_things),
        cmocka_unit_test(rights),         cmocka_unit_test(edit_and_delete),
        cmocka_unit_test(statistics),     cmocka_unit_test(live),
        cmocka_unit_test(newer_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
