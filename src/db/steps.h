/* File steps: how a Raum file of an older version becomes one of this version (ARCHITECTURE §4,
 * G-U1, G-U7).
 *
 * Steps are append-only and numbered by the version they lead to. Steps that touch no rows run in
 * one transaction in place. If any due step rewrites rows, all due steps run as one pass into a new
 * file:
 *
 *     lock the old file · write FILE.part (journal off) · fsync · FILE.part → FILE.new
 *     · mark the old file MOVED · checkpoint · FILE → FILE.old (with its wal) · FILE.new → FILE
 *
 * Killed at any point, the next steps_open finishes or forgets it. FILE.old stays until the next
 * clean open. A process that still holds the old file sees the mark in its next transaction. Knows
 * no table's name. */
#ifndef DB_STEPS_H
#define DB_STEPS_H

#include "db/db.h"
#include <raum/env.h>

#define STEPS_MOVED 2000000000 /* user_version of a file that has been replaced */

struct db_file_step {
    int to; /* the version it leads to; from = the entry before */
    /* In place: SQL run in the transaction; NULL if the step rewrites rows. */
    const char *sql;
    /* Rewriting: makes the new file's content from the old one; both open, old read-only, inside a
     * transaction on `fresh`. `tell` may be called with 0..1. */
    int (*rewrite)(struct db *old, struct db *fresh, void *ctx,
                   void (*tell)(void *arg, double done), void *arg, struct raum_error *error);
    /* Counts rows per table that would change, for --dry-run; appends lines to `report`. May be
     * NULL. */
    int (*report)(struct db *old, struct buf *report, struct raum_error *error);
};
struct db_steps {
    int application;                 /* application_id of our files */
    int version;                     /* version of this program */
    const char *create;              /* SQL of a fresh file of `version` */
    const struct db_file_step *list; /* ascending; ends with to 0 */
    void *ctx;
};

/* Opens path, made fresh if absent, brought to steps->version. NEWER_DATABASE leaves the file
 * untouched (G-U6); with DB_READ_ONLY a newer or older file opens as it is. */
int steps_open(struct db **out, const char *path, unsigned flags, const struct db_steps *steps,
               const struct raum_env *env, void (*tell)(void *arg, double done), void *arg,
               struct raum_error *error) BASE_CHECK;
/* Puts another file (whole, of this or an older version, in the same folder) in the place of path
 * as a pass does: checked first, the old one marked and kept as FILE.old, killed anywhere either
 * before or after. The next steps_open brings it to this version. `other` is gone afterwards. A
 * damaged file may be replaced, a newer one not. */
int steps_replace(const char *path, const char *other, const struct db_steps *steps,
                  const struct raum_env *env, struct raum_error *error) BASE_CHECK;
/* Per step and table what would change; changes nothing. */
int steps_dry_run(const char *path, const struct db_steps *steps, struct buf *report,
                  struct raum_error *error) BASE_CHECK;
/* Inside a transaction: RAUM_ENEWER_DATABASE if user_version is not `version` (another program's
 * upgrade). */
int steps_check(struct db *db, int version, struct raum_error *error) BASE_CHECK;

#endif
