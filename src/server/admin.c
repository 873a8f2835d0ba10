#include "server/admin.h"

#include "server/generate/ledger.h"
#include "server/media/media.h"
#include "server/notice.h"
#include "server/spaces/space.h"

#include <string.h>

#define ACCOUNT_COLUMNS                                                                            \
    "a.id AS id, a.email AS email, a.name AS name, a.email_verified AS verified,"                  \
    " a.disabled AS disabled, a.created AS created,"                                               \
    " (SELECT COUNT(*) FROM sessions x WHERE x.account = a.id AND x.expires > ?1) AS sessions,"    \
    " (SELECT COUNT(*) FROM members m JOIN spaces s ON s.id = m.space"                             \
    "  WHERE m.account = a.id AND s.deleted IS NULL) AS spaces,"                                   \
    " (SELECT MAX(x.updated) FROM sessions x WHERE x.account = a.id) AS seen"

/* ---- lists of any kind, in the arena */

typedef bool read_row(struct sql_rows *rows, struct arena *a, void *one);

/* Reads all rows; *out is an array of `size` bytes each. Ends the statement. */
static int read_all(struct sql_rows *rows, int rc, struct arena *a, size_t size, read_row *row,
                    void **out, int *count, struct raum_error *error)
{
    char *list = NULL;
    int n = 0, cap = 0;
    while (rc == 0 && (rc = sql_next(rows, error)) == 0) {
        if (n == cap) {
            int more = cap ? 2 * cap : 32;
            char *wider = arena_alloc(a, (size_t)more * size);
            if (!wider) {
                rc = err_set(error, RAUM_ENOMEM, NULL);
                break;
            }
            if (n)
                memcpy(wider, list, (size_t)n * size);
            list = wider, cap = more;
        }
        memset(list + (size_t)n * size, 0, size);
        if (!row(rows, a, list + (size_t)n++ * size))
            rc = err_set(error, RAUM_ENOMEM, NULL);
    }
    sql_rows_free(rows);
    *out = list, *count = n;
    return rc == RAUM_END ? 0 : rc;
}

static int64_t page(int limit)
{
    return limit < 1 ? 1 : limit > ADMIN_PAGE_MAX ? ADMIN_PAGE_MAX : limit;
}

/* ---- accounts */

static bool read_account(struct sql_rows *rows, struct arena *a, void *one)
{
    struct admin_account *out = one;
    *out = (struct admin_account){
        .id = sql_copy(rows, "id", a),
        .email = sql_copy(rows, "email", a),
        .name = sql_copy(rows, "name", a),
        .verified = sql_int(rows, "verified") != 0,
        .disabled = sql_int(rows, "disabled") != 0,
        .created = sql_int(rows, "created"),
        .sessions = sql_int(rows, "sessions"),
        .spaces = sql_int(rows, "spaces"),
        .seen = sql_int(rows, "seen"),
    };
    return out->id && out->email && out->name;
}

int admin_accounts(struct sql *c, struct arena *a, const char *after, int limit, int64_t now_ms,
                   struct admin_account **out, int *count, struct raum_error *error)
{
    struct sql_rows *rows;
    void *list;
    int rc = sql_many(c, &rows, error,
                      "SELECT " ACCOUNT_COLUMNS " FROM accounts a WHERE a.email > ?2"
                      " ORDER BY a.email LIMIT ?3",
                      "isi", now_ms, after ? after : "", page(limit));
    rc = read_all(rows, rc, a, sizeof **out, read_account, &list, count, error);
    *out = list;
    return rc;
}

int admin_account(struct sql *c, struct arena *a, const char *account, int64_t now_ms,
                  struct admin_account *out, struct raum_error *error)
{
    struct sql_rows *rows;
    char *email = arena_str(a, account);
    if (!email)
        return err_set(error, RAUM_ENOMEM, NULL);
    for (char *s = email; *s; s++)
        *s = *s >= 'A' && *s <= 'Z' ? (char)(*s + 32) : *s;
    int rc = sql_one(c, &rows, error,
                     "SELECT " ACCOUNT_COLUMNS " FROM accounts a WHERE a.id = ?2 OR a.email = ?3",
                     "iss", now_ms, account, email);
    if (rc == 0 && !read_account(rows, a, out))
        rc = err_set(error, RAUM_ENOMEM, NULL);
    sql_rows_free(rows);
    return rc == RAUM_END ? err_set(error, RAUM_ENOT_FOUND, "no such account: %s", account) : rc;
}

/* The id of an account, within a transaction. */
static int find_id(struct sql *c, struct arena *a, const char *account, const char **id,
                   struct raum_error *error)
{
    struct admin_account found = {0};
    int rc = admin_account(c, a, account, 0, &found, error);
    *id = rc == 0 ? found.id : NULL;
    return rc;
}

