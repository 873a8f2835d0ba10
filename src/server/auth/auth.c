#include "server/auth/auth.h"
#include "server/auth/cookies.h"
#include "server/auth/jwt.h"
#include "server/auth/routes.h"
#include "server/auth/session.h"
#include <ctype.h>
#include <string.h>

#define EMAIL_MAX 254
#define LIST_MAX (1 << 20)

/* ---- addresses */

static bool local_char(char c)
{
    return isalnum((unsigned char)c) || strchr("_'+-", c);
}

/* Parts joined by single dots, not ending in an apostrophe. */
static bool local_fits(const char *text, size_t len)
{
    if (len == 0 || text[0] == '.' || text[len - 1] == '.' || text[len - 1] == '\'')
        return false;
    for (size_t i = 0; i < len; i++)
        if (text[i] == '\0' || (text[i] == '.' ? text[i + 1] == '.' : !local_char(text[i])))
            return false;
    return true;
}

/* Labels that begin with a letter or digit; the last one is of letters, two or more. */
static bool domain_fits(const char *text)
{
    const char *last = strrchr(text, '.');
    if (!last || last == text || last[-1] == '.' || strlen(last + 1) < 2)
        return false;
    for (const char *p = last + 1; *p; p++)
        if (!isalpha((unsigned char)*p))
            return false;
    for (const char *p = text; p < last; p++) {
        bool first = p == text || p[-1] == '.';
        if (first ? !isalnum((unsigned char)*p)
                  : *p != '.' && *p != '-' && !isalnum((unsigned char)*p))
            return false;
    }
    return true;
}

const char *auth_email(struct call *c, const char *text)
{
    const char *at = strchr(text, '@');
    if (!at || strlen(text) > EMAIL_MAX || !local_fits(text, (size_t)(at - text)) ||
        !domain_fits(at + 1))
        return NULL;
    char *out = arena_str(c->arena, text);
    for (char *p = out; p && *p; p++)
        *p = (char)tolower((unsigned char)*p);
    return out;
}

int auth_redirect(struct call *c, const char *url)
{
    if (!url)
        return RAUM_ENOMEM;
    int rc = http_add(c->http, "Location", url);
    return rc ? rc : http_reply(c->http, 302, "application/json", "", 0);
}

/* ---- sessions */

static int no_store(struct call *c)
{
    int rc = http_add(c->http, "Cache-Control", "no-store");
    return rc ? rc : http_add(c->http, "Pragma", "no-cache");
}

static int put_session(struct call *c)
{
    struct buf out;
    struct json_writer w;
    buf_init(&out, LIST_MAX);
    json_begin(&w, &out);
    json_open_object(&w);
    json_put_key(&w, "session");
    session_put(&w, c->session);
    json_put_key(&w, "user");
    auth_put_user(&w, c->session);
    json_close_object(&w);
    int rc = call_json(c, 200, &out);
    buf_release(&out);
    return rc;
}

static int get_session(struct call *c)
{
    const char *jwt;
    int rc = no_store(c);
    if (rc == 0)
        rc = auth_session(c);
    if (rc)
        return rc;
    if (!c->session)
        return call_text(c, 200, "null");
    rc = jwt_of_session(c, &jwt);
    if (rc == 0)
        rc = http_add(c->http, "set-auth-jwt", jwt);
    return rc ? rc : put_session(c);
}

static int post_session(struct call *c)
{
    int rc = no_store(c);
    return rc ? rc
              : call_fail(c, 405, "METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED",
                          "POST method requires deferSessionRefresh to be enabled in session "
                          "config");
}

static void list_one(struct json_writer *w, struct sql_rows *rows)
{
    struct session s = {
        .id = sql_text(rows, "id"),
        .token = sql_text(rows, "token"),
        .account = sql_text(rows, "account"),
        .active_space = sql_text(rows, "active_space"),
        .ip = sql_text(rows, "ip"),
        .agent = sql_text(rows, "agent"),
        .created = sql_int(rows, "created"),
        .updated = sql_int(rows, "updated"),
        .expires = sql_int(rows, "expires"),
    };
    session_put(w, &s);
}

