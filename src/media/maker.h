/* What can be made of pictures beside smaller ones (natively by src/image): the port, and the one
 * thing that Raum makes itself, a page that shows photographs as they are. Knows no row. */
#ifndef MEDIA_MAKER_H
#define MEDIA_MAKER_H

#include "base/buf.h"
#include "base/err.h"
#include <stdbool.h>

#define MAKER_PICTURES_MAX 8
#define MAKER_UPRIGHT_MAX ((size_t)8 << 20) /* bytes of an upright copy; none comes near */

/* One call at a time for each maker. Errors as those of struct media_resizer (media/store.h). */
struct media_maker {
    void *ctx;
    /* Appends a PNG: upright, sRGB, no metadata, 1024 pixels at most on the longer side. */
    int (*upright)(void *ctx, const void *data, size_t len, struct buf *png,
                   struct raum_error *error);
    /* Appends a JPEG of a page; `words` as image/resize.h has them. */
    int (*sheet)(void *ctx, const char *words, const void *const *pictures, const size_t *lens,
                 int count, struct buf *jpeg, struct raum_error *error);
};

struct collage_piece {
    const void *data;
    size_t len;
    const char *what; /* "face", "body", else a garment's category; NULL: nothing is known */
};
struct collage {
    const struct collage_piece *pieces;
    int count;         /* 1 to MAKER_PICTURES_MAX */
    int width, height; /* of the page */
    bool german;
};
/* Is it a person that the piece shows? */
bool collage_is_person(const char *what);
/* Appends a JPEG: persons and garments in order, the last person large, each with what it is, and
 * above them that this is a collage. No text of a user is on it: pictures are not sealed (G-K1). */
int collage_make(const struct media_maker *m, const struct collage *c, struct buf *jpeg,
                 struct raum_error *error) BASE_CHECK;

#endif
