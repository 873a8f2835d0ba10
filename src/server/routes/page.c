/* What a browser finds: the small pages of mails' links, in German and English, until the web app is
 * there; spaces' addresses; and the folder of --files. The pages are static: what stands in a link
 * is read by their scripts and never written into HTML here. */
#include "server/routes/page.h"
#include "base/base64.h"
#include "server/auth/auth.h"
#include "server/routes/routes.h"
#include "server/spaces/spaces.h"
#include <stdlib.h>
#include <string.h>

#define SLUG_MAX 100
#define NAME_MAX_BYTES 64

/* Nothing from elsewhere, nothing inline, no frames; forms go nowhere but through the scripts. */
#define POLICY                                                                                     \
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self';" \
    " form-action 'none'; base-uri 'none'; frame-ancestors 'none'"

/* ---- language ---- */

/* "de-AT;q=0.7": its weight in thousandths, 0..1000. */
static int weight(const char *item, size_t len)
{
    const char *q = memchr(item, ';', len);
    double value = 1;
    if (!q)
        return 1000;
    for (q++; q < item + len && (*q == ' ' || *q == '\t'); q++)
        continue;
    if (q + 2 < item + len && (*q == 'q' || *q == 'Q') && q[1] == '=')
        value = strtod(q + 2, NULL);
    return value >= 0 && value <= 1 ? (int)(value * 1000) : 0;
}

static bool speaks(const char *item, size_t len, const char *language)
{
    return len >= 2 && (item[0] | 0x20) == language[0] && (item[1] | 0x20) == language[1] &&
           (len == 2 || item[2] == '-' || item[2] == ';' || item[2] == ' ');
}

static bool wants_german(const struct http_request *q)
{
    const char *at = http_header(q, "Accept-Language");
    int german = 0, english = 0;
    for (; at && *at; at += *at == ',') {
        at += strspn(at, " \t");
        size_t len = strcspn(at, ",");
        int w = weight(at, len);
        if (speaks(at, len, "de") && w > german)
            german = w;
        if (speaks(at, len, "en") && w > english)
            english = w;
        at += len;
    }
    return german > english;
}

/* ---- sending ---- */

static const struct page_file *find(const char *name)
{
    for (const struct page_file *f = page_files; f->name; f++)
        if (strcmp(f->name, name) == 0)
            return f;
    return NULL;
}

static const char *type_of(const char *name)
{
    const char *dot = strrchr(name, '.');
    return strcmp(dot, ".css") == 0   ? "text/css; charset=utf-8"
           : strcmp(dot, ".js") == 0  ? "text/javascript; charset=utf-8"
           : strcmp(dot, ".svg") == 0 ? "image/svg+xml"
                                      : "text/html; charset=utf-8";
}

static int send_file(struct call *c, const struct page_file *f)
{
    const struct raum_env *env = c->server->env;
    const char *known = http_header(c->http, "If-None-Match");
    unsigned char digest[16];
    char etag[40] = "\"";
    env->hash(env->ctx, digest, sizeof digest, f->data, f->len, NULL);
    hex_put(etag + 1, digest, sizeof digest);
    memcpy(etag + 1 + 2 * sizeof digest, "\"", 2);
    int rc = http_add(c->http, "ETag", etag);
    if (rc == 0)
        rc = http_add(c->http, "Cache-Control", "no-cache");
    if (rc)
        return rc;
    if (known && strcmp(known, etag) == 0)
        return http_reply(c->http, 304, NULL, NULL, 0);
    return http_reply(c->http, 200, type_of(f->name), f->data, f->len);
}

static int send_page(struct call *c, const char *name)
{
    const char *file = arena_printf(c->arena, "%s.%s.html", name,
                                    wants_german(c->http) ? "de" : "en");
    const struct page_file *f = file ? find(file) : NULL;
    if (!f)
        return RAUM_ENOMEM;
    http_drop(c->http, "Content-Security-Policy");
    http_drop(c->http, "Referrer-Policy");
    int rc = http_add(c->http, "Content-Security-Policy", POLICY);
    if (rc == 0) /* the address holds a secret */
        rc = http_add(c->http, "Referrer-Policy", "no-referrer");
    if (rc == 0)
        rc = http_add(c->http, "Vary", "Accept-Language");
    return rc ? rc : send_file(c, f);
}

static int not_found(struct call *c)
{
    return call_fail(c, 404, "NOT_FOUND", "nothing is here");
}

/* ---- pages ---- */

static int welcome(struct call *c)
{
    return send_page(c, "welcome");
}

static int reset(struct call *c)
{
    return send_page(c, "reset");
}

static int invitation(struct call *c)
{
    return send_page(c, "invitation");
}

static int verified(struct call *c)
{
    return send_page(c, "verified");
}

static int asset(struct call *c)
{
    const struct page_file *f = strstr(c->rest, ".html") ? NULL : find(c->rest);
    return f ? send_file(c, f) : not_found(c);
}

/* ---- spaces ---- */

/* The live space that has this slug, or had it. */
static int find_space(struct call *c, const char *slug, const char **id, const char **now)
{
    struct sql_rows *rows = NULL;
    int rc = sql_one(c->sql, &rows, &c->error,
                     "SELECT id, slug FROM spaces WHERE slug = ?1 AND deleted IS NULL", "s", slug);
    if (rc == RAUM_END) {
        sql_rows_free(rows);
        rows = NULL;
        rc = sql_one(c->sql, &rows, &c->error,
                     "SELECT s.id, s.slug FROM old_slugs o JOIN spaces s ON s.id = o.space"
                     " WHERE o.slug = ?1 AND s.deleted IS NULL",
                     "s", slug);
    }
    if (rc == 0) {
        *id = sql_copy(rows, "id", c->arena);
        *now = sql_copy(rows, "slug", c->arena);
        rc = *id && *now ? 0 : RAUM_ENOMEM;
    }
    sql_rows_free(rows);
    return rc;
}

/* /@slug/…: members of a space are led from its old slugs to the present one. For everybody else it
 * is not there, whatever the slug (G-P2's rule for spaces). */
static int space_address(struct call *c)
{
    const char *role = NULL, *id, *now, *behind = strchr(c->rest, '/');
    size_t len = behind ? (size_t)(behind - c->rest) : strlen(c->rest);
    const char *slug = len && len <= SLUG_MAX ? arena_copy(c->arena, c->rest, len) : NULL;
    int rc = slug ? auth_session(c) : RAUM_END;
    if (rc == 0 && c->session)
        rc = find_space(c, slug, &id, &now);
    else if (rc == 0)
        rc = RAUM_END;
    if (rc == 0)
        rc = spaces_role(c->sql, c->arena, id, c->session->account, &role, &c->error);
    if (rc < 0)
        return call_error(c, rc);
    if (rc || !role)
        return not_found(c);
    if (strcmp(now, slug) == 0)
        return send_page(c, "welcome");
    /* The rest is decoded and could hold anything; only plain characters travel on. */
    const char *rest = behind ? behind : "";
    if (strspn(rest, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._~-") !=
        strlen(rest))
        rest = "/";
    rc = http_addf(c->http, "Location", "/@%s%s", now, rest);
    return rc ? rc : http_reply(c->http, 302, NULL, NULL, 0);
}

const struct route page_routes[] = {
    {"GET", "/", welcome, 0},
    {"GET", "/reset-password", reset, 0},
    {"GET", "/accept-invitation", invitation, 0},
    {"GET", "/verified", verified, 0},
    {"GET", "/assets/", asset, ROUTE_PREFIX},
    {"GET", "/@", space_address, ROUTE_PREFIX},
    {0},
};
