#include "server/auth/auth.h"
#include "server/spaces/check.h"
#include "server/spaces/organization.h"
#include "server/spaces/role.h"

#include <string.h>

static int send_space(struct call *c, const struct space *s)
{
    struct answer a;
    answer_begin(&a);
    json_open_object(&a.w);
    space_put(&a.w, s, METADATA_TEXT);
    json_close_object(&a.w);
    return answer_send(c, &a);
}

int organization_list(struct call *c)
{
    struct sql_rows *rows;
    struct answer a;
    int rc = answer_session(c);
    if (rc != 0)
        return answer_done(rc);
    answer_begin(&a);
    json_open_array(&a.w);
    rc = sql_many(c->sql, &rows, &c->error,
                  "SELECT s.id AS id, s.name AS name, s.slug AS slug, s.logo AS logo,"
                  " s.metadata AS metadata, s.created AS created FROM members m"
                  " JOIN spaces s ON s.id = m.space AND s.deleted IS NULL"
                  " WHERE m.account = ?1 ORDER BY m.created, m.id",
                  "s", c->session->account);
    while (rc == 0 && (rc = sql_next(rows, &c->error)) == 0) {
        struct space s = {.id = sql_text(rows, "id"),
                          .name = sql_text(rows, "name"),
                          .slug = sql_text(rows, "slug"),
                          .logo = sql_text(rows, "logo"),
                          .metadata = sql_text(rows, "metadata"),
                          .created = sql_int(rows, "created")};
        json_open_object(&a.w);
        space_put(&a.w, &s, METADATA_TEXT);
        json_close_object(&a.w);
    }
    sql_rows_free(rows);
    if (rc < 0) {
        buf_release(&a.buf);
        return rc;
    }
    json_close_array(&a.w);
    return answer_send(c, &a);
}

/* No member: as Better Auth, whatever was active is no more. */
static int no_member(struct call *c)
{
    int rc = c->session->active_space ? auth_set_active(c, NULL) : 0;
    return rc < 0 ? rc : answer_error(c, 403, "USER_IS_NOT_A_MEMBER_OF_THE_ORGANIZATION");
}

static int clear_active(struct call *c)
{
    int rc = 0;
    if (c->session->active_space) {
        rc = auth_set_active(c, NULL);
        if (rc == 0)
            rc = auth_send_session(c, c->session);
    }
    return rc == 0 ? call_text(c, 200, "null") : rc;
}

int organization_set_active(struct call *c)
{
    struct checks k;
    struct space s = {0};
    struct member m = {0};
    check_begin(&k, c);
    const char *id = check_text(&k, c->body, "body", "organizationId", CHECK_NULL);
    const char *slug = check_text(&k, c->body, "body", "organizationSlug", 0);
    int rc = check_end(&k);
    if (rc == 0)
        rc = answer_session(c);
    if (rc != 0)
        return answer_done(rc);
    if (json_is(json_get(c->body, "organizationId"), JSON_NULL))
        return clear_active(c);
    if (id && id[0]) {
        rc = space_mine(c, id, &s, &m);
    } else if (slug && slug[0]) {
        rc = space_find(c->sql, c->arena, SPACE_BY_SLUG, slug, &s, &c->error);
        if (rc == RAUM_END)
            return answer_done(answer_error(c, 400, "ORGANIZATION_NOT_FOUND"));
        if (rc == 0)
            rc = member_find(c->sql, c->arena, s.id, c->session->account, &m, &c->error);
    } else if (c->session->active_space) {
        rc = space_mine(c, c->session->active_space, &s, &m);
    } else {
        return call_text(c, 200, "null");
    }
    if (rc == RAUM_END)
        return answer_done(no_member(c));
    if (rc == 0)
        rc = auth_set_active(c, s.id);
    if (rc == 0)
        rc = auth_send_session(c, c->session);
    return rc == 0 ? send_space(c, &s) : rc;
}

/* The space that the query names, or the active one, with the caller's membership; ANSWERED also
 * with `null` when there is none. */
static int asked_space(struct call *c, struct space *s, struct member *m, int64_t *limit)
{
    struct checks k;
    check_begin(&k, c);
    const char *id = check_param(&k, "organizationId", 0);
    const char *slug = check_param(&k, "organizationSlug", 0);
    *limit = check_number(&k, "membersLimit");
    int rc = check_end(&k);
    if (rc == 0)
        rc = answer_session(c);
    if (rc != 0)
        return rc;
    enum space_by by = slug && slug[0] ? SPACE_BY_SLUG : SPACE_BY_ID;
    const char *value = by == SPACE_BY_SLUG ? slug : answer_space(c, id);
    if (!value) {
        rc = call_text(c, 200, "null");
        return rc < 0 ? rc : ANSWERED;
    }
    rc = space_find(c->sql, c->arena, by, value, s, &c->error);
    if (rc == RAUM_END)
        return answer_error(c, 400, "ORGANIZATION_NOT_FOUND");
    if (rc == 0)
        rc = member_find(c->sql, c->arena, s->id, c->session->account, m, &c->error);
    return rc == RAUM_END ? no_member(c) : rc;
}

int organization_get(struct call *c)
{
    struct space s = {0};
    struct member m = {0};
    int64_t limit;
    int rc = asked_space(c, &s, &m, &limit);
    return rc == 0 ? send_space(c, &s) : answer_done(rc);
}

