/* Slots and the pictures in them. A slot is a row of its own; older clients see it as a mark on the
 * picture (CONTRACT §5), which changes when the slot does. */
#include "server/relay/change.h"

#include <string.h>

/* The picture takes a place at the end, so that every cursor meets it again. */
static int touch(struct relay_change *c, int64_t pictures, const char *id, struct raum_error *error)
{
    if (!id)
        return 0;
    int64_t seq = c->part->seq + 1;
    int result = sql_run(c->relay->sql, error,
                         "UPDATE records SET seq = ?1, shared = CASE WHEN private = 0 THEN ?1 ELSE "
                         "shared END WHERE part = ?2 AND tbl = ?3 AND id = ?4",
                         "iiis", seq, c->part->ref, pictures, id);
    if (result == 0 && sql_changed(c->relay->sql) > 0)
        c->part->seq = seq;
    return result;
}

int relay_slot_touch(struct relay_change *c, struct raum_error *error)
{
    int64_t pictures;
    if (!c->table || !schema_is_slots(c->table))
        return 0;
    const char *now = relay_text(&c->record, "imageId", c->a);
    const char *before = relay_text(&c->before, "imageId", c->a);
    int result = relay_ref_find(c->relay, "meImages", &pictures, error);
    if (result < 0 || pictures == 0)
        return result;
    result = touch(c, pictures, now, error);
    if (result == 0 && before && (!now || strcmp(now, before) != 0))
        result = touch(c, pictures, before, error);
    return result;
}
