/* JSON Schema 2020-12, the part of it that tools describe themselves with: type, properties,
 * required, additionalProperties, items, enum, const, anyOf, minLength, maxLength, minimum,
 * maximum, minItems, maxItems, uniqueItems, $defs with $ref "#/$defs/NAME"; title, description,
 * default, format and $schema say something to people only. A schema with other words is refused as
 * a whole: nothing is passed over in silence. Pure. */
#ifndef TOOLS_JSON_SCHEMA_H
#define TOOLS_JSON_SCHEMA_H

#include "base/json.h"

/* 0, or RAUM_EUSAGE with where and why ("garmentIds/2: must be a string"); never with the value
 * itself. RAUM_EINTERNAL: the schema is none of ours. */
int json_schema_check(struct json_value schema, struct json_value value,
                      struct raum_error *error) BASE_CHECK;
/* Are all words of the schema known? RAUM_EINTERNAL and which is not. */
int json_schema_known(struct json_value schema, struct raum_error *error) BASE_CHECK;

#endif
