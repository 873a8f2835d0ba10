/* Invitations: who may, how many, until when, and that a stranger with another's address stays
 * outside. */
#include "server/house.h"

#include "server/spaces/invite_mail.h"
#include "server/spaces/spaces.h"

#include <pthread.h>

static struct house h;
static struct person ann, bob, cat;
static const char *space;

static int open_house(void **state)
{
    (void)state;
    house_open(&h, 11);
    house_mail = (struct house_mail){0};
    house_person(&h, &ann, "ann");
    house_person(&h, &bob, "bob");
    house_person(&h, &cat, "cat");
    space = house_space(&h, &ann, "haus");
    return 0;
}

static int close_house(void **state)
{
    (void)state;
    house_close(&h);
    return 0;
}

#define SAME(got, ...) assert_string_equal(got, house_text(&h, __VA_ARGS__))
#define AT "2026-11-25T04:57:38.073Z"

static const char *invite(const char *email, const char *role)
{
    return house_text(&h, "{\"email\":\"%s\",\"role\":\"%s\",\"organizationId\":\"%s\"}", email,
                      role, space);
}

static const char *invited(const struct person *by, const char *email, const char *role)
{
    return house_at(&h, house_post(&h, by, "invite-member", invite(email, role), 200), "id");
}

static const char *named(const char *id)
{
    return house_text(&h, "{\"invitationId\":\"%s\"}", id);
}

/* Strangers in the space, m0 … , in one transaction. */
static void fill(int count)
{
    KIT_OK(&h.kit, sql_begin(h.kit.sql, &h.kit.error));
    for (int i = 0; i < count; i++) {
        struct person p;
        char member[33];
        house_person(&h, &p, house_text(&h, "p%d", i));
        snprintf(member, sizeof member, "m%d", i);
        KIT_OK(&h.kit, sql_run(h.kit.sql, &h.kit.error,
                               "INSERT INTO members (id, space, account, role, created)"
                               " VALUES (?1, ?2, ?3, 'member', 1)",
                               "sss", member, space, p.id));
    }
    KIT_OK(&h.kit, sql_end(h.kit.sql, 0, &h.kit.error));
}

/* The secret of the last mail's link. */
static const char *mailed_secret(void)
{
    const char *at = strstr(house_mail.text, "&secret=");
    assert_non_null(at);
    at += strlen("&secret=");
    return arena_copy(&h.arena, at, strcspn(at, "\n"));
}

static void shapes(void **state)
{
    (void)state;
    const char *made =
        house_post(&h, &ann, "invite-member", invite("BOB@example.com", "member"), 200);
    const char *id = house_at(&h, made, "id");
    const char *row = house_text(&h,
                                 "\"organizationId\":\"%s\",\"email\":\"bob@example.com\","
                                 "\"role\":\"member\",\"status\":\"%%s\",\"expiresAt\":"
                                 "\"2026-11-27T04:57:38.073Z\",\"createdAt\":\"" AT "\","
                                 "\"inviterId\":\"%s\",\"id\":\"%s\"",
                                 space, ann.id, id);
    char pending[1024], accepted[1024];
    const char *mark = strstr(row, "%s");
    snprintf(pending, sizeof pending, "%.*spending%s", (int)(mark - row), row, mark + 2);
    snprintf(accepted, sizeof accepted, "%.*saccepted%s", (int)(mark - row), row, mark + 2);
    SAME(made, "{%s}", pending);
    SAME(house_get(&h, &bob, house_text(&h, "get-invitation?id=%s", id), 200),
         "{%s,\"organizationName\":\"The haus\",\"organizationSlug\":\"haus\",\"inviterEmail\":"
         "\"ann@example.com\"}",
         pending);
    SAME(house_get(&h, &ann, "list-invitations", 200), "[{%s}]", pending);
    SAME(house_get(&h, &bob, "list-user-invitations", 200),
         "[{%s,\"organizationName\":\"The haus\"}]", pending);
    const char *done = house_post(&h, &bob, "accept-invitation", named(id), 200);
    SAME(done,
         "{\"invitation\":{%s},\"member\":{\"organizationId\":\"%s\",\"userId\":\"%s\",\"role\":"
         "\"member\",\"createdAt\":\"" AT "\",\"id\":\"%s\"}}",
         accepted, space, bob.id, house_at(&h, done, "member.id"));
    assert_string_equal(house_at(&h, house_get(&h, &bob, "get-active-member", 200), "role"),
                        "member"); /* accepting made it active */
    /* twice is once */
    SAME(house_post(&h, &bob, "accept-invitation", named(id), 400),
         "{\"message\":\"Invitation not found\",\"code\":\"INVITATION_NOT_FOUND\"}");
    assert_int_equal(house_count(&h, "SELECT COUNT(*) AS n FROM members WHERE space = ?1", space),
                     2);
    SAME(house_get(&h, &bob, "list-user-invitations", 200), "[]");
    house_refused(&h, &bob, "GET", "list-invitations", NULL, 403,
                  "YOU_ARE_NOT_ALLOWED_TO_LIST_INVITATIONS");
    const char *full = house_get(&h, &bob, "get-full-organization", 200);
    assert_string_equal(house_at(&h, full, "invitations"), "[]"); /* a plain member sees none */
}

