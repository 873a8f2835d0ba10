/* Which agents hold. */
#include "server/agents/agents.h"

#include "schema/rights.h"
#include "server/auth/crypto.h"
#include "server/relay/relay.h"
#include <stdio.h>
#include <string.h>

static int read_tools(const char *text, struct arena *a, struct agent_grant *out)
{
    struct json_doc doc;
    json_init(&doc);
    int result = json_parse(&doc, text, strlen(text), 0, NULL);
    struct json_value list = json_root(&doc);
    const char **names = NULL;
    out->tool_count = 0;
    if (result == 0)
        names = arena_zero(a, (json_count(list) + 1) * sizeof *names);
    for (struct json_value v = json_first(list); v.doc && names; v = json_next(list, v)) {
        names[out->tool_count] = json_str(v, a);
        if (!names[out->tool_count++])
            names = NULL;
    }
    json_release(&doc);
    out->tools = names;
    return result ? result : names ? 0 : RAUM_ENOMEM;
}

static int read_grant(struct sql_rows *rows, struct arena *a, struct agent_grant *out,
                      struct raum_error *error)
{
    *out = (struct agent_grant){.id = sql_copy(rows, "id", a),
                                .name = sql_copy(rows, "name", a),
                                .account = sql_copy(rows, "account", a),
                                .space = sql_copy(rows, "space", a),
                                .owner = sql_copy(rows, "owner", a),
                                .space_name = sql_copy(rows, "space_name", a),
                                .read_only = sql_int(rows, "read_only") != 0,
                                .all_writes = sql_int(rows, "all_writes") != 0,
                                .sealed = sql_int(rows, "sealed") != 0,
                                .created = sql_int(rows, "created"),
                                .expires = sql_int(rows, "expires"),
                                .revoked = sql_int(rows, "revoked"),
                                .role = rights_role(sql_text(rows, "role")),
                                .space_type = schema_space_type(sql_text(rows, "type"))};
    bool whole =
        out->id && out->name && out->account && out->space && out->owner && out->space_name;
    int result = whole ? read_tools(sql_text(rows, "tools"), a, out) : RAUM_ENOMEM;
    return result ? err_set(error, result, NULL) : 0;
}

/* The statement twice, so that each text has its own prepared one. The membership is the very one
 * that the agent was made under: who left and came back makes new agents. */
#define HOLDS(of)                                                                                  \
    "SELECT g.id AS id, g.name AS name, g.account AS account, g.space AS space,"                   \
    " a.name AS owner, s.name AS space_name, g.tools AS tools, g.read_only AS read_only,"          \
    " g.all_writes AS all_writes, g.sealed AS sealed, g.created AS created,"                       \
    " g.expires AS expires, g.revoked AS revoked, m.role AS role, s.type AS type"                  \
    " FROM agents g JOIN accounts a ON a.id = g.account JOIN spaces s ON s.id = g.space"           \
    " JOIN members m ON m.id = g.member AND m.space = g.space AND m.account = g.account"           \
    " WHERE g." of " = ?1 AND g.revoked IS NULL AND (g.expires IS NULL OR g.expires > ?2)"         \
    " AND s.deleted IS NULL AND a.disabled = 0"

/* What its space's partition has come to, so that a replica knows whether it is behind. */
static int read_seq(struct sql *c, struct agent_grant *g, struct raum_error *error)
{
    struct sql_rows *rows;
    int result = sql_scope(c, "partition", g->space, error);
    if (result == 0)
        result =
            sql_one(c, &rows, error, "SELECT seq FROM partitions WHERE id = ?1", "s", g->space);
    else
        return result;
    g->seq = result == 0 ? sql_int(rows, "seq") : 0;
    sql_rows_free(rows);
    return result == RAUM_END ? 0 : result;
}

