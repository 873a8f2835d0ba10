#define _GNU_SOURCE
#include "server/media/uploads.h"

#include "base/id.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES 4096
#define NAMES_MAX ((size_t)16 << 20)
#define STRAY_MS INT64_C(3600000) /* a file whose row is being written is younger */

static bool is_id(const char *id)
{
    return strlen(id) == UPLOAD_ID &&
           strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") ==
               UPLOAD_ID;
}

static int path_of(const struct media *m, const char *id, char out[PATH_BYTES],
                   struct raum_error *error)
{
    int len = snprintf(out, PATH_BYTES, "%s/%s", m->uploads, id);
    return len >= 0 && len < PATH_BYTES ? 0 : err_set(error, RAUM_ETOO_LARGE, NULL);
}

static int failed(struct raum_error *error, const char *verb)
{
    int code = errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? RAUM_EFULL
               : errno == EACCES || errno == EROFS                  ? RAUM_EREAD_ONLY
                                                                    : RAUM_EIO;
    return err_at(error, "uploads", code, "cannot %s an upload: %s", verb, strerror(errno));
}

/* ---- making ---- */

static int check_room(struct media *m, struct sql *c, const struct upload *u,
                      struct raum_error *error)
{
    struct sql_rows *rows;
    int64_t used = 0, quota = 0, count = 0, bytes = 0;
    int rc = sql_one(c, &rows, error,
                     "SELECT count(*) AS n, coalesce(sum(length), 0) AS bytes FROM uploads"
                     " WHERE account = ?1 AND done = 0 AND expires > ?2",
                     "si", u->account, u->created);
    if (rc == 0) {
        count = sql_int(rows, "n");
        bytes = sql_int(rows, "bytes");
    }
    sql_rows_free(rows);
    if (rc == 0 && (count >= UPLOADS_AT_ONCE || bytes + u->length > UPLOADS_BYTES))
        return err_at(error, "uploads", RAUM_ERATE_LIMITED,
                      "too many uploads at once: finish or end some of the %lld first",
                      (long long)count);
    if (rc == 0)
        rc = media_room_of(m, c, u->account, &used, &quota, error);
    if (rc == 0 && used + u->length > quota)
        return err_at(error, "uploads", RAUM_ETOO_LARGE,
                      "this account's room for pictures is used up: %lld of %lld MB",
                      (long long)(used >> 20), (long long)(quota >> 20));
    return rc;
}

int uploads_make(struct media *m, struct sql *c, const struct upload *u, struct raum_error *error)
{
    char lock[ID_LEN_MAX + 16];
    snprintf(lock, sizeof lock, "uploads:%s", u->account);
    int rc = sql_begin(c, error);
    if (rc)
        return rc;
    rc = sql_lock(c, lock, error);
    if (rc == 0)
        rc = check_room(m, c, u, error);
    if (rc == 0)
        rc = sql_run(c, error,
                     "INSERT INTO uploads (id, account, space, media, purpose, length, metadata,"
                     " created, expires) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                     "sssssisii", u->id, u->account, u->space, u->media, u->purpose, u->length,
                     u->metadata, u->created, u->expires);
    return sql_end(c, rc, error);
}

/* ---- one of them ---- */

static int read_row(struct sql_rows *rows, struct arena *a, struct upload *out,
                    struct raum_error *error)
{
    *out = (struct upload){
        .id = sql_copy(rows, "id", a),
        .account = sql_copy(rows, "account", a),
        .space = sql_copy(rows, "space", a),
        .media = sql_copy(rows, "media", a),
        .purpose = sql_copy(rows, "purpose", a),
        .metadata = sql_copy(rows, "metadata", a),
        .length = sql_int(rows, "length"),
        .created = sql_int(rows, "created"),
        .expires = sql_int(rows, "expires"),
        .done = sql_int(rows, "done") != 0,
        .fd = -1,
    };
    bool whole =
        out->id && out->account && out->space && out->media && out->purpose && out->metadata;
    return whole ? 0 : err_set(error, RAUM_ENOMEM, NULL);
}

static int open_file(struct media *m, struct upload *u, struct raum_error *error)
{
    char path[PATH_BYTES];
    struct stat info;
    int rc = path_of(m, u->id, path, error);
    if (rc)
        return rc;
    u->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (u->fd < 0 || fstat(u->fd, &info) != 0)
        return failed(error, "open");
    if (flock(u->fd, LOCK_EX | LOCK_NB) != 0) {
        u->offset = info.st_size;
        return err_at(error, "uploads", RAUM_EBUSY, "this upload is at work in another request");
    }
    /* Who had the lock before may have written meanwhile. */
    if (fstat(u->fd, &info) != 0)
        return failed(error, "open");
    u->offset = info.st_size;
    return 0;
}

