/* The server's data directory: made 0700, held by one process, with the files that are secret.
 * Knows no database. */
#ifndef SERVER_HOME_H
#define SERVER_HOME_H

#include "base/err.h"
#include <raum/env.h>

#define HOME_SECRET_MIN 32 /* characters of a secret that is given */

/* Makes the directory and locks it: *lock is a file descriptor to be closed by the caller. BUSY:
 * another server holds it. */
int home_lock(const char *folder, int *lock, struct raum_error *error) BASE_CHECK;
/* The secret that signs cookies: `given`, else the file, else a new one (0600). free() it. */
int home_secret(const char *folder, const char *given, const struct raum_env *env, char **out,
                struct raum_error *error) BASE_CHECK;
/* The vault's key as 64 hex digits in `path` (NULL: vault.key in the folder), made if absent. */
int home_vault_key(const char *folder, const char *path, const struct raum_env *env,
                   unsigned char out[RAUM_KEY_BYTES], struct raum_error *error) BASE_CHECK;
/* "folder/name"; free() it. */
int home_path(const char *folder, const char *name, char **out,
              struct raum_error *error) BASE_CHECK;

#endif
