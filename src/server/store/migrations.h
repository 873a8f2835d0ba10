/* The server's tables, as append-only steps that both databases understand, and what PostgreSQL is
 * told besides: there row-level security binds the relay's tables to what sql_scope named, their
 * owner too (G-T3). A later step that touches rows of such a table says NO FORCE before and FORCE
 * behind. BLOB becomes BYTEA on
 * PostgreSQL. Texts compare by bytes on both (COLLATE "C" is set at the database's creation or per
 * ORDER BY in C). */
#ifndef SERVER_STORE_MIGRATIONS_H
#define SERVER_STORE_MIGRATIONS_H

struct migration {
    const char *both;
    const char *postgres; /* behind it, on PostgreSQL only; NULL: nothing */
};
extern const struct migration migrations[]; /* step n brings version n to n + 1; ends with NULL */

#endif
