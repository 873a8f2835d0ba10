/* `raum sync`: one round with the server, or stay (cli/sync_watch.h), or what is pending. */
#include "base/err.h"
#include "cli/sync_watch.h"
#include "engine/conflicts.h"
#include "engine/intern.h"
#include "engine/media_work.h"
#include "engine/quarantine.h"
#include "schema/rights.h"
#include "sync/outgoing.h"

static const struct out_column columns[] = {
    {"space", "space", OUT_TEXT, OUT_KEEP},
    {"name", "name", OUT_TEXT, OUT_SHRINK},
    {"pending", "to send", OUT_NUMBER, OUT_KEEP},
    {"parked", "refused", OUT_NUMBER, OUT_KEEP},
    {"conflicts", "written over", OUT_NUMBER, OUT_KEEP},
    {"coming", "to come", OUT_BOOL, OUT_KEEP},
    {"picturesPending", "pictures to send", OUT_NUMBER, OUT_DROP},
    {"picturesComing", "pictures to come", OUT_NUMBER, OUT_DROP},
    {"picturesRefused", "pictures refused", OUT_NUMBER, OUT_DROP},
    {"quarantined", "set aside", OUT_NUMBER, OUT_KEEP},
    {"left", "left", OUT_TIME, OUT_DROP},
    {"quarantine", NULL, OUT_TEXT, OUT_KEEP},
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

/* What the server said of a picture, or what it is not here for. */
static int say_picture(void *arg, uint32_t space, const char *id, enum media_work work, int code,
                       const char *note, struct raum_error *error)
{
    struct cli *cli = arg;
    const struct space *s = intern_space(cli->raum, space);
    const char *slug = s && s->slug[0] ? s->slug : "-", *why = note ? note : raum_code_text(code);
    (void)error;
    if (work == MEDIA_DO_ERASE)
        cli_note(cli, tr("not deleted at the server in %s: picture %s (%s: %s)"), slug, id,
                 raum_code_name(code), tr(why));
    else if (work == MEDIA_DO_SEND)
        cli_note(cli, tr("not taken by the server in %s: picture %s (%s: %s)"), slug, id,
                 raum_code_name(code), tr(why));
    else
        cli_note(cli, tr("not to be had in %s: picture %s (%s: %s)"), slug, id,
                 raum_code_name(code), tr(why));
    return 0;
}

static int say_conflict(void *arg, const struct conflict *c, struct raum_error *error)
{
    (void)error;
    cli_note(arg, tr("written over: %s %s, %s was %.*s (raum conflict restore %lld)"), c->table,
             c->row, c->field, c->len < 200 ? (int)c->len : 200, c->value, (long long)c->id);
    return 0;
}

static int put_space(struct cli *cli, struct out_table *t, const struct space *s)
{
    struct outgoing_state state = {0};
    struct media_state pictures = {0};
    int64_t conflicts = 0;
    bool coming = false;
    int rc = outgoing_state(cli->raum, s->ref, &state, &cli->error);
    if (rc == 0)
        rc = conflicts_count(cli->raum, s->ref, &conflicts, &cli->error);
    if (rc == 0)
        rc = session_coming(cli->raum, s->ref, &coming, &cli->error);
    if (rc == 0)
        rc = media_work_state(cli->raum, s->ref, &pictures, &cli->error);
    if (rc || (s->type < 0 && state.pending == 0 && state.parked == 0))
        return rc; /* one's own settings have no name */
    out_cell_str(t, s->type < 0 ? "-" : s->slug);
    out_cell_str(t, s->type < 0 ? tr("settings") : s->name);
    out_cell_int(t, state.pending);
    out_cell_int(t, state.parked);
    out_cell_int(t, conflicts);
    out_cell_bool(t, coming);
    out_cell_int(t, pictures.unsent);
    out_cell_int(t, pictures.coming);
    out_cell_int(t, pictures.refused);
    out_cell_int(t, 0);
    out_cell_str(t, NULL);
    out_cell_str(t, NULL);
    return 0;
}

/* A space that was left has a line of its own for what is kept of it. */
static int put_quarantine(void *arg, const struct quarantine *q, struct raum_error *error)
{
    struct out_table *t = arg;
    char at[CLOCK_TEXT];
    (void)error;
    clock_format_ms(q->at_ms, at);
    out_cell_str(t, "-");
    out_cell_str(t, q->locked ? tr("(its key is not here)") : q->name);
    for (int i = 0; i < 3; i++)
        out_cell_int(t, 0);
    out_cell_bool(t, false);
    for (int i = 0; i < 3; i++)
        out_cell_int(t, 0);
    out_cell_int(t, q->rows + q->pictures);
    out_cell_str(t, at);
    out_cell_str(t, q->id);
    return 0;
}

static int status(struct cli *cli)
{
    struct out_table t;
    int rc = cli_open(cli);
    if (rc)
        return rc;
    struct raum *r = cli->raum;
    out_table_begin(&t, &cli->out, columns, (int)(sizeof columns / sizeof *columns));
    for (uint32_t ref = 0; ref < r->space_count && rc == 0; ref++) {
        const struct space *s = intern_space(r, ref);
        if (s && s->id && s->role != ROLE_NONE)
            rc = put_space(cli, &t, s);
    }
    if (rc == 0)
        rc = quarantine_each(r, put_quarantine, &t, &cli->error);
    int end = out_table_end(&t, &cli->error);
    rc = rc ? rc : end;
    if (rc == 0)
        rc = outgoing_parked(r, say_parked, cli, &cli->error);
    if (rc == 0)
        rc = media_work_refused(r, say_picture, cli, &cli->error);
    for (uint32_t ref = 0; ref < r->space_count && rc == 0; ref++) {
        const struct space *s = intern_space(r, ref);
        if (s && s->type >= 0 && s->role != ROLE_NONE)
            rc = conflicts_each(r, ref, say_conflict, cli, &cli->error);
    }
    return rc;
}

/* Rows first: nobody waits for a picture to read what was written. */
static int round_of_both(struct cli *cli, struct session *s, const struct media_plan *plan,
                         bool none)
{
    struct sync_media media = {0};
    int rc = sync_round(cli, s);
    if (rc == 0 && !none) {
        rc = sync_media_open(&media, cli, plan);
        if (rc)
            return rc;
        rc = sync_media_round(&media);
    }
    if (rc == 0 || rc == RAUM_EUNREACHABLE) /* what was done is said */
        sync_say(cli, session_counts(s), media.sync ? media_sync_counts(media.sync) : NULL);
    const struct media_counts *n = media.sync ? media_sync_counts(media.sync) : NULL;
    if (rc == 0 && n && n->absent)
        cli_note(cli, tr("%u pictures are not at the server yet"), n->absent);
    sync_media_close(&media);
    return rc;
}

static int run_sync(struct cli *cli)
{
    struct session *s = NULL;
    struct media_plan plan;
    bool none, retry = cli_switch(cli, "--retry");
    if (cli_switch(cli, "--status"))
        return status(cli);
    int rc = sync_media_plan(cli, &plan, &none);
    if (rc == 0)
        rc = online_open(cli);
    if (rc == 0 && retry)
        rc = outgoing_retry(cli->raum, 0, &cli->error);
    if (rc == 0)
        rc = media_work_retry(cli->raum, retry, &cli->error);
    if (rc == 0)
        rc = session_new(&s, cli->raum, &cli->error);
    if (rc == 0 && cli_switch(cli, "--watch"))
        rc = sync_watch(cli, s, none ? NULL : &plan);
    else if (rc == 0)
        rc = round_of_both(cli, s, &plan, none);
    session_free(s);
    return rc;
}

static const struct cli_option options[] = {
    {"--watch", NULL, "stay, and go on until Ctrl-C"},
    {"--status", NULL,
     "only show what is to be sent, to come, was refused, written over, set aside"},
    {"--media", "all|thumbs|none",
     "which pictures to fetch: originals too, small ones, or none and send none"},
    {"--retry", NULL, "offer again what was refused"},
    {0},
};

const struct cli_command cmd_sync[] = {
    {"sync", "", 0, 0, "tell the server what is new here, and take in what is new there", options,
     "raum sync\nraum sync --media all\nraum sync --status", run_sync, false},
    {0},
};
