/* `raum image …`: the pool of the active space. */
#include "cli/cmd_image.h"
#include "base/err.h"
#include "cli/sync_media.h"
#include "engine/intern.h"
#include "engine/spaces.h"
#include "engine/store.h"
#include "modules/profile/me_images.h"
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

extern char **environ;

#define JSON_MAX ((size_t)8 << 20)

/* ---- printing ---- */

void image_slots(int64_t bits, char out[64])
{
    size_t len = 0;
    out[0] = '\0';
    for (int i = 0; me_slots[i]; i++)
        if (bits >> i & 1)
            len += (size_t)snprintf(out + len, 64 - len, "%s%s", len ? " " : "", me_slots[i]);
}

const char *image_here_text(const char *here)
{
    if (!here)
        return tr("not here yet");
    return strcmp(here, "original") == 0 ? tr("whole") : tr("the small one");
}

int image_json(struct cli *cli, const char *id, int64_t slots, const char *media, struct buf *out)
{
    const char *here = sync_media_here(cli, cli->scope->space, media);
    int rc = store_get(cli->scope, "meImages", id, true, out, &cli->error);
    if (rc)
        return rc;
    out->len--; /* the closing brace */
    const char *comma = "", *first = NULL;
    buf_str(out, ",\"slots\":[");
    for (int i = 0; me_slots[i]; i++)
        if (slots >> i & 1) {
            buf_printf(out, "%s\"%s\"", comma, me_slots[i]);
            first = first ? first : me_slots[i];
            comma = ",";
        }
    buf_printf(out, "],\"primaryFor\":%s%s%s", first ? "\"" : "", first ? first : "null",
               first ? "\"" : "");
    buf_printf(out, ",\"here\":%s%s%s}", here ? "\"" : "", here ? here : "null", here ? "\"" : "");
    return buf_error(out, &cli->error);
}

/* The media id of a picture of the scope. */
static int media_of(struct cli *cli, const char *id, char media[RAUM_ID_MAX])
{
    struct raum_query *q = NULL;
    media[0] = '\0';
    int rc = query_view(cli->scope, "SELECT mediaId FROM meImages WHERE id = ?1", &q, &cli->error);
    if (rc)
        return rc;
    raum_query_bind_text(q, 1, id, strlen(id));
    rc = raum_query_step(q, &cli->error);
    const char *text = rc == 0 ? raum_query_text(q, 0, NULL) : NULL;
    snprintf(media, RAUM_ID_MAX, "%s", text ? text : "");
    raum_query_free(q);
    return rc == RAUM_END ? err_set(&cli->error, RAUM_ENOT_FOUND, NULL) : rc;
}

/* Which slots hold it, whoever's they are; 0 for a deleted one. */
static int64_t slots_of(struct cli *cli, const char *id)
{
    struct raum_query *q = NULL;
    int64_t bits = 0;
    if (query_view(cli->scope, "SELECT slot FROM meSlots WHERE imageId = ?1", &q, NULL) != 0)
        return 0;
    raum_query_bind_text(q, 1, id, strlen(id));
    while (raum_query_step(q, NULL) == 0) {
        const char *slot = raum_query_text(q, 0, NULL);
        for (int i = 0; me_slots[i]; i++)
            if (slot && strcmp(slot, me_slots[i]) == 0)
                bits |= (int64_t)1 << i;
    }
    raum_query_free(q);
    return bits;
}

static void print_people(struct cli *cli, struct json_value row, int64_t bits)
{
    char slots[64];
    struct arena a;
    arena_init(&a, JSON_MAX);
    struct json_value usage = json_get(row, "usage");
    image_slots(bits, slots);
    out_member(&cli->out, tr("id"), json_get(row, "id"), &a);
    out_member(&cli->out, tr("label"), json_get(row, "label"), &a);
    out_member(&cli->out, tr("kind"), json_get(row, "kind"), &a);
    out_member(&cli->out, tr("tags"), json_get(row, "tags"), &a);
    if (*slots)
        out_pair(&cli->out, tr("slots"), "%s", slots);
    out_member(&cli->out, tr("AI may use it"), json_get(usage, "aiReference"), &a);
    out_member(&cli->out, tr("in profile"), json_get(usage, "showInProfile"), &a);
    out_member(&cli->out, tr("width"), json_get(row, "width"), &a);
    out_member(&cli->out, tr("height"), json_get(row, "height"), &a);
    out_member(&cli->out, tr("visibility"), json_get(row, "visibility"), &a);
    out_member(&cli->out, tr("person"), json_get(row, "subjectId"), &a);
    if (!json_is(json_get(row, "deletedAt"), JSON_STRING))
        out_pair(&cli->out, tr("on this device"), "%s",
                 image_here_text(json_str(json_get(row, "here"), &a)));
    out_moment(&cli->out, tr("added"), json_get(row, "createdAt"), &a);
    out_moment(&cli->out, tr("changed"), json_get(row, "updatedAt"), &a);
    out_moment(&cli->out, tr("deleted"), json_get(row, "deletedAt"), &a);
    arena_release(&a);
}

