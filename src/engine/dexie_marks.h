/* Typeson's type marks of one row: which key path holds a value of which type, and a place in the
 * row that moves as the row is walked. Knows the spelling of paths, not what a type means. Internal
 * to the reader.
 *
 *     {"tags":"arrayNonindexKeys","nested.list.0":"date","k~1ey":"date","til~0de":"date"} */
#ifndef ENGINE_DEXIE_MARKS_H
#define ENGINE_DEXIE_MARKS_H

#include "base/json.h"

struct dexie_mark {
    const char *path;
    size_t len;
    struct json_value type; /* a name, or an array of names */
};

struct dexie_marks {
    struct dexie_mark *list; /* sorted: what lies below a place follows it */
    size_t count;
    struct buf path;         /* of the place */
    struct arena *arena;     /* lent */
};

/* Marks at or below one place: list[from..to). */
struct dexie_range {
    size_t from, to;
};

void dexie_marks_init(struct dexie_marks *m, size_t path_max);
void dexie_marks_release(struct dexie_marks *m);
/* Takes the members of an object (anything else: none); the place becomes the root.
 * RAUM_ETOO_LARGE: no room in the arena. */
int dexie_marks_read(struct dexie_marks *m, struct json_value marks, struct arena *arena);

struct dexie_range dexie_marks_all(const struct dexie_marks *m);
/* Steps to a member or an item of the place, whose marks are `range`; gives the marks there. */
struct dexie_range dexie_marks_enter(struct dexie_marks *m, struct dexie_range range,
                                     const char *key, size_t len);
struct dexie_range dexie_marks_enter_index(struct dexie_marks *m, struct dexie_range range,
                                           size_t index);
/* Steps back: `len` is what path.len was before. */
void dexie_marks_leave(struct dexie_marks *m, size_t len);
/* Moves to a path, as it stands in a reference. */
struct dexie_range dexie_marks_jump(struct dexie_marks *m, const char *path, size_t len);
/* The mark of the place itself; none. */
struct json_value dexie_marks_here(const struct dexie_marks *m, struct dexie_range range);
/* True if the place is at or below a path. */
bool dexie_marks_below(const struct dexie_marks *m, const char *path, size_t len);
/* The value at a path from `root`; none if there is none. RAUM_ETOO_LARGE: no room. */
int dexie_marks_find(const struct dexie_marks *m, struct json_value root, const char *path,
                     size_t len, struct json_value *out);

#endif
