/* A log of operations (sync/log.h) as changes of the wire, and what a device's replica makes of it:
 * for all who compare states. Knows no server. */
#ifndef TESTS_SYNC_REPLAY_H
#define TESTS_SYNC_REPLAY_H

#include "engine/kit.h"
#include "sync/log.h"
#include "sync/wire.h"

#define REPLAY_OPERATIONS 400

void replay_read(const struct log_op *op, struct arena *a, struct json_doc *doc,
                 struct wire_request *q);
/* What the relay adds: who, and with what. */
void replay_sign(const struct log_op *op, struct wire_change *c);
/* Takes in what the relay took, one change after the other. taken: a letter each, 'r' for refused;
 * NULL: all were taken. backwards: makings first, then all else from the end to the beginning. */
void replay_engine(struct kit_world *world, struct arena *a, const char *folder, uint64_t seed,
                   const char *taken, bool backwards, struct buf *out);

#endif
