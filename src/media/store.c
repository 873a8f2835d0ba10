#include "media/store.h"

#include "media/coming.h"
#include "media/strip.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_LEN (MEDIA_HASH_TEXT - 1)
#define NAME_MAX_LEN 120
#define ORPHAN_MS 3600000 /* a put that is still writing its variants is younger */
#define COMING_MS ((int64_t)7 * 24 * 3600 * 1000) /* parts that nobody fetches on */
#define UNFINISHED ".new-" /* as file_write calls what it has not renamed yet */

struct media_store {
    const struct raum_env *env;
    char dir[MEDIA_PATH_MAX - 256];
};

static const char *const areas[] = {"media", "trash"};
enum { LIVE, TRASH };
#define CAME MEDIA_VARIANTS /* the thumb of an original that may not be here */

/* What a file's name says. */
struct name {
    char hash[MEDIA_HASH_TEXT];
    int64_t ms; /* 0 outside the trash */
    enum media_type type;
    enum media_variant variant;
};

static const char *suffix(enum media_variant variant)
{
    static const char *const text[CAME + 1] = {"", "thumb.", "medium.", "large.", "came."};
    return text[variant];
}

static bool hash_valid(const char *hash)
{
    return hash && strspn(hash, "0123456789abcdef") == HASH_LEN && !hash[HASH_LEN];
}

static void name_path(const struct media_store *s, const struct name *n, char path[MEDIA_PATH_MAX])
{
    char ms[32] = "";
    if (n->ms)
        snprintf(ms, sizeof ms, "%013" PRId64 ".", n->ms);
    snprintf(path, MEDIA_PATH_MAX, "%s/%s/%.2s/%s.%s%s%s", s->dir, areas[n->ms ? TRASH : LIVE],
             n->hash, n->hash, ms, suffix(n->variant), media_extension(n->type));
}

static void folder_path(const struct media_store *s, int area, const char *hash,
                        char path[MEDIA_PATH_MAX])
{
    snprintf(path, MEDIA_PATH_MAX, "%s/%s/%.2s", s->dir, areas[area], hash);
}

/* False for names that are not ours, such as a temporary file of file_write. */
static bool name_parse(const char *text, int area, struct name *n)
{
    *n = (struct name){0};
    if (strspn(text, "0123456789abcdef") != HASH_LEN || text[HASH_LEN] != '.')
        return false;
    memcpy(n->hash, text, HASH_LEN);
    text += HASH_LEN + 1;
    if (area == TRASH) {
        if (strspn(text, "0123456789") != 13 || text[13] != '.')
            return false;
        n->ms = strtoll(text, NULL, 10);
        if (!n->ms)
            return false;
        text += 14;
    }
    for (int v = MEDIA_THUMB; v <= CAME; v++)
        if (strncmp(text, suffix(v), strlen(suffix(v))) == 0)
            n->variant = v;
    text += strlen(suffix(n->variant));
    for (int t = MEDIA_JPEG; t < MEDIA_TYPES; t++)
        if (strcmp(text, media_extension(t)) == 0)
            n->type = t;
    return n->type != MEDIA_NONE && (n->variant == MEDIA_ORIGINAL || n->type == MEDIA_WEBP);
}

static bool name_exists(const struct media_store *s, const struct name *n)
{
    char path[MEDIA_PATH_MAX];
    int64_t size, modified;
    name_path(s, n, path);
    return s->env->file_size(s->env->ctx, path, &size, &modified) == 0;
}

static int not_found(struct raum_error *error)
{
    return err_at(error, "media", RAUM_ENOT_FOUND, "this picture is not here");
}

/* The live original; RAUM_ENOT_FOUND. */
static int find_live(const struct media_store *s, const char *hash, struct name *n,
                     struct raum_error *error)
{
    *n = (struct name){0};
    if (!hash_valid(hash))
        return not_found(error);
    memcpy(n->hash, hash, MEDIA_HASH_TEXT);
    for (int t = MEDIA_JPEG; t < MEDIA_TYPES; t++) {
        n->type = t;
        if (name_exists(s, n))
            return 0;
    }
    return not_found(error);
}

