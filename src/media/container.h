/* What each container's file offers to sniff.c and strip.c. facts: fills the whole struct from
 * the headers, checks no limits. strip: appends to out; facts are read and within limits. */
#ifndef MEDIA_CONTAINER_H
#define MEDIA_CONTAINER_H

#include "base/buf.h"
#include "media/sniff.h"

typedef int media_facts_fn(const uint8_t *data, size_t len, struct media_facts *facts,
                           struct raum_error *error);
typedef int media_strip_fn(const uint8_t *data, size_t len, const struct media_facts *facts,
                           struct buf *out, struct raum_error *error);

media_facts_fn media_jpeg_facts, media_png_facts, media_webp_facts, media_isobmff_facts;
media_strip_fn media_jpeg_strip, media_png_strip, media_webp_strip, media_isobmff_strip;

/* RAUM_EUNSUPPORTED_MEDIA: "the JPEG is damaged: WHAT". */
static inline int media_damaged(struct raum_error *error, const char *type, const char *what)
{
    err_set(error, RAUM_EUNSUPPORTED_MEDIA, "the %s is damaged: %s", type, what);
    return RAUM_EUNSUPPORTED_MEDIA;
}

/* Orientations 5..8 lie on their side: swaps width and height. */
void media_turn(struct media_facts *facts);

#endif
