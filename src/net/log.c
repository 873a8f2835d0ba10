#include "net/log.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define LINE_BYTES_MAX 16384

struct net_log {
    int fd;
    enum net_log_level least;
    int64_t (*now_ms)(void *);
    void *ctx;
    pthread_mutex_t lock;
    struct buf line; /* reused, under the lock */
};

int net_log_new(struct net_log **out, int fd, enum net_log_level least, int64_t (*now_ms)(void *),
                void *ctx, struct raum_error *error)
{
    struct net_log *log = calloc(1, sizeof *log);
    *out = log;
    if (!log)
        return err_set(error, RAUM_ENOMEM, NULL);
    *log = (struct net_log){.fd = fd, .least = least, .now_ms = now_ms, .ctx = ctx};
    buf_init(&log->line, LINE_BYTES_MAX);
    pthread_mutex_init(&log->lock, NULL);
    return 0;
}

void net_log_free(struct net_log *log)
{
    if (!log)
        return;
    pthread_mutex_destroy(&log->lock);
    buf_release(&log->line);
    free(log);
}

static const char *level_name(enum net_log_level level)
{
    switch (level) {
    case LOG_DEBUG:
        return "debug";
    case LOG_INFO:
        return "info";
    case LOG_WARNING:
        return "warning";
    case LOG_ERROR:
        return "error";
    }
    return "error";
}

/* One write for a line, so that lines of several processes on one file do not mix. What a full disk
 * or a closed pipe refuses is lost: a server does not stop for its log. */
static void write_line(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        data += n;
        len -= (size_t)n;
    }
}

void net_log_line(struct net_log *log, enum net_log_level level, const char *event,
                  const struct net_log_field *fields, int count)
{
    char at[CLOCK_TEXT];
    struct json_writer w;
    if (!log || level < log->least)
        return;
    clock_format_ms(log->now_ms(log->ctx), at);
    pthread_mutex_lock(&log->lock);
    buf_reset(&log->line);
    json_begin(&w, &log->line);
    json_open_object(&w);
    json_put_key(&w, "at");
    json_put_str(&w, at);
    json_put_key(&w, "level");
    json_put_str(&w, level_name(level));
    json_put_key(&w, "event");
    json_put_str(&w, event);
    for (int i = 0; i < count; i++) {
        json_put_key(&w, fields[i].key);
        if (fields[i].text)
            json_put_str(&w, fields[i].text);
        else
            json_put_int(&w, fields[i].number);
    }
    json_close_object(&w);
    buf_char(&log->line, '\n');
    if (buf_error(&log->line, NULL) == 0)
        write_line(log->fd, log->line.data, log->line.len);
    pthread_mutex_unlock(&log->lock);
}
