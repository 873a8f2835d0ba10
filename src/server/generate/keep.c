#define _GNU_SOURCE
#include "server/generate/keep.h"
#include "base/clock.h"
#include "server/generate/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_MAX_ 4200
#define CLIENT "raum-server" /* the device that such rows come from */
#define SWEEP_MAX 100
#define ORPHAN_MS INT64_C(3600000)
#define AT_WORK_MS INT64_C(60000) /* younger ones are in the hands of who had them made */

int keep_open(struct keep *k, const struct raum_env *env, struct media *media, const char *folder,
              struct raum_error *error)
{
    *k = (struct keep){.env = env, .media = media};
    if (asprintf(&k->folder, "%s/generated", folder) < 0) {
        k->folder = NULL;
        return err_set(error, RAUM_ENOMEM, NULL);
    }
    int rc = env->folder_make(env->ctx, k->folder, 0700);
    return rc ? err_at(error, "generate", rc, "cannot make %s: %s", k->folder, raum_code_text(rc))
              : 0;
}

void keep_close(struct keep *k)
{
    free(k->folder);
    k->folder = NULL;
}

static void path_of(const struct keep *k, const char *name, const char *tail, char out[PATH_MAX_])
{
    snprintf(out, PATH_MAX_, "%s/%s%s", k->folder, name, tail);
}

int keep_hold(struct keep *k, const char *generation, int n, struct raum_error *error)
{
    char path[PATH_MAX_];
    path_of(k, generation, ".room", path);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0600);
    int rc = fd < 0 ? errno : posix_fallocate(fd, 0, KEEP_ROOM * n);
    if (fd >= 0)
        close(fd);
    if (rc == 0)
        return 0;
    keep_let_go(k, generation);
    return err_at(error, "generate", rc == ENOSPC || rc == EDQUOT ? RAUM_EFULL : RAUM_EIO,
                  "there is no room for another picture: %s", strerror(rc));
}

void keep_let_go(struct keep *k, const char *generation)
{
    char path[PATH_MAX_];
    path_of(k, generation, ".room", path);
    if (k->env->file_remove(k->env->ctx, path))
        return; /* a sweep finds it */
}

static int write_files(struct keep *k, struct results *results, struct kept *out,
                       struct raum_error *error)
{
    struct id_source ids = {0};
    for (int i = 0; i < results->count; i++) {
        char path[PATH_MAX_];
        id_new(&ids, k->env, out[i].media);
        id_new(&ids, k->env, out[i].id);
        path_of(k, out[i].media, "", path);
        int rc = k->env->file_write(k->env->ctx, path, results->pictures[i].data,
                                    results->pictures[i].len, 0600);
        if (rc)
            return err_at(error, "generate", rc, "a picture that was made cannot be written");
    }
    return 0;
}

int keep_deliver(struct keep *k, struct sql *c, const char *generation, struct results *results,
                 int64_t units, struct kept *out, struct raum_error *error)
{
    int64_t now = k->env->now_ms(k->env->ctx);
    keep_let_go(k, generation);
    int rc = write_files(k, results, out, error);
    if (rc == 0)
        rc = sql_begin(c, error);
    if (rc)
        return rc;
    rc = ledger_deliver(c, generation, results->model, results->count, units, now, error);
    for (int i = 0; i < results->count && rc == 0; i++)
        rc = sql_run(c, error,
                     "INSERT INTO generated (media, record, generation, created)"
                     " VALUES (?1, ?2, ?3, ?4)",
                     "sssi", out[i].media, out[i].id, generation, now);
    return sql_end(c, rc, error);
}

/* ---- becoming a picture and a row ---- */

struct job {
    const char *media, *record;
    const char *space, *account, *agent, *model, *refs, *size, *row;
    int64_t width, height;
    keep_written *written;
    void *arg;
};

static int read_job(struct sql *c, const char *media, struct arena *a, struct job *j,
                    struct raum_error *error)
{
    struct sql_rows *rows;
    int rc = sql_one(c, &rows, error,
                     "SELECT d.record AS record, g.space AS space, g.account AS account,"
                     " g.agent AS agent, g.model AS model, g.refs AS refs, g.size AS size,"
                     " g.row AS row FROM generated d JOIN generations g ON g.id = d.generation"
                     " WHERE d.media = ?1",
                     "s", media);
    if (rc == 0)
        *j = (struct job){.media = media,
                          .record = sql_copy(rows, "record", a),
                          .space = sql_copy(rows, "space", a),
                          .account = sql_copy(rows, "account", a),
                          .agent = sql_copy(rows, "agent", a),
                          .model = sql_copy(rows, "model", a),
                          .refs = sql_copy(rows, "refs", a),
                          .size = sql_copy(rows, "size", a),
                          .row = sql_copy(rows, "row", a)};
    sql_rows_free(rows);
    if (rc == 0 &&
        !(j->record && j->space && j->account && j->model && j->refs && j->size && j->row))
        rc = err_set(error, RAUM_ENOMEM, NULL);
    return rc == RAUM_END ? err_set(error, RAUM_ENOT_FOUND, "no such picture") : rc;
}

