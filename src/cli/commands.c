/* All commands, in the order of the help; finding one by its name. */
#include "cli/cli.h"
#include <string.h>

const struct cli_command *const cli_commands[] = {
    cmd_tour,   cmd_space,    cmd_image,      cmd_garment,      cmd_outfit, cmd_try_on,
    cmd_tag,    cmd_task,     cmd_scene,      cmd_agent,        cmd_mcp,    cmd_account,
    cmd_sync,   cmd_conflict, cmd_quarantine, cmd_whoami,       cmd_import, cmd_export,
    cmd_backup, cmd_key,      cmd_upgrade,    cmd_doctor,       cmd_sql,    cmd_serve,
    cmd_bench,  cmd_help,     cmd_man,        cmd_image_worker, NULL,
};

/* "image add" begins with the word "image". */
static bool begins(const char *name, const char *word)
{
    size_t len = strlen(word);
    return strncmp(name, word, len) == 0 && (name[len] == ' ' || name[len] == '\0');
}

bool cli_is_group(const char *word)
{
    for (int i = 0; cli_commands[i]; i++)
        for (const struct cli_command *c = cli_commands[i]; c->name; c++)
            if (begins(c->name, word))
                return true;
    return false;
}

const struct cli_command *cli_find(const char *first, const char *second, int *used)
{
    const struct cli_command *found = NULL;
    size_t len = strlen(first);
    for (int i = 0; cli_commands[i]; i++)
        for (const struct cli_command *c = cli_commands[i]; c->name; c++) {
            if (!begins(c->name, first))
                continue;
            if (c->name[len] && second && strcmp(c->name + len + 1, second) == 0) {
                *used = 2;
                return c;
            }
            if (!c->name[len])
                found = c;
        }
    if (found)
        *used = 1;
    return found;
}
