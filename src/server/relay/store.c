#include "server/relay/store.h"

#define LOAD_MAX 100 /* records of one statement: at their largest they fit into one result */

static int take_row(struct sql_rows *rows, struct relay_record *r, struct arena *a,
                    struct raum_error *error)
{
    const void *body = sql_bytes(rows, "body", &r->len);
    r->exists = true;
    r->seq = sql_int(rows, "seq");
    r->shared = sql_int(rows, "shared");
    r->is_private = sql_int(rows, "private") != 0;
    r->author = sql_int(rows, "author");
    r->stored = r->len;
    r->body = arena_copy(a, body, r->len);
    return r->body ? 0 : err_set(error, RAUM_ENOMEM, NULL);
}

/* ---- SQLite: a statement a record */

static int load_one(struct sql *c, int64_t part, struct relay_record *r, struct arena *a,
                    struct raum_error *error)
{
    struct sql_rows *rows;
    int result = sql_one(c, &rows, error,
                         "SELECT seq, shared, private, author, body FROM records WHERE part = ?1 "
                         "AND tbl = ?2 AND id = ?3",
                         "iis", part, r->tbl, r->id);
    if (result == 0)
        result = take_row(rows, r, a, error);
    sql_rows_free(rows);
    return result == RAUM_END ? 0 : result;
}

static int load_each(struct sql *c, int64_t part, struct relay_record *const *list, uint32_t count,
                     struct arena *a, struct raum_error *error)
{
    int result = 0;
    for (uint32_t i = 0; i < count && result == 0; i++)
        result = load_one(c, part, list[i], a, error);
    return result;
}

static int put_each(struct sql *c, int64_t part, struct relay_record *const *list, uint32_t count,
                    struct raum_error *error)
{
    int result = 0;
    for (uint32_t i = 0; i < count && result == 0; i++) {
        const struct relay_record *r = list[i];
        if (!r->changed)
            continue;
        static const char insert[] =
            "INSERT INTO records (seq, shared, private, author, body, part, tbl, id) VALUES (?1, "
            "?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        static const char update[] =
            "UPDATE records SET seq = ?1, shared = ?2, private = ?3, author "
            "= ?4, body = ?5 WHERE part = ?6 AND tbl = ?7 AND id = ?8";
        result = sql_run(c, error, r->stored ? update : insert, "iiiibiis", r->seq, r->shared,
                         (int64_t)r->is_private, r->author, r->body, r->len, part, r->tbl, r->id);
    }
    return result;
}

static int history_each(struct sql *c, int64_t part, const struct relay_history *list,
                        uint32_t count, int64_t now_ms, struct raum_error *error)
{
    int result = 0;
    for (uint32_t i = 0; i < count && result == 0; i++)
        result = sql_run(c, error,
                         "INSERT INTO history (part, seq, tbl, id, created, body) VALUES (?1, ?2, "
                         "?3, ?4, ?5, ?6)",
                         "iiisib", part, list[i].seq, list[i].tbl, list[i].id, now_ms, list[i].body,
                         list[i].len);
    return result;
}

/* ---- PostgreSQL: a statement a list */

static int load_list(struct sql *c, int64_t part, struct relay_record *const *list, uint32_t count,
                     struct arena *a, struct raum_error *error)
{
    struct sql_rows *rows;
    int64_t *tbls = arena_alloc(a, count * sizeof *tbls);
    const char **ids = arena_alloc(a, count * sizeof *ids);
    if (!tbls || !ids)
        return err_set(error, RAUM_ENOMEM, NULL);
    for (uint32_t i = 0; i < count; i++) {
        tbls[i] = list[i]->tbl;
        ids[i] = list[i]->id;
    }
    int result = sql_many(c, &rows, error,
                          "SELECT k.n AS n, seq, shared, private, author, body FROM "
                          "unnest(?2, ?3) WITH ORDINALITY AS k (tbl, id, n) JOIN records r ON "
                          "r.tbl = k.tbl AND r.id = k.id WHERE part = ?1",
                          "iIT", part, tbls, (size_t)count, ids, (size_t)count);
    while (result == 0 && (result = sql_next(rows, error)) == 0)
        result = take_row(rows, list[sql_int(rows, "n") - 1], a, error);
    sql_rows_free(rows);
    return result == RAUM_END ? 0 : result;
}

static int load_lists(struct sql *c, int64_t part, struct relay_record *const *list, uint32_t count,
                      struct arena *a, struct raum_error *error)
{
    int result = 0;
    for (uint32_t at = 0; at < count && result == 0; at += LOAD_MAX) {
        uint32_t some = count - at < LOAD_MAX ? count - at : LOAD_MAX;
        result = load_list(c, part, list + at, some, a, error);
    }
    return result;
}

struct columns {
    int64_t *tbl, *seq, *shared, *is_private, *author;
    const char **id;
    struct sql_span *body;
};

