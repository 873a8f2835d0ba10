#include "modules/wardrobe/wardrobe.h"

#include "base/utf8.h"
#include "engine/store.h"
#include "modules/words.h"
#include <stdio.h>
#include <string.h>

#define ARENA_MAX ((size_t)16 << 20)

const char *const *wardrobe_choices(const char *table, const char *field)
{
    return schema_field(schema_table(table), field, strlen(field))->choices;
}

int wardrobe_check_word(const char *table, const char *field, const char *word,
                        struct raum_error *error)
{
    const char *const *choices = wardrobe_choices(table, field);
    char list[200] = "";
    size_t len = 0;
    if (!word)
        return 0;
    for (; *choices; choices++) {
        if (strcmp(*choices, word) == 0)
            return 0;
        if (len < sizeof list)
            len += (size_t)snprintf(list + len, sizeof list - len, " %s", *choices);
    }
    return err_at(error, "wardrobe", RAUM_EUSAGE, "%s is one of:%s", field, list);
}

int wardrobe_check_name(const char *name, struct raum_error *error)
{
    if (name && (!*name || utf8_count(name, strlen(name)) > WARDROBE_NAME_MAX))
        return err_at(error, "wardrobe", RAUM_EUSAGE, "a name has 1 to %d characters",
                      WARDROBE_NAME_MAX);
    return 0;
}

int wardrobe_check_tags(int count, struct raum_error *error)
{
    return count <= WARDROBE_TAGS_MAX
               ? 0
               : err_at(error, "wardrobe", RAUM_EUSAGE, "at most %d tags", WARDROBE_TAGS_MAX);
}

void wardrobe_put(struct json_writer *w, const char *key, const char *text)
{
    if (!text)
        return;
    json_put_key(w, key);
    json_put_str(w, *text ? text : NULL);
}

void wardrobe_put_list(struct json_writer *w, const char *key, const char *const *words, int count)
{
    if (count < 0)
        return;
    json_put_key(w, key);
    json_open_array(w);
    for (int i = 0; i < count; i++)
        if (*words[i])
            json_put_str(w, words[i]);
    json_close_array(w);
}

static int copy_id(char out[RAUM_ID_MAX], const char *id, struct raum_error *error)
{
    if (strlen(id) >= RAUM_ID_MAX)
        return err_at(error, "wardrobe", RAUM_ENOT_FOUND, NULL);
    memcpy(out, id, strlen(id) + 1);
    return 0;
}

int wardrobe_find(struct raum_handle *h, const char *table, const char *id_or_name,
                  char id[RAUM_ID_MAX], struct raum_error *error)
{
    struct raum_query *q = NULL;
    char sql[200], found[RAUM_ID_MAX] = "";
    int count = 0;
    snprintf(sql, sizeof sql,
             "SELECT id, id = ?1 AS exact FROM %s WHERE id = ?1 OR lower(name) = lower(?1) "
             "ORDER BY exact DESC LIMIT 2",
             schema_table(table)->name);
    int rc = query_view(h, sql, &q, error);
    if (rc)
        return rc;
    raum_query_bind_text(q, 1, id_or_name, strlen(id_or_name));
    while ((rc = raum_query_step(q, error)) == 0) {
        if (count++ == 0)
            snprintf(found, sizeof found, "%s", raum_query_text(q, 0, NULL));
        if (raum_query_int(q, 1)) {
            rc = RAUM_END;
            break;
        }
    }
    raum_query_free(q);
    if (rc != RAUM_END)
        return rc;
    if (count > 1)
        return err_at(error, "wardrobe", RAUM_EUSAGE,
                      "several are called %.80s: say which by its id", id_or_name);
    return copy_id(id, count ? found : id_or_name, error);
}

int wardrobe_load(struct wardrobe_row *row, struct raum_handle *h, const char *table,
                  const char *id, struct raum_error *error)
{
    buf_init(&row->text, WARDROBE_JSON_MAX);
    json_init(&row->doc);
    arena_init(&row->arena, ARENA_MAX);
    int rc = store_get(h, table, id, true, &row->text, error);
    if (rc == 0)
        rc = json_parse(&row->doc, buf_text(&row->text), row->text.len, 0, error);
    if (rc)
        return rc;
    row->root = json_root(&row->doc);
    row->deleted = json_is(json_get(row->root, "deletedAt"), JSON_STRING);
    row->is_private = json_equals(json_get(row->root, "visibility"), "private");
    return 0;
}

int wardrobe_load_live(struct wardrobe_row *row, struct raum_handle *h, const char *table,
                       const char *id, struct raum_error *error)
{
    int rc = wardrobe_load(row, h, table, id, error);
    if (rc == 0 && row->deleted)
        rc = err_at(error, "wardrobe", RAUM_ENOT_FOUND, "%s has no row %s here", table, id);
    return rc;
}

void wardrobe_release(struct wardrobe_row *row)
{
    buf_release(&row->text);
    json_release(&row->doc);
    arena_release(&row->arena);
}

int wardrobe_list(struct wardrobe_row *row, const char *key, const char ***out, int *count,
                  struct raum_error *error)
{
    struct json_value list = json_get(row->root, key);
    *count = 0;
    *out = arena_alloc(&row->arena, (json_count(list) + 1) * sizeof **out);
    if (!*out)
        return err_set(error, RAUM_ENOMEM, NULL);
    if (!json_is(list, JSON_ARRAY))
        return 0;
    for (struct json_value v = json_first(list); v.doc; v = json_next(list, v)) {
        const char *text = json_str(v, &row->arena);
        if (text)
            (*out)[(*count)++] = text;
    }
    return 0;
}

int wardrobe_flag(struct raum_handle *h, const char *table, const char *id, const char *field,
                  bool on, struct raum_error *error)
{
    char json[64];
    int len = snprintf(json, sizeof json, "{\"%s\":%s}", field, on ? "true" : "false");
    return store_update_text(h, table, id, json, (size_t)len, error);
}
