/* Any JSON as the fields of any table: taken or refused, and what was taken comes back as JSON that
 * can be read, by row and by SQL, and can be written again (G-O3, G-S16). First byte: table and
 * space; the rest: two JSON texts, parted by a newline, of an insert and an update. */
#include "engine/kit.h"

#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct raum *r;
static struct raum_handle *handles[3];
static char folder[128];

static void end(void)
{
    raum_close(r);
    kit_remove(folder);
}

static void start(void)
{
    static struct kit_world world;
    kit_folder(folder);
    kit_world_init(&world, 81);
    r = kit_open(folder, "anna", &world.env);
    kit_join(r, "team", SPACE_TEAM, ROLE_MEMBER);
    handles[0] = kit_scope(r, NULL);
    handles[1] = kit_scope(r, "team");
    OK(raum_account_new(r, &handles[2], &error));
    atexit(end);
}

static void need(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "fuzz_store: %s (%s)\n", what, error.text);
        abort();
    }
}

/* The row as JSON, parsed; an object of its fields that the engine takes back as they are. */
static void read_back(struct raum_handle *h, const struct schema_table *t, const char *id)
{
    struct buf out;
    struct json_doc doc;
    char sql[100];
    buf_init(&out, 64u << 20);
    json_init(&doc);
    need(store_get(h, t->name, id, false, &out, &error) == 0, "cannot be read");
    need(json_parse(&doc, buf_text(&out), out.len, 0, &error) == 0, "is no JSON");
    need(json_equals(json_get(json_root(&doc), "id"), id), "has another id");
    struct raum_query *q;
    snprintf(sql, sizeof sql, "SELECT * FROM %s WHERE id = ?1", t->name);
    need(query_view(h, sql, &q, &error) == 0, "cannot be asked for");
    need(raum_query_bind_text(q, 1, id, strlen(id)) == 0, "cannot be bound");
    need(raum_query_step(q, &error) == 0, "is not there");
    need(raum_query_step(q, &error) == RAUM_END, "is there twice");
    raum_query_free(q);
    json_release(&doc);
    buf_release(&out);
}

static bool known(int result)
{
    return result == 0 || result == RAUM_EBAD_CHANGE || result == RAUM_EBAD_JSON ||
           result == RAUM_EIMMUTABLE_FIELD || result == RAUM_ENOT_ALLOWED ||
           result == RAUM_ENOT_FOUND || result == RAUM_ETOO_LARGE ||
           result == RAUM_ENOMEM; /* the arena of a transaction is bounded */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char id[RAUM_ID_MAX];
    if (!r)
        start();
    if (len < 2)
        return 0;
    const struct schema_table *t = &schema_tables[data[0] % schema_table_count];
    struct raum_handle *h = t->level == LEVEL_USER ? handles[2] : handles[data[0] >> 7];
    const char *first = (const char *)data + 1, *second = memchr(first, '\n', len - 1);
    size_t first_len = second ? (size_t)(second - first) : len - 1;
    need(raum_begin(r, &error) == 0, "no transaction");
    err_clear(&error);
    int result = raum_insert(h, t->name, first, first_len, id, &error);
    need(known(result), "an unexpected answer to an insert");
    if (result == 0) {
        read_back(h, t, id);
        if (second) {
            result = raum_update(h, t->name, id, second + 1, len - 2 - first_len, &error);
            need(known(result), "an unexpected answer to an update");
            if (result == 0)
                read_back(h, t, id);
        }
    }
    raum_rollback(r);
    return 0;
}
