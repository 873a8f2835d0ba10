/* What the parts of the import share: the two databases, the row being read, what came in new. Only
 * betterauth*.c include this. */
#ifndef SERVER_STORE_BETTERAUTH_INSIDE_H
#define SERVER_STORE_BETTERAUTH_INSIDE_H

#include "base/arena.h"
#include "db/db.h"
#include "server/store/betterauth.h"

/* Ids in ascending order of their bytes, as they were added. */
struct betterauth_ids {
    char **ids;
    size_t count, cap;
};

struct betterauth {
    struct sql *to;
    struct db *from;
    const struct raum_env *env;
    struct betterauth_report *report;
    struct raum_error *error;
    struct arena arena;                     /* of the row */
    struct betterauth_ids accounts, spaces; /* new in this run */
    int64_t now;
};

/* Calls `take` for each row of a query over the source; `what` names the row in errors. Column 0 is
 * its id. */
typedef int betterauth_take(struct betterauth *x, struct db_stmt *row, const char *id);
int betterauth_each(struct betterauth *x, const char *what, const char *sql,
                    betterauth_take *take) BASE_CHECK;
/* Has the source a table with this column? */
int betterauth_has(struct betterauth *x, const char *table, const char *column,
                   bool *has) BASE_CHECK;
int betterauth_remember(struct betterauth_ids *ids, const char *id) BASE_CHECK;
bool betterauth_is_new(const struct betterauth_ids *ids, const char *id);
void betterauth_note(struct betterauth *x, const char *fmt, ...) BASE_PRINTF(2, 3);

/* Columns of a row. Text in the arena; NULL: null. */
int betterauth_text(struct betterauth *x, struct db_stmt *row, int at, const char **out) BASE_CHECK;
/* A date as any of Better Auth's adapters writes it: ISO text, milliseconds or seconds. */
int64_t betterauth_time(struct betterauth *x, struct db_stmt *row, int at);
/* An address in lower case; BAD_CHANGE when it is none. */
int betterauth_email(struct betterauth *x, struct db_stmt *row, int at,
                     const char **out) BASE_CHECK;
/* Is there a row? 0 or a negative code. */
int betterauth_found(struct betterauth *x, const char *sql, const char *value,
                     bool *found) BASE_CHECK;

/* Organizations, members, invitations, and the personal spaces that are missing. */
int betterauth_spaces(struct betterauth *x) BASE_CHECK;

#endif
