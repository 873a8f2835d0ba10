/* A guest of /mcp: what a hosted agent is served for the time of one message. Lists, resources and
 * prompts are those of tools/host.h, read in the agent's replica; tools go through the host, which
 * counts, logs and pushes. */
#include "cli/serve_agents.h"

#include "server/server.h"
#include "tools/host.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GUEST_BYTES ((size_t)1 << 20)
#define RESULT_MAX ((size_t)16 << 20)

struct guest {
    struct serve_agents *home;
    struct arena arena;
    struct agent_grant grant;
    struct agent_who who;
    struct mcp_host host;
};

/* ---- tools ---- */

static void progress(void *ctx, double done, double total, const char *text)
{
    mcp_progress(ctx, done, total, text);
}

static bool cancelled(void *ctx)
{
    return mcp_cancelled(ctx);
}

static int call_tool(void *ctx, struct mcp_call *mcp, const char *name, struct json_value args,
                     struct json_writer *w, struct raum_error *error)
{
    struct guest *g = ctx;
    const struct tool_hooks hooks = {mcp, progress, cancelled};
    struct buf json, more;
    buf_init(&json, RESULT_MAX);
    buf_init(&more, RESULT_MAX);
    g->who.session = mcp_session(mcp);
    int rc = agent_host_tool(g->home->host, &g->who, name, args, &hooks, &json, &more, error);
    bool known = tools_find(name) != NULL;
    if (known)
        tools_host_put(mcp_arena(mcp), w, rc, &json, &more, error);
    buf_release(&json);
    buf_release(&more);
    return known ? 0 : RAUM_ENOT_FOUND;
}

/* ---- what is read ---- */

enum kind { LIST, READ, PROMPT, COMPLETE };
struct reading {
    enum kind kind;
    struct guest *guest;
    struct mcp_call *mcp;
    struct json_writer *out;
    enum mcp_list what;
    const char *name, *argument, *value; /* cursor, URI, name, reference */
    char *next;
    struct json_value args;
    bool is_prompt;
    int *total;
};

static int work(void *arg, struct tool_call *call, struct raum_error *error)
{
    struct reading *x = arg;
    struct tools_host h = {.base = *call, .gate = {.grant = &x->guest->who.grant}};
    const struct mcp_host in = tools_host_mcp(&h);
    switch (x->kind) {
    case LIST:
        return in.list(&h, x->mcp, x->what, x->name, x->out, x->next, error);
    case READ:
        return in.read(&h, x->mcp, x->name, x->out, error);
    case PROMPT:
        return in.prompt(&h, x->mcp, x->name, x->args, x->out, error);
    case COMPLETE:
        return in.complete(&h, x->mcp, x->is_prompt, x->name, x->argument, x->value, x->out,
                           x->total, error);
    }
    return RAUM_EINTERNAL;
}

static int read_with(struct guest *g, struct mcp_call *mcp, struct reading *x,
                     struct raum_error *error)
{
    const struct tool_hooks hooks = {mcp, progress, cancelled};
    x->guest = g;
    x->mcp = mcp;
    return agent_host_read(g->home->host, &g->who, &hooks, work, x, error);
}

/* Only resources are rows: the rest is told without waking anything. */
static int list(void *ctx, struct mcp_call *mcp, enum mcp_list what, const char *cursor,
                struct json_writer *items, char next[MCP_NAME_MAX], struct raum_error *error)
{
    struct guest *g = ctx;
    struct reading x = {.kind = LIST, .what = what, .name = cursor, .out = items, .next = next};
    if (what == MCP_LIST_RESOURCES)
        return read_with(g, mcp, &x, error);
    struct tool_call none = {.env = raum_env_native()};
    x.guest = g;
    x.mcp = mcp;
    return work(&x, &none, error);
}

static int read_resource(void *ctx, struct mcp_call *mcp, const char *uri, struct json_writer *out,
                         struct raum_error *error)
{
    struct reading x = {.kind = READ, .name = uri, .out = out};
    return read_with(ctx, mcp, &x, error);
}