int organization_get_full(struct call *c)
{
    struct space s = {0};
    struct member m = {0}, *members = NULL;
    struct answer a;
    int64_t limit;
    int count = 0;
    int rc = asked_space(c, &s, &m, &limit);
    if (rc == 0)
        rc = member_list(c->sql, c->arena, s.id, &members, &count, &c->error);
    if (rc != 0)
        return answer_done(rc);
    answer_begin(&a);
    json_open_object(&a.w);
    space_put(&a.w, &s, METADATA_TEXT);
    json_put_key(&a.w, "invitations");
    rc = invitations_put(c, &a.w, s.id, m.role);
    if (rc < 0) {
        buf_release(&a.buf);
        return rc;
    }
    json_put_key(&a.w, "members");
    json_open_array(&a.w);
    for (int i = 0; i < count && (limit <= 0 || i < limit); i++) {
        json_open_object(&a.w);
        member_put_user(&a.w, &members[i]);
        json_close_object(&a.w);
    }
    json_close_array(&a.w);
    json_close_object(&a.w);
    return answer_send(c, &a);
}

int organization_active_member(struct call *c)
{
    struct member m = {0};
    struct answer a;
    int rc = answer_session(c);
    if (rc == 0 && !c->session->active_space)
        rc = answer_error(c, 400, "NO_ACTIVE_ORGANIZATION");
    if (rc == 0)
        rc = member_find(c->sql, c->arena, c->session->active_space, c->session->account, &m,
                         &c->error);
    if (rc == RAUM_END)
        rc = answer_error(c, 400, "MEMBER_NOT_FOUND");
    if (rc != 0)
        return answer_done(rc);
    answer_begin(&a);
    json_open_object(&a.w);
    member_put_user(&a.w, &m);
    json_close_object(&a.w);
    return answer_send(c, &a);
}

int organization_active_role(struct call *c)
{
    struct checks k;
    struct space s = {0};
    struct member m = {0};
    struct answer a;
    check_begin(&k, c);
    const char *account = check_param(&k, "userId", 0);
    const char *id = check_param(&k, "organizationId", 0);
    const char *slug = check_param(&k, "organizationSlug", 0);
    int rc = check_end(&k);
    if (rc == 0)
        rc = answer_session(c);
    if (rc == 0 && slug && slug[0]) {
        rc = space_find(c->sql, c->arena, SPACE_BY_SLUG, slug, &s, &c->error);
        id = s.id;
        if (rc == RAUM_END)
            rc = answer_error(c, 400, "ORGANIZATION_NOT_FOUND");
    } else if (rc == 0) {
        id = answer_space(c, id);
    }
    if (rc == 0 && !id)
        rc = answer_error(c, 400, "NO_ACTIVE_ORGANIZATION");
    if (rc == 0)
        rc = member_find(c->sql, c->arena, id, c->session->account, &m, &c->error);
    if (rc == 0 && account && account[0])
        rc = member_find(c->sql, c->arena, id, account, &m, &c->error);
    if (rc == RAUM_END)
        rc = answer_error(c, 403, "YOU_ARE_NOT_A_MEMBER_OF_THIS_ORGANIZATION");
    if (rc != 0)
        return answer_done(rc);
    answer_begin(&a);
    json_open_object(&a.w);
    json_put_key(&a.w, "role");
    json_put_str(&a.w, m.role);
    json_close_object(&a.w);
    return answer_send(c, &a);
}

/* A record of lists of texts. */
static bool is_permissions(struct json_value v)
{
    bool fits = json_is(v, JSON_OBJECT);
    struct json_value list = fits ? json_first(v) : (struct json_value){0};
    for (; fits && list.doc; list = json_next(v, list)) {
        fits = json_is(list, JSON_ARRAY);
        struct json_value one = fits ? json_first(list) : (struct json_value){0};
        for (; fits && one.doc; one = json_next(list, one))
            fits = json_is(one, JSON_STRING);
    }
    return fits;
}

/* All that is asked, by one role alone: roles do not add up, as in Better Auth. */
static bool may_all(struct call *c, const char *role, struct json_value asked)
{
    bool any = false;
    struct json_value list = json_first(asked);
    for (; list.doc; list = json_next(asked, list)) {
        const char *resource = json_str(json_key(list), c->arena);
        const char *actions = resource ? role_actions(role, resource) : NULL;
        struct json_value one = actions ? json_first(list) : (struct json_value){0};
        if (!one.doc)
            return false;
        for (; one.doc; one = json_next(list, one)) {
            const char *action = json_str(one, c->arena);
            if (!action || !action[0] || !role_has(actions, action))
                return false;
        }
        any = true;
    }
    return any;
}

int organization_has_permission(struct call *c)
{
    struct checks k;
    struct member m = {0};
    struct json_value legacy = json_get(c->body, "permission");
    struct json_value asked = json_get(c->body, "permissions");
    check_begin(&k, c);
    const char *space = check_text(&k, c->body, "body", "organizationId", 0);
    if (is_permissions(legacy) && is_permissions(asked))
        check_issue(&k, "body", "", "Invalid input: more than one option matched");
    else if (!is_permissions(legacy) && !is_permissions(asked))
        check_issue(&k, "body", "", "Invalid input");
    int rc = check_end(&k);
    if (rc == 0)
        rc = answer_session(c);
    if (rc == 0 && !(space = answer_space(c, space)))
        rc = answer_error(c, 400, "NO_ACTIVE_ORGANIZATION");
    if (rc == 0)
        rc = member_find(c->sql, c->arena, space, c->session->account, &m, &c->error);
    if (rc == RAUM_END)
        rc = answer_error(c, 401, "USER_IS_NOT_A_MEMBER_OF_THE_ORGANIZATION");
    if (rc != 0)
        return answer_done(rc);
    bool may = false;
    static const char *const roles[] = {"owner", "admin", "member"};
    for (int i = 0; i < 3; i++)
        may = may ||
              (role_has(m.role, roles[i]) && is_permissions(asked) && may_all(c, roles[i], asked));
    return call_text(
        c, 200, may ? "{\"error\":null,\"success\":true}" : "{\"error\":null,\"success\":false}");
}
