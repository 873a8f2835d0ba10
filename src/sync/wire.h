/* The codec of the sync wire (CONTRACT §5): requests and answers as JSON, both ways. Pure: knows
 * neither rows nor storage nor HTTP; what a change means is the merge's and the relay's business.
 *
 *     request   {clientId, since, schemaVersion?, changes: [change…]}
 *     change    {eventId?, app, table, id, op, spaceId?, actor?, origin?, data?, fields?,
 *                deletedAt?}
 *     fields    {name: {value, at, dev?, by?, agent?, origin?}…}
 *     answer    {serverChanges: [change…], results: [result…], conflicts: [], syncedUntil, hasMore,
 *                epoch?, behind?}
 *     result    {index, eventId?, status, code?, serverTime?}
 *
 * Both spellings of a write end in the same list of fields: `data` gives values without stamps
 * (older clients), `fields` values with them; a name in both counts as in `fields`. `deletedAt` of
 * the change is the field of that name. A field's dev, by and origin default to the request's
 * client, the change's actor, its origin. Times have nine fraction digits; shorter ones are taken
 * and filled up (G-S9).
 *
 * One bad change does not break its batch (G-S6): it is kept in its place with `error` set. Members
 * that this version does not know are passed over in changes and kept in `data` (G-S16). */
#ifndef SYNC_WIRE_H
#define SYNC_WIRE_H

#include "base/arena.h"
#include "base/json.h"
#include "schema/rights.h"
#include "schema/stamps.h"
#include "sync/merge.h"

#define WIRE_BYTES_MAX ((size_t)1 << 20) /* of a request */
#define WIRE_CHANGES_MAX 5000            /* of a request */
#define WIRE_FIELDS_MAX 256              /* of a change */
#define WIRE_CURSOR_MAX ((size_t)64 << 10)
#define WIRE_NAME_MAX 128 /* bytes of a field's, table's or app's name */

enum wire_op { WIRE_INSERT, WIRE_UPDATE, WIRE_DELETE, WIRE_OPS };

/* Texts lie in the arena of the parse, or are lent by the caller for writing. */
struct wire_change {
    const char *event, *app, *table, *id, *space; /* event, app and space may be NULL */
    enum wire_op op;
    const char *deleted; /* written beside the fields, for older clients; read it is a field */
    struct merge_field *fields;
    uint32_t count;
    int error; /* 0, or RAUM_EBAD_CHANGE…: why it cannot be taken */
};
struct wire_request {
    const char *client; /* of the body, else of the header: the caller's business */
    const char *since;  /* opaque cursor; NULL or "": from the start */
    int64_t schema;     /* schemaVersion; 0: not said */
    struct wire_change *changes;
    uint32_t count;
};

enum wire_status { WIRE_APPLIED, WIRE_DUPLICATE, WIRE_STALE, WIRE_REJECTED, WIRE_STATUSES };

struct wire_result {
    uint32_t index;
    const char *event; /* NULL: none was given */
    enum wire_status status;
    int code;             /* RAUM_E… of what was rejected; 0 otherwise */
    uint64_t server_time; /* with CLOCK_AHEAD; 0 otherwise */
    bool beaten;          /* the relay's own note: some field lost; not on the wire */
};
struct wire_answer {
    struct wire_change *changes;
    uint32_t change_count;
    struct wire_result *results;
    uint32_t result_count;
    const char *until;
    const char *epoch; /* of the server's database; NULL: not said */
    bool more;
    int64_t behind; /* read only: about how many rows are still to come; 0: not said */
};

/* `doc` must be parsed with the text that stays alive as long as the result is used; values are
 * lent from it. RAUM_EBAD_CHANGE: not a request at all; RAUM_ETOO_LARGE; RAUM_ENOMEM. */
int wire_read_request(const struct json_doc *doc, struct arena *a, struct wire_request *out,
                      struct raum_error *error) BASE_CHECK;
int wire_read_answer(const struct json_doc *doc, struct arena *a, struct wire_answer *out,
                     struct raum_error *error) BASE_CHECK;
/* The data of a `changes` event of the stream: {app, table, changes, syncedUntil, hasMore}. */
int wire_read_event(const struct json_doc *doc, struct arena *a, struct wire_answer *out,
                    struct raum_error *error) BASE_CHECK;
/* One value with its members in a fixed order, so that equal content gives equal bytes. */
void wire_put_request(struct json_writer *w, const struct wire_request *q);
void wire_put_change(struct json_writer *w, const struct wire_change *c);
void wire_put_answer(struct json_writer *w, const struct wire_answer *a);

const char *wire_op_name(enum wire_op op);
const char *wire_status_name(enum wire_status status);

#endif
