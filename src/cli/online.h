/* An account that is connected: what every command that speaks to the server does first, so that
 * whatever was interrupted, offline or done elsewhere is made good: copies of the keys, spaces, the
 * account's picture. Each part is idempotent and safe to be killed in (G-U4, G-T11). */
#ifndef CLI_ONLINE_H
#define CLI_ONLINE_H

#include "cli/cli.h"
#include "cli/remote.h"
#include "engine/vault.h"

/* cli_open, then the account's server into cli->remote, then all of the below. NOT_CONFIGURED
 * without a server; UNREACHABLE. */
int online_open(struct cli *cli) BASE_CHECK;
/* The same for commands that can do without: false if there is no server or it cannot be reached
 * (the latter is said). */
bool online_try(struct cli *cli);
/* Does the account of the open replica have a server? Without asking it. */
bool online_has(struct cli *cli);

/* The vault's news taken in, waiting keys sent. */
int online_keys(struct remote *remote, const struct vault *vault, struct vault_news *news,
                struct raum_error *error) BASE_CHECK;
/* GET /api/v1/vault. */
int online_vault(struct remote *remote, struct remote_answer *answer,
                 struct raum_error *error) BASE_CHECK;
/* The passphrase mode or another passphrase or (NULL) none, also while other devices make keys. */
int online_change(struct remote *remote, const struct vault *vault, const char *passphrase,
                  struct vault_change *change, struct raum_error *error) BASE_CHECK;
/* The server's spaces become this device's; offline-made ones are made there; what was left is
 * erased, and that is said (G-S3). */
int online_spaces(struct cli *cli) BASE_CHECK;
/* The same after the command itself took a space away: that it is gone needs no saying. */
int online_left(struct cli *cli) BASE_CHECK;
/* leave_tell (engine/leave.h); arg: the command. */
struct leave_report;
void online_tell_left(void *arg, const struct leave_report *report);
/* Delivers the account's picture if it waits. */
int online_picture(struct cli *cli, struct raum_error *error) BASE_CHECK;
/* Before the replica is closed: what the command did to the picture is told at once, if the server
 * answers quickly; else later. Never an error. */
void online_close(struct cli *cli);

#endif
