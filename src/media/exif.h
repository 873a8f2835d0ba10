/* The one thing of Exif that is needed to show a picture: its orientation. Knows the TIFF layout as
 * far as the first directory, nothing of any other tag. */
#ifndef MEDIA_EXIF_H
#define MEDIA_EXIF_H

#include <stddef.h>
#include <stdint.h>

#define EXIF_MINIMAL 26

/* 1..8 from a TIFF block (an "Exif\0\0" in front is skipped); 1 when absent or broken. */
uint8_t exif_orientation(const void *data, size_t len);
/* A TIFF block with nothing but this orientation. */
void exif_minimal(uint8_t orientation, uint8_t out[EXIF_MINIMAL]);

#endif
