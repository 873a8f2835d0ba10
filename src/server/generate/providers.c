#include "server/generate/provider.h"

#include <stdio.h>
#include <string.h>

void results_init(struct results *r)
{
    *r = (struct results){.count = 0};
    for (int i = 0; i < ORDER_PICTURES_MAX; i++)
        buf_init(&r->pictures[i], PROVIDER_PICTURE_MAX);
}

void results_release(struct results *r)
{
    for (int i = 0; i < ORDER_PICTURES_MAX; i++)
        buf_release(&r->pictures[i]);
    r->count = 0;
}

void order_size(const char *size, int *width, int *height)
{
    if (sscanf(size, "%4dx%4d", width, height) != 2) {
        *width = 1024;
        *height = 1536;
    }
}

/* Nothing leaves this machine, and nothing is made up: one page, however many were asked for. */
static int collage_run(const struct provider_means *m, const struct order *o, struct results *out,
                       struct raum_error *error)
{
    struct collage_piece pieces[ORDER_REFERENCES_MAX];
    struct collage page = {.pieces = pieces, .count = o->count, .german = o->german};
    order_size(o->size, &page.width, &page.height);
    for (int i = 0; i < o->count; i++)
        pieces[i] = (struct collage_piece){o->references[i].data, o->references[i].len,
                                           o->references[i].what};
    int rc = o->may(o->arg, error);
    if (rc == 0)
        rc = collage_make(m->maker, &page, &out->pictures[0], error);
    if (rc)
        return rc;
    out->count = 1;
    snprintf(out->model, sizeof out->model, "%s", o->model);
    return 0;
}

static const char *const collage_models[] = {"collage", NULL};
static const char *const openai_models[] = {"gpt-image-1.5",        "gpt-image-1",
                                            "gpt-image-1-mini",     "gpt-image-2",
                                            "chatgpt-image-latest", NULL};

const struct provider providers[] = {
    {"collage", false, {0, 0, 0}, collage_models, collage_run},
    {"openai", true, {3, 10, 25}, openai_models, openai_run},
    {.name = NULL},
};

const struct provider *provider_find(const char *name)
{
    for (const struct provider *p = providers; p->name; p++)
        if (strcmp(p->name, name) == 0)
            return p;
    return NULL;
}
