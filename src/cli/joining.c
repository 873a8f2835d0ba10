#include "cli/joining.h"

#include "base/err.h"
#include "cli/carry.h"
#include "cli/online.h"
#include "engine/intern.h"
#include "schema/rights.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define FILE_NAME "joining.json"
#define LOCK_NAME "joining.lock"
#define FILE_MAX 32768
#define RESUME_MS 5000 /* how long a start waits for a server */

/* ---- the decision, written down ---- */

static bool path_of(const struct cli *cli, const char *name, char out[4096])
{
    int len = snprintf(out, 4096, "%s/%s", cli->data, name);
    return len > 0 && len < 4096;
}

static int write_down(struct cli *cli, const struct joining *j)
{
    const struct raum_env *env = raum_env_native();
    struct json_writer w;
    struct buf b;
    char path[4096];
    buf_init(&b, FILE_MAX);
    json_begin(&w, &b);
    json_open_object(&w);
    json_put_key(&w, "account");
    json_put_str(&w, j->account);
    json_put_key(&w, "personal");
    json_put_str(&w, j->personal);
    json_put_key(&w, "take");
    json_put_bool(&w, j->take);
    remote_put(&j->remote, &w);
    json_close_object(&w);
    int rc = buf_error(&b, &cli->error);
    if (rc == 0)
        rc = env->folder_make(env->ctx, cli->data, 0700);
    if (rc == 0)
        rc = path_of(cli, FILE_NAME, path) ? env->file_write(env->ctx, path, b.data, b.len, 0600)
                                           : RAUM_ETOO_LARGE;
    if (rc)
        cli_fail(cli, rc, tr("cannot write %s: %s"), FILE_NAME, tr(raum_code_text(rc)));
    if (b.data)
        cli_wipe(b.data, b.cap);
    buf_release(&b);
    return rc;
}

static bool read_id(struct json_value v, char out[RAUM_ID_MAX])
{
    struct arena a;
    arena_init(&a, FILE_MAX);
    const char *text = json_str(v, &a);
    bool fine = text && id_valid(text, strlen(text)) && strlen(text) < RAUM_ID_MAX;
    if (fine)
        memcpy(out, text, strlen(text) + 1);
    arena_release(&a);
    return fine;
}

/* NOT_FOUND: nothing was begun. */
static int read_back(struct cli *cli, struct joining *j)
{
    const struct raum_env *env = raum_env_native();
    struct json_doc doc;
    char path[4096];
    void *data = NULL;
    size_t len = 0;
    memset(j, 0, sizeof *j);
    int rc = path_of(cli, FILE_NAME, path) ? env->file_read(env->ctx, path, FILE_MAX, &data, &len)
                                           : RAUM_ETOO_LARGE;
    if (rc)
        return rc;
    json_init(&doc);
    rc = json_parse(&doc, data, len, 0, NULL);
    struct json_value root = rc == 0 ? json_root(&doc) : (struct json_value){0};
    if (rc || !read_id(json_get(root, "account"), j->account) ||
        !read_id(json_get(root, "personal"), j->personal) ||
        !json_bool(json_get(root, "take"), &j->take) || !remote_get(&j->remote, root))
        rc = cli_fail(cli, RAUM_ECORRUPT, tr("%s is damaged: raum login again"), path);
    json_release(&doc);
    cli_wipe(data, len);
    free(data);
    return rc;
}

bool joining_forget(struct cli *cli)
{
    const struct raum_env *env = raum_env_native();
    char path[4096];
    int64_t size;
    bool there = cli->data && path_of(cli, FILE_NAME, path) &&
                 env->file_size(env->ctx, path, &size, NULL) == 0;
    return there && env->file_remove(env->ctx, path) == 0;
}

bool joining_goes_on(int code)
{
    return code == RAUM_EUNREACHABLE || code == RAUM_EIO || code == RAUM_EFULL ||
           code == RAUM_EBUSY;
}

/* ---- where things stand ---- */

static bool has_data(const char *folder)
{
    const struct raum_env *env = raum_env_native();
    char path[4096];
    int64_t size;
    int len = snprintf(path, sizeof path, "%s/raum.db", folder);
    return len > 0 && (size_t)len < sizeof path && env->file_size(env->ctx, path, &size, NULL) == 0;
}

struct place { /* both folders, in the arena */
    char *guest, *account;
};

static int find_places(struct cli *cli, const struct joining *j, struct arena *a, struct place *p)
{
    const struct raum_env *env = raum_env_native();
    p->guest = replica_folder(cli->data, SCHEMA_GUEST, env, a);
    p->account = replica_folder(cli->data, j->account, env, a);
    return p->guest && p->account ? 0 : err_set(&cli->error, RAUM_ENOMEM, NULL);
}

