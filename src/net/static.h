/* Bytes that do not change between requests: files of one folder, and arrays built into the
 * program. ETag by hash, 304, brotli made once and kept, Cache-Control by the name. Whole answers
 * only, no ranges. Knows no route: the caller maps a request to a path.
 *
 * Of a folder nothing is served but regular files below it: no names with a leading dot (except
 * ".well-known"), no way out by ".." or by a symbolic link. A file that has changed on disk is read
 * anew; memory is bounded, what was used longest ago goes first. */
#ifndef NET_STATIC_H
#define NET_STATIC_H

#include "base/err.h"
#include "net/http.h"
#include <stddef.h>

struct static_item;  /* one file's or array's bytes */
struct static_files; /* a folder; safe from several threads */

/* Items larger than this are not served. */
#define STATIC_ITEM_MAX ((size_t)32 << 20)

/* `name` gives content type and caching ("app-3f2a1b4c.js" never changes). The bytes are lent for
 * the item's life. */
int static_item_new(struct static_item **out, const char *name, const void *data, size_t len,
                    struct raum_error *error) BASE_CHECK;
/* The same of bytes that are brotli already; whole_len is their length when unpacked, which happens
 * once and only for a client that takes no brotli. */
int static_item_new_packed(struct static_item **out, const char *name, const void *data, size_t len,
                           size_t whole_len, struct raum_error *error) BASE_CHECK;
void static_item_free(struct static_item *item); /* NULL is fine */
/* Answers GET and HEAD with 200 or 304, anything else with 405. Keeps headers added before; a
 * Cache-Control among them wins over the name's. */
int static_item_reply(struct static_item *item, struct http_request *q) BASE_CHECK;
/* The same with another status than 200, and then never 304. */
int static_item_send(struct static_item *item, struct http_request *q, int status) BASE_CHECK;

/* folder must exist (NOT_FOUND). memory_max 0: 64 MiB of files, compressed forms included. */
int static_open(struct static_files **out, const char *folder, size_t memory_max,
                struct raum_error *error) BASE_CHECK;
void static_close(struct static_files *files); /* NULL is fine */
/* path as in a request ("/assets/app.js"); one that ends in "/" means its index.html.
 * NOT_FOUND, and nothing answered, when there is nothing to serve at it. */
int static_reply(struct static_files *files, struct http_request *q, const char *path) BASE_CHECK;

/* "text/html; charset=utf-8"; "application/octet-stream" when the ending says nothing. Static. */
const char *static_type(const char *name);
/* Whether a name carries a hash of its content, as build tools write it. */
bool static_is_hashed(const char *name);

#endif
