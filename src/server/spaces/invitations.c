#include "server/auth/auth.h"
#include "server/notice.h"
#include "server/spaces/check.h"
#include "server/spaces/invite_mail.h"
#include "server/spaces/organization.h"
#include "server/spaces/role.h"

#include "base/plant.h"

#include <string.h>

#define DAY_MS ((int64_t)24 * 3600 * 1000)
#define RESEND_MS 60000     /* a resent invitation is not mailed more often */
#define INVITED_DAY_MAX 200 /* invitations of one account in a day */
#define KEPT_MAX 1000       /* rows of a space, whatever their status */

/* ---- inviting ---- */

struct inviting {
    const char *space, *email, *roles;
    bool resend;
    struct invitation row;
    char secret[SPACE_ID];
    bool mail; /* after the commit */
    struct space into;
};

static int unknown_roles(struct call *c, const char *roles)
{
    char list[1200];
    if (role_unknown(roles, list, sizeof list) == 0)
        return 0;
    int rc = call_failf(c, 400, NULL, "ROLE_NOT_FOUND: %s", list);
    return rc < 0 ? rc : ANSWERED;
}

static int may_invite(struct call *c, const struct inviting *in, const struct member *me)
{
    struct member there;
    if (!role_may(me->role, "invitation", "create"))
        return answer_error(c, 403, "YOU_ARE_NOT_ALLOWED_TO_INVITE_USERS_TO_THIS_ORGANIZATION");
    if (!in->roles[0])
        return answer_error(c, 400, "ROLE_NOT_FOUND");
    int rc = unknown_roles(c, in->roles);
    if (rc == 0 && role_has(in->roles, ROLE_OWNER) && !role_has(me->role, ROLE_OWNER))
        rc = answer_error(c, 403, "YOU_ARE_NOT_ALLOWED_TO_INVITE_USER_WITH_THIS_ROLE");
    if (rc == 0 && strcmp(in->into.type, "personal") == 0)
        rc = answer_fail(c, 403, "NOT_ALLOWED", "The personal space has one member for ever");
    if (rc != 0)
        return rc;
    rc = member_find_email(c->sql, c->arena, in->space, in->email, &there, &c->error);
    if (rc == 0)
        return answer_error(c, 400, "USER_IS_ALREADY_A_MEMBER_OF_THIS_ORGANIZATION");
    return rc == RAUM_END ? 0 : rc;
}

/* The pending invitation of the address, if there is one: row.id NULL otherwise. */
static int find_pending(struct call *c, struct inviting *in)
{
    struct sql_rows *rows;
    const char *id = NULL;
    int rc = sql_one(c->sql, &rows, &c->error,
                     "SELECT id FROM invitations WHERE space = ?1 AND email = ?2"
                     " AND status = 'pending' AND expires > ?3 ORDER BY created, id LIMIT 1",
                     "ssi", in->space, in->email, call_now(c));
    if (rc == 0 && !(id = sql_copy(rows, "id", c->arena)))
        rc = err_set(&c->error, RAUM_ENOMEM, NULL);
    sql_rows_free(rows);
    in->row.id = NULL;
    if (rc == 0)
        rc = invitation_find(c->sql, c->arena, id, &in->row, &c->error);
    return rc == RAUM_END ? 0 : rc;
}

static void hash_secret(const struct call *c, const char *secret, unsigned char out[32])
{
    const struct raum_env *env = c->server->env;
    env->hash(env->ctx, out, 32, secret, strlen(secret), NULL);
}

static int resend(struct call *c, struct inviting *in, const struct member *me)
{
    unsigned char hash[32];
    int64_t now = call_now(c), sent = in->row.expires - SPACE_INVITATION_MS;
    if (role_has(in->row.role, ROLE_OWNER) && !role_has(me->role, ROLE_OWNER))
        return answer_error(c, 403, "YOU_ARE_NOT_ALLOWED_TO_INVITE_USER_WITH_THIS_ROLE");
    in->row.expires = now + SPACE_INVITATION_MS;
    in->mail = now - sent >= RESEND_MS;
    if (!in->mail)
        return sql_run(c->sql, &c->error, "UPDATE invitations SET expires = ?2 WHERE id = ?1", "si",
                       in->row.id, in->row.expires);
    space_new_id(c->server->env, in->secret);
    hash_secret(c, in->secret, hash);
    return sql_run(c->sql, &c->error,
                   "UPDATE invitations SET expires = ?2, secret = ?3 WHERE id = ?1", "sib",
                   in->row.id, in->row.expires, hash, sizeof hash);
}

