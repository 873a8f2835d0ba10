/* A file of an older app on its way into the replica: opened, read twice, its pictures put into the
 * media store. */
#ifndef CLI_IMPORT_FILE_H
#define CLI_IMPORT_FILE_H

#include "cli/cli.h"
#include "engine/import.h"

struct import_request {
    const char *path;
    const char *owner; /* NULL: the only one in the file */
    const char *once;  /* import_options.once; NULL */
    bool dry_run;
};
/* cli->raum is open. RAUM_END if it was done before under the same `once`. Shows progress. The
 * caller releases the report, in any case. */
int import_file(struct cli *cli, const struct import_request *request,
                struct import_report *report) BASE_CHECK;
/* Brings in what RAUM_LEGACY names, once; nothing works before that is done. */
int import_legacy(struct cli *cli) BASE_CHECK;

#endif
