/* The store of pictures: by content, hidden until whole, trash, purge (G-P4, the local part).
 * Broken off after each file operation in turn, it shows a picture whole or not at all (G-O1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "files.h"
#include "media/coming.h"
#include "media/store.h"
#include "media/strip.h"
#include <unistd.h>

static char folder[] = "/tmp/raum-store-XXXXXX";

/* An env of which every file operation after the first `left` fails; its clock stands still. */
struct world {
    struct raum_env env;
    const struct raum_env *os;
    int left;
    int64_t now;
};

static int allowed(void *ctx)
{
    struct world *w = ctx;
    return w->left-- > 0 ? 0 : RAUM_EIO;
}

static int64_t world_now(void *ctx)
{
    return ((struct world *)ctx)->now;
}

static void world_hash(void *ctx, unsigned char *out, size_t out_len, const void *data, size_t len,
                       const unsigned char *key)
{
    const struct raum_env *os = ((struct world *)ctx)->os;
    os->hash(os->ctx, out, out_len, data, len, key);
}

#define OS(ctx) (((struct world *)(ctx))->os)
static int world_read(void *ctx, const char *path, size_t max, void **data, size_t *len)
{
    return OS(ctx)->file_read(OS(ctx)->ctx, path, max, data, len);
}
static int world_size(void *ctx, const char *path, int64_t *size, int64_t *modified)
{
    return OS(ctx)->file_size(OS(ctx)->ctx, path, size, modified);
}
static int world_list(void *ctx, const char *path, raum_env_each *each, void *arg)
{
    return OS(ctx)->folder_list(OS(ctx)->ctx, path, each, arg);
}
static int world_write(void *ctx, const char *path, const void *data, size_t len, int mode)
{
    int rc = allowed(ctx);
    return rc ? rc : OS(ctx)->file_write(OS(ctx)->ctx, path, data, len, mode);
}
static int world_rename(void *ctx, const char *from, const char *to)
{
    int rc = allowed(ctx);
    return rc ? rc : OS(ctx)->file_rename(OS(ctx)->ctx, from, to);
}
static int world_remove(void *ctx, const char *path)
{
    int rc = allowed(ctx);
    return rc ? rc : OS(ctx)->file_remove(OS(ctx)->ctx, path);
}
static int world_make(void *ctx, const char *path, int mode)
{
    int rc = allowed(ctx);
    return rc ? rc : OS(ctx)->folder_make(OS(ctx)->ctx, path, mode);
}

static struct world world;

static struct media_store *open_store(const char *name, int left)
{
    struct media_store *store;
    char dir[FILES_PATH];
    world = (struct world){
        .env = {.ctx = &world,
                .now_ms = world_now,
                .hash = world_hash,
                .file_read = world_read,
                .file_write = world_write,
                .file_rename = world_rename,
                .file_remove = world_remove,
                .file_size = world_size,
                .folder_make = world_make,
                .folder_list = world_list},
        .os = raum_env_native(),
        .left = left,
        .now = raum_env_native()->now_ms(raum_env_native()->ctx),
    };
    snprintf(dir, sizeof dir, "%s/%s", folder, name);
    assert_int_equal(media_store_new(&store, &world.env, dir, NULL), 0);
    return store;
}

/* Stands in for libvips: three times the same WebP, with metadata that a good one would not leave;
 * refuses, or gives something else, when told. */
static int resized, resize_fails, resize_lies;

static void *golden(const char *name, size_t *len)
{
    char path[FILES_PATH];
    snprintf(path, sizeof path, "%s/media/%s", getenv("RAUM_TEST_DATA"), name);
    return file_slurp(path, len);
}

static int fake_resize(void *ctx, const void *data, size_t len, struct buf variants[3],
                       uint32_t *width, uint32_t *height, struct raum_error *error)
{
    (void)ctx, (void)data, (void)len;
    resized++;
    if (resize_fails)
        return err_set(error, RAUM_EUNSUPPORTED_MEDIA, "cannot be read");
    size_t webp_len;
    void *webp = golden(resize_lies ? "gps.jpg" : "gps.webp", &webp_len);
    for (int i = 0; i < 3; i++)
        buf_add(&variants[i], webp, webp_len);
    free(webp);
    *width = 24;
    *height = 32;
    return 0;
}

