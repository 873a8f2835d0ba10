/* `raum space …`: the spaces of this account, on this device and, when it is connected, on its
 * server. Their people are in space_people.c. */
#include "base/err.h"
#include "cli/online.h"
#include "cli/pool.h"
#include "cli/space_people.h"
#include "engine/intern.h"
#include "engine/spaces.h"
#include "modules/scenes/scenes.h"
#include "schema/rights.h"
#include <string.h>
#include <unistd.h>

static const struct out_column columns[] = {
    {"active", "", OUT_BOOL, OUT_KEEP},     {"slug", "space", OUT_TEXT, OUT_KEEP},
    {"name", "name", OUT_TEXT, OUT_SHRINK}, {"type", "type", OUT_TEXT, OUT_KEEP},
    {"role", "role", OUT_TEXT, OUT_KEEP},   {"offline", NULL, OUT_BOOL, OUT_KEEP},
    {"id", "id", OUT_TEXT, OUT_SHRINK},
};

static int list(struct cli *cli)
{
    struct out_table t;
    int rc = cli_open(cli);
    if (rc)
        return rc;
    online_try(cli);
    const struct space *active = spaces_active(cli->raum);
    out_table_begin(&t, &cli->out, columns, 7);
    for (uint32_t i = 0; i < cli->raum->space_count; i++) {
        const struct space *s = &cli->raum->spaces[i];
        if (!s->id || s->type < 0 || s->role == ROLE_NONE)
            continue;
        if (cli->json)
            out_cell_bool(&t, s == active);
        else
            out_cell_str(&t, s == active ? "*" : "");
        out_cell_str(&t, s->slug);
        out_cell_str(&t, s->name);
        out_cell_str(&t, schema_space_type_name(s->type));
        out_cell_str(&t, rights_role_name(s->role));
        out_cell_bool(&t, s->offline);
        out_cell_str(&t, s->id);
    }
    return out_table_end(&t, &cli->error);
}

static int print_json(struct cli *cli, const struct space *s)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, 1 << 16);
    json_begin(&w, &b);
    json_open_object(&w);
    json_put_key(&w, "id");
    json_put_str(&w, s->id);
    json_put_key(&w, "slug");
    json_put_str(&w, s->slug);
    json_put_key(&w, "name");
    json_put_str(&w, s->name);
    json_put_key(&w, "type");
    json_put_str(&w, schema_space_type_name(s->type));
    json_put_key(&w, "role");
    json_put_str(&w, rights_role_name(s->role));
    json_put_key(&w, "offline");
    json_put_bool(&w, s->offline);
    json_put_key(&w, "active");
    json_put_bool(&w, s == spaces_active(cli->raum));
    json_close_object(&w);
    out_json(&cli->out, &b);
    int rc = buf_error(&b, &cli->error);
    buf_release(&b);
    return rc;
}

/* What was done, for people as a sentence, for programs the space. */
static int say(struct cli *cli, const struct space *s, const char *sentence)
{
    if (!s)
        return err_set(&cli->error, RAUM_ENOT_FOUND, NULL);
    if (cli->json)
        return print_json(cli, s);
    if (!cli->quiet) {
        out_text(&cli->out, sentence, strlen(sentence));
        out_printf(&cli->out, ": ");
        out_text(&cli->out, s->name, strlen(s->name));
        out_printf(&cli->out, " (%s, %s)\n", s->slug, schema_space_type_name(s->type));
    }
    return 0;
}

static int create(struct cli *cli)
{
    const char *type_name = cli_value(cli, "--type");
    const struct space *s;
    struct raum_handle *h = NULL;
    char id[RAUM_ID_MAX];
    if (!type_name)
        return cli_usage(cli, "%s", tr("which type? --type brand|club|family|team|practice"));
    int type = schema_space_type(type_name);
    if (type == SPACE_PERSONAL)
        return cli_fail(cli, RAUM_ESPACE_METADATA_INVALID, "%s",
                        tr("every account has exactly one personal space, made with it"));
    if (type < 0)
        return cli_fail(cli, RAUM_ESPACE_METADATA_INVALID,
                        tr("no such type of space: %s; there are: brand club family team practice"),
                        type_name);
    int rc = cli_open(cli);
    if (rc == 0)
        rc = spaces_create(cli->raum, cli->words[0], type, &s, &cli->error);
    if (rc)
        return rc;
    snprintf(id, sizeof id, "%s", s->id);
    uint32_t ref = s->ref;
    rc = raum_scope_new(cli->raum, &h, &cli->error);
    if (rc == 0)
        rc = raum_scope_set(h, id, &cli->error);
    if (rc == 0)
        rc = scenes_seed(h, &cli->error);
    raum_handle_free(h);
    if (rc == 0) /* made there, too, at once or when it can be reached */
        online_try(cli);
    s = intern_space(cli->raum, ref);
    if (rc == 0 && s) {
        rc = say(cli, s, tr("made"));
        cli_note(cli, tr("Work in it: raum space use %s"), s->slug);
    }
    return rc;
}

