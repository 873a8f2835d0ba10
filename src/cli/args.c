/* The command line: words, options before and after the command, variables, errors. */
#include "base/err.h"
#include "cli/cli.h"
#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

volatile sig_atomic_t cli_stop;

const struct cli_option cli_globals[] = {
    {"--data", "DIR", "the data directory"},
    {"--space", "SLUG|ID", "work in this space instead of the active one"},
    {"--json", NULL, "print JSON"},
    {"--quiet", NULL, "no remarks, no progress"},
    {"--help", NULL, "this text"},
    {0},
};

void cli_variable(const char *name, char out[64])
{
    size_t len = 5;
    memcpy(out, "RAUM_", len);
    for (const char *c = name + strspn(name, "-"); *c && len < 63; c++)
        out[len++] = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
    out[len] = '\0';
}

static const char *variable(const char *name)
{
    char key[64];
    cli_variable(name, key);
    const char *value = getenv(key);
    return value && *value ? value : NULL;
}

const char *cli_value(const struct cli *cli, const char *name)
{
    for (int i = cli->given_count - 1; i >= 0; i--)
        if (strcmp(cli->given[i].option->name, name) == 0)
            return cli->given[i].value;
    return variable(name);
}

bool cli_switch(const struct cli *cli, const char *name)
{
    for (int i = 0; i < cli->given_count; i++)
        if (strcmp(cli->given[i].option->name, name) == 0)
            return true;
    const char *value = variable(name);
    return value && strcmp(value, "0") != 0;
}

const char *cli_next(const struct cli *cli, const char *name, int *at)
{
    for (int i = *at; i < cli->given_count; i++)
        if (strcmp(cli->given[i].option->name, name) == 0) {
            *at = i + 1;
            return cli->given[i].value;
        }
    bool first = true;
    for (int i = 0; i < cli->given_count; i++)
        if (strcmp(cli->given[i].option->name, name) == 0)
            first = false;
    const char *value = first && *at == 0 ? variable(name) : NULL;
    *at = cli->given_count + 1;
    return value;
}

int cli_fail(struct cli *cli, int code, const char *fmt, ...)
{
    char text[RAUM_ERROR_TEXT_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return err_at(&cli->error, "cli", code, "%s", text);
}

int cli_usage(struct cli *cli, const char *fmt, ...)
{
    char text[RAUM_ERROR_TEXT_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return err_at(&cli->error, "cli", RAUM_EUSAGE, "%s", text);
}

int cli_choice(struct cli *cli, const char *name, const char *value, const char *const *choices)
{
    if (!value)
        return 0;
    struct buf list;
    buf_init(&list, RAUM_ERROR_TEXT_MAX);
    for (int i = 0; choices[i]; i++) {
        if (strcmp(choices[i], value) == 0) {
            buf_release(&list);
            return 0;
        }
        buf_printf(&list, "%s%s", i ? " " : "", choices[i]);
    }
    int rc = cli_usage(cli, tr("%s takes one of: %s"), name, buf_text(&list));
    buf_release(&list);
    return rc;
}

void cli_note(const struct cli *cli, const char *fmt, ...)
{
    if (cli->quiet)
        return;
    char text[2048];
    struct buf clean;
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    buf_init(&clean, 3 * sizeof text);
    out_clean(&clean, text, strlen(text));
    fprintf(stderr, "%s\n", buf_text(&clean));
    buf_release(&clean);
}

/* In German the sentence of the code stands before a detail that only exists in English. */
static void sentence(const struct raum_error *error, struct buf *out)
{
    const char *plain = raum_code_text(error->code), *shown = tr(plain);
    bool ours = error->origin && strcmp(error->origin, "cli") == 0;
    if (!error->text[0] || strcmp(error->text, plain) == 0)
        buf_str(out, shown);
    else if (ours || !text_is_german())
        out_clean(out, error->text, strlen(error->text));
    else {
        buf_printf(out, "%s: ", shown);
        out_clean(out, error->text, strlen(error->text));
    }
}

void cli_print_error(const struct cli *cli, const struct raum_error *error)
{
    struct buf text, line;
    buf_init(&text, 8192);
    buf_init(&line, 16384);
    sentence(error, &text);
    if (cli->json) {
        struct json_writer w;
        json_begin(&w, &line);
        json_open_object(&w);
        json_put_key(&w, "error");
        json_open_object(&w);
        json_put_key(&w, "code");
        json_put_str(&w, raum_code_name(error->code));
        json_put_key(&w, "message");
        json_put_text(&w, buf_text(&text), text.len);
        json_close_object(&w);
        json_close_object(&w);
        fprintf(stderr, "%s\n", buf_text(&line));
    } else {
        fprintf(stderr, "raum: %s (%s)\n", buf_text(&text), raum_code_name(error->code));
    }
    buf_release(&text);
    buf_release(&line);
}
