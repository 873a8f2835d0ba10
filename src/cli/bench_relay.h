/* What benchmarks of the relay share: people with spaces of their own in a server's database, and
 * the requests that their devices would send, as JSON. Follows from a seed. */
#ifndef CLI_BENCH_RELAY_H
#define CLI_BENCH_RELAY_H

#include "base/buf.h"
#include "cli/bench.h"
#include "server/store/sql.h"

#define BENCH_BATCH 50   /* changes of a request */
#define BENCH_UPDATES 35 /* of them: one field of a row that is there */

/* Accounts account%025d (0 …) with a session token%027d, each the owner of `each` team spaces
 * space%08d, numbered through. In one transaction. */
int bench_relay_people(struct sql *sql, int first, int accounts, int each, int64_t now_ms,
                       struct raum_error *error) BASE_CHECK;

/* One device: it writes into the `spaces` spaces of its account. */
struct bench_device {
    int account, spaces;
    uint32_t *rows;  /* that are in each of its spaces, as far as it knows; lent */
    uint64_t random; /* not 0 */
    uint64_t made;   /* changes it has made so far: the counter of their times */
    char since[2048];
    struct buf request; /* body: JSON */
};
/* The next request into d->request: BENCH_BATCH changes in one space, or all of them new. NOMEM. */
int bench_device_write(struct bench_device *d, bool all_new, int64_t now_ms) BASE_CHECK;
/* Takes the cursor out of an answer. */
void bench_device_heard(struct bench_device *d, const char *body, size_t len);
/* `count` requests of the devices in turn, by the relay of this process, some in a transaction;
 * stops after `seconds` (0: when all are done). *changes: how many it did. */
int bench_relay_push(struct sql *sql, struct bench_device *devices, int device_count, bool all_new,
                     int count, double seconds, uint64_t *changes,
                     struct raum_error *error) BASE_CHECK;
uint32_t bench_device_below(struct bench_device *d, uint32_t n);

#endif
