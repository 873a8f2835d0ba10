/* `raum serve admin …`: what the host of a server may do, in the database, beside the running
 * server. */
#define _GNU_SOURCE
#include "base/clock.h"
#include "base/err.h"
#include "cli/cmd_serve.h"
#include "server/admin.h"
#include "server/relay/relay.h"
#include "server/store/betterauth.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE 500
#define QUOTA_MB_MAX 100000000
#define ORIGIN_DEFAULT "http://127.0.0.1:7117"

struct admin {
    struct cli *cli;
    struct sql *sql;
    struct arena arena;
    int64_t now;
    const char *const *words; /* behind the verb */
};

static const struct out_column account_columns[] = {
    {"id", NULL, OUT_TEXT, OUT_KEEP},
    {"email", "address", OUT_TEXT, OUT_SHRINK},
    {"name", "name", OUT_TEXT, OUT_SHRINK},
    {"verified", "confirmed", OUT_BOOL, OUT_DROP},
    {"disabled", "disabled", OUT_BOOL, OUT_KEEP},
    {"spaces", "spaces", OUT_NUMBER, OUT_DROP},
    {"sessions", "sessions", OUT_NUMBER, OUT_DROP},
    {"createdAt", "since", OUT_TIME, OUT_DROP},
    {"seenAt", "last seen", OUT_TIME, OUT_KEEP},
};
static const struct out_column space_columns[] = {
    {"id", NULL, OUT_TEXT, OUT_KEEP},
    {"slug", "slug", OUT_TEXT, OUT_KEEP},
    {"name", "name", OUT_TEXT, OUT_SHRINK},
    {"type", "type", OUT_TEXT, OUT_KEEP},
    {"tier", "tier", OUT_TEXT, OUT_KEEP},
    {"members", "members", OUT_NUMBER, OUT_DROP},
    {"owner", "owner", OUT_TEXT, OUT_SHRINK},
    {"createdAt", "since", OUT_TIME, OUT_DROP},
    {"deletedAt", "deleted", OUT_TIME, OUT_DROP},
};
static const struct out_column session_columns[] = {
    {"id", "id", OUT_TEXT, OUT_KEEP},
    {"ip", "from", OUT_TEXT, OUT_KEEP},
    {"agent", "with", OUT_TEXT, OUT_SHRINK},
    {"createdAt", "since", OUT_TIME, OUT_DROP},
    {"updatedAt", "last seen", OUT_TIME, OUT_KEEP},
    {"expiresAt", "until", OUT_TIME, OUT_DROP},
};

static void cell_time(struct out_table *t, int64_t ms)
{
    char text[CLOCK_TEXT];
    if (!ms) {
        out_cell_text(t, NULL, 0);
        return;
    }
    clock_format_ms(ms, text);
    out_cell_str(t, text);
}

/* ---- lists ---- */

static void account_row(struct out_table *t, const struct admin_account *a)
{
    out_cell_str(t, a->id);
    out_cell_str(t, a->email);
    out_cell_str(t, a->name);
    out_cell_bool(t, a->verified);
    out_cell_bool(t, a->disabled);
    out_cell_int(t, a->spaces);
    out_cell_int(t, a->sessions);
    cell_time(t, a->created);
    cell_time(t, a->seen);
}

static int accounts(struct admin *x)
{
    struct admin_account *list;
    struct out_table t;
    char after[512] = "";
    int rc, count;
    out_table_begin(&t, &x->cli->out, account_columns, 9);
    do {
        arena_reset(&x->arena);
        rc = admin_accounts(x->sql, &x->arena, *after ? after : NULL, PAGE, x->now, &list, &count,
                            &x->cli->error);
        for (int i = 0; rc == 0 && i < count; i++)
            account_row(&t, &list[i]);
        if (rc == 0 && count)
            snprintf(after, sizeof after, "%s", list[count - 1].email);
    } while (rc == 0 && count == PAGE && !cli_stop);
    int ended = out_table_end(&t, rc ? NULL : &x->cli->error);
    return rc ? rc : ended;
}

static int spaces(struct admin *x)
{
    struct admin_space *list;
    struct out_table t;
    char after[512] = "";
    int rc, count;
    out_table_begin(&t, &x->cli->out, space_columns, 9);
    do {
        arena_reset(&x->arena);
        rc = admin_spaces(x->sql, &x->arena, *after ? after : NULL, PAGE, &list, &count,
                          &x->cli->error);
        for (int i = 0; rc == 0 && i < count; i++) {
            out_cell_str(&t, list[i].id);
            out_cell_str(&t, list[i].slug);
            out_cell_str(&t, list[i].name);
            out_cell_str(&t, list[i].type);
            out_cell_str(&t, list[i].tier);
            out_cell_int(&t, list[i].members);
            out_cell_str(&t, list[i].owner);
            cell_time(&t, list[i].created);
            cell_time(&t, list[i].deleted);
        }
        if (rc == 0 && count)
            snprintf(after, sizeof after, "%s", list[count - 1].slug);
    } while (rc == 0 && count == PAGE && !cli_stop);
    int ended = out_table_end(&t, rc ? NULL : &x->cli->error);
    return rc ? rc : ended;
}

