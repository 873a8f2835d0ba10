#include "sync/merge.h"

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
