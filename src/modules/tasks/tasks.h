/* Things to do in a space. */
#ifndef MODULES_TASKS_TASKS_H
#define MODULES_TASKS_TASKS_H

#include "base/buf.h"
#include "engine/query.h"

struct tasks_new {
    const char *title;
    const char *due;         /* YYYY-MM-DD or a time; NULL: none */
    const char *const *tags; /* ids of tags of the space */
    int tag_count;
};
int tasks_add(struct raum_handle *h, const struct tasks_new *add, char id[RAUM_ID_MAX],
              struct raum_error *error) BASE_CHECK;
/* Columns: id title isCompleted dueDate priority createdAt; open ones first, then the newest. all:
 * done ones too. */
int tasks_query(struct raum_handle *h, bool all, struct raum_query **out,
                struct raum_error *error) BASE_CHECK;
/* Appends the names of a task's tags as a JSON list. `*q` is NULL before the first of several and
 * the caller's to free behind the last: one statement serves all of them. */
int tasks_tags(struct raum_handle *h, struct raum_query **q, const char *id, struct buf *out,
               struct raum_error *error) BASE_CHECK;
int tasks_done(struct raum_handle *h, const char *id, bool done,
               struct raum_error *error) BASE_CHECK;
int tasks_delete(struct raum_handle *h, const char *id, struct raum_error *error) BASE_CHECK;

#endif
