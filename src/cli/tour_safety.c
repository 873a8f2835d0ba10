/* The tour, fourth part: old data, sealed values, backups, an account. */
#include "cli/tour.h"
#include <stdlib.h>
#include <string.h>

/* What an app of version 38 exported: two people's rows, one deleted, one without owner. */
static const char old_export[] =
    "{\"formatName\":\"dexie\",\"formatVersion\":1,\"data\":{\"databaseName\":\"mana\","
    "\"databaseVersion\":38,"
    "\"tables\":[{\"name\":\"meImages\",\"schema\":\"id,kind,primaryFor,createdAt\",\"rowCount\":3}"
    ","
    "{\"name\":\"tags\",\"schema\":\"id\",\"rowCount\":1}],"
    "\"data\":[{\"tableName\":\"meImages\",\"inbound\":true,\"rows\":["
    "{\"id\":\"alt-1\",\"userId\":\"u-old\",\"kind\":\"face\",\"label\":\"Altes "
    "Geheimnis\",\"mediaId\":\"m-1\","
    "\"primaryFor\":null,\"tags\":[\"alt\"],\"usage\":{\"aiReference\":false,\"showInProfile\":"
    "true},"
    "\"width\":800,\"height\":600,\"createdAt\":\"2024-02-01T10:00:00.000Z\","
    "\"$types\":{\"tags\":\"arrayNonindexKeys\"}},"
    "{\"id\":\"alt-2\",\"kind\":\"hands\",\"label\":\"Ohne "
    "Besitzer\",\"mediaId\":\"m-2\",\"tags\":[],"
    "\"usage\":{\"aiReference\":false,\"showInProfile\":true},\"createdAt\":\"2024-02-02T10:00:00."
    "000Z\","
    "\"$types\":{\"tags\":\"arrayNonindexKeys\"}},"
    "{\"id\":\"alt-3\",\"userId\":\"u-old\",\"kind\":\"face\",\"label\":\"Weg\",\"mediaId\":\"m-"
    "3\",\"tags\":[],"
    "\"usage\":{\"aiReference\":false,\"showInProfile\":true},\"createdAt\":\"2024-02-03T10:00:00."
    "000Z\","
    "\"deletedAt\":\"2024-03-01T10:00:00.000Z\",\"$types\":{\"tags\":\"arrayNonindexKeys\"}}]},"
    "{\"tableName\":\"tags\",\"inbound\":true,\"rows\":[{\"id\":\"tag-1\",\"userId\":\"u-old\","
    "\"name\":\"Sommer\","
    "\"createdAt\":\"2024-02-01T10:00:00.000Z\"}]}]}}";

static void old_data(struct tour *t)
{
    char path[SCRATCH_PATH_MAX + 32];
    tour_step(t, "An older app's export comes along");
    snprintf(path, sizeof path, "%s/export-v38.json", t->folder);
    tour_write(path, old_export, sizeof old_export - 1);
    int before = tour_pool(t, NULL, NULL);
    tour_shown(t, "import", path, "--dry-run", NULL);
    tour_check(t, tour_pool(t, NULL, NULL) == before, "%s",
               tr("a trial tells what would come and changes nothing"));
    int status = tour_quiet(t, "import", path, NULL);
    tour_check(t, status == 0 && tour_pool(t, NULL, NULL) == before + 2, "%s",
               tr("two live pictures are in the personal pool, the deleted one is not"));
    tour_quiet(t, "--space", "marke", "image", "list", "--json", NULL);
    tour_check(t, !strstr(buf_text(&t->out), "alt-1"), "%s", tr("none of them in the brand's"));
    status = tour_quiet(t, "import", path, NULL);
    tour_check(t, status == 0 && tour_pool(t, NULL, NULL) == before + 2, "%s",
               tr("a second import changes nothing"));
    tour_write(path, old_export, sizeof old_export / 2);
    tour_check(t, tour_quiet(t, "import", path, NULL) > 0 && tour_pool(t, NULL, NULL) == before + 2,
               "%s", tr("a file that is cut off is refused whole"));
}

static void sealed(struct tour *t)
{
    static const char *const words[] = {"Geheim: im Garten", "Altes Geheimnis", "Ohne Besitzer"};
    bool clear = false;
    tour_step(t, "What is personal is sealed on the disk");
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        clear = tour_in_files(t->data, words[i], strlen(words[i])) || clear;
    tour_check(t, !clear, "%s", tr("no label of the personal space is in the clear in any file"));
    tour_check(t, tour_in_files(t->data, "Kampagne", strlen("Kampagne")), "%s",
               tr("(shared spaces are not sealed yet: the brand's label is, as the docs say)"));
    if (cli_find("key", "rotate", &(int){0})) {
        int status = tour_shown(t, "key", "rotate", NULL);
        tour_pool(t, "--slot", "avatar");
        const char *label = tour_text(t, json_first(json_root(&t->doc)), "label");
        tour_check(t, status == 0 && strcmp(label, words[0]) == 0, "%s",
                   tr("after a change of keys old values still open"));
    }
}

