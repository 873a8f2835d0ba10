#include "sync/session.h"

#include "base/plant.h"
#include "engine/intern.h"
#include "engine/media_work.h"
#include "engine/replica.h"
#include "engine/spaces.h"
#include "schema/rights.h"
#include "sync/incoming.h"
#include "sync/outgoing.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CURSOR_KEY "sync-cursor"
#define EPOCH_KEY "sync-epoch"
#define HEARD_KEY "sync-heard" /* the newest time that the server is known to have, or may have */
#define ANSWER_MAX ((size_t)16 << 20)

enum state { IDLE, READY, SENT, WAITING, STOPPED };

struct session {
    struct raum *r;
    enum state state;
    bool again; /* started while it was at work */
    int64_t until, wait_ms;
    int64_t asked_until; /* by the server; 0: it did not */
    struct arena arena; /* of one request: what was sent stays until its answer */
    struct outgoing out;
    struct buf body, next; /* as sent; as it will be sent next, while its answer is merged */
    uint32_t only;         /* session_narrow: no other space is ever asked for; 0: all */
    uint32_t part;         /* the space that the request is narrowed to; 0: all */
    bool own_cursor;       /* which has a cursor of its own */
    const char *since;     /* as sent */
    const char *common;    /* the cursor of all, then */
    bool stale;            /* a row was withdrawn since: what the answer brings may be older */
    bool early;  /* the question was shown to `ahead`: it may have been asked before it was due */
    bool behind; /* events were passed over: only an answer makes it good */
    bool ask_spaces;
    leave_tell *tell;
    void *tell_arg;
    session_ahead *ahead;
    void *ahead_arg;
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
    arena_keep(&s->arena, 4u << 20);
    buf_init(&s->body, WIRE_BYTES_MAX);
    buf_init(&s->next, WIRE_BYTES_MAX);
    *out = s;
    return 0;
}

void session_free(struct session *s)
{
    if (!s)
        return;
    arena_release(&s->arena);
    buf_release(&s->body);
    buf_release(&s->next);
    free(s);
}

void session_narrow(struct session *s, uint32_t space)
{
    s->only = space;
}

/* What was refused because it was not there may be there by now: its maker offered it again. */
void session_start(struct session *s)
{
    if (s->state == IDLE && outgoing_retry(s->r, RAUM_ENOT_FOUND, NULL) == 0)
        s->state = READY;
    else if (s->state == SENT)
        s->again = true;
}

void session_awake(struct session *s)
{
    s->wait_ms = 0;
    if (s->state == WAITING)
        s->until = s->asked_until;
    session_start(s);
}

const struct session_counts *session_counts(const struct session *s)
{
    return &s->counts;
}

const char *session_trouble(const struct session *s)
{
    return s->trouble[0] ? s->trouble : NULL;
}

void session_on_left(struct session *s, leave_tell *tell, void *arg)
{
    s->tell = tell;
    s->tell_arg = arg;
}

void session_on_ahead(struct session *s, session_ahead *ahead, void *arg)
{
    s->ahead = ahead;
    s->ahead_arg = arg;
}

bool session_ask_spaces(struct session *s)
{
    bool ask = s->ask_spaces;
    s->ask_spaces = false;
    return ask;
}

int session_since(struct session *s, struct arena *a, char **out, struct raum_error *error)
{
    return replica_meta_get(s->r, CURSOR_KEY, a, out, error);
}

