/* What may be ordered at all, before anything is looked up. Inside generate only. */
#ifndef SERVER_GENERATE_ORDER_H
#define SERVER_GENERATE_ORDER_H

#include "server/generate/generate.h"

/* Fills what was left out and checks the rest: BAD_CHANGE. `usual`: the host's model, or NULL. */
int order_check(struct generate_request *q, const struct provider *p, const char *usual,
                struct raum_error *error) BASE_CHECK;
int order_units(const struct provider *p, const char *quality);

#endif
