/* `raum serve`: the server in the foreground, until somebody ends it. Its words are one line on
 * standard output when it listens, and its log on standard error. */
#define _GNU_SOURCE
#include "cli/cmd_serve.h"
#include "base/err.h"
#include "image/resize.h"
#include "media/maker.h"
#include "media/store.h"
#include "cli/serve_agents.h"
#include "cli/serve_mcp.h"
#include "net/log.h"
#include "server/routes/app.h"
#include "server/server.h"
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LISTEN_DEFAULT "127.0.0.1:7117"
#define TRUSTED_MAX 64
#define SECRET_FILE_MAX 4096
#define SWEEP_SECONDS 3600
#define DECODERS_MAX 4
#define MAKERS 2
#define SIZE_MB_MAX 100000000

int serve_folder(struct cli *cli, char **out)
{
    *out = NULL;
    if (!cli->data)
        return cli_usage(cli, "%s", tr("no data directory: give --data, or set HOME"));
    if (asprintf(out, "%s/server", cli->data) >= 0)
        return 0;
    *out = NULL;
    return err_set(&cli->error, RAUM_ENOMEM, NULL);
}

/* "HOST:PORT" or "[V6]:PORT". */
static int read_listen(struct cli *cli, const char *text, char host[256], int *port)
{
    const char *colon = strrchr(text, ':'), *from = text, *to = colon;
    char *end = NULL;
    long number = colon && colon[1] >= '0' && colon[1] <= '9' ? strtol(colon + 1, &end, 10) : -1;
    if (number < 0 || number > 65535 || *end)
        return cli_usage(cli, tr("--listen takes an address and a port: %s"), LISTEN_DEFAULT);
    if (*from == '[' && to > from + 1 && to[-1] == ']') {
        from++;
        to--;
    } else if (memchr(from, ':', (size_t)(to - from))) {
        return cli_usage(cli, "%s", tr("an IPv6 address stands in brackets: [::1]:7117"));
    }
    size_t len = (size_t)(to - from);
    if (len == 0 || len >= 256)
        return cli_usage(cli, tr("--listen takes an address and a port: %s"), LISTEN_DEFAULT);
    memcpy(host, from, len);
    host[len] = '\0';
    if (strcmp(host, "localhost") == 0)
        memcpy(host, "127.0.0.1", sizeof "127.0.0.1");
    *port = (int)number;
    return 0;
}

static bool is_local(const char *host)
{
    return strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
}

static bool is_https(const char *url)
{
    return url && strncmp(url, "https://", 8) == 0;
}

static void warn(struct net_log *log, const char *event, const char *text)
{
    NET_LOG(log, LOG_WARNING, event, {"text", text, 0});
}

/* What is allowed but should not go unnoticed. */
static void warn_all(const struct server_options *o)
{
    if (!is_local(o->host) && !o->tls_cert && !is_https(o->origin))
        warn(o->log, "no-tls",
             "listening beyond this machine without TLS: passwords and sessions can be read on "
             "the way; give --tls-cert and --tls-key, or put a proxy in front and set --origin");
    if (!o->limits)
        warn(o->log, "no-limits", "rate limits are off: for tests only");
}

/* A secret in a file of its own; *out NULL: the option is not given. free() it. */
static int read_file(struct cli *cli, const char *option, struct net_log *log, char **out)
{
    const char *path = cli_value(cli, option);
    const struct raum_env *env = raum_env_native();
    struct stat info;
    void *data;
    size_t len;
    *out = NULL;
    if (!path)
        return 0;
    int rc = env->file_read(env->ctx, path, SECRET_FILE_MAX, &data, &len);
    if (rc)
        return cli_fail(cli, rc, tr("cannot read %s: %s"), path, tr(raum_code_text(rc)));
    *out = data;
    while (len && strchr("\r\n", (*out)[len - 1]))
        (*out)[--len] = '\0';
    if (strlen(*out) != len)
        return cli_usage(cli, tr("%s is no text"), path);
    if (stat(path, &info) == 0 && (info.st_mode & 077))
        warn(log, "secret-readable", "the secret's file can be read by others: chmod 600");
    return 0;
}

/* The secret that signs cookies: whoever reads it can be anybody. */
static int read_secret(struct cli *cli, struct net_log *log, char **out)
{
    int rc = read_file(cli, "--secret-file", log, out);
    if (rc == 0 && *out && strlen(*out) < 32)
        return cli_usage(cli, tr("%s: the secret is a text of at least 32 characters"),
                         cli_value(cli, "--secret-file"));
    return rc;
}

