/* `raum mcp`: the tools of one space for a program on this machine, on standard input and output.
 */
#include "base/id.h"
#include "cli/mcp_agent.h"
#include "cli/mcp_pictures.h"
#include "cli/mcp_stdio.h"
#include "cli/pool.h"
#include "tools/host.h"
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define NAMES_MAX 64
#define AGENT "mcp" /* who writes, on behalf of the account */

struct mcp_run {
    struct cli *cli;
    struct mcp_agent *agent; /* NULL: the person's own, without a token */
    struct pool pool;
    struct tools_host host;
    struct tool_media media;
    struct mcp_pictures pictures;
    struct tool_grant grant;
    const char *names[NAMES_MAX];
    char run[ID_TEXT];
    struct mcp_stdio *io;
};

static void changed(void *arg, enum mcp_change what, const char *uri)
{
    struct mcp_run *m = arg;
    mcp_stdio_changed(m->io, what, uri);
}

/* What others did to the space, heard between two messages. */
static void idle(void *arg)
{
    struct mcp_run *m = arg;
    (void)!raum_poll(m->cli->raum, NULL);
    if (m->agent && !mcp_agent_goes_on(m->agent))
        cli_stop = 1;
}

static int read_grant(struct cli *cli, struct mcp_run *m)
{
    const char *name;
    int at = 0;
    m->grant = tool_grant_person;
    m->grant.read_only = cli_switch(cli, "--read-only");
    m->grant.names = m->names;
    while ((name = cli_next(cli, "--allow", &at))) {
        if (m->grant.count == NAMES_MAX)
            return cli_fail(cli, RAUM_ELIMIT, tr("--allow: at most %d"), NAMES_MAX);
        if (!tools_find(name))
            return cli_usage(cli, tr("no such tool: %s"), name);
        m->names[m->grant.count++] = name;
    }
    return 0;
}

static int open_host(struct cli *cli, struct mcp_run *m)
{
    const struct raum_env *env = cli->raum->env;
    struct id_source ids = {0};
    int rc = pool_open(&m->pool, cli);
    if (rc == 0)
        rc = raum_handle_agent(cli->scope, AGENT, &cli->error);
    if (rc)
        return rc;
    const char *agent = m->agent ? mcp_agent_id(m->agent) : AGENT;
    if (m->agent)
        rc = raum_handle_agent(cli->scope, agent, &cli->error);
    if (rc)
        return rc;
    id_new(&ids, env, m->run);
    mcp_pictures_init(&m->pictures, cli, &m->pool, agent);
    m->media = (struct tool_media){&m->pool.pictures, tool_media_pictures};
    m->host.base = (struct tool_call){.scope = cli->scope,
                                      .env = env,
                                      .actor = AGENT,
                                      .run = m->run,
                                      .media = &m->media,
                                      .generator = &m->pictures.port};
    m->host.gate.grant = m->agent ? mcp_agent_grant(m->agent) : &m->grant;
    m->host.gate.log = m->agent ? mcp_agent_log : NULL;
    m->host.gate.log_ctx = m->agent;
    m->host.changed = changed;
    m->host.changed_arg = m;
    return tool_rates_new(&m->host.gate.rates, &cli->error);
}

static int serve(struct cli *cli, struct mcp_run *m)
{
    struct mcp_host host = tools_host_mcp(&m->host);
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);
    int rc = mcp_stdio_new(&m->io, cli->raum->env, STDIN_FILENO, STDOUT_FILENO, &cli->error);
    if (rc)
        return rc;
    rc = mcp_stdio_run(m->io, &host, idle, m, &cli->error);
    tools_host_release(&m->host);
    mcp_stdio_free(m->io);
    return rc;
}

static int run_mcp(struct cli *cli)
{
    struct mcp_run m = {.cli = cli};
    const char *token = cli_value(cli, "--agent");
    int rc = read_grant(cli, &m);
    if (rc == 0 && token)
        rc = mcp_agent_new(&m.agent, cli, token);
    if (rc == 0)
        rc = cli_open_scope(cli);
    if (rc) {
        mcp_agent_free(m.agent);
        return rc;
    }
    rc = open_host(cli, &m);
    if (rc == 0)
        rc = serve(cli, &m);
    tool_rates_free(m.host.gate.rates);
    pool_close(&m.pool);
    mcp_agent_free(m.agent);
    return rc;
}

static const struct cli_option options[] = {
    {"--agent", "TOKEN", "as this agent of yours: its space, its tools, its name"},
    {"--read-only", NULL, "nothing may be changed"},
    {"--allow", "TOOL", "a tool that deletes; may be given several times"},
    {0},
};

const struct cli_command cmd_mcp[] = {
    {"mcp", "", 0, 0, "the tools of the space for an AI client, on standard input and output",
     options,
     "raum mcp --space family\n"
     "raum mcp --read-only\n"
     "raum mcp --allow todo.delete",
     run_mcp, false},
    {0},
};
