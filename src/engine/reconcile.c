#include "engine/reconcile.h"

#include "base/plant.h"
#include "engine/intern.h"
#include "engine/leave.h"
#include "engine/spaces.h"
#include "schema/rights.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct note { /* told after the commit */
    enum reconcile_event event;
    uint32_t ref;
    char before[64];
};
struct reconcile {
    struct raum *r;
    struct note *notes;
    unsigned count, room;
    bool restored; /* the server came back from a backup */
};

static void note(struct reconcile *c, enum reconcile_event event, uint32_t ref, const char *before)
{
    if (!c->notes || c->count == c->room)
        return;
    struct note *n = &c->notes[c->count++];
    n->event = event;
    n->ref = ref;
    snprintf(n->before, sizeof n->before, "%s", before ? before : "");
}

static char *lend(const char *text)
{
    return (char *)(uintptr_t)text;
}

/* Offline it had a slug of this device; the server may have had to choose another. */
static int made_real(struct reconcile *c, const struct reconcile_made *m, struct raum_error *error)
{
    const struct space *s = intern_space_find(c->r, m->local);
    char before[64];
    if (!s) /* another process was quicker */
        return 0;
    snprintf(before, sizeof before, "%s", s->slug);
    int result = spaces_become(c->r, m->local, m->id, error);
    s = result == 0 ? intern_space_find(c->r, m->id) : NULL;
    if (!s)
        return result;
    if (strcmp(before, m->slug) != 0)
        note(c, RECONCILE_SLUG, s->ref, before);
    struct space real = *s;
    real.slug = lend(m->slug);
    real.offline = false;
    return intern_space_put(c->r, &real, error);
}

static int check(const struct reconcile_space *known, const struct space *s,
                 struct raum_error *error)
{
    if (known->type < 0 || known->type >= SPACE_TYPES || known->role <= ROLE_NONE)
        return err_at(error, "spaces", RAUM_EBAD_CHANGE, "the server names an odd space");
    if (s && s->type != known->type)
        return err_at(error, "spaces", RAUM_ECORRUPT,
                      "the server says that the space %s has another type", known->id);
    return 0;
}

/* The sentinel, if it is still that, becomes the real one first. */
static int personal_real(struct reconcile *c, const struct reconcile_space *known,
                         struct raum_error *error)
{
    const struct space *own = intern_personal(c->r);
    if (!own || strcmp(own->id, known->id) == 0)
        return 0;
    if (!own->offline)
        return err_at(error, "spaces", RAUM_ECORRUPT,
                      "the server's personal space of this account is another one");
    return spaces_become(c->r, own->id, known->id, error); /* G-U4 */
}

/* Its history is to come (sync/session.h). If a space was erased since the cursor was new, this may
 * be the one, and the cursor says that its rows are here: then it comes by a cursor of its own. */
static int will_come(struct raum *r, uint32_t ref, struct raum_error *error)
{
    if (PLANT(SYNC_REJOIN))
        return 0;
    return db_execf(r->db, error,
                    "INSERT INTO coming (space, since) SELECT %u, (SELECT '' FROM meta WHERE key = "
                    "'" LEAVE_KEY "') WHERE true ON CONFLICT (space) DO UPDATE SET since = "
                    "excluded.since",
                    ref);
}

static int know(struct reconcile *c, const struct reconcile_space *known, struct raum_error *error)
{
    const struct space *s = intern_space_find(c->r, known->id);
    int result = check(known, s, error);
    if (result == 0 && known->type == SPACE_PERSONAL) {
        result = personal_real(c, known, error);
        s = intern_space_find(c->r, known->id);
    }
    if (result < 0)
        return result;
    struct space fresh = s ? *s : (struct space){.type = known->type};
    fresh.id = lend(known->id);
    fresh.slug = lend(known->slug);
    fresh.name = lend(known->name);
    fresh.role = known->role;
    fresh.sealed = known->type == SPACE_PERSONAL;
    fresh.offline = false;
    if (!s || s->role == ROLE_NONE) {
        result = s ? leave_unmark(c->r, s->ref, error) : 0;
        if (result == 0)
            result =
                s ? intern_space_put(c->r, &fresh, error) : intern_space_add(c->r, &fresh, error);
        note(c, RECONCILE_JOINED, fresh.ref, NULL);
        return result ? result : will_come(c->r, fresh.ref, error);
    }
    bool same = strcmp(s->slug, known->slug) == 0 && strcmp(s->name, known->name) == 0 &&
                s->role == known->role && !s->offline;
    return same ? 0 : intern_space_put(c->r, &fresh, error);
}

