/* JPEG (ITU T.81): a run of segments `FF marker length body`, scans followed by coded bytes. */
#include "media/bytes.h"
#include "media/container.h"
#include "media/exif.h"

enum {
    SOF0 = 0xC0,
    SOF2 = 0xC2,
    DHT = 0xC4,
    SOF15 = 0xCF,
    JPG = 0xC8,
    DAC = 0xCC,
    RST0 = 0xD0,
    RST7 = 0xD7,
    SOI = 0xD8,
    EOI = 0xD9,
    SOS = 0xDA,
    DQT = 0xDB,
    DRI = 0xDD,
    APP0 = 0xE0,
    APP1 = 0xE1,
    APP2 = 0xE2,
    APP14 = 0xEE,
};

/* Each scan costs the decoder a pass over the whole picture; real files have up to some dozens. */
#define SCANS_MAX 200
#define ADOBE_LEN 12
#define JFIF_LEN 14 /* the body up to the preview's size, which becomes 0 × 0 */

struct segment {
    uint8_t marker;
    const uint8_t *body; /* behind the length */
    size_t len;
};

static int damaged(struct raum_error *error, const char *what)
{
    return media_damaged(error, "JPEG", what);
}

/* The segment at *at, which moves behind it. EOI has no body. */
static int next_segment(const uint8_t *d, size_t len, size_t *at, struct segment *s,
                        struct raum_error *error)
{
    size_t i = *at;
    if (i >= len || d[i] != 0xFF)
        return damaged(error, i >= len ? "it ends early" : "a marker is missing");
    while (i < len && d[i] == 0xFF)
        i++;
    if (i >= len)
        return damaged(error, "it ends early");
    *s = (struct segment){.marker = d[i++]};
    if (s->marker != EOI) {
        if (s->marker < SOF0 || (s->marker >= RST0 && s->marker <= SOI))
            return damaged(error, "a marker stands where none may");
        if (len - i < 2 || be16(d + i) < 2 || be16(d + i) > len - i)
            return damaged(error, "a segment runs past the end");
        s->body = d + i + 2;
        s->len = be16(d + i) - 2u;
        i += s->len + 2;
    }
    *at = i;
    return 0;
}

static bool is_frame(uint8_t marker)
{
    return marker >= SOF0 && marker <= SOF15 && marker != DHT && marker != JPG && marker != DAC;
}

static int read_frame(const struct segment *s, struct media_facts *facts, struct raum_error *error)
{
    if (facts->width)
        return damaged(error, "it has two frames");
    if (s->marker > SOF2 || s->len < 6 || s->body[0] != 8)
        return err_set(error, RAUM_EUNSUPPORTED_MEDIA,
                       "a JPEG of a rare kind (lossless, arithmetic, 12 bits) cannot be taken");
    facts->height = be16(s->body + 1);
    facts->width = be16(s->body + 3);
    uint8_t parts = s->body[5];
    if ((parts != 1 && parts != 3 && parts != 4) || s->len != 6u + 3u * parts)
        return damaged(error, "its frame header is odd");
    if (!facts->width || !facts->height)
        return damaged(error, "it says that it is empty");
    return 0;
}

/* Walks to the first scan. *jfif: the first JFIF segment, marker 0 if none. */
static int read_head(const uint8_t *d, size_t len, struct media_facts *facts, struct segment *jfif,
                     struct raum_error *error)
{
    bool exif = false;
    *facts = (struct media_facts){.type = MEDIA_JPEG, .orientation = 1};
    *jfif = (struct segment){0};
    for (size_t at = 2;;) {
        struct segment s;
        int rc = next_segment(d, len, &at, &s, error);
        if (rc == 0 && is_frame(s.marker))
            rc = read_frame(&s, facts, error);
        if (rc)
            return rc;
        if (s.marker == EOI || (s.marker == SOS && !facts->width))
            return damaged(error, "it holds no picture");
        if (s.marker == SOS)
            break;
        if (s.marker == APP1 && !exif && starts(s.body, s.len, "Exif\0\0", 6)) {
            exif = true;
            facts->orientation = exif_orientation(s.body, s.len);
        }
        if (s.marker == APP0 && !jfif->marker && s.len >= JFIF_LEN &&
            starts(s.body, s.len, "JFIF\0", 5))
            *jfif = s;
    }
    media_turn(facts);
    return 0;
}

