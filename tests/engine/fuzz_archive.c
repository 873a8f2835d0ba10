/* Any bytes as a file of rows, of pictures, as the manifest of an archive, or as the head of a
 * backup. Whatever is taken in must come out again, be taken in a second time, and change nothing
 * then.
 *
 *     first byte   r: rows of the table named behind it up to the line's end | p: pictures
 *                  m: the manifest | b: a backup */
#include "engine/archive.h"
#include "engine/backup_head.h"

#include "base/base64.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define CHECK(what)                                                                                \
    do {                                                                                           \
        if (!(what))                                                                               \
            abort();                                                                               \
    } while (0)
#define ENTRIES 64

struct shelf {
    struct {
        char name[200];
        char *data;
        size_t len;
    } entries[ENTRIES];
    int count, at;
};

static struct raum *raum;
static char folder[128];

static int put(void *ctx, const char *name, const void *data, size_t len, struct raum_error *error)
{
    struct shelf *s = ctx;
    (void)error;
    CHECK(s->count < ENTRIES && strlen(name) < 200);
    snprintf(s->entries[s->count].name, 200, "%s", name);
    s->entries[s->count].data = malloc(len ? len : 1);
    memcpy(s->entries[s->count].data, data, len);
    s->entries[s->count++].len = len;
    return 0;
}

static int next(void *ctx, const char **name, const void **data, size_t *len,
                struct raum_error *error)
{
    struct shelf *s = ctx;
    (void)error;
    if (s->at == s->count)
        return RAUM_END;
    *name = s->entries[s->at].name;
    *data = s->entries[s->at].data;
    *len = s->entries[s->at++].len;
    return 0;
}

static int again(void *ctx, struct raum_error *error)
{
    (void)error;
    ((struct shelf *)ctx)->at = 0;
    return 0;
}

static void empty(struct shelf *s)
{
    for (int i = 0; i < s->count; i++)
        free(s->entries[i].data);
    s->count = s->at = 0;
}

static void close_up(struct shelf *s)
{
    unsigned char digest[RAUM_HASH_BYTES] = {0};
    char hex[2 * RAUM_HASH_BYTES + 1], text[200];
    for (int i = 0; i < s->count; i++)
        archive_digest(raum->env, digest, s->entries[i].name, s->entries[i].data,
                       s->entries[i].len);
    hex_put(hex, digest, sizeof digest);
    snprintf(text, sizeof text, "{\"digest\":\"%s\",\"entries\":%d}", hex, s->count);
    put(s, "end.json", text, strlen(text), NULL);
}

static int import(struct shelf *s, struct archive_report *report)
{
    const struct archive_source source = {s, next, again};
    struct raum_error error;
    s->at = 0;
    err_clear(&error);
    int result = archive_import(raum, &source, NULL, false, report, &error);
    CHECK(result <= 0 && (result == 0 || error.code == result));
    CHECK(result != RAUM_EINTERNAL);
    return result;
}

static void go_round(struct shelf *s)
{
    static struct shelf out;
    struct archive_report report;
    const struct archive_sink sink = {&out, put};
    CHECK(raum_begin(raum, NULL) == 0);
    if (import(s, &report) == 0) {
        CHECK(report.added + report.changed + report.same + report.left == report.rows);
        CHECK(archive_export(raum, 0, &sink, NULL, &report, NULL) == 0);
        CHECK(import(&out, &report) == 0);
        CHECK(report.added == 0 && report.changed == 0 && report.made == 0);
    }
    raum_rollback(raum);
    empty(&out);
    empty(s);
}

static const char manifest[] =
    "{\"account\":\"guest\",\"format\":\"raum-archive\",\"schema\":43,\"spaces\":["
    "{\"id\":\"user:guest\",\"name\":\"\",\"offline\":true,\"role\":\"owner\",\"slug\":\"\","
    "\"type\":\"user\"},"
    "{\"id\":\"_personal:guest\",\"name\":\"P\",\"offline\":true,\"role\":\"owner\",\"slug\":\"p\","
    "\"type\":\"personal\"},"
    "{\"id\":\"_space:1\",\"name\":\"B\",\"offline\":true,\"role\":\"owner\",\"slug\":\"b\","
    "\"type\":\"brand\"}"
    "],\"version\":1}";

static void rows(const uint8_t *data, size_t len)
{
    struct shelf s = {0};
    char name[100];
    const uint8_t *end = len ? memchr(data, '\n', len) : NULL;
    if (!end || end - data > 60)
        return;
    int place = end > data && data[0] == 'u' ? 0 : end > data && data[0] == 'p' ? 1 : 2;
    snprintf(name, sizeof name, "spaces/%d/%.*s.jsonl", place, (int)(end - data) - 1, data + 1);
    put(&s, "manifest.json", manifest, sizeof manifest - 1, NULL);
    put(&s, name, end + 1, len - (size_t)(end + 1 - data), NULL);
    close_up(&s);
    go_round(&s);
}

struct bytes {
    const uint8_t *data;
    size_t len, at;
};

static int64_t read_bytes(void *ctx, void *out, size_t n)
{
    struct bytes *b = ctx;
    size_t take = b->len - b->at < n ? b->len - b->at : n;
    if (take)
        memcpy(out, b->data + b->at, take);
    b->at += take;
    return (int64_t)take;
}

static int rewind_bytes(void *ctx, struct raum_error *error)
{
    (void)error;
    ((struct bytes *)ctx)->at = 0;
    return 0;
}

static void backup(const uint8_t *data, size_t len)
{
    struct bytes bytes = {data, len, 0};
    const struct chunks_source source = {&bytes, read_bytes, rewind_bytes};
    const struct backup_target target = {.env = raum->env, .root = folder, .ring = raum->ring};
    struct backup_report report;
    struct raum_error error;
    int result = backup_restore(&target, &source, &report, &error);
    CHECK(result == RAUM_ECORRUPT || result == RAUM_ELOCKED || result == RAUM_ENEWER_DATABASE);
}

static void tidy(void)
{
    char command[200];
    raum_close(raum);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (system(command) != 0)
        abort();
}

static void set_up(void)
{
    snprintf(folder, sizeof folder, "%s/fuzz-archive-XXXXXX", P_tmpdir);
    struct raum_options options = {.folder = mkdtemp(folder)};
    CHECK(options.folder && raum_open(&raum, &options, NULL) == 0);
    atexit(tidy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct shelf s = {0};
    if (!raum)
        set_up();
    if (len == 0)
        return 0;
    switch (data[0]) {
    case 'r':
        rows(data + 1, len - 1);
        break;
    case 'p':
        put(&s, "manifest.json", manifest, sizeof manifest - 1, NULL);
        put(&s, "spaces/2/media.jsonl", data + 1, len - 1, NULL);
        close_up(&s);
        go_round(&s);
        break;
    case 'm':
        put(&s, "manifest.json", data + 1, len - 1, NULL);
        close_up(&s);
        go_round(&s);
        break;
    case 'b':
        backup(data + 1, len - 1);
        break;
    default:
        break;
    }
    return 0;
}
