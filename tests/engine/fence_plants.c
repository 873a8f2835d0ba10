/* Planted holes of the fence; compiled into the tests only. */
#include "engine/fence_inside.h"

#include <string.h>

enum fence_plant fence_plant;

/* The mistake: a base table may be read within a view that has its name, and whoever names a CTE
 * like the view is within it. */
static int allow_by_name(void *ctx, int action, const char *a, const char *b, const char *schema,
                         const char *within)
{
    (void)ctx, (void)b, (void)schema;
    if (action != SQLITE_READ)
        return action == SQLITE_SELECT || action == SQLITE_FUNCTION || action == SQLITE_RECURSIVE
                   ? SQLITE_OK
                   : SQLITE_DENY;
    if (strncmp(a, "data_", 5) != 0)
        return SQLITE_OK;
    size_t len = within ? strlen(within) : 0, tail = strlen(a) - 5;
    return len >= tail && strcmp(within + len - tail, a + 5) == 0 ? SQLITE_OK : SQLITE_DENY;
}

static struct db_grant by_name = {.allow = allow_by_name};

static const struct db_grant *grant_of(struct fence *f)
{
    if (fence_plant == FENCE_PLANT_USING)
        return &f->handle->grant;
    by_name.ctx = f->handle;
    return &by_name;
}

int fence_plant_prepare(struct fence *f, const char *sql, sqlite3_stmt **out)
{
    struct db *db = f->handle->raum->db;
    const struct db_grant *before = db->grant;
    db->grant = grant_of(f);
    int rc = sqlite3_prepare_v2(db->handle, sql, -1, out, NULL);
    db->grant = before;
    return rc;
}

int fence_plant_step(struct fence *f, sqlite3_stmt *stmt)
{
    struct db *db = f->handle->raum->db;
    const struct db_grant *before = db->grant;
    db->grant = fence_plant == FENCE_PLANT_SWITCH ? before : grant_of(f);
    int rc = sqlite3_step(stmt);
    db->grant = before;
    return rc;
}
