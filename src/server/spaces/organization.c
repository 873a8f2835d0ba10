#include "server/spaces/organization.h"

#include "schema/schema.h"
#include "server/auth/auth.h"
#include "server/notice.h"
#include "server/spaces/check.h"
#include "server/spaces/role.h"
#include "server/spaces/slug.h"
#include "server/spaces/spaces.h"

#include <string.h>

#define METADATA_MAX 16384
#define PREFIX "/api/auth/organization/"

/* Bodies are checked before the session is asked for, as Better Auth does, so no route here says
 * ROUTE_SESSION. */
const struct route organization_routes[] = {
    {"POST", PREFIX "create", organization_create, ROUTE_BODY},
    {"POST", PREFIX "check-slug", organization_check_slug, ROUTE_BODY},
    {"POST", PREFIX "update", organization_update, ROUTE_BODY},
    {"POST", PREFIX "delete", organization_delete, ROUTE_BODY},
    {"GET", PREFIX "list", organization_list, 0},
    {"POST", PREFIX "set-active", organization_set_active, ROUTE_BODY},
    {"GET", PREFIX "get-organization", organization_get, 0},
    {"GET", PREFIX "get-full-organization", organization_get_full, 0},
    {"GET", PREFIX "get-active-member", organization_active_member, 0},
    {"GET", PREFIX "get-active-member-role", organization_active_role, 0},
    {"POST", PREFIX "has-permission", organization_has_permission, ROUTE_BODY},
    {"GET", PREFIX "list-members", members_list, 0},
    {"POST", PREFIX "update-member-role", members_update_role, ROUTE_BODY},
    {"POST", PREFIX "remove-member", members_remove, ROUTE_BODY},
    {"POST", PREFIX "leave", members_leave, ROUTE_BODY},
    {"POST", PREFIX "invite-member", invitations_invite, ROUTE_BODY},
    {"POST", PREFIX "accept-invitation", invitations_accept, ROUTE_BODY},
    {"POST", PREFIX "reject-invitation", invitations_reject, ROUTE_BODY},
    {"POST", PREFIX "cancel-invitation", invitations_cancel, ROUTE_BODY},
    {"GET", PREFIX "get-invitation", invitations_get, 0},
    {"GET", PREFIX "list-invitations", invitations_list, 0},
    {"GET", PREFIX "list-user-invitations", invitations_list_mine, 0},
    {NULL, NULL, NULL, 0},
};

int space_mine(struct call *c, const char *space, struct space *s, struct member *m)
{
    int rc = space_find(c->sql, c->arena, SPACE_BY_ID, space, s, &c->error);
    if (rc == 0)
        rc = member_find(c->sql, c->arena, space, c->session->account, m, &c->error);
    return rc;
}

const char *space_metadata(struct call *c, struct json_value metadata, const char *type)
{
    struct buf out;
    struct json_writer w;
    buf_init(&out, (size_t)1 << 20);
    json_begin(&w, &out);
    json_open_object(&w);
    struct json_value v = json_first(metadata);
    for (; v.doc; v = json_next(metadata, v)) {
        /* The tier is the server's alone; older clients looked for it here. */
        if (json_equals(json_key(v), "tier"))
            continue;
        const char *key = json_str(json_key(v), c->arena);
        if (!key)
            continue; /* a NUL in it: PostgreSQL keeps none */
        json_put_key(&w, key);
        json_put_value(&w, v);
    }
    if (!json_get(metadata, "type").doc) {
        json_put_key(&w, "type");
        json_put_str(&w, type);
    }
    json_close_object(&w);
    const char *text = out.error ? NULL : arena_str(c->arena, buf_text(&out));
    buf_release(&out);
    return text;
}

