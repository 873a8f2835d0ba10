/* `raum image-worker`: the process that decodes pictures; started by the resizer, never by people.
 * Only it loads the image library: the module lies beside the program, in the build tree next
 * door, or where it was installed. */
#include "cli/cli.h"
#include "image/resize.h"
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MODULE "raum-image.so"

/* Relative to the program, so that an installed tree can be moved as a whole. */
static void *load(void)
{
    static const char *const places[] = {"", "../image/", "../" RAUM_LIBDIR "/raum/"};
    char program[4096], path[sizeof program + 256];
    ssize_t len = readlink("/proc/self/exe", program, sizeof program - 1);
    if (len < 0)
        return NULL;
    program[len] = '\0';
    char *slash = strrchr(program, '/');
    for (size_t i = 0; slash && i < sizeof places / sizeof *places; i++) {
        snprintf(path, sizeof path, "%.*s/%s%s", (int)(slash - program), program, places[i],
                 MODULE);
        if (access(path, R_OK) == 0)
            return dlopen(path, RTLD_NOW | RTLD_LOCAL);
    }
    return NULL;
}

static int run_worker(struct cli *cli)
{
    char name[] = "image-worker";
    char *argv[] = {name, NULL};
    void *module = load();
    int (*run)(int, char **) = NULL;
    if (module)
        *(void **)&run = dlsym(module, "image_worker_main");
    if (!run)
        return cli_fail(cli, RAUM_ENOT_CONFIGURED,
                        tr("the image part of Raum (%s) is not where it was installed"), MODULE);
    if (run(1, argv) == 0)
        return 0;
    return cli_fail(cli, RAUM_EINTERNAL, "%s", tr("the image worker could not run"));
}

const struct cli_command cmd_image_worker[] = {
    {"image-worker", "", 0, 0, "resizes pictures for another process of raum", NULL, NULL,
     run_worker, true},
    {0},
};
