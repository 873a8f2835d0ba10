#include "engine/leave.h"

#include "base/plant.h"
#include "engine/intern.h"
#include "engine/media_files.h"
#include "engine/media_refs.h"
#include "engine/quarantine.h"
#include "engine/spaces.h"
#include "schema/rights.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AT_ONCE 100 /* spaces of one call */

enum state { NONE, MARKED, ASIDE, ERASED, KEPT };

struct leaving {
    uint32_t space;
    int64_t at;
    int state;
};
struct one {
    struct raum *r;
    struct leaving at;
    struct leave_report report;
    struct quarantine aside;
    char name[RAUM_ID_MAX], slug[64];
    bool erased_now;
};

/* ---- the mark ---- */

int leave_mark(struct raum *r, uint32_t space, bool keep, struct raum_error *error)
{
    const struct space *s = intern_space(r, space);
    if (!s)
        return err_at(error, "spaces", RAUM_EINTERNAL, "not a space");
    int result = db_execf(r->db, error,
                          "INSERT OR IGNORE INTO leaving (space, at, state) VALUES (%u, %lld, %d)",
                          space, (long long)r->env->now_ms(r->env->ctx), keep ? KEPT : MARKED);
    struct space hidden = *s;
    hidden.role = ROLE_NONE;
    return result ? result : intern_space_put(r, &hidden, error);
}

int leave_marked(struct raum *r, uint32_t space, bool *out, struct raum_error *error)
{
    int64_t state = NONE;
    char sql[80];
    snprintf(sql, sizeof sql, "SELECT state FROM leaving WHERE space = %u", space);
    int result = db_query_int(r->db, sql, &state, error);
    *out = state != NONE;
    return result == RAUM_END ? 0 : result;
}

int leave_unmark(struct raum *r, uint32_t space, struct raum_error *error)
{
    return db_execf(r->db, error, "DELETE FROM leaving WHERE space = %u AND state <> %d", space,
                    ERASED);
}

static int read_marks(struct raum *r, struct leaving *list, int *count, struct raum_error *error)
{
    struct db_stmt s;
    *count = 0;
    int result = db_prepare(r->db, &s, &db_grant_own,
                            "SELECT space, at, state FROM leaving ORDER BY space", error);
    while (result == 0 && *count < AT_ONCE && (result = db_step(&s, error)) == 0) {
        struct leaving at = {(uint32_t)db_int(&s, 0), db_int(&s, 1), (int)db_int(&s, 2)};
        if (at.state != KEPT)
            list[(*count)++] = at;
    }
    db_finish(&s);
    return result == RAUM_END ? 0 : result;
}

/* Under the write lock: as another process may have left it. */
static int look_again(struct one *o, struct raum_error *error)
{
    int64_t state = NONE;
    char sql[80];
    snprintf(sql, sizeof sql, "SELECT state FROM leaving WHERE space = %u", o->at.space);
    int result = db_query_int(o->r->db, sql, &state, error);
    o->at.state = (int)state;
    return result == RAUM_END ? 0 : result;
}

static int move_on(struct one *o, int state, struct raum_error *error)
{
    o->at.state = state;
    return db_execf(o->r->db, error, "UPDATE leaving SET state = %d WHERE space = %u", state,
                    o->at.space);
}

/* ---- aside ---- */

static int put_aside(struct one *o, struct raum_error *error)
{
    const struct space *s = intern_space(o->r, o->at.space);
    bool has = s && !PLANT(LEAVE_ASIDE);
    int result = has ? quarantine_write(o->r, o->at.space, o->at.at, &o->aside, error) : 0;
    return result ? result : move_on(o, ASIDE, error);
}

/* ---- gone ---- */

static int erase_files(struct one *o, struct raum_error *error)
{
    struct db_stmt s;
    int result = db_prepare(o->r->db, &s, &db_grant_own,
                            "SELECT DISTINCT hash FROM media m WHERE space = ?1 AND NOT EXISTS "
                            "(SELECT 1 FROM media o WHERE o.hash = m.hash AND o.space <> ?1)",
                            error);
    if (result == 0)
        db_bind_int(&s, 1, o->at.space);
    while (result == 0 && (result = db_step(&s, error)) == 0) {
        char hash[MEDIA_REF_HASH] = "";
        snprintf(hash, sizeof hash, "%s", db_text(&s, 0, NULL));
        result = media_files_remove(o->r, hash, error);
    }
    db_finish(&s);
    return result == RAUM_END ? 0 : result;
}

