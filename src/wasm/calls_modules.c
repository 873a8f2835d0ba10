/* Pictures of people, tags, tasks, scenes. */
#include "base/err.h"
#include "engine/spaces.h"
#include "modules/profile/avatar.h"
#include "modules/profile/label.h"
#include "modules/profile/me_images.h"
#include "modules/scenes/scenes.h"
#include "modules/tags/tags.h"
#include "modules/tasks/tasks.h"
#include "wasm/app.h"
#include <string.h>

/* The handle and the text argument `id`; NULL after an error was set. */
static struct raum_handle *scope_and(struct call *c, const char *key, const char **id)
{
    *id = call_text(c, key);
    return *id ? call_scope(c) : NULL;
}

/* What may have changed the slots of the personal space. */
static int then_avatar(struct call *c, int rc)
{
    return rc ? rc : avatar_refresh(c->app->raum, c->error);
}

/* ---- pictures of people ---- */

static int image_add(struct call *c)
{
    struct raum_handle *h = call_scope(c);
    struct me_new add = {.data = c->blob, .len = c->blob_len};
    const char *file = call_maybe(c, "file");
    struct media_item item;
    struct buf label;
    char id[RAUM_ID_MAX];
    if (!h)
        return c->error->code;
    buf_init(&label, 4096);
    add.kind = call_maybe(c, "kind");
    add.label = call_maybe(c, "label");
    add.slot = call_maybe(c, "slot");
    add.consent = call_flag(c, "ai");
    add.is_private = call_flag(c, "private");
    int rc = call_list(c, "tags", &add.tags, &add.tag_count);
    if (add.tag_count < 0)
        add.tag_count = 0;
    if (rc == 0 && !add.label && file) {
        label_from_file(file, &label);
        add.label = label.len ? buf_text(&label) : NULL;
    }
    if (rc == 0)
        rc = me_images_add(h, &c->app->pictures, &add, id, &item, c->error);
    rc = then_avatar(c, rc);
    if (rc == 0) {
        json_open_object(c->out);
        answer_str(c, "id", id);
        answer_str(c, "kind", me_images_kind(&add));
        answer_int(c, "width", item.facts.width);
        answer_int(c, "height", item.facts.height);
        answer_str(c, "hash", item.hash);
        answer_str(c, "type", media_extension(item.facts.type));
        json_close_object(c->out);
    }
    buf_release(&label);
    return rc;
}

static int image_slot(struct call *c)
{
    const char *id, *slot = call_text(c, "slot");
    struct raum_handle *h = slot ? scope_and(c, "id", &id) : NULL;
    return h ? then_avatar(c, me_slots_claim(h, slot, id, c->error)) : c->error->code;
}

static int image_unslot(struct call *c)
{
    const char *slot;
    struct raum_handle *h = scope_and(c, "slot", &slot);
    return h ? then_avatar(c, me_slots_release(h, slot, c->error)) : c->error->code;
}

static int image_ai(struct call *c)
{
    const char *id;
    struct raum_handle *h = scope_and(c, "id", &id);
    return h ? me_images_consent(h, id, call_flag(c, "on"), c->error) : c->error->code;
}

/* Consent of all of one's own pictures of the space, in one transaction. */
static int image_ai_off(struct call *c)
{
    struct raum_handle *h = call_scope(c);
    struct raum_query *q = NULL;
    int64_t count = 0;
    if (!h)
        return c->error->code;
    int rc = replica_begin(h->raum, c->error);
    if (rc)
        return rc;
    do { /* one at a time: a statement that is open does not see what changes */
        const char *id = NULL;
        size_t len;
        rc = query_view(h, "SELECT id FROM meImages WHERE \"usage.aiReference\" AND "
                           "subjectId = ?1 LIMIT 1", &q, c->error);
        if (rc == 0)
            rc = raum_query_bind_text(q, 1, raum_account(h->raum), strlen(raum_account(h->raum)));
        if (rc == 0)
            rc = raum_query_step(q, c->error);
        if (rc == 0) {
            const char *text = raum_query_text(q, 0, &len);
            id = arena_copy(c->arena, text, len);
        }
        raum_query_free(q);
        q = NULL;
        if (rc == 0)
            rc = id ? me_images_consent(h, id, false, c->error) : RAUM_ENOMEM;
        count += rc == 0;
    } while (rc == 0);
    rc = replica_end(h->raum, rc == RAUM_END ? 0 : rc, c->error);
    json_open_object(c->out);
    answer_int(c, "count", count);
    json_close_object(c->out);
    return rc;
}

static int image_copy(struct call *c)
{
    const char *id, *to = call_text(c, "to");
    struct raum_handle *h = to ? scope_and(c, "id", &id) : NULL, *there = NULL;
    const struct space *s;
    char made[RAUM_ID_MAX];
    int rc = h ? spaces_find(c->app->raum, to, &s, c->error) : c->error->code;
    if (rc == 0)
        rc = raum_scope_new(c->app->raum, &there, c->error);
    if (rc == 0)
        rc = raum_scope_set(there, s->id, c->error);
    if (rc == 0)
        rc = me_images_copy(h, there, &c->app->pictures, id, call_flag(c, "ai"), made, c->error);
    raum_handle_free(there);
    if (rc == 0)
        answer_id(c, made);
    return rc;
}

static int image_delete(struct call *c)
{
    const char *id;
    struct raum_handle *h = scope_and(c, "id", &id);
    return h ? then_avatar(c, me_images_delete(h, &c->app->pictures, id, call_flag(c, "forever"),
                                               c->error))
             : c->error->code;
}

