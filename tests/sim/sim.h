/* What the simulation's files share: the world, and what is checked in it. */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include "base/plant.h"
#include "engine/kit.h"
#include "server/relay/relay.h"
#include "server/store/sql.h"
#include "sync/outgoing.h"
#include "sync/session.h"

#define ACCOUNTS 3
#define DEVICES 5
#define SPACES 2
#define MADE_MAX 4000

struct device {
    struct kit_world world;
    struct raum *r;
    struct raum_handle *scopes[SPACES];
    struct session *session;
    char *late; /* an answer that is still on its way */
    size_t late_len;
};
/* A row that somebody made. */
struct made {
    char id[RAUM_ID_MAX];
    const char *table;
    int space, device;
};
struct sim {
    uint64_t seed, state;
    int step;
    char folder[128], server_path[180];
    struct kit_world server_world;
    struct sql *sql;
    struct relay *relay;
    struct device devices[DEVICES];
    int roles[ACCOUNTS][SPACES]; /* at the server */
    bool has_backup;
    struct made made[MADE_MAX];
    int made_count;
    struct raum_error error;
};
extern struct sim sim;
extern const char *const sim_accounts[ACCOUNTS];
extern const char *const sim_spaces[SPACES];
extern const int sim_owner[DEVICES];

_Noreturn void sim_die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
#define NEED(call)                                                                                 \
    do {                                                                                           \
        if ((call) < 0)                                                                            \
            sim_die("%s: %s", #call, sim.error.text);                                              \
    } while (0)
uint32_t sim_below(uint32_t n);
/* NULL: this device's account is not in the space, as far as it knows. */
struct raum_handle *sim_scope(int device, int space);

/* One write by somebody on a device (edit.c). */
void sim_edit(int device);

/* Nothing on it that its account may not see (check.c). */
void sim_check_device(int device);
/* Rows came for a space that the device does not know: it must be one of its own. */
void sim_check_unknown(int device);
/* The newest stamp of each field that any device ever held. */
void sim_remember(int device);
void sim_check_all(void);
void sim_forget(void);

#endif