static int use(struct cli *cli)
{
    const struct space *s;
    int rc = cli_open(cli);
    if (rc == 0) {
        rc = spaces_use(cli->raum, cli->words[0], &s, &cli->error);
        if (rc == RAUM_ENOT_FOUND && online_try(cli)) /* joined or made elsewhere meanwhile */
            rc = spaces_use(cli->raum, cli->words[0], &s, &cli->error);
        else if (rc)
            cli_fail(cli, rc, tr("no such space: %s"), cli->words[0]);
    }
    return rc ? rc : say(cli, s, tr("active space"));
}

/* The id of the space named by the first word, else by --space, else the active one. A copy: what a
 * space says of itself is lent until the next call that looks whether another process changed the
 * names. */
static int chosen(struct cli *cli, char id[RAUM_ID_MAX])
{
    const struct space *s = NULL;
    int rc = cli_open(cli);
    if (rc)
        return rc;
    const char *name = cli->count ? cli->words[0] : cli->space;
    if (name)
        rc = spaces_find(cli->raum, name, &s, &cli->error);
    else
        s = spaces_active(cli->raum);
    if (rc)
        return rc;
    if (!s)
        return err_set(&cli->error, RAUM_ESCOPE_NOT_READY, NULL);
    snprintf(id, RAUM_ID_MAX, "%s", s->id);
    return 0;
}

static int64_t count_rows(struct cli *cli, const char *sql)
{
    struct raum_query *q = NULL;
    int64_t n = 0;
    if (raum_query_new(cli->scope, sql, &q, NULL) == 0 && raum_query_step(q, NULL) == 0)
        n = raum_query_int(q, 0);
    raum_query_free(q);
    return n;
}

static int show(struct cli *cli)
{
    char id[RAUM_ID_MAX];
    int rc = chosen(cli, id);
    const char *asked = cli->space;
    cli->space = id;
    if (rc == 0)
        rc = cli_open_scope(cli);
    cli->space = asked;
    if (rc)
        return rc;
    int64_t pictures = count_rows(cli, "SELECT count(*) FROM meImages");
    int64_t tags = count_rows(cli, "SELECT count(*) FROM tags");
    int64_t tasks = count_rows(cli, "SELECT count(*) FROM tasks WHERE isCompleted = 0");
    const struct space *s = intern_space_find(cli->raum, id);
    if (!s)
        return err_set(&cli->error, RAUM_ENOT_FOUND, NULL);
    if (cli->json)
        return print_json(cli, s);
    out_pair(&cli->out, tr("name"), "%s", s->name);
    out_pair(&cli->out, tr("space"), "%s", s->slug);
    out_pair(&cli->out, tr("type"), "%s", schema_space_type_name(s->type));
    out_pair(&cli->out, tr("role"), "%s", rights_role_name(s->role));
    out_pair(&cli->out, tr("id"), "%s", s->id);
    out_pair(&cli->out, tr("sealed"), "%s", s->sealed ? tr("yes") : tr("no"));
    out_pair(&cli->out, tr("pictures"), "%lld", (long long)pictures);
    out_pair(&cli->out, tr("tags"), "%lld", (long long)tags);
    out_pair(&cli->out, tr("open tasks"), "%lld", (long long)tasks);
    return 0;
}

