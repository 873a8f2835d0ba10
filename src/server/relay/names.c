/* Names by number and back, cached for as long as the worker lives: field names, tables, devices,
 * accounts come again and again. */
#include "server/relay/inside.h"

#include "base/id.h"
#include <stdlib.h>
#include <string.h>

#define CAP_FIRST 1024
#define SCRATCH_MAX ((size_t)160 << 20) /* BATCH_MAX records of the largest, and their merging */
#define COUNT_MAX 200000 /* names in memory; then the cache starts anew */

static uint32_t hash_text(const char *text)
{
    uint32_t h = 2166136261u;
    while (*text)
        h = (h ^ (unsigned char)*text++) * 16777619u;
    return h;
}

static uint32_t hash_ref(int64_t ref)
{
    return (uint32_t)((uint64_t)ref * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

static struct relay_name *place_text(const struct relay *r, const char *text)
{
    uint32_t at = hash_text(text) & (r->cap - 1);
    while (r->by_text[at].text && strcmp(r->by_text[at].text, text) != 0)
        at = (at + 1) & (r->cap - 1);
    return &r->by_text[at];
}

static struct relay_name *place_ref(const struct relay *r, int64_t ref)
{
    uint32_t at = hash_ref(ref) & (r->cap - 1);
    while (r->by_ref[at].text && r->by_ref[at].ref != ref)
        at = (at + 1) & (r->cap - 1);
    return &r->by_ref[at];
}

static void empty(struct relay *r)
{
    for (uint32_t i = 0; i < r->cap; i++)
        free(r->by_text[i].text);
    free(r->by_text);
    free(r->by_ref);
    r->by_text = r->by_ref = NULL;
    r->cap = r->count = 0;
}

static int grow(struct relay *r)
{
    uint32_t cap = r->cap ? r->cap * 2 : CAP_FIRST;
    struct relay old = *r;
    struct relay_name *texts = calloc(cap, sizeof *texts), *refs = calloc(cap, sizeof *refs);
    if (!texts || !refs) {
        free(texts);
        free(refs);
        return RAUM_ENOMEM;
    }
    r->by_text = texts;
    r->by_ref = refs;
    r->cap = cap;
    for (uint32_t i = 0; i < old.cap; i++)
        if (old.by_text[i].text) {
            *place_text(r, old.by_text[i].text) = old.by_text[i];
            *place_ref(r, old.by_text[i].ref) = old.by_text[i];
        }
    free(old.by_text);
    free(old.by_ref);
    return 0;
}

/* Remembers a pair; the text is copied. */
static const char *learn(struct relay *r, const char *text, int64_t ref)
{
    if ((r->count + 1) * 2 > r->cap && grow(r) != 0)
        return NULL;
    struct relay_name name = {strdup(text), ref};
    if (!name.text)
        return NULL;
    *place_text(r, text) = name;
    *place_ref(r, ref) = name;
    r->count++;
    return name.text;
}

int relay_new(struct relay **out, struct sql *c, const struct raum_env *env,
              struct raum_error *error)
{
    struct relay *r = calloc(1, sizeof *r);
    *out = NULL;
    if (!r || grow(r) != 0) {
        free(r);
        return err_set(error, RAUM_ENOMEM, NULL);
    }
    r->sql = c;
    r->env = env;
    arena_init(&r->scratch, SCRATCH_MAX);
    arena_keep(&r->scratch, 1u << 20);
    buf_init(&r->body, RELAY_RECORD_MAX * 2);
    json_init(&r->doc);
    *out = r;
    return 0;
}

static void release(void *thing)
{
    relay_free(thing);
}

int relay_of(struct relay **out, struct sql *c, const struct raum_env *env,
             struct raum_error *error)
{
    void **slot = sql_slot(c, release);
    int result = *slot ? 0 : relay_new(out, c, env, error);
    if (result < 0)
        return result;
    if (!*slot)
        *slot = *out;
    *out = *slot;
    return 0;
}

void relay_free(struct relay *r)
{
    if (!r)
        return;
    empty(r);
    arena_release(&r->scratch);
    buf_release(&r->body);
    json_release(&r->doc);
    free(r);
}

void relay_forget(struct relay *r)
{
    for (uint32_t i = 0; i < r->cap; i++)
        free(r->by_text[i].text);
    memset(r->by_text, 0, r->cap * sizeof *r->by_text);
    memset(r->by_ref, 0, r->cap * sizeof *r->by_ref);
    r->count = 0;
}

void relay_trim(struct relay *r)
{
    if (r->count >= COUNT_MAX)
        relay_forget(r);
}

static int ask(struct relay *r, const char *name, int64_t *ref, struct raum_error *error)
{
    struct sql_rows *rows;
    int result = sql_one(r->sql, &rows, error, "SELECT ref FROM names WHERE name = ?1", "s", name);
    if (result == 0)
        *ref = sql_int(rows, "ref");
    sql_rows_free(rows);
    return result;
}

int relay_ref_find(struct relay *r, const char *name, int64_t *ref, struct raum_error *error)
{
    *ref = 0;
    if (!name)
        return 0;
    const struct relay_name *known = r->cap ? place_text(r, name) : NULL;
    if (known && known->text) {
        *ref = known->ref;
        return 0;
    }
    int result = ask(r, name, ref, error);
    if (result == 0 && !learn(r, name, *ref))
        return err_set(error, RAUM_ENOMEM, NULL);
    return result == RAUM_END ? 0 : result;
}

int relay_ref(struct relay *r, const char *name, int64_t *ref, struct raum_error *error)
{
    int result = relay_ref_find(r, name, ref, error);
    if (result < 0 || *ref || !name)
        return result;
    result = sql_lock(r->sql, "names", error);
    if (result == 0)
        result = sql_run(r->sql, error,
                         "INSERT INTO names (ref, name) SELECT coalesce(max(ref), 0) + 1, ?1 "
                         "FROM names WHERE NOT EXISTS (SELECT 1 FROM names WHERE name = ?1)"
                         " HAVING count(*) >= 0 ON CONFLICT (name) DO NOTHING",
                         "s", name);
    if (result == 0)
        result = ask(r, name, ref, error);
    if (result == RAUM_END)
        result = err_at(error, "relay", RAUM_EINTERNAL, "a name could not be kept");
    if (result == 0 && !learn(r, name, *ref))
        result = err_set(error, RAUM_ENOMEM, NULL);
    return result;
}

int relay_name(struct relay *r, int64_t ref, const char **name, struct raum_error *error)
{
    struct sql_rows *rows;
    *name = NULL;
    if (ref == 0)
        return 0;
    const struct relay_name *known = r->cap ? place_ref(r, ref) : NULL;
    if (known && known->text) {
        *name = known->text;
        return 0;
    }
    int result = sql_one(r->sql, &rows, error, "SELECT name FROM names WHERE ref = ?1", "i", ref);
    if (result == 0) {
        *name = learn(r, sql_text(rows, "name"), ref);
        if (!*name)
            result = err_set(error, RAUM_ENOMEM, NULL);
    }
    sql_rows_free(rows);
    if (result == RAUM_END)
        result = err_at(error, "relay", RAUM_ECORRUPT, "a record names what is not there");
    return result;
}
