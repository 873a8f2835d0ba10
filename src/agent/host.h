/* The home of hosted agents: runs what an agent asks in the replica of its owner's space, counts
 * and logs it, and stops it when the agent may not go on. Threads: any; work in one replica goes
 * one behind the other. Knows no protocol (that is who calls) and no server (agent/port.h).
 *
 * A run is what is undone as a whole: what an agent does in one session of the protocol, or without
 * one, what it does without a pause of HOST_RUN_MS. */
#ifndef AGENT_HOST_H
#define AGENT_HOST_H

#include "agent/pool.h"

#define HOST_RUN_MS 600000
#define HOST_SEEN_MAX 20000 /* agents that are remembered; the longest unseen goes */

struct agent_host;

struct agent_host_options {
    const struct raum_env *env;
    const struct agent_port *port;
    const char *root;                       /* folder of replicas */
    const struct tool_media *media;         /* see tools.h; may be NULL */
    const struct tool_generator *generator; /* may be NULL */
    bool unlimited;                         /* no rate: tests and benchmarks only */
    int awake_max, idle_ms;                 /* as pool.h says */
    /* An agent does not hold any more: whoever keeps something open for it closes it. On some
     * thread; may be NULL. */
    void (*ended)(void *arg, const char *agent);
    void *arg;
};

/* What the options point to is lent, but for the root. Starts a thread that looks after what is
 * idle. */
int agent_host_new(struct agent_host **out, const struct agent_host_options *options,
                   struct raum_error *error) BASE_CHECK;
/* No call runs. NULL is fine. */
void agent_host_free(struct agent_host *h);

/* It is here, and may keep something open: `ended` is called for it. */
void agent_host_greet(struct agent_host *h, const struct agent_who *who);
/* Calls a tool as tools_call does; it is counted and logged. RATE_LIMITED, NOT_ALLOWED (also: the
 * agent ended meanwhile), INTERRUPTED, LOCKED, BUSY, or what the tool said. When it fails nothing
 * was written. */
int agent_host_tool(struct agent_host *h, const struct agent_who *who, const char *tool,
                    struct json_value args, const struct tool_hooks *hooks, struct buf *json,
                    struct buf *more, struct raum_error *error) BASE_CHECK;
/* Reading of other kinds (lists, resources), within the agent's scope; what it writes is dropped.
 * Not counted and not logged. */
typedef int agent_work(void *arg, struct tool_call *call, struct raum_error *error);
int agent_host_read(struct agent_host *h, const struct agent_who *who,
                    const struct tool_hooks *hooks, agent_work *work, void *arg,
                    struct raum_error *error) BASE_CHECK;
/* Something about an account changed (NULL: about any): agents of it that do not hold any more are
 * ended, their calls stopped, their data wiped. By the server's news. */
void agent_host_news(struct agent_host *h, const char *account);
void agent_host_counts(struct agent_host *h, struct agent_pool_counts *out);

#endif
