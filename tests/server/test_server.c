/* The server as a whole, with a socket: its directory, what is secret in it, one server at a time,
 * and that it begins and ends quickly. */
#include "net/client.h"
#include "server/kit.h"
#include "server/server.h"

#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct place {
    struct kit kit;
    char data[100];
    struct raum_error error;
};

static void make(struct place *p)
{
    kit_make(&p->kit);
    snprintf(p->data, sizeof p->data, "%s/data", p->kit.folder);
}

static struct server_options options_of(struct place *p)
{
    return (struct server_options){
        .data = p->data, .host = "127.0.0.1", .database = kit_is_postgres() ? p->kit.url : NULL};
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int mode_of(const struct place *p, const char *name)
{
    struct stat info;
    char path[200];
    snprintf(path, sizeof path, "%s%s%s", p->data, *name ? "/" : "", name);
    return stat(path, &info) == 0 ? (int)(info.st_mode & 0777) : -1;
}

static int get(struct server *s, const char *path, struct client_answer *answer)
{
    struct client *client;
    struct raum_error error;
    char url[200];
    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", server_port(s), path);
    assert_int_equal(client_new(&client, &error), 0);
    const struct client_request q = {.method = "GET", .url = url, .timeout_ms = 5000};
    int rc = client_run(client, &q, answer, &error);
    client_free(client);
    return rc;
}

static void test_start(void **state)
{
    (void)state;
    struct place p;
    struct server *s;
    struct client_answer answer = {0};
    make(&p);
    struct server_options o = options_of(&p);
    double before = seconds();
    assert_int_equal(server_start(&s, &o, &p.error), 0);
    assert_true(seconds() - before < 3); /* under sanitizers; without them it is 0.1 s */
    char origin[64];
    snprintf(origin, sizeof origin, "http://127.0.0.1:%d", server_port(s));
    assert_string_equal(s->origin, origin);
    assert_false(s->secure);
    assert_int_equal(get(s, "/ready", &answer), 0);
    assert_int_equal(answer.status, 200);
    client_answer_release(&answer);
    assert_int_equal(get(s, "/api/auth/nope", &answer), 0);
    assert_int_equal(answer.status, 404);
    assert_int_equal(answer.body.len, 0);
    assert_null(client_header(&answer, "content-type", 0));
    client_answer_release(&answer);
    assert_int_equal(get(s, "/metrics", &answer), 0);
    assert_non_null(strstr(buf_text(&answer.body), "raum_http_requests_total{class=\"2xx\"}"));
    client_answer_release(&answer);
    before = seconds();
    server_stop(s);
    assert_true(seconds() - before < 10);
    assert_int_equal(mode_of(&p, ""), 0700);
    assert_int_equal(mode_of(&p, "secret"), 0600);
    assert_int_equal(mode_of(&p, "vault.key"), 0600);
    assert_int_equal(mode_of(&p, "lock"), 0600);
    kit_close(&p.kit);
}

/* One at a time; and the secret and the key stay what they are. */
static void test_one_at_a_time(void **state)
{
    (void)state;
    struct place p;
    struct server *one, *two;
    char secret[200];
    unsigned char key[RAUM_KEY_BYTES];
    make(&p);
    struct server_options o = options_of(&p);
    assert_int_equal(server_open(&one, &o, &p.error), 0);
    assert_int_equal(server_open(&two, &o, &p.error), RAUM_EBUSY);
    assert_null(two);
    snprintf(secret, sizeof secret, "%s", one->secret);
    memcpy(key, one->vault_key, sizeof key);
    assert_true(strlen(secret) >= 64);
    server_stop(one);
    assert_int_equal(server_open(&two, &o, &p.error), 0);
    assert_string_equal(two->secret, secret);
    assert_memory_equal(two->vault_key, key, sizeof key);
    server_stop(two);
    server_stop(NULL);
    kit_close(&p.kit);
}

static void write_file(const struct place *p, const char *name, const char *text)
{
    char path[200];
    const struct raum_env *env = raum_env_native();
    snprintf(path, sizeof path, "%s/%s", p->data, name);
    assert_int_equal(env->file_write(env->ctx, path, text, strlen(text), 0600), 0);
}

/* G-O2: what cannot be right is said, and left as it is. */
static void test_refused(void **state)
{
    (void)state;
    struct place p;
    struct server *s;
    make(&p);
    struct server_options o = options_of(&p);
    assert_int_equal(server_open(&s, &o, &p.error), 0);
    server_stop(s);
    o.secret = "too short";
    assert_int_equal(server_open(&s, &o, &p.error), RAUM_EUSAGE);
    o.secret = NULL;
    o.origin = "raum.example";
    assert_int_equal(server_open(&s, &o, &p.error), RAUM_EUSAGE);
    o.origin = "https://raum.example/";
    assert_int_equal(server_open(&s, &o, &p.error), 0);
    assert_string_equal(s->origin, "https://raum.example");
    assert_true(s->secure);
    server_stop(s);
    o.origin = NULL;
    write_file(&p, "vault.key", "not a key");
    assert_int_equal(server_open(&s, &o, &p.error), RAUM_ECORRUPT);
    char path[200];
    void *data;
    size_t len;
    const struct raum_env *env = raum_env_native();
    snprintf(path, sizeof path, "%s/vault.key", p.data);
    assert_int_equal(env->file_read(env->ctx, path, 1000, &data, &len), 0);
    assert_int_equal(len, 9);
    free(data);
    write_file(&p, "secret", "");
    assert_int_equal(server_open(&s, &o, &p.error), RAUM_ECORRUPT);
    o.data = "/proc/none/of/that";
    assert_true(server_open(&s, &o, &p.error) < 0);
    assert_null(s);
    kit_close(&p.kit);
}

/* The same port twice: the second says so and lets go of its directory. */
static void test_port_in_use(void **state)
{
    (void)state;
    struct place a, b;
    struct server *one, *two;
    make(&a);
    make(&b);
    struct server_options o = options_of(&a), other = options_of(&b);
    assert_int_equal(server_start(&one, &o, &a.error), 0);
    other.port = server_port(one);
    assert_int_equal(server_start(&two, &other, &b.error), RAUM_EIO);
    assert_null(two);
    assert_true(strlen(b.error.text) > 0);
    other.port = 0;
    assert_int_equal(server_start(&two, &other, &b.error), 0);
    server_stop(two);
    server_stop(one);
    kit_close(&b.kit);
    kit_close(&a.kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start),
        cmocka_unit_test(test_one_at_a_time),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_port_in_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
