/* Tools over the wardrobe: wardrobe.… */
#include "modules/wardrobe/wardrobe.h"
#include "modules/wardrobe/garments.h"
#include "modules/wardrobe/outfits.h"
#include "tools/inside.h"
#include <stdio.h>
#include <string.h>

typedef int row_json(struct raum_handle *h, const char *id, struct buf *out,
                     struct raum_error *error);

/* One row whole, as the command shows it. */
static int put_row(struct tool_call *call, const char *id, row_json *json, struct json_writer *w,
                   struct raum_error *error)
{
    struct buf text;
    buf_init(&text, TOOL_JSON_MAX);
    int rc = json(call->scope, id, &text, error);
    if (rc == 0)
        json_put_raw(w, buf_text(&text), text.len);
    buf_release(&text);
    return rc;
}

/* Has it all of these tags? Whatever their case, as in the command. */
static bool has_tags(struct tool_call *call, const struct raum_query *q, int column,
                     const char *const *tags, int count)
{
    struct json_doc doc;
    size_t len = 0;
    const char *text = raum_query_text(q, column, &len);
    int found = 0;
    json_init(&doc);
    if (text && json_parse(&doc, text, len, 0, NULL) == 0)
        for (int i = 0; i < count; i++) {
            struct json_value list = json_root(&doc), v = json_first(list);
            const char *tag = NULL;
            for (; v.doc && !(tag && same_word(tag, tags[i])); v = json_next(list, v))
                tag = json_str(v, call->arena);
            found += tag && same_word(tag, tags[i]);
        }
    json_release(&doc);
    return found == count;
}

struct listing {
    const char *key;
    row_json *json;
    int tags_column;
    const char *const *tags;
    int tag_count;
    const char *scheme; /* of the links; NULL: none */
    int name_column;
};

static int put_listing(struct tool_call *call, struct json_value args, struct raum_query *q,
                       const struct listing *l, struct tool_result *result,
                       struct raum_error *error)
{
    struct page page;
    char uri[RAUM_ID_MAX + 24];
    int rc = page_begin(&page, q, arg_int(args, "limit", PAGE_DEFAULT),
                        arg_text(call, args, "cursor"), error);
    json_open_object(result->out);
    json_put_key(result->out, l->key);
    json_open_array(result->out);
    while (rc == 0 && (rc = page_next(&page, error)) == 0) {
        if (l->tag_count > 0 && !has_tags(call, page.q, l->tags_column, l->tags, l->tag_count)) {
            page_skip(&page);
            continue;
        }
        rc = put_row(call, page.last, l->json, result->out, error);
        if (rc || !l->scheme)
            continue;
        const char *name = raum_query_text(page.q, l->name_column, NULL);
        snprintf(uri, sizeof uri, "%s%s", l->scheme, page.last);
        tool_link(result, uri, name ? name : "", "application/json");
    }
    json_close_array(result->out);
    page_put_cursor(&page, result->out);
    json_close_object(result->out);
    page_end(&page);
    return rc == RAUM_END ? 0 : rc;
}

/* The thumbnail of each garment's cover. */
static int put_covers(struct tool_call *call, const struct raum_query *q,
                      struct tool_result *result, struct raum_error *error)
{
    struct json_doc doc;
    struct buf text;
    const char *id = raum_query_text(q, GARMENT_ID, NULL);
    buf_init(&text, TOOL_JSON_MAX);
    json_init(&doc);
    int rc = garments_json(call->scope, id, &text, error);
    if (rc == 0)
        rc = json_parse(&doc, buf_text(&text), text.len, 0, error);
    if (rc == 0) {
        const char *media =
            json_str(json_first(json_get(json_root(&doc), "mediaIds")), call->arena);
        rc = media ? tool_thumbnail(call, result, media, error) : 0;
    }
    json_release(&doc);
    buf_release(&text);
    return rc;
}

static int garment_covers(struct tool_call *call, const struct garment_filter *filter,
                          struct json_value args, struct tool_result *result,
                          struct raum_error *error)
{
    struct raum_query *q = NULL;
    struct page page;
    int rc = garments_query(call->scope, filter, &q, error);
    if (rc)
        return rc;
    rc = page_begin(&page, q, arg_int(args, "limit", PAGE_DEFAULT), arg_text(call, args, "cursor"),
                    error);
    while (rc == 0 && (rc = page_next(&page, error)) == 0)
        rc = put_covers(call, page.q, result, error);
    page_end(&page);
    return rc == RAUM_END ? 0 : rc;
}