static const struct media_resizer resizer = {.resize = fake_resize};

static int put(struct media_store *store, const char *name, struct media_item *item)
{
    size_t len;
    void *data = golden(name, &len);
    int rc = media_store_put(store, &resizer, data, len, item, NULL);
    free(data);
    return rc;
}

struct seen {
    int live, trashed;
};

static int count_entry(void *arg, const struct media_entry *entry)
{
    struct seen *seen = arg;
    assert_int_equal(strlen(entry->hash), 64);
    *(entry->trashed_ms ? &seen->trashed : &seen->live) += 1;
    return 0;
}

static void assert_counts(struct media_store *store, int live, int trashed)
{
    struct seen seen = {0};
    assert_int_equal(media_store_each(store, count_entry, &seen, NULL), 0);
    assert_int_equal(seen.live, live);
    assert_int_equal(seen.trashed, trashed);
}

/* Live and whole, or not found in any of its forms. */
static bool whole_or_absent(struct media_store *store, const char *hash)
{
    char path[MEDIA_PATH_MAX];
    int found = 0;
    for (int v = MEDIA_ORIGINAL; v < MEDIA_VARIANTS; v++) {
        int rc = media_store_path(store, hash, v, path, NULL);
        assert_true(rc == 0 || rc == RAUM_ENOT_FOUND);
        found += rc == 0;
    }
    assert_true(found == 0 || found == MEDIA_VARIANTS);
    if (found)
        assert_int_equal(media_store_verify(store, hash, NULL), 0);
    return found;
}

static void test_identical_pictures_are_kept_once(void **state)
{
    struct media_item first, second;
    struct media_store *store = open_store("once", 1000);
    size_t len;
    char *data = golden("gps.jpg", &len);
    (void)state;
    assert_int_equal(media_store_put(store, &resizer, data, len, &first, NULL), 0);
    assert_false(first.known);
    assert_int_equal(first.facts.width, 24);
    data[len - 1] ^= 1; /* differs in what is removed */
    resized = 0;
    assert_int_equal(media_store_put(store, &resizer, data, len, &second, NULL), 0);
    assert_true(second.known);
    assert_string_equal(first.hash, second.hash);
    assert_int_equal(resized, 0);
    assert_int_equal(put(store, "gps.png", &second), 0);
    assert_string_not_equal(first.hash, second.hash);
    assert_counts(store, 2, 0);
    free(data);
    media_store_free(store);
}

static void test_G_P3_the_original_is_kept_without_metadata(void **state)
{
    static const char *const names[] = {"gps.jpg", "gps.png", "gps.webp", "gps.heic", "gps.avif"};
    struct media_store *store = open_store("clean", 1000);
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        struct media_item item;
        enum media_type type;
        void *data;
        size_t len;
        data = golden(names[i], &len);
        assert_true(bytes_contain(data, len, "LEAKmake"));
        free(data);
        assert_int_equal(put(store, names[i], &item), 0);
        assert_int_equal(
            media_store_read(store, item.hash, MEDIA_ORIGINAL, &data, &len, &type, NULL), 0);
        assert_int_equal(len, item.bytes);
        assert_int_equal(type, item.facts.type);
        assert_false(bytes_contain(data, len, "LEAK"));
        free(data);
        assert_int_equal(media_store_read(store, item.hash, MEDIA_THUMB, &data, &len, &type, NULL),
                         0);
        assert_int_equal(type, MEDIA_WEBP);
        assert_false(bytes_contain(data, len, "LEAK"));
        free(data);
    }
    media_store_free(store);
}

static void test_what_cannot_be_decoded_is_not_kept(void **state)
{
    struct media_item item;
    struct media_store *store = open_store("broken", 1000);
    (void)state;
    resize_fails = 1;
    assert_int_equal(put(store, "gps.jpg", &item), RAUM_EUNSUPPORTED_MEDIA);
    resize_fails = 0;
    resize_lies = 1;
    assert_int_equal(put(store, "gps.jpg", &item), RAUM_EUNSUPPORTED_MEDIA);
    resize_lies = 0;
    assert_int_equal(media_store_put(store, &resizer, "<svg/>", 6, &item, NULL),
                     RAUM_EUNSUPPORTED_MEDIA);
    assert_counts(store, 0, 0);
    media_store_free(store);
}

