#include "cli/space_people.h"

#include "base/err.h"
#include "cli/online.h"
#include "engine/intern.h"
#include "engine/spaces.h"
#include "schema/rights.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BODY_MAX 65536
#define ORGANIZATION "/api/auth/organization/"
#define WORD 128

/* ---- the space that is meant ---- */

int space_connect(struct cli *cli, bool personal, struct space_meant *m)
{
    const struct space *s = NULL;
    int rc = online_open(cli);
    if (rc)
        return rc;
    if (cli->space)
        rc = spaces_find(cli->raum, cli->space, &s, &cli->error);
    else
        s = spaces_active(cli->raum);
    if (rc)
        return rc;
    if (!s)
        return err_set(&cli->error, RAUM_ESCOPE_NOT_READY, NULL);
    if (s->type == SPACE_PERSONAL && !personal)
        return cli_fail(cli, RAUM_ENOT_ALLOWED, "%s",
                        tr("the personal space is yours alone: nobody joins it, and nobody leaves "
                           "it"));
    if (s->offline)
        return cli_fail(cli, RAUM_ENOT_CONFIGURED, "%s",
                        tr("this space is only on this device so far"));
    *m = (struct space_meant){.type = s->type, .role = s->role};
    snprintf(m->id, sizeof m->id, "%s", s->id);
    snprintf(m->name, sizeof m->name, "%s", s->name);
    snprintf(m->slug, sizeof m->slug, "%s", s->slug);
    return 0;
}

/* POST of an object with one to three texts; NULL ends. */
static int post(struct cli *cli, const char *action, const char *const pairs[][2],
                struct remote_answer *a)
{
    char path[WORD];
    struct json_writer w;
    struct buf b;
    snprintf(path, sizeof path, ORGANIZATION "%s", action);
    buf_init(&b, BODY_MAX);
    json_begin(&w, &b);
    json_open_object(&w);
    for (int i = 0; pairs[i][0]; i++)
        if (pairs[i][1]) {
            json_put_key(&w, pairs[i][0]);
            json_put_str(&w, pairs[i][1]);
        }
    json_close_object(&w);
    int rc = remote_ask(cli->remote, "POST", path, &b, a, &cli->error);
    buf_release(&b);
    return rc;
}

static void cell(struct out_table *t, struct json_value v)
{
    struct arena a;
    arena_init(&a, BODY_MAX);
    out_cell_str(t, json_str(v, &a));
    arena_release(&a);
}

/* What was done: for people a line, for programs an object of the same parts. */
static int done(struct cli *cli, const char *word, const char *const pairs[][2])
{
    struct json_writer w;
    struct buf b;
    buf_init(&b, BODY_MAX);
    json_begin(&w, &b);
    json_open_object(&w);
    for (int i = 0; pairs[i][0]; i++) {
        json_put_key(&w, pairs[i][0]);
        json_put_str(&w, pairs[i][1]);
    }
    json_close_object(&w);
    int rc = buf_error(&b, &cli->error);
    if (rc == 0 && cli->json) {
        out_json(&cli->out, &b);
    } else if (rc == 0 && !cli->quiet) {
        out_printf(&cli->out, "%s:", word);
        for (int i = 0; pairs[i][0]; i++)
            if (pairs[i][1]) {
                out_printf(&cli->out, i ? "  " : " ");
                out_text(&cli->out, pairs[i][1], strlen(pairs[i][1]));
            }
        out_printf(&cli->out, "\n");
    }
    buf_release(&b);
    return rc;
}

/* ---- members ---- */

static const struct out_column member_columns[] = {
    {"name", "name", OUT_TEXT, OUT_SHRINK}, {"email", "e-mail", OUT_TEXT, OUT_SHRINK},
    {"role", "role", OUT_TEXT, OUT_KEEP},   {"me", "you", OUT_BOOL, OUT_KEEP},
    {"since", "since", OUT_TIME, OUT_DROP}, {"id", "id", OUT_TEXT, OUT_KEEP},
    {"account", NULL, OUT_TEXT, OUT_DROP},
};

