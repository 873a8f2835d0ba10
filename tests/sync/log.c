#include "sync/log.h"

#include "base/clock.h"
#include "base/base64.h"
#include "schema/stamps.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const accounts[] = {"anna", "bert"};
static const char *const devices[2][2] = {{"phone", "laptop"}, {"tablet", "desk"}};

static const char *const texts[] = {"\"Brot\"", "\"Milch\"", "\"M\xc3\xbchle \\u0001 \\\"x\\\"\"",
                                    "\"\"", "\"a\""};
static const char *const numbers[] = {"0", "1", "2.5", "-3"};
static const char *const truths[] = {"true", "false"};
static const char *const anything[] = {"1", "\"new\"", "null", "[1,2]", "{\"a\":true}"};
static const char *const moments[] = {"null", "\"2026-03-31T10:00:00.000Z\"",
                                      "\"2026-03-31T11:00:00.000Z\""};
static const char *const sights[] = {"\"space\"", "\"private\""};

static const struct kind {
    const char *name;
    const char *const *values;
    uint32_t count;
} kinds[] = {
    {"description", texts, 5}, {"isCompleted", truths, 2}, {"sortOrder", numbers, 4},
    {"deletedAt", moments, 3}, {"newer", anything, 5},     {"visibility", sights, 2},
};
#define KINDS (sizeof kinds / sizeof kinds[0])

/* What a newer version might have: nobody here knows the table. */
static const char *table_of(uint32_t row)
{
    return row % 5 == 4 ? "gizmos" : "tasks";
}

static uint32_t below(struct log *l, uint32_t n)
{
    l->seed ^= l->seed << 13;
    l->seed ^= l->seed >> 7;
    l->seed ^= l->seed << 17;
    return (uint32_t)((l->seed * UINT64_C(0x2545F4914F6CDD1D) >> 33) % n);
}

void log_init(struct log *l, uint64_t seed)
{
    *l = (struct log){.seed = seed * UINT64_C(0x9e3779b97f4a7c15) | 1};
    buf_init(&l->text, 1 << 16);
}

void log_release(struct log *l)
{
    for (uint32_t i = 0; i < LOG_MADE_MAX; i++)
        free(l->said[i]);
    buf_release(&l->text);
}

static void put_field(struct log *l, const char *name, const char *value, uint32_t time)
{
    char at[CLOCK_TEXT];
    clock_format(clock_at(LOG_NOW - 1000 + time / 2, time % 2), at);
    if (l->text.data[l->text.len - 1] != '{')
        buf_char(&l->text, ',');
    buf_printf(&l->text, "\"%s\":{\"value\":%s,\"at\":\"%s\"}", name, value, at);
}

static void put_some(struct log *l, uint32_t row, uint32_t time)
{
    uint32_t first = below(l, KINDS), count = 1 + below(l, 3);
    for (uint32_t i = 0; i < count; i++) {
        const struct kind *k = &kinds[(first + i) % KINDS];
        if (k->values != sights || strcmp(table_of(row), "tasks") == 0)
            put_field(l, k->name, k->values[below(l, k->count)], time);
    }
}

static void put_row(struct log *l, uint32_t row, uint32_t who, bool is_new)
{
    char author[16], made[64];
    uint32_t time = below(l, 24);
    buf_reset(&l->text);
    buf_printf(&l->text, "{\"table\":\"%s\",\"id\":\"row-%02u\",\"op\":\"%s\",\"spaceId\":\"%s\",",
               table_of(row), row, is_new ? "insert" : "update", LOG_SPACE);
    buf_str(&l->text, "\"fields\":{");
    if (is_new) {
        snprintf(author, sizeof author, "\"%s\"", accounts[who]);
        snprintf(made, sizeof made, "\"2026-03-30T0%u:00:00.000Z\"", below(l, 3));
        put_field(l, "authorId", author, time);
        put_field(l, "createdAt", made, time);
        put_field(l, "visibility", "\"space\"", time);
        put_field(l, "title", texts[below(l, 5)], time);
    } else {
        put_field(l, "title", texts[below(l, 5)], time);
        put_some(l, row, below(l, 24));
    }
    buf_str(&l->text, "}}");
}

static void remember(struct log *l, uint32_t who, uint32_t device)
{
    uint32_t at = below(l, LOG_MADE_MAX);
    free(l->said[at]);
    l->said[at] = strdup(buf_text(&l->text));
    l->who[at] = who;
    l->device[at] = device;
}

void log_next(struct log *l, struct log_op *out)
{
    uint32_t who = below(l, 2), device = below(l, 2), what = below(l, 10);
    uint32_t again = below(l, LOG_MADE_MAX);
    if (what == 0 && l->said[again]) { /* the very same once more */
        who = l->who[again];
        device = l->device[again];
        buf_reset(&l->text);
        buf_str(&l->text, l->said[again]);
    } else if (l->made == 0 || (what < 3 && l->made < LOG_MADE_MAX)) {
        l->author[l->made] = who;
        put_row(l, l->made++, who, true);
    } else { /* an edit, and sometimes a second making */
        uint32_t row = below(l, l->made);
        bool making = what == 3 && l->author[row] == who;
        put_row(l, row, who, making);
    }
    remember(l, who, device);
    *out = (struct log_op){accounts[who], devices[who][device], buf_text(&l->text)};
}

/* ---- what it leaves ---- */

void log_state_add(struct log_state *s, const char *table, const char *id,
                   const struct merge_field *f)
{
    struct buf line;
    char at[CLOCK_TEXT];
    buf_init(&line, 1 << 16);
    clock_format(f->stamp.at, at);
    buf_printf(&line, "%s %s %s=%.*s %s %s %s %s %s\n", table, id, f->name, (int)f->len, f->value,
               at, f->stamp.dev, f->stamp.by, f->stamp.agent ? f->stamp.agent : "-",
               stamp_origin_name(f->stamp.origin));
    if (s->count == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 256;
        s->lines = realloc(s->lines, s->cap * sizeof *s->lines);
    }
    s->lines[s->count++] = buf_detach(&line, NULL);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void log_state_text(struct log_state *s, struct buf *out)
{
    if (s->count)
        qsort(s->lines, s->count, sizeof *s->lines, by_text);
    for (size_t i = 0; i < s->count; i++) {
        buf_str(out, s->lines[i]);
        free(s->lines[i]);
    }
    free(s->lines);
    *s = (struct log_state){0};
}

void log_state_hash(const struct buf *text, const struct raum_env *env, char out[33])
{
    unsigned char hash[16];
    env->hash(env->ctx, hash, sizeof hash, buf_text(text), text->len, NULL);
    hex_put(out, hash, sizeof hash);
}
