/* Looks whether a replica is whole: the file itself, the invariants of its rows, keys, names, and
 * that nothing that should be sealed is in the clear. Reads only. */
#ifndef ENGINE_DOCTOR_H
#define ENGINE_DOCTOR_H

#include "engine/replica.h"

enum doctor_level { DOCTOR_OK, DOCTOR_WARNING, DOCTOR_FAULT };

/* Called once per check (OK) and once per finding; the text is lent. */
typedef void doctor_tell(void *arg, enum doctor_level level, const char *check, const char *text);
/* Number of faults, or negative if the file cannot be looked at. */
int doctor_run(struct raum *r, doctor_tell *tell, void *arg, struct raum_error *error) BASE_CHECK;

#endif
