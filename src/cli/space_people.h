/* The people of a space: members, invitations, roles. The server decides; these commands ask it and
 * show what it says. */
#ifndef CLI_SPACE_PEOPLE_H
#define CLI_SPACE_PEOPLE_H

#include "cli/cli.h"

int space_members(struct cli *cli);
int space_invite(struct cli *cli);
int space_invitations(struct cli *cli);
int space_accept(struct cli *cli);
int space_decline(struct cli *cli);
int space_remove(struct cli *cli);
int space_role(struct cli *cli);
int space_leave(struct cli *cli);

#endif
