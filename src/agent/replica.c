#include "agent/replica.h"

#include "base/id.h"
#include "engine/intern.h"
#include "engine/keyring.h"
#include "engine/leave.h"
#include "engine/query.h"
#include "engine/reconcile.h"
#include "engine/vault.h"
#include "schema/rights.h"
#include "sync/outgoing.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MAX ((size_t)16 << 20)
#define TURNS_MAX 4000      /* of one conversation: a page has a thousand rows */
#define SEQ_KEY "agent-seq" /* in meta: epoch of the server's database, and seq */
#define OF_FILE "of"        /* in the folder: account and space, a line each */
#define OF_MAX 1024
#define DEPTH_MAX 8 /* of folders in it */

/* ---- folders ---- */

struct removal {
    const struct raum_env *env;
    const char *path;
    int depth, result;
};

static int remove_tree(const struct raum_env *env, const char *path, int depth);

static int remove_one(void *arg, const char *name, int is_folder)
{
    struct removal *x = arg;
    struct arena a;
    arena_init(&a, 65536);
    char *path = arena_printf(&a, "%s/%s", x->path, name);
    int result = !path       ? RAUM_ENOMEM
                 : is_folder ? remove_tree(x->env, path, x->depth + 1)
                             : x->env->file_remove(x->env->ctx, path);
    if (x->result == 0)
        x->result = result;
    arena_release(&a);
    return 0;
}

static int remove_tree(const struct raum_env *env, const char *path, int depth)
{
    struct removal x = {env, path, depth, depth > DEPTH_MAX ? RAUM_ELIMIT : 0};
    int result = x.result ? x.result : env->folder_list(env->ctx, path, remove_one, &x);
    if (result == RAUM_ENOT_FOUND)
        return 0;
    if (result == 0)
        result = x.result;
    return result ? result : env->folder_remove(env->ctx, path);
}

int agent_replica_init(struct agent_replica *r, const struct raum_env *env,
                       const struct agent_port *port, const char *root, const char *account,
                       const char *space, struct raum_error *error)
{
    struct arena a;
    char name[ID_TEXT];
    *r = (struct agent_replica){.env = env, .port = port};
    arena_init(&a, 65536);
    const char *of = arena_printf(&a, "%s\n%s\n", account, space);
    if (of)
        id_derive(env, of, strlen(of), name);
    const char *folder = of ? arena_printf(&a, "%s/%s", root, name) : NULL;
    r->folder = folder ? strdup(folder) : NULL;
    r->account = strdup(account);
    r->space = strdup(space);
    arena_release(&a);
    if (r->folder && r->account && r->space)
        return 0;
    agent_replica_release(r);
    return err_set(error, RAUM_ENOMEM, NULL);
}

void agent_replica_release(struct agent_replica *r)
{
    agent_replica_sleep(r);
    free(r->folder);
    free(r->account);
    free(r->space);
    *r = (struct agent_replica){0};
}

int agent_replica_read(const struct raum_env *env, const char *folder, struct arena *a,
                       const char **account, const char **space, struct raum_error *error)
{
    void *data = NULL;
    size_t len = 0;
    const char *path = arena_printf(a, "%s/" OF_FILE, folder);
    int result = path ? env->file_read(env->ctx, path, OF_MAX, &data, &len) : RAUM_ENOMEM;
    char *text = result == 0 ? arena_copy(a, data, len) : NULL;
    char *end = text ? strchr(text, '\n') : NULL, *last = end ? strchr(end + 1, '\n') : NULL;
    free(data);
    if (result == 0 && !last)
        result = RAUM_ECORRUPT;
    if (result < 0)
        return err_set(error, result, NULL);
    *end = *last = '\0';
    *account = text;
    *space = end + 1;
    return 0;
}

/* Before anything else is written there, so that whoever finds it knows whose it is. */
static int write_of(struct agent_replica *r, struct raum_error *error)
{
    struct arena a;
    int64_t size, modified;
    arena_init(&a, 65536);
    const char *path = arena_printf(&a, "%s/" OF_FILE, r->folder),
               *text = arena_printf(&a, "%s\n%s\n", r->account, r->space);
    int result = path && text ? 0 : RAUM_ENOMEM;
    if (result == 0 && r->env->file_size(r->env->ctx, path, &size, &modified) != 0) {
        result = r->env->folder_make(r->env->ctx, r->folder, 0700);
        if (result == 0)
            result = r->env->file_write(r->env->ctx, path, text, strlen(text), 0600);
    }
    arena_release(&a);
    return result ? err_set(error, result, "the replica of an agent cannot be made") : 0;
}

/* ---- waking ---- */

static int open_raum(struct agent_replica *r, struct raum_error *error)
{
    const struct raum_options options = {.folder = r->folder, .account = r->account, .env = r->env};
    struct keyring *none;
    int result = replica_open(&r->raum, &options, NULL, error);
    if (result == 0)
        result = keyring_open(&none, r->env, NULL, NULL, error);
    if (result < 0)
        return result;
    keyring_close(r->raum->ring);
    r->raum->ring = none; /* keys are never in a file here */
    /* After a loss of power it may be older, never broken: it is fetched again. */
    return db_exec(r->raum->db, "PRAGMA synchronous=NORMAL; PRAGMA cache_size=-1000", error);
}

