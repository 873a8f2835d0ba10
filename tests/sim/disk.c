#include "sim/disk.h"

#include "base/plant.h"
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REGIONS 64
#define SLOTS 8

/* A write that is not synced yet: what stood there, and what stands there now. */
struct change {
    int64_t at, old_size;
    size_t old_len, new_len;
    bool truncates;
    unsigned char bytes[]; /* old, then new */
};
struct node {
    char *path;
    unsigned char *data;
    int64_t size, cap, modified;
    int owner, users;
    struct change **changes;
    size_t change_count, change_cap;
    /* locks of connections */
    int shared;
    struct file *reserved, *exclusive;
    /* shared memory of the log */
    void *regions[REGIONS];
    int region_users, slot_shared[SLOTS];
    struct file *slot_owner[SLOTS];
    struct node *next;
};
struct file {
    sqlite3_file base;
    struct node *node;
    int level;
    bool mapped, gone; /* gone: deleted when closed */
    unsigned held;     /* slots shared by this one */
};
struct owner {
    long left; /* writes until it dies; -1: it lives on */
    bool dead;
    uint64_t changes;
};

#define BUCKETS 256
static struct node *buckets[BUCKETS];
static struct owner owners[DISK_OWNERS];
static int64_t ticks;

/* ---- files ---- */

static unsigned hash_of(const char *path)
{
    unsigned h = 2166136261u;
    for (; *path; path++)
        h = (h ^ (unsigned char)*path) * 16777619u;
    return h;
}

static unsigned bucket_of(const char *path)
{
    return hash_of(path) % BUCKETS;
}

static int owner_of(const char *path)
{
    const char *at = strstr(path, "/owner-");
    long n = at ? strtol(at + 7, NULL, 10) : 0;
    return n >= 0 && n < DISK_OWNERS ? (int)n : 0;
}

static struct node *find(const char *path)
{
    struct node *n = buckets[bucket_of(path)];
    while (n && strcmp(n->path, path) != 0)
        n = n->next;
    return n;
}

static void link_node(struct node *n)
{
    struct node **at = &buckets[bucket_of(n->path)];
    n->next = *at;
    *at = n;
}

static void unlink_node(struct node *n)
{
    struct node **at = &buckets[bucket_of(n->path)];
    while (*at && *at != n)
        at = &(*at)->next;
    if (*at)
        *at = n->next;
}

static struct node *make(const char *path)
{
    struct node *n = calloc(1, sizeof *n);
    n->path = strdup(path);
    n->owner = owner_of(path);
    n->modified = ++ticks;
    link_node(n);
    return n;
}

static void forget_changes(struct node *n)
{
    for (size_t i = 0; i < n->change_count; i++)
        free(n->changes[i]);
    n->change_count = 0;
}

static void free_node(struct node *n)
{
    forget_changes(n);
    for (int i = 0; i < REGIONS; i++)
        free(n->regions[i]);
    free(n->changes);
    free(n->data);
    free(n->path);
    free(n);
}

static void erase(struct node *n)
{
    unlink_node(n);
    if (n->users == 0)
        free_node(n);
    else
        n->path[0] = '\0'; /* freed by who closes it last */
}

static void grow(struct node *n, int64_t size)
{
    if (size > n->cap) {
        int64_t cap = n->cap ? n->cap : 4096;
        while (cap < size)
            cap *= 2;
        n->data = realloc(n->data, (size_t)cap);
        memset(n->data + n->cap, 0, (size_t)(cap - n->cap));
        n->cap = cap;
    }
}

static void set_size(struct node *n, int64_t size)
{
    grow(n, size);
    if (size < n->size)
        memset(n->data + size, 0, (size_t)(n->size - size));
    n->size = size;
}

static void set_bytes(struct node *n, const void *data, size_t len, int64_t at)
{
    int64_t end = at + (int64_t)len;
    grow(n, end);
    if (len)
        memcpy(n->data + at, data, len);
    if (end > n->size)
        n->size = end;
}

/* ---- dying ---- */

static void touch(struct node *n)
{
    owners[n->owner].changes++;
    n->modified = ++ticks;
}

/* True: the owner is dead, nothing is done any more. */
static bool strikes(int owner)
{
    struct owner *o = &owners[owner];
    if (o->dead)
        return true;
    if (o->left == 0)
        o->dead = true;
    else if (o->left > 0)
        o->left--;
    return o->dead;
}

