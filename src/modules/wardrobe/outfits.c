#include "modules/wardrobe/outfits.h"

#include "engine/store.h"
#include "modules/wardrobe/wardrobe.h"
#include "modules/words.h"
#include <string.h>

#define TABLE "wardrobeOutfits"

const char *const *outfit_occasions(void)
{
    return wardrobe_choices(TABLE, "occasion");
}

const char *const *outfit_seasons(void)
{
    return wardrobe_choices(TABLE, "season");
}

/* ---- writing ---- */

static int check_fields(const struct outfit_fields *f, struct raum_error *error)
{
    const char *occasion = f->occasion && *f->occasion ? f->occasion : NULL;
    int rc = wardrobe_check_name(f->name, error);
    if (rc == 0)
        rc = wardrobe_check_word(TABLE, "occasion", occasion, error);
    for (int i = 0; rc == 0 && i < f->season_count; i++)
        if (*f->seasons[i])
            rc = wardrobe_check_word(TABLE, "season", f->seasons[i], error);
    return rc ? rc : wardrobe_check_tags(f->tag_count, error);
}

static void put_fields(struct json_writer *w, const struct outfit_fields *f)
{
    wardrobe_put(w, "name", f->name);
    wardrobe_put(w, "description", f->description);
    wardrobe_put(w, "occasion", f->occasion);
    wardrobe_put(w, "visibility", f->visibility);
    wardrobe_put_list(w, "season", f->seasons, f->season_count);
    wardrobe_put_list(w, "tags", f->tags, f->tag_count);
}

static bool holds(const char *const *list, int count, const char *text)
{
    for (int i = 0; i < count; i++)
        if (strcmp(list[i], text) == 0)
            return true;
    return false;
}

static int check_there(struct raum_handle *h, const char *garment, struct raum_error *error)
{
    char id[RAUM_ID_MAX];
    int rc =
        words_find(h, "SELECT id FROM wardrobeGarments WHERE id = ?1", garment, NULL, id, error);
    if (rc == RAUM_ENOT_FOUND)
        return err_at(error, "wardrobe", rc, "no garment %.80s in this space", garment);
    return rc;
}

/* What an outfit is made of, while it is put together. */
struct list {
    const char *ids[SCHEMA_LIST_MAX]; /* rows of newer versions may hold more than we would add */
    int count;
};

static int list_add(struct list *l, struct raum_handle *h, const char *garment,
                    struct raum_error *error)
{
    if (holds(l->ids, l->count, garment))
        return 0;
    if (l->count >= OUTFIT_GARMENTS_MAX)
        return err_at(error, "wardrobe", RAUM_EUSAGE, "an outfit takes at most %d garments",
                      OUTFIT_GARMENTS_MAX);
    l->ids[l->count++] = garment;
    return check_there(h, garment, error);
}

static int list_remove(struct list *l, const char *garment, struct raum_error *error)
{
    int kept = 0;
    for (int i = 0; i < l->count; i++)
        if (strcmp(l->ids[i], garment) != 0)
            l->ids[kept++] = l->ids[i];
    if (kept == l->count)
        return err_at(error, "wardrobe", RAUM_ENOT_FOUND, "the outfit has no garment %.80s",
                      garment);
    l->count = kept;
    return 0;
}

static int write(struct raum_handle *h, const char *id, const struct outfit_fields *fields,
                 const struct list *list, char made[RAUM_ID_MAX], struct raum_error *error)
{
    struct buf json;
    struct json_writer w;
    buf_init(&json, WARDROBE_JSON_MAX);
    json_begin(&w, &json);
    json_open_object(&w);
    put_fields(&w, fields);
    if (list)
        wardrobe_put_list(&w, "garmentIds", list->ids, list->count);
    json_close_object(&w);
    int rc = buf_error(&json, error);
    if (rc == 0 && json.len <= 2)
        rc = err_at(error, "wardrobe", RAUM_EUSAGE, "nothing to set");
    if (rc == 0)
        rc = id ? store_update_text(h, TABLE, id, buf_text(&json), json.len, error)
                : store_insert_text(h, TABLE, buf_text(&json), json.len, made, error);
    buf_release(&json);
    return rc;
}

