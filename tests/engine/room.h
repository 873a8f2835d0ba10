/* A room for tests: a replica in a folder that goes away with it, with spaces whose rows say where
 * they belong. Every text in a space holds that space's mark, one character that no other text
 * holds; rows of other members, private ones among them, hold their own. Whoever sees a foreign
 * mark has seen a leak. */
#ifndef ENGINE_ROOM_H
#define ENGINE_ROOM_H

#include "engine/fence.h"
#include "engine/query.h"
#include "engine/spaces.h"
#include "engine/store.h"

#define ROOM_SPACES 4 /* 0 is the personal one: its fields are sealed */
#define ROOM_FOREIGN ROOM_SPACES /* mark of private rows of somebody else, in every space */
#define ROOM_OUTSIDE (ROOM_SPACES + 1) /* mark of a space that the account is not in any more */

struct room {
    char folder[128];
    struct raum *raum;
    struct raum_handle *scope;
    char space[ROOM_SPACES + 2][RAUM_ID_MAX];
    struct raum_error error;
};

extern const char *const room_marks[ROOM_SPACES + 2];

#define OK(call)                                                                                   \
    do {                                                                                           \
        int result_ = (call);                                                                      \
        if (result_ < 0)                                                                           \
            fail_msg("%s: %s %s", #call, raum_code_name(result_), room_error_text);                \
    } while (0)
extern const char *room_error_text; /* of the last room opened */

void room_open(struct room *room);
void room_close(struct room *room);
/* Opens the same folder a second time, as another process would. */
void room_again(const struct room *room, struct raum **out);
/* `rows` rows in each of the tables of each space, every third a private one of somebody else. */
void room_fill(struct room *room, int rows);
void room_use(struct room *room, int space); /* -1: not ready */

/* The first column of the first row as text, static; "END", or the name of the error. */
const char *room_ask(struct room *room, const char *sql);
/* Rows of a statement, or a negative code. */
int room_count(struct room *room, const char *sql);
unsigned room_marks_in(const char *text, size_t len);
/* The marks that appear in any cell, bit per mark, as text or as hexadecimal digits of it; *result
 * gets the negative code or the number of rows. */
unsigned room_seen(struct raum_query *query, int *result, struct raum_error *error);

#endif
