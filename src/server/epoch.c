#include "server/epoch.h"

#include "server/home.h"
#include "server/relay/relay.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLACE_BYTES 128

/* ---- what the database says */

static int put(struct sql *c, const char *key, const char *value, struct raum_error *error)
{
    return sql_run(c, error,
                   "INSERT INTO relay_state (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO "
                   "UPDATE SET value = ?2",
                   "ss", key, value);
}

/* Cut to `size`; "" if it is not there. */
static int text_of(struct sql *c, const char *sql, const char *key, char *out, size_t size,
                   struct raum_error *error)
{
    struct sql_rows *rows;
    int result = key ? sql_one(c, &rows, error, sql, "s", key) : sql_one(c, &rows, error, sql, "");
    snprintf(out, size, "%s", result == 0 ? sql_text(rows, "value") : "");
    sql_rows_free(rows);
    return result == RAUM_END ? 0 : result;
}

static int state_of(struct sql *c, const char *key, char *out, size_t size,
                    struct raum_error *error)
{
    return text_of(c, "SELECT value FROM relay_state WHERE key = ?1", key, out, size, error);
}

/* Another one than it noted: it was dumped and restored there, or a standby became the server. */
static int check_place(struct sql *c, bool *moved, struct raum_error *error)
{
    char noted[PLACE_BYTES], place[PLACE_BYTES];
    if (!sql_is_postgres(c))
        return 0;
    int result = state_of(c, "place", noted, sizeof noted, error);
    if (result == 0)
        result = text_of(c,
                         "SELECT (SELECT system_identifier FROM pg_control_system()) || '/' || "
                         "(SELECT oid FROM pg_database WHERE datname = current_database()) || '/' "
                         "|| substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) AS value",
                         NULL, place, sizeof place, error);
    if (result < 0 || strcmp(noted, place) == 0)
        return result;
    *moved |= *noted != '\0';
    return put(c, "place", place, error);
}

/* ---- the mark */

static int read_file(const char *path, const struct raum_env *env, int64_t *mark,
                     struct raum_error *error)
{
    void *data;
    size_t len;
    char text[32];
    *mark = 0;
    int result = env->file_read(env->ctx, path, sizeof text - 1, &data, &len);
    if (result == RAUM_ENOT_FOUND)
        return 0;
    if (result < 0)
        return err_at(error, "epoch", result, "%s cannot be read", path);
    snprintf(text, sizeof text, "%.*s", (int)len, (const char *)data);
    free(data);
    *mark = strtoll(text, NULL, 10);
    return 0;
}

static int write_file(const char *path, const struct raum_env *env, int64_t mark,
                      struct raum_error *error)
{
    char text[32];
    int len = snprintf(text, sizeof text, "%" PRId64 "\n", mark);
    int result = env->file_write(env->ctx, path, text, (size_t)len, 0600);
    return result < 0 ? err_at(error, "epoch", result, "%s cannot be written", path) : 0;
}

static int check_mark(struct sql *c, int64_t *mark, bool *back, struct raum_error *error)
{
    char text[32];
    int result = state_of(c, "mark", text, sizeof text, error);
    if (result < 0)
        return result;
    int64_t here = strtoll(text, NULL, 10);
    *back |= here < *mark;
    *mark = (here < *mark ? *mark : here) + 1;
    snprintf(text, sizeof text, "%" PRId64, *mark);
    return put(c, "mark", text, error);
}

static int check(struct sql *c, const char *path, const struct raum_env *env, bool *renewed,
                 struct raum_error *error)
{
    int64_t mark = 0;
    int result = read_file(path, env, &mark, error);
    if (result == 0)
        result = sql_begin(c, error);
    if (result < 0)
        return result;
    result = sql_lock(c, "epoch", error);
    if (result == 0)
        result = check_mark(c, &mark, renewed, error);
    if (result == 0)
        result = check_place(c, renewed, error);
    if (result == 0 && *renewed)
        result = relay_new_epoch(c, env, error);
    result = sql_end(c, result, error);
    return result ? result : write_file(path, env, mark, error);
}

int epoch_check(struct sql *c, const char *folder, const struct raum_env *env, bool *renewed,
                struct raum_error *error)
{
    char *path;
    *renewed = false;
    int result = home_path(folder, "mark", &path, error);
    if (result == 0)
        result = check(c, path, env, renewed, error);
    free(path);
    return result;
}