static int holding(struct sql *c, struct sql_rows *rows, int result, struct arena *a,
                   struct agent_grant *out, struct raum_error *error)
{
    if (result == 0)
        result = read_grant(rows, a, out, error);
    sql_rows_free(rows);
    if (result == RAUM_END)
        return err_set(error, RAUM_ENOT_ALLOWED, "no such agent, or it has ended");
    return result ? result : read_seq(c, out, error);
}

int agents_by_token(struct sql *c, const char *token, int64_t now_ms, struct arena *a,
                    struct agent_grant *out, struct raum_error *error)
{
    struct sql_rows *rows = NULL;
    unsigned char hash[32];
    size_t len = strlen(token), prefix = strlen(AGENT_TOKEN);
    if (len + 1 != AGENT_TOKEN_SIZE || strncmp(token, AGENT_TOKEN, prefix) != 0)
        return err_set(error, RAUM_ENOT_ALLOWED, "no such agent, or it has ended");
    crypto_sha256(token, len, hash);
    int result = sql_one(c, &rows, error, HOLDS("hash"), "bi", (void *)hash, sizeof hash, now_ms);
    return holding(c, rows, result, a, out, error);
}

int agents_by_id(struct sql *c, const char *id, int64_t now_ms, struct arena *a,
                 struct agent_grant *out, struct raum_error *error)
{
    struct sql_rows *rows = NULL;
    int result = sql_one(c, &rows, error, HOLDS("id"), "si", id, now_ms);
    return holding(c, rows, result, a, out, error);
}

int agents_any(struct sql *c, const char *account, const char *space, int64_t now_ms, bool *out,
               struct raum_error *error)
{
    struct sql_rows *rows;
    int result = sql_one(c, &rows, error,
                         "SELECT count(*) AS n FROM agents g JOIN accounts a ON a.id = g.account"
                         " JOIN spaces s ON s.id = g.space JOIN members m ON m.id = g.member"
                         " AND m.space = g.space AND m.account = g.account WHERE g.account = ?1"
                         " AND g.space = ?2 AND g.revoked IS NULL"
                         " AND (g.expires IS NULL OR g.expires > ?3) AND s.deleted IS NULL"
                         " AND a.disabled = 0",
                         "ssi", account, space, now_ms);
    *out = result == 0 && sql_int(rows, "n") > 0;
    sql_rows_free(rows);
    return result;
}

/* ---- what they did ---- */

int agents_log_put(struct sql *c, const struct agent_call *e, struct raum_error *error)
{
    int result = sql_scope(c, "partition", e->space, error);
    if (result < 0)
        return result;
    return sql_run(c, error,
                   "INSERT INTO agent_calls (id, space, agent, account, run, tool, digest, outcome,"
                   " created, took, changes, writes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,"
                   " ?10, ?11, ?12)",
                   "ssssssssiiis", e->id, e->space, e->agent, e->account, e->run, e->tool,
                   e->digest, e->outcome, e->created, e->took, e->changes, e->writes);
}

/* Some thousands in a statement, so that nobody waits for it. */
#define SWEEP_ROWS 2000

int agents_sweep(struct sql *c, int64_t now_ms, struct raum_error *error)
{
    int64_t oldest = now_ms - RELAY_KEEP_MS;
    char text[24];
    int result;
    snprintf(text, sizeof text, "%lld", (long long)oldest);
    do {
        result = sql_scope(c, "before", text, error);
        if (result == 0)
            result = sql_run(c, error,
                             "DELETE FROM agent_calls WHERE id IN (SELECT id FROM agent_calls"
                             " WHERE created < ?1 LIMIT ?2)",
                             "ii", oldest, (int64_t)SWEEP_ROWS);
    } while (result == 0 && sql_changed(c) == SWEEP_ROWS);
    /* Their names are shown in the log as long as it is kept. */
    return result ? result
                  : sql_run(c, error, "DELETE FROM agents WHERE revoked < ?1 OR expires < ?1", "i",
                            oldest);
}
