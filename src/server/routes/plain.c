#include "server/routes/plain.h"
#include "server/media/media.h"
#include "server/routes/page.h"
#include "server/routes/routes.h"
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_EVERY_MS 15000 /* counting reads whole tables; /metrics is open to everybody */
#define METRICS_MAX 16384

enum { ACCOUNTS, SESSIONS, SPACES, PICTURES, PICTURE_BYTES, UPLOADS, COUNTED };

struct server_counts {
    pthread_mutex_t mutex;
    int64_t at; /* ms; 0: never */
    int64_t rows[COUNTED];
};

int plain_counts_new(struct server_counts **out, struct raum_error *error)
{
    struct server_counts *c = *out = calloc(1, sizeof *c);
    if (!c)
        return err_set(error, RAUM_ENOMEM, NULL);
    pthread_mutex_init(&c->mutex, NULL);
    return 0;
}

void plain_counts_free(struct server_counts *c)
{
    if (!c)
        return;
    pthread_mutex_destroy(&c->mutex);
    free(c);
}

static int health(struct call *c)
{
    return call_text(c, 200, "{\"ok\":true}");
}

/* Ready: the database answers and we are not about to stop. */
static int ready(struct call *c)
{
    struct sql_rows *rows;
    int rc = sql_one(c->sql, &rows, &c->error, "SELECT 1 AS one", "");
    sql_rows_free(rows);
    if (rc || c->server->stopping)
        return call_fail(c, 503, "BUSY", "not ready");
    return call_text(c, 200, "{\"ok\":true}");
}

static int count_rows(struct call *c, struct server_counts *counts)
{
    struct sql_rows *rows;
    int64_t now = call_now(c);
    int rc = sql_one(c->sql, &rows, &c->error,
                     "SELECT (SELECT count(*) FROM accounts) AS accounts,"
                     " (SELECT count(*) FROM sessions WHERE expires > ?1) AS sessions,"
                     " (SELECT count(*) FROM spaces WHERE deleted IS NULL) AS spaces,"
                     " (SELECT count(*) FROM media WHERE deleted IS NULL) AS pictures,"
                     " (SELECT coalesce(sum(bytes), 0) FROM blobs) AS picture_bytes,"
                     " (SELECT count(*) FROM uploads WHERE done = 0) AS uploads",
                     "i", now);
    if (rc == 0) {
        static const char *const names[COUNTED] = {"accounts", "sessions",      "spaces",
                                                   "pictures", "picture_bytes", "uploads"};
        for (int i = 0; i < COUNTED; i++)
            counts->rows[i] = sql_int(rows, names[i]);
        counts->at = now;
    }
    sql_rows_free(rows);
    return rc == RAUM_END ? 0 : rc;
}

/* One of several that ask at once counts; the others wait for it. */
static int get_counts(struct call *c, int64_t out[COUNTED])
{
    struct server_counts *counts = c->server->counts;
    int64_t now = call_now(c);
    pthread_mutex_lock(&counts->mutex);
    bool due = counts->at == 0 || now < counts->at || now - counts->at >= COUNT_EVERY_MS;
    int rc = due ? count_rows(c, counts) : 0;
    memcpy(out, counts->rows, sizeof counts->rows);
    pthread_mutex_unlock(&counts->mutex);
    return rc;
}

static void put(struct buf *b, const char *name, const char *type, const char *help, uint64_t value)
{
    buf_printf(b, "# HELP raum_%s %s\n# TYPE raum_%s %s\nraum_%s %" PRIu64 "\n", name, help, name,
               type, name, value);
}

static void put_http(struct buf *b, const struct http_stats *s)
{
    put(b, "http_refused_total", "counter", "Requests refused before any route saw them.",
        s->refused);
    buf_str(b, "# HELP raum_http_requests_total Requests answered, by class of status.\n"
               "# TYPE raum_http_requests_total counter\n");
    for (int i = 1; i < 6; i++)
        buf_printf(b, "raum_http_requests_total{class=\"%dxx\"} %" PRIu64 "\n", i, s->by_class[i]);
    put(b, "http_connections_total", "counter", "Connections accepted.", s->connections);
    put(b, "http_connections", "gauge", "Connections open now.", s->connections_open);
    put(b, "http_streams", "gauge", "Event streams open now.", s->streams_open);
    put(b, "http_buffered_bytes", "gauge", "Bytes of requests held now.", s->buffered);
    put(b, "http_buffered_peak_bytes", "gauge", "The most that was ever held.", s->buffered_peak);
}

static void put_media(struct buf *b, struct media *m)
{
    put(b, "pictures_taken_total", "counter", "Pictures taken in.", m->counts.taken);
    put(b, "pictures_refused_total", "counter", "Uploads that were no pictures, or too large.",
        m->counts.refused);
    put(b, "pictures_failed_total", "counter", "Uploads that could not be kept then.",
        m->counts.failed);
    put(b, "upload_bytes_total", "counter", "Bytes of uploads received.", m->counts.bytes);
}

static int metrics(struct call *c)
{
    struct http_stats stats = {0};
    struct buf b;
    int64_t counts[COUNTED];
    int rc = get_counts(c, counts);
    if (rc)
        return rc;
    if (c->http->server)
        http_stats(c->http->server, &stats);
    buf_init(&b, METRICS_MAX);
    put_http(&b, &stats);
    put(&b, "accounts", "gauge", "Accounts.", (uint64_t)counts[ACCOUNTS]);
    put(&b, "sessions", "gauge", "Sessions that are not over.", (uint64_t)counts[SESSIONS]);
    put(&b, "spaces", "gauge", "Spaces that are not deleted.", (uint64_t)counts[SPACES]);
    put(&b, "pictures", "gauge", "Pictures that are not deleted.", (uint64_t)counts[PICTURES]);
    put(&b, "picture_bytes", "gauge", "Bytes of originals on disk.",
        (uint64_t)counts[PICTURE_BYTES]);
    put(&b, "uploads", "gauge", "Uploads on their way.", (uint64_t)counts[UPLOADS]);
    put_media(&b, c->server->media);
    put(&b, "uptime_seconds", "gauge", "Since the start.",
        (uint64_t)(call_now(c) - c->server->started) / 1000);
    rc = buf_error(&b, &c->error);
    if (rc == 0)
        rc = http_reply(c->http, 200, "text/plain; version=0.0.4; charset=utf-8", b.data, b.len);
    buf_release(&b);
    return rc;
}

static int page(struct call *c, const char *name, const char *type)
{
    const struct page_file *f = page_files;
    while (f->name && strcmp(f->name, name) != 0)
        f++;
    return f->name ? http_reply(c->http, 200, type, f->data, f->len) : RAUM_ENOT_FOUND;
}

static int openapi(struct call *c)
{
    return page(c, "openapi.json", "application/json");
}

/* What a language model should know before it talks to us. */
static int llms(struct call *c)
{
    return page(c, "llms.txt", "text/plain; charset=utf-8");
}

const struct route plain_routes[] = {
    {"GET", "/health", health, 0},   {"GET", "/ready", ready, 0},
    {"GET", "/metrics", metrics, 0}, {"GET", "/openapi.json", openapi, 0},
    {"GET", "/llms.txt", llms, 0},
    {NULL, NULL, NULL, 0},
};
