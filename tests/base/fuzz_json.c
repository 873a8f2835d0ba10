/* Any bytes into the reader; what it takes is written three ways and must read back as the same. */
#include "base/json.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void need(bool truth)
{
    if (!truth)
        abort();
}

static void put_again(struct json_writer *w, struct json_value v, struct arena *arena);

static void put_children(struct json_writer *w, struct json_value v, struct arena *arena)
{
    uint32_t count = 0;
    bool object = json_is(v, JSON_OBJECT);
    for (struct json_value child = json_first(v); child.doc; child = json_next(v, child)) {
        const char *key;
        size_t len;
        if (object) {
            need(json_text(json_key(child), arena, &key, &len));
            json_put_key_len(w, key, len);
            const char *name = count < 50 ? json_str(json_key(child), arena) : NULL;
            need(!name || (json_get(v, name).at == child.at && json_equals(json_key(child), name)));
        }
        put_again(w, child, arena);
        count++;
    }
    need(count == json_count(v));
}

/* By the writer's other calls, texts decoded and encoded anew. */
static void put_again(struct json_writer *w, struct json_value v, struct arena *arena)
{
    const char *text;
    size_t len;
    int64_t integer;
    double real;
    bool truth = false;
    switch (json_type(v)) {
    case JSON_NONE:
        abort();
    case JSON_NULL:
        json_put_null(w);
        break;
    case JSON_FALSE:
    case JSON_TRUE:
        need(json_bool(v, &truth) && truth == json_is(v, JSON_TRUE));
        json_put_bool(w, truth);
        break;
    case JSON_NUMBER:
        (void)json_double(v, &real);
        text = json_raw(v, &len);
        if (json_int(v, &integer))
            json_put_int(w, integer);
        else
            json_put_raw(w, text, len);
        break;
    case JSON_STRING:
        need(json_text(v, arena, &text, &len));
        json_put_text(w, text, len);
        break;
    case JSON_ARRAY:
        json_open_array(w);
        put_children(w, v, arena);
        json_close_array(w);
        break;
    case JSON_OBJECT:
        json_open_object(w);
        put_children(w, v, arena);
        json_close_object(w);
        break;
    }
}

static void check_text(const struct buf *out, struct json_value root)
{
    struct json_doc again;
    json_init(&again);
    need(buf_error(out, NULL) == 0);
    need(json_parse(&again, out->data, out->len, 0, NULL) == 0);
    need(json_same(root, json_root(&again)) && json_same(json_root(&again), root));
    json_release(&again);
}

static void round_trips(struct json_value root)
{
    struct buf out;
    struct json_writer w;
    struct arena arena;
    arena_init(&arena, (size_t)1 << 26);
    buf_init(&out, (size_t)1 << 26);
    json_begin(&w, &out);
    json_put_value(&w, root);
    check_text(&out, root);
    for (int pretty = 0; pretty < 2; pretty++) {
        buf_reset(&out);
        json_begin(&w, &out);
        w.pretty = pretty;
        put_again(&w, root, &arena);
        check_text(&out, root);
    }
    buf_release(&out);
    arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct json_doc doc;
    struct raum_error error;
    json_init(&doc);
    int strict = json_parse(&doc, (const char *)data, len, 0, &error);
    if (strict == 0)
        round_trips(json_root(&doc));
    int lenient = json_parse(&doc, (const char *)data, len, JSON_LONE, &error);
    need(strict != 0 || lenient == 0);
    if (lenient == 0)
        round_trips(json_root(&doc));
    else
        need(!json_root(&doc).doc && error.code == lenient && error.text[0]);
    json_release(&doc);
    return 0;
}
