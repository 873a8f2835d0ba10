/* From a batch to the streams: who gets which of its events, with which cursor. */
#include "server/stream/inside.h"

#include <string.h>

#define HEAR_EVERY 100 /* streams: whose session ends is not served to the end of a fan-out */

/* ---- one stream ---- */

static bool takes(const struct hub_sub *s, const struct hub_part *part)
{
    return s->admitted && !s->closing && (!s->only || s->only == part);
}

bool hub_sub_lacks(const struct hub_sub *s)
{
    const struct hub_account *a = s->account;
    for (uint32_t i = 0; i < a->count; i++)
        if (takes(s, a->parts[i]) && s->seen[i] < a->parts[i]->head)
            return true;
    return false;
}

void hub_sub_behind(struct hub *h, struct hub_sub *s)
{
    if (s->is_behind || s->closing)
        return;
    s->is_behind = true;
    TAILQ_INSERT_TAIL(&h->behind, s, behind);
}

static void not_behind(struct hub *h, struct hub_sub *s)
{
    s->is_behind = false;
    TAILQ_REMOVE(&h->behind, s, behind);
}

/* Who cannot be sent to has gone: the stream says so by its hook. */
void hub_sub_send(struct hub_sub *s, const char *text, size_t len)
{
    if (!s->closing && http_stream_send(s->stream, text, len) < 0)
        s->closing = true;
}

void hub_sub_end(struct hub_sub *s, bool now)
{
    if (now)
        http_stream_close(s->stream);
    else if (!s->closing)
        http_stream_finish(s->stream);
    s->closing = true;
}

bool hub_sub_stuck(const struct hub *h, struct hub_sub *s)
{
    size_t unread = http_stream_unread(s->stream);
    int64_t now = hub_now(h);
    if (unread != s->unread || unread == 0) {
        s->unread = unread;
        s->progress_at = now;
    }
    return now - s->progress_at > h->o.stuck_ms;
}

const char *hub_sub_cursor(struct hub *h, const struct hub_sub *s)
{
    const struct hub_account *a = s->account;
    struct relay_cursor cursor = {arena_zero(&h->scratch, (a->count + 1) * sizeof *cursor.parts),
                                  0};
    const char *text = NULL;
    if (!cursor.parts)
        return NULL;
    for (uint32_t i = 0; i < a->count; i++)
        if (a->parts[i]->ref)
            cursor.parts[cursor.count++] =
                (struct relay_part){.ref = a->parts[i]->ref, .seq = s->seen[i]};
    return relay_cursor_write(&cursor, h->epoch, &h->scratch, &text) == 0 ? text : NULL;
}

/* ---- a batch to one stream ---- */

static bool is_for(const struct hub_sub *s, const struct hub_piece *p)
{
    bool own = p->author && strcmp(p->author, s->account->id) == 0;
    return p->retract ? !own : !p->author || own;
}

/* The end of an event: of changes, with the cursor; of a retract, with one if it is the last. */
static const char *tail(struct hub *h, const struct hub_piece *p, const char *cursor, bool last,
                        bool more)
{
    if (!p->retract)
        return arena_printf(&h->scratch, "\"syncedUntil\":\"%s\",\"hasMore\":%s}\nid: %s\n\n",
                            cursor, more ? "true" : "false", cursor);
    return last ? arena_printf(&h->scratch, "id: %s\n\n", cursor) : "\n";
}

/* Events before the last repeat the cursor of before: whoever stores each is never ahead of what
 * it was sent. */
static void deliver(struct hub *h, struct hub_sub *s, uint32_t place, const struct hub_batch *b)
{
    uint32_t count = 0, at = 0;
    arena_reset(&h->scratch);
    for (uint32_t i = 0; i < b->count; i++)
        count += is_for(s, &b->pieces[i]);
    const char *before = count > 1 ? hub_sub_cursor(h, s) : "";
    s->seen[place] = b->end;
    const char *after = count > 0 ? hub_sub_cursor(h, s) : "";
    bool more = hub_sub_lacks(s);
    for (uint32_t i = 0; i < b->count && before && after; i++) {
        const struct hub_piece *p = &b->pieces[i];
        if (!is_for(s, p))
            continue;
        bool last = ++at == count;
        const char *end = tail(h, p, last ? after : before, last, !last || more);
        if (!end || http_stream_share(s->stream, p->text, end, strlen(end)) < 0) {
            hub_sub_end(s, true);
            return;
        }
    }
    if (!before || !after) /* no memory: it comes again with its old cursor */
        hub_sub_end(s, true);
}

