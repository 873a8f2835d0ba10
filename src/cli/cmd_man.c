/* `raum man`: the manual page in roff, from the descriptors. */
#include "cli/cli.h"
#include <string.h>

/* roff reads a dot or an apostrophe at a line's start, backslashes and hyphens as its own. */
static void text(struct out *out, const char *s)
{
    if (*s == '.' || *s == '\'')
        out_printf(out, "\\&");
    for (; *s; s++) {
        if (*s == '\\')
            out_printf(out, "\\e");
        else if (*s == '-')
            out_printf(out, "\\-");
        else
            out_printf(out, "%c", *s);
    }
}

static void options(struct out *out, const struct cli_option *list)
{
    for (; list && list->name; list++) {
        char variable[64];
        if (!list->help)
            continue;
        cli_variable(list->name, variable);
        out_printf(out, ".TP\n.B ");
        text(out, list->name);
        out_printf(out, "\n");
        if (list->value) {
            out_printf(out, ".RI ( ");
            text(out, list->value);
            out_printf(out, " )\n");
        }
        text(out, tr(list->help));
        out_printf(out, " (%s)\n", variable);
    }
}

static void command(struct out *out, const struct cli_command *c)
{
    out_printf(out, ".SS \"raum ");
    text(out, c->name);
    out_printf(out, " ");
    text(out, c->arguments);
    out_printf(out, "\"\n");
    text(out, tr(c->help));
    out_printf(out, "\n");
    options(out, c->options);
    if (!c->examples)
        return;
    out_printf(out, ".PP\n.nf\n.RS\n");
    for (const char *at = c->examples; *at;) {
        size_t len = strcspn(at, "\n");
        char line[256];
        snprintf(line, sizeof line, "%.*s", (int)len, at);
        text(out, line);
        out_printf(out, "\n");
        at += len + (at[len] == '\n');
    }
    out_printf(out, ".RE\n.fi\n");
}

static int run_man(struct cli *cli)
{
    static const struct {
        const char *status, *meaning;
    } exits[] = {
        {"0", "ok"},          {"1", "failed"},       {"2", "usage"},       {"3", "not found"},
        {"4", "not allowed"}, {"5", "cannot reach"}, {"6", "cannot open"},
    };
    struct out *out = &cli->out;
    out_printf(out, ".TH RAUM 1 \"\" \"raum %s\"\n.SH NAME\nraum \\- ", raum_version());
    text(out, tr("people's data in spaces, strictly apart"));
    out_printf(out, "\n.SH SYNOPSIS\n.B raum\n[options] command [arguments]\n.SH DESCRIPTION\n");
    text(out, tr("Raum keeps people's data in spaces, strictly apart."));
    out_printf(out, "\n.SH OPTIONS\n");
    options(out, cli_globals);
    out_printf(out, ".SH COMMANDS\n");
    for (int i = 0; cli_commands[i]; i++)
        for (const struct cli_command *c = cli_commands[i]; c->name; c++)
            if (!c->hidden)
                command(out, c);
    out_printf(out, ".SH EXIT STATUS\n");
    for (size_t i = 0; i < sizeof exits / sizeof exits[0]; i++)
        out_printf(out, ".TP\n.B %s\n%s\n", exits[i].status, tr(exits[i].meaning));
    return 0;
}

const struct cli_command cmd_man[] = {
    {"man", "", 0, 0, "the manual page, as roff", NULL, "raum man > raum.1", run_man, true},
    {0},
};