static bool same_cursor(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

/* ---- what is to come ---- */

/* From the start: everything of every space that the server knows (G-S7). */
static int all_will_come(struct session *s, struct raum_error *error)
{
    int result = replica_begin(s->r, error);
    if (result < 0)
        return result;
    result = db_exec(s->r->db,
                     "INSERT OR IGNORE INTO coming (space) SELECT ref FROM spaces WHERE role > 0 "
                     "AND offline = 0 AND type >= 0",
                     error);
    return replica_end(s->r, result, error);
}

/* The space that is active first; then those that have a cursor of their own; then all. */
static int choose_part(struct session *s, struct raum_error *error)
{
    struct db_stmt q;
    const struct space *active = spaces_active(s->r);
    s->part = s->only;
    s->own_cursor = false;
    if (s->only)
        return 0;
    int result =
        db_prepare(s->r->db, &q, &db_grant_own,
                   "SELECT c.space, c.since FROM coming c JOIN spaces s ON s.ref = c.space "
                   "WHERE s.role > 0 AND s.offline = 0 AND (c.space = ?1 OR c.since IS NOT "
                   "NULL) ORDER BY c.space <> ?1, c.space LIMIT 1",
                   error);
    if (result == 0) {
        db_bind_int(&q, 1, active ? active->ref : 0);
        result = db_step(&q, error);
    }
    if (result == 0) {
        s->part = (uint32_t)db_int(&q, 0);
        s->own_cursor = !db_is_null(&q, 1);
        if (s->own_cursor)
            s->since = arena_str(&s->arena, db_text(&q, 1, NULL));
        if (s->own_cursor && !s->since)
            result = err_set(error, RAUM_ENOMEM, NULL);
    }
    db_finish(&q);
    return result == RAUM_END ? 0 : result;
}

static int choose(struct session *s, struct raum_error *error)
{
    char *cursor;
    int result = replica_meta_get(s->r, CURSOR_KEY, &s->arena, &cursor, error);
    if (result == 0 && same_cursor(cursor, NULL))
        result = all_will_come(s, error);
    s->since = s->common = cursor;
    return result ? result : choose_part(s, error);
}

/* Is the cursor still the one that was sent? Another process may have moved it, and what it brought
 * must not come back by an answer that is older. */
static int cursor_stands(struct session *s, bool *out, struct raum_error *error)
{
    struct db_stmt q;
    char *cursor = NULL;
    *out = false;
    if (!s->own_cursor) {
        int result = replica_meta_get(s->r, CURSOR_KEY, &s->arena, &cursor, error);
        *out = same_cursor(cursor, s->since);
        return result;
    }
    int result =
        db_prepare(s->r->db, &q, &db_grant_own, "SELECT since FROM coming WHERE space = ?1", error);
    if (result == 0) {
        db_bind_int(&q, 1, s->part);
        result = db_step(&q, error);
    }
    if (result == 0)
        *out = same_cursor(db_text(&q, 0, NULL), s->since);
    db_finish(&q);
    return result == RAUM_END ? 0 : result;
}

static int move_cursor(struct session *s, const char *until, struct raum_error *error)
{
    struct db_stmt q;
    if (!s->own_cursor)
        return replica_meta_set(s->r, CURSOR_KEY, until, error);
    int result = db_prepare(s->r->db, &q, &db_grant_own,
                            "UPDATE coming SET since = ?2 WHERE space = ?1", error);
    if (result == 0) {
        db_bind_int(&q, 1, s->part);
        db_bind_str(&q, 2, until);
        result = db_run(&q, error);
    }
    db_finish(&q);
    return result;
}

/* Nothing is left behind the cursor: the space, or all of them, are whole. */
static int is_whole(struct session *s, struct raum_error *error)
{
    if (s->part)
        return db_execf(s->r->db, error, "DELETE FROM coming WHERE space = %u", s->part);
    return db_exec(s->r->db, "DELETE FROM coming WHERE since IS NULL", error);
}

int session_coming(struct raum *r, uint32_t space, bool *out, struct raum_error *error)
{
    char sql[80];
    int64_t count = 0;
    snprintf(sql, sizeof sql, "SELECT count(*) FROM coming WHERE space = %u", space);
    int result = db_query_int(r->db, sql, &count, error);
    *out = count > 0;
    return result;
}

/* ---- asking ---- */

static int put_request(struct session *s, struct buf *out, const char *since,
                       const struct outgoing *changes, struct raum_error *error)
{
    struct json_writer w;
    const struct wire_request q = {.client = s->r->device,
                                   .since = since,
                                   .schema = 1,
                                   .changes = changes->changes,
                                   .count = changes->count};
    buf_reset(out);
    json_begin(&w, out);
    wire_put_request(&w, &q);
    return buf_error(out, error);
}

static int write_request(struct session *s, struct raum_error *error)
{
    arena_reset(&s->arena);
    s->stale &= s->early;
    int result = outgoing_take(s->r, &s->arena, &s->out, error);
    if (result == 0)
        result = choose(s, error);
    return result ? result : put_request(s, &s->body, s->since, &s->out, error);
}

static void put_step(const struct session *s, const struct buf *body, struct session_step *out)
{
    const struct space *space = s->part ? intern_space(s->r, s->part) : NULL;
    out->action = SESSION_SEND;
    out->body = buf_text(body);
    out->len = body->len;
    out->space = space ? space->id : NULL;
}

static void show_ahead(struct session *s, const struct wire_answer *answer)
{
    struct session_step step = {0};
    const struct outgoing nothing = {0};
    if (!s->ahead || !answer->more || !answer->until || s->out.more || s->stale)
        return;
    s->early = put_request(s, &s->next, answer->until, &nothing, NULL) == 0;
    if (s->early) {
        put_step(s, &s->next, &step);
        s->ahead(s->ahead_arg, &step);
    }
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
        put_step(s, &s->body, out);
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
    s->asked_until = asked_ms > 0 ? now_ms + asked_ms : 0;
    s->until = now_ms + (wait > asked_ms ? wait : asked_ms);
    s->state = WAITING;
    snprintf(s->trouble, sizeof s->trouble, "%s", why);
}

static int heard_so_far(struct session *s, uint64_t *heard, struct raum_error *error)
{
    struct arena a; /* that of the request stays as it is: it may be on its way */
    char *text = NULL;
    arena_init(&a, 65536);
    int result = replica_meta_get(s->r, HEARD_KEY, &a, &text, error);
    *heard = result == 0 && text ? strtoull(text, NULL, 10) : 0;
    arena_release(&a);
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

/* G-S9: but not below what was seen and written over, nor below what the server took from here, nor
 * to a time that was given before: its request may have arrived, and one time is one write. */
static int restamp(struct session *s, uint64_t server_time, struct raum_error *error)
{
    uint64_t heard = 0;
    int result = replica_begin(s->r, error);
    if (result < 0)
        return result;
    result = heard_so_far(s, &heard, error);
    if (result == 0)
        result = outgoing_restamp(s->r, heard > server_time ? heard : server_time, error);
    if (result == 0)
        result = note_heard(s, s->r->clock.last, error);
    return replica_end(s->r, result, error);
}

static uint64_t newest_of(const struct wire_change *c)
{
    uint64_t at = 0;
    for (uint32_t i = 0; i < c->count; i++)
        at = c->fields[i].stamp.at > at ? c->fields[i].stamp.at : at;
    return at;
}

static int take_results(struct session *s, const struct wire_answer *answer, bool *again,
                        struct raum_error *error)
{
    uint64_t server_time = 0, taken = 0;
    int result = 0;
    for (uint32_t i = 0; i < answer->result_count && result == 0; i++) {
        const struct wire_result *of = &answer->results[i];
        if (of->index >= s->out.count)
            continue;
        bool forgotten = PLANT(SYNC_PARK) || (PLANT(SYNC_RESTAMP) && of->server_time);
        if (of->status != WIRE_REJECTED || forgotten) {
            uint64_t at = newest_of(&s->out.changes[of->index]);
            taken = at > taken ? at : taken;
            result = outgoing_done(s->r, &s->out, of->index, error);
            s->counts.applied += of->status == WIRE_APPLIED;
            s->counts.stale += of->status == WIRE_STALE;
        } else if (of->code == RAUM_ECLOCK_AHEAD && of->server_time) {
            server_time = of->server_time;
        } else {
            result = outgoing_park(s->r, &s->out, of->index, of->code, error);
            s->counts.parked++;
            s->ask_spaces |= of->code == RAUM_ENOT_ALLOWED; /* not a member any more? */
        }
    }
    if (result == 0 && taken)
        result = note_heard(s, taken, error);
    if (result == 0 && server_time) {
        result = restamp(s, server_time, error);
        *again = true;
    }
    return result;
}

/* What was withdrawn is overwritten in the file; the log goes, too, unless somebody reads it just
 * now: then with the next. */
static void forget_withdrawn(struct session *s, uint32_t before)
{
    if (s->counts.retracted != before)
        (void)!spaces_empty_log(s->r, NULL);
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
    struct arena a;
    char *text = NULL;
    arena_init(&a, 65536);
    int result = replica_meta_get(s->r, EPOCH_KEY, &a, &text, error);
    bool known = text != NULL, same = text && epoch && strcmp(text, epoch) == 0;
    arena_release(&a);
    if (result < 0 || !epoch || same)
        return result;
    result = replica_begin(s->r, error);
    if (result < 0)
        return result;
    if (known) {
        result = outgoing_offer_all(s->r, error);
        if (result == 0)
            result = media_work_offer_all(s->r, error);
        *again = true;
    }
    if (result == 0)
        result = replica_meta_set(s->r, EPOCH_KEY, epoch, error);
    return replica_end(s->r, result, error);
}

/* Rows and cursor in one transaction. A row of a space that is not known here is not lost: the
 * cursor stays until the space is. */
/* What came by the cursor of all while a space came by its own may be newer than that: a row that
 * was withdrawn would be here again for ever. Then the space is asked for once more (G-T9). */
static int part_is_whole(struct session *s, struct raum_error *error)
{
    char *common = NULL;
    int result = s->own_cursor ? replica_meta_get(s->r, CURSOR_KEY, &s->arena, &common, error) : 0;
    if (result < 0 || (s->own_cursor && !same_cursor(common, s->common)))
        return result;
    return is_whole(s, error);
}

static int merge_answer(struct session *s, const struct wire_answer *answer,
                        struct json_value retracts, struct incoming_report *report,
                        struct raum_error *error)
{
    int result = incoming_apply(s->r, answer->changes, answer->change_count, report, error);
    if (result == 0)
        result = take_retracts(s, retracts, error);
    if (result == 0)
        result = note_heard(s, report->heard, error);
    if (result < 0 || !answer->until || (report->unknown > 0 && !PLANT(SYNC_CURSOR)))
        return result;
    result = move_cursor(s, answer->until, error);
    return result == 0 && !answer->more ? part_is_whole(s, error) : result;
}

static int take_news(struct session *s, const struct wire_answer *answer,
                     struct json_value retracts, bool *again, struct raum_error *error)
{
    struct incoming_report report = {0};
    uint32_t retracted = s->counts.retracted;
    bool stands = false;
    int result = replica_begin(s->r, error);
    if (result < 0)
        return result;
    result = cursor_stands(s, &stands, error);
    stands &= !s->stale;
    if (result == 0 && stands)
        result = merge_answer(s, answer, retracts, &report, error);
    result = replica_end(s->r, result, error);
    if (result < 0)
        return result;
    forget_withdrawn(s, retracted);
    s->counts.received += answer->change_count;
    s->counts.merged += report.merged;
    s->counts.unknown += report.unknown;
    s->counts.behind = answer->behind;
    *again |= !stands || (s->part != s->only && report.unknown == 0);
    if (stands && report.unknown == 0 && !answer->more && !s->part)
        s->behind = false;
    return 0;
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
    show_ahead(s, &answer);
    /* Which server it was is kept before what it took counts as taken: a crash between would leave
     * nothing to offer again once that server is another (G-O4). */
    result = look_at_epoch(s, answer.epoch, &again, error);
    if (result == 0)
        result = take_results(s, &answer, &again, error);
    if (result == 0)
        result = take_news(s, &answer, json_get(json_root(&doc), "retracts"), &again, error);
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
    s->early = false;
    if (status == 200)
        return take_answer(s, now_ms, body, len, error);
    if (status == 404 && s->part) { /* the space is not there for this account: since when? */
        s->counts.unknown = 1;
        s->state = IDLE;
        return 0;
    }
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

/* ---- the stream ---- */

static int take_changes(struct session *s, const struct json_doc *doc, struct arena *a,
                        struct raum_error *error)
{
    struct wire_answer event;
    struct incoming_report report = {0};
    int result = wire_read_event(doc, a, &event, NULL);
    if (result < 0)
        return result == RAUM_ENOMEM ? err_set(error, result, NULL) : RAUM_END;
    result = replica_begin(s->r, error);
    if (result < 0)
        return result;
    result = incoming_apply(s->r, event.changes, event.change_count, &report, error);
    if (result == 0)
        result = note_heard(s, report.heard, error);
    s->behind |= report.unknown > 0;
    s->ask_spaces |= report.unknown > 0;
    if (result == 0 && event.until && (!s->behind || PLANT(SYNC_BEHIND)))
        result = replica_meta_set(s->r, CURSOR_KEY, event.until, error);
    result = replica_end(s->r, result, error);
    if (result < 0)
        return result;
    s->counts.received += event.change_count;
    s->counts.merged += report.merged;
    return 0;
}

/* A request that is under way may bring the row once more, as it was before: it is asked again. */
static int take_retract(struct session *s, struct json_value v, struct arena *a,
                        struct raum_error *error)
{
    const char *space = json_str(json_get(v, "spaceId"), a),
               *table = json_str(json_get(v, "table"), a), *id = json_str(json_get(v, "id"), a);
    if (!space || !table || !id)
        return RAUM_END;
    bool asked = s->state == SENT || s->early;
    s->again |= asked;
    s->stale |= asked;
    s->counts.retracted++;
    int result = PLANT(SYNC_WITHDRAW) ? 0 : incoming_retract(s->r, space, table, id, error);
    if (result == 0)
        forget_withdrawn(s, s->counts.retracted - 1);
    return result;
}

/* G-S3. Its cursor does not know the space any more. */
static int take_left(struct session *s, struct json_value v, struct arena *a,
                     struct raum_error *error)
{
    const char *id = json_str(json_get(v, "spaceId"), a),
               *until = json_str(json_get(v, "syncedUntil"), a);
    if (!id)
        return RAUM_END;
    int result = replica_begin(s->r, error);
    if (result < 0)
        return result;
    const struct space *space = intern_space_find(s->r, id);
    bool ours =
        space && space->type > SPACE_PERSONAL && !space->offline && space->role != ROLE_NONE;
    if (ours)
        result = leave_mark(s->r, space->ref, false, error);
    if (result == 0 && until && !s->behind)
        result = replica_meta_set(s->r, CURSOR_KEY, until, error);
    result = replica_end(s->r, result, error);
    s->counts.left += ours;
    return result == 0 && ours ? leave_finish(s->r, s->tell, s->tell_arg, error) : result;
}

/* Who is in which space may have changed while there was no stream. */
static int take_ready(struct session *s, struct json_value v, struct arena *a,
                      struct raum_error *error)
{
    bool again = false;
    s->behind = false;
    s->ask_spaces = true;
    int result = look_at_epoch(s, json_str(json_get(v, "epoch"), a), &again, error);
    if (result == 0 && again)
        session_start(s);
    return result;
}

int session_event(struct session *s, int64_t now_ms, const char *name, const void *data, size_t len,
                  struct raum_error *error)
{
    struct json_doc doc;
    struct arena a;
    (void)now_ms;
    if (len > ANSWER_MAX)
        return RAUM_END;
    json_init(&doc);
    arena_init(&a, 256u << 20);
    int result = json_parse(&doc, data, len, 0, NULL);
    struct json_value root = json_root(&doc);
    if (result < 0)
        result = result == RAUM_ENOMEM ? err_set(error, result, NULL) : RAUM_END;
    else if (strcmp(name, "changes") == 0)
        result = take_changes(s, &doc, &a, error);
    else if (strcmp(name, "retract") == 0)
        result = take_retract(s, root, &a, error);
    else if (strcmp(name, "space-left") == 0)
        result = take_left(s, root, &a, error);
    else if (strcmp(name, "ready") == 0)
        result = take_ready(s, root, &a, error);
    else if (strcmp(name, "space-joined") == 0)
        s->ask_spaces = true;
    json_release(&doc);
    arena_release(&a);
    return result;
}
