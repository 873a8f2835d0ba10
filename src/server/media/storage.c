#define _GNU_SOURCE
#include "server/media/storage.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int put(void *ctx, const struct media_resizer *resizer, const void *data, size_t len,
               struct media_item *item, struct raum_error *error)
{
    return media_store_put(ctx, resizer, data, len, item, error);
}

static int open_part(void *ctx, const char *hash, enum media_type type, enum media_variant variant,
                     int *fd, int64_t *size, struct raum_error *error)
{
    char path[MEDIA_PATH_MAX];
    struct stat info;
    int rc = media_store_name(ctx, hash, type, variant, path, error);
    if (rc)
        return rc;
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (*fd < 0)
        return err_at(error, "media", errno == ENOENT ? RAUM_ENOT_FOUND : RAUM_EIO,
                      "a picture cannot be opened: %s", strerror(errno));
    if (fstat(*fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        close(*fd);
        return err_at(error, "media", RAUM_EIO, "a picture is no file");
    }
    *size = info.st_size;
    return 0;
}

static int has(void *ctx, const char *hash, enum media_type type, bool *out,
               struct raum_error *error)
{
    int fd, rc = 0;
    int64_t size;
    for (int v = MEDIA_ORIGINAL; rc == 0 && v < MEDIA_VARIANTS; v++) {
        rc = open_part(ctx, hash, type, v, &fd, &size, error);
        if (rc == 0)
            close(fd);
    }
    *out = rc == 0;
    return rc == RAUM_ENOT_FOUND ? 0 : rc;
}

static int erase(void *ctx, const char *hash, struct raum_error *error)
{
    return media_store_erase(ctx, hash, error);
}

static void release(void *ctx)
{
    media_store_free(ctx);
}

int storage_directory(struct storage *out, const struct raum_env *env, const char *folder,
                      struct raum_error *error)
{
    struct media_store *store;
    int rc = media_store_new(&store, env, folder, error);
    *out = (struct storage){store, put, has, open_part, erase, release};
    return rc;
}
