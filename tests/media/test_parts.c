/* G-P3, container by container: hand-made files with each part that must go or stay, and lies that
 * a parser must not believe. What test_strip.c asks of real encoders is asked here of bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "files.h"
#include "media/bytes.h"
#include "media/exif.h"
#include "media/strip.h"

static struct buf file, clean;
static struct raum_error error;

static int set_up(void **state)
{
    (void)state;
    buf_init(&file, 1 << 20);
    buf_init(&clean, 1 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buf_release(&file);
    buf_release(&clean);
    return 0;
}

static int strip(enum media_type type)
{
    char *copy = malloc(file.len);
    memcpy(copy, file.data, file.len);
    buf_reset(&clean);
    int rc = media_strip(type, copy, file.len, &clean, NULL, &error);
    free(copy);
    return rc;
}

static bool holds(const char *text)
{
    return bytes_contain(clean.data, clean.len, text);
}

static void assert_refused(enum media_type type, const char *word)
{
    assert_int_equal(strip(type), RAUM_EUNSUPPORTED_MEDIA);
    if (!strstr(error.text, word))
        fail_msg("\"%s\" does not say \"%s\"", error.text, word);
}

/* JPEG. */

static void segment(unsigned marker, const char *body, size_t len)
{
    buf_char(&file, (char)0xFF);
    buf_char(&file, (char)marker);
    buf_char(&file, (char)((len + 2) >> 8));
    buf_char(&file, (char)(len + 2));
    buf_add(&file, body, len);
}
#define SEGMENT(marker, text) segment(marker, text, sizeof(text) - 1)

#define FRAME "\10\0\20\0\40\1\1\21\0" /* 32 × 16, one component */
#define SCAN "\1\1\0\0\77\0"

static void jpeg_head(void)
{
    buf_reset(&file);
    buf_add(&file, "\xFF\xD8", 2);
}

static void test_G_P3_jpeg_segments(void **state)
{
    (void)state;
    jpeg_head();
    SEGMENT(0xE0, "JFIF\0\1\2\0\0\1\0\1\1\1LEAKpreview");
    SEGMENT(0xE0, "JFXX\0\20LEAKjfxx");
    SEGMENT(0xE1, "http://ns.adobe.com/xap/1.0/\0LEAKxmp");
    SEGMENT(0xE2, "ICC_PROFILE\0\1\1colours");
    SEGMENT(0xE2, "MPF\0LEAKmpf");
    SEGMENT(0xE3, "LEAKmeta");
    SEGMENT(0xEC, "Ducky\0LEAKducky");
    SEGMENT(0xED, "Photoshop 3.0\0LEAKiptc");
    SEGMENT(0xEE, "Adobe\0\144\0\0\0\0\1LEAKadobe");
    SEGMENT(0xFE, "LEAKcomment");
    SEGMENT(0xDB, "table");
    SEGMENT(0xC0, FRAME);
    SEGMENT(0xC4, "huffman");
    buf_add(&file, "\xFF\xFF", 2); /* fill bytes before a marker are allowed */
    SEGMENT(0xDA, SCAN);
    buf_add(&file, "coded\xFF\0\xFF\xD0more", 13);
    SEGMENT(0xFE, "LEAKbetween");
    SEGMENT(0xC4, "second");
    SEGMENT(0xDA, SCAN);
    buf_add(&file, "coded\xFF\xD9LEAKbehind", 17);
    assert_int_equal(strip(MEDIA_JPEG), 0);
    assert_false(holds("LEAK"));
    assert_true(holds("JFIF") && holds("colours") && holds("Adobe") && holds("table"));
    assert_true(holds("huffman") && holds("second") && holds("more"));
    assert_false(holds("JFXX") || holds("MPF") || holds("Ducky"));
}

