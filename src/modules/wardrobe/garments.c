#include "modules/wardrobe/garments.h"

#include "engine/store.h"
#include "modules/uses.h"
#include "modules/wardrobe/wardrobe.h"
#include "modules/words.h"
#include <string.h>

#define TABLE "wardrobeGarments"
#define PURPOSE "wardrobe"
#define PRICE_MAX 1000000000000 /* hundredths; ten digits before the point */

const char *const *garment_categories(void)
{
    return wardrobe_choices(TABLE, "category");
}

/* ---- prices ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *skip_blanks(const char *at)
{
    return at + strspn(at, " ");
}

/* Three letters, written in capitals; gives the place behind. */
static const char *take_currency(const char *at, char currency[4])
{
    int n = 0;
    for (; n < 3 && ((at[n] | 0x20) >= 'a' && (at[n] | 0x20) <= 'z'); n++)
        currency[n] = (char)(at[n] & ~0x20);
    currency[n == 3 ? 3 : 0] = '\0';
    return n == 3 ? at + 3 : at;
}

static const char *take_amount(const char *at, int64_t *cents)
{
    int places = -1;
    *cents = 0;
    if (!is_digit(*at))
        return NULL;
    for (; is_digit(*at) || ((*at == '.' || *at == ',') && places < 0); at++) {
        if (!is_digit(*at)) {
            places = 0;
            continue;
        }
        if (places >= 0 && ++places > 2)
            return NULL;
        *cents = *cents * 10 + (*at - '0');
        if (*cents > PRICE_MAX)
            return NULL;
    }
    if (places == 0)
        return NULL;
    for (; places < 2; places = places < 0 ? 1 : places + 1)
        *cents *= 10;
    return at;
}

int garment_price(const char *text, int64_t *cents, char currency[4], struct raum_error *error)
{
    const char *at = skip_blanks(take_currency(skip_blanks(text), currency));
    at = take_amount(at, cents);
    if (at)
        at = skip_blanks(at);
    if (at && !currency[0])
        at = skip_blanks(take_currency(at, currency));
    if (at && !*at && *cents <= PRICE_MAX)
        return 0;
    return err_at(error, "wardrobe", RAUM_EUSAGE,
                  "a price is a number like 49.90, not below zero, with a currency like EUR");
}

/* ---- writing ---- */

static int check_fields(const struct garment_fields *f, struct raum_error *error)
{
    int rc = wardrobe_check_name(f->name, error);
    if (rc == 0)
        rc = wardrobe_check_word(TABLE, "category", f->category, error);
    if (rc == 0)
        rc = wardrobe_check_tags(f->tag_count, error);
    if (rc == 0 && f->purchased && *f->purchased &&
        clock_parse_date(f->purchased, strlen(f->purchased)) != 0)
        rc = err_at(error, "wardrobe", RAUM_EUSAGE, "bought on a day like 2026-04-30");
    return rc;
}

/* Price and currency are two fields; a price that names no currency keeps the one that is there. */
static int put_price(struct json_writer *w, const char *price, bool fresh, struct raum_error *error)
{
    int64_t cents = 0;
    char currency[4] = "";
    if (!price)
        return 0;
    int rc = *price ? garment_price(price, &cents, currency, error) : 0;
    if (rc)
        return rc;
    json_put_key(w, "priceCents");
    if (*price)
        json_put_int(w, cents);
    else
        json_put_null(w);
    if (!*price)
        wardrobe_put(w, "currency", "");
    else if (currency[0] || fresh)
        wardrobe_put(w, "currency", currency[0] ? currency : GARMENT_CURRENCY);
    return 0;
}

/* Without the closing brace of the object. `fresh`: it has no price yet. */
static int put_fields(struct json_writer *w, const struct garment_fields *f, bool fresh,
                      struct raum_error *error)
{
    wardrobe_put(w, "name", f->name);
    wardrobe_put(w, "category", f->category);
    wardrobe_put(w, "brand", f->brand);
    wardrobe_put(w, "color", f->color);
    wardrobe_put(w, "size", f->size);
    wardrobe_put(w, "material", f->material);
    wardrobe_put(w, "notes", f->notes);
    wardrobe_put(w, "purchasedAt", f->purchased);
    wardrobe_put(w, "visibility", f->visibility);
    wardrobe_put_list(w, "tags", f->tags, f->tag_count);
    return put_price(w, f->price, fresh, error);
}

