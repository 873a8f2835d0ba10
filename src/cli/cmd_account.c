/* `raum register`, `raum login`, `raum logout`: this device and an account on a server. */
#include "base/err.h"
#include "cli/joining.h"
#include "cli/online.h"
#include "engine/adopt.h"
#include "engine/intern.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PASSWORD_MAX 1024
#define BODY_MAX 65536
#define SIGN_UP "/api/auth/sign-up/email"
#define SIGN_IN "/api/auth/sign-in/email"

/* ---- asking the server ---- */

static void sign_body(struct buf *b, const char *email, const char *password, const char *name)
{
    struct json_writer w;
    json_begin(&w, b);
    json_open_object(&w);
    json_put_key(&w, "email");
    json_put_str(&w, email);
    json_put_key(&w, "password");
    json_put_str(&w, password);
    if (name) {
        json_put_key(&w, "name");
        json_put_str(&w, name);
    }
    json_close_object(&w);
}

static bool copy(char *out, size_t size, const char *text)
{
    if (!text || strlen(text) >= size)
        return false;
    memcpy(out, text, strlen(text) + 1);
    return true;
}

static int odd_answer(struct cli *cli)
{
    return cli_fail(cli, RAUM_EUNREACHABLE, "%s",
                    tr("what answers there is no Raum server: its answer cannot be understood"));
}

/* Makes the account or a session of it; the token goes to the remote, the account's id to j. */
static int sign(struct cli *cli, struct joining *j, const char *path, const char *password,
                const char *name)
{
    struct remote_answer a;
    struct arena arena;
    struct buf body;
    buf_init(&body, BODY_MAX);
    arena_init(&arena, BODY_MAX);
    sign_body(&body, j->remote.email, password, name);
    int rc = remote_ask(&j->remote, "POST", path, &body, &a, &cli->error);
    struct json_value user = json_get(a.root, "user");
    const char *token = json_str(json_get(a.root, "token"), &arena);
    const char *id = json_str(json_get(user, "id"), &arena);
    const char *email = json_str(json_get(user, "email"), &arena);
    if (rc == 0 && id && !token)
        rc = cli_fail(cli, RAUM_ENOT_ALLOWED, "%s",
                      tr("the account is made; follow the link of the mail, then raum login"));
    else if (rc == 0 && (!id || !id_valid(id, strlen(id)) || strcmp(id, SCHEMA_GUEST) == 0 ||
                         !copy(j->account, sizeof j->account, id) ||
                         !copy(j->remote.token, sizeof j->remote.token, token)))
        rc = odd_answer(cli);
    if (rc == 0 && email) /* as the server writes it */
        (void)!copy(j->remote.email, sizeof j->remote.email, email);
    if (body.data)
        cli_wipe(body.data, body.cap);
    buf_release(&body);
    remote_answer_release(&a);
    arena_release(&arena);
    return rc;
}

static int find_personal(struct cli *cli, struct joining *j)
{
    struct remote_answer a;
    struct arena arena;
    arena_init(&arena, BODY_MAX);
    int rc = remote_ask(&j->remote, "GET", "/api/v1/spaces", NULL, &a, &cli->error);
    struct json_value list = json_get(a.root, "spaces");
    for (struct json_value v = json_first(list); v.doc && rc == 0; v = json_next(list, v)) {
        const char *id = json_str(json_get(v, "id"), &arena);
        if (json_equals(json_get(v, "type"), "personal") && id && id_valid(id, strlen(id)) &&
            id[0] != '_')
            (void)!copy(j->personal, sizeof j->personal, id);
    }
    if (rc == 0 && !j->personal[0])
        rc = odd_answer(cli);
    remote_answer_release(&a);
    arena_release(&arena);
    return rc;
}

static void sign_out(struct remote *remote)
{
    struct remote_answer a;
    struct raum_error error;
    struct buf body;
    buf_init(&body, 16);
    buf_str(&body, "{}");
    (void)!remote_ask(remote, "POST", "/api/auth/sign-out", &body, &a, &error);
    remote_answer_release(&a);
    buf_release(&body);
}

/* ---- what becomes of the guest's data ---- */

/* On a terminal one is asked; a script has to say it. */
static int ask_fate(struct cli *cli, bool *take)
{
    char answer[16] = "";
    if (cli_question(cli,
                     tr("You have data here without an account. Take it along into the account "
                        "(t), or leave it apart (l)?"),
                     answer, sizeof answer)) {
        *take = strchr("tTmM", answer[0]) && answer[0];
        if (*take || (strchr("lLaA", answer[0]) && answer[0]))
            return 0;
    }
    return cli_usage(cli, "%s",
                     tr("there is data here without an account: --take-along makes it the "
                        "account's, --leave leaves it apart"));
}

