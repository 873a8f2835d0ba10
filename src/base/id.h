/* Ids: UUIDv7 texts in time order, and ids derived from a name so that two devices find the same
 * one. Knows no table and no tie between ids. */
#ifndef BASE_ID_H
#define BASE_ID_H

#include <raum/env.h>
#include <stdbool.h>
#include <stddef.h>

#define ID_TEXT 37      /* a UUID's 36 characters and a NUL */
#define ID_LEN_MAX 200  /* ids of older systems may be any text up to this many bytes */

struct id_source {
    int64_t ms;     /* millisecond of the last one */
    uint16_t count; /* 12 bits within it: ids of one source are strictly ascending */
};

/* RFC 9562 version 7, lower case, strictly greater than the source's last. */
void id_new(struct id_source *source, const struct raum_env *env, char out[ID_TEXT]);
/* RFC 9562 version 8 from BLAKE2b of the bytes: the same input gives the same id everywhere. */
void id_derive(const struct raum_env *env, const char *name, size_t len, char out[ID_TEXT]);
/* 1..ID_LEN_MAX bytes of valid UTF-8 without control characters. */
bool id_valid(const char *id, size_t len);
/* A UUID in its 36-character form, either case. */
bool id_is_uuid(const char *id, size_t len);

#endif
