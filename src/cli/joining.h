/* Becoming an account: a guest's device gets an account, with or without the guest's data (G-U5).
 * What was decided is written down first, so that a process killed at any instant leaves either the
 * guest or the account whole, and the next start ends it:
 *
 *     joining.json written · keys of what will be the account's copied to the server · server.json
 *     beside the data · adoption (engine/adopt.h), or only the account remembered · joining.json
 *     removed
 *
 * Up to the adoption the guest is untouched and can be worked with, so a server that cannot be
 * reached holds nobody up. Who stays a guest (leave) keeps a folder of his own, which no account
 * sees. */
#ifndef CLI_JOINING_H
#define CLI_JOINING_H

#include "cli/cli.h"
#include "cli/remote.h"

struct joining {
    char account[RAUM_ID_MAX], personal[RAUM_ID_MAX];
    bool take; /* the guest's data comes along */
    struct remote remote;
    const char *code; /* recovery code of a vault with a passphrase; NULL: ask for that */
    char passphrase[CLI_SECRET_MAX]; /* the vault's, once it opened it; wiped at the end */
};
struct joining_report {
    bool moved;        /* the guest's file became the account's */
    int64_t rows;      /* else: the rows of the guest that joined */
    char recovery[64]; /* the key ring's passphrase went along: a recovery code; else "" */
};

/* Writes the decision down and carries it out. On an error before the adoption the device is as it
 * was, and nothing is written down any more, unless the server could not be reached. */
int joining_begin(struct cli *cli, struct joining *j, struct joining_report *report) BASE_CHECK;
/* Ends what was interrupted; before a replica is opened. A server that cannot be reached is said,
 * and the guest goes on. */
int joining_resume(struct cli *cli) BASE_CHECK;
/* Forgets a decision that was not carried out. Was there one? */
bool joining_forget(struct cli *cli);
/* Would the next start try again what ended with this code? */
bool joining_goes_on(int code);
/* Has the guest of this data directory anything that could be lost? */
int joining_guest_data(struct cli *cli, bool *any) BASE_CHECK;

#endif
