/* Exchanges of the sync wire, byte for byte, through the whole dispatcher on either database: those
 * of older clients and those of Raum's own (tests/data/sync/NAME.txt; G-S5, G-S6, G-S16, G-K1). The
 * clock is the file's. What differs from server to server has a name: "$c3" stands for any text at
 * its first place and for the same text afterwards. A file is lines:
 *
 *     # anything                              for people
 *     clock 2026-04-01T08:00:00Z
 *     sql DELETE FROM …
 *     sweep                                   what the server does once an hour
 *     POST /sync/todo anna phone              who asks, from which device (X-Client-Id); - for none
 *     {"clientId":…}                          the body, if there is one
 *     200 {"serverChanges":…}                 status and body of the answer
 *
 * With RAUM_GOLDEN_WRITE=1 the answers are written anew: read the difference. */
#include "server/kit.h"

#include "base/clock.h"
#include "server/call.h"
#include "server/relay/relay.h"

#define NAMES_MAX 64

static const char *const accounts[] = {"anna", "bert", "cleo", NULL};

static struct kit kit;
static struct server server;
static struct raum_env env;
static struct arena arena;
static int64_t now;

static int64_t file_now(void *ctx)
{
    (void)ctx;
    return now;
}

static void run_sql(const char *sql)
{
    KIT_OK(&kit, sql_run(kit.sql, &kit.error, arena_str(&arena, sql), ""));
}

/* A token as long as real ones: the name eight times. */
static const char *token_of(const char *name)
{
    return arena_printf(&arena, "%s%s%s%s%s%s%s%s", name, name, name, name, name, name, name, name);
}

static void make_person(const char *name)
{
    run_sql(arena_printf(&arena,
                         "INSERT INTO accounts (id, name, email, email_verified, created, updated) "
                         "VALUES ('%s', '%s', '%s@example.com', 1, 0, 0)",
                         name, name, name));
    run_sql(arena_printf(&arena,
                         "INSERT INTO spaces (id, name, slug, type, created) VALUES ('p-%s', '%s', "
                         "'%s', 'personal', 1)",
                         name, name, name));
    run_sql(arena_printf(&arena,
                         "INSERT INTO members (id, space, account, role, created) VALUES ('m-%s', "
                         "'p-%s', '%s', 'owner', 1)",
                         name, name, name));
    run_sql(arena_printf(
        &arena, "INSERT INTO personal_spaces (account, space) VALUES ('%s', 'p-%s')", name, name));
    KIT_OK(&kit, sql_run(kit.sql, &kit.error,
                         "INSERT INTO sessions (id, token, account, ip, agent, remember, created, "
                         "updated, expires) VALUES (?1, ?2, ?1, '', '', 0, 0, 0, ?3)",
                         "ssi", name, token_of(name), INT64_C(4102444800000)));
}

static void open_server(void)
{
    arena_init(&arena, (size_t)256 << 20);
    kit_open(&kit);
    env = *raum_env_native();
    env.now_ms = file_now;
    server = (struct server){.env = &env,
                             .origin = "http://127.0.0.1:7117",
                             .secret = "a secret of these tests only, and long enough",
                             .sql = kit.sql};
    server.options.host = "127.0.0.1";
    for (int i = 0; accounts[i]; i++)
        make_person(accounts[i]);
    run_sql("INSERT INTO spaces (id, name, slug, type, created) VALUES ('fam', 'Fam', 'fam', "
            "'family', 2)");
    run_sql("INSERT INTO members (id, space, account, role, created) VALUES ('m1', 'fam', 'anna', "
            "'owner', 1), ('m2', 'fam', 'bert', 'member', 1)");
}

static void close_server(void)
{
    kit_close(&kit);
    arena_release(&arena);
}

/* ---- names for what differs ---- */

struct names {
    char *name[NAMES_MAX], *text[NAMES_MAX];
    int count;
};

static size_t name_len(const char *at)
{
    return strspn(at, "abcdefghijklmnopqrstuvwxyz0123456789");
}

static const char *text_of(const struct names *n, const char *name, size_t len)
{
    for (int i = 0; i < n->count; i++)
        if (strlen(n->name[i]) == len && memcmp(n->name[i], name, len) == 0)
            return n->text[i];
    return NULL;
}

