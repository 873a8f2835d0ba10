/* `raum bench media`: the server as a process of its own takes photographs of 12 megapixels, one
 * uploader a core, and shows thumbs to 64 connections. Beside the first the decoder alone, beside
 * the second the same load on /health. */
#include "base/base64.h"
#include "cli/bench_data.h"
#include "cli/bench_jpeg.h"
#include "cli/bench_load.h"
#include "cli/bench_server.h"
#include "image/resize.h"
#include "net/client.h"
#include "server/server.h"
#include "server/store/sql.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WIDTH 4032
#define HEIGHT 3008
#define LARGE 24   /* photographs */
#define SMALL 1500 /* pictures of 64 × 64, for the memory of many */
#define CONNECTIONS 64
#define SECONDS 5
#define PART ((size_t)1 << 20)
#define MAX_UPLOADERS 4     /* as many decoders has a server */
#define SPACE_64 "YmVuY2g5" /* "bench9" */
#define TOKEN "token000000000000000000000000000"
#define ACCOUNT "account0000000000000000000000000"
#define WEEK_MS ((int64_t)7 * 86400000)

/* ---- an account that may upload ---- */

static int put_rows(struct server *server, struct raum_error *e)
{
    struct sql *sql = server->sql;
    int64_t now = server->env->now_ms(server->env->ctx);
    int rc = sql_run(sql, e,
                     "INSERT INTO accounts (id, name, email, email_verified, created, updated)"
                     " VALUES (?1, ?1, ?1, 1, ?2, ?2)",
                     "si", ACCOUNT, now);
    if (rc == 0)
        rc = sql_run(sql, e,
                     "INSERT INTO sessions (id, token, account, ip, agent, remember, created,"
                     " updated, expires) VALUES (?1, ?2, ?1, '127.0.0.1', 'bench', 1, ?3, ?3, ?4)",
                     "ssii", ACCOUNT, TOKEN, now, now + WEEK_MS);
    if (rc == 0)
        rc = sql_run(sql, e,
                     "INSERT INTO spaces (id, name, slug, type, created) VALUES ('bench9', 'bench',"
                     " 'bench', 'family', ?1)",
                     "i", now);
    if (rc == 0)
        rc = sql_run(sql, e,
                     "INSERT INTO members (id, space, account, role, created) VALUES ('bench',"
                     " 'bench9', ?1, 'owner', ?2)",
                     "si", ACCOUNT, now);
    for (int i = 0; rc == 0 && i < LARGE; i++) { /* rows that show them, as others see them */
        char id[32];
        snprintf(id, sizeof id, "large%04d", i);
        rc = sql_run(sql, e,
                     "INSERT INTO media_refs (space, tbl, record, media, owner, author, private,"
                     " live) VALUES ('bench9', 1, ?1, ?1, ?2, 'somebody', 0, 1)",
                     "ss", id, ACCOUNT);
    }
    return rc;
}

static int make(const char *data, struct raum_error *error)
{
    struct server *server;
    int rc = bench_server_open(&server, data, error);
    if (rc)
        return rc;
    rc = put_rows(server, error);
    server_stop(server);
    return rc;
}

/* ---- uploading ---- */

struct uploader {
    struct client *client;
    int port, first, step, count;
    bool small;
    int failed;
    struct raum_error error;
    pthread_t thread;
};

static int ask(struct uploader *u, const char *method, const char *url, const char *const *more,
               const void *body, size_t len, char location[512])
{
    struct client_answer a = {0};
    const char *headers[8] = {"Authorization: Bearer " TOKEN, "Tus-Resumable: 1.0.0"};
    for (int i = 0; more && more[i]; i++)
        headers[2 + i] = more[i];
    const struct client_request q = {.method = method,
                                     .url = url,
                                     .headers = headers,
                                     .body = body,
                                     .body_len = len,
                                     .type = body ? "application/offset+octet-stream" : NULL,
                                     .timeout_ms = 120000};
    int rc = client_run(u->client, &q, &a, &u->error);
    const char *where = rc == 0 ? client_header(&a, "location", 0) : NULL;
    if (location)
        snprintf(location, 512, "http://127.0.0.1:%d%s", u->port, where ? where : "");
    if (rc == 0 && a.status / 100 != 2)
        rc = err_set(&u->error, RAUM_EINTERNAL, "%s: %d %.200s", method, a.status,
                     buf_text(&a.body));
    client_answer_release(&a);
    return rc;
}

