#define _GNU_SOURCE /* posix_spawn_file_actions_addclosefrom_np */
#include "image/resize.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A fresh process now and then: whatever a decoder leaks or fragments ends with it. */
#define PICTURES_MAX 200
#define TEXT_MAX 300

struct image_resizer {
    char *program;
    const char *const *args;
    int timeout_ms;
    pid_t pid; /* 0: no worker */
    int fd;
    int served;
    int64_t deadline; /* of the picture at work */
};

struct reply {
    int32_t code;
    uint32_t width, height;
    uint32_t lens[3];
};
struct request {
    uint32_t kind, count;
    uint32_t lens[IMAGE_PARTS_MAX];
};

static int64_t monotonic_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int image_resizer_new(struct image_resizer **resizer, const struct image_options *options,
                      struct raum_error *error)
{
    static const char *const args[] = {"raum", "image-worker", NULL};
    struct image_resizer *r = calloc(1, sizeof *r);
    char *program = strdup(options->program);
    *resizer = NULL;
    if (!r || !program) {
        free(r);
        free(program);
        return err_set(error, RAUM_ENOMEM, NULL);
    }
    *r = (struct image_resizer){
        .program = program,
        .args = options->args ? options->args : args,
        .timeout_ms = options->timeout_ms ? options->timeout_ms : IMAGE_TIMEOUT_MS,
        .fd = -1,
    };
    *resizer = r;
    return 0;
}

/* Returns the worker's wait status. */
static int stop(struct image_resizer *r)
{
    int status = 0;
    if (r->fd >= 0)
        close(r->fd);
    if (r->pid) {
        kill(r->pid, SIGKILL);
        while (waitpid(r->pid, &status, 0) < 0 && errno == EINTR)
            ;
    }
    r->fd = -1;
    r->pid = 0;
    r->served = 0;
    return status;
}

void image_resizer_free(struct image_resizer *r)
{
    if (!r)
        return;
    stop(r);
    free(r->program);
    free(r);
}

/* 1: the socket is ready; 0: the deadline has passed. */
static int wait_for(const struct image_resizer *r, short events)
{
    for (;;) {
        int64_t left = r->deadline - monotonic_ms();
        struct pollfd p = {.fd = r->fd, .events = events};
        int n = left > 0 ? poll(&p, 1, left > 60000 ? 60000 : (int)left) : 0;
        if (n > 0)
            return 1;
        if (n < 0 && errno != EINTR)
            return 1; /* the read or write that follows says what is wrong */
        if (left <= 0)
            return 0;
    }
}

/* 0, RAUM_ELIMIT when the deadline passed, RAUM_EIO when the worker is gone. */
static int transfer(struct image_resizer *r, void *data, size_t len, bool out)
{
    for (char *at = data; len > 0;) {
        if (!wait_for(r, out ? POLLOUT : POLLIN))
            return RAUM_ELIMIT;
        ssize_t n = out ? send(r->fd, at, len, MSG_NOSIGNAL | MSG_DONTWAIT)
                        : recv(r->fd, at, len, MSG_DONTWAIT);
        if (n > 0) {
            at += n;
            len -= (size_t)n;
        } else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
            return RAUM_EIO;
        }
    }
    return 0;
}

static int spawn_worker(struct image_resizer *r, int theirs)
{
    /* Decoded pixels stay in memory: no private photograph in a temporary file. */
    static char *const env[] = {"VIPS_CONCURRENCY=1", "VIPS_DISC_THRESHOLD=4g",
                                "MALLOC_ARENA_MAX=2", NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none, defaults;
    if (posix_spawn_file_actions_init(&actions))
        return ENOMEM;
    if (posix_spawnattr_init(&attr)) {
        posix_spawn_file_actions_destroy(&actions);
        return ENOMEM;
    }
    sigemptyset(&none);
    sigfillset(&defaults);
    int rc = posix_spawn_file_actions_adddup2(&actions, theirs, 0);
    rc = rc ? rc : posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", 1, 0);
    rc = rc ? rc : posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", 1, 0);
    rc = rc ? rc : posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    rc = rc ? rc : posix_spawn_file_actions_addchdir_np(&actions, "/");
    rc = rc ? rc : posix_spawnattr_setsigmask(&attr, &none);
    rc = rc ? rc : posix_spawnattr_setsigdefault(&attr, &defaults);
    rc = rc ? rc : posix_spawnattr_setpgroup(&attr, 0);
    rc = rc ? rc
            : posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                  POSIX_SPAWN_SETPGROUP);
    rc = rc ? rc : posix_spawn(&r->pid, r->program, &actions, &attr, (char *const *)r->args, env);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attr);
    if (rc)
        r->pid = 0;
    return rc;
}

static int no_worker(struct image_resizer *r, const char *why, struct raum_error *error)
{
    stop(r);
    err_at(error, "image", RAUM_ENOT_CONFIGURED, "cannot start the image worker: %s", why);
    return RAUM_ENOT_CONFIGURED;
}

/* A worker that has said it is ready, or an error. */
static int start(struct image_resizer *r, struct raum_error *error)
{
    int pair[2];
    char hello[4];
    if (r->pid && r->served < PICTURES_MAX)
        return 0;
    stop(r);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
        return no_worker(r, strerror(errno), error);
    r->fd = pair[0];
    int rc = spawn_worker(r, pair[1]);
    close(pair[1]);
    if (rc)
        return no_worker(r, strerror(rc), error);
    if (transfer(r, hello, sizeof hello, false) || memcmp(hello, "RIW1", 4) != 0)
        return no_worker(r, "it does not say that it is ready", error);
    return 0;
}

