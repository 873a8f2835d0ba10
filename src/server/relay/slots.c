/* Slots and the pictures in them. A slot is a row of its own; older clients see it as a mark on the
 * picture (CONTRACT §5), which changes when the slot does. */
#include "server/relay/change.h"

#include <string.h>

/* The picture takes a place at the end, so that every cursor meets it again. */
static int touch(struct relay_change *c, int64_t pictures, const char *id, struct raum_error *error)
{
    if (!id)
        return 0;
    struct relay_record *picture = relay_batch_add(c->batch, pictures, id);
    if (!picture)
        return err_set(error, RAUM_ENOMEM, NULL);
    int result = relay_batch_load(c->batch, error);
    if (result < 0 || !picture->exists)
        return result;
    picture->seq = ++c->part->seq;
    if (!picture->is_private)
        picture->shared = picture->seq;
    picture->changed = true;
    return 0;
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
