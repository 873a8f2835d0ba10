/* Records of the staging file: a normalised legacy row as one JSON object, and back as a row of the
 * replica.
 *
 *     {"t":table,"i":id,"s":space or null,"a":author or null (the importing
 * account),"v":visibility,
 *      "c":createdAt,"d":deletedAt,"at":…,"vat":…,"dat":…,"f":[[name,at,value]…],"m":[media…]} */
#ifndef ENGINE_IMPORT_RECORD_H
#define ENGINE_IMPORT_RECORD_H

#include "engine/dexie.h"
#include "engine/import.h"
#include "engine/row.h"
#include "schema/legacy43.h"

/* Appends the record of `from`. `parts`: bytes found in the row; stored by options->media, else
 * kept as text. Counts what became media. */
int import_record_write(struct raum *r, const struct legacy_out *from,
                        const struct dexie_row *source, const struct import_options *options,
                        const char *owner, struct buf *out, int64_t *media,
                        struct raum_error *error) BASE_CHECK;

struct import_spaces { /* the last foreign space that was looked up */
    char id[RAUM_ID_MAX];
    uint32_t ref;
    int64_t made;
};
/* Builds the row in the arena, with space and author interned (inside a transaction), and adds the
 * references of its media unless `dry`. */
int import_record_read(struct raum *r, const void *record, size_t len, bool dry,
                       struct json_doc *doc, struct import_spaces *spaces, struct arena *a,
                       struct row *out, struct raum_error *error) BASE_CHECK;

#endif
