/* Signing up, in and out. */
#include "server/auth/account.h"
#include "server/auth/auth.h"
#include "server/auth/cookies.h"
#include "server/auth/crypto.h"
#include "server/auth/routes.h"
#include "server/auth/session.h"
#include "server/limiter.h"
#include <string.h>

#define ANSWER_MAX 65536

/* Wrong passwords for one account: from one place few, from all places together more, and then
 * places where the account is signed in already still may. So nobody is kept out by others. */
static const struct limiter_rule from_here = {15 * 60 * 1000, 10};
static const struct limiter_rule from_all = {60 * 60 * 1000, 100};

static void put_str(struct json_writer *w, const char *key, const char *value)
{
    json_put_key(w, key);
    json_put_str(w, value);
}

static int refuse(struct call *c, int status, const char *code, const char *message)
{
    int rc = call_fail(c, status, code, message);
    return rc ? rc : 1;
}

/* ---- sign-up */

static int check_size(struct call *c, const char *key, const char *text, size_t max)
{
    if (!text || strlen(text) <= max)
        return 0;
    int rc = call_failf(c, 400, "VALIDATION_ERROR",
                        "[body.%s] Too big: expected string to have <=%zu characters", key, max);
    return rc ? rc : 1;
}

static int answer_new(struct call *c)
{
    struct buf out;
    struct json_writer w;
    buf_init(&out, ANSWER_MAX);
    json_begin(&w, &out);
    json_open_object(&w);
    put_str(&w, "token", c->session->token);
    json_put_key(&w, "user");
    auth_put_user(&w, c->session);
    json_close_object(&w);
    int rc = call_json(c, 200, &out);
    buf_release(&out);
    return rc;
}

static int user_exists(struct call *c)
{
    return refuse(c, 422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL",
                  "User already exists. Use another email.");
}

/* The hash is made before the transaction: nobody waits for it with the database in his hand. */
static int make(struct call *c, const char *email, const char *password)
{
    char hash[CRYPTO_PASSWORD_MAX];
    struct account a;
    const char *id, *name = call_str(c, "name");
    int rc = account_by_email(c, email, &a);
    if (rc == 0)
        return user_exists(c);
    if (rc != RAUM_END)
        return rc;
    rc = crypto_password_hash(password, hash, &c->error);
    if (rc == 0)
        rc = account_make(c, email, name, call_str(c, "image"), hash, &id);
    if (rc == RAUM_EEXISTS)
        return user_exists(c);
    if (rc == 0)
        rc = verify_mail(c, id, email, NULL, call_str(c, "callbackURL"));
    return rc ? rc : auth_open_session(c, id, call_bool(c, "rememberMe", true));
}

int sign_up(struct call *c)
{
    const char *email = auth_email(c, call_str(c, "email")), *password = call_str(c, "password");
    if (!email || !password)
        return RAUM_ENOMEM;
    int rc = password_fits(c, password);
    if (rc == 0)
        rc = check_size(c, "name", call_str(c, "name"), ACCOUNT_NAME_MAX);
    if (rc == 0)
        rc = check_size(c, "image", call_str(c, "image"), ACCOUNT_IMAGE_MAX);
    if (rc == 0)
        rc = make(c, email, password);
    return rc < 0 ? rc : rc ? 0 : answer_new(c);
}

/* ---- sign-in */

static const char *place(struct call *c, const char *email)
{
    return arena_printf(c->arena, "%s %s", call_address(c), email);
}

/* Has the account a session from this address? */
static int known_here(struct call *c, const struct account *a, bool *known)
{
    struct sql_rows *rows;
    *known = false;
    if (!a->id)
        return 0;
    int rc = sql_one(c->sql, &rows, &c->error,
                     "SELECT id FROM sessions WHERE account = ?1 AND ip = ?2 AND expires > ?3"
                     " LIMIT 1",
                     "ssi", a->id, session_address(c), call_now(c));
    sql_rows_free(rows);
    *known = rc == 0;
    return rc == RAUM_END ? 0 : rc;
}

/* 0, or 1: answered with 429. */
static int check_failures(struct call *c, const char *email, const struct account *a)
{
    struct limiter *l = c->server->limiter;
    const char *here = place(c, email);
    bool known = false;
    if (!c->server->options.limits || !l)
        return 0;
    if (!here)
        return RAUM_ENOMEM;
    int wait = limiter_look(l, "failed-here", here, &from_here);
    if (!wait && (wait = limiter_look(l, "failed", email, &from_all))) {
        int rc = known_here(c, a, &known);
        if (rc)
            return rc;
    }
    if (!wait || known)
        return 0;
    int rc = http_addf(c->http, "X-Retry-After", "%d", wait);
    return rc ? rc : refuse(c, 429, NULL, "Too many requests. Please try again later.");
}

static int failed(struct call *c, const char *email)
{
    struct limiter *l = c->server->limiter;
    const char *here = place(c, email);
    if (c->server->options.limits && l && here) {
        limiter_take(l, "failed-here", here, &from_here);
        limiter_take(l, "failed", email, &from_all);
    }
    return refuse(c, 401, "INVALID_EMAIL_OR_PASSWORD", "Invalid email or password");
}

static int answer_in(struct call *c, const char *url)
{
    struct buf out;
    struct json_writer w;
    int rc = url && *url ? http_add(c->http, "Location", url) : 0;
    if (rc)
        return rc;
    buf_init(&out, ANSWER_MAX);
    json_begin(&w, &out);
    json_open_object(&w);
    json_put_key(&w, "redirect");
    json_put_bool(&w, url && *url);
    put_str(&w, "token", c->session->token);
    if (url)
        put_str(&w, "url", url);
    json_put_key(&w, "user");
    auth_put_user(&w, c->session);
    json_close_object(&w);
    rc = call_json(c, 200, &out);
    buf_release(&out);
    return rc;
}

/* A wrong password, an unknown address and a disabled account take as long and look the same. */
static int check(struct call *c, const char *email, const char *password, struct account *a)
{
    int rc = account_by_email(c, email, a);
    if (rc < 0)
        return rc;
    rc = check_failures(c, email, a);
    if (rc)
        return rc;
    rc = password_right(c, password, a);
    if (rc == RAUM_ENOT_ALLOWED || (rc == 0 && (!a->id || a->disabled)))
        return failed(c, email);
    return rc;
}

int sign_in(struct call *c)
{
    const char *given = call_str(c, "email"), *password = call_str(c, "password");
    struct account a;
    if (!given || !password)
        return RAUM_ENOMEM;
    const char *email = auth_email(c, given);
    if (!email)
        return call_fail(c, 400, "INVALID_EMAIL", "Invalid email");
    int rc = password_not_long(c, password);
    if (rc == 0)
        rc = check(c, email, password, &a);
    if (rc == 0) {
        const char *here = place(c, email);
        if (here && c->server->limiter)
            limiter_clear(c->server->limiter, "failed-here", here);
        rc = auth_open_session(c, a.id, call_bool(c, "rememberMe", true));
    }
    return rc < 0 ? rc : rc ? 0 : answer_in(c, call_str(c, "callbackURL"));
}

/* ---- sign-out */

int sign_out(struct call *c)
{
    char token[COOKIE_VALUE_MAX];
    bool proven;
    int rc = 0;
    if (cookie_token(c->server, c->http, token, &proven))
        rc = session_end_token(c, token);
    if (rc == 0)
        rc = cookie_clear(c);
    return rc ? rc : call_text(c, 200, "{\"success\":true}");
}
