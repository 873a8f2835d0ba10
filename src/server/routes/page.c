/* What a browser finds: the web app, if the program has it; the small pages of mails' links, in
 * German and English; spaces' addresses; and the folder of --files. The small pages are static:
 * what stands in a link is read by their scripts and never written into HTML here. */
#include "server/routes/page.h"
#include "net/static.h"
#include "server/auth/auth.h"
#include "server/routes/app.h"
#include "server/routes/routes.h"
#include "server/spaces/spaces.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SLUG_MAX 100
#define PAGES_MAX 32

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

struct pages {
    struct static_item *items[PAGES_MAX]; /* as page_files */
    struct static_files *files;           /* of --files; NULL: none */
    struct app *app;                      /* NULL: the program has none */
};

void pages_free(struct pages *p)
{
    if (!p)
        return;
    for (int i = 0; i < PAGES_MAX; i++)
        static_item_free(p->items[i]);
    static_close(p->files);
    app_free(p->app);
    free(p);
}

int pages_new(struct pages **out, const char *files, const struct app_file *app,
              struct raum_error *error)
{
    struct pages *p = calloc(1, sizeof *p);
    int rc = p ? 0 : err_set(error, RAUM_ENOMEM, NULL);
    for (int i = 0; rc == 0 && page_files[i].name; i++) {
        assert(i < PAGES_MAX);
        rc = static_item_new(&p->items[i], page_files[i].name, page_files[i].data,
                             page_files[i].len, error);
    }
    if (rc == 0 && files)
        rc = static_open(&p->files, files, 0, error);
    if (rc == 0)
        rc = app_new(&p->app, app, error);
    if (rc) {
        pages_free(p);
        p = NULL;
    }
    *out = p;
    return rc;
}

static struct static_item *find(struct call *c, const char *name)
{
    for (int i = 0; page_files[i].name; i++)
        if (strcmp(page_files[i].name, name) == 0)
            return c->server->pages->items[i];
    return NULL;
}

static int send_page(struct call *c, const char *name)
{
    const char *file =
        arena_printf(c->arena, "%s.%s.html", name, wants_german(c->http) ? "de" : "en");
    struct static_item *item = file ? find(c, file) : NULL;
    if (!item)
        return RAUM_ENOMEM;
    int rc = http_add(c->http, "Content-Security-Policy", POLICY);
    if (rc == 0) /* the address holds a secret */
        rc = http_add(c->http, "Referrer-Policy", "no-referrer");
    if (rc == 0)
        rc = http_add(c->http, "Cache-Control", "no-cache");
    if (rc == 0)
        rc = http_add(c->http, "Vary", "Accept-Language");
    return rc ? rc : static_item_reply(item, c->http);
}

/* To a browser the app says it, which also knows what this device has and the server does not. */
static int not_found(struct call *c)
{
    const char *accept = http_header(c->http, "Accept");
    if (c->server->pages->app && accept && strstr(accept, "text/html"))
        return app_send_page(c->server->pages->app, c, 404);
    return call_fail(c, 404, "NOT_FOUND", "nothing is here");
}

/* A page of the app; of a program without it, a small one. */
static int app_or(struct call *c, const char *small)
{
    struct app *app = c->server->pages->app;
    return app ? app_send_page(app, c, 200) : send_page(c, small);
}

/* ---- pages ---- */

/* A folder of --files has its own first page, if it has one. */
static int welcome(struct call *c)
{
    struct static_files *files = c->server->pages->files;
    int rc = files ? static_reply(files, c->http, "/") : RAUM_ENOT_FOUND;
    return rc == RAUM_ENOT_FOUND ? app_or(c, "welcome") : rc;
}

static int reset(struct call *c)
{
    return send_page(c, "reset");
}

static int invitation(struct call *c)
{
    return app_or(c, "invitation");
}

static int verified(struct call *c)
{
    return send_page(c, "verified");
}

static int from_folder(struct call *c)
{
    struct pages *p = c->server->pages;
    int rc = p->files ? static_reply(p->files, c->http, c->http->path) : RAUM_ENOT_FOUND;
    if (rc == RAUM_ENOT_FOUND)
        rc = app_send_file(p->app, c, c->http->path);
    if (rc == RAUM_ENOT_FOUND && app_has_page(p->app, c->http->path))
        rc = app_send_page(p->app, c, 200);
    return rc == RAUM_ENOT_FOUND ? not_found(c) : rc;
}

static int asset(struct call *c)
{
    struct static_item *item = strstr(c->rest, ".html") ? NULL : find(c, c->rest);
    return item ? static_item_reply(item, c->http) : from_folder(c);
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
    const char *role = NULL, *id, *now, *from = c->http->path + 2, *behind = strchr(from, '/');
    size_t len = behind ? (size_t)(behind - from) : strlen(from);
    const char *slug = len && len <= SLUG_MAX ? arena_copy(c->arena, from, len) : NULL;
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
        return app_or(c, "welcome");
    /* The rest is decoded and could hold anything; only plain characters travel on. */
    const char *rest = behind ? behind : "";
    if (strspn(rest, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._~-") !=
        strlen(rest))
        rest = "/";
    rc = http_addf(c->http, "Location", "/@%s%s", now, rest);
    return rc ? rc : http_reply(c->http, 302, NULL, NULL, 0);
}

static int other(struct call *c)
{
    return c->http->path[1] == '@' ? space_address(c) : from_folder(c);
}

const struct route page_routes[] = {
    {"GET", "/", welcome, 0},
    {"GET", "/reset-password", reset, 0},
    {"GET", "/accept-invitation", invitation, 0},
    {"GET", "/verified", verified, 0},
    {"GET", "/assets/", asset, ROUTE_PREFIX},
    {"GET", "/", other, ROUTE_PREFIX},
    {0},
};
