/* One exchange: a request of the wire, and its answer. */
#include "server/relay/inside.h"

static void put_retract(struct json_writer *w, const struct relay_retract *r)
{
    json_open_object(w);
    if (r->app) {
        json_put_key(w, "app");
        json_put_str(w, r->app);
    }
    json_put_key(w, "table");
    json_put_str(w, r->table);
    json_put_key(w, "id");
    json_put_str(w, r->id);
    json_put_key(w, "spaceId");
    json_put_str(w, r->space);
    json_close_object(w);
}

/* The wire's answer, with what is still to come and what is withdrawn beside it when there is any.
 */
static void put_answer(struct buf *out, const struct relay_page *page)
{
    struct json_writer w;
    json_begin(&w, out);
    wire_put_answer(&w, &page->answer);
    if (page->behind > 0 && out->len > 0) {
        out->len--;
        buf_printf(out, ",\"behind\":%lld}", (long long)page->behind);
    }
    if (page->retract_count == 0 || out->len == 0)
        return;
    struct buf list;
    buf_init(&list, out->max);
    json_begin(&w, &list);
    json_open_array(&w);
    for (uint32_t i = 0; i < page->retract_count; i++)
        put_retract(&w, &page->retracts[i]);
    json_close_array(&w);
    if (buf_error(&list, NULL) == 0) {
        out->len--; /* the closing brace moves behind it */
        buf_str(out, ",\"retracts\":");
        buf_add(out, buf_text(&list), list.len);
        buf_char(out, '}');
    }
    buf_release(&list);
}

int relay_exchange(struct relay *r, const struct relay_caller *who, const struct json_doc *doc,
                   const char *space, struct arena *a, struct buf *out,
                   struct relay_written **written, uint32_t *count, struct raum_error *error)
{
    struct relay_caller caller = *who;
    struct wire_request q;
    struct relay_page page = {0};
    int result = wire_read_request(doc, a, &q, error);
    *written = NULL;
    *count = 0;
    if (result < 0)
        return result;
    if (q.client)
        caller.client = q.client;
    if (!caller.client)
        return err_at(error, "relay", RAUM_EBAD_CHANGE, "clientId is missing");
    if (caller.app)
        relay_older_request(&q, caller.app);
    struct wire_result *results = arena_zero(a, ((size_t)q.count + 1) * sizeof *results);
    if (!results)
        return err_set(error, RAUM_ENOMEM, NULL);
    result = relay_push(r, &caller, &q, a, results, written, count, error);
    if (result == 0)
        result = relay_pull(r, &caller, q.since, space, a, &page, error);
    if (result == 0)
        result = relay_beaten(r, &caller, &q, results, a, &page.answer, error);
    if (result == 0 && caller.app)
        result = relay_older_page(r, &caller, a, &page, error);
    if (result < 0)
        return result;
    page.answer.results = results;
    page.answer.result_count = q.count;
    put_answer(out, &page);
    return buf_error(out, error);
}

int relay_pull_json(struct relay *r, const struct relay_caller *who, const char *since,
                    struct arena *a, struct buf *out, struct raum_error *error)
{
    struct relay_page page;
    int result = relay_pull(r, who, since, NULL, a, &page, error);
    if (result == 0 && who->app)
        result = relay_older_page(r, who, a, &page, error);
    if (result < 0)
        return result;
    put_answer(out, &page);
    return buf_error(out, error);
}
