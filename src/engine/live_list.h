/* What a live query delivered and the way from one such list to the next: which rows to delete,
 * insert, move and update, one after the other, so that the old list becomes the new one. As few
 * moves as possible. Rows are told apart by a key and compared by a hash of what they show; a
 * row's values are kept only while they are new. Knows neither handles nor who is listening. */
#ifndef ENGINE_LIVE_LIST_H
#define ENGINE_LIVE_LIST_H

#include "base/buf.h"
#include <sqlite3.h>
#include <stdbool.h>

#define LIVE_NONE UINT32_MAX

struct live_row {
    uint64_t key, hash;
    uint32_t key_at, key_len; /* in keys */
    uint32_t cells;           /* in cells, only for rows that are new or differ */
    uint32_t was;             /* place in the list before, or LIVE_NONE */
};
struct live_list {
    struct live_row *rows;
    uint32_t count, cap;
    struct buf keys, cells;
};

void live_list_init(struct live_list *list);
void live_list_release(struct live_list *list);
/* Finds rows of a list by key; of several with the same key each is given once, in their order. */
struct live_index {
    const struct live_list *list;
    uint32_t *heads, *next;
    uint32_t mask;
};
int live_index_init(struct live_index *index, const struct live_list *list,
                    struct raum_error *error) BASE_CHECK;
void live_index_release(struct live_index *index);

/* Appends the statement's current row. key: the column that names it, -1: its place does. NOMEM,
 * LIMIT. */
int live_add(struct live_list *list, struct live_index *before, sqlite3_stmt *stmt, int key,
             uint64_t seed, struct raum_error *error) BASE_CHECK;
/* NUL-terminated; lent until the list grows. */
const char *live_key(const struct live_list *list, uint32_t at);
/* Binds the row's values, lent, to the parameters 1… of a statement. */
void live_bind(const struct live_list *list, uint32_t at, sqlite3_stmt *stmt);

/* Positions are those of the list as it is when the change is applied. A move takes the row out at
 * `from` and puts it in again at `to`. Deletes come first, updates last, with from == to. */
enum live_kind { LIVE_DELETE, LIVE_INSERT, LIVE_MOVE, LIVE_UPDATE };
struct live_change {
    enum live_kind kind;
    int from, to;
    uint32_t row; /* LIVE_DELETE: in the old list; else in the new one */
};
typedef bool live_each(void *arg, const struct live_change *change);
struct live_diff {
    const struct live_list *old, *new;
    uint32_t *now;  /* scratch: the list as it is, as rows of the new one */
    bool *stays;    /* per new row: need not be moved */
    bool *survives; /* per old row */
    bool any;       /* there are changes */
};
/* Both lists must stay as they are until live_diff_release. */
int live_diff_init(struct live_diff *diff, const struct live_list *old, const struct live_list *new,
                   struct raum_error *error) BASE_CHECK;
/* Calls `each` for every change; false if one of the calls said false. Once only. */
bool live_diff_walk(struct live_diff *diff, live_each *each, void *arg);
void live_diff_release(struct live_diff *diff);

#endif
