#include "modules/profile/label.h"

#include "base/utf8.h"
#include <stdbool.h>
#include <string.h>

/* Latin, Greek and Cyrillic as far as upper and lower case lie at a fixed distance. */
static uint32_t upper(uint32_t code)
{
    if ((code >= 'a' && code <= 'z') || (code >= 0xe0 && code <= 0xfe && code != 0xf7) ||
        (code >= 0x3b1 && code <= 0x3c9 && code != 0x3c2) || (code >= 0x430 && code <= 0x44f))
        return code - 0x20;
    if (code >= 0x450 && code <= 0x45f)
        return code - 0x50;
    if (code >= 0x100 && code <= 0x137)
        return code & ~1u;
    return code;
}

static bool is_number(const char *word, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (word[i] < '0' || word[i] > '9')
            return false;
    return len >= 4;
}

/* Appends one word, at most `room` characters; gives how many. */
static size_t put_word(const char *word, size_t len, size_t room, struct buf *out)
{
    size_t count = 0;
    for (size_t at = 0; at < len && count < room;) {
        uint32_t code;
        char text[4];
        size_t step = utf8_get(word + at, len - at, &code);
        if (step && code >= 0x20 && !(code >= 0x7f && code <= 0x9f)) {
            size_t put = utf8_put(text, count == 0 ? upper(code) : code);
            buf_add(out, text, put);
            count++;
        }
        at += step ? step : 1;
    }
    return count;
}

void label_from_file(const char *path, struct buf *out)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    size_t len = dot && dot != name ? (size_t)(dot - name) : strlen(name), count = 0;
    for (size_t at = 0; at < len && count < LABEL_MAX;) {
        size_t word = strcspn(name + at, "_- \t");
        if (word > len - at)
            word = len - at;
        if (word && !is_number(name + at, word)) {
            size_t before = out->len, gap = before ? 1 : 0;
            if (gap)
                buf_char(out, ' ');
            size_t put = put_word(name + at, word, LABEL_MAX - count - gap, out);
            if (put)
                count += put + gap;
            else
                out->len = before;
        }
        at += word + 1;
    }
    if (out->data)
        out->data[out->len] = '\0';
}
