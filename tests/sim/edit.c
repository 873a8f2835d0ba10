/* What people do on their devices. */
#include "sim/sim.h"

#include "engine/adopt.h"
#include "engine/import.h"
#include <stdio.h>

static const char *const shared_tables[] = {"tasks", "tags", "meImages", "wardrobeWears"};

static struct made *remember(int device, int place, const char *table)
{
    struct made *m = &sim.made[sim.made_count];
    if (sim.made_count == MADE_MAX)
        return NULL;
    m->table = table;
    m->place = place;
    m->account = sim.devices[device].account;
    m->device = device;
    return m;
}

static void make(int device, int place, struct raum_handle *h)
{
    static const char *const firsts[] = {"\"title\":\"t\"", "\"name\":\"n\"", "\"kind\":\"face\"",
                                         "\"wornAt\":\"2026-04-01\",\"garmentId\":\"g\""};
    char json[200];
    uint32_t which = place == PLACE_USER ? 1 : sim_below(4);
    const char *table = place == PLACE_USER ? "userTagPresets" : shared_tables[which];
    struct made *m = remember(device, place, table);
    if (!m)
        return;
    snprintf(json, sizeof json, "{%s,\"newer\":%u%s}", firsts[which], sim_below(100),
             place < SHARED && sim_below(7) == 0 ? ",\"visibility\":\"private\"" : "");
    int result = kit_insert(h, table, json, m->id);
    /* A key that is on its way to the server seals nothing yet. */
    bool waits = result == RAUM_EKEY_MISSING && place >= SHARED;
    if (sim_done(device, result, waits, "an insert"))
        sim.devices[device].last = sim.made_count++;
}

/* Few rows, so that people meet; -1: none there. */
static int recent(int device, int place)
{
    int found[12], count = 0;
    for (int i = sim.made_count - 1; i >= 0 && count < 12; i--)
        if (sim.made[i].place == place &&
            (place < SHARED || sim.made[i].account == sim.devices[device].account))
            found[count++] = i;
    return count ? found[sim_below((uint32_t)count)] : -1;
}

static void write_field(int device, const struct made *m, struct raum_handle *h)
{
    static const char *const fields[][3] = {{"tasks", "sortOrder", "newer"},
                                            {"tags", "sortOrder", "other"},
                                            {"meImages", "width", "newer"},
                                            {"wardrobeWears", "newer", "other"},
                                            {"userTagPresets", "other", "newer"}};
    char json[200];
    size_t t = 0;
    while (strcmp(fields[t][0], m->table) != 0)
        t++;
    snprintf(json, sizeof json, "{\"%s\":%u}", fields[t][1 + (sim_below(3) == 0)], sim_below(1000));
    (void)!sim_done(device, kit_update(h, m->table, m->id, json), true, "an update");
}

static void change(int device, int which, struct raum_handle *h)
{
    const struct made *m = &sim.made[which];
    char json[200];
    uint32_t what = sim_below(14);
    int result;
    sim.devices[device].last = which;
    if (what == 0)
        result = raum_delete(h, m->table, m->id, &sim.error);
    else if (what == 1)
        result = raum_restore(h, m->table, m->id, &sim.error);
    else if (what <= 3 && m->place < SHARED) {
        snprintf(json, sizeof json, "{\"visibility\":\"%s\"}", what == 2 ? "private" : "space");
        result = kit_update(h, m->table, m->id, json);
    } else if (what <= 5 && strcmp(m->table, "meImages") == 0) {
        snprintf(json, sizeof json, "{\"usage\":{\"aiReference\":%s}}",
                 sim_below(2) ? "true" : "false");
        result = kit_update(h, m->table, m->id, json);
    } else if (what == 6) {
        const char *text = strcmp(m->table, "tasks") == 0      ? "title"
                           : strcmp(m->table, "meImages") == 0 ? "label"
                                                               : "name";
        snprintf(json, sizeof json, "{\"%s\":\"x%u\"}", text, sim_below(1000));
        result = kit_update(h, m->table, m->id, json);
    } else {
        write_field(device, m, h);
        return;
    }
    (void)!sim_done(device, result, true, "a change");
}

