/* The resizing worker: upright and clean variants (G-P3), refusal of bombs and of what is no
 * picture (G-P5), and a parent that survives a worker which dies, hangs, lies or never starts
 * (G-O3). The program is its own worker: called as `test_resize image-worker` it is the true one,
 * as `test_resize worker-that-â¦` a false one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../media/files.h"
#include "image/resize.h"
#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>
#include <vips/vips.h>

static const char *self;

struct result {
    struct buf variants[3];
    uint32_t width, height;
    struct raum_error error;
    int rc;
};

static struct image_resizer *open_resizer(const char *const *args, int timeout_ms)
{
    struct image_options options = {.program = self, .args = args, .timeout_ms = timeout_ms};
    struct image_resizer *resizer;
    assert_int_equal(image_resizer_new(&resizer, &options, NULL), 0);
    return resizer;
}

static int resize(struct image_resizer *resizer, const void *data, size_t len, struct result *r)
{
    *r = (struct result){0};
    for (int i = 0; i < 3; i++)
        buf_init(&r->variants[i], (size_t)16 << 20);
    r->rc = image_resize(resizer, data, len, r->variants, &r->width, &r->height, &r->error);
    return r->rc;
}

static void release(struct result *r)
{
    for (int i = 0; i < 3; i++)
        buf_release(&r->variants[i]);
}

/* Four corners in red, green, blue and white: no turn or flip of it looks the same. */
static VipsImage *corners(int width, int height)
{
    unsigned char *pixels = malloc((size_t)width * (size_t)height * 3), *p = pixels;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++, p += 3) {
            bool right = x >= width / 2, low = y >= height / 2;
            p[0] = (right == low) && !(right && !low) ? 255 : 0;
            p[1] = right ? 255 : 0;
            p[2] = low ? 255 : 0;
        }
    VipsImage *image = vips_image_new_from_memory_copy(pixels, (size_t)(p - pixels), width, height,
                                                       3, VIPS_FORMAT_UCHAR);
    image->Type = VIPS_INTERPRETATION_sRGB;
    free(pixels);
    return image;
}

/* The picture as a camera would store it to be shown upright with this orientation. */
static VipsImage *stored(VipsImage *upright, int orientation)
{
    static const VipsAngle back[9] = {[3] = VIPS_ANGLE_D180, [4] = VIPS_ANGLE_D180,
                                      [5] = VIPS_ANGLE_D90,  [6] = VIPS_ANGLE_D270,
                                      [7] = VIPS_ANGLE_D270, [8] = VIPS_ANGLE_D90};
    VipsImage *turned, *out;
    bool mirrored = orientation == 2 || orientation == 4 || orientation == 5 || orientation == 7;
    assert_int_equal(vips_rot(upright, &turned, back[orientation], NULL), 0);
    if (mirrored)
        assert_int_equal(vips_flip(turned, &out, VIPS_DIRECTION_HORIZONTAL, NULL), 0);
    else
        assert_int_equal(vips_copy(turned, &out, NULL), 0);
    g_object_unref(turned);
    vips_image_set_int(out, VIPS_META_ORIENTATION, orientation);
    vips_image_set_string(out, "exif-ifd0-Make",
                          "LEAKmake (LEAKmake, ASCII, 9 components, 9 bytes)");
    vips_image_set_string(out, "exif-ifd3-GPSLatitude",
                          "48/1 12/1 29/1 (48, 12, 29, Rational, 3 components, 24 bytes)");
    return out;
}

static void *jpeg_of(VipsImage *image, size_t *len)
{
    void *data = NULL;
    assert_int_equal(vips_jpegsave_buffer(image, &data, len, "Q", 95, NULL), 0);
    return data;
}

static void assert_corners(const struct buf *webp, uint32_t width, uint32_t height)
{
    VipsImage *image = NULL;
    assert_int_equal(vips_webpload_buffer(webp->data, webp->len, &image, NULL), 0);
    assert_int_equal(image->Xsize, width);
    assert_int_equal(image->Ysize, height);
    for (int corner = 0; corner < 4; corner++) {
        bool right = corner & 1, low = corner & 2;
        double *p, want[3] = {0, right ? 255 : 0, low ? 255 : 0};
        int count;
        want[0] = (right == low) && !(right && !low) ? 255 : 0;
        assert_int_equal(vips_getpoint(image, &p, &count, right ? (int)width - 3 : 2,
                                       low ? (int)height - 3 : 2, NULL),
                         0);
        for (int i = 0; i < 3; i++)
            assert_true(p[i] > want[i] - 12 && p[i] < want[i] + 12);
        g_free(p);
    }
    g_object_unref(image);
}

