#include "modules/profile/me_images.h"

#include "engine/intern.h"
#include "engine/store.h"
#include "modules/profile/avatar.h"
#include "modules/uses.h"
#include "modules/words.h"
#include <stdio.h>
#include <string.h>

#define JSON_MAX ((size_t)4 << 20)
#define ARENA_MAX ((size_t)16 << 20)

const char *const me_kinds[] = {"face", "fullbody", "halfbody", "hands", "reference", NULL};

static const char select_all[] =
    "SELECT m.id AS id, m.kind AS kind, m.label AS label, m.tags AS tags, "
    "(SELECT max(s.slot = 'avatar') + 2 * max(s.slot = 'face-ref') + 4 * max(s.slot = 'body-ref') "
    "FROM meSlots s WHERE s.imageId = m.id) AS slots, m.\"usage.aiReference\" AS aiReference, "
    "m.width AS width, m.height AS height, m.createdAt AS createdAt, m.updatedAt AS updatedAt, "
    "m.visibility AS visibility, m.subjectId AS subjectId, m.authorId AS authorId, m.mediaId AS "
    "mediaId "
    "FROM meImages m WHERE 1";

/* ---- reading ---- */

static bool one_of(const char *word, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(word, *list) == 0)
            return true;
    return false;
}

static int check_words(const char *kind, const char *slot, struct raum_error *error)
{
    if (kind && !one_of(kind, me_kinds))
        return err_at(error, "profile", RAUM_EUSAGE, "no such kind of picture: %.60s", kind);
    if (slot && !one_of(slot, me_slots))
        return err_at(error, "profile", RAUM_EUSAGE, "no such slot: %.60s", slot);
    return 0;
}

int me_images_sql(const struct raum_handle *h, const struct me_filter *filter, struct buf *out,
                  struct raum_error *error)
{
    int rc = check_words(filter->kind, filter->slot, error);
    if (rc)
        return rc;
    buf_str(out, select_all);
    if (filter->kind) {
        buf_str(out, " AND m.kind = ");
        words_quote(out, filter->kind);
    }
    if (filter->slot) {
        buf_str(out, " AND m.id = (SELECT h.imageId FROM meSlots h WHERE h.slot = ");
        words_quote(out, filter->slot);
        buf_str(out, " AND h.person = ");
        words_quote(out, filter->person ? filter->person : h->raum->account);
        buf_char(out, ')');
    }
    if (filter->reference)
        buf_str(out, " AND m.\"usage.aiReference\" = 1 AND m.mediaId IS NOT NULL"
                     " AND substr(m.mediaId, 1, 14) <> '" ME_LEGACY "'");
    buf_str(out, " ORDER BY m.createdAt DESC, m.id DESC");
    return buf_error(out, error);
}

int me_images_query(struct raum_handle *h, const struct me_filter *filter, struct raum_query **out,
                    struct raum_error *error)
{
    struct buf sql;
    buf_init(&sql, 1 << 16);
    int rc = me_images_sql(h, filter, &sql, error);
    if (rc == 0)
        rc = query_view(h, buf_text(&sql), out, error);
    buf_release(&sql);
    return rc;
}

/* A row as JSON, deleted or not; doc's text is in `text`. */
static int load(struct raum_handle *h, const char *table, const char *id, struct buf *text,
                struct json_doc *doc, struct raum_error *error)
{
    int rc = store_get(h, table, id, true, text, error);
    return rc ? rc : json_parse(doc, buf_text(text), text->len, 0, error);
}

static bool is_deleted(const struct json_doc *doc)
{
    return json_is(json_get(json_root(doc), "deletedAt"), JSON_STRING);
}

/* A loaded picture. Release in any case. */
struct picture {
    struct buf text;
    struct json_doc doc;
    struct arena arena;
    struct json_value root;
    const char *media; /* NULL: none */
    bool deleted;
};

static int picture_load(struct picture *pic, struct raum_handle *h, const char *id,
                        struct raum_error *error)
{
    buf_init(&pic->text, JSON_MAX);
    json_init(&pic->doc);
    arena_init(&pic->arena, ARENA_MAX);
    pic->media = NULL;
    int rc = load(h, "meImages", id, &pic->text, &pic->doc, error);
    if (rc)
        return rc;
    pic->root = json_root(&pic->doc);
    pic->deleted = is_deleted(&pic->doc);
    pic->media = json_str(json_get(pic->root, "mediaId"), &pic->arena);
    return 0;
}

