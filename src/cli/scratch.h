/* A folder for a while: made under TMPDIR with a name of its own, removed with all that is in it.
 */
#ifndef CLI_SCRATCH_H
#define CLI_SCRATCH_H

#include <raum/error.h>

#define SCRATCH_PATH_MAX 1024

int scratch_make(char path[SCRATCH_PATH_MAX], const char *name, struct raum_error *error);
void scratch_remove(const char *path);

#endif
