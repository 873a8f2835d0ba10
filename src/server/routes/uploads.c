/* /api/v1/media as tus 1.0 has it: pictures arrive in parts of at most 1 MiB, and go on where they
 * were after anything. OPTIONS and POST at the collection, HEAD, PATCH and DELETE at the upload's
 * own address, which POST names. The last part is answered when the picture is taken or refused. */
#include "server/media/uploads.h"
#include "base/id.h"
#include "media/sniff.h"
#include "server/auth/auth.h"
#include "server/media/tus.h"
#include "server/routes/routes.h"
#include <openssl/evp.h>
#include <string.h>
#include <time.h>

#define ADDRESS "/api/v1/media/uploads/"
#define PART_TYPE "application/offset+octet-stream"

/* ---- answers ---- */

static int add_version(struct call *c)
{
    return http_add(c->http, "Tus-Resumable", TUS_VERSION);
}

/* As Upload-Expires wants it: "Wed, 25 Jun 2014 16:00:00 GMT", in no locale. */
static int add_expires(struct call *c, const struct upload *u)
{
    static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSep"
                                                                   "OctNovDec";
    time_t at = (time_t)(u->expires / 1000);
    struct tm t;
    if (!gmtime_r(&at, &t))
        return RAUM_EINTERNAL;
    return http_addf(c->http, "Upload-Expires", "%.3s, %02d %.3s %d %02d:%02d:%02d GMT",
                     days + 3 * t.tm_wday, t.tm_mday, months + 3 * t.tm_mon, t.tm_year + 1900,
                     t.tm_hour, t.tm_min, t.tm_sec);
}

static int add_offset(struct call *c, int64_t offset)
{
    return http_addf(c->http, "Upload-Offset", "%lld", (long long)offset);
}

/* What became of a request that was not done; the dispatcher's words where we have none. */
static int refuse(struct call *c, int rc)
{
    switch (rc) {
    case RAUM_EBUSY:
        return call_fail(c, 423, "BUSY", c->error.text);
    case RAUM_ELIMIT:
        return call_fail(c, 410, "NOT_FOUND", c->error.text);
    case RAUM_EFULL:
        return call_fail(c, 507, "FULL", raum_code_text(rc));
    default:
        return call_error(c, rc);
    }
}

/* 0, or 1: answered with 412. */
static int check_version(struct call *c)
{
    const char *version = http_header(c->http, "Tus-Resumable");
    int rc = add_version(c);
    if (rc || (version && strcmp(version, TUS_VERSION) == 0))
        return rc;
    rc = http_add(c->http, "Tus-Version", TUS_VERSION);
    if (rc == 0)
        rc = call_fail(c, 412, "BAD_CHANGE", "this speaks tus 1.0.0: send Tus-Resumable: 1.0.0");
    return rc ? rc : 1;
}

static int options(struct call *c)
{
    int rc = add_version(c);
    if (rc == 0)
        rc = http_add(c->http, "Tus-Version", TUS_VERSION);
    if (rc == 0)
        rc = http_add(c->http, "Tus-Extension",
                      "creation,creation-with-upload,expiration,checksum,termination");
    if (rc == 0)
        rc = http_add(c->http, "Tus-Checksum-Algorithm", "sha1,sha256");
    if (rc == 0)
        rc = http_addf(c->http, "Tus-Max-Size", "%lld",
                       (long long)c->server->media->limits.picture_max);
    return rc ? rc : http_reply(c->http, 204, NULL, NULL, 0);
}

/* ---- parts ---- */

static bool is_part(const struct call *c)
{
    const char *type = http_header(c->http, "Content-Type");
    return type && strcmp(type, PART_TYPE) == 0;
}