static int check_count(int there, int more, struct raum_error *error)
{
    if (there + more < 1)
        return err_at(error, "wardrobe", RAUM_EUSAGE, "a garment needs a photograph");
    return there + more <= GARMENT_PHOTOS_MAX
               ? 0
               : err_at(error, "wardrobe", RAUM_EUSAGE, "a garment has at most %d photographs",
                        GARMENT_PHOTOS_MAX);
}

/* Refers to the photographs from the space and writes their ids behind those in the list. */
static int refer(struct raum_handle *h, struct pictures *p, const struct media_item *photos,
                 int count, struct json_writer *w, struct raum_error *error)
{
    int rc = 0;
    for (int i = 0; i < count && rc == 0; i++) {
        char media[RAUM_ID_MAX] = "";
        rc = pictures_refer(p, h->space, PURPOSE, &photos[i], media, error);
        if (rc == 0)
            json_put_str(w, media);
    }
    return rc;
}

/* The first error counts; what cannot be settled now is swept later. */
static void let_go(struct pictures *p, const struct media_item *photos, int count)
{
    for (int i = 0; i < count; i++)
        (void)!pictures_settle(p, photos[i].hash, NULL);
}

/* Where the photographs of a new garment come from. */
struct photos {
    struct pictures *pictures; /* prepared ones */
    const struct media_item *items;
    const char *const *media; /* or media ids that rows of the space show */
    int count;
};

static int put_shown(struct raum_handle *h, const struct photos *from, struct json_writer *w,
                     struct raum_error *error)
{
    for (int i = 0; i < from->count; i++) {
        bool shown = false;
        int rc = uses_shown(h, from->media[i], &shown, error);
        if (rc)
            return rc;
        if (!shown)
            return err_at(error, "wardrobe", RAUM_ENOT_FOUND, "no such picture in this space");
        json_put_str(w, from->media[i]);
    }
    return 0;
}

static int insert(struct raum_handle *h, const struct garment_fields *fields,
                  const struct photos *from, char id[RAUM_ID_MAX], struct raum_error *error)
{
    struct buf json;
    struct json_writer w;
    int rc = replica_begin(h->raum, error);
    if (rc)
        return rc;
    buf_init(&json, WARDROBE_JSON_MAX);
    json_begin(&w, &json);
    json_open_object(&w);
    rc = put_fields(&w, fields, true, error);
    if (rc == 0) {
        json_put_key(&w, "mediaIds");
        json_open_array(&w);
        rc = from->media ? put_shown(h, from, &w, error)
                         : refer(h, from->pictures, from->items, from->count, &w, error);
        json_close_array(&w);
    }
    json_close_object(&w);
    if (rc == 0)
        rc = buf_error(&json, error);
    if (rc == 0)
        rc = store_insert_text(h, TABLE, buf_text(&json), json.len, id, error);
    buf_release(&json);
    return replica_end(h->raum, rc, error);
}

static int add(struct raum_handle *h, const struct garment_fields *fields,
               const struct photos *from, char id[RAUM_ID_MAX], struct raum_error *error)
{
    int rc = scope_check(h, schema_table(TABLE), error);
    if (rc == 0)
        rc = check_fields(fields, error);
    if (rc == 0)
        rc = check_count(0, from->count, error);
    return rc ? rc : insert(h, fields, from, id, error);
}

int garments_add(struct raum_handle *h, struct pictures *p, const struct garment_fields *fields,
                 const struct media_item *photos, int count, char id[RAUM_ID_MAX],
                 struct raum_error *error)
{
    const struct photos from = {.pictures = p, .items = photos, .count = count};
    int rc = add(h, fields, &from, id, error);
    if (rc)
        let_go(p, photos, count);
    return rc;
}

int garments_add_shown(struct raum_handle *h, const struct garment_fields *fields,
                       const char *const *media, int count, char id[RAUM_ID_MAX],
                       struct raum_error *error)
{
    const struct photos from = {.media = media, .count = count};
    return add(h, fields, &from, id, error);
}

