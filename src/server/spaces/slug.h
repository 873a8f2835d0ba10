/* Slugs: the name of a space in an address. Pure text; knows no database.
 *
 * A slug is 1..60 characters of [a-z0-9] in runs joined by single hyphens. What is made from a name
 * is at most 30, and gets "-2" … "-999", then "-" and six random characters when it is taken. */
#ifndef SERVER_SPACES_SLUG_H
#define SERVER_SPACES_SLUG_H

#include <raum/env.h>
#include <stdbool.h>
#include <stddef.h>

#define SLUG_MAX 60
#define SLUG_MADE_MAX 30 /* of one made from a name, before its suffix */
#define SLUG_NUMBER_MAX 999
#define SLUG_SIZE (SLUG_MAX + 1)

bool slug_valid(const char *text, size_t len);
/* Taken by the server itself: the first part of a path that it serves, now or in the web app. */
bool slug_reserved(const char *slug);
/* Lower case, runs of other characters become one hyphen, trimmed, at most SLUG_MADE_MAX; may be
 * empty. A slug stays as it is, if it is not longer. */
void slug_from(const char *text, size_t len, char out[SLUG_SIZE]);
/* base-n; the base is cut so that it fits. */
void slug_number(char out[SLUG_SIZE], const char *base, int n);
/* base-xxxxxx */
void slug_random(char out[SLUG_SIZE], const char *base, const struct raum_env *env);

#endif
