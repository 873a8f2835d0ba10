/* A load generator for `raum bench`: many keep-alive connections of one thread, each sending its
 * request again as soon as it is answered. Knows HTTP/1.1 answers with a Content-Length and no
 * more.
 */
#ifndef CLI_BENCH_LOAD_H
#define CLI_BENCH_LOAD_H

#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

#define LOAD_GROUPS 2
#define LOAD_STEP_US 10
#define LOAD_STEPS 50000 /* up to half a second; slower ones count as that */

struct load_client {
    const char *request; /* whole; lent */
    size_t len;
    int group; /* 0 .. LOAD_GROUPS - 1: counted apart */
    /* Called with the body of each good answer: may put another request in place. NULL: the same
     * again. */
    void (*next)(struct load_client *self, const char *body, size_t len);
    void *arg;
};

struct load_result {
    uint64_t done, failed; /* answers of 2xx; others, and broken connections */
    double seconds;
    uint32_t steps[LOAD_STEPS + 1]; /* how many took that many steps */
};

/* UNREACHABLE if a connection cannot be made at the start; INTERRUPTED. */
int load_run(int port, struct load_client *clients, int count, double seconds,
             struct load_result out[LOAD_GROUPS], struct raum_error *error) BASE_CHECK;
double load_rate(const struct load_result *r);                     /* answers a second */
double load_percentile(const struct load_result *r, double share); /* ms; 0.99 */

#endif
