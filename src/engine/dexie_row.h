/* One row of a Dexie export: from its bytes in the file to plain JSON (the stand-ins are listed in
 * dexie.h). Knows Typeson's type marks, not the file around the row. Internal to the reader. */
#ifndef ENGINE_DEXIE_ROW_H
#define ENGINE_DEXIE_ROW_H

#include "engine/dexie.h"
#include "engine/dexie_marks.h"

#define DEXIE_ARENA_MAX (24u << 20) /* decoded bytes and texts of one row */
#define DEXIE_TEXT_MAX (20u << 20)  /* a row's plain JSON */

/* Memory that is used again for every row. */
struct dexie_decoder {
    struct json_doc source, plain;
    struct buf text, key;
    struct dexie_marks marks;
    struct arena arena;
};

void dexie_decoder_init(struct dexie_decoder *d);
void dexie_decoder_release(struct dexie_decoder *d);

/* Decodes a row of `len` bytes into `row` (table must be set). `marks_at` > 0: the offset of the
 * comma before the last member, a "$types" that says nothing but "arrayNonindexKeys", in a row that
 * is plain otherwise: then the text is cut there in place and not copied. RAUM_ECORRUPT when it is
 * no row, RAUM_ETOO_LARGE, RAUM_ENOMEM. */
int dexie_decode(struct dexie_decoder *d, char *text, size_t len, bool plain, size_t marks_at,
                 struct dexie_row *row, struct raum_error *error) BASE_CHECK;

#endif
