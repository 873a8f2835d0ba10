/* What goes by itself with time: sessions and links that have run out, spaces past their undo, what
 * the relay keeps for a month. */
#include "server/agents/agents.h"
#include "server/epoch.h"
#include "server/generate/generate.h"
#include "server/media/media.h"
#include "server/server.h"
#include "server/relay/relay.h"
#include "server/spaces/spaces.h"
#include "server/store/sql.h"

int server_check_epoch(struct server *s, struct raum_error *error)
{
    bool renewed;
    int rc = epoch_check(s->sql, s->options.data, s->env, &renewed, error);
    if (rc == 0 && renewed)
        NET_LOG(s->options.log, LOG_WARNING, "new-epoch",
                {"text", "the database is an earlier one, or elsewhere; devices start anew", 0});
    return rc;
}

int server_sweep(struct server *s, struct raum_error *error)
{
    int64_t now = s->env->now_ms(s->env->ctx);
    int rc = sql_run(s->sql, error, "DELETE FROM sessions WHERE expires < ?1", "i", now);
    if (rc == 0)
        rc = sql_run(s->sql, error, "DELETE FROM verifications WHERE expires < ?1", "i", now);
    if (rc == 0)
        rc = server_check_epoch(s, error);
    if (rc == 0)
        rc = spaces_sweep(s->sql, now, error);
    if (rc == 0)
        rc = media_sweep(s->media, s->sql, error);
    if (rc == 0)
        rc = generator_sweep(s->generator, s->sql, error);
    if (rc == 0)
        rc = agents_sweep(s->sql, now, error);
    return rc ? rc : relay_sweep(s->sql, now, error);
}
