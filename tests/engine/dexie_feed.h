/* What the tests of the Dexie reader share: a file in memory that comes in steps, and rows written
 * as lines, so that a test can spell out what it expects:
 *
 *     table key {"plain":"row"} | path type name=hex | …
 */
#ifndef TESTS_ENGINE_DEXIE_FEED_H
#define TESTS_ENGINE_DEXIE_FEED_H

#include "base/buf.h"
#include "engine/dexie.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct feed {
    const char *data;
    size_t len, at;
    size_t step; /* at most so many bytes a call; 0: all that is asked for */
    int fail;    /* what to give instead of the end */
};

__attribute__((unused)) static int64_t feed_read(void *ctx, void *buf, size_t n)
{
    struct feed *f = ctx;
    size_t left = f->len - f->at;
    if (left == 0 && f->fail)
        return f->fail;
    n = n < left ? n : left;
    n = f->step && f->step < n ? f->step : n;
    if (n)
        memcpy(buf, f->data + f->at, n);
    f->at += n;
    return (int64_t)n;
}

__attribute__((unused)) static int feed_scan(struct feed *f, struct dexie_file *file,
                                             struct raum_error *error)
{
    f->at = 0;
    return dexie_scan(file, feed_read, f, error);
}

static int feed_each(void *arg, const struct dexie_row *row, struct raum_error *error)
{
    struct buf *out = arg;
    (void)error;
    buf_printf(out, "%s %.*s %.*s", row->table->name, row->key ? (int)row->key_len : 1,
               row->key ? row->key : "-", (int)row->json_len, row->json);
    for (size_t i = 0; i < row->part_count; i++) {
        const struct dexie_part *part = &row->parts[i];
        buf_printf(out, " | %s %s %s=", part->path, part->type, part->name ? part->name : "");
        for (size_t k = 0; k < part->len; k++)
            buf_printf(out, "%02x", part->bytes[k]);
    }
    buf_char(out, '\n');
    return out->error;
}

/* Both passes; the rows as lines. */
__attribute__((unused)) static int feed_rows(struct feed *f, struct buf *out,
                                             struct raum_error *error)
{
    struct dexie_file file;
    int rc = feed_scan(f, &file, error);
    f->at = 0;
    if (rc == 0)
        rc = dexie_rows(&file, feed_read, f, feed_each, out, error);
    dexie_release(&file);
    return rc;
}

/* The whole of a file below the tests' data, NUL-terminated; free(). */
__attribute__((unused)) static char *feed_load(const char *name, size_t *len)
{
    char path[1000];
    const char *data = getenv("RAUM_TEST_DATA");
    snprintf(path, sizeof path, "%s/dexie/%s", data ? data : "tests/data", name);
    FILE *file = fopen(path, "rb");
    if (!file)
        fail_msg("cannot read %s", path);
    fseek(file, 0, SEEK_END);
    *len = (size_t)ftell(file);
    rewind(file);
    char *text = malloc(*len + 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, *len, file), *len);
    text[*len] = '\0';
    fclose(file);
    return text;
}

#endif
