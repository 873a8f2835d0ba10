#define _XOPEN_SOURCE 700 /* mkdtemp, nftw */
#include "cli/scratch.h"

#include "base/err.h"
#include "cli/text.h"
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int scratch_make(char path[SCRATCH_PATH_MAX], const char *name, struct raum_error *error)
{
    const char *base = getenv("TMPDIR");
    int len = snprintf(path, SCRATCH_PATH_MAX, "%s/raum-%s-XXXXXX", base && *base ? base : P_tmpdir,
                       name);
    if (len < 0 || len >= SCRATCH_PATH_MAX || !mkdtemp(path))
        return err_at(error, "cli", RAUM_EIO, "%s", tr("no scratch directory can be made"));
    return 0;
}

static int drop(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info, (void)place;
    if (kind == FTW_DP || kind == FTW_D || kind == FTW_DNR)
        rmdir(path);
    else
        unlink(path);
    return 0;
}

void scratch_remove(const char *path)
{
    if (*path)
        nftw(path, drop, 16, FTW_DEPTH | FTW_PHYS);
}
