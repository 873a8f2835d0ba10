#define _GNU_SOURCE
#include "cli/bench_relay.h"

#include "base/clock.h"
#include "server/relay/relay.h"
#include <stdlib.h>
#include <string.h>

#define LOG_PAGES 16000
#define RELAY_GROUP 32 /* requests of one transaction */
#define WEEK_MS ((int64_t)7 * 86400000)

static int put_account(struct sql *sql, int n, int64_t now, struct raum_error *e)
{
    char id[40], mail[64], token[40];
    snprintf(id, sizeof id, "account%025d", n);
    snprintf(token, sizeof token, "token%027d", n);
    snprintf(mail, sizeof mail, "person%d@example.org", n);
    int rc = sql_run(sql, e,
                     "INSERT INTO accounts (id, name, email, email_verified, created, updated)"
                     " VALUES (?1, ?2, ?3, 1, ?4, ?4)",
                     "sssi", id, mail, mail, now);
    if (rc)
        return rc;
    return sql_run(
        sql, e,
        "INSERT INTO sessions (id, token, account, ip, agent, remember, created, updated,"
        " expires) VALUES (?1, ?2, ?1, '127.0.0.1', 'bench', 1, ?3, ?3, ?4)",
        "ssii", id, token, now, now + WEEK_MS);
}

static int put_space(struct sql *sql, int n, int owner, int64_t now, struct raum_error *e)
{
    char id[40], account[40];
    snprintf(id, sizeof id, "space%08d", n);
    snprintf(account, sizeof account, "account%025d", owner);
    int rc = sql_run(sql, e,
                     "INSERT INTO spaces (id, name, slug, type, created)"
                     " VALUES (?1, ?1, ?1, 'team', ?2)",
                     "si", id, now);
    return rc ? rc
              : sql_run(sql, e,
                        "INSERT INTO members (id, space, account, role, created)"
                        " VALUES (?1, ?1, ?2, 'owner', ?3)",
                        "ssi", id, account, now);
}

int bench_relay_people(struct sql *sql, int first, int accounts, int each, int64_t now_ms,
                       struct raum_error *error)
{
    int rc = sql_begin(sql, error);
    if (rc)
        return rc;
    for (int i = first; i < first + accounts && rc == 0; i++) {
        rc = cli_stop ? RAUM_EINTERRUPTED : put_account(sql, i, now_ms, error);
        for (int k = 0; k < each && rc == 0; k++)
            rc = put_space(sql, i * each + k, i, now_ms, error);
    }
    return sql_end(sql, rc, error);
}

/* ---- a device ---- */

uint32_t bench_device_below(struct bench_device *d, uint32_t n)
{
    d->random ^= d->random << 13;
    d->random ^= d->random >> 7;
    d->random ^= d->random << 17;
    return (uint32_t)((d->random * UINT64_C(0x2545F4914F6CDD1D) >> 32) * n >> 32);
}

static void put_field(struct buf *out, const char *name, const char *value, const char *at)
{
    buf_str(out, out->data[out->len - 1] == '{' ? "\"" : ",\"");
    buf_str(out, name);
    buf_str(out, "\":{\"value\":");
    buf_str(out, value);
    buf_str(out, ",\"at\":\"");
    buf_str(out, at);
    buf_str(out, "\"}");
}

/* The n-th row of a space; ids ascend as those of real devices do. */
static void put_head(struct buf *out, const char *op, int space, uint32_t row)
{
    char text[200];
    snprintf(text, sizeof text,
             "%s{\"app\":\"todo\",\"table\":\"tasks\",\"id\":\"01900000-%04x-7%03x-8000-%012x\","
             "\"op\":\"%s\",\"spaceId\":\"space%08d\",\"fields\":{",
             out->data[out->len - 1] == '[' ? "" : ",", row >> 12 & 0xffff, row & 0xfff,
             (unsigned)space, op, space);
    buf_str(out, text);
}

static void put_new(struct buf *out, const struct bench_device *d, int space, uint32_t row,
                    const char *at)
{
    char title[96], author[48], made[48], order[24];
    snprintf(title, sizeof title, "\"What has to be done, number %u\"", row);
    snprintf(author, sizeof author, "\"account%025d\"", d->account);
    snprintf(made, sizeof made, "\"%.23sZ\"", at);
    snprintf(order, sizeof order, "%u", row);
    put_head(out, "insert", space, row);
    put_field(out, "authorId", author, at);
    put_field(out, "createdAt", made, at);
    put_field(out, "visibility", "\"space\"", at);
    put_field(out, "title", title, at);
    put_field(out, "description", "\"Somewhat longer, as people write when they explain it\"", at);
    put_field(out, "isCompleted", "false", at);
    put_field(out, "dueDate", "\"2026-12-24\"", at);
    put_field(out, "priority", "\"medium\"", at);
    put_field(out, "sortOrder", order, at);
    buf_str(out, "}}");
}