/* Ids of nine letters and digits are the same in every base64. */
static int upload(struct uploader *u, int n, const struct buf *file)
{
    char url[512], length[64], meta[256], offset[64];
    struct buf id;
    buf_init(&id, 64);
    snprintf(url, sizeof url, "%s%04d", u->small ? "small" : "large", n);
    base64_put(&id, url, strlen(url));
    snprintf(url, sizeof url, "http://127.0.0.1:%d/api/v1/media", u->port);
    snprintf(length, sizeof length, "Upload-Length: %zu", file->len);
    snprintf(meta, sizeof meta,
             "Upload-Metadata: spaceId " SPACE_64 ",mediaId %s,purpose bWU=", buf_text(&id));
    buf_release(&id);
    const char *const made[] = {length, meta, NULL};
    if (file->len <= PART) /* all in one */
        return ask(u, "POST", url, made, file->data, file->len, NULL);
    int rc = ask(u, "POST", url, made, NULL, 0, url);
    for (size_t at = 0; rc == 0 && at < file->len; at += PART) {
        const char *const part[] = {offset, NULL};
        snprintf(offset, sizeof offset, "Upload-Offset: %zu", at);
        rc = ask(u, "PATCH", url, part, file->data + at,
                 file->len - at < PART ? file->len - at : PART, NULL);
    }
    return rc;
}

static void *run_uploader(void *arg)
{
    struct uploader *u = arg;
    struct buf file;
    buf_init(&file, (size_t)32 << 20);
    int rc = client_new(&u->client, &u->error);
    for (int i = u->first; rc == 0 && i < u->count && !cli_stop; i += u->step) {
        buf_reset(&file);
        bench_jpeg(&file, u->small ? 64 : WIDTH, u->small ? 64 : HEIGHT, (unsigned)i + 1);
        rc = upload(u, i, &file);
    }
    u->failed = rc;
    client_free(u->client);
    buf_release(&file);
    return NULL;
}

/* `count` pictures by as many uploaders as there are cores; *seconds: how long it took. */
static int upload_all(const struct bench_server *server, int count, bool small, int uploaders,
                      double *seconds, struct raum_error *error)
{
    struct uploader all[MAX_UPLOADERS] = {0};
    double begun = bench_now_ms();
    int rc = 0, started = 0;
    for (; started < uploaders && rc == 0; started += rc == 0) {
        all[started] = (struct uploader){.port = server->port,
                                         .first = started,
                                         .step = uploaders,
                                         .count = count,
                                         .small = small};
        if (pthread_create(&all[started].thread, NULL, run_uploader, &all[started]) != 0)
            rc = err_set(error, RAUM_ENOMEM, NULL);
    }
    for (int i = 0; i < started; i++) {
        pthread_join(all[i].thread, NULL);
        if (rc == 0 && all[i].failed) {
            rc = all[i].failed;
            *error = all[i].error;
        }
    }
    *seconds = (bench_now_ms() - begun) / 1000;
    return rc == 0 && cli_stop ? err_set(error, RAUM_EINTERRUPTED, NULL) : rc;
}

/* The decoder alone: what one core does of such photographs in a second. */
static int decode_alone(int count, double *rate, double *bytes, struct raum_error *error)
{
    const struct image_options options = {.program = "/proc/self/exe"};
    struct image_resizer *resizer;
    struct buf file, out[3];
    uint32_t width, height;
    double spent = 0;
    int rc = image_resizer_new(&resizer, &options, error);
    if (rc)
        return rc;
    buf_init(&file, (size_t)32 << 20);
    for (int i = 0; i <= count && rc == 0 && !cli_stop; i++) { /* the first starts it */
        buf_reset(&file);
        bench_jpeg(&file, WIDTH, HEIGHT, (unsigned)i + 1000);
        for (int k = 0; k < 3; k++)
            buf_init(&out[k], (size_t)16 << 20);
        double begun = bench_now_ms();
        rc = image_resize(resizer, file.data, file.len, out, &width, &height, error);
        spent += i ? bench_now_ms() - begun : 0;
        for (int k = 0; k < 3; k++)
            buf_release(&out[k]);
    }
    *rate = spent > 0 ? count * 1000 / spent : 0;
    *bytes = (double)file.len;
    buf_release(&file);
    image_resizer_free(resizer);
    return rc == 0 && cli_stop ? err_set(error, RAUM_EINTERRUPTED, NULL) : rc;
}

