#include "base/err.h"
#include "cli/sync_watch.h"
#include "cli/try_on.h"
#include <stdlib.h>
#include <string.h>

#define PATH "/api/v1/picture/generate-with-reference"
#define WAIT_MS 290000 /* a picture takes minutes; the server gives up before */

/* One round of rows, both ways. */
static int exchange(struct cli *cli)
{
    struct session *s = NULL;
    int rc = session_new(&s, cli->raum, &cli->error);
    if (rc == 0)
        rc = sync_round(cli, s);
    session_free(s);
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

/* The picture's bytes, checked and kept as any other. */
static int fetch(struct cli *cli, struct pool *pool, const struct picture_order *order,
                 struct tried *t)
{
    struct remote_answer answer;
    struct media_item item;
    struct buf path;
    char id[RAUM_ID_MAX];
    buf_init(&path, 4096);
    buf_str(&path, "/api/v1/media/");
    remote_escape(&path, t->answer.made[0].media);
    buf_str(&path, "?space=");
    remote_escape(&path, order->space);
    int rc = remote_send(cli->remote, "GET", buf_text(&path), NULL, NULL, 0, &answer, &cli->error);
    buf_release(&path);
    if (rc == 0)
        t->data = buf_detach(&answer.raw.body, &t->len);
    remote_answer_release(&answer);
    snprintf(id, sizeof id, "%s", t->answer.made[0].media);
    if (rc == 0)
        rc = pictures_prepare(&pool->pictures, t->data, t->len, &item, &cli->error);
    if (rc == 0)
        rc = raum_begin(cli->raum, &cli->error);
    if (rc)
        return rc;
    rc = pictures_add(&pool->pictures, cli->scope->space, "picture", t->data, t->len, id, &item,
                      &cli->error);
    if (rc == RAUM_EEXISTS) { /* another process of this device was quicker */
        raum_rollback(cli->raum);
        return 0;
    }
    if (rc == 0)
        return raum_commit(cli->raum, &cli->error);
    raum_rollback(cli->raum);
    return rc;
}

int try_on_server(struct cli *cli, struct pool *pool, const struct picture_order *order,
                  struct tried *out)
{
    struct out_progress progress;
    int rc = exchange(cli);
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
        rc = exchange(cli);
    for (int i = 0; i < out->answer.count && rc == 0; i++)
        rc = images_prompt(cli->scope, out->answer.made[i].id, order->prompt, &cli->error);
    if (rc == 0)
        rc = fetch(cli, pool, order, out);
    return rc ? rc : exchange(cli); /* the prompt goes, sealed in one's own space */
}
