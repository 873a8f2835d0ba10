/* Whole exchanges against a relay on SQLite: the input is lines as in tests/data/sync,
 * "POST /sync/todo anna phone" and the body below it. Whatever comes, the answer is one of the
 * wire, nobody is told of a row that is not theirs to see (G-S1, G-T9), the same requests again
 * come to rest (G-S5), and a cursor leads behind what was read (G-S2). */
#include "server/relay/relay.h"
#include "server/store/sql.h"
#include <raum/env.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INPUT_MAX 30000
#define EXCHANGES_MAX 16
#define ROUNDS_MAX 40

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct sql *sql;
static struct raum_env env;
static char folder[512];

static const char *const people[] = {"anna", "bert", "cleo"};

static int64_t same_time(void *ctx)
{
    (void)ctx;
    return INT64_C(1775030400000); /* 2026-04-01T08:00:00Z */
}

static void must(int result)
{
    if (result != 0)
        abort();
}

static void run(const char *text)
{
    must(sql_run(sql, NULL, text, ""));
}

static void remove_folder(void)
{
    static const char *const tails[] = {"", "-wal", "-shm"};
    char path[600];
    sql_close(sql);
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/server.db%s", folder, tails[i]);
        unlink(path);
    }
    rmdir(folder);
}

static void open_database(void)
{
    char path[600];
    const char *scratch = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/raum-fuzz-relay-XXXXXX", scratch ? scratch : P_tmpdir);
    if (!mkdtemp(folder))
        abort();
    env = *raum_env_native();
    env.now_ms = same_time;
    snprintf(path, sizeof path, "%s/server.db", folder);
    must(sql_open(&sql, path, &env, NULL));
    must(sql_migrate(sql, NULL));
    atexit(remove_folder);
    run("INSERT INTO accounts (id, name, email, email_verified, created, updated) VALUES "
        "('anna', 'a', 'a', 1, 0, 0), ('bert', 'b', 'b', 1, 0, 0), ('cleo', 'c', 'c', 1, 0, 0)");
    run("INSERT INTO spaces (id, name, slug, type, created) VALUES "
        "('p-anna', 'a', 'a', 'personal', 1), ('p-bert', 'b', 'b', 'personal', 1), "
        "('p-cleo', 'c', 'c', 'personal', 1), ('fam', 'f', 'f', 'family', 2)");
    run("INSERT INTO members (id, space, account, role, created) VALUES "
        "('1', 'p-anna', 'anna', 'owner', 1), ('2', 'p-bert', 'bert', 'owner', 1), "
        "('3', 'p-cleo', 'cleo', 'owner', 1), ('4', 'fam', 'anna', 'owner', 1), "
        "('5', 'fam', 'bert', 'member', 1)");
    run("INSERT INTO personal_spaces (account, space) VALUES ('anna', 'p-anna'), "
        "('bert', 'p-bert'), ('cleo', 'p-cleo')");
}

static void empty(void)
{
    must(sql_begin(sql, NULL));
    run("DELETE FROM records");
    run("DELETE FROM history");
    run("DELETE FROM receipts");
    run("DELETE FROM partitions");
    run("DELETE FROM names");
    must(sql_end(sql, 0, NULL));
}

/* ---- reading the input ---- */

struct exchange {
    char *app, *table, *body; /* app NULL: all of them; body NULL: a pull */
    const char *who, *client;
};

static char *next_line(char **at)
{
    char *line = *at, *end = line ? strchr(line, '\n') : NULL;
    if (!line || !*line)
        return NULL;
    if (end)
        *end = '\0';
    *at = end ? end + 1 : NULL;
    return line;
}

/* "/sync/todo/pull?collection=tasks" */
static void read_target(struct exchange *x, char *target)
{
    if (strncmp(target, "/sync/", 6) != 0)
        return;
    x->app = target + 6;
    char *table = strstr(x->app, "collection=");
    if (table) {
        x->table = table + 11;
        x->table[strcspn(x->table, "&")] = '\0';
    }
    x->app[strcspn(x->app, "/?")] = '\0';
}

/* The next word of a line; NULL: none. */
static char *next_word(char **at)
{
    char *word = *at + strspn(*at, " ");
    size_t len = strcspn(word, " ");
    *at = word + len + (word[len] != '\0');
    word[len] = '\0';
    return len ? word : NULL;
}

static bool read_exchange(struct exchange *x, char **at)
{
    char *line;
    *x = (struct exchange){.who = people[0]};
    while ((line = next_line(at)))
        if (strncmp(line, "POST ", 5) == 0 || strncmp(line, "GET ", 4) == 0)
            break;
    if (!line)
        return false;
    bool post = line[0] == 'P';
    (void)next_word(&line);
    char *target = next_word(&line);
    const char *who = next_word(&line);
    x->client = next_word(&line);
    if (target)
        read_target(x, target);
    for (int i = 0; i < 3; i++)
        if (who && strcmp(who, people[i]) == 0)
            x->who = people[i];
    if (post)
        x->body = next_line(at);
    return true;
}

