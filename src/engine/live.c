#include "engine/live.h"

#include "base/json.h"
#include "engine/fence_inside.h"
#include "engine/intern.h"
#include "engine/live_list.h"
#include "engine/query.h"
#include <stdlib.h>
#include <string.h>

struct raum_watch {
    struct raum *raum;
    struct raum_handle *handle; /* NULL: the handle went away; the watch is in no list any more */
    char *sql;
    char *params; /* a JSON list; NULL: none */
    raum_watch_fn *each;
    void *arg;
    sqlite3_stmt *stmt;     /* behind the handle's fence; NULL: not prepared yet */
    sqlite3_stmt *lent;     /* SELECT ?1 AS "name"…: one row, as lent to the callback */
    struct raum_query row;  /* wraps `lent` */
    uint64_t tables;
    uint64_t seed;          /* of the hashes */
    struct live_list list;  /* what was delivered */
    int key;                /* column named id, or -1: rows are told apart by position */
    bool due, pending;      /* to be run; in this poll */
    bool fresh;             /* the next batch starts with RESET */
    bool told_not_ready;
    bool busy, dead;        /* delivering; freed meanwhile */
    uint64_t switches;      /* grows with each switch: what was begun before it is dropped (G-T8) */
    char space[RAUM_ID_MAX];
    struct raum_watch *next;
};

/* ---- telling ---- */

/* False when the batch must go no further: the watch is gone, or its space was switched by the
 * callback. */
static bool tell(struct raum_watch *w, struct raum_watch_event event)
{
    uint64_t switches = w->switches;
    event.space = w->space[0] ? w->space : NULL;
    w->each(w->arg, &event);
#ifdef RAUM_FENCE_PLANTS
    if (fence_plant == FENCE_PLANT_LIVE && !w->dead && w->handle)
        return true;
#endif
    return !w->dead && w->handle && w->switches == switches;
}

static const char *key_of(const struct raum_watch *w, const struct live_list *list, uint32_t at,
                          char text[16])
{
    if (w->key >= 0)
        return live_key(list, at);
    sqlite3_snprintf(16, text, "%u", (unsigned)at);
    return text;
}

static void lend(struct raum_watch *w, const struct live_list *list, uint32_t at)
{
    sqlite3_reset(w->lent);
    live_bind(list, at, w->lent);
    sqlite3_step(w->lent);
}

struct telling {
    struct raum_watch *w;
    const struct live_list *old, *new;
};

static bool tell_change(void *arg, const struct live_change *change)
{
    struct telling *t = arg;
    struct raum_watch *w = t->w;
    char text[16];
    struct raum_watch_event event = {.from = change->from, .to = change->to};
    event.key = change->kind == LIVE_DELETE ? key_of(w, t->old, change->row, text)
                                            : key_of(w, t->new, change->row, text);
    switch (change->kind) {
    case LIVE_INSERT:
        event.kind = RAUM_WATCH_INSERT;
        break;
    case LIVE_UPDATE:
        event.kind = RAUM_WATCH_UPDATE;
        break;
    case LIVE_MOVE:
        event.kind = RAUM_WATCH_MOVE;
        break;
    case LIVE_DELETE:
        event.kind = RAUM_WATCH_DELETE;
        break;
    }
    if (change->kind == LIVE_INSERT || change->kind == LIVE_UPDATE) {
        lend(w, t->new, change->row);
        event.row = &w->row;
    }
    return tell(w, event);
}

/* A batch that is cut off has no END: who applies batches at END never applies half of one. */
static void tell_batch(struct raum_watch *w, const struct live_list *old,
                       const struct live_list *new, struct live_diff *diff)
{
    struct telling t = {.w = w, .old = old, .new = new};
    if (!tell(w, (struct raum_watch_event){.kind = RAUM_WATCH_BEGIN}))
        return;
    if (w->fresh) {
        w->fresh = false;
        if (!tell(w, (struct raum_watch_event){.kind = RAUM_WATCH_RESET}))
            return;
    }
    if (live_diff_walk(diff, tell_change, &t))
        tell(w, (struct raum_watch_event){.kind = RAUM_WATCH_END});
}

