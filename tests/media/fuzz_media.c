/* Any bytes: sniffing and removal neither crash nor read outside; what is taken is within limits,
 * comes out no larger than promised, and a second removal changes nothing. */
#include "media/strip.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct media_facts facts, again;
    struct buf once, twice;
    buf_init(&once, MEDIA_OUT_MAX(len));
    buf_init(&twice, MEDIA_OUT_MAX(MEDIA_OUT_MAX(len)));
    if (media_sniff(data, len, &facts, NULL) == 0) {
        if ((uint64_t)facts.width * facts.height > MEDIA_PIXELS_MAX || !facts.width ||
            facts.orientation < 1 || facts.orientation > 8)
            abort();
        if (media_strip(facts.type, data, len, &once, NULL, NULL) == 0) {
            if (media_strip(facts.type, once.data, once.len, &twice, &again, NULL))
                abort();
            if (once.len != twice.len || memcmp(once.data, twice.data, once.len) != 0)
                abort();
            if (again.type != facts.type || again.width != facts.width ||
                again.height != facts.height || again.orientation != facts.orientation)
                abort();
        }
    }
    buf_release(&once);
    buf_release(&twice);
    return 0;
}