/* Who makes pictures: a name of the server's table, where it is, and its key. */
static int read_images(struct cli *cli, struct server_options *o, struct serve_strings *s)
{
    const char *units = cli_value(cli, "--allowance");
    char *end = NULL;
    o->image_provider = cli_value(cli, "--image-provider");
    o->image_url = cli_value(cli, "--image-url");
    o->image_model = cli_value(cli, "--image-model");
    o->image_ca = cli_value(cli, "--image-ca");
    if (o->image_url && strncmp(o->image_url, "http://", 7) != 0 && !is_https(o->image_url))
        return cli_usage(cli, tr("--image-url takes an address like %s"), "https://…/v1");
    if (units) {
        long long n = *units >= '0' && *units <= '9' ? strtoll(units, &end, 10) : 0;
        if (n < 1 || n > SIZE_MB_MAX || *end)
            return cli_usage(cli, "%s", tr("--allowance takes a number of units"));
        o->allowance = n;
    }
    int rc = read_file(cli, "--image-key-file", o->log, &s->image_key);
    o->image_key = s->image_key;
    return rc;
}

static int read_trusted(struct cli *cli, const char *out[TRUSTED_MAX + 1])
{
    int at = 0, count = 0;
    for (const char *one; (one = cli_next(cli, "--trusted", &at));) {
        if (count == TRUSTED_MAX)
            return cli_fail(cli, RAUM_ELIMIT, tr("--trusted: at most %d"), TRUSTED_MAX);
        out[count++] = one;
    }
    out[count] = NULL;
    return 0;
}

/* Blocked before any thread is born, so that only wait_for_end gets them. */
static void end_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGHUP);
}

static void sweep(struct server *server, struct net_log *log)
{
    struct raum_error error = {0};
    int rc = server_sweep(server, &error);
    if (rc)
        NET_LOG(log, LOG_WARNING, "sweep failed", {"code", raum_code_name(rc), 0},
                {"text", error.text, 0});
}

