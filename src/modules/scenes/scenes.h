/* Workbench scenes of a space. Which one is active is a matter of this device and space, not of the
 * data. */
#ifndef MODULES_SCENES_SCENES_H
#define MODULES_SCENES_SCENES_H

#include "engine/query.h"

#define SCENES_HOME "scene-home" /* id of the first scene of every space */
#define SCENES_HOME_NAME                                                                           \
    "Home" /* its name until somebody gives another; shown as "Übersicht" in German */
#define SCENES_REMEMBERED 5

/* Makes the first scene, once (G-S14). Only its owner does so in a space; for others it comes by
 * sync. */
int scenes_seed(struct raum_handle *h, struct raum_error *error) BASE_CHECK;
int scenes_create(struct raum_handle *h, const char *name, char id[RAUM_ID_MAX],
                  struct raum_error *error) BASE_CHECK;
/* Columns: id name description openApps scopeTagIds createdAt. */
int scenes_query(struct raum_handle *h, struct raum_query **out,
                 struct raum_error *error) BASE_CHECK;
/* By id or name. NOT_FOUND. */
int scenes_find(struct raum_handle *h, const char *id_or_name, char id[RAUM_ID_MAX],
                struct raum_error *error) BASE_CHECK;
/* Makes it the active one of the handle's space on this device; the last five are remembered. */
int scenes_use(struct raum_handle *h, const char *id, struct raum_error *error) BASE_CHECK;
/* The latest remembered one that still exists, else the first in the list; "" if there is none at
 * all. */
int scenes_active(struct raum_handle *h, char id[RAUM_ID_MAX], struct raum_error *error) BASE_CHECK;

#endif