static struct name variant_name(const struct name *original, enum media_variant variant)
{
    struct name n = *original;
    n.variant = variant;
    if (variant != MEDIA_ORIGINAL)
        n.type = MEDIA_WEBP;
    return n;
}

static int file_error(struct raum_error *error, int rc, const char *verb, const char *path)
{
    return rc ? err_at(error, "media", rc, "cannot %s %s: %s", verb, path, raum_code_text(rc)) : 0;
}

int media_store_new(struct media_store **store, const struct raum_env *env, const char *dir,
                    struct raum_error *error)
{
    *store = NULL;
    struct media_store *s = calloc(1, sizeof *s);
    if (!s)
        return err_set(error, RAUM_ENOMEM, NULL);
    if (strlen(dir) >= sizeof s->dir) {
        free(s);
        return err_at(error, "media", RAUM_EUSAGE, "the directory's name is too long");
    }
    s->env = env;
    memcpy(s->dir, dir, strlen(dir) + 1);
    *store = s;
    return 0;
}

void media_store_free(struct media_store *s)
{
    free(s);
}

static int write_file(struct media_store *s, const struct name *n, const void *data, size_t len,
                      struct raum_error *error)
{
    char path[MEDIA_PATH_MAX];
    name_path(s, n, path);
    return file_error(error, s->env->file_write(s->env->ctx, path, data, len, 0600), "write", path);
}

static bool variant_missing(const struct media_store *s, const struct name *original)
{
    for (int v = MEDIA_THUMB; v < MEDIA_VARIANTS; v++) {
        struct name n = variant_name(original, v);
        if (!name_exists(s, &n))
            return true;
    }
    return false;
}

/* The resizer met hostile bytes: what it made is looked at as closely as what a stranger brings. */
static int write_variant(struct media_store *s, const struct name *n, const struct buf *made,
                         struct raum_error *error)
{
    struct buf clean;
    buf_init(&clean, MEDIA_OUT_MAX(made->len));
    int rc = media_strip(MEDIA_WEBP, made->data, made->len, &clean, NULL, error);
    if (rc == 0)
        rc = write_file(s, n, clean.data, clean.len, error);
    buf_release(&clean);
    return rc;
}

/* Decodes before anything is written: what cannot be decoded is not taken in. */
static int write_variants(struct media_store *s, const struct media_resizer *resizer,
                          const struct name *original, const struct buf *clean,
                          struct media_facts *facts, struct raum_error *error)
{
    struct buf out[3];
    char folder[MEDIA_PATH_MAX];
    for (int i = 0; i < 3; i++)
        buf_init(&out[i], MEDIA_VARIANT_MAX);
    int rc = resizer->resize(resizer->ctx, clean->data, clean->len, out, &facts->width,
                             &facts->height, error);
    if (rc)
        goto out;
    folder_path(s, LIVE, original->hash, folder);
    rc = file_error(error, s->env->folder_make(s->env->ctx, folder, 0700), "make", folder);
    for (int v = MEDIA_THUMB; rc == 0 && v < MEDIA_VARIANTS; v++) {
        struct name n = variant_name(original, v);
        rc = write_variant(s, &n, &out[v - 1], error);
    }
out:
    for (int i = 0; i < 3; i++)
        buf_release(&out[i]);
    return rc;
}

static void hash_of(const struct raum_env *env, const void *data, size_t len,
                    char text[MEDIA_HASH_TEXT])
{
    unsigned char hash[RAUM_HASH_BYTES];
    env->hash(env->ctx, hash, sizeof hash, data, len, NULL);
    for (size_t i = 0; i < sizeof hash; i++)
        snprintf(text + 2 * i, 3, "%02x", hash[i]);
}

