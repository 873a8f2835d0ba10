/* `raum`: reads the command line, runs one command, prints its error, gives the exit status. */
#include "base/err.h"
#include "cli/cli.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SUGGEST_MAX 3 /* as many letters may differ in a word that is suggested */
#define WORD_MAX 64

static void on_signal(int number)
{
    (void)number;
    /* The second time the ordinary way: somebody is in a hurry. */
    if (cli_stop)
        _exit(130);
    cli_stop = 1;
}

static void catch_signals(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Letters to add, drop or change to make one word of the other. */
static size_t distance(const char *a, const char *b)
{
    size_t row[WORD_MAX + 1], n = strlen(b);
    if (strlen(a) > WORD_MAX || n > WORD_MAX)
        return WORD_MAX;
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 1; *a; a++, i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t change = corner + (*a != b[j - 1]);
            corner = row[j];
            row[j] = least(change, least(row[j], row[j - 1]) + 1);
        }
    }
    return row[n];
}

/* The nearest name of a command: of the first word, or of the second within the group `first`. */
static bool suggest(const char *first, const char *word, char out[WORD_MAX])
{
    size_t best = SUGGEST_MAX + 1;
    for (int i = 0; cli_commands[i]; i++)
        for (const struct cli_command *c = cli_commands[i]; c->name && !c->hidden; c++) {
            size_t head = strcspn(c->name, " ");
            const char *part = c->name;
            if (first) {
                if (strncmp(c->name, first, head) != 0 || first[head] || !c->name[head])
                    continue;
                part = c->name + head + 1;
                head = strlen(part);
            }
            char name[WORD_MAX];
            if (head >= sizeof name)
                continue;
            memcpy(name, part, head);
            name[head] = '\0';
            size_t off = distance(word, name);
            if (off < best && off < strlen(word)) {
                best = off;
                memcpy(out, name, head + 1);
            }
        }
    return best <= SUGGEST_MAX;
}

static int unknown(struct cli *cli, const char *first, const char *second)
{
    char near[WORD_MAX];
    const char *group = cli_is_group(first) ? first : NULL, *word = group ? second : first;
    if (!word)
        return cli_usage(cli, tr("%s: which command? See: raum help %s"), first, first);
    if (suggest(group, word, near))
        return cli_usage(cli, tr("unknown command: %s%s%s; did you mean: raum %s%s%s?"), first,
                         group ? " " : "", group ? second : "", group ? group : "",
                         group ? " " : "", near);
    return cli_usage(cli, tr("unknown command: %s%s%s; see: raum help"), first, group ? " " : "",
                     group ? second : "");
}

static const struct cli_option *option_in(const struct cli_option *list, const char *name,
                                          size_t len)
{
    for (; list && list->name; list++)
        if (strlen(list->name) == len && memcmp(list->name, name, len) == 0)
            return list;
    return NULL;
}

/* An option of any command: so that one may stand before the command's name. */
static const struct cli_option *option_any(const char *name, size_t len)
{
    for (int i = 0; cli_commands[i]; i++)
        for (const struct cli_command *c = cli_commands[i]; c->name; c++) {
            const struct cli_option *o = option_in(c->options, name, len);
            if (o)
                return o;
        }
    return NULL;
}

static const struct cli_option *option_find(const struct cli *cli, const char *name, size_t len)
{
    const struct cli_option *o = option_in(cli_globals, name, len);
    if (!o && cli->command)
        o = option_in(cli->command->options, name, len);
    return o ? o : cli->command ? NULL : option_any(name, len);
}

/* One option at argv[*i], with its value; moves *i past a value of its own. */
static int take_option(struct cli *cli, int argc, char **argv, int *i)
{
    const char *word = strcmp(argv[*i], "-h") == 0 ? "--help" : argv[*i];
    size_t len = strcspn(word, "=");
    const struct cli_option *o = option_find(cli, word, len);
    if (!o)
        return cli_usage(cli, tr("unknown option: %s"), word);
    const char *value = word[len] ? word + len + 1 : NULL;
    if (!o->value && value)
        return cli_usage(cli, tr("%s takes no value"), o->name);
    if (o->value && !value) {
        if (*i + 1 >= argc)
            return cli_usage(cli, tr("%s needs a value: %s"), o->name, o->value);
        value = argv[++*i];
    }
    cli->given[cli->given_count].option = o;
    cli->given[cli->given_count++].value = value ? value : "";
    return 0;
}

