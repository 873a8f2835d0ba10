#include "net/static.h"

#include "base/base64.h"
#include "net/head.h"
#include <brotli/decode.h>
#include <brotli/encode.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MEMORY_MAX ((size_t)64 << 20)
#define PATH_LEN_MAX 1024
#define BUCKETS 256
#define COMPRESS_MIN 256
#define COMPRESS_MAX ((size_t)16 << 20)
#define TAG_BYTES 16

struct static_item {
    atomic_int refs;
    const char *type;
    const void *data; /* packed: NULL until somebody wants it whole */
    size_t len;
    void *owned; /* data, when it is ours */
    bool hashed, compressible, packed;
    char tag[TAG_BYTES * 2 + 1];
    pthread_mutex_t lock; /* of the following */
    bool tried;
    uint8_t *brotli; /* packed: lent */
    size_t brotli_len;
};

struct entry {
    struct entry *next;
    struct static_item *item;
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified;
    uint64_t used;
    char path[];
};

struct static_files {
    int folder;
    size_t max;
    pthread_mutex_t lock;
    size_t held;
    uint64_t clock;
    struct entry *buckets[BUCKETS];
};

/* ---- types and names */

static const struct {
    const char *ending, *type;
    bool compressible;
} types[] = {
    {"html", "text/html; charset=utf-8", true},
    {"js", "text/javascript; charset=utf-8", true},
    {"mjs", "text/javascript; charset=utf-8", true},
    {"css", "text/css; charset=utf-8", true},
    {"json", "application/json", true},
    {"map", "application/json", true},
    {"webmanifest", "application/manifest+json", true},
    {"svg", "image/svg+xml", true},
    {"txt", "text/plain; charset=utf-8", true},
    {"xml", "application/xml", true},
    {"wasm", "application/wasm", true},
    {"ico", "image/x-icon", true},
    {"png", "image/png", false},
    {"jpg", "image/jpeg", false},
    {"jpeg", "image/jpeg", false},
    {"webp", "image/webp", false},
    {"avif", "image/avif", false},
    {"gif", "image/gif", false},
    {"woff2", "font/woff2", false},
    {"woff", "font/woff", false},
    {"pdf", "application/pdf", false},
};

static int find_type(const char *name)
{
    const char *slash = strrchr(name, '/'), *dot = strrchr(slash ? slash : name, '.');
    for (size_t i = 0; dot && i < sizeof types / sizeof *types; i++)
        if (strcasecmp(dot + 1, types[i].ending) == 0)
            return (int)i;
    return -1;
}

const char *static_type(const char *name)
{
    int i = find_type(name);
    return i < 0 ? "application/octet-stream" : types[i].type;
}

/* "app-BfX2a9Qk.js", "app.3f2a1b4c.css": the last part before the ending has eight letters and
 * digits or more, and looks like no word. */
bool static_is_hashed(const char *name)
{
    const char *slash = strrchr(name, '/');
    const char *base = slash ? slash + 1 : name, *dot = strrchr(base, '.'), *at;
    bool letter = false, odd = false;
    if (!dot || dot == base)
        return false;
    for (at = dot; at > base && at[-1] != '-' && at[-1] != '.'; at--) {
        char c = at[-1];
        bool lower = c >= 'a' && c <= 'z', upper = c >= 'A' && c <= 'Z';
        bool digit = c >= '0' && c <= '9';
        if (!lower && !upper && !digit && c != '_')
            return false;
        letter = letter || lower || upper;
        odd = odd || upper || digit;
    }
    return at > base && dot - at >= 8 && letter && odd;
}

/* ---- an item */

static int item_new(struct static_item **out, const char *name, const void *data, size_t len,
                    void *owned)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    int type = find_type(name);
    struct static_item *item = calloc(1, sizeof *item);
    *out = item;
    if (!item)
        return RAUM_ENOMEM;
    SHA256(data, len, digest);
    hex_put(item->tag, digest, TAG_BYTES);
    item->refs = 1;
    item->type = static_type(name);
    item->data = data;
    item->len = len;
    item->owned = owned;
    item->hashed = static_is_hashed(name);
    item->compressible =
        type >= 0 && types[type].compressible && len >= COMPRESS_MIN && len <= COMPRESS_MAX;
    pthread_mutex_init(&item->lock, NULL);
    return 0;
}

