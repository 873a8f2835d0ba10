/* Accounts and their credentials as rows. Knows no request but through its connection. */
#ifndef SERVER_AUTH_ACCOUNT_H
#define SERVER_AUTH_ACCOUNT_H

#include "server/call.h"

#define ACCOUNT_NAME_MAX 512   /* bytes */
#define ACCOUNT_IMAGE_MAX 4096 /* an address, not the picture: it travels in every token */
#define PASSWORD_MIN 8
#define PASSWORD_MAX 128 /* UTF-16 units, as JavaScript counts */

struct account {
    const char *id, *email, *name, *image; /* image may be NULL */
    const char *hash;                      /* of the password; NULL: none */
    int64_t credential_created, credential_updated;
    const char *credential; /* id; NULL: none */
    bool verified, disabled;
};

/* RAUM_END: there is none. email in lower case. */
int account_by_email(struct call *c, const char *email, struct account *out) BASE_CHECK;
int account_by_id(struct call *c, const char *id, struct account *out) BASE_CHECK;
/* Account, credential and personal space in one transaction; EXISTS: the address is taken. */
int account_make(struct call *c, const char *email, const char *name, const char *image,
                 const char *hash, const char **id) BASE_CHECK;
int account_set_hash(struct call *c, const char *id, const char *hash) BASE_CHECK;
/* Deletes it with its sessions; others' spaces stay whole (G-S1). */
int account_delete(struct call *c, const char *id) BASE_CHECK;

/* Length rules of a new password: 0, or 1: answered with 400. */
int password_fits(struct call *c, const char *password) BASE_CHECK;
int password_not_long(struct call *c, const char *password) BASE_CHECK;
/* Is it right? A right one of an older kind is hashed again. NOT_ALLOWED, BUSY. */
int password_right(struct call *c, const char *password, const struct account *a) BASE_CHECK;

#endif
