#include "server/agents/agents.h"
#include "server/auth/auth.h"
#include "server/auth/upstream.h"
#include "server/notice.h"
#include "server/relay/relay.h"
#include "server/spaces/check.h"
#include "server/spaces/organization.h"
#include "server/spaces/role.h"
#include "server/spaces/slug.h"
#include "server/spaces/spaces.h"

#include "base/id.h"
#include "schema/schema.h"

#include <string.h>

/* /api/v1/spaces: what Raum's own clients ask beside Better Auth's endpoints. */

#define TRIES 3 /* of a slug that another transaction takes in between */

static int list_spaces(struct call *c);
static int make_space(struct call *c);
static int get_part(struct call *c);
static int post_part(struct call *c);
static int get_slug(struct call *c);

const struct route space_routes[] = {
    {"GET", "/api/v1/spaces", list_spaces, ROUTE_SESSION},
    {"POST", "/api/v1/spaces", make_space, ROUTE_SESSION | ROUTE_BODY},
    {"GET", "/api/v1/spaces/", get_part, ROUTE_SESSION | ROUTE_PREFIX},
    {"POST", "/api/v1/spaces/", post_part, ROUTE_SESSION | ROUTE_PREFIX | ROUTE_BODY_MAY},
    {"GET", "/api/v1/slugs/", get_slug, ROUTE_SESSION | ROUTE_PREFIX},
    {NULL, NULL, NULL, 0},
};

static void put_text(struct json_writer *w, const char *key, const char *text)
{
    json_put_key(w, key);
    json_put_str(w, text);
}

static void put_bool(struct json_writer *w, const char *key, bool value)
{
    json_put_key(w, key);
    json_put_bool(w, value);
}

static int not_found(struct call *c)
{
    return answer_fail(c, 404, "NOT_FOUND", "No such space, or you are not a member of it");
}

/* The slug that a deleted space had: behind "deleted:<id>:". */
static const char *slug_shown(const char *slug)
{
    if (strncmp(slug, SPACE_DELETED, strlen(SPACE_DELETED)) != 0)
        return slug;
    const char *rest = strchr(slug + strlen(SPACE_DELETED), ':');
    return rest ? rest + 1 : slug;
}

/* ---- listing ---- */

static void put_space(struct json_writer *w, struct sql_rows *rows)
{
    const char *type = sql_text(rows, "type");
    json_open_object(w);
    put_text(w, "id", sql_text(rows, "id"));
    put_text(w, "name", sql_text(rows, "name"));
    put_text(w, "slug", slug_shown(sql_text(rows, "slug")));
    put_text(w, "type", type);
    put_text(w, "role", role_highest(sql_text(rows, "role")));
    put_text(w, "tier", sql_text(rows, "tier"));
    json_put_key(w, "createdAt");
    call_put_time(w, sql_int(rows, "created"));
    put_bool(w, "personal", strcmp(type, "personal") == 0);
    json_put_key(w, "memberCount");
    json_put_int(w, sql_int(rows, "members"));
    json_put_key(w, "deletedAt");
    if (sql_null(rows, "deleted"))
        json_put_null(w);
    else
        call_put_time(w, sql_int(rows, "deleted"));
    json_close_object(w);
}

static int list_spaces(struct call *c)
{
    struct sql_rows *rows;
    struct answer a;
    char epoch[17];
    const char *deleted = http_param(c->http, "deleted");
    bool with_deleted = deleted && strcmp(deleted, "1") == 0;
    answer_begin(&a);
    json_open_object(&a.w);
    json_put_key(&a.w, "spaces");
    json_open_array(&a.w);
    int rc = sql_many(c->sql, &rows, &c->error,
                      "SELECT s.id AS id, s.name AS name, s.slug AS slug, s.type AS type,"
                      " s.tier AS tier, s.created AS created, s.deleted AS deleted,"
                      " m.role AS role, (SELECT COUNT(*) FROM members x WHERE x.space = s.id)"
                      " AS members FROM members m JOIN spaces s ON s.id = m.space"
                      " WHERE m.account = ?1 AND (s.deleted IS NULL OR s.deleted > ?2)"
                      " ORDER BY m.created, m.id",
                      "si", c->session->account, call_now(c) - SPACE_UNDO_MS);
    while (rc == 0 && (rc = sql_next(rows, &c->error)) == 0) {
        bool own = role_has(sql_text(rows, "role"), ROLE_OWNER);
        if (sql_null(rows, "deleted") || (with_deleted && own))
            put_space(&a.w, rows);
    }
    sql_rows_free(rows);
    rc = rc < 0 ? rc : relay_epoch(c->sql, c->server->env, epoch, &c->error);
    if (rc < 0) {
        buf_release(&a.buf);
        return rc;
    }
    json_close_array(&a.w);
    /* What is not in the list is gone, unless this database came back from a backup (G-O4). */
    put_text(&a.w, "epoch", epoch);
    json_close_object(&a.w);
    return answer_send(c, &a);
}