static void picture_release(struct picture *pic)
{
    buf_release(&pic->text);
    json_release(&pic->doc);
    arena_release(&pic->arena);
}

static bool is_legacy(const char *media)
{
    return media && strncmp(media, ME_LEGACY, sizeof ME_LEGACY - 1) == 0;
}

/* The account picture follows the personal space only. */
static int follow(struct raum_handle *h, struct raum_error *error)
{
    const struct space *personal = intern_personal(h->raum);
    return personal && personal->ref == h->space ? avatar_refresh(h->raum, error) : 0;
}

/* ---- slots ---- */

const char *const me_slots[] = {"avatar", "face-ref", "body-ref", NULL};

static void slot_json(struct buf *out, const char *id, const char *slot, const char *image)
{
    struct json_writer w;
    json_begin(&w, out);
    json_open_object(&w);
    if (id) {
        json_put_key(&w, "id");
        json_put_str(&w, id);
        json_put_key(&w, "slot");
        json_put_str(&w, slot);
    }
    json_put_key(&w, "imageId");
    json_put_str(&w, image);
    json_close_object(&w);
}

/* Writes the account's slot row: made at first, brought back if it was deleted. */
static int slot_write(struct raum_handle *h, const char *slot, const char *image,
                      struct raum_error *error)
{
    char id[RAUM_ID_MAX + 16], made[RAUM_ID_MAX];
    struct buf row, json;
    struct json_doc doc;
    buf_init(&row, JSON_MAX);
    buf_init(&json, JSON_MAX);
    json_init(&doc);
    snprintf(id, sizeof id, "%s:%s", h->raum->account, slot);
    int rc = load(h, "meSlots", id, &row, &doc, error);
    if (rc == RAUM_ENOT_FOUND && !image) {
        rc = 0;
    } else if (rc == RAUM_ENOT_FOUND) {
        err_clear(error);
        slot_json(&json, id, slot, image);
        rc = store_insert_text(h, "meSlots", buf_text(&json), json.len, made, error);
    } else if (rc == 0) {
        slot_json(&json, NULL, slot, image);
        if (is_deleted(&doc))
            rc = image ? store_restore(h, "meSlots", id, error) : RAUM_END;
        if (rc == 0)
            rc = store_update_text(h, "meSlots", id, buf_text(&json), json.len, error);
    }
    buf_release(&row);
    buf_release(&json);
    json_release(&doc);
    return rc == RAUM_END ? 0 : rc;
}

static int slot_change(struct raum_handle *h, const char *slot, const char *image,
                       struct raum_error *error)
{
    int rc = check_words(NULL, slot, error);
    if (rc == 0)
        rc = scope_check(h, schema_table("meSlots"), error);
    if (rc == 0)
        rc = replica_begin(h->raum, error);
    if (rc)
        return rc;
    rc = slot_write(h, slot, image, error);
    if (rc == 0)
        rc = follow(h, error);
    return replica_end(h->raum, rc, error);
}

int me_slots_claim(struct raum_handle *h, const char *slot, const char *image,
                   struct raum_error *error)
{
    return slot_change(h, slot, image, error);
}

int me_slots_release(struct raum_handle *h, const char *slot, struct raum_error *error)
{
    return slot_change(h, slot, NULL, error);
}

/* Which of the account's slots hold it; a bit each. */
static int slots_of(struct raum_handle *h, const char *image, unsigned *held,
                    struct raum_error *error)
{
    struct raum_query *q = NULL;
    *held = 0;
    int rc =
        query_view(h, "SELECT slot FROM meSlots WHERE imageId = ?1 AND person = ?2", &q, error);
    if (rc)
        return rc;
    raum_query_bind_text(q, 1, image, strlen(image));
    raum_query_bind_text(q, 2, h->raum->account, strlen(h->raum->account));
    while ((rc = raum_query_step(q, error)) == 0) {
        const char *slot = raum_query_text(q, 0, NULL);
        for (int i = 0; me_slots[i]; i++)
            if (slot && strcmp(me_slots[i], slot) == 0)
                *held |= 1u << i;
    }
    raum_query_free(q);
    return rc == RAUM_END ? 0 : rc;
}

