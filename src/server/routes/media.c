/* /api/v1/media/{id}[/thumb|medium|large]: pictures, to those who may see them at this moment
 * (G-P2, G-P4, G-P7, G-T9). Whatever may not be read answers like what is not there. */
#include "server/media/media.h"
#include "net/head.h"
#include "server/routes/routes.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TAG_DIGITS 32 /* of the hash */

static const char *const variants[MEDIA_VARIANTS] = {"", "thumb", "medium", "large"};

/* "ID" or "ID/VARIANT". */
static bool read_name(struct call *c, const char **id, enum media_variant *variant)
{
    size_t len = strcspn(c->rest, "/");
    const char *name = c->rest[len] ? c->rest + len + 1 : "";
    int v = MEDIA_VARIANTS - 1;
    while (v > 0 && strcmp(variants[v], name) != 0)
        v--;
    *variant = (enum media_variant)v;
    *id = arena_copy(c->arena, c->rest, len);
    return *id && (v > 0 || !c->rest[len]);
}

static int no_picture(struct call *c)
{
    return call_fail(c, 404, "NOT_FOUND", "no such picture");
}

/* The range that is asked for, if it is one of the bytes that the other end knows. */
static int range_of(const struct call *c, const char *tag, int64_t size, int64_t *first,
                    int64_t *count)
{
    const char *range = http_header(c->http, "Range"), *if_range = http_header(c->http, "If-Range");
    *first = 0;
    *count = size;
    if (!range || (if_range && strcmp(if_range, tag) != 0))
        return 1;
    return head_range(range, size, first, count);
}

/* Takes fd. */
static int send_bytes(struct call *c, const char *type, const char *tag, int fd, int64_t size)
{
    int64_t first, count;
    int range = range_of(c, tag, size, &first, &count);
    int rc = 0;
    if (range < 0)
        rc = http_addf(c->http, "Content-Range", "bytes */%lld", (long long)size);
    else if (range == 0)
        rc = http_addf(c->http, "Content-Range", "bytes %lld-%lld/%lld", (long long)first,
                       (long long)(first + count - 1), (long long)size);
    if (rc == 0 && range >= 0)
        return http_reply_file(c->http, range == 0 ? 206 : 200, type, fd, first, (size_t)count);
    close(fd);
    return rc ? rc : call_fail(c, 416, "BAD_CHANGE", "the picture does not reach so far");
}

static int add_headers(struct call *c, const char *tag)
{
    int rc = http_add(c->http, "ETag", tag);
    if (rc == 0) /* asked for anew each time: who may see it can change */
        rc = http_add(c->http, "Cache-Control", "private, no-cache");
    if (rc == 0)
        rc = http_add(c->http, "Accept-Ranges", "bytes");
    return rc ? rc : http_add(c->http, "Cross-Origin-Resource-Policy", "same-site");
}

/* What the original is, with whatever variant of it: a device names the picture by it. */
static int add_facts(struct call *c, const struct media_row *row)
{
    return http_addf(c->http, "Raum-Media",
                     "hash=%s; type=%s; bytes=%lld; width=%lld; height=%lld; purpose=%s", row->hash,
                     media_extension(row->type), (long long)row->bytes, (long long)row->width,
                     (long long)row->height, row->purpose);
}

static int send_picture(struct call *c, const struct media_row *row, enum media_variant variant)
{
    struct media *m = c->server->media;
    const char *known = http_header(c->http, "If-None-Match");
    char tag[TAG_DIGITS + 8];
    int64_t size;
    int fd;
    snprintf(tag, sizeof tag, "\"%.*s-%d\"", TAG_DIGITS, row->hash, (int)variant);
    int rc = add_headers(c, tag);
    if (rc == 0)
        rc = add_facts(c, row);
    if (rc)
        return rc;
    if (known && head_has_tag(known, tag))
        return http_reply(c->http, 304, NULL, NULL, 0);
    rc = m->storage.open(m->storage.ctx, row->hash, row->type, variant, &fd, &size, &c->error);
    if (rc)
        return rc;
    return send_bytes(c, media_mime(variant == MEDIA_ORIGINAL ? row->type : MEDIA_WEBP), tag, fd,
                      size);
}

static int show(struct call *c)
{
    struct media_row row;
    enum media_variant variant;
    const char *id;
    if (!read_name(c, &id, &variant))
        return no_picture(c);
    int rc = media_find(c->sql, c->arena, c->session->account, http_param(c->http, "space"), id,
                        &row, &c->error);
    if (rc == 0)
        rc = send_picture(c, &row, variant);
    if (rc != RAUM_ENOT_FOUND)
        return rc;
    static const char *const said[] = {"ETag", "Cache-Control", "Accept-Ranges", "Raum-Media",
                                       "Cross-Origin-Resource-Policy"};
    for (size_t i = 0; i < sizeof said / sizeof *said; i++)
        http_drop(c->http, said[i]);
    return no_picture(c);
}

static int delete(struct call *c)
{
    const char *forever = http_param(c->http, "forever");
    enum media_variant variant;
    const char *id;
    if (!read_name(c, &id, &variant) || variant != MEDIA_ORIGINAL)
        return no_picture(c);
    int rc = media_delete(c->server->media, c->sql, c->arena, c->session->account,
                          http_param(c->http, "space"), id, forever && strcmp(forever, "1") == 0,
                          &c->error);
    if (rc == RAUM_ENOT_FOUND)
        return no_picture(c);
    return rc ? rc : http_reply(c->http, 204, NULL, NULL, 0);
}

const struct route media_routes[] = {
    {"GET", "/api/v1/media/", show, ROUTE_SESSION | ROUTE_PREFIX},
    {"DELETE", "/api/v1/media/", delete, ROUTE_SESSION | ROUTE_PREFIX | ROUTE_RAW},
    {0},
};
