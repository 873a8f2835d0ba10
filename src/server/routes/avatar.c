/* /api/v1/avatar: the account's picture as user.image shows it. Each picture has an unguessable
 * address of its own, public because user.image is; the address dies with the next picture. Which
 * picture that is is the device's business: it follows the personal space only (G-T11). */
#include "media/sniff.h"
#include "media/strip.h"
#include "server/auth/auth.h"
#include "server/auth/upstream.h"
#include "server/routes/routes.h"
#include <stdio.h>
#include <string.h>

#define AVATAR_MAX ((size_t)64 << 10)
#define AVATAR_SIDE_MAX 256
#define ID_LENGTH 32 /* of 62 letters: 190 bits */
#define ADDRESS "/api/v1/avatar/"

struct refusal {
    int status;
    const char *code, *message;
};

static int refuse(struct refusal *r, int status, const char *code, const char *message)
{
    *r = (struct refusal){status, code, message};
    return RAUM_EUNSUPPORTED_MEDIA;
}

/* The bytes must be the picture and nothing else: what stripping would change is metadata, bytes
 * behind the end, or a header that lies (G-P3, G-P5). */
static int check_picture(struct call *c, struct refusal *r)
{
    struct media_facts facts;
    struct buf clean;
    const char *data = c->http->body, *type = http_header(c->http, "Content-Type");
    size_t len = c->http->body_len;
    if (!type || strcmp(type, "image/webp") != 0)
        return refuse(r, 415, "UNSUPPORTED_MEDIA", "an account picture comes as image/webp");
    if (len > AVATAR_MAX)
        return refuse(r, 413, "TOO_LARGE", "an account picture has at most 64 KB");
    buf_init(&clean, MEDIA_OUT_MAX(len));
    int rc = media_strip(MEDIA_WEBP, data, len, &clean, &facts, &c->error);
    bool pure = rc == 0 && clean.len == len && memcmp(clean.data, data, len) == 0;
    buf_release(&clean);
    if (rc == RAUM_ENOMEM)
        return rc;
    if (rc)
        return refuse(r, 415, "UNSUPPORTED_MEDIA", "this is not a WebP that can be taken");
    if (!pure || facts.orientation != 1)
        return refuse(r, 415, "UNSUPPORTED_MEDIA", "it holds more than the picture");
    if (facts.width > AVATAR_SIDE_MAX || facts.height > AVATAR_SIDE_MAX)
        return refuse(r, 413, "TOO_LARGE", "an account picture is at most 256 × 256");
    return 0;
}

/* ---- storing ---- */

static int set_image(struct call *c, const char *url)
{
    return sql_run(c->sql, &c->error, "UPDATE accounts SET image = ?1, updated = ?2 WHERE id = ?3",
                   "sis", url, call_now(c), c->session->account);
}

/* The old picture's row goes with its address. With --auth the foreign server is told first: if it
 * cannot be, nothing has changed here, and the device tries again. */
static int store(struct call *c, const char *id, const char *url)
{
    int rc = c->server->upstream ? upstream_set_image(c, url) : 0;
    if (rc == 0)
        rc = sql_begin(c->sql, &c->error);
    if (rc)
        return rc;
    rc = sql_run(c->sql, &c->error, "DELETE FROM avatars WHERE account = ?1", "s",
                 c->session->account);
    if (rc == 0 && id)
        rc =
            sql_run(c->sql, &c->error,
                    "INSERT INTO avatars (account, id, bytes, created) VALUES (?1, ?2, ?3, ?4)",
                    "ssbi", c->session->account, id, c->http->body, c->http->body_len, call_now(c));
    if (rc == 0)
        rc = set_image(c, url);
    return sql_end(c->sql, rc, &c->error);
}

/* With a foreign auth server the picture is its user's. What did not arrive there is not done: the
 * device asks again. */
static int keep(struct call *c, const char *id, const char *url)
{
    int rc = store(c, id, url);
    return rc == 0 && c->server->upstream ? upstream_set_image(c, url) : rc;
}

static int answer(struct call *c, const char *url)
{
    struct json_writer w;
    struct buf b;
    buf_init(&b, 4096);
    json_begin(&w, &b);
    json_open_object(&w);
    json_put_key(&w, "image");
    json_put_str(&w, url);
    json_close_object(&w);
    int rc = call_json(c, 200, &b);
    buf_release(&b);
    return rc;
}

static int clear(struct call *c)
{
    int rc = keep(c, NULL, NULL);
    return rc ? call_error(c, rc) : answer(c, NULL);
}

static int put_avatar(struct call *c)
{
    struct refusal r = {0};
    if (c->http->body_len == 0)
        return clear(c);
    int rc = check_picture(c, &r);
    if (r.status)
        return call_fail(c, r.status, r.code, r.message);
    const char *id = call_random(c, ID_LENGTH);
    const char *url = id ? arena_printf(c->arena, "%s" ADDRESS "%s", c->server->origin, id) : NULL;
    if (rc == 0)
        rc = url ? keep(c, id, url) : RAUM_ENOMEM;
    return rc ? call_error(c, rc) : answer(c, url);
}

/* ---- showing ---- */

/* A picture that user.image no longer names is gone, also when somebody changed that elsewhere. The
 * address may be of an origin that this server had before. */
static int find(struct call *c, struct sql_rows **rows)
{
    return sql_one(c->sql, rows, &c->error,
                   "SELECT v.bytes FROM avatars v JOIN accounts a ON a.id = v.account"
                   " WHERE v.id = ?1 AND a.image LIKE '%" ADDRESS "' || v.id",
                   "s", c->rest);
}

static int show(struct call *c, struct sql_rows *rows)
{
    const char *etag = arena_printf(c->arena, "\"%s\"", c->rest);
    const char *known = http_header(c->http, "If-None-Match");
    size_t len;
    const void *data = sql_bytes(rows, "bytes", &len);
    int rc = etag ? http_add(c->http, "ETag", etag) : RAUM_ENOMEM;
    /* A day: as long may a picture that was taken back live on in somebody's cache. */
    if (rc == 0)
        rc = http_add(c->http, "Cache-Control", "public, max-age=86400, immutable");
    if (rc == 0) /* other origins' pages show it, too: user.image is made for that */
        rc = http_add(c->http, "Cross-Origin-Resource-Policy", "cross-origin");
    if (rc == 0 && known && strcmp(known, etag) == 0)
        return http_reply(c->http, 304, NULL, NULL, 0);
    return rc ? rc : http_reply(c->http, 200, "image/webp", data, len);
}

static int get_avatar(struct call *c)
{
    struct sql_rows *rows = NULL;
    size_t len = strlen(c->rest);
    int rc = len == ID_LENGTH ? find(c, &rows) : RAUM_END;
    if (rc == 0)
        rc = show(c, rows);
    else
        rc = rc == RAUM_END ? call_fail(c, 404, "NOT_FOUND", "no such picture") : call_error(c, rc);
    sql_rows_free(rows);
    return rc;
}

const struct route avatar_routes[] = {
    {"PUT", "/api/v1/avatar", put_avatar, ROUTE_SESSION | ROUTE_RAW},
    {"DELETE", "/api/v1/avatar", clear, ROUTE_SESSION | ROUTE_RAW},
    {"GET", ADDRESS, get_avatar, ROUTE_PREFIX},
    {0},
};
