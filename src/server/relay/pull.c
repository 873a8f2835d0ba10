/* A pull: what lies behind a cursor, oldest first, partition by partition; a fresh device gets the
 * records of now, whole (G-S8). Only the partitions of
 * the caller are looked at, each by its own index: the cost does not know how many others there
 * are. */
#include "base/plant.h"
#include "server/relay/inside.h"

#include <string.h>

struct pulling {
    struct relay *relay;
    const struct relay_caller *who;
    struct arena *a;
    struct relay_page *out;
    int64_t tables[RELAY_APP_TABLES]; /* of an older client; else unused */
    size_t bytes;
    bool full;
};

static int64_t seen_of(const struct relay_cursor *cursor, int64_t ref)
{
    for (uint32_t i = 0; i < cursor->count; i++)
        if (cursor->parts[i].ref == ref)
            return cursor->parts[i].seq;
    return 0; /* a space joined since: its whole history (G-S3) */
}

static void add_row(struct pulling *p, const struct relay_row *row)
{
    struct relay_page *out = p->out;
    const struct wire_change *c = &row->change;
    enum relay_view view = relay_view(row, p->who->account);
    if (view == RELAY_WITHDRAWN)
        out->retracts[out->retract_count++] =
            (struct relay_retract){c->app, c->table, c->id, c->space};
    if (view != RELAY_SHOWN)
        return;
    p->bytes += row->bytes;
    out->answer.changes[out->answer.change_count++] = *c;
}

/* Moves part->seq from what was seen to what is now sent. */
static int pull_part(struct pulling *p, struct relay_part *part, int64_t seen,
                     struct raum_error *error)
{
    struct relay_range range;
    int64_t end = part->seq;
    uint32_t used = p->out->answer.change_count + p->out->retract_count;
    part->seq = seen;
    if (seen >= end)
        return 0;
    if (used >= RELAY_PAGE_MAX || p->bytes >= RELAY_PAGE_BYTES) {
        p->full = true;
        return 0;
    }
    int result = relay_range(p->relay, part, end, RELAY_PAGE_MAX - used,
                             RELAY_PAGE_BYTES - p->bytes, p->who->app ? p->tables : NULL, p->a,
                             &range, error);
    if (result < 0)
        return result;
    for (uint32_t i = 0; i < range.count; i++)
        add_row(p, &range.rows[i]);
    part->seq = PLANT(RELAY_PAGE) ? end : range.end;
    p->full = p->full || part->seq < end;
    return 0;
}

static int prepare(struct pulling *p, struct raum_error *error)
{
    struct wire_answer *answer = &p->out->answer;
    *p->out = (struct relay_page){0};
    answer->changes = arena_zero(p->a, RELAY_PAGE_MAX * sizeof *answer->changes);
    p->out->retracts = arena_zero(p->a, RELAY_PAGE_MAX * sizeof *p->out->retracts);
    if (!answer->changes || !p->out->retracts)
        return err_set(error, RAUM_ENOMEM, NULL);
    return p->who->app ? relay_older_tables(p->relay, p->who, p->tables, error) : 0;
}

/* A cursor over everything stands for its part as well, that of an app for its tables. */
static void read_cursor(const struct pulling *p, const char *since, const char *epoch,
                        struct relay_cursor *out)
{
    char tag[17];
    const struct relay_caller *who = p->who;
    relay_cursor_read(since, epoch, p->a, out);
    if (out->count == 0 && who->app) {
        relay_older_tag(p->relay, epoch, who->app, NULL, tag);
        relay_cursor_read(since, tag, p->a, out);
    }
    if (out->count == 0 && who->app && who->table) {
        relay_older_tag(p->relay, epoch, who->app, who->table, tag);
        relay_cursor_read(since, tag, p->a, out);
    }
}

/* Of the caller's partitions only: one that was left and joined again begins anew (G-S3). */
static int next_cursor(struct pulling *p, const struct relay_part *parts, uint32_t count,
                       const char *epoch, struct raum_error *error)
{
    struct relay_cursor after = {arena_zero(p->a, (count + 1) * sizeof *parts), 0};
    if (!after.parts)
        return err_set(error, RAUM_ENOMEM, NULL);
    for (uint32_t i = 0; i < count; i++)
        if (parts[i].ref)
            after.parts[after.count++] = parts[i];
    char tag[17];
    if (p->who->app)
        relay_older_tag(p->relay, epoch, p->who->app, p->who->table, tag);
    int result = relay_cursor_write(&after, p->who->app ? tag : epoch, p->a, &p->out->answer.until);
    return result ? err_set(error, result, NULL) : 0;
}

/* Where the caller stands: behind its own push, if nothing of others lies before that. */
static int64_t stands_at(const struct relay_part *part, int64_t seen,
                         const struct relay_written *own, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (!own[i].changed && own[i].from == seen && strcmp(own[i].partition, part->id) == 0)
            return own[i].to;
    return seen;
}

int relay_pull(struct relay *r, const struct relay_caller *who, const char *since,
               const char *space, struct arena *a, struct relay_page *out, struct raum_error *error)
{
    return relay_pull_behind(r, who, since, space, NULL, 0, a, out, error);
}

int relay_pull_behind(struct relay *r, const struct relay_caller *who, const char *since,
                      const char *space, const struct relay_written *own, uint32_t own_count,
                      struct arena *a, struct relay_page *out, struct raum_error *error)
{
    struct pulling p = {.relay = r, .who = who, .a = a, .out = out};
    struct relay_cursor cursor;
    struct relay_part *parts = NULL;
    uint32_t count = 0;
    char epoch[17];
    bool found = !space;
    relay_trim(r);
    int result = prepare(&p, error);
    if (result == 0)
        result = relay_epoch(r->sql, r->env, epoch, error);
    if (result == 0)
        result = relay_parts(r, who, a, &parts, &count, error);
    if (result < 0)
        return result;
    read_cursor(&p, since, epoch, &cursor);
    for (uint32_t i = 0; i < count && result == 0; i++) {
        int64_t seen =
            stands_at(&parts[i], seen_of(&cursor, parts[i].ref), own, own_count);
        if (space && strcmp(parts[i].id, space) != 0) {
            parts[i].seq = seen;
            continue;
        }
        found = true;
        int64_t end = parts[i].seq;
        result = pull_part(&p, &parts[i], seen, error);
        out->behind += end - parts[i].seq;
    }
    if (result == 0 && !found) /* not one's own looks like not there */
        return err_at(error, "relay", RAUM_ENOT_FOUND, NULL);
    if (result == 0)
        result = next_cursor(&p, parts, count, epoch, error);
    out->answer.more = p.full;
    out->answer.epoch = arena_str(a, epoch);
    return result;
}