/* ---- reading ---- */

struct reading {
    char text[CONNECTIONS][512];
    struct load_client clients[CONNECTIONS];
    struct load_result own[LOAD_GROUPS], raw[LOAD_GROUPS];
};

static void prepare(struct reading *r, int port, bool health, int pictures)
{
    for (int i = 0; i < CONNECTIONS; i++) {
        char path[64] = "/health";
        if (!health)
            snprintf(path, sizeof path, "/api/v1/media/large%04d/thumb", i % pictures);
        int len = snprintf(r->text[i], sizeof r->text[i],
                           "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer " TOKEN
                           "\r\n\r\n",
                           path, port);
        r->clients[i] = (struct load_client){r->text[i], (size_t)len, 0};
    }
}

static int read_thumbs(struct bench_run *b, const struct bench_server *server, int pictures,
                       struct raum_error *error)
{
    struct reading *r = calloc(1, sizeof *r);
    double seconds = b->scale < 1 ? 1 : SECONDS;
    if (!r)
        return err_set(error, RAUM_ENOMEM, NULL);
    prepare(r, server->port, true, pictures);
    int rc = load_run(server->port, r->clients, CONNECTIONS, seconds, r->raw, error);
    prepare(r, server->port, false, pictures);
    if (rc == 0)
        rc = load_run(server->port, r->clients, CONNECTIONS, seconds / 5, r->own, error);
    double before = bench_server_computed(server);
    if (rc == 0)
        rc = load_run(server->port, r->clients, CONNECTIONS, seconds, r->own, error);
    double cost = r->own->done ? (bench_server_computed(server) - before) * 1e6 / r->own->done : 0;
    if (rc == 0) {
        bench_line(b, "thumbs, 64 connections", load_rate(r->own), "/s", load_rate(r->raw), 20000,
                   true);
        bench_line(b, "the slowest hundredth of them", load_percentile(r->own, 0.99), "ms",
                   load_percentile(r->raw, 0.99), 15, false);
        bench_line(b, "computed for one of them", cost, "µs", 0, 0, false);
        if (r->own->failed)
            cli_note(b->cli, "not answered as they should: %llu",
                     (unsigned long long)r->own->failed);
    }
    free(r);
    return rc;
}

/* ---- all of it ---- */

static int measure(struct bench_run *b, const struct bench_server *server, int large, int small,
                   struct raum_error *error)
{
    double seconds, alone = 0, bytes = 0;
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    int cores = online < 1 ? 1 : online > MAX_UPLOADERS ? MAX_UPLOADERS : (int)online;
    int rc = decode_alone(large / 4 + 1, &alone, &bytes, error);
    if (rc == 0)
        rc = upload_all(server, large, false, cores, &seconds, error);
    if (rc)
        return rc;
    bench_line(b, "photographs of 12 megapixels, a core", large / seconds / cores, "/s", alone, 2,
               true);
    bench_line(b, "bytes of one", bytes / 1e6, "MB", 0, 0, false);
    bench_line(b, "memory at most", bench_server_memory(server, "VmHWM"), "MB", 0, 150, false);
    rc = read_thumbs(b, server, large, error);
    if (rc == 0)
        rc = upload_all(server, small / 10, true, cores, &seconds, error);
    double before = bench_server_memory(server, "VmRSS");
    if (rc == 0)
        rc = upload_all(server, small, true, cores, &seconds, error);
    if (rc == 0) {
        bench_line(b, "small pictures", small / seconds, "/s", 0, 0, true);
        bench_line(b, "memory after a tenth of them, and all", bench_server_memory(server, "VmRSS"),
                   "MB", before, 0, false);
    }
    return rc;
}

static int run(struct bench_run *b, struct raum_error *error)
{
    struct bench_server server = {0};
    int large = (int)(LARGE * b->scale) + 2, small = (int)(SMALL * b->scale);
    if (large > LARGE)
        large = LARGE;
    int rc = make(b->folder, error);
    if (rc == 0)
        rc = bench_server_start(&server, b->folder, NULL, error);
    if (rc == 0)
        rc = measure(b, &server, large, small, error);
    bench_server_stop(&server);
    return rc;
}

const struct bench bench_media = {"media", "pictures that arrive and are shown", run};
