/* G-P5: a file is what its bytes are. What is no picture, what is damaged, what moves and what
 * would unpack to too much is refused by its header. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "files.h"
#include "media/bytes.h"
#include "media/exif.h"
#include "media/sniff.h"
#include "media/strip.h"

static const char *data_path(const char *name)
{
    static char path[FILES_PATH];
    snprintf(path, sizeof path, "%s/media/%s", getenv("RAUM_TEST_DATA"), name);
    return path;
}

static int sniff(const void *data, size_t len, struct media_facts *facts, struct raum_error *error)
{
    uint8_t *copy = malloc(len ? len : 1); /* exact: an over-read is seen */
    memcpy(copy, data, len);
    int rc = media_sniff(copy, len, facts, error);
    free(copy);
    return rc;
}

static void test_G_P5_types_and_sizes(void **state)
{
    static const struct {
        const char *name;
        enum media_type type;
        uint32_t width, height;
        int orientation;
    } golden[] = {
        {"gps.jpg", MEDIA_JPEG, 24, 32, 6}, {"gps.png", MEDIA_PNG, 24, 32, 6},
        {"gps.webp", MEDIA_WEBP, 24, 32, 6}, {"gps.heic", MEDIA_HEIC, 32, 24, 1},
        {"gps.avif", MEDIA_AVIF, 32, 24, 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof golden / sizeof golden[0]; i++) {
        struct media_facts facts;
        size_t len;
        void *data = file_slurp(data_path(golden[i].name), &len);
        assert_int_equal(sniff(data, len, &facts, NULL), 0);
        assert_int_equal(facts.type, golden[i].type);
        assert_int_equal(facts.width, golden[i].width);
        assert_int_equal(facts.height, golden[i].height);
        assert_int_equal(facts.orientation, golden[i].orientation);
        free(data);
    }
}

static void test_G_P5_everything_else_is_refused_by_name(void **state)
{
    static const struct {
        const char *bytes, *word;
    } foreign[] = {
        {"GIF89a\1\0\1\0\0\0\0;", "GIF"},
        {"%PDF-1.7\n", "PDF"},
        {"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "SVG"},
        {"\xEF\xBB\xBF  <?xml version='1.0'?><svg/>", "SVG"},
        {"\n\n<!DOCTYPE html><script>alert(1)</script>", "HTML"},
        {"BM......................", "BMP"},
        {"PK\3\4.................", "ZIP"},
        {"hello, I am image/jpeg", "not a picture"},
    };
    static const uint8_t film[] = {0, 0, 0, 24, 'f', 't', 'y', 'p', 'm', 'p', '4', '2', 0, 0, 0, 0,
                                   'i', 's', 'o', 'm', 'm', 'p', '4', '2'};
    struct media_facts facts;
    struct raum_error error;
    (void)state;
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        assert_int_equal(sniff(foreign[i].bytes, strlen(foreign[i].bytes), &facts, &error),
                         RAUM_EUNSUPPORTED_MEDIA);
        assert_non_null(strstr(error.text, foreign[i].word));
        assert_non_null(strstr(error.text, "JPEG, PNG, WebP, HEIC or AVIF"));
    }
    assert_int_equal(sniff(film, sizeof film, &facts, &error), RAUM_EUNSUPPORTED_MEDIA);
    assert_non_null(strstr(error.text, "film"));
    assert_int_equal(sniff("", 0, &facts, &error), RAUM_EUNSUPPORTED_MEDIA);
    assert_non_null(strstr(error.text, "empty"));
    assert_int_equal(sniff("II*\0\10\0\0\0", 8, &facts, &error), RAUM_EUNSUPPORTED_MEDIA);
    assert_non_null(strstr(error.text, "TIFF"));
}

/* A picture of each kind with the size in its header replaced. */
static int sniff_sized(const char *name, uint32_t width, uint32_t height, struct raum_error *error)
{
    struct media_facts facts;
    size_t len;
    uint8_t *d = file_slurp(data_path(name), &len);
    for (size_t i = 0; i + 20 < len; i++) {
        if (strstr(name, "jpg") && d[i] == 0xFF && d[i + 1] == 0xC0) {
            d[i + 5] = (uint8_t)(height >> 8), d[i + 6] = (uint8_t)height;
            d[i + 7] = (uint8_t)(width >> 8), d[i + 8] = (uint8_t)width;
        }
        if (memcmp(d + i, "IHDR", 4) == 0 || memcmp(d + i, "ispe\0\0\0\0", 8) == 0) {
            put_be32(d + i + (d[i] == 'I' ? 4 : 8), width);
            put_be32(d + i + (d[i] == 'I' ? 8 : 12), height);
        }
        if (memcmp(d + i, "VP8X", 4) == 0) {
            put_le32(d + i + 12, (width - 1) | (height - 1) << 24);
            put_le32(d + i + 14, (width - 1) >> 16 | (height - 1) << 8);
        }
        if (memcmp(d + i, "\x9D\x01\x2A", 3) == 0)
            put_le32(d + i + 3, width | height << 16);
    }
    int rc = sniff(d, len, &facts, error);
    free(d);
    return rc;
}

static void test_G_P5_bombs_are_refused_by_their_header(void **state)
{
    static const char *const names[] = {"gps.jpg", "gps.png", "gps.heic", "gps.avif"};
    struct raum_error error;
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(sniff_sized(names[i], 8192, 6144, &error), 0);
        assert_int_equal(sniff_sized(names[i], 8192, 6401, &error), RAUM_ETOO_LARGE);
        assert_non_null(strstr(error.text, "50 megapixels"));
        assert_int_equal(sniff_sized(names[i], 65535, 65535, &error), RAUM_ETOO_LARGE);
        assert_int_equal(sniff_sized(names[i], 0, 100, &error), RAUM_EUNSUPPORTED_MEDIA);
        assert_int_equal(sniff_sized(names[i], 100, 0, &error), RAUM_EUNSUPPORTED_MEDIA);
    }
    assert_int_equal(sniff_sized("gps.webp", 8192, 6144, &error), 0);
    assert_int_equal(sniff_sized("gps.webp", 16383, 16383, &error), RAUM_ETOO_LARGE);
    assert_int_equal(sniff_sized("gps.png", 100000, 2, &error), RAUM_ETOO_LARGE);
    assert_int_equal(sniff_sized("gps.png", 0x80000000u, 2, &error), RAUM_ETOO_LARGE);
}

