#include "engine/quarantine.h"

#include "engine/backup_head.h"
#include "engine/intern.h"
#include "engine/media_files.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_ROOM 4096
#define ENTRY_MAX (((size_t)256 << 20) + 1024)
#define ABOUT_MAX ((size_t)64 << 10)
#define HELD_MAX 1000 /* folders that are looked at */

/* ---- names ---- */

static bool fits(const char *id)
{
    size_t digits = strspn(id, "0123456789");
    return digits == 13 && id[13] == '-' && id[14] &&
           strspn(id + 14, "0123456789") == strlen(id + 14) && strlen(id) < QUARANTINE_ID;
}

void quarantine_id(int64_t at_ms, uint32_t space, char out[QUARANTINE_ID])
{
    snprintf(out, QUARANTINE_ID, "%013" PRId64 "-%u", at_ms > 0 ? at_ms : 1, space);
}

static void path_of(const struct raum *r, const char *id, const char *file, char out[PATH_ROOM])
{
    snprintf(out, PATH_ROOM, "%s/quarantine%s%s%s%s", r->folder, *id ? "/" : "", id,
             *file ? "/" : "", file);
}

static int file_error(struct raum_error *error, int result, const char *verb, const char *path)
{
    return result < 0 ? err_at(error, "quarantine", result, "cannot %s %s: %s", verb, path,
                               raum_code_text(result))
                      : 0;
}

static int damaged(struct raum_error *error)
{
    return err_at(error, "quarantine", RAUM_ECORRUPT, "the quarantine is damaged");
}

static void nonce_of(int64_t number, unsigned char nonce[RAUM_NONCE_BYTES])
{
    memset(nonce, number < 0 ? 0xff : 0, RAUM_NONCE_BYTES);
    for (int i = 0; number >= 0 && i < 8; i++)
        nonce[i] = (unsigned char)((uint64_t)number >> (8 * i));
}

/* ---- writing ---- */

struct writing {
    struct raum *r;
    struct quarantine *q;
    unsigned char key[RAUM_KEY_BYTES];
};

static int write_sealed(struct writing *w, int64_t number, const struct buf *head,
                        const struct buf *text, const char *file, struct raum_error *error)
{
    const struct raum_env *env = w->r->env;
    unsigned char nonce[RAUM_NONCE_BYTES];
    char path[PATH_ROOM];
    size_t start = head ? head->len : 0, len = start + text->len + RAUM_TAG_BYTES;
    unsigned char *out = malloc(len);
    if (!out)
        return err_set(error, RAUM_ENOMEM, NULL);
    if (head)
        memcpy(out, head->data, start);
    nonce_of(number, nonce);
    env->aead_seal(env->ctx, out + start, text->data, text->len, NULL, 0, nonce, w->key);
    path_of(w->r, w->q->id, file, path);
    int result = file_error(error, env->file_write(env->ctx, path, out, len, 0600), "write", path);
    free(out);
    return result;
}

static int put_entry(void *ctx, const char *name, const void *data, size_t len,
                     struct raum_error *error)
{
    struct writing *w = ctx;
    struct buf text;
    char file[24];
    size_t name_len = strlen(name);
    if (name_len > 255)
        return damaged(error);
    buf_init(&text, ENTRY_MAX);
    buf_char(&text, (char)name_len);
    buf_add(&text, name, name_len);
    buf_add(&text, data, len);
    snprintf(file, sizeof file, "%" PRId64, w->q->entries);
    int result = buf_error(&text, error);
    if (result == 0)
        result = write_sealed(w, w->q->entries, NULL, &text, file, error);
    buf_release(&text);
    w->q->entries++;
    return result;
}

static int read_picture(void *ctx, const char *hash, void **data, size_t *len,
                        struct raum_error *error)
{
    return media_files_read(ctx, hash, data, len, error);
}