int static_item_new(struct static_item **out, const char *name, const void *data, size_t len,
                    struct raum_error *error)
{
    int result = item_new(out, name, data, len, NULL);
    return result < 0 ? err_set(error, result, NULL) : 0;
}

int static_item_new_packed(struct static_item **out, const char *name, const void *data, size_t len,
                           size_t whole_len, struct raum_error *error)
{
    int result = item_new(out, name, data, len, NULL);
    if (result < 0)
        return err_set(error, result, NULL);
    struct static_item *item = *out;
    item->data = NULL;
    item->len = whole_len;
    item->brotli = (uint8_t *)data;
    item->brotli_len = len;
    item->packed = item->tried = item->compressible = true;
    return 0;
}

void static_item_free(struct static_item *item)
{
    if (!item || atomic_fetch_sub(&item->refs, 1) > 1)
        return;
    pthread_mutex_destroy(&item->lock);
    if (!item->packed)
        free(item->brotli);
    free(item->owned);
    free(item);
}

/* Makes the compressed form, once. Whoever needs it meanwhile waits for it. */
static bool compress(struct static_item *item)
{
    pthread_mutex_lock(&item->lock);
    if (!item->tried) {
        size_t len = BrotliEncoderMaxCompressedSize(item->len);
        uint8_t *out = len ? malloc(len) : NULL;
        item->tried = true;
        if (out &&
            BrotliEncoderCompress(9, BROTLI_DEFAULT_WINDOW, BROTLI_MODE_GENERIC, item->len,
                                  item->data, &len, out) &&
            len < item->len) {
            uint8_t *fit = realloc(out, len);
            item->brotli = fit ? fit : out;
            item->brotli_len = len;
        } else
            free(out);
    }
    pthread_mutex_unlock(&item->lock);
    return item->brotli != NULL;
}

/* What a packed item was, made once. */
static int unpack(struct static_item *item)
{
    int result = 0;
    pthread_mutex_lock(&item->lock);
    if (!item->data) {
        size_t len = item->len;
        uint8_t *whole = len <= STATIC_ITEM_MAX ? malloc(len ? len : 1) : NULL;
        if (!whole)
            result = RAUM_ENOMEM;
        else if (BrotliDecoderDecompress(item->brotli_len, item->brotli, &len, whole) !=
                     BROTLI_DECODER_RESULT_SUCCESS ||
                 len != item->len) {
            free(whole);
            result = RAUM_ECORRUPT;
        } else
            item->data = item->owned = whole;
    }
    pthread_mutex_unlock(&item->lock);
    return result;
}

/* If-None-Match: a list of tags or "*"; compared weakly (RFC 9110 §13.1.2). Either form's tag
 * counts, since both are the same content. */
static bool matches(const char *list, const struct static_item *item)
{
    size_t len = strlen(item->tag);
    while (list && *list) {
        list += strspn(list, " \t,");
        if (*list == '*')
            return true;
        if (strncmp(list, "W/", 2) == 0)
            list += 2;
        if (*list == '"') {
            const char *tag = ++list;
            list += strcspn(list, "\"");
            size_t n = (size_t)(list - tag);
            if (n >= 3 && memcmp(tag + n - 3, "-br", 3) == 0)
                n -= 3;
            if (n == len && memcmp(tag, item->tag, len) == 0)
                return true;
            list += *list == '"';
        } else
            list += strcspn(list, ",");
    }
    return false;
}

static bool has_out(const struct http_request *q, const char *name)
{
    for (int i = 0; i < q->out_count; i++)
        if (strcasecmp(q->out[i].name, name) == 0)
            return true;
    return false;
}

static int add_headers(struct static_item *item, struct http_request *q, bool brotli)
{
    int result = http_addf(q, "ETag", "\"%s%s\"", item->tag, brotli ? "-br" : "");
    if (result == 0 && !has_out(q, "Cache-Control"))
        result = http_add(q, "Cache-Control",
                          item->hashed ? "public, max-age=31536000, immutable" : "no-cache");
    if (result == 0 && item->compressible)
        result = http_add(q, "Vary", "Accept-Encoding");
    if (result == 0 && !has_out(q, "X-Content-Type-Options"))
        result = http_add(q, "X-Content-Type-Options", "nosniff");
    if (result == 0 && brotli)
        result = http_add(q, "Content-Encoding", "br");
    return result;
}

