/* A push: the changes of one request, partition by partition, each in one transaction. */
#include "base/plant.h"
#include "server/notice.h"
#include "server/relay/change.h"

#include <stdio.h>
#include <string.h>

struct pushing {
    struct relay *relay;
    const struct relay_caller *who;
    const struct wire_request *request;
    struct arena *a;
    struct wire_result *results;
    struct relay_part *parts; /* those that are named, each once */
    uint32_t *of;             /* which of them a change is for; UINT32_MAX: refused */
    uint32_t part_count;
};

static int place(struct pushing *p, uint32_t index, struct raum_error *error)
{
    const struct wire_change *c = &p->request->changes[index];
    struct relay_part part;
    struct wire_result *result = &p->results[index];
    *result = (struct wire_result){.index = index, .event = c->event, .status = WIRE_REJECTED};
    p->of[index] = UINT32_MAX;
    result->code = c->error;
    if (c->error)
        return 0;
    int rc = relay_part_of(p->relay, p->who, c, p->a, &part, error);
    if (rc == RAUM_ENOT_ALLOWED || rc == RAUM_EBAD_CHANGE) {
        result->code = rc;
        return 0;
    }
    if (rc < 0)
        return rc;
    uint32_t at = 0;
    while (at < p->part_count && strcmp(p->parts[at].id, part.id) != 0)
        at++;
    if (at == p->part_count)
        p->parts[p->part_count++] = part;
    p->of[index] = at;
    return 0;
}

/* The next changes of a partition, from *at on: begun, loaded, applied, written. */
static int push_batch(struct pushing *p, uint32_t which, struct relay_batch *b, uint32_t *at,
                      struct raum_error *error)
{
    struct relay_change *changes = arena_zero(b->a, BATCH_MAX * sizeof *changes);
    uint32_t count = 0;
    int result = changes ? 0 : err_set(error, RAUM_ENOMEM, NULL);
    for (; *at < p->request->count && count < BATCH_MAX && result == 0; ++*at) {
        if (p->of[*at] != which)
            continue;
        changes[count] = (struct relay_change){
            .who = p->who, .wire = &p->request->changes[*at], .result = &p->results[*at]};
        result = relay_change_begin(&changes[count++], b, error);
    }
    if (result == 0)
        result = relay_batch_load(b, error);
    for (uint32_t i = 0; i < count && result == 0; i++) {
        result = relay_change_apply(&changes[i], error);
        b->part->altered |= changes[i].altered || p->who->app ||
                            changes[i].result->status == WIRE_REJECTED;
    }
    return result ? result : relay_batch_write(b, error);
}

static int push_all(struct pushing *p, uint32_t which, struct raum_error *error)
{
    const struct raum_env *env = p->relay->env;
    int64_t now_ms = env->now_ms(env->ctx);
    struct arena *a = &p->relay->scratch;
    int result = 0;
    for (uint32_t at = 0; at < p->request->count && result == 0;) {
        struct relay_batch *b = arena_zero(a, sizeof *b);
        if (!b)
            return err_set(error, RAUM_ENOMEM, NULL);
        b->relay = p->relay;
        b->part = &p->parts[which];
        b->a = a;
        b->now_ms = now_ms;
        result = push_batch(p, which, b, &at, error);
        arena_reset(a);
    }
    return result;
}

/* One partition: role, merge and seq in one transaction (G-S1, G-S2). */
static int push_part(struct pushing *p, uint32_t which, struct relay_written *written,
                     struct raum_error *error)
{
    struct relay_part *part = &p->parts[which];
    int result = sql_begin(p->relay->sql, error);
    if (result < 0)
        return result;
    result = relay_part_open(p->relay, p->who, part, error);
    int64_t before = part->seq;
    if (result == 0)
        result = push_all(p, which, error);
    if (result == 0 && part->seq != before)
        result = sql_later(p->relay->sql, error,
                           "UPDATE partitions SET seq = ?1, records = ?2, bytes = ?3 WHERE ref = "
                           "?4",
                           "iiii", part->seq, part->records, part->bytes, part->ref);
    if (result == 0 && part->seq != before)
        result = notice_written(p->relay->sql, p->who->account, p->who->client, part->id, before,
                                part->seq, error);
    result = sql_end(p->relay->sql, result, error);
    if (result < 0)
        relay_forget(p->relay);
    else
        *written = (struct relay_written){part->id, before, part->seq, part->altered};
    return result;
}

