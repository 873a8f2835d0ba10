/* Any service that takes POST {base}/images/edits as OpenAI's does: multipart, the references as
 * `image[]` in order, pictures back as base64. Its words are passed on to who asked, never logged.
 */
#include "server/generate/provider.h"

#include "base/json.h"
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define BODY_MAX ((size_t)80 << 20)
#define ANSWER_MAX ((size_t)64 << 20)
#define TRIES 3
#define WAIT_MAX_MS 20000
#define WORDS_MAX 200 /* bytes of a service's sentence that are passed on */

struct attempt {
    const struct provider_means *means;
    const struct order *order;
    const char *model;
    struct client *client;
    int64_t deadline;
    struct client_answer answer;
    struct json_doc doc;
};

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- the request ---- */

static void put_text(struct buf *b, const char *boundary, const char *name, const char *value)
{
    buf_printf(b, "--%s\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n", boundary, name);
    buf_str(b, value);
    buf_str(b, "\r\n");
}

static int put_form(const struct attempt *a, const char *boundary, struct buf *b,
                    struct raum_error *error)
{
    const struct order *o = a->order;
    char n[16];
    snprintf(n, sizeof n, "%d", o->n);
    put_text(b, boundary, "model", a->model);
    put_text(b, boundary, "prompt", o->prompt);
    put_text(b, boundary, "n", n);
    put_text(b, boundary, "size", o->size);
    put_text(b, boundary, "quality", o->quality);
    for (int i = 0; i < o->count; i++) {
        buf_printf(b,
                   "--%s\r\nContent-Disposition: form-data; name=\"image[]\"; "
                   "filename=\"reference-%d.png\"\r\nContent-Type: image/png\r\n\r\n",
                   boundary, i + 1);
        buf_add(b, o->references[i].data, o->references[i].len);
        buf_str(b, "\r\n");
    }
    buf_printf(b, "--%s--\r\n", boundary);
    return buf_error(b, error);
}

static int make_boundary(char out[48], struct raum_error *error)
{
    unsigned char bytes[16];
    if (RAND_bytes(bytes, sizeof bytes) != 1)
        return err_set(error, RAUM_EINTERNAL, "no randomness");
    int at = snprintf(out, 48, "raum-");
    for (size_t i = 0; i < sizeof bytes; i++)
        at += snprintf(out + at, 48 - (size_t)at, "%02x", bytes[i]);
    return 0;
}

/* One exchange: a status, or why there is none. The bytes leave here and nowhere else (G-P1). */
static int post(struct attempt *a, struct raum_error *error)
{
    const struct provider_means *m = a->means;
    struct buf body, url, key;
    char boundary[48], type[96];
    buf_init(&body, BODY_MAX);
    buf_init(&url, 4096);
    buf_init(&key, 8192);
    int rc = make_boundary(boundary, error);
    if (rc == 0)
        rc = put_form(a, boundary, &body, error);
    snprintf(type, sizeof type, "multipart/form-data; boundary=%s", boundary);
    buf_printf(&url, "%s/images/edits", m->url);
    buf_printf(&key, "Authorization: Bearer %s", m->key);
    const char *const headers[] = {buf_text(&key), "Accept: application/json", NULL};
    int64_t left = a->deadline - now_ms();
    const struct client_request q = {.method = "POST",
                                     .url = buf_text(&url),
                                     .headers = headers,
                                     .body = body.data,
                                     .body_len = body.len,
                                     .type = type,
                                     .timeout_ms = left > 1 ? (int)left : 1,
                                     .max = ANSWER_MAX,
                                     .ca_file = m->ca_file,
                                     .no_redirects = true, /* a photograph goes where it was sent */
                                     .stop = m->stop,
                                     .stop_arg = m->arg};
    if (rc == 0)
        rc = a->order->may(a->order->arg, error);
    client_answer_release(&a->answer);
    if (rc == 0)
        rc = client_run(a->client, &q, &a->answer, error);
    if (key.data)
        OPENSSL_cleanse(key.data, key.len);
    buf_release(&key);
    buf_release(&url);
    buf_release(&body);
    return rc;
}

/* ---- what came back ---- */

static struct json_value read_answer(struct attempt *a)
{
    struct buf *b = &a->answer.body;
    if (json_parse(&a->doc, buf_text(b), b->len, 0, NULL))
        return (struct json_value){0};
    return json_root(&a->doc);
}

static const char *const money[] = {"insufficient_quota", "project_spend_limit_exceeded",
                                    "billing_hard_limit_reached", NULL};

static bool says(struct json_value error, const char *key, const char *const *words)
{
    for (int i = 0; words[i]; i++)
        if (json_equals(json_get(error, key), words[i]))
            return true;
    return false;
}

/* The service's own sentence, as one line without control characters; "" if it has none. */
static void sentence_of(struct json_value error, char out[WORDS_MAX + 1])
{
    struct arena arena;
    const char *text = NULL;
    size_t len = 0;
    arena_init(&arena, (size_t)1 << 20);
    if (json_text(json_get(error, "message"), &arena, &text, &len)) {
        for (bool cut = len > WORDS_MAX; cut; cut = ((unsigned char)text[len] & 0xC0) == 0x80)
            len = len > WORDS_MAX ? WORDS_MAX : len - 1; /* not within a character */
        for (size_t i = 0; i < len; i++)
            out[i] = (char)((unsigned char)text[i] < ' ' || text[i] == 127 ? ' ' : text[i]);
    }
    out[len] = '\0';
    arena_release(&arena);
}

