#include "modules/pictures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SWEEP_KEY "pictures.swept"
#define SWEEP_EVERY_MS ((int64_t)24 * 3600 * 1000)

int pictures_open(struct pictures *p, struct raum *r, const struct media_resizer *resizer,
                  struct raum_error *error)
{
    memset(p, 0, sizeof *p);
    p->raum = r;
    p->resizer = resizer;
    return media_store_new(&p->store, r->env, r->folder, error);
}

void pictures_close(struct pictures *p)
{
    media_store_free(p->store);
    p->store = NULL;
}

int pictures_prepare(struct pictures *p, const void *data, size_t len, struct media_item *item,
                     struct raum_error *error)
{
    return media_store_put(p->store, p->resizer, data, len, item, error);
}

static int new_reference(struct pictures *p, uint32_t space, struct media_ref *ref,
                         char id[RAUM_ID_MAX], struct raum_error *error)
{
    struct raum *r = p->raum;
    if (!id[0])
        id_new(&r->ids, r->env, id);
    memcpy(ref->id, id, RAUM_ID_MAX);
    ref->deleted = false;
    return media_refs_add(r, space, ref, error);
}

static int refer(struct pictures *p, uint32_t space, const char *purpose,
                 const struct media_item *item, char id[RAUM_ID_MAX], struct raum_error *error)
{
    struct media_ref ref;
    memset(&ref, 0, sizeof ref);
    memcpy(ref.hash, item->hash, sizeof ref.hash);
    snprintf(ref.type, sizeof ref.type, "%s", media_extension(item->facts.type));
    snprintf(ref.purpose, sizeof ref.purpose, "%s", purpose);
    ref.bytes = (int64_t)item->bytes;
    ref.width = item->facts.width;
    ref.height = item->facts.height;
    return new_reference(p, space, &ref, id, error);
}

int pictures_add(struct pictures *p, uint32_t space, const char *purpose, const void *data,
                 size_t len, char id[RAUM_ID_MAX], struct media_item *item,
                 struct raum_error *error)
{
    /* Prepared before, so this is quick, unless somebody erased the same picture meanwhile. */
    int rc = media_store_put(p->store, p->resizer, data, len, item, error);
    return rc ? rc : refer(p, space, purpose, item, id, error);
}

int pictures_refer(struct pictures *p, uint32_t space, const char *purpose,
                   const struct media_item *item, char id[RAUM_ID_MAX], struct raum_error *error)
{
    char path[MEDIA_PATH_MAX];
    int rc = media_store_path(p->store, item->hash, MEDIA_ORIGINAL, path, NULL);
    if (rc == RAUM_ENOT_FOUND)
        return err_at(error, "pictures", RAUM_EBUSY,
                      "somebody else deleted the same picture just now; try again");
    return rc ? err_set(error, rc, NULL) : refer(p, space, purpose, item, id, error);
}

int pictures_share(struct pictures *p, const struct media_ref *ref, uint32_t space,
                   char id[RAUM_ID_MAX], struct raum_error *error)
{
    struct media_ref copy = *ref;
    char path[MEDIA_PATH_MAX];
    int rc = media_store_path(p->store, ref->hash, MEDIA_ORIGINAL, path, NULL);
    if (rc) /* the server takes the copy from here */
        return err_at(error, "pictures", RAUM_ENOT_FOUND,
                      "the bytes of this picture are not on this device");
    copy.sent = 0; /* a new one, which no server has */
    id[0] = '\0';
    return new_reference(p, space, &copy, id, error);
}

static int settle(struct pictures *p, const char *hash, const struct media_use *use,
                  struct raum_error *error)
{
    int rc;
    if (use->live > 0)
        rc = media_store_restore(p->store, hash, error);
    else if (use->trashed > 0)
        rc = media_store_trash(p->store, hash, error);
    else
        rc = media_store_erase(p->store, hash, error);
    /* Bytes that never came to this device, or are gone already, are nothing to settle. */
    return rc == RAUM_ENOT_FOUND ? 0 : rc;
}

int pictures_settle(struct pictures *p, const char *hash, struct raum_error *error)
{
    struct media_use use;
    int rc = replica_begin(p->raum, error);
    if (rc)
        return rc;
    rc = media_refs_use(p->raum, hash, &use, error);
    if (rc == 0)
        rc = settle(p, hash, &use, error);
    return replica_end(p->raum, rc, error);
}

/* ---- sweeping ---- */