static int prompt(void *ctx, struct mcp_call *mcp, const char *name, struct json_value args,
                  struct json_writer *out, struct raum_error *error)
{
    struct reading x = {.kind = PROMPT, .name = name, .args = args, .out = out};
    return read_with(ctx, mcp, &x, error);
}

static int complete(void *ctx, struct mcp_call *mcp, bool is_prompt, const char *ref,
                    const char *argument, const char *value, struct json_writer *values, int *total,
                    struct raum_error *error)
{
    struct reading x = {.kind = COMPLETE,
                        .is_prompt = is_prompt,
                        .name = ref,
                        .argument = argument,
                        .value = value,
                        .out = values,
                        .total = total};
    return read_with(ctx, mcp, &x, error);
}

/* ---- coming and going ---- */

static int start(void *ctx, struct mcp_gate *gate, struct raum_error *error)
{
    struct serve_agents *s = ctx;
    (void)error;
    s->gate = gate;
    return 0;
}

static void let_go(struct guest *g)
{
    arena_release(&g->arena);
    free(g);
}

static void receive(struct guest *g, struct mcp_guest *out)
{
    struct tools_host none = {0};
    g->who = serve_agents_who(&g->grant);
    g->host = tools_host_mcp(&none);
    g->host.ctx = g;
    g->host.list = list;
    g->host.call_tool = call_tool;
    g->host.read = read_resource;
    g->host.subscribe = NULL;
    g->host.prompt = prompt;
    g->host.complete = complete;
    out->host = &g->host;
    out->ref = g;
    snprintf(out->agent, sizeof out->agent, "%s", g->grant.id);
    agent_host_greet(g->home->host, &g->who);
}

static int enter(void *ctx, struct sql *sql, const char *bearer, struct mcp_guest *guest,
                 struct raum_error *error)
{
    struct serve_agents *s = ctx;
    const struct raum_env *env = raum_env_native();
    if (!bearer)
        return err_set(error, RAUM_ENOT_ALLOWED, "a token is needed: raum agent create");
    if (!atomic_load(&s->open))
        return err_set(error, RAUM_EBUSY, NULL);
    struct guest *g = calloc(1, sizeof *g);
    if (!g)
        return err_set(error, RAUM_ENOMEM, NULL);
    g->home = s;
    arena_init(&g->arena, GUEST_BYTES);
    int rc = agents_by_token(sql, bearer, env->now_ms(env->ctx), &g->arena, &g->grant, error);
    if (rc == 0)
        receive(g, guest);
    else
        let_go(g);
    return rc;
}

static void leave(void *ctx, struct mcp_guest *guest)
{
    (void)ctx;
    if (guest->ref)
        let_go(guest->ref);
    guest->ref = NULL;
}

void serve_agents_init(struct serve_agents *s)
{
    memset(s, 0, sizeof *s);
    s->backend = (struct mcp_backend){s, start, enter, leave};
}

static void ended(void *arg, const char *agent)
{
    struct serve_agents *s = arg;
    mcp_gate_end(s->gate, agent);
}

static void news(void *arg, const char *account)
{
    struct serve_agents *s = arg;
    agent_host_news(s->host, account);
}

static void close_host(void *arg)
{
    struct serve_agents *s = arg;
    atomic_store(&s->open, false);
    agent_host_free(s->host);
    s->host = NULL;
}

int serve_agents_open(struct serve_agents *s, struct server *server, struct raum_error *error)
{
    struct arena a;
    arena_init(&a, 65536);
    const struct agent_host_options options = {
        .env = raum_env_native(),
        .port = &s->port,
        .root = arena_printf(&a, "%s/agents", server->options.data),
        .media = &s->media,
        .unlimited = !server->options.limits,
        .ended = ended,
        .arg = s,
    };
    serve_agents_port(&s->port, server->desk);
    serve_agents_media(&s->media, server->desk);
    int rc = options.root ? agent_host_new(&s->host, &options, error)
                          : err_set(error, RAUM_ENOMEM, NULL);
    if (rc == 0) {
        agent_desk_on_close(server->desk, close_host, s);
        agent_desk_on_news(server->desk, news, s);
        atomic_store(&s->open, true);
    }
    arena_release(&a);
    return rc;
}
