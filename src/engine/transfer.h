/* Rows of one replica merged into another, space by space: how a guest's data joins an account that
 * has data of its own. By the ordinary merge rule, so that a second time has no effect. */
#ifndef ENGINE_TRANSFER_H
#define ENGINE_TRANSFER_H

#include "engine/replica.h"

/* Inside a transaction of `to`. The personal space and the user partition of the one join those of
 * the other, other spaces keep their ids; `from`'s account becomes `to`'s wherever it is named.
 * *rows: rows that brought anything. */
int transfer_all(struct raum *from, struct raum *to, int64_t *rows,
                 struct raum_error *error) BASE_CHECK;

#endif
