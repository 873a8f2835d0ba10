#include "engine/live_list.h"

#include <stdlib.h>
#include <string.h>

#define ROWS_MAX 10000 /* LIVE_ROWS_MAX of engine/live.h */
#define KEYS_MAX (16u << 20)
#define CELLS_MAX (64u << 20)

void live_list_init(struct live_list *list)
{
    *list = (struct live_list){0};
    buf_init(&list->keys, KEYS_MAX);
    buf_init(&list->cells, CELLS_MAX);
}

void live_list_release(struct live_list *list)
{
    free(list->rows);
    buf_release(&list->keys);
    buf_release(&list->cells);
    live_list_init(list);
}

/* ---- hashing: eight bytes a step, each step a bijection of the state, so that no change of one
 * cell is lost; two different rows agree by chance once in 2^64. Not meant to withstand somebody
 * who looks for collisions: all they would gain is that a watcher sees a row late. ---- */

static uint64_t mix(uint64_t h, uint64_t value)
{
    h = (h ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    return h ^ h >> 32;
}

static uint64_t mix_bytes(uint64_t h, const void *data, size_t len)
{
    const char *at = data;
    uint64_t word;
    h = mix(h, len);
    for (; len >= 8; at += 8, len -= 8) {
        memcpy(&word, at, 8);
        h = mix(h, word);
    }
    word = 0;
    if (len)
        memcpy(&word, at, len);
    return mix(h, word);
}

static uint64_t mix_cell(uint64_t h, sqlite3_value *value)
{
    int type = sqlite3_value_type(value);
    double real;
    h = mix(h, (uint64_t)type);
    switch (type) {
    case SQLITE_INTEGER:
        return mix(h, (uint64_t)sqlite3_value_int64(value));
    case SQLITE_FLOAT:
        real = sqlite3_value_double(value);
        return mix_bytes(h, &real, sizeof real);
    case SQLITE_NULL:
        return h;
    default: {
        const void *data = sqlite3_value_blob(value); /* of a text: its bytes */
        return mix_bytes(h, data, (size_t)sqlite3_value_bytes(value));
    }
    }
}

/* ---- the index ---- */

int live_index_init(struct live_index *index, const struct live_list *list,
                    struct raum_error *error)
{
    uint32_t size = 16;
    while (size < list->count * 2)
        size *= 2;
    *index = (struct live_index){.list = list, .mask = size - 1};
    index->heads = malloc(size * sizeof *index->heads);
    index->next = malloc((list->count + 1) * sizeof *index->next);
    if (!index->heads || !index->next) {
        live_index_release(index);
        return err_set(error, RAUM_ENOMEM, NULL);
    }
    memset(index->heads, 0xff, size * sizeof *index->heads);
    /* Backwards: the first of equal keys is found first. */
    for (uint32_t i = list->count; i-- > 0;) {
        uint32_t *head = &index->heads[list->rows[i].key & index->mask];
        index->next[i] = *head;
        *head = i;
    }
    return 0;
}

void live_index_release(struct live_index *index)
{
    free(index->heads);
    free(index->next);
    index->heads = index->next = NULL;
}

/* Takes the first row of that key out of the index. */
static uint32_t take(struct live_index *index, const struct live_list *list,
                     const struct live_row *row)
{
    uint32_t *link = &index->heads[row->key & index->mask];
    for (; *link != LIVE_NONE; link = &index->next[*link]) {
        const struct live_row *old = &index->list->rows[*link];
        if (old->key == row->key && old->key_len == row->key_len &&
            memcmp(buf_text(&index->list->keys) + old->key_at, buf_text(&list->keys) + row->key_at,
                   row->key_len) == 0) {
            uint32_t found = *link;
            *link = index->next[found];
            return found;
        }
    }
    return LIVE_NONE;
}

/* ---- rows ---- */

static void keep_cells(struct live_list *list, sqlite3_stmt *stmt)
{
    int count = sqlite3_column_count(stmt);
    for (int i = 0; i < count; i++) {
        char type = (char)sqlite3_column_type(stmt, i);
        buf_char(&list->cells, type);
        if (type == SQLITE_INTEGER) {
            sqlite3_int64 whole = sqlite3_column_int64(stmt, i);
            buf_add(&list->cells, &whole, sizeof whole);
        } else if (type == SQLITE_FLOAT) {
            double real = sqlite3_column_double(stmt, i);
            buf_add(&list->cells, &real, sizeof real);
        } else if (type != SQLITE_NULL) {
            const void *data = sqlite3_column_blob(stmt, i);
            int len = sqlite3_column_bytes(stmt, i);
            buf_add(&list->cells, &len, sizeof len);
            buf_add(&list->cells, data ? data : "", (size_t)len);
        }
    }
}

static int grow(struct live_list *list, struct raum_error *error)
{
    if (list->count == ROWS_MAX)
        return err_at(error, "live", RAUM_ELIMIT, "a live query has at most %d rows", ROWS_MAX);
    if (list->count < list->cap)
        return 0;
    uint32_t cap = list->cap ? list->cap * 2 : 64;
    struct live_row *rows = realloc(list->rows, cap * sizeof *rows);
    if (!rows)
        return err_set(error, RAUM_ENOMEM, NULL);
    list->rows = rows;
    list->cap = cap;
    return 0;
}

int live_add(struct live_list *list, struct live_index *before, sqlite3_stmt *stmt, int key,
             uint64_t seed, struct raum_error *error)
{
    int result = grow(list, error);
    if (result < 0)
        return result;
    struct live_row *row = &list->rows[list->count];
    *row = (struct live_row){.hash = seed, .was = LIVE_NONE};
    int count = sqlite3_column_count(stmt);
    for (int i = 0; i < count; i++)
        row->hash = mix_cell(row->hash, sqlite3_column_value(stmt, i));
    if (key >= 0) {
        const unsigned char *text = sqlite3_column_text(stmt, key);
        row->key_len = text ? (uint32_t)sqlite3_column_bytes(stmt, key) : 0;
        row->key_at = (uint32_t)list->keys.len;
        row->key = mix_bytes(seed, text, row->key_len);
        row->key ^= row->key >> 29;
        buf_add(&list->keys, text ? (const char *)text : "", row->key_len + 1);
        row->was = take(before, list, row);
    } else if (list->count < before->list->count) {
        row->was = list->count;
    }
    if (row->was == LIVE_NONE || before->list->rows[row->was].hash != row->hash) {
        row->cells = (uint32_t)list->cells.len;
        keep_cells(list, stmt);
    }
    list->count++;
    result = buf_error(&list->keys, error);
    return result < 0 ? result : buf_error(&list->cells, error);
}

const char *live_key(const struct live_list *list, uint32_t at)
{
    return buf_text(&list->keys) + list->rows[at].key_at;
}

void live_bind(const struct live_list *list, uint32_t at, sqlite3_stmt *stmt)
{
    const char *cell = buf_text(&list->cells) + list->rows[at].cells;
    int count = sqlite3_bind_parameter_count(stmt);
    for (int i = 1; i <= count; i++) {
        char type = *cell++;
        sqlite3_int64 whole;
        double real;
        int len;
        if (type == SQLITE_INTEGER) {
            memcpy(&whole, cell, sizeof whole);
            sqlite3_bind_int64(stmt, i, whole);
            cell += sizeof whole;
        } else if (type == SQLITE_FLOAT) {
            memcpy(&real, cell, sizeof real);
            sqlite3_bind_double(stmt, i, real);
            cell += sizeof real;
        } else if (type == SQLITE_NULL) {
            sqlite3_bind_null(stmt, i);
        } else {
            memcpy(&len, cell, sizeof len);
            cell += sizeof len;
            if (type == SQLITE_TEXT)
                sqlite3_bind_text(stmt, i, cell, len, SQLITE_STATIC);
            else
                sqlite3_bind_blob(stmt, i, cell, len, SQLITE_STATIC);
            cell += len;
        }
    }
}

/* ---- the way from one list to the other ---- */

/* Marks the longest ascending run of `now` (rows of the new list in the order of the old one):
 * those stay where they are. Patience sorting: ends[k] is the place where the best run of length k
 * + 1 ends. */
static void mark_stays(struct live_diff *d, uint32_t count, uint32_t *ends, uint32_t *before)
{
    uint32_t length = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t low = 0, high = length;
        while (low < high) {
            uint32_t middle = (low + high) / 2;
            if (d->now[ends[middle]] < d->now[i])
                low = middle + 1;
            else
                high = middle;
        }
        before[i] = low ? ends[low - 1] : LIVE_NONE;
        ends[low] = i;
        if (low == length)
            length++;
    }
    for (uint32_t at = length ? ends[length - 1] : LIVE_NONE; at != LIVE_NONE; at = before[at])
        d->stays[d->now[at]] = true;
}

