/* What the files of sync/media share: media.c chooses, media_send.c and media_fetch.c know the
 * requests. Nobody else includes this. */
#ifndef SYNC_MEDIA_INSIDE_H
#define SYNC_MEDIA_INSIDE_H

#include "sync/media.h"

#define MEDIA_PATH_ROOM 600
#define MEDIA_HEADER_ROOM 1400
#define MEDIA_PART_FIRST ((size_t)256 << 10)
#define MEDIA_PART_LEAST ((size_t)32 << 10)
#define MEDIA_PART_MOST ((size_t)1 << 20) /* as much as the server takes at once */
#define MEDIA_AGAIN RAUM_END              /* of begin: nothing is to be asked, look for the next */

enum media_ask { ASK_NOTHING, ASK_ERASE, ASK_CREATE, ASK_OFFSET, ASK_PART, ASK_THUMB, ASK_WHOLE };

/* The upload at work. */
struct media_up {
    bool active;
    struct media_job job;
    struct media_ref ref;
    void *data; /* the original; free() */
    size_t len, offset;
    bool unsure; /* ask for the offset first */
};
/* The original that is being fetched. */
struct media_down {
    char hash[MEDIA_REF_HASH]; /* "": none */
    struct buf data;           /* as far as it has come */
};

struct media_sync {
    struct raum *r;
    struct pictures *p;
    struct media_plan plan;
    enum { MEDIA_READY, MEDIA_ASKED, MEDIA_ENDED } state;
    enum media_ask ask;
    struct media_job job; /* that is asked about */
    bool turn;            /* whose it is: thumbs or uploads */
    size_t part;          /* bytes of one, by how fast the last ones went */
    int64_t asked_ms, until, not_before, wait_ms;
    struct media_up up;
    struct media_down down;
    char path[MEDIA_PATH_ROOM], header[3][MEDIA_HEADER_ROOM];
    struct media_step step;
    struct media_counts counts;
    char trouble[RAUM_ERROR_TEXT_MAX];
};

/* Builds the request for a job. 0; MEDIA_AGAIN; or an error. */
int media_send_begin(struct media_sync *m, int64_t now_ms, struct raum_error *error) BASE_CHECK;
int media_send_erase(struct media_sync *m, struct raum_error *error) BASE_CHECK;
int media_fetch_thumb(struct media_sync *m, struct raum_error *error) BASE_CHECK;
int media_fetch_whole(struct media_sync *m, struct raum_error *error) BASE_CHECK;
/* Takes its answer, of 2xx or of 400 … 499 (without 401 and 429). */
int media_send_heard(struct media_sync *m, int64_t now_ms, const struct media_heard *heard,
                     struct raum_error *error) BASE_CHECK;
int media_send_erased(struct media_sync *m, int64_t now_ms, const struct media_heard *heard,
                      struct raum_error *error) BASE_CHECK;
int media_fetch_heard(struct media_sync *m, int64_t now_ms, const struct media_heard *heard,
                      struct raum_error *error) BASE_CHECK;
void media_send_end(struct media_sync *m);
void media_fetch_end(struct media_sync *m);

/* "/api/v1/media/ID[/VARIANT]?space=…" into m->path; false: the space is gone. */
bool media_ask_path(struct media_sync *m, const char *variant);
void media_ask_for(struct media_sync *m, enum media_ask ask, const char *method);
/* The job waits: the longer, the more often it has been tried, from first_ms on. */
int media_job_later(struct media_sync *m, int64_t now_ms, int64_t first_ms,
                    struct raum_error *error) BASE_CHECK;
/* The job is given up, with the server's words or (heard NULL) ours. */
int media_job_refused(struct media_sync *m, int code, const struct media_heard *heard,
                      const char *words, struct raum_error *error) BASE_CHECK;
/* Is the reference as it was when the work began? *out is filled if so. */
bool media_ref_stands(struct media_sync *m, const struct media_job *job, struct media_ref *out);

#endif
