/* Writing: batches of 50, synchronous=FULL, beside plain SQLite inserts and updates of the same
 * columns. */
#include "cli/bench_data.h"
#include "engine/store.h"
#include <stdio.h>
#include <stdlib.h>

#define BATCH 50
#define BATCHES 400

static int plain_inserts(struct db *db, int batches, double *us, struct raum_error *error)
{
    struct db_stmt insert = {0};
    int result = 0;
    double started = bench_now_ms();
    for (int i = 0; i < batches && result == 0; i++) {
        result = db_begin(db, error);
        for (int k = 0; k < BATCH && result == 0; k++)
            result = bench_plain_insert(db, &insert, i * BATCH + k, "_personal:guest", error);
        if (result == 0)
            result = db_commit(db, error);
    }
    *us = (bench_now_ms() - started) * 1e3 / (batches * BATCH);
    db_finish(&insert);
    return result;
}

static int plain_updates(struct db *db, int batches, double *us, struct raum_error *error)
{
    struct db_stmt update = {0};
    char id[48], label[48];
    int result = db_prepare(db, &update, &db_grant_own,
                            "UPDATE pictures SET label = ?2, updatedAt = ?3 WHERE id = ?1", error);
    double started = bench_now_ms();
    for (int i = 0; i < batches && result == 0; i++) {
        result = db_begin(db, error);
        for (int k = 0; k < BATCH && result == 0; k++) {
            int n = (i * 7919 + k * 104729) % (batches * BATCH);
            snprintf(id, sizeof id, "019a2b3c-%04x-7%03x-8000-%012x", n >> 12 & 0xffff, n & 0xfff,
                     n);
            snprintf(label, sizeof label, "Another name %d", i * BATCH + k);
            db_bind_str(&update, 1, id);
            db_bind_str(&update, 2, label);
            db_bind_str(&update, 3, "2026-04-02T00:00:00.000Z");
            result = db_run(&update, error);
        }
        if (result == 0)
            result = db_commit(db, error);
    }
    *us = (bench_now_ms() - started) * 1e3 / (batches * BATCH);
    db_finish(&update);
    return result;
}

static int own_inserts(struct raum *raum, struct raum_handle *scope, int batches,
                       char (*ids)[RAUM_ID_MAX], double *us, struct raum_error *error)
{
    char json[400];
    int result = 0;
    double started = bench_now_ms();
    for (int i = 0; i < batches && result == 0; i++) {
        result = raum_begin(raum, error);
        for (int k = 0; k < BATCH && result == 0; k++) {
            int len = bench_picture(json, sizeof json, i * BATCH + k);
            result = raum_insert(scope, "meImages", json, (size_t)len, ids[i * BATCH + k], error);
        }
        if (result == 0)
            result = raum_commit(raum, error);
    }
    *us = (bench_now_ms() - started) * 1e3 / (batches * BATCH);
    return result;
}

static int own_updates(struct raum *raum, struct raum_handle *scope, int batches,
                       char (*ids)[RAUM_ID_MAX], double *us, struct raum_error *error)
{
    char json[100];
    int result = 0;
    double started = bench_now_ms();
    for (int i = 0; i < batches && result == 0; i++) {
        result = raum_begin(raum, error);
        for (int k = 0; k < BATCH && result == 0; k++) {
            int n = (i * 7919 + k * 104729) % (batches * BATCH);
            int len = snprintf(json, sizeof json, "{\"label\":\"Another name %d\"}", i * BATCH + k);
            result = raum_update(scope, "meImages", ids[n], json, (size_t)len, error);
        }
        if (result == 0)
            result = raum_commit(raum, error);
    }
    *us = (bench_now_ms() - started) * 1e3 / (batches * BATCH);
    return result;
}

static int run(struct bench_run *b, struct raum_error *error)
{
    struct raum *raum = NULL;
    struct raum_handle *scope = NULL;
    struct db *plain = NULL;
    char path[1200];
    int batches = (int)(BATCHES * b->scale);
    double insert[3] = {0}, update[3] = {0}, raw_insert[3] = {0}, raw_update[3] = {0};
    char(*ids)[RAUM_ID_MAX] = calloc((size_t)batches * BATCH, sizeof *ids);
    int result = ids ? 0 : err_set(error, RAUM_ENOMEM, NULL);
    /* Interleaved and repeated: a busy machine then slows both sides alike. The middle one counts.
     */
    for (int i = 0; i < 3 && result == 0; i++) {
        char name[16];
        snprintf(name, sizeof name, "write%d", i);
        snprintf(path, sizeof path, "%s/plain%d.db", b->folder, i);
        result = bench_open(b, name, &raum, &scope, error);
        if (result == 0)
            result = bench_plain(path, &plain, error);
        if (result == 0)
            result = plain_inserts(plain, batches, &raw_insert[i], error);
        if (result == 0)
            result = own_inserts(raum, scope, batches, ids, &insert[i], error);
        if (result == 0)
            result = plain_updates(plain, batches, &raw_update[i], error);
        if (result == 0)
            result = own_updates(raum, scope, batches, ids, &update[i], error);
        raum_close(raum);
        db_close(plain);
        raum = NULL, plain = NULL;
    }
    free(ids);
    if (result < 0)
        return result;
    struct bench_times a = {.count = 3}, c = {.count = 3}, d = {.count = 3}, e = {.count = 3};
    for (int i = 0; i < 3; i++)
        a.ms[i] = insert[i], c.ms[i] = raw_insert[i], d.ms[i] = update[i], e.ms[i] = raw_update[i];
    double raw = bench_median(&c), raw_u = bench_median(&e);
    bench_line(b, "insert, batches of 50, a row", bench_median(&a), "µs", raw, raw * 2.5, false);
    bench_line(b, "update of one field, batches of 50", bench_median(&d), "µs", raw_u, raw_u * 1.5,
               false);
    return 0;
}

const struct bench bench_write = {"write", "write rows durably", run};
