#include "net/client.h"

#include <ctype.h>
#include <curl/curl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TIMEOUT_MS 30000
#define ANSWER_MAX ((size_t)8 << 20)
#define HEADERS_MAX 200
#define HEADER_BYTES_MAX 65536
#define REDIRECTS_MAX 4
#define LOOK_MS 100 /* between two looks at whether the caller gave up */

struct client {
    CURL *curl;
    CURLM *multi; /* of exchanges that can be ended; made at the first one */
    char reason[CURL_ERROR_SIZE];
};

/* What the callbacks of one transfer share. */
struct transfer {
    struct client_answer *answer;
    size_t header_bytes;
    bool too_large, no_memory;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void start_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

int client_new(struct client **out, struct raum_error *error)
{
    pthread_once(&once, start_curl);
    struct client *c = calloc(1, sizeof *c);
    *out = c;
    if (c)
        c->curl = curl_easy_init();
    if (c && c->curl)
        return 0;
    free(c);
    *out = NULL;
    return err_set(error, RAUM_ENOMEM, NULL);
}

void client_free(struct client *c)
{
    if (!c)
        return;
    curl_easy_cleanup(c->curl);
    curl_multi_cleanup(c->multi);
    free(c);
}

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
    struct transfer *t = arg;
    size_t len = size * count;
    buf_add(&t->answer->body, data, len);
    t->too_large = t->answer->body.error == RAUM_ETOO_LARGE;
    t->no_memory = t->answer->body.error == RAUM_ENOMEM;
    return t->answer->body.error ? 0 : len;
}

static void drop_headers(struct client_answer *a)
{
    for (int i = 0; i < a->header_count; i++)
        free(a->headers[i]);
    free(a->headers);
    a->headers = NULL;
    a->header_count = 0;
}

/* "name: value", the name in lower case, without the line's end. */
static bool keep_header(struct client_answer *a, const char *line, size_t len)
{
    char *copy = malloc(len + 1);
    char **more = realloc(a->headers, ((size_t)a->header_count + 1) * sizeof *more);
    if (more)
        a->headers = more;
    if (!more || !copy) {
        free(copy);
        return false;
    }
    memcpy(copy, line, len);
    copy[len] = '\0';
    for (char *at = copy; *at && *at != ':'; at++)
        *at = (char)tolower((unsigned char)*at);
    a->headers[a->header_count++] = copy;
    return true;
}

static size_t on_header(char *data, size_t size, size_t count, void *arg)
{
    struct transfer *t = arg;
    size_t total = size * count, len = total;
    while (len > 0 && (data[len - 1] == '\n' || data[len - 1] == '\r'))
        len--;
    if (total >= 5 && memcmp(data, "HTTP/", 5) == 0) { /* a redirect's or a 100's are forgotten */
        drop_headers(t->answer);
        return total;
    }
    if (len == 0 || !memchr(data, ':', len) || memchr(data, '\0', len))
        return total;
    t->header_bytes += len;
    t->too_large = t->header_bytes > HEADER_BYTES_MAX || t->answer->header_count >= HEADERS_MAX;
    if (t->too_large)
        return 0;
    t->no_memory = !keep_header(t->answer, data, len);
    return t->no_memory ? 0 : total;
}

static bool same_text(const CURLU *a, const CURLU *b, CURLUPart part, unsigned flags)
{
    char *x = NULL, *y = NULL;
    bool same = curl_url_get((CURLU *)a, part, &x, flags) == CURLUE_OK &&
                curl_url_get((CURLU *)b, part, &y, flags) == CURLUE_OK && strcasecmp(x, y) == 0;
    curl_free(x);
    curl_free(y);
    return same;
}

/* A redirect is followed only within the same scheme, host and port, so that what is in the headers
 * and the body goes to nobody else. */
static bool same_place(const char *from, const char *to)
{
    CURLU *a = curl_url(), *b = curl_url();
    bool same = a && b && curl_url_set(a, CURLUPART_URL, from, 0) == CURLUE_OK &&
                curl_url_set(b, CURLUPART_URL, to, 0) == CURLUE_OK &&
                same_text(a, b, CURLUPART_SCHEME, 0) && same_text(a, b, CURLUPART_HOST, 0) &&
                same_text(a, b, CURLUPART_PORT, CURLU_DEFAULT_PORT);
    curl_url_cleanup(a);
    curl_url_cleanup(b);
    return same;
}

