#include "server/stream/inside.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define PAGE_MAX ((size_t)64 << 20)
#define SCRATCH_MAX ((size_t)8 << 20)
#define DOUBT_MS 1000  /* between two attempts to look everything up */
#define OUTSIDE_MS 100 /* how long the host's own commands take to be noticed, on SQLite */
#define READER_MS 10   /* how soon it is seen that a reader has read */
#define ADMIT_MAX 50   /* streams a turn */

int64_t hub_now(const struct hub *h)
{
    struct timespec t;
    (void)h;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void hub_wake(struct hub *h)
{
    eventfd_write(h->wake_fd, 1);
}

void hub_doubt(struct hub *h, const struct raum_error *error)
{
    if (error)
        NET_LOG(h->o.log, LOG_WARNING, "streams", {"code", raum_code_name(error->code), 0},
                {"text", error->text, 0});
    if (!h->resync_at)
        h->resync_at = hub_now(h) + (error ? DOUBT_MS : 0);
}

/* ---- what is heard ---- */

static struct hub_note *note_take(struct hub *h)
{
    struct hub_note *n = h->notes;
    if (!n)
        return NULL;
    h->notes = n->next;
    if (!h->notes)
        h->last_note = NULL;
    h->note_count--;
    return n;
}

static void notes_drop(struct hub *h)
{
    struct hub_note *n;
    while ((n = note_take(h)))
        free(n);
}

/* Two writes of one device, one behind the other, are one. */
static bool goes_on(const struct notice *a, const struct notice *b)
{
    return a->kind == NOTICE_WRITTEN && b->kind == NOTICE_WRITTEN && a->to == b->from &&
           strcmp(a->id, b->id) == 0 && strcmp(a->account, b->account) == 0 &&
           strcmp(a->client, b->client) == 0;
}

static void note_add(struct hub *h, const char *payload)
{
    size_t len = strlen(payload) + 1;
    struct hub_note *n = malloc(sizeof *n + len);
    struct hub_note *last = h->last_note;
    if (!n || h->note_count >= HUB_NOTES_MAX) {
        free(n);
        notes_drop(h);
        hub_doubt(h, NULL);
        return;
    }
    memcpy(n->payload, payload, len);
    n->next = NULL;
    bool known = notice_read(n->payload, &n->notice);
    if (!known || (n->notice.kind == NOTICE_WRITTEN && !hub_part_find(h, n->notice.id))) {
        free(n); /* nobody here takes it */
    } else if (last && goes_on(&last->notice, &n->notice)) {
        last->notice.to = n->notice.to;
        free(n);
    } else {
        *(last ? &last->next : &h->notes) = n;
        h->last_note = n;
        h->note_count++;
    }
}

static void check_account(struct hub *h, const char *id)
{
    struct raum_error error = {0};
    struct hub_account *a = hub_account_find(h, id);
    if (a && hub_account_check(h, a, &error) < 0)
        hub_doubt(h, &error);
}

void hub_hear(struct hub *h, int wait_ms)
{
    struct sql_notice heard;
    struct raum_error error = {0};
    for (;; wait_ms = 0) {
        int result = sql_listener_wait(h->listener, h->wake_fd, wait_ms, &heard, &error);
        if (result < 0 || heard.heard == SQL_HEARD_NOTHING)
            return; /* a lost connection says GAP when it is back */
        if (heard.heard == SQL_HEARD_GAP)
            hub_doubt(h, NULL);
        else if (heard.payload[0] == 'e' && heard.payload[1] == '\t')
            check_account(h, heard.payload + 2);
        else
            note_add(h, heard.payload);
    }
}

static int read_space(struct hub *h, const char *space, struct raum_error *error)
{
    int result = 0;
    struct hub_part *p = hub_part_find(h, space);
    if (!p) { /* one that came back: its members are not known here */
        for (struct hub_account *a = NULL; result == 0 && (a = hub_account_next(h, a));)
            if (a->known)
                result = hub_account_read(h, a, error);
        return result;
    }
    uint32_t count = p->count;
    struct hub_account **accounts = calloc(count + 1, sizeof *accounts);
    if (!accounts)
        return err_set(error, RAUM_ENOMEM, NULL);
    memcpy(accounts, p->accounts, count * sizeof *accounts);
    for (uint32_t i = 0; result == 0 && i < count; i++) /* p may go with the last of them */
        result = hub_account_read(h, accounts[i], error);
    free(accounts);
    return result;
}

static int handle(struct hub *h, const struct notice *n, struct raum_error *error)
{
    struct hub_account *a;
    switch (n->kind) {
    case NOTICE_WRITTEN:
        return hub_fan_out(h, n, error);
    case NOTICE_MEMBERS:
        a = hub_account_find(h, n->id);
        return a && a->known ? hub_account_read(h, a, error) : 0;
    case NOTICE_SPACE:
        return read_space(h, n->id, error);
    case NOTICE_ENDED:
    case NOTICE_AGENT:
    case NOTICES:
        break;
    }
    return 0;
}

/* ---- looking everything up ---- */

static void reread_head(struct hub *h, struct hub_part *p, struct raum_error *error, int *result)
{
    struct relay_part now = {.id = p->id};
    if (*result == 0)
        *result = relay_part_read(h->relay, &now, error);
    if (*result < 0)
        return;
    p->ref = now.ref;
    p->head = now.seq > p->head ? now.seq : p->head;
}

static void resync(struct hub *h)
{
    struct raum_error error = {0};
    struct hub_sub *s;
    int result = 0;
    h->resync_at = 0;
    /* The memberships last: whoever is a member then may see all that was written before. */
    for (int i = 0; i < HUB_BUCKETS; i++)
        for (struct hub_part *p = h->parts[i]; p; p = p->next)
            reread_head(h, p, &error, &result);
    for (struct hub_account *a = NULL; result == 0 && (a = hub_account_next(h, a));) {
        if (!a->known)
            continue;
        result = hub_account_check(h, a, &error);
        if (result == 0)
            result = hub_account_read(h, a, &error);
    }
    TAILQ_FOREACH(s, &h->beats, beat)
    if (hub_sub_lacks(s))
        hub_sub_behind(h, s);
    if (result < 0)
        hub_doubt(h, &error);
}

/* ---- streams come and go ---- */

static void sub_free(struct hub_sub *s)
{
    http_stream_unref(s->stream);
    free(s->session);
    free(s->client);
    free(s->since);
    free(s->space);
    free(s->seen);
    free(s);
}

static void greet(struct hub *h, struct hub_sub *s)
{
    char text[80];
    int len = snprintf(text, sizeof text, "event: ready\ndata: {\"epoch\":\"%s\"}\n\n", h->epoch);
    hub_sub_send(s, text, (size_t)len);
}

static int take_cursor(struct hub *h, struct hub_sub *s, struct raum_error *error)
{
    struct hub_account *a = s->account;
    struct relay_cursor cursor;
    s->seen = calloc(a->count + 1, sizeof *s->seen);
    if (!s->seen)
        return err_set(error, RAUM_ENOMEM, NULL);
    arena_reset(&h->scratch);
    relay_cursor_read(s->since, h->epoch, &h->scratch, &cursor);
    for (uint32_t i = 0; i < a->count; i++)
        for (uint32_t k = 0; k < cursor.count && a->parts[i]->ref; k++)
            if (cursor.parts[k].ref == a->parts[i]->ref)
                s->seen[i] = cursor.parts[k].seq;
    free(s->since);
    s->since = NULL;
    return 0;
}

/* From here on nothing that is said passes it by; what was said before, the database is asked. */
static int admit(struct hub *h, struct hub_sub *s, struct raum_error *error)
{
    struct hub_account *a = s->account;
    char epoch[17];
    int result = relay_epoch(h->sql, h->o.env, epoch, error);
    if (result == 0 && strcmp(epoch, h->epoch) != 0)
        memcpy(h->epoch, epoch, sizeof epoch);
    if (result == 0 && !a->known)
        result = hub_account_read(h, a, error);
    if (result == 0)
        result = take_cursor(h, s, error);
    if (result < 0)
        return result;
    TAILQ_INSERT_TAIL(&a->subs, s, of_account);
    TAILQ_INSERT_TAIL(&h->beats, s, beat);
    s->admitted = true;
    s->progress_at = hub_now(h);
    s->beat_at = s->progress_at + h->o.heartbeat_ms;
    for (uint32_t i = 0; i < a->count && s->space; i++)
        if (strcmp(a->parts[i]->id, s->space) == 0)
            s->only = a->parts[i];
    if (s->space && !s->only) /* left between the question and now */
        hub_sub_end(s, true);
    result = hub_sub_check(h, s, error);
    greet(h, s);
    if (hub_sub_lacks(s))
        hub_sub_behind(h, s);
    return result;
}

static bool take_new(struct hub *h)
{
    struct raum_error error = {0};
    bool more = false;
    for (int i = 0; i < ADMIT_MAX; i++) {
        pthread_mutex_lock(&h->lock);
        struct hub_sub *s = h->fresh;
        if (s)
            h->fresh = s->next_new;
        if (!h->fresh)
            h->fresh_end = &h->fresh;
        more = h->fresh != NULL;
        pthread_mutex_unlock(&h->lock);
        if (!s)
            break;
        if (admit(h, s, &error) < 0) {
            hub_doubt(h, &error);
            hub_sub_end(s, true);
        }
    }
    return more;
}

static void part_with(struct hub *h, struct hub_sub *s)
{
    struct hub_account *a = s->account;
    if (s->admitted) {
        TAILQ_REMOVE(&a->subs, s, of_account);
        TAILQ_REMOVE(&h->beats, s, beat);
    }
    if (s->is_behind)
        TAILQ_REMOVE(&h->behind, s, behind);
    pthread_mutex_lock(&h->lock);
    h->streams--;
    if (--a->streams == 0)
        hub_account_leave(h, a);
    pthread_mutex_unlock(&h->lock);
    sub_free(s);
}

/* A stream may go before it was admitted: then it is still in the other list. */
static void take_gone(struct hub *h)
{
    pthread_mutex_lock(&h->lock);
    struct hub_sub *list = h->gone, *waiting = NULL;
    h->gone = NULL;
    pthread_mutex_unlock(&h->lock);
    while (list) {
        struct hub_sub *s = list;
        list = s->next_gone;
        if (s->admitted || s->closing) {
            part_with(h, s);
        } else {
            s->next_gone = waiting;
            waiting = s;
        }
    }
    pthread_mutex_lock(&h->lock);
    while (waiting) {
        struct hub_sub *s = waiting;
        waiting = s->next_gone;
        s->next_gone = h->gone;
        h->gone = s;
    }
    pthread_mutex_unlock(&h->lock);
}

/* On a loop of the HTTP server. */
static void on_closed(void *arg)
{
    struct hub_sub *s = arg;
    struct hub *h = s->hub;
    pthread_mutex_lock(&h->lock);
    s->next_gone = h->gone;
    h->gone = s;
    pthread_mutex_unlock(&h->lock);
    hub_wake(h);
}

/* ---- time ---- */

static void beat(struct hub *h)
{
    char text[100], now[CLOCK_TEXT];
    int64_t until = hub_now(h);
    struct hub_sub *s;
    clock_format_ms(h->o.env->now_ms(h->o.env->ctx), now);
    int len =
        snprintf(text, sizeof text, "event: heartbeat\ndata: {\"serverTime\":\"%s\"}\n\n", now);
    while ((s = TAILQ_FIRST(&h->beats)) && s->beat_at <= until) { /* all wait equally long */
        TAILQ_REMOVE(&h->beats, s, beat);
        TAILQ_INSERT_TAIL(&h->beats, s, beat);
        s->beat_at = until + h->o.heartbeat_ms;
        if (hub_sub_stuck(h, s))
            hub_sub_end(s, true);
        else if (s->unread == 0)
            hub_sub_send(s, text, (size_t)len);
    }
}

static void expire(struct hub *h)
{
    int64_t now = h->o.env->now_ms(h->o.env->ctx);
    struct raum_error error = {0};
    struct hub_sub *s;
    if (!h->expiry_at || now < h->expiry_at)
        return;
    h->expiry_at = 0;
    TAILQ_FOREACH(s, &h->beats, beat)
    {
        if (s->closing)
            continue;
        if (s->expires <= now && hub_sub_check(h, s, &error) < 0) {
            hub_doubt(h, &error);
            hub_sub_end(s, true);
        }
        if (!s->closing && (!h->expiry_at || s->expires < h->expiry_at))
            h->expiry_at = s->expires;
    }
}

/* What the host did beside us, in another process. */
static void look_outside(struct hub *h)
{
    struct raum_error error = {0};
    int64_t count, now = hub_now(h);
    if (sql_is_postgres(h->sql) || TAILQ_EMPTY(&h->beats) || now < h->outside_at)
        return;
    h->outside_at = now + OUTSIDE_MS;
    int result = notice_outside_count(h->sql, &count, &error);
    if (result < 0)
        hub_doubt(h, &error);
    else if (count != h->outside)
        hub_doubt(h, NULL);
    h->outside = result < 0 ? h->outside : count;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int pause_ms(const struct hub *h)
{
    int64_t now = hub_now(h), until = now + 60000;
    const struct hub_sub *s = TAILQ_FIRST(&h->beats);
    if (s)
        until = least(until, s->beat_at);
    if (s && !sql_is_postgres(h->sql))
        until = least(until, h->outside_at);
    if (h->resync_at)
        until = least(until, h->resync_at);
    if (h->expiry_at)
        until = least(until, now + h->expiry_at - h->o.env->now_ms(h->o.env->ctx));
    if (!TAILQ_EMPTY(&h->behind))
        until = least(until, now + READER_MS);
    return until > now ? (int)(until - now) : 0;
}

/* ---- the thread ---- */

/* A note, a page: who is live waits for one page at most, who is behind for one write. True: there
 * may be more. */
static bool turn(struct hub *h)
{
    struct raum_error error = {0};
    eventfd_t count;
    bool served = false;
    (void)!eventfd_read(h->wake_fd, &count);
    bool more = take_new(h);
    take_gone(h);
    look_outside(h);
    if (h->resync_at && h->resync_at <= hub_now(h))
        resync(h);
    struct hub_note *note = note_take(h);
    if (note && handle(h, &note->notice, &error) < 0)
        hub_doubt(h, &error);
    free(note);
    if (hub_catch_up(h, &served, &error) < 0) {
        hub_doubt(h, &error);
        served = false;
    }
    expire(h);
    beat(h);
    return more || served || h->notes;
}

static void *run(void *arg)
{
    struct hub *h = arg;
    bool more = true;
    while (!atomic_load(&h->stopping)) {
        hub_hear(h, more ? 0 : pause_ms(h));
        more = turn(h);
    }
    return NULL;
}

static void fill_defaults(struct hub_options *o)
{
    o->heartbeat_ms = o->heartbeat_ms ? o->heartbeat_ms : 30000;
    o->stuck_ms = o->stuck_ms ? o->stuck_ms : 60000;
    o->streams_max = o->streams_max ? o->streams_max : 15000;
    o->account_max = o->account_max ? o->account_max : 100;
}

/* It listens before it reads anything: what is said from now on is heard. */
static int open_parts(struct hub *h, struct raum_error *error)
{
    int result = sql_open(&h->sql, h->o.database, h->o.env, error);
    if (result == 0)
        result = sql_listen(&h->listener, h->o.database, NOTICE_CHANNEL, error);
    if (result == 0)
        result = relay_new(&h->relay, h->sql, h->o.env, error);
    if (result == 0)
        result = relay_epoch(h->sql, h->o.env, h->epoch, error);
    if (result == 0)
        result = notice_outside_count(h->sql, &h->outside, error);
    h->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (result == 0 && h->wake_fd < 0)
        result = err_at(error, "streams", RAUM_EIO, "%s", strerror(errno));
    return result;
}

int hub_new(struct hub **out, const struct hub_options *options, struct raum_error *error)
{
    struct hub *h = *out = calloc(1, sizeof *h);
    sigset_t all, before;
    if (!h)
        return err_set(error, RAUM_ENOMEM, NULL);
    h->o = *options;
    fill_defaults(&h->o);
    h->fresh_end = &h->fresh;
    TAILQ_INIT(&h->behind);
    TAILQ_INIT(&h->beats);
    arena_init(&h->page, PAGE_MAX);
    arena_init(&h->scratch, SCRATCH_MAX);
    pthread_mutex_init(&h->lock, NULL);
    int result = open_parts(h, error);
    if (result == 0) {
        sigfillset(&all); /* signals belong to whoever called us */
        pthread_sigmask(SIG_SETMASK, &all, &before);
        h->started = pthread_create(&h->thread, NULL, run, h) == 0;
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (!h->started)
            result = err_set(error, RAUM_ENOMEM, "no thread can be started");
    }
    if (result < 0) {
        hub_free(h);
        *out = NULL;
    }
    return result;
}

void hub_free(struct hub *h)
{
    if (!h)
        return;
    atomic_store(&h->stopping, true);
    if (h->started) {
        hub_wake(h);
        pthread_join(h->thread, NULL);
        while (take_new(h))
            continue;
        take_gone(h); /* the HTTP server has closed them all */
    }
    notes_drop(h);
    relay_free(h->relay);
    sql_listener_free(h->listener);
    sql_close(h->sql);
    if (h->wake_fd >= 0)
        close(h->wake_fd);
    arena_release(&h->page);
    arena_release(&h->scratch);
    pthread_mutex_destroy(&h->lock);
    free(h);
}

/* ---- on a worker ---- */

static int copy(char **out, const char *text)
{
    *out = text ? strdup(text) : NULL;
    return text && !*out ? RAUM_ENOMEM : 0;
}

static int sub_new(struct hub *h, const struct hub_asker *who, struct hub_sub **out)
{
    struct hub_sub *s = *out = calloc(1, sizeof *s);
    if (!s)
        return RAUM_ENOMEM;
    s->hub = h;
    int result = copy(&s->session, who->session);
    if (result == 0)
        result = copy(&s->client, who->client);
    if (result == 0)
        result = copy(&s->since, who->since);
    return result ? result : copy(&s->space, who->space);
}

static int enter(struct hub *h, struct hub_sub *s, const char *account, struct raum_error *error)
{
    int result = 0;
    pthread_mutex_lock(&h->lock);
    bool full = h->streams >= h->o.streams_max;
    struct hub_account *a = full ? NULL : hub_account_enter(h, account);
    if (full)
        result = err_at(error, "streams", RAUM_EBUSY, "too many streams are open; try again");
    else if (!a)
        result = err_set(error, RAUM_ENOMEM, NULL);
    else if (a->streams >= h->o.account_max)
        result = err_at(error, "streams", RAUM_ERATE_LIMITED,
                        "this account has %d streams open, which is all it may have: close one",
                        a->streams);
    if (result == 0) {
        a->streams++;
        h->streams++;
        s->account = a;
    }
    pthread_mutex_unlock(&h->lock);
    return result;
}

static void leave(struct hub *h, struct hub_sub *s)
{
    pthread_mutex_lock(&h->lock);
    h->streams--;
    s->account->streams--;
    pthread_mutex_unlock(&h->lock);
}

int hub_open(struct hub *h, struct http_request *q, const struct hub_asker *who,
             struct raum_error *error)
{
    struct hub_sub *s;
    int result = sub_new(h, who, &s);
    const struct http_stream_hooks hooks = {on_closed, s};
    if (result < 0)
        err_set(error, result, NULL);
    else
        result = enter(h, s, who->account, error);
    if (result < 0) {
        if (s)
            sub_free(s);
        return result;
    }
    result = http_stream_begin(q, "text/event-stream", &hooks, &s->stream);
    if (result < 0) {
        leave(h, s);
        sub_free(s);
        return err_set(error, result, NULL);
    }
    pthread_mutex_lock(&h->lock);
    *h->fresh_end = s;
    h->fresh_end = &s->next_new;
    pthread_mutex_unlock(&h->lock);
    hub_wake(h);
    return 0;
}