static int erase_all(struct one *o, struct raum_error *error)
{
    struct raum *r = o->r;
    const struct space *s = intern_space(r, o->at.space);
    int result = erase_files(o, error);
    if (s) {
        snprintf(o->name, sizeof o->name, "%s", s->name);
        snprintf(o->slug, sizeof o->slug, "%s", s->slug);
    }
    if (result == 0 && !PLANT(LEAVE_ROWS))
        result = spaces_forget(r, o->at.space, error);
    if (result == 0)
        result = replica_meta_set(r, LEAVE_KEY, "1", error);
    return result ? result : move_on(o, ERASED, error);
}

/* Both under the write lock, each in a transaction of its own. */
static int advance(struct one *o, int from, int (*work)(struct one *o, struct raum_error *error),
                   bool *done, struct raum_error *error)
{
    int result = replica_begin(o->r, error);
    *done = false;
    if (result < 0)
        return result;
    result = look_again(o, error);
    if (result == 0 && o->at.state == from) {
        result = work(o, error);
        *done = result == 0;
    }
    return replica_end(o->r, result, error);
}

/* ---- traces ---- */

/* What an upgrade, a backup or an import left beside the database. */
static void erase_copies(struct raum *r)
{
    static const char *const names[] = {"raum.db.old", "raum.db.old-wal", "raum.db.old-shm",
                                        "backup.part", "restore.part"};
    char path[4096];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", r->folder, names[i]);
        (void)!r->env->file_remove(r->env->ctx, path);
    }
}

static int erase_traces(struct one *o, struct raum_error *error)
{
    struct raum_error busy = {0};
    erase_copies(o->r);
    int result = PLANT(LEAVE_LOG) ? 0 : spaces_empty_log(o->r, &busy);
    if (result == RAUM_EBUSY) {
        o->report.traces = true;
        return 0;
    }
    if (result < 0) {
        if (error)
            *error = busy;
        return result;
    }
    result = replica_begin(o->r, error);
    if (result < 0)
        return result;
    result = db_execf(o->r->db, error, "DELETE FROM leaving WHERE space = %u AND state = %d",
                      o->at.space, ERASED);
    return replica_end(o->r, result, error);
}

static int finish_one(struct one *o, struct raum_error *error)
{
    bool done = false;
    int result = 0;
    if (o->at.state == MARKED)
        result = advance(o, MARKED, put_aside, &done, error);
    if (result == 0 && o->at.state == ASIDE)
        result = advance(o, ASIDE, erase_all, &o->erased_now, error);
    if (result == 0 && o->at.state == ERASED)
        result = erase_traces(o, error);
    return result;
}

static void tell_one(struct one *o, leave_tell *tell, void *arg)
{
    char id[QUARANTINE_ID];
    o->report.name = o->name;
    o->report.slug = o->slug;
    if (o->aside.rows + o->aside.pictures == 0) { /* by the one that was interrupted? */
        quarantine_id(o->at.at, o->at.space, id);
        if (quarantine_find(o->r, id, &o->aside, NULL) != 0)
            o->aside = (struct quarantine){0};
    }
    o->report.rows = o->aside.rows;
    o->report.pictures = o->aside.pictures;
    o->report.quarantine = o->aside.rows + o->aside.pictures ? o->aside.id : NULL;
    tell(arg, &o->report);
}

int leave_finish(struct raum *r, leave_tell *tell, void *arg, struct raum_error *error)
{
    struct leaving list[AT_ONCE];
    struct one *o = NULL;
    int count, result = read_marks(r, list, &count, error);
    if (result < 0 || count == 0)
        return result;
    if (r->depth > 0)
        return err_at(error, "spaces", RAUM_EINTERNAL, "a space is left outside a transaction");
    o = malloc(sizeof *o);
    if (!o)
        return err_set(error, RAUM_ENOMEM, NULL);
    for (int i = 0; i < count && result == 0; i++) {
        *o = (struct one){.r = r, .at = list[i]};
        result = finish_one(o, error);
        if (o->erased_now && tell)
            tell_one(o, tell, arg);
    }
    free(o);
    return result;
}