static int image_restore(struct call *c)
{
    const char *id;
    struct raum_handle *h = scope_and(c, "id", &id);
    return h ? then_avatar(c, me_images_restore(h, &c->app->pictures, id, c->error))
             : c->error->code;
}

/* ---- tags ---- */

static int tag_create(struct call *c)
{
    const char *name;
    struct raum_handle *h = scope_and(c, "name", &name);
    char id[RAUM_ID_MAX];
    int rc = h ? tags_create(h, name, call_maybe(c, "color"), call_maybe(c, "icon"),
                             call_maybe(c, "group"), id, c->error)
               : c->error->code;
    if (rc == 0)
        answer_id(c, id);
    return rc;
}

static int tag_delete(struct call *c)
{
    const char *id;
    struct raum_handle *h = scope_and(c, "id", &id);
    return h ? tags_delete(h, id, c->error) : c->error->code;
}

static int tag_group(struct call *c)
{
    const char *name;
    struct raum_handle *h = scope_and(c, "name", &name);
    char id[RAUM_ID_MAX];
    int rc = h ? tags_group(h, name, id, c->error) : c->error->code;
    if (rc == 0)
        answer_id(c, id);
    return rc;
}

static int preset_create(struct call *c)
{
    const char *name = call_text(c, "name");
    struct raum_handle *own = name ? call_own(c) : NULL;
    char id[RAUM_ID_MAX];
    int rc = own ? tags_preset_create(own, name, json_get(c->args, "tags"),
                                      call_flag(c, "isDefault"), id, c->error)
                 : c->error->code;
    if (rc == 0)
        answer_id(c, id);
    return rc;
}

static int preset_copy(struct call *c)
{
    const char *preset;
    struct raum_handle *h = scope_and(c, "preset", &preset), *own = h ? call_own(c) : NULL;
    int made = 0;
    int rc = own ? tags_preset_copy(own, preset, h, &made, c->error) : c->error->code;
    json_open_object(c->out);
    answer_int(c, "made", made);
    json_close_object(c->out);
    return rc;
}

/* ---- tasks ---- */

static int task_add(struct call *c)
{
    struct raum_handle *h = call_scope(c);
    struct tasks_new add = {.title = h ? call_text(c, "title") : NULL};
    char id[RAUM_ID_MAX];
    if (!add.title)
        return c->error->code;
    add.due = call_maybe(c, "due");
    int rc = call_list(c, "tags", &add.tags, &add.tag_count);
    if (add.tag_count < 0)
        add.tag_count = 0;
    if (rc == 0)
        rc = tasks_add(h, &add, id, c->error);
    if (rc == 0)
        answer_id(c, id);
    return rc;
}

static int task_done(struct call *c)
{
    const char *id;
    struct raum_handle *h = scope_and(c, "id", &id);
    return h ? tasks_done(h, id, call_flag(c, "on"), c->error) : c->error->code;
}

static int task_delete(struct call *c)
{
    const char *id;
    struct raum_handle *h = scope_and(c, "id", &id);
    return h ? tasks_delete(h, id, c->error) : c->error->code;
}

/* ---- scenes ---- */

static int scene_seed(struct call *c)
{
    struct raum_handle *h = call_scope(c);
    return h ? scenes_seed(h, c->error) : c->error->code;
}

static int scene_create(struct call *c)
{
    const char *name;
    struct raum_handle *h = scope_and(c, "name", &name);
    char id[RAUM_ID_MAX];
    int rc = h ? scenes_create(h, name, id, c->error) : c->error->code;
    if (rc == 0)
        answer_id(c, id);
    return rc;
}

static int scene_use(struct call *c)
{
    const char *id;
    struct raum_handle *h = scope_and(c, "id", &id);
    return h ? scenes_use(h, id, c->error) : c->error->code;
}

static int scene_active(struct call *c)
{
    struct raum_handle *h = call_scope(c);
    char id[RAUM_ID_MAX] = "";
    int rc = h ? scenes_active(h, id, c->error) : c->error->code;
    if (rc == 0)
        answer_id(c, id[0] ? id : NULL);
    return rc;
}

const struct call_entry calls_modules[] = {
    {"image.add", image_add, CALL_ONCE},
    {"image.slot", image_slot, CALL_ONCE},
    {"image.unslot", image_unslot, CALL_ONCE},
    {"image.ai", image_ai, CALL_ONCE},
    {"image.ai.off", image_ai_off, CALL_ONCE},
    {"image.copy", image_copy, CALL_ONCE},
    {"image.delete", image_delete, CALL_ONCE},
    {"image.restore", image_restore, CALL_ONCE},
    {"tag.create", tag_create, CALL_ONCE},
    {"tag.delete", tag_delete, CALL_ONCE},
    {"tag.group", tag_group, CALL_ONCE},
    {"tag.preset.create", preset_create, CALL_ONCE},
    {"tag.preset.copy", preset_copy, CALL_ONCE},
    {"task.add", task_add, CALL_ONCE},
    {"task.done", task_done, CALL_ONCE},
    {"task.delete", task_delete, CALL_ONCE},
    {"scene.seed", scene_seed, CALL_ONCE},
    {"scene.create", scene_create, CALL_ONCE},
    {"scene.use", scene_use, CALL_ONCE},
    {"scene.active", scene_active, CALL_READ},
    {0},
};
