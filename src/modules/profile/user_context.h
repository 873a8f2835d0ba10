/* What a person tells about themselves: one row of the account, sealed, in no space. */
#ifndef MODULES_PROFILE_USER_CONTEXT_H
#define MODULES_PROFILE_USER_CONTEXT_H

#include "base/buf.h"
#include "base/json.h"
#include "engine/scope.h"

/* The row as a JSON object; "{}" if there is none yet. The handle is an account handle. */
int user_context_get(struct raum_handle *own, struct buf *out, struct raum_error *error) BASE_CHECK;
/* Writes the fields given; makes the row at first. */
int user_context_set(struct raum_handle *own, struct json_value fields,
                     struct raum_error *error) BASE_CHECK;

#endif