int media_store_put(struct media_store *s, const struct media_resizer *resizer, const void *data,
                    size_t len, struct media_item *item, struct raum_error *error)
{
    struct buf clean;
    struct name n = {0};
    char folder[MEDIA_PATH_MAX];
    *item = (struct media_item){0};
    buf_init(&clean, MEDIA_OUT_MAX(len));
    int rc = media_sniff(data, len, &item->facts, error);
    if (rc == 0)
        rc = media_strip(item->facts.type, data, len, &clean, &item->facts, error);
    if (rc)
        goto out;
    hash_of(s->env, clean.data, clean.len, item->hash);
    item->bytes = clean.len;
    n.type = item->facts.type;
    memcpy(n.hash, item->hash, sizeof n.hash);
    item->known = name_exists(s, &n);
    if (resizer && (!item->known || variant_missing(s, &n)))
        rc = write_variants(s, resizer, &n, &clean, &item->facts, error);
    if (rc || item->known)
        goto out;
    folder_path(s, LIVE, n.hash, folder);
    rc = file_error(error, s->env->folder_make(s->env->ctx, folder, 0700), "make", folder);
    if (rc == 0)
        rc = write_file(s, &n, clean.data, clean.len, error);
out:
    buf_release(&clean);
    return rc;
}

static struct name came_name(const char *hash)
{
    struct name n = {.type = MEDIA_WEBP, .variant = CAME};
    memcpy(n.hash, hash, MEDIA_HASH_TEXT);
    return n;
}

/* A variant of an original that is here; or the thumb that came from a server. */
static int find_variant(const struct media_store *s, const char *hash, enum media_variant variant,
                        struct name *n, struct raum_error *error)
{
    struct name original;
    int rc = find_live(s, hash, &original, error);
    if (variant == MEDIA_ORIGINAL) {
        *n = original;
        return rc;
    }
    if (rc == 0) {
        *n = variant_name(&original, variant);
        if (name_exists(s, n))
            return 0;
    }
    if (variant == MEDIA_THUMB && hash_valid(hash)) {
        *n = came_name(hash);
        if (name_exists(s, n))
            return 0;
    }
    return not_found(error);
}

int media_store_put_thumb(struct media_store *s, const char *hash, const void *data, size_t len,
                          struct raum_error *error)
{
    struct name n;
    struct media_facts facts;
    struct buf thumb = {.data = (char *)(uintptr_t)data, .len = len};
    char folder[MEDIA_PATH_MAX];
    if (!hash_valid(hash))
        return not_found(error);
    if (find_variant(s, hash, MEDIA_THUMB, &n, NULL) == 0)
        return 0; /* what was made here is not replaced by what somebody sends */
    int rc = media_sniff(data, len, &facts, error);
    if (rc)
        return rc;
    if (facts.type != MEDIA_WEBP || facts.width > MEDIA_THUMB_SIDE ||
        facts.height > MEDIA_THUMB_SIDE)
        return err_at(error, "media", RAUM_EUNSUPPORTED_MEDIA, "this is no small picture");
    n = came_name(hash);
    folder_path(s, LIVE, hash, folder);
    rc = file_error(error, s->env->folder_make(s->env->ctx, folder, 0700), "make", folder);
    return rc ? rc : write_variant(s, &n, &thumb, error);
}

int media_store_path(struct media_store *s, const char *hash, enum media_variant variant,
                     char path[MEDIA_PATH_MAX], struct raum_error *error)
{
    struct name n;
    int rc = find_variant(s, hash, variant, &n, error);
    if (rc)
        return rc;
    name_path(s, &n, path);
    return 0;
}

int media_store_name(const struct media_store *s, const char *hash, enum media_type type,
                     enum media_variant variant, char path[MEDIA_PATH_MAX],
                     struct raum_error *error)
{
    struct name original = {.type = type};
    if (!hash_valid(hash) || type == MEDIA_NONE)
        return not_found(error);
    memcpy(original.hash, hash, MEDIA_HASH_TEXT);
    struct name n = variant_name(&original, variant);
    name_path(s, &n, path);
    return 0;
}

