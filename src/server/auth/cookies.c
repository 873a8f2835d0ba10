#include "server/auth/cookies.h"
#include "server/auth/crypto.h"
#include "server/url.h"
#include <ctype.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *const names[] = {
    [COOKIE_TOKEN] = "better-auth.session_token",
    [COOKIE_DATA] = "better-auth.session_data",
    [COOKIE_FORGET] = "better-auth.dont_remember",
};

/* Browsers take a cookie of this name over https only. */
static const char *prefix(const struct server *s)
{
    return s->secure ? "__Secure-" : "";
}

void cookie_sign(const char *secret, const char *value, char out[COOKIE_SIGNATURE + 1])
{
    unsigned char mac[32];
    crypto_hmac_sha256(secret, value, strlen(value), mac);
    sodium_bin2base64(out, COOKIE_SIGNATURE + 1, mac, sizeof mac, sodium_base64_VARIANT_ORIGINAL);
}

bool cookie_verify(const char *secret, const char *text, char value[COOKIE_VALUE_MAX])
{
    char expected[COOKIE_SIGNATURE + 1];
    const char *dot = strrchr(text, '.');
    if (!dot || dot == text || dot - text >= COOKIE_VALUE_MAX ||
        strlen(dot + 1) != COOKIE_SIGNATURE)
        return false;
    memcpy(value, text, (size_t)(dot - text));
    value[dot - text] = '\0';
    cookie_sign(secret, value, expected);
    return crypto_same(expected, dot + 1, COOKIE_SIGNATURE);
}

/* Percent-decodes into out as long as it fits; what is broken stays as it is. */
static bool decode(const char *text, size_t len, char *out, size_t cap)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        unsigned int code = 0;
        char c = text[i];
        if (c == '%' && i + 2 < len && isxdigit((unsigned char)text[i + 1]) &&
            isxdigit((unsigned char)text[i + 2])) {
            for (int k = 1; k <= 2; k++) {
                char d = (char)tolower((unsigned char)text[i + (size_t)k]);
                code =
                    code * 16 + (unsigned int)(isdigit((unsigned char)d) ? d - '0' : d - 'a' + 10);
            }
            c = (char)code;
            i += 2;
        }
        if (c == '\0' || n + 1 >= cap)
            return false;
        out[n++] = c;
    }
    out[n] = '\0';
    return true;
}

static const char *skip_blank(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    return p;
}

/* The first cookie of that name in one Cookie header. */
static bool find(const char *header, const char *head, const char *name, const char **value,
                 size_t *len)
{
    size_t head_len = strlen(head), name_len = strlen(name);
    for (const char *p = header; *p;) {
        const char *end = p + strcspn(p, ";"), *equals = memchr(p, '=', (size_t)(end - p));
        const char *from = skip_blank(p, end);
        p = *end ? end + 1 : end;
        if (!equals)
            continue;
        const char *stop = equals;
        while (stop > from && (stop[-1] == ' ' || stop[-1] == '\t'))
            stop--;
        if ((size_t)(stop - from) != head_len + name_len || memcmp(from, head, head_len) != 0 ||
            memcmp(from + head_len, name, name_len) != 0)
            continue;
        from = skip_blank(equals + 1, end);
        while (end > from && (end[-1] == ' ' || end[-1] == '\t'))
            end--;
        if (end - from >= 2 && *from == '"' && end[-1] == '"') {
            from++;
            end--;
        }
        *value = from;
        *len = (size_t)(end - from);
        return true;
    }
    return false;
}

bool cookie_get(const struct server *s, const struct http_request *q, enum cookie which,
                char value[COOKIE_VALUE_MAX])
{
    char text[COOKIE_VALUE_MAX + COOKIE_SIGNATURE + 2];
    const char *header, *from;
    size_t len;
    for (int n = 0; (header = http_header_at(q, "Cookie", n)); n++)
        if (find(header, prefix(s), names[which], &from, &len))
            return decode(from, len, text, sizeof text) && cookie_verify(s->secret, text, value);
    return false;
}

/* "Bearer x": x as it is (it is looked up), or with a signature that must be right. */
static bool bearer(const struct server *s, const struct http_request *q,
                   char token[COOKIE_VALUE_MAX], bool *proven)
{
    char text[COOKIE_VALUE_MAX + COOKIE_SIGNATURE + 2];
    const char *header = http_header(q, "Authorization");
    if (!header || strncasecmp(header, "bearer ", 7) != 0)
        return false;
    const char *from = skip_blank(header + 7, header + strlen(header));
    size_t len = strlen(from);
    while (len && (from[len - 1] == ' ' || from[len - 1] == '\t'))
        len--;
    if (len == 0 || !decode(from, len, text, sizeof text))
        return false;
    *proven = strchr(text, '.') != NULL;
    if (*proven)
        return cookie_verify(s->secret, text, token);
    size_t text_len = strlen(text);
    if (text_len >= COOKIE_VALUE_MAX)
        return false;
    memcpy(token, text, text_len + 1);
    return true;
}

bool cookie_token(const struct server *s, const struct http_request *q,
                  char token[COOKIE_VALUE_MAX], bool *proven)
{
    if (bearer(s, q, token, proven))
        return true;
    *proven = true;
    return cookie_get(s, q, COOKIE_TOKEN, token);
}

static int put(struct call *c, enum cookie which, const char *value, const char *age)
{
    return http_addf(c->http, "Set-Cookie", "%s%s=%s%s; Path=/; HttpOnly%s; SameSite=Lax",
                     prefix(c->server), names[which], value, age,
                     c->server->secure ? "; Secure" : "");
}

static int put_signed(struct call *c, enum cookie which, const char *value, const char *age)
{
    char signature[COOKIE_SIGNATURE + 1];
    struct buf text;
    cookie_sign(c->server->secret, value, signature);
    buf_init(&text, 4096);
    url_encode(&text, value);
    buf_str(&text, ".");
    url_encode(&text, signature);
    int rc = buf_error(&text, &c->error);
    if (rc == 0)
        rc = put(c, which, text.data, age);
    buf_release(&text);
    return rc;
}

int cookie_send(struct call *c, const char *token, bool remember)
{
    char signature[COOKIE_SIGNATURE + 1], value[COOKIE_VALUE_MAX], age[32] = "";
    if (remember)
        snprintf(age, sizeof age, "; Max-Age=%d", COOKIE_AGE);
    int rc = put_signed(c, COOKIE_TOKEN, token, age);
    if (rc == 0 && !remember)
        rc = put_signed(c, COOKIE_FORGET, "true", "");
    else if (rc == 0 && cookie_get(c->server, c->http, COOKIE_FORGET, value))
        rc = put(c, COOKIE_FORGET, "", "; Max-Age=0");
    if (rc)
        return rc;
    cookie_sign(c->server->secret, token, signature);
    http_drop(c->http, "set-auth-token");
    return http_addf(c->http, "set-auth-token", "%s.%s", token, signature);
}

int cookie_clear(struct call *c)
{
    http_drop(c->http, "Set-Cookie");
    http_drop(c->http, "set-auth-token");
    int rc = put(c, COOKIE_TOKEN, "", "; Max-Age=0");
    if (rc == 0)
        rc = put(c, COOKIE_DATA, "", "; Max-Age=0");
    return rc ? rc : put(c, COOKIE_FORGET, "", "; Max-Age=0");
}
