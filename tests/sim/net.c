/* What goes over the wire, and what becomes of it: each request is also given to the model, and the
 * server's answer must be the model's. */
#include "sim/sim.h"

#include "base/clock.h"

#define RESULTS 6000

static struct mresult results[RESULTS];

/* ---- an answer, as the model has it ---- */

static void check_result(int index, struct json_value v, const struct mresult *wanted)
{
    int64_t said = -1;
    struct json_value code = json_get(v, "code");
    if (!json_int(json_get(v, "index"), &said) || said != index)
        sim_die("result %d is of another change", index);
    bool fits = json_equals(json_get(v, "status"), wanted->status) &&
                (wanted->code ? json_equals(code, raum_code_name(wanted->code)) : !code.doc);
    if (!fits) {
        size_t len;
        const char *raw = json_raw(v, &len);
        sim_die("%s/%s of %s: %.*s instead of %s %s", wanted->table, wanted->id,
                wanted->space ? wanted->space : "nowhere", (int)len, raw, wanted->status,
                wanted->code ? raum_code_name(wanted->code) : "");
    }
    if (wanted->code == RAUM_ECLOCK_AHEAD && !json_is(json_get(v, "serverTime"), JSON_STRING))
        sim_die("who is ahead is not told the time");
}

static const char *text_of(struct json_value v)
{
    struct arena a;
    arena_init(&a, 1 << 20);
    const char *text = json_str(v, &a), *out = text ? model_str(text) : NULL;
    arena_release(&a);
    return out;
}

static void check_field(const struct mrow *row, struct json_value v)
{
    uint64_t at = 0;
    size_t len = 0;
    const char *name = text_of(json_key(v)), *raw = json_raw(json_get(v, "value"), &len);
    const char *text = text_of(json_get(v, "at"));
    const struct mfield *f = model_field(row, name);
    if (!f || clock_parse(text, strlen(text), &at) != 0 || at != f->at ||
        !model_same(model_text(raw, len), f->value))
        sim_die("%s of %s/%s is sent as %.*s at %s, it is %s", name, row->table, row->id, (int)len,
                raw, text, f ? f->value : "not there");
    const char *dev = text_of(json_get(v, "dev")), *by = text_of(json_get(v, "by"));
    if ((dev && strcmp(dev, f->dev) != 0) || (by && strcmp(by, f->by) != 0))
        sim_die("%s of %s/%s is by %s of %s, not of %s", name, row->table, row->id, f->by, f->dev,
                dev ? dev : "?");
}

/* G-S1, G-T9: a row that the account may see at this moment, whole and as it is. */
static const struct mrow *check_sent(const char *account, struct json_value change)
{
    const char *space = text_of(json_get(change, "spaceId")),
               *table = text_of(json_get(change, "table")), *id = text_of(json_get(change, "id"));
    int count = 0;
    if (people_role(account, space) == ROLE_NONE)
        sim_die("%s was sent a row of %s", account, space);
    const struct mrow *row = model_find(&sim.model, space, table, id);
    if (!row)
        sim_die("%s was sent %s/%s of %s, which nobody wrote", account, table, id, space);
    if (model_is_private(row) && strcmp(model_field_text(row, "authorId"), account) != 0)
        sim_die("%s was sent %s/%s, which is private", account, table, id);
    struct json_value fields = json_get(change, "fields");
    for (struct json_value v = json_first(fields); v.doc; v = json_next(fields, v), count++)
        check_field(row, v);
    if (count != row->count)
        sim_die("%s/%s was sent with %d of %d fields", table, id, count, row->count);
    return row;
}

static void check_retract(const char *account, struct json_value v)
{
    const char *space = text_of(json_get(v, "spaceId")), *table = text_of(json_get(v, "table")),
               *id = text_of(json_get(v, "id"));
    const struct mrow *row = model_find(&sim.model, space, table, id);
    if (people_role(account, space) == ROLE_NONE || !row || !model_is_private(row) ||
        strcmp(model_field_text(row, "authorId"), account) == 0 ||
        (!check_was_shared(space, table, id) && !sim.weather.restores)) /* it cannot know then */
        sim_die("%s/%s was withdrawn from %s without a reason", table, id, account);
}

