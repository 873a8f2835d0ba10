#include "server/generate/generate.h"

#include "media/sniff.h"
#include "server/generate/order.h"
#include "server/generate/references.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_MAX ((size_t)16 << 20)
#define MAKERS_MAX 8

struct generator {
    struct generator_options o;
    const struct provider *provider; /* NULL: nothing is made here */
    struct keep keep;
    atomic_bool stop;
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* a job came, a maker is free, or it ends */
    bool busy[MAKERS_MAX];
    struct generate_job *first, **last;
    int waiting, threads;
    pthread_t ids[GENERATE_THREADS];
};

/* ---- one order ---- */

struct work {
    struct generator *g;
    struct sql *sql;
    struct relay *relay;
    struct arena arena, checks; /* of this order; of one check */
    struct references references;
    const struct generate_request *q;
    char id[ID_TEXT];
    int maker;
};

static int64_t now_of(const struct generator *g)
{
    return g->o.env->now_ms(g->o.env->ctx);
}

static bool is_over(void *arg)
{
    const struct work *w = arg;
    return atomic_load(&w->g->stop) || (w->q->stop && w->q->stop(w->q->arg));
}

/* G-P1, G-A3: as it is at this very moment. */
static int may(void *arg, struct raum_error *error)
{
    struct work *w = arg;
    if (atomic_load(&w->g->stop))
        return err_at(error, "generate", RAUM_EBUSY, "the server is ending");
    if (is_over(w))
        return err_set(error, RAUM_EINTERRUPTED, NULL);
    return references_check(&w->references, w->relay, w->sql, &w->checks, error);
}

static int take_maker(struct generator *g)
{
    int found = -1;
    pthread_mutex_lock(&g->mutex);
    while (found < 0) {
        for (int i = 0; found < 0 && i < g->o.maker_count; i++)
            if (!g->busy[i])
                found = i;
        if (found < 0)
            pthread_cond_wait(&g->changed, &g->mutex);
    }
    g->busy[found] = true;
    pthread_mutex_unlock(&g->mutex);
    return found;
}

static void give_maker(struct generator *g, int which)
{
    pthread_mutex_lock(&g->mutex);
    g->busy[which] = false;
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->mutex);
}

/* A service's bytes are a stranger's: pictures that can be decoded, or nothing (G-P5). */
static int check_results(struct work *w, struct results *r, struct raum_error *error)
{
    const struct media_maker *maker = &w->g->o.makers[w->maker];
    int good = 0;
    for (int i = 0; i < r->count; i++) {
        struct media_facts facts;
        struct buf png;
        buf_init(&png, MAKER_UPRIGHT_MAX);
        int rc = media_sniff(r->pictures[i].data, r->pictures[i].len, &facts, NULL);
        if (rc == 0)
            rc = maker->upright(maker->ctx, r->pictures[i].data, r->pictures[i].len, &png, NULL);
        buf_release(&png);
        if (rc == 0) {
            struct buf kept = r->pictures[i];
            r->pictures[i] = r->pictures[good];
            r->pictures[good++] = kept;
        }
    }
    r->count = good;
    return good ? 0
                : err_at(error, "provider", RAUM_EPROVIDER_FAILED,
                         "the image service sent something that is no picture");
}

static int ask_provider(struct work *w, struct results *r, struct raum_error *error)
{
    const struct generator *g = w->g;
    const struct generate_request *q = w->q;
    const struct provider_means means = {.maker = &g->o.makers[w->maker],
                                         .url = g->o.url,
                                         .key = g->o.key,
                                         .ca_file = g->o.ca_file,
                                         .timeout_ms = g->o.timeout_ms,
                                         .wait_ms = g->o.wait_ms,
                                         .stop = is_over,
                                         .arg = w};
    struct order o = {.prompt = q->prompt,
                      .model = q->model,
                      .quality = q->quality,
                      .size = q->size,
                      .n = q->n,
                      .count = w->references.count,
                      .german = q->german,
                      .may = may,
                      .arg = w};
    int rc = references_read(&w->references, &g->o.media->storage, &g->o.makers[w->maker], error);
    for (int i = 0; i < o.count; i++) {
        const struct reference *one = &w->references.list[i];
        o.references[i] = (struct order_reference){one->png.data, one->png.len, one->what};
    }
    if (rc == 0)
        rc = g->provider->run(&means, &o, r, error);
    return rc ? rc : check_results(w, r, error);
}

static int put_refs(const struct generate_request *q, struct buf *out)
{
    struct json_writer w;
    json_begin(&w, out);
    json_open_array(&w);
    for (int i = 0; i < q->reference_count; i++)
        json_put_str(&w, q->references[i]);
    json_close_array(&w);
    return buf_error(out, NULL);
}

static int put_row(const struct generate_request *q, struct buf *out)
{
    struct json_writer w;
    json_begin(&w, out);
    json_open_object(&w);
    json_put_key(&w, "visibility");
    json_put_str(&w, q->visibility);
    if (q->outfit || q->garment) {
        json_put_key(&w, q->outfit ? "wardrobeOutfitId" : "wardrobeGarmentId");
        json_put_str(&w, q->outfit ? q->outfit : q->garment);
    }
    json_close_object(&w);
    return buf_error(out, NULL);
}