static int count_of(struct call *c, struct sql_rows *rows, int rc, int64_t *out)
{
    (void)c;
    *out = rc == 0 ? sql_int(rows, "n") : 0;
    sql_rows_free(rows);
    return rc;
}

/* At most a hundred pending a space; and nobody makes a mail cannon of us. */
static int room_to_invite(struct call *c, const struct inviting *in)
{
    struct sql_rows *rows;
    int64_t pending, today, kept, now = call_now(c);
    int rc = sql_one(c->sql, &rows, &c->error,
                     "SELECT COUNT(*) AS n FROM invitations WHERE space = ?1"
                     " AND status = 'pending' AND expires > ?2",
                     "si", in->space, now);
    rc = count_of(c, rows, rc, &pending);
    if (rc < 0)
        return rc;
    rc = sql_one(c->sql, &rows, &c->error,
                 "SELECT COUNT(*) AS n FROM invitations WHERE inviter = ?1 AND created > ?2", "si",
                 c->session->account, now - DAY_MS);
    rc = count_of(c, rows, rc, &today);
    if (rc < 0)
        return rc;
    rc = sql_one(c->sql, &rows, &c->error, "SELECT COUNT(*) AS n FROM invitations WHERE space = ?1",
                 "s", in->space);
    rc = count_of(c, rows, rc, &kept);
    if (rc < 0)
        return rc;
    if (pending >= SPACE_PENDING_MAX || today >= INVITED_DAY_MAX || kept >= KEPT_MAX)
        return answer_error(c, 403, "INVITATION_LIMIT_REACHED");
    return 0;
}

static int insert(struct call *c, struct inviting *in)
{
    unsigned char hash[32];
    char id[SPACE_ID];
    int64_t now = call_now(c);
    int rc = room_to_invite(c, in);
    if (rc != 0)
        return rc;
    space_new_id(c->server->env, id);
    space_new_id(c->server->env, in->secret);
    hash_secret(c, in->secret, hash);
    in->mail = true;
    in->row = (struct invitation){.id = arena_str(c->arena, id),
                                  .space = in->space,
                                  .email = in->email,
                                  .role = in->roles,
                                  .status = "pending",
                                  .inviter = c->session->account,
                                  .created = now,
                                  .expires = now + SPACE_INVITATION_MS};
    if (!in->row.id)
        return err_set(&c->error, RAUM_ENOMEM, NULL);
    return sql_run(c->sql, &c->error,
                   "INSERT INTO invitations"
                   " (id, space, email, role, status, secret, inviter, created, expires)"
                   " VALUES (?1, ?2, ?3, ?4, 'pending', ?5, ?6, ?7, ?8)",
                   "ssssbsii", in->row.id, in->space, in->email, in->roles, hash, sizeof hash,
                   in->row.inviter, in->row.created, in->row.expires);
}

static int send_row(struct call *c, const struct invitation *row)
{
    struct answer a;
    answer_begin(&a);
    json_open_object(&a.w);
    invitation_put(&a.w, row);
    json_close_object(&a.w);
    return answer_send(c, &a);
}

static int invite_locked(struct call *c, void *arg)
{
    struct inviting *in = arg;
    struct member me;
    int rc = space_mine(c, in->space, &in->into, &me);
    if (rc == RAUM_END)
        return answer_error(c, 400, "MEMBER_NOT_FOUND");
    if (rc == 0)
        rc = may_invite(c, in, &me);
    if (rc == 0)
        rc = find_pending(c, in);
    if (rc == 0 && in->row.id && !in->resend)
        return answer_error(c, 400, "USER_IS_ALREADY_INVITED_TO_THIS_ORGANIZATION");
    if (rc == 0)
        rc = in->row.id ? resend(c, in, &me) : insert(c, in);
    return rc == 0 ? send_row(c, &in->row) : rc;
}

/* A team of a client that has them: teams are off, the value counts for nothing, its kind is
 * checked. */
static void check_team(struct checks *k)
{
    struct json_value v = json_get(k->c->body, "teamId");
    bool fits = !v.doc || json_is(v, JSON_STRING) || json_is(v, JSON_ARRAY);
    struct json_value one = json_is(v, JSON_ARRAY) ? json_first(v) : (struct json_value){0};
    for (; fits && one.doc; one = json_next(v, one))
        fits = json_is(one, JSON_STRING);
    if (!fits)
        check_issue(k, "body", "teamId", "Invalid input");
}

