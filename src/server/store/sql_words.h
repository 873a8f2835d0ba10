/* From the words that both databases share to PostgreSQL's. Looks at words outside of quotes and
 * comments only; knows no grammar. */
#ifndef SERVER_STORE_SQL_WORDS_H
#define SERVER_STORE_SQL_WORDS_H

#include "base/buf.h"
#include <stdbool.h>

/* ?1 becomes $1. */
void sql_words_parameters(struct buf *out, const char *sql);
/* Migrations: BLOB becomes BYTEA, and TEXT compares by bytes, as on SQLite. */
void sql_words_script(struct buf *out, const char *sql);
/* Does it only read, so that it may be run twice? */
bool sql_words_reads(const char *sql);

#endif
