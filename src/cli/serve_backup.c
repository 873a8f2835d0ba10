/* `raum serve backup` and `raum serve restore`: a whole server as one file. */
#include "server/store/backup.h"
#include "base/err.h"
#include "cli/cmd_serve.h"
#include <stdlib.h>

static void print(struct cli *cli, const struct server_backup_report *r)
{
    struct json_writer w;
    struct buf b;
    if (!cli->json) {
        out_pair(&cli->out, tr("bytes"), "%lld", (long long)r->bytes);
        out_pair(&cli->out, tr("files"), "%d", r->files);
        out_pair(&cli->out, tr("pictures"), "%d", r->pictures);
        return;
    }
    buf_init(&b, 1 << 16);
    json_begin(&w, &b);
    json_open_object(&w);
    json_put_key(&w, "bytes");
    json_put_int(&w, r->bytes);
    json_put_key(&w, "files");
    json_put_int(&w, r->files);
    json_put_key(&w, "pictures");
    json_put_int(&w, r->pictures);
    json_put_key(&w, "database");
    json_put_bool(&w, r->database);
    json_put_key(&w, "secret");
    json_put_bool(&w, r->secret);
    json_put_key(&w, "vaultKey");
    json_put_bool(&w, r->vault_key);
    json_close_object(&w);
    out_json(&cli->out, &b);
    buf_release(&b);
}

/* What is not inside has to be kept by other means. */
static void tell(struct cli *cli, const struct server_backup_report *r)
{
    if (!r->database)
        cli_note(cli, "%s", tr("the database is on PostgreSQL and not inside: use pg_dump"));
    if (!r->secret)
        cli_note(cli, "%s", tr("the secret does not lie here and is not inside"));
    if (!r->vault_key)
        cli_note(cli, "%s", tr("the vault key does not lie here and is not inside: without it no "
                               "key ring opens"));
    cli_note(cli, "%s",
             tr("whoever has this file can open what the server can open; keep it as safe as the "
                "server"));
}

int serve_backup(struct cli *cli)
{
    struct server_backup_report report;
    char *folder = NULL;
    int rc = serve_folder(cli, &folder);
    if (rc == 0)
        rc = server_backup_write(folder, cli_value(cli, "--database"), cli->words[0],
                                 raum_env_native(), &report, &cli->error);
    if (rc == 0) {
        print(cli, &report);
        tell(cli, &report);
    }
    free(folder);
    return rc;
}

int serve_restore(struct cli *cli)
{
    struct server_backup_report report;
    char *folder = NULL;
    int rc = serve_folder(cli, &folder);
    if (rc == 0)
        rc = server_backup_restore(folder, cli->words[0], cli_switch(cli, "--force"),
                                   raum_env_native(), &report, &cli->error);
    if (rc == RAUM_EEXISTS)
        cli_fail(cli, rc, "%s", tr("there is a server here already: --force puts the backup in its "
                                   "place"));
    if (rc == 0)
        print(cli, &report);
    free(folder);
    return rc;
}
