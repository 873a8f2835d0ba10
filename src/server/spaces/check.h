/* Validation of bodies and queries in the words of Better Auth's own validator (zod): all issues of
 * a request are collected, joined by "; ", and answered together as VALIDATION_ERROR. */
#ifndef SERVER_SPACES_CHECK_H
#define SERVER_SPACES_CHECK_H

#include "server/call.h"

#define CHECK_NAME_MAX 200 /* bytes of a space's name */
#define CHECK_LOGO_MAX 65536
#define CHECK_ROLES_MAX 8 /* in one list of roles */

enum check_flags {
    CHECK_REQUIRED = 1,
    CHECK_NULL = 2,   /* null is fine */
    CHECK_FILLED = 4, /* not the empty text */
};

struct checks {
    struct call *c;
    int count;
    size_t len;
    char text[1200];
};

void check_begin(struct checks *k, struct call *c);
/* 0, or ANSWERED with 400 when there was an issue. */
int check_end(struct checks *k) BASE_CHECK;

/* Members of an object; `at` is its path: "body". Each gives what is there; NULL, none or
 * `otherwise` when absent or refused. Texts lie in the arena. */
const char *check_text(struct checks *k, struct json_value object, const char *at, const char *key,
                       unsigned flags);
bool check_bool(struct checks *k, struct json_value object, const char *at, const char *key,
                bool otherwise);
struct json_value check_object(struct checks *k, struct json_value object, const char *at,
                               const char *key, const char *kind, unsigned flags);
/* Text or list of texts, as one list without blanks: "admin,member"; "" if it holds none. */
const char *check_roles(struct checks *k, struct json_value object, const char *key);
/* Names and slugs of spaces: as check_text, and our own rules. */
const char *check_name(struct checks *k, struct json_value object, const char *at, unsigned flags);
const char *check_slug(struct checks *k, struct json_value object, const char *at, unsigned flags);
const char *check_logo(struct checks *k, struct json_value object, const char *at);

/* Parameters of the query; a repeated one is refused. */
const char *check_param(struct checks *k, const char *key, unsigned flags);
/* One of `choices` (ends with NULL), or NULL. */
const char *check_choice(struct checks *k, const char *key, const char *const *choices);
/* A number as a text or nothing: what JavaScript's Number makes of it, 0 for nonsense. */
int64_t check_number(struct checks *k, const char *key);
/* All values of a repeated parameter, decoded; the count. */
int check_params(struct call *c, const char *key, const char **out, int max);
void check_issue(struct checks *k, const char *at, const char *key, const char *message);

#endif
