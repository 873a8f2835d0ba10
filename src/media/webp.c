/* WebP: a RIFF file of chunks `type length body`, padded to even length. Either one VP8 or VP8L
 * chunk, or VP8X (flags, canvas) followed by ICCP, ALPH, VP8/VP8L, EXIF, XMP in whatever order. */
#include "media/bytes.h"
#include "media/container.h"
#include "media/exif.h"

#define RIFF_LEN 12
#define CHUNK_HEAD 8

enum { FLAG_ANIMATION = 0x02, FLAG_EXIF = 0x08, FLAG_ALPHA = 0x10, FLAG_ICC = 0x20 };

struct chunk {
    const uint8_t *type;
    const uint8_t *body;
    size_t len;
};

/* Where each known chunk is; .type NULL when absent. */
struct webp {
    struct chunk vp8x, icc, alpha, image, exif;
};

static int damaged(struct raum_error *error, const char *what)
{
    return media_damaged(error, "WebP", what);
}

static bool is(const struct chunk *c, const char *type)
{
    return memcmp(c->type, type, 4) == 0;
}

/* Size from the bitstream: 14 bits each. */
static int image_size(const struct chunk *c, uint32_t *width, uint32_t *height,
                      struct raum_error *error)
{
    if (is(c, "VP8 ")) {
        if (c->len < 10 || (c->body[0] & 1) || memcmp(c->body + 3, "\x9D\x01\x2A", 3) != 0)
            return damaged(error, "its frame header is odd");
        *width = le16(c->body + 6) & 0x3FFF;
        *height = le16(c->body + 8) & 0x3FFF;
    } else {
        if (c->len < 5 || c->body[0] != 0x2F)
            return damaged(error, "its frame header is odd");
        uint32_t bits = le32(c->body + 1);
        *width = (bits & 0x3FFF) + 1;
        *height = (bits >> 14 & 0x3FFF) + 1;
    }
    return *width && *height ? 0 : damaged(error, "it says that it is empty");
}

static int place(struct webp *w, const struct chunk *c, struct raum_error *error)
{
    struct chunk *slot = NULL;
    if (is(c, "VP8X"))
        slot = &w->vp8x;
    else if (is(c, "ICCP"))
        slot = &w->icc;
    else if (is(c, "ALPH"))
        slot = &w->alpha;
    else if (is(c, "VP8 ") || is(c, "VP8L"))
        slot = &w->image;
    else if (is(c, "EXIF"))
        slot = &w->exif;
    else if (is(c, "ANIM") || is(c, "ANMF"))
        return err_set(error, RAUM_EUNSUPPORTED_MEDIA, "animated pictures cannot be taken");
    if (slot == &w->exif && w->exif.type)
        return 0; /* the first one counts */
    if (slot && slot->type)
        return damaged(error, "a part of it is there twice");
    if (slot)
        *slot = *c;
    return 0;
}

static int read_chunks(const uint8_t *d, size_t len, struct webp *w, struct raum_error *error)
{
    *w = (struct webp){0};
    size_t end = le32(d + 4);
    if (end > len - 8 || end < 4)
        return damaged(error, "it ends early");
    end += 8; /* what stands behind is not part of the picture */
    for (size_t at = RIFF_LEN; end - at >= CHUNK_HEAD;) {
        struct chunk c = {d + at, d + at + CHUNK_HEAD, le32(d + at + 4)};
        if (c.len > end - at - CHUNK_HEAD)
            return damaged(error, "a part runs past the end");
        int rc = place(w, &c, error);
        if (rc)
            return rc;
        at += CHUNK_HEAD + c.len;
        at += at < end && (c.len & 1);
    }
    if (!w->image.type)
        return damaged(error, "it holds no picture");
    if (w->vp8x.type && (w->vp8x.len != 10 || w->vp8x.body[0] & FLAG_ANIMATION))
        return damaged(error, "its header is odd");
    return 0;
}

int media_webp_facts(const uint8_t *d, size_t len, struct media_facts *facts,
                     struct raum_error *error)
{
    struct webp w;
    *facts = (struct media_facts){.type = MEDIA_WEBP, .orientation = 1};
    int rc = read_chunks(d, len, &w, error);
    if (rc == 0)
        rc = image_size(&w.image, &facts->width, &facts->height, error);
    if (rc)
        return rc;
    if (w.vp8x.type && (le24(w.vp8x.body + 4) + 1 != facts->width ||
                        le24(w.vp8x.body + 7) + 1 != facts->height))
        return damaged(error, "its sizes disagree");
    if (w.vp8x.type && w.exif.type)
        facts->orientation = exif_orientation(w.exif.body, w.exif.len);
    media_turn(facts);
    return 0;
}

static void put_chunk(struct buf *out, const char *type, const void *body, size_t len)
{
    uint8_t size[4];
    put_le32(size, (uint32_t)len);
    buf_add(out, type, 4);
    buf_add(out, size, sizeof size);
    buf_add(out, body, len);
    if (len & 1)
        buf_char(out, 0);
}

static void put_known(struct buf *out, const struct chunk *c)
{
    if (c->type)
        put_chunk(out, (const char *)c->type, c->body, c->len);
}

int media_webp_strip(const uint8_t *d, size_t len, const struct media_facts *facts, struct buf *out,
                     struct raum_error *error)
{
    struct webp w;
    int rc = read_chunks(d, len, &w, error);
    if (rc)
        return rc;
    size_t start = out->len;
    buf_add(out, "RIFF\0\0\0\0WEBP", RIFF_LEN);
    if (w.vp8x.type) {
        uint8_t head[10] = {0};
        head[0] = w.vp8x.body[0] & FLAG_ALPHA;
        head[0] |= w.icc.type ? FLAG_ICC : 0;
        head[0] |= facts->orientation > 1 ? FLAG_EXIF : 0;
        memcpy(head + 4, w.vp8x.body + 4, 6);
        put_chunk(out, "VP8X", head, sizeof head);
        put_known(out, &w.icc);
        put_known(out, &w.alpha);
    }
    put_known(out, &w.image);
    if (facts->orientation > 1) {
        uint8_t exif[EXIF_MINIMAL];
        exif_minimal(facts->orientation, exif);
        put_chunk(out, "EXIF", exif, sizeof exif);
    }
    rc = buf_error(out, error);
    if (rc == 0)
        put_le32((uint8_t *)out->data + start + 4, (uint32_t)(out->len - start - 8));
    return rc;
}
