/* A provider at the other end of the wire: what it is sent, to the byte, and everything that it may
 * do instead of making a picture. Whatever fails costs nothing, what is delivered is kept and
 * charged, no word of a prompt is in a log (G-P1, G-P5, G-P6, G-O3). */
#include "server/gallery.h"

#include "net/http.h"
#include "server/generate/generate.h"
#include <openssl/evp.h>
#include <pthread.h>
#include <unistd.h>

#define GENERATE "/api/v1/picture/generate-with-reference"
#define PROMPT "a most secret prompt \\u00fc"
#define KEY "sk-test-0123456789"
#define REQUESTS_MAX 8
#define EUROS "\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac"
#define LONG "aaa" EUROS EUROS EUROS EUROS EUROS EUROS EUROS EUROS /* cut within a character */

/* What the provider does with the next request; the last one stands for all that follow. */
struct act {
    int status;
    const char *body;     /* NULL: pictures */
    int pictures, silent; /* silent: ms without an answer */
    size_t blanks;        /* bytes of nothing in front */
    void (*meanwhile)(void);
};
static struct {
    struct http_server *http;
    const struct act *acts;
    int act_count, requests;
    struct buf bodies[REQUESTS_MAX];
    char type[REQUESTS_MAX][200], authorization[200], path[200];
    char url[64], base64[8192];
    atomic_bool ending;
} service;

static struct reply last;
static int log_fd[2];

static void put_pictures(struct buf *out, int count)
{
    buf_str(out, "{\"created\":1,\"data\":[");
    for (int i = 0; i < count; i++)
        buf_printf(out, "%s{\"b64_json\":\"%s\"}", i ? "," : "", service.base64);
    buf_str(out, "],\"usage\":{\"total_tokens\":100}}");
}

static void serve(void *arg, void *state, struct http_request *q)
{
    (void)arg, (void)state;
    int at = service.requests++;
    const struct act *act = &service.acts[at < service.act_count ? at : service.act_count - 1];
    struct buf out;
    buf_init(&out, (size_t)200 << 20);
    if (at < REQUESTS_MAX) {
        const char *type = http_header(q, "Content-Type"), *by = http_header(q, "Authorization");
        buf_reset(&service.bodies[at]);
        buf_add(&service.bodies[at], q->body, q->body_len);
        snprintf(service.type[at], sizeof service.type[at], "%s", type ? type : "");
        snprintf(service.authorization, sizeof service.authorization, "%s", by ? by : "");
        snprintf(service.path, sizeof service.path, "%s", q->path);
    }
    if (act->meanwhile)
        act->meanwhile();
    for (int ms = 0; ms < act->silent && !atomic_load(&service.ending); ms += 20)
        usleep(20000);
    char *room = act->blanks ? buf_room(&out, act->blanks) : NULL;
    if (room) {
        memset(room, ' ', act->blanks);
        out.len += act->blanks;
    }
    if (act->body)
        buf_str(&out, act->body);
    else
        put_pictures(&out, act->pictures);
    int rc = http_reply_buf(q, act->status ? act->status : 200, "application/json", &out);
    if (rc)
        q->status = 0;
    buf_release(&out);
}

static void play(const struct act *acts, int count)
{
    service.acts = acts;
    service.act_count = count;
    service.requests = 0;
}
#define PLAY(...)                                                                                  \
    static const struct act acts_[] = {__VA_ARGS__};                                               \
    play(acts_, sizeof acts_ / sizeof *acts_)

static void start_service(void)
{
    struct http_options o = {.buffered_max = (size_t)400 << 20,

                             .host = "127.0.0.1",
                             .handle = serve,
                             .body_max = (size_t)64 << 20,
                             .workers = 2};
    struct raum_error error = {0};
    struct file f = sample("gps.jpg");
    EVP_EncodeBlock((unsigned char *)service.base64, f.data, (int)f.len);
    free(f.data);
    atomic_store(&service.ending, false);
    for (int i = 0; i < REQUESTS_MAX; i++)
        buf_init(&service.bodies[i], (size_t)64 << 20);
    if (http_start(&service.http, &o, &error))
        fail_msg("%s", error.text);
    snprintf(service.url, sizeof service.url, "http://127.0.0.1:%d/v1", http_port(service.http));
}

