/* What the tests of devices share: replicas that talk to the relay by their sessions, no socket
 * between them. Time, randomness and the network are the test's. Refuses to know what is tested. */
#ifndef TESTS_SERVER_DEVICES_H
#define TESTS_SERVER_DEVICES_H

#include "engine/kit.h"
#include "server/relay/relay.h"
#include "server/store/sql.h"
#include "sync/session.h"

#define DEVICES 4

struct device {
    struct raum *r;
    struct raum_handle *personal, *family;
    struct session *session;
    const char *account;
};
/* 0 and 1 are anna's, 2 is bert's, 3 is anna's third, which comes late. All know the family. */
extern struct device devices[DEVICES];
extern struct kit_world world, server_world;
extern struct kit_world *device_world[DEVICES]; /* whose clock; &world unless set */
extern struct sql *sql;
extern struct relay *relay;
extern char folder[128];
extern int lose_answers, lose_requests; /* how many in a row */
extern void (*meanwhile)(struct device *d); /* while a request is on its way; NULL: nothing */

int devices_set_up(void **state);
int devices_tear_down(void **state);
void make_device(int i);
void close_device(int i); /* its files stay */
void run(const char *sql);
/* How many rows there are in all spaces, whoever may see them. */
int64_t count_records(void);
/* The backup was older than all of it. */
void forget_records(void);
/* The server's side of one request: its status. */
int serve(struct device *d, const struct session_step *step, struct buf *out);
/* Runs a session until it has nothing to do; or `turns` of it, true when there is more. */
void sync_device(struct device *d);
bool sync_turns(struct device *d, int turns);
char *content(struct device *d, const char *space); /* free() it */
void same(int a, int b, const char *space);
void everybody(int rounds);

/* The key of anna's personal space, as the vault would bring it to her other devices. */
void devices_share_key(struct raum *from, struct raum *to);

#endif
