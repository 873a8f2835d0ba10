/* The write path: what is refused leaves nothing behind (G-S11), what never changes (G-T7), whose
 * word counts (G-T12), what others hid (G-T9), slots (G-T10), unknown fields (G-S16), and hostile
 * input (G-O3). */
#include "engine/kit.h"

static char folder[128];
static struct kit_world world;
static struct raum *r;
static struct raum_handle *own, *team, *account;

static int set_up(void **state)
{
    (void)state;
    kit_folder(folder);
    kit_world_init(&world, 21);
    r = kit_open(folder, "anna", &world.env);
    kit_join(r, "team", SPACE_TEAM, ROLE_MEMBER);
    own = kit_scope(r, NULL);
    team = kit_scope(r, "team");
    OK(raum_account_new(r, &account, &error));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    raum_close(r);
    kit_remove(folder);
    return 0;
}

/* All that a write may leave behind: rows, stamps, dirty marks, names. Not the clock, which only
 * goes forward. */
static int64_t traces(void)
{
    return kit_raw(
        r, "SELECT (SELECT total(n * 7 + length(stamps) + length(id)) FROM data_meImages) + "
           "(SELECT total(n + length(stamps)) FROM data_meSlots) + "
           "(SELECT total(n + length(stamps)) FROM data_tags) + "
           "(SELECT total(n + length(stamps)) FROM data_userSettings) + "
           "(SELECT total(fields * 3 + n) FROM dirty) + (SELECT count(*) FROM accounts) * 1000 + "
           "(SELECT count(*) FROM actors) * 100 + (SELECT count(*) FROM keys)");
}

#define NOTHING_AFTER(code, call)                                                                  \
    do {                                                                                           \
        int64_t left_before = traces();                                                            \
        REFUSED(code, call);                                                                       \
        assert_int_equal(traces(), left_before);                                                   \
    } while (0)

/* What a member of the server's team wrote arrives here. */
static void arrives(const char *table, const char *id, const char *author, const char *visibility,
                    const char *subject)
{
    struct arena a;
    int changed;
    const struct schema_table *t = schema_table(table);
    struct row row = {.table = t, .space = intern_space_find(r, "team")->ref, .id = id};
    arena_init(&a, 1 << 20);
    OK(replica_begin(r, &error));
    OK(intern_account_ref(r, author, &row.author, &error));
    uint32_t device, who;
    OK(intern_actor_ref(r, row.author, "elsewhere", "", &device, &error));
    OK(intern_account_ref(r, subject ? subject : author, &who, &error));
    row.stamps.row = (struct stamp){.at = clock_at(1600000000000, 0), .actor = device};
    for (int i = 0; i < row_count(t); i++) {
        const struct schema_field *f = row_field(t, i);
        const char *text = f->tag == TAG_VISIBILITY       ? visibility
                           : f->tag == TAG_CREATED_AT     ? "2020-01-01T00:00:00.000Z"
                           : strcmp(f->name, "slot") == 0 ? strchr(id, ':') + 1
                           : f->tag == TAG_DELETED_AT     ? NULL
                                                          : "x";
        if (f->type == TYPE_ACCOUNT)
            row.values[i] = (struct value){.kind = VALUE_INT, .i = who};
        else if (f->type == TYPE_BOOL)
            row.values[i] = (struct value){.kind = VALUE_INT, .i = 1};
        else if (f->type == TYPE_TEXTS)
            row.values[i] = (struct value){.kind = VALUE_TEXT, .len = 2, .text = "[]"};
        else if (text && (f->type == TYPE_TEXT || f->type == TYPE_TIME))
            row.values[i] =
                (struct value){.kind = VALUE_TEXT, .len = (uint32_t)strlen(text), .text = text};
    }
    OK(store_merge(r, &row, false, &a, &changed, &error));
    OK(replica_commit(r, &error));
    arena_release(&a);
}

/* ---- G-T5 ---- */

static void test_not_ready_G_T5(void **state)
{
    (void)state;
    struct raum_handle *h;
    struct raum_query *q;
    struct buf out;
    char id[RAUM_ID_MAX] = "untouched";
    OK(raum_scope_new(r, &h, &error));
    buf_init(&out, 1000);
    for (int again = 0; again < 2; again++) {
        assert_null(raum_scope_space(h));
        for (const struct schema_table *t = schema_tables; t->name; t++) {
            if (t->level != LEVEL_SPACE)
                continue;
            NOTHING_AFTER(RAUM_ESCOPE_NOT_READY,
                          kit_insert(h, t->name, "{\"slot\":\"avatar\"}", id));
            NOTHING_AFTER(RAUM_ESCOPE_NOT_READY, kit_update(h, t->name, "x", "{}"));
            NOTHING_AFTER(RAUM_ESCOPE_NOT_READY, raum_delete(h, t->name, "x", &error));
            NOTHING_AFTER(RAUM_ESCOPE_NOT_READY, raum_restore(h, t->name, "x", &error));
            REFUSED(RAUM_ESCOPE_NOT_READY, store_get(h, t->name, "x", true, &out, &error));
        }
        REFUSED(RAUM_ESCOPE_NOT_READY, query_view(h, "SELECT count(*) FROM tags", &q, &error));
        REFUSED(RAUM_ESCOPE_NOT_READY, raum_query_new(h, "SELECT count(*) FROM tags", &q, &error));
        assert_string_equal(id, "untouched");
        /* Ready once, and unset again: the same. */
        OK(raum_scope_set(h, "team", &error));
        assert_int_equal(kit_int(h, "SELECT count(*) FROM tags"), 0); /* empty is another answer */
        OK(raum_scope_set(h, NULL, &error));
    }
    buf_release(&out);
    raum_handle_free(h);
}

