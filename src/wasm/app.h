/* The engine as one object behind a call table: method names and JSON in, JSON out, bytes beside it
 * both ways. One account's replica is open at a time; each tab of the browser is a client with
 * handles of its own. Knows no browser. */
#ifndef WASM_APP_H
#define WASM_APP_H

#include "base/json.h"
#include "engine/scope.h"
#include "modules/pictures.h"
#include "sync/media.h"
#include "sync/session.h"
#include "sync/sse.h"

#define APP_FOLDER "/raum" /* data directory; the host decides where that is */
#define APP_ANSWER_MAX ((size_t)96 << 20)

struct client {
    int id; /* the host's */
    struct raum_handle *scope, *own, *across;
    struct client *next;
};
struct watch { /* a live query of a client */
    int id;    /* the host's */
    struct client *client;
    struct raum_watch *live;
    bool in_batch;
    struct json_writer *out; /* of the poll that is running */
    struct watch *next;
};
struct app {
    struct raum *raum;
    struct raum *joining; /* what is about to become the account's; may be `raum` itself */
    struct pictures pictures;
    struct session *session;
    struct media_sync *media;
    struct sse sse;
    struct client *clients;
    struct watch *watches;
};

struct call {
    struct app *app;
    struct client *client;
    struct json_value args;
    const void *blob; /* bytes that came with it, lent */
    size_t blob_len;
    struct arena *arena;
    struct json_writer *out; /* the answer: one value */
    struct buf *bytes;       /* and bytes that go with it */
    struct raum_error *error;
};
typedef int call_fn(struct call *c);
enum call_kind {
    CALL_READ,
    CALL_ONCE,   /* writes: asked twice under one request id, it is done once */
    CALL_CLOSED, /* needs no open replica */
};
struct call_entry {
    const char *name;
    call_fn *run;
    enum call_kind kind;
};
/* Each ends with an entry without a name. */
extern const struct call_entry calls_life[], calls_rows[], calls_spaces[], calls_modules[],
    calls_wardrobe[], calls_media[], calls_keys[], calls_join[], calls_sync[],
    calls_media_sync[];

/* ---- arguments: USAGE says which one is wrong ---- */

/* A text that has to be there; NULL after an error was set. */
const char *call_text(struct call *c, const char *key);
const char *call_maybe(struct call *c, const char *key); /* NULL: absent, null or no text */
bool call_flag(struct call *c, const char *key);
int64_t call_number(struct call *c, const char *key);
/* The texts of a list, in the arena; *count -1 if it is absent. */
int call_list(struct call *c, const char *key, const char *const **out, int *count) BASE_CHECK;
int call_wrong(struct call *c, const char *key, const char *what);

/* ---- handles of the client, made at first use; NULL after an error was set ---- */
struct raum_handle *call_scope(struct call *c);
struct raum_handle *call_own(struct call *c);
struct raum_handle *call_across(struct call *c);
/* Where "scope":"space"|"across"|"own" points; default space. */
struct raum_handle *call_handle(struct call *c);

/* ---- answers ---- */
void answer_id(struct call *c, const char *id); /* {"id":…} */
void answer_str(struct call *c, const char *key, const char *text);
void answer_int(struct call *c, const char *key, int64_t value);
void answer_flag(struct call *c, const char *key, bool value);
/* A value of a query's row. */
void answer_value(struct json_writer *w, const struct raum_query *q, int at);
void answer_row(struct json_writer *w, const struct raum_query *q); /* {"column":value…} */
void answer_space(struct call *c, const struct space *s);

/* Runs what writes in one transaction with a note of its request (argument "request", an id), so
 * that a request that comes again, also after another tab took over, is answered and not run. */
int once_run(struct call *c, call_fn *run) BASE_CHECK;
/* Forgets the notes of requests that nobody repeats any more. */
void once_tidy(struct raum *r);

/* Closes handles, watches, session, replica. */
void app_close(struct app *app);
void app_client_close(struct app *app, int id);

#endif
