/* Builds HEIC files as telephones write them, which no library here does: a grid of hidden tiles,
 * a preview, a gain map, Exif, a film behind the end. Out of the coded picture of a plain HEIC. */
#ifndef TESTS_MEDIA_HEIF_BUILD_H
#define TESTS_MEDIA_HEIF_BUILD_H

#include "base/buf.h"
#include "media/bytes.h"
#include "media/heif.h"

struct heif_plan {
    const uint8_t *coded; /* of one tile */
    size_t coded_len;
    const struct heif_box *hvcc;
    uint32_t width, height; /* of one tile */
    uint32_t grid_width, grid_height;
    bool turned;     /* with an irot */
    bool cropped;    /* with a clap, of 20 × 10 pixels less */
    bool aliased;    /* the tiles share their bytes */
    bool outside;    /* the last tile's bytes lie behind the end */
    bool lying_grid; /* the grid says another size than its ispe */
};

static inline void hb_put(struct buf *b, unsigned bytes, uint64_t value)
{
    for (unsigned i = 0; i < bytes; i++)
        buf_char(b, (char)(value >> (8 * (bytes - 1 - i))));
}

static inline size_t hb_begin(struct buf *b, const char *type)
{
    size_t at = b->len;
    hb_put(b, 4, 0);
    buf_add(b, type, 4);
    return at;
}

static inline void hb_end(struct buf *b, size_t at)
{
    put_be32((uint8_t *)b->data + at, (uint32_t)(b->len - at));
}

static inline void hb_box(struct buf *b, const char *type, const void *body, size_t len)
{
    size_t at = hb_begin(b, type);
    buf_add(b, body, len);
    hb_end(b, at);
}

static inline void hb_infe(struct buf *b, unsigned id, const char *type, const char *name,
                           unsigned hidden)
{
    size_t at = hb_begin(b, "infe");
    hb_put(b, 4, 2u << 24 | hidden);
    hb_put(b, 2, id);
    hb_put(b, 2, 0);
    buf_add(b, type, 4);
    buf_add(b, name, strlen(name) + 1);
    hb_end(b, at);
}

static inline void hb_ref(struct buf *b, const char *type, unsigned from, unsigned to, unsigned n)
{
    size_t at = hb_begin(b, type);
    hb_put(b, 2, from);
    hb_put(b, 2, n);
    for (unsigned i = 0; i < n; i++)
        hb_put(b, 2, to + i);
    hb_end(b, at);
}

static inline void hb_ispe(struct buf *b, uint32_t width, uint32_t height)
{
    size_t at = hb_begin(b, "ispe");
    hb_put(b, 4, 0);
    hb_put(b, 4, width);
    hb_put(b, 4, height);
    hb_end(b, at);
}

static inline void hb_clap(struct buf *b, uint32_t width, uint32_t height)
{
    size_t at = hb_begin(b, "clap");
    hb_put(b, 4, width), hb_put(b, 4, 1);
    hb_put(b, 4, height), hb_put(b, 4, 1);
    hb_put(b, 4, 0), hb_put(b, 4, 1);
    hb_put(b, 4, 0), hb_put(b, 4, 1);
    hb_end(b, at);
}

/* Items: 1..4 tiles, 5 grid, 6 preview, 7 gain map, 8 Exif. Properties: 1 hvcC, 2 tile's size,
 * 3 grid's size, 4 irot, 5 auxC of the gain map, 6 an unknown one, 7 clap. */
static inline void hb_iprp(struct buf *b, const struct heif_plan *p)
{
    static const char gain[] = "\0\0\0\0urn:com:apple:photo:2020:aux:hdrgainmap";
    size_t iprp = hb_begin(b, "iprp"), ipco = hb_begin(b, "ipco");
    hb_box(b, "hvcC", p->hvcc->body, p->hvcc->len);
    hb_ispe(b, p->width, p->height);
    hb_ispe(b, p->grid_width, p->grid_height);
    hb_box(b, "irot", "\1", 1);
    hb_box(b, "auxC", gain, sizeof gain);
    hb_box(b, "uuid", "LEAKproperty....", 16);
    hb_clap(b, p->grid_width - 20, p->grid_height - 10);
    hb_end(b, ipco);
    size_t ipma = hb_begin(b, "ipma");
    hb_put(b, 4, 0);
    hb_put(b, 4, 7);
    for (unsigned id = 1; id <= 4; id++)
        hb_put(b, 2, id), hb_put(b, 3, 0x028102);
    hb_put(b, 2, 5);
    hb_put(b, 1, 2u + p->cropped + p->turned);
    hb_put(b, 2, 0x0306);
    if (p->cropped)
        hb_put(b, 1, 0x87); /* essential, as the turn */
    if (p->turned)
        hb_put(b, 1, 0x84);
    hb_put(b, 2, 6), hb_put(b, 3, 0x028102);
    hb_put(b, 2, 7), hb_put(b, 4, 0x03810205);
    hb_end(b, ipma);
    hb_end(b, iprp);
}

