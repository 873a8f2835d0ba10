/* The wardrobe. A photograph is prepared first (photo.prepare) and named by what that answered:
 * hash.type.width.height.bytes, so that it can be used whoever leads by then. */
#include "base/err.h"
#include "modules/picture/generator.h"
#include "modules/wardrobe/garments.h"
#include "modules/wardrobe/outfits.h"
#include "modules/wardrobe/try_on.h"
#include "modules/wardrobe/wardrobe.h"
#include "modules/wardrobe/wears.h"
#include "wasm/app.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct raum_handle *scope_and(struct call *c, const char *key, const char **id)
{
    *id = call_text(c, key);
    return *id ? call_scope(c) : NULL;
}

/* ---- photographs ---- */

static int photo_prepare(struct call *c)
{
    struct media_item item;
    char name[MEDIA_HASH_TEXT + 64];
    int rc = pictures_prepare(&c->app->pictures, c->blob, c->blob_len, &item, c->error);
    if (rc)
        return rc;
    snprintf(name, sizeof name, "%s.%s.%u.%u.%zu", item.hash, media_extension(item.facts.type),
             (unsigned)item.facts.width, (unsigned)item.facts.height, item.bytes);
    json_open_object(c->out);
    answer_str(c, "id", name);
    answer_int(c, "width", item.facts.width);
    answer_int(c, "height", item.facts.height);
    answer_str(c, "hash", item.hash);
    answer_str(c, "type", media_extension(item.facts.type));
    json_close_object(c->out);
    return 0;
}

static bool read_photo(const char *name, struct media_item *item)
{
    char type[8];
    unsigned width, height;
    memset(item, 0, sizeof *item);
    if (sscanf(name, "%64[0-9a-f].%7[a-z].%u.%u.%zu", item->hash, type, &width, &height,
               &item->bytes) != 5)
        return false;
    for (int t = MEDIA_JPEG; t < MEDIA_TYPES; t++)
        if (strcmp(type, media_extension(t)) == 0)
            item->facts.type = t;
    item->facts.width = width;
    item->facts.height = height;
    item->facts.orientation = 1;
    return strlen(item->hash) == MEDIA_HASH_TEXT - 1 && item->facts.type != MEDIA_NONE;
}

static int read_photos(struct call *c, struct media_item **out, int *count)
{
    const char *const *names;
    int rc = call_list(c, "photos", &names, count);
    if (rc == 0 && *count < 0)
        rc = call_wrong(c, "photos", "has to be a list");
    *out = rc == 0 ? arena_alloc(c->arena, (size_t)(*count + 1) * sizeof **out) : NULL;
    if (rc == 0 && !*out)
        rc = err_set(c->error, RAUM_ENOMEM, NULL);
    for (int i = 0; i < *count && rc == 0; i++)
        if (!read_photo(names[i], &(*out)[i]))
            rc = call_wrong(c, "photos", "names what was not prepared");
    return rc;
}

/* ---- garments ---- */

static int read_garment(struct call *c, struct garment_fields *f)
{
    *f = (struct garment_fields){
        .name = call_maybe(c, "name"), .category = call_maybe(c, "category"),
        .brand = call_maybe(c, "brand"), .color = call_maybe(c, "color"),
        .size = call_maybe(c, "size"), .material = call_maybe(c, "material"),
        .notes = call_maybe(c, "notes"), .purchased = call_maybe(c, "purchased"),
        .price = call_maybe(c, "price"), .visibility = call_maybe(c, "visibility")};
    return call_list(c, "tags", &f->tags, &f->tag_count);
}

static int garment_add(struct call *c)
{
    struct raum_handle *h = call_scope(c);
    struct garment_fields fields;
    struct media_item *photos;
    int count = 0;
    char id[RAUM_ID_MAX];
    int rc = h ? read_garment(c, &fields) : c->error->code;
    if (rc == 0)
        rc = read_photos(c, &photos, &count);
    if (rc == 0)
        rc = garments_add(h, &c->app->pictures, &fields, photos, count, id, c->error);
    if (rc == 0)
        answer_id(c, id);
    return rc;
}

static int garment_set(struct call *c)
{
    const char *id;
    struct raum_handle *h = scope_and(c, "id", &id);
    struct garment_fields fields;
    int rc = h ? read_garment(c, &fields) : c->error->code;
    return rc ? rc : garments_set(h, id, &fields, c->error);
}

static int garment_archive(struct call *c)
{
    const char *id;
    struct raum_handle *h = scope_and(c, "id", &id);
    return h ? garments_archive(h, id, call_flag(c, "on"), c->error) : c->error->code;
}

