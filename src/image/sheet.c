#include "image/sheet.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIDE_MIN 256
#define SIDE_MAX 2048
#define QUALITY 92
#define CUT_MAX 1.6   /* how much narrower or wider than the photograph its box may be */
#define TALL_MIN 0.85 /* height of a small box to its width */
#define TALL_MAX 1.4

static const double paper[3] = {245, 242, 235}, ink[3] = {38, 37, 34}, grey[3] = {134, 128, 117},
                    hair[3] = {205, 199, 187}, tile[3] = {236, 232, 223};

struct box {
    int x, y, w, h;
};

/* ---- words ---- */

static char *cut_line(char **at)
{
    char *line = *at, *end = line ? strchr(line, '\n') : NULL;
    if (end)
        *end = '\0';
    *at = end ? end + 1 : NULL;
    return line;
}

bool sheet_read(struct sheet *s, const char *words, size_t len)
{
    int used = 0;
    *s = (struct sheet){.count = 0};
    if (len > IMAGE_WORDS_MAX || memchr(words, '\0', len) ||
        !g_utf8_validate(words, (gssize)len, NULL))
        return false;
    memcpy(s->words, words, len);
    char *at = s->words, *size = cut_line(&at);
    if (sscanf(size, "%4d %4d%n", &s->width, &s->height, &used) != 2 || size[used])
        return false;
    s->label = cut_line(&at);
    s->note = cut_line(&at);
    for (char *line; (line = cut_line(&at)) && *line;) {
        bool person = strncmp(line, "person ", 7) == 0;
        if ((!person && strncmp(line, "thing ", 6) != 0) || s->count == IMAGE_PARTS_MAX - 1)
            return false;
        s->person[s->count] = person;
        s->captions[s->count++] = line + (person ? 7 : 6);
    }
    return s->note && s->count > 0 && s->width >= SIDE_MIN && s->height >= SIDE_MIN &&
           s->width <= SIDE_MAX && s->height <= SIDE_MAX;
}

/* ---- pictures ---- */

/* Replaces *image by what a step made of it. */
static int step(VipsImage **image, VipsImage *next, int rc)
{
    g_object_unref(*image);
    *image = rc ? NULL : next;
    return rc;
}

static int to_memory(VipsImage **image)
{
    VipsImage *next = NULL;
    VipsArrayDouble *white = vips_array_double_newv(1, 255.0);
    int rc = 0;
    if (vips_image_hasalpha(*image))
        rc = step(image, next, vips_flatten(*image, &next, "background", white, NULL) ? -1 : 0);
    vips_area_unref(VIPS_AREA(white));
    return rc;
}

int sheet_open(const struct sheet_picture *p, int width, int height, enum sheet_fit fit,
               VipsImage **out)
{
    VipsImage *image = NULL, *next = NULL;
    VipsInteresting crop = fit == SHEET_WHOLE       ? VIPS_INTERESTING_NONE
                           : fit == SHEET_ATTENTION ? VIPS_INTERESTING_ATTENTION
                                                    : VIPS_INTERESTING_CENTRE;
    VipsSize size = fit == SHEET_WHOLE ? VIPS_SIZE_DOWN : VIPS_SIZE_BOTH;
    *out = NULL;
    /* Without a profile the colours are sRGB already, and a conversion would only shift them. */
    int rc = p->profile
                 ? vips_thumbnail_buffer(p->data, p->len, &image, width, "height", height, "size",
                                         size, "crop", crop, "fail_on", VIPS_FAIL_ON_ERROR,
                                         "export_profile", "srgb", NULL)
                 : vips_thumbnail_buffer(p->data, p->len, &image, width, "height", height, "size",
                                         size, "crop", crop, "fail_on", VIPS_FAIL_ON_ERROR, NULL);
    if (rc)
        return -1;
    rc = to_memory(&image);
    if (rc == 0) {
        rc = vips_colourspace(image, &next, VIPS_INTERPRETATION_sRGB, NULL);
        rc = step(&image, next, rc);
    }
    if (rc == 0) {
        next = NULL;
        rc = vips_cast(image, &next, VIPS_FORMAT_UCHAR, NULL);
        rc = step(&image, next, rc);
    }
    if (rc == 0) {
        *out = vips_image_copy_memory(image);
        g_object_unref(image);
    }
    return *out && (*out)->Bands == 3 ? 0 : -1;
}

