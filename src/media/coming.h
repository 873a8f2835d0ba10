/* An original on its way to this device, as far as it has come: parts that were each written whole,
 * so that after a crash it goes on behind the last of them.
 *
 *     DIR/coming/xx/HASH.OFFSET       OFFSET: twelve digits, bytes
 *
 * Knows hashes, bytes and files; whether they are what they should be is the store's business. */
#ifndef MEDIA_COMING_H
#define MEDIA_COMING_H

#include "base/buf.h"
#include <raum/env.h>

/* What is there from the beginning without a gap, appended to `out`. `hash` is one (the store's);
 * none: nothing. */
int media_coming_read(const struct raum_env *env, const char *dir, const char *hash,
                      struct buf *out, struct raum_error *error) BASE_CHECK;
/* Durable when it returns 0. */
int media_coming_add(const struct raum_env *env, const char *dir, const char *hash, size_t offset,
                     const void *data, size_t len, struct raum_error *error) BASE_CHECK;
/* Absent is fine. */
int media_coming_drop(const struct raum_env *env, const char *dir, const char *hash,
                      struct raum_error *error) BASE_CHECK;
/* Parts that were written before this time go. */
int media_coming_purge(const struct raum_env *env, const char *dir, int64_t before_ms,
                       struct raum_error *error) BASE_CHECK;

#endif
