/* What the files of the host share. */
#ifndef TOOLS_HOST_INSIDE_H
#define TOOLS_HOST_INSIDE_H

#include "tools/host.h"
#include "tools/inside.h"

enum host_kind { KIND_IMAGE, KIND_PICTURE, KIND_OUTFIT };

/* resources.c */
int resources_list(struct tools_host *h, struct tool_call *call, const char *cursor,
                   struct json_writer *items, char next[MCP_NAME_MAX],
                   struct raum_error *error) BASE_CHECK;
void resources_templates(struct json_writer *items);
int resources_read(struct tool_call *call, const char *uri, struct json_writer *contents,
                   struct raum_error *error) BASE_CHECK;
/* Begins the live queries, once. */
int resources_watch(struct tools_host *h, struct raum_error *error) BASE_CHECK;
/* Values for the id of a template. */
int resources_complete(struct tool_call *call, const char *ref, const char *argument,
                       const char *value, struct json_writer *values, int *total,
                       struct raum_error *error) BASE_CHECK;

/* prompts.c */
void prompts_list(struct json_writer *items);
int prompts_get(struct tool_call *call, const char *name, struct json_value args,
                struct json_writer *result, struct raum_error *error) BASE_CHECK;
int prompts_complete(struct tool_call *call, const char *name, const char *argument,
                     const char *value, struct json_writer *values, int *total,
                     struct raum_error *error) BASE_CHECK;

/* One more value, if it begins as `value` does and there is room. */
void complete_value(struct json_writer *values, int *total, const char *text, const char *value);

#endif
