#include "media/sniff.h"

#include "media/bytes.h"
#include "media/container.h"

#define TAKEN "pictures can be JPEG, PNG, WebP, HEIC or AVIF"

void media_turn(struct media_facts *facts)
{
    if (facts->orientation < 5)
        return;
    uint32_t width = facts->width;
    facts->width = facts->height;
    facts->height = width;
}

/* Brands of ISO/IEC 23008-12 and AV1 Image File Format. Which of the two it is, the items say. */
static bool brand_still(const uint8_t *brand)
{
    static const char brands[][5] = {"heic", "heix", "heim", "heis", "mif1", "avif"};
    for (size_t i = 0; i < sizeof brands / sizeof brands[0]; i++)
        if (memcmp(brand, brands[i], 4) == 0)
            return true;
    return false;
}

static bool brand_sequence(const uint8_t *brand)
{
    static const char brands[][5] = {"avis", "msf1", "hevc", "hevx", "hevm", "hevs"};
    for (size_t i = 0; i < sizeof brands / sizeof brands[0]; i++)
        if (memcmp(brand, brands[i], 4) == 0)
            return true;
    return false;
}

/* True for a picture; a film whose brands name pictures as well counts as what it says first. */
static bool ftyp_still(const uint8_t *d, size_t len)
{
    size_t box = be32(d);
    if (box < 16 || box > len || brand_sequence(d + 8))
        return false;
    bool still = brand_still(d + 8);
    for (size_t at = 16; !still && box - at >= 4; at += 4)
        still = brand_still(d + at);
    return still;
}

/* HEIC stands for AVIF too. */
static enum media_type magic_type(const uint8_t *d, size_t len)
{
    if (starts(d, len, "\xFF\xD8\xFF", 3))
        return MEDIA_JPEG;
    if (starts(d, len, "\x89PNG\r\n\x1A\n", 8))
        return MEDIA_PNG;
    if (len >= 12 && starts(d, len, "RIFF", 4) && memcmp(d + 8, "WEBP", 4) == 0)
        return MEDIA_WEBP;
    if (len >= 16 && memcmp(d + 4, "ftyp", 4) == 0)
        return ftyp_still(d, len) ? MEDIA_HEIC : MEDIA_NONE;
    return MEDIA_NONE;
}

/* A word for the message; the answer is no in any case. */
static const char *foreign(const uint8_t *d, size_t len)
{
    static const struct {
        const char *magic;
        uint8_t at, len;
        const char *name;
    } known[] = {
        {"GIF8", 0, 4, "a GIF"},
        {"%PDF", 0, 4, "a PDF"},
        {"BM", 0, 2, "a BMP"},
        {"II*\0", 0, 4, "a TIFF or raw photograph"},
        {"MM\0*", 0, 4, "a TIFF or raw photograph"},
        {"\xFF\x0A", 0, 2, "a JPEG XL"},
        {"\0\0\0\x0CJXL ", 0, 8, "a JPEG XL"},
        {"\0\0\0\x0CjP  ", 0, 8, "a JPEG 2000"},
        {"8BPS", 0, 4, "a Photoshop file"},
        {"PK\x03\x04", 0, 4, "a ZIP archive"},
        {"ftyp", 4, 4, "a film, an animation or a picture of another kind"},
        {"\x1A\x45\xDF\xA3", 0, 4, "a video"},
        {"<svg", 0, 4, "an SVG drawing"},
        {"<?xml", 0, 5, "an XML or SVG text"},
        {"<", 0, 1, "an HTML or XML text"},
    };
    size_t skip = starts(d, len, "\xEF\xBB\xBF", 3) ? 3 : 0;
    while (skip < len && skip < 64 && memchr(" \t\r\n", d[skip], 4))
        skip++;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        size_t at = known[i].magic[0] == '<' ? skip : known[i].at;
        if (len >= at && starts(d + at, len - at, known[i].magic, known[i].len))
            return known[i].name;
    }
    return len ? "not a picture" : "empty";
}

static int within_limits(const struct media_facts *f, struct raum_error *error)
{
    if (f->width > MEDIA_SIDE_MAX || f->height > MEDIA_SIDE_MAX ||
        (uint64_t)f->width * f->height > MEDIA_PIXELS_MAX)
        return err_set(error, RAUM_ETOO_LARGE,
                       "the picture has %u × %u pixels; at most 50 megapixels can be taken",
                       f->width, f->height);
    return 0;
}

int media_sniff(const void *data, size_t len, struct media_facts *facts, struct raum_error *error)
{
    int rc = 0;
    *facts = (struct media_facts){.orientation = 1};
    if (len > MEDIA_FILE_MAX)
        return err_set(error, RAUM_ETOO_LARGE, "the file has %zu MB; at most 50 MB can be taken",
                       len >> 20);
    enum media_type type = magic_type(data, len);
    switch (type) {
    case MEDIA_JPEG:
        rc = media_jpeg_facts(data, len, facts, error);
        break;
    case MEDIA_PNG:
        rc = media_png_facts(data, len, facts, error);
        break;
    case MEDIA_WEBP:
        rc = media_webp_facts(data, len, facts, error);
        break;
    case MEDIA_HEIC:
    case MEDIA_AVIF:
        rc = media_isobmff_facts(data, len, facts, error);
        break;
    case MEDIA_NONE:
        return err_set(error, RAUM_EUNSUPPORTED_MEDIA, "this is %s; " TAKEN, foreign(data, len));
    }
    return rc ? rc : within_limits(facts, error);
}

bool media_may_be(const void *data, size_t len)
{
    const uint8_t *d = data;
    bool brands = len >= 8 && memcmp(d + 4, "ftyp", 4) == 0; /* they may go on */
    return len < 16 || brands || magic_type(d, len) != MEDIA_NONE;
}

const char *media_mime(enum media_type type)
{
    static const char *const mime[MEDIA_TYPES] = {
        "application/octet-stream", "image/jpeg", "image/png", "image/webp", "image/heic",
        "image/avif"};
    return mime[type];
}

const char *media_extension(enum media_type type)
{
    static const char *const extension[MEDIA_TYPES] = {"bin", "jpg", "png", "webp", "heic", "avif"};
    return extension[type];
}
