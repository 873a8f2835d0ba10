#include "engine/spaces.h"

#include "base/plant.h"
#include "base/utf8.h"
#include "engine/intern.h"
#include "engine/row.h"
#include "engine/store.h"
#include "schema/rights.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLUG_MAX 30
#define SLUG_ROOM 48 /* with a number behind it */
#define NAME_MAX_BYTES 200

static const char *const reserved[] = {
    "me",       "admin",    "api",   "auth",    "login", "logout",  "signup",   "signin",
    "register", "settings", "new",   "app",     "www",   "support", "help",     "billing",
    "invite",   "health",   "ready", "metrics", "mcp",   "sync",    "personal", NULL};

/* ---- slugs ---- */

/* German letters are spelled out, other letters outside a-z0-9 part words. */
static const struct {
    const char *from, *to;
} spelled[] = {{"ä", "ae"}, {"ö", "oe"}, {"ü", "ue"}, {"Ä", "ae"}, {"Ö", "oe"},
               {"Ü", "ue"}, {"ß", "ss"}, {"é", "e"},  {"è", "e"},  {"à", "a"},
               {"ç", "c"},  {"ñ", "n"},  {"É", "e"}};

static const char *spell(const char *at, size_t *used)
{
    for (size_t i = 0; i < sizeof spelled / sizeof spelled[0]; i++)
        if (strncmp(at, spelled[i].from, strlen(spelled[i].from)) == 0) {
            *used = strlen(spelled[i].from);
            return spelled[i].to;
        }
    return NULL;
}

static void add_slug(char *out, size_t *len, char c)
{
    bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (*len >= SLUG_MAX || (!letter && (*len == 0 || out[*len - 1] == '-')))
        return;
    out[(*len)++] = letter ? c : '-';
}

void spaces_slug(const char *name, char out[40])
{
    size_t len = 0;
    for (const char *at = name; *at;) {
        size_t used = 1;
        const char *to = spell(at, &used);
        if (to)
            for (; *to; to++)
                add_slug(out, &len, *to);
        else
            add_slug(out, &len, *at >= 'A' && *at <= 'Z' ? (char)(*at + 32) : *at);
        at += used;
    }
    while (len && out[len - 1] == '-')
        len--;
    out[len] = '\0';
    if (len == 0)
        memcpy(out, "space", sizeof "space");
}

static bool taken(const struct raum *r, const char *slug)
{
    for (int i = 0; reserved[i]; i++)
        if (strcmp(reserved[i], slug) == 0)
            return true;
    return intern_space_slug(r, slug) != NULL;
}

bool spaces_slug_free(const struct raum *r, const char *slug)
{
    return !taken(r, slug);
}

static void free_slug(const struct raum *r, const char *name, char out[SLUG_ROOM])
{
    char base[40];
    spaces_slug(name, base);
    snprintf(out, SLUG_ROOM, "%s", base);
    for (int i = 2; i < 100000 && taken(r, out); i++)
        snprintf(out, SLUG_ROOM, "%.*s-%d", SLUG_MAX, base, i);
}

/* ---- making, finding, choosing ---- */

