#include "engine/staging.h"

#include "base/base64.h"
#include "engine/keyring.h"
#include "engine/seal.h"
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES 65536
#define RECORD_MAX (24u << 20)
#define FORMAT "43"

struct staging {
    struct raum *r;
    struct db *db;
    char *path;
    struct buf chunk;
    struct buf sealed;
    struct db_stmt put;
    unsigned char key[RAUM_KEY_BYTES];
    int64_t chunks;
};

static void remove_file(const struct raum *r, const char *path)
{
    int result = r->env->file_remove(r->env->ctx, path);
    (void)result; /* what stays is sealed, and is discarded at the next open */
}

void staging_close(struct staging *s, bool discard)
{
    if (!s)
        return;
    db_finish(&s->put);
    if (discard && s->path)
        remove_file(s->r, s->path); /* before the lock goes */
    db_close(s->db);
    buf_release(&s->chunk);
    buf_release(&s->sealed);
    memset(s->key, 0, sizeof s->key);
    free(s->path);
    free(s);
}

static struct staging *make(struct raum *r, struct raum_error *error)
{
    static const char name[] = "/staging.db";
    struct staging *s = calloc(1, sizeof *s);
    if (s) {
        s->r = r;
        buf_init(&s->chunk, CHUNK_BYTES + RECORD_MAX);
        buf_init(&s->sealed, CHUNK_BYTES + RECORD_MAX + 1024);
        s->path = malloc(strlen(r->folder) + sizeof name);
    }
    if (!s || !s->path) {
        staging_close(s, false);
        err_set(error, RAUM_ENOMEM, NULL);
        return NULL;
    }
    memcpy(s->path, r->folder, strlen(r->folder));
    memcpy(s->path + strlen(r->folder), name, sizeof name);
    return s;
}

/* The key of the account's own partition: who can read the replica can finish the import. */
static int choose_key(struct staging *s, bool volatile_key, struct raum_error *error)
{
    struct raum *r = s->r;
    unsigned char id[KEYRING_ID_BYTES];
    char text[2 * KEYRING_ID_BYTES + 1];
    if (volatile_key) {
        r->env->random(r->env->ctx, s->key, sizeof s->key);
        return 0;
    }
    int result = replica_begin(r, error);
    if (result < 0)
        return result;
    result = replica_end(r, seal_key(r, r->user_ref, id, error), error);
    const unsigned char *secret = result == 0 ? keyring_find(r->ring, id) : NULL;
    if (result == 0 && !secret)
        result = err_at(error, "staging", RAUM_EKEY_MISSING, NULL);
    if (result || !secret)
        return result;
    memcpy(s->key, secret, sizeof s->key);
    hex_put(text, id, sizeof id);
    return staging_note(s, "key", text, error);
}

int staging_new(struct staging **out, struct raum *r, bool volatile_key, struct raum_error *error)
{
    struct staging *old = NULL;
    int result = staging_open(&old, r, error);
    staging_close(old, true);
    if (result < 0)
        return result;
    struct staging *s = make(r, error);
    if (!s)
        return RAUM_ENOMEM;
    result = db_open(&s->db, s->path, DB_CREATE | DB_PLAIN | DB_NO_WAIT, error);
    if (result == RAUM_ECORRUPT) { /* half-written by a crash */
        remove_file(r, s->path);
        result = db_open(&s->db, s->path, DB_CREATE | DB_PLAIN | DB_NO_WAIT, error);
    }
    if (result == 0)
        result = db_exec(s->db, "BEGIN EXCLUSIVE; CREATE TABLE meta (key TEXT PRIMARY KEY, value);"
                                "CREATE TABLE chunks (seq INTEGER PRIMARY KEY, data BLOB);",
                         error);
    if (result == 0)
        result = staging_note(s, "format", FORMAT, error);
    if (result == 0)
        result = db_prepare(s->db, &s->put, &db_grant_own, "INSERT INTO chunks (data) VALUES (?1)",
                            error);
    if (result == 0)
        result = choose_key(s, volatile_key, error);
    if (result < 0) {
        bool busy = result == RAUM_EBUSY;
        staging_close(s, !busy);
        return busy ? err_at(error, "staging", RAUM_EBUSY, "another import is running") : result;
    }
    *out = s;
    return 0;
}

static int find_key(struct staging *s, struct raum_error *error)
{
    struct buf text;
    unsigned char id[KEYRING_ID_BYTES];
    buf_init(&text, 64);
    int result = staging_noted(s, "key", &text, error);
    const unsigned char *secret = NULL;
    if (result == 0 && hex_read(id, sizeof id, buf_text(&text), text.len))
        secret = keyring_find(s->r->ring, id);
    if (secret)
        memcpy(s->key, secret, sizeof s->key);
    buf_release(&text);
    return secret ? 0 : RAUM_END;
}

static bool noted_is(struct staging *s, const char *key, const char *value)
{
    struct buf text;
    buf_init(&text, 64);
    bool same = staging_noted(s, key, &text, NULL) == 0 && strcmp(buf_text(&text), value) == 0;
    buf_release(&text);
    return same;
}

