/* Pictures and outfits of the space as resources. */
#include "base/utf8.h"
#include "engine/store.h"
#include "modules/profile/me_images.h"
#include "modules/wardrobe/outfits.h"
#include "modules/wardrobe/wardrobe.h"
#include "tools/host_inside.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct kind {
    const char *scheme, *table, *type;
    char letter; /* of a cursor */
    int name_column;
};
static const struct kind kinds[HOST_KINDS] = {
    [KIND_IMAGE] = {"raum://image/", "meImages", "image/webp", 'i', ME_LABEL},
    [KIND_PICTURE] = {"raum://picture/", "images", "image/webp", 'p', 1},
    [KIND_OUTFIT] = {"raum://outfit/", "wardrobeOutfits", "application/json", 'o', OUTFIT_NAME},
};
static const struct me_filter consented = {.reference = true};
static const struct outfit_filter all_outfits = {.shelf = SHELF_ALL};
static const char made_sql[] =
    "SELECT i.id AS id, i.prompt AS prompt, i.updatedAt AS updatedAt, i.visibility AS visibility "
    "FROM images i WHERE i.mediaId IS NOT NULL ORDER BY i.createdAt DESC, i.id DESC";

static int kind_sql(struct raum_handle *h, int kind, struct buf *sql, struct raum_error *error)
{
    switch ((enum host_kind)kind) {
    case KIND_IMAGE:
        return me_images_sql(h, &consented, sql, error);
    case KIND_OUTFIT:
        return outfits_sql(&all_outfits, sql, error);
    case KIND_PICTURE:
        buf_str(sql, made_sql);
        return buf_error(sql, error);
    }
    return RAUM_EINTERNAL;
}

static int kind_query(struct raum_handle *h, int kind, struct raum_query **out,
                      struct raum_error *error)
{
    switch ((enum host_kind)kind) {
    case KIND_IMAGE:
        return me_images_query(h, &consented, out, error);
    case KIND_OUTFIT:
        return outfits_query(h, &all_outfits, out, error);
    case KIND_PICTURE:
        return query_view(h, made_sql, out, error);
    }
    return RAUM_EINTERNAL;
}

/* ---- listing: one kind behind the other; a cursor is its letter and the place in it ---- */

static void put_resource(struct tool_call *call, const struct kind *k, const struct page *page,
                         struct json_writer *w)
{
    size_t len = 0;
    const char *name = raum_query_text(page->q, k->name_column, &len);
    char *uri = arena_printf(call->arena, "%s%s", k->scheme, page->last);
    json_open_object(w);
    json_put_key(w, "uri");
    json_put_str(w, uri);
    json_put_key(w, "name");
    if (name && len)
        json_put_text(w, name, utf8_cut(name, len, 200));
    else
        json_put_str(w, page->last);
    json_put_key(w, "mimeType");
    json_put_str(w, k->type);
    json_close_object(w);
}

static int list_kind(struct tool_call *call, int kind, const char *at, struct json_writer *items,
                     char *next, size_t size, int *taken, struct raum_error *error)
{
    struct raum_query *q = NULL;
    struct page page;
    int rc = kind_query(call->scope, kind, &q, error);
    if (rc)
        return rc;
    rc = page_begin(&page, q, PAGE_DEFAULT - *taken, at && *at ? at : NULL, error);
    while (rc == 0 && (rc = page_next(&page, error)) == 0)
        put_resource(call, &kinds[kind], &page, items);
    *taken += page.taken;
    page_cursor(&page, next, size);
    page_end(&page);
    return rc == RAUM_END ? 0 : rc;
}

int resources_list(struct tools_host *h, struct tool_call *call, const char *cursor,
                   struct json_writer *items, char next[MCP_NAME_MAX], struct raum_error *error)
{
    int kind = 0, taken = 0;
    char place[MCP_NAME_MAX - 1];
    int rc = h->changed ? resources_watch(h, error) : 0;
    while (cursor && kind < HOST_KINDS && kinds[kind].letter != *cursor)
        kind++;
    if (kind == HOST_KINDS)
        return err_at(error, "tools", RAUM_EUSAGE, "Invalid params: cursor is none of ours");
    *next = '\0';
    for (; rc == 0 && kind < HOST_KINDS && !*next; kind++) {
        if (taken == PAGE_DEFAULT) {
            snprintf(next, MCP_NAME_MAX, "%c", kinds[kind].letter);
            break;
        }
        rc = list_kind(call, kind, cursor ? cursor + 1 : NULL, items, place, sizeof place, &taken,
                       error);
        cursor = NULL;
        if (rc == 0 && *place)
            snprintf(next, MCP_NAME_MAX, "%c%s", kinds[kind].letter, place);
    }
    return rc;
}

