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
/* Appends the names of a task's tags as a JSON list. */
int tasks_tags(struct raum_handle *h, const char *id, struct buf *out,
               struct raum_error *error) BASE_CHECK;
/* The same for many, in one statement. ids: a JSON list. Columns: at (place in the list, from 0),
 * name; in the list's order. */
int tasks_tags_query(struct raum_handle *h, const char *ids, size_t len, struct raum_query **out,
                     struct raum_error *error) BASE_CHECK;
int tasks_done(struct raum_handle *h, const char *id, bool done,
               struct raum_error *error) BASE_CHECK;
int tasks_delete(struct raum_handle *h, const char *id, struct raum_error *error) BASE_CHECK;

#endif