static int list_sessions(struct call *c)
{
    struct sql_rows *rows;
    struct buf out;
    struct json_writer w;
    if (!session_fresh(c))
        return call_fail(c, 403, "SESSION_NOT_FRESH", "Session is not fresh");
    buf_init(&out, LIST_MAX);
    json_begin(&w, &out);
    json_open_array(&w);
    int rc = sql_many(c->sql, &rows, &c->error,
                      "SELECT id, token, account, active_space, ip, agent, created, updated,"
                      " expires FROM sessions WHERE account = ?1 AND expires > ?2"
                      " ORDER BY created, id LIMIT 1000",
                      "si", c->session->account, call_now(c));
    while (rc == 0 && (rc = sql_next(rows, &c->error)) == 0)
        list_one(&w, rows);
    sql_rows_free(rows);
    json_close_array(&w);
    rc = rc == RAUM_END ? call_json(c, 200, &out) : rc;
    buf_release(&out);
    return rc;
}

static int status_true(struct call *c)
{
    return call_text(c, 200, "{\"status\":true}");
}

static int revoke_session(struct call *c)
{
    const char *token = call_str(c, "token");
    if (!token)
        return RAUM_ENOMEM;
    int rc = session_end(c, c->session->account, token);
    if (rc == 0 && strcmp(token, c->session->token) == 0)
        rc = cookie_clear(c);
    return rc ? rc : status_true(c);
}

static int revoke_sessions(struct call *c)
{
    int rc = session_end_all(c, c->session->account, NULL);
    if (rc == 0)
        rc = cookie_clear(c);
    return rc ? rc : status_true(c);
}

static int revoke_others(struct call *c)
{
    int rc = session_end_all(c, c->session->account, c->session->token);
    return rc ? rc : status_true(c);
}

/* ---- tokens, and the small ones */

static int token(struct call *c)
{
    const char *jwt;
    struct buf out;
    struct json_writer w;
    int rc = jwt_of_session(c, &jwt);
    if (rc)
        return rc;
    buf_init(&out, LIST_MAX);
    json_begin(&w, &out);
    json_open_object(&w);
    json_put_key(&w, "token");
    json_put_str(&w, jwt);
    json_close_object(&w);
    rc = call_json(c, 200, &out);
    buf_release(&out);
    return rc;
}

static int jwks(struct call *c)
{
    struct buf out;
    struct json_writer w;
    buf_init(&out, LIST_MAX);
    json_begin(&w, &out);
    int rc = jwt_put_keys(c, &w);
    if (rc == 0)
        rc = call_json(c, 200, &out);
    buf_release(&out);
    return rc;
}

static int ok(struct call *c)
{
    return call_text(c, 200, "{\"ok\":true}");
}

/* What a link that failed leads to when it names no page of its own. */
static int error_page(struct call *c)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'_-";
    const char *code = http_param(c->http, "error");
    if (!code || !*code || code[strspn(code, plain)])
        code = "UNKNOWN";
    char *page = arena_printf(c->arena,
                              "<!DOCTYPE html><html lang=\"en\"><meta charset=\"utf-8\">"
                              "<meta name=\"viewport\" content=\"width=device-width\">"
                              "<title>Error</title><h1>This did not work</h1>"
                              "<p>The link may be used up or too old. Code: %s</p>"
                              "<p><a href=\"/\">Raum</a></p></html>\n",
                              code);
    return page ? http_reply(c->http, 200, "text/html", page, strlen(page)) : RAUM_ENOMEM;
}

/* ---- routes */

