/* What the files of the hub share. All of it belongs to the hub's thread, but for what is said to
 * lie under the lock. */
#ifndef SERVER_STREAM_INSIDE_H
#define SERVER_STREAM_INSIDE_H

#include "server/notice.h"
#include "server/relay/inside.h"
#include "server/stream/hub.h"
#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#define HUB_BUCKETS 4096
#define HUB_PAGE_ROWS 500
#define HUB_PAGE_BYTES ((size_t)32 << 10)  /* about; stamps may make five times as many of it */
#define HUB_UNREAD_MAX ((size_t)160 << 10) /* more waits: it goes on by catching up */
#define HUB_UNREAD_LOW ((size_t)16 << 10)  /* less waits: it gets its next page */
#define HUB_CATCHING_MAX 256 /* for how many at once pages may wait */
#define HUB_NOTES_MAX 4096

/* A partition that some stream here is subscribed to. */
struct hub_part {
    char *id;
    int64_t ref;  /* 0: nothing was ever written to it */
    int64_t head; /* seq up to which notices were heard, in their order */
    struct hub_account **accounts;
    uint32_t count, cap;
    struct hub_part *next; /* in its bucket */
};

struct hub_sub;
TAILQ_HEAD(hub_subs, hub_sub);

struct hub_account {
    char *id;
    int streams; /* under the lock */
    bool known;  /* parts are read */
    struct hub_part **parts; /* its user partition first */
    uint32_t count;
    struct hub_subs subs;
    struct hub_account *next; /* in its bucket; under the lock */
};

struct hub_sub {
    struct hub *hub;
    struct http_stream *stream;
    struct hub_account *account;
    char *session, *client, *since, *space; /* since and space until it is admitted; may be NULL */
    int64_t expires;
    int64_t *seen;         /* its position in each of account->parts */
    struct hub_part *only; /* NULL: all */
    bool admitted, closing, is_behind;
    int64_t beat_at;     /* ms: the next heartbeat */
    size_t unread;       /* when it was last looked at */
    int64_t progress_at; /* ms: when that had changed */
    TAILQ_ENTRY(hub_sub) of_account, behind, beat;
    struct hub_sub *next_new, *next_gone; /* under the lock */
};

/* A notice that waits for its turn. */
struct hub_note {
    struct hub_note *next;
    struct notice notice; /* of the payload */
    char payload[];
};

/* One event of a batch, and who gets it. */
struct hub_piece {
    struct http_shared *text;
    bool retract;
    const char *author; /* NULL: everybody. Changes: only he; a retract: everybody else */
};
struct hub_batch {
    struct hub_piece *pieces; /* retracts first */
    uint32_t count;
    size_t bytes;
    int64_t end; /* the position behind it */
};

struct hub {
    struct hub_options o;
    struct sql *sql;
    struct sql_listener *listener;
    struct relay *relay;
    struct arena page;    /* of one batch */
    struct arena scratch; /* of one event or question */
    char epoch[17];
    int wake_fd;
    pthread_t thread;
    bool started;

    struct hub_part *parts[HUB_BUCKETS];
    struct hub_subs behind, beats;
    struct hub_note *notes, *last_note;
    int note_count;
    int64_t resync_at; /* 0: nothing is in doubt */
    int64_t expiry_at; /* the first session that ends by itself */
    int64_t outside_at, outside;

    pthread_mutex_t lock; /* of the following */
    struct hub_account *accounts[HUB_BUCKETS];
    struct hub_sub *fresh, **fresh_end, *gone;
    int streams;
    atomic_bool stopping;
};

int64_t hub_now(const struct hub *h); /* ms, monotonic */
void hub_wake(struct hub *h);         /* any thread */
/* Something went wrong or may have been missed: all is looked up anew in a moment. */
void hub_doubt(struct hub *h, const struct raum_error *error);
/* Takes what was said since; sessions that have ended are closed at once, the rest waits for its
 * turn. */
void hub_hear(struct hub *h, int wait_ms);

/* members.c */
struct hub_part *hub_part_find(struct hub *h, const char *id);
/* Reads the account's partitions anew: joined ones are announced, left ones end the streams. */
int hub_account_read(struct hub *h, struct hub_account *a, struct raum_error *error) BASE_CHECK;
void hub_account_leave(struct hub *h, struct hub_account *a); /* it has no stream any more */
/* Its place in a->parts; -1: none. */
int hub_account_place(const struct hub_account *a, const struct hub_part *part);
/* Closes what has no session any more: one stream, all of an account. */
int hub_sub_check(struct hub *h, struct hub_sub *s, struct raum_error *error) BASE_CHECK;
int hub_account_check(struct hub *h, struct hub_account *a, struct raum_error *error) BASE_CHECK;
/* Under the lock: the account, made if it is new. NULL: no memory. Only the hub's thread ends
 * one. */
struct hub_account *hub_account_enter(struct hub *h, const char *id);
struct hub_account *hub_account_find(struct hub *h, const char *id);
/* The next one, in no order, behind `at`; NULL: none. */
struct hub_account *hub_account_next(struct hub *h, const struct hub_account *at);

/* batch.c */
/* What a partition has behind `from` up to its head, a page of it, in the arena h->page. */
int hub_batch_read(struct hub *h, const struct hub_part *part, int64_t from, int64_t to,
                   struct hub_batch *out, struct raum_error *error) BASE_CHECK;
void hub_batch_release(struct hub_batch *b);

/* fanout.c */
bool hub_sub_lacks(const struct hub_sub *s); /* something lies before it in its partitions */
void hub_sub_behind(struct hub *h, struct hub_sub *s);
void hub_sub_send(struct hub_sub *s, const char *text, size_t len);
/* The cursor of its positions, in the arena h->scratch; NULL: no memory. */
const char *hub_sub_cursor(struct hub *h, const struct hub_sub *s);
/* Is bytes after bytes waiting for a reader who takes none? */
bool hub_sub_stuck(const struct hub *h, struct hub_sub *s);
void hub_sub_end(struct hub_sub *s, bool now); /* now: what waits is dropped */
int hub_fan_out(struct hub *h, const struct notice *n, struct raum_error *error) BASE_CHECK;
/* One page for one of those who are behind. *served: somebody got one. */
int hub_catch_up(struct hub *h, bool *served, struct raum_error *error) BASE_CHECK;

#endif
