#define _GNU_SOURCE
#include "server/mail.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/utf8.h"
#include "net/log.h"
#include "server/url.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WAITING_MAX 256
#define MESSAGE_MAX ((size_t)256 * 1024)
#define SUBJECT_MAX 500
#define LINE_MAX_8BIT 998 /* RFC 5322: longer lines may be cut on the way */
#define TRIES 3
#define COMMAND_MS 30000
#define STOP_MS 2000 /* for all that still waits when the server ends; the rest is stored */

struct message {
    struct message *next;
    char *data;
    size_t len;
    int tries;
    int64_t due; /* ms of the monotonic clock */
};

struct mailer {
    const struct raum_env *env;
    struct net_log *log;
    char *command; /* NULL: the outbox */
    char *outbox;
    char *host; /* behind the @ of our own addresses */
    pthread_t thread;
    bool running, stop;
    int64_t stop_by;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    struct message *first;
    int waiting;
    long number; /* of the last file */
};

static int64_t clock_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- the message */

static bool plain_address(const char *to)
{
    size_t len = strlen(to);
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)to[i] <= ' ' || (unsigned char)to[i] >= 0x7f ||
            strchr("<>,;:\"()[]\\", to[i]))
            return false;
    return len > 2 && len <= 254 && to[0] != '-' && strchr(to, '@');
}

static bool plain_subject(const char *text, bool *ascii)
{
    size_t len = strlen(text);
    *ascii = true;
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            return false;
        if ((unsigned char)text[i] > 0x7f || (text[i] == '=' && text[i + 1] == '?'))
            *ascii = false;
    }
    return len <= SUBJECT_MAX && utf8_valid(text, len);
}

/* RFC 2047: words of at most 75 characters, each whole characters of UTF-8. */
static void put_words(struct buf *out, const char *text)
{
    size_t len = strlen(text);
    for (size_t at = 0; at < len;) {
        char word[80];
        size_t cut = utf8_cut(text + at, len - at, 45);
        sodium_bin2base64(word, sizeof word, (const unsigned char *)text + at, cut,
                          sodium_base64_VARIANT_ORIGINAL);
        buf_printf(out, "%s=?UTF-8?B?%s?=", at ? "\n " : "", word);
        at += cut;
    }
}

static void put_date(struct buf *out, int64_t ms)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    if (gmtime_r(&seconds, &tm))
        buf_printf(out, "Date: %.3s, %d %.3s %d %02d:%02d:%02d +0000\n", days + 3 * tm.tm_wday,
                   tm.tm_mday, months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
                   tm.tm_sec);
}

static bool lines_fit(const char *text)
{
    for (const char *p = text; *p; p += *p == '\n') {
        size_t len = strcspn(p, "\n");
        if (len > LINE_MAX_8BIT)
            return false;
        p += len;
    }
    return true;
}

/* 76 characters a line. */
static void put_base64(struct buf *out, const char *text)
{
    size_t len = strlen(text);
    for (size_t at = 0; at < len; at += 57) {
        char line[80];
        size_t part = len - at < 57 ? len - at : 57;
        sodium_bin2base64(line, sizeof line, (const unsigned char *)text + at, part,
                          sodium_base64_VARIANT_ORIGINAL);
        buf_printf(out, "%s\n", line);
    }
}

/* A line that is a single dot would end the message for some commands. */
static void put_lines(struct buf *out, const char *text)
{
    for (const char *p = text; *p; p += *p == '\n') {
        size_t len = strcspn(p, "\n");
        size_t keep = len && p[len - 1] == '\r' ? len - 1 : len;
        buf_add(out, p, keep);
        buf_str(out, keep == 1 && *p == '.' ? " \n" : "\n");
        p += len;
    }
}

static void put_head(struct buf *out, const struct mailer *m, const struct mail *mail, bool ascii,
                     bool eight)
{
    unsigned char bytes[16];
    char id[33];
    m->env->random(m->env->ctx, bytes, sizeof bytes);
    sodium_bin2hex(id, sizeof id, bytes, sizeof bytes);
    buf_printf(out, "From: Raum <noreply@%s>\nTo: %s\nSubject: ", m->host, mail->to);
    if (ascii)
        buf_str(out, mail->subject);
    else
        put_words(out, mail->subject);
    buf_char(out, '\n');
    put_date(out, m->env->now_ms(m->env->ctx));
    buf_printf(out,
               "Message-ID: <%s@%s>\nMIME-Version: 1.0\n"
               "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: %s\n"
               "Auto-Submitted: auto-generated\n\n",
               id, m->host, eight ? "8bit" : "base64");
}

