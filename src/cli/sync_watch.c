#include "cli/sync_watch.h"

#include "base/err.h"
#include "cli/ahead.h"
#include "sync/outgoing.h"
#include "sync/sse.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define LOOK_MS 40      /* between two looks for what was written here */
#define POLL_MS 2000    /* between two questions, without a stream */
#define SPACES_MS 30000 /* between two questions for the list of spaces, without a stream */
#define STREAM_MS 60000 /* after which a server without a stream is asked for one again */
#define AGAIN_MS 250    /* first wait before the stream is begun anew */
#define AGAIN_MAX 60000
#define UNKNOWN_MAX 3 /* how often the list of spaces is asked anew for rows of unknown ones */

struct watching {
    struct cli *cli;
    struct session *s;
    struct ahead ahead;
    struct client_stream *stream;
    struct sse sse;
    struct buf in;
    struct session_counts before; /* as last said */
    struct media_counts media_before;
    struct sync_media *media; /* NULL: none */
    int64_t media_due;
    bool polling, said_polling;
    bool busy;          /* the session has something to do */
    int64_t not_before; /* … but waits */
    int64_t next_stream, next_poll, next_spaces, wait_ms;
    int64_t seen; /* replica_news */
    int unknown;
};

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
static int ask(struct cli *cli, struct session *s, struct ahead *ahead,
               const struct session_step *step)
{
    struct remote_answer answer = {0};
    struct raum_error error = {0};
    struct buf path;
    buf_init(&path, 4096);
    ahead_path(&path, step);
    int rc = buf_error(&path, &cli->error);
    if (rc == 0) {
        if (!ahead_take(ahead, buf_text(&path), step, &answer))
            (void)!remote_send(cli->remote, "POST", buf_text(&path), "application/json", step->body,
                               step->len, &answer, &error);
        rc = session_answer(s, now_ms(cli), answer.status, retry_after(&answer),
                            buf_text(&answer.raw.body), answer.raw.body.len, &cli->error);
    }
    remote_answer_release(&answer);
    buf_release(&path);
    return rc;
}

static int is_over(struct cli *cli)
{
    return cli_fail(cli, RAUM_ENOT_ALLOWED, "%s", tr("the session is over: raum login again"));
}

static void show(struct out_progress *bar, const struct session_counts *n)
{
    if (n->behind > 0)
        out_progress(bar, tr("fetching"), (double)n->received / (double)(n->received + n->behind));
}

/* ---- one round ---- */

static int round_trip(struct cli *cli, struct session *s, struct ahead *ahead,
                      struct out_progress *bar)
{
    struct session_step step;
    int unknown = 0;
    session_start(s);
    while (!cli_stop) {
        int rc = session_next(s, now_ms(cli), &step, &cli->error);
        if (rc)
            return rc;
        switch (step.action) {
        case SESSION_IDLE: {
            bool ask_spaces = session_ask_spaces(s) || session_counts(s)->unknown > 0;
            if (!ask_spaces || ++unknown > UNKNOWN_MAX)
                return 0;
            rc = online_spaces(cli); /* joined elsewhere, or not in it any more */
            if (rc)
                return rc;
            session_start(s);
            break;
        }
        case SESSION_STOPPED:
            return is_over(cli);
        case SESSION_WAIT:
            return cli_fail(cli, RAUM_EUNREACHABLE, tr("not in step yet: %s"), session_trouble(s));
        case SESSION_SEND:
            rc = ask(cli, s, ahead, &step);
            if (rc)
                return rc;
            show(bar, session_counts(s));
            break;
        }
    }
    return err_set(&cli->error, RAUM_EINTERRUPTED, "%s", tr("interrupted"));
}

int sync_round(struct cli *cli, struct session *s)
{
    struct out_progress bar;
    struct ahead ahead;
    out_progress_begin(&bar, &cli->out);
    ahead_init(&ahead, cli->remote, s);
    int rc = round_trip(cli, s, &ahead, &bar);
    ahead_release(&ahead);
    out_progress_end(&bar);
    return rc;
}

void sync_say(struct cli *cli, const struct session_counts *n, const struct media_counts *pictures)
{
    static const struct media_counts none;
    const struct media_counts *p = pictures ? pictures : &none;
    if (cli->json) {
        out_printf(&cli->out,
                   "{\"sent\":%u,\"applied\":%u,\"stale\":%u,\"parked\":%u,\"received\":%u,"
                   "\"merged\":%u,\"withdrawn\":%u,\"picturesSent\":%u,\"thumbs\":%u,"
                   "\"originals\":%u,\"picturesErased\":%u,\"picturesRefused\":%u}\n",
                   n->sent, n->applied, n->stale, n->parked, n->received, n->merged, n->retracted,
                   p->sent, p->thumbs, p->originals, p->erased, p->refused);
        return;
    }
    if (!cli->quiet)
        out_printf(&cli->out, tr("sent %u, received %u\n"), n->applied + n->stale, n->merged);
    if (!cli->quiet && p->sent + p->thumbs + p->originals > 0)
        out_printf(&cli->out, tr("pictures: sent %u, received %u\n"), p->sent,
                   p->thumbs + p->originals);
    if (n->parked)
        cli_note(cli, tr("%u writes were refused and are parked: raum sync --status"), n->parked);
    if (p->refused)
        cli_note(cli, tr("%u pictures were refused: raum sync --status"), p->refused);
}

