/* `raum try-on`: yourself in an outfit or a garment, from your own pictures of this space. */
#include "base/err.h"
#include "cli/cmd_wardrobe.h"
#include "cli/online.h"
#include "cli/try_on.h"
#include "engine/intern.h"
#include <stdlib.h>
#include <string.h>

struct trying {
    struct cli *cli;
    struct try_on_wish wish;
    char outfit[RAUM_ID_MAX], garment[RAUM_ID_MAX];
    struct try_on t;
    bool here; /* a collage on this device */
};

/* Why nothing can be made, and what to do about it. */
static int say_lack(struct trying *y, int rc)
{
    struct cli *cli = y->cli;
    switch (y->t.lack) {
    case LACK_GARMENT:
        return cli_fail(cli, rc, "%s",
                        tr("nothing of it can be shown: its garments are gone, or have no "
                           "photograph"));
    case LACK_FACE:
        return cli_fail(cli, rc, "%s",
                        tr("this space has no picture of your face; add one: raum image add "
                           "FACE.jpg --slot face-ref --ai"));
    case LACK_PERSON:
        return cli_fail(cli, rc, "%s",
                        tr("this space has no picture of you; add them: raum image add FACE.jpg "
                           "--slot face-ref --ai, raum image add BODY.jpg --slot body-ref --ai"));
    case LACK_CONSENT:
        return cli_fail(cli, rc,
                        tr("AI may not use your pictures in this space; if it may: raum image ai "
                           "%s on"),
                        y->t.lack_image);
    case LACK_NOTHING:
        break;
    }
    return rc;
}

static void say_notes(const struct trying *y)
{
    const struct cli *cli = y->cli;
    const struct try_on *t = &y->t;
    const struct space *s = intern_space(cli->raum, cli->scope->space);
    if (s && s->type > 0) /* not the personal one */
        cli_note(cli, tr("used are your own pictures in this space (%s)"), s->name);
    if (t->left_out)
        cli_note(cli, tr("left out: %d (gone, without a photograph, or too many)"), t->left_out);
    if (t->garments > TRY_ON_MANY)
        cli_note(cli, tr("more than %d garments: some may get lost in the picture"), TRY_ON_MANY);
    if (t->no_body)
        cli_note(cli, "%s",
                 tr("better with your whole figure: raum image add BODY.jpg --slot "
                    "body-ref --ai"));
    else if (t->no_face)
        cli_note(cli, "%s",
                 tr("better with your face: raum image add FACE.jpg --slot face-ref "
                    "--ai"));
}

static int find(struct trying *y)
{
    struct cli *cli = y->cli;
    const char *garment = cli_value(cli, "--garment");
    if (!garment == (cli->count == 0))
        return cli_usage(cli, "%s", tr("an outfit, or --garment and one garment"));
    int rc = cli_open_scope(cli);
    if (rc == 0)
        rc = garment ? garment_find(cli, garment, y->garment)
                     : outfit_find(cli, cli->words[0], y->outfit);
    if (rc)
        return rc;
    y->wish = (struct try_on_wish){.outfit = garment ? NULL : y->outfit,
                                   .garment = garment ? y->garment : NULL,
                                   .prompt = cli_value(cli, "--prompt")};
    return 0;
}

static bool is_stopped(void *arg)
{
    (void)arg;
    return cli_stop;
}

/* Whoever has no server has the collage; whose server is away is told of it. */
static int reach(struct trying *y)
{
    struct cli *cli = y->cli;
    if (cli_switch(cli, "--collage"))
        y->here = true;
    else if (!online_has(cli)) {
        y->here = true;
        cli_note(cli, "%s",
                 tr("made on this device, as a collage of your photographs; a server can do more: "
                    "raum login"));
    }
    if (y->here)
        return 0;
    cli->remote->stop = is_stopped;
    int rc = online_open(cli);
    if (rc == RAUM_EUNREACHABLE)
        return cli_fail(cli, rc, "%s",
                        tr("the server cannot be reached: try again later, or make a collage on "
                           "this device with --collage"));
    return rc;
}

static int write_out(struct cli *cli, const struct tried *tried)
{
    const char *path = cli_value(cli, "--out");
    const struct raum_env *env = cli->raum->env;
    if (!path)
        return 0;
    int rc = env->file_write(env->ctx, path, tried->data, tried->len, 0600);
    return rc ? cli_fail(cli, rc, tr("cannot write %s: %s"), path, tr(raum_code_text(rc))) : 0;
}

