/* The requests that bring a picture here: its thumb, which says what the original is, and the
 * original in parts. What comes is looked at as closely as what a stranger brings. */
#include "base/base64.h"
#include "base/err.h"
#include "engine/intern.h"
#include "media/coming.h"
#include "sync/media_inside.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ABSENT_MS 250 /* it is on its way to the server, as a rule */
#define BROKEN_MS 5000

void media_fetch_end(struct media_sync *m)
{
    buf_reset(&m->down.data);
    m->down.hash[0] = '\0';
}

static int done(struct media_sync *m, enum media_work work, struct raum_error *error)
{
    int rc = replica_begin(m->r, error);
    if (rc)
        return rc;
    return replica_end(m->r, media_work_done(m->r, m->job.space, m->job.id, work, error), error);
}

static bool is_here(struct media_sync *m, const char *hash, enum media_variant variant)
{
    char path[MEDIA_PATH_MAX];
    return media_store_path(m->p->store, hash, variant, path, NULL) == 0;
}

/* ---- thumbs ---- */

int media_fetch_thumb(struct media_sync *m, struct raum_error *error)
{
    struct media_ref ref;
    int found = media_refs_find(m->r, m->job.space, m->job.id, true, &ref, NULL);
    bool settled = found == 0 && (ref.deleted || is_here(m, ref.hash, MEDIA_THUMB));
    if (settled || !media_ask_path(m, "thumb")) {
        int rc = done(m, MEDIA_DO_THUMB, error);
        return rc ? rc : MEDIA_AGAIN;
    }
    media_ask_for(m, ASK_THUMB, "GET");
    return 0;
}

/* "hash=…; type=jpg; bytes=…; width=…; height=…; purpose=…" */
static bool read_facts(const char *text, struct media_ref *out)
{
    long long bytes = 0, width = 0, height = 0;
    int end = 0;
    if (!text || sscanf(text,
                        "hash=%64[0-9a-f]; type=%15[a-z]; bytes=%12lld; width=%6lld; height=%6lld; "
                        "purpose=%15[a-z]%n",
                        out->hash, out->type, &bytes, &width, &height, out->purpose, &end) != 6)
        return false;
    out->bytes = bytes;
    out->width = width;
    out->height = height;
    out->sent = MEDIA_CAME;
    bool known = false;
    for (int t = MEDIA_JPEG; t < MEDIA_TYPES; t++)
        known = known || strcmp(out->type, media_extension((enum media_type)t)) == 0;
    return known && strlen(out->hash) == MEDIA_REF_HASH - 1 && !text[end] && bytes > 0 &&
           bytes <= (long long)MEDIA_FILE_MAX && width > 0 && height > 0;
}

/* Within a transaction: unless nobody wants it any more. */
static int put_thumb(struct pictures *p, uint32_t space, const struct media_ref *ref,
                     const void *data, size_t len, bool *kept, struct raum_error *error)
{
    struct media_ref there;
    struct raum *r = p->raum;
    bool wanted = false;
    *kept = false;
    int rc = media_work_has(r, space, ref->id, MEDIA_DO_THUMB, &wanted, error);
    if (rc || !wanted)
        return rc;
    rc = media_store_put_thumb(p->store, ref->hash, data, len, error);
    if (rc == 0 && media_refs_find(r, space, ref->id, true, &there, NULL) != 0)
        rc = media_refs_add(r, space, ref, error);
    if (rc == 0)
        rc = media_work_done(r, space, ref->id, MEDIA_DO_THUMB, error);
    *kept = rc == 0;
    return rc;
}

int media_sync_take_thumb(struct pictures *p, uint32_t space, const char *id, const char *facts,
                          const void *data, size_t len, bool *kept, struct raum_error *error)
{
    struct media_ref ref = {0};
    *kept = false;
    if (!media_work_is_id(id, strlen(id)) || !read_facts(facts, &ref))
        return 0;
    snprintf(ref.id, sizeof ref.id, "%s", id);
    int rc = replica_begin(p->raum, error);
    if (rc)
        return rc;
    rc = replica_end(p->raum, put_thumb(p, space, &ref, data, len, kept, error), error);
    *kept = *kept && rc == 0;
    if (rc != RAUM_EUNSUPPORTED_MEDIA && rc != RAUM_ETOO_LARGE)
        return rc;
    err_clear(error); /* its turn says why */
    return 0;
}

