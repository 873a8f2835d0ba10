#include "server/routes/app.h"
#include "net/static.h"
#include <stdlib.h>
#include <string.h>

#define PAGE "index.html"

/* Nothing from elsewhere, nothing inline; WebAssembly is the engine, blob: its pictures. */
#define POLICY                                                                                     \
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' blob:;"              \
    " object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

/* Addresses of web/src/lib/router.svelte.ts; "/" is the server's to decide about. */
static const char *const app_pages[] = {
    "/all", "/login", "/signup", "/new", "/settings", "/devices", NULL,
};

struct app {
    const struct app_file *files;
    struct static_item *page;
    struct static_item *items[]; /* as files */
};

void app_free(struct app *app)
{
    if (!app)
        return;
    for (size_t i = 0; app->files[i].name; i++)
        static_item_free(app->items[i]);
    free(app);
}

int app_new(struct app **out, const struct app_file *files, struct raum_error *error)
{
    size_t count = 0;
    *out = NULL;
    while (files && files[count].name)
        count++;
    if (!count)
        return 0;
    struct app *app = calloc(1, sizeof *app + count * sizeof(struct static_item *));
    if (!app)
        return err_set(error, RAUM_ENOMEM, NULL);
    app->files = files;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = static_item_new_packed(&app->items[i], files[i].name, files[i].data, files[i].len,
                                    files[i].whole_len, error);
        if (rc == 0 && strcmp(files[i].name, PAGE) == 0)
            app->page = app->items[i];
    }
    if (rc == 0 && !app->page)
        rc = err_set(error, RAUM_ECORRUPT, "the web app has no " PAGE);
    if (rc) {
        app_free(app);
        return rc;
    }
    *out = app;
    return 0;
}

bool app_has_page(const struct app *app, const char *path)
{
    for (int i = 0; app && app_pages[i]; i++)
        if (strcmp(app_pages[i], path) == 0)
            return true;
    return false;
}

int app_send_page(struct app *app, struct call *c, int status)
{
    int rc = http_add(c->http, "Content-Security-Policy", POLICY);
    if (rc == 0) /* an address may hold a secret */
        rc = http_add(c->http, "Referrer-Policy", "no-referrer");
    if (rc == 0)
        rc = http_add(c->http, "Cross-Origin-Opener-Policy", "same-origin");
    if (rc == 0)
        rc = http_add(c->http, "Cache-Control", "no-cache");
    if (rc == 0)
        rc = http_add(c->http, "Vary", "Accept");
    return rc ? rc : static_item_send(app->page, c->http, status);
}

int app_send_file(struct app *app, struct call *c, const char *path)
{
    for (size_t i = 0; app && app->files[i].name; i++)
        if (app->items[i] != app->page && strcmp(app->files[i].name, path + 1) == 0) {
            /* A worker goes by the policy of its own script. */
            int rc = http_add(c->http, "Content-Security-Policy", POLICY);
            return rc ? rc : static_item_reply(app->items[i], c->http);
        }
    return RAUM_ENOT_FOUND;
}
