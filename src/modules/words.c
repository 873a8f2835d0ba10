#include "modules/words.h"

#include <string.h>

int words_insert(struct raum_handle *h, const char *table, const struct words_field *fields,
                 int count, const char *raw, char id[RAUM_ID_MAX], struct raum_error *error)
{
    struct buf json;
    struct json_writer w;
    buf_init(&json, WORDS_JSON_MAX);
    json_begin(&w, &json);
    json_open_object(&w);
    for (int i = 0; i < count; i++)
        if (fields[i].text) {
            json_put_key(&w, fields[i].key);
            json_put_str(&w, fields[i].text);
        }
    json_close_object(&w);
    if (raw && json.len > 1 && !json.error) {
        json.len--; /* the closing brace */
        buf_printf(&json, "%s%s}", json.len > 1 ? "," : "", raw);
    }
    int rc = buf_error(&json, error);
    if (rc == 0)
        rc = store_insert_text(h, table, buf_text(&json), json.len, id, error);
    buf_release(&json);
    return rc;
}

int words_find(struct raum_handle *h, const char *sql, const char *first, const char *second,
               char out[RAUM_ID_MAX], struct raum_error *error)
{
    struct raum_query *q = NULL;
    int rc = query_view(h, sql, &q, error);
    if (rc)
        return rc;
    if (first)
        raum_query_bind_text(q, 1, first, strlen(first));
    if (second)
        raum_query_bind_text(q, 2, second, strlen(second));
    rc = raum_query_step(q, error);
    size_t len = 0;
    const char *text = rc == 0 ? raum_query_text(q, 0, &len) : NULL;
    if (text && len < RAUM_ID_MAX) {
        memcpy(out, text, len);
        out[len] = '\0';
    } else if (rc == 0 || rc == RAUM_END) {
        rc = err_at(error, "modules", RAUM_ENOT_FOUND, NULL);
    }
    raum_query_free(q);
    return rc;
}

void words_quote(struct buf *out, const char *text)
{
    buf_char(out, '\'');
    for (; *text; text++) {
        if (*text == '\'')
            buf_char(out, '\'');
        buf_char(out, *text);
    }
    buf_char(out, '\'');
}