static void test_names_are_hashes_and_nothing_else(void **state)
{
    static const char *const names[] = {
        "", "../../etc/passwd", "0123",
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdeG",
        "0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef",
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0",
        "../../6789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    };
    struct media_store *store = open_store("names", 1000);
    char path[MEDIA_PATH_MAX];
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(media_store_path(store, names[i], MEDIA_ORIGINAL, path, NULL),
                         RAUM_ENOT_FOUND);
        assert_int_equal(media_store_trash(store, names[i], NULL), RAUM_ENOT_FOUND);
        assert_int_equal(media_store_restore(store, names[i], NULL), RAUM_ENOT_FOUND);
        assert_int_equal(media_store_erase(store, names[i], NULL), 0);
    }
    media_store_free(store);
}

static void test_G_P4_trash_restore_purge_erase(void **state)
{
    struct media_item item, other;
    struct media_store *store = open_store("trash", 1000);
    uint32_t count;
    (void)state;
    assert_int_equal(put(store, "gps.jpg", &item), 0);
    assert_int_equal(put(store, "gps.png", &other), 0);
    assert_int_equal(media_store_trash(store, item.hash, NULL), 0);
    assert_false(whole_or_absent(store, item.hash));
    assert_true(whole_or_absent(store, other.hash));
    assert_counts(store, 1, 1);
    assert_int_equal(media_store_restore(store, item.hash, NULL), 0);
    assert_true(whole_or_absent(store, item.hash));
    assert_counts(store, 2, 0);

    assert_int_equal(media_store_trash(store, item.hash, NULL), 0);
    world.now += MEDIA_TRASH_MS - 1;
    assert_int_equal(media_store_purge(store, MEDIA_TRASH_MS, &count, NULL), 0);
    assert_int_equal(count, 0);
    world.now += 1;
    assert_int_equal(media_store_purge(store, MEDIA_TRASH_MS, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_int_equal(media_store_restore(store, item.hash, NULL), RAUM_ENOT_FOUND);
    assert_counts(store, 1, 0);

    /* Deleted, added again, deleted again: once in the trash, with the later time. */
    for (int i = 0; i < 2; i++) {
        assert_int_equal(put(store, "gps.jpg", &item), 0);
        assert_false(item.known);
        assert_int_equal(media_store_trash(store, item.hash, NULL), 0);
        world.now += 1000;
    }
    assert_counts(store, 1, 1);
    assert_int_equal(put(store, "gps.jpg", &item), 0);
    assert_int_equal(media_store_erase(store, item.hash, NULL), 0);
    assert_counts(store, 1, 0);
    assert_int_equal(media_store_erase(store, item.hash, NULL), 0);
    media_store_free(store);
}

static void test_missing_variants_are_made_again(void **state)
{
    struct media_item item;
    struct media_store *store = open_store("variants", 1000);
    char path[MEDIA_PATH_MAX];
    size_t len;
    void *data = golden("gps.jpg", &len);
    (void)state;
    assert_int_equal(media_store_put(store, NULL, data, len, &item, NULL), 0);
    assert_int_equal(media_store_path(store, item.hash, MEDIA_THUMB, path, NULL), RAUM_ENOT_FOUND);
    assert_int_equal(media_store_put(store, &resizer, data, len, &item, NULL), 0);
    assert_true(item.known);
    assert_true(whole_or_absent(store, item.hash));
    free(data);
    media_store_free(store);
}

static void test_damage_is_noticed(void **state)
{
    struct media_item item;
    struct media_store *store = open_store("damage", 1000);
    char path[MEDIA_PATH_MAX];
    (void)state;
    assert_int_equal(put(store, "gps.webp", &item), 0);
    assert_int_equal(media_store_path(store, item.hash, MEDIA_ORIGINAL, path, NULL), 0);
    file_spit(path, "RIFF", 4);
    assert_int_equal(media_store_verify(store, item.hash, NULL), RAUM_ECORRUPT);
    media_store_free(store);
}

/* Steps of which each may be the last: put, trash, restore, erase. */
static int story(struct media_store *store, int step, struct media_item *item)
{
    int rc = put(store, "gps.jpg", item);
    if (rc == 0 && step >= 1)
        rc = media_store_trash(store, item->hash, NULL);
    if (rc == 0 && step >= 2)
        rc = media_store_restore(store, item->hash, NULL);
    if (rc == 0 && step >= 3)
        rc = media_store_erase(store, item->hash, NULL);
    return rc;
}

static void test_G_O1_broken_off_at_every_operation(void **state)
{
    (void)state;
    for (int step = 0; step <= 3; step++) {
        int left = 0, rc = -1;
        for (; rc != 0; left++) {
            struct media_item item, again;
            char name[64];
            snprintf(name, sizeof name, "crash-%d-%d", step, left);
            struct media_store *store = open_store(name, left);
            rc = story(store, step, &item);
            world.left = 1000;
            whole_or_absent(store, item.hash);
            /* What is left behind hinders nobody: it comes back, whole, and goes away, wholly. */
            assert_int_equal(put(store, "gps.jpg", &again), 0);
            assert_string_equal(again.hash, item.hash);
            assert_true(whole_or_absent(store, item.hash));
            assert_int_equal(media_store_trash(store, item.hash, NULL), 0);
            assert_int_equal(media_store_restore(store, item.hash, NULL), 0);
            assert_true(whole_or_absent(store, item.hash));
            assert_int_equal(media_store_erase(store, item.hash, NULL), 0);
            assert_counts(store, 0, 0);
            media_store_free(store);
            assert_true(left < 100);
        }
        assert_true(left > 4); /* the loop did break it off */
    }
}

/* Variants whose original never came are swept, but not those that are being written now. */
static void test_orphans_are_swept(void **state)
{
    struct media_item item;
    struct media_store *store = open_store("orphans", 4);
    char command[FILES_PATH];
    (void)state;
    snprintf(command, sizeof command, "test -n \"$(find '%s/orphans' -name '*.webp')\"", folder);
    assert_int_not_equal(put(store, "gps.jpg", &item), 0);
    world.left = 1000;
    assert_int_equal(media_store_purge(store, MEDIA_TRASH_MS, NULL, NULL), 0);
    assert_int_equal(system(command), 0);
    world.now += 2 * 3600000;
    assert_int_equal(media_store_purge(store, MEDIA_TRASH_MS, NULL, NULL), 0);
    assert_int_not_equal(system(command), 0);
    media_store_free(store);
}

/* What came from a server: a thumb alone, parts of an original. */
static void test_what_came_from_elsewhere(void **state)
{
    struct media_item item;
    struct media_store *store = open_store("came", 1000);
    char path[MEDIA_PATH_MAX], hash[MEDIA_HASH_TEXT], dir[FILES_PATH];
    struct buf coming;
    size_t len, big_len;
    (void)state;
    snprintf(dir, sizeof dir, "%s/came", folder);
    memset(hash, 'c', sizeof hash - 1);
    hash[sizeof hash - 1] = '\0';
    void *thumb = golden("gps.webp", &len), *big = golden("gps.jpg", &big_len);
    assert_int_not_equal(media_store_put_thumb(store, "no hash", thumb, len, NULL), 0);
    assert_int_equal(media_store_put_thumb(store, hash, big, big_len, NULL),
                     RAUM_EUNSUPPORTED_MEDIA);
    assert_int_equal(media_store_put_thumb(store, hash, "<svg/>", 6, NULL),
                     RAUM_EUNSUPPORTED_MEDIA);
    assert_int_equal(media_store_path(store, hash, MEDIA_THUMB, path, NULL), RAUM_ENOT_FOUND);
    assert_int_equal(media_store_put_thumb(store, hash, thumb, len, NULL), 0);
    assert_int_equal(media_store_path(store, hash, MEDIA_THUMB, path, NULL), 0);
    assert_int_equal(media_store_path(store, hash, MEDIA_ORIGINAL, path, NULL), RAUM_ENOT_FOUND);
    assert_int_equal(media_store_path(store, hash, MEDIA_LARGE, path, NULL), RAUM_ENOT_FOUND);
    /* It is not moved to the trash, for it comes again. */
    assert_int_equal(media_store_trash(store, hash, NULL), RAUM_ENOT_FOUND);
    assert_int_equal(media_store_path(store, hash, MEDIA_THUMB, path, NULL), RAUM_ENOT_FOUND);
    /* What was made here counts more. */
    assert_int_equal(put(store, "gps.png", &item), 0);
    assert_int_equal(media_store_put_thumb(store, item.hash, thumb, len, NULL), 0);
    assert_int_equal(media_store_path(store, item.hash, MEDIA_THUMB, path, NULL), 0);
    assert_null(strstr(path, ".came."));
    /* Parts: without a gap from the start, and away with the picture. */
    buf_init(&coming, 1000);
    assert_int_equal(media_coming_add(&world.env, dir, hash, 0, "abc", 3, NULL), 0);
    assert_int_equal(media_coming_add(&world.env, dir, hash, 7, "xyz", 3, NULL), 0);
    assert_int_equal(media_coming_read(&world.env, dir, hash, &coming, NULL), 0);
    assert_int_equal(coming.len, 3);
    assert_int_equal(media_coming_add(&world.env, dir, hash, 3, "defg", 4, NULL), 0);
    buf_reset(&coming);
    assert_int_equal(media_coming_read(&world.env, dir, hash, &coming, NULL), 0);
    assert_int_equal(coming.len, 10);
    assert_memory_equal(coming.data, "abcdefgxyz", 10);
    assert_int_equal(media_store_erase(store, hash, NULL), 0);
    buf_reset(&coming);
    assert_int_equal(media_coming_read(&world.env, dir, hash, &coming, NULL), 0);
    assert_int_equal(coming.len, 0);
    buf_release(&coming);
    free(thumb);
    free(big);
    media_store_free(store);
}

/* What a crash left of a write goes: parts after a week, unfinished files after an hour. */
static void test_left_lying(void **state)
{
    struct media_item item;
    struct media_store *store = open_store("lying", 1000);
    char hash[MEDIA_HASH_TEXT], command[2 * FILES_PATH], dir[FILES_PATH];
    struct buf coming;
    (void)state;
    snprintf(dir, sizeof dir, "%s/lying", folder);
    memset(hash, 'c', sizeof hash - 1);
    hash[sizeof hash - 1] = '\0';
    buf_init(&coming, 1000);
    assert_int_equal(put(store, "gps.png", &item), 0);
    snprintf(command, sizeof command, "touch '%s/media/%.2s/.new-12.tmp'", dir,
             item.hash);
    assert_int_equal(system(command), 0);
    assert_int_equal(media_coming_add(&world.env, dir, hash, 0, "abc", 3, NULL), 0);
    snprintf(command, sizeof command, "test -n \"$(find '%s' -name '.new-*')\"", dir);
    assert_int_equal(media_store_purge(store, MEDIA_TRASH_MS, NULL, NULL), 0);
    assert_int_equal(system(command), 0);
    world.now += 2 * 3600000;
    assert_int_equal(media_store_purge(store, MEDIA_TRASH_MS, NULL, NULL), 0);
    assert_int_not_equal(system(command), 0);
    assert_int_equal(media_coming_read(&world.env, dir, hash, &coming, NULL), 0);
    assert_int_equal(coming.len, 3);
    world.now += (int64_t)8 * 24 * 3600000;
    assert_int_equal(media_store_purge(store, MEDIA_TRASH_MS, NULL, NULL), 0);
    buf_reset(&coming);
    assert_int_equal(media_coming_read(&world.env, dir, hash, &coming, NULL), 0);
    assert_int_equal(coming.len, 0);
    buf_release(&coming);
    media_store_free(store);
}

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
    char command[FILES_PATH];
    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identical_pictures_are_kept_once),
        cmocka_unit_test(test_G_P3_the_original_is_kept_without_metadata),
        cmocka_unit_test(test_what_cannot_be_decoded_is_not_kept),
        cmocka_unit_test(test_names_are_hashes_and_nothing_else),
        cmocka_unit_test(test_G_P4_trash_restore_purge_erase),
        cmocka_unit_test(test_missing_variants_are_made_again),
        cmocka_unit_test(test_damage_is_noticed),
        cmocka_unit_test(test_G_O1_broken_off_at_every_operation),
        cmocka_unit_test(test_orphans_are_swept),
        cmocka_unit_test(test_what_came_from_elsewhere),
        cmocka_unit_test(test_left_lying),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