/* Fills `now` with the rows that survive, in the old order. */
static uint32_t survivors(struct live_diff *d)
{
    uint32_t count = 0;
    uint32_t *place = d->now + d->new->count; /* second half: old place -> new row */
    for (uint32_t i = 0; i < d->new->count; i++)
        if (d->new->rows[i].was != LIVE_NONE) {
            d->survives[d->new->rows[i].was] = true;
            place[d->new->rows[i].was] = i;
        }
    for (uint32_t i = 0; i < d->old->count; i++)
        if (d->survives[i])
            d->now[count++] = place[i];
    return count;
}

int live_diff_init(struct live_diff *d, const struct live_list *old, const struct live_list *new,
                   struct raum_error *error)
{
    *d = (struct live_diff){.old = old, .new = new};
    size_t size = (size_t)new->count + old->count + 1;
    d->now = malloc(size * sizeof *d->now);
    d->stays = calloc(new->count + 1, sizeof *d->stays);
    d->survives = calloc(old->count + 1, sizeof *d->survives);
    uint32_t *scratch = malloc(2 * size * sizeof *scratch);
    if (!d->now || !d->stays || !d->survives || !scratch) {
        free(scratch);
        live_diff_release(d);
        return err_set(error, RAUM_ENOMEM, NULL);
    }
    d->any = old->count != new->count;
    for (uint32_t i = 0; i < new->count && !d->any; i++)
        d->any = new->rows[i].was != i || new->rows[i].hash != old->rows[i].hash;
    if (d->any)
        mark_stays(d, survivors(d), scratch, scratch + size);
    free(scratch);
    return 0;
}

