/* The worker's side: one request after the other from fd 0, done with libvips.
 *
 * What arrives is hostile until it is a bitmap. So: limits before the first byte is read, every
 * loader blocked but the four for JPEG, PNG, WebP and HEIC/AVIF, no output but through our socket.
 * Knows a picture by its first bytes only; media/sniff.c has looked at its structure before. */
#define _GNU_SOURCE
#include "image/resize.h"
#include "image/sheet.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <vips/vips.h>

#define INPUT_MAX ((uint32_t)64 << 20)
#define PIXELS_MAX ((uint64_t)50 << 20) /* as media/sniff.h */
#define MEMORY_MAX ((rlim_t)1536 << 20)
#define CPU_SECONDS_MAX 30
#define QUALITY 82
#define TEXT_MAX 300

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

struct reply {
    int32_t code;
    uint32_t width, height;
    uint32_t lens[3];
};
struct request {
    uint32_t kind, count;
    uint32_t lens[IMAGE_PARTS_MAX];
};

struct output {
    void *data; /* g_free */
    size_t len;
};

static bool read_all(void *data, size_t len)
{
    for (char *at = data; len > 0;) {
        ssize_t n = read(0, at, len);
        if (n <= 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

static bool write_all(const void *data, size_t len)
{
    for (const char *at = data; len > 0;) {
        ssize_t n = write(0, at, len);
        if (n <= 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

static void limit(int what, rlim_t value)
{
    struct rlimit l = {value, value};
    if (setrlimit(what, &l))
        _exit(3);
}

/* Seconds of processor time from now on; the hard limit stays open for the next picture. */
static void limit_time(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    rlim_t now = (rlim_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec);
    struct rlimit l = {now + CPU_SECONDS_MAX + 1, RLIM_INFINITY};
    if (setrlimit(RLIMIT_CPU, &l))
        _exit(3);
}

/* The loader of these first bytes, NULL for what is no picture here. */
static const char *loader_of(const uint8_t *d, size_t len)
{
    if (len < 16)
        return NULL;
    if (memcmp(d, "\xFF\xD8\xFF", 3) == 0)
        return "VipsForeignLoadJpegBuffer";
    if (memcmp(d, "\x89PNG\r\n\x1A\n", 8) == 0)
        return "VipsForeignLoadPngBuffer";
    if (memcmp(d, "RIFF", 4) == 0 && memcmp(d + 8, "WEBP", 4) == 0)
        return "VipsForeignLoadWebpBuffer";
    if (memcmp(d + 4, "ftyp", 4) == 0)
        return "VipsForeignLoadHeifBuffer";
    return NULL;
}

static VipsImage *open_header(const void *data, size_t len, const char *loader)
{
    VipsImage *in = NULL;
    void *bytes = (void *)data; /* vips' calls lack the const */
    if (strcmp(loader, "VipsForeignLoadJpegBuffer") == 0)
        vips_jpegload_buffer(bytes, len, &in, NULL);
    else if (strcmp(loader, "VipsForeignLoadPngBuffer") == 0)
        vips_pngload_buffer(bytes, len, &in, NULL);
    else if (strcmp(loader, "VipsForeignLoadWebpBuffer") == 0)
        vips_webpload_buffer(bytes, len, &in, NULL);
    else
        vips_heifload_buffer(bytes, len, &in, NULL);
    return in;
}

/* Reads the header: displayed size, and a refusal of what would unpack to too much. */
static int measure(const void *data, size_t len, const char *loader, struct reply *reply,
                   bool *profile)
{
    VipsImage *in = open_header(data, len, loader);
    if (!in)
        return RAUM_EUNSUPPORTED_MEDIA;
    uint32_t width = (uint32_t)vips_image_get_width(in);
    uint32_t height = (uint32_t)vips_image_get_height(in);
    bool turned = vips_image_get_orientation_swap(in);
    *profile = vips_image_get_typeof(in, VIPS_META_ICC_NAME) != 0;
    g_object_unref(in);
    if ((uint64_t)width * height > PIXELS_MAX) {
        vips_error("image", "more than 50 megapixels");
        return RAUM_ETOO_LARGE;
    }
    reply->width = turned ? height : width;
    reply->height = turned ? width : height;
    return 0;
}

/* What the loader said while it read: its PNG reader leaves black what it could not read, sets no
 * error, and warns. */
static int warnings;

static void on_warning(const gchar *domain, GLogLevelFlags level, const gchar *text, gpointer data)
{
    (void)domain, (void)level, (void)text, (void)data;
    warnings++;
}

static void *collect_field(VipsImage *image, const char *field, GValue *value, void *list)
{
    (void)image, (void)value;
    g_ptr_array_add(list, g_strdup(field));
    return NULL;
}

/* `strip` of vips' WebP writer lets Exif pass in this version: every field goes by hand. */
static void remove_fields(VipsImage *image)
{
    GPtrArray *fields = g_ptr_array_new_with_free_func(g_free);
    vips_image_map(image, collect_field, fields);
    for (guint i = 0; i < fields->len; i++)
        vips_image_remove(image, fields->pdata[i]); /* width and the like cannot be removed */
    g_ptr_array_free(fields, TRUE);
}

/* And without fields it makes up an Exif block, of resolution and size: only the chunks that hold
 * pixels stay. The writer's own output, in place. */
static int drop_chunks(struct output *out)
{
    uint8_t *d = out->data;
    size_t to = 12;
    for (size_t at = 12, size; at + 8 <= out->len; at += size) {
        size = 8 + ((size_t)d[at + 4] | (size_t)d[at + 5] << 8 | (size_t)d[at + 6] << 16 |
                    (size_t)d[at + 7] << 24);
        size += size & 1;
        if (size > out->len - at)
            return -1;
        bool head = memcmp(d + at, "VP8X", 4) == 0;
        if (head)
            d[at + 8] &= 0x10; /* of the flags only alpha */
        if (!head && memcmp(d + at, "ALPH", 4) != 0 && memcmp(d + at, "VP8", 3) != 0)
            continue;
        memmove(d + to, d + at, size);
        to += size;
    }
    out->len = to;
    for (int i = 0; i < 4; i++)
        d[4 + i] = (uint8_t)((to - 8) >> (8 * i));
    return 0;
}

static int save(VipsImage *image, struct output *out)
{
    VipsImage *copy = NULL;
    if (vips_copy(image, &copy, NULL))
        return -1;
    remove_fields(copy);
    int rc = vips_webpsave_buffer(copy, &out->data, &out->len, "Q", QUALITY, "strip", TRUE, NULL);
    g_object_unref(copy);
    return rc ? rc : drop_chunks(out);
}

/* From the file to at most `side` pixels. Without a profile the colours are sRGB already, and a
 * conversion would only shift them. */
static int open_largest(const void *data, size_t len, bool profile, int side, VipsImage **out)
{
    void *bytes = (void *)data;
    if (profile)
        return vips_thumbnail_buffer(bytes, len, out, side, "height", side, "size", VIPS_SIZE_DOWN,
                                     "fail_on", VIPS_FAIL_ON_ERROR, "export_profile", "srgb", NULL);
    return vips_thumbnail_buffer(bytes, len, out, side, "height", side, "size", VIPS_SIZE_DOWN,
                                 "fail_on", VIPS_FAIL_ON_ERROR, NULL);
}

/* The largest first, from the file; the smaller ones from the next larger. */
static int make_variants(const void *data, size_t len, bool profile, struct output out[3])
{
    static const int sides[3] = IMAGE_SIDES;
    VipsImage *images[3] = {NULL};
    int rc = 0;
    for (int i = 2; rc == 0 && i >= 0; i--) {
        VipsImage *lazy = NULL;
        if (i == 2)
            rc = open_largest(data, len, profile, sides[i], &lazy);
        else
            rc = vips_thumbnail_image(images[i + 1], &lazy, sides[i], "height", sides[i], "size",
                                      VIPS_SIZE_DOWN, NULL);
        if (rc == 0 && !(images[i] = vips_image_copy_memory(lazy)))
            rc = -1;
        if (lazy)
            g_object_unref(lazy);
        if (rc == 0)
            rc = save(images[i], &out[i]);
    }
    for (int i = 0; i < 3; i++)
        if (images[i])
            g_object_unref(images[i]);
    return rc;
}

static int make_upright(const struct sheet_picture *p, struct output *out)
{
    VipsImage *image = NULL, *plain = NULL;
    if (sheet_open(p, IMAGE_UPRIGHT_SIDE, IMAGE_UPRIGHT_SIDE, SHEET_WHOLE, &image))
        return -1;
    /* The resolution is no field that could be removed, and is written in any case. */
    int rc = vips_copy(image, &plain, "xres", 1.0, "yres", 1.0, NULL);
    if (rc == 0) {
        remove_fields(plain);
        rc = vips_pngsave_buffer(plain, &out->data, &out->len, "strip", TRUE, NULL);
        g_object_unref(plain);
    }
    g_object_unref(image);
    return rc;
}

/* Is it a picture of ours, and not too large a one? */
static int look_at(struct sheet_picture *p, struct reply *reply, const char **loader)
{
    *loader = loader_of(p->data, p->len);
    if (!*loader) {
        vips_error("image", "not a picture");
        return RAUM_EUNSUPPORTED_MEDIA;
    }
    const char *found = vips_foreign_find_load_buffer(p->data, p->len);
    if (!found || strcmp(found, *loader) != 0)
        return RAUM_EUNSUPPORTED_MEDIA;
    return measure(p->data, p->len, *loader, reply, &p->profile);
}

static int make_sheet(const struct request *q, void *const *parts, struct reply *reply,
                      struct output *out)
{
    struct sheet_picture pictures[IMAGE_PARTS_MAX] = {0};
    struct sheet sheet;
    const char *loader;
    if (q->count < 2 || !sheet_read(&sheet, parts[0], q->lens[0]) ||
        sheet.count != (int)q->count - 1) {
        vips_error("image", "these are no words of a sheet");
        return RAUM_EUNSUPPORTED_MEDIA;
    }
    for (uint32_t i = 1; i < q->count; i++) {
        pictures[i - 1] = (struct sheet_picture){parts[i], q->lens[i], false};
        int rc = look_at(&pictures[i - 1], reply, &loader);
        if (rc)
            return rc;
    }
    reply->width = (uint32_t)sheet.width;
    reply->height = (uint32_t)sheet.height;
    return sheet_make(&sheet, pictures, &out->data, &out->len) ? RAUM_EUNSUPPORTED_MEDIA : 0;
}

static int work(const struct request *q, void *const *parts, struct reply *reply,
                struct output out[3])
{
    struct sheet_picture picture = {parts[0], q->lens[0], false};
    const char *loader;
    if (q->kind == IMAGE_SHEET)
        return make_sheet(q, parts, reply, &out[0]);
    warnings = 0;
    int rc = look_at(&picture, reply, &loader);
    if (rc)
        return rc;
    if (q->kind == IMAGE_UPRIGHT ? make_upright(&picture, &out[0])
                                 : make_variants(picture.data, picture.len, picture.profile, out))
        rc = RAUM_EUNSUPPORTED_MEDIA;
    /* The pipeline survives what its loader could not read and puts black there; only the error's
     * text remains. HEIC and AVIF are read as a whole, and complain of harmless things too. */
    if (rc == 0 && *vips_error_buffer() && !strstr(loader, "Heif"))
        rc = RAUM_EUNSUPPORTED_MEDIA;
    if (rc == 0 && warnings && strstr(loader, "Png")) {
        vips_error("image", "its pixels are damaged");
        rc = RAUM_EUNSUPPORTED_MEDIA;
    }
    return rc;
}

/* False when the parent has gone. */
static bool answer(const struct request *q, void *const *parts)
{
    struct reply reply = {0};
    struct output out[3] = {{0}};
    char text[TEXT_MAX] = "";
    vips_error_clear();
    reply.code = work(q, parts, &reply, out);
    if (reply.code) {
        g_snprintf(text, sizeof text, "the picture cannot be read: %s", vips_error_buffer());
        g_strchomp(text);
        reply.lens[0] = (uint32_t)strlen(text);
    } else {
        for (int i = 0; i < 3; i++)
            reply.lens[i] = (uint32_t)out[i].len;
    }
    bool ok = write_all(&reply, sizeof reply);
    if (reply.code)
        ok = ok && write_all(text, reply.lens[0]);
    for (int i = 0; i < 3; i++) {
        if (!reply.code)
            ok = ok && write_all(out[i].data, out[i].len);
        g_free(out[i].data);
    }
    return ok;
}

static void confine(void)
{
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* no core file with somebody's photograph */
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, 0);
    signal(SIGXFSZ, SIG_IGN); /* liborc tries a file for its code, then does without */
    if (!SANITIZED)           /* the sanitizer's shadow takes terabytes of addresses */
        limit(RLIMIT_AS, MEMORY_MAX);
    g_log_set_handler("VIPS", G_LOG_LEVEL_WARNING, on_warning, NULL);
    vips_cache_set_max(0);
    vips_cache_set_max_mem(0);
    vips_cache_set_max_files(0);
    vips_concurrency_set(1);
    vips_operation_block_set("VipsForeignLoad", TRUE);
    vips_operation_block_set("VipsForeignLoadJpeg", FALSE);
    vips_operation_block_set("VipsForeignLoadPng", FALSE);
    vips_operation_block_set("VipsForeignLoadWebp", FALSE);
    vips_operation_block_set("VipsForeignLoadHeif", FALSE);
}

static bool serve(const struct request *q)
{
    void *parts[IMAGE_PARTS_MAX] = {NULL};
    uint64_t all = 0;
    bool ok = q->count > 0 && q->count <= IMAGE_PARTS_MAX && q->kind <= IMAGE_SHEET;
    for (uint32_t i = 0; ok && i < q->count; i++) {
        all += q->lens[i];
        ok = q->lens[i] && all <= INPUT_MAX && (parts[i] = malloc(q->lens[i])) &&
             read_all(parts[i], q->lens[i]);
    }
    ok = ok && answer(q, parts);
    for (int i = 0; i < IMAGE_PARTS_MAX; i++)
        free(parts[i]);
    return ok;
}

int image_worker_main(int argc, char **argv)
{
    (void)argc;
    if (VIPS_INIT(argv[0]))
        return 1;
    confine();
    if (!write_all("RIW1", 4))
        return 1;
    for (struct request q; read_all(&q, sizeof q);) {
        limit_time();
        if (!serve(&q))
            _exit(1);
    }
    _exit(0); /* nothing to save; the library's own ending is not worth its risk */
}
