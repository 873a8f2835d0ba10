#include "cli/carry.h"

#include "cli/pool.h"
#include <stdlib.h>
#include <string.h>

struct carry {
    struct pictures *from, *to;
    struct raum_error *error;
};

static int carry_one(void *arg, const struct media_entry *entry)
{
    struct carry *c = arg;
    struct media_item item;
    void *data = NULL;
    size_t len;
    if (entry->trashed_ms || !entry->whole)
        return 0;
    int rc =
        media_store_read(c->from->store, entry->hash, MEDIA_ORIGINAL, &data, &len, NULL, c->error);
    if (rc == 0)
        rc = media_store_put(c->to->store, c->to->resizer, data, len, &item, c->error);
    free(data);
    return rc;
}

/* The guest's pictures move along when its rows join an account that has data here already. */
static int carry_files(void *arg, const char *from, const char *to, struct raum_error *error)
{
    struct pool *pool = arg;
    struct pictures source = {0}, target = {.resizer = &pool->port};
    struct carry c = {&source, &target, error};
    int rc = media_store_new(&source.store, raum_env_native(), from, error);
    if (rc == 0)
        rc = media_store_new(&target.store, raum_env_native(), to, error);
    if (rc == 0)
        rc = media_store_each(source.store, carry_one, &c, error);
    pictures_close(&source);
    pictures_close(&target);
    return rc;
}

int carry_guest(struct cli *cli, const struct raum_options *options, const char *account,
                const char *personal, struct adopt_report *report)
{
    const struct image_options worker = {.program = "/proc/self/exe"};
    struct pool pool = {0};
    int rc = image_resizer_new(&pool.worker, &worker, &cli->error);
    pool.port = (struct media_resizer){.ctx = pool.worker, .resize = image_resize};
    if (rc == 0)
        rc = adopt_guest(options, account, personal, carry_files, &pool, report, &cli->error);
    image_resizer_free(pool.worker);
    return rc;
}