static void note(struct node *n, const void *data, size_t len, int64_t at, bool truncates)
{
    int64_t end = truncates ? n->size : at + (int64_t)len;
    int64_t old_end = end < n->size ? end : n->size;
    size_t old_len = at < old_end ? (size_t)(old_end - at) : 0;
    struct change *c = malloc(sizeof *c + old_len + len);
    *c = (struct change){at, n->size, old_len, len, truncates};
    if (old_len)
        memcpy(c->bytes, n->data + at, old_len);
    if (len)
        memcpy(c->bytes + old_len, data, len);
    if (n->change_count == n->change_cap) {
        n->change_cap = n->change_cap ? n->change_cap * 2 : 32;
        n->changes = realloc(n->changes, n->change_cap * sizeof *n->changes);
    }
    n->changes[n->change_count++] = c;
}

static void redo(struct node *n, const struct change *c)
{
    if (c->truncates)
        set_size(n, c->at);
    else
        set_bytes(n, c->bytes + c->old_len, c->new_len, c->at);
}

static uint64_t roll(uint64_t *random)
{
    return *random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
}

/* Of what was not synced: nothing, the first of it, or some. By the file's own name: where the
 * folder lies must not decide. */
static void lose_power(struct node *n, uint64_t seed)
{
    const char *own = strstr(n->path, "/owner-");
    uint64_t state = seed ^ ((uint64_t)hash_of(own ? own : n->path) << 17), *random = &state;
    uint64_t how = roll(random) >> 33, first = how >> 4;
    for (size_t i = n->change_count; i-- > 0;) {
        const struct change *c = n->changes[i];
        if (c->old_len)
            set_bytes(n, c->bytes, c->old_len, c->at);
        set_size(n, c->old_size);
    }
    for (size_t i = 0; i < n->change_count; i++)
        if ((how % 3 == 1 && i < first % (n->change_count + 1)) ||
            (how % 3 == 2 && roll(random) >> 63))
            redo(n, n->changes[i]);
    forget_changes(n);
}

void disk_kill_after(int owner, long writes)
{
    owners[owner].left = writes;
}

bool disk_is_dead(int owner)
{
    return owners[owner].dead;
}

void disk_revive(int owner, bool power, uint64_t *random)
{
    uint64_t seed = roll(random);
    for (int b = 0; b < BUCKETS; b++)
        for (struct node *n = buckets[b]; n; n = n->next) {
            if (n->owner != owner)
                continue;
            if (power)
                lose_power(n, seed);
            else
                forget_changes(n);
        }
    owners[owner] = (struct owner){.left = -1, .changes = owners[owner].changes + 1};
}

uint64_t disk_changes(int owner)
{
    return owners[owner].changes;
}

/* ---- SQLite: one file ---- */

static int io_close(sqlite3_file *file)
{
    struct file *f = (struct file *)file;
    struct node *n = f->node;
    if (f->gone && n->path[0])
        erase(n);
    if (--n->users == 0 && !n->path[0])
        free_node(n);
    return SQLITE_OK;
}

static int io_read(sqlite3_file *file, void *out, int len, sqlite3_int64 at)
{
    const struct node *n = ((struct file *)file)->node;
    int64_t there = n->size - at;
    if (there >= len) {
        memcpy(out, n->data + at, (size_t)len);
        return SQLITE_OK;
    }
    memset(out, 0, (size_t)len);
    if (there > 0)
        memcpy(out, n->data + at, (size_t)there);
    return SQLITE_IOERR_SHORT_READ;
}

static int io_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 at)
{
    struct node *n = ((struct file *)file)->node;
    if (strikes(n->owner))
        return SQLITE_IOERR_WRITE;
    note(n, data, (size_t)len, at, false);
    set_bytes(n, data, (size_t)len, at);
    touch(n);
    return SQLITE_OK;
}

static int io_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct node *n = ((struct file *)file)->node;
    if (strikes(n->owner))
        return SQLITE_IOERR_TRUNCATE;
    note(n, NULL, 0, size, true);
    set_size(n, size);
    touch(n);
    return SQLITE_OK;
}

static int io_sync(sqlite3_file *file, int flags)
{
    struct node *n = ((struct file *)file)->node;
    (void)flags;
    if (strikes(n->owner))
        return SQLITE_IOERR_FSYNC;
    if (!PLANT(DISK))
        forget_changes(n);
    return SQLITE_OK;
}