int admin_set_disabled(struct sql *c, const char *account, bool disabled, struct raum_error *error)
{
    struct arena a;
    const char *id;
    int rc = sql_begin(c, error);
    if (rc < 0)
        return rc;
    arena_init(&a, 64 * 1024);
    rc = find_id(c, &a, account, &id, error);
    if (rc == 0)
        rc = sql_run(c, error, "UPDATE accounts SET disabled = ?2 WHERE id = ?1", "si", id,
                     (int64_t)disabled);
    if (rc == 0 && disabled)
        rc = sql_run(c, error, "DELETE FROM sessions WHERE account = ?1", "s", id);
    /* A link that was on its way would open the door again. */
    if (rc == 0 && disabled)
        rc = sql_run(c, error, "DELETE FROM verifications WHERE value = ?1", "s", id);
    if (rc == 0 && disabled)
        rc = notice_ended(c, id, error);
    if (rc == 0 && disabled)
        rc = notice_outside(c, error);
    rc = sql_end(c, rc, error);
    arena_release(&a);
    return rc;
}

int admin_reset_link(struct sql *c, struct arena *a, const struct raum_env *env, const char *origin,
                     const char *account, const char **link, struct raum_error *error)
{
    char id[SPACE_ID], token[SPACE_ID];
    int64_t now = env->now_ms(env->ctx);
    struct admin_account found;
    space_new_id(env, id);
    space_new_id(env, token);
    token[24] = '\0'; /* the length that the protocol gives them */
    *link = NULL;
    int rc = admin_account(c, a, account, now, &found, error);
    if (rc < 0)
        return rc;
    if (found.disabled)
        return err_set(error, RAUM_ENOT_ALLOWED, "the account is disabled: enable it first");
    const char *name = arena_printf(a, "reset-password:%s", token);
    *link = arena_printf(a, "%s/reset-password?token=%s", origin, token);
    if (!name || !*link)
        return err_set(error, RAUM_ENOMEM, NULL);
    return sql_run(c, error,
                   "INSERT INTO verifications (id, identifier, value, created, expires)"
                   " VALUES (?1, ?2, ?3, ?4, ?5)",
                   "sssii", id, name, found.id, now, now + ADMIN_LINK_MS);
}

static bool read_session(struct sql_rows *rows, struct arena *a, void *one)
{
    struct admin_session *out = one;
    *out = (struct admin_session){
        .id = sql_copy(rows, "id", a),
        .ip = sql_copy(rows, "ip", a),
        .agent = sql_copy(rows, "agent", a),
        .created = sql_int(rows, "created"),
        .updated = sql_int(rows, "updated"),
        .expires = sql_int(rows, "expires"),
    };
    return out->id && out->ip && out->agent;
}

int admin_sessions(struct sql *c, struct arena *a, const char *account, int64_t now_ms,
                   struct admin_session **out, int *count, struct raum_error *error)
{
    struct sql_rows *rows;
    void *list = NULL;
    const char *id;
    *count = 0;
    int rc = find_id(c, a, account, &id, error);
    if (rc < 0)
        return rc;
    rc = sql_many(c, &rows, error,
                  "SELECT id, ip, agent, created, updated, expires FROM sessions"
                  " WHERE account = ?1 AND expires > ?2 ORDER BY created, id LIMIT 1000",
                  "si", id, now_ms);
    rc = read_all(rows, rc, a, sizeof **out, read_session, &list, count, error);
    *out = list;
    return rc;
}

int admin_end_session(struct sql *c, const char *session, struct raum_error *error)
{
    struct sql_rows *rows = NULL;
    int rc = sql_begin(c, error);
    if (rc)
        return rc;
    rc = sql_one(c, &rows, error, "DELETE FROM sessions WHERE id = ?1 RETURNING account", "s",
                 session);
    if (rc == RAUM_END)
        rc = err_set(error, RAUM_ENOT_FOUND, "no such session: %s", session);
    if (rc == 0)
        rc = notice_ended(c, sql_text(rows, "account"), error);
    if (rc == 0)
        rc = notice_outside(c, error);
    sql_rows_free(rows);
    return sql_end(c, rc, error);
}

/* ---- spaces */

static bool read_space(struct sql_rows *rows, struct arena *a, void *one)
{
    struct admin_space *out = one;
    *out = (struct admin_space){
        .id = sql_copy(rows, "id", a),
        .slug = sql_copy(rows, "slug", a),
        .name = sql_copy(rows, "name", a),
        .type = sql_copy(rows, "type", a),
        .tier = sql_copy(rows, "tier", a),
        .created = sql_int(rows, "created"),
        .deleted = sql_int(rows, "deleted"),
        .members = sql_int(rows, "members"),
        .owner = sql_copy(rows, "owner", a),
    };
    return out->id && out->slug && out->name && out->type && out->tier;
}

