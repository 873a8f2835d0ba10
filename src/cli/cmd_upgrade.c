/* `raum upgrade`: the file steps by hand. Every command does them when it opens the data; here one
 * may look first. */
#include "base/err.h"
#include "cli/cli.h"
#include "engine/ddl.h"
#include "engine/replica.h"
#include <string.h>

static int dry_run(struct cli *cli)
{
    const struct raum_env *env = raum_env_native();
    char account[RAUM_ID_MAX];
    struct arena a;
    struct buf ddl, report;
    arena_init(&a, 1 << 20);
    buf_init(&ddl, 1 << 20);
    buf_init(&report, 1 << 20);
    ddl_create(&ddl);
    struct db_steps steps = {.application = DDL_APPLICATION,
                             .version = SCHEMA_VERSION,
                             .create = buf_text(&ddl),
                             .list = ddl_steps};
    int rc = replica_account_read(env, cli->data, account, &cli->error);
    char *folder = rc ? NULL : replica_folder(cli->data, account, env, &a);
    char *path = folder ? arena_printf(&a, "%s/raum.db", folder) : NULL;
    if (rc == 0 && !path)
        rc = err_set(&cli->error, RAUM_ENOMEM, NULL);
    int64_t size, modified;
    if (rc == 0 && env->file_size(env->ctx, path, &size, &modified) == RAUM_ENOT_FOUND)
        rc = cli_fail(cli, RAUM_ENOT_FOUND, tr("there is no data in %s yet"), cli->data);
    if (rc == 0)
        rc = steps_dry_run(path, &steps, &report, &cli->error);
    if (rc == 0)
        rc = buf_error(&report, &cli->error);
    if (rc == 0 && cli->json) {
        struct buf b;
        struct json_writer w;
        buf_init(&b, 1 << 21);
        json_begin(&w, &b);
        json_open_object(&w);
        json_put_key(&w, "dryRun");
        json_put_bool(&w, true);
        json_put_key(&w, "report");
        json_put_text(&w, buf_text(&report), report.len);
        json_close_object(&w);
        out_json(&cli->out, &b);
        buf_release(&b);
    } else if (rc == 0) {
        out_printf(&cli->out, "%s", report.len ? buf_text(&report) : tr("nothing to upgrade\n"));
    }
    buf_release(&report);
    buf_release(&ddl);
    arena_release(&a);
    return rc;
}

static int run_upgrade(struct cli *cli)
{
    if (!cli->data)
        return cli_usage(cli, "%s", tr("no data directory: give --data, or set HOME"));
    if (cli_switch(cli, "--dry-run"))
        return dry_run(cli);
    int rc = cli_open(cli);
    if (rc)
        return rc;
    if (cli->json)
        out_printf(&cli->out, "{\"version\":%d}\n", (int)cli->raum->version);
    else
        out_printf(&cli->out, tr("up to date: version %d\n"), (int)cli->raum->version);
    return 0;
}

static const struct cli_option options[] = {
    {"--dry-run", NULL, "only report what would happen"},
    {0},
};

const struct cli_command cmd_upgrade[] = {
    {"upgrade", "", 0, 0, "bring the files of this device to this version", options,
     "raum upgrade --dry-run", run_upgrade, false},
    {0},
};
