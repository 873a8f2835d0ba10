/* What a picture is, from its bytes alone (G-P5): type, size as displayed, orientation. Reads
 * headers, decodes nothing; a name or a type that somebody claims is never looked at. Pictures here
 * are JPEG, PNG, WebP, HEIC and AVIF. Everything else is refused, and so is what would unpack to
 * more than MEDIA_PIXELS_MAX, and animation. Knows no files, no ids, no image library. */
#ifndef MEDIA_SNIFF_H
#define MEDIA_SNIFF_H

#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEDIA_FILE_MAX ((size_t)50 << 20)
/* Cameras sold as "50 megapixels" have up to 8192 × 6144. */
#define MEDIA_PIXELS_MAX ((uint64_t)50 << 20)
#define MEDIA_SIDE_MAX 65500u

enum media_type {
    MEDIA_NONE,
    MEDIA_JPEG,
    MEDIA_PNG,
    MEDIA_WEBP,
    MEDIA_HEIC,
    MEDIA_AVIF,
};
#define MEDIA_TYPES 6

struct media_facts {
    enum media_type type;
    uint32_t width, height; /* pixels, as displayed: orientation applied */
    uint8_t orientation;    /* Exif's 1..8; HEIC and AVIF turn by properties of their own: 1 */
};

/* RAUM_EUNSUPPORTED_MEDIA (not a picture, damaged, animated; the text says what it seems to be) or
 * RAUM_ETOO_LARGE (file, sides or pixels). */
int media_sniff(const void *data, size_t len, struct media_facts *facts,
                struct raum_error *error) BASE_CHECK;
/* Could a file that begins so be a picture? True while too little is there to say; the true answer
 * is media_sniff's, of the whole file. */
bool media_may_be(const void *data, size_t len);
/* "image/jpeg"; "application/octet-stream" for MEDIA_NONE. Static. */
const char *media_mime(enum media_type type);
/* "jpg", without the dot; "bin" for MEDIA_NONE. Static. */
const char *media_extension(enum media_type type);

#endif