/* Up to where it was whole when it fell asleep. */
static int remember_seq(struct agent_replica *r, struct raum_error *error)
{
    struct arena a;
    char *text = NULL;
    size_t len = strlen(r->epoch);
    arena_init(&a, 65536);
    int result = replica_meta_get(r->raum, SEQ_KEY, &a, &text, error);
    r->seq = -1;
    if (text && len && strncmp(text, r->epoch, len) == 0 && text[len] == ' ')
        r->seq = strtoll(text + len + 1, NULL, 10);
    arena_release(&a);
    return result;
}

/* The one space becomes known, with the owner's role in it. */
static int know_space(struct agent_replica *r, const struct agent_who *who,
                      struct raum_error *error)
{
    struct arena a;
    char *epoch = r->epoch;
    struct reconcile_space one = {
        .id = who->space, .name = who->space_name, .type = who->space_type, .role = who->role};
    const struct space *space = intern_space_find(r->raum, who->space);
    if (space && space->role == who->role && r->ref == space->ref &&
        strcmp(space->name, who->space_name) == 0)
        return 0;
    arena_init(&a, 65536);
    int result = r->port->place(r->port->ctx, who->space, epoch, &a, &one.slug, error);
    if (result == 0)
        result = reconcile_spaces(r->raum, &one, 1, NULL, 0, epoch, NULL, NULL, error);
    arena_release(&a);
    space = result == 0 ? intern_space_find(r->raum, who->space) : NULL;
    if (result == 0 && !space)
        return err_set(error, RAUM_ENOT_FOUND, NULL);
    bool woken = r->ref == 0;
    r->ref = space ? space->ref : 0;
    return result == 0 && woken ? remember_seq(r, error) : result;
}

static int locked(struct raum_error *error)
{
    return err_set(error, RAUM_ELOCKED,
                   "what is in this space is sealed, and its owner does not let the server open "
                   "it; raum mcp on a device of the owner can");
}

/* The keys of the personal space, if the owner lets the server use them. */
static int open_keys(struct agent_replica *r, const struct agent_who *who, struct raum_error *error)
{
    const struct vault vault = {r->raum, r->account};
    struct vault_news news;
    struct buf b;
    int64_t keys = 0;
    char sql[120];
    if (who->space_type != SPACE_PERSONAL)
        return 0;
    buf_init(&b, VAULT_MAX);
    int result = r->port->keys(r->port->ctx, r->account, &b, error);
    if (result == 0)
        result = vault_take(&vault, buf_text(&b), b.len, &news, error);
    if (b.data)
        keyring_wipe(b.data, b.cap);
    buf_release(&b);
    snprintf(sql, sizeof sql, "SELECT count(*) FROM keys WHERE space = %u AND acked = 1", r->ref);
    if (result == 0)
        result = db_query_int(r->raum->db, sql, &keys, error);
    if (result < 0)
        return result;
    return keys > 0 && !news.locked ? 0 : locked(error);
}

static int make_session(struct agent_replica *r, struct raum_error *error)
{
    int result = session_new(&r->session, r->raum, error);
    if (result == 0)
        session_narrow(r->session, r->ref);
    return result;
}

/* ---- talking to the relay ---- */

static int exchange(struct agent_replica *r, const struct session_step *step,
                    struct agent_note *note, struct raum_error *error)
{
    struct buf answer;
    int64_t now = r->env->now_ms(r->env->ctx);
    buf_init(&answer, ANSWER_MAX);
    int result = r->port->exchange(r->port->ctx, r->account, r->space, step->body, step->len, note,
                                   &answer, error);
    if (result == 0)
        result = session_answer(r->session, now, 200, 0, buf_text(&answer), answer.len, error);
    buf_release(&answer);
    return result;
}

/* Until nothing is left to send or to fetch. */
static int talk(struct agent_replica *r, struct agent_note *note, struct raum_error *error)
{
    struct session_step step;
    int result = 0;
    session_start(r->session);
    for (int turn = 0; result == 0 && turn < TURNS_MAX; turn++) {
        result = session_next(r->session, r->env->now_ms(r->env->ctx), &step, error);
        if (result < 0 || step.action == SESSION_IDLE)
            return result;
        if (step.action != SESSION_SEND)
            return err_set(error, RAUM_EBUSY, "the server is busy");
        result = exchange(r, &step, note, error);
    }
    return result ? result : err_set(error, RAUM_EBUSY, "the space never comes to rest");
}

/* Up to where it is whole is kept with it, so that waking up asks nothing when nothing happened.
 * An epoch of the server's database has its own numbers. */