static int take(struct keep *k, struct sql *c, struct job *j, struct raum_error *error)
{
    const struct media_new add = {
        .account = j->account, .space = j->space, .id = j->media, .purpose = "picture"};
    struct sql_rows *rows;
    char path[PATH_MAX_];
    bool known;
    path_of(k, j->media, "", path);
    int rc = media_take(k->media, c, &add, path, &known, error);
    if (rc)
        return rc;
    rc = sql_one(c, &rows, error,
                 "SELECT width, height FROM media WHERE space = ?1 AND id = ?2 AND owner = ?3",
                 "sss", j->space, j->media, j->account);
    if (rc == 0) {
        j->width = sql_int(rows, "width");
        j->height = sql_int(rows, "height");
    }
    sql_rows_free(rows);
    return rc == RAUM_END ? err_set(error, RAUM_ENOT_FOUND, "no such picture") : rc;
}

/* A field as a device stamps it, so that what was made can be taken back by its stamps. */
struct stamped {
    struct json_writer w;
    char at[CLOCK_TEXT];
};

static void put(struct json_writer *w, const char *key, const char *text)
{
    json_put_key(w, key);
    json_put_str(w, text);
}

static void put_field(struct stamped *s, const char *key, size_t len, const char *json, size_t size)
{
    json_put_key_len(&s->w, key, len);
    json_open_object(&s->w);
    json_put_key(&s->w, "value");
    json_put_raw(&s->w, json, size);
    put(&s->w, "at", s->at);
    json_close_object(&s->w);
}

static void put_text(struct stamped *s, const char *key, const char *text)
{
    json_put_key(&s->w, key);
    json_open_object(&s->w);
    put(&s->w, "value", text);
    put(&s->w, "at", s->at);
    json_close_object(&s->w);
}

static void put_number(struct stamped *s, const char *key, int64_t n)
{
    char text[24];
    int len = snprintf(text, sizeof text, "%lld", (long long)n);
    put_field(s, key, strlen(key), text, (size_t)len);
}

static void put_fields(struct stamped *s, const struct job *j, const struct json_doc *row,
                       int64_t now)
{
    char created[CLOCK_TEXT];
    size_t len, size;
    clock_format_ms(now, created);
    put_text(s, "createdAt", created);
    put_text(s, "mediaId", j->media);
    put_text(s, "model", j->model);
    put_text(s, "size", j->size);
    put_text(s, "generationMode", "reference");
    put_field(s, "referenceMediaIds", strlen("referenceMediaIds"), j->refs, strlen(j->refs));
    put_number(s, "width", j->width);
    put_number(s, "height", j->height);
    struct json_value root = json_root(row);
    for (struct json_value v = json_first(root); v.doc; v = json_next(root, v)) {
        const char *key = json_raw(json_key(v), &len), *value = json_raw(v, &size);
        put_field(s, key + 1, len - 2, value, size); /* ours: nothing is escaped */
    }
}

/* The row as a device would send it; its prompt is the client's to seal and write (G-K1). */
static void put_change(struct buf *out, const struct job *j, const struct json_doc *row,
                       int64_t now)
{
    struct stamped s;
    struct json_writer *w = &s.w;
    clock_format(clock_at(now, 0), s.at);
    json_begin(w, out);
    json_open_object(w);
    put(w, "clientId", CLIENT);
    put(w, "since", "");
    json_put_key(w, "changes");
    json_open_array(w);
    json_open_object(w);
    put(w, "app", "picture");
    put(w, "table", "images");
    put(w, "id", j->record);
    put(w, "op", "insert");
    put(w, "spaceId", j->space);
    json_put_key(w, "fields");
    json_open_object(w);
    put_fields(&s, j, row, now);
    json_close_object(w);
    json_close_object(w);
    json_close_array(w);
    json_close_object(w);
}

/* The row, and what is noted of it: both or neither. */
static int push(struct sql *c, struct relay *relay, const struct job *j, const struct json_doc *doc,
                struct arena *a, struct raum_error *error)
{
    const struct relay_caller who = {.account = j->account, .client = CLIENT, .agent = j->agent};
    struct relay_exchange x;
    int rc = relay_exchange_read(&x, &who, doc, a, error);
    if (rc == 0)
        rc = sql_begin(c, error);
    if (rc)
        return rc;
    rc = relay_exchange_push(relay, &x, a, error);
    if (rc == 0 && x.results[0].status == WIRE_REJECTED)
        rc = err_set(error, x.results[0].code, NULL);
    if (rc == 0 && j->written && x.count == 1)
        rc = j->written(j->arg, c, &x, error);
    rc = sql_end(c, rc, error);
    if (rc)
        relay_forget(relay);
    return rc;
}