static int reserve(struct work *w, struct raum_error *error)
{
    struct generator *g = w->g;
    const struct generate_request *q = w->q;
    struct id_source ids = {0};
    struct buf refs, row;
    buf_init(&refs, 8192);
    buf_init(&row, 2048);
    id_new(&ids, g->o.env, w->id);
    int rc = put_refs(q, &refs);
    if (rc == 0)
        rc = put_row(q, &row);
    const struct ledger_entry e = {.id = w->id,
                                   .space = q->space,
                                   .account = q->account,
                                   .agent = q->agent,
                                   .model = q->model,
                                   .refs = buf_text(&refs),
                                   .size = q->size,
                                   .quality = q->quality,
                                   .row = buf_text(&row),
                                   .wanted = q->n,
                                   .units = (int64_t)order_units(g->provider, q->quality) * q->n};
    rc = rc ? err_set(error, rc, NULL)
            : ledger_reserve(w->sql, &e, g->o.allowance, now_of(g), error);
    buf_release(&refs);
    buf_release(&row);
    return rc;
}

/* Delivered and charged: from here on nothing is lost (G-P6). */
static int keep_all(struct work *w, struct results *r, struct generate_answer *out,
                    struct raum_error *error)
{
    struct generator *g = w->g;
    int64_t units = (int64_t)order_units(g->provider, w->q->quality) * r->count;
    int rc = keep_deliver(&g->keep, w->sql, w->id, r, units, out->pictures, error);
    if (rc)
        return rc;
    out->delivered = true;
    snprintf(out->model, sizeof out->model, "%s", r->model);
    for (; out->count < r->count && rc == 0; out->count += rc == 0)
        rc = keep_finish(&g->keep, w->sql, w->relay, out->pictures[out->count].media, w->q->written,
                         w->q->arg, error);
    return rc;
}

static void note(const struct work *w, int rc, const struct generate_answer *out)
{
    NET_LOG(w->g->o.log, rc ? LOG_WARNING : LOG_INFO, "generated", {"generation", w->id, 0},
            {"space", w->q->space, 0}, {"account", w->q->account, 0},
            {"agent", w->q->agent ? w->q->agent : "", 0}, {"model", w->q->model, 0},
            {"outcome", rc ? raum_code_name(rc) : "OK", 0}, {"pictures", NULL, out->count});
}

/* Between reserving and the end: whatever fails before delivery gives all of it back. */
static int make(struct work *w, struct generate_answer *out, struct raum_error *error)
{
    struct generator *g = w->g;
    struct raum_error other = {0};
    struct results results;
    results_init(&results);
    int rc = keep_hold(&g->keep, w->id, w->q->n, error);
    if (rc == 0) {
        w->maker = take_maker(g);
        rc = ask_provider(w, &results, error);
        give_maker(g, w->maker);
    }
    if (rc == 0)
        rc = keep_all(w, &results, out, error);
    keep_let_go(&g->keep, w->id);
    if (!out->delivered && ledger_release(w->sql, w->id, raum_code_name(rc), now_of(g), &other))
        NET_LOG(g->o.log, LOG_WARNING, "not released yet", {"generation", w->id, 0});
    note(w, rc, out);
    results_release(&results);
    return rc;
}

static int check_room(struct work *w, struct raum_error *error)
{
    int64_t used, quota;
    int rc = media_room_of(w->g->o.media, w->sql, w->q->account, &used, &quota, error);
    if (rc == 0 && used >= quota)
        rc = err_at(error, "generate", RAUM_ETOO_LARGE,
                    "there is no room left for your pictures: delete some, or ask the host");
    return rc;
}

static int run(struct work *w, struct generate_request *q, struct generate_answer *out,
               struct raum_error *error)
{
    struct generator *g = w->g;
    int rc = order_check(q, g->provider, g->o.model, error);
    if (rc == 0)
        rc = media_space(w->sql, &w->arena, q->account, q->space, &q->space, error);
    if (rc)
        return rc;
    references_init(&w->references, q->account, q->space, q->references, q->reference_count);
    rc = references_check(&w->references, w->relay, w->sql, &w->checks, error);
    if (rc == 0)
        rc = check_room(w, error);
    if (rc == 0)
        rc = reserve(w, error);
    if (rc == 0)
        rc = make(w, out, error);
    references_release(&w->references);
    return rc;
}

int generate_run(struct generator *g, struct sql *c, const struct generate_request *q,
                 struct generate_answer *out, struct raum_error *error)
{
    struct generate_request checked = *q;
    struct work w = {.g = g, .sql = c, .q = &checked};
    *out = (struct generate_answer){.count = 0};
    if (!g->provider || g->o.maker_count == 0)
        return err_at(error, "generate", RAUM_ENOT_CONFIGURED,
                      "this server makes no pictures: its host has not set it up");
    int rc = relay_new(&w.relay, c, g->o.env, error);
    if (rc)
        return rc;
    arena_init(&w.arena, ARENA_MAX);
    arena_init(&w.checks, ARENA_MAX);
    rc = run(&w, &checked, out, error);
    arena_release(&w.checks);
    arena_release(&w.arena);
    relay_free(w.relay);
    return rc;
}

