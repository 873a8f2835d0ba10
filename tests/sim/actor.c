/* Clients that are not this engine: an older one without stamps, a newer one with fields and tables
 * that nobody here knows, one whose clock is wrong, one that tries what it may not. The model says
 * what each must be told. */
#include "sim/sim.h"

#include "base/clock.h"

struct client {
    const char *account;
    char client[24];
    bool stamps;
    int64_t now_ms;
    struct buf body;
    int made;
};
static char *cursors[ACCOUNTS];

/* Mostly of others in a space that one is in; sometimes of anywhere. */
static const struct mrow *some_row(const char *account)
{
    int back = sim.model.count < 30 ? sim.model.count : 30;
    const struct mrow *row = NULL;
    for (int n = sim_below(4) ? 6 : 1; n > 0 && back; n--) {
        row = &sim.model.rows[sim.model.count - 1 - (int)sim_below((uint32_t)back)];
        if (people_role(account, row->space) != ROLE_NONE &&
            strcmp(model_field_text(row, "authorId"), account) != 0)
            break;
    }
    return row;
}

static void put_field(struct client *x, bool first, const char *name, const char *value)
{
    char at[CLOCK_TEXT];
    clock_format(clock_at(x->now_ms, sim_below(3)), at);
    if (x->stamps)
        buf_printf(&x->body, "%s\"%s\":{\"value\":%s,\"at\":\"%s\"}", first ? "" : ",", name, value,
                   at);
    else
        buf_printf(&x->body, "%s\"%s\":%s", first ? "" : ",", name, value);
}

static void open_change(struct client *x, const char *op, const char *table, const char *id,
                        const char *space)
{
    buf_printf(&x->body, "%s{\"app\":\"x\",\"table\":\"%s\",\"id\":\"%s\",\"op\":\"%s\"",
               x->made++ ? "," : "", table, id, op);
    if (space)
        buf_printf(&x->body, ",\"spaceId\":\"%s\"", space);
    buf_printf(&x->body, ",\"%s\":{", x->stamps ? "fields" : "data");
}

static void insert(struct client *x, int account)
{
    static const char *const tables[] = {"tasks", "tags", "meImages", "hologram"};
    char id[60], value[40];
    uint32_t which = sim_below(x->stamps ? 4 : 3);
    int place = (int)sim_below(SHARED + 1);
    const char *space = place == SHARED ? NULL : sim_spaces[place];
    snprintf(id, sizeof id, "%s-%d-%u", x->client, sim.step, sim_below(1000));
    open_change(x, "insert", tables[which], id, space);
    put_field(x, true,
              which == 0   ? "title"
              : which == 2 ? "kind"
                           : "name",
              which == 2 ? "\"face\"" : "\"actor\"");
    snprintf(value, sizeof value, "%u", sim_below(50));
    put_field(x, false, "newest", value);
    if (sim_below(4) == 0 && place < SHARED)
        put_field(x, false, "visibility", "\"private\"");
    buf_str(&x->body, "}}");
    if (place == SHARED || which > 2 || sim.made_count == MADE_MAX ||
        people_role(x->account, space) == ROLE_NONE)
        return;
    struct made *m = &sim.made[sim.made_count++];
    *m = (struct made){.table = tables[which], .place = place, .account = account, .device = -1};
    snprintf(m->id, sizeof m->id, "%s", id);
}