static int compose(const struct mailer *m, const struct mail *mail, struct buf *out,
                   struct raum_error *error)
{
    bool ascii, eight = lines_fit(mail->text);
    if (!plain_address(mail->to))
        return err_set(error, RAUM_EUSAGE, "not an address that mail can be sent to");
    if (!plain_subject(mail->subject, &ascii))
        return err_set(error, RAUM_EUSAGE, "not a subject");
    put_head(out, m, mail, ascii, eight);
    if (eight)
        put_lines(out, mail->text);
    else
        put_base64(out, mail->text);
    return buf_error(out, error);
}

/* ---- delivery */

static int store(struct mailer *m, const struct message *message)
{
    char *path = NULL;
    int rc = m->env->folder_make(m->env->ctx, m->outbox, 0700);
    long number = ++m->number;
    if (rc == 0 && asprintf(&path, "%s/%03ld.eml", m->outbox, number) < 0) {
        path = NULL;
        rc = RAUM_ENOMEM;
    }
    if (rc == 0)
        rc = m->env->file_write(m->env->ctx, path, message->data, message->len, 0600);
    free(path);
    if (rc)
        NET_LOG(m->log, LOG_ERROR, "mail-lost", {"code", raum_code_name(rc), 0});
    else
        NET_LOG(m->log, LOG_INFO, "mail-stored", {"number", NULL, number});
    return rc;
}

/* A file in memory as the command's standard input: it is never half there, and nobody waits for
 * the command to read. */
static int message_file(const struct message *message)
{
    int fd = memfd_create("mail", MFD_CLOEXEC);
    size_t done = 0;
    while (fd >= 0 && done < message->len) {
        ssize_t n = write(fd, message->data + done, message->len - done);
        if (n <= 0) {
            close(fd);
            return -1;
        }
        done += (size_t)n;
    }
    if (fd >= 0)
        lseek(fd, 0, SEEK_SET);
    return fd;
}

static int spawn(const char *command, int input, pid_t *pid)
{
    char *const arguments[] = {"sh", "-c", (char *)command, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, broken;
    sigemptyset(&none);
    sigemptyset(&broken);
    sigaddset(&broken, SIGPIPE);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, input, 0);
    posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addclosefrom_np(&files, 3);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &broken);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                              POSIX_SPAWN_SETPGROUP);
    int rc = posix_spawn(pid, "/bin/sh", &files, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return rc;
}

static bool must_stop(struct mailer *m, int64_t *by)
{
    pthread_mutex_lock(&m->mutex);
    bool stop = m->stop;
    *by = m->stop_by;
    pthread_mutex_unlock(&m->mutex);
    return stop;
}

/* Its exit status; -1: killed because it took too long. */
static int wait_for(struct mailer *m, pid_t pid)
{
    int64_t until = clock_ms() + COMMAND_MS, by;
    int status;
    for (;;) {
        pid_t ended = waitpid(pid, &status, WNOHANG);
        if (ended == pid)
            return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        if (must_stop(m, &by) && by < until)
            until = by;
        if (ended < 0 || clock_ms() >= until)
            break;
        const struct timespec pause = {.tv_nsec = 20 * 1000000};
        nanosleep(&pause, NULL);
    }
    kill(-pid, SIGKILL);
    waitpid(pid, &status, 0);
    return -1;
}

static bool run_command(struct mailer *m, const struct message *message)
{
    int input = message_file(message), status = -1;
    pid_t pid;
    if (input >= 0 && spawn(m->command, input, &pid) == 0)
        status = wait_for(m, pid);
    if (input >= 0)
        close(input);
    if (status == 0)
        NET_LOG(m->log, LOG_INFO, "mail-sent", {"bytes", NULL, (int64_t)message->len});
    else
        NET_LOG(m->log, LOG_WARNING, "mail-failed", {"status", NULL, status},
                {"try", NULL, message->tries + 1});
    return status == 0;
}

static void message_free(struct message *message)
{
    if (!message)
        return;
    free(message->data);
    free(message);
}

static void put_last(struct mailer *m, struct message *message)
{
    struct message **at = &m->first;
    while (*at)
        at = &(*at)->next;
    *at = message;
}

/* One message that is due; what cannot be sent in a few tries is kept as a file. */
static void deliver(struct mailer *m, struct message *message)
{
    int64_t by;
    bool late = must_stop(m, &by) && clock_ms() >= by;
    if (m->command && !late && run_command(m, message)) {
        message_free(message);
        return;
    }
    message->tries++;
    if (m->command && message->tries < TRIES && !must_stop(m, &by)) {
        message->due = clock_ms() + (message->tries == 1 ? 2000 : 20000);
        message->next = NULL;
        pthread_mutex_lock(&m->mutex);
        put_last(m, message);
        m->waiting++;
        pthread_mutex_unlock(&m->mutex);
        return;
    }
    (void)store(m, message);
    message_free(message);
}

