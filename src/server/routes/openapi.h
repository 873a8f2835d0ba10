/* The OpenAPI document, embedded at build from openapi.json beside this file. */
#ifndef SERVER_ROUTES_OPENAPI_H
#define SERVER_ROUTES_OPENAPI_H

#include <stddef.h>

extern const char openapi_json[];
extern const size_t openapi_json_len;

#endif
