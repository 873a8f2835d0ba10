/* The port behind which pictures are made from references: the account's server, asked by a command
 * or from within it by an agent. And the rows of those pictures (table images). Knows no provider
 * and no network. */
#ifndef MODULES_PICTURE_GENERATOR_H
#define MODULES_PICTURE_GENERATOR_H

#include "engine/query.h"

#define PICTURE_REFERENCES_MAX 8
#define PICTURE_MADE_MAX 4
#define PICTURE_MODEL_MAX 64

/* Texts are lent. */
struct picture_order {
    const char *space; /* id */
    const char *prompt;
    const char *references[PICTURE_REFERENCES_MAX]; /* media ids, in order */
    int reference_count;
    const char *model, *quality, *size; /* NULL: the server's usual */
    int n;
    bool share;                   /* for everybody in the space; else the caller's alone */
    const char *outfit, *garment; /* what it was tried on with; at most one, else NULL */
    const char *agent;            /* who asks for the account; NULL: the person's own hand */
};
struct picture_made {
    char id[RAUM_ID_MAX],
        media[RAUM_ID_MAX]; /* of the row, which the server wrote; of the picture */
};
struct picture_answer {
    struct picture_made made[PICTURE_MADE_MAX];
    int count;
    char model[PICTURE_MODEL_MAX]; /* that ran */
};
struct picture_generator {
    void *ctx;
    /* Errors as the endpoint of CONTRACT §4 has them, with a sentence for people. */
    int (*run)(void *ctx, const struct picture_order *order, struct picture_answer *out,
               struct raum_error *error);
};

/* What only the account's own devices may write, as it is sealed here (G-K1): the prompt of a row
 * that the server made. NOT_FOUND: it has not come yet. */
int images_prompt(struct raum_handle *h, const char *id, const char *prompt,
                  struct raum_error *error) BASE_CHECK;
/* A row of a picture that was made on this device: its media is `media`. */
int images_add(struct raum_handle *h, const struct picture_order *order, const char *media,
               const char *model, uint32_t width, uint32_t height, char id[RAUM_ID_MAX],
               struct raum_error *error) BASE_CHECK;

#endif
