/* `raum tour`: the whole story on real photographs, each step with its check. */
#include "cli/tour.h"
#include <string.h>

static void summary(struct tour *t)
{
    struct out *out = &t->cli->out;
    if (out->json)
        return;
    if (t->failed)
        out_printf(out, tr("\n%s%d checks, %d failed%s\n"), out_red(out), t->passed + t->failed,
                   t->failed, out_plain(out));
    else
        out_printf(out, tr("\n%s%d checks, all passed%s\n"), out_green(out), t->passed,
                   out_plain(out));
}

static int run_tour(struct cli *cli)
{
    struct tour t = {.cli = cli};
    void (*const chapters[])(struct tour *t) = {tour_spaces, tour_pictures, tour_wardrobe,
                                                tour_safety};
    int rc = tour_open(&t);
    if (rc == 0 && !cli->json)
        out_printf(&cli->out, tr("A tour of Raum with %d photographs. Everything happens in %s.\n"),
                   t.photo_count, t.folder);
    for (size_t i = 0; rc == 0 && i < sizeof chapters / sizeof chapters[0]; i++) {
        chapters[i](&t);
        if (cli_stop)
            rc = cli_fail(cli, RAUM_EINTERRUPTED, "%s", tr("interrupted"));
    }
    if (rc == 0)
        summary(&t);
    if (rc == 0 && t.failed)
        rc = cli_fail(cli, RAUM_EINTERNAL, tr("%d of %d checks failed"), t.failed,
                      t.passed + t.failed);
    tour_close(&t);
    return rc;
}

static const struct cli_option options[] = {
    {"--keep", NULL, "leave the scratch directory"},
    {0},
};

const struct cli_command cmd_tour[] = {
    {"tour", "", 0, 0, "the whole story on real photographs, with its checks", options,
     "raum tour\nRAUM_PHOTOS=~/Pictures raum tour", run_tour, false},
    {0},
};
