/* HEIC and AVIF are written anew: `ftyp meta mdat` with nothing in them but what heif.c marked as
 * kept. Items keep their ids and their compressed bytes, properties their bytes; offsets, indices
 * and names are ours. So nothing needs to be found and overwritten: previews, depth and gain maps,
 * Exif, XMP, films, item names, unknown boxes and unreferenced bytes are simply not copied.
 * Messages within the codecs' own streams (HEVC's SEI, AV1's metadata other than light levels) are
 * left out as well: encoders sign their work there. */
#include "media/bytes.h"
#include "media/container.h"
#include "media/heif.h"
#include <stdlib.h>

struct writer {
    const struct heif *h;
    struct buf *out;
    struct raum_error *error;
    size_t start;       /* of the file in out */
    size_t places;      /* of the first entry of iloc in out */
    size_t budget;      /* item bytes that may still be read: the file holds no more */
    uint16_t *new_prop; /* new index of an old property, 0: not kept */
    bool wide;          /* ids need 32 bits */
};

static void put(struct buf *out, unsigned bytes, uint64_t value)
{
    uint8_t raw[8];
    for (unsigned i = 0; i < bytes; i++)
        raw[i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
    buf_add(out, raw, bytes);
}

static void patch32(struct buf *out, size_t at, size_t value)
{
    if (!out->error)
        put_be32((uint8_t *)out->data + at, (uint32_t)value);
}

static size_t box_begin(struct buf *out, uint32_t type)
{
    size_t at = out->len;
    put(out, 4, 0);
    put(out, 4, type);
    return at;
}

static size_t full_begin(struct buf *out, uint32_t type, unsigned version, unsigned flags)
{
    size_t at = box_begin(out, type);
    put(out, 4, version << 24 | flags);
    return at;
}

static void box_end(struct buf *out, size_t at)
{
    patch32(out, at, out->len - at);
}

static uint32_t codec_of(const struct heif *h)
{
    for (size_t i = 0; i < h->item_count; i++)
        if (h->items[i].keep && (h->items[i].type == HEIF_AV01 || h->items[i].type == HEIF_HVC1))
            return h->items[i].type;
    return 0;
}

/* Only what a picture needs, of one codec, with its configuration and its bytes. */
static int check_items(const struct heif *h, struct raum_error *error)
{
    uint32_t codec = codec_of(h);
    for (size_t i = 0; i < h->item_count; i++) {
        const struct heif_item *item = &h->items[i];
        bool coded = item->type == codec;
        if (!item->keep)
            continue;
        if (!codec || (!coded && item->type != HEIF_GRID && item->type != HEIF_IDEN))
            return heif_damaged(error, "it is compressed in a way that cannot be taken");
        if (item->type != HEIF_IDEN && (!item->located || !item->extent_count))
            return heif_damaged(error, "a part of the picture is missing");
        if (coded && !heif_prop(h, item, codec == HEIF_AV01 ? HEIF_AV1C : HEIF_HVCC))
            return heif_damaged(error, "its codec is not set up");
    }
    return 0;
}

int media_isobmff_facts(const uint8_t *d, size_t len, struct media_facts *facts,
                        struct raum_error *error)
{
    struct heif h;
    *facts = (struct media_facts){.orientation = 1};
    int rc = heif_open(&h, d, len, error);
    if (rc == 0)
        rc = check_items(&h, error);
    if (rc == 0)
        rc = heif_size(&h, &facts->width, &facts->height, error);
    if (rc == 0)
        facts->type = codec_of(&h) == HEIF_AV01 ? MEDIA_AVIF : MEDIA_HEIC;
    heif_close(&h);
    return rc;
}

/* The brands of still pictures; a sequence's are gone with its tracks. */
static bool brand_kept(uint32_t brand)
{
    static const uint32_t brands[] = {
        BOX('a', 'v', 'i', 'f'), BOX('h', 'e', 'i', 'c'), BOX('h', 'e', 'i', 'x'),
        BOX('m', 'i', 'f', '1'), BOX('m', 'i', 'a', 'f'), BOX('M', 'A', '1', 'A'),
        BOX('M', 'A', '1', 'B'), BOX('M', 'i', 'H', 'B'), BOX('M', 'i', 'H', 'E'),
        BOX('M', 'i', 'H', 'A'), BOX('M', 'i', 'P', 'r'),
    };
    for (size_t i = 0; i < sizeof brands / sizeof brands[0]; i++)
        if (brand == brands[i])
            return true;
    return false;
}

static void put_ftyp(struct writer *w, enum media_type type)
{
    uint32_t own = type == MEDIA_AVIF ? BOX('a', 'v', 'i', 'f') : BOX('h', 'e', 'i', 'c');
    uint32_t seen[16] = {0}, count = 0;
    const struct heif_box *old = &w->h->ftyp;
    uint32_t major = old->len >= 8 && brand_kept(be32(old->body)) ? be32(old->body) : own;
    size_t box = box_begin(w->out, BOX('f', 't', 'y', 'p'));
    put(w->out, 4, major);
    put(w->out, 4, 0);
    for (size_t at = 8; old->len >= 4 && at <= old->len - 4 && count < 16; at += 4) {
        uint32_t brand = be32(old->body + at);
        bool again = false;
        for (uint32_t i = 0; i < count; i++)
            again |= seen[i] == brand;
        if (again || !brand_kept(brand))
            continue;
        seen[count++] = brand;
        put(w->out, 4, brand);
    }
    box_end(w->out, box);
}

static bool prop_kept(uint32_t type)
{
    static const uint32_t types[] = {
        HEIF_AUXC,
        HEIF_AV1C,
        HEIF_CLAP,
        HEIF_HVCC,
        HEIF_IROT,
        HEIF_ISPE,
        BOX('i', 'm', 'i', 'r'),
        BOX('p', 'i', 'x', 'i'),
        BOX('c', 'o', 'l', 'r'),
        BOX('p', 'a', 's', 'p'),
        BOX('c', 'l', 'l', 'i'),
        BOX('m', 'd', 'c', 'v'),
        BOX('c', 'c', 'l', 'v'),
        BOX('a', 'm', 'v', 'e'),
        BOX('a', '1', 'o', 'p'),
        BOX('l', 's', 'e', 'l'),
    };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (type == types[i])
            return true;
    return false;
}

/* Numbers the properties that kept items use, in the old order. */
static int number_props(struct writer *w)
{
    const struct heif *h = w->h;
    bool essential;
    w->new_prop = calloc(h->prop_count + 1, sizeof *w->new_prop);
    if (!w->new_prop)
        return err_set(w->error, RAUM_ENOMEM, NULL);
    for (size_t i = 0; i < h->item_count; i++) {
        const struct heif_item *item = &h->items[i];
        struct heif_cursor props = item->props;
        for (uint32_t index; item->keep && heif_next_prop(item, &props, &essential, &index);) {
            bool kept = index >= 1 && index <= h->prop_count && prop_kept(h->props[index - 1].type);
            if (!kept && essential && index)
                return heif_damaged(w->error, "it needs a reader of another kind");
            if (kept)
                w->new_prop[index] = 1;
        }
    }
    uint16_t next = 0;
    for (size_t index = 1; index <= h->prop_count; index++)
        if (w->new_prop[index])
            w->new_prop[index] = ++next;
    return 0;
}

/* OBUs: header, perhaps an extension byte, perhaps a size in LEB128. False when broken. */
static bool put_obus(struct buf *out, const uint8_t *d, size_t len)
{
    enum { OBU_METADATA = 5, OBU_PADDING = 15, LIGHT_MAX = 2 };
    for (size_t at = 0; at < len;) {
        size_t start = at;
        unsigned type = d[at] >> 3 & 15, sized = d[at] & 2;
        uint64_t size = 0;
        at += d[at] & 4 ? 2 : 1;
        for (unsigned i = 0; sized && i < 8; i++) {
            if (at >= len)
                return false;
            size |= (uint64_t)(d[at] & 127) << (7 * i);
            if (!(d[at++] & 128))
                break;
        }
        if (at > len || size > len - at)
            return false;
        size = sized ? size : len - at;
        bool light = type == OBU_METADATA && size && d[at] >= 1 && d[at] <= LIGHT_MAX;
        at += (size_t)size;
        if (light || (type != OBU_METADATA && type != OBU_PADDING))
            buf_add(out, d + start, at - start);
    }
    return true;
}

/* NAL units behind their length; 39 and 40 are SEI, 38 is filler. */
static bool put_nals(struct buf *out, const uint8_t *d, size_t len, unsigned length_size)
{
    struct heif_cursor c = {.at = d, .left = len};
    while (c.left) {
        const uint8_t *start = c.at;
        uint64_t size = heif_get(&c, length_size);
        if (c.bad || size < 2 || size > c.left)
            return false;
        unsigned type = c.at[0] >> 1 & 63;
        if (type < 38 || type > 40)
            buf_add(out, start, length_size + (size_t)size);
        c.at += size;
        c.left -= (size_t)size;
    }
    return true;
}

/* Configuration record: 22 bytes, then arrays of parameter sets; only VPS, SPS and PPS are kept. */
static bool put_hvcc(struct buf *out, const struct heif_box *box)
{
    enum { FIXED = 22, VPS = 32, PPS = 34 };
    struct heif_cursor c = {.at = box->body, .left = box->len};
    if (box->len <= FIXED)
        return false;
    buf_add(out, c.at, FIXED);
    c.at += FIXED;
    c.left -= FIXED;
    unsigned arrays = (unsigned)heif_get(&c, 1), kept = 0;
    size_t count_at = out->len;
    put(out, 1, 0);
    for (; arrays > 0 && !c.bad; arrays--) {
        const uint8_t *start = c.at;
        unsigned type = heif_get(&c, 1) & 63;
        for (uint64_t n = heif_get(&c, 2); n > 0 && !c.bad; n--) {
            uint64_t size = heif_get(&c, 2);
            c.bad |= size > c.left;
            size = c.bad ? 0 : size;
            c.at += size;
            c.left -= (size_t)size;
        }
        if (c.bad || type < VPS || type > PPS)
            continue;
        buf_add(out, start, (size_t)(c.at - start));
        kept++;
    }
    if (!out->error)
        out->data[count_at] = (char)kept;
    return !c.bad;
}

static int put_props(struct writer *w)
{
    const struct heif *h = w->h;
    size_t ipco = box_begin(w->out, BOX('i', 'p', 'c', 'o'));
    for (size_t i = 0; i < h->prop_count; i++) {
        const struct heif_box *p = &h->props[i];
        bool fine = true;
        if (!w->new_prop[i + 1])
            continue;
        size_t box = box_begin(w->out, p->type);
        if (p->type == HEIF_HVCC) {
            fine = put_hvcc(w->out, p);
        } else if (p->type == HEIF_AV1C) {
            fine = p->len >= 4;
            buf_add(w->out, p->body, fine ? 4 : 0);
            fine = fine && put_obus(w->out, p->body + 4, p->len - 4);
        } else {
            buf_add(w->out, p->body, p->len);
        }
        box_end(w->out, box);
        if (!fine)
            return heif_damaged(w->error, "its codec is set up oddly");
    }
    box_end(w->out, ipco);
    return 0;
}

static size_t kept_count(const struct heif *h)
{
    size_t count = 0;
    for (size_t i = 0; i < h->item_count; i++)
        count += h->items[i].keep;
    return count;
}

static void put_ipma(struct writer *w)
{
    size_t box = full_begin(w->out, BOX('i', 'p', 'm', 'a'), w->wide, 1);
    put(w->out, 4, kept_count(w->h));
    for (size_t i = 0; i < w->h->item_count; i++) {
        const struct heif_item *item = &w->h->items[i];
        struct heif_cursor props = item->props;
        uint8_t count = 0;
        bool essential;
        if (!item->keep)
            continue;
        put(w->out, w->wide ? 4 : 2, item->id);
        size_t count_at = w->out->len;
        put(w->out, 1, 0);
        for (uint32_t index; heif_next_prop(item, &props, &essential, &index);) {
            if (index < 1 || index > w->h->prop_count || !w->new_prop[index])
                continue;
            put(w->out, 2, (essential ? 0x8000u : 0) | w->new_prop[index]);
            count++;
        }
        if (!w->out->error)
            w->out->data[count_at] = (char)count;
    }
    box_end(w->out, box);
}

static void put_iinf(struct writer *w)
{
    size_t box = full_begin(w->out, BOX('i', 'i', 'n', 'f'), 0, 0);
    put(w->out, 2, kept_count(w->h));
    for (size_t i = 0; i < w->h->item_count; i++) {
        const struct heif_item *item = &w->h->items[i];
        if (!item->keep)
            continue;
        size_t infe = full_begin(w->out, BOX('i', 'n', 'f', 'e'), w->wide ? 3 : 2, item->hidden);
        put(w->out, w->wide ? 4 : 2, item->id);
        put(w->out, 2, 0);
        put(w->out, 4, item->type);
        put(w->out, 1, 0); /* no name */
        box_end(w->out, infe);
    }
    box_end(w->out, box);
}

/* One extent an item, filled in when its bytes are copied. */
static void put_iloc(struct writer *w)
{
    size_t box = full_begin(w->out, BOX('i', 'l', 'o', 'c'), w->wide ? 2 : 1, 0);
    put(w->out, 2, 0x4400);
    put(w->out, w->wide ? 4 : 2, kept_count(w->h));
    w->places = w->out->len;
    for (size_t i = 0; i < w->h->item_count; i++) {
        const struct heif_item *item = &w->h->items[i];
        if (!item->keep)
            continue;
        put(w->out, w->wide ? 4 : 2, item->id);
        put(w->out, 2, item->method);
        put(w->out, 2, 0); /* in this file */
        put(w->out, 2, item->type == HEIF_IDEN ? 0 : 1);
        if (item->type != HEIF_IDEN)
            put(w->out, 8, 0);
    }
    box_end(w->out, box);
}

static void put_iref(struct writer *w)
{
    struct heif_ref ref;
    size_t box = full_begin(w->out, BOX('i', 'r', 'e', 'f'), w->wide, 0), body = w->out->len;
    for (size_t at = 0; heif_next_ref(w->h, &at, &ref);) {
        const struct heif_item *from = heif_item(w->h, ref.from), *to;
        bool known = ref.type == HEIF_DIMG || ref.type == HEIF_AUXL || ref.type == HEIF_PREM;
        uint16_t count = 0;
        if (!known || !from || !from->keep)
            continue;
        size_t inner = box_begin(w->out, ref.type);
        put(w->out, w->wide ? 4 : 2, ref.from);
        size_t count_at = w->out->len;
        put(w->out, 2, 0);
        for (uint32_t n = ref.count; n > 0; n--) {
            to = heif_item(w->h, heif_ref_to(w->h, &ref));
            if (!to || !to->keep)
                continue;
            put(w->out, w->wide ? 4 : 2, to->id);
            count++;
        }
        if (!w->out->error) {
            w->out->data[count_at] = (char)(count >> 8);
            w->out->data[count_at + 1] = (char)count;
        }
        box_end(w->out, inner);
        if (!count && !w->out->error)
            w->out->len = inner;
    }
    box_end(w->out, box);
    if (w->out->len == body && !w->out->error)
        w->out->len = box; /* no references, no box */
}

static int gather(struct writer *w, const struct heif_item *item, struct buf *bytes)
{
    struct heif_cursor extents = item->extents;
    buf_init(bytes, w->budget);
    for (unsigned n = item->extent_count; n > 0; n--) {
        const uint8_t *data;
        size_t len;
        if (!heif_next_extent(w->h, item, &extents, &data, &len))
            return heif_damaged(w->error, "a part of the picture lies outside the file");
        buf_add(bytes, data, len);
        if (bytes->error == RAUM_ENOMEM)
            return err_set(w->error, RAUM_ENOMEM, NULL);
        if (bytes->error)
            return heif_damaged(w->error, "its parts overlap");
    }
    w->budget -= bytes->len;
    return 0;
}

/* A grid's description must agree with the size that the limits were checked against. */
static bool put_grid(struct writer *w, const struct heif_item *item, const struct buf *bytes)
{
    const uint8_t *d = (const uint8_t *)bytes->data;
    const struct heif_box *ispe = heif_prop(w->h, item, HEIF_ISPE);
    if (bytes->len < 8 || !ispe || ispe->len < 12)
        return false;
    bool wide = d[1] & 1;
    if (bytes->len < (wide ? 12u : 8u))
        return false;
    uint32_t width = wide ? be32(d + 4) : be16(d + 4), height = wide ? be32(d + 8) : be16(d + 6);
    buf_add(w->out, d, wide ? 12 : 8);
    return width == be32(ispe->body + 4) && height == be32(ispe->body + 8);
}

static int put_item(struct writer *w, const struct heif_item *item)
{
    struct buf bytes;
    const struct heif_box *hvcc = heif_prop(w->h, item, HEIF_HVCC);
    size_t before = w->out->len;
    bool fine;
    int rc = gather(w, item, &bytes);
    const uint8_t *d = (const uint8_t *)bytes.data;
    if (rc)
        goto out;
    if (item->type == HEIF_GRID)
        fine = put_grid(w, item, &bytes);
    else if (item->type == HEIF_HVC1)
        fine = hvcc->len > 21 && put_nals(w->out, d, bytes.len, (hvcc->body[21] & 3) + 1u);
    else
        fine = put_obus(w->out, d, bytes.len);
    if (!fine || (w->out->len == before && !w->out->error))
        rc = heif_damaged(w->error, "a part of the picture is broken");
out:
    buf_release(&bytes);
    return rc;
}

/* Copies the items of one method, offsets counted from `origin`, and fills in their places. */
static int put_items(struct writer *w, uint8_t method, size_t origin)
{
    size_t place = w->places;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < w->h->item_count; i++) {
        const struct heif_item *item = &w->h->items[i];
        if (!item->keep)
            continue;
        place += w->wide ? 10 : 8;
        if (item->type == HEIF_IDEN)
            continue;
        if (item->method == method) {
            size_t from = w->out->len;
            rc = put_item(w, item);
            patch32(w->out, place, from - origin);
            patch32(w->out, place + 4, w->out->len - from);
        }
        place += 8;
    }
    return rc;
}

