#include "server/spaces/space.h"

#include "server/call.h"
#include "server/notice.h"
#include "server/spaces/role.h"
#include "server/spaces/slug.h"

#include <string.h>

#define SPACE_COLUMNS                                                                              \
    "s.id AS id, s.name AS name, s.slug AS slug, s.logo AS logo, s.type AS type, s.tier AS tier,"  \
    " s.metadata AS metadata, s.created AS created, s.deleted AS deleted"
#define MEMBER_COLUMNS                                                                             \
    "m.id AS id, m.space AS space, m.account AS account, m.role AS role, m.created AS created,"    \
    " a.name AS name, a.email AS email, a.image AS image"
#define LIVE_MEMBERS                                                                               \
    " FROM members m JOIN accounts a ON a.id = m.account"                                          \
    " JOIN spaces s ON s.id = m.space AND s.deleted IS NULL"
#define SLUG_TRIES 5 /* of one that another transaction took in between */

static void space_read(struct sql_rows *rows, struct arena *a, struct space *out)
{
    *out = (struct space){
        .id = sql_copy(rows, "id", a),
        .name = sql_copy(rows, "name", a),
        .slug = sql_copy(rows, "slug", a),
        .logo = sql_copy(rows, "logo", a),
        .type = sql_copy(rows, "type", a),
        .tier = sql_copy(rows, "tier", a),
        .metadata = sql_copy(rows, "metadata", a),
        .created = sql_int(rows, "created"),
        .deleted = sql_int(rows, "deleted"),
    };
}

/* A required text that is not there means the arena is full: the columns are NOT NULL. */
static int space_whole(const struct space *s, struct raum_error *error)
{
    return s->id && s->name && s->slug && s->type && s->tier ? 0
                                                             : err_set(error, RAUM_ENOMEM, NULL);
}

static int find(struct sql *c, struct arena *a, const char *sql, const char *value,
                struct space *out, struct raum_error *error)
{
    struct sql_rows *rows;
    int rc = sql_one(c, &rows, error, sql, "s", value);
    if (rc == 0) {
        space_read(rows, a, out);
        rc = space_whole(out, error);
    }
    sql_rows_free(rows);
    return rc;
}

int space_find(struct sql *c, struct arena *a, enum space_by by, const char *value,
               struct space *out, struct raum_error *error)
{
    if (by == SPACE_BY_ID)
        return find(c, a,
                    "SELECT " SPACE_COLUMNS " FROM spaces s WHERE s.id = ?1 AND s.deleted IS NULL",
                    value, out, error);
    int rc =
        find(c, a, "SELECT " SPACE_COLUMNS " FROM spaces s WHERE s.slug = ?1 AND s.deleted IS NULL",
             value, out, error);
    if (rc != RAUM_END)
        return rc;
    return find(c, a,
                "SELECT " SPACE_COLUMNS " FROM old_slugs o JOIN spaces s ON s.id = o.space"
                " WHERE o.slug = ?1 AND s.deleted IS NULL",
                value, out, error);
}

int space_find_any(struct sql *c, struct arena *a, const char *id, struct space *out,
                   struct raum_error *error)
{
    return find(c, a, "SELECT " SPACE_COLUMNS " FROM spaces s WHERE s.id = ?1", id, out, error);
}

static int member_read(struct sql_rows *rows, struct arena *a, struct member *out,
                       struct raum_error *error)
{
    *out = (struct member){
        .id = sql_copy(rows, "id", a),
        .space = sql_copy(rows, "space", a),
        .account = sql_copy(rows, "account", a),
        .role = sql_copy(rows, "role", a),
        .created = sql_int(rows, "created"),
        .name = sql_copy(rows, "name", a),
        .email = sql_copy(rows, "email", a),
        .image = sql_copy(rows, "image", a),
    };
    bool whole = out->id && out->space && out->account && out->role && out->name && out->email;
    return whole ? 0 : err_set(error, RAUM_ENOMEM, NULL);
}

