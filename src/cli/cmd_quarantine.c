/* `raum quarantine`: what could not be sent before a space was left (G-S3). */
#include "base/err.h"
#include "cli/cli.h"
#include "engine/quarantine.h"
#include "native/tarball.h"

static const struct out_column columns[] = {
    {"id", "id", OUT_TEXT, OUT_KEEP},       {"name", "space", OUT_TEXT, OUT_SHRINK},
    {"left", "left", OUT_TIME, OUT_KEEP},   {"until", "kept until", OUT_TIME, OUT_KEEP},
    {"rows", "rows", OUT_NUMBER, OUT_KEEP}, {"pictures", "pictures", OUT_NUMBER, OUT_KEEP},
};

static int put_one(void *arg, const struct quarantine *q, struct raum_error *error)
{
    struct out_table *t = arg;
    char left[CLOCK_TEXT], until[CLOCK_TEXT];
    (void)error;
    clock_format_ms(q->at_ms, left);
    clock_format_ms(q->at_ms + QUARANTINE_MS, until);
    out_cell_str(t, q->id);
    out_cell_str(t, q->locked ? tr("(its key is not here)") : q->name);
    out_cell_str(t, left);
    out_cell_str(t, until);
    out_cell_int(t, q->rows);
    out_cell_int(t, q->pictures);
    return 0;
}

static int run_list(struct cli *cli)
{
    struct out_table t;
    int rc = cli_open(cli);
    if (rc)
        return rc;
    out_table_begin(&t, &cli->out, columns, (int)(sizeof columns / sizeof *columns));
    rc = quarantine_each(cli->raum, put_one, &t, &cli->error);
    int end = out_table_end(&t, &cli->error);
    return rc ? rc : end;
}

static int put_entry(void *ctx, const char *name, const void *data, size_t len,
                     struct raum_error *error)
{
    return cli_stop ? err_set(error, RAUM_EINTERRUPTED, NULL)
                    : tarball_put(ctx, name, data, len, error);
}

static int run_export(struct cli *cli)
{
    const char *path = cli_value(cli, "--out");
    struct tarball_writer *w = NULL;
    struct quarantine q;
    if (!path)
        return cli_usage(cli, "%s", tr("an archive is no text: give --out FILE"));
    int rc = cli_open(cli);
    if (rc == 0)
        rc = quarantine_find(cli->raum, cli->words[0], &q, &cli->error);
    if (rc == 0)
        rc = tarball_write(&w, path, &cli->error);
    if (rc == 0) {
        const struct archive_sink sink = {w, put_entry};
        rc = quarantine_export(cli->raum, cli->words[0], &sink, &cli->error);
    }
    if (rc == 0)
        rc = tarball_finish(w, &cli->error);
    tarball_writer_free(w);
    if (rc == 0)
        cli_note(cli,
                 tr("%lld rows and %lld pictures, in the clear; raum import makes a space of them"),
                 (long long)q.rows, (long long)q.pictures);
    return rc;
}

static int run_drop(struct cli *cli)
{
    int rc = cli_open(cli);
    if (rc == 0)
        rc = quarantine_drop(cli->raum, cli->words[0], &cli->error);
    return rc ? rc : out_done(&cli->out, "erased", cli->words[0]);
}

static const struct cli_option export_options[] = {
    {"--out", "FILE", "where to"},
    {0},
};

const struct cli_command cmd_quarantine[] = {
    {"quarantine list", "", 0, 0, "what could not be sent before a space was left", NULL,
     "raum quarantine list", run_list, false},
    {"quarantine export", "ID", 1, 1, "write it as an archive", export_options,
     "raum quarantine export 1790000000000-3 --out kept.raum", run_export, false},
    {"quarantine drop", "ID", 1, 1, "erase it before its 30 days are over", NULL,
     "raum quarantine drop 1790000000000-3", run_drop, false},
    {0},
};