/* ---- threads ---- */

static struct generate_job *next_job(struct generator *g)
{
    pthread_mutex_lock(&g->mutex);
    while (!g->first && !atomic_load(&g->stop))
        pthread_cond_wait(&g->changed, &g->mutex);
    struct generate_job *job = g->first;
    if (job) {
        g->first = job->next;
        g->waiting--;
        if (!g->first)
            g->last = &g->first;
    }
    pthread_mutex_unlock(&g->mutex);
    return job;
}

static void *work_off(void *arg)
{
    struct generator *g = arg;
    struct sql *sql = NULL;
    for (struct generate_job *job; (job = next_job(g));) {
        job->result = atomic_load(&g->stop) ? err_set(&job->error, RAUM_EBUSY, NULL)
                      : sql                 ? 0
                                            : sql_open(&sql, g->o.database, g->o.env, &job->error);
        if (job->result == 0)
            job->result = generate_run(g, sql, &job->request, &job->answer, &job->error);
        job->done(job);
    }
    sql_close(sql);
    return NULL;
}

int generate_submit(struct generator *g, struct generate_job *job, struct raum_error *error)
{
    int rc = 0;
    job->next = NULL;
    pthread_mutex_lock(&g->mutex);
    if (g->waiting >= GENERATE_WAITING_MAX || atomic_load(&g->stop)) {
        rc = err_at(error, "generate", RAUM_EBUSY, "too many pictures are being made: try again");
    } else {
        while (rc == 0 && g->threads < GENERATE_THREADS)
            if (pthread_create(&g->ids[g->threads], NULL, work_off, g) == 0)
                g->threads++;
            else
                rc = g->threads ? 1 : err_set(error, RAUM_ENOMEM, NULL);
        rc = rc > 0 ? 0 : rc;
        if (rc == 0) {
            *g->last = job;
            g->last = &job->next;
            g->waiting++;
            pthread_cond_broadcast(&g->changed);
        }
    }
    pthread_mutex_unlock(&g->mutex);
    return rc;
}

/* ---- life ---- */

static int choose(struct generator *g, struct raum_error *error)
{
    const struct generator_options *o = &g->o;
    if (o->provider && strcmp(o->provider, "none") == 0)
        return 0;
    g->provider = o->provider ? provider_find(o->provider) : providers;
    if (!g->provider)
        return err_at(error, "generate", RAUM_EUSAGE,
                      "no such image provider: collage, openai or none");
    if (g->provider->remote && (!o->url || !o->key))
        return err_at(error, "generate", RAUM_EUSAGE,
                      "this image provider needs an address and a key: --image-url and "
                      "--image-key-file");
    if (g->provider->remote && (strpbrk(o->key, "\r\n") || strlen(o->key) > 4096))
        return err_at(error, "generate", RAUM_EUSAGE, "the image provider's key is no key");
    if (o->model && strlen(o->model) >= ORDER_MODEL_MAX)
        return err_at(error, "generate", RAUM_EUSAGE, "the model's name is too long");
    return 0;
}

int generator_new(struct generator **out, const struct generator_options *options,
                  struct raum_error *error)
{
    struct generator *g = *out = calloc(1, sizeof *g);
    if (!g)
        return err_set(error, RAUM_ENOMEM, NULL);
    g->o = *options;
    g->o.allowance = g->o.allowance ? g->o.allowance : LEDGER_UNITS;
    g->o.timeout_ms = g->o.timeout_ms ? g->o.timeout_ms : GENERATE_TIMEOUT_MS;
    g->o.wait_ms = g->o.wait_ms ? g->o.wait_ms : GENERATE_WAIT_MS;
    if (g->o.maker_count > MAKERS_MAX)
        g->o.maker_count = MAKERS_MAX;
    g->last = &g->first;
    pthread_mutex_init(&g->mutex, NULL);
    pthread_cond_init(&g->changed, NULL);
    int rc = choose(g, error);
    if (rc == 0)
        rc = keep_open(&g->keep, g->o.env, g->o.media, g->o.folder, error);
    if (rc) {
        generator_free(g);
        *out = NULL;
    }
    return rc;
}

void generator_stop(struct generator *g)
{
    if (!g)
        return;
    pthread_mutex_lock(&g->mutex);
    atomic_store(&g->stop, true);
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->mutex);
}

void generator_free(struct generator *g)
{
    if (!g)
        return;
    generator_stop(g);
    for (int i = 0; i < g->threads; i++)
        pthread_join(g->ids[i], NULL);
    keep_close(&g->keep);
    pthread_cond_destroy(&g->changed);
    pthread_mutex_destroy(&g->mutex);
    free(g);
}

int generator_sweep(struct generator *g, struct sql *c, struct raum_error *error)
{
    int rc = ledger_sweep(c, now_of(g), error);
    return rc ? rc : keep_sweep(&g->keep, c, error);
}
