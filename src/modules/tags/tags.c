#include "modules/tags/tags.h"

#include "modules/words.h"
#include <string.h>

#define PRESET_TAGS_MAX 200
#define ARENA_MAX ((size_t)4 << 20)

int tags_query(struct raum_handle *h, struct raum_query **out, struct raum_error *error)
{
    return query_view(h,
                      "SELECT id, name, color, icon, groupId, sortOrder, createdAt FROM tags "
                      "ORDER BY sortOrder, lower(name), id",
                      out, error);
}

int tags_find(struct raum_handle *h, const char *id_or_name, char id[RAUM_ID_MAX],
              struct raum_error *error)
{
    int rc = words_find(h, "SELECT id FROM tags WHERE id = ?1", id_or_name, NULL, id, NULL);
    if (rc == RAUM_ENOT_FOUND)
        rc = words_find(h, "SELECT id FROM tags WHERE lower(name) = lower(?1) ORDER BY id LIMIT 1",
                        id_or_name, NULL, id, error);
    else if (rc)
        err_set(error, rc, NULL);
    if (rc == RAUM_ENOT_FOUND)
        return err_at(error, "tags", rc, "no tag %.80s in this space", id_or_name);
    return rc;
}

int tags_create(struct raum_handle *h, const char *name, const char *colour, const char *icon,
                const char *group, char id[RAUM_ID_MAX], struct raum_error *error)
{
    const struct words_field fields[] = {
        {"name", name}, {"color", colour}, {"icon", icon}, {"groupId", group}};
    if (!*name)
        return err_at(error, "tags", RAUM_EUSAGE, "a tag needs a name");
    int rc = replica_begin(h->raum, error);
    if (rc)
        return rc;
    rc = words_find(h, "SELECT id FROM tags WHERE lower(name) = lower(?1) LIMIT 1", name, NULL, id,
                    error);
    if (rc == 0) {
        rc = err_at(error, "tags", RAUM_EEXISTS, "this space has a tag %.80s already", name);
    } else if (rc == RAUM_ENOT_FOUND) {
        err_clear(error);
        rc = words_insert(h, "tags", fields, 4, NULL, id, error);
    }
    return replica_end(h->raum, rc, error);
}

int tags_delete(struct raum_handle *h, const char *id, struct raum_error *error)
{
    return store_delete(h, "tags", id, error);
}

int tags_group(struct raum_handle *h, const char *name, char id[RAUM_ID_MAX],
               struct raum_error *error)
{
    const struct words_field field = {"name", name};
    int rc = replica_begin(h->raum, error);
    if (rc)
        return rc;
    rc = words_find(h, "SELECT id FROM tagGroups WHERE lower(name) = lower(?1) ORDER BY id LIMIT 1",
                    name, NULL, id, error);
    if (rc == RAUM_ENOT_FOUND) {
        err_clear(error);
        rc = words_insert(h, "tagGroups", &field, 1, NULL, id, error);
    }
    return replica_end(h->raum, rc, error);
}

/* ---- presets ---- */

static int check_preset(struct json_value tags, struct arena *a, struct raum_error *error)
{
    bool good = json_is(tags, JSON_ARRAY) && json_count(tags) <= PRESET_TAGS_MAX;
    for (struct json_value v = json_first(tags); good && v.doc; v = json_next(tags, v)) {
        const char *name = json_str(json_get(v, "name"), a);
        good = json_is(v, JSON_OBJECT) && name && *name;
    }
    return good ? 0
                : err_at(error, "tags", RAUM_EBAD_CHANGE,
                         "a preset is a list of at most %d {name, color, icon, groupName}",
                         PRESET_TAGS_MAX);
}

int tags_preset_create(struct raum_handle *own, const char *name, struct json_value tags,
                       bool is_default, char id[RAUM_ID_MAX], struct raum_error *error)
{
    const struct words_field field = {"name", name};
    struct arena a;
    struct buf raw;
    struct json_writer w;
    arena_init(&a, ARENA_MAX);
    buf_init(&raw, WORDS_JSON_MAX);
    int rc = check_preset(tags, &a, error);
    if (rc == 0) {
        buf_printf(&raw, "\"isDefault\":%s,\"tags\":", is_default ? "true" : "false");
        json_begin(&w, &raw);
        json_put_value(&w, tags);
        rc = buf_error(&raw, error);
    }
    if (rc == 0)
        rc = words_insert(own, "userTagPresets", &field, 1, buf_text(&raw), id, error);
    buf_release(&raw);
    arena_release(&a);
    return rc;
}

/* One tag of a preset; a name that the space has already is left alone. */
static int copy_tag(struct raum_handle *to, struct json_value tag, struct arena *a, int *made,
                    struct raum_error *error)
{
    char id[RAUM_ID_MAX], group[RAUM_ID_MAX];
    const char *name = json_str(json_get(tag, "name"), a);
    const char *group_name = json_str(json_get(tag, "groupName"), a);
    int rc = words_find(to, "SELECT id FROM tags WHERE lower(name) = lower(?1) LIMIT 1", name, NULL,
                        id, error);
    if (rc != RAUM_ENOT_FOUND)
        return rc;
    err_clear(error);
    bool grouped = group_name && *group_name;
    if (grouped) {
        rc = tags_group(to, group_name, group, error);
        if (rc)
            return rc;
    }
    ++*made;
    return tags_create(to, name, json_str(json_get(tag, "color"), a),
                       json_str(json_get(tag, "icon"), a), grouped ? group : NULL, id, error);
}

int tags_preset_copy(struct raum_handle *own, const char *preset, struct raum_handle *to, int *made,
                     struct raum_error *error)
{
    struct buf row;
    struct json_doc doc;
    struct arena a;
    buf_init(&row, WORDS_JSON_MAX);
    json_init(&doc);
    arena_init(&a, ARENA_MAX);
    *made = 0;
    int rc = store_get(own, "userTagPresets", preset, false, &row, error);
    if (rc == 0)
        rc = json_parse(&doc, buf_text(&row), row.len, 0, error);
    struct json_value tags = rc == 0 ? json_get(json_root(&doc), "tags") : (struct json_value){0};
    if (rc == 0)
        rc = check_preset(tags, &a, error);
    if (rc == 0)
        rc = replica_begin(to->raum, error);
    if (rc == 0) {
        for (struct json_value v = json_first(tags); rc == 0 && v.doc; v = json_next(tags, v))
            rc = copy_tag(to, v, &a, made, error);
        rc = replica_end(to->raum, rc, error);
    }
    if (rc)
        *made = 0;
    arena_release(&a);
    json_release(&doc);
    buf_release(&row);
    return rc;
}
