/* What a server says about spaces becomes true on the device: sentinels and offline-made spaces are
 * real in one transaction (G-U4), names follow, what one is not in is hidden, again has no effect.
 */
#include "engine/kit.h"

#include "engine/reconcile.h"
#include <time.h>

static char folder[128];
static struct kit_world world;
static struct raum *r;
static char told[1000];

static int set_up(void **state)
{
    (void)state;
    kit_folder(folder);
    kit_world_init(&world, 43);
    r = kit_open(folder, "anna", &world.env);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    raum_close(r);
    kit_remove(folder);
    return 0;
}

static const char *epoch = "e1";
static const struct reconcile_space personal = {"p-1", "anna", "Anna", SPACE_PERSONAL, ROLE_OWNER};
static const struct reconcile_space brand = {"b-1", "marke", "Marke", SPACE_BRAND, ROLE_OWNER};
static const struct reconcile_space club = {"c-1", "club", "Chess", SPACE_CLUB, ROLE_MEMBER};

static void hear(void *arg, enum reconcile_event event, const struct space *space,
                 const char *before)
{
    static const char *const words[] = {"joined", "left", "kept", "slug"};
    size_t len = strlen(told);
    (void)arg;
    snprintf(told + len, sizeof told - len, "%s %s %s;", words[event], space->slug, before);
}

static int meet(const struct reconcile_space *list, unsigned count,
                const struct reconcile_made *made, unsigned made_count)
{
    told[0] = '\0';
    err_clear(&error);
    return reconcile_spaces(r, list, count, made, made_count, epoch, hear, NULL, &error);
}

static const struct space *make(const char *name, int type)
{
    const struct space *s;
    OK(spaces_create(r, name, type, &s, &error));
    return s;
}

static void test_all_become_real_G_U4(void **state)
{
    (void)state;
    struct raum_handle *h = kit_scope(r, NULL), *b;
    char local[RAUM_ID_MAX];
    OK(kit_insert(h, "tags", "{\"id\":\"t1\",\"name\":\"sealed\"}", NULL));
    snprintf(local, sizeof local, "%s", make("Marke", SPACE_BRAND)->id);
    b = kit_scope(r, local);
    OK(kit_insert(b, "tags", "{\"id\":\"t2\",\"name\":\"plain\"}", NULL));
    const struct reconcile_made made = {local, "b-1", "marke-7"};
    OK(meet(&personal, 1, &made, 1));
    assert_non_null(strstr(told, "slug marke-7 marke;"));
    assert_string_equal(intern_personal(r)->id, "p-1");
    assert_string_equal(intern_personal(r)->slug, "anna");
    assert_null(intern_space_find(r, local));
    assert_null(intern_space_find(r, "_personal:anna"));
    /* The handles followed, and the rows. */
    assert_string_equal(raum_scope_space(h), "p-1");
    assert_string_equal(raum_scope_space(b), "b-1");
    assert_string_equal(kit_rows(h, "SELECT spaceId || name FROM tags"), "p-1sealed");
    assert_string_equal(kit_rows(b, "SELECT spaceId || name FROM tags"), "b-1plain");
    const struct space *s;
    OK(spaces_find(r, "personal", &s, &error));
    assert_string_equal(s->id, "p-1");
    /* Again: nothing to say, nothing to do; also with what was made the last time. */
    const struct reconcile_space both[] = {personal,
                                           {"b-1", "marke-7", "Marke", SPACE_BRAND, ROLE_OWNER}};
    OK(meet(both, 2, &made, 1));
    assert_string_equal(told, "");
    raum_handle_free(h);
    raum_handle_free(b);
}

static void test_listed_before_it_was_told(void **state) /* killed between the two */
{
    (void)state;
    char local[RAUM_ID_MAX];
    snprintf(local, sizeof local, "%s", make("Marke", SPACE_BRAND)->id);
    struct raum_handle *h = kit_scope(r, local);
    OK(kit_insert(h, "tags", "{\"id\":\"t2\",\"name\":\"plain\"}", NULL));
    const struct reconcile_space both[] = {personal, brand};
    OK(meet(both, 2, NULL, 0));
    const struct reconcile_made made = {local, "b-1", "marke"};
    OK(meet(both, 2, &made, 1));
    assert_string_equal(raum_scope_space(h), "b-1");
    assert_string_equal(kit_rows(h, "SELECT name FROM tags"), "plain");
    assert_string_equal(intern_space_find(r, "b-1")->slug, "marke");
    raum_handle_free(h);
}

static void test_who_is_in(void **state)
{
    (void)state;
    const struct reconcile_space three[] = {personal, brand, club};
    OK(meet(three, 3, NULL, 0));
    assert_non_null(strstr(told, "joined club"));
    struct raum_handle *h = kit_scope(r, "c-1");
    OK(kit_insert(h, "tags", "{\"id\":\"t1\",\"name\":\"x\"}", NULL));
    const struct space *s;
    OK(spaces_use(r, "club", &s, &error));
    /* Not in the list any more: hidden, its rows and its slug too. */
    OK(meet(three, 2, NULL, 0));
    assert_string_equal(told, "left club club;");
    REFUSED(RAUM_ENOT_FOUND, spaces_find(r, "club", &s, &error));
    struct raum_query *q = NULL;
    assert_int_not_equal(query_view(h, "SELECT * FROM tags", &q, &error), 0);
    assert_string_equal(spaces_active(r)->id, "p-1");
    OK(meet(three, 2, NULL, 0));
    assert_string_equal(told, "");
    /* Another space may have the slug now. */
    const struct reconcile_space other[] = {
        personal, brand, {"c-2", "club", "Rowing", SPACE_CLUB, ROLE_ADMIN}};
    OK(meet(other, 3, NULL, 0));
    OK(spaces_find(r, "club", &s, &error));
    assert_string_equal(s->id, "c-2");
    /* And back in, with another role and name: the rows are there again. */
    const struct reconcile_space four[] = {
        personal, brand, other[2], {"c-1", "club-2", "Chess", SPACE_CLUB, ROLE_ADMIN}};
    OK(meet(four, 4, NULL, 0));
    assert_string_equal(kit_rows(h, "SELECT name FROM tags"), "x");
    assert_int_equal(intern_space_find(r, "c-1")->role, ROLE_ADMIN);
    raum_handle_free(h);
}

