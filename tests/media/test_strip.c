/* G-P3: what is kept of a picture is the picture. Samples of every format with everything in them
 * that must go (tests/media/make-samples) are stripped; then bytes, exiftool and a decoder are
 * asked. That the samples hold it beforehand is asserted too: else the test would prove nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "files.h"
#include "heif_build.h"
#include "media/strip.h"
#include <unistd.h>
#include <vips/vips.h>

static char folder[] = "/tmp/raum-strip-XXXXXX";

static int run(const char *fmt, ...)
{
    char command[4096];
    va_list args;
    va_start(args, fmt);
    vsnprintf(command, sizeof command, fmt, args);
    va_end(args);
    return system(command);
}

static int set_up(void **state)
{
    const char *photo = getenv("RAUM_TEST_PHOTO");
    (void)state;
    if (VIPS_INIT("test_strip") || !mkdtemp(folder))
        return -1;
    if (photo && access(photo, R_OK))
        photo = NULL;
    vips_cache_set_max(0);
    return run("LSAN_OPTIONS=detect_leaks=0 '%s' '%s' '%s' '%s'", getenv("RAUM_MAKE_SAMPLES"),
               getenv("RAUM_SAMPLE_WRITER"), folder, photo ? photo : "");
}

static int tear_down(void **state)
{
    (void)state;
    return run("rm -rf '%s'", folder);
}

static const char *in_folder(const char *sub, const char *name)
{
    static char path[2][2 * FILES_PATH];
    static int turn;
    turn ^= 1;
    int len = snprintf(path[turn], sizeof path[turn], "%s/%s/%s", folder, sub, name);
    assert_true(len > 0 && (size_t)len < sizeof path[turn]);
    return path[turn];
}

static void strip(const void *data, size_t len, struct buf *out, struct media_facts *facts)
{
    struct raum_error error;
    uint8_t *copy = malloc(len);
    memcpy(copy, data, len);
    buf_init(out, MEDIA_OUT_MAX(len));
    int rc = media_sniff(copy, len, facts, &error);
    if (rc == 0)
        rc = media_strip(facts->type, copy, len, out, facts, &error);
    if (rc)
        fprintf(stderr, "%s\n", error.text);
    assert_int_equal(rc, 0);
    free(copy);
}

static VipsImage *decode(const void *data, size_t len)
{
    VipsImage *image = vips_image_new_from_buffer(data, len, "", "fail_on", VIPS_FAIL_ON_WARNING,
                                                  NULL);
    if (!image)
        fprintf(stderr, "%s\n", vips_error_buffer());
    assert_non_null(image);
    return image;
}

static void assert_same_field(VipsImage *a, VipsImage *b, const char *field)
{
    const void *x = NULL, *y = NULL;
    size_t x_len = 0, y_len = 0;
    assert_int_equal(vips_image_get_typeof(a, field), vips_image_get_typeof(b, field));
    if (!vips_image_get_typeof(a, field))
        return;
    assert_int_equal(vips_image_get_blob(a, field, &x, &x_len), 0);
    assert_int_equal(vips_image_get_blob(b, field, &y, &y_len), 0);
    assert_int_equal(x_len, y_len);
    assert_memory_equal(x, y, x_len);
}

/* Same pixels, same colour profile, same orientation; the facts are what a decoder shows. */
static void assert_same_picture(const void *before, size_t before_len, const void *after,
                                size_t after_len, const struct media_facts *facts)
{
    VipsImage *a = decode(before, before_len), *b = decode(after, after_len);
    size_t a_len, b_len;
    void *a_pixels = vips_image_write_to_memory(a, &a_len);
    void *b_pixels = vips_image_write_to_memory(b, &b_len);
    assert_non_null(a_pixels);
    assert_non_null(b_pixels);
    assert_int_equal(a_len, b_len);
    assert_memory_equal(a_pixels, b_pixels, a_len);
    assert_int_equal(a->Bands, b->Bands);
    assert_int_equal(vips_image_get_orientation(a), vips_image_get_orientation(b));
    assert_same_field(a, b, VIPS_META_ICC_NAME);
    bool turned = vips_image_get_orientation_swap(b);
    assert_int_equal(facts->width, turned ? b->Ysize : b->Xsize);
    assert_int_equal(facts->height, turned ? b->Xsize : b->Ysize);
    g_free(a_pixels);
    g_free(b_pixels);
    g_object_unref(a);
    g_object_unref(b);
}

