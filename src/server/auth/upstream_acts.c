#include "server/auth/upstream.h"
#include "server/auth/upstream_inside.h"
#include "server/url.h"
#include <string.h>

static int post(struct call *c, const char *path, const struct buf *body,
                struct client_answer *answer)
{
    *answer = (struct client_answer){0};
    int rc = buf_error(body, &c->error);
    if (rc)
        return rc;
    struct ask q = {.method = "POST",
                    .path = path,
                    .type = "application/json",
                    .body = body->data,
                    .len = body->len,
                    .timeout_ms = UPSTREAM_LOAD_MS};
    rc = asker_run(upstream_asker(c->server->upstream), c, &q, answer);
    upstream_forget(c, false);
    if (rc == RAUM_EUNREACHABLE || rc == RAUM_ETOO_LARGE)
        return upstream_failed(c, c->error.text, 0);
    if (rc == 0 && (answer->status == 401 || answer->status == 403))
        return err_set(&c->error, RAUM_ENOT_ALLOWED, "the auth server refuses it");
    if (rc == 0 && answer->status != 200 && answer->status != 400)
        return upstream_failed(c, path, answer->status);
    return rc;
}

int upstream_set_image(struct call *c, const char *url)
{
    struct client_answer answer;
    struct json_writer w;
    struct buf body;
    buf_init(&body, 8192);
    json_begin(&w, &body);
    json_open_object(&w);
    json_put_key(&w, "image");
    json_put_str(&w, url);
    json_close_object(&w);
    int rc = post(c, "/update-user", &body, &answer);
    if (rc == 0 && answer.status != 200)
        rc = upstream_failed(c, "/update-user", answer.status);
    client_answer_release(&answer);
    buf_release(&body);
    return rc;
}

static void put_text(struct json_writer *w, const char *key, const char *text)
{
    json_put_key(w, key);
    json_put_str(w, text);
}

/* The id of the organization in an answer to create. */
static int read_made(struct call *c, const struct client_answer *answer, const char **id)
{
    struct json_doc doc;
    json_init(&doc);
    int rc = json_parse(&doc, buf_text(&answer->body), answer->body.len, JSON_LONE, &c->error);
    if (rc == 0 && answer->status == 200)
        *id = json_str(json_get(json_root(&doc), "id"), c->arena);
    else if (rc == 0 &&
             json_equals(json_get(json_root(&doc), "code"), "ORGANIZATION_ALREADY_EXISTS"))
        rc = err_set(&c->error, RAUM_EEXISTS, "the slug is taken");
    json_release(&doc);
    if (rc == RAUM_EEXISTS || rc == RAUM_ENOMEM)
        return rc;
    return rc || !*id ? upstream_failed(c, "organization/create", answer->status) : 0;
}

int upstream_make_space(struct call *c, const char *name, const char *slug, const char *type,
                        const char *local_id, const char **id)
{
    struct client_answer answer;
    struct json_writer w;
    struct buf body;
    *id = NULL;
    buf_init(&body, 64 * 1024);
    json_begin(&w, &body);
    json_open_object(&w);
    put_text(&w, "name", name);
    put_text(&w, "slug", slug);
    json_put_key(&w, "keepCurrentActiveOrganization");
    json_put_bool(&w, true);
    json_put_key(&w, "metadata");
    json_open_object(&w);
    put_text(&w, "type", type);
    put_text(&w, "localId", local_id);
    json_close_object(&w);
    json_close_object(&w);
    int rc = post(c, "/organization/create", &body, &answer);
    if (rc == 0)
        rc = read_made(c, &answer, id);
    client_answer_release(&answer);
    buf_release(&body);
    return rc;
}

int upstream_delete_space(struct call *c, const char *id)
{
    struct client_answer answer;
    struct json_writer w;
    struct buf body;
    buf_init(&body, 4096);
    json_begin(&w, &body);
    json_open_object(&w);
    put_text(&w, "organizationId", id);
    json_close_object(&w);
    int rc = post(c, "/organization/delete", &body, &answer);
    if (rc == 0)
        upstream_forget(c, true); /* it was others' too */
    if (rc == 0 && answer.status != 200)
        rc = err_set(&c->error, RAUM_ENOT_FOUND, NULL);
    client_answer_release(&answer);
    buf_release(&body);
    return rc;
}

static void put_copy(struct json_writer *w, const char *key, struct json_value from,
                     const char *name)
{
    json_put_key(w, key);
    json_put_value(w, json_get(from, name));
}

static void put_members(struct json_writer *w, struct json_value list)
{
    json_open_array(w);
    for (struct json_value v = json_first(list); v.doc; v = json_next(list, v)) {
        struct json_value user = json_get(v, "user");
        json_open_object(w);
        put_copy(w, "id", v, "id");
        put_copy(w, "userId", v, "userId");
        put_copy(w, "name", user, "name");
        put_copy(w, "email", user, "email");
        put_copy(w, "image", user, "image");
        put_copy(w, "role", v, "role");
        put_copy(w, "createdAt", v, "createdAt");
        json_close_object(w);
    }
    json_close_array(w);
}

int upstream_put_members(struct call *c, const char *space, struct json_writer *w)
{
    struct client_answer answer = {0};
    struct json_doc doc;
    struct buf path;
    json_init(&doc);
    buf_init(&path, 1024);
    buf_str(&path, "/organization/list-members?limit=1000&organizationId=");
    url_encode(&path, space);
    struct ask q = {.method = "GET", .path = buf_text(&path), .timeout_ms = UPSTREAM_LOAD_MS};
    int rc = buf_error(&path, &c->error);
    if (rc == 0)
        rc = asker_run(upstream_asker(c->server->upstream), c, &q, &answer);
    if (rc == RAUM_EUNREACHABLE || rc == RAUM_ETOO_LARGE)
        rc = upstream_failed(c, c->error.text, 0);
    if (rc == 0 && answer.status == 403)
        rc = err_set(&c->error, RAUM_ENOT_FOUND, NULL);
    else if (rc == 0 && answer.status != 200)
        rc = upstream_failed(c, "organization/list-members", answer.status);
    if (rc == 0)
        rc = json_parse(&doc, buf_text(&answer.body), answer.body.len, JSON_LONE, &c->error);
    if (rc == RAUM_EBAD_JSON)
        rc = upstream_failed(c, "organization/list-members", 200);
    if (rc == 0)
        put_members(w, json_get(json_root(&doc), "members"));
    json_release(&doc);
    client_answer_release(&answer);
    buf_release(&path);
    return rc;
}
