#include "db/steps.h"

#include "db/raw.h"
#include <stdlib.h>
#include <string.h>

#define PATIENCE_MS 30000

/* Names beside FILE, and what their presence means:
 *
 *     FILE.lock   empty; whoever looks closer than the ordinary open holds an SQLite lock on it
 *     FILE.part   a pass in progress: worth nothing
 *     FILE.mid    a step's result, read by the next step of the same pass: worth nothing
 *     FILE.new    a whole new file, synced. If FILE is marked or gone, this is the database
 *     FILE.old    the file before the pass
 */
enum name {
    NAME_FILE,
    NAME_WAL,
    NAME_SHM,
    NAME_LOCK,
    NAME_PART,
    NAME_PART_WAL,
    NAME_MID,
    NAME_NEW,
    NAME_OLD,
    NAME_OLD_WAL,
    NAME_OLD_SHM,
    NAMES,
};
static const char *const suffixes[NAMES] = {
    "",     "-wal", "-shm", ".lock",    ".part",    ".part-wal",
    ".mid", ".new", ".old", ".old-wal", ".old-shm",
};

struct pass {
    const struct db_steps *steps;
    const struct raum_env *env;
    void (*tell)(void *arg, double done);
    void *arg;
    char *names[NAMES];
    struct db *lock;
};

static void pass_release(struct pass *p)
{
    db_close(p->lock);
    for (int i = 0; i < NAMES; i++)
        free(p->names[i]);
}

static int pass_init(struct pass *p, const char *path, const struct db_steps *steps,
                     const struct raum_env *env, struct raum_error *error)
{
    size_t len = strlen(path);
    *p = (struct pass){.steps = steps, .env = env};
    for (int i = 0; i < NAMES; i++) {
        size_t more = strlen(suffixes[i]) + 1;
        p->names[i] = malloc(len + more);
        if (!p->names[i]) {
            pass_release(p);
            return err_set(error, RAUM_ENOMEM, NULL);
        }
        memcpy(p->names[i], path, len);
        memcpy(p->names[i] + len, suffixes[i], more);
    }
    return 0;
}

static bool there(const struct pass *p, enum name name)
{
    int64_t size, modified;
    return p->env->file_size(p->env->ctx, p->names[name], &size, &modified) == 0;
}

static int fail_file(const struct pass *p, int code, const char *what, enum name name,
                     struct raum_error *error)
{
    return err_at(error, "steps", code, "cannot %s %s: %s", what, p->names[name],
                  raum_code_text(code));
}

static int remove_file(const struct pass *p, enum name name, struct raum_error *error)
{
    int result = p->env->file_remove(p->env->ctx, p->names[name]);
    return result < 0 ? fail_file(p, result, "remove", name, error) : 0;
}

/* What is absent was renamed before a crash. */
static int rename_file(const struct pass *p, enum name from, enum name to, struct raum_error *error)
{
    int result = p->env->file_rename(p->env->ctx, p->names[from], p->names[to]);
    return result < 0 && result != RAUM_ENOT_FOUND ? fail_file(p, result, "rename", from, error)
                                                   : 0;
}

/* ---- looking at a file ---- */

enum state { STATE_EMPTY, STATE_OURS };

static int64_t mark_of(struct db *db, const char *pragma, int *result, struct raum_error *error)
{
    int64_t value = 0;
    if (*result == 0)
        *result = db_query_int(db, pragma, &value, error);
    return value;
}

/* RAUM_ECORRUPT for a database of another program. Empty: nothing was ever made in it. */
static int look(struct db *db, const struct db_steps *steps, enum state *state, int *version,
                struct raum_error *error)
{
    int result = 0;
    int64_t application = mark_of(db, "PRAGMA application_id", &result, error);
    int64_t user = mark_of(db, "PRAGMA user_version", &result, error);
    int64_t tables = mark_of(db, "SELECT count(*) FROM sqlite_schema", &result, error);
    if (result < 0)
        return result;
    *state = application == 0 && user == 0 && tables == 0 ? STATE_EMPTY : STATE_OURS;
    *version = (int)user;
    if (*state == STATE_OURS && (application != steps->application || user <= 0))
        return err_at(error, "steps", RAUM_ECORRUPT, "this is a database of another program");
    return 0;
}