static void test_wrong_handle(void **state)
{
    (void)state;
    struct raum_handle *across;
    char id[RAUM_ID_MAX];
    OK(raum_across_new(r, &across, &error));
    NOTHING_AFTER(RAUM_ENOT_ALLOWED, kit_insert(across, "tags", "{\"name\":\"x\"}", id));
    NOTHING_AFTER(RAUM_EUNKNOWN_TABLE, kit_insert(across, "userSettings", "{}", id));
    NOTHING_AFTER(RAUM_EUNKNOWN_TABLE, kit_insert(own, "userSettings", "{}", id));
    NOTHING_AFTER(RAUM_EUNKNOWN_TABLE, kit_insert(account, "tags", "{\"name\":\"x\"}", id));
    NOTHING_AFTER(RAUM_EUNKNOWN_TABLE, kit_insert(own, "data_tags", "{}", id));
    NOTHING_AFTER(RAUM_EUNKNOWN_TABLE, kit_insert(own, "spaces", "{}", id));
    NOTHING_AFTER(RAUM_EUNKNOWN_TABLE, kit_insert(own, "", "{}", id));
    REFUSED(RAUM_EUSAGE, raum_scope_set(across, "team", &error));
    REFUSED(RAUM_EUSAGE, raum_scope_set(account, "team", &error));
    REFUSED(RAUM_ENOT_ALLOWED, raum_handle_agent(across, "bot", &error));
    raum_handle_free(across);
}

/* ---- G-T1, G-T7 ---- */

static void test_immutable_G_T7(void **state)
{
    (void)state;
    char id[RAUM_ID_MAX];
    OK(kit_insert(team, "meImages", "{\"createdAt\":\"2021-05-05T05:05:05Z\"}", id));
    static const char *const tries[] = {
        "{\"spaceId\":\"_personal:anna\"}",
        "{\"spaceId\":null}",
        "{\"authorId\":\"bert\"}",
        "{\"authorId\":null}",
        "{\"createdAt\":\"2022-01-01T00:00:00Z\"}",
        "{\"subjectId\":\"bert\"}",
        "{\"userId\":\"anna\"}",
        "{\"userId\":null}",
        "{\"id\":\"other\"}",
        "{\"id\":null}",
        "{\"label\":\"x\",\"spaceId\":\"team2\"}",
        "{\"\\u0073paceId\":\"x\"}",
        "{\"label\":\"x\",\"width\":5,\"authorId\":\"bert\"}",
    };
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++)
        NOTHING_AFTER(RAUM_EIMMUTABLE_FIELD, kit_update(team, "meImages", id, tries[i]));
    NOTHING_AFTER(RAUM_EBAD_CHANGE, kit_update(team, "meImages", id, "{\"createdAt\":null}"));
    NOTHING_AFTER(RAUM_EBAD_CHANGE,
                  kit_update(team, "meImages", id, "{\"updatedAt\":\"2022-01-01T00:00:00Z\"}"));
    NOTHING_AFTER(RAUM_EBAD_CHANGE,
                  kit_update(team, "meImages", id, "{\"deletedAt\":\"2022-01-01T00:00:00Z\"}"));
    NOTHING_AFTER(RAUM_EBAD_CHANGE,
                  kit_update(team, "meImages", id, "{\"primaryFor\":\"avatar\"}"));
    /* Said again as they are: fine, and nothing is written. */
    int64_t before = traces();
    char same[600];
    snprintf(same, sizeof same,
             "{\"id\":\"%s\",\"spaceId\":\"team\",\"authorId\":\"anna\",\"subjectId\":\"anna\","
             "\"createdAt\":\"2021-05-05T05:05:05.000Z\",\"kind\":\"reference\",\"label\":null}",
             id);
    OK(kit_update(team, "meImages", id, same));
    assert_int_equal(traces(), before);
    /* On insert, too: only what is so anyway (G-T1: never both owners). */
    char other[RAUM_ID_MAX];
    NOTHING_AFTER(
        RAUM_EIMMUTABLE_FIELD,
        kit_insert(team, "tags", "{\"name\":\"x\",\"spaceId\":\"_personal:anna\"}", other));
    NOTHING_AFTER(RAUM_EIMMUTABLE_FIELD,
                  kit_insert(team, "tags", "{\"name\":\"x\",\"authorId\":\"bert\"}", other));
    NOTHING_AFTER(RAUM_EIMMUTABLE_FIELD,
                  kit_insert(team, "tags", "{\"name\":\"x\",\"userId\":\"anna\"}", other));
    NOTHING_AFTER(RAUM_EIMMUTABLE_FIELD,
                  kit_insert(account, "userSettings", "{\"userId\":\"anna\"}", other));
    NOTHING_AFTER(RAUM_EIMMUTABLE_FIELD,
                  kit_insert(account, "userSettings", "{\"spaceId\":\"team\"}", other));
    OK(kit_insert(team, "tags", "{\"name\":\"x\",\"spaceId\":\"team\",\"authorId\":\"anna\"}",
                  other));
}

static void test_no_row_has_both_owners_G_T1(void **state)
{
    (void)state;
    char id[RAUM_ID_MAX];
    OK(kit_insert(account, "userSettings", "{\"theme\":\"dark\",\"new\":1}", id));
    const char *user = kit_get(account, "userSettings", id, false);
    assert_null(strstr(user, "\"spaceId\""));
    assert_null(strstr(user, "\"authorId\""));
    assert_null(strstr(user, "\"visibility\""));
    NOTHING_AFTER(RAUM_EBAD_CHANGE,
                  kit_update(account, "userSettings", id, "{\"visibility\":\"private\"}"));
    OK(kit_insert(team, "tags", "{\"name\":\"x\"}", id));
    const char *scoped = kit_get(team, "tags", id, false);
    assert_non_null(strstr(scoped, "\"visibility\":\"space\""));
    assert_null(strstr(scoped, "\"userId\""));
    assert_non_null(strstr(scoped, "\"spaceId\":\"team\""));
    assert_non_null(strstr(scoped, "\"authorId\":\"anna\""));
    for (const struct schema_table *t = schema_tables; t->name; t++) {
        struct scope_column columns[SCOPE_COLUMNS_MAX + 1];
        size_t count = scope_columns(t, columns, SCOPE_COLUMNS_MAX + 1);
        bool space = false;
        assert_true(count <= SCOPE_COLUMNS_MAX);
        for (size_t i = 0; i < count; i++) {
            assert_string_not_equal(columns[i].name, "userId");
            space |= strcmp(columns[i].name, "spaceId") == 0;
        }
        assert_int_equal(space, t->level == LEVEL_SPACE);
    }
}

