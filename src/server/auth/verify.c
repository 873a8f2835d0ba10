/* Proving an address: a mail with a link that holds a signed token (a JWT, HS256 with the server's
 * secret, as Better Auth 1.7 makes it), and what happens when the link is followed. */
#include "base/base64.h"
#include "server/auth/account.h"
#include "server/auth/auth.h"
#include "server/auth/crypto.h"
#include "server/auth/routes.h"
#include "server/auth/session.h"
#include "server/mail.h"
#include "server/url.h"
#include <string.h>

#define TOKEN_MAX 4096
#define TOKEN_LIFE_S 3600
#define HEAD "eyJhbGciOiJIUzI1NiJ9" /* {"alg":"HS256"}, the only one that is taken */
#define HEAD_LEN (sizeof HEAD - 1)
#define MAC_LEN BASE64_LEN(32)

struct claim {
    const char *email, *to, *type, *account; /* to, type, account may be NULL */
};

/* ---- tokens */

static void put_str(struct json_writer *w, const char *key, const char *value)
{
    if (!value)
        return;
    json_put_key(w, key);
    json_put_str(w, value);
}

static char *make_token(struct call *c, const struct claim *claim)
{
    unsigned char mac[32];
    struct buf json, out;
    struct json_writer w;
    int64_t now = call_now(c) / 1000;
    buf_init(&json, TOKEN_MAX);
    buf_init(&out, TOKEN_MAX);
    json_begin(&w, &json);
    json_open_object(&w);
    put_str(&w, "email", claim->email);
    put_str(&w, "updateTo", claim->to);
    put_str(&w, "requestType", claim->type);
    put_str(&w, "userId", claim->account);
    json_put_key(&w, "iat");
    json_put_int(&w, now);
    json_put_key(&w, "exp");
    json_put_int(&w, now + TOKEN_LIFE_S);
    json_close_object(&w);
    buf_str(&out, HEAD ".");
    base64_put(&out, buf_text(&json), json.len);
    crypto_hmac_sha256(c->server->secret, buf_text(&out), out.len, mac);
    buf_char(&out, '.');
    base64_put(&out, mac, sizeof mac);
    char *token = json.error || out.error ? NULL : arena_copy(c->arena, out.data, out.len);
    buf_release(&json);
    buf_release(&out);
    return token;
}

/* The payload of a token with our signature, in `out`. */
static bool open_token(struct call *c, const char *token, struct buf *out)
{
    unsigned char mac[32], sent[32];
    size_t len = strlen(token);
    if (len > TOKEN_MAX || len < HEAD_LEN + MAC_LEN + 3 ||
        memcmp(token, HEAD ".", HEAD_LEN + 1) != 0 || token[len - MAC_LEN - 1] != '.')
        return false;
    size_t signed_len = len - MAC_LEN - 1;
    crypto_hmac_sha256(c->server->secret, token, signed_len, mac);
    return base64_read(sent, sizeof sent, token + signed_len + 1, MAC_LEN) &&
           crypto_same(mac, sent, sizeof mac) &&
           base64_get(out, token + HEAD_LEN + 1, signed_len - HEAD_LEN - 1);
}

enum token_state { TOKEN_GOOD, TOKEN_BAD, TOKEN_OVER };

static enum token_state read_token(struct call *c, const char *token, struct claim *claim)
{
    struct buf json;
    struct json_doc doc;
    int64_t expires = 0;
    enum token_state state = TOKEN_BAD;
    memset(claim, 0, sizeof *claim);
    buf_init(&json, TOKEN_MAX);
    json_init(&doc);
    if (open_token(c, token, &json) &&
        json_parse(&doc, buf_text(&json), json.len, 0, &c->error) == 0) {
        struct json_value root = json_root(&doc);
        claim->email = json_str(json_get(root, "email"), c->arena);
        claim->to = json_str(json_get(root, "updateTo"), c->arena);
        claim->type = json_str(json_get(root, "requestType"), c->arena);
        claim->account = json_str(json_get(root, "userId"), c->arena);
        if (claim->email && json_int(json_get(root, "exp"), &expires))
            state = expires * 1000 <= call_now(c) ? TOKEN_OVER : TOKEN_GOOD;
    }
    json_release(&doc);
    buf_release(&json);
    return state;
}

/* ---- the mail */

int verify_mail(struct call *c, const char *account, const char *email, const char *to,
                const char *callback)
{
    const struct claim claim = {
        .email = email,
        .to = to,
        .type = to ? "change-email-verification" : NULL,
        .account = account,
    };
    struct buf escaped;
    const char *token = make_token(c, &claim);
    buf_init(&escaped, 3 * URL_MAX);
    url_encode(&escaped, callback && *callback ? callback : "/verified");
    const char *text =
        !token || escaped.error
            ? NULL
            : arena_printf(c->arena,
                           "Hello,\n\nthis address was given for an account at %s.\n"
                           "If that was you, say so here within an hour:\n\n"
                           "%s/api/auth/verify-email?token=%s&callbackURL=%s\n\n"
                           "If it was not you, do nothing.\n",
                           c->server->origin, c->server->origin, token, buf_text(&escaped));
    buf_release(&escaped);
    if (!text)
        return RAUM_ENOMEM;
    const struct mail mail = {
        .to = to ? to : email, .subject = "Confirm your address", .text = text};
    if (mailer_send(c->server->mailer, &mail, &c->error))
        NET_LOG(c->server->options.log, LOG_WARNING, "mail-refused", {"id", c->http->id, 0},
                {"text", c->error.text, 0});
    return 0;
}