/* Not one field of metadata, and in bytes no chunk for it. */
static void assert_clean(const struct buf *webp)
{
    VipsImage *image = NULL;
    assert_int_equal(vips_webpload_buffer(webp->data, webp->len, &image, NULL), 0);
    assert_false(vips_image_get_typeof(image, VIPS_META_EXIF_NAME));
    assert_false(vips_image_get_typeof(image, VIPS_META_XMP_NAME));
    assert_false(vips_image_get_typeof(image, VIPS_META_ICC_NAME));
    assert_false(bytes_contain(webp->data, webp->len, "EXIF"));
    assert_false(bytes_contain(webp->data, webp->len, "XMP "));
    assert_false(bytes_contain(webp->data, webp->len, "LEAK"));
    g_object_unref(image);
}

static void test_G_P3_upright_for_all_orientations(void **state)
{
    struct image_resizer *resizer = open_resizer(NULL, 0);
    VipsImage *upright = corners(300, 200);
    (void)state;
    for (int o = 1; o <= 8; o++) {
        struct result r;
        size_t len;
        VipsImage *image = stored(upright, o);
        void *data = jpeg_of(image, &len);
        assert_true(bytes_contain(data, len, "LEAKmake"));
        assert_int_equal(resize(resizer, data, len, &r), 0);
        assert_int_equal(r.width, 300);
        assert_int_equal(r.height, 200);
        assert_corners(&r.variants[0], 256, 171);
        assert_corners(&r.variants[1], 300, 200);
        assert_corners(&r.variants[2], 300, 200);
        for (int i = 0; i < 3; i++)
            assert_clean(&r.variants[i]);
        release(&r);
        g_free(data);
        g_object_unref(image);
    }
    g_object_unref(upright);
    image_resizer_free(resizer);
}

static void assert_colours(struct image_resizer *resizer, const void *data, size_t len)
{
    struct result r;
    if (resize(resizer, data, len, &r))
        fprintf(stderr, "%s\n", r.error.text);
    assert_int_equal(r.rc, 0);
    assert_corners(&r.variants[0], 256, 171);
    assert_clean(&r.variants[0]);
    release(&r);
}

/* Wide gamut and 16 bits become the same colours in sRGB; what is sRGB already stays what it is. */
static void test_colours_become_srgb(void **state)
{
    struct image_resizer *resizer = open_resizer(NULL, 0);
    VipsImage *image = corners(300, 200), *wide, *deep;
    void *data[3] = {NULL};
    size_t len[3];
    (void)state;
    assert_int_equal(vips_icc_transform(image, &wide, "p3", "input_profile", "srgb", NULL), 0);
    assert_int_equal(vips_colourspace(image, &deep, VIPS_INTERPRETATION_RGB16, NULL), 0);
    assert_int_equal(vips_pngsave_buffer(wide, &data[0], &len[0], NULL), 0);
    assert_int_equal(vips_pngsave_buffer(deep, &data[1], &len[1], NULL), 0);
    assert_int_equal(vips_webpsave_buffer(image, &data[2], &len[2], "Q", 95, NULL), 0);
    for (int i = 0; i < 3; i++) {
        assert_colours(resizer, data[i], len[i]);
        g_free(data[i]);
    }
    g_object_unref(wide);
    g_object_unref(deep);
    g_object_unref(image);
    image_resizer_free(resizer);
}

static void test_sizes_never_grow(void **state)
{
    static const struct {
        int width, height;
        uint32_t sides[6];
    } cases[] = {{3000, 2000, {256, 171, 1024, 683, 2048, 1365}},
                 {1000, 1500, {171, 256, 683, 1024, 1000, 1500}},
                 {40, 30, {40, 30, 40, 30, 40, 30}},
                 {4000, 4, {256, 1, 1024, 1, 2048, 2}}};
    struct image_resizer *resizer = open_resizer(NULL, 0);
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct result r;
        size_t len;
        VipsImage *image = corners(cases[i].width, cases[i].height);
        void *data = jpeg_of(image, &len);
        assert_int_equal(resize(resizer, data, len, &r), 0);
        for (int v = 0; v < 3; v++) {
            VipsImage *out = NULL;
            assert_int_equal(
                vips_webpload_buffer(r.variants[v].data, r.variants[v].len, &out, NULL), 0);
            assert_int_equal(out->Xsize, cases[i].sides[2 * v]);
            assert_int_equal(out->Ysize, cases[i].sides[2 * v + 1]);
            g_object_unref(out);
        }
        release(&r);
        g_free(data);
        g_object_unref(image);
    }
    image_resizer_free(resizer);
}