static int garment_delete(struct call *c)
{
    const char *id;
    struct raum_handle *h = scope_and(c, "id", &id);
    return h ? garments_delete(h, &c->app->pictures, id, call_flag(c, "forever"), c->error)
             : c->error->code;
}

static int garment_restore(struct call *c)
{
    const char *id;
    struct raum_handle *h = scope_and(c, "id", &id);
    return h ? garments_restore(h, &c->app->pictures, id, c->error) : c->error->code;
}

static int show(struct call *c, int (*json)(struct raum_handle *, const char *, struct buf *,
                                            struct raum_error *))
{
    const char *id;
    struct raum_handle *h = scope_and(c, "id", &id);
    struct buf row;
    buf_init(&row, WARDROBE_JSON_MAX);
    int rc = h ? json(h, id, &row, c->error) : c->error->code;
    if (rc == 0)
        json_put_raw(c->out, buf_text(&row), row.len);
    buf_release(&row);
    return rc;
}

static int garment_show(struct call *c)
{
    return show(c, garments_json);
}

static int photo_add(struct call *c)
{
    const char *id;
    struct raum_handle *h = scope_and(c, "id", &id);
    struct media_item *photos;
    int count = 0;
    int rc = h ? read_photos(c, &photos, &count) : c->error->code;
    return rc ? rc : garments_photos_add(h, &c->app->pictures, id, photos, count, c->error);
}

static int photo_remove(struct call *c)
{
    const char *id, *media = call_text(c, "media");
    struct raum_handle *h = media ? scope_and(c, "id", &id) : NULL;
    return h ? garments_photo_remove(h, &c->app->pictures, id, media, call_flag(c, "forever"),
                                     c->error)
             : c->error->code;
}

static int photo_first(struct call *c)
{
    const char *id, *media = call_text(c, "media");
    struct raum_handle *h = media ? scope_and(c, "id", &id) : NULL;
    return h ? garments_photo_first(h, id, media, c->error) : c->error->code;
}

/* ---- outfits ---- */

static int read_outfit(struct call *c, struct outfit_fields *f)
{
    *f = (struct outfit_fields){
        .name = call_maybe(c, "name"), .description = call_maybe(c, "description"),
        .occasion = call_maybe(c, "occasion"), .visibility = call_maybe(c, "visibility")};
    int rc = call_list(c, "season", &f->seasons, &f->season_count);
    return rc ? rc : call_list(c, "tags", &f->tags, &f->tag_count);
}

static int outfit_create(struct call *c)
{
    struct raum_handle *h = call_scope(c);
    struct outfit_fields fields;
    const char *const *garments;
    int count = 0;
    char id[RAUM_ID_MAX];
    int rc = h ? read_outfit(c, &fields) : c->error->code;
    if (rc == 0)
        rc = call_list(c, "garments", &garments, &count);
    if (rc == 0)
        rc = outfits_create(h, &fields, garments, count < 0 ? 0 : count, id, c->error);
    if (rc == 0)
        answer_id(c, id);
    return rc;
}

static int outfit_set(struct call *c)
{
    const char *id;
    struct raum_handle *h = scope_and(c, "id", &id);
    struct outfit_fields fields;
    struct outfit_change change = {0};
    int rc = h ? read_outfit(c, &fields) : c->error->code;
    if (rc == 0)
        rc = call_list(c, "add", &change.add, &change.add_count);
    if (rc == 0)
        rc = call_list(c, "remove", &change.remove, &change.remove_count);
    change.add_count = change.add_count < 0 ? 0 : change.add_count;
    change.remove_count = change.remove_count < 0 ? 0 : change.remove_count;
    return rc ? rc : outfits_set(h, id, &fields, &change, c->error);
}

static int outfit_favorite(struct call *c)
{
    const char *id;
    struct raum_handle *h = scope_and(c, "id", &id);
    return h ? outfits_favorite(h, id, call_flag(c, "on"), c->error) : c->error->code;
}

static int outfit_archive(struct call *c)
{
    const char *id;
    struct raum_handle *h = scope_and(c, "id", &id);
    return h ? outfits_archive(h, id, call_flag(c, "on"), c->error) : c->error->code;
}

static int outfit_delete(struct call *c)
{
    const char *id;
    struct raum_handle *h = scope_and(c, "id", &id);
    return h ? outfits_delete(h, id, c->error) : c->error->code;
}

static int outfit_restore(struct call *c)
{
    const char *id;
    struct raum_handle *h = scope_and(c, "id", &id);
    return h ? outfits_restore(h, id, c->error) : c->error->code;
}

static int outfit_show(struct call *c)
{
    return show(c, outfits_json);
}

/* ---- the wear log ---- */

