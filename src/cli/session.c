/* What a command works on: the replica of the data directory, the space, secrets. */
#include "base/err.h"
#include "cli/import_file.h"
#include "cli/joining.h"
#include "cli/online.h"
#include "engine/spaces.h"
#include "modules/profile/avatar.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

void cli_wipe(void *data, size_t len)
{
    volatile unsigned char *at = data;
    while (len--)
        *at++ = 0;
}

/* A line from the terminal with the echo off; the newline is dropped. */
static int ask(struct cli *cli, const char *variable, const char *prompt, char *out, size_t size)
{
    struct termios old, silent;
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);
    size_t len = 0;
    char c;
    if (fd < 0 || tcgetattr(fd, &old) != 0) {
        if (fd >= 0)
            close(fd);
        return cli_fail(cli, RAUM_ENOT_CONFIGURED, tr("%s: set %s, or use a terminal"), prompt,
                        variable);
    }
    silent = old;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    dprintf(fd, "%s: ", prompt);
    tcsetattr(fd, TCSAFLUSH, &silent);
    while (!cli_stop && read(fd, &c, 1) == 1 && c != '\n')
        if (len + 1 < size)
            out[len++] = c;
    tcsetattr(fd, TCSAFLUSH, &old);
    dprintf(fd, "\n");
    close(fd);
    out[len] = '\0';
    return cli_stop ? cli_fail(cli, RAUM_EINTERRUPTED, "%s", tr("interrupted")) : 0;
}

int cli_secret(struct cli *cli, const char *variable, const char *prompt, char *out, size_t size)
{
    const char *given = getenv(variable);
    if (!given || !*given)
        return ask(cli, variable, prompt, out, size);
    if (strlen(given) >= size)
        return cli_fail(cli, RAUM_ETOO_LARGE, tr("the password is longer than %zu bytes"),
                        size - 1);
    memcpy(out, given, strlen(given) + 1);
    return 0;
}

int cli_password(struct cli *cli, const char *prompt, char *out, size_t size)
{
    return cli_secret(cli, "RAUM_PASSWORD", prompt, out, size);
}

static void tell(void *arg, const char *what, double done)
{
    out_progress(arg, tr(what), done);
}

int cli_secret_twice(struct cli *cli, const char *variable, const char *prompt, char *out,
                     size_t size)
{
    char second[CLI_SECRET_MAX] = "";
    const char *set = getenv(variable);
    bool given = set && *set;
    int rc = cli_secret(cli, variable, prompt, out, size);
    if (rc || given)
        return rc;
    rc = ask(cli, variable, tr("Once more"), second, sizeof second);
    if (rc == 0 && strcmp(out, second) != 0)
        rc = cli_fail(cli, RAUM_EUSAGE, "%s", tr("the two are not the same"));
    cli_wipe(second, sizeof second);
    return rc;
}

bool cli_question(struct cli *cli, const char *question, char *answer, size_t size)
{
    if (cli->quiet || isatty(STDIN_FILENO) != 1 || isatty(STDERR_FILENO) != 1)
        return false;
    fprintf(stderr, "%s ", question);
    fflush(stderr);
    if (!fgets(answer, (int)size, stdin))
        return false;
    answer[strcspn(answer, "\n")] = '\0';
    return true;
}

static int open_with(struct cli *cli, const char *account, const char *passphrase, bool read_only,
                     struct raum **out)
{
    struct out_progress progress;
    struct raum_options options = {
        .folder = cli->data,
        .account = account,
        .read_only = read_only,
        .passphrase = passphrase,
        .progress = tell,
        .progress_arg = &progress,
    };
    out_progress_begin(&progress, &cli->out);
    int rc = raum_open(out, &options, &cli->error);
    out_progress_end(&progress);
    return rc;
}

const char *cli_ring_passphrase(struct cli *cli)
{
    const char *ring = getenv(CLI_RING_VARIABLE), *password = getenv("RAUM_PASSWORD");
    if (cli->ring_secret[0])
        return cli->ring_secret;
    if (ring && *ring)
        return ring;
    return !cli->signing_in && password && *password ? password : NULL;
}

static void remember(struct cli *cli, const char *secret)
{
    if (secret && secret != cli->ring_secret && strlen(secret) < sizeof cli->ring_secret)
        memcpy(cli->ring_secret, secret, strlen(secret) + 1);
}

/* A locked ring: what is known is tried, then asked for. */
static int open_ring(struct cli *cli, const char *account, bool read_only, struct raum **out)
{
    char secret[CLI_SECRET_MAX];
    const char *given = cli_ring_passphrase(cli);
    int rc = open_with(cli, account, given, read_only, out);
    if (rc == 0)
        remember(cli, given);
    if (rc != RAUM_ELOCKED || given)
        return rc;
    rc =
        cli_secret(cli, CLI_RING_VARIABLE, tr("Passphrase of the key ring"), secret, sizeof secret);
    if (rc == RAUM_ENOT_CONFIGURED)
        return cli_fail(cli, RAUM_ELOCKED, tr("the key ring is locked: set %s, or use a terminal"),
                        cli->signing_in ? CLI_RING_VARIABLE : "RAUM_PASSWORD");
    if (rc == 0)
        rc = open_with(cli, account, secret, read_only, out);
    if (rc == 0)
        remember(cli, secret);
    cli_wipe(secret, sizeof secret);
    return rc;
}

int cli_open_account(struct cli *cli, const char *account, struct raum **out)
{
    *out = NULL;
    return open_ring(cli, account, false, out);
}

static int open_any(struct cli *cli, bool read_only)
{
    if (cli->raum)
        return 0;
    if (!cli->data)
        return cli_usage(cli, "%s", tr("no data directory: give --data, or set HOME"));
    int rc = read_only ? 0 : joining_resume(cli);
    if (rc == 0)
        rc = open_ring(cli, NULL, read_only, &cli->raum);
    return rc == 0 && !read_only ? import_legacy(cli) : rc;
}

int cli_open(struct cli *cli)
{
    return open_any(cli, false);
}

int cli_open_read_only(struct cli *cli)
{
    return open_any(cli, true);
}

int cli_open_scope(struct cli *cli)
{
    const struct space *space;
    int rc = cli_open(cli);
    if (rc)
        return rc;
    if (cli->space)
        rc = spaces_find(cli->raum, cli->space, &space, &cli->error);
    else
        space = spaces_active(cli->raum);
    if (rc)
        return rc;
    if (!space)
        return err_set(&cli->error, RAUM_ESCOPE_NOT_READY, NULL);
    rc = raum_scope_new(cli->raum, &cli->scope, &cli->error);
    return rc ? rc : raum_scope_set(cli->scope, space->id, &cli->error);
}

int cli_open_own(struct cli *cli)
{
    int rc = cli_open(cli);
    return rc ? rc : raum_account_new(cli->raum, &cli->own, &cli->error);
}

void cli_close(struct cli *cli)
{
    /* Whatever the command did to the personal slots: the account's picture follows (G-T11). */
    if (cli->raum && !cli->raum->read_only && avatar_refresh(cli->raum, NULL) == 0)
        online_close(cli);
    raum_handle_free(cli->scope);
    raum_handle_free(cli->own);
    raum_close(cli->raum);
    remote_release(cli->remote);
    free(cli->remote);
    cli_wipe(cli->ring_secret, sizeof cli->ring_secret);
    cli->remote = NULL;
    cli->scope = cli->own = NULL;
    cli->raum = NULL;
}
