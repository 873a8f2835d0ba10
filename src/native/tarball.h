/* A tar in zstd, written and read entry by entry through libarchive. The same entries give the same
 * bytes: no time, no owner, one order, one thread, one level. Read strictly: plain files with
 * relative names only, each of at most `max` bytes; what is cut off or damaged is refused. Knows
 * nothing of what is inside. */
#ifndef NATIVE_TARBALL_H
#define NATIVE_TARBALL_H

#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>

struct tarball_writer;
struct tarball_reader;

/* Into `path` (0600), which appears whole or not at all; NULL: standard output. */
int tarball_write(struct tarball_writer **out, const char *path,
                  struct raum_error *error) BASE_CHECK;
int tarball_put(void *writer, const char *name, const void *data, size_t len,
                struct raum_error *error) BASE_CHECK;
/* Completes the file, durably. */
int tarball_finish(struct tarball_writer *w, struct raum_error *error) BASE_CHECK;
/* Frees; what was not finished is removed. NULL is fine. */
void tarball_writer_free(struct tarball_writer *w);

int tarball_read(struct tarball_reader **out, const char *path, size_t max,
                 struct raum_error *error) BASE_CHECK;
/* RAUM_END behind the last. Lent until the next call. */
int tarball_next(void *reader, const char **name, const void **data, size_t *len,
                 struct raum_error *error) BASE_CHECK;
int tarball_rewind(void *reader, struct raum_error *error) BASE_CHECK;
void tarball_reader_free(struct tarball_reader *r);
/* Does a file begin as zstd does? */
bool tarball_is(const void *data, size_t len);

#endif