static void assert_stable(const struct buf *clean)
{
    struct media_facts facts;
    struct buf again;
    strip(clean->data, clean->len, &again, &facts);
    assert_int_equal(again.len, clean->len);
    assert_memory_equal(again.data, clean->data, clean->len);
    buf_release(&again);
}

static void test_G_P3_nothing_but_the_picture_stays(void **state)
{
    char names[FILES_MAX][256];
    size_t count = files_list(in_folder("tagged", ""), names);
    (void)state;
    assert_true(count >= 22);
    assert_int_equal(run("mkdir '%s'", in_folder("clean", "")), 0);
    for (size_t i = 0; i < count; i++) {
        struct media_facts facts;
        struct buf clean;
        size_t len;
        void *data = file_slurp(in_folder("tagged", names[i]), &len);
        assert_true(bytes_contain(data, len, "LEAKmodel"));
        assert_true(bytes_contain(data, len, "LEAKxmp"));
        assert_true(bytes_contain(data, len, "LEAKtail"));
        strip(data, len, &clean, &facts);
        if (bytes_contain(clean.data, clean.len, "LEAK"))
            fail_msg("%s still holds a tag", names[i]);
        assert_same_picture(data, len, clean.data, clean.len, &facts);
        assert_stable(&clean);
        file_spit(in_folder("clean", names[i]), clean.data, clean.len);
        buf_release(&clean);
        free(data);
    }
}

/* Groups and tags of exiftool that describe the bytes themselves. */
static bool harmless(const char *group, const char *tag)
{
    static const char *const groups[] = {"ExifTool", "System", "File", "Composite", "JFIF", "PNG",
                                         "PNG-pHYs", "RIFF", "QuickTime", "Adobe"};
    if (strncmp(group, "ICC", 3) == 0)
        return true;
    if (strcmp(group, "IFD0") == 0)
        return strcmp(tag, "Orientation") == 0;
    if (strcmp(group, "Meta") == 0)
        return strcmp(tag, "PrimaryItemReference") == 0;
    if (strstr(tag, "GPS") || strcmp(tag, "Comment") == 0 || strcmp(tag, "Warning") == 0 ||
        (strstr(tag, "Date") && strcmp(group, "System") != 0))
        return false;
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
        if (strcmp(group, groups[i]) == 0)
            return true;
    return false;
}

/* How many tags of a folder say more than the picture; prints them if told. */
static int ask_exiftool(const char *path, bool print)
{
    char command[FILES_PATH + 100], line[4096], group[100], tag[200];
    int lines = 0, found = 0;
    snprintf(command, sizeof command, "exiftool -q -G1 -s -s -a -u -U -ee '%s'", path);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    while (fgets(line, sizeof line, pipe)) {
        if (sscanf(line, "[%99[^]]] %199[^:]", group, tag) != 2)
            continue;
        lines++;
        bool bad = !harmless(group, tag);
        found += bad;
        if (bad && print)
            fprintf(stderr, "left: %s", line);
    }
    assert_int_equal(pclose(pipe), 0);
    assert_true(lines > 100);
    return found;
}

static void test_G_P3_exiftool_agrees(void **state)
{
    (void)state;
    assert_true(ask_exiftool(in_folder("tagged", ""), false) > 100);
    assert_int_equal(ask_exiftool(in_folder("clean", ""), true), 0);
}

static void test_G_P3_orientation_stays(void **state)
{
    static const char *const names[] = {"base.jpg", "base.png", "base.webp"};
    (void)state;
    assert_int_equal(run("cd '%s' && mkdir turned && for o in 1 2 3 4 5 6 7 8; do "
                         "for f in base.jpg base.png base.webp; do "
                         "cp plain/$f turned/$o-$f || exit; done; done && "
                         "exiftool -q -q -overwrite_original -n -GPSLatitude=48 "
                         "'-IFD0:Orientation<${filename;s/-.*//}' turned",
                         folder),
                     0);
    for (int o = 1; o <= 8; o++)
        for (size_t i = 0; i < 3; i++) {
            struct media_facts facts;
            struct buf clean;
            size_t len;
            char name[32];
            snprintf(name, sizeof name, "%d-%s", o, names[i]);
            void *data = file_slurp(in_folder("turned", name), &len);
            strip(data, len, &clean, &facts);
            assert_int_equal(facts.orientation, o);
            assert_same_picture(data, len, clean.data, clean.len, &facts);
            buf_release(&clean);
            free(data);
        }
}