static const struct call_field sign_up_fields[] = {
    {"name", CALL_STRING, false},
    {"email", CALL_EMAIL, false},
    {"password", CALL_TEXT, false},
    {"image", CALL_STRING, true},
    {"callbackURL", CALL_STRING, true},
    {"rememberMe", CALL_BOOL, true},
    {NULL, CALL_END, false},
};
static const struct call_field sign_in_fields[] = {
    {"email", CALL_STRING, false},
    {"password", CALL_STRING, false},
    {"callbackURL", CALL_STRING, true},
    {"rememberMe", CALL_BOOL, true},
    {NULL, CALL_END, false},
};
static const struct call_field sign_out_fields[] = {
    {"callbackURL", CALL_STRING, true},
    {"disableRedirect", CALL_BOOL, true},
    {"state", CALL_STRING, true},
    {NULL, CALL_END, false},
};
static const struct call_field change_password_fields[] = {
    {"newPassword", CALL_STRING, false},
    {"currentPassword", CALL_STRING, false},
    {"revokeOtherSessions", CALL_BOOL, true},
    {NULL, CALL_END, false},
};
static const struct call_field change_email_fields[] = {
    {"newEmail", CALL_EMAIL, false},
    {"callbackURL", CALL_STRING, true},
    {NULL, CALL_END, false},
};
static const struct call_field delete_user_fields[] = {
    {"callbackURL", CALL_STRING, true},
    {"password", CALL_STRING, true},
    {"token", CALL_STRING, true},
    {NULL, CALL_END, false},
};
static const struct call_field revoke_fields[] = {
    {"token", CALL_STRING, false},
    {NULL, CALL_END, false},
};
static const struct call_field request_reset_fields[] = {
    {"email", CALL_EMAIL, false},
    {"redirectTo", CALL_STRING, true},
    {NULL, CALL_END, false},
};
static const struct call_field reset_fields[] = {
    {"newPassword", CALL_STRING, false},
    {"token", CALL_STRING, true},
    {NULL, CALL_END, false},
};
static const struct call_field send_verification_fields[] = {
    {"email", CALL_EMAIL, false},
    {"callbackURL", CALL_STRING, true},
    {NULL, CALL_END, false},
};

#define A "/api/auth"
#define LOGIN (ROUTE_BODY | ROUTE_FORM | ROUTE_LOGIN)

const struct route auth_routes[] = {
    {"POST", A "/sign-up/email", sign_up, LOGIN | ROUTE_RECORD, sign_up_fields},
    {"POST", A "/sign-in/email", sign_in, LOGIN, sign_in_fields},
    {"POST", A "/sign-out", sign_out, ROUTE_BODY_MAY, sign_out_fields},
    {"GET", A "/get-session", get_session, 0, NULL},
    {"POST", A "/get-session", post_session, ROUTE_RAW, NULL},
    {"POST", A "/update-user", update_user, ROUTE_BODY | ROUTE_RECORD | ROUTE_SESSION, NULL},
    {"POST", A "/change-password", change_password, ROUTE_BODY | ROUTE_SESSION,
     change_password_fields},
    {"POST", A "/change-email", change_email, ROUTE_BODY | ROUTE_SESSION, change_email_fields},
    {"POST", A "/delete-user", delete_user, ROUTE_BODY | ROUTE_SESSION, delete_user_fields},
    {"GET", A "/list-sessions", list_sessions, ROUTE_SESSION, NULL},
    {"POST", A "/revoke-session", revoke_session, ROUTE_BODY | ROUTE_SESSION, revoke_fields},
    {"POST", A "/revoke-sessions", revoke_sessions, ROUTE_BODY_MAY | ROUTE_SESSION, NULL},
    {"POST", A "/revoke-other-sessions", revoke_others, ROUTE_BODY_MAY | ROUTE_SESSION, NULL},
    {"POST", A "/request-password-reset", request_reset, ROUTE_BODY, request_reset_fields},
    {"GET", A "/reset-password/", follow_reset, ROUTE_PREFIX, NULL},
    {"POST", A "/reset-password", reset_password, ROUTE_BODY, reset_fields},
    {"POST", A "/send-verification-email", send_verification, ROUTE_BODY, send_verification_fields},
    {"GET", A "/verify-email", verify_email, 0, NULL},
    {"GET", A "/list-accounts", list_accounts, ROUTE_SESSION, NULL},
    {"GET", A "/token", token, ROUTE_SESSION, NULL},
    {"GET", A "/jwks", jwks, 0, NULL},
    {"GET", A "/ok", ok, 0, NULL},
    {"GET", A "/error", error_page, 0, NULL},
    {NULL, NULL, NULL, 0, NULL},
};
