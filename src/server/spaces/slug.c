#include "server/spaces/slug.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define RANDOM_CHARS 6

/* In the order of the alphabet. A new route's first path part belongs here. */
static const char *const reserved[] = {
    "accept-invitation",
    "account",
    "admin",
    "all",
    "api",
    "app",
    "assets",
    "auth",
    "avatar",
    "billing",
    "devices",
    "docs",
    "favicon",
    "health",
    "help",
    "home",
    "index",
    "invitation",
    "invite",
    "jwks",
    "login",
    "logout",
    "manifest",
    "mcp",
    "me",
    "media",
    "metrics",
    "new",
    "openapi",
    "organization",
    "public",
    "ready",
    "register",
    "reset-password",
    "robots",
    "settings",
    "signin",
    "signout",
    "signup",
    "slugs",
    "space",
    "spaces",
    "static",
    "support",
    "sync",
    "user",
    "vault",
    "verify-email",
    "well-known",
    "www",
};

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool slug_valid(const char *text, size_t len)
{
    if (len == 0 || len > SLUG_MAX || text[0] == '-' || text[len - 1] == '-')
        return false;
    for (size_t i = 0; i < len; i++) {
        bool hyphen = text[i] == '-' && text[i - 1] != '-'; /* never the first, see above */
        if (!is_plain(text[i]) && !hyphen)
            return false;
    }
    return true;
}

bool slug_reserved(const char *slug)
{
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
        if (strcmp(slug, reserved[i]) == 0)
            return true;
    return false;
}

void slug_from(const char *text, size_t len, char out[SLUG_SIZE])
{
    size_t n = 0;
    bool gap = false;
    for (size_t i = 0; i < len && n < SLUG_MADE_MAX; i++) {
        char c = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] - 'A' + 'a') : text[i];
        if (!is_plain(c)) {
            gap = n > 0;
            continue;
        }
        if (gap && n + 1 == SLUG_MADE_MAX)
            break; /* a hyphen at the end would be trimmed */
        if (gap)
            out[n++] = '-';
        gap = false;
        out[n++] = c;
    }
    out[n] = '\0';
}

/* Base, hyphen, tail; the base loses what does not fit, and no hyphen is doubled by that. */
static void join(char out[SLUG_SIZE], const char *base, const char *tail)
{
    size_t tail_len = strlen(tail), len = strlen(base);
    assert(tail_len > 0 && tail_len < SLUG_MADE_MAX);
    if (len + 1 + tail_len > SLUG_MAX)
        len = SLUG_MAX - 1 - tail_len;
    while (len > 0 && base[len - 1] == '-')
        len--;
    memmove(out, base, len);
    if (len > 0)
        out[len++] = '-';
    memcpy(out + len, tail, tail_len + 1);
}

void slug_number(char out[SLUG_SIZE], const char *base, int n)
{
    char tail[12];
    snprintf(tail, sizeof tail, "%d", n);
    join(out, base, tail);
}

void slug_random(char out[SLUG_SIZE], const char *base, const struct raum_env *env)
{
    static const char set[] = "abcdefghijkmnpqrstuvwxyz23456789"; /* 32, none easily confused */
    unsigned char bytes[RANDOM_CHARS];
    char tail[RANDOM_CHARS + 1];
    env->random(env->ctx, bytes, sizeof bytes);
    for (int i = 0; i < RANDOM_CHARS; i++)
        tail[i] = set[bytes[i] % 32];
    tail[RANDOM_CHARS] = '\0';
    join(out, base, tail);
}
