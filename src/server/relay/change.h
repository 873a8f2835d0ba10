/* One change against one record: what is checked, who may, what the merge makes of it. */
#ifndef SERVER_RELAY_CHANGE_H
#define SERVER_RELAY_CHANGE_H

#include "base/clock.h"
#include "server/relay/batch.h"

struct relay_change {
    const struct relay_caller *who;
    const struct wire_change *wire;
    struct wire_result *result;

    struct relay_batch *batch; /* what follows is relay_change_begin's */
    struct relay *relay;
    struct relay_part *part;
    struct arena *a; /* of the batch */
    int64_t now_ms;
    const struct schema_table *table; /* NULL: unknown to this version */
    struct relay_record *stored;      /* NULL: refused already */

    struct merge_record record; /* as stored, then as merged */
    struct merge_record before; /* fields that were overwritten */
    struct merge_field *fields; /* the change's, complete and checked */
    uint32_t count;
    bool altered; /* what is stored is not what the device holds */
    bool timed; /* digest holds the receipt that is to be kept, at */
    unsigned char digest[RAUM_HASH_BYTES];
    uint64_t at;
};

/* Each change of a batch is begun, the batch loaded, each applied in order, the batch written: all
 * of it within the partition's transaction. 0 with result filled, refusals included; negative: the
 * transaction cannot go on. */
int relay_change_begin(struct relay_change *c, struct relay_batch *b,
                       struct raum_error *error) BASE_CHECK;
int relay_change_apply(struct relay_change *c, struct raum_error *error) BASE_CHECK;
/* After a slot was written: the pictures that it held and holds are sent again. */
int relay_slot_touch(struct relay_change *c, struct raum_error *error) BASE_CHECK;

/* After the record is merged and within its transaction: which pictures it shows, to whom
 * (shows.c). */
int relay_shows(struct relay_change *c, bool is_private, struct raum_error *error) BASE_CHECK;

#endif
