/* Lanes: the events of one stream, kept until they are not needed for coming back. */
#include "server/mcp/inside.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool keeps(const struct gate_session *s)
{
    return s->id[0] != '\0';
}

static void count(struct gate_session *s, size_t len)
{
    s->kept += len;
    atomic_fetch_add(&s->gate->kept, len);
}

static void drop_event(struct gate_session *s, struct event *e)
{
    s->kept -= e->len;
    atomic_fetch_sub(&s->gate->kept, e->len);
    free(e);
}

static void lane_drop(struct gate_session *s, struct lane *l)
{
    for (struct event *e; (e = l->first);) {
        l->first = e->next;
        drop_event(s, e);
    }
    l->last = NULL;
}

static void unread(struct lane *l)
{
    http_stream_unref(l->out);
    l->out = NULL;
}

/* The oldest lanes that are over go first, then the oldest events. */
static void make_room(struct gate_session *s)
{
    int lanes = 0;
    size_t max = atomic_load(&s->gate->kept) > KEPT_ALL_MAX ? 0 : KEPT_MAX;
    for (struct lane *l = s->lanes; l; l = l->next)
        lanes++;
    for (struct lane **at = &s->lanes; *at && (lanes > LANES_MAX || s->kept > max);) {
        struct lane *l = *at;
        if (!l->over || !l->opened || l->out || l->number == 0) {
            at = &l->next;
            continue;
        }
        *at = l->next;
        lane_drop(s, l);
        free(l);
        lanes--;
    }
    for (struct lane *l = s->lanes; l && s->kept > max; l = l->next)
        while (s->kept > max && l->opened && l->first && l->first != l->last) {
            struct event *e = l->first;
            l->first = e->next;
            drop_event(s, e);
        }
}

/* The oldest first, as make_room wants them. */
static struct lane *append(struct gate_session *s, uint64_t number)
{
    struct lane *l = calloc(1, sizeof *l), **at = &s->lanes;
    if (!l)
        return NULL;
    l->number = number;
    while (*at)
        at = &(*at)->next;
    *at = l;
    return l;
}

struct lane *gate_lane_open(struct gate_session *s)
{
    pthread_mutex_lock(&s->lanes_lock);
    struct lane *l = append(s, ++s->lane_count);
    make_room(s);
    pthread_mutex_unlock(&s->lanes_lock);
    return l;
}

struct lane *gate_lane_side(struct gate_session *s)
{
    struct lane *l;
    pthread_mutex_lock(&s->lanes_lock);
    for (l = s->lanes; l && l->number; l = l->next)
        ;
    if (!l)
        l = append(s, 0);
    pthread_mutex_unlock(&s->lanes_lock);
    return l;
}

static void write_event(struct lane *l, const struct event *e)
{
    if (l->out && http_stream_send(l->out, e->data, e->len) != 0)
        unread(l);
}

static struct event *event_new(const struct gate_session *s, struct lane *l, const char *json,
                               size_t len)
{
    char head[96];
    int n = keeps(s) ? snprintf(head, sizeof head,
                                "event: message\nid: %" PRIu64 "-%" PRIu64 "\ndata: ", l->number,
                                l->sent + 1)
                     : snprintf(head, sizeof head, "event: message\ndata: ");
    struct event *e = malloc(sizeof *e + (size_t)n + len + 3);
    if (!e)
        return NULL;
    memcpy(e->data, head, (size_t)n);
    memcpy(e->data + n, json, len);
    memcpy(e->data + (size_t)n + len, "\n\n", 2);
    e->len = (size_t)n + len + 2;
    e->number = ++l->sent;
    e->next = NULL;
    return e;
}

void gate_lane_add(struct gate_session *s, struct lane *l, const char *json, size_t len)
{
    pthread_mutex_lock(&s->lanes_lock);
    struct event *e = event_new(s, l, json, len);
    if (e) {
        write_event(l, e);
        if (!keeps(s) && l->out) {
            free(e);
        } else {
            if (l->last)
                l->last->next = e;
            else
                l->first = e;
            l->last = e;
            count(s, e->len);
            make_room(s);
        }
    }
    pthread_mutex_unlock(&s->lanes_lock);
}

