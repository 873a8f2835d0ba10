/* Archives: export → import → export gives the same bytes (G-O4); what is damaged changes nothing
 * (G-O2); a space's archive holds that space only (G-T2); other people's private rows stay theirs
 * (G-T9). */
#include "engine/archive.h"

#include "base/base64.h"
#include "engine/intern.h"
#include "engine/media_refs.h"
#include "engine/room.h"
#include "engine/row.h"
#include "schema/rights.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- an archive in memory ---- */

struct entry {
    char *name, *data;
    size_t len;
};
struct shelf {
    struct entry entries[400];
    int count, at;
};

static void shelf_free(struct shelf *s)
{
    for (int i = 0; i < s->count; i++) {
        free(s->entries[i].name);
        free(s->entries[i].data);
    }
    *s = (struct shelf){0};
}

static int shelf_put(void *ctx, const char *name, const void *data, size_t len,
                     struct raum_error *e)
{
    struct shelf *s = ctx;
    (void)e;
    assert_true(s->count < 400);
    char *copy = malloc(len + 1);
    memcpy(copy, data, len);
    copy[len] = '\0';
    s->entries[s->count++] = (struct entry){strdup(name), copy, len};
    return 0;
}

static int shelf_next(void *ctx, const char **name, const void **data, size_t *len,
                      struct raum_error *e)
{
    struct shelf *s = ctx;
    (void)e;
    if (s->at == s->count)
        return RAUM_END;
    *name = s->entries[s->at].name;
    *data = s->entries[s->at].data;
    *len = s->entries[s->at++].len;
    return 0;
}

static int shelf_rewind(void *ctx, struct raum_error *e)
{
    (void)e;
    ((struct shelf *)ctx)->at = 0;
    return 0;
}

static struct entry *shelf_find(struct shelf *s, const char *name)
{
    for (int i = 0; i < s->count; i++)
        if (strcmp(s->entries[i].name, name) == 0)
            return &s->entries[i];
    return NULL;
}

static bool shelf_has(const struct shelf *s, const char *text)
{
    for (int i = 0; i < s->count; i++)
        if (memmem(s->entries[i].data, s->entries[i].len, text, strlen(text)))
            return true;
    return false;
}

static void shelf_same(const struct shelf *a, const struct shelf *b)
{
    assert_int_equal(a->count, b->count);
    for (int i = 0; i < a->count; i++) {
        assert_string_equal(a->entries[i].name, b->entries[i].name);
        if (a->entries[i].len != b->entries[i].len ||
            memcmp(a->entries[i].data, b->entries[i].data, a->entries[i].len) != 0)
            fail_msg("%s differs:\n%s\n%s", a->entries[i].name, a->entries[i].data,
                     b->entries[i].data);
    }
}

/* ---- pictures in memory: the bytes are "picture <hash>" ---- */

struct album {
    bool has_all, refuse;
    int written;
};

static int album_read(void *ctx, const char *hash, void **data, size_t *len, struct raum_error *e)
{
    struct album *a = ctx;
    char text[100];
    (void)e;
    if (!a->has_all)
        return RAUM_ENOT_FOUND;
    *len = (size_t)snprintf(text, sizeof text, "picture %s", hash);
    *data = strdup(text);
    return 0;
}

static int album_write(void *ctx, const char *hash, const void *data, size_t len,
                       struct raum_error *e)
{
    struct album *a = ctx;
    char text[100];
    assert_int_equal(len, snprintf(text, sizeof text, "picture %s", hash));
    assert_memory_equal(data, text, len);
    if (a->refuse)
        return err_set(e, RAUM_EFULL, NULL);
    a->written++;
    a->has_all = true;
    return 0;
}

static struct album album;
static const struct archive_media media = {&album, album_read, album_write};
static struct archive_report report;

static void export_to(struct room *room, const char *space, struct shelf *out)
{
    const struct archive_sink sink = {out, shelf_put};
    uint32_t ref = space ? intern_space_find(room->raum, space)->ref : 0;
    *out = (struct shelf){0};
    OK(archive_export(room->raum, ref, &sink, &media, &report, &room->error));
}

