/* `raum tag …`: tags of the space. */
#include "cli/cli.h"
#include "modules/tags/tags.h"

static const struct out_column columns[] = {
    {"id", "id", OUT_TEXT, OUT_KEEP},        {"name", "name", OUT_TEXT, OUT_SHRINK},
    {"color", "colour", OUT_TEXT, OUT_KEEP}, {"groupId", NULL, OUT_TEXT, OUT_KEEP},
    {"createdAt", NULL, OUT_TIME, OUT_KEEP},
};

static int create(struct cli *cli)
{
    char id[RAUM_ID_MAX], group[RAUM_ID_MAX];
    const char *group_name = cli_value(cli, "--group");
    int rc = cli_open_scope(cli);
    if (rc == 0 && group_name)
        rc = tags_group(cli->scope, group_name, group, &cli->error);
    if (rc == 0)
        rc = tags_create(cli->scope, cli->words[0], cli_value(cli, "--color"), NULL,
                         group_name ? group : NULL, id, &cli->error);
    return rc ? rc : out_made(&cli->out, id, cli->words[0]);
}

static int list(struct cli *cli)
{
    struct raum_query *q = NULL;
    struct out_table t;
    int rc = cli_open_scope(cli);
    if (rc == 0)
        rc = tags_query(cli->scope, &q, &cli->error);
    if (rc)
        return rc;
    out_table_begin(&t, &cli->out, columns, 5);
    while ((rc = raum_query_step(q, &cli->error)) == 0) {
        out_cell_query(&t, q, 0);
        out_cell_query(&t, q, 1);
        out_cell_query(&t, q, 2);
        out_cell_query(&t, q, 4);
        out_cell_query(&t, q, 6);
    }
    raum_query_free(q);
    if (rc == RAUM_END && t.rows == 0)
        cli_note(cli, "%s", tr("0 tags in this space. Add one: raum tag create NAME"));
    int ended = out_table_end(&t, rc == RAUM_END ? &cli->error : NULL);
    return rc == RAUM_END ? ended : rc;
}

static int delete_tag(struct cli *cli)
{
    char id[RAUM_ID_MAX];
    int rc = cli_open_scope(cli);
    if (rc == 0)
        rc = tags_find(cli->scope, cli->words[0], id, &cli->error);
    if (rc == 0)
        rc = tags_delete(cli->scope, id, &cli->error);
    return rc ? rc : out_done(&cli->out, "deleted", id);
}

static const struct cli_option create_options[] = {
    {"--color", "C", "its colour, such as #d97706"},
    {"--group", "G", "the group it belongs to; made if it is new"},
    {0},
};

const struct cli_command cmd_tag[] = {
    {"tag create", "NAME", 1, 1, "make a tag", create_options,
     "raum tag create Sommer --color '#d97706'", create, false},
    {"tag list", "", 0, 0, "the tags of the space", NULL, NULL, list, false},
    {"tag delete", "ID|NAME", 1, 1, "delete a tag", NULL, NULL, delete_tag, false},
    {0},
};