static void put_about(const struct quarantine *q, struct buf *out)
{
    struct json_writer w;
    json_begin(&w, out);
    json_open_object(&w);
    json_put_key(&w, "at");
    json_put_int(&w, q->at_ms);
    json_put_key(&w, "entries");
    json_put_int(&w, q->entries);
    json_put_key(&w, "name");
    json_put_str(&w, q->name);
    json_put_key(&w, "pictures");
    json_put_int(&w, q->pictures);
    json_put_key(&w, "rows");
    json_put_int(&w, q->rows);
    json_close_object(&w);
}

static int write_head(struct writing *w, struct raum_error *error)
{
    struct buf head, about;
    buf_init(&head, BACKUP_HEAD_MAX);
    buf_init(&about, ABOUT_MAX);
    put_about(w->q, &about);
    int result = backup_head_write(w->r->env, w->r->ring, NULL, w->key, &head, error);
    if (result == 0)
        result = buf_error(&about, error);
    if (result == 0)
        result = write_sealed(w, -1, &head, &about, "head", error);
    buf_release(&head);
    buf_release(&about);
    return result;
}

static int write_all(struct writing *w, uint32_t space, struct raum_error *error)
{
    char local[ID_TEXT + 16] = SCHEMA_OFFLINE;
    struct archive_report report;
    const struct archive_sink sink = {w, put_entry};
    const struct archive_media media = {w->r, read_picture, NULL};
    id_new(&w->r->ids, w->r->env, local + strlen(SCHEMA_OFFLINE));
    int result = archive_export_unsent(w->r, space, local, &sink, &media, &report, error);
    w->q->rows = report.rows;
    w->q->pictures = report.pictures;
    if (result == 0 && report.rows + report.pictures > 0)
        return write_head(w, error);
    int dropped = quarantine_drop(w->r, w->q->id, result ? NULL : error);
    return result ? result : dropped == RAUM_ENOT_FOUND ? 0 : dropped;
}

int quarantine_write(struct raum *r, uint32_t space, int64_t at_ms, struct quarantine *out,
                     struct raum_error *error)
{
    struct writing w = {.r = r, .q = out};
    char path[PATH_ROOM];
    const struct space *s = intern_space(r, space);
    *out = (struct quarantine){.at_ms = at_ms};
    if (!s || r->depth == 0)
        return err_at(error, "quarantine", RAUM_EINTERNAL, "no such space, or no transaction");
    quarantine_id(at_ms, space, out->id);
    snprintf(out->name, sizeof out->name, "%s", s->name);
    int result = backup_some_key(r, error);
    if (result < 0)
        return result;
    r->env->random(r->env->ctx, w.key, sizeof w.key);
    path_of(r, out->id, "head", path);
    result = file_error(error, r->env->file_remove(r->env->ctx, path), "remove", path);
    path_of(r, out->id, "", path);
    if (result == 0)
        result = file_error(error, r->env->folder_make(r->env->ctx, path, 0700), "make", path);
    if (result == 0)
        result = write_all(&w, space, error);
    keyring_wipe(w.key, sizeof w.key);
    return result;
}

/* ---- reading ---- */

struct memory {
    const char *data;
    size_t len, at;
};

static int64_t read_memory(void *ctx, void *data, size_t n)
{
    struct memory *m = ctx;
    size_t take = m->len - m->at < n ? m->len - m->at : n;
    memcpy(data, m->data + m->at, take);
    m->at += take;
    return (int64_t)take;
}

static int open_sealed(const struct raum *r, const unsigned char key[RAUM_KEY_BYTES],
                       int64_t number, const char *data, size_t len, struct buf *out,
                       struct raum_error *error)
{
    unsigned char nonce[RAUM_NONCE_BYTES];
    char *room = len > RAUM_TAG_BYTES ? buf_room(out, len - RAUM_TAG_BYTES) : NULL;
    if (!room)
        return len > RAUM_TAG_BYTES ? err_set(error, RAUM_ENOMEM, NULL) : damaged(error);
    nonce_of(number, nonce);
    if (r->env->aead_open(r->env->ctx, (unsigned char *)room, data, len, NULL, 0, nonce, key) != 0)
        return damaged(error);
    out->len += len - RAUM_TAG_BYTES;
    return 0;
}

