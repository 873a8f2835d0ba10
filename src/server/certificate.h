/* https in a house without a domain: a small authority of its own and a certificate for the names
 * and addresses of one server, by OpenSSL. What the authority may speak for is written into it
 * (name constraints): the names it was made for, and what can only be local. So a device that
 * trusts it does not have to trust it about the rest of the world.
 *
 * Folder:  authority.pem  authority.key (0600)  server.pem (with the authority)  server.key (0600)
 */
#ifndef SERVER_CERTIFICATE_H
#define SERVER_CERTIFICATE_H

#include "base/err.h"
#include <raum/env.h>
#include <stdbool.h>

#define CERTIFICATE_NAMES_MAX 32
/* What Apple's devices accept at most of a house's own authority is 825. */
#define CERTIFICATE_DAYS 820
#define CERTIFICATE_AUTHORITY_DAYS 3650

struct certificate_report {
    bool new_authority;   /* made just now: devices have to be told */
    char fingerprint[96]; /* of the authority: SHA-256, "AB:CD:…" */
};

/* Host name (letters, digits, hyphens, dots) or IP address. */
bool certificate_name_valid(const char *name);
/* Makes a certificate for the names, and the authority when there is none or `renew`. USAGE: a name
 * that is none; NOT_ALLOWED: the authority that is there may not speak for one of the names. */
int certificate_make(const char *folder, const char *const *names, int count, bool renew,
                     const struct raum_env *env, struct certificate_report *report,
                     struct raum_error *error) BASE_CHECK;

#endif
