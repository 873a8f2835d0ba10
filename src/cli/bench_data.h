/* Data for benchmarks: a replica filled with pictures of several spaces, and a plain SQLite file
 * with the same columns as an application would write it. */
#ifndef CLI_BENCH_DATA_H
#define CLI_BENCH_DATA_H

#include "cli/bench.h"
#include "db/db.h"

/* An open replica in b->folder/NAME with a scope handle on the personal space. */
int bench_open(struct bench_run *b, const char *name, struct raum **raum,
               struct raum_handle **scope, struct raum_error *error) BASE_CHECK;
/* `rows` pictures into the handle's space, in transactions of `batch`. */
int bench_fill(struct raum *raum, struct raum_handle *scope, int rows, int batch,
               struct raum_error *error) BASE_CHECK;
/* The fields of picture i as JSON. */
int bench_picture(char *out, size_t size, int i);
/* Runs a SELECT of the engine's own (`fenced`: behind the fence) to its end, reading every column.
 * *rows: how many. */
int bench_query(struct raum_handle *scope, const char *sql, bool fenced, int *rows,
                struct raum_error *error) BASE_CHECK;

/* A plain file (or ":memory:") with the table `pictures`, WAL and synchronous=FULL like the
 * replica. */
int bench_plain(const char *path, struct db **out, struct raum_error *error) BASE_CHECK;
int bench_plain_insert(struct db *db, struct db_stmt *insert, int i, const char *space,
                       struct raum_error *error) BASE_CHECK;

/* The middle of several runs, in ms. */
struct bench_times {
    double ms[64];
    int count;
};
void bench_time(struct bench_times *t, double started);
double bench_median(struct bench_times *t);
/* Resident memory of this process in MiB, and its peak; 0 if unknown. */
double bench_resident(bool peak);

extern const struct bench bench_scope, bench_write, bench_upgrade, bench_live;

#endif
