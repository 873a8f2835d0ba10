#include "sync/media.h"

#include "base/err.h"
#include "base/json.h"
#include "engine/intern.h"
#include "sync/media_inside.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_FIRST_MS 1000
#define WAIT_MAX_MS 60000
#define LATER_MAX_MS (INT64_C(600) * 1000)
#define FAST_MS 400  /* a part that went so fast: the next is larger */
#define SLOW_MS 1500 /* … so slowly: smaller */
#define SERVER_MS 2000

int media_sync_new(struct media_sync **out, struct pictures *p, const struct media_plan *plan,
                   struct raum_error *error)
{
    struct media_sync *m = *out = calloc(1, sizeof *m);
    if (!m)
        return err_set(error, RAUM_ENOMEM, NULL);
    m->r = p->raum;
    m->p = p;
    m->plan = *plan;
    m->part = MEDIA_PART_FIRST;
    buf_init(&m->down.data, MEDIA_FILE_MAX + 1);
    return 0;
}

void media_sync_free(struct media_sync *m)
{
    if (!m)
        return;
    media_send_end(m);
    buf_release(&m->down.data);
    free(m);
}

const struct media_counts *media_sync_counts(const struct media_sync *m)
{
    return &m->counts;
}

const char *media_sync_trouble(const struct media_sync *m)
{
    return m->trouble[0] ? m->trouble : NULL;
}

/* ---- what rows let go of ---- */

static bool is_here(struct pictures *p, const char *hash, enum media_variant variant)
{
    char path[MEDIA_PATH_MAX];
    return media_store_path(p->store, hash, variant, path, NULL) == 0;
}

static int bring_back(struct pictures *p, uint32_t space, const struct media_ref *ref, bool known,
                      const char *id, struct raum_error *error)
{
    int rc = 0;
    if (known && ref->deleted) {
        rc = media_refs_restore(p->raum, space, id, error);
        if (rc == 0)
            rc = pictures_settle(p, ref->hash, error);
    }
    if (rc == 0 && (!known || (ref->sent != MEDIA_UNSENT && !is_here(p, ref->hash, MEDIA_THUMB))))
        rc = media_work_add(p->raum, space, id, MEDIA_DO_THUMB, error);
    return rc;
}

/* What no row names can come back by no restoring: it goes where the server has it. What a deleted
 * row names, or nobody else has, lies in the trash. */
static int let_go(struct pictures *p, uint32_t space, const struct media_ref *ref, bool named,
                  struct raum_error *error)
{
    struct raum *r = p->raum;
    bool keep = named || ref->sent == MEDIA_UNSENT;
    int rc = keep ? media_refs_trash(r, space, ref->id, error)
                  : media_refs_drop(r, space, ref->id, error);
    if (rc == 0 && !keep)
        rc = media_work_done(r, space, ref->id, MEDIA_DO_SEND, error);
    return rc ? rc : pictures_settle(p, ref->hash, error);
}

static int look_at(struct pictures *p, uint32_t space, const struct media_seen *seen,
                   struct raum_error *error)
{
    struct media_ref ref;
    int rc = media_refs_find(p->raum, space, seen->id, true, &ref, NULL);
    bool known = rc == 0;
    if (rc && rc != RAUM_ENOT_FOUND)
        return err_set(error, rc, NULL);
    rc = 0;
    if (seen->shown)
        rc = bring_back(p, space, &ref, known, seen->id, error);
    else {
        rc = media_work_done(p->raum, space, seen->id, MEDIA_DO_THUMB, error);
        if (rc == 0)
            rc = media_work_done(p->raum, space, seen->id, MEDIA_DO_WHOLE, error);
        if (rc == 0 && known)
            rc = let_go(p, space, &ref, seen->named, error);
    }
    return rc ? rc : media_work_done(p->raum, space, seen->id, MEDIA_DO_LOOK, error);
}