static int member_take(struct sql_rows *rows, int rc, struct arena *a, struct member *out,
                       struct raum_error *error)
{
    if (rc == 0)
        rc = member_read(rows, a, out, error);
    sql_rows_free(rows);
    return rc;
}

int member_find(struct sql *c, struct arena *a, const char *space, const char *account,
                struct member *out, struct raum_error *error)
{
    struct sql_rows *rows;
    int rc = sql_one(c, &rows, error,
                     "SELECT " MEMBER_COLUMNS LIVE_MEMBERS " WHERE m.space = ?1 AND m.account = ?2",
                     "ss", space, account);
    return member_take(rows, rc, a, out, error);
}

int member_find_id(struct sql *c, struct arena *a, const char *id, struct member *out,
                   struct raum_error *error)
{
    struct sql_rows *rows;
    int rc =
        sql_one(c, &rows, error, "SELECT " MEMBER_COLUMNS LIVE_MEMBERS " WHERE m.id = ?1", "s", id);
    return member_take(rows, rc, a, out, error);
}

int member_find_email(struct sql *c, struct arena *a, const char *space, const char *email,
                      struct member *out, struct raum_error *error)
{
    struct sql_rows *rows;
    int rc = sql_one(c, &rows, error,
                     "SELECT " MEMBER_COLUMNS LIVE_MEMBERS " WHERE m.space = ?1 AND a.email = ?2",
                     "ss", space, email);
    return member_take(rows, rc, a, out, error);
}

int member_list(struct sql *c, struct arena *a, const char *space, struct member **out, int *count,
                struct raum_error *error)
{
    struct sql_rows *rows;
    struct member *list = NULL;
    int n = 0, cap = 0;
    int rc = sql_many(c, &rows, error,
                      "SELECT " MEMBER_COLUMNS LIVE_MEMBERS " WHERE m.space = ?1"
                      " ORDER BY m.created, m.id",
                      "s", space);
    while (rc == 0 && (rc = sql_next(rows, error)) == 0) {
        if (n == cap) {
            int more = cap ? 2 * cap : 16;
            struct member *wider = arena_alloc(a, (size_t)more * sizeof *wider);
            if (!wider) {
                rc = err_set(error, RAUM_ENOMEM, NULL);
                break;
            }
            if (n)
                memcpy(wider, list, (size_t)n * sizeof *wider);
            list = wider, cap = more;
        }
        rc = member_read(rows, a, &list[n++], error);
    }
    sql_rows_free(rows);
    *out = list, *count = n;
    return rc == RAUM_END ? 0 : rc;
}

int invitation_find(struct sql *c, struct arena *a, const char *id, struct invitation *out,
                    struct raum_error *error)
{
    struct sql_rows *rows;
    int rc = sql_one(c, &rows, error,
                     "SELECT i.id AS id, i.space AS space, i.email AS email, i.role AS role,"
                     " i.status AS status, i.inviter AS inviter, i.created AS created,"
                     " i.expires AS expires, i.secret AS secret, s.name AS space_name,"
                     " s.slug AS space_slug FROM invitations i"
                     " JOIN spaces s ON s.id = i.space AND s.deleted IS NULL WHERE i.id = ?1",
                     "s", id);
    if (rc == 0) {
        const void *secret = sql_bytes(rows, "secret", &out->secret_len);
        size_t secret_len = secret ? out->secret_len : 0;
        *out = (struct invitation){
            .id = sql_copy(rows, "id", a),
            .space = sql_copy(rows, "space", a),
            .email = sql_copy(rows, "email", a),
            .role = sql_copy(rows, "role", a),
            .status = sql_copy(rows, "status", a),
            .inviter = sql_copy(rows, "inviter", a),
            .created = sql_int(rows, "created"),
            .expires = sql_int(rows, "expires"),
            .secret = secret_len ? (unsigned char *)arena_copy(a, secret, secret_len) : NULL,
            .secret_len = secret_len,
            .space_name = sql_copy(rows, "space_name", a),
            .space_slug = sql_copy(rows, "space_slug", a),
        };
        if (!out->id || !out->space || !out->email || !out->role || !out->status || !out->inviter ||
            !out->space_name || !out->space_slug || (secret_len && !out->secret))
            rc = err_set(error, RAUM_ENOMEM, NULL);
    }
    sql_rows_free(rows);
    return rc;
}