static int set_up(void **state)
{
    start_service();
    assert_int_equal(pipe(log_fd), 0);
    struct net_log *log;
    const struct raum_env *native = raum_env_native();
    assert_int_equal(net_log_new(&log, log_fd[1], LOG_DEBUG, native->now_ms, NULL, NULL), 0);
    g.with = (struct server_options){.image_provider = "openai",
                                     .image_url = service.url,
                                     .image_key = KEY,
                                     .image_timeout_ms = 20000,
                                     .image_wait_ms = 100,
                                     .allowance = 100,
                                     .log = log};
    int rc = gallery_set_up(state);
    g.with = (struct server_options){0};
    assert_int_equal(put_as(g.anna, "fam", "face", "me", "gps.jpg"), 204);
    row(g.anna, "insert", "i1", "fam", "mediaId=\"face\";kind=\"face\";usage.aiReference=true");
    assert_int_equal(put_as(g.anna, "fam", "secret", "me", "gps.webp"), 204);
    row(g.anna, "insert", "i2", "fam", "mediaId=\"secret\";kind=\"fullbody\"");
    assert_int_equal(put_as(g.bert, "fam", "shirt", "wardrobe", "gps.png"), 204);
    assert_string_equal(pushed(g.bert, "insert", "wardrobeGarments", "g1", "fam",
                               "category=\"top\";mediaIds=[\"shirt\"]"),
                        "applied");
    return rc;
}

static int tear_down(void **state)
{
    struct net_log *log = g.desk.options.log;
    char text[65536];
    desk_done(&last);
    last = (struct reply){0};
    atomic_store(&service.ending, true);
    http_stop(service.http, 2000);
    for (int i = 0; i < REQUESTS_MAX; i++)
        buf_release(&service.bodies[i]);
    int rc = gallery_tear_down(state);
    net_log_free(log);
    close(log_fd[1]);
    ssize_t n = read(log_fd[0], text, sizeof text - 1);
    close(log_fd[0]);
    text[n > 0 ? n : 0] = '\0';
    assert_null(strstr(text, "secret prompt"));
    assert_null(strstr(text, KEY));
    assert_null(strstr(text, "Your request")); /* a service's words are the user's */
    return rc;
}

static int ask(const char *references, const char *more)
{
    char body[2048];
    desk_done(&last);
    snprintf(body, sizeof body,
             "{\"spaceId\":\"fam\",\"prompt\":\"" PROMPT "\",\"referenceMediaIds\":[%s]%s}",
             references, more);
    desk_ask(&g.desk, "POST", GENERATE, g.anna, body, &last);
    return last.status;
}

static void says(int status, const char *code, const char *text)
{
    if (last.status != status || strcmp(desk_text(&last, "error.code"), code) != 0 ||
        !strstr(desk_text(&last, "error.message"), text))
        fail_msg("%d %s", last.status, buf_text(&last.body));
    assert_null(strstr(buf_text(&last.body), "secret prompt"));
    assert_null(strstr(buf_text(&last.body), KEY));
}

static int64_t units(void)
{
    return count_of("SELECT CAST(coalesce(sum(units), 0) AS BIGINT) AS n FROM generations");
}

static int64_t pictures(void)
{
    return count_of("SELECT count(*) AS n FROM media WHERE purpose = 'picture'");
}

/* ---- what it is sent ---- */

/* The next part of a form: its head and its bytes. */
static bool next_part(const char **at, const char *end, const char *boundary, char head[400],
                      const char **data, size_t *len)
{
    char line[100];
    snprintf(line, sizeof line, "--%s", boundary);
    assert_true(strncmp(*at, line, strlen(line)) == 0);
    *at += strlen(line);
    if (strncmp(*at, "--\r\n", 4) == 0)
        return false;
    *at += 2;
    const char *body = strstr(*at, "\r\n\r\n");
    assert_non_null(body);
    snprintf(head, 400, "%.*s", (int)(body - *at), *at);
    snprintf(line, sizeof line, "\r\n--%s", boundary);
    *data = body + 4;
    const char *next = memmem(*data, (size_t)(end - *data), line, strlen(line));
    assert_non_null(next);
    *len = (size_t)(next - *data);
    *at = next + 2;
    return true;
}

