/* Takes everything out of a picture that is not the picture (G-P3): place, camera, program, dates,
 * embedded previews, captions, whatever stands behind the end. Lossless: the compressed pixels are
 * copied byte for byte; colour profile and orientation stay, the latter as the only tag of a new
 * Exif block (HEIC and AVIF: as the property it is). What a container's list below does not name is
 * dropped, so a kind of metadata invented tomorrow does not pass either.
 *
 *     JPEG  kept: JFIF without its preview, ICC, Adobe, tables, frame, scans
 *     PNG   kept: IHDR PLTE IDAT IEND, pHYs, colour (tRNS gAMA sRGB iCCP …); CRCs checked
 *     WebP  kept: VP8X ICCP ALPH VP8/VP8L
 *     HEIC, AVIF  written anew with the primary picture, its tiles and its alpha plane; isobmff.c
 *
 * Pure: memory in, memory out. Knows no files and no image library, and so runs in the browser too.
 * Stripping a second time changes nothing. */
#ifndef MEDIA_STRIP_H
#define MEDIA_STRIP_H

#include "base/buf.h"
#include "media/sniff.h"

/* Appends the cleaned picture to `out` (empty, max at least MEDIA_OUT_MAX(len)), which must be
 * apart from `data`. facts may be NULL. Sniffs by itself and refuses as media_sniff does, and also
 * when the bytes are another type than `type`, or the structure is broken or cut off. */
#define MEDIA_OUT_MAX(len) ((len) + (len) / 16 + 4096)
int media_strip(enum media_type type, const void *data, size_t len, struct buf *out,
                struct media_facts *facts, struct raum_error *error) BASE_CHECK;

#endif