static int refused(struct attempt *a, struct raum_error *error)
{
    static const char *const moderation[] = {"moderation_blocked", "content_policy_violation",
                                             NULL};
    struct json_value e = json_get(read_answer(a), "error");
    char words[WORDS_MAX + 1];
    int status = a->answer.status;
    sentence_of(e, words);
    if (says(e, "code", moderation))
        return err_at(error, "moderation", RAUM_EPROVIDER_FAILED,
                      "the image service does not make this picture, by its rules of content: %s",
                      words);
    if (says(e, "code", money))
        return err_at(error, "provider", RAUM_EPROVIDER_FAILED,
                      "the image service says that this server's credit there is used up");
    if (status == 401 || status == 403)
        return err_at(error, "provider", RAUM_EPROVIDER_FAILED,
                      "the image service does not accept this server's key: %s", words);
    if (status == 429)
        return err_at(error, "provider", RAUM_EPROVIDER_FAILED,
                      "the image service has too much to do; try again later");
    if (status >= 500)
        return err_at(error, "provider", RAUM_EPROVIDER_FAILED,
                      "the image service is out of order (%d); try again later", status);
    return err_at(error, "provider", RAUM_EPROVIDER_FAILED,
                  "the image service refused the request (%d): %s", status, words);
}

/* Standard base64 with padding; false: it is none, or too large. */
static bool decode(const char *text, size_t len, struct buf *out)
{
    size_t pad = 0;
    if (len == 0 || len % 4 || len / 4 * 3 > out->max)
        return false;
    while (pad < 2 && text[len - 1 - pad] == '=')
        pad++;
    char *room = buf_room(out, len / 4 * 3);
    if (!room || EVP_DecodeBlock((unsigned char *)room, (const unsigned char *)text, (int)len) < 0)
        return false;
    out->len += len / 4 * 3 - pad;
    out->data[out->len] = '\0';
    return true;
}

static int take_pictures(struct attempt *a, struct results *out, struct raum_error *error)
{
    struct json_value data = json_get(read_answer(a), "data");
    struct arena arena;
    arena_init(&arena, ANSWER_MAX);
    for (struct json_value v = json_first(data); v.doc && out->count < a->order->n;
         v = json_next(data, v)) {
        const char *text;
        size_t len;
        if (json_text(json_get(v, "b64_json"), &arena, &text, &len) &&
            decode(text, len, &out->pictures[out->count]))
            out->count++;
        else
            buf_reset(&out->pictures[out->count]);
    }
    arena_release(&arena);
    snprintf(out->model, sizeof out->model, "%s", a->model);
    return out->count ? 0
                      : err_at(error, "provider", RAUM_EPROVIDER_FAILED,
                               "the image service answered without a picture");
}

/* ---- tries ---- */

static bool is_stopped(const struct attempt *a)
{
    return a->means->stop && a->means->stop(a->means->arg);
}

/* Sleeps in small pieces, so that the server can end; false: it does, or time is up. */
static bool pause_for(const struct attempt *a, int64_t ms)
{
    int64_t until = now_ms() + ms;
    if (until >= a->deadline)
        return false;
    while (now_ms() < until) {
        if (is_stopped(a))
            return false;
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
    return true;
}

static int64_t wait_of(const struct attempt *a, int turn)
{
    const char *after = client_header(&a->answer, "retry-after", 0);
    int64_t ms = (int64_t)a->means->wait_ms << turn;
    if (after && *after >= '0' && *after <= '9')
        ms = strtol(after, NULL, 10) * 1000;
    return ms > WAIT_MAX_MS ? WAIT_MAX_MS : ms;
}

/* Worth another try: what passes by itself. A spent credit does not. */
static bool passes(struct attempt *a)
{
    int status = a->answer.status;
    if (status == 429)
        return !says(json_get(read_answer(a), "error"), "code", money);
    return status == 408 || status == 409 || status >= 500;
}

/* An organisation that is not verified there may not use the newest model. */
static bool falls_back(struct attempt *a)
{
    return a->answer.status == 403 && strcmp(a->model, "gpt-image-2") == 0 &&
           strstr(buf_text(&a->answer.body), "verif");
}

static int stopped(const struct attempt *a, int rc, struct raum_error *error)
{
    if (is_stopped(a))
        return err_at(error, "provider", RAUM_EBUSY, "it was stopped");
    if (rc == RAUM_EUNREACHABLE)
        return err_at(error, "provider", RAUM_EPROVIDER_FAILED, "%s",
                      now_ms() >= a->deadline
                          ? "the image service did not answer in time"
                          : "the image service cannot be reached; try again later");
    if (rc == RAUM_ETOO_LARGE)
        return err_at(error, "provider", RAUM_EPROVIDER_FAILED,
                      "the image service sent more than a picture");
    return rc;
}

static int try_all(struct attempt *a, struct results *out, struct raum_error *error)
{
    for (int turn = 0;; turn++) {
        int rc = post(a, error);
        bool silent = rc == RAUM_EUNREACHABLE && now_ms() < a->deadline;
        if (rc && !silent)
            return stopped(a, rc, error);
        if (rc == 0 && a->answer.status == 200)
            return take_pictures(a, out, error);
        if (rc == 0 && falls_back(a)) {
            a->model = "gpt-image-1";
            continue;
        }
        bool again = (silent || passes(a)) && turn + 1 < TRIES;
        if (!again || !pause_for(a, wait_of(a, turn)))
            return rc ? stopped(a, rc, error) : refused(a, error);
    }
}

int openai_run(const struct provider_means *m, const struct order *o, struct results *out,
               struct raum_error *error)
{
    struct attempt a = {.means = m, .order = o, .model = o->model};
    int rc = client_new(&a.client, error);
    if (rc)
        return rc;
    json_init(&a.doc);
    a.deadline = now_ms() + m->timeout_ms;
    rc = try_all(&a, out, error);
    json_release(&a.doc);
    client_answer_release(&a.answer);
    client_free(a.client);
    return rc;
}
