/* `raum whoami`: this device, its account and, when it is connected, what the server says. */
#include "cli/online.h"
#include "engine/spaces.h"
#include "modules/profile/avatar.h"
#include <string.h>

static const char *const states[] = {"none", "waiting", "delivered"};

struct session { /* what the server says; texts in the arena */
    bool connected, reached, verified;
    const char *name, *email, *image, *expires, *problem;
};

/* Looks, and makes good what waits; a server that is away is no error here. */
static void look(struct cli *cli, struct arena *a, struct session *s)
{
    struct remote_answer answer = {0};
    struct raum_error error = {0};
    *s = (struct session){.connected = online_has(cli)};
    if (!s->connected)
        return;
    int rc = online_open(cli);
    if (rc == 0)
        rc = remote_ask(cli->remote, "GET", "/api/auth/get-session", NULL, &answer, &error);
    else
        error = cli->error;
    err_clear(&cli->error);
    if (rc == 0) {
        struct json_value user = json_get(answer.root, "user");
        s->reached = json_is(user, JSON_OBJECT);
        s->email = json_str(json_get(user, "email"), a);
        s->name = json_str(json_get(user, "name"), a);
        s->image = json_str(json_get(user, "image"), a);
        s->expires = json_str(json_get(json_get(answer.root, "session"), "expiresAt"), a);
        json_bool(json_get(user, "emailVerified"), &s->verified);
    }
    remote_answer_release(&answer);
    if (!s->reached)
        s->problem = arena_str(a, rc ? error.text : tr("the session is over: raum login again"));
}

static void put_session(struct json_writer *w, const struct cli *cli, const struct session *s)
{
    json_put_key(w, "server");
    json_put_str(w, s->connected ? cli->remote->url : NULL);
    json_put_key(w, "email");
    json_put_str(w, s->reached ? s->email : s->connected ? cli->remote->email : NULL);
    json_put_key(w, "connected");
    json_put_bool(w, s->reached);
    if (!s->reached)
        return;
    json_put_key(w, "name");
    json_put_str(w, s->name);
    json_put_key(w, "verified");
    json_put_bool(w, s->verified);
    json_put_key(w, "image");
    json_put_str(w, s->image);
    json_put_key(w, "sessionUntil");
    json_put_str(w, s->expires);
}

static void show_session(struct cli *cli, const struct session *s)
{
    if (!s->connected)
        return;
    out_pair(&cli->out, tr("server"), "%s", cli->remote->url);
    out_pair(&cli->out, tr("e-mail"), "%s%s", s->reached ? s->email : cli->remote->email,
             !s->reached || s->verified ? "" : tr(" (not verified)"));
    if (s->reached)
        out_pair(&cli->out, tr("session"), tr("until %.16s"), s->expires ? s->expires : "-");
    else
        out_pair(&cli->out, tr("session"), "%s", s->problem ? s->problem : "-");
}

static int print_json(struct cli *cli, const char *picture, enum intent_state state,
                      const struct session *s)
{
    const struct space *active = spaces_active(cli->raum);
    struct buf b;
    struct json_writer w;
    buf_init(&b, 1 << 16);
    json_begin(&w, &b);
    json_open_object(&w);
    json_put_key(&w, "account");
    json_put_str(&w, raum_account(cli->raum));
    json_put_key(&w, "device");
    json_put_str(&w, raum_device(cli->raum));
    json_put_key(&w, "space");
    json_put_str(&w, active ? active->id : NULL);
    json_put_key(&w, "data");
    json_put_text(&w, cli->data, strlen(cli->data));
    json_put_key(&w, "picture");
    json_put_str(&w, picture);
    json_put_key(&w, "pictureState");
    json_put_str(&w, states[state]);
    put_session(&w, cli, s);
    json_close_object(&w);
    out_json(&cli->out, &b);
    int rc = buf_error(&b, &cli->error);
    buf_release(&b);
    return rc;
}

static int run_whoami(struct cli *cli)
{
    struct arena a;
    char *picture;
    enum intent_state state;
    struct session session;
    int rc = cli_open(cli);
    if (rc)
        return rc;
    arena_init(&a, 1 << 16);
    look(cli, &a, &session);
    const char *account = raum_account(cli->raum);
    const struct space *active = spaces_active(cli->raum);
    rc = intents_get(cli->raum, AVATAR_INTENT, &a, &picture, &state, &cli->error);
    if (rc == 0 && cli->json) {
        rc = print_json(cli, picture, state, &session);
    } else if (rc == 0) {
        bool guest = strcmp(account, SCHEMA_GUEST) == 0;
        out_pair(&cli->out, tr("account"), "%s", guest ? tr("guest (no account yet)") : account);
        show_session(cli, &session);
        out_pair(&cli->out, tr("device"), "%s", raum_device(cli->raum));
        out_pair(&cli->out, tr("space"), "%s", active ? active->name : "-");
        out_pair(&cli->out, tr("data"), "%s", cli->data);
        if (picture)
            out_pair(&cli->out, tr("picture"), "%s", picture);
    }
    arena_release(&a);
    return rc;
}

const struct cli_command cmd_whoami[] = {
    {"whoami", "", 0, 0, "account, device and active space", NULL, "raum whoami", run_whoami,
     false},
    {0},
};
