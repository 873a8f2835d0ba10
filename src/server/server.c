#define _GNU_SOURCE
#include "server/server.h"
#include "net/http.h"
#include "server/agents/desk.h"
#include "server/auth/auth.h"
#include "server/auth/jwt.h"
#include "server/auth/session.h"
#include "server/auth/upstream.h"
#include "server/call.h"
#include "server/epoch.h"
#include "server/generate/generate.h"
#include "server/home.h"
#include "server/limiter.h"
#include "server/mail.h"
#include "server/mcp/gate.h"
#include "server/media/media.h"
#include "server/relay/writer.h"
#include "server/routes/page.h"
#include "server/routes/plain.h"
#include "server/routes/routes.h"
#include "server/spaces/spaces.h"
#include "server/store/backup.h"
#include "server/store/sql.h"
#include "server/stream/hub.h"
#include "server/stream/watch.h"
#include "server/url.h"
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GRACE_MS 7000 /* of the ten seconds that stopping may take; mail has two */
#define WORKERS 4

const struct route *const server_routes[] = {
    auth_routes,  organization_routes, space_routes, avatar_routes, vault_routes,
    sync_routes,  stream_routes,       media_routes, upload_routes, generate_routes,
    agent_routes, mcp_routes,          plain_routes, page_routes,   NULL,
};

/* http(s)://host[:port] as configured, or the address that we listen on. */
static int set_origin(struct server *s, int port, struct raum_error *error)
{
    const struct server_options *o = &s->options;
    const char *scheme = o->tls_cert ? "https" : "http", *host = o->host;
    struct arena scratch;
    char *text = NULL;
    int rc = 0;
    if (strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0)
        host = "localhost";
    arena_init(&scratch, 64 * 1024);
    if (o->origin)
        text = url_origin(&scratch, o->origin);
    else if (strchr(host, ':'))
        text = arena_printf(&scratch, "%s://[%s]:%d", scheme, host, port);
    else
        text = arena_printf(&scratch, "%s://%s:%d", scheme, host, port);
    if (!text)
        rc = err_set(error, RAUM_EUSAGE, "the origin is an address like https://raum.example");
    else if (!(text = strdup(text)))
        rc = err_set(error, RAUM_ENOMEM, NULL);
    arena_release(&scratch);
    if (rc || !text)
        return rc;
    free(s->origin);
    s->origin = text;
    s->secure = strncmp(text, "https://", 8) == 0;
    return 0;
}

static int set_database(struct server *s, struct raum_error *error)
{
    if (!s->options.database)
        return home_path(s->options.data, "server.db", &s->database, error);
    s->database = strdup(s->options.database);
    return s->database ? 0 : err_set(error, RAUM_ENOMEM, NULL);
}

static int open_media(struct server *s, struct raum_error *error)
{
    const struct server_options *o = &s->options;
    const struct media_limits limits = {o->picture_max, o->quota};
    return media_open(&s->media, s->env, o->media ? o->media : o->data, &limits, o->resizers,
                      o->resizer_count, error);
}

static int open_generator(struct server *s, struct raum_error *error)
{
    const struct server_options *o = &s->options;
    const struct generator_options options = {.env = s->env,
                                              .database = s->database,
                                              .folder = o->media ? o->media : o->data,
                                              .media = s->media,
                                              .makers = o->makers,
                                              .maker_count = o->maker_count,
                                              .provider = o->image_provider,
                                              .url = o->image_url,
                                              .key = o->image_key,
                                              .model = o->image_model,
                                              .ca_file = o->image_ca,
                                              .allowance = o->allowance,
                                              .timeout_ms = o->image_timeout_ms,
                                              .wait_ms = o->image_wait_ms,
                                              .log = o->log};
    return generator_new(&s->generator, &options, error);
}

