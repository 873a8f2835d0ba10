/* Sealing of field values: XChaCha20-Poly1305, bound to key, app, table, row and field (G-K1,
 * G-K2).
 *
 *     at rest (BLOB):  1 | key id: 8 bytes | nonce: 24 bytes | ciphertext and tag
 *     as text:         raum:1:<key id, 16 hex>:<base64url of nonce and ciphertext>
 *
 * The nonce is a keyed hash of associated data and text: the same value in the same place under the
 * same key gives the same bytes on every device, so upgrades and replays are byte-identical (G-U3),
 * and no random number can ever repeat by mistake. What it shows: whether a field has the very
 * value it had before. The key is chosen from the row's own partition, never from the active space.
 */
#ifndef ENGINE_SEAL_H
#define ENGINE_SEAL_H

#include "base/buf.h"
#include "engine/keyring.h"
#include "engine/replica.h"

#define SEAL_OVERHEAD (1 + KEYRING_ID_BYTES + RAUM_NONCE_BYTES + RAUM_TAG_BYTES)
#define SEAL_PREFIX "raum:1:"
#define SEAL_VAULT "vault" /* in meta: there is a vault, and in which mode it was seen last */

/* Where a value lives. Names as in the contract; row is the id as members see it. `space` is the
 * partition of the row: what was sealed for another does not open there (G-K2). It is not part of
 * the associated data, since adoption changes ids; the table keys says whose a key is. 0: do not
 * ask (staging, seal_value). */
struct seal_place {
    const char *app, *table, *field;
    const char *row;
    size_t row_len;
    uint32_t space;
};

/* The key id with which the partition seals now; makes key and row on first use (inside a
 * transaction). KEY_MISSING: with a vault, while no key's copy is there. */
int seal_key(struct raum *r, uint32_t space, unsigned char id[KEYRING_ID_BYTES],
             struct raum_error *error) BASE_CHECK;
/* Appends the bytes at rest to out. */
int seal_value(struct raum *r, uint32_t space, const struct seal_place *place, const void *text,
               size_t len, struct buf *out, struct raum_error *error) BASE_CHECK;
/* Appends the text behind the bytes. KEY_MISSING, CORRUPT (does not authenticate). A small cache
 * keyed by the nonce makes repeated opening of the same value cheap. */
int seal_open(struct raum *r, const struct seal_place *place, const void *data, size_t len,
              struct buf *out, struct raum_error *error) BASE_CHECK;
/* Between the two spellings. */
int seal_to_text(const void *data, size_t len, struct buf *out,
                 struct raum_error *error) BASE_CHECK;
int seal_from_text(const char *text, size_t len, struct buf *out,
                   struct raum_error *error) BASE_CHECK;
/* Must a key have its copy on a server before it seals anything? (engine/vault.h; guests: never) */
int seal_vaulted(struct raum *r, bool *vaulted, struct raum_error *error) BASE_CHECK;
/* A further key of the partition, the newest on every device whatever a clock says. Inside a
 * transaction. */
int seal_add(struct raum *r, uint32_t space, struct raum_error *error) BASE_CHECK;
/* Which key seals may have changed within this transaction. */
void seal_forget(struct raum *r);
/* Gives up caches and statements; before the connection is closed. */
void seal_release(struct raum *r);
/* Retires the partition's key: the next seal_key makes a new one. Old rows still open (G-K2). With
 * a vault a new one is made that waits for its copy; until that has arrived the old one seals. */
int seal_rotate(struct raum *r, uint32_t space, struct raum_error *error) BASE_CHECK;
/* A whole file (backups, staging rows): key derived from the ring. */
int seal_bytes(const struct raum_env *env, const unsigned char key[RAUM_KEY_BYTES],
               const char *purpose, const void *data, size_t len, struct buf *out,
               struct raum_error *error) BASE_CHECK;
int open_bytes(const struct raum_env *env, const unsigned char key[RAUM_KEY_BYTES],
               const char *purpose, const void *data, size_t len, struct buf *out,
               struct raum_error *error) BASE_CHECK;

#endif