/* ---- taking over a space that a device made offline ---- */

struct offline {
    const char *local_id, *name, *slug, *type;
    struct space made;
    bool created;
};

static int send_made(struct call *c, const struct space *s, bool created, const char *asked)
{
    struct answer a;
    answer_begin(&a);
    json_open_object(&a.w);
    put_text(&a.w, "id", s->id);
    put_text(&a.w, "slug", s->slug);
    put_bool(&a.w, "created", created);
    if (asked && strcmp(asked, s->slug) != 0)
        put_bool(&a.w, "renamed", true);
    json_close_object(&a.w);
    return answer_send(c, &a);
}

/* A live space of the caller that a one-column query names. */
static int known(struct call *c, struct sql_rows *rows, int rc, struct space *s)
{
    struct member m = {0};
    const char *id = rc == 0 ? sql_copy(rows, "space", c->arena) : NULL;
    if (rc == 0 && !id)
        rc = err_set(&c->error, RAUM_ENOMEM, NULL);
    sql_rows_free(rows);
    if (rc != 0)
        return rc;
    rc = space_mine(c, id, s, &m);
    return rc == RAUM_END ? not_found(c) : rc; /* made once, gone since: not made again */
}

/* What the slug is made of: the device's own, if it is one, else the name. */
static void slug_base(const struct offline *o, char base[SLUG_SIZE])
{
    if (o->slug && slug_valid(o->slug, strlen(o->slug)))
        memcpy(base, o->slug, strlen(o->slug) + 1);
    else
        slug_from(o->name, strlen(o->name), base);
    if (!base[0])
        memcpy(base, "space", sizeof "space");
}

/* Fills the space in, but for its id. */
static int begin_new(struct call *c, struct offline *o, const char *base)
{
    char slug[SLUG_SIZE];
    struct json_value none = {0};
    o->made = (struct space){.name = o->name, .type = o->type};
    o->made.metadata = space_metadata(c, none, o->type);
    int rc = space_choose_slug(c->sql, c->server->env, base, slug, &c->error);
    o->made.slug = arena_str(c->arena, slug);
    bool whole = o->made.metadata && o->made.slug;
    return rc == 0 && !whole ? err_set(&c->error, RAUM_ENOMEM, NULL) : rc;
}

static int keep_local(struct call *c, const struct offline *o)
{
    return sql_run(c->sql, &c->error,
                   "INSERT INTO local_spaces (account, local_id, space) VALUES (?1, ?2, ?3)"
                   " ON CONFLICT (account, local_id) DO NOTHING",
                   "sss", c->session->account, o->local_id, o->made.id);
}

static int make_new(struct call *c, struct offline *o)
{
    char base[SLUG_SIZE];
    struct member owner;
    int rc = space_room_for(c);
    if (rc != 0)
        return rc;
    slug_base(o, base);
    rc = RAUM_EEXISTS;
    for (int i = 0; rc == RAUM_EEXISTS && i < TRIES; i++) {
        rc = begin_new(c, o, base);
        if (rc == 0)
            rc = space_make(c, &o->made, &owner);
    }
    if (rc == 0)
        rc = keep_local(c, o);
    o->created = rc == 0;
    return rc;
}

/* What this local id became: 0, RAUM_END, ANSWERED or negative. */
static int find_made(struct call *c, struct offline *o)
{
    struct sql_rows *rows;
    int rc = sql_one(c->sql, &rows, &c->error,
                     "SELECT space FROM local_spaces WHERE account = ?1 AND local_id = ?2", "ss",
                     c->session->account, o->local_id);
    return known(c, rows, rc, &o->made);
}

/* Under the account's lock, so that a device that asks twice at once gets one space. */
static int make_locked(struct call *c, void *arg)
{
    struct offline *o = arg;
    int rc = find_made(c, o);
    if (rc == RAUM_END)
        rc = make_new(c, o);
    return rc == 0 ? send_made(c, &o->made, o->created, o->slug) : rc;
}

