#include <cmocka.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static size_t passed, skipped;
static const char *running = "set-up";

void print_message(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
}

void shim_skip(void)
{
    skipped++;
}

_Noreturn void shim_fail(const char *file, int line, const char *format, ...)
{
    va_list args;
    printf("%s: %s:%d: ", running, file, line);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n%zu passed, 1 failed\n", passed);
    fflush(stdout);
    exit(1);
}

/* RAUM_SKIP: names, with a comma behind each. */
static int is_skipped(const char *name)
{
    const char *list = getenv("RAUM_SKIP"), *at = list ? strstr(list, name) : NULL;
    return at && at[strlen(name)] == ',' && (at == list || at[-1] == ',');
}

static void need(CMFixtureFunction *f, void **state)
{
    if (f && f(state) != 0)
        shim_fail(__FILE__, __LINE__, "the fixture failed");
}

int shim_run(const struct CMUnitTest *tests, size_t count, CMFixtureFunction *setup,
             CMFixtureFunction *teardown)
{
    void *group = NULL;
    need(setup, &group);
    for (size_t i = 0; i < count; i++) {
        void *state = group;
        size_t before = skipped;
        running = tests[i].name;
        if (is_skipped(running)) {
            shim_skip();
            continue;
        }
        need(tests[i].setup_func, &state);
        tests[i].test_func(&state);
        need(tests[i].teardown_func, &state);
        passed += skipped == before;
    }
    running = "tear-down";
    need(teardown, &group);
    printf("%zu passed, 0 failed\n", passed);
    return 0;
}

/* ---- what wasi-libc lacks ---- */


char *mkdtemp(char *path)
{
    size_t len = strlen(path);
    unsigned char random[6];
    for (int i = 0; i < 100; i++) {
        if (getentropy(random, sizeof random) != 0)
            return NULL;
        for (int k = 0; k < 6; k++)
            path[len - 6 + (size_t)k] = "abcdefghijklmnopqrstuvwxyz012345"[random[k] & 31];
        if (mkdir(path, 0700) == 0)
            return path;
    }
    return NULL;
}

/* Folders are swept by whoever runs this. */
int system(const char *command)
{
    return strncmp(command, "rm -rf ", 7) == 0 ? 0 : -1;
}

unsigned umask(unsigned mode)
{
    return mode;
}
