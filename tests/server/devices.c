#include "server/devices.h"

#include "engine/keyring.h"
#include "engine/seal.h"

char folder[128];
struct kit_world world, server_world;
struct kit_world *device_world[DEVICES];
struct sql *sql;
struct relay *relay;
struct device devices[DEVICES];
int lose_answers, lose_requests;
void (*meanwhile)(struct device *d);

void run(const char *text)
{
    OK(sql_run(sql, &error, text, ""));
}

/* On SQLite a file in the folder; on a PostgreSQL that the run has for itself, a schema. */
static void open_database(void)
{
    char path[600];
    const char *server = getenv("RAUM_TEST_POSTGRES");
    snprintf(path, sizeof path, "%s/server.db", folder);
    if (server && *server) {
        OK(sql_open(&sql, server, &server_world.env, &error));
        run("DROP SCHEMA IF EXISTS exchange CASCADE");
        run("CREATE SCHEMA exchange");
        sql_close(sql);
        snprintf(path, sizeof path, "%s%coptions=-csearch_path%%3Dexchange", server,
                 strchr(server, '?') ? '&' : '?');
    }
    OK(sql_open(&sql, path, &server_world.env, &error));
}

/* How many rows there are in all spaces, whoever may see them. */
int64_t count_records(void)
{
    static const char *const partitions[] = {"pa", "pb", "fam", "user:anna", "user:bert"};
    struct sql_rows *rows;
    int64_t count = 0;
    for (int i = 0; i < 5; i++) {
        OK(sql_scope(sql, "partition", partitions[i], &error));
        OK(sql_one(sql, &rows, &error,
                   "SELECT count(*) AS n FROM records r JOIN partitions p ON "
                   "p.ref = r.part WHERE p.id = ?1",
                   "s", partitions[i]));
        count += sql_int(rows, "n");
        sql_rows_free(rows);
    }
    return count;
}

/* The backup was older than all of it. */
void forget_records(void)
{
    static const char *const partitions[] = {"pa", "pb", "fam", "user:anna", "user:bert"};
    OK(sql_begin(sql, &error));
    for (int i = 0; i < 5; i++) {
        OK(sql_scope(sql, "partition", partitions[i], &error));
        run("DELETE FROM records");
    }
    OK(sql_end(sql, 0, &error));
    OK(relay_new_epoch(sql, &server_world.env, &error));
}

static void make_server(void)
{
    open_database();
    OK(sql_migrate(sql, &error));
    run("INSERT INTO accounts (id, name, email, email_verified, created, updated) VALUES ('anna', "
        "'a', 'a', 1, 0, 0), ('bert', 'b', 'b', 1, 0, 0)");
    run("INSERT INTO spaces (id, name, slug, type, created) VALUES ('pa', 'A', 'pa', 'personal', "
        "1), ('pb', 'B', 'pb', 'personal', 1), ('fam', 'F', 'fam', 'family', 2)");
    run("INSERT INTO members (id, space, account, role, created) VALUES ('1', 'pa', 'anna', "
        "'owner', 1), ('2', 'pb', 'bert', 'owner', 1), ('3', 'fam', 'anna', 'owner', 1), ('4', "
        "'fam', 'bert', 'member', 1)");
    run("INSERT INTO personal_spaces (account, space) VALUES ('anna', 'pa'), ('bert', 'pb')");
    OK(relay_new(&relay, sql, &server_world.env, &error));
}

void make_device(int i)
{
    char path[160], sentinel[64];
    struct device *d = &devices[i];
    d->account = i == 2 ? "bert" : "anna";
    snprintf(path, sizeof path, "%s/%d", folder, i);
    d->r = kit_open(path, d->account, &device_world[i]->env);
    snprintf(sentinel, sizeof sentinel, SCHEMA_PERSONAL "%s", d->account);
    if (!intern_space_find(d->r, "fam")) {
        OK(spaces_become(d->r, sentinel, i == 2 ? "pb" : "pa", &error));
        kit_join(d->r, "fam", SPACE_FAMILY, i == 2 ? ROLE_MEMBER : ROLE_OWNER);
    }
    d->personal = kit_scope(d->r, i == 2 ? "pb" : "pa");
    d->family = kit_scope(d->r, "fam");
    OK(session_new(&d->session, d->r, &error));
}

