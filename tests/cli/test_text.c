/* Every sentence that people read has its German, with the same conversions; no German is left
 * over. The sources themselves are read: what stands in tr("…") or in a command's descriptor. */
#include "cli/cli.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SENTENCES_MAX 8000

static char *all[SENTENCES_MAX];   /* every literal of the sources, adjacent ones joined */
static bool wanted[SENTENCES_MAX]; /* stands in tr() or where a title of the tour stands */
static int count;

static char *slurp(const char *path)
{
    size_t len;
    void *data = NULL;
    const struct raum_env *env = raum_env_native();
    if (env->file_read(env->ctx, path, 1 << 20, &data, &len) != 0)
        fail_msg("cannot read %s", path);
    return data;
}

static const char *skip_blanks(const char *at)
{
    return at + strspn(at, " \t\n");
}

/* One literal with those that follow it directly; gives the place behind. */
static const char *literal(const char *at, char *out, size_t size)
{
    size_t len = 0;
    while (*at == '"') {
        for (at++; *at && *at != '"'; at++) {
            char c = *at == '\\' ? *++at : *at;
            assert_true(len + 1 < size);
            out[len++] = at[-1] == '\\' && c == 'n' ? '\n' : c;
        }
        at = skip_blanks(at + 1);
    }
    out[len] = '\0';
    return at;
}

/* Comments and character constants hold quotes that open nothing. */
static const char *other(const char *at)
{
    if (at[0] == '/' && at[1] == '*')
        return strstr(at, "*/") + 2;
    if (at[0] == '\'')
        return strchr(at + (at[1] == '\\' ? 3 : 2), '\'') + 1;
    return at + 1;
}

static bool behind(const char *start, const char *at, const char *word)
{
    while (at > start && strchr(" \t\n", at[-1]))
        at--;
    size_t len = strlen(word);
    return (size_t)(at - start) >= len && memcmp(at - len, word, len) == 0;
}

static void gather(const char *path)
{
    char *source = slurp(path), text[4096];
    for (const char *at = source; *at;) {
        if (*at != '"') {
            at = other(at);
            continue;
        }
        bool shown = behind(source, at, "tr(") || behind(source, at, "tour_step(t,");
        at = literal(at, text, sizeof text);
        assert_true(count < SENTENCES_MAX);
        wanted[count] = shown && at[0] == ')';
        all[count++] = strdup(text);
    }
    free(source);
}

static int read_sources(void **state)
{
    (void)state;
    char path[1024];
    const char *top = getenv("RAUM_SOURCE");
    assert_non_null(top);
    snprintf(path, sizeof path, "%s/src/cli", top);
    DIR *folder = opendir(path);
    assert_non_null(folder);
    for (struct dirent *e; folder && (e = readdir(folder));) {
        size_t len = strlen(e->d_name);
        if (len < 3 || strcmp(e->d_name + len - 2, ".c") != 0 ||
            strncmp(e->d_name, "text_de", 7) == 0)
            continue;
        snprintf(path, sizeof path, "%s/src/cli/%s", top, e->d_name);
        gather(path);
    }
    if (folder)
        closedir(folder);
    snprintf(path, sizeof path, "%s/include/raum/error.h", top);
    gather(path);
    return 0;
}

static int forget(void **state)
{
    (void)state;
    while (count)
        free(all[--count]);
    return 0;
}

static void translated(void **state)
{
    (void)state;
    int seen = 0, missing = 0;
    for (int i = 0; i < count; i++) {
        if (!wanted[i] || !*all[i])
            continue;
        seen++;
        if (!text_german(all[i])) {
            print_error("no German for: %s\n", all[i]);
            missing++;
        }
    }
    assert_int_equal(missing, 0);
    assert_true(seen > 200); /* a reader that finds nothing would be content */
}

static void told(const char *english, int *missing)
{
    if (english && *english && !text_german(english)) {
        print_error("no German for: %s\n", english);
        ++*missing;
    }
}

static void descriptors(void **state)
{
    (void)state;
    int missing = 0;
    for (int i = 0; cli_commands[i]; i++)
        for (const struct cli_command *c = cli_commands[i]; c->name; c++) {
            told(c->help, &missing);
            for (const struct cli_option *o = c->options; o && o->name; o++)
                told(o->help, &missing);
        }
    for (const struct cli_option *o = cli_globals; o->name; o++)
        told(o->help, &missing);
    assert_int_equal(missing, 0);
}