static void refusals(void **state)
{
    (void)state;
    const char *id = invited(&ann, "bob@example.com", "member");
    SAME(house_post(&h, &ann, "invite-member", invite("n@e.com", "king"), 400),
         "{\"message\":\"ROLE_NOT_FOUND: king\"}");
    SAME(house_post(&h, &ann, "invite-member",
                    house_text(&h,
                               "{\"email\":\"n@e.com\",\"role\":[\"king\",\"member\","
                               "\"pope\"],\"organizationId\":\"%s\"}",
                               space),
                    400),
         "{\"message\":\"ROLE_NOT_FOUND: king, pope\"}");
    house_refused(&h, &ann, "POST", "invite-member", invite("n@e.com", " "), 400, "ROLE_NOT_FOUND");
    house_refused(&h, &ann, "POST", "invite-member", invite("n", "member"), 400, "INVALID_EMAIL");
    house_refused(&h, &ann, "POST", "invite-member", invite("a@b.org\\r\\nBcc: x@y.z", "member"),
                  400, "INVALID_EMAIL");
    house_refused(&h, &ann, "POST", "invite-member", invite("ann@example.com", "member"), 400,
                  "USER_IS_ALREADY_A_MEMBER_OF_THIS_ORGANIZATION");
    house_refused(&h, &ann, "POST", "invite-member", invite("Bob@Example.com", "admin"), 400,
                  "USER_IS_ALREADY_INVITED_TO_THIS_ORGANIZATION");
    house_refused(&h, &bob, "POST", "invite-member", invite("n@e.com", "member"), 400,
                  "MEMBER_NOT_FOUND");
    house_refused(&h, NULL, "POST", "invite-member", invite("n@e.com", "member"), 401,
                  "UNAUTHORIZED");
    house_refused(&h, &bob, "POST", "invite-member", "{\"email\":\"n@e.com\",\"role\":\"member\"}",
                  400, "ORGANIZATION_NOT_FOUND");
    /* only the recipient */
    house_refused(&h, &cat, "POST", "accept-invitation", named(id), 403,
                  "YOU_ARE_NOT_THE_RECIPIENT_OF_THE_INVITATION");
    house_refused(&h, &cat, "POST", "reject-invitation", named(id), 403,
                  "YOU_ARE_NOT_THE_RECIPIENT_OF_THE_INVITATION");
    house_refused(&h, &cat, "GET", house_text(&h, "get-invitation?id=%s", id), NULL, 403,
                  "YOU_ARE_NOT_THE_RECIPIENT_OF_THE_INVITATION");
    house_refused(&h, &cat, "POST", "cancel-invitation", named(id), 400, "MEMBER_NOT_FOUND");
    house_refused(&h, &cat, "POST", "cancel-invitation", named("x"), 400, "INVITATION_NOT_FOUND");
    SAME(house_get(&h, &bob, "list-invitations", 400),
         "{\"message\":\"Organization ID is required\"}");
    SAME(house_get(&h, &bob, house_text(&h, "list-invitations?organizationId=%s", space), 403),
         "{\"message\":\"You are not a member of this organization\"}");
    SAME(house_get(&h, NULL, "list-user-invitations", 400),
         "{\"message\":\"Missing session headers, or email query parameter.\"}");
    SAME(house_get(&h, &bob, "list-user-invitations?email=x", 400),
         "{\"message\":\"User email cannot be passed for client side API calls.\"}");
    /* no, and taken back */
    SAME(house_at(&h, house_post(&h, &bob, "reject-invitation", named(id), 200), "member"), "null");
    SAME(house_post(&h, &bob, "reject-invitation", named(id), 400),
         "{\"message\":\"Invitation not found!\",\"code\":\"INVITATION_NOT_FOUND\"}");
    id = invited(&ann, "bob@example.com", "member");
    SAME(house_at(&h, house_post(&h, &ann, "cancel-invitation", named(id), 200), "status"),
         "canceled");
    house_refused(&h, &bob, "POST", "accept-invitation", named(id), 400, "INVITATION_NOT_FOUND");
}

