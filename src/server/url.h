/* URLs as text: origins, patterns of trusted ones, percent-encoding, query parameters. Pure
 * functions; know no server and no request. Whatever is not plainly understood is refused: a
 * browser may read it otherwise than we do. */
#ifndef SERVER_URL_H
#define SERVER_URL_H

#include "base/arena.h"
#include "base/buf.h"
#include <stdbool.h>
#include <stddef.h>

#define URL_MAX 2048 /* longer ones are refused */

/* "https://host:8443" of an http or https URL, lower case, without the scheme's own port; NULL:
 * neither of the two, or not plainly a host (user names, backslashes, control characters). */
char *url_origin(struct arena *a, const char *url);
/* "host:8443" of the same; NULL as above. */
char *url_host(struct arena *a, const char *url);
/* Better Auth's patterns: `*` is any run and `?` any one character; a pattern with a scheme is
 * compared with the origin, one without with the host. Addresses made of digits match only
 * addresses. */
bool url_matches(struct arena *a, const char *url, const char *pattern);
/* A path of our own that no browser takes for another host: "/…", never "//…" or "/\…". */
bool url_relative(const char *url);
/* Is the host part of "host", "host:port" or "[v6]:port" an IP address (or a name of this
 * machine)? Such a Host header cannot come from a name that was bound to us by others. */
bool url_host_is_address(const char *host);
bool url_host_is_loopback(const char *host);

/* As JavaScript's encodeURIComponent. */
void url_encode(struct buf *out, const char *text);
/* Decodes %XX (and '+' if form) in the arena, NUL-terminated; NULL: broken, not UTF-8, a NUL, or no
 * memory. */
char *url_decode(struct arena *a, const char *text, size_t len, bool form);
/* url with name=value added before the fragment; in the arena. */
char *url_add(struct arena *a, const char *url, const char *name, const char *value);

#endif