int me_slots_release_image(struct raum_handle *h, const char *image, struct raum_error *error)
{
    unsigned held = 0;
    int rc = scope_check(h, schema_table("meSlots"), error);
    if (rc == 0)
        rc = replica_begin(h->raum, error);
    if (rc)
        return rc;
    rc = slots_of(h, image, &held, error);
    for (int i = 0; rc == 0 && me_slots[i]; i++)
        if (held & 1u << i)
            rc = slot_write(h, me_slots[i], NULL, error);
    if (rc == 0 && held)
        rc = follow(h, error);
    return replica_end(h->raum, rc, error);
}

/* ---- adding ---- */

const char *me_images_kind(const struct me_new *add)
{
    if (add->kind)
        return add->kind;
    if (!add->slot)
        return "reference";
    return strcmp(add->slot, "body-ref") == 0 ? "fullbody" : "face";
}

static void new_json(struct buf *out, const struct me_new *add, const char *media,
                     const struct media_facts *facts)
{
    struct json_writer w;
    json_begin(&w, out);
    json_open_object(&w);
    json_put_key(&w, "kind");
    json_put_str(&w, me_images_kind(add));
    json_put_key(&w, "label");
    json_put_str(&w, add->label && *add->label ? add->label : NULL);
    json_put_key(&w, "mediaId");
    json_put_str(&w, media);
    json_put_key(&w, "width");
    json_put_int(&w, facts->width);
    json_put_key(&w, "height");
    json_put_int(&w, facts->height);
    json_put_key(&w, "tags");
    json_open_array(&w);
    for (int i = 0; i < add->tag_count; i++)
        json_put_str(&w, add->tags[i]);
    json_close_array(&w);
    if (add->consent) {
        json_put_key(&w, "usage.aiReference");
        json_put_bool(&w, true);
    }
    if (add->is_private) {
        json_put_key(&w, "visibility");
        json_put_str(&w, "private");
    }
    json_close_object(&w);
}

static int insert(struct raum_handle *h, struct pictures *p, const struct me_new *add,
                  char id[RAUM_ID_MAX], struct media_item *item, struct raum_error *error)
{
    char media[RAUM_ID_MAX] = "";
    struct buf json;
    buf_init(&json, JSON_MAX);
    int rc = replica_begin(h->raum, error);
    if (rc)
        return rc;
    rc = pictures_add(p, h->space, "me", add->data, add->len, media, item, error);
    if (rc == 0) {
        new_json(&json, add, media, &item->facts);
        rc = buf_error(&json, error);
    }
    if (rc == 0)
        rc = store_insert_text(h, "meImages", buf_text(&json), json.len, id, error);
    if (rc == 0 && add->slot)
        rc = slot_write(h, add->slot, id, error);
    if (rc == 0 && add->slot)
        rc = follow(h, error);
    buf_release(&json);
    return replica_end(h->raum, rc, error);
}

int me_images_add(struct raum_handle *h, struct pictures *p, const struct me_new *add,
                  char id[RAUM_ID_MAX], struct media_item *item, struct raum_error *error)
{
    int rc = scope_check(h, schema_table("meImages"), error);
    if (rc == 0)
        rc = check_words(add->kind, add->slot, error);
    if (rc == 0)
        rc = pictures_prepare(p, add->data, add->len, item, error);
    if (rc)
        return rc;
    id[0] = '\0';
    rc = insert(h, p, add, id, item, error);
    if (rc) /* the first error counts; what cannot be settled now is swept later */
        (void)!pictures_settle(p, item->hash, NULL);
    return rc;
}

/* ---- deleting and restoring ---- */

static int delete_row(struct raum_handle *h, const struct picture *pic, const char *id,
                      bool forever, struct raum_error *error)
{
    static const char blank[] = "{\"label\":null,\"tags\":[],\"mediaId\":null}";
    int rc = 0;
    if (pic->deleted && !forever)
        return err_at(error, "profile", RAUM_ENOT_FOUND, "deleted already");
    if (pic->deleted)
        rc = store_restore(h, "meImages", id, error);
    if (rc == 0)
        rc = me_slots_release_image(h, id, error);
    if (rc == 0 && forever)
        rc = store_update_text(h, "meImages", id, blank, sizeof blank - 1, error);
    return rc ? rc : store_delete(h, "meImages", id, error);
}