int garments_set(struct raum_handle *h, const char *id, const struct garment_fields *fields,
                 struct raum_error *error)
{
    struct wardrobe_row row;
    struct buf json;
    struct json_writer w;
    buf_init(&json, WARDROBE_JSON_MAX);
    int rc = wardrobe_load_live(&row, h, TABLE, id, error);
    if (rc == 0)
        rc = check_fields(fields, error);
    if (rc == 0) {
        bool fresh = !json_is(json_get(row.root, "currency"), JSON_STRING);
        json_begin(&w, &json);
        json_open_object(&w);
        rc = put_fields(&w, fields, fresh, error);
        json_close_object(&w);
    }
    if (rc == 0)
        rc = buf_error(&json, error);
    if (rc == 0 && json.len <= 2)
        rc = err_at(error, "wardrobe", RAUM_EUSAGE, "nothing to set");
    if (rc == 0)
        rc = store_update_text(h, TABLE, id, buf_text(&json), json.len, error);
    buf_release(&json);
    wardrobe_release(&row);
    return rc;
}

int garments_archive(struct raum_handle *h, const char *id, bool on, struct raum_error *error)
{
    return wardrobe_flag(h, TABLE, id, "isArchived", on, error);
}

/* ---- photographs ---- */

/* How the list of photographs is to be: first `lead`, then what is there but `without`, then new
 * ones. */
struct photo_change {
    const char *lead, *without; /* NULL: none */
    const struct media_item *photos;
    int count;
};

static bool is(const char *text, const char *other)
{
    return other && strcmp(text, other) == 0;
}

/* Within a transaction. */
static int write_photos(struct raum_handle *h, struct pictures *p, const char *id,
                        struct wardrobe_row *row, const struct photo_change *change,
                        struct raum_error *error)
{
    struct buf json;
    struct json_writer w;
    const char **there;
    int count;
    int rc = wardrobe_list(row, "mediaIds", &there, &count, error);
    if (rc)
        return rc;
    buf_init(&json, WARDROBE_JSON_MAX);
    json_begin(&w, &json);
    json_open_object(&w);
    json_put_key(&w, "mediaIds");
    json_open_array(&w);
    if (change->lead)
        json_put_str(&w, change->lead);
    for (int i = 0; i < count; i++)
        if (!is(there[i], change->lead) && !is(there[i], change->without))
            json_put_str(&w, there[i]);
    rc = refer(h, p, change->photos, change->count, &w, error);
    json_close_array(&w);
    json_close_object(&w);
    if (rc == 0)
        rc = buf_error(&json, error);
    if (rc == 0)
        rc = store_update_text(h, TABLE, id, buf_text(&json), json.len, error);
    buf_release(&json);
    return rc;
}

/* The garment with that photograph among its own. *others: it has more than this one. */
static int load_with(struct wardrobe_row *row, struct raum_handle *h, const char *id,
                     const char *media, bool *others, struct raum_error *error)
{
    const char **there;
    int count;
    *others = false;
    int rc = wardrobe_load_live(row, h, TABLE, id, error);
    if (rc == 0)
        rc = wardrobe_list(row, "mediaIds", &there, &count, error);
    if (rc)
        return rc;
    bool found = false;
    for (int i = 0; i < count; i++)
        if (is(there[i], media))
            found = true;
        else
            *others = true;
    return found ? 0
                 : err_at(error, "wardrobe", RAUM_ENOT_FOUND, "the garment has no photograph %.80s",
                          media);
}

int garments_photos_add(struct raum_handle *h, struct pictures *p, const char *id,
                        const struct media_item *photos, int count, struct raum_error *error)
{
    const struct photo_change more = {.photos = photos, .count = count};
    struct wardrobe_row row;
    int rc = replica_begin(h->raum, error);
    if (rc == 0) {
        rc = wardrobe_load_live(&row, h, TABLE, id, error);
        if (rc == 0)
            rc = check_count((int)json_count(json_get(row.root, "mediaIds")), count, error);
        if (rc == 0)
            rc = write_photos(h, p, id, &row, &more, error);
        wardrobe_release(&row);
        rc = replica_end(h->raum, rc, error);
    }
    if (rc)
        let_go(p, photos, count);
    return rc;
}

