#include "sync/merge.h"

#include "base/json.h"
#include "base/plant.h"
#include <string.h>

int merge_compare(const struct merge_side *a, const struct merge_side *b)
{
    if (a->at != b->at)
        return a->at < b->at ? -1 : 1;
    if (PLANT(MERGE_TIME))
        return 0;
    bool a_migrated = strcmp(a->device, MERGE_MIGRATION) == 0;
    bool b_migrated = strcmp(b->device, MERGE_MIGRATION) == 0;
    if (a_migrated != b_migrated)
        return a_migrated ? -1 : 1;
    return strcmp(a->device, b->device);
}

int merge_compare_values(const void *a, size_t a_len, const void *b, size_t b_len)
{
    size_t least = a_len < b_len ? a_len : b_len;
    int order = least ? memcmp(a, b, least) : 0;
    return order ? order : a_len < b_len ? -1 : a_len > b_len;
}

enum merge_choice merge_choose(bool fixed, const struct merge_side *theirs,
                               const struct merge_side *mine)
{
    int order = merge_compare(theirs, mine);
    if (order == 0)
        return MERGE_TIE;
    if (PLANT(MERGE_FIXED))
        fixed = false;
    return (fixed ? order < 0 : order > 0) ? MERGE_TAKE : MERGE_KEEP;
}

/* ---- records ---- */

bool merge_is_fixed(const struct schema_table *t, const char *name)
{
    if (strcmp(name, "authorId") == 0 || strcmp(name, "spaceId") == 0)
        return true;
    const struct schema_field *f = schema_field(t, name, strlen(name));
    return f && f->right == RIGHT_FIXED;
}

/* Where the name stands, or would stand. */
static uint32_t place_of(const struct merge_record *r, const char *name, bool *there)
{
    uint32_t low = 0, high = r->count;
    *there = false;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = strcmp(r->fields[middle].name, name);
        if (order == 0) {
            *there = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct merge_field *merge_find(const struct merge_record *r, const char *name)
{
    bool there;
    uint32_t at = place_of(r, name, &there);
    return there ? &r->fields[at] : NULL;
}

/* Values by content: two spellings of one value are the same write. */
static bool same_value(const struct merge_field *a, const struct merge_field *b)
{
    if (a->len == b->len && memcmp(a->value, b->value, a->len) == 0)
        return true;
    struct json_doc x, y;
    json_init(&x);
    json_init(&y);
    bool same = json_parse(&x, a->value, a->len, 0, NULL) == 0 &&
                json_parse(&y, b->value, b->len, 0, NULL) == 0 &&
                json_same(json_root(&x), json_root(&y));
    json_release(&x);
    json_release(&y);
    return same;
}

enum merge_choice merge_plan(const struct schema_table *t, const struct merge_record *mine,
                             const struct merge_field *theirs)
{
    const struct merge_field *old = merge_find(mine, theirs->name);
    if (!old)
        return MERGE_TAKE;
    struct merge_side a = {theirs->stamp.at, theirs->stamp.dev ? theirs->stamp.dev : ""};
    struct merge_side b = {old->stamp.at, old->stamp.dev ? old->stamp.dev : ""};
    enum merge_choice choice = merge_choose(merge_is_fixed(t, theirs->name), &a, &b);
    if (choice != MERGE_TIE)
        return choice;
    if (same_value(theirs, old))
        return MERGE_SAME;
    return merge_compare_values(theirs->value, theirs->len, old->value, old->len) > 0 ? MERGE_TAKE
                                                                                      : MERGE_KEEP;
}

int merge_put(struct merge_record *r, const struct merge_field *f, struct arena *a)
{
    bool there;
    uint32_t at = place_of(r, f->name, &there);
    if (there) {
        r->fields[at] = *f;
        return 0;
    }
    if (r->count == MERGE_FIELDS_MAX)
        return RAUM_ETOO_LARGE;
    if (r->count == r->cap) {
        uint32_t cap = r->cap ? r->cap * 2 : 16;
        struct merge_field *grown = arena_alloc(a, cap * sizeof *grown);
        if (!grown)
            return RAUM_ENOMEM;
        if (r->count)
            memcpy(grown, r->fields, r->count * sizeof *grown);
        r->fields = grown;
        r->cap = cap;
    }
    memmove(&r->fields[at + 1], &r->fields[at], (r->count - at) * sizeof *r->fields);
    r->fields[at] = *f;
    r->count++;
    return 0;
}

int merge_record(const struct schema_table *t, struct merge_record *mine,
                 const struct merge_field *theirs, uint32_t count, struct arena *a, uint32_t *taken,
                 uint32_t *kept)
{
    int result = 0;
    *taken = *kept = 0;
    for (uint32_t i = 0; i < count && result == 0; i++) {
        switch (merge_plan(t, mine, &theirs[i])) {
        case MERGE_TAKE:
            result = merge_put(mine, &theirs[i], a);
            ++*taken;
            break;
        case MERGE_KEEP:
            ++*kept;
            break;
        case MERGE_SAME:
        case MERGE_TIE:
            break;
        }
    }
    return result;
}