static int decide(struct cli *cli, bool *take)
{
    bool leave = cli_switch(cli, "--leave"), any = false;
    *take = cli_switch(cli, "--take-along");
    if (*take && leave)
        return cli_usage(cli, "%s", tr("--take-along or --leave, not both"));
    if (*take || leave)
        return 0;
    int rc = joining_guest_data(cli, &any);
    return rc == 0 && any ? ask_fate(cli, take) : rc;
}

/* ---- register, login ---- */

/* The account of this directory, and whether it is one at all. */
static int whose(struct cli *cli, char account[RAUM_ID_MAX], bool *guest)
{
    if (!cli->data)
        return cli_usage(cli, "%s", tr("no data directory: give --data, or set HOME"));
    int rc = replica_account_read(raum_env_native(), cli->data, account, &cli->error);
    *guest = rc == 0 && strcmp(account, SCHEMA_GUEST) == 0;
    return rc;
}

static bool safe_way(const char *url)
{
    return strncmp(url, "https:", 6) == 0 || strncmp(url, "http://127.", 11) == 0 ||
           strncmp(url, "http://localhost", 16) == 0 || strncmp(url, "http://[::1]", 12) == 0;
}

static int begin(struct cli *cli, struct joining *j)
{
    const char *url = cli->words[0], *email = cli->words[1];
    memset(j, 0, sizeof *j);
    cli->signing_in = true;
    int rc = remote_init(&j->remote, url, cli_value(cli, "--ca"), &cli->error);
    if (rc == 0 && (!strchr(email, '@') || !copy(j->remote.email, sizeof j->remote.email, email)))
        rc = cli_fail(cli, RAUM_EBAD_CHANGE, "%s", tr("this is no mail address"));
    if (rc == 0 && !safe_way(j->remote.url))
        cli_note(cli, "%s",
                 tr("this address is without encryption: whoever is on the way can read along"));
    j->code = cli_value(cli, "--recovery-code");
    return rc;
}

static void say_done(struct cli *cli, const struct joining *j, const struct joining_report *report)
{
    struct json_writer w;
    struct buf b;
    if (!cli->json) {
        if (report->recovery[0])
            out_printf(&cli->out, "%s: %s\n", tr("recovery code of the key ring, shown only now"),
                       report->recovery);
        if (!cli->quiet)
            out_printf(&cli->out, tr("this device is connected as %s\n"), j->remote.email);
        return;
    }
    buf_init(&b, BODY_MAX);
    json_begin(&w, &b);
    json_open_object(&w);
    json_put_key(&w, "account");
    json_put_str(&w, j->account);
    json_put_key(&w, "email");
    json_put_str(&w, j->remote.email);
    json_put_key(&w, "server");
    json_put_str(&w, j->remote.url);
    json_put_key(&w, "tookAlong");
    json_put_bool(&w, j->take);
    json_put_key(&w, "rows");
    json_put_int(&w, report->rows);
    if (report->recovery[0]) {
        json_put_key(&w, "recoveryCode");
        json_put_str(&w, report->recovery);
    }
    json_close_object(&w);
    out_json(&cli->out, &b);
    buf_release(&b);
}

/* From the session on: the device becomes the account's, then everything is made to agree. */
static int join(struct cli *cli, struct joining *j)
{
    struct joining_report report;
    int rc = find_personal(cli, j);
    if (rc == 0)
        rc = joining_begin(cli, j, &report);
    if (rc && !joining_goes_on(rc)) /* nobody will use it */
        sign_out(&j->remote);
    if (rc == 0) {
        say_done(cli, j, &report);
        if (!online_try(cli) && !cli->raum) /* it is connected, whatever this says */
            err_clear(&cli->error);
    }
    cli_wipe(&report, sizeof report);
    return rc;
}

static int run_register(struct cli *cli)
{
    struct joining j;
    char password[PASSWORD_MAX] = "", name[REMOTE_EMAIL_MAX], account[RAUM_ID_MAX];
    bool guest = false;
    int rc = begin(cli, &j);
    if (rc == 0)
        rc = whose(cli, account, &guest);
    if (rc == 0 && !guest)
        rc = cli_fail(cli, RAUM_EEXISTS, "%s",
                      tr("this device has an account already: raum logout first"));
    if (rc == 0)
        rc = decide(cli, &j.take);
    if (rc == 0)
        rc = cli_secret_twice(cli, "RAUM_PASSWORD", tr("Password of the new account"), password,
                              sizeof password);
    if (rc == 0) {
        const char *given = cli_value(cli, "--name");
        snprintf(name, sizeof name, "%.*s", (int)strcspn(j.remote.email, "@"), j.remote.email);
        rc = sign(cli, &j, SIGN_UP, password, given && *given ? given : name);
    }
    cli_wipe(password, sizeof password);
    if (rc == 0)
        rc = join(cli, &j);
    remote_release(&j.remote);
    return rc;
}