void live_diff_release(struct live_diff *d)
{
    free(d->now);
    free(d->stays);
    free(d->survives);
    d->now = NULL;
    d->stays = d->survives = NULL;
}

/* Puts each row of the new list right behind the one before it; what is not yet placed may stand
 * between. */
static bool place_rows(struct live_diff *d, live_each *each, void *arg)
{
    uint32_t count = survivors(d), *now = d->now, end = 0; /* end: behind the row placed last */
    for (uint32_t i = 0; i < d->new->count; i++) {
        struct live_change change = {.kind = LIVE_INSERT, .from = -1, .row = i};
        uint32_t from = end;
        if (d->new->rows[i].was == LIVE_NONE) {
            from = count++;
        } else {
            if (!d->stays[i] && !(end < count && now[end] == i))
                from = 0;
            while (now[from] != i)
                from++;
            change.kind = LIVE_MOVE;
            change.from = (int)from;
        }
        if (d->stays[i] || (change.kind == LIVE_MOVE && from == end)) {
            end = from + 1;
            continue;
        }
        if (from < end) {
            end--;
            memmove(now + from, now + from + 1, (end - from) * sizeof *now);
        } else {
            memmove(now + end + 1, now + end, (from - end) * sizeof *now);
        }
        now[end] = i;
        change.to = (int)end++;
        if (!each(arg, &change))
            return false;
    }
    return true;
}

bool live_diff_walk(struct live_diff *d, live_each *each, void *arg)
{
    if (!d->any)
        return true;
    for (uint32_t i = d->old->count; i-- > 0;)
        if (!d->survives[i]) {
            struct live_change gone = {LIVE_DELETE, (int)i, -1, i};
            if (!each(arg, &gone))
                return false;
        }
    if (!place_rows(d, each, arg))
        return false;
    for (uint32_t i = 0; i < d->new->count; i++) {
        const struct live_row *row = &d->new->rows[i];
        if (row->was == LIVE_NONE || d->old->rows[row->was].hash == row->hash)
            continue;
        struct live_change update = {LIVE_UPDATE, (int)i, (int)i, i};
        if (!each(arg, &update))
            return false;
    }
    return true;
}
