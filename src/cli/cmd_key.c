/* `raum key …`: the key ring of this account on this device. */
#include "base/base64.h"
#include "base/err.h"
#include "cli/online.h"
#include "engine/intern.h"
#include "engine/keyring.h"
#include "engine/seal.h"
#include "engine/spaces.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAPER_MAX ((size_t)4 << 20)

/* Which key seals is the rule of seal.c; here it is only shown. */
static const char status_sql[] =
    "SELECT key_id, space, made, retired, acked, key_id = (SELECT k.key_id FROM keys k WHERE "
    "k.space = keys.space AND CASE WHEN EXISTS (SELECT 1 FROM meta WHERE key = '" SEAL_VAULT "') "
    "THEN k.acked = 1 ELSE k.retired IS NULL END ORDER BY k.made DESC, k.key_id LIMIT 1) "
    "FROM keys ORDER BY space, made, key_id";

static const struct out_column columns[] = {
    {"space", "space", OUT_TEXT, OUT_SHRINK},
    {"key", "key", OUT_TEXT, OUT_KEEP},
    {"made", "made", OUT_TIME, OUT_KEEP},
    {"retired", NULL, OUT_TIME, OUT_KEEP},
    {"current", "in use", OUT_BOOL, OUT_KEEP},
    {"here", "on this device", OUT_BOOL, OUT_KEEP},
    {"server", "on the server", OUT_BOOL, OUT_KEEP},
};

static void put_key(struct cli *cli, struct out_table *t, struct db_stmt *s)
{
    unsigned char id[KEYRING_ID_BYTES];
    char text[2 * KEYRING_ID_BYTES + 1] = "";
    size_t len;
    const void *bytes = db_blob(s, 0, &len);
    const struct space *space = intern_space(cli->raum, (uint32_t)db_int(s, 1));
    bool fine = bytes && len == sizeof id;
    if (fine) {
        memcpy(id, bytes, len);
        hex_put(text, id, sizeof id);
    }
    out_cell_str(t, !space ? "" : space->type < 0 ? tr("your own settings") : space->name);
    out_cell_str(t, text);
    for (int i = 2; i < 4; i++) {
        const char *time = db_text(s, i, &len);
        out_cell_text(t, time, len);
    }
    out_cell_bool(t, db_int(s, 5) == 1);
    out_cell_bool(t, fine && keyring_find(cli->raum->ring, id));
    out_cell_bool(t, db_int(s, 4) == 1);
}

static void say_protection(struct cli *cli)
{
    const struct keyring *ring = cli->raum->ring;
    cli_note(cli, "%s",
             ring->wrapped ? tr("the key ring has a passphrase")
                           : tr("the key ring has no passphrase"));
    if (online_has(cli))
        cli_note(cli, "%s",
                 ring->vaulted ? tr("the server keeps copies that only your passphrase or your "
                                    "recovery code opens")
                               : tr("the server keeps copies that its host can read"));
}

static int run_status(struct cli *cli)
{
    struct out_table t;
    struct db_stmt s = {0};
    int rc = cli_open(cli);
    if (rc)
        return rc;
    online_try(cli);
    out_table_begin(&t, &cli->out, columns, 7);
    rc = db_prepare(cli->raum->db, &s, &db_grant_own, status_sql, &cli->error);
    while (rc == 0 && (rc = db_step(&s, &cli->error)) == 0)
        put_key(cli, &t, &s);
    db_finish(&s);
    int end = out_table_end(&t, &cli->error);
    rc = rc == RAUM_END ? end : rc;
    if (rc == 0)
        say_protection(cli);
    return rc;
}

/* ---- passphrase: one for the ring on this device and for its copies on the server ---- */

static struct vault vault_of(const struct cli *cli)
{
    return (struct vault){cli->raum, raum_account(cli->raum)};
}

static int wrap_here(struct cli *cli, const char *secret)
{
    int rc = replica_begin(cli->raum, &cli->error); /* the ring's lock */
    return rc ? rc
              : replica_end(cli->raum, keyring_passphrase(cli->raum->ring, secret, &cli->error),
                            &cli->error);
}

static void show_code(struct cli *cli, const char *code)
{
    if (cli->json) {
        out_printf(&cli->out, "{\"recoveryCode\":\"%s\"}\n", code);
        return;
    }
    out_printf(&cli->out, "%s: %s\n", tr("recovery code of the key ring, shown only now"), code);
    cli_note(
        cli, "%s",
        tr("with it you get at your keys if the passphrase is lost: raum key recovery --code"));
}

