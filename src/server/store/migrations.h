/* The server's tables, as append-only steps that both databases understand. BLOB becomes BYTEA on
 * PostgreSQL. Texts compare by bytes on both (COLLATE "C" is set at the database's creation or per
 * ORDER BY in C). */
#ifndef SERVER_STORE_MIGRATIONS_H
#define SERVER_STORE_MIGRATIONS_H

extern const char *const migrations[]; /* step n brings version n to n + 1; ends with NULL */

#endif
