/* Tools over the space itself, its tags, tasks and scenes. */
#include "engine/intern.h"
#include "modules/scenes/scenes.h"
#include "modules/tags/tags.h"
#include "modules/tasks/tasks.h"
#include "schema/rights.h"
#include "schema/schema.h"
#include "tools/inside.h"
#include <string.h>

static const char *role_name(int role)
{
    switch (role) {
    case ROLE_OWNER:
        return "owner";
    case ROLE_ADMIN:
        return "admin";
    case ROLE_MEMBER:
        return "member";
    default:
        return "none";
    }
}

int tool_space_current(struct tool_call *call, struct json_value args, struct tool_result *result,
                       struct raum_error *error)
{
    struct json_writer *w = result->out;
    const struct space *s = intern_space(call->scope->raum, call->scope->space);
    int rc = scope_there(call->scope, error);
    (void)args;
    if (rc == 0 && !s)
        rc = err_set(error, RAUM_ENOT_FOUND, NULL);
    if (rc)
        return rc;
    json_open_object(w);
    json_put_key(w, "id");
    json_put_str(w, s->id);
    json_put_key(w, "slug");
    json_put_str(w, s->slug);
    json_put_key(w, "name");
    json_put_str(w, s->name);
    json_put_key(w, "type");
    json_put_str(w, schema_space_type_name(s->type));
    json_put_key(w, "role");
    json_put_str(w, role_name(s->role));
    json_put_key(w, "onBehalfOf");
    json_put_str(w, call->scope->raum->account);
    json_put_key(w, "modules");
    json_open_array(w);
    for (int i = 0; i < MODULES; i++)
        if (schema_allowed(i, s->type))
            json_put_str(w, schema_module_name(i));
    json_close_array(w);
    json_close_object(w);
    return 0;
}

typedef int put_fn(struct tool_call *call, const struct raum_query *q, struct json_writer *w,
                   struct raum_error *error);

static int put_page(struct tool_call *call, struct json_value args, const char *key,
                    struct raum_query *q, put_fn *put, struct tool_result *result,
                    struct raum_error *error)
{
    struct page page;
    int rc = page_begin(&page, q, arg_int(args, "limit", PAGE_DEFAULT),
                        arg_text(call, args, "cursor"), error);
    json_open_object(result->out);
    json_put_key(result->out, key);
    json_open_array(result->out);
    while (rc == 0 && (rc = page_next(&page, error)) == 0)
        rc = put(call, page.q, result->out, error);
    json_close_array(result->out);
    page_put_cursor(&page, result->out);
    json_close_object(result->out);
    page_end(&page);
    return rc == RAUM_END ? 0 : rc;
}

/* ---- tags ---- */

static int put_tag(struct tool_call *call, const struct raum_query *q, struct json_writer *w,
                   struct raum_error *error)
{
    (void)call;
    (void)error;
    json_open_object(w);
    put_column(w, "id", q, 0);
    put_column(w, "name", q, 1);
    put_column(w, "color", q, 2);
    put_column(w, "groupId", q, 4);
    json_close_object(w);
    return 0;
}

int tool_tags_list(struct tool_call *call, struct json_value args, struct tool_result *result,
                   struct raum_error *error)
{
    struct raum_query *q = NULL;
    int rc = tags_query(call->scope, &q, error);
    return rc ? rc : put_page(call, args, "tags", q, put_tag, result, error);
}

static int put_made(struct json_writer *w, const char *id, const char *key, const char *text)
{
    json_open_object(w);
    json_put_key(w, "id");
    json_put_str(w, id);
    json_put_key(w, key);
    json_put_str(w, text);
    json_close_object(w);
    return 0;
}