/* Its name is the server's: everybody sees it. */
static int rename_there(struct cli *cli, const char *id, const char *name)
{
    struct remote_answer a;
    struct json_writer w;
    struct buf b;
    int rc = online_open(cli);
    if (rc)
        return rc;
    buf_init(&b, 1 << 16);
    json_begin(&w, &b);
    json_open_object(&w);
    json_put_key(&w, "organizationId");
    json_put_str(&w, id);
    json_put_key(&w, "data");
    json_open_object(&w);
    json_put_key(&w, "name");
    json_put_str(&w, name);
    json_close_object(&w);
    json_close_object(&w);
    rc = remote_ask(cli->remote, "POST", "/api/auth/organization/update", &b, &a, &cli->error);
    remote_answer_release(&a);
    buf_release(&b);
    return rc ? rc : online_spaces(cli);
}

static int rename_space(struct cli *cli)
{
    const char *which = cli->count > 1 ? cli->words[0] : cli->space;
    const char *name = cli->words[cli->count - 1];
    char id[RAUM_ID_MAX];
    int rc = cli_open(cli);
    if (rc)
        return rc;
    const struct space *s = spaces_active(cli->raum);
    if (which)
        rc = spaces_find(cli->raum, which, &s, &cli->error);
    if (rc)
        return rc;
    uint32_t ref = s->ref;
    snprintf(id, sizeof id, "%s", s->id);
    if (s->offline) {
        rc = spaces_rename(cli->raum, id, name, &cli->error);
        if (rc == 0)
            online_try(cli);
    } else {
        rc = rename_there(cli, id, name);
    }
    s = intern_space(cli->raum, ref);
    if (rc == 0 && !s)
        rc = err_set(&cli->error, RAUM_ENOT_FOUND, NULL);
    return rc ? rc : say(cli, s, tr("renamed"));
}

/* On a terminal one may still think again. */
static bool sure(struct cli *cli, const struct space *s)
{
    char answer[16] = "";
    if (cli_switch(cli, "--yes") || isatty(STDIN_FILENO) != 1 || isatty(STDERR_FILENO) != 1)
        return true;
    fprintf(stderr, tr("Erase the space %s with everything in it? [y/N] "), s->slug);
    fflush(stderr);
    if (!fgets(answer, sizeof answer, stdin))
        return false;
    return strchr("yYjJ", answer[0]) && answer[0];
}

/* POST /api/v1/spaces/{id}/{part}. */
static int post_part(struct cli *cli, const char *id, const char *part, const char *name,
                     struct remote_answer *a)
{
    struct json_writer w;
    struct buf path, b;
    buf_init(&path, 1024);
    buf_init(&b, 1 << 16);
    buf_str(&path, "/api/v1/spaces/");
    remote_escape(&path, id);
    buf_printf(&path, "/%s", part);
    json_begin(&w, &b);
    json_open_object(&w);
    if (name) {
        json_put_key(&w, "name");
        json_put_str(&w, name);
    }
    json_close_object(&w);
    int rc = remote_ask(cli->remote, "POST", buf_text(&path), &b, a, &cli->error);
    buf_release(&path);
    buf_release(&b);
    return rc;
}

/* Others are in it, too: whoever deletes it types its name. It can be brought back for 30 days. */
static int delete_there(struct cli *cli, const char *id, const char *slug)
{
    char typed[256] = "";
    const char *name = cli_value(cli, "--name");
    struct remote_answer a;
    if (!name &&
        cli_question(cli, tr("This deletes the space for everybody in it. Its name, to go on:"),
                     typed, sizeof typed))
        name = typed;
    if (!name)
        return cli_usage(cli, "%s",
                         tr("this deletes the space for everybody in it: --name NAME, its name"));
    int rc = online_open(cli);
    if (rc)
        return rc;
    rc = post_part(cli, id, "delete", name, &a);
    remote_answer_release(&a);
    if (rc == RAUM_EBAD_CHANGE)
        return cli_fail(cli, rc, "%s", tr("this is not the space's name: nothing was deleted"));
    if (rc == 0)
        rc = online_left(cli);
    if (rc)
        return rc;
    if (cli->json)
        out_printf(&cli->out, "{\"deleted\":\"%s\",\"id\":\"%s\"}\n", slug, id);
    else if (!cli->quiet)
        out_printf(&cli->out, "%s: %s\n", tr("deleted"), slug);
    cli_note(cli, tr("For 30 days it can be brought back: raum space undelete %s"), id);
    return 0;
}