/* What lost is told what won, wherever its cursor stands. */
static void check_beaten(const char *account, const struct mresult *r, struct json_value changes)
{
    const struct mrow *row = r->lost ? model_find(&sim.model, r->space, r->table, r->id) : NULL;
    if (!row || (model_is_private(row) && strcmp(model_field_text(row, "authorId"), account) != 0))
        return;
    for (struct json_value v = json_first(changes); v.doc; v = json_next(changes, v))
        if (json_equals(json_get(v, "id"), r->id) && json_equals(json_get(v, "table"), r->table) &&
            json_equals(json_get(v, "spaceId"), r->space))
            return;
    sim_die("%s lost in %s/%s and was not told what won", account, r->table, r->id);
}

static void check_answer(const char *account, const char *body, size_t len, int count)
{
    struct json_doc doc;
    json_init(&doc);
    NEED(json_parse(&doc, body, len, 0, &sim.error));
    struct json_value root = json_root(&doc), list = json_get(root, "results"),
                      changes = json_get(root, "serverChanges"),
                      retracts = json_get(root, "retracts");
    int index = 0;
    for (struct json_value v = json_first(list); v.doc && index < count; v = json_next(list, v))
        check_result(index, v, &results[index]), index++;
    if (index != count)
        sim_die("%d results for %d changes", index, count);
    for (struct json_value v = json_first(changes); v.doc; v = json_next(changes, v))
        (void)check_sent(account, v);
    for (struct json_value v = json_first(retracts); v.doc; v = json_next(retracts, v))
        check_retract(account, v);
    for (int i = 0; i < count; i++)
        check_beaten(account, &results[i], changes);
    json_release(&doc);
}

/* RAUM_SIM_SHOW=ID: what is said of one row. */
static void show(const char *account, const char *what, const char *body, size_t len)
{
    static const char *id;
    const char *at = body;
    if (!id)
        id = getenv("RAUM_SIM_SHOW") ? getenv("RAUM_SIM_SHOW") : "";
    while (*id && (at = memmem(at, len - (size_t)(at - body), id, strlen(id)))) {
        const char *end = memmem(at, len - (size_t)(at - body), "\"table\"", 7);
        printf("step %d, %s %s: %.*s\n", sim.step, account, what,
               (int)((end ? end : body + len) - at), at);
        at += strlen(id);
    }
}

/* ---- a request at the server ---- */

static int64_t seq_at_server(const char *space)
{
    struct sql_rows *rows;
    int64_t seq = 0;
    int result =
        sql_one(sim.sql, &rows, &sim.error, "SELECT seq FROM partitions WHERE id = ?1", "s", space);
    if (result == 0)
        seq = sql_int(rows, "seq");
    sql_rows_free(rows);
    return seq;
}

static void note_shared(int count)
{
    for (int i = 0; i < count; i++) {
        const struct mresult *r = &results[i];
        const struct mrow *row =
            r->space ? model_find(&sim.model, r->space, r->table, r->id) : NULL;
        if (row && !model_is_private(row))
            check_shared(r->space, r->table, r->id);
    }
}