static void is_sample(const char *head, const char *data, size_t len, const char *name)
{
    struct file f = sample(name);
    struct buf png;
    buf_init(&png, (size_t)8 << 20);
    assert_int_equal(image_upright(g.maker.ctx, f.data, f.len, &png, NULL), 0);
    assert_non_null(strstr(head, "name=\"image[]\"; filename="));
    assert_non_null(strstr(head, "Content-Type: image/png"));
    assert_int_equal(len, png.len);
    assert_memory_equal(data, png.data, len);
    buf_release(&png);
    free(f.data);
}

static void exactly_these_bytes(void **state)
{
    (void)state;
    static const char *const texts[][2] = {{"model", "gpt-image-1"},
                                           {"prompt", "a most secret prompt \xC3\xBC"},
                                           {"n", "2"},
                                           {"size", "1024x1536"},
                                           {"quality", "high"}};
    char head[400], name[100];
    const char *data;
    size_t len;
    PLAY({.pictures = 2});
    int status = ask("\"shirt\",\"face\"", ",\"n\":2,\"model\":\"gpt-image-1\",\"quality\":\"high\""
                                           ",\"size\":\"1024x1536\"");
    if (status != 200)
        fail_msg("%d %s", status, buf_text(&last.body));
    assert_int_equal(service.requests, 1);
    assert_string_equal(service.path, "/v1/images/edits");
    assert_string_equal(service.authorization, "Bearer " KEY);
    const char *boundary = strstr(service.type[0], "boundary=");
    assert_non_null(boundary);
    const char *at = service.bodies[0].data, *end = at + service.bodies[0].len;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_true(next_part(&at, end, boundary + 9, head, &data, &len));
        snprintf(name, sizeof name, "name=\"%s\"", texts[i][0]);
        assert_non_null(strstr(head, name));
        assert_int_equal(len, strlen(texts[i][1]));
        assert_memory_equal(data, texts[i][1], len);
    }
    assert_true(next_part(&at, end, boundary + 9, head, &data, &len));
    is_sample(head, data, len, "gps.png"); /* in the order that was asked for */
    assert_true(next_part(&at, end, boundary + 9, head, &data, &len));
    is_sample(head, data, len, "gps.jpg");
    assert_false(bytes_contain(service.bodies[0].data, service.bodies[0].len, "GPS"));
    assert_false(next_part(&at, end, boundary + 9, head, &data, &len));
    assert_string_equal(desk_text(&last, "model"), "gpt-image-1");
    assert_int_equal(json_count(json_get(last.json, "images")), 2);
    assert_int_equal(units(), 50);
    assert_int_equal(pictures(), 2);
}

/* ---- without consent nothing is sent at all ---- */

static void consent_off(void)
{
    g.meanwhile = NULL;
    row(g.bert, "update", "i1", "fam", "usage.aiReference=false");
}

static void nothing_sent(void **state)
{
    (void)state;
    PLAY({.pictures = 1});
    assert_int_equal(ask("\"face\",\"secret\"", ""), 403);
    says(403, "CONSENT_REQUIRED", "");
    g.meanwhile = consent_off; /* while the bytes are read */
    assert_int_equal(ask("\"shirt\",\"face\"", ""), 403);
    says(403, "CONSENT_REQUIRED", "");
    assert_int_equal(service.requests, 0);
    assert_int_equal(units(), 0);
}

/* Between two tries: the bytes do not leave a second time. */
static void off_between_tries(void **state)
{
    (void)state;
    PLAY({.status = 500, .body = "{}", .meanwhile = consent_off}, {.pictures = 1});
    assert_int_equal(ask("\"face\"", ""), 403);
    assert_int_equal(service.requests, 1);
    assert_int_equal(units(), 0);
    assert_int_equal(pictures(), 0);
}

/* ---- what it may do ---- */