/* The golden pictures in all five formats, as they are and with their metadata. */
static void test_G_P3_every_format(void **state)
{
    static const char *const names[] = {"gps.jpg", "gps.png", "gps.webp", "gps.heic", "gps.avif"};
    struct image_resizer *resizer = open_resizer(NULL, 0);
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        char path[FILES_PATH];
        struct result r;
        size_t len;
        snprintf(path, sizeof path, "%s/media/%s", getenv("RAUM_TEST_DATA"), names[i]);
        void *data = file_slurp(path, &len);
        if (resize(resizer, data, len, &r))
            fprintf(stderr, "%s: %s\n", names[i], r.error.text);
        assert_int_equal(r.rc, 0);
        assert_int_equal(r.width, i < 3 ? 24 : 32);
        assert_int_equal(r.height, i < 3 ? 32 : 24);
        for (int v = 0; v < 3; v++)
            assert_clean(&r.variants[v]);
        release(&r);
        free(data);
    }
    image_resizer_free(resizer);
}

static void test_G_P5_only_pictures_within_limits(void **state)
{
    struct image_resizer *resizer = open_resizer(NULL, 0);
    struct result r;
    size_t len;
    VipsImage *black;
    void *data = NULL;
    (void)state;
    static const char *const foreign[] = {
        "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'></svg>", "GIF89a..........",
        "%PDF-1.7 ................", "P5 1 1 255 a...............", "id=ImageMagick  a=b\n......"};
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        assert_int_equal(resize(resizer, foreign[i], strlen(foreign[i]), &r),
                         RAUM_EUNSUPPORTED_MEDIA);
        release(&r);
    }
    assert_int_equal(vips_black(&black, 10000, 6000, NULL), 0);
    assert_int_equal(vips_pngsave_buffer(black, &data, &len, NULL), 0);
    assert_true(len < 1000000);
    assert_int_equal(resize(resizer, data, len, &r), RAUM_ETOO_LARGE);
    release(&r);
    g_free(data);
    g_object_unref(black);
    image_resizer_free(resizer);
}

/* A PNG's reader says nothing of pixels it cannot read: plain, interlaced and with a palette, what
 * is overwritten within its pixels or has none is refused, and what is whole is taken. */
static void test_G_P5_png_without_its_pixels(void **state)
{
    struct image_resizer *resizer = open_resizer(NULL, 0);
    VipsImage *image = corners(300, 200);
    (void)state;
    for (int way = 0; way < 3; way++) {
        struct result r;
        void *data = NULL;
        size_t len, at = 0;
        assert_int_equal(vips_pngsave_buffer(image, &data, &len, "interlace", way == 1, "palette",
                                             way == 2, NULL),
                         0);
        assert_int_equal(resize(resizer, data, len, &r), 0);
        release(&r);
        while (memcmp((char *)data + at, "IDAT", 4) != 0)
            at++;
        uint8_t *pixels = (uint8_t *)data + at + 4;
        size_t size = (size_t)pixels[-8] << 24 | (size_t)pixels[-7] << 16 |
                      (size_t)pixels[-6] << 8 | pixels[-5];
        for (size_t i = size / 2; i < size; i++)
            pixels[i] = (uint8_t)(i * 7 + 3);
        assert_int_equal(resize(resizer, data, len, &r), RAUM_EUNSUPPORTED_MEDIA);
        release(&r);
        memset(pixels, 0xa5, size);
        assert_int_equal(resize(resizer, data, len, &r), RAUM_EUNSUPPORTED_MEDIA);
        release(&r);
        g_free(data);
    }
    g_object_unref(image);
    image_resizer_free(resizer);
}

