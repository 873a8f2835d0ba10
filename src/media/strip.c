#include "media/strip.h"

#include "media/container.h"

int media_strip(enum media_type type, const void *data, size_t len, struct buf *out,
                struct media_facts *facts, struct raum_error *error)
{
    struct media_facts own;
    if (!facts)
        facts = &own;
    int rc = media_sniff(data, len, facts, error);
    if (rc)
        return rc;
    if (facts->type != type)
        return err_set(error, RAUM_EUNSUPPORTED_MEDIA, "this is not %s but %s", media_mime(type),
                       media_mime(facts->type));
    switch (facts->type) {
    case MEDIA_JPEG:
        return media_jpeg_strip(data, len, facts, out, error);
    case MEDIA_PNG:
        return media_png_strip(data, len, facts, out, error);
    case MEDIA_WEBP:
        return media_webp_strip(data, len, facts, out, error);
    case MEDIA_HEIC:
    case MEDIA_AVIF:
        return media_isobmff_strip(data, len, facts, out, error);
    case MEDIA_NONE:
        break;
    }
    return err_set(error, RAUM_EINTERNAL, NULL);
}