/* The coded picture of the plain HEIC, as a tile for what telephones build of such. */
static void *open_tile(struct heif *h, struct heif_plan *plan)
{
    size_t len;
    void *data = file_slurp(in_folder("plain", "base.heic"), &len);
    assert_int_equal(heif_open(h, data, len, NULL), 0);
    const struct heif_item *tile = heif_item(h, h->primary);
    struct heif_cursor extents = tile->extents;
    *plan = (struct heif_plan){.hvcc = heif_prop(h, tile, HEIF_HVCC)};
    assert_true(heif_next_extent(h, tile, &extents, &plan->coded, &plan->coded_len));
    const struct heif_box *ispe = heif_prop(h, tile, HEIF_ISPE);
    plan->width = be32(ispe->body + 4);
    plan->height = be32(ispe->body + 8);
    plan->grid_width = 2 * plan->width - 10;
    plan->grid_height = 2 * plan->height - 20;
    return data;
}

static void test_G_P3_telephone_heic(void **state)
{
    struct heif h;
    struct heif_plan plan;
    void *data = open_tile(&h, &plan);
    (void)state;
    for (int kind = 0; kind <= 7; kind++) {
        struct media_facts facts;
        struct buf file, clean;
        bool turned = plan.turned = kind & 1;
        plan.aliased = kind & 2;
        plan.cropped = kind & 4;
        uint32_t width = plan.grid_width - (plan.cropped ? 20 : 0);
        uint32_t height = plan.grid_height - (plan.cropped ? 10 : 0);
        buf_init(&file, (size_t)1 << 24);
        heif_build(&file, &plan);
        assert_true(bytes_contain(file.data, file.len, "LEAKexif"));
        strip(file.data, file.len, &clean, &facts);
        assert_false(bytes_contain(clean.data, clean.len, "LEAK"));
        assert_false(bytes_contain(clean.data, clean.len, "thmb"));
        assert_false(bytes_contain(clean.data, clean.len, "gainmap"));
        assert_memory_equal(clean.data + 4, "ftypheic\0\0\0\0mif1heicMiHE", 24); /* no "live" */
        assert_true(clean.len < 4 * plan.coded_len + 1500);
        assert_int_equal(facts.width, turned ? height : width);
        assert_int_equal(facts.height, turned ? width : height);
        assert_same_picture(file.data, file.len, clean.data, clean.len, &facts);
        assert_stable(&clean);
        buf_release(&file);
        buf_release(&clean);
    }
    heif_close(&h);
    free(data);
}

static void assert_refused(const struct heif_plan *plan, const char *word)
{
    struct raum_error error;
    struct buf file, clean;
    buf_init(&file, (size_t)1 << 24);
    heif_build(&file, plan);
    buf_init(&clean, MEDIA_OUT_MAX(file.len));
    assert_int_equal(media_strip(MEDIA_HEIC, file.data, file.len, &clean, NULL, &error),
                     RAUM_EUNSUPPORTED_MEDIA);
    assert_non_null(strstr(error.text, word));
    buf_release(&file);
    buf_release(&clean);
}

/* Replaces what stands `skip` bytes behind a box's type. */
static void patch(struct buf *file, const char *type, size_t skip, const char *bytes, size_t len)
{
    for (size_t i = 0; i + 4 + skip + len <= file->len; i++)
        if (memcmp(file->data + i, type, 4) == 0) {
            memcpy(file->data + i + 4 + skip, bytes, len);
            return;
        }
    fail_msg("no %s", type);
}

static void assert_patched_refused(const struct heif_plan *plan, const char *type, size_t skip,
                                   const char *bytes, size_t len, const char *word)
{
    struct raum_error error;
    struct buf file, clean;
    buf_init(&file, (size_t)1 << 24);
    heif_build(&file, plan);
    patch(&file, type, skip, bytes, len);
    buf_init(&clean, MEDIA_OUT_MAX(file.len));
    assert_int_equal(media_strip(MEDIA_HEIC, file.data, file.len, &clean, NULL, &error),
                     RAUM_EUNSUPPORTED_MEDIA);
    if (!strstr(error.text, word))
        fail_msg("\"%s\" does not say \"%s\"", error.text, word);
    buf_release(&file);
    buf_release(&clean);
}