static void put_update(struct buf *out, int space, uint32_t row, uint32_t how, const char *at)
{
    char title[96];
    snprintf(title, sizeof title, "\"What has to be done, once more: %u\"", how);
    put_head(out, "update", space, row);
    put_field(out, "title", title, at);
    buf_str(out, "}}");
}

int bench_device_write(struct bench_device *d, bool all_new, int64_t now_ms)
{
    char at[CLOCK_TEXT];
    struct buf *out = &d->request;
    uint32_t which = bench_device_below(d, (uint32_t)d->spaces);
    int space = d->account * d->spaces + (int)which;
    buf_reset(out);
    buf_printf(out, "{\"clientId\":\"device-%04d\",\"since\":\"%s\",\"changes\":[", d->account,
               d->since);
    for (int i = 0; i < BENCH_BATCH && out->len; i++) {
        clock_format(clock_at(now_ms, (uint32_t)(d->made++ % 1000000)), at);
        uint32_t rows = d->rows[which];
        if (all_new || rows == 0 || i >= BENCH_UPDATES)
            put_new(out, d, space, d->rows[which]++, at);
        else
            put_update(out, space, bench_device_below(d, rows), bench_device_below(d, 100000), at);
    }
    buf_str(out, "]}");
    return buf_error(out, NULL);
}

void bench_device_heard(struct bench_device *d, const char *body, size_t len)
{
    static const char key[] = "\"syncedUntil\":\"";
    const char *found = memmem(body, len, key, sizeof key - 1);
    const char *from = found ? found + sizeof key - 1 : NULL;
    const char *end = from ? memchr(from, '"', len - (size_t)(from - body)) : NULL;
    if (end && (size_t)(end - from) < sizeof d->since) {
        memcpy(d->since, from, (size_t)(end - from));
        d->since[end - from] = '\0';
    }
}

/* ---- without HTTP ---- */

static int push_one(struct relay *relay, struct bench_device *d, struct arena *a,
                    struct json_doc *doc, struct raum_error *error)
{
    struct relay_exchange x;
    char account[48];
    snprintf(account, sizeof account, "account%025d", d->account);
    const struct relay_caller who = {.account = account, .client = "bench"};
    int rc = json_parse(doc, d->request.data, d->request.len, 0, error);
    if (rc == 0)
        rc = relay_exchange_read(&x, &who, doc, a, error);
    if (rc == 0)
        rc = relay_exchange_push(relay, &x, a, error);
    for (uint32_t i = 0; rc == 0 && i < x.request.count; i++)
        if (x.results[i].status != WIRE_APPLIED)
            rc = err_set(error, RAUM_EINTERNAL, "a change was not applied: %s",
                         raum_code_name(x.results[i].code));
    arena_reset(a);
    return rc;
}

int bench_relay_push(struct sql *sql, struct bench_device *devices, int device_count, bool all_new,
                     int count, double seconds, uint64_t *changes, struct raum_error *error)
{
    struct relay *relay;
    struct json_doc doc;
    struct arena a;
    double end = bench_now_ms() + seconds * 1000;
    int rc = relay_new(&relay, sql, raum_env_native(), error);
    json_init(&doc);
    arena_init(&a, 64u << 20);
    *changes = 0;
    for (int done = 0; rc == 0 && done < count && (seconds == 0 || bench_now_ms() < end);) {
        rc = sql_begin(sql, error);
        if (rc)
            break;
        for (int i = 0; i < RELAY_GROUP && rc == 0; i++, done++) {
            struct bench_device *d = &devices[done % device_count];
            const struct raum_env *env = raum_env_native();
            rc = bench_device_write(d, all_new, env->now_ms(env->ctx));
            if (rc == 0)
                rc = cli_stop ? RAUM_EINTERRUPTED : push_one(relay, d, &a, &doc, error);
        }
        rc = sql_end(sql, rc, error);
        if (rc == 0 && sql_log_pages(sql) >= LOG_PAGES) /* as the automatic ones of the raw limit */
            rc = sql_tidy_log(sql, error);
        *changes += RELAY_GROUP * BENCH_BATCH;
    }
    arena_release(&a);
    json_release(&doc);
    relay_free(relay);
    return rc;
}
