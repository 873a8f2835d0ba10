/* Spaces when several act at once, each on a connection of its own: the last owner stays, what is
 * made is made once, and nothing is left without an owner. */
#include "server/house.h"

#include "server/spaces/spaces.h"

#include <pthread.h>

static struct house h;
static struct person ann, bob;

static int open_house(void **state)
{
    (void)state;
    house_open(&h, 7);
    house_person(&h, &ann, "ann");
    house_person(&h, &bob, "bob");
    return 0;
}

static int close_house(void **state)
{
    (void)state;
    house_close(&h);
    return 0;
}

/* ---- two owners act at once */

struct duel {
    struct sql *sql;
    const struct person *who;
    const char *what, *body;
    pthread_barrier_t *start;
    int status;
};

static void *fight(void *arg)
{
    struct duel *d = arg;
    struct answered a;
    pthread_barrier_wait(d->start);
    house_ask(&h, d->sql, d->who, "POST", d->what, d->body, &a);
    d->status = a.status;
    house_done(&a);
    return NULL;
}

static void two_owners(void **state)
{
    (void)state;
    struct sql *sql[2] = {kit_connect(&h.kit), kit_connect(&h.kit)};
    pthread_barrier_t start;
    pthread_barrier_init(&start, NULL, 2);
    for (int round = 0; round < 24; round++) {
        const char *s = house_space(&h, &ann, house_text(&h, "duel-%d", round));
        const char *b = house_join(&h, &ann, s, &bob, "owner");
        const char *list = house_get(&h, &bob,
                                     house_text(&h,
                                                "list-members?organizationId=%s&filterField=userId&"
                                                "filterValue=%s",
                                                s, ann.id),
                                     200);
        const char *a = house_at(&h, list, "members.0.id");
        const char *leave = house_text(&h, "{\"organizationId\":\"%s\"}", s);
        const char *path[] = {"leave", "remove-member", "update-member-role", "leave"};
        const char *body[4][2] = {
            {leave, leave},
            {house_text(&h, "{\"memberIdOrEmail\":\"%s\",\"organizationId\":\"%s\"}", b, s),
             house_text(&h, "{\"memberIdOrEmail\":\"%s\",\"organizationId\":\"%s\"}", a, s)},
            {house_text(&h, "{\"memberId\":\"%s\",\"role\":\"member\",\"organizationId\":\"%s\"}",
                        a, s),
             house_text(&h, "{\"memberId\":\"%s\",\"role\":\"admin\",\"organizationId\":\"%s\"}", b,
                        s)},
            {leave, house_text(&h, "{\"memberIdOrEmail\":\"%s\",\"organizationId\":\"%s\"}", b, s)},
        };
        int kind = round % 4;
        pthread_t thread[2];
        struct duel duel[2];
        for (int i = 0; i < 2; i++) {
            const char *what = kind == 3 && i ? "remove-member" : path[kind];
            duel[i] = (struct duel){
                sql[i],        i ? &bob : &ann, house_text(&h, "/api/auth/organization/%s", what),
                body[kind][i], &start,          0};
            assert_int_equal(pthread_create(&thread[i], NULL, fight, &duel[i]), 0);
        }
        for (int i = 0; i < 2; i++)
            pthread_join(thread[i], NULL);
        int64_t owners = house_count(&h,
                                     "SELECT COUNT(*) AS n FROM members WHERE space = ?1"
                                     " AND role = 'owner'",
                                     s);
        if (owners != 1)
            fail_msg("round %d: %d owners (%d, %d)", round, (int)owners, duel[0].status,
                     duel[1].status);
        assert_true((duel[0].status == 200) != (duel[1].status == 200));
    }
    pthread_barrier_destroy(&start);
    sql_close(sql[0]);
    sql_close(sql[1]);
}

/* The same offline space, asked for twice at once, is made once. */
static void made_twice(void **state)
{
    (void)state;
    struct sql *sql[2] = {kit_connect(&h.kit), kit_connect(&h.kit)};
    pthread_barrier_t start;
    pthread_barrier_init(&start, NULL, 2);
    for (int round = 0; round < 8; round++) {
        const char *body = house_text(&h,
                                      "{\"localId\":\"_space:01890000-0000-7000-8000-"
                                      "0000000001%02d\",\"name\":\"Twice\",\"slug\":\"twice\","
                                      "\"type\":\"team\"}",
                                      round);
        pthread_t thread[2];
        struct duel duel[2];
        for (int i = 0; i < 2; i++) {
            duel[i] = (struct duel){
                sql[i], round % 2 && i ? &bob : &ann, "/api/v1/spaces", body, &start, 0};
            assert_int_equal(pthread_create(&thread[i], NULL, fight, &duel[i]), 0);
        }
        for (int i = 0; i < 2; i++) {
            pthread_join(thread[i], NULL);
            assert_int_equal(duel[i].status, 200);
        }
    }
    assert_int_equal(house_count(&h, "SELECT COUNT(*) AS n FROM spaces WHERE name = ?1", "Twice"),
                     12);
    pthread_barrier_destroy(&start);
    sql_close(sql[0]);
    sql_close(sql[1]);
}

/* ---- accounts that come and go meanwhile */

