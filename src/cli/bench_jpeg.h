/* JPEG files for benchmarks: of any size, each another by its seed, with as much in them as a
 * camera's. Written coefficient by coefficient (baseline, 4:2:0, the tables of ITU-T T.81 Annex K):
 * no encoder is needed, and no pixel is ever made. */
#ifndef CLI_BENCH_JPEG_H
#define CLI_BENCH_JPEG_H

#include "base/buf.h"

/* width and height: multiples of 16. Appends to out. */
void bench_jpeg(struct buf *out, int width, int height, unsigned seed);

#endif
