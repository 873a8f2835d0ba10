/* Pictures between this device and the server (sync/media.h): the host carries requests and
 * answers. And what of it the user sees: what the server refused. */
#include "base/err.h"
#include "engine/intern.h"
#include "engine/media_work.h"
#include "engine/spaces.h"
#include "wasm/app.h"
#include <string.h>

static int64_t now_ms(const struct call *c)
{
    return c->app->raum->env->now_ms(c->app->raum->env->ctx);
}

/* Begins, or begins anew: an upload goes on behind what the server has. Originals are fetched by
 * the host when somebody looks at one. */
static int start(struct call *c)
{
    static const struct media_plan plan = {.send = true, .thumbs = true};
    struct app *app = c->app;
    media_sync_free(app->media);
    app->media = NULL;
    int rc = media_sync_new(&app->media, &app->pictures, &plan, c->error);
    return rc ? rc : media_sync_want_all(app->media, c->error);
}

static int stop(struct call *c)
{
    media_sync_free(c->app->media);
    c->app->media = NULL;
    return 0;
}

static int need(struct call *c)
{
    return c->app->media ? 0 : start(c);
}

/* {action: ask|wait|idle|stopped, method, path, headers: [[name, value]…], until, trouble}; the
 * body as bytes. until: when there is something to do, null: not before something happens. */
static int next(struct call *c)
{
    static const char *const actions[] = {"ask", "wait", "idle", "stopped"};
    struct media_step step = {0};
    int rc = need(c);
    if (rc == 0)
        rc = media_sync_next(c->app->media, now_ms(c), &step, c->error);
    if (rc)
        return rc;
    buf_add(c->bytes, step.body ? step.body : "", step.len);
    json_open_object(c->out);
    answer_str(c, "action", actions[step.action]);
    answer_str(c, "method", step.method);
    answer_str(c, "path", step.path);
    json_put_key(c->out, "headers");
    json_open_array(c->out);
    for (int i = 0; i < MEDIA_STEP_HEADERS && step.headers[i]; i++) {
        const char *colon = strstr(step.headers[i], ": ");
        json_open_array(c->out);
        json_put_text(c->out, step.headers[i], (size_t)(colon - step.headers[i]));
        json_put_str(c->out, colon + 2);
        json_close_array(c->out);
    }
    if (step.type) {
        json_open_array(c->out);
        json_put_str(c->out, "Content-Type");
        json_put_str(c->out, step.type);
        json_close_array(c->out);
    }
    json_close_array(c->out);
    json_put_key(c->out, "until");
    if (step.action == MEDIA_ASK || step.action == MEDIA_STOPPED || step.until == INT64_MAX)
        json_put_null(c->out);
    else
        json_put_int(c->out, step.until);
    answer_str(c, "trouble", media_sync_trouble(c->app->media));
    json_close_object(c->out);
    return 0;
}

static const char *header(void *arg, const char *name)
{
    struct call *c = arg;
    return json_str(json_get(json_get(c->args, "headers"), name), c->arena);
}

/* {status, retryMs, headers: {name: value}}, the body as bytes. */
static int answer(struct call *c)
{
    const struct media_heard heard = {.status = (int)call_number(c, "status"),
                                      .retry_ms = call_number(c, "retryMs"),
                                      .body = c->blob ? c->blob : "",
                                      .len = c->blob_len,
                                      .arg = c,
                                      .header = header};
    int rc = need(c);
    return rc ? rc : media_sync_answer(c->app->media, now_ms(c), &heard, c->error);
}

/* {id, space, facts}, the bytes: a thumb that somebody wanted to see at once, with the server's
 * header about it → {kept}. */
static int take(struct call *c)
{
    const char *id = call_text(c, "id"), *which = call_text(c, "space");
    const struct space *s = NULL;
    bool kept = false;
    int rc = id && which ? spaces_find(c->app->raum, which, &s, c->error) : c->error->code;
    if (rc == 0)
        rc = media_sync_take_thumb(&c->app->pictures, s->ref, id, call_maybe(c, "facts"),
                                   c->blob ? c->blob : "", c->blob_len, &kept, c->error);
    json_open_object(c->out);
    answer_flag(c, "kept", kept);
    json_close_object(c->out);
    return rc;
}

/* What waits for its time is due now. */
static int hurry(struct call *c)
{
    return media_work_retry(c->app->raum, false, c->error);
}

static int retry(struct call *c)
{
    return media_work_retry(c->app->raum, true, c->error);
}

static int put_refused(void *arg, uint32_t space, const char *id, enum media_work work, int code,
                       const char *note, struct raum_error *error)
{
    struct call *c = arg;
    const struct space *s = intern_space(c->app->raum, space);
    (void)error;
    json_open_object(c->out);
    answer_str(c, "space", s ? s->id : NULL);
    answer_str(c, "id", id);
    answer_str(c, "work", work == MEDIA_DO_SEND    ? "send"
                          : work == MEDIA_DO_ERASE ? "erase"
                                                   : "fetch");
    answer_str(c, "code", raum_code_name(code));
    answer_str(c, "note", note);
    json_close_object(c->out);
    return 0;
}

static int refused(struct call *c)
{
    json_open_array(c->out);
    int rc = media_work_refused(c->app->raum, put_refused, c, c->error);
    json_close_array(c->out);
    return rc;
}

const struct call_entry calls_media_sync[] = {
    {"media.start", start, CALL_READ},
    {"media.stop", stop, CALL_READ},
    {"media.next", next, CALL_READ},
    {"media.answer", answer, CALL_READ},
    {"media.take", take, CALL_READ},
    {"media.hurry", hurry, CALL_READ},
    {"upload.refused", refused, CALL_READ},
    {"upload.retry", retry, CALL_ONCE},
    {0},
};
