/* The server's cryptography, by libsodium and OpenSSL; nothing of our own. */
#ifndef SERVER_AUTH_CRYPTO_H
#define SERVER_AUTH_CRYPTO_H

#include "base/buf.h"
#include "base/err.h"
#include <raum/env.h>
#include <stdbool.h>
#include <stddef.h>

#define CRYPTO_PASSWORD_MAX 200 /* bytes of a stored hash with its NUL */
#define CRYPTO_SIGN_PUBLIC 32
#define CRYPTO_SIGN_SECRET 64

/* argon2id, 19 MiB, 2 passes, as libsodium's text form. At most two at once in this process; a
 * waiting queue of 32, then BUSY. The password is NFKC-normalised text as given (UTF-8). */
int crypto_password_hash(const char *password, char out[CRYPTO_PASSWORD_MAX],
                         struct raum_error *error) BASE_CHECK;
/* Verifies ours and Better Auth's scrypt ("<salt hex>:<key hex>"). 0, NOT_ALLOWED, BUSY.
 * *rehash: right, but of the older kind: store a new hash. hash NULL: spends the same time and
 * says NOT_ALLOWED (unknown account). */
int crypto_password_check(const char *password, const char *hash, bool *rehash,
                          struct raum_error *error) BASE_CHECK;

void crypto_hmac_sha256(const char *key, const void *data, size_t len, unsigned char out[32]);
void crypto_sha256(const void *data, size_t len, unsigned char out[32]);
bool crypto_same(const void *a, const void *b, size_t len); /* constant time */

void crypto_sign_keys(unsigned char pub[CRYPTO_SIGN_PUBLIC],
                      unsigned char secret[CRYPTO_SIGN_SECRET]);
/* A JWT {"alg":"EdDSA","kid":kid} over the payload's JSON. */
int crypto_jwt(const char *kid, const unsigned char secret[CRYPTO_SIGN_SECRET],
               const char *payload, size_t len, struct buf *out) BASE_CHECK;
/* Signature only: alg must be EdDSA, kid ours. *payload: decoded JSON. 0 or NOT_ALLOWED. */
int crypto_jwt_check(const char *jwt, const char *kid,
                     const unsigned char pub[CRYPTO_SIGN_PUBLIC], struct buf *payload) BASE_CHECK;

#endif