/* ---- what must hold ---- */

static bool may_see(const char *who, const struct wire_change *c)
{
    if (strcmp(c->space, "fam") == 0)
        return strcmp(who, "cleo") != 0;
    return (strncmp(c->space, "p-", 2) == 0 && strcmp(c->space + 2, who) == 0) ||
           (strncmp(c->space, "user:", 5) == 0 && strcmp(c->space + 5, who) == 0);
}

static const struct merge_field *field(const struct wire_change *c, const char *name)
{
    for (uint32_t i = 0; i < c->count; i++)
        if (strcmp(c->fields[i].name, name) == 0)
            return &c->fields[i];
    return NULL;
}

static bool says(const struct merge_field *f, const char *text)
{
    return f && f->len == strlen(text) + 2 && memcmp(f->value + 1, text, f->len - 2) == 0;
}

static void check_changes(const char *who, bool older, const struct wire_answer *answer)
{
    for (uint32_t i = 0; i < answer->change_count; i++) {
        const struct wire_change *c = &answer->changes[i];
        if (c->error || !c->space || !may_see(who, c))
            abort();
        if (says(field(c, "visibility"), "private") && !says(field(c, "authorId"), who))
            abort();
        for (uint32_t k = 0; k < c->count && older; k++) /* an envelope tells them nothing */
            if (strcmp(c->table, "tags") == 0 && strcmp(c->fields[k].name, "name") == 0 &&
                strncmp(c->fields[k].value, "\"raum:1:", 8) == 0)
                abort();
    }
}

/* One exchange, as the route has it. true: it wrote something. */
static bool exchange(struct relay *relay, const struct exchange *x)
{
    struct arena a;
    struct json_doc doc;
    struct buf out;
    struct wire_answer answer;
    struct relay_written *written;
    struct raum_error error = {0};
    uint32_t count = 0;
    const struct relay_caller who = {
        .account = x->who, .client = x->client, .app = x->app, .table = x->body ? NULL : x->table};
    arena_init(&a, (size_t)96 << 20);
    buf_init(&out, (size_t)16 << 20);
    json_init(&doc);
    int result = x->body ? json_parse(&doc, x->body, strlen(x->body), 0, NULL) : 0;
    if (result == 0)
        result = x->body
                     ? relay_exchange(relay, &who, &doc, NULL, &a, &out, &written, &count, &error)
                     : relay_pull_json(relay, &who, "", &a, &out, &error);
    if (result != 0 && result != RAUM_EBAD_CHANGE && result != RAUM_ETOO_LARGE &&
        result != RAUM_EBAD_JSON)
        abort();
    if (result == 0) {
        must(json_parse(&doc, buf_text(&out), out.len, 0, NULL));
        must(wire_read_answer(&doc, &a, &answer, NULL));
        check_changes(x->who, x->app != NULL, &answer);
    }
    json_release(&doc);
    buf_release(&out);
    arena_release(&a);
    return count > 0;
}

/* Everything that somebody sees: no input makes more than a page, behind which nothing is. */
static void read_all(struct relay *relay, const char *account, struct arena *a)
{
    struct relay_page page;
    const struct relay_caller who = {.account = account, .client = "reader"};
    const char *since = NULL;
    for (int round = 0; round < 2; round++) {
        must(relay_pull(relay, &who, since, NULL, a, &page, NULL));
        check_changes(account, false, &page.answer);
        since = page.answer.until;
        if (round > 0 && page.answer.change_count)
            abort();
    }
}

static void run_all(struct relay *relay, const struct exchange *list, int count)
{
    struct arena a;
    bool wrote = true;
    for (int round = 0; wrote; round++) {
        wrote = false;
        for (int i = 0; i < count; i++)
            wrote |= exchange(relay, &list[i]);
        if (round > ROUNDS_MAX) /* G-S5: writers who only repeat themselves come to rest */
            abort();
    }
    arena_init(&a, (size_t)96 << 20);
    for (int i = 0; i < 3; i++)
        read_all(relay, people[i], &a);
    arena_release(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct exchange list[EXCHANGES_MAX];
    struct relay *relay;
    int count = 0;
    if (len > INPUT_MAX)
        return 0;
    if (!sql)
        open_database();
    char *text = malloc(len + 1), *at = text;
    if (!text)
        abort();
    memcpy(text, data, len);
    text[len] = '\0';
    while (count < EXCHANGES_MAX && read_exchange(&list[count], &at))
        count++;
    must(relay_new(&relay, sql, &env, NULL));
    if (count > 0)
        run_all(relay, list, count);
    relay_free(relay);
    empty();
    free(text);
    return 0;
}