int invitations_invite(struct call *c)
{
    struct checks k;
    struct inviting in = {0};
    check_begin(&k, c);
    const char *email = check_text(&k, c->body, "body", "email", CHECK_REQUIRED);
    in.roles = check_roles(&k, c->body, "role");
    in.space = check_text(&k, c->body, "body", "organizationId", 0);
    in.resend = check_bool(&k, c->body, "body", "resend", false);
    check_team(&k);
    int rc = check_end(&k);
    if (rc == 0)
        rc = answer_session(c);
    if (rc == 0 && !(in.space = answer_space(c, in.space)))
        rc = answer_error(c, 400, "ORGANIZATION_NOT_FOUND");
    if (rc == 0 && !(in.email = auth_email(c, email)))
        rc = answer_error(c, 400, "INVALID_EMAIL");
    if (rc == 0)
        rc = answer_locked(c, "space", in.space, invite_locked, &in);
    if (rc == 0 && in.mail)
        invite_mail(c, &in.row, &in.into, in.secret);
    return answer_done(rc);
}

/* ---- answering ---- */

struct reply {
    const char *id, *secret;
    struct invitation row;
};

/* Pending, not expired, for the caller: 0 or ANSWERED. */
static int mine(struct call *c, struct reply *r, const char *missing, bool expires)
{
    int rc = invitation_find(c->sql, c->arena, r->id, &r->row, &c->error);
    if (rc == RAUM_END || (rc == 0 && (strcmp(r->row.status, "pending") != 0 ||
                                       (expires && r->row.expires <= call_now(c)))))
        return answer_fail(c, 400, "INVITATION_NOT_FOUND", missing);
    if (rc == 0 && strcmp(r->row.email, c->session->email) != 0)
        return answer_error(c, 403, "YOU_ARE_NOT_THE_RECIPIENT_OF_THE_INVITATION");
    return rc;
}

/* Whoever signs up with another's address must not get into his spaces: the address is verified, or
 * the link of the mail to it was followed. */
static bool proven(struct call *c, const struct reply *r)
{
    unsigned char hash[32];
    if (c->session->email_verified)
        return true;
    if (!r->secret || !r->row.secret || r->row.secret_len != sizeof hash)
        return false;
    hash_secret(c, r->secret, hash);
    unsigned char differs = 0; /* in constant time */
    for (size_t i = 0; i < sizeof hash; i++)
        differs |= (unsigned char)(hash[i] ^ r->row.secret[i]);
    return differs == 0;
}

static int set_status(struct call *c, struct invitation *row, const char *status)
{
    row->status = status;
    return sql_run(c->sql, &c->error,
                   "UPDATE invitations SET status = ?2, secret = NULL WHERE id = ?1", "ss", row->id,
                   status);
}

/* Makes the caller a member, unless he is one: accepting twice gives one membership. */
static int join(struct call *c, const struct invitation *row, struct member *m)
{
    struct sql_rows *rows;
    char id[SPACE_ID];
    int64_t count;
    int rc = member_find(c->sql, c->arena, row->space, c->session->account, m, &c->error);
    if (rc != RAUM_END)
        return rc;
    rc = sql_one(c->sql, &rows, &c->error, "SELECT COUNT(*) AS n FROM members WHERE space = ?1",
                 "s", row->space);
    rc = count_of(c, rows, rc, &count);
    if (rc == 0 && count >= SPACE_MEMBERS_MAX && !PLANT(FULL_SPACE))
        return answer_error(c, 403, "ORGANIZATION_MEMBERSHIP_LIMIT_REACHED");
    if (rc == 0)
        rc = space_room_for(c);
    if (rc != 0)
        return rc;
    space_new_id(c->server->env, id);
    *m = (struct member){.id = arena_str(c->arena, id),
                         .space = row->space,
                         .account = c->session->account,
                         .role = row->role,
                         .created = call_now(c)};
    if (!m->id)
        return err_set(&c->error, RAUM_ENOMEM, NULL);
    rc = sql_run(c->sql, &c->error,
                 "INSERT INTO members (id, space, account, role, created)"
                 " VALUES (?1, ?2, ?3, ?4, ?5)",
                 "ssssi", m->id, m->space, m->account, m->role, m->created);
    return rc ? rc : notice_members(c->sql, m->account, &c->error);
}