/* Every option has a variable, and no two options of different meaning a command's own. */
static void names(void **state)
{
    (void)state;
    for (int i = 0; cli_commands[i]; i++)
        for (const struct cli_command *c = cli_commands[i]; c->name; c++) {
            int used;
            char first[64], *blank;
            snprintf(first, sizeof first, "%s", c->name);
            blank = strchr(first, ' ');
            if (blank)
                *blank = '\0';
            assert_ptr_equal(cli_find(first, blank ? blank + 1 : NULL, &used), c);
            assert_int_equal(used, blank ? 2 : 1);
            for (const struct cli_option *o = c->options; o && o->name; o++)
                for (const struct cli_option *g = cli_globals; g->name; g++)
                    if (strcmp(o->name, g->name) == 0 && strcmp(o->name, "--space") != 0)
                        fail_msg("%s: %s is an option of every command", c->name, o->name);
        }
}

static const struct cli_option *option_named(const char *name)
{
    for (int i = 0; cli_commands[i]; i++)
        for (const struct cli_command *c = cli_commands[i]; c->name; c++)
            for (const struct cli_option *o = c->options; o && o->name; o++)
                if (strcmp(o->name, name) == 0)
                    return o;
    return NULL;
}

/* An option may stand before the command's name: whether it takes a value must be known by then. */
static void before_the_command(void **state)
{
    (void)state;
    for (int i = 0; cli_commands[i]; i++)
        for (const struct cli_command *c = cli_commands[i]; c->name; c++)
            for (const struct cli_option *o = c->options; o && o->name; o++)
                if (!o->value != !option_named(o->name)->value)
                    fail_msg("%s of %s takes a value here and none elsewhere", o->name, c->name);
}

/* "%s %d" of a format, without the words between. */
static void conversions(const char *format, char out[64])
{
    size_t len = 0;
    for (; *format && len < 56; format++)
        if (*format == '%') {
            do
                out[len++] = *format++;
            while (*format && !strchr("sdgzlu%", *format) && len < 56);
            while (*format && strchr("zl", *format) && len < 56)
                out[len++] = *format++;
            out[len++] = *format;
        }
    out[len] = '\0';
}

static void look_at(const struct text_pair *p)
{
    char a[64], b[64];
    bool found = false;
    conversions(p->english, a);
    conversions(p->german, b);
    if (strcmp(a, b) != 0)
        fail_msg("%s: %s is not %s", p->english, b, a);
    size_t end = strlen(p->english), german_end = strlen(p->german);
    assert_int_equal(end && p->english[end - 1] == '\n',
                     german_end && p->german[german_end - 1] == '\n');
    for (int i = 0; i < count && !found; i++)
        found = strcmp(all[i], p->english) == 0;
    if (!found)
        fail_msg("nobody says: %s", p->english);
}

static void alike(void **state)
{
    (void)state;
    for (int i = 0; text_tables[i]; i++)
        for (const struct text_pair *p = text_tables[i]; p->english; p++) {
            look_at(p);
            for (int k = i; text_tables[k]; k++)
                for (const struct text_pair *q = k == i ? p + 1 : text_tables[k]; q->english; q++)
                    if (strcmp(p->english, q->english) == 0)
                        fail_msg("twice: %s", p->english);
        }
}

/* The reader sees what it should: one planted sentence without German, joined from two literals. */
static void reader(void **state)
{
    (void)state;
    char text[64];
    const char *end = literal("\"say \\\"a\\\" \"\n  \"and b\\n\") ;", text, sizeof text);
    assert_string_equal(text, "say \"a\" and b\n");
    assert_int_equal(*end, ')');
    assert_null(text_german(text));
    static const char before[] = "x = tr( ";
    assert_true(behind(before, before + strlen(before), "tr("));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reader), cmocka_unit_test(translated), cmocka_unit_test(descriptors),
        cmocka_unit_test(names), cmocka_unit_test(before_the_command),  cmocka_unit_test(alike),
    };
    return cmocka_run_group_tests(tests, read_sources, forget);
}