/* It died: each partition's changes are there as a whole or not at all (G-O1). */
static void after_death(const struct mcaller *who, const struct json_doc *doc)
{
    static struct model before;
    const char *done[MODEL_PARTS];
    int count = 0;
    struct json_value list = json_get(json_root(doc), "changes");
    server_close();
    disk_revive(OWNER_SERVER, sim_below(2), &sim.state);
    server_open();
    for (int i = 0; i < (int)json_count(list) && i < RESULTS; i++) {
        const char *space = results[i].space;
        int k = 0;
        while (k < count && done[k] != space)
            k++;
        if (!space || k < count || count == MODEL_PARTS)
            continue;
        done[count++] = space;
        model_copy(&before, &sim.model);
        static struct mresult again[RESULTS];
        model_apply(&sim.model, who, doc, space, again);
        int64_t seq = seq_at_server(space);
        if (model_seen(&sim.model, space, seq))
            continue;
        model_copy(&sim.model, &before);
        if (seq != model_seq(&before, space))
            sim_die("%s is at %lld after a crash, it was at %lld", space, (long long)seq,
                    (long long)model_seq(&before, space));
    }
    sim.model.last = 0;
    note_shared((int)json_count(list));
}

static void check_written(const struct relay_written *written, uint32_t count, int changes)
{
    struct model *m = &sim.model;
    for (uint32_t i = 0; i < count; i++)
        if (!model_seen(m, model_str(written[i].partition), written[i].to))
            sim_die("%s is at %lld, which is not what was taken", written[i].partition,
                    (long long)written[i].to);
    for (int i = 0; i < m->part_count; i++) {
        if (m->parts[i].taken)
            sim_die("nothing was written to %s", m->parts[i].space);
        if (changes && count == 0 && !sim_postgres &&
            seq_at_server(m->parts[i].space) != m->parts[i].seq)
            sim_die("something was written to %s", m->parts[i].space);
    }
}

/* What the server answered: the model must have come to the same. */
static void check_served(const struct packet *p, int status, const struct relay_written *written,
                         uint32_t count, const struct json_doc *doc, const struct buf *out)
{
    struct mcaller caller = {model_str(p->account), sim.server_world.now_ms, people_role};
    int changes = (int)json_count(json_get(json_root(doc), "changes"));
    model_apply(&sim.model, &caller, doc, NULL, results);
    note_shared(changes);
    check_written(written, count, changes);
    show(p->account, "is told", buf_text(out), out->len);
    bool member = !p->space || people_role(p->account, p->space) != ROLE_NONE;
    if ((status == 200) != member)
        sim_die("%s is answered %d over %s", p->account, status, p->space ? p->space : "all");
    if (status == 200)
        check_answer(p->account, buf_text(out), out->len, changes);
}

int net_serve(const struct packet *p, bool may_die, char **answer, size_t *answer_len)
{
    struct arena a;
    struct buf out;
    struct json_doc doc;
    struct relay_written *written;
    uint32_t count;
    struct relay_caller who = {.account = p->account, .client = p->client};
    struct mcaller caller = {model_str(p->account), sim.server_world.now_ms, people_role};
    static struct model asked; /* what would be, if it had not died */
    arena_init(&a, 256u << 20);
    buf_init(&out, 32u << 20);
    json_init(&doc);
    *answer = NULL;
    *answer_len = 0;
    NEED(json_parse(&doc, p->body, p->len, 0, &sim.error));
    if (may_die && sim.weather.crashes && !sim_postgres && sim_below(8) == 0)
        disk_kill_after(OWNER_SERVER, (long)sim_below(40));
    int result =
        relay_exchange(sim.relay, &who, &doc, p->space, &a, &out, &written, &count, &sim.error);
    int status = disk_is_dead(OWNER_SERVER) ? 0 : result == RAUM_ENOT_FOUND ? 404 : 200;
    show(p->account, status ? "asks" : "asks a dying server", p->body, p->len);
    if (result < 0 && status == 200)
        sim_die("the server fails: %s", sim.error.text);
    disk_kill_after(OWNER_SERVER, -1);
    if (status) {
        check_served(p, status, written, count, &doc, &out);
        *answer = buf_detach(&out, answer_len);
    } else {
        model_copy(&asked, &sim.model);
        model_apply(&asked, &caller, &doc, NULL, results);
        after_death(&caller, &doc);
    }
    json_release(&doc);
    buf_release(&out);
    arena_release(&a);
    return status;
}

/* ---- a device's session ---- */

