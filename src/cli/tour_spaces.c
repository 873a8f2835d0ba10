/* The tour, first part: a guest, the personal pool, a space of its own for the brand, and nothing
 * that crosses. */
#include "cli/tour.h"
#include "engine/intern.h"
#include "engine/store.h"
#include <stdlib.h>
#include <string.h>

/* The first picture of the last listing whose member is this text; none if there is none. */
static struct json_value picture(struct tour *t, const char *key, const char *text)
{
    struct json_value list = json_root(&t->doc);
    for (struct json_value v = json_first(list); v.doc; v = json_next(list, v))
        if (json_equals(json_get(v, key), text))
            return v;
    return (struct json_value){0};
}

static bool says(const struct buf *b, const char *text)
{
    return strstr(buf_text(b), text) != NULL;
}

static void guest(struct tour *t)
{
    tour_step(t, "Without an account: a guest, at once");
    int status = tour_shown(t, "whoami", NULL);
    tour_check(t, status == 0, "%s", tr("the data directory makes itself; nothing was asked"));
    tour_quiet(t, "whoami", "--json", NULL);
    struct json_value me = tour_json(t);
    tour_check(t, strcmp(tour_text(t, me, "account"), "guest") == 0, "%s",
               tr("the account is the guest's"));
}

static void personal_pool(struct tour *t)
{
    tour_step(t, "The personal pool: real photographs");
    int status = tour_shown(t, "image", "add", t->photos[0], "--kind", "face", "--slot", "avatar",
                            "--label", "Geheim: im Garten", "--tag", "garten", NULL);
    tour_check(t, status == 0, "%s",
               tr("a photograph taken in by its content, upright, in three sizes"));
    for (int i = 1; i < 4; i++)
        status |= tour_quiet(t, "image", "add", t->photos[i], "--kind",
                             i == 1 ? "fullbody" : "reference", NULL);
    tour_shown(t, "image", "list", NULL);
    tour_check(t, status == 0 && tour_pool(t, NULL, NULL) == 4, "%s",
               tr("four pictures, newest first"));
    tour_check(t, tour_pool(t, "--kind", "face") == 1, "%s", tr("one of them is a face"));
}

static void slots(struct tour *t)
{
    tour_step(t, "Slots: one holder each, yours in every space");
    tour_pool(t, "--kind", "face");
    const char *face = tour_text(t, json_first(json_root(&t->doc)), "id");
    tour_pool(t, "--kind", "fullbody");
    const char *body = tour_text(t, json_first(json_root(&t->doc)), "id");
    int status = tour_shown(t, "image", "slot", body, NULL);
    tour_check(t, status == 0 && says(&t->out, "body-ref"), "%s",
               tr("the star on a full body claims the body-ref slot"));
    tour_quiet(t, "image", "slot", body, "avatar", NULL);
    tour_pool(t, "--slot", "avatar");
    tour_check(t, picture(t, "id", body).doc != NULL, "%s",
               tr("a new holder takes the avatar slot over"));
    tour_check(t, tour_pool(t, NULL, NULL) == 4 && picture(t, "id", face).doc, "%s",
               tr("the former holder stays in the pool"));
    tour_quiet(t, "image", "slot", face, "avatar", NULL);
    tour_quiet(t, "whoami", "--json", NULL);
    tour_pool(t, "--slot", "avatar");
    tour_check(t, picture(t, "id", face).doc != NULL, "%s", tr("and may have it back"));
}

static void consent(struct tour *t)
{
    tour_step(t, "Consent: no picture is for AI until its person says so");
    tour_check(t, tour_pool(t, "--reference", NULL) == 0, "%s",
               tr("off for every picture at first"));
    tour_pool(t, "--kind", "face");
    const char *face = tour_text(t, json_first(json_root(&t->doc)), "id");
    int status = tour_shown(t, "image", "ai", face, "on", NULL);
    tour_check(t, status == 0 && tour_pool(t, "--reference", NULL) == 1, "%s",
               tr("switched on for one, it is the only reference"));
    tour_quiet(t, "image", "ai", face, "off", NULL);
    tour_check(t, tour_pool(t, "--reference", NULL) == 0, "%s", tr("and off again at once"));
    tour_quiet(t, "image", "ai", face, "on", NULL);
}