int me_images_delete(struct raum_handle *h, struct pictures *p, const char *id, bool forever,
                     struct raum_error *error)
{
    char hash[MEDIA_REF_HASH] = "";
    struct picture pic;
    int rc = picture_load(&pic, h, id, error);
    if (rc == 0)
        rc = replica_begin(h->raum, error);
    if (rc)
        goto out;
    rc = delete_row(h, &pic, id, forever, error);
    if (rc == 0 && pic.media)
        rc = uses_gone(h, pic.media, forever, hash, error);
    rc = replica_end(h->raum, rc, error);
    if (rc == 0 && hash[0])
        rc = pictures_settle(p, hash, error);
out:
    picture_release(&pic);
    return rc;
}

int me_images_restore(struct raum_handle *h, struct pictures *p, const char *id,
                      struct raum_error *error)
{
    struct picture pic;
    int rc = picture_load(&pic, h, id, error);
    if (rc == 0 && pic.deleted && !pic.media)
        rc = err_at(error, "profile", RAUM_ENOT_FOUND, "deleted for ever: its bytes are gone");
    if (rc == 0)
        rc = replica_begin(h->raum, error);
    if (rc)
        goto out;
    if (pic.deleted)
        rc = store_restore(h, "meImages", id, error);
    if (rc == 0 && pic.media)
        rc = uses_back(h, p, pic.media, error);
    if (rc == 0)
        rc = follow(h, error);
    rc = replica_end(h->raum, rc, error);
out:
    picture_release(&pic);
    return rc;
}

/* ---- copying and consent ---- */

static void put_member(struct json_writer *w, struct json_value from, const char *key)
{
    struct json_value v = json_get(from, key);
    if (!v.doc)
        return;
    json_put_key(w, key);
    json_put_value(w, v);
}

static void copy_json(struct buf *out, struct json_value from, const char *media, bool consent)
{
    struct json_writer w;
    json_begin(&w, out);
    json_open_object(&w);
    put_member(&w, from, "kind");
    put_member(&w, from, "label");
    put_member(&w, from, "tags");
    put_member(&w, from, "width");
    put_member(&w, from, "height");
    put_member(&w, from, "subjectId");
    json_put_key(&w, "mediaId");
    json_put_str(&w, media);
    if (consent) {
        json_put_key(&w, "usage.aiReference");
        json_put_bool(&w, true);
    }
    json_close_object(&w);
}

int me_images_copy(struct raum_handle *from, struct raum_handle *to, struct pictures *p,
                   const char *id, bool consent, char new_id[RAUM_ID_MAX], struct raum_error *error)
{
    char media[RAUM_ID_MAX];
    struct picture pic;
    struct media_ref ref;
    struct buf json;
    buf_init(&json, JSON_MAX);
    new_id[0] = '\0';
    int rc = replica_begin(from->raum, error); /* the right to read holds until the copy is there */
    if (rc == 0) {
        rc = picture_load(&pic, from, id, error);
        if (rc == 0 && (pic.deleted || !pic.media))
            rc = err_at(error, "profile", RAUM_ENOT_FOUND, NULL);
        if (rc == 0)
            rc = media_refs_find(from->raum, from->space, pic.media, false, &ref, error);
        if (rc == 0)
            rc = scope_check(to, schema_table("meImages"), error);
        if (rc == 0)
            rc = pictures_share(p, &ref, to->space, media, error);
        if (rc == 0) {
            copy_json(&json, pic.root, media, consent);
            rc = buf_error(&json, error);
        }
        if (rc == 0)
            rc = store_insert_text(to, "meImages", buf_text(&json), json.len, new_id, error);
        picture_release(&pic);
        rc = replica_end(from->raum, rc, error);
    }
    buf_release(&json);
    return rc;
}

int me_images_consent(struct raum_handle *h, const char *id, bool on, struct raum_error *error)
{
    static const char yes[] = "{\"usage.aiReference\":true}",
                      no[] = "{\"usage.aiReference\":false}";
    struct picture pic;
    int rc = picture_load(&pic, h, id, error);
    if (rc == 0 && pic.deleted)
        rc = err_at(error, "profile", RAUM_ENOT_FOUND, NULL);
    if (rc == 0 && on && is_legacy(pic.media))
        rc = err_at(error, "profile", RAUM_ENOT_ALLOWED,
                    "an old account picture cannot be used by AI; add it again to use it");
    if (rc == 0)
        rc = store_update_text(h, "meImages", id, on ? yes : no, strlen(on ? yes : no), error);
    picture_release(&pic);
    return rc;
}