static int check_name(const char *name, struct raum_error *error)
{
    size_t len = strlen(name);
    if (len == 0 || len > NAME_MAX_BYTES || !utf8_valid(name, len) || strspn(name, " \t") == len)
        return err_at(error, "spaces", RAUM_EBAD_CHANGE, "a space's name has 1 to %d characters",
                      NAME_MAX_BYTES);
    for (const char *c = name; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return err_at(error, "spaces", RAUM_EBAD_CHANGE,
                          "a space's name has no control characters");
    return 0;
}

int spaces_create(struct raum *r, const char *name, int type, const struct space **out,
                  struct raum_error *error)
{
    char id[ID_TEXT + 16] = SCHEMA_OFFLINE, slug[SLUG_ROOM];
    if (type < 0 || type >= SPACE_TYPES)
        return err_at(error, "spaces", RAUM_ESPACE_METADATA_INVALID,
                      "a space needs a type: brand, club, family, team or practice");
    if (type == SPACE_PERSONAL)
        return err_at(error, "spaces", RAUM_ENOT_ALLOWED,
                      "everybody has one personal space already");
    int result = check_name(name, error);
    if (result == 0)
        result = replica_begin(r, error);
    if (result < 0)
        return result;
    id_new(&r->ids, r->env, id + strlen(SCHEMA_OFFLINE));
    free_slug(r, name, slug);
    struct space space = {.type = type,
                          .role = ROLE_OWNER,
                          .offline = true,
                          .id = id,
                          .slug = slug,
                          .name = (char *)(uintptr_t)name};
    result = intern_space_add(r, &space, error);
    result = replica_end(r, result, error);
    if (result == 0)
        *out = intern_space(r, space.ref);
    return result;
}

int spaces_find(struct raum *r, const char *slug_or_id, const struct space **out,
                struct raum_error *error)
{
    int result = replica_look(r, error);
    if (result < 0)
        return result;
    /* Whatever the server calls it, and whatever others call theirs. */
    const struct space *s =
        strcmp(slug_or_id, "personal") == 0 ? intern_personal(r) : intern_space_slug(r, slug_or_id);
    if (!s)
        s = intern_space_find(r, slug_or_id);
    if (!s || s->type < 0 || s->role == ROLE_NONE) {
        err_at(error, "spaces", RAUM_ENOT_FOUND, "no such space: %s", slug_or_id);
        return RAUM_ENOT_FOUND;
    }
    *out = s;
    return 0;
}

int spaces_rename(struct raum *r, const char *slug_or_id, const char *name,
                  struct raum_error *error)
{
    const struct space *s = NULL;
    int result = check_name(name, error);
    if (result == 0)
        result = replica_begin(r, error);
    if (result < 0)
        return result;
    result = spaces_find(r, slug_or_id, &s, error);
    if (result == 0 && s->role < ROLE_OWNER)
        result = err_at(error, "spaces", RAUM_ENOT_ALLOWED, "only an owner renames a space");
    if (result == 0) {
        struct space changed = *s;
        changed.name = (char *)(uintptr_t)name;
        result = intern_space_put(r, &changed, error);
    }
    return replica_end(r, result, error);
}

const struct space *spaces_active(struct raum *r)
{
    struct arena a;
    char *id = NULL;
    arena_init(&a, 65536);
    int result = replica_meta_get(r, "active-space", &a, &id, NULL);
    /* Remembered by number: an id that became another is still the same space. */
    const struct space *s =
        result == 0 && id ? intern_space(r, (uint32_t)strtoul(id, NULL, 10)) : NULL;
    arena_release(&a);
    return s && s->type >= 0 && s->role > ROLE_NONE ? s : intern_personal(r);
}

int spaces_use(struct raum *r, const char *slug_or_id, const struct space **out,
               struct raum_error *error)
{
    char ref[16];
    int result = replica_begin(r, error);
    if (result < 0)
        return result;
    result = spaces_find(r, slug_or_id, out, error);
    if (result == 0) {
        snprintf(ref, sizeof ref, "%u", (*out)->ref);
        result = replica_meta_set(r, "active-space", ref, error);
    }
    return replica_end(r, result, error);
}

/* ---- leaving nothing behind ---- */

static int erase_row(void *arg, struct row *row, struct raum_error *error)
{
    struct raum *r = arg;
    struct change change = {.table = row->table ? row->table->number : 63,
                            .op = OP_DELETE,
                            .origin = ORIGIN_SYSTEM,
                            .space = row->space,
                            .actor = r->self_actor,
                            .n = row->n};
    replica_changed(r, &change);
    return row_erase(r, row, error);
}

int spaces_forget(struct raum *r, uint32_t ref, struct raum_error *error)
{
    int result = row_walk(r, ref, erase_row, r, error);
    if (result == 0)
        result = db_execf(r->db, error,
                          "DELETE FROM media WHERE space = %u; DELETE FROM keys WHERE space = %u;"
                          "DELETE FROM coming WHERE space = %u;"
                          "DELETE FROM media_work WHERE space = %u;"
                          "DELETE FROM spaces WHERE ref = %u",
                          ref, ref, ref, ref, ref);
    r->names_changed = true;
    return result < 0 ? result : intern_load(r, error);
}

/* Erased pages are overwritten; the log must go as well. Who still reads what was before keeps it:
 * said, not hidden. */
int spaces_empty_log(struct raum *r, struct raum_error *error)
{
    int result = db_empty_log(r->db, error);
    if (result == RAUM_EBUSY)
        result = err_at(error, "spaces", RAUM_EBUSY,
                        "the space is gone, but another process still reads: close it, so that its "
                        "traces go too");
    return result;
}

int spaces_delete(struct raum *r, const char *slug_or_id, struct raum_error *error)
{
    const struct space *s = NULL;
    if (r->depth > 0) /* the log is emptied behind it */
        return err_at(error, "spaces", RAUM_EUSAGE,
                      "a space is deleted in a transaction of its own");
    int result = replica_begin(r, error);
    if (result < 0)
        return result;
    result = spaces_find(r, slug_or_id, &s, error);
    if (result == 0 && s->type == SPACE_PERSONAL)
        result = err_at(error, "spaces", RAUM_ESPACE_PERSONAL_UNDELETABLE, NULL);
    if (result == 0 && s->role < ROLE_OWNER)
        result = err_at(error, "spaces", RAUM_ENOT_ALLOWED, "only an owner deletes a space");
    if (result == 0 && !s->offline)
        result = err_at(error, "spaces", RAUM_ENOT_CONFIGURED,
                        "this space is the server's: delete it while connected");
    if (result == 0)
        result = spaces_forget(r, s->ref, error);
    result = replica_end(r, result, error);
    return result ? result : spaces_empty_log(r, error);
}

/* ---- ids that become real ---- */

struct move {
    struct raum *r;
    uint32_t to;
};

/* A row of the one partition becomes a row of the other: opened with the old key, merged, sealed
 * with the new (K1). */
static int move_row(void *arg, struct row *row, struct raum_error *error)
{
    struct move *m = arg;
    struct arena a;
    int changed;
    struct row copy = *row;
    if (PLANT(BECOME) && row->values[ROW_DELETED_AT].kind != VALUE_NULL)
        return 0;
    arena_init(&a, 32u << 20);
    int result = 0;
    for (int i = 0; i < row_count(row->table) && result == 0; i++)
        result = value_open(m->r, row, row_field(row->table, i), &row->values[i], &a,
                            &copy.values[i], error);
    if (result == 0)
        result = value_open(m->r, row, NULL, &row->extra, &a, &copy.extra, error);
    copy.space = m->to;
    copy.n = 0;
    if (result == 0)
        result = store_merge(m->r, &copy, true, &a, &changed, error);
    if (result == 0)
        result = row_erase(m->r, row, error);
    arena_release(&a);
    return result;
}

static int join_spaces(struct raum *r, uint32_t from, uint32_t to, struct raum_error *error)
{
    struct move move = {r, to};
    int result = row_walk(r, from, move_row, &move, error);
    if (result == 0)
        result = db_execf(
            r->db, error,
            "UPDATE keys SET space = %u WHERE space = %u;"
            "INSERT OR IGNORE INTO media SELECT %u, id, hash, type, bytes, width, height, purpose,"
            " created, deleted, sent FROM media WHERE space = %u;"
            "DELETE FROM media WHERE space = %u;"
            "UPDATE OR IGNORE media_work SET space = %u WHERE space = %u;"
            "DELETE FROM media_work WHERE space = %u;"
            "UPDATE meta SET value = '%u' WHERE key = 'active-space' AND value = '%u';"
            "DELETE FROM spaces WHERE ref = %u",
            to, from, to, from, from, to, from, from, to, from, from);
    r->names_changed = true;
    if (result == 0)
        result = intern_load(r, error);
    if (result == 0)
        scope_moved(r, from, to);
    return result;
}

/* The id behind the prefix of a sentinel; NULL if it is none. */
static const char *sentinel_of(const char *id)
{
    size_t len = strlen(SCHEMA_PERSONAL);
    return strncmp(id, SCHEMA_PERSONAL, len) == 0 ? id + len : NULL;
}

/* Only a stand-in becomes real, and what is personal stays so: else sealed rows would come to lie
 * open (K1). */
static int check_become(const struct raum *r, const struct space *from, const struct space *to,
                        const char *to_id, struct raum_error *error)
{
    const char *account = sentinel_of(to_id), *id = account ? account : to_id;
    const char *own = intern_account(r, r->account_ref);
    bool personal = from->type == SPACE_PERSONAL;
    if (from->type < 0 || (to && to->type < 0) || !id_valid(id, strlen(id)))
        return err_at(error, "spaces", RAUM_EUSAGE, "%s cannot become %s", from->id, to_id);
    if (!from->offline)
        return err_at(error, "spaces", RAUM_ENOT_ALLOWED, "%s is a real space already", from->id);
    if (to && (to->type == SPACE_PERSONAL) != personal)
        return err_at(error, "spaces", RAUM_ENOT_ALLOWED, "a personal space stays one");
    if (personal && to && to->role != ROLE_OWNER)
        return err_at(error, "spaces", RAUM_ENOT_ALLOWED, "%s is not this account's", to_id);
    if (account && (!personal || !own || strcmp(account, own) != 0)) /* G-U4 */
        return err_at(error, "spaces", RAUM_ENOT_ALLOWED, "%s is not this account's", to_id);
    return 0;
}

int spaces_become(struct raum *r, const char *from_id, const char *to_id, struct raum_error *error)
{
    int result = replica_begin(r, error);
    if (result < 0)
        return result;
    const struct space *from = intern_space_find(r, from_id);
    const struct space *to = intern_space_find(r, to_id);
    if (!from && !to)
        result = err_at(error, "spaces", RAUM_ENOT_FOUND, "no such space: %s", from_id);
    else if (from && from != to)
        result = check_become(r, from, to, to_id, error);
    if (result == 0 && from && to && from != to)
        result = join_spaces(r, from->ref, to->ref, error);
    else if (result == 0 && from && !to) {
        struct space real = *from;
        real.id = (char *)(uintptr_t)to_id;
        real.offline = sentinel_of(to_id) != NULL;
        result = intern_space_put(r, &real, error);
        r->dirty_tables = ~UINT64_C(0); /* spaceId shows in every table */
    }
    return replica_end(r, result, error);
}
