#include "modules/pool.h"

void place_open(struct place *p, const char *account)
{
    memset(p, 0, sizeof *p);
    kit_folder(p->folder);
    kit_world_init(&p->world, 7);
    p->raum = kit_open(p->folder, account, &p->world.env);
    p->home = kit_scope(p->raum, NULL);
    OK(pictures_open(&p->pictures, p->raum, NULL, &error));
}

static void shut(struct place *p)
{
    pictures_close(&p->pictures);
    raum_handle_free(p->home);
    raum_close(p->raum);
}

void place_close(struct place *p)
{
    shut(p);
    kit_remove(p->folder);
}

void place_again(struct place *p)
{
    char account[RAUM_ID_MAX];
    snprintf(account, sizeof account, "%s", p->raum->account);
    shut(p);
    p->raum = kit_open(p->folder, account, &p->world.env);
    p->home = kit_scope(p->raum, NULL);
    OK(pictures_open(&p->pictures, p->raum, NULL, &error));
}

void *place_file(const char *name, size_t *len)
{
    char path[1024];
    void *data = NULL;
    const struct raum_env *env = raum_env_native();
    snprintf(path, sizeof path, "%s/media/%s", getenv("RAUM_TEST_DATA"), name);
    OK(env->file_read(env->ctx, path, 1 << 20, &data, len));
    return data;
}

int place_add(struct place *p, struct raum_handle *h, const char *file, const char *slot,
              char id[RAUM_ID_MAX])
{
    struct me_new add = {.label = file, .slot = slot};
    struct media_item item;
    void *data = place_file(file, &add.len);
    add.data = data;
    int rc = me_images_add(h, &p->pictures, &add, id, &item, &error);
    free(data);
    p->world.now_ms += 1000;
    return rc;
}

const char *place_list(struct raum_handle *h, const struct me_filter *filter)
{
    static char text[8192];
    struct raum_query *q;
    size_t len = 0;
    int rc;
    text[0] = '\0';
    OK(me_images_query(h, filter, &q, &error));
    while ((rc = raum_query_step(q, &error)) == 0)
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", len ? " " : "",
                                raum_query_text(q, ME_ID, NULL));
    raum_query_free(q);
    assert_int_equal(rc, RAUM_END);
    return text;
}

const char *place_holder(struct raum_handle *h, const char *person, const char *slot)
{
    return place_list(h, &(struct me_filter){.slot = slot, .person = person});
}

const char *place_media(struct raum_handle *h, const char *id)
{
    static char media[RAUM_ID_MAX];
    struct json_doc doc;
    struct arena a;
    const char *text = kit_get(h, "meImages", id, true);
    json_init(&doc);
    arena_init(&a, 1 << 20);
    OK(json_parse(&doc, text, strlen(text), 0, &error));
    const char *found = json_str(json_get(json_root(&doc), "mediaId"), &a);
    snprintf(media, sizeof media, "%s", found ? found : "");
    arena_release(&a);
    json_release(&doc);
    return media;
}

bool place_opens(struct place *p, struct raum_handle *h, const char *media)
{
    char path[MEDIA_PATH_MAX];
    return pictures_path(&p->pictures, h->space, media, MEDIA_ORIGINAL, path, NULL) == 0;
}