/* ---- G-T9: what another member keeps private is not there ---- */

static void test_private_of_another_G_T9(void **state)
{
    (void)state;
    char other[RAUM_ID_MAX], text[RAUM_ERROR_TEXT_MAX];
    arrives("meImages", "secret", "bert", "private", NULL);
    arrives("tags", "hidden", "bert", "private", NULL);
    arrives("wardrobeGarments", "coat", "bert", "space", NULL);
    for (int role = ROLE_MEMBER; role <= ROLE_OWNER; role++) {
        OK(replica_begin(r, &error));
        struct space space = *intern_space_find(r, "team");
        space.role = role;
        OK(intern_space_put(r, &space, &error));
        OK(replica_commit(r, &error));
        REFUSED(RAUM_ENOT_FOUND, kit_update(team, "meImages", "secret", "{\"label\":\"y\"}"));
        snprintf(text, sizeof text, "%s", error.text);
        REFUSED(RAUM_ENOT_FOUND, kit_update(team, "meImages", "nothing", "{\"label\":\"y\"}"));
        assert_string_equal(strstr(text, "secret") + strlen("secret"),
                            strstr(error.text, "nothing") + strlen("nothing"));
        NOTHING_AFTER(RAUM_ENOT_FOUND,
                      kit_update(team, "meImages", "secret", "{\"visibility\":\"space\"}"));
        NOTHING_AFTER(RAUM_ENOT_FOUND, raum_delete(team, "meImages", "secret", &error));
        NOTHING_AFTER(RAUM_ENOT_FOUND, raum_restore(team, "meImages", "secret", &error));
        assert_string_equal(kit_get(team, "meImages", "secret", true), "");
        assert_string_equal(kit_get(team, "tags", "hidden", true), "");
        assert_int_equal(kit_int(team, "SELECT count(*) FROM meImages WHERE id = 'secret'"), 0);
        assert_int_equal(kit_int(team, "SELECT count(*) FROM tags WHERE visibility = 'private'"),
                         0);
    }
    struct raum_handle *across;
    OK(raum_across_new(r, &across, &error));
    assert_int_equal(kit_int(across, "SELECT count(*) FROM across_meImages WHERE id = 'secret'"),
                     0);
    raum_handle_free(across);
    /* My own private rows are mine to see. */
    OK(kit_insert(team, "tags", "{\"name\":\"x\",\"visibility\":\"private\"}", other));
    assert_int_equal(kit_int(team, "SELECT count(*) FROM tags WHERE visibility = 'private'"), 1);
    assert_string_not_equal(kit_get(team, "tags", other, false), "");
    /* Nor do derived values tell of it. */
    arrives("wardrobeWears", "wear", "bert", "private", NULL);
    OK(db_exec(r->db, "UPDATE data_wardrobeWears SET garmentId = 'coat', wornAt = '2020-02-02'",
               &error));
    assert_string_equal(kit_rows(team, "SELECT wearCount, lastWornAt FROM wardrobeGarments"), "0|");
    OK(db_exec(r->db, "UPDATE data_wardrobeWears SET visibility = 'space'", &error));
    assert_string_equal(kit_rows(team, "SELECT wearCount, lastWornAt FROM wardrobeGarments"),
                        "1|2020-02-02");
    arrives("meImages", "shown", "bert", "space", NULL);
    arrives("meSlots", "bert:avatar", "bert", "private", "bert");
    OK(db_exec(r->db, "UPDATE data_meSlots SET imageId = 'shown'", &error));
    assert_string_equal(kit_rows(team, "SELECT primaryFor FROM meImages WHERE id = 'shown'"), "");
    OK(db_exec(r->db, "UPDATE data_meSlots SET visibility = 'space'", &error));
    assert_string_equal(kit_rows(team, "SELECT primaryFor FROM meImages WHERE id = 'shown'"),
                        "avatar");
}

/* ---- G-T12 ---- */

