/* What the commands around the server share: its folder in the data directory, its options. */
#ifndef CLI_CMD_SERVE_H
#define CLI_CMD_SERVE_H

#include "cli/cli.h"
#include "server/server.h"

/* What the options point into. */
struct serve_strings {
    char host[256];
    const char *trusted[65];
    char *folder, *secret, *image_key; /* owned */
};

/* DATA/server: apart from the replica of a person who works on the same machine. free() it. */
int serve_folder(struct cli *cli, char **out) BASE_CHECK;
/* Options and variables of `raum serve` as the server takes them; serve_release in any case. */
int serve_options(struct cli *cli, struct server_options *o, struct serve_strings *s) BASE_CHECK;
void serve_release(struct server_options *o, struct serve_strings *s);

/* The commands of the other files: serve_….c */
int serve_certificate(struct cli *cli);
int serve_admin(struct cli *cli);
int serve_backup(struct cli *cli);
int serve_restore(struct cli *cli);

/* The database of --database or of the folder; NOT_FOUND if there has been no server. */
struct sql;
int serve_database(struct cli *cli, struct sql **out) BASE_CHECK;

#endif
