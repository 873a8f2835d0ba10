/* `raum sync`: one round with the server, or stay, or what is pending. The conversation is
 * sync/session's; here are the clock, the network and the words. */
#include "cli/online.h"
#include "engine/intern.h"
#include "schema/rights.h"
#include "sync/outgoing.h"
#include "sync/session.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WATCH_MS 2000 /* between two looks */
#define UNKNOWN_MAX 3 /* how often the list of spaces is asked anew for rows of unknown ones */

static int64_t now_ms(const struct cli *cli)
{
    return cli->raum->env->now_ms(cli->raum->env->ctx);
}

static void pause_ms(int64_t ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    while (ms > 0 && !cli_stop && nanosleep(&t, &t) != 0)
        ;
}

/* ---- one request ---- */

static int64_t retry_after(const struct remote_answer *answer)
{
    const char *seconds = client_header(&answer->raw, "retry-after", 0);
    return seconds ? strtoll(seconds, NULL, 10) * 1000 : 0;
}

/* What the server says in words is the session's business; only that nothing came is an error. */
static int ask(struct cli *cli, struct session *s, const struct session_step *step)
{
    struct remote_answer answer = {0};
    struct raum_error error = {0};
    int rc = remote_send(cli->remote, "POST", "/api/v1/sync", "application/json", step->body,
                         step->len, &answer, &error);
    int status = answer.status;
    (void)rc;
    rc = session_answer(s, now_ms(cli), status, retry_after(&answer), buf_text(&answer.raw.body),
                        answer.raw.body.len, &cli->error);
    remote_answer_release(&answer);
    return rc;
}

/* Until there is nothing to do; a server that is away is waited for only when staying. */
static int round_trip(struct cli *cli, struct session *s, bool stay)
{
    struct session_step step;
    int unknown = 0;
    session_start(s);
    while (!cli_stop) {
        int rc = session_next(s, now_ms(cli), &step, &cli->error);
        if (rc)
            return rc;
        switch (step.action) {
        case SESSION_IDLE:
            if (session_counts(s)->unknown == 0 || ++unknown > UNKNOWN_MAX)
                return 0;
            rc = online_spaces(cli); /* rows of a space that was joined elsewhere */
            if (rc)
                return rc;
            session_start(s);
            break;
        case SESSION_STOPPED:
            return cli_fail(cli, RAUM_ENOT_ALLOWED, "%s",
                            tr("the session is over: raum login again"));
        case SESSION_WAIT:
            if (!stay)
                return cli_fail(cli, RAUM_EUNREACHABLE, tr("not in step yet: %s"),
                                session_trouble(s));
            pause_ms(step.until - now_ms(cli));
            break;
        case SESSION_SEND:
            rc = ask(cli, s, &step);
            if (rc)
                return rc;
            break;
        }
    }
    return err_set(&cli->error, RAUM_EINTERRUPTED, "%s", tr("interrupted"));
}

/* ---- what came of it ---- */

static void say_counts(struct cli *cli, const struct session_counts *n)
{
    if (cli->json) {
        out_printf(&cli->out,
                   "{\"sent\":%u,\"applied\":%u,\"stale\":%u,\"parked\":%u,\"received\":%u,"
                   "\"merged\":%u,\"withdrawn\":%u}\n",
                   n->sent, n->applied, n->stale, n->parked, n->received, n->merged, n->retracted);
        return;
    }
    if (!cli->quiet)
        out_printf(&cli->out, tr("sent %u, received %u\n"), n->applied + n->stale, n->merged);
    if (n->parked)
        cli_note(cli, tr("%u writes were refused and are parked: raum sync --status"), n->parked);
}

static int watch(struct cli *cli, struct session *s)
{
    struct session_counts before = {0};
    int rc = 0;
    while (rc == 0 && !cli_stop) {
        rc = round_trip(cli, s, true);
        const struct session_counts *n = session_counts(s);
        if (rc == 0 && (n->merged != before.merged || n->applied != before.applied))
            say_counts(cli, n);
        before = *n;
        fflush(cli->out.file);
        if (rc == 0)
            pause_ms(WATCH_MS);
    }
    return rc == RAUM_EINTERRUPTED ? 0 : rc;
}

static const struct out_column columns[] = {
    {"space", "space", OUT_TEXT, OUT_KEEP},
    {"name", "name", OUT_TEXT, OUT_SHRINK},
    {"pending", "to send", OUT_NUMBER, OUT_KEEP},
    {"parked", "refused", OUT_NUMBER, OUT_KEEP},
};

/* Why a row was refused: its code, as the server gave it. */
static int say_parked(void *arg, const char *space, const char *table, const char *id, int code,
                      struct raum_error *error)
{
    struct cli *cli = arg;
    const struct space *s = intern_space_find(cli->raum, space);
    (void)error;
    cli_note(cli, tr("refused in %s: %s %s (%s)"), s && s->slug[0] ? s->slug : "-", table, id,
             raum_code_name(code));
    return 0;
}

static int status(struct cli *cli)
{
    struct out_table t;
    int rc = cli_open(cli);
    if (rc)
        return rc;
    out_table_begin(&t, &cli->out, columns, (int)(sizeof columns / sizeof *columns));
    for (uint32_t ref = 0; ref < cli->raum->space_count && rc == 0; ref++) {
        const struct space *s = intern_space(cli->raum, ref);
        struct outgoing_state state = {0};
        if (!s || !s->id || s->role == ROLE_NONE)
            continue;
        rc = outgoing_state(cli->raum, ref, &state, &cli->error);
        if (s->type < 0 && state.pending == 0 && state.parked == 0)
            continue; /* one's own settings have no name */
        out_cell_str(&t, s->type < 0 ? "-" : s->slug);
        out_cell_str(&t, s->type < 0 ? tr("settings") : s->name);
        out_cell_int(&t, state.pending);
        out_cell_int(&t, state.parked);
    }
    int end = out_table_end(&t, &cli->error);
    if (rc == 0 && end == 0)
        end = outgoing_parked(cli->raum, say_parked, cli, &cli->error);
    return rc ? rc : end;
}

static int run_sync(struct cli *cli)
{
    struct session *s = NULL;
    if (cli_switch(cli, "--status"))
        return status(cli);
    int rc = online_open(cli);
    if (rc == 0 && cli_switch(cli, "--retry"))
        rc = outgoing_retry(cli->raum, 0, &cli->error);
    if (rc == 0)
        rc = session_new(&s, cli->raum, &cli->error);
    if (rc == 0 && cli_switch(cli, "--watch"))
        rc = watch(cli, s);
    else if (rc == 0) {
        rc = round_trip(cli, s, false);
        if (rc == 0)
            say_counts(cli, session_counts(s));
    }
    session_free(s);
    return rc;
}

static const struct cli_option options[] = {
    {"--watch", NULL, "stay, and go on until Ctrl-C"},
    {"--status", NULL, "only show what is to be sent and what was refused"},
    {"--retry", NULL, "offer again what was refused"},
    {0},
};

const struct cli_command cmd_sync[] = {
    {"sync", "", 0, 0, "tell the server what is new here, and take in what is new there", options,
     "raum sync\nraum sync --status", run_sync, false},
    {0},
};