static inline void hb_iloc(struct buf *b, const struct heif_plan *p, size_t data_at)
{
    size_t iloc = hb_begin(b, "iloc");
    hb_put(b, 4, 1u << 24);
    hb_put(b, 2, 0x4400);
    hb_put(b, 2, 8);
    for (unsigned id = 1; id <= 8; id++) {
        bool idat = id == 5;
        size_t at = data_at + (id <= 4 && p->aliased ? 0 : (id - 1) * p->coded_len);
        at += id == 4 && p->outside ? (size_t)1 << 20 : 0;
        hb_put(b, 2, id);
        hb_put(b, 2, idat);
        hb_put(b, 2, 0);
        hb_put(b, 2, id == 2 ? 2 : 1); /* one of them in two pieces */
        if (id == 2) {
            hb_put(b, 4, at), hb_put(b, 4, 10);
            hb_put(b, 4, at + 10), hb_put(b, 4, p->coded_len - 10);
        } else {
            hb_put(b, 4, idat ? 0 : at), hb_put(b, 4, idat ? 8 : p->coded_len);
        }
    }
    hb_end(b, iloc);
}

static inline void hb_meta(struct buf *b, const struct heif_plan *p, size_t data_at)
{
    size_t meta = hb_begin(b, "meta");
    hb_put(b, 4, 0);
    hb_box(b, "hdlr", "\0\0\0\0\0\0\0\0pict\0\0\0\0\0\0\0\0\0\0\0\0LEAKhandler", 36);
    hb_box(b, "pitm", "\0\0\0\0\0\5", 6);
    size_t iinf = hb_begin(b, "iinf");
    hb_put(b, 4, 0);
    hb_put(b, 2, 8);
    for (unsigned id = 1; id <= 4; id++)
        hb_infe(b, id, "hvc1", "LEAKtile", 1);
    hb_infe(b, 5, "grid", "LEAKname", 0);
    hb_infe(b, 6, "hvc1", "", 0);
    hb_infe(b, 7, "hvc1", "", 1);
    hb_infe(b, 8, "Exif", "", 1);
    hb_end(b, iinf);
    size_t iref = hb_begin(b, "iref");
    hb_put(b, 4, 0);
    hb_ref(b, "dimg", 5, 1, 4);
    hb_ref(b, "thmb", 6, 5, 1);
    hb_ref(b, "auxl", 7, 5, 1);
    hb_ref(b, "cdsc", 8, 5, 1);
    hb_end(b, iref);
    hb_iprp(b, p);
    size_t idat = hb_begin(b, "idat");
    hb_put(b, 4, 0x00000101); /* 2 × 2 */
    hb_put(b, 2, p->grid_width - p->lying_grid);
    hb_put(b, 2, p->grid_height);
    hb_end(b, idat);
    hb_iloc(b, p, data_at);
    hb_end(b, meta);
}

/* Appends the file to b, which is empty. */
static inline void heif_build(struct buf *b, const struct heif_plan *p)
{
    hb_box(b, "ftyp", "heic\0\0\0\0mif1heicMiHElive", 24);
    size_t start = b->len;
    hb_meta(b, p, 0);
    size_t data_at = b->len + 8;
    b->len = start;
    hb_meta(b, p, data_at);
    size_t mdat = hb_begin(b, "mdat");
    for (int i = 0; i < 7; i++)
        buf_add(b, p->coded, p->coded_len);
    size_t exif = b->len;
    buf_add(b, "\0\0\0\6Exif\0\0LEAKexif", 18);
    while (b->len < exif + p->coded_len)
        buf_str(b, "LEAK");
    hb_end(b, mdat);
    hb_box(b, "uuid", "LEAKuuid........LEAKuser", 24);
    hb_box(b, "mpvd", "LEAKfilm", 8);
}

#endif
