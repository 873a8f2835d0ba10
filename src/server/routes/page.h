/* The small pages' files as they are embedded by scripts/embed. Knows no route. */
#ifndef SERVER_ROUTES_PAGE_H
#define SERVER_ROUTES_PAGE_H

#include <stddef.h>

struct page_file {
    const char *name; /* "welcome.de.html" */
    const unsigned char *data;
    size_t len;
};

extern const struct page_file page_files[]; /* ends with name NULL */

#endif
