#include "engine/intern.h"

#include "schema/rights.h"
#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 1000000u

const struct space *intern_space(const struct raum *r, uint32_t ref)
{
    return ref && ref < r->space_count && r->spaces[ref].id ? &r->spaces[ref] : NULL;
}

const char *intern_account(const struct raum *r, uint32_t ref)
{
    return ref && ref < r->account_count ? r->accounts[ref] : NULL;
}

const struct actor *intern_actor(const struct raum *r, uint32_t ref)
{
    return ref && ref < r->actor_count && r->actors[ref].device ? &r->actors[ref] : NULL;
}

const char *intern_device(const struct raum *r, uint32_t actor)
{
    const struct actor *a = intern_actor(r, actor);
    return a ? a->device : "";
}

const struct space *intern_space_find(const struct raum *r, const char *id)
{
    for (uint32_t i = 1; i < r->space_count; i++)
        if (r->spaces[i].id && strcmp(r->spaces[i].id, id) == 0)
            return &r->spaces[i];
    return NULL;
}

const struct space *intern_space_slug(const struct raum *r, const char *slug)
{
    for (uint32_t i = 1; i < r->space_count; i++) {
        const struct space *s = &r->spaces[i];
        if (s->id && s->type >= 0 && s->role > ROLE_NONE && strcmp(s->slug, slug) == 0)
            return s;
    }
    return NULL;
}

const struct space *intern_personal(const struct raum *r)
{
    for (uint32_t i = 1; i < r->space_count; i++) {
        const struct space *s = &r->spaces[i];
        if (s->id && s->type == SPACE_PERSONAL && s->role == ROLE_OWNER)
            return s;
    }
    return NULL;
}

const struct space *intern_user(const struct raum *r)
{
    for (uint32_t i = 1; i < r->space_count; i++)
        if (r->spaces[i].id && r->spaces[i].type < 0 && r->spaces[i].role == ROLE_OWNER)
            return &r->spaces[i];
    return NULL;
}

uint32_t intern_account_find(const struct raum *r, const char *id)
{
    for (uint32_t i = 1; i < r->account_count; i++)
        if (r->accounts[i] && strcmp(r->accounts[i], id) == 0)
            return i;
    return 0;
}

uint32_t intern_actor_find(const struct raum *r, uint32_t account, const char *device,
                           const char *agent)
{
    for (uint32_t i = 1; i < r->actor_count; i++) {
        const struct actor *a = &r->actors[i];
        if (a->device && a->account == account && strcmp(a->device, device) == 0 &&
            strcmp(a->agent, agent) == 0)
            return i;
    }
    return 0;
}

/* ---- the caches ---- */

static void *grow(void *list, uint32_t *count, uint64_t need, size_t size)
{
    if (need < *count)
        return list;
    uint32_t wanted = (uint32_t)need + 1 + (uint32_t)need / 2;
    char *grown = realloc(list, wanted * size);
    if (!grown)
        return NULL;
    memset(grown + *count * size, 0, (wanted - *count) * size);
    *count = wanted;
    return grown;
}

static void clear_space(struct space *s)
{
    free(s->id);
    free(s->slug);
    free(s->name);
    *s = (struct space){0};
}

static int cache_space(struct raum *r, const struct space *from, struct raum_error *error)
{
    struct space *list = from->ref && from->ref < NAMES_MAX
                             ? grow(r->spaces, &r->space_count, from->ref, sizeof *list)
                             : NULL;
    if (!list)
        return err_set(error, RAUM_ENOMEM, NULL);
    r->spaces = list;
    struct space copy = *from;
    copy.id = strdup(from->id);
    copy.slug = strdup(from->slug);
    copy.name = strdup(from->name);
    if (!copy.id || !copy.slug || !copy.name) {
        clear_space(&copy);
        return err_set(error, RAUM_ENOMEM, NULL);
    }
    clear_space(&list[from->ref]);
    list[from->ref] = copy;
    return 0;
}

