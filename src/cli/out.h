/* Standard output: tables for people, one JSON value for programs. Everything that comes from data
 * passes out_clean first: control characters and direction overrides never reach a terminal. Knows
 * no noun.
 *
 * A table holds back its first rows to find the widths; with many rows it then streams, so memory
 * is bounded. */
#ifndef CLI_OUT_H
#define CLI_OUT_H

#include "base/buf.h"
#include "base/json.h"
#include <raum/raum.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct out {
    FILE *file;    /* standard output */
    bool terminal; /* it is one */
    bool colour;   /* a terminal, no NO_COLOR, TERM not dumb */
    bool json;
    bool quiet;
    int width; /* columns of the terminal; 0: not cut */
};

/* Looks at the terminal and the environment. */
void out_init(struct out *out, bool json, bool quiet);
/* Flushes; RAUM_EIO or RAUM_EFULL if anything could not be written. */
int out_finish(struct out *out, struct raum_error *error);
void out_text(struct out *out, const char *text, size_t len); /* cleaned */
void out_printf(struct out *out, const char *fmt, ...)
    BASE_PRINTF(2, 3); /* own words, as they are */

void out_pair(struct out *out, const char *key, const char *fmt, ...) BASE_PRINTF(3, 4);
/* The same with a value of a row; nothing for null, an empty text or list. Lists read "a, b". */
void out_member(struct out *out, const char *key, struct json_value v, struct arena *a);
/* The same with a moment, to the minute. */
void out_moment(struct out *out, const char *key, struct json_value v, struct arena *a);
/* Escape sequences when in colour, "" otherwise. */
const char *out_bold(const struct out *out);
const char *out_dim(const struct out *out);
const char *out_green(const struct out *out);
const char *out_red(const struct out *out);
const char *out_plain(const struct out *out);
/* Appends text without control characters, invalid UTF-8 and direction overrides (each becomes
 * U+FFFD). */
void out_clean(struct buf *b, const char *text, size_t len);

/* After making something: its id, and unless quiet its name; after doing something: the word
 * (English; through tr) and the id. With JSON an object with the id. Always 0. */
int out_made(struct out *out, const char *id, const char *name);
int out_done(struct out *out, const char *word, const char *id);

/* One JSON value as a whole, with a newline. */
void out_json(struct out *out, const struct buf *json);

enum out_kind {
    OUT_TEXT,
    OUT_NUMBER,
    OUT_BOOL, /* "yes" or nothing; true false */
    OUT_JSON, /* JSON text: as it is; lists of strings for people as "a, b" */
    OUT_TIME, /* RFC 3339; for people cut to minutes */
};
/* What a column does when the terminal is narrow. */
enum out_give {
    OUT_KEEP,
    OUT_SHRINK, /* is cut */
    OUT_DROP,   /* is left out, the last one first; then the others are cut */
};
struct out_column {
    const char *key;   /* in JSON */
    const char *title; /* for people (through tr); NULL: only in JSON */
    enum out_kind kind;
    enum out_give give;
};

#define OUT_COLUMNS_MAX 64
#define OUT_HELD_MAX 500 /* rows that are looked at for the widths */

struct out_cell {
    char *text; /* owned; cleaned */
    size_t len, width;
};
struct out_table {
    struct out *out;
    const struct out_column *columns;
    int count, at;
    struct out_cell *held;
    int held_rows;
    int widths[OUT_COLUMNS_MAX];
    bool hidden[OUT_COLUMNS_MAX];
    bool streaming;
    int64_t rows;
    struct buf json;
    struct json_writer writer;
    int error;
};

/* columns stay the caller's until the end. Rows: one out_cell_* per column, in order. */
void out_table_begin(struct out_table *t, struct out *out, const struct out_column *columns,
                     int count);
void out_cell_text(struct out_table *t, const char *text, size_t len); /* NULL: null */
void out_cell_str(struct out_table *t, const char *text);
void out_cell_int(struct out_table *t, int64_t value);
void out_cell_real(struct out_table *t, double value);
void out_cell_bool(struct out_table *t, bool value);
/* A column of a query, by its type and the column's kind. */
void out_cell_query(struct out_table *t, const struct raum_query *query, int at);
/* Writes what is held back; gives up the memory. 0, RAUM_ENOMEM. */
int out_table_end(struct out_table *t, struct raum_error *error);

/* A bar on standard error: only on a terminal, only after a second, not with --quiet. */
struct out_progress {
    bool possible, shown;
    int64_t start_ms, last_ms;
};
void out_progress_begin(struct out_progress *p, const struct out *out);
void out_progress(struct out_progress *p, const char *what, double done); /* done: 0..1 */
void out_progress_end(struct out_progress *p);

#endif