static int sessions(struct admin *x)
{
    struct admin_session *list;
    struct out_table t;
    int count,
        rc = admin_sessions(x->sql, &x->arena, x->words[0], x->now, &list, &count, &x->cli->error);
    if (rc)
        return rc;
    out_table_begin(&t, &x->cli->out, session_columns, 6);
    for (int i = 0; i < count; i++) {
        out_cell_str(&t, list[i].id);
        out_cell_str(&t, list[i].ip);
        out_cell_str(&t, list[i].agent);
        cell_time(&t, list[i].created);
        cell_time(&t, list[i].updated);
        cell_time(&t, list[i].expires);
    }
    return out_table_end(&t, &x->cli->error);
}

/* ---- numbers ---- */

struct number {
    const char *key, *title;
    int64_t value;
};

static void put_numbers(struct cli *cli, const struct number *all, int count)
{
    struct json_writer w;
    struct buf b;
    buf_init(&b, 1 << 16);
    json_begin(&w, &b);
    json_open_object(&w);
    for (int i = 0; i < count; i++) {
        json_put_key(&w, all[i].key);
        json_put_int(&w, all[i].value);
        if (!cli->json)
            out_pair(&cli->out, all[i].title, "%lld", (long long)all[i].value);
    }
    json_close_object(&w);
    if (cli->json)
        out_json(&cli->out, &b);
    buf_release(&b);
}

static int stats(struct admin *x)
{
    struct admin_stats s;
    int rc = admin_stats(x->sql, x->now, &s, &x->cli->error);
    if (rc)
        return rc;
    const struct number all[] = {
        {"accounts", tr("accounts"), s.accounts},
        {"disabled", tr("disabled"), s.disabled},
        {"verified", tr("confirmed"), s.verified},
        {"sessions", tr("sessions"), s.sessions},
        {"spaces", tr("spaces"), s.spaces},
        {"personal", tr("personal ones"), s.personal},
        {"deleted", tr("deleted"), s.deleted},
        {"members", tr("members"), s.members},
        {"invitations", tr("invitations"), s.invitations},
    };
    put_numbers(x->cli, all, (int)(sizeof all / sizeof *all));
    return 0;
}

/* ---- deeds ---- */

static int disable(struct admin *x)
{
    int rc = admin_set_disabled(x->sql, x->words[0], true, &x->cli->error);
    return rc ? rc : out_done(&x->cli->out, "disabled", x->words[0]);
}

static int enable(struct admin *x)
{
    int rc = admin_set_disabled(x->sql, x->words[0], false, &x->cli->error);
    return rc ? rc : out_done(&x->cli->out, "enabled", x->words[0]);
}

static int end_session(struct admin *x)
{
    int rc = admin_end_session(x->sql, x->words[0], &x->cli->error);
    return rc ? rc : out_done(&x->cli->out, "ended", x->words[0]);
}

static int tier(struct admin *x)
{
    int rc = admin_set_tier(x->sql, x->words[0], x->words[1], &x->cli->error);
    return rc ? rc : out_done(&x->cli->out, x->words[1], x->words[0]);
}

/* "quota EMAIL MB", or "quota EMAIL usual". */
static int quota(struct admin *x)
{
    char *end;
    const char *text = x->words[1];
    long long mb = strtoll(text, &end, 10);
    bool usual = strcmp(text, "usual") == 0;
    if (!usual && (*text < '0' || *text > '9' || *end || mb > QUOTA_MB_MAX))
        return cli_usage(x->cli, "%s", tr("quota takes a number of MB, or: usual"));
    int rc = admin_set_quota(x->sql, &x->arena, x->words[0], usual ? -1 : mb << 20, &x->cli->error);
    return rc ? rc : out_done(&x->cli->out, text, x->words[0]);
}

/* "allowance SLUG UNITS", or "allowance SLUG usual". */
static int allowance(struct admin *x)
{
    char *end;
    const char *text = x->words[1];
    long long units = strtoll(text, &end, 10);
    bool usual = strcmp(text, "usual") == 0;
    if (!usual && (*text < '0' || *text > '9' || *end || units > QUOTA_MB_MAX))
        return cli_usage(x->cli, "%s", tr("allowance takes a number of units, or: usual"));
    int rc = admin_set_allowance(x->sql, x->words[0], usual ? -1 : units, &x->cli->error);
    return rc ? rc : out_done(&x->cli->out, text, x->words[0]);
}

