/* Work on pictures in a process of its own. Decoders are the most attacked code there is, so the
 * bytes of a picture meet one only in a worker: no files but its own two pipes, no environment,
 * limited memory and time, and nothing lost when it dies. This side speaks the worker's protocol,
 * kills what hangs, starts another for the next picture. Knows no image library (that is worker.c),
 * no store, no ids.
 *
 * Protocol over one socket, the worker's fd 0; numbers are 32 bits in the machine's order:
 *
 *     worker → parent   "RIW1"                                          once, when it is ready
 *     parent → worker   kind, number of parts, 9 lengths, the parts     (end of file: leave)
 *     worker → parent   0, width, height, 3 lengths, 3 pictures (one but for the variants)
 *                    or RAUM_E…, 0, 0, length of a text, 0, 0, text */
#ifndef IMAGE_RESIZE_H
#define IMAGE_RESIZE_H

#include "base/buf.h"

#define IMAGE_TIMEOUT_MS 30000
#define IMAGE_SIDES {256, 1024, 2048} /* longer side of thumb, medium, large; never enlarged */

#define IMAGE_UPRIGHT_SIDE 1024      /* longer side of an upright copy; never enlarged */
#define IMAGE_PARTS_MAX 9            /* the words of a sheet and eight pictures */
#define IMAGE_WORDS_MAX 4096

enum image_kind { IMAGE_VARIANTS, IMAGE_UPRIGHT, IMAGE_SHEET };

struct image_resizer;

struct image_options {
    const char *program;     /* path of the executable, e.g. "/proc/self/exe"; no search */
    const char *const *args; /* argv with [0], NULL at the end; NULL: {"raum", "image-worker"} */
    int timeout_ms;          /* for one picture; 0: IMAGE_TIMEOUT_MS */
};

/* Starts nothing yet. Copies `program`; args must outlive the resizer. */
int image_resizer_new(struct image_resizer **resizer, const struct image_options *options,
                      struct raum_error *error) BASE_CHECK;
/* Ends the worker. Takes NULL. */
void image_resizer_free(struct image_resizer *resizer);

/* Appends thumb, medium, large as WebP to `variants` (initialised by the caller; their max bounds
 * what is believed): upright, sRGB, no metadata (G-P3). width, height: the original as displayed.
 * RAUM_EUNSUPPORTED_MEDIA: cannot be decoded, or made the worker die; RAUM_ETOO_LARGE; RAUM_ELIMIT:
 * took too long; RAUM_ENOT_CONFIGURED: no worker can be started. One call at a time per resizer.
 * `resizer` is a struct image_resizer: as `void *` it fits media's port (struct media_resizer). */
int image_resize(void *resizer, const void *data, size_t len, struct buf variants[3],
                 uint32_t *width, uint32_t *height, struct raum_error *error) BASE_CHECK;

/* Appends a PNG: upright, 8 bits, sRGB, no alpha and no metadata, at most IMAGE_UPRIGHT_SIDE on its
 * longer side. Errors as above. */
int image_upright(void *resizer, const void *data, size_t len, struct buf *png,
                  struct raum_error *error) BASE_CHECK;

/* Appends a JPEG: one to eight pictures laid out as a page of a look-book. `words` has a line each:
 *
 *     WIDTH HEIGHT           of the page, 256 to 2048
 *     LABEL                  what it is; always shown
 *     NOTE                   a sentence beside it
 *     person|thing CAPTION   one line a picture, in order; the last person is shown large
 *
 * USAGE: more or fewer than eight pictures and one; the rest as above. */
int image_sheet(void *resizer, const char *words, const void *const *pictures, const size_t *lens,
                int count, struct buf *jpeg, struct raum_error *error) BASE_CHECK;

/* The worker, in the module raum-image.so: what the hidden command `raum image-worker` loads and
 * runs. Returns the exit status. */
RAUM_API int image_worker_main(int argc, char **argv);

#endif