/* Without a session the answer is the same for every address. */
int send_verification(struct call *c)
{
    const char *email = auth_email(c, call_str(c, "email")), *account = NULL;
    struct account a;
    if (!email)
        return RAUM_ENOMEM;
    int rc = auth_session(c);
    if (rc)
        return rc;
    if (c->session && strcmp(c->session->email, email) != 0)
        return call_fail(c, 400, "EMAIL_MISMATCH", "Email mismatch");
    if (c->session && c->session->email_verified)
        return call_fail(c, 400, "EMAIL_ALREADY_VERIFIED", "Email is already verified");
    rc = account_by_email(c, email, &a);
    if (rc < 0)
        return rc;
    if (rc == 0 && !a.verified && !a.disabled)
        account = a.id;
    rc = account ? verify_mail(c, account, email, NULL, call_str(c, "callbackURL")) : 0;
    return rc ? rc : call_text(c, 200, "{\"status\":true}");
}

/* ---- the link */

static int fail(struct call *c, const char *callback, const char *code, const char *message)
{
    if (callback && *callback)
        return auth_redirect(c, url_add(c->arena, callback, "error", code));
    return call_fail(c, 401, code, message);
}

static int invalid(struct call *c, const char *callback)
{
    return fail(c, callback, "INVALID_TOKEN", "Invalid token");
}

static int answer_user(struct call *c, const char *account)
{
    struct sql_rows *rows;
    struct buf out;
    struct json_writer w;
    int rc = sql_one(c->sql, &rows, &c->error,
                     "SELECT id, name, email, email_verified, image, created, updated"
                     " FROM accounts WHERE id = ?1",
                     "s", account);
    buf_init(&out, 65536);
    json_begin(&w, &out);
    if (rc == 0) {
        const struct session s = {
            .account = sql_text(rows, "id"),
            .name = sql_text(rows, "name"),
            .email = sql_text(rows, "email"),
            .image = sql_text(rows, "image"),
            .email_verified = sql_int(rows, "email_verified") != 0,
            .account_created = sql_int(rows, "created"),
            .account_updated = sql_int(rows, "updated"),
        };
        json_open_object(&w);
        json_put_key(&w, "status");
        json_put_bool(&w, true);
        json_put_key(&w, "user");
        auth_put_user(&w, &s);
        json_close_object(&w);
        rc = call_json(c, 200, &out);
    }
    sql_rows_free(rows);
    buf_release(&out);
    return rc;
}

/* The link in the mail to the new address was followed: that is its address now. */
static int change(struct call *c, const struct claim *claim, const char *callback)
{
    struct account a;
    int rc = claim->account ? account_by_id(c, claim->account, &a) : RAUM_END;
    if (rc < 0)
        return rc;
    if (!claim->account)
        return invalid(c, callback);
    if (rc == RAUM_END)
        return fail(c, callback, "USER_NOT_FOUND", "User not found");
    const char *to = auth_email(c, claim->to);
    if (strcmp(a.email, claim->email) != 0 || !to || !claim->type ||
        strcmp(claim->type, "change-email-verification") != 0)
        return invalid(c, callback);
    rc = auth_session(c);
    if (rc)
        return rc;
    if (c->session && strcmp(c->session->account, a.id) != 0)
        return fail(c, callback, "INVALID_USER", "Invalid user");
    rc = sql_run(c->sql, &c->error,
                 "UPDATE accounts SET email = ?1, updated = ?2 WHERE id = ?3 AND email = ?4",
                 "siss", to, call_now(c), a.id, a.email);
    if (rc == RAUM_EEXISTS || (rc == 0 && sql_changed(c->sql) == 0))
        return invalid(c, callback);
    if (rc == 0 && c->session)
        rc = auth_send_session(c, c->session);
    if (rc)
        return rc;
    return callback && *callback ? auth_redirect(c, callback) : answer_user(c, a.id);
}

static int confirm(struct call *c, const struct claim *claim, const char *callback)
{
    struct account a;
    int rc = account_by_email(c, claim->email, &a);
    if (rc == RAUM_END)
        return fail(c, callback, "USER_NOT_FOUND", "User not found");
    if (rc)
        return rc;
    if (claim->account && strcmp(claim->account, a.id) != 0)
        return invalid(c, callback);
    if (!a.verified)
        rc = sql_run(c->sql, &c->error,
                     "UPDATE accounts SET email_verified = 1, updated = ?1"
                     " WHERE id = ?2 AND email = ?3",
                     "iss", call_now(c), a.id, a.email);
    if (rc)
        return rc;
    return callback && *callback ? auth_redirect(c, callback)
                                 : call_text(c, 200, "{\"status\":true,\"user\":null}");
}

int verify_email(struct call *c)
{
    const char *token, *callback = http_param(c->http, "callbackURL");
    struct claim claim;
    int rc = call_need_param(c, "token", &token);
    if (rc)
        return rc < 0 ? rc : 0;
    if (callback && *callback && !auth_url_trusted(c->server, callback))
        return call_fail(c, 403, "INVALID_CALLBACK_URL", "Invalid callbackURL");
    switch (read_token(c, token, &claim)) {
    case TOKEN_OVER:
        return fail(c, callback, "TOKEN_EXPIRED", "Token expired");
    case TOKEN_BAD:
        return invalid(c, callback);
    case TOKEN_GOOD:
        break;
    }
    return claim.to ? change(c, &claim, callback) : confirm(c, &claim, callback);
}
