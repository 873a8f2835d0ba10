/* The tour, third part: what hangs in the wardrobe, and what was worn. */
#include "cli/tour.h"
#include <stdlib.h>
#include <string.h>

#define COAT "Geheim: Regenmantel"
#define OUTFIT "Regentag"

static bool says(const struct buf *b, const char *text)
{
    return strstr(buf_text(b), text) != NULL;
}

/* `raum garment show NAME --json`; the row stays for tour_json's reader. */
static struct json_value garment(struct tour *t, const char *name)
{
    int status = tour_quiet(t, "garment", "show", name, "--json", NULL);
    return status == 0 ? tour_json(t) : (struct json_value){0};
}

static int64_t worn(struct tour *t, const char *name)
{
    int64_t count = -1;
    return json_int(json_get(garment(t, name), "wearCount"), &count) ? count : -1;
}

static void hang_up(struct tour *t)
{
    tour_step(t, "A wardrobe of real photographs");
    /* A photograph that is in no pool: its file goes when the garment does. */
    int status = tour_shown(t, "garment", "add", t->photos[4], "--name", COAT, "--category",
                            "outerwear", "--color", "gelb", "--price", "129,90", NULL);
    tour_check(t, status == 0, "%s", tr("a garment with its photograph and what it cost"));
    status = tour_shown(t, "garment", "add", t->photos[1], t->photos[2], "--together", "--name",
                        "Stiefel", "--category", "shoes", NULL);
    status |=
        tour_quiet(t, "garment", "add", t->photos[3], "--name", "Hemd", "--category", "top", NULL);
    tour_check(t, status == 0 && json_count(json_get(garment(t, "Stiefel"), "mediaIds")) == 2, "%s",
               tr("another one with two"));
    status = tour_shown(t, "garment", "list", NULL);
    tour_check(t, status == 0 && says(&t->out, "Hemd") && says(&t->out, "Stiefel"), "%s",
               tr("three garments, newest first"));
}

static void wearing(struct tour *t)
{
    tour_step(t, "An outfit, and a log of what was worn");
    int status = tour_shown(t, "outfit", "create", OUTFIT, COAT, "Stiefel", "--season", "autumn",
                            "--favorite", NULL);
    tour_check(t, status == 0, "%s", tr("garments of this space, in order"));
    status = tour_shown(t, "outfit", "wear", OUTFIT, NULL);
    tour_check(t, status == 0 && worn(t, COAT) == 1 && worn(t, "Stiefel") == 1, "%s",
               tr("worn once, it counts for each of its garments"));
    int one = tour_start(t, "garment", "wear", COAT, NULL);
    int two = tour_start(t, "garment", "wear", COAT, NULL);
    bool both = tour_wait(one) == 0;
    both = tour_wait(two) == 0 && both;
    tour_check(t, both && worn(t, COAT) == 3, "%s",
               tr("two terminals at once: both count, for a wear is a row"));
    status = tour_shown(t, "garment", "show", COAT, NULL);
    tour_check(t, status == 0 && (says(&t->out, "43.30 EUR") || says(&t->out, "43,30 EUR")), "%s",
               tr("what each time has cost so far"));
    status = tour_shown(t, "garment", "stats", "--top", "1", NULL);
    tour_check(t, status == 0 && says(&t->out, "Hemd"), "%s",
               tr("what was never worn is the first that one is reminded of"));
}

/* Those that AI may use, switched all at once. */
static void consent(struct tour *t, const char *const *ids, int count, const char *word)
{
    for (int i = 0; i < count; i++)
        tour_quiet(t, "image", "ai", ids[i], word, NULL);
}

static void trying_on(struct tour *t)
{
    const char *ids[8];
    int count = 0;
    size_t len = 0;
    char path[SCRATCH_PATH_MAX + 16];
    tour_step(t, "Yourself in it: a collage that is made on this device");
    snprintf(path, sizeof path, "%s/try-on.jpg", t->folder);
    int status = tour_shown(t, "try-on", OUTFIT, "--out", path, NULL);
    unsigned char *data = tour_read(path, &len);
    tour_check(t, status == 0 && data && len > 10000 && data[0] == 0xff && data[1] == 0xd8, "%s",
               tr("a picture of you with all of it, from your own photographs"));
    free(data);
    tour_quiet(t, "outfit", "show", OUTFIT, "--json", NULL);
    tour_check(t, *tour_text(t, tour_json(t), "lastTryOn"), "%s", tr("the outfit shows it"));
    tour_pool(t, "--reference", NULL);
    struct json_value list = tour_json(t);
    for (struct json_value v = json_first(list); v.doc && count < 8; v = json_next(list, v))
        ids[count++] = tour_text(t, v, "id");
    consent(t, ids, count, "off");
    status = tour_shown(t, "try-on", OUTFIT, NULL);
    tour_check(t, count > 0 && status == 4, "%s", tr("without your consent there is none"));
    consent(t, ids, count, "on");
}

static void apart(struct tour *t)
{
    tour_step(t, "Each space has its own wardrobe");
    const char *id = tour_text(t, garment(t, COAT), "id");
    int status = tour_shown(t, "--space", "marke", "garment", "list", NULL);
    tour_check(t, status == 0 && says(&t->out, "raum garment add"), "%s",
               tr("the brand's is empty, and says how to fill it"));
    status = tour_shown(t, "--space", "marke", "outfit", "create", "Kampagne", id, NULL);
    tour_check(t, status == 3, "%s", tr("an outfit cannot hold a garment of another space"));
    tour_check(t, tour_quiet(t, "--space", "marke", "garment", "wear", id, NULL) == 3, "%s",
               tr("nor can it be worn there"));
}

/* Where the first photograph of the garment lies. */
static const char *photo(struct tour *t, const char *name)
{
    tour_quiet(t, "garment", "photo", name, "--json", NULL);
    return tour_text(t, json_first(tour_json(t)), "path");
}

static bool is_there(const char *path)
{
    size_t len;
    void *data = tour_read(path, &len);
    free(data);
    return data != NULL;
}

static void gone(struct tour *t)
{
    tour_step(t, "A garment that is gone is not passed over in silence");
    const char *id = tour_text(t, garment(t, COAT), "id"), *path = photo(t, COAT);
    bool before = is_there(path);
    int status = tour_shown(t, "garment", "delete", COAT, "--quiet", NULL);
    tour_check(t, status == 0 && before && !is_there(path), "%s",
               tr("its photograph is out of reach at once"));
    status = tour_shown(t, "outfit", "show", OUTFIT, NULL);
    char text[64];
    snprintf(text, sizeof text, COAT " (%s)", tr("gone"));
    tour_check(t, status == 0 && says(&t->out, text), "%s", tr("the outfit shows it as gone"));
    tour_quiet(t, "garment", "log", "--json", NULL);
    tour_check(t, json_count(tour_json(t)) == 3, "%s", tr("the log keeps what happened"));
    status = tour_shown(t, "garment", "restore", id, "--quiet", NULL);
    tour_check(t, status == 0 && is_there(path) && worn(t, COAT) == 3, "%s",
               tr("it comes back with its photograph and its wears"));
}

void tour_wardrobe(struct tour *t)
{
    hang_up(t);
    wearing(t);
    trying_on(t);
    apart(t);
    gone(t);
}
