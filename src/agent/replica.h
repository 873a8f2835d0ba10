/* A hosted agent's replica: what one account sees of one space, and nothing else, in a folder of
 * its own below the server's data. It is fed by a session that asks the relay in this process, and
 * it is disposable: the relay has everything, so whatever is odd about it ends with its files.
 *
 *     ASLEEP ──wake──▶ AWAKE ──sleep──▶ ASLEEP ──wipe──▶ (no files)
 *
 * What a call wrote is pushed before the call is answered; what cannot be pushed is wiped, so that
 * nothing is ever told later in nobody's name. The keys of a personal space are asked for at every
 * wake and lie in memory only; without the owner's leave there are none, and the space stays
 * closed (LOCKED). One thread at a time; knows no pool and no rate. */
#ifndef AGENT_REPLICA_H
#define AGENT_REPLICA_H

#include "agent/port.h"
#include "engine/scope.h"
#include "sync/session.h"

#define REPLICA_HANDLES 8 /* agents whose handles are kept while it is awake */

struct agent_replica {
    const struct raum_env *env;
    const struct agent_port *port;
    char *folder, *account, *space; /* owned */
    struct raum *raum;              /* NULL: asleep */
    struct session *session;
    uint32_t ref;   /* of the space */
    bool opened;    /* its keys are here, or it needs none */
    char epoch[17]; /* of the server's database, when it woke */
    int64_t seq;    /* of the server's partition: all up to it is here */
    struct {
        struct raum_handle *handle;
        char agent[RAUM_ID_MAX];
        uint64_t used;
    } handles[REPLICA_HANDLES];
    uint64_t turn;
};

/* Nothing is opened. The env and the port are lent. */
int agent_replica_init(struct agent_replica *r, const struct raum_env *env,
                       const struct agent_port *port, const char *root, const char *account,
                       const char *space, struct raum_error *error) BASE_CHECK;
void agent_replica_release(struct agent_replica *r);
/* Account and space of a folder, as whoever made it wrote down: for what a process before left. */
int agent_replica_read(const struct raum_env *env, const char *folder, struct arena *a,
                       const char **account, const char **space,
                       struct raum_error *error) BASE_CHECK;

/* Opens or makes it and brings it up to who->seq. LOCKED: sealed, see above. */
int agent_replica_wake(struct agent_replica *r, const struct agent_who *who,
                       struct raum_error *error) BASE_CHECK;
/* The handle of this agent in it, lent until it sleeps. */
int agent_replica_handle(struct agent_replica *r, const char *agent, struct raum_handle **out,
                         struct raum_error *error) BASE_CHECK;
/* Was something written since the last push? */
int agent_replica_dirty(struct agent_replica *r, bool *out, struct raum_error *error) BASE_CHECK;
/* Tells the relay, and logs the note with it. What the relay refused is the error, and then, as
 * after any other, the replica is wiped. */
int agent_replica_push(struct agent_replica *r, const struct agent_who *who,
                       struct agent_note *note, struct raum_error *error) BASE_CHECK;
void agent_replica_sleep(struct agent_replica *r);
void agent_replica_wipe(struct agent_replica *r); /* sleeps, and removes its files */

#endif
