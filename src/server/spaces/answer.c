#include "server/spaces/answer.h"

#include "server/auth/auth.h"

#include <assert.h>
#include <string.h>

#define ANSWER_MAX ((size_t)8 << 20)

static const struct {
    const char *code, *message;
} errors[] = {
    {"EMAIL_VERIFICATION_REQUIRED_BEFORE_ACCEPTING_OR_REJECTING_INVITATION",
     "Email verification required before accepting or rejecting invitation"},
    {"EMAIL_VERIFICATION_REQUIRED_FOR_INVITATION",
     "Email verification required to view or list invitations for the session email"},
    {"IMMUTABLE_FIELD", "The type of a space never changes"},
    {"INVALID_EMAIL", "Invalid email"},
    {"INVITATION_LIMIT_REACHED", "Invitation limit reached"},
    {"INVITATION_NOT_FOUND", "Invitation not found"},
    {"INVITER_IS_NO_LONGER_A_MEMBER_OF_THE_ORGANIZATION",
     "Inviter is no longer a member of the organization"},
    {"MEMBER_NOT_FOUND", "Member not found"},
    {"NO_ACTIVE_ORGANIZATION", "No active organization"},
    {"ORGANIZATION_ALREADY_EXISTS", "Organization already exists"},
    {"ORGANIZATION_MEMBERSHIP_LIMIT_REACHED", "Organization membership limit reached"},
    {"ORGANIZATION_NOT_FOUND", "Organization not found"},
    {"ORGANIZATION_SLUG_ALREADY_TAKEN", "Organization slug already taken"},
    {"ROLE_NOT_FOUND", "Role not found"},
    {"SPACE_METADATA_INVALID", "metadata.type must be one of brand, club, family, team, practice"},
    {"SPACE_PERSONAL_UNDELETABLE", "The personal space cannot be deleted"},
    {"UNAUTHORIZED", "Unauthorized"},
    {"USER_IS_ALREADY_A_MEMBER_OF_THIS_ORGANIZATION",
     "User is already a member of this organization"},
    {"USER_IS_ALREADY_INVITED_TO_THIS_ORGANIZATION",
     "User is already invited to this organization"},
    {"USER_IS_NOT_A_MEMBER_OF_THE_ORGANIZATION", "User is not a member of the organization"},
    {"YOU_ARE_NOT_ALLOWED_TO_CANCEL_THIS_INVITATION",
     "You are not allowed to cancel this invitation"},
    {"YOU_ARE_NOT_ALLOWED_TO_DELETE_THIS_MEMBER", "You are not allowed to delete this member"},
    {"YOU_ARE_NOT_ALLOWED_TO_DELETE_THIS_ORGANIZATION",
     "You are not allowed to delete this organization"},
    {"YOU_ARE_NOT_ALLOWED_TO_INVITE_USERS_TO_THIS_ORGANIZATION",
     "You are not allowed to invite users to this organization"},
    {"YOU_ARE_NOT_ALLOWED_TO_INVITE_USER_WITH_THIS_ROLE",
     "You are not allowed to invite a user with this role"},
    {"YOU_ARE_NOT_ALLOWED_TO_LIST_INVITATIONS",
     "You are not allowed to list invitations for this organization"},
    {"YOU_ARE_NOT_ALLOWED_TO_UPDATE_THIS_MEMBER", "You are not allowed to update this member"},
    {"YOU_ARE_NOT_ALLOWED_TO_UPDATE_THIS_ORGANIZATION",
     "You are not allowed to update this organization"},
    {"YOU_ARE_NOT_A_MEMBER_OF_THIS_ORGANIZATION", "You are not a member of this organization"},
    {"YOU_ARE_NOT_THE_RECIPIENT_OF_THE_INVITATION", "You are not the recipient of the invitation"},
    {"YOU_CANNOT_LEAVE_THE_ORGANIZATION_AS_THE_ONLY_OWNER",
     "You cannot leave the organization as the only owner"},
    {"YOU_CANNOT_LEAVE_THE_ORGANIZATION_WITHOUT_AN_OWNER",
     "You cannot leave the organization without an owner"},
    {"YOU_HAVE_REACHED_THE_MAXIMUM_NUMBER_OF_ORGANIZATIONS",
     "You have reached the maximum number of organizations"},
};

int answer_fail(struct call *c, int status, const char *code, const char *message)
{
    int rc = call_fail(c, status, code, message);
    return rc < 0 ? rc : ANSWERED;
}

int answer_error(struct call *c, int status, const char *code)
{
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
        if (strcmp(errors[i].code, code) == 0)
            return answer_fail(c, status, code, errors[i].message);
    assert(!"a code without a message");
    return answer_fail(c, status, code, code);
}

int answer_bare(struct call *c, int status)
{
    int rc = http_reply(c->http, status, "application/json", "", 0); /* type and all */
    return rc < 0 ? rc : ANSWERED;
}

int answer_done(int rc)
{
    return rc == ANSWERED ? 0 : rc;
}

int answer_session(struct call *c)
{
    int rc = auth_session(c);
    if (rc < 0)
        return rc;
    return c->session ? 0 : answer_error(c, 401, "UNAUTHORIZED");
}

void answer_begin(struct answer *a)
{
    buf_init(&a->buf, ANSWER_MAX);
    json_begin(&a->w, &a->buf);
}

int answer_send(struct call *c, struct answer *a)
{
    int rc = buf_error(&a->buf, &c->error);
    if (rc == 0)
        rc = call_json(c, 200, &a->buf);
    buf_release(&a->buf);
    return rc;
}

int answer_locked(struct call *c, const char *kind, const char *id, answer_work *work, void *arg)
{
    const char *lock = arena_printf(c->arena, "%s:%s", kind, id);
    int rc = lock ? sql_begin(c->sql, &c->error) : err_set(&c->error, RAUM_ENOMEM, NULL);
    if (rc < 0)
        return rc;
    rc = sql_lock(c->sql, lock, &c->error);
    if (rc == 0)
        rc = work(c, arg);
    /* An error that was answered undoes the transaction like any other. */
    int end = sql_end(c->sql, rc == ANSWERED ? RAUM_ENOT_ALLOWED : rc, &c->error);
    return rc == 0 ? end : rc;
}

const char *answer_space(const struct call *c, const char *asked)
{
    return asked && asked[0] ? asked : c->session->active_space;
}
