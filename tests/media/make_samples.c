/* Writes one picture in every shape the removal must cope with: `make_samples FOLDER [PHOTO]`.
 * Without a photograph the picture is made up. Tags come from the script make-samples, not here. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <vips/vips.h>

static const char *folder;
static int failed;

static void check(int rc, const char *what)
{
    if (rc) {
        fprintf(stderr, "%s: %s", what, vips_error_buffer());
        vips_error_clear();
        failed = 1;
    }
}

static const char *path(const char *name)
{
    static char text[4096];
    snprintf(text, sizeof text, "%s/%s", folder, name);
    return text;
}

/* Waves of different lengths in the three bands: compresses like a photograph, has no symmetry. */
static VipsImage *make_picture(void)
{
    enum { WIDTH = 640, HEIGHT = 426 };
    static unsigned char pixels[WIDTH * HEIGHT * 3];
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) {
            unsigned char *p = pixels + 3 * (y * WIDTH + x);
            p[0] = (unsigned char)(255 * x / WIDTH);
            p[1] = (unsigned char)(255 * y / HEIGHT ^ (x * y / 900 & 15));
            p[2] = (unsigned char)((x * x / 400 + y * y / 300) & 255);
        }
    return vips_image_new_from_memory_copy(pixels, sizeof pixels, WIDTH, HEIGHT, 3,
                                           VIPS_FORMAT_UCHAR);
}

static VipsImage *load(const char *photo)
{
    VipsImage *small = NULL, *rgb = NULL, *plain = NULL;
    if (!photo) {
        small = make_picture();
    } else {
        check(vips_thumbnail(photo, &small, 640, NULL), photo);
    }
    if (!small)
        return NULL;
    small->Type = VIPS_INTERPRETATION_sRGB;
    check(vips_colourspace(small, &rgb, VIPS_INTERPRETATION_sRGB, NULL), "colours");
    check(vips_extract_band(rgb, &plain, 0, "n", 3, NULL), "bands");
    g_object_unref(small);
    g_object_unref(rgb);
    VipsImage *image = vips_image_copy_memory(plain);
    g_object_unref(plain);
    return image;
}

static void write_jpeg(VipsImage *image)
{
    VipsImage *gray = NULL, *icc = NULL, *cmyk = NULL;
    check(vips_jpegsave(image, path("base.jpg"), "Q", 85, "strip", TRUE, NULL), "base.jpg");
    check(vips_jpegsave(image, path("progressive.jpg"), "interlace", TRUE, "strip", TRUE, NULL),
          "progressive.jpg");
    check(vips_jpegsave(image, path("restart.jpg"), "restart_interval", 4, "strip", TRUE, NULL),
          "restart.jpg");
    check(vips_colourspace(image, &gray, VIPS_INTERPRETATION_B_W, NULL), "gray");
    check(vips_jpegsave(gray, path("gray.jpg"), "strip", TRUE, NULL), "gray.jpg");
    check(vips_icc_transform(image, &icc, "p3", "input_profile", "srgb", NULL), "icc");
    check(vips_jpegsave(icc, path("icc.jpg"), NULL), "icc.jpg");
    check(vips_icc_transform(image, &cmyk, "cmyk", "input_profile", "srgb", NULL), "cmyk");
    check(vips_jpegsave(cmyk, path("cmyk.jpg"), NULL), "cmyk.jpg");
    g_object_unref(gray);
    g_object_unref(icc);
    g_object_unref(cmyk);
}

/* A fourth band that fades from left to right. */
static VipsImage *with_alpha(VipsImage *image)
{
    VipsImage *ramp = NULL, *byte = NULL, *joined = NULL;
    check(vips_grey(&ramp, image->Xsize, image->Ysize, "uchar", TRUE, NULL), "ramp");
    check(vips_cast_uchar(ramp, &byte, NULL), "ramp");
    check(vips_bandjoin2(image, byte, &joined, NULL), "alpha");
    g_object_unref(ramp);
    g_object_unref(byte);
    return joined;
}