int tool_tag_create(struct tool_call *call, struct json_value args, struct tool_result *result,
                    struct raum_error *error)
{
    char id[RAUM_ID_MAX], group[RAUM_ID_MAX];
    const char *name = arg_text(call, args, "name"), *in = arg_text(call, args, "group");
    int rc = raum_begin(call->scope->raum, error);
    if (rc)
        return rc;
    rc = in ? tags_group(call->scope, in, group, error) : 0;
    if (rc == 0)
        rc = tags_create(call->scope, name, arg_text(call, args, "color"), NULL, in ? group : NULL,
                         id, error);
    if (rc)
        raum_rollback(call->scope->raum);
    else
        rc = raum_commit(call->scope->raum, error);
    return rc ? rc : put_made(result->out, id, "name", name);
}

/* ---- tasks ---- */

/* A page of them: what is known of each before its tags are, one statement for all of them. */
struct tasks_page {
    struct buf rows;       /* the objects, open behind the key of the tags */
    size_t ends[PAGE_MAX]; /* where each ends there */
    struct buf ids;        /* a JSON list */
    struct buf row;        /* one that is put together */
    int count;
};

static int take_tasks(struct tasks_page *p, struct page *page, struct raum_error *error)
{
    struct json_writer ids, w;
    int rc;
    json_begin(&ids, &p->ids);
    json_open_array(&ids);
    while ((rc = page_next(page, error)) == 0 && p->count < PAGE_MAX) {
        size_t len;
        const char *id = raum_query_text(page->q, 0, &len);
        json_put_text(&ids, id, len);
        json_begin(&w, &p->rows);
        json_open_object(&w);
        put_column(&w, "id", page->q, 0);
        put_column(&w, "title", page->q, 1);
        put_column_flag(&w, "isCompleted", page->q, 2);
        put_column(&w, "dueDate", page->q, 3);
        put_column(&w, "createdAt", page->q, 5);
        json_put_key(&w, "tags");
        p->ends[p->count++] = p->rows.len;
    }
    json_close_array(&ids);
    if (rc == RAUM_END)
        rc = buf_error(&p->rows, error);
    return rc ? rc : buf_error(&p->ids, error);
}

/* `tags` stands at the first row of this task or a later one; `more` says whether at any. */
static int put_task(struct tasks_page *p, int at, struct raum_query *tags, bool *more,
                    struct json_writer *out, struct raum_error *error)
{
    struct json_writer w;
    size_t from = at ? p->ends[at - 1] : 0;
    int rc = 0;
    buf_reset(&p->row);
    buf_add(&p->row, buf_text(&p->rows) + from, p->ends[at] - from);
    json_begin(&w, &p->row);
    json_open_array(&w);
    while (rc == 0 && *more && raum_query_int(tags, 0) == at) {
        size_t len = 0;
        const char *name = raum_query_text(tags, 1, &len);
        json_put_text(&w, name ? name : "", len);
        rc = raum_query_step(tags, error);
        *more = rc == 0;
    }
    json_close_array(&w);
    buf_char(&p->row, '}');
    json_put_raw(out, buf_text(&p->row), p->row.len);
    return rc == RAUM_END || rc == 0 ? buf_error(&p->row, error) : rc;
}

static int put_tasks(struct tool_call *call, struct tasks_page *p, struct json_writer *out,
                     struct raum_error *error)
{
    struct raum_query *tags = NULL;
    int rc = tasks_tags_query(call->scope, buf_text(&p->ids), p->ids.len, &tags, error);
    if (rc == 0)
        rc = raum_query_step(tags, error);
    bool more = rc == 0;
    if (rc == RAUM_END)
        rc = 0;
    for (int i = 0; rc == 0 && i < p->count; i++)
        rc = put_task(p, i, tags, &more, out, error);
    raum_query_free(tags);
    return rc;
}

