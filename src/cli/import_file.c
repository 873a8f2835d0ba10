#include "cli/import_file.h"

#include "base/err.h"
#include "cli/pool.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LEGACY_KEY "legacy"

static long read_some(void *ctx, void *buf, size_t len)
{
    FILE *f = ctx;
    if (cli_stop)
        return RAUM_EINTERRUPTED;
    size_t got = fread(buf, 1, len, f);
    return got == 0 && ferror(f) ? RAUM_EIO : (long)got;
}

static int rewind_file(void *ctx)
{
    FILE *f = ctx;
    return fseek(f, 0, SEEK_SET) == 0 ? 0 : RAUM_EIO;
}

static int keep(void *arg, const char *type, const void *data, size_t len, struct media_ref *out,
                struct raum_error *error)
{
    struct pool *pool = arg;
    struct media_item item;
    (void)type; /* what it is, its bytes say (G-P5) */
    int rc = pictures_prepare(&pool->pictures, data, len, &item, error);
    if (rc)
        return rc;
    memcpy(out->hash, item.hash, sizeof out->hash);
    snprintf(out->type, sizeof out->type, "%s", media_extension(item.facts.type));
    out->bytes = (int64_t)item.bytes;
    out->width = item.facts.width;
    out->height = item.facts.height;
    return 0;
}

static void tell(void *arg, const char *what, double done)
{
    out_progress(arg, tr(what), done);
}

/* NONBLOCK, so that a pipe without a writer is refused instead of waited for. */
static int open_file(struct cli *cli, const char *path, FILE **out, int64_t *size)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT)
        return cli_fail(cli, RAUM_ENOT_FOUND, tr("no such file: %s"), path);
    if (fd < 0)
        return cli_fail(cli, RAUM_EIO, tr("cannot read %s: %s"), path, strerror(errno));
    *out = fstat(fd, &info) == 0 && S_ISREG(info.st_mode) ? fdopen(fd, "rb") : NULL;
    if (!*out) {
        close(fd);
        return cli_fail(cli, RAUM_EIO, tr("%s is not a file"), path);
    }
    *size = info.st_size;
    return 0;
}

int import_file(struct cli *cli, const struct import_request *request, struct import_report *report)
{
    FILE *file = NULL;
    struct pool pool = {0};
    struct out_progress progress;
    struct import_source source = {.read = read_some, .rewind = rewind_file};
    memset(report, 0, sizeof *report);
    int rc = open_file(cli, request->path, &file, &source.size);
    if (rc == 0)
        rc = pool_open(&pool, cli);
    if (rc)
        goto out;
    source.ctx = file;
    struct import_options options = {
        .owner = request->owner,
        .once = request->once,
        .dry_run = request->dry_run,
        .progress = tell,
        .progress_arg = &progress,
        .media = request->dry_run ? NULL : keep,
        .media_arg = &pool,
    };
    out_progress_begin(&progress, &cli->out);
    rc = import_run(cli->raum, &source, &options, report, &cli->error);
    out_progress_end(&progress);
    /* Pictures of an import that failed belong to nobody. */
    if (!request->dry_run && rc != RAUM_END)
        (void)!pictures_sweep(&pool.pictures, NULL);
out:
    pool_close(&pool);
    if (file)
        fclose(file);
    return rc;
}

int import_legacy(struct cli *cli)
{
    const char *path = getenv("RAUM_LEGACY");
    struct import_report report;
    struct arena a;
    char *done = NULL;
    if (!path || !*path)
        return 0;
    arena_init(&a, 1 << 16);
    int rc = replica_meta_get(cli->raum, LEGACY_KEY, &a, &done, &cli->error);
    bool first = rc == 0 && !done; /* afterwards the file may be gone */
    arena_release(&a);
    if (!first)
        return rc;
    const struct import_request request = {.path = path, .once = LEGACY_KEY};
    rc = import_file(cli, &request, &report);
    import_report_release(&report);
    return rc == RAUM_END ? 0 : rc;
}