static void test_consent_G_T12(void **state)
{
    (void)state;
    char id[RAUM_ID_MAX];
    arrives("meImages", "theirs", "bert", "space", NULL);
    OK(kit_update(team, "meImages", "theirs", "{\"usage.aiReference\":false}")); /* off: anybody */
    NOTHING_AFTER(RAUM_ENOT_ALLOWED,
                  kit_update(team, "meImages", "theirs", "{\"usage.aiReference\":true}"));
    NOTHING_AFTER(RAUM_ENOT_ALLOWED,
                  kit_update(team, "meImages", "theirs",
                             "{\"usage\\u002eaiReference\":true,\"label\":\"z\"}"));
    NOTHING_AFTER(
        RAUM_ENOT_ALLOWED,
        kit_insert(team, "meImages", "{\"subjectId\":\"bert\",\"usage.aiReference\":true}", id));
    NOTHING_AFTER(
        RAUM_ENOT_ALLOWED,
        kit_insert(team, "meImages", "{\"usage.aiReference\":true,\"subjectId\":\"bert\"}", id));
    NOTHING_AFTER(RAUM_ENOT_ALLOWED,
                  kit_update(team, "meImages", "theirs", "{\"visibility\":\"private\"}"));
    NOTHING_AFTER(RAUM_EIMMUTABLE_FIELD,
                  kit_update(team, "meImages", "theirs", "{\"subjectId\":\"anna\"}"));
    NOTHING_AFTER(RAUM_ENOT_ALLOWED, raum_delete(team, "meImages", "theirs", &error));
    /* Mine: I say so. The whole of `usage` never says so, but may say no. */
    OK(kit_insert(team, "meImages", "{\"usage\":{\"aiReference\":true,\"showInProfile\":false}}",
                  id));
    assert_non_null(strstr(kit_get(team, "meImages", id, false),
                           "{\"aiReference\":false,\"showInProfile\":false}"));
    OK(kit_update(team, "meImages", id, "{\"usage.aiReference\":true}"));
    OK(kit_update(team, "meImages", id, "{\"usage\":{\"showInProfile\":true}}"));
    assert_non_null(strstr(kit_get(team, "meImages", id, false),
                           "{\"aiReference\":true,\"showInProfile\":true}"));
    OK(kit_update(team, "meImages", id, "{\"usage\":{\"aiReference\":false}}"));
    OK(kit_update(team, "meImages", id, "{\"usage\":{\"aiReference\":true}}"));
    assert_non_null(strstr(kit_get(team, "meImages", id, false), "{\"aiReference\":false,"));
    /* A picture of somebody else that I made: they say so, not I. */
    OK(kit_insert(team, "meImages", "{\"subjectId\":\"bert\"}", id));
    NOTHING_AFTER(RAUM_ENOT_ALLOWED,
                  kit_update(team, "meImages", id, "{\"usage.aiReference\":true}"));
}

static void test_admin_deletes(void **state)
{
    (void)state;
    arrives("tags", "theirs", "bert", "space", NULL);
    NOTHING_AFTER(RAUM_ENOT_ALLOWED, raum_delete(team, "tags", "theirs", &error));
    OK(replica_begin(r, &error));
    struct space space = *intern_space_find(r, "team");
    space.role = ROLE_ADMIN;
    OK(intern_space_put(r, &space, &error));
    OK(replica_commit(r, &error));
    OK(raum_delete(team, "tags", "theirs", &error));
    OK(raum_restore(team, "tags", "theirs", &error));
    NOTHING_AFTER(RAUM_ENOT_ALLOWED,
                  kit_update(team, "tags", "theirs", "{\"visibility\":\"private\"}"));
}

/* ---- G-T10 ---- */

static void test_slots_G_T10(void **state)
{
    (void)state;
    char a[RAUM_ID_MAX], b[RAUM_ID_MAX], slot[RAUM_ID_MAX], other[RAUM_ID_MAX], text[300];
    OK(kit_insert(team, "meImages", "{}", a));
    OK(kit_insert(team, "meImages", "{}", b));
    snprintf(text, sizeof text, "{\"slot\":\"avatar\",\"imageId\":\"%s\"}", a);
    OK(kit_insert(team, "meSlots", text, slot));
    assert_string_equal(slot, "anna:avatar");
    NOTHING_AFTER(RAUM_EEXISTS,
                  kit_insert(team, "meSlots", text, other)); /* one row, whatever is tried */
    NOTHING_AFTER(RAUM_EIMMUTABLE_FIELD,
                  kit_insert(team, "meSlots", "{\"slot\":\"face-ref\",\"id\":\"mine\"}", other));
    NOTHING_AFTER(RAUM_EBAD_CHANGE, kit_insert(team, "meSlots", "{\"slot\":\"third\"}", other));
    NOTHING_AFTER(RAUM_EBAD_CHANGE, kit_insert(team, "meSlots", "{}", other));
    NOTHING_AFTER(RAUM_EBAD_CHANGE, kit_insert(team, "meSlots", "{\"slot\":7}", other));
    NOTHING_AFTER(RAUM_EBAD_CHANGE,
                  kit_insert(team, "meSlots", "{\"slot\":\"avatar\",\"person\":7}", other));
    NOTHING_AFTER(RAUM_EBAD_CHANGE,
                  kit_insert(team, "meSlots", "{\"slot\":\"avatar\",\"person\":null}", other));
    NOTHING_AFTER(RAUM_ENOT_ALLOWED,
                  kit_insert(team, "meSlots", "{\"slot\":\"avatar\",\"person\":\"bert\"}", other));
    NOTHING_AFTER(RAUM_EIMMUTABLE_FIELD,
                  kit_update(team, "meSlots", slot, "{\"slot\":\"face-ref\"}"));
    NOTHING_AFTER(RAUM_EIMMUTABLE_FIELD,
                  kit_update(team, "meSlots", slot, "{\"person\":\"bert\"}"));
    snprintf(text, sizeof text, "{\"imageId\":\"%s\"}", b);
    OK(kit_update(team, "meSlots", slot, text));
    assert_string_equal(kit_rows(team, "SELECT id FROM meImages WHERE primaryFor = 'avatar'"), b);
    /* Another space has holders of its own. */
    OK(kit_insert(own, "meSlots", "{\"slot\":\"avatar\"}", other));
    assert_string_equal(kit_rows(team, "SELECT id FROM meImages WHERE primaryFor = 'avatar'"), b);
    NOTHING_AFTER(RAUM_ENOT_FOUND, kit_update(own, "meSlots", other,
                                              text)); /* a picture of that space is none here */
    /* Pictures that are not the person's, hidden, deleted or not there. */
    arrives("meImages", "theirs", "bert", "space", NULL);
    arrives("meImages", "hidden", "bert", "private", "anna");
    arrives("meImages", "of-me", "bert", "space", "anna");
    NOTHING_AFTER(RAUM_ENOT_ALLOWED, kit_update(team, "meSlots", slot, "{\"imageId\":\"theirs\"}"));
    NOTHING_AFTER(RAUM_ENOT_FOUND, kit_update(team, "meSlots", slot, "{\"imageId\":\"hidden\"}"));
    NOTHING_AFTER(RAUM_ENOT_FOUND, kit_update(team, "meSlots", slot, "{\"imageId\":\"none\"}"));
    OK(kit_update(team, "meSlots", slot, "{\"imageId\":\"of-me\"}"));
    OK(raum_delete(team, "meImages", a, &error));
    snprintf(text, sizeof text, "{\"imageId\":\"%s\"}", a);
    NOTHING_AFTER(RAUM_ENOT_FOUND, kit_update(team, "meSlots", slot, text));
    OK(kit_update(team, "meSlots", slot, "{\"imageId\":null}"));
    /* Two members have each their own; theirs is not mine to touch. */
    arrives("meSlots", "bert:avatar", "bert", "space", "bert");
    NOTHING_AFTER(RAUM_ENOT_ALLOWED,
                  kit_update(team, "meSlots", "bert:avatar", "{\"imageId\":null}"));
    NOTHING_AFTER(RAUM_ENOT_ALLOWED, raum_delete(team, "meSlots", "bert:avatar", &error));
    assert_int_equal(kit_int(team, "SELECT count(*) FROM meSlots WHERE slot = 'avatar'"), 2);
    REFUSED(RAUM_ENOT_FOUND, kit_update(team, "meSlots", "avatar", "{}"));
    REFUSED(RAUM_ENOT_FOUND, kit_update(team, "meSlots", "nobody:avatar", "{}"));
    REFUSED(RAUM_ENOT_FOUND, kit_update(team, "meSlots", ":", "{}"));
}

