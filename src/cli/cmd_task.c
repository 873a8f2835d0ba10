/* `raum task …`: things to do in the space. */
#include "cli/cli.h"
#include "modules/tags/tags.h"
#include "modules/tasks/tasks.h"

#define TAGS_MAX 50

static const struct out_column columns[] = {
    {"id", "id", OUT_TEXT, OUT_KEEP},
    {"title", "title", OUT_TEXT, OUT_SHRINK},
    {"isCompleted", "done", OUT_BOOL, OUT_KEEP},
    {"dueDate", "due", OUT_TEXT, OUT_KEEP},
    {"tags", "tags", OUT_JSON, OUT_DROP},
    {"createdAt", "added", OUT_TIME, OUT_DROP},
};

static int add(struct cli *cli)
{
    char ids[TAGS_MAX][RAUM_ID_MAX], id[RAUM_ID_MAX];
    const char *tags[TAGS_MAX], *name;
    struct tasks_new new = {.title = cli->words[0], .due = cli_value(cli, "--due"), .tags = tags};
    int at = 0, rc = cli_open_scope(cli);
    while (rc == 0 && (name = cli_next(cli, "--tag", &at))) {
        if (new.tag_count == TAGS_MAX)
            return cli_usage(cli, tr("at most %d tags"), TAGS_MAX);
        tags[new.tag_count] = ids[new.tag_count];
        rc = tags_find(cli->scope, name, ids[new.tag_count++], &cli->error);
        if (rc == RAUM_ENOT_FOUND)
            return cli_fail(cli, rc, tr("no tag %s in this space; make it: raum tag create %s"),
                            name, name);
    }
    if (rc == 0)
        rc = tasks_add(cli->scope, &new, id, &cli->error);
    return rc ? rc : out_made(&cli->out, id, new.title);
}

static int list(struct cli *cli)
{
    struct raum_query *q = NULL;
    struct out_table t;
    struct buf tags;
    int rc = cli_open_scope(cli);
    if (rc == 0)
        rc = tasks_query(cli->scope, cli_switch(cli, "--all"), &q, &cli->error);
    if (rc)
        return rc;
    buf_init(&tags, 1 << 20);
    out_table_begin(&t, &cli->out, columns, 6);
    while ((rc = raum_query_step(q, &cli->error)) == 0) {
        buf_reset(&tags);
        rc = tasks_tags(cli->scope, raum_query_text(q, 0, NULL), &tags, &cli->error);
        if (rc)
            break;
        out_cell_query(&t, q, 0);
        out_cell_query(&t, q, 1);
        out_cell_query(&t, q, 2);
        out_cell_query(&t, q, 3);
        out_cell_text(&t, buf_text(&tags), tags.len);
        out_cell_query(&t, q, 5);
    }
    raum_query_free(q);
    buf_release(&tags);
    if (rc == RAUM_END && t.rows == 0)
        cli_note(cli, "%s", tr("nothing to do in this space. Add something: raum task add TITLE"));
    int ended = out_table_end(&t, rc == RAUM_END ? &cli->error : NULL);
    return rc == RAUM_END ? ended : rc;
}

static int done(struct cli *cli)
{
    int rc = cli_open_scope(cli);
    if (rc == 0)
        rc = tasks_done(cli->scope, cli->words[0], !cli_switch(cli, "--undo"), &cli->error);
    return rc ? rc
              : out_done(&cli->out, cli_switch(cli, "--undo") ? "open again" : "done",
                         cli->words[0]);
}

static int delete_task(struct cli *cli)
{
    int rc = cli_open_scope(cli);
    if (rc == 0)
        rc = tasks_delete(cli->scope, cli->words[0], &cli->error);
    return rc ? rc : out_done(&cli->out, "deleted", cli->words[0]);
}

static const struct cli_option add_options[] = {
    {"--tag", "T", "a tag of the space; may be given several times"},
    {"--due", "D", "a day, such as 2026-04-30"},
    {0},
};
static const struct cli_option list_options[] = {
    {"--all", NULL, "done ones too"},
    {0},
};
static const struct cli_option done_options[] = {
    {"--undo", NULL, "open it again"},
    {0},
};

const struct cli_command cmd_task[] = {
    {"task add", "TITLE", 1, 1, "write down something to do", add_options,
     "raum task add 'Fotos sortieren' --due 2026-04-30", add, false},
    {"task list", "", 0, 0, "what is to be done in the space", list_options, NULL, list, false},
    {"task done", "ID", 1, 1, "tick it off", done_options, NULL, done, false},
    {"task delete", "ID", 1, 1, "delete it", NULL, NULL, delete_task, false},
    {0},
};
