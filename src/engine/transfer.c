#include "engine/transfer.h"

#include "base/plant.h"
#include "engine/intern.h"
#include "engine/row.h"
#include "engine/store.h"
#include <string.h>

#define ARENA_MAX (64u << 20)

struct transfer {
    struct raum *from, *to;
    uint32_t space; /* where the rows of the walk go */
    struct arena arena;
    int64_t rows;
};

static int map_account(struct transfer *t, uint32_t ref, uint32_t *out, struct raum_error *error)
{
    const char *id = intern_account(t->from, ref);
    if (ref == t->from->account_ref || !id) {
        *out = t->to->account_ref;
        return 0;
    }
    return intern_account_ref(t->to, id, out, error);
}

static int map_stamp(struct transfer *t, struct stamp *stamp, struct raum_error *error)
{
    uint32_t account;
    const struct actor *actor = intern_actor(t->from, stamp->actor);
    if (!actor)
        return err_at(error, "transfer", RAUM_ECORRUPT, "a stamp names nobody");
    int result = map_account(t, actor->account, &account, error);
    return result ? result
                  : intern_actor_ref(t->to, account, actor->device, actor->agent, &stamp->actor,
                                     error);
}

static int map_values(struct transfer *t, const struct row *row, struct row *copy,
                      struct raum_error *error)
{
    int result = value_open(t->from, row, NULL, &row->extra, &t->arena, &copy->extra, error);
    for (int i = 0; i < row_count(row->table) && result == 0; i++) {
        const struct schema_field *f = row_field(row->table, i);
        uint32_t account;
        result = value_open(t->from, row, f, &row->values[i], &t->arena, &copy->values[i], error);
        if (result || f->type != TYPE_ACCOUNT || row->values[i].kind != VALUE_INT)
            continue;
        result = map_account(t, (uint32_t)row->values[i].i, &account, error);
        copy->values[i].i = account;
    }
    return result;
}

/* "<person>:<slot>" of the guest is the account's. */
static const char *map_id(struct transfer *t, const struct row *row)
{
    const char *colon = schema_is_slots(row->table) ? strrchr(row->id, ':') : NULL;
    size_t len = strlen(t->from->account);
    if (!colon || (size_t)(colon - row->id) != len || memcmp(row->id, t->from->account, len) != 0)
        return row->id;
    return arena_printf(&t->arena, "%s%s", t->to->account, colon);
}

static int move_row(void *arg, struct row *row, struct raum_error *error)
{
    struct transfer *t = arg;
    struct row copy = *row;
    int changed = 0;
    copy.space = t->space;
    copy.n = 0;
    copy.id = map_id(t, row);
    int result = copy.id ? map_account(t, row->author, &copy.author, error)
                         : err_set(error, RAUM_ENOMEM, NULL);
    if (result == 0)
        result = map_values(t, row, &copy, error);
    if (result == 0)
        result = map_stamp(t, &copy.stamps.row, error);
    for (uint32_t i = 0; i < copy.stamps.count && result == 0; i++)
        result = map_stamp(t, &copy.stamps.entries[i].stamp, error);
    if (result == 0)
        result = store_merge(t->to, &copy, !PLANT(ADOPT_PUSH), &t->arena, &changed, error);
    t->rows += changed > 0;
    arena_reset(&t->arena);
    return result;
}

static int map_space(struct transfer *t, const struct space *s, struct raum_error *error)
{
    const struct space *there = intern_space_find(t->to, s->id);
    if (s->type < 0)
        t->space = t->to->user_ref;
    else if (s->type == SPACE_PERSONAL)
        t->space = intern_personal(t->to)->ref;
    else if (there)
        t->space = there->ref;
    else {
        struct space copy = *s;
        int result = intern_space_add(t->to, &copy, error);
        t->space = copy.ref;
        return result;
    }
    return 0;
}

static int move_media(struct transfer *t, uint32_t from, struct raum_error *error)
{
    struct db_stmt get, put = {0};
    int result = db_prepare(
        t->from->db, &get, &db_grant_own,
        "SELECT id, hash, type, bytes, width, height, purpose, created, deleted FROM media "
        "WHERE space = ?1",
        error);
    if (result == 0)
        result = db_prepare(t->to->db, &put, &db_grant_own,
                            "INSERT OR IGNORE INTO media (space, id, hash, type, bytes, width, "
                            "height, purpose, created,"
                            " deleted) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                            error);
    if (result == 0)
        db_bind_int(&get, 1, from);
    while (result == 0 && (result = db_step(&get, error)) == 0) {
        db_bind_int(&put, 1, t->space);
        for (int i = 0; i < 9; i++)
            sqlite3_bind_value(put.stmt, 2 + i, sqlite3_column_value(get.stmt, i));
        result = db_run(&put, error);
    }
    db_finish(&get);
    db_finish(&put);
    return result == RAUM_END ? 0 : result;
}

int transfer_all(struct raum *from, struct raum *to, int64_t *rows, struct raum_error *error)
{
    struct transfer t = {.from = from, .to = to};
    int result = 0;
    arena_init(&t.arena, ARENA_MAX);
    for (uint32_t ref = 1; ref < from->space_count && result == 0; ref++) {
        const struct space *s = intern_space(from, ref);
        if (!s || s->role == 0)
            continue;
        result = map_space(&t, s, error);
        if (result == 0)
            result = row_walk(from, ref, move_row, &t, error);
        if (result == 0)
            result = move_media(&t, ref, error);
    }
    arena_release(&t.arena);
    *rows = t.rows;
    return result;
}
