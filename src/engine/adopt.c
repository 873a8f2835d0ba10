#include "engine/adopt.h"

#include "engine/intern.h"
#include "engine/spaces.h"
#include "engine/transfer.h"
#include "schema/rights.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool exists(const struct raum_env *env, const char *folder)
{
    char path[1200];
    int64_t size;
    int len = snprintf(path, sizeof path, "%s/raum.db", folder);
    return len > 0 && (size_t)len < sizeof path && env->file_size(env->ctx, path, &size, NULL) == 0;
}

/* Whose the file in a folder says it is; "" if it does not. */
static int whose(const char *folder, char account[RAUM_ID_MAX], struct raum_error *error)
{
    char path[1200];
    struct db *db;
    struct db_stmt s;
    snprintf(path, sizeof path, "%s/raum.db", folder);
    account[0] = '\0';
    int result = db_open(&db, path, DB_READ_ONLY, error);
    if (result < 0)
        return result;
    result = db_prepare(
        db, &s, &db_grant_own,
        "SELECT a.id FROM meta m JOIN accounts a ON a.ref = m.value WHERE m.key = 'account'",
        error);
    if (result == 0 && (result = db_step(&s, error)) == 0)
        snprintf(account, RAUM_ID_MAX, "%s", db_text(&s, 0, NULL));
    db_finish(&s);
    db_close(db);
    return result < 0 ? result : 0;
}

static int move_folder(const struct raum_env *env, const char *from, const char *to,
                       struct raum_error *error)
{
    int result = env->file_rename(env->ctx, from, to);
    return result < 0 ? err_at(error, "adopt", result, "cannot move %s to %s: %s", from, to,
                               raum_code_text(result))
                      : 0;
}

int adopt_finish(const struct raum_env *env, const char *root, char account[RAUM_ID_MAX],
                 struct raum_error *error)
{
    struct arena a;
    char owner[RAUM_ID_MAX];
    int result = 0;
    arena_init(&a, 1 << 20);
    char *guest = replica_folder(root, SCHEMA_GUEST, env, &a);
    if (!guest || !exists(env, guest))
        goto out;
    result = whose(guest, owner, error);
    if (result < 0 || owner[0] == '\0' || strcmp(owner, SCHEMA_GUEST) == 0) {
        result = 0; /* a damaged file is reported by who opens it */
        goto out;
    }
    /* The guest's file is an account's already: only the names of folder and account are behind. */
    char *folder = replica_folder(root, owner, env, &a);
    if (!folder)
        result = err_set(error, RAUM_ENOMEM, NULL);
    else if (!exists(env, folder))
        result = move_folder(env, guest, folder, error);
    if (result == 0)
        result = replica_account_write(env, root, owner, error);
    if (result == 0 && strcmp(account, SCHEMA_GUEST) == 0)
        memcpy(account, owner, strlen(owner) + 1);
out:
    arena_release(&a);
    return result;
}

/* ---- the guest's file becomes the account's ---- */

static int rename_ids(struct raum *guest, const char *account, const char *personal_id,
                      struct raum_error *error)
{
    char user[RAUM_ID_MAX + 8], sentinel[RAUM_ID_MAX + 16];
    const struct space *personal = intern_personal(guest), *partition = intern_user(guest);
    int result = replica_begin(guest, error);
    if (result < 0)
        return result;
    snprintf(user, sizeof user, "%s%s", SCHEMA_USER, account);
    snprintf(sentinel, sizeof sentinel, "%s%s", SCHEMA_PERSONAL, account);
    char from[RAUM_ID_MAX + 16];
    snprintf(from, sizeof from, "%s", personal->id);
    result = intern_account_rename(guest, guest->account_ref, account, error);
    if (result == 0) {
        struct space own = *partition;
        own.id = user;
        result = intern_space_put(guest, &own, error);
    }
    /* What vault_start prepared counts from now on. */
    if (result == 0)
        result = db_exec(
            guest->db, "UPDATE OR REPLACE meta SET key = 'vault' WHERE key = 'vault-next'", error);
    if (result == 0 && personal_id)
        result = spaces_become(guest, from, personal_id, error);
    else if (result == 0)
        result = spaces_become(guest, from, sentinel, error);
    return replica_end(guest, result, error);
}

static int become(const struct raum_options *options, const char *account, const char *personal_id,
                  const char *from, const char *to, struct raum_error *error)
{
    struct raum_options open = *options;
    struct raum *guest;
    const struct raum_env *env = options->env ? options->env : raum_env_native();
    open.account = SCHEMA_GUEST;
    int result = raum_open(&guest, &open, error);
    if (result < 0)
        return result;
    result = rename_ids(guest, account, personal_id, error);
    raum_close(guest);
    if (result == 0) /* from here on adopt_finish would do the same */
        result = replica_account_write(env, options->folder, account, error);
    return result ? result : move_folder(env, from, to, error);
}