/* Cut off and overwritten in the middle: an answer every time, and the next picture is served. */
static void test_G_O3_garbage(void **state)
{
    struct image_resizer *resizer = open_resizer(NULL, 0);
    VipsImage *image = corners(300, 200);
    size_t len;
    uint8_t *data = jpeg_of(image, &len);
    uint32_t seed = 7;
    (void)state;
    for (int i = 0; i < 40; i++) {
        struct result r;
        uint8_t *bad = malloc(len);
        memcpy(bad, data, len);
        for (int n = 0; n < 20 && i % 2; n++) {
            seed = seed * 1664525u + 1013904223u;
            bad[16 + (seed >> 8) % (len - 16)] = (uint8_t)seed;
        }
        int rc = resize(resizer, bad, i % 2 ? len : len * (size_t)i / 40, &r);
        assert_true(rc == 0 || rc == RAUM_EUNSUPPORTED_MEDIA || rc == RAUM_ETOO_LARGE);
        if (i % 2 == 0)
            assert_int_not_equal(rc, 0);
        release(&r);
        free(bad);
    }
    struct result r;
    assert_int_equal(resize(resizer, data, len, &r), 0);
    release(&r);
    g_free(data);
    g_object_unref(image);
    image_resizer_free(resizer);
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Twice each: after a worker was lost there is another. */
static void assert_fails(const char *way, int code, const char *word)
{
    const char *const args[] = {self, way, NULL};
    struct image_resizer *resizer = open_resizer(args, 700);
    for (int i = 0; i < 2; i++) {
        struct result r;
        int64_t start = now_ms();
        assert_int_equal(resize(resizer, "a picture", 9, &r), code);
        assert_non_null(strstr(r.error.text, word));
        assert_true(now_ms() - start < 5000);
        release(&r);
    }
    image_resizer_free(resizer);
}

static void test_G_O3_workers_that_fail(void **state)
{
    (void)state;
    assert_fails("worker-that-crashes", RAUM_EUNSUPPORTED_MEDIA, "broke off");
    assert_fails("worker-that-hangs", RAUM_ELIMIT, "took longer");
    assert_fails("worker-that-drips", RAUM_ELIMIT, "took longer");
    assert_fails("worker-that-lies", RAUM_EUNSUPPORTED_MEDIA, "broke off");
    assert_fails("worker-that-leaves", RAUM_ENOT_CONFIGURED, "cannot start");
    assert_fails("worker-that-says-no", RAUM_EUNSUPPORTED_MEDIA, "no  [31m");
}

static void test_no_program_no_worker(void **state)
{
    struct image_options options = {.program = "/nonexistent/raum"};
    struct image_resizer *resizer;
    struct result r;
    (void)state;
    assert_int_equal(image_resizer_new(&resizer, &options, NULL), 0);
    assert_int_equal(resize(resizer, "a picture", 9, &r), RAUM_ENOT_CONFIGURED);
    release(&r);
    image_resizer_free(resizer);
    image_resizer_free(NULL);
}

/* The worker has none of our files and none of our environment; the process itself is asked. */
static void test_the_worker_is_alone(void **state)
{
    const char *const args[] = {self, "worker-that-tells", NULL};
    struct image_resizer *resizer = open_resizer(args, 5000);
    struct result r;
    int leak = open("/dev/null", O_RDONLY);
    (void)state;
    assert_true(leak >= 0);
    setenv("RAUM_SECRET", "x", 1);
    assert_int_equal(resize(resizer, "a picture", 9, &r), RAUM_EUNSUPPORTED_MEDIA);
    assert_string_equal(r.error.text, "files 3 secret no");
    close(leak);
    release(&r);
    image_resizer_free(resizer);
}

/* 50 megapixels within the worker's limits. */
static void test_fifty_megapixels(void **state)
{
    struct image_resizer *resizer = open_resizer(NULL, 0);
    VipsImage *image = corners(8192, 6144);
    (void)state;
    for (int progressive = 0; progressive <= 1; progressive++) {
        struct result r;
        size_t len;
        void *data = NULL;
        assert_int_equal(vips_jpegsave_buffer(image, &data, &len, "interlace", progressive, NULL),
                         0);
        resize(resizer, data, len, &r);
        assert_int_equal(r.rc, 0);
        assert_corners(&r.variants[2], 2048, 1536);
        release(&r);
        g_free(data);
    }
    g_object_unref(image);
    image_resizer_free(resizer);
}

/* The workers, true to their names. */
static void say(const void *data, size_t len)
{
    if (write(0, data, len) != (ssize_t)len)
        _exit(9);
}

static void say_no(const char *text)
{
    int32_t reply[6] = {RAUM_EUNSUPPORTED_MEDIA, 0, 0, (int32_t)strlen(text), 0, 0};
    say(reply, sizeof reply);
    say(text, strlen(text));
}

/* An upright copy: PNG, three bands, upright, at most 1024 pixels, nothing of where it was taken
 * (G-P3). */
static void test_upright(void **state)
{
    static const char *const names[] = {"gps.jpg", "gps.png", "gps.webp", "gps.heic", "gps.avif"};
    struct image_resizer *resizer = open_resizer(NULL, 0);
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[FILES_PATH];
        struct buf png;
        size_t len;
        snprintf(path, sizeof path, "%s/media/%s", getenv("RAUM_TEST_DATA"), names[i]);
        void *data = file_slurp(path, &len);
        buf_init(&png, (size_t)8 << 20);
        assert_int_equal(image_upright(resizer, data, len, &png, NULL), 0);
        assert_memory_equal(png.data, "\x89PNG", 4);
        assert_int_equal(png.data[25], 2); /* RGB */
        assert_false(bytes_contain(png.data, png.len, "GPS"));
        assert_false(bytes_contain(png.data, png.len, "eXIf"));
        assert_false(bytes_contain(png.data, png.len, "iCCP"));
        assert_false(bytes_contain(png.data, png.len, "tEXt"));
        buf_release(&png);
        free(data);
    }
    image_resizer_free(resizer);
}