/* Everything was done but the removal of joining.json. */
static bool is_done(struct cli *cli, const struct joining *j, const struct place *p)
{
    char current[RAUM_ID_MAX];
    struct remote r;
    if (replica_account_read(raum_env_native(), cli->data, current, NULL) != 0 ||
        strcmp(current, j->account) != 0 || (j->take && has_data(p->guest)))
        return false;
    bool same = remote_read(&r, p->account, NULL) == 0 && strcmp(r.token, j->remote.token) == 0;
    remote_release(&r);
    return same;
}

/* ---- keys ---- */

/* A vault that has a passphrase is opened by it. */
static int unlock(struct cli *cli, struct joining *j, const struct vault *v,
                  const struct remote_answer *a)
{
    char secret[CLI_SECRET_MAX];
    const char *text = buf_text(&a->raw.body);
    if (j->code)
        return vault_unlock(v, text, a->raw.body.len, NULL, j->code, &cli->error);
    int rc =
        cli_secret(cli, CLI_RING_VARIABLE, tr("Passphrase of the key ring"), secret, sizeof secret);
    if (rc == RAUM_ENOT_CONFIGURED)
        return cli_fail(cli, RAUM_ELOCKED,
                        tr("the key ring of this account has a passphrase: set %s, use a "
                           "terminal, or give --recovery-code"),
                        CLI_RING_VARIABLE);
    if (rc == 0)
        rc = vault_unlock(v, text, a->raw.body.len, secret, NULL, &cli->error);
    if (rc == 0)
        memcpy(j->passphrase, secret, sizeof secret);
    cli_wipe(secret, sizeof secret);
    return rc;
}

/* The ring here gets the passphrase of the vault: there is one for both. */
static int wrap_here(struct cli *cli, const struct joining *j, struct raum *r)
{
    int rc = replica_begin(r, &cli->error);
    if (rc == 0)
        rc = replica_end(r, keyring_passphrase(r->ring, j->passphrase, &cli->error), &cli->error);
    if (rc == 0) /* what opens it from now on */
        memcpy(cli->ring_secret, j->passphrase, sizeof cli->ring_secret);
    return rc;
}

/* A guest whose ring has a passphrase meant it: its first vault gets the same. */
static int keep_passphrase(struct cli *cli, struct joining *j, const struct vault *v,
                           struct joining_report *report)
{
    struct vault_change change;
    const char *passphrase = cli_ring_passphrase(cli);
    if (!v->raum->ring->wrapped || !passphrase)
        return 0;
    int rc = online_change(&j->remote, v, passphrase, &change, &cli->error);
    if (rc == 0)
        snprintf(report->recovery, sizeof report->recovery, "%s", change.code);
    cli_wipe(&change, sizeof change);
    return rc;
}

/* What will be the account's has every key of it, and every key its copy, before it is used. */
static int bring_keys(struct cli *cli, struct joining *j, struct raum *r,
                      struct joining_report *report)
{
    struct vault v = {r, j->account};
    struct vault_news news;
    struct remote_answer a;
    int rc = online_vault(&j->remote, &a, &cli->error);
    if (rc == 0)
        rc = vault_take(&v, buf_text(&a.raw.body), a.raw.body.len, &news, &cli->error);
    bool fresh = rc == 0 && !news.passphrase && json_count(json_get(a.root, "keys")) == 0;
    if (rc == 0 && news.locked)
        rc = unlock(cli, j, &v, &a);
    remote_answer_release(&a);
    if (rc == 0)
        rc = vault_start(&v, &cli->error);
    if (rc == 0 && fresh)
        rc = keep_passphrase(cli, j, &v, report);
    if (rc == 0)
        rc = online_keys(&j->remote, &v, &news, &cli->error);
    if (rc == 0 && news.locked)
        rc = cli_fail(cli, RAUM_ELOCKED, "%s", tr("this is not the key ring's passphrase"));
    if (rc == 0 && j->passphrase[0])
        rc = wrap_here(cli, j, r);
    return rc;
}

/* Keys and server.json into the folder of `who`, which is or becomes the account's. */
static int prepare(struct cli *cli, struct joining *j, const char *who, const char *folder,
                   struct joining_report *report)
{
    struct raum *r = NULL;
    int rc = cli_open_account(cli, who, &r);
    if (rc == 0)
        rc = bring_keys(cli, j, r, report);
    raum_close(r);
    return rc ? rc : remote_write(&j->remote, folder, &cli->error);
}

/* ---- carrying it out ---- */

static int take_along(struct cli *cli, struct joining *j, const struct place *p,
                      struct joining_report *report)
{
    struct adopt_report adopted;
    struct raum_options options = {.folder = cli->data};
    bool moves = !has_data(p->account);
    int rc =
        prepare(cli, j, moves ? SCHEMA_GUEST : j->account, moves ? p->guest : p->account, report);
    if (rc == 0 && !moves) /* the guest's ring may have a passphrase of its own */
        rc = cli_open_account(cli, SCHEMA_GUEST, &cli->raum);
    raum_close(cli->raum);
    cli->raum = NULL;
    options.passphrase = cli_ring_passphrase(cli);
    if (rc == 0)
        rc = carry_guest(cli, &options, j->account, j->personal, &adopted);
    if (rc == 0) {
        report->moved = adopted.moved;
        report->rows = adopted.rows;
    }
    return rc;
}

