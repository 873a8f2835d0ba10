/* A guest's data becomes an account's: once, whole, crash-safe (G-U5). If the account has no data
 * on this device, the guest's file becomes its file: one transaction renames the ids, then the
 * folder is moved. If it has, the guest's rows are merged into it and the guest's folder is taken
 * away. */
#ifndef ENGINE_ADOPT_H
#define ENGINE_ADOPT_H

#include "engine/replica.h"

struct adopt_report {
    bool moved;        /* the guest's file became the account's */
    int64_t rows;      /* else: rows merged in */
    char folder[1024]; /* of the account now */
};

/* `options`: folder and env of the data directory; its account is not asked. Nobody may have the
 * guest open in this process. `files`: called before the guest's folder goes, to bring its pictures
 * over; from and to are folders. May be NULL. */
int adopt_guest(const struct raum_options *options, const char *account, const char *personal_id,
                int (*files)(void *arg, const char *from, const char *to, struct raum_error *error),
                void *arg, struct adopt_report *report, struct raum_error *error) BASE_CHECK;

/* An account's folder, the database first. Nobody may have it open. */
void adopt_erase(const struct raum_env *env, const char *folder);
/* Ends what a crash left of the above; called by replica_open before a folder is opened. */
int adopt_finish(const struct raum_env *env, const char *root, char account[RAUM_ID_MAX],
                 struct raum_error *error) BASE_CHECK;

#endif
