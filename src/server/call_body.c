#include "server/call_body.h"
#include "server/auth/auth.h"
#include "server/url.h"
#include <ctype.h>
#include <string.h>
#include <strings.h>

#define FORM_MEMBERS_MAX 64
#define JSON_TYPE "application/json"
#define FORM_TYPE "application/x-www-form-urlencoded"

static bool under_auth(const struct call *c)
{
    return strncmp(c->http->path, "/api/auth/", 10) == 0;
}

static int answered(int rc)
{
    return rc ? rc : 1;
}

/* Is the media type (without its parameters) this one? */
static bool is_type(const char *header, const char *type)
{
    size_t len = strcspn(header, ";");
    while (len && isspace((unsigned char)header[len - 1]))
        len--;
    return len == strlen(type) && strncasecmp(header, type, len) == 0;
}

static int refuse_type(struct call *c, const char *type)
{
    const char *allowed = c->route->flags & ROUTE_FORM ? FORM_TYPE ", " JSON_TYPE : JSON_TYPE;
    return answered(call_failf(c, 415, "UNSUPPORTED_MEDIA_TYPE",
                               "Content-Type \"%.100s\" is not allowed. Allowed types: %s", type,
                               allowed));
}

/* Form fields become the members of an object, all of them texts; of two the last one counts. */
struct form {
    char *names[FORM_MEMBERS_MAX], *values[FORM_MEMBERS_MAX];
    int count;
};

static int form_add(struct call *c, struct form *f, const char *part, size_t len)
{
    const char *equals = memchr(part, '=', len);
    size_t name_len = equals ? (size_t)(equals - part) : len;
    char *name = url_decode(c->arena, part, name_len, true);
    char *value = equals ? url_decode(c->arena, equals + 1, len - name_len - 1, true)
                         : arena_str(c->arena, "");
    int at = 0;
    if (!name || !value)
        return RAUM_EBAD_JSON;
    while (at < f->count && strcmp(f->names[at], name) != 0)
        at++;
    if (at == FORM_MEMBERS_MAX)
        return RAUM_EBAD_JSON;
    f->names[at] = name;
    f->values[at] = value;
    f->count += at == f->count;
    return 0;
}

static int form_text(struct call *c, const struct form *f, char **out, size_t *len)
{
    struct buf text;
    struct json_writer w;
    buf_init(&text, 8 * c->http->body_len + 64);
    json_begin(&w, &text);
    json_open_object(&w);
    for (int i = 0; i < f->count; i++) {
        json_put_key(&w, f->names[i]);
        json_put_str(&w, f->values[i]);
    }
    json_close_object(&w);
    int rc = buf_error(&text, &c->error);
    *len = text.len;
    *out = rc ? NULL : arena_copy(c->arena, text.data, text.len);
    buf_release(&text);
    return rc ? rc : *out ? 0 : RAUM_ENOMEM;
}

static int read_form(struct call *c)
{
    struct form f = {.count = 0};
    const char *p = c->http->body, *end = p + c->http->body_len;
    char *text;
    size_t len;
    int rc = 0;
    while (rc == 0 && p < end) {
        const char *and = memchr(p, '&', (size_t)(end - p));
        const char *stop = and ? and : end;
        if (stop > p)
            rc = form_add(c, &f, p, (size_t)(stop - p));
        p = stop + 1;
    }
    if (rc == 0)
        rc = form_text(c, &f, &text, &len);
    return rc ? rc : json_parse(&c->doc, text, len, 0, &c->error);
}

int call_body_read(struct call *c)
{
    const struct http_request *q = c->http;
    const char *type = http_header(q, "Content-Type");
    if (!(c->route->flags & (ROUTE_BODY | ROUTE_BODY_MAY)) || q->body_len == 0 || !type || !*type)
        return 0;
    int rc;
    if (is_type(type, JSON_TYPE))
        rc = json_parse(&c->doc, q->body, q->body_len, 0, &c->error);
    else if ((c->route->flags & ROUTE_FORM) && is_type(type, FORM_TYPE))
        rc = read_form(c);
    else
        return refuse_type(c, type);
    if (rc == RAUM_ENOMEM)
        return rc;
    if (rc)
        return answered(call_fail(c, 400, under_auth(c) ? "BAD_REQUEST" : "BAD_JSON",
                                  "Invalid JSON in request body"));
    c->body = json_root(&c->doc);
    return 0;
}

const char *call_type_name(struct json_value v)
{
    switch (json_type(v)) {
    case JSON_NONE:
        return "undefined";
    case JSON_NULL:
        return "null";
    case JSON_FALSE:
    case JSON_TRUE:
        return "boolean";
    case JSON_NUMBER:
        return "number";
    case JSON_STRING:
        return "string";
    case JSON_ARRAY:
        return "array";
    case JSON_OBJECT:
        return "object";
    }
    return "undefined";
}

static const char *complaint(struct call *c, const struct call_field *f, struct json_value v)
{
    const char *expected = f->type == CALL_BOOL     ? "boolean"
                           : f->type == CALL_OBJECT ? "record"
                                                    : "string";
    bool right = f->type == CALL_BOOL     ? json_is(v, JSON_TRUE) || json_is(v, JSON_FALSE)
                 : f->type == CALL_OBJECT ? json_is(v, JSON_OBJECT)
                                          : json_is(v, JSON_STRING);
    if (!right)
        return arena_printf(c->arena, "Invalid input: expected %s, received %s", expected,
                            call_type_name(v));
    if (f->type == CALL_TEXT && json_equals(v, ""))
        return "Too small: expected string to have >=1 characters";
    if (f->type == CALL_BOOL || f->type == CALL_OBJECT)
        return NULL;
    const char *text = json_str(v, c->arena);
    if (f->type == CALL_EMAIL && (!text || !auth_email(c, text)))
        return "Invalid email address";
    return text ? NULL : "Invalid input"; /* it holds a NUL, which no text of ours may */
}

int call_check(struct call *c, const struct call_field *fields)
{
    char *all = NULL;
    for (const struct call_field *f = fields; f && f->type != CALL_END; f++) {
        struct json_value v = json_get(c->body, f->name);
        const char *text = f->optional && json_is(v, JSON_NONE) ? NULL : complaint(c, f, v);
        if (text)
            all = arena_printf(c->arena, "%s%s[body.%s] %s", all ? all : "", all ? "; " : "",
                               f->name, text);
    }
    return all ? answered(call_fail(c, 400, "VALIDATION_ERROR", all)) : 0;
}

int call_body_check(struct call *c)
{
    unsigned flags = c->route->flags;
    const char *type = call_type_name(c->body);
    if ((flags & ROUTE_BODY) && !json_is(c->body, JSON_OBJECT)) {
        const char *object = flags & ROUTE_RECORD ? "record" : "object";
        if (flags & ROUTE_RECORD && c->route->fields)
            return answered(call_failf(c, 400, "VALIDATION_ERROR",
                                       "[body] Invalid input: expected object, received %s; [body] "
                                       "Invalid input: expected record, received %s",
                                       type, type));
        return answered(call_failf(c, 400, "VALIDATION_ERROR",
                                   "[body] Invalid input: expected %s, received %s", object, type));
    }
    if ((flags & ROUTE_BODY_MAY) && c->body.doc && !json_is(c->body, JSON_OBJECT) && under_auth(c))
        return answered(call_failf(c, 400, "VALIDATION_ERROR",
                                   "[body] Invalid input: expected object, received %s", type));
    return c->body.doc ? call_check(c, c->route->fields) : 0;
}
