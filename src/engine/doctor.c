#include "engine/doctor.h"

#include "base/utf8.h"
#include "engine/intern.h"
#include "engine/row.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FINDINGS_MAX 20 /* told per check; all are counted */

struct doctor {
    struct raum *r;
    doctor_tell *tell;
    void *arg;
    const char *check;
    int found, faults;
    struct arena arena;
};

static void fault(struct doctor *d, const char *fmt, ...) BASE_PRINTF(2, 3);

static void fault(struct doctor *d, const char *fmt, ...)
{
    char text[300];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    d->faults++;
    if (d->found++ < FINDINGS_MAX)
        d->tell(d->arg, DOCTOR_FAULT, d->check, text);
}

static void begin(struct doctor *d, const char *check)
{
    d->check = check;
    d->found = 0;
}

static void finish(struct doctor *d, const char *fmt, ...) BASE_PRINTF(2, 3);

static void finish(struct doctor *d, const char *fmt, ...)
{
    char text[200];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (d->found == 0)
        d->tell(d->arg, DOCTOR_OK, d->check, text);
}

static int check_file(struct doctor *d, struct raum_error *error)
{
    struct db_stmt s;
    begin(d, "file");
    int result = db_prepare(d->r->db, &s, &db_grant_own, "PRAGMA integrity_check(20)", error);
    while (result == 0 && (result = db_step(&s, error)) == 0) {
        const char *text = db_text(&s, 0, NULL);
        if (text && strcmp(text, "ok") != 0)
            fault(d, "%s", text);
    }
    db_finish(&s);
    finish(d, "the database is whole");
    return result == RAUM_END ? 0 : result;
}

/* Statements that count what must not be. */
static const struct {
    const char *check, *sql, *text, *fine;
} counts[] = {
    {"names", "SELECT count(*) FROM actors WHERE account NOT IN (SELECT ref FROM accounts)",
     "actors without an account", "every actor has an account"},
    {"names", "SELECT count(*) <> 1 FROM spaces WHERE type = 0 AND role = 3",
     "personal space too many or too few", "there is one personal space"},
    {"keys", "SELECT count(*) FROM keys WHERE space NOT IN (SELECT ref FROM spaces)",
     "keys of no space", "every key has its space"},
    {"media", "SELECT count(*) FROM media WHERE space NOT IN (SELECT ref FROM spaces)",
     "media of no space", "every picture has its space"},
};

static int check_counts(struct doctor *d, struct raum_error *error)
{
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        int64_t count = 0;
        begin(d, counts[i].check);
        int result = db_query_int(d->r->db, counts[i].sql, &count, error);
        if (result < 0)
            return result;
        if (count)
            fault(d, "%lld %s", (long long)count, counts[i].text);
        finish(d, "%s", counts[i].fine);
    }
    return 0;
}

static int check_tables(struct doctor *d, struct raum_error *error)
{
    int result = 0;
    begin(d, "rows");
    for (const struct schema_table *t = schema_tables; t->name && result >= 0; t++) {
        int64_t lost = 0, dirty = 0;
        char sql[512];
        snprintf(sql, sizeof sql,
                 "SELECT count(*) FROM \"data_%s\" WHERE n >> 40 <> space OR space NOT IN (SELECT "
                 "ref FROM spaces) OR "
                 "author NOT IN (SELECT ref FROM accounts)",
                 t->name);
        result = db_query_int(d->r->db, sql, &lost, error);
        if (result < 0)
            break;
        snprintf(
            sql, sizeof sql,
            "SELECT count(*) FROM dirty WHERE tbl = %d AND n NOT IN (SELECT n FROM \"data_%s\")",
            t->number, t->name);
        result = db_query_int(d->r->db, sql, &dirty, error);
        if (lost)
            fault(d, "%s: %lld rows of no space or author", t->name, (long long)lost);
        if (dirty)
            fault(d, "%s: %lld unsent changes of no row", t->name, (long long)dirty);
    }
    finish(d, "every row has its space and author");
    return result < 0 ? result : 0;
}

static int check_row(void *arg, struct row *row, struct raum_error *error)
{
    struct doctor *d = arg;
    struct value open;
    (void)error;
    const struct space *s = intern_space(d->r, row->space);
    const char *table = row->table ? row->table->name : row->opaque;
    for (int i = -1; i < row_count(row->table); i++) {
        const struct schema_field *f = i < 0 ? NULL : row_field(row->table, i);
        const struct value *v = i < 0 ? &row->extra : &row->values[i];
        bool wanted = s && s->sealed && (!f || f->flags & FIELD_SEALED);
        if (v->kind == VALUE_TEXT && wanted)
            fault(d, "%s %s: %s is in the clear", table, row->id, f ? f->name : "an unknown field");
        if (v->kind == VALUE_SEALED && value_open(d->r, row, f, v, &d->arena, &open, NULL) < 0)
            fault(d, "%s %s: %s does not open", table, row->id, f ? f->name : "an unknown field");
    }
    if (!intern_actor(d->r, row->stamps.row.actor))
        fault(d, "%s %s: written by nobody", table, row->id);
    arena_reset(&d->arena);
    return 0;
}

static int check_rows(struct doctor *d, struct raum_error *error)
{
    int result = 0;
    begin(d, "seals");
    for (uint32_t ref = 1; ref < d->r->space_count && result == 0; ref++)
        if (intern_space(d->r, ref))
            result = row_walk(d->r, ref, check_row, d, error);
    finish(d, "what is to be sealed is sealed, and opens");
    return result;
}

int doctor_run(struct raum *r, doctor_tell *tell, void *arg, struct raum_error *error)
{
    struct doctor d = {.r = r, .tell = tell, .arg = arg};
    int result = replica_look(r, error);
    arena_init(&d.arena, 64u << 20);
    if (result == 0)
        result = check_file(&d, error);
    if (result == 0)
        result = check_counts(&d, error);
    if (result == 0)
        result = check_tables(&d, error);
    if (result == 0)
        result = check_rows(&d, error);
    arena_release(&d.arena);
    return result < 0 ? result : d.faults;
}