int media_store_read(struct media_store *s, const char *hash, enum media_variant variant,
                     void **data, size_t *len, enum media_type *type, struct raum_error *error)
{
    struct name n;
    char path[MEDIA_PATH_MAX];
    int rc = find_variant(s, hash, variant, &n, error);
    if (rc)
        return rc;
    name_path(s, &n, path);
    if (type)
        *type = n.type;
    rc = s->env->file_read(s->env->ctx, path, MEDIA_OUT_MAX(MEDIA_FILE_MAX), data, len);
    return rc == RAUM_ENOT_FOUND ? not_found(error) : file_error(error, rc, "read", path);
}

int media_store_verify(struct media_store *s, const char *hash, struct raum_error *error)
{
    void *data;
    size_t len;
    char again[MEDIA_HASH_TEXT];
    int rc = media_store_read(s, hash, MEDIA_ORIGINAL, &data, &len, NULL, error);
    if (rc)
        return rc;
    hash_of(s->env, data, len, again);
    free(data);
    return strcmp(hash, again) == 0
               ? 0
               : err_at(error, "media", RAUM_ECORRUPT, "the picture %.12s… is damaged", hash);
}

/* Names are copied, each with its NUL, before anything in their folder is changed. */
static int collect(void *arg, const char *name, int is_folder)
{
    struct buf *names = arg;
    (void)is_folder;
    if (strlen(name) < NAME_MAX_LEN)
        buf_add(names, name, strlen(name) + 1);
    return names->error;
}

/* A folder that is not there has no names. */
static int list(struct media_store *s, const char *path, struct buf *names,
                struct raum_error *error)
{
    buf_init(names, (size_t)256 << 20);
    int rc = s->env->folder_list(s->env->ctx, path, collect, names);
    return rc == RAUM_ENOT_FOUND ? 0 : file_error(error, rc, "list", path);
}

static const char *next_name(const struct buf *names, size_t *at)
{
    if (*at >= names->len)
        return NULL;
    const char *name = names->data + *at;
    *at += strlen(name) + 1;
    return name;
}

typedef int each_file(struct media_store *s, void *arg, const struct name *n,
                      struct raum_error *error);

/* Every file of ours in area/xx of this hash (all hashes: NULL, two: the folder's name). */
static int each_in(struct media_store *s, int area, const char *two, const char *hash,
                   each_file *each, void *arg, struct raum_error *error)
{
    char path[MEDIA_PATH_MAX];
    struct buf names;
    struct name n;
    size_t at = 0;
    folder_path(s, area, two, path);
    int rc = list(s, path, &names, error);
    for (const char *text; rc == 0 && (text = next_name(&names, &at));)
        if (name_parse(text, area, &n) && (!hash || strcmp(hash, n.hash) == 0))
            rc = each(s, arg, &n, error);
    buf_release(&names);
    return rc;
}

static int each_everywhere(struct media_store *s, int area, each_file *each, void *arg,
                           struct raum_error *error)
{
    char path[MEDIA_PATH_MAX];
    struct buf folders;
    size_t at = 0;
    snprintf(path, sizeof path, "%s/%s", s->dir, areas[area]);
    int rc = list(s, path, &folders, error);
    for (const char *two; rc == 0 && (two = next_name(&folders, &at));)
        if (strlen(two) == 2 && strspn(two, "0123456789abcdef") == 2)
            rc = each_in(s, area, two, NULL, each, arg, error);
    buf_release(&folders);
    return rc;
}

static int remove_name(struct media_store *s, const struct name *n, struct raum_error *error)
{
    char path[MEDIA_PATH_MAX];
    name_path(s, n, path);
    int rc = s->env->file_remove(s->env->ctx, path);
    return rc == RAUM_ENOT_FOUND ? 0 : file_error(error, rc, "remove", path);
}

static int remove_each(struct media_store *s, void *arg, const struct name *n,
                       struct raum_error *error)
{
    (void)arg;
    return remove_name(s, n, error);
}

