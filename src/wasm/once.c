#include "base/err.h"
#include "wasm/app.h"
#include <stdio.h>
#include <string.h>

#define KEPT_MS ((int64_t)10 * 60 * 1000)
#define TIDY_EVERY 512
#define NOTE "request." /* meta key; value: ms it was run, 13 digits, and the answer */
#define MS_DIGITS 13

static int64_t now_ms(const struct raum *r)
{
    return r->env->now_ms(r->env->ctx);
}

void once_tidy(struct raum *r)
{
    struct db_stmt s;
    if (replica_begin(r, NULL) != 0)
        return;
    int rc = db_prepare(r->db, &s, &db_grant_own,
                        "DELETE FROM meta WHERE key >= 'request.' AND key < 'request/' AND "
                        "CAST(substr(value, 1, 13) AS INTEGER) < ?1",
                        NULL);
    if (rc == 0) {
        db_bind_int(&s, 1, now_ms(r) - KEPT_MS);
        rc = db_run(&s, NULL);
    }
    db_finish(&s);
    (void)!replica_end(r, rc, NULL); /* what stays is taken away the next time */
}

static int note(struct call *c, const char *key)
{
    struct raum *r = c->app->raum;
    const struct buf *answer = c->out->out;
    char *value = arena_printf(c->arena, "%0*lld%s", MS_DIGITS, (long long)now_ms(r),
                               answer->len ? buf_text(answer) : "null");
    return value ? replica_meta_set(r, key, value, c->error)
                 : err_set(c->error, RAUM_ENOMEM, NULL);
}

int once_run(struct call *c, call_fn *run)
{
    static unsigned count;
    struct raum *r = c->app->raum;
    const char *id = call_maybe(c, "request");
    char *key = id ? arena_printf(c->arena, NOTE "%s", id) : NULL, *before = NULL;
    if (!key)
        return run(c);
    if (++count % TIDY_EVERY == 0)
        once_tidy(r);
    int rc = replica_begin(r, c->error);
    if (rc)
        return rc;
    rc = replica_meta_get(r, key, c->arena, &before, c->error);
    if (rc == 0 && before && strlen(before) > MS_DIGITS) {
        json_put_raw(c->out, before + MS_DIGITS, strlen(before) - MS_DIGITS);
        return replica_end(r, 0, c->error);
    }
    if (rc == 0)
        rc = run(c);
    if (rc == 0)
        rc = note(c, key);
    return replica_end(r, rc, c->error);
}
