#include "server/media/tus.h"

#include "base/base64.h"
#include "base/utf8.h"
#include <string.h>

#define NUMBER_MAX (INT64_C(1) << 53)

/* Base64 as RFC 4648 §4 has it, with its padding; ours is the other alphabet without. */
static bool decode(struct buf *out, const char *text, size_t len)
{
    char plain[TUS_METADATA_MAX];
    size_t pad = 0;
    if (len % 4 || len > sizeof plain)
        return false;
    while (pad < 2 && len > pad && text[len - 1 - pad] == '=')
        pad++;
    for (size_t i = 0; i < len - pad; i++) {
        if (text[i] == '-' || text[i] == '_')
            return false;
        plain[i] = (char)(text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i]);
    }
    return len == pad ? len == 0 : base64_get(out, plain, len - pad);
}

/* A value that we understand is text without control characters. */
static bool take(char out[TUS_TEXT_MAX], const struct buf *value)
{
    if (value->len >= TUS_TEXT_MAX || !utf8_valid(buf_text(value), value->len))
        return false;
    for (size_t i = 0; i < value->len; i++)
        if ((unsigned char)value->data[i] < 0x20 || value->data[i] == 0x7f)
            return false;
    if (value->len)
        memcpy(out, value->data, value->len);
    out[value->len] = '\0';
    return true;
}

static bool is_key(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] <= ' ' || (unsigned char)text[i] >= 0x7f)
            return false;
    return len > 0;
}

static bool is_one(const char *text, size_t len, const char *name)
{
    return strlen(name) == len && memcmp(text, name, len) == 0;
}

static bool take_pair(struct tus_metadata *m, const char *key, size_t key_len, const char *value,
                      size_t len)
{
    char *to = is_one(key, key_len, "spaceId")   ? m->space
               : is_one(key, key_len, "mediaId") ? m->media
               : is_one(key, key_len, "purpose") ? m->purpose
               : is_one(key, key_len, "hash")    ? m->hash
                                                 : NULL;
    struct buf bytes;
    buf_init(&bytes, TUS_METADATA_MAX);
    bool fine = decode(&bytes, value, len) && (!to || take(to, &bytes));
    buf_release(&bytes);
    return fine;
}

struct key {
    const char *at;
    size_t len;
};

static bool is_new(const struct key *keys, int count, const char *at, size_t len)
{
    for (int i = 0; i < count; i++)
        if (keys[i].len == len && memcmp(keys[i].at, at, len) == 0)
            return false;
    return true;
}

bool tus_metadata(const char *text, struct tus_metadata *out)
{
    struct key keys[TUS_PAIRS_MAX];
    *out = (struct tus_metadata){0};
    if (strlen(text) > TUS_METADATA_MAX)
        return false;
    for (int count = 0; *text; count++) {
        text += strspn(text, " ");
        size_t len = strcspn(text, ","), key = strcspn(text, " ,");
        size_t from = key + strspn(text + key, " "), to = len;
        while (to > from && text[to - 1] == ' ')
            to--;
        if (count == TUS_PAIRS_MAX || !is_key(text, key) || !is_new(keys, count, text, key))
            return false;
        if (!take_pair(out, text, key, text + from, to > from ? to - from : 0))
            return false;
        keys[count] = (struct key){text, key};
        text += len;
        if (*text == ',' && !*++text)
            return false;
    }
    return true;
}

bool tus_number(const char *text, int64_t *out)
{
    int64_t n = 0;
    *out = 0;
    if (!*text || strlen(text) > 16)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        n = n * 10 + (*text - '0');
    }
    *out = n;
    return n <= NUMBER_MAX;
}

bool tus_checksum(const char *text, struct tus_checksum *out)
{
    size_t name = strcspn(text, " ");
    struct buf bytes;
    *out = (struct tus_checksum){.algorithm = is_one(text, name, "sha1")     ? TUS_SHA1
                                              : is_one(text, name, "sha256") ? TUS_SHA256
                                                                             : TUS_UNKNOWN};
    if (!is_key(text, name) || text[name] != ' ')
        return false;
    if (out->algorithm == TUS_UNKNOWN)
        return true;
    buf_init(&bytes, sizeof out->digest);
    bool fine = decode(&bytes, text + name + 1, strlen(text + name + 1)) &&
                bytes.len == (out->algorithm == TUS_SHA1 ? 20 : 32);
    if (fine)
        memcpy(out->digest, bytes.data, bytes.len);
    out->len = fine ? bytes.len : 0;
    buf_release(&bytes);
    return fine;
}