static int import_from(struct room *room, struct shelf *in, bool dry)
{
    const struct archive_source source = {in, shelf_next, shelf_rewind};
    in->at = 0;
    err_clear(&room->error);
    return archive_import(room->raum, &source, &media, dry, &report, &room->error);
}

/* ---- replicas ---- */

/* An empty one, as room_open but without its spaces. */
static void empty_open(struct room *room, const char *account)
{
    *room = (struct room){0};
    room_error_text = room->error.text;
    snprintf(room->folder, sizeof room->folder, "%s/raum-room-XXXXXX", P_tmpdir);
    assert_non_null(mkdtemp(room->folder));
    struct raum_options options = {.folder = room->folder, .account = account};
    OK(raum_open(&room->raum, &options, &room->error));
    OK(raum_scope_new(room->raum, &room->scope, &room->error));
}

static void add(struct room *room, const char *table, const char *json, char id[RAUM_ID_MAX])
{
    char made[RAUM_ID_MAX];
    OK(raum_insert(room->scope, table, json, strlen(json), id ? id : made, &room->error));
}

static void change(struct room *room, const char *id, const char *json)
{
    OK(raum_update(room->scope, "meImages", id, json, strlen(json), &room->error));
}

static void put_opaque(struct room *room, uint32_t space, const char *table, const char *id)
{
    struct arena a;
    int changed;
    arena_init(&a, 1 << 20);
    OK(replica_begin(room->raum, &room->error));
    struct row row = {.opaque = table, .space = space, .author = room->raum->account_ref, .id = id};
    row.values[ROW_VISIBILITY] = (struct value){.kind = VALUE_TEXT, .len = 5, .text = "space"};
    row.values[ROW_CREATED_AT] =
        (struct value){.kind = VALUE_TEXT, .len = 24, .text = "2024-01-02T03:04:05.678Z"};
    row.extra = (struct value){
        .kind = VALUE_TEXT, .len = 31, .text = "{\"x\":[1,2.50,\"\\u00e9\"],\"y\":null}"};
    row.extra.len = (uint32_t)strlen(row.extra.text);
    row.stamps.row =
        (struct stamp){replica_tick(room->raum), room->raum->self_actor, ORIGIN_MIGRATION};
    OK(store_merge(room->raum, &row, true, &a, &changed, &room->error));
    OK(replica_commit(room->raum, &room->error));
    arena_release(&a);
}

static void put_picture(struct room *room, const char *space, const char *id, char digit,
                        bool trash)
{
    uint32_t ref = intern_space_find(room->raum, space)->ref;
    struct media_ref m = {.type = "jpg", .purpose = "me", .bytes = 72, .width = 3, .height = 4};
    snprintf(m.id, sizeof m.id, "%s", id);
    memset(m.hash, digit, 64);
    OK(replica_begin(room->raum, &room->error));
    OK(media_refs_add(room->raum, ref, &m, &room->error));
    if (trash)
        OK(media_refs_trash(room->raum, ref, id, &room->error));
    OK(replica_commit(room->raum, &room->error));
}