static void print_json(struct cli *cli, const struct trying *y, const struct picture_made *m,
                       const char *model, const char *file)
{
    struct json_writer w;
    struct buf text;
    buf_init(&text, (size_t)1 << 16);
    json_begin(&w, &text);
    json_open_object(&w);
    json_put_key(&w, "id");
    json_put_str(&w, m->id);
    json_put_key(&w, "mediaId");
    json_put_str(&w, m->media);
    json_put_key(&w, "model");
    json_put_str(&w, model);
    json_put_key(&w, "size");
    json_put_str(&w, y->t.size);
    json_put_key(&w, "referenceMediaIds");
    json_open_array(&w);
    for (int i = 0; i < y->t.count; i++)
        json_put_str(&w, y->t.media[i]);
    json_close_array(&w);
    json_put_key(&w, "file");
    json_put_str(&w, file);
    json_close_object(&w);
    out_json(&cli->out, &text);
    buf_release(&text);
}

static void print(struct trying *y, struct pool *pool, const struct tried *tried)
{
    struct cli *cli = y->cli;
    const struct picture_made *m = &tried->answer.made[0];
    const char *file = cli_value(cli, "--out");
    char path[MEDIA_PATH_MAX] = "";
    if (!file && pictures_path(&pool->pictures, cli->scope->space, m->media, MEDIA_ORIGINAL, path,
                               NULL) == 0)
        file = path;
    if (cli->json) {
        print_json(cli, y, m, tried->answer.model, file);
    } else if (!cli->quiet) {
        out_pair(&cli->out, "id", "%s", m->id);
        out_pair(&cli->out, tr("made by"), "%s", tried->answer.model);
        if (file)
            out_pair(&cli->out, tr("file"), "%s", file);
    }
}

static int make(struct trying *y)
{
    struct cli *cli = y->cli;
    struct pool pool;
    struct tried tried = {.data = NULL};
    struct picture_order order = {.prompt = buf_text(&y->t.prompt),
                                  .reference_count = y->t.count,
                                  .size = y->t.size,
                                  .quality = "medium",
                                  .n = 1,
                                  .share = cli_switch(cli, "--share"),
                                  .outfit = y->wish.outfit,
                                  .garment = y->wish.garment};
    order.space = intern_space(cli->raum, cli->scope->space)->id;
    for (int i = 0; i < y->t.count; i++)
        order.references[i] = y->t.media[i];
    int rc = pool_open(&pool, cli);
    if (rc == 0)
        rc = y->here ? try_on_here(cli, &pool, &order, &y->t, &tried)
                     : try_on_server(cli, &pool, &order, NULL, NULL, &tried);
    if (rc == 0)
        rc = write_out(cli, &tried);
    if (rc == 0)
        print(y, &pool, &tried);
    free(tried.data);
    pool_close(&pool);
    return rc;
}

static int run(struct cli *cli)
{
    struct trying y = {.cli = cli};
    int rc = find(&y);
    if (rc)
        return rc;
    /* What is missing is said before anything is asked of anybody. */
    rc = try_on_compose(cli->scope, &y.wish, &y.t, &cli->error);
    if (rc)
        rc = say_lack(&y, rc);
    else
        rc = reach(&y);
    if (rc == 0)
        say_notes(&y);
    if (rc == 0)
        rc = make(&y);
    try_on_release(&y.t);
    return rc;
}

static const struct cli_option options[] = {
    {"--garment", "GARMENT", "one garment instead of an outfit, by its id or its name"},
    {"--prompt", "TEXT", "more about the picture"},
    {"--share", NULL, "for everybody in the space; else it is yours alone"},
    {"--out", "FILE", "also write the picture there"},
    {"--collage", NULL, "a collage made on this device: nothing leaves it"},
    {0},
};

const struct cli_command cmd_try_on[] = {
    {"try-on", "[OUTFIT]", 0, 1, "see yourself in an outfit or a garment", options,
     "raum try-on 'Rainy day'\nraum try-on --garment Hat --out hat.jpg\n"
     "raum try-on 'Rainy day' --share --prompt 'at the sea'",
     run, false},
    {0},
};