/* Keeps what the foreign server made; its row may have come here already. */
static int keep_delegated(struct call *c, void *arg)
{
    struct offline *o = arg;
    struct space there;
    struct member owner = {.account = c->session->account, .role = ROLE_OWNER};
    char id[SPACE_ID];
    int rc = space_find_any(c->sql, c->arena, o->made.id, &there, &c->error);
    if (rc == RAUM_END) {
        space_new_id(c->server->env, id);
        owner.id = id;
        owner.created = o->made.created = call_now(c);
        rc = space_insert(c->sql, &o->made, &owner, &c->error);
    }
    return rc == 0 ? keep_local(c, o) : rc;
}

/* With --auth: the foreign server makes the space, outside of any transaction of ours. What it made
 * when we could not keep its answer is found again by the local id in its metadata. */
static int make_delegated(struct call *c, struct offline *o)
{
    char base[SLUG_SIZE], next[SLUG_SIZE];
    struct sql_rows *rows;
    int rc = find_made(c, o);
    if (rc == RAUM_END) {
        rc = sql_one(c->sql, &rows, &c->error,
                     "SELECT s.id AS space FROM members m JOIN spaces s ON s.id = m.space"
                     " WHERE m.account = ?1 AND s.metadata LIKE '%\"' || ?2 || '\"%'",
                     "ss", c->session->account, o->local_id);
        rc = known(c, rows, rc, &o->made);
    }
    if (rc == RAUM_END) {
        slug_base(o, base);
        rc = RAUM_EEXISTS;
        for (int i = 0; rc == RAUM_EEXISTS && i < TRIES; i++) {
            rc = begin_new(c, o, base);
            if (rc == 0)
                rc = upstream_make_space(c, o->name, o->made.slug, o->type, o->local_id,
                                         &o->made.id);
            slug_random(next, base, c->server->env);
            memcpy(base, next, sizeof base);
        }
        o->created = rc == 0;
    }
    if (rc == 0)
        rc = answer_locked(c, "account", c->session->account, keep_delegated, o);
    return rc == 0 ? send_made(c, &o->made, o->created, o->slug) : rc;
}

/* The sentinel of the personal space is mapped for its own account only (G-U4). */
static int personal(struct call *c, const struct offline *o)
{
    struct sql_rows *rows;
    struct space s = {0};
    if (strcmp(o->local_id + strlen(SCHEMA_PERSONAL), c->session->account) != 0)
        return answer_fail(c, 403, "NOT_ALLOWED", "The personal space of another account");
    int rc =
        sql_one(c->sql, &rows, &c->error, "SELECT space FROM personal_spaces WHERE account = ?1",
                "s", c->session->account);
    rc = known(c, rows, rc, &s);
    if (rc == RAUM_END)
        rc = not_found(c);
    return rc == 0 ? send_made(c, &s, false, NULL) : rc;
}

static int check_offline(struct call *c, struct offline *o)
{
    struct checks k;
    size_t prefix = strlen(SCHEMA_OFFLINE);
    check_begin(&k, c);
    o->local_id = check_text(&k, c->body, "body", "localId", CHECK_REQUIRED | CHECK_FILLED);
    o->type = check_text(&k, c->body, "body", "type", 0);
    o->slug = check_text(&k, c->body, "body", "slug", 0);
    int type = o->type ? schema_space_type(o->type) : -1;
    bool sentinel =
        o->local_id && strncmp(o->local_id, SCHEMA_PERSONAL, strlen(SCHEMA_PERSONAL)) == 0;
    if (!sentinel)
        o->name = check_name(&k, c->body, "body", CHECK_REQUIRED);
    if (k.count)
        return answer_fail(c, 400, "BAD_CHANGE", k.text);
    if (type < 0)
        return answer_error(c, 400, "SPACE_METADATA_INVALID");
    if (sentinel)
        return type == SPACE_PERSONAL ? 0 : answer_error(c, 400, "IMMUTABLE_FIELD");
    if (type == SPACE_PERSONAL)
        return answer_fail(c, 403, "NOT_ALLOWED",
                           "The personal space is made at sign-up; there is one per account");
    if (!o->local_id || strncmp(o->local_id, SCHEMA_OFFLINE, prefix) != 0 ||
        !id_is_uuid(o->local_id + prefix, strlen(o->local_id + prefix)))
        return answer_fail(c, 400, "BAD_CHANGE", "localId must be _space: and a UUID");
    return 0;
}