/* Every state that a row can be in. */
static void fill(struct room *room)
{
    char id[RAUM_ID_MAX];
    struct raum_handle *own, *agent;
    for (int i = 0; i < 2; i++) {
        room_use(room, i);
        const char *json =
            "{\"kind\":\"face\",\"label\":\"a \\\"label\\\" \\u00fc \\n\",\"tags\":[\"x\",\"y\"],"
            "\"usage\":{\"aiReference\":true},\"unknown\":{\"deep\":[1,2]},\"more\":1.0}";
        add(room, "meImages", json, id);
        change(room, id, "{\"label\":\"changed\",\"unknown\":5}");
        char slot[400];
        snprintf(slot, sizeof slot, "{\"slot\":\"avatar\",\"imageId\":\"%s\"}", id);
        add(room, "meSlots", slot, NULL);
        add(room, "meImages", "{\"kind\":\"hands\"}", id);
        OK(raum_delete(room->scope, "meImages", id, &room->error));
        add(room, "meImages", "{\"label\":\"again\"}", id);
        OK(raum_delete(room->scope, "meImages", id, &room->error));
        OK(raum_restore(room->scope, "meImages", id, &room->error));
        add(room, "meImages", "{\"visibility\":\"private\",\"label\":\"mine alone\"}", NULL);
        add(room, "tasks", "{\"title\":\"t\",\"priority\":{\"p\":1},\"sortOrder\":0.1}", NULL);
        add(room, "wardrobeGarments",
            "{\"name\":\"coat\",\"priceCents\":12345,\"purchasedAt\":\"2024-02-29\"}", NULL);
    }
    OK(raum_scope_new(room->raum, &agent, &room->error));
    OK(raum_scope_set(agent, room->space[1], &room->error));
    OK(raum_handle_agent(agent, "tidy-agent", &room->error));
    const char *tag = "{\"name\":\"by an agent\"}", *about = "{\"about\":\"me\",\"goals\":[\"g\"]}";
    OK(raum_insert(agent, "tags", tag, strlen(tag), id, &room->error));
    raum_handle_free(agent);
    OK(raum_account_new(room->raum, &own, &room->error));
    OK(raum_insert(own, "userContext", about, strlen(about), id, &room->error));
    raum_handle_free(own);
    put_opaque(room, intern_space_find(room->raum, room->space[0])->ref, "futureTable", "f-1");
    put_opaque(room, intern_space_find(room->raum, room->space[1])->ref, "futureTable", "f-2");
    put_opaque(room, intern_space_find(room->raum, room->space[1])->ref, "anotherTable", "f-0");
    put_picture(room, room->space[0], "m-1", 'a', false);
    put_picture(room, room->space[0], "m-2", 'b', true);
    put_picture(room, room->space[1], "m-3", 'a', false);
    put_picture(room, room->space[1], "m-4", 'c', false);
    album = (struct album){.has_all = true};
}

static void test_same_bytes(void **state) /* G-O4 */
{
    (void)state;
    struct room a, b;
    struct shelf one, again, two;
    room_open(&a);
    fill(&a);
    export_to(&a, NULL, &one);
    int64_t rows = report.rows;
    assert_int_equal(report.pictures, 2);
    assert_int_equal(report.missing, 0);
    export_to(&a, NULL, &again);
    shelf_same(&one, &again);
    assert_non_null(shelf_find(&one, "spaces/0/userContext.jsonl"));
    assert_non_null(shelf_find(&one, "spaces/1/other.jsonl"));
    assert_true(shelf_has(&one, "a \\\"label\\\"") || shelf_has(&one, "changed"));
    assert_true(shelf_has(&one, "tidy-agent"));
    room_close(&a);
    empty_open(&b, NULL);
    OK(import_from(&b, &one, false));
    assert_int_equal(report.added, rows);
    assert_int_equal(report.rows, rows);
    assert_int_equal(report.left, 0);
    assert_int_equal(album.written, 2);
    export_to(&b, NULL, &two);
    shelf_same(&one, &two);
    OK(import_from(&b, &one, false)); /* again: nothing to do */
    assert_int_equal(report.same, rows);
    assert_int_equal(report.added + report.changed + report.made, 0);
    shelf_free(&two);
    export_to(&b, NULL, &two);
    shelf_same(&one, &two);
    /* What came in is to be pushed, and stays sealed where it must be. */
    int64_t dirty = 0;
    OK(db_query_int(b.raum->db, "SELECT count(*) FROM dirty", &dirty, &b.error));
    assert_int_equal(dirty, rows);
    OK(db_query_int(b.raum->db,
                    "SELECT count(*) FROM data_meImages d JOIN spaces s ON s.ref = d.space"
                    " WHERE s.sealed AND typeof(d.label) = 'text'",
                    &dirty, &b.error));
    assert_int_equal(dirty, 0);
    room_close(&b);
    shelf_free(&one), shelf_free(&again), shelf_free(&two);
}

static void test_many_rows(void **state) /* several files of one table */
{
    (void)state;
    struct room a, b;
    struct shelf one, two;
    char json[5000];
    room_open(&a);
    room_use(&a, 1);
    OK(raum_begin(a.raum, &a.error));
    for (int i = 0; i < 2500; i++) {
        snprintf(json, sizeof json, "{\"label\":\"%03000d\"}", i);
        add(&a, "meImages", json, NULL);
    }
    OK(raum_commit(a.raum, &a.error));
    export_to(&a, NULL, &one);
    bool more = false;
    for (int i = 0; i < one.count; i++)
        more |= strstr(one.entries[i].name, "meImages.2.jsonl") != NULL;
    assert_true(more);
    empty_open(&b, NULL);
    OK(import_from(&b, &one, false));
    assert_int_equal(report.added, 2500);
    export_to(&b, NULL, &two);
    shelf_same(&one, &two);
    room_close(&a), room_close(&b);
    shelf_free(&one), shelf_free(&two);
}

