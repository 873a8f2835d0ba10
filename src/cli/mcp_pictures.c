#include "cli/mcp_pictures.h"

#include "base/err.h"
#include "cli/online.h"
#include <stdlib.h>

static bool is_over(void *arg)
{
    return tool_cancelled(arg);
}

static int make_here(struct mcp_pictures *m, const struct picture_order *order,
                     const char *const *what, struct tried *tried)
{
    struct try_on t = {.count = order->reference_count, .size = order->size};
    for (int i = 0; i < t.count; i++) {
        snprintf(t.media[i], sizeof t.media[i], "%s", order->references[i]);
        snprintf(t.what[i], sizeof t.what[i], "%s", what[i]);
    }
    return try_on_here(m->cli, m->pool, order, &t, tried);
}

static int make_there(struct mcp_pictures *m, struct tool_call *call,
                      const struct picture_order *order, struct tried *tried)
{
    struct picture_order of_agent = *order;
    of_agent.agent = m->agent;
    int rc = online_open(m->cli);
    return rc ? rc : try_on_server(m->cli, m->pool, &of_agent, is_over, call, tried);
}

static int make(void *ctx, struct tool_call *call, const struct picture_order *order,
                const char *const *what, struct picture_answer *out, bool *prompted,
                struct raum_error *error)
{
    struct mcp_pictures *m = ctx;
    struct cli *cli = m->cli;
    struct tried tried = {.data = NULL};
    int rc =
        online_has(cli) ? make_there(m, call, order, &tried) : make_here(m, order, what, &tried);
    *prompted = true;
    *out = tried.answer;
    free(tried.data);
    if (rc)
        rc = err_set(error, rc, "%s", cli->error.text);
    err_clear(&cli->error);
    return rc;
}

void mcp_pictures_init(struct mcp_pictures *m, struct cli *cli, struct pool *pool,
                       const char *agent)
{
    *m = (struct mcp_pictures){.port = {m, make}, .cli = cli, .pool = pool, .agent = agent};
}
