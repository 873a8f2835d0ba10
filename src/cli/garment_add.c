/* `raum garment add`: photographs into the wardrobe of the space, a garment each or all of one. */
#include "base/err.h"
#include "cli/cmd_wardrobe.h"
#include "modules/profile/label.h"
#include <stdlib.h>
#include <string.h>

static const struct out_column columns[] = {
    {"id", "id", OUT_TEXT, OUT_KEEP},
    {"name", "name", OUT_TEXT, OUT_SHRINK},
    {"category", "category", OUT_TEXT, OUT_KEEP},
    {"photos", "photos", OUT_NUMBER, OUT_DROP},
    {"file", "file", OUT_TEXT, OUT_DROP},
};

struct batch {
    struct cli *cli;
    struct pool *pool;
    struct garment_fields fields; /* what all have in common */
    const char *tags[WARDROBE_WORDS_MAX];
    struct out_table table;
    int first_error; /* of the files that failed, already told */
};

/* The long part of one file; its bytes are not kept. */
static int prepare(struct batch *b, const char *path, struct media_item *item)
{
    void *data = NULL;
    size_t len = 0;
    int rc = pool_read(b->cli, path, &data, &len);
    if (rc)
        return rc;
    rc = pictures_prepare(&b->pool->pictures, data, len, item, &b->cli->error);
    free(data);
    return rc ? pool_name(b->cli, path, rc) : 0;
}

/* A garment of photographs that were prepared; its name from the first file unless it is given. */
static int add(struct batch *b, char **paths, const struct media_item *photos, int count)
{
    struct cli *cli = b->cli;
    struct garment_fields fields = b->fields;
    struct buf name;
    char id[RAUM_ID_MAX];
    buf_init(&name, 4096);
    if (!fields.name) {
        label_from_file(paths[0], &name);
        fields.name = name.len ? buf_text(&name) : tr("Garment");
    }
    int rc = garments_add(cli->scope, &b->pool->pictures, &fields, photos, count, id, &cli->error);
    if (rc == 0) {
        out_cell_str(&b->table, id);
        out_cell_str(&b->table, fields.name);
        out_cell_str(&b->table, fields.category ? fields.category : "other");
        out_cell_int(&b->table, count);
        out_cell_str(&b->table, paths[0]);
    }
    buf_release(&name);
    return rc;
}

static int interrupted(struct cli *cli)
{
    return cli_fail(cli, RAUM_EINTERRUPTED, "%s",
                    tr("interrupted: what is listed is in the wardrobe, nothing is half done"));
}

/* All files are photographs of one garment: all or nothing. */
static int add_together(struct batch *b, struct out_progress *progress)
{
    struct cli *cli = b->cli;
    struct media_item photos[GARMENT_PHOTOS_MAX];
    int rc = 0, ready = 0;
    if (cli->count > GARMENT_PHOTOS_MAX)
        return cli_usage(cli, tr("a garment has at most %d photographs"), GARMENT_PHOTOS_MAX);
    for (int i = 0; rc == 0 && i < cli->count; i++) {
        out_progress(progress, cli->words[i], (double)i / cli->count);
        rc = cli_stop ? interrupted(cli) : prepare(b, cli->words[i], &photos[i]);
        ready += rc == 0;
    }
    if (rc == 0)
        return add(b, cli->words, photos, ready);
    for (int i = 0; i < ready; i++) /* the first error counts; the rest is swept later */
        (void)!pictures_settle(&b->pool->pictures, photos[i].hash, NULL);
    return rc;
}

static int add_each(struct batch *b, struct out_progress *progress)
{
    struct cli *cli = b->cli;
    struct media_item photo;
    for (int i = 0; i < cli->count && !cli_stop; i++) {
        out_progress(progress, cli->words[i], (double)i / cli->count);
        err_clear(&cli->error);
        int rc = prepare(b, cli->words[i], &photo);
        if (rc == 0)
            rc = add(b, &cli->words[i], &photo, 1);
        if (rc == 0)
            continue;
        if (!b->first_error)
            b->first_error = rc;
        if (cli->count > 1) {
            out_progress_end(progress);
            cli_print_error(cli, &cli->error);
        }
    }
    if (cli_stop)
        return interrupted(cli);
    if (b->first_error && cli->count > 1)
        cli->told = true;
    return b->first_error;
}

int garment_add(struct cli *cli)
{
    struct pool pool;
    struct out_progress progress;
    struct batch b = {.cli = cli, .pool = &pool};
    bool together = cli_switch(cli, "--together");
    int rc = garment_options(cli, &b.fields, b.tags);
    if (rc == 0 && cli->count > 1 && b.fields.name && !together)
        rc = cli_usage(cli, "%s",
                       tr("several files, one name: are they photographs of one garment? "
                          "Then add --together"));
    if (rc == 0)
        rc = cli_open_scope(cli);
    if (rc)
        return rc;
    rc = pool_open(&pool, cli);
    if (rc == 0) {
        out_table_begin(&b.table, &cli->out, columns, 5);
        out_progress_begin(&progress, &cli->out);
        rc = together ? add_together(&b, &progress) : add_each(&b, &progress);
        out_progress_end(&progress);
        int ended = out_table_end(&b.table, rc ? NULL : &cli->error);
        if (rc == 0)
            rc = ended;
        (void)!pictures_tidy(&pool.pictures, NULL); /* they are in; tidying can wait */
    }
    pool_close(&pool);
    return rc;
}
