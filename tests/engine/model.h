/* The model-based test: a tiny oracle (plain arrays, written without a look at the engine's ways)
 * and the engine are told the same and have to say the same. Four replicas of three accounts (one
 * has two devices), rows exchanged between them, spaces that come to be, become real and go,
 * transactions, restarts, crashes.
 *
 *     model.c         what is done, at random from a seed
 *     model_oracle.c  what should come of it
 *     model_check.c   whether it did */
#ifndef TESTS_ENGINE_MODEL_H
#define TESTS_ENGINE_MODEL_H

#include "engine/kit.h"

#define REPLICAS 4
#define ACCOUNTS 3
#define HANDLES 2
#define SPACES 120
#define ROWS 1500
#define VALUE 48

enum table { T_IMAGES, T_SLOTS, T_TAGS, T_SETTINGS, TABLES };
enum field { F_VISIBILITY, F_CREATED, F_DELETED, F_A, F_B, F_C, F_D, F_X, FIELDS };

/* A value as JSON; "" is "not there" (only the unknown field x may be that). */
struct mfield {
    char value[VALUE];
    uint64_t at;
    int device; /* index of the replica */
    bool agent;
};
struct mrow {
    bool used;
    enum table table;
    int space; /* index in the replica's list; of settings: SPACE_USER */
    int author;
    uint64_t author_at;
    int author_device;
    uint64_t rest_at; /* of the fields that the oracle does not follow: they are never edited */
    int rest_device;
    char id[VALUE];
    struct mfield f[FIELDS];
    uint64_t dirty;
};
#define SPACE_USER (-1)
#define NOT_READY (-2)

struct mspace {
    bool used, offline;
    int type, role;
    char id[80];
};
struct mreplica {
    int account;
    struct mspace spaces[SPACES];
    struct mrow rows[ROWS];
    uint64_t last_tick;
};

/* A field of the oracle, and where it is in the engine. */
struct mcolumn {
    const char *name; /* NULL: the table has none */
    int tag;          /* 0: an unknown field */
    bool fixed;
};
extern const struct mcolumn columns[TABLES][FIELDS];
extern const char *const table_names[TABLES];
extern const char *const accounts[ACCOUNTS];

struct model {
    uint64_t seed, state;
    long op, ops;
    const char *doing;
    char folder[128];
    struct kit_world worlds[REPLICAS];
    struct raum *raums[REPLICAS];
    char devices[REPLICAS][40];
    struct raum_handle *handles[REPLICAS][HANDLES], *settings[REPLICAS];
    int turn;                  /* the replica whose operation it is */
    int at[REPLICAS][HANDLES]; /* index of the space, or NOT_READY */
    bool agent[REPLICAS][HANDLES];
    struct mreplica *now[REPLICAS], *before; /* before: of the replica whose transaction is open */
    bool in_transaction, spoilt;
};
extern struct model m;

uint32_t below(uint32_t n);
/* Says what differed, with the seed and the number of the operation, and ends the process. */
void differs(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

/* ---- the parts ---- */
void model_open(int replica);
void model_close(int replica);
void model_crash(int replica);

/* ---- the oracle ---- */
struct mrow *oracle_find(struct mreplica *x, enum table t, int space, const char *id);
struct mrow *oracle_new(struct mreplica *x, enum table t, int space, const char *id);
bool oracle_private(const struct mrow *row);
bool oracle_deleted(const struct mrow *row);
bool oracle_hidden(const struct mreplica *x, const struct mrow *row);
/* The code that a write must give; 0: it is to be done. */
int oracle_insert(struct mreplica *x, int space, enum table t, const char *id, enum field f,
                  const char *value, const char *subject);
int oracle_change(struct mreplica *x, int space, enum table t, const char *id, enum rights_op op,
                  enum field f, const char *value);
/* Where row ids of another replica's row lead here; merges. push: marks for the push. */
void oracle_merge(struct mreplica *to, int space, const struct mrow *theirs, bool push);
void oracle_join(struct mreplica *x, int from, int to);
void oracle_erase(struct mreplica *x, int space);
int oracle_space(const struct mreplica *x, const char *id);
uint64_t oracle_all_tags(enum table t, bool extra);

/* ---- comparing ---- */
/* The row as stored; takes over the stamps of the fields in `written` (a bit each) when `learn`:
 * they must be newer than everything in the row. */
void check_written(int replica, struct mrow *row, unsigned written, bool agent, bool inserted);
void check_row(int replica, const struct mrow *row);
void check_replica(int replica);
void check_all(void);

#endif
