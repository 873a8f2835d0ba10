/* Staying with a listing: what changes is shown as it happens, one line or one JSON object each. */
#ifndef CLI_WATCHING_H
#define CLI_WATCHING_H

#include "cli/cli.h"

/* What is said of a row that came or changed, behind its sign and id; in JSON as further members.
 */
struct watching {
    void (*text)(struct cli *cli, const struct raum_query *row);
    void (*json)(struct json_writer *w, const struct raum_query *row);
};

/* Watches the statement (it runs behind the fence; its rows have an id) until Ctrl-C. Without
 * --space it follows the active space of the device, which another terminal may switch. */
int watching_run(struct cli *cli, const char *sql, const struct watching *how) BASE_CHECK;

#endif