int static_item_reply(struct static_item *item, struct http_request *q)
{
    return static_item_send(item, q, 200);
}

int static_item_send(struct static_item *item, struct http_request *q, int status)
{
    if (strcmp(q->method, "GET") != 0 && strcmp(q->method, "HEAD") != 0) {
        int result = http_add(q, "Allow", "GET, HEAD");
        return result < 0 ? result : http_reply(q, 405, NULL, NULL, 0);
    }
    const char *accepted = http_header(q, "Accept-Encoding");
    bool brotli = item->compressible && accepted && head_lists(accepted, "br") && compress(item);
    int result = brotli || !item->packed ? 0 : unpack(item);
    if (result == 0)
        result = add_headers(item, q, brotli);
    if (result < 0)
        return result;
    if (status == 200 && matches(http_header(q, "If-None-Match"), item)) {
        http_drop(q, "Content-Encoding");
        return http_reply(q, 304, NULL, NULL, 0);
    }
    return brotli ? http_reply(q, status, item->type, item->brotli, item->brotli_len)
                  : http_reply(q, status, item->type, item->data, item->len);
}

/* ---- a folder */

int static_open(struct static_files **out, const char *folder, size_t memory_max,
                struct raum_error *error)
{
    struct static_files *files = calloc(1, sizeof *files);
    *out = NULL;
    if (!files)
        return err_set(error, RAUM_ENOMEM, NULL);
    files->max = memory_max ? memory_max : MEMORY_MAX;
    files->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (files->folder < 0) {
        free(files);
        return err_set(error, RAUM_ENOT_FOUND, "the folder %s cannot be read: %s", folder,
                       strerror(errno));
    }
    pthread_mutex_init(&files->lock, NULL);
    *out = files;
    return 0;
}

/* An item and what it may come to hold. */
static size_t weight(const struct static_item *item)
{
    return item->len + (item->compressible ? item->len / 2 : 0) + sizeof *item;
}

static void entry_free(struct static_files *files, struct entry *e)
{
    files->held -= weight(e->item);
    static_item_free(e->item);
    free(e);
}

void static_close(struct static_files *files)
{
    if (!files)
        return;
    for (int i = 0; i < BUCKETS; i++)
        while (files->buckets[i]) {
            struct entry *next = files->buckets[i]->next;
            entry_free(files, files->buckets[i]);
            files->buckets[i] = next;
        }
    close(files->folder);
    pthread_mutex_destroy(&files->lock);
    free(files);
}

/* The path below the folder, or false: empty, dot names, too long. */
static bool clean_path(const char *path, char out[PATH_LEN_MAX])
{
    size_t len;
    if (*path != '/' || strchr(path, '\\') || strstr(path, "//"))
        return false;
    for (const char *part = path; part; part = strchr(part + 1, '/'))
        if (part[1] == '.' && strncmp(part, "/.well-known/", 13) != 0)
            return false;
    len = strlen(++path);
    bool folder = len == 0 || path[len - 1] == '/';
    if (len + sizeof "index.html" >= PATH_LEN_MAX)
        return false;
    memcpy(out, path, len + 1);
    if (folder)
        memcpy(out + len, "index.html", sizeof "index.html");
    return true;
}

/* Where the kernel cannot confine a path, no part of it may be a link at all. */
static int open_parts(int folder, const char *path)
{
    char part[256];
    int at = folder;
    for (;;) {
        size_t len = strcspn(path, "/");
        bool last = path[len] == '\0';
        int next = -1;
        if (len < sizeof part) {
            memcpy(part, path, len);
            part[len] = '\0';
            next =
                openat(at, part,
                       O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | (last ? 0 : O_DIRECTORY));
        }
        if (at != folder)
            close(at);
        if (last || next < 0)
            return next;
        at = next;
        path += len + 1;
    }
}

static int open_below(int folder, const char *path)
{
    /* O_NONBLOCK: a pipe must not hang a worker. */
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    int fd = (int)syscall(SYS_openat2, folder, path, &how, sizeof how);
    return fd < 0 && (errno == ENOSYS || errno == EPERM) ? open_parts(folder, path) : fd;
}

