/* `raum serve certificate`: https in a house without a domain. */
#define _GNU_SOURCE
#include "base/err.h"
#include "cli/cmd_serve.h"
#include "server/certificate.h"
#include <stdlib.h>
#include <string.h>

static void put_member(struct json_writer *w, const char *key, const char *folder, const char *file)
{
    char path[4400];
    snprintf(path, sizeof path, "%s/%s", folder, file);
    json_put_key(w, key);
    json_put_str(w, path);
}

static void put_json(struct cli *cli, const char *folder, const struct certificate_report *r)
{
    struct json_writer w;
    struct buf b;
    buf_init(&b, 1 << 16);
    json_begin(&w, &b);
    json_open_object(&w);
    put_member(&w, "authority", folder, "authority.pem");
    json_put_key(&w, "fingerprint");
    json_put_str(&w, r->fingerprint);
    json_put_key(&w, "newAuthority");
    json_put_bool(&w, r->new_authority);
    put_member(&w, "certificate", folder, "server.pem");
    put_member(&w, "key", folder, "server.key");
    json_put_key(&w, "days");
    json_put_int(&w, CERTIFICATE_DAYS);
    json_close_object(&w);
    out_json(&cli->out, &b);
    buf_release(&b);
}

static void tell(struct cli *cli, const char *folder, const struct certificate_report *r)
{
    const char *name = cli->words[0];
    bool v6 = strchr(name, ':');
    out_pair(&cli->out, tr("certificate"), "%s/server.pem", folder);
    out_pair(&cli->out, tr("key"), "%s/server.key", folder);
    out_pair(&cli->out, tr("good for"), tr("%d days; then once more"), CERTIFICATE_DAYS);
    out_pair(&cli->out, tr("authority"), "%s/authority.pem", folder);
    out_pair(&cli->out, tr("fingerprint"), "%s", r->fingerprint);
    if (r->new_authority)
        cli_note(cli, "%s",
                 tr("Each device has to trust the authority once: install authority.pem there, and "
                    "compare the fingerprint. raum itself takes it with --ca."));
    cli_note(cli,
             "%s raum serve --listen 0.0.0.0:7117 --tls-cert %s/server.pem"
             " --tls-key %s/server.key --origin https://%s%s%s:7117",
             tr("Start:"), folder, folder, v6 ? "[" : "", name, v6 ? "]" : "");
}

int serve_certificate(struct cli *cli)
{
    struct certificate_report report;
    char *folder = NULL, *tls = NULL;
    int rc = serve_folder(cli, &folder);
    if (rc == 0 && asprintf(&tls, "%s/tls", folder) < 0) {
        tls = NULL;
        rc = err_set(&cli->error, RAUM_ENOMEM, NULL);
    }
    if (rc == 0)
        rc = certificate_make(tls, (const char *const *)cli->words, cli->count,
                              cli_switch(cli, "--new-authority"), raum_env_native(), &report,
                              &cli->error);
    if (rc == RAUM_ENOT_ALLOWED)
        cli_fail(cli, rc, "%s",
                 tr("the authority that is there may not speak for these names; --new-authority "
                    "makes another, which every device has to trust anew"));
    if (rc == 0 && cli->json)
        put_json(cli, tls, &report);
    else if (rc == 0)
        tell(cli, tls, &report);
    free(tls);
    free(folder);
    return rc;
}
