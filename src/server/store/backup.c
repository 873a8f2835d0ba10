#include "server/store/backup_inside.h"

#include "base/base64.h"
#include "base/clock.h"
#include "base/json.h"
#include "db/raw.h"
#include "native/tarball.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const server_backup_files[] = {
    "secret",         "vault.key", "tls/authority.pem", "tls/authority.key", "tls/server.pem",
    "tls/server.key", NULL,
};

int server_backup_path(char out[PATH_BYTES], const char *folder, const char *name,
                       struct raum_error *error)
{
    int len = snprintf(out, PATH_BYTES, "%s/%s", folder, name);
    return len >= 0 && len < PATH_BYTES ? 0
                                        : err_at(error, "backup", RAUM_ETOO_LARGE,
                                                 "the path of the data directory is too long");
}

/* With lengths, so that no bytes can move from one part to the next. */
void server_backup_digest(crypto_hash_sha256_state *state, const char *name, const void *data,
                          size_t len)
{
    unsigned char lens[16];
    for (int i = 0; i < 8; i++) {
        lens[i] = (unsigned char)((uint64_t)strlen(name) >> (8 * i));
        lens[8 + i] = (unsigned char)((uint64_t)len >> (8 * i));
    }
    crypto_hash_sha256_update(state, lens, sizeof lens);
    crypto_hash_sha256_update(state, (const unsigned char *)name, strlen(name));
    crypto_hash_sha256_update(state, data, len);
}

struct writing {
    const char *data;
    const struct raum_env *env;
    struct server_backup_report *report;
    struct tarball_writer *tar;
    crypto_hash_sha256_state digest;
    struct raum_error *error;
};

static int put(struct writing *x, const char *name, const void *data, size_t len)
{
    server_backup_digest(&x->digest, name, data, len);
    x->report->bytes += (int64_t)len;
    return tarball_put(x->tar, name, data, len, x->error);
}

static int put_manifest(struct writing *x, bool database)
{
    struct buf b;
    struct json_writer w;
    char made[CLOCK_TEXT];
    clock_format_ms(x->env->now_ms(x->env->ctx), made);
    buf_init(&b, 4096);
    json_begin(&w, &b);
    json_open_object(&w);
    json_put_key(&w, "format");
    json_put_str(&w, BACKUP_FORMAT);
    json_put_key(&w, "version");
    json_put_int(&w, BACKUP_VERSION);
    json_put_key(&w, "made");
    json_put_str(&w, made);
    json_put_key(&w, "database");
    json_put_str(&w, database ? "sqlite" : "postgresql");
    json_close_object(&w);
    int result = buf_error(&b, x->error);
    if (result == 0)
        result = put(x, BACKUP_MANIFEST, b.data, b.len);
    buf_release(&b);
    return result;
}

static int put_files(struct writing *x)
{
    int result = 0;
    for (int i = 0; result == 0 && server_backup_files[i]; i++) {
        char path[PATH_BYTES];
        void *data;
        size_t len;
        const char *name = server_backup_files[i];
        result = server_backup_path(path, x->data, name, x->error);
        if (result < 0)
            return result;
        result = x->env->file_read(x->env->ctx, path, BACKUP_SECRET_MAX, &data, &len);
        if (result == RAUM_ENOT_FOUND) {
            result = 0;
            continue;
        }
        if (result < 0)
            return err_at(x->error, "backup", result, "cannot read %s: %s", path,
                          raum_code_text(result));
        result = put(x, name, data, len);
        sodium_memzero(data, len);
        free(data);
        x->report->files++;
        x->report->secret = x->report->secret || strcmp(name, "secret") == 0;
        x->report->vault_key = x->report->vault_key || strcmp(name, "vault.key") == 0;
    }
    return result;
}