static int remove_photo(struct raum_handle *h, struct pictures *p, const char *id,
                        const char *media, bool forever, char hash[MEDIA_REF_HASH],
                        struct raum_error *error)
{
    const struct photo_change less = {.without = media};
    struct wardrobe_row row;
    bool others;
    int rc = load_with(&row, h, id, media, &others, error);
    if (rc == 0 && !others)
        rc = err_at(error, "wardrobe", RAUM_ENOT_ALLOWED,
                    "a garment needs a photograph: add another one first, or delete it");
    if (rc == 0)
        rc = write_photos(h, p, id, &row, &less, error);
    if (rc == 0)
        rc = uses_gone(h, media, forever, hash, error);
    wardrobe_release(&row);
    return rc;
}

int garments_photo_remove(struct raum_handle *h, struct pictures *p, const char *id,
                          const char *media, bool forever, struct raum_error *error)
{
    char hash[MEDIA_REF_HASH] = "";
    int rc = replica_begin(h->raum, error);
    if (rc)
        return rc;
    rc = remove_photo(h, p, id, media, forever, hash, error);
    rc = replica_end(h->raum, rc, error);
    return rc == 0 && hash[0] ? pictures_settle(p, hash, error) : rc;
}

int garments_photo_first(struct raum_handle *h, const char *id, const char *media,
                         struct raum_error *error)
{
    const struct photo_change lead = {.lead = media};
    struct wardrobe_row row;
    bool others;
    int rc = replica_begin(h->raum, error);
    if (rc)
        return rc;
    rc = load_with(&row, h, id, media, &others, error);
    if (rc == 0)
        rc = write_photos(h, NULL, id, &row, &lead, error);
    wardrobe_release(&row);
    return replica_end(h->raum, rc, error);
}

/* ---- deleting and restoring ---- */

struct hashes {
    char (*list)[MEDIA_REF_HASH]; /* "": nothing to settle */
    int count;
};

static int delete_row(struct raum_handle *h, const struct wardrobe_row *row, const char *id,
                      bool forever, struct raum_error *error)
{
    static const char blank[] =
        "{\"name\":null,\"brand\":null,\"color\":null,\"size\":null,\"material\":null,"
        "\"notes\":null,\"tags\":[],\"mediaIds\":[],\"purchasedAt\":null,\"priceCents\":null,"
        "\"currency\":null}";
    int rc = 0;
    if (row->deleted && !forever)
        return err_at(error, "wardrobe", RAUM_ENOT_FOUND, "deleted already");
    if (row->deleted)
        rc = store_restore(h, TABLE, id, error);
    if (rc == 0 && forever)
        rc = store_update_text(h, TABLE, id, blank, sizeof blank - 1, error);
    return rc ? rc : store_delete(h, TABLE, id, error);
}

static int drop(struct raum_handle *h, struct wardrobe_row *row, const char *id, bool forever,
                struct hashes *hashes, struct raum_error *error)
{
    const char **media;
    int count;
    int rc = wardrobe_list(row, "mediaIds", &media, &count, error);
    if (rc)
        return rc;
    hashes->list = arena_zero(&row->arena, ((size_t)count + 1) * sizeof *hashes->list);
    if (!hashes->list)
        return err_set(error, RAUM_ENOMEM, NULL);
    rc = delete_row(h, row, id, forever, error);
    for (; rc == 0 && hashes->count < count; hashes->count++)
        rc = uses_gone(h, media[hashes->count], forever, hashes->list[hashes->count], error);
    return rc;
}

int garments_delete(struct raum_handle *h, struct pictures *p, const char *id, bool forever,
                    struct raum_error *error)
{
    struct wardrobe_row row;
    struct hashes hashes = {0};
    int rc = replica_begin(h->raum, error);
    if (rc)
        return rc;
    rc = wardrobe_load(&row, h, TABLE, id, error);
    if (rc == 0)
        rc = drop(h, &row, id, forever, &hashes, error);
    rc = replica_end(h->raum, rc, error);
    for (int i = 0; rc == 0 && i < hashes.count; i++)
        if (hashes.list[i][0])
            rc = pictures_settle(p, hashes.list[i], error);
    wardrobe_release(&row);
    return rc;
}

