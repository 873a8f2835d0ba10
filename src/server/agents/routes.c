/* /api/v1/agents: a member makes, sees, limits and ends agents of their own; what they did is seen
 * by all members of the space; whoever may edit there may take it back. */
#include "base/clock.h"
#include "base/id.h"
#include "base/utf8.h"
#include "server/agents/agents.h"
#include "server/auth/crypto.h"
#include "server/limiter.h"
#include "server/notice.h"
#include "server/spaces/answer.h"
#include "server/spaces/spaces.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DAY_MS INT64_C(86400000)
#define PAGE 100
#define PAGE_MAX 500
#define TOOL_NAME_MAX 64

static void put_str(struct json_writer *w, const char *key, const char *text)
{
    json_put_key(w, key);
    json_put_str(w, text);
}

static void put_time(struct json_writer *w, const char *key, int64_t ms)
{
    json_put_key(w, key);
    if (ms)
        call_put_time(w, ms);
    else
        json_put_null(w);
}

static void put_bool(struct json_writer *w, const char *key, bool value)
{
    json_put_key(w, key);
    json_put_bool(w, value);
}

/* ---- making ---- */

struct wish {
    const char *name, *space;
    struct buf tools; /* a JSON array */
    bool read_only, all_writes, sealed;
    int64_t expires; /* 0: never */
};

static int bad(struct call *c, const char *text)
{
    return answer_fail(c, 400, "BAD_CHANGE", text);
}

static bool is_tool(const char *name)
{
    size_t len = name ? strlen(name) : 0;
    return len > 0 && len <= TOOL_NAME_MAX &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == len;
}

static int read_tools(struct call *c, struct wish *w)
{
    struct json_value list = json_get(c->body, "tools");
    struct json_writer out;
    json_begin(&out, &w->tools);
    json_open_array(&out);
    if (list.doc && !json_is(list, JSON_ARRAY))
        return bad(c, "tools: an array of names");
    if (json_count(list) > AGENT_TOOLS_MAX)
        return bad(c, "tools: at most 64");
    for (struct json_value v = json_first(list); v.doc; v = json_next(list, v)) {
        const char *name = json_str(v, c->arena);
        if (!is_tool(name))
            return bad(c, "tools: names like wardrobe.listOutfits");
        json_put_str(&out, name);
    }
    json_close_array(&out);
    w->all_writes = !w->read_only && json_count(list) == 0;
    return buf_error(&w->tools, &c->error);
}

static int read_expiry(struct call *c, struct wish *w)
{
    struct json_value v = json_get(c->body, "expiresAt");
    const char *text = json_str(v, c->arena);
    w->expires = call_now(c) + AGENT_DAYS * DAY_MS;
    if (!v.doc)
        return 0;
    w->expires = 0;
    if (json_is(v, JSON_NULL))
        return 0;
    if (!text || clock_parse_ms(text, strlen(text), &w->expires) != 0)
        return bad(c, "expiresAt: a time as RFC 3339 writes it, or null: never");
    return w->expires > call_now(c) ? 0 : bad(c, "expiresAt: a time to come");
}

static bool is_name(const char *name)
{
    size_t len = name ? strlen(name) : 0;
    if (len == 0 || len > AGENT_NAME_MAX || !utf8_valid(name, len))
        return false;
    for (const unsigned char *at = (const unsigned char *)name; *at; at++)
        if (*at < 0x20 || *at == 0x7f)
            return false;
    return strspn(name, " ") < len;
}

static int read_wish(struct call *c, struct wish *w)
{
    *w = (struct wish){.name = call_str(c, "name"), .space = call_str(c, "spaceId")};
    buf_init(&w->tools, 16384);
    w->read_only = call_bool(c, "readOnly", false);
    w->sealed = call_bool(c, "sealed", false);
    if (!is_name(w->name))
        return bad(c, "name: 1 to 80 bytes of text");
    if (!w->space || !*w->space)
        return bad(c, "spaceId: the one space that the agent is for");
    int rc = read_tools(c, w);
    return rc ? rc : read_expiry(c, w);
}

/* The caller's membership; a space one is not in looks like one that is not there. */
static int read_member(struct call *c, const char *space, struct member *m)
{
    int rc = member_find(c->sql, c->arena, space, c->session->account, m, &c->error);
    if (rc == RAUM_END)
        rc = answer_fail(c, 404, "NOT_FOUND", "No such space, or you are not a member of it");
    return rc;
}