void resources_templates(struct json_writer *w)
{
    static const struct {
        const char *uri, *name, *type;
    } templates[] = {
        {"raum://image/{id}", "A picture of people that may be used by AI", "image/webp"},
        {"raum://image/{id}/{variant}", "Its bytes: thumb, medium or large", "image/webp"},
        {"raum://picture/{id}", "A picture that was made in this space", "image/webp"},
        {"raum://picture/{id}/{variant}", "Its bytes: thumb, medium or large", "image/webp"},
        {"raum://outfit/{id}", "An outfit with its garments", "application/json"},
    };
    for (size_t i = 0; i < sizeof templates / sizeof *templates; i++) {
        json_open_object(w);
        json_put_key(w, "uriTemplate");
        json_put_str(w, templates[i].uri);
        json_put_key(w, "name");
        json_put_str(w, templates[i].name);
        json_put_key(w, "mimeType");
        json_put_str(w, templates[i].type);
        json_close_object(w);
    }
}

/* ---- reading ---- */

static const char *const variants[MEDIA_VARIANTS] = {
    [MEDIA_THUMB] = "thumb", [MEDIA_MEDIUM] = "medium", [MEDIA_LARGE] = "large"};

struct target {
    int kind;
    char id[RAUM_ID_MAX];
    enum media_variant variant; /* MEDIA_ORIGINAL: none was named */
};

static bool read_uri(const char *uri, struct target *t)
{
    for (t->kind = 0; t->kind < HOST_KINDS; t->kind++)
        if (strncmp(uri, kinds[t->kind].scheme, strlen(kinds[t->kind].scheme)) == 0)
            break;
    if (t->kind == HOST_KINDS)
        return false;
    uri += strlen(kinds[t->kind].scheme);
    size_t len = strcspn(uri, "/");
    if (len == 0 || len >= sizeof t->id)
        return false;
    memcpy(t->id, uri, len);
    t->id[len] = '\0';
    t->variant = MEDIA_ORIGINAL;
    if (!uri[len])
        return true;
    for (int v = MEDIA_THUMB; v < MEDIA_VARIANTS; v++)
        if (t->kind != KIND_OUTFIT && strcmp(uri + len + 1, variants[v]) == 0)
            t->variant = (enum media_variant)v;
    return t->variant != MEDIA_ORIGINAL;
}

static int put_json(struct tool_call *call, const char *uri, const struct target *t,
                    const char **media, struct json_writer *w, struct raum_error *error)
{
    struct wardrobe_row row; /* of any table: read if it is live and to be seen */
    struct buf text;
    buf_init(&text, TOOL_JSON_MAX);
    int rc = wardrobe_load_live(&row, call->scope, kinds[t->kind].table, t->id, error);
    bool consent;
    if (rc == 0 && t->kind == KIND_IMAGE &&
        (!json_bool(json_get(json_get(row.root, "usage"), "aiReference"), &consent) || !consent))
        rc = RAUM_ENOT_FOUND; /* as if it were not there (G-P1) */
    *media = rc ? NULL : json_str(json_get(row.root, "mediaId"), call->arena);
    if (rc == 0 && t->kind == KIND_OUTFIT)
        rc = outfits_json(call->scope, t->id, &text, error);
    else if (rc == 0)
        buf_add(&text, buf_text(&row.text), row.text.len);
    if (rc == 0 && t->variant == MEDIA_ORIGINAL) {
        json_open_object(w);
        json_put_key(w, "uri");
        json_put_str(w, uri);
        json_put_key(w, "mimeType");
        json_put_str(w, "application/json");
        json_put_key(w, "text");
        json_put_text(w, buf_text(&text), text.len);
        json_close_object(w);
    }
    wardrobe_release(&row);
    buf_release(&text);
    return rc;
}

