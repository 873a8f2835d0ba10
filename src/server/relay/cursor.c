/* Where a reader stands: opaque to it, so that nobody builds one from a clock (G-S2). */
#include "base/plant.h"
#include "server/relay/inside.h"

#include "base/base64.h"
#include <string.h>

#define CURSOR_VERSION 1
#define CURSOR_PARTS_MAX 10000

int relay_epoch(struct sql *c, const struct raum_env *env, char out[17], struct raum_error *error)
{
    struct sql_rows *rows;
    unsigned char random[8];
    int result = sql_one(c, &rows, error, "SELECT value FROM relay_state WHERE key = 'epoch'", "");
    if (result == 0)
        memcpy(out, sql_text(rows, "value"), 17);
    sql_rows_free(rows);
    if (result != RAUM_END)
        return result;
    env->random(env->ctx, random, sizeof random);
    hex_put(out, random, sizeof random);
    result = sql_run(c, error,
                     "INSERT INTO relay_state (key, value) VALUES ('epoch', ?1) "
                     "ON CONFLICT (key) DO NOTHING",
                     "s", out);
    /* Another node may have been quicker. */
    return result ? result : relay_epoch(c, env, out, error);
}

int relay_was_restored(struct relay *r, bool *out, struct raum_error *error)
{
    struct sql_rows *rows;
    int result = 0;
    if (r->restored == 0) { /* it may have been, since */
        result = sql_one(r->sql, &rows, error,
                         "SELECT value FROM relay_state WHERE key = 'restored'", "");
        r->restored = result == 0;
        sql_rows_free(rows);
    }
    *out = r->restored;
    return result < 0 ? result : 0;
}

int relay_new_epoch(struct sql *c, const struct raum_env *env, struct raum_error *error)
{
    char epoch[17];
    if (PLANT(RELAY_EPOCH))
        return 0;
    int result = sql_begin(c, error);
    if (result < 0)
        return result;
    result = sql_run(c, error, "DELETE FROM relay_state WHERE key = 'epoch'", "");
    if (result == 0)
        result = sql_run(c, error,
                         "INSERT INTO relay_state (key, value) VALUES ('restored', '1') "
                         "ON CONFLICT (key) DO NOTHING",
                         "");
    if (result == 0)
        result = relay_epoch(c, env, epoch, error);
    return sql_end(c, result, error);
}

void relay_cursor_read(const char *text, const char *epoch, struct arena *a,
                       struct relay_cursor *out)
{
    struct buf bytes;
    *out = (struct relay_cursor){0};
    if (!text || !*text)
        return;
    buf_init(&bytes, 128u << 10);
    if (!base64_get(&bytes, text, strlen(text)) || bytes.len < 17 ||
        bytes.data[0] != CURSOR_VERSION || memcmp(bytes.data + 1, epoch, 16) != 0) {
        buf_release(&bytes);
        return;
    }
    struct relay_bytes in = {(unsigned char *)bytes.data + 17,
                             (unsigned char *)bytes.data + bytes.len, false};
    struct relay_part *parts = arena_zero(a, (bytes.len / 2 + 1) * sizeof *parts);
    uint32_t count = 0;
    while (parts && in.at < in.end && !in.bad && count < CURSOR_PARTS_MAX) {
        parts[count].ref = (int64_t)relay_take_number(&in);
        parts[count].seq = (int64_t)relay_take_number(&in);
        count += !in.bad;
    }
    buf_release(&bytes);
    if (!in.bad && parts)
        *out = (struct relay_cursor){parts, count};
}

int relay_cursor_write(const struct relay_cursor *cursor, const char *epoch, struct arena *a,
                       const char **out)
{
    struct buf bytes, text;
    buf_init(&bytes, 128u << 10);
    buf_init(&text, 256u << 10);
    buf_char(&bytes, CURSOR_VERSION);
    buf_add(&bytes, epoch, 16);
    for (uint32_t i = 0; i < cursor->count; i++) {
        relay_put_number(&bytes, (uint64_t)cursor->parts[i].ref);
        relay_put_number(&bytes, (uint64_t)cursor->parts[i].seq);
    }
    base64_put(&text, bytes.data, bytes.len);
    int result = buf_error(&bytes, NULL);
    if (result == 0)
        result = buf_error(&text, NULL);
    *out = result == 0 ? arena_copy(a, buf_text(&text), text.len) : NULL;
    buf_release(&bytes);
    buf_release(&text);
    return result ? result : *out ? 0 : RAUM_ENOMEM;
}