int staging_open(struct staging **out, struct raum *r, struct raum_error *error)
{
    int64_t size;
    struct staging *s = make(r, error);
    if (!s)
        return RAUM_ENOMEM;
    if (r->env->file_size(r->env->ctx, s->path, &size, NULL) == RAUM_ENOT_FOUND) {
        staging_close(s, false);
        return RAUM_END;
    }
    int result = db_open(&s->db, s->path, DB_PLAIN | DB_NO_WAIT, error);
    if (result == 0)
        result = db_exec(s->db, "BEGIN EXCLUSIVE", error);
    if (result == RAUM_EBUSY) {
        staging_close(s, false);
        return RAUM_END;
    }
    bool whole = result == 0 && noted_is(s, "format", FORMAT) && noted_is(s, "complete", "1") &&
                 find_key(s, error) == 0;
    if (!whole) {
        staging_close(s, true);
        return RAUM_END;
    }
    *out = s;
    return 0;
}

int staging_note(struct staging *s, const char *key, const char *value, struct raum_error *error)
{
    struct db_stmt put;
    int result = db_prepare(s->db, &put, &db_grant_own,
                            "INSERT OR REPLACE INTO meta VALUES (?1, ?2)", error);
    if (result == 0) {
        db_bind_str(&put, 1, key);
        db_bind_str(&put, 2, value);
        result = db_run(&put, error);
    }
    db_finish(&put);
    return result;
}

int staging_noted(struct staging *s, const char *key, struct buf *out, struct raum_error *error)
{
    struct db_stmt get;
    int result =
        db_prepare(s->db, &get, &db_grant_own, "SELECT value FROM meta WHERE key = ?1", error);
    if (result == 0) {
        db_bind_str(&get, 1, key);
        result = db_step(&get, error);
    }
    if (result == 0) {
        size_t len;
        const char *text = db_text(&get, 0, &len);
        buf_add(out, text ? text : "", len);
        result = buf_error(out, error);
    }
    db_finish(&get);
    return result;
}

static int write_chunk(struct staging *s, struct raum_error *error)
{
    if (s->chunk.len == 0)
        return 0;
    buf_reset(&s->sealed);
    int result =
        seal_bytes(s->r->env, s->key, "staging", s->chunk.data, s->chunk.len, &s->sealed, error);
    if (result < 0)
        return result;
    db_bind_blob(&s->put, 1, s->sealed.data, s->sealed.len);
    buf_reset(&s->chunk);
    return db_run(&s->put, error);
}

int staging_add(struct staging *s, const void *record, size_t len, struct raum_error *error)
{
    if (len > RECORD_MAX)
        return err_at(error, "staging", RAUM_ETOO_LARGE, "a row is larger than %u MiB",
                      RECORD_MAX >> 20);
    unsigned char head[4] = {(unsigned char)len, (unsigned char)(len >> 8),
                             (unsigned char)(len >> 16), (unsigned char)(len >> 24)};
    buf_add(&s->chunk, head, sizeof head);
    buf_add(&s->chunk, record, len);
    int result = buf_error(&s->chunk, error);
    return result || s->chunk.len < CHUNK_BYTES ? result : write_chunk(s, error);
}

int staging_complete(struct staging *s, struct raum_error *error)
{
    int result = write_chunk(s, error);
    if (result == 0) /* what stands before the mark is on the disk before the mark is */
        result =
            db_exec(s->db,
                    "COMMIT; PRAGMA synchronous=FULL; BEGIN EXCLUSIVE;"
                    "INSERT OR REPLACE INTO meta VALUES ('synced', 1); COMMIT; BEGIN EXCLUSIVE;",
                    error);
    if (result == 0)
        result = staging_note(s, "complete", "1", error);
    return result ? result : db_exec(s->db, "COMMIT; BEGIN EXCLUSIVE", error);
}

static int walk_chunk(struct staging *s, double done, staging_each *each, void *arg,
                      struct raum_error *error)
{
    const unsigned char *at = (const unsigned char *)s->chunk.data;
    size_t left = s->chunk.len;
    while (left >= 4) {
        size_t len = at[0] | (size_t)at[1] << 8 | (size_t)at[2] << 16 | (size_t)at[3] << 24;
        if (len > left - 4)
            break;
        int result = each(arg, at + 4, len, done, error);
        if (result)
            return result;
        at += 4 + len;
        left -= 4 + len;
    }
    return left ? err_at(error, "staging", RAUM_ECORRUPT, "the staging file is damaged") : 0;
}

int staging_walk(struct staging *s, staging_each *each, void *arg, struct raum_error *error)
{
    struct db_stmt get;
    int64_t total = 1, seen = 0;
    int result = db_query_int(s->db, "SELECT count(*) FROM chunks", &total, error);
    if (result == 0)
        result =
            db_prepare(s->db, &get, &db_grant_own, "SELECT data FROM chunks ORDER BY seq", error);
    else
        return result;
    while (result == 0 && (result = db_step(&get, error)) == 0) {
        size_t len;
        const void *data = db_blob(&get, 0, &len);
        buf_reset(&s->chunk);
        result = open_bytes(s->r->env, s->key, "staging", data, len, &s->chunk, error);
        if (result == 0)
            result = walk_chunk(s, (double)++seen / (double)total, each, arg, error);
    }
    db_finish(&get);
    buf_reset(&s->chunk);
    return result == RAUM_END ? 0 : result;
}