/* Only an owner makes an owner, or sees that one is being made. */
static void owners(void **state)
{
    (void)state;
    house_join(&h, &ann, space, &bob, "admin");
    house_join(&h, &ann, space, &cat, "member");
    house_refused(&h, &bob, "POST", "invite-member", invite("n@e.com", "owner"), 403,
                  "YOU_ARE_NOT_ALLOWED_TO_INVITE_USER_WITH_THIS_ROLE");
    house_refused(&h, &bob, "POST", "invite-member", invite("n@e.com", "member, owner"), 403,
                  "YOU_ARE_NOT_ALLOWED_TO_INVITE_USER_WITH_THIS_ROLE");
    house_refused(&h, &cat, "POST", "invite-member", invite("n@e.com", "member"), 403,
                  "YOU_ARE_NOT_ALLOWED_TO_INVITE_USERS_TO_THIS_ORGANIZATION");
    const char *id = invited(&ann, "n@e.com", "owner");
    const char *list = house_text(&h, "list-invitations?organizationId=%s", space);
    assert_null(strstr(house_get(&h, &bob, list, 200), id));
    assert_non_null(strstr(house_get(&h, &ann, list, 200), id));
    house_refused(&h, &bob, "POST", "invite-member",
                  house_text(&h,
                             "{\"email\":\"n@e.com\",\"role\":\"member\",\"resend\":true,"
                             "\"organizationId\":\"%s\"}",
                             space),
                  403, "YOU_ARE_NOT_ALLOWED_TO_INVITE_USER_WITH_THIS_ROLE");
    house_refused(&h, &cat, "POST", "cancel-invitation", named(id), 403,
                  "YOU_ARE_NOT_ALLOWED_TO_CANCEL_THIS_INVITATION");
}

/* Who signs up with another's address does not get in: the address is verified, or the mail that
 * went there is in his hands. */
static void proof(void **state)
{
    (void)state;
    const char *id = invited(&ann, "bob@example.com", "member"), *secret = mailed_secret();
    house_verified(&h, &bob, false);
    static const char needed[] =
        "EMAIL_VERIFICATION_REQUIRED_BEFORE_ACCEPTING_OR_REJECTING_INVITATION";
    house_refused(&h, &bob, "POST", "accept-invitation", named(id), 403, needed);
    char wrong[40];
    snprintf(wrong, sizeof wrong, "%s", secret);
    wrong[0] = wrong[0] == 'a' ? 'b' : 'a';
    const char *fmt = "{\"invitationId\":\"%s\",\"secret\":\"%s\"}";
    house_refused(&h, &bob, "POST", "accept-invitation", house_text(&h, fmt, id, wrong), 403,
                  needed);
    house_refused(&h, &bob, "POST", "accept-invitation", house_text(&h, fmt, id, ""), 403, needed);
    house_refused(&h, &bob, "POST", "accept-invitation",
                  house_text(&h, "{\"invitationId\":\"%s\",\"secret\":5}", id), 403, needed);
    house_refused(&h, &bob, "GET", "list-user-invitations", NULL, 403,
                  "EMAIL_VERIFICATION_REQUIRED_FOR_INVITATION");
    /* The secret of another invitation, or in another's hands, opens nothing. */
    invited(&ann, "other@e.com", "member");
    house_refused(&h, &bob, "POST", "accept-invitation", house_text(&h, fmt, id, mailed_secret()),
                  403, needed);
    house_refused(&h, &cat, "POST", "accept-invitation", house_text(&h, fmt, id, secret), 403,
                  "YOU_ARE_NOT_THE_RECIPIENT_OF_THE_INVITATION");
    /* It is nowhere in the answers, and as a hash in the database. */
    assert_null(strstr(house_get(&h, &ann, "list-invitations", 200), secret));
    house_post(&h, &bob, house_text(&h, "accept-invitation?secret=%s", secret), named(id), 200);
}

