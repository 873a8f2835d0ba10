/* The frame of `raum tour`: runs the real program in a scratch directory, shows each command as one
 * would type it, looks at what came back, and counts. The story stands in cmd_tour.c and tour_*.c.
 */
#ifndef CLI_TOUR_H
#define CLI_TOUR_H

#include "cli/cli.h"
#include "cli/scratch.h"

#define TOUR_PHOTOS_MAX 32
#define TOUR_PHOTOS_LEAST 6
#define TOUR_WORDS_MAX 24

struct tour {
    struct cli *cli;
    char folder[SCRATCH_PATH_MAX];    /* scratch; holds everything below */
    char data[SCRATCH_PATH_MAX + 16]; /* data directory of the story */
    char *photos[TOUR_PHOTOS_MAX];    /* owned */
    int photo_count;
    int passed, failed;
    const char *step;       /* title of the step in progress */
    struct buf out, err;    /* what the last command said */
    struct json_doc doc;    /* out, parsed by tour_json */
    struct arena arena;     /* texts of one tour */
    struct out_table table; /* with --json: a row per check */
};

/* The scratch directory, the environment of the commands, the photographs. */
int tour_open(struct tour *t) BASE_CHECK;
void tour_close(struct tour *t);

void tour_step(struct tour *t, const char *title);
/* Counts; prints the sentence with ✓ or ✗. Gives `good` back. */
bool tour_check(struct tour *t, bool good, const char *fmt, ...) BASE_PRINTF(3, 4);
/* Runs `raum WORD…` (ends with NULL) and gives the exit status (128 + signal when killed). _shown
 * prints the command and its output; _quiet neither. */
int tour_shown(struct tour *t, const char *first, ...) __attribute__((sentinel));
int tour_quiet(struct tour *t, const char *first, ...) __attribute__((sentinel));
/* Starts it and does not wait; the output is dropped. The process id, or -1. */
int tour_start(struct tour *t, const char *first, ...) __attribute__((sentinel));
int tour_wait(int process);
/* The output as JSON; none if it is not. Lives until the next one. */
struct json_value tour_json(struct tour *t);
/* A member's text, "" if there is none; lives as long as the tour. */
const char *tour_text(struct tour *t, struct json_value object, const char *key);
/* `raum image list --json` with one more option (or NULL): how many; the list stays for tour_json's
 * reader. */
int tour_pool(struct tour *t, const char *option, const char *value);
/* Does a text occur in any file below a folder? */
bool tour_in_files(const char *folder, const void *text, size_t len);
/* The whole file; free(). NULL if it cannot be read. */
void *tour_read(const char *path, size_t *len);
bool tour_write(const char *path, const void *data, size_t len);

/* The chapters. */
void tour_spaces(struct tour *t);
void tour_pictures(struct tour *t);
void tour_wardrobe(struct tour *t);
void tour_safety(struct tour *t);

#endif