struct page {
    struct buf jpeg;
    struct raum_error error;
};

/* Of `count` times the same picture. */
static int make_page(struct image_resizer *r, const char *words, int count, struct page *p)
{
    char path[FILES_PATH];
    const void *pictures[IMAGE_PARTS_MAX];
    size_t lens[IMAGE_PARTS_MAX], len;
    snprintf(path, sizeof path, "%s/media/gps.jpg", getenv("RAUM_TEST_DATA"));
    void *data = file_slurp(path, &len);
    for (int i = 0; i < count && i < IMAGE_PARTS_MAX; i++) {
        pictures[i] = data;
        lens[i] = len;
    }
    *p = (struct page){.error = {0}};
    buf_init(&p->jpeg, (size_t)8 << 20);
    int rc = image_sheet(r, words, pictures, lens, count, &p->jpeg, &p->error);
    free(data);
    return rc;
}

/* Pages of every shape and number; the label and the paper are on them. */
static void test_pages(void **state)
{
    static const int sizes[][2] = {{1024, 1536}, {512, 512}, {768, 512}, {256, 1024}};
    struct image_resizer *resizer = open_resizer(NULL, 0);
    (void)state;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (int persons = 0; persons <= 2; persons++)
            for (int count = 1; count < IMAGE_PARTS_MAX; count += 3) {
                struct page p;
                struct buf words;
                VipsImage *image;
                double *dots;
                int n;
                buf_init(&words, IMAGE_WORDS_MAX);
                buf_printf(&words, "%d %d\nCOLLAGE\nnothing & <b>more\n", sizes[s][0], sizes[s][1]);
                for (int i = 0; i < count; i++)
                    buf_printf(&words, "%s Ein Stück %d\n", i < persons ? "person" : "thing", i);
                if (make_page(resizer, buf_text(&words), count, &p))
                    fail_msg("%s: %s", buf_text(&words), p.error.text);
                assert_false(bytes_contain(p.jpeg.data, p.jpeg.len, "Exif"));
                assert_int_equal(vips_jpegload_buffer(p.jpeg.data, p.jpeg.len, &image, NULL), 0);
                assert_int_equal(image->Xsize, sizes[s][0]);
                assert_int_equal(image->Ysize, sizes[s][1]);
                assert_int_equal(vips_getpoint(image, &dots, &n, 1, 1, NULL), 0);
                assert_true(n == 3 && dots[0] > 240 && dots[2] > 225 && dots[2] < 240);
                g_free(dots);
                /* Somewhere in the head there is ink. */
                VipsImage *head;
                double least;
                int m = (sizes[s][0] < sizes[s][1] ? sizes[s][0] : sizes[s][1]) / 100;
                assert_int_equal(vips_crop(image, &head, 6 * m, 6 * m, 10 * m, 3 * m, NULL), 0);
                assert_int_equal(vips_min(head, &least, NULL), 0);
                assert_true(least < 120);
                g_object_unref(head);
                g_object_unref(image);
                buf_release(&p.jpeg);
                buf_release(&words);
            }
    image_resizer_free(resizer);
}

