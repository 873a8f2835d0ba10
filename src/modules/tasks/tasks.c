#include "modules/tasks/tasks.h"

#include "modules/words.h"
#include <stdio.h>
#include <string.h>

static int check(const struct tasks_new *add, struct raum_error *error)
{
    uint64_t at;
    if (!*add->title)
        return err_at(error, "tasks", RAUM_EUSAGE, "a task needs a title");
    if (add->due && clock_parse_date(add->due, strlen(add->due)) != 0 &&
        clock_parse(add->due, strlen(add->due), &at) != 0)
        return err_at(error, "tasks", RAUM_EUSAGE, "due is a day like 2026-04-30");
    return 0;
}

/* The id follows from task and tag, so that two devices that tag alike write the same row. */
static int add_tag(struct raum_handle *h, const char *task, const char *tag,
                   struct raum_error *error)
{
    char name[2 * RAUM_ID_MAX + 16], derived[ID_TEXT], made[RAUM_ID_MAX];
    int len = snprintf(name, sizeof name, "taskTag:%s:%s", task, tag);
    id_derive(h->raum->env, name, (size_t)len, derived);
    const struct words_field fields[] = {{"id", derived}, {"taskId", task}, {"tagId", tag}};
    int rc = words_insert(h, "taskTags", fields, 3, NULL, made, error);
    return rc == RAUM_EEXISTS ? 0 : rc;
}

static bool given_before(const struct tasks_new *add, int at)
{
    for (int i = 0; i < at; i++)
        if (strcmp(add->tags[i], add->tags[at]) == 0)
            return true;
    return false;
}

int tasks_add(struct raum_handle *h, const struct tasks_new *add, char id[RAUM_ID_MAX],
              struct raum_error *error)
{
    const struct words_field fields[] = {{"title", add->title}, {"dueDate", add->due}};
    int rc = check(add, error);
    if (rc == 0)
        rc = replica_begin(h->raum, error);
    if (rc)
        return rc;
    rc = words_insert(h, "tasks", fields, 2, NULL, id, error);
    for (int i = 0; rc == 0 && i < add->tag_count; i++)
        if (!given_before(add, i))
            rc = add_tag(h, id, add->tags[i], error);
    return replica_end(h->raum, rc, error);
}

int tasks_query(struct raum_handle *h, bool all, struct raum_query **out, struct raum_error *error)
{
    return query_view(
        h,
        all ? "SELECT id, title, isCompleted, dueDate, priority, createdAt FROM tasks "
              "ORDER BY isCompleted, createdAt DESC, id DESC"
            : "SELECT id, title, isCompleted, dueDate, priority, createdAt FROM tasks "
              "WHERE isCompleted = 0 ORDER BY createdAt DESC, id DESC",
        out, error);
}

int tasks_tags(struct raum_handle *h, const char *id, struct buf *out, struct raum_error *error)
{
    struct raum_query *q = NULL;
    struct json_writer w;
    int rc = query_view(h,
                        "SELECT t.name AS name FROM taskTags l JOIN tags t ON t.id = l.tagId "
                        "WHERE l.taskId = ?1 ORDER BY t.sortOrder, t.id",
                        &q, error);
    if (rc)
        return rc;
    raum_query_bind_text(q, 1, id, strlen(id));
    json_begin(&w, out);
    json_open_array(&w);
    while ((rc = raum_query_step(q, error)) == 0) {
        size_t len = 0;
        const char *name = raum_query_text(q, 0, &len);
        json_put_text(&w, name ? name : "", len);
    }
    json_close_array(&w);
    raum_query_free(q);
    return rc == RAUM_END ? buf_error(out, error) : rc;
}

int tasks_tags_query(struct raum_handle *h, const char *ids, size_t len, struct raum_query **out,
                     struct raum_error *error)
{
    int rc = query_view(h,
                        "SELECT i.key AS at, t.name AS name FROM json_each(?1) i "
                        "CROSS JOIN taskTags l ON l.taskId = i.value "
                        "CROSS JOIN tags t ON t.id = l.tagId ORDER BY i.key, t.sortOrder, t.id",
                        out, error);
    return rc ? rc : raum_query_bind_text(*out, 1, ids, len);
}

int tasks_done(struct raum_handle *h, const char *id, bool done, struct raum_error *error)
{
    static const char yes[] = "{\"isCompleted\":true}", no[] = "{\"isCompleted\":false}";
    return store_update_text(h, "tasks", id, done ? yes : no, strlen(done ? yes : no), error);
}

int tasks_delete(struct raum_handle *h, const char *id, struct raum_error *error)
{
    return store_delete(h, "tasks", id, error);
}
