/* The key ring on paper. One header, then two parts a key, each checked by itself, so that a typing
 * error is found where it was made:
 *
 *     RAUM1-2                                          the number of keys
 *     ABCDE FGHJK MNPQR STVWX YZ012 34567 89ABC DEFGH  20 bytes and 5 check bytes
 *
 * Crockford's base32: no I L O U; read in either case, I and L as 1, O as 0; blanks and dashes
 * between groups are free. The check binds the part's number and the number of keys. */
#include "engine/keyring.h"

#include "base/base64.h"
#include <stdlib.h>
#include <string.h>

#define KEY_BYTES (KEYRING_ID_BYTES + RAUM_KEY_BYTES)
#define PART_BYTES 20
#define CHECK_BYTES 5
#define PART_CHARS 40
#define GROUP 5
#define HEAD "RAUM1-"

_Static_assert(KEY_BYTES == 2 * PART_BYTES, "a key is two parts");
_Static_assert((PART_BYTES + CHECK_BYTES) * 8 == PART_CHARS * 5, "five bits a character");

static void check_of(const struct keyring *ring, unsigned count, unsigned number,
                     const unsigned char *part, unsigned char out[CHECK_BYTES])
{
    unsigned char text[8 + PART_BYTES], hash[16];
    for (int i = 0; i < 4; i++) {
        text[i] = (unsigned char)(count >> (8 * i));
        text[4 + i] = (unsigned char)(number >> (8 * i));
    }
    memcpy(text + 8, part, PART_BYTES);
    ring->env->hash(ring->env->ctx, hash, sizeof hash, text, sizeof text, NULL);
    memcpy(out, hash, CHECK_BYTES);
    keyring_wipe(text, sizeof text);
}

static void put_part(const struct keyring *ring, unsigned number, const unsigned char *part,
                     struct buf *out)
{
    unsigned char bytes[PART_BYTES + CHECK_BYTES];
    memcpy(bytes, part, PART_BYTES);
    check_of(ring, ring->count, number, part, bytes + PART_BYTES);
    for (unsigned i = 0; i < PART_CHARS; i++) {
        unsigned bit = i * 5, at = bit / 8;
        unsigned two = (unsigned)bytes[at] << 8 | (at + 1 < sizeof bytes ? bytes[at + 1] : 0u);
        if (i && i % GROUP == 0)
            buf_char(out, ' ');
        buf_char(out, base32_digits[two >> (11 - bit % 8) & 31]);
    }
    buf_char(out, '\n');
    keyring_wipe(bytes, sizeof bytes);
}

int keyring_recovery(struct keyring *ring, struct buf *out, struct raum_error *error)
{
    unsigned char key[KEY_BYTES];
    if (ring->count == 0)
        return err_at(error, "keyring", RAUM_ENOT_FOUND, "the key ring is empty");
    buf_printf(out, HEAD "%u\n", ring->count);
    for (unsigned i = 0; i < ring->count; i++) {
        memcpy(key, ring->keys[i].id, KEYRING_ID_BYTES);
        memcpy(key + KEYRING_ID_BYTES, ring->keys[i].secret, RAUM_KEY_BYTES);
        put_part(ring, 2 * i, key, out);
        put_part(ring, 2 * i + 1, key + PART_BYTES, out);
    }
    keyring_wipe(key, sizeof key);
    return buf_error(out, error);
}

static const char *skip(const char *text)
{
    while (*text == ' ' || *text == '-' || *text == '\n' || *text == '\r' || *text == '\t')
        text++;
    return text;
}

/* The next part; false when characters are missing or strange, or the check is another. */
static bool get_part(const struct keyring *ring, unsigned count, unsigned number, const char **text,
                     unsigned char out[PART_BYTES])
{
    unsigned char bytes[PART_BYTES + CHECK_BYTES] = {0}, check[CHECK_BYTES];
    bool fine = true;
    for (unsigned i = 0; i < PART_CHARS && fine; i++) {
        *text = skip(*text);
        int digit = base32_digit(**text);
        fine = digit >= 0;
        for (unsigned k = 0; k < 5 && fine; k++)
            if (digit >> (4 - k) & 1)
                bytes[(i * 5 + k) / 8] |= (unsigned char)(0x80 >> (i * 5 + k) % 8);
        if (fine)
            (*text)++;
    }
    if (fine) {
        check_of(ring, count, number, bytes, check);
        fine = memcmp(check, bytes + PART_BYTES, CHECK_BYTES) == 0;
        memcpy(out, bytes, PART_BYTES);
    }
    keyring_wipe(bytes, sizeof bytes);
    return fine;
}

static const char *read_head(const char *text, unsigned *count)
{
    text = skip(text);
    for (const char *head = HEAD; *head; head++, text++)
        if (*text != *head && *text != (*head >= 'A' && *head <= 'Z' ? *head - 'A' + 'a' : *head))
            return NULL;
    *count = 0;
    for (; *text >= '0' && *text <= '9'; text++) {
        *count = *count * 10 + (unsigned)(*text - '0');
        if (*count > KEYRING_KEYS_MAX)
            return NULL;
    }
    return *count && text == skip(text) ? NULL : text;
}

int keyring_recover(struct keyring *ring, const char *text, struct raum_error *error)
{
    unsigned count;
    text = read_head(text, &count);
    if (!text || count == 0)
        return err_at(error, "keyring", RAUM_EBAD_CHANGE, "a recovery text begins with " HEAD "N");
    struct keyring_key *keys = calloc(count, sizeof *keys);
    unsigned char key[KEY_BYTES];
    int result = 0;
    if (!keys) {
        err_set(error, RAUM_ENOMEM, NULL);
        return RAUM_ENOMEM;
    }
    for (unsigned i = 0; i < 2 * count && result == 0; i++) {
        if (!get_part(ring, count, i, &text, key + i % 2 * PART_BYTES))
            result =
                err_at(error, "keyring", RAUM_EBAD_CHANGE, "line %u is mistyped or missing", i + 2);
        memcpy(keys[i / 2].id, key, KEYRING_ID_BYTES);
        memcpy(keys[i / 2].secret, key + KEYRING_ID_BYTES, RAUM_KEY_BYTES);
    }
    if (result == 0 && *skip(text))
        result = err_at(error, "keyring", RAUM_EBAD_CHANGE, "there is more than %u keys", count);
    if (result == 0)
        result = keyring_put(ring, keys, count, error);
    keyring_wipe(keys, count * sizeof *keys);
    free(keys);
    keyring_wipe(key, sizeof key);
    return result;
}
