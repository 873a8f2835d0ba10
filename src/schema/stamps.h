/* When and by whom each field of a row was last written, in few bytes:
 *
 *     version 1 | row stamp | exception*
 *     row stamp   at: 8 bytes big endian (base/clock.h) | actor: varint | origin: 1 byte
 *     exception   tag: 1 byte (0: varint length and name follow, for unknown fields) | at | actor |
 * origin
 *
 * A field without an exception has the row stamp. Exceptions stand in ascending order of tag, then
 * name. Ties break by device, which the caller compares (actors are local numbers). Pure. */
#ifndef SCHEMA_STAMPS_H
#define SCHEMA_STAMPS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum stamp_origin {
    ORIGIN_USER,
    ORIGIN_AGENT,
    ORIGIN_SYSTEM,
    ORIGIN_MIGRATION,
    ORIGIN_REPLAY,
    ORIGINS
};

struct stamp {
    uint64_t at;
    uint32_t actor; /* local number of (account, device, agent) */
    uint8_t origin; /* enum stamp_origin */
};
struct stamp_entry {
    struct stamp stamp;
    uint8_t tag;      /* 0: by name */
    const char *name; /* lent; only if tag is 0 */
    uint32_t name_len;
};
struct stamps {
    struct stamp row;
    struct stamp_entry *entries; /* sorted */
    uint32_t count;
};

const char *stamp_origin_name(int origin); /* user agent system migration server-replay */
int stamp_origin(const char *name, size_t len); /* or -1 */

/* Decodes; names are lent from data; entries come from the arena. RAUM_ECORRUPT, RAUM_ENOMEM. */
int stamps_read(struct stamps *s, const void *data, size_t len, struct arena *arena) BASE_CHECK;
/* Appends the bytes. Entries equal to the row stamp are left out. */
void stamps_write(const struct stamps *s, struct buf *out);
/* The stamp of a field; by tag, or by name when tag is 0. */
struct stamp stamps_get(const struct stamps *s, int tag, const char *name, size_t len);
/* Sets it; entries grow in the arena. */
int stamps_set(struct stamps *s, int tag, const char *name, size_t len, struct stamp stamp,
               struct arena *arena) BASE_CHECK;
/* The newest time of all: the derived updatedAt. Straight from the bytes. 0 if they are no stamps.
 */
uint64_t stamps_newest(const void *data, size_t len);

#endif
