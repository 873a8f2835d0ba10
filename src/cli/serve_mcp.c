#include "cli/serve_mcp.h"
#include <stdio.h>
#include <string.h>

#define FIXTURES "fixtures"

static int start(void *ctx, struct mcp_gate *gate, struct raum_error *error)
{
    struct serve_mcp *m = ctx;
    (void)error;
    m->gate = gate;
    return 0;
}

/* Everybody: there is nothing of anybody. */
static int enter(void *ctx, struct sql *sql, const char *bearer, struct mcp_guest *guest,
                 struct raum_error *error)
{
    struct serve_mcp *m = ctx;
    (void)sql;
    (void)bearer;
    (void)error;
    guest->host = &m->host;
    snprintf(guest->agent, sizeof guest->agent, FIXTURES);
    return 0;
}

static void leave(void *ctx, struct mcp_guest *guest)
{
    (void)ctx;
    (void)guest;
}

static void changed(void *arg, enum mcp_change what)
{
    struct serve_mcp *m = arg;
    mcp_gate_changed(m->gate, FIXTURES, what, NULL);
}

int serve_mcp_options(struct cli *cli, struct server_options *o, struct serve_mcp *m)
{
    memset(m, 0, sizeof *m);
    if (!cli_switch(cli, "--mcp-fixtures"))
        return 0;
    if (strncmp(o->host, "127.", 4) != 0 && strcmp(o->host, "::1") != 0)
        return cli_usage(cli, "%s", tr("--mcp-fixtures is for tests: on this machine only"));
    m->backend = (struct mcp_backend){m, start, enter, leave};
    m->fixtures = (struct mcp_fixtures){changed, m};
    m->host = mcp_fixtures_host(&m->fixtures);
    o->mcp = &m->backend;
    return 0;
}
