/* What an agent can do in a space: a const table of tools, each a descriptor and one function over
 * the modules. Whoever serves them (standard input, HTTP, a test) brings a call: a handle that is
 * set to the one space of the agent, and ports for what this layer may not know. A tool holds no
 * rule of its own: rights are the write path's, so a foreign id is not found here as everywhere
 * (G-A1), and what it writes is stamped with the agent of the handle (G-A4).
 *
 *     tools_call: grant → rate → arguments against the schema → function → result against the
 *                 schema → log
 *
 * Refused is refused: what is above the policy never reaches the function (G-A5). Knows no MCP; see
 * tools/host.h for that. */
#ifndef TOOLS_TOOLS_H
#define TOOLS_TOOLS_H

#include "base/json.h"
#include "engine/query.h"
#include "modules/picture/generator.h"
#include "modules/pictures.h"

enum tool_scope {
    TOOL_USER_SPACE, /* data of the space */
    TOOL_ADMIN,      /* of the host of a server; never offered to an agent */
};
enum tool_policy {
    TOOL_READ,        /* always allowed */
    TOOL_WRITE,       /* as granted */
    TOOL_DESTRUCTIVE, /* only when granted by name */
};

struct tool_call;

/* What a tool answers: the members of the structured content, and further content blocks. */
struct tool_result {
    struct json_writer *out;  /* an object; the tool writes it whole */
    struct json_writer *more; /* inside an array: tool_link, tool_thumbnail */
};
typedef int tool_fn(struct tool_call *call, struct json_value args, struct tool_result *result,
                    struct raum_error *error);

struct tool {
    const char *name, *title, *description;
    const char *input, *output; /* JSON Schema 2020-12, JSON text */
    enum tool_scope scope;
    enum tool_policy policy;
    bool idempotent;   /* twice is as once */
    bool open_world;   /* reaches beyond Raum: a provider of pictures */
    const char *table; /* of the contract; where it is not part of the space, neither is the tool */
    tool_fn *run;
};
extern const struct tool tools_all[]; /* ends with name NULL */

/* Making pictures is somebody else's: the server's provider, or the command that asks the server.
 * Consent is asked where the bytes leave (G-P1); the tool asks before, to say so early. `what` says
 * of each reference what it shows: "face", "body", a garment's category. Looks at tool_cancelled.
 * When it returns, the rows are in call->scope, which may be another handle by then. *prompted: the
 * rows have their prompt; else the tool writes it. */
struct tool_generator {
    void *ctx;
    int (*make)(void *ctx, struct tool_call *call, const struct picture_order *order,
                const char *const *what, struct picture_answer *out, bool *prompted,
                struct raum_error *error);
};
/* Bytes of a picture of the call's space, free() them. *type: "image/webp". NOT_FOUND alike for
 * foreign, deleted, never there. */
struct tool_media {
    void *ctx;
    int (*read)(void *ctx, struct tool_call *call, const char *media, enum media_variant variant,
                void **data, size_t *len, const char **type, struct raum_error *error);
};
/* What a call tells and is asked while it runs. Any may be NULL. */
struct tool_hooks {
    void *ctx;
    void (*progress)(void *ctx, double done, double total, const char *text);
    bool (*cancelled)(void *ctx); /* the caller gave up, or may not go on (G-A3) */
};

struct tool_call {
    struct raum_handle *scope; /* lent: one space, and its agent by raum_handle_agent (G-A4) */
    const struct raum_env *env;
    struct arena *arena;                    /* of the call */
    const char *actor;                      /* agent's id, or the account's; for rate and log */
    const char *run;                        /* what can be undone as a whole; NULL: none */
    const struct tool_media *media;         /* NULL: no bytes here, links only */
    const struct tool_generator *generator; /* NULL: NOT_CONFIGURED */
    struct tool_hooks hooks;
};
bool tool_cancelled(const struct tool_call *call);
void tool_progress(const struct tool_call *call, double done, double total, const char *text);
/* The port over a device's own pictures (struct pictures as ctx). */
int tool_media_pictures(void *ctx, struct tool_call *call, const char *media,
                        enum media_variant variant, void **data, size_t *len, const char **type,
                        struct raum_error *error);
/* A content block: a link to a picture or an outfit of the space ("raum://image/ID"). */
void tool_link(struct tool_result *result, const char *uri, const char *name, const char *type);
/* A content block with the thumbnail of a picture; passed over when there are no bytes here. */
int tool_thumbnail(struct tool_call *call, struct tool_result *result, const char *media,
                   struct raum_error *error) BASE_CHECK;

/* ---- what an agent may ---- */

struct tool_grant {
    bool read_only;           /* no write, whatever is named */
    bool all_writes;          /* write tools that are not named, too; never destructive ones */
    const char *const *names; /* granted by name */
    int count;
};
/* Nobody but a person at the own device: reads and writes, and destructive ones by name. */
extern const struct tool_grant tool_grant_person;
const struct tool *tools_find(const char *name);
/* May it be seen and called? NULL grant: reads only. Admin tools never. */
bool tools_granted(const struct tool *tool, const struct tool_grant *grant);
/* The same, and the module is part of the space of the handle (G-T6); NULL: of any space. */
bool tools_offered(const struct tool *tool, const struct tool_grant *grant,
                   const struct raum_handle *scope);

/* ---- rate: 30 calls a minute per tool and actor ---- */

#define TOOL_RATE 30
#define TOOL_RATE_MS 60000
struct tool_rates; /* bounded: the longest unused entries go first */
int tool_rates_new(struct tool_rates **out, struct raum_error *error) BASE_CHECK;
void tool_rates_free(struct tool_rates *rates); /* NULL is fine */
/* Counts a call at this time. RATE_LIMITED with the seconds to wait in *wait. Not thread-safe. */
int tool_rates_take(struct tool_rates *rates, const char *actor, const char *tool, int64_t now_ms,
                    int *wait, struct raum_error *error) BASE_CHECK;

/* ---- calling ---- */

#define TOOL_DIGEST (2 * 16 + 1) /* hex of 16 bytes and a NUL */
struct tool_logged {
    const char *actor, *run, *tool;
    const char *digest;  /* of the arguments, BLAKE2b, hex; never the arguments */
    const char *outcome; /* "ok", or a code: "NOT_ALLOWED" */
    enum tool_policy policy;
    int64_t at, took_ms;
};
struct tool_gate {
    const struct tool_grant *grant; /* NULL: reads only */
    struct tool_rates *rates;       /* NULL: not counted */
    /* Called once per call, refused ones too, when it is over. NULL: no log. */
    void (*log)(void *ctx, const struct tool_logged *entry);
    void *log_ctx;
};
/* Calls by name. `json` receives the structured content (one object), `more` the further content
 * blocks, with commas between and no brackets. NOT_FOUND: no such tool is offered here;
 * NOT_ALLOWED, RATE_LIMITED, USAGE (the arguments are not as the schema says, and where), or what
 * the tool said; INTERRUPTED: it was cancelled. INTERNAL: its result is not as its own schema says.
 */
int tools_call(struct tool_call *call, const struct tool_gate *gate, const char *name,
               struct json_value args, struct buf *json, struct buf *more,
               struct raum_error *error) BASE_CHECK;

#endif