static void test_stand_in_makes_room(void **state)
{
    (void)state;
    char local[RAUM_ID_MAX];
    snprintf(local, sizeof local, "%s", make("Marke", SPACE_BRAND)->id);
    const struct reconcile_space both[] = {personal, brand};
    OK(meet(both, 2, NULL, 0)); /* the server could not make ours this time */
    assert_string_equal(intern_space_find(r, local)->slug, "marke-2");
    assert_string_equal(intern_space_find(r, "b-1")->slug, "marke");
    OK(meet(both, 2, NULL, 0));
    assert_string_equal(intern_space_find(r, local)->slug, "marke-2");
}

static void test_a_server_that_errs(void **state)
{
    (void)state;
    const struct reconcile_space both[] = {personal, brand};
    OK(meet(both, 2, NULL, 0));
    const struct reconcile_space another[] = {{"p-2", "anna", "Anna", SPACE_PERSONAL, ROLE_OWNER},
                                              {"n-1", "new", "New", SPACE_TEAM, ROLE_OWNER}};
    REFUSED(RAUM_ECORRUPT, meet(another, 2, NULL, 0));
    const struct reconcile_space retyped[] = {personal,
                                              {"n-1", "new", "New", SPACE_TEAM, ROLE_OWNER},
                                              {"b-1", "marke", "Marke", SPACE_TEAM, ROLE_OWNER}};
    REFUSED(RAUM_ECORRUPT, meet(retyped, 3, NULL, 0));
    const struct reconcile_space as_personal[] = {
        personal, {"b-1", "marke", "Marke", SPACE_PERSONAL, ROLE_OWNER}};
    REFUSED(RAUM_ECORRUPT, meet(as_personal, 2, NULL, 0));
    const struct reconcile_space odd[] = {personal, {"o-1", "o", "O", -1, ROLE_OWNER}};
    REFUSED(RAUM_EBAD_CHANGE, meet(odd, 2, NULL, 0));
    /* Nothing of any of it stayed. */
    assert_string_equal(told, "");
    assert_null(intern_space_find(r, "n-1"));
    assert_string_equal(intern_personal(r)->id, "p-1");
    assert_int_equal(intern_space_find(r, "b-1")->type, SPACE_BRAND);
    /* A local brand never becomes the personal space. K1 */
    char local[RAUM_ID_MAX];
    snprintf(local, sizeof local, "%s", make("Offen", SPACE_BRAND)->id);
    const struct reconcile_made made = {local, "p-1", "anna"};
    REFUSED(RAUM_ENOT_ALLOWED, meet(both, 2, &made, 1));
    assert_non_null(intern_space_find(r, local));
}

/* Any list after any other: what the device shows is the last list and its own stand-ins. */
static void test_any_order(void **state)
{
    (void)state;
    const char *given = getenv("RAUM_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL), at = seed;
    char ids[8][8], slugs[8][16], local[RAUM_ID_MAX] = "";
    print_message("seed %llu\n", (unsigned long long)seed);
    for (int i = 0; i < 8; i++)
        snprintf(ids[i], sizeof ids[i], "s-%d", i);
    for (int round = 0; round < 200; round++) {
        struct reconcile_space list[9] = {personal};
        struct reconcile_made made;
        unsigned count = 1, made_count = 0;
        bool in[8];
        for (int i = 0; i < 8; i++) {
            in[i] = kit_random(&at) % 2;
            snprintf(slugs[i], sizeof slugs[i], "slug-%d", (i + round) % 8);
            if (in[i])
                list[count++] =
                    (struct reconcile_space){ids[i], slugs[i], "Name", 1 + i % 5,
                                             kit_random(&at) % 2 ? ROLE_OWNER : ROLE_MEMBER};
        }
        if (!local[0] && kit_random(&at) % 4 == 0)
            snprintf(local, sizeof local, "%s", make("Slug 1", SPACE_BRAND)->id);
        else if (local[0] && in[5] && kit_random(&at) % 2) {
            made = (struct reconcile_made){local, "s-0", slugs[0]};
            made_count = in[0] && intern_space_find(r, "s-0") ? 1 : 0;
        }
        OK(meet(list, count, &made, made_count));
        if (made_count)
            local[0] = '\0';
        unsigned live = 0;
        for (uint32_t i = 1; i < r->space_count; i++) {
            const struct space *s = intern_space(r, i);
            if (!s || s->type < 0 || s->role == ROLE_NONE)
                continue;
            live++;
            assert_ptr_equal(intern_space_slug(r, s->slug), s); /* each slug once */
        }
        assert_int_equal(live, count + (local[0] != '\0'));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_all_become_real_G_U4, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_listed_before_it_was_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_who_is_in, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stand_in_makes_room, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_server_that_errs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_any_order, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