/* The worker broke off. Says how, and leaves no worker behind. */
static int broken(struct image_resizer *r, int rc, struct raum_error *error)
{
    int status = stop(r);
    if (rc == RAUM_ELIMIT || (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU))
        return err_at(error, "image", RAUM_ELIMIT,
                      "the picture took longer than %d seconds to read", r->timeout_ms / 1000);
    return err_at(error, "image", RAUM_EUNSUPPORTED_MEDIA,
                  "the picture cannot be read: its decoder broke off");
}

static int read_error(struct image_resizer *r, const struct reply *reply, struct raum_error *error)
{
    char text[TEXT_MAX + 1] = "";
    size_t len = reply->lens[0];
    if (len > TEXT_MAX || transfer(r, text, len, false))
        return broken(r, RAUM_EIO, error);
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < ' ' || (unsigned char)text[i] > '~')
            text[i] = ' ';
    int code = reply->code == RAUM_ETOO_LARGE ? RAUM_ETOO_LARGE : RAUM_EUNSUPPORTED_MEDIA;
    return err_at(error, "image", code, "%s", text);
}

/* Appends what the worker made; a picture that nobody asked for is a lie. */
static int take_outputs(struct image_resizer *r, const struct reply *reply,
                        struct buf *const outs[3])
{
    size_t before[3];
    int rc = 0;
    for (int i = 0; i < 3; i++)
        before[i] = outs[i] ? outs[i]->len : 0;
    for (int i = 0; rc == 0 && i < 3; i++) {
        char *room = outs[i] ? buf_room(outs[i], reply->lens[i]) : NULL;
        if (!outs[i] && reply->lens[i] == 0)
            continue;
        rc = room ? transfer(r, room, reply->lens[i], false) : RAUM_EIO;
        if (rc == 0)
            outs[i]->len += reply->lens[i];
    }
    for (int i = 0; rc && i < 3; i++)
        if (outs[i])
            outs[i]->len = before[i];
    return rc;
}

static int exchange(struct image_resizer *r, struct request *q, const void *const *parts,
                    struct reply *reply, struct buf *const outs[3])
{
    int rc = transfer(r, q, sizeof *q, true);
    for (uint32_t i = 0; rc == 0 && i < q->count; i++)
        rc = transfer(r, (void *)parts[i], q->lens[i], true);
    if (rc == 0)
        rc = transfer(r, reply, sizeof *reply, false);
    return rc == 0 && reply->code == 0 ? take_outputs(r, reply, outs) : rc;
}

static int run(struct image_resizer *r, struct request *q, const void *const *parts,
               struct reply *reply, struct buf *const outs[3], struct raum_error *error)
{
    int tries = 0, rc = 0;
    for (bool again = true; again; tries++) {
        r->deadline = monotonic_ms() + r->timeout_ms;
        rc = start(r, error);
        if (rc)
            return rc;
        rc = exchange(r, q, parts, reply, outs);
        /* It may have died of something else than this picture: a second one decides. */
        again = rc == RAUM_EIO && tries == 0;
        if (again)
            stop(r);
    }
    if (rc)
        return broken(r, rc, error);
    r->served++;
    return reply->code ? read_error(r, reply, error) : 0;
}

int image_resize(void *resizer, const void *data, size_t len, struct buf variants[3],
                 uint32_t *width, uint32_t *height, struct raum_error *error)
{
    struct reply reply = {0};
    struct request q = {.kind = IMAGE_VARIANTS, .count = 1, .lens = {(uint32_t)len}};
    struct buf *const outs[3] = {&variants[0], &variants[1], &variants[2]};
    if (len > UINT32_MAX)
        return err_at(error, "image", RAUM_ETOO_LARGE, NULL);
    int rc = run(resizer, &q, &data, &reply, outs, error);
    *width = reply.width;
    *height = reply.height;
    return rc;
}

int image_upright(void *resizer, const void *data, size_t len, struct buf *png,
                  struct raum_error *error)
{
    struct reply reply = {0};
    struct request q = {.kind = IMAGE_UPRIGHT, .count = 1, .lens = {(uint32_t)len}};
    struct buf *const outs[3] = {png, NULL, NULL};
    if (len > UINT32_MAX)
        return err_at(error, "image", RAUM_ETOO_LARGE, NULL);
    return run(resizer, &q, &data, &reply, outs, error);
}

int image_sheet(void *resizer, const char *words, const void *const *pictures, const size_t *lens,
                int count, struct buf *jpeg, struct raum_error *error)
{
    struct reply reply = {0};
    struct request q = {.kind = IMAGE_SHEET, .lens = {(uint32_t)strlen(words)}};
    const void *parts[IMAGE_PARTS_MAX] = {words};
    struct buf *const outs[3] = {jpeg, NULL, NULL};
    if (count < 1 || count >= IMAGE_PARTS_MAX)
        return err_at(error, "image", RAUM_EUSAGE, "a sheet shows one to %d pictures",
                      IMAGE_PARTS_MAX - 1);
    for (int i = 0; i < count; i++) {
        if (lens[i] > UINT32_MAX)
            return err_at(error, "image", RAUM_ETOO_LARGE, NULL);
        q.lens[i + 1] = (uint32_t)lens[i];
        parts[i + 1] = pictures[i];
    }
    q.count = (uint32_t)count + 1;
    return run(resizer, &q, parts, &reply, outs, error);
}