int image_print(struct cli *cli, const char *id)
{
    struct buf b;
    struct json_doc doc;
    buf_init(&b, JSON_MAX);
    json_init(&doc);
    char media[RAUM_ID_MAX];
    int64_t bits = slots_of(cli, id);
    int found = media_of(cli, id, media); /* a deleted one shows nothing */
    err_clear(&cli->error);
    int rc = image_json(cli, id, bits, found == 0 ? media : NULL, &b);
    if (rc == 0 && cli->json)
        out_json(&cli->out, &b);
    else if (rc == 0) {
        rc = json_parse(&doc, buf_text(&b), b.len, 0, &cli->error);
        if (rc == 0)
            print_people(cli, json_root(&doc), bits);
    }
    json_release(&doc);
    buf_release(&b);
    return rc;
}

/* After a change: the picture as it is now; people who asked for quiet get nothing. */
static int done(struct cli *cli, const char *id, int rc)
{
    if (rc)
        return rc;
    return cli->quiet && !cli->json ? 0 : image_print(cli, id);
}

/* ---- commands on one picture ---- */

static int show(struct cli *cli)
{
    int rc = cli_open_scope(cli);
    return rc ? rc : image_print(cli, cli->words[0]);
}

static int set_json(struct cli *cli, struct buf *out)
{
    struct json_writer w;
    const char *label = cli_value(cli, "--label"), *kind = cli_value(cli, "--kind"), *tag;
    const char *profile = cli_value(cli, "--profile");
    static const char *const on_off[] = {"on", "off", NULL};
    int at = 0, tags = 0;
    int rc = cli_choice(cli, "--kind", kind, me_kinds);
    if (rc == 0)
        rc = cli_choice(cli, "--profile", profile, on_off);
    if (rc)
        return rc;
    json_begin(&w, out);
    json_open_object(&w);
    if (label) {
        json_put_key(&w, "label");
        json_put_str(&w, *label ? label : NULL);
    }
    if (kind) {
        json_put_key(&w, "kind");
        json_put_str(&w, kind);
    }
    if (profile) {
        json_put_key(&w, "usage.showInProfile");
        json_put_bool(&w, strcmp(profile, "on") == 0);
    }
    if (cli_switch(cli, "--private") || cli_switch(cli, "--shared")) {
        json_put_key(&w, "visibility");
        json_put_str(&w, cli_switch(cli, "--private") ? "private" : "space");
    }
    while ((tag = cli_next(cli, "--tag", &at))) {
        if (!tags++) {
            json_put_key(&w, "tags");
            json_open_array(&w);
        }
        if (*tag)
            json_put_str(&w, tag);
    }
    if (tags)
        json_close_array(&w);
    json_close_object(&w);
    if (out->len <= 2)
        return cli_usage(cli, "%s", tr("nothing to set; see: raum help image set"));
    return buf_error(out, &cli->error);
}

static int set(struct cli *cli)
{
    struct buf json;
    buf_init(&json, JSON_MAX);
    int rc = set_json(cli, &json);
    if (rc == 0)
        rc = cli_open_scope(cli);
    if (rc == 0)
        rc = store_update_text(cli->scope, "meImages", cli->words[0], buf_text(&json), json.len,
                               &cli->error);
    buf_release(&json);
    return done(cli, cli->words[0], rc);
}

/* The star: a face for face-ref, a full body for body-ref. */
static int slot_of_kind(struct cli *cli, const char *id, const char **slot)
{
    struct raum_query *q = NULL;
    int rc = query_view(cli->scope, "SELECT kind FROM meImages WHERE id = ?1", &q, &cli->error);
    if (rc)
        return rc;
    raum_query_bind_text(q, 1, id, strlen(id));
    rc = raum_query_step(q, &cli->error);
    const char *kind = rc == 0 ? raum_query_text(q, 0, NULL) : NULL;
    if (rc == RAUM_END)
        rc = err_set(&cli->error, RAUM_ENOT_FOUND, NULL);
    else if (rc == 0 && kind && strcmp(kind, "face") == 0)
        *slot = "face-ref";
    else if (rc == 0 && kind && strcmp(kind, "fullbody") == 0)
        *slot = "body-ref";
    else if (rc == 0)
        rc = cli_usage(cli, "%s", tr("which slot? avatar, face-ref, body-ref or none"));
    raum_query_free(q);
    return rc;
}

