#include "engine/backup_head.h"

#include "base/base64.h"
#include "base/json.h"
#include "engine/seal.h"
#include <string.h>

#define PURPOSE "backup key"
#define START (sizeof BACKUP_MAGIC - 1 + 4)

bool backup_name_fits(const char *name)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    if (strncmp(name, "media/", 6) != 0 && strncmp(name, "trash/", 6) != 0)
        return false;
    const char *at = name + 6;
    for (int part = 0; part < 2; part++) {
        size_t len = strspn(at, plain);
        if (len == 0 || *at == '.' || at[len] != (part ? '\0' : '/'))
            return false;
        at += len + 1;
    }
    return strlen(name) <= 200;
}

/* ---- writing ---- */

static void put_sealed(const struct raum_env *env, struct json_writer *w, const unsigned char *with,
                       const unsigned char *key, struct raum_error *error)
{
    struct buf sealed, text;
    buf_init(&sealed, 1024);
    buf_init(&text, 1024);
    int result = seal_bytes(env, with, PURPOSE, key, RAUM_KEY_BYTES, &sealed, error);
    if (result == 0)
        base64_put(&text, sealed.data, sealed.len);
    json_put_text(w, buf_text(&text), text.len);
    if (result < 0 || text.error)
        w->out->error = RAUM_ENOMEM;
    buf_release(&sealed);
    buf_release(&text);
}

static int put_passphrase(const struct raum_env *env, struct json_writer *w, const char *passphrase,
                          const unsigned char *key, struct raum_error *error)
{
    unsigned char salt[16], with[RAUM_KEY_BYTES];
    struct buf text;
    env->random(env->ctx, salt, sizeof salt);
    int result = env->stretch(env->ctx, with, passphrase, strlen(passphrase), salt);
    if (result < 0)
        return err_set(error, result, NULL);
    buf_init(&text, 100);
    base64_put(&text, salt, sizeof salt);
    json_put_key(w, "passphrase");
    put_sealed(env, w, with, key, error);
    json_put_key(w, "salt");
    json_put_text(w, buf_text(&text), text.len);
    keyring_wipe(with, sizeof with);
    buf_release(&text);
    return 0;
}

int backup_head_write(const struct raum_env *env, const struct keyring *ring,
                      const char *passphrase, const unsigned char key[RAUM_KEY_BYTES],
                      struct buf *out, struct raum_error *error)
{
    struct json_writer w;
    char id[2 * KEYRING_ID_BYTES + 1];
    int result = 0;
    buf_str(out, BACKUP_MAGIC);
    buf_add(out, "\0\0\0\0", 4);
    json_begin(&w, out);
    json_open_object(&w);
    json_put_key(&w, "keys");
    json_open_object(&w);
    for (unsigned i = 0; i < ring->count && i < BACKUP_KEYS_MAX; i++) {
        hex_put(id, ring->keys[i].id, KEYRING_ID_BYTES);
        json_put_key(&w, id);
        put_sealed(env, &w, ring->keys[i].secret, key, error);
    }
    json_close_object(&w);
    if (passphrase)
        result = put_passphrase(env, &w, passphrase, key, error);
    json_put_key(&w, "version");
    json_put_int(&w, 1);
    json_close_object(&w);
    if (result == 0)
        result = buf_error(out, error);
    if (result < 0)
        return result;
    size_t len = out->len - START;
    for (int i = 0; i < 4; i++)
        out->data[START - 4 + i] = (char)(len >> (8 * i));
    return 0;
}

/* ---- reading ---- */

static int damaged(struct raum_error *error)
{
    return err_at(error, "backup", RAUM_ECORRUPT, "this is no backup, or it is damaged");
}

static int read_exactly(const struct chunks_source *s, char *data, size_t len,
                        struct raum_error *error)
{
    while (len > 0) {
        int64_t got = s->read(s->ctx, data, len);
        if (got < 0)
            return err_set(error, (int)got, NULL);
        if (got == 0 || (uint64_t)got > len)
            return damaged(error);
        data += got;
        len -= (size_t)got;
    }
    return 0;
}