static int bring_up(struct agent_replica *r, const struct agent_who *who, struct raum_error *error)
{
    char text[64];
    int result = talk(r, NULL, error);
    if (result < 0)
        return result;
    snprintf(text, sizeof text, "%s %lld", r->epoch, (long long)who->seq);
    r->seq = who->seq;
    return replica_meta_set(r->raum, SEQ_KEY, text, error);
}

static int wake(struct agent_replica *r, struct raum_error *error)
{
    bool dirty = false;
    int result = write_of(r, error);
    if (result == 0)
        result = open_raum(r, error);
    r->seq = -1;
    if (result == 0)
        result = outgoing_waits(r->raum, &dirty, error);
    /* A process before this one was ended within a call: nobody was told that it succeeded. */
    return result == 0 && dirty ? err_set(error, RAUM_ECORRUPT, NULL) : result;
}

int agent_replica_wake(struct agent_replica *r, const struct agent_who *who,
                       struct raum_error *error)
{
    int result = 0;
    if (who->space_type == SPACE_PERSONAL && !who->sealed)
        return locked(error);
    for (int tries = 0; !r->raum && tries < 2; tries++) {
        result = wake(r, error);
        if (result < 0)
            agent_replica_wipe(r);
    }
    if (result == 0)
        result = know_space(r, who, error);
    if (result == 0 && !r->session)
        result = make_session(r, error);
    if (result == 0 && (r->seq < who->seq || !r->opened)) { /* keys may be new with rows */
        result = open_keys(r, who, error);
        r->opened = result == 0;
    }
    if (result == 0 && r->seq < who->seq)
        result = bring_up(r, who, error);
    if (result < 0 && result != RAUM_ELOCKED && result != RAUM_EBUSY)
        agent_replica_wipe(r);
    return result;
}

/* ---- handles ---- */

static int handle_new(struct agent_replica *r, const char *agent, struct raum_handle **out,
                      struct raum_error *error)
{
    *out = NULL;
    int result = raum_scope_new(r->raum, out, error);
    if (result == 0)
        result = raum_scope_set(*out, r->space, error);
    if (result == 0)
        result = raum_handle_agent(*out, agent, error);
    if (result == 0)
        result = query_keep(*out, error);
    if (result < 0) {
        raum_handle_free(*out);
        *out = NULL;
    }
    return result;
}

int agent_replica_handle(struct agent_replica *r, const char *agent, struct raum_handle **out,
                         struct raum_error *error)
{
    int oldest = 0;
    for (int i = 0; i < REPLICA_HANDLES; i++) {
        if (r->handles[i].handle && strcmp(r->handles[i].agent, agent) == 0) {
            r->handles[i].used = ++r->turn;
            *out = r->handles[i].handle;
            return 0;
        }
        if (r->handles[i].used < r->handles[oldest].used)
            oldest = i;
    }
    if (!id_valid(agent, strlen(agent)) || strlen(agent) >= sizeof r->handles[0].agent)
        return err_set(error, RAUM_EUSAGE, "this is not an agent's id");
    raum_handle_free(r->handles[oldest].handle);
    r->handles[oldest].used = 0;
    int result = handle_new(r, agent, &r->handles[oldest].handle, error);
    if (result < 0)
        return result;
    memcpy(r->handles[oldest].agent, agent, strlen(agent) + 1);
    r->handles[oldest].used = ++r->turn;
    *out = r->handles[oldest].handle;
    return 0;
}

/* ---- telling ---- */

int agent_replica_dirty(struct agent_replica *r, bool *out, struct raum_error *error)
{
    *out = false;
    return r->raum ? outgoing_waits(r->raum, out, error) : 0;
}

/* The code of what was refused. */
static int parked(void *arg, const char *space, const char *table, const char *id, int code,
                  struct raum_error *error)
{
    int *first = arg;
    (void)space;
    (void)table;
    (void)id;
    (void)error;
    if (*first == 0)
        *first = code;
    return 0;
}

int agent_replica_push(struct agent_replica *r, const struct agent_who *who,
                       struct agent_note *note, struct raum_error *error)
{
    int code = 0;
    (void)who;
    int result = talk(r, note, error);
    if (result == 0 && session_counts(r->session)->parked)
        result = outgoing_parked(r->raum, parked, &code, error);
    if (result == 0 && code)
        result = err_set(error, code, NULL);
    if (result < 0)
        agent_replica_wipe(r);
    return result;
}

void agent_replica_sleep(struct agent_replica *r)
{
    for (int i = 0; i < REPLICA_HANDLES; i++) {
        raum_handle_free(r->handles[i].handle);
        r->handles[i].handle = NULL;
        r->handles[i].used = 0;
    }
    session_free(r->session);
    raum_close(r->raum);
    r->session = NULL;
    r->raum = NULL;
    r->ref = 0;
    r->seq = -1;
    r->opened = false;
}

void agent_replica_wipe(struct agent_replica *r)
{
    agent_replica_sleep(r);
    (void)!remove_tree(r->env, r->folder, 0);
}