static bool same_bytes(const char *a, const char *b)
{
    size_t a_len = 0, b_len = 0;
    void *x = tour_read(a, &a_len), *y = tour_read(b, &b_len);
    bool same = x && y && a_len == b_len && memcmp(x, y, a_len) == 0;
    free(x);
    free(y);
    return same;
}

static void archives(struct tour *t)
{
    char first[SCRATCH_PATH_MAX + 32], second[SCRATCH_PATH_MAX + 32], other[SCRATCH_PATH_MAX + 32];
    int used;
    if (!cli_find("export", NULL, &used))
        return;
    tour_step(t, "Your data is yours: an archive, and back");
    snprintf(first, sizeof first, "%s/first.raum", t->folder);
    snprintf(second, sizeof second, "%s/second.raum", t->folder);
    snprintf(other, sizeof other, "%s/other", t->folder);
    int status = tour_shown(t, "export", "--out", first, NULL);
    tour_check(t, status == 0, "%s", tr("everything in one file: rows, stamps, pictures"));
    status = tour_quiet(t, "--data", other, "import", first, NULL);
    int count = tour_pool(t, NULL, NULL);
    tour_quiet(t, "--data", other, "image", "list", "--json", NULL);
    tour_check(t, status == 0 && (int)json_count(tour_json(t)) == count, "%s",
               tr("a fresh device takes it in, and has the same pool"));
    status = tour_quiet(t, "--data", other, "export", "--out", second, NULL);
    tour_check(t, status == 0 && same_bytes(first, second), "%s",
               tr("its own archive is the same, byte for byte"));
}

static void backups(struct tour *t)
{
    char file[SCRATCH_PATH_MAX + 32], other[SCRATCH_PATH_MAX + 32];
    int used;
    if (!cli_find("backup", NULL, &used))
        return;
    tour_step(t, "A backup of the device, and back");
    snprintf(file, sizeof file, "%s/device.backup", t->folder);
    snprintf(other, sizeof other, "%s/restored", t->folder);
    int status = tour_shown(t, "backup", file, NULL);
    tour_check(t, status == 0 && !tour_in_files(file, "Kampagne", strlen("Kampagne")), "%s",
               tr("one file, encrypted"));
    tour_pool(t, "--slot", "avatar");
    const char *id = tour_text(t, json_first(json_root(&t->doc)), "id");
    int count = tour_pool(t, NULL, NULL);
    tour_quiet(t, "image", "delete", id, "--forever", NULL);
    tour_check(t, tour_pool(t, NULL, NULL) == count - 1, "%s",
               tr("then a mishap: the avatar is gone for ever"));
    status = tour_quiet(t, "restore", file, "--force", NULL);
    tour_check(t,
               status == 0 && tour_pool(t, NULL, NULL) == count &&
                   tour_quiet(t, "image", "open", id, NULL) == 0,
               "%s", tr("restored: the pool and the bytes are what they were"));
}

static void account(struct tour *t)
{
    char guest[SCRATCH_PATH_MAX + 48];
    size_t len;
    tour_step(t, "The guest becomes an account");
    int count = tour_pool(t, NULL, NULL);
    int status =
        tour_shown(t, "doctor", "--adopt-account", "lena-1", "--personal-space", "sp-lena", NULL);
    tour_quiet(t, "whoami", "--json", NULL);
    const char *name = tour_text(t, tour_json(t), "account");
    tour_check(t, status == 0 && strcmp(name, "lena-1") == 0, "%s",
               tr("the device now belongs to the account"));
    tour_check(t, tour_pool(t, NULL, NULL) == count, "%s", tr("with every picture"));
    struct json_value first = json_first(json_root(&t->doc));
    tour_check(t, json_equals(json_get(first, "spaceId"), "sp-lena"), "%s",
               tr("in the account's real personal space"));
    tour_pool(t, "--slot", "avatar");
    tour_check(t, json_first(json_root(&t->doc)).doc != NULL, "%s", tr("slots came along"));
    snprintf(guest, sizeof guest, "%s/accounts/guest/raum.db", t->data);
    void *left = tour_read(guest, &len);
    tour_check(t, !left, "%s", tr("nothing is left for the next guest"));
    free(left);
}

static void doctor(struct tour *t)
{
    tour_step(t, "The doctor's last word");
    int status = tour_shown(t, "doctor", "--deep", "--repair", NULL);
    tour_check(t, status == 0, "%s", tr("files, invariants, seals: everything is whole"));
}

void tour_safety(struct tour *t)
{
    old_data(t);
    sealed(t);
    archives(t);
    backups(t);
    account(t);
    doctor(t);
}