int relay_push(struct relay *r, const struct relay_caller *who, const struct wire_request *q,
               struct arena *a, struct wire_result *results, struct relay_written **written,
               uint32_t *count, struct raum_error *error)
{
    struct pushing p = {.relay = r, .who = who, .request = q, .a = a, .results = results};
    int result = 0;
    relay_trim(r);
    *count = 0;
    p.parts = arena_zero(a, ((size_t)q->count + 1) * sizeof *p.parts);
    p.of = arena_zero(a, ((size_t)q->count + 1) * sizeof *p.of);
    *written = arena_zero(a, ((size_t)q->count + 1) * sizeof **written);
    if (!p.parts || !p.of || !*written)
        return err_set(error, RAUM_ENOMEM, NULL);
    for (uint32_t i = 0; i < q->count && result == 0; i++)
        result = place(&p, i, error);
    for (uint32_t i = 0; i < p.part_count && result == 0; i++) {
        struct relay_written one;
        result = push_part(&p, i, &one, error);
        if (result == 0 && one.to > one.from)
            (*written)[(*count)++] = one;
    }
    return result;
}

/* Is the record in the answer already, whole? */
static bool is_told(const struct wire_answer *answer, const struct wire_change *c,
                    const struct relay_part *part)
{
    for (uint32_t i = 0; i < answer->change_count; i++) {
        const struct wire_change *told = &answer->changes[i];
        if (strcmp(told->id, c->id) == 0 && strcmp(told->table, c->table) == 0 &&
            strcmp(told->space, part->id) == 0)
            return true;
    }
    return false;
}

/* G-T9: it may have turned private since. */
static int add_beaten(struct relay *r, const struct relay_caller *who, const struct wire_change *c,
                      const struct relay_part *part, struct arena *a, struct wire_answer *out,
                      struct raum_error *error)
{
    const struct schema_table *table = schema_table(c->table);
    struct relay_record record = {.id = c->id}, *one = &record;
    int64_t account = 0;
    if (is_told(out, c, part))
        return 0;
    int result = relay_ref_find(r, c->table, &record.tbl, error);
    if (result == 0)
        result = relay_ref_find(r, who->account, &account, error);
    if (result == 0)
        result = sql_scope(r->sql, "partition", part->id, error);
    if (result == 0)
        result = relay_store_load(r->sql, part->ref, &one, 1, a, error);
    if (result < 0 || !record.exists || (record.is_private && record.author != account))
        return result;
    result = relay_body_read(r, record.body, record.len, a, &record.fields, error);
    if (result == 0)
        out->changes[out->change_count++] = (struct wire_change){.app = table ? table->app : c->app,
                                                                 .table = c->table,
                                                                 .id = c->id,
                                                                 .space = part->id,
                                                                 .op = WIRE_UPDATE,
                                                                 .fields = record.fields.fields,
                                                                 .count = record.fields.count};
    return result;
}

int relay_beaten(struct relay *r, const struct relay_caller *who, const struct wire_request *q,
                 const struct wire_result *results, struct arena *a, struct wire_answer *out,
                 struct raum_error *error)
{
    int result = 0;
    uint32_t count = 0;
    for (uint32_t i = 0; i < q->count; i++)
        count += results[i].beaten;
    if (count == 0 || PLANT(RELAY_BEATEN))
        return 0;
    struct wire_change *all = arena_zero(a, ((size_t)out->change_count + count) * sizeof *all);
    if (!all)
        return err_set(error, RAUM_ENOMEM, NULL);
    if (out->change_count)
        memcpy(all, out->changes, out->change_count * sizeof *all);
    out->changes = all;
    for (uint32_t i = 0; i < q->count && result == 0; i++) {
        struct relay_part part;
        if (!results[i].beaten)
            continue;
        result = relay_part_of(r, who, &q->changes[i], a, &part, error);
        if (result == 0)
            result = relay_part_read(r, &part, error);
        if (result == 0)
            result = add_beaten(r, who, &q->changes[i], &part, a, out, error);
    }
    return result;
}