static int make_space(struct call *c)
{
    struct offline o = {0};
    int rc = check_offline(c, &o);
    if (rc == 0 && !o.name) {
        rc = personal(c, &o);
    } else if (rc == 0 && c->server->upstream) {
        upstream_making(c->server->upstream, true);
        rc = make_delegated(c, &o);
        upstream_making(c->server->upstream, false);
    } else if (rc == 0) {
        rc = answer_locked(c, "account", c->session->account, make_locked, &o);
    }
    return answer_done(rc);
}

/* ---- one space ---- */

/* Splits "ID/part"; NULL when it is nothing of the kind. */
static const char *split(struct call *c, const char **part)
{
    const char *rest = c->rest;
    while (*rest == '/')
        rest++;
    const char *slash = strchr(rest, '/');
    if (!slash || slash == rest || strchr(slash + 1, '/'))
        return NULL;
    *part = slash + 1;
    return arena_copy(c->arena, rest, (size_t)(slash - rest));
}

/* The members of a space that a foreign auth server keeps. */
static int get_members_there(struct call *c, const char *id)
{
    struct answer a;
    answer_begin(&a);
    json_open_object(&a.w);
    json_put_key(&a.w, "members");
    int rc = upstream_put_members(c, id, &a.w);
    if (rc < 0) {
        buf_release(&a.buf);
        return rc;
    }
    json_close_object(&a.w);
    return answer_send(c, &a);
}

static int get_members(struct call *c, const char *id)
{
    struct space s = {0};
    struct member m, *list;
    struct answer a;
    int count = 0;
    int rc = space_mine(c, id, &s, &m);
    if (rc == RAUM_END)
        return not_found(c);
    if (rc == 0 && c->server->upstream && strcmp(s.type, "personal") != 0)
        return get_members_there(c, id);
    if (rc == 0)
        rc = member_list(c->sql, c->arena, id, &list, &count, &c->error);
    if (rc < 0)
        return rc;
    answer_begin(&a);
    json_open_object(&a.w);
    json_put_key(&a.w, "members");
    json_open_array(&a.w);
    for (int i = 0; i < count; i++) {
        json_open_object(&a.w);
        put_text(&a.w, "id", list[i].id);
        put_text(&a.w, "userId", list[i].account);
        put_text(&a.w, "name", list[i].name);
        put_text(&a.w, "email", list[i].email);
        put_text(&a.w, "image", list[i].image);
        put_text(&a.w, "role", role_highest(list[i].role));
        json_put_key(&a.w, "createdAt");
        call_put_time(&a.w, list[i].created);
        json_close_object(&a.w);
    }
    json_close_array(&a.w);
    json_close_object(&a.w);
    return answer_send(c, &a);
}

static int get_part(struct call *c)
{
    const char *part = "", *id = split(c, &part);
    if (id && strcmp(part, "log") == 0)
        return answer_done(agents_space_log(c, id));
    if (!id || strcmp(part, "members") != 0)
        return answer_done(answer_fail(c, 404, "NOT_FOUND", "No such address"));
    return answer_done(get_members(c, id));
}

/* What deleting needs: an owner who typed the name. */
static int check_delete(struct call *c, const char *id, struct space *s)
{
    struct member m = {0};
    const char *name = call_str(c, "name");
    int rc = space_mine(c, id, s, &m);
    if (rc == RAUM_END)
        return not_found(c);
    if (rc == 0 && strcmp(s->type, "personal") == 0)
        return answer_error(c, 403, "SPACE_PERSONAL_UNDELETABLE");
    if (rc == 0 && !role_may(m.role, "organization", "delete"))
        return answer_fail(c, 403, "NOT_ALLOWED", "Only an owner deletes a space");
    if (rc == 0 && (!name || strcmp(name, s->name) != 0))
        return answer_fail(c, 400, "BAD_CHANGE", "To delete the space, give its name as `name`");
    return rc;
}

static int send_deleted(struct call *c, const struct space *s, bool undo)
{
    struct answer a;
    answer_begin(&a);
    json_open_object(&a.w);
    put_text(&a.w, "id", s->id);
    json_put_key(&a.w, "deletedAt");
    call_put_time(&a.w, call_now(c));
    json_put_key(&a.w, "undoUntil");
    if (undo)
        call_put_time(&a.w, call_now(c) + SPACE_UNDO_MS);
    else
        json_put_null(&a.w);
    json_close_object(&a.w);
    return answer_send(c, &a);
}

