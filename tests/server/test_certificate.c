/* The house's own authority: what it makes holds, it speaks for what it was made for and for
 * nothing else, and it is never replaced unasked. That curl, OpenSSL and our client believe it is
 * tested by tests/cli/serve.sh. */
#include "server/certificate.h"

#include "server/kit.h"

#include <sys/stat.h>
#include <unistd.h>

static char folder[64];
static struct raum_error error;
static struct certificate_report report;

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "%s/tls-XXXXXX", P_tmpdir);
    assert_non_null(mkdtemp(folder));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    kit_remove(folder);
    return 0;
}

static int make(bool renew, int count, const char *const *names)
{
    return certificate_make(folder, names, count, renew, raum_env_native(), &report, &error);
}

#define MAKE(renew, ...)                                                                           \
    make(renew, (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)),                     \
         (const char *[]){__VA_ARGS__})

static char *text_of(const char *name)
{
    char path[128];
    void *data;
    size_t len;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(raum_env_native()->file_read(NULL, path, 1 << 20, &data, &len), 0);
    return data;
}

static int mode_of(const char *name)
{
    char path[128];
    struct stat s;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(stat(path, &s), 0);
    return s.st_mode & 0777;
}

static void names(void **state)
{
    (void)state;
    static const char *const good[] = {"raum",      "raum.local", "a-b.home.arpa", "192.168.1.5",
                                       "fd00::1",   "::1",        "xn--rm-via.de", "1a.lan",
                                       "9.example", NULL};
    static const char *const bad[] = {
        "",         ".",       "a..b",      ".a",        "a.",           "-a",
        "a-",       "a.-b",    "a-.b",      "Raum",      "a b",          "a,DNS:b",
        "a\nDNS:b", "*.local", "1.2.3",     "1.2.3.4.5", "raum\xc3\xa4", "a/b",
        "a:7117",   "[::1]",   "300.1.1.1", NULL};
    for (int i = 0; good[i]; i++)
        if (!certificate_name_valid(good[i]))
            fail_msg("refused: %s", good[i]);
    for (int i = 0; bad[i]; i++)
        if (certificate_name_valid(bad[i]))
            fail_msg("taken: %s", bad[i]);
    assert_int_equal(MAKE(false, "raum.local", "a,DNS:b"), RAUM_EUSAGE);
    char path[128];
    snprintf(path, sizeof path, "%s/authority.pem", folder);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(make(false, 0, NULL), RAUM_EUSAGE);
}

static void made(void **state)
{
    (void)state;
    assert_int_equal(MAKE(false, "raum.local", "192.168.1.5", "fd00::1"), 0);
    assert_true(report.new_authority);
    assert_int_equal(strlen(report.fingerprint), 95);
    assert_int_equal(mode_of("authority.key"), 0600);
    assert_int_equal(mode_of("server.key"), 0600);
    char *server = text_of("server.pem"), *authority = text_of("authority.pem");
    assert_non_null(strstr(server, authority)); /* the chain is whole */
    free(server);
    /* The next one comes from the same authority. */
    char fingerprint[96];
    memcpy(fingerprint, report.fingerprint, sizeof fingerprint);
    assert_int_equal(MAKE(false, "other.local", "10.1.2.3", "nas.fritz.box"), 0);
    assert_false(report.new_authority);
    assert_string_equal(report.fingerprint, fingerprint);
    char *again = text_of("authority.pem");
    assert_string_equal(again, authority);
    free(again);
    free(authority);
}

static void limits(void **state)
{
    (void)state;
    assert_int_equal(MAKE(false, "raum.example", "203.0.113.7"), 0);
    char *before = text_of("server.pem");
    assert_int_equal(MAKE(false, "deep.raum.example"), 0); /* below a name it was made for */
    char *after = text_of("server.pem");
    assert_string_not_equal(before, after);
    static const char *const foreign[] = {"bank.example", "example",     "xraum.example", "8.8.8.8",
                                          "203.0.113.8",  "2001:db8::1", "evil",          NULL};
    for (int i = 0; foreign[i]; i++) {
        if (MAKE(false, foreign[i]) != RAUM_ENOT_ALLOWED)
            fail_msg("it speaks for %s", foreign[i]);
        char *still = text_of("server.pem");
        assert_string_equal(after, still);
        free(still);
    }
    assert_int_equal(MAKE(false, "raum.local", "bank.example"), RAUM_ENOT_ALLOWED);
    assert_int_equal(MAKE(true, "bank.example"), 0);
    assert_true(report.new_authority);
    free(before);
    free(after);
}

static void lost(void **state)
{
    (void)state;
    char path[128], other[128];
    assert_int_equal(MAKE(false, "raum.local"), 0);
    snprintf(path, sizeof path, "%s/authority.key", folder);
    snprintf(other, sizeof other, "%s/server.key", folder);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(MAKE(false, "raum.local"), RAUM_ECORRUPT);
    assert_int_equal(link(other, path), 0); /* another's key */
    assert_int_equal(MAKE(false, "raum.local"), RAUM_ECORRUPT);
    assert_int_equal(raum_env_native()->file_write(NULL, path, "nonsense", 8, 0600), 0);
    assert_int_equal(MAKE(false, "raum.local"), RAUM_ECORRUPT);
    assert_int_equal(MAKE(true, "raum.local"), 0);
    assert_int_equal(MAKE(false, "raum.local"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(made, set_up, tear_down),
        cmocka_unit_test_setup_teardown(limits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lost, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("certificate", tests, NULL, NULL);
}
