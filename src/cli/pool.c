#include "cli/pool.h"

#include <string.h>

int pool_open(struct pool *pool, struct cli *cli)
{
    /* The worker is this very program; no path of it is ever asked for. */
    const struct image_options options = {.program = "/proc/self/exe"};
    memset(pool, 0, sizeof *pool);
    int rc = image_resizer_new(&pool->worker, &options, &cli->error);
    if (rc)
        return rc;
    pool->port.ctx = pool->worker;
    pool->port.resize = image_resize;
    return pictures_open(&pool->pictures, cli->raum, &pool->port, &cli->error);
}

void pool_close(struct pool *pool)
{
    pictures_close(&pool->pictures);
    image_resizer_free(pool->worker);
    pool->worker = NULL;
}

int pool_sweep(struct cli *cli)
{
    struct pool pool;
    int rc = pool_open(&pool, cli);
    if (rc == 0)
        rc = pictures_sweep(&pool.pictures, &cli->error);
    pool_close(&pool);
    return rc;
}
