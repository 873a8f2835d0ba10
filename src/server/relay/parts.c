/* Whose a partition is: spaces by membership, the user's own by name. */
#include "base/plant.h"
#include "server/relay/inside.h"

#include <string.h>

static int one_text(struct relay *r, struct arena *a, const char **out, struct raum_error *error,
                    const char *sql, const char *first, const char *second)
{
    struct sql_rows *rows;
    *out = NULL;
    int result = second ? sql_one(r->sql, &rows, error, sql, "ss", first, second)
                        : sql_one(r->sql, &rows, error, sql, "s", first);
    if (result == 0) {
        *out = sql_copy(rows, "space", a);
        if (!*out)
            result = err_set(error, RAUM_ENOMEM, NULL);
    }
    sql_rows_free(rows);
    return result == RAUM_END ? 0 : result;
}

static int personal(struct relay *r, const struct relay_caller *who, struct arena *a,
                    const char **out, struct raum_error *error)
{
    return one_text(r, a, out, error, "SELECT space FROM personal_spaces WHERE account = ?1",
                    who->account, NULL);
}

/* G-U4: one's own sentinel is one's personal space; anybody else's is refused. */
static int named(struct relay *r, const struct relay_caller *who, const char *space,
                 struct arena *a, const char **out, struct raum_error *error)
{
    size_t sentinel = strlen(SCHEMA_PERSONAL), offline = strlen(SCHEMA_OFFLINE);
    *out = space;
    if (!space)
        return personal(r, who, a, out, error);
    if (strncmp(space, SCHEMA_PERSONAL, sentinel) == 0) {
        if (strcmp(space + sentinel, who->account) == 0)
            return personal(r, who, a, out, error);
        *out = NULL;
        return 0;
    }
    if (strncmp(space, SCHEMA_OFFLINE, offline) == 0)
        return one_text(r, a, out, error,
                        "SELECT space FROM local_spaces WHERE account = ?1 AND local_id = ?2",
                        who->account, space);
    return 0;
}

static const char *user_id(const struct relay_caller *who, struct arena *a)
{
    return arena_printf(a, SCHEMA_USER "%s", who->account);
}

int relay_part_of(struct relay *r, const struct relay_caller *who, const struct wire_change *c,
                  struct arena *a, struct relay_part *out, struct raum_error *error)
{
    const struct schema_table *t = schema_table(c->table);
    const char *id = NULL;
    int result = 0;
    *out = (struct relay_part){.type = -1};
    bool own = c->space ? strncmp(c->space, SCHEMA_USER, strlen(SCHEMA_USER)) == 0
                        : t && t->level == LEVEL_USER;
    if (t && c->space && own != (t->level == LEVEL_USER)) /* G-T1 */
        return err_at(error, "relay", RAUM_EBAD_CHANGE, "a table has one level");
    if (own) {
        id = user_id(who, a);
        if (!id)
            return err_set(error, RAUM_ENOMEM, NULL);
        if (c->space && strcmp(c->space, id) != 0)
            return err_at(error, "relay", RAUM_ENOT_ALLOWED, NULL);
    } else {
        result = named(r, who, c->space, a, &id, error);
    }
    if (result == 0 && !id)
        return err_at(error, "relay", RAUM_ENOT_ALLOWED, NULL);
    out->id = id;
    return result;
}

int relay_part_read(struct relay *r, struct relay_part *p, struct raum_error *error)
{
    struct sql_rows *rows;
    int result = sql_scope(r->sql, "partition", p->id, error);
    if (result < 0)
        return result;
    result = sql_one(r->sql, &rows, error,
                     "SELECT ref, seq, records, bytes FROM partitions WHERE id = ?1", "s", p->id);
    if (result == 0) {
        p->ref = sql_int(rows, "ref");
        p->seq = sql_int(rows, "seq");
        p->records = sql_int(rows, "records");
        p->bytes = sql_int(rows, "bytes");
    }
    sql_rows_free(rows);
    return result == RAUM_END ? 0 : result;
}

/* Role, ref and seq at once; ROLE_NONE for a space that one is not in, or that is not there. */
static int read_space(struct relay *r, const struct relay_caller *who, struct relay_part *p,
                      struct raum_error *error)
{
    struct sql_rows *rows;
    int result = sql_one(r->sql, &rows, error,
                         "SELECT s.type AS type, m.role AS role, p.ref AS ref, p.seq AS seq, "
                         "p.records AS records, p.bytes AS bytes FROM members m JOIN spaces s ON "
                         "s.id = m.space LEFT JOIN partitions p ON p.id = m.space WHERE m.space = "
                         "?1 AND m.account = ?2 AND s.deleted IS NULL",
                         "ss", p->id, who->account);
    p->role = ROLE_NONE;
    if (result == 0) {
        p->type = schema_space_type(sql_text(rows, "type"));
        p->role = rights_role(sql_text(rows, "role"));
        p->ref = sql_int(rows, "ref");
        p->seq = sql_int(rows, "seq");
        p->records = sql_int(rows, "records");
        p->bytes = sql_int(rows, "bytes");
    }
    sql_rows_free(rows);
    if (PLANT(RELAY_ROLE) && p->role == ROLE_NONE) {
        p->role = ROLE_MEMBER;
        return relay_part_read(r, p, error);
    }
    return result == RAUM_END ? 0 : result;
}

