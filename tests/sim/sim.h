/* What the simulation's files share: the world, and who does what in it.
 *
 *     sim.c     seeds, steps, coming to rest        net.c    requests, answers, what is lost
 *     people.c  accounts, roles, keys, backups      edit.c   what is written on devices
 *     actor.c   clients that are not this engine    check.c  what must be true
 *     model.c   the server, a second time           disk.c   files that die with their machine
 */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include "base/plant.h"
#include "engine/kit.h"
#include "server/relay/relay.h"
#include "server/store/sql.h"
#include "sim/disk.h"
#include "sim/model.h"
#include "sync/outgoing.h"
#include "sync/session.h"

#define ACCOUNTS 4
#define DEVICES 6
#define SHARED 3 /* spaces */
/* Where a row lies: a shared space, or the account's own. */
enum place { PLACE_PERSONAL = SHARED, PLACE_USER, PLACES };
#define OWNER_SERVER 9
#define MADE_MAX 1500
#define PACKETS 16

struct device {
    int account;
    struct kit_world world;
    char root[40];
    struct raum *r; /* NULL: off */
    struct raum_handle *scopes[PLACES];
    struct session *session;
    char *late; /* an answer that is still on its way */
    size_t late_len;
    const char *early_space;
    char *early, *early_for; /* one that was fetched before its question was due */
    size_t early_len;
    char *sent; /* what was asked last */
    size_t sent_len;
    const char *sent_space;
    int stream_roles[SHARED]; /* as its last stream knew them */
    int cut;                  /* no network before this step */
    bool met;                 /* its keys have copies: signing in sees to that before it syncs */
    uint64_t told_clock;      /* of the last write that was said to be done */
    int last;                 /* which row was written last here; -1 */
    int imports;
};
/* A row that somebody made. */
struct made {
    char id[RAUM_ID_MAX];
    const char *table;
    int place, account, device;
};
/* A request that arrives later than its sender waited for it. */
struct packet {
    const char *account, *client; /* account NULL: none */
    const char *space;            /* which it is narrowed to; NULL: all */
    char *body;
    size_t len;
};
/* What this seed's world is made of: not everything is possible at once (docs/sync.md). */
struct weather {
    bool restores; /* else the server never comes back from a backup */
    bool people;   /* members come and go */
    bool actors;   /* older, newer and hostile clients; devices that are lost */
    bool crashes;
};
struct sim {
    uint64_t seed, state;
    int step;
    struct weather weather;
    struct kit_world server_world;
    struct sql *sql;
    struct relay *relay;
    struct model model, backup;
    bool has_backup;
    struct device devices[DEVICES];
    int roles[ACCOUNTS][SHARED]; /* at the server */
    struct made made[MADE_MAX];
    int made_count;
    struct packet packets[PACKETS];
    struct raum_error error;
};
extern struct sim sim;
extern bool sim_postgres;
extern const char *const sim_accounts[ACCOUNTS];
extern const char *const sim_spaces[SHARED];

_Noreturn void sim_die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
#define NEED(call)                                                                                 \
    do {                                                                                           \
        if ((call) < 0)                                                                            \
            sim_die("%s: %s", #call, sim.error.text);                                              \
    } while (0)
uint32_t sim_below(uint32_t n);
/* The result of a call on a device: true if it was done. Refusals are fine (`refusable`), and so is
 * anything on a device that died meanwhile. */
bool sim_done(int device, int result, bool refusable, const char *what);

/* ---- people.c ---- */

void server_open(void);
void server_close(void);
void server_template(void);
void server_fill(void);
void server_backup(void);
void server_restore(void);
/* The model's question; of a space's or partition's id. */
int people_role(const char *account, const char *space);
void people_move(void); /* somebody comes, goes, becomes something else */
/* As the lists of spaces and keys would say it before a sync. False: the device died. */
bool people_learn(int device);
void people_forget_keys(void);

/* ---- devices (sim.c) ---- */

void device_open(int i);
void device_close(int i);
/* Throws the process away, with or without the power, and starts again. */
void device_reboot(int i);
/* The id of a place for the device's account; NULL: not known there. */
const char *device_space(int i, int place);
/* NULL: the account is not in it, as far as the device knows. */
struct raum_handle *device_scope(int i, int place);

/* ---- net.c ---- */

/* One turn of a device's session. `fair`: nothing is lost. False: it has nothing to say. */
bool net_turn(int i, bool fair);
/* session_ahead; arg: the device. And the answer it got forgotten. */
struct session_step;
void net_ahead(void *device, const struct session_step *step);
void net_drop_early(struct device *d);
/* A request at the server, of one space or (NULL) of all; *answer is free()'d. The status, 0: the
 * server died over it. */
int net_serve(const struct packet *p, bool may_die, char **answer, size_t *answer_len);
/* A stream that lasts for some events. */
void net_stream(int i);
void net_deliver_packet(void);
void net_forget(void);

/* ---- edit.c, actor.c ---- */

void edit_some(int device);
void edit_again(int device); /* what it wrote last, once more */
void edit_import(int device);
void edit_adopt(int device); /* it is lost; a guest starts in its place and signs in */
void actor_some(void);
void actor_forget(void);

/* ---- check.c ---- */

/* Nothing on it that its account may not see. */
void check_device(int device);
void check_close(int device); /* its own connection to the device's file */
/* A row that is not private was seen at the server: from then on members may hold it. */
void check_shared(const char *space, const char *table, const char *id);
bool check_was_shared(const char *space, const char *table, const char *id);
/* A write that the sender was told is kept. */
void check_told(const char *space, const char *table, const char *id, const struct mfield *f);
void check_all(void);
void check_forget(void);
void check_after_boot(int device);

#endif
