#include "server/auth/auth.h"
#include "server/spaces/check.h"
#include "server/spaces/organization.h"
#include "server/spaces/role.h"

#include <string.h>

/* The latest 200, in the order they were made; pending ones are never left out. */
#define SHOWN "200"

static void put_row(struct json_writer *w, struct sql_rows *rows, const char *space_name)
{
    struct invitation i = {
        .id = sql_text(rows, "id"),
        .space = sql_text(rows, "space"),
        .email = sql_text(rows, "email"),
        .role = sql_text(rows, "role"),
        .status = sql_text(rows, "status"),
        .inviter = sql_text(rows, "inviter"),
        .created = sql_int(rows, "created"),
        .expires = sql_int(rows, "expires"),
    };
    json_open_object(w);
    invitation_put(w, &i);
    if (space_name) {
        json_put_key(w, "organizationName");
        json_put_str(w, space_name);
    }
    json_close_object(w);
}

int invitations_put(struct call *c, struct json_writer *w, const char *space, const char *roles)
{
    struct sql_rows *rows;
    bool owner = role_has(roles, ROLE_OWNER);
    json_open_array(w);
    if (!role_may(roles, "invitation", "create")) { /* their ids open doors */
        json_close_array(w);
        return 0;
    }
    int rc = sql_many(c->sql, &rows, &c->error,
                      "SELECT * FROM (SELECT id, space, email, role, status, inviter, created,"
                      " expires FROM invitations WHERE space = ?1 ORDER BY"
                      " CASE status WHEN 'pending' THEN 0 ELSE 1 END, created DESC, id DESC"
                      " LIMIT " SHOWN ") latest ORDER BY created, id",
                      "s", space);
    while (rc == 0 && (rc = sql_next(rows, &c->error)) == 0)
        if (owner || !role_has(sql_text(rows, "role"), ROLE_OWNER))
            put_row(w, rows, NULL);
    sql_rows_free(rows);
    json_close_array(w);
    return rc == RAUM_END ? 0 : rc;
}

int invitations_list(struct call *c)
{
    struct checks k;
    struct member me = {0};
    struct answer a;
    check_begin(&k, c);
    const char *space = check_param(&k, "organizationId", 0);
    int rc = check_end(&k);
    if (rc == 0)
        rc = answer_session(c);
    if (rc == 0 && !(space = answer_space(c, space)))
        rc = answer_fail(c, 400, NULL, "Organization ID is required");
    if (rc == 0)
        rc = member_find(c->sql, c->arena, space, c->session->account, &me, &c->error);
    if (rc == RAUM_END)
        rc = answer_fail(c, 403, NULL, "You are not a member of this organization");
    if (rc == 0 && !role_may(me.role, "invitation", "create"))
        rc = answer_error(c, 403, "YOU_ARE_NOT_ALLOWED_TO_LIST_INVITATIONS");
    if (rc != 0)
        return answer_done(rc);
    answer_begin(&a);
    rc = invitations_put(c, &a.w, space, me.role);
    if (rc == 0)
        return answer_send(c, &a);
    buf_release(&a.buf);
    return rc;
}

int invitations_list_mine(struct call *c)
{
    struct sql_rows *rows;
    struct answer a;
    int rc = auth_session(c);
    if (rc == 0 && http_param(c->http, "email"))
        rc = answer_fail(c, 400, NULL, "User email cannot be passed for client side API calls.");
    if (rc == 0 && !c->session)
        rc = answer_fail(c, 400, NULL, "Missing session headers, or email query parameter.");
    if (rc == 0 && !c->session->email_verified)
        rc = answer_error(c, 403, "EMAIL_VERIFICATION_REQUIRED_FOR_INVITATION");
    if (rc != 0)
        return answer_done(rc);
    answer_begin(&a);
    json_open_array(&a.w);
    rc = sql_many(c->sql, &rows, &c->error,
                  "SELECT i.id AS id, i.space AS space, i.email AS email, i.role AS role,"
                  " i.status AS status, i.inviter AS inviter, i.created AS created,"
                  " i.expires AS expires, s.name AS space_name FROM invitations i"
                  " JOIN spaces s ON s.id = i.space AND s.deleted IS NULL"
                  " WHERE i.email = ?1 AND i.status = 'pending' AND i.expires > ?2"
                  " ORDER BY i.created, i.id LIMIT " SHOWN,
                  "si", c->session->email, call_now(c));
    while (rc == 0 && (rc = sql_next(rows, &c->error)) == 0)
        put_row(&a.w, rows, sql_text(rows, "space_name"));
    sql_rows_free(rows);
    if (rc < 0) {
        buf_release(&a.buf);
        return rc;
    }
    json_close_array(&a.w);
    return answer_send(c, &a);
}

/* The invitation, if it is for who asks and still stands; else answered. */
static int find_own(struct call *c, const char *id, struct invitation *row, struct member *inviter)
{
    int rc = invitation_find(c->sql, c->arena, id, row, &c->error);
    if (rc < 0)
        return rc;
    if (rc == RAUM_END || strcmp(row->status, "pending") != 0 || row->expires <= call_now(c))
        return answer_error(c, 400, "INVITATION_NOT_FOUND");
    if (strcmp(row->email, c->session->email) != 0)
        return answer_error(c, 403, "YOU_ARE_NOT_THE_RECIPIENT_OF_THE_INVITATION");
    rc = member_find(c->sql, c->arena, row->space, row->inviter, inviter, &c->error);
    if (rc == RAUM_END)
        return answer_error(c, 400, "INVITER_IS_NO_LONGER_A_MEMBER_OF_THE_ORGANIZATION");
    return rc;
}

int invitations_get(struct call *c)
{
    struct checks k;
    struct invitation row = {0};
    struct member inviter = {0};
    struct answer a;
    check_begin(&k, c);
    const char *id = check_param(&k, "id", CHECK_REQUIRED);
    int rc = check_end(&k);
    if (rc == 0)
        rc = auth_session(c);
    if (rc == 0 && !c->session)
        rc = answer_fail(c, 401, NULL, "Not authenticated");
    if (rc == 0)
        rc = find_own(c, id, &row, &inviter);
    if (rc != 0)
        return answer_done(rc);
    answer_begin(&a);
    json_open_object(&a.w);
    invitation_put(&a.w, &row);
    json_put_key(&a.w, "organizationName");
    json_put_str(&a.w, row.space_name);
    json_put_key(&a.w, "organizationSlug");
    json_put_str(&a.w, row.space_slug);
    json_put_key(&a.w, "inviterEmail");
    json_put_str(&a.w, inviter.email);
    json_close_object(&a.w);
    return answer_send(c, &a);
}