/* ---- running ---- */

static void quoted(struct buf *out, const char *name)
{
    buf_char(out, '"');
    for (; *name; name++) {
        if (*name == '"')
            buf_char(out, '"');
        buf_char(out, *name);
    }
    buf_char(out, '"');
}

/* The statement that holds one row for the callback, so that raum_query_* work on it, whatever the
 * callback does meanwhile to the tables, the watched statement and the space. */
static int prepare_lent(struct raum_watch *w, struct raum_error *error)
{
    struct buf sql;
    int count = sqlite3_column_count(w->stmt), keys = 0;
    buf_init(&sql, 1 << 20);
    w->key = -1;
    for (int i = 0; i < count; i++) {
        const char *name = sqlite3_column_name(w->stmt, i);
        buf_printf(&sql, "%s?%d AS ", i ? ", " : "SELECT ", i + 1);
        quoted(&sql, name ? name : "");
        if (name && strcmp(name, "id") == 0) {
            w->key = i;
            keys++;
        }
    }
    if (keys != 1)
        w->key = -1;
    int result = buf_error(&sql, error);
    if (result == 0)
        result = fence_prepare(w->handle->fence, buf_text(&sql), sql.len, &w->lent, error);
    buf_release(&sql);
    w->row = (struct raum_query){.handle = w->handle, .fenced = w->lent};
    return result;
}

static int bind_one(sqlite3_stmt *stmt, int at, struct json_value v, struct arena *a)
{
    int64_t whole;
    double real;
    const char *text;
    size_t len;
    if (json_is(v, JSON_NULL))
        return sqlite3_bind_null(stmt, at);
    if (json_int(v, &whole))
        return sqlite3_bind_int64(stmt, at, whole);
    if (json_double(v, &real))
        return sqlite3_bind_double(stmt, at, real);
    if (json_text(v, a, &text, &len))
        return sqlite3_bind_text64(stmt, at, text, len, SQLITE_TRANSIENT, SQLITE_UTF8);
    return SQLITE_MISUSE;
}

/* They stay bound for all runs. */
static int bind_params(struct raum_watch *w, struct raum_error *error)
{
    struct json_doc doc;
    struct arena a;
    int at = 0, rc = SQLITE_OK;
    if (!w->params)
        return 0;
    json_init(&doc);
    arena_init(&a, LIVE_PARAMS_MAX * 2);
    int result = json_parse(&doc, w->params, strlen(w->params), 0, error);
    struct json_value list = result == 0 ? json_root(&doc) : (struct json_value){0};
    for (struct json_value v = json_first(list); v.doc && rc == SQLITE_OK; v = json_next(list, v))
        rc = bind_one(w->stmt, ++at, v, &a);
    if (rc != SQLITE_OK)
        result = err_at(error, "live", RAUM_EUSAGE, "parameter %d does not fit the statement", at);
    arena_release(&a);
    json_release(&doc);
    return result;
}

static int prepare(struct raum_watch *w, struct raum_error *error)
{
    int result = 0;
    if (w->stmt)
        return 0;
    if (!w->handle->fence)
        result = fence_open(w->handle, &w->handle->fence, error);
    if (result == 0)
        result = fence_prepare(w->handle->fence, w->sql, strlen(w->sql), &w->stmt, error);
    if (result < 0)
        return result;
    w->tables = fence_tables(w->handle->fence, w->stmt);
    result = bind_params(w, error);
    if (result == 0)
        result = prepare_lent(w, error);
    if (result < 0) {
        sqlite3_finalize(w->stmt);
        w->stmt = NULL;
    }
    return result;
}

