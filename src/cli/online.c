#include "cli/online.h"

#include "base/err.h"
#include "engine/intern.h"
#include "engine/leave.h"
#include "engine/reconcile.h"
#include "modules/profile/avatar.h"
#include "schema/rights.h"
#include <stdlib.h>
#include <string.h>

#define BODY_MAX ((size_t)1 << 20)
#define TRIES 4        /* of a change that other devices' keys come in between */
#define OPEN_MS 20000  /* one request of a command that needs the server */
#define TRY_MS 5000    /* … of one that can do without */
#define CLOSE_MS 3000  /* how long a command that is done waits for the picture's delivery */
#define PAUSE_MS 60000 /* … and how long not again after a failure */
#define PICTURE_MAX (64u << 10)
#define TRIED "picture-tried" /* meta: ms of the last failure */

/* ---- keys ---- */

int online_vault(struct remote *remote, struct remote_answer *answer, struct raum_error *error)
{
    return remote_ask(remote, "GET", "/api/v1/vault", NULL, answer, error);
}

static int fetch_keys(struct remote *remote, const struct vault *vault, struct vault_news *news,
                      struct raum_error *error)
{
    struct remote_answer a;
    int rc = online_vault(remote, &a, error);
    if (rc == 0)
        rc = vault_take(vault, buf_text(&a.raw.body), a.raw.body.len, news, error);
    remote_answer_release(&a);
    return rc;
}

static int put_key(struct remote *remote, const char *id, const struct buf *body,
                   struct raum_error *error)
{
    struct remote_answer a;
    char path[64 + VAULT_ID];
    snprintf(path, sizeof path, "/api/v1/vault/%s", id);
    int rc = remote_ask(remote, "PUT", path, body, &a, error);
    remote_answer_release(&a);
    return rc;
}

int online_keys(struct remote *remote, const struct vault *vault, struct vault_news *news,
                struct raum_error *error)
{
    char id[VAULT_ID];
    int rc = fetch_keys(remote, vault, news, error);
    for (int i = 0; i < KEYRING_KEYS_MAX && rc == 0; i++) {
        struct buf body;
        buf_init(&body, BODY_MAX);
        rc = vault_next(vault, news, id, &body, error);
        if (rc == 0)
            rc = put_key(remote, id, &body, error);
        if (rc == 0)
            rc = vault_confirm(vault, id, error);
        if (body.data)
            cli_wipe(body.data, body.cap);
        buf_release(&body);
    }
    return rc == RAUM_END ? 0 : rc;
}

static int send_change(struct remote *remote, const struct vault *vault, const char *passphrase,
                       struct vault_change *change, struct raum_error *error)
{
    struct remote_answer a = {0};
    struct buf body;
    buf_init(&body, BODY_MAX);
    int rc = vault_change(vault, passphrase, change, &body, error);
    if (rc == 0)
        rc = remote_ask(remote, "PUT", "/api/v1/vault", &body, &a, error);
    /* Another device made a key since: it has to be in it, too. */
    if (rc && a.status == 409 && json_get(a.root, "missing").doc)
        rc = RAUM_EBUSY;
    remote_answer_release(&a);
    if (body.data)
        cli_wipe(body.data, body.cap);
    buf_release(&body);
    return rc;
}

int online_change(struct remote *remote, const struct vault *vault, const char *passphrase,
                  struct vault_change *change, struct raum_error *error)
{
    struct vault_news news = {0};
    int rc = RAUM_EBUSY;
    for (int i = 0; i < TRIES && rc == RAUM_EBUSY; i++) {
        rc = fetch_keys(remote, vault, &news, error);
        /* Taken away elsewhere, and now here: that is what the user wants. */
        if (rc == RAUM_ENOT_ALLOWED && !passphrase && !remote_ended(error))
            rc = 0;
        if (rc == 0 && news.locked)
            rc = err_set(error, RAUM_ELOCKED, "%s",
                         tr("the key ring got another passphrase on another device: first raum "
                            "key passphrase --enter"));
        if (rc == 0)
            rc = send_change(remote, vault, passphrase, change, error);
    }
    if (rc == 0)
        rc = vault_changed(vault, change, error);
    if (rc == 0)
        rc = fetch_keys(remote, vault, &news, error);
    return rc;
}

