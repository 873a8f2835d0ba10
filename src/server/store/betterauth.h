/* Takes over a Better Auth server's SQLite file: people with their passwords, organizations as
 * spaces, members, invitations. Ids stay, so that everything elsewhere that names them stays right.
 *
 * - All in one transaction; the file is only read, its server may be running.
 * - A second import brings what is new since the first, and touches nothing that came before: what
 *   was changed, left or deleted here stays so.
 * - Hashes are taken as they are and become ours at each person's next sign-in. Sessions are not
 *   taken: people sign in once.
 * - An organization needs one of the six types (`metadata.type`); without one it becomes a `team`.
 *   One of type `personal` stays that if it has one member, its owner, who has no other; else it
 *   becomes a `team` too. Who has no personal space gets one.
 * - Slugs that cannot be ours (taken, reserved, other characters) are changed, roles that are
 *   unknown here become `member`, a space without an owner gets its oldest admin, else member.
 *
 * Each of these is a line of the report. Knows the tables of Better Auth 1.x under their usual
 * names. */
#ifndef SERVER_STORE_BETTERAUTH_H
#define SERVER_STORE_BETTERAUTH_H

#include "base/buf.h"
#include "server/store/sql.h"

#define BETTERAUTH_NOTES_MAX ((size_t)1 << 20) /* bytes; what is beyond is only counted */

struct betterauth_report {
    /* What was made now. */
    int64_t accounts, passwords, spaces, personal, members, invitations;
    int64_t present;  /* accounts and spaces that were here already */
    int64_t orphans;  /* members and invitations whose person or space does not exist */
    int64_t changed;  /* lines of notes, also those that found no room */
    struct buf notes; /* one line each, of what was not taken over as it was */
};

/* NOT_FOUND: no such file; CORRUPT: not a Better Auth database; EXISTS: an address belongs to
 * another account here; BAD_CHANGE: a row that cannot be taken, named in the text. Nothing is
 * written then. The report is initialised here, and released by the caller in any case. */
int betterauth_import(struct sql *to, const char *file, const struct raum_env *env,
                      struct betterauth_report *report, struct raum_error *error) BASE_CHECK;
void betterauth_report_release(struct betterauth_report *report);

#endif
