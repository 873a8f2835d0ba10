/* The staging file of an import: rows on their way into the replica, in sealed chunks (nothing of
 * them is ever on disk in the clear). Held exclusively while it is written, so that another process
 * leaves it alone; marked complete once whole and synced: only then may it be merged after a crash.
 * Knows records as bytes.
 *
 * staging.db:  meta(key, value): format, key id, complete, and what the importer puts there
 *              chunks(seq INTEGER PRIMARY KEY, data BLOB): sealed( { length: 4 bytes little endian
 * | record }* ) */
#ifndef ENGINE_STAGING_H
#define ENGINE_STAGING_H

#include "engine/replica.h"

struct staging;

/* Makes a fresh one (an old one is discarded). RAUM_EBUSY if another process is importing.
 * `volatile_key`: for a dry run, sealed with a key that nobody keeps. */
int staging_new(struct staging **out, struct raum *r, bool volatile_key,
                struct raum_error *error) BASE_CHECK;
/* Opens one that was completed. RAUM_END: there is none, or it was unfinished and has been
 * discarded, or it is somebody's at work. */
int staging_open(struct staging **out, struct raum *r, struct raum_error *error) BASE_CHECK;
int staging_add(struct staging *s, const void *record, size_t len,
                struct raum_error *error) BASE_CHECK;
int staging_note(struct staging *s, const char *key, const char *value,
                 struct raum_error *error) BASE_CHECK;
/* Appends the note to out; RAUM_END if it is not there. */
int staging_noted(struct staging *s, const char *key, struct buf *out,
                  struct raum_error *error) BASE_CHECK;
/* Writes the last chunk, syncs, marks complete. */
int staging_complete(struct staging *s, struct raum_error *error) BASE_CHECK;
/* Every record in order; lent for the call. Stops at the first non-zero result. */
typedef int staging_each(void *arg, const void *record, size_t len, double done,
                         struct raum_error *error);
int staging_walk(struct staging *s, staging_each *each, void *arg,
                 struct raum_error *error) BASE_CHECK;
/* Closes; `discard` removes the file. */
void staging_close(struct staging *s, bool discard);

#endif
