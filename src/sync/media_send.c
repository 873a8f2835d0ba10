/* The requests that bring a picture to the server, by tus 1.0 (server/routes/uploads.c), and the
 * one that takes it away for ever. */
#include "base/base64.h"
#include "base/err.h"
#include "engine/intern.h"
#include "sync/media_inside.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PART_TYPE "application/offset+octet-stream"
#define PREFIX "/api/v1/media/uploads/"
#define BUSY_MS 1000 /* another device, or a request that is thought lost, has it in hand */
#define SPACE_MS 2000

void media_send_end(struct media_sync *m)
{
    free(m->up.data);
    m->up = (struct media_up){0};
}

/* As RFC 4648 §4 spells it, which tus wants. */
static void put_value(char *out, size_t room, const char *key, const char *value)
{
    struct buf b;
    size_t len = strlen(out);
    buf_init(&b, 1024);
    base64_put(&b, value, strlen(value));
    while (b.len % 4)
        buf_char(&b, '=');
    for (size_t i = 0; i < b.len; i++)
        b.data[i] = (char)(b.data[i] == '-' ? '+' : b.data[i] == '_' ? '/' : b.data[i]);
    snprintf(out + len, room - len, "%s%s %s", len && out[len - 1] != ' ' ? "," : "", key,
             buf_text(&b));
    buf_release(&b);
}

static const char *purpose_of(const struct media_ref *ref)
{
    bool own = strcmp(ref->purpose, "wardrobe") == 0 || strcmp(ref->purpose, "picture") == 0;
    return own ? ref->purpose : "me";
}

/* ---- the requests ---- */

static void add_part(struct media_sync *m, size_t most)
{
    size_t left = m->up.len - m->up.offset;
    m->step.body = (const char *)m->up.data + m->up.offset;
    m->step.len = left < most ? left : most;
    m->step.type = PART_TYPE;
}

/* With its first part: a small picture is one request. */
static int create(struct media_sync *m, int64_t now_ms, struct raum_error *error)
{
    const struct space *s = intern_space(m->r, m->job.space);
    char *meta = m->header[0];
    if (!s || !s->id) { /* gone just now: the next look at the spaces knows */
        media_send_end(m);
        int rc = media_job_later(m, now_ms, SPACE_MS, error);
        return rc ? rc : MEDIA_AGAIN;
    }
    m->up.offset = 0;
    snprintf(m->path, sizeof m->path, "/api/v1/media");
    media_ask_for(m, ASK_CREATE, "POST");
    snprintf(meta, MEDIA_HEADER_ROOM, "Upload-Metadata: ");
    put_value(meta, MEDIA_HEADER_ROOM, "spaceId", s->id);
    put_value(meta, MEDIA_HEADER_ROOM, "mediaId", m->job.id);
    put_value(meta, MEDIA_HEADER_ROOM, "purpose", purpose_of(&m->up.ref));
    put_value(meta, MEDIA_HEADER_ROOM, "hash", m->up.ref.hash);
    snprintf(m->header[1], MEDIA_HEADER_ROOM, "Upload-Length: %zu", m->up.len);
    m->step.headers[0] = "Tus-Resumable: 1.0.0";
    m->step.headers[1] = meta;
    m->step.headers[2] = m->header[1];
    add_part(m, m->part);
    return 0;
}

static void go_on(struct media_sync *m)
{
    snprintf(m->path, sizeof m->path, "%s", m->up.job.place);
    media_ask_for(m, m->up.unsure ? ASK_OFFSET : ASK_PART, m->up.unsure ? "HEAD" : "PATCH");
    m->step.headers[0] = "Tus-Resumable: 1.0.0";
    if (m->up.unsure)
        return;
    snprintf(m->header[0], MEDIA_HEADER_ROOM, "Upload-Offset: %zu", m->up.offset);
    m->step.headers[1] = m->header[0];
    add_part(m, m->part);
}

static int load(struct media_sync *m, struct raum_error *error)
{
    media_send_end(m);
    if (!media_ref_stands(m, &m->job, &m->up.ref))
        return MEDIA_AGAIN;
    int rc = media_store_read(m->p->store, m->up.ref.hash, MEDIA_ORIGINAL, &m->up.data, &m->up.len,
                              NULL, error);
    if (rc == RAUM_ENOT_FOUND) {
        err_clear(error);
        rc = media_job_refused(m, rc, NULL, "its bytes are not on this device", error);
        return rc ? rc : MEDIA_AGAIN;
    }
    if (rc)
        return rc;
    m->up.active = true;
    m->up.job = m->job;
    m->up.unsure = true;
    return 0;
}

/* Looked at before every part: what was deleted meanwhile, by any process, is sent no further. */
int media_send_begin(struct media_sync *m, int64_t now_ms, struct raum_error *error)
{
    struct media_ref ref;
    int rc = 0;
    if (m->up.active && (!media_ref_stands(m, &m->job, &ref) || ref.sent != MEDIA_UNSENT ||
                         strcmp(ref.hash, m->up.ref.hash) != 0)) {
        media_send_end(m);
        return MEDIA_AGAIN;
    }
    if (!m->up.active)
        rc = load(m, error);
    if (rc)
        return rc;
    if (!m->up.job.place[0])
        return create(m, now_ms, error);
    go_on(m);
    return 0;
}

/* ---- their answers ---- */

