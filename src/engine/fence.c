#include "engine/fence_inside.h"

#include "base/utf8.h"
#include <stdlib.h>
#include <string.h>

#define SQL_MAX 100000

const struct fence_limits fence_defaults = {.deadline_ms = 5000,
                                            .heap_bytes = 64 << 20,
                                            .rows = 100000,
                                            .looks = 8000000,
                                            .length = 1000000};

/* ---- limits ---- */

/* Time counts inside of calls only: a reader may take its time between two rows. It is read at the
 * beats, every few microseconds of work; a call that is over before costs no look at the clock. A
 * clock that goes back takes the start with it. */
bool fence_exhausted(struct fence *f)
{
    if (f->stop != STOP_NONE)
        return true;
    const struct raum_env *env = f->handle->raum->env;
    int64_t now = env->now_ms(env->ctx);
    if (!f->timed || now < f->since_ms)
        f->since_ms = now;
    f->timed = true;
    if (f->spent_ms + now - f->since_ms > f->limits.deadline_ms || ++f->beats > f->limits.looks)
        f->stop = STOP_TIME;
    else if (sqlite3_memory_used() - f->heap_start > f->limits.heap_bytes)
        f->stop = STOP_HEAP;
    return f->stop != STOP_NONE;
}

static int beat(void *ctx)
{
    struct fence *f = ctx;
    return f->stepping && fence_exhausted(f);
}

static void enter(struct fence *f, int64_t spent_ms, int64_t heap_start, int64_t beats)
{
    f->timed = false;
    f->spent_ms = spent_ms;
    f->heap_start = heap_start;
    f->beats = beats;
    f->stop = STOP_NONE;
    f->touched = 0;
    f->refused[0] = '\0';
    f->failed.code = 0;
    f->stepping = true;
    sqlite3_progress_handler(f->handle->raum->db->handle, FENCE_BEAT_OPS, beat, f);
}

/* The time of the call is added to spent_ms. */
static void leave(struct fence *f)
{
    const struct raum_env *env = f->handle->raum->env;
    sqlite3_progress_handler(f->handle->raum->db->handle, 0, NULL, NULL);
    f->stepping = false;
    int64_t now = f->timed ? env->now_ms(env->ctx) : 0;
    if (f->timed && now > f->since_ms)
        f->spent_ms += now - f->since_ms;
}

/* ---- errors in our own words ---- */

/* A name that the handle does not have: of a module that is not in this type of space, of the
 * other level, or of nothing at all. Says only what the user wrote. */
static int no_table(struct fence *f, const char *text, struct raum_error *error)
{
    const char *name = text + strlen("no such table: ");
    const char *dot = strchr(name, '.');
    const struct schema_table *t = schema_table(dot ? dot + 1 : name);
    if (t && scope_check(f->handle, t, error) == RAUM_EMODULE_NOT_IN_SPACE)
        return RAUM_EMODULE_NOT_IN_SPACE;
    return err_at(error, "fence", RAUM_EUNKNOWN_TABLE, "%s", text);
}

/* SQLite's texts that hold nothing but words of the statement itself. */
static const char *const harmless[] = {
    "no such column: ", "no such function: ", "near \"", "unrecognized token: ", "incomplete input",
    "ambiguous column name: ", "wrong number of arguments to function ", "misuse of ",
    "SELECTs to the left and right of ", "ORDER BY ", "GROUP BY ", "LIMIT ", "HAVING clause",
    "1st ORDER BY", "2nd ORDER BY", "a GROUP BY clause is required", "a JOIN clause is required",
    "cannot join using column ", "circular reference: ", "duplicate WITH table name: ",
    "recursive ", "multiple references to recursive table", "sub-select returns ",
    "row value misused", "parser stack overflow", "Expression tree is too large",
    "too many ", "at most ", "malformed JSON", "JSON path error", "JSON cannot hold BLOB values",
    "integer overflow", "ESCAPE expression must be a single character", "argument of ntile",
    "second argument to ", "frame ", "no such window: ", "unsupported frame", "DISTINCT ",
    "RANGE with offset", "all VALUES must have the same number of terms", "IN(...) element has ",
    "no tables specified", "no such collation sequence: ", "LIKE or GLOB pattern too complex",
    "window functions ", "FILTER ", "json_object() ", "unknown ", "table ",
    "string or blob too big",
};

static bool is_harmless(const char *text)
{
    for (size_t i = 0; i < sizeof harmless / sizeof harmless[0]; i++)
        if (strncmp(text, harmless[i], strlen(harmless[i])) == 0)
            return true;
    return false;
}

