/* What the files behind `raum garment …` and `raum outfit …` share. */
#ifndef CLI_CMD_WARDROBE_H
#define CLI_CMD_WARDROBE_H

#include "cli/pool.h"
#include "modules/wardrobe/garments.h"

#define WARDROBE_WORDS_MAX 100
#define WARDROBE_ROW_MAX ((size_t)8 << 20)
#define WARDROBE_DAY 11 /* "2026-04-30" and a NUL */
#define WARDROBE_MONEY 48

/* Commands that fill files of their own. */
int garment_add(struct cli *cli);
int garment_list(struct cli *cli);
int garment_photo(struct cli *cli);
int garment_stats(struct cli *cli);
int outfit_list(struct cli *cli);
int garment_wear(struct cli *cli);
int garment_unwear(struct cli *cli);
int outfit_wear(struct cli *cli);
int wear_log(struct cli *cli); /* `raum garment log` */

/* The words of an option that may be given several times; *count -1 if it is not given. USAGE for
 * more than WARDROBE_WORDS_MAX. */
int wardrobe_words(struct cli *cli, const char *option, const char *words[WARDROBE_WORDS_MAX],
                   int *count) BASE_CHECK;
/* What the options say about a garment; `tags` holds the words of --tag. */
int garment_options(struct cli *cli, struct garment_fields *fields,
                    const char *tags[WARDROBE_WORDS_MAX]) BASE_CHECK;
/* The day that --on names, else today where the user is. USAGE if it is none, or yet to come. */
int wardrobe_day(struct cli *cli, char day[WARDROBE_DAY]) BASE_CHECK;
/* An option that is a day, or empty. */
int wardrobe_check_day(struct cli *cli, const char *option) BASE_CHECK;
/* "space" or "private" of --shared and --private; NULL for neither. */
const char *wardrobe_visibility(struct cli *cli);
/* Which of --archived and --all. */
enum wardrobe_shelf wardrobe_shelf(struct cli *cli);

/* The id of a garment, an outfit, by id or name (wardrobe_find). */
int garment_find(struct cli *cli, const char *word, char id[RAUM_ID_MAX]) BASE_CHECK;
int outfit_find(struct cli *cli, const char *word, char id[RAUM_ID_MAX]) BASE_CHECK;
/* "49.90 EUR", in German "49,90 EUR"; `cents` hundredths. */
void wardrobe_money(double cents, const char *currency, char out[WARDROBE_MONEY]);
/* Appends what a garment or outfit of the space is called, deleted ones too; *gone: it is not here
 * any more. Nothing is appended about one that nobody knows. `table`: of the schema. */
int wardrobe_name(struct cli *cli, const char *table, const char *id, struct buf *out,
                  bool *gone) BASE_CHECK;
/* "Shirt", "Shirt (gone)", "(gone)". */
void wardrobe_put_name(struct buf *out, const char *name, bool gone);
/* Says why a list is empty, and how to change it (G-T4). `filtered`: something narrowed it. */
void wardrobe_empty(struct cli *cli, bool filtered, const char *none, const char *how);

/* Each row of a query as JSON into one array on standard output; `row` appends one. *count: how
 * many. Column 0 is the id. */
int wardrobe_list_json(struct cli *cli, struct raum_query *q, int64_t *count,
                       int (*row)(struct raum_handle *h, const char *id, struct buf *out,
                                  struct raum_error *error)) BASE_CHECK;

/* One garment: JSON with what is derived, for people lines. */
int garment_print(struct cli *cli, const char *id) BASE_CHECK;
/* After a change: as it is now, unless people asked for quiet. Gives rc back if that is an error.
 */
int garment_done(struct cli *cli, const char *id, int rc);
int outfit_print(struct cli *cli, const char *id) BASE_CHECK;
int outfit_done(struct cli *cli, const char *id, int rc);

#endif
