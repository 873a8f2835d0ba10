#include "server/store/backup_inside.h"

#include "base/base64.h"
#include "base/json.h"
#include "db/db.h"
#include "native/tarball.h"
#include "server/home.h"
#include "server/store/migrations.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PART "restore.part" /* being filled */
#define WHOLE "restore"     /* checked; what is in it belongs in the data directory */

struct restoring {
    const char *data;
    const struct raum_env *env;
    struct server_backup_report *report;
    char part[PATH_BYTES];
    int database; /* file descriptor of the one being written; -1 */
    int pieces;
    struct backup_media media;
    bool manifest, ended, expects_database;
    crypto_hash_sha256_state digest;
    struct raum_error *error;
};

static int damaged(struct restoring *x, const char *what)
{
    return err_at(x->error, "backup", RAUM_ECORRUPT, "the backup is damaged: %s", what);
}

static int failed(struct raum_error *error, const char *path)
{
    int code = errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? RAUM_EFULL
               : errno == EACCES || errno == EROFS                  ? RAUM_EREAD_ONLY
                                                                    : RAUM_EIO;
    return err_at(error, "backup", code, "cannot write %s: %s", path, strerror(errno));
}

static bool is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

/* ---- reading the archive into the folder */

static int take_manifest(struct restoring *x, const char *data, size_t len)
{
    struct json_doc doc;
    int64_t version = 0;
    json_init(&doc);
    bool fine = json_parse(&doc, data, len, 0, NULL) == 0;
    struct json_value root = json_root(&doc);
    fine = fine && json_equals(json_get(root, "format"), BACKUP_FORMAT) &&
           json_int(json_get(root, "version"), &version);
    x->expects_database = fine && json_equals(json_get(root, "database"), "sqlite");
    json_release(&doc);
    if (!fine)
        return err_at(x->error, "backup", RAUM_ECORRUPT, "this is not a backup of a server");
    x->manifest = true;
    return version <= BACKUP_VERSION ? 0 : err_set(x->error, RAUM_ENEWER_DATABASE, NULL);
}

static int take_piece(struct restoring *x, const char *name, const char *data, size_t len)
{
    char expected[32], path[PATH_BYTES];
    snprintf(expected, sizeof expected, BACKUP_DATABASE "/%06d", x->pieces);
    if (!x->expects_database || strcmp(name, expected) != 0)
        return damaged(x, "a piece of the database is missing");
    int result = server_backup_path(path, x->part, BACKUP_DATABASE, x->error);
    if (result < 0)
        return result;
    if (x->database < 0)
        x->database = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (x->database < 0)
        return failed(x->error, path);
    while (len > 0) {
        ssize_t put = write(x->database, data, len);
        if (put < 0 && errno != EINTR)
            return failed(x->error, path);
        data += put > 0 ? put : 0;
        len -= put > 0 ? (size_t)put : 0;
    }
    x->pieces++;
    return 0;
}

static int take_file(struct restoring *x, const char *name, const void *data, size_t len)
{
    char path[PATH_BYTES];
    bool known = false;
    for (int i = 0; server_backup_files[i]; i++)
        known = known || strcmp(name, server_backup_files[i]) == 0;
    if (!known || len > BACKUP_SECRET_MAX)
        return damaged(x, "it holds a file that does not belong there");
    int result = server_backup_path(path, x->part, name, x->error);
    if (result < 0)
        return result;
    if (is_there(path))
        return damaged(x, "a file is in it twice");
    if (strncmp(name, "tls/", 4) == 0) {
        char tls[PATH_BYTES];
        result = server_backup_path(tls, x->part, "tls", x->error);
        if (result == 0)
            result = x->env->folder_make(x->env->ctx, tls, 0700);
        if (result < 0)
            return err_at(x->error, "backup", result, "cannot make %s/tls", x->part);
    }
    result = x->env->file_write(x->env->ctx, path, data, len, 0600);
    if (result < 0)
        return err_at(x->error, "backup", result, "cannot write %s", path);
    x->report->files++;
    x->report->secret = x->report->secret || strcmp(name, "secret") == 0;
    x->report->vault_key = x->report->vault_key || strcmp(name, "vault.key") == 0;
    return 0;
}

