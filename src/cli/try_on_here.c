#include "base/err.h"
#include "cli/try_on.h"
#include "media/maker.h"
#include <stdlib.h>
#include <string.h>

#define MODEL "collage"

/* The photographs, upright, as the pieces of a page. */
struct page {
    struct buf pngs[TRY_ON_REFERENCES_MAX];
    struct collage_piece pieces[TRY_ON_REFERENCES_MAX];
    struct media_maker maker;
};

static int read_piece(struct cli *cli, struct pool *pool, struct page *page, const struct try_on *t,
                      int at)
{
    enum media_type type;
    void *data = NULL;
    size_t len;
    int rc = pictures_read(&pool->pictures, cli->scope->space, t->media[at], MEDIA_ORIGINAL, &data,
                           &len, &type, &cli->error);
    if (rc == RAUM_ENOT_FOUND)
        return cli_fail(cli, rc, "%s",
                        tr("a photograph is not on this device: raum sync, then try again"));
    if (rc == 0)
        rc = image_upright(pool->worker, data, len, &page->pngs[at], &cli->error);
    free(data);
    page->pieces[at] = (struct collage_piece){page->pngs[at].data, page->pngs[at].len, t->what[at]};
    return rc;
}

static int make_page(struct cli *cli, struct pool *pool, const struct try_on *t, struct buf *jpeg)
{
    struct page page = {.maker = {pool->worker, image_upright, image_sheet}};
    struct collage c = {.pieces = page.pieces, .count = t->count, .german = text_is_german()};
    int rc = 0;
    if (sscanf(t->size, "%4dx%4d", &c.width, &c.height) != 2)
        return err_set(&cli->error, RAUM_EINTERNAL, NULL);
    for (int i = 0; i < t->count; i++)
        buf_init(&page.pngs[i], MAKER_UPRIGHT_MAX);
    for (int i = 0; i < t->count && rc == 0; i++)
        rc = read_piece(cli, pool, &page, t, i);
    if (rc == 0)
        rc = collage_make(&page.maker, &c, jpeg, &cli->error);
    for (int i = 0; i < t->count; i++)
        buf_release(&page.pngs[i]);
    return rc;
}

/* Bytes, reference and row: all or nothing. */
static int keep(struct cli *cli, struct pool *pool, const struct picture_order *order,
                const struct buf *jpeg, struct picture_made *made)
{
    struct media_item item;
    made->media[0] = '\0';
    int rc = pictures_prepare(&pool->pictures, jpeg->data, jpeg->len, &item, &cli->error);
    if (rc == 0)
        rc = raum_begin(cli->raum, &cli->error);
    if (rc)
        return rc;
    rc = pictures_add(&pool->pictures, cli->scope->space, "picture", jpeg->data, jpeg->len,
                      made->media, &item, &cli->error);
    if (rc == 0)
        rc = images_add(cli->scope, order, made->media, MODEL, item.facts.width, item.facts.height,
                        made->id, &cli->error);
    if (rc == 0)
        rc = raum_commit(cli->raum, &cli->error);
    else
        raum_rollback(cli->raum);
    if (rc) /* the first error counts; the rest is swept later */
        (void)!pictures_settle(&pool->pictures, item.hash, NULL);
    return rc;
}

int try_on_here(struct cli *cli, struct pool *pool, const struct picture_order *order,
                const struct try_on *t, struct tried *out)
{
    struct buf jpeg;
    buf_init(&jpeg, TRY_ON_FILE_MAX);
    int rc = make_page(cli, pool, t, &jpeg);
    if (rc == 0)
        rc = keep(cli, pool, order, &jpeg, &out->answer.made[0]);
    if (rc == 0) {
        out->answer.count = 1;
        snprintf(out->answer.model, sizeof out->answer.model, "%s", MODEL);
        out->data = buf_detach(&jpeg, &out->len);
    }
    buf_release(&jpeg);
    return rc;
}
