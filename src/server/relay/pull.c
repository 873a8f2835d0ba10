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
    int64_t account; /* number of the caller's name; 0: wrote nothing yet */
    size_t bytes;
    uint32_t cap, retract_cap;
    bool full;
};

static int64_t seen_of(const struct relay_cursor *cursor, int64_t ref)
{
    for (uint32_t i = 0; i < cursor->count; i++)
        if (cursor->parts[i].ref == ref)
            return cursor->parts[i].seq;
    return 0; /* a space joined since: its whole history (G-S3) */
}

static const char *app_of(const char *table)
{
    const struct schema_table *t = schema_table(table);
    return t ? t->app : NULL;
}

static int add_retract(struct pulling *p, const struct relay_part *part, const char *table,
                       struct sql_rows *rows)
{
    struct relay_page *out = p->out;
    if (out->retract_count == RELAY_PAGE_MAX)
        return RAUM_END;
    char *id = sql_copy(rows, "id", p->a);
    if (!id)
        return RAUM_ENOMEM;
    out->retracts[out->retract_count++] =
        (struct relay_retract){app_of(table), table, id, part->id};
    return 0;
}

static int add_change(struct pulling *p, const struct relay_part *part, const char *table,
                      struct sql_rows *rows, struct raum_error *error)
{
    struct merge_record record;
    size_t len;
    const void *data = sql_bytes(rows, "body", &len);
    char *kept = arena_copy(p->a, data, len), *id = sql_copy(rows, "id", p->a);
    if (!kept || !id)
        return err_set(error, RAUM_ENOMEM, NULL);
    int result = relay_body_read(p->relay, kept, len, p->a, &record, error);
    if (result < 0)
        return result;
    p->bytes += len * 2 + 200; /* as JSON, about */
    p->out->answer.changes[p->out->answer.change_count++] =
        (struct wire_change){.app = app_of(table),
                             .table = table,
                             .id = id,
                             .space = part->id,
                             .op = WIRE_UPDATE,
                             .fields = record.fields,
                             .count = record.count};
    return 0;
}

/* G-T9: another's private row is not sent; if it was shared once, it is taken back. */
static int add_row(struct pulling *p, const struct relay_part *part, struct sql_rows *rows,
                   struct raum_error *error)
{
    const char *table;
    int result = relay_name(p->relay, sql_int(rows, "tbl"), &table, error);
    if (result < 0)
        return result;
    if (sql_int(rows, "private") == 0 || sql_int(rows, "author") == p->account ||
        PLANT(RELAY_PRIVATE))
        return add_change(p, part, table, rows, error);
    return sql_int(rows, "shared") > 0 && !PLANT(RELAY_RETRACT) ? add_retract(p, part, table, rows)
                                                                : 0;
}

/* Moves part->seq from what was seen to what is now sent. */
static int pull_part(struct pulling *p, struct relay_part *part, int64_t seen,
                     struct raum_error *error)
{
    struct sql_rows *rows;
    int64_t end = part->seq, room = RELAY_PAGE_MAX - (int64_t)p->out->answer.change_count;
    part->seq = seen;
    if (seen >= end)
        return 0;
    if (room <= 0 || p->bytes >= RELAY_PAGE_BYTES) {
        p->full = true;
        return 0;
    }
    int result = sql_many(p->relay->sql, &rows, error,
                          "SELECT tbl, id, seq, shared, private, author, body FROM records WHERE "
                          "part = ?1 AND seq > ?2 AND seq <= ?3 ORDER BY seq LIMIT ?4",
                          "iiii", part->ref, seen, end, room);
    bool whole = true;
    int64_t count = 0;
    while (result == 0 && (result = sql_next(rows, error)) == 0) {
        if (p->bytes >= RELAY_PAGE_BYTES) {
            whole = false;
            break;
        }
        result = add_row(p, part, rows, error);
        part->seq = sql_int(rows, "seq");
        count++;
    }
    sql_rows_free(rows);
    if (result == RAUM_END)
        result = 0;
    whole &= count < room;
    if (whole) /* records that moved on since lie behind `end` or came */
        part->seq = end;
    else
        p->full = true;
    return result;
}

static int prepare(struct pulling *p, struct raum_error *error)
{
    struct wire_answer *answer = &p->out->answer;
    *p->out = (struct relay_page){0};
    answer->changes = arena_zero(p->a, RELAY_PAGE_MAX * sizeof *answer->changes);
    p->out->retracts = arena_zero(p->a, RELAY_PAGE_MAX * sizeof *p->out->retracts);
    if (!answer->changes || !p->out->retracts)
        return err_set(error, RAUM_ENOMEM, NULL);
    return relay_ref_find(p->relay, p->who->account, &p->account, error);
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
    int result = relay_cursor_write(&after, epoch, p->a, &p->out->answer.until);
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
    relay_cursor_read(since, epoch, a, &cursor);
    for (uint32_t i = 0; i < count && result == 0; i++) {
        int64_t seen =
            stands_at(&parts[i], seen_of(&cursor, parts[i].ref), own, own_count);
        if (space && strcmp(parts[i].id, space) != 0) {
            parts[i].seq = seen;
            continue;
        }
        found = true;
        result = pull_part(&p, &parts[i], seen, error);
    }
    if (result == 0 && !found) /* not one's own looks like not there */
        return err_at(error, "relay", RAUM_ENOT_FOUND, NULL);
    if (result == 0)
        result = next_cursor(&p, parts, count, epoch, error);
    out->answer.more = p.full;
    out->answer.epoch = arena_str(a, epoch);
    return result;
}
