#include "cli/mcp_agent.h"

#include "base/err.h"
#include "cli/online.h"
#include <stdlib.h>
#include <string.h>

#define PATH "/api/v1/agents/self"
#define WAITING_MAX 256 /* calls that the server has not been told of; the oldest go */
#define ASK_MS 5000
#define TIMEOUT_MS 3000
#define ARENA_BYTES 65536

struct line {
    char run[64], tool[64], digest[TOOL_DIGEST], outcome[48];
    int64_t took_ms;
};
struct mcp_agent {
    struct cli *cli;
    struct remote remote; /* the account's server, with the agent's token */
    struct arena arena;   /* of the grant */
    const char *id;
    struct tool_grant grant;
    struct line waiting[WAITING_MAX];
    int count;
    int64_t asked;
    bool ended;
};

static int64_t now_ms(const struct mcp_agent *a)
{
    return a->cli->raum->env->now_ms(a->cli->raum->env->ctx);
}

static int read_tools(struct mcp_agent *a, struct json_value list)
{
    const char **names = arena_zero(&a->arena, (json_count(list) + 1) * sizeof *names);
    a->grant.names = names;
    for (struct json_value v = json_first(list); v.doc && names; v = json_next(list, v)) {
        names[a->grant.count] = json_str(v, &a->arena);
        if (!names[a->grant.count++])
            names = NULL;
    }
    return names ? 0 : err_set(&a->cli->error, RAUM_ENOMEM, NULL);
}

static int read_self(struct mcp_agent *a, struct json_value root)
{
    struct cli *cli = a->cli;
    const char *account = json_str(json_get(root, "account"), &a->arena);
    a->id = json_str(json_get(root, "id"), &a->arena);
    cli->space = json_str(json_get(root, "spaceId"), &a->arena);
    if (!account || !a->id || !cli->space)
        return cli_fail(cli, RAUM_EUNREACHABLE, "%s",
                        tr("the server's answer about spaces cannot be understood"));
    if (strcmp(account, raum_account(cli->raum)) != 0)
        return cli_fail(cli, RAUM_ENOT_ALLOWED, "%s",
                        tr("this token is an agent of another account"));
    json_bool(json_get(root, "readOnly"), &a->grant.read_only);
    json_bool(json_get(root, "allWrites"), &a->grant.all_writes);
    return read_tools(a, json_get(root, "tools"));
}

/* 0, or why not; a token that does not hold is NOT_ALLOWED. */
static int ask(struct mcp_agent *a, struct remote_answer *answer, struct raum_error *error)
{
    a->asked = now_ms(a);
    return remote_ask(&a->remote, "GET", PATH, NULL, answer, error);
}

int mcp_agent_new(struct mcp_agent **out, struct cli *cli, const char *token)
{
    struct remote_answer answer = {0};
    int rc = online_open(cli);
    if (rc)
        return rc;
    struct mcp_agent *a = *out = calloc(1, sizeof *a);
    if (!a)
        return err_set(&cli->error, RAUM_ENOMEM, NULL);
    a->cli = cli;
    arena_init(&a->arena, ARENA_BYTES);
    rc = remote_init(&a->remote, cli->remote->url, cli->remote->ca, &cli->error);
    a->remote.timeout_ms = TIMEOUT_MS;
    if (rc == 0 && strlen(token) < sizeof a->remote.token)
        memcpy(a->remote.token, token, strlen(token) + 1);
    if (rc == 0)
        rc = ask(a, &answer, &cli->error);
    if (rc == RAUM_ENOT_ALLOWED)
        rc = cli_fail(cli, rc, "%s", tr("the agent has ended, or the token is none"));
    if (rc == 0)
        rc = read_self(a, answer.root);
    remote_answer_release(&answer);
    return rc;
}

const char *mcp_agent_id(const struct mcp_agent *a)
{
    return a->id;
}

const struct tool_grant *mcp_agent_grant(const struct mcp_agent *a)
{
    return &a->grant;
}

void mcp_agent_log(void *agent, const struct tool_logged *entry)
{
    struct mcp_agent *a = agent;
    if (a->count == WAITING_MAX)
        memmove(a->waiting, a->waiting + 1, --a->count * sizeof *a->waiting);
    struct line *l = &a->waiting[a->count++];
    *l = (struct line){.took_ms = entry->took_ms};
    snprintf(l->run, sizeof l->run, "%s", entry->run ? entry->run : "");
    snprintf(l->tool, sizeof l->tool, "%s", entry->tool);
    snprintf(l->digest, sizeof l->digest, "%s", entry->digest);
    snprintf(l->outcome, sizeof l->outcome, "%s", entry->outcome);
}

static void put(struct json_writer *w, const char *key, const char *text)
{
    json_put_key(w, key);
    json_put_str(w, text);
}

static int send_line(struct mcp_agent *a, const struct line *l, struct raum_error *error)
{
    struct remote_answer answer = {0};
    struct json_writer w;
    struct buf b;
    buf_init(&b, 4096);
    json_begin(&w, &b);
    json_open_object(&w);
    put(&w, "run", l->run);
    put(&w, "tool", l->tool);
    put(&w, "digest", l->digest);
    put(&w, "outcome", l->outcome);
    json_put_key(&w, "tookMs");
    json_put_int(&w, l->took_ms);
    json_close_object(&w);
    int rc = remote_ask(&a->remote, "POST", PATH, &b, &answer, error);
    remote_answer_release(&answer);
    buf_release(&b);
    return rc;
}

/* What the server does not take for reasons of the line's own is not sent again. */
static int send_all(struct mcp_agent *a)
{
    struct raum_error error = {0};
    int rc = 0, done = 0;
    for (; done < a->count; done++) {
        rc = send_line(a, &a->waiting[done], &error);
        if (rc == RAUM_EUNREACHABLE || rc == RAUM_ERATE_LIMITED || rc == RAUM_ENOT_ALLOWED)
            break;
    }
    a->count -= done;
    memmove(a->waiting, a->waiting + done, (size_t)a->count * sizeof *a->waiting);
    return rc;
}

bool mcp_agent_goes_on(struct mcp_agent *a)
{
    struct remote_answer answer = {0};
    struct raum_error error = {0};
    int64_t since = now_ms(a) - a->asked;
    if (a->ended || (a->count == 0 && since >= 0 && since < ASK_MS))
        return !a->ended;
    if (since >= 0 && since < ASK_MS / 10) /* not at every moment of a server that is away */
        return true;
    int rc = ask(a, &answer, &error);
    remote_answer_release(&answer);
    if (rc == 0)
        rc = send_all(a);
    a->ended = rc == RAUM_ENOT_ALLOWED;
    if (a->ended)
        cli_note(a->cli, "%s", tr("the agent has ended"));
    return !a->ended;
}

void mcp_agent_free(struct mcp_agent *a)
{
    if (!a)
        return;
    if (!a->ended && a->count)
        (void)!send_all(a);
    remote_release(&a->remote);
    arena_release(&a->arena);
    free(a);
}