static int slot(struct cli *cli)
{
    static const char *const choices[] = {"avatar", "face-ref", "body-ref", "none", NULL};
    const char *id = cli->words[0], *name = cli->count > 1 ? cli->words[1] : NULL;
    int rc = cli_choice(cli, "SLOT", name, choices);
    if (rc == 0)
        rc = cli_open_scope(cli);
    if (rc == 0 && !name)
        rc = slot_of_kind(cli, id, &name);
    if (rc || !name)
        return rc;
    if (strcmp(name, "none") == 0)
        rc = me_slots_release_image(cli->scope, id, &cli->error);
    else
        rc = me_slots_claim(cli->scope, name, id, &cli->error);
    return done(cli, id, rc);
}

static int ai(struct cli *cli)
{
    static const char *const on_off[] = {"on", "off", NULL};
    int rc = cli_choice(cli, "ai", cli->words[1], on_off);
    if (rc == 0)
        rc = cli_open_scope(cli);
    if (rc == 0)
        rc = me_images_consent(cli->scope, cli->words[0], strcmp(cli->words[1], "on") == 0,
                               &cli->error);
    return done(cli, cli->words[0], rc);
}

/* Opens the space and the pictures, does something, closes the pictures. */
static int with_pool(struct cli *cli, int (*act)(struct cli *cli, struct pictures *p))
{
    struct pool pool;
    int rc = cli_open_scope(cli);
    if (rc)
        return rc;
    rc = pool_open(&pool, cli);
    if (rc == 0)
        rc = act(cli, &pool.pictures);
    if (rc == 0)
        (void)!pictures_tidy(&pool.pictures, NULL);
    pool_close(&pool);
    return rc;
}

static int act_delete(struct cli *cli, struct pictures *p)
{
    bool forever = cli_switch(cli, "--forever");
    const char *id = cli->words[0];
    int rc = me_images_delete(cli->scope, p, id, forever, &cli->error);
    if (rc == 0 && !forever)
        cli_note(cli, tr("in the trash for 30 days; back with: raum image restore %s"), id);
    return done(cli, id, rc);
}

static int act_restore(struct cli *cli, struct pictures *p)
{
    return done(cli, cli->words[0], me_images_restore(cli->scope, p, cli->words[0], &cli->error));
}

/* The original is fetched if it is not here. A server that is away leaves it so: whoever needs the
 * bytes says that they are not here, and why is said here. */
static int fetch_original(struct cli *cli, const char *media)
{
    const char *here = sync_media_here(cli, cli->scope->space, media);
    if (here && strcmp(here, "original") == 0)
        return 0;
    int rc = *media ? sync_media_fetch(cli, cli->scope->space, media) : 0;
    if (rc == RAUM_EUNREACHABLE) {
        cli_note(cli, "%s", cli->error.text);
        err_clear(&cli->error);
        return 0;
    }
    return rc;
}

static int act_copy(struct cli *cli, struct pictures *p)
{
    char id[RAUM_ID_MAX], media[RAUM_ID_MAX];
    const struct space *s;
    struct raum_handle *to = NULL;
    int rc = media_of(cli, cli->words[0], media);
    if (rc == 0)
        rc = fetch_original(cli, media);
    if (rc == 0)
        rc = spaces_find(cli->raum, cli_value(cli, "--to"), &s, &cli->error);
    if (rc == 0)
        rc = raum_scope_new(cli->raum, &to, &cli->error);
    if (rc == 0)
        rc = raum_scope_set(to, s->id, &cli->error);
    if (rc == 0)
        rc = me_images_copy(cli->scope, to, p, cli->words[0], cli_switch(cli, "--ai"), id,
                            &cli->error);
    if (rc == 0 && !(cli->quiet && !cli->json)) {
        struct raum_handle *from = cli->scope;
        cli->scope = to; /* shown as it stands in the other space */
        rc = image_print(cli, id);
        cli->scope = from;
    }
    raum_handle_free(to);
    return rc;
}

