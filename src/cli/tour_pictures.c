/* The tour, second part: what happens to the files. */
#include "cli/tour.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CAMERA "TourCam-3000-Testkamera"

/* An Exif block as a camera writes it: its name, and where the picture was taken. Little-endian
 * TIFF: directory at 8 with Make and the pointer to the GPS directory, whose two coordinates stand
 * at the end. */
static size_t gps_block(unsigned char *out)
{
    static const unsigned char head[] = {'E', 'x', 'i', 'f', 0, 0, 'I', 'I', 42, 0, 8, 0, 0, 0};
    static const unsigned char directory[] = {2,
                                              0, /* two entries */
                                              0x0f,
                                              0x01,
                                              2,
                                              0,
                                              sizeof CAMERA,
                                              0,
                                              0,
                                              0,
                                              38,
                                              0,
                                              0,
                                              0, /* Make, at 38 */
                                              0x25,
                                              0x88,
                                              4,
                                              0,
                                              1,
                                              0,
                                              0,
                                              0,
                                              38 + sizeof CAMERA,
                                              0,
                                              0,
                                              0, /* GPS directory */
                                              0,
                                              0,
                                              0,
                                              0};
    static const unsigned char gps[] = {
        2, 0, 1, 0, 2, 0, 2, 0, 0, 0, 'N', 0, 0, 0, 2, 0, 5, 0, 3, 0, 0, 0, 38 + sizeof CAMERA + 30,
        0, 0, 0, 0, 0, 0, 0};
    static const unsigned char degrees[] = {47, 0, 0, 0, 1,  0, 0, 0, 39, 0, 0, 0,
                                            1,  0, 0, 0, 12, 0, 0, 0, 1,  0, 0, 0};
    size_t len = 0;
    memcpy(out, head, sizeof head);
    len += sizeof head;
    memcpy(out + len, directory, sizeof directory);
    len += sizeof directory;
    memcpy(out + len, CAMERA, sizeof CAMERA);
    len += sizeof CAMERA;
    memcpy(out + len, gps, sizeof gps);
    len += sizeof gps;
    memcpy(out + len, degrees, sizeof degrees);
    return len + sizeof degrees;
}

/* A copy of a JPEG with that block behind its first marker. */
static bool tag_photo(struct tour *t, const char *path)
{
    unsigned char block[256];
    bool good = false;
    for (int i = 4; i < t->photo_count - 1 && !good; i++) { /* one that is not in a pool yet */
        size_t len = 0, size = gps_block(block);
        unsigned char *photo = tour_read(t->photos[i], &len), *tagged = NULL;
        if (photo && len > 4 && photo[0] == 0xff && photo[1] == 0xd8)
            tagged = malloc(len + size + 4);
        if (tagged) {
            const unsigned char marker[] = {0xff,
                                            0xd8,
                                            0xff,
                                            0xe1,
                                            (unsigned char)((size + 2) >> 8),
                                            (unsigned char)(size + 2)};
            memcpy(tagged, marker, sizeof marker);
            memcpy(tagged + sizeof marker, block, size);
            memcpy(tagged + sizeof marker + size, photo + 2, len - 2);
            good = tour_write(path, tagged, len + size + 4);
        }
        free(photo);
        free(tagged);
    }
    return good;
}

static void metadata(struct tour *t)
{
    char path[SCRATCH_PATH_MAX + 32];
    tour_step(t, "Where a picture was taken is nobody's business");
    snprintf(path, sizeof path, "%s/ferien_20260401.jpg", t->folder);
    bool tagged = tag_photo(t, path) && tour_in_files(path, CAMERA, strlen(CAMERA));
    tour_check(t, tagged, "%s", tr("a photograph with a camera's name and a GPS position"));
    int status = tour_shown(t, "image", "add", path, NULL);
    tour_check(t, status == 0 && strstr(buf_text(&t->out), "Ferien"), "%s",
               tr("taken in; its name comes from the file's"));
    tour_check(
        t, !tour_in_files(t->data, CAMERA, strlen(CAMERA)) && !tour_in_files(t->data, "GPS", 3),
        "%s", tr("no file of the data directory holds camera or position, the original included"));
}

/* The newest picture of the pool. */
static const char *newest(struct tour *t)
{
    tour_pool(t, NULL, NULL);
    return tour_text(t, json_first(json_root(&t->doc)), "id");
}

static bool opens(struct tour *t, const char *id)
{
    return tour_quiet(t, "image", "open", id, NULL) == 0;
}

