#include "engine/query.h"

#include "engine/fence.h"
#include "engine/intern.h"
#include <stdlib.h>
#include <string.h>

static struct raum_query *link_new(struct raum_handle *h)
{
    struct raum_query *q = calloc(1, sizeof *q);
    if (!q)
        return NULL;
    q->handle = h;
    q->generation = h->generation;
    q->next = h->queries;
    if (q->next)
        q->next->at = &q->next;
    q->at = &h->queries;
    h->queries = q;
    return q;
}

/* ---- statements that are kept ---- */

struct query_kept {
    int count; /* the longest unused first */
    struct {
        char *text;
        struct db_stmt stmt;
    } list[QUERY_KEPT_MAX];
};

int query_keep(struct raum_handle *h, struct raum_error *error)
{
    if (!h->kept)
        h->kept = calloc(1, sizeof *h->kept);
    return h->kept ? 0 : err_set(error, RAUM_ENOMEM, NULL);
}

static void take_out(struct query_kept *k, int at)
{
    k->count--;
    memmove(&k->list[at], &k->list[at + 1], (size_t)(k->count - at) * sizeof k->list[0]);
}

static bool take_kept(struct raum_query *q, const char *sql)
{
    struct query_kept *k = q->handle->kept;
    for (int i = k ? k->count - 1 : -1; i >= 0; i--)
        if (strcmp(k->list[i].text, sql) == 0) {
            q->view = k->list[i].stmt;
            q->text = k->list[i].text;
            take_out(k, i);
            return true;
        }
    return false;
}

/* Without memory it is only not kept. */
static void put_kept(struct raum_query *q)
{
    struct query_kept *k = q->handle->kept;
    if (!k || !q->text || !q->view.stmt)
        return;
    db_reset(&q->view);
    if (k->count == QUERY_KEPT_MAX) {
        db_finish(&k->list[0].stmt);
        free(k->list[0].text);
        take_out(k, 0);
    }
    k->list[k->count].text = q->text;
    k->list[k->count++].stmt = q->view;
    q->text = NULL;
    q->view = (struct db_stmt){0};
}

void query_keep_none(struct raum_handle *h)
{
    struct query_kept *k = h->kept;
    for (int i = 0; k && i < k->count; i++) {
        db_finish(&k->list[i].stmt);
        free(k->list[i].text);
    }
    free(k);
    h->kept = NULL;
}

static int prepare(struct raum_query *q, const char *sql, struct raum_error *error)
{
    struct raum_handle *h = q->handle;
    if (h->kept && h->space && take_kept(q, sql)) /* what else is to be checked is, at its start */
        return 0;
    if (h->kept)
        q->text = strdup(sql);
    return scope_prepare(h, &q->view, sql, error);
}

int query_view(struct raum_handle *h, const char *sql, struct raum_query **out,
               struct raum_error *error)
{
    int result = replica_look(h->raum, error);
    if (result < 0)
        return result;
    struct raum_query *q = link_new(h);
    if (!q)
        return err_set(error, RAUM_ENOMEM, NULL);
    result = prepare(q, sql, error);
    if (result < 0) {
        raum_query_free(q);
        return result;
    }
    *out = q;
    return 0;
}

int raum_query_new(struct raum_handle *handle, const char *sql, struct raum_query **out,
                   struct raum_error *error)
{
    int result = replica_look(handle->raum, error);
    if (result == 0)
        result = scope_there(handle, error);
    if (result == 0 && !handle->fence)
        result = fence_open(handle, &handle->fence, error);
    if (result < 0)
        return result;
    struct raum_query *q = link_new(handle);
    if (!q)
        return err_set(error, RAUM_ENOMEM, NULL);
    result = fence_prepare(handle->fence, sql, strlen(sql), &q->fenced, error);
    if (result < 0) {
        raum_query_free(q);
        return result;
    }
    *out = q;
    return 0;
}

void raum_query_free(struct raum_query *query)
{
    if (!query)
        return;
    if (query->fenced) {
        fence_reset(query->handle->fence, query->fenced);
        sqlite3_finalize(query->fenced);
    }
    put_kept(query);
    db_finish(&query->view);
    free(query->text);
    *query->at = query->next;
    if (query->next)
        query->next->at = query->at;
    free(query);
}

