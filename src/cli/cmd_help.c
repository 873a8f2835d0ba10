/* `raum help`: made from the descriptors. */
#include "base/utf8.h"
#include "cli/cli.h"
#include <string.h>

#define NAME_WIDTH 34

static void line(struct out *out, const char *prefix, const struct cli_command *c)
{
    char head[160];
    snprintf(head, sizeof head, "%s%s%s%s", prefix, c->name, *c->arguments ? " " : "",
             c->arguments);
    size_t width = utf8_width(head, strlen(head));
    if (width > NAME_WIDTH - 2)
        out_printf(out, "  %s\n  %*s%s\n", head, NAME_WIDTH, "", tr(c->help));
    else
        out_printf(out, "  %s%*s%s\n", head, NAME_WIDTH - (int)width, "", tr(c->help));
}

static void options(struct out *out, const struct cli_option *list)
{
    for (; list && list->name; list++) {
        char head[80];
        if (!list->help)
            continue;
        snprintf(head, sizeof head, "%s%s%s", list->name, list->value ? " " : "",
                 list->value ? list->value : "");
        int width = (int)utf8_width(head, strlen(head));
        out_printf(out, "  %s%*s%s\n", head, width < 22 ? 22 - width : 1, "", tr(list->help));
    }
}

void cli_help_all(struct out *out)
{
    out_printf(out, "%s\n\n", tr("Raum keeps people's data in spaces, strictly apart."));
    out_printf(out, "%s: raum [--data DIR] [--space SLUG|ID] [--json] [--quiet] %s\n\n",
               tr("Usage"), tr("COMMAND"));
    for (int i = 0; cli_commands[i]; i++)
        for (const struct cli_command *c = cli_commands[i]; c->name; c++)
            if (!c->hidden)
                line(out, "", c);
    out_printf(out, "\n%s\n",
               tr("Every option has a variable: --data is RAUM_DATA. "
                  "More about one: raum help COMMAND"));
}

static void one(struct out *out, const struct cli_command *c)
{
    out_printf(out, "%sraum %s%s %s\n\n%s\n", out_bold(out), c->name, out_plain(out), c->arguments,
               tr(c->help));
    if (c->options)
        out_printf(out, "\n%s\n", tr("Options"));
    options(out, c->options);
    if (c->examples) {
        out_printf(out, "\n%s\n", tr("Examples"));
        for (const char *at = c->examples; *at;) {
            size_t len = strcspn(at, "\n");
            out_printf(out, "  %.*s\n", (int)len, at);
            at += len + (at[len] == '\n');
        }
    }
}

bool cli_help(struct out *out, const char *first, const char *second)
{
    int shown = 0;
    char name[128];
    snprintf(name, sizeof name, "%s%s%s", first, second ? " " : "", second ? second : "");
    size_t len = strlen(name);
    for (int i = 0; cli_commands[i]; i++)
        for (const struct cli_command *c = cli_commands[i]; c->name; c++) {
            if (strncmp(c->name, name, len) != 0 || (c->name[len] && c->name[len] != ' '))
                continue;
            if (shown++)
                out_printf(out, "\n");
            one(out, c);
        }
    if (shown) {
        out_printf(out, "\n%s\n", tr("Options of every command"));
        options(out, cli_globals);
    }
    return shown > 0;
}

static int run_help(struct cli *cli)
{
    if (cli->count == 0) {
        cli_help_all(&cli->out);
        return 0;
    }
    if (cli_help(&cli->out, cli->words[0], cli->count > 1 ? cli->words[1] : NULL))
        return 0;
    return cli_usage(cli, tr("unknown command: %s%s%s; see: raum help"), cli->words[0],
                     cli->count > 1 ? " " : "", cli->count > 1 ? cli->words[1] : "");
}

const struct cli_command cmd_help[] = {
    {"help", "[COMMAND]", 0, 2, "this overview, or all about one command", NULL,
     "raum help\nraum help image add", run_help, false},
    {0},
};