static bool is_known(const char *id, const struct reconcile_space *list, unsigned count,
                     const struct reconcile_made *made, unsigned made_count)
{
    for (unsigned i = 0; i < count; i++)
        if (strcmp(list[i].id, id) == 0)
            return true;
    for (unsigned i = 0; i < made_count; i++)
        if (strcmp(made[i].id, id) == 0)
            return true;
    return false;
}

static bool is_stand_in(const struct space *s)
{
    return strncmp(s->id, SCHEMA_OFFLINE, strlen(SCHEMA_OFFLINE)) == 0;
}

/* One that an earlier version only hid is erased, too. */
static int leave(struct reconcile *c, const struct space *s, struct raum_error *error)
{
    bool marked = false;
    int result = s->role == ROLE_NONE ? leave_marked(c->r, s->ref, &marked, error) : 0;
    if (result < 0 || marked || (s->role == ROLE_NONE && c->restored))
        return result;
    if (s->role != ROLE_NONE)
        note(c, c->restored ? RECONCILE_KEPT : RECONCILE_LEFT, s->ref, s->slug);
    return leave_mark(c->r, s->ref, c->restored, error);
}

/* A stand-in makes room for the real space of the same slug. */
static int make_room(struct reconcile *c, uint32_t ref, struct raum_error *error)
{
    const struct space *s = intern_space(c->r, ref);
    char slug[64], before[64];
    for (uint32_t i = 1; i < c->r->space_count; i++) {
        const struct space *other = intern_space(c->r, i);
        if (!other || i == ref || other->type < 0 || other->role == ROLE_NONE ||
            strcmp(other->slug, s->slug) != 0)
            continue;
        snprintf(before, sizeof before, "%s", s->slug);
        for (int k = 2; k < 10000; k++) {
            snprintf(slug, sizeof slug, "%.40s-%d", before, k);
            if (spaces_slug_free(c->r, slug))
                break;
        }
        struct space moved = *s;
        moved.slug = slug;
        note(c, RECONCILE_SLUG, ref, before);
        return intern_space_put(c->r, &moved, error);
    }
    return 0;
}

static int others(struct reconcile *c, const struct reconcile_space *list, unsigned count,
                  const struct reconcile_made *made, unsigned made_count, struct raum_error *error)
{
    int result = 0;
    for (uint32_t i = 1; i < c->r->space_count && result == 0; i++) {
        const struct space *s = intern_space(c->r, i);
        if (!s || s->type < 0 || s->type == SPACE_PERSONAL)
            continue;
        if (is_stand_in(s) && s->role != ROLE_NONE)
            result = make_room(c, i, error);
        else if (!s->offline && !is_stand_in(s) && !is_known(s->id, list, count, made, made_count))
            result = leave(c, s, error);
    }
    return result;
}

static int look_at_epoch(struct raum *r, const char *epoch, bool *restored,
                         struct raum_error *error)
{
    struct arena a;
    char *known = NULL;
    arena_init(&a, 65536);
    int result = epoch ? replica_meta_get(r, RECONCILE_EPOCH, &a, &known, error) : 0;
    bool same = known && epoch && strcmp(known, epoch) == 0;
    *restored = known && !same;
    if (result == 0 && epoch && !same)
        result = replica_meta_set(r, RECONCILE_EPOCH, epoch, error);
    arena_release(&a);
    return result;
}

int reconcile_spaces(struct raum *r, const struct reconcile_space *list, unsigned count,
                     const struct reconcile_made *made, unsigned made_count, const char *epoch,
                     reconcile_tell *tell, void *arg, struct raum_error *error)
{
    struct reconcile c = {.r = r};
    int result = replica_begin(r, error);
    if (result < 0)
        return result;
    result = look_at_epoch(r, epoch, &c.restored, error);
    c.room = r->space_count + count + made_count + 1;
    c.notes = calloc(c.room, sizeof *c.notes);
    if (result == 0 && !c.notes)
        result = err_set(error, RAUM_ENOMEM, NULL);
    for (unsigned i = 0; i < made_count && result == 0; i++)
        result = made_real(&c, &made[i], error);
    for (unsigned i = 0; i < count && result == 0; i++)
        result = know(&c, &list[i], error);
    if (result == 0)
        result = others(&c, list, count, made, made_count, error);
    result = replica_end(r, result, error);
    for (unsigned i = 0; i < c.count && result == 0 && tell; i++)
        if (intern_space(r, c.notes[i].ref))
            tell(arg, c.notes[i].event, intern_space(r, c.notes[i].ref), c.notes[i].before);
    free(c.notes);
    return result;
}
