/* Health, metrics and the description of our routes: public, without secrets. */
#ifndef SERVER_ROUTES_PLAIN_H
#define SERVER_ROUTES_PLAIN_H

#include "base/err.h"

struct server_counts; /* how many accounts … there are, counted at most every few seconds */

int plain_counts_new(struct server_counts **out, struct raum_error *error) BASE_CHECK;
void plain_counts_free(struct server_counts *c); /* NULL is fine */

#endif
