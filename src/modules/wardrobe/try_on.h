/* Trying on: which pictures of this space go into it, in which order, and what is asked for. The
 * person is always the account itself, by its own slots and pictures of this very space with
 * consent (G-T4, G-P1); nothing is borrowed from elsewhere. Composes only: the port makes it
 * (modules/picture/generator.h). */
#ifndef MODULES_WARDROBE_TRY_ON_H
#define MODULES_WARDROBE_TRY_ON_H

#include "modules/wardrobe/wardrobe.h"

#define TRY_ON_REFERENCES_MAX 8
#define TRY_ON_MANY 6 /* garments above this many get lost in a picture */
#define TRY_ON_WORD 24
#define TRY_ON_PROMPT_MAX ((size_t)64 << 10)

struct try_on_wish {
    const char *outfit, *garment; /* id; one of them */
    const char *prompt;           /* more about it; NULL: nothing */
    bool accessory_only;          /* of an outfit only what is worn at the head, face alone */
};
/* Why there is nothing to be made, for whoever says it in words of their own. */
enum try_on_lack { LACK_NOTHING, LACK_GARMENT, LACK_PERSON, LACK_FACE, LACK_CONSENT };
struct try_on {
    char media[TRY_ON_REFERENCES_MAX][RAUM_ID_MAX]; /* face, body, then garments in order */
    char what[TRY_ON_REFERENCES_MAX][TRY_ON_WORD];  /* "face", "body", else its category */
    int count, persons;
    int garments;          /* that are in it */
    int left_out;          /* gone, without a photograph, or more than there is room for */
    bool no_face, no_body; /* it was wanted, and is not there: it goes without */
    enum try_on_lack lack;
    char lack_image[RAUM_ID_MAX]; /* LACK_CONSENT: the picture of the pool that it is about */
    const char *size;             /* static */
    struct buf prompt;
};

/* Release in any case. NOT_FOUND: no such outfit or garment, nothing of it can be shown, or there
 * is no picture of the account in this space: the text says what to add. CONSENT_REQUIRED: there is
 * one, and AI may not use it: the text says how to change that. */
int try_on_compose(struct raum_handle *h, const struct try_on_wish *wish, struct try_on *out,
                   struct raum_error *error) BASE_CHECK;
void try_on_release(struct try_on *t);

#endif
