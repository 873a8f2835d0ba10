/* Setting errors. One call fills the struct (which may be NULL) and gives back the code, so that a
 * function can `return err_set(error, RAUM_EBUSY, "…")`. Knows no formatting beyond printf's. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <raum/error.h>

#define BASE_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define BASE_CHECK __attribute__((warn_unused_result))

/* Fills `error` with code and text (cut at RAUM_ERROR_TEXT_MAX - 1) and returns code.
 * fmt NULL: the code's own sentence. */
int err_set(struct raum_error *error, int code, const char *fmt, ...) BASE_PRINTF(3, 4);
/* As err_set with the place named; origin must be static. */
int err_at(struct raum_error *error, const char *origin, int code, const char *fmt, ...)
    BASE_PRINTF(4, 5);
void err_clear(struct raum_error *error);
/* The code of a name ("NOT_FOUND"), or RAUM_EINTERNAL. */
int err_code(const char *name);

#endif
