/* All benchmarks, in the order of the report. */
#include "cli/bench_data.h"

const struct bench *const benches[] = {&bench_scope, &bench_write, &bench_live, &bench_upgrade,
                                       &bench_auth,  &bench_push,  &bench_pull, &bench_hydrate,
                                       &bench_fanout, &bench_streams, &bench_revoke, &bench_media,
                                       &bench_agents, NULL};