static int read_about(struct quarantine *q, const struct buf *text, struct raum_error *error)
{
    struct json_doc doc;
    struct arena a;
    arena_init(&a, ABOUT_MAX);
    json_init(&doc);
    int result = json_parse(&doc, buf_text(text), text->len, 0, NULL) == 0 ? 0 : damaged(error);
    struct json_value root = json_root(&doc);
    const char *name = result == 0 ? json_str(json_get(root, "name"), &a) : NULL;
    if (result == 0 && (!name || !json_int(json_get(root, "at"), &q->at_ms) ||
                        !json_int(json_get(root, "rows"), &q->rows) || q->rows < 0 ||
                        !json_int(json_get(root, "pictures"), &q->pictures) || q->pictures < 0 ||
                        !json_int(json_get(root, "entries"), &q->entries) || q->entries < 0))
        result = damaged(error);
    snprintf(q->name, sizeof q->name, "%s", name ? name : "");
    json_release(&doc);
    arena_release(&a);
    return result;
}

/* NOT_FOUND: none, or one that is not whole. */
static int read_head(struct raum *r, const char *id, struct quarantine *q,
                     unsigned char key[RAUM_KEY_BYTES], struct raum_error *error)
{
    unsigned char digest[RAUM_HASH_BYTES];
    char path[PATH_ROOM];
    void *data = NULL;
    size_t len = 0;
    *q = (struct quarantine){0};
    if (!fits(id))
        return err_at(error, "quarantine", RAUM_ENOT_FOUND, "no such quarantine: %.60s", id);
    snprintf(q->id, sizeof q->id, "%s", id);
    q->at_ms = strtoll(id, NULL, 10);
    path_of(r, id, "head", path);
    int result = r->env->file_read(r->env->ctx, path, BACKUP_HEAD_MAX + ABOUT_MAX, &data, &len);
    if (result == RAUM_ENOT_FOUND)
        return err_at(error, "quarantine", result, "no such quarantine: %s", id);
    if (result < 0)
        return file_error(error, result, "read", path);
    struct memory m = {data, len, 0};
    const struct chunks_source source = {&m, read_memory, NULL};
    const struct backup_target target = {.env = r->env, .ring = r->ring};
    struct buf about;
    buf_init(&about, ABOUT_MAX);
    result = backup_head_read(&target, &source, key, digest, error);
    q->locked = result == RAUM_ELOCKED;
    if (result == RAUM_ELOCKED)
        result = err_at(error, "quarantine", RAUM_EKEY_MISSING,
                        "the key of this quarantine is not on this device");
    if (result == 0)
        result = open_sealed(r, key, -1, m.data + m.at, m.len - m.at, &about, error);
    if (result == 0)
        result = read_about(q, &about, error);
    buf_release(&about);
    free(data);
    return result;
}

int quarantine_find(struct raum *r, const char *id, struct quarantine *out,
                    struct raum_error *error)
{
    unsigned char key[RAUM_KEY_BYTES];
    int result = read_head(r, id, out, key, error);
    keyring_wipe(key, sizeof key);
    return result;
}

struct names {
    char list[HELD_MAX][QUARANTINE_ID];
    size_t count;
};

