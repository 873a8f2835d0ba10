/* What goes by itself with time: sessions and links that have run out, spaces past their undo, what the
 * relay keeps for a month. */
#include "server/server.h"
#include "server/relay/relay.h"
#include "server/spaces/spaces.h"
#include "server/store/sql.h"

int server_sweep(struct server *s, struct raum_error *error)
{
    int64_t now = s->env->now_ms(s->env->ctx);
    int rc = sql_run(s->sql, error, "DELETE FROM sessions WHERE expires < ?1", "i", now);
    if (rc == 0)
        rc = sql_run(s->sql, error, "DELETE FROM verifications WHERE expires < ?1", "i", now);
    if (rc == 0)
        rc = spaces_sweep(s->sql, now, error);
    return rc ? rc : relay_sweep(s->sql, now, error);
}
