/* Pictures made from a member's own references: what is asked is checked, the allowance reserved,
 * the bytes read and given to a provider by a thread of its own, what comes back kept. Consent is
 * asked where the bytes are read and, each time, where they leave (G-P1); what fails costs nothing
 * (G-P6). A prompt is passed on and forgotten: it is in no row, no log and no error.
 *
 *     asked → reserved → read → at the provider → delivered (charged) → kept
 *                  └──────┴───────────┴→ released
 *
 * Knows no HTTP: routes/generate.c and agents' tools call it. */
#ifndef SERVER_GENERATE_GENERATE_H
#define SERVER_GENERATE_GENERATE_H

#include "net/log.h"
#include "server/generate/keep.h"
#include "server/generate/ledger.h"
#include "server/generate/provider.h"

#define GENERATE_TIMEOUT_MS 240000 /* at a provider, all tries together */
#define GENERATE_WAIT_MS 1000
#define GENERATE_WAITING_MAX 16 /* requests that wait for a thread; more are BUSY */
#define GENERATE_THREADS 2

struct generator;

struct generator_options {
    const struct raum_env *env;
    const char *database, *folder;
    struct media *media;              /* lent, as all that follows */
    const struct media_maker *makers; /* none: NOT_CONFIGURED */
    int maker_count;
    const char *provider; /* NULL: the first of the table; "none": nothing is made here */
    const char *url, *key, *model, *ca_file;
    int64_t allowance; /* units of a space; 0: LEDGER_UNITS */
    int timeout_ms;    /* 0: GENERATE_TIMEOUT_MS */
    int wait_ms;       /* before a second try at a provider; 0: GENERATE_WAIT_MS */
    struct net_log *log;
};
/* USAGE: no such provider, or it lacks its address or key. */
int generator_new(struct generator **out, const struct generator_options *options,
                  struct raum_error *error) BASE_CHECK;
/* From now on nothing is begun, and what is at a provider ends within a second. */
void generator_stop(struct generator *g); /* NULL is fine */
void generator_free(struct generator *g); /* NULL is fine */
int generator_sweep(struct generator *g, struct sql *c, struct raum_error *error) BASE_CHECK;

/* One order. All texts are lent. */
struct generate_request {
    const char *account, *agent;   /* agent NULL: the person's own hand */
    const char *space, *prompt;    /* space: as media_space has it */
    const char *const *references; /* ids of media */
    int reference_count;
    const char *model, *quality, *size; /* NULL: the usual, medium, 1024x1024 */
    int n;                              /* made 1 to 4 */
    const char *visibility;             /* "space"; NULL or "private": the caller's alone */
    const char *outfit, *garment;       /* what it was tried on with; at most one, else NULL */
    bool german;
    /* What follows is for who waits with it; all may be NULL. True: nobody wants it any more, so
     * that nothing else leaves. What was delivered by then is kept. */
    bool (*stop)(void *arg);
    keep_written *written; /* in the transaction of each row that is made */
    void *arg;
};
struct generate_answer {
    char model[ORDER_MODEL_MAX]; /* that ran */
    struct kept pictures[ORDER_PICTURES_MAX];
    int count;
    bool delivered; /* also with an error: made and charged, and kept as soon as it can be */
};
/* BAD_CHANGE: not an order; LIMIT: the allowance; NOT_FOUND, CONSENT_REQUIRED: references.h;
 * PROVIDER_FAILED with a sentence; NOT_CONFIGURED; FULL; BUSY. Takes as long as the provider does,
 * on the caller's thread and connection. */
int generate_run(struct generator *g, struct sql *c, const struct generate_request *q,
                 struct generate_answer *out, struct raum_error *error) BASE_CHECK;

/* The same by a thread of the generator. The job is the caller's memory until `done` was called. */
struct generate_job {
    struct generate_request request;
    struct generate_answer answer;
    void (*done)(struct generate_job *job);
    void *arg;
    int result;
    struct raum_error error;
    struct generate_job *next;
};
int generate_submit(struct generator *g, struct generate_job *job,
                    struct raum_error *error) BASE_CHECK;

#endif