static int check_room(struct call *c)
{
    struct sql_rows *rows;
    int rc = sql_one(c->sql, &rows, &c->error,
                     "SELECT count(*) AS n FROM agents WHERE account = ?1 AND revoked IS NULL", "s",
                     c->session->account);
    bool full = rc == 0 && sql_int(rows, "n") >= AGENT_OF_ACCOUNT_MAX;
    sql_rows_free(rows);
    return full ? answer_fail(c, 403, "LIMIT", "Too many agents: revoke some first") : rc;
}

static int insert(struct call *c, const struct wish *w, const struct member *m, const char *id,
                  const char *token)
{
    unsigned char hash[32];
    crypto_sha256(token, strlen(token), hash);
    return sql_run(c->sql, &c->error,
                   "INSERT INTO agents (id, hash, account, space, member, name, tools, read_only,"
                   " all_writes, sealed, created, expires) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8,"
                   " ?9, ?10, ?11, NULLIF(CAST(?12 AS BIGINT), 0))",
                   "sbsssssiiiii", id, (void *)hash, sizeof hash, c->session->account, w->space,
                   m->id, w->name, buf_text(&w->tools), (int64_t)w->read_only,
                   (int64_t)w->all_writes, (int64_t)w->sealed, call_now(c), w->expires);
}

static void put_agent(struct json_writer *w, struct sql_rows *rows, int64_t now)
{
    const char *tools = sql_text(rows, "tools");
    int64_t expires = sql_int(rows, "expires"), revoked = sql_int(rows, "revoked");
    bool member = !sql_null(rows, "slug");
    json_open_object(w);
    put_str(w, "id", sql_text(rows, "id"));
    put_str(w, "name", sql_text(rows, "name"));
    put_str(w, "spaceId", sql_text(rows, "space"));
    put_str(w, "spaceSlug", sql_text(rows, "slug"));
    put_str(w, "spaceName", sql_text(rows, "space_name"));
    json_put_key(w, "tools");
    json_put_raw(w, tools, strlen(tools));
    put_bool(w, "readOnly", sql_int(rows, "read_only") != 0);
    put_bool(w, "allWrites", sql_int(rows, "all_writes") != 0);
    put_bool(w, "sealed", sql_int(rows, "sealed") != 0);
    put_time(w, "createdAt", sql_int(rows, "created"));
    put_time(w, "expiresAt", expires);
    put_time(w, "revokedAt", revoked);
    put_time(w, "lastCallAt", sql_int(rows, "last_call"));
    put_bool(w, "active", member && !revoked && (!expires || expires > now));
    json_close_object(w);
}

/* In columns as put_agent reads them; slug and name are of a space one is still in, by the very
 * membership. */
#define AGENT_COLUMNS                                                                              \
    "SELECT g.id AS id, g.name AS name, g.space AS space, g.tools AS tools,"                       \
    " g.read_only AS read_only, g.all_writes AS all_writes, g.sealed AS sealed,"                   \
    " g.created AS created, g.expires AS expires, g.revoked AS revoked, s.slug AS slug,"           \
    " s.name AS space_name, (SELECT max(c.created) FROM agent_calls c WHERE c.agent = g.id)"       \
    " AS last_call FROM agents g LEFT JOIN members m ON m.id = g.member AND m.account = g.account" \
    " AND m.space = g.space LEFT JOIN spaces s ON s.id = m.space AND s.deleted IS NULL"

static int one_agent(struct call *c, const char *id, struct sql_rows **rows)
{
    *rows = NULL;
    int rc = sql_scope(c->sql, "account", c->session->account, &c->error);
    return rc ? rc
              : sql_one(c->sql, rows, &c->error,
                        AGENT_COLUMNS " WHERE g.id = ?1 AND g.account = ?2", "ss", id,
                        c->session->account);
}

static int send_made(struct call *c, const char *id, const char *token)
{
    struct sql_rows *rows;
    struct answer a;
    int rc = one_agent(c, id, &rows);
    if (rc == 0) {
        answer_begin(&a);
        json_open_object(&a.w);
        json_put_key(&a.w, "agent");
        put_agent(&a.w, rows, call_now(c));
        put_str(&a.w, "token", token);
        json_close_object(&a.w);
        rc = http_add(c->http, "Cache-Control", "no-store");
        rc = rc ? rc : answer_send(c, &a);
    }
    sql_rows_free(rows);
    return rc;
}

