/* What the parts of the wardrobe share: limits, lists of words, a row read as JSON. Inside only. */
#ifndef MODULES_WARDROBE_WARDROBE_H
#define MODULES_WARDROBE_WARDROBE_H

#include "base/json.h"
#include "engine/query.h"

#define WARDROBE_NAME_MAX 200 /* characters */
#define WARDROBE_TAGS_MAX 20
#define WARDROBE_JSON_MAX ((size_t)8 << 20)

/* The words that a field takes, from the schema; ends with NULL. */
const char *const *wardrobe_choices(const char *table, const char *field);
/* USAGE if it is none of the words that the field takes. NULL is fine. */
int wardrobe_check_word(const char *table, const char *field, const char *word,
                        struct raum_error *error) BASE_CHECK;
/* USAGE unless it is a name of 1 to 200 characters; NULL is fine. */
int wardrobe_check_name(const char *name, struct raum_error *error) BASE_CHECK;
int wardrobe_check_tags(int count, struct raum_error *error) BASE_CHECK;

/* Members of a row to be written: text NULL leaves it out, "" makes it null. */
void wardrobe_put(struct json_writer *w, const char *key, const char *text);
/* count < 0 leaves it out; empty words are passed over. */
void wardrobe_put_list(struct json_writer *w, const char *key, const char *const *words, int count);

/* The id of a live row by its id or by its name, unless several have that name: then USAGE. What is
 * neither comes back as it is: it may be the id of a deleted row. */
int wardrobe_find(struct raum_handle *h, const char *table, const char *id_or_name,
                  char id[RAUM_ID_MAX], struct raum_error *error) BASE_CHECK;

/* A row of the space, live or deleted. Release in any case. */
struct wardrobe_row {
    struct buf text;
    struct json_doc doc;
    struct arena arena;
    struct json_value root;
    bool deleted, is_private;
};
int wardrobe_load(struct wardrobe_row *row, struct raum_handle *h, const char *table,
                  const char *id, struct raum_error *error) BASE_CHECK;
/* The same, and NOT_FOUND if it is deleted. */
int wardrobe_load_live(struct wardrobe_row *row, struct raum_handle *h, const char *table,
                       const char *id, struct raum_error *error) BASE_CHECK;
void wardrobe_release(struct wardrobe_row *row);
/* The texts of a list of the row, in its arena; other things in it are passed over. */
int wardrobe_list(struct wardrobe_row *row, const char *key, const char ***out, int *count,
                  struct raum_error *error) BASE_CHECK;
/* Writes one flag of a live row. */
int wardrobe_flag(struct raum_handle *h, const char *table, const char *id, const char *field,
                  bool on, struct raum_error *error) BASE_CHECK;

#endif