static int cache_account(struct raum *r, uint32_t ref, const char *id, struct raum_error *error)
{
    char **list =
        ref && ref < NAMES_MAX ? grow(r->accounts, &r->account_count, ref, sizeof *list) : NULL;
    char *copy = list ? strdup(id) : NULL;
    if (list)
        r->accounts = list;
    if (!copy)
        return err_set(error, RAUM_ENOMEM, NULL);
    free(list[ref]);
    list[ref] = copy;
    return 0;
}

static int cache_actor(struct raum *r, const struct actor *from, struct raum_error *error)
{
    struct actor *list = from->ref && from->ref < NAMES_MAX
                             ? grow(r->actors, &r->actor_count, from->ref, sizeof *list)
                             : NULL;
    if (!list)
        return err_set(error, RAUM_ENOMEM, NULL);
    r->actors = list;
    char *device = strdup(from->device), *agent = strdup(from->agent);
    if (!device || !agent) {
        free(device);
        free(agent);
        return err_set(error, RAUM_ENOMEM, NULL);
    }
    free(list[from->ref].device);
    free(list[from->ref].agent);
    list[from->ref] = (struct actor){from->ref, from->account, device, agent};
    return 0;
}

static void clear_all(struct raum *r)
{
    for (uint32_t i = 0; i < r->space_count; i++)
        clear_space(&r->spaces[i]);
    for (uint32_t i = 0; i < r->account_count; i++) {
        free(r->accounts[i]);
        r->accounts[i] = NULL;
    }
    for (uint32_t i = 0; i < r->actor_count; i++) {
        free(r->actors[i].device);
        free(r->actors[i].agent);
        r->actors[i] = (struct actor){0};
    }
}

void intern_release(struct raum *r)
{
    clear_all(r);
    free(r->spaces);
    free(r->accounts);
    free(r->actors);
    r->spaces = NULL, r->accounts = NULL, r->actors = NULL;
    r->space_count = r->account_count = r->actor_count = 0;
}

/* db_text, never NULL: the columns read here are NOT NULL, unless the file is damaged. */
static const char *text(struct db_stmt *s, int at)
{
    const char *t = db_text(s, at, NULL);
    return t ? t : "";
}

static uint32_t number(struct db_stmt *s, int at)
{
    int64_t value = db_int(s, at);
    return value > 0 && value < NAMES_MAX ? (uint32_t)value : 0;
}

static int load_space(struct raum *r, struct db_stmt *s, struct raum_error *error)
{
    struct space space = {
        .ref = number(s, 0), .type = (int)db_int(s, 2), .role = (int)db_int(s, 3),
        .sealed = db_int(s, 4) != 0, .offline = db_int(s, 5) != 0,
        .id = (char *)(uintptr_t)text(s, 1), .slug = (char *)(uintptr_t)text(s, 6),
        .name = (char *)(uintptr_t)text(s, 7),
    };
    return cache_space(r, &space, error);
}

static int load_account(struct raum *r, struct db_stmt *s, struct raum_error *error)
{
    return cache_account(r, number(s, 0), text(s, 1), error);
}

static int load_actor(struct raum *r, struct db_stmt *s, struct raum_error *error)
{
    struct actor actor = {number(s, 0), number(s, 1), (char *)(uintptr_t)text(s, 2),
                          (char *)(uintptr_t)text(s, 3)};
    return cache_actor(r, &actor, error);
}

static int load_each(struct raum *r, const char *sql,
                     int (*load)(struct raum *, struct db_stmt *, struct raum_error *),
                     struct raum_error *error)
{
    struct db_stmt s;
    int result = db_prepare(r->db, &s, &db_grant_own, sql, error);
    while (result == 0 && (result = db_step(&s, error)) == 0)
        result = load(r, &s, error);
    db_finish(&s);
    return result == RAUM_END ? 0 : result;
}

int intern_load(struct raum *r, struct raum_error *error)
{
    clear_all(r);
    int result = load_each(r, "SELECT ref, id, type, role, sealed, offline, slug, name FROM spaces",
                           load_space, error);
    if (result == 0)
        result = load_each(r, "SELECT ref, id FROM accounts", load_account, error);
    if (result == 0)
        result = load_each(r, "SELECT ref, account, device, agent FROM actors", load_actor, error);
    return result;
}

