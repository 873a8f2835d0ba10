#include "server/spaces/check.h"

#include "base/utf8.h"
#include "server/spaces/answer.h"
#include "server/spaces/slug.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void check_begin(struct checks *k, struct call *c)
{
    k->c = c;
    k->count = 0;
    k->len = 0;
    k->text[0] = '\0';
}

/* The texts are ours and few; what does not fit is not said. */
static void BASE_PRINTF(4, 5)
    issue(struct checks *k, const char *at, const char *key, const char *fmt, ...)
{
    char said[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(said, sizeof said, fmt, args);
    va_end(args);
    size_t room = sizeof k->text - k->len;
    int n = snprintf(k->text + k->len, room, "%s[%s%s%s] %s", k->count ? "; " : "", at,
                     key[0] ? "." : "", key, said);
    if (n > 0 && (size_t)n < room)
        k->len += (size_t)n;
    else
        k->text[k->len] = '\0';
    k->count++;
}

void check_issue(struct checks *k, const char *at, const char *key, const char *message)
{
    issue(k, at, key, "%s", message);
}

int check_end(struct checks *k)
{
    return k->count ? answer_fail(k->c, 400, "VALIDATION_ERROR", k->text) : 0;
}

/* True if the value is to be looked at: not absent or null where that is fine; an issue if it is of
 * another kind. */
static bool present(struct checks *k, struct json_value v, const char *at, const char *key,
                    unsigned flags, const char *kind, bool fits)
{
    if (fits)
        return true;
    bool absent = json_is(v, JSON_NONE) && !(flags & CHECK_REQUIRED);
    bool null = json_is(v, JSON_NULL) && (flags & CHECK_NULL);
    if (!absent && !null)
        issue(k, at, key, "Invalid input: expected %s, received %s", kind, call_type_name(v));
    return false;
}

const char *check_text(struct checks *k, struct json_value object, const char *at, const char *key,
                       unsigned flags)
{
    struct json_value v = json_get(object, key);
    if (!present(k, v, at, key, flags, "string", json_is(v, JSON_STRING)))
        return NULL;
    const char *text = json_str(v, k->c->arena);
    if (!text)
        issue(k, at, key, "Invalid input"); /* holds a NUL */
    else if ((flags & CHECK_FILLED) && !text[0])
        issue(k, at, key, "Too small: expected string to have >=1 characters");
    return text;
}

bool check_bool(struct checks *k, struct json_value object, const char *at, const char *key,
                bool otherwise)
{
    struct json_value v = json_get(object, key);
    bool value = otherwise;
    present(k, v, at, key, 0, "boolean", json_bool(v, &value));
    return value;
}

struct json_value check_object(struct checks *k, struct json_value object, const char *at,
                               const char *key, const char *kind, unsigned flags)
{
    struct json_value v = json_get(object, key);
    return present(k, v, at, key, flags, kind, json_is(v, JSON_OBJECT)) ? v
                                                                        : (struct json_value){0};
}

/* Adds the roles of a comma-joined text, trimmed; false when there are too many. */
static bool add_roles(struct buf *out, const char *text, int *count)
{
    static const char blanks[] = " \t\r\n\v\f";
    while (*text) {
        text += strspn(text, blanks);
        size_t part = strcspn(text, ","), len = part;
        while (len > 0 && strchr(blanks, text[len - 1]))
            len--;
        if (len > 0 && ++*count > CHECK_ROLES_MAX)
            return false;
        if (len > 0 && out->len > 0)
            buf_char(out, ',');
        buf_add(out, text, len);
        text += part + (text[part] == ',');
    }
    return true;
}

const char *check_roles(struct checks *k, struct json_value object, const char *key)
{
    struct json_value v = json_get(object, key);
    struct buf list;
    int count = 0;
    bool fits = json_is(v, JSON_STRING) || json_is(v, JSON_ARRAY);
    buf_init(&list, 1024);
    if (json_is(v, JSON_STRING)) {
        const char *text = json_str(v, k->c->arena);
        fits = text && add_roles(&list, text, &count);
    }
    struct json_value one = json_is(v, JSON_ARRAY) ? json_first(v) : (struct json_value){0};
    for (; fits && one.doc; one = json_next(v, one)) {
        const char *text = json_str(one, k->c->arena);
        fits = text && add_roles(&list, text, &count);
    }
    fits = fits && list.error == 0;
    char *roles = fits ? arena_str(k->c->arena, buf_text(&list)) : NULL;
    buf_release(&list);
    if (!roles)
        issue(k, "body", key, "Invalid input");
    return roles;
}

const char *check_name(struct checks *k, struct json_value object, const char *at, unsigned flags)
{
    const char *name = check_text(k, object, at, "name", flags | CHECK_FILLED);
    if (!name || !name[0])
        return name;
    bool blank = strspn(name, " \t") == strlen(name), control = false;
    for (const char *s = name; *s; s++)
        control = control || (unsigned char)*s < 0x20 || *s == 0x7f;
    if (strlen(name) > CHECK_NAME_MAX)
        issue(k, at, "name", "Too big: expected string to have <=%d bytes", CHECK_NAME_MAX);
    else if (blank || control)
        issue(k, at, "name", "Invalid input");
    return name;
}

const char *check_slug(struct checks *k, struct json_value object, const char *at, unsigned flags)
{
    const char *slug = check_text(k, object, at, "slug", flags | CHECK_FILLED);
    if (!slug || !slug[0])
        return slug;
    if (strlen(slug) > SLUG_MAX)
        issue(k, at, "slug", "Too big: expected string to have <=%d characters", SLUG_MAX);
    else if (!slug_valid(slug, strlen(slug)))
        issue(k, at, "slug", "Invalid string: must match pattern /^[a-z0-9]+(-[a-z0-9]+)*$/");
    return slug;
}

const char *check_logo(struct checks *k, struct json_value object, const char *at)
{
    const char *logo = check_text(k, object, at, "logo", CHECK_NULL);
    if (logo && strlen(logo) > CHECK_LOGO_MAX)
        issue(k, at, "logo", "Too big: expected string to have <=%d bytes", CHECK_LOGO_MAX);
    return logo;
}

static int hex_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static char *decoded(struct arena *a, const char *text, size_t len)
{
    char *out = arena_alloc(a, len + 1);
    size_t n = 0;
    for (size_t i = 0; out && i < len; i++) {
        bool hex =
            text[i] == '%' && i + 2 < len && hex_of(text[i + 1]) >= 0 && hex_of(text[i + 2]) >= 0;
        char c = text[i] == '+' ? ' ' : text[i];
        if (hex) {
            c = (char)(hex_of(text[i + 1]) << 4 | hex_of(text[i + 2]));
            i += 2;
        }
        if (c == '\0')
            return NULL;
        out[n++] = c;
    }
    if (!out || !utf8_valid(out, n))
        return NULL;
    out[n] = '\0';
    return out;
}

int check_params(struct call *c, const char *key, const char **out, int max)
{
    size_t key_len = strlen(key);
    int count = 0;
    for (const char *at = c->http->query; *at && count < max;) {
        size_t len = strcspn(at, "&");
        if (len >= key_len && memcmp(at, key, key_len) == 0 &&
            (len == key_len || at[key_len] == '=')) {
            size_t skip = len == key_len ? len : key_len + 1;
            out[count] = decoded(c->arena, at + skip, len - skip);
            count += out[count] != NULL;
        }
        at += len + (at[len] == '&');
    }
    return count;
}

const char *check_param(struct checks *k, const char *key, unsigned flags)
{
    const char *found[2];
    int count = check_params(k->c, key, found, 2);
    if (count == 2)
        issue(k, "query", key, "Invalid input: expected string, received array");
    else if (count == 0 && (flags & CHECK_REQUIRED))
        issue(k, "query", key, "Invalid input: expected string, received undefined");
    return count == 1 ? found[0] : NULL;
}

const char *check_choice(struct checks *k, const char *key, const char *const *choices)
{
    const char *found[2];
    int count = check_params(k->c, key, found, 2);
    char list[200];
    size_t len = 0;
    list[0] = '\0';
    for (int i = 0; choices[i]; i++) {
        if (count == 1 && strcmp(choices[i], found[0]) == 0)
            return choices[i];
        int n = snprintf(list + len, sizeof list - len, "%s\"%s\"", i ? "|" : "", choices[i]);
        len += n > 0 && (size_t)n < sizeof list - len ? (size_t)n : 0;
    }
    if (count > 0)
        issue(k, "query", key, "Invalid option: expected one of %s", list);
    return NULL;
}

int64_t check_number(struct checks *k, const char *key)
{
    const char *found[2];
    int count = check_params(k->c, key, found, 2);
    if (count == 2)
        issue(k, "query", key, "Invalid input");
    if (count != 1 || !found[0][0])
        return 0;
    char *end;
    double value = strtod(found[0], &end);
    bool sane = *end == '\0' && value > -1e9 && value < 1e9;
    return sane ? (int64_t)value : 0;
}