/* ---- spaces ---- */

struct spaces {
    struct cli *cli;
    struct arena arena;
    struct reconcile_space *list;
    struct reconcile_made *made;
    unsigned count, made_count;
};

static int read_spaces(struct spaces *s, struct json_value list)
{
    size_t size = (json_count(list) + 1) * sizeof *s->list;
    s->list = json_is(list, JSON_ARRAY) ? arena_zero(&s->arena, size) : NULL;
    for (struct json_value v = json_first(list); v.doc && s->list; v = json_next(list, v)) {
        const char *type = json_str(json_get(v, "type"), &s->arena);
        const char *role = json_str(json_get(v, "role"), &s->arena);
        struct reconcile_space *one = &s->list[s->count++];
        one->id = json_str(json_get(v, "id"), &s->arena);
        one->slug = json_str(json_get(v, "slug"), &s->arena);
        one->name = json_str(json_get(v, "name"), &s->arena);
        one->type = type ? schema_space_type(type) : -1;
        one->role = role ? rights_role(role) : -1;
        if (!one->id || !one->slug || !one->name || !id_valid(one->id, strlen(one->id)) ||
            one->id[0] == '_' || one->type < 0 || one->role <= ROLE_NONE)
            s->list = NULL;
    }
    return s->list ? 0
                   : err_set(&s->cli->error, RAUM_EUNREACHABLE, "%s",
                             tr("the server's answer about spaces cannot be understood"));
}

static void put_offline(struct buf *b, const struct space *space)
{
    struct json_writer w;
    json_begin(&w, b);
    json_open_object(&w);
    json_put_key(&w, "localId");
    json_put_str(&w, space->id);
    json_put_key(&w, "name");
    json_put_str(&w, space->name);
    json_put_key(&w, "slug");
    json_put_str(&w, space->slug);
    json_put_key(&w, "type");
    json_put_str(&w, schema_space_type_name(space->type));
    json_close_object(&w);
}

/* One that the server does not take stays as it is; the others are not held up by it. */
static int make_there(struct spaces *s, const struct space *space)
{
    struct remote_answer a;
    struct raum_error error = {0};
    struct buf b;
    struct reconcile_made *made = &s->made[s->made_count];
    made->local = arena_str(&s->arena, space->id);
    const char *name = arena_str(&s->arena, space->name);
    buf_init(&b, BODY_MAX);
    put_offline(&b, space);
    int rc = remote_ask(s->cli->remote, "POST", "/api/v1/spaces", &b, &a, &error);
    if (rc == 0) {
        made->id = json_str(json_get(a.root, "id"), &s->arena);
        made->slug = json_str(json_get(a.root, "slug"), &s->arena);
        if (made->local && made->id && made->slug)
            s->made_count++;
    } else if (rc == RAUM_EUNREACHABLE || rc == RAUM_ENOMEM || remote_ended(&error)) {
        s->cli->error = error;
    } else {
        cli_note(s->cli, tr("the space %s stays on this device only: %s"), name, error.text);
        rc = 0;
    }
    remote_answer_release(&a);
    buf_release(&b);
    return rc;
}

static int make_all_there(struct spaces *s)
{
    struct raum *r = s->cli->raum;
    uint32_t count = r->space_count;
    int rc = 0;
    s->made = arena_zero(&s->arena, (count + 1) * sizeof *s->made);
    if (!s->made)
        return err_set(&s->cli->error, RAUM_ENOMEM, NULL);
    for (uint32_t i = 1; i < count && rc == 0; i++) {
        const struct space *space = intern_space(r, i);
        if (space && space->offline && space->type > SPACE_PERSONAL && space->role == ROLE_OWNER &&
            strncmp(space->id, SCHEMA_OFFLINE, strlen(SCHEMA_OFFLINE)) == 0)
            rc = make_there(s, space);
    }
    return rc;
}