static int put_meta(struct writer *w)
{
    size_t meta = full_begin(w->out, BOX('m', 'e', 't', 'a'), 0, 0);
    size_t hdlr = full_begin(w->out, BOX('h', 'd', 'l', 'r'), 0, 0);
    put(w->out, 4, 0);
    put(w->out, 4, BOX('p', 'i', 'c', 't'));
    buf_add(w->out, "\0\0\0\0\0\0\0\0\0\0\0\0\0", 13);
    box_end(w->out, hdlr);
    size_t pitm = full_begin(w->out, BOX('p', 'i', 't', 'm'), w->wide, 0);
    put(w->out, w->wide ? 4 : 2, w->h->primary);
    box_end(w->out, pitm);
    put_iloc(w);
    put_iinf(w);
    put_iref(w);
    size_t iprp = box_begin(w->out, BOX('i', 'p', 'r', 'p'));
    int rc = put_props(w);
    if (rc)
        return rc;
    put_ipma(w);
    box_end(w->out, iprp);
    size_t idat = box_begin(w->out, BOX('i', 'd', 'a', 't'));
    rc = put_items(w, HEIF_IN_IDAT, idat + 8);
    box_end(w->out, idat);
    if (w->out->len == idat + 8 && !w->out->error)
        w->out->len = idat;
    box_end(w->out, meta);
    return rc;
}

int media_isobmff_strip(const uint8_t *d, size_t len, const struct media_facts *facts,
                        struct buf *out, struct raum_error *error)
{
    struct heif h;
    struct writer w = {.h = &h, .out = out, .error = error, .start = out->len, .budget = len};
    size_t mdat;
    int rc = heif_open(&h, d, len, error);
    if (rc == 0)
        rc = check_items(&h, error);
    if (rc == 0)
        rc = number_props(&w);
    if (rc)
        goto out;
    for (size_t i = 0; i < h.item_count; i++)
        w.wide |= h.items[i].keep && h.items[i].id > UINT16_MAX;
    put_ftyp(&w, facts->type);
    rc = put_meta(&w);
    mdat = box_begin(out, BOX('m', 'd', 'a', 't'));
    if (rc == 0)
        rc = put_items(&w, HEIF_IN_FILE, w.start);
    box_end(out, mdat);
    if (rc == 0 && out->error)
        rc = out->error == RAUM_ENOMEM ? buf_error(out, error)
                                       : heif_damaged(error, "its parts overlap");
out:
    free(w.new_prop);
    heif_close(&h);
    return rc;
}
