#include "cli/text.h"

#include <stdlib.h>
#include <string.h>

static bool german;

void text_start(void)
{
    static const char *const variables[] = {"RAUM_LANG", "LC_ALL", "LC_MESSAGES", "LANG"};
    german = false;
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        const char *value = getenv(variables[i]);
        if (value && *value) {
            german = strncmp(value, "de", 2) == 0;
            return;
        }
    }
}

bool text_is_german(void)
{
    return german;
}

/* A few hundred sentences, asked a few times a run: looking through them is quick enough. */
const char *text_german(const char *english)
{
    for (int i = 0; text_tables[i]; i++)
        for (const struct text_pair *p = text_tables[i]; p->english; p++)
            if (strcmp(p->english, english) == 0)
                return p->german;
    return NULL;
}

const char *tr(const char *english)
{
    const char *found = german ? text_german(english) : NULL;
    return found ? found : english;
}
