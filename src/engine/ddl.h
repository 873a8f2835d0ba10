/* The database's layout as SQL, generated from src/schema: tables of a fresh file, the scoped views
 * of a connection. Column order is fixed here and nowhere else. */
#ifndef ENGINE_DDL_H
#define ENGINE_DDL_H

#include "base/buf.h"
#include "db/steps.h"
#include "schema/schema.h"

#define DDL_APPLICATION 0x5261756d /* "Raum" */
#define DDL_OPAQUE 63              /* number of rows of unknown tables in dirty marks and changes */
#define DDL_INNER 33 /* 32 hex digits and a NUL: the secret of a connection's inner views */

/* Raum's own file steps after SCHEMA_VERSION 43; append-only. */
extern const struct db_file_step ddl_steps[];

/* Everything a fresh file holds. */
void ddl_create(struct buf *out);
/* The TEMP views of a table: inner (scoped or across) under the secret name, and its outer one. */
void ddl_views(struct buf *out, const struct schema_table *t, const char secret[DDL_INNER],
               bool across);
/* Prefix of the views of across handles: "across_meImages". */
#define DDL_ACROSS "across_"

#endif