/* A variant that is not there is no error; an original is. */
static int move(struct media_store *s, const struct name *from, const struct name *to,
                struct raum_error *error)
{
    char old[MEDIA_PATH_MAX], new[MEDIA_PATH_MAX];
    if (from->variant != MEDIA_ORIGINAL && !name_exists(s, from))
        return 0;
    name_path(s, from, old);
    name_path(s, to, new);
    int rc = s->env->file_rename(s->env->ctx, old, new);
    return rc == RAUM_ENOT_FOUND ? not_found(error) : file_error(error, rc, "move", old);
}

static int remove_other_times(struct media_store *s, void *arg, const struct name *n,
                              struct raum_error *error)
{
    const int64_t *keep = arg;
    return n->ms == *keep ? 0 : remove_name(s, n, error);
}

int media_store_trash(struct media_store *s, const char *hash, struct raum_error *error)
{
    struct name original;
    char folder[MEDIA_PATH_MAX];
    int rc = find_live(s, hash, &original, error);
    if (rc && rc != RAUM_ENOT_FOUND)
        return rc;
    struct name came = came_name(hash_valid(hash) ? hash : "");
    int gone = came.hash[0] ? remove_name(s, &came, error) : 0; /* it comes again */
    if (rc || gone)
        return gone ? gone : rc;
    int64_t now = s->env->now_ms(s->env->ctx);
    now = now > 0 ? now : 1;
    folder_path(s, TRASH, hash, folder);
    rc = file_error(error, s->env->folder_make(s->env->ctx, folder, 0700), "make", folder);
    for (int v = MEDIA_ORIGINAL; rc == 0 && v < MEDIA_VARIANTS; v++) {
        struct name from = variant_name(&original, v), to = from;
        to.ms = now;
        rc = move(s, &from, &to, error);
    }
    /* Deleted before, added again, deleted again: the newest is enough. */
    return rc ? rc : each_in(s, TRASH, hash, hash, remove_other_times, &now, error);
}

static int newest_original(struct media_store *s, void *arg, const struct name *n,
                           struct raum_error *error)
{
    struct name *newest = arg;
    (void)s, (void)error;
    if (n->variant == MEDIA_ORIGINAL && n->ms > newest->ms)
        *newest = *n;
    return 0;
}

int media_store_restore(struct media_store *s, const char *hash, struct raum_error *error)
{
    struct name live, newest = {0};
    char folder[MEDIA_PATH_MAX];
    if (find_live(s, hash, &live, NULL) == 0)
        return 0;
    if (!hash_valid(hash))
        return not_found(error);
    int rc = each_in(s, TRASH, hash, hash, newest_original, &newest, error);
    if (rc)
        return rc;
    if (!newest.ms)
        return not_found(error);
    folder_path(s, LIVE, hash, folder);
    rc = file_error(error, s->env->folder_make(s->env->ctx, folder, 0700), "make", folder);
    for (int v = MEDIA_VARIANTS - 1; rc == 0 && v >= MEDIA_ORIGINAL; v--) {
        struct name from = variant_name(&newest, v), to = from;
        to.ms = 0;
        rc = move(s, &from, &to, error);
    }
    return rc;
}

int media_store_erase(struct media_store *s, const char *hash, struct raum_error *error)
{
    struct name original;
    if (!hash_valid(hash))
        return 0;
    int rc = find_live(s, hash, &original, NULL) == 0 ? remove_name(s, &original, error) : 0;
    if (rc == 0)
        rc = each_in(s, LIVE, hash, hash, remove_each, NULL, error);
    if (rc == 0)
        rc = media_coming_drop(s->env, s->dir, hash, error);
    return rc ? rc : each_in(s, TRASH, hash, hash, remove_each, NULL, error);
}

struct purge {
    int64_t now, before;
    uint32_t count;
};

static int purge_old(struct media_store *s, void *arg, const struct name *n,
                     struct raum_error *error)
{
    struct purge *p = arg;
    if (n->ms > p->before)
        return 0;
    p->count += n->variant == MEDIA_ORIGINAL;
    return remove_name(s, n, error);
}

