/* Strict check of one JSON value (RFC 8259, UTF-8 as RFC 3629), as fast as memory is read. Says
 * nothing of the value but where it ends, how much it holds and, of a row of an export, which
 * persons it names. Knows no file: the text is a window that may end within the value. Internal to
 * the reader.
 *
 * DEXIE_PAD bytes of NUL follow the text, so that nothing has to count: NUL is no part of any
 * value. */
#ifndef ENGINE_DEXIE_CHECK_H
#define ENGINE_DEXIE_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEXIE_PAD 8
#define DEXIE_MORE 1 /* the text ends within the value */

struct dexie_spot {
    const char *text; /* a string with its quotes; NULL: none */
    size_t len;
};

struct dexie_check {
    const char *at, *end; /* end: of the text, NULs follow */
    const char *what;     /* what is wrong at `at` */
    uint64_t objects;     /* a bit per depth: 1 object, 0 array */
    int depth;
    uint32_t values;      /* and keys */
    bool wrapped;         /* within the member "$" of the outermost object */
    struct dexie_spot *wanted;       /* the next value is this person */
    struct dexie_spot user, author;  /* userId and authorId of a row */
};

bool dexie_is_space(char c);
/* Checks the value that begins at text. 0: it ends at c->at. DEXIE_MORE, or RAUM_ECORRUPT with
 * c->what. */
int dexie_check_value(struct dexie_check *c, const char *text, size_t len);

#endif
