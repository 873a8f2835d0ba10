#include "cli/ahead.h"
#include "cli/cli.h"
#include <string.h>

#define PATH_MAX_BYTES 4096

void ahead_path(struct buf *out, const struct session_step *step)
{
    buf_str(out, "/api/v1/sync");
    if (step->space) {
        buf_str(out, "?space=");
        remote_escape(out, step->space);
    }
}

static void *ask(void *arg)
{
    struct ahead *a = arg;
    struct raum_error unsaid = {0}; /* whoever takes the answer sees its status */
    (void)!remote_send(&a->remote, "POST", buf_text(&a->path), "application/json",
                       buf_text(&a->body), a->body.len, &a->answer, &unsaid);
    return NULL;
}

static void settle(struct ahead *a)
{
    if (a->running)
        pthread_join(a->thread, NULL);
    a->running = false;
}

/* Without memory or a thread it is asked when it is due. */
static void begin(void *arg, const struct session_step *step)
{
    struct ahead *a = arg;
    settle(a);
    remote_answer_release(&a->answer);
    buf_reset(&a->path);
    buf_reset(&a->body);
    ahead_path(&a->path, step);
    buf_add(&a->body, step->body, step->len);
    if (buf_error(&a->path, NULL) == 0 && buf_error(&a->body, NULL) == 0)
        a->running = pthread_create(&a->thread, NULL, ask, a) == 0;
}

void ahead_init(struct ahead *a, const struct remote *r, struct session *s)
{
    *a = (struct ahead){.remote = *r, .session = s};
    a->remote.client = NULL;
    buf_init(&a->path, PATH_MAX_BYTES);
    buf_init(&a->body, 65536);
    session_on_ahead(s, begin, a);
}

void ahead_release(struct ahead *a)
{
    session_on_ahead(a->session, NULL, NULL);
    settle(a);
    remote_answer_release(&a->answer);
    remote_release(&a->remote);
    buf_release(&a->path);
    buf_release(&a->body);
}

bool ahead_take(struct ahead *a, const char *path, const struct session_step *step,
                struct remote_answer *out)
{
    if (!a->running)
        return false;
    settle(a);
    bool same = a->body.len == step->len && memcmp(a->body.data, step->body, step->len) == 0 &&
                strcmp(buf_text(&a->path), path) == 0;
    if (same)
        *out = a->answer;
    else
        remote_answer_release(&a->answer);
    a->answer = (struct remote_answer){0};
    return same;
}
