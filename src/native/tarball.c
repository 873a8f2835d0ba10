#define _POSIX_C_SOURCE 200809L

#include "native/tarball.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LEVEL "9"
#define BLOCK 65536
#define NAME_MAX_BYTES 200

struct tarball_writer {
    struct archive *archive;
    struct archive_entry *entry;
    char *path, *part; /* NULL: standard output */
    int fd;
};
struct tarball_reader {
    struct archive *archive;
    char *path, *data;
    size_t max, cap;
};

/* libarchive gives errno where there was one. */
static int fail(struct archive *a, int other, const char *what, struct raum_error *error)
{
    int code = other;
    switch (archive_errno(a)) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        code = RAUM_EFULL;
        break;
    case ENOMEM:
        code = RAUM_ENOMEM;
        break;
    case EIO:
    case EPIPE:
        code = RAUM_EIO;
        break;
    default:
        break;
    }
    const char *text = archive_error_string(a);
    return err_at(error, "tarball", code, "%s: %s", what, text ? text : raum_code_text(code));
}

static int fail_system(const char *what, const char *path, struct raum_error *error)
{
    int code = errno == ENOENT || errno == ENOTDIR                    ? RAUM_ENOT_FOUND
               : errno == EACCES || errno == EROFS || errno == EPERM  ? RAUM_EREAD_ONLY
               : errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? RAUM_EFULL
                                                                      : RAUM_EIO;
    return err_at(error, "tarball", code, "cannot %s %s: %s", what, path, strerror(errno));
}

/* ---- writing ---- */

static int open_part(struct tarball_writer *w, const char *path, struct raum_error *error)
{
    size_t len = strlen(path) + 8;
    w->path = strdup(path);
    w->part = malloc(len);
    if (!w->path || !w->part)
        return err_set(error, RAUM_ENOMEM, NULL);
    snprintf(w->part, len, "%s.part", path);
    /* Left by one that was killed. EXCL and NOFOLLOW: never through a link that somebody put there.
     */
    unlink(w->part);
    w->fd = open(w->part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return w->fd >= 0 ? 0 : fail_system("write", path, error);
}

int tarball_write(struct tarball_writer **out, const char *path, struct raum_error *error)
{
    struct tarball_writer *w = calloc(1, sizeof *w);
    if (!w)
        return err_set(error, RAUM_ENOMEM, NULL);
    w->fd = path ? -1 : STDOUT_FILENO;
    w->archive = archive_write_new();
    w->entry = archive_entry_new();
    int result = w->archive && w->entry ? 0 : err_set(error, RAUM_ENOMEM, NULL);
    if (result == 0 && path)
        result = open_part(w, path, error);
    if (result == 0 && (archive_write_add_filter_zstd(w->archive) != ARCHIVE_OK ||
                        archive_write_set_filter_option(w->archive, "zstd", "compression-level",
                                                        LEVEL) != ARCHIVE_OK ||
                        archive_write_set_format_ustar(w->archive) != ARCHIVE_OK ||
                        archive_write_set_bytes_per_block(w->archive, BLOCK) != ARCHIVE_OK ||
                        archive_write_set_bytes_in_last_block(w->archive, 1) != ARCHIVE_OK ||
                        archive_write_open_fd(w->archive, w->fd) != ARCHIVE_OK))
        result = fail(w->archive, RAUM_EINTERNAL, "cannot begin an archive", error);
    if (result < 0) {
        tarball_writer_free(w);
        return result;
    }
    *out = w;
    return 0;
}

int tarball_put(void *writer, const char *name, const void *data, size_t len,
                struct raum_error *error)
{
    struct tarball_writer *w = writer;
    archive_entry_clear(w->entry);
    archive_entry_set_pathname(w->entry, name);
    archive_entry_set_size(w->entry, (int64_t)len);
    archive_entry_set_filetype(w->entry, AE_IFREG);
    archive_entry_set_perm(w->entry, 0600);
    archive_entry_set_mtime(w->entry, 0, 0);
    if (archive_write_header(w->archive, w->entry) != ARCHIVE_OK)
        return fail(w->archive, RAUM_EIO, "cannot write the archive", error);
    while (len > 0) {
        la_ssize_t put = archive_write_data(w->archive, data, len);
        if (put <= 0)
            return fail(w->archive, RAUM_EIO, "cannot write the archive", error);
        data = (const char *)data + put;
        len -= (size_t)put;
    }
    return 0;
}

static int sync_folder(const char *path, struct raum_error *error)
{
    char *folder = strdup(path);
    if (!folder)
        return err_set(error, RAUM_ENOMEM, NULL);
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder] = '\0';
    int fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result =
        fd >= 0 && (fsync(fd) == 0 || errno == EINVAL) ? 0 : fail_system("write", path, error);
    if (fd >= 0)
        close(fd);
    free(folder);
    return result;
}