static int make_locked(struct call *c, void *arg)
{
    const struct wish *w = arg;
    struct member m = {0};
    struct id_source source = {0};
    char id[ID_TEXT], token[AGENT_TOKEN_SIZE];
    const char *random = call_random(c, AGENT_TOKEN_SIZE - 1 - (int)strlen(AGENT_TOKEN));
    int rc = random ? read_member(c, w->space, &m) : RAUM_ENOMEM;
    if (rc == 0)
        rc = check_room(c);
    if (rc)
        return rc;
    id_new(&source, c->server->env, id);
    memcpy(token, AGENT_TOKEN, strlen(AGENT_TOKEN));
    memcpy(token + strlen(AGENT_TOKEN), random, strlen(random) + 1);
    rc = insert(c, w, &m, id, token);
    return rc ? rc : send_made(c, id, token);
}

static int make(struct call *c)
{
    struct wish w;
    int rc = read_wish(c, &w);
    if (rc == 0)
        rc = answer_locked(c, "account", c->session->account, make_locked, &w);
    buf_release(&w.tools);
    return answer_done(rc);
}

/* ---- seeing, ending ---- */

static int list(struct call *c)
{
    struct sql_rows *rows;
    struct answer a;
    int rc = sql_scope(c->sql, "account", c->session->account, &c->error);
    if (rc)
        return rc;
    answer_begin(&a);
    json_open_object(&a.w);
    json_put_key(&a.w, "agents");
    json_open_array(&a.w);
    rc = sql_many(c->sql, &rows, &c->error,
                  AGENT_COLUMNS " WHERE g.account = ?1 ORDER BY g.created, g.id", "s",
                  c->session->account);
    while (rc == 0 && (rc = sql_next(rows, &c->error)) == 0)
        put_agent(&a.w, rows, call_now(c));
    sql_rows_free(rows);
    if (rc < 0) {
        buf_release(&a.buf);
        return rc;
    }
    json_close_array(&a.w);
    json_close_object(&a.w);
    return answer_send(c, &a);
}

static int no_agent(struct call *c)
{
    return answer_fail(c, 404, "NOT_FOUND", "No such agent of yours");
}

static int revoke(struct call *c)
{
    int rc = sql_begin(c->sql, &c->error);
    if (rc)
        return rc;
    rc = sql_run(c->sql, &c->error,
                 "UPDATE agents SET revoked = coalesce(revoked, ?1) WHERE id = ?2 AND account = ?3",
                 "iss", call_now(c), c->rest, c->session->account);
    bool found = rc == 0 && sql_changed(c->sql) > 0;
    if (found)
        rc = notice_agent(c->sql, c->session->account, &c->error);
    rc = sql_end(c->sql, rc, &c->error);
    if (rc)
        return rc;
    return found ? call_text(c, 200, "{\"status\":true}") : answer_done(no_agent(c));
}

/* ---- the log ---- */

struct page {
    const char *before; /* id of the oldest one seen; "~" is behind all */
    int64_t limit;
};

static int read_page(struct call *c, struct page *p)
{
    const char *limit = http_param(c->http, "limit");
    p->before = http_param(c->http, "before");
    p->before = p->before && *p->before ? p->before : "~";
    p->limit = limit ? strtol(limit, NULL, 10) : PAGE;
    if (p->limit < 1 || p->limit > PAGE_MAX)
        return bad(c, "limit: 1 to 500");
    return 0;
}

/* Which rows were written is for the agent's owner: private ones may be among them (G-T9). */
static void put_call(struct json_writer *w, struct sql_rows *rows, bool own)
{
    json_open_object(w);
    put_str(w, "id", sql_text(rows, "id"));
    put_str(w, "run", sql_text(rows, "run"));
    put_str(w, "agentId", sql_text(rows, "agent"));
    put_str(w, "agentName", sql_text(rows, "name"));
    put_str(w, "onBehalfOf", sql_text(rows, "account"));
    put_str(w, "ownerName", sql_text(rows, "owner"));
    put_str(w, "tool", sql_text(rows, "tool"));
    put_str(w, "digest", sql_text(rows, "digest"));
    put_str(w, "outcome", sql_text(rows, "outcome"));
    put_time(w, "at", sql_int(rows, "created"));
    json_put_key(w, "tookMs");
    json_put_int(w, sql_int(rows, "took"));
    json_put_key(w, "changes");
    json_put_int(w, sql_int(rows, "changes"));
    put_time(w, "undoneAt", sql_int(rows, "undone"));
    const char *writes = own ? sql_text(rows, "writes") : NULL;
    if (writes) {
        json_put_key(w, "writes");
        json_put_raw(w, writes, strlen(writes));
    }
    json_close_object(w);
}

