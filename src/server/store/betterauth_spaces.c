#include "server/store/betterauth_inside.h"

#include "base/json.h"
#include "schema/schema.h"
#include "server/notice.h"
#include "server/spaces/role.h"
#include "server/spaces/slug.h"
#include "server/spaces/space.h"
#include "server/spaces/spaces.h"

#include <string.h>

#define TEAM "team"
#define PERSONAL "personal"
#define NAME_SHOWN 60 /* bytes of a name in a note */

/* ---- organizations */

/* The one member of an organization, if he is the only one and its owner. */
static int only_owner(struct betterauth *x, const char *space, const char **account)
{
    struct db_stmt s;
    const char *role = NULL;
    int count = 0, result = db_prepare(x->from, &s, &db_grant_own,
                                       "SELECT CAST(userId AS TEXT), role FROM member"
                                       " WHERE CAST(organizationId AS TEXT) = ?1 LIMIT 2",
                                       x->error);
    *account = NULL;
    if (result == 0)
        db_bind_str(&s, 1, space);
    while (result == 0 && (result = db_step(&s, x->error)) == 0) {
        count++;
        result = betterauth_text(x, &s, 0, account);
        if (result == 0)
            result = betterauth_text(x, &s, 1, &role);
    }
    db_finish(&s);
    if (count != 1 || !*account || !role || !role_has(role, ROLE_OWNER))
        *account = NULL;
    return result == RAUM_END ? 0 : result;
}

/* May it be the personal space of somebody who comes with it and has none? */
static int whose(struct betterauth *x, const char *space, const char **account)
{
    bool has = false;
    int result = only_owner(x, space, account);
    if (result == 0 && *account && !betterauth_is_new(&x->accounts, *account))
        *account = NULL;
    if (result == 0 && *account)
        result = betterauth_found(x, "SELECT 1 AS n FROM personal_spaces WHERE account = ?1",
                                  *account, &has);
    if (has)
        *account = NULL;
    return result;
}

/* The metadata with another type; what else it holds stays. */
static const char *retyped(struct betterauth *x, const char *metadata, const char *type)
{
    struct json_doc doc;
    struct json_writer w;
    struct buf out;
    char *text = NULL;
    json_init(&doc);
    buf_init(&out, (size_t)4 << 20);
    json_begin(&w, &out);
    json_open_object(&w);
    json_put_key(&w, "type");
    json_put_str(&w, type);
    if (metadata && json_parse(&doc, metadata, strlen(metadata), 0, NULL) == 0 &&
        json_is(json_root(&doc), JSON_OBJECT)) {
        struct json_value root = json_root(&doc);
        for (struct json_value v = json_first(root); v.doc; v = json_next(root, v)) {
            const char *key;
            size_t len;
            if (json_equals(json_key(v), "type") || !json_text(json_key(v), &x->arena, &key, &len))
                continue;
            json_put_key_len(&w, key, len);
            json_put_value(&w, v);
        }
    }
    json_close_object(&w);
    if (buf_error(&out, x->error) == 0)
        text = arena_copy(&x->arena, out.data, out.len);
    json_release(&doc);
    buf_release(&out);
    return text;
}

/* The type that the metadata names; NULL when it is none of the six. */
static const char *type_of(struct betterauth *x, const char *metadata)
{
    struct json_doc doc;
    const char *type = NULL;
    json_init(&doc);
    if (metadata && json_parse(&doc, metadata, strlen(metadata), 0, NULL) == 0)
        type = json_str(json_get(json_root(&doc), "type"), &x->arena);
    json_release(&doc);
    return type && schema_space_type(type) >= 0 ? type : NULL;
}

static int choose_type(struct betterauth *x, struct space *s, const char **owner)
{
    const char *type = type_of(x, s->metadata);
    *owner = NULL;
    s->type = type ? type : TEAM;
    if (!type)
        betterauth_note(x, "space %s (%.*s): it has none of the six types and becomes a team",
                        s->id, NAME_SHOWN, s->name);
    else if (strcmp(type, PERSONAL) == 0) {
        int result = whose(x, s->id, owner);
        if (result < 0)
            return result;
        if (!*owner) {
            s->type = TEAM;
            betterauth_note(x, "space %s (%.*s): it cannot be a personal space and becomes a team",
                            s->id, NAME_SHOWN, s->name);
        }
    }
    if (!type || strcmp(s->type, type) != 0)
        s->metadata = retyped(x, s->metadata, s->type);
    return s->metadata ? 0 : RAUM_ENOMEM;
}

static int choose_slug(struct betterauth *x, struct space *s, char out[SLUG_SIZE])
{
    char base[SLUG_SIZE];
    bool fits = s->slug && slug_valid(s->slug, strlen(s->slug));
    if (fits)
        memcpy(base, s->slug, strlen(s->slug) + 1);
    else
        slug_from(s->slug && *s->slug ? s->slug : s->name,
                  strlen(s->slug && *s->slug ? s->slug : s->name), base);
    int result = space_choose_slug(x->to, x->env, base, out, x->error);
    if (result == 0 && (!s->slug || strcmp(out, s->slug) != 0))
        betterauth_note(x, "space %s (%.*s): its slug %.*s becomes %s", s->id, NAME_SHOWN, s->name,
                        NAME_SHOWN, s->slug ? s->slug : "", out);
    s->slug = out;
    return result;
}

