#include "tools/json_schema.h"
#include "base/utf8.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define PATH_MAX_BYTES 200
#define DEPTH_MAX 32

struct check {
    struct json_value root; /* of the schema: $ref */
    struct raum_error *error;
    char path[PATH_MAX_BYTES];
    int depth;
};

static int fails(struct check *c, const char *text)
{
    return err_at(c->error, "schema", RAUM_EUSAGE, "%s%s%s", c->path, *c->path ? ": " : "", text);
}

static int number_fails(struct check *c, const char *text, struct json_value limit)
{
    size_t len;
    const char *raw = json_raw(limit, &len);
    return err_at(c->error, "schema", RAUM_EUSAGE, "%s%s%s %.*s", c->path, *c->path ? ": " : "",
                  text, (int)(len > 40 ? 40 : len), raw);
}

static bool integral(struct json_value v)
{
    double d;
    return json_double(v, &d) && floor(d) == d;
}

static bool is_type(struct json_value v, struct json_value name)
{
    static const struct {
        const char *name;
        enum json_type a, b;
    } types[] = {
        {"string", JSON_STRING, JSON_STRING}, {"number", JSON_NUMBER, JSON_NUMBER},
        {"boolean", JSON_TRUE, JSON_FALSE},   {"array", JSON_ARRAY, JSON_ARRAY},
        {"object", JSON_OBJECT, JSON_OBJECT}, {"null", JSON_NULL, JSON_NULL},
    };
    if (json_equals(name, "integer"))
        return json_is(v, JSON_NUMBER) && integral(v);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (json_equals(name, types[i].name))
            return json_is(v, types[i].a) || json_is(v, types[i].b);
    return false;
}

static int check_type(struct check *c, struct json_value type, struct json_value v)
{
    if (json_is(type, JSON_ARRAY)) {
        for (struct json_value t = json_first(type); t.doc; t = json_next(type, t))
            if (is_type(v, t))
                return 0;
        return fails(c, "is of the wrong type");
    }
    if (is_type(v, type))
        return 0;
    size_t len;
    const char *raw = json_raw(type, &len);
    return err_at(c->error, "schema", RAUM_EUSAGE, "%s%smust be of type %.*s", c->path,
                  *c->path ? ": " : "", (int)(len > 22 ? 22 : len), raw);
}

static int check_enum(struct check *c, struct json_value list, struct json_value v)
{
    for (struct json_value one = json_first(list); one.doc; one = json_next(list, one))
        if (json_same(one, v))
            return 0;
    size_t len;
    const char *raw = json_raw(list, &len);
    return err_at(c->error, "schema", RAUM_EUSAGE, "%s%smust be one of %.*s", c->path,
                  *c->path ? ": " : "", (int)(len > 200 ? 200 : len), raw);
}

/* Characters, as the standard counts them; escapes decoded. */
static int64_t length(struct json_value v)
{
    struct arena a; /* it takes memory only for what is escaped */
    const char *text;
    size_t len;
    int64_t count = -1;
    arena_init(&a, (size_t)16 << 20);
    if (json_text(v, &a, &text, &len))
        count = (int64_t)utf8_count(text, len);
    arena_release(&a);
    return count;
}

static int check_text(struct check *c, struct json_value s, struct json_value v)
{
    struct json_value least = json_get(s, "minLength"), most = json_get(s, "maxLength");
    int64_t limit, len = least.doc || most.doc ? length(v) : 0;
    if (len < 0)
        return err_set(c->error, RAUM_ENOMEM, NULL);
    if (json_int(least, &limit) && len < limit)
        return number_fails(c, "characters are too few, at least", least);
    if (json_int(most, &limit) && len > limit)
        return number_fails(c, "characters are too many, at most", most);
    return 0;
}

static int check_number(struct check *c, struct json_value s, struct json_value v)
{
    struct json_value least = json_get(s, "minimum"), most = json_get(s, "maximum");
    double limit, n;
    if (!json_double(v, &n))
        return fails(c, "is no number that can be used");
    if (json_double(least, &limit) && n < limit)
        return number_fails(c, "must be at least", least);
    if (json_double(most, &limit) && n > limit)
        return number_fails(c, "must be at most", most);
    return 0;
}

