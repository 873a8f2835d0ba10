/* Hostile requests for the auth routes, straight into call_dispatch: the input is text of lines
 * "METHOD TARGET", "Name: value"…, an empty line, the body. Whatever comes, there is an answer, it
 * is no 500, JSON where it says so, and nobody becomes somebody by it. */
#include "base/json.h"
#include "net/http.h"
#include "server/call.h"
#include "server/server.h"
#include <dirent.h>
#include <raum/env.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define HEADERS_MAX 12
#define INPUT_MAX 20000

static struct server *server;
static char folder[] = "/tmp/raum-fuzz-auth-XXXXXX";

static void remove_folder(void)
{
    char command[128];
    server_stop(server);
    snprintf(command, sizeof command, "rm -rf -- %s", folder);
    if (system(command) != 0)
        abort();
}

static void open_server(void)
{
    struct raum_error error;
    if (!mkdtemp(folder))
        abort();
    const struct server_options options = {
        .data = folder,
        .host = "127.0.0.1",
        .origin = "http://raum.test",
        .secret = "a secret of the fuzzer, long enough for it",
    };
    if (server_open(&server, &options, &error) != 0)
        abort();
    atexit(remove_folder);
}

/* The next line without its end; NULL: none. */
static char *next_line(char **at)
{
    char *line = *at, *end = line ? strchr(line, '\n') : NULL;
    if (!line)
        return NULL;
    if (end)
        *end = '\0';
    *at = end ? end + 1 : NULL;
    return line;
}

static void aim(struct http_request *q, char *first)
{
    char *target = first ? strchr(first, ' ') : NULL;
    if (target)
        *target++ = '\0';
    q->method = first && *first ? first : "GET";
    q->path = target && *target == '/' ? target : "/api/auth/get-session";
    char *query = strchr(q->path, '?');
    if (query)
        *query++ = '\0';
    q->query = query ? query : "";
}

static void read_headers(struct http_request *q, struct http_header *headers, char **at)
{
    char *line;
    while ((line = next_line(at)) && *line && q->header_count < HEADERS_MAX) {
        char *colon = strchr(line, ':');
        if (!colon)
            continue;
        *colon = '\0';
        headers[q->header_count++] = (struct http_header){line, colon + 1 + strspn(colon + 1, " ")};
    }
    q->headers = headers;
}

static void check(const struct http_request *q)
{
    struct json_doc doc;
    bool json = false;
    if (q->status < 200 || q->status > 599 || q->status == 500)
        abort();
    for (int i = 0; i < q->out_count; i++) {
        if (strpbrk(q->out[i].value, "\r\n"))
            abort();
        json = json || (strcasecmp(q->out[i].name, "Content-Type") == 0 &&
                        strcmp(q->out[i].value, "application/json") == 0);
        /* No input knows the secret, and signing up needs 26 ms of argon2: it is not in here. */
        if (strcasecmp(q->out[i].name, "set-auth-token") == 0)
            abort();
    }
    json_init(&doc);
    if (json && q->status != 302 && q->answer.len > 0 && /* a bare 401 is empty, type and all */
        json_parse(&doc, buf_text(&q->answer), q->answer.len, 0, NULL) != 0)
        abort();
    json_release(&doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct http_request q = {.id = "0123456789abcdef", .host = "raum.test", .peer = "127.0.0.1"};
    struct http_header headers[HEADERS_MAX];
    if (len > INPUT_MAX)
        return 0;
    if (!server)
        open_server();
    arena_init(&q.arena, (size_t)4 << 20);
    buf_init(&q.answer, (size_t)8 << 20);
    /* The HTTP server passes no NUL in a head, but any body. */
    char *text = arena_copy(&q.arena, data, len), *at = text;
    size_t head = strlen(text);
    char *blank = strstr(text, "\n\n");
    q.body = blank ? blank + 2 : "";
    q.body_len = blank ? len - (size_t)(q.body - text) : 0;
    if (!blank && head < len)
        at[head] = '\0';
    if (blank)
        blank[1] = '\0';
    aim(&q, next_line(&at));
    read_headers(&q, headers, &at);
    if (strcmp(q.path, "/api/auth/sign-up/email") != 0 &&
        strcmp(q.path, "/api/auth/sign-in/email") != 0) {
        call_dispatch(server, server->sql, &q);
        check(&q);
    } else if (q.body_len < 40) { /* refused before any hash */
        call_dispatch(server, server->sql, &q);
        check(&q);
    }
    buf_release(&q.answer);
    arena_release(&q.arena);
    return 0;
}
