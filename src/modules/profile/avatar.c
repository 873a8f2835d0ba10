#include "modules/profile/avatar.h"

#include "engine/intern.h"
#include "modules/profile/me_images.h"
#include "modules/seeds.h"
#include <stdio.h>
#include <string.h>

#define URL_MAX 2000

/* A handle on the personal space, whatever space anybody else has in scope. */
static int personal_handle(struct raum *r, struct raum_handle **out, struct raum_error *error)
{
    const struct space *personal = intern_personal(r);
    *out = NULL;
    if (!personal) {
        err_at(error, "profile", RAUM_ESCOPE_NOT_READY, NULL);
        return RAUM_ESCOPE_NOT_READY;
    }
    int rc = scope_handle_new(r, HANDLE_SCOPE, out, error);
    if (rc == 0)
        rc = raum_scope_set(*out, personal->id, error);
    if (rc) {
        raum_handle_free(*out);
        *out = NULL;
    }
    return rc;
}

int avatar_holder(struct raum *r, char media[RAUM_ID_MAX], struct raum_error *error)
{
    struct raum_handle *h;
    struct raum_query *q = NULL;
    media[0] = '\0';
    int rc = personal_handle(r, &h, error);
    if (rc)
        return rc;
    rc = query_view(
        h,
        "SELECT m.mediaId FROM meSlots s JOIN meImages m ON m.id = s.imageId "
        "WHERE s.person = ?1 AND s.slot IN ('avatar', 'face-ref') ORDER BY s.slot LIMIT 1",
        &q, error);
    if (rc == 0) {
        raum_query_bind_text(q, 1, r->account, strlen(r->account));
        rc = raum_query_step(q, error);
        const char *text = rc == 0 ? raum_query_text(q, 0, NULL) : NULL;
        if (text && strlen(text) < RAUM_ID_MAX)
            memcpy(media, text, strlen(text) + 1);
    }
    raum_query_free(q);
    raum_handle_free(h);
    return rc == RAUM_END ? 0 : rc;
}

/* Is the holder another one than was queued last? An account that never had a picture here is not
 * told to have none. */
static int is_news(struct raum *r, char media[RAUM_ID_MAX], bool *news, struct raum_error *error)
{
    char *before;
    enum intent_state state;
    struct arena a;
    arena_init(&a, 1 << 16);
    int rc = avatar_holder(r, media, error);
    if (rc == 0)
        rc = intents_get(r, AVATAR_INTENT, &a, &before, &state, error);
    if (rc == 0)
        *news = state == INTENT_NONE ? media[0] != '\0' : strcmp(before ? before : "", media) != 0;
    arena_release(&a);
    return rc;
}

int avatar_refresh(struct raum *r, struct raum_error *error)
{
    char media[RAUM_ID_MAX];
    bool news = false;
    int rc = is_news(r, media, &news, error);
    if (rc || !news)
        return rc;
    rc = replica_begin(r, error);
    if (rc)
        return rc;
    rc = is_news(r, media, &news, error); /* somebody may have been quicker */
    if (rc == 0 && news)
        rc = intents_say(r, AVATAR_INTENT, media[0] ? media : NULL, NULL, error);
    return replica_end(r, rc, error);
}

/* ---- the picture from before ---- */

static void row_json(struct buf *out, const char *media, const char *url)
{
    struct json_writer w;
    json_begin(&w, out);
    json_open_object(&w);
    json_put_key(&w, "kind");
    json_put_str(&w, "face");
    json_put_key(&w, "mediaId");
    json_put_str(&w, media);
    json_put_key(&w, "width");
    json_put_int(&w, 0);
    json_put_key(&w, "height");
    json_put_int(&w, 0);
    if (url && *url && strlen(url) <= URL_MAX) {
        json_put_key(&w, "legacyUrl");
        json_put_text(&w, url, strlen(url));
    }
    json_close_object(&w);
}

static int adopt_rows(struct raum_handle *h, const char *media, const char *url, bool *made,
                      struct raum_error *error)
{
    char id[ID_TEXT], slot_id[RAUM_ID_MAX + 16];
    struct buf json, slot;
    buf_init(&json, 1 << 16);
    buf_init(&slot, 1 << 16);
    id_derive(h->raum->env, media, strlen(media), id);
    snprintf(slot_id, sizeof slot_id, "%s:avatar", h->raum->account);
    row_json(&json, media, url);
    buf_printf(&slot, "{\"slot\":\"avatar\",\"imageId\":\"%s\"}", id);
    int rc = buf_error(&json, error);
    if (rc == 0)
        rc = seeds_put(h, "meImages", id, buf_text(&json), made, error);
    if (rc == 0 && *made)
        rc = seeds_put(h, "meSlots", slot_id, buf_text(&slot), NULL, error);
    buf_release(&json);
    buf_release(&slot);
    return rc;
}

int avatar_adopt(struct raum *r, struct pictures *p, const char *url, const void *bytes, size_t len,
                 bool *made, struct raum_error *error)
{
    char media[RAUM_ID_MAX + sizeof ME_LEGACY];
    struct media_item item;
    struct raum_handle *h;
    *made = false;
    snprintf(media, sizeof media, ME_LEGACY "%s", r->account);
    if (strlen(media) >= RAUM_ID_MAX)
        return err_at(error, "profile", RAUM_ETOO_LARGE, "the account's id is too long");
    int rc = personal_handle(r, &h, error);
    if (rc)
        return rc;
    /* What cannot be read as a picture stays a placeholder: the pool does not wait for it. */
    bool real = bytes && pictures_prepare(p, bytes, len, &item, NULL) == 0;
    rc = replica_begin(r, error);
    if (rc == 0) {
        rc = adopt_rows(h, media, url, made, error);
        if (rc == 0 && *made && real)
            rc = pictures_add(p, h->space, "me", bytes, len, media, &item, error);
        if (rc == 0 && *made)
            rc = avatar_refresh(r, error);
        rc = replica_end(r, rc, error);
    }
    if (real)
        (void)!pictures_settle(p, item.hash, NULL);
    if (rc)
        *made = false;
    raum_handle_free(h);
    return rc;
}
