/* Pictures for commands: the media store with the resizing worker behind it, opened on the
 * command's replica. */
#ifndef CLI_POOL_H
#define CLI_POOL_H

#include "cli/cli.h"
#include "image/resize.h"
#include "modules/pictures.h"

struct pool {
    struct pictures pictures;
    struct media_resizer port;
    struct image_resizer *worker;
};

/* cli->raum is open. The worker starts with the first picture that needs it. */
int pool_open(struct pool *pool, struct cli *cli) BASE_CHECK;
void pool_close(struct pool *pool);
/* Makes files and references agree (after a space was erased, after an import). */
int pool_sweep(struct cli *cli) BASE_CHECK;

/* A file that is to become a picture; free(). The error names it. */
int pool_read(struct cli *cli, const char *path, void **data, size_t *len) BASE_CHECK;
/* Puts the file's name in front of what the engine said about the picture; gives the code back. */
int pool_name(struct cli *cli, const char *path, int code);

#endif
