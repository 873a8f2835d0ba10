/* What this device has to tell: the dirty set as changes of the wire, and what becomes of them. The
 * values are read when they are sent, so many edits of a field are one change, and an edit that was
 * made offline goes with the next (G-S4, G-S11). Knows neither when
 * nor to whom they are sent (sync/session.h).
 *
 * A change that was refused is parked: it leaves the dirty set, is kept with its code where the
 * user sees it, and is offered again when the user says so (G-S6). */
#ifndef SYNC_OUTGOING_H
#define SYNC_OUTGOING_H

#include "engine/replica.h"
#include "sync/wire.h"

#ifndef OUTGOING_CHANGES_MAX /* the simulation has smaller requests */
#define OUTGOING_CHANGES_MAX 400
#endif
#define OUTGOING_BYTES_MAX ((size_t)700 << 10)

struct outgoing {
    struct wire_change *changes; /* in the arena */
    struct outgoing_row *rows;   /* which row each is of; opaque to others */
    uint32_t count;
    bool more; /* not all fit */
};

/* The next of them, of spaces that the server knows; tables in the order of the schema, so that a
 * picture comes before the slot that holds it. Reads only. */
int outgoing_take(struct raum *r, struct arena *a, struct outgoing *out,
                  struct raum_error *error) BASE_CHECK;
/* Is there anything that outgoing_take would give? */
int outgoing_waits(struct raum *r, bool *out, struct raum_error *error) BASE_CHECK;
/* Taken, or lost to something newer: no longer dirty, unless it was edited again meanwhile. */
int outgoing_done(struct raum *r, const struct outgoing *o, uint32_t index,
                  struct raum_error *error) BASE_CHECK;
/* Refused with this code. */
int outgoing_park(struct raum *r, const struct outgoing *o, uint32_t index, int code,
                  struct raum_error *error) BASE_CHECK;
/* This device's clock is ahead (G-S9): every unsent field that is later than the server's time is
 * stamped anew from it, and the clock goes on from there. Rows and dirty set in one transaction. */
int outgoing_restamp(struct raum *r, uint64_t server_time, struct raum_error *error) BASE_CHECK;
/* Offers what was parked again: with this code, or with any (0). */
int outgoing_retry(struct raum *r, int code, struct raum_error *error) BASE_CHECK;
/* The server was restored from a backup: everything that this account wrote is offered again, in
 * spaces that the server knows (G-O4). */
int outgoing_offer_all(struct raum *r, struct raum_error *error) BASE_CHECK;

/* Every row that was refused, with its code. Texts are lent for the call. */
typedef int outgoing_each(void *arg, const char *space, const char *table, const char *id, int code,
                          struct raum_error *error);
int outgoing_parked(struct raum *r, outgoing_each *each, void *arg,
                    struct raum_error *error) BASE_CHECK;

struct outgoing_state {
    int64_t pending, parked; /* rows */
};
/* Of one space, or with 0 of all. */
int outgoing_state(struct raum *r, uint32_t space, struct outgoing_state *out,
                   struct raum_error *error) BASE_CHECK;

#endif