static int check(struct check *c, struct json_value s, struct json_value v);

/* The same, one step further down; `name` and `at` say where. */
static int below(struct check *c, const char *name, size_t len, int64_t at, struct json_value s,
                 struct json_value v)
{
    size_t end = strlen(c->path);
    if (name)
        snprintf(c->path + end, sizeof c->path - end, "%s%.*s", end ? "/" : "",
                 (int)utf8_cut(name, len, 60), name);
    else
        snprintf(c->path + end, sizeof c->path - end, "%s%lld", end ? "/" : "", (long long)at);
    int rc = check(c, s, v);
    c->path[end] = '\0';
    return rc;
}

static int check_array(struct check *c, struct json_value s, struct json_value v)
{
    struct json_value least = json_get(s, "minItems"), most = json_get(s, "maxItems");
    struct json_value items = json_get(s, "items");
    int64_t limit, at = 0, count = json_count(v);
    int rc = 0;
    if (json_int(least, &limit) && count < limit)
        return number_fails(c, "items are too few, at least", least);
    if (json_int(most, &limit) && count > limit)
        return number_fails(c, "items are too many, at most", most);
    for (struct json_value i = json_first(v); rc == 0 && items.doc && i.doc; i = json_next(v, i))
        rc = below(c, NULL, 0, at++, items, i);
    if (rc || !json_is(json_get(s, "uniqueItems"), JSON_TRUE))
        return rc;
    for (struct json_value i = json_first(v); i.doc; i = json_next(v, i))
        for (struct json_value k = json_next(v, i); k.doc; k = json_next(v, k))
            if (json_same(i, k))
                return fails(c, "holds the same item twice");
    return 0;
}

static int check_required(struct check *c, struct json_value list, struct json_value v)
{
    for (struct json_value i = json_first(list); i.doc; i = json_next(list, i)) {
        size_t len;
        const char *raw = json_raw(i, &len);
        if (!json_is(i, JSON_STRING))
            return err_set(c->error, RAUM_EINTERNAL, NULL);
        if (!json_get_key(v, i).doc)
            return err_at(c->error, "schema", RAUM_EUSAGE, "%s%s%.*s is missing", c->path,
                          *c->path ? "/" : "", (int)(len > 62 ? 60 : len - 2), raw + 1);
    }
    return 0;
}

static int check_member(struct check *c, struct json_value s, struct json_value m)
{
    struct json_value own = json_get_key(json_get(s, "properties"), json_key(m)),
                      more = json_get(s, "additionalProperties");
    struct arena a;
    const char *name;
    size_t len;
    int rc = 0;
    if (!own.doc && (!more.doc || json_is(more, JSON_TRUE)))
        return 0;
    arena_init(&a, (size_t)16 << 20);
    if (!json_text(json_key(m), &a, &name, &len))
        rc = err_set(c->error, RAUM_ENOMEM, NULL);
    if (rc == 0 && own.doc)
        rc = below(c, name, len, 0, own, m);
    else if (rc == 0 && json_is(more, JSON_FALSE))
        rc = err_at(c->error, "schema", RAUM_EUSAGE, "%s%s%.*s is not known", c->path,
                    *c->path ? "/" : "", (int)utf8_cut(name, len, 60), name);
    else if (rc == 0 && json_is(more, JSON_OBJECT))
        rc = below(c, name, len, 0, more, m);
    arena_release(&a);
    return rc;
}

static int check_object(struct check *c, struct json_value s, struct json_value v)
{
    int rc = check_required(c, json_get(s, "required"), v);
    for (struct json_value m = json_first(v); rc == 0 && m.doc; m = json_next(v, m))
        rc = check_member(c, s, m);
    return rc;
}

static int check_ref(struct check *c, struct json_value ref, struct json_value v)
{
    struct json_value defs = json_get(c->root, "$defs");
    size_t len;
    const char *raw = json_raw(ref, &len);
    for (struct json_value d = json_first(defs); d.doc; d = json_next(defs, d)) {
        size_t n;
        const char *key = json_raw(json_key(d), &n);
        if (len == n + 8 && memcmp(raw, "\"#/$defs/", 9) == 0 &&
            memcmp(raw + 9, key + 1, n - 1) == 0)
            return check(c, d, v);
    }
    return err_at(c->error, "schema", RAUM_EINTERNAL, "no such $ref");
}