static void view(const char *path)
{
    char program[] = "xdg-open";
    char *argv[] = {program, (char *)path, NULL};
    pid_t pid;
    if (posix_spawnp(&pid, program, NULL, NULL, argv, environ) == 0)
        waitpid(pid, NULL, 0);
}

static int act_open(struct cli *cli, struct pictures *p)
{
    char path[MEDIA_PATH_MAX], media[RAUM_ID_MAX];
    int rc = media_of(cli, cli->words[0], media);
    if (rc == 0)
        rc = fetch_original(cli, media);
    if (rc == 0)
        rc = pictures_path(p, cli->scope->space, media, MEDIA_ORIGINAL, path, NULL);
    if (rc == RAUM_ENOT_FOUND)
        return cli_fail(cli, rc, "%s", tr("the bytes of this picture are not on this device"));
    if (rc)
        return rc;
    if (cli->json)
        out_printf(&cli->out, "{\"path\":\"%s\"}\n", path);
    else
        out_printf(&cli->out, "%s\n", path);
    if (cli->out.terminal && (getenv("DISPLAY") || getenv("WAYLAND_DISPLAY")))
        view(path);
    return 0;
}

static int delete_image(struct cli *cli)
{
    return with_pool(cli, act_delete);
}

static int restore(struct cli *cli)
{
    return with_pool(cli, act_restore);
}

static int copy(struct cli *cli)
{
    if (!cli_value(cli, "--to"))
        return cli_usage(cli, "%s", tr("copy to which space? --to SPACE"));
    return with_pool(cli, act_copy);
}

static int open_image(struct cli *cli)
{
    return with_pool(cli, act_open);
}

static const struct cli_option add_options[] = {
    {"--kind", "K", "face, fullbody, halfbody, hands or reference"},
    {"--label", "L", "its name; else from the file's name"},
    {"--tag", "T", "a word; may be given several times"},
    {"--slot", "S", "claim avatar, face-ref or body-ref"},
    {"--ai", NULL, "AI may use it as a reference"},
    {"--private", NULL, "only for you, also in a shared space"},
    {0},
};
static const struct cli_option list_options[] = {
    {"--kind", "K", "only this kind"},
    {"--reference", NULL, "only those that AI may use"},
    {"--slot", "S", "only the holder of your slot"},
    {"--watch", NULL, "stay, and show what changes"},
    {0},
};
static const struct cli_option set_options[] = {
    {"--label", "L", "its name; empty: none"},
    {"--kind", "K", "face, fullbody, halfbody, hands or reference"},
    {"--tag", "T", "the tags anew; may be given several times; empty: none"},
    {"--profile", "on|off", "show it in the profile"},
    {"--private", NULL, "only for you, also in a shared space"},
    {"--shared", NULL, "for everybody in the space"},
    {0},
};
static const struct cli_option delete_options[] = {
    {"--forever", NULL, "erase the bytes at once"},
    {0},
};
static const struct cli_option copy_options[] = {
    {"--to", "SPACE", "the other space"},
    {"--ai", NULL, "AI may use it there too (only if you are the person in it)"},
    {0},
};

const struct cli_command cmd_image[] = {
    {"image add", "FILE…", 1, -1, "add photographs to the pool", add_options,
     "raum image add photos/*.jpg --tag holiday\nraum image add me.heic --slot avatar --ai",
     image_add, false},
    {"image list", "", 0, 0, "the pool of the space, newest first", list_options,
     "raum image list --kind face\nraum image list --reference --json\nraum image list --watch",
     image_list, false},
    {"image show", "ID", 1, 1, "one picture", NULL, NULL, show, false},
    {"image set", "ID", 1, 1, "change what is written about it", set_options,
     "raum image set ID --label 'On the beach' --tag holiday --tag sea", set, false},
    {"image slot", "ID [SLOT|none]", 1, 2, "claim a slot with it, or empty those it holds", NULL,
     "raum image slot ID avatar\nraum image slot ID none", slot, false},
    {"image ai", "ID on|off", 2, 2, "consent to its use by AI", NULL, "raum image ai ID off", ai,
     false},
    {"image delete", "ID", 1, 1, "delete it; the bytes stay in the trash for 30 days",
     delete_options, "raum image delete ID --forever", delete_image, false},
    {"image restore", "ID", 1, 1, "bring a deleted one back", NULL, NULL, restore, false},
    {"image copy", "ID --to SPACE", 1, 1, "a copy of its own for another space", copy_options,
     "raum image copy ID --to marke", copy, false},
    {"image open", "ID", 1, 1, "print where it lies, and show it", NULL, NULL, open_image, false},
    {0},
};
