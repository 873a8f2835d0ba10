/* `raum agent …`: agents, each with a credential for one space. They live on the server; these
 * commands make, show, limit and end one's own, and take back what they did. */
#include "base/clock.h"
#include "base/err.h"
#include "cli/online.h"
#include "cli/space_people.h"
#include "engine/keyring.h"
#include "schema/schema.h"
#include <stdlib.h>
#include <string.h>

#define BODY_MAX 65536
#define DAY_MS INT64_C(86400000)
#define DAYS_MAX 36500

/* ---- making ---- */

/* "30d", "12h" or a day; *ms 0: never. */
static int read_expiry(struct cli *cli, const char *text, int64_t *ms)
{
    const struct raum_env *env = raum_env_native();
    char *end;
    *ms = 0;
    if (strcmp(text, "never") == 0)
        return 0;
    long n = strtol(text, &end, 10);
    bool days = strcmp(end, "d") == 0, hours = strcmp(end, "h") == 0;
    if (end != text && (days || hours) && n > 0 && n <= DAYS_MAX) {
        *ms = env->now_ms(env->ctx) + n * (days ? DAY_MS : DAY_MS / 24);
        return 0;
    }
    if (clock_parse_date(text, strlen(text)) == 0) {
        char whole[32];
        snprintf(whole, sizeof whole, "%.10sT00:00:00Z", text);
        return clock_parse_ms(whole, strlen(whole), ms);
    }
    return cli_usage(cli, tr("--expires takes 30d, 12h, a day such as 2027-04-30, or never: %s"),
                     text);
}

static int put_wish(struct cli *cli, const struct space_meant *m, struct buf *b)
{
    const char *expires = cli_value(cli, "--expires"), *tool;
    struct json_writer w;
    char time[CLOCK_TEXT];
    int64_t ms = 0;
    int at = 0, rc = expires ? read_expiry(cli, expires, &ms) : 0;
    if (rc)
        return rc;
    json_begin(&w, b);
    json_open_object(&w);
    json_put_key(&w, "name");
    json_put_str(&w, cli->words[0]);
    json_put_key(&w, "spaceId");
    json_put_str(&w, m->id);
    json_put_key(&w, "tools");
    json_open_array(&w);
    while ((tool = cli_next(cli, "--allow", &at)))
        json_put_str(&w, tool);
    json_close_array(&w);
    json_put_key(&w, "readOnly");
    json_put_bool(&w, cli_switch(cli, "--read-only"));
    json_put_key(&w, "sealed");
    json_put_bool(&w, cli_switch(cli, "--sealed"));
    if (expires) {
        json_put_key(&w, "expiresAt");
        clock_format_ms(ms, time);
        json_put_str(&w, ms ? time : NULL);
    }
    json_close_object(&w);
    return buf_error(b, &cli->error);
}

/* The personal space is sealed: the server opens it only if the owner says so, and can. */
static void warn_sealed(struct cli *cli, const struct space_meant *m)
{
    if (m->type != SPACE_PERSONAL)
        return;
    if (!cli_switch(cli, "--sealed"))
        cli_note(cli, "%s",
                 tr("the personal space is sealed: on the server this agent cannot read it; raum "
                    "mcp on this device can, and --sealed lets the server open it"));
    else if (cli->raum->ring->vaulted)
        cli_note(cli, "%s",
                 tr("the key ring has a passphrase: the server has no key, so only raum mcp on "
                    "this device can read the personal space"));
}

static int create(struct cli *cli)
{
    struct space_meant m;
    struct remote_answer a = {0};
    struct arena arena;
    struct buf b;
    if (!cli->space)
        return cli_usage(cli, "%s", tr("for which space? --space SLUG|ID"));
    if (cli_switch(cli, "--read-only") && cli_value(cli, "--allow"))
        return cli_usage(cli, "%s", tr("--read-only and --allow do not go together"));
    int rc = space_connect(cli, true, &m);
    if (rc)
        return rc;
    buf_init(&b, BODY_MAX);
    arena_init(&arena, BODY_MAX);
    rc = put_wish(cli, &m, &b);
    if (rc == 0)
        rc = remote_ask(cli->remote, "POST", "/api/v1/agents", &b, &a, &cli->error);
    if (rc == 0 && cli->json) {
        out_json(&cli->out, &a.raw.body);
    } else if (rc == 0) {
        const char *token = json_str(json_get(a.root, "token"), &arena);
        const char *id = json_str(json_get(json_get(a.root, "agent"), "id"), &arena);
        warn_sealed(cli, &m);
        out_pair(&cli->out, tr("id"), "%s", id ? id : "");
        out_pair(&cli->out, tr("token"), "%s", token ? token : "");
        out_pair(&cli->out, tr("address"), "%s/mcp", cli->remote->url);
        cli_note(cli, "%s", tr("the token is shown this once: whoever has it is the agent"));
    }
    arena_release(&arena);
    remote_answer_release(&a);
    buf_release(&b);
    return rc;
}

