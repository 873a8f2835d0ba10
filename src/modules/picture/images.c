#include "modules/picture/generator.h"

#include "base/json.h"
#include "engine/store.h"

#define JSON_MAX ((size_t)1 << 20)

static void put(struct json_writer *w, const char *key, const char *text)
{
    if (!text)
        return;
    json_put_key(w, key);
    json_put_str(w, text);
}

int images_prompt(struct raum_handle *h, const char *id, const char *prompt,
                  struct raum_error *error)
{
    struct json_writer w;
    struct buf text;
    buf_init(&text, JSON_MAX);
    json_begin(&w, &text);
    json_open_object(&w);
    put(&w, "prompt", prompt);
    json_close_object(&w);
    int rc = buf_error(&text, error);
    if (rc == 0)
        rc = store_update_text(h, "images", id, buf_text(&text), text.len, error);
    buf_release(&text);
    return rc;
}

int images_add(struct raum_handle *h, const struct picture_order *order, const char *media,
               const char *model, uint32_t width, uint32_t height, char id[RAUM_ID_MAX],
               struct raum_error *error)
{
    struct json_writer w;
    struct buf text;
    buf_init(&text, JSON_MAX);
    json_begin(&w, &text);
    json_open_object(&w);
    put(&w, "mediaId", media);
    put(&w, "prompt", order->prompt);
    put(&w, "model", model);
    put(&w, "size", order->size);
    put(&w, "generationMode", "reference");
    put(&w, "visibility", order->share ? "space" : "private");
    put(&w, "wardrobeOutfitId", order->outfit);
    put(&w, "wardrobeGarmentId", order->garment);
    json_put_key(&w, "referenceMediaIds");
    json_open_array(&w);
    for (int i = 0; i < order->reference_count; i++)
        json_put_str(&w, order->references[i]);
    json_close_array(&w);
    json_put_key(&w, "width");
    json_put_int(&w, width);
    json_put_key(&w, "height");
    json_put_int(&w, height);
    json_close_object(&w);
    int rc = buf_error(&text, error);
    if (rc == 0)
        rc = store_insert_text(h, "images", buf_text(&text), text.len, id, error);
    buf_release(&text);
    return rc;
}