/* ---- staying: the session ---- */

static void say_news(struct watching *w)
{
    const struct session_counts *n = session_counts(w->s);
    const struct media_counts *p = w->media ? media_sync_counts(w->media->sync) : NULL;
    bool rows = n->merged != w->before.merged || n->applied != w->before.applied ||
                n->retracted != w->before.retracted || n->parked != w->before.parked;
    bool pictures = p && w->media->idle &&
                    (p->sent != w->media_before.sent || p->thumbs != w->media_before.thumbs ||
                     p->originals != w->media_before.originals ||
                     p->erased != w->media_before.erased || p->refused != w->media_before.refused);
    if (rows || pictures)
        sync_say(w->cli, n, p);
    w->before = *n;
    if (p && (rows || pictures))
        w->media_before = *p;
    fflush(w->cli->out.file);
}

/* What the server cannot be asked now is asked later, unless the session is over. */
static int ask_spaces(struct watching *w)
{
    int rc = online_spaces(w->cli);
    w->next_spaces = now_ms(w->cli) + SPACES_MS;
    bool later = rc == RAUM_EUNREACHABLE || rc == RAUM_ERATE_LIMITED || rc == RAUM_EINTERNAL;
    if (later)
        err_clear(&w->cli->error);
    return later ? 0 : rc;
}

static int when_idle(struct watching *w)
{
    bool unknown = session_counts(w->s)->unknown > 0 && ++w->unknown <= UNKNOWN_MAX;
    w->busy = false;
    if (session_counts(w->s)->unknown == 0)
        w->unknown = 0;
    if (!session_ask_spaces(w->s) && !unknown)
        return 0;
    int rc = ask_spaces(w);
    session_start(w->s); /* a space that is new has a history */
    w->busy = true;
    return rc;
}

/* One step of what the session wants. */
static int drive(struct watching *w, struct out_progress *bar)
{
    struct session_step step;
    struct cli *cli = w->cli;
    if (now_ms(cli) < w->not_before)
        return 0;
    int rc = session_next(w->s, now_ms(cli), &step, &cli->error);
    if (rc)
        return rc;
    switch (step.action) {
    case SESSION_IDLE:
        return when_idle(w);
    case SESSION_STOPPED:
        return is_over(cli);
    case SESSION_WAIT:
        w->not_before = step.until;
        return 0;
    case SESSION_SEND:
        rc = ask(cli, w->s, &w->ahead, &step);
        w->media_due = 0; /* what came may show pictures */
        show(bar, session_counts(w->s));
        return rc;
    }
    return 0;
}

/* ---- staying: the stream ---- */

static void end_stream(struct watching *w, int64_t again_ms)
{
    unsigned char random[2];
    const struct raum_env *env = w->cli->raum->env;
    client_stream_free(w->stream);
    w->stream = NULL;
    env->random(env->ctx, random, sizeof random);
    /* Between half and all of it: those that lost their server together come back one by one. */
    int64_t wait = again_ms / 2 + again_ms * (random[0] << 8 | random[1]) / 131072;
    w->next_stream = now_ms(w->cli) + wait;
}

static void lost_stream(struct watching *w)
{
    w->wait_ms = w->wait_ms ? w->wait_ms * 2 : AGAIN_MS;
    if (w->wait_ms > AGAIN_MAX)
        w->wait_ms = AGAIN_MAX;
    end_stream(w, w->wait_ms);
}

static void poll_instead(struct watching *w)
{
    end_stream(w, STREAM_MS);
    w->polling = true;
    if (!w->said_polling)
        cli_note(w->cli, "%s", tr("this server has no stream: it is asked every two seconds"));
    w->said_polling = true;
}

static int begin_stream(struct watching *w)
{
    struct cli *cli = w->cli;
    struct arena a;
    struct buf path;
    char *since = NULL, header[64];
    arena_init(&a, 1 << 20);
    buf_init(&path, 8192);
    buf_str(&path, "/api/v1/sync/stream?since=");
    int rc = session_since(w->s, &a, &since, &cli->error);
    remote_escape(&path, since ? since : "");
    snprintf(header, sizeof header, "X-Client-Id: %s", cli->raum->device);
    sse_reset(&w->sse);
    bool fits = path.error == 0;
    if (rc == 0 && fits)
        rc = remote_stream(cli->remote, buf_text(&path), header, &w->stream, &cli->error);
    else if (rc == 0)
        poll_instead(w); /* in more spaces than an address holds */
    buf_release(&path);
    arena_release(&a);
    return rc;
}