/* Width to height as it is seen; 1 if that cannot be known. */
static double shape_of(const struct sheet_picture *p)
{
    VipsImage *head = vips_image_new_from_buffer(p->data, p->len, "", NULL);
    double shape = 1;
    if (head) {
        shape = (double)vips_image_get_width(head) / vips_image_get_height(head);
        if (vips_image_get_orientation_swap(head))
            shape = 1 / shape;
        g_object_unref(head);
    }
    return shape;
}

/* Cut where little is lost; else whole, on a tile of its own. */
static int place(VipsImage *page, const struct sheet_picture *p, struct box b, bool person)
{
    VipsImage *image;
    double shape = shape_of(p), box = (double)b.w / b.h;
    bool cut = person || (shape / box < CUT_MAX && box / shape < CUT_MAX);
    enum sheet_fit fit = !cut ? SHEET_WHOLE : person ? SHEET_ATTENTION : SHEET_CENTRE;
    if (!cut && vips_draw_rect(page, (double *)tile, 3, b.x, b.y, b.w, b.h, "fill", TRUE, NULL))
        return -1;
    if (sheet_open(p, b.w, b.h, fit, &image))
        return -1;
    int rc = vips_draw_image(page, image, b.x + (b.w - image->Xsize) / 2,
                             b.y + (b.h - image->Ysize) / 2, NULL);
    g_object_unref(image);
    return rc;
}

/* ---- text ---- */

enum align { LEFT, RIGHT };

/* One line of at most `width` pixels, its top at y. `spaced`: capitals of a label. */
static int write_line(VipsImage *page, const char *text, int px, bool spaced, int x, int y,
                      int width, enum align align, const double colour[3])
{
    char *safe = g_markup_escape_text(text, -1);
    char *markup = g_strdup_printf("<span letter_spacing=\"%d\"%s>%s</span>", spaced ? px * 190 : 0,
                                   spaced ? " weight=\"bold\"" : "", safe);
    char font[64];
    VipsImage *mask = NULL;
    snprintf(font, sizeof font, "Lato, DejaVu Sans %d", px);
    int rc = *text ? vips_text(&mask, markup, "font", font, "dpi", 72, NULL) : 0;
    if (rc == 0 && mask && mask->Xsize > width) { /* smaller rather than cut off */
        VipsImage *fitted = NULL;
        rc = vips_thumbnail_image(mask, &fitted, width, NULL);
        rc = step(&mask, fitted, rc);
    }
    if (rc == 0 && mask)
        rc = vips_draw_mask(page, (double *)colour, 3, mask,
                            align == RIGHT ? x + width - mask->Xsize : x, y, NULL);
    if (mask)
        g_object_unref(mask);
    g_free(markup);
    g_free(safe);
    return rc;
}

/* ---- the page ---- */

struct grid {
    int columns, rows, w, h; /* of a picture, without its caption */
};
struct layout {
    int unit; /* a hundredth of the shorter side */
    int gap, caption;
    struct box large; /* w 0: none */
    struct box rest;
    struct grid grid;
};

static double within(double value, double least, double most)
{
    return value < least ? least : value > most ? most : value;
}

/* The largest boxes of one size that `count` pictures can have in an area. */
static struct grid fit_grid(const struct layout *l, struct box area, int count)
{
    struct grid best = {0};
    for (int columns = 1; columns <= count; columns++) {
        int rows = (count + columns - 1) / columns;
        double w = (double)(area.w - (columns - 1) * l->gap) / columns;
        double h = (double)(area.h - (rows - 1) * l->gap) / rows - l->caption;
        if (w < 1 || h < 1)
            continue;
        double tall = within(h / w, TALL_MIN, TALL_MAX);
        w = h / tall < w ? h / tall : w;
        if (w * w * tall > 1.0 * best.w * best.h)
            best = (struct grid){columns, rows, (int)w, (int)(w * tall)};
    }
    return best;
}

/* The large picture at the left and the others beside it, or above and the others below. */
static struct layout arrange(const struct layout *base, struct box area, double shape, int others,
                             bool beside, double share)
{
    struct layout l = *base;
    double w = beside ? area.w * share : area.w;
    double h = beside ? area.h : area.h * share;
    if (others == 0) {
        w = area.w;
        h = area.h;
    }
    double box = within(w / (h - l.caption), shape / CUT_MAX, shape * CUT_MAX);
    if (w / box > h - l.caption)
        w = (h - l.caption) * box;
    l.large = (struct box){area.x, area.y, (int)w, (int)(w / box)};
    l.rest = area;
    if (beside) {
        l.rest.x += l.large.w + l.gap;
        l.rest.w -= l.large.w + l.gap;
    } else {
        l.rest.y += l.large.h + l.caption + l.gap;
        l.rest.h -= l.large.h + l.caption + l.gap;
    }
    l.grid = fit_grid(&l, l.rest, others);
    return l;
}

