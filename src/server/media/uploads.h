/* Uploads on their way: a row that says whose and what for, and a file that grows. How far one has
 * come is the size of its file, which is synced before anybody is told, so a server that is killed
 * goes on where it was (G-O1). One hand at a time: the file is locked. */
#ifndef SERVER_MEDIA_UPLOADS_H
#define SERVER_MEDIA_UPLOADS_H

#include "server/media/media.h"

#define UPLOAD_ID 32                          /* characters; unguessable */
#define UPLOAD_MS (INT64_C(24) * 3600 * 1000) /* until it runs out */
#define UPLOADS_AT_ONCE 32                    /* of one account */
#define UPLOADS_BYTES ((int64_t)1 << 30)      /* … and their lengths together */

/* Texts lie in the arena. */
struct upload {
    const char *id, *account, *space, *media, *purpose, *metadata;
    int64_t length, created, expires;
    bool done; /* it became its picture */
    int fd;    /* of its file; -1: not open */
    int64_t offset;
};

/* Makes the row. RATE_LIMITED: too many, or too much, on the way; TOO_LARGE: no room left. The id
 * is the caller's, random. */
int uploads_make(struct media *m, struct sql *c, const struct upload *u,
                 struct raum_error *error) BASE_CHECK;
/* The account's upload with its file open and locked; release in any case. NOT_FOUND; BUSY: another
 * hand has it (offset is set all the same); LIMIT: it ran out. */
int uploads_open(struct media *m, struct sql *c, struct arena *a, const char *account,
                 const char *id, struct upload *out, struct raum_error *error) BASE_CHECK;
void uploads_release(struct upload *u);
/* Appends, durably; u->offset moves on. FULL, IO: nothing of it counts. */
int uploads_append(struct media *m, struct upload *u, const void *data, size_t len,
                   struct raum_error *error) BASE_CHECK;
/* Makes the picture of a whole one: as media_take. What is refused for ever is dropped. */
int uploads_finish(struct media *m, struct sql *c, struct upload *u, bool *known,
                   struct raum_error *error) BASE_CHECK;
int uploads_drop(struct media *m, struct sql *c, const struct upload *u,
                 struct raum_error *error) BASE_CHECK;
/* Those that ran out, and files that no row names. */
int uploads_sweep(struct media *m, struct sql *c, struct raum_error *error) BASE_CHECK;

#endif
