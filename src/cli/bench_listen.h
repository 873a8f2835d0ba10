/* Listeners for benchmarks: many open streams of one server, read by one thread that only counts
 * when the bytes it waits for have come to each. Knows server-sent events as bytes. */
#ifndef CLI_BENCH_LISTEN_H
#define CLI_BENCH_LISTEN_H

#include "cli/bench_server.h"
#include "server/store/sql.h"
#include <stdbool.h>

#define LISTEN_TEAM 100 /* accounts in the one team space */

struct listener {
    int fd;
    bool heard, closed;
    char tail[64]; /* the last bytes, for a word that came in two pieces */
    int tail_len;
};
struct listeners {
    int poll, count;
    struct listener *list;
};

/* A server's database in data/server: accounts account%025d, 0 … LISTEN_TEAM - 1, members of the
 * space `team`; sessions token%027d, `sessions` of them, of one account after the other. */
int listen_fill(const char *data, int sessions, struct raum_error *error) BASE_CHECK;
int listen_dial(int port, struct raum_error *error); /* a connected socket; negative: an error */
/* Opens streams of sessions first … first + count - 1 behind those that are there, and waits until
 * each is ready. */
int listen_open(struct listeners *l, int port, int first, int count,
                struct raum_error *error) BASE_CHECK;
/* The same over a plain socket to a port, without a word said. */
int listen_plain(struct listeners *l, int port, int count, struct raum_error *error) BASE_CHECK;
/* Reads until `word` has come to all (or all are closed: word NULL); UNREACHABLE after 30 s. */
int listen_all(struct listeners *l, const char *word, struct raum_error *error) BASE_CHECK;
void listen_close(struct listeners *l);

/* A request and its whole answer on a socket that blocks: the status, or negative. */
int listen_ask(int fd, int port, const char *token, const char *path, const char *json,
               struct raum_error *error);
/* A task's insert into the space `team`, as JSON of /api/v1/sync. */
void listen_task(char *out, size_t size, const char *id, const char *title);

#endif
