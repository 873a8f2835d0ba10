/* `raum bench hydrate`: a fresh device fetches 100,000 rows by its real session, over HTTP, into a
 * real replica. Beside it the same pages fetched and thrown away. */
#define _GNU_SOURCE
#include "base/err.h"
#include "cli/ahead.h"
#include "cli/bench_data.h"
#include "cli/bench_relay.h"
#include "cli/bench_server.h"
#include "engine/intern.h"
#include "net/client.h"
#include "schema/rights.h"
#include "server/server.h"
#include "server/store/sql.h"
#include <stdlib.h>
#include <string.h>

#define ROWS 100000
#define ROUNDS 3

struct hydrating {
    struct bench_run *b;
    struct bench_server child;
    struct client *http;
    struct remote remote;
    char account[48], url[100], credential[80];
    double asked; /* ms that answers were waited for */
    uint32_t rows[1];
};

static int fill(struct hydrating *h, struct raum_error *error)
{
    struct server *server;
    uint64_t changes;
    const struct raum_env *env = raum_env_native();
    struct bench_device device = {.spaces = 1, .rows = h->rows, .random = 7};
    int rc = bench_server_open(&server, h->b->folder, error);
    if (rc)
        return rc;
    buf_init(&device.request, 4u << 20);
    rc = bench_relay_people(server->sql, 0, 1, 1, env->now_ms(env->ctx), error);
    if (rc == 0)
        rc = bench_relay_push(server->sql, &device, 1, true,
                              (int)(ROWS * h->b->scale / BENCH_BATCH), 0, &changes, error);
    buf_release(&device.request);
    server_stop(server);
    return rc;
}

static int post(struct hydrating *h, const void *body, size_t len, struct client_answer *answer,
                struct raum_error *error)
{
    const char *const headers[] = {h->credential, NULL};
    const struct client_request q = {.method = "POST",
                                     .url = h->url,
                                     .headers = headers,
                                     .body = body,
                                     .body_len = len,
                                     .type = "application/json"};
    int rc = client_run(h->http, &q, answer, error);
    if (rc == 0 && answer->status != 200)
        rc = err_set(error, RAUM_EUNREACHABLE, "the server said %d", answer->status);
    return rc;
}

/* ---- pages, thrown away ---- */

static int fetch_only(struct hydrating *h, double *seconds, struct raum_error *error)
{
    struct bench_device cursor = {0};
    double begun = bench_now_ms();
    bool more = true;
    int rc = 0;
    while (more && rc == 0) {
        struct client_answer answer = {0};
        char body[2200];
        int len =
            snprintf(body, sizeof body, "{\"clientId\":\"bench\",\"since\":\"%s\",\"changes\":[]}",
                     cursor.since);
        rc = post(h, body, (size_t)len, &answer, error);
        if (rc == 0) {
            bench_device_heard(&cursor, answer.body.data, answer.body.len);
            more = memmem(answer.body.data, answer.body.len, "\"hasMore\":true", 14) != NULL;
        }
        client_answer_release(&answer);
    }
    *seconds = (bench_now_ms() - begun) / 1000;
    return rc;
}

/* ---- a device ---- */

static int join_space(struct raum *r, struct raum_error *error)
{
    struct space space = {.type = SPACE_TEAM,
                          .role = ROLE_OWNER,
                          .id = (char *)(uintptr_t)"space00000000",
                          .slug = (char *)(uintptr_t)"bench",
                          .name = (char *)(uintptr_t)"Bench"};
    int rc = replica_begin(r, error);
    if (rc == 0)
        rc = intern_space_add(r, &space, error);
    return rc ? rc : replica_commit(r, error);
}

