/* The people of a space: members, invitations, roles. The server decides; these commands ask it and
 * show what it says. */
#ifndef CLI_SPACE_PEOPLE_H
#define CLI_SPACE_PEOPLE_H

#include "cli/cli.h"

/* The space that a command is about, as the server knows it. */
struct space_meant {
    char id[RAUM_ID_MAX], name[256], slug[64];
    int type, role;
};
/* --space or the active one, connected; with people of its own unless `personal` is fine. */
int space_connect(struct cli *cli, bool personal, struct space_meant *m) BASE_CHECK;

int space_members(struct cli *cli);
int space_invite(struct cli *cli);
int space_invitations(struct cli *cli);
int space_accept(struct cli *cli);
int space_decline(struct cli *cli);
int space_remove(struct cli *cli);
int space_role(struct cli *cli);
int space_leave(struct cli *cli);

#endif
