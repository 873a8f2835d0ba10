/* The spaces' routes under bodies and queries that nobody sensible sends: every answer is a 2xx or
 * 4xx of the right shape, and nothing has changed for those who were not meant (G-O3). */
#include "server/house.h"

#include "server/spaces/spaces.h"

static struct house h;
static struct person ann, bob;
static uint64_t state_of;

static unsigned next(void)
{
    state_of = state_of * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(state_of >> 33);
}

static const char *const keys[] = {"name",
                                   "slug",
                                   "logo",
                                   "metadata",
                                   "type",
                                   "data",
                                   "organizationId",
                                   "organizationSlug",
                                   "memberId",
                                   "memberIdOrEmail",
                                   "role",
                                   "email",
                                   "resend",
                                   "invitationId",
                                   "secret",
                                   "localId",
                                   "permissions",
                                   "permission",
                                   "keepCurrentActiveOrganization",
                                   "teamId",
                                   "tier",
                                   "userId",
                                   ""};
#define COUNT(list) (sizeof(list) / sizeof(list)[0])

static void put_value(struct json_writer *w, int depth)
{
    static const char *const texts[] = {"",
                                        "a",
                                        "ann",
                                        "owner",
                                        "member",
                                        "admin,owner",
                                        "team",
                                        "personal",
                                        "_personal:x",
                                        "_space:01890000-0000-7000-8000-000000000001",
                                        "a@b.co",
                                        "ann@example.com",
                                        "' OR 1=1 --",
                                        "\xf0\x9f\x8f\xa0",
                                        "%s%n",
                                        "../..",
                                        "deleted:x:y",
                                        "\xe2\x80\xae",
                                        "a\nb",
                                        "space:x"};
    switch (next() % (depth > 3 ? 6 : 9)) {
    case 0:
        json_put_null(w);
        break;
    case 1:
        json_put_bool(w, next() % 2);
        break;
    case 2:
        json_put_int(w, (int64_t)next() * next());
        break;
    case 3:
        json_put_raw(w, "\"\\u0000x\"", 9);
        break;
    case 4:
        json_put_str(w, next() % 2 ? ann.personal : bob.id);
        break;
    case 5:
        json_put_str(w, texts[next() % COUNT(texts)]);
        break;
    case 6:
        json_open_array(w);
        for (unsigned i = next() % 4; i > 0; i--)
            put_value(w, depth + 1);
        json_close_array(w);
        break;
    default:
        json_open_object(w);
        for (size_t i = next() % 3; i < COUNT(keys) && i < 8; i += 1 + next() % 5) {
            json_put_key(w, keys[i]);
            put_value(w, depth + 1);
        }
        json_close_object(w);
    }
}

static void make_body(struct buf *out)
{
    struct json_writer w;
    buf_reset(out);
    json_begin(&w, out);
    json_open_object(&w);
    for (size_t i = 0; i < COUNT(keys); i++) {
        if (next() % 3)
            continue;
        json_put_key(&w, keys[i]);
        put_value(&w, 0);
    }
    json_close_object(&w);
    if (next() % 8 == 0 && out->len > 3) /* and torn ones */
        out->data[next() % out->len] = (char)next();
    for (size_t i = 0; i < out->len; i++)
        if (!out->data[i])
            out->data[i] = ' ';
}

static void make_query(char *out, size_t size)
{
    static const char *const names[] = {"organizationId", "organizationSlug", "limit",
                                        "offset",         "sortBy",           "sortDirection",
                                        "filterField",    "filterOperator",   "filterValue",
                                        "membersLimit",   "userId",           "id",
                                        "email",          "deleted"};
    static const char *const values[] = {"",
                                         "1",
                                         "-1",
                                         "1e9",
                                         "nan",
                                         "0x10",
                                         "%00",
                                         "%",
                                         "%zz",
                                         "role",
                                         "createdAt",
                                         "in",
                                         "desc",
                                         "owner",
                                         "ann",
                                         "%F0%9F",
                                         "999999999999999999999",
                                         "+"};
    size_t len = 0;
    out[0] = '\0';
    for (unsigned i = next() % 6; i > 0; i--) {
        int n = snprintf(out + len, size - len, "%c%s=%s", len ? '&' : '?',
                         names[next() % COUNT(names)], values[next() % COUNT(values)]);
        len += (size_t)n;
    }
}

static void storm(void **unused)
{
    (void)unused;
    const char *given = getenv("RAUM_SEED");
    state_of = given ? strtoull(given, NULL, 10) : 5;
    house_open(&h, 5);
    house_person(&h, &ann, "ann");
    house_person(&h, &bob, "bob");
    const char *space = house_space(&h, &ann, "safe");
    struct buf body;
    buf_init(&body, 1 << 20);
    int by_class[6] = {0};
    for (int i = 0; i < 4000; i++) {
        const struct route *table = next() % 4 ? organization_routes : space_routes, *r = table;
        size_t count = 0;
        while (table[count].run)
            count++;
        r = &table[next() % count];
        char query[400];
        const char *rest = "";
        make_body(&body);
        make_query(query, sizeof query);
        if (r->flags & ROUTE_PREFIX)
            rest = next() % 3 == 0 ? "/" : next() % 2 ? "x/delete" : "%00/members";
        /* bob storms; ann's things are out of his reach */
        const struct person *who = next() % 10 ? &bob : NULL;
        struct answered a;
        h.now += 500;
        const char *path = house_text(&h, "%s%s%s", r->path, rest, query);
        house_ask(&h, h.kit.sql, who, r->method, path,
                  strcmp(r->method, "GET") == 0 ? NULL : buf_text(&body), &a);
        if (a.status < 200 || a.status >= 500)
            fail_msg("%d: %s %s %s: %d %s", i, r->method, path, buf_text(&body), a.status, a.text);
        if (a.text[0] && !a.json.doc)
            fail_msg("%s %s: no JSON: %s", r->method, path, a.text);
        by_class[a.status / 100]++;
        house_done(&a);
    }
    print_message("2xx %d, 4xx %d\n", by_class[2], by_class[4]);
    assert_true(by_class[2] > 100); /* it is not all refused at the door */
    buf_release(&body);
    assert_int_equal(house_count(&h, "SELECT COUNT(*) AS n FROM members WHERE space = ?1", space),
                     1);
    assert_int_equal(
        house_count(&h, "SELECT COUNT(*) AS n FROM members WHERE space = ?1", ann.personal), 1);
    assert_int_equal(house_count(&h,
                                 "SELECT COUNT(*) AS n FROM spaces WHERE id = ?1 AND slug ="
                                 " 'safe' AND deleted IS NULL",
                                 space),
                     1);
    assert_int_equal(house_count(&h,
                                 "SELECT COUNT(*) AS n FROM spaces WHERE type NOT IN"
                                 " ('personal', 'brand', 'club', 'family', 'team', 'practice')",
                                 NULL),
                     0);
    house_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(storm)};
    return cmocka_run_group_tests_name("spaces under storm", tests, NULL, NULL);
}
