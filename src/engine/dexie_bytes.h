/* Bytes as exports write them: standard base64 with padding (RFC 4648 §4), and one character a
 * byte. Knows no row and no type. Internal to the reader; base/base64.h is the other alphabet. */
#ifndef ENGINE_DEXIE_BYTES_H
#define ENGINE_DEXIE_BYTES_H

#include "base/arena.h"
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

#define DEXIE_BASE64_LEN(bytes) (((size_t)(bytes) + 2) / 3 * 4)

struct dexie_bytes {
    const unsigned char *data;
    size_t len;
};

/* Decodes into the arena. RAUM_EBAD_CHANGE: not of that form; RAUM_ETOO_LARGE: no room. */
int dexie_base64_decode(struct arena *a, const char *text, size_t len, struct dexie_bytes *out);
int dexie_latin1_decode(struct arena *a, const char *text, size_t len, struct dexie_bytes *out);
/* Writes DEXIE_BASE64_LEN(bytes.len) characters to out and gives their number. */
size_t dexie_base64_encode(char *out, struct dexie_bytes bytes);

#endif
