/* Tarballs: the same bytes each time, refused when cut off or altered (G-O2), plain files only
 * (G-O3). */
#include "native/tarball.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <archive.h>
#include <archive_entry.h>

static struct raum_error error;
static char folder[64], path[96], other[96];

#define OK(call)                                                                                   \
    do {                                                                                           \
        if ((call) < 0)                                                                            \
            fail_msg("%s: %s", #call, error.text);                                                 \
    } while (0)

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "%s/tarball-XXXXXX", P_tmpdir);
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/a.raum", folder);
    snprintf(other, sizeof other, "%s/b.raum", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    unlink(other);
    return rmdir(folder);
}

#define ENTRIES 5
static const char *const names[ENTRIES] = {"manifest.json", "spaces/0/t.jsonl", "empty",
                                           "media/x.jpg", "end"};
static char big[300000];

static size_t bytes_of(int i, const char **data)
{
    for (size_t k = 0; k < sizeof big; k++)
        big[k] = (char)(k * 2654435761u >> 13);
    *data = i == 3 ? big : names[i];
    return i == 3 ? sizeof big : i == 2 ? 0 : strlen(names[i]);
}

static void write_one(const char *where)
{
    struct tarball_writer *w;
    const char *data;
    OK(tarball_write(&w, where, &error));
    for (int i = 0; i < ENTRIES; i++) {
        size_t len = bytes_of(i, &data);
        OK(tarball_put(w, names[i], data, len, &error));
    }
    OK(tarball_finish(w, &error));
    tarball_writer_free(w);
}

static char *read_file(const char *where, size_t *len)
{
    FILE *f = fopen(where, "rb");
    assert_non_null(f);
    char *data = malloc(1 << 20);
    *len = fread(data, 1, 1 << 20, f);
    fclose(f);
    return data;
}

static void put_file(const char *where, const char *data, size_t len)
{
    FILE *f = fopen(where, "wb");
    assert_int_equal(fwrite(data, 1, len, f), len);
    fclose(f);
}

/* How many entries come before the end; or the error. */
static int read_all(const char *where, size_t max)
{
    struct tarball_reader *r;
    const char *name, *want;
    const void *data;
    size_t len;
    int count = 0, result = tarball_read(&r, where, max, &error);
    if (result < 0)
        return result;
    for (int pass = 0; pass < 2; pass++) {
        count = 0;
        while ((result = tarball_next(r, &name, &data, &len, &error)) == 0) {
            assert_true(count < ENTRIES);
            assert_string_equal(name, names[count]);
            assert_int_equal(len, bytes_of(count++, &want));
            assert_memory_equal(data, want, len);
        }
        if (result < 0)
            break;
        OK(tarball_rewind(r, &error));
    }
    tarball_reader_free(r);
    return result < 0 ? result : count;
}

static void test_round_trip(void **state) /* G-O4 */
{
    (void)state;
    struct stat info;
    size_t a_len, b_len;
    write_one(path);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(read_all(path, 1 << 20), ENTRIES);
    sleep(1);
    write_one(other);
    char *a = read_file(path, &a_len), *b = read_file(other, &b_len);
    assert_int_equal(a_len, b_len);
    assert_memory_equal(a, b, a_len);
    assert_true(tarball_is(a, a_len));
    assert_false(tarball_is("{\"a\"", 4));
    assert_false(tarball_is(a, 3));
    assert_int_equal(read_all(path, 1000), RAUM_ETOO_LARGE);
    assert_int_equal(read_all("/nonexistent/x", 1000), RAUM_ENOT_FOUND);
    free(a), free(b);
}

static void test_damaged(void **state) /* G-O2 */
{
    (void)state;
    size_t len;
    write_one(path);
    char *data = read_file(path, &len);
    for (size_t cut = 0; cut < len; cut += 1 + cut / 50) {
        put_file(path, data, cut);
        int result = read_all(path, 1 << 20);
        assert_true(result < ENTRIES);
    }
    put_file(path, "this is no archive but a letter", 31);
    assert_int_equal(read_all(path, 1 << 20), RAUM_ECORRUPT);
    put_file(path, "", 0);
    assert_true(read_all(path, 1 << 20) <= 0);
    free(data);
}

static void test_unfinished(void **state)
{
    (void)state;
    struct tarball_writer *w;
    put_file(path, "kept", 4);
    OK(tarball_write(&w, path, &error));
    OK(tarball_put(w, "a", "b", 1, &error));
    tarball_writer_free(w); /* given up: what was there stays, nothing lies beside it */
    size_t len;
    char *data = read_file(path, &len);
    assert_int_equal(len, 4);
    free(data);
    assert_int_equal(tarball_write(&w, "/nonexistent/x.raum", &error), RAUM_ENOT_FOUND);
    tarball_writer_free(NULL);
    tarball_reader_free(NULL);
}

/* Made by somebody else with names and kinds that must not pass. */
static void test_hostile(void **state) /* G-O3 */
{
    (void)state;
    static const struct {
        const char *name;
        unsigned type;
        const char *link;
    } bad[] = {
        {"/etc/passwd", AE_IFREG, NULL}, {"../up", AE_IFREG, NULL},
        {"a/../../b", AE_IFREG, NULL},   {"folder", AE_IFDIR, NULL},
        {"link", AE_IFLNK, NULL},        {"hard", AE_IFREG, "manifest.json"},
        {"pipe", AE_IFIFO, NULL},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct archive *a = archive_write_new();
        struct archive_entry *e = archive_entry_new();
        archive_write_add_filter_zstd(a);
        archive_write_set_format_pax(a);
        assert_int_equal(archive_write_open_filename(a, path), ARCHIVE_OK);
        archive_entry_set_pathname(e, bad[i].name);
        archive_entry_set_filetype(e, bad[i].type);
        if (bad[i].type == AE_IFLNK)
            archive_entry_set_symlink(e, "/etc/passwd");
        if (bad[i].link)
            archive_entry_set_hardlink(e, bad[i].link);
        archive_entry_set_perm(e, 0600);
        archive_entry_set_size(e, 0);
        assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
        archive_write_close(a);
        archive_write_free(a);
        archive_entry_free(e);
        assert_int_equal(read_all(path, 1 << 20), RAUM_ECORRUPT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_round_trip),
        TEST(test_damaged),
        TEST(test_unfinished),
        TEST(test_hostile),
    };
    return cmocka_run_group_tests_name("tarball", tests, NULL, NULL);
}
