/* Any bytes as a request and as an answer; what is taken is written and must read back as the same
 * bytes. */
#include "sync/wire.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* What is refused has no second spelling. */
static bool all_good(const struct wire_change *changes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (changes[i].error)
            return false;
    return true;
}

static bool wrote(struct buf *out, const struct json_doc *doc, struct arena *a, bool answer)
{
    struct json_writer w;
    buf_reset(out);
    json_begin(&w, out);
    if (answer) {
        struct wire_answer found;
        if (wire_read_answer(doc, a, &found, NULL) != 0 ||
            !all_good(found.changes, found.change_count))
            return false;
        wire_put_answer(&w, &found);
        return true;
    }
    struct wire_request found;
    if (wire_read_request(doc, a, &found, NULL) != 0 || !all_good(found.changes, found.count))
        return false;
    wire_put_request(&w, &found);
    return true;
}

static void round_trip(const struct json_doc *doc, bool answer)
{
    struct arena a;
    struct buf first, second;
    struct json_doc again;
    arena_init(&a, 32u << 20);
    buf_init(&first, 32u << 20);
    buf_init(&second, 32u << 20);
    json_init(&again);
    if (wrote(&first, doc, &a, answer)) {
        if (json_parse(&again, buf_text(&first), first.len, 0, NULL) != 0 ||
            !wrote(&second, &again, &a, answer) || first.len != second.len ||
            memcmp(buf_text(&first), buf_text(&second), first.len) != 0)
            abort();
    }
    json_release(&again);
    buf_release(&first);
    buf_release(&second);
    arena_release(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct json_doc doc;
    json_init(&doc);
    if (json_parse(&doc, (const char *)data, len, 0, NULL) == 0) {
        round_trip(&doc, false);
        round_trip(&doc, true);
    }
    json_release(&doc);
    return 0;
}
