/* Rows of spaces, members and invitations, and their JSON in Better Auth's shapes. Knows no
 * request; deleted spaces are invisible here unless asked for. */
#ifndef SERVER_SPACES_SPACE_H
#define SERVER_SPACES_SPACE_H

#include "base/arena.h"
#include "base/json.h"
#include "server/store/sql.h"

#define SPACE_ID 33 /* 32 characters of [a-zA-Z0-9] and a NUL */
#define SPACE_MEMBERS_MAX 100
#define SPACE_PENDING_MAX 100
#define SPACE_OF_ACCOUNT_MAX 500 /* memberships of one account, deleted spaces included */
#define SPACE_INVITATION_MS ((int64_t)48 * 3600 * 1000)
#define SPACE_UNDO_MS ((int64_t)30 * 24 * 3600 * 1000)
#define SPACE_DELETED "deleted:" /* slug of a deleted space: deleted:<id>:<its slug> */

/* Texts lie in the arena that the row was read into. */
struct space {
    const char *id, *name, *slug, *logo, *type, *tier, *metadata; /* logo, metadata may be NULL */
    int64_t created, deleted;                                     /* ms; 0: not deleted */
};
struct member {
    const char *id, *space, *account, *role; /* role: comma-joined, as it was given */
    int64_t created;
    const char *name, *email, *image; /* of the account; image may be NULL */
};
struct invitation {
    const char *id, *space, *email, *role, *status, *inviter;
    int64_t created, expires;
    const unsigned char *secret; /* hash, NULL: none */
    size_t secret_len;
    const char *space_name, *space_slug;
};

enum space_by { SPACE_BY_ID, SPACE_BY_SLUG };

/* Each gives 0, RAUM_END when there is none, or a negative code. By slug: old slugs lead there
 * too. */
int space_find(struct sql *c, struct arena *a, enum space_by by, const char *value,
               struct space *out, struct raum_error *error) BASE_CHECK;
/* As above, deleted or not. */
int space_find_any(struct sql *c, struct arena *a, const char *id, struct space *out,
                   struct raum_error *error) BASE_CHECK;
/* Of a live space. */
int member_find(struct sql *c, struct arena *a, const char *space, const char *account,
                struct member *out, struct raum_error *error) BASE_CHECK;
int member_find_id(struct sql *c, struct arena *a, const char *id, struct member *out,
                   struct raum_error *error) BASE_CHECK;
/* email in lower case. */
int member_find_email(struct sql *c, struct arena *a, const char *space, const char *email,
                      struct member *out, struct raum_error *error) BASE_CHECK;
/* All of a space, longest-serving first; *out lies in the arena. */
int member_list(struct sql *c, struct arena *a, const char *space, struct member **out, int *count,
                struct raum_error *error) BASE_CHECK;
int invitation_find(struct sql *c, struct arena *a, const char *id, struct invitation *out,
                    struct raum_error *error) BASE_CHECK;

/* How many owners a space has, deleted or not. */
int space_owners(struct sql *c, const char *space, int *out, struct raum_error *error) BASE_CHECK;
/* Takes a slug for a space: makes others' old slug of that name end. EXISTS when it is taken. */
int space_set_slug(struct sql *c, const char *space, const char *from, const char *to,
                   struct raum_error *error) BASE_CHECK;
/* Is it free for a slug that we choose: not reserved, no space's, no space's old one. */
int space_slug_free(struct sql *c, const char *slug, bool *out,
                    struct raum_error *error) BASE_CHECK;
/* A free slug near `base`: itself, -2 … -999, or with a random suffix. */
int space_choose_slug(struct sql *c, const struct raum_env *env, const char *base, char out[61],
                      struct raum_error *error) BASE_CHECK;
/* Inserts space and its first owner; metadata is JSON text. EXISTS: the slug is taken. */
int space_insert(struct sql *c, const struct space *s, const struct member *owner,
                 struct raum_error *error) BASE_CHECK;
/* A fresh id. */
void space_new_id(const struct raum_env *env, char out[SPACE_ID]);

enum space_metadata { METADATA_TEXT, METADATA_OBJECT };
/* The members of the JSON object, which the caller opens and closes, so that he may add some. */
void space_put(struct json_writer *w, const struct space *s, enum space_metadata metadata);
void member_put(struct json_writer *w, const struct member *m);
void member_put_user(struct json_writer *w, const struct member *m); /* and "user" */
void invitation_put(struct json_writer *w, const struct invitation *i);

#endif