/* The server first: a device that is behind can be told the passphrase; the other way round other
 * devices would be locked out by one that nobody else has heard of. */
static int change_all(struct cli *cli, const char *secret)
{
    struct vault v = vault_of(cli);
    struct vault_change change;
    int rc = online_change(cli->remote, &v, secret, &change, &cli->error);
    if (rc == 0)
        rc = wrap_here(cli, secret);
    if (rc == 0 && secret)
        show_code(cli, change.code);
    cli_wipe(&change, sizeof change);
    return rc;
}

/* What was set on another device. */
static int enter(struct cli *cli, const char *secret, const char *code)
{
    struct vault v = vault_of(cli);
    struct vault_news news;
    struct remote_answer a;
    int rc = online_vault(cli->remote, &a, &cli->error);
    if (rc == 0)
        rc = vault_unlock(&v, buf_text(&a.raw.body), a.raw.body.len, secret, code, &cli->error);
    remote_answer_release(&a);
    if (rc == 0)
        rc = online_keys(cli->remote, &v, &news, &cli->error);
    return rc == 0 && secret ? wrap_here(cli, secret) : rc;
}

static int ask_new(struct cli *cli, char secret[CLI_SECRET_MAX])
{
    int rc =
        cli_secret_twice(cli, "RAUM_NEW_PASSPHRASE", tr("New passphrase"), secret, CLI_SECRET_MAX);
    if (rc == 0 && !*secret)
        return cli_usage(cli, "%s",
                         tr("an empty passphrase protects nothing: --remove takes it away"));
    return rc;
}

static int run_passphrase(struct cli *cli)
{
    char secret[CLI_SECRET_MAX] = "";
    bool remove = cli_switch(cli, "--remove"), known = cli_switch(cli, "--enter");
    if (remove && known)
        return cli_usage(cli, "%s", tr("--enter or --remove, not both"));
    int rc = cli_open(cli);
    if (rc == 0 && known && !online_has(cli))
        rc = cli_fail(cli, RAUM_ENOT_CONFIGURED, "%s",
                      tr("needs a server: raum register or raum login first"));
    if (rc == 0 && known)
        rc = cli_secret(cli, "RAUM_NEW_PASSPHRASE", tr("Passphrase of the key ring"), secret,
                        sizeof secret);
    else if (rc == 0 && !remove)
        rc = ask_new(cli, secret);
    if (rc == 0 && known)
        rc = enter(cli, secret, NULL);
    else if (rc == 0)
        rc = online_has(cli) ? change_all(cli, remove ? NULL : secret)
                             : wrap_here(cli, remove ? NULL : secret);
    cli_wipe(secret, sizeof secret);
    if (rc == 0)
        cli_note(cli, "%s",
                 remove ? tr("the key ring has no passphrase any more")
                        : tr("the key ring has a passphrase now; nobody can give it back "
                             "to you, so keep it and the recovery text"));
    return rc;
}

/* ---- paper ---- */

static int read_paper(struct cli *cli, const char *path, struct buf *out)
{
    char part[4096];
    size_t got;
    bool standard = strcmp(path, "-") == 0;
    FILE *f = standard ? stdin : fopen(path, "rb");
    if (!f)
        return cli_fail(cli, RAUM_ENOT_FOUND, tr("no such file: %s"), path);
    do {
        got = fread(part, 1, sizeof part, f);
        buf_add(out, part, got);
    } while (got == sizeof part);
    int rc = ferror(f)
                 ? cli_fail(cli, RAUM_EIO, tr("cannot read %s: %s"), path, raum_code_text(RAUM_EIO))
                 : buf_error(out, &cli->error);
    if (!standard)
        fclose(f);
    cli_wipe(part, sizeof part);
    return rc;
}

/* The passphrase of the copies is lost, but not the code that was shown when it was set. */
static int recover_by_code(struct cli *cli, const char *code)
{
    int rc = online_has(cli) ? enter(cli, NULL, code)
                             : cli_fail(cli, RAUM_ENOT_CONFIGURED, "%s",
                                        tr("needs a server: raum register or raum login first"));
    if (rc == 0)
        cli_note(cli, tr("the key ring holds %u keys now"), cli->raum->ring->count);
    if (rc == 0)
        cli_note(cli, "%s", tr("give it a new passphrase: raum key passphrase"));
    return rc;
}