static int reset_link(struct admin *x)
{
    const char *link, *origin = cli_value(x->cli, "--origin");
    int rc = admin_reset_link(x->sql, &x->arena, raum_env_native(),
                              origin ? origin : ORIGIN_DEFAULT, x->words[0], &link, &x->cli->error);
    if (rc)
        return rc;
    out_made(&x->cli->out, link, x->words[0]);
    cli_note(x->cli, "%s", tr("good once, for a day; whoever has it can be this person"));
    if (!origin)
        cli_note(x->cli, "%s", tr("give --origin, the address that people use for the server"));
    return 0;
}

static int new_epoch(struct admin *x)
{
    int rc = relay_new_epoch(x->sql, raum_env_native(), &x->cli->error);
    if (rc)
        return rc;
    return out_done(&x->cli->out, "new epoch",
                    tr("devices read from the start and offer again what is newer with them"));
}

static int import_better_auth(struct admin *x)
{
    struct betterauth_report r;
    int rc = betterauth_import(x->sql, x->words[0], raum_env_native(), &r, &x->cli->error);
    if (rc == 0) {
        const struct number all[] = {
            {"accounts", tr("accounts"), r.accounts},
            {"passwords", tr("passwords"), r.passwords},
            {"spaces", tr("spaces"), r.spaces},
            {"personal", tr("personal ones"), r.personal},
            {"members", tr("members"), r.members},
            {"invitations", tr("invitations"), r.invitations},
            {"present", tr("here already"), r.present},
            {"orphans", tr("left out"), r.orphans},
            {"changed", tr("altered"), r.changed},
        };
        put_numbers(x->cli, all, (int)(sizeof all / sizeof *all));
        if (r.notes.len)
            cli_note(x->cli, "%s", buf_text(&r.notes));
    }
    betterauth_report_release(&r);
    return rc;
}

static const struct {
    const char *name;
    int words;
    int (*run)(struct admin *x);
} verbs[] = {
    {"accounts", 0, accounts}, {"disable", 1, disable},
    {"enable", 1, enable},     {"reset-link", 1, reset_link},
    {"sessions", 1, sessions}, {"end-session", 1, end_session},
    {"spaces", 0, spaces},     {"tier", 2, tier},
    {"stats", 0, stats},       {"import-better-auth", 1, import_better_auth},
    {"new-epoch", 0, new_epoch},
    {"quota", 2, quota},       {"allowance", 2, allowance},
};

/* ---- the database ---- */

int serve_database(struct cli *cli, struct sql **out)
{
    const char *url = cli_value(cli, "--database");
    char *folder = NULL, *path = NULL;
    *out = NULL;
    int rc = serve_folder(cli, &folder);
    if (rc == 0 && !url && asprintf(&path, "%s/server.db", folder) < 0) {
        path = NULL;
        rc = err_set(&cli->error, RAUM_ENOMEM, NULL);
    }
    /* Opening would make one. */
    if (rc == 0 && path && access(path, F_OK) != 0)
        rc = cli_fail(cli, RAUM_ENOT_FOUND, tr("no server has been here: %s"), folder);
    if (rc == 0)
        rc = sql_open(out, url ? url : path, raum_env_native(), &cli->error);
    if (rc == 0)
        rc = sql_migrate(*out, &cli->error);
    free(path);
    free(folder);
    return rc;
}

static int run_verb(struct cli *cli, int i)
{
    const struct raum_env *env = raum_env_native();
    struct admin x = {
        .cli = cli, .now = env->now_ms(env->ctx), .words = (const char *const *)cli->words + 1};
    if (cli->count - 1 != verbs[i].words)
        return cli_usage(cli, tr("%s takes %d words"), verbs[i].name, verbs[i].words);
    int rc = serve_database(cli, &x.sql);
    arena_init(&x.arena, (size_t)64 << 20);
    if (rc == 0)
        rc = verbs[i].run(&x);
    arena_release(&x.arena);
    sql_close(x.sql);
    return rc;
}

int serve_admin(struct cli *cli)
{
    const char *names[sizeof verbs / sizeof *verbs + 1] = {NULL};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (strcmp(verbs[i].name, cli->words[0]) == 0)
            return run_verb(cli, (int)i);
        names[i] = verbs[i].name;
    }
    return cli_choice(cli, "serve admin", cli->words[0], names);
}
