/* Spaces of this device, and what the server says about them. */
#include "base/err.h"
#include "engine/intern.h"
#include "engine/leave.h"
#include "engine/reconcile.h"
#include "engine/spaces.h"
#include "schema/rights.h"
#include "wasm/app.h"
#include <string.h>

static int list(struct call *c)
{
    struct raum *r = c->app->raum;
    int rc = replica_look(r, c->error);
    json_open_array(c->out);
    for (uint32_t i = 1; rc == 0 && i < r->space_count; i++) {
        const struct space *s = intern_space(r, i);
        if (s && s->id && s->type >= 0 && s->role > ROLE_NONE)
            answer_space(c, s);
    }
    json_close_array(c->out);
    return rc;
}

static int create(struct call *c)
{
    const struct space *s;
    const char *name = call_text(c, "name"), *type = name ? call_text(c, "type") : NULL;
    if (!type)
        return c->error->code;
    int kind = schema_space_type(type);
    int rc = kind < 0 ? err_set(c->error, RAUM_ESPACE_METADATA_INVALID, NULL)
                      : spaces_create(c->app->raum, name, kind, &s, c->error);
    if (rc == 0)
        answer_space(c, s);
    return rc;
}

/* The client's space; remembered as the device's unless "here". */
static int use(struct call *c)
{
    const struct space *s;
    const char *which = call_text(c, "space");
    struct raum_handle *h = which ? call_scope(c) : NULL;
    if (!h)
        return c->error->code;
    int rc = call_flag(c, "here") ? spaces_find(c->app->raum, which, &s, c->error)
                                  : spaces_use(c->app->raum, which, &s, c->error);
    if (rc == 0)
        rc = raum_scope_set(h, s->id, c->error);
    if (rc == 0)
        answer_space(c, s);
    return rc;
}

/* Where the client is; at first where the device was. */
static int where(struct call *c)
{
    struct raum_handle *h = call_scope(c);
    if (!h)
        return c->error->code;
    int rc = 0;
    if (!raum_scope_space(h) && call_flag(c, "active")) {
        const struct space *s = spaces_active(c->app->raum);
        rc = s ? raum_scope_set(h, s->id, c->error) : 0;
    }
    json_open_object(c->out);
    answer_str(c, "space", raum_scope_space(h));
    json_close_object(c->out);
    return rc;
}

static int rename_space(struct call *c)
{
    const char *which = call_text(c, "space"), *name = which ? call_text(c, "name") : NULL;
    const struct space *s;
    if (!name)
        return c->error->code;
    int rc = spaces_rename(c->app->raum, which, name, c->error);
    if (rc == 0)
        rc = spaces_find(c->app->raum, which, &s, c->error);
    if (rc == 0)
        answer_space(c, s);
    return rc;
}

static int delete_space(struct call *c)
{
    const char *which = call_text(c, "space");
    int rc = which ? spaces_delete(c->app->raum, which, c->error) : c->error->code;
    return rc == RAUM_EBUSY ? 0 : rc; /* erased; only the log waits */
}

/* ---- the server ---- */

/* Those that it does not know yet: [{localId, name, slug, type}]. */
static int offline(struct call *c)
{
    struct raum *r = c->app->raum;
    json_open_array(c->out);
    for (uint32_t i = 1; i < r->space_count; i++) {
        const struct space *s = intern_space(r, i);
        if (!s || !s->id || !s->offline || s->type <= SPACE_PERSONAL || s->role != ROLE_OWNER ||
            strncmp(s->id, SCHEMA_OFFLINE, strlen(SCHEMA_OFFLINE)) != 0)
            continue;
        json_open_object(c->out);
        answer_str(c, "localId", s->id);
        answer_str(c, "name", s->name);
        answer_str(c, "slug", s->slug);
        answer_str(c, "type", schema_space_type_name(s->type));
        json_close_object(c->out);
    }
    json_close_array(c->out);
    return 0;
}

