/* Arguments in, rows out: what every tool does the same way. */
#include "modules/uses.h"
#include "tools/inside.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *arg_text(struct tool_call *call, struct json_value args, const char *key)
{
    return json_str(json_get(args, key), call->arena);
}

bool arg_flag(struct json_value args, const char *key, bool otherwise)
{
    bool value;
    return json_bool(json_get(args, key), &value) ? value : otherwise;
}

int arg_int(struct json_value args, const char *key, int otherwise)
{
    double value;
    return json_double(json_get(args, key), &value) ? (int)value : otherwise;
}

int arg_list(struct tool_call *call, struct json_value args, const char *key,
             const char *const **out, int *count, struct raum_error *error)
{
    struct json_value list = json_get(args, key);
    int n = 0;
    *out = NULL;
    *count = -1;
    if (!list.doc)
        return 0;
    const char **texts = arena_alloc(call->arena, (json_count(list) + 1) * sizeof *texts);
    if (!texts)
        return err_set(error, RAUM_ENOMEM, NULL);
    for (struct json_value v = json_first(list); v.doc; v = json_next(list, v)) {
        texts[n] = json_str(v, call->arena);
        if (!texts[n++])
            return err_at(error, "tools", RAUM_EUSAGE, "%s: no text that can be used", key);
    }
    *out = texts;
    *count = n;
    return 0;
}

/* ---- pages; a cursor is "ROWS:ID" of the last row ---- */

static int bad_cursor(struct raum_error *error)
{
    return err_at(error, "tools", RAUM_EUSAGE, "cursor: none of ours");
}

static bool same_id(const struct raum_query *q, const char *id)
{
    size_t len;
    const char *text = raum_query_text(q, 0, &len);
    return text && len == strlen(id) && memcmp(text, id, len) == 0;
}

/* Behind the row with this id; false if it has gone. */
static int seek(struct page *p, const char *id, bool *found, struct raum_error *error)
{
    int rc;
    *found = false;
    while (!*found && (rc = raum_query_step(p->q, error)) == 0) {
        p->at++;
        *found = same_id(p->q, id);
    }
    return *found || rc == RAUM_END ? 0 : rc;
}

int page_begin(struct page *p, struct raum_query *q, int limit, const char *cursor,
               struct raum_error *error)
{
    bool found = true;
    char *end = NULL;
    *p = (struct page){.q = q, .limit = limit};
    if (!cursor)
        return 0;
    long long rows = *cursor >= '0' && *cursor <= '9' ? strtoll(cursor, &end, 10) : -1;
    if (rows < 0 || *end != ':' || !end[1] || strlen(end + 1) >= RAUM_ID_MAX)
        return bad_cursor(error);
    int rc = seek(p, end + 1, &found, error);
    if (rc || found)
        return rc;
    query_reset(q);
    for (p->at = 0; rc == 0 && p->at < rows - 1; p->at++)
        rc = raum_query_step(q, error);
    return rc == RAUM_END ? 0 : rc;
}

int page_next(struct page *p, struct raum_error *error)
{
    size_t len;
    int rc = raum_query_step(p->q, error);
    if (rc)
        return rc;
    if (p->taken == p->limit) {
        p->more = true;
        return RAUM_END;
    }
    const char *id = raum_query_text(p->q, 0, &len);
    if (!id || len >= sizeof p->last)
        return err_at(error, "tools", RAUM_EINTERNAL, "a row without an id");
    memcpy(p->last, id, len);
    p->last[len] = '\0';
    p->at++;
    p->taken++;
    return 0;
}

void page_skip(struct page *p)
{
    p->taken--;
}

void page_cursor(const struct page *p, char *out, size_t size)
{
    *out = '\0';
    if (p->more)
        snprintf(out, size, "%lld:%s", (long long)p->at, p->last);
}

void page_put_cursor(const struct page *p, struct json_writer *w)
{
    char cursor[RAUM_ID_MAX + 32];
    page_cursor(p, cursor, sizeof cursor);
    if (!*cursor)
        return;
    json_put_key(w, "nextCursor");
    json_put_str(w, cursor);
}

void page_end(struct page *p)
{
    raum_query_free(p->q);
    p->q = NULL;
}

/* ---- columns ---- */

void put_column(struct json_writer *w, const char *key, const struct raum_query *q, int at)
{
    size_t len = 0;
    const char *text;
    json_put_key(w, key);
    switch (raum_query_type(q, at)) {
    case RAUM_INTEGER:
        json_put_int(w, raum_query_int(q, at));
        return;
    case RAUM_REAL:
        json_put_double(w, raum_query_real(q, at));
        return;
    case RAUM_TEXT:
        text = raum_query_text(q, at, &len);
        json_put_text(w, text ? text : "", len);
        return;
    case RAUM_NULL:
    case RAUM_BLOB:
        break;
    }
    json_put_null(w);
}

void put_column_json(struct json_writer *w, const char *key, const struct raum_query *q, int at)
{
    struct json_doc doc;
    size_t len = 0;
    const char *text = raum_query_text(q, at, &len);
    json_put_key(w, key);
    json_init(&doc);
    if (text && json_parse(&doc, text, len, 0, NULL) == 0)
        json_put_value(w, json_root(&doc));
    else
        json_put_null(w);
    json_release(&doc);
}

void put_column_flag(struct json_writer *w, const char *key, const struct raum_query *q, int at)
{
    json_put_key(w, key);
    json_put_bool(w, raum_query_int(q, at) != 0);
}

/* ---- pictures ---- */

int tool_media_may(struct tool_call *call, const char *media, struct raum_error *error)
{
    struct raum_query *q = NULL;
    bool shown = false;
    int rc = query_view(call->scope,
                        "SELECT min(m.\"usage.aiReference\") FROM meImages m WHERE m.mediaId = ?1",
                        &q, error);
    if (rc)
        return rc;
    raum_query_bind_text(q, 1, media, strlen(media));
    rc = raum_query_step(q, error);
    bool known = rc == 0 && raum_query_type(q, 0) != RAUM_NULL;
    bool consent = known && raum_query_int(q, 0) != 0;
    raum_query_free(q);
    if (rc == 0 && known && !consent)
        return err_at(error, "tools", RAUM_ECONSENT_REQUIRED, NULL);
    if (rc == 0 && !known)
        rc = uses_shown(call->scope, media, &shown, error);
    if (rc == 0 && !known && !shown)
        rc = err_at(error, "tools", RAUM_ENOT_FOUND, "no such picture in this space");
    return rc;
}

int tool_media_pictures(void *ctx, struct tool_call *call, const char *media,
                        enum media_variant variant, void **data, size_t *len, const char **type,
                        struct raum_error *error)
{
    enum media_type is;
    int rc = pictures_read(ctx, call->scope->space, media, variant, data, len, &is, error);
    *type = rc ? NULL : media_mime(is);
    return rc;
}

bool same_word(const char *a, const char *b)
{
    while (*a && tolower((unsigned char)*a) == tolower((unsigned char)*b))
        a++, b++;
    return *a == *b;
}