/* A request's names become what they stand for. */
static char *fill_in(const struct names *n, const char *line)
{
    struct buf out;
    buf_init(&out, (size_t)4 << 20);
    while (*line) {
        size_t len = *line == '$' ? name_len(line + 1) : 0;
        const char *text = len ? text_of(n, line + 1, len) : NULL;
        if (len && !text)
            fail_msg("nothing is named %.*s yet", (int)len, line + 1);
        if (text) {
            buf_str(&out, text);
            line += 1 + len;
        } else {
            buf_char(&out, *line++);
        }
    }
    char *copy = arena_copy(&arena, buf_text(&out), out.len);
    buf_release(&out);
    return copy;
}

/* Do they agree, names aside? */
static bool agrees(struct names *n, const char *wanted, const char *got)
{
    while (*wanted) {
        size_t len = *wanted == '$' ? name_len(wanted + 1) : 0;
        if (!len) {
            if (*wanted++ != *got++)
                return false;
            continue;
        }
        const char *known = text_of(n, wanted + 1, len);
        size_t text = known ? strlen(known) : strcspn(got, "\"");
        if (known && strncmp(known, got, text) != 0)
            return false;
        if (!known) {
            assert_true(n->count < NAMES_MAX);
            n->name[n->count] = arena_copy(&arena, wanted + 1, len);
            n->text[n->count++] = arena_copy(&arena, got, text);
        }
        wanted += 1 + len;
        got += text;
    }
    return *got == '\0';
}

/* What an answer says, with names in the places that differ. */
static const char *with_names(const char *answer, int step)
{
    static const char *const keys[] = {"\"syncedUntil\":\"", "\"epoch\":\""};
    for (int k = 0; k < 2; k++) {
        const char *at = strstr(answer, keys[k]);
        if (!at)
            continue;
        size_t head = (size_t)(at - answer) + strlen(keys[k]), old = strcspn(answer + head, "\"");
        const char *name = k ? "$epoch" : arena_printf(&arena, "$c%d", step);
        answer = arena_printf(&arena, "%.*s%s%s", (int)head, answer, name, answer + head + old);
    }
    return answer;
}

/* ---- running a file ---- */

struct script {
    const char *path;
    char *at; /* the rest */
    struct names names;
    int step;
    struct buf out; /* the file as it should be */
    bool write;
};

static char *next_line(struct script *s)
{
    char *line = s->at, *end = line ? strchr(line, '\n') : NULL;
    if (!line || !*line)
        return NULL;
    if (end)
        *end = '\0';
    s->at = end ? end + 1 : NULL;
    return line;
}

/* POST /sync/todo anna phone */
struct asking {
    char method[8], target[4096], who[32], client[64];
    const char *body;
};

static const char *ask(const struct asking *a)
{
    struct http_header headers[4];
    struct http_request q = {.id = "0123456789abcdef",
                             .method = a->method,
                             .host = "127.0.0.1:7117",
                             .peer = "127.0.0.1",
                             .query = "",
                             .headers = headers,
                             .body = a->body ? a->body : ""};
    arena_init(&q.arena, (size_t)4 << 20);
    buf_init(&q.answer, (size_t)16 << 20);
    char *path = arena_str(&q.arena, a->target), *mark = strchr(path, '?');
    if (mark)
        *mark = '\0';
    q.path = path;
    q.query = mark ? mark + 1 : "";
    if (strcmp(a->who, "-") != 0)
        headers[q.header_count++] = (struct http_header){
            "Authorization", arena_printf(&q.arena, "Bearer %s", token_of(a->who))};
    if (strcmp(a->client, "-") != 0)
        headers[q.header_count++] = (struct http_header){"X-Client-Id", a->client};
    if (a->body) {
        headers[q.header_count++] = (struct http_header){"Content-Type", "application/json"};
        q.body_len = strlen(a->body);
    }
    call_dispatch(&server, kit.sql, &q);
    const char *answer =
        arena_printf(&arena, "%d %.*s", q.status, (int)q.answer.len, buf_text(&q.answer));
    buf_release(&q.answer);
    arena_release(&q.arena);
    return answer;
}