static int add_name(void *arg, const char *name, int is_folder)
{
    struct names *n = arg;
    if (is_folder && fits(name) && n->count < HELD_MAX)
        snprintf(n->list[n->count++], QUARANTINE_ID, "%s", name);
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

static int all_names(struct raum *r, struct names **out, struct raum_error *error)
{
    char path[PATH_ROOM];
    struct names *n = calloc(1, sizeof *n);
    *out = n;
    if (!n)
        return err_set(error, RAUM_ENOMEM, NULL);
    path_of(r, "", "", path);
    int result = r->env->folder_list(r->env->ctx, path, add_name, n);
    qsort(n->list, n->count, sizeof n->list[0], by_name);
    return result == RAUM_ENOT_FOUND ? 0 : file_error(error, result, "read", path);
}

int quarantine_each(struct raum *r, quarantine_fn *each, void *arg, struct raum_error *error)
{
    struct names *n;
    struct quarantine q;
    int result = all_names(r, &n, error);
    for (size_t i = 0; result == 0 && i < n->count; i++) {
        int found = quarantine_find(r, n->list[i], &q, error);
        if (found == 0 || found == RAUM_EKEY_MISSING || found == RAUM_ECORRUPT)
            result = each(arg, &q, error);
        else if (found != RAUM_ENOT_FOUND)
            result = found;
    }
    free(n);
    return result;
}

static int export_entry(struct raum *r, const struct quarantine *q, int64_t number,
                        const unsigned char key[RAUM_KEY_BYTES], const struct archive_sink *sink,
                        struct raum_error *error)
{
    char path[PATH_ROOM], file[24], name[256];
    void *data = NULL;
    size_t len = 0;
    struct buf text;
    snprintf(file, sizeof file, "%" PRId64, number);
    path_of(r, q->id, file, path);
    int result = r->env->file_read(r->env->ctx, path, ENTRY_MAX + RAUM_TAG_BYTES, &data, &len);
    if (result < 0)
        return result == RAUM_ENOT_FOUND ? damaged(error) : file_error(error, result, "read", path);
    buf_init(&text, ENTRY_MAX);
    result = open_sealed(r, key, number, data, len, &text, error);
    free(data);
    size_t name_len = result == 0 ? (unsigned char)text.data[0] : 0;
    if (result == 0 && text.len < 1 + name_len)
        result = damaged(error);
    if (result == 0) {
        memcpy(name, text.data + 1, name_len);
        name[name_len] = '\0';
        result =
            sink->put(sink->ctx, name, text.data + 1 + name_len, text.len - 1 - name_len, error);
    }
    buf_release(&text);
    return result;
}

int quarantine_export(struct raum *r, const char *id, const struct archive_sink *sink,
                      struct raum_error *error)
{
    unsigned char key[RAUM_KEY_BYTES];
    struct quarantine q;
    int result = read_head(r, id, &q, key, error);
    for (int64_t i = 0; i < q.entries && result == 0; i++)
        result = export_entry(r, &q, i, key, sink, error);
    keyring_wipe(key, sizeof key);
    return result;
}

/* ---- the end of it ---- */

struct dropping {
    struct raum *r;
    const char *id;
    int count;
};

static int drop_file(void *arg, const char *name, int is_folder)
{
    struct dropping *d = arg;
    char path[PATH_ROOM];
    if (is_folder)
        return 0;
    d->count++;
    path_of(d->r, d->id, name, path);
    return d->r->env->file_remove(d->r->env->ctx, path);
}

int quarantine_drop(struct raum *r, const char *id, struct raum_error *error)
{
    struct dropping d = {.r = r, .id = id};
    char path[PATH_ROOM];
    if (!fits(id))
        return err_at(error, "quarantine", RAUM_ENOT_FOUND, "no such quarantine: %.60s", id);
    path_of(r, id, "head", path); /* first: what is half gone is none */
    int result = file_error(error, r->env->file_remove(r->env->ctx, path), "remove", path);
    path_of(r, id, "", path);
    do { /* a folder that changes may not be listed whole */
        d.count = 0;
        if (result == 0)
            result = r->env->folder_list(r->env->ctx, path, drop_file, &d);
    } while (result == 0 && d.count > 0);
    if (result == RAUM_ENOT_FOUND)
        return err_at(error, "quarantine", result, "no such quarantine: %s", id);
    if (result == 0)
        result = r->env->folder_remove(r->env->ctx, path);
    return file_error(error, result, "remove", path);
}

void quarantine_sweep(struct raum *r)
{
    struct names *n;
    int64_t now = r->env->now_ms(r->env->ctx);
    int result = all_names(r, &n, NULL);
    for (size_t i = 0; result == 0 && i < n->count; i++)
        if (strtoll(n->list[i], NULL, 10) < now - QUARANTINE_MS)
            (void)!quarantine_drop(r, n->list[i], NULL);
    free(n);
}