static int fail(const struct client *c, const struct transfer *t, CURLcode code,
                struct raum_error *error)
{
    if (t->no_memory || code == CURLE_OUT_OF_MEMORY)
        return err_set(error, RAUM_ENOMEM, NULL);
    if (t->too_large || code == CURLE_FILESIZE_EXCEEDED)
        return err_set(error, RAUM_ETOO_LARGE, "the answer is larger than is taken here");
    if (code == CURLE_URL_MALFORMAT)
        return err_set(error, RAUM_EUSAGE, "not an http or https address");
    if (code == CURLE_UNSUPPORTED_PROTOCOL) /* the address was looked at before */
        return err_set(error, RAUM_EUNREACHABLE, "what answers there does not speak HTTP");
    if (code == CURLE_SSL_CACERT_BADFILE)
        return err_set(error, RAUM_EUSAGE, "the file of the authority's certificate: %s",
                       c->reason[0] ? c->reason : curl_easy_strerror(code));
    if (code == CURLE_OPERATION_TIMEDOUT)
        return err_set(error, RAUM_EUNREACHABLE, "timed out: %s",
                       c->reason[0] ? c->reason : "no answer");
    if (code == CURLE_PEER_FAILED_VERIFICATION)
        return err_set(error, RAUM_EUNREACHABLE, "the certificate is not trusted: %s",
                       c->reason[0] ? c->reason : curl_easy_strerror(code));
    return err_set(error, RAUM_EUNREACHABLE, "%s",
                   c->reason[0] ? c->reason : curl_easy_strerror(code));
}

static void add_line(struct curl_slist **list, const char *line, bool *ok)
{
    struct curl_slist *more = curl_slist_append(*list, line);
    *ok = *ok && more;
    if (more)
        *list = more;
}

static struct curl_slist *make_headers(const struct client_request *q, bool *ok)
{
    struct curl_slist *list = NULL;
    struct buf type;
    *ok = true;
    buf_init(&type, 1024);
    if (q->type) {
        buf_printf(&type, "Content-Type: %s", q->type);
        add_line(&list, buf_text(&type), ok);
    } else
        add_line(&list, "Content-Type:", ok); /* curl has a default of its own, which is wrong */
    add_line(&list, "Expect:", ok);           /* bodies are small: no round trip for them */
    for (int i = 0; q->headers && q->headers[i]; i++) {
        if (strpbrk(q->headers[i], "\r\n"))
            *ok = false; /* never lets a caller's value add a line */
        else
            add_line(&list, q->headers[i], ok);
    }
    *ok = *ok && buf_error(&type, NULL) == 0;
    buf_release(&type);
    return list;
}

static void set_method(CURL *curl, const struct client_request *q)
{
    const char *method = q->method ? q->method : "GET";
    if (strcmp(method, "HEAD") == 0)
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    else if (q->body || strcmp(method, "POST") == 0) {
        curl_easy_setopt(curl, CURLOPT_POST, 1L);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, q->body ? q->body : "");
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                         (curl_off_t)(q->body ? q->body_len : 0));
    }
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
}

static void set_up(struct client *c, const struct client_request *q, struct transfer *t,
                   long timeout_ms)
{
    CURL *curl = c->curl;
    curl_easy_reset(curl); /* keeps connections */
    c->reason[0] = '\0';
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, c->reason);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout_ms);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms < 10000 ? timeout_ms : 10000L);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(curl, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)t->answer->body.max);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "raum");
    if (q->ca_file)
        curl_easy_setopt(curl, CURLOPT_CAINFO, q->ca_file);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, t);
    set_method(curl, q);
}

