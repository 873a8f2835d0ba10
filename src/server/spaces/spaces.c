#include "server/spaces/spaces.h"

#include "server/notice.h"
#include "server/spaces/role.h"
#include "server/spaces/slug.h"
#include "server/spaces/space.h"

#include <string.h>

#define NAME_MAX_BYTES 200
#define INSERT_TRIES 3

/* Trims ASCII blanks; the length of what is left at *text. */
static size_t trimmed(const char **text)
{
    const char *t = *text;
    t += strspn(t, " \t\r\n");
    size_t len = strlen(t);
    while (len > 0 && strchr(" \t\r\n", t[len - 1]))
        len--;
    *text = t;
    return len;
}

/* The account's trimmed name, else the local part of its address, else "Personal". */
static const char *personal_name(struct arena *a, const char *name, const char *email)
{
    size_t len = trimmed(&name), local = strcspn(email, "@");
    if (len > 0)
        return arena_copy(a, name, len);
    return local > 0 ? arena_copy(a, email, local) : "Personal";
}

/* Another transaction may take the slug between the question and the insert (PostgreSQL). */
static int insert_personal(struct sql *c, const struct raum_env *env, struct space *s,
                           const struct member *owner, const char *email, struct raum_error *error)
{
    char base[SLUG_SIZE], slug[SLUG_SIZE];
    slug_from(email, strcspn(email, "@"), base);
    s->slug = slug;
    int rc = RAUM_EEXISTS;
    for (int i = 0; rc == RAUM_EEXISTS && i < INSERT_TRIES; i++) {
        rc = space_choose_slug(c, env, base, slug, error);
        if (rc == 0)
            rc = space_insert(c, s, owner, error);
    }
    s->slug = NULL; /* it was lent for the insert */
    return rc;
}

int spaces_make_personal(struct sql *c, const struct raum_env *env, const char *account,
                         const char *name, const char *email, char id_out[33],
                         struct raum_error *error)
{
    struct arena a;
    char member_id[SPACE_ID];
    arena_init(&a, 64 * 1024);
    space_new_id(env, id_out);
    space_new_id(env, member_id);
    struct space s = {.id = id_out,
                      .name = personal_name(&a, name, email),
                      .type = "personal",
                      .metadata = "{\"type\":\"personal\"}",
                      .created = env->now_ms(env->ctx)};
    struct member owner = {
        .id = member_id, .account = account, .role = ROLE_OWNER, .created = s.created};
    int rc = s.name ? 0 : err_set(error, RAUM_ENOMEM, NULL);
    if (rc == 0)
        rc = insert_personal(c, env, &s, &owner, email, error);
    if (rc == 0)
        rc = sql_run(c, error, "INSERT INTO personal_spaces (account, space) VALUES (?1, ?2)", "ss",
                     account, id_out);
    arena_release(&a);
    return rc;
}

int spaces_role(struct sql *c, struct arena *a, const char *space, const char *account,
                const char **role, struct raum_error *error)
{
    struct sql_rows *rows;
    (void)a; /* the answers are constants */
    *role = NULL;
    int rc = sql_one(c, &rows, error,
                     "SELECT m.role AS role FROM members m JOIN spaces s ON s.id = m.space"
                     " WHERE m.space = ?1 AND m.account = ?2 AND s.deleted IS NULL",
                     "ss", space, account);
    if (rc == 0)
        *role = role_highest(sql_text(rows, "role"));
    sql_rows_free(rows);
    return rc == RAUM_END ? 0 : rc;
}

/* The member who shall own the space when its only owner goes: the longest-serving admin, else
 * member. NULL: nobody is left. *owned: there is another owner. */
static int find_heir(struct sql *c, struct arena *a, const char *space, const char *account,
                     const char **heir, bool *owned, struct raum_error *error)
{
    struct sql_rows *rows;
    bool admin = false;
    *heir = NULL, *owned = false;
    int rc = sql_many(c, &rows, error,
                      "SELECT id, role FROM members WHERE space = ?1 AND account <> ?2"
                      " ORDER BY created, id",
                      "ss", space, account);
    while (rc == 0 && (rc = sql_next(rows, error)) == 0) {
        const char *role = sql_text(rows, "role");
        *owned = *owned || role_has(role, ROLE_OWNER);
        bool better = !*heir || (!admin && role_has(role, "admin"));
        if (!better)
            continue;
        admin = role_has(role, "admin");
        *heir = sql_copy(rows, "id", a);
        if (!*heir)
            rc = err_set(error, RAUM_ENOMEM, NULL);
    }
    sql_rows_free(rows);
    return rc == RAUM_END ? 0 : rc;
}