/* ---- seeing ---- */

static void cell(struct out_table *t, struct json_value object, const char *key)
{
    struct arena a;
    arena_init(&a, BODY_MAX);
    out_cell_str(t, json_str(json_get(object, key), &a));
    arena_release(&a);
}

static void cell_bool(struct out_table *t, struct json_value object, const char *key)
{
    bool value = false;
    (void)json_bool(json_get(object, key), &value);
    out_cell_bool(t, value);
}

static void cell_int(struct out_table *t, struct json_value object, const char *key)
{
    int64_t value = 0;
    (void)json_int(json_get(object, key), &value);
    out_cell_int(t, value);
}

static void cell_raw(struct out_table *t, struct json_value object, const char *key)
{
    size_t len = 0;
    const char *raw = json_raw(json_get(object, key), &len);
    out_cell_text(t, raw, len);
}

static const struct out_column columns[] = {
    {"id", "id", OUT_TEXT, OUT_KEEP},
    {"name", "name", OUT_TEXT, OUT_SHRINK},
    {"spaceSlug", "space", OUT_TEXT, OUT_KEEP},
    {"active", "active", OUT_BOOL, OUT_KEEP},
    {"readOnly", "reads only", OUT_BOOL, OUT_DROP},
    {"tools", "tools", OUT_JSON, OUT_SHRINK},
    {"lastCallAt", "last call", OUT_TIME, OUT_DROP},
    {"expiresAt", "until", OUT_TIME, OUT_DROP},
    {"revokedAt", NULL, OUT_TIME, OUT_DROP},
    {"sealed", NULL, OUT_BOOL, OUT_DROP},
    {"spaceId", NULL, OUT_TEXT, OUT_DROP},
    {"createdAt", NULL, OUT_TIME, OUT_DROP},
};

static int list(struct cli *cli)
{
    struct remote_answer a;
    struct out_table t;
    int rc = online_open(cli);
    if (rc)
        return rc;
    rc = remote_ask(cli->remote, "GET", "/api/v1/agents", NULL, &a, &cli->error);
    if (rc == 0) {
        struct json_value all = json_get(a.root, "agents");
        out_table_begin(&t, &cli->out, columns, (int)(sizeof columns / sizeof *columns));
        for (struct json_value v = json_first(all); v.doc; v = json_next(all, v)) {
            cell(&t, v, "id");
            cell(&t, v, "name");
            cell(&t, v, "spaceSlug");
            cell_bool(&t, v, "active");
            cell_bool(&t, v, "readOnly");
            cell_raw(&t, v, "tools");
            cell(&t, v, "lastCallAt");
            cell(&t, v, "expiresAt");
            cell(&t, v, "revokedAt");
            cell_bool(&t, v, "sealed");
            cell(&t, v, "spaceId");
            cell(&t, v, "createdAt");
        }
        rc = out_table_end(&t, &cli->error);
    }
    remote_answer_release(&a);
    return rc;
}

static void path_of(struct buf *path, const char *of, const char *id, const char *tail)
{
    buf_init(path, 4096);
    buf_printf(path, "/api/v1/%s/", of);
    remote_escape(path, id);
    buf_str(path, tail);
}

static const struct out_column log_columns[] = {
    {"at", "when", OUT_TIME, OUT_KEEP},         {"tool", "tool", OUT_TEXT, OUT_KEEP},
    {"outcome", "outcome", OUT_TEXT, OUT_KEEP}, {"changes", "rows", OUT_NUMBER, OUT_KEEP},
    {"undoneAt", "undone", OUT_TIME, OUT_DROP}, {"run", "run", OUT_TEXT, OUT_KEEP},
    {"id", NULL, OUT_TEXT, OUT_DROP},           {"digest", NULL, OUT_TEXT, OUT_DROP},
    {"tookMs", NULL, OUT_NUMBER, OUT_DROP},     {"agentName", "by", OUT_TEXT, OUT_KEEP},
    {"ownerName", "for", OUT_TEXT, OUT_KEEP},
};

static void log_row(struct out_table *t, struct json_value v)
{
    cell(t, v, "at");
    cell(t, v, "tool");
    cell(t, v, "outcome");
    cell_int(t, v, "changes");
    cell(t, v, "undoneAt");
    cell(t, v, "run");
    cell(t, v, "id");
    cell(t, v, "digest");
    cell_int(t, v, "tookMs");
    cell(t, v, "agentName");
    cell(t, v, "ownerName");
}

