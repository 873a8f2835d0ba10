/* A desk with pictures: three people, two spaces, the true decoder, a clock that the test holds,
 * and the words of tus in short. The test program is its own worker: gallery_main. */
#ifndef TESTS_SERVER_GALLERY_H
#define TESTS_SERVER_GALLERY_H

#include "server/desk.h"

#include "../media/files.h"
#include "base/clock.h"
#include "image/resize.h"
#include "media/maker.h"
#include "media/strip.h"
#include "server/media/media.h"
#include "server/media/tus.h"
#include "server/media/uploads.h"

#define API "/api/v1/media"
#define DAY (INT64_C(86400000))

struct gallery {
    struct desk desk;
    int64_t now;                       /* ms */
    char anna[64], bert[64], cleo[64]; /* tokens; Cleo is in no space of theirs */
    struct media_resizer ports[2];
    struct media_maker maker;
    struct server_options with; /* of the next set_up: further options */
    void (*meanwhile)(void);    /* while a reference is made upright; NULL: nothing */
    /* Of the last upload made, and the last answer. */
    char upload[256], code[64], offset[32];
};
extern struct gallery g;

int gallery_set_up(void **state);
int gallery_tear_down(void **state);
/* Runs the tests, or is the worker. */
int gallery_main(int argc, char **argv, int (*run)(void));

/* The account's id; static until the next call. */
const char *account_of(const char *email);
/* A family space, named by its id. member may be NULL. */
void space_of(const char *id, const char *owner, const char *member);
void run_sql(const char *sql);
int64_t count_of(const char *sql); /* of one column n */
void sweep(void);

struct file {
    unsigned char *data;
    size_t len;
};
struct file sample(const char *name); /* free() its data */
int files_in(const char *name);       /* below a folder of the server's */
const char *number(size_t n);

/* Upload-Metadata of these values; hash may be NULL. Static. */
const char *metadata(const char *space_id, const char *media, const char *purpose,
                     const char *hash);
/* Each gives the status of the answer. */
int done(struct reply *r); /* notes code and offset, and releases */
int create(const char *token, size_t length, const char *meta, const void *body, size_t len);
int patch(const char *token, size_t at, const void *body, size_t len);
int simple(const char *method, const char *token); /* of the last upload */
int put_bytes(const char *token, const char *space_id, const char *media, const struct file *f);
int put(const char *token, const char *space_id, const char *media, const char *name);
/* For a purpose, in two requests: 204 when it was taken. */
int put_as(const char *token, const char *space_id, const char *media, const char *purpose,
           const char *name);
int see(const char *token, const char *path);
int take_away(const char *token, const char *path);
/* The answer is that of what was never there, to the byte. */
void looks_absent(const char *token, const char *path);

/* One change of a row, "name=json;name=json"; its status. row: of meImages, applied. */
const char *pushed(const char *token, const char *op, const char *table, const char *id,
                   const char *space_id, const char *fields);
void row(const char *token, const char *op, const char *id, const char *space_id,
         const char *fields);

#define T(f) cmocka_unit_test_setup_teardown(f, gallery_set_up, gallery_tear_down)

#endif