static int accept_locked(struct call *c, void *arg)
{
    struct reply *r = arg;
    struct member m;
    struct answer a;
    int rc = mine(c, r, "Invitation not found", true); /* again, now that nobody else is at it */
    if (rc == 0 && !proven(c, r))
        return answer_error(c, 403,
                            "EMAIL_VERIFICATION_REQUIRED_BEFORE_ACCEPTING_OR_REJECTING_INVITATION");
    if (rc == 0)
        rc = join(c, &r->row, &m);
    if (rc == 0)
        rc = set_status(c, &r->row, "accepted");
    if (rc == 0)
        rc = auth_set_active(c, r->row.space);
    if (rc != 0)
        return rc;
    answer_begin(&a);
    json_open_object(&a.w);
    json_put_key(&a.w, "invitation");
    json_open_object(&a.w);
    invitation_put(&a.w, &r->row);
    json_close_object(&a.w);
    json_put_key(&a.w, "member");
    json_open_object(&a.w);
    member_put(&a.w, &m);
    json_close_object(&a.w);
    json_close_object(&a.w);
    return answer_send(c, &a);
}

static int reject_locked(struct call *c, void *arg)
{
    struct reply *r = arg;
    struct answer a;
    int rc = mine(c, r, "Invitation not found!", false);
    if (rc == 0)
        rc = set_status(c, &r->row, "rejected");
    if (rc != 0)
        return rc;
    answer_begin(&a);
    json_open_object(&a.w);
    json_put_key(&a.w, "invitation");
    json_open_object(&a.w);
    invitation_put(&a.w, &r->row);
    json_close_object(&a.w);
    json_put_key(&a.w, "member");
    json_put_null(&a.w);
    json_close_object(&a.w);
    return answer_send(c, &a);
}

/* First the account's lock, so that it does not go meanwhile, then the space's. */
static int accept_account_locked(struct call *c, void *arg)
{
    struct reply *r = arg;
    return answer_locked(c, "space", r->row.space, accept_locked, r);
}

static int reject_account_locked(struct call *c, void *arg)
{
    struct reply *r = arg;
    return answer_locked(c, "space", r->row.space, reject_locked, r);
}

/* Accepting and rejecting: the body, the session, then the work under the locks. */
static int reply(struct call *c, const char *missing, bool expires, answer_work *work)
{
    struct checks k;
    struct reply r = {0};
    check_begin(&k, c);
    r.id = check_text(&k, c->body, "body", "invitationId", CHECK_REQUIRED);
    r.secret = call_str(c, "secret");
    int rc = check_end(&k);
    if (!r.secret)
        r.secret = http_param(c->http, "secret");
    if (rc == 0)
        rc = answer_session(c);
    if (rc == 0)
        rc = mine(c, &r, missing, expires);
    if (rc == 0)
        rc = answer_locked(c, "account", c->session->account, work, &r);
    return answer_done(rc);
}

int invitations_accept(struct call *c)
{
    return reply(c, "Invitation not found", true, accept_account_locked);
}

int invitations_reject(struct call *c)
{
    return reply(c, "Invitation not found!", false, reject_account_locked);
}

static int cancel_locked(struct call *c, void *arg)
{
    struct reply *r = arg;
    struct member me;
    int rc = invitation_find(c->sql, c->arena, r->id, &r->row, &c->error);
    if (rc == RAUM_END)
        return answer_error(c, 400, "INVITATION_NOT_FOUND");
    if (rc == 0)
        rc = member_find(c->sql, c->arena, r->row.space, c->session->account, &me, &c->error);
    if (rc == RAUM_END)
        return answer_error(c, 400, "MEMBER_NOT_FOUND");
    if (rc == 0 && !role_may(me.role, "invitation", "cancel"))
        return answer_error(c, 403, "YOU_ARE_NOT_ALLOWED_TO_CANCEL_THIS_INVITATION");
    if (rc == 0)
        rc = set_status(c, &r->row, "canceled");
    return rc == 0 ? send_row(c, &r->row) : rc;
}

int invitations_cancel(struct call *c)
{
    struct checks k;
    struct reply r = {0};
    check_begin(&k, c);
    r.id = check_text(&k, c->body, "body", "invitationId", CHECK_REQUIRED);
    int rc = check_end(&k);
    if (rc == 0)
        rc = answer_session(c);
    if (rc == 0) {
        rc = invitation_find(c->sql, c->arena, r.id, &r.row, &c->error);
        if (rc == RAUM_END)
            rc = answer_error(c, 400, "INVITATION_NOT_FOUND");
    }
    if (rc == 0)
        rc = answer_locked(c, "space", r.row.space, cancel_locked, &r);
    return answer_done(rc);
}