static int open_parts(struct server *s, struct raum_error *error)
{
    const struct server_options *o = &s->options;
    int rc = home_lock(o->data, &s->lock, error);
    if (rc == 0) /* a restore that was interrupted */
        rc = server_backup_settle(o->data, s->env, error);
    if (rc == 0)
        rc = home_secret(o->data, o->secret, s->env, &s->secret, error);
    if (rc == 0)
        rc = home_vault_key(o->data, o->vault_key, s->env, s->vault_key, error);
    if (rc == 0)
        rc = set_database(s, error);
    if (rc == 0)
        rc = set_origin(s, o->port, error);
    if (rc == 0)
        rc = sql_open(&s->sql, s->database, s->env, error);
    if (rc == 0)
        rc = sql_migrate(s->sql, error);
    if (rc == 0)
        rc = server_check_epoch(s, error);
    if (rc == 0)
        rc = open_media(s, error);
    if (rc == 0)
        rc = open_generator(s, error);
    if (rc == 0)
        rc = limiter_new(&s->limiter, s->env, error);
    if (rc == 0)
        rc = mailer_new(&s->mailer, o, o->log, error);
    if (rc == 0)
        rc = auth_keys_new(&s->keys, s->env, error);
    if (rc == 0 && o->auth)
        rc = upstream_new(&s->upstream, o->auth, o->log, s->env, error);
    if (rc == 0)
        rc = pages_new(&s->pages, o->files, o->app, error);
    return rc ? rc : plain_counts_new(&s->counts, error);
}

int server_open(struct server **out, const struct server_options *options, struct raum_error *error)
{
    struct server *s = *out = calloc(1, sizeof *s);
    if (!s)
        return err_set(error, RAUM_ENOMEM, NULL);
    s->options = *options;
    if (!s->options.host)
        s->options.host = "127.0.0.1";
    s->env = options->env ? options->env : raum_env_native();
    s->lock = -1;
    s->started = s->env->now_ms(s->env->ctx);
    int rc = open_parts(s, error);
    if (rc) {
        server_stop(s);
        *out = NULL;
    }
    return rc;
}

static int worker_start(void *arg, void **state, struct raum_error *error)
{
    const struct server *s = arg;
    struct sql *sql;
    int rc = sql_open(&sql, s->database, s->env, error);
    *state = rc ? NULL : sql;
    return rc;
}

static void worker_stop(void *arg, void *state)
{
    (void)arg;
    sql_close(state);
}

static void handle(void *arg, void *state, struct http_request *q)
{
    call_dispatch(arg, state, q);
}

static bool has_credentials(void *arg, const struct http_request *head)
{
    const struct server *s = arg;
    return s->upstream ? upstream_known(s->upstream, head) : session_signed(s, head);
}

/* What hashes a password takes tens of milliseconds, and only a few at once. */
static bool is_slow(void *arg, const struct http_request *head)
{
    static const char *const paths[] = {"/sign-in/email", "/sign-up/email",  "/change-password",
                                        "/delete-user",   "/reset-password", NULL};
    (void)arg;
    if (strcmp(head->method, "POST") != 0 || strncmp(head->path, "/api/auth/", 10) != 0)
        return false;
    for (int i = 0; paths[i]; i++)
        if (strcmp(head->path + 9, paths[i]) == 0)
            return true;
    return false;
}

static bool is_heavy(void *arg, const struct http_request *head)
{
    (void)arg;
    return uploads_heavy(head) || generate_heavy(head);
}

/* Each hash at work takes 19 MiB and a core: half of the cores are left to those who ask little. */
static int hashers(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 4 ? 1 : cores > 8 ? 4 : (int)(cores / 2);
}

