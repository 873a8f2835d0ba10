/* The command: one const descriptor and one function per command (`raum image add`), a table of all
 * of them, and what they share: arguments, the open replica, output. A cmd_*.c file knows its nouns
 * and the layers below; this header knows no noun at all.
 *
 * To add a command: write cmd_NOUN.c with `const struct cli_command cmd_noun[]`, declare it below,
 * name it in commands.c and meson.build. Help, manual page, variables and suggestions follow by
 * themselves. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "cli/out.h"
#include "cli/text.h"
#include <raum/raum.h>
#include <signal.h>

struct cli;
struct remote;

/* The passphrase of the key ring; RAUM_PASSWORD too, where no account's password is asked for. */
#define CLI_RING_VARIABLE "RAUM_RING_PASSPHRASE"
#define CLI_SECRET_MAX 1024

struct cli_option {
    const char *name;  /* "--kind"; its variable is RAUM_KIND */
    const char *value; /* what it takes, as shown in the help: "KIND"; NULL: a switch */
    const char *help;  /* English; shown through tr(); NULL: not shown */
};

struct cli_command {
    const char *name;                 /* one word or two: "sql", "image add" */
    const char *arguments;            /* as shown in the help: "FILE…", "ID [SLOT|none]", "" */
    int least, most;                  /* how many arguments; most -1: any number */
    const char *help;                 /* one line, English; shown through tr() */
    const struct cli_option *options; /* ends with name NULL; NULL: none */
    const char *examples;             /* a command a line; NULL: none */
    /* 0 or a negative code with cli->error set. main.c prints the error and gives the exit status.
     */
    int (*run)(struct cli *cli);
    bool hidden; /* not in the overview nor in the manual page */
};

struct cli_given {
    const struct cli_option *option;
    const char *value; /* "" for a switch */
};

struct cli {
    const struct cli_command *command;
    char **words; /* the arguments behind the command's name; lent from main */
    int count;
    struct cli_given *given; /* in order of the command line */
    int given_count;

    const char *data;  /* data directory; NULL only when neither it nor a home is known */
    const char *space; /* --space; NULL: the active one */
    bool json, quiet;
    char *data_default; /* owned */

    struct out out; /* standard output */
    struct raum_error error;
    bool told; /* the error has been printed already */

    /* Opened by cli_open and cli_scope, closed by main. */
    struct raum *raum;
    struct raum_handle *scope, *own;
    struct remote *remote;            /* the account's server (cli/online.h); NULL: not asked for */
    bool signing_in;                  /* RAUM_PASSWORD is an account's password */
    char ring_secret[CLI_SECRET_MAX]; /* what opened the key ring; "" if it has no passphrase */
};

/* Every command, ends with NULL; the order is that of the help. */
extern const struct cli_command *const cli_commands[];
/* Options that every command takes; ends with name NULL. */
extern const struct cli_option cli_globals[];

/* Set by Ctrl-C and SIGTERM: long work looks at it and returns RAUM_EINTERRUPTED. */
extern volatile sig_atomic_t cli_stop;

/* Value of an option ("--kind") from the command line, else from its variable; NULL if neither. The
 * last one counts. */
const char *cli_value(const struct cli *cli, const char *name);
/* A switch: given, or its variable is neither empty nor 0. */
bool cli_switch(const struct cli *cli, const char *name);
/* Several times the same option: the next value from *at on (start with 0), NULL at the end. The
 * variable counts as one value if the command line has none. */
const char *cli_next(const struct cli *cli, const char *name, int *at);
/* The variable of an option: "--dry-run" → "RAUM_DRY_RUN". */
void cli_variable(const char *name, char out[64]);

/* Sets cli->error to a text of ours (already through tr) and returns the code. */
int cli_fail(struct cli *cli, int code, const char *fmt, ...) BASE_PRINTF(3, 4);
/* Usage errors: the same with RAUM_EUSAGE. */
int cli_usage(struct cli *cli, const char *fmt, ...) BASE_PRINTF(2, 3);
/* The option's value must be one of the choices (NULL-terminated); NULL value is fine. */
int cli_choice(struct cli *cli, const char *name, const char *value, const char *const *choices);
/* Prints an error as the contract says; to standard error. */
void cli_print_error(const struct cli *cli, const struct raum_error *error);
/* A remark for people: to standard error, not with --quiet. */
void cli_note(const struct cli *cli, const char *fmt, ...) BASE_PRINTF(2, 3);

/* Opens the replica of the data directory into cli->raum (asks for the passphrase of a locked key
 * ring on a terminal, brings an old export named by RAUM_LEGACY in first). */
int cli_open(struct cli *cli) BASE_CHECK;
/* The same without writing anything: for what must work on newer or unwritable files. */
int cli_open_read_only(struct cli *cli) BASE_CHECK;
/* Another account's replica of the same directory; the caller closes it. */
int cli_open_account(struct cli *cli, const char *account, struct raum **out) BASE_CHECK;
/* What opened the key ring, or would be tried first; NULL if nothing is known. */
const char *cli_ring_passphrase(struct cli *cli);
/* cli_open, and a scope handle of --space or the active space in cli->scope. */
int cli_open_scope(struct cli *cli) BASE_CHECK;
/* cli_open, and the account handle in cli->own. */
int cli_open_own(struct cli *cli) BASE_CHECK;
void cli_close(struct cli *cli);
/* A secret: RAUM_PASSWORD, else asked for on the terminal without echo (`prompt` through tr). Into
 * out, NUL-terminated. NOT_CONFIGURED if there is neither. The caller wipes it with cli_wipe. */
int cli_password(struct cli *cli, const char *prompt, char *out, size_t size) BASE_CHECK;
/* The same with another variable than RAUM_PASSWORD. The text of a new secret is asked for twice:
 * cli_secret_twice. */
int cli_secret(struct cli *cli, const char *variable, const char *prompt, char *out,
               size_t size) BASE_CHECK;
int cli_secret_twice(struct cli *cli, const char *variable, const char *prompt, char *out,
                     size_t size) BASE_CHECK;
/* A question with an answer of a few letters; only on a terminal (else false). */
bool cli_question(struct cli *cli, const char *question, char *answer, size_t size);
void cli_wipe(void *data, size_t len);

/* Help texts: of all, of one command or of a group ("image"); false if there is no such command. */
void cli_help_all(struct out *out);
bool cli_help(struct out *out, const char *first, const char *second);
/* The command of two words, else of the first one; NULL. *used: how many words its name took. */
const struct cli_command *cli_find(const char *first, const char *second, int *used);
/* Is there any command whose name begins with this word? */
bool cli_is_group(const char *word);

/* One per file. */
extern const struct cli_command cmd_space[], cmd_image[], cmd_tag[], cmd_task[], cmd_scene[];
extern const struct cli_command cmd_garment[], cmd_outfit[], cmd_try_on[], cmd_agent[];
extern const struct cli_command cmd_export[], cmd_backup[], cmd_key[];
extern const struct cli_command cmd_sync[], cmd_conflict[], cmd_quarantine[];
extern const struct cli_command cmd_account[], cmd_import[], cmd_upgrade[], cmd_sql[], cmd_doctor[],
    cmd_whoami[];
extern const struct cli_command cmd_serve[], cmd_mcp[];
extern const struct cli_command cmd_tour[], cmd_man[], cmd_image_worker[], cmd_bench[], cmd_help[];

#endif