static void test_no_pages(void **state)
{
    static const char *const words[] = {
        "", "1024", "1024 1024\n", "1024 1024\nA\n", "1024 1024\nA\nB\n",
        "1024 1024 9\nA\nB\nthing x\n", "9999 1024\nA\nB\nthing x\n",
        "1024 10\nA\nB\nthing x\n", "-1024 1024\nA\nB\nthing x\n",
        "1024 1024\nA\nB\nwhat x\n", "1024 1024\nA\nB\nthing x\nthing y\n",
        "1024 1024\n\xFF\nB\nthing x\n",
    };
    struct image_resizer *resizer = open_resizer(NULL, 0);
    struct page p;
    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (make_page(resizer, words[i], 1, &p) == 0)
            fail_msg("taken: %s", words[i]);
        assert_int_equal(p.jpeg.len, 0);
        buf_release(&p.jpeg);
    }
    assert_int_equal(make_page(resizer, "1024 1024\nA\nB\nthing x\n", 0, &p), RAUM_EUSAGE);
    buf_release(&p.jpeg);
    assert_int_equal(make_page(resizer, "1024 1024\nA\nB\nthing x\n", 9, &p), RAUM_EUSAGE);
    buf_release(&p.jpeg);
    const void *bad[] = {"<svg xmlns='http://www.w3.org/2000/svg'/>"};
    const size_t len[] = {41};
    buf_init(&p.jpeg, 1 << 20);
    assert_int_equal(image_sheet(resizer, "1024 1024\nA\nB\nthing x\n", bad, len, 1, &p.jpeg, NULL),
                     RAUM_EUNSUPPORTED_MEDIA);
    assert_int_equal(image_upright(resizer, bad[0], len[0], &p.jpeg, NULL),
                     RAUM_EUNSUPPORTED_MEDIA);
    buf_release(&p.jpeg);
    assert_int_equal(make_page(resizer, "1024 1024\nA\nB\nthing x\n", 1, &p), 0); /* it lives */
    buf_release(&p.jpeg);
    image_resizer_free(resizer);
}

static int false_worker(const char *way)
{
    char input[13], text[100];
    int32_t lie[6] = {0, 1, 1, INT32_MAX, 1, 1};
    int files = 0;
    if (strcmp(way, "worker-that-leaves") == 0)
        return 0;
    say("RIW1", 4);
    for (size_t got = 0; got < sizeof input;) {
        ssize_t n = read(0, input + got, sizeof input - got);
        if (n <= 0)
            return 0;
        got += (size_t)n;
    }
    if (strcmp(way, "worker-that-crashes") == 0)
        raise(SIGKILL);
    if (strcmp(way, "worker-that-lies") == 0)
        say(lie, sizeof lie);
    if (strcmp(way, "worker-that-says-no") == 0) {
        say_no("no \x1B[31m");
        return 0; /* and is found gone by the next picture */
    }
    if (strcmp(way, "worker-that-tells") == 0) {
        for (int fd = 0; fd < 256; fd++)
            files += fcntl(fd, F_GETFD) >= 0;
        snprintf(text, sizeof text, "files %d secret %s", files,
                 getenv("RAUM_SECRET") ? "yes" : "no");
        say_no(text);
    }
    for (;; usleep(50000))
        if (strcmp(way, "worker-that-drips") == 0)
            say("", 1);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_upright), cmocka_unit_test(test_pages),
        cmocka_unit_test(test_no_pages),
        cmocka_unit_test(test_G_P3_upright_for_all_orientations),
        cmocka_unit_test(test_colours_become_srgb),
        cmocka_unit_test(test_sizes_never_grow),
        cmocka_unit_test(test_G_P3_every_format),
        cmocka_unit_test(test_G_P5_only_pictures_within_limits),
        cmocka_unit_test(test_G_P5_png_without_its_pixels),
        cmocka_unit_test(test_G_O3_garbage),
        cmocka_unit_test(test_G_O3_workers_that_fail),
        cmocka_unit_test(test_no_program_no_worker),
        cmocka_unit_test(test_the_worker_is_alone),
        cmocka_unit_test(test_fifty_megapixels),
    };
    if (argc > 1 && strcmp(argv[1], "image-worker") == 0)
        return image_worker_main(argc - 1, argv + 1);
    if (argc > 1)
        return false_worker(argv[1]);
    self = "/proc/self/exe";
    if (VIPS_INIT(argv[0]))
        return 1;
    vips_cache_set_max(0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