static int on_event(void *arg, const struct sse_event *event)
{
    struct watching *w = arg;
    w->polling = false;
    w->wait_ms = 0;
    int rc =
        session_event(w->s, now_ms(w->cli), event->name, event->data, event->len, &w->cli->error);
    w->busy = true; /* it may want to send */
    w->media_due = 0;
    return rc;
}

/* The head of the answer says whether it is a stream at all. *fine: read on. */
static int look_at_head(struct watching *w, bool *fine)
{
    int status = client_stream_status(w->stream);
    const char *type = client_stream_header(w->stream, "content-type");
    *fine = status == 200 && type && strncasecmp(type, "text/event-stream", 17) == 0;
    if (*fine || status == 0)
        return 0;
    if (status == 401 || status == 403)
        return is_over(w->cli);
    if (status == 429 || status >= 500)
        lost_stream(w);
    else
        poll_instead(w);
    return 0;
}

static bool media_works(const struct watching *w)
{
    return w->media && w->media_due <= now_ms(w->cli);
}

/* Reads what is there, waits a moment if there is nothing. */
static int listen_a_moment(struct watching *w)
{
    struct raum_error error = {0};
    bool fine = false;
    buf_reset(&w->in);
    bool works = (w->busy && now_ms(w->cli) >= w->not_before) || media_works(w);
    int rc = client_stream_read(w->stream, works ? 0 : LOOK_MS, &w->in, &error);
    int head = look_at_head(w, &fine);
    if (head || !w->stream)
        return head;
    int fed = fine && w->in.len ? sse_feed(&w->sse, w->in.data, w->in.len, on_event, w) : 0;
    if (fed < 0 && fed != RAUM_EBUSY && w->cli->error.code)
        return fed;
    if (fed || rc) /* what was not merged comes again: the cursor is behind it */
        lost_stream(w);
    return 0;
}

/* ---- staying: the loop ---- */

static int look_here(struct watching *w)
{
    bool news = false, waits = false;
    int rc = replica_news(w->cli->raum, &w->seen, &news, &w->cli->error);
    if (news)
        w->media_due = 0;
    if (rc == 0 && news)
        rc = outgoing_waits(w->cli->raum, &waits, &w->cli->error);
    if (waits) {
        session_start(w->s);
        w->busy = true;
    }
    return rc;
}

static int poll_server(struct watching *w)
{
    int64_t now = now_ms(w->cli);
    int rc = 0;
    if (!w->polling || now < w->next_poll)
        return 0;
    w->next_poll = now + POLL_MS;
    if (now >= w->next_spaces)
        rc = ask_spaces(w);
    session_start(w->s);
    w->busy = true;
    return rc;
}

/* One request for pictures, between those of the rows. */
static int drive_media(struct watching *w)
{
    int rc = sync_media_turn(w->media);
    w->media_due = w->media->idle ? w->media->until : 0;
    return rc;
}

static int one_turn(struct watching *w, struct out_progress *bar)
{
    int rc = look_here(w);
    if (rc == 0)
        rc = poll_server(w);
    if (rc == 0 && w->busy)
        rc = drive(w, bar);
    if (rc == 0 && (!w->busy || now_ms(w->cli) < w->not_before) && media_works(w))
        rc = drive_media(w);
    if (rc == 0 && !w->stream && !w->busy && now_ms(w->cli) >= w->next_stream)
        rc = begin_stream(w);
    if (rc == 0 && w->stream)
        rc = listen_a_moment(w);
    else if (rc == 0 && (!w->busy || now_ms(w->cli) < w->not_before) && !media_works(w))
        pause_ms(LOOK_MS);
    return rc;
}

int sync_watch(struct cli *cli, struct session *s, const struct media_plan *plan)
{
    struct watching w = {.cli = cli, .s = s, .busy = true, .seen = -1};
    struct sync_media media = {0};
    struct out_progress bar;
    int rc = plan ? sync_media_open(&media, cli, plan) : 0;
    bool fetched = false;
    w.media = plan ? &media : NULL;
    sse_init(&w.sse);
    buf_init(&w.in, SSE_EVENT_MAX);
    session_on_left(s, online_tell_left, cli);
    ahead_init(&w.ahead, cli->remote, s);
    out_progress_begin(&bar, &cli->out);
    w.next_spaces = now_ms(cli) + SPACES_MS;
    while (rc == 0 && !cli_stop) {
        rc = one_turn(&w, &bar);
        if (rc == RAUM_EBUSY) { /* another process writes for long: once more */
            err_clear(&cli->error);
            rc = 0;
        }
        if (!fetched && !w.busy) {
            out_progress_end(&bar);
            fetched = true;
        }
        if (!w.busy)
            say_news(&w);
    }
    out_progress_end(&bar);
    client_stream_free(w.stream);
    ahead_release(&w.ahead);
    sync_media_close(&media);
    sse_release(&w.sse);
    buf_release(&w.in);
    return rc == RAUM_EINTERRUPTED || cli_stop ? 0 : rc;
}