static void test_lying_jpeg(void **state)
{
    (void)state;
    jpeg_head();
    SEGMENT(0xC0, FRAME);
    SEGMENT(0xC0, FRAME);
    assert_refused(MEDIA_JPEG, "two frames");
    jpeg_head();
    SEGMENT(0xDA, SCAN);
    assert_refused(MEDIA_JPEG, "no picture");
    jpeg_head();
    SEGMENT(0xC0, "\10\0\0\0\40\1\1\21\0");
    assert_refused(MEDIA_JPEG, "empty");
    jpeg_head();
    SEGMENT(0xC0, "\14\0\20\0\40\1\1\21\0");
    assert_refused(MEDIA_JPEG, "rare");
    jpeg_head();
    SEGMENT(0xC3, FRAME);
    assert_refused(MEDIA_JPEG, "rare");
    jpeg_head();
    SEGMENT(0xC0, "\10\0\20\0\40\3\1\21\0");
    assert_refused(MEDIA_JPEG, "odd");
    jpeg_head();
    buf_add(&file, "\xFF\xE1\xFF\xFFshort", 9);
    assert_refused(MEDIA_JPEG, "past the end");
    jpeg_head();
    buf_add(&file, "\xFF\xE1\0\1..", 6);
    assert_refused(MEDIA_JPEG, "past the end");
    jpeg_head();
    SEGMENT(0xC0, FRAME);
    SEGMENT(0xDA, SCAN);
    buf_str(&file, "no end");
    assert_refused(MEDIA_JPEG, "ends early");
    jpeg_head();
    SEGMENT(0xC0, FRAME);
    for (int i = 0; i < 201; i++)
        SEGMENT(0xDA, SCAN);
    buf_add(&file, "\xFF\xD9", 2);
    assert_int_equal(strip(MEDIA_JPEG), RAUM_ETOO_LARGE);
    assert_non_null(strstr(error.text, "scans"));
}

/* PNG. */

static uint32_t crc32_of(const void *data, size_t len)
{
    uint32_t c = ~0u;
    for (const uint8_t *p = data; len > 0; len--, p++) {
        c ^= *p;
        for (int k = 0; k < 8; k++)
            c = c & 1 ? 0xEDB88320u ^ (c >> 1) : c >> 1;
    }
    return ~c;
}

static void chunk(const char *type, const void *body, size_t len)
{
    uint8_t number[4];
    put_be32(number, (uint32_t)len);
    buf_add(&file, number, 4);
    size_t at = file.len;
    buf_add(&file, type, 4);
    buf_add(&file, body, len);
    put_be32(number, crc32_of(file.data + at, len + 4));
    buf_add(&file, number, 4);
}
#define CHUNK(type, text) chunk(type, text, sizeof(text) - 1)

static void png_head(void)
{
    buf_reset(&file);
    buf_add(&file, "\x89PNG\r\n\x1A\n", 8);
    CHUNK("IHDR", "\0\0\0\40\0\0\0\20\10\2\0\0\0");
}

static void test_G_P3_png_chunks(void **state)
{
    struct media_facts facts;
    uint8_t exif[EXIF_MINIMAL];
    (void)state;
    exif_minimal(8, exif);
    png_head();
    CHUNK("gAMA", "gama");
    CHUNK("iCCP", "profile");
    CHUNK("tEXt", "LEAKtext");
    CHUNK("zTXt", "LEAKztxt");
    CHUNK("iTXt", "LEAKitxt");
    CHUNK("tIME", "LEAKtim");
    CHUNK("vpAg", "LEAKunknown");
    CHUNK("IDAT", "first");
    CHUNK("IDAT", "second");
    chunk("eXIf", exif, sizeof exif); /* behind the pixels, as some programs have it */
    CHUNK("tEXt", "LEAKlate");
    CHUNK("IEND", "");
    buf_str(&file, "LEAKtail");
    assert_int_equal(media_sniff(file.data, file.len, &facts, NULL), 0);
    assert_int_equal(facts.orientation, 8);
    assert_int_equal(facts.width, 16);
    assert_int_equal(strip(MEDIA_PNG), 0);
    assert_false(holds("LEAK"));
    assert_true(holds("gama") && holds("profile") && holds("first") && holds("second"));
    assert_memory_equal(clean.data + 8 + 25 + 4, "eXIf", 4); /* now before them */
}

static void test_lying_png(void **state)
{
    (void)state;
    png_head();
    CHUNK("IEND", "");
    assert_refused(MEDIA_PNG, "no picture");
    png_head();
    CHUNK("IHDR", "\0\0\0\40\0\0\0\20\10\2\0\0\0");
    CHUNK("IDAT", "x");
    CHUNK("IEND", "");
    assert_refused(MEDIA_PNG, "two headers");
    png_head();
    CHUNK("IDAT", "x");
    assert_refused(MEDIA_PNG, "ends early");
    png_head();
    CHUNK("NEED", "x");
    CHUNK("IDAT", "x");
    CHUNK("IEND", "");
    assert_refused(MEDIA_PNG, "another kind");
    png_head();
    CHUNK("acTL", "\0\0\0\2\0\0\0\0");
    CHUNK("IDAT", "x");
    CHUNK("IEND", "");
    assert_refused(MEDIA_PNG, "animated");
    png_head();
    buf_add(&file, "\xFF\xFF\xFF\xFFIDATxxxxxxxxxx", 18);
    assert_refused(MEDIA_PNG, "ends early");
}