/* A picture of one's own for a slot; two devices of one person may both do so. */
static void claim(int device, int place, struct raum_handle *h)
{
    static const char *const slots[] = {"avatar", "face-ref"};
    char json[400], id[RAUM_ID_MAX];
    int account = sim.devices[device].account;
    for (int n = 0; n < 30; n++) {
        int which = recent(device, place);
        const struct made *m = which < 0 ? NULL : &sim.made[which];
        if (!m || strcmp(m->table, "meImages") != 0 || m->account != account)
            continue;
        const char *slot = slots[sim_below(2)];
        snprintf(json, sizeof json, "{\"slot\":\"%s\",\"imageId\":\"%s\"}", slot, m->id);
        if (sim_done(device, kit_insert(h, "meSlots", json, id), true, "a slot"))
            return;
        snprintf(id, sizeof id, "%s:%s", sim_accounts[account], slot);
        snprintf(json, sizeof json, "{\"imageId\":%s%s%s}", sim_below(6) ? "\"" : "",
                 sim_below(6) ? m->id : "null", sim_below(6) ? "\"" : "");
        (void)!sim_done(device, kit_update(h, "meSlots", id, json), true, "a slot");
        return;
    }
}

void edit_some(int device)
{
    uint32_t where = sim_below(12), what = sim_below(10);
    int place = where < 9 ? (int)(where % SHARED) : where < 11 ? PLACE_PERSONAL : PLACE_USER;
    struct raum_handle *h = device_scope(device, place);
    int which = h ? recent(device, place) : -1;
    if (!h)
        return;
    if (what < 3 || which < 0)
        make(device, place, h);
    else if (what < 5 && place != PLACE_USER)
        claim(device, place, h);
    else if (what == 5)
        edit_again(device);
    else
        change(device, which, h);
}

void edit_again(int device)
{
    const struct device *d = &sim.devices[device];
    const struct made *m = d->last < 0 ? NULL : &sim.made[d->last];
    struct raum_handle *h = m ? device_scope(device, m->place) : NULL;
    if (h)
        write_field(device, m, h);
}

/* ---- an older app's data ---- */

struct text {
    const char *data;
    size_t len, at;
};

static long text_read(void *ctx, void *out, size_t len)
{
    struct text *t = ctx;
    size_t left = t->len - t->at, part = left < len ? left : len;
    memcpy(out, t->data + t->at, part);
    t->at += part;
    return (long)part;
}

static int text_rewind(void *ctx)
{
    ((struct text *)ctx)->at = 0;
    return 0;
}

/* Files of one account that were altered in between: whatever each of its devices makes of its own,
 * all come to the same (G-U3). */
void edit_import(int device)
{
    struct device *d = &sim.devices[device];
    struct import_report report = {0};
    struct buf b;
    int n = d->imports % 2;
    const char *who = sim_accounts[d->account];
    buf_init(&b, 1 << 16);
    buf_printf(&b,
               "{\"formatName\":\"dexie\",\"formatVersion\":1,\"data\":{\"databaseName\":\"mana\","
               "\"databaseVersion\":39,\"tables\":[{\"name\":\"meImages\",\"schema\":\"id,kind\","
               "\"rowCount\":1},{\"name\":\"tags\",\"schema\":\"id\",\"rowCount\":1},{\"name\":"
               "\"moods\",\"schema\":\"id\",\"rowCount\":1}],\"data\":[{\"tableName\":\"meImages\","
               "\"inbound\":true,\"rows\":[{\"id\":\"i-%s-%d\",\"userId\":\"%s\",\"kind\":\"face\","
               "\"primaryFor\":\"avatar\",\"label\":\"Bild\",\"mediaId\":\"m\",\"width\":%d,"
               "\"height\":9,\"usage\":{\"aiReference\":true,\"showInProfile\":false},"
               "\"createdAt\":\"2026-03-01T00:00:00.000Z\",\"updatedAt\":"
               "\"2026-03-02T00:00:0%d.000Z\"}]},{\"tableName\":\"tags\",\"inbound\":true,\"rows\":"
               "[{\"id\":\"t-%s\",\"name\":\"tag\",\"userId\":\"%s\"}]},{\"tableName\":\"moods\","
               "\"inbound\":true,\"rows\":[{\"id\":\"m-%s-%d\",\"userId\":\"%s\",\"mood\":\"fine\","
               "\"updatedAt\":\"2026-03-01T00:00:00.000Z\"}]}]}}",
               who, n, who, 5 + n + device, n, who, who, who, n, who);
    struct text text = {buf_text(&b), b.len, 0};
    struct import_source source = {&text, text_read, text_rewind, (int64_t)b.len};
    static const struct import_options plain;
    if (d->imports++ < 3) {
        int result = import_run(d->r, &source, &plain, &report, &sim.error);
        /* A device that has not met the server since its key was made seals nothing. */
        (void)!sim_done(device, result, result == RAUM_EKEY_MISSING, "an import");
    }
    import_report_release(&report);
    buf_release(&b);
}

