/* What the foreign auth server says of an account, as rows of our own tables, so that everything
 * else reads accounts, spaces and members as always. Knows no HTTP. */
#ifndef SERVER_AUTH_UPSTREAM_MIRROR_H
#define SERVER_AUTH_UPSTREAM_MIRROR_H

#include "server/call.h"

struct mirror_space {
    const char *id, *name, *slug, *logo, *type, *metadata; /* logo may be NULL; metadata is JSON */
    int64_t created;                                       /* ms */
    const char *role;                                      /* of the account */
};

/* In one transaction: the account's row, its spaces, its memberships, which are then exactly these
 * and its personal space, which is made if there is none. Changes nothing when nothing differs. */
int mirror_write(struct call *c, const struct session *s, struct mirror_space *spaces,
                 int count) BASE_CHECK;

#endif
