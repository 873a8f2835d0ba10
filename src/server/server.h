/* `raum serve` as one object: options, database, HTTP server, and what its parts share. Knows
 * neither engine nor modules (ARCHITECTURE §1): the server holds accounts, spaces and merged
 * records, it runs no replica.
 *
 * Data directory:  server.db (SQLite only)  secret (0600)  vault.key (0600)  outbox/  lock
 *                  media/ uploads/, unless --media puts them elsewhere
 *                  mark (server/epoch.h) */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include "base/err.h"
#include "net/log.h"
#include <raum/env.h>
#include <stdbool.h>
#include <stdint.h>

struct sql;
struct http_server;
struct hub;
struct watch;
struct limiter;
struct server_counts;
struct route;
struct mailer;
struct relay_writer; /* relay/writer.h */
struct auth_keys; /* the signing key and signed tokens (auth/jwt.h) */
struct pages; /* routes/page.h */
struct media; /* pictures (media/media.h) */
struct media_resizer;
struct media_maker; /* media/maker.h */
struct generator; /* pictures from references (generate/generate.h) */
struct mcp_backend; /* agents (mcp/gate.h) */
struct mcp_gate;
struct agent_desk; /* agents/desk.h */
struct upstream; /* --auth URL: a foreign Better Auth server (auth/upstream.h) */

struct server_options {
    const char *data;                /* data directory, made 0700 if absent */
    const char *host;
    int port;                        /* 0: any free one */
    const char *tls_cert, *tls_key;
    const char *database;            /* NULL: server.db in data */
    const char *origin;              /* public address; NULL: http(s)://host:port */
    const char *const *trusted;      /* further origins that may send cookies; ends with NULL */
    const char *auth;                /* --auth URL, NULL: our own accounts */
    const char *mail_command;        /* run with the message on stdin; NULL: the outbox folder */
    const char *secret;              /* NULL: data/secret, made at first start */
    const char *vault_key;           /* its file; NULL: data/vault.key, made at first start */
    const char *files;               /* folder of static files; NULL: none */
    const struct app_file *app;      /* the web app (routes/app.h); NULL: none */
    const char *media;               /* folder of pictures; NULL: data */
    const struct media_resizer *resizers; /* lent; NULL: pictures cannot be uploaded */
    int resizer_count;
    int64_t picture_max, quota;      /* bytes of one picture, of an account's; 0: as media.h says */
    const struct media_maker *makers; /* lent; NULL: no pictures are made */
    int maker_count;
    /* Who makes pictures (generate/generate.h); NULL: as there. */
    const char *image_provider, *image_url, *image_key, *image_model, *image_ca;
    int64_t allowance;               /* units of a space within 30 days; 0: as ledger.h says */
    int image_timeout_ms, image_wait_ms; /* 0: as generate.h says */
    const struct mcp_backend *mcp;   /* lent; NULL: no agent is let in */
    bool limits;                     /* rate limits; off only in tests that ask for it */
    int workers;
    int heartbeat_ms, stuck_ms, streams_max, account_streams_max; /* 0: as stream/hub.h says */
    const struct raum_env *env;      /* NULL: native */
    struct net_log *log;
};

struct server {
    struct server_options options;
    const struct raum_env *env;
    char *origin;                    /* scheme://host[:port], no slash at the end */
    char *secret;                    /* signs cookies */
    char *database;                  /* url or path, as given to sql_open */
    bool secure;                     /* origin is https: __Secure- cookies */
    struct sql *sql;                 /* of the main thread: migrations, sweeps */
    struct http_server *http;
    struct relay_writer *writer;     /* of pushes; NULL on PostgreSQL, and until it listens */
    struct hub *hub;                 /* open streams; NULL: not listening */
    struct watch *watch;             /* with --auth: of whom they are */
    struct limiter *limiter;
    struct mailer *mailer;
    struct pages *pages;
    struct media *media;
    struct generator *generator;
    struct mcp_gate *gate;           /* of /mcp; NULL: not listening */
    struct agent_desk *desk;         /* what agents need of it; NULL: not listening, or no agents */
    struct upstream *upstream;       /* NULL unless --auth */
    struct auth_keys *keys;
    struct server_counts *counts;    /* for /metrics (routes/plain.c); NULL: not asked yet */
    unsigned char vault_key[RAUM_KEY_BYTES];
    int lock;                        /* file descriptor of data/lock */
    int64_t started;                 /* ms */
    bool stopping;
};

/* Every table of routes; ends with NULL. In server.c. */
extern const struct route *const server_routes[];

/* Opens or makes the directory (BUSY: another server uses it), migrates, listens. */
int server_start(struct server **out, const struct server_options *options,
                 struct raum_error *error) BASE_CHECK;
int server_port(const struct server *s);
/* The same without listening: for admin commands and tests without sockets. */
int server_open(struct server **out, const struct server_options *options,
                struct raum_error *error) BASE_CHECK;
/* Has the database gone back in time? Then it gets a new epoch, and the log says so. By the same.
 */
int server_check_epoch(struct server *s, struct raum_error *error) BASE_CHECK;
/* Deletes what has run out. By the thread that started the server, now and then. */
int server_sweep(struct server *s, struct raum_error *error) BASE_CHECK;
void server_stop(struct server *s); /* graceful, at most ten seconds; NULL is fine */

#endif