static int put_row(struct sql *c, struct relay *relay, const struct job *j, int64_t now,
                   struct arena *a, struct raum_error *error)
{
    struct json_doc row, doc;
    struct buf text;
    json_init(&row);
    json_init(&doc);
    buf_init(&text, (size_t)1 << 16);
    int rc = json_parse(&row, j->row, strlen(j->row), 0, error);
    if (rc == 0)
        put_change(&text, j, &row, now);
    if (rc == 0)
        rc = buf_error(&text, error);
    if (rc == 0)
        rc = json_parse(&doc, buf_text(&text), text.len, 0, error);
    if (rc == 0)
        rc = push(c, relay, j, &doc, a, error);
    buf_release(&text);
    json_release(&doc);
    json_release(&row);
    return rc;
}

static int forget(struct keep *k, struct sql *c, const char *media, struct raum_error *error)
{
    char path[PATH_MAX_];
    path_of(k, media, "", path);
    int rc = sql_run(c, error, "DELETE FROM generated WHERE media = ?1", "s", media);
    return rc ? rc : k->env->file_remove(k->env->ctx, path);
}

int keep_finish(struct keep *k, struct sql *c, struct relay *relay, const char *media,
                keep_written *written, void *arg, struct raum_error *error)
{
    struct raum_error other = {0};
    struct arena a;
    struct job j = {.media = media};
    arena_init(&a, (size_t)8 << 20);
    int rc = read_job(c, media, &a, &j, error);
    j.written = written;
    j.arg = arg;
    if (rc == 0)
        rc = take(k, c, &j, error);
    if (rc == 0)
        rc = put_row(c, relay, &j, k->env->now_ms(k->env->ctx), &a, error);
    /* What will never be a picture of that space does not lie here for ever. */
    bool never = rc == RAUM_ENOT_FOUND || rc == RAUM_ENOT_ALLOWED ||
                 rc == RAUM_EUNSUPPORTED_MEDIA || rc == RAUM_ETOO_LARGE || rc == RAUM_EEXISTS;
    if (rc == 0)
        rc = forget(k, c, media, error);
    else if (never && forget(k, c, media, &other))
        never = false; /* the next sweep */
    arena_release(&a);
    return rc;
}

/* ---- what was left lying ---- */

struct lying {
    struct keep *k;
    struct sql *c;
    int64_t now;
};

/* A file that no row names: the server was killed before it could charge for it. */
static int look_at(void *arg, const char *name, int is_folder)
{
    struct lying *l = arg;
    struct sql_rows *rows;
    char path[PATH_MAX_];
    int64_t size, modified;
    path_of(l->k, name, "", path);
    if (is_folder || l->k->env->file_size(l->k->env->ctx, path, &size, &modified) ||
        modified > l->now - ORPHAN_MS)
        return 0;
    int rc =
        sql_one(l->c, &rows, NULL, "SELECT 1 AS one FROM generated WHERE media = ?1", "s", name);
    sql_rows_free(rows);
    return rc == RAUM_END ? l->k->env->file_remove(l->k->env->ctx, path) : 0;
}

int keep_sweep(struct keep *k, struct sql *c, struct raum_error *error)
{
    struct lying l = {k, c, k->env->now_ms(k->env->ctx)};
    char ids[SWEEP_MAX][ID_TEXT];
    int count = 0;
    struct sql_rows *rows;
    struct relay *relay;
    int rc = sql_many(c, &rows, error,
                      "SELECT media FROM generated WHERE created < ?1 ORDER BY created LIMIT 100",
                      "i", (int64_t)(l.now - AT_WORK_MS));
    while (rc == 0 && count < SWEEP_MAX && (rc = sql_next(rows, error)) == 0)
        snprintf(ids[count++], ID_TEXT, "%s", sql_text(rows, "media"));
    sql_rows_free(rows);
    rc = rc == RAUM_END ? 0 : rc;
    if (rc == 0 && count)
        rc = relay_new(&relay, c, k->env, error);
    if (rc)
        return rc;
    int last = 0;
    for (int i = 0; i < count; i++) {
        int one = keep_finish(k, c, relay, ids[i], NULL, NULL, error);
        last = one && one != RAUM_ENOT_FOUND ? one : last;
    }
    if (count)
        relay_free(relay);
    rc = k->env->folder_list(k->env->ctx, k->folder, look_at, &l);
    return last ? last : rc;
}