#define CALL_COLUMNS                                                                               \
    "SELECT c.id AS id, c.run AS run, c.agent AS agent, c.account AS account, c.tool AS tool,"     \
    " c.digest AS digest, c.outcome AS outcome, c.created AS created, c.took AS took,"             \
    " c.changes AS changes, c.writes AS writes, c.undone AS undone, g.name AS name,"               \
    " a.name AS owner FROM agent_calls c LEFT JOIN agents g ON g.id = c.agent"                     \
    " LEFT JOIN accounts a ON a.id = c.account"

static int send_calls(struct call *c, struct sql_rows *rows, int rc)
{
    struct answer a;
    answer_begin(&a);
    json_open_object(&a.w);
    json_put_key(&a.w, "calls");
    json_open_array(&a.w);
    while (rc == 0 && (rc = sql_next(rows, &c->error)) == 0)
        put_call(&a.w, rows, strcmp(sql_text(rows, "account"), c->session->account) == 0);
    sql_rows_free(rows);
    if (rc < 0) {
        buf_release(&a.buf);
        return rc;
    }
    json_close_array(&a.w);
    json_close_object(&a.w);
    return answer_send(c, &a);
}

int agents_space_log(struct call *c, const char *space)
{
    struct sql_rows *rows = NULL;
    struct page p;
    struct member m;
    int rc = read_member(c, space, &m);
    if (rc == 0)
        rc = read_page(c, &p);
    if (rc == 0)
        rc = sql_scope(c->sql, "partition", space, &c->error);
    if (rc)
        return rc;
    rc = sql_many(c->sql, &rows, &c->error,
                  CALL_COLUMNS " WHERE c.space = ?1 AND c.id < ?2 ORDER BY c.id DESC LIMIT ?3",
                  "ssi", space, p.before, p.limit);
    return send_calls(c, rows, rc);
}

/* Of one's own agent; its space may be left by now: then there is nothing to see. */
static int agent_log(struct call *c, const char *id)
{
    struct sql_rows *rows = NULL;
    struct page p;
    int rc = one_agent(c, id, &rows);
    sql_rows_free(rows);
    if (rc == RAUM_END)
        return no_agent(c);
    if (rc == 0)
        rc = read_page(c, &p);
    if (rc == 0)
        rc = sql_scope(c->sql, "account", c->session->account, &c->error);
    if (rc)
        return rc;
    rc = sql_many(c->sql, &rows, &c->error,
                  CALL_COLUMNS " JOIN members m ON m.space = c.space AND m.account = ?1"
                               " WHERE c.agent = ?2 AND c.id < ?3 ORDER BY c.id DESC LIMIT ?4",
                  "sssi", c->session->account, id, p.before, p.limit);
    return send_calls(c, rows, rc);
}

static int get_part(struct call *c)
{
    const char *slash = strchr(c->rest, '/');
    if (!slash || strcmp(slash, "/log") != 0)
        return answer_done(answer_fail(c, 404, "NOT_FOUND", "No such address"));
    const char *id = arena_copy(c->arena, c->rest, (size_t)(slash - c->rest));
    return id ? answer_done(agent_log(c, id)) : RAUM_ENOMEM;
}

/* ---- taking it back ---- */

static void put_undone(struct json_writer *w, const struct agent_undone *r)
{
    json_open_object(w);
    put_str(w, "table", r->table);
    put_str(w, "id", r->id);
    put_bool(w, "deleted", r->gone);
    json_put_key(w, "fields");
    json_open_array(w);
    for (int i = 0; !r->gone && i < r->count; i++)
        json_put_str(w, r->fields[i]);
    json_close_array(w);
    json_put_key(w, "left");
    json_open_array(w);
    for (int i = 0; i < r->left_count; i++) {
        json_open_object(w);
        put_str(w, "field", r->left[i]);
        put_str(w, "reason", r->why[i]);
        json_close_object(w);
    }
    json_close_array(w);
    json_close_object(w);
}

static int undo(struct call *c)
{
    const char *run = call_str(c, "run");
    struct agent_undone *rows;
    struct answer a;
    int count;
    if (!run || !*run || strlen(run) > ID_LEN_MAX)
        return answer_done(bad(c, "run: its id, or that of a call"));
    int rc = agents_undo(c, run, &rows, &count);
    if (rc)
        return call_error(c, rc);
    answer_begin(&a);
    json_open_object(&a.w);
    put_str(&a.w, "run", run);
    json_put_key(&a.w, "rows");
    json_open_array(&a.w);
    for (int i = 0; i < count; i++)
        if (rows[i].gone || rows[i].count || rows[i].left_count)
            put_undone(&a.w, &rows[i]);
    json_close_array(&a.w);
    json_close_object(&a.w);
    return answer_send(c, &a);
}