static int newer(int version, int known, struct raum_error *error)
{
    return err_at(error, "steps", RAUM_ENEWER_DATABASE,
                  "the database has version %d, this program knows %d: use a newer Raum", version,
                  known);
}

/* Without a change to any byte: a file that is not ours or newer stays as it is (G-U6). */
static int peek(const struct pass *p, enum state *state, int *version, struct raum_error *error)
{
    struct db *db = NULL;
    int result = db_open(&db, p->names[NAME_FILE], DB_READ_ONLY, error);
    if (result == 0)
        result = look(db, p->steps, state, version, error);
    db_close(db);
    if (result == 0 && *version > p->steps->version && *version != STEPS_MOVED)
        result = newer(*version, p->steps->version, error);
    return result;
}

/* Who closes last would remove FILE-wal by its name: it may be another file's by then. */
static int open_whole(struct db **out, const struct pass *p, struct raum_error *error)
{
    int keep = 1, result = db_open(out, p->names[NAME_FILE], 0, error);
    if (result == 0)
        sqlite3_file_control((*out)->handle, "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
    return result;
}

/* SQLite asks for a lock ever more rarely, and there is no queue: beside somebody who writes
 * without a pause that may never end. So we ask again and again, for half a minute. */
static int ask_again(void *ctx, int count)
{
    (void)ctx;
    sqlite3_sleep(1);
    return count < PATIENCE_MS;
}

static int begin_patiently(struct db *db, struct raum_error *error)
{
    sqlite3_busy_handler(db->handle, ask_again, NULL);
    return db_begin(db, error);
}

/* ---- making a file ---- */

static int set_marks(struct db *db, const struct db_steps *steps, int version,
                     struct raum_error *error)
{
    return db_execf(db, error, "PRAGMA application_id=%d; PRAGMA user_version=%d",
                    steps->application, version);
}

static int part_begin(const struct pass *p, struct db **fresh, struct raum_error *error)
{
    int result = remove_file(p, NAME_PART, error);
    if (result == 0)
        result = remove_file(p, NAME_PART_WAL, error);
    if (result == 0)
        result = db_open(fresh, p->names[NAME_PART], DB_CREATE | DB_PLAIN, error);
    return result == 0 ? db_begin(*fresh, error) : result;
}

/* It is made a WAL file here: done later, in its place, a crash could leave a journal that only a
 * writer may roll back, and then it could not even be looked at. */
static int part_end(const struct pass *p, struct db *fresh, int version, struct raum_error *error)
{
    int result = set_marks(fresh, p->steps, version, error);
    if (result == 0)
        result = db_commit(fresh, error);
    if (result == 0 && version == p->steps->version)
        result = db_exec(fresh, "PRAGMA journal_mode=WAL", error);
    /* db_open(DB_PLAIN) syncs nothing; a file is worth its name only once it is on the disk. */
    return result == 0 ? db_raw_sync(fresh, error) : result;
}

static int make_fresh(const struct pass *p, struct raum_error *error)
{
    struct db *fresh = NULL;
    int result = part_begin(p, &fresh, error);
    if (result == 0)
        result = db_exec(fresh, p->steps->create, error);
    if (result == 0)
        result = part_end(p, fresh, p->steps->version, error);
    db_close(fresh);
    return result == 0 ? rename_file(p, NAME_PART, NAME_FILE, error) : result;
}

/* ---- due steps ---- */

static const struct db_file_step *next_due(const struct db_steps *steps,
                                           const struct db_file_step *at, int version)
{
    at = at ? at + 1 : steps->list;
    while (at && at->to && at->to <= version)
        at++;
    return at && at->to && at->to <= steps->version ? at : NULL;
}

static bool rewrites(const struct db_steps *steps, int version)
{
    for (const struct db_file_step *s = next_due(steps, NULL, version); s;
         s = next_due(steps, s, version))
        if (s->rewrite)
            return true;
    return false;
}

static int no_way(int version, const struct db_steps *steps, struct raum_error *error)
{
    return err_at(error, "steps", RAUM_ECORRUPT, "no step leads from version %d to %d", version,
                  steps->version);
}

/* The last due step must arrive at this program's version. */
static bool arrives(const struct db_steps *steps, int version)
{
    int to = version;
    for (const struct db_file_step *s = next_due(steps, NULL, version); s;
         s = next_due(steps, s, version))
        to = s->to;
    return to == steps->version;
}

static int run_in_place(struct db *db, const struct db_steps *steps, struct raum_error *error)
{
    enum state state = STATE_EMPTY;
    int version = 0, result = db_begin(db, error);
    if (result < 0)
        return result;
    result = look(db, steps, &state, &version, error); /* again: now nobody else writes */
    for (const struct db_file_step *s = result < 0 ? NULL : next_due(steps, NULL, version);
         s && !result; s = next_due(steps, s, version))
        result = db_exec(db, s->sql, error);
    if (result == 0 && version < steps->version)
        result = set_marks(db, steps, steps->version, error);
    if (result == 0)
        return db_commit(db, error);
    db_rollback(db);
    return result;
}

/* ---- the pass into a new file ---- */

/* One rewriting step into FILE.part, and those behind it that need no other file. *done: the last
 * of them. */
static int run_rewrite(struct pass *p, struct db *old, int version,
                       const struct db_file_step **done, struct raum_error *error)
{
    const struct db_file_step *step = *done;
    struct db *fresh = NULL;
    int result = part_begin(p, &fresh, error);
    if (result == 0)
        result = step->rewrite(old, fresh, p->steps->ctx, p->tell, p->arg, error);
    for (const struct db_file_step *s = step; result == 0;) {
        *done = s;
        s = next_due(p->steps, s, version);
        if (!s || s->rewrite)
            break;
        result = db_exec(fresh, s->sql, error);
    }
    if (result == 0)
        result = part_end(p, fresh, (*done)->to, error);
    db_close(fresh);
    return result;
}

/* All due steps: FILE.part holds the last one's result. Steps without rows before the first
 * rewriting one run in the old file's transaction, which is rolled back to before them. */
static int run_steps(struct pass *p, struct db *old, int version, struct raum_error *error)
{
    const struct db_file_step *s = next_due(p->steps, NULL, version);
    struct db *from = old;
    int result = 0;
    for (; s && !s->rewrite && result == 0; s = next_due(p->steps, s, version))
        result = db_exec(old, s->sql, error);
    while (s && result == 0) {
        result = run_rewrite(p, from, version, &s, error);
        if (result < 0)
            break;
        if (from != old)
            db_close(from);
        from = old;
        s = next_due(p->steps, s, version);
        if (!s)
            break;
        result = rename_file(p, NAME_PART, NAME_MID, error);
        if (result == 0)
            result = db_open(&from, p->names[NAME_MID], DB_READ_ONLY, error);
        if (result < 0)
            from = old;
    }
    if (from != old)
        db_close(from);
    return result;
}

/* Makes FILE.new from the old file while nobody else can write to that, and then marks it. */
static int make_new(struct pass *p, struct db *old, struct raum_error *error)
{
    enum state state = STATE_EMPTY;
    int version = 0, result = begin_patiently(old, error);
    if (result < 0)
        return result;
    result = look(old, p->steps, &state, &version, error);
    if (result == 0)
        result = db_exec(old, "SAVEPOINT before_steps", error);
    if (result == 0)
        result = run_steps(p, old, version, error);
    if (result == 0)
        result = db_exec(old, "ROLLBACK TO before_steps; RELEASE before_steps", error);
    if (result == 0)
        result = remove_file(p, NAME_MID, error);
    if (result == 0) /* durable, its name too: from the mark on, it is the database */
        result = rename_file(p, NAME_PART, NAME_NEW, error);
    if (result == 0)
        result = db_execf(old, error, "PRAGMA user_version=%d", STEPS_MOVED);
    if (result == 0)
        return db_commit(old, error);
    db_rollback(old);
    return result;
}

/* FILE is marked or gone, FILE.new is whole. FILE goes first: a crash then leaves "gone". */
static int finish(const struct pass *p, struct raum_error *error)
{
    int result = rename_file(p, NAME_FILE, NAME_OLD, error);
    if (result == 0)
        result = rename_file(p, NAME_WAL, NAME_OLD_WAL, error);
    if (result == 0)
        result = rename_file(p, NAME_SHM, NAME_OLD_SHM, error);
    if (result == 0)
        result = rename_file(p, NAME_NEW, NAME_FILE, error);
    return result;
}

static int forget_old(const struct pass *p, struct raum_error *error)
{
    int result = remove_file(p, NAME_OLD, error);
    if (result == 0)
        result = remove_file(p, NAME_OLD_WAL, error);
    if (result == 0)
        result = remove_file(p, NAME_OLD_SHM, error);
    return result;
}

static int rewrite_file(struct pass *p, struct raum_error *error)
{
    struct db *old = NULL;
    int result = forget_old(p, error); /* of a pass before: its name is needed */
    if (result == 0)
        result = open_whole(&old, p, error);
    if (result == 0)
        result = make_new(p, old, error);
    /* So that the backup is one file. If a reader is in the way, it keeps its WAL. */
    if (result == 0)
        sqlite3_wal_checkpoint_v2(old->handle, "main", SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    db_close(old);
    if (result == 0)
        return finish(p, error);
    /* A full disk gets its room back. FILE.new stays: only FILE can say whether it is marked. */
    int again = remove_file(p, NAME_PART, NULL), mid = remove_file(p, NAME_MID, NULL);
    (void)again, (void)mid;
    return result;
}

/* ---- opening ---- */

static int take_lock(struct pass *p, struct raum_error *error)
{
    int result = db_open(&p->lock, p->names[NAME_LOCK], DB_CREATE | DB_PLAIN, error);
    if (result == 0)
        result = db_begin(p->lock, error);
    if (result == RAUM_EBUSY)
        err_at(error, "steps", result, "another process is upgrading the database; try again");
    return result;
}

/* Under the lock: what a crash left is finished or forgotten. *is_there: FILE exists then. */
static int tidy_up(const struct pass *p, bool *is_there, struct raum_error *error)
{
    enum state state = STATE_EMPTY;
    int version = 0, result = 0;
    bool fresh = there(p, NAME_NEW);
    *is_there = there(p, NAME_FILE);
    if (*is_there)
        result = peek(p, &state, &version, error);
    if (result < 0)
        return result;
    if (!*is_there && !fresh && there(p, NAME_OLD))
        return err_at(error, "steps", RAUM_ECORRUPT, "%s is gone, only %s is left",
                      p->names[NAME_FILE], p->names[NAME_OLD]);
    if (*is_there && version == STEPS_MOVED && !fresh)
        return err_at(error, "steps", RAUM_ECORRUPT, "%s was replaced by %s, which is gone",
                      p->names[NAME_FILE], p->names[NAME_NEW]);
    if (fresh && (!*is_there || version == STEPS_MOVED)) {
        result = finish(p, error);
        *is_there = true;
    } else if (fresh) {
        result = remove_file(p, NAME_NEW, error);
    }
    if (result == 0)
        result = remove_file(p, NAME_PART, error);
    if (result == 0)
        result = remove_file(p, NAME_PART_WAL, error);
    if (result == 0)
        result = remove_file(p, NAME_MID, error);
    return result;
}

static int open_closely(struct db **out, struct pass *p, unsigned flags, struct raum_error *error)
{
    enum state state = STATE_EMPTY;
    int version = 0;
    bool is_there = false, had_old, had_new, rewritten = false;
    int result = take_lock(p, error);
    if (result < 0)
        return result;
    had_old = there(p, NAME_OLD);
    had_new = there(p, NAME_NEW);
    result = tidy_up(p, &is_there, error);
    if (result == 0 && !is_there && !(flags & DB_CREATE))
        result = fail_file(p, RAUM_ENOT_FOUND, "open", NAME_FILE, error);
    if (result == 0 && is_there)
        result = peek(p, &state, &version, error);
    if (result == 0 && state == STATE_OURS && !arrives(p->steps, version))
        result = no_way(version, p->steps, error);
    if (result == 0 && state == STATE_OURS && rewrites(p->steps, version)) {
        result = rewrite_file(p, error);
        rewritten = true;
    }
    if (result == 0 && state == STATE_EMPTY)
        result = make_fresh(p, error);
    if (result == 0)
        result = open_whole(out, p, error);
    if (result < 0)
        return result;
    if (state == STATE_OURS && !rewritten && version < p->steps->version)
        result = run_in_place(*out, p->steps, error);
    if (result == 0)
        result = steps_check(*out, p->steps->version, error);
    /* A clean open after the one that made it: the backup has served. */
    if (result == 0 && had_old && !had_new && !rewritten)
        result = forget_old(p, error);
    return result;
}

/* The ordinary case takes no lock: FILE is of this version and nothing lies beside it. */
static int open_plainly(struct db **out, const struct pass *p, struct raum_error *error)
{
    enum state state = STATE_EMPTY;
    int version = 0;
    if (!there(p, NAME_FILE) || there(p, NAME_NEW) || there(p, NAME_OLD))
        return RAUM_END;
    int result = peek(p, &state, &version, error);
    if (result < 0)
        return result;
    if (state != STATE_OURS || version != p->steps->version)
        return RAUM_END;
    result = open_whole(out, p, error);
    if (result == 0 && steps_check(*out, p->steps->version, NULL) < 0)
        result = RAUM_END; /* replaced just now */
    return result == RAUM_ENOT_FOUND ? RAUM_END : result;
}

int steps_open(struct db **out, const char *path, unsigned flags, const struct db_steps *steps,
               const struct raum_env *env, void (*tell)(void *arg, double done), void *arg,
               struct raum_error *error)
{
    struct pass p;
    struct db *db = NULL;
    int result = pass_init(&p, path, steps, env, error);
    if (result)
        return result;
    p.tell = tell;
    p.arg = arg;
    if (flags & DB_READ_ONLY) {
        enum state state = STATE_EMPTY;
        int version = 0;
        result = db_open(&db, path, DB_READ_ONLY, error);
        if (result == 0)
            result = look(db, steps, &state, &version, error);
    } else {
        result = open_plainly(&db, &p, error);
        if (result == RAUM_END) {
            db_close(db);
            db = NULL;
            result = open_closely(&db, &p, flags, error);
        }
    }
    pass_release(&p);
    if (result < 0)
        db_close(db);
    else
        *out = db;
    return result;
}

/* ---- another file in its place ---- */

/* Whole, ours, not newer, a WAL file and on the disk. */
static int check_other(const char *other, const struct db_steps *steps, struct raum_error *error)
{
    struct db *db = NULL;
    enum state state = STATE_EMPTY;
    int version = 0;
    int64_t wrong = 0;
    int result = db_open(&db, other, DB_PLAIN, error);
    if (result == 0)
        result = look(db, steps, &state, &version, error);
    if (result == 0 && (state == STATE_EMPTY || version == STEPS_MOVED))
        result = err_at(error, "steps", RAUM_ECORRUPT, "%s is no whole database", other);
    if (result == 0 && version > steps->version)
        result = newer(version, steps->version, error);
    if (result == 0)
        result = db_query_int(
            db, "SELECT count(*) FROM pragma_quick_check WHERE quick_check <> 'ok'", &wrong, error);
    if (result == 0 && wrong)
        result = err_at(error, "steps", RAUM_ECORRUPT, "%s is damaged", other);
    if (result == 0)
        result = db_exec(db, "PRAGMA journal_mode=WAL", error);
    if (result == 0)
        result = db_raw_sync(db, error);
    db_close(db);
    return result;
}

/* Gives the other file its name and marks the old one, if it is one that can be marked. */
static int mark_old(const struct pass *p, const char *other, struct raum_error *error)
{
    struct db *old = NULL;
    int result = open_whole(&old, p, error);
    if (result == 0)
        result = begin_patiently(old, error);
    if (result == RAUM_ENOT_FOUND || result == RAUM_ECORRUPT) {
        db_close(old);
        old = NULL;
    } else if (result < 0) {
        db_close(old);
        return result;
    }
    result = p->env->file_rename(p->env->ctx, other, p->names[NAME_NEW]);
    if (result < 0)
        result = fail_file(p, result, "make", NAME_NEW, error);
    if (old && result == 0)
        result = db_execf(old, error, "PRAGMA user_version=%d", STEPS_MOVED);
    if (old && result == 0)
        result = db_commit(old, error);
    db_close(old);
    return result;
}

int steps_replace(const char *path, const char *other, const struct db_steps *steps,
                  const struct raum_env *env, struct raum_error *error)
{
    struct pass p;
    bool is_there = false;
    int result = check_other(other, steps, error);
    if (result == 0)
        result = pass_init(&p, path, steps, env, error);
    if (result)
        return result;
    result = take_lock(&p, error);
    if (result == 0) {
        int tidy = tidy_up(&p, &is_there, error);
        /* A damaged file is just what somebody may want to replace; a newer one is not. */
        result = tidy == RAUM_ECORRUPT ? remove_file(&p, NAME_NEW, error) : tidy;
    }
    if (result == 0 && there(&p, NAME_FILE)) /* else FILE.old may be all there is */
        result = forget_old(&p, error);
    if (result == 0)
        result = mark_old(&p, other, error);
    if (result == 0)
        result = finish(&p, error);
    pass_release(&p);
    return result;
}

int steps_dry_run(const char *path, const struct db_steps *steps, struct buf *report,
                  struct raum_error *error)
{
    struct db *db = NULL;
    enum state state = STATE_EMPTY;
    int version = 0, result = db_open(&db, path, DB_READ_ONLY, error);
    if (result == 0)
        result = look(db, steps, &state, &version, error);
    if (result == 0 && version > steps->version)
        result = newer(version, steps->version, error);
    if (result == 0 && state == STATE_OURS && !arrives(steps, version))
        result = no_way(version, steps, error);
    if (result == 0 && !next_due(steps, NULL, version))
        buf_printf(report, "version %d: nothing to do\n", version);
    for (const struct db_file_step *s = result < 0 ? NULL : next_due(steps, NULL, version);
         s && !result; s = next_due(steps, s, version)) {
        buf_printf(report, "version %d: %s\n", s->to, s->rewrite ? "into a new file" : "in place");
        if (s->report)
            result = s->report(db, report, error);
    }
    db_close(db);
    return result == 0 ? buf_error(report, error) : result;
}

int steps_check(struct db *db, int version, struct raum_error *error)
{
    int64_t user = 0;
    int result = db_version(db, &user, error);
    if (result < 0 || user == version)
        return result;
    return user == STEPS_MOVED ? err_at(error, "steps", RAUM_ENEWER_DATABASE,
                                        "another process has replaced the database; open it again")
                               : newer((int)user, version, error);
}