static void exchange(struct script *s, const char *line)
{
    struct asking a = {.body = NULL};
    s->step++;
    if (sscanf(fill_in(&s->names, line), "%7s %4095s %31s %63s", a.method, a.target, a.who,
               a.client) != 4)
        fail_msg("%s: not a line of such a file: %s", s->path, line);
    char *next = next_line(s), *body = next && *next == '{' ? next : NULL;
    if (body)
        next = next_line(s);
    assert_non_null(next);
    a.body = body ? fill_in(&s->names, body) : NULL;
    const char *got = ask(&a);
    if (s->write)
        next = arena_str(&arena, with_names(got, s->step));
    buf_printf(&s->out, "%s\n%s%s%s\n", line, body ? body : "", body ? "\n" : "", next);
    if (!agrees(&s->names, next, got))
        fail_msg("%s, exchange %d, %s\nwanted %s\ngot    %s", s->path, s->step, line, next, got);
}

static void follow(struct script *s, char *line)
{
    uint64_t at;
    if (strncmp(line, "POST ", 5) == 0 || strncmp(line, "GET ", 4) == 0 ||
        strncmp(line, "PUT ", 4) == 0) {
        exchange(s, line);
        return;
    }
    buf_printf(&s->out, "%s\n", line);
    if (strncmp(line, "clock ", 6) == 0) {
        assert_int_equal(clock_parse(line + 6, strlen(line + 6), &at), 0);
        now = clock_ms(at);
    } else if (strncmp(line, "sql ", 4) == 0) {
        run_sql(line + 4);
    } else if (strcmp(line, "sweep") == 0) {
        KIT_OK(&kit, relay_sweep(kit.sql, now, &kit.error));
    } else if (*line && *line != '#') {
        fail_msg("%s: not a line of such a file: %s", s->path, line);
    }
}

static char *read_file(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        fail_msg("%s cannot be read", path);
    char *text = arena_alloc(&arena, (size_t)1 << 20);
    *len = fread(text, 1, ((size_t)1 << 20) - 1, f);
    text[*len] = '\0';
    fclose(f);
    return text;
}

static void run_file(void **state)
{
    char path[512];
    const char *data = getenv("RAUM_TEST_DATA");
    struct script s = {.path = path, .write = getenv("RAUM_GOLDEN_WRITE") != NULL};
    size_t len;
    char *line;
    snprintf(path, sizeof path, "%s/sync/%s.txt", data ? data : "tests/data", (const char *)*state);
    open_server();
    s.at = read_file(path, &len);
    buf_init(&s.out, (size_t)2 << 20);
    while ((line = next_line(&s)))
        follow(&s, line);
    assert_true(s.step > 3);
    if (s.write) {
        FILE *f = fopen(path, "wb");
        assert_non_null(f);
        assert_int_equal(fwrite(buf_text(&s.out), 1, s.out.len, f), s.out.len);
        assert_int_equal(fclose(f), 0);
    }
    buf_release(&s.out);
    close_server();
}

/* Planted: an answer that differs in one byte, or in a name's second place, does not agree. */
static void test_differences(void **state)
{
    struct names n = {.count = 0};
    (void)state;
    arena_init(&arena, (size_t)1 << 20);
    assert_true(agrees(&n, "200 {\"a\":\"$c1\",\"b\":1}", "200 {\"a\":\"xy\",\"b\":1}"));
    assert_true(agrees(&n, "200 {\"a\":\"$c1\"}", "200 {\"a\":\"xy\"}"));
    assert_false(agrees(&n, "200 {\"a\":\"$c1\"}", "200 {\"a\":\"xz\"}"));
    assert_false(agrees(&n, "200 {\"b\":1}", "200 {\"b\":2}"));
    assert_false(agrees(&n, "200 {\"b\":1}", "200 {\"b\":1} "));
    assert_false(agrees(&n, "200 {\"b\":1} ", "200 {\"b\":1}"));
    assert_string_equal(fill_in(&n, "{\"since\":\"$c1\",\"$\":1}"), "{\"since\":\"xy\",\"$\":1}");
    arena_release(&arena);
}

int main(void)
{
#define FILE_TEST(name) {name, run_file, NULL, NULL, (void *)(uintptr_t)name}
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_differences), FILE_TEST("older"),         FILE_TEST("older_slots"),
        FILE_TEST("older_sealed"),          FILE_TEST("older_private"), FILE_TEST("raum"),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
