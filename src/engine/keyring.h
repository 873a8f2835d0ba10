/* The key ring: secrets of the partitions that are sealed, in one file (keys.json, 0600) beside the
 * database. Which key belongs to which partition stands in the database (table keys); the ring
 * knows only ids and bytes, so that adoption never touches it. A passphrase wraps the ring
 * (argon2id + AEAD).
 *
 * keys.json: {"version":1,"keys":{"<16 hex>":"<base64url 32 bytes>"…},"vault":"<32 bytes>"}
 *        or: {"version":1,"salt":"…","sealed":"<base64url nonce+AEAD of the object above>"}
 *
 * "vault" is there when the ring's copies on a server are wrapped by this device (engine/vault.h):
 * the key that wraps them.
 *
 * Several processes share the file. Whoever writes it (add, put, passphrase, recover) does so
 * inside the replica's write transaction: that is the lock. Each first takes in what another
 * process wrote. */
#ifndef ENGINE_KEYRING_H
#define ENGINE_KEYRING_H

#include "base/buf.h"
#include "base/err.h"
#include <raum/env.h>
#include <stdbool.h>

#define KEYRING_ID_BYTES 8
#define KEYRING_KEYS_MAX 10000

struct keyring_key {
    unsigned char id[KEYRING_ID_BYTES];
    unsigned char secret[RAUM_KEY_BYTES];
};
struct keyring {
    const struct raum_env *env;
    char *path;
    struct keyring_key *keys;
    unsigned count, cap;
    bool wrapped;                       /* has a passphrase */
    unsigned char wrap[RAUM_KEY_BYTES]; /* stretched passphrase while open */
    unsigned char salt[16];
    bool vaulted;                        /* `vault` is there */
    unsigned char vault[RAUM_KEY_BYTES]; /* wraps the copies on a server */
    int64_t modified_ms, size;           /* of the file as read: another process may add keys */
};

/* Reads the ring; absent: an empty one (nothing written yet). LOCKED if it has a passphrase and
 * none or a wrong one is given; CORRUPT. path NULL: a ring in memory only. */
int keyring_open(struct keyring **out, const struct raum_env *env, const char *path,
                 const char *passphrase, struct raum_error *error) BASE_CHECK;
void keyring_close(struct keyring *ring); /* wipes the secrets */
/* The secret of an id; looks into the file again if it is unknown and the file changed. NULL if
 * none. */
const unsigned char *keyring_find(struct keyring *ring, const unsigned char id[KEYRING_ID_BYTES]);
/* Makes a random key and writes the ring durably before returning. Merges with what another process
 * wrote. */
int keyring_add(struct keyring *ring, unsigned char id[KEYRING_ID_BYTES],
                struct raum_error *error) BASE_CHECK;
/* Adds given keys (recovery, merging a guest's ring); duplicates are fine. */
int keyring_put(struct keyring *ring, const struct keyring_key *keys, unsigned count,
                struct raum_error *error) BASE_CHECK;
/* Sets, changes or (NULL) removes the passphrase; rewrites the file. */
int keyring_passphrase(struct keyring *ring, const char *passphrase,
                       struct raum_error *error) BASE_CHECK;
/* Keeps or (NULL) forgets the key that wraps the copies on a server; rewrites the file. */
int keyring_vault(struct keyring *ring, const unsigned char *key,
                  struct raum_error *error) BASE_CHECK;
/* The ring as one text for paper (checksummed groups), and back. */
int keyring_recovery(struct keyring *ring, struct buf *out, struct raum_error *error) BASE_CHECK;
int keyring_recover(struct keyring *ring, const char *text, struct raum_error *error) BASE_CHECK;
/* Overwrites secrets in memory; not optimised away. */
void keyring_wipe(void *data, size_t len);

#endif