static void moderation(void **state)
{
    (void)state;
    PLAY({.status = 400,
          .body = "{\"error\":{\"message\":\"Your request was rejected by the safety system\","
                  "\"type\":\"image_generation_user_error\",\"code\":\"moderation_blocked\"}}"});
    assert_int_equal(ask("\"face\"", ""), 502);
    says(502, "PROVIDER_FAILED", "rules of content: Your request was rejected");
    assert_int_equal(service.requests, 1);
    assert_int_equal(units(), 0);
    assert_int_equal(count_of("SELECT count(*) AS n FROM generations WHERE state = 'failed'"
                              " AND outcome = 'PROVIDER_FAILED'"),
                     1);
}

static void other_refusals(void **state)
{
    (void)state;
    static const struct {
        struct act act;
        const char *says;
        int requests;
    } cases[] = {
        {{.status = 401, .body = "{\"error\":{\"code\":\"invalid_api_key\"}}"}, "key", 1},
        {{.status = 429, .body = "{\"error\":{\"code\":\"insufficient_quota\"}}"}, "credit", 1},
        {{.status = 429, .body = "{\"error\":{\"code\":\"rate_limit_exceeded\"}}"}, "too much", 3},
        {{.status = 500, .body = "<html>"}, "out of order (500)", 3},
        {{.status = 400, .body = "{\"error\":{\"message\":\"n\\u0000\\u001b[31m\"}}"}, "(400)", 1},
        {{.status = 302, .body = ""}, "(302)", 1},
        {{.status = 400, .body = "{\"error\":{\"message\":\"" LONG "\"}}"}, "(400): aaa", 1},
        {{.body = "not json"}, "without a picture", 1},
        {{.body = "{}"}, "without a picture", 1},
        {{.body = "{\"data\":[]}"}, "without a picture", 1},
        {{.body = "{\"data\":[{\"b64_json\":\"AAA\"}]}"}, "without a picture", 1},
        {{.body = "{\"data\":[{\"b64_json\":\"A A=\"}]}"}, "without a picture", 1},
        {{.body = "{\"data\":[{\"url\":\"http://x/\"}]}"}, "without a picture", 1},
        {{.body = "{\"data\":[{\"b64_json\":\"PHN2Zz48L3N2Zz4=\"}]}"}, "no picture", 1},
        {{.body = "{\"data\":[{\"b64_json\":\"iVBORw0KGgoAAAAN\"}]}"}, "no picture", 1},
        {{.pictures = 1, .blanks = (size_t)70 << 20}, "more than a picture", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        play(&cases[i].act, 1);
        ask("\"face\"", "");
        says(502, "PROVIDER_FAILED", cases[i].says);
        if (service.requests != cases[i].requests)
            fail_msg("%zu: %d requests", i, service.requests);
        for (const char *c = buf_text(&last.body); *c; c++)
            assert_true((unsigned char)*c >= ' ');
        assert_true(json_is(last.json, JSON_OBJECT)); /* so it is UTF-8 */
    }
    assert_int_equal(units(), 0);
    assert_int_equal(pictures(), 0);
    assert_int_equal(files_in("generated"), 0);
}

static void on_the_second_try(void **state)
{
    (void)state;
    PLAY({.status = 503, .body = "{}"}, {.pictures = 1});
    assert_int_equal(ask("\"face\"", ""), 200);
    assert_int_equal(service.requests, 2);
    assert_int_equal(units(), 10);
}

static void another_model(void **state)
{
    (void)state;
    PLAY(
        {.status = 403, .body = "{\"error\":{\"message\":\"Your organization must be verified\"}}"},
        {.pictures = 1});
    assert_int_equal(ask("\"face\"", ",\"model\":\"gpt-image-2\""), 200);
    assert_string_equal(desk_text(&last, "model"), "gpt-image-1");
    assert_true(bytes_contain(service.bodies[1].data, service.bodies[1].len, "gpt-image-1\r\n"));
    assert_int_equal(count_of("SELECT count(*) AS n FROM generations WHERE model = 'gpt-image-1'"),
                     1);
}

/* Fewer than were asked for cost fewer; a broken one among them costs nothing. */
static void what_is_delivered(void **state)
{
    (void)state;
    char body[sizeof service.base64 + 200];
    snprintf(body, sizeof body,
             "{\"data\":[{\"b64_json\":\"AAAA\"},{\"b64_json\":\"%s\"},{\"b64_json\":3}]}",
             service.base64);
    const struct act act = {.body = body};
    play(&act, 1);
    assert_int_equal(ask("\"face\"", ",\"n\":3,\"quality\":\"low\""), 200);
    assert_int_equal(json_count(json_get(last.json, "images")), 1);
    assert_int_equal(units(), 3);
    assert_int_equal(pictures(), 1);
}

static void the_allowance(void **state)
{
    (void)state;
    PLAY({.pictures = 4});
    assert_int_equal(ask("\"face\"", ",\"n\":4"), 200);
    assert_int_equal(ask("\"face\"", ",\"n\":4"), 200);
    assert_int_equal(ask("\"face\"", ",\"n\":3"), 402);
    says(402, "LIMIT", "20 units are left");
    assert_int_equal(ask("\"face\"", ",\"n\":1,\"quality\":\"high\""), 402);
    assert_int_equal(service.requests, 2);
    assert_int_equal(ask("\"face\"", ",\"n\":2"), 200);
    assert_int_equal(units(), 100);
    assert_int_equal(ask("\"face\"", ",\"quality\":\"low\""), 402);
    KIT_OK(&g.desk.kit, ledger_set(g.desk.sql, "fam", 103, &g.desk.kit.error));
    assert_int_equal(ask("\"face\"", ",\"quality\":\"low\""), 200);
    assert_int_equal(ask("\"face\"", ",\"quality\":\"low\""), 402);
    KIT_OK(&g.desk.kit, ledger_set(g.desk.sql, "fam", -1, &g.desk.kit.error));
    run_sql("UPDATE sessions SET expires = expires + 100000000000");
    g.now += LEDGER_WINDOW_MS - 1000;
    assert_int_equal(ask("\"face\"", ",\"quality\":\"low\""), 402);
    g.now += 3600000;
    assert_int_equal(ask("\"face\"", ",\"quality\":\"low\""), 200);
}

/* It hangs: the user is told in time, nothing is charged. */
static void it_hangs(void **state)
{
    (void)state;
    PLAY({.silent = 30000, .pictures = 1});
    desk_restart(&g.desk);
    g.desk.sql = g.desk.server->sql;
    int64_t begun = raum_env_native()->now_ms(NULL);
    assert_int_equal(ask("\"face\"", ""), 502);
    says(502, "PROVIDER_FAILED", "did not answer in time");
    int64_t took = raum_env_native()->now_ms(NULL) - begun;
    assert_true(took >= 900 && took < 10000);
    assert_int_equal(service.requests, 1);
    assert_int_equal(units(), 0);
}

static int set_up_hasty(void **state)
{
    int rc = set_up(state);
    g.desk.options.image_timeout_ms = 1000;
    return rc;
}

static void *stop_soon(void *arg)
{
    usleep(300000);
    generator_stop(arg);
    return NULL;
}

/* The server ends while a service is at work. */
static void it_is_stopped(void **state)
{
    (void)state;
    pthread_t thread;
    PLAY({.silent = 30000, .pictures = 1});
    assert_int_equal(pthread_create(&thread, NULL, stop_soon, g.desk.server->generator), 0);
    int64_t begun = raum_env_native()->now_ms(NULL);
    assert_int_equal(ask("\"face\"", ""), 503);
    assert_true(raum_env_native()->now_ms(NULL) - begun < 5000);
    pthread_join(thread, NULL);
    assert_int_equal(units(), 0);
}

static void it_is_away(void **state)
{
    (void)state;
    atomic_store(&service.ending, true);
    http_stop(service.http, 100);
    assert_int_equal(ask("\"face\"", ""), 502);
    says(502, "PROVIDER_FAILED", "cannot be reached");
    assert_int_equal(units(), 0);
    start_service();
}

/* ---- nothing that was paid for is lost ---- */

static int (*true_put)(void *, const struct media_resizer *, const void *, size_t,
                       struct media_item *, struct raum_error *);
static int full(void *ctx, const struct media_resizer *r, const void *data, size_t len,
                struct media_item *item, struct raum_error *error)
{
    (void)ctx, (void)r, (void)data, (void)len, (void)item;
    return err_set(error, RAUM_EFULL, NULL);
}

static void the_disk_is_full(void **state)
{
    (void)state;
    struct storage *storage = &g.desk.server->media->storage;
    PLAY({.pictures = 2});
    true_put = storage->put;
    storage->put = full;
    assert_int_equal(ask("\"face\"", ",\"n\":2"), 507);
    says(507, "FULL", "was made");
    assert_int_equal(units(), 20);
    assert_int_equal(pictures(), 0);
    assert_int_equal(files_in("generated"), 2);
    KIT_OK(&g.desk.kit, generator_sweep(g.desk.server->generator, g.desk.sql, &g.desk.kit.error));
    assert_int_equal(files_in("generated"), 2); /* still in the hands of the request */
    g.now += 61000;
    assert_int_equal(generator_sweep(g.desk.server->generator, g.desk.sql, &g.desk.kit.error),
                     RAUM_EFULL);
    assert_int_equal(files_in("generated"), 2);
    storage->put = true_put;
    KIT_OK(&g.desk.kit, generator_sweep(g.desk.server->generator, g.desk.sql, &g.desk.kit.error));
    assert_int_equal(files_in("generated"), 0);
    assert_int_equal(pictures(), 2);
    assert_int_equal(count_of("SELECT count(*) AS n FROM media_refs r JOIN names n"
                              " ON n.ref = r.tbl WHERE n.name = 'images'"),
                     2);
    assert_int_equal(units(), 20);
}

/* Whoever has left in between gets nothing, and nothing stays behind. */
static void gone_in_between(void **state)
{
    (void)state;
    PLAY({.pictures = 1});
    g.desk.server->media->storage.put = full;
    true_put = NULL;
    assert_int_equal(ask("\"face\"", ""), 507);
    run_sql("DELETE FROM members WHERE id = 'fam-0'");
    struct storage whole;
    KIT_OK(&g.desk.kit,
           storage_directory(&whole, raum_env_native(), g.desk.kit.folder, &g.desk.kit.error));
    g.desk.server->media->storage.put = whole.put;
    whole.free(whole.ctx);
    g.now += 61000;
    KIT_OK(&g.desk.kit, generator_sweep(g.desk.server->generator, g.desk.sql, &g.desk.kit.error));
    assert_int_equal(files_in("generated"), 0);
    assert_int_equal(pictures(), 0);
}

/* A server that was killed: what it had reserved comes back, what lies about goes. */
static void killed(void **state)
{
    (void)state;
    char path[300];
    PLAY({.pictures = 1});
    snprintf(path, sizeof path, "%s/generated/left-over", g.desk.kit.folder);
    file_spit(path, "x", 1);
    const struct ledger_entry e = {.id = "e",
                                   .space = "fam",
                                   .account = "a",
                                   .model = "m",
                                   .refs = "[]",
                                   .size = "s",
                                   .quality = "q",
                                   .row = "{}",
                                   .wanted = 1,
                                   .units = 95};
    KIT_OK(&g.desk.kit, ledger_reserve(g.desk.sql, &e, 100, g.now, &g.desk.kit.error));
    assert_int_equal(ask("\"face\"", ""), 402);
    KIT_OK(&g.desk.kit, generator_sweep(g.desk.server->generator, g.desk.sql, &g.desk.kit.error));
    assert_int_equal(ask("\"face\"", ""), 402);
    assert_int_equal(files_in("generated"), 1);
    g.now += 2 * 3600000;
    KIT_OK(&g.desk.kit, generator_sweep(g.desk.server->generator, g.desk.sql, &g.desk.kit.error));
    assert_int_equal(files_in("generated"), 0);
    assert_int_equal(ask("\"face\"", ""), 200);
}

static int run(void)
{
#define O(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        O(exactly_these_bytes),
        O(nothing_sent),
        O(off_between_tries),
        O(moderation),
        O(other_refusals),
        O(on_the_second_try),
        O(another_model),
        O(what_is_delivered),
        O(the_allowance),
        O(it_is_stopped),
        O(it_is_away),
        O(the_disk_is_full),
        O(gone_in_between),
        O(killed),
        cmocka_unit_test_setup_teardown(it_hangs, set_up_hasty, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
    return gallery_main(argc, argv, run);
}