static void tell(void *arg, enum reconcile_event event, const struct space *space,
                 const char *before)
{
    const struct cli *cli = arg;
    switch (event) {
    case RECONCILE_JOINED:
    case RECONCILE_LEFT: /* said when it is erased */
        break;
    case RECONCILE_KEPT:
        cli_note(cli,
                 tr("the server came back from a backup and does not know the space %s: it is "
                    "hidden here, and kept"),
                 before);
        break;
    case RECONCILE_SLUG:
        cli_note(cli, tr("%s was taken: the space %s is now %s"), before, space->name, space->slug);
        break;
    }
}

/* That the command itself took it away needs no saying; what is kept of it does. */
static void tell_kept(void *arg, const struct leave_report *report)
{
    const struct cli *cli = arg;
    if (report->quarantine)
        cli_note(cli,
                 tr("%lld rows and %lld pictures of it had not reached the server: they are kept "
                    "for 30 days, see raum quarantine list"),
                 (long long)report->rows, (long long)report->pictures);
    if (report->traces)
        cli_note(cli, "%s",
                 tr("another process still reads: close it, so that the last traces go, too"));
}

void online_tell_left(void *arg, const struct leave_report *report)
{
    cli_note(arg, tr("you are not in the space %s any more: it was erased on this device"),
             report->slug);
    tell_kept(arg, report);
}

/* own: the command itself took one away. */
static int refresh_spaces(struct cli *cli, bool own)
{
    struct spaces s = {.cli = cli};
    struct remote_answer a;
    arena_init(&s.arena, 8 << 20);
    int rc = remote_ask(cli->remote, "GET", "/api/v1/spaces", NULL, &a, &cli->error);
    if (rc == 0)
        rc = read_spaces(&s, json_get(a.root, "spaces"));
    if (rc == 0)
        rc = make_all_there(&s);
    if (rc == 0)
        rc =
            reconcile_spaces(cli->raum, s.list, s.count, s.made, s.made_count,
                             json_str(json_get(a.root, "epoch"), &s.arena), tell, cli, &cli->error);
    if (rc == 0)
        rc = leave_finish(cli->raum, own ? tell_kept : online_tell_left, cli, &cli->error);
    remote_answer_release(&a);
    arena_release(&s.arena);
    return rc;
}

int online_spaces(struct cli *cli)
{
    return refresh_spaces(cli, false);
}

int online_left(struct cli *cli)
{
    return refresh_spaces(cli, true);
}

/* ---- the account's picture ---- */

static int send_picture(struct cli *cli, const char *media, struct raum_error *error)
{
    struct remote_answer a;
    struct pictures p;
    enum media_type type;
    void *data = NULL;
    size_t len = 0;
    if (!media) {
        int rc = remote_ask(cli->remote, "DELETE", "/api/v1/avatar", NULL, &a, error);
        remote_answer_release(&a);
        return rc;
    }
    /* The personal space's, by its number: no other can be meant (G-T11). */
    const struct space *personal = intern_personal(cli->raum);
    int rc = pictures_open(&p, cli->raum, NULL, error);
    if (rc == 0)
        rc = pictures_read(&p, personal->ref, media, MEDIA_THUMB, &data, &len, &type, error);
    pictures_close(&p);
    if (rc == 0 && len > PICTURE_MAX)
        rc = err_set(error, RAUM_ETOO_LARGE, NULL);
    if (rc == 0) {
        rc = remote_send(cli->remote, "PUT", "/api/v1/avatar", "image/webp", data, len, &a, error);
        remote_answer_release(&a);
    }
    free(data);
    return rc;
}

int online_picture(struct cli *cli, struct raum_error *error)
{
    struct arena a;
    char *media;
    enum intent_state state;
    arena_init(&a, 65536);
    int rc = intents_get(cli->raum, AVATAR_INTENT, &a, &media, &state, error);
    if (rc == 0 && state == INTENT_WAITING) {
        rc = send_picture(cli, media, error);
        if (rc == 0)
            rc = replica_begin(cli->raum, error);
        if (rc == 0) /* unless another one waits by now */
            rc =
                replica_end(cli->raum, intents_done(cli->raum, AVATAR_INTENT, media, error), error);
    }
    arena_release(&a);
    return rc;
}