static int show_log(struct cli *cli)
{
    struct remote_answer a;
    struct out_table t;
    struct buf path;
    struct space_meant m;
    int rc = cli->count ? online_open(cli) : space_connect(cli, true, &m);
    if (rc)
        return rc;
    path_of(&path, cli->count ? "agents" : "spaces", cli->count ? cli->words[0] : m.id,
            "/log?limit=500");
    rc = remote_ask(cli->remote, "GET", buf_text(&path), NULL, &a, &cli->error);
    if (rc == 0) {
        struct json_value all = json_get(a.root, "calls");
        out_table_begin(&t, &cli->out, log_columns,
                        (int)(sizeof log_columns / sizeof *log_columns));
        for (struct json_value v = json_first(all); v.doc; v = json_next(all, v))
            log_row(&t, v);
        rc = out_table_end(&t, &cli->error);
    }
    remote_answer_release(&a);
    buf_release(&path);
    return rc;
}

/* ---- ending, taking back ---- */

static int revoke(struct cli *cli)
{
    struct remote_answer a;
    struct buf path;
    int rc = online_open(cli);
    if (rc)
        return rc;
    path_of(&path, "agents", cli->words[0], "");
    rc = remote_ask(cli->remote, "DELETE", buf_text(&path), NULL, &a, &cli->error);
    remote_answer_release(&a);
    buf_release(&path);
    return rc ? rc : out_done(&cli->out, "ended", cli->words[0]);
}

static const struct out_column undo_columns[] = {
    {"table", "table", OUT_TEXT, OUT_KEEP},           {"id", "id", OUT_TEXT, OUT_KEEP},
    {"deleted", "deleted again", OUT_BOOL, OUT_KEEP}, {"fields", "as before", OUT_JSON, OUT_SHRINK},
    {"left", "left as it is", OUT_JSON, OUT_SHRINK},
};

/* For people the names alone; why is in the JSON. */
static void cell_left(struct cli *cli, struct out_table *t, struct json_value list)
{
    struct json_writer w;
    struct buf b;
    if (cli->json) {
        size_t len = 0;
        const char *raw = json_raw(list, &len);
        out_cell_text(t, raw, len);
        return;
    }
    buf_init(&b, BODY_MAX);
    json_begin(&w, &b);
    json_open_array(&w);
    for (struct json_value v = json_first(list); v.doc; v = json_next(list, v))
        json_put_value(&w, json_get(v, "field"));
    json_close_array(&w);
    out_cell_text(t, buf_text(&b), b.len);
    buf_release(&b);
}

static int undo(struct cli *cli)
{
    struct remote_answer a = {0};
    struct out_table t;
    struct json_writer w;
    struct buf b;
    int rc = online_open(cli);
    if (rc)
        return rc;
    buf_init(&b, BODY_MAX);
    json_begin(&w, &b);
    json_open_object(&w);
    json_put_key(&w, "run");
    json_put_str(&w, cli->words[0]);
    json_close_object(&w);
    rc = buf_error(&b, &cli->error);
    if (rc == 0)
        rc = remote_ask(cli->remote, "POST", "/api/v1/agents/undo", &b, &a, &cli->error);
    if (rc == 0) {
        struct json_value all = json_get(a.root, "rows");
        out_table_begin(&t, &cli->out, undo_columns, 5);
        for (struct json_value v = json_first(all); v.doc; v = json_next(all, v)) {
            cell(&t, v, "table");
            cell(&t, v, "id");
            cell_bool(&t, v, "deleted");
            cell_raw(&t, v, "fields");
            cell_left(cli, &t, json_get(v, "left"));
        }
        rc = out_table_end(&t, &cli->error);
    }
    remote_answer_release(&a);
    buf_release(&b);
    return rc;
}

static const struct cli_option create_options[] = {
    {"--allow", "TOOL", "of the tools that write only these; may be given several times"},
    {"--read-only", NULL, "it reads, and writes nothing"},
    {"--expires", "D", "30d, 12h, a day, or never; 90 days if not given"},
    {"--sealed", NULL, "the server may open what is sealed in the personal space for it"},
    {0},
};

const struct cli_command cmd_agent[] = {
    {"agent create", "NAME --space S", 1, 1, "a credential for one space, for a program",
     create_options,
     "raum agent create Stylist --space family\n"
     "raum agent create Planer --space family --allow todo.create --allow todo.delete --expires "
     "30d",
     create, false},
    {"agent list", "", 0, 0, "your agents", NULL, "raum agent list", list, false},
    {"agent revoke", "ID", 1, 1, "end an agent, and what it is doing", NULL, "raum agent revoke ID",
     revoke, false},
    {"agent log", "[ID]", 0, 1, "what an agent did; without ID: what all of them did in the space",
     NULL, "raum agent log ID\nraum agent log --space family", show_log, false},
    {"agent undo", "RUN", 1, 1, "take a run back where nobody edited since, within 30 days", NULL,
     "raum agent undo RUN", undo, false},
    {0},
};