/* ---- the guest's rows join the account's ---- */

static int remove_one(void *arg, const char *name, int is_folder);

struct removal {
    const struct raum_env *env;
    const char *folder;
    int depth;
};

static void remove_tree(const struct raum_env *env, const char *folder, int depth)
{
    struct removal removal = {env, folder, depth};
    if (depth > 4)
        return;
    int result = env->folder_list(env->ctx, folder, remove_one, &removal);
    if (result == 0)
        result = env->folder_remove(env->ctx, folder);
    (void)result; /* what is left is found and ended at the next adoption */
}

static int remove_one(void *arg, const char *name, int is_folder)
{
    const struct removal *r = arg;
    char path[1400];
    int len = snprintf(path, sizeof path, "%s/%s", r->folder, name);
    if (len < 0 || (size_t)len >= sizeof path)
        return 0;
    if (is_folder)
        remove_tree(r->env, path, r->depth + 1);
    else
        (void)!r->env->file_remove(r->env->ctx, path);
    return 0;
}

/* The database first: what breaks off after it leaves no guest behind, only files that the next one
 * takes over or the next adoption removes. The ring goes last of all that belongs together. */
void adopt_erase(const struct raum_env *env, const char *folder)
{
    static const char *const first[] = {"raum.db-wal", "raum.db-shm", "raum.db"};
    char path[1400];
    for (size_t i = 0; i < sizeof first / sizeof first[0]; i++) {
        int len = snprintf(path, sizeof path, "%s/%s", folder, first[i]);
        if (len > 0 && (size_t)len < sizeof path)
            (void)!env->file_remove(env->ctx, path);
    }
    remove_tree(env, folder, 0);
}

static int join(struct raum *guest, struct raum *own, struct adopt_report *report,
                struct raum_error *error)
{
    int result = replica_begin(own, error);
    if (result < 0)
        return result;
    return replica_end(own, transfer_all(guest, own, &report->rows, error), error);
}

static int merge_in(const struct raum_options *options, const char *account,
                    const char *personal_id, const char *from, const char *to,
                    int (*files)(void *, const char *, const char *, struct raum_error *),
                    void *arg, struct adopt_report *report, struct raum_error *error)
{
    struct raum_options open = *options;
    struct raum *guest = NULL, *own = NULL;
    const struct raum_env *env = options->env ? options->env : raum_env_native();
    open.account = account;
    int result = raum_open(&own, &open, error);
    if (result == 0 && personal_id && strcmp(intern_personal(own)->id, personal_id) != 0) {
        char before[RAUM_ID_MAX + 16];
        snprintf(before, sizeof before, "%s", intern_personal(own)->id);
        result = spaces_become(own, before, personal_id, error);
    }
    bool there = exists(env, from);
    open.account = SCHEMA_GUEST;
    if (result == 0 && there)
        result = raum_open(&guest, &open, error);
    if (result == 0 && there && files)
        result = files(arg, from, to, error);
    if (result == 0 && there)
        result = join(guest, own, report, error);
    raum_close(guest);
    raum_close(own);
    if (result == 0)
        result = replica_account_write(env, options->folder, account, error);
    if (result == 0)
        adopt_erase(env, from);
    return result;
}

int adopt_guest(const struct raum_options *options, const char *account, const char *personal_id,
                int (*files)(void *arg, const char *from, const char *to, struct raum_error *error),
                void *arg, struct adopt_report *report, struct raum_error *error)
{
    const struct raum_env *env = options->env ? options->env : raum_env_native();
    struct arena a;
    *report = (struct adopt_report){0};
    if (!id_valid(account, strlen(account)) || strcmp(account, SCHEMA_GUEST) == 0)
        return err_at(error, "adopt", RAUM_EUSAGE, "this is not an account's id");
    if (personal_id && (!id_valid(personal_id, strlen(personal_id)) || personal_id[0] == '_'))
        return err_at(error, "adopt", RAUM_EUSAGE, "this is not the id of a personal space");
    arena_init(&a, 1 << 20);
    char current[RAUM_ID_MAX] = "";
    char *from = replica_folder(options->folder, SCHEMA_GUEST, env, &a);
    char *to = replica_folder(options->folder, account, env, &a);
    int result = from && to ? adopt_finish(env, options->folder, current, error)
                            : err_set(error, RAUM_ENOMEM, NULL);
    if (result == 0) {
        report->moved = exists(env, from) && !exists(env, to);
        result = report->moved
                     ? become(options, account, personal_id, from, to, error)
                     : merge_in(options, account, personal_id, from, to, files, arg, report, error);
        snprintf(report->folder, sizeof report->folder, "%s", to);
    }
    arena_release(&a);
    return result;
}