static int stopped(struct fence *f, struct raum_error *error)
{
    if (f->stop == STOP_TIME)
        return err_at(error, "fence", RAUM_ELIMIT, "stopped: longer than %lld ms",
                      (long long)f->limits.deadline_ms);
    return err_at(error, "fence", RAUM_ELIMIT, "stopped: more than %lld bytes of memory",
                  (long long)f->limits.heap_bytes);
}

static int fail(struct fence *f, int rc, struct raum_error *error)
{
    const char *text = sqlite3_errmsg(f->memory);
    if (f->stop != STOP_NONE)
        return stopped(f, error);
    if (f->failed.code < 0) /* its text may name what is behind the fence */
        return err_at(error, "fence", f->failed.code, NULL);
    if (f->refused[0] && strncmp(f->refused, "no such table: ", 15) == 0)
        return no_table(f, f->refused, error);
    if (f->refused[0])
        return err_at(error, "fence", RAUM_EBAD_SQL, "%s", f->refused);
    switch (rc & 0xff) {
    case SQLITE_NOMEM:
        return err_at(error, "fence", RAUM_ENOMEM, NULL);
    case SQLITE_TOOBIG:
        return err_at(error, "fence", RAUM_ELIMIT, "stopped: a value or text of more than %d bytes",
                      f->limits.length);
    case SQLITE_INTERRUPT:
    case SQLITE_ABORT:
        return err_at(error, "fence", RAUM_EINTERRUPTED, NULL);
    default:
        if (strncmp(text, "no such table: ", 15) == 0)
            return no_table(f, text, error);
        return err_at(error, "fence", RAUM_EBAD_SQL, is_harmless(text) ? "%s" : NULL, text);
    }
}

/* ---- the snapshot ---- */

/* A read statement in mid-step keeps the connection's read transaction open, so that all inner
 * statements of a statement, and of all statements that are open at once, see one state. Unlike
 * BEGIN it leaves a writer on the same connection free to begin. */
int fence_pin(struct fence *f)
{
    struct raum *r = f->handle->raum;
    int result = 0;
    if (!f->pin.stmt)
        result = db_prepare(r->db, &f->pin, &db_grant_own, "SELECT 1 FROM main.sqlite_schema",
                            &f->failed);
    if (result == 0 && !sqlite3_stmt_busy(f->pin.stmt))
        result = db_step(&f->pin, &f->failed);
    return result < 0 ? result : 0;
}

void fence_unpin(struct fence *f)
{
    if (f->pin.stmt)
        db_reset(&f->pin);
}

/* ---- opening ---- */

int fence_open(struct raum_handle *h, struct fence **out, struct raum_error *error)
{
    struct fence *f = calloc(1, sizeof *f);
    if (!f)
        return err_set(error, RAUM_ENOMEM, NULL);
    f->handle = h;
    f->limits = fence_defaults;
    f->building = true;
    int rc = sqlite3_open_v2(":memory:", &f->memory,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MEMORY |
                                 SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE,
                             NULL);
    if (rc == SQLITE_OK)
        rc = fence_vtab_module(f);
    if (rc == SQLITE_OK)
        rc = fence_functions(f);
    if (rc == SQLITE_OK)
        rc = fence_vtab_sync(f);
    if (rc == SQLITE_OK)
        rc = fence_rules_close(f);
    f->building = false;
    if (rc != SQLITE_OK) {
        fence_close(f);
        return err_at(error, "fence", rc == SQLITE_NOMEM ? RAUM_ENOMEM : RAUM_EINTERNAL,
                      "cannot set up the fence: %s", sqlite3_errstr(rc));
    }
    fence_set_limits(f, &fence_defaults);
    sqlite3_progress_handler(f->memory, FENCE_BEAT_OPS, beat, f);
    *out = f;
    return 0;
}

static void free_run(struct fence_run **at)
{
    struct fence_run *run = *at;
    *at = run->next;
    free(run);
}

void fence_close(struct fence *f)
{
    if (!f)
        return;
    sqlite3_stmt *stmt;
    while (f->memory && (stmt = sqlite3_next_stmt(f->memory, NULL)))
        sqlite3_finalize(stmt);
    sqlite3_close_v2(f->memory);
    while (f->runs)
        free_run(&f->runs);
    fence_vtab_release(f);
    db_finish(&f->pin);
    free(f);
}

void fence_set_limits(struct fence *f, const struct fence_limits *limits)
{
    f->limits = *limits;
    sqlite3_limit(f->memory, SQLITE_LIMIT_LENGTH, limits->length);
    sqlite3_limit(f->memory, SQLITE_LIMIT_SQL_LENGTH, SQL_MAX);
}

