/* What this device still has to tell somebody outside (the account's picture, …): one value per
 * key, the newest only, kept until it has arrived (G-T11). Knows neither what a key means nor who
 * delivers it. */
#ifndef ENGINE_INTENTS_H
#define ENGINE_INTENTS_H

#include "engine/replica.h"

enum intent_state {
    INTENT_NONE,    /* never said anything under this key */
    INTENT_WAITING, /* to be delivered */
    INTENT_DONE,    /* arrived; kept, so that the same value is not said again */
};

/* Says it: waiting from now on, unless the same value waits or has arrived already. NULL is a value
 * too. Inside a transaction. *news: something was queued; may be NULL. */
int intents_say(struct raum *r, const char *key, const char *value, bool *news,
                struct raum_error *error) BASE_CHECK;
/* The value (in the arena, NULL for null) and how far it is. */
int intents_get(struct raum *r, const char *key, struct arena *a, char **value,
                enum intent_state *state, struct raum_error *error) BASE_CHECK;
/* It arrived, if it is still this value that waits. Inside a transaction. */
int intents_done(struct raum *r, const char *key, const char *value,
                 struct raum_error *error) BASE_CHECK;

#endif