int tool_tasks_list(struct tool_call *call, struct json_value args, struct tool_result *result,
                    struct raum_error *error)
{
    struct raum_query *q = NULL;
    struct page page;
    struct tasks_page *p = arena_zero(call->arena, sizeof *p);
    int rc = p ? tasks_query(call->scope, arg_flag(args, "all", false), &q, error)
               : err_set(error, RAUM_ENOMEM, NULL);
    if (rc)
        return rc;
    buf_init(&p->rows, TOOL_JSON_MAX);
    buf_init(&p->ids, TOOL_JSON_MAX);
    buf_init(&p->row, TOOL_JSON_MAX);
    rc = page_begin(&page, q, arg_int(args, "limit", PAGE_DEFAULT), arg_text(call, args, "cursor"),
                    error);
    if (rc == 0)
        rc = take_tasks(p, &page, error);
    json_open_object(result->out);
    json_put_key(result->out, "tasks");
    json_open_array(result->out);
    if (rc == 0)
        rc = put_tasks(call, p, result->out, error);
    json_close_array(result->out);
    page_put_cursor(&page, result->out);
    json_close_object(result->out);
    page_end(&page);
    buf_release(&p->rows);
    buf_release(&p->ids);
    buf_release(&p->row);
    return rc;
}

int tool_task_create(struct tool_call *call, struct json_value args, struct tool_result *result,
                     struct raum_error *error)
{
    struct tasks_new add = {.title = arg_text(call, args, "title"),
                            .due = arg_text(call, args, "dueDate")};
    const char *const *names;
    char id[RAUM_ID_MAX], found[RAUM_ID_MAX];
    int rc = arg_list(call, args, "tags", &names, &add.tag_count, error);
    if (rc == 0 && add.tag_count < 0)
        add.tag_count = 0;
    const char **tags = arena_alloc(call->arena, ((size_t)add.tag_count + 1) * sizeof *tags);
    if (rc == 0 && !tags)
        rc = err_set(error, RAUM_ENOMEM, NULL);
    for (int i = 0; rc == 0 && i < add.tag_count; i++) {
        rc = tags_find(call->scope, names[i], found, error);
        if (rc == 0 && !(tags[i] = arena_str(call->arena, found)))
            rc = err_set(error, RAUM_ENOMEM, NULL);
    }
    add.tags = tags;
    if (rc == 0)
        rc = tasks_add(call->scope, &add, id, error);
    return rc ? rc : put_made(result->out, id, "title", add.title);
}

int tool_task_complete(struct tool_call *call, struct json_value args, struct tool_result *result,
                       struct raum_error *error)
{
    const char *id = arg_text(call, args, "id");
    bool done = arg_flag(args, "done", true);
    int rc = tasks_done(call->scope, id, done, error);
    if (rc)
        return rc;
    json_open_object(result->out);
    json_put_key(result->out, "id");
    json_put_str(result->out, id);
    json_put_key(result->out, "isCompleted");
    json_put_bool(result->out, done);
    json_close_object(result->out);
    return 0;
}

int tool_task_delete(struct tool_call *call, struct json_value args, struct tool_result *result,
                     struct raum_error *error)
{
    const char *id = arg_text(call, args, "id");
    int rc = tasks_delete(call->scope, id, error);
    if (rc)
        return rc;
    json_open_object(result->out);
    json_put_key(result->out, "id");
    json_put_str(result->out, id);
    json_put_key(result->out, "deleted");
    json_put_bool(result->out, true);
    json_close_object(result->out);
    return 0;
}

/* ---- scenes ---- */

static int put_scene(struct tool_call *call, const struct raum_query *q, struct json_writer *w,
                     struct raum_error *error)
{
    (void)call;
    (void)error;
    json_open_object(w);
    put_column(w, "id", q, 0);
    put_column(w, "name", q, 1);
    put_column(w, "description", q, 2);
    put_column_json(w, "openApps", q, 3);
    put_column_json(w, "scopeTagIds", q, 4);
    json_close_object(w);
    return 0;
}

int tool_scenes_list(struct tool_call *call, struct json_value args, struct tool_result *result,
                     struct raum_error *error)
{
    struct raum_query *q = NULL;
    int rc = scenes_query(call->scope, &q, error);
    return rc ? rc : put_page(call, args, "scenes", q, put_scene, result, error);
}