static int put_bytes(struct tool_call *call, const char *uri, const char *media,
                     enum media_variant variant, struct json_writer *w, struct raum_error *error)
{
    void *data = NULL;
    size_t len;
    const char *type;
    int rc = tool_media_may(call, media, error);
    if (rc == 0)
        rc = call->media->read(call->media->ctx, call, media, variant, &data, &len, &type, error);
    if (rc)
        return rc == RAUM_ECONSENT_REQUIRED ? RAUM_ENOT_FOUND : rc;
    json_open_object(w);
    json_put_key(w, "uri");
    json_put_str(w, uri);
    json_put_key(w, "mimeType");
    json_put_str(w, type);
    json_put_key(w, "blob");
    tool_put_base64(w, data, len);
    json_close_object(w);
    free(data);
    return 0;
}

int resources_read(struct tool_call *call, const char *uri, struct json_writer *contents,
                   struct raum_error *error)
{
    struct target t;
    const char *media = NULL;
    if (!read_uri(uri, &t))
        return err_at(error, "tools", RAUM_ENOT_FOUND, NULL);
    int rc = put_json(call, uri, &t, &media, contents, error);
    if (rc)
        return rc;
    bool named = t.variant != MEDIA_ORIGINAL;
    if (!media || !call->media)
        return named ? RAUM_ENOT_FOUND : 0;
    const char *at = named ? uri : arena_printf(call->arena, "%s/medium", uri);
    rc = put_bytes(call, at ? at : uri, media, named ? t.variant : MEDIA_MEDIUM, contents, error);
    return rc == RAUM_ENOT_FOUND && !named ? 0 : rc; /* bytes that are not on this device */
}

/* ---- live ---- */

static void seen(void *arg, const struct raum_watch_event *e)
{
    struct host_watch *w = arg;
    struct tools_host *h = w->host;
    int kind = (int)(w - h->watches);
    char uri[RAUM_ID_MAX + 32];
    switch (e->kind) {
    case RAUM_WATCH_INSERT:
    case RAUM_WATCH_DELETE:
        w->moved = w->primed;
        break;
    case RAUM_WATCH_END:
        if (w->moved)
            h->changed(h->changed_arg, MCP_RESOURCES_CHANGED, NULL);
        w->primed = true;
        w->moved = false;
        return;
    case RAUM_WATCH_RESET:
    case RAUM_WATCH_UPDATE:
    case RAUM_WATCH_BEGIN:
    case RAUM_WATCH_MOVE:
    case RAUM_WATCH_NOT_READY:
        break;
    }
    if (!w->primed || (e->kind != RAUM_WATCH_UPDATE && e->kind != RAUM_WATCH_DELETE))
        return;
    snprintf(uri, sizeof uri, "%s%s", kinds[kind].scheme, e->key);
    h->changed(h->changed_arg, MCP_RESOURCE, uri);
}

int resources_watch(struct tools_host *h, struct raum_error *error)
{
    struct buf sql;
    int rc = 0;
    buf_init(&sql, 1 << 16);
    for (int i = 0; rc == 0 && i < HOST_KINDS; i++) {
        if (h->watches[i].watch || !scope_has(h->base.scope, schema_table(kinds[i].table)))
            continue;
        buf_reset(&sql);
        h->watches[i] = (struct host_watch){.host = h};
        rc = kind_sql(h->base.scope, i, &sql, error);
        if (rc == 0)
            rc = raum_watch_new(h->base.scope, buf_text(&sql), seen, &h->watches[i],
                                &h->watches[i].watch, error);
    }
    buf_release(&sql);
    return rc;
}

/* ---- completion ---- */

int resources_complete(struct tool_call *call, const char *ref, const char *argument,
                       const char *value, struct json_writer *values, int *total,
                       struct raum_error *error)
{
    struct raum_query *q = NULL;
    int kind = 0, rc;
    while (kind < HOST_KINDS && strncmp(ref, kinds[kind].scheme, strlen(kinds[kind].scheme)) != 0)
        kind++;
    if (kind == HOST_KINDS)
        return err_at(error, "tools", RAUM_EUSAGE, "Invalid params: no such template");
    for (int v = MEDIA_THUMB; strcmp(argument, "variant") == 0 && v < MEDIA_VARIANTS; v++)
        complete_value(values, total, variants[v], value);
    if (strcmp(argument, "id") != 0)
        return 0;
    rc = kind_query(call->scope, kind, &q, error);
    while (rc == 0 && (rc = raum_query_step(q, error)) == 0) {
        const char *id = raum_query_text(q, 0, NULL);
        if (id)
            complete_value(values, total, id, value);
    }
    raum_query_free(q);
    return rc == RAUM_END ? 0 : rc;
}
