/* The files of a picture as the account's folder has them (media/store.h says how they are called),
 * for those below that module: what is erased, and what is kept of it, goes by its hash alone.
 * Knows names, no formats. */
#ifndef ENGINE_MEDIA_FILES_H
#define ENGINE_MEDIA_FILES_H

#include "engine/replica.h"

/* The original's bytes (free() them). RAUM_ENOT_FOUND: not on this device, or deleted. */
int media_files_read(struct raum *r, const char *hash, void **data, size_t *len,
                     struct raum_error *error) BASE_CHECK;
/* Is the original here, is the small variant? */
int media_files_here(struct raum *r, const char *hash, bool *whole, bool *thumb,
                     struct raum_error *error) BASE_CHECK;
/* Takes original and variants away for good, out of the trash too. Absent is fine. */
int media_files_remove(struct raum *r, const char *hash, struct raum_error *error) BASE_CHECK;

#endif
