/* POST /api/v1/picture/generate-with-reference (CONTRACT §4): a picture from one's own references.
 * The worker is free while a thread of the generator is at it. */
#include "server/generate/generate.h"
#include "server/limiter.h"
#include "server/routes/routes.h"
#include <stdio.h>
#include <string.h>

#define PATH "/api/v1/picture/generate-with-reference"

static const struct limiter_rule rule = {.window_ms = 600000, .most = 60}; /* of an account */

struct making {
    struct generate_job job;
    const char *references[ORDER_REFERENCES_MAX + 1]; /* one more is too many, and is said to be */
};

/* What became of it, in the words of the contract. */
static int refuse(struct call *c, const struct generate_job *job)
{
    const char *text = job->error.text[0] ? job->error.text : raum_code_text(job->result);
    c->error = job->error;
    switch (job->result) {
    case RAUM_EBAD_CHANGE:
    case RAUM_EUSAGE:
        return call_fail(c, 400, "BAD_CHANGE", text);
    case RAUM_ELIMIT:
        return call_fail(c, 402, "LIMIT", text);
    case RAUM_EPROVIDER_FAILED:
        return call_fail(c, 502, "PROVIDER_FAILED", text);
    case RAUM_ENOT_CONFIGURED:
        return call_fail(c, 503, "NOT_CONFIGURED", text);
    case RAUM_EFULL:
        return call_fail(c, 507, "FULL",
                         job->answer.delivered
                             ? "the picture was made, but the server has no room for it now; it "
                               "will come to the space by itself"
                             : "the server has no room for another picture; nothing was made");
    default:
        return call_error(c, job->result);
    }
}

static void put(struct json_writer *w, const char *key, const char *text)
{
    json_put_key(w, key);
    json_put_str(w, text);
}

static void put_picture(struct json_writer *w, const struct kept *k)
{
    char url[ID_TEXT + 32];
    json_open_object(w);
    put(w, "id", k->id);
    put(w, "mediaId", k->media);
    snprintf(url, sizeof url, "/api/v1/media/%s", k->media);
    put(w, "imageUrl", url);
    snprintf(url, sizeof url, "/api/v1/media/%s/thumb", k->media);
    put(w, "thumbnailUrl", url);
    json_close_object(w);
}

static int finish(struct call *c)
{
    const struct making *m = c->state;
    const struct generate_job *job = &m->job;
    struct json_writer w;
    struct buf text;
    if (job->result)
        return refuse(c, job);
    buf_init(&text, (size_t)1 << 20);
    json_begin(&w, &text);
    json_open_object(&w);
    json_put_key(&w, "images");
    json_open_array(&w);
    for (int i = 0; i < job->answer.count; i++)
        put_picture(&w, &job->answer.pictures[i]);
    json_close_array(&w);
    put(&w, "prompt", job->request.prompt);
    put(&w, "model", job->answer.model);
    json_put_key(&w, "referenceMediaIds");
    json_open_array(&w);
    for (int i = 0; i < job->request.reference_count; i++)
        json_put_str(&w, m->references[i]);
    json_close_array(&w);
    put(&w, "mode", "edit");
    json_close_object(&w);
    int rc = call_json(c, 200, &text);
    buf_release(&text);
    return rc;
}

static void made(struct generate_job *job)
{
    http_resume(job->arg);
}

static void read_references(struct call *c, struct making *m)
{
    struct json_value list = json_get(c->body, "referenceMediaIds");
    int count = 0;
    for (struct json_value v = json_is(list, JSON_ARRAY) ? json_first(list)
                                                         : (struct json_value){0};
         v.doc && count <= ORDER_REFERENCES_MAX; v = json_next(list, v))
        m->references[count++] = json_str(v, c->arena);
    m->job.request.references = m->references;
    m->job.request.reference_count = count;
}

/* A text of the body; what is there and is none: 400. */
static int read_text(struct call *c, const char *key, const char **out)
{
    *out = call_str(c, key);
    struct json_value v = json_get(c->body, key);
    if (*out || json_is(v, JSON_NONE) || json_is(v, JSON_NULL))
        return 0;
    int rc = call_failf(c, 400, "BAD_CHANGE", "%s: a text is wanted", key);
    return rc ? rc : 1;
}

static int read_order(struct call *c, struct making *m)
{
    struct generate_request *q = &m->job.request;
    const char *language = call_str(c, "language");
    const struct {
        const char *key, **out;
    } texts[] = {{"spaceId", &q->space},
                 {"prompt", &q->prompt},
                 {"model", &q->model},
                 {"quality", &q->quality},
                 {"size", &q->size},
                 {"visibility", &q->visibility},
                 {"wardrobeOutfitId", &q->outfit},
                 {"wardrobeGarmentId", &q->garment},
                 {"agent", &q->agent}};
    int64_t n = 1;
    int rc = 0;
    for (size_t i = 0; i < sizeof texts / sizeof *texts && rc == 0; i++)
        rc = read_text(c, texts[i].key, texts[i].out);
    if (rc)
        return rc;
    if (call_has(c, "n") && !json_int(json_get(c->body, "n"), &n)) {
        rc = call_fail(c, 400, "BAD_CHANGE", "n: a whole number from 1 to 4 is wanted");
        return rc ? rc : 1;
    }
    q->n = n < 1 ? 1 : n > ORDER_PICTURES_MAX ? ORDER_PICTURES_MAX : (int)n;
    q->account = c->session->account;
    if (!language)
        language = http_header(c->http, "Accept-Language");
    q->german = language && strncmp(language, "de", 2) == 0;
    read_references(c, m);
    return 0;
}

int generate_wait(struct server *s, const char *account)
{
    return s->options.limits && s->limiter ? limiter_take(s->limiter, "generate", account, &rule)
                                           : 0;
}

/* 0, or 1: answered with 429. */
static int check_rate(struct call *c)
{
    int wait = generate_wait(c->server, c->session->account);
    if (!wait)
        return 0;
    int rc = http_addf(c->http, "Retry-After", "%d", wait);
    if (rc == 0)
        rc = call_error(c, RAUM_ERATE_LIMITED);
    return rc ? rc : 1;
}

static int generate(struct call *c)
{
    struct generator *g = c->server->generator;
    struct making *m = c->state = arena_zero(c->arena, sizeof *m);
    if (!m)
        return RAUM_ENOMEM;
    int rc = read_order(c, m);
    if (rc == 0)
        rc = check_rate(c);
    if (rc)
        return rc;
    struct generate_job *job = &m->job;
    if (!c->http->server) { /* without a loop nobody could resume it */
        job->result = generate_run(g, c->sql, &job->request, &job->answer, &job->error);
        return finish(c);
    }
    job->done = made;
    job->arg = c->http;
    c->later = finish;
    http_suspend(c->http);
    rc = generate_submit(g, job, &job->error);
    if (rc) {
        job->result = rc;
        http_resume(c->http);
    }
    return CALL_LATER;
}

bool generate_heavy(const struct http_request *head)
{
    return strcmp(head->path, PATH) == 0;
}

const struct route generate_routes[] = {
    {"POST", PATH, generate, ROUTE_SESSION | ROUTE_BODY},
    {0},
};
