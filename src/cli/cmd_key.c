/* `raum key …`: the key ring of this account on this device. */
#include "base/base64.h"
#include "base/err.h"
#include "cli/cli.h"
#include "engine/intern.h"
#include "engine/keyring.h"
#include "engine/seal.h"
#include "engine/spaces.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECRET_MAX 1024
#define PAPER_MAX ((size_t)4 << 20)

static const struct out_column columns[] = {
    {"space", "space", OUT_TEXT, OUT_SHRINK},       {"key", "key", OUT_TEXT, OUT_KEEP},
    {"made", "made", OUT_TIME, OUT_KEEP},           {"retired", "retired", OUT_TIME, OUT_KEEP},
    {"here", "on this device", OUT_BOOL, OUT_KEEP},
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
    out_cell_bool(t, fine && keyring_find(cli->raum->ring, id));
}

static int run_status(struct cli *cli)
{
    struct out_table t;
    struct db_stmt s = {0};
    int rc = cli_open(cli);
    if (rc)
        return rc;
    out_table_begin(&t, &cli->out, columns, 5);
    rc = db_prepare(cli->raum->db, &s, &db_grant_own,
                    "SELECT key_id, space, made, retired FROM keys ORDER BY space, made, key_id",
                    &cli->error);
    while (rc == 0 && (rc = db_step(&s, &cli->error)) == 0)
        put_key(cli, &t, &s);
    db_finish(&s);
    int end = out_table_end(&t, &cli->error);
    rc = rc == RAUM_END ? end : rc;
    if (rc == 0)
        cli_note(cli, "%s",
                 cli->raum->ring->wrapped ? tr("the key ring has a passphrase")
                                          : tr("the key ring has no passphrase"));
    return rc;
}

/* ---- passphrase ---- */

static int ask_twice(struct cli *cli, char first[SECRET_MAX])
{
    char second[SECRET_MAX];
    bool given = getenv("RAUM_NEW_PASSPHRASE") != NULL;
    int rc = cli_secret(cli, "RAUM_NEW_PASSPHRASE", tr("New passphrase"), first, SECRET_MAX);
    if (rc == 0 && !*first)
        return cli_usage(cli, "%s",
                         tr("an empty passphrase protects nothing: --remove takes it away"));
    if (rc || given)
        return rc;
    rc = cli_secret(cli, "RAUM_NEW_PASSPHRASE", tr("Once more"), second, sizeof second);
    if (rc == 0 && strcmp(first, second) != 0)
        rc = cli_fail(cli, RAUM_EUSAGE, "%s", tr("the two are not the same"));
    cli_wipe(second, sizeof second);
    return rc;
}

static int run_passphrase(struct cli *cli)
{
    char secret[SECRET_MAX] = "";
    bool remove = cli_switch(cli, "--remove");
    int rc = cli_open(cli);
    if (rc == 0 && !remove)
        rc = ask_twice(cli, secret);
    if (rc == 0)
        rc = replica_begin(cli->raum, &cli->error); /* the ring's lock */
    if (rc == 0) {
        rc = keyring_passphrase(cli->raum->ring, remove ? NULL : secret, &cli->error);
        rc = replica_end(cli->raum, rc, &cli->error);
    }
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

static int run_recovery(struct cli *cli)
{
    const char *from = cli_value(cli, "--read");
    struct buf text;
    buf_init(&text, PAPER_MAX);
    int rc = cli_open(cli);
    if (rc == 0 && from) {
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

static int run_rotate(struct cli *cli)
{
    const struct space *space = NULL;
    int rc = cli_open(cli);
    if (rc == 0 && cli->space)
        rc = spaces_find(cli->raum, cli->space, &space, &cli->error);
    if (rc == 0 && space && !space->sealed)
        rc = cli_fail(cli, RAUM_ENOT_FOUND, "%s", tr("this space is not sealed: it has no key"));
    if (rc == 0)
        rc = replica_begin(cli->raum, &cli->error);
    if (rc == 0)
        rc = replica_end(cli->raum, rotate(cli, space), &cli->error);
    if (rc == 0)
        cli_note(cli, "%s",
                 tr("the next value is sealed with a new key; what is there still opens"));
    return rc;
}

static const struct cli_option passphrase_options[] = {
    {"--remove", NULL, "take the passphrase away"},
    {0},
};
static const struct cli_option recovery_options[] = {
    {"--read", "FILE", "take the keys of a recovery text in; - for standard input"},
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
