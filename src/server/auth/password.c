/* Changing a password, and setting a new one by a mail's link. */
#include "server/auth/account.h"
#include "server/auth/auth.h"
#include "server/auth/crypto.h"
#include "server/auth/routes.h"
#include "server/auth/session.h"
#include "server/mail.h"
#include "server/url.h"
#include <string.h>

#define ANSWER_MAX 65536
#define RESET_MS (60 * 60 * 1000)
#define RESET_TOKEN 24
#define RESET_PENDING_MAX 5 /* links of one account that work at once: the oldest give way */

static int refuse(struct call *c, const char *code, const char *message)
{
    int rc = call_fail(c, 400, code, message);
    return rc ? rc : 1;
}

/* ---- change-password */

static int answer_changed(struct call *c, const char *token)
{
    struct buf out;
    struct json_writer w;
    buf_init(&out, ANSWER_MAX);
    json_begin(&w, &out);
    json_open_object(&w);
    json_put_key(&w, "token");
    json_put_str(&w, token);
    json_put_key(&w, "user");
    auth_put_user(&w, c->session);
    json_close_object(&w);
    int rc = call_json(c, 200, &out);
    buf_release(&out);
    return rc;
}

/* The current password is checked, the new one hashed: 0, or 1: answered. */
static int prepare(struct call *c, char hash[CRYPTO_PASSWORD_MAX])
{
    const char *new = call_str(c, "newPassword"), *current = call_str(c, "currentPassword");
    struct account a;
    if (!new || !current)
        return RAUM_ENOMEM;
    int rc = password_fits(c, new);
    if (rc == 0)
        rc = password_not_long(c, current);
    if (rc)
        return rc;
    rc = account_by_id(c, c->session->account, &a);
    if (rc)
        return rc == RAUM_END ? RAUM_ENOT_FOUND : rc;
    if (!a.hash)
        return refuse(c, "CREDENTIAL_ACCOUNT_NOT_FOUND", "Credential account not found");
    rc = password_right(c, current, &a);
    if (rc == RAUM_ENOT_ALLOWED)
        return refuse(c, "INVALID_PASSWORD", "Invalid password");
    return rc ? rc : crypto_password_hash(new, hash, &c->error);
}

int change_password(struct call *c)
{
    char hash[CRYPTO_PASSWORD_MAX];
    bool revoke = call_bool(c, "revokeOtherSessions", false);
    const char *account = c->session->account;
    int rc = prepare(c, hash);
    if (rc)
        return rc < 0 ? rc : 0;
    rc = sql_begin(c->sql, &c->error);
    if (rc)
        return rc;
    if (revoke)
        rc = session_end_all(c, account, NULL);
    if (rc == 0)
        rc = account_set_hash(c, account, hash);
    if (rc == 0 && revoke)
        rc = auth_open_session(c, account, true);
    rc = sql_end(c->sql, rc, &c->error);
    return rc ? rc : answer_changed(c, revoke ? c->session->token : NULL);
}

/* ---- the link */

static int forget_old_links(struct call *c, const char *account)
{
    int rc = sql_run(c->sql, &c->error, "DELETE FROM verifications WHERE expires < ?1", "i",
                     call_now(c));
    if (rc)
        return rc;
    return sql_run(c->sql, &c->error,
                   "DELETE FROM verifications WHERE value = ?1 AND identifier LIKE "
                   "'reset-password:%' AND id NOT IN (SELECT id FROM verifications WHERE value = ?1"
                   " AND identifier LIKE 'reset-password:%' ORDER BY created DESC, id LIMIT ?2)",
                   "si", account, (int64_t)RESET_PENDING_MAX - 1);
}

static int store_link(struct call *c, const char *account, const char *token)
{
    const char *id = call_random(c, 32);
    const char *name = arena_printf(c->arena, "reset-password:%s", token);
    if (!id || !name)
        return RAUM_ENOMEM;
    int rc = sql_begin(c->sql, &c->error);
    if (rc)
        return rc;
    rc = forget_old_links(c, account);
    if (rc == 0)
        rc = sql_run(c->sql, &c->error,
                     "INSERT INTO verifications (id, identifier, value, created, expires)"
                     " VALUES (?1, ?2, ?3, ?4, ?5)",
                     "sssii", id, name, account, call_now(c), call_now(c) + RESET_MS);
    return sql_end(c->sql, rc, &c->error);
}

static int mail_link(struct call *c, const struct account *a, const char *token)
{
    const char *callback = call_str(c, "redirectTo");
    struct buf escaped;
    buf_init(&escaped, 3 * URL_MAX);
    url_encode(&escaped, callback && *callback ? callback : "/reset-password");
    const char *text =
        escaped.error
            ? NULL
            : arena_printf(c->arena,
                           "Hello,\n\nsomebody, hopefully you, asked for a new password for "
                           "your account at %s.\nChoose one here within an hour:\n\n"
                           "%s/api/auth/reset-password/%s?callbackURL=%s\n\n"
                           "If it was not you, do nothing: your password stays as it is.\n",
                           c->server->origin, c->server->origin, token, buf_text(&escaped));
    buf_release(&escaped);
    if (!text)
        return RAUM_ENOMEM;
    const struct mail mail = {.to = a->email, .subject = "Your new password", .text = text};
    if (mailer_send(c->server->mailer, &mail, &c->error))
        NET_LOG(c->server->options.log, LOG_WARNING, "mail-refused", {"id", c->http->id, 0},
                {"text", c->error.text, 0});
    return 0;
}

