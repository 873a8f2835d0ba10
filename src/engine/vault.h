/* The copies of an account's key ring on a server, through which its next device gets the keys.
 * Sans I/O: bodies in, bodies out; who sends them is somebody else.
 *
 *     GET  /api/v1/vault        → vault_take (and vault_unlock before it, if it says locked)
 *     PUT  /api/v1/vault/{id}   ← vault_next, then vault_confirm, until there is no next
 *     PUT  /api/v1/vault        ← vault_change, then vault_changed
 *
 * Two modes. `server`: each key goes there as it is; the host can read it. `passphrase`: a random
 * vault key wraps each key on the device; it is itself wrapped twice, by the stretched passphrase
 * and by a recovery code. The host then has nothing that opens anything. A device that has seen the
 * passphrase mode does not leave it because the server says so: else a dishonest one could ask for
 * the keys in the clear.
 *
 * A key of a replica with a vault seals nothing before its copy has arrived (engine/seal.c); two
 * devices that make keys at the same time lose none: both copies stay, the newest key seals. */
#ifndef ENGINE_VAULT_H
#define ENGINE_VAULT_H

#include "base/buf.h"
#include "engine/keyring.h"
#include "engine/replica.h"

#define VAULT_ID (2 * KEYRING_ID_BYTES + 1)
#define VAULT_CODE 40 /* recovery code as text, with its NUL */
#define VAULT_MAX ((size_t)1 << 20)

struct vault {
    struct raum *raum;   /* the account's, or the guest's that is about to become it */
    const char *account; /* as the server calls it */
};
struct vault_news {
    bool passphrase;  /* mode of the vault */
    bool locked;      /* … which this device cannot open: vault_unlock */
    unsigned added;   /* keys that were not here before */
    unsigned waiting; /* keys here whose copies are not there */
};

/* From now on keys need copies; a partition without a key gets one that waits. A guest: from the
 * moment its file becomes the account's. */
int vault_start(const struct vault *v, struct raum_error *error) BASE_CHECK;
/* Takes in what GET answered: new keys join the ring, what is there counts as arrived, and what is
 * not there any more does not. NOT_ALLOWED: the server says that there is no passphrase, but this
 * device knows of one. */
int vault_take(const struct vault *v, const char *answer, size_t len, struct vault_news *news,
               struct raum_error *error) BASE_CHECK;
/* The vault key out of the same answer, by passphrase or (other NULL) recovery code; kept in the
 * ring. LOCKED: it is another one. NOT_FOUND: the vault has none. */
int vault_unlock(const struct vault *v, const char *answer, size_t len, const char *passphrase,
                 const char *code, struct raum_error *error) BASE_CHECK;
/* The next key that waits, as a body; RAUM_END if there is none that can be sent. */
int vault_next(const struct vault *v, const struct vault_news *news, char id[VAULT_ID],
               struct buf *body, struct raum_error *error) BASE_CHECK;
/* Its copy arrived. */
int vault_confirm(const struct vault *v, const char *id, struct raum_error *error) BASE_CHECK;

/* Another mode or passphrase: all keys in one body. */
struct vault_change {
    bool passphrase;
    unsigned char key[RAUM_KEY_BYTES]; /* the new vault key */
    char code[VAULT_CODE];             /* its recovery code: shown once, kept nowhere */
};
/* passphrase NULL: away with it. The caller wipes the change. */
int vault_change(const struct vault *v, const char *passphrase, struct vault_change *change,
                 struct buf *body, struct raum_error *error) BASE_CHECK;
/* The server took it. */
int vault_changed(const struct vault *v, const struct vault_change *change,
                  struct raum_error *error) BASE_CHECK;

#endif
