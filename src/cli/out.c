#include "cli/out.h"
#include "base/utf8.h"
#include "cli/text.h"
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define ROW_BYTES_MAX ((size_t)64 << 20) /* of one row in JSON, and of one cell */
#define CELL_WIDTH_LEAST 8               /* no column is cut further */
#define CELL_WIDTH_GOOD 20               /* before one is cut below this, others are left out */
#define PROGRESS_AFTER_MS 1000
#define PROGRESS_EVERY_MS 80

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void out_init(struct out *out, bool json, bool quiet)
{
    const char *term = getenv("TERM"), *no_colour = getenv("NO_COLOR");
    struct winsize size;
    memset(out, 0, sizeof *out);
    out->file = stdout;
    out->json = json;
    out->quiet = quiet;
    out->terminal = isatty(STDOUT_FILENO) == 1;
    out->colour = out->terminal && !(no_colour && *no_colour) && term && strcmp(term, "dumb") != 0;
    if (out->terminal)
        out->width = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 80;
}

int out_finish(struct out *out, struct raum_error *error)
{
    errno = 0;
    if (fflush(out->file) == 0 && !ferror(out->file))
        return 0;
    /* Whoever read the pipe has seen enough: that is no failure of ours. */
    if (errno == EPIPE)
        return 0;
    return err_at(error, "cli", errno == ENOSPC ? RAUM_EFULL : RAUM_EIO, "%s",
                  tr("the output could not be written"));
}

const char *out_bold(const struct out *out)
{
    return out->colour ? "\033[1m" : "";
}

const char *out_dim(const struct out *out)
{
    return out->colour ? "\033[2m" : "";
}

const char *out_green(const struct out *out)
{
    return out->colour ? "\033[32m" : "";
}

const char *out_red(const struct out *out)
{
    return out->colour ? "\033[31m" : "";
}

const char *out_plain(const struct out *out)
{
    return out->colour ? "\033[0m" : "";
}

/* Control characters move the cursor; direction overrides make text read as another. */
static bool harmless(uint32_t code)
{
    return code >= 0x20 && !(code >= 0x7f && code <= 0x9f) && code != 0x200e && code != 0x200f &&
           !(code >= 0x2028 && code <= 0x202e) && !(code >= 0x2066 && code <= 0x2069);
}

void out_clean(struct buf *b, const char *text, size_t len)
{
    for (size_t at = 0; at < len;) {
        uint32_t code;
        size_t step = utf8_get(text + at, len - at, &code);
        if (step && harmless(code))
            buf_add(b, text + at, step);
        else if (step && (code == '\n' || code == '\t'))
            buf_char(b, ' ');
        else
            buf_str(b, "\xef\xbf\xbd");
        at += step ? step : 1;
    }
}

void out_text(struct out *out, const char *text, size_t len)
{
    struct buf b;
    buf_init(&b, ROW_BYTES_MAX);
    out_clean(&b, text, len);
    fwrite(buf_text(&b), 1, b.len, out->file);
    buf_release(&b);
}

void out_printf(struct out *out, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vfprintf(out->file, fmt, args);
    va_end(args);
}

void out_pair(struct out *out, const char *key, const char *fmt, ...)
{
    char text[4096];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    size_t width = utf8_width(key, strlen(key));
    int pad = width < 14 ? 14 - (int)width : 1;
    fprintf(out->file, "%s%s%s%*s", out_dim(out), key, out_plain(out), pad, "");
    out_text(out, text, utf8_cut(text, strlen(text), sizeof text - 1));
    fputc('\n', out->file);
}

/* "a, b" of a list of texts; false if other things are in it. */
static bool join_list(struct json_value list, struct arena *a, struct buf *out)
{
    for (struct json_value v = json_first(list); v.doc; v = json_next(list, v)) {
        const char *item;
        size_t len;
        if (!json_text(v, a, &item, &len))
            return false;
        if (out->len)
            buf_str(out, ", ");
        buf_add(out, item, len);
    }
    return !out->error;
}

