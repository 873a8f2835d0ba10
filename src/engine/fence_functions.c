#include "engine/fence_inside.h"

#include <string.h>

/* SQLite's instr, replace and trim compare each place of one argument with the whole other one, and
 * its printf repeats a character two thousand million times, in a single instruction that nothing
 * can interrupt: minutes to hours. Ours do the same up to a bound and refuse more. */
#define COMPARISONS_MAX 200000000.0

static void fn_current_space(sqlite3_context *context, int count, sqlite3_value **values)
{
    const struct fence *f = sqlite3_user_data(context);
    const char *id = raum_scope_space(f->handle);
    (void)count, (void)values;
    if (id)
        sqlite3_result_text(context, id, -1, SQLITE_TRANSIENT);
}

static void fn_current_account(sqlite3_context *context, int count, sqlite3_value **values)
{
    const struct fence *f = sqlite3_user_data(context);
    (void)count, (void)values;
    sqlite3_result_text(context, raum_account(f->handle->raum), -1, SQLITE_TRANSIENT);
}

static bool too_much(sqlite3_context *context, int a, int b)
{
    if ((double)a * (double)b <= COMPARISONS_MAX)
        return false;
    sqlite3_result_error_toobig(context);
    return true;
}

struct bytes {
    const char *data;
    int len;
};

/* The bytes of a text or a blob, numbers as text. False for NULL or lack of memory. */
static bool bytes_of(sqlite3_value *value, struct bytes *out)
{
    int type = sqlite3_value_type(value);
    if (type == SQLITE_NULL)
        return false;
    const void *data = type == SQLITE_BLOB ? sqlite3_value_blob(value) : sqlite3_value_text(value);
    out->len = sqlite3_value_bytes(value);
    out->data = data ? data : "";
    return data || out->len == 0;
}

/* Where needle begins in hay from `from` on, or -1. Needle is not empty. */
static int find(struct bytes hay, struct bytes needle, int from)
{
    while (hay.len - from >= needle.len) {
        const char *at = memchr(hay.data + from, needle.data[0], (size_t)(hay.len - from));
        if (!at || hay.data + hay.len - at < needle.len)
            return -1;
        if (memcmp(at, needle.data, (size_t)needle.len) == 0)
            return (int)(at - hay.data);
        from = (int)(at - hay.data) + 1;
    }
    return -1;
}

