/* What the files behind `raum image …` share. */
#ifndef CLI_CMD_IMAGE_H
#define CLI_CMD_IMAGE_H

#include "cli/pool.h"

/* Commands that fill files of their own. */
int image_add(struct cli *cli);
int image_list(struct cli *cli);

/* "avatar body-ref" of the bits of me_slots; `bits` of a query's column. */
void image_slots(int64_t bits, char out[64]);
/* Prints one picture with its slots: JSON as the contract has it, for people lines. */
int image_print(struct cli *cli, const char *id);
/* What of a picture is here ("original", "thumb", NULL), for people. */
const char *image_here_text(const char *here);
/* Appends the row's JSON with its slots and what of it is here. */
int image_json(struct cli *cli, const char *id, int64_t slots, const char *media,
               struct buf *out) BASE_CHECK;

#endif
