/* Notices: what one connection says when it commits, others hear at once. PostgreSQL carries them
 * between all nodes of a database (NOTIFY, LISTEN); on SQLite they stay within the process, which
 * is the only node there. A channel belongs to the schema, so servers that share a database do not
 * hear each other.
 *
 * A notice is a hint, never data: it may come twice, late or, around a gap, not at all, and on
 * PostgreSQL whoever may connect to the database can send one. Who hears it looks into the tables.
 * sql_notify (sql.h) sends. */
#ifndef SERVER_STORE_SQL_LISTEN_H
#define SERVER_STORE_SQL_LISTEN_H

#include "server/store/sql.h"

struct sql_listener; /* a connection of its own, of one thread */

/* `url` as for sql_open, `channel` as for sql_notify. What is committed after this returned is
 * heard. */
int sql_listen(struct sql_listener **out, const char *url, const char *channel,
               struct raum_error *error) BASE_CHECK;
void sql_listener_free(struct sql_listener *l); /* NULL is fine */

enum sql_heard {
    SQL_HEARD_NOTHING, /* until the time was over, or wake_fd became readable */
    SQL_HEARD_NOTICE,
    SQL_HEARD_GAP, /* something may have been missed: look into the tables. From now on it hears */
};
struct sql_notice {
    enum sql_heard heard;
    const char *payload; /* of a notice: lent until the next call */
};
/* Waits up to wait_ms for the next one; notices come in the order of commits. wake_fd: whatever
 * else should end the waiting when it can be read (it is not read here); -1: nothing. UNREACHABLE:
 * the connection was lost and an attempt to mend it failed; the next call goes on trying, at most
 * once a second, and the call that succeeds gives SQL_HEARD_GAP. */
int sql_listener_wait(struct sql_listener *l, int wake_fd, int wait_ms, struct sql_notice *out,
                      struct raum_error *error) BASE_CHECK;

#endif
