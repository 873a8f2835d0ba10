/* The two tools that have pictures made: what is asked for is put together here, with the rights of
 * the space; who makes it is behind a port (tools.h). */
#include "engine/intern.h"
#include "modules/wardrobe/try_on.h"
#include "tools/inside.h"
#include <stdio.h>
#include <string.h>

static const char what_of[] =
    "SELECT CASE m.kind WHEN 'face' THEN 'face' ELSE 'body' END, 0 FROM meImages m "
    "WHERE m.mediaId = ?1 UNION ALL "
    "SELECT g.category, 1 FROM wardrobeGarments g, json_each(g.mediaIds) p WHERE p.value = ?1 "
    "ORDER BY 2 LIMIT 1";

/* What a picture of the space shows: "face", "body", a garment's category. */
static int find_what(struct tool_call *call, const char *media, const char **out,
                     struct raum_error *error)
{
    struct raum_query *q = NULL;
    *out = "other";
    int rc = query_view(call->scope, what_of, &q, error);
    if (rc)
        return rc;
    raum_query_bind_text(q, 1, media, strlen(media));
    rc = raum_query_step(q, error);
    size_t len = 0;
    const char *word = rc == 0 ? raum_query_text(q, 0, &len) : NULL;
    if (word && len && !(*out = arena_copy(call->arena, word, len)))
        rc = err_set(error, RAUM_ENOMEM, NULL);
    raum_query_free(q);
    return rc == RAUM_END ? 0 : rc;
}

static void put(struct json_writer *w, const char *key, const char *text)
{
    json_put_key(w, key);
    json_put_str(w, text);
}

static int put_made(struct tool_call *call, const struct picture_order *order,
                    const struct picture_answer *answer, struct tool_result *result,
                    struct raum_error *error)
{
    struct json_writer *w = result->out;
    char uri[RAUM_ID_MAX + 24];
    int rc = 0;
    json_open_object(w);
    json_put_key(w, "images");
    json_open_array(w);
    for (int i = 0; i < answer->count; i++) {
        json_open_object(w);
        put(w, "id", answer->made[i].id);
        put(w, "mediaId", answer->made[i].media);
        json_close_object(w);
    }
    json_close_array(w);
    put(w, "prompt", order->prompt);
    put(w, "model", answer->model);
    put(w, "visibility", order->share ? "space" : "private");
    json_put_key(w, "referenceMediaIds");
    json_open_array(w);
    for (int i = 0; i < order->reference_count; i++)
        json_put_str(w, order->references[i]);
    json_close_array(w);
    json_close_object(w);
    for (int i = 0; i < answer->count && rc == 0; i++) {
        snprintf(uri, sizeof uri, "raum://picture/%s", answer->made[i].id);
        tool_link(result, uri, "picture", "image/*");
        rc = tool_thumbnail(call, result, answer->made[i].media, error);
    }
    return rc;
}

static int make(struct tool_call *call, struct picture_order *order, const char *const *what,
                struct tool_result *result, struct raum_error *error)
{
    const struct tool_generator *g = call->generator;
    struct picture_answer answer = {.count = 0};
    const struct space *space = intern_space(call->scope->raum, call->scope->space);
    bool prompted = false;
    if (!g)
        return err_at(error, "tools", RAUM_ENOT_CONFIGURED, "nobody makes pictures here");
    order->space = space ? arena_str(call->arena, space->id) : NULL; /* the handle may go */
    if (!order->space)
        return err_set(error, space ? RAUM_ENOMEM : RAUM_ESCOPE_NOT_READY, NULL);
    tool_progress(call, 0, 1, "the picture is being made");
    int rc = g->make(g->ctx, call, order, what, &answer, &prompted, error);
    for (int i = 0; i < answer.count && rc == 0 && !prompted; i++)
        rc = images_prompt(call->scope, answer.made[i].id, order->prompt, error);
    if (rc == 0)
        tool_progress(call, 1, 1, NULL);
    return rc ? rc : put_made(call, order, &answer, result, error);
}

int tool_me_generate(struct tool_call *call, struct json_value args, struct tool_result *result,
                     struct raum_error *error)
{
    struct picture_order order = {.prompt = arg_text(call, args, "prompt"),
                                  .quality = arg_text(call, args, "quality"),
                                  .size = arg_text(call, args, "size"),
                                  .n = arg_int(args, "n", 1)};
    const char *const *references, *what[PICTURE_REFERENCES_MAX];
    int count = 0;
    int rc = arg_list(call, args, "referenceMediaIds", &references, &count, error);
    for (int i = 0; rc == 0 && i < count && i < PICTURE_REFERENCES_MAX; i++) {
        order.references[order.reference_count++] = references[i];
        rc = tool_media_may(call, references[i], error);
        if (rc == 0)
            rc = find_what(call, references[i], &what[i], error);
    }
    if (!order.quality)
        order.quality = "medium";
    if (!order.size)
        order.size = "1024x1024";
    return rc ? rc : make(call, &order, what, result, error);
}

int tool_try_on(struct tool_call *call, struct json_value args, struct tool_result *result,
                struct raum_error *error)
{
    const struct try_on_wish wish = {.outfit = arg_text(call, args, "outfitId"),
                                     .prompt = arg_text(call, args, "prompt"),
                                     .accessory_only = arg_flag(args, "accessoryOnly", false)};
    struct picture_order order = {.quality = arg_text(call, args, "quality"),
                                  .share = arg_flag(args, "share", false),
                                  .outfit = wish.outfit,
                                  .n = 1};
    const char *what[PICTURE_REFERENCES_MAX];
    struct try_on t;
    int rc = try_on_compose(call->scope, &wish, &t, error);
    order.prompt = buf_text(&t.prompt);
    order.size = t.size;
    if (!order.quality)
        order.quality = "medium";
    for (int i = 0; rc == 0 && i < t.count && i < PICTURE_REFERENCES_MAX; i++) {
        what[i] = t.what[i];
        order.references[order.reference_count++] = t.media[i];
    }
    if (rc == 0)
        rc = make(call, &order, what, result, error);
    try_on_release(&t);
    return rc;
}