/* Something that anybody may, or may not. */
static void touch(struct client *x)
{
    const struct mrow *row = some_row(x->account);
    static const char *const numbers[] = {"width", "sortOrder", "newer", "other"};
    char value[60];
    if (!row)
        return;
    uint32_t what = sim_below(14) % 13;
    bool picture = strcmp(row->table, "meImages") == 0;
    if (what == 12)
        what = 0;
    const char *op = what == 0 ? "delete" : what == 1 ? "insert" : "update";
    open_change(x, op, row->table, row->id, row->space);
    snprintf(value, sizeof value, "%u", sim_below(1000));
    if (what == 0 && x->stamps)
        put_field(x, true, "deletedAt", "\"2026-04-02T00:00:00.000Z\"");
    else if (what == 1)
        put_field(x, true, "createdAt", "\"2026-01-01T00:00:00.000Z\"");
    else if (what == 2)
        put_field(x, true, "deletedAt", "null");
    else if (what == 3 && strncmp(row->space, "user:", 5) != 0)
        put_field(x, true, "visibility", sim_below(2) ? "\"space\"" : "\"private\"");
    else if (what == 4)
        put_field(x, true, "authorId", "\"anna\"");
    else if (what == 5 && picture)
        put_field(x, true, "subjectId", "\"bert\"");
    else if (what <= 7 && picture && x->stamps)
        put_field(x, true, "usage.aiReference", sim_below(3) ? "true" : "false");
    else if (what <= 7 && picture)
        put_field(x, true, "usage", "{\"aiReference\":true,\"showInProfile\":false}");
    else if (strcmp(row->table, "meSlots") == 0)
        put_field(x, true, "imageId", sim_below(2) ? "null" : "\"nothing\"");
    else
        put_field(x, true, numbers[sim_below(picture ? 1 : 4)], value);
    buf_str(&x->body, "}}");
}

static void claim(struct client *x)
{
    const struct mrow *row = some_row(x->account);
    char id[60], value[80];
    const char *person = sim_accounts[sim_below(ACCOUNTS)];
    if (!row || strcmp(row->table, "meImages") != 0)
        return;
    snprintf(id, sizeof id, "%s:body-ref", person);
    open_change(x, "insert", "meSlots", id, row->space);
    put_field(x, true, "slot", "\"body-ref\"");
    snprintf(value, sizeof value, "\"%s\"", row->id);
    put_field(x, false, "imageId", value);
    snprintf(value, sizeof value, "\"%s\"", person);
    put_field(x, false, "person", value);
    buf_str(&x->body, "}}");
}

static void keep_cursor(int account, const char *body, size_t len)
{
    struct json_doc doc;
    size_t raw_len;
    json_init(&doc);
    NEED(json_parse(&doc, body, len, 0, &sim.error));
    const char *raw = json_raw(json_get(json_root(&doc), "syncedUntil"), &raw_len);
    free(cursors[account]);
    cursors[account] = strndup(raw, raw_len);
    json_release(&doc);
}

void actor_some(void)
{
    static const int64_t skews[] = {0, 0, -3600000, -60000, 240000, 7200000};
    int account = (int)sim_below(ACCOUNTS);
    struct client x = {.account = sim_accounts[account], .stamps = sim_below(2)};
    char *body = NULL;
    size_t len = 0;
    x.now_ms = sim.server_world.now_ms + skews[sim_below(6)];
    snprintf(x.client, sizeof x.client, "%s-%s", x.stamps ? "new" : "old", x.account);
    buf_init(&x.body, 1 << 16);
    buf_printf(&x.body, "{\"clientId\":\"%s\",\"since\":%s,\"changes\":[", x.client,
               cursors[account] ? cursors[account] : "\"\"");
    for (uint32_t n = 1 + sim_below(2); n > 0; n--) {
        uint32_t what = sim_below(8);
        if (what < 2)
            insert(&x, account);
        else if (what == 2)
            claim(&x);
        else
            touch(&x);
    }
    buf_str(&x.body, "]}");
    for (uint32_t n = sim_below(4) == 0 ? 2 : 1; n > 0; n--) { /* once more: the same effect */
        struct packet p = {x.account, x.client, NULL, (char *)(uintptr_t)buf_text(&x.body),
                           x.body.len};
        (void)net_serve(&p, false, &body, &len);
        keep_cursor(account, body, len);
        free(body);
    }
    buf_release(&x.body);
}

void actor_forget(void)
{
    for (int a = 0; a < ACCOUNTS; a++) {
        free(cursors[a]);
        cursors[a] = NULL;
    }
}