static void brand(struct tour *t)
{
    tour_step(t, "A space for the brand: empty on purpose");
    int status = tour_shown(t, "space", "create", "Marke", "--type", "brand", NULL);
    status |= tour_shown(t, "space", "use", "marke", NULL);
    status |= tour_shown(t, "image", "list", NULL);
    tour_check(t, status == 0 && says(&t->out, "raum image add"), "%s",
               tr("the pool says that it is empty and how to fill it"));
    tour_check(t, tour_pool(t, NULL, NULL) == 0, "%s",
               tr("nothing is borrowed from the personal space"));
    status = tour_shown(t, "sql", "SELECT count(*) AS pictures FROM meImages", NULL);
    tour_check(t, status == 0 && says(&t->out, "0"), "%s", tr("SQL sees none either"));
    status = tour_shown(t, "image", "add", t->photos[t->photo_count - 1], "--kind", "face",
                        "--slot", "avatar", "--label", "Kampagne", NULL);
    tour_check(t, status == 0 && tour_pool(t, NULL, NULL) == 1, "%s",
               tr("one picture added here is the pool here"));
}

static void independent(struct tour *t)
{
    tour_step(t, "Two spaces, two pools, two avatars");
    tour_pool(t, "--slot", "avatar");
    tour_check(t, picture(t, "label", "Kampagne").doc != NULL, "%s",
               tr("the brand's avatar is the brand's picture"));
    tour_quiet(t, "space", "use", "personal", NULL);
    tour_check(t, tour_pool(t, NULL, NULL) == 4, "%s", tr("back home: the four, not five"));
    tour_pool(t, "--slot", "avatar");
    struct json_value mine = json_first(json_root(&t->doc));
    const char *media = tour_text(t, mine, "mediaId");
    tour_check(t, json_equals(json_get(mine, "label"), "Geheim: im Garten"), "%s",
               tr("the personal avatar is what it was"));
    tour_quiet(t, "whoami", "--json", NULL);
    tour_check(t, *media && json_equals(json_get(tour_json(t), "picture"), media), "%s",
               tr("the account's picture follows the personal space, not the brand"));
}

/* What a statement brings back that it must not: a label, a file, an id of the personal space. */
static bool leaks(struct tour *t, const char *foreign)
{
    return says(&t->out, "Geheim") || says(&t->out, foreign) || says(&t->err, "Geheim") ||
           says(&t->err, foreign);
}

static void confined(struct tour *t)
{
    static const char *const attempts[] = {
        "SELECT * FROM meImages WHERE spaceId <> (SELECT spaceId FROM meImages LIMIT 1)",
        "SELECT * FROM data_meImages",
        "SELECT * FROM main.data_meImages",
        "SELECT * FROM temp.meImages",
        "WITH meImages AS (SELECT * FROM data_meImages) SELECT * FROM meImages",
        "SELECT id FROM (SELECT 'x' AS id) FULL JOIN data_meImages USING (id)",
        "SELECT * FROM meImages NATURAL JOIN data_meImages",
        "SELECT * FROM across_meImages",
        "SELECT sql FROM sqlite_master",
        "SELECT * FROM pragma_table_list",
        "EXPLAIN SELECT * FROM meImages",
        "ATTACH 'x.db' AS x",
        "VACUUM INTO 'x.db'",
        "UPDATE meImages SET spaceId = 'x'",
        "SELECT * FROM dbstat",
        "SELECT load_extension('x')",
    };
    char text[64];
    size_t held = 0, count = sizeof attempts / sizeof attempts[0];
    tour_step(t, "SQL is confined to the space, whatever the statement");
    tour_pool(t, NULL, NULL);
    snprintf(text, sizeof text, "%s", tour_text(t, json_first(json_root(&t->doc)), "id"));
    for (size_t i = 0; i < count; i++) {
        tour_quiet(t, "--space", "marke", "sql", attempts[i], NULL);
        held += !leaks(t, text);
    }
    tour_shown(t, "--space", "marke", "sql", attempts[1], NULL);
    tour_check(t, held == count,
               tr("%d attempts to reach the personal space returned nothing of it"), (int)count);
    int status = tour_quiet(t, "--space", "marke", "image", "show", text, NULL);
    tour_check(t, status == 3, "%s",
               tr("a picture of another space is not found, as if it did not exist"));
    status = tour_quiet(t, "--space", "marke", "image", "delete", text, NULL);
    tour_check(t, status == 3 && tour_pool(t, NULL, NULL) == 4, "%s",
               tr("nor can it be deleted from there"));
}