/* The longest account id there may be, with the longest slot: the id fits where it is put. */
static void test_longest_slot_G_O3(void **state)
{
    (void)state;
    char name[ID_LEN_MAX + 1], path[160], id[RAUM_ID_MAX];
    memset(name, 'n', ID_LEN_MAX);
    name[ID_LEN_MAX] = '\0';
    snprintf(path, sizeof path, "%s/long", folder);
    struct raum *longest = kit_open(path, name, &world.env);
    struct raum_handle *h = kit_scope(longest, NULL);
    OK(kit_insert(h, "meSlots", "{\"slot\":\"face-ref\"}", id));
    assert_int_equal(strlen(id), ID_LEN_MAX + strlen(":face-ref"));
    OK(kit_update(h, "meSlots", id, "{\"imageId\":null}"));
    raum_close(longest);
    name[ID_LEN_MAX - 1] = '\0';
    char longer[ID_LEN_MAX + 2];
    memset(longer, 'n', ID_LEN_MAX + 1);
    longer[ID_LEN_MAX + 1] = '\0';
    REFUSED(RAUM_EUSAGE,
            raum_open(&longest, &(struct raum_options){.folder = path, .account = longer}, &error));
}

/* ---- G-S16: unknown fields ---- */

static void test_unknown_fields_G_S16(void **state)
{
    (void)state;
    char id[RAUM_ID_MAX];
    for (int sealed = 0; sealed < 2; sealed++) {
        struct raum_handle *h = sealed ? own : team;
        OK(kit_insert(
            h, "tags",
            "{\"name\":\"x\",\"mood\":{\"a\":[1,2.50,null]},\"a.b\":1,\"\\u00fc\\\"\":\"\\u0000\"}",
            id));
        const char *text = kit_get(h, "tags", id, false);
        assert_non_null(strstr(text, "\"mood\":{\"a\":[1,2.50,null]}"));
        assert_non_null(strstr(text, "\"a.b\":1"));
        assert_non_null(strstr(text, "\"\xc3\xbc\\\"\":\"\\u0000\""));
        OK(kit_update(h, "tags", id, "{\"mood\":null,\"more\":true}"));
        OK(kit_update(h, "tags", id, "{\"name\":\"y\"}"));
        text = kit_get(h, "tags", id, false);
        assert_non_null(strstr(text, "\"mood\":null"));
        assert_non_null(strstr(text, "\"more\":true"));
        assert_non_null(strstr(text, "\"a.b\":1"));
        int64_t plain =
            kit_raw(r, "SELECT typeof(extra) = 'text' FROM data_tags ORDER BY rowid DESC LIMIT 1");
        assert_int_equal(plain, 1); /* the last row is in the team's range */
    }
    assert_int_equal(kit_raw(r, "SELECT count(*) FROM data_tags WHERE typeof(extra) = 'blob'"), 1);
    /* A leaf of a known object that is not known. */
    OK(kit_insert(team, "meImages", "{\"usage\":{\"print\":true}}", id));
    assert_non_null(strstr(kit_get(team, "meImages", id, false), "\"usage.print\":true"));
}

