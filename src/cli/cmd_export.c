/* `raum export`, and `raum import` of what it wrote. */
#include "base/err.h"
#include "cli/archive_file.h"
#include "cli/pool.h"
#include "cli/sync_media.h"
#include "engine/archive.h"
#include "engine/spaces.h"
#include "native/tarball.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- pictures ---- */

static int read_picture(void *ctx, const char *hash, void **data, size_t *len,
                        struct raum_error *error)
{
    struct pool *pool = ctx;
    return media_store_read(pool->pictures.store, hash, MEDIA_ORIGINAL, data, len, NULL, error);
}

/* One that cannot be decoded here is kept without its smaller variants, as it was on the other
 * device. */
static int write_picture(void *ctx, const char *hash, const void *data, size_t len,
                         struct raum_error *error)
{
    struct pool *pool = ctx;
    struct media_item item;
    if (cli_stop)
        return err_set(error, RAUM_EINTERRUPTED, NULL);
    int rc = pictures_prepare(&pool->pictures, data, len, &item, error);
    if (rc == RAUM_EUNSUPPORTED_MEDIA || rc == RAUM_ELIMIT)
        rc = media_store_put(pool->pictures.store, NULL, data, len, &item, error);
    if (rc == 0 && strcmp(item.hash, hash) != 0)
        rc = err_set(error, RAUM_ECORRUPT, "%s", tr("a picture is not what its name says"));
    return rc;
}

/* ---- export ---- */

static int put_entry(void *ctx, const char *name, const void *data, size_t len,
                     struct raum_error *error)
{
    return cli_stop ? err_set(error, RAUM_EINTERRUPTED, NULL)
                    : tarball_put(ctx, name, data, len, error);
}

/* Also what is newer or cannot be written can be taken out (G-U6). */
static int open_somehow(struct cli *cli)
{
    int rc = cli_open(cli);
    if (rc == RAUM_ENEWER_DATABASE || rc == RAUM_EREAD_ONLY)
        rc = cli_open_read_only(cli);
    return rc;
}

static void tell(struct cli *cli, const struct archive_report *r)
{
    cli_note(cli, tr("%lld rows and %lld pictures of %d spaces, in the clear"), (long long)r->rows,
             (long long)r->pictures, r->spaces);
    if (r->missing)
        cli_note(cli, tr("%lld pictures are not on this device"), (long long)r->missing);
    if (r->unopened)
        cli_note(cli, tr("%lld values were left out: their key is not on this device"),
                 (long long)r->unopened);
}

static int run_export(struct cli *cli)
{
    const char *path = cli_value(cli, "--out");
    const struct space *space = NULL;
    struct tarball_writer *w = NULL;
    struct archive_report report = {0};
    struct pool pool = {0};
    if (path && strcmp(path, "-") == 0)
        path = NULL;
    if (!path && cli->out.terminal)
        return cli_usage(cli, "%s", tr("an archive is no text: give --out FILE"));
    int rc = open_somehow(cli);
    if (rc == 0 && cli->space)
        rc = spaces_find(cli->raum, cli->space, &space, &cli->error);
    if (rc == 0 && !cli->raum->read_only) /* what lies at the server belongs to it */
        rc = sync_media_fetch_all(cli, space ? space->ref : 0);
    if (rc == 0)
        rc = pool_open(&pool, cli);
    if (rc)
        goto out;
    rc = tarball_write(&w, path, &cli->error);
    if (rc)
        goto out;
    const struct archive_sink sink = {w, put_entry};
    const struct archive_media media = {&pool, read_picture, NULL};
    rc = archive_export(cli->raum, space ? space->ref : 0, &sink, &media, &report, &cli->error);
    if (rc == 0)
        rc = tarball_finish(w, &cli->error);
    if (rc == 0)
        tell(cli, &report);
out:
    tarball_writer_free(w);
    pool_close(&pool);
    return rc;
}

/* ---- import ---- */

bool archive_file_is(const char *path)
{
    unsigned char start[4];
    FILE *f = fopen(path, "rb");
    bool is =
        f && fread(start, 1, sizeof start, f) == sizeof start && tarball_is(start, sizeof start);
    if (f)
        fclose(f);
    return is;
}

static void put_number(struct json_writer *w, const char *key, int64_t value)
{
    json_put_key(w, key);
    json_put_int(w, value);
}

static void print(struct cli *cli, const struct archive_report *r, bool dry_run)
{
    if (cli->json) {
        struct buf b;
        struct json_writer w;
        buf_init(&b, 1 << 16);
        json_begin(&w, &b);
        json_open_object(&w);
        json_put_key(&w, "account");
        json_put_str(&w, r->account);
        json_put_key(&w, "dryRun");
        json_put_bool(&w, dry_run);
        put_number(&w, "rows", r->rows);
        put_number(&w, "added", r->added);
        put_number(&w, "changed", r->changed);
        put_number(&w, "same", r->same);
        put_number(&w, "left", r->left);
        put_number(&w, "spaces", r->spaces);
        put_number(&w, "newSpaces", r->made);
        put_number(&w, "pictures", r->pictures);
        json_close_object(&w);
        out_json(&cli->out, &b);
        buf_release(&b);
        return;
    }
    out_pair(&cli->out, tr("archive of"), "%s", r->account);
    out_pair(&cli->out, tr("rows"), "%lld", (long long)r->rows);
    out_pair(&cli->out, tr("new"), "%lld", (long long)r->added);
    out_pair(&cli->out, tr("changed"), "%lld", (long long)r->changed);
    out_pair(&cli->out, tr("same"), "%lld", (long long)r->same);
    if (r->left)
        out_pair(&cli->out, tr("of others"), "%lld", (long long)r->left);
    out_pair(&cli->out, tr("spaces"), "%d", r->spaces);
    out_pair(&cli->out, tr("new spaces"), "%d", r->made);
    out_pair(&cli->out, tr("pictures"), "%lld", (long long)r->pictures);
    if (dry_run)
        cli_note(cli, "%s", tr("a trial: nothing was changed"));
}

int archive_file_import(struct cli *cli, const char *path, bool dry_run)
{
    struct tarball_reader *reader = NULL;
    struct archive_report report;
    struct pool pool = {0};
    int rc = cli_open(cli);
    if (rc == 0)
        rc = pool_open(&pool, cli);
    if (rc == 0)
        rc = tarball_read(&reader, path, ARCHIVE_ENTRY_MAX, &cli->error);
    if (rc == 0) {
        const struct archive_source source = {reader, tarball_next, tarball_rewind};
        const struct archive_media media = {&pool, NULL, write_picture};
        rc = archive_import(cli->raum, &source, &media, dry_run, &report, &cli->error);
        /* Pictures of an import that failed belong to nobody. */
        if (!dry_run)
            (void)!pictures_sweep(&pool.pictures, NULL);
    }
    if (rc == 0)
        print(cli, &report, dry_run);
    tarball_reader_free(reader);
    pool_close(&pool);
    return rc;
}

static const struct cli_option options[] = {
    {"--out", "FILE", "where to; - or nothing: standard output"},
    {0},
};

const struct cli_command cmd_export[] = {
    {"export", "", 0, 0, "write an archive: rows, stamps and pictures, readable by anybody",
     options, "raum export --out everything.raum\nraum export --space marke --out marke.raum",
     run_export, false},
    {0},
};