static bool open_one(const struct raum_env *env, struct json_value v, const unsigned char *with,
                     unsigned char key[RAUM_KEY_BYTES])
{
    struct buf sealed, open;
    size_t len;
    const char *raw = json_raw(v, &len);
    buf_init(&sealed, 1024);
    buf_init(&open, 1024);
    bool fine = json_is(v, JSON_STRING) && base64_get(&sealed, raw + 1, len - 2) &&
                open_bytes(env, with, PURPOSE, sealed.data, sealed.len, &open, NULL) == 0 &&
                open.len == RAUM_KEY_BYTES;
    if (fine)
        memcpy(key, open.data, RAUM_KEY_BYTES);
    if (open.data)
        keyring_wipe(open.data, open.len);
    buf_release(&sealed);
    buf_release(&open);
    return fine;
}

static bool open_by_ring(const struct backup_target *t, struct json_value keys,
                         unsigned char key[RAUM_KEY_BYTES])
{
    char id[2 * KEYRING_ID_BYTES + 1];
    for (unsigned i = 0; t->ring && i < t->ring->count; i++) {
        hex_put(id, t->ring->keys[i].id, KEYRING_ID_BYTES);
        struct json_value v = json_get(keys, id);
        if (v.doc && open_one(t->env, v, t->ring->keys[i].secret, key))
            return true;
    }
    return false;
}

static int open_by_passphrase(const struct backup_target *t, struct json_value root,
                              unsigned char key[RAUM_KEY_BYTES], struct raum_error *error)
{
    unsigned char salt[16], with[RAUM_KEY_BYTES];
    size_t len;
    struct json_value v = json_get(root, "salt");
    const char *text = json_raw(v, &len);
    if (!t->passphrase || !json_is(v, JSON_STRING))
        return err_at(
            error, "backup", RAUM_ELOCKED, "%s",
            json_is(v, JSON_STRING)
                ? "no key here opens this backup: give its passphrase or the recovery text"
                : "no key here opens this backup: give the recovery text");
    if (!base64_read(salt, sizeof salt, text + 1, len - 2))
        return damaged(error);
    int result = t->env->stretch(t->env->ctx, with, t->passphrase, strlen(t->passphrase), salt);
    if (result < 0)
        return err_set(error, result, NULL);
    bool fine = open_one(t->env, json_get(root, "passphrase"), with, key);
    keyring_wipe(with, sizeof with);
    return fine ? 0 : err_at(error, "backup", RAUM_ELOCKED, "this is not the backup's passphrase");
}

static int open_head(const struct backup_target *t, const char *text, size_t len,
                     unsigned char key[RAUM_KEY_BYTES], struct raum_error *error)
{
    struct json_doc doc;
    int64_t version;
    json_init(&doc);
    int result = json_parse(&doc, text, len, 0, NULL);
    struct json_value root = json_root(&doc);
    if (result < 0 || !json_int(json_get(root, "version"), &version))
        result = damaged(error);
    else if (version != 1)
        result = err_at(error, "backup", RAUM_ENEWER_DATABASE,
                        "the backup was made by a newer version of Raum");
    else if (!open_by_ring(t, json_get(root, "keys"), key))
        result = open_by_passphrase(t, root, key, error);
    json_release(&doc);
    return result;
}

int backup_head_read(const struct backup_target *target, const struct chunks_source *source,
                     unsigned char key[RAUM_KEY_BYTES], unsigned char digest[RAUM_HASH_BYTES],
                     struct raum_error *error)
{
    struct buf head;
    size_t len = 0;
    buf_init(&head, BACKUP_HEAD_MAX + START);
    char *room = buf_room(&head, START);
    if (!room) {
        err_set(error, RAUM_ENOMEM, NULL);
        return RAUM_ENOMEM;
    }
    int result = read_exactly(source, room, START, error);
    if (result == 0 && memcmp(room, BACKUP_MAGIC, START - 4) != 0)
        result = damaged(error);
    if (result == 0) {
        head.len = START;
        for (int i = 0; i < 4; i++)
            len |= (size_t)(unsigned char)room[START - 4 + i] << (8 * i);
        room = len <= BACKUP_HEAD_MAX ? buf_room(&head, len) : NULL;
        result = room ? read_exactly(source, room, len, error) : damaged(error);
    }
    if (result == 0)
        result = open_head(target, room, len, key, error);
    if (result == 0)
        target->env->hash(target->env->ctx, digest, RAUM_HASH_BYTES, head.data, START + len, NULL);
    buf_release(&head);
    return result;
}