static void test_hostile_names_G_O3(void **state)
{
    (void)state;
    char id[RAUM_ID_MAX], text[600];
    OK(kit_insert(team, "meImages", "{}", id));
    NOTHING_AFTER(RAUM_EBAD_CHANGE, kit_update(team, "meImages", id, "{\"\":1}"));
    NOTHING_AFTER(RAUM_EBAD_CHANGE, kit_update(team, "meImages", id, "{\"usage\":null}"));
    NOTHING_AFTER(RAUM_EBAD_CHANGE, kit_update(team, "meImages", id, "{\"usage\":true}"));
    NOTHING_AFTER(RAUM_EBAD_CHANGE, kit_update(team, "meImages", id, "{\"usage\":[]}"));
    NOTHING_AFTER(RAUM_EBAD_CHANGE,
                  kit_update(team, "meImages", id, "{\"usage\":{\"aiReference\":{\"a\":1}}}"));
    NOTHING_AFTER(RAUM_EBAD_CHANGE,
                  kit_update(team, "meImages", id, "{\"usage\":{\"aiReference\":null}}"));
    NOTHING_AFTER(RAUM_EBAD_CHANGE, kit_update(team, "meImages", id, "[]"));
    NOTHING_AFTER(RAUM_EBAD_CHANGE, kit_update(team, "meImages", id, "null"));
    NOTHING_AFTER(RAUM_EBAD_JSON,
                  kit_update(team, "meImages", id, "{\"label\":\"a\",\"label\":\"b\"}"));
    NOTHING_AFTER(RAUM_EBAD_JSON, kit_update(team, "meImages", id, ""));
    NOTHING_AFTER(RAUM_EBAD_JSON, kit_update(team, "meImages", id, "{} x"));
    /* Names with NULs in them are other names, not these cut short, and are compared within their
     * bounds. */
    snprintf(text, sizeof text,
             "{\"kind%s\":{},\"usage\\u0000.aiReference\":{\"x\":true},\"usage."
             "aiReference\\u0000\":true}",
             "\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000"
             "\\u0000\\u0000\\u0000");
    OK(kit_update(team, "meImages", id, text));
    assert_non_null(strstr(kit_get(team, "meImages", id, false), "\"aiReference\":false"));
    int len = snprintf(text, sizeof text, "{\"");
    for (int i = 0; i < 201; i++)
        text[len++] = 'n';
    snprintf(text + len, sizeof text - (size_t)len, "\":1}");
    NOTHING_AFTER(RAUM_EBAD_CHANGE, kit_update(team, "meImages", id, text));
    memmove(text + 2, text + 3, strlen(text + 2)); /* two hundred */
    OK(kit_update(team, "meImages", id, text));
    /* Names of columns are names like others. */
    OK(kit_update(team, "meImages", id,
                  "{\"n\":1,\"space\":2,\"author\":3,\"stamps\":4,\"extra\":5,\"tbl\":6}"));
    assert_non_null(strstr(kit_get(team, "meImages", id, false), "\"stamps\":4"));
    assert_int_equal(kit_raw(r, "SELECT count(DISTINCT space) FROM data_meImages"), 1);
}

/* Values that are nested as deep as may be; what is deeper is refused, so that an archive of it can
 * be read. */
static void test_deep_values_G_O3(void **state)
{
    (void)state;
    static const char *const fields[] = {"u", "priority"};
    char id[RAUM_ID_MAX], json[300];
    for (int i = 0; i < 2; i++)
        for (int depth = 59; depth < 64; depth++) {
            int len = snprintf(json, sizeof json, "{\"title\":\"t\",\"%s\":", fields[i]);
            memset(json + len, '[', (size_t)depth);
            memset(json + len + depth, ']', (size_t)depth);
            snprintf(json + len + 2 * depth, 2, "}");
            if (depth <= 60)
                OK(kit_insert(team, "tasks", json, id));
            else
                NOTHING_AFTER(RAUM_ETOO_LARGE, kit_insert(team, "tasks", json, id));
        }
}

/* ---- values in, values out ---- */

static void test_defaults_and_values(void **state)
{
    (void)state;
    char id[RAUM_ID_MAX];
    OK(kit_insert(own, "tasks", "{\"title\":\"t\"}", id));
    assert_string_equal(
        kit_rows(own, "SELECT isCompleted, sortOrder, visibility, priority FROM tasks"),
        "0|0.0|space|");
    NOTHING_AFTER(RAUM_EBAD_CHANGE, kit_insert(own, "tasks", "{}", id));
    NOTHING_AFTER(RAUM_EBAD_CHANGE, kit_insert(own, "tasks", "{\"title\":null}", id));
    NOTHING_AFTER(RAUM_EBAD_CHANGE,
                  kit_insert(own, "tasks", "{\"title\":\"t\",\"isCompleted\":null}", id));
    OK(kit_insert(
        own, "tasks",
        "{\"id\":\"odd id \\u00fc'\\\"\",\"title\":\"\\u0000 \\ud83d\\ude00\",\"priority\":{\"a\" "
        ": [ 1 ]},"
        "\"sortOrder\":-0.5,\"createdAt\":\"1965-04-01T12:00:00+02:00\",\"dueDate\":\"soon\"}",
        id));
    assert_string_equal(id, "odd id \xc3\xbc'\"");
    const char *text = kit_get(own, "tasks", id, false);
    assert_non_null(strstr(text, "\"title\":\"\\u0000 \xf0\x9f\x98\x80\""));
    assert_non_null(strstr(text, "\"priority\":{\"a\":[1]}"));
    assert_non_null(strstr(text, "\"sortOrder\":-0.5"));
    assert_non_null(strstr(text, "\"createdAt\":\"1965-04-01T10:00:00.000Z\""));
    NOTHING_AFTER(RAUM_EEXISTS,
                  kit_insert(own, "tasks", "{\"id\":\"odd id \\u00fc'\\\"\",\"title\":\"t\"}", id));
    static const char *const ids[] = {"\"\"",          "7",         "null", "[]",
                                      "\"a\\u0000b\"", "\"a\\nb\"", "true"};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        char json[100];
        snprintf(json, sizeof json, "{\"title\":\"t\",\"id\":%s}", ids[i]);
        NOTHING_AFTER(RAUM_EBAD_CHANGE, kit_insert(own, "tasks", json, id));
    }
    /* The same id in another space is another row. */
    OK(kit_insert(team, "tasks", "{\"id\":\"odd id \\u00fc'\\\"\",\"title\":\"other\"}", id));
    OK(raum_delete(team, "tasks", id, &error));
    assert_string_not_equal(kit_get(own, "tasks", id, false), "");
}