static double used(const struct layout *l, int others)
{
    return 1.2 * l->large.w * l->large.h + 1.0 * others * l->grid.w * l->grid.h;
}

static struct layout lay_out(const struct layout *base, struct box area, double shape, int others)
{
    struct layout best = *base;
    for (int i = 0; i < 10; i++) {
        struct layout l = arrange(base, area, shape, others, i % 2, 0.5 + 0.06 * (i / 2));
        if (i == 0 || used(&l, others) > used(&best, others))
            best = l;
    }
    return best;
}

static int caption(VipsImage *page, const struct layout *l, const char *text, struct box b)
{
    return write_line(page, text, l->unit * 8 / 5, false, b.x, b.y + b.h + l->unit, b.w, LEFT, ink);
}

/* Which one is shown large: the last person. -1: none. */
static int large_of(const struct sheet *s)
{
    for (int i = s->count - 1; i >= 0; i--)
        if (s->person[i])
            return i;
    return -1;
}

static int put_pictures(VipsImage *page, const struct sheet *s,
                        const struct sheet_picture *pictures, const struct layout *l, int large)
{
    int rc = 0, at = 0;
    if (large >= 0) {
        rc = place(page, &pictures[large], l->large, true);
        if (rc == 0)
            rc = caption(page, l, s->captions[large], l->large);
    }
    for (int i = 0; i < s->count && rc == 0; i++) {
        if (i == large)
            continue;
        const struct grid *g = &l->grid;
        struct box b = {l->rest.x + at % g->columns * (g->w + l->gap),
                        l->rest.y + at / g->columns * (g->h + l->caption + l->gap), g->w, g->h};
        rc = place(page, &pictures[i], b, s->person[i]);
        if (rc == 0)
            rc = caption(page, l, s->captions[i], b);
        at++;
    }
    return rc;
}

/* Label and note above a hair line; the area below is the pictures'. */
static int put_head(VipsImage *page, const struct sheet *s, const struct layout *l,
                    struct box *area)
{
    int m = 6 * l->unit, line = m + 4 * l->unit, half = (s->width - 2 * m) / 3;
    int rc = write_line(page, s->label, l->unit * 8 / 5, true, m, m, half, LEFT, ink);
    if (rc == 0)
        rc = write_line(page, s->note, l->unit * 8 / 5, false, m + half, m, 2 * half, RIGHT, grey);
    if (rc == 0)
        rc = vips_draw_rect(page, (double *)hair, 3, m, line, s->width - 2 * m, 1, "fill", TRUE,
                            NULL);
    *area =
        (struct box){m, line + 4 * l->unit, s->width - 2 * m, s->height - line - 4 * l->unit - m};
    return rc;
}

static VipsImage *blank(const struct sheet *s)
{
    VipsImage *black = NULL, *coloured = NULL, *bytes = NULL, *page = NULL;
    double one[3] = {1, 1, 1};
    if (vips_black(&black, s->width, s->height, "bands", 3, NULL) == 0 &&
        vips_linear(black, &coloured, one, paper, 3, NULL) == 0 &&
        vips_cast(coloured, &bytes, VIPS_FORMAT_UCHAR, NULL) == 0) {
        bytes->Type = VIPS_INTERPRETATION_sRGB;
        page = vips_image_copy_memory(bytes);
    }
    VipsImage *all[] = {black, coloured, bytes};
    for (int i = 0; i < 3; i++)
        if (all[i])
            g_object_unref(all[i]);
    return page;
}

int sheet_make(const struct sheet *s, const struct sheet_picture *pictures, void **out, size_t *len)
{
    struct layout base = {.unit = (s->width < s->height ? s->width : s->height) / 100};
    struct box area;
    int large = large_of(s);
    VipsImage *page = blank(s);
    if (!page)
        return -1;
    base.gap = 3 * base.unit;
    base.caption = 4 * base.unit;
    int rc = put_head(page, s, &base, &area);
    if (rc == 0) {
        struct layout l = base;
        if (large >= 0)
            l = lay_out(&base, area, shape_of(&pictures[large]), s->count - 1);
        else {
            l.rest = area;
            l.grid = fit_grid(&l, area, s->count);
        }
        rc = put_pictures(page, s, pictures, &l, large);
    }
    if (rc == 0)
        rc = vips_jpegsave_buffer(page, out, len, "Q", QUALITY, "strip", TRUE, "subsample_mode",
                                  VIPS_FOREIGN_SUBSAMPLE_OFF, NULL);
    g_object_unref(page);
    return rc;
}
