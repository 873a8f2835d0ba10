#define _GNU_SOURCE 1 /* strcasestr */
#include "server/auth/auth.h"
#include "server/notice.h"
#include "server/spaces/check.h"
#include "server/spaces/organization.h"
#include "server/spaces/role.h"

#include "base/plant.h"

#include <stdlib.h>
#include <string.h>

/* ---- listing ---- */

enum field { FIELD_ID, FIELD_SPACE, FIELD_ACCOUNT, FIELD_ROLE, FIELD_CREATED, FIELDS };
static const char *const field_names[] = {"id",   "organizationId", "userId",
                                          "role", "createdAt",      NULL};
enum compare {
    OP_EQ,
    OP_NE,
    OP_LT,
    OP_LTE,
    OP_GT,
    OP_GTE,
    OP_IN,
    OP_NOT_IN,
    OP_CONTAINS,
    OP_STARTS,
    OP_ENDS,
};
static const char *const operator_names[] = {"eq",       "ne",          "lt",        "lte",
                                             "gt",       "gte",         "in",        "not_in",
                                             "contains", "starts_with", "ends_with", NULL};
#define VALUES_MAX 100

struct listing {
    const char *space, *slug;
    int64_t limit, offset;
    int sort, filter; /* enum field, -1: none */
    int op;
    bool descending;
    const char *values[VALUES_MAX];
    int value_count;
};