/* Under the mutex: the first that is due (all are, when we stop); else *due is when one will be. */
static struct message *take_due(struct mailer *m, int64_t *due)
{
    int64_t now = clock_ms();
    *due = now + 60000;
    for (struct message **at = &m->first; *at; at = &(*at)->next) {
        struct message *one = *at;
        if (one->due <= now || m->stop) {
            *at = one->next;
            m->waiting--;
            return one;
        }
        if (one->due < *due)
            *due = one->due;
    }
    return NULL;
}

static void *run(void *arg)
{
    struct mailer *m = arg;
    pthread_mutex_lock(&m->mutex);
    for (;;) {
        int64_t due;
        struct message *message = take_due(m, &due);
        if (message) {
            pthread_mutex_unlock(&m->mutex);
            deliver(m, message);
            pthread_mutex_lock(&m->mutex);
        } else if (m->stop) {
            break;
        } else {
            const struct timespec until = {.tv_sec = due / 1000, .tv_nsec = due % 1000 * 1000000};
            pthread_cond_timedwait(&m->wake, &m->mutex, &until);
        }
    }
    pthread_mutex_unlock(&m->mutex);
    return NULL;
}

/* ---- the mailer */

static int note_number(void *arg, const char *name, int is_folder)
{
    struct mailer *m = arg;
    char *end;
    long number = strtol(name, &end, 10);
    if (!is_folder && strcmp(end, ".eml") == 0 && number > m->number && number < 1000000000)
        m->number = number;
    return 0;
}

static char *own_host(const struct server_options *o)
{
    struct arena scratch;
    char *host, *out;
    arena_init(&scratch, 65536);
    host = o->origin ? url_host(&scratch, o->origin) : NULL;
    if (host && *host != '[')
        host[strcspn(host, ":")] = '\0';
    if (!host)
        out = strdup("localhost");
    else if (*host == '[' || url_host_is_address(host))
        out = strdup("localhost.localdomain");
    else
        out = strdup(host);
    arena_release(&scratch);
    return out;
}

static int start(struct mailer *m, struct raum_error *error)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&m->mutex, NULL);
    pthread_cond_init(&m->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    if (pthread_create(&m->thread, NULL, run, m) != 0)
        return err_set(error, RAUM_ENOMEM, "no thread for the mail");
    m->running = true;
    return 0;
}

int mailer_new(struct mailer **out, const struct server_options *options, struct net_log *log,
               struct raum_error *error)
{
    struct mailer *m = *out = calloc(1, sizeof *m);
    if (!m)
        return err_set(error, RAUM_ENOMEM, NULL);
    m->env = options->env ? options->env : raum_env_native();
    m->log = log;
    m->host = own_host(options);
    m->command = options->mail_command ? strdup(options->mail_command) : NULL;
    if (asprintf(&m->outbox, "%s/outbox", options->data) < 0)
        m->outbox = NULL;
    int rc = !m->host || !m->outbox || (options->mail_command && !m->command)
                 ? err_set(error, RAUM_ENOMEM, NULL)
                 : start(m, error);
    if (rc == 0) {
        pthread_mutex_lock(&m->mutex);
        (void)m->env->folder_list(m->env->ctx, m->outbox, note_number, m); /* absent: none yet */
        pthread_mutex_unlock(&m->mutex);
        return 0;
    }
    mailer_free(m);
    *out = NULL;
    return rc;
}

void mailer_free(struct mailer *m)
{
    if (!m)
        return;
    if (m->running) {
        pthread_mutex_lock(&m->mutex);
        m->stop = true;
        m->stop_by = clock_ms() + STOP_MS;
        pthread_cond_signal(&m->wake);
        pthread_mutex_unlock(&m->mutex);
        pthread_join(m->thread, NULL);
        pthread_mutex_destroy(&m->mutex);
        pthread_cond_destroy(&m->wake);
    }
    free(m->command);
    free(m->outbox);
    free(m->host);
    free(m);
}

static int queue(struct mailer *m, struct message *message, struct raum_error *error)
{
    pthread_mutex_lock(&m->mutex);
    bool full = m->waiting >= WAITING_MAX;
    if (!full) {
        put_last(m, message);
        m->waiting++;
        pthread_cond_signal(&m->wake);
    }
    pthread_mutex_unlock(&m->mutex);
    return full ? err_set(error, RAUM_ELIMIT, "too much mail waits") : 0;
}

int mailer_send(struct mailer *m, const struct mail *mail, struct raum_error *error)
{
    struct message *message = calloc(1, sizeof *message);
    struct buf text;
    if (!message)
        return err_set(error, RAUM_ENOMEM, NULL);
    buf_init(&text, MESSAGE_MAX);
    int rc = compose(m, mail, &text, error);
    if (rc == 0) {
        message->data = buf_detach(&text, &message->len);
        rc = message->data ? queue(m, message, error) : err_set(error, RAUM_ENOMEM, NULL);
    }
    buf_release(&text);
    if (rc)
        message_free(message);
    return rc;
}