/* As curl_easy_perform, until the caller gives up. */
static CURLcode perform(struct client *c, const struct client_request *q)
{
    CURLcode code = CURLE_ABORTED_BY_CALLBACK;
    bool fine = true;
    int running = 1, left;
    if (!q->stop)
        return curl_easy_perform(c->curl);
    if (!c->multi)
        c->multi = curl_multi_init();
    if (!c->multi || curl_multi_add_handle(c->multi, c->curl) != CURLM_OK)
        return CURLE_OUT_OF_MEMORY;
    while (fine && running && !q->stop(q->stop_arg)) {
        fine = curl_multi_perform(c->multi, &running) == CURLM_OK;
        if (fine && running)
            fine = curl_multi_poll(c->multi, NULL, 0, LOOK_MS, NULL) == CURLM_OK;
    }
    const CURLMsg *m = curl_multi_info_read(c->multi, &left);
    if (m && m->msg == CURLMSG_DONE)
        code = m->data.result;
    curl_multi_remove_handle(c->multi, c->curl);
    return code;
}

/* One exchange; *next is where a redirect within the same place points (to be freed by curl_free).
 */
static int run_once(struct client *c, const struct client_request *q, const char *url,
                    long timeout_ms, struct client_answer *answer, char **next,
                    struct raum_error *error)
{
    struct transfer t = {.answer = answer};
    bool ok;
    long status = 0;
    char *target = NULL;
    struct curl_slist *headers = make_headers(q, &ok);
    if (!ok) {
        curl_slist_free_all(headers);
        return err_set(error, RAUM_EUSAGE, "a header that cannot be sent");
    }
    set_up(c, q, &t, timeout_ms);
    curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, headers);
    CURLcode code = curl_easy_setopt(c->curl, CURLOPT_URL, url);
    if (code == CURLE_OK)
        code = perform(c, q);
    curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(headers);
    if (code != CURLE_OK)
        return fail(c, &t, code, error);
    curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(c->curl, CURLINFO_REDIRECT_URL, &target);
    answer->status = (int)status;
    /* Only what is safe to repeat as it is. */
    bool again = status == 307 || status == 308 ||
                 ((status == 301 || status == 302) && (!q->method || !strcmp(q->method, "GET")));
    if (again && !q->no_redirects && target && same_place(url, target)) {
        CURLU *copy = curl_url();
        if (copy && curl_url_set(copy, CURLUPART_URL, target, 0) == CURLUE_OK)
            curl_url_get(copy, CURLUPART_URL, next, 0);
        curl_url_cleanup(copy);
    }
    return 0;
}

static bool is_address(const char *url)
{
    return url && (strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0);
}

int client_run(struct client *c, const struct client_request *q, struct client_answer *answer,
               struct raum_error *error)
{
    *answer = (struct client_answer){0};
    buf_init(&answer->body, q->max ? q->max : ANSWER_MAX);
    if (!is_address(q->url))
        return err_set(error, RAUM_EUSAGE, "not an http or https address");
    char *url = NULL;
    int result = 0;
    for (int i = 0; i <= REDIRECTS_MAX; i++) {
        char *next = NULL;
        buf_reset(&answer->body);
        result = run_once(c, q, url ? url : q->url, q->timeout_ms ? q->timeout_ms : TIMEOUT_MS,
                          answer, &next, error);
        if (result < 0 || !next)
            break;
        curl_free(url);
        url = next;
    }
    curl_free(url);
    return result;
}

const char *client_header(const struct client_answer *a, const char *name, int n)
{
    size_t len = strlen(name);
    for (int i = 0; i < a->header_count; i++) {
        const char *line = a->headers[i];
        if (strncmp(line, name, len) != 0 || line[len] != ':' || n-- > 0)
            continue;
        line += len + 1;
        while (*line == ' ' || *line == '\t')
            line++;
        return line;
    }
    return NULL;
}

void client_answer_release(struct client_answer *a)
{
    if (!a)
        return;
    drop_headers(a);
    buf_release(&a->body);
    a->status = 0;
}

/* ---- answers that do not end ---- */

struct client_stream {
    struct client *client;
    CURLM *multi;
    struct curl_slist *headers;
    struct client_answer answer; /* its body: what waits to be read */
    struct transfer transfer;
    bool added, paused, ended;
    CURLcode code;
};