/* What sync will bring: a row of another member, as the engine stores it. */
static int member_row(struct raum *r, uint32_t space, const char *id, const char *visibility,
                      struct raum_error *error)
{
    static const char *const words[] = {"reference", "Annas Bild"};
    const struct schema_table *table = schema_table("meImages");
    struct arena a;
    struct row row = {.table = table, .id = id, .space = space};
    int changed, rc = replica_begin(r, error);
    if (rc)
        return rc;
    arena_init(&a, 1 << 20);
    rc = intern_account_ref(r, "anna", &row.author, error);
    if (rc == 0)
        rc = intern_actor_ref(r, row.author, "annas-device", "", &row.stamps.row.actor, error);
    row.stamps.row.at = replica_tick(r);
    for (int i = 0; i < row_count(table); i++) {
        const struct schema_field *f = row_field(table, i);
        const char *text = i == ROW_VISIBILITY             ? visibility
                           : i == ROW_CREATED_AT           ? "2026-01-01T00:00:00.000Z"
                           : strcmp(f->name, "kind") == 0  ? words[0]
                           : strcmp(f->name, "label") == 0 ? words[1]
                           : strcmp(f->name, "tags") == 0  ? "[]"
                                                           : NULL;
        if (text)
            row.values[i] =
                (struct value){.kind = VALUE_TEXT, .len = (uint32_t)strlen(text), .text = text};
        else if (f->type == TYPE_ACCOUNT)
            row.values[i] = (struct value){.kind = VALUE_INT, .i = row.author};
        else if (f->type == TYPE_BOOL)
            row.values[i] = (struct value){.kind = VALUE_INT, .i = 0};
    }
    if (rc == 0)
        rc = store_merge(r, &row, false, &a, &changed, error);
    rc = replica_end(r, rc, error);
    arena_release(&a);
    return rc;
}

static bool bring_members(struct tour *t)
{
    const struct raum_options options = {.folder = t->data};
    struct raum *r = NULL;
    int rc = raum_open(&r, &options, &t->cli->error);
    const struct space *s = rc ? NULL : intern_space_slug(r, "marke");
    if (s) {
        uint32_t space = s->ref;
        rc = member_row(r, space, "anna-shared", "space", &t->cli->error);
        if (rc == 0)
            rc = member_row(r, space, "anna-private", "private", &t->cli->error);
    }
    raum_close(r);
    return rc == 0 && s;
}

static void rights(struct tour *t)
{
    tour_step(t, "Another member's pictures: seen, not taken over");
    tour_check(t, bring_members(t), "%s", tr("Anna's rows arrive, one shared, one private"));
    tour_quiet(t, "space", "use", "marke", NULL);
    tour_check(t, tour_pool(t, NULL, NULL) == 2 && picture(t, "id", "anna-shared").doc, "%s",
               tr("the shared one is in the pool, the private one is not"));
    tour_check(t, tour_quiet(t, "image", "show", "anna-private", NULL) == 3, "%s",
               tr("asked for by its id, the private one is not found"));
    int status = tour_shown(t, "image", "ai", "anna-shared", "on", NULL);
    tour_check(t, status == 4, "%s", tr("nobody else can switch her consent on"));
    tour_check(t, tour_quiet(t, "image", "slot", "anna-shared", "avatar", NULL) == 4, "%s",
               tr("her picture cannot fill my slot"));
    tour_check(t, tour_quiet(t, "image", "set", "anna-shared", "--private", NULL) == 4, "%s",
               tr("nor can anybody hide it but her"));
    tour_quiet(t, "space", "use", "personal", NULL);
}

void tour_spaces(struct tour *t)
{
    guest(t);
    personal_pool(t);
    slots(t);
    consent(t);
    brand(t);
    independent(t);
    confined(t);
    rights(t);
}
