/* The agents that were here: whose they are, when they end, and which run each is in. Bounded; the
 * longest unseen one goes first. Threads: any. Knows neither calls nor replicas. */
#ifndef AGENT_SEEN_H
#define AGENT_SEEN_H

#include "agent/port.h"
#include "base/id.h"

struct seen;

int seen_new(struct seen **out, int most, struct raum_error *error) BASE_CHECK;
void seen_free(struct seen *s); /* NULL is fine */
/* It was here. */
void seen_note(struct seen *s, const struct agent_who *who);
/* It makes a call now: the run it is in, or a new one, which is called like its first call. Without
 * memory each call is a run of its own. */
void seen_run(struct seen *s, const struct agent_who *who, int64_t now_ms, const char *call,
              char run[ID_TEXT]);
void seen_forget(struct seen *s, const char *agent);
/* Calls `each` for those of an account (NULL: of any); expired_ms > 0: only for those that have
 * expired by then. Without any lock held. */
typedef void seen_fn(void *arg, const char *agent);
void seen_each(struct seen *s, const char *account, int64_t expired_ms, seen_fn *each, void *arg);

#endif
