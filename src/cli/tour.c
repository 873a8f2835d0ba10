#define _XOPEN_SOURCE 700 /* nftw */
#include "cli/tour.h"

#include "base/err.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_MAX ((size_t)16 << 20)
#define SHOWN_LINES_MAX 8
#define FILE_MAX ((size_t)64 << 20)

extern char **environ;

static const struct out_column columns[] = {{"step", "", OUT_TEXT, OUT_KEEP},
                                            {"check", "", OUT_TEXT, OUT_SHRINK},
                                            {"ok", "", OUT_BOOL, OUT_KEEP}};

/* ---- set-up ---- */

/* Nothing that the caller has set may lead the story astray; language and photographs stay. */
static void clear_environment(struct tour *t)
{
    static const char *const kept[] = {"RAUM_LANG=", "RAUM_PHOTOS="};
    for (char **e = environ; *e;) {
        bool keep = strncmp(*e, "RAUM_", 5) != 0;
        for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
            keep = keep || strncmp(*e, kept[i], strlen(kept[i])) == 0;
        char name[128];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(*e, "="), *e);
        if (keep || unsetenv(name) != 0)
            e++;
        else
            e = environ;
    }
    setenv("RAUM_DATA", t->data, 1);
}

static bool is_photo(const char *name)
{
    static const char *const ends[] = {".jpg", ".jpeg", ".png", ".webp", ".heic", ".avif"};
    size_t len = strlen(name);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        if (len > strlen(ends[i]) && strcmp(name + len - strlen(ends[i]), ends[i]) == 0)
            return true;
    return false;
}

struct listing {
    struct tour *t;
    const char *folder;
};