/* The space type that a new space's metadata asks for: 0, or ANSWERED. */
static int wanted_type(struct call *c, struct json_value metadata, const char **type)
{
    const char *name = json_str(json_get(metadata, "type"), c->arena);
    int number = name ? schema_space_type(name) : -1;
    size_t len = 0;
    if (metadata.doc)
        json_raw(metadata, &len);
    if (number < 0)
        return answer_error(c, 400, "SPACE_METADATA_INVALID");
    if (len > METADATA_MAX)
        return answer_fail(c, 400, "SPACE_METADATA_INVALID", "metadata is larger than 16 KiB");
    if (number == SPACE_PERSONAL)
        return answer_fail(c, 403, "NOT_ALLOWED",
                           "The personal space is made at sign-up; there is one per account");
    *type = schema_space_type_name(number);
    return 0;
}

int space_room_for(struct call *c)
{
    struct sql_rows *rows;
    int64_t count = 0;
    int rc =
        sql_one(c->sql, &rows, &c->error, "SELECT COUNT(*) AS n FROM members WHERE account = ?1",
                "s", c->session->account);
    if (rc == 0)
        count = sql_int(rows, "n");
    sql_rows_free(rows);
    if (rc == 0 && count >= SPACE_OF_ACCOUNT_MAX)
        rc = answer_error(c, 403, "YOU_HAVE_REACHED_THE_MAXIMUM_NUMBER_OF_ORGANIZATIONS");
    return rc;
}

int space_make(struct call *c, struct space *s, struct member *m)
{
    char id[SPACE_ID], member_id[SPACE_ID];
    space_new_id(c->server->env, id);
    space_new_id(c->server->env, member_id);
    s->id = arena_str(c->arena, id);
    s->created = call_now(c);
    *m = (struct member){.id = arena_str(c->arena, member_id),
                         .space = s->id,
                         .account = c->session->account,
                         .role = ROLE_OWNER,
                         .created = s->created};
    if (!s->id || !m->id)
        return err_set(&c->error, RAUM_ENOMEM, NULL);
    return space_insert(c->sql, s, m, &c->error);
}

struct making {
    struct space space;
    bool keep_active;
};

static int create_locked(struct call *c, void *arg)
{
    struct making *making = arg;
    struct member owner;
    struct answer a;
    int rc = space_room_for(c);
    if (rc != 0)
        return rc;
    if (slug_reserved(making->space.slug))
        return answer_error(c, 400, "ORGANIZATION_ALREADY_EXISTS");
    rc = space_make(c, &making->space, &owner);
    if (rc == RAUM_EEXISTS)
        return answer_error(c, 400, "ORGANIZATION_ALREADY_EXISTS");
    if (rc == 0 && !making->keep_active)
        rc = auth_set_active(c, making->space.id);
    if (rc < 0)
        return rc;
    answer_begin(&a);
    json_open_object(&a.w);
    space_put(&a.w, &making->space, METADATA_OBJECT);
    json_put_key(&a.w, "members");
    json_open_array(&a.w);
    json_open_object(&a.w);
    member_put(&a.w, &owner);
    json_close_object(&a.w);
    json_close_array(&a.w);
    json_close_object(&a.w);
    return answer_send(c, &a);
}

int organization_create(struct call *c)
{
    struct checks k;
    struct making making = {0};
    check_begin(&k, c);
    making.space.name = check_name(&k, c->body, "body", CHECK_REQUIRED);
    making.space.slug = check_slug(&k, c->body, "body", CHECK_REQUIRED);
    making.space.logo = check_logo(&k, c->body, "body");
    struct json_value metadata = check_object(&k, c->body, "body", "metadata", "record", 0);
    making.keep_active = check_bool(&k, c->body, "body", "keepCurrentActiveOrganization", false);
    int rc = check_end(&k);
    if (rc == 0)
        rc = auth_session(c);
    if (rc == 0 && !c->session)
        rc = answer_bare(c, 401);
    if (rc == 0)
        rc = wanted_type(c, metadata, &making.space.type);
    if (rc == 0) {
        making.space.metadata = space_metadata(c, metadata, making.space.type);
        rc = making.space.metadata
                 ? answer_locked(c, "account", c->session->account, create_locked, &making)
                 : err_set(&c->error, RAUM_ENOMEM, NULL);
    }
    return answer_done(rc);
}

