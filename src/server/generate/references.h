/* Which pictures may be given to a provider, asked where their bytes are read and again where they
 * leave (G-P1). A person's picture is one that was uploaded for the pool or that any row of a pool
 * ever showed: it goes out only for the person in it, while every row by which its uploader shows
 * it says that AI may use it. What another member's row says about it counts for nothing. Anything
 * else must be the photograph of a garment that the caller can see. All of it in the one space. */
#ifndef SERVER_GENERATE_REFERENCES_H
#define SERVER_GENERATE_REFERENCES_H

#include "server/generate/provider.h"
#include "server/media/media.h"
#include "server/relay/relay.h"

struct reference {
    const char *media; /* id */
    struct media_row row;
    const char *what; /* as order_reference */
    struct buf png;   /* upright; empty until it was read */
};
struct references {
    const char *account, *space;
    struct reference list[ORDER_REFERENCES_MAX];
    int count;
};

/* ids are lent; release in any case. */
void references_init(struct references *r, const char *account, const char *space,
                     const char *const *ids, int count);
void references_release(struct references *r);
/* In a transaction of its own: membership, belonging, consent, all as of this moment, and that the
 * bytes are those that were looked at before. NOT_FOUND, alike for what is not there, not in this
 * space, not theirs; CONSENT_REQUIRED. */
int references_check(struct references *r, struct relay *relay, struct sql *c, struct arena *a,
                     struct raum_error *error) BASE_CHECK;
/* The bytes of all, each made upright. After a check. */
int references_read(struct references *r, const struct storage *storage,
                    const struct media_maker *maker, struct raum_error *error) BASE_CHECK;

#endif