static void write_png(VipsImage *image, VipsImage *alpha)
{
    VipsImage *deep = NULL, *gray = NULL;
    check(vips_pngsave(image, path("base.png"), "strip", TRUE, NULL), "base.png");
    check(vips_pngsave(alpha, path("alpha.png"), "strip", TRUE, NULL), "alpha.png");
    check(vips_pngsave(image, path("interlaced.png"), "interlace", TRUE, NULL), "interlaced.png");
    check(vips_pngsave(image, path("palette.png"), "palette", TRUE, NULL), "palette.png");
    check(vips_colourspace(image, &deep, VIPS_INTERPRETATION_RGB16, NULL), "deep");
    check(vips_pngsave(deep, path("deep.png"), "profile", "p3", NULL), "deep.png");
    check(vips_colourspace(image, &gray, VIPS_INTERPRETATION_B_W, NULL), "gray");
    check(vips_pngsave(gray, path("gray.png"), "bitdepth", 4, NULL), "gray.png");
    g_object_unref(deep);
    g_object_unref(gray);
}

static void write_webp(VipsImage *image, VipsImage *alpha)
{
    check(vips_webpsave(image, path("base.webp"), "Q", 80, "strip", TRUE, NULL), "base.webp");
    check(vips_webpsave(image, path("lossless.webp"), "lossless", TRUE, NULL), "lossless.webp");
    check(vips_webpsave(alpha, path("alpha.webp"), "Q", 80, NULL), "alpha.webp");
    check(vips_webpsave(image, path("icc.webp"), "profile", "p3", NULL), "icc.webp");
}

static void write_heif(VipsImage *image, VipsImage *alpha)
{
    VipsImage *deep = NULL, *icc = NULL;
    check(vips_icc_transform(image, &icc, "p3", "input_profile", "srgb", NULL), "icc");
    check(vips_heifsave(icc, path("icc.heic"), "compression",
                        VIPS_FOREIGN_HEIF_COMPRESSION_HEVC, "effort", 0, NULL),
          "icc.heic");
    check(vips_heifsave(image, path("base.heic"), "compression",
                        VIPS_FOREIGN_HEIF_COMPRESSION_HEVC, "effort", 0, NULL),
          "base.heic");
    check(vips_heifsave(alpha, path("alpha.heic"), "compression",
                        VIPS_FOREIGN_HEIF_COMPRESSION_HEVC, "effort", 0, NULL),
          "alpha.heic");
    check(vips_heifsave(image, path("base.avif"), "compression",
                        VIPS_FOREIGN_HEIF_COMPRESSION_AV1, "effort", 0, NULL),
          "base.avif");
    check(vips_heifsave(alpha, path("alpha.avif"), "compression",
                        VIPS_FOREIGN_HEIF_COMPRESSION_AV1, "effort", 0, NULL),
          "alpha.avif");
    check(vips_colourspace(image, &deep, VIPS_INTERPRETATION_RGB16, NULL), "deep");
    check(vips_heifsave(deep, path("deep.heic"), "compression",
                        VIPS_FOREIGN_HEIF_COMPRESSION_HEVC, "effort", 0, "bitdepth", 10, NULL),
          "deep.heic");
    g_object_unref(deep);
    g_object_unref(icc);
}

int main(int argc, char **argv)
{
    if (argc < 2 || VIPS_INIT(argv[0]))
        return 1;
    folder = argv[1];
    VipsImage *image = load(argc > 2 ? argv[2] : NULL);
    if (!image)
        return 1;
    VipsImage *alpha = with_alpha(image);
    write_jpeg(image);
    write_png(image, alpha);
    write_webp(image, alpha);
    write_heif(image, alpha);
    g_object_unref(alpha);
    g_object_unref(image);
    return failed;
}
