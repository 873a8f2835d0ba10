/* Where the bytes of pictures lie, by their hash: a directory (media/store.h) now; whatever can
 * keep, give out and forget can stand in its place. Whose a picture is, whether it lives or lies in
 * the trash, is a matter of rows (media.h): a storage has no trash and knows no account. Safe from
 * several threads and processes. */
#ifndef SERVER_MEDIA_STORAGE_H
#define SERVER_MEDIA_STORAGE_H

#include "media/store.h"

struct storage {
    void *ctx;
    /* As media_store_put: checks, cleans, resizes, keeps; durable when it returns 0. */
    int (*put)(void *ctx, const struct media_resizer *resizer, const void *data, size_t len,
               struct media_item *item, struct raum_error *error);
    /* Are the original and its variants there? */
    int (*has)(void *ctx, const char *hash, enum media_type type, bool *has,
               struct raum_error *error);
    /* A descriptor to read from (the caller closes it) and its size; NOT_FOUND. */
    int (*open)(void *ctx, const char *hash, enum media_type type, enum media_variant variant,
                int *fd, int64_t *size, struct raum_error *error);
    /* Original and variants are gone afterwards; absent is fine. */
    int (*erase)(void *ctx, const char *hash, struct raum_error *error);
    void (*free)(void *ctx);
};

/* In `folder`, as media/store.h lays it out; made with the first picture. */
int storage_directory(struct storage *out, const struct raum_env *env, const char *folder,
                      struct raum_error *error) BASE_CHECK;

#endif