static void test_lying_heic_is_refused(void **state)
{
    struct heif h;
    struct heif_plan plan;
    void *data = open_tile(&h, &plan);
    (void)state;
    plan.outside = true;
    assert_refused(&plan, "outside");
    plan.outside = false;
    plan.lying_grid = true;
    assert_refused(&plan, "broken");
    plan.lying_grid = false;
    assert_patched_refused(&plan, "iloc", 4, "\x34", 1, "places is odd");
    assert_patched_refused(&plan, "iloc", 4, "\x43", 1, "places is odd");
    assert_patched_refused(&plan, "iloc", 6, "\x7F\xFF", 2, "places is cut off");
    assert_patched_refused(&plan, "iinf", 4, "\0\x9", 2, "items is");
    assert_patched_refused(&plan, "iinf", 4, "\0\0", 2, "items is odd");
    assert_patched_refused(&plan, "infe", 4, "\0\2", 2, "there twice");
    assert_patched_refused(&plan, "infe", 6, "\0\1", 2, "encrypted");
    assert_patched_refused(&plan, "infe", 8, "jpeg", 4, "compressed in a way");
    assert_patched_refused(&plan, "pitm", 4, "\0\x63", 2, "missing");
    assert_patched_refused(&plan, "ipma", 4, "\0\0\xFF\xFF", 4, "properties is cut off");
    assert_patched_refused(&plan, "hvcC", 22, "\xFF", 1, "codec is set up oddly");
    assert_patched_refused(&plan, "idat", 2, "\1\1\0\0", 4, "broken");
    heif_close(&h);
    free(data);
}

/* A message that an encoder hides among the coded units of the picture. */
static void test_G_P3_messages_in_the_stream_go(void **state)
{
    static const uint8_t sei[] = {0,   0,   0,   14,  39 << 1, 1,   5,   9,   'L',
                                  'E', 'A', 'K', 'x', '2',     '6', '5', '.', 0x80};
    struct heif h;
    struct heif_plan plan;
    struct media_facts facts;
    struct buf file, clean, coded;
    void *data = open_tile(&h, &plan);
    (void)state;
    buf_init(&coded, (size_t)1 << 24);
    buf_add(&coded, sei, sizeof sei);
    buf_add(&coded, plan.coded, plan.coded_len);
    plan.coded = (const uint8_t *)coded.data;
    plan.coded_len = coded.len;
    buf_init(&file, (size_t)1 << 24);
    heif_build(&file, &plan);
    strip(file.data, file.len, &clean, &facts);
    assert_true(bytes_contain(file.data, file.len, "LEAKx265"));
    assert_false(bytes_contain(clean.data, clean.len, "LEAKx265"));
    assert_same_picture(file.data, file.len, clean.data, clean.len, &facts);
    buf_release(&file);
    buf_release(&clean);
    buf_release(&coded);
    heif_close(&h);
    free(data);
}

static void test_type_must_be_the_one_that_was_sniffed(void **state)
{
    size_t len;
    struct buf out;
    void *data = file_slurp(in_folder("plain", "base.png"), &len);
    (void)state;
    buf_init(&out, MEDIA_OUT_MAX(len));
    assert_int_equal(media_strip(MEDIA_JPEG, data, len, &out, NULL, NULL),
                     RAUM_EUNSUPPORTED_MEDIA);
    assert_int_equal(out.len, 0);
    free(data);
    buf_release(&out);
}

static void test_png_checksums_are_checked(void **state)
{
    size_t len;
    struct buf out;
    struct raum_error error;
    uint8_t *data = file_slurp(in_folder("plain", "base.png"), &len);
    (void)state;
    buf_init(&out, MEDIA_OUT_MAX(len));
    data[len / 2] ^= 1;
    assert_int_equal(media_strip(MEDIA_PNG, data, len, &out, NULL, &error),
                     RAUM_EUNSUPPORTED_MEDIA);
    assert_non_null(strstr(error.text, "checksum"));
    free(data);
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_G_P3_nothing_but_the_picture_stays),
        cmocka_unit_test(test_G_P3_exiftool_agrees),
        cmocka_unit_test(test_G_P3_orientation_stays),
        cmocka_unit_test(test_G_P3_telephone_heic),
        cmocka_unit_test(test_lying_heic_is_refused),
        cmocka_unit_test(test_G_P3_messages_in_the_stream_go),
        cmocka_unit_test(test_type_must_be_the_one_that_was_sniffed),
        cmocka_unit_test(test_png_checksums_are_checked),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
