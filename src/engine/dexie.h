/* Reads a Dexie export (dexie-export-import, format 1) of any size in bounded memory, as rows of
 * plain JSON.
 *
 * Two passes over the same bytes: dexie_scan() checks the whole file strictly and says what is in
 * it; dexie_rows() hands out the rows. Members may stand in any order, white space is free. Knows
 * no files (bytes come through a callback), no table of Raum and no rule of an upgrade.
 *
 * JSON cannot hold everything IndexedDB can. A row comes out as plain JSON with these stand-ins:
 *
 *     Date                     RFC 3339 text with milliseconds; an Invalid Date is null
 *     Date out of RFC 3339     {"$raum":"date","value":"8640000000000000"}   milliseconds
 *     undefined, hole          absent; null in an array
 *     NaN, ±Infinity           {"$raum":"number","value":"NaN"|"Infinity"|"-Infinity"}
 *     BigInt                   {"$raum":"bigint","value":"123"}
 *     RegExp                   {"$raum":"regexp","source":"a+","flags":"g"}
 *     Map, Set                 {"$raum":"map","value":[[k,v],…]}, {"$raum":"set","value":[…]}
 *     Blob                     {"$raum":"blob","type":"image/png","part":0}
 *     File                     {"$raum":"file","type":…,"name":…,"lastModified":…,"part":1}
 *     ArrayBuffer, DataView    {"$raum":"arraybuffer"|"dataview","part":2}
 *     bytes                    {"$raum":"uint8array"|"uint8clampedarray","part":3}
 *     other typed arrays       {"$raum":"float32array","value":"<base64, little-endian>"} and so on
 *     array with named members {"$raum":"array","value":{"0":…,"name":…}}
 *     an object with "$raum"   {"$raum":"object","value":{…}}
 *     a type unknown here, or
 *     one whose value is bad   {"$raum":"typeson","type":…,"value":…}   as it stood in the file
 *
 * An object that stood before in the row ("#path") is written out again, unless it holds this
 * place. Unpaired surrogates become U+FFFD. What stands in a row beside that is compact and spelled
 * in one way, so that the same data gives the same bytes whatever wrote the file (G-U3). */
#ifndef ENGINE_DEXIE_H
#define ENGINE_DEXIE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEXIE_ROW_MAX (16u << 20)  /* bytes of one row in the file */
#define DEXIE_VALUES_MAX 250000u   /* values and keys of one row: bounds the parser's memory */
#define DEXIE_DEPTH_MAX 30         /* nesting of one row: stand-ins may double it */
#define DEXIE_TABLES_MAX 1000u
#define DEXIE_OWNERS_MAX 1000u
#define DEXIE_NAME_MAX 1000u       /* bytes of a name; of an owner ID_LEN_MAX */
#define DEXIE_SCHEMA_MAX 100000u   /* bytes of a table's schema */

/* Up to n bytes into buf: their number, 0 at the end of the file, or a negative RAUM_E…. */
typedef int64_t dexie_read(void *ctx, void *buf, size_t n);

struct dexie_table {
    const char *name;
    const char *schema; /* as Dexie writes it: "id,kind,[a+b]"; "" = keys beside the rows */
    const char *key;    /* the primary key's path, out of schema: "id", "a.b", "[a+b]", or "" */
    bool local;         /* name begins with "_": never synced, not imported */
    bool inbound;       /* the key is a property of the row */
    bool skip;          /* left out by dexie_rows; `local` after the scan, the caller's to set */
    uint64_t rows;      /* in the file: its rowCount says nothing when rows were filtered */
    uint64_t offset;    /* of the byte behind the rows' "[" ; 0: no rows listed */
};

/* A person named in the file's rows (local tables aside). */
struct dexie_owner {
    const char *id;
    uint64_t rows;     /* with this userId */
    uint64_t authored; /* with this authorId */
};

/* What a file holds. Texts are NUL-terminated and owned by the struct. */
struct dexie_file {
    const char *database; /* its name */
    double version;       /* Dexie's, may be fractional */
    struct dexie_table *tables; /* in the order of the file; those without rows last */
    size_t table_count;
    struct dexie_owner *owners; /* in order of appearance */
    size_t owner_count;
    uint64_t other_owners;      /* rows of owners beyond DEXIE_OWNERS_MAX */
    uint64_t rows, bytes;       /* in all */
    struct arena arena;
};

/* Pass 1. Fills `file` (release it in either case). RAUM_ECORRUPT with what is wrong and at which
 * byte: not JSON, cut off, bytes behind the end, not formatName "dexie" and formatVersion 1, a part
 * missing or twice, rows of a table that is not listed. (A key that stands twice within a row is
 * pass 2's finding.) RAUM_ETOO_LARGE: a limit above. Else the callback's error. */
int dexie_scan(struct dexie_file *file, dexie_read *read, void *ctx,
               struct raum_error *error) BASE_CHECK;
void dexie_release(struct dexie_file *file);
const struct dexie_table *dexie_table(const struct dexie_file *file, const char *name);

/* Bytes found in a row: a Blob, a File or an array of bytes. */
struct dexie_part {
    const char *path;  /* where in the row, as Typeson writes it: "list.0"; "": the row itself */
    const char *type;  /* of a Blob or File: its media type, may be ""; "" for others */
    const char *name;  /* of a File; NULL for others */
    const unsigned char *bytes;
    size_t len;
};

/* One row; everything is lent until the callback returns. */
struct dexie_row {
    const struct dexie_table *table;
    uint64_t number;         /* within its table, from 0 */
    struct json_value value; /* plain: an object, or anything when the key is beside it */
    const char *json;        /* its text: compact */
    size_t json_len;
    const char *key;         /* the primary key's JSON; NULL if the row has none. A Date in it is */
    size_t key_len;          /* {"$raum":"date","value":"2026-…Z"}, bytes have base64 as value */
    const struct dexie_part *parts; /* "part" in the row is the index here */
    size_t part_count;
    struct arena *arena;     /* for the callback's own use; emptied after it */
};

/* 0: go on; anything else stops and is what dexie_rows gives back. */
typedef int dexie_each(void *arg, const struct dexie_row *row, struct raum_error *error);

/* Pass 2: `read` starts at the first byte of the same file again. RAUM_ECORRUPT when the bytes are
 * not those of the scan, or a row is no row: then the rows handed out before are worth nothing. */
int dexie_rows(const struct dexie_file *file, dexie_read *read, void *ctx, dexie_each *each,
               void *arg, struct raum_error *error) BASE_CHECK;

#endif
