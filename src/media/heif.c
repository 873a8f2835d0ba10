#include "media/heif.h"

#include "media/bytes.h"
#include "media/container.h"
#include <stdlib.h>

/* 50 megapixels in tiles of 256 × 256 are 800; a `meta` holds these and a colour profile. */
#define ITEMS_MAX 10000
#define META_MAX ((size_t)4 << 20)
#define PROPS_MAX 32767
#define DERIVATION_MAX 6

int heif_damaged(struct raum_error *error, const char *what)
{
    return media_damaged(error, "HEIC or AVIF", what);
}

uint64_t heif_get(struct heif_cursor *c, unsigned bytes)
{
    uint64_t value = 0;
    if (c->left < bytes) {
        c->bad = true;
        c->left = 0;
        return 0;
    }
    for (unsigned i = 0; i < bytes; i++)
        value = value << 8 | c->at[i];
    c->at += bytes;
    c->left -= bytes;
    return value;
}

static void skip(struct heif_cursor *c, uint64_t bytes)
{
    if (bytes > c->left) {
        c->bad = true;
        bytes = c->left;
    }
    c->at += bytes;
    c->left -= (size_t)bytes;
}

static struct heif_cursor cursor_of(const struct heif_box *box)
{
    return (struct heif_cursor){.at = box->body, .left = box->len};
}

/* The box at c; false at the end or when it is broken (c->bad). */
static bool next_box(struct heif_cursor *c, struct heif_box *box)
{
    size_t whole = c->left;
    if (whole == 0)
        return false;
    uint64_t size = heif_get(c, 4);
    box->type = (uint32_t)heif_get(c, 4);
    if (size == 1)
        size = heif_get(c, 8);
    else if (size == 0)
        size = whole;
    size_t head = whole - c->left;
    if (c->bad || size < head || size > whole) {
        c->bad = true;
        return false;
    }
    box->body = c->at;
    box->len = (size_t)size - head;
    skip(c, box->len);
    return true;
}