static int read_rows(struct raum_watch *w, const struct live_list *old, struct live_list *list,
                     struct raum_error *error)
{
    struct live_index index;
    struct fence *f = w->handle->fence;
    int result = live_index_init(&index, old, error);
    if (result < 0)
        return result;
    while ((result = fence_step(f, w->stmt, error)) == 0) {
        result = live_add(list, &index, w->stmt, w->key, w->seed, error);
        if (result < 0)
            break;
    }
    fence_reset(f, w->stmt);
    w->tables |= fence_tables(f, w->stmt);
    live_index_release(&index);
    return result == RAUM_END ? 0 : result;
}

static void release(struct raum_watch *w)
{
    live_list_release(&w->list);
    free(w->sql);
    free(w->params);
    free(w);
}

/* The callbacks run here. Afterwards the watch may be dead, its handle gone, its space another one:
 * then there is nothing to remember. Else the new list takes the place of the old one. */
static void deliver(struct raum_watch *w, const struct live_list *old, struct live_list *list,
                    struct live_diff *diff)
{
    uint64_t switches = w->switches;
    tell_batch(w, old, list, diff);
    if (!w->handle)
        return;
    sqlite3_reset(w->lent);
    sqlite3_clear_bindings(w->lent);
    if (w->switches != switches)
        return;
    w->list = *list;
    buf_release(&w->list.cells);
    live_list_init(list);
}

static int rerun(struct raum_watch *w, struct raum_error *error)
{
    struct live_list list, old = w->list;
    struct live_diff diff = {0};
    live_list_init(&w->list);
    live_list_init(&list);
    int result = read_rows(w, &old, &list, error);
    if (result == 0)
        result = live_diff_init(&diff, &old, &list, error);
    if (result == 0 && (diff.any || w->fresh)) {
        deliver(w, &old, &list, &diff);
    } else { /* nothing was told: what was delivered before stands */
        w->list = old;
        live_list_init(&old);
    }
    live_diff_release(&diff);
    live_list_release(&list);
    live_list_release(&old);
    return result;
}

static int run(struct raum_watch *w, struct raum_error *error)
{
    const struct raum_handle *h = w->handle;
    const struct space *s = intern_space(w->raum, h->space);
    const char *space = s && h->mode != HANDLE_ACROSS ? s->id : "";
    sqlite3_snprintf((int)sizeof w->space, w->space, "%s", space);
    if (h->mode != HANDLE_SCOPE || h->space) {
        int result = prepare(w, error);
        return result < 0 ? result : rerun(w, error);
    }
    if (!w->told_not_ready) {
        w->told_not_ready = true;
        w->space[0] = '\0';
        tell(w, (struct raum_watch_event){.kind = RAUM_WATCH_NOT_READY});
    }
    return 0;
}

/* ---- public ---- */

static void unlink_watch(struct raum_watch *w)
{
    struct raum_watch **at = &w->raum->watches;
    while (*at && *at != w)
        at = &(*at)->next;
    if (*at)
        *at = w->next;
}

static void detach(struct raum_watch *w)
{
    unlink_watch(w);
    sqlite3_finalize(w->stmt);
    sqlite3_finalize(w->lent);
    w->stmt = w->lent = w->row.fenced = NULL;
    w->handle = NULL;
}

int live_watch(struct raum_handle *handle, const char *sql, const char *params,
               raum_watch_fn *each, void *arg, struct raum_watch **out, struct raum_error *error)
{
    struct raum *r = handle->raum;
    int count = 0, result = 0;
    for (const struct raum_watch *w = r->watches; w; w = w->next)
        count++;
    if (params && strlen(params) > LIVE_PARAMS_MAX)
        return err_at(error, "live", RAUM_ETOO_LARGE, "the parameters are too large");
    if (count >= LIVE_WATCHES_MAX)
        return err_at(error, "live", RAUM_ELIMIT, "at most %d live queries", LIVE_WATCHES_MAX);
    struct raum_watch *w = calloc(1, sizeof *w);
    if (!w)
        return err_set(error, RAUM_ENOMEM, NULL);
    live_list_init(&w->list);
    w->sql = strdup(sql);
    w->params = params ? strdup(params) : NULL;
    if (!w->sql || (params && !w->params)) {
        release(w);
        return err_set(error, RAUM_ENOMEM, NULL);
    }
    w->raum = r;
    w->handle = handle;
    w->each = each;
    w->arg = arg;
    w->key = -1;
    w->due = w->fresh = true;
    r->env->random(r->env->ctx, &w->seed, sizeof w->seed);
    if (handle->mode != HANDLE_SCOPE || handle->space)
        result = prepare(w, error); /* else at the first run: what may be named is not known yet */
    if (result < 0) {
        release(w);
        return result;
    }
    w->next = r->watches;
    r->watches = w;
    *out = w;
    return 0;
}