/* A reader who has much to read already goes on by catching up, at its own pace. */
static bool has_room(const struct hub_sub *s, const struct hub_batch *b)
{
    size_t unread = http_stream_unread(s->stream);
    return unread == 0 || unread + b->bytes <= HUB_UNREAD_MAX;
}

/* ---- a write to all ---- */

typedef void visit(struct hub *h, struct hub_sub *s, uint32_t place, void *arg);

/* Every stream that takes the partition. */
static void each(struct hub *h, struct hub_part *part, visit *work, void *arg)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < part->count; i++) {
        struct hub_account *a = part->accounts[i];
        int place = hub_account_place(a, part);
        struct hub_sub *s;
        TAILQ_FOREACH(s, &a->subs, of_account)
        {
            if (place < 0 || !takes(s, part))
                continue;
            work(h, s, (uint32_t)place, arg);
            if (++count % HEAR_EVERY == 0)
                hub_hear(h, 0);
        }
    }
}

struct writing {
    const struct notice *notice;
    int64_t from, to; /* where the batch begins, where the write ends */
    bool wanted;  /* somebody stands there */
    const struct hub_batch *batch;
};

/* G-S13: a device is not sent its own change, where nothing of others could be passed over. */
static void pass_own(struct hub *h, struct hub_sub *s, uint32_t place, void *arg)
{
    struct writing *w = arg;
    const struct notice *n = w->notice;
    if (s->seen[place] != n->from) {
        if (s->seen[place] < w->to)
            hub_sub_behind(h, s);
    } else if (*n->client && s->client && strcmp(s->client, n->client) == 0 &&
               strcmp(s->account->id, n->account) == 0) {
        s->seen[place] = w->to;
    } else {
        w->wanted = true;
    }
}

static void pass_batch(struct hub *h, struct hub_sub *s, uint32_t place, void *arg)
{
    const struct writing *w = arg;
    if (s->seen[place] != w->from)
        return;
    if (!s->is_behind && has_room(s, w->batch))
        deliver(h, s, place, w->batch);
    else
        hub_sub_behind(h, s);
}

int hub_fan_out(struct hub *h, const struct notice *n, struct raum_error *error)
{
    struct hub_part *part = hub_part_find(h, n->id);
    struct writing w = {.notice = n, .from = n->from};
    struct relay_part now = {.id = n->id};
    if (!part || n->to <= part->head)
        return 0;
    int result = relay_part_read(h->relay, &now, error);
    if (result < 0)
        return result;
    part->ref = now.ref;
    part->head = n->to < now.seq ? n->to : now.seq; /* a notice is a hint */
    w.to = part->head;
    each(h, part, pass_own, &w);
    while (w.wanted && w.from < w.to && result == 0) {
        struct hub_batch batch;
        result = hub_batch_read(h, part, w.from, w.to, &batch, error);
        if (result < 0)
            break;
        w.batch = &batch;
        each(h, part, pass_batch, &w);
        w.from = batch.end;
        hub_batch_release(&batch);
    }
    return result;
}

/* ---- catching up ---- */

static int next_page(struct hub *h, struct hub_sub *s, struct raum_error *error)
{
    struct hub_account *a = s->account;
    uint32_t i = 0;
    while (i < a->count && !(takes(s, a->parts[i]) && s->seen[i] < a->parts[i]->head))
        i++;
    if (i == a->count)
        return 0;
    struct hub_batch batch;
    int result = hub_batch_read(h, a->parts[i], s->seen[i], a->parts[i]->head, &batch, error);
    if (result < 0)
        return result;
    deliver(h, s, i, &batch);
    hub_batch_release(&batch);
    return 0;
}

int hub_catch_up(struct hub *h, bool *served, struct raum_error *error)
{
    struct hub_sub *s, *next;
    int reading = 0;
    *served = false;
    for (s = TAILQ_FIRST(&h->behind); s && reading < HUB_CATCHING_MAX; s = next) {
        next = TAILQ_NEXT(s, behind);
        if (s->closing || !hub_sub_lacks(s)) {
            not_behind(h, s);
        } else if (hub_sub_stuck(h, s)) {
            hub_sub_end(s, true);
        } else if (s->unread > HUB_UNREAD_LOW) {
            reading++;
        } else {
            *served = true;
            TAILQ_REMOVE(&h->behind, s, behind); /* the others first, then it again */
            TAILQ_INSERT_TAIL(&h->behind, s, behind);
            return next_page(h, s, error);
        }
    }
    return 0;
}