/* References, files and the list change in one transaction; files that went before it broke off go
 * again. */
int media_sync_settle(struct pictures *p, struct raum_error *error)
{
    int rc, count = 0;
    struct media_seen *list = malloc(MEDIA_SEEN_MAX * sizeof *list);
    if (!list)
        return err_set(error, RAUM_ENOMEM, NULL);
    do {
        uint32_t space;
        rc = media_work_look(p->raum, &space, list, &count, error);
        if (rc || count == 0)
            break;
        rc = replica_begin(p->raum, error);
        if (rc)
            break;
        rc = media_work_look(p->raum, &space, list, &count, error); /* as it is now */
        for (int i = 0; i < count && rc == 0; i++)
            rc = look_at(p, space, &list[i], error);
        rc = replica_end(p->raum, rc, error);
    } while (rc == 0);
    free(list);
    return rc;
}

/* ---- everything ---- */

static int want(struct media_sync *m, struct db_stmt *s, struct raum_error *error)
{
    const char *hash = db_text(s, 2, NULL), *id = db_text(s, 1, NULL);
    uint32_t space = (uint32_t)db_int(s, 0);
    bool whole = is_here(m->p, hash, MEDIA_ORIGINAL);
    int rc = 0;
    if (!whole && !is_here(m->p, hash, MEDIA_THUMB))
        rc = media_work_add(m->r, space, id, MEDIA_DO_THUMB, error);
    if (rc == 0 && !whole && m->plan.originals)
        rc = media_work_add(m->r, space, id, MEDIA_DO_WHOLE, error);
    return rc;
}

int media_sync_want_all(struct media_sync *m, struct raum_error *error)
{
    struct db_stmt s;
    int rc = replica_begin(m->r, error);
    if (rc)
        return rc;
    rc = db_prepare(m->r->db, &s, &db_grant_own,
                    "SELECT space, id, hash FROM media WHERE deleted IS NULL AND sent <> 0"
                    " AND (?1 = 0 OR space = ?1)",
                    error);
    if (rc == 0)
        db_bind_int(&s, 1, m->plan.part.space);
    while (rc == 0 && (rc = db_step(&s, error)) == 0)
        rc = want(m, &s, error);
    db_finish(&s);
    return replica_end(m->r, rc == RAUM_END ? 0 : rc, error);
}

/* ---- asking ---- */

bool media_ask_path(struct media_sync *m, const char *variant)
{
    const struct space *s = intern_space(m->r, m->job.space);
    if (!s || !s->id || !media_work_is_id(s->id, strlen(s->id)))
        return false;
    int len = snprintf(m->path, sizeof m->path, "/api/v1/media/%s%s%s?space=%s", m->job.id,
                       *variant ? "/" : "", variant, s->id);
    return len > 0 && (size_t)len < sizeof m->path;
}

void media_ask_for(struct media_sync *m, enum media_ask ask, const char *method)
{
    m->ask = ask;
    m->step = (struct media_step){.action = MEDIA_ASK, .method = method, .path = m->path};
}

bool media_ref_stands(struct media_sync *m, const struct media_job *job, struct media_ref *out)
{
    return media_refs_find(m->r, job->space, job->id, false, out, NULL) == 0;
}

static int begin(struct media_sync *m, enum media_work work, int64_t now_ms,
                 struct raum_error *error)
{
    switch (work) {
    case MEDIA_DO_ERASE:
        return media_send_erase(m, error);
    case MEDIA_DO_SEND:
        return media_send_begin(m, now_ms, error);
    case MEDIA_DO_THUMB:
        return media_fetch_thumb(m, error);
    case MEDIA_DO_WHOLE:
        return media_fetch_whole(m, error);
    case MEDIA_DO_LOOK:
        break;
    }
    return RAUM_EINTERNAL;
}

/* The first of the list that is due. 0: asked; MEDIA_AGAIN: done without asking; RAUM_END + 0 in
 * *found: nothing. */