/* G-O4, G-S5: what the sender was told is taken is not lost again. */
static void note_told(int i, const char *body, size_t len)
{
    struct device *d = &sim.devices[i];
    struct json_doc asked, said;
    json_init(&asked);
    json_init(&said);
    NEED(json_parse(&asked, d->sent, d->sent_len, 0, &sim.error));
    NEED(json_parse(&said, body, len, 0, &sim.error));
    struct json_value changes = json_get(json_root(&asked), "changes"),
                      list = json_get(json_root(&said), "results"), r = json_first(list);
    for (struct json_value c = json_first(changes); c.doc && r.doc;
         c = json_next(changes, c), r = json_next(list, r)) {
        struct json_value fields = json_get(c, "fields");
        const char *space = text_of(json_get(c, "spaceId")), *id = text_of(json_get(c, "id"));
        char personal[60];
        if (strncmp(space, "_personal:", 10) == 0) {
            snprintf(personal, sizeof personal, "p-%s", space + 10);
            space = model_str(personal);
        }
        if (json_equals(json_get(r, "status"), "rejected"))
            continue;
        for (struct json_value v = json_first(fields); v.doc; v = json_next(fields, v)) {
            size_t raw_len;
            const char *raw = json_raw(json_get(v, "value"), &raw_len),
                       *at = text_of(json_get(v, "at")), *dev = text_of(json_get(v, "dev"));
            struct mfield f = {.name = text_of(json_key(v)),
                               .value = model_text(raw, raw_len),
                               .dev = dev ? dev : model_str(d->r->device),
                               .by = model_str(sim_accounts[d->account])};
            if (clock_parse(at, strlen(at), &f.at) == 0)
                check_told(space, text_of(json_get(c, "table")), id, &f);
        }
    }
    json_release(&asked);
    json_release(&said);
}

static void answer(int i, int status, const char *body, size_t len)
{
    struct device *d = &sim.devices[i];
    int result = session_answer(d->session, d->world.now_ms, status, 0, body, len, &sim.error);
    if (!sim_done(i, result, false, "an answer"))
        return;
    if (status == 200)
        note_told(i, body, len);
    check_device(i);
}

static void remember_sent(struct device *d, const struct session_step *step)
{
    d->sent = realloc(d->sent, step->len + 1);
    memcpy(d->sent, step->body, step->len);
    d->sent[step->len] = '\0';
    d->sent_len = step->len;
    d->sent_space = model_str(step->space);
}

static struct packet packet_of(int i)
{
    const struct device *d = &sim.devices[i];
    return (struct packet){sim_accounts[d->account], model_str(d->r->device), d->sent_space,
                           d->sent, d->sent_len};
}

/* It arrives some day; its sender does not wait for it. */
static void delay(int i)
{
    for (int n = 0; n < PACKETS; n++) {
        struct packet *p = &sim.packets[n];
        if (p->account)
            continue;
        *p = packet_of(i);
        p->body = malloc(p->len);
        memcpy(p->body, sim.devices[i].sent, p->len);
        return;
    }
}

void net_deliver_packet(void)
{
    char *body = NULL;
    size_t len = 0;
    int count = 0;
    while (count < PACKETS && sim.packets[count].account)
        count++;
    if (count == 0)
        return;
    int which = (int)sim_below((uint32_t)count);
    struct packet p = sim.packets[which];
    sim.packets[which] = sim.packets[count - 1];
    sim.packets[count - 1] = (struct packet){0};
    (void)net_serve(&p, true, &body, &len);
    free(body);
    free(p.body);
}

void net_forget(void)
{
    for (int p = 0; p < PACKETS; p++)
        free(sim.packets[p].body);
}

/* What will be asked next is asked at once, as the command does. */
void net_ahead(void *arg, const struct session_step *step)
{
    struct device *d = arg;
    net_drop_early(d);
    struct packet p = {sim_accounts[d->account], model_str(d->r->device), model_str(step->space),
                       strndup(step->body, step->len), step->len};
    d->early_for = p.body;
    d->early_space = p.space;
    if (net_serve(&p, true, &d->early, &d->early_len) != 200)
        net_drop_early(d);
}