int space_owners(struct sql *c, const char *space, int *out, struct raum_error *error)
{
    struct sql_rows *rows;
    *out = 0;
    int rc = sql_many(c, &rows, error, "SELECT role FROM members WHERE space = ?1", "s", space);
    while (rc == 0 && (rc = sql_next(rows, error)) == 0)
        *out += role_has(sql_text(rows, "role"), ROLE_OWNER);
    sql_rows_free(rows);
    return rc == RAUM_END ? 0 : rc;
}

int space_set_slug(struct sql *c, const char *space, const char *from, const char *to,
                   struct raum_error *error)
{
    int rc = sql_run(c, error, "UPDATE spaces SET slug = ?2 WHERE id = ?1", "ss", space, to);
    if (rc == 0)
        rc = sql_run(c, error, "DELETE FROM old_slugs WHERE slug = ?1", "s", to);
    if (rc == 0)
        rc = sql_run(c, error,
                     "INSERT INTO old_slugs (slug, space) VALUES (?1, ?2)"
                     " ON CONFLICT (slug) DO UPDATE SET space = ?2",
                     "ss", from, space);
    /* So that old names do not pile up; which one goes is no matter. */
    if (rc == 0)
        rc = sql_run(c, error,
                     "DELETE FROM old_slugs WHERE slug IN (SELECT slug FROM old_slugs"
                     " WHERE space = ?1 AND slug <> ?2 ORDER BY slug LIMIT 1)"
                     " AND (SELECT COUNT(*) FROM old_slugs WHERE space = ?1) > 50",
                     "ss", space, from);
    return rc;
}

int space_slug_free(struct sql *c, const char *slug, bool *out, struct raum_error *error)
{
    *out = false;
    if (slug_reserved(slug))
        return 0;
    struct sql_rows *rows;
    int rc = sql_one(c, &rows, error,
                     "SELECT 1 AS taken FROM spaces WHERE slug = ?1"
                     " UNION ALL SELECT 1 AS taken FROM old_slugs WHERE slug = ?1 LIMIT 1",
                     "s", slug);
    sql_rows_free(rows);
    *out = rc == RAUM_END;
    return rc == RAUM_END ? 0 : rc;
}

/* base-n that is free, found by doubling and halving: a few questions even when hundreds are
 * taken; the lowest free one when there are no gaps. *found false: up to 999 all asked are taken.
 */
static int choose_number(struct sql *c, const char *base, char out[SLUG_SIZE], bool *found,
                         struct raum_error *error)
{
    int taken = 1, open = 0, rc = 0;
    for (int n = 2; rc == 0 && open == 0; n = n * 2 < SLUG_NUMBER_MAX ? n * 2 : SLUG_NUMBER_MAX) {
        bool is_free;
        slug_number(out, base, n);
        rc = space_slug_free(c, out, &is_free, error);
        if (rc == 0 && is_free)
            open = n;
        else if (n == SLUG_NUMBER_MAX)
            break;
        else
            taken = n;
    }
    while (rc == 0 && open > taken + 1) {
        bool is_free;
        int half = taken + (open - taken) / 2;
        slug_number(out, base, half);
        rc = space_slug_free(c, out, &is_free, error);
        if (is_free)
            open = half;
        else
            taken = half;
    }
    *found = open > 0;
    if (*found)
        slug_number(out, base, open);
    return rc;
}