static int listen_on(struct server *s, struct raum_error *error)
{
    const struct server_options *o = &s->options;
    struct http_options http = {
        .host = o->host,
        .port = o->port,
        .tls_cert = o->tls_cert,
        .tls_key = o->tls_key,
        .workers = o->workers ? o->workers : WORKERS,
        .credentials = has_credentials,
        .slow = is_slow,
        .slow_workers = hashers(),
        .heavy = is_heavy,
        .heavy_workers = s->options.resizer_count + 4, /* parts while others decode */
        .handle = handle,
        .arg = s,
        .worker_start = worker_start,
        .worker_stop = worker_stop,
        .log = o->log,
    };
    return http_start(&s->http, &http, error);
}

static int open_hub(struct server *s, struct raum_error *error)
{
    const struct server_options *o = &s->options;
    struct hub_options hub = {.database = s->database,
                              .env = s->env,
                              .log = o->log,
                              .heartbeat_ms = o->heartbeat_ms,
                              .stuck_ms = o->stuck_ms,
                              .streams_max = o->streams_max,
                              .account_max = o->account_streams_max};
    if (!hub.streams_max && o->tls_cert) /* of 4,000 connections */
        hub.streams_max = 3000;
    int rc = hub_new(&s->hub, &hub, error);
    return rc == 0 && s->upstream ? watch_new(&s->watch, s, error) : rc;
}

static int open_gate(struct server *s, struct raum_error *error)
{
    const struct mcp_gate_options o = {.backend = s->options.mcp, .env = s->env};
    return mcp_gate_new(&s->gate, &o, error);
}

/* A password's hash takes 19 MiB for some milliseconds. Left alone, the allocator would keep such
 * pieces, one for each thread, for ever. */
static void keep_memory_small(void)
{
    mallopt(M_MMAP_THRESHOLD, 256 * 1024);
    mallopt(M_TRIM_THRESHOLD, 1024 * 1024);
    mallopt(M_ARENA_MAX, 4);
}

int server_start(struct server **out, const struct server_options *options,
                 struct raum_error *error)
{
    keep_memory_small();
    int rc = server_open(out, options, error);
    if (rc)
        return rc;
    struct server *s = *out;
    rc = s ? open_hub(s, error) : RAUM_EINTERNAL;
    if (rc == 0 && !sql_is_postgres(s->sql))
        rc = relay_writer_new(&s->writer, s->database, s->env, error);
    if (rc == 0 && options->mcp)
        rc = agent_desk_new(&s->desk, s, error);
    if (rc == 0)
        rc = open_gate(s, error);
    if (rc == 0)
        rc = listen_on(s, error);
    /* Only now the port is known; until somebody was told of it nobody asks. */
    if (rc == 0 && !options->origin && options->port == 0)
        rc = set_origin(s, http_port(s->http), error);
    if (rc) {
        server_stop(s);
        *out = NULL;
        return rc;
    }
    NET_LOG(options->log, LOG_INFO, "listening", {"host", s->options.host, 0},
            {"port", NULL, http_port(s->http)}, {"origin", s->origin, 0});
    return 0;
}

int server_port(const struct server *s)
{
    return http_port(s->http);
}

void server_stop(struct server *s)
{
    if (!s)
        return;
    s->stopping = true;
    generator_stop(s->generator); /* requests wait for it */
    mcp_gate_stop(s->gate);
    if (s->http)
        http_stop(s->http, GRACE_MS);
    mcp_gate_free(s->gate);
    agent_desk_free(s->desk);
    relay_writer_free(s->writer); /* afterwards: requests may be waiting for it */
    watch_free(s->watch);
    hub_free(s->hub);
    mailer_free(s->mailer);
    plain_counts_free(s->counts);
    pages_free(s->pages);
    upstream_free(s->upstream);
    generator_free(s->generator);
    media_close(s->media);
    auth_keys_free(s->keys);
    limiter_free(s->limiter);
    sql_close(s->sql);
    free(s->database);
    free(s->origin);
    if (s->secret)
        explicit_bzero(s->secret, strlen(s->secret));
    free(s->secret);
    explicit_bzero(s->vault_key, sizeof s->vault_key);
    if (s->lock >= 0)
        close(s->lock);
    free(s);
}