static int undelete(struct cli *cli)
{
    struct remote_answer a;
    const struct space *s = NULL;
    int rc = online_open(cli);
    if (rc)
        return rc;
    rc = post_part(cli, cli->words[0], "undelete", NULL, &a);
    remote_answer_release(&a);
    if (rc == 0)
        rc = online_spaces(cli);
    if (rc == 0)
        rc = spaces_find(cli->raum, cli->words[0], &s, &cli->error);
    return rc ? rc : say(cli, s, tr("brought back"));
}

static int delete_space(struct cli *cli)
{
    char slug[64], id[RAUM_ID_MAX];
    int rc = chosen(cli, id);
    const struct space *s = rc ? NULL : intern_space_find(cli->raum, id);
    if (!s)
        return rc ? rc : err_set(&cli->error, RAUM_ENOT_FOUND, NULL);
    if (s->type == SPACE_PERSONAL)
        return err_set(&cli->error, RAUM_ESPACE_PERSONAL_UNDELETABLE, NULL);
    if (!s->offline) {
        snprintf(slug, sizeof slug, "%s", s->slug);
        return delete_there(cli, id, slug);
    }
    if (!sure(cli, s))
        return cli_fail(cli, RAUM_EINTERRUPTED, "%s", tr("nothing was deleted"));
    snprintf(slug, sizeof slug, "%s", s->slug);
    rc = spaces_delete(cli->raum, id, &cli->error);
    if (rc == 0)
        rc = pool_sweep(cli);
    if (rc == 0 && !cli->json && !cli->quiet)
        out_printf(&cli->out, "%s: %s\n", tr("deleted"), slug);
    else if (rc == 0 && cli->json)
        out_printf(&cli->out, "{\"deleted\":\"%s\"}\n", slug);
    return rc;
}

static const struct cli_option create_options[] = {
    {"--type", "T", "brand, club, family, team or practice"},
    {0},
};
static const struct cli_option delete_options[] = {
    {"--name", "NAME", "the space's name, typed: what the server asks for"},
    {"--yes", NULL, "do not ask"},
    {0},
};
static const struct cli_option accept_options[] = {
    {"--secret", "S", "what the link of the mail holds beside the id"},
    {0},
};
static const struct cli_option invite_options[] = {
    {"--role", "R", "member, admin or owner"},
    {0},
};

const struct cli_command cmd_space[] = {
    {"space list", "", 0, 0, "the spaces on this device", NULL, "raum space list", list, false},
    {"space create", "NAME --type T", 1, 1, "make a space, offline too", create_options,
     "raum space create Marke --type brand", create, false},
    {"space use", "SLUG|ID", 1, 1, "make it the active one of this device", NULL,
     "raum space use marke", use, false},
    {"space show", "[SLUG|ID]", 0, 1, "one space", NULL, "raum space show marke", show, false},
    {"space rename", "[SLUG|ID] NAME", 1, 2, "give it another name", NULL,
     "raum space rename marke 'Neue Marke'", rename_space, false},
    {"space delete", "[SLUG|ID]", 0, 1, "delete a space, for everybody in it", delete_options,
     "raum space delete marke --name Marke", delete_space, false},
    {"space undelete", "ID", 1, 1, "bring a deleted space back, within 30 days", NULL,
     "raum space undelete ID", undelete, false},
    {"space members", "", 0, 0, "who is in it", NULL, "raum space members --space family",
     space_members, false},
    {"space invite", "EMAIL --role R", 1, 1, "ask somebody in", invite_options,
     "raum space invite mia@example.org --role member", space_invite, false},
    {"space invitations", "", 0, 0, "open invitations, yours and the space's", NULL,
     "raum space invitations", space_invitations, false},
    {"space accept", "ID|LINK", 1, 1, "accept an invitation", accept_options,
     "raum space accept 'https://raum.example/accept-invitation?id=…&secret=…'", space_accept,
     false},
    {"space decline", "ID|LINK", 1, 1, "decline an invitation", NULL, "raum space decline ID",
     space_decline, false},
    {"space remove", "MEMBER", 1, 1, "remove a member", NULL, "raum space remove mia@example.org",
     space_remove, false},
    {"space role", "MEMBER ROLE", 2, 2, "give a member another role", NULL,
     "raum space role mia@example.org admin", space_role, false},
    {"space leave", "", 0, 0, "leave it", NULL, "raum space leave --space family", space_leave,
     false},
    {0},
};