/* WebP. */

static void riff_chunk(const char *type, const void *body, size_t len)
{
    uint8_t number[4];
    put_le32(number, (uint32_t)len);
    buf_add(&file, type, 4);
    buf_add(&file, number, 4);
    buf_add(&file, body, len);
    if (len & 1)
        buf_char(&file, 0);
    put_le32((uint8_t *)file.data + 4, (uint32_t)file.len - 8);
}
#define RIFF(type, text) riff_chunk(type, text, sizeof(text) - 1)

#define VP8 "\20\0\0\x9D\1\x2A\40\0\20\0pixels" /* 32 × 16 */
#define VP8X(flags) flags "\0\0\0\37\0\0\17\0\0"

static void webp_head(void)
{
    buf_reset(&file);
    buf_add(&file, "RIFF\0\0\0\0WEBP", 12);
}

static void test_G_P3_webp_chunks(void **state)
{
    struct media_facts facts;
    uint8_t exif[6 + EXIF_MINIMAL] = "Exif\0";
    (void)state;
    exif_minimal(5, exif + 6);
    webp_head();
    RIFF("VP8X", VP8X("\x3C"));
    RIFF("ICCP", "colours");
    RIFF("UNKN", "LEAKunknown");
    RIFF("ALPH", "alpha");
    RIFF("VP8 ", VP8);
    riff_chunk("EXIF", exif, sizeof exif);
    RIFF("XMP ", "LEAKxmp");
    buf_str(&file, "LEAKtail");
    assert_int_equal(media_sniff(file.data, file.len, &facts, NULL), 0);
    assert_int_equal(facts.orientation, 5);
    assert_int_equal(strip(MEDIA_WEBP), 0);
    assert_false(holds("LEAK") || holds("XMP "));
    assert_true(holds("colours") && holds("alpha") && holds("pixels"));
    assert_int_equal(clean.data[20], 0x38); /* colour profile, alpha, Exif */
    assert_int_equal(le32((uint8_t *)clean.data + 4), clean.len - 8);

    webp_head(); /* an odd part at the end, its padding forgotten */
    RIFF("VP8 ", VP8);
    RIFF("UNKN", "odd");
    file.len--;
    put_le32((uint8_t *)file.data + 4, (uint32_t)file.len - 8);
    assert_int_equal(strip(MEDIA_WEBP), 0);
    assert_int_equal(clean.len, 12 + 8 + 16);

    webp_head(); /* the plain form has no place for metadata; what stands there goes all the same */
    RIFF("VP8 ", VP8);
    RIFF("EXIF", "LEAKexif");
    assert_int_equal(strip(MEDIA_WEBP), 0);
    assert_false(holds("LEAK"));
    assert_int_equal(clean.len, 12 + 8 + 16);
}

static void test_lying_webp(void **state)
{
    (void)state;
    webp_head();
    RIFF("VP8X", VP8X("\2"));
    RIFF("ANIM", "......");
    assert_refused(MEDIA_WEBP, "animated");
    webp_head();
    RIFF("VP8X", VP8X("\0"));
    assert_refused(MEDIA_WEBP, "no picture");
    webp_head();
    RIFF("VP8X", "\0\0\0\0\77\0\0\17\0\0");
    RIFF("VP8 ", VP8);
    assert_refused(MEDIA_WEBP, "disagree");
    webp_head();
    RIFF("VP8 ", VP8);
    RIFF("VP8 ", VP8);
    assert_refused(MEDIA_WEBP, "twice");
    webp_head();
    RIFF("VP8 ", VP8);
    put_le32((uint8_t *)file.data + 16, 1000);
    assert_refused(MEDIA_WEBP, "past the end");
    webp_head();
    RIFF("VP8 ", VP8);
    put_le32((uint8_t *)file.data + 4, 1000);
    assert_refused(MEDIA_WEBP, "ends early");
    webp_head();
    RIFF("VP8L", "\x2F\0\0");
    assert_refused(MEDIA_WEBP, "odd");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_G_P3_jpeg_segments), cmocka_unit_test(test_lying_jpeg),
        cmocka_unit_test(test_G_P3_png_chunks),    cmocka_unit_test(test_lying_png),
        cmocka_unit_test(test_G_P3_webp_chunks),   cmocka_unit_test(test_lying_webp),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
