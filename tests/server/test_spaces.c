/* Spaces through the routes: Better Auth's answers to the letter, and the rules that are ours. */
#include "server/house.h"

#include "server/spaces/spaces.h"

static struct house h;
static struct person ann, bob, cat;

static int open_house(void **state)
{
    (void)state;
    house_open(&h, 7);
    house_person(&h, &ann, "ann");
    house_person(&h, &bob, "bob");
    house_person(&h, &cat, "cat");
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

static void personal(void **state)
{
    (void)state;
    SAME(house_get(&h, &ann, "list", 200),
         "[{\"name\":\"ann\",\"slug\":\"ann\",\"logo\":null,\"createdAt\":\"" AT "\","
         "\"metadata\":\"{\\\"type\\\":\\\"personal\\\"}\",\"id\":\"%s\"}]",
         ann.personal);
    /* The one space of an account that nobody makes, ends, retypes, joins or leaves. */
    house_refused(&h, &ann, "POST", "create",
                  "{\"name\":\"x\",\"slug\":\"x\",\"metadata\":{\"type\":\"personal\"}}", 403,
                  "NOT_ALLOWED");
    const char *one = house_text(&h, "{\"organizationId\":\"%s\"}", ann.personal);
    house_refused(&h, &ann, "POST", "delete", one, 403, "SPACE_PERSONAL_UNDELETABLE");
    house_refused(&h, &ann, "POST", "leave", one, 403, "NOT_ALLOWED");
    house_refused(&h, &bob, "POST", "leave", one, 400, "MEMBER_NOT_FOUND");
    house_refused(&h, &ann, "POST", "invite-member",
                  house_text(&h,
                             "{\"email\":\"bob@example.com\",\"role\":\"member\","
                             "\"organizationId\":\"%s\"}",
                             ann.personal),
                  403, "NOT_ALLOWED");
    house_refused(&h, &ann, "POST", "update",
                  house_text(&h,
                             "{\"organizationId\":\"%s\",\"data\":{\"metadata\":"
                             "{\"type\":\"team\"}}}",
                             ann.personal),
                  400, "IMMUTABLE_FIELD");
    const char *members =
        house_get(&h, &ann, house_text(&h, "list-members?organizationId=%s", ann.personal), 200);
    const char *me = house_at(&h, members, "members.0.id");
    house_refused(&h, &ann, "POST", "update-member-role",
                  house_text(&h,
                             "{\"organizationId\":\"%s\",\"memberId\":\"%s\","
                             "\"role\":\"member\"}",
                             ann.personal, me),
                  403, "NOT_ALLOWED");
    house_refused(
        &h, &ann, "POST", "remove-member",
        house_text(&h, "{\"organizationId\":\"%s\",\"memberIdOrEmail\":\"%s\"}", ann.personal, me),
        403, "NOT_ALLOWED");
    const char *path = house_text(&h, "/api/v1/spaces/%s/delete", ann.personal);
    house_refused(&h, &ann, "POST", path, "{\"name\":\"ann\"}", 403, "SPACE_PERSONAL_UNDELETABLE");
    /* Its name may change. */
    house_post(
        &h, &ann, "update",
        house_text(&h, "{\"organizationId\":\"%s\",\"data\":{\"name\":\"Me\"}}", ann.personal),
        200);
}

static void personal_names(void **state)
{
    (void)state;
    static const struct {
        const char *email, *name, *slug, *shown;
    } cases[] = {
        {"ann@other.org", "  ", "ann-2", "ann"},
        {"ann@third.org", " Ann B ", "ann-3", "Ann B"},
        {"admin@x.org", "A", "admin-2", "A"},
        {"Me.And+You@x.org", "", "me-and-you", "Me.And+You"},
        {"@x.org", "", NULL, "Personal"},
        {"\xc3\xa4@x.org", "", NULL, "\xc3\xa4"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char account[33], space[33];
        struct sql_rows *rows;
        snprintf(account, sizeof account, "account-%zu", i);
        KIT_OK(&h.kit, sql_begin(h.kit.sql, &h.kit.error));
        KIT_OK(&h.kit, sql_run(h.kit.sql, &h.kit.error,
                               "INSERT INTO accounts (id, name, email, email_verified, created,"
                               " updated) VALUES (?1, ?2, ?3, 1, 1, 1)",
                               "sss", account, cases[i].name, cases[i].email));
        KIT_OK(&h.kit, spaces_make_personal(h.kit.sql, &h.env, account, cases[i].name,
                                            cases[i].email, space, &h.kit.error));
        /* A second one is impossible. */
        char second[33];
        assert_int_equal(
            spaces_make_personal(h.kit.sql, &h.env, account, "x", "x@x.org", second, &h.kit.error),
            RAUM_EEXISTS);
        KIT_OK(&h.kit,
               sql_run(h.kit.sql, &h.kit.error, "DELETE FROM spaces WHERE id = ?1", "s", second));
        KIT_OK(&h.kit, sql_end(h.kit.sql, 0, &h.kit.error));
        KIT_OK(&h.kit, sql_one(h.kit.sql, &rows, &h.kit.error,
                               "SELECT slug, name FROM spaces WHERE id = ?1", "s", space));
        const char *slug = sql_text(rows, "slug");
        if (cases[i].slug)
            assert_string_equal(slug, cases[i].slug);
        else
            assert_memory_equal(slug, "user-", 5);
        assert_string_equal(sql_text(rows, "name"), cases[i].shown);
        sql_rows_free(rows);
    }
}

static void shapes(void **state)
{
    (void)state;
    const char *made = house_post(
        &h, &ann, "create",
        "{\"name\":\"A\",\"slug\":\"a\",\"metadata\":{\"type\":\"team\",\"n\":1,\"tier\":"
        "\"founder\"}}",
        200);
    const char *id = house_at(&h, made, "id"), *member = house_at(&h, made, "members.0.id");
    SAME(made,
         "{\"name\":\"A\",\"slug\":\"a\",\"logo\":null,\"createdAt\":\"" AT "\",\"metadata\":{"
         "\"type\":\"team\",\"n\":1},\"id\":\"%s\",\"members\":[{\"organizationId\":\"%s\","
         "\"userId\":\"%s\",\"role\":\"owner\",\"createdAt\":\"" AT "\",\"id\":\"%s\"}]}",
         id, id, ann.id, member);
    const char *org = house_text(&h,
                                 "\"name\":\"A\",\"slug\":\"a\",\"logo\":null,\"createdAt\":\"" AT
                                 "\",\"metadata\":\"{\\\"type\\\":\\\"team\\\",\\\"n\\\":1}\","
                                 "\"id\":\"%s\"",
                                 id);
    SAME(house_get(&h, &ann, "get-organization", 200), "{%s}", org); /* create made it active */
    const char *user = house_text(&h,
                                  "{\"organizationId\":\"%s\",\"userId\":\"%s\",\"role\":"
                                  "\"owner\",\"createdAt\":\"" AT "\",\"id\":\"%s\",\"user\":{"
                                  "\"id\":\"%s\",\"name\":\"ann\",\"email\":\"ann@example.com\","
                                  "\"image\":null}}",
                                  id, ann.id, member, ann.id);
    SAME(house_get(&h, &ann, "get-full-organization", 200),
         "{%s,\"invitations\":[],\"members\":[%s]}", org, user);
    SAME(house_get(&h, &ann, "get-active-member", 200), "%s", user);
    SAME(house_get(&h, &ann, "get-active-member-role", 200), "{\"role\":\"owner\"}");
    SAME(house_get(&h, &ann, "list-members", 200), "{\"members\":[%s],\"total\":1}", user);
    SAME(house_post(&h, &ann, "set-active", "{\"organizationId\":null}", 200), "null");
    SAME(house_post(&h, &ann, "set-active", "{}", 200), "null");
    SAME(house_get(&h, &ann, "get-full-organization", 200), "null");
    SAME(house_post(&h, &ann, "set-active", "{\"organizationSlug\":\"a\"}", 200), "{%s}", org);
    SAME(house_post(&h, &ann, "update", "{\"data\":{\"metadata\":{\"x\":[1,{}]}}}", 200),
         "{\"name\":\"A\",\"slug\":\"a\",\"logo\":null,\"createdAt\":\"" AT "\",\"metadata\":{"
         "\"x\":[1,{}],\"type\":\"team\"},\"id\":\"%s\"}",
         id);
    house_post(&h, &ann, "create",
               "{\"name\":\"B\",\"slug\":\"b\",\"metadata\":{\"type\":\"club\"},"
               "\"keepCurrentActiveOrganization\":true}",
               200);
    assert_string_equal(house_at(&h, house_get(&h, &ann, "get-organization", 200), "slug"), "a");
    const char *gone =
        house_post(&h, &ann, "delete", house_text(&h, "{\"organizationId\":\"%s\"}", id), 200);
    assert_string_equal(house_at(&h, gone, "slug"), "a");
    SAME(house_get(&h, &ann, "get-organization", 200), "null"); /* no longer active */
}

/* Each line as better-auth 1.7.25 answered it. */
static void wordings(void **state)
{
    (void)state;
#define INVALID(message) "{\"message\":\"" message "\",\"code\":\"VALIDATION_ERROR\"}"
    static const struct {
        const char *what, *body, *answer;
    } cases[] = {
        {"create", "{}",
         INVALID("[body.name] Invalid input: expected string, received undefined; [body.slug] "
                 "Invalid input: expected string, received undefined")},
        {"create", "{\"name\":\"\",\"slug\":\"\"}",
         INVALID("[body.name] Too small: expected string to have >=1 characters; [body.slug] Too "
                 "small: expected string to have >=1 characters")},
        {"create", "{\"name\":5,\"slug\":null}",
         INVALID("[body.name] Invalid input: expected string, received number; [body.slug] Invalid "
                 "input: expected string, received null")},
        {"create", "{\"name\":\"A\",\"slug\":\"a\",\"metadata\":[]}",
         INVALID("[body.metadata] Invalid input: expected record, received array")},
        {"create", "{\"name\":\"A\",\"slug\":\"a\",\"keepCurrentActiveOrganization\":\"x\"}",
         INVALID("[body.keepCurrentActiveOrganization] Invalid input: expected boolean, received "
                 "string")},
        {"create", "[]", INVALID("[body] Invalid input: expected object, received array")},
        {"check-slug", "{}",
         INVALID("[body.slug] Invalid input: expected string, received undefined")},
        {"set-active", "{\"organizationId\":5}",
         INVALID("[body.organizationId] Invalid input: expected string, received number")},
        {"update", "{}", INVALID("[body.data] Invalid input: expected object, received undefined")},
        {"update",
         "{\"data\":{\"name\":5,\"slug\":5,\"logo\":5,\"metadata\":5},"
         "\"organizationId\":5}",
         INVALID("[body.data.name] Invalid input: expected string, received number; "
                 "[body.data.slug] Invalid input: expected string, received number; "
                 "[body.data.logo] Invalid input: expected string, received number; "
                 "[body.data.metadata] Invalid input: expected record, received number; "
                 "[body.organizationId] Invalid input: expected string, received number")},
        {"update-member-role", "{}",
         INVALID("[body.role] Invalid input; [body.memberId] Invalid input: expected string, "
                 "received undefined")},
        {"invite-member", "{\"email\":5,\"role\":5,\"organizationId\":5,\"resend\":5}",
         INVALID("[body.email] Invalid input: expected string, received number; [body.role] "
                 "Invalid input; [body.organizationId] Invalid input: expected string, received "
                 "number; [body.resend] Invalid input: expected boolean, received number")},
        {"invite-member", "{\"email\":\"n@e.com\",\"role\":[5]}",
         INVALID("[body.role] Invalid input")},
        {"leave", "{}",
         INVALID("[body.organizationId] Invalid input: expected string, received undefined")},
        {"has-permission", "{}", INVALID("[body] Invalid input")},
        {"has-permission", "{\"permissions\":{\"organization\":5},\"organizationId\":5}",
         INVALID("[body.organizationId] Invalid input: expected string, received number; [body] "
                 "Invalid input")},
        {"has-permission", "{\"permission\":{},\"permissions\":{}}",
         INVALID("[body] Invalid input: more than one option matched")},
        {"create", "{\"name\":\"A\",\"slug\":\"A b\",\"metadata\":{\"type\":\"team\"}}", /* ours */
         INVALID("[body.slug] Invalid string: must match pattern /^[a-z0-9]+(-[a-z0-9]+)*$/")},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        SAME(house_post(&h, &ann, cases[i].what, cases[i].body, 400), "%s", cases[i].answer);
        SAME(house_post(&h, NULL, cases[i].what, cases[i].body, 400), "%s", cases[i].answer);
    }
    SAME(house_get(&h, &ann, "list-members?sortDirection=up", 400),
         INVALID("[query.sortDirection] Invalid option: expected one of \\\"asc\\\"|\\\"desc\\\""));
    SAME(house_get(&h, &ann, "get-organization?organizationId=a&organizationId=b", 400),
         INVALID("[query.organizationId] Invalid input: expected string, received array"));
    SAME(house_get(&h, &ann, "get-invitation", 400),
         INVALID("[query.id] Invalid input: expected string, received undefined"));
}

static void refusals(void **state)
{
    (void)state;
    const char *a = house_space(&h, &ann, "aa");
    const char *id = house_text(&h, "{\"organizationId\":\"%s\"}", a);
    /* nobody */
    SAME(house_post(&h, NULL, "create",
                    "{\"name\":\"A\",\"slug\":\"q\",\"metadata\":{\"type\":\"team\"}}", 401),
         "%s", "");
    SAME(house_post(&h, NULL, "delete", id, 401), "%s", "");
    SAME(house_post(&h, NULL, "update", "{\"data\":{\"name\":\"x\"}}", 401),
         "{\"message\":\"User not found\"}");
    SAME(house_get(&h, NULL, "get-invitation?id=x", 401), "{\"message\":\"Not authenticated\"}");
    house_refused(&h, NULL, "GET", "list", NULL, 401, "UNAUTHORIZED");
    house_refused(&h, NULL, "POST", "leave", id, 401, "UNAUTHORIZED");
    house_refused(&h, NULL, "GET", "/api/v1/spaces", NULL, 401, "UNAUTHORIZED");
    /* a type is required and known */
    house_refused(&h, &ann, "POST", "create", "{\"name\":\"A\",\"slug\":\"q\"}", 400,
                  "SPACE_METADATA_INVALID");
    house_refused(&h, &ann, "POST", "create",
                  "{\"name\":\"A\",\"slug\":\"q\",\"metadata\":{\"type\":\"gang\"}}", 400,
                  "SPACE_METADATA_INVALID");
    house_refused(&h, &ann, "POST", "create",
                  "{\"name\":\"A\",\"slug\":\"q\",\"metadata\":{\"type\":5}}", 400,
                  "SPACE_METADATA_INVALID");
    /* strangers */
    house_refused(&h, &bob, "POST", "delete", id, 400, "USER_IS_NOT_A_MEMBER_OF_THE_ORGANIZATION");
    house_refused(&h, &bob, "POST", "set-active", id, 403,
                  "USER_IS_NOT_A_MEMBER_OF_THE_ORGANIZATION");
    house_refused(&h, &bob, "POST", "set-active", "{\"organizationSlug\":\"none\"}", 400,
                  "ORGANIZATION_NOT_FOUND");
    house_refused(&h, &bob, "GET", house_text(&h, "get-full-organization?organizationId=%s", a),
                  NULL, 403, "USER_IS_NOT_A_MEMBER_OF_THE_ORGANIZATION");
    house_refused(&h, &bob, "GET", "get-full-organization?organizationId=x", NULL, 400,
                  "ORGANIZATION_NOT_FOUND");
    house_refused(&h, &bob, "GET", house_text(&h, "list-members?organizationId=%s", a), NULL, 403,
                  "YOU_ARE_NOT_A_MEMBER_OF_THIS_ORGANIZATION");
    house_refused(&h, &bob, "GET", house_text(&h, "get-active-member-role?organizationId=%s", a),
                  NULL, 403, "YOU_ARE_NOT_A_MEMBER_OF_THIS_ORGANIZATION");
    house_refused(&h, &bob, "GET", "get-active-member", NULL, 400, "NO_ACTIVE_ORGANIZATION");
    house_refused(&h, &bob, "GET", house_text(&h, "/api/v1/spaces/%s/members", a), NULL, 404,
                  "NOT_FOUND");
    house_refused(&h, &bob, "GET", "/api/v1/slugs/aa", NULL, 404, "NOT_FOUND");
    house_refused(&h, &bob, "POST", house_text(&h, "/api/v1/spaces/%s/delete", a),
                  "{\"name\":\"The aa\"}", 404, "NOT_FOUND");
    /* teams are off */
    SAME(house_post(&h, &ann, "create-team", "{}", 404), "%s", "");
    SAME(house_get(&h, &ann, "list-teams", 404), "%s", "");
}

static void permissions(const char *s)
{
    static const struct {
        const char *asked;
        bool owner, admin, member;
    } may[] = {
        {"{\"organization\":[\"update\"]}", true, true, false},
        {"{\"organization\":[\"update\",\"delete\"]}", true, false, false},
        {"{\"ac\":[\"read\"]}", true, true, true},
        {"{\"rocket\":[\"fly\"]}", false, false, false},
        {"{\"organization\":[]}", false, false, false},
        {"{}", false, false, false},
    };
    for (size_t i = 0; i < sizeof may / sizeof may[0]; i++) {
        const char *body =
            house_text(&h, "{\"organizationId\":\"%s\",\"permissions\":%s}", s, may[i].asked);
        const char *yes = "{\"error\":null,\"success\":true}";
        const char *no = "{\"error\":null,\"success\":false}";
        SAME(house_post(&h, &ann, "has-permission", body, 200), "%s", may[i].owner ? yes : no);
        SAME(house_post(&h, &bob, "has-permission", body, 200), "%s", may[i].admin ? yes : no);
        SAME(house_post(&h, &cat, "has-permission", body, 200), "%s", may[i].member ? yes : no);
    }
}

static void going(const char *s)
{
    /* going: at once, and the active space with it */
    const char *removed = house_post(&h, &bob, "remove-member",
                                     house_text(&h,
                                                "{\"memberIdOrEmail\":\"cat@example.com\","
                                                "\"organizationId\":\"%s\"}",
                                                s),
                                     200);
    assert_string_equal(house_at(&h, removed, "member.user.name"), "cat");
    house_refused(&h, &cat, "GET", "get-active-member", NULL, 400, "MEMBER_NOT_FOUND");
    house_refused(&h, &cat, "GET", "get-full-organization", NULL, 403,
                  "USER_IS_NOT_A_MEMBER_OF_THE_ORGANIZATION");
    SAME(house_get(&h, &cat, "get-full-organization", 200), "null");
    const char *left =
        house_post(&h, &bob, "leave", house_text(&h, "{\"organizationId\":\"%s\"}", s), 200);
    assert_string_equal(house_at(&h, left, "user.email"), "bob@example.com");
}

static void rights(const char *s, const char *b, const char *c)
{
    /* rights: only an owner makes an owner, a member manages nobody */
    const char *fmt = "{\"memberId\":\"%s\",\"role\":\"%s\",\"organizationId\":\"%s\"}";
    const char *owner = house_at(&h,
                                 house_get(&h, &cat,
                                           "list-members?sortBy=role&"
                                           "sortDirection=desc",
                                           200),
                                 "members.0.id");
    house_refused(&h, &cat, "POST", "update-member-role", house_text(&h, fmt, c, "admin", s), 403,
                  "YOU_ARE_NOT_ALLOWED_TO_UPDATE_THIS_MEMBER");
    house_refused(&h, &bob, "POST", "update-member-role", house_text(&h, fmt, c, "owner", s), 403,
                  "YOU_ARE_NOT_ALLOWED_TO_UPDATE_THIS_MEMBER");
    house_refused(&h, &bob, "POST", "update-member-role", house_text(&h, fmt, owner, "member", s),
                  403, "YOU_ARE_NOT_ALLOWED_TO_UPDATE_THIS_MEMBER");
    house_refused(&h, &bob, "POST", "update-member-role", house_text(&h, fmt, b, "admin, owner", s),
                  403, "YOU_ARE_NOT_ALLOWED_TO_UPDATE_THIS_MEMBER");
    SAME(house_post(&h, &ann, "update-member-role", house_text(&h, fmt, c, "king", s), 400),
         "{\"code\":\"ROLE_NOT_FOUND\",\"message\":\"ROLE_NOT_FOUND: king\"}");
    SAME(house_post(&h, &ann, "update-member-role", house_text(&h, fmt, c, "", s), 400), "%s", "");
    house_refused(&h, &ann, "POST", "update-member-role", house_text(&h, fmt, owner, "member", s),
                  400, "YOU_CANNOT_LEAVE_THE_ORGANIZATION_WITHOUT_AN_OWNER");
    house_refused(&h, &ann, "POST", "leave", house_text(&h, "{\"organizationId\":\"%s\"}", s), 400,
                  "YOU_CANNOT_LEAVE_THE_ORGANIZATION_AS_THE_ONLY_OWNER");
    fmt = "{\"memberIdOrEmail\":\"%s\",\"organizationId\":\"%s\"}";
    house_refused(&h, &cat, "POST", "remove-member", house_text(&h, fmt, b, s), 401,
                  "YOU_ARE_NOT_ALLOWED_TO_DELETE_THIS_MEMBER");
    house_refused(&h, &bob, "POST", "remove-member", house_text(&h, fmt, "ANN@example.com", s), 400,
                  "YOU_CANNOT_LEAVE_THE_ORGANIZATION_AS_THE_ONLY_OWNER");
    house_refused(&h, &ann, "POST", "remove-member", house_text(&h, fmt, "x@y.z", s), 400,
                  "MEMBER_NOT_FOUND");
    /* a member of another space cannot be reached through this one */
    const char *other = house_space(&h, &bob, "other");
    const char *foreign = house_at(
        &h, house_get(&h, &bob, house_text(&h, "list-members?organizationId=%s", other), 200),
        "members.0.id");
    fmt = "{\"memberId\":\"%s\",\"role\":\"member\",\"organizationId\":\"%s\"}";
    house_refused(&h, &ann, "POST", "update-member-role", house_text(&h, fmt, foreign, s), 403,
                  "YOU_ARE_NOT_ALLOWED_TO_UPDATE_THIS_MEMBER");
}

static void members(void **state)
{
    (void)state;
    const char *s = house_space(&h, &ann, "mm");
    const char *b = house_join(&h, &ann, s, &bob, "admin");
    const char *c = house_join(&h, &ann, s, &cat, "member");
    const char *list = house_get(&h, &cat, "list-members?sortBy=role", 200);
    assert_string_equal(house_at(&h, list, "members.0.id"), b);
    list = house_get(&h, &cat, "list-members?sortBy=role&sortDirection=desc&limit=1", 200);
    assert_string_equal(house_at(&h, list, "members.0.role"), "owner");
    assert_string_equal(house_at(&h, list, "members.1"), "");
    assert_string_equal(house_at(&h, list, "total"), "3");
    list = house_get(&h, &cat, "list-members?limit=1&offset=1&sortBy=role", 200);
    assert_string_equal(house_at(&h, list, "members.0.id"), c);
    list = house_get(&h, &cat,
                     "list-members?filterField=role&filterValue=owner&"
                     "filterOperator=ne&limit=1",
                     200);
    assert_string_equal(house_at(&h, list, "total"), "2");
    list = house_get(&h, &cat,
                     "list-members?filterField=role&filterValue=OWN&"
                     "filterOperator=contains",
                     200);
    assert_string_equal(house_at(&h, list, "total"), "1");
    list = house_get(&h, &cat,
                     "list-members?filterField=role&filterValue=owner&"
                     "filterValue=admin&filterOperator=in",
                     200);
    assert_string_equal(house_at(&h, list, "total"), "2");
    list = house_get(&h, &cat,
                     "list-members?filterField=createdAt&filterOperator=gt&filterValue="
                     "2020-01-01T00%3A00%3A00.000Z",
                     200);
    assert_string_equal(house_at(&h, list, "total"), "3");

    rights(s, b, c);
    permissions(s);
    going(s);
}

static void slugs(void **state)
{
    (void)state;
    const char *s = house_space(&h, &ann, "first");
    SAME(house_post(&h, &ann, "check-slug", "{\"slug\":\"first\"}", 400),
         "{\"message\":\"Organization slug already taken\",\"code\":"
         "\"ORGANIZATION_SLUG_ALREADY_TAKEN\"}");
    house_refused(&h, &ann, "POST", "check-slug", "{\"slug\":\"metrics\"}", 400,
                  "ORGANIZATION_SLUG_ALREADY_TAKEN");
    SAME(house_post(&h, &ann, "check-slug", "{\"slug\":\"second\"}", 200), "{\"status\":true}");
    house_refused(&h, &bob, "POST", "create",
                  "{\"name\":\"A\",\"slug\":\"first\",\"metadata\":{\"type\":\"team\"}}", 400,
                  "ORGANIZATION_ALREADY_EXISTS");
    house_refused(&h, &bob, "POST", "create",
                  "{\"name\":\"A\",\"slug\":\"api\",\"metadata\":{\"type\":\"team\"}}", 400,
                  "ORGANIZATION_ALREADY_EXISTS");
    const char *fmt = "{\"organizationId\":\"%s\",\"data\":{\"slug\":\"%s\"}}";
    house_refused(&h, &ann, "POST", "update", house_text(&h, fmt, s, "ann"), 400,
                  "ORGANIZATION_SLUG_ALREADY_TAKEN");
    house_refused(&h, &ann, "POST", "update", house_text(&h, fmt, s, "login"), 400,
                  "ORGANIZATION_SLUG_ALREADY_TAKEN");
    house_post(&h, &ann, "update", house_text(&h, fmt, s, "second"), 200);
    house_post(&h, &ann, "update", house_text(&h, fmt, s, "third"), 200);
    /* The old ones lead there … */
    SAME(house_get(&h, &ann, "/api/v1/slugs/first", 200), "{\"id\":\"%s\",\"slug\":\"third\"}", s);
    SAME(house_get(&h, &ann, "/api/v1/slugs/second", 200), "{\"id\":\"%s\",\"slug\":\"third\"}", s);
    assert_string_equal(
        house_at(&h, house_post(&h, &ann, "set-active", "{\"organizationSlug\":\"first\"}", 200),
                 "id"),
        s);
    /* … until another space takes one by name; one that we choose does not. */
    const char *local = "{\"localId\":\"_space:01890000-0000-7000-8000-000000000001\",\"name\":"
                        "\"N\",\"slug\":\"second\",\"type\":\"team\"}";
    const char *taken = house_post(&h, &bob, "/api/v1/spaces", local, 200);
    assert_string_equal(house_at(&h, taken, "slug"), "second-2");
    house_space(&h, &bob, "first");
    house_refused(&h, &ann, "GET", "/api/v1/slugs/first", NULL, 404, "NOT_FOUND");
    /* Back to an own old one. */
    house_post(&h, &ann, "update", house_text(&h, fmt, s, "second"), 200);
    SAME(house_get(&h, &ann, "/api/v1/slugs/third", 200), "{\"id\":\"%s\",\"slug\":\"second\"}", s);
    /* Old names do not pile up without end. */
    for (int i = 0; i < 80; i++)
        house_post(&h, &ann, "update",
                   house_text(&h, "{\"organizationId\":\"%s\",\"data\":{\"slug\":\"s-%d\"}}", s, i),
                   200);
    assert_true(house_count(&h, "SELECT COUNT(*) AS n FROM old_slugs WHERE space = ?1", s) <= 50);
}

static void for_good(const char *s, const char *undo)
{
    /* thirty days, then for good */
    house_post(&h, &ann, "delete", house_text(&h, "{\"organizationId\":\"%s\"}", s), 200);
    h.now += INT64_C(30) * 86400000 - 1;
    KIT_OK(&h.kit, spaces_sweep(h.kit.sql, h.now, &h.kit.error));
    assert_int_equal(house_count(&h, "SELECT COUNT(*) AS n FROM spaces WHERE id = ?1", s), 1);
    h.now += 2;
    house_refused(&h, &ann, "POST", undo, NULL, 404, "NOT_FOUND");
    KIT_OK(&h.kit, spaces_sweep(h.kit.sql, h.now, &h.kit.error));
    assert_int_equal(house_count(&h, "SELECT COUNT(*) AS n FROM spaces WHERE id = ?1", s), 0);
    assert_int_equal(house_count(&h, "SELECT COUNT(*) AS n FROM members WHERE space = ?1", s), 0);
    assert_int_equal(house_count(&h, "SELECT COUNT(*) AS n FROM invitations WHERE space = ?1", s),
                     0);
}

static void deleting(void **state)
{
    (void)state;
    const char *s = house_space(&h, &ann, "dd");
    house_join(&h, &ann, s, &bob, "admin");
    const char *path = house_text(&h, "/api/v1/spaces/%s/delete", s);
    const char *undo = house_text(&h, "/api/v1/spaces/%s/undelete", s);
    house_refused(&h, &ann, "POST", path, "{\"name\":\"dd\"}", 400, "BAD_CHANGE");
    house_refused(&h, &ann, "POST", path, "{}", 400, "BAD_CHANGE");
    house_refused(&h, &ann, "POST", path, NULL, 400, "BAD_CHANGE");
    house_refused(&h, &bob, "POST", path, "{\"name\":\"The dd\"}", 403, "NOT_ALLOWED");
    house_refused(&h, &bob, "POST", "delete", house_text(&h, "{\"organizationId\":\"%s\"}", s), 403,
                  "YOU_ARE_NOT_ALLOWED_TO_DELETE_THIS_ORGANIZATION");
    house_refused(&h, &ann, "POST", undo, NULL, 404, "NOT_FOUND"); /* it lives */
    const char *mail =
        house_at(&h,
                 house_post(&h, &ann, "invite-member",
                            house_text(&h,
                                       "{\"email\":\"cat@example.com\",\"role\":\"member\","
                                       "\"organizationId\":\"%s\"}",
                                       s),
                            200),
                 "id");
    house_post(&h, &ann, path, "{\"name\":\"The dd\"}", 200);

    /* gone for all at once, by every path */
    struct arena arena;
    const char *role;
    arena_init(&arena, 4096);
    KIT_OK(&h.kit, spaces_role(h.kit.sql, &arena, s, ann.id, &role, &h.kit.error));
    assert_null(role);
    arena_release(&arena);
    assert_null(strstr(house_get(&h, &bob, "list", 200), s));
    assert_null(strstr(house_get(&h, &bob, "/api/v1/spaces?deleted=1", 200), s)); /* no owner */
    house_refused(&h, &bob, "GET", house_text(&h, "get-organization?organizationId=%s", s), NULL,
                  400, "ORGANIZATION_NOT_FOUND");
    house_refused(&h, &cat, "POST", "accept-invitation",
                  house_text(&h, "{\"invitationId\":\"%s\"}", mail), 400, "INVITATION_NOT_FOUND");
    house_refused(&h, &bob, "POST", "leave", house_text(&h, "{\"organizationId\":\"%s\"}", s), 400,
                  "MEMBER_NOT_FOUND");
    house_refused(&h, &ann, "GET", "/api/v1/slugs/dd", NULL, 404, "NOT_FOUND");
    house_refused(&h, &ann, "POST", path, "{\"name\":\"The dd\"}", 404, "NOT_FOUND");
    assert_null(strstr(house_get(&h, &ann, "/api/v1/spaces", 200), s));
    const char *list = house_get(&h, &ann, "/api/v1/spaces?deleted=1", 200);
    assert_string_equal(house_at(&h, list, "spaces.1.slug"), "dd");
    assert_string_equal(house_at(&h, list, "spaces.1.deletedAt"), AT);
    assert_string_equal(house_at(&h, list, "spaces.0.deletedAt"), "null");

    /* back by its owner, with its slug, or near it when that was taken */
    house_refused(&h, &bob, "POST", undo, NULL, 404, "NOT_FOUND");
    house_refused(&h, &cat, "POST", undo, NULL, 404, "NOT_FOUND");
    SAME(house_post(&h, &ann, undo, NULL, 200), "{\"id\":\"%s\",\"slug\":\"dd\",\"created\":false}",
         s);
    house_get(&h, &bob, house_text(&h, "get-organization?organizationId=%s", s), 200);
    house_post(&h, &ann, "delete", house_text(&h, "{\"organizationId\":\"%s\"}", s), 200);
    house_space(&h, &cat, "dd");
    SAME(house_post(&h, &ann, undo, NULL, 200),
         "{\"id\":\"%s\",\"slug\":\"dd-2\",\"created\":false,\"renamed\":true}", s);
    for_good(s, undo);
}

static void offline(void **state)
{
    (void)state;
#define LOCAL(n) "_space:01890000-0000-7000-8000-0000000000" n
    static const char body[] = "{\"localId\":\"" LOCAL("02") "\",\"name\":\"Marke\",\"slug\":"
                                                             "\"marke\",\"type\":\"brand\"}";
    const char *made = house_post(&h, &ann, "/api/v1/spaces", body, 200);
    const char *id = house_at(&h, made, "id");
    SAME(made, "{\"id\":\"%s\",\"slug\":\"marke\",\"created\":true}", id);
    SAME(house_post(&h, &ann, "/api/v1/spaces", body, 200),
         "{\"id\":\"%s\",\"slug\":\"marke\",\"created\":false}", id);
    /* The same local id of another account is another space; the slug is taken. */
    made = house_post(&h, &bob, "/api/v1/spaces", body, 200);
    assert_string_not_equal(house_at(&h, made, "id"), id);
    assert_string_equal(house_at(&h, made, "slug"), "marke-2");
    assert_string_equal(house_at(&h, made, "renamed"), "true");
    /* No slug, or none that could be one: from the name. */
    made = house_post(&h, &cat, "/api/v1/spaces",
                      "{\"localId\":\"" LOCAL("03") "\",\"name\":\"Mein  Laden!\",\"slug\":\"../x\""
                                                    ",\"type\":\"brand\"}",
                      200);
    assert_string_equal(house_at(&h, made, "slug"), "mein-laden");
    made = house_post(&h, &cat, "/api/v1/spaces",
                      "{\"localId\":\"" LOCAL("04") "\",\"name\":\"\xe5\xae\xb6\","
                                                    "\"type\":\"family\"}",
                      200);
    assert_string_equal(house_at(&h, made, "slug"), "space-2"); /* "space" is reserved */
    /* the sentinel of the personal space: one's own only (G-U4) */
    const char *fmt =
        "{\"localId\":\"_personal:%s\",\"name\":\"x\",\"slug\":\"x\",\"type\":\"%s\"}";
    SAME(house_post(&h, &ann, "/api/v1/spaces", house_text(&h, fmt, ann.id, "personal"), 200),
         "{\"id\":\"%s\",\"slug\":\"ann\",\"created\":false}", ann.personal);
    house_refused(&h, &ann, "POST", "/api/v1/spaces", house_text(&h, fmt, bob.id, "personal"), 403,
                  "NOT_ALLOWED");
    house_refused(&h, &ann, "POST", "/api/v1/spaces", house_text(&h, fmt, ann.id, "team"), 400,
                  "IMMUTABLE_FIELD");
    static const struct {
        const char *body, *code;
        int status;
    } bad[] = {
        {"{}", "BAD_CHANGE", 400},
        {"{\"localId\":\"" LOCAL("05") "\",\"name\":\"N\"}", "SPACE_METADATA_INVALID", 400},
        {"{\"localId\":\"" LOCAL("05") "\",\"name\":\"N\",\"type\":\"x\"}",
         "SPACE_METADATA_INVALID", 400},
        {"{\"localId\":\"" LOCAL("05") "\",\"name\":\"N\",\"type\":\"personal\"}", "NOT_ALLOWED",
         403},
        {"{\"localId\":\"_space:x\",\"name\":\"N\",\"type\":\"team\"}", "BAD_CHANGE", 400},
        {"{\"localId\":\"x\",\"name\":\"N\",\"type\":\"team\"}", "BAD_CHANGE", 400},
        {"{\"localId\":\"" LOCAL("05") "\",\"name\":\" \",\"type\":\"team\"}", "BAD_CHANGE", 400},
        {"{\"localId\":\"" LOCAL("05") "\",\"name\":\"a\\u0000b\",\"type\":\"team\"}", "BAD_CHANGE",
         400},
        {"{\"localId\":\"" LOCAL("05") "\",\"name\":\"a\\nb\",\"type\":\"team\"}", "BAD_CHANGE",
         400},
        {"[]", "VALIDATION_ERROR", 400},
        {"{", "BAD_JSON", 400},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        house_refused(&h, &ann, "POST", "/api/v1/spaces", bad[i].body, bad[i].status, bad[i].code);
    /* What was deleted since is not made again. */
    house_post(&h, &ann, "delete", house_text(&h, "{\"organizationId\":\"%s\"}", id), 200);
    house_refused(&h, &ann, "POST", "/api/v1/spaces", body, 404, "NOT_FOUND");
    char *list = arena_str(&h.arena, house_get(&h, &ann, "/api/v1/spaces", 200));
    char *epoch = strstr(list, ",\"epoch\":\"");
    assert_non_null(epoch);
    *epoch = '\0'; /* of the database, random */
    SAME(list,
         "{\"spaces\":[{\"id\":\"%s\",\"name\":\"ann\",\"slug\":\"ann\",\"type\":\"personal\","
         "\"role\":\"owner\",\"tier\":\"public\",\"createdAt\":\"" AT "\",\"personal\":true,"
         "\"memberCount\":1,\"deletedAt\":null}]",
         ann.personal);
}

static void gone(void **state)
{
    (void)state;
    const char *heir_admin = house_space(&h, &ann, "g1");
    house_join(&h, &ann, heir_admin, &bob, "member");
    house_join(&h, &ann, heir_admin, &cat, "admin");
    const char *alone = house_space(&h, &ann, "g2");
    const char *shared = house_space(&h, &bob, "g3");
    house_join(&h, &bob, shared, &ann, "owner");
    house_post(&h, &ann, "invite-member",
               house_text(&h,
                          "{\"email\":\"new@x.org\",\"role\":\"member\",\"organizationId\":"
                          "\"%s\"}",
                          shared),
               200);
    house_post(&h, &bob, "invite-member",
               house_text(&h,
                          "{\"email\":\"cat@example.com\",\"role\":\"member\","
                          "\"organizationId\":\"%s\"}",
                          shared),
               200);
    struct sql *c = h.kit.sql;
    struct raum_error *e = &h.kit.error;
    KIT_OK(&h.kit, sql_begin(c, e));
    KIT_OK(&h.kit, spaces_account_gone(c, ann.id, e));
    KIT_OK(&h.kit, sql_run(c, e, "DELETE FROM accounts WHERE id = ?1", "s", ann.id));
    KIT_OK(&h.kit, sql_end(c, 0, e));
    static const char *const left = "SELECT COUNT(*) AS n FROM spaces WHERE id = ?1";
    assert_int_equal(house_count(&h, left, ann.personal), 0);
    assert_int_equal(house_count(&h, left, alone), 0);
    assert_int_equal(house_count(&h, left, shared), 1);
    const char *list = house_get(&h, &cat,
                                 house_text(&h,
                                            "list-members?organizationId=%s&sortBy=role&"
                                            "sortDirection=desc",
                                            heir_admin),
                                 200);
    assert_string_equal(house_at(&h, list, "total"), "2");
    assert_string_equal(house_at(&h, list, "members.0.role"), "owner");
    assert_string_equal(house_at(&h, list, "members.0.userId"), cat.id);
    list = house_get(&h, &bob, house_text(&h, "list-members?organizationId=%s", shared), 200);
    assert_string_equal(house_at(&h, list, "total"), "1");
    assert_int_equal(house_count(&h,
                                 "SELECT COUNT(*) AS n FROM invitations"
                                 " WHERE inviter = ?1 AND status = 'pending'",
                                 ann.id),
                     0);
    assert_int_equal(house_count(&h,
                                 "SELECT COUNT(*) AS n FROM invitations"
                                 " WHERE space = ?1 AND status = 'pending'",
                                 shared),
                     1);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, open_house, close_house)
    const struct CMUnitTest tests[] = {
        CASE(personal), CASE(personal_names), CASE(shapes),   CASE(wordings), CASE(refusals),
        CASE(members),  CASE(slugs),          CASE(deleting), CASE(offline),  CASE(gone),
    };
    return cmocka_run_group_tests_name("spaces", tests, NULL, NULL);
}
