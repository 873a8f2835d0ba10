/* The server as a process of its own, for benchmarks: what it computes and holds is its own. */
#ifndef CLI_BENCH_SERVER_H
#define CLI_BENCH_SERVER_H

#include "base/err.h"
#include <sys/types.h>

struct bench_server {
    pid_t pid; /* 0: none */
    int port;
};

/* `raum serve` on the folder data/server, without rate limits. database: its URL, or NULL. */
int bench_server_start(struct bench_server *child, const char *data, const char *database,
                       struct raum_error *error) BASE_CHECK;
void bench_server_stop(struct bench_server *child);
/* A line of its /proc/PID/status ("VmRSS"), in MB. */
double bench_server_memory(const struct bench_server *child, const char *name);
/* What it has computed so far, in seconds. */
double bench_server_computed(const struct bench_server *child);

/* The server of that data directory without listening, to fill its database before it is started:
 * server_stop ends it. */
struct server;
int bench_server_open(struct server **out, const char *data, struct raum_error *error) BASE_CHECK;

#endif
