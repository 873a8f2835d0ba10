/* Archives: what an account or one space holds, as files that people and programs can read, and
 * back (G-O4).
 *
 *     manifest.json {"account","format","schema","spaces":[{"id","name","offline",
 *                                       "role","slug","type"}…],"version"}
 *     spaces/<n>/<table>.jsonl          one row a line, by id; behind 4 MB goes on as
 * <table>.2.jsonl spaces/<n>/other.jsonl            rows of tables that this version does not know
 *     spaces/<n>/media.jsonl            one picture a line, by id
 *     media/<hash>.<type>               its bytes, once; deleted pictures keep their line only
 *     end.json                          {"digest","entries"} of all before: what is cut off is
 * refused
 *
 *     {"author","createdAt","deletedAt","extra":{…},"fields":{…},"id","stamps":{"fields":{"label":
 *     {"agent","at","by","dev","origin"}…},"row":{…},"unknown":{…}},"visibility"}
 *
 * Values are plain: an archive is not sealed. Nothing of the moment is in it, so that export,
 * import into an empty replica and export again give the same bytes. Order: the user's own rows,
 * the personal space, the others by id. Knows neither tar nor files nor pictures: entries and
 * pictures pass through callbacks. */
#ifndef ENGINE_ARCHIVE_H
#define ENGINE_ARCHIVE_H

#include "engine/replica.h"

#define ARCHIVE_FORMAT "raum-archive"
#define ARCHIVE_VERSION 1
#define ARCHIVE_ENTRY_MAX ((size_t)80 << 20) /* bytes of one entry */
#define ARCHIVE_SPACES_MAX 10000

struct archive_sink {
    void *ctx;
    int (*put)(void *ctx, const char *name, const void *data, size_t len, struct raum_error *error);
};
struct archive_source {
    void *ctx;
    /* RAUM_END behind the last. Name (NUL-terminated) and bytes are lent until the next call. */
    int (*next)(void *ctx, const char **name, const void **data, size_t *len,
                struct raum_error *error);
    int (*rewind)(void *ctx, struct raum_error *error);
};
/* The pictures' bytes; NULL functions: there are none. */
struct archive_media {
    void *ctx;
    /* free() them. RAUM_ENOT_FOUND: not on this device. */
    int (*read)(void *ctx, const char *hash, void **data, size_t *len, struct raum_error *error);
    /* Takes them in; RAUM_ECORRUPT if they are not what the hash says. Called outside a
     * transaction, before the rows. */
    int (*write)(void *ctx, const char *hash, const void *data, size_t len,
                 struct raum_error *error);
};

struct archive_report {
    char account[RAUM_ID_MAX]; /* whose archive */
    int64_t rows;              /* in the archive */
    int64_t added, changed, same;
    int64_t left;     /* of other people: their own settings, their private rows */
    int64_t pictures; /* with their bytes */
    int64_t missing;  /* pictures whose bytes are not here */
    int64_t unopened; /* values without their key: left out */
    int spaces, made; /* in the archive; new here */
};

/* One space, or with 0 everything of the account. One consistent state, also while others write. */
int archive_export(struct raum *r, uint32_t space, const struct archive_sink *sink,
                   const struct archive_media *media, struct archive_report *report,
                   struct raum_error *error) BASE_CHECK;
/* What this account wrote in a space and no server has: the fields of the dirty set as rows of
 * one's own, the pictures of this device and one's rows that show them; as an archive whose space
 * is an offline one with the id `as` (SCHEMA_OFFLINE…). Also of a space that the account is not in
 * any more. */
int archive_export_unsent(struct raum *r, uint32_t space, const char *as,
                          const struct archive_sink *sink, const struct archive_media *media,
                          struct archive_report *report, struct raum_error *error) BASE_CHECK;
/* Merges in one transaction. The whole archive is checked before anything is written:
 * RAUM_ECORRUPT, RAUM_ENEWER_DATABASE (format). `dry`: nothing is written. Of another account: its
 * personal space becomes an offline space "Imported: …", rows keep their authors; if either side is
 * a guest, the two count as one person. */
int archive_import(struct raum *r, const struct archive_source *source,
                   const struct archive_media *media, bool dry, struct archive_report *report,
                   struct raum_error *error) BASE_CHECK;

/* The digest so far and one more entry (32 bytes, zeros at first). */
void archive_digest(const struct raum_env *env, unsigned char state[RAUM_HASH_BYTES],
                    const char *name, const void *data, size_t len);

#endif