static int delete_locked(struct call *c, void *arg)
{
    struct space s = {0};
    int rc = check_delete(c, arg, &s);
    if (rc == 0)
        rc = space_delete(c, &s);
    return rc == 0 ? send_deleted(c, &s, true) : rc;
}

static int forget_members(struct call *c, const char *space)
{
    int rc = sql_begin(c->sql, &c->error);
    if (rc)
        return rc;
    rc = sql_run(c->sql, &c->error, "DELETE FROM members WHERE space = ?1", "s", space);
    if (rc == 0)
        rc = notice_space(c->sql, space, &c->error);
    return sql_end(c->sql, rc, &c->error);
}

/* At a foreign auth server, which knows no undo. */
static int delete_there(struct call *c, const char *id)
{
    struct space s = {0};
    int rc = check_delete(c, id, &s);
    if (rc == 0)
        rc = upstream_delete_space(c, id);
    if (rc == 0)
        rc = forget_members(c, id);
    return rc == 0 ? send_deleted(c, &s, false) : rc;
}

/* A deleted space that the caller may bring back: 0, RAUM_END, negative. */
static int find_deleted(struct call *c, const char *id, struct space *s)
{
    struct sql_rows *rows;
    int rc = space_find_any(c->sql, c->arena, id, s, &c->error);
    if (rc != 0)
        return rc;
    if (s->deleted == 0 || s->deleted <= call_now(c) - SPACE_UNDO_MS)
        return RAUM_END;
    rc = sql_one(c->sql, &rows, &c->error,
                 "SELECT role FROM members WHERE space = ?1 AND account = ?2", "ss", id,
                 c->session->account);
    if (rc == 0 && !role_has(sql_text(rows, "role"), ROLE_OWNER))
        rc = RAUM_END;
    sql_rows_free(rows);
    return rc;
}

static int undelete_locked(struct call *c, void *arg)
{
    struct space s = {0};
    char slug[SLUG_SIZE];
    int rc = find_deleted(c, arg, &s);
    if (rc == RAUM_END)
        return not_found(c);
    if (rc < 0)
        return rc;
    const char *had = slug_shown(s.slug);
    /* An imported slug may be longer than ours. */
    char base[SLUG_SIZE];
    if (slug_valid(had, strlen(had)))
        memcpy(base, had, strlen(had) + 1);
    else
        slug_from(had, strlen(had), base);
    rc = RAUM_EEXISTS;
    for (int i = 0; rc == RAUM_EEXISTS && i < TRIES; i++) {
        rc = space_choose_slug(c->sql, c->server->env, base, slug, &c->error);
        if (rc == 0)
            rc = sql_run(c->sql, &c->error,
                         "UPDATE spaces SET deleted = NULL, deleted_by = NULL, slug = ?2"
                         " WHERE id = ?1",
                         "ss", s.id, slug);
    }
    if (rc == 0)
        rc = notice_space(c->sql, s.id, &c->error);
    s.slug = slug;
    return rc == 0 ? send_made(c, &s, false, had) : rc;
}

static int post_part(struct call *c)
{
    const char *part = "", *id = split(c, &part);
    answer_work *work = !id                             ? NULL
                        : strcmp(part, "delete") == 0   ? delete_locked
                        : strcmp(part, "undelete") == 0 ? undelete_locked
                                                        : NULL;
    if (!work)
        return answer_done(answer_fail(c, 404, "NOT_FOUND", "No such address"));
    if (c->server->upstream && work == delete_locked)
        return answer_done(delete_there(c, id));
    return answer_done(answer_locked(c, "space", id, work, (void *)(uintptr_t)id));
}

static int get_slug(struct call *c)
{
    struct space s = {0};
    struct member m = {0};
    struct answer a;
    const char *slug = c->rest + strspn(c->rest, "/");
    int rc = space_find(c->sql, c->arena, SPACE_BY_SLUG, slug, &s, &c->error);
    if (rc == 0)
        rc = member_find(c->sql, c->arena, s.id, c->session->account, &m, &c->error);
    if (rc == RAUM_END)
        rc = not_found(c);
    if (rc != 0)
        return answer_done(rc);
    answer_begin(&a);
    json_open_object(&a.w);
    put_text(&a.w, "id", s.id);
    put_text(&a.w, "slug", s.slug);
    json_close_object(&a.w);
    return answer_send(c, &a);
}
