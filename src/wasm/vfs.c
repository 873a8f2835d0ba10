/* SQLite's files over the host's. Files stay plain SQLite. Locks are real, but only between the
 * connections of this module: nobody else has these files. No shared memory, so WAL needs exclusive
 * locking, which the build sets as the default (SQLITE_DEFAULT_LOCKING_MODE). */
#include "wasm/host.h"
#include <raum/error.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PATH_MAX_BYTES 1024
#define NO_SUCH_FILE 2 /* what sqlite3_system_errno says of an absent file */

struct vfs_file {
    sqlite3_file base;
    int number; /* of the host */
    int lock;   /* SQLITE_LOCK_… */
    bool persist_wal, remove;
    char *path;
    struct vfs_file *next; /* of all that are open */
};

static struct vfs_file *open_files;
static int last_error;

static int code_of(int rc, int otherwise)
{
    switch (rc) {
    case RAUM_EFULL:
        return SQLITE_FULL;
    case RAUM_ENOMEM:
        return SQLITE_NOMEM;
    case RAUM_EREAD_ONLY:
        return SQLITE_READONLY;
    case RAUM_EBUSY:
        return SQLITE_BUSY;
    default:
        return otherwise;
    }
}

static struct vfs_file *file_of(sqlite3_file *file)
{
    return (struct vfs_file *)(void *)file;
}

/* ---- one file ---- */

static int close_file(sqlite3_file *file)
{
    struct vfs_file *f = file_of(file), **at = &open_files;
    while (*at && *at != f)
        at = &(*at)->next;
    if (*at)
        *at = f->next;
    host_file_close(f->number);
    if (f->remove)
        host_path_remove(f->path, strlen(f->path));
    free(f->path);
    return SQLITE_OK;
}

static int read_file(sqlite3_file *file, void *out, int len, sqlite3_int64 at)
{
    int got = host_file_read(file_of(file)->number, out, (size_t)len, (double)at);
    if (got == len)
        return SQLITE_OK;
    if (got < 0)
        return code_of(got, SQLITE_IOERR_READ);
    memset((char *)out + got, 0, (size_t)(len - got));
    return SQLITE_IOERR_SHORT_READ;
}

static int write_file(sqlite3_file *file, const void *data, int len, sqlite3_int64 at)
{
    int rc = host_file_write(file_of(file)->number, data, (size_t)len, (double)at);
    return rc < 0 ? code_of(rc, SQLITE_IOERR_WRITE) : SQLITE_OK;
}

static int truncate_file(sqlite3_file *file, sqlite3_int64 size)
{
    int rc = host_file_truncate(file_of(file)->number, (double)size);
    return rc < 0 ? code_of(rc, SQLITE_IOERR_TRUNCATE) : SQLITE_OK;
}

static int sync_file(sqlite3_file *file, int flags)
{
    (void)flags;
    int rc = host_file_flush(file_of(file)->number);
    return rc < 0 ? code_of(rc, SQLITE_IOERR_FSYNC) : SQLITE_OK;
}

static int size_file(sqlite3_file *file, sqlite3_int64 *size)
{
    double bytes = host_file_size(file_of(file)->number);
    *size = bytes < 0 ? 0 : (sqlite3_int64)bytes;
    return bytes < 0 ? SQLITE_IOERR_FSTAT : SQLITE_OK;
}

/* The strongest lock that another connection has on the same file. */
static int others(const struct vfs_file *f)
{
    int most = SQLITE_LOCK_NONE;
    for (const struct vfs_file *o = open_files; o; o = o->next)
        if (o != f && o->lock > most && strcmp(o->path, f->path) == 0)
            most = o->lock;
    return most;
}

static int lock_file(sqlite3_file *file, int level)
{
    struct vfs_file *f = file_of(file);
    int most = others(f);
    bool free_now = most < SQLITE_LOCK_PENDING;
    if (f->lock >= level)
        return SQLITE_OK;
    if (level == SQLITE_LOCK_RESERVED)
        free_now = most < SQLITE_LOCK_RESERVED;
    else if (level == SQLITE_LOCK_EXCLUSIVE)
        free_now = most == SQLITE_LOCK_NONE;
    if (!free_now)
        return SQLITE_BUSY;
    f->lock = level;
    return SQLITE_OK;
}

static int unlock_file(sqlite3_file *file, int level)
{
    struct vfs_file *f = file_of(file);
    if (f->lock > level)
        f->lock = level;
    return SQLITE_OK;
}

static int reserved_file(sqlite3_file *file, int *out)
{
    struct vfs_file *f = file_of(file);
    *out = f->lock >= SQLITE_LOCK_RESERVED || others(f) >= SQLITE_LOCK_RESERVED;
    return SQLITE_OK;
}

