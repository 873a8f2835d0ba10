/* The headers of tus 1.0, read. Pure functions over texts that strangers send; knows no upload and
 * no request. https://tus.io/protocols/resumable-upload (1.0.0, with creation, checksum). */
#ifndef SERVER_MEDIA_TUS_H
#define SERVER_MEDIA_TUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TUS_VERSION "1.0.0"
#define TUS_TEXT_MAX 256      /* bytes of a value and a NUL */
#define TUS_METADATA_MAX 4096 /* bytes of the header */
#define TUS_PAIRS_MAX 32

/* Upload-Metadata: "key base64,key base64", keys unique. Those that Raum knows; "" when absent. */
struct tus_metadata {
    char space[TUS_TEXT_MAX], media[TUS_TEXT_MAX], purpose[TUS_TEXT_MAX];
    char hash[TUS_TEXT_MAX]; /* of the bytes as the device keeps them, if it says so */
};
/* False: malformed, too long, a key twice, or a known value that is no plain UTF-8 text. */
bool tus_metadata(const char *text, struct tus_metadata *out);

/* A whole number without sign, at most 2^53. */
bool tus_number(const char *text, int64_t *out);

enum tus_algorithm { TUS_SHA1, TUS_SHA256, TUS_UNKNOWN };
struct tus_checksum {
    enum tus_algorithm algorithm;
    unsigned char digest[32];
    size_t len;
};
/* "sha1 base64". False: malformed; an algorithm that is not ours is TUS_UNKNOWN. */
bool tus_checksum(const char *text, struct tus_checksum *out);

#endif