static unsigned bucket_of(const char *path)
{
    unsigned hash = 2166136261u;
    while (*path)
        hash = (hash ^ (unsigned char)*path++) * 16777619u;
    return hash % BUCKETS;
}

static bool is_same(const struct entry *e, const struct stat *now)
{
    return e->device == now->st_dev && e->inode == now->st_ino && e->size == now->st_size &&
           e->modified.tv_sec == now->st_mtim.tv_sec && e->modified.tv_nsec == now->st_mtim.tv_nsec;
}

/* The cached item with a reference for the caller; NULL: none, or the file has changed. */
static struct static_item *find(struct static_files *files, const char *path,
                                const struct stat *now)
{
    struct entry **at = &files->buckets[bucket_of(path)];
    while (*at && strcmp((*at)->path, path) != 0)
        at = &(*at)->next;
    struct entry *e = *at;
    if (!e)
        return NULL;
    if (!is_same(e, now)) {
        *at = e->next;
        entry_free(files, e);
        return NULL;
    }
    e->used = ++files->clock;
    atomic_fetch_add(&e->item->refs, 1);
    return e->item;
}

static void drop_oldest(struct static_files *files)
{
    struct entry **oldest = NULL;
    for (int i = 0; i < BUCKETS; i++)
        for (struct entry **at = &files->buckets[i]; *at; at = &(*at)->next)
            if (!oldest || (*at)->used < (*oldest)->used)
                oldest = at;
    if (oldest) {
        struct entry *e = *oldest;
        *oldest = e->next;
        entry_free(files, e);
    }
}

static void keep(struct static_files *files, const char *path, const struct stat *now,
                 struct static_item *item)
{
    size_t len = strlen(path), more = weight(item);
    struct entry *e = more <= files->max ? malloc(sizeof *e + len + 1) : NULL;
    if (!e)
        return;
    struct stat anything = *now;
    struct static_item *other = find(files, path, &anything); /* another thread's, meanwhile */
    if (other) {
        static_item_free(other);
        free(e);
        return;
    }
    while (files->held > 0 && files->held + more > files->max)
        drop_oldest(files);
    *e = (struct entry){.next = files->buckets[bucket_of(path)],
                        .item = item,
                        .device = now->st_dev,
                        .inode = now->st_ino,
                        .size = now->st_size,
                        .modified = now->st_mtim,
                        .used = ++files->clock};
    memcpy(e->path, path, len + 1);
    files->buckets[bucket_of(path)] = e;
    files->held += more;
    atomic_fetch_add(&item->refs, 1);
}

static int load(int fd, const char *path, const struct stat *now, struct static_item **out)
{
    size_t len = (size_t)now->st_size, at = 0;
    char *data = malloc(len ? len : 1);
    if (!data)
        return RAUM_ENOMEM;
    while (at < len) {
        ssize_t n = read(fd, data + at, len - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        at += (size_t)n;
    }
    int result = at == len ? item_new(out, path, data, len, data) : RAUM_EIO;
    if (result < 0)
        free(data);
    return result;
}

int static_reply(struct static_files *files, struct http_request *q, const char *path)
{
    char below[PATH_LEN_MAX];
    struct stat now;
    if (!clean_path(path, below))
        return RAUM_ENOT_FOUND;
    int fd = open_below(files->folder, below);
    if (fd < 0)
        return RAUM_ENOT_FOUND;
    if (fstat(fd, &now) < 0 || !S_ISREG(now.st_mode) || now.st_size < 0 ||
        (size_t)now.st_size > STATIC_ITEM_MAX) {
        close(fd);
        return RAUM_ENOT_FOUND;
    }
    int result = 0;
    pthread_mutex_lock(&files->lock);
    struct static_item *item = find(files, below, &now);
    pthread_mutex_unlock(&files->lock);
    if (!item) {
        result = load(fd, below, &now, &item);
        if (result == 0) {
            pthread_mutex_lock(&files->lock);
            keep(files, below, &now, item);
            pthread_mutex_unlock(&files->lock);
        }
    }
    close(fd);
    if (result < 0)
        return result;
    result = static_item_reply(item, q);
    static_item_free(item);
    return result;
}