static int read_locked(struct relay *r, const struct relay_caller *who, struct relay_part *p,
                       struct raum_error *error)
{
    int result = sql_scope(r->sql, "partition", p->id, error);
    if (result == 0 && sql_is_postgres(r->sql)) /* on SQLite the transaction is the lock */
        result = sql_later(r->sql, error, "SELECT ref FROM partitions WHERE id = ?1 FOR UPDATE",
                           "s", p->id);
    if (result < 0)
        return result;
    p->role = ROLE_OWNER;
    return strncmp(p->id, SCHEMA_USER, strlen(SCHEMA_USER)) == 0 ? relay_part_read(r, p, error)
                                                                 : read_space(r, who, p, error);
}

static int make_part(struct relay *r, const struct relay_part *p, struct raum_error *error)
{
    return sql_is_postgres(r->sql)
               ? sql_later(r->sql, error,
                           "INSERT INTO partitions (id, seq) VALUES (?1, 0) ON CONFLICT DO NOTHING",
                           "s", p->id)
               : sql_run(r->sql, error,
                         "INSERT INTO partitions (ref, id, seq) SELECT coalesce(max(ref), 0) + 1, "
                         "?1, 0 FROM partitions",
                         "s", p->id);
}

/* G-S1, G-S2: the role is read, and the seq given, under the lock of the partition's row. */
int relay_part_open(struct relay *r, const struct relay_caller *who, struct relay_part *p,
                    struct raum_error *error)
{
    int result = read_locked(r, who, p, error);
    if (result < 0 || p->role == ROLE_NONE || p->ref)
        return result;
    result = make_part(r, p, error);
    return result ? result : read_locked(r, who, p, error); /* another may have been quicker */
}

static struct relay_part *add(struct relay_part **list, uint32_t *count, uint32_t *cap,
                              struct arena *a)
{
    if (*count == *cap) {
        uint32_t more = *cap ? *cap * 2 : 16;
        struct relay_part *grown = arena_zero(a, more * sizeof *grown);
        if (!grown)
            return NULL;
        if (*count)
            memcpy(grown, *list, *count * sizeof *grown);
        *list = grown;
        *cap = more;
    }
    return &(*list)[(*count)++];
}

int relay_parts(struct relay *r, const struct relay_caller *who, struct arena *a,
                struct relay_part **out, uint32_t *count, struct raum_error *error)
{
    struct sql_rows *rows;
    uint32_t cap = 0;
    *out = NULL;
    *count = 0;
    struct relay_part *own = add(out, count, &cap, a);
    if (!own || !(own->id = user_id(who, a)))
        return err_set(error, RAUM_ENOMEM, NULL);
    own->type = -1;
    own->role = ROLE_OWNER;
    int result = sql_scope(r->sql, "account", who->account, error);
    if (result < 0)
        return result;
    result = sql_many(r->sql, &rows, error,
                      "SELECT id, NULL AS type, NULL AS role, ref, seq, -1 AS created FROM "
                      "partitions WHERE id = ?1 UNION ALL SELECT s.id, s.type, m.role, p.ref, "
                      "p.seq, s.created FROM members m JOIN spaces s ON s.id = m.space LEFT JOIN "
                      "partitions p ON p.id = s.id WHERE m.account = ?2 AND s.deleted IS NULL "
                      "ORDER BY created, id",
                      "ss", own->id, who->account);
    while (result == 0 && (result = sql_next(rows, error)) == 0) {
        struct relay_part *p = *out;
        if (!sql_null(rows, "type")) {
            p = add(out, count, &cap, a);
            if (!p || !(p->id = sql_copy(rows, "id", a))) {
                result = err_set(error, RAUM_ENOMEM, NULL);
                break;
            }
            p->type = schema_space_type(sql_text(rows, "type"));
            p->role = rights_role(sql_text(rows, "role"));
        }
        p->ref = sql_int(rows, "ref");
        p->seq = sql_int(rows, "seq");
    }
    sql_rows_free(rows);
    return result == RAUM_END ? 0 : result;
}
