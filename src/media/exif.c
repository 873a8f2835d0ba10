#include "media/exif.h"

#include "media/bytes.h"

#define TAG_ORIENTATION 0x0112
#define TYPE_SHORT 3

uint8_t exif_orientation(const void *data, size_t len)
{
    const uint8_t *d = data;
    if (starts(d, len, "Exif\0\0", 6)) {
        d += 6;
        len -= 6;
    }
    bool little = starts(d, len, "II*\0", 4);
    if (len < 8 || (!little && !starts(d, len, "MM\0*", 4)))
        return 1;
    size_t at = little ? le32(d + 4) : be32(d + 4);
    if (at > len - 2)
        return 1;
    size_t count = little ? le16(d + at) : be16(d + at);
    at += 2;
    for (; count > 0 && len - at >= 12; count--, at += 12) {
        const uint8_t *e = d + at;
        if ((little ? le16(e) : be16(e)) != TAG_ORIENTATION)
            continue;
        uint16_t type = little ? le16(e + 2) : be16(e + 2);
        uint16_t value = little ? le16(e + 8) : be16(e + 8);
        return type == TYPE_SHORT && value >= 1 && value <= 8 ? (uint8_t)value : 1;
    }
    return 1;
}

void exif_minimal(uint8_t orientation, uint8_t out[EXIF_MINIMAL])
{
    /* Big endian; one directory at 8 with one entry: orientation, SHORT, 1 value; no next. */
    static const uint8_t block[EXIF_MINIMAL] = {'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0,
                                                TYPE_SHORT, 0, 0, 0, 1, 0, 1};
    memcpy(out, block, sizeof block);
    out[19] = orientation;
}
