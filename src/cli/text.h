/* What people read, in their language. The English sentence is the key; German stands beside it in
 * text_de*.c. A sentence that is not there is shown in English. Codes, names of fields and JSON are
 * never translated. */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Chooses the language: the first set of RAUM_LANG, LC_ALL, LC_MESSAGES, LANG; de… is German. */
void text_start(void);
bool text_is_german(void);
/* The sentence in the chosen language; printf formats keep their conversions in order. Static. */
const char *tr(const char *english) __attribute__((format_arg(1)));
/* The German sentence; NULL if there is none. */
const char *text_german(const char *english);

struct text_pair {
    const char *english, *german;
};
extern const struct text_pair *const text_tables[]; /* text_de.c; ends with NULL */
extern const struct text_pair text_wardrobe[];      /* each ends with english NULL */
extern const struct text_pair text_media[], text_try_on[], text_agents[];

#endif