static void deleting(struct tour *t)
{
    char path[SCRATCH_PATH_MAX];
    size_t len = 0;
    tour_step(t, "Deleting, and thinking again");
    const char *id = newest(t);
    tour_quiet(t, "image", "slot", id, "face-ref", NULL);
    tour_quiet(t, "image", "open", id, NULL);
    snprintf(path, sizeof path, "%.*s", (int)strcspn(buf_text(&t->out), "\n"), buf_text(&t->out));
    int status = tour_shown(t, "image", "delete", id, "--quiet", NULL);
    void *left = tour_read(path, &len);
    tour_check(t, status == 0 && !opens(t, id) && !left, "%s",
               tr("its file is out of reach at once"));
    free(left);
    tour_check(t, tour_pool(t, "--slot", "face-ref") == 0, "%s",
               tr("the slot that it held is empty"));
    status = tour_shown(t, "image", "restore", id, "--quiet", NULL);
    tour_check(t, status == 0 && opens(t, id), "%s", tr("it comes back out of the trash"));
    status = tour_shown(t, "image", "delete", id, "--forever", "--quiet", NULL);
    tour_check(t, status == 0 && !opens(t, id), "%s",
               tr("deleted for ever, its bytes are gone from the disk"));
    tour_check(t, tour_quiet(t, "image", "restore", id, NULL) == 3, "%s",
               tr("and nothing brings them back"));
}

static void copying(struct tour *t)
{
    tour_step(t, "From one space to another: a copy, by choice");
    tour_pool(t, "--kind", "fullbody");
    const char *id = tour_text(t, json_first(json_root(&t->doc)), "id");
    const char *media = tour_text(t, json_first(json_root(&t->doc)), "mediaId");
    tour_quiet(t, "image", "ai", id, "on", NULL);
    int status = tour_shown(t, "image", "copy", id, "--to", "marke", "--quiet", NULL);
    tour_quiet(t, "--space", "marke", "image", "list", "--json", NULL);
    struct json_value copy = json_first(tour_json(t));
    bool other = copy.doc && !json_equals(json_get(copy, "id"), id) &&
                 !json_equals(json_get(copy, "mediaId"), media);
    tour_check(t, status == 0 && other, "%s",
               tr("a row and a picture of its own in the other space"));
    tour_check(t, json_is(json_get(json_get(copy, "usage"), "aiReference"), JSON_FALSE), "%s",
               tr("consent did not travel"));
}

static void wrong(struct tour *t)
{
    static const char svg[] =
        "<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>";
    char path[SCRATCH_PATH_MAX + 16];
    tour_step(t, "A file is what its bytes are");
    snprintf(path, sizeof path, "%s/photo.jpg", t->folder);
    tour_write(path, svg, sizeof svg - 1);
    int before = tour_pool(t, NULL, NULL);
    int status = tour_shown(t, "image", "add", path, NULL);
    tour_check(t, status == 1 && tour_pool(t, NULL, NULL) == before, "%s",
               tr("a drawing that calls itself a photograph is refused"));
}

static void together(struct tour *t)
{
    int before = tour_pool(t, NULL, NULL);
    tour_step(t, "Two terminals at once, and one that is killed");
    int one = tour_start(t, "image", "add", t->photos[0], NULL);
    int two = tour_start(t, "image", "add", t->photos[1], NULL);
    bool good = tour_wait(one) == 0;
    good = tour_wait(two) == 0 && good;
    tour_check(t, good && tour_pool(t, NULL, NULL) == before + 2, "%s",
               tr("two processes added a picture each, both are there"));
    for (int i = 0; i < 5; i++) {
        const struct timespec pause = {.tv_nsec = (20 + 60L * i) * 1000000L};
        int process = tour_start(t, "image", "add", t->photos[2], t->photos[3], NULL);
        nanosleep(&pause, NULL);
        if (process > 0)
            kill(process, SIGKILL);
        tour_wait(process);
    }
    int after = tour_pool(t, NULL, NULL);
    struct json_value list = json_root(&t->doc);
    bool whole = after >= before + 2;
    const char *ids[64];
    int count = 0;
    for (struct json_value v = json_first(list); v.doc && count < 64; v = json_next(list, v))
        ids[count++] = tour_text(t, v, "id");
    for (int i = 0; i < count; i++)
        whole = opens(t, ids[i]) && whole;
    tour_check(t, whole, "%s",
               tr("killed five times in the middle: every picture listed has its bytes"));
}

void tour_pictures(struct tour *t)
{
    metadata(t);
    deleting(t);
    copying(t);
    wrong(t);
    together(t);
}
