/* Did the database go back in time? Then devices have seen what it has forgotten, and it gets a new
 * epoch, so that they read from the start and offer again what is newer with them (G-O4). Two
 * things tell: a mark that grows in the database and beside it in the data directory (file `mark`);
 * on PostgreSQL also which cluster, database and timeline it is, noted in the database itself.
 *
 * Not told apart is a database that went back by less than the time between two checks, or together
 * with the data directory: then the host says so (`raum serve admin new-epoch`). */
#ifndef SERVER_EPOCH_H
#define SERVER_EPOCH_H

#include "server/store/sql.h"

/* Compares, renews the epoch if need be (*renewed) and moves the marks on. At the start and now and
 * then. `folder`: the data directory. */
int epoch_check(struct sql *c, const char *folder, const struct raum_env *env, bool *renewed,
                struct raum_error *error) BASE_CHECK;

#endif