static void test_one_space(void **state) /* G-T2 */
{
    (void)state;
    struct room a;
    struct shelf one;
    room_open(&a);
    room_fill(&a, 5);
    for (int space = 0; space < ROOM_SPACES; space++) {
        export_to(&a, a.space[space], &one);
        assert_true(shelf_has(&one, room_marks[space]));
        for (int other = 0; other < ROOM_SPACES + 2; other++)
            if (other != space && shelf_has(&one, room_marks[other]))
                fail_msg("the archive of space %d holds %d", space, other);
        shelf_free(&one);
    }
    export_to(&a, NULL, &one);
    assert_false(shelf_has(&one, room_marks[ROOM_FOREIGN])); /* G-T9 */
    assert_false(shelf_has(&one, room_marks[ROOM_OUTSIDE]));
    shelf_free(&one);
    room_close(&a);
}

static void test_dry(void **state)
{
    (void)state;
    struct room a, b;
    struct shelf one, before, after;
    room_open(&a);
    fill(&a);
    export_to(&a, NULL, &one);
    empty_open(&b, NULL);
    export_to(&b, NULL, &before);
    OK(import_from(&b, &one, true));
    assert_true(report.added > 0 && album.written == 0);
    export_to(&b, NULL, &after);
    shelf_same(&before, &after);
    room_close(&a), room_close(&b);
    shelf_free(&one), shelf_free(&before), shelf_free(&after);
}

static void test_accounts(void **state)
{
    (void)state;
    struct room a, b, c;
    struct shelf one, two;
    int64_t count = 0;
    /* A guest's archive, taken by an account: everything is its own. */
    room_open(&a);
    fill(&a);
    export_to(&a, NULL, &one);
    room_close(&a);
    empty_open(&b, "acc-1");
    OK(import_from(&b, &one, false));
    assert_int_equal(report.left, 0);
    OK(db_query_int(b.raum->db,
                    "SELECT count(*) FROM data_meImages d JOIN accounts a ON a.ref = d.author"
                    " WHERE a.id <> 'acc-1'",
                    &count, &b.error));
    assert_int_equal(count, 0);
    assert_string_equal(intern_personal(b.raum)->id, "_personal:acc-1");
    OK(raum_scope_set(b.scope, "_personal:acc-1", &b.error));
    assert_string_equal(room_ask(&b, "SELECT id FROM meSlots"), "acc-1:avatar");
    /* That account's archive, taken by another one: no settings, no private rows, an imported
     * space. */
    export_to(&b, NULL, &two);
    empty_open(&c, "acc-2");
    OK(import_from(&c, &two, false));
    assert_int_equal(report.left, 3); /* userContext and two private rows */
    const struct space *s = NULL;
    for (uint32_t i = 1; i < c.raum->space_count; i++)
        if (intern_space(c.raum, i) &&
            strncmp(intern_space(c.raum, i)->name, "Imported: ", 10) == 0)
            s = intern_space(c.raum, i);
    assert_non_null(s);
    assert_string_equal(s->name, "Imported: Personal");
    assert_int_equal(s->type, SPACE_TEAM);
    assert_true(s->offline && !s->sealed);
    OK(raum_scope_set(c.scope, "_personal:acc-2", &c.error));
    assert_string_equal(room_ask(&c, "SELECT count(*) FROM meImages"), "0");
    OK(raum_scope_set(c.scope, s->id, &c.error));
    assert_string_equal(room_ask(&c, "SELECT count(*), authorId FROM meImages GROUP BY authorId"),
                        "2");
    int spaces = report.made;
    OK(import_from(&c, &two, false));
    assert_int_equal(report.made, 0);
    assert_true(spaces > 1);
    room_close(&b), room_close(&c);
    shelf_free(&one), shelf_free(&two);
}