static int ask(struct hydrating *h, struct session *s, struct ahead *ahead,
               const struct session_step *step, struct raum_error *error)
{
    const struct raum_env *env = raum_env_native();
    struct remote_answer answer = {0};
    struct buf path;
    buf_init(&path, 4096);
    ahead_path(&path, step);
    int rc = cli_stop ? RAUM_EINTERRUPTED : buf_error(&path, error);
    double begun = bench_now_ms();
    if (rc == 0 && !ahead_take(ahead, buf_text(&path), step, &answer))
        rc = remote_send(&h->remote, "POST", buf_text(&path), "application/json", step->body,
                         step->len, &answer, error);
    h->asked += bench_now_ms() - begun;
    if (rc == 0)
        rc = session_answer(s, env->now_ms(env->ctx), answer.status, 0, buf_text(&answer.raw.body),
                            answer.raw.body.len, error);
    remote_answer_release(&answer);
    buf_release(&path);
    return rc;
}

/* As `raum sync` does it. */
static int sync_all(struct hydrating *h, struct raum *r, struct raum_error *error)
{
    struct session *s;
    struct session_step step;
    struct ahead ahead;
    const struct raum_env *env = raum_env_native();
    int rc = session_new(&s, r, error);
    if (rc)
        return rc;
    ahead_init(&ahead, &h->remote, s);
    session_start(s);
    while (rc == 0 && (rc = session_next(s, env->now_ms(env->ctx), &step, error)) == 0) {
        if (step.action != SESSION_SEND)
            break;
        rc = ask(h, s, &ahead, &step, error);
    }
    if (rc == 0 && session_counts(s)->merged != h->rows[0])
        rc = err_set(error, RAUM_EINTERNAL, "%u of %u rows came", session_counts(s)->merged,
                     h->rows[0]);
    ahead_release(&ahead);
    session_free(s);
    return rc;
}

static int hydrate(struct hydrating *h, int round, double *seconds, double *waited,
                   struct raum_error *error)
{
    char folder[1100];
    struct raum *r = NULL;
    snprintf(folder, sizeof folder, "%s/device-%d", h->b->folder, round);
    double begun = bench_now_ms(), asked = h->asked;
    int rc = raum_open(&r, &(struct raum_options){.folder = folder, .account = h->account}, error);
    if (rc == 0)
        rc = join_space(r, error);
    if (rc == 0)
        rc = sync_all(h, r, error);
    raum_close(r);
    *seconds = (bench_now_ms() - begun) / 1000;
    *waited = (h->asked - asked) / 1000;
    return rc;
}

static int measure(struct hydrating *h, struct raum_error *error)
{
    double best = 0, waited = 0, raw = 0;
    int rc = client_new(&h->http, error);
    snprintf(h->url, sizeof h->url, "http://127.0.0.1:%d", h->child.port);
    if (rc == 0)
        rc = remote_init(&h->remote, h->url, NULL, error);
    snprintf(h->remote.token, sizeof h->remote.token, "token%027d", 0);
    snprintf(h->url, sizeof h->url, "http://127.0.0.1:%d/api/v1/sync", h->child.port);
    snprintf(h->credential, sizeof h->credential, "Authorization: Bearer token%027d", 0);
    snprintf(h->account, sizeof h->account, "account%025d", 0);
    for (int i = 0; i < ROUNDS && rc == 0; i++) {
        double seconds, asked, pages;
        rc = fetch_only(h, &pages, error);
        if (rc == 0)
            rc = hydrate(h, i, &seconds, &asked, error);
        if (rc == 0 && (i == 0 || seconds < best)) {
            best = seconds;
            waited = asked;
            raw = pages;
        }
    }
    client_free(h->http);
    remote_release(&h->remote);
    if (rc)
        return rc;
    bench_line(h->b, "a fresh device, 100,000 rows", best / h->b->scale, "s", raw / h->b->scale, 3,
               false);
    bench_line(h->b, "of that, waiting for answers", waited / h->b->scale, "s", 0, 0, false);
    return 0;
}

static int run(struct bench_run *b, struct raum_error *error)
{
    struct hydrating h = {.b = b};
    int rc = fill(&h, error);
    if (rc == 0)
        rc = bench_server_start(&h.child, b->folder, NULL, error);
    if (rc == 0)
        rc = measure(&h, error);
    bench_server_stop(&h.child);
    return rc;
}

const struct bench bench_hydrate = {"hydrate", "a fresh device that fetches everything", run};
