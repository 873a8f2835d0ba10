/* Tools over the pool of pictures of people: me.… */
#include "modules/profile/me_images.h"
#include "tools/inside.h"
#include <stdio.h>
#include <string.h>

static void put_slots(struct json_writer *w, int64_t bits)
{
    json_put_key(w, "slots");
    json_open_array(w);
    for (int i = 0; me_slots[i]; i++)
        if (bits & (1 << i))
            json_put_str(w, me_slots[i]);
    json_close_array(w);
}

static int put_image(struct tool_call *call, const struct raum_query *q, bool thumbnail,
                     struct tool_result *result, struct raum_error *error)
{
    struct json_writer *w = result->out;
    char uri[RAUM_ID_MAX + 16];
    size_t len = 0;
    const char *label = raum_query_text(q, ME_LABEL, &len);
    const char *id = raum_query_text(q, ME_ID, NULL), *kind = raum_query_text(q, ME_KIND, NULL);
    json_open_object(w);
    put_column(w, "id", q, ME_ID);
    put_column(w, "mediaId", q, ME_MEDIA);
    put_column(w, "kind", q, ME_KIND);
    put_column(w, "label", q, ME_LABEL);
    put_column_json(w, "tags", q, ME_TAGS);
    put_slots(w, raum_query_int(q, ME_SLOTS));
    put_column(w, "width", q, ME_WIDTH);
    put_column(w, "height", q, ME_HEIGHT);
    put_column(w, "subjectId", q, ME_SUBJECT);
    put_column(w, "createdAt", q, ME_CREATED);
    json_close_object(w);
    snprintf(uri, sizeof uri, "raum://image/%s", id ? id : "");
    char *name = label ? arena_copy(call->arena, label, len) : NULL;
    tool_link(result, uri, name && *name ? name : kind ? kind : "picture", "image/*");
    const char *media = raum_query_text(q, ME_MEDIA, NULL);
    return thumbnail && media ? tool_thumbnail(call, result, media, error) : 0;
}

int tool_me_list(struct tool_call *call, struct json_value args, struct tool_result *result,
                 struct raum_error *error)
{
    const struct me_filter filter = {.kind = arg_text(call, args, "kind"), .reference = true};
    bool thumbnails = arg_flag(args, "thumbnails", false);
    struct raum_query *q = NULL;
    struct page page;
    int rc = me_images_query(call->scope, &filter, &q, error);
    if (rc)
        return rc;
    rc = page_begin(&page, q, arg_int(args, "limit", PAGE_DEFAULT), arg_text(call, args, "cursor"),
                    error);
    json_open_object(result->out);
    json_put_key(result->out, "images");
    json_open_array(result->out);
    while (rc == 0 && (rc = page_next(&page, error)) == 0)
        rc = put_image(call, page.q, thumbnails, result, error);
    json_close_array(result->out);
    page_put_cursor(&page, result->out);
    if (page.taken == 0 && !page.at) { /* G-T4: nothing is borrowed from another space */
        json_put_key(result->out, "note");
        json_put_str(result->out,
                     filter.kind ? "No picture of this kind is released for AI in this space."
                                 : "No picture is released for AI in this space. A person adds one "
                                   "in Raum and switches its use by AI on.");
    }
    json_close_object(result->out);
    page_end(&page);
    return rc == RAUM_END ? 0 : rc;
}
