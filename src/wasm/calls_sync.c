/* The conversation with the server (sync/session.h): the host carries requests, answers and the
 * stream's bytes. And what of it the user sees: parked, conflicts, quarantine. */
#include "base/err.h"
#include "engine/conflicts.h"
#include "engine/intern.h"
#include "engine/media_work.h"
#include "engine/quarantine.h"
#include "engine/spaces.h"
#include "schema/rights.h"
#include "sync/outgoing.h"
#include "wasm/app.h"
#include <stdlib.h>
#include <string.h>

static int64_t now_ms(const struct call *c)
{
    return c->app->raum->env->now_ms(c->app->raum->env->ctx);
}

static int need(struct call *c)
{
    return c->app->session ? 0 : session_new(&c->app->session, c->app->raum, c->error);
}

static int start(struct call *c)
{
    int rc = need(c);
    if (rc == 0)
        session_start(c->app->session);
    return rc;
}

static int awake(struct call *c)
{
    int rc = need(c);
    if (rc == 0)
        session_awake(c->app->session);
    return rc;
}

static int stop(struct call *c)
{
    session_free(c->app->session);
    c->app->session = NULL;
    return 0;
}

/* {action: send|wait|idle|stopped, space, until, spaces, …counts}; the body as bytes. spaces: the
 * list of spaces is to be asked for. */
static int next(struct call *c)
{
    static const char *const actions[] = {"send", "wait", "idle", "stopped"};
    struct session_step step = {0};
    int rc = need(c);
    if (rc == 0)
        rc = session_next(c->app->session, now_ms(c), &step, c->error);
    if (rc)
        return rc;
    const struct session_counts *n = session_counts(c->app->session);
    bool ask = step.action == SESSION_IDLE && session_ask_spaces(c->app->session);
    if (step.action == SESSION_SEND)
        buf_add(c->bytes, step.body, step.len);
    json_open_object(c->out);
    answer_str(c, "action", actions[step.action]);
    answer_str(c, "space", step.action == SESSION_SEND ? step.space : NULL);
    answer_int(c, "until", step.action == SESSION_WAIT ? step.until : 0);
    answer_flag(c, "spaces", ask || (step.action == SESSION_IDLE && n->unknown > 0));
    answer_int(c, "applied", n->applied);
    answer_int(c, "merged", n->merged);
    answer_int(c, "parked", n->parked);
    answer_int(c, "behind", n->behind);
    answer_str(c, "trouble", session_trouble(c->app->session));
    json_close_object(c->out);
    return 0;
}

/* {status, retryMs}, the body as bytes. */
static int answer(struct call *c)
{
    int rc = need(c);
    return rc ? rc
              : session_answer(c->app->session, now_ms(c), (int)call_number(c, "status"),
                               call_number(c, "retryMs"), c->blob ? c->blob : "", c->blob_len,
                               c->error);
}

static int since(struct call *c)
{
    char *cursor = NULL;
    int rc = need(c);
    if (rc == 0)
        rc = session_since(c->app->session, c->arena, &cursor, c->error);
    if (rc)
        return rc;
    sse_reset(&c->app->sse);
    json_open_object(c->out);
    answer_str(c, "since", cursor);
    json_close_object(c->out);
    return 0;
}

static int on_event(void *arg, const struct sse_event *event)
{
    struct call *c = arg;
    return session_event(c->app->session, now_ms(c), event->name, event->data, event->len,
                         c->error);
}

/* Bytes of the stream as they come. {over}: end it and begin anew later. */
static int feed(struct call *c)
{
    int rc = need(c);
    int fed = rc ? rc : sse_feed(&c->app->sse, c->blob, c->blob_len, on_event, c);
    if (fed < 0 && fed != RAUM_EBUSY && c->error->code)
        return fed;
    json_open_object(c->out);
    answer_flag(c, "over", fed != 0);
    json_close_object(c->out);
    return rc;
}

/* {waits}: something was written here that the server does not have. */
static int news(struct call *c)
{
    bool waits = false;
    int rc = outgoing_waits(c->app->raum, &waits, c->error);
    json_open_object(c->out);
    answer_flag(c, "waits", waits);
    json_close_object(c->out);
    return rc;
}

/* ---- what the user sees ---- */

struct tell {
    struct call *c;
    int64_t count;
};

static int count_quarantine(void *arg, const struct quarantine *q, struct raum_error *error)
{
    struct tell *t = arg;
    (void)q, (void)error;
    t->count++;
    return 0;
}

