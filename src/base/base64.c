#include "base/base64.h"

#include <stdint.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void encode(char *out, const unsigned char *in, size_t len)
{
    while (len > 0) {
        size_t take = len < 3 ? len : 3;
        uint32_t bits = (uint32_t)in[0] << 16;
        if (take > 1)
            bits |= (uint32_t)in[1] << 8;
        if (take > 2)
            bits |= in[2];
        for (size_t i = 0; i <= take; i++)
            *out++ = digits[bits >> (18 - 6 * i) & 63];
        in += take;
        len -= take;
    }
}

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

/* len is no multiple of four plus one; out holds len * 3 / 4 bytes. */
static bool decode(unsigned char *out, const char *text, size_t len)
{
    uint32_t bits = 0;
    int have = 0;
    for (size_t i = 0; i < len; i++) {
        int value = value_of(text[i]);
        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
        have += 6;
        if (have >= 8) {
            have -= 8;
            *out++ = (unsigned char)(bits >> have);
            bits &= (1u << have) - 1;
        }
    }
    return bits == 0;
}

void base64_put(struct buf *out, const void *data, size_t len)
{
    size_t chars = BASE64_LEN(len);
    char *room = buf_room(out, chars);
    if (!room)
        return;
    encode(room, data, len);
    out->len += chars;
    out->data[out->len] = '\0';
}

bool base64_get(struct buf *out, const char *text, size_t len)
{
    size_t bytes = len * 3 / 4;
    char *room = len % 4 == 1 ? NULL : buf_room(out, bytes);
    bool fine = room && decode((unsigned char *)room, text, len);
    if (fine)
        out->len += bytes;
    if (room)
        out->data[out->len] = '\0';
    return fine;
}

bool base64_read(void *out, size_t len, const char *text, size_t text_len)
{
    return text_len == BASE64_LEN(len) && decode(out, text, text_len);
}

void hex_put(char *out, const void *data, size_t len)
{
    const unsigned char *in = data;
    for (size_t i = 0; i < len; i++) {
        *out++ = "0123456789abcdef"[in[i] >> 4];
        *out++ = "0123456789abcdef"[in[i] & 15];
    }
    *out = '\0';
}

static int nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool hex_read(void *out, size_t len, const char *text, size_t text_len)
{
    unsigned char *to = out;
    if (text_len != 2 * len)
        return false;
    for (size_t i = 0; i < len; i++) {
        int high = nibble(text[2 * i]), low = nibble(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        to[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

const char base32_digits[33] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

int base32_digit(char c)
{
    if (c >= 'a' && c <= 'z')
        c = (char)(c - 'a' + 'A');
    c = c == 'O' ? '0' : c == 'I' || c == 'L' ? '1' : c;
    const char *at = c ? strchr(base32_digits, c) : NULL;
    return at ? (int)(at - base32_digits) : -1;
}