/* The answer tells nobody whether the address is known. */
int request_reset(struct call *c)
{
    const char *email = auth_email(c, call_str(c, "email")), *token = call_random(c, RESET_TOKEN);
    struct account a;
    if (!email || !token)
        return RAUM_ENOMEM;
    int rc = account_by_email(c, email, &a);
    if (rc == 0 && !a.disabled) {
        rc = store_link(c, a.id, token);
        if (rc == 0)
            rc = mail_link(c, &a, token);
    }
    if (rc < 0)
        return rc;
    return call_text(c, 200,
                     "{\"status\":true,\"message\":\"If this email exists in our system, check your"
                     " email for the reset link\"}");
}

/* The account that a token's link is for; RAUM_END: none, used, or too old. */
static int find_link(struct call *c, const char *token, const char **account)
{
    struct sql_rows *rows;
    const char *name = arena_printf(c->arena, "reset-password:%s", token);
    *account = NULL;
    if (!name)
        return RAUM_ENOMEM;
    int rc = sql_one(c->sql, &rows, &c->error,
                     "SELECT value, expires FROM verifications WHERE identifier = ?1", "s", name);
    if (rc == 0 && sql_int(rows, "expires") < call_now(c))
        rc = RAUM_END;
    if (rc == 0 && !(*account = sql_copy(rows, "value", c->arena)))
        rc = RAUM_ENOMEM;
    sql_rows_free(rows);
    return rc;
}

/* Better Auth makes the address whole before it sends somebody there. */
static const char *whole_url(struct call *c, const char *url)
{
    return *url == '/' ? arena_printf(c->arena, "%s%s", c->server->origin, url) : url;
}

int follow_reset(struct call *c)
{
    const char *callback, *account, *url;
    int rc = call_need_param(c, "callbackURL", &callback);
    if (rc)
        return rc < 0 ? rc : 0;
    if (!*c->rest || strchr(c->rest, '/'))
        return http_reply(c->http, 404, NULL, "", 0);
    if (*callback && !auth_url_trusted(c->server, callback))
        return call_fail(c, 403, "INVALID_CALLBACK_URL", "Invalid callbackURL");
    rc = find_link(c, c->rest, &account);
    if (rc < 0)
        return rc;
    url = whole_url(c, *callback ? callback : "/api/auth/error");
    if (!url)
        return RAUM_ENOMEM;
    if (rc || !*callback)
        return auth_redirect(c, url_add(c->arena, url, "error", "INVALID_TOKEN"));
    return auth_redirect(c, url_add(c->arena, url, "token", c->rest));
}

/* In one transaction: the link is used up exactly when the password is set. Whoever asked for it
 * may have lost a device: all sessions end. */
static int use_link(struct call *c, const char *token, const char *account, const char *hash)
{
    const char *name = arena_printf(c->arena, "reset-password:%s", token);
    if (!name)
        return RAUM_ENOMEM;
    int rc = sql_begin(c->sql, &c->error);
    if (rc)
        return rc;
    rc = sql_run(c->sql, &c->error, "DELETE FROM verifications WHERE identifier = ?1", "s", name);
    if (rc == 0 && sql_changed(c->sql) == 0)
        rc = err_set(&c->error, RAUM_ENOT_FOUND, NULL);
    if (rc == 0)
        rc = account_set_hash(c, account, hash);
    if (rc == 0)
        rc = session_end_all(c, account, NULL);
    return sql_end(c->sql, rc, &c->error);
}

int reset_password(struct call *c)
{
    char hash[CRYPTO_PASSWORD_MAX];
    struct account a;
    const char *token = call_str(c, "token"), *new = call_str(c, "newPassword"), *account;
    if (!token || !*token)
        token = http_param(c->http, "token");
    if (!new)
        return RAUM_ENOMEM;
    if (!token || !*token)
        return call_fail(c, 400, "INVALID_TOKEN", "Invalid token");
    int rc = password_fits(c, new);
    if (rc)
        return rc < 0 ? rc : 0;
    rc = find_link(c, token, &account);
    if (rc == 0)
        rc = account_by_id(c, account, &a);
    if (rc == RAUM_END)
        return call_fail(c, 400, "INVALID_TOKEN", "Invalid token");
    if (rc == 0)
        rc = crypto_password_hash(new, hash, &c->error);
    if (rc == 0)
        rc = use_link(c, token, account, hash);
    if (rc == RAUM_ENOT_FOUND)
        return call_fail(c, 400, "INVALID_TOKEN", "Invalid token");
    return rc ? rc : call_text(c, 200, "{\"status\":true}");
}