void net_drop_early(struct device *d)
{
    free(d->early);
    free(d->early_for);
    d->early = d->early_for = NULL;
}

/* Was it asked already? Then that is the answer, whatever happened since; sometimes only later. */
static bool answered_early(int i)
{
    struct device *d = &sim.devices[i];
    if (!d->early)
        return false;
    bool same = strcmp(d->early_for, d->sent) == 0 && d->early_space == d->sent_space;
    char *body = same ? d->early : NULL;
    if (same)
        d->early = NULL;
    net_drop_early(d);
    if (same && sim_below(4) == 0) {
        d->late = body;
        d->late_len = d->early_len;
    } else if (same) {
        answer(i, 200, body, d->early_len);
        free(body);
    }
    return same;
}

/* What is between a request and its answer, when not all is well. */
static void unlucky(int i, uint32_t luck)
{
    struct device *d = &sim.devices[i];
    struct packet p = packet_of(i);
    char *body = NULL;
    size_t len = 0;
    if (luck < 8 || d->cut > sim.step) { /* the request is lost */
        answer(i, 0, NULL, 0);
        return;
    }
    if (luck < 16) { /* it is late: later ones overtake it */
        delay(i);
        answer(i, 0, NULL, 0);
        return;
    }
    int status = net_serve(&p, true, &body, &len);
    if (status && luck < 24) { /* it arrives twice */
        free(body);
        status = net_serve(&p, true, &body, &len);
    }
    if (status == 200 && luck >= 32 && luck < 55) { /* the answer is late: edits come before it */
        d->late = body;
        d->late_len = len;
        if (sim_below(2))
            edit_again(i);
        return;
    }
    answer(i, luck < 32 ? 0 : status, body, len); /* or it is lost */
    free(body);
}

bool net_turn(int i, bool fair)
{
    struct device *d = &sim.devices[i];
    struct session_step step;
    char *body = NULL;
    size_t len = 0;
    int result = session_next(d->session, d->world.now_ms, &step, &sim.error);
    if (!sim_done(i, result, false, "its session"))
        return false;
    if (step.action == SESSION_WAIT && fair)
        d->world.now_ms = step.until;
    if (step.action == SESSION_WAIT)
        return fair;
    if (step.action != SESSION_SEND)
        return false;
    if (d->late) { /* what was delayed arrives now */
        char *late = d->late;
        d->late = NULL;
        answer(i, 200, late, d->late_len);
        free(late);
        return true;
    }
    remember_sent(d, &step);
    if (answered_early(i))
        return true;
    if (!fair) {
        unlucky(i, sim_below(100));
        return true;
    }
    struct packet p = packet_of(i);
    int status = net_serve(&p, false, &body, &len);
    answer(i, status, body, len);
    free(body);
    return true;
}

/* ---- the stream ---- */

static bool event(int i, const char *name, const char *data, size_t len)
{
    struct device *d = &sim.devices[i];
    show(sim_accounts[d->account], name, data, len);
    int result = session_event(d->session, d->world.now_ms, name, data, len, &sim.error);
    if (result == RAUM_END)
        sim_die("device %d does not understand: %s %.*s", i, name, (int)len, data);
    if (!sim_done(i, result, false, "an event"))
        return false;
    check_device(i);
    return true;
}

static bool event_of(int i, const char *name, const char *key, const char *value)
{
    char text[200];
    int len = snprintf(text, sizeof text, "{\"%s\":\"%s\"}", key, value);
    return event(i, name, text, (size_t)len);
}

