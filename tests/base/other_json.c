#include "base/other_json.h"

#include <jansson.h>
#include <string.h>

void other_put_text(struct buf *seen, char kind, const char *text, size_t len)
{
    buf_printf(seen, "%c%zu:", kind, len);
    buf_add(seen, text, len);
}

void other_put_integer(struct buf *seen, int64_t value)
{
    buf_printf(seen, "i%lld ", (long long)value);
}

void other_put_real(struct buf *seen, double value)
{
    buf_printf(seen, "r%a ", value);
}

static void put(struct buf *seen, json_t *v)
{
    size_t i;
    switch (json_typeof(v)) {
    case JSON_NULL:
        buf_char(seen, 'n');
        break;
    case JSON_FALSE:
        buf_char(seen, 'f');
        break;
    case JSON_TRUE:
        buf_char(seen, 't');
        break;
    case JSON_INTEGER:
        other_put_integer(seen, json_integer_value(v));
        break;
    case JSON_REAL:
        other_put_real(seen, json_real_value(v));
        break;
    case JSON_STRING:
        other_put_text(seen, 's', json_string_value(v), json_string_length(v));
        break;
    case JSON_ARRAY:
        buf_char(seen, '[');
        for (i = 0; i < json_array_size(v); i++)
            put(seen, json_array_get(v, i));
        buf_char(seen, ']');
        break;
    case JSON_OBJECT:
        buf_char(seen, '{');
        for (void *m = json_object_iter(v); m; m = json_object_iter_next(v, m)) {
            const char *key = json_object_iter_key(m);
            other_put_text(seen, 'k', key, strlen(key));
            put(seen, json_object_iter_value(m));
        }
        buf_char(seen, '}');
        break;
    }
}

enum other_result other_read(const char *text, size_t len, struct buf *seen)
{
    json_error_t error;
    json_t *root =
        json_loadb(text, len, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (root) {
        put(seen, root);
        json_decref(root);
        return OTHER_TAKES;
    }
    switch (json_error_code(&error)) {
    case json_error_numeric_overflow:
        return OTHER_NUMBER;
    case json_error_null_byte_in_key:
        return OTHER_NUL_KEY;
    case json_error_stack_overflow:
        return OTHER_DEEP;
    default:
        return OTHER_REFUSES;
    }
}
