/* What a device wrote in a space and could not send before it had to leave: kept for 30 days
 * outside of the database, where no handle reads it (G-S3). One folder for each time that a space
 * was left; each entry of an archive (engine/archive.h) is a file of its own, sealed with a key
 * that the account's ring opens:
 *
 *     FOLDER/quarantine/<ms: 13 digits>-<number of the space>/
 *         0 1 2 …   nonce: the number | name length: 1 byte | name | bytes of the entry
 *         head      head of a backup (engine/backup_head.h) | sealed, nonce all ones: JSON
 *                   {"at","entries","name","pictures","rows"}
 *
 * The head is written last: without one there is nothing here yet. */
#ifndef ENGINE_QUARANTINE_H
#define ENGINE_QUARANTINE_H

#include "engine/archive.h"
#include "engine/replica.h"

#define QUARANTINE_ID 40
#define QUARANTINE_MS ((int64_t)30 * 24 * 3600 * 1000)

struct quarantine {
    char id[QUARANTINE_ID]; /* the folder's name */
    char name[RAUM_ID_MAX]; /* of the space; "" if it cannot be read */
    int64_t at_ms;          /* when the space was left */
    int64_t rows, pictures;
    int64_t entries;
    bool locked; /* its key is not in the ring */
};

/* The folder's name. */
void quarantine_id(int64_t at_ms, uint32_t space, char out[QUARANTINE_ID]);
/* Everything of the space that no server has; nothing is written if there is nothing (rows and
 * pictures 0). Again with the same time: the same folder anew. Inside a transaction, so that one
 * process does it. */
int quarantine_write(struct raum *r, uint32_t space, int64_t at_ms, struct quarantine *out,
                     struct raum_error *error) BASE_CHECK;
/* Every one that is whole, oldest first. The struct is lent for the call. Not 0 stops. */
typedef int quarantine_fn(void *arg, const struct quarantine *q, struct raum_error *error);
int quarantine_each(struct raum *r, quarantine_fn *each, void *arg,
                    struct raum_error *error) BASE_CHECK;
/* NOT_FOUND, KEY_MISSING. */
int quarantine_find(struct raum *r, const char *id, struct quarantine *out,
                    struct raum_error *error) BASE_CHECK;
/* The archive's entries, in order. CORRUPT, NOT_FOUND, KEY_MISSING. */
int quarantine_export(struct raum *r, const char *id, const struct archive_sink *sink,
                      struct raum_error *error) BASE_CHECK;
/* For good. NOT_FOUND. */
int quarantine_drop(struct raum *r, const char *id, struct raum_error *error) BASE_CHECK;
/* Drops what is older than 30 days. */
void quarantine_sweep(struct raum *r);

#endif