static int compare_items(const void *a, const void *b)
{
    const struct heif_item *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

struct heif_item *heif_item(const struct heif *h, uint32_t id)
{
    struct heif_item key = {.id = id};
    return h->item_count
               ? bsearch(&key, h->items, h->item_count, sizeof *h->items, compare_items)
               : NULL;
}

static int read_infe(struct heif_box *box, struct heif_item *item, struct raum_error *error)
{
    struct heif_cursor c = cursor_of(box);
    uint64_t version = heif_get(&c, 1), flags = heif_get(&c, 3);
    if (box->type != BOX('i', 'n', 'f', 'e') || version < 2 || version > 3)
        return heif_damaged(error, "an item is of an odd kind");
    *item = (struct heif_item){.hidden = flags & 1};
    item->id = (uint32_t)heif_get(&c, version == 2 ? 2 : 4);
    uint64_t protection = heif_get(&c, 2);
    item->type = (uint32_t)heif_get(&c, 4);
    if (c.bad)
        return heif_damaged(error, "an item is cut off");
    return protection ? heif_damaged(error, "it is encrypted") : 0;
}

static int read_iinf(struct heif *h, const struct heif_box *box, struct raum_error *error)
{
    struct heif_cursor c = cursor_of(box);
    uint64_t version = heif_get(&c, 1);
    heif_get(&c, 3);
    uint64_t count = heif_get(&c, version == 0 ? 2 : 4);
    if (c.bad || count == 0 || count > ITEMS_MAX || h->items)
        return heif_damaged(error, "its list of items is odd");
    h->items = calloc((size_t)count, sizeof *h->items);
    if (!h->items)
        return err_set(error, RAUM_ENOMEM, NULL);
    for (struct heif_box infe; h->item_count < count && next_box(&c, &infe); h->item_count++) {
        int rc = read_infe(&infe, &h->items[h->item_count], error);
        if (rc)
            return rc;
    }
    if (c.bad || h->item_count != count)
        return heif_damaged(error, "its list of items is cut off");
    qsort(h->items, h->item_count, sizeof *h->items, compare_items);
    for (size_t i = 1; i < h->item_count; i++)
        if (h->items[i - 1].id == h->items[i].id)
            return heif_damaged(error, "an item is there twice");
    return 0;
}

static bool width_valid(unsigned bytes)
{
    return bytes == 0 || bytes == 4 || bytes == 8;
}

static void read_location(struct heif *h, struct heif_cursor *c, unsigned version)
{
    struct heif_item *item = heif_item(h, (uint32_t)heif_get(c, version == 2 ? 4 : 2));
    struct heif_item other;
    item = item ? item : &other;
    c->bad |= item != &other && item->located; /* there twice */
    item->method = version ? heif_get(c, 2) & 15 : HEIF_IN_FILE;
    uint64_t reference = heif_get(c, 2);
    item->base = heif_get(c, h->base_size);
    item->extent_count = (uint16_t)heif_get(c, 2);
    item->extents = *c;
    item->located = reference == 0 && item->method <= HEIF_IN_IDAT;
    skip(c, (uint64_t)item->extent_count * (h->index_size + h->offset_size + h->length_size));
}

static int read_iloc(struct heif *h, const struct heif_box *box, struct raum_error *error)
{
    struct heif_cursor c = cursor_of(box);
    unsigned version = (unsigned)heif_get(&c, 1);
    heif_get(&c, 3);
    unsigned sizes = (unsigned)heif_get(&c, 2);
    h->offset_size = sizes >> 12 & 15;
    h->length_size = sizes >> 8 & 15;
    h->base_size = sizes >> 4 & 15;
    h->index_size = version ? sizes & 15 : 0;
    uint64_t count = heif_get(&c, version == 2 ? 4 : 2);
    if (version > 2 || !width_valid(h->offset_size) || !width_valid(h->length_size) ||
        !width_valid(h->base_size) || !width_valid(h->index_size))
        return heif_damaged(error, "its table of places is odd");
    for (; count > 0 && !c.bad; count--)
        read_location(h, &c, version);
    return c.bad ? heif_damaged(error, "its table of places is cut off") : 0;
}

static int read_ipma(struct heif *h, const struct heif_box *box, struct raum_error *error)
{
    struct heif_cursor c = cursor_of(box);
    uint64_t version = heif_get(&c, 1), flags = heif_get(&c, 3);
    uint64_t count = heif_get(&c, 4);
    for (; count > 0 && !c.bad; count--) {
        struct heif_item *item = heif_item(h, (uint32_t)heif_get(&c, version ? 4 : 2));
        uint64_t props = heif_get(&c, 1);
        if (item && !item->prop_count) {
            item->wide_props = flags & 1;
            item->prop_count = (uint8_t)props;
            item->props = c;
        }
        skip(&c, props << (flags & 1));
    }
    return c.bad ? heif_damaged(error, "its table of properties is cut off") : 0;
}

static int read_ipco(struct heif *h, const struct heif_box *box, struct raum_error *error)
{
    struct heif_cursor c = cursor_of(box);
    struct heif_box prop;
    size_t count = 0;
    while (next_box(&c, &prop))
        count++;
    if (c.bad || count == 0 || count > PROPS_MAX || h->props)
        return heif_damaged(error, "its properties are odd");
    h->props = calloc(count, sizeof *h->props);
    if (!h->props)
        return err_set(error, RAUM_ENOMEM, NULL);
    c = cursor_of(box);
    while (h->prop_count < count && next_box(&c, &h->props[h->prop_count]))
        h->prop_count++;
    return 0;
}

static int read_iprp(struct heif *h, const struct heif_box *box, struct raum_error *error)
{
    struct heif_cursor c = cursor_of(box);
    int rc = 0;
    for (struct heif_box child; rc == 0 && next_box(&c, &child);) {
        if (child.type == BOX('i', 'p', 'c', 'o'))
            rc = read_ipco(h, &child, error);
        else if (child.type == BOX('i', 'p', 'm', 'a'))
            rc = read_ipma(h, &child, error);
    }
    return rc == 0 && c.bad ? heif_damaged(error, "its properties are cut off") : rc;
}

static int read_pitm(struct heif *h, const struct heif_box *box, struct raum_error *error)
{
    struct heif_cursor c = cursor_of(box);
    uint64_t version = heif_get(&c, 1);
    heif_get(&c, 3);
    h->primary = (uint32_t)heif_get(&c, version ? 4 : 2);
    return c.bad ? heif_damaged(error, "it does not say which picture it shows") : 0;
}

/* The items come first, whatever order the file has: the other tables hang on to them. */
static int read_meta(struct heif *h, const struct heif_box *meta, struct raum_error *error)
{
    struct heif_cursor start = cursor_of(meta);
    struct heif_box box;
    int rc = 0;
    heif_get(&start, 4);
    if (meta->len > META_MAX)
        return heif_damaged(error, "its tables are too large");
    for (struct heif_cursor c = start; rc == 0 && next_box(&c, &box);)
        if (box.type == BOX('i', 'i', 'n', 'f'))
            rc = read_iinf(h, &box, error);
    struct heif_cursor c = start;
    while (rc == 0 && next_box(&c, &box)) {
        if (box.type == BOX('i', 'l', 'o', 'c'))
            rc = read_iloc(h, &box, error);
        else if (box.type == BOX('i', 'p', 'r', 'p'))
            rc = read_iprp(h, &box, error);
        else if (box.type == BOX('p', 'i', 't', 'm'))
            rc = read_pitm(h, &box, error);
        else if (box.type == BOX('i', 'r', 'e', 'f') && box.len >= 4)
            h->iref = box;
        else if (box.type == BOX('i', 'd', 'a', 't'))
            h->idat = box;
    }
    return rc == 0 && c.bad ? heif_damaged(error, "its tables are cut off") : rc;
}

bool heif_next_prop(const struct heif_item *item, struct heif_cursor *props, bool *essential,
                    uint32_t *index)
{
    unsigned bytes = item->wide_props ? 2 : 1;
    size_t taken = (size_t)(props->at - item->props.at) / bytes;
    if (taken >= item->prop_count)
        return false;
    uint32_t value = (uint32_t)heif_get(props, bytes);
    uint32_t top = item->wide_props ? 0x8000 : 0x80;
    *essential = value & top;
    *index = value & (top - 1);
    return !props->bad;
}

const struct heif_box *heif_prop(const struct heif *h, const struct heif_item *item, uint32_t type)
{
    struct heif_cursor props = item->props;
    bool essential;
    for (uint32_t index; heif_next_prop(item, &props, &essential, &index);)
        if (index >= 1 && index <= h->prop_count && h->props[index - 1].type == type)
            return &h->props[index - 1];
    return NULL;
}

bool heif_next_ref(const struct heif *h, size_t *at, struct heif_ref *ref)
{
    if (!h->iref.body)
        return false;
    *at = *at ? *at : 4;
    unsigned bytes = h->iref.body[0] ? 4 : 2;
    struct heif_cursor c = {.at = h->iref.body + *at, .left = h->iref.len - *at};
    struct heif_box box;
    if (!next_box(&c, &box))
        return false;
    *at = (size_t)(c.at - h->iref.body);
    struct heif_cursor body = cursor_of(&box);
    ref->type = box.type;
    ref->from = (uint32_t)heif_get(&body, bytes);
    ref->count = (uint32_t)heif_get(&body, 2);
    ref->to = body;
    return !body.bad && body.left / bytes >= ref->count;
}

uint32_t heif_ref_to(const struct heif *h, struct heif_ref *ref)
{
    return (uint32_t)heif_get(&ref->to, h->iref.body[0] ? 4 : 2);
}

bool heif_next_extent(const struct heif *h, const struct heif_item *item,
                      struct heif_cursor *extents, const uint8_t **data, size_t *len)
{
    const uint8_t *from = item->method == HEIF_IN_IDAT ? h->idat.body : h->data;
    uint64_t room = item->method == HEIF_IN_IDAT ? h->idat.len : h->len;
    heif_get(extents, h->index_size);
    uint64_t offset = heif_get(extents, h->offset_size);
    uint64_t size = heif_get(extents, h->length_size);
    if (!from || extents->bad || item->base > room || offset > room - item->base)
        return false;
    offset += item->base;
    /* Length 0 means "to the end" and then only with a single extent; nobody writes that. */
    if (size == 0 || size > room - offset)
        return false;
    *data = from + offset;
    *len = (size_t)size;
    return true;
}

static bool is_alpha(const struct heif *h, const struct heif_item *item)
{
    static const char *const types[] = {"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha",
                                        "urn:mpeg:hevc:2015:auxid:1"};
    const struct heif_box *aux = heif_prop(h, item, HEIF_AUXC);
    for (size_t i = 0; aux && i < 2; i++)
        if (aux->len > 4 && starts(aux->body + 4, aux->len - 4, types[i], strlen(types[i]) + 1))
            return true;
    return false;
}

/* Follows one reference; true when it led to something new. */
static bool follow(struct heif *h, struct heif_ref *ref)
{
    struct heif_item *from = heif_item(h, ref->from), *to;
    bool more = false;
    if (!from || (ref->type != HEIF_DIMG && ref->type != HEIF_AUXL))
        return false;
    if (ref->type == HEIF_DIMG ? !from->keep : from->keep || !is_alpha(h, from))
        return false;
    for (uint32_t n = ref->count; n > 0; n--) {
        to = heif_item(h, heif_ref_to(h, ref));
        if (to && ref->type == HEIF_DIMG && !to->keep)
            to->keep = more = true;
        else if (to && ref->type == HEIF_AUXL && to->keep)
            from->keep = more = true;
    }
    return more;
}

static int mark_kept(struct heif *h, struct raum_error *error)
{
    struct heif_item *primary = heif_item(h, h->primary);
    struct heif_ref ref;
    bool more = true;
    if (!primary)
        return heif_damaged(error, "the picture it shows is missing");
    primary->keep = true;
    for (int pass = 0; more && pass < DERIVATION_MAX; pass++) {
        more = false;
        for (size_t at = 0; heif_next_ref(h, &at, &ref);)
            more |= follow(h, &ref);
    }
    return more ? heif_damaged(error, "its pictures hang together oddly") : 0;
}

int heif_open(struct heif *h, const uint8_t *data, size_t len, struct raum_error *error)
{
    struct heif_cursor c = {.at = data, .left = len};
    struct heif_box box, meta = {0};
    *h = (struct heif){.data = data, .len = len};
    /* What stands behind the boxes, such as a film a telephone appended, is not looked at. */
    while (next_box(&c, &box)) {
        if (box.type == BOX('f', 't', 'y', 'p') && !h->ftyp.body)
            h->ftyp = box;
        else if (box.type == BOX('m', 'e', 't', 'a') && !meta.body)
            meta = box;
    }
    if (!meta.body)
        return heif_damaged(error, "it holds no picture");
    int rc = read_meta(h, &meta, error);
    return rc ? rc : mark_kept(h, error);
}

void heif_close(struct heif *h)
{
    free(h->items);
    free(h->props);
    h->items = NULL;
    h->props = NULL;
}

/* Clean aperture: two fractions, rounded; never more than there is. */
static void crop(const struct heif_box *clap, uint32_t *width, uint32_t *height)
{
    uint32_t *side[2] = {width, height};
    for (int i = 0; i < 2 && clap->len >= 16; i++) {
        uint64_t n = be32(clap->body + 8 * i), d = be32(clap->body + 8 * i + 4);
        uint64_t value = d ? (n + d / 2) / d : 0;
        if (value && value < *side[i])
            *side[i] = (uint32_t)value;
    }
}

int heif_size(const struct heif *h, uint32_t *width, uint32_t *height, struct raum_error *error)
{
    const struct heif_item *primary = heif_item(h, h->primary);
    const struct heif_box *ispe = heif_prop(h, primary, HEIF_ISPE);
    struct heif_cursor props = primary->props;
    bool essential;
    if (!ispe || ispe->len < 12 || !be32(ispe->body + 4) || !be32(ispe->body + 8))
        return heif_damaged(error, "it does not say how large it is");
    *width = be32(ispe->body + 4);
    *height = be32(ispe->body + 8);
    for (uint32_t index; heif_next_prop(primary, &props, &essential, &index);) {
        const struct heif_box *p = index && index <= h->prop_count ? &h->props[index - 1] : NULL;
        if (p && p->type == HEIF_CLAP)
            crop(p, width, height);
        if (p && p->type == HEIF_IROT && p->len >= 1 && (p->body[0] & 1)) {
            uint32_t turned = *width;
            *width = *height;
            *height = turned;
        }
    }
    return 0;
}
