/* The small pages: their bytes as scripts/embed makes them, and what a server keeps of them and of
 * the folder of --files. Their routes are page_routes (routes.h). */
#ifndef SERVER_ROUTES_PAGE_H
#define SERVER_ROUTES_PAGE_H

#include "base/err.h"
#include <stddef.h>

struct page_file {
    const char *name; /* "welcome.de.html" */
    const unsigned char *data;
    size_t len;
};

extern const struct page_file page_files[]; /* ends with name NULL */

struct pages;
struct app_file;

/* files: a folder, or NULL. NOT_FOUND: there is none. app: as app_new takes it. */
int pages_new(struct pages **out, const char *files, const struct app_file *app,
              struct raum_error *error) BASE_CHECK;
void pages_free(struct pages *p); /* NULL is fine */

#endif