static int take_end(struct restoring *x, const char *data, size_t len)
{
    unsigned char expected[crypto_hash_sha256_BYTES], found[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_final(&x->digest, found);
    if (!hex_read(expected, sizeof expected, data, len) ||
        sodium_memcmp(expected, found, sizeof found) != 0)
        return damaged(x, "its checksum is wrong");
    x->ended = true;
    return 0;
}

static int take_entry(struct restoring *x, const char *name, const void *data, size_t len)
{
    if (x->ended)
        return damaged(x, "something follows its end");
    if (strcmp(name, BACKUP_END) == 0)
        return x->manifest ? take_end(x, data, len) : damaged(x, "it has no beginning");
    server_backup_digest(&x->digest, name, data, len);
    x->report->bytes += (int64_t)len;
    if (!x->manifest)
        return strcmp(name, BACKUP_MANIFEST) == 0
                   ? take_manifest(x, data, len)
                   : err_at(x->error, "backup", RAUM_ECORRUPT, "this is not a backup of a server");
    size_t stem = strlen(BACKUP_DATABASE);
    if (strncmp(name, BACKUP_DATABASE, stem) == 0 && name[stem] == '/')
        return take_piece(x, name, data, len);
    if (server_backup_media_is(name))
        return server_backup_media_take(&x->media, x->part, x->env, name, data, len, x->error);
    return take_file(x, name, data, len);
}

static int take_all(struct restoring *x, const char *file)
{
    struct tarball_reader *tar = NULL;
    const char *name;
    const void *data;
    size_t len;
    int result = tarball_read(&tar, file, BACKUP_PIECE, x->error);
    while (result == 0 && (result = tarball_next(tar, &name, &data, &len, x->error)) == 0)
        result = take_entry(x, name, data, len);
    tarball_reader_free(tar);
    int closed = server_backup_media_end(&x->media, result < 0 ? NULL : x->error);
    if (result < 0 || closed < 0)
        return result < 0 ? result : closed;
    x->report->pictures = x->media.count;
    if (!x->ended)
        return damaged(x, "its end is missing");
    if (x->expects_database && x->database < 0)
        return damaged(x, "the database is missing");
    return x->database >= 0 && fsync(x->database) != 0 ? failed(x->error, x->part) : 0;
}

/* ---- checking the database */

/* The first row of a check must be `fine`, or there must be none. */
static int check(struct db *db, const char *sql, const char *fine, struct raum_error *error)
{
    struct db_stmt s;
    int result = db_prepare(db, &s, &db_grant_own, sql, error);
    if (result == 0)
        result = db_step(&s, error);
    if (result == 0 && fine) {
        const char *text = db_text(&s, 0, NULL);
        if (!text || strcmp(text, fine) != 0)
            result = err_at(error, "backup", RAUM_ECORRUPT,
                            "the database in the backup is damaged: %.200s", text ? text : "");
    } else if (result == 0)
        result = err_at(error, "backup", RAUM_ECORRUPT,
                        "the database in the backup is damaged: a row refers to none");
    db_finish(&s);
    return result == RAUM_END ? 0 : result;
}

static int check_version(struct db *db, struct raum_error *error)
{
    int64_t version = 0, newest = 0, tables = 0;
    while (migrations[newest].both)
        newest++;
    int result = db_query_int(db,
                              "SELECT count(*) FROM sqlite_schema WHERE type = 'table'"
                              " AND name IN ('server_version', 'accounts')",
                              &tables, error);
    if (result == 0 && tables != 2)
        return err_at(error, "backup", RAUM_ECORRUPT, "the database in it is not a server's");
    if (result == 0)
        result =
            db_query_int(db, "SELECT version FROM server_version WHERE id = 1", &version, error);
    if (result == RAUM_END)
        return err_at(error, "backup", RAUM_ECORRUPT, "the database in it is not a server's");
    return result == 0 && version > newest ? err_set(error, RAUM_ENEWER_DATABASE, NULL) : result;
}

/* What devices have seen may be ahead of this database: with a new epoch, made at the next start,
 * they read from the beginning and offer again what is newer with them (G-O4). */
static int forget_epoch(struct db *db, struct raum_error *error)
{
    int64_t tables = 0;
    int result = db_query_int(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'relay_state'",
                              &tables, error);
    if (result < 0 || tables == 0) /* made before there was a relay */
        return result;
    return db_exec(db,
                   "DELETE FROM relay_state WHERE key = 'epoch';"
                   "INSERT OR IGNORE INTO relay_state (key, value) VALUES ('restored', '1')",
                   error);
}

static int check_database(struct restoring *x)
{
    char path[PATH_BYTES];
    struct db *db = NULL;
    int result = server_backup_path(path, x->part, BACKUP_DATABASE, x->error);
    if (result == 0)
        result = db_open(&db, path, 0, x->error);
    if (result == 0)
        result = check(db, "PRAGMA integrity_check(1)", "ok", x->error);
    if (result == 0)
        result = check(db, "PRAGMA foreign_key_check", NULL, x->error);
    if (result == 0)
        result = check_version(db, x->error);
    if (result == 0)
        result = forget_epoch(db, x->error);
    db_close(db); /* empties and removes its WAL */
    return result;
}

/* ---- moving into place */

static int moved(struct raum_error *error, int result, const char *path)
{
    return result < 0 ? err_at(error, "backup", result, "cannot move %s", path) : 0;
}

/* data/NAME becomes data/NAME.old; absent is fine. */
static int put_aside(const char *data, const char *name, const struct raum_env *env,
                     struct raum_error *error)
{
    char path[PATH_BYTES], old[PATH_BYTES];
    int result = server_backup_path(path, data, name, error);
    if (result < 0 || !is_there(path))
        return result;
    int len = snprintf(old, sizeof old, "%s.old", path);
    if (len < 0 || len >= (int)sizeof old)
        return err_set(error, RAUM_ETOO_LARGE, NULL);
    return moved(error, env->file_rename(env->ctx, path, old), path);
}

static int rename_in(const char *data, const char *from, const char *to, const struct raum_env *env,
                     struct raum_error *error)
{
    char a[PATH_BYTES], b[PATH_BYTES];
    int result = server_backup_path(a, data, from, error);
    if (result == 0)
        result = server_backup_path(b, data, to, error);
    if (result < 0 || !is_there(a))
        return result;
    return moved(error, env->file_rename(env->ctx, a, b), a);
}

static int remove_in(const char *data, const char *name, const struct raum_env *env,
                     struct raum_error *error)
{
    char path[PATH_BYTES];
    int result = server_backup_path(path, data, name, error);
    if (result == 0)
        result = env->file_remove(env->ctx, path);
    return result < 0 ? err_at(error, "backup", result, "cannot remove %s", name) : 0;
}

/* The old database goes aside with its WAL, in an order that can be gone through again from any
 * point: as long as the new one is not in its place, a WAL there is the old one's. */
static int put_database_aside(const char *data, const struct raum_env *env,
                              struct raum_error *error)
{
    char path[PATH_BYTES];
    int result = server_backup_path(path, data, BACKUP_DATABASE, error);
    if (result == 0 && is_there(path)) {
        result = remove_in(data, BACKUP_DATABASE ".old-wal", env, error);
        if (result == 0)
            result = remove_in(data, BACKUP_DATABASE ".old-shm", env, error);
        if (result == 0)
            result = put_aside(data, BACKUP_DATABASE, env, error);
    }
    if (result == 0)
        result = rename_in(data, BACKUP_DATABASE "-wal", BACKUP_DATABASE ".old-wal", env, error);
    return result ? result : remove_in(data, BACKUP_DATABASE "-shm", env, error);
}

static int settle_one(const char *data, const char *name, const struct raum_env *env,
                      struct raum_error *error)
{
    char from[PATH_BYTES], to[PATH_BYTES], folder[PATH_BYTES];
    int result = server_backup_path(folder, data, WHOLE, error);
    if (result == 0)
        result = server_backup_path(from, folder, name, error);
    if (result == 0)
        result = server_backup_path(to, data, name, error);
    if (result < 0 || !is_there(from))
        return result;
    result = strcmp(name, BACKUP_DATABASE) == 0 ? put_database_aside(data, env, error)
                                                : put_aside(data, name, env, error);
    return result ? result : moved(error, env->file_rename(env->ctx, from, to), from);
}

/* Removes what may lie in a folder of ours; other things in it are nobody's business and keep it.
 */
static int clear(const char *folder, const struct raum_env *env, struct raum_error *error)
{
    static const char *const database[] = {BACKUP_DATABASE, BACKUP_DATABASE "-wal",
                                           BACKUP_DATABASE "-shm", BACKUP_DATABASE "-journal"};
    char tls[PATH_BYTES];
    int result = server_backup_path(tls, folder, "tls", error);
    for (int i = 0; result == 0 && server_backup_files[i]; i++)
        result = is_there(folder) ? remove_in(folder, server_backup_files[i], env, error) : 0;
    for (size_t i = 0; result == 0 && i < sizeof database / sizeof database[0]; i++)
        result = is_there(folder) ? remove_in(folder, database[i], env, error) : 0;
    if (result == 0 && is_there(tls))
        result = env->folder_remove(env->ctx, tls);
    if (result == 0)
        result = server_backup_media_move(folder, NULL, env, error);
    if (result == 0 && is_there(folder))
        result = env->folder_remove(env->ctx, folder);
    return result < 0 ? err_at(error, "backup", result, "cannot remove %s", folder) : 0;
}

int server_backup_settle(const char *data, const struct raum_env *env, struct raum_error *error)
{
    char folder[PATH_BYTES], tls[PATH_BYTES];
    int result = server_backup_path(folder, data, WHOLE, error);
    if (result < 0 || !is_there(folder))
        return result;
    result = server_backup_path(tls, folder, "tls", error);
    if (result == 0 && is_there(tls)) {
        result = server_backup_path(tls, data, "tls", error);
        if (result == 0)
            result = env->folder_make(env->ctx, tls, 0700);
    }
    for (int i = 0; result == 0 && server_backup_files[i]; i++)
        result = settle_one(data, server_backup_files[i], env, error);
    if (result == 0)
        result = server_backup_media_move(folder, data, env, error);
    if (result == 0)
        result = settle_one(data, BACKUP_DATABASE, env, error);
    return result ? result : clear(folder, env, error);
}

/* ---- the whole */

static int refuse_existing(struct restoring *x)
{
    static const char *const names[] = {BACKUP_DATABASE, "secret", "vault.key"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[PATH_BYTES];
        int result = server_backup_path(path, x->data, names[i], x->error);
        if (result < 0)
            return result;
        if (is_there(path))
            return err_at(x->error, "backup", RAUM_EEXISTS,
                          "%s is there already; with --force it is put aside", path);
    }
    return 0;
}

static int make_part(struct restoring *x)
{
    int result = server_backup_path(x->part, x->data, PART, x->error);
    if (result == 0)
        result = clear(x->part, x->env, x->error); /* left by one that was killed */
    if (result == 0 && x->env->folder_make(x->env->ctx, x->part, 0700) < 0)
        result = err_at(x->error, "backup", RAUM_EIO, "cannot make %s", x->part);
    return result;
}

static int restore(struct restoring *x, const char *file, bool force)
{
    char whole[PATH_BYTES];
    int result = server_backup_settle(x->data, x->env, x->error);
    if (result == 0 && !force)
        result = refuse_existing(x);
    if (result == 0)
        result = make_part(x);
    if (result < 0)
        return result;
    result = take_all(x, file);
    if (x->database >= 0)
        close(x->database);
    if (result == 0 && x->expects_database)
        result = check_database(x);
    if (result == 0)
        result = server_backup_path(whole, x->data, WHOLE, x->error);
    if (result == 0)
        result = moved(x->error, x->env->file_rename(x->env->ctx, x->part, whole), x->part);
    if (result < 0) {
        int cleared = clear(x->part, x->env, NULL);
        (void)cleared; /* the next restore tries again */
        return result;
    }
    x->report->database = x->expects_database;
    return server_backup_settle(x->data, x->env, x->error);
}

int server_backup_restore(const char *data, const char *file, bool force,
                          const struct raum_env *env, struct server_backup_report *report,
                          struct raum_error *error)
{
    struct restoring x = {
        .data = data, .env = env, .report = report, .database = -1, .media = {.fd = -1},
        .error = error};
    int lock;
    *report = (struct server_backup_report){0};
    crypto_hash_sha256_init(&x.digest);
    int result = home_lock(data, &lock, error);
    if (result < 0)
        return result;
    result = restore(&x, file, force);
    close(lock);
    return result;
}
