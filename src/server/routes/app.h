/* The web app as the program carries it: files that scripts/page made, compressed already. What is
 * served is one page for all its addresses, and what that page asks for. A program that was built
 * without it has none; then the small pages (page.h) stand alone. */
#ifndef SERVER_ROUTES_APP_H
#define SERVER_ROUTES_APP_H

#include "server/call.h"
#include <stddef.h>

struct app_file {
    const char *name; /* below the root: "index.html", "assets/index-k3jd82ha.js" */
    const unsigned char *data;
    size_t len;       /* as brotli */
    size_t whole_len; /* as it was */
};

/* What this program carries: made by scripts/page, linked into `raum` alone. */
extern const struct app_file app_files[];

struct app;

/* `files` ends with name NULL, is lent for the app's life; NULL or empty: *out is NULL. */
int app_new(struct app **out, const struct app_file *files, struct raum_error *error) BASE_CHECK;
void app_free(struct app *app); /* NULL is fine */

/* Whether the app has a page at a path ("/settings"); those of spaces are not asked here. */
bool app_has_page(const struct app *app, const char *path);
/* The page. 404: the same page, which then looks whether this device knows the address. */
int app_send_page(struct app *app, struct call *c, int status) BASE_CHECK;
/* The file at a path, with RAUM_ENOT_FOUND and nothing answered when there is none. */
int app_send_file(struct app *app, struct call *c, const char *path) BASE_CHECK;

#endif
