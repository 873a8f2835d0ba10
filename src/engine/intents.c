#include "engine/intents.h"

#include <string.h>

static bool same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

int intents_get(struct raum *r, const char *key, struct arena *a, char **value,
                enum intent_state *state, struct raum_error *error)
{
    struct db_stmt s;
    *value = NULL;
    *state = INTENT_NONE;
    int rc = db_prepare(r->db, &s, &db_grant_own, "SELECT value, state FROM intents WHERE key = ?1",
                        error);
    if (rc)
        return rc;
    db_bind_str(&s, 1, key);
    rc = db_step(&s, error);
    if (rc == 0) {
        size_t len;
        const char *text = db_text(&s, 0, &len);
        *state = db_int(&s, 1) ? INTENT_DONE : INTENT_WAITING;
        if (text && !(*value = arena_copy(a, text, len)))
            rc = err_set(error, RAUM_ENOMEM, NULL);
    }
    db_finish(&s);
    return rc == RAUM_END ? 0 : rc;
}

static int put(struct raum *r, const char *key, const char *value, int done,
               struct raum_error *error)
{
    struct db_stmt s;
    int rc =
        db_prepare(r->db, &s, &db_grant_own,
                   "INSERT INTO intents (key, value, state) VALUES (?1, ?2, ?3) ON CONFLICT (key) "
                   "DO UPDATE SET value = excluded.value, state = excluded.state",
                   error);
    if (rc)
        return rc;
    db_bind_str(&s, 1, key);
    db_bind_str(&s, 2, value);
    db_bind_int(&s, 3, done);
    rc = db_run(&s, error);
    db_finish(&s);
    return rc;
}

int intents_say(struct raum *r, const char *key, const char *value, bool *news,
                struct raum_error *error)
{
    struct arena a;
    char *before;
    enum intent_state state;
    arena_init(&a, 1 << 20);
    int rc = intents_get(r, key, &a, &before, &state, error);
    bool fresh = rc == 0 && (state == INTENT_NONE || !same(before, value));
    if (fresh)
        rc = put(r, key, value, 0, error);
    if (news)
        *news = fresh && rc == 0;
    arena_release(&a);
    return rc;
}

int intents_done(struct raum *r, const char *key, const char *value, struct raum_error *error)
{
    struct arena a;
    char *waiting;
    enum intent_state state;
    arena_init(&a, 1 << 20);
    int rc = intents_get(r, key, &a, &waiting, &state, error);
    if (rc == 0 && state == INTENT_WAITING && same(waiting, value))
        rc = put(r, key, value, 1, error);
    arena_release(&a);
    return rc;
}