/* ---- a guest who signs in ---- */

static int write_as_guest(struct device *d, char ids[3][RAUM_ID_MAX])
{
    struct raum *r = NULL;
    struct raum_handle *h = NULL;
    struct raum_options o = {.folder = d->root, .account = SCHEMA_GUEST, .env = &d->world.env};
    int result = raum_open(&r, &o, &sim.error);
    if (result == 0)
        result = raum_scope_new(r, &h, &sim.error);
    if (result == 0)
        result = raum_scope_set(h, intern_personal(r)->id, &sim.error);
    for (int i = 0; i < 3 && result == 0; i++)
        result = kit_insert(h, i ? "tags" : "meImages",
                            i ? "{\"name\":\"guest\"}" : "{\"kind\":\"face\"}", ids[i]);
    raum_handle_free(h);
    raum_close(r);
    return result;
}

/* Each of the guest's rows, once, in the account's personal space (G-U5). */
static void check_adopted(int device, char ids[3][RAUM_ID_MAX])
{
    struct device *d = &sim.devices[device];
    for (int i = 0; i < 3; i++) {
        char sql[900];
        snprintf(sql, sizeof sql,
                 "SELECT count(*) FROM \"data_%s\" WHERE id = '%s' AND space = %u AND author = %u",
                 i ? "tags" : "meImages", ids[i], intern_personal(d->r)->ref, d->r->account_ref);
        if (kit_raw(d->r, sql) != 1)
            sim_die("device %d: the guest's row %s was not adopted", device, ids[i]);
        struct made *m = remember(device, PLACE_PERSONAL, i ? "tags" : "meImages");
        if (m) {
            memcpy(m->id, ids[i], RAUM_ID_MAX);
            sim.made_count++;
        }
    }
}

/* Twice on the same folder: once all is lost, once the account's data is there already. */
void edit_adopt(int device)
{
    struct device *d = &sim.devices[device];
    const char *account = sim_accounts[d->account];
    char personal[40], root[60], ids[3][RAUM_ID_MAX] = {{0}};
    struct adopt_report report;
    bool fresh = sim_below(2), guest = sim_below(4) != 0;
    struct raum_options o = {.folder = d->root, .env = &d->world.env};
    device_close(device);
    if (disk_is_dead(device))
        disk_revive(device, false, &sim.state);
    disk_kill_after(device, -1);
    snprintf(root, sizeof root, "%s/", d->root);
    if (fresh) {
        disk_remove(root);
        d->last = -1;
    }
    d->told_clock = 0;
    d->met = false;
    if (guest) {
        NEED(write_as_guest(d, ids));
        snprintf(personal, sizeof personal, "p-%s", account);
        if (sim.weather.crashes)
            disk_kill_after(device, (long)sim_below(120));
        const char *real = sim_below(2) ? personal : NULL;
        while (adopt_guest(&o, account, real, NULL, NULL, &report, &sim.error) < 0) {
            if (!disk_is_dead(device))
                sim_die("device %d: adoption: %s", device, sim.error.text);
            disk_revive(device, sim_below(2), &sim.state);
        }
    }
    if (disk_is_dead(device))
        disk_revive(device, false, &sim.state);
    disk_kill_after(device, -1);
    device_open(device);
    if (guest)
        check_adopted(device, ids);
}
