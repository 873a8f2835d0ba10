/* The key ring and its copies on the server (engine/vault.h): the host carries the bodies. */
#include "base/err.h"
#include "engine/vault.h"
#include "wasm/app.h"
#include <string.h>

static struct vault_news news;     /* of the last vault.take */
static struct vault_change change; /* between vault.change and vault.changed */

/* Of the replica that is about to become the account's, while there is one. */
static struct vault vault_of(struct call *c)
{
    struct raum *r = c->app->joining ? c->app->joining : c->app->raum;
    const char *account = call_maybe(c, "account");
    return (struct vault){.raum = r, .account = account ? account : raum_account(r)};
}

static void put_news(struct call *c)
{
    json_open_object(c->out);
    answer_flag(c, "passphrase", news.passphrase);
    answer_flag(c, "locked", news.locked);
    answer_int(c, "added", news.added);
    answer_int(c, "waiting", news.waiting);
    json_close_object(c->out);
}

static int take(struct call *c)
{
    struct vault v = vault_of(c);
    int rc = vault_take(&v, c->blob, c->blob_len, &news, c->error);
    if (rc == 0)
        put_news(c);
    return rc;
}

static int unlock(struct call *c)
{
    struct vault v = vault_of(c);
    return vault_unlock(&v, c->blob, c->blob_len, call_maybe(c, "passphrase"),
                        call_maybe(c, "code"), c->error);
}

static int start(struct call *c)
{
    struct vault v = vault_of(c);
    return vault_start(&v, c->error);
}

/* The next key that waits, its body as bytes; null: none. */
static int next(struct call *c)
{
    struct vault v = vault_of(c);
    char id[VAULT_ID];
    int rc = vault_next(&v, &news, id, c->bytes, c->error);
    if (rc == RAUM_END)
        return 0;
    if (rc == 0)
        answer_id(c, id);
    return rc;
}

static int confirm(struct call *c)
{
    struct vault v = vault_of(c);
    const char *id = call_text(c, "id");
    return id ? vault_confirm(&v, id, c->error) : c->error->code;
}

static int begin_change(struct call *c)
{
    struct vault v = vault_of(c);
    return vault_change(&v, call_maybe(c, "passphrase"), &change, c->bytes, c->error);
}

/* The server took it: the recovery code, if there is a passphrase now. */
static int end_change(struct call *c)
{
    struct vault v = vault_of(c);
    int rc = vault_changed(&v, &change, c->error);
    if (rc == 0) {
        json_open_object(c->out);
        answer_str(c, "code", change.passphrase ? change.code : NULL);
        json_close_object(c->out);
    }
    keyring_wipe(&change, sizeof change);
    return rc;
}

static int status(struct call *c)
{
    const struct keyring *ring = c->app->raum->ring;
    json_open_object(c->out);
    answer_int(c, "keys", ring->count);
    answer_flag(c, "passphrase", ring->wrapped);
    answer_str(c, "vault", strcmp(raum_account(c->app->raum), SCHEMA_GUEST) == 0 ? "none"
                           : ring->vaulted                                     ? "passphrase"
                                                                               : "server");
    json_close_object(c->out);
    return 0;
}

static int recovery(struct call *c)
{
    struct buf text;
    buf_init(&text, VAULT_MAX);
    int rc = keyring_recovery(c->app->raum->ring, &text, c->error);
    if (rc == 0) {
        json_open_object(c->out);
        answer_str(c, "text", buf_text(&text));
        json_close_object(c->out);
    }
    if (text.data)
        keyring_wipe(text.data, text.cap);
    buf_release(&text);
    return rc;
}

const struct call_entry calls_keys[] = {
    {"vault.take", take, CALL_READ},
    {"vault.unlock", unlock, CALL_READ},
    {"vault.start", start, CALL_READ},
    {"vault.next", next, CALL_READ},
    {"vault.confirm", confirm, CALL_READ},
    {"vault.change", begin_change, CALL_READ},
    {"vault.changed", end_change, CALL_READ},
    {"key.status", status, CALL_READ},
    {"key.recovery", recovery, CALL_READ},
    {0},
};