int admin_spaces(struct sql *c, struct arena *a, const char *after, int limit,
                 struct admin_space **out, int *count, struct raum_error *error)
{
    struct sql_rows *rows;
    void *list;
    int rc = sql_many(c, &rows, error,
                      "SELECT s.id AS id, s.slug AS slug, s.name AS name, s.type AS type,"
                      " s.tier AS tier, s.created AS created, s.deleted AS deleted,"
                      " (SELECT COUNT(*) FROM members m WHERE m.space = s.id) AS members,"
                      " (SELECT a.email FROM members m JOIN accounts a ON a.id = m.account"
                      "  WHERE m.space = s.id AND m.role LIKE '%owner%'"
                      "  ORDER BY m.created, m.id LIMIT 1) AS owner"
                      " FROM spaces s WHERE s.slug > ?1 ORDER BY s.slug LIMIT ?2",
                      "si", after ? after : "", page(limit));
    rc = read_all(rows, rc, a, sizeof **out, read_space, &list, count, error);
    *out = list;
    return rc;
}

int admin_set_allowance(struct sql *c, const char *space, int64_t units, struct raum_error *error)
{
    struct sql_rows *rows;
    int rc =
        sql_one(c, &rows, error, "SELECT id FROM spaces WHERE id = ?1 OR slug = ?1", "s", space);
    if (rc == 0)
        rc = ledger_set(c, sql_text(rows, "id"), units, error);
    sql_rows_free(rows);
    return rc == RAUM_END ? err_set(error, RAUM_ENOT_FOUND, "there is no space %s", space) : rc;
}

int admin_set_tier(struct sql *c, const char *space, const char *tier, struct raum_error *error)
{
    static const char *const tiers[] = {"guest", "public", "beta", "alpha", "founder"};
    bool known = false;
    for (size_t i = 0; i < sizeof tiers / sizeof tiers[0]; i++)
        known = known || strcmp(tiers[i], tier) == 0;
    if (!known)
        return err_set(error, RAUM_EUSAGE,
                       "a tier is guest, public, beta, alpha or founder, not %s", tier);
    int rc = sql_run(c, error, "UPDATE spaces SET tier = ?2 WHERE id = ?1 OR slug = ?1", "ss",
                     space, tier);
    if (rc == 0 && sql_changed(c) == 0)
        rc = err_set(error, RAUM_ENOT_FOUND, "no such space: %s", space);
    return rc;
}

int admin_set_quota(struct sql *c, struct arena *a, const char *account, int64_t bytes,
                    struct raum_error *error)
{
    struct admin_account found;
    int rc = admin_account(c, a, account, 0, &found, error);
    return rc ? rc : media_set_quota(c, found.id, bytes, error);
}

int admin_stats(struct sql *c, int64_t now_ms, struct admin_stats *out, struct raum_error *error)
{
    struct sql_rows *rows;
    *out = (struct admin_stats){0};
    int rc = sql_one(c, &rows, error,
                     "SELECT (SELECT COUNT(*) FROM accounts) AS accounts,"
                     " (SELECT COUNT(*) FROM accounts WHERE disabled <> 0) AS disabled,"
                     " (SELECT COUNT(*) FROM accounts WHERE email_verified <> 0) AS verified,"
                     " (SELECT COUNT(*) FROM sessions WHERE expires > ?1) AS sessions,"
                     " (SELECT COUNT(*) FROM spaces WHERE deleted IS NULL) AS spaces,"
                     " (SELECT COUNT(*) FROM personal_spaces) AS personal,"
                     " (SELECT COUNT(*) FROM spaces WHERE deleted IS NOT NULL) AS deleted,"
                     " (SELECT COUNT(*) FROM members) AS members,"
                     " (SELECT COUNT(*) FROM invitations WHERE status = 'pending'"
                     "  AND expires > ?1) AS invitations",
                     "i", now_ms);
    if (rc == 0)
        *out = (struct admin_stats){
            .accounts = sql_int(rows, "accounts"),
            .disabled = sql_int(rows, "disabled"),
            .verified = sql_int(rows, "verified"),
            .sessions = sql_int(rows, "sessions"),
            .spaces = sql_int(rows, "spaces"),
            .personal = sql_int(rows, "personal"),
            .deleted = sql_int(rows, "deleted"),
            .members = sql_int(rows, "members"),
            .invitations = sql_int(rows, "invitations"),
        };
    sql_rows_free(rows);
    return rc == RAUM_END ? 0 : rc;
}
