/* A reader of streams over a raw socket, for tests: events one by one. HTTP/1.0, so that nothing is
 * chunked. */
#ifndef TESTS_SERVER_READER_H
#define TESTS_SERVER_READER_H

#include "base/arena.h"
#include "base/json.h"

struct reader {
    int fd, status;
    bool closed; /* by the server */
    struct buf in;
    size_t at;        /* what was taken of it */
    char *event, *id; /* of the last event; "" when it had none */
    char *cursor;     /* of the last id */
    char *text;       /* that data is lent from */
    struct json_doc doc;
    struct json_value data;
    struct buf all; /* every byte that came */
};

/* token NULL: nobody. query: "" or "?since=…". last: Last-Event-ID or NULL. Waits for the head. */
void reader_open(struct reader *r, int port, const char *token, const char *client,
                 const char *query, const char *last);
/* The next event that is no heartbeat, within ms; false: none came, or it was closed. */
bool reader_next(struct reader *r, int ms);
/* reader_next, and it is of this name. */
void reader_expect(struct reader *r, const char *event);
/* Nothing comes within ms, and it stays open. */
void reader_quiet(struct reader *r, int ms);
/* Whatever comes is read until it is closed; fails after ms. */
void reader_ends(struct reader *r, int ms);
/* A text of the event's data; "" if there is none. Lent until the next call. */
const char *reader_text(struct reader *r, const char *key);
/* The number of changes in it, and the id of one. */
int reader_count(struct reader *r);
const char *reader_id(struct reader *r, int n);
void reader_close(struct reader *r);

#endif