static int fetch_members(struct cli *cli, const struct space_meant *m, struct remote_answer *a)
{
    struct buf path;
    buf_init(&path, 1024);
    buf_str(&path, "/api/v1/spaces/");
    remote_escape(&path, m->id);
    buf_str(&path, "/members");
    int rc = remote_ask(cli->remote, "GET", buf_text(&path), NULL, a, &cli->error);
    buf_release(&path);
    return rc;
}

int space_members(struct cli *cli)
{
    struct space_meant m;
    struct out_table t;
    struct remote_answer a;
    int rc = space_connect(cli, true, &m);
    if (rc)
        return rc;
    rc = fetch_members(cli, &m, &a);
    struct json_value list = json_get(a.root, "members");
    if (rc == 0) {
        out_table_begin(&t, &cli->out, member_columns, 7);
        for (struct json_value v = json_first(list); v.doc; v = json_next(list, v)) {
            cell(&t, json_get(v, "name"));
            cell(&t, json_get(v, "email"));
            cell(&t, json_get(v, "role"));
            out_cell_bool(&t, json_equals(json_get(v, "userId"), raum_account(cli->raum)));
            cell(&t, json_get(v, "createdAt"));
            cell(&t, json_get(v, "id"));
            cell(&t, json_get(v, "userId"));
        }
        rc = out_table_end(&t, &cli->error);
    }
    remote_answer_release(&a);
    return rc;
}

/* The id and mail address of a member named by id, account or mail address. */
static int find_member(struct cli *cli, const struct space_meant *m, const char *word,
                       char id[WORD], char email[REMOTE_EMAIL_MAX])
{
    struct remote_answer a;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    id[0] = '\0';
    int rc = fetch_members(cli, m, &a);
    struct json_value list = json_get(a.root, "members");
    for (struct json_value v = json_first(list); rc == 0 && v.doc; v = json_next(list, v)) {
        const char *mail = json_str(json_get(v, "email"), &arena);
        const char *own = json_str(json_get(v, "id"), &arena);
        if (own && mail && strlen(own) < WORD && strlen(mail) < REMOTE_EMAIL_MAX &&
            (strcmp(own, word) == 0 || strcasecmp(mail, word) == 0 ||
             json_equals(json_get(v, "userId"), word))) {
            memcpy(id, own, strlen(own) + 1);
            memcpy(email, mail, strlen(mail) + 1);
        }
    }
    if (rc == 0 && !id[0])
        rc = cli_fail(cli, RAUM_ENOT_FOUND, tr("no such member: %s"), word);
    remote_answer_release(&a);
    arena_release(&arena);
    return rc;
}

static const char *const roles[] = {"member", "admin", "owner", NULL};

int space_remove(struct cli *cli)
{
    char id[WORD], email[REMOTE_EMAIL_MAX];
    struct space_meant m;
    struct remote_answer a = {0};
    int rc = space_connect(cli, false, &m);
    if (rc == 0)
        rc = find_member(cli, &m, cli->words[0], id, email);
    if (rc)
        return rc;
    rc = post(cli, "remove-member",
              (const char *const[][2]){{"memberIdOrEmail", id}, {"organizationId", m.id}, {NULL}},
              &a);
    remote_answer_release(&a);
    return rc ? rc
              : done(cli, tr("removed"),
                     (const char *const[][2]){{"removed", email}, {"space", m.slug}, {NULL}});
}