/* ---- preparing ---- */

/* Statements are finalized by their owners; what is kept about them goes here. */
static void forget_dead(struct fence *f)
{
    for (struct fence_run **at = &f->runs; *at;) {
        sqlite3_stmt *stmt = sqlite3_next_stmt(f->memory, NULL);
        while (stmt && stmt != (*at)->stmt)
            stmt = sqlite3_next_stmt(f->memory, stmt);
        if (stmt)
            at = &(*at)->next;
        else
            free_run(at);
    }
}

/* Moves what it finds to the front: the next call is about the same one. */
static struct fence_run *find_run(struct fence *f, const sqlite3_stmt *stmt)
{
    struct fence_run **at = &f->runs;
    while (*at && (*at)->stmt != stmt)
        at = &(*at)->next;
    struct fence_run *run = *at;
    if (run && run != f->runs) {
        *at = run->next;
        run->next = f->runs;
        f->runs = run;
    }
    return run;
}

/* Expanding WITH and flattening subqueries can double a statement with each level, and no handler
 * is called while SQLite does that. What does stop it is memory: for the moment of preparing,
 * SQLite's heap, which all connections share, has a hard limit. The mutex keeps two threads from
 * restoring each other's limit. */
static int prepare(struct fence *f, const char *sql, size_t len, sqlite3_stmt **out,
                   const char **tail)
{
    sqlite3_mutex *mutex = sqlite3_mutex_alloc(SQLITE_MUTEX_STATIC_APP1);
    sqlite3_mutex_enter(mutex);
    sqlite3_int64 used = sqlite3_memory_used(), limit = used + f->limits.heap_bytes;
    sqlite3_int64 soft = sqlite3_soft_heap_limit64(-1), hard = sqlite3_hard_heap_limit64(-1);
    if (used > 0 && (hard <= 0 || hard > limit))
        sqlite3_hard_heap_limit64(limit);
    int rc = sqlite3_prepare_v3(f->memory, sql, (int)len, 0, out, tail);
    sqlite3_hard_heap_limit64(hard);
    sqlite3_soft_heap_limit64(soft);
    sqlite3_mutex_leave(mutex);
    if (rc == SQLITE_NOMEM && sqlite3_memory_highwater(0) - used > f->limits.heap_bytes / 2)
        f->stop = STOP_HEAP;
    return rc;
}

/* Blanks and comments only. */
static bool is_blank(const char *at, const char *end)
{
    while (at < end) {
        if (strchr(" \t\n\f\r", *at)) {
            at++;
        } else if (end - at >= 2 && memcmp(at, "--", 2) == 0) {
            const char *line = memchr(at, '\n', (size_t)(end - at));
            at = line ? line + 1 : end;
        } else if (end - at >= 2 && memcmp(at, "/*", 2) == 0) {
            const char *close = at + 2;
            while (end - close >= 2 && memcmp(close, "*/", 2) != 0)
                close++;
            at = end - close >= 2 ? close + 2 : end;
        } else {
            return false;
        }
    }
    return true;
}

static int check_text(const char *sql, size_t len, struct raum_error *error)
{
    if (len > SQL_MAX)
        return err_at(error, "fence", RAUM_ELIMIT, "a statement has at most %d bytes", SQL_MAX);
    if (memchr(sql, '\0', len) || !utf8_valid(sql, len))
        return err_at(error, "fence", RAUM_EBAD_SQL, "the statement is not text in UTF-8");
    if (is_blank(sql, sql + len))
        return err_at(error, "fence", RAUM_EBAD_SQL, "there is no statement");
    return 0;
}

static int check_statement(sqlite3_stmt *stmt, const char *tail, const char *end,
                           struct raum_error *error)
{
    if (!stmt || sqlite3_stmt_isexplain(stmt) || !sqlite3_stmt_readonly(stmt) ||
        sqlite3_column_count(stmt) == 0)
        return err_at(error, "fence", RAUM_EBAD_SQL, "only a SELECT can be run here");
    if (!is_blank(tail, end))
        return err_at(error, "fence", RAUM_EBAD_SQL, "only one statement can be run at a time");
    return 0;
}

static bool is_ready(const struct raum_handle *h)
{
    return h->mode == HANDLE_ACROSS || h->space != 0;
}

/* Makes the tables of the fence those of the handle. */
static int follow(struct fence *f, struct raum_error *error)
{
    if (!is_ready(f->handle))
        return err_at(error, "fence", RAUM_ESCOPE_NOT_READY, NULL);
    if (f->generation == f->handle->generation)
        return 0;
    enter(f, 0, sqlite3_memory_used(), 0);
    int rc = fence_vtab_sync(f);
    leave(f);
    return rc == SQLITE_OK ? 0 : fail(f, rc, error);
}

