/* The pictures of one data directory, by content. A picture's name is the BLAKE2b-256 of its bytes
 * after removal (strip.h), so identical pictures lie there once. Which row of which space refers to
 * which picture is the engine's table; the store only knows hashes, files and time.
 *
 *     DIR/media/xx/HASH.jpg           original without metadata (jpg png webp heic avif)
 *     DIR/media/xx/HASH.thumb.webp    variants: thumb, medium, large
 *     DIR/media/xx/HASH.came.webp     the thumb of an original that is elsewhere, from a server
 *     DIR/trash/xx/HASH.MS.jpg        deleted at MS (milliseconds since 1970, 13 digits)
 *     DIR/trash/xx/HASH.MS.thumb.webp
 *     DIR/coming/xx/HASH.OFFSET       parts of an original on its way here (coming.h)
 *
 * The original decides: it is written last and moved first, and a variant whose original is not
 * there is not found. So neither a crash nor a reader in between meets half a picture (G-P4, G-O1).
 * Safe from several processes, except that nobody may put a picture while another deletes it: the
 * engine does both inside its write lock. Speaks to files only through struct raum_env. */
#ifndef MEDIA_STORE_H
#define MEDIA_STORE_H

#include "base/buf.h"
#include "media/sniff.h"
#include <raum/env.h>
#include <stdbool.h>

#define MEDIA_HASH_TEXT (2 * RAUM_HASH_BYTES + 1)
#define MEDIA_PATH_MAX 4096
#define MEDIA_TRASH_MS ((int64_t)30 * 24 * 3600 * 1000)
/* No variant comes near; a resizer that gives more is not believed. */
#define MEDIA_VARIANT_MAX ((size_t)16 << 20)

enum media_variant {
    MEDIA_ORIGINAL,
    MEDIA_THUMB,  /* 256 pixels on the longer side, never enlarged */
    MEDIA_MEDIUM, /* 1024 */
    MEDIA_LARGE,  /* 2048 */
};
#define MEDIA_VARIANTS 4
#define MEDIA_THUMB_SIDE 256

/* The port behind which somebody can decode pictures (natively src/image). `variants` are
 * initialised by the caller and filled with WebP in the order thumb, medium,
 * large: upright, no metadata. width, height: as displayed. Errors as media_sniff's, and
 * RAUM_ELIMIT when it took too long. */
struct media_resizer {
    void *ctx;
    int (*resize)(void *ctx, const void *data, size_t len, struct buf variants[3], uint32_t *width,
                  uint32_t *height, struct raum_error *error);
};

struct media_item {
    char hash[MEDIA_HASH_TEXT]; /* lower-case hex */
    struct media_facts facts;
    size_t bytes; /* of the original as kept */
    bool known;   /* was there already: nothing was written */
};

/* One picture met by media_store_each. */
struct media_entry {
    const char *hash; /* lent for the call */
    enum media_type type;
    int64_t trashed_ms; /* 0: live */
    bool whole;         /* false: a thumb that came without its original */
};
/* Not 0 stops the walk, which then returns it. */
typedef int media_store_each_fn(void *arg, const struct media_entry *entry);

struct media_store;

/* Makes nothing yet: folders appear with the first picture. `env` must outlive the store. */
int media_store_new(struct media_store **store, const struct raum_env *env, const char *dir,
                    struct raum_error *error) BASE_CHECK;
void media_store_free(struct media_store *store);

/* Takes a picture in: sniff, strip, hash, resize, write. Nothing is written unless all of it works;
 * a picture whose pixels cannot be decoded is refused. resizer NULL: no variants, not decoded.
 * The same bytes again: only variants that are missing are made. Durable when it returns 0. */
int media_store_put(struct media_store *store, const struct media_resizer *resizer,
                    const void *data, size_t len, struct media_item *item,
                    struct raum_error *error) BASE_CHECK;

/* A thumb that came from a server, for an original that did not: it must be a small WebP, and never
 * takes the place of what is here. */
int media_store_put_thumb(struct media_store *store, const char *hash, const void *data, size_t len,
                          struct raum_error *error) BASE_CHECK;

/* Where it lies; RAUM_ENOT_FOUND when deleted, never there, or no hash at all. */
int media_store_path(struct media_store *store, const char *hash, enum media_variant variant,
                     char path[MEDIA_PATH_MAX], struct raum_error *error) BASE_CHECK;
/* Where a picture of this type would lie; nothing is looked at. RAUM_ENOT_FOUND: no hash at all. */
int media_store_name(const struct media_store *store, const char *hash, enum media_type type,
                     enum media_variant variant, char path[MEDIA_PATH_MAX],
                     struct raum_error *error) BASE_CHECK;
/* Its bytes (free() them). *type: the original's, for variants MEDIA_WEBP; may be NULL. */
int media_store_read(struct media_store *store, const char *hash, enum media_variant variant,
                     void **data, size_t *len, enum media_type *type,
                     struct raum_error *error) BASE_CHECK;
/* RAUM_ECORRUPT when the original's bytes no longer have its hash. */
int media_store_verify(struct media_store *store, const char *hash,
                       struct raum_error *error) BASE_CHECK;

/* Into the trash, with the time; not found at once from then on (G-P4). */
int media_store_trash(struct media_store *store, const char *hash,
                      struct raum_error *error) BASE_CHECK;
/* Back out of the trash. Already live: 0. RAUM_ENOT_FOUND when it is in neither place. */
int media_store_restore(struct media_store *store, const char *hash,
                        struct raum_error *error) BASE_CHECK;
/* Live and in the trash: gone for ever. Absent is fine. */
int media_store_erase(struct media_store *store, const char *hash,
                      struct raum_error *error) BASE_CHECK;
/* Removes what has lain in the trash for `age_ms` (MEDIA_TRASH_MS) or longer, and variants that a
 * crash left without their original. *count: pictures removed; may be NULL. */
int media_store_purge(struct media_store *store, int64_t age_ms, uint32_t *count,
                      struct raum_error *error) BASE_CHECK;

/* Every picture, live ones first, in no order; the callback may change the store. */
int media_store_each(struct media_store *store, media_store_each_fn *each, void *arg,
                     struct raum_error *error) BASE_CHECK;

#endif