static void
test_renamed_person(void **state) /* G-U5: what hangs on a slot opens under the new id, too */
{
    (void)state;
    struct room a;
    struct shelf one;
    char id[RAUM_ID_MAX], slot[400];
    room_open(&a);
    room_use(&a, 0);
    add(&a, "meImages", "{\"kind\":\"face\"}", id);
    snprintf(slot, sizeof slot, "{\"slot\":\"avatar\",\"imageId\":\"%s\",\"frame\":\"golden\"}",
             id);
    add(&a, "meSlots", slot, NULL);
    OK(replica_begin(a.raum, &a.error));
    OK(intern_account_rename(a.raum, a.raum->account_ref, "acc-9", &a.error));
    OK(replica_commit(a.raum, &a.error));
    export_to(&a, NULL, &one);
    assert_true(shelf_has(&one, "\"extra\":{\"frame\":\"golden\"}") &&
                shelf_has(&one, "acc-9:avatar"));
    shelf_free(&one);
    room_close(&a);
}

static void test_newer_edit_stays(void **state)
{
    (void)state;
    struct room a;
    struct shelf one;
    char id[RAUM_ID_MAX];
    room_open(&a);
    room_use(&a, 1);
    add(&a, "meImages", "{\"label\":\"first\",\"kind\":\"face\"}", id);
    export_to(&a, NULL, &one);
    change(&a, id, "{\"label\":\"second\"}");
    OK(import_from(&a, &one, false));
    assert_string_equal(room_ask(&a, "SELECT label FROM meImages"), "second");
    assert_int_equal(report.changed, 0);
    room_close(&a);
    shelf_free(&one);
}

/* ---- damage ---- */

static void redo_digest(struct shelf *s)
{
    unsigned char digest[RAUM_HASH_BYTES] = {0};
    char hex[2 * RAUM_HASH_BYTES + 1], text[200];
    struct entry *end = &s->entries[s->count - 1];
    for (int i = 0; i < s->count - 1; i++)
        archive_digest(raum_env_native(), digest, s->entries[i].name, s->entries[i].data,
                       s->entries[i].len);
    hex_put(hex, digest, sizeof digest);
    snprintf(text, sizeof text, "{\"digest\":\"%s\",\"entries\":%d}\n", hex, s->count - 1);
    free(end->data);
    end->data = strdup(text);
    end->len = strlen(text);
}

static void test_damaged(void **state) /* G-O2 */
{
    (void)state;
    struct room a, b;
    struct shelf one, before, after;
    room_open(&a);
    fill(&a);
    export_to(&a, NULL, &one);
    room_close(&a);
    empty_open(&b, NULL);
    export_to(&b, NULL, &before);
    album = (struct album){.has_all = true};
    for (int cut = one.count - 1, whole = one.count; cut >= 0;
         cut--) { /* cut off behind any entry */
        one.count = cut;
        assert_int_equal(import_from(&b, &one, false), RAUM_ECORRUPT);
        one.count = whole;
    }
    for (int i = 0; i < one.count; i++) { /* a byte altered in any entry */
        for (size_t at = 0; at < one.entries[i].len; at += 1 + one.entries[i].len / 7) {
            one.entries[i].data[at] ^= 1;
            int result = import_from(&b, &one, false);
            assert_true(result == RAUM_ECORRUPT || result == RAUM_ENEWER_DATABASE);
            one.entries[i].data[at] ^= 1;
        }
    }
    for (int i = 1; i < one.count; i++) { /* two entries changed places */
        struct entry keep = one.entries[i];
        one.entries[i] = one.entries[i - 1];
        one.entries[i - 1] = keep;
        assert_int_equal(import_from(&b, &one, false), RAUM_ECORRUPT);
        one.entries[i - 1] = one.entries[i];
        one.entries[i] = keep;
    }
    assert_int_equal(album.written, 0);
    export_to(&b, NULL, &after);
    shelf_same(&before, &after);
    OK(import_from(&b, &one, false));
    room_close(&b);
    shelf_free(&one), shelf_free(&before), shelf_free(&after);
}