void out_member(struct out *out, const char *key, struct json_value v, struct arena *a)
{
    const char *text = json_str(v, a);
    int64_t number;
    bool on;
    if (text && *text)
        out_pair(out, key, "%s", text);
    else if (json_int(v, &number))
        out_pair(out, key, "%" PRId64, number);
    else if (json_bool(v, &on))
        out_pair(out, key, "%s", on ? tr("yes") : tr("no"));
    else if (json_is(v, JSON_ARRAY) && json_count(v)) {
        struct buf list;
        buf_init(&list, ROW_BYTES_MAX);
        if (join_list(v, a, &list))
            out_pair(out, key, "%s", buf_text(&list));
        buf_release(&list);
    }
}

/* "2026-04-30T12:00:59.123Z" → "2026-04-30 12:00"; false if it is no such text. */
static bool to_minutes(const char *text, size_t len, char out[17])
{
    if (len <= 16 || text[10] != 'T')
        return false;
    memcpy(out, text, 16);
    out[10] = ' ';
    out[16] = '\0';
    return true;
}

void out_moment(struct out *out, const char *key, struct json_value v, struct arena *a)
{
    char shown[17];
    const char *text = json_str(v, a);
    if (text && to_minutes(text, strlen(text), shown))
        out_pair(out, key, "%s", shown);
}

void out_json(struct out *out, const struct buf *json)
{
    fwrite(buf_text(json), 1, json->len, out->file);
    fputc('\n', out->file);
}

/* ---- tables */

void out_table_begin(struct out_table *t, struct out *out, const struct out_column *columns,
                     int count)
{
    memset(t, 0, sizeof *t);
    t->out = out;
    t->columns = columns;
    t->count = count < OUT_COLUMNS_MAX ? count : OUT_COLUMNS_MAX;
    buf_init(&t->json, ROW_BYTES_MAX);
    if (out->json) {
        json_begin(&t->writer, &t->json);
        json_open_array(&t->writer);
        return;
    }
    t->held = calloc((size_t)OUT_HELD_MAX * (size_t)t->count, sizeof *t->held);
    if (!t->held)
        t->error = RAUM_ENOMEM;
    for (int i = 0; i < t->count; i++) {
        const char *title = columns[i].title ? tr(columns[i].title) : "";
        t->widths[i] = (int)utf8_width(title, strlen(title));
        t->hidden[i] = !columns[i].title;
    }
}

/* The columns' width together; those that shrink count as at most `most` wide. */
static int total_width(const struct out_table *t, int most)
{
    int total = 0;
    for (int i = 0; i < t->count; i++) {
        bool shrinks = t->columns[i].give == OUT_SHRINK && t->widths[i] > most;
        total += t->hidden[i] ? 0 : (shrinks ? most : t->widths[i]) + 2;
    }
    return total - 2;
}

/* On a narrow terminal some columns are left out, then others are cut, the widest first. */
static void fit(struct out_table *t)
{
    for (int i = t->count - 1; i >= 0 && t->out->width; i--)
        if (t->columns[i].give == OUT_DROP && total_width(t, CELL_WIDTH_GOOD) > t->out->width)
            t->hidden[i] = true;
    while (t->out->width && total_width(t, INT_MAX) > t->out->width) {
        int widest = -1;
        for (int i = 0; i < t->count; i++)
            if (!t->hidden[i] && t->columns[i].give == OUT_SHRINK &&
                t->widths[i] > CELL_WIDTH_LEAST && (widest < 0 || t->widths[i] > t->widths[widest]))
                widest = i;
        if (widest < 0)
            return;
        t->widths[widest]--;
    }
}

/* The longest beginning that takes at most `width` columns. */
static size_t cut_width(const char *text, size_t len, size_t width)
{
    size_t used = 0, at = 0;
    while (at < len) {
        uint32_t code;
        size_t step = utf8_get(text + at, len - at, &code);
        size_t columns = utf8_width(text + at, step);
        if (!step || used + columns > width)
            break;
        used += columns;
        at += step;
    }
    return at;
}

