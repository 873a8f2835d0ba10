/* Which space refers to which picture: table `media` of a replica (G-P4, G-P7). An id counts in its
 * own space only; the same bytes in two spaces are two references to one hash. Knows hashes and
 * numbers, neither files nor formats: who keeps the bytes asks here whether anybody still needs
 * them. */
#ifndef ENGINE_MEDIA_REFS_H
#define ENGINE_MEDIA_REFS_H

#include "engine/replica.h"

#define MEDIA_REF_HASH 65 /* hex and a NUL */
#define MEDIA_REF_WORD 32 /* type, purpose */

struct media_ref {
    char id[RAUM_ID_MAX];
    char hash[MEDIA_REF_HASH];
    char type[MEDIA_REF_WORD];    /* "jpg" … as the store's extension */
    char purpose[MEDIA_REF_WORD]; /* me wardrobe picture */
    int64_t bytes, width, height;
    bool deleted; /* in the trash */
    int sent;     /* enum media_sent (engine/media_work.h) */
};
/* How many references a hash has in all spaces together. */
struct media_use {
    int64_t live, trashed;
    int64_t unsent; /* of the live ones, those that no server has */
};

/* A new reference. RAUM_EEXISTS if the space has the id (trash included). Inside a transaction. */
int media_refs_add(struct raum *r, uint32_t space, const struct media_ref *ref,
                   struct raum_error *error) BASE_CHECK;
/* NOT_FOUND, also for one in the trash unless deleted_too. */
int media_refs_find(struct raum *r, uint32_t space, const char *id, bool deleted_too,
                    struct media_ref *out, struct raum_error *error) BASE_CHECK;
/* Into the trash with the present time, and back. Absent or there already: no effect. Inside a
 * transaction. */
int media_refs_trash(struct raum *r, uint32_t space, const char *id,
                     struct raum_error *error) BASE_CHECK;
int media_refs_restore(struct raum *r, uint32_t space, const char *id,
                       struct raum_error *error) BASE_CHECK;
/* Takes the reference away for good; the server is to do the same (engine/media_work.h). Inside a
 * transaction. */
int media_refs_erase(struct raum *r, uint32_t space, const char *id,
                     struct raum_error *error) BASE_CHECK;
/* The same on this device alone: the server has it still, or had it taken away. */
int media_refs_drop(struct raum *r, uint32_t space, const char *id,
                    struct raum_error *error) BASE_CHECK;
/* These bytes have arrived at the server. Inside a transaction. */
int media_refs_mark(struct raum *r, uint32_t space, const char *id, const char *hash,
                    struct raum_error *error) BASE_CHECK;
/* Takes away for good what has lain in the trash for age_ms or longer. Inside a transaction. */
int media_refs_purge(struct raum *r, int64_t age_ms, int64_t *count,
                     struct raum_error *error) BASE_CHECK;
int media_refs_use(struct raum *r, const char *hash, struct media_use *use,
                   struct raum_error *error) BASE_CHECK;

/* Every hash once, with its use. Not 0 stops the walk, which then returns it. The callback may not
 * write. */
typedef int media_refs_each_fn(void *arg, const char *hash, const struct media_use *use,
                               struct raum_error *error);
int media_refs_each(struct raum *r, media_refs_each_fn *each, void *arg,
                    struct raum_error *error) BASE_CHECK;

#endif
