/* `raum sql`: one SELECT behind the fence. */
#include "base/err.h"
#include "base/utf8.h"
#include "cli/cli.h"
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 200

struct result {
    struct out_column columns[OUT_COLUMNS_MAX];
    char names[OUT_COLUMNS_MAX][NAME_MAX_BYTES + 8];
    int count;
};

static bool taken(const struct result *r, int before, const char *name)
{
    for (int i = 0; i < before; i++)
        if (strcmp(r->names[i], name) == 0)
            return true;
    return false;
}

/* A JSON object has each key once: `SELECT 1, 1` becomes "1" and "1_2". */
static void name_column(struct result *r, int at, const char *name)
{
    struct buf clean;
    buf_init(&clean, 1 << 20);
    out_clean(&clean, name ? name : "", name ? strlen(name) : 0);
    size_t len = utf8_cut(buf_text(&clean), clean.len, NAME_MAX_BYTES);
    snprintf(r->names[at], sizeof r->names[at], "%.*s", (int)len, buf_text(&clean));
    for (int i = 2; taken(r, at, r->names[at]); i++)
        snprintf(r->names[at], sizeof r->names[at], "%.*s_%d", (int)len, buf_text(&clean), i);
    buf_release(&clean);
}

/* Numbers stand to the right; the first row tells which columns hold numbers. */
static void look(struct result *r, const struct raum_query *q, bool row)
{
    for (int i = 0; i < r->count; i++) {
        name_column(r, i, raum_query_name(q, i));
        enum raum_type type = row ? raum_query_type(q, i) : RAUM_TEXT;
        bool number = type == RAUM_INTEGER || type == RAUM_REAL;
        r->columns[i] =
            (struct out_column){r->names[i], r->names[i], number ? OUT_NUMBER : OUT_TEXT,
                                number ? OUT_KEEP : OUT_SHRINK};
    }
}

static int print(struct cli *cli, struct raum_query *q, struct result *r)
{
    struct out_table t;
    r->count = raum_query_columns(q);
    if (r->count > OUT_COLUMNS_MAX)
        return cli_fail(cli, RAUM_ELIMIT, tr("at most %d columns"), OUT_COLUMNS_MAX);
    int rc = raum_query_step(q, &cli->error);
    if (rc < 0)
        return rc;
    look(r, q, rc == 0);
    out_table_begin(&t, &cli->out, r->columns, r->count);
    while (rc == 0 && !cli_stop) {
        for (int i = 0; i < r->count; i++)
            out_cell_query(&t, q, i);
        rc = raum_query_step(q, &cli->error);
    }
    int ended = out_table_end(&t, rc == RAUM_END ? &cli->error : NULL);
    if (cli_stop)
        return cli_fail(cli, RAUM_EINTERRUPTED, "%s", tr("interrupted"));
    return rc == RAUM_END ? ended : rc;
}

static int run_sql(struct cli *cli)
{
    struct raum_query *q = NULL;
    bool own = cli_switch(cli, "--account");
    struct result *r = calloc(1, sizeof *r);
    if (!r)
        return err_set(&cli->error, RAUM_ENOMEM, NULL);
    int rc = own ? cli_open_own(cli) : cli_open_scope(cli);
    if (rc == 0)
        rc = raum_query_new(own ? cli->own : cli->scope, cli->words[0], &q, &cli->error);
    if (rc == 0)
        rc = print(cli, q, r);
    raum_query_free(q);
    free(r);
    return rc;
}

static const struct cli_option options[] = {
    {"--account", NULL, "the account's own tables instead of the space's"},
    {0},
};

const struct cli_command cmd_sql[] = {
    {"sql", "SQL", 1, 1, "one read-only SELECT, confined to the space", options,
     "raum sql 'SELECT kind, count(*) FROM meImages GROUP BY kind'\n"
     "raum --space marke sql 'SELECT id, label FROM meImages'",
     run_sql, false},
    {0},
};