static int run_recovery(struct cli *cli)
{
    const char *from = cli_value(cli, "--read"), *code = cli_value(cli, "--code");
    struct buf text;
    buf_init(&text, PAPER_MAX);
    int rc = cli_open(cli);
    if (rc == 0 && code) {
        rc = recover_by_code(cli, code);
    } else if (rc == 0 && from) {
        rc = read_paper(cli, from, &text);
        if (rc == 0)
            rc = replica_begin(cli->raum, &cli->error);
        if (rc == 0) {
            rc = keyring_recover(cli->raum->ring, buf_text(&text), &cli->error);
            rc = replica_end(cli->raum, rc, &cli->error);
        }
        if (rc == 0)
            cli_note(cli, tr("the key ring holds %u keys now"), cli->raum->ring->count);
    } else if (rc == 0) {
        rc = keyring_recovery(cli->raum->ring, &text, &cli->error);
        if (rc == 0 && cli->json) {
            struct buf b;
            struct json_writer w;
            buf_init(&b, PAPER_MAX);
            json_begin(&w, &b);
            json_open_object(&w);
            json_put_key(&w, "recovery");
            json_put_text(&w, buf_text(&text), text.len);
            json_close_object(&w);
            out_json(&cli->out, &b);
            cli_wipe(b.data, b.cap);
            buf_release(&b);
        } else if (rc == 0) {
            out_printf(&cli->out, "%s", buf_text(&text));
            cli_note(cli, "%s",
                     tr("write it down, and keep it where nobody looks: it opens "
                        "everything that is sealed"));
        }
    }
    if (text.data)
        cli_wipe(text.data, text.cap);
    buf_release(&text);
    return rc;
}

/* ---- rotation ---- */

static int rotate(struct cli *cli, const struct space *space)
{
    int rc = 0;
    for (uint32_t ref = 1; ref < cli->raum->space_count && rc == 0; ref++) {
        const struct space *s = intern_space(cli->raum, ref);
        if (s && s->sealed && (!space || space->ref == ref))
            rc = seal_rotate(cli->raum, ref, &cli->error);
    }
    return rc;
}

/* With a server, a new key waits until its copy has arrived there. */
static void say_rotated(struct cli *cli)
{
    bool vaulted = false;
    int64_t waiting = 0;
    if (online_try(cli) || seal_vaulted(cli->raum, &vaulted, NULL) != 0 || !vaulted ||
        db_query_int(cli->raum->db, "SELECT count(*) FROM keys WHERE acked = 0", &waiting, NULL) ||
        waiting == 0)
        cli_note(cli, "%s",
                 tr("the next value is sealed with a new key; what is there still opens"));
    else
        cli_note(cli, "%s",
                 tr("the new key waits until its copy has arrived at the server; until then the "
                    "old one is used"));
}

static int run_rotate(struct cli *cli)
{
    const struct space *space = NULL;
    int rc = cli_open(cli);
    if (rc == 0) /* what other devices made since comes first */
        online_try(cli);
    if (rc == 0 && cli->space)
        rc = spaces_find(cli->raum, cli->space, &space, &cli->error);
    if (rc == 0 && space && !space->sealed)
        rc = cli_fail(cli, RAUM_ENOT_FOUND, "%s", tr("this space is not sealed: it has no key"));
    if (rc == 0)
        rc = replica_begin(cli->raum, &cli->error);
    if (rc == 0)
        rc = replica_end(cli->raum, rotate(cli, space), &cli->error);
    if (rc == 0)
        say_rotated(cli);
    return rc;
}

static const struct cli_option passphrase_options[] = {
    {"--remove", NULL, "take the passphrase away"},
    {"--enter", NULL, "it was set on another device: tell this one"},
    {0},
};
static const struct cli_option recovery_options[] = {
    {"--read", "FILE", "take the keys of a recovery text in; - for standard input"},
    {"--code", "CODE", "open the copies on the server with the recovery code"},
    {0},
};

const struct cli_command cmd_key[] = {
    {"key status", "", 0, 0, "the keys, and what they are for", NULL, "raum key status", run_status,
     false},
    {"key passphrase", "", 0, 0, "give the key ring a passphrase", passphrase_options,
     "raum key passphrase\nraum key passphrase --remove", run_passphrase, false},
    {"key recovery", "", 0, 0, "the key ring as a text for paper, and back", recovery_options,
     "raum key recovery\nraum key recovery --read paper.txt", run_recovery, false},
    {"key rotate", "", 0, 0, "seal with new keys from now on", NULL, "raum key rotate", run_rotate,
     false},
    {0},
};