static bool number(const struct media_heard *heard, const char *name, size_t *out)
{
    const char *text = heard->header(heard->arg, name);
    char *end;
    if (!text || *text < '0' || *text > '9')
        return false;
    *out = (size_t)strtoull(text, &end, 10);
    return *end == '\0';
}

static int arrived(struct media_sync *m, struct raum_error *error)
{
    int rc = replica_begin(m->r, error);
    if (rc)
        return rc;
    rc = media_refs_mark(m->r, m->job.space, m->job.id, m->up.ref.hash, error);
    if (rc == 0)
        rc = media_work_done(m->r, m->job.space, m->job.id, MEDIA_DO_SEND, error);
    rc = replica_end(m->r, rc, error);
    m->counts.sent += rc == 0;
    media_send_end(m);
    return rc;
}

static int place_is(struct media_sync *m, const char *place, struct raum_error *error)
{
    snprintf(m->up.job.place, sizeof m->up.job.place, "%s", place);
    return media_work_place(m->r, &m->job, place, error);
}

/* The server forgot it, or it ran out: from the start. */
static int forgotten(struct media_sync *m, int64_t now_ms, struct raum_error *error)
{
    int rc = place_is(m, "", error);
    if (rc == 0)
        rc = media_job_later(m, now_ms, 100, error);
    media_send_end(m);
    return rc;
}

static int give_up(struct media_sync *m, int code, const struct media_heard *heard,
                   struct raum_error *error)
{
    int rc = media_job_refused(m, code, heard, NULL, error);
    if (rc == 0)
        rc = place_is(m, "", error);
    media_send_end(m);
    return rc;
}

static int code_of(int status)
{
    switch (status) {
    case 403:
        return RAUM_ENOT_ALLOWED;
    case 409:
        return RAUM_EEXISTS;
    case 413:
        return RAUM_ETOO_LARGE;
    case 415:
        return RAUM_EUNSUPPORTED_MEDIA;
    default:
        return RAUM_EBAD_CHANGE;
    }
}

/* Where the upload stands now; a server that says more than there is, or less than it had said, is
 * not believed. */
static int stands_at(struct media_sync *m, int64_t now_ms, const struct media_heard *heard,
                     struct raum_error *error)
{
    size_t offset = 0;
    if (!number(heard, "upload-offset", &offset) || offset > m->up.len)
        return forgotten(m, now_ms, error);
    m->up.offset = offset;
    m->up.unsure = false;
    return offset == m->up.len ? arrived(m, error) : 0;
}

static int created(struct media_sync *m, int64_t now_ms, const struct media_heard *heard,
                   struct raum_error *error)
{
    const char *place = heard->header(heard->arg, "location");
    if (heard->status == 200) /* it has had these bytes before, or took them at once */
        return arrived(m, error);
    if (!place || strncmp(place, PREFIX, strlen(PREFIX)) != 0 || strlen(place) >= MEDIA_PLACE_MAX ||
        strspn(place + 1, "abcdefghijklmnopqrstuvwxyz"
                          "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                          "0123456789/_-") != strlen(place + 1))
        return give_up(m, RAUM_EBAD_CHANGE, NULL, error);
    size_t offset = 0;
    if (number(heard, "upload-offset", &offset) && offset == m->up.len)
        return arrived(m, error);
    int rc = place_is(m, place, error);
    return rc ? rc : stands_at(m, now_ms, heard, error);
}

int media_send_heard(struct media_sync *m, int64_t now_ms, const struct media_heard *heard,
                     struct raum_error *error)
{
    int status = heard->status;
    bool new = m->ask == ASK_CREATE;
    if (status / 100 == 2)
        return new ? created(m, now_ms, heard, error) : stands_at(m, now_ms, heard, error);
    if (new && status == 404) { /* not a member (yet, any more): the list of spaces says it */
        media_send_end(m);
        return media_job_later(m, now_ms, SPACE_MS, error);
    }
    if (!new && (status == 404 || status == 410))
        return forgotten(m, now_ms, error);
    if (status == 423) {
        media_send_end(m);
        return media_job_later(m, now_ms, BUSY_MS, error);
    }
    if (m->ask == ASK_PART && (status == 409 || status == 460)) {
        m->up.unsure = true;
        m->up.job.tries++;
        return m->up.job.tries < 10 ? 0 : forgotten(m, now_ms, error);
    }
    return give_up(m, code_of(status), heard, error);
}

/* ---- taking away ---- */

int media_send_erase(struct media_sync *m, struct raum_error *error)
{
    if (!media_ask_path(m, "")) {
        int rc = replica_begin(m->r, error);
        if (rc == 0)
            rc = replica_end(
                m->r, media_work_done(m->r, m->job.space, m->job.id, MEDIA_DO_ERASE, error), error);
        return rc ? rc : MEDIA_AGAIN;
    }
    size_t len = strlen(m->path);
    snprintf(m->path + len, sizeof m->path - len, "&forever=1");
    media_ask_for(m, ASK_ERASE, "DELETE");
    return 0;
}

int media_send_erased(struct media_sync *m, int64_t now_ms, const struct media_heard *heard,
                      struct raum_error *error)
{
    bool gone = heard->status / 100 == 2 || heard->status == 404;
    (void)now_ms;
    if (!gone)
        return media_job_refused(m, code_of(heard->status), heard, NULL, error);
    int rc = replica_begin(m->r, error);
    if (rc)
        return rc;
    m->counts.erased += heard->status != 404;
    return replica_end(m->r, media_work_done(m->r, m->job.space, m->job.id, MEDIA_DO_ERASE, error),
                       error);
}
