/* The mail that brings an invitation: short, German and English, with the secret link. */
#ifndef SERVER_SPACES_INVITE_MAIL_H
#define SERVER_SPACES_INVITE_MAIL_H

#include "server/spaces/answer.h"

/* Queues it. An invitation whose mail cannot be queued stands; it can be sent again. */
void invite_mail(struct call *c, const struct invitation *row, const struct space *s,
                 const char *secret);
/* Text of a stranger as it may stand in a mail: one line, at most `max` bytes, nothing that a
 * reader's program would make a link of. In the arena; NULL: no memory. */
char *invite_mail_plain(struct arena *a, const char *text, size_t max);

#endif