static int insert_space(struct betterauth *x, const struct space *s, const char *owner)
{
    int result =
        sql_run(x->to, x->error,
                "INSERT INTO spaces (id, name, slug, logo, type, metadata, created)"
                " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                "ssssssi", s->id, s->name, s->slug, s->logo, s->type, s->metadata, s->created);
    if (result == 0 && owner) {
        result =
            sql_run(x->to, x->error, "INSERT INTO personal_spaces (account, space) VALUES (?1, ?2)",
                    "ss", owner, s->id);
        x->report->personal += result == 0;
    }
    if (result == 0)
        result = betterauth_remember(&x->spaces, s->id);
    x->report->spaces += result == 0;
    return result;
}

static int take_space(struct betterauth *x, struct db_stmt *row, const char *id)
{
    struct space s = {.id = id};
    char slug[SLUG_SIZE];
    const char *owner;
    bool here;
    int result = betterauth_found(x, "SELECT 1 AS n FROM spaces WHERE id = ?1", id, &here);
    if (result < 0 || here) {
        x->report->present += here;
        return result;
    }
    result = betterauth_text(x, row, 1, &s.name);
    if (result == 0)
        result = betterauth_text(x, row, 2, &s.slug);
    if (result == 0)
        result = betterauth_text(x, row, 3, &s.logo);
    if (result == 0)
        result = betterauth_text(x, row, 4, &s.metadata);
    if (result < 0)
        return result;
    s.created = betterauth_time(x, row, 5);
    s.name = s.name && *s.name ? s.name : s.slug && *s.slug ? s.slug : id;
    result = choose_type(x, &s, &owner);
    if (result == 0)
        result = choose_slug(x, &s, slug);
    return result < 0 ? result : insert_space(x, &s, owner);
}

/* ---- members */

/* Roles that are unknown here give no rights by accident. */
static const char *known_role(struct betterauth *x, const char *role, const char *what,
                              const char *id)
{
    char unknown[64];
    if (role && *role && role_unknown(role, unknown, sizeof unknown) == 0)
        return role;
    const char *instead = role_highest(role ? role : "");
    betterauth_note(x, "%s %s: its role %.60s becomes %s", what, id, role ? role : "", instead);
    return instead;
}

/* Between a space and a person who both came before, what counts is what happened here since; and
 * nobody joins a personal space. */
static int welcome(struct betterauth *x, const char *space, const char *account, bool *out)
{
    bool personal = false;
    *out = betterauth_is_new(&x->spaces, space) || betterauth_is_new(&x->accounts, account);
    if (!*out || betterauth_is_new(&x->spaces, space))
        return 0;
    int result = betterauth_found(
        x, "SELECT 1 AS n FROM spaces WHERE id = ?1 AND type = 'personal'", space, &personal);
    *out = !personal;
    return result;
}

static int take_member(struct betterauth *x, struct db_stmt *row, const char *id)
{
    const char *space = NULL, *account = NULL, *role = NULL;
    bool wanted;
    int result = betterauth_text(x, row, 1, &space);
    if (result == 0)
        result = betterauth_text(x, row, 2, &account);
    if (result == 0)
        result = betterauth_text(x, row, 3, &role);
    if (result < 0)
        return result;
    if (!space || !account) {
        x->report->orphans++;
        return 0;
    }
    result = welcome(x, space, account, &wanted);
    if (result < 0 || !wanted)
        return result;
    result = sql_run(x->to, x->error,
                     "INSERT INTO members (id, space, account, role, created)"
                     " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
                     "ssssi", id, space, account, known_role(x, role, "member", id),
                     betterauth_time(x, row, 4));
    if (result == RAUM_ENOT_FOUND) {
        x->report->orphans++;
        return 0;
    }
    bool made = result == 0 && sql_changed(x->to) > 0;
    x->report->members += made;
    if (made && sql_is_postgres(x->to))
        result = notice_members(x->to, account, x->error);
    return result;
}

/* ---- owners */

struct heir {
    char *member, *role; /* NULL: nobody is a member */
    bool owned;
};

static int find_heir(struct betterauth *x, const char *space, struct heir *h)
{
    struct sql_rows *rows;
    *h = (struct heir){0};
    int result =
        sql_many(x->to, &rows, x->error,
                 "SELECT id, role FROM members WHERE space = ?1 ORDER BY created, id", "s", space);
    while (result == 0 && (result = sql_next(rows, x->error)) == 0) {
        const char *role = sql_text(rows, "role");
        h->owned = h->owned || role_has(role, ROLE_OWNER);
        bool better = !h->member || (role_has(role, "admin") && !role_has(h->role, "admin"));
        if (!better)
            continue;
        h->member = sql_copy(rows, "id", &x->arena);
        h->role = sql_copy(rows, "role", &x->arena);
        if (!h->member || !h->role)
            result = err_set(x->error, RAUM_ENOMEM, NULL);
    }
    sql_rows_free(rows);
    return result == RAUM_END ? 0 : result;
}

static int give_owner(struct betterauth *x, const char *space)
{
    struct heir h;
    arena_reset(&x->arena);
    int result = find_heir(x, space, &h);
    if (result < 0 || h.owned)
        return result;
    if (!h.member) {
        betterauth_note(x, "space %s: it has no members and is not taken", space);
        x->report->spaces--;
        return sql_run(x->to, x->error, "DELETE FROM spaces WHERE id = ?1", "s", space);
    }
    betterauth_note(x, "space %s: it has no owner; member %s becomes it", space, h.member);
    return sql_run(x->to, x->error, "UPDATE members SET role = 'owner' WHERE id = ?1", "s",
                   h.member);
}

/* ---- invitations, personal spaces */

static int take_invitation(struct betterauth *x, struct db_stmt *row, const char *id)
{
    static const char *const known[] = {"pending", "accepted", "rejected", "canceled"};
    const char *space = NULL, *email = NULL, *role = NULL, *status = NULL, *inviter = NULL;
    const char *as = "canceled";
    int result = betterauth_text(x, row, 1, &space);
    if (result < 0 || !space || !betterauth_is_new(&x->spaces, space)) {
        x->report->orphans += result == 0 && !space;
        return result;
    }
    result = betterauth_email(x, row, 2, &email);
    if (result == 0)
        result = betterauth_text(x, row, 3, &role);
    if (result == 0)
        result = betterauth_text(x, row, 4, &status);
    if (result == 0)
        result = betterauth_text(x, row, 5, &inviter);
    if (result < 0)
        return result;
    for (size_t i = 0; status && i < sizeof known / sizeof known[0]; i++)
        as = strcmp(status, known[i]) == 0 ? known[i] : as;
    result =
        sql_run(x->to, x->error,
                "INSERT INTO invitations (id, space, email, role, status, inviter, created,"
                " expires) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
                "ssssssii", id, space, email, known_role(x, role, "invitation", id), as,
                inviter ? inviter : "", betterauth_time(x, row, 6), betterauth_time(x, row, 7));
    if (result == RAUM_ENOT_FOUND) { /* of a space that nobody owned */
        x->report->orphans++;
        return 0;
    }
    x->report->invitations += result == 0 && sql_changed(x->to) > 0;
    return result;
}

static int make_personal(struct betterauth *x, const char *account)
{
    struct sql_rows *rows;
    char space[SPACE_ID];
    bool has;
    arena_reset(&x->arena);
    int result =
        betterauth_found(x, "SELECT 1 AS n FROM personal_spaces WHERE account = ?1", account, &has);
    if (result < 0 || has)
        return result;
    result = sql_one(x->to, &rows, x->error, "SELECT name, email FROM accounts WHERE id = ?1", "s",
                     account);
    if (result == 0)
        result = spaces_make_personal(x->to, x->env, account, sql_text(rows, "name"),
                                      sql_text(rows, "email"), space, x->error);
    sql_rows_free(rows);
    x->report->personal += result == 0;
    return result;
}

/* Whether the invitation table says when one was made depends on its version. */
static int organizations(struct betterauth *x)
{
    bool dated;
    int result = betterauth_each(x, "organization",
                                 "SELECT CAST(id AS TEXT), name, slug, logo, metadata, createdAt"
                                 " FROM organization ORDER BY CAST(id AS TEXT)",
                                 take_space);
    if (result == 0)
        result = betterauth_each(x, "member",
                                 "SELECT CAST(id AS TEXT), CAST(organizationId AS TEXT),"
                                 " CAST(userId AS TEXT), role, createdAt FROM member"
                                 " ORDER BY createdAt, id",
                                 take_member);
    for (size_t i = 0; result == 0 && i < x->spaces.count; i++)
        result = give_owner(x, x->spaces.ids[i]);
    if (result == 0)
        result = betterauth_has(x, "invitation", "createdAt", &dated);
    if (result == 0)
        result = betterauth_each(
            x, "invitation",
            dated ? "SELECT CAST(id AS TEXT), CAST(organizationId AS TEXT), email, role, status,"
                    " CAST(inviterId AS TEXT), createdAt, expiresAt FROM invitation ORDER BY id"
                  : "SELECT CAST(id AS TEXT), CAST(organizationId AS TEXT), email, role, status,"
                    " CAST(inviterId AS TEXT), NULL, expiresAt FROM invitation ORDER BY id",
            take_invitation);
    return result;
}

int betterauth_spaces(struct betterauth *x)
{
    bool has, members;
    int result = betterauth_has(x, "organization", "slug", &has);
    if (result == 0)
        result = betterauth_has(x, "member", "organizationId", &members);
    if (result == 0 && has && members)
        result = organizations(x);
    for (size_t i = 0; result == 0 && i < x->accounts.count; i++)
        result = make_personal(x, x->accounts.ids[i]);
    return result ? result : notice_outside(x->to, x->error);
}
