#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    int code;
    int status;
    const char *name;
    const char *text;
} codes[] = {
#define ROW(name, number, status, text) {number, status, #name, text},
    RAUM_ERRORS(ROW)
#undef ROW
};

#define CODE_COUNT (sizeof codes / sizeof codes[0])

static int find(int code)
{
    for (size_t i = 0; i < CODE_COUNT; i++)
        if (codes[i].code == code)
            return (int)i;
    return -1;
}

const char *raum_code_name(int code)
{
    int i = find(code);
    return code >= 0 ? "OK" : i < 0 ? "INTERNAL" : codes[i].name;
}

const char *raum_code_text(int code)
{
    int i = find(code);
    return code >= 0 ? "done" : i < 0 ? "an internal check failed" : codes[i].text;
}

int raum_code_exit(int code)
{
    int i = find(code);
    return code >= 0 ? 0 : i < 0 ? 1 : codes[i].status;
}

int err_code(const char *name)
{
    for (size_t i = 0; i < CODE_COUNT; i++)
        if (strcmp(codes[i].name, name) == 0)
            return codes[i].code;
    return RAUM_EINTERNAL;
}

static void fill(struct raum_error *error, const char *origin, int code, const char *fmt,
                 va_list args)
{
    error->code = code;
    error->origin = origin;
    if (fmt)
        vsnprintf(error->text, sizeof error->text, fmt, args);
    else
        snprintf(error->text, sizeof error->text, "%s", raum_code_text(code));
}

int err_set(struct raum_error *error, int code, const char *fmt, ...)
{
    if (error) {
        va_list args;
        va_start(args, fmt);
        fill(error, NULL, code, fmt, args);
        va_end(args);
    }
    return code;
}

int err_at(struct raum_error *error, const char *origin, int code, const char *fmt, ...)
{
    if (error) {
        va_list args;
        va_start(args, fmt);
        fill(error, origin, code, fmt, args);
        va_end(args);
    }
    return code;
}

void err_clear(struct raum_error *error)
{
    if (error) {
        error->code = 0;
        error->origin = NULL;
        error->text[0] = '\0';
    }
}