int uploads_open(struct media *m, struct sql *c, struct arena *a, const char *account,
                 const char *id, struct upload *out, struct raum_error *error)
{
    struct sql_rows *rows = NULL;
    *out = (struct upload){.fd = -1};
    int rc = is_id(id) ? sql_one(c, &rows, error,
                                 "SELECT id, account, space, media, purpose, metadata, length,"
                                 " created, expires, done FROM uploads"
                                 " WHERE id = ?1 AND account = ?2",
                                 "ss", id, account)
                       : RAUM_END;
    if (rc == 0)
        rc = read_row(rows, a, out, error);
    sql_rows_free(rows);
    if (rc == RAUM_END)
        return err_at(error, "uploads", RAUM_ENOT_FOUND, "no such upload");
    if (rc)
        return rc;
    if (out->expires <= m->env->now_ms(m->env->ctx))
        return err_at(error, "uploads", RAUM_ELIMIT, "this upload has run out: begin anew");
    if (out->done) {
        out->offset = out->length;
        return 0;
    }
    return open_file(m, out, error);
}

void uploads_release(struct upload *u)
{
    if (u->fd >= 0)
        close(u->fd);
    u->fd = -1;
}

int uploads_append(struct media *m, struct upload *u, const void *data, size_t len,
                   struct raum_error *error)
{
    const char *at = data;
    int64_t to = u->offset;
    for (size_t left = len; left > 0;) {
        ssize_t n = pwrite(u->fd, at, left, to);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        at += n;
        to += n;
        left -= (size_t)n;
    }
    if (to != u->offset + (int64_t)len || fdatasync(u->fd) != 0) {
        int rc = failed(error, "write");
        if (ftruncate(u->fd, u->offset) != 0) /* the next part is compared with what is there */
            rc = failed(error, "shorten");
        return rc;
    }
    u->offset = to;
    atomic_fetch_add(&m->counts.bytes, len);
    return 0;
}

static void remove_file(struct media *m, const char *id)
{
    char path[PATH_BYTES];
    if (path_of(m, id, path, NULL) == 0)
        (void)!m->env->file_remove(m->env->ctx, path); /* else the sweep does */
}

int uploads_finish(struct media *m, struct sql *c, struct upload *u, bool *known,
                   struct raum_error *error)
{
    char path[PATH_BYTES];
    const struct media_new add = {.account = u->account,
                                  .space = u->space,
                                  .id = u->media,
                                  .purpose = u->purpose,
                                  .upload = u->id};
    *known = true;
    if (u->done)
        return 0;
    int rc = path_of(m, u->id, path, error);
    if (rc == 0)
        rc = media_take(m, c, &add, path, known, error);
    if (rc == 0) {
        u->done = true;
        remove_file(m, u->id);
        return 0;
    }
    bool never = rc == RAUM_EUNSUPPORTED_MEDIA || rc == RAUM_ETOO_LARGE || rc == RAUM_EEXISTS ||
                 rc == RAUM_ENOT_FOUND;
    if (never && uploads_drop(m, c, u, NULL) != 0)
        return rc; /* it runs out by itself */
    return rc;
}

int uploads_drop(struct media *m, struct sql *c, const struct upload *u, struct raum_error *error)
{
    int rc = sql_run(c, error, "DELETE FROM uploads WHERE id = ?1", "s", u->id);
    if (rc == 0)
        remove_file(m, u->id);
    return rc;
}

/* ---- with time ---- */

static int collect(void *arg, const char *name, int is_folder)
{
    struct buf *names = arg;
    if (!is_folder && is_id(name))
        buf_add(names, name, UPLOAD_ID + 1);
    return names->error;
}

static int sweep_file(struct media *m, struct sql *c, const char *id, int64_t now,
                      struct raum_error *error)
{
    struct sql_rows *rows;
    char path[PATH_BYTES];
    int64_t size, modified;
    int rc = sql_one(c, &rows, error, "SELECT 1 AS one FROM uploads WHERE id = ?1 AND done = 0",
                     "s", id);
    sql_rows_free(rows);
    if (rc != RAUM_END)
        return rc;
    rc = path_of(m, id, path, error);
    if (rc == 0 && m->env->file_size(m->env->ctx, path, &size, &modified) == 0 &&
        modified < now - STRAY_MS)
        remove_file(m, id);
    return rc;
}

int uploads_sweep(struct media *m, struct sql *c, struct raum_error *error)
{
    struct buf names;
    int64_t now = m->env->now_ms(m->env->ctx);
    int rc = sql_run(c, error, "DELETE FROM uploads WHERE expires <= ?1", "i", now);
    if (rc)
        return rc;
    buf_init(&names, NAMES_MAX);
    rc = m->env->folder_list(m->env->ctx, m->uploads, collect, &names);
    for (size_t at = 0; rc == 0 && at < names.len; at += UPLOAD_ID + 1)
        rc = sweep_file(m, c, names.data + at, now, error);
    buf_release(&names);
    return rc == RAUM_ENOT_FOUND ? 0 : rc;
}
