/* A database file as plain bytes, through SQLite's own files: for copies that are sealed page by
 * page on their way. The connection must be opened with DB_PLAIN and used for nothing else. Knows
 * no format. */
#ifndef DB_RAW_H
#define DB_RAW_H

#include "db/db.h"

int db_raw_size(struct db *db, int64_t *size, struct raum_error *error) BASE_CHECK;
/* Exactly len bytes. */
int db_raw_read(struct db *db, int64_t at, void *data, size_t len,
                struct raum_error *error) BASE_CHECK;
int db_raw_write(struct db *db, int64_t at, const void *data, size_t len,
                 struct raum_error *error) BASE_CHECK;
/* On the disk when it returns 0. */
int db_raw_sync(struct db *db, struct raum_error *error) BASE_CHECK;

/* Copies a whole database as it is at this moment; others may write meanwhile. */
int db_copy(struct db *from, struct db *to, struct raum_error *error) BASE_CHECK;

#endif
