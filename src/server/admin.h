/* What the host of a server may do from its command line, beside the running server, in the same
 * database: look at accounts and spaces, close an account, hand out a link to a new password, set a
 * tier, end sessions. Knows no request and prints nothing; `raum serve admin` shows it. */
#ifndef SERVER_ADMIN_H
#define SERVER_ADMIN_H

#include "base/arena.h"
#include "server/store/sql.h"
#include <raum/env.h>

#define ADMIN_PAGE_MAX 1000
#define ADMIN_LINK_MS ((int64_t)24 * 3600 * 1000) /* a reset link of the host's lasts a day */

/* Texts lie in the arena given; times are ms. */
struct admin_account {
    const char *id, *email, *name;
    bool verified, disabled;
    int64_t created;
    int64_t sessions, spaces; /* live ones */
    int64_t seen;             /* last use of a session that still is; 0: none */
};
struct admin_space {
    const char *id, *slug, *name, *type, *tier;
    int64_t created, deleted; /* 0: not deleted */
    int64_t members;
    const char *owner; /* address of the longest-serving owner */
};
struct admin_session {
    const char *id, *ip, *agent;
    int64_t created, updated, expires;
};
struct admin_stats {
    int64_t accounts, disabled, verified, sessions;
    int64_t spaces, personal, deleted; /* live ones, of them personal; waiting for their end */
    int64_t members, invitations;      /* invitations: pending */
};

/* A page of accounts by address, those behind `after` (NULL: from the start); limit 1..1000. */
int admin_accounts(struct sql *c, struct arena *a, const char *after, int limit, int64_t now_ms,
                   struct admin_account **out, int *count, struct raum_error *error) BASE_CHECK;
/* By id or address, in any case. NOT_FOUND. */
int admin_account(struct sql *c, struct arena *a, const char *account, int64_t now_ms,
                  struct admin_account *out, struct raum_error *error) BASE_CHECK;
/* A disabled account has no session and gets none; its data stays. */
int admin_set_disabled(struct sql *c, const char *account, bool disabled,
                       struct raum_error *error) BASE_CHECK;
/* A link to set a new password, good once and for a day; for the host to hand over himself. */
int admin_reset_link(struct sql *c, struct arena *a, const struct raum_env *env, const char *origin,
                     const char *account, const char **link, struct raum_error *error) BASE_CHECK;
int admin_sessions(struct sql *c, struct arena *a, const char *account, int64_t now_ms,
                   struct admin_session **out, int *count, struct raum_error *error) BASE_CHECK;
/* By its id (never its token). NOT_FOUND. */
int admin_end_session(struct sql *c, const char *session, struct raum_error *error) BASE_CHECK;

/* A page of spaces by slug, deleted ones too. */
int admin_spaces(struct sql *c, struct arena *a, const char *after, int limit,
                 struct admin_space **out, int *count, struct raum_error *error) BASE_CHECK;
/* By id or slug; guest, public, beta, alpha or founder. NOT_FOUND, USAGE. */
int admin_set_tier(struct sql *c, const char *space, const char *tier,
                   struct raum_error *error) BASE_CHECK;
/* Room for an account's pictures; bytes < 0: as the server's usual one again. NOT_FOUND. */
int admin_set_quota(struct sql *c, struct arena *a, const char *account, int64_t bytes,
                    struct raum_error *error) BASE_CHECK;
/* What a space may have made, by id or slug; units < 0: as the server's usual again. NOT_FOUND. */
int admin_set_allowance(struct sql *c, const char *space, int64_t units,
                        struct raum_error *error) BASE_CHECK;
int admin_stats(struct sql *c, int64_t now_ms, struct admin_stats *out,
                struct raum_error *error) BASE_CHECK;

#endif