static int io_size(sqlite3_file *file, sqlite3_int64 *out)
{
    *out = ((struct file *)file)->node->size;
    return SQLITE_OK;
}

static int io_lock(sqlite3_file *file, int level)
{
    struct file *f = (struct file *)file;
    struct node *n = f->node;
    if (f->level >= level)
        return SQLITE_OK;
    if (n->exclusive && n->exclusive != f)
        return SQLITE_BUSY;
    if (level == SQLITE_LOCK_SHARED) {
        n->shared++;
    } else {
        if (n->reserved && n->reserved != f)
            return SQLITE_BUSY;
        n->reserved = f;
        if (level == SQLITE_LOCK_EXCLUSIVE && n->shared > 1)
            return SQLITE_BUSY;
        if (level == SQLITE_LOCK_EXCLUSIVE)
            n->exclusive = f;
    }
    f->level = level;
    return SQLITE_OK;
}

static int io_unlock(sqlite3_file *file, int level)
{
    struct file *f = (struct file *)file;
    struct node *n = f->node;
    if (n->exclusive == f)
        n->exclusive = NULL;
    if (n->reserved == f)
        n->reserved = NULL;
    if (level == SQLITE_LOCK_NONE && f->level > SQLITE_LOCK_NONE)
        n->shared--;
    f->level = level;
    return SQLITE_OK;
}

static int io_reserved(sqlite3_file *file, int *out)
{
    *out = ((struct file *)file)->node->reserved != NULL;
    return SQLITE_OK;
}

static int io_control(sqlite3_file *file, int op, void *arg)
{
    (void)file, (void)op, (void)arg;
    return SQLITE_NOTFOUND;
}

static int io_sector(sqlite3_file *file)
{
    (void)file;
    return 4096;
}

static int io_traits(sqlite3_file *file)
{
    (void)file;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static int io_shm_map(sqlite3_file *file, int at, int size, int extend, void volatile **out)
{
    struct file *f = (struct file *)file;
    struct node *n = f->node;
    if (!f->mapped)
        n->region_users++;
    f->mapped = true;
    if (at >= REGIONS)
        return SQLITE_IOERR_SHMMAP;
    if (!n->regions[at] && extend)
        n->regions[at] = calloc(1, (size_t)size);
    *out = n->regions[at];
    return SQLITE_OK;
}

static int io_shm_lock(sqlite3_file *file, int at, int count, int flags)
{
    struct file *f = (struct file *)file;
    struct node *n = f->node;
    bool shared = (flags & SQLITE_SHM_SHARED) != 0;
    for (int i = at; i < at + count && (flags & SQLITE_SHM_LOCK); i++) {
        bool mine = (f->held >> i & 1) != 0;
        if ((n->slot_owner[i] && n->slot_owner[i] != f) ||
            (!shared && n->slot_shared[i] > (mine ? 1 : 0)))
            return SQLITE_BUSY;
    }
    for (int i = at; i < at + count; i++) {
        bool lock = (flags & SQLITE_SHM_LOCK) != 0, held = (f->held >> i & 1) != 0;
        if (!shared) {
            n->slot_owner[i] = lock ? f : n->slot_owner[i] == f ? NULL : n->slot_owner[i];
        } else if (lock != held) {
            n->slot_shared[i] += lock ? 1 : -1;
            f->held ^= 1u << i;
        }
    }
    return SQLITE_OK;
}

static void io_shm_barrier(sqlite3_file *file)
{
    (void)file;
}

static int io_shm_unmap(sqlite3_file *file, int gone)
{
    struct file *f = (struct file *)file;
    struct node *n = f->node;
    (void)gone;
    if (!f->mapped)
        return SQLITE_OK;
    f->mapped = false;
    for (int i = 0; i < SLOTS; i++) {
        if (n->slot_owner[i] == f)
            n->slot_owner[i] = NULL;
        n->slot_shared[i] -= (int)(f->held >> i & 1);
    }
    f->held = 0;
    if (--n->region_users == 0)
        for (int i = 0; i < REGIONS; i++) {
            free(n->regions[i]);
            n->regions[i] = NULL;
        }
    return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = io_close,
    .xRead = io_read,
    .xWrite = io_write,
    .xTruncate = io_truncate,
    .xSync = io_sync,
    .xFileSize = io_size,
    .xLock = io_lock,
    .xUnlock = io_unlock,
    .xCheckReservedLock = io_reserved,
    .xFileControl = io_control,
    .xSectorSize = io_sector,
    .xDeviceCharacteristics = io_traits,
    .xShmMap = io_shm_map,
    .xShmLock = io_shm_lock,
    .xShmBarrier = io_shm_barrier,
    .xShmUnmap = io_shm_unmap,
};

/* ---- SQLite: the disk ---- */

static int vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *out)
{
    struct file *f = (struct file *)file;
    char name[40];
    (void)vfs;
    *f = (struct file){0};
    if (!path)
        snprintf(name, sizeof name, "/temp-%lld", (long long)++ticks);
    struct node *n = find(path ? path : name);
    if (!n && !(flags & SQLITE_OPEN_CREATE))
        return SQLITE_CANTOPEN;
    if (!n && strikes(owner_of(path ? path : name)))
        return SQLITE_IOERR;
    if (!n)
        n = make(path ? path : name);
    n->users++;
    f->node = n;
    f->gone = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
    f->base.pMethods = &methods;
    if (out)
        *out = flags;
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int sync)
{
    struct node *n = find(path);
    (void)vfs, (void)sync;
    if (!n)
        return SQLITE_IOERR_DELETE_NOENT;
    if (strikes(n->owner))
        return SQLITE_IOERR_DELETE;
    touch(n);
    erase(n);
    return SQLITE_OK;
}

