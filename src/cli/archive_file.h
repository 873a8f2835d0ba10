/* Archives of Raum's own as commands meet them: files on disk, pictures in the media store. */
#ifndef CLI_ARCHIVE_FILE_H
#define CLI_ARCHIVE_FILE_H

#include "cli/cli.h"

/* Does the file begin as an archive does? False also when it cannot be read. */
bool archive_file_is(const char *path);
/* `raum import` of an archive; opens the replica, prints the report. */
int archive_file_import(struct cli *cli, const char *path, bool dry_run) BASE_CHECK;

#endif
