/* `raum bench`: the budgets of the design, with the raw limit beside. */
#include "cli/bench.h"
#include "cli/scratch.h"
#include <string.h>
#include <time.h>

static const struct out_column columns[] = {
    {"what", "what", OUT_TEXT, OUT_SHRINK},   {"value", "measured", OUT_NUMBER, OUT_KEEP},
    {"unit", "unit", OUT_TEXT, OUT_KEEP},     {"raw", "raw limit", OUT_NUMBER, OUT_KEEP},
    {"ratio", "ratio", OUT_NUMBER, OUT_KEEP}, {"budget", "budget", OUT_NUMBER, OUT_KEEP},
    {"kept", "kept", OUT_TEXT, OUT_KEEP},
};

double bench_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Four significant digits are more than any measurement here deserves. */
static void number(struct out_table *t, double value)
{
    char text[32];
    if (value == 0) {
        out_cell_text(t, NULL, 0);
        return;
    }
    snprintf(text, sizeof text, value >= 1000 ? "%.0f" : "%.4g", value);
    if (t->out->json)
        out_cell_real(t, value);
    else
        out_cell_str(t, text);
}

void bench_line(struct bench_run *b, const char *what, double value, const char *unit, double raw,
                double budget, bool more)
{
    bool kept = budget == 0 || (more ? value >= budget : value <= budget);
    if (!kept)
        b->over = true;
    out_cell_str(b->table, what);
    number(b->table, value);
    out_cell_str(b->table, unit);
    number(b->table, raw);
    number(b->table, raw > 0 ? value / raw : 0);
    number(b->table, budget);
    out_cell_str(b->table, budget == 0 ? "" : kept ? tr("yes") : tr("no"));
}

static int run_one(struct bench_run *b, const struct bench *one)
{
    char folder[SCRATCH_PATH_MAX];
    int rc = scratch_make(folder, "bench", &b->cli->error);
    if (rc)
        return rc;
    b->folder = folder;
    cli_note(b->cli, "%s: %s", one->name, tr(one->help));
    rc = one->run(b, &b->cli->error);
    scratch_remove(folder);
    return rc;
}

static int run_bench(struct cli *cli)
{
    struct out_table table;
    struct bench_run b = {
        .cli = cli, .scale = cli_switch(cli, "--quick") ? 0.1 : 1, .table = &table};
    bool found = cli->count == 0;
    for (const struct bench *const *one = benches; *one && !found; one++)
        found = strcmp((*one)->name, cli->words[0]) == 0;
    if (!found)
        return cli_fail(cli, RAUM_ENOT_FOUND, tr("no such benchmark: %s"), cli->words[0]);
    out_table_begin(&table, &cli->out, columns, 7);
    int rc = 0;
    for (const struct bench *const *one = benches; *one && rc == 0 && !cli_stop; one++)
        if (cli->count == 0 || strcmp((*one)->name, cli->words[0]) == 0)
            rc = run_one(&b, *one);
    int ended = out_table_end(&table, rc ? NULL : &cli->error);
    if (rc == 0)
        rc = ended;
    if (rc == 0 && b.over && cli_switch(cli, "--strict"))
        rc = cli_fail(cli, RAUM_ELIMIT, "%s", tr("a budget is not kept"));
    return rc;
}

static const struct cli_option options[] = {
    {"--quick", NULL, "a tenth of the sizes"},
    {"--strict", NULL, "fail when a budget is not kept"},
    {0},
};

const struct cli_command cmd_bench[] = {
    {"bench", "[NAME]", 0, 1, "measure the budgets of the design", options,
     "raum bench\nraum bench scope --quick", run_bench, false},
    {0},
};
