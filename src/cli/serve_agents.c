#include "cli/serve_agents.h"

#include "engine/scope.h"
#include "server/generate/generate.h"
#include <stdio.h>
#include <string.h>

#define MEDIA_MAX ((size_t)24 << 20)

struct agent_who serve_agents_who(const struct agent_grant *g)
{
    return (struct agent_who){.agent = g->id,
                              .name = g->name,
                              .account = g->account,
                              .owner = g->owner,
                              .space = g->space,
                              .space_name = g->space_name,
                              .role = g->role,
                              .space_type = g->space_type,
                              .sealed = g->sealed,
                              .grant = {.read_only = g->read_only,
                                        .all_writes = g->all_writes,
                                        .names = g->tools,
                                        .count = g->tool_count},
                              .expires = g->expires,
                              .seq = g->seq};
}

static int holds(void *ctx, const char *agent, struct arena *a, struct agent_who *out,
                 struct raum_error *error)
{
    struct agent_grant grant;
    int rc = agent_desk_id(ctx, agent, a, &grant, error);
    if (rc == 0)
        *out = serve_agents_who(&grant);
    return rc;
}

static int any(void *ctx, const char *account, const char *space, bool *out,
               struct raum_error *error)
{
    return agent_desk_any(ctx, account, space, out, error);
}

static int place(void *ctx, const char *space, char epoch[17], struct arena *a, const char **slug,
                 struct raum_error *error)
{
    return agent_desk_place(ctx, space, epoch, a, slug, error);
}

static int keys(void *ctx, const char *account, struct buf *out, struct raum_error *error)
{
    return agent_desk_keys(ctx, account, out, error);
}

static struct agent_call call_of(const struct agent_note *n)
{
    return (struct agent_call){.id = n->call,
                               .space = n->space,
                               .agent = n->agent,
                               .account = n->account,
                               .run = n->run,
                               .tool = n->tool,
                               .digest = n->digest,
                               .outcome = n->outcome,
                               .created = n->at,
                               .took = n->took_ms,
                               .changes = n->changes};
}

static struct agent_entry entry_of(const struct agent_note *note)
{
    return (struct agent_entry){
        .call = call_of(note), .writes = note->writes, .stored = note->stored};
}

static void take_entry(struct agent_note *note, const struct agent_entry *entry)
{
    note->writes = entry->writes;
    note->stored = entry->stored;
    note->changes = entry->call.changes;
}

static int exchange(void *ctx, const char *account, const char *space, const void *body, size_t len,
                    struct agent_note *note, struct buf *answer, struct raum_error *error)
{
    if (!note)
        return agent_desk_exchange(ctx, account, space, body, len, NULL, answer, error);
    struct agent_entry entry = entry_of(note);
    int rc = agent_desk_exchange(ctx, account, space, body, len, &entry, answer, error);
    take_entry(note, &entry);
    return rc;
}

static void take_pictures(struct picture_answer *out, const struct generate_answer *made)
{
    *out = (struct picture_answer){.count = made->count};
    snprintf(out->model, sizeof out->model, "%s", made->model);
    for (int i = 0; i < made->count; i++) {
        snprintf(out->made[i].id, sizeof out->made[i].id, "%s", made->pictures[i].id);
        snprintf(out->made[i].media, sizeof out->made[i].media, "%s", made->pictures[i].media);
    }
}

static int generate(void *ctx, const struct picture_order *order, struct agent_note *note,
                    bool (*stop)(void *arg), void *arg, struct picture_answer *out,
                    struct raum_error *error)
{
    struct generate_answer made;
    struct agent_entry entry = entry_of(note);
    const struct generate_request request = {.account = note->account,
                                             .agent = note->agent,
                                             .space = note->space,
                                             .prompt = order->prompt,
                                             .references = order->references,
                                             .reference_count = order->reference_count,
                                             .model = order->model,
                                             .quality = order->quality,
                                             .size = order->size,
                                             .n = order->n,
                                             .visibility = order->share ? "space" : "private",
                                             .outfit = order->outfit,
                                             .garment = order->garment,
                                             .stop = stop,
                                             .arg = arg};
    int rc = agent_desk_generate(ctx, &request, &entry, &made, error);
    take_entry(note, &entry);
    take_pictures(out, &made);
    return rc;
}

static int put_log(void *ctx, const struct agent_note *note, struct raum_error *error)
{
    const struct agent_call call = call_of(note);
    return agent_desk_log(ctx, &call, error);
}

void serve_agents_port(struct agent_port *port, struct agent_desk *desk)
{
    *port = (struct agent_port){.ctx = desk,
                                .holds = holds,
                                .any = any,
                                .place = place,
                                .keys = keys,
                                .exchange = exchange,
                                .generate = generate,
                                .log = put_log};
}

/* As the account may read it in the space of the call at this moment. */
static int read_media(void *ctx, struct tool_call *call, const char *media,
                      enum media_variant variant, void **data, size_t *len, const char **type,
                      struct raum_error *error)
{
    return agent_desk_media(ctx, raum_account(call->scope->raum), raum_scope_space(call->scope),
                            media, variant, MEDIA_MAX, data, len, type, error);
}

void serve_agents_media(struct tool_media *media, struct agent_desk *desk)
{
    *media = (struct tool_media){desk, read_media};
}