int garments_restore(struct raum_handle *h, struct pictures *p, const char *id,
                     struct raum_error *error)
{
    struct wardrobe_row row;
    const char **media;
    int count = 0;
    int rc = replica_begin(h->raum, error);
    if (rc)
        return rc;
    rc = wardrobe_load(&row, h, TABLE, id, error);
    if (rc == 0)
        rc = wardrobe_list(&row, "mediaIds", &media, &count, error);
    if (rc == 0 && row.deleted && count == 0 && !json_is(json_get(row.root, "name"), JSON_STRING))
        rc = err_at(error, "wardrobe", RAUM_ENOT_FOUND, "deleted for ever: its bytes are gone");
    if (rc == 0 && row.deleted)
        rc = store_restore(h, TABLE, id, error);
    for (int i = 0; rc == 0 && i < count; i++)
        rc = uses_back(h, p, media[i], error);
    wardrobe_release(&row);
    return replica_end(h->raum, rc, error);
}

/* ---- reading ---- */

int garments_find(struct raum_handle *h, const char *id_or_name, char id[RAUM_ID_MAX],
                  struct raum_error *error)
{
    return wardrobe_find(h, TABLE, id_or_name, id, error);
}

int garments_sql(const struct garment_filter *filter, struct buf *out, struct raum_error *error)
{
    int rc = wardrobe_check_word(TABLE, "category", filter->category, error);
    if (rc)
        return rc;
    buf_str(out, "SELECT g.id AS id, g.name AS name, g.category AS category, g.color AS color, "
                 "g.brand AS brand, g.size AS size, g.tags AS tags, "
                 "json_array_length(g.mediaIds) AS photos, g.wearCount AS wearCount, "
                 "g.lastWornAt AS lastWornAt, g.isArchived AS isArchived, g.createdAt AS createdAt "
                 "FROM " TABLE " g WHERE 1");
    if (filter->shelf != SHELF_ALL)
        buf_printf(out, " AND g.isArchived = %d", filter->shelf == SHELF_ARCHIVED);
    if (filter->category) {
        buf_str(out, " AND g.category = ");
        words_quote(out, filter->category);
    }
    if (filter->tag) {
        buf_str(out, " AND EXISTS (SELECT 1 FROM json_each(g.tags) t WHERE lower(t.value) = "
                     "lower(");
        words_quote(out, filter->tag);
        buf_str(out, "))");
    }
    buf_str(out, " ORDER BY g.createdAt DESC, g.id DESC");
    return buf_error(out, error);
}

int garments_query(struct raum_handle *h, const struct garment_filter *filter,
                   struct raum_query **out, struct raum_error *error)
{
    struct buf sql;
    buf_init(&sql, 1 << 16);
    int rc = garments_sql(filter, &sql, error);
    if (rc == 0)
        rc = query_view(h, buf_text(&sql), out, error);
    buf_release(&sql);
    return rc;
}

/* As the schema derives them, and for a deleted one too. */
int garments_json(struct raum_handle *h, const char *id, struct buf *out, struct raum_error *error)
{
    struct raum_query *q = NULL;
    int rc = store_get(h, TABLE, id, true, out, error);
    if (rc == 0)
        rc = query_view(h, "SELECT count(*), max(wornAt) FROM wardrobeWears WHERE garmentId = ?1",
                        &q, error);
    if (rc)
        return rc;
    raum_query_bind_text(q, 1, id, strlen(id));
    rc = raum_query_step(q, error);
    if (rc == 0) {
        const char *last = raum_query_text(q, 1, NULL);
        out->len--; /* the closing brace */
        buf_printf(out, ",\"wearCount\":%lld,\"lastWornAt\":%s%s%s}",
                   (long long)raum_query_int(q, 0), last ? "\"" : "", last ? last : "null",
                   last ? "\"" : "");
        rc = buf_error(out, error);
    }
    raum_query_free(q);
    return rc;
}