static sqlite3_stmt *stmt_of(const struct raum_query *q)
{
    return q->fenced ? q->fenced : q->view.stmt;
}

int raum_query_bind_text(struct raum_query *query, int at, const char *text, size_t len)
{
    int rc = sqlite3_bind_text64(stmt_of(query), at, text, len, SQLITE_TRANSIENT, SQLITE_UTF8);
    return rc == SQLITE_OK ? 0 : RAUM_EUSAGE;
}

int raum_query_bind_int(struct raum_query *query, int at, int64_t value)
{
    return sqlite3_bind_int64(stmt_of(query), at, value) == SQLITE_OK ? 0 : RAUM_EUSAGE;
}

int raum_query_bind_real(struct raum_query *query, int at, double value)
{
    return sqlite3_bind_double(stmt_of(query), at, value) == SQLITE_OK ? 0 : RAUM_EUSAGE;
}

void query_reset(struct raum_query *q)
{
    if (q->fenced)
        fence_reset(q->handle->fence, q->fenced);
    else if (q->view.stmt)
        sqlite3_reset(q->view.stmt);
    q->running = q->ended = false;
    q->rows = 0;
    q->generation = q->handle->generation;
}

void query_interrupt(struct raum_handle *h)
{
    for (struct raum_query *q = h->queries; q; q = q->next)
        if (q->view.stmt)
            sqlite3_reset(q->view.stmt);
    if (h->fence)
        fence_interrupt(h->fence);
}

/* A query that began in one space does not go on in another (G-T8): it must be reset first. */
static int start(struct raum_query *q, struct raum_error *error)
{
    if (q->generation != q->handle->generation) {
        if (q->running || q->ended)
            return err_at(error, "query", RAUM_EINTERRUPTED,
                          "the space was switched while reading");
        q->generation = q->handle->generation;
    }
    if (q->ended)
        return RAUM_END;
    if (q->running)
        return 0;
    int result = replica_look(q->handle->raum, error);
    if (result == 0)
        result = scope_there(q->handle, error);
    if (result == 0)
        q->running = true;
    return result;
}

int raum_query_step(struct raum_query *query, struct raum_error *error)
{
    int result = start(query, error);
    if (result)
        return result;
    result = query->fenced ? fence_step(query->handle->fence, query->fenced, error)
                           : db_step(&query->view, error);
    if (result == 0) {
        query->rows++;
        return 0;
    }
    query->ended = true;
    if (query->fenced)
        fence_reset(query->handle->fence, query->fenced);
    else
        sqlite3_reset(query->view.stmt);
    return result;
}

int raum_query_columns(const struct raum_query *query)
{
    return sqlite3_column_count(stmt_of(query));
}

const char *raum_query_name(const struct raum_query *query, int at)
{
    return sqlite3_column_name(stmt_of(query), at);
}

enum raum_type raum_query_type(const struct raum_query *query, int at)
{
    switch (sqlite3_column_type(stmt_of(query), at)) {
    case SQLITE_INTEGER:
        return RAUM_INTEGER;
    case SQLITE_FLOAT:
        return RAUM_REAL;
    case SQLITE_TEXT:
        return RAUM_TEXT;
    case SQLITE_BLOB:
        return RAUM_BLOB;
    default:
        return RAUM_NULL;
    }
}

int64_t raum_query_int(const struct raum_query *query, int at)
{
    return sqlite3_column_int64(stmt_of(query), at);
}

double raum_query_real(const struct raum_query *query, int at)
{
    return sqlite3_column_double(stmt_of(query), at);
}

const char *raum_query_text(const struct raum_query *query, int at, size_t *len)
{
    sqlite3_stmt *s = stmt_of(query);
    bool blob = sqlite3_column_type(s, at) == SQLITE_BLOB;
    const void *data = blob ? sqlite3_column_blob(s, at) : (const void *)sqlite3_column_text(s, at);
    if (len)
        *len = data ? (size_t)sqlite3_column_bytes(s, at) : 0;
    return data;
}