struct sweep {
    struct pictures *p;
    struct raum_error *error;
    struct pictures_state *state;
    bool repair, deep;
};

static bool is_live(struct pictures *p, const char *hash)
{
    char path[MEDIA_PATH_MAX];
    return media_store_path(p->store, hash, MEDIA_ORIGINAL, path, NULL) == 0;
}

/* The same bytes may lie in the trash and have come in anew: then age alone takes the old ones
 * away. */
static bool as_it_should(struct pictures *p, const struct media_entry *entry,
                         const struct media_use *use)
{
    if (entry->trashed_ms == 0)
        return use->live > 0;
    return use->live > 0 ? is_live(p, entry->hash) : use->trashed > 0;
}

static int sweep_file(void *arg, const struct media_entry *entry)
{
    struct sweep *s = arg;
    struct media_use use = {0};
    char hash[MEDIA_HASH_TEXT];
    int rc = media_refs_use(s->p->raum, entry->hash, &use, s->error);
    if (rc)
        return rc;
    s->state->files++;
    if (s->deep && entry->trashed_ms == 0 && entry->whole &&
        media_store_verify(s->p->store, entry->hash, NULL) != 0)
        s->state->damaged++;
    if (as_it_should(s->p, entry, &use))
        return 0;
    s->state->odd++;
    if (!s->repair)
        return 0;
    snprintf(hash, sizeof hash, "%s", entry->hash);
    return settle(s->p, hash, &use, s->error);
}

static int sweep_reference(void *arg, const char *hash, const struct media_use *use,
                           struct raum_error *error)
{
    struct sweep *s = arg;
    (void)error;
    if (use->unsent > 0 && !is_live(s->p, hash)) /* others are the server's to give */
        s->state->missing++;
    return 0;
}

int pictures_check(struct pictures *p, bool deep, struct pictures_state *state,
                   struct raum_error *error)
{
    struct sweep s = {.p = p, .error = error, .state = state, .deep = deep};
    memset(state, 0, sizeof *state);
    int rc = media_store_each(p->store, sweep_file, &s, error);
    return rc ? rc : media_refs_each(p->raum, sweep_reference, &s, error);
}

int pictures_sweep(struct pictures *p, struct raum_error *error)
{
    struct pictures_state state = {0};
    struct sweep s = {.p = p, .error = error, .state = &state, .repair = true};
    int rc = replica_begin(p->raum, error);
    if (rc)
        return rc;
    rc = media_refs_purge(p->raum, MEDIA_TRASH_MS, NULL, error);
    if (rc == 0)
        rc = media_store_each(p->store, sweep_file, &s, error);
    if (rc == 0)
        rc = media_store_purge(p->store, MEDIA_TRASH_MS, NULL, error);
    return replica_end(p->raum, rc, error);
}

int pictures_tidy(struct pictures *p, struct raum_error *error)
{
    struct raum *r = p->raum;
    struct arena a;
    char *last, now[CLOCK_TEXT];
    uint64_t at = 0;
    int64_t ms = r->env->now_ms(r->env->ctx);
    arena_init(&a, 1 << 16);
    int rc = replica_meta_get(r, SWEEP_KEY, &a, &last, error);
    bool due = rc == 0 && (!last || clock_parse(last, strlen(last), &at) != 0 ||
                           ms - clock_ms(at) >= SWEEP_EVERY_MS || clock_ms(at) > ms);
    arena_release(&a);
    if (!due)
        return rc;
    clock_format_ms(ms, now);
    rc = replica_begin(r, error);
    if (rc)
        return rc;
    rc = pictures_sweep(p, error);
    if (rc == 0)
        rc = replica_meta_set(r, SWEEP_KEY, now, error);
    return replica_end(r, rc, error);
}

/* ---- reading ---- */

int pictures_path(struct pictures *p, uint32_t space, const char *id, enum media_variant variant,
                  char path[MEDIA_PATH_MAX], struct raum_error *error)
{
    struct media_ref ref;
    int rc = media_refs_find(p->raum, space, id, false, &ref, error);
    return rc ? rc : media_store_path(p->store, ref.hash, variant, path, error);
}

int pictures_read(struct pictures *p, uint32_t space, const char *id, enum media_variant variant,
                  void **data, size_t *len, enum media_type *type, struct raum_error *error)
{
    struct media_ref ref;
    int rc = media_refs_find(p->raum, space, id, false, &ref, error);
    return rc ? rc : media_store_read(p->store, ref.hash, variant, data, len, type, error);
}
