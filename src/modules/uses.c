#include "modules/uses.h"

#include "engine/query.h"
#include <string.h>

int uses_shown(struct raum_handle *h, const char *media, bool *still, struct raum_error *error)
{
    struct raum_query *q = NULL;
    int rc = query_view(h,
                        "SELECT EXISTS (SELECT 1 FROM meImages WHERE mediaId = ?1) OR "
                        "EXISTS (SELECT 1 FROM images WHERE mediaId = ?1) OR "
                        "EXISTS (SELECT 1 FROM wardrobeGarments g, json_each(g.mediaIds) m "
                        "WHERE m.value = ?1)",
                        &q, error);
    if (rc)
        return rc;
    raum_query_bind_text(q, 1, media, strlen(media));
    rc = raum_query_step(q, error);
    if (rc == 0)
        *still = raum_query_int(q, 0) != 0;
    raum_query_free(q);
    return rc;
}

int uses_gone(struct raum_handle *h, const char *media, bool forever, char hash[MEDIA_REF_HASH],
              struct raum_error *error)
{
    struct media_ref ref;
    bool still = false;
    hash[0] = '\0';
    int rc = uses_shown(h, media, &still, error);
    if (rc || still)
        return rc;
    rc = media_refs_find(h->raum, h->space, media, true, &ref, NULL);
    if (rc)
        return rc == RAUM_ENOT_FOUND ? 0 : err_set(error, rc, NULL);
    memcpy(hash, ref.hash, MEDIA_REF_HASH);
    return forever ? media_refs_erase(h->raum, h->space, media, error)
                   : media_refs_trash(h->raum, h->space, media, error);
}

int uses_back(struct raum_handle *h, struct pictures *p, const char *media,
              struct raum_error *error)
{
    struct media_ref ref;
    int rc = media_refs_find(h->raum, h->space, media, true, &ref, NULL);
    if (rc)
        return rc == RAUM_ENOT_FOUND ? 0 : err_set(error, rc, NULL);
    rc = media_refs_restore(h->raum, h->space, media, error);
    return rc ? rc : pictures_settle(p, ref.hash, error);
}
