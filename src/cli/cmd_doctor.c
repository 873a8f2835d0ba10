/* `raum doctor`: is everything whole? And, until a server does it, a guest's data becomes an
 * account's. */
#include "base/err.h"
#include "cli/carry.h"
#include "cli/pool.h"
#include "engine/doctor.h"
#include "modules/profile/avatar.h"
#include <stdlib.h>
#include <string.h>

static const struct out_column columns[] = {
    {"level", "", OUT_TEXT, OUT_KEEP},
    {"check", "check", OUT_TEXT, OUT_KEEP},
    {"text", "finding", OUT_TEXT, OUT_SHRINK},
};

struct visit {
    struct out_table table;
    bool json;
    int faults;
};

static void finding(void *arg, enum doctor_level level, const char *check, const char *text)
{
    static const char *const words[] = {"ok", "warning", "fault"}, *const marks[] = {"✓", "!", "✗"};
    struct visit *v = arg;
    out_cell_str(&v->table, v->json ? words[level] : marks[level]);
    out_cell_str(&v->table, check);
    out_cell_str(&v->table, text);
}

static int look_at_pictures(struct cli *cli, struct visit *v)
{
    struct pictures_state s;
    struct pool pool;
    char text[200];
    bool deep = cli_switch(cli, "--deep");
    int rc = pool_open(&pool, cli);
    if (rc == 0 && cli_switch(cli, "--repair"))
        rc = pictures_sweep(&pool.pictures, &cli->error);
    if (rc == 0)
        rc = pictures_check(&pool.pictures, deep, &s, &cli->error);
    pool_close(&pool);
    if (rc)
        return rc;
    if (s.odd) {
        snprintf(text, sizeof text, "%lld files that no row needs; raum doctor --repair",
                 (long long)s.odd);
        finding(v, DOCTOR_WARNING, "pictures", text);
    }
    if (s.missing) {
        snprintf(text, sizeof text, "%lld pictures whose bytes are not here", (long long)s.missing);
        finding(v, DOCTOR_WARNING, "pictures", text);
    }
    if (s.damaged) {
        v->faults++;
        snprintf(text, sizeof text, "%lld originals have other bytes than they were stored with",
                 (long long)s.damaged);
        finding(v, DOCTOR_FAULT, "pictures", text);
    }
    if (!s.odd && !s.missing && !s.damaged) {
        snprintf(text, sizeof text, "%lld files, each with its row", (long long)s.files);
        finding(v, DOCTOR_OK, "pictures", text);
    }
    return 0;
}

static int examine(struct cli *cli)
{
    struct visit v = {.json = cli->json};
    int rc = cli_open(cli);
    if (rc)
        return rc;
    out_table_begin(&v.table, &cli->out, columns, 3);
    int faults = doctor_run(cli->raum, finding, &v, &cli->error);
    if (faults >= 0)
        rc = look_at_pictures(cli, &v);
    int ended = out_table_end(&v.table, NULL);
    if (faults < 0 || rc)
        return faults < 0 ? faults : rc;
    if (ended)
        return err_set(&cli->error, ended, NULL);
    if (faults + v.faults)
        return cli_fail(cli, RAUM_EINTERNAL, tr("%d faults found"), faults + v.faults);
    return 0;
}

/* ---- adoption ---- */

static int adopt(struct cli *cli, const char *account, const char *personal)
{
    const struct raum_options options = {.folder = cli->data,
                                         .passphrase = getenv("RAUM_PASSWORD")};
    struct adopt_report report;
    if (!cli->data)
        return cli_usage(cli, "%s", tr("no data directory: give --data, or set HOME"));
    int rc = carry_guest(cli, &options, account, personal, &report);
    if (rc)
        return rc;
    if (cli->json)
        out_printf(&cli->out, "{\"moved\":%s,\"rows\":%lld}\n", report.moved ? "true" : "false",
                   (long long)report.rows);
    else if (report.moved)
        out_printf(&cli->out, tr("the guest's data is now that of %s\n"), account);
    else
        out_printf(&cli->out, tr("%lld rows of the guest joined those of %s\n"),
                   (long long)report.rows, account);
    return 0;
}

/* The picture that the account had before Raum. A path or file: URL is read if it can be; the rest
 * is a placeholder until somebody uploads it again. */
static int adopt_avatar(struct cli *cli, const char *url)
{
    const char *path = strncmp(url, "file://", 7) == 0 ? url + 7 : url;
    const struct raum_env *env = raum_env_native();
    struct pool pool = {0};
    void *data = NULL;
    size_t len = 0;
    bool made = false;
    int rc = cli_open(cli);
    if (rc == 0)
        rc = pool_open(&pool, cli);
    if (rc == 0 && !strstr(path, "://") &&
        env->file_read(env->ctx, path, MEDIA_FILE_MAX, &data, &len) != 0)
        data = NULL;
    if (rc == 0)
        rc = avatar_adopt(cli->raum, &pool.pictures, url, data, len, &made, &cli->error);
    free(data);
    pool_close(&pool);
    if (rc == 0 && cli->json)
        out_printf(&cli->out, "{\"made\":%s}\n", made ? "true" : "false");
    else if (rc == 0)
        out_printf(&cli->out, "%s",
                   made ? tr("taken in: the account's picture from before\n")
                        : tr("it was taken in before\n"));
    return rc;
}

static int run_doctor(struct cli *cli)
{
    const char *avatar = cli_value(cli, "--adopt-avatar");
    const char *account = cli_value(cli, "--adopt-account");
    const char *personal = cli_value(cli, "--personal-space");
    if (personal && !account)
        return cli_usage(cli, "%s", tr("--personal-space goes with --adopt-account"));
    if (account && avatar)
        return cli_usage(cli, "%s", tr("one at a time: --adopt-account, then --adopt-avatar"));
    if (avatar)
        return adopt_avatar(cli, avatar);
    return account ? adopt(cli, account, personal) : examine(cli);
}

static const struct cli_option options[] = {
    {"--deep", NULL, "compare every picture with its hash"},
    {"--repair", NULL, "take away files that no row needs"},
    {"--adopt-account", "UID", "a guest's data becomes this account's"},
    {"--adopt-avatar", "URL", "the account's picture from before becomes the first of the pool"},
    {"--personal-space", "ID", "the id of that account's personal space"},
    {0},
};

const struct cli_command cmd_doctor[] = {
    {"doctor", "", 0, 0, "check files, invariants, leaks", options, "raum doctor --deep",
     run_doctor, false},
    {0},
};