static int check_any(struct check *c, struct json_value list, struct json_value v)
{
    for (struct json_value s = json_first(list); s.doc; s = json_next(list, s)) {
        int rc = check(c, s, v);
        if (rc != RAUM_EUSAGE)
            return rc;
    }
    return fails(c, "is none of what it may be");
}

static int check_words(struct check *c, struct json_value s, struct json_value v)
{
    struct json_value type = json_get(s, "type"), list = json_get(s, "enum"),
                      one = json_get(s, "const"), any = json_get(s, "anyOf"),
                      ref = json_get(s, "$ref");
    int rc = type.doc ? check_type(c, type, v) : 0;
    if (rc == 0 && list.doc)
        rc = check_enum(c, list, v);
    if (rc == 0 && one.doc && !json_same(one, v))
        rc = fails(c, "is not what it must be");
    if (rc == 0 && ref.doc)
        rc = check_ref(c, ref, v);
    if (rc == 0 && any.doc)
        rc = check_any(c, any, v);
    return rc;
}

static int check(struct check *c, struct json_value s, struct json_value v)
{
    if (json_is(s, JSON_TRUE))
        return 0;
    if (!json_is(s, JSON_OBJECT) || c->depth >= DEPTH_MAX)
        return err_at(c->error, "schema", RAUM_EINTERNAL, "a schema that cannot be followed");
    c->depth++;
    int rc = check_words(c, s, v);
    if (rc == 0 && json_is(v, JSON_STRING))
        rc = check_text(c, s, v);
    else if (rc == 0 && json_is(v, JSON_NUMBER))
        rc = check_number(c, s, v);
    else if (rc == 0 && json_is(v, JSON_ARRAY))
        rc = check_array(c, s, v);
    else if (rc == 0 && json_is(v, JSON_OBJECT))
        rc = check_object(c, s, v);
    c->depth--;
    return rc;
}

int json_schema_check(struct json_value schema, struct json_value value, struct raum_error *error)
{
    struct check c = {.root = schema, .error = error};
    int rc = check(&c, schema, value);
    if (rc == 0)
        err_clear(error);
    return rc;
}

/* ---- is a schema one of ours? ---- */

static bool one_of(struct json_value key, const char *const *list)
{
    for (; *list; list++)
        if (json_equals(key, *list))
            return true;
    return false;
}

static int known_all(struct json_value list, struct raum_error *error)
{
    int rc = 0;
    for (struct json_value s = json_first(list); rc == 0 && s.doc; s = json_next(list, s))
        rc = json_schema_known(s, error);
    return rc;
}

int json_schema_known(struct json_value schema, struct raum_error *error)
{
    static const char *const plain[] = {
        "type",    "required",    "enum",     "const",    "minLength",   "maxLength",
        "minimum", "maximum",     "minItems", "maxItems", "uniqueItems", "$ref",
        "title",   "description", "default",  "format",   "$schema",     NULL};
    static const char *const nested[] = {"items", "additionalProperties", NULL};
    static const char *const many[] = {"properties", "$defs", "anyOf", NULL};
    int rc = 0;
    if (json_is(schema, JSON_TRUE) || json_is(schema, JSON_FALSE))
        return 0;
    if (!json_is(schema, JSON_OBJECT))
        return err_at(error, "schema", RAUM_EINTERNAL, "a schema is an object");
    for (struct json_value m = json_first(schema); rc == 0 && m.doc; m = json_next(schema, m)) {
        struct json_value key = json_key(m);
        size_t len;
        const char *raw = json_raw(key, &len);
        if (one_of(key, nested))
            rc = json_schema_known(m, error);
        else if (one_of(key, many))
            rc = known_all(m, error);
        else if (!one_of(key, plain))
            rc = err_at(error, "schema", RAUM_EINTERNAL, "a word that is not known: %.*s",
                        (int)(len > 60 ? 60 : len), raw);
    }
    return rc;
}
