#include "modules/scenes/scenes.h"

#include "engine/intern.h"
#include "modules/seeds.h"
#include "modules/words.h"
#include "schema/rights.h"
#include <stdio.h>
#include <string.h>

#define ARENA_MAX ((size_t)1 << 20)

int scenes_seed(struct raum_handle *h, struct raum_error *error)
{
    const struct space *s = intern_space(h->raum, h->space);
    if (!s || s->role != ROLE_OWNER || h->raum->read_only)
        return 0;
    return seeds_put(h, "workbenchScenes", SCENES_HOME, "{\"name\":\"" SCENES_HOME_NAME "\"}", NULL,
                     error);
}

int scenes_create(struct raum_handle *h, const char *name, char id[RAUM_ID_MAX],
                  struct raum_error *error)
{
    const struct words_field field = {"name", name};
    if (!*name)
        return err_at(error, "scenes", RAUM_EUSAGE, "a scene needs a name");
    return words_insert(h, "workbenchScenes", &field, 1, NULL, id, error);
}

int scenes_query(struct raum_handle *h, struct raum_query **out, struct raum_error *error)
{
    return query_view(
        h,
        "SELECT id, name, description, openApps, scopeTagIds, createdAt FROM workbenchScenes "
        "ORDER BY sortOrder, createdAt, id",
        out, error);
}

int scenes_find(struct raum_handle *h, const char *id_or_name, char id[RAUM_ID_MAX],
                struct raum_error *error)
{
    int rc =
        words_find(h, "SELECT id FROM workbenchScenes WHERE id = ?1", id_or_name, NULL, id, error);
    if (rc == RAUM_ENOT_FOUND)
        rc = words_find(h,
                        "SELECT id FROM workbenchScenes WHERE lower(name) = lower(?1) "
                        "ORDER BY createdAt, id LIMIT 1",
                        id_or_name, NULL, id, error);
    if (rc == RAUM_ENOT_FOUND)
        return err_at(error, "scenes", rc, "no scene %.80s in this space", id_or_name);
    return rc;
}

/* The remembered ids, newest first, as a JSON list in meta: one for each space of this device. */
static int remembered(struct raum_handle *h, struct arena *a, struct json_doc *doc, char key[32],
                      struct raum_error *error)
{
    char *text;
    snprintf(key, 32, "scenes.%u", h->space);
    int rc = replica_meta_get(h->raum, key, a, &text, error);
    if (rc || !text)
        return rc;
    /* Damaged: as if nothing were remembered. */
    if (json_parse(doc, text, strlen(text), 0, NULL) != 0)
        json_release(doc);
    return 0;
}

static struct json_value list_of(const struct json_doc *doc)
{
    return doc->count ? json_root(doc) : (struct json_value){0};
}

int scenes_use(struct raum_handle *h, const char *id, struct raum_error *error)
{
    char key[32], there[RAUM_ID_MAX];
    struct arena a;
    struct json_doc doc;
    struct buf out;
    struct json_writer w;
    arena_init(&a, ARENA_MAX);
    json_init(&doc);
    buf_init(&out, ARENA_MAX);
    int rc = scenes_find(h, id, there, error);
    if (rc == 0)
        rc = replica_begin(h->raum, error);
    if (rc)
        goto out;
    rc = remembered(h, &a, &doc, key, error);
    if (rc == 0) {
        struct json_value list = list_of(&doc);
        int count = 1;
        json_begin(&w, &out);
        json_open_array(&w);
        json_put_str(&w, there);
        for (struct json_value v = json_first(list); v.doc; v = json_next(list, v))
            if (json_is(v, JSON_STRING) && !json_equals(v, there) && count++ < SCENES_REMEMBERED)
                json_put_value(&w, v);
        json_close_array(&w);
        rc = buf_error(&out, error);
    }
    if (rc == 0)
        rc = replica_meta_set(h->raum, key, buf_text(&out), error);
    rc = replica_end(h->raum, rc, error);
out:
    buf_release(&out);
    json_release(&doc);
    arena_release(&a);
    return rc;
}

int scenes_active(struct raum_handle *h, char id[RAUM_ID_MAX], struct raum_error *error)
{
    static const char by_id[] = "SELECT id FROM workbenchScenes WHERE id = ?1";
    char key[32];
    struct arena a;
    struct json_doc doc;
    arena_init(&a, ARENA_MAX);
    json_init(&doc);
    id[0] = '\0';
    int rc = scope_check(h, schema_table("workbenchScenes"), error);
    if (rc == 0)
        rc = remembered(h, &a, &doc, key, error);
    struct json_value list = list_of(&doc);
    bool found = false;
    for (struct json_value v = json_first(list); rc == 0 && !found && v.doc;
         v = json_next(list, v)) {
        const char *text = json_str(v, &a);
        found = text && words_find(h, by_id, text, NULL, id, NULL) == 0;
    }
    if (rc == 0 && !found) {
        rc = words_find(h,
                        "SELECT id FROM workbenchScenes ORDER BY sortOrder, createdAt, id LIMIT 1",
                        NULL, NULL, id, error);
        if (rc == RAUM_ENOT_FOUND) {
            err_clear(error);
            id[0] = '\0';
            rc = 0;
        }
    }
    json_release(&doc);
    arena_release(&a);
    return rc;
}
