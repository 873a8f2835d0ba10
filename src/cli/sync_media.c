#include "cli/sync_media.h"

#include "base/err.h"
#include "cli/online.h"
#include "engine/media_files.h"
#include "engine/media_refs.h"
#include <stdlib.h>
#include <string.h>

#define FETCH_MS 60000 /* of one request; parts are small */

static int64_t now_ms(const struct cli *cli)
{
    return cli->raum->env->now_ms(cli->raum->env->ctx);
}

int sync_media_open(struct sync_media *s, struct cli *cli, const struct media_plan *plan)
{
    *s = (struct sync_media){.cli = cli};
    int rc = pool_open(&s->pool, cli);
    if (rc == 0)
        rc = media_sync_new(&s->sync, &s->pool.pictures, plan, &cli->error);
    if (rc == 0 && plan->thumbs)
        rc = media_sync_want_all(s->sync, &cli->error);
    if (rc)
        sync_media_close(s);
    return rc;
}

void sync_media_close(struct sync_media *s)
{
    media_sync_free(s->sync);
    s->sync = NULL;
    pool_close(&s->pool);
}

/* ---- asking ---- */

static const char *header(void *arg, const char *name)
{
    const struct remote_answer *answer = arg;
    return client_header(&answer->raw, name, 0);
}

static int ask(struct sync_media *s, const struct media_step *step)
{
    struct remote_answer answer = {0};
    struct raum_error error = {0};
    struct cli *cli = s->cli;
    (void)!remote_send_with(cli->remote, step->method, step->path, step->headers, step->type,
                            step->body, step->len, &answer, &error);
    const char *retry = answer.status ? client_header(&answer.raw, "retry-after", 0) : NULL;
    const struct media_heard heard = {.status = answer.status,
                                      .retry_ms = retry ? strtoll(retry, NULL, 10) * 1000 : 0,
                                      .body = buf_text(&answer.raw.body),
                                      .len = answer.raw.body.len,
                                      .arg = &answer,
                                      .header = header};
    int rc = media_sync_answer(s->sync, now_ms(cli), &heard, &cli->error);
    remote_answer_release(&answer);
    return rc;
}

int sync_media_turn(struct sync_media *s)
{
    struct media_step step;
    int rc = media_sync_next(s->sync, now_ms(s->cli), &step, &s->cli->error);
    s->idle = true;
    s->waits = step.action == MEDIA_WAIT;
    s->until = step.until;
    if (rc)
        return rc;
    switch (step.action) {
    case MEDIA_ASK:
        s->idle = false;
        return ask(s, &step);
    case MEDIA_WAIT:
    case MEDIA_IDLE:
        break;
    case MEDIA_STOPPED:
        return cli_fail(s->cli, RAUM_ENOT_ALLOWED, "%s",
                        tr("the session is over: raum login again"));
    }
    return 0;
}

static void show(struct sync_media *s, struct out_progress *bar)
{
    const struct media_counts *n = media_sync_counts(s->sync);
    struct media_state left = {0};
    uint32_t done = n->sent + n->thumbs + n->originals;
    if (media_work_state(s->cli->raum, 0, &left, NULL) == 0 && done + left.unsent > 0)
        out_progress(bar, tr("pictures"),
                     (double)done / (double)(done + left.unsent + left.coming));
}

int sync_media_round(struct sync_media *s)
{
    struct out_progress bar;
    int rc = 0;
    out_progress_begin(&bar, &s->cli->out);
    do {
        rc = sync_media_turn(s);
        if (s->cli->out.terminal)
            show(s, &bar);
    } while (rc == 0 && !s->idle && !cli_stop);
    out_progress_end(&bar);
    if (rc == 0 && cli_stop)
        return err_set(&s->cli->error, RAUM_EINTERRUPTED, "%s", tr("interrupted"));
    if (rc == 0 && s->waits)
        return cli_fail(s->cli, RAUM_EUNREACHABLE, tr("pictures wait: %s"),
                        media_sync_trouble(s->sync));
    return rc;
}

int sync_media_plan(struct cli *cli, struct media_plan *out, bool *none)
{
    static const char *const choices[] = {"all", "thumbs", "none", NULL};
    const char *media = cli_value(cli, "--media");
    int rc = cli_choice(cli, "--media", media, choices);
    *none = media && strcmp(media, "none") == 0;
    *out = (struct media_plan){
        .send = true, .thumbs = true, .originals = media && strcmp(media, "all") == 0};
    return rc;
}

/* ---- originals that somebody wants now ---- */

static int fetch(struct cli *cli, const struct media_plan *plan)
{
    struct sync_media s;
    if (!online_has(cli))
        return 0;
    int rc = sync_media_open(&s, cli, plan);
    if (rc)
        return rc;
    int before = cli->remote->timeout_ms;
    cli->remote->timeout_ms = FETCH_MS;
    rc = sync_media_round(&s);
    cli->remote->timeout_ms = before;
    sync_media_close(&s);
    return rc;
}

int sync_media_fetch(struct cli *cli, uint32_t space, const char *media)
{
    const struct media_plan plan = {.part = {space, media}};
    if (!online_has(cli))
        return 0;
    int rc = replica_begin(cli->raum, &cli->error);
    if (rc == 0)
        rc = replica_end(cli->raum,
                         media_work_add(cli->raum, space, media, MEDIA_DO_WHOLE, &cli->error),
                         &cli->error);
    return rc ? rc : fetch(cli, &plan);
}

int sync_media_fetch_all(struct cli *cli, uint32_t space)
{
    const struct media_plan plan = {.thumbs = true, .originals = true, .part = {space, NULL}};
    int rc = fetch(cli, &plan);
    if (rc != RAUM_EUNREACHABLE && rc != RAUM_ENOT_ALLOWED)
        return rc;
    cli_note(cli, "%s", cli->error.text); /* what is missing then is counted */
    err_clear(&cli->error);
    return 0;
}

const char *sync_media_here(struct cli *cli, uint32_t space, const char *media)
{
    struct media_ref ref;
    if (!media || media_refs_find(cli->raum, space, media, false, &ref, NULL) != 0)
        return NULL;
    bool whole = false, thumb = false;
    if (media_files_here(cli->raum, ref.hash, &whole, &thumb, NULL) != 0)
        return NULL;
    return whole ? "original" : thumb ? "thumb" : NULL;
}
