/* Pictures on the server: rows that say whose they are and who sees them, joined to a storage of
 * bytes, and the decoders that look at what arrives. Knows no request; routes/media.c and
 * routes/uploads.c speak HTTP.
 *
 * A picture is (space, id, uploader). It can be read by members of the space, of this moment, to
 * whom a living record of it is visible: one that is not private, or their own (G-P2, G-T9).
 * Before any record shows it, by its uploader alone. A record shows the picture of whoever wrote
 * the reference, else one that the writer could read then, so that naming a foreign id opens
 * nothing (G-P7). Identical bytes are kept once and go with the last picture that needs them
 * (G-P4).
 *
 * Bytes come before rows and go after them:
 *     take   blob's row → files → picture's row, checked under the blob's lock that the files are
 * there
 *     drop   picture's row → under the lock, if no row needs it: files, blob's row */
#ifndef SERVER_MEDIA_MEDIA_H
#define SERVER_MEDIA_MEDIA_H

#include "server/media/storage.h"
#include "server/store/sql.h"
#include <pthread.h>
#include <stdatomic.h>

#define MEDIA_KEEP_MS (INT64_C(30) * 24 * 3600 * 1000)
#define MEDIA_PICTURE_MAX MEDIA_FILE_MAX /* bytes of one, unless the host says less */
#define MEDIA_QUOTA ((int64_t)5 << 30)   /* bytes of an account */
#define MEDIA_AT_ONCE ((size_t)48 << 20) /* bytes that are decoded at once, in all */
#define MEDIA_DECODERS_MAX 8

struct media_limits {
    int64_t picture_max, quota; /* 0: as above */
};

/* Decoders, lent; each serves one picture at a time. */
struct media_pool {
    const struct media_resizer *resizers;
    int count;
    bool busy[MEDIA_DECODERS_MAX];
    size_t bytes; /* at work */
    pthread_mutex_t mutex;
    pthread_cond_t freed;
};

/* For /metrics. */
struct media_counts {
    atomic_ullong taken, refused, failed, bytes; /* pictures; `bytes`: of uploads received */
};

struct media {
    const struct raum_env *env;
    struct storage storage;
    char *uploads; /* folder of what is not whole yet */
    struct media_limits limits;
    struct media_pool pool;
    struct media_counts counts;
};

/* In `folder`: media/ and uploads/. The resizers are lent; none: nothing can be uploaded. */
int media_open(struct media **out, const struct raum_env *env, const char *folder,
               const struct media_limits *limits, const struct media_resizer *resizers, int count,
               struct raum_error *error) BASE_CHECK;
void media_close(struct media *m); /* NULL is fine */

/* One picture's row; texts lie in the caller's arena. */
struct media_row {
    const char *space, *id, *owner, *hash;
    enum media_type type;
    const char *purpose;
    int64_t bytes, width, height;
    bool deleted, may_delete;
};
/* What `account` may read. space NULL: any of theirs; their own first, then the oldest. NOT_FOUND
 * alike for what is not there, not theirs, deleted. */
int media_find(struct sql *c, struct arena *a, const char *account, const char *space,
               const char *id, struct media_row *out, struct raum_error *error) BASE_CHECK;
/* The account's own upload of that id in a space, deleted or not; RAUM_END: none. */
int media_own(struct sql *c, struct arena *a, const char *account, const char *space,
              const char *id, struct media_row *out, struct raum_error *error) BASE_CHECK;

/* The space that a name means for this account (NULL, "", its sentinel: the personal one; an
 * offline id: what became of it), if it is a member of it; else NOT_FOUND. */
int media_space(struct sql *c, struct arena *a, const char *account, const char *name,
                const char **space, struct raum_error *error) BASE_CHECK;

/* Bytes that an account's pictures and open uploads take, and what they may. */
int media_room_of(struct media *m, struct sql *c, const char *account, int64_t *used,
                  int64_t *quota, struct raum_error *error) BASE_CHECK;
/* bytes < 0: as the server's usual one again. */
int media_set_quota(struct sql *c, const char *account, int64_t bytes,
                    struct raum_error *error) BASE_CHECK;

struct media_new {
    const char *account, *space, *id, *purpose;
    const char *upload; /* its row is marked as done in the same transaction; NULL: none */
};
/* Takes a file in: decodes, cleans, keeps, writes its row (G-P3, G-P5); it is read when a decoder
 * is free for it. UNSUPPORTED_MEDIA, TOO_LARGE: never will; EXISTS: the id has other bytes;
 * NOT_FOUND: no longer a member; others: try again. *known: it was there already. Outside a
 * transaction. */
int media_take(struct media *m, struct sql *c, const struct media_new *add, const char *path,
               bool *known, struct raum_error *error) BASE_CHECK;
/* One's own, out of the trash again. */
int media_restore(struct media *m, struct sql *c, const struct media_row *row,
                  struct raum_error *error) BASE_CHECK;

/* By its uploader, or an admin or owner of its space to whom no member's private record hides it:
 * into the trash, or at once and for ever. NOT_ALLOWED for others who can read it, else NOT_FOUND.
 */
int media_delete(struct media *m, struct sql *c, struct arena *a, const char *account,
                 const char *space, const char *id, bool forever,
                 struct raum_error *error) BASE_CHECK;
/* Ends what has lain in the trash, unshown or without its space for 30 days, uploads that ran out,
 * and bytes that nobody needs. */
int media_sweep(struct media *m, struct sql *c, struct raum_error *error) BASE_CHECK;

#endif