void gate_lane_over(struct gate_session *s, struct lane *l)
{
    pthread_mutex_lock(&s->lanes_lock);
    l->over = true;
    if (l->out) {
        http_stream_finish(l->out);
        unread(l);
    }
    make_room(s);
    pthread_mutex_unlock(&s->lanes_lock);
}

/* The reader is sent away with the id to come back with. */
static void cut(struct lane *l)
{
    char text[128];
    int len = snprintf(text, sizeof text, "id: %" PRIu64 "-%" PRIu64 "\nretry: %d\ndata: \n\n",
                       l->number, l->broken_at, RETRY_MS);
    l->broken = false;
    if (http_stream_send(l->out, text, (size_t)len) == 0)
        http_stream_finish(l->out);
    unread(l);
}

void gate_lane_break(struct gate_session *s, struct lane *l)
{
    pthread_mutex_lock(&s->lanes_lock);
    if (keeps(s)) {
        l->broken = true;
        l->broken_at = l->sent;
        if (l->out)
            cut(l);
    }
    pthread_mutex_unlock(&s->lanes_lock);
}

void gate_lane_attach(struct gate_session *s, struct lane *l, struct http_stream *out,
                      uint64_t after)
{
    pthread_mutex_lock(&s->lanes_lock);
    if (l->out) { /* the reader has come back before we saw it go */
        http_stream_close(l->out);
        unread(l);
    }
    l->out = out;
    l->opened = true;
    for (struct event *e = l->first; l->out && e; e = e->next)
        if (e->number > after && (!l->broken || e->number <= l->broken_at))
            write_event(l, e);
    if (l->broken && l->out)
        cut(l);
    if (!keeps(s))
        lane_drop(s, l);
    if (l->over && l->out) {
        http_stream_finish(l->out);
        unread(l);
    }
    pthread_mutex_unlock(&s->lanes_lock);
}

struct lane *gate_lane_find(struct gate_session *s, const char *event, uint64_t *after)
{
    uint64_t number;
    char end;
    if (sscanf(event, "%" SCNu64 "-%" SCNu64 "%c", &number, after, &end) != 2)
        return NULL;
    pthread_mutex_lock(&s->lanes_lock);
    struct lane *l = s->lanes;
    while (l && l->number != number)
        l = l->next;
    bool lost = l && *after < l->sent && (!l->first || l->first->number > *after + 1);
    if (l && (lost || *after > l->sent))
        l = NULL;
    if (l) /* it stays until it is attached */
        l->opened = false;
    pthread_mutex_unlock(&s->lanes_lock);
    return l;
}

bool gate_lane_read(struct gate_session *s, struct lane *l)
{
    pthread_mutex_lock(&s->lanes_lock);
    if (l->out && http_stream_closed(l->out))
        unread(l);
    bool read = l->out != NULL;
    pthread_mutex_unlock(&s->lanes_lock);
    return read;
}

void gate_lanes_close(struct gate_session *s)
{
    pthread_mutex_lock(&s->lanes_lock);
    for (struct lane *l = s->lanes; l; l = l->next) {
        l->over = true;
        if (l->out) {
            http_stream_finish(l->out);
            unread(l);
        }
    }
    pthread_mutex_unlock(&s->lanes_lock);
}

void gate_lanes_free(struct gate_session *s)
{
    for (struct lane *l; (l = s->lanes);) {
        s->lanes = l->next;
        lane_drop(s, l);
        http_stream_unref(l->out);
        free(l);
    }
}

void gate_lanes_alive(struct gate_session *s)
{
    static const char text[] = ": keepalive\n\n";
    pthread_mutex_lock(&s->lanes_lock);
    for (struct lane *l = s->lanes; l; l = l->next)
        if (l->out && http_stream_send(l->out, text, sizeof text - 1) != 0)
            unread(l);
    pthread_mutex_unlock(&s->lanes_lock);
}