int tarball_finish(struct tarball_writer *w, struct raum_error *error)
{
    if (archive_write_close(w->archive) != ARCHIVE_OK)
        return fail(w->archive, RAUM_EIO, "cannot write the archive", error);
    if (!w->path)
        return 0;
    if (fsync(w->fd) != 0)
        return fail_system("write", w->path, error);
    if (rename(w->part, w->path) != 0)
        return fail_system("write", w->path, error);
    free(w->part);
    w->part = NULL;
    return sync_folder(w->path, error);
}

void tarball_writer_free(struct tarball_writer *w)
{
    if (!w)
        return;
    archive_entry_free(w->entry);
    archive_write_free(w->archive);
    if (w->path && w->fd >= 0)
        close(w->fd);
    if (w->part && w->fd >= 0)
        unlink(w->part);
    free(w->part);
    free(w->path);
    free(w);
}

/* ---- reading ---- */

int tarball_rewind(void *reader, struct raum_error *error)
{
    struct tarball_reader *r = reader;
    archive_read_free(r->archive);
    r->archive = archive_read_new();
    if (!r->archive)
        return err_set(error, RAUM_ENOMEM, NULL);
    if (archive_read_support_filter_zstd(r->archive) != ARCHIVE_OK ||
        archive_read_support_format_tar(r->archive) != ARCHIVE_OK)
        return fail(r->archive, RAUM_EINTERNAL, "cannot read archives", error);
    if (archive_read_open_filename(r->archive, r->path, BLOCK) != ARCHIVE_OK)
        return fail(r->archive,
                    archive_errno(r->archive) == ENOENT ? RAUM_ENOT_FOUND : RAUM_ECORRUPT, r->path,
                    error);
    return 0;
}

int tarball_read(struct tarball_reader **out, const char *path, size_t max,
                 struct raum_error *error)
{
    struct tarball_reader *r = calloc(1, sizeof *r);
    if (!r || !(r->path = strdup(path))) {
        free(r);
        return err_set(error, RAUM_ENOMEM, NULL);
    }
    r->max = max;
    int result = tarball_rewind(r, error);
    if (result < 0) {
        tarball_reader_free(r);
        return result;
    }
    *out = r;
    return 0;
}

static bool plain_name(const char *name)
{
    size_t len = name ? strlen(name) : 0;
    return len > 0 && len <= NAME_MAX_BYTES && name[0] != '/' && !strstr(name, "..");
}

/* Grows with what is really there: the size that the header names is only believed up to a limit.
 */
static int read_data(struct tarball_reader *r, size_t *len, struct raum_error *error)
{
    *len = 0;
    for (;;) {
        if (r->cap - *len < BLOCK) {
            size_t cap = r->cap ? r->cap * 2 : 4 * (size_t)BLOCK;
            char *data = realloc(r->data, cap);
            if (!data)
                return err_set(error, RAUM_ENOMEM, NULL);
            r->data = data;
            r->cap = cap;
        }
        la_ssize_t got = archive_read_data(r->archive, r->data + *len, r->cap - *len);
        if (got < 0)
            return fail(r->archive, RAUM_ECORRUPT, "the archive is damaged", error);
        if (got == 0)
            return 0;
        *len += (size_t)got;
        if (*len > r->max)
            return err_at(error, "tarball", RAUM_ETOO_LARGE,
                          "an entry of the archive is too large");
    }
}

int tarball_next(void *reader, const char **name, const void **data, size_t *len,
                 struct raum_error *error)
{
    struct tarball_reader *r = reader;
    struct archive_entry *entry;
    int rc = archive_read_next_header(r->archive, &entry);
    if (rc == ARCHIVE_EOF)
        return RAUM_END;
    if (rc != ARCHIVE_OK)
        return fail(r->archive, RAUM_ECORRUPT, "the archive is damaged", error);
    *name = archive_entry_pathname(entry);
    if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry) ||
        !plain_name(*name))
        return err_at(error, "tarball", RAUM_ECORRUPT, "the archive holds more than plain files");
    if (archive_entry_size(entry) > (int64_t)r->max)
        return err_at(error, "tarball", RAUM_ETOO_LARGE, "an entry of the archive is too large");
    int result = read_data(r, len, error);
    *data = r->data;
    return result;
}

void tarball_reader_free(struct tarball_reader *r)
{
    if (!r)
        return;
    archive_read_free(r->archive);
    free(r->data);
    free(r->path);
    free(r);
}

bool tarball_is(const void *data, size_t len)
{
    static const unsigned char magic[4] = {0x28, 0xb5, 0x2f, 0xfd};
    return len >= sizeof magic && memcmp(data, magic, sizeof magic) == 0;
}