static void test_large_files_are_not_looked_at(void **state)
{
    struct media_facts facts;
    struct raum_error error;
    (void)state;
    char *data = calloc(1, MEDIA_FILE_MAX + 1);
    memcpy(data, "\xFF\xD8\xFF", 3);
    assert_int_equal(media_sniff(data, MEDIA_FILE_MAX + 1, &facts, &error), RAUM_ETOO_LARGE);
    assert_int_equal(media_sniff(data, MEDIA_FILE_MAX, &facts, &error), RAUM_EUNSUPPORTED_MEDIA);
    free(data);
}

/* Cut anywhere: nothing crashes, and what is taken is whole. */
static void test_cut_pictures_are_refused(void **state)
{
    static const char *const names[] = {"gps.jpg", "gps.png", "gps.webp", "gps.heic", "gps.avif"};
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        size_t len, good = 0;
        uint8_t *data = file_slurp(data_path(names[i]), &len);
        for (size_t cut = 0; cut < len; cut++) {
            struct media_facts facts = {0};
            struct buf out;
            uint8_t *part = malloc(cut ? cut : 1);
            memcpy(part, data, cut);
            buf_init(&out, MEDIA_OUT_MAX(cut));
            int rc = media_sniff(part, cut, &facts, NULL);
            if (rc == 0)
                rc = media_strip(facts.type, part, cut, &out, NULL, NULL);
            good += rc == 0;
            buf_release(&out);
            free(part);
        }
        /* Only the tail that the golden files carry behind their end may go, or the metadata that
         * HEIC and AVIF hold behind the picture. */
        if (i < 3)
            assert_int_equal(good, strlen("LEAKtail"));
        free(data);
    }
}

static void test_orientation_of_every_kind_of_exif(void **state)
{
    uint8_t block[EXIF_MINIMAL];
    (void)state;
    for (uint8_t o = 1; o <= 8; o++) {
        exif_minimal(o, block);
        assert_int_equal(exif_orientation(block, sizeof block), o);
        for (size_t cut = 0; cut < 20; cut++)
            assert_int_equal(exif_orientation(block, cut), 1);
    }
    uint8_t little[] = {'E', 'x', 'i', 'f', 0, 0, 'I', 'I', 42, 0, 8, 0, 0, 0, 2, 0,
                        0x0F, 1, 2, 0, 1, 0, 0, 0, 'x', 0, 0, 0,
                        0x12, 1, 3, 0, 1, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0};
    assert_int_equal(exif_orientation(little, sizeof little), 3);
    little[36] = 9;
    assert_int_equal(exif_orientation(little, sizeof little), 1);
    memset(little + 10, 0xFF, 4); /* a directory far outside */
    assert_int_equal(exif_orientation(little, sizeof little), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_G_P5_types_and_sizes),
        cmocka_unit_test(test_G_P5_everything_else_is_refused_by_name),
        cmocka_unit_test(test_G_P5_bombs_are_refused_by_their_header),
        cmocka_unit_test(test_large_files_are_not_looked_at),
        cmocka_unit_test(test_cut_pictures_are_refused),
        cmocka_unit_test(test_orientation_of_every_kind_of_exif),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