/* Whose slug it is now: 0 and *taken. An old slug may be taken; a reserved one may not. */
static int slug_taken(struct call *c, const char *slug, const char *except, bool *taken)
{
    struct sql_rows *rows;
    *taken = slug_reserved(slug);
    int rc = sql_one(c->sql, &rows, &c->error, "SELECT id FROM spaces WHERE slug = ?1", "s", slug);
    if (rc == 0)
        *taken = *taken || !except || strcmp(sql_text(rows, "id"), except) != 0;
    sql_rows_free(rows);
    return rc == RAUM_END ? 0 : rc;
}

int organization_check_slug(struct call *c)
{
    struct checks k;
    bool taken = false;
    check_begin(&k, c);
    const char *slug = check_text(&k, c->body, "body", "slug", CHECK_REQUIRED);
    if (slug && slug[0])
        slug = check_slug(&k, c->body, "body", 0);
    int rc = check_end(&k);
    if (rc == 0)
        rc = answer_session(c);
    if (rc == 0)
        rc = slug_taken(c, slug, NULL, &taken);
    if (rc == 0 && taken)
        rc = answer_error(c, 400, "ORGANIZATION_SLUG_ALREADY_TAKEN");
    if (rc == 0)
        rc = call_text(c, 200, "{\"status\":true}");
    return answer_done(rc);
}

struct change {
    const char *space, *name, *slug, *logo;
    bool has_logo;
    struct json_value metadata;
};

/* Replaced metadata keeps the type; another type is refused. */
static int change_metadata(struct call *c, struct space *s, struct json_value metadata)
{
    struct json_value type = json_get(metadata, "type");
    size_t len;
    if (!metadata.doc)
        return 0;
    if (type.doc && !json_equals(type, s->type))
        return answer_error(c, 400, "IMMUTABLE_FIELD");
    json_raw(metadata, &len);
    if (len > METADATA_MAX)
        return answer_fail(c, 400, "SPACE_METADATA_INVALID", "metadata is larger than 16 KiB");
    s->metadata = space_metadata(c, metadata, s->type);
    return s->metadata ? 0 : err_set(&c->error, RAUM_ENOMEM, NULL);
}

static int change_slug(struct call *c, struct space *s, const char *slug)
{
    bool taken;
    if (!slug || strcmp(slug, s->slug) == 0)
        return 0;
    int rc = slug_taken(c, slug, s->id, &taken);
    if (rc == 0 && !taken) {
        rc = space_set_slug(c->sql, s->id, s->slug, slug, &c->error);
        taken = rc == RAUM_EEXISTS; /* by another transaction in between */
        s->slug = slug;
    }
    return taken ? answer_error(c, 400, "ORGANIZATION_SLUG_ALREADY_TAKEN") : rc;
}

static int update_locked(struct call *c, void *arg)
{
    struct change *change = arg;
    struct space s;
    struct member m;
    struct answer a;
    int rc = space_mine(c, change->space, &s, &m);
    if (rc == RAUM_END)
        return answer_error(c, 400, "USER_IS_NOT_A_MEMBER_OF_THE_ORGANIZATION");
    if (rc == 0 && !role_may(m.role, "organization", "update"))
        return answer_error(c, 403, "YOU_ARE_NOT_ALLOWED_TO_UPDATE_THIS_ORGANIZATION");
    if (rc == 0)
        rc = change_metadata(c, &s, change->metadata);
    if (rc == 0)
        rc = change_slug(c, &s, change->slug);
    if (rc != 0)
        return rc;
    s.name = change->name ? change->name : s.name;
    s.logo = change->has_logo ? change->logo : s.logo;
    rc = sql_run(c->sql, &c->error,
                 "UPDATE spaces SET name = ?2, logo = ?3, metadata = ?4 WHERE id = ?1", "ssss",
                 s.id, s.name, s.logo, s.metadata);
    if (rc < 0)
        return rc;
    answer_begin(&a);
    json_open_object(&a.w);
    space_put(&a.w, &s, METADATA_OBJECT);
    json_close_object(&a.w);
    return answer_send(c, &a);
}

