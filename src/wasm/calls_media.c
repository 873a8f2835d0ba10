/* Where pictures lie on this device, and archives of it all. The bytes are the host's to read. */
#include "base/err.h"
#include "engine/archive.h"
#include "engine/intern.h"
#include "engine/media_refs.h"
#include "engine/spaces.h"
#include "modules/profile/avatar.h"
#include "wasm/app.h"
#include <stdlib.h>
#include <string.h>

static const char *const variants[MEDIA_VARIANTS] = {"original", "thumb", "medium", "large"};

/* Of the client's space, or of "space": the number, 0 after an error was set. */
static uint32_t space_of(struct call *c)
{
    const char *which = call_maybe(c, "space");
    const struct space *s = NULL;
    struct raum_handle *h = call_scope(c);
    if (!h)
        return 0;
    if (which)
        return spaces_find(c->app->raum, which, &s, c->error) == 0 ? s->ref : 0;
    if (!h->space)
        err_set(c->error, RAUM_ESCOPE_NOT_READY, NULL);
    return h->space;
}

/* {id, variant, space?} → {space, path, original}: paths are null where there is nothing here.
 * NOT_FOUND: no row of the space shows it to this device (yet). */
static int find(struct call *c)
{
    struct pictures *p = &c->app->pictures;
    const char *id = call_text(c, "id");
    uint32_t space = id ? space_of(c) : 0;
    struct json_value wanted = json_get(c->args, "variant");
    enum media_variant variant = MEDIA_ORIGINAL;
    char path[MEDIA_PATH_MAX], original[MEDIA_PATH_MAX], place[MEDIA_PATH_MAX];
    struct media_ref ref;
    if (!space)
        return c->error->code;
    for (int v = 0; v < MEDIA_VARIANTS; v++)
        if (json_equals(wanted, variants[v]))
            variant = v;
    bool known = media_refs_find(p->raum, space, id, false, &ref, NULL) == 0;
    bool whole = known && media_store_path(p->store, ref.hash, MEDIA_ORIGINAL, original, NULL) == 0;
    bool here = known && media_store_path(p->store, ref.hash, variant, path, NULL) == 0;
    json_open_object(c->out);
    answer_str(c, "space", intern_space(p->raum, space)->id);
    answer_flag(c, "offline", intern_space(p->raum, space)->offline);
    answer_str(c, "path", here ? path : NULL);
    answer_str(c, "original", whole ? original : NULL);
    bool named =
        whole && media_store_name(p->store, ref.hash, MEDIA_WEBP, variant, place, NULL) == 0;
    answer_str(c, "place", named ? place : NULL); /* where the variant would lie */
    json_close_object(c->out);
    return 0;
}

/* ---- archives ---- */

struct tar { /* the plain format of POSIX, in the answer's bytes */
    struct buf *out;
};

static void put_octal(char *field, size_t width, unsigned long long value)
{
    for (size_t i = width - 1; i-- > 0; value >>= 3)
        field[i] = (char)('0' + (value & 7));
}

static int put_entry(void *ctx, const char *name, const void *data, size_t len,
                     struct raum_error *error)
{
    struct tar *tar = ctx;
    char head[512] = {0};
    unsigned sum = 0;
    if (strlen(name) >= 100)
        return err_set(error, RAUM_EINTERNAL, "an entry's name is too long");
    memcpy(head, name, strlen(name));
    put_octal(head + 100, 8, 0644);
    put_octal(head + 108, 8, 0);
    put_octal(head + 116, 8, 0);
    put_octal(head + 124, 12, len);
    put_octal(head + 136, 12, 0);
    memset(head + 148, ' ', 8);
    head[156] = '0';
    memcpy(head + 257, "ustar\0" "00", 8);
    for (size_t i = 0; i < sizeof head; i++)
        sum += (unsigned char)head[i];
    put_octal(head + 148, 7, sum);
    buf_add(tar->out, head, sizeof head);
    buf_add(tar->out, data, len);
    static const char zeros[1024];
    buf_add(tar->out, zeros, (512 - len % 512) % 512);
    return buf_error(tar->out, error);
}

static int read_picture(void *ctx, const char *hash, void **data, size_t *len,
                        struct raum_error *error)
{
    struct pictures *p = ctx;
    return media_store_read(p->store, hash, MEDIA_ORIGINAL, data, len, NULL, error);
}

/* A tar archive of one space, or of everything, as bytes. */
static int export(struct call *c)
{
    static const char zeros[1024];
    const char *which = call_maybe(c, "space");
    const struct space *s = NULL;
    struct archive_report report = {0};
    struct tar tar = {c->bytes};
    const struct archive_sink sink = {&tar, put_entry};
    const struct archive_media media = {&c->app->pictures, read_picture, NULL};
    int rc = which ? spaces_find(c->app->raum, which, &s, c->error) : 0;
    if (rc == 0)
        rc = archive_export(c->app->raum, s ? s->ref : 0, &sink, &media, &report, c->error);
    if (rc)
        return rc;
    buf_add(c->bytes, zeros, sizeof zeros);
    json_open_object(c->out);
    answer_str(c, "name", s ? s->slug : "raum");
    answer_int(c, "rows", report.rows);
    answer_int(c, "pictures", report.pictures);
    answer_int(c, "missing", report.missing);
    json_close_object(c->out);
    return 0;
}

/* ---- the account's picture ---- */

/* {waits, media, space}: what is still to be told the server. */
static int avatar_waits(struct call *c)
{
    char *media;
    enum intent_state state;
    int rc = intents_get(c->app->raum, AVATAR_INTENT, c->arena, &media, &state, c->error);
    if (rc)
        return rc;
    json_open_object(c->out);
    answer_flag(c, "waits", state == INTENT_WAITING);
    answer_str(c, "media", media);
    answer_str(c, "space", intern_personal(c->app->raum)->id);
    json_close_object(c->out);
    return 0;
}

static int avatar_told(struct call *c)
{
    int rc = replica_begin(c->app->raum, c->error);
    if (rc)
        return rc;
    rc = intents_done(c->app->raum, AVATAR_INTENT, call_maybe(c, "media"), c->error);
    return replica_end(c->app->raum, rc, c->error);
}

const struct call_entry calls_media[] = {
    {"media.find", find, CALL_READ},
    {"export", export, CALL_READ},
    {"avatar.waits", avatar_waits, CALL_READ},
    {"avatar.told", avatar_told, CALL_READ},
    {0},
};