static void put_cell(struct out_table *t, int column, const char *text, size_t len, size_t width,
                     bool last)
{
    FILE *f = t->out->file;
    size_t room = (size_t)t->widths[column];
    bool right = t->columns[column].kind == OUT_NUMBER;
    bool cut = t->out->width && width > room;
    if (cut) {
        len = cut_width(text, len, room ? room - 1 : 0);
        width = utf8_width(text, len) + 1;
    }
    int pad = width < room ? (int)(room - width) : 0;
    if (right)
        fprintf(f, "%*s", pad, "");
    fwrite(text, 1, len, f);
    if (cut)
        fputs("…", f);
    if (last)
        fputc('\n', f);
    else
        fprintf(f, "%*s  ", right ? 0 : pad, "");
}

/* The line ends behind the last cell that holds anything: no blanks at its end. */
static void put_row(struct out_table *t, const struct out_cell *cells)
{
    int last = -1;
    for (int i = 0; i < t->count; i++)
        if (!t->hidden[i] && (cells[i].len || last < 0))
            last = i;
    for (int i = 0; i <= last; i++)
        if (!t->hidden[i])
            put_cell(t, i, cells[i].text ? cells[i].text : "", cells[i].len, cells[i].width,
                     i == last);
}

static void put_held(struct out_table *t, struct out_cell *cells)
{
    put_row(t, cells);
    for (int i = 0; i < t->count; i++) {
        free(cells[i].text);
        memset(&cells[i], 0, sizeof cells[i]);
    }
}

static void put_titles(struct out_table *t)
{
    struct out_cell cells[OUT_COLUMNS_MAX] = {0};
    for (int i = 0; i < t->count; i++)
        if (!t->hidden[i]) {
            const char *title = tr(t->columns[i].title);
            cells[i].len = strlen(title);
            cells[i].width = utf8_width(title, cells[i].len);
            cells[i].text = (char *)(uintptr_t)title; /* only lent: not given back either */
        }
    put_row(t, cells);
}

/* Titles and the rows held back; from now on rows go out as they come. */
static void start_stream(struct out_table *t)
{
    if (t->streaming || t->error)
        return;
    t->streaming = true;
    fit(t);
    if (t->rows == 0)
        return;
    fputs(out_bold(t->out), t->out->file);
    put_titles(t);
    fputs(out_plain(t->out), t->out->file);
    for (int row = 0; row < t->held_rows; row++)
        put_held(t, t->held + (size_t)row * (size_t)t->count);
    t->held_rows = 0;
}

static void row_done(struct out_table *t)
{
    t->rows++;
    t->at = 0;
    if (t->streaming) {
        put_held(t, t->held);
        return;
    }
    t->held_rows++;
    if (t->held_rows == OUT_HELD_MAX)
        start_stream(t);
}

/* A cell for people; text is cleaned into memory of its own. */
static void put_text(struct out_table *t, const char *text, size_t len)
{
    int column = t->at++;
    size_t row = t->streaming ? 0 : (size_t)t->held_rows;
    struct out_cell *cell = &t->held[row * (size_t)t->count + (size_t)column];
    struct buf b;
    buf_init(&b, ROW_BYTES_MAX);
    out_clean(&b, text, len);
    if (b.error)
        t->error = b.error;
    cell->text = buf_detach(&b, &cell->len);
    cell->width = cell->text ? utf8_width(cell->text, cell->len) : 0;
    if (!t->streaming && (int)cell->width > t->widths[column])
        t->widths[column] = (int)cell->width;
    if (t->at == t->count)
        row_done(t);
}

/* In JSON: opens the row's object before its first cell, and writes the key. */
static struct json_writer *json_cell(struct out_table *t)
{
    if (t->at == 0)
        json_open_object(&t->writer);
    json_put_key(&t->writer, t->columns[t->at].key);
    return &t->writer;
}

