/* The frame of `raum bench`: a benchmark is a name, a budget and a function that measures Raum and,
 * in the same run, the raw limit beside it. What is measured stands in bench_*.c. */
#ifndef CLI_BENCH_H
#define CLI_BENCH_H

#include "cli/cli.h"

struct bench_run;
struct bench {
    const char *name; /* "scope" */
    const char *help;
    int (*run)(struct bench_run *b, struct raum_error *error);
};
extern const struct bench *const benches[]; /* ends with NULL */

/* Handed to a benchmark. */
struct bench_run {
    struct cli *cli;
    const char *folder; /* empty, removed afterwards */
    double scale;       /* 1: the sizes of the design; smaller with --quick */
    struct out_table *table;
    bool over; /* some line is over its budget */
};
/* One line: what, measured, unit, the raw limit in the same unit (0: none), the budget (0: none;
 * "more" means that more is better). */
void bench_line(struct bench_run *b, const char *what, double value, const char *unit, double raw,
                double budget, bool more);
double bench_now_ms(void); /* monotonic */

extern const struct bench bench_auth, bench_push, bench_pull, bench_hydrate;
extern const struct bench bench_fanout, bench_streams, bench_revoke, bench_media, bench_agents;

#endif
