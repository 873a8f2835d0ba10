/* `raum conflict`: one's own edits that another person wrote over (G-S15), in the space in scope.
 */
#include "base/err.h"
#include "cli/cli.h"
#include "engine/conflicts.h"
#include "engine/scope.h"
#include <errno.h>
#include <stdlib.h>

static const struct out_column columns[] = {
    {"id", "id", OUT_NUMBER, OUT_KEEP},
    {"table", "table", OUT_TEXT, OUT_KEEP},
    {"row", "row", OUT_TEXT, OUT_DROP},
    {"field", "field", OUT_TEXT, OUT_KEEP},
    {"value", "your value", OUT_JSON, OUT_SHRINK},
    {"at", "written", OUT_TIME, OUT_DROP},
    {"by", "written over by", OUT_TEXT, OUT_DROP},
};

static int put_one(void *arg, const struct conflict *c, struct raum_error *error)
{
    struct out_table *t = arg;
    char at[CLOCK_TEXT];
    (void)error;
    clock_format(c->at, at);
    out_cell_int(t, c->id);
    out_cell_str(t, c->table);
    out_cell_str(t, c->row);
    out_cell_str(t, c->field);
    out_cell_text(t, c->value, c->len);
    out_cell_str(t, at);
    out_cell_str(t, c->by);
    return 0;
}

static int run_list(struct cli *cli)
{
    struct out_table t;
    int rc = cli_open_scope(cli);
    if (rc)
        return rc;
    out_table_begin(&t, &cli->out, columns, (int)(sizeof columns / sizeof *columns));
    rc = conflicts_each(cli->raum, cli->scope->space, put_one, &t, &cli->error);
    int end = out_table_end(&t, &cli->error);
    return rc ? rc : end;
}

static int read_id(struct cli *cli, int64_t *id)
{
    char *end;
    errno = 0;
    *id = strtoll(cli->words[0], &end, 10);
    return *end || errno || *id <= 0
               ? cli_usage(cli, tr("not the number of a conflict: %s"), cli->words[0])
               : 0;
}

static int run_restore(struct cli *cli)
{
    int64_t id;
    int rc = read_id(cli, &id);
    if (rc == 0)
        rc = cli_open_scope(cli);
    if (rc == 0)
        rc = conflicts_restore(cli->scope, id, &cli->error);
    return rc ? rc : out_done(&cli->out, "restored", cli->words[0]);
}

static int run_dismiss(struct cli *cli)
{
    int64_t id = 0;
    bool all = cli_switch(cli, "--all");
    if (all == (cli->count > 0))
        return cli_usage(cli, "%s", tr("give the number of a conflict, or --all"));
    int rc = all ? 0 : read_id(cli, &id);
    if (rc == 0)
        rc = cli_open_scope(cli);
    if (rc == 0)
        rc = conflicts_dismiss(cli->raum, cli->scope->space, id, &cli->error);
    return rc ? rc : out_done(&cli->out, "dismissed", all ? "--all" : cli->words[0]);
}

static const struct cli_option dismiss_options[] = {
    {"--all", NULL, "all of this space"},
    {0},
};

const struct cli_command cmd_conflict[] = {
    {"conflict list", "", 0, 0, "your edits that somebody else wrote over", NULL,
     "raum conflict list --space familie", run_list, false},
    {"conflict restore", "ID", 1, 1, "write your value again", NULL, "raum conflict restore 3",
     run_restore, false},
    {"conflict dismiss", "[ID]", 0, 1, "forget the notice: it stays as the other person wrote it",
     dismiss_options, "raum conflict dismiss 3", run_dismiss, false},
    {0},
};