static int take_photo(void *arg, const char *name, int is_folder)
{
    struct listing *l = arg;
    char path[SCRATCH_PATH_MAX];
    struct tour *t = l->t;
    if (is_folder || !is_photo(name) || t->photo_count == TOUR_PHOTOS_MAX)
        return 0;
    snprintf(path, sizeof path, "%s/%s", l->folder, name);
    t->photos[t->photo_count] = strdup(path);
    t->photo_count += t->photos[t->photo_count] != NULL;
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list_photos(struct tour *t, const char *folder)
{
    const struct raum_env *env = raum_env_native();
    struct listing l = {t, folder};
    if (env->folder_list(env->ctx, folder, take_photo, &l) == 0)
        qsort(t->photos, (size_t)t->photo_count, sizeof t->photos[0], by_name);
}

/* In a source tree the program lies some folders below scripts/photos, which fetches some. */
static void fetch_photos(struct tour *t)
{
    char exe[SCRATCH_PATH_MAX], script[SCRATCH_PATH_MAX + 32], folder[SCRATCH_PATH_MAX + 32];
    script[0] = '\0';
    ssize_t len = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (len <= 0)
        return;
    exe[len] = '\0';
    *strrchr(exe, '/') = '\0';
    for (int up = 0; up < 5 && strrchr(exe, '/'); up++) {
        snprintf(script, sizeof script, "%s/scripts/photos", exe);
        if (access(script, X_OK) == 0)
            break;
        *strrchr(exe, '/') = '\0';
        script[0] = '\0';
    }
    snprintf(folder, sizeof folder, "%s/build/photos", exe); /* kept: they are fetched once */
    char *argv[] = {script, folder, NULL};
    pid_t pid;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    if (script[0] && posix_spawn(&pid, script, &actions, NULL, argv, environ) == 0)
        tour_wait((int)pid);
    posix_spawn_file_actions_destroy(&actions);
    list_photos(t, folder);
}

int tour_open(struct tour *t)
{
    const char *given = getenv("RAUM_PHOTOS");
    struct cli *cli = t->cli;
    buf_init(&t->out, OUTPUT_MAX);
    buf_init(&t->err, OUTPUT_MAX);
    json_init(&t->doc);
    arena_init(&t->arena, OUTPUT_MAX);
    if (cli->json)
        out_table_begin(&t->table, &cli->out, columns, 3);
    int rc = scratch_make(t->folder, "tour", &cli->error);
    if (rc)
        return rc;
    snprintf(t->data, sizeof t->data, "%s/data", t->folder);
    if (given && *given)
        list_photos(t, given);
    else
        fetch_photos(t);
    if (t->photo_count < TOUR_PHOTOS_LEAST)
        return cli_fail(
            cli, RAUM_ENOT_CONFIGURED,
            tr("the tour needs at least %d photographs: set RAUM_PHOTOS to a folder with some"),
            TOUR_PHOTOS_LEAST);
    clear_environment(t);
    return 0;
}

void tour_close(struct tour *t)
{
    if (t->cli->json)
        (void)!out_table_end(&t->table, NULL);
    if (!cli_switch(t->cli, "--keep"))
        scratch_remove(t->folder);
    for (int i = 0; i < t->photo_count; i++)
        free(t->photos[i]);
    buf_release(&t->out);
    buf_release(&t->err);
    json_release(&t->doc);
    arena_release(&t->arena);
}

/* ---- steps and checks ---- */

void tour_step(struct tour *t, const char *title)
{
    struct out *out = &t->cli->out;
    t->step = title;
    if (!out->json) {
        out_printf(out, "\n%s%s%s\n", out_bold(out), tr(title), out_plain(out));
        fflush(out->file);
    }
}

bool tour_check(struct tour *t, bool good, const char *fmt, ...)
{
    struct out *out = &t->cli->out;
    char text[400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (good)
        t->passed++;
    else
        t->failed++;
    if (out->json) {
        out_cell_str(&t->table, t->step);
        out_cell_str(&t->table, text);
        out_cell_bool(&t->table, good);
        return good;
    }
    out_printf(out, "  %s%s%s ", good ? out_green(out) : out_red(out), good ? "✓" : "✗",
               out_plain(out));
    out_text(out, text, strlen(text));
    out_printf(out, "\n");
    if (!good && t->err.len) {
        out_printf(out, "      ");
        out_text(out, buf_text(&t->err), t->err.len);
        out_printf(out, "\n");
    }
    buf_reset(&t->err); /* told once */
    fflush(out->file);
    return good;
}

/* ---- running the program ---- */

static int spawn(struct tour *t, char **argv, const char *out, const char *err)
{
    posix_spawn_file_actions_t actions;
    pid_t pid;
    char null[] = "/dev/null";
    (void)t;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, null, O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, out ? out : null, O_WRONLY | O_CREAT | O_TRUNC,
                                     0600);
    posix_spawn_file_actions_addopen(&actions, 2, err ? err : null, O_WRONLY | O_CREAT | O_TRUNC,
                                     0600);
    int rc = posix_spawn(&pid, "/proc/self/exe", &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return rc == 0 ? (int)pid : -1;
}

int tour_wait(int process)
{
    int status;
    if (process < 0)
        return -1;
    while (waitpid(process, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void gather(char *argv[TOUR_WORDS_MAX], const char *first, va_list args)
{
    static char program[] = "raum";
    int n = 0;
    argv[n++] = program;
    /* posix_spawn's argv is not const, and is not written either. */
    for (const char *word = first; word && n < TOUR_WORDS_MAX - 1;
         word = va_arg(args, const char *))
        argv[n++] = (char *)(uintptr_t)word;
    argv[n] = NULL;
}

static void load(struct buf *b, const char *path)
{
    size_t len = 0;
    void *data = tour_read(path, &len);
    buf_reset(b);
    if (data)
        buf_add(b, data, len);
    free(data);
}

static int run(struct tour *t, char **argv)
{
    char out[SCRATCH_PATH_MAX + 8], err[SCRATCH_PATH_MAX + 8];
    snprintf(out, sizeof out, "%s/out", t->folder);
    snprintf(err, sizeof err, "%s/err", t->folder);
    int status = tour_wait(spawn(t, argv, out, err));
    load(&t->out, out);
    load(&t->err, err);
    return status;
}

/* As one would type it: paths by their last name, words with blanks in quotes. */
static void show_command(struct tour *t, char **argv)
{
    struct out *out = &t->cli->out;
    out_printf(out, "  %s$ raum", out_dim(out));
    for (int i = 1; argv[i]; i++) {
        const char *word = argv[i];
        const char *slash = word[0] == '/' ? strrchr(word, '/') : NULL;
        bool quoted = strpbrk(word, " ()*'\"<>|&;") != NULL;
        word = slash ? slash + 1 : word;
        out_printf(out, quoted ? " '" : " ");
        out_text(out, word, strlen(word));
        out_printf(out, quoted ? "'" : "");
    }
    out_printf(out, "%s\n", out_plain(out));
}

static void show_lines(struct out *out, const struct buf *b)
{
    const char *text = buf_text(b);
    for (int i = 0; *text; i++) {
        size_t len = strcspn(text, "\n");
        if (i == SHOWN_LINES_MAX) {
            out_printf(out, "    …\n");
            return;
        }
        out_printf(out, "    ");
        out_text(out, text, len);
        out_printf(out, "\n");
        text += len + (text[len] == '\n');
    }
}

int tour_shown(struct tour *t, const char *first, ...)
{
    char *argv[TOUR_WORDS_MAX];
    struct out *out = &t->cli->out;
    va_list args;
    va_start(args, first);
    gather(argv, first, args);
    va_end(args);
    if (!out->json)
        show_command(t, argv);
    int status = run(t, argv);
    if (!out->json) {
        show_lines(out, &t->out);
        show_lines(out, &t->err);
        fflush(out->file);
    }
    return status;
}

int tour_quiet(struct tour *t, const char *first, ...)
{
    char *argv[TOUR_WORDS_MAX];
    va_list args;
    va_start(args, first);
    gather(argv, first, args);
    va_end(args);
    return run(t, argv);
}

int tour_start(struct tour *t, const char *first, ...)
{
    char *argv[TOUR_WORDS_MAX];
    va_list args;
    va_start(args, first);
    gather(argv, first, args);
    va_end(args);
    return spawn(t, argv, NULL, NULL);
}

struct json_value tour_json(struct tour *t)
{
    if (json_parse(&t->doc, buf_text(&t->out), t->out.len, 0, NULL) != 0)
        return (struct json_value){0};
    return json_root(&t->doc);
}

const char *tour_text(struct tour *t, struct json_value object, const char *key)
{
    const char *text = json_str(json_get(object, key), &t->arena);
    return text ? text : "";
}

int tour_pool(struct tour *t, const char *option, const char *value)
{
    int status = tour_quiet(t, "image", "list", "--json", option, value, NULL);
    struct json_value list = tour_json(t);
    return status == 0 && json_is(list, JSON_ARRAY) ? (int)json_count(list) : -1;
}

/* ---- files ---- */

void *tour_read(const char *path, size_t *len)
{
    const struct raum_env *env = raum_env_native();
    void *data = NULL;
    return env->file_read(env->ctx, path, FILE_MAX, &data, len) == 0 ? data : NULL;
}

bool tour_write(const char *path, const void *data, size_t len)
{
    const struct raum_env *env = raum_env_native();
    return env->file_write(env->ctx, path, data, len, 0600) == 0;
}

/* nftw has no argument of its own. */
static const void *wanted;
static size_t wanted_len;

static bool holds(const char *data, size_t len)
{
    for (const char *at = data; len >= wanted_len; at++, len--)
        if (*at == *(const char *)wanted && memcmp(at, wanted, wanted_len) == 0)
            return true;
    return false;
}

static int search_file(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info, (void)place;
    size_t len = 0;
    if (kind != FTW_F)
        return 0;
    char *data = tour_read(path, &len);
    bool found = data && holds(data, len);
    free(data);
    return found;
}

bool tour_in_files(const char *folder, const void *text, size_t len)
{
    wanted = text;
    wanted_len = len;
    return nftw(folder, search_file, 16, FTW_PHYS) == 1;
}
