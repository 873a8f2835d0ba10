#define _GNU_SOURCE
#include "base/check.h"

#include <raum/env.h>
#include <raum/error.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const struct raum_env *env;
static char folder[4000];

/* A path in this test's folder; four of them may be in use at a time. */
static const char *at(const char *name)
{
    static char paths[4][4200];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static int set_up(void **state)
{
    (void)state;
    const char *base = getenv("TMPDIR");
    env = raum_env_native();
    snprintf(folder, sizeof folder, "%s/raum-env-XXXXXX", base && *base ? base : "/var/tmp");
    umask(022);
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_one(void *arg, const char *name, int is_folder)
{
    char path[8400];
    snprintf(path, sizeof path, "%s/%s", (const char *)arg, name);
    if (is_folder) {
        env->folder_list(env->ctx, path, remove_one, path);
        return env->folder_remove(env->ctx, path);
    }
    return env->file_remove(env->ctx, path);
}

static int tear_down(void **state)
{
    (void)state;
    env->folder_list(env->ctx, folder, remove_one, folder);
    return env->folder_remove(env->ctx, folder);
}

static int count_one(void *arg, const char *name, int is_folder)
{
    (void)name, (void)is_folder;
    ++*(int *)arg;
    return 0;
}

static int entries(const char *path)
{
    int count = 0;
    return env->folder_list(env->ctx, path, count_one, &count) == 0 ? count : -1;
}

static void check_holds(const char *path, const char *expected, size_t expected_len)
{
    void *data = NULL;
    size_t len = 0;
    assert_int_equal(env->file_read(env->ctx, path, 1 << 22, &data, &len), 0);
    assert_int_equal(len, expected_len);
    assert_memory_equal(data, expected, len);
    assert_int_equal(((char *)data)[len], 0);
    free(data);
}

static int put(const char *path, const char *text, int mode)
{
    return env->file_write(env->ctx, path, text, strlen(text), mode);
}

/* ---- files ---- */

static void test_write_and_read(void **state)
{
    (void)state;
    struct stat info;
    int64_t size = -1, modified = -1;
    int before = entries(folder);
    assert_int_equal(put(at("a"), "first", 0600), 0);
    check_holds(at("a"), "first", 5);
    assert_int_equal(stat(at("a"), &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_int_equal(put(at("a"), "", 0644), 0);
    check_holds(at("a"), "", 0);
    assert_int_equal(stat(at("a"), &info), 0);
    assert_int_equal(info.st_mode & 07777, 0644);
    assert_int_equal(put(at("a"), "four", 0600), 0);
    assert_int_equal(env->file_size(env->ctx, at("a"), &size, &modified), 0);
    assert_int_equal(size, 4);
    assert_true(llabs(modified - env->now_ms(env->ctx)) < 60000);
    assert_int_equal(env->file_size(env->ctx, at("a"), NULL, NULL), 0);
    assert_int_equal(entries(folder), before + 1); /* no temporary file stays */

    size_t len = (size_t)3 << 20;
    char *big = malloc(len);
    for (size_t i = 0; i < len; i++)
        big[i] = (char)(i * 7 + (i >> 11));
    assert_int_equal(env->file_write(env->ctx, at("big"), big, len, 0600), 0);
    check_holds(at("big"), big, len);
    free(big);
}

static void test_read_refuses(void **state)
{
    (void)state;
    void *data = NULL;
    size_t len;
    assert_int_equal(put(at("five"), "12345", 0600), 0);
    assert_int_equal(env->file_read(env->ctx, at("five"), 4, &data, &len), RAUM_ETOO_LARGE);
    assert_int_equal(env->file_read(env->ctx, at("five"), 5, &data, &len), 0);
    free(data);
    assert_int_equal(env->file_read(env->ctx, at("none"), 5, &data, &len), RAUM_ENOT_FOUND);
    assert_int_equal(env->file_read(env->ctx, at("five/x"), 5, &data, &len), RAUM_ENOT_FOUND);
    assert_int_equal(env->file_read(env->ctx, folder, 5, &data, &len), RAUM_EIO);
    assert_int_equal(mkfifo(at("pipe"), 0600), 0);
    assert_int_equal(env->file_read(env->ctx, at("pipe"), 5, &data, &len), RAUM_EIO);
    /* A file that tells no size but has bytes. */
    assert_int_equal(env->file_read(env->ctx, "/proc/self/status", 1 << 16, &data, &len), 0);
    assert_true(len > 100);
    free(data);
    assert_int_equal(env->file_read(env->ctx, "/proc/self/status", 10, &data, &len),
                     RAUM_ETOO_LARGE);
    assert_int_equal(env->file_size(env->ctx, at("none"), NULL, NULL), RAUM_ENOT_FOUND);
}

static void test_write_does_not_follow_links(void **state)
{
    (void)state;
    struct stat info;
    assert_int_equal(put(at("target"), "untouched", 0600), 0);
    assert_int_equal(symlink(at("target"), at("link")), 0);
    assert_int_equal(put(at("link"), "own", 0600), 0);
    check_holds(at("target"), "untouched", 9);
    check_holds(at("link"), "own", 3);
    assert_int_equal(lstat(at("link"), &info), 0);
    assert_true(S_ISREG(info.st_mode));
    assert_int_equal(put(at("no/such/folder"), "x", 0600), RAUM_ENOT_FOUND);
}

static void test_a_full_disk_leaves_the_old_file(void **state)
{
    (void)state;
    struct rlimit old, small = {1000, 1000};
    char data[5000] = {0};
    assert_int_equal(put(at("kept"), "kept", 0600), 0);
    int before = entries(folder);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small.rlim_max = old.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int rc = env->file_write(env->ctx, at("kept"), data, sizeof data, 0600);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(rc, RAUM_EFULL);
    check_holds(at("kept"), "kept", 4);
    assert_int_equal(entries(folder), before);
}

/* As somebody who may not: root may everything, so a child becomes nobody. */
static void test_what_may_not_be_written_or_read(void **state)
{
    (void)state;
    assert_int_equal(put(at("secret"), "x", 0600), 0);
    assert_int_equal(chmod(folder, 0755), 0);
    if (geteuid() != 0)
        assert_int_equal(chmod(at("secret"), 0) | chmod(folder, 0555), 0);
    pid_t child = fork();
    if (child == 0) {
        void *data;
        size_t len;
        int ok = geteuid() != 0 || setuid(65534) == 0;
        ok = ok && put(at("new"), "x", 0600) == RAUM_EREAD_ONLY;
        ok = ok && put(at("secret"), "x", 0600) == RAUM_EREAD_ONLY;
        ok = ok && env->file_remove(env->ctx, at("secret")) == RAUM_EREAD_ONLY;
        ok = ok && env->file_rename(env->ctx, at("secret"), at("b")) == RAUM_EREAD_ONLY;
        ok = ok && env->folder_make(env->ctx, at("folder"), 0700) == RAUM_EREAD_ONLY;
        ok = ok && env->file_read(env->ctx, at("secret"), 9, &data, &len) == RAUM_ENOT_ALLOWED;
        _exit(ok ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    chmod(folder, 0700);
    assert_int_equal(status, 0);
}

/* Killed at any instant there is the whole old or the whole new file. */

typedef int write_function(const char *path, const char *data, size_t len);

static int write_whole(const char *path, const char *data, size_t len)
{
    return env->file_write(env->ctx, path, data, len, 0600);
}

/* The planted fault: in place, as it comes. */
static int write_in_place(const char *path, const char *data, size_t len)
{
    int fd = open(path, O_WRONLY | O_TRUNC);
    for (size_t i = 0; i + 1000 <= len; i += 1000)
        if (write(fd, data + i, 1000) != 1000)
            break;
    return close(fd);
}

/* Writes file after file, each of another letter than the one before, until killed. */
static void write_for_ever(write_function *put_file, const char *path, char *data, size_t len)
{
    for (int i = *data == 'a';; i++) {
        memset(data, 'a' + i % 2, len);
        put_file(path, data, len);
    }
}

/* Kills a writer at random instants; gives how often the file was neither the old nor the new. */
static int torn_by_kills(write_function *put_file)
{
    enum { LEN = 200000 };
    char *data = malloc(LEN);
    int seen[2] = {0, 0}, torn = 0;
    memset(data, 'a', LEN);
    assert_int_equal(env->file_write(env->ctx, at("atomic"), data, LEN, 0600), 0);
    check_seed(9);
    for (int round = 0; round < 40 || (round < 400 && (!seen[0] || !seen[1])); round++) {
        pid_t child = fork();
        if (child == 0)
            write_for_ever(put_file, at("atomic"), data, LEN);
        struct timespec pause = {0, 1000000L + (long)check_below(15000000) * (1 + round / 40)};
        nanosleep(&pause, NULL);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        void *got;
        size_t len;
        assert_int_equal(env->file_read(env->ctx, at("atomic"), 1 << 20, &got, &len), 0);
        memset(data, len ? *(char *)got : 'a', LEN);
        torn += len != LEN || memcmp(got, data, LEN) != 0;
        seen[*data == 'b']++;
        free(got);
    }
    free(data);
    assert_true(seen[0] > 0 && seen[1] > 0);
    return torn;
}

static void test_a_kill_leaves_before_or_after(void **state)
{
    (void)state;
    assert_int_equal(torn_by_kills(write_whole), 0);
    assert_true(torn_by_kills(write_in_place) > 0);
}

static void test_rename_and_remove(void **state)
{
    (void)state;
    assert_int_equal(put(at("from"), "moved", 0600), 0);
    assert_int_equal(put(at("to"), "old", 0600), 0);
    assert_int_equal(env->file_rename(env->ctx, at("from"), at("to")), 0);
    check_holds(at("to"), "moved", 5);
    assert_int_equal(env->file_rename(env->ctx, at("from"), at("to")), RAUM_ENOT_FOUND);
    assert_int_equal(env->folder_make(env->ctx, at("other"), 0700), 0);
    assert_int_equal(env->file_rename(env->ctx, at("to"), at("other/to")), 0);
    check_holds(at("other/to"), "moved", 5);
    assert_int_equal(env->file_remove(env->ctx, at("other/to")), 0);
    assert_int_equal(env->file_remove(env->ctx, at("other/to")), 0);
    assert_int_equal(env->file_size(env->ctx, at("other/to"), NULL, NULL), RAUM_ENOT_FOUND);
    /* Names without a folder are in the working folder. */
    char here[4096];
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(folder), 0);
    assert_int_equal(put("bare", "1", 0600), 0);
    assert_int_equal(env->file_rename(env->ctx, "bare", "barer"), 0);
    check_holds("barer", "1", 1);
    assert_int_equal(chdir(here), 0);
    check_holds(at("barer"), "1", 1);
}

static int stop_at_second(void *arg, const char *name, int is_folder)
{
    (void)name, (void)is_folder;
    return ++*(int *)arg == 2 ? -77 : 0;
}

static int find_kinds(void *arg, const char *name, int is_folder)
{
    unsigned *kinds = arg;
    if (strcmp(name, "sub") == 0)
        *kinds |= is_folder ? 1 : 8;
    else if (strcmp(name, "file") == 0)
        *kinds |= is_folder ? 8 : 2;
    else if (strcmp(name, "link") == 0)
        *kinds |= is_folder ? 8 : 4;
    else
        *kinds |= 8;
    return 0;
}

static void test_folders(void **state)
{
    (void)state;
    struct stat info;
    int count = 0;
    unsigned kinds = 0;
    assert_int_equal(env->folder_make(env->ctx, at("x/y//z/"), 0700), 0);
    assert_int_equal(stat(at("x/y/z"), &info), 0);
    assert_int_equal(info.st_mode & 07777, 0700);
    assert_int_equal(stat(at("x"), &info), 0);
    assert_int_equal(info.st_mode & 07777, 0700);
    assert_int_equal(env->folder_make(env->ctx, at("x/y/z"), 0700), 0);
    assert_int_equal(env->folder_make(env->ctx, "/", 0700), 0);
    assert_int_equal(env->folder_make(env->ctx, "", 0700), RAUM_ENOT_FOUND);
    assert_int_equal(put(at("x/plain"), "x", 0600), 0);
    assert_int_equal(env->folder_make(env->ctx, at("x/plain"), 0700), RAUM_EEXISTS);
    assert_int_equal(env->folder_make(env->ctx, at("x/plain/below"), 0700), RAUM_EEXISTS);

    assert_int_equal(env->folder_make(env->ctx, at("kinds/sub"), 0700), 0);
    assert_int_equal(put(at("kinds/file"), "x", 0600), 0);
    assert_int_equal(symlink(at("kinds/sub"), at("kinds/link")), 0);
    assert_int_equal(env->folder_list(env->ctx, at("kinds"), find_kinds, &kinds), 0);
    assert_int_equal(kinds, 1 | 2 | 4);
    assert_int_equal(env->folder_list(env->ctx, at("kinds"), stop_at_second, &count), -77);
    assert_int_equal(count, 2);
    assert_int_equal(env->folder_list(env->ctx, at("nowhere"), count_one, &count), RAUM_ENOT_FOUND);

    assert_int_equal(env->folder_remove(env->ctx, at("kinds")), RAUM_EEXISTS);
    assert_int_equal(env->folder_remove(env->ctx, at("kinds/sub")), 0);
    assert_int_equal(env->folder_remove(env->ctx, at("kinds/sub")), RAUM_ENOT_FOUND);
}

/* ---- cryptography ---- */

static const unsigned char draft_key[32] = {
    0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8b, 0x8c, 0x8d, 0x8e, 0x8f,
    0x90, 0x91, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f};
static const unsigned char draft_nonce[24] = {0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47,
                                              0x48, 0x49, 0x4a, 0x4b, 0x4c, 0x4d, 0x4e, 0x4f,
                                              0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57};
static const unsigned char draft_ad[12] = {0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1,
                                           0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7};
static const char draft_text[] = "Ladies and Gentlemen of the class of '99: If I could offer you "
                                 "only one tip for the future, sunscreen would be it.";

/* draft-irtf-cfrg-xchacha-03, A.3.1 */
static void test_seal_is_the_draft_s(void **state)
{
    (void)state;
    static const unsigned char tag[16] = {0xc0, 0x87, 0x59, 0x24, 0xc1, 0xc7, 0x98, 0x79,
                                          0x47, 0xde, 0xaf, 0xd8, 0x78, 0x0a, 0xcf, 0x49};
    enum { LEN = sizeof draft_text - 1 };
    unsigned char sealed[LEN + RAUM_TAG_BYTES], open[LEN];
    env->aead_seal(env->ctx, sealed, draft_text, LEN, draft_ad, sizeof draft_ad, draft_nonce,
                   draft_key);
    assert_memory_equal(sealed, "\xbd\x6d\x17\x9d", 4);
    assert_memory_equal(sealed + LEN, tag, sizeof tag);
    assert_int_equal(env->aead_open(env->ctx, open, sealed, sizeof sealed, draft_ad,
                                    sizeof draft_ad, draft_nonce, draft_key),
                     0);
    assert_memory_equal(open, draft_text, LEN);
}

static void test_every_changed_bit_is_refused(void **state)
{
    (void)state;
    unsigned char sealed[20 + RAUM_TAG_BYTES], open[20], ad[12], nonce[24], key[32];
    memcpy(ad, draft_ad, sizeof ad);
    memcpy(nonce, draft_nonce, sizeof nonce);
    memcpy(key, draft_key, sizeof key);
    env->aead_seal(env->ctx, sealed, draft_text, 20, ad, sizeof ad, nonce, key);
    const struct {
        unsigned char *bytes;
        size_t len;
    } parts[] = {
        {sealed, sizeof sealed}, {ad, sizeof ad}, {nonce, sizeof nonce}, {key, sizeof key}};
    for (size_t p = 0; p < 4; p++)
        for (size_t bit = 0; bit < parts[p].len * 8; bit++) {
            parts[p].bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
            assert_int_equal(
                env->aead_open(env->ctx, open, sealed, sizeof sealed, ad, sizeof ad, nonce, key),
                -1);
            parts[p].bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        }
    for (size_t len = 0; len < sizeof sealed; len++)
        assert_int_equal(env->aead_open(env->ctx, open, sealed, len, ad, sizeof ad, nonce, key),
                         -1);
    assert_int_equal(env->aead_open(env->ctx, open, sealed, sizeof sealed, ad, 11, nonce, key), -1);
    assert_int_equal(env->aead_open(env->ctx, open, sealed, sizeof sealed, ad, 12, nonce, key), 0);
    env->aead_seal(env->ctx, sealed, NULL, 0, NULL, 0, nonce, key); /* nothing can be sealed too */
    assert_int_equal(env->aead_open(env->ctx, open, sealed, 16, NULL, 0, nonce, key), 0);
}

static void test_hash_is_blake2b(void **state)
{
    (void)state;
    /* RFC 7693's parameters, 32 bytes, of "abc". */
    static const unsigned char abc[32] = {0xbd, 0xdd, 0x81, 0x3c, 0x63, 0x42, 0x39, 0x72,
                                          0x31, 0x71, 0xef, 0x3f, 0xee, 0x98, 0x57, 0x9b,
                                          0x94, 0x96, 0x4e, 0x3b, 0xb1, 0xcb, 0x3e, 0x42,
                                          0x72, 0x62, 0xc8, 0xc0, 0x68, 0xd5, 0x23, 0x19};
    unsigned char out[64], keyed[64];
    env->hash(env->ctx, out, 32, "abc", 3, NULL);
    assert_memory_equal(out, abc, 32);
    env->hash(env->ctx, keyed, 32, "abc", 3, draft_key);
    assert_memory_not_equal(out, keyed, 32);
    env->hash(env->ctx, out, 64, NULL, 0, NULL);
    assert_memory_equal(out, "\x78\x6a\x02\xf7", 4);
}

static void test_stretch(void **state)
{
    (void)state;
    /* Frozen, since keys once derived must be derived again: another number of passes or another
     * size of memory would give another key. */
    static const unsigned char expected[32] = {0x5e, 0x52, 0x00, 0x46, 0x20, 0x44, 0xd2, 0x70,
                                               0xc5, 0xec, 0xfb, 0x1f, 0xb9, 0xb9, 0xc4, 0x97,
                                               0xbf, 0xa4, 0x8f, 0x66, 0x1c, 0x22, 0x94, 0x69,
                                               0x14, 0x1c, 0x9d, 0x2c, 0x3b, 0xb1, 0x0e, 0x02};
    unsigned char out[32], again[32], salt[16] = "0123456789abcdef";
    assert_int_equal(env->stretch(env->ctx, out, "correct horse", 13, salt), 0);
    assert_memory_equal(out, expected, 32);
    salt[0] ^= 1;
    assert_int_equal(env->stretch(env->ctx, again, "correct horse", 13, salt), 0);
    assert_memory_not_equal(out, again, 32);
}

static void test_random_and_time(void **state)
{
    (void)state;
    unsigned char bytes[4096];
    int counts[256] = {0};
    memset(bytes, 0, sizeof bytes);
    env->random(env->ctx, bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        counts[bytes[i]]++;
    for (int i = 0; i < 256; i++) /* 16 expected; 60 would be eleven deviations off */
        assert_true(counts[i] < 60);
    assert_true(llabs(env->now_ms(env->ctx) - (int64_t)time(NULL) * 1000) < 2000);
}

static void *in_thread(void *arg)
{
    const struct raum_env *mine = raum_env_native();
    unsigned char id[16];
    for (int i = 0; i < 1000; i++)
        mine->random(mine->ctx, id, sizeof id);
    *(const struct raum_env **)arg = mine;
    return NULL;
}

static void test_threads_share_one(void **state)
{
    (void)state;
    pthread_t threads[4];
    const struct raum_env *found[4] = {0};
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, in_thread, &found[i]), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_ptr_equal(found[i], env);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_write_and_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_read_refuses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_write_does_not_follow_links, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_full_disk_leaves_the_old_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_may_not_be_written_or_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_kill_leaves_before_or_after, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rename_and_remove, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_folders, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_seal_is_the_draft_s, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_every_changed_bit_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_hash_is_blake2b, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stretch, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_random_and_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_threads_share_one, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
