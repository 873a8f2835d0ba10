/* `raum import`: what an older app exported, and Raum's own archives. */
#include "cli/archive_file.h"
#include "cli/import_file.h"
#include <string.h>
#include <sys/stat.h>

static const struct out_column columns[] = {
    {"table", "table", OUT_TEXT, OUT_SHRINK}, {"rows", "rows", OUT_NUMBER, OUT_KEEP},
    {"added", "new", OUT_NUMBER, OUT_KEEP},   {"changed", "changed", OUT_NUMBER, OUT_KEEP},
    {"same", "same", OUT_NUMBER, OUT_KEEP},   {"left", "of others", OUT_NUMBER, OUT_KEEP},
    {"note", "", OUT_TEXT, OUT_KEEP},
};

static const char *note(const struct import_table *t)
{
    if (t->local)
        return tr("local to the old device: not taken");
    return t->opaque ? tr("unknown here: kept as it is") : "";
}

static int print_tables(struct out *out, const struct import_report *r, struct raum_error *error)
{
    struct out_table t;
    out_table_begin(&t, out, columns, 7);
    for (int i = 0; i < r->count; i++) {
        const struct import_table *table = &r->tables[i];
        if (!out->json && table->rows == 0)
            continue;
        out_cell_str(&t, table->name);
        out_cell_int(&t, table->rows);
        out_cell_int(&t, table->added);
        out_cell_int(&t, table->changed);
        out_cell_int(&t, table->same);
        out_cell_int(&t, table->left);
        out_cell_str(&t, out->json ? table->local    ? "local"
                                     : table->opaque ? "opaque"
                                                     : ""
                                   : note(table));
    }
    return out_table_end(&t, error);
}

static int print(struct cli *cli, const struct import_report *r, bool dry_run)
{
    struct out *out = &cli->out;
    if (cli->json) {
        struct buf b;
        struct json_writer w;
        buf_init(&b, 1 << 20);
        json_begin(&w, &b);
        json_open_object(&w);
        json_put_key(&w, "version");
        json_put_double(&w, r->version);
        json_put_key(&w, "owner");
        json_put_str(&w, r->owner);
        json_put_key(&w, "dryRun");
        json_put_bool(&w, dry_run);
        json_put_key(&w, "spaces");
        json_put_int(&w, r->spaces);
        json_put_key(&w, "media");
        json_put_int(&w, r->media);
        json_close_object(&w);
        /* The table writer streams its own array: it stands as the last member. */
        out_printf(out, "%.*s,\"tables\":", (int)b.len - 1, buf_text(&b));
        buf_release(&b);
        int rc = print_tables(out, r, &cli->error);
        out_printf(out, "}\n");
        return rc;
    }
    int rc = print_tables(out, r, &cli->error);
    cli_note(cli, tr("version %g of the older app, rows of: %s"), r->version,
             *r->owner ? r->owner : tr("nobody"));
    if (r->spaces)
        cli_note(cli, tr("spaces made for those of the file: %lld"), (long long)r->spaces);
    if (r->media)
        cli_note(cli, tr("pictures inside rows that became media: %lld"), (long long)r->media);
    if (dry_run)
        cli_note(cli, "%s", tr("a trial: nothing was changed"));
    return rc;
}

/* Looking into a pipe would take its beginning away, or wait for ever. */
static bool is_regular(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

static int run_import(struct cli *cli)
{
    const struct import_request request = {.path = cli->words[0],
                                           .owner = cli_value(cli, "--owner"),
                                           .dry_run = cli_switch(cli, "--dry-run")};
    struct import_report report;
    if (is_regular(request.path) && archive_file_is(request.path))
        return archive_file_import(cli, request.path, request.dry_run);
    int rc = cli_open(cli);
    if (rc)
        return rc;
    rc = import_file(cli, &request, &report);
    if (rc == 0)
        rc = print(cli, &report, request.dry_run);
    import_report_release(&report);
    return rc;
}

static const struct cli_option options[] = {
    {"--owner", "UID", "whose rows, if the file holds several people's"},
    {"--dry-run", NULL, "only report what would happen"},
    {0},
};

const struct cli_command cmd_import[] = {
    {"import", "FILE", 1, 1, "take in an export of an older app, or an archive", options,
     "raum import export.json --dry-run\nraum import export.json\nraum import everything.raum",
     run_import, false},
    {0},
};
