/* `raum garment photo`: the photographs of one garment. */
#include "base/err.h"
#include "cli/cmd_image.h"
#include "cli/cmd_wardrobe.h"
#include "cli/sync_media.h"
#include "engine/store.h"
#include <stdlib.h>
#include <string.h>

static const struct out_column columns[] = {
    {"number", "no.", OUT_NUMBER, OUT_KEEP},  {"mediaId", "id", OUT_TEXT, OUT_DROP},
    {"width", "width", OUT_NUMBER, OUT_DROP}, {"height", "height", OUT_NUMBER, OUT_DROP},
    {"path", "file", OUT_TEXT, OUT_KEEP},     {"here", "on this device", OUT_TEXT, OUT_DROP},
};

/* The garment's photographs as they are now. */
struct photos {
    struct buf text;
    struct json_doc doc;
    struct arena arena;
    const char **ids;
    int count;
};

static int load(struct cli *cli, const char *id, struct photos *x)
{
    buf_init(&x->text, WARDROBE_ROW_MAX);
    json_init(&x->doc);
    arena_init(&x->arena, 2 * WARDROBE_ROW_MAX);
    x->count = 0;
    int rc = store_get(cli->scope, "wardrobeGarments", id, false, &x->text, &cli->error);
    if (rc == 0)
        rc = json_parse(&x->doc, buf_text(&x->text), x->text.len, 0, &cli->error);
    if (rc)
        return rc;
    struct json_value list = json_get(json_root(&x->doc), "mediaIds");
    x->ids = arena_alloc(&x->arena, (json_count(list) + 1) * sizeof *x->ids);
    if (!x->ids)
        return err_set(&cli->error, RAUM_ENOMEM, NULL);
    for (struct json_value v = json_first(list); v.doc; v = json_next(list, v)) {
        const char *media = json_str(v, &x->arena);
        if (media)
            x->ids[x->count++] = media;
    }
    return 0;
}

static void release(struct photos *x)
{
    buf_release(&x->text);
    json_release(&x->doc);
    arena_release(&x->arena);
}

/* The id of a photograph by its number in the list, from 1, or by itself. */
static const char *find(const struct photos *x, const char *word)
{
    char *end;
    long number = strtol(word, &end, 10);
    return *word && !*end && number >= 1 && number <= x->count ? x->ids[number - 1] : word;
}

static int print(struct cli *cli, struct pictures *p, const struct photos *x)
{
    struct out_table t;
    out_table_begin(&t, &cli->out, columns, 6);
    for (int i = 0; i < x->count; i++) {
        struct media_ref ref;
        char path[MEDIA_PATH_MAX];
        bool known =
            media_refs_find(cli->raum, cli->scope->space, x->ids[i], false, &ref, NULL) == 0;
        const char *here = sync_media_here(cli, cli->scope->space, x->ids[i]);
        enum media_variant variant =
            here && strcmp(here, "thumb") == 0 ? MEDIA_THUMB : MEDIA_ORIGINAL;
        if (here && pictures_path(p, cli->scope->space, x->ids[i], variant, path, NULL) != 0)
            here = NULL;
        out_cell_int(&t, i + 1);
        out_cell_str(&t, x->ids[i]);
        if (known) {
            out_cell_int(&t, ref.width);
            out_cell_int(&t, ref.height);
        } else {
            out_cell_str(&t, NULL);
            out_cell_str(&t, NULL);
        }
        out_cell_str(&t, here ? path : cli->json ? NULL : tr("(not on this device)"));
        out_cell_str(&t, cli->json ? here : image_here_text(here));
    }
    return out_table_end(&t, &cli->error);
}

static int add_files(struct cli *cli, struct pictures *p, const char *id)
{
    struct media_item photos[GARMENT_PHOTOS_MAX];
    int rc = 0, ready = 0;
    if (cli->count - 1 > GARMENT_PHOTOS_MAX)
        return cli_usage(cli, tr("a garment has at most %d photographs"), GARMENT_PHOTOS_MAX);
    for (int i = 1; rc == 0 && i < cli->count; i++) {
        void *data = NULL;
        size_t len = 0;
        rc = pool_read(cli, cli->words[i], &data, &len);
        if (rc == 0) {
            rc = pictures_prepare(p, data, len, &photos[ready], &cli->error);
            if (rc)
                pool_name(cli, cli->words[i], rc);
        }
        ready += rc == 0;
        free(data);
    }
    if (rc == 0)
        return garments_photos_add(cli->scope, p, id, photos, ready, &cli->error);
    for (int i = 0; i < ready; i++) /* the first error counts; the rest is swept later */
        (void)!pictures_settle(p, photos[i].hash, NULL);
    return rc;
}

/* Numbers count as they stood before any of this. */
static int change(struct cli *cli, struct pictures *p, const char *id)
{
    const char *first = cli_value(cli, "--first"), *word;
    struct photos x;
    int at = 0, rc = load(cli, id, &x);
    if (rc == 0 && cli->count > 1)
        rc = add_files(cli, p, id);
    while (rc == 0 && (word = cli_next(cli, "--without", &at)))
        rc = garments_photo_remove(cli->scope, p, id, find(&x, word), cli_switch(cli, "--forever"),
                                   &cli->error);
    for (int i = 0; rc == 0 && cli_switch(cli, "--whole") && i < x.count; i++)
        rc = sync_media_fetch(cli, cli->scope->space, x.ids[i]);
    if (rc == 0 && first)
        rc = garments_photo_first(cli->scope, id, find(&x, first), &cli->error);
    release(&x);
    return rc;
}

int garment_photo(struct cli *cli)
{
    char id[RAUM_ID_MAX];
    struct pool pool;
    struct photos x;
    int rc = cli_open_scope(cli);
    if (rc == 0)
        rc = garment_find(cli, cli->words[0], id);
    if (rc)
        return rc;
    rc = pool_open(&pool, cli);
    if (rc == 0)
        rc = change(cli, &pool.pictures, id);
    if (rc == 0) {
        rc = load(cli, id, &x);
        if (rc == 0 && !(cli->quiet && !cli->json))
            rc = print(cli, &pool.pictures, &x);
        release(&x);
    }
    if (rc == 0)
        (void)!pictures_tidy(&pool.pictures, NULL);
    pool_close(&pool);
    return rc;
}