/* Until somebody ends us; a second signal then ends us the hard way (main.c). */
static void wait_for_end(struct server *server, struct net_log *log)
{
    const struct timespec hour = {.tv_sec = SWEEP_SECONDS};
    sigset_t set;
    int number;
    end_signals(&set);
    do {
        sweep(server, log);
        number = sigtimedwait(&set, NULL, &hour);
    } while (number < 0);
    cli_stop = 1;
    NET_LOG(log, LOG_INFO, "stopping", {"signal", NULL, number});
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static void put_address(FILE *out, const struct server_options *o, int port)
{
    bool v6 = strchr(o->host, ':');
    fprintf(out, "listening on %s://%s%s%s:%d\n", o->tls_cert ? "https" : "http", v6 ? "[" : "",
            o->host, v6 ? "]" : "", port);
    fflush(out);
}

/* The processes that decode pictures: as many as there are cores, started when they are needed. */
struct decoders {
    struct image_resizer *workers[DECODERS_MAX];
    struct media_resizer ports[DECODERS_MAX];
    int count;
    /* Of pictures that are made: nobody's upload waits for them. */
    struct image_resizer *made_by[MAKERS];
    struct media_maker makers[MAKERS];
};

static int open_decoders(struct decoders *d, struct raum_error *error)
{
    const struct image_options options = {.program = "/proc/self/exe"};
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int count = cores < 1 ? 1 : cores > DECODERS_MAX ? DECODERS_MAX : (int)cores, rc = 0;
    memset(d, 0, sizeof *d);
    for (; d->count < count && rc == 0; d->count += rc == 0) {
        rc = image_resizer_new(&d->workers[d->count], &options, error);
        d->ports[d->count] = (struct media_resizer){d->workers[d->count], image_resize};
    }
    for (int i = 0; i < MAKERS && rc == 0; i++) {
        rc = image_resizer_new(&d->made_by[i], &options, error);
        d->makers[i] = (struct media_maker){d->made_by[i], image_upright, image_sheet};
    }
    return rc;
}

static void close_decoders(struct decoders *d)
{
    for (int i = 0; i < d->count; i++)
        image_resizer_free(d->workers[i]);
    for (int i = 0; i < MAKERS; i++)
        image_resizer_free(d->made_by[i]);
}

/* The server, and agents in it unless fixtures take their place. */
static int start(struct cli *cli, struct server_options *o, struct serve_agents *agents,
                 struct server **server)
{
    int rc = server_start(server, o, &cli->error);
    if (rc == 0 && o->mcp == &agents->backend) {
        rc = serve_agents_open(agents, *server, &cli->error);
        if (rc)
            server_stop(*server);
    }
    return rc;
}

static int serve(struct cli *cli, struct server_options *o)
{
    struct server *server;
    struct decoders decoders;
    struct serve_mcp fixtures;
    struct serve_agents agents;
    sigset_t set;
    warn_all(o);
    serve_agents_init(&agents);
    o->mcp = &agents.backend;
    int rc = serve_mcp_options(cli, o, &fixtures);
    if (rc)
        return rc;
    end_signals(&set);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    rc = open_decoders(&decoders, &cli->error);
    o->resizers = decoders.ports;
    o->resizer_count = decoders.count;
    o->makers = decoders.makers;
    o->maker_count = MAKERS;
    if (rc == 0)
        rc = start(cli, o, &agents, &server);
    if (rc == 0) {
        put_address(cli->out.file, o, server_port(server));
        wait_for_end(server, o->log);
        server_stop(server);
    } else {
        pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    }
    close_decoders(&decoders);
    return rc;
}

/* A size in MB, as bytes; 0 when it is not given. */
static int read_size(struct cli *cli, const char *name, int64_t *out)
{
    const char *text = cli_value(cli, name);
    char *end = NULL;
    *out = 0;
    if (!text)
        return 0;
    long long n = *text >= '0' && *text <= '9' ? strtoll(text, &end, 10) : 0;
    if (n < 1 || n > SIZE_MB_MAX || *end)
        return cli_usage(cli, tr("%s takes a number of MB"), name);
    *out = n << 20;
    return 0;
}

static int gather(struct cli *cli, struct server_options *o, char host[256])
{
    const char *listen = cli_value(cli, "--listen");
    o->host = host;
    o->env = raum_env_native();
    o->tls_cert = cli_value(cli, "--tls-cert");
    o->tls_key = cli_value(cli, "--tls-key");
    o->database = cli_value(cli, "--database");
    o->origin = cli_value(cli, "--origin");
    o->auth = cli_value(cli, "--auth");
    o->mail_command = cli_value(cli, "--mail-command");
    o->files = cli_value(cli, "--files");
    o->app = app_files;
    o->media = cli_value(cli, "--media");
    o->vault_key = cli_value(cli, "--vault-key");
    o->limits = !cli_switch(cli, "--no-limits");
    if (!o->tls_cert != !o->tls_key)
        return cli_usage(cli, "%s", tr("--tls-cert and --tls-key come together"));
    int rc = read_size(cli, "--picture-max", &o->picture_max);
    if (rc == 0)
        rc = read_size(cli, "--quota", &o->quota);
    if (rc)
        return rc;
    return read_listen(cli, listen ? listen : LISTEN_DEFAULT, host, &o->port);
}

int serve_options(struct cli *cli, struct server_options *o, struct serve_strings *s)
{
    memset(o, 0, sizeof *o);
    memset(s, 0, sizeof *s);
    int rc = gather(cli, o, s->host);
    if (rc == 0)
        rc = serve_folder(cli, &s->folder);
    if (rc == 0)
        rc = read_trusted(cli, s->trusted);
    if (rc == 0)
        rc = net_log_new(&o->log, STDERR_FILENO, cli->quiet ? LOG_WARNING : LOG_INFO,
                         o->env->now_ms, o->env->ctx, &cli->error);
    if (rc == 0)
        rc = read_secret(cli, o->log, &s->secret);
    if (rc == 0)
        rc = read_images(cli, o, s);
    o->data = s->folder;
    o->trusted = s->trusted;
    o->secret = s->secret;
    return rc;
}

void serve_release(struct server_options *o, struct serve_strings *s)
{
    net_log_free(o->log);
    free(s->folder);
    if (s->secret)
        cli_wipe(s->secret, strlen(s->secret));
    free(s->secret);
    if (s->image_key)
        cli_wipe(s->image_key, strlen(s->image_key));
    free(s->image_key);
}

static int run_serve(struct cli *cli)
{
    struct server_options options;
    struct serve_strings strings;
    int rc = serve_options(cli, &options, &strings);
    if (rc == 0)
        rc = serve(cli, &options);
    serve_release(&options, &strings);
    return rc;
}

static const struct cli_option serve_option[] = {
    {"--listen", "ADDRESS:PORT", "where to listen; 127.0.0.1:7117 if not given, port 0: any"},
    {"--tls-cert", "FILE", "certificate chain (PEM): https without a proxy"},
    {"--tls-key", "FILE", "its private key (PEM)"},
    {"--database", "URL", "postgres://… instead of a file in the data directory"},
    {"--media", "DIR", "where pictures are kept"},
    {"--picture-max", "MB", "size of one picture; 50 if not given"},
    {"--quota", "MB", "room for the pictures of one account; 5120 if not given"},
    {"--origin", "URL", "the address people use, if a proxy stands in front"},
    {"--auth", "URL", "accounts of a Better Auth server there instead of our own"},
    {"--trusted", "ORIGIN", "another origin whose pages may use this server; several times"},
    {"--mail-command", "COMMAND", "takes a mail on standard input: sendmail -t"},
    {"--files", "DIR", "a folder of static files, served at /"},
    {"--secret-file", "FILE", "what signs cookies, instead of one made at the first start"},
    {"--vault-key", "FILE", "what wraps the key rings, instead of one made at the first start"},
    {"--image-provider", "NAME", "who makes pictures: collage (the default), openai, or none"},
    {"--image-url", "URL", "where it is; any service that speaks as OpenAI's does"},
    {"--image-key-file", "FILE", "its key"},
    {"--image-model", "MODEL", "its usual model"},
    {"--image-ca", "FILE", "the authority (PEM) that its certificate is of, if it is your own"},
    {"--allowance", "UNITS", "what a space may use of it within 30 days; 3000 if not given"},
    {"--no-limits", NULL, NULL},
    {"--mcp-fixtures", NULL, NULL},
    {0},
};

static const struct cli_option certificate_option[] = {
    {"--new-authority", NULL,
     "another authority, too: for names that the old one may not speak for"},
    {0},
};

static const struct cli_option backup_option[] = {
    {"--database", "URL", "postgres://… instead of a file in the data directory"},
    {0},
};
static const struct cli_option restore_option[] = {
    {"--force", NULL, "also in the place of a server that is here"},
    {0},
};
static const struct cli_option admin_option[] = {
    {"--database", "URL", "postgres://… instead of a file in the data directory"},
    {"--origin", "URL", "the address people use, if a proxy stands in front"},
    {0},
};

const struct cli_command cmd_serve[] = {
    {"serve", "", 0, 0, "a home for people and their spaces: the server", serve_option,
     "raum serve\n"
     "raum serve --listen 0.0.0.0:7117 --tls-cert chain.pem --tls-key key.pem\n"
     "raum serve --database postgres:///raum --origin https://raum.example\n"
     "raum serve --image-provider openai --image-url https://images.example/v1 "
     "--image-key-file image.key",
     run_serve, false},
    {"serve certificate", "NAME…", 1, -1, "https in a house without a domain: a certificate",
     certificate_option,
     "raum serve certificate raum.local 192.168.1.5\n"
     "raum serve certificate raum.fritz.box --json",
     serve_certificate, false},
    {"serve backup", "FILE", 1, 1, "the whole server as one file, while it serves", backup_option,
     "raum serve backup monday.raum", serve_backup, false},
    {"serve restore", "FILE", 1, 1, "put a server's backup back", restore_option,
     "raum --data elsewhere serve restore monday.raum", serve_restore, false},
    {"serve admin", "WHAT [WORD…]", 1, 3, "what the host of a server may do", admin_option,
     "raum serve admin stats\n"
     "raum serve admin accounts\n"
     "raum serve admin disable anna@example.org\n"
     "raum serve admin enable anna@example.org\n"
     "raum serve admin reset-link anna@example.org --origin https://raum.example\n"
     "raum serve admin sessions anna@example.org\n"
     "raum serve admin end-session ID\n"
     "raum serve admin spaces\n"
     "raum serve admin tier SLUG founder\n"
     "raum serve admin new-epoch\n"
     "raum serve admin quota anna@example.org 20000\n"
     "raum serve admin allowance garden-club 10000\n"
     "raum serve admin import-better-auth better-auth.db",
     serve_admin, false},
    {0},
};