static int choose(struct media_sync *m, int64_t now_ms, bool *found, struct raum_error *error)
{
    static const enum media_work orders[2][4] = {
        {MEDIA_DO_ERASE, MEDIA_DO_THUMB, MEDIA_DO_SEND, MEDIA_DO_WHOLE},
        {MEDIA_DO_ERASE, MEDIA_DO_SEND, MEDIA_DO_THUMB, MEDIA_DO_WHOLE},
    };
    m->turn = !m->turn;
    *found = false;
    m->until = INT64_MAX;
    for (int i = 0; i < 4; i++) {
        enum media_work work = orders[m->turn][i];
        bool sends = work == MEDIA_DO_ERASE || work == MEDIA_DO_SEND;
        int64_t due = INT64_MAX;
        if (sends ? !m->plan.send : work == MEDIA_DO_THUMB && !m->plan.thumbs)
            continue;
        int rc = 0;
        if (work == MEDIA_DO_SEND && m->up.active)
            m->job = m->up.job;
        else
            rc = media_work_next(m->r, work, &m->plan.part, now_ms, &m->job, &due, error);
        if (rc == 0) {
            *found = true;
            return begin(m, work, now_ms, error);
        }
        if (rc != RAUM_END)
            return rc;
        m->until = due < m->until ? due : m->until;
    }
    return 0;
}

int media_sync_next(struct media_sync *m, int64_t now_ms, struct media_step *out,
                    struct raum_error *error)
{
    int rc = 0;
    bool found = true;
    *out = (struct media_step){.action = MEDIA_IDLE, .until = m->until};
    if (m->state == MEDIA_ENDED)
        out->action = MEDIA_STOPPED;
    if (m->state == MEDIA_ASKED)
        *out = m->step;
    if (m->state != MEDIA_READY)
        return 0;
    if (now_ms < m->not_before) {
        *out = (struct media_step){.action = MEDIA_WAIT, .until = m->not_before};
        return 0;
    }
    rc = media_sync_settle(m->p, error);
    for (m->ask = ASK_NOTHING; rc == 0 && found && m->ask == ASK_NOTHING;) {
        rc = choose(m, now_ms, &found, error);
        rc = rc == MEDIA_AGAIN ? 0 : rc;
    }
    if (rc == 0 && m->ask != ASK_NOTHING) {
        m->state = MEDIA_ASKED;
        m->asked_ms = now_ms;
        *out = m->step;
    }
    if (m->ask == ASK_NOTHING)
        out->until = m->until;
    return rc;
}

/* ---- hearing ---- */

int media_job_later(struct media_sync *m, int64_t now_ms, int64_t first_ms,
                    struct raum_error *error)
{
    int64_t wait = first_ms << (m->job.tries < 12 ? m->job.tries : 12);
    return media_work_later(m->r, &m->job, now_ms + (wait < LATER_MAX_MS ? wait : LATER_MAX_MS), 0,
                            NULL, error);
}

/* The server's sentence, and its code if it is one of ours. */
static void words_of(const struct media_heard *heard, int *code, char out[MEDIA_NOTE_MAX])
{
    struct json_doc doc;
    struct arena a;
    json_init(&doc);
    arena_init(&a, 1 << 16);
    if (heard->len && heard->len < 65536 &&
        json_parse(&doc, heard->body, heard->len, 0, NULL) == 0) {
        struct json_value e = json_get(json_root(&doc), "error");
        const char *name = json_str(json_get(e, "code"), &a);
        const char *text = json_str(json_get(e, "message"), &a);
        int own = name ? err_code(name) : RAUM_EINTERNAL;
        *code = own != RAUM_EINTERNAL && own < 0 ? own : *code;
        snprintf(out, MEDIA_NOTE_MAX, "%s", text ? text : "");
    }
    arena_release(&a);
    json_release(&doc);
}