int fence_prepare(struct fence *f, const char *sql, size_t len, sqlite3_stmt **out,
                  struct raum_error *error)
{
    sqlite3_stmt *stmt = NULL;
    const char *tail = NULL;
    *out = NULL;
    int result = follow(f, error);
    if (result == 0)
        result = check_text(sql, len, error);
    if (result < 0)
        return result;
    forget_dead(f);
    struct fence_run *run = calloc(1, sizeof *run);
    if (!run)
        return err_set(error, RAUM_ENOMEM, NULL);
    enter(f, 0, sqlite3_memory_used(), 0);
    int rc = prepare(f, sql, len, &stmt, &tail);
    leave(f);
#ifdef RAUM_FENCE_PLANTS
    if (fence_plant == FENCE_PLANT_CTE || fence_plant == FENCE_PLANT_USING) {
        sqlite3_finalize(stmt);
        tail = sql + len;
        rc = fence_plant_prepare(f, sql, &stmt);
    }
#endif
    result = rc == SQLITE_OK ? check_statement(stmt, tail, sql + len, error) : fail(f, rc, error);
    if (result < 0) {
        sqlite3_finalize(stmt);
        free(run);
        return result;
    }
    *run = (struct fence_run){.stmt = stmt, .tables = f->touched, .next = f->runs};
    f->runs = run;
    *out = stmt;
    return 0;
}

uint64_t fence_tables(struct fence *f, sqlite3_stmt *stmt)
{
    const struct fence_run *run = find_run(f, stmt);
    return run ? run->tables : 0;
}

/* ---- running ---- */

static int begin(struct fence *f, struct fence_run *run, struct raum_error *error)
{
#ifdef RAUM_FENCE_PLANTS
    if (fence_plant == FENCE_PLANT_SWITCH && run->active)
        return 0;
#endif
    if (run->interrupted || (run->active && run->generation != f->handle->generation))
        return err_at(error, "fence", RAUM_EINTERRUPTED, "the space was switched while reading");
    int result = follow(f, error);
    if (result < 0 || run->active)
        return result;
    run->active = true;
    run->generation = f->handle->generation;
    run->spent_ms = run->rows = run->beats = 0;
    run->heap_start = sqlite3_memory_used();
    return 0;
}

int fence_step(struct fence *f, sqlite3_stmt *stmt, struct raum_error *error)
{
    struct fence_run *run = find_run(f, stmt);
    if (!run)
        return err_at(error, "fence", RAUM_EINTERNAL, "not a statement of this fence");
    int result = begin(f, run, error);
    if (result < 0)
        return result;
    enter(f, run->spent_ms, run->heap_start, run->beats);
#ifdef RAUM_FENCE_PLANTS
    int rc = fence_plant ? fence_plant_step(f, stmt) : sqlite3_step(stmt);
#else
    int rc = sqlite3_step(stmt);
#endif
    leave(f);
    run->spent_ms = f->spent_ms;
    run->beats = f->beats;
    run->tables |= f->touched;
    if (rc == SQLITE_ROW && ++run->rows <= f->limits.rows)
        return 0;
    if (rc == SQLITE_ROW)
        result = err_at(error, "fence", RAUM_ELIMIT, "stopped: more than %lld rows",
                        (long long)f->limits.rows);
    else
        result = rc == SQLITE_DONE ? RAUM_END : fail(f, rc, error);
    fence_reset(f, stmt);
    return result;
}

void fence_reset(struct fence *f, sqlite3_stmt *stmt)
{
    struct fence_run *run = find_run(f, stmt);
    sqlite3_reset(stmt);
    if (run)
        run->active = run->interrupted = false;
    if (f->cursors == 0)
        fence_unpin(f);
}

/* G-T8: a statement in mid-step calls on its cursors again, and what those read is decided by the
 * handle's space at that moment. So none may be in mid-step when the space changes. */
void fence_interrupt(struct fence *f)
{
#ifdef RAUM_FENCE_PLANTS
    if (fence_plant == FENCE_PLANT_SWITCH)
        return;
#endif
    for (struct fence_run *run = f->runs; run; run = run->next)
        run->interrupted |= run->active;
    for (sqlite3_stmt *stmt = NULL; (stmt = sqlite3_next_stmt(f->memory, stmt));)
        if (sqlite3_stmt_busy(stmt))
            sqlite3_reset(stmt);
    fence_unpin(f);
}