/* ---- an agent on a device of its owner ---- */

/* The grant of the token that was sent; 1: answered with 401. */
static int own_grant(struct call *c, struct agent_grant *g)
{
    const char *text = http_header(c->http, "Authorization");
    const char *token = text && strncasecmp(text, "Bearer ", 7) == 0 ? text + 7 : "";
    int rc = agents_by_token(c->sql, token, call_now(c), c->arena, g, &c->error);
    if (rc != RAUM_ENOT_ALLOWED)
        return rc;
    rc = call_fail(c, 401, "UNAUTHORIZED", c->error.text);
    return rc ? rc : 1;
}

static int self(struct call *c)
{
    struct agent_grant g;
    struct answer a;
    int rc = own_grant(c, &g);
    if (rc)
        return rc < 0 ? rc : 0;
    answer_begin(&a);
    json_open_object(&a.w);
    put_str(&a.w, "id", g.id);
    put_str(&a.w, "name", g.name);
    put_str(&a.w, "account", g.account);
    put_str(&a.w, "spaceId", g.space);
    json_put_key(&a.w, "tools");
    json_open_array(&a.w);
    for (int i = 0; i < g.tool_count; i++)
        json_put_str(&a.w, g.tools[i]);
    json_close_array(&a.w);
    put_bool(&a.w, "readOnly", g.read_only);
    put_bool(&a.w, "allWrites", g.all_writes);
    put_time(&a.w, "expiresAt", g.expires);
    json_close_object(&a.w);
    return answer_send(c, &a);
}

static bool is_word(const char *text, size_t max)
{
    size_t len = text ? strlen(text) : 0;
    return len > 0 && len <= max && utf8_valid(text, len);
}

/* As many as a well-behaved agent can make. */
static bool too_many(struct call *c, const char *agent)
{
    static const struct limiter_rule rule = {60 * 1000, 600};
    return c->server->options.limits && c->server->limiter &&
           limiter_spend(c->server->limiter, "agent-log", agent, &rule, 1);
}

static int self_log(struct call *c)
{
    struct agent_grant g;
    struct id_source source = {0};
    char id[ID_TEXT];
    int rc = own_grant(c, &g);
    if (rc)
        return rc < 0 ? rc : 0;
    if (too_many(c, g.id))
        return call_error(c, RAUM_ERATE_LIMITED);
    struct agent_call e = {.id = id,
                           .space = g.space,
                           .agent = g.id,
                           .account = g.account,
                           .run = call_str(c, "run"),
                           .tool = call_str(c, "tool"),
                           .digest = call_str(c, "digest"),
                           .outcome = call_str(c, "outcome"),
                           .created = call_now(c)};
    if (!is_word(e.run, ID_LEN_MAX) || !is_tool(e.tool) || !is_word(e.digest, TOOL_NAME_MAX) ||
        !is_word(e.outcome, TOOL_NAME_MAX))
        return answer_done(bad(c, "run, tool, digest, outcome: texts"));
    if (!json_int(json_get(c->body, "tookMs"), &e.took) || e.took < 0)
        e.took = 0;
    id_new(&source, c->server->env, id);
    rc = sql_begin(c->sql, &c->error);
    if (rc == 0)
        rc = sql_end(c->sql, agents_log_put(c->sql, &e, &c->error), &c->error);
    return rc ? rc : call_text(c, 200, "{\"status\":true}");
}

const struct route agent_routes[] = {
    {"GET", "/api/v1/agents/self", self, 0},
    {"POST", "/api/v1/agents/self", self_log, ROUTE_BODY},
    {"GET", "/api/v1/agents", list, ROUTE_SESSION},
    {"POST", "/api/v1/agents", make, ROUTE_SESSION | ROUTE_BODY},
    {"GET", "/api/v1/agents/", get_part, ROUTE_SESSION | ROUTE_PREFIX},
    {"DELETE", "/api/v1/agents/", revoke, ROUTE_SESSION | ROUTE_PREFIX},
    {"POST", "/api/v1/agents/undo", undo, ROUTE_SESSION | ROUTE_BODY},
    {0},
};
