/* The server's log: one JSON object a line, to a file descriptor; safe from several threads. Knows
 * no noun. Never given a secret: no bodies, no cookies, no tokens, no query strings. */
#ifndef NET_LOG_H
#define NET_LOG_H

#include "base/err.h"
#include <stdint.h>

enum net_log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };

struct net_log;

/* fd stays the caller's. Lines below `least` are dropped. now_ms as in struct raum_env. */
int net_log_new(struct net_log **out, int fd, enum net_log_level least, int64_t (*now_ms)(void *),
                void *ctx, struct raum_error *error) BASE_CHECK;
void net_log_free(struct net_log *log); /* NULL is fine */

struct net_log_field {
    const char *key;
    const char *text; /* NULL: number counts */
    int64_t number;
};
/* {"at":"…","level":"info","event":event,…}; log NULL: nothing. */
void net_log_line(struct net_log *log, enum net_log_level level, const char *event,
                  const struct net_log_field *fields, int count);
/* NET_LOG(log, LOG_INFO, "request", {"id", id}, {"status", NULL, 200}); */
#define NET_LOG(log, level, event, ...)                                                            \
    net_log_line(log, level, event, (const struct net_log_field[]){__VA_ARGS__},                   \
                 (int)(sizeof((const struct net_log_field[]){__VA_ARGS__}) /                       \
                       sizeof(struct net_log_field)))

#endif
