#include "sync/session.h"

#include "base/plant.h"
#include "engine/replica.h"
#include "sync/incoming.h"
#include "sync/outgoing.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CURSOR_KEY "sync-cursor"
#define EPOCH_KEY "sync-epoch"
#define HEARD_KEY "sync-heard" /* the newest time that ever came from the server */
#define ANSWER_MAX ((size_t)16 << 20)

enum state { IDLE, READY, SENT, WAITING, STOPPED };

struct session {
    struct raum *r;
    enum state state;
    bool again; /* started while it was at work */
    int64_t until, wait_ms;
    struct arena arena; /* of one request: what was sent stays until its answer */
    struct outgoing out;
    struct buf body;
    struct session_counts counts;
    char trouble[RAUM_ERROR_TEXT_MAX];
};

int session_new(struct session **out, struct raum *r, struct raum_error *error)
{
    *out = NULL;
    if (strcmp(r->account, SCHEMA_GUEST) == 0)
        return err_at(error, "sync", RAUM_ENOT_CONFIGURED, "a guest has no server");
    struct session *s = calloc(1, sizeof *s);
    if (!s)
        return err_set(error, RAUM_ENOMEM, NULL);
    s->r = r;
    s->state = READY;
    arena_init(&s->arena, 256u << 20);
    buf_init(&s->body, WIRE_BYTES_MAX);
    *out = s;
    return 0;
}

void session_free(struct session *s)
{
    if (!s)
        return;
    arena_release(&s->arena);
    buf_release(&s->body);
    free(s);
}

/* What was refused because it was not there may be there by now: its maker offered it again. */
void session_start(struct session *s)
{
    if (s->state == IDLE && outgoing_retry(s->r, RAUM_ENOT_FOUND, NULL) == 0)
        s->state = READY;
    else if (s->state == SENT)
        s->again = true;
}

const struct session_counts *session_counts(const struct session *s)
{
    return &s->counts;
}

const char *session_trouble(const struct session *s)
{
    return s->trouble[0] ? s->trouble : NULL;
}

/* ---- asking ---- */

static int write_request(struct session *s, struct raum_error *error)
{
    char *cursor;
    struct json_writer w;
    arena_reset(&s->arena);
    buf_reset(&s->body);
    int result = outgoing_take(s->r, &s->arena, &s->out, error);
    if (result == 0)
        result = replica_meta_get(s->r, CURSOR_KEY, &s->arena, &cursor, error);
    if (result < 0)
        return result;
    struct wire_request q = {.client = s->r->device,
                             .since = cursor,
                             .schema = 1,
                             .changes = s->out.changes,
                             .count = s->out.count};
    json_begin(&w, &s->body);
    wire_put_request(&w, &q);
    return buf_error(&s->body, error);
}

int session_next(struct session *s, int64_t now_ms, struct session_step *out,
                 struct raum_error *error)
{
    int result = 0;
    *out = (struct session_step){.action = SESSION_IDLE};
    if (s->state == WAITING && now_ms >= s->until)
        s->state = READY;
    if (s->state == READY) {
        result = write_request(s, error);
        if (result < 0)
            return result;
        s->state = SENT;
        s->counts.sent += s->out.count;
    }
    switch (s->state) {
    case READY:
    case IDLE:
        break;
    case STOPPED:
        out->action = SESSION_STOPPED;
        break;
    case WAITING:
        out->action = SESSION_WAIT;
        out->until = s->until;
        break;
    case SENT:
        out->action = SESSION_SEND;
        out->body = buf_text(&s->body);
        out->len = s->body.len;
        break;
    }
    return 0;
}

/* ---- hearing ---- */

static void wait_for(struct session *s, int64_t now_ms, int64_t asked_ms, const char *why)
{
    unsigned char random[2];
    const struct raum_env *env = s->r->env;
    s->wait_ms = s->wait_ms ? s->wait_ms * 2 : SESSION_WAIT_FIRST_MS;
    if (s->wait_ms > SESSION_WAIT_MAX_MS)
        s->wait_ms = SESSION_WAIT_MAX_MS;
    env->random(env->ctx, random, sizeof random);
    /* Between half and all of it: devices that lost their server together do not return together */
    int64_t wait = s->wait_ms / 2 + s->wait_ms * (random[0] << 8 | random[1]) / 131072;
    s->until = now_ms + (wait > asked_ms ? wait : asked_ms);
    s->state = WAITING;
    snprintf(s->trouble, sizeof s->trouble, "%s", why);
}

static int heard_so_far(struct session *s, uint64_t *heard, struct raum_error *error)
{
    char *text = NULL;
    *heard = 0;
    int result = replica_meta_get(s->r, HEARD_KEY, &s->arena, &text, error);
    *heard = result == 0 && text ? strtoull(text, NULL, 10) : 0;
    return result;
}

static int note_heard(struct session *s, uint64_t at, struct raum_error *error)
{
    char text[24];
    uint64_t heard = 0;
    int result = heard_so_far(s, &heard, error);
    if (result < 0 || at <= heard)
        return result;
    snprintf(text, sizeof text, "%llu", (unsigned long long)at);
    return replica_meta_set(s->r, HEARD_KEY, text, error);
}