/* {pending, parked, conflicts, quarantined, uploads, refused} of all spaces. */
static int totals(struct call *c)
{
    struct raum *r = c->app->raum;
    struct outgoing_state state = {0};
    struct media_state pictures = {0};
    struct tell t = {.c = c};
    int64_t conflicts = 0, some;
    int rc = outgoing_state(r, 0, &state, c->error);
    for (uint32_t i = 1; i < r->space_count && rc == 0; i++) {
        const struct space *s = intern_space(r, i);
        if (!s || !s->id || s->role == ROLE_NONE)
            continue;
        rc = conflicts_count(r, i, &some, c->error);
        conflicts += rc == 0 ? some : 0;
    }
    if (rc == 0)
        rc = quarantine_each(r, count_quarantine, &t, c->error);
    if (rc == 0)
        rc = media_work_state(r, 0, &pictures, c->error);
    json_open_object(c->out);
    answer_int(c, "pending", state.pending);
    answer_int(c, "parked", state.parked);
    answer_int(c, "conflicts", conflicts);
    answer_int(c, "quarantined", t.count);
    answer_int(c, "uploads", pictures.unsent);
    answer_int(c, "refused", pictures.refused);
    json_close_object(c->out);
    return rc;
}

static int status(struct call *c)
{
    struct raum *r = c->app->raum;
    int rc = 0;
    json_open_array(c->out);
    for (uint32_t i = 1; i < r->space_count && rc == 0; i++) {
        const struct space *s = intern_space(r, i);
        struct outgoing_state state = {0};
        int64_t conflicts = 0;
        bool coming = false;
        if (!s || !s->id || s->type < 0 || s->role == ROLE_NONE)
            continue;
        rc = outgoing_state(r, i, &state, c->error);
        if (rc == 0)
            rc = conflicts_count(r, i, &conflicts, c->error);
        if (rc == 0)
            rc = session_coming(r, i, &coming, c->error);
        json_open_object(c->out);
        answer_str(c, "space", s->id);
        answer_int(c, "pending", state.pending);
        answer_int(c, "parked", state.parked);
        answer_int(c, "conflicts", conflicts);
        answer_flag(c, "coming", coming);
        json_close_object(c->out);
    }
    json_close_array(c->out);
    return rc;
}

static int put_parked(void *arg, const char *space, const char *table, const char *id, int code,
                      struct raum_error *error)
{
    struct call *c = arg;
    (void)error;
    json_open_object(c->out);
    answer_str(c, "space", space);
    answer_str(c, "table", table);
    answer_str(c, "id", id);
    answer_str(c, "code", raum_code_name(code));
    json_close_object(c->out);
    return 0;
}

static int parked(struct call *c)
{
    json_open_array(c->out);
    int rc = outgoing_parked(c->app->raum, put_parked, c, c->error);
    json_close_array(c->out);
    return rc;
}

static int retry(struct call *c)
{
    const char *code = call_maybe(c, "code");
    return outgoing_retry(c->app->raum, code ? err_code(code) : 0, c->error);
}

static const char *space_id; /* of conflicts_each's call */

static int put_conflict(void *arg, const struct conflict *x, struct raum_error *error)
{
    struct call *c = arg;
    char at[CLOCK_TEXT];
    (void)error;
    clock_format(x->at, at);
    json_open_object(c->out);
    answer_int(c, "id", x->id);
    answer_str(c, "space", space_id);
    answer_str(c, "table", x->table);
    answer_str(c, "row", x->row);
    answer_str(c, "field", x->field);
    json_put_key(c->out, "value");
    json_put_raw(c->out, x->value, x->len);
    answer_str(c, "at", at);
    answer_str(c, "by", x->by);
    json_close_object(c->out);
    return 0;
}

static int conflicts(struct call *c)
{
    struct raum *r = c->app->raum;
    int rc = 0;
    json_open_array(c->out);
    for (uint32_t i = 1; i < r->space_count && rc == 0; i++) {
        const struct space *s = intern_space(r, i);
        if (!s || !s->id || s->type < 0 || s->role == ROLE_NONE)
            continue;
        space_id = s->id;
        rc = conflicts_each(r, i, put_conflict, c, c->error);
    }
    json_close_array(c->out);
    return rc;
}

/* Both with {id, space}: a notice is read and answered in its own space. */
static int conflict_restore(struct call *c)
{
    const char *space = call_text(c, "space");
    struct raum_handle *h = NULL;
    int rc = space ? raum_scope_new(c->app->raum, &h, c->error) : c->error->code;
    if (rc == 0)
        rc = raum_scope_set(h, space, c->error);
    if (rc == 0)
        rc = conflicts_restore(h, call_number(c, "id"), c->error);
    raum_handle_free(h);
    return rc;
}

static int conflict_dismiss(struct call *c)
{
    const char *space = call_text(c, "space");
    const struct space *s = NULL;
    int rc = space ? spaces_find(c->app->raum, space, &s, c->error) : c->error->code;
    return rc ? rc : conflicts_dismiss(c->app->raum, s->ref, call_number(c, "id"), c->error);
}