static int vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *out)
{
    (void)vfs, (void)flags;
    *out = find(path) != NULL;
    return SQLITE_OK;
}

static int vfs_full(sqlite3_vfs *vfs, const char *path, int len, char *out)
{
    (void)vfs;
    snprintf(out, (size_t)len, "%s", path);
    return SQLITE_OK;
}

/* SQLite asks once a process: salts of logs and the like, nothing that decides. */
static int vfs_random(sqlite3_vfs *vfs, int len, char *out)
{
    (void)vfs;
    memset(out, 7, (size_t)len);
    return len;
}

static int vfs_sleep(sqlite3_vfs *vfs, int us)
{
    (void)vfs;
    return us; /* nobody works meanwhile: there is one thread */
}

static int vfs_time(sqlite3_vfs *vfs, sqlite3_int64 *out)
{
    (void)vfs;
    *out = INT64_C(212500000000000);
    return SQLITE_OK;
}

static int vfs_error(sqlite3_vfs *vfs, int len, char *out)
{
    (void)vfs, (void)len, (void)out;
    return ENOENT;
}

static sqlite3_vfs vfs = {
    .iVersion = 2,
    .szOsFile = sizeof(struct file),
    .mxPathname = 1024,
    .zName = "sim",
    .xOpen = vfs_open,
    .xDelete = vfs_delete,
    .xAccess = vfs_access,
    .xFullPathname = vfs_full,
    .xRandomness = vfs_random,
    .xSleep = vfs_sleep,
    .xCurrentTimeInt64 = vfs_time,
    .xGetLastError = vfs_error,
};

void disk_init(void)
{
    sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    sqlite3_vfs_register(&vfs, 1);
    for (int i = 0; i < DISK_OWNERS; i++)
        owners[i].left = -1;
}

/* ---- the env ---- */

static int env_read(void *ctx, const char *path, size_t max, void **data, size_t *len)
{
    const struct node *n = find(path);
    (void)ctx;
    if (!n)
        return RAUM_ENOT_FOUND;
    if ((size_t)n->size > max)
        return RAUM_ETOO_LARGE;
    *len = (size_t)n->size;
    *data = malloc(*len + 1);
    if (*len)
        memcpy(*data, n->data, *len);
    ((char *)*data)[*len] = '\0';
    return 0;
}

static int env_write(void *ctx, const char *path, const void *data, size_t len, int mode)
{
    (void)ctx, (void)mode;
    if (strikes(owner_of(path)))
        return RAUM_EIO;
    disk_put(path, data, len);
    return 0;
}

static int env_remove(void *ctx, const char *path)
{
    struct node *n = find(path);
    (void)ctx;
    if (!n)
        return 0;
    if (strikes(n->owner))
        return RAUM_EIO;
    touch(n);
    erase(n);
    return 0;
}

static void rename_node(struct node *n, const char *path)
{
    struct node *there = find(path);
    if (there && there != n)
        erase(there);
    unlink_node(n);
    free(n->path);
    n->path = strdup(path);
    link_node(n);
    touch(n);
}