static int purge_orphan(struct media_store *s, void *arg, const struct name *n,
                        struct raum_error *error)
{
    struct purge *p = arg;
    struct name original;
    char path[MEDIA_PATH_MAX];
    int64_t size, modified;
    if (n->variant == MEDIA_ORIGINAL || n->variant == CAME ||
        find_live(s, n->hash, &original, NULL) == 0)
        return 0;
    name_path(s, n, path);
    if (s->env->file_size(s->env->ctx, path, &size, &modified) || modified > p->now - ORPHAN_MS)
        return 0;
    return remove_name(s, n, error);
}

/* What a crash left of a file that was being written holds a picture's bytes, too. */
static int remove_unfinished(struct media_store *s, const char *area, const char *two,
                             int64_t before, struct raum_error *error)
{
    char folder[MEDIA_PATH_MAX], path[2 * MEDIA_PATH_MAX];
    struct buf names;
    size_t at = 0;
    snprintf(folder, sizeof folder, "%s/%s/%s", s->dir, area, two);
    int rc = list(s, folder, &names, error);
    for (const char *name; rc == 0 && (name = next_name(&names, &at));) {
        int64_t size, modified;
        size_t len = strlen(name);
        bool ours = strncmp(name, UNFINISHED, sizeof UNFINISHED - 1) == 0 && len > 4 &&
                    strcmp(name + len - 4, ".tmp") == 0;
        snprintf(path, sizeof path, "%s/%s", folder, name);
        if (ours && s->env->file_size(s->env->ctx, path, &size, &modified) == 0 &&
            modified <= before)
            rc = file_error(error, s->env->file_remove(s->env->ctx, path), "remove", path);
    }
    buf_release(&names);
    return rc;
}

static int purge_unfinished(struct media_store *s, int64_t before, struct raum_error *error)
{
    static const char *const all[] = {"media", "trash", "coming"};
    char path[MEDIA_PATH_MAX];
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof all / sizeof *all; i++) {
        struct buf folders;
        size_t at = 0;
        snprintf(path, sizeof path, "%s/%s", s->dir, all[i]);
        rc = list(s, path, &folders, error);
        for (const char *two; rc == 0 && (two = next_name(&folders, &at));)
            if (strlen(two) == 2)
                rc = remove_unfinished(s, all[i], two, before, error);
        buf_release(&folders);
    }
    return rc;
}

int media_store_purge(struct media_store *s, int64_t age_ms, uint32_t *count,
                      struct raum_error *error)
{
    int64_t now = s->env->now_ms(s->env->ctx);
    struct purge p = {.now = now, .before = now - age_ms};
    int rc = each_everywhere(s, TRASH, purge_old, &p, error);
    if (rc == 0)
        rc = each_everywhere(s, LIVE, purge_orphan, &p, error);
    if (rc == 0)
        rc = media_coming_purge(s->env, s->dir, now - COMING_MS, error);
    if (rc == 0)
        rc = purge_unfinished(s, now - ORPHAN_MS, error);
    if (count)
        *count = p.count;
    return rc;
}

struct walk {
    media_store_each_fn *each;
    void *arg;
};

static int walk_file(struct media_store *s, void *arg, const struct name *n,
                     struct raum_error *error)
{
    struct walk *w = arg;
    struct media_entry entry = {n->hash, n->type, n->ms, n->variant == MEDIA_ORIGINAL};
    struct name original;
    (void)error;
    bool alone = n->variant == CAME && find_live(s, n->hash, &original, NULL) != 0;
    return entry.whole || alone ? w->each(w->arg, &entry) : 0;
}

int media_store_each(struct media_store *s, media_store_each_fn *each, void *arg,
                     struct raum_error *error)
{
    struct walk w = {each, arg};
    int rc = each_everywhere(s, LIVE, walk_file, &w, error);
    return rc ? rc : each_everywhere(s, TRASH, walk_file, &w, error);
}
