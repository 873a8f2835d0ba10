#include "server/relay/batch.h"

#include <string.h>

static struct relay_record **place_of(struct relay_batch *b, int64_t tbl, const char *id)
{
    uint32_t h = (uint32_t)tbl * 2654435761u;
    for (const char *at = id; *at; at++)
        h = (h ^ (unsigned char)*at) * 16777619u;
    struct relay_record **at = &b->places[(h ^ h >> 16) % BATCH_PLACES];
    while (*at && ((*at)->tbl != tbl || strcmp((*at)->id, id) != 0))
        at = &(*at)->next;
    return at;
}

struct relay_record *relay_batch_add(struct relay_batch *b, int64_t tbl, const char *id)
{
    struct relay_record **place = place_of(b, tbl, id);
    if (*place || b->count == BATCH_RECORDS)
        return *place;
    struct relay_record *r = arena_zero(b->a, sizeof *r);
    if (!r)
        return NULL;
    r->tbl = tbl;
    r->id = id;
    b->records[b->count++] = r;
    return *place = r;
}

int relay_batch_load(struct relay_batch *b, struct raum_error *error)
{
    int result = relay_store_load(b->relay->sql, b->part->ref, b->records + b->loaded,
                                  b->count - b->loaded, b->a, error);
    for (; result == 0 && b->loaded < b->count; b->loaded++) {
        struct relay_record *r = b->records[b->loaded];
        if (r->exists)
            result = relay_body_read(b->relay, r->body, r->len, b->a, &r->fields, error);
    }
    return result;
}

/* The bytes that `body` holds, in the arena. */
static int take(struct relay_batch *b, struct buf *body, const void **out, size_t *len,
                struct raum_error *error)
{
    int result = buf_error(body, error);
    if (result < 0)
        return result;
    *len = body->len;
    *out = arena_copy(b->a, buf_text(body), body->len);
    return *out ? 0 : err_set(error, RAUM_ENOMEM, NULL);
}

int relay_batch_keep(struct relay_batch *b, const struct relay_record *record,
                     const struct merge_record *before, struct raum_error *error)
{
    struct relay_history *h = &b->history[b->history_count];
    struct buf *body = &b->relay->body;
    if (before->count == 0)
        return 0;
    *h = (struct relay_history){.tbl = record->tbl, .id = record->id, .seq = b->part->seq};
    int result = relay_body_write(b->relay, before, body, error);
    if (result == 0)
        result = take(b, body, &h->body, &h->len, error);
    b->history_count += result == 0;
    return result;
}

int relay_batch_write(struct relay_batch *b, struct raum_error *error)
{
    struct buf *body = &b->relay->body;
    int result = 0;
    for (uint32_t i = 0; i < b->count && result == 0; i++) {
        struct relay_record *r = b->records[i];
        if (!r->changed)
            continue;
        result = relay_body_write(b->relay, &r->fields, body, error);
        if (result == 0)
            result = take(b, body, &r->body, &r->len, error);
        b->part->bytes += (int64_t)r->len - (int64_t)r->stored;
    }
    if (result == 0)
        result = relay_store_put(b->relay->sql, b->part->ref, b->records, b->count, b->a, error);
    return result ? result
                  : relay_store_history(b->relay->sql, b->part->ref, b->history, b->history_count,
                                        b->now_ms, b->a, error);
}