static size_t on_piece(char *data, size_t size, size_t count, void *arg)
{
    struct client_stream *s = arg;
    size_t len = size * count;
    if (s->answer.body.len && s->answer.body.len + len > CLIENT_STREAM_HELD) {
        s->paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    buf_add(&s->answer.body, data, len);
    s->transfer.no_memory = s->answer.body.error == RAUM_ENOMEM;
    return s->answer.body.error ? 0 : len;
}

static int begin_stream(struct client_stream *s, const struct client_request *q,
                        struct raum_error *error)
{
    bool ok = true;
    CURL *curl = s->client->curl;
    set_up(s->client, q, &s->transfer, 0);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, 10000L);
    curl_easy_setopt(curl, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)0);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)CLIENT_STREAM_QUIET_S);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_piece);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, s);
    s->headers = make_headers(q, &ok);
    if (!ok)
        return err_set(error, RAUM_EUSAGE, "a header that cannot be sent");
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, s->headers);
    if (curl_easy_setopt(curl, CURLOPT_URL, q->url) != CURLE_OK ||
        curl_multi_add_handle(s->multi, curl) != CURLM_OK)
        return err_set(error, RAUM_ENOMEM, NULL);
    s->added = true;
    return 0;
}

int client_stream_open(struct client_stream **out, const struct client_request *q,
                       struct raum_error *error)
{
    *out = NULL;
    if (!is_address(q->url))
        return err_set(error, RAUM_EUSAGE, "not an http or https address");
    struct client_stream *s = calloc(1, sizeof *s);
    if (!s)
        return err_set(error, RAUM_ENOMEM, NULL);
    buf_init(&s->answer.body, CLIENT_STREAM_HELD + CURL_MAX_WRITE_SIZE);
    s->transfer.answer = &s->answer;
    int result = client_new(&s->client, error);
    s->multi = result == 0 ? curl_multi_init() : NULL;
    if (result == 0 && !s->multi)
        result = err_set(error, RAUM_ENOMEM, NULL);
    if (result == 0)
        result = begin_stream(s, q, error);
    if (result < 0) {
        client_stream_free(s);
        return result;
    }
    *out = s;
    return 0;
}

void client_stream_free(struct client_stream *s)
{
    if (!s)
        return;
    if (s->added)
        curl_multi_remove_handle(s->multi, s->client->curl);
    client_free(s->client);
    curl_multi_cleanup(s->multi);
    curl_slist_free_all(s->headers);
    client_answer_release(&s->answer);
    free(s);
}

static void note_end(struct client_stream *s)
{
    int left;
    for (CURLMsg *m; (m = curl_multi_info_read(s->multi, &left));)
        if (m->msg == CURLMSG_DONE) {
            s->ended = true;
            s->code = m->data.result;
        }
}

static void take_piece(struct client_stream *s, struct buf *into)
{
    buf_add(into, s->answer.body.data, s->answer.body.len);
    buf_reset(&s->answer.body);
    if (s->paused) {
        s->paused = false;
        curl_easy_pause(s->client->curl, CURLPAUSE_CONT);
    }
}

int client_stream_read(struct client_stream *s, int timeout_ms, struct buf *into,
                       struct raum_error *error)
{
    int running = 0;
    for (int turn = 0; turn < 2 && !s->ended && s->answer.body.len == 0; turn++) {
        if (turn && curl_multi_poll(s->multi, NULL, 0, timeout_ms, NULL) != CURLM_OK)
            return err_set(error, RAUM_ENOMEM, NULL);
        if (curl_multi_perform(s->multi, &running) != CURLM_OK)
            return err_set(error, RAUM_ENOMEM, NULL);
        note_end(s);
    }
    if (s->answer.body.len) {
        take_piece(s, into);
        return buf_error(into, error);
    }
    if (!s->ended)
        return 0;
    return s->code == CURLE_OK ? RAUM_END : fail(s->client, &s->transfer, s->code, error);
}

int client_stream_status(const struct client_stream *s)
{
    long status = 0;
    curl_easy_getinfo(s->client->curl, CURLINFO_RESPONSE_CODE, &status);
    return (int)status;
}

const char *client_stream_header(const struct client_stream *s, const char *name)
{
    return client_header(&s->answer, name, 0);
}