static bool continues(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

static void fn_instr(sqlite3_context *context, int count, sqlite3_value **values)
{
    struct bytes hay, needle;
    (void)count;
    bool blobs = sqlite3_value_type(values[0]) == SQLITE_BLOB &&
                 sqlite3_value_type(values[1]) == SQLITE_BLOB;
    if (!bytes_of(values[0], &hay) || !bytes_of(values[1], &needle) ||
        too_much(context, hay.len, needle.len))
        return;
    int at = needle.len ? find(hay, needle, 0) : 0;
    while (!blobs && at > 0 && continues(hay.data[at])) /* in the middle of a character: no match */
        at = find(hay, needle, at + 1);
    int place = at < 0 ? 0 : 1;
    for (int i = 0; i < at; i++)
        place += blobs || !continues(hay.data[i + 1]);
    sqlite3_result_int(context, place);
}

/* Texts are collected in a buffer of our own: SQLite's grows by single bytes when it nears its
 * limit, and may copy all it holds each time. */
static void collect(sqlite3_context *context, struct buf *out)
{
    sqlite3 *memory = sqlite3_context_db_handle(context);
    buf_init(out, (size_t)sqlite3_limit(memory, SQLITE_LIMIT_LENGTH, -1));
}

static void finish(sqlite3_context *context, struct buf *out)
{
    if (out->error == RAUM_ETOO_LARGE)
        sqlite3_result_error_toobig(context);
    else if (out->error)
        sqlite3_result_error_nomem(context);
    else
        sqlite3_result_text(context, buf_text(out), (int)out->len, SQLITE_TRANSIENT);
    buf_release(out);
}

static void fn_replace(sqlite3_context *context, int count, sqlite3_value **values)
{
    struct bytes text, from, to;
    (void)count;
    if (!bytes_of(values[0], &text) || !bytes_of(values[1], &from))
        return;
    if (from.len == 0) {
        if (sqlite3_value_type(values[0]) == SQLITE_BLOB)
            sqlite3_result_text(context, text.data, text.len, SQLITE_TRANSIENT);
        else
            sqlite3_result_value(context, values[0]);
        return;
    }
    if (!bytes_of(values[2], &to) || too_much(context, text.len, from.len))
        return;
    struct buf out;
    int done = 0;
    collect(context, &out);
    for (int at; !out.error && (at = find(text, from, done)) >= 0; done = at + from.len) {
        buf_add(&out, text.data + done, (size_t)(at - done));
        buf_add(&out, to.data, (size_t)to.len);
    }
    buf_add(&out, text.data + done, (size_t)(text.len - done));
    finish(context, &out);
}

static int character_at(struct bytes text, int at)
{
    int len = 1;
    while (at + len < text.len && continues(text.data[at + len]))
        len++;
    return len;
}

static bool among(struct bytes set, const char *c, int len)
{
    for (int at = 0, size; at < set.len; at += size) {
        size = character_at(set, at);
        if (size == len && memcmp(set.data + at, c, (size_t)len) == 0)
            return true;
    }
    return false;
}

#define TRIM_LEFT 1
#define TRIM_RIGHT 2
static int trim_sides[] = {0, TRIM_LEFT, TRIM_RIGHT, TRIM_LEFT | TRIM_RIGHT};

static void fn_trim(sqlite3_context *context, int count, sqlite3_value **values)
{
    int sides = *(const int *)sqlite3_user_data(context);
    struct bytes text, set = {" ", 1};
    if (!bytes_of(values[0], &text) || (count > 1 && !bytes_of(values[1], &set)) ||
        too_much(context, text.len, set.len))
        return;
    if (sides & TRIM_LEFT)
        for (int len; text.len > 0 && among(set, text.data, len = character_at(text, 0));) {
            text.data += len;
            text.len -= len;
        }
    while (sides & TRIM_RIGHT && text.len > 0) {
        int at = text.len - 1;
        while (at > 0 && continues(text.data[at]))
            at--;
        if (!among(set, text.data + at, text.len - at))
            break;
        text.len = at;
    }
    sqlite3_result_text(context, text.data, text.len, SQLITE_TRANSIENT);
}

/* ---- printf ---- */

#define WIDTH_MAX 1000000

/* One conversion of a format: what stands between % and its letter. */
struct conversion {
    char flags[8];
    int flag_count;
    int width, precision; /* precision -1: none */
    char letter;          /* 0: the format ends here */
};

struct arguments {
    sqlite3_value **values;
    int count, next;
};

static sqlite3_value *next_value(struct arguments *a)
{
    return a->next < a->count ? a->values[a->next++] : NULL;
}

/* A number of the format or, for '*', of the arguments. False if it is out of bounds. */
static bool read_number(const char **at, struct arguments *args, int *out)
{
    sqlite3_int64 number = 0;
    if (**at == '*') {
        sqlite3_value *value = next_value(args);
        number = value ? sqlite3_value_int64(value) : 0;
        ++*at;
    } else {
        for (; **at >= '0' && **at <= '9'; ++*at)
            number = number > WIDTH_MAX ? number : number * 10 + (**at - '0');
    }
    *out = (int)number;
    return number <= WIDTH_MAX && number >= -WIDTH_MAX;
}

/* Reads behind a '%'. False: numbers out of bounds. */
static bool read_conversion(const char **at, struct arguments *args, struct conversion *c)
{
    *c = (struct conversion){.precision = -1};
    for (; **at && strchr("-+ #!0,", **at); ++*at)
        if (c->flag_count < 7 && !strchr(c->flags, **at))
            c->flags[c->flag_count++] = **at;
    if (!read_number(at, args, &c->width))
        return false;
    if (c->width < 0) {
        c->width = -c->width;
        if (c->flag_count < 7)
            c->flags[c->flag_count++] = '-';
    }
    if (**at == '.') {
        ++*at;
        if (!read_number(at, args, &c->precision))
            return false;
        if (c->precision < 0)
            c->precision = -c->precision;
    }
    while (**at == 'l')
        ++*at;
    c->letter = **at;
    *at += **at != '\0';
    return true;
}

static void write_spec(const struct conversion *c, const char *length, char letter,
                       char out[48])
{
    char width[16] = "", precision[16] = "";
    if (c->width > 0)
        sqlite3_snprintf((int)sizeof width, width, "%d", c->width);
    if (c->precision >= 0)
        sqlite3_snprintf((int)sizeof precision, precision, ".%d", c->precision);
    sqlite3_snprintf(48, out, "%%%s%s%s%s%c", c->flags, width, precision, length, letter);
}

/* %c takes the first character of a text and repeats it `precision` times. */
static void put_character(struct buf *out, const struct conversion *c, const char *text)
{
    struct bytes all = {text ? text : "", text ? (int)strlen(text) : 0};
    size_t len =
        all.len ? (size_t)character_at(all, 0) : 1; /* of none: a NUL, as SQLite writes it */
    int times = c->precision > 1 ? c->precision : 1;
    bool left = strchr(c->flags, '-') != NULL;
    for (int i = times; i < c->width && !left; i++)
        buf_char(out, ' ');
    for (int i = 0; i < times; i++)
        buf_add(out, all.data, len);
    for (int i = times; i < c->width && left; i++)
        buf_char(out, ' ');
}

/* False: a letter that SQLite does not know either; the text ends there. */
static bool put_conversion(struct buf *out, struct conversion *c, struct arguments *args)
{
    char spec[48], *done = NULL;
    if (!c->letter || !strchr("diuxXocszqQwfeEgG%", c->letter))
        return false;
    sqlite3_value *value = c->letter == '%' ? NULL : next_value(args);
    const char *text = NULL;
    if (strchr("cszqQw", c->letter))
        text = value ? (const char *)sqlite3_value_text(value) : NULL;
    if (c->letter == 'c') {
        put_character(out, c, text);
        return true;
    }
    if (c->letter == '%') {
        c->precision = -1;
        write_spec(c, "", 's', spec);
        done = sqlite3_mprintf(spec, "%");
    } else if (strchr("szqQw", c->letter)) {
        write_spec(c, "", c->letter == 'z' ? 's' : c->letter, spec);
        done = sqlite3_mprintf(spec, text);
    } else if (strchr("feEgG", c->letter)) {
        write_spec(c, "", c->letter, spec);
        done = sqlite3_mprintf(spec, value ? sqlite3_value_double(value) : 0.0);
    } else {
        write_spec(c, "ll", c->letter, spec);
        done = sqlite3_mprintf(spec, value ? sqlite3_value_int64(value) : (sqlite3_int64)0);
    }
    if (done)
        buf_str(out, done);
    else
        out->error = RAUM_ENOMEM;
    sqlite3_free(done);
    return true;
}

static void fn_printf(sqlite3_context *context, int count, sqlite3_value **values)
{
    const char *format = count ? (const char *)sqlite3_value_text(values[0]) : NULL;
    struct arguments args = {values, count, 1};
    struct conversion c;
    struct buf out;
    if (!format)
        return;
    collect(context, &out);
    while (*format && !out.error) {
        const char *percent = strchr(format, '%');
        size_t plain = percent ? (size_t)(percent - format) : strlen(format);
        buf_add(&out, format, plain);
        format += plain;
        if (!percent)
            break;
        if (*++format == '\0')
            buf_char(&out, '%');
        if (!read_conversion(&format, &args, &c))
            out.error = RAUM_ETOO_LARGE;
        else if (!put_conversion(&out, &c, &args))
            break;
    }
    finish(context, &out);
}

int fence_functions(struct fence *f)
{
    const struct {
        const char *name;
        int args;
        void *ctx;
        void (*call)(sqlite3_context *, int, sqlite3_value **);
    } own[] = {
        {"current_space", 0, f, fn_current_space}, {"current_account", 0, f, fn_current_account},
        {"instr", 2, f, fn_instr},                 {"replace", 3, f, fn_replace},
        {"trim", 1, &trim_sides[3], fn_trim},      {"trim", 2, &trim_sides[3], fn_trim},
        {"ltrim", 1, &trim_sides[1], fn_trim},     {"ltrim", 2, &trim_sides[1], fn_trim},
        {"rtrim", 1, &trim_sides[2], fn_trim},     {"rtrim", 2, &trim_sides[2], fn_trim},
        {"printf", -1, f, fn_printf},              {"format", -1, f, fn_printf},
    };
    int rc = SQLITE_OK;
    for (size_t i = 0; i < sizeof own / sizeof own[0] && rc == SQLITE_OK; i++)
        rc = sqlite3_create_function_v2(f->memory, own[i].name, own[i].args,
                                        SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS,
                                        own[i].ctx, own[i].call, NULL, NULL, NULL);
    return rc;
}
