/* The server's own routes beside /api/auth: health and metrics, static files, account picture,
 * vault. One table a file. */
#ifndef SERVER_ROUTES_ROUTES_H
#define SERVER_ROUTES_ROUTES_H

#include "server/call.h"

extern const struct route plain_routes[];  /* /health /ready /metrics /openapi.json */
extern const struct route avatar_routes[]; /* /api/v1/avatar */
extern const struct route vault_routes[];  /* /api/v1/vault */
extern const struct route sync_routes[];   /* /api/v1/sync */
extern const struct route media_routes[];  /* /api/v1/media/{id} */
extern const struct route upload_routes[]; /* /api/v1/media: tus */
extern const struct route stream_routes[]; /* /api/v1/sync/stream */
extern const struct route generate_routes[]; /* /api/v1/picture/generate-with-reference */
extern const struct route mcp_routes[];    /* /mcp and where its tokens come from */
extern const struct route page_routes[];   /* static files and the small pages of mails' links */

/* What GET /api/v1/vault answers to c->session's account; the caller wipes it. Of the call only
 * server, sql, arena and session are asked. */
int vault_write(struct call *c, struct buf *out) BASE_CHECK;

/* Does a request wait for a disk or a decoder? */
bool uploads_heavy(const struct http_request *head);
/* Does it wait for pictures that are being made? */
bool generate_heavy(const struct http_request *head);
/* Counts an order of this account, whoever gives it; the seconds to wait if there were too many. */
int generate_wait(struct server *s, const char *account);

#endif
