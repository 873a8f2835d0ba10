#include "modules/seeds.h"

#include "engine/fields.h"
#include "engine/intern.h"
#include "engine/store.h"
#include <string.h>

#define SEEDS_DEVICE "migration" /* sorts below every real device */
#define ARENA_MAX ((size_t)4 << 20)

static int merge(struct raum_handle *h, struct row *row, const char *json, struct arena *a,
                 struct raum_error *error)
{
    struct raum *r = h->raum;
    struct stamp lowest = {.at = clock_at(0, 0), .origin = ORIGIN_SYSTEM};
    struct json_doc doc;
    int changed;
    json_init(&doc);
    int rc = intern_actor_ref(r, r->account_ref, SEEDS_DEVICE, "", &lowest.actor, error);
    row->stamps.row = lowest;
    row->values[ROW_CREATED_AT] =
        (struct value){.kind = VALUE_TEXT, .len = sizeof SEEDS_CREATED - 1, .text = SEEDS_CREATED};
    struct fields_write w = {.handle = h,
                             .op = OP_INSERT,
                             .row = row,
                             .arena = a,
                             .stamp = lowest,
                             .rights = {.author = r->account, .subject = r->account}};
    if (rc == 0)
        rc = json_parse(&doc, json, strlen(json), 0, error);
    if (rc == 0)
        rc = fields_apply(&w, json_root(&doc), error);
    if (rc == 0)
        rc = fields_complete(&w, error);
    if (rc == 0)
        rc = store_merge(r, row, true, a, &changed, error);
    json_release(&doc);
    return rc;
}

int seeds_put(struct raum_handle *h, const char *table, const char *id, const char *json,
              bool *made, struct raum_error *error)
{
    struct raum *r = h->raum;
    const struct schema_table *t = schema_table(table);
    struct arena a;
    struct row there, row = {.table = t, .id = id, .author = r->account_ref};
    int rc = scope_check(h, t, error);
    if (rc == 0)
        rc = replica_begin(r, error);
    if (rc)
        return rc;
    arena_init(&a, ARENA_MAX);
    row.space = h->space;
    rc = row_load(r, h->space, t, NULL, id, &a, &there, error);
    bool fresh = rc == RAUM_END;
    if (fresh)
        rc = merge(h, &row, json, &a, error);
    rc = replica_end(r, rc, error);
    if (made)
        *made = fresh && rc == 0;
    arena_release(&a);
    return rc;
}
