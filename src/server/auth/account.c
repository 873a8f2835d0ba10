#include "server/auth/account.h"
#include "base/utf8.h"
#include "server/auth/crypto.h"
#include "server/auth/session.h"
#include "server/spaces/spaces.h"
#include <string.h>

#define SELECT                                                                                     \
    "SELECT a.id AS id, a.email AS email, a.name AS name, a.image AS image,"                       \
    " a.email_verified AS verified, a.disabled AS disabled, k.id AS credential, k.hash AS hash,"   \
    " k.created AS credential_created, k.updated AS credential_updated"                            \
    " FROM accounts a LEFT JOIN credentials k ON k.account = a.id "

static int read_one(struct call *c, struct sql_rows *rows, int rc, struct account *out)
{
    memset(out, 0, sizeof *out);
    if (rc == 0) {
        out->id = sql_copy(rows, "id", c->arena);
        out->email = sql_copy(rows, "email", c->arena);
        out->name = sql_copy(rows, "name", c->arena);
        out->image = sql_copy(rows, "image", c->arena);
        out->verified = sql_int(rows, "verified") != 0;
        out->disabled = sql_int(rows, "disabled") != 0;
        out->credential = sql_copy(rows, "credential", c->arena);
        out->hash = sql_copy(rows, "hash", c->arena);
        out->credential_created = sql_int(rows, "credential_created");
        out->credential_updated = sql_int(rows, "credential_updated");
        rc = out->id && out->email && out->name ? 0 : RAUM_ENOMEM;
    }
    sql_rows_free(rows);
    return rc;
}

int account_by_email(struct call *c, const char *email, struct account *out)
{
    struct sql_rows *rows;
    int rc = sql_one(c->sql, &rows, &c->error, SELECT "WHERE a.email = ?1", "s", email);
    return read_one(c, rows, rc, out);
}

int account_by_id(struct call *c, const char *id, struct account *out)
{
    struct sql_rows *rows;
    int rc = sql_one(c->sql, &rows, &c->error, SELECT "WHERE a.id = ?1", "s", id);
    return read_one(c, rows, rc, out);
}

static int insert(struct call *c, const char *id, const char *email, const char *name,
                  const char *image)
{
    return sql_run(c->sql, &c->error,
                   "INSERT INTO accounts (id, name, email, email_verified, image, created, updated)"
                   " VALUES (?1, ?2, ?3, 0, ?4, ?5, ?5)",
                   "ssssi", id, name, email, image, call_now(c));
}

int account_set_hash(struct call *c, const char *id, const char *hash)
{
    const char *key = call_random(c, 32);
    if (!key)
        return RAUM_ENOMEM;
    return sql_run(c->sql, &c->error,
                   "INSERT INTO credentials (id, account, hash, created, updated)"
                   " VALUES (?1, ?2, ?3, ?4, ?4) ON CONFLICT (account)"
                   " DO UPDATE SET hash = excluded.hash, updated = excluded.updated",
                   "sssi", key, id, hash, call_now(c));
}

int account_make(struct call *c, const char *email, const char *name, const char *image,
                 const char *hash, const char **id)
{
    char space[33];
    const char *new_id = *id = call_random(c, 32);
    if (!new_id)
        return RAUM_ENOMEM;
    int rc = sql_begin(c->sql, &c->error);
    if (rc)
        return rc;
    rc = insert(c, new_id, email, name, image);
    if (rc == 0)
        rc = account_set_hash(c, new_id, hash);
    if (rc == 0)
        rc = spaces_make_personal(c->sql, c->server->env, new_id, name, email, space, &c->error);
    return sql_end(c->sql, rc, &c->error);
}

int account_delete(struct call *c, const char *id)
{
    int rc = sql_begin(c->sql, &c->error);
    if (rc)
        return rc;
    rc = spaces_account_gone(c->sql, id, &c->error);
    if (rc == 0)
        rc = sql_run(c->sql, &c->error,
                     "INSERT INTO gone_accounts (id, deleted) VALUES (?1, ?2)"
                     " ON CONFLICT (id) DO NOTHING",
                     "si", id, call_now(c));
    if (rc == 0)
        rc = session_end_all(c, id, NULL);
    if (rc == 0)
        rc = sql_run(c->sql, &c->error, "DELETE FROM accounts WHERE id = ?1", "s", id);
    return sql_end(c->sql, rc, &c->error);
}

/* ---- passwords */

static size_t utf16_length(const char *text)
{
    size_t len = strlen(text), count = 0, step;
    uint32_t code;
    for (size_t at = 0; at < len; at += step) {
        step = utf8_get(text + at, len - at, &code);
        if (step == 0)
            return SIZE_MAX;
        count += code > 0xffff ? 2 : 1;
    }
    return count;
}

static int refuse(struct call *c, const char *code, const char *message)
{
    int rc = call_fail(c, 400, code, message);
    return rc ? rc : 1;
}

int password_not_long(struct call *c, const char *password)
{
    if (utf16_length(password) > PASSWORD_MAX)
        return refuse(c, "PASSWORD_TOO_LONG", "Password too long");
    return 0;
}

int password_fits(struct call *c, const char *password)
{
    if (utf16_length(password) < PASSWORD_MIN)
        return refuse(c, "PASSWORD_TOO_SHORT", "Password too short");
    return password_not_long(c, password);
}

int password_right(struct call *c, const char *password, const struct account *a)
{
    char hash[CRYPTO_PASSWORD_MAX];
    bool rehash = false;
    int rc = crypto_password_check(password, a->hash, &rehash, &c->error);
    if (rc || !rehash)
        return rc;
    /* The old hash stays good: when the pool is full, the next sign-in does it. */
    if (crypto_password_hash(password, hash, &c->error))
        return 0;
    return account_set_hash(c, a->id, hash);
}
