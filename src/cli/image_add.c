/* `raum image add`: files into the pool of the space, one transaction each. */
#include "base/err.h"
#include "cli/cmd_image.h"
#include "modules/profile/label.h"
#include "modules/profile/me_images.h"
#include <stdlib.h>
#include <string.h>

#define TAGS_MAX 100

static const struct out_column columns[] = {
    {"id", "id", OUT_TEXT, OUT_KEEP},           {"label", "label", OUT_TEXT, OUT_SHRINK},
    {"kind", "kind", OUT_TEXT, OUT_KEEP},       {"width", "width", OUT_NUMBER, OUT_DROP},
    {"height", "height", OUT_NUMBER, OUT_DROP}, {"slot", "slot", OUT_TEXT, OUT_KEEP},
    {"file", "file", OUT_TEXT, OUT_DROP},
};

struct batch {
    struct cli *cli;
    struct pool *pool;
    struct me_new add; /* what all have in common */
    const char *tags[TAGS_MAX];
    struct out_table table;
    int first_error; /* of the files that failed, already told */
};

static int add_one(struct batch *b, const char *path)
{
    struct cli *cli = b->cli;
    struct me_new add = b->add;
    struct media_item item;
    struct buf label;
    void *data = NULL;
    char id[RAUM_ID_MAX];
    buf_init(&label, 4096);
    int rc = pool_read(cli, path, &data, &add.len);
    if (rc)
        goto out;
    add.data = data;
    if (!add.label) {
        label_from_file(path, &label);
        add.label = buf_text(&label);
    }
    rc = me_images_add(cli->scope, &b->pool->pictures, &add, id, &item, &cli->error);
    if (rc) {
        rc = pool_name(cli, path, rc);
        goto out;
    }
    out_cell_str(&b->table, id);
    out_cell_str(&b->table, add.label);
    out_cell_str(&b->table, me_images_kind(&add));
    out_cell_int(&b->table, item.facts.width);
    out_cell_int(&b->table, item.facts.height);
    out_cell_str(&b->table, add.slot);
    out_cell_str(&b->table, path);
out:
    free(data);
    buf_release(&label);
    return rc;
}

static int add_all(struct batch *b)
{
    struct cli *cli = b->cli;
    struct out_progress progress;
    int rc = 0;
    out_progress_begin(&progress, &cli->out);
    for (int i = 0; i < cli->count && !cli_stop; i++) {
        out_progress(&progress, cli->words[i], (double)i / cli->count);
        err_clear(&cli->error);
        rc = add_one(b, cli->words[i]);
        if (rc == 0)
            continue;
        if (!b->first_error)
            b->first_error = rc;
        if (cli->count > 1) {
            out_progress_end(&progress);
            cli_print_error(cli, &cli->error);
        }
    }
    out_progress_end(&progress);
    if (cli_stop)
        return cli_fail(cli, RAUM_EINTERRUPTED, "%s",
                        tr("interrupted: what is listed is in the pool, nothing is half done"));
    if (b->first_error && cli->count > 1)
        cli->told = true;
    return b->first_error;
}

static int options(struct batch *b)
{
    struct cli *cli = b->cli;
    const char *tag;
    int at = 0;
    b->add.kind = cli_value(cli, "--kind");
    b->add.label = cli_value(cli, "--label");
    b->add.slot = cli_value(cli, "--slot");
    b->add.consent = cli_switch(cli, "--ai");
    b->add.is_private = cli_switch(cli, "--private");
    b->add.tags = b->tags;
    while ((tag = cli_next(cli, "--tag", &at))) {
        if (b->add.tag_count == TAGS_MAX)
            return cli_usage(cli, tr("at most %d tags"), TAGS_MAX);
        b->tags[b->add.tag_count++] = tag;
    }
    int rc = cli_choice(cli, "--kind", b->add.kind, me_kinds);
    if (rc == 0)
        rc = cli_choice(cli, "--slot", b->add.slot, me_slots);
    if (rc == 0 && b->add.slot && cli->count > 1)
        rc = cli_usage(cli, "%s", tr("a slot takes one picture"));
    return rc;
}

int image_add(struct cli *cli)
{
    struct pool pool;
    struct batch b = {.cli = cli, .pool = &pool};
    int rc = options(&b);
    if (rc == 0)
        rc = cli_open_scope(cli);
    if (rc)
        return rc;
    rc = pool_open(&pool, cli);
    if (rc == 0) {
        out_table_begin(&b.table, &cli->out, columns, 7);
        rc = add_all(&b);
        int ended = out_table_end(&b.table, rc ? NULL : &cli->error);
        if (rc == 0)
            rc = ended;
        (void)!pictures_tidy(&pool.pictures, NULL); /* the pictures are in; tidying can wait */
    }
    pool_close(&pool);
    return rc;
}
