/* Mail out of the server: a command that takes the message on standard input (sendmail -t, msmtp),
 * or, when none is set, a file a message in the outbox folder, and a line in the log that says so.
 * Never blocks a request: messages are queued to one thread; failures are retried a few times and
 * logged without addresses. */
#ifndef SERVER_MAIL_H
#define SERVER_MAIL_H

#include "server/server.h"

struct mail {
    const char *to, *subject;
    const char *text; /* plain UTF-8, lines by \n */
};

int mailer_new(struct mailer **out, const struct server_options *options, struct net_log *log,
               struct raum_error *error) BASE_CHECK;
void mailer_free(struct mailer *m); /* delivers or stores what waits; NULL is fine */
/* Copies and queues. LIMIT when too much waits. Addresses with control characters: USAGE. */
int mailer_send(struct mailer *m, const struct mail *mail, struct raum_error *error) BASE_CHECK;

#endif