static void test_delete_and_restore(void **state)
{
    (void)state;
    char id[RAUM_ID_MAX];
    OK(kit_insert(own, "tags", "{\"name\":\"x\"}", id));
    REFUSED(RAUM_ENOT_FOUND, raum_restore(own, "tags", id, &error));
    OK(raum_delete(own, "tags", id, &error));
    NOTHING_AFTER(RAUM_ENOT_FOUND, raum_delete(own, "tags", id, &error));
    NOTHING_AFTER(RAUM_ENOT_FOUND, kit_update(own, "tags", id, "{\"name\":\"y\"}"));
    assert_int_equal(kit_int(own, "SELECT count(*) FROM tags"), 0);
    assert_string_equal(kit_get(own, "tags", id, false), "");
    assert_string_not_equal(kit_get(own, "tags", id, true), "");
    char json[300];
    snprintf(json, sizeof json, "{\"name\":\"x\",\"id\":\"%s\"}", id);
    NOTHING_AFTER(RAUM_EEXISTS, kit_insert(own, "tags", json, id)); /* a deleted row keeps its id */
    OK(raum_restore(own, "tags", id, &error));
    assert_int_equal(kit_int(own, "SELECT count(*) FROM tags WHERE name = 'x'"), 1);
}

/* Stamps, dirty marks and changes of each write: what a push would send. */
static void test_stamps_and_marks(void **state)
{
    (void)state;
    char id[RAUM_ID_MAX];
    OK(kit_insert(team, "tags", "{\"name\":\"x\"}", id));
    assert_int_equal(kit_raw(r, "SELECT fields FROM dirty"), 1 << 1 | 1 << 2 | 1 << 3 | 31 << 8);
    OK(db_exec(r->db, "DELETE FROM dirty", &error));
    OK(kit_update(team, "tags", id, "{\"name\":\"x\",\"color\":\"red\"}"));
    assert_int_equal(kit_raw(r, "SELECT fields FROM dirty"), 1 << 9); /* what changed, only */
    OK(kit_update(team, "tags", id, "{\"sortOrder\":2,\"new\":1}"));
    assert_int_equal(kit_raw(r, "SELECT fields FROM dirty"), 1 << 9 | 1 << 12 | 1);
    OK(db_exec(r->db, "DELETE FROM dirty", &error));
    OK(raum_delete(team, "tags", id, &error));
    assert_int_equal(kit_raw(r, "SELECT fields FROM dirty"), 1 << TAG_DELETED_AT);
    OK(db_exec(r->db, "DELETE FROM dirty", &error));
    OK(raum_restore(team, "tags", id, &error));
    assert_int_equal(kit_raw(r, "SELECT fields FROM dirty"), 1 << TAG_DELETED_AT);
    struct buf dump;
    buf_init(&dump, 1 << 20);
    kit_dump(r, team->space, &dump);
    uint64_t last = 0;
    static const char *const later[] = {"name", "color", "sortOrder", "+new", "deletedAt"};
    for (size_t i = 0; i < 5; i++) { /* each later than the one before, new as the same write */
        char key[40];
        uint64_t at;
        snprintf(key, sizeof key, " %s=", later[i]);
        const char *found = strchr(strstr(buf_text(&dump), key), '@') + 1;
        OK(clock_parse(found, 30, &at));
        assert_true(i == 3 ? at == last : at > last);
        last = at;
    }
    buf_release(&dump);
}

/* G-A4: who wrote which field. */
static void test_agents_G_A4(void **state)
{
    (void)state;
    char id[RAUM_ID_MAX];
    struct buf dump;
    OK(kit_insert(team, "tags", "{\"name\":\"x\"}", id));
    OK(raum_handle_agent(team, "bot", &error));
    OK(kit_update(team, "tags", id, "{\"color\":\"red\"}"));
    OK(raum_handle_agent(team, NULL, &error));
    OK(kit_update(team, "tags", id, "{\"sortOrder\":4}"));
    buf_init(&dump, 1 << 20);
    kit_dump(r, team->space, &dump);
    char wanted[100];
    snprintf(wanted, sizeof wanted, "/anna/%s/bot/agent ", raum_device(r));
    const char *color = strstr(buf_text(&dump), " color="), *at = strstr(buf_text(&dump), wanted);
    assert_true(at > color && at < color + 60);
    assert_null(strstr(at + strlen(wanted), "/bot/"));
    buf_release(&dump);
    static const char *const bad[] = {"", "a\nb", "\xff"};
    for (size_t i = 0; i < 3; i++)
        REFUSED(RAUM_EUSAGE, raum_handle_agent(team, bad[i], &error));
    /* Nobody becomes an agent whose row was rolled back. */
    OK(raum_begin(r, &error));
    REFUSED(RAUM_EUSAGE, raum_handle_agent(team, "ghost", &error));
    raum_rollback(r);
    OK(kit_update(team, "tags", id, "{\"sortOrder\":5}"));
}

/* ---- G-S11 ---- */

