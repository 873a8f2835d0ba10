/* Tags of a space and their groups; presets of the account, which are copied into a space, never
 * shared with it. */
#ifndef MODULES_TAGS_TAGS_H
#define MODULES_TAGS_TAGS_H

#include "base/json.h"
#include "engine/query.h"

/* `colour`, `icon`, `group` (the id of a tagGroups row of the space) may be NULL. EXISTS if a tag
 * of the space has the name. */
int tags_create(struct raum_handle *h, const char *name, const char *colour, const char *icon,
                const char *group, char id[RAUM_ID_MAX], struct raum_error *error) BASE_CHECK;
/* Columns: id name color icon groupId sortOrder createdAt; in the order people gave them. */
int tags_query(struct raum_handle *h, struct raum_query **out, struct raum_error *error) BASE_CHECK;
/* The id of a tag by its id or its name. NOT_FOUND. */
int tags_find(struct raum_handle *h, const char *id_or_name, char id[RAUM_ID_MAX],
              struct raum_error *error) BASE_CHECK;
int tags_delete(struct raum_handle *h, const char *id, struct raum_error *error) BASE_CHECK;

/* The group of this name; made if there is none. */
int tags_group(struct raum_handle *h, const char *name, char id[RAUM_ID_MAX],
               struct raum_error *error) BASE_CHECK;

/* `tags`: a JSON list of {name, color, icon, groupName}. BAD_CHANGE if it is another thing. `own`:
 * account handle. */
int tags_preset_create(struct raum_handle *own, const char *name, struct json_value tags,
                       bool is_default, char id[RAUM_ID_MAX], struct raum_error *error) BASE_CHECK;
/* Copies a preset's tags and groups into the space; names that are there stay as they are. *made:
 * new tags. */
int tags_preset_copy(struct raum_handle *own, const char *preset, struct raum_handle *to, int *made,
                     struct raum_error *error) BASE_CHECK;

#endif
