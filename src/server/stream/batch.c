/* A stretch of a partition as events: read once, encoded once, for all who get it. */
#include "server/stream/inside.h"

#include <string.h>

#define EVENT_MAX ((size_t)16 << 20)

/* A value may bring blanks of its own; a line's end would end the event (it can stand nowhere else
 * in JSON than between two words). */
static void flatten(char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] == '\n' || text[i] == '\r')
            text[i] = ' ';
}

static void put_key(struct json_writer *w, const char *key, const char *text)
{
    if (!text)
        return;
    json_put_key(w, key);
    json_put_str(w, text);
}

static int add_piece(struct hub_batch *b, struct buf *json, const char *event, const char *end,
                     const struct hub_piece *like)
{
    struct buf text;
    struct hub_piece *p = &b->pieces[b->count];
    flatten(json->data, json->len);
    buf_init(&text, EVENT_MAX);
    buf_printf(&text, "event: %s\ndata: ", event);
    buf_add(&text, json->data, json->len);
    buf_str(&text, end);
    *p = *like;
    p->text = text.error ? NULL : http_shared_new(text.data, text.len);
    b->count += p->text != NULL;
    b->bytes += text.len;
    buf_release(&text);
    return p->text ? 0 : RAUM_ENOMEM;
}

static int add_retract(struct hub_batch *b, const struct relay_row *row)
{
    struct buf json;
    struct json_writer w;
    buf_init(&json, EVENT_MAX);
    json_begin(&w, &json);
    json_open_object(&w);
    put_key(&w, "app", row->change.app);
    put_key(&w, "table", row->change.table);
    put_key(&w, "id", row->change.id);
    put_key(&w, "spaceId", row->change.space);
    json_close_object(&w);
    int result = buf_error(&json, NULL);
    if (result == 0)
        result = add_piece(b, &json, "retract", "\n",
                           &(struct hub_piece){.retract = true, .author = row->author});
    buf_release(&json);
    return result;
}

/* Of one table, and for the same people. */
static bool together(const struct relay_row *a, const struct relay_row *b)
{
    return a->is_private == b->is_private && strcmp(a->change.table, b->change.table) == 0 &&
           (!a->is_private || (a->author && b->author && strcmp(a->author, b->author) == 0));
}

/* All of the range that go together with row `first`, which is the first of them. The object stays
 * open: each stream closes it with a cursor of its own. */
static int add_changes(struct hub_batch *b, const struct relay_range *range, uint32_t first)
{
    struct buf json;
    struct json_writer w;
    const struct relay_row *row = &range->rows[first];
    buf_init(&json, EVENT_MAX);
    json_begin(&w, &json);
    json_open_object(&w);
    put_key(&w, "app", row->change.app);
    put_key(&w, "table", row->change.table);
    json_put_key(&w, "changes");
    json_open_array(&w);
    for (uint32_t i = first; i < range->count; i++)
        if (together(row, &range->rows[i]))
            wire_put_change(&w, &range->rows[i].change);
    json_close_array(&w);
    int result = buf_error(&json, NULL);
    if (result == 0)
        result = add_piece(b, &json, "changes", ",",
                           &(struct hub_piece){.author = row->is_private ? row->author : NULL});
    buf_release(&json);
    return result;
}

static bool is_first(const struct relay_range *range, uint32_t at)
{
    for (uint32_t i = 0; i < at; i++)
        if (together(&range->rows[i], &range->rows[at]))
            return false;
    return true;
}

/* G-T9: another's private row goes to no stream but its author's; what was shared once is taken
 * back from the others. */
static int encode(struct hub_batch *b, const struct relay_range *range)
{
    int result = 0;
    for (uint32_t i = 0; i < range->count && result == 0; i++)
        if (relay_view(&range->rows[i], "") == RELAY_WITHDRAWN)
            result = add_retract(b, &range->rows[i]);
    for (uint32_t i = 0; i < range->count && result == 0; i++)
        if ((!range->rows[i].is_private || range->rows[i].author) && is_first(range, i))
            result = add_changes(b, range, i);
    return result;
}

int hub_batch_read(struct hub *h, const struct hub_part *part, int64_t from, int64_t to,
                   struct hub_batch *out, struct raum_error *error)
{
    struct relay_range range;
    struct relay_part where = {.ref = part->ref, .id = part->id, .seq = from};
    arena_reset(&h->page);
    relay_trim(h->relay);
    *out = (struct hub_batch){0};
    int result = relay_range(h->relay, &where, to, HUB_PAGE_ROWS, HUB_PAGE_BYTES, NULL, &h->page,
                             &range, error);
    if (result < 0)
        return result;
    out->end = range.end;
    out->pieces = arena_zero(&h->page, (2 * (size_t)range.count + 1) * sizeof *out->pieces);
    result = out->pieces ? encode(out, &range) : RAUM_ENOMEM;
    if (result < 0) {
        hub_batch_release(out);
        return err_set(error, result, NULL);
    }
    return 0;
}

void hub_batch_release(struct hub_batch *b)
{
    for (uint32_t i = 0; i < b->count; i++)
        http_shared_unref(b->pieces[i].text);
    b->count = 0;
}
