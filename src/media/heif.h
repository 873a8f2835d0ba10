/* The item model of HEIC and AVIF (ISO/IEC 14496-12, 23008-12): a `meta` box that lists items,
 * where their bytes are, what refers to what, which properties they have. Reads all of it, every
 * length checked, and marks as kept what is needed to show the primary picture: it, the tiles it is
 * made of, and its alpha plane. Knows no decoding and writes nothing. */
#ifndef MEDIA_HEIF_H
#define MEDIA_HEIF_H

#include "media/sniff.h"
#include <stdbool.h>

#define BOX(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (d))

enum heif_type {
    HEIF_AV01 = BOX('a', 'v', '0', '1'),
    HEIF_AUXC = BOX('a', 'u', 'x', 'C'),
    HEIF_AUXL = BOX('a', 'u', 'x', 'l'),
    HEIF_AV1C = BOX('a', 'v', '1', 'C'),
    HEIF_CLAP = BOX('c', 'l', 'a', 'p'),
    HEIF_DIMG = BOX('d', 'i', 'm', 'g'),
    HEIF_GRID = BOX('g', 'r', 'i', 'd'),
    HEIF_HVC1 = BOX('h', 'v', 'c', '1'),
    HEIF_HVCC = BOX('h', 'v', 'c', 'C'),
    HEIF_IDEN = BOX('i', 'd', 'e', 'n'),
    HEIF_IROT = BOX('i', 'r', 'o', 't'),
    HEIF_ISPE = BOX('i', 's', 'p', 'e'),
    HEIF_PREM = BOX('p', 'r', 'e', 'm'),
};

enum { HEIF_IN_FILE = 0, HEIF_IN_IDAT = 1 }; /* construction methods of iloc */

struct heif_box {
    uint32_t type;
    const uint8_t *body;
    size_t len;
};

/* A place to read from; reading past the end gives 0 and sets bad, which stays. */
struct heif_cursor {
    const uint8_t *at;
    size_t left;
    bool bad;
};

struct heif_item {
    uint32_t id, type;
    bool hidden, keep;
    bool located, wide_props;
    uint8_t method;
    uint16_t extent_count;
    uint64_t base;
    struct heif_cursor extents; /* as iloc has them */
    struct heif_cursor props;   /* as ipma has them */
    uint8_t prop_count;
};

/* One reference box: from one item to some. */
struct heif_ref {
    uint32_t type, from;
    uint32_t count;
    struct heif_cursor to;
};

struct heif {
    const uint8_t *data;
    size_t len;
    struct heif_box ftyp, iref, idat;
    struct heif_item *items; /* owned, ids ascending */
    size_t item_count;
    struct heif_box *props; /* owned; index 1 of the file is [0] */
    size_t prop_count;
    uint32_t primary;
    uint8_t offset_size, length_size, base_size, index_size;
};

/* Lends from data. RAUM_EUNSUPPORTED_MEDIA, RAUM_ENOMEM; heif_close in any case. */
int heif_open(struct heif *h, const uint8_t *data, size_t len, struct raum_error *error) BASE_CHECK;
void heif_close(struct heif *h);

int heif_damaged(struct raum_error *error, const char *what);
uint64_t heif_get(struct heif_cursor *c, unsigned bytes);
struct heif_item *heif_item(const struct heif *h, uint32_t id); /* NULL: no such item */
/* True and the next property of an item; `props` starts as a copy of item->props. index 0: none. */
bool heif_next_prop(const struct heif_item *item, struct heif_cursor *props, bool *essential,
                    uint32_t *index);
/* The first property of this type; NULL. */
const struct heif_box *heif_prop(const struct heif *h, const struct heif_item *item, uint32_t type);
/* Iterates over iref: *at starts at 0. */
bool heif_next_ref(const struct heif *h, size_t *at, struct heif_ref *ref);
uint32_t heif_ref_to(const struct heif *h, struct heif_ref *ref); /* takes the next target */
/* The next extent within the file or idat; false when it lies outside. */
bool heif_next_extent(const struct heif *h, const struct heif_item *item,
                      struct heif_cursor *extents, const uint8_t **data, size_t *len);
/* The displayed size by ispe, clap and irot. */
int heif_size(const struct heif *h, uint32_t *width, uint32_t *height, struct raum_error *error);

#endif