int space_role(struct cli *cli)
{
    char id[WORD], email[REMOTE_EMAIL_MAX];
    const char *role = cli->words[1];
    struct space_meant m;
    struct remote_answer a = {0};
    int rc = cli_choice(cli, "ROLE", role, roles);
    if (rc == 0)
        rc = space_connect(cli, false, &m);
    if (rc == 0)
        rc = find_member(cli, &m, cli->words[0], id, email);
    if (rc)
        return rc;
    rc = post(cli, "update-member-role",
              (const char *const[][2]){
                  {"memberId", id}, {"role", role}, {"organizationId", m.id}, {NULL}},
              &a);
    remote_answer_release(&a);
    return rc ? rc
              : done(cli, tr("role"),
                     (const char *const[][2]){
                         {"member", email}, {"role", role}, {"space", m.slug}, {NULL}});
}

int space_leave(struct cli *cli)
{
    struct space_meant m;
    struct remote_answer a = {0};
    int rc = space_connect(cli, false, &m);
    if (rc)
        return rc;
    rc = post(cli, "leave", (const char *const[][2]){{"organizationId", m.id}, {NULL}}, &a);
    remote_answer_release(&a);
    if (rc == 0)
        rc = online_left(cli);
    return rc ? rc : done(cli, tr("left"), (const char *const[][2]){{"left", m.slug}, {NULL}});
}

/* ---- invitations ---- */

int space_invite(struct cli *cli)
{
    const char *role = cli_value(cli, "--role"), *email = cli->words[0];
    struct space_meant m;
    struct remote_answer a = {0};
    struct arena arena;
    arena_init(&arena, BODY_MAX);
    role = role ? role : "member";
    int rc = cli_choice(cli, "--role", role, roles);
    if (rc == 0)
        rc = space_connect(cli, false, &m);
    if (rc == 0) {
        rc = post(cli, "invite-member",
                  (const char *const[][2]){
                      {"email", email}, {"role", role}, {"organizationId", m.id}, {NULL}},
                  &a);
        if (rc == 0)
            rc = done(cli, tr("invited"),
                      (const char *const[][2]){
                          {"email", email},
                          {"role", role},
                          {"space", m.slug},
                          {"id", json_str(json_get(a.root, "id"), &arena)},
                          {"expiresAt",
                           cli->json ? json_str(json_get(a.root, "expiresAt"), &arena) : NULL},
                          {NULL}});
        remote_answer_release(&a);
    }
    arena_release(&arena);
    return rc;
}

static const struct out_column invitation_columns[] = {
    {"id", "id", OUT_TEXT, OUT_KEEP},          {"space", "space", OUT_TEXT, OUT_SHRINK},
    {"email", "e-mail", OUT_TEXT, OUT_SHRINK}, {"role", "role", OUT_TEXT, OUT_KEEP},
    {"mine", "for you", OUT_BOOL, OUT_KEEP},   {"expiresAt", "until", OUT_TIME, OUT_DROP},
};

static void put_invitations(struct out_table *t, struct json_value list, const char *space)
{
    for (struct json_value v = json_first(list); v.doc; v = json_next(list, v)) {
        if (!json_equals(json_get(v, "status"), "pending"))
            continue;
        cell(t, json_get(v, "id"));
        if (space)
            out_cell_str(t, space);
        else
            cell(t, json_get(v, "organizationName"));
        cell(t, json_get(v, "email"));
        cell(t, json_get(v, "role"));
        out_cell_bool(t, space == NULL);
        cell(t, json_get(v, "expiresAt"));
    }
}

/* Those of the space, for who may see them. */
static int of_space(struct cli *cli, struct out_table *t)
{
    struct remote_answer a;
    struct buf path;
    const struct space *s = NULL;
    int rc = 0;
    if (cli->space)
        rc = spaces_find(cli->raum, cli->space, &s, &cli->error);
    else
        s = spaces_active(cli->raum);
    if (rc || !s || s->type == SPACE_PERSONAL || s->offline || s->role < ROLE_ADMIN)
        return rc;
    buf_init(&path, 1024);
    buf_str(&path, ORGANIZATION "list-invitations?organizationId=");
    remote_escape(&path, s->id);
    rc = remote_ask(cli->remote, "GET", buf_text(&path), NULL, &a, &cli->error);
    if (rc == 0)
        put_invitations(t, a.root, s->name);
    remote_answer_release(&a);
    buf_release(&path);
    return rc;
}