/* 0, or 1: answered; a part whose sum is another has been altered on the way. */
static int check_sum(struct call *c)
{
    const char *text = http_header(c->http, "Upload-Checksum");
    struct tus_checksum sum;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int len = 0;
    if (!text)
        return 0;
    int rc;
    if (!tus_checksum(text, &sum) || sum.algorithm == TUS_UNKNOWN)
        rc = call_fail(c, 400, "BAD_CHANGE", "Upload-Checksum: sha1 or sha256, and base64");
    else if (EVP_Digest(c->http->body, c->http->body_len, digest, &len,
                        sum.algorithm == TUS_SHA1 ? EVP_sha1() : EVP_sha256(), NULL) != 1)
        return RAUM_ENOMEM;
    else if (len == sum.len && memcmp(digest, sum.digest, len) == 0)
        return 0;
    else
        rc = call_fail(c, 460, "BAD_CHANGE", "the part's checksum is another: send it again");
    return rc ? rc : 1;
}

/* The request's body behind what is there. 0, or 1: answered. */
static int take_part(struct call *c, struct upload *u)
{
    size_t len = c->http->body_len;
    int rc = check_sum(c);
    if (rc || len == 0)
        return rc;
    if (u->offset + (int64_t)len > u->length)
        rc = call_fail(c, 413, "TOO_LARGE", "that is more than Upload-Length said");
    else if (u->offset == 0 && !media_may_be(c->http->body, len)) {
        /* Not even its beginning is a picture's: nothing of it is kept (G-P5). */
        rc = uploads_drop(c->server->media, c->sql, u, &c->error);
        atomic_fetch_add(&c->server->media->counts.refused, 1);
        if (rc == 0)
            rc = call_fail(c, 415, "UNSUPPORTED_MEDIA",
                           "pictures can be JPEG, PNG, WebP, HEIC or "
                           "AVIF");
    } else {
        rc = uploads_append(c->server->media, u, c->http->body, len, &c->error);
        if (rc == 0)
            return 0;
        rc = refuse(c, rc);
    }
    return rc ? rc : 1;
}

/* A whole one becomes its picture. 0, or 1: answered. */
static int finish(struct call *c, struct upload *u, bool *known)
{
    *known = false;
    if (u->offset < u->length)
        return 0;
    int rc = uploads_finish(c->server->media, c->sql, u, known, &c->error);
    if (rc == 0)
        return 0;
    rc = rc == RAUM_EBUSY ? call_error(c, rc) : refuse(c, rc);
    return rc ? rc : 1;
}

/* ---- making ---- */

static bool is_media_id(const char *id)
{
    size_t len = strlen(id);
    return len > 0 && len <= ID_LEN_MAX && strcmp(id, "uploads") != 0 &&
           strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:-") == len;
}

static int bad(struct call *c, const char *message)
{
    int rc = call_fail(c, 400, "BAD_CHANGE", message);
    return rc ? rc : 1;
}

/* 0, or 1: answered. */
static int read_new(struct call *c, struct upload *u, struct tus_metadata *m)
{
    static const char *const purposes[] = {"me", "wardrobe", "picture", NULL};
    const char *length = http_header(c->http, "Upload-Length");
    int i = 0;
    u->metadata = http_header(c->http, "Upload-Metadata");
    if (!length || !tus_number(length, &u->length))
        return bad(c, "Upload-Length is missing, or no number");
    if (!u->metadata || !tus_metadata(u->metadata, m))
        return bad(c, "Upload-Metadata is missing, or cannot be read");
    if (!is_media_id(m->media))
        return bad(c, "Upload-Metadata: mediaId is missing, or no id");
    while (purposes[i] && strcmp(purposes[i], m->purpose) != 0)
        i++;
    if (!purposes[i])
        return bad(c, "Upload-Metadata: purpose is me, wardrobe or picture");
    int rc = 0;
    if (u->length > c->server->media->limits.picture_max)
        rc = call_failf(c, 413, "TOO_LARGE", "a picture has at most %lld MB",
                        (long long)(c->server->media->limits.picture_max >> 20));
    else if (u->length == 0)
        rc = call_fail(c, 415, "UNSUPPORTED_MEDIA", "an empty file is no picture");
    else {
        u->media = m->media;
        u->purpose = m->purpose;
        return 0;
    }
    return rc ? rc : 1;
}

