/* Who makes pictures from references: a table of providers (providers.c). A provider gets bytes
 * and words, never an id; it keeps nothing and logs nothing. To add one: one function, one entry.
 * Knows no space and no account. */
#ifndef SERVER_GENERATE_PROVIDER_H
#define SERVER_GENERATE_PROVIDER_H

#include "media/maker.h"
#include "net/client.h"
#include <stdint.h>

#define ORDER_REFERENCES_MAX MAKER_PICTURES_MAX
#define ORDER_PICTURES_MAX 4
#define ORDER_MODEL_MAX 64
#define ORDER_PROMPT_MAX 32000                  /* characters */
#define PROVIDER_PICTURE_MAX ((size_t)24 << 20) /* bytes of one that is believed */

struct order_reference {
    const void *data; /* PNG: upright, 1024 pixels at most */
    size_t len;
    const char *what; /* "face", "body", a garment's category; NULL: unknown */
};
struct order {
    const char *prompt, *model, *quality, *size; /* all checked; size "auto" or "1024x1536" */
    int n;
    struct order_reference references[ORDER_REFERENCES_MAX];
    int count;
    bool german; /* what a page says is read by somebody who reads German */
    /* Asked right before the bytes leave, each time they do: 0, or why not. */
    int (*may)(void *arg, struct raum_error *error);
    void *arg;
};
/* What came. Initialised by results_init, released in any case. */
struct results {
    struct buf pictures[ORDER_PICTURES_MAX];
    int count;
    char model[ORDER_MODEL_MAX]; /* that ran */
};
void results_init(struct results *r);
void results_release(struct results *r);

/* What a provider works with; lent. */
struct provider_means {
    const struct media_maker *maker;
    const char *url, *key;   /* NULL where none is needed */
    const char *ca_file;     /* NULL: the system's authorities */
    int timeout_ms;          /* of all tries together */
    int wait_ms;             /* before the second try; twice as long before the third */
    bool (*stop)(void *arg); /* true: nobody waits any more */
    void *arg;
};

struct provider {
    const char *name;
    bool remote;               /* needs an address and a key */
    int units[3];              /* what a picture costs: low, medium, high */
    const char *const *models; /* the first one is the usual one; ends with NULL */
    /* One to n pictures. PROVIDER_FAILED with a sentence for the user; what `may` says; BUSY when
     * it was stopped. */
    int (*run)(const struct provider_means *m, const struct order *o, struct results *out,
               struct raum_error *error);
};
extern const struct provider providers[]; /* ends with name NULL; the first one is the usual one */
const struct provider *provider_find(const char *name); /* NULL: none of that name */

/* The runs of the entries that fill files of their own. */
int openai_run(const struct provider_means *m, const struct order *o, struct results *out,
               struct raum_error *error);
/* The pixels of a size ("auto": upright). */
void order_size(const char *size, int *width, int *height);

#endif