int organization_update(struct call *c)
{
    struct checks k;
    struct change change = {0};
    check_begin(&k, c);
    struct json_value data = check_object(&k, c->body, "body", "data", "object", CHECK_REQUIRED);
    change.name = check_name(&k, data, "body.data", 0);
    change.slug = check_slug(&k, data, "body.data", 0);
    change.logo = check_logo(&k, data, "body.data");
    change.has_logo = json_get(data, "logo").doc != NULL;
    change.metadata = check_object(&k, data, "body.data", "metadata", "record", 0);
    change.space = check_text(&k, c->body, "body", "organizationId", 0);
    int rc = check_end(&k);
    if (rc == 0)
        rc = auth_session(c);
    if (rc == 0 && !c->session)
        rc = answer_fail(c, 401, NULL, "User not found");
    if (rc == 0) {
        change.space = answer_space(c, change.space);
        rc = change.space ? answer_locked(c, "space", change.space, update_locked, &change)
                          : answer_error(c, 400, "ORGANIZATION_NOT_FOUND");
    }
    return answer_done(rc);
}

int space_delete(struct call *c, const struct space *s)
{
    const char *slug = arena_printf(c->arena, SPACE_DELETED "%s:%s", s->id, s->slug);
    if (!slug)
        return err_set(&c->error, RAUM_ENOMEM, NULL);
    int rc = sql_run(c->sql, &c->error,
                     "UPDATE spaces SET deleted = ?2, deleted_by = ?3, slug = ?4 WHERE id = ?1",
                     "siss", s->id, call_now(c), c->session->account, slug);
    if (rc == 0)
        rc = notice_space(c->sql, s->id, &c->error);
    if (rc == 0 && c->session->active_space && strcmp(c->session->active_space, s->id) == 0)
        rc = auth_set_active(c, NULL);
    return rc;
}

static int delete_locked(struct call *c, void *arg)
{
    struct space s;
    struct member m;
    struct answer a;
    int rc = space_mine(c, arg, &s, &m);
    if (rc == RAUM_END)
        return answer_error(c, 400, "USER_IS_NOT_A_MEMBER_OF_THE_ORGANIZATION");
    if (rc == 0 && !role_may(m.role, "organization", "delete"))
        return answer_error(c, 403, "YOU_ARE_NOT_ALLOWED_TO_DELETE_THIS_ORGANIZATION");
    if (rc == 0 && strcmp(s.type, "personal") == 0)
        return answer_error(c, 403, "SPACE_PERSONAL_UNDELETABLE");
    if (rc == 0)
        rc = space_delete(c, &s);
    if (rc < 0)
        return rc;
    answer_begin(&a);
    json_open_object(&a.w);
    space_put(&a.w, &s, METADATA_TEXT);
    json_close_object(&a.w);
    return answer_send(c, &a);
}

int organization_delete(struct call *c)
{
    struct checks k;
    check_begin(&k, c);
    const char *space = check_text(&k, c->body, "body", "organizationId", CHECK_REQUIRED);
    int rc = check_end(&k);
    if (rc == 0)
        rc = auth_session(c);
    if (rc == 0 && !c->session)
        rc = answer_bare(c, 401);
    if (rc == 0)
        rc = space[0] ? answer_locked(c, "space", space, delete_locked, (void *)(uintptr_t)space)
                      : answer_error(c, 400, "ORGANIZATION_NOT_FOUND");
    return answer_done(rc);
}
