#include "server/auth/session.h"
#include "base/utf8.h"
#include "server/auth/auth.h"
#include "server/auth/cookies.h"
#include "server/auth/upstream.h"
#include "server/notice.h"
#include <string.h>

#define AGENT_MAX 512 /* bytes of User-Agent that are kept */

bool session_signed(const struct server *s, const struct http_request *head)
{
    char token[COOKIE_VALUE_MAX];
    bool proven;
    return cookie_token(s, head, token, &proven) && proven;
}

/* ---- rows */

static int read_row(struct call *c, struct sql_rows *rows, struct session **out)
{
    struct session *s = *out = arena_zero(c->arena, sizeof *s);
    if (!s)
        return RAUM_ENOMEM;
    s->id = sql_copy(rows, "id", c->arena);
    s->token = sql_copy(rows, "token", c->arena);
    s->account = sql_copy(rows, "account", c->arena);
    s->active_space = sql_copy(rows, "active_space", c->arena);
    s->ip = sql_copy(rows, "ip", c->arena);
    s->agent = sql_copy(rows, "agent", c->arena);
    s->remember = sql_int(rows, "remember") != 0;
    s->created = sql_int(rows, "created");
    s->updated = sql_int(rows, "updated");
    s->expires = sql_int(rows, "expires");
    s->email = sql_copy(rows, "email", c->arena);
    s->name = sql_copy(rows, "name", c->arena);
    s->image = sql_copy(rows, "image", c->arena);
    s->email_verified = sql_int(rows, "email_verified") != 0;
    s->account_created = sql_int(rows, "account_created");
    s->account_updated = sql_int(rows, "account_updated");
    bool whole = s->id && s->token && s->account && s->ip && s->agent && s->email && s->name;
    return whole ? 0 : RAUM_ENOMEM;
}

int session_find(struct call *c, const char *token, struct session **out, bool *over)
{
    struct sql_rows *rows;
    *out = NULL;
    *over = false;
    int rc = sql_one(c->sql, &rows, &c->error,
                     "SELECT s.id AS id, s.token AS token, s.account AS account,"
                     " s.active_space AS active_space, s.ip AS ip, s.agent AS agent,"
                     " s.remember AS remember, s.created AS created, s.updated AS updated,"
                     " s.expires AS expires, a.email AS email, a.name AS name, a.image AS image,"
                     " a.email_verified AS email_verified, a.created AS account_created,"
                     " a.updated AS account_updated, a.disabled AS disabled"
                     " FROM sessions s JOIN accounts a ON a.id = s.account WHERE s.token = ?1",
                     "s", token);
    if (rc == 0 && sql_int(rows, "expires") < call_now(c)) {
        *over = true;
        rc = RAUM_END;
    } else if (rc == 0 && sql_int(rows, "disabled")) {
        rc = RAUM_END;
    } else if (rc == 0) {
        rc = read_row(c, rows, out);
    }
    sql_rows_free(rows);
    return rc;
}

/* Better Auth knows only what a proxy tells it: the address of this machine itself is none. */
const char *session_address(struct call *c)
{
    const char *address = call_address(c);
    bool local = strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
    return local ? "" : address;
}

int session_insert(struct call *c, const char *account, bool remember, struct session **out)
{
    const char *agent = http_header(c->http, "User-Agent");
    int64_t now = call_now(c);
    bool over;
    char *token = call_random(c, 32), *id = call_random(c, 32);
    size_t len = agent ? strlen(agent) : 0;
    const char *kept = agent && utf8_valid(agent, len)
                           ? arena_copy(c->arena, agent, utf8_cut(agent, len, AGENT_MAX))
                           : "";
    if (!token || !id || !kept)
        return RAUM_ENOMEM;
    int rc = sql_run(c->sql, &c->error,
                     "INSERT INTO sessions (id, token, account, active_space, ip, agent, remember,"
                     " created, updated, expires)"
                     " VALUES (?1, ?2, ?3, NULL, ?4, ?5, ?6, ?7, ?7, ?8)",
                     "sssssiii", id, token, account, session_address(c), kept, (int64_t)remember,
                     now, now + (remember ? SESSION_MS : SESSION_SHORT_MS));
    if (rc == 0)
        rc = session_find(c, token, out, &over);
    return rc == RAUM_END ? err_set(&c->error, RAUM_ENOT_ALLOWED, NULL) : rc;
}

/* The rows go, and with the commit those who keep streams of the account know (G-S3). */
static int end(struct call *c, const char *account, const char *sql, const char *token)
{
    int rc = sql_begin(c->sql, &c->error);
    if (rc)
        return rc;
    rc = sql_run(c->sql, &c->error, sql, "ss", token, account);
    if (rc == 0 && sql_changed(c->sql) > 0)
        rc = notice_ended(c->sql, account, &c->error);
    return sql_end(c->sql, rc, &c->error);
}

int session_end(struct call *c, const char *account, const char *token)
{
    return end(c, account, "DELETE FROM sessions WHERE token = ?1 AND account = ?2", token);
}