static int take_results(struct session *s, const struct wire_answer *answer, bool *again,
                        struct raum_error *error)
{
    uint64_t server_time = 0;
    int result = 0;
    for (uint32_t i = 0; i < answer->result_count && result == 0; i++) {
        const struct wire_result *of = &answer->results[i];
        if (of->index >= s->out.count)
            continue;
        bool forgotten = PLANT(SYNC_PARK) || (PLANT(SYNC_RESTAMP) && of->server_time);
        if (of->status != WIRE_REJECTED || forgotten) {
            result = outgoing_done(s->r, &s->out, of->index, error);
            s->counts.applied += of->status == WIRE_APPLIED;
            s->counts.stale += of->status == WIRE_STALE;
        } else if (of->code == RAUM_ECLOCK_AHEAD && of->server_time) {
            server_time = of->server_time;
        } else {
            result = outgoing_park(s->r, &s->out, of->index, of->code, error);
            s->counts.parked++;
        }
    }
    if (result == 0 && server_time) { /* G-S9: but not below what was seen and written over */
        uint64_t heard = 0;
        result = heard_so_far(s, &heard, error);
        if (result == 0)
            result = outgoing_restamp(s->r, heard > server_time ? heard : server_time, error);
        *again = true;
    }
    return result;
}

static int take_retracts(struct session *s, struct json_value list, struct raum_error *error)
{
    int result = 0;
    for (struct json_value v = json_first(list); v.doc && result == 0; v = json_next(list, v)) {
        const char *space = json_str(json_get(v, "spaceId"), &s->arena),
                   *table = json_str(json_get(v, "table"), &s->arena),
                   *id = json_str(json_get(v, "id"), &s->arena);
        if (!space || !table || !id || PLANT(SYNC_WITHDRAW))
            continue;
        result = incoming_retract(s->r, space, table, id, error);
        s->counts.retracted++;
    }
    return result;
}

/* Another epoch than the one known: the server lost what came after its backup. */
static int look_at_epoch(struct session *s, const char *epoch, bool *again,
                         struct raum_error *error)
{
    char *known;
    int result = replica_meta_get(s->r, EPOCH_KEY, &s->arena, &known, error);
    if (result < 0 || !epoch || (known && strcmp(known, epoch) == 0))
        return result;
    result = replica_begin(s->r, error);
    if (result < 0)
        return result;
    if (known) {
        result = outgoing_offer_all(s->r, error);
        *again = true;
    }
    if (result == 0)
        result = replica_meta_set(s->r, EPOCH_KEY, epoch, error);
    return replica_end(s->r, result, error);
}

/* Rows and cursor in one transaction. A row of a space that is not known here is not lost: the
 * cursor stays until the space is. */
static int take_news(struct session *s, const struct wire_answer *answer,
                     struct json_value retracts, struct raum_error *error)
{
    struct incoming_report report = {0};
    int result = replica_begin(s->r, error);
    if (result < 0)
        return result;
    result = incoming_apply(s->r, answer->changes, answer->change_count, &report, error);
    if (result == 0)
        result = take_retracts(s, retracts, error);
    if (result == 0)
        result = note_heard(s, report.heard, error);
    if (result == 0 && answer->until && report.unknown == 0)
        result = replica_meta_set(s->r, CURSOR_KEY, answer->until, error);
    result = replica_end(s->r, result, error);
    if (result == 0) {
        s->counts.received += answer->change_count;
        s->counts.merged += report.merged;
        s->counts.unknown += report.unknown;
    }
    return result;
}

static int take_answer(struct session *s, int64_t now_ms, const void *body, size_t len,
                       struct raum_error *error)
{
    struct json_doc doc;
    struct wire_answer answer = {0};
    bool again = false;
    json_init(&doc);
    int result = len > ANSWER_MAX ? RAUM_ETOO_LARGE : json_parse(&doc, body, len, 0, NULL);
    if (result == 0)
        result = wire_read_answer(&doc, &s->arena, &answer, NULL);
    if (result < 0) {
        json_release(&doc);
        wait_for(s, now_ms, 0, "the server's answer cannot be read");
        return 0;
    }
    result = take_results(s, &answer, &again, error);
    if (result == 0)
        result = take_news(s, &answer, json_get(json_root(&doc), "retracts"), error);
    if (result == 0)
        result = look_at_epoch(s, answer.epoch, &again, error);
    json_release(&doc);
    if (result < 0)
        return result;
    bool stuck = s->counts.unknown > 0; /* the caller asks for the spaces first */
    again |= s->again || s->out.more || (answer.more && !stuck);
    s->again = false;
    s->wait_ms = 0;
    s->trouble[0] = '\0';
    s->state = again ? READY : IDLE;
    return 0;
}

int session_answer(struct session *s, int64_t now_ms, int status, int64_t retry_ms,
                   const void *body, size_t len, struct raum_error *error)
{
    char why[64];
    if (s->state != SENT)
        return err_at(error, "sync", RAUM_EUSAGE, "nothing was asked");
    s->counts.unknown = 0;
    if (status == 200)
        return take_answer(s, now_ms, body, len, error);
    if (status == 401 || status == 403) {
        s->state = STOPPED;
        snprintf(s->trouble, sizeof s->trouble, "the server does not know this session any more");
        return 0;
    }
    for (uint32_t i = 0; PLANT(SYNC_LOST) && status == 0 && i < s->out.count; i++)
        (void)!outgoing_done(s->r, &s->out, i, NULL);
    if (status == 0)
        snprintf(why, sizeof why, "the server cannot be reached");
    else
        snprintf(why, sizeof why, "the server answered %d", status);
    wait_for(s, now_ms, retry_ms, why);
    return 0;
}