static int leave_gone(struct sql *c, struct arena *a, const char *space, const char *account,
                      struct raum_error *error)
{
    const char *heir;
    bool owned;
    const char *lock = arena_printf(a, "space:%s", space);
    int rc = lock ? sql_lock(c, lock, error) : err_set(error, RAUM_ENOMEM, NULL);
    if (rc == 0)
        rc = find_heir(c, a, space, account, &heir, &owned, error);
    if (rc == 0 && !heir)
        return sql_run(c, error, "DELETE FROM spaces WHERE id = ?1", "s", space);
    if (rc == 0 && !owned)
        rc = sql_run(c, error, "UPDATE members SET role = 'owner' WHERE id = ?1", "s", heir);
    if (rc == 0)
        rc = sql_run(c, error, "DELETE FROM members WHERE space = ?1 AND account = ?2", "ss", space,
                     account);
    return rc ? rc : notice_members(c, account, error);
}

struct name {
    const char *text;
    struct name *next;
};

/* Every space of the account, deleted ones too (their undo must find an owner), in one order for
 * all, so that two accounts that go at once do not wait for each other's locks. */
static int spaces_of(struct sql *c, struct arena *a, const char *account, struct name **list,
                     struct raum_error *error)
{
    struct sql_rows *rows;
    struct name **last = list;
    int rc = sql_many(c, &rows, error,
                      "SELECT space FROM members WHERE account = ?1 ORDER BY space", "s", account);
    while (rc == 0 && (rc = sql_next(rows, error)) == 0) {
        struct name *one = arena_zero(a, sizeof *one);
        if (!one || !(one->text = sql_copy(rows, "space", a))) {
            rc = err_set(error, RAUM_ENOMEM, NULL);
            break;
        }
        *last = one;
        last = &one->next;
    }
    sql_rows_free(rows);
    return rc == RAUM_END ? 0 : rc;
}

int spaces_account_gone(struct sql *c, const char *account, struct raum_error *error)
{
    struct arena a;
    struct name *list = NULL;
    arena_init(&a, 4 << 20);
    /* Making and joining spaces hold the same lock: none is added behind our back. */
    const char *lock = arena_printf(&a, "account:%s", account);
    int rc = lock ? sql_lock(c, lock, error) : err_set(error, RAUM_ENOMEM, NULL);
    if (rc == 0)
        rc = sql_run(c, error,
                     "DELETE FROM spaces WHERE id IN"
                     " (SELECT space FROM personal_spaces WHERE account = ?1)",
                     "s", account);
    if (rc == 0)
        rc = spaces_of(c, &a, account, &list, error);
    for (struct name *one = list; rc == 0 && one; one = one->next)
        rc = leave_gone(c, &a, one->text, account, error);
    /* Nobody stands for his invitations any more, and those to him carry his address. */
    if (rc == 0)
        rc = sql_run(c, error,
                     "UPDATE invitations SET status = 'canceled'"
                     " WHERE inviter = ?1 AND status = 'pending'",
                     "s", account);
    if (rc == 0)
        rc = sql_run(c, error,
                     "DELETE FROM invitations WHERE email ="
                     " (SELECT email FROM accounts WHERE id = ?1)",
                     "s", account);
    if (rc == 0)
        rc = sql_run(c, error, "DELETE FROM local_spaces WHERE account = ?1", "s", account);
    arena_release(&a);
    return rc;
}

int spaces_sweep(struct sql *c, int64_t now_ms, struct raum_error *error)
{
    int64_t before = now_ms - SPACE_UNDO_MS;
    int rc = sql_run(c, error, "DELETE FROM spaces WHERE deleted IS NOT NULL AND deleted < ?1", "i",
                     before);
    if (rc == 0) /* they carry addresses of people who may never have come */
        rc = sql_run(c, error, "DELETE FROM invitations WHERE expires < ?1", "i", before);
    return rc;
}
