#include "base/err.h"
#include "cli/sync_watch.h"
#include "cli/try_on.h"
#include <stdlib.h>
#include <string.h>

#define PATH "/api/v1/picture/generate-with-reference"
#define WAIT_MS 290000 /* a picture takes minutes; the server gives up before */

/* One round of rows, both ways; before an order also what is new of pictures goes. */
static int exchange(struct cli *cli, bool pictures)
{
    static const struct media_plan plan = {.send = true};
    struct sync_media media;
    struct session *s = NULL;
    int rc = session_new(&s, cli->raum, &cli->error);
    if (rc == 0)
        rc = sync_round(cli, s);
    session_free(s);
    if (rc || !pictures)
        return rc;
    rc = sync_media_open(&media, cli, &plan);
    if (rc == 0)
        rc = sync_media_round(&media);
    sync_media_close(&media);
    return rc;
}

static void put(struct json_writer *w, const char *key, const char *text)
{
    if (!text)
        return;
    json_put_key(w, key);
    json_put_str(w, text);
}

static void put_order(struct buf *out, const struct picture_order *o)
{
    struct json_writer w;
    json_begin(&w, out);
    json_open_object(&w);
    put(&w, "spaceId", o->space);
    put(&w, "prompt", o->prompt);
    put(&w, "model", o->model);
    put(&w, "quality", o->quality);
    put(&w, "size", o->size);
    put(&w, "visibility", o->share ? "space" : "private");
    put(&w, "wardrobeOutfitId", o->outfit);
    put(&w, "wardrobeGarmentId", o->garment);
    put(&w, "agent", o->agent);
    put(&w, "language", text_is_german() ? "de" : "en");
    json_put_key(&w, "n");
    json_put_int(&w, o->n < 1 ? 1 : o->n);
    json_put_key(&w, "referenceMediaIds");
    json_open_array(&w);
    for (int i = 0; i < o->reference_count; i++)
        json_put_str(&w, o->references[i]);
    json_close_array(&w);
    json_close_object(&w);
}

static bool copy(char *out, size_t size, struct json_value v, struct arena *a)
{
    const char *text = json_str(v, a);
    if (!text || strlen(text) >= size)
        return false;
    memcpy(out, text, strlen(text) + 1);
    return true;
}

static int read_answer(struct json_value root, struct picture_answer *out, struct raum_error *error)
{
    struct arena a;
    struct json_value images = json_get(root, "images");
    arena_init(&a, (size_t)1 << 20);
    bool good = copy(out->model, sizeof out->model, json_get(root, "model"), &a);
    for (struct json_value v = json_first(images); v.doc && good && out->count < PICTURE_MADE_MAX;
         v = json_next(images, v)) {
        struct picture_made *m = &out->made[out->count++];
        good = copy(m->id, sizeof m->id, json_get(v, "id"), &a) &&
               copy(m->media, sizeof m->media, json_get(v, "mediaId"), &a);
    }
    arena_release(&a);
    return good && out->count ? 0
                              : err_set(error, RAUM_EPROVIDER_FAILED, "%s",
                                        tr("the server's answer cannot be understood"));
}

int try_on_ask(void *ctx, const struct picture_order *order, struct picture_answer *out,
               struct raum_error *error)
{
    struct cli *cli = ctx;
    struct remote_answer answer;
    struct buf body;
    int before = cli->remote->timeout_ms;
    *out = (struct picture_answer){.count = 0};
    buf_init(&body, (size_t)512 << 10);
    put_order(&body, order);
    cli->remote->timeout_ms = WAIT_MS;
    int rc = remote_ask(cli->remote, "POST", PATH, &body, &answer, error);
    cli->remote->timeout_ms = before;
    if (rc == 0)
        rc = read_answer(answer.root, out, error);
    remote_answer_release(&answer);
    buf_release(&body);
    return rc;
}

static int fetch(struct cli *cli, struct pool *pool, struct tried *t)
{
    enum media_type type;
    const uint32_t space = cli->scope->space;
    const struct picture_answer *made = &t->answer;
    int rc = 0;
    for (int i = 0; i < made->count && rc == 0; i++)
        rc = sync_media_fetch(cli, space, made->made[i].media);
    return rc ? rc
              : pictures_read(&pool->pictures, space, made->made[0].media, MEDIA_ORIGINAL, &t->data,
                              &t->len, &type, &cli->error);
}

static int order_made(struct cli *cli, struct pool *pool, const struct picture_order *order,
                      struct tried *out)
{
    struct out_progress progress;
    int rc = exchange(cli, true);
    if (rc)
        return rc;
    out_progress_begin(&progress, &cli->out);
    out_progress(&progress, tr("the picture is being made"), 0);
    rc = try_on_ask(cli, order, &out->answer, &cli->error);
    out_progress_end(&progress);
    if (rc == RAUM_ENOT_FOUND)
        return cli_fail(cli, rc, "%s",
                        tr("the server does not have these pictures, or not as yours: raum sync, "
                           "then try again"));
    if (rc == 0) /* its row comes */
        rc = exchange(cli, false);
    for (int i = 0; i < out->answer.count && rc == 0; i++)
        rc = images_prompt(cli->scope, out->answer.made[i].id, order->prompt, &cli->error);
    if (rc == 0)
        rc = fetch(cli, pool, out);
    return rc ? rc : exchange(cli, false); /* the prompt goes, sealed in one's own space */
}

struct giving_up {
    bool (*stop)(void *arg);
    void *arg;
};

static bool gives_up(void *arg)
{
    const struct giving_up *g = arg;
    return cli_stop || (g->stop && g->stop(g->arg));
}

int try_on_server(struct cli *cli, struct pool *pool, const struct picture_order *order,
                  bool (*stop)(void *arg), void *arg, struct tried *out)
{
    struct giving_up g = {stop, arg};
    cli->remote->stop = gives_up;
    cli->remote->stop_arg = &g;
    int rc = order_made(cli, pool, order, out);
    cli->remote->stop = NULL; /* what is said at the end is brief, and said */
    cli->remote->stop_arg = NULL;
    return rc && gives_up(&g) ? err_set(&cli->error, RAUM_EINTERRUPTED, "%s", tr("interrupted"))
                              : rc;
}