static int index_of(const char *const *names, const char *name)
{
    for (int i = 0; name && names[i]; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

/* Times compare as the texts that are sent, which sort like the times. */
static const char *field_of(struct call *c, const struct member *m, int field)
{
    switch ((enum field)field) {
    case FIELD_ID:
        return m->id;
    case FIELD_SPACE:
        return m->space;
    case FIELD_ACCOUNT:
        return m->account;
    case FIELD_ROLE:
        return m->role;
    case FIELD_CREATED: {
        struct buf out;
        struct json_writer w;
        buf_init(&out, 64);
        json_begin(&w, &out);
        call_put_time(&w, m->created);
        char *text = out.len > 2 ? arena_copy(c->arena, out.data + 1, out.len - 2) : NULL;
        buf_release(&out);
        return text ? text : "";
    }
    case FIELDS:
        break;
    }
    return "";
}

static bool matches(struct call *c, const struct listing *l, const struct member *m)
{
    if (l->filter < 0)
        return true;
    const char *have = field_of(c, m, l->filter);
    const char *want = l->value_count ? l->values[0] : NULL;
    bool among = false;
    for (int i = 0; i < l->value_count; i++)
        among = among || strcmp(have, l->values[i]) == 0;
    if (!want)
        return false;
    int order = strcmp(have, want);
    size_t have_len = strlen(have), want_len = strlen(want);
    switch ((enum compare)l->op) {
    case OP_EQ:
        return order == 0;
    case OP_NE:
        return order != 0;
    case OP_LT:
        return order < 0;
    case OP_LTE:
        return order <= 0;
    case OP_GT:
        return order > 0;
    case OP_GTE:
        return order >= 0;
    case OP_IN:
        return among;
    case OP_NOT_IN:
        return !among;
    case OP_CONTAINS:
        return strcasestr(have, want) != NULL;
    case OP_STARTS:
        return strncasecmp(have, want, want_len) == 0;
    case OP_ENDS:
        return want_len <= have_len && strcasecmp(have + have_len - want_len, want) == 0;
    }
    return false;
}

/* Stable; a space has a hundred members at most, an imported one may have more. */
static int sort_members(struct call *c, const struct listing *l, struct member *list, int count)
{
    struct key {
        const char *text;
        struct member m;
    } *keys, *spare;
    keys = arena_alloc(c->arena, (size_t)(count + 1) * sizeof *keys);
    spare = arena_alloc(c->arena, (size_t)(count + 1) * sizeof *spare);
    if (!keys || !spare)
        return err_set(&c->error, RAUM_ENOMEM, NULL);
    for (int i = 0; i < count; i++)
        keys[i] = (struct key){field_of(c, &list[i], l->sort), list[i]};
    for (int width = 1; width < count; width *= 2) {
        for (int from = 0; from < count; from += 2 * width) {
            int mid = from + width < count ? from + width : count;
            int to = from + 2 * width < count ? from + 2 * width : count;
            for (int i = from, j = mid, k = from; k < to; k++) {
                int order = i < mid && j < to ? strcmp(keys[i].text, keys[j].text) : 0;
                bool left = j >= to || (i < mid && (l->descending ? order >= 0 : order <= 0));
                spare[k] = left ? keys[i++] : keys[j++];
            }
        }
        struct key *swap = keys;
        keys = spare, spare = swap;
    }
    for (int i = 0; i < count; i++)
        list[i] = keys[i].m;
    return 0;
}

static int read_listing(struct call *c, struct listing *l)
{
    static const char *const directions[] = {"asc", "desc", NULL};
    struct checks k;
    check_begin(&k, c);
    l->limit = check_number(&k, "limit");
    l->offset = check_number(&k, "offset");
    const char *sort = check_param(&k, "sortBy", 0);
    const char *direction = check_choice(&k, "sortDirection", directions);
    const char *filter = check_param(&k, "filterField", 0);
    const char *op = check_choice(&k, "filterOperator", operator_names);
    l->space = check_param(&k, "organizationId", 0);
    l->slug = check_param(&k, "organizationSlug", 0);
    l->value_count = check_params(c, "filterValue", l->values, VALUES_MAX);
    l->descending = direction && strcmp(direction, "desc") == 0;
    l->op = op ? index_of(operator_names, op) : OP_EQ;
    l->sort = index_of(field_names, sort && sort[0] ? sort : NULL);
    l->filter = index_of(field_names, filter && filter[0] ? filter : NULL);
    if (sort && sort[0] && l->sort < 0)
        check_issue(&k, "query", "sortBy", "Invalid option");
    if (filter && filter[0] && l->filter < 0)
        check_issue(&k, "query", "filterField", "Invalid option");
    return check_end(&k);
}

/* The space that the caller asks about, of which he must be a member. */
static int listing_space(struct call *c, struct listing *l)
{
    struct space s = {0};
    struct member m = {0};
    int rc = answer_session(c);
    if (rc == 0 && l->slug && l->slug[0]) {
        rc = space_find(c->sql, c->arena, SPACE_BY_SLUG, l->slug, &s, &c->error);
        if (rc == RAUM_END)
            return answer_error(c, 400, "ORGANIZATION_NOT_FOUND");
        l->space = s.id;
    } else if (rc == 0) {
        l->space = answer_space(c, l->space);
    }
    if (rc == 0 && !l->space)
        rc = answer_error(c, 400, "NO_ACTIVE_ORGANIZATION");
    if (rc == 0)
        rc = member_find(c->sql, c->arena, l->space, c->session->account, &m, &c->error);
    return rc == RAUM_END ? answer_error(c, 403, "YOU_ARE_NOT_A_MEMBER_OF_THIS_ORGANIZATION") : rc;
}

int members_list(struct call *c)
{
    struct listing l = {0};
    struct member *list;
    struct answer a;
    int count, total = 0;
    int rc = read_listing(c, &l);
    if (rc == 0)
        rc = listing_space(c, &l);
    if (rc == 0)
        rc = member_list(c->sql, c->arena, l.space, &list, &count, &c->error);
    if (rc == 0 && l.sort >= 0)
        rc = sort_members(c, &l, list, count);
    if (rc != 0)
        return answer_done(rc);
    int64_t limit = l.limit > 0 ? l.limit : l.limit < 0 ? INT64_MAX : SPACE_MEMBERS_MAX;
    int64_t offset = l.offset > 0 ? l.offset : 0, sent = 0;
    answer_begin(&a);
    json_open_object(&a.w);
    json_put_key(&a.w, "members");
    json_open_array(&a.w);
    for (int i = 0; i < count; i++) {
        if (!matches(c, &l, &list[i]) || total++ < offset || sent >= limit)
            continue;
        sent++;
        json_open_object(&a.w);
        member_put_user(&a.w, &list[i]);
        json_close_object(&a.w);
    }
    json_close_array(&a.w);
    json_put_key(&a.w, "total");
    json_put_int(&a.w, total);
    json_close_object(&a.w);
    return answer_send(c, &a);
}

/* ---- changing ---- */

struct request {
    const char *space, *who, *role;
};

/* Nobody but its owner is ever in a personal space, and he stays. */
static int refuse_personal(struct call *c, const struct space *s)
{
    return strcmp(s->type, "personal") != 0
               ? 0
               : answer_fail(c, 403, "NOT_ALLOWED", "The personal space has one member for ever");
}

/* In the same transaction as the change, under the space's lock: two owners who go at once cannot
 * both find the other one. */
static int last_owner(struct call *c, const char *space, const struct member *m, bool *last)
{
    int owners = 0, rc = 0;
    *last = false;
    if (role_has(m->role, ROLE_OWNER) && !PLANT(LAST_OWNER))
        rc = space_owners(c->sql, space, &owners, &c->error);
    if (rc == 0 && role_has(m->role, ROLE_OWNER) && !PLANT(LAST_OWNER))
        *last = owners <= 1;
    return rc;
}

static int unknown_role(struct call *c, const char *roles)
{
    char list[1200];
    struct answer a;
    if (role_unknown(roles, list, sizeof list) == 0)
        return 0;
    const char *message = arena_printf(c->arena, "ROLE_NOT_FOUND: %s", list);
    answer_begin(&a);
    json_open_object(&a.w); /* here alone the code comes first */
    json_put_key(&a.w, "code");
    json_put_str(&a.w, "ROLE_NOT_FOUND");
    json_put_key(&a.w, "message");
    json_put_str(&a.w, message);
    json_close_object(&a.w);
    int rc = call_json(c, 400, &a.buf);
    buf_release(&a.buf);
    return rc < 0 ? rc : ANSWERED;
}

static int may_update(struct call *c, const struct member *me, const struct member *who,
                      const char *role)
{
    bool owner = role_has(me->role, ROLE_OWNER), last = false;
    int rc = 0;
    if (strcmp(who->space, me->space) != 0 ||
        (!owner && (role_has(who->role, ROLE_OWNER) || role_has(role, ROLE_OWNER))))
        return answer_error(c, 403, "YOU_ARE_NOT_ALLOWED_TO_UPDATE_THIS_MEMBER");
    if (!role_has(role, ROLE_OWNER))
        rc = last_owner(c, me->space, who, &last);
    if (rc == 0 && last)
        return answer_error(c, 400, "YOU_CANNOT_LEAVE_THE_ORGANIZATION_WITHOUT_AN_OWNER");
    if (rc == 0 && !role_may(me->role, "member", "update"))
        return answer_error(c, 403, "YOU_ARE_NOT_ALLOWED_TO_UPDATE_THIS_MEMBER");
    return rc == 0 ? unknown_role(c, role) : rc;
}

static int update_locked(struct call *c, void *arg)
{
    struct request *q = arg;
    struct space s = {0};
    struct member me = {0}, who = {0};
    struct answer a;
    int rc = space_mine(c, q->space, &s, &me);
    if (rc == 0)
        rc = member_find_id(c->sql, c->arena, q->who, &who, &c->error);
    if (rc == RAUM_END)
        return answer_error(c, 400, "MEMBER_NOT_FOUND");
    if (rc == 0)
        rc = refuse_personal(c, &s);
    if (rc == 0)
        rc = may_update(c, &me, &who, q->role);
    if (rc == 0)
        rc = sql_run(c->sql, &c->error, "UPDATE members SET role = ?2 WHERE id = ?1", "ss", who.id,
                     q->role);
    if (rc != 0)
        return rc;
    who.role = q->role;
    answer_begin(&a);
    json_open_object(&a.w);
    member_put(&a.w, &who);
    json_close_object(&a.w);
    return answer_send(c, &a);
}

int members_update_role(struct call *c)
{
    struct checks k;
    struct request q;
    check_begin(&k, c);
    q.role = check_roles(&k, c->body, "role");
    q.who = check_text(&k, c->body, "body", "memberId", CHECK_REQUIRED);
    q.space = check_text(&k, c->body, "body", "organizationId", 0);
    int rc = check_end(&k);
    if (rc == 0)
        rc = answer_session(c);
    if (rc == 0 && json_equals(json_get(c->body, "role"), ""))
        rc = answer_bare(c, 400);
    if (rc == 0 && !(q.space = answer_space(c, q.space)))
        rc = answer_error(c, 400, "NO_ACTIVE_ORGANIZATION");
    if (rc == 0 && !q.role[0])
        rc = answer_bare(c, 400);
    if (rc == 0)
        rc = answer_locked(c, "space", q.space, update_locked, &q);
    return answer_done(rc);
}

/* Takes a member out of the space; if it is the caller, it is no longer his active one. */
static int take_out(struct call *c, const struct member *m)
{
    int rc = sql_run(c->sql, &c->error, "DELETE FROM members WHERE id = ?1", "s", m->id);
    if (rc == 0 && m->account)
        rc = notice_members(c->sql, m->account, &c->error);
    if (rc == 0 && m->account && strcmp(m->account, c->session->account) == 0 &&
        c->session->active_space && strcmp(c->session->active_space, m->space) == 0)
        rc = auth_set_active(c, NULL);
    return rc;
}

static int find_removed(struct call *c, const struct request *q, struct member *who)
{
    if (!strchr(q->who, '@'))
        return member_find_id(c->sql, c->arena, q->who, who, &c->error);
    char *email = arena_str(c->arena, q->who);
    if (!email)
        return err_set(&c->error, RAUM_ENOMEM, NULL);
    for (char *s = email; *s; s++)
        *s = *s >= 'A' && *s <= 'Z' ? (char)(*s + 32) : *s;
    return member_find_email(c->sql, c->arena, q->space, email, who, &c->error);
}

static int may_remove(struct call *c, const struct request *q, const struct member *me,
                      const struct member *who)
{
    bool last = false;
    int rc = last_owner(c, q->space, who, &last);
    if (rc == 0 && (last || (role_has(who->role, ROLE_OWNER) && !role_has(me->role, ROLE_OWNER))))
        return answer_error(c, 400, "YOU_CANNOT_LEAVE_THE_ORGANIZATION_AS_THE_ONLY_OWNER");
    if (rc == 0 && !role_may(me->role, "member", "delete"))
        return answer_error(c, 401, "YOU_ARE_NOT_ALLOWED_TO_DELETE_THIS_MEMBER");
    if (rc == 0 && (!who->space || strcmp(who->space, q->space) != 0))
        return answer_error(c, 400, "MEMBER_NOT_FOUND");
    return rc;
}

static int remove_locked(struct call *c, void *arg)
{
    struct request *q = arg;
    struct space s = {0};
    struct member me = {0}, who = {0};
    struct answer a;
    int rc = space_mine(c, q->space, &s, &me);
    if (rc == 0)
        rc = find_removed(c, q, &who);
    if (rc == RAUM_END)
        return answer_error(c, 400, "MEMBER_NOT_FOUND");
    if (rc == 0)
        rc = refuse_personal(c, &s);
    if (rc == 0)
        rc = may_remove(c, q, &me, &who);
    if (rc == 0)
        rc = take_out(c, &who);
    if (rc != 0)
        return rc;
    answer_begin(&a);
    json_open_object(&a.w);
    json_put_key(&a.w, "member");
    json_open_object(&a.w);
    if (strchr(q->who, '@'))
        member_put_user(&a.w, &who);
    else
        member_put(&a.w, &who);
    json_close_object(&a.w);
    json_close_object(&a.w);
    return answer_send(c, &a);
}

int members_remove(struct call *c)
{
    struct checks k;
    struct request q = {0};
    check_begin(&k, c);
    q.who = check_text(&k, c->body, "body", "memberIdOrEmail", CHECK_REQUIRED);
    q.space = check_text(&k, c->body, "body", "organizationId", 0);
    int rc = check_end(&k);
    if (rc == 0)
        rc = answer_session(c);
    if (rc == 0 && !(q.space = answer_space(c, q.space)))
        rc = answer_error(c, 400, "NO_ACTIVE_ORGANIZATION");
    if (rc == 0)
        rc = answer_locked(c, "space", q.space, remove_locked, &q);
    return answer_done(rc);
}

static int leave_locked(struct call *c, void *arg)
{
    struct space s = {0};
    struct member me = {0};
    struct answer a;
    bool last = false;
    int rc = space_mine(c, arg, &s, &me);
    if (rc == RAUM_END)
        return answer_error(c, 400, "MEMBER_NOT_FOUND");
    if (rc == 0)
        rc = refuse_personal(c, &s);
    if (rc == 0)
        rc = last_owner(c, me.space, &me, &last);
    if (rc == 0 && last)
        return answer_error(c, 400, "YOU_CANNOT_LEAVE_THE_ORGANIZATION_AS_THE_ONLY_OWNER");
    if (rc == 0)
        rc = take_out(c, &me);
    if (rc != 0)
        return rc;
    answer_begin(&a);
    json_open_object(&a.w);
    member_put_user(&a.w, &me);
    json_close_object(&a.w);
    return answer_send(c, &a);
}

int members_leave(struct call *c)
{
    struct checks k;
    check_begin(&k, c);
    const char *space = check_text(&k, c->body, "body", "organizationId", CHECK_REQUIRED);
    int rc = check_end(&k);
    if (rc == 0)
        rc = answer_session(c);
    if (rc == 0)
        rc = answer_locked(c, "space", space, leave_locked, (void *)(uintptr_t)space);
    return answer_done(rc);
}