static int wear_garment(struct call *c)
{
    const char *garment, *day = call_text(c, "day");
    struct raum_handle *h = day ? scope_and(c, "id", &garment) : NULL;
    char id[RAUM_ID_MAX];
    int rc = h ? wears_garment(h, garment, day, id, c->error) : c->error->code;
    if (rc == 0)
        answer_id(c, id);
    return rc;
}

static int wear_outfit(struct call *c)
{
    const char *outfit, *day = call_text(c, "day");
    struct raum_handle *h = day ? scope_and(c, "id", &outfit) : NULL;
    char id[RAUM_ID_MAX];
    int garments = 0;
    int rc = h ? wears_outfit(h, outfit, day, id, &garments, c->error) : c->error->code;
    if (rc)
        return rc;
    json_open_object(c->out);
    answer_str(c, "id", id);
    answer_int(c, "garments", garments);
    json_close_object(c->out);
    return 0;
}

static int wear_remove(struct call *c)
{
    const char *id;
    struct raum_handle *h = scope_and(c, "id", &id);
    return h ? wears_remove(h, id, c->error) : c->error->code;
}

/* ---- trying on ---- */

static void answer_plan(struct call *c, const struct try_on *t)
{
    static const char *const lacks[] = {
        [LACK_GARMENT] = "garment", [LACK_PERSON] = "person", [LACK_FACE] = "face",
        [LACK_CONSENT] = "consent", [LACK_NOTHING] = NULL};
    json_open_object(c->out);
    answer_str(c, "lack", lacks[t->lack]);
    json_put_key(c->out, "media");
    json_open_array(c->out);
    for (int i = 0; i < t->count && t->lack == LACK_NOTHING; i++)
        json_put_str(c->out, t->media[i]);
    json_close_array(c->out);
    answer_int(c, "leftOut", t->left_out);
    answer_flag(c, "noFace", t->no_face);
    answer_flag(c, "noBody", t->no_body);
    answer_str(c, "size", t->size);
    answer_str(c, "prompt", t->lack == LACK_NOTHING ? buf_text(&t->prompt) : NULL);
    json_close_object(c->out);
}

/* {lack: garment|person|face|consent|null, media, leftOut, noFace, noBody, size, prompt}. What is
 * lacking is an answer, not an error: the page has words of its own for it. */
static int try_plan(struct call *c)
{
    struct raum_handle *h = call_scope(c);
    const struct try_on_wish wish = {.outfit = call_maybe(c, "outfit"),
                                     .garment = call_maybe(c, "garment"),
                                     .prompt = call_maybe(c, "prompt")};
    struct try_on t;
    if (!h)
        return c->error->code;
    if (!wish.outfit == !wish.garment)
        return call_wrong(c, "outfit", "or garment: one of them");
    int rc = try_on_compose(h, &wish, &t, c->error);
    if (rc && t.lack != LACK_NOTHING) {
        *c->error = (struct raum_error){0};
        rc = 0;
    }
    if (rc == 0)
        answer_plan(c, &t);
    try_on_release(&t);
    return rc;
}

static int try_prompt(struct call *c)
{
    const char *id, *prompt = call_text(c, "prompt");
    struct raum_handle *h = prompt ? scope_and(c, "id", &id) : NULL;
    return h ? images_prompt(h, id, prompt, c->error) : c->error->code;
}

const struct call_entry calls_wardrobe[] = {
    {"photo.prepare", photo_prepare, CALL_READ},
    {"garment.add", garment_add, CALL_ONCE},
    {"garment.set", garment_set, CALL_ONCE},
    {"garment.archive", garment_archive, CALL_ONCE},
    {"garment.delete", garment_delete, CALL_ONCE},
    {"garment.restore", garment_restore, CALL_ONCE},
    {"garment.show", garment_show, CALL_READ},
    {"garment.photo.add", photo_add, CALL_ONCE},
    {"garment.photo.remove", photo_remove, CALL_ONCE},
    {"garment.photo.first", photo_first, CALL_ONCE},
    {"outfit.create", outfit_create, CALL_ONCE},
    {"outfit.set", outfit_set, CALL_ONCE},
    {"outfit.favorite", outfit_favorite, CALL_ONCE},
    {"outfit.archive", outfit_archive, CALL_ONCE},
    {"outfit.delete", outfit_delete, CALL_ONCE},
    {"outfit.restore", outfit_restore, CALL_ONCE},
    {"outfit.show", outfit_show, CALL_READ},
    {"wear.garment", wear_garment, CALL_ONCE},
    {"wear.outfit", wear_outfit, CALL_ONCE},
    {"wear.remove", wear_remove, CALL_ONCE},
    {"try.plan", try_plan, CALL_READ},
    {"try.prompt", try_prompt, CALL_ONCE},
    {0},
};