/* A file, or a folder: everything below it. */
static int env_rename(void *ctx, const char *from, const char *to)
{
    size_t len = strlen(from);
    struct node *n = find(from), *list[256];
    int count = 0;
    (void)ctx;
    if (strikes(owner_of(from)))
        return RAUM_EIO;
    if (n) {
        rename_node(n, to);
        return 0;
    }
    for (int b = 0; b < BUCKETS; b++)
        for (n = buckets[b]; n; n = n->next)
            if (strncmp(n->path, from, len) == 0 && n->path[len] == '/' && count < 256)
                list[count++] = n;
    for (int i = 0; i < count; i++) {
        char path[1200];
        snprintf(path, sizeof path, "%s%s", to, list[i]->path + len);
        rename_node(list[i], path);
    }
    return count ? 0 : RAUM_ENOT_FOUND;
}

static int env_size(void *ctx, const char *path, int64_t *size, int64_t *modified)
{
    const struct node *n = find(path);
    (void)ctx;
    if (!n)
        return RAUM_ENOT_FOUND;
    *size = n->size;
    if (modified)
        *modified = n->modified;
    return 0;
}

static int env_folder(void *ctx, const char *path, int mode)
{
    (void)ctx, (void)path, (void)mode;
    return 0; /* folders are where files are */
}

/* Names are collected first: the callee may remove what it is told. */
static int env_list(void *ctx, const char *path, raum_env_each *each, void *arg)
{
    size_t len = strlen(path), count = 0;
    char *names[256];
    bool folder[256];
    int result = 0;
    (void)ctx;
    for (int b = 0; b < BUCKETS; b++)
        for (struct node *n = buckets[b]; n && count < 256; n = n->next) {
            if (strncmp(n->path, path, len) != 0 || n->path[len] != '/')
                continue;
            const char *rest = n->path + len + 1, *slash = strchr(rest, '/');
            size_t own = slash ? (size_t)(slash - rest) : strlen(rest), i = 0;
            while (i < count && (strlen(names[i]) != own || strncmp(names[i], rest, own) != 0))
                i++;
            if (i < count)
                continue;
            folder[count] = slash != NULL;
            names[count++] = strndup(rest, own);
        }
    for (size_t i = 0; i < count; i++) {
        if (result == 0)
            result = each(arg, names[i], folder[i]);
        free(names[i]);
    }
    return count ? result : RAUM_ENOT_FOUND;
}

static int env_folder_remove(void *ctx, const char *path)
{
    (void)ctx, (void)path;
    return 0;
}

void disk_env(struct raum_env *env)
{
    env->file_read = env_read;
    env->file_write = env_write;
    env->file_remove = env_remove;
    env->file_rename = env_rename;
    env->file_size = env_size;
    env->folder_make = env_folder;
    env->folder_list = env_list;
    env->folder_remove = env_folder_remove;
}

/* ---- by hand ---- */

void disk_put(const char *path, const void *data, size_t len)
{
    struct node *n = find(path);
    if (!n)
        n = make(path);
    set_size(n, 0);
    set_bytes(n, data, len, 0);
    forget_changes(n);
    touch(n);
}

const void *disk_get(const char *path, size_t *len)
{
    const struct node *n = find(path);
    *len = n ? (size_t)n->size : 0;
    return n ? n->data : NULL;
}

void disk_remove(const char *prefix)
{
    size_t len = strlen(prefix);
    for (int b = 0; b < BUCKETS; b++)
        for (struct node *n = buckets[b], *next; n; n = next) {
            next = n->next;
            if (strncmp(n->path, prefix, len) == 0) {
                touch(n);
                erase(n);
            }
        }
}

bool disk_holds(const char *prefix, const void *bytes, size_t len)
{
    size_t prefix_len = strlen(prefix);
    for (int b = 0; b < BUCKETS; b++)
        for (const struct node *n = buckets[b]; n; n = n->next)
            if (strncmp(n->path, prefix, prefix_len) == 0 && n->size > 0 &&
                memmem(n->data, (size_t)n->size, bytes, len))
                return true;
    return false;
}

void disk_clear(void)
{
    disk_remove("");
    ticks = 0;
    for (int i = 0; i < DISK_OWNERS; i++)
        owners[i] = (struct owner){.left = -1};
}
