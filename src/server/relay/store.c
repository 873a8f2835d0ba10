#include "server/relay/store.h"

static int load_one(struct sql *c, int64_t part, struct relay_record *r, struct arena *a,
                    struct raum_error *error)
{
    struct sql_rows *rows;
    int result = sql_one(c, &rows, error,
                         "SELECT seq, shared, private, author, body FROM records WHERE part = ?1 "
                         "AND tbl = ?2 AND id = ?3",
                         "iis", part, r->tbl, r->id);
    if (result == 0) {
        const void *body = sql_bytes(rows, "body", &r->len);
        r->exists = true;
        r->seq = sql_int(rows, "seq");
        r->shared = sql_int(rows, "shared");
        r->is_private = sql_int(rows, "private") != 0;
        r->author = sql_int(rows, "author");
        r->stored = r->len;
        r->body = arena_copy(a, body, r->len);
        if (!r->body)
            result = err_set(error, RAUM_ENOMEM, NULL);
    }
    sql_rows_free(rows);
    return result == RAUM_END ? 0 : result;
}

int relay_store_load(struct sql *c, int64_t part, struct relay_record *const *list, uint32_t count,
                     struct arena *a, struct raum_error *error)
{
    int result = 0;
    for (uint32_t i = 0; i < count && result == 0; i++)
        result = load_one(c, part, list[i], a, error);
    return result;
}

int relay_store_put(struct sql *c, int64_t part, struct relay_record *const *list, uint32_t count,
                    struct raum_error *error)
{
    int result = 0;
    for (uint32_t i = 0; i < count && result == 0; i++) {
        struct relay_record *r = list[i];
        if (!r->changed)
            continue;
        result = sql_run(
            c, error,
            "INSERT INTO records (part, tbl, id, seq, shared, private, author, body) VALUES (?1, "
            "?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (part, tbl, id) DO UPDATE SET seq = ?4, "
            "shared = ?5, private = ?6, author = ?7, body = ?8",
            "iisiiiib", part, r->tbl, r->id, r->seq, r->shared, (int64_t)r->is_private, r->author,
            r->body, r->len);
        if (result == 0) {
            r->stored = r->len;
            r->changed = false;
        }
    }
    return result;
}

int relay_store_history(struct sql *c, int64_t part, const struct relay_history *list,
                        uint32_t count, int64_t now_ms, struct raum_error *error)
{
    int result = 0;
    for (uint32_t i = 0; i < count && result == 0; i++)
        result = sql_run(c, error,
                         "INSERT INTO history (part, seq, tbl, id, created, body) VALUES (?1, ?2, "
                         "?3, ?4, ?5, ?6)",
                         "iiisib", part, list[i].seq, list[i].tbl, list[i].id, now_ms,
                         list[i].body, list[i].len);
    return result;
}
