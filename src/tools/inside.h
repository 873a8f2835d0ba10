/* What the files of the tools share: arguments, pages, functions. */
#ifndef TOOLS_INSIDE_H
#define TOOLS_INSIDE_H

#include "tools/tools.h"

#define TOOL_JSON_MAX ((size_t)16 << 20)
#define PAGE_DEFAULT 50
#define PAGE_MAX 200

/* Arguments that the schema has let through; NULL, 0, false when absent. */
const char *arg_text(struct tool_call *call, struct json_value args, const char *key);
bool arg_flag(struct json_value args, const char *key, bool otherwise);
int arg_int(struct json_value args, const char *key, int otherwise);
/* A list of texts; *count -1 when absent. */
int arg_list(struct tool_call *call, struct json_value args, const char *key,
             const char *const **out, int *count, struct raum_error *error) BASE_CHECK;

/* A page of a query whose first column is an id: from behind the cursor, at most `limit` rows. What
 * was there when the cursor was made and has gone meanwhile costs no other row. */
struct page {
    struct raum_query *q;
    int limit, taken;
    int64_t at; /* rows passed so far */
    char last[RAUM_ID_MAX];
    bool more;
};
/* Takes the query (freed by page_end). USAGE: no cursor of ours. */
int page_begin(struct page *p, struct raum_query *q, int limit, const char *cursor,
               struct raum_error *error) BASE_CHECK;
/* 0: a row; RAUM_END. */
int page_next(struct page *p, struct raum_error *error) BASE_CHECK;
/* Leaves out what next gave: it does not count. */
void page_skip(struct page *p);
/* The cursor behind the last row, "" at the end. */
void page_cursor(const struct page *p, char *out, size_t size);
void page_end(struct page *p);
/* "nextCursor", if there is more. */
void page_put_cursor(const struct page *p, struct json_writer *w);

/* A value of a query by its type; `json`: the text is JSON. */
void put_column(struct json_writer *w, const char *key, const struct raum_query *q, int at);
void put_column_json(struct json_writer *w, const char *key, const struct raum_query *q, int at);
void put_column_flag(struct json_writer *w, const char *key, const struct raum_query *q, int at);

/* May these bytes go to an agent? A picture of a person needs that person's word, whichever row
 * shows it; what shows none needs only to be here (G-P1). CONSENT_REQUIRED, NOT_FOUND. */
int tool_media_may(struct tool_call *call, const char *media, struct raum_error *error) BASE_CHECK;
/* ASCII letters are one whatever their case, as SQL's lower() has it. */
bool same_word(const char *a, const char *b);
/* A JSON text of bytes in base64. */
void tool_put_base64(struct json_writer *w, const void *data, size_t len);

tool_fn tool_me_list, tool_me_generate;
tool_fn tool_garments_list, tool_garment_add, tool_outfits_list, tool_outfit_create, tool_try_on;
tool_fn tool_space_current, tool_tags_list, tool_tag_create, tool_tasks_list, tool_task_create,
    tool_task_complete, tool_task_delete, tool_scenes_list;

#endif
