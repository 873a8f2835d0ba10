#include "cli/bench_jpeg.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* How many codes of each length, and what they mean; DC and AC of brightness serve all. */
static const uint8_t dc_counts[16] = {0, 1, 5, 1, 1, 1, 1, 1, 1};
static const uint8_t dc_values[12] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
static const uint8_t ac_counts[16] = {0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7d};
static const uint8_t ac_values[162] = {
    0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61,
    0x07, 0x22, 0x71, 0x14, 0x32, 0x81, 0x91, 0xa1, 0x08, 0x23, 0x42, 0xb1, 0xc1, 0x15, 0x52,
    0xd1, 0xf0, 0x24, 0x33, 0x62, 0x72, 0x82, 0x09, 0x0a, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x25,
    0x26, 0x27, 0x28, 0x29, 0x2a, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x43, 0x44, 0x45,
    0x46, 0x47, 0x48, 0x49, 0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x63, 0x64,
    0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0x83,
    0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99,
    0x9a, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6,
    0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3,
    0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xe1, 0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8,
    0xe9, 0xea, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa};

struct code {
    uint16_t bits;
    uint8_t len;
};
struct writer {
    struct buf *out;
    uint32_t held;
    int count; /* bits in held */
    uint64_t seed;
    struct code dc[256], ac[256];
};

static uint32_t chance(struct writer *w)
{
    w->seed ^= w->seed << 13;
    w->seed ^= w->seed >> 7;
    w->seed ^= w->seed << 17;
    return (uint32_t)(w->seed >> 32);
}

static void codes(struct code *codes, const uint8_t counts[16], const uint8_t *values)
{
    uint16_t next = 0;
    for (int len = 1; len <= 16; len++, next = (uint16_t)(next << 1))
        for (int i = 0; i < counts[len - 1]; i++)
            codes[*values++] = (struct code){next++, (uint8_t)len};
}

static void put(struct writer *w, uint32_t bits, int len)
{
    for (int i = len - 1; i >= 0; i--) {
        w->held = w->held << 1 | (bits >> i & 1);
        if (++w->count < 8)
            continue;
        buf_char(w->out, (char)w->held);
        if ((w->held & 0xff) == 0xff)
            buf_char(w->out, 0);
        w->count = 0;
    }
}

static void put_code(struct writer *w, struct code c)
{
    put(w, c.bits, c.len);
}

/* A value's category, and the bits that tell it within. */
static int category(int v)
{
    int n = 0;
    for (v = abs(v); v; v >>= 1)
        n++;
    return n;
}

static uint32_t bits_of(int v, int n)
{
    return (uint32_t)(v < 0 ? v + (1 << n) - 1 : v);
}

/* `many` coefficients behind the mean, smaller and smaller. */
static void block(struct writer *w, int step, int many)
{
    int n = category(step);
    put_code(w, w->dc[n]);
    put(w, bits_of(step, n), n);
    for (int i = 0; i < many; i++) {
        uint32_t r = chance(w);
        int run = (int)(r & 1), most = i < 2 ? 4 : i < 6 ? 2 : 1;
        int v = 1 + (int)(r >> 8) % most;
        v = r & 2 ? -v : v;
        n = category(v);
        put_code(w, w->ac[run << 4 | n]);
        put(w, bits_of(v, n), n);
    }
    put_code(w, w->ac[0]);
}

static void segment(struct buf *out, int marker, size_t len)
{
    const unsigned char head[4] = {0xff, (unsigned char)marker, (unsigned char)((len + 2) >> 8),
                                   (unsigned char)(len + 2)};
    buf_add(out, head, sizeof head);
}

static void tables(struct buf *out)
{
    segment(out, 0xdb, 65);
    buf_char(out, 0);
    for (int i = 0; i < 64; i++)
        buf_char(out, (char)(3 + i / 4));
    segment(out, 0xc4, 17 + sizeof dc_values);
    buf_char(out, 0x00);
    buf_add(out, dc_counts, sizeof dc_counts);
    buf_add(out, dc_values, sizeof dc_values);
    segment(out, 0xc4, 17 + sizeof ac_values);
    buf_char(out, 0x10);
    buf_add(out, ac_counts, sizeof ac_counts);
    buf_add(out, ac_values, sizeof ac_values);
}

void bench_jpeg(struct buf *out, int width, int height, unsigned seed)
{
    struct writer w = {.out = out, .seed = seed * 0x9E3779B97F4A7C15u + 1};
    const unsigned char frame[] = {8,
                                   (unsigned char)(height >> 8),
                                   (unsigned char)height,
                                   (unsigned char)(width >> 8),
                                   (unsigned char)width,
                                   3,
                                   1,
                                   0x22,
                                   0,
                                   2,
                                   0x11,
                                   0,
                                   3,
                                   0x11,
                                   0};
    static const unsigned char scan[] = {3, 1, 0, 2, 0, 3, 0, 0, 63, 0};
    int means[3] = {0};
    codes(w.dc, dc_counts, dc_values);
    codes(w.ac, ac_counts, ac_values);
    buf_add(out, "\xff\xd8", 2);
    tables(out);
    segment(out, 0xc0, sizeof frame);
    buf_add(out, frame, sizeof frame);
    segment(out, 0xda, sizeof scan);
    buf_add(out, scan, sizeof scan);
    for (int i = 0; i < width / 16 * (height / 16); i++)
        for (int k = 0; k < 6; k++) { /* four of brightness, two of colour */
            int which = k < 4 ? 0 : k - 3, step = (int)(chance(&w) % 9) - 4;
            if (abs(means[which] + step) > 200)
                step = -step;
            means[which] += step;
            block(&w, step, k < 4 ? 14 : 4);
        }
    put(&w, 0x7f, 7);
    buf_add(out, "\xff\xd9", 2);
}
