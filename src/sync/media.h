/* Pictures between one device and its server: events in, actions out, as the session beside it
 * (session.h). No socket, no clock, no thread: the command drives it with libcurl, the browser with
 * fetch, tests with a server of their own.
 *
 *     READY ──ask──▶ ASKED ──answer──▶ READY …           more to do
 *       │              │        └────▶ IDLE              nothing that is due
 *       │              └─no answer, 429, 503──▶ WAIT ──time──▶ READY
 *       │              └─401──▶ STOPPED                  who asks is not known there any more
 *
 * What is to be done stands in tables (engine/media_work.h) and is gone from them only when it is
 * done, so a crash anywhere goes on where it was: uploads behind the part that the server has
 * (tus), originals behind the last part that was written here (media/coming.h).
 *
 * In this order: what rows let go goes from here (G-P4, G-T9); what was deleted for ever is deleted
 * there; thumbs that are missing are fetched and what is new here is sent, in turns; then originals
 * that were asked for. One request at a time, each small enough that rows never wait long for it. A
 * picture that the server refuses is given up with its reason and holds up no other. */
#ifndef SYNC_MEDIA_H
#define SYNC_MEDIA_H

#include "engine/media_work.h"
#include "modules/pictures.h"

#define MEDIA_STEP_HEADERS 8
#define MEDIA_STEP_ANSWER ((size_t)8 << 20) /* bytes of an answer's body, at most */

struct media_sync;

/* What to do; 0 and NULL of the part: everything. */
struct media_plan {
    bool send;      /* upload, and delete there */
    bool thumbs;    /* fetch what is not here */
    bool originals; /* fetch all of them, too; else only those that were asked for */
    struct media_part part;
};

enum media_action {
    MEDIA_ASK,     /* the request of the step, then media_sync_answer */
    MEDIA_WAIT,    /* nothing before `until` */
    MEDIA_IDLE,    /* nothing is due; `until`: when something is, INT64_MAX: never */
    MEDIA_STOPPED, /* signed out there */
};
struct media_step {
    enum media_action action;
    /* Lent until the answer. */
    const char *method, *path;
    const char *headers[MEDIA_STEP_HEADERS]; /* "Name: value", ends with NULL */
    const void *body;                        /* NULL: none */
    size_t len;
    const char *type; /* of the body */
    int64_t until;    /* ms */
};
struct media_heard {
    int status;       /* 0: there was no answer */
    int64_t retry_ms; /* what the server asked for, or 0 */
    const void *body;
    size_t len;
    void *arg; /* first header of a name in lower case; NULL if there is none */
    const char *(*header)(void *arg, const char *name);
};
struct media_counts {
    uint32_t sent, erased, thumbs, originals, refused; /* pictures */
    uint32_t absent;                                   /* asked for, not there (yet) */
};

/* The pictures are lent. */
int media_sync_new(struct media_sync **out, struct pictures *p, const struct media_plan *plan,
                   struct raum_error *error) BASE_CHECK;
void media_sync_free(struct media_sync *m); /* NULL is fine */
/* Puts originals (and thumbs) that are not here on the list: all of a plan with `originals`.
 * Whoever wants one says media_work_add(MEDIA_DO_WHOLE) and a plan with its part. */
int media_sync_want_all(struct media_sync *m, struct raum_error *error) BASE_CHECK;
/* Errors are of this device (disk, damage). After one the step stands: the answer can be given
 * again. */
int media_sync_next(struct media_sync *m, int64_t now_ms, struct media_step *out,
                    struct raum_error *error) BASE_CHECK;
int media_sync_answer(struct media_sync *m, int64_t now_ms, const struct media_heard *heard,
                      struct raum_error *error) BASE_CHECK;
/* Beside the turns: a thumb that somebody wanted to see at once, with what the server said of it
 * ("raum-media"). *kept false: nothing was to be fetched, or it is not what was said. */
int media_sync_take_thumb(struct pictures *p, uint32_t space, const char *id, const char *facts,
                          const void *data, size_t len, bool *kept,
                          struct raum_error *error) BASE_CHECK;
/* Since media_sync_new. */
const struct media_counts *media_sync_counts(const struct media_sync *m);
/* Why the last request was not answered well; NULL when it was. */
const char *media_sync_trouble(const struct media_sync *m);
/* Makes files and references follow what rows let go of. media_sync_next does it, too. */
int media_sync_settle(struct pictures *p, struct raum_error *error) BASE_CHECK;

#endif
