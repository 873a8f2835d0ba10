/* `raum backup` and `raum restore`: an account on this device as one sealed file. */
#define _GNU_SOURCE
#include "base/err.h"
#include "cli/cli.h"
#include "engine/backup.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRET_MAX 1024
#define PAPER_MAX ((size_t)4 << 20)

/* ---- the file ---- */

struct file {
    FILE *f;
    char *part; /* of a file being written: its name until it is whole */
};

static int fail_file(struct cli *cli, bool writing, const char *path)
{
    int code = errno == ENOENT || errno == ENOTDIR                    ? RAUM_ENOT_FOUND
               : errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? RAUM_EFULL
               : errno == EACCES || errno == EPERM || errno == EROFS  ? RAUM_EREAD_ONLY
                                                                      : RAUM_EIO;
    return cli_fail(cli, code, writing ? tr("cannot write %s: %s") : tr("cannot read %s: %s"), path,
                    strerror(errno));
}

static int create(struct cli *cli, const char *path, struct file *file)
{
    if (asprintf(&file->part, "%s.part", path) < 0) {
        file->part = NULL;
        return err_set(&cli->error, RAUM_ENOMEM, NULL);
    }
    unlink(file->part); /* left by one that was killed */
    int fd = open(file->part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    file->f = fd >= 0 ? fdopen(fd, "wb") : NULL;
    if (file->f)
        return 0;
    int rc = fail_file(cli, true, path);
    if (fd >= 0)
        close(fd);
    free(file->part);
    file->part = NULL;
    return rc;
}

/* Whole, on the disk, and only then under its name. */
static int finish(struct cli *cli, const char *path, struct file *file)
{
    bool fine =
        fflush(file->f) == 0 && fsync(fileno(file->f)) == 0 && rename(file->part, path) == 0;
    if (!fine)
        return fail_file(cli, true, path);
    free(file->part);
    file->part = NULL;
    return 0;
}

static void let_go(struct file *file)
{
    if (file->f)
        fclose(file->f);
    if (file->part)
        unlink(file->part);
    free(file->part);
}

static int write_some(void *ctx, const void *data, size_t len, struct raum_error *error)
{
    struct file *file = ctx;
    if (cli_stop)
        return err_set(error, RAUM_EINTERRUPTED, NULL);
    if (fwrite(data, 1, len, file->f) == len)
        return 0;
    return err_set(
        error, errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? RAUM_EFULL : RAUM_EIO, NULL);
}

static int64_t read_some(void *ctx, void *data, size_t n)
{
    struct file *file = ctx;
    if (cli_stop)
        return RAUM_EINTERRUPTED;
    size_t got = fread(data, 1, n, file->f);
    return got == 0 && ferror(file->f) ? RAUM_EIO : (int64_t)got;
}

static int rewind_file(void *ctx, struct raum_error *error)
{
    struct file *file = ctx;
    return fseek(file->f, 0, SEEK_SET) == 0 ? 0 : err_set(error, RAUM_EIO, NULL);
}

static void print(struct cli *cli, const struct backup_report *r)
{
    if (cli->json) {
        struct buf b;
        struct json_writer w;
        buf_init(&b, 1 << 16);
        json_begin(&w, &b);
        json_open_object(&w);
        json_put_key(&w, "account");
        json_put_str(&w, r->account);
        json_put_key(&w, "files");
        json_put_int(&w, r->files);
        json_put_key(&w, "bytes");
        json_put_int(&w, r->bytes);
        json_close_object(&w);
        out_json(&cli->out, &b);
        buf_release(&b);
        return;
    }
    out_pair(&cli->out, tr("account"), "%s", r->account);
    out_pair(&cli->out, tr("files"), "%lld", (long long)r->files);
    out_pair(&cli->out, tr("bytes"), "%lld", (long long)r->bytes);
}

/* ---- backup ---- */

static int choose_passphrase(struct cli *cli, char out[SECRET_MAX])
{
    char again[SECRET_MAX];
    bool given = getenv("RAUM_BACKUP_PASSPHRASE") != NULL;
    *out = '\0';
    if (!given && !cli_switch(cli, "--passphrase"))
        return 0;
    int rc =
        cli_secret(cli, "RAUM_BACKUP_PASSPHRASE", tr("Passphrase of the backup"), out, SECRET_MAX);
    if (rc || given)
        return rc;
    rc = cli_secret(cli, "RAUM_BACKUP_PASSPHRASE", tr("Once more"), again, sizeof again);
    if (rc == 0 && strcmp(out, again) != 0)
        rc = cli_fail(cli, RAUM_EUSAGE, "%s", tr("the two are not the same"));
    cli_wipe(again, sizeof again);
    return rc;
}

static int run_backup(struct cli *cli)
{
    const char *path = cli->words[0];
    char secret[SECRET_MAX] = "";
    struct file file = {0};
    struct backup_report report;
    int rc = cli_open(cli);
    if (rc == 0)
        rc = choose_passphrase(cli, secret);
    if (rc == 0)
        rc = create(cli, path, &file);
    if (rc == 0) {
        const struct chunks_sink sink = {&file, write_some};
        rc = backup_write(cli->raum, *secret ? secret : NULL, &sink, &report, &cli->error);
    }
    if (rc == 0)
        rc = finish(cli, path, &file);
    let_go(&file);
    if (rc == 0) {
        print(cli, &report);
        cli_note(cli, "%s",
                 *secret ? tr("its passphrase or a key of this device opens it")
                         : tr("a key of this device opens it, or the recovery text: "
                              "see raum key recovery"));
    }
    cli_wipe(secret, sizeof secret);
    return rc;
}

/* ---- restore ---- */

struct rings {
    struct keyring *all;
    char folder[4096];
};

/* The keys of every account that was on this device: nobody knows yet whose backup it is. */
static int take_ring(void *arg, const char *name, int is_folder)
{
    struct rings *x = arg;
    const struct raum_env *env = raum_env_native();
    struct keyring *one = NULL;
    char path[5000];
    if (!is_folder)
        return 0;
    snprintf(path, sizeof path, "%s/%s/keys.json", x->folder, name);
    /* One that cannot be read does not help, that is all. */
    if (keyring_open(&one, env, path, getenv("RAUM_PASSWORD"), NULL) == 0)
        (void)!keyring_put(x->all, one->keys, one->count, NULL);
    keyring_close(one);
    return 0;
}

static int gather_keys(struct cli *cli, struct rings *x)
{
    const struct raum_env *env = raum_env_native();
    const char *paper = cli_value(cli, "--recovery");
    void *text;
    size_t len;
    int rc = keyring_open(&x->all, env, NULL, NULL, &cli->error);
    if (rc)
        return rc;
    snprintf(x->folder, sizeof x->folder, "%s/accounts", cli->data);
    (void)!env->folder_list(env->ctx, x->folder, take_ring, x);
    if (!paper)
        return 0;
    rc = env->file_read(env->ctx, paper, PAPER_MAX, &text, &len);
    if (rc)
        return cli_fail(cli, rc, tr("cannot read %s: %s"), paper, tr(raum_code_text(rc)));
    rc = keyring_recover(x->all, text, &cli->error);
    cli_wipe(text, len);
    free(text);
    return rc;
}

static int restore(struct cli *cli, struct rings *x, struct file *file,
                   struct backup_report *report)
{
    char secret[SECRET_MAX];
    const char *given = getenv("RAUM_BACKUP_PASSPHRASE");
    const struct chunks_source source = {file, read_some, rewind_file};
    struct backup_target target = {
        .env = raum_env_native(),
        .root = cli->data,
        .ring = x->all,
        .passphrase = given && *given ? given : NULL,
        .ring_passphrase = getenv("RAUM_PASSWORD"),
        .force = cli_switch(cli, "--force"),
    };
    int rc = backup_restore(&target, &source, report, &cli->error);
    if (rc != RAUM_ELOCKED || target.passphrase)
        return rc;
    struct raum_error first = cli->error;
    rc = cli_secret(cli, "RAUM_BACKUP_PASSPHRASE", tr("Passphrase of the backup"), secret,
                    sizeof secret);
    if (rc == RAUM_ENOT_CONFIGURED) { /* nobody to ask: the first answer says more */
        cli->error = first;
        return RAUM_ELOCKED;
    }
    target.passphrase = secret;
    if (rc == 0)
        rc = backup_restore(&target, &source, report, &cli->error);
    cli_wipe(secret, sizeof secret);
    return rc;
}

static int run_restore(struct cli *cli)
{
    const char *path = cli->words[0];
    struct rings rings = {0};
    struct file file = {0};
    struct backup_report report;
    struct stat info;
    if (!cli->data)
        return cli_usage(cli, "%s", tr("no data directory: give --data, or set HOME"));
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return fail_file(cli, false, path);
    file.f = fstat(fd, &info) == 0 && S_ISREG(info.st_mode) ? fdopen(fd, "rb") : NULL;
    if (!file.f) {
        close(fd);
        return cli_fail(cli, RAUM_EIO, tr("%s is not a file"), path);
    }
    int rc = gather_keys(cli, &rings);
    if (rc == 0)
        rc = restore(cli, &rings, &file, &report);
    if (rc == RAUM_EEXISTS)
        cli_fail(cli, rc, "%s",
                 tr("there is data of this account here already: --force puts the "
                    "backup in its place"));
    keyring_close(rings.all);
    let_go(&file);
    if (rc == 0) {
        print(cli, &report);
        cli_note(cli, "%s", tr("restored; this device has a new name"));
    }
    return rc;
}

static const struct cli_option backup_options[] = {
    {"--passphrase", NULL, "ask for a passphrase that opens it, too"},
    {0},
};
static const struct cli_option restore_options[] = {
    {"--force", NULL, "also in the place of data that is here"},
    {"--recovery", "FILE", "the text of raum key recovery, if this is another device"},
    {0},
};

const struct cli_command cmd_backup[] = {
    {"backup", "FILE", 1, 1, "this account on this device as one sealed file", backup_options,
     "raum backup monday.backup\nraum backup monday.backup --passphrase", run_backup, false},
    {"restore", "FILE", 1, 1, "put a backup back", restore_options,
     "raum restore monday.backup --force\nraum restore monday.backup --recovery paper.txt",
     run_restore, false},
    {0},
};
