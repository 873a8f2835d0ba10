/* A page of a look-book: photographs as they are, cut to a grid on paper, with a label that says
 * what this is. Inside the worker only. */
#ifndef IMAGE_SHEET_H
#define IMAGE_SHEET_H

#include "image/resize.h"
#include <stdbool.h>
#include <vips/vips.h>

struct sheet_picture {
    void *data;
    size_t len;
    bool profile; /* it names its colours */
};
enum sheet_fit {
    SHEET_WHOLE,     /* all of it, never enlarged */
    SHEET_CENTRE,    /* fills the box; what stands out is cut */
    SHEET_ATTENTION, /* the same, around what the eye looks at */
};
/* As pixels in memory: upright, 8 bits, sRGB, three bands; what is transparent becomes white. 0 or
 * -1, with vips' error. */
int sheet_open(const struct sheet_picture *p, int width, int height, enum sheet_fit fit,
               VipsImage **out);

struct sheet {
    char words[IMAGE_WORDS_MAX + 1]; /* the texts below lie in it */
    int width, height, count;
    const char *label, *note;
    bool person[IMAGE_PARTS_MAX];
    const char *captions[IMAGE_PARTS_MAX];
};
/* The words of image_sheet. False: they are none. */
bool sheet_read(struct sheet *s, const char *words, size_t len);
/* A JPEG; g_free it. 0 or -1, with vips' error. */
int sheet_make(const struct sheet *s, const struct sheet_picture *pictures, void **out,
               size_t *len);

#endif