int outfits_create(struct raum_handle *h, const struct outfit_fields *fields,
                   const char *const *garments, int count, char id[RAUM_ID_MAX],
                   struct raum_error *error)
{
    struct list list = {.count = 0};
    int rc = scope_check(h, schema_table(TABLE), error);
    if (rc == 0 && !fields->name)
        rc = err_at(error, "wardrobe", RAUM_EUSAGE, "an outfit needs a name");
    if (rc == 0)
        rc = check_fields(fields, error);
    if (rc == 0 && count < 1)
        rc = err_at(error, "wardrobe", RAUM_EUSAGE, "an outfit needs a garment");
    if (rc == 0)
        rc = replica_begin(h->raum, error);
    if (rc)
        return rc;
    for (int i = 0; rc == 0 && i < count; i++)
        rc = list_add(&list, h, garments[i], error);
    if (rc == 0)
        rc = write(h, NULL, fields, &list, id, error);
    return replica_end(h->raum, rc, error);
}

static int put_together(struct raum_handle *h, struct wardrobe_row *row,
                        const struct outfit_change *change, struct list *list,
                        struct raum_error *error)
{
    const char **there;
    int count;
    int rc = wardrobe_list(row, "garmentIds", &there, &count, error);
    for (int i = 0; rc == 0 && i < count && i < SCHEMA_LIST_MAX; i++)
        list->ids[list->count++] = there[i];
    for (int i = 0; rc == 0 && i < change->remove_count; i++)
        rc = list_remove(list, change->remove[i], error);
    for (int i = 0; rc == 0 && i < change->add_count; i++)
        rc = list_add(list, h, change->add[i], error);
    if (rc == 0 && list->count == 0)
        rc = err_at(error, "wardrobe", RAUM_ENOT_ALLOWED,
                    "an outfit needs a garment: add another one too, or delete it");
    return rc;
}

int outfits_set(struct raum_handle *h, const char *id, const struct outfit_fields *fields,
                const struct outfit_change *change, struct raum_error *error)
{
    struct wardrobe_row row;
    struct list list = {.count = 0};
    bool garments = change->add_count || change->remove_count;
    int rc = check_fields(fields, error);
    if (rc == 0)
        rc = replica_begin(h->raum, error);
    if (rc)
        return rc;
    rc = wardrobe_load_live(&row, h, TABLE, id, error);
    if (rc == 0 && garments)
        rc = put_together(h, &row, change, &list, error);
    if (rc == 0)
        rc = write(h, id, fields, garments ? &list : NULL, NULL, error);
    wardrobe_release(&row);
    return replica_end(h->raum, rc, error);
}

int outfits_favorite(struct raum_handle *h, const char *id, bool on, struct raum_error *error)
{
    return wardrobe_flag(h, TABLE, id, "isFavorite", on, error);
}

int outfits_archive(struct raum_handle *h, const char *id, bool on, struct raum_error *error)
{
    return wardrobe_flag(h, TABLE, id, "isArchived", on, error);
}

int outfits_delete(struct raum_handle *h, const char *id, struct raum_error *error)
{
    return store_delete(h, TABLE, id, error);
}

int outfits_restore(struct raum_handle *h, const char *id, struct raum_error *error)
{
    return store_restore(h, TABLE, id, error);
}

/* ---- reading ---- */

int outfits_find(struct raum_handle *h, const char *id_or_name, char id[RAUM_ID_MAX],
                 struct raum_error *error)
{
    return wardrobe_find(h, TABLE, id_or_name, id, error);
}

static void among(struct buf *out, const char *list, const char *text)
{
    buf_printf(out, " AND EXISTS (SELECT 1 FROM json_each(o.%s) m WHERE lower(m.value) = lower(",
               list);
    words_quote(out, text);
    buf_str(out, "))");
}

int outfits_sql(const struct outfit_filter *filter, struct buf *out, struct raum_error *error)
{
    int rc = wardrobe_check_word(TABLE, "occasion", filter->occasion, error);
    if (rc == 0)
        rc = wardrobe_check_word(TABLE, "season", filter->season, error);
    if (rc)
        return rc;
    buf_str(out, "SELECT o.id AS id, o.name AS name, o.occasion AS occasion, o.season AS season, "
                 "json_array_length(o.garmentIds) AS garments, "
                 "(SELECT count(*) FROM json_each(o.garmentIds) j WHERE NOT EXISTS "
                 "(SELECT 1 FROM wardrobeGarments g WHERE g.id = j.value)) AS gone, "
                 "o.isFavorite AS isFavorite, "
                 "(SELECT count(*) FROM wardrobeWears w WHERE w.outfitId = o.id "
                 "AND w.garmentId IS NULL) AS wearCount, "
                 "o.lastWornAt AS lastWornAt, o.tags AS tags, o.isArchived AS isArchived, "
                 "o.createdAt AS createdAt FROM " TABLE " o WHERE 1");
    if (filter->shelf != SHELF_ALL)
        buf_printf(out, " AND o.isArchived = %d", filter->shelf == SHELF_ARCHIVED);
    if (filter->favorites)
        buf_str(out, " AND o.isFavorite = 1");
    if (filter->occasion) {
        buf_str(out, " AND o.occasion = ");
        words_quote(out, filter->occasion);
    }
    if (filter->season)
        among(out, "season", filter->season);
    if (filter->tag)
        among(out, "tags", filter->tag);
    if (filter->garment)
        among(out, "garmentIds", filter->garment);
    buf_str(out, " ORDER BY o.isFavorite DESC, o.createdAt DESC, o.id DESC");
    return buf_error(out, error);
}

