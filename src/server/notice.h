/* What the server's parts tell those who keep streams open, on this node and on others: something
 * was written, memberships or sessions changed. Said within the transaction that does it, heard
 * after its commit (store/sql_listen.h). A notice is a hint: whoever hears it looks into the
 * tables.
 *
 *     w <from> <to> <partition> <account> <client>    seq of the partition behind from, up to to
 *     m <account>      its memberships
 *     s <space>        it was deleted, or came back
 *     e <account>      sessions of it have ended
 *     a <account>      an agent of it was revoked
 *
 * with tabs between the words. Knows no stream. */
#ifndef SERVER_NOTICE_H
#define SERVER_NOTICE_H

#include "server/store/sql_listen.h"

#define NOTICE_CHANNEL "stream"
#define NOTICE_CLIENT_MAX 128 /* bytes; a longer name, or one with controls, is not told */

enum notice_kind {
    NOTICE_WRITTEN,
    NOTICE_MEMBERS,
    NOTICE_SPACE,
    NOTICE_ENDED,
    NOTICE_AGENT,
    NOTICES
};

struct notice {
    enum notice_kind kind;
    const char *id;              /* partition, account or space */
    const char *account, *client; /* of a write: whose; "" when the device has no name */
    int64_t from, to;
};

/* Within the transaction. */
int notice_written(struct sql *c, const char *account, const char *client, const char *partition,
                   int64_t from, int64_t to, struct raum_error *error) BASE_CHECK;
int notice_members(struct sql *c, const char *account, struct raum_error *error) BASE_CHECK;
int notice_space(struct sql *c, const char *space, struct raum_error *error) BASE_CHECK;
int notice_ended(struct sql *c, const char *account, struct raum_error *error) BASE_CHECK;
int notice_agent(struct sql *c, const char *account, struct raum_error *error) BASE_CHECK;
/* The host changed something beside the running server, as another process. On SQLite, where
 * notices stay within theirs, a number in the database says so. */
int notice_outside(struct sql *c, struct raum_error *error) BASE_CHECK;
/* That number; it only ever grows. */
int notice_outside_count(struct sql *c, int64_t *out, struct raum_error *error) BASE_CHECK;

/* Reads a payload, which is cut to pieces. False: none that this version knows. */
bool notice_read(char *payload, struct notice *out);

#endif