static bool tried_just_now(struct cli *cli)
{
    struct arena a;
    char *at = NULL;
    arena_init(&a, 65536);
    int rc = replica_meta_get(cli->raum, TRIED, &a, &at, NULL);
    long long ms = rc == 0 && at ? strtoll(at, NULL, 10) : 0;
    int64_t now = cli->raum->env->now_ms(cli->raum->env->ctx);
    arena_release(&a);
    return ms <= now && now - ms < PAUSE_MS;
}

static void remember_try(struct cli *cli)
{
    char at[32];
    snprintf(at, sizeof at, "%lld", (long long)cli->raum->env->now_ms(cli->raum->env->ctx));
    if (replica_begin(cli->raum, NULL) == 0)
        (void)!replica_end(cli->raum, replica_meta_set(cli->raum, TRIED, at, NULL), NULL);
}

static bool picture_waits(struct cli *cli)
{
    struct arena a;
    char *media;
    enum intent_state state = INTENT_NONE;
    arena_init(&a, 65536);
    int rc = intents_get(cli->raum, AVATAR_INTENT, &a, &media, &state, NULL);
    arena_release(&a);
    return rc == 0 && state == INTENT_WAITING;
}

void online_close(struct cli *cli)
{
    struct raum_error error = {0};
    if (!cli->raum || cli->raum->read_only || !picture_waits(cli) || cli_stop)
        return;
    bool connected = cli->remote != NULL;
    if (!connected && (tried_just_now(cli) || !online_has(cli)))
        return;
    cli->remote->timeout_ms = CLOSE_MS;
    if (online_picture(cli, &error) == RAUM_EUNREACHABLE)
        remember_try(cli);
}

/* ---- all of it ---- */

bool online_has(struct cli *cli)
{
    struct raum_error error;
    if (cli->remote)
        return true;
    if (strcmp(raum_account(cli->raum), SCHEMA_GUEST) == 0) /* also one that is about to join */
        return false;
    struct remote *r = calloc(1, sizeof *r);
    if (!r || remote_read(r, cli->raum->folder, &error) != 0) {
        free(r);
        return false;
    }
    cli->remote = r;
    return true;
}

/* What stands in the way of the keys is said; the rest of the command does not need them. */
static int refresh_keys(struct cli *cli)
{
    struct raum_error error = {0};
    struct vault vault = {cli->raum, raum_account(cli->raum)};
    struct vault_news news;
    int rc = online_keys(cli->remote, &vault, &news, &error);
    if (rc == RAUM_EUNREACHABLE || rc == RAUM_ENOMEM || remote_ended(&error)) {
        cli->error = error;
        return rc;
    }
    if (rc)
        cli_note(cli, tr("key ring: %s"), error.text);
    else if (news.locked)
        cli_note(cli, "%s",
                 tr("the key ring got a passphrase on another device: raum key passphrase "
                    "--enter"));
    return 0;
}

static int refresh(struct cli *cli)
{
    struct raum_error error = {0};
    int rc = refresh_keys(cli);
    if (rc == 0)
        rc = online_spaces(cli);
    if (rc == 0)
        (void)!online_picture(cli, &error); /* it waits until next time */
    return rc;
}

static int open_within(struct cli *cli, int timeout_ms)
{
    int rc = cli_open(cli);
    if (rc)
        return rc;
    if (!online_has(cli)) {
        struct remote none;
        rc = remote_read(&none, cli->raum->folder, &cli->error);
        remote_release(&none);
        return rc == RAUM_ECORRUPT
                   ? rc
                   : cli_fail(cli, RAUM_ENOT_CONFIGURED, "%s",
                              tr("needs a server: raum register or raum login first"));
    }
    cli->remote->timeout_ms = timeout_ms;
    return refresh(cli);
}

int online_open(struct cli *cli)
{
    return open_within(cli, OPEN_MS);
}

bool online_try(struct cli *cli)
{
    int rc = open_within(cli, TRY_MS);
    if (rc && rc != RAUM_ENOT_CONFIGURED)
        cli_note(cli, "%s", cli->error.text);
    err_clear(&cli->error);
    return rc == 0;
}
