/* Any bytes as a request: the pure checks of net/head.h, with what must hold whatever they are. */
#include "net/head.h"

#include "base/utf8.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define CHECK(x)                                                                                   \
    do {                                                                                           \
        if (!(x))                                                                                  \
            abort();                                                                               \
    } while (0)

static bool inside(struct head_slice s, const char *data, size_t len)
{
    return s.at >= data && s.at + s.len <= data + len;
}

static void check_path(struct head_slice target)
{
    char *out = malloc(target.len + 1);
    CHECK(out);
    if (head_path(target.at, target.len, out)) {
        CHECK(out[0] == '/' && strlen(out) <= target.len);
        CHECK(!strstr(out, "//") && !strstr(out, "/../") && !strstr(out, "/./"));
        CHECK(!strchr(out, '\\') && utf8_valid(out, strlen(out)));
        const char *last = strrchr(out, '/');
        CHECK(strcmp(last, "/..") != 0 && strcmp(last, "/.") != 0);
    }
    struct head_slice query = head_query(target.at, target.len);
    CHECK(inside(query, target.at, target.len));
    long n = head_param(query.at, query.len, "a", out);
    CHECK(n < 0 || ((size_t)n <= query.len && strlen(out) == (size_t)n));
    free(out);
}

static void check_chunks(const char *data, size_t len)
{
    struct head_chunks c = {0};
    size_t at = 0, used, step = 1;
    enum head_scan_result r = HEAD_MORE;
    while (at < len && r == HEAD_MORE) {
        size_t n = step < len - at ? step : len - at;
        r = head_chunks(&c, data + at, n, 4096, &used);
        CHECK(used <= n && (used == n || r != HEAD_MORE));
        at += used;
        step = step * 3 % 97 + 1;
    }
    CHECK(c.body <= 4096 && c.raw == at);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const char *data = (const char *)bytes, *why = NULL;
    struct head_scan scan = {0}, halves = {0};
    struct head h;
    enum head_scan_result r = head_scan(&scan, data, len);
    CHECK(scan.at <= len);
    enum head_scan_result again = head_scan(&halves, data, len / 2);
    if (again == HEAD_MORE)
        again = head_scan(&halves, data, len);
    CHECK(again == r && halves.at == scan.at);
    if (r == HEAD_DONE) {
        int status = head_parse(&h, data, scan.at, &why);
        CHECK(status == 0 || (status >= 400 && status < 600 && why));
        if (status == 0) {
            CHECK(inside(h.target, data, scan.at) && inside(h.host, data, scan.at));
            CHECK(!(h.chunked && h.length >= 0) && h.count <= HEAD_FIELDS_MAX);
            for (int i = 0; i < h.count; i++)
                CHECK(inside(h.fields[i].name, data, scan.at) && h.fields[i].name.len > 0 &&
                      inside(h.fields[i].value, data, scan.at) &&
                      !memchr(h.fields[i].value.at, '\r', h.fields[i].value.len));
            check_path(h.target);
        }
        check_chunks(data + scan.at, len - scan.at);
    }
    check_path((struct head_slice){data, len});
    check_chunks(data, len);
    char *text = malloc(len + 1);
    CHECK(text);
    memcpy(text, data, len);
    text[len] = '\0';
    (void)head_lists(text, "br");
    free(text);
    return 0;
}