static void json_cell_done(struct out_table *t)
{
    if (++t->at < t->count)
        return;
    json_close_object(&t->writer);
    t->rows++;
    t->at = 0;
    if (t->json.error)
        t->error = t->json.error;
    fwrite(buf_text(&t->json), 1, t->json.len, t->out->file);
    buf_reset(&t->json);
}

/* A JSON list of strings reads "a, b"; other JSON stays as it is. */
static void put_list(struct out_table *t, const char *text, size_t len)
{
    struct json_doc doc;
    struct arena arena;
    struct buf b;
    json_init(&doc);
    arena_init(&arena, ROW_BYTES_MAX);
    buf_init(&b, ROW_BYTES_MAX);
    if (json_parse(&doc, text, len, JSON_LONE, NULL) == 0 &&
        json_is(json_root(&doc), JSON_ARRAY) && join_list(json_root(&doc), &arena, &b))
        put_text(t, buf_text(&b), b.len);
    else
        put_text(t, text, len);
    buf_release(&b);
    arena_release(&arena);
    json_release(&doc);
}

static bool is_json(const char *text, size_t len)
{
    struct json_doc doc;
    json_init(&doc);
    bool good = json_parse(&doc, text, len, JSON_LONE, NULL) == 0;
    json_release(&doc);
    return good;
}

void out_cell_text(struct out_table *t, const char *text, size_t len)
{
    char shown[17];
    if (t->error)
        return;
    enum out_kind kind = t->columns[t->at].kind;
    if (t->out->json) {
        struct json_writer *w = json_cell(t);
        if (!text)
            json_put_null(w);
        else if (kind == OUT_JSON && is_json(text, len))
            json_put_raw(w, text, len);
        else
            json_put_text(w, text, len);
        json_cell_done(t);
    } else if (!text) {
        put_text(t, "", 0);
    } else if (kind == OUT_TIME && to_minutes(text, len, shown)) {
        put_text(t, shown, 16);
    } else if (kind == OUT_JSON) {
        put_list(t, text, len);
    } else {
        put_text(t, text, len);
    }
}

void out_cell_str(struct out_table *t, const char *text)
{
    out_cell_text(t, text, text ? strlen(text) : 0);
}

void out_cell_int(struct out_table *t, int64_t value)
{
    if (t->error)
        return;
    if (t->columns[t->at].kind == OUT_BOOL) {
        out_cell_bool(t, value != 0);
        return;
    }
    if (t->out->json) {
        json_put_int(json_cell(t), value);
        json_cell_done(t);
        return;
    }
    char text[24];
    int len = snprintf(text, sizeof text, "%" PRId64, value);
    put_text(t, text, (size_t)len);
}

void out_cell_real(struct out_table *t, double value)
{
    if (t->error)
        return;
    if (t->out->json) {
        json_put_double(json_cell(t), value);
        json_cell_done(t);
        return;
    }
    char text[40];
    int len = snprintf(text, sizeof text, "%.15g", value);
    put_text(t, text, (size_t)len);
}

void out_cell_bool(struct out_table *t, bool value)
{
    if (t->error)
        return;
    if (t->out->json) {
        json_put_bool(json_cell(t), value);
        json_cell_done(t);
        return;
    }
    const char *text = value ? tr("yes") : "";
    put_text(t, text, strlen(text));
}

/* Bytes that are no text are shown as SQL writes them. */
static void cell_blob(struct out_table *t, const char *data, size_t len)
{
    struct buf b;
    buf_init(&b, ROW_BYTES_MAX);
    buf_str(&b, "x'");
    for (size_t i = 0; i < len; i++)
        buf_printf(&b, "%02x", (unsigned char)data[i]);
    buf_char(&b, '\'');
    if (b.error)
        t->error = b.error;
    else
        out_cell_text(t, buf_text(&b), b.len);
    buf_release(&b);
}

