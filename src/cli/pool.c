#include "cli/pool.h"

#include "base/err.h"
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

int pool_read(struct cli *cli, const char *path, void **data, size_t *len)
{
    const struct raum_env *env = cli->raum->env;
    int rc = env->file_read(env->ctx, path, MEDIA_FILE_MAX, data, len);
    if (rc == RAUM_ENOT_FOUND)
        return cli_fail(cli, rc, tr("no such file: %s"), path);
    if (rc == RAUM_ETOO_LARGE)
        return cli_fail(cli, rc, tr("%s is larger than %d MB"), path, (int)(MEDIA_FILE_MAX >> 20));
    if (rc)
        return cli_fail(cli, rc, tr("cannot read %s: %s"), path, tr(raum_code_text(rc)));
    return 0;
}

int pool_name(struct cli *cli, const char *path, int code)
{
    char text[RAUM_ERROR_TEXT_MAX];
    snprintf(text, sizeof text, "%s", cli->error.code ? cli->error.text : raum_code_text(code));
    return err_at(&cli->error, cli->error.origin, code, "%.200s: %s", path, text);
}
