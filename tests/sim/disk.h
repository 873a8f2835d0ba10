/* A disk in memory for a world of several machines: SQLite's files and those of the env. A machine
 * (the N of "/owner-N/" in a path) dies at its n-th write: from then on nothing reaches its files.
 * What it had written before stays, or, after a loss of power, only what was synced is sure and the
 * rest is there in parts. Knows nothing of Raum. One thread. */
#ifndef TESTS_SIM_DISK_H
#define TESTS_SIM_DISK_H

#include <raum/env.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DISK_OWNERS 16

/* Becomes SQLite's own way to files; before the first database is opened. */
void disk_init(void);
void disk_env(struct raum_env *env); /* its functions of files; the others stay */
void disk_clear(void);               /* nothing may be open */

/* A file whole: put in its place, looked at (lent until it changes), copied. NULL: absent. */
void disk_put(const char *path, const void *data, size_t len);
const void *disk_get(const char *path, size_t *len);
void disk_remove(const char *prefix); /* every file below */
/* Do these bytes stand in any file below? */
bool disk_holds(const char *prefix, const void *bytes, size_t len);

/* After `writes` more writes the owner is dead; negative: it lives on. */
void disk_kill_after(int owner, long writes);
bool disk_is_dead(int owner);
/* All its files are closed. `power`: it was the power that went. */
void disk_revive(int owner, bool power, uint64_t *random);
/* How often its files changed: what did not change need not be looked at again. */
uint64_t disk_changes(int owner);

#endif
