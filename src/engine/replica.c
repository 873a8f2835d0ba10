#include "engine/replica.h"

#include "base/plant.h"
#include "engine/adopt.h"
#include "engine/backup.h"
#include "engine/ddl.h"
#include "engine/import.h"
#include "engine/intern.h"
#include "engine/keyring.h"
#include "engine/leave.h"
#include "engine/live.h"
#include "engine/quarantine.h"
#include "engine/scope.h"
#include "engine/seal.h"
#include "engine/store.h"
#include "schema/rights.h"
#include "sync/merge.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHANGES_MAX 4096
#define ACCOUNT_FILE_MAX 1024

/* ---- where things are ---- */

static bool plain_name(const char *account)
{
    size_t len = strlen(account);
    for (size_t i = 0; i < len; i++) {
        char c = account[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
        if (!ok)
            return false;
    }
    return len > 0 && len <= 64;
}

char *replica_folder(const char *root, const char *account, const struct raum_env *env,
                     struct arena *a)
{
    char derived[ID_TEXT];
    if (plain_name(account))
        return arena_printf(a, "%s/accounts/%s", root, account);
    id_derive(env, account, strlen(account), derived);
    return arena_printf(a, "%s/accounts/id-%s", root, derived);
}

int replica_account_read(const struct raum_env *env, const char *root, char out[RAUM_ID_MAX],
                         struct raum_error *error)
{
    struct arena a;
    void *data = NULL;
    size_t len = 0;
    arena_init(&a, 1 << 20);
    char *path = arena_printf(&a, "%s/account", root);
    int result = path ? env->file_read(env->ctx, path, ACCOUNT_FILE_MAX, &data, &len) : RAUM_ENOMEM;
    if (result == RAUM_ENOT_FOUND) {
        memcpy(out, SCHEMA_GUEST, sizeof SCHEMA_GUEST);
        result = 0;
    } else if (result == 0) {
        while (len && ((char *)data)[len - 1] == '\n')
            len--;
        if (id_valid(data, len)) {
            memcpy(out, data, len);
            out[len] = '\0';
        } else {
            result = err_set(error, RAUM_ECORRUPT, "%s does not hold an account's id", path);
        }
    } else {
        err_set(error, result, "cannot read %s/account: %s", root, raum_code_text(result));
    }
    free(data);
    arena_release(&a);
    return result;
}

int replica_account_write(const struct raum_env *env, const char *root, const char *account,
                          struct raum_error *error)
{
    struct arena a;
    arena_init(&a, 1 << 20);
    char *path = arena_printf(&a, "%s/account", root);
    char *text = arena_printf(&a, "%s\n", account);
    int result = !path || !text
                     ? RAUM_ENOMEM
                     : env->file_write(env->ctx, path, text, strlen(text), 0600);
    if (result < 0)
        err_set(error, result, "cannot remember the account in %s: %s", root,
                raum_code_text(result));
    arena_release(&a);
    return result;
}

/* ---- meta ---- */

int replica_meta_get(struct raum *r, const char *key, struct arena *a, char **value,
                     struct raum_error *error)
{
    struct db_stmt s;
    *value = NULL;
    int result =
        db_prepare(r->db, &s, &db_grant_own, "SELECT value FROM meta WHERE key = ?1", error);
    if (result == 0) {
        db_bind_str(&s, 1, key);
        result = db_step(&s, error);
    }
    if (result == 0) {
        size_t len;
        const char *text = db_text(&s, 0, &len);
        *value = arena_copy(a, text ? text : "", len);
        result = *value ? 0 : err_set(error, RAUM_ENOMEM, NULL);
    }
    db_finish(&s);
    return result == RAUM_END ? 0 : result;
}

int replica_meta_set(struct raum *r, const char *key, const char *value, struct raum_error *error)
{
    struct db_stmt s;
    int result = db_prepare(r->db, &s, &db_grant_own,
                            value ? "INSERT INTO meta (key, value) VALUES (?1, ?2) "
                                    "ON CONFLICT (key) DO UPDATE SET value = excluded.value"
                                  : "DELETE FROM meta WHERE key = ?1",
                            error);
    if (result == 0) {
        db_bind_str(&s, 1, key);
        if (value)
            db_bind_str(&s, 2, value);
        result = db_run(&s, error);
    }
    db_finish(&s);
    return result;
}

/* ---- transactions ---- */

static int read_version(struct raum *r, int64_t *version, struct raum_error *error)
{
    int result = db_step(&r->version_stmt, error);
    if (result == 0)
        *version = db_int(&r->version_stmt, 0);
    db_reset(&r->version_stmt);
    return result < 0 ? result : 0;
}

static int read_clock(struct raum *r, struct raum_error *error)
{
    int64_t last = 0;
    int result = db_query_int(r->db, "SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'clock'",
                              &last, error);
    if (result < 0)
        return result;
    if ((uint64_t)last > r->clock.last)
        r->clock.last = (uint64_t)last;
    r->clock_saved = (uint64_t)last;
    return 0;
}

/* Another connection committed since the caches were read: names and clock are read anew. */
static int refresh(struct raum *r, struct raum_error *error)
{
    int64_t version = 0;
    int result = read_version(r, &version, error);
    if (result < 0 || version == r->seen_version)
        return result;
    result = read_clock(r, error);
    if (result == 0)
        result = intern_load(r, error);
    if (result == 0)
        r->seen_version = version;
    return result;
}

int replica_look(struct raum *r, struct raum_error *error)
{
    if (r->depth > 0)
        return 0;
    if (!r->read_only) {
        int result = steps_check(r->db, (int)r->version, error);
        if (result < 0)
            return result;
    }
    return refresh(r, error);
}

int replica_news(struct raum *r, int64_t *seen, bool *news, struct raum_error *error)
{
    int64_t version = *seen;
    int result = read_version(r, &version, error);
    *news = result == 0 && version != *seen;
    *seen = version;
    return result;
}

int replica_begin(struct raum *r, struct raum_error *error)
{
    if (r->read_only)
        return err_at(error, "replica", RAUM_EREAD_ONLY, "opened for reading only");
    int result = db_begin(r->db, error);
    if (result < 0)
        return result;
    if (r->depth++ > 0)
        return 0;
    r->serial++;
    r->change_count = 0;
    r->changes_lost = false;
    r->names_changed = false;
    result = steps_check(r->db, (int)r->version, error);
    if (result == 0)
        result = refresh(r, error);
    if (result < 0)
        replica_rollback(r);
    return result;
}

uint64_t replica_tick(struct raum *r)
{
    return clock_tick(&r->clock, r->env->now_ms(r->env->ctx));
}

static int save_clock(struct raum *r, struct raum_error *error)
{
    if (r->clock.last == r->clock_saved || PLANT(CLOCK))
        return 0;
    db_bind_int(&r->clock_stmt, 1, (int64_t)r->clock.last);
    return db_run(&r->clock_stmt, error);
}

static void publish(struct raum *r)
{
    for (uint32_t i = 0; i < r->change_count; i++)
        r->dirty_tables |= UINT64_C(1) << r->changes[i].table;
    if (r->changes_lost)
        r->dirty_tables = ~UINT64_C(0);
    r->change_count = 0;
    r->clock_saved = r->clock.last;
}

/* The caches hold what was not written. A handle must not keep a number that another may get. */
static void forget_names(struct raum *r)
{
    if (!r->names_changed)
        return;
    r->names_changed = false;
    if (intern_load(r, NULL) < 0)
        r->seen_version = -1;
    scope_names_lost(r);
}

int replica_commit(struct raum *r, struct raum_error *error)
{
    if (r->depth == 0)
        return err_at(error, "replica", RAUM_EUSAGE, "no transaction was begun");
    if (r->depth > 1) {
        r->depth--;
        return db_commit(r->db, error);
    }
    if (PLANT(SPOILT))
        r->db->failed = false;
    int result = r->db->failed ? 0 : save_clock(r, error);
    if (result < 0) {
        replica_rollback(r);
        return result;
    }
    r->depth = 0;
    result = db_commit(r->db, error);
    if (result == 0) {
        publish(r);
        return 0;
    }
    r->change_count = 0;
    forget_names(r);
    return result;
}

void replica_rollback(struct raum *r)
{
    if (r->depth == 0)
        return;
    r->depth--;
    db_rollback(r->db);
    if (r->depth > 0)
        return;
    r->serial++;
    r->change_count = 0;
    forget_names(r);
}

int replica_end(struct raum *r, int result, struct raum_error *error)
{
    if (result < 0) {
        replica_rollback(r);
        return result;
    }
    return replica_commit(r, error);
}

void replica_changed(struct raum *r, const struct change *change)
{
    if (r->change_count == r->change_cap) {
        uint32_t cap = r->change_cap ? r->change_cap * 2 : 64;
        struct change *grown = cap > CHANGES_MAX ? NULL : realloc(r->changes, cap * sizeof *grown);
        if (!grown) {
            r->changes_lost = true;
            return;
        }
        r->changes = grown;
        r->change_cap = cap;
    }
    r->changes[r->change_count++] = *change;
}

int raum_begin(struct raum *raum, struct raum_error *error)
{
    return replica_begin(raum, error);
}

int raum_commit(struct raum *raum, struct raum_error *error)
{
    return replica_commit(raum, error);
}

void raum_rollback(struct raum *raum)
{
    replica_rollback(raum);
}

/* ---- opening ---- */

static int make_device(struct raum *r, struct raum_error *error)
{
    struct arena a;
    char *device = NULL;
    arena_init(&a, 65536);
    int result = replica_meta_get(r, "device", &a, &device, error);
    if (result == 0 && device && strlen(device) < sizeof r->device) {
        memcpy(r->device, device, strlen(device) + 1);
    } else if (result == 0) {
        id_new(&r->ids, r->env, r->device);
        result = replica_meta_set(r, "device", r->device, error);
    }
    arena_release(&a);
    return result;
}

static int make_partition(struct raum *r, const char *prefix, int type, const char *slug,
                          const char *name, struct raum_error *error)
{
    char id[RAUM_ID_MAX + 16];
    size_t len = strlen(prefix);
    memcpy(id, prefix, len);
    memcpy(id + len, r->account, strlen(r->account) + 1);
    struct space space = {.type = type,
                          .role = ROLE_OWNER,
                          .sealed = true,
                          .offline = true,
                          .id = id,
                          .slug = (char *)(uintptr_t)slug,
                          .name = (char *)(uintptr_t)name};
    return intern_space_add(r, &space, error);
}

/* meta 'account': the number of whose file this is (engine/adopt.h). */
static int remember_account(struct raum *r, struct raum_error *error)
{
    char ref[16];
    snprintf(ref, sizeof ref, "%u", r->account_ref);
    return replica_meta_set(r, "account", ref, error);
}

/* A fresh file gets its device, account, actor, user partition and personal space. */
static int make_names(struct raum *r, struct raum_error *error)
{
    int result = replica_begin(r, error);
    if (result < 0)
        return result;
    result = make_device(r, error);
    if (result == 0)
        result = intern_account_ref(r, r->account, &r->account_ref, error);
    if (result == 0)
        result = intern_actor_ref(r, r->account_ref, r->device, "", &r->self_actor, error);
    if (result == 0)
        result = remember_account(r, error);
    if (result == 0 && !intern_user(r))
        result = make_partition(r, SCHEMA_USER, -1, "", "", error);
    if (result == 0 && !intern_personal(r))
        result = make_partition(r, SCHEMA_PERSONAL, SPACE_PERSONAL, "personal", "Personal", error);
    if (result == 0) /* another process may have made it since find_names looked */
        r->user_ref = intern_user(r)->ref;
    return replica_end(r, result, error);
}

static int find_names(struct raum *r, struct raum_error *error)
{
    struct arena a;
    char *device = NULL;
    arena_init(&a, 65536);
    int result = replica_meta_get(r, "device", &a, &device, error);
    if (result == 0 && device && strlen(device) < sizeof r->device)
        memcpy(r->device, device, strlen(device) + 1);
    arena_release(&a);
    if (result < 0)
        return result;
    r->account_ref = intern_account_find(r, r->account);
    const struct space *user = intern_user(r);
    r->user_ref = user ? user->ref : 0;
    r->self_actor = r->account_ref ? intern_actor_find(r, r->account_ref, r->device, "") : 0;
    bool whole =
        r->device[0] && r->account_ref && r->user_ref && r->self_actor && intern_personal(r);
    if (whole)
        return 0;
    if (r->read_only)
        return err_set(error, RAUM_ECORRUPT, "this file does not belong to the account %s",
                       r->account);
    return make_names(r, error);
}

static void tell_steps(void *arg, double done)
{
    const struct raum_options *o = arg;
    if (o->progress)
        o->progress(o->progress_arg, "upgrade", done);
}

static int open_files(struct raum *r, const struct raum_options *o, const struct db_steps *steps,
                      struct raum_error *error)
{
    struct arena a;
    struct buf ddl;
    arena_init(&a, 1 << 20);
    buf_init(&ddl, 1 << 20);
    struct db_steps own = {
        .application = DDL_APPLICATION, .version = SCHEMA_VERSION, .list = ddl_steps};
    int result = 0;
    char *path = arena_printf(&a, "%s/raum.db", r->folder);
    char *ring = arena_printf(&a, "%s/keys.json", r->folder);
    ddl_create(&ddl);
    if (!path || !ring || buf_error(&ddl, NULL)) {
        result = err_set(error, RAUM_ENOMEM, NULL);
        goto out;
    }
    if (!steps) {
        own.create = buf_text(&ddl);
        steps = &own;
    }
    r->version = steps->version;
    result = keyring_open(&r->ring, r->env, ring, o->passphrase, error);
    if (result == 0)
        result = steps_open(&r->db, path, r->read_only ? DB_READ_ONLY : DB_CREATE, steps, r->env,
                            tell_steps, (void *)(uintptr_t)o, error);
    if (result == 0)
        result = db_prepare(r->db, &r->version_stmt, &db_grant_own, "PRAGMA data_version", error);
    if (result == 0 && !r->read_only)
        result = db_prepare(r->db, &r->clock_stmt, &db_grant_own,
                            "INSERT INTO meta (key, value) VALUES ('clock', ?1) "
                            "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                            error);
out:
    buf_release(&ddl);
    arena_release(&a);
    return result;
}

static int start(struct raum *r, const struct raum_options *o, const struct db_steps *steps,
                 struct raum_error *error)
{
    int result = open_files(r, o, steps, error);
    r->seen_version = -1;
    if (result == 0)
        result = refresh(r, error);
    if (result == 0)
        result = find_names(r, error);
    if (result == 0)
        result = scope_attach(r, error);
    if (result == 0 && !r->read_only)
        backup_tidy(r->env, r->folder);
    if (result == 0 && !r->read_only)
        result = import_resume(r, o->progress, o->progress_arg, error);
    if (result == 0 && !r->read_only) {
        (void)!leave_finish(r, NULL, NULL, NULL); /* hidden it is already: goes on next time */
        quarantine_sweep(r);
    }
    if (result == 0)
        result = read_version(r, &r->data_version, error);
    return result;
}

static int locate(struct raum *r, const struct raum_options *o, struct raum_error *error)
{
    struct arena a;
    arena_init(&a, 1 << 20);
    int result = 0;
    if (o->account && !id_valid(o->account, strlen(o->account)))
        result = err_set(error, RAUM_EUSAGE, "this is not an account's id");
    else if (o->account)
        memcpy(r->account, o->account, strlen(o->account) + 1);
    else
        result = replica_account_read(r->env, o->folder, r->account, error);
    if (result == 0 && !r->read_only)
        result = adopt_finish(r->env, o->folder, r->account, error);
    if (result == 0) {
        char *folder = replica_folder(o->folder, r->account, r->env, &a);
        r->folder = folder ? strdup(folder) : NULL;
        r->root = strdup(o->folder);
        result = r->folder && r->root ? 0 : err_set(error, RAUM_ENOMEM, NULL);
    }
    if (result == 0 && !r->read_only) {
        result = r->env->folder_make(r->env->ctx, r->folder, 0700);
        if (result < 0)
            err_set(error, result, "cannot make %s: %s", r->folder, raum_code_text(result));
    }
    arena_release(&a);
    return result;
}

int replica_open(struct raum **out, const struct raum_options *options,
                 const struct db_steps *steps, struct raum_error *error)
{
    struct raum *r = calloc(1, sizeof *r);
    if (!r)
        return err_set(error, RAUM_ENOMEM, NULL);
    r->env = options->env ? options->env : raum_env_native();
    r->read_only = options->read_only;
    int result = locate(r, options, error);
    if (result == 0)
        result = start(r, options, steps, error);
    if (result < 0) {
        replica_close(r);
        return result;
    }
    *out = r;
    return 0;
}

void replica_close(struct raum *r)
{
    if (!r)
        return;
    while (r->watches)
        raum_watch_free(r->watches);
    while (r->handles)
        raum_handle_free(r->handles);
    if (r->db) {
        while (r->depth > 0)
            replica_rollback(r);
        db_finish(&r->version_stmt);
        db_finish(&r->clock_stmt);
        store_release(r);
        seal_release(r);
        db_close(r->db);
    }
    buf_release(&r->opened);
    intern_release(r);
    keyring_close(r->ring);
    free(r->changes);
    free(r->folder);
    free(r->root);
    free(r);
}

int raum_open(struct raum **out, const struct raum_options *options, struct raum_error *error)
{
    return replica_open(out, options, NULL, error);
}

void raum_close(struct raum *raum)
{
    replica_close(raum);
}

const char *raum_account(const struct raum *raum)
{
    return raum->account;
}

const char *raum_device(const struct raum *raum)
{
    return raum->device;
}

const char *raum_version(void)
{
    return RAUM_VERSION;
}