#define STAMPS                                                                                     \
    "\"stamps\":{\"fields\":{},\"row\":{\"at\":\"2024-01-01T00:00:00Z\",\"by\":\"guest\",\"dev\":" \
    "\"d\","                                                                                       \
    "\"origin\":\"user\"},\"unknown\":{}}"
#define LINE(author, fields, id, stamps, visibility)                                               \
    "{\"author\":\"" author "\",\"createdAt\":\"2024-01-01T00:00:00.000Z\",\"fields\":" fields     \
    ",\"id\":\"" id "\"," stamps ",\"visibility\":\"" visibility "\"}\n"
static const char *const bad[] = {
    "",
    "{}\n",
    "[]\n",
    "null\n",
    "x\n",
    "{\"a\":1}", /* no newline */
    LINE("", "{}", "i", STAMPS, "space"),
    LINE("g\\u0001", "{}", "i", STAMPS, "space"),
    LINE("guest", "{}", "", STAMPS, "space"),
    LINE("guest", "{}", "i", STAMPS, "public"),
    LINE("guest", "{\"kind\":7}", "i", STAMPS, "space"),
    LINE("guest", "{\"width\":\"wide\"}", "i", STAMPS, "space"),
    LINE("guest", "{\"visibility\":\"space\"}", "i", STAMPS, "space"),
    LINE("guest", "{\"primaryFor\":\"avatar\"}", "i", STAMPS, "space"),
    LINE("guest", "{\"subjectId\":7}", "i", STAMPS, "space"),
    LINE("guest", "{}", "i", "\"stamps\":{}", "space"),
    LINE("guest", "{}", "i", "\"stamps\":{\"row\":{\"at\":\"then\",\"origin\":\"user\"}}", "space"),
    LINE("guest", "{}", "i",
         "\"stamps\":{\"row\":{\"at\":\"2024-01-01T00:00:00Z\",\"origin\":\"me\"}}", "space"),
    LINE("guest", "{}", "i",
         "\"stamps\":{\"row\":{\"at\":\"2024-01-01T00:00:00Z\",\"origin\":\"user\",\"by\":"
         "\"guest\","
         "\"dev\":\"\\u0007\"}}",
         "space"),
};

/* Lines that are JSON and whole, but wrong: refused, and nothing of the archive is taken. */
static void test_hostile_lines(void **state) /* G-O3 */
{
    (void)state;
    struct room a, b;
    struct shelf one, before, after;
    room_open(&a);
    room_use(&a, 1);
    add(&a, "meImages", "{\"label\":\"x\"}", NULL);
    export_to(&a, NULL, &one);
    room_close(&a);
    struct entry *rows = NULL;
    for (int i = 0; i < one.count; i++)
        if (strstr(one.entries[i].name, "/meImages.jsonl"))
            rows = &one.entries[i];
    assert_non_null(rows);
    empty_open(&b, NULL);
    export_to(&b, NULL, &before);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char *text = malloc(rows->len + strlen(bad[i]) + 1);
        struct entry keep = *rows;
        memcpy(text, keep.data, keep.len); /* behind a good line */
        memcpy(text + keep.len, bad[i], strlen(bad[i]) + 1);
        size_t skip = bad[i][0] ? 0 : keep.len; /* an empty file */
        rows->data = text + skip;
        rows->len = strlen(text + skip);
        redo_digest(&one);
        if (import_from(&b, &one, false) != RAUM_ECORRUPT)
            fail_msg("taken: %s", bad[i]);
        *rows = keep;
        free(text);
    }
    redo_digest(&one);
    export_to(&b, NULL, &after);
    shelf_same(&before, &after);
    OK(import_from(&b, &one, false));
    assert_int_equal(report.added, 1);
    room_close(&b);
    shelf_free(&one), shelf_free(&before), shelf_free(&after);
}

static void replace(struct shelf *s, const char *entry, const char *from, const char *to)
{
    struct entry *e = shelf_find(s, entry);
    assert_non_null(e);
    char *at = strstr(e->data, from);
    assert_non_null(at);
    struct buf text;
    buf_init(&text, 1 << 20);
    buf_add(&text, e->data, (size_t)(at - e->data));
    buf_str(&text, to);
    buf_str(&text, at + strlen(from));
    free(e->data);
    e->data = buf_detach(&text, &e->len);
    redo_digest(s);
}