/* ---- the quarantine ---- */

static int put_quarantine(void *arg, const struct quarantine *q, struct raum_error *error)
{
    struct call *c = arg;
    char at[CLOCK_TEXT];
    (void)error;
    clock_format_ms(q->at_ms, at);
    json_open_object(c->out);
    answer_str(c, "id", q->id);
    answer_str(c, "name", q->name);
    answer_str(c, "at", at);
    answer_int(c, "rows", q->rows);
    answer_int(c, "pictures", q->pictures);
    answer_flag(c, "locked", q->locked);
    json_close_object(c->out);
    return 0;
}

static int quarantines(struct call *c)
{
    json_open_array(c->out);
    int rc = quarantine_each(c->app->raum, put_quarantine, c, c->error);
    json_close_array(c->out);
    return rc;
}

static int quarantine_away(struct call *c)
{
    const char *id = call_text(c, "id");
    return id ? quarantine_drop(c->app->raum, id, c->error) : c->error->code;
}

/* The archive's entries, in memory while they are read back. */
struct entries {
    struct buf all; /* lengths of name and bytes, name, bytes; one after the other */
    size_t at;
};

static int keep_entry(void *ctx, const char *name, const void *data, size_t len,
                      struct raum_error *error)
{
    struct entries *e = ctx;
    size_t sizes[2] = {strlen(name) + 1, len};
    buf_add(&e->all, sizes, sizeof sizes);
    buf_add(&e->all, name, sizes[0]);
    buf_add(&e->all, data, len);
    return buf_error(&e->all, error);
}

static int next_entry(void *ctx, const char **name, const void **data, size_t *len,
                      struct raum_error *error)
{
    struct entries *e = ctx;
    size_t sizes[2];
    (void)error;
    if (e->at >= e->all.len)
        return RAUM_END;
    memcpy(sizes, e->all.data + e->at, sizeof sizes);
    *name = e->all.data + e->at + sizeof sizes;
    *data = *name + sizes[0];
    *len = sizes[1];
    e->at += sizeof sizes + sizes[0] + sizes[1];
    return 0;
}

static int rewind_entries(void *ctx, struct raum_error *error)
{
    struct entries *e = ctx;
    (void)error;
    e->at = 0;
    return 0;
}

static int write_picture(void *ctx, const char *hash, const void *data, size_t len,
                         struct raum_error *error)
{
    struct pictures *p = ctx;
    struct media_item item;
    int rc = pictures_prepare(p, data, len, &item, error);
    if (rc == 0 && strcmp(item.hash, hash) != 0)
        rc = err_set(error, RAUM_ECORRUPT, "a picture is not what its name says");
    return rc;
}

/* Becomes an offline space of its own, and is then gone from the quarantine. */
static int quarantine_restore(struct call *c)
{
    const char *id = call_text(c, "id");
    struct entries e = {0};
    struct archive_report report = {0};
    const struct archive_sink sink = {&e, keep_entry};
    const struct archive_source source = {&e, next_entry, rewind_entries};
    const struct archive_media media = {&c->app->pictures, NULL, write_picture};
    if (!id)
        return c->error->code;
    buf_init(&e.all, (size_t)512 << 20);
    int rc = quarantine_export(c->app->raum, id, &sink, c->error);
    if (rc == 0)
        rc = archive_import(c->app->raum, &source, &media, false, &report, c->error);
    if (rc == 0)
        rc = quarantine_drop(c->app->raum, id, c->error);
    buf_release(&e.all);
    json_open_object(c->out);
    answer_int(c, "rows", report.rows);
    json_close_object(c->out);
    return rc;
}

const struct call_entry calls_sync[] = {
    {"session.start", start, CALL_READ},
    {"session.awake", awake, CALL_READ},
    {"session.stop", stop, CALL_READ},
    {"session.next", next, CALL_READ},
    {"session.answer", answer, CALL_READ},
    {"session.since", since, CALL_READ},
    {"session.feed", feed, CALL_READ},
    {"session.news", news, CALL_READ},
    {"sync.totals", totals, CALL_READ},
    {"sync.status", status, CALL_READ},
    {"parked.list", parked, CALL_READ},
    {"parked.retry", retry, CALL_ONCE},
    {"conflict.list", conflicts, CALL_READ},
    {"conflict.restore", conflict_restore, CALL_ONCE},
    {"conflict.dismiss", conflict_dismiss, CALL_ONCE},
    {"quarantine.list", quarantines, CALL_READ},
    {"quarantine.restore", quarantine_restore, CALL_READ},
    {"quarantine.drop", quarantine_away, CALL_READ},
    {0},
};
