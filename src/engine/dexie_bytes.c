#include "engine/dexie_bytes.h"

#include "base/utf8.h"

static const char base64_chars[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/* A character's place in it, and one more; 0: none. From '+' on. */
static const uint8_t base64_values[] = {
    63, 0,  0,  0,  64, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 0,  0,  0,  0,  0,
    0,  0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18,
    19, 20, 21, 22, 23, 24, 25, 26, 0,  0,  0,  0,  0,  0,  27, 28, 29, 30, 31, 32,
    33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52,
};

static uint32_t base64_value(char c)
{
    unsigned at = (unsigned char)c - (unsigned)'+';
    return at < sizeof base64_values ? base64_values[at] : 0;
}

int dexie_base64_decode(struct arena *a, const char *text, size_t len, struct dexie_bytes *out)
{
    size_t pad = len && text[len - 1] == '=' ? 1 + (len > 1 && text[len - 2] == '=') : 0;
    if (len % 4 != 0)
        return RAUM_EBAD_CHANGE;
    unsigned char *bytes = arena_alloc(a, len / 4 * 3 + 1);
    if (!bytes)
        return RAUM_ETOO_LARGE;
    uint32_t group = 0;
    size_t used = 0;
    for (size_t i = 0; i < len - pad; i++) {
        uint32_t value = base64_value(text[i]);
        if (!value)
            return RAUM_EBAD_CHANGE;
        group = group << 6 | (value - 1);
        if (i % 4 != 3)
            continue;
        bytes[used++] = (unsigned char)(group >> 16);
        bytes[used++] = (unsigned char)(group >> 8);
        bytes[used++] = (unsigned char)group;
    }
    if (pad == 1)
        bytes[used++] = (unsigned char)(group >> 10);
    if (pad)
        bytes[used++] = (unsigned char)(group >> (pad == 1 ? 2 : 4));
    *out = (struct dexie_bytes){bytes, used};
    return 0;
}

size_t dexie_base64_encode(char *out, struct dexie_bytes bytes)
{
    char *start = out;
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        uint32_t group = (uint32_t)bytes.data[i] << 16;
        group |= left > 1 ? (uint32_t)bytes.data[i + 1] << 8 : 0;
        group |= left > 2 ? bytes.data[i + 2] : 0;
        *out++ = base64_chars[group >> 18];
        *out++ = base64_chars[group >> 12 & 63];
        *out++ = left > 1 ? base64_chars[group >> 6 & 63] : '=';
        *out++ = left > 2 ? base64_chars[group & 63] : '=';
    }
    return (size_t)(out - start);
}

int dexie_latin1_decode(struct arena *a, const char *text, size_t len, struct dexie_bytes *out)
{
    unsigned char *bytes = arena_alloc(a, len + 1);
    size_t used = 0;
    if (!bytes)
        return RAUM_ETOO_LARGE;
    for (size_t i = 0; i < len;) {
        uint32_t code;
        size_t size = utf8_get(text + i, len - i, &code);
        if (size == 0 || code > 0xFF)
            return RAUM_EBAD_CHANGE;
        bytes[used++] = (unsigned char)code;
        i += size;
    }
    *out = (struct dexie_bytes){bytes, used};
    return 0;
}