struct coming {
    struct sql *sql;
    pthread_barrier_t *start;
    char id[33], email[64];
    int result;
};

/* What sign-up does. */
static void *come(void *arg)
{
    struct coming *in = arg;
    struct raum_error e;
    char space[33];
    pthread_barrier_wait(in->start);
    int rc = sql_begin(in->sql, &e);
    if (rc == 0) {
        rc = sql_run(in->sql, &e,
                     "INSERT INTO accounts (id, name, email, email_verified, created, updated)"
                     " VALUES (?1, '', ?2, 0, 1, 1)",
                     "ss", in->id, in->email);
        if (rc == 0)
            rc = spaces_make_personal(in->sql, &h.env, in->id, "", in->email, space, &e);
        rc = sql_end(in->sql, rc, &e);
    }
    in->result = rc;
    return NULL;
}

/* Three people with the same local part sign up at once: each has a space with a slug. */
static void names_at_once(void **state)
{
    (void)state;
    enum { MANY = 3 };
    pthread_barrier_t start;
    struct coming in[MANY] = {0};
    pthread_t thread[MANY];
    pthread_barrier_init(&start, NULL, MANY);
    for (int i = 0; i < MANY; i++)
        in[i].sql = kit_connect(&h.kit);
    for (int round = 0; round < 8; round++) {
        for (int i = 0; i < MANY; i++) {
            in[i].start = &start;
            snprintf(in[i].id, sizeof in[i].id, "new-%d-%d", round, i);
            snprintf(in[i].email, sizeof in[i].email, "info@%d-%d.org", round, i);
            assert_int_equal(pthread_create(&thread[i], NULL, come, &in[i]), 0);
        }
        for (int i = 0; i < MANY; i++) {
            pthread_join(thread[i], NULL);
            assert_int_equal(in[i].result, 0);
        }
    }
    assert_int_equal(house_count(&h,
                                 "SELECT COUNT(*) AS n FROM spaces WHERE slug LIKE 'info%'"
                                 " AND name = ?1",
                                 "info"),
                     24);
    for (int i = 0; i < MANY; i++)
        sql_close(in[i].sql);
    pthread_barrier_destroy(&start);
}

static void *go(void *arg)
{
    struct coming *out = arg;
    struct raum_error e;
    pthread_barrier_wait(out->start);
    int rc = sql_begin(out->sql, &e);
    if (rc == 0) {
        rc = spaces_account_gone(out->sql, out->id, &e);
        if (rc == 0)
            rc = sql_run(out->sql, &e, "DELETE FROM accounts WHERE id = ?1", "s", out->id);
        rc = sql_end(out->sql, rc, &e);
    }
    out->result = rc;
    return NULL;
}

/* An account is deleted while another device of it makes a space or joins one as its owner. */
static void gone_meanwhile(void **state)
{
    (void)state;
    struct sql *sql[2] = {kit_connect(&h.kit), kit_connect(&h.kit)};
    pthread_barrier_t start;
    pthread_barrier_init(&start, NULL, 2);
    for (int round = 0; round < 16; round++) {
        struct person p;
        struct coming out = {.sql = sql[0], .start = &start};
        struct duel duel = {sql[1], &p, "/api/auth/organization/create", NULL, &start, 0};
        pthread_t thread[2];
        house_person(&h, &p, house_text(&h, "gone%d", round));
        snprintf(out.id, sizeof out.id, "%s", p.id);
        duel.body = house_text(&h,
                               "{\"name\":\"G\",\"slug\":\"g-%d\",\"metadata\":"
                               "{\"type\":\"team\"}}",
                               round);
        if (round % 2) {
            const char *s = house_space(&h, &ann, house_text(&h, "s-%d", round));
            const char *id = house_at(&h,
                                      house_post(&h, &ann, "invite-member",
                                                 house_text(&h,
                                                            "{\"email\":\"%s\",\"role\":\"owner\","
                                                            "\"organizationId\":\"%s\"}",
                                                            p.email, s),
                                                 200),
                                      "id");
            duel.what = "/api/auth/organization/accept-invitation";
            duel.body = house_text(&h, "{\"invitationId\":\"%s\"}", id);
        }
        assert_int_equal(pthread_create(&thread[0], NULL, go, &out), 0);
        assert_int_equal(pthread_create(&thread[1], NULL, fight, &duel), 0);
        pthread_join(thread[0], NULL);
        pthread_join(thread[1], NULL);
        assert_int_equal(out.result, 0);
        if (duel.status >= 500)
            fail_msg("round %d: %d", round, duel.status);
    }
    assert_int_equal(house_count(&h,
                                 "SELECT COUNT(*) AS n FROM spaces s WHERE NOT EXISTS"
                                 " (SELECT 1 FROM members m WHERE m.space = s.id AND"
                                 " m.role = 'owner')",
                                 NULL),
                     0);
    pthread_barrier_destroy(&start);
    sql_close(sql[0]);
    sql_close(sql[1]);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, open_house, close_house)
    const struct CMUnitTest tests[] = {
        CASE(two_owners),
        CASE(made_twice),
        CASE(names_at_once),
        CASE(gone_meanwhile),
    };
    return cmocka_run_group_tests_name("races for spaces", tests, NULL, NULL);
}