void devices_share_key(struct raum *from, struct raum *to)
{
    unsigned char id[KEYRING_ID_BYTES];
    struct db_stmt s = {0};
    struct keyring_key key;
    OK(replica_begin(from, &error));
    OK(seal_key(from, intern_space_find(from, "pa")->ref, id, &error));
    OK(replica_commit(from, &error));
    memcpy(key.id, id, sizeof id);
    memcpy(key.secret, keyring_find(from->ring, id), sizeof key.secret);
    OK(replica_begin(to, &error));
    OK(keyring_put(to->ring, &key, 1, &error));
    OK(db_prepare(to->db, &s, &db_grant_own,
                  "INSERT INTO keys (key_id, space, made) VALUES (?1, ?2, '2026')", &error));
    db_bind_blob(&s, 1, id, sizeof id);
    db_bind_int(&s, 2, intern_space_find(to, "pa")->ref);
    OK(db_run(&s, &error));
    db_finish(&s);
    OK(replica_commit(to, &error));
}

void close_device(int i)
{
    session_free(devices[i].session);
    raum_handle_free(devices[i].personal);
    raum_handle_free(devices[i].family);
    raum_close(devices[i].r);
    devices[i] = (struct device){0};
}

int devices_set_up(void **state)
{
    (void)state;
    kit_folder(folder);
    kit_world_init(&world, 5);
    kit_world_init(&server_world, 6);
    lose_answers = lose_requests = 0;
    meanwhile = NULL;
    make_server();
    for (int i = 0; i < DEVICES; i++)
        device_world[i] = &world;
    for (int i = 0; i < 3; i++)
        make_device(i);
    devices_share_key(devices[0].r, devices[1].r);
    return 0;
}

int devices_tear_down(void **state)
{
    (void)state;
    for (int i = 0; i < DEVICES; i++)
        close_device(i);
    relay_free(relay);
    sql_close(sql);
    kit_remove(folder);
    return 0;
}

/* The server's side of one request. */
int serve(struct device *d, const struct session_step *step, struct buf *out)
{
    struct arena a;
    struct json_doc doc;
    struct relay_written *written;
    struct raum_error e = {0};
    uint32_t count;
    struct relay_caller who = {.account = d->account};
    arena_init(&a, 256u << 20);
    json_init(&doc);
    int result = json_parse(&doc, step->body, step->len, 0, &e);
    if (result == 0)
        result = relay_exchange(relay, &who, &doc, step->space, &a, out, &written, &count, &e);
    json_release(&doc);
    arena_release(&a);
    return result == 0 ? 200 : result == RAUM_ENOT_FOUND ? 404 : 500;
}

bool sync_turns(struct device *d, int turns)
{
    struct session_step step;
    struct kit_world *w = device_world[d - devices];
    session_start(d->session);
    for (int turn = 0; turn < turns; turn++) {
        struct buf out;
        OK(session_next(d->session, w->now_ms, &step, &error));
        if (step.action == SESSION_IDLE)
            return false;
        if (step.action == SESSION_WAIT) {
            assert_in_range(step.until - w->now_ms, 1, 2 * SESSION_WAIT_MAX_MS);
            int64_t by = step.until - w->now_ms;
            w->now_ms += by;
            server_world.now_ms += by;
            continue;
        }
        assert_int_equal(step.action, SESSION_SEND);
        buf_init(&out, 16u << 20);
        int status = lose_requests > 0 ? 0 : serve(d, &step, &out);
        if (lose_requests > 0)
            lose_requests--;
        else if (lose_answers > 0 && lose_answers--)
            status = 0;
        assert_int_not_equal(status, 500);
        if (meanwhile && status == 200)
            meanwhile(d);
        OK(session_answer(d->session, w->now_ms, status, 0, status ? buf_text(&out) : NULL,
                          status ? out.len : 0, &error));
        buf_release(&out);
    }
    return true;
}

void sync_device(struct device *d)
{
    if (sync_turns(d, 300))
        fail_msg("a session never comes to rest: %s", session_trouble(d->session));
}

char *content(struct device *d, const char *space)
{
    struct buf out;
    buf_init(&out, 1 << 24);
    kit_dump(d->r, intern_space_find(d->r, space)->ref, &out);
    return buf_detach(&out, NULL);
}

void same(int a, int b, const char *space)
{
    char *x = content(&devices[a], space), *y = content(&devices[b], space);
    size_t from = 0; /* of the first line that differs */
    for (size_t i = 0; x[i] && x[i] == y[i]; i++)
        if (x[i] == '\n')
            from = i + 1;
    if (strcmp(x, y) != 0) {
        fprintf(stderr, "%.2000s\n---\n%.2000s\n", x + from, y + from);
        fail_msg("devices %d and %d differ in %s", a, b, space);
    }
    free(x);
    free(y);
}

void everybody(int rounds)
{
    for (int round = 0; round < rounds; round++)
        for (int i = 0; i < DEVICES; i++)
            if (devices[i].r)
                sync_device(&devices[i]);
}
