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

int relay_exchange_read(struct relay_exchange *x, const struct relay_caller *who,
                        const struct json_doc *doc, struct arena *a, struct raum_error *error)
{
    *x = (struct relay_exchange){.who = *who};
    int result = wire_read_request(doc, a, &x->request, error);
    if (result < 0)
        return result;
    if (x->request.client)
        x->who.client = x->request.client;
    if (!x->who.client)
        return err_at(error, "relay", RAUM_EBAD_CHANGE, "clientId is missing");
    if (x->who.app)
        relay_older_request(&x->request, x->who.app);
    x->results = arena_zero(a, ((size_t)x->request.count + 1) * sizeof *x->results);
    return x->results ? 0 : err_set(error, RAUM_ENOMEM, NULL);
}

int relay_exchange_push(struct relay *r, struct relay_exchange *x, struct arena *a,
                        struct raum_error *error)
{
    return relay_push(r, &x->who, &x->request, a, x->results, &x->written, &x->count, error);
}

int relay_exchange_answer(struct relay *r, const struct relay_exchange *x, const char *space,
                          struct arena *a, struct buf *out, struct raum_error *error)
{
    struct relay_page page = {0};
    int result = relay_pull_behind(r, &x->who, x->request.since, space, x->written, x->count, a,
                                   &page, error);
    if (result == 0)
        result = relay_beaten(r, &x->who, &x->request, x->results, a, &page.answer, error);
    if (result == 0 && x->who.app)
        result = relay_older_page(r, &x->who, a, &page, error);
    if (result < 0)
        return result;
    page.answer.results = x->results;
    page.answer.result_count = x->request.count;
    put_answer(out, &page);
    return buf_error(out, error);
}

int relay_exchange(struct relay *r, const struct relay_caller *who, const struct json_doc *doc,
                   const char *space, struct arena *a, struct buf *out,
                   struct relay_written **written, uint32_t *count, struct raum_error *error)
{
    struct relay_exchange x;
    int result = relay_exchange_read(&x, who, doc, a, error);
    if (result == 0)
        result = relay_exchange_push(r, &x, a, error);
    *written = x.written;
    *count = x.count;
    return result ? result : relay_exchange_answer(r, &x, space, a, out, error);
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