static int read_space(struct call *c, struct json_value v, struct reconcile_space *out)
{
    const char *type = json_str(json_get(v, "type"), c->arena);
    const char *role = json_str(json_get(v, "role"), c->arena);
    out->id = json_str(json_get(v, "id"), c->arena);
    out->slug = json_str(json_get(v, "slug"), c->arena);
    out->name = json_str(json_get(v, "name"), c->arena);
    out->type = type ? schema_space_type(type) : -1;
    out->role = role ? rights_role(role) : -1;
    bool fine = out->id && out->slug && out->name && id_valid(out->id, strlen(out->id)) &&
                out->id[0] != '_' && out->type >= 0 && out->role > ROLE_NONE;
    return fine ? 0
                : err_set(c->error, RAUM_EUNREACHABLE,
                          "the server's answer about spaces cannot be understood");
}

static void tell(void *arg, enum reconcile_event event, const struct space *space,
                 const char *before)
{
    struct call *c = arg;
    static const char *const kinds[] = {"joined", "left", "kept", "slug"};
    json_open_object(c->out);
    answer_str(c, "event", kinds[event]);
    answer_str(c, "name", space->name);
    answer_str(c, "slug", space->slug);
    answer_str(c, "before", before);
    json_close_object(c->out);
}

static void tell_left(void *arg, const struct leave_report *report)
{
    struct call *c = arg;
    json_open_object(c->out);
    answer_str(c, "event", "erased");
    answer_str(c, "name", report->name);
    answer_str(c, "slug", report->slug);
    answer_int(c, "rows", report->rows);
    answer_int(c, "pictures", report->pictures);
    answer_str(c, "quarantine", report->quarantine);
    json_close_object(c->out);
}

/* {spaces: as GET /api/v1/spaces gave them, made: [{local, id, slug}], epoch} → events. */
static int reconcile(struct call *c)
{
    struct json_value all = json_get(c->args, "spaces"), made = json_get(c->args, "made");
    unsigned count = 0, made_count = 0;
    struct reconcile_space *spaces =
        arena_zero(c->arena, (json_count(all) + 1) * sizeof *spaces);
    struct reconcile_made *fresh = arena_zero(c->arena, (json_count(made) + 1) * sizeof *fresh);
    if (!spaces || !fresh)
        return err_set(c->error, RAUM_ENOMEM, NULL);
    int rc = json_is(all, JSON_ARRAY) ? 0 : call_wrong(c, "spaces", "has to be a list");
    for (struct json_value v = json_first(all); v.doc && rc == 0; v = json_next(all, v))
        rc = read_space(c, v, &spaces[count++]);
    for (struct json_value v = json_first(made); v.doc && rc == 0; v = json_next(made, v)) {
        struct reconcile_made *m = &fresh[made_count++];
        m->local = json_str(json_get(v, "local"), c->arena);
        m->id = json_str(json_get(v, "id"), c->arena);
        m->slug = json_str(json_get(v, "slug"), c->arena);
        if (!m->local || !m->id || !m->slug)
            rc = call_wrong(c, "made", "has to name local, id and slug");
    }
    json_open_array(c->out);
    if (rc == 0)
        rc = reconcile_spaces(c->app->raum, spaces, count, fresh, made_count,
                              call_maybe(c, "epoch"), tell, c, c->error);
    if (rc == 0)
        rc = leave_finish(c->app->raum, tell_left, c, c->error);
    json_close_array(c->out);
    return rc;
}

const struct call_entry calls_spaces[] = {
    {"space.list", list, CALL_READ},           {"space.create", create, CALL_ONCE},
    {"space.use", use, CALL_READ},             {"space.where", where, CALL_READ},
    {"space.rename", rename_space, CALL_ONCE}, {"space.delete", delete_space, CALL_ONCE},
    {"space.offline", offline, CALL_READ},     {"space.reconcile", reconcile, CALL_READ},
    {0},
};
