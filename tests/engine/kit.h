/* What the tests of the engine share: folders in memory, a world whose clock and randomness are
 * set, replicas, rows as canonical text, rows handed from one replica to another as sync will do.
 * Refuses to know what is tested. */
#ifndef TESTS_ENGINE_KIT_H
#define TESTS_ENGINE_KIT_H

#include "base/buf.h"
#include "engine/intern.h"
#include "engine/query.h"
#include "engine/replica.h"
#include "engine/row.h"
#include "engine/scope.h"
#include "engine/spaces.h"
#include "engine/store.h"
#include "schema/rights.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

extern struct raum_error error;

#define OK(call)                                                                                   \
    do {                                                                                           \
        int kit_result = (call);                                                                   \
        if (kit_result != 0)                                                                       \
            fail_msg("%s: %d %s", #call, kit_result, error.text);                                  \
    } while (0)
#define REFUSED(code_wanted, call)                                                                 \
    do {                                                                                           \
        err_clear(&error);                                                                         \
        int kit_result = (call);                                                                   \
        if (kit_result != (code_wanted))                                                           \
            fail_msg("%s: %s instead of %s: %s", #call, raum_code_name(kit_result),                \
                     raum_code_name(code_wanted), error.text);                                     \
        assert_int_equal(error.code, code_wanted);                                                 \
    } while (0)

/* A world that can be replayed: time stands still unless moved, random bytes come from the seed. */
struct kit_world {
    struct raum_env env;
    int64_t now_ms;
    uint64_t seed;
};
void kit_world_init(struct kit_world *w, uint64_t seed);
uint64_t kit_random(uint64_t *state); /* splitmix64 */

/* A new folder, in memory if the machine has /dev/shm (no test here is about the disk's speed). */
void kit_folder(char out[128]);
void kit_remove(const char *folder);

struct raum *kit_open(const char *folder, const char *account, const struct raum_env *env);
/* A handle in the space of this id; NULL: the personal one. */
struct raum_handle *kit_scope(struct raum *r, const char *space);
/* A space that the server made: known to the replica under its real id. */
void kit_join(struct raum *r, const char *id, int type, int role);

/* Writing, on failure the code. */
int kit_insert(struct raum_handle *h, const char *table, const char *json, char id[RAUM_ID_MAX]);
int kit_update(struct raum_handle *h, const char *table, const char *id, const char *json);
/* The row as members see it; "" if it is not to be had. Lent until the next call. */
const char *kit_get(struct raum_handle *h, const char *table, const char *id, bool deleted_too);
/* First column of the first row of a view statement; fails the test if it cannot be run. */
int64_t kit_int(struct raum_handle *h, const char *sql);
/* All of it as text: columns by '|', rows by newline. Lent until the next call. */
const char *kit_rows(struct raum_handle *h, const char *sql);
/* First column of SQL run below all rights. */
int64_t kit_raw(struct raum *r, const char *sql);

/* The rows of a partition, deleted ones too, with the stamp of every field: one line a row, sorted.
 * The same on every replica that agrees. Append to out. */
void kit_dump(struct raum *r, uint32_t space, struct buf *out);
/* Hands every row of the space to the other replica, as a server would: what is private to somebody
 * else stays. */
int kit_hand_over(struct raum *from, struct raum *to, const char *space, bool leaky,
                  struct raum_error *e);

#endif