static bool columns_for(struct columns *k, uint32_t count, struct arena *a)
{
    size_t numbers = count * sizeof *k->tbl;
    k->tbl = arena_alloc(a, numbers);
    k->seq = arena_alloc(a, numbers);
    k->shared = arena_alloc(a, numbers);
    k->is_private = arena_alloc(a, numbers);
    k->author = arena_alloc(a, numbers);
    k->id = arena_alloc(a, count * sizeof *k->id);
    k->body = arena_alloc(a, count * sizeof *k->body);
    return k->tbl && k->seq && k->shared && k->is_private && k->author && k->id && k->body;
}

/* The changed ones among those that are stored already, or that are not. */
static size_t gather(struct columns *k, struct relay_record *const *list, uint32_t count,
                     bool stored)
{
    size_t n = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct relay_record *r = list[i];
        if (!r->changed || (r->stored > 0) != stored)
            continue;
        k->tbl[n] = r->tbl;
        k->id[n] = r->id;
        k->seq[n] = r->seq;
        k->shared[n] = r->shared;
        k->is_private[n] = r->is_private;
        k->author[n] = r->author;
        k->body[n++] = (struct sql_span){r->body, r->len};
    }
    return n;
}

/* Under the partition's lock what was loaded is what is stored: no row has to be tried first. */
static int put_list(struct sql *c, int64_t part, struct relay_record *const *list, uint32_t count,
                    struct arena *a, struct raum_error *error)
{
    struct columns k;
    int result = 0;
    if (!columns_for(&k, count, a))
        return err_set(error, RAUM_ENOMEM, NULL);
    size_t n = gather(&k, list, count, true);
    if (n > 0)
        result = sql_later(c, error,
                           "UPDATE records r SET seq = k.seq, shared = k.shared, private = "
                           "k.private, author = k.author, body = k.body FROM unnest(?2, ?3, ?4, "
                           "?5, ?6, ?7, ?8) AS k (tbl, id, seq, shared, private, author, body) "
                           "WHERE r.part = ?1 AND r.tbl = k.tbl AND r.id = k.id",
                           "iITIIIIB", part, k.tbl, n, k.id, n, k.seq, n, k.shared, n, k.is_private,
                           n, k.author, n, k.body, n);
    n = result == 0 ? gather(&k, list, count, false) : 0;
    if (n > 0)
        result =
            sql_later(c, error,
                      "INSERT INTO records (part, tbl, id, seq, shared, private, author, body) "
                      "SELECT ?1, k.* FROM unnest(?2, ?3, ?4, ?5, ?6, ?7, ?8) AS k",
                      "iITIIIIB", part, k.tbl, n, k.id, n, k.seq, n, k.shared, n, k.is_private, n,
                      k.author, n, k.body, n);
    return result;
}

static int history_list(struct sql *c, int64_t part, const struct relay_history *list,
                        uint32_t count, int64_t now_ms, struct arena *a, struct raum_error *error)
{
    struct columns k;
    if (count == 0)
        return 0;
    if (!columns_for(&k, count, a))
        return err_set(error, RAUM_ENOMEM, NULL);
    for (uint32_t i = 0; i < count; i++) {
        k.seq[i] = list[i].seq;
        k.tbl[i] = list[i].tbl;
        k.id[i] = list[i].id;
        k.body[i] = (struct sql_span){list[i].body, list[i].len};
    }
    size_t n = count;
    return sql_run(
        c, error,
        "INSERT INTO history (part, created, seq, tbl, id, body) SELECT ?1, ?2, k.* FROM "
        "unnest(?3, ?4, ?5, ?6) AS k",
        "iiIITB", part, now_ms, k.seq, n, k.tbl, n, k.id, n, k.body, n);
}

/* ---- both */

int relay_store_load(struct sql *c, int64_t part, struct relay_record *const *list, uint32_t count,
                     struct arena *a, struct raum_error *error)
{
    return sql_is_postgres(c) ? load_lists(c, part, list, count, a, error)
                              : load_each(c, part, list, count, a, error);
}

int relay_store_put(struct sql *c, int64_t part, struct relay_record *const *list, uint32_t count,
                    struct arena *a, struct raum_error *error)
{
    int result = sql_is_postgres(c) ? put_list(c, part, list, count, a, error)
                                    : put_each(c, part, list, count, error);
    for (uint32_t i = 0; i < count && result == 0; i++)
        if (list[i]->changed) {
            list[i]->stored = list[i]->len;
            list[i]->changed = false;
        }
    return result;
}

int relay_store_history(struct sql *c, int64_t part, const struct relay_history *list,
                        uint32_t count, int64_t now_ms, struct arena *a, struct raum_error *error)
{
    return sql_is_postgres(c) ? history_list(c, part, list, count, now_ms, a, error)
                              : history_each(c, part, list, count, now_ms, error);
}
