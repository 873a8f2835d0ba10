/* Makes SELECTs by seed: joins of every kind, CTEs, subqueries, compounds, windows, aggregates,
 * over the tables of the contract. A tame statement has one right answer, up to the order of its
 * rows; a wild one may ask for what is not there, and be nonsense. */
#ifndef ENGINE_SQLGEN_H
#define ENGINE_SQLGEN_H

#include "base/buf.h"
#include <stdbool.h>
#include <stdint.h>

struct sqlgen {
    uint64_t state;
    bool wild;
    struct buf sql;
    int depth, names;
    int sources; /* of the SELECT being written: aliases a<first>… */
    int first;
    int table[64]; /* of an alias: index in the list of tables, or -1: a subquery with columns c0 c1
                    */
    int ctes;      /* cte0… with columns c0 c1 */
};

void sqlgen_init(struct sqlgen *g, uint64_t seed, bool wild);
void sqlgen_release(struct sqlgen *g);
/* The next statement; lent until the next call. */
const char *sqlgen_next(struct sqlgen *g);
uint32_t sqlgen_random(struct sqlgen *g, uint32_t below);

#endif