int raum_watch_new(struct raum_handle *handle, const char *sql, raum_watch_fn *each, void *arg,
                   struct raum_watch **out, struct raum_error *error)
{
    return live_watch(handle, sql, NULL, each, arg, out, error);
}

void raum_watch_free(struct raum_watch *watch)
{
    if (!watch || watch->dead)
        return;
    if (watch->handle)
        detach(watch);
    watch->dead = true;
    if (!watch->busy)
        release(watch);
}

/* What the watches have to look at since the last poll: a bit per table, all of them after another
 * process's commit. Names of spaces and roles are no table, but change what is visible. */
static int changed_tables(struct raum *r, uint64_t *tables, struct raum_error *error)
{
    int result = db_step(&r->version_stmt, error);
    int64_t version = result == 0 ? db_int(&r->version_stmt, 0) : 0;
    db_reset(&r->version_stmt);
    if (result < 0)
        return result;
    if (version != r->data_version) {
        result = replica_look(r, error);
        if (result < 0)
            return result;
        r->dirty_tables = UINT64_MAX;
        r->data_version = version;
    }
    *tables = r->dirty_tables;
    r->dirty_tables = 0;
    return 0;
}

/* The next watch to be run in this poll; from the start each time, because callbacks make, free and
 * poll watches. */
static struct raum_watch *next_pending(struct raum *raum)
{
    struct raum_watch *w = raum->watches;
    while (w && (!w->pending || w->busy || !w->handle))
        w = w->next;
    return w;
}

int raum_poll(struct raum *raum, struct raum_error *error)
{
    uint64_t tables;
    int first = 0;
    struct raum_watch *dead = NULL, *next;
    if (raum->depth > 0 || !raum->watches)
        return 0; /* what is not committed is not delivered */
    int result = changed_tables(raum, &tables, error);
    if (result < 0)
        return result;
    for (struct raum_watch *w = raum->watches; w; w = w->next) {
        w->due |= (w->tables & tables) != 0;
        w->pending = w->due;
    }
    for (struct raum_watch *w; (w = next_pending(raum));) {
        w->pending = w->due = false;
        w->busy = true;
        result = run(w, first == 0 ? error : NULL);
        w->busy = false;
        /* What may be over in a moment is tried again, all else when something has changed. */
        w->due |= result == RAUM_EBUSY || result == RAUM_ENOMEM || result == RAUM_EIO;
        if (first == 0)
            first = result;
        if (w->dead) {
            w->next = dead;
            dead = w;
        }
    }
    for (; dead; dead = next) {
        next = dead->next;
        release(dead);
    }
    return first;
}

/* ---- from scope ---- */

void live_switched(struct raum_handle *h)
{
    for (struct raum_watch *w = h->raum->watches; w; w = w->next) {
        if (w->handle != h)
            continue;
        w->switches++;
        w->due = w->fresh = true;
        w->told_not_ready = false;
        live_list_release(&w->list);
        if (w->lent) {
            sqlite3_reset(w->lent); /* the row in the callback's hands is of the old space */
            sqlite3_clear_bindings(w->lent);
        }
    }
}

void live_handle_gone(struct raum_handle *h)
{
    for (struct raum_watch *w = h->raum->watches, *next; w; w = next) {
        next = w->next;
        if (w->handle == h)
            detach(w);
    }
}