static void mails(void **state)
{
    (void)state;
    house_post(&h, &ann, "update",
               "{\"data\":{\"name\":\"Win https://evil.example/x \\\"now\\\" <b>\"}}", 200);
    const char *id = invited(&ann, "bob@example.com", "member");
    assert_int_equal(house_mail.count, 1);
    assert_string_equal(house_mail.to, "bob@example.com");
    assert_null(strchr(house_mail.subject, '\n'));
    assert_null(strstr(house_mail.text, "evil.example"));
    assert_non_null(strstr(house_mail.text,
                           house_text(&h, "http://127.0.0.1:7117/accept-invitation?id=%s&secret=%s",
                                      id, mailed_secret())));
    const char *first = mailed_secret();
    const char *again = house_text(&h,
                                   "{\"email\":\"bob@example.com\",\"role\":\"owner\","
                                   "\"resend\":true,\"organizationId\":\"%s\"}",
                                   space);
    /* At once: the same invitation, no second mail. */
    h.now += 1000;
    const char *row = house_post(&h, &ann, "invite-member", again, 200);
    assert_string_equal(house_at(&h, row, "id"), id);
    assert_string_equal(house_at(&h, row, "role"), "member"); /* a resend changes no role */
    assert_string_equal(house_at(&h, row, "expiresAt"), "2026-11-27T04:57:39.073Z");
    assert_int_equal(house_mail.count, 1);
    /* Later: a mail with another secret; the first one is void. */
    h.now += 61000;
    house_post(&h, &ann, "invite-member", again, 200);
    assert_int_equal(house_mail.count, 2);
    const char *second = mailed_secret();
    assert_string_not_equal(first, second);
    house_verified(&h, &bob, false);
    const char *fmt = "{\"invitationId\":\"%s\",\"secret\":\"%s\"}";
    house_post(&h, &bob, "accept-invitation", house_text(&h, fmt, id, first), 403);
    house_post(&h, &bob, "accept-invitation", house_text(&h, fmt, id, second), 200);

    char *plain = invite_mail_plain(&h.arena,
                                    "a\nb\x7f"
                                    "c: http://x.y/@z. End",
                                    40);
    assert_string_equal(plain, "a b c  http   x y  z. End");
    plain = invite_mail_plain(&h.arena, "\xc3\xa4\xc3\xa4", 3);
    assert_string_equal(plain, "\xc3\xa4");
}

static void expiry(void **state)
{
    (void)state;
    const char *id = invited(&ann, "bob@example.com", "member");
    h.now += INT64_C(48) * 3600000 - 1;
    house_get(&h, &bob, house_text(&h, "get-invitation?id=%s", id), 200);
    h.now += 1;
    house_refused(&h, &bob, "GET", house_text(&h, "get-invitation?id=%s", id), NULL, 400,
                  "INVITATION_NOT_FOUND");
    house_refused(&h, &bob, "POST", "accept-invitation", named(id), 400, "INVITATION_NOT_FOUND");
    SAME(house_get(&h, &bob, "list-user-invitations", 200), "[]");
    /* Then a new one may be sent. */
    const char *next = invited(&ann, "bob@example.com", "member");
    assert_string_not_equal(id, next);
    house_post(&h, &bob, "accept-invitation", named(next), 200);
    h.now += INT64_C(33) * 86400000;
    KIT_OK(&h.kit, spaces_sweep(h.kit.sql, h.now, &h.kit.error));
    assert_int_equal(house_count(&h, "SELECT COUNT(*) AS n FROM invitations", NULL), 0);
}