/* The changes of one table, one event; the last one of the page carries its cursor. */
static bool event_changes(int i, const struct relay_page *page, uint32_t from, uint32_t to,
                          const char *since)
{
    struct buf b;
    struct json_writer w;
    struct json_doc doc;
    bool last = to == page->answer.change_count;
    buf_init(&b, 32u << 20);
    json_begin(&w, &b);
    json_open_object(&w);
    json_put_key(&w, "table");
    json_put_str(&w, page->answer.changes[from].table);
    json_put_key(&w, "changes");
    json_open_array(&w);
    for (uint32_t n = from; n < to; n++)
        wire_put_change(&w, &page->answer.changes[n]);
    json_close_array(&w);
    json_put_key(&w, "syncedUntil");
    json_put_str(&w, last ? page->answer.until : since);
    json_put_key(&w, "hasMore");
    json_put_bool(&w, !last || page->answer.more);
    json_close_object(&w);
    json_init(&doc);
    NEED(json_parse(&doc, buf_text(&b), b.len, 0, &sim.error));
    struct json_value list = json_get(json_root(&doc), "changes");
    for (struct json_value v = json_first(list); v.doc; v = json_next(list, v))
        (void)check_sent(sim_accounts[sim.devices[i].account], v);
    json_release(&doc);
    bool fine = event(i, "changes", buf_text(&b), b.len);
    buf_release(&b);
    return fine;
}

static bool event_retract(int i, const struct relay_retract *r)
{
    char text[400];
    int len = snprintf(text, sizeof text, "{\"table\":\"%s\",\"id\":\"%s\",\"spaceId\":\"%s\"}",
                       r->table, r->id, r->space);
    return event(i, "retract", text, (size_t)len);
}

/* One page of what is behind the cursor. It may break off between any two events. */
static bool stream_page(int i, struct arena *a, const char **since, bool *more)
{
    struct device *d = &sim.devices[i];
    struct relay_page page;
    struct relay_caller who = {.account = sim_accounts[d->account], .client = d->r->device};
    NEED(relay_pull(sim.relay, &who, *since, NULL, a, &page, &sim.error));
    const struct wire_answer *answer = &page.answer;
    for (uint32_t n = 0; n < page.retract_count; n++)
        if (sim_below(15) == 0 || !event_retract(i, &page.retracts[n]))
            return false;
    for (uint32_t from = 0, to = 0; from < answer->change_count; from = to) {
        while (to < answer->change_count &&
               strcmp(answer->changes[to].table, answer->changes[from].table) == 0)
            to++;
        if (sim_below(15) == 0 || !event_changes(i, &page, from, to, *since))
            return false;
    }
    *more = answer->more;
    *since = answer->until;
    return true;
}

/* Subscribed, then what was missed, then what becomes of the account; edits and answers that are
 * on their way come in between. */
void net_stream(int i)
{
    struct device *d = &sim.devices[i];
    struct arena a;
    char epoch[17], *since;
    bool more = true;
    if (d->cut > sim.step || !d->met)
        return;
    arena_init(&a, 256u << 20);
    NEED(relay_epoch(sim.sql, &sim.server_world.env, epoch, &sim.error));
    bool fine = sim_done(i, session_since(d->session, &a, &since, &sim.error), false, "a stream") &&
                event_of(i, "ready", "epoch", epoch);
    const char *at = since;
    for (int s = 0; s < SHARED && fine; s++) {
        int role = sim.roles[d->account][s], before = d->stream_roles[s];
        d->stream_roles[s] = role;
        if (role == ROLE_NONE && before != ROLE_NONE)
            fine = event_of(i, "space-left", "spaceId", sim_spaces[s]);
        else if (role != ROLE_NONE && before == ROLE_NONE)
            fine = event_of(i, "space-joined", "spaceId", sim_spaces[s]);
    }
    while (fine && more) {
        fine = stream_page(i, &a, &at, &more);
        if (fine && sim_below(4) == 0)
            edit_again(i);
    }
    arena_release(&a);
    if (!disk_is_dead(i) && session_ask_spaces(d->session))
        (void)people_learn(i);
}
