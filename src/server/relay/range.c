/* The records of a stretch of a partition, and what an account gets to see of each (G-T9): for
 * pulls and for streams. */
#include "base/plant.h"
#include "server/relay/inside.h"
#include "server/relay/store.h"

#include <string.h>

static int read_row(struct relay *r, const struct relay_part *part, struct sql_rows *rows,
                    struct arena *a, struct relay_row *out, struct raum_error *error)
{
    struct merge_record record = {0};
    const char *table, *author;
    size_t len;
    const void *data = sql_bytes(rows, "body", &len);
    char *kept = arena_copy(a, data, len), *id = sql_copy(rows, "id", a);
    if (!kept || !id)
        return err_set(error, RAUM_ENOMEM, NULL);
    int result = relay_name(r, sql_int(rows, "tbl"), &table, error);
    if (result == 0)
        result = relay_name(r, sql_int(rows, "author"), &author, error);
    if (result == 0)
        result = relay_body_read(r, kept, len, a, &record, error);
    if (result < 0)
        return result;
    const struct schema_table *t = schema_table(table);
    *out = (struct relay_row){.change = {.app = t ? t->app : NULL,
                                         .table = table,
                                         .id = id,
                                         .space = part->id,
                                         .op = WIRE_UPDATE,
                                         .fields = record.fields,
                                         .count = record.count},
                              .author = author,
                              .bytes = len * 2 + 200,
                              .is_private = sql_int(rows, "private") != 0,
                              .was_shared = sql_int(rows, "shared") > 0};
    return 0;
}

static int behind(struct relay *r, const struct relay_part *part, int64_t to, uint32_t max,
                  const int64_t *t, struct sql_rows **rows, struct raum_error *error)
{
    if (!t)
        return sql_many(r->sql, rows, error,
                        "SELECT tbl, id, seq, shared, private, author, body FROM records WHERE "
                        "part = ?1 AND seq > ?2 AND seq <= ?3 ORDER BY seq LIMIT ?4",
                        "iiii", part->ref, part->seq, to, (int64_t)max);
    return sql_many(r->sql, rows, error,
                    "SELECT tbl, id, seq, shared, private, author, body FROM records WHERE part = "
                    "?1 AND seq > ?2 AND seq <= ?3 AND tbl IN (?5, ?6, ?7, ?8) ORDER BY seq "
                    "LIMIT ?4",
                    "iiiiiiii", part->ref, part->seq, to, (int64_t)max, t[0], t[1], t[2], t[3]);
}

int relay_range(struct relay *r, const struct relay_part *part, int64_t to, uint32_t max,
                size_t bytes, const int64_t *tables, struct arena *a, struct relay_range *out,
                struct raum_error *error)
{
    struct sql_rows *rows;
    size_t used = 0;
    *out = (struct relay_range){.rows = arena_zero(a, ((size_t)max + 1) * sizeof *out->rows),
                                .end = part->seq};
    if (!out->rows)
        return err_set(error, RAUM_ENOMEM, NULL);
    int result = sql_scope(r->sql, "partition", part->id, error);
    if (result == 0)
        result = behind(r, part, to, max, tables, &rows, error);
    if (result < 0)
        return result;
    while (result == 0 && (result = sql_next(rows, error)) == 0) {
        result = read_row(r, part, rows, a, &out->rows[out->count], error);
        if (result < 0 || (out->count > 0 && used + out->rows[out->count].bytes > bytes))
            break;
        used += out->rows[out->count++].bytes;
        out->end = sql_int(rows, "seq");
    }
    sql_rows_free(rows);
    if (result == RAUM_END && out->count < max)
        out->end = to; /* records that moved on since lie behind `to` or came */
    return result == RAUM_END ? 0 : result;
}

enum relay_view relay_view(const struct relay_row *row, const char *account)
{
    bool own = row->author && strcmp(row->author, account) == 0;
    if (!row->is_private || own || PLANT(RELAY_PRIVATE))
        return RELAY_SHOWN;
    return row->was_shared && !PLANT(RELAY_RETRACT) ? RELAY_WITHDRAWN : RELAY_HIDDEN;
}

int relay_record(struct relay *r, const char *space, const char *table, const char *id,
                 struct arena *a, struct merge_record *out, struct raum_error *error)
{
    struct relay_part part = {.id = space};
    struct relay_record record = {.id = id}, *one = &record;
    int result = relay_ref_find(r, table, &record.tbl, error);
    if (result == 0)
        result = relay_part_read(r, &part, error);
    if (result == 0)
        result = sql_scope(r->sql, "partition", space, error);
    if (result == 0 && part.ref && record.tbl)
        result = relay_store_load(r->sql, part.ref, &one, 1, a, error);
    if (result < 0)
        return result;
    return record.exists ? relay_body_read(r, record.body, record.len, a, out, error) : RAUM_END;
}