static int answer_known(struct call *c, const struct upload *u)
{
    int rc = add_offset(c, u->length);
    if (rc == 0)
        rc = http_addf(c->http, "Location", "/api/v1/media/%s", u->media);
    if (rc == 0)
        rc = http_reply(c->http, 200, NULL, NULL, 0);
    return rc ? rc : 1;
}

/* A device that names the hash of what it has need not send what is here. 0, or 1: answered. */
static int check_known(struct call *c, const struct upload *u, const char *hash)
{
    struct media_row row;
    if (!*hash)
        return 0;
    int rc = media_own(c->sql, c->arena, u->account, u->space, u->media, &row, &c->error);
    if (rc == RAUM_END)
        return 0;
    if (rc)
        return rc;
    if (strcmp(row.hash, hash) != 0) {
        rc = call_fail(c, 409, "EXISTS", "this id has other bytes");
        return rc ? rc : 1;
    }
    if (row.deleted)
        rc = media_restore(c->server->media, c->sql, &row, &c->error);
    return rc ? rc : answer_known(c, u);
}

/* What came with the creation. 0, or 1: answered. */
static int take_first(struct call *c, const struct upload *made, int64_t *offset, bool *known)
{
    struct upload u;
    int rc =
        uploads_open(c->server->media, c->sql, c->arena, made->account, made->id, &u, &c->error);
    if (rc == 0)
        rc = take_part(c, &u);
    if (rc == 0)
        rc = finish(c, &u, known);
    *offset = u.offset;
    uploads_release(&u);
    return rc;
}

static int make(struct call *c, struct upload *u)
{
    int64_t offset = 0;
    bool known = false;
    int rc = uploads_make(c->server->media, c->sql, u, &c->error);
    if (rc == RAUM_ERATE_LIMITED) {
        rc = http_add(c->http, "Retry-After", "60");
        return rc ? rc : call_fail(c, 429, "RATE_LIMITED", c->error.text);
    }
    if (rc == 0 && c->http->body_len)
        rc = take_first(c, u, &offset, &known);
    if (rc)
        return rc > 0 ? 0 : rc;
    rc = http_addf(c->http, "Location", ADDRESS "%s", u->id);
    if (rc == 0)
        rc = add_offset(c, offset);
    if (rc == 0)
        rc = add_expires(c, u);
    return rc ? rc : http_reply(c->http, known ? 200 : 201, NULL, NULL, 0);
}

static int create(struct call *c)
{
    struct upload u = {.fd = -1, .account = c->session->account, .created = call_now(c)};
    struct tus_metadata m;
    int rc = check_version(c);
    if (rc == 0)
        rc = read_new(c, &u, &m);
    if (rc == 0 && c->http->body_len && !is_part(c)) {
        rc = call_fail(c, 415, "BAD_CHANGE", "bytes come as " PART_TYPE);
        rc = rc ? rc : 1;
    }
    if (rc)
        return rc > 0 ? 0 : rc;
    rc = media_space(c->sql, c->arena, u.account, m.space, &u.space, &c->error);
    if (rc == 0)
        rc = check_known(c, &u, m.hash);
    if (rc)
        return rc > 0 ? 0 : rc;
    u.id = call_random(c, UPLOAD_ID);
    u.expires = u.created + UPLOAD_MS;
    return u.id ? make(c, &u) : RAUM_ENOMEM;
}

/* ---- an upload ---- */

/* 0; 1: answered. A lock that another request holds is told only where it matters. */
static int open_upload(struct call *c, struct upload *u, bool *busy)
{
    int rc = check_version(c);
    u->fd = -1;
    *busy = false;
    if (rc)
        return rc;
    rc = uploads_open(c->server->media, c->sql, c->arena, c->session->account, c->rest, u,
                      &c->error);
    *busy = rc == RAUM_EBUSY;
    if (rc == 0 || *busy)
        return 0;
    rc = refuse(c, rc);
    return rc ? rc : 1;
}

