/* What an account changes about itself. */
#include "server/auth/account.h"
#include "server/auth/auth.h"
#include "server/auth/cookies.h"
#include "server/auth/crypto.h"
#include "server/auth/routes.h"
#include "server/auth/session.h"
#include <string.h>

#define ANSWER_MAX 65536

/* ---- update-user */

static bool truthy(struct json_value v)
{
    return !json_is(v, JSON_NONE) && !json_is(v, JSON_NULL) && !json_is(v, JSON_FALSE) &&
           !json_equals(v, "");
}

static int complain(struct call *c, const char *key, const char *text)
{
    int rc = call_failf(c, 400, "VALIDATION_ERROR", "[body.%s] %s", key, text);
    return rc ? rc : 1;
}

/* A text, or null where that is fine; given says whether it is there at all. */
static int read_text(struct call *c, const char *key, bool null, size_t max, bool *given,
                     const char **out)
{
    struct json_value v = json_get(c->body, key);
    *given = !json_is(v, JSON_NONE);
    *out = NULL;
    if (!*given || (null && json_is(v, JSON_NULL)))
        return 0;
    *out = json_str(v, c->arena);
    if (!*out)
        return complain(c, key, "Invalid input: expected string");
    if (strlen(*out) > max)
        return complain(
            c, key,
            arena_printf(c->arena, "Too big: expected string to have <=%zu characters", max));
    return 0;
}

static int store_user(struct call *c)
{
    struct session *s = c->session;
    s->account_updated = call_now(c);
    return sql_run(c->sql, &c->error,
                   "UPDATE accounts SET name = ?1, image = ?2, updated = ?3 WHERE id = ?4", "ssis",
                   s->name, s->image, s->account_updated, s->account);
}

int update_user(struct call *c)
{
    bool has_name, has_image;
    const char *name, *image;
    if (truthy(json_get(c->body, "email")))
        return call_fail(c, 400, "EMAIL_CAN_NOT_BE_UPDATED", "Email can not be updated");
    int rc = read_text(c, "name", false, ACCOUNT_NAME_MAX, &has_name, &name);
    if (rc == 0)
        rc = read_text(c, "image", true, ACCOUNT_IMAGE_MAX, &has_image, &image);
    if (rc)
        return rc < 0 ? rc : 0;
    if (!has_name && !has_image)
        return call_fail(c, 400, NULL, "No fields to update");
    if (has_name)
        c->session->name = name;
    if (has_image)
        c->session->image = image;
    rc = store_user(c);
    if (rc == 0)
        rc = auth_send_session(c, c->session);
    return rc ? rc : call_text(c, 200, "{\"status\":true}");
}

/* ---- change-email */

int change_email(struct call *c)
{
    struct account a;
    const char *email = auth_email(c, call_str(c, "newEmail"));
    if (!email)
        return RAUM_ENOMEM;
    if (strcmp(email, c->session->email) == 0)
        return call_fail(c, 400, NULL, "Email is the same");
    int rc = account_by_email(c, email, &a);
    if (rc == RAUM_END) /* an address that is taken is not told: both answers are the same */
        rc = verify_mail(c, c->session->account, c->session->email, email,
                         call_str(c, "callbackURL"));
    return rc < 0 ? rc : call_text(c, 200, "{\"status\":true}");
}

/* ---- delete-user */

/* Better Auth's ways of proof: the password, or a session that is fresh. 0, or 1: answered. */
static int check_proof(struct call *c)
{
    const char *password = call_str(c, "password");
    struct account a;
    int rc;
    if (!password || !*password) {
        if (session_fresh(c))
            return 0;
        rc = call_fail(c, 400, "SESSION_EXPIRED",
                       "Session expired. Re-authenticate to perform this action.");
        return rc ? rc : 1;
    }
    rc = password_not_long(c, password);
    if (rc)
        return rc;
    rc = account_by_id(c, c->session->account, &a);
    if (rc)
        return rc == RAUM_END ? RAUM_ENOT_FOUND : rc;
    if (!a.hash) {
        rc = call_fail(c, 400, "CREDENTIAL_ACCOUNT_NOT_FOUND", "Credential account not found");
        return rc ? rc : 1;
    }
    rc = password_right(c, password, &a);
    if (rc != RAUM_ENOT_ALLOWED)
        return rc;
    rc = call_fail(c, 400, "INVALID_PASSWORD", "Invalid password");
    return rc ? rc : 1;
}

int delete_user(struct call *c)
{
    const char *token = call_str(c, "token");
    int rc = 0;
    if (token && *token) /* we send none */
        return call_fail(c, 404, "INVALID_TOKEN", "Invalid token");
    rc = check_proof(c);
    if (rc)
        return rc < 0 ? rc : 0;
    rc = account_delete(c, c->session->account);
    if (rc == 0)
        rc = cookie_clear(c);
    return rc ? rc : call_text(c, 200, "{\"success\":true,\"message\":\"User deleted\"}");
}

/* ---- list-accounts */

static void put_str(struct json_writer *w, const char *key, const char *value)
{
    json_put_key(w, key);
    json_put_str(w, value);
}

int list_accounts(struct call *c)
{
    struct account a;
    struct buf out;
    struct json_writer w;
    int rc = account_by_id(c, c->session->account, &a);
    if (rc)
        return rc == RAUM_END ? RAUM_ENOT_FOUND : rc;
    buf_init(&out, ANSWER_MAX);
    json_begin(&w, &out);
    json_open_array(&w);
    if (a.credential) {
        json_open_object(&w);
        put_str(&w, "accountId", a.id);
        put_str(&w, "providerId", "credential");
        put_str(&w, "userId", a.id);
        json_put_key(&w, "createdAt");
        call_put_time(&w, a.credential_created);
        json_put_key(&w, "updatedAt");
        call_put_time(&w, a.credential_updated);
        put_str(&w, "id", a.credential);
        json_put_key(&w, "scopes");
        json_open_array(&w);
        json_close_array(&w);
        json_close_object(&w);
    }
    json_close_array(&w);
    rc = call_json(c, 200, &out);
    buf_release(&out);
    return rc;
}