int tool_garments_list(struct tool_call *call, struct json_value args, struct tool_result *result,
                       struct raum_error *error)
{
    struct garment_filter filter = {.category = arg_text(call, args, "category")};
    struct listing l = {.key = "garments", .json = garments_json, .tags_column = GARMENT_TAGS};
    struct raum_query *q = NULL;
    int rc = arg_list(call, args, "tags", &l.tags, &l.tag_count, error);
    if (rc == 0 && l.tag_count > 0)
        filter.tag = l.tags[0];
    if (rc == 0)
        rc = garments_query(call->scope, &filter, &q, error);
    if (rc == 0)
        rc = put_listing(call, args, q, &l, result, error);
    if (rc == 0 && arg_flag(args, "thumbnails", false))
        rc = garment_covers(call, &filter, args, result, error);
    return rc;
}

int tool_outfits_list(struct tool_call *call, struct json_value args, struct tool_result *result,
                      struct raum_error *error)
{
    const struct outfit_filter filter = {.occasion = arg_text(call, args, "occasion"),
                                         .favorites = arg_flag(args, "favoriteOnly", false)};
    const struct listing l = {.key = "outfits",
                              .json = outfits_json,
                              .scheme = "raum://outfit/",
                              .name_column = OUTFIT_NAME};
    struct raum_query *q = NULL;
    int rc = outfits_query(call->scope, &filter, &q, error);
    return rc ? rc : put_listing(call, args, q, &l, result, error);
}

/* {"garment": {…}} */
static int put_one(struct tool_call *call, const char *key, const char *id, row_json *json,
                   struct tool_result *result, struct raum_error *error)
{
    json_open_object(result->out);
    json_put_key(result->out, key);
    int rc = put_row(call, id, json, result->out, error);
    if (rc == 0)
        json_close_object(result->out);
    return rc;
}

int tool_garment_add(struct tool_call *call, struct json_value args, struct tool_result *result,
                     struct raum_error *error)
{
    struct garment_fields fields = {.name = arg_text(call, args, "name"),
                                    .category = arg_text(call, args, "category"),
                                    .brand = arg_text(call, args, "brand"),
                                    .color = arg_text(call, args, "color"),
                                    .size = arg_text(call, args, "size"),
                                    .material = arg_text(call, args, "material"),
                                    .notes = arg_text(call, args, "notes"),
                                    .purchased = arg_text(call, args, "purchasedAt"),
                                    .price = arg_text(call, args, "price")};
    const char *const *media;
    int count;
    char id[RAUM_ID_MAX];
    int rc = arg_list(call, args, "mediaIds", &media, &count, error);
    if (rc == 0)
        rc = arg_list(call, args, "tags", &fields.tags, &fields.tag_count, error);
    if (rc == 0)
        rc = garments_add_shown(call->scope, &fields, media, count, id, error);
    return rc ? rc : put_one(call, "garment", id, garments_json, result, error);
}

int tool_outfit_create(struct tool_call *call, struct json_value args, struct tool_result *result,
                       struct raum_error *error)
{
    struct outfit_fields fields = {.name = arg_text(call, args, "name"),
                                   .description = arg_text(call, args, "description"),
                                   .occasion = arg_text(call, args, "occasion")};
    const char *const *garments;
    int count;
    char id[RAUM_ID_MAX], uri[RAUM_ID_MAX + 24];
    int rc = arg_list(call, args, "garmentIds", &garments, &count, error);
    if (rc == 0)
        rc = arg_list(call, args, "tags", &fields.tags, &fields.tag_count, error);
    if (rc == 0)
        rc = arg_list(call, args, "season", &fields.seasons, &fields.season_count, error);
    if (rc == 0)
        rc = outfits_create(call->scope, &fields, garments, count, id, error);
    if (rc == 0)
        rc = put_one(call, "outfit", id, outfits_json, result, error);
    if (rc == 0) {
        snprintf(uri, sizeof uri, "raum://outfit/%s", id);
        tool_link(result, uri, fields.name, "application/json");
    }
    return rc;
}