static void limits(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++)
        invited(&ann, house_text(&h, "n%d@e.com", i), "member");
    house_refused(&h, &ann, "POST", "invite-member", invite("bob@example.com", "member"), 403,
                  "INVITATION_LIMIT_REACHED");
    /* Taking them back does not make a mail cannon of the server: 200 a day from one account. */
    KIT_OK(&h.kit,
           sql_run(h.kit.sql, &h.kit.error, "UPDATE invitations SET status = 'canceled'", ""));
    KIT_OK(&h.kit, sql_begin(h.kit.sql, &h.kit.error));
    for (int i = 100; i < 200; i++)
        KIT_OK(&h.kit, sql_run(h.kit.sql, &h.kit.error,
                               "INSERT INTO invitations (id, space, email, role, status, inviter,"
                               " created, expires) VALUES (?1, ?2, ?1, 'member', 'rejected', ?3,"
                               " ?4, ?4)",
                               "sssi", house_text(&h, "n%d@e.com", i), space, ann.id, h.now));
    KIT_OK(&h.kit, sql_end(h.kit.sql, 0, &h.kit.error));
    house_refused(&h, &ann, "POST", "invite-member", invite("bob@example.com", "member"), 403,
                  "INVITATION_LIMIT_REACHED");
    h.now += INT64_C(86400000) + 1;
    const char *id = invited(&ann, "bob@example.com", "member");
    /* A hundred members, no more. */
    fill(99);
    house_refused(&h, &bob, "POST", "accept-invitation", named(id), 403,
                  "ORGANIZATION_MEMBERSHIP_LIMIT_REACHED");
    KIT_OK(&h.kit, sql_run(h.kit.sql, &h.kit.error, "DELETE FROM members WHERE id = 'm7'", ""));
    house_post(&h, &bob, "accept-invitation", named(id), 200);
    const char *list = house_get(&h, &bob, "list-members", 200);
    assert_string_equal(house_at(&h, list, "total"), "100");
}

/* ---- accepted by several at once */

struct taker {
    struct sql *sql;
    const struct person *who;
    const char *body;
    pthread_barrier_t *start;
    int status;
};

static void *take(void *arg)
{
    struct taker *t = arg;
    struct answered a;
    pthread_barrier_wait(t->start);
    house_ask(&h, t->sql, t->who, "POST", "/api/auth/organization/accept-invitation", t->body, &a);
    t->status = a.status;
    house_done(&a);
    return NULL;
}

/* The last place of a space, and one invitation taken twice. */
static void races(void **state)
{
    (void)state;
    pthread_barrier_t start;
    struct sql *sql[2] = {kit_connect(&h.kit), kit_connect(&h.kit)};
    pthread_barrier_init(&start, NULL, 2);
    fill(97);
    struct person dan;
    house_person(&h, &dan, "dan");
    house_join(&h, &ann, space, &dan, "member"); /* 99 */
    for (int round = 0; round < 8; round++) {
        bool same = round % 2; /* the same person twice, or two persons for one place */
        const char *b = named(invited(&ann, "bob@example.com", "member"));
        const char *c = named(invited(&ann, "cat@example.com", "member"));
        pthread_t thread[2];
        struct taker taker[2] = {{sql[0], &bob, b, &start, 0},
                                 {sql[1], same ? &bob : &cat, same ? b : c, &start, 0}};
        for (int i = 0; i < 2; i++)
            assert_int_equal(pthread_create(&thread[i], NULL, take, &taker[i]), 0);
        for (int i = 0; i < 2; i++)
            pthread_join(thread[i], NULL);
        assert_int_equal(
            house_count(&h, "SELECT COUNT(*) AS n FROM members WHERE space = ?1", space), 100);
        assert_true((taker[0].status == 200) != (taker[1].status == 200));
        KIT_OK(&h.kit, sql_run(h.kit.sql, &h.kit.error,
                               "DELETE FROM members WHERE space = ?1 AND account IN (?2, ?3)",
                               "sss", space, bob.id, cat.id));
        KIT_OK(&h.kit,
               sql_run(h.kit.sql, &h.kit.error, "UPDATE invitations SET status = 'canceled'", ""));
    }
    pthread_barrier_destroy(&start);
    sql_close(sql[0]);
    sql_close(sql[1]);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, open_house, close_house)
    const struct CMUnitTest tests[] = {
        CASE(shapes), CASE(refusals), CASE(owners), CASE(proof),
        CASE(mails),  CASE(expiry),   CASE(limits), CASE(races),
    };
    return cmocka_run_group_tests_name("invitations", tests, NULL, NULL);
}
