#include "engine/media_files.h"

#include "engine/media_refs.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX ((size_t)256 << 20)
#define PATH_ROOM 4096
#define HASH_LEN (MEDIA_REF_HASH - 1)

struct found {
    const char *hash;
    struct arena arena;
    char **names;
    size_t count, cap;
};

static bool is_hash(const char *hash)
{
    return strlen(hash) == HASH_LEN && strspn(hash, "0123456789abcdef") == HASH_LEN;
}

static int add_name(void *arg, const char *name, int is_folder)
{
    struct found *f = arg;
    if (is_folder || strncmp(name, f->hash, HASH_LEN) != 0 || name[HASH_LEN] != '.')
        return 0;
    if (f->count == f->cap) {
        size_t cap = f->cap ? f->cap * 2 : 8;
        char **grown = realloc(f->names, cap * sizeof *grown);
        if (!grown)
            return RAUM_ENOMEM;
        f->names = grown;
        f->cap = cap;
    }
    f->names[f->count] = arena_str(&f->arena, name);
    return f->names[f->count++] ? 0 : RAUM_ENOMEM;
}

/* Every name in AREA/xx that is of the hash; names are complete before anything is changed. */
static int find(struct raum *r, const char *area, const char *hash, struct found *f, char *folder,
                struct raum_error *error)
{
    *f = (struct found){.hash = hash};
    arena_init(&f->arena, 1 << 20);
    snprintf(folder, PATH_ROOM, "%s/%s/%.2s", r->folder, area, hash);
    int result = r->env->folder_list(r->env->ctx, folder, add_name, f);
    if (result == RAUM_ENOT_FOUND)
        return 0;
    return result < 0 ? err_at(error, "media", result, "cannot read %s: %s", folder,
                               raum_code_text(result))
                      : 0;
}

static void let_go(struct found *f)
{
    free(f->names);
    arena_release(&f->arena);
}

/* The original is HASH.jpg; a variant has one more dot in its name. */
static const char *original(const struct found *f)
{
    for (size_t i = 0; i < f->count; i++)
        if (!strchr(f->names[i] + HASH_LEN + 1, '.'))
            return f->names[i];
    return NULL;
}

int media_files_read(struct raum *r, const char *hash, void **data, size_t *len,
                     struct raum_error *error)
{
    struct found f;
    char folder[PATH_ROOM], path[2 * PATH_ROOM];
    if (!is_hash(hash))
        return RAUM_ENOT_FOUND;
    int result = find(r, "media", hash, &f, folder, error);
    const char *name = result == 0 ? original(&f) : NULL;
    if (result == 0 && !name)
        result = RAUM_ENOT_FOUND;
    if (result == 0) {
        snprintf(path, sizeof path, "%s/%s", folder, name);
        result = r->env->file_read(r->env->ctx, path, FILE_MAX, data, len);
        if (result < 0 && result != RAUM_ENOT_FOUND)
            err_at(error, "media", result, "cannot read %s: %s", path, raum_code_text(result));
    }
    let_go(&f);
    return result;
}

int media_files_here(struct raum *r, const char *hash, bool *whole, bool *thumb,
                     struct raum_error *error)
{
    struct found f;
    char folder[PATH_ROOM];
    *whole = *thumb = false;
    if (!is_hash(hash))
        return 0;
    int result = find(r, "media", hash, &f, folder, error);
    *whole = result == 0 && original(&f) != NULL;
    for (size_t i = 0; i < f.count && result == 0; i++)
        *thumb = *thumb || strcmp(f.names[i] + HASH_LEN, ".thumb.webp") == 0 ||
                 strcmp(f.names[i] + HASH_LEN, ".came.webp") == 0;
    let_go(&f);
    return result;
}

static int remove_in(struct raum *r, const char *area, const char *hash, struct raum_error *error)
{
    struct found f;
    char folder[PATH_ROOM], path[2 * PATH_ROOM];
    int result = find(r, area, hash, &f, folder, error);
    for (size_t i = 0; i < f.count && result == 0; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, f.names[i]);
        result = r->env->file_remove(r->env->ctx, path);
        if (result < 0)
            err_at(error, "media", result, "cannot remove %s: %s", path, raum_code_text(result));
    }
    let_go(&f);
    return result;
}

int media_files_remove(struct raum *r, const char *hash, struct raum_error *error)
{
    if (!is_hash(hash))
        return 0;
    static const char *const areas[] = {"media", "trash", "coming"};
    int result = 0;
    for (size_t i = 0; i < sizeof areas / sizeof *areas && result == 0; i++)
        result = remove_in(r, areas[i], hash, error);
    return result;
}
