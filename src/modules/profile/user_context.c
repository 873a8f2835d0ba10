#include "modules/profile/user_context.h"

#include "engine/store.h"
#include <string.h>

/* One row an account: a fixed id, so that two devices that never met write the same one. */
#define ROW_ID "context"
#define JSON_MAX ((size_t)4 << 20)

int user_context_get(struct raum_handle *own, struct buf *out, struct raum_error *error)
{
    int rc = store_get(own, "userContext", ROW_ID, false, out, error);
    if (rc != RAUM_ENOT_FOUND)
        return rc;
    err_clear(error);
    buf_str(out, "{}");
    return buf_error(out, error);
}

static int make(struct raum_handle *own, struct raum_error *error)
{
    static const char fresh[] = "{\"id\":\"" ROW_ID "\"}";
    char id[RAUM_ID_MAX];
    struct buf row;
    buf_init(&row, JSON_MAX);
    int rc = store_get(own, "userContext", ROW_ID, true, &row, error);
    if (rc == RAUM_ENOT_FOUND) {
        err_clear(error);
        rc = store_insert_text(own, "userContext", fresh, sizeof fresh - 1, id, error);
    } else if (rc == 0 && store_get(own, "userContext", ROW_ID, false, &row, NULL) != 0) {
        rc = store_restore(own, "userContext", ROW_ID, error);
    }
    buf_release(&row);
    return rc;
}

int user_context_set(struct raum_handle *own, struct json_value fields, struct raum_error *error)
{
    int rc = scope_check(own, schema_table("userContext"), error);
    if (rc == 0)
        rc = replica_begin(own->raum, error);
    if (rc)
        return rc;
    rc = make(own, error);
    if (rc == 0)
        rc = store_update(own, "userContext", ROW_ID, fields, error);
    return replica_end(own->raum, rc, error);
}
