/* Headers of uploads and ranges: any text is read within its bounds, what is taken is within its
 * limits, and what a range says lies within the body (G-O3). The first byte chooses the header. */
#include "net/head.h"
#include "server/media/tus.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);

static void metadata(const char *text)
{
    struct tus_metadata m;
    const char *const values[] = {m.space, m.media, m.purpose, m.hash};
    if (!tus_metadata(text, &m))
        return;
    for (int i = 0; i < 4; i++) {
        assert(memchr(values[i], '\0', TUS_TEXT_MAX));
        for (const char *at = values[i]; *at; at++)
            assert((unsigned char)*at >= ' ' && *at != 0x7f);
    }
}

static void range(const char *text, int64_t size)
{
    int64_t first, count;
    int result = head_range(text, size, &first, &count);
    if (result == 0)
        assert(first >= 0 && count > 0 && first + count <= size);
    if (result == 1)
        assert(first == 0 && count == size);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
    struct tus_checksum sum;
    int64_t number;
    if (len == 0)
        return 0;
    char *text = malloc(len); /* exactly: a byte beyond is noticed */
    memcpy(text, data + 1, len - 1);
    text[len - 1] = '\0';
    switch (data[0] % 5) {
    case 0:
        metadata(text);
        break;
    case 1:
        if (tus_checksum(text, &sum))
            assert(sum.len == 0 || sum.len == 20 || sum.len == 32);
        break;
    case 2:
        if (tus_number(text, &number))
            assert(number >= 0 && number <= INT64_C(1) << 53);
        break;
    case 3:
        for (int64_t size = 0; size < 3; size++)
            range(text, size * 499 + size);
        break;
    default:
        (void)head_has_tag(text, "\"abc-1\"");
    }
    free(text);
    return 0;
}