static void
test_newer_program(void **state) /* G-S16: a later version's table and field survive the way */
{
    (void)state;
    struct room a, b;
    struct shelf one, two;
    room_open(&a);
    room_use(&a, 0);
    add(&a, "meImages", "{\"label\":\"x\"}", NULL);
    export_to(&a, a.space[0], &one);
    room_close(&a);
    replace(&one, "spaces/0/meImages.jsonl", "\"label\":", "\"hologram\":[3],\"label\":");
    replace(&one, "spaces/0/meImages.jsonl", "\"kind\":\"reference\"", "\"kind\":\"elbow\"");
    char *name = shelf_find(&one, "spaces/0/meImages.jsonl")->name;
    empty_open(&b, NULL);
    OK(import_from(&b, &one, false));
    export_to(&b, intern_personal(b.raum)->id, &two);
    assert_true(shelf_has(&two, "\"extra\":{\"hologram\":[3]}"));
    assert_true(shelf_has(&two, "\"kind\":\"elbow\""));
    shelf_free(&two);
    memcpy(strrchr(name, '/') + 1, "meFuture", 8); /* meFuture.jsonl */
    redo_digest(&one);
    OK(import_from(&b, &one, false));
    export_to(&b, intern_personal(b.raum)->id, &two);
    assert_true(shelf_has(&two, "\"table\":\"meFuture\""));
    replace(&one, "manifest.json", "\"version\": 1", "\"version\": 2");
    assert_int_equal(import_from(&b, &one, false), RAUM_ENEWER_DATABASE);
    room_close(&b);
    shelf_free(&one), shelf_free(&two);
}

static void test_clock_ahead(void **state) /* G-S9: does not win for ever */
{
    (void)state;
    struct room a, b;
    struct shelf one;
    char id[RAUM_ID_MAX], from[16], text[CLOCK_TEXT];
    room_open(&a);
    room_use(&a, 0);
    add(&a, "meImages", "{\"label\":\"from the future\"}", id);
    export_to(&a, a.space[0], &one);
    room_close(&a);
    clock_format_ms(raum_env_native()->now_ms(NULL), text);
    snprintf(from, sizeof from, "\"at\":\"%.4s", text);
    replace(&one, "spaces/0/meImages.jsonl", from, "\"at\":\"2345");
    empty_open(&b, NULL);
    OK(import_from(&b, &one, false));
    OK(raum_scope_set(b.scope, "_personal:guest", &b.error));
    assert_string_equal(room_ask(&b, "SELECT updatedAt < '2340' FROM meImages"), "1");
    change(&b, id, "{\"label\":\"now\"}");
    OK(import_from(&b, &one, false));
    assert_string_equal(room_ask(&b, "SELECT label FROM meImages"), "now");
    room_close(&b);
    shelf_free(&one);
}

static void test_pictures_refused(void **state) /* a full disk: nothing imported */
{
    (void)state;
    struct room a, b;
    struct shelf one, before, after;
    room_open(&a);
    fill(&a);
    export_to(&a, NULL, &one);
    room_close(&a);
    empty_open(&b, NULL);
    export_to(&b, NULL, &before);
    album.refuse = true;
    assert_int_equal(import_from(&b, &one, false), RAUM_EFULL);
    export_to(&b, NULL, &after);
    shelf_same(&before, &after);
    room_close(&b);
    shelf_free(&one), shelf_free(&before), shelf_free(&after);
    /* Bytes that are not on the device are said to be missing. */
    room_open(&a);
    fill(&a);
    album.has_all = false;
    export_to(&a, NULL, &one);
    assert_int_equal(report.missing, 2);
    room_close(&a);
    shelf_free(&one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bytes),       cmocka_unit_test(test_many_rows),
        cmocka_unit_test(test_one_space),        cmocka_unit_test(test_dry),
        cmocka_unit_test(test_accounts),         cmocka_unit_test(test_renamed_person),
        cmocka_unit_test(test_newer_edit_stays), cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_hostile_lines),    cmocka_unit_test(test_newer_program),
        cmocka_unit_test(test_clock_ahead),      cmocka_unit_test(test_pictures_refused),
    };
    return cmocka_run_group_tests_name("archive", tests, NULL, NULL);
}