/* Options that stood before the command's name must be the command's own. */
static int check_options(struct cli *cli)
{
    for (int i = 0; i < cli->given_count; i++) {
        const char *name = cli->given[i].option->name;
        if (!option_find(cli, name, strlen(name)))
            return cli_usage(cli, tr("unknown option: %s"), name);
    }
    return 0;
}

/* Sorts argv into the command, its words and its options. The words move to the front of argv. */
static int parse(struct cli *cli, int argc, char **argv)
{
    const char *names[2] = {NULL, NULL};
    bool options = true;
    int words = 0, used = 0, rc;
    for (int i = 1; i < argc; i++) {
        if (options && strcmp(argv[i], "--") == 0) {
            options = false;
            continue;
        }
        if (options && argv[i][0] == '-' && argv[i][1]) {
            rc = take_option(cli, argc, argv, &i);
            if (rc)
                return rc;
            continue;
        }
        if (words < 2)
            names[words] = argv[i];
        argv[words++] = argv[i];
        /* "serve" is a command, and "serve backup" another. */
        if (words <= 2)
            cli->command = cli_find(names[0], names[1], &used);
    }
    if (!names[0] || (!cli->command && cli_switch(cli, "--help")))
        return 0;
    if (!cli->command)
        return unknown(cli, names[0], names[1]);
    cli->words = argv + used;
    cli->count = words - used;
    return check_options(cli);
}

static int check_words(struct cli *cli)
{
    const struct cli_command *c = cli->command;
    if (cli->count < c->least)
        return cli_usage(cli, tr("missing: raum %s %s"), c->name, c->arguments);
    if (c->most >= 0 && cli->count > c->most)
        return cli_usage(cli, tr("too many words: raum %s %s"), c->name, c->arguments);
    return 0;
}

static void globals(struct cli *cli)
{
    cli->data = cli_value(cli, "--data");
    cli->space = cli_value(cli, "--space");
    cli->json = cli_switch(cli, "--json");
    cli->quiet = cli_switch(cli, "--quiet");
    const char *base = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    if (cli->data || ((!base || !*base) && (!home || !*home)))
        return;
    bool xdg = base && *base;
    size_t len = strlen(xdg ? base : home) + 24;
    cli->data_default = malloc(len);
    if (cli->data_default)
        snprintf(cli->data_default, len, "%s%s/raum", xdg ? base : home,
                 xdg ? "" : "/.local/share");
    cli->data = cli->data_default;
}

static int run(struct cli *cli, int argc, char **argv)
{
    out_init(&cli->out, false, false);
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("raum %s\n", raum_version());
        return 0;
    }
    int rc = parse(cli, argc, argv);
    globals(cli);
    out_init(&cli->out, cli->json, cli->quiet);
    if (rc)
        return rc;
    if (cli_switch(cli, "--help") || !cli->command) {
        if (cli->command)
            cli_help(&cli->out, cli->command->name, NULL);
        else
            cli_help_all(&cli->out);
        return argc > 1 ? 0 : RAUM_EUSAGE;
    }
    rc = check_words(cli);
    return rc ? rc : cli->command->run(cli);
}

int main(int argc, char **argv)
{
    struct cli cli;
    memset(&cli, 0, sizeof cli);
    text_start();
    catch_signals();
    cli.given = calloc((size_t)argc + 1, sizeof *cli.given);
    int rc = cli.given ? run(&cli, argc, argv) : RAUM_ENOMEM;
    if (rc < 0 && !cli.error.code && argc > 1)
        err_set(&cli.error, rc, NULL);
    cli_close(&cli);
    int written = out_finish(&cli.out, rc ? NULL : &cli.error);
    if (rc == 0)
        rc = written;
    if (rc < 0 && cli.error.code && !cli.told)
        cli_print_error(&cli, &cli.error);
    free(cli.given);
    free(cli.data_default);
    return rc < 0 ? raum_code_exit(rc) : 0;
}
