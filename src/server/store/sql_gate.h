/* One writer at a time, in the order of arrival: SQLite's own waiting is a race of sleepers, in
 * which one worker may lose for seconds. A gate belongs to a file; every connection of this process
 * to that file shares it. */
#ifndef SERVER_STORE_SQL_GATE_H
#define SERVER_STORE_SQL_GATE_H

#include "base/err.h"

struct sql_gate;

/* The gate of the file that exists at `path`. */
int sql_gate_of(struct sql_gate **out, const char *path, struct raum_error *error) BASE_CHECK;
void sql_gate_release(struct sql_gate *g); /* NULL is fine */
int sql_gate_enter(struct sql_gate *g, int wait_ms, struct raum_error *error) BASE_CHECK; /* BUSY */
void sql_gate_leave(struct sql_gate *g);

#endif
