/* The one merge rule (ARCHITECTURE §3): field-level last writer wins on (at, device, value). Pure:
 * the same function decides on a device, in the relay and in the browser. Knows neither rows nor
 * storage. */
#ifndef SYNC_MERGE_H
#define SYNC_MERGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MERGE_MIGRATION "migration" /* device of upgrades: sorts below all others (G-U3) */

struct merge_side {
    uint64_t at;
    const char *device;
};

/* < 0, 0, > 0: whether a loses, is the same write, or wins against b. */
int merge_compare(const struct merge_side *a, const struct merge_side *b);
/* The last tie-break, for equal times of equal devices with different values (a replayed import
 * that was altered): the greater bytes win, so that every replica decides alike. */
int merge_compare_values(const void *a, size_t a_len, const void *b, size_t b_len);

#endif