static int keep_thumb(struct media_sync *m, const struct media_ref *ref,
                      const struct media_heard *heard, struct raum_error *error)
{
    bool kept;
    int rc = put_thumb(m->p, m->job.space, ref, heard->body, heard->len, &kept, error);
    if (rc == 0 && kept && m->plan.originals)
        rc = media_work_add(m->r, m->job.space, m->job.id, MEDIA_DO_WHOLE, error);
    m->counts.thumbs += rc == 0 && kept;
    return rc;
}

static int take_thumb(struct media_sync *m, int64_t now_ms, const struct media_heard *heard,
                      struct raum_error *error)
{
    struct media_ref ref = {0};
    if (!read_facts(heard->header(heard->arg, "raum-media"), &ref))
        return media_job_later(m, now_ms, BROKEN_MS, error);
    snprintf(ref.id, sizeof ref.id, "%s", m->job.id);
    int rc = replica_begin(m->r, error);
    if (rc)
        return rc;
    rc = replica_end(m->r, keep_thumb(m, &ref, heard, error), error);
    if (rc == RAUM_EUNSUPPORTED_MEDIA || rc == RAUM_ETOO_LARGE) {
        err_clear(error);
        return media_job_refused(m, rc, NULL, "what the server sent is no small picture", error);
    }
    return rc;
}

/* ---- originals ---- */

/* The bytes are those that were named: nothing else is written. */
static int put_whole(struct media_sync *m, const char *hash, struct raum_error *error)
{
    struct media_item item;
    unsigned char sum[RAUM_HASH_BYTES];
    char text[MEDIA_HASH_TEXT];
    const struct buf *data = &m->down.data;
    m->r->env->hash(m->r->env->ctx, sum, sizeof sum, data->data, data->len, NULL);
    hex_put(text, sum, sizeof sum);
    int rc = strcmp(text, hash) == 0
                 ? media_store_put(m->p->store, NULL, data->data, data->len, &item, error)
                 : RAUM_ECORRUPT;
    return rc == 0 && strcmp(item.hash, hash) != 0 ? RAUM_ECORRUPT : rc;
}

static int keep_whole(struct media_sync *m, struct raum_error *error)
{
    struct media_ref ref;
    bool stands = media_ref_stands(m, &m->job, &ref) && strcmp(ref.hash, m->down.hash) == 0;
    int rc = stands ? put_whole(m, ref.hash, error) : 0;
    if (rc == 0)
        rc = media_work_done(m->r, m->job.space, m->job.id, MEDIA_DO_WHOLE, error);
    m->counts.originals += rc == 0 && stands;
    return rc;
}

/* All of it is here: under the lock of whoever deletes. */
static int finish_whole(struct media_sync *m, struct raum_error *error)
{
    int rc = replica_begin(m->r, error);
    if (rc)
        return rc;
    rc = replica_end(m->r, keep_whole(m, error), error);
    bool wrong = rc == RAUM_ECORRUPT || rc == RAUM_EUNSUPPORTED_MEDIA || rc == RAUM_ETOO_LARGE;
    if (rc && !wrong)
        return rc;
    err_clear(error);
    int dropped = media_coming_drop(m->r->env, m->r->folder, m->down.hash, error);
    media_fetch_end(m);
    if (dropped == 0 && wrong)
        return media_job_refused(m, RAUM_ECORRUPT, NULL,
                                 "the server sent other bytes than it named", error);
    return dropped;
}

static int resume(struct media_sync *m, const struct media_ref *ref, struct raum_error *error)
{
    if (strcmp(m->down.hash, ref->hash) == 0)
        return 0;
    media_fetch_end(m);
    snprintf(m->down.hash, sizeof m->down.hash, "%s", ref->hash);
    return media_coming_read(m->r->env, m->r->folder, ref->hash, &m->down.data, error);
}

