/* The records that some changes of one request touch in one partition, in memory between their
 * loading and their writing: a later change of a record sees the earlier one. A batch has at most
 * BATCH_MAX changes, so that its memory is bounded whatever the records weigh. */
#ifndef SERVER_RELAY_BATCH_H
#define SERVER_RELAY_BATCH_H

#include "server/relay/inside.h"
#include "server/relay/store.h"

#define BATCH_MAX 100 /* changes */
#define BATCH_PLACES 512
#define BATCH_RECORDS (3 * BATCH_MAX) /* a slot's change looks at two pictures beside the slot */

struct relay_batch {
    struct relay *relay;
    struct relay_part *part;
    struct arena *a;
    int64_t now_ms;
    struct relay_record *places[BATCH_PLACES]; /* by key */
    struct relay_record *records[BATCH_RECORDS];
    uint32_t count, loaded; /* those before `loaded` are */
    struct relay_history history[BATCH_MAX];
    uint32_t history_count;
};

/* The record of a key, to be loaded if it is new to the batch. NULL: no memory. The id is lent. */
struct relay_record *relay_batch_add(struct relay_batch *b, int64_t tbl, const char *id);
/* Loads those that were added since, and reads their bodies. */
int relay_batch_load(struct relay_batch *b, struct raum_error *error) BASE_CHECK;
/* Fields that a change overwrote, at the partition's present seq. */
int relay_batch_keep(struct relay_batch *b, const struct relay_record *record,
                     const struct merge_record *before, struct raum_error *error) BASE_CHECK;
/* Writes what changed, and the history. */
int relay_batch_write(struct relay_batch *b, struct raum_error *error) BASE_CHECK;

#endif
