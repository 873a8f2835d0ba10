/* PNG (W3C, third edition): a signature and chunks `length type body crc`. */
#include "media/bytes.h"
#include "media/container.h"
#include "media/exif.h"

#define SIGNATURE_LEN 8
#define CHUNK_EXTRA 12 /* length, type, crc */

struct chunk {
    const uint8_t *type;
    const uint8_t *body;
    size_t len;
};

static int damaged(struct raum_error *error, const char *what)
{
    return media_damaged(error, "PNG", what);
}

static void crc_table(uint32_t table[256])
{
    for (uint32_t n = 0; n < 256; n++) {
        uint32_t c = n;
        for (int k = 0; k < 8; k++)
            c = c & 1 ? 0xEDB88320u ^ (c >> 1) : c >> 1;
        table[n] = c;
    }
}

static uint32_t crc_of(const uint32_t table[256], const uint8_t *data, size_t len)
{
    uint32_t c = 0xFFFFFFFFu;
    for (size_t i = 0; i < len; i++)
        c = table[(c ^ data[i]) & 0xFF] ^ (c >> 8);
    return ~c;
}

/* The crc covers type and body, which lie together, and stands right behind. */
static bool crc_right(const uint32_t table[256], const struct chunk *c)
{
    return crc_of(table, c->type, c->len + 4) == be32(c->body + c->len);
}

static bool is(const struct chunk *c, const char *type)
{
    return memcmp(c->type, type, 4) == 0;
}

static int next_chunk(const uint8_t *d, size_t len, size_t *at, struct chunk *c,
                      struct raum_error *error)
{
    if (len - *at < CHUNK_EXTRA || be32(d + *at) > len - *at - CHUNK_EXTRA)
        return damaged(error, "it ends early");
    *c = (struct chunk){d + *at + 4, d + *at + 8, be32(d + *at)};
    *at += c->len + CHUNK_EXTRA;
    return 0;
}

static int read_header(const struct chunk *c, struct media_facts *facts, struct raum_error *error)
{
    if (!is(c, "IHDR") || c->len != 13)
        return damaged(error, "its header is missing");
    facts->width = be32(c->body);
    facts->height = be32(c->body + 4);
    if (!facts->width || !facts->height)
        return damaged(error, "it says that it is empty");
    return 0;
}

int media_png_facts(const uint8_t *d, size_t len, struct media_facts *facts,
                    struct raum_error *error)
{
    struct chunk c;
    uint32_t table[256];
    size_t at = SIGNATURE_LEN;
    bool exif = false;
    *facts = (struct media_facts){.type = MEDIA_PNG, .orientation = 1};
    int rc = next_chunk(d, len, &at, &c, error);
    if (rc == 0)
        rc = read_header(&c, facts, error);
    if (rc)
        return rc;
    crc_table(table);
    while (!is(&c, "IEND")) {
        rc = next_chunk(d, len, &at, &c, error);
        if (rc)
            return rc;
        if (is(&c, "acTL"))
            return err_set(error, RAUM_EUNSUPPORTED_MEDIA, "animated pictures cannot be taken");
        /* Some programs write it behind the pixels; it counts all the same. */
        if (is(&c, "eXIf") && !exif && crc_right(table, &c)) {
            exif = true;
            facts->orientation = exif_orientation(c.body, c.len);
        }
    }
    media_turn(facts);
    return 0;
}

static bool kept(const struct chunk *c)
{
    static const char types[][5] = {"IHDR", "PLTE", "IDAT", "IEND", "tRNS", "gAMA", "cHRM", "sRGB",
                                    "iCCP", "sBIT", "cICP", "mDCV", "cLLI", "bKGD", "pHYs"};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (is(c, types[i]))
            return true;
    return false;
}

static void put_exif(struct buf *out, const uint32_t table[256], uint8_t orientation)
{
    uint8_t chunk[CHUNK_EXTRA + EXIF_MINIMAL] = {0, 0, 0, EXIF_MINIMAL, 'e', 'X', 'I', 'f'};
    exif_minimal(orientation, chunk + 8);
    put_be32(chunk + 8 + EXIF_MINIMAL, crc_of(table, chunk + 4, 4 + EXIF_MINIMAL));
    buf_add(out, chunk, sizeof chunk);
}

int media_png_strip(const uint8_t *d, size_t len, const struct media_facts *facts, struct buf *out,
                    struct raum_error *error)
{
    uint32_t table[256];
    struct chunk c = {.type = d};
    bool first = true, pixels = false;
    crc_table(table);
    buf_add(out, d, SIGNATURE_LEN);
    for (size_t at = SIGNATURE_LEN; first || !is(&c, "IEND"); first = false) {
        int rc = next_chunk(d, len, &at, &c, error);
        if (rc)
            return rc;
        if (!kept(&c)) {
            /* A capital first letter: a reader that does not know the chunk must not go on. */
            if (!(c.type[0] & 0x20))
                return damaged(error, "it needs a reader of another kind");
            continue;
        }
        if (!first && is(&c, "IHDR"))
            return damaged(error, "it has two headers");
        if (!crc_right(table, &c))
            return damaged(error, "a checksum is wrong");
        pixels |= is(&c, "IDAT");
        buf_add(out, c.type - 4, c.len + CHUNK_EXTRA);
        if (first && facts->orientation > 1)
            put_exif(out, table, facts->orientation);
    }
    return pixels ? buf_error(out, error) : damaged(error, "it holds no picture");
}
