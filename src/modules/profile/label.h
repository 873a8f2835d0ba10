/* A name for a picture from the name of its file. Pure text. */
#ifndef MODULES_PROFILE_LABEL_H
#define MODULES_PROFILE_LABEL_H

#include "base/buf.h"

#define LABEL_MAX 80 /* characters */

/* Appends to an empty buffer: "photos/IMG_20240131_beach-day.JPG" → "IMG Beach Day". Folder and
 * extension off, _ and - to spaces, bare numbers of four digits and more dropped, words begin with
 * a capital, cut to LABEL_MAX. What is no UTF-8 or a control character is left out. Nothing if
 * nothing is left. */
void label_from_file(const char *path, struct buf *out);

#endif