/* The same account again: a new session for what is here. */
static int renew(struct cli *cli, struct joining *j, const char *account)
{
    if (strcmp(account, j->account) != 0) {
        sign_out(&j->remote);
        return cli_fail(cli, RAUM_EEXISTS, "%s",
                        tr("this device has another account: raum logout first"));
    }
    return join(cli, j);
}

static int run_login(struct cli *cli)
{
    struct joining j;
    char password[PASSWORD_MAX] = "", account[RAUM_ID_MAX];
    bool guest = false;
    int rc = begin(cli, &j);
    if (rc == 0)
        rc = whose(cli, account, &guest);
    if (rc == 0 && guest)
        rc = decide(cli, &j.take);
    else if (rc == 0)
        j.take = cli_switch(cli, "--take-along");
    if (rc == 0)
        rc = cli_password(cli, tr("Password"), password, sizeof password);
    if (rc == 0)
        rc = sign(cli, &j, SIGN_IN, password, NULL);
    cli_wipe(password, sizeof password);
    if (rc == 0)
        rc = guest ? join(cli, &j) : renew(cli, &j, account);
    remote_release(&j.remote);
    return rc;
}

/* ---- logout ---- */

static bool sure(struct cli *cli)
{
    char answer[16] = "";
    if (cli_switch(cli, "--yes") || isatty(STDIN_FILENO) != 1 || isatty(STDERR_FILENO) != 1)
        return true;
    return cli_question(cli, tr("Erase this account's data on this device? [y/N]"), answer,
                        sizeof answer) &&
           strchr("yYjJ", answer[0]) && answer[0];
}

/* Nobody's device first: what breaks off after that is only not erased yet. */
static int leave_folder(struct cli *cli, const char *account, const char *folder, bool erase)
{
    const struct raum_env *env = raum_env_native();
    struct remote remote;
    struct raum_error error;
    if (remote_read(&remote, folder, &error) == 0)
        sign_out(&remote); /* unreachable: the session ends by itself */
    remote_release(&remote);
    int rc = replica_account_write(env, cli->data, SCHEMA_GUEST, &cli->error);
    if (rc == 0)
        rc = remote_remove(folder, &cli->error);
    if (rc == 0 && erase)
        adopt_erase(env, folder);
    if (rc == 0 && cli->json)
        out_printf(&cli->out, "{\"account\":\"%s\",\"erased\":%s}\n", account,
                   erase ? "true" : "false");
    else if (rc == 0 && !cli->quiet)
        out_printf(&cli->out, "%s",
                   erase ? tr("logged out; the account's data on this device is erased\n")
                         : tr("logged out; the account's data stays on this device until the next "
                              "login\n"));
    return rc;
}

static int run_logout(struct cli *cli)
{
    char account[RAUM_ID_MAX];
    struct arena a;
    bool guest = false, erase = cli_switch(cli, "--erase"), begun = joining_forget(cli);
    int rc = whose(cli, account, &guest);
    if (rc == 0 && guest && begun) {
        cli_note(cli, "%s", tr("what was begun is given up"));
        return 0;
    }
    if (rc == 0) /* a folder that is another account's but for its name */
        rc = adopt_finish(raum_env_native(), cli->data, account, &cli->error);
    if (rc == 0 && strcmp(account, SCHEMA_GUEST) == 0)
        rc = cli_fail(cli, RAUM_ENOT_CONFIGURED, "%s", tr("this device has no account"));
    if (rc == 0 && erase && !sure(cli))
        rc = cli_fail(cli, RAUM_EINTERRUPTED, "%s", tr("nothing was erased"));
    if (rc)
        return rc;
    arena_init(&a, 65536);
    char *folder = replica_folder(cli->data, account, raum_env_native(), &a);
    rc = folder ? leave_folder(cli, account, folder, erase)
                : err_set(&cli->error, RAUM_ENOMEM, NULL);
    arena_release(&a);
    return rc;
}

static const struct cli_option register_options[] = {
    {"--name", "N", "your name, as others see it"},
    {"--take-along", NULL, "what is here without an account becomes the account's"},
    {"--leave", NULL, "what is here without an account stays apart"},
    {"--ca", "FILE", "certificate (PEM) of a house's own authority"},
    {"--recovery-code", "CODE", "opens a key ring whose passphrase is lost"},
    {0},
};
static const struct cli_option logout_options[] = {
    {"--erase", NULL, "erase the account's data on this device, too"},
    {"--yes", NULL, "do not ask"},
    {0},
};

const struct cli_command cmd_account[] = {
    {"register", "URL EMAIL", 2, 2, "make an account on a server, and connect this device",
     register_options, "raum register https://raum.example lena@example.org --take-along",
     run_register, false},
    {"login", "URL EMAIL", 2, 2, "connect this device with an account", register_options + 1,
     "raum login https://raum.example lena@example.org --leave", run_login, false},
    {"logout", "", 0, 0, "disconnect this device from its account", logout_options,
     "raum logout --erase", run_logout, false},
    {0},
};