int space_choose_slug(struct sql *c, const struct raum_env *env, const char *base,
                      char out[SLUG_SIZE], struct raum_error *error)
{
    bool is_free = false;
    int rc = 0;
    if (base[0]) {
        memcpy(out, base, strlen(base) + 1);
        rc = space_slug_free(c, out, &is_free, error);
        if (rc == 0 && !is_free)
            rc = choose_number(c, base, out, &is_free, error);
    }
    for (int i = 0; rc == 0 && !is_free && i < SLUG_TRIES; i++) {
        slug_random(out, base[0] ? base : "user", env);
        rc = space_slug_free(c, out, &is_free, error);
    }
    if (rc == 0 && !is_free)
        rc = err_set(error, RAUM_EEXISTS, "no free slug was found");
    return rc;
}

int space_insert(struct sql *c, const struct space *s, const struct member *owner,
                 struct raum_error *error)
{
    int rc = sql_run(c, error,
                     "INSERT INTO spaces (id, name, slug, logo, type, metadata, created)"
                     " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                     "ssssssi", s->id, s->name, s->slug, s->logo, s->type, s->metadata, s->created);
    if (rc == 0)
        rc = sql_run(c, error, "DELETE FROM old_slugs WHERE slug = ?1", "s", s->slug);
    if (rc == 0)
        rc = sql_run(c, error,
                     "INSERT INTO members (id, space, account, role, created)"
                     " VALUES (?1, ?2, ?3, ?4, ?5)",
                     "ssssi", owner->id, s->id, owner->account, owner->role, owner->created);
    return rc ? rc : notice_members(c, owner->account, error);
}

void space_new_id(const struct raum_env *env, char out[SPACE_ID])
{
    static const char set[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    for (int n = 0; n < SPACE_ID - 1;) {
        unsigned char bytes[48];
        env->random(env->ctx, bytes, sizeof bytes);
        for (size_t i = 0; i < sizeof bytes && n < SPACE_ID - 1; i++)
            if (bytes[i] < 4 * 62) /* what is above would make the first letters likelier */
                out[n++] = set[bytes[i] % 62];
    }
    out[SPACE_ID - 1] = '\0';
}

static void put_time(struct json_writer *w, const char *key, int64_t ms)
{
    json_put_key(w, key);
    call_put_time(w, ms);
}

static void put_text(struct json_writer *w, const char *key, const char *text)
{
    json_put_key(w, key);
    json_put_str(w, text);
}

void space_put(struct json_writer *w, const struct space *s, enum space_metadata metadata)
{
    put_text(w, "name", s->name);
    put_text(w, "slug", s->slug);
    put_text(w, "logo", s->logo);
    put_time(w, "createdAt", s->created);
    if (metadata == METADATA_TEXT) {
        put_text(w, "metadata", s->metadata);
    } else if (s->metadata) {
        json_put_key(w, "metadata");
        json_put_raw(w, s->metadata, strlen(s->metadata));
    }
    put_text(w, "id", s->id);
}

void member_put(struct json_writer *w, const struct member *m)
{
    put_text(w, "organizationId", m->space);
    put_text(w, "userId", m->account);
    put_text(w, "role", m->role);
    put_time(w, "createdAt", m->created);
    put_text(w, "id", m->id);
}

void member_put_user(struct json_writer *w, const struct member *m)
{
    member_put(w, m);
    json_put_key(w, "user");
    json_open_object(w);
    put_text(w, "id", m->account);
    put_text(w, "name", m->name);
    put_text(w, "email", m->email);
    put_text(w, "image", m->image);
    json_close_object(w);
}

void invitation_put(struct json_writer *w, const struct invitation *i)
{
    put_text(w, "organizationId", i->space);
    put_text(w, "email", i->email);
    put_text(w, "role", i->role);
    put_text(w, "status", i->status);
    put_time(w, "expiresAt", i->expires);
    put_time(w, "createdAt", i->created);
    put_text(w, "inviterId", i->inviter);
    put_text(w, "id", i->id);
}
