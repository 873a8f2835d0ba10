/* The pictures of a guest come along when its rows join an account (engine/adopt.h). */
#ifndef CLI_CARRY_H
#define CLI_CARRY_H

#include "cli/cli.h"
#include "engine/adopt.h"

/* adopt_guest with the pictures' files. */
int carry_guest(struct cli *cli, const struct raum_options *options, const char *account,
                const char *personal, struct adopt_report *report) BASE_CHECK;

#endif
