/* What is to be done about pictures between this device and the server: tables `media` (column
 * `sent`) and `media_work`. Which pictures a row shows is read here from rows as they are merged,
 * so that what is to be fetched or let go is known in the transaction that brought the row, and is
 * still known after a crash. Knows neither files nor requests (sync/media.h does the work).
 *
 *     media.sent   0 no server has it yet · 1 uploaded from here · 2 it came from the server
 *     media_work   (space, id, work, tries, after, code, note, place)
 *                  after: ms, not before; code: refused for good, note: in the server's words;
 *                  place: of an upload, its address at the server */
#ifndef ENGINE_MEDIA_WORK_H
#define ENGINE_MEDIA_WORK_H

#include "engine/replica.h"

#define MEDIA_ID_MAX 128    /* with NUL; what is longer is no picture's id */
#define MEDIA_PLACE_MAX 200 /* of an address */
#define MEDIA_NOTE_MAX 200

/* Numbers in the file, for ever. */
enum media_work {
    MEDIA_DO_LOOK = 1,  /* does any row still show it? */
    MEDIA_DO_ERASE = 2, /* delete it at the server, for ever (G-P4) */
    MEDIA_DO_SEND = 3,  /* state of an upload; what is to be sent says media.sent */
    MEDIA_DO_THUMB = 4, /* fetch the small variant, and what the picture is */
    MEDIA_DO_WHOLE = 5, /* fetch the original */
};
enum media_sent { MEDIA_UNSENT, MEDIA_SENT, MEDIA_CAME };

/* ---- what rows show ---- */

/* Compares what a row shows before and after it is merged. Prepared once for many rows. */
#define MEDIA_WATCH_TABLES 4 /* that show pictures; more are read, only slower */
struct media_watch {
    struct raum *r;
    const struct schema_table *plain, *tables[MEDIA_WATCH_TABLES];
    struct db_stmt shown[MEDIA_WATCH_TABLES], want, look;
    struct buf before;
};
void media_watch_init(struct media_watch *w, struct raum *r);
void media_watch_release(struct media_watch *w);
/* Around the merging or erasing of a row, in its transaction. Tables without pictures cost
 * nothing. */
int media_watch_before(struct media_watch *w, uint32_t space, const struct schema_table *t,
                       const char *id, struct raum_error *error) BASE_CHECK;
int media_watch_after(struct media_watch *w, uint32_t space, const struct schema_table *t,
                      const char *id, struct raum_error *error) BASE_CHECK;

/* ---- work ---- */

struct media_job {
    uint32_t space;
    enum media_work work;
    int tries;
    char id[MEDIA_ID_MAX];
    char place[MEDIA_PLACE_MAX]; /* "": none */
};
/* Is it an id that can be asked for? (Not one of an adopted account picture, nor of a URL.) */
bool media_work_is_id(const char *id, size_t len);
/* Inside a transaction. There already: as it is, but due at once. */
int media_work_add(struct raum *r, uint32_t space, const char *id, enum media_work work,
                   struct raum_error *error) BASE_CHECK;
/* Inside a transaction; absent is fine. */
int media_work_done(struct raum *r, uint32_t space, const char *id, enum media_work work,
                    struct raum_error *error) BASE_CHECK;
int media_work_has(struct raum *r, uint32_t space, const char *id, enum media_work work, bool *out,
                   struct raum_error *error) BASE_CHECK;
/* Not before `after_ms`; one more try. code not 0: not at all until media_work_retry, with the
 * words why. Makes the row if need be. In a transaction of its own. */
int media_work_later(struct raum *r, const struct media_job *job, int64_t after_ms, int code,
                     const char *note, struct raum_error *error) BASE_CHECK;
/* Where an upload goes on ("": nowhere). In a transaction of its own. */
int media_work_place(struct raum *r, const struct media_job *job, const char *place,
                     struct raum_error *error) BASE_CHECK;

/* Only some of it; 0 and NULL: all. */
struct media_part {
    uint32_t space;
    const char *id;
};
/* The next that is due, of spaces that the server knows. RAUM_END: none; *due then is the earliest
 * time at which one is (INT64_MAX: none is). For MEDIA_DO_SEND: of what is unsent. */
int media_work_next(struct raum *r, enum media_work work, const struct media_part *part,
                    int64_t now_ms, struct media_job *out, int64_t *due,
                    struct raum_error *error) BASE_CHECK;
/* Everything that waits for a time is due now; `refused` too: what was given up is tried again. */
int media_work_retry(struct raum *r, bool refused, struct raum_error *error) BASE_CHECK;
/* The server was restored from a backup: what was uploaded from here is offered again (G-O4).
 * Inside a transaction. */
int media_work_offer_all(struct raum *r, struct raum_error *error) BASE_CHECK;

struct media_state {
    int64_t unsent, coming, refused, erasing;
};
/* Of a space, or with 0 of all that the server knows. */
int media_work_state(struct raum *r, uint32_t space, struct media_state *out,
                     struct raum_error *error) BASE_CHECK;
/* Every refused one. Texts are lent for the call. */
typedef int media_refused(void *arg, uint32_t space, const char *id, enum media_work work, int code,
                          const char *note, struct raum_error *error);
int media_work_refused(struct raum *r, media_refused *each, void *arg,
                       struct raum_error *error) BASE_CHECK;

/* ---- looking ---- */

struct media_seen {
    char id[MEDIA_ID_MAX];
    bool shown; /* by a live row */
    bool named; /* by any row, deleted ones too: it can come back */
};
#define MEDIA_SEEN_MAX 100
/* Up to MEDIA_SEEN_MAX of one space's MEDIA_DO_LOOK. *count 0: there are none. */
int media_work_look(struct raum *r, uint32_t *space, struct media_seen *list, int *count,
                    struct raum_error *error) BASE_CHECK;

#endif