int media_jpeg_facts(const uint8_t *data, size_t len, struct media_facts *facts,
                     struct raum_error *error)
{
    struct segment jfif;
    return read_head(data, len, facts, &jfif, error);
}

static void put_segment(struct buf *out, uint8_t marker, const void *body, size_t len)
{
    uint8_t head[4] = {0xFF, marker, (uint8_t)((len + 2) >> 8), (uint8_t)(len + 2)};
    buf_add(out, head, sizeof head);
    buf_add(out, body, len);
}

static void put_head(struct buf *out, const struct media_facts *facts, const struct segment *jfif)
{
    buf_add(out, "\xFF\xD8", 2);
    if (jfif->marker) {
        uint8_t body[JFIF_LEN];
        memcpy(body, jfif->body, sizeof body);
        body[12] = body[13] = 0;
        put_segment(out, APP0, body, sizeof body);
    }
    if (facts->orientation > 1) {
        uint8_t body[6 + EXIF_MINIMAL] = "Exif\0";
        exif_minimal(facts->orientation, body + 6);
        put_segment(out, APP1, body, sizeof body);
    }
}

static void put_kept(struct buf *out, const struct segment *s)
{
    bool table = is_frame(s->marker) || s->marker == DHT || s->marker == DQT || s->marker == DRI;
    bool icc = s->marker == APP2 && s->len >= 14 && starts(s->body, s->len, "ICC_PROFILE\0", 12);
    if (table || icc)
        put_segment(out, s->marker, s->body, s->len);
    else if (s->marker == APP14 && s->len >= ADOBE_LEN && starts(s->body, s->len, "Adobe", 5))
        put_segment(out, s->marker, s->body, ADOBE_LEN);
}

/* The index of the marker that ends the entropy-coded bytes at `at`, or len. */
static size_t scan_end(const uint8_t *d, size_t len, size_t at)
{
    while (at < len) {
        const uint8_t *ff = memchr(d + at, 0xFF, len - at);
        if (!ff)
            return len;
        at = (size_t)(ff - d);
        size_t next = at + 1;
        while (next < len && d[next] == 0xFF)
            next++;
        if (next >= len)
            return len;
        if (d[next] != 0 && (d[next] < RST0 || d[next] > RST7))
            return at;
        at = next + 1;
    }
    return len;
}

int media_jpeg_strip(const uint8_t *d, size_t len, const struct media_facts *facts, struct buf *out,
                     struct raum_error *error)
{
    struct media_facts again;
    struct segment s, jfif;
    int scans = 0, rc = read_head(d, len, &again, &jfif, error);
    if (rc)
        return rc;
    put_head(out, facts, &jfif);
    for (size_t at = 2;;) {
        rc = next_segment(d, len, &at, &s, error);
        if (rc)
            return rc;
        if (s.marker == EOI)
            break;
        if (scans && is_frame(s.marker))
            return damaged(error, "it has two frames");
        if (s.marker != SOS) {
            put_kept(out, &s);
            continue;
        }
        if (++scans > SCANS_MAX)
            return err_set(error, RAUM_ETOO_LARGE, "the JPEG has more than %d scans", SCANS_MAX);
        put_segment(out, SOS, s.body, s.len);
        size_t end = scan_end(d, len, at);
        buf_add(out, d + at, end - at);
        at = end;
    }
    buf_add(out, "\xFF\xD9", 2);
    return buf_error(out, error);
}