int outfits_query(struct raum_handle *h, const struct outfit_filter *filter,
                  struct raum_query **out, struct raum_error *error)
{
    struct buf sql;
    buf_init(&sql, 1 << 16);
    int rc = outfits_sql(filter, &sql, error);
    if (rc == 0)
        rc = query_view(h, buf_text(&sql), out, error);
    buf_release(&sql);
    return rc;
}

/* One garment of an outfit: what can still be said about it. */
static int put_garment(struct raum_handle *h, const char *id, struct json_writer *w,
                       struct raum_error *error)
{
    struct wardrobe_row row;
    int rc = wardrobe_load(&row, h, "wardrobeGarments", id, NULL);
    bool known = rc == 0;
    if (known || rc == RAUM_ENOT_FOUND) {
        json_open_object(w);
        json_put_key(w, "id");
        json_put_str(w, id);
        json_put_key(w, "name");
        json_put_value(w, known ? json_get(row.root, "name") : (struct json_value){0});
        json_put_key(w, "category");
        json_put_value(w, known ? json_get(row.root, "category") : (struct json_value){0});
        json_put_key(w, "gone");
        json_put_bool(w, !known || row.deleted);
        json_close_object(w);
        rc = 0;
    }
    wardrobe_release(&row);
    return rc ? err_set(error, rc, NULL) : 0;
}

static int put_derived(struct raum_handle *h, const char *id, struct json_writer *w,
                       struct raum_error *error)
{
    struct raum_query *q = NULL;
    int rc = query_view(h,
                        "SELECT (SELECT count(*) FROM wardrobeWears WHERE outfitId = ?1 "
                        "AND garmentId IS NULL), "
                        "(SELECT max(wornAt) FROM wardrobeWears WHERE outfitId = ?1), "
                        "(SELECT id FROM images WHERE wardrobeOutfitId = ?1 "
                        "ORDER BY createdAt DESC, id DESC LIMIT 1)",
                        &q, error);
    if (rc)
        return rc;
    raum_query_bind_text(q, 1, id, strlen(id));
    rc = raum_query_step(q, error);
    if (rc == 0) {
        json_put_key(w, "wearCount");
        json_put_int(w, raum_query_int(q, 0));
        json_put_key(w, "lastWornAt");
        json_put_str(w, raum_query_text(q, 1, NULL));
        json_put_key(w, "lastTryOn");
        json_put_str(w, raum_query_text(q, 2, NULL));
    }
    raum_query_free(q);
    return rc;
}

int outfits_json(struct raum_handle *h, const char *id, struct buf *out, struct raum_error *error)
{
    struct wardrobe_row row;
    struct json_writer w;
    const char **list;
    int count;
    int rc = wardrobe_load(&row, h, TABLE, id, error);
    if (rc == 0)
        rc = wardrobe_list(&row, "garmentIds", &list, &count, error);
    if (rc == 0) {
        buf_add(out, buf_text(&row.text), row.text.len - 1); /* but the closing brace */
        buf_char(out, ',');
        struct buf more;
        buf_init(&more, WARDROBE_JSON_MAX);
        json_begin(&w, &more);
        json_open_object(&w);
        rc = put_derived(h, id, &w, error);
        json_put_key(&w, "garments");
        json_open_array(&w);
        for (int i = 0; rc == 0 && i < count; i++)
            rc = put_garment(h, list[i], &w, error);
        json_close_array(&w);
        json_close_object(&w);
        buf_add(out, buf_text(&more) + 1, more.len ? more.len - 1 : 0);
        rc = rc ? rc : buf_error(&more, error);
        rc = rc ? rc : buf_error(out, error);
        buf_release(&more);
    }
    wardrobe_release(&row);
    return rc;
}