int space_invitations(struct cli *cli)
{
    struct remote_answer a;
    struct raum_error error = {0};
    struct out_table t;
    int rc = online_open(cli);
    if (rc)
        return rc;
    out_table_begin(&t, &cli->out, invitation_columns, 6);
    rc = remote_ask(cli->remote, "GET", ORGANIZATION "list-user-invitations", NULL, &a, &error);
    if (rc == 0)
        put_invitations(&t, a.root, NULL);
    else if (rc == RAUM_ENOT_ALLOWED && !remote_ended(&error))
        cli_note(cli, "%s", error.text); /* the address is not verified: not a list, but said */
    else
        cli->error = error;
    rc = rc == RAUM_ENOT_ALLOWED && !remote_ended(&error) ? 0 : rc;
    remote_answer_release(&a);
    if (rc == 0)
        rc = of_space(cli, &t);
    int ended = out_table_end(&t, rc ? NULL : &cli->error);
    return rc ? rc : ended;
}

/* "…?id=ID&secret=S": a parameter of the mail's link. */
static bool of_link(const char *link, const char *name, char out[WORD])
{
    size_t len = strlen(name);
    for (const char *at = strchr(link, '?'); at; at = strchr(at + 1, '&')) {
        if (strncmp(at + 1, name, len) != 0 || at[1 + len] != '=')
            continue;
        size_t part = strcspn(at + 2 + len, "&# ");
        if (part == 0 || part >= WORD)
            return false;
        memcpy(out, at + 2 + len, part);
        out[part] = '\0';
        return true;
    }
    return false;
}

static int answer_invitation(struct cli *cli, const char *action, struct remote_answer *a)
{
    char id[WORD], secret[WORD];
    const char *word = cli->words[0], *given = cli_value(cli, "--secret");
    *a = (struct remote_answer){0};
    bool link = strchr(word, '?') != NULL;
    if (link && !of_link(word, "id", id))
        return cli_usage(cli, "%s", tr("this link holds no invitation"));
    if (link && !given && of_link(word, "secret", secret))
        given = secret;
    int rc = online_open(cli);
    return rc ? rc
              : post(cli, action,
                     (const char *const[][2]){
                         {"invitationId", link ? id : word}, {"secret", given}, {NULL}},
                     a);
}

int space_accept(struct cli *cli)
{
    struct remote_answer a;
    struct arena arena;
    arena_init(&arena, BODY_MAX);
    int rc = answer_invitation(cli, "accept-invitation", &a);
    struct json_value invitation = json_get(a.root, "invitation");
    const char *id = json_str(json_get(invitation, "organizationId"), &arena);
    if (rc == 0)
        rc = online_spaces(cli);
    const struct space *s = rc == 0 && id ? intern_space_find(cli->raum, id) : NULL;
    if (rc == 0)
        rc = done(cli, tr("you are in"),
                  (const char *const[][2]){{"name", s ? s->name : id},
                                           {"slug", s ? s->slug : NULL},
                                           {"role", s ? rights_role_name(s->role) : NULL},
                                           {"id", cli->json ? id : NULL},
                                           {NULL}});
    if (rc == 0 && s)
        cli_note(cli, tr("Work in it: raum space use %s"), s->slug);
    remote_answer_release(&a);
    arena_release(&arena);
    return rc;
}

int space_decline(struct cli *cli)
{
    struct remote_answer a;
    struct arena arena;
    arena_init(&arena, BODY_MAX);
    int rc = answer_invitation(cli, "reject-invitation", &a);
    struct json_value invitation = json_get(a.root, "invitation");
    if (rc == 0)
        rc = done(cli, tr("declined"),
                  (const char *const[][2]){
                      {"declined", json_str(json_get(invitation, "id"), &arena)}, {NULL}});
    remote_answer_release(&a);
    arena_release(&arena);
    return rc;
}
