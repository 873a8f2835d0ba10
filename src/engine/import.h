/* Imports of older apps' exports (ARCHITECTURE §4): Dexie file → decoded rows → legacy steps →
 * sealed staging file → one merge transaction. A crash leaves before or after; import_resume ends
 * what was left (G-U1).
 *
 * staging.db holds sealed chunks of rows (engine/staging.h). */
#ifndef ENGINE_IMPORT_H
#define ENGINE_IMPORT_H

#include "engine/media_refs.h"
#include "engine/replica.h"

#define IMPORT_TABLES_MAX 512

struct import_table {
    char name[64];
    int64_t rows;     /* in the file */
    int64_t added;    /* new here */
    int64_t changed;  /* merged into rows that were here */
    int64_t same;     /* nothing to do */
    int64_t left;     /* of other owners: not taken */
    bool local;       /* local-only table: not taken */
    bool opaque;      /* unknown to this version: kept as is */
};
struct import_report {
    double version;   /* of the file */
    char owner[RAUM_ID_MAX];
    struct import_table *tables; /* freed by import_report_release */
    int count;
    int64_t spaces;   /* offline spaces made for foreign ids */
    int64_t media;    /* pictures inside rows that became media */
};

struct import_options {
    const char *owner;  /* whose rows; NULL: the only one in the file */
    const char *
        once; /* remembered under this key of meta: a second time RAUM_END, nothing done. Or NULL */
    bool dry_run;
    void (*progress)(void *arg, const char *what, double done);
    void *progress_arg;
    /* A picture inside a row: keeps its bytes and fills hash, type, bytes, width, height of `out`.
     * UNSUPPORTED_MEDIA, or NULL: the bytes stay in the row, as base64url. */
    int (*media)(void *arg, const char *type, const void *data, size_t len, struct media_ref *out,
                 struct raum_error *error);
    void *media_arg;
};

/* A source of bytes that can be read twice. read: bytes got, 0 at the end, negative RAUM_E…. */
struct import_source {
    void *ctx;
    long (*read)(void *ctx, void *buf, size_t len);
    int (*rewind)(void *ctx);
    int64_t size; /* -1 if unknown; for progress */
};

int import_run(struct raum *r, const struct import_source *source,
               const struct import_options *options, struct import_report *report,
               struct raum_error *error) BASE_CHECK;
void import_report_release(struct import_report *report);
/* Finishes a complete staging, discards an incomplete one. Called at open, before anything else. */
int import_resume(struct raum *r, void (*progress)(void *arg, const char *what, double done),
                  void *arg, struct raum_error *error) BASE_CHECK;

#endif