int session_end_token(struct call *c, const char *token)
{
    struct sql_rows *rows = NULL;
    int rc = sql_begin(c->sql, &c->error);
    if (rc)
        return rc;
    rc = sql_one(c->sql, &rows, &c->error,
                 "DELETE FROM sessions WHERE token = ?1 RETURNING account", "s", token);
    if (rc == 0)
        rc = notice_ended(c->sql, sql_text(rows, "account"), &c->error);
    sql_rows_free(rows);
    return sql_end(c->sql, rc == RAUM_END ? 0 : rc, &c->error);
}

int session_end_all(struct call *c, const char *account, const char *but_token)
{
    return end(c, account, "DELETE FROM sessions WHERE token <> ?1 AND account = ?2",
               but_token ? but_token : "");
}

bool session_fresh(const struct call *c)
{
    return call_now(c) - c->session->created < SESSION_FRESH_MS;
}

/* ---- the session of a call */

/* Once a day, and only for sessions that are to be remembered. Two requests at once both write,
 * which is the same; a session that was ended meanwhile stays ended. */
static int refresh(struct call *c, struct session *s)
{
    int64_t now = call_now(c);
    int rc = sql_run(c->sql, &c->error,
                     "UPDATE sessions SET expires = ?1, updated = ?2 WHERE token = ?3", "iis",
                     now + SESSION_MS, now, s->token);
    if (rc)
        return rc;
    if (sql_changed(c->sql) == 0) {
        c->session = NULL;
        return cookie_clear(c);
    }
    s->expires = now + SESSION_MS;
    s->updated = now;
    return cookie_send(c, s->token, true);
}

static bool refresh_wanted(struct call *c, const struct session *s)
{
    char value[COOKIE_VALUE_MAX];
    const char *no = http_param(c->http, "disableRefresh");
    return s->remember && !(no && *no) &&
           s->expires - SESSION_MS + SESSION_UPDATE_MS <= call_now(c) &&
           !cookie_get(c->server, c->http, COOKIE_FORGET, value);
}

static int own_session(struct call *c)
{
    char token[COOKIE_VALUE_MAX];
    bool proven, over;
    if (!cookie_token(c->server, c->http, token, &proven))
        return 0;
    int rc = session_find(c, token, &c->session, &over);
    if (rc == RAUM_END) {
        rc = cookie_clear(c);
        if (rc == 0 && over)
            rc = sql_run(c->sql, &c->error, "DELETE FROM sessions WHERE token = ?1", "s", token);
        return rc;
    }
    return rc == 0 && refresh_wanted(c, c->session) ? refresh(c, c->session) : rc;
}

int auth_session(struct call *c)
{
    if (c->session_known)
        return 0;
    c->session_known = true;
    return c->server->upstream ? upstream_session(c) : own_session(c);
}

int auth_send_session(struct call *c, const struct session *s)
{
    return cookie_send(c, s->token, s->remember);
}

int auth_open_session(struct call *c, const char *account, bool remember)
{
    struct session *s = NULL;
    int rc = session_insert(c, account, remember, &s);
    if (rc || !s)
        return rc;
    c->session = s;
    c->session_known = true;
    return cookie_send(c, s->token, remember);
}

int auth_set_active(struct call *c, const char *space)
{
    int rc = sql_run(c->sql, &c->error,
                     "UPDATE sessions SET active_space = ?1, updated = ?2 WHERE token = ?3", "sis",
                     space, call_now(c), c->session->token);
    if (rc)
        return rc;
    c->session->active_space = space ? arena_str(c->arena, space) : NULL;
    c->session->updated = call_now(c);
    return space && !c->session->active_space ? RAUM_ENOMEM : 0;
}

/* ---- objects, in Better Auth's order of keys */

static void put_str(struct json_writer *w, const char *key, const char *value)
{
    json_put_key(w, key);
    json_put_str(w, value);
}

static void put_time(struct json_writer *w, const char *key, int64_t ms)
{
    json_put_key(w, key);
    call_put_time(w, ms);
}

void session_put(struct json_writer *w, const struct session *s)
{
    json_open_object(w);
    put_time(w, "expiresAt", s->expires);
    put_str(w, "token", s->token);
    put_time(w, "createdAt", s->created);
    put_time(w, "updatedAt", s->updated);
    put_str(w, "ipAddress", s->ip);
    put_str(w, "userAgent", s->agent);
    put_str(w, "userId", s->account);
    put_str(w, "activeOrganizationId", s->active_space);
    put_str(w, "id", s->id);
    json_close_object(w);
}

/* Without the braces: a JWT's payload has the same fields among others. */
static void put_user_fields(struct json_writer *w, const struct session *s)
{
    put_str(w, "name", s->name);
    put_str(w, "email", s->email);
    json_put_key(w, "emailVerified");
    json_put_bool(w, s->email_verified);
    put_str(w, "image", s->image);
    put_time(w, "createdAt", s->account_created);
    put_time(w, "updatedAt", s->account_updated);
    put_str(w, "id", s->account);
}

void auth_put_user(struct json_writer *w, const struct session *s)
{
    json_open_object(w);
    put_user_fields(w, s);
    json_close_object(w);
}

void session_put_user(struct json_writer *w, const struct session *s)
{
    put_user_fields(w, s);
}