void out_cell_query(struct out_table *t, const struct raum_query *query, int at)
{
    size_t len = 0;
    const char *text;
    switch (raum_query_type(query, at)) {
    case RAUM_NULL:
        out_cell_text(t, NULL, 0);
        return;
    case RAUM_INTEGER:
        out_cell_int(t, raum_query_int(query, at));
        return;
    case RAUM_REAL:
        out_cell_real(t, raum_query_real(query, at));
        return;
    case RAUM_TEXT:
        text = raum_query_text(query, at, &len);
        out_cell_text(t, text ? text : "", len);
        return;
    case RAUM_BLOB:
        text = raum_query_text(query, at, &len);
        if (t->columns[t->at].kind != OUT_TEXT || !utf8_valid(text ? text : "", len))
            cell_blob(t, text ? text : "", len);
        else
            out_cell_text(t, text ? text : "", len);
        return;
    }
}

int out_table_end(struct out_table *t, struct raum_error *error)
{
    if (!t->error && t->out->json) {
        json_close_array(&t->writer);
        out_json(t->out, &t->json);
    } else if (!t->out->json) {
        start_stream(t);
    }
    if (t->held)
        for (int i = 0; i < OUT_HELD_MAX * t->count; i++)
            free(t->held[i].text);
    free(t->held);
    buf_release(&t->json);
    return t->error ? err_set(error, t->error, NULL) : 0;
}

/* ---- progress */

void out_progress_begin(struct out_progress *p, const struct out *out)
{
    const char *term = getenv("TERM");
    memset(p, 0, sizeof *p);
    p->possible = !out->quiet && isatty(STDERR_FILENO) == 1 && term && strcmp(term, "dumb") != 0;
    p->start_ms = now_ms();
}

void out_progress(struct out_progress *p, const char *what, double done)
{
    int64_t now = now_ms();
    if (!p->possible || now - p->start_ms < PROGRESS_AFTER_MS ||
        now - p->last_ms < PROGRESS_EVERY_MS)
        return;
    p->last_ms = now;
    p->shown = true;
    done = done < 0 ? 0 : done > 1 ? 1 : done;
    char bar[3 * 24 + 1];
    size_t len = 0;
    for (int i = 0; i < 24; i++) {
        const char *block = i < (int)(done * 24) ? "█" : "░";
        memcpy(bar + len, block, 3);
        len += 3;
    }
    bar[len] = '\0';
    struct buf clean;
    buf_init(&clean, 4096);
    out_clean(&clean, what, strlen(what));
    size_t shown = cut_width(buf_text(&clean), clean.len, 40);
    fprintf(stderr, "\r\033[K%s %3d %%  %.*s", bar, (int)(done * 100), (int)shown,
            buf_text(&clean));
    fflush(stderr);
    buf_release(&clean);
}

void out_progress_end(struct out_progress *p)
{
    if (p->shown) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
    }
    p->shown = false;
}

/* ---- short answers ---- */

static void answer_json(struct out *out, const char *word, const char *id, const char *name)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, ROW_BYTES_MAX);
    json_begin(&w, &b);
    json_open_object(&w);
    json_put_key(&w, "id");
    json_put_text(&w, id, strlen(id));
    if (name) {
        json_put_key(&w, "name");
        json_put_text(&w, name, strlen(name));
    }
    if (word) {
        json_put_key(&w, "result");
        json_put_str(&w, word);
    }
    json_close_object(&w);
    out_json(out, &b);
    buf_release(&b);
}

int out_made(struct out *out, const char *id, const char *name)
{
    if (out->json) {
        answer_json(out, NULL, id, name);
    } else {
        out_text(out, id, strlen(id));
        if (!out->quiet) {
            out_printf(out, "  ");
            out_text(out, name, strlen(name));
        }
        out_printf(out, "\n");
    }
    return 0;
}

int out_done(struct out *out, const char *word, const char *id)
{
    if (out->json) {
        answer_json(out, word, id, NULL);
    } else if (!out->quiet) {
        out_printf(out, "%s: ", tr(word));
        out_text(out, id, strlen(id));
        out_printf(out, "\n");
    }
    return 0;
}
