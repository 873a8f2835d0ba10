/* What the rows of a space still show, asked when one of them goes or comes back: a picture's bytes
 * follow the last row. Here stand the tables that show pictures; whoever adds one names it in
 * uses.c. */
#ifndef MODULES_USES_H
#define MODULES_USES_H

#include "modules/pictures.h"

/* Does a visible row of the space show the picture? */
int uses_shown(struct raum_handle *h, const char *media, bool *shown,
               struct raum_error *error) BASE_CHECK;
/* Within a transaction, after the row has gone or has let go of the picture: unless another visible
 * row of the space shows it, its reference goes into the trash, with `forever` away. `hash` then
 * receives what is to be settled after the commit (pictures_settle), else "". A picture that never
 * came to this device is nothing to do. */
int uses_gone(struct raum_handle *h, const char *media, bool forever, char hash[MEDIA_REF_HASH],
              struct raum_error *error) BASE_CHECK;
/* Within a transaction: the picture of a row that is back, out of the trash at once, so that a live
 * row never waits for its bytes. */
int uses_back(struct raum_handle *h, struct pictures *p, const char *media,
              struct raum_error *error) BASE_CHECK;

#endif