static void test_transactions_G_S11(void **state)
{
    (void)state;
    char id[RAUM_ID_MAX], other[RAUM_ID_MAX];
    OK(kit_insert(team, "tags", "{\"name\":\"x\"}", id));
    int64_t before = traces();
    uint64_t tables = r->dirty_tables = 0;
    int64_t clock = kit_raw(r, "SELECT value FROM meta WHERE key = 'clock'");
    /* Rolled back. */
    OK(raum_begin(r, &error));
    OK(kit_insert(team, "tags", "{\"name\":\"y\"}", other));
    OK(kit_insert(own, "meImages", "{\"subjectId\":\"somebody new\",\"label\":\"l\"}", other));
    OK(kit_update(team, "tags", id, "{\"name\":\"z\"}"));
    OK(raum_delete(team, "tags", id, &error));
    assert_int_equal(kit_int(team, "SELECT count(*) FROM tags"), 1);
    raum_rollback(r);
    assert_int_equal(traces(), before);
    assert_true(r->dirty_tables == tables);
    assert_int_equal(kit_raw(r, "SELECT value FROM meta WHERE key = 'clock'"), clock);
    assert_true(r->clock.last >
                (uint64_t)clock); /* but the clock of this process does not go back */
    assert_int_equal(intern_account_find(r, "somebody new"), 0);
    /* Spoilt by one refused write: nothing of it, and the commit says so. */
    OK(raum_begin(r, &error));
    OK(kit_insert(team, "tags", "{\"name\":\"y\"}", other));
    REFUSED(RAUM_EBAD_CHANGE, kit_insert(team, "tags", "{}", other));
    OK(kit_insert(team, "tags", "{\"name\":\"y\"}", other));
    REFUSED(RAUM_EINTERRUPTED, raum_commit(r, &error));
    assert_int_equal(traces(), before);
    assert_true(r->dirty_tables == tables);
    /* Nested: the outermost decides. */
    OK(raum_begin(r, &error));
    OK(raum_begin(r, &error));
    OK(kit_insert(team, "tags", "{\"name\":\"y\"}", other));
    OK(raum_commit(r, &error));
    raum_rollback(r);
    assert_int_equal(traces(), before);
    OK(raum_begin(r, &error));
    OK(raum_begin(r, &error));
    OK(kit_insert(team, "tags", "{\"name\":\"y\"}", other));
    raum_rollback(r);
    REFUSED(RAUM_EINTERRUPTED, raum_commit(r, &error));
    assert_int_equal(traces(), before);
    /* No transaction at all. */
    REFUSED(RAUM_EUSAGE, raum_commit(r, &error));
    raum_rollback(r);
    /* And done. */
    OK(raum_begin(r, &error));
    OK(kit_insert(team, "tags", "{\"name\":\"y\"}", other));
    OK(raum_commit(r, &error));
    assert_int_not_equal(traces(), before);
    assert_true(r->dirty_tables == UINT64_C(1) << schema_table("tags")->number);
    assert_true(kit_raw(r, "SELECT value FROM meta WHERE key = 'clock'") > clock);
}

/* A space made in a transaction that is rolled back: the handle that stood in it stands nowhere,
 * also when the number is given to another space. */
static void test_rolled_back_space_G_T2(void **state)
{
    (void)state;
    const struct space *made;
    char id[RAUM_ID_MAX];
    struct raum_handle *h = kit_scope(r, "team");
    OK(raum_begin(r, &error));
    OK(spaces_create(r, "Ghost", SPACE_CLUB, &made, &error));
    OK(raum_scope_set(h, made->id, &error));
    OK(kit_insert(h, "tags", "{\"name\":\"x\"}", id));
    raum_rollback(r);
    assert_null(raum_scope_space(h));
    OK(spaces_create(r, "Other", SPACE_BRAND, &made, &error));
    struct raum_handle *other = kit_scope(r, made->id);
    OK(kit_insert(other, "tags", "{\"name\":\"x\"}", id));
    REFUSED(RAUM_ESCOPE_NOT_READY, kit_update(h, "tags", id, "{}"));
    struct raum_query *q;
    REFUSED(RAUM_ESCOPE_NOT_READY, query_view(h, "SELECT * FROM tags", &q, &error));
    /* Deleted while a handle stands in it: gone, not empty, and its number is never another's. */
    OK(spaces_delete(r, made->id, &error));
    OK(spaces_create(r, "Third", SPACE_BRAND, &made, &error));
    REFUSED(RAUM_ENOT_FOUND, kit_insert(other, "tags", "{\"name\":\"x\"}", id));
    REFUSED(RAUM_ENOT_FOUND, query_view(other, "SELECT * FROM tags", &q, &error));
}

/* The clock: wall time jumps back, forward and stands; stamps of this device only rise. */
static void test_clock_jumps(void **state)
{
    (void)state;
    static const int64_t jumps[] = {0, -86400000, 5, 0, 3600000, -3600000, INT64_C(-1775044800000),
                                    1};
    char id[RAUM_ID_MAX];
    uint64_t last = 0;
    OK(kit_insert(team, "tags", "{\"name\":\"x\"}", id));
    for (int i = 0; i < 64; i++) {
        char json[60];
        struct arena a;
        struct row row;
        world.now_ms += jumps[i % 8];
        snprintf(json, sizeof json, "{\"sortOrder\":%d}", i + 1);
        OK(kit_update(team, "tags", id, json));
        arena_init(&a, 1 << 20);
        OK(row_load(r, team->space, schema_table("tags"), NULL, id, &a, &row, &error));
        uint64_t at = stamps_get(&row.stamps, 12, NULL, 0).at;
        assert_true(at > last);
        last = at;
        arena_release(&a);
        if (i % 16 == 15) { /* across restarts, too */
            raum_close(r);
            r = kit_open(folder, "anna", &world.env);
            team = kit_scope(r, "team");
            own = kit_scope(r, NULL);
        }
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_not_ready_G_T5),
        TEST(test_wrong_handle),
        TEST(test_immutable_G_T7),
        TEST(test_no_row_has_both_owners_G_T1),
        TEST(test_private_of_another_G_T9),
        TEST(test_consent_G_T12),
        TEST(test_admin_deletes),
        TEST(test_slots_G_T10),
        TEST(test_longest_slot_G_O3),
        TEST(test_unknown_fields_G_S16),
        TEST(test_hostile_names_G_O3),
        TEST(test_deep_values_G_O3),
        TEST(test_defaults_and_values),
        TEST(test_delete_and_restore),
        TEST(test_stamps_and_marks),
        TEST(test_agents_G_A4),
        TEST(test_transactions_G_S11),
        TEST(test_rolled_back_space_G_T2),
        TEST(test_clock_jumps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