static int put_pieces(struct writing *x, struct db *copy)
{
    int64_t size = 0, at = 0;
    unsigned char *piece = malloc(BACKUP_PIECE);
    int result = piece ? db_raw_size(copy, &size, x->error) : err_set(x->error, RAUM_ENOMEM, NULL);
    for (int n = 0; result == 0 && at < size; n++) {
        char name[32];
        size_t take = size - at < (int64_t)BACKUP_PIECE ? (size_t)(size - at) : BACKUP_PIECE;
        snprintf(name, sizeof name, BACKUP_DATABASE "/%06d", n);
        result = db_raw_read(copy, at, piece, take, x->error);
        if (result == 0)
            result = put(x, name, piece, take);
        at += (int64_t)take;
    }
    free(piece);
    return result;
}

/* What is damaged already must not take the place of an older, whole backup. */
static int check_whole(struct db *db, struct raum_error *error)
{
    struct db_stmt s;
    int result = db_prepare(db, &s, &db_grant_own, "PRAGMA quick_check(1)", error);
    if (result == 0)
        result = db_step(&s, error);
    if (result == 0) {
        const char *text = db_text(&s, 0, NULL);
        if (!text || strcmp(text, "ok") != 0)
            result = err_at(error, "backup", RAUM_ECORRUPT, "the database is damaged: %.200s",
                            text ? text : "");
    }
    db_finish(&s);
    return result;
}

/* The copy is one moment of the database; nobody who writes is kept waiting for the archive. It has
 * no name while it is read: killed, nothing of it stays. */
static int put_database(struct writing *x, const char *database)
{
    char path[PATH_BYTES];
    struct db *from = NULL, *copy = NULL;
    int result = server_backup_path(path, x->data, "backup.part", x->error);
    if (result == 0)
        result = db_open(&from, database, 0, x->error);
    if (result == 0)
        result = check_whole(from, x->error);
    if (result == 0)
        result = x->env->file_remove(x->env->ctx, path);
    if (result == 0)
        result = db_open(&copy, path, DB_CREATE | DB_PLAIN, x->error);
    if (result == 0)
        result = x->env->file_remove(x->env->ctx, path);
    if (result == 0)
        result = db_copy(from, copy, x->error);
    if (result == 0)
        result = put_pieces(x, copy);
    db_close(copy);
    db_close(from);
    x->report->database = result == 0;
    return result;
}

static int put_one(void *arg, const char *name, const void *data, size_t len)
{
    return put(arg, name, data, len);
}

static int put_end(struct writing *x)
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    char text[2 * sizeof digest + 1];
    crypto_hash_sha256_final(&x->digest, digest);
    hex_put(text, digest, sizeof digest);
    return tarball_put(x->tar, BACKUP_END, text, 2 * sizeof digest, x->error);
}

int server_backup_write(const char *data, const char *database, const char *file,
                        const struct raum_env *env, struct server_backup_report *report,
                        struct raum_error *error)
{
    struct writing x = {.data = data, .env = env, .report = report, .error = error};
    char own[PATH_BYTES];
    bool elsewhere = database && (strncmp(database, "postgres://", 11) == 0 ||
                                  strncmp(database, "postgresql://", 13) == 0);
    *report = (struct server_backup_report){0};
    crypto_hash_sha256_init(&x.digest);
    int result = server_backup_path(own, data, BACKUP_DATABASE, error);
    if (result == 0)
        result = tarball_write(&x.tar, file, error);
    if (result == 0)
        result = put_manifest(&x, !elsewhere);
    if (result == 0)
        result = put_files(&x);
    if (result == 0 && !elsewhere)
        result = put_database(&x, database ? database : own);
    /* After the rows, which name them: what they name is there, or gone for ever since. */
    if (result == 0)
        result = server_backup_media_put(data, env, put_one, &x, &report->pictures, error);
    if (result == 0)
        result = put_end(&x);
    if (result == 0)
        result = tarball_finish(x.tar, error);
    tarball_writer_free(x.tar);
    return result;
}
