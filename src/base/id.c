#include "base/id.h"

#include "base/clock.h"
#include "base/utf8.h"

#include <string.h>

#define COUNT_MAX 0xFFFu

static void put_uuid(const unsigned char bytes[16], char out[ID_TEXT])
{
    static const char hex[] = "0123456789abcdef";
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *out++ = '-';
        *out++ = hex[bytes[i] >> 4];
        *out++ = hex[bytes[i] & 15];
    }
    *out = '\0';
}

static void set_version(unsigned char bytes[16], unsigned version)
{
    bytes[6] = (unsigned char)(version << 4 | (bytes[6] & 0x0F));
    bytes[8] = (unsigned char)(0x80 | (bytes[8] & 0x3F));
}

void id_new(struct id_source *source, const struct raum_env *env, char out[ID_TEXT])
{
    unsigned char bytes[16];
    env->random(env->ctx, bytes + 6, sizeof bytes - 6);
    int64_t now = clock_ms(clock_at(env->now_ms(env->ctx), 0));
    if (now > source->ms) {
        source->ms = now;
        /* From the lower half, so that the rest of a millisecond has at least 2048 more. */
        source->count = (uint16_t)((bytes[6] << 8 | bytes[7]) & COUNT_MAX / 2);
    } else if (source->count < COUNT_MAX) {
        source->count++;
    } else {
        source->ms++;
        source->count = 0;
    }
    for (int i = 0; i < 6; i++)
        bytes[i] = (unsigned char)((uint64_t)source->ms >> (40 - 8 * i));
    bytes[6] = (unsigned char)(source->count >> 8);
    bytes[7] = (unsigned char)source->count;
    set_version(bytes, 7);
    put_uuid(bytes, out);
}

void id_derive(const struct raum_env *env, const char *name, size_t len, char out[ID_TEXT])
{
    unsigned char bytes[16];
    env->hash(env->ctx, bytes, sizeof bytes, name, len, NULL);
    set_version(bytes, 8);
    put_uuid(bytes, out);
}

bool id_valid(const char *id, size_t len)
{
    if (len == 0 || len > ID_LEN_MAX)
        return false;
    for (size_t i = 0; i < len;) {
        uint32_t code;
        size_t size = utf8_get(id + i, len - i, &code);
        if (size == 0 || code < 0x20 || (code >= 0x7F && code < 0xA0))
            return false;
        i += size;
    }
    return true;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool id_is_uuid(const char *id, size_t len)
{
    if (len != ID_TEXT - 1)
        return false;
    for (size_t i = 0; i < len; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? id[i] != '-' : !is_hex(id[i]))
            return false;
    }
    return true;
}
