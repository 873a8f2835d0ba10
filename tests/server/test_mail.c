/* Mail: the message's form, no header that an address or subject could add, the outbox, a command
 * that fails, hangs or is slow, and ending while mail waits. */
#include "server/kit.h"
#include "server/mail.h"
#include <dirent.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct post {
    char folder[64];
    struct mailer *mailer;
    struct raum_error error;
};

static void open_post(struct post *p, const char *command)
{
    snprintf(p->folder, sizeof p->folder, "/tmp/raum-mail-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    const struct server_options options = {
        .data = p->folder, .origin = "https://raum.example:8443", .mail_command = command};
    assert_int_equal(mailer_new(&p->mailer, &options, NULL, &p->error), 0);
}

static void close_post(struct post *p)
{
    mailer_free(p->mailer);
    kit_remove(p->folder);
}

static int send_to(struct post *p, const char *to, const char *subject, const char *text)
{
    const struct mail mail = {.to = to, .subject = subject, .text = text};
    return mailer_send(p->mailer, &mail, &p->error);
}

/* A file's text, waited for; free() it. */
static char *read_when(const char *folder, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    for (int i = 0; i < 500; i++) {
        void *data;
        size_t len;
        const struct timespec pause = {.tv_nsec = 10000000};
        const struct raum_env *env = raum_env_native();
        if (env->file_read(env->ctx, path, 1 << 20, &data, &len) == 0 && len) {
            char *text = malloc(len + 1);
            memcpy(text, data, len);
            text[len] = '\0';
            free(data);
            return text;
        }
        nanosleep(&pause, NULL);
    }
    fail_msg("%s is not there", path);
    return NULL;
}

static void test_outbox(void **state)
{
    (void)state;
    struct post p;
    struct stat info;
    char path[128];
    open_post(&p, NULL);
    assert_int_equal(send_to(&p, "anna@example.org", "Hello", "One\n.\nTwo\r\nhttps://x/y=z"), 0);
    char *text = read_when(p.folder, "outbox/001.eml");
    assert_non_null(strstr(text, "From: Raum <noreply@raum.example>\nTo: anna@example.org\n"
                                 "Subject: Hello\nDate: "));
    assert_non_null(strstr(text, "Content-Transfer-Encoding: 8bit\n"));
    assert_non_null(strstr(text, "\n\nOne\n. \nTwo\nhttps://x/y=z\n"));
    free(text);
    snprintf(path, sizeof path, "%s/outbox/001.eml", p.folder);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    snprintf(path, sizeof path, "%s/outbox", p.folder);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    mailer_free(p.mailer);
    /* The next one does not write over it. */
    const struct server_options options = {.data = p.folder};
    assert_int_equal(mailer_new(&p.mailer, &options, NULL, &p.error), 0);
    assert_int_equal(send_to(&p, "anna@example.org", "Again", "x"), 0);
    text = read_when(p.folder, "outbox/002.eml");
    assert_non_null(strstr(text, "noreply@localhost>"));
    free(text);
    close_post(&p);
}

static void test_subject_and_long_lines(void **state)
{
    (void)state;
    struct post p;
    char lang[2000];
    open_post(&p, NULL);
    memset(lang, 'x', sizeof lang - 1);
    lang[sizeof lang - 1] = '\0';
    assert_int_equal(send_to(&p, "a@b.de",
                             "Einladung für Übermütige, mit einem langen Namen, der "
                             "über eine Zeile hinausgeht: größer",
                             lang),
                     0);
    char *text = read_when(p.folder, "outbox/001.eml");
    char *subject = strstr(text, "Subject: =?UTF-8?B?");
    assert_non_null(subject);
    assert_non_null(strstr(subject, "?=\n =?UTF-8?B?"));
    assert_non_null(strstr(text, "Content-Transfer-Encoding: base64\n"));
    for (char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        assert_true(strcspn(line, "\n") <= 90);
    free(text);
    close_post(&p);
}

static void test_injection(void **state)
{
    (void)state;
    struct post p;
    static const char *const addresses[] = {"a@b.de\nBcc: c@d.de",
                                            "a@b.de\r\nX: y",
                                            "a@b.de, c@d.de",
                                            "<a@b.de>",
                                            "a b@c.de",
                                            "",
                                            "-oX@b.de",
                                            "ä@b.de",
                                            "a@b.de\x7f",
                                            "ab",
                                            "\"x\"@b.de"};
    open_post(&p, NULL);
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++)
        if (send_to(&p, addresses[i], "s", "t") != RAUM_EUSAGE)
            fail_msg("taken: %s", addresses[i]);
    assert_int_equal(send_to(&p, "a@b.de", "x\nBcc: c@d.de", "t"), RAUM_EUSAGE);
    assert_int_equal(send_to(&p, "a@b.de", "x\rBcc: c@d.de", "t"), RAUM_EUSAGE);
    assert_int_equal(send_to(&p, "a@b.de", "bad \xff utf8", "t"), RAUM_EUSAGE);
    /* What looks like an encoded word already is sent as the text that it is. */
    assert_int_equal(send_to(&p, "a@b.de", "=?UTF-8?B?QmNj?=", "t"), 0);
    char *text = read_when(p.folder, "outbox/001.eml");
    assert_null(strstr(text, "QmNj"));
    free(text);
    close_post(&p);
}

static void test_command(void **state)
{
    (void)state;
    struct post p;
    char command[200], folder[64] = "/tmp/raum-sent-XXXXXX";
    assert_non_null(mkdtemp(folder));
    snprintf(command, sizeof command, "cat >%s/part && mv %s/part %s/whole", folder, folder,
             folder);
    open_post(&p, command);
    assert_int_equal(send_to(&p, "a@b.de", "By command", "text"), 0);
    char *text = read_when(folder, "whole");
    assert_non_null(strstr(text, "Subject: By command\n"));
    assert_non_null(strstr(text, "\n\ntext\n"));
    free(text);
    close_post(&p);
    kit_remove(folder);
}

/* What no command takes is kept, also when the server ends first; a hanging command does not keep
 * the server from ending. */
static void test_failures(void **state)
{
    (void)state;
    static const char *const commands[] = {"exit 3", "sleep 60", "kill -9 $$", "/no/such/program"};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        struct post p;
        struct timespec before, after;
        open_post(&p, commands[i]);
        assert_int_equal(send_to(&p, "a@b.de", "Kept", "text"), 0);
        assert_int_equal(send_to(&p, "a@b.de", "Kept too", "text"), 0);
        clock_gettime(CLOCK_MONOTONIC, &before);
        mailer_free(p.mailer);
        clock_gettime(CLOCK_MONOTONIC, &after);
        assert_true(after.tv_sec - before.tv_sec <= 4);
        p.mailer = NULL;
        free(read_when(p.folder, "outbox/001.eml"));
        free(read_when(p.folder, "outbox/002.eml"));
        close_post(&p);
    }
}

/* G-O3: what waits is bounded. */
static void test_too_much(void **state)
{
    (void)state;
    struct post p;
    int refused = 0;
    open_post(&p, "sleep 60");
    for (int i = 0; i < 300; i++) {
        int rc = send_to(&p, "a@b.de", "s", "t");
        assert_true(rc == 0 || rc == RAUM_ELIMIT);
        refused += rc != 0;
    }
    assert_true(refused >= 40);
    close_post(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outbox),    cmocka_unit_test(test_subject_and_long_lines),
        cmocka_unit_test(test_injection), cmocka_unit_test(test_command),
        cmocka_unit_test(test_failures),  cmocka_unit_test(test_too_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