/* ---- writing ---- */

int intern_account_ref(struct raum *r, const char *id, uint32_t *ref, struct raum_error *error)
{
    struct db_stmt s;
    if ((*ref = intern_account_find(r, id)) != 0)
        return 0;
    int result =
        db_prepare(r->db, &s, &db_grant_own, "INSERT INTO accounts (id) VALUES (?1)", error);
    if (result == 0) {
        db_bind_str(&s, 1, id);
        result = db_run(&s, error);
    }
    db_finish(&s);
    if (result < 0)
        return result;
    r->names_changed = true;
    *ref = (uint32_t)sqlite3_last_insert_rowid(r->db->handle);
    return cache_account(r, *ref, id, error);
}

int intern_actor_ref(struct raum *r, uint32_t account, const char *device, const char *agent,
                     uint32_t *ref, struct raum_error *error)
{
    struct db_stmt s;
    if ((*ref = intern_actor_find(r, account, device, agent)) != 0)
        return 0;
    int result =
        db_prepare(r->db, &s, &db_grant_own,
                   "INSERT INTO actors (account, device, agent) VALUES (?1, ?2, ?3)", error);
    if (result == 0) {
        db_bind_int(&s, 1, account);
        db_bind_str(&s, 2, device);
        db_bind_str(&s, 3, agent);
        result = db_run(&s, error);
    }
    db_finish(&s);
    if (result < 0)
        return result;
    r->names_changed = true;
    *ref = (uint32_t)sqlite3_last_insert_rowid(r->db->handle);
    struct actor actor = {*ref, account, (char *)(uintptr_t)device, (char *)(uintptr_t)agent};
    return cache_actor(r, &actor, error);
}

static int put_space(struct raum *r, const struct space *space, const char *sql,
                     struct raum_error *error)
{
    struct db_stmt s;
    int result = db_prepare(r->db, &s, &db_grant_own, sql, error);
    if (result == 0) {
        db_bind_str(&s, 1, space->id);
        db_bind_int(&s, 2, space->type);
        db_bind_int(&s, 3, space->role);
        db_bind_int(&s, 4, space->sealed);
        db_bind_int(&s, 5, space->offline);
        db_bind_str(&s, 6, space->slug);
        db_bind_str(&s, 7, space->name);
        if (space->ref)
            db_bind_int(&s, 8, space->ref);
        result = db_run(&s, error);
    }
    db_finish(&s);
    r->names_changed = true;
    return result;
}

int intern_space_add(struct raum *r, struct space *space, struct raum_error *error)
{
    if (intern_space_find(r, space->id))
        return err_at(error, "spaces", RAUM_EEXISTS, "the space %s is here already", space->id);
    space->ref = 0;
    int result = put_space(r, space,
                           "INSERT INTO spaces (id, type, role, sealed, offline, slug, name) "
                           "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                           error);
    if (result < 0)
        return result;
    space->ref = (uint32_t)sqlite3_last_insert_rowid(r->db->handle);
    return cache_space(r, space, error);
}

int intern_space_put(struct raum *r, const struct space *space, struct raum_error *error)
{
    /* The caller's struct may be the cached one: copy before the cache is written. */
    int result =
        put_space(r, space,
                  "UPDATE spaces SET id = ?1, type = ?2, role = ?3, sealed = ?4, offline = ?5,"
                  " slug = ?6, name = ?7 WHERE ref = ?8",
                  error);
    return result < 0 ? result : cache_space(r, space, error);
}

int intern_account_rename(struct raum *r, uint32_t ref, const char *id, struct raum_error *error)
{
    struct db_stmt s;
    int result =
        db_prepare(r->db, &s, &db_grant_own, "UPDATE accounts SET id = ?1 WHERE ref = ?2", error);
    if (result == 0) {
        db_bind_str(&s, 1, id);
        db_bind_int(&s, 2, ref);
        result = db_run(&s, error);
    }
    db_finish(&s);
    r->names_changed = true;
    return result < 0 ? result : cache_account(r, ref, id, error);
}
