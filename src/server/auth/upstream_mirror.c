#include "server/auth/upstream_mirror.h"
#include "server/notice.h"
#include "server/spaces/spaces.h"
#include <stdlib.h>
#include <string.h>

/* An address that somebody else had there before is his no more: his row keeps one that nobody can
 * have, until he is seen again. */
static int write_account(struct call *c, const struct session *s)
{
    int rc = sql_run(c->sql, &c->error,
                     "UPDATE accounts SET email = 'gone:' || id WHERE email = ?1 AND id <> ?2",
                     "ss", s->email, s->account);
    if (rc)
        return rc;
    return sql_run(c->sql, &c->error,
                   "INSERT INTO accounts (id, name, email, email_verified, image, created, updated)"
                   " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (id) DO UPDATE SET"
                   " name = excluded.name, email = excluded.email,"
                   " email_verified = excluded.email_verified, image = excluded.image,"
                   " updated = excluded.updated"
                   " WHERE accounts.updated <> excluded.updated OR accounts.name <> excluded.name"
                   " OR accounts.email <> excluded.email"
                   " OR accounts.email_verified <> excluded.email_verified"
                   " OR COALESCE(accounts.image, '') <> COALESCE(excluded.image, '')",
                   "sssisii", s->account, s->name, s->email, (int64_t)s->email_verified, s->image,
                   s->account_created, s->account_updated);
}

/* A slug that another space had goes to this one; the other, until it is seen again (or for good,
 * if it is a personal space that only we know), has one with a suffix. */
static int write_space(struct call *c, const struct mirror_space *s)
{
    int rc = sql_run(c->sql, &c->error,
                     "UPDATE spaces SET slug = slug || '-' || lower(substr(id, 1, 8))"
                     " WHERE slug = ?1 AND id <> ?2",
                     "ss", s->slug, s->id);
    if (rc)
        return rc;
    return sql_run(c->sql, &c->error,
                   "INSERT INTO spaces (id, name, slug, logo, type, metadata, created)"
                   " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (id) DO UPDATE SET"
                   " name = excluded.name, slug = excluded.slug, logo = excluded.logo,"
                   " metadata = excluded.metadata, deleted = NULL, deleted_by = NULL"
                   " WHERE spaces.name <> excluded.name OR spaces.slug <> excluded.slug"
                   " OR COALESCE(spaces.logo, '') <> COALESCE(excluded.logo, '')"
                   " OR COALESCE(spaces.metadata, '') <> COALESCE(excluded.metadata, '')"
                   " OR spaces.deleted IS NOT NULL",
                   "ssssssi", s->id, s->name, s->slug, s->logo, s->type, s->metadata, s->created);
}

static int write_member(struct call *c, const char *account, const struct mirror_space *s)
{
    const char *id = call_random(c, 32);
    if (!id)
        return err_set(&c->error, RAUM_ENOMEM, NULL);
    int rc = sql_run(c->sql, &c->error,
                     "INSERT INTO members (id, space, account, role, created)"
                     " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (space, account) DO UPDATE SET"
                     " role = excluded.role WHERE members.role <> excluded.role",
                     "ssssi", id, s->id, account, s->role, call_now(c));
    if (rc == 0 && sql_changed(c->sql) > 0)
        rc = notice_members(c->sql, account, &c->error);
    if (rc || strcmp(s->type, "personal") != 0 || strcmp(s->role, "owner") != 0)
        return rc;
    return sql_run(c->sql, &c->error,
                   "INSERT INTO personal_spaces (account, space) VALUES (?1, ?2)"
                   " ON CONFLICT DO NOTHING",
                   "ss", account, s->id);
}

static bool listed(const char *id, const struct mirror_space *spaces, int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(spaces[i].id, id) == 0)
            return true;
    return false;
}

/* The ids of rows that are no more, gathered before any is deleted. */
static int end_memberships(struct call *c, const char *account, const struct mirror_space *spaces,
                           int count)
{
    struct sql_rows *rows;
    const char **gone = NULL;
    int n = 0, room = 0;
    int rc = sql_many(c->sql, &rows, &c->error,
                      "SELECT m.id AS id, m.space AS space FROM members m WHERE m.account = ?1"
                      " AND m.space NOT IN (SELECT p.space FROM personal_spaces p"
                      " WHERE p.account = ?1)",
                      "s", account);
    while (rc == 0 && (rc = sql_next(rows, &c->error)) == 0) {
        if (listed(sql_text(rows, "space"), spaces, count))
            continue;
        if (n == room) {
            room = room ? 2 * room : 16;
            const char **more = arena_alloc(c->arena, (size_t)room * sizeof *more);
            if (!more) {
                rc = err_set(&c->error, RAUM_ENOMEM, NULL);
                break;
            }
            if (n)
                memcpy(more, gone, (size_t)n * sizeof *more);
            gone = more;
        }
        gone[n++] = sql_copy(rows, "id", c->arena);
    }
    sql_rows_free(rows);
    rc = rc == RAUM_END ? 0 : rc;
    for (int i = 0; rc == 0 && i < n; i++)
        rc = gone[i] ? sql_run(c->sql, &c->error, "DELETE FROM members WHERE id = ?1", "s", gone[i])
                     : err_set(&c->error, RAUM_ENOMEM, NULL);
    return rc == 0 && n > 0 ? notice_members(c->sql, account, &c->error) : rc;
}

static int make_personal(struct call *c, const struct session *s)
{
    struct sql_rows *rows;
    char id[33];
    int rc = sql_one(c->sql, &rows, &c->error,
                     "SELECT space FROM personal_spaces WHERE account = ?1", "s", s->account);
    sql_rows_free(rows);
    if (rc != RAUM_END)
        return rc;
    return spaces_make_personal(c->sql, c->server->env, s->account, s->name, s->email, id,
                                &c->error);
}

static int by_id(const void *a, const void *b)
{
    const struct mirror_space *x = a, *y = b;
    return strcmp(x->id, y->id);
}

static int write_all(struct call *c, const struct session *s, const struct mirror_space *spaces,
                     int count)
{
    char *lock = arena_printf(c->arena, "account:%s", s->account);
    int rc = lock ? sql_lock(c->sql, lock, &c->error) : err_set(&c->error, RAUM_ENOMEM, NULL);
    if (rc == 0)
        rc = write_account(c, s);
    for (int i = 0; rc == 0 && i < count; i++)
        rc = write_space(c, &spaces[i]);
    for (int i = 0; rc == 0 && i < count; i++)
        rc = write_member(c, s->account, &spaces[i]);
    if (rc == 0)
        rc = end_memberships(c, s->account, spaces, count);
    return rc == 0 ? make_personal(c, s) : rc;
}

int mirror_write(struct call *c, const struct session *s, struct mirror_space *spaces, int count)
{
    /* One order for all, so that two accounts of the same spaces do not wait for each other. */
    if (count > 1)
        qsort(spaces, (size_t)count, sizeof *spaces, by_id);
    int rc = sql_begin(c->sql, &c->error);
    if (rc)
        return rc;
    rc = write_all(c, s, spaces, count);
    return sql_end(c->sql, rc, &c->error);
}
