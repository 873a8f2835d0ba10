/* What the parts of upstream share. */
#ifndef SERVER_AUTH_UPSTREAM_INSIDE_H
#define SERVER_AUTH_UPSTREAM_INSIDE_H

#include "server/auth/upstream_ask.h"

struct asker *upstream_asker(struct upstream *u);
/* What the call's credential was, or all were, is no more certain: it is asked for again. A load
 * under way counts as old. */
void upstream_forget(struct call *c, bool all);
/* UNREACHABLE, and a line in the log: what failed, with which status (0: none came). */
int upstream_failed(struct call *c, const char *what, int status) BASE_CHECK;

#endif
