/* What people do on their devices. */
#include "sim/sim.h"

#include <stdio.h>

static void make(int device, int space, struct raum_handle *h)
{
    static const char *const tables[] = {"tasks", "tags", "meImages", "hologram"};
    struct made *m = &sim.made[sim.made_count];
    char json[200];
    uint32_t which = sim_below(3);
    if (sim.made_count == MADE_MAX)
        return;
    m->table = tables[which];
    m->space = space;
    m->device = device;
    snprintf(json, sizeof json, "{\"%s\":\"%s\",\"newer\":%u%s}",
             which == 0   ? "title"
             : which == 1 ? "name"
                          : "kind",
             which == 2 ? "face" : "new", sim_below(100),
             sim_below(8) == 0 ? ",\"visibility\":\"private\"" : "");
    NEED(kit_insert(h, m->table, json, m->id));
    sim.made_count++;
}

/* Few rows, so that people meet. */
static const struct made *recent(void)
{
    uint32_t back = sim_below(sim.made_count < 10 ? (uint32_t)sim.made_count : 10);
    return &sim.made[(uint32_t)sim.made_count - 1 - back];
}

static void change(const struct made *m, struct raum_handle *h)
{
    char json[200];
    static const char *const ordinary[] = {"sortOrder", "width", "newer", "other"};
    uint32_t what = sim_below(12);
    if (what == 0)
        (void)!raum_delete(h, m->table, m->id, NULL);
    else if (what == 1)
        (void)!raum_restore(h, m->table, m->id, NULL);
    else if (what == 2) {
        snprintf(json, sizeof json, "{\"visibility\":\"%s\"}", sim_below(2) ? "private" : "space");
        (void)!kit_update(h, m->table, m->id, json);
    } else if (what == 3) {
        snprintf(json, sizeof json, "{\"usage\":{\"aiReference\":%s}}",
                 sim_below(2) ? "true" : "false");
        if (strcmp(m->table, "meImages") == 0)
            (void)!kit_update(h, m->table, m->id, json);
    } else {
        snprintf(json, sizeof json, "{\"%s\":%u}", ordinary[sim_below(4)], sim_below(1000));
        (void)!kit_update(h, m->table, m->id, json);
    }
}

/* A picture of one's own for a slot; two devices of one person may both do so. */
static void claim(int device, int space, struct raum_handle *h)
{
    static const char *const slots[] = {"avatar", "face-ref"};
    char json[400], id[RAUM_ID_MAX];
    for (int n = 0; n < 20 && sim.made_count; n++) {
        const struct made *m = recent();
        if (m->space != space || strcmp(m->table, "meImages") != 0 ||
            sim_owner[m->device] != sim_owner[device])
            continue;
        const char *slot = slots[sim_below(2)];
        snprintf(json, sizeof json, "{\"slot\":\"%s\",\"imageId\":\"%s\"}", slot, m->id);
        if (kit_insert(h, "meSlots", json, id) != 0) {
            snprintf(id, sizeof id, "%s:%s", sim_accounts[sim_owner[device]], slot);
            snprintf(json, sizeof json, "{\"imageId\":\"%s\"}", m->id);
            (void)!kit_update(h, "meSlots", id, json);
        }
        return;
    }
}

void sim_edit(int device)
{
    int space = (int)sim_below(SPACES);
    struct raum_handle *h = sim_scope(device, space);
    if (!h)
        return;
    uint32_t what = sim_below(10);
    if (what < 3 || sim.made_count == 0)
        make(device, space, h);
    else if (what == 3)
        claim(device, space, h);
    else
        for (int n = 0; n < 10; n++) {
            const struct made *m = recent();
            if (m->space == space) {
                change(m, h);
                break;
            }
        }
    sim_check_device(device);
}