static int carry_out(struct cli *cli, struct joining *j, struct joining_report *report)
{
    const struct raum_env *env = raum_env_native();
    struct arena a;
    struct place p;
    char current[RAUM_ID_MAX] = "";
    arena_init(&a, 65536);
    int rc = find_places(cli, j, &a, &p);
    if (rc == 0) /* a folder that is the account's but for its name */
        rc = adopt_finish(env, cli->data, current, &cli->error);
    if (rc == 0 && !is_done(cli, j, &p)) {
        if (j->take && has_data(p.guest))
            rc = take_along(cli, j, &p, report);
        else
            rc = prepare(cli, j, j->account, p.account, report);
        if (rc == 0)
            rc = replica_account_write(env, cli->data, j->account, &cli->error);
    }
    if (rc == 0)
        joining_forget(cli);
    arena_release(&a);
    return rc;
}

/* One process at a time; whoever waited finds it done. */
static int lock_it(struct cli *cli)
{
    char path[4096];
    int fd = path_of(cli, LOCK_NAME, path) ? open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600) : -1;
    while (fd >= 0 && flock(fd, LOCK_EX) != 0)
        if (cli_stop)
            break;
    return fd;
}

int joining_begin(struct cli *cli, struct joining *j, struct joining_report *report)
{
    memset(report, 0, sizeof *report);
    int lock = lock_it(cli), rc = write_down(cli, j);
    if (rc == 0)
        rc = carry_out(cli, j, report);
    /* What would not go better the next time is not tried again behind the user's back. */
    if (rc && !joining_goes_on(rc))
        joining_forget(cli);
    cli_wipe(j->passphrase, sizeof j->passphrase);
    if (lock >= 0)
        close(lock);
    return rc;
}

int joining_resume(struct cli *cli)
{
    struct joining j;
    struct joining_report report = {0};
    int rc = read_back(cli, &j);
    if (rc) {
        remote_release(&j.remote);
        return rc == RAUM_ENOT_FOUND ? 0 : rc;
    }
    int lock = lock_it(cli);
    rc = read_back(cli, &j);
    if (rc == 0) {
        j.remote.timeout_ms = RESUME_MS;
        rc = carry_out(cli, &j, &report);
        cli_wipe(j.passphrase, sizeof j.passphrase);
        if (rc == 0)
            cli_note(cli, tr("what was begun is done: this device is connected as %s"),
                     j.remote.email);
        if (rc == 0 && report.recovery[0]) /* also with --quiet: it is not shown again */
            fprintf(stderr, tr("recovery code of the key ring, shown only now: %s\n"),
                    report.recovery);
    }
    remote_release(&j.remote);
    if (lock >= 0)
        close(lock);
    if (rc == RAUM_ENOT_FOUND)
        return 0;
    if (rc) { /* the guest or the account is whole, whichever it is */
        cli_note(cli, tr("connecting this device is not done yet: %s"), cli->error.text);
        if (rc != RAUM_EUNREACHABLE)
            cli_note(cli, "%s", tr("raum login begins anew, raum logout gives it up"));
        err_clear(&cli->error);
    }
    return 0;
}

/* ---- has the guest anything? ---- */

static int count_rows(struct raum *r, bool *any, struct raum_error *error)
{
    char sql[200];
    int64_t count = 0;
    int rc = db_query_int(r->db, "SELECT count(*) FROM data_opaque", &count, error);
    *any = count > 0;
    for (const struct schema_table *t = schema_tables; t->name && rc == 0 && !*any; t++) {
        snprintf(sql, sizeof sql, "SELECT EXISTS (SELECT 1 FROM \"data_%s\")", t->name);
        rc = db_query_int(r->db, sql, &count, error);
        *any = count > 0;
    }
    for (uint32_t i = 1; i < r->space_count && !*any; i++) {
        const struct space *s = intern_space(r, i);
        *any = s && s->type > SPACE_PERSONAL && s->role > ROLE_NONE;
    }
    return rc;
}

int joining_guest_data(struct cli *cli, bool *any)
{
    struct arena a;
    struct raum *r = NULL;
    int rc = 0;
    *any = false;
    arena_init(&a, 65536);
    char *folder = replica_folder(cli->data, SCHEMA_GUEST, raum_env_native(), &a);
    if (!folder)
        rc = err_set(&cli->error, RAUM_ENOMEM, NULL);
    else if (has_data(folder))
        rc = cli_open_account(cli, SCHEMA_GUEST, &r);
    if (rc == 0 && r)
        rc = count_rows(r, any, &cli->error);
    raum_close(r);
    arena_release(&a);
    return rc;
}
