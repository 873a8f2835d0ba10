/* `raum whoami`. */
#include "cli/cli.h"
#include "engine/spaces.h"
#include "modules/profile/avatar.h"
#include <string.h>

static const char *const states[] = {"none", "waiting", "delivered"};

static int print_json(struct cli *cli, const char *picture, enum intent_state state)
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
    int rc = cli_open(cli);
    if (rc)
        return rc;
    arena_init(&a, 1 << 16);
    const char *account = raum_account(cli->raum);
    const struct space *active = spaces_active(cli->raum);
    rc = intents_get(cli->raum, AVATAR_INTENT, &a, &picture, &state, &cli->error);
    if (rc == 0 && cli->json) {
        rc = print_json(cli, picture, state);
    } else if (rc == 0) {
        bool guest = strcmp(account, SCHEMA_GUEST) == 0;
        out_pair(&cli->out, tr("account"), "%s", guest ? tr("guest (no account yet)") : account);
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