static int answer_offset(struct call *c, const struct upload *u, int status)
{
    int rc = add_offset(c, u->offset);
    if (rc == 0)
        rc = add_expires(c, u);
    if (rc == 0 && status == 200)
        rc = http_addf(c->http, "Upload-Length", "%lld", (long long)u->length);
    if (rc == 0 && status == 200)
        rc = http_add(c->http, "Upload-Metadata", u->metadata);
    if (rc == 0 && status == 200)
        rc = http_add(c->http, "Cache-Control", "no-store");
    return rc ? rc : http_reply(c->http, status, NULL, NULL, 0);
}

/* One that was whole when the server was killed becomes its picture here. */
static int look(struct call *c)
{
    struct upload u;
    bool busy, known;
    int rc = open_upload(c, &u, &busy);
    if (rc == 0 && busy && u.offset >= u.length)
        rc = refuse(c, RAUM_EBUSY) ? RAUM_ENOMEM : 1;
    else if (rc == 0 && !busy)
        rc = finish(c, &u, &known);
    if (rc == 0)
        rc = answer_offset(c, &u, 200);
    uploads_release(&u);
    return rc > 0 ? 0 : rc;
}

static int append(struct call *c, struct upload *u)
{
    const char *text = http_header(c->http, "Upload-Offset");
    int64_t offset;
    bool known;
    if (!text || !tus_number(text, &offset))
        return bad(c, "Upload-Offset is missing, or no number");
    if (offset != u->offset) {
        int rc = add_offset(c, u->offset);
        if (rc == 0)
            rc = call_fail(c, 409, "BAD_CHANGE", "the upload stands at another offset");
        return rc ? rc : 1;
    }
    int rc = take_part(c, u);
    if (rc == 0)
        rc = finish(c, u, &known);
    return rc ? rc : answer_offset(c, u, 204);
}

static int patch(struct call *c)
{
    struct upload u;
    bool busy;
    int rc = open_upload(c, &u, &busy);
    if (rc == 0 && busy)
        rc = refuse(c, RAUM_EBUSY);
    else if (rc == 0 && !is_part(c))
        rc = call_fail(c, 415, "BAD_CHANGE", "parts come as " PART_TYPE);
    else if (rc == 0)
        rc = append(c, &u);
    uploads_release(&u);
    return rc > 0 ? 0 : rc;
}

static int terminate(struct call *c)
{
    struct upload u;
    bool busy;
    int rc = open_upload(c, &u, &busy);
    if (rc == 0 && busy)
        rc = refuse(c, RAUM_EBUSY);
    else if (rc == 0) {
        rc = uploads_drop(c->server->media, c->sql, &u, &c->error);
        if (rc == 0)
            rc = http_reply(c->http, 204, NULL, NULL, 0);
    }
    uploads_release(&u);
    return rc > 0 ? 0 : rc;
}

const struct route upload_routes[] = {
    {"OPTIONS", "/api/v1/media", options, ROUTE_RAW},
    {"POST", "/api/v1/media", create, ROUTE_SESSION | ROUTE_RAW},
    {"HEAD", ADDRESS, look, ROUTE_SESSION | ROUTE_RAW | ROUTE_PREFIX},
    {"PATCH", ADDRESS, patch, ROUTE_SESSION | ROUTE_RAW | ROUTE_PREFIX},
    {"DELETE", ADDRESS, terminate, ROUTE_SESSION | ROUTE_RAW | ROUTE_PREFIX},
    {0},
};

/* Parts and decoders wait for disks and for each other: such requests have workers of their own. */
bool uploads_heavy(const struct http_request *head)
{
    if (strcmp(head->method, "POST") == 0)
        return strcmp(head->path, "/api/v1/media") == 0;
    return strcmp(head->method, "GET") != 0 && strncmp(head->path, ADDRESS, strlen(ADDRESS)) == 0;
}