static int control_file(sqlite3_file *file, int op, void *arg)
{
    struct vfs_file *f = file_of(file);
    int *value = arg;
    if (op != SQLITE_FCNTL_PERSIST_WAL)
        return SQLITE_NOTFOUND;
    if (*value < 0)
        *value = f->persist_wal;
    else
        f->persist_wal = *value > 0;
    return SQLITE_OK;
}

static int sector_size(sqlite3_file *file)
{
    (void)file;
    return 4096;
}

static int traits(sqlite3_file *file)
{
    (void)file;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = close_file,
    .xRead = read_file,
    .xWrite = write_file,
    .xTruncate = truncate_file,
    .xSync = sync_file,
    .xFileSize = size_file,
    .xLock = lock_file,
    .xUnlock = unlock_file,
    .xCheckReservedLock = reserved_file,
    .xFileControl = control_file,
    .xSectorSize = sector_size,
    .xDeviceCharacteristics = traits,
};

/* ---- names ---- */

static int open_path(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *got)
{
    (void)vfs;
    struct vfs_file *f = file_of(file);
    memset(f, 0, sizeof *f);
    if (!path) /* a temporary file: they are in memory (SQLITE_TEMP_STORE) */
        return SQLITE_CANTOPEN;
    int mode = flags & SQLITE_OPEN_READWRITE ? HOST_WRITE : HOST_READ;
    if (flags & SQLITE_OPEN_CREATE)
        mode |= HOST_CREATE;
    f->path = strdup(path);
    if (!f->path)
        return SQLITE_NOMEM;
    f->number = host_file_open(path, strlen(path), mode);
    if (f->number < 0) {
        last_error = f->number == RAUM_ENOT_FOUND ? NO_SUCH_FILE : 0;
        free(f->path);
        return code_of(f->number, SQLITE_CANTOPEN);
    }
    f->base.pMethods = &methods;
    f->remove = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
    f->next = open_files;
    open_files = f;
    if (got)
        *got = flags;
    return SQLITE_OK;
}

static int remove_path(sqlite3_vfs *vfs, const char *path, int sync_folder)
{
    (void)vfs, (void)sync_folder;
    int rc = host_path_remove(path, strlen(path));
    if (rc == RAUM_ENOT_FOUND)
        return SQLITE_IOERR_DELETE_NOENT;
    return rc < 0 ? code_of(rc, SQLITE_IOERR_DELETE) : SQLITE_OK;
}

static int look_path(sqlite3_vfs *vfs, const char *path, int flags, int *out)
{
    (void)vfs, (void)flags;
    double look[2];
    *out = host_path_look(path, strlen(path), look) == 0 &&
           (flags != SQLITE_ACCESS_EXISTS || look[0] > 0);
    return SQLITE_OK;
}

static int full_path(sqlite3_vfs *vfs, const char *path, int max, char *out)
{
    (void)vfs;
    sqlite3_snprintf(max, out, "%s", path);
    return strlen(path) < (size_t)max ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int random_bytes(sqlite3_vfs *vfs, int len, char *out)
{
    (void)vfs;
    host_random(out, (size_t)len);
    return len;
}

/* Whoever holds a lock here cannot let go of it while we wait. */
static int no_sleep(sqlite3_vfs *vfs, int us)
{
    (void)vfs;
    return us;
}

static int now64(sqlite3_vfs *vfs, sqlite3_int64 *out)
{
    (void)vfs;
    *out = (sqlite3_int64)host_now() + INT64_C(210866760000000); /* since the Julian epoch */
    return SQLITE_OK;
}

static int now(sqlite3_vfs *vfs, double *out)
{
    sqlite3_int64 ms;
    now64(vfs, &ms);
    *out = (double)ms / 86400000.0;
    return SQLITE_OK;
}

static int system_error(sqlite3_vfs *vfs, int len, char *out)
{
    (void)vfs, (void)len, (void)out;
    return last_error;
}

static sqlite3_vfs host_vfs = {
    .iVersion = 2,
    .szOsFile = sizeof(struct vfs_file),
    .mxPathname = PATH_MAX_BYTES,
    .zName = "host",
    .xOpen = open_path,
    .xDelete = remove_path,
    .xAccess = look_path,
    .xFullPathname = full_path,
    .xRandomness = random_bytes,
    .xSleep = no_sleep,
    .xCurrentTime = now,
    .xCurrentTimeInt64 = now64,
    .xGetLastError = system_error,
};

int sqlite3_os_init(void);
int sqlite3_os_end(void);

int sqlite3_os_init(void)
{
    return sqlite3_vfs_register(&host_vfs, 1);
}

int sqlite3_os_end(void)
{
    return SQLITE_OK;
}

/* ---- mutexes: there is one thread ---- */

sqlite3_mutex *sqlite3_mutex_alloc(int kind)
{
    (void)kind;
    return NULL;
}

void sqlite3_mutex_enter(sqlite3_mutex *mutex)
{
    (void)mutex;
}

void sqlite3_mutex_leave(sqlite3_mutex *mutex)
{
    (void)mutex;
}
