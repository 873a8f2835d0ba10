/* `raum scene …`: workbench scenes of the space. */
#include "cli/cli.h"
#include "modules/scenes/scenes.h"
#include <string.h>

static const struct out_column columns[] = {
    {"active", "", OUT_BOOL, OUT_KEEP},        {"id", "id", OUT_TEXT, OUT_KEEP},
    {"name", "name", OUT_TEXT, OUT_SHRINK},    {"openApps", NULL, OUT_JSON, OUT_KEEP},
    {"scopeTagIds", NULL, OUT_JSON, OUT_KEEP},
};

/* The first scene is called the same everywhere in the data, and in people's own language on the
 * screen. */
static void name_cell(struct out_table *t, const struct raum_query *q)
{
    const char *id = raum_query_text(q, 0, NULL), *name = raum_query_text(q, 1, NULL);
    bool seed = id && name && strcmp(id, SCENES_HOME) == 0 && strcmp(name, SCENES_HOME_NAME) == 0;
    if (seed && !t->out->json)
        out_cell_str(t, tr("Home"));
    else
        out_cell_query(t, q, 1);
}

static int list(struct cli *cli)
{
    struct raum_query *q = NULL;
    struct out_table t;
    char active[RAUM_ID_MAX];
    int rc = cli_open_scope(cli);
    if (rc == 0)
        rc = scenes_seed(cli->scope, &cli->error);
    if (rc == 0)
        rc = scenes_active(cli->scope, active, &cli->error);
    if (rc == 0)
        rc = scenes_query(cli->scope, &q, &cli->error);
    if (rc)
        return rc;
    out_table_begin(&t, &cli->out, columns, 5);
    while ((rc = raum_query_step(q, &cli->error)) == 0) {
        const char *id = raum_query_text(q, 0, NULL);
        bool is_active = id && strcmp(id, active) == 0;
        if (cli->json)
            out_cell_bool(&t, is_active);
        else
            out_cell_str(&t, is_active ? "*" : "");
        out_cell_query(&t, q, 0);
        name_cell(&t, q);
        out_cell_query(&t, q, 3);
        out_cell_query(&t, q, 4);
    }
    raum_query_free(q);
    int ended = out_table_end(&t, rc == RAUM_END ? &cli->error : NULL);
    return rc == RAUM_END ? ended : rc;
}

static int create(struct cli *cli)
{
    char id[RAUM_ID_MAX];
    int rc = cli_open_scope(cli);
    if (rc == 0)
        rc = scenes_create(cli->scope, cli->words[0], id, &cli->error);
    return rc ? rc : out_made(&cli->out, id, cli->words[0]);
}

static int use(struct cli *cli)
{
    char id[RAUM_ID_MAX];
    int rc = cli_open_scope(cli);
    if (rc == 0)
        rc = scenes_seed(cli->scope, &cli->error);
    if (rc == 0)
        rc = scenes_find(cli->scope, cli->words[0], id, &cli->error);
    if (rc == 0)
        rc = scenes_use(cli->scope, id, &cli->error);
    return rc ? rc : out_done(&cli->out, "active", id);
}

const struct cli_command cmd_scene[] = {
    {"scene list", "", 0, 0, "the scenes of the space", NULL, NULL, list, false},
    {"scene create", "NAME", 1, 1, "make a scene", NULL, "raum scene create Fotos", create, false},
    {"scene use", "ID|NAME", 1, 1, "make it the active one of this space and device", NULL, NULL,
     use, false},
    {0},
};
