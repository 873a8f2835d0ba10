/* `raum image-worker`: the process that decodes pictures; started by the resizer, never by people.
 */
#include "cli/cli.h"
#include "image/resize.h"

static int run_worker(struct cli *cli)
{
    char name[] = "image-worker";
    char *argv[] = {name, NULL};
    if (image_worker_main(1, argv) == 0)
        return 0;
    return cli_fail(cli, RAUM_EINTERNAL, "%s", tr("the image worker could not run"));
}

const struct cli_command cmd_image_worker[] = {
    {"image-worker", "", 0, 0, "resizes pictures for another process of raum", NULL, NULL,
     run_worker, true},
    {0},
};
