#include "server/store/betterauth_inside.h"

#include "base/clock.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROW_BYTES_MAX ((size_t)16 << 20)
#define ID_BYTES_MAX 100
#define EMAIL_BYTES_MAX 320
#define SCRYPT_HASH_BYTES (32 + 1 + 128)

/* ---- what is remembered */

int betterauth_remember(struct betterauth_ids *ids, const char *id)
{
    if (ids->count == ids->cap) {
        size_t cap = ids->cap ? 2 * ids->cap : 256;
        char **more = realloc(ids->ids, cap * sizeof *more);
        if (!more)
            return RAUM_ENOMEM;
        ids->ids = more;
        ids->cap = cap;
    }
    ids->ids[ids->count] = strdup(id);
    return ids->ids[ids->count] ? (ids->count++, 0) : RAUM_ENOMEM;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

bool betterauth_is_new(const struct betterauth_ids *ids, const char *id)
{
    return ids->count > 0 && bsearch(&id, ids->ids, ids->count, sizeof *ids->ids, compare);
}

static void forget(struct betterauth_ids *ids)
{
    for (size_t i = 0; i < ids->count; i++)
        free(ids->ids[i]);
    free(ids->ids);
}

void betterauth_note(struct betterauth *x, const char *fmt, ...)
{
    char line[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    size_t len = utf8_cut(line, strlen(line), sizeof line - 2);
    x->report->changed++;
    if (x->report->notes.len + len + 1 > x->report->notes.max)
        return;
    for (size_t i = 0; i < len; i++) /* a name with a line's end makes no second line */
        buf_char(&x->report->notes, (unsigned char)line[i] < 0x20 ? ' ' : line[i]);
    buf_char(&x->report->notes, '\n');
}

/* ---- reading */

int betterauth_text(struct betterauth *x, struct db_stmt *row, int at, const char **out)
{
    size_t len;
    *out = NULL;
    if (db_is_null(row, at))
        return 0;
    const char *text = db_text(row, at, &len);
    if (text && (!utf8_valid(text, len) || memchr(text, 0, len)))
        return err_at(x->error, "import", RAUM_EBAD_CHANGE, "a text is not valid UTF-8");
    *out = text ? arena_copy(&x->arena, text, len) : NULL;
    return *out ? 0 : err_set(x->error, RAUM_ENOMEM, NULL);
}

int64_t betterauth_time(struct betterauth *x, struct db_stmt *row, int at)
{
    char text[64];
    int64_t ms;
    size_t len;
    int type = sqlite3_column_type(row->stmt, at);
    if (type == SQLITE_INTEGER || type == SQLITE_FLOAT) {
        ms = db_int(row, at);
        return ms < 100000000000 && ms > -100000000000 ? ms * 1000 : ms;
    }
    const char *given = type == SQLITE_TEXT ? db_text(row, at, &len) : NULL;
    if (given && clock_parse_ms(given, len, &ms) == 0)
        return ms;
    /* SQLite's own way of writing it, without a zone. */
    if (given && len < sizeof text - 1) {
        snprintf(text, sizeof text, "%sZ", given);
        if (clock_parse_ms(text, strlen(text), &ms) == 0)
            return ms;
    }
    return x->now;
}

int betterauth_email(struct betterauth *x, struct db_stmt *row, int at, const char **out)
{
    const char *text;
    int result = betterauth_text(x, row, at, &text);
    if (result < 0)
        return result;
    size_t len = text ? strlen(text) : 0, local = text ? strcspn(text, "@") : 0;
    if (local == 0 || local + 1 >= len || len > EMAIL_BYTES_MAX)
        return err_at(x->error, "import", RAUM_EBAD_CHANGE, "its e-mail address is not valid");
    char *lower = arena_copy(&x->arena, text, len);
    if (!lower)
        return err_set(x->error, RAUM_ENOMEM, NULL);
    for (char *c = lower; *c; c++)
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
    *out = lower;
    return 0;
}

/* Names the row that cannot be taken. */
static int blame(struct betterauth *x, const char *what, const char *id, int result)
{
    char text[RAUM_ERROR_TEXT_MAX];
    if (!x->error)
        return result;
    snprintf(text, sizeof text, "%s", x->error->text);
    return err_at(x->error, "import", result, "%s %.100s: %s", what, id, text);
}

int betterauth_each(struct betterauth *x, const char *what, const char *sql, betterauth_take *take)
{
    struct db_stmt row;
    int result = db_prepare(x->from, &row, &db_grant_own, sql, x->error);
    while (result == 0 && (result = db_step(&row, x->error)) == 0) {
        const char *id;
        arena_reset(&x->arena);
        result = betterauth_text(x, &row, 0, &id);
        if (result == 0 && (!id || !*id || strlen(id) > ID_BYTES_MAX))
            result = err_at(x->error, "import", RAUM_EBAD_CHANGE,
                            "a %s has no id, or one of more than %d bytes", what, ID_BYTES_MAX);
        else if (result == 0 && (result = take(x, &row, id)) < 0)
            result = blame(x, what, id, result);
    }
    db_finish(&row);
    return result == RAUM_END ? 0 : result;
}

int betterauth_has(struct betterauth *x, const char *table, const char *column, bool *has)
{
    struct db_stmt s;
    int result = db_prepare(x->from, &s, &db_grant_own,
                            "SELECT 1 FROM pragma_table_info(?1) WHERE name = ?2", x->error);
    if (result == 0) {
        db_bind_str(&s, 1, table);
        db_bind_str(&s, 2, column);
        result = db_step(&s, x->error);
    }
    db_finish(&s);
    *has = result == 0;
    return result == RAUM_END ? 0 : result;
}

int betterauth_found(struct betterauth *x, const char *sql, const char *value, bool *found)
{
    struct sql_rows *rows;
    int result = sql_one(x->to, &rows, x->error, sql, "s", value);
    sql_rows_free(rows);
    *found = result == 0;
    return result == RAUM_END ? 0 : result;
}

/* ---- people */

static int take_user(struct betterauth *x, struct db_stmt *row, const char *id)
{
    const char *name = NULL, *email = NULL, *image = NULL;
    bool here;
    int result = betterauth_found(x,
                                  "SELECT 1 AS n FROM accounts WHERE id = ?1 UNION ALL"
                                  " SELECT 1 AS n FROM gone_accounts WHERE id = ?1 LIMIT 1",
                                  id, &here);
    if (result < 0 || here) {
        x->report->present += here;
        return result;
    }
    result = betterauth_text(x, row, 1, &name);
    if (result == 0)
        result = betterauth_email(x, row, 2, &email);
    if (result == 0)
        result = betterauth_text(x, row, 4, &image);
    if (result < 0)
        return result;
    result = sql_run(x->to, x->error,
                     "INSERT INTO accounts (id, name, email, email_verified, image, created,"
                     " updated, disabled) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                     "sssisiii", id, name ? name : "", email, (int64_t)(db_int(row, 3) != 0), image,
                     betterauth_time(x, row, 5), betterauth_time(x, row, 6),
                     (int64_t)(db_int(row, 7) != 0));
    if (result == RAUM_EEXISTS)
        return err_at(x->error, "import", result, "its address %s belongs to another account here",
                      email);
    if (result == 0)
        result = betterauth_remember(&x->accounts, id);
    x->report->accounts += result == 0;
    return result;
}

static int take_password(struct betterauth *x, struct db_stmt *row, const char *id)
{
    const char *account = NULL, *hash = NULL;
    int result = betterauth_text(x, row, 1, &account);
    if (result == 0)
        result = betterauth_text(x, row, 2, &hash);
    if (result < 0 || !account || !betterauth_is_new(&x->accounts, account))
        return result;
    if (!hash || strlen(hash) != SCRYPT_HASH_BYTES || hash[32] != ':') {
        betterauth_note(x, "account %s: its password is hashed in another way; it must be reset",
                        account);
        return 0;
    }
    result =
        sql_run(x->to, x->error,
                "INSERT INTO credentials (id, account, hash, created, updated)"
                " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
                "sssii", id, account, hash, betterauth_time(x, row, 3), betterauth_time(x, row, 4));
    x->report->passwords += result == 0 && sql_changed(x->to) > 0;
    return result;
}

static int people(struct betterauth *x)
{
    bool bans;
    int result = betterauth_has(x, "user", "banned", &bans);
    if (result == 0)
        result = betterauth_each(
            x, "user",
            bans ? "SELECT CAST(id AS TEXT), name, email, emailVerified, image, createdAt,"
                   " updatedAt, banned FROM user ORDER BY CAST(id AS TEXT)"
                 : "SELECT CAST(id AS TEXT), name, email, emailVerified, image, createdAt,"
                   " updatedAt, 0 FROM user ORDER BY CAST(id AS TEXT)",
            take_user);
    if (result == 0)
        result = betterauth_each(x, "account",
                                 "SELECT CAST(id AS TEXT), CAST(userId AS TEXT), password,"
                                 " createdAt, updatedAt FROM account"
                                 " WHERE providerId = 'credential' AND password IS NOT NULL"
                                 " ORDER BY createdAt, id",
                                 take_password);
    return result;
}

/* ---- the whole */

/* The tables that every Better Auth has; the organization plugin's may be missing. */
static int recognise(struct betterauth *x, const char *file)
{
    static const char *const needed[][2] = {
        {"user", "id"},        {"user", "email"},         {"user", "emailVerified"},
        {"user", "createdAt"}, {"account", "providerId"}, {"account", "password"}};
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        bool has;
        int result = betterauth_has(x, needed[i][0], needed[i][1], &has);
        if (result < 0)
            return result;
        if (!has)
            return err_at(x->error, "import", RAUM_ECORRUPT,
                          "%s is not a database of Better Auth: %s.%s is missing", file,
                          needed[i][0], needed[i][1]);
    }
    return 0;
}

static int import(struct betterauth *x, const char *file)
{
    int result = db_open(&x->from, file, DB_READ_ONLY, x->error);
    if (result == 0) /* one moment of it, whatever its server writes meanwhile */
        result = db_exec(x->from, "BEGIN", x->error);
    if (result == 0)
        result = recognise(x, file);
    if (result < 0)
        return result;
    result = sql_begin(x->to, x->error);
    if (result < 0)
        return result;
    result = people(x);
    if (result == 0)
        result = betterauth_spaces(x);
    return sql_end(x->to, result, x->error);
}

int betterauth_import(struct sql *to, const char *file, const struct raum_env *env,
                      struct betterauth_report *report, struct raum_error *error)
{
    struct betterauth x = {.to = to, .env = env, .report = report, .error = error};
    *report = (struct betterauth_report){0};
    buf_init(&report->notes, BETTERAUTH_NOTES_MAX);
    arena_init(&x.arena, ROW_BYTES_MAX);
    x.now = env->now_ms(env->ctx);
    int result = import(&x, file);
    if (result < 0) { /* nothing was made, whatever was counted */
        betterauth_report_release(report);
        *report = (struct betterauth_report){0};
    }
    db_close(x.from);
    forget(&x.accounts);
    forget(&x.spaces);
    arena_release(&x.arena);
    return result;
}

void betterauth_report_release(struct betterauth_report *report)
{
    buf_release(&report->notes);
}
