#include "server/url.h"
#include "base/utf8.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

static bool has_controls(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    return false;
}

static bool host_char(char c)
{
    return isalnum((unsigned char)c) || strchr("-._[]:", c);
}

/* Behind the scheme: where the host ends; NULL if it is not plainly a host. */
static const char *host_end(const char *host)
{
    const char *p = host;
    while (*p && host_char(*p))
        p++;
    return p == host || (*p && !strchr("/?#", *p)) ? NULL : p;
}

static const char *scheme_of(const char *url, const char **host)
{
    if (strncasecmp(url, "https://", 8) == 0) {
        *host = url + 8;
        return "https";
    }
    *host = url + 7;
    return strncasecmp(url, "http://", 7) == 0 ? "http" : NULL;
}

static char *lower(char *text)
{
    for (char *p = text; p && *p; p++)
        *p = (char)tolower((unsigned char)*p);
    return text;
}

char *url_host(struct arena *a, const char *url)
{
    const char *host, *end;
    const char *scheme = strlen(url) > URL_MAX || has_controls(url) ? NULL : scheme_of(url, &host);
    if (!scheme || !(end = host_end(host)))
        return NULL;
    size_t len = (size_t)(end - host);
    const char *own = strcmp(scheme, "https") == 0 ? ":443" : ":80";
    size_t own_len = strlen(own);
    if (len > own_len && memcmp(end - own_len, own, own_len) == 0)
        len -= own_len;
    if (len == 0 || host[len - 1] == ':')
        return NULL;
    return lower(arena_copy(a, host, len));
}

char *url_origin(struct arena *a, const char *url)
{
    const char *behind;
    char *host = url_host(a, url);
    return host ? arena_printf(a, "%s://%s", scheme_of(url, &behind), host) : NULL;
}

/* Iterative, so that a hostile pattern of many stars costs no more than length times length. */
static bool glob(const char *pattern, const char *text)
{
    const char *star = NULL, *back = NULL;
    while (*text) {
        if (*pattern == '*') {
            star = pattern++;
            back = text;
        } else if (*pattern == '?' || *pattern == *text) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star + 1;
            text = ++back;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

static bool is_ipv4(const char *host, size_t len)
{
    char text[16];
    struct in_addr address;
    if (len >= sizeof text)
        return false;
    memcpy(text, host, len);
    text[len] = '\0';
    return inet_pton(AF_INET, text, &address) == 1;
}

/* "192.168.*" names a range of addresses; without this, 192.168.example.org would match. */
static bool address_fits(const char *pattern, const char *host)
{
    size_t len = strcspn(pattern, ":/");
    bool digit = false;
    for (size_t i = 0; i < len; i++) {
        digit = digit || isdigit((unsigned char)pattern[i]);
        if (!isdigit((unsigned char)pattern[i]) && !strchr("*?.", pattern[i]))
            return true;
    }
    return !digit || is_ipv4(host, strcspn(host, ":"));
}

bool url_matches(struct arena *a, const char *url, const char *pattern)
{
    bool wild = strpbrk(pattern, "*?") != NULL;
    const char *scheme = strstr(pattern, "://");
    if (wild && !scheme) {
        char *host = url_host(a, url);
        return host && glob(pattern, host) && address_fits(pattern, host);
    }
    char *origin = url_origin(a, url);
    if (!origin)
        return false;
    if (wild)
        return glob(pattern, origin) && address_fits(scheme + 3, strstr(origin, "://") + 3);
    char *listed = url_origin(a, pattern);
    return listed && strcmp(origin, listed) == 0;
}

bool url_relative(const char *url)
{
    if (url[0] != '/' || url[1] == '/' || strlen(url) > URL_MAX || strchr(url, '\\') ||
        has_controls(url))
        return false;
    size_t path = strcspn(url, "?#");
    for (size_t i = 0; i + 2 < path; i++)
        if (url[i] == '%' &&
            (strncasecmp(url + i, "%2f", 3) == 0 || strncasecmp(url + i, "%5c", 3) == 0))
            return false;
    return true;
}

/* The name within "name:port" or "[v6]:port". */
static size_t host_name(const char *host, const char **name)
{
    if (*host == '[') {
        *name = host + 1;
        size_t len = strcspn(*name, "]");
        return (*name)[len] ? len : 0;
    }
    *name = host;
    return strcspn(host, ":");
}

bool url_host_is_address(const char *host)
{
    char text[64];
    const char *name;
    unsigned char address[16];
    size_t len = host_name(host, &name);
    if (len == 0 || len >= sizeof text)
        return false;
    memcpy(text, name, len);
    text[len] = '\0';
    return inet_pton(*host == '[' ? AF_INET6 : AF_INET, text, address) == 1 ||
           url_host_is_loopback(host);
}

bool url_host_is_loopback(const char *host)
{
    const char *name;
    size_t len = host_name(host, &name);
    if (*host == '[')
        return len == 3 && memcmp(name, "::1", 3) == 0;
    return (len == 9 && strncasecmp(name, "localhost", 9) == 0) ||
           (len > 10 && strncasecmp(name + len - 10, ".localhost", 10) == 0) ||
           (strncmp(name, "127.", 4) == 0 && is_ipv4(name, len));
}

void url_encode(struct buf *out, const char *text)
{
    static const char digits[] = "0123456789ABCDEF";
    for (const char *p = text; *p; p++) {
        unsigned char c = (unsigned char)*p;
        if (isalnum(c) || strchr("-_.!~*'()", c)) {
            buf_char(out, *p);
        } else {
            char code[3] = {'%', digits[c >> 4], digits[c & 15]};
            buf_add(out, code, sizeof code);
        }
    }
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

char *url_decode(struct arena *a, const char *text, size_t len, bool form)
{
    char *out = arena_alloc(a, len + 1);
    size_t n = 0;
    for (size_t i = 0; out && i < len; i++) {
        char c = text[i];
        if (c == '%') {
            int high = i + 2 < len ? hex(text[i + 1]) : -1;
            int low = i + 2 < len ? hex(text[i + 2]) : -1;
            if (i + 2 >= len || high < 0 || low < 0)
                return NULL;
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+' && form) {
            c = ' ';
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

char *url_add(struct arena *a, const char *url, const char *name, const char *value)
{
    struct buf escaped;
    buf_init(&escaped, 3 * URL_MAX);
    url_encode(&escaped, value);
    size_t head = strcspn(url, "#");
    const char *host, *behind = scheme_of(url, &host) ? host_end(host) : NULL;
    bool bare = behind && *behind != '/'; /* "https://x" is "https://x/" once it has a query */
    bool query = memchr(url, '?', head) != NULL;
    bool open = query && (url[head - 1] == '?' || url[head - 1] == '&');
    const char *sign = open ? "" : query ? "&" : bare ? "/?" : "?";
    char *out = escaped.error ? NULL
                              : arena_printf(a, "%.*s%s%s=%s%s", (int)head, url, sign, name,
                                             buf_text(&escaped), url + head);
    buf_release(&escaped);
    return out;
}