int media_fetch_whole(struct media_sync *m, struct raum_error *error)
{
    struct media_ref ref;
    int rc = 0;
    if (!media_ref_stands(m, &m->job, &ref)) { /* first what it is */
        m->job.work = MEDIA_DO_THUMB;
        rc = replica_begin(m->r, error);
        if (rc == 0)
            rc = replica_end(
                m->r, media_work_add(m->r, m->job.space, m->job.id, MEDIA_DO_THUMB, error), error);
        return rc ? rc : media_fetch_thumb(m, error);
    }
    if (is_here(m, ref.hash, MEDIA_ORIGINAL) || !media_ask_path(m, "")) {
        rc = done(m, MEDIA_DO_WHOLE, error);
        return rc ? rc : MEDIA_AGAIN;
    }
    rc = resume(m, &ref, error);
    if (rc)
        return rc;
    if (m->down.data.len >= (size_t)ref.bytes) {
        rc = finish_whole(m, error);
        return rc ? rc : MEDIA_AGAIN;
    }
    media_ask_for(m, ASK_WHOLE, "GET");
    snprintf(m->header[0], MEDIA_HEADER_ROOM, "Range: bytes=%zu-%zu", m->down.data.len,
             m->down.data.len + m->part - 1);
    m->step.headers[0] = m->header[0];
    return 0;
}

static int take_part(struct media_sync *m, int64_t now_ms, const struct media_heard *heard,
                     struct raum_error *error)
{
    const char *range = heard->header(heard->arg, "content-range");
    unsigned long long first = 0, last = 0, total = heard->len;
    if (heard->status == 206 &&
        (!range || sscanf(range, "bytes %llu-%llu/%llu", &first, &last, &total) != 3 ||
         first != m->down.data.len || last + 1 - first != heard->len))
        return media_job_later(m, now_ms, BROKEN_MS, error);
    if (heard->status != 206)
        buf_reset(&m->down.data);
    if (total > MEDIA_FILE_MAX || m->down.data.len + heard->len > total || heard->len == 0)
        return media_job_later(m, now_ms, BROKEN_MS, error);
    size_t at = m->down.data.len;
    buf_add(&m->down.data, heard->body, heard->len);
    int rc = buf_error(&m->down.data, error);
    if (rc == 0 && m->down.data.len == total)
        rc = finish_whole(m, error);
    else if (rc == 0)
        rc = media_coming_add(m->r->env, m->r->folder, m->down.hash, at, heard->body, heard->len,
                              error);
    if (rc && m->down.data.len > at)
        m->down.data.len = at; /* it comes again */
    return rc;
}

static int absent(struct media_sync *m, int64_t now_ms, struct raum_error *error)
{
    m->counts.absent++;
    int rc = media_job_later(m, now_ms, ABSENT_MS, error);
    if (rc || m->job.tries % 4 != 3)
        return rc;
    rc = replica_begin(m->r, error); /* is it shown at all? */
    if (rc)
        return rc;
    return replica_end(m->r, media_work_add(m->r, m->job.space, m->job.id, MEDIA_DO_LOOK, error),
                       error);
}

int media_fetch_heard(struct media_sync *m, int64_t now_ms, const struct media_heard *heard,
                      struct raum_error *error)
{
    int status = heard->status;
    if (status == 404)
        return absent(m, now_ms, error);
    if (m->ask == ASK_THUMB && status == 200)
        return take_thumb(m, now_ms, heard, error);
    if (m->ask == ASK_WHOLE && (status == 200 || status == 206))
        return take_part(m, now_ms, heard, error);
    if (m->ask == ASK_WHOLE && status == 416) { /* parts of something else: anew */
        int rc = media_coming_drop(m->r->env, m->r->folder, m->down.hash, error);
        media_fetch_end(m);
        return rc ? rc : media_job_later(m, now_ms, BROKEN_MS, error);
    }
    return media_job_refused(m, status == 403 ? RAUM_ENOT_ALLOWED : RAUM_EBAD_CHANGE, heard, NULL,
                             error);
}