int media_job_refused(struct media_sync *m, int code, const struct media_heard *heard,
                      const char *words, struct raum_error *error)
{
    char note[MEDIA_NOTE_MAX] = "";
    snprintf(note, sizeof note, "%s", words ? words : "");
    if (heard)
        words_of(heard, &code, note);
    m->counts.refused++;
    return media_work_later(m->r, &m->job, 0, code, note[0] ? note : NULL, error);
}

/* Nothing can be asked for a while. */
static void pause_until(struct media_sync *m, int64_t now_ms, int64_t asked_ms, const char *why)
{
    unsigned char random[2];
    const struct raum_env *env = m->r->env;
    m->wait_ms = m->wait_ms ? m->wait_ms * 2 : WAIT_FIRST_MS;
    if (m->wait_ms > WAIT_MAX_MS)
        m->wait_ms = WAIT_MAX_MS;
    env->random(env->ctx, random, sizeof random);
    int64_t wait = m->wait_ms / 2 + m->wait_ms * (random[0] << 8 | random[1]) / 131072;
    m->not_before = now_ms + (wait > asked_ms ? wait : asked_ms);
    m->up.unsure = true;
    snprintf(m->trouble, sizeof m->trouble, "%s", why);
}

/* The longer a part took, the smaller is the next: rows wait for it. */
static void learn_speed(struct media_sync *m, int64_t now_ms)
{
    int64_t took = now_ms - m->asked_ms;
    bool moved = m->ask == ASK_PART || m->ask == ASK_CREATE || m->ask == ASK_WHOLE;
    if (moved && took < FAST_MS && m->part < MEDIA_PART_MOST)
        m->part *= 2;
    else if (moved && took > SLOW_MS && m->part > MEDIA_PART_LEAST)
        m->part /= 2;
}

static int take_answer(struct media_sync *m, int64_t now_ms, const struct media_heard *heard,
                       struct raum_error *error)
{
    m->wait_ms = 0;
    m->trouble[0] = '\0';
    if (heard->status >= 500) { /* this one is too much for it, or not now: others may do */
        snprintf(m->trouble, sizeof m->trouble, "the server answered %d", heard->status);
        if (m->job.work == MEDIA_DO_SEND)
            media_send_end(m);
        return media_job_later(m, now_ms, SERVER_MS, error);
    }
    learn_speed(m, now_ms);
    switch (m->ask) {
    case ASK_ERASE:
        return media_send_erased(m, now_ms, heard, error);
    case ASK_CREATE:
    case ASK_OFFSET:
    case ASK_PART:
        return media_send_heard(m, now_ms, heard, error);
    case ASK_THUMB:
    case ASK_WHOLE:
        return media_fetch_heard(m, now_ms, heard, error);
    case ASK_NOTHING:
        break;
    }
    return RAUM_EINTERNAL;
}

int media_sync_answer(struct media_sync *m, int64_t now_ms, const struct media_heard *heard,
                      struct raum_error *error)
{
    int rc = 0;
    if (m->state != MEDIA_ASKED)
        return err_at(error, "sync", RAUM_EUSAGE, "nothing was asked");
    m->state = MEDIA_READY;
    if (heard->status == 401) {
        m->state = MEDIA_ENDED;
        snprintf(m->trouble, sizeof m->trouble, "the server does not know this session any more");
    } else if (heard->status == 0)
        pause_until(m, now_ms, 0, "the server cannot be reached");
    else if (heard->status == 429)
        pause_until(m, now_ms, heard->retry_ms, "the server asks for patience");
    else if (heard->status == 503 || heard->status == 507)
        pause_until(m, now_ms, heard->retry_ms,
                    heard->status == 503 ? "the server is busy" : "the server's disk is full");
    else
        rc = take_answer(m, now_ms, heard, error);
    if (rc)
        m->state = MEDIA_ASKED;
    return rc;
}
