#include "engine/model.h"

/* Bits of `dirty` are the tags that stand in files (tests/data/schema.txt). */
const struct mcolumn columns[TABLES][FIELDS] = {
    [T_IMAGES] = {{"visibility", 1, false},
                  {"createdAt", 3, true},
                  {"deletedAt", 2, false},
                  {"kind", 8, false},
                  {"label", 9, false},
                  {"usage.aiReference", 14, false},
                  {"subjectId", 16, true},
                  {"x", 0, false}},
    [T_SLOTS] = {{"visibility", 1, false},
                 {"createdAt", 3, true},
                 {"deletedAt", 2, false},
                 {"person", 8, true},
                 {"slot", 9, true},
                 {"imageId", 10, false},
                 {0},
                 {"x", 0, false}},
    [T_TAGS] = {{"visibility", 1, false},
                {"createdAt", 3, true},
                {"deletedAt", 2, false},
                {"name", 8, false},
                {"color", 9, false},
                {0},
                {0},
                {"x", 0, false}},
    [T_SETTINGS] = {{"visibility", 1, false},
                    {"createdAt", 3, true},
                    {"deletedAt", 2, false},
                    {"theme", 8, false},
                    {"locale", 9, false},
                    {0},
                    {0},
                    {"x", 0, false}},
};
const char *const table_names[TABLES] = {"meImages", "meSlots", "tags", "userSettings"};
const char *const accounts[ACCOUNTS] = {"anna", "bert", "carl"};

uint64_t oracle_all_tags(enum table t, bool extra)
{
    static const uint64_t own[TABLES] = {0x1ff00, 0x700, 0x1f00, 0x300};
    return own[t] | 0xe | extra;
}

struct mrow *oracle_find(struct mreplica *x, enum table t, int space, const char *id)
{
    for (int i = 0; i < ROWS; i++) {
        struct mrow *row = &x->rows[i];
        if (row->used && row->table == t && row->space == space && strcmp(row->id, id) == 0)
            return row;
    }
    return NULL;
}

struct mrow *oracle_new(struct mreplica *x, enum table t, int space, const char *id)
{
    for (int i = 0; i < ROWS; i++)
        if (!x->rows[i].used) {
            x->rows[i] = (struct mrow){.used = true, .table = t, .space = space};
            snprintf(x->rows[i].id, VALUE, "%s", id);
            return &x->rows[i];
        }
    differs("the oracle is full");
}

bool oracle_private(const struct mrow *row)
{
    return strcmp(row->f[F_VISIBILITY].value, "\"private\"") == 0;
}

bool oracle_deleted(const struct mrow *row)
{
    return strcmp(row->f[F_DELETED].value, "null") != 0;
}

bool oracle_hidden(const struct mreplica *x, const struct mrow *row)
{
    return oracle_private(row) && row->author != x->account;
}

int oracle_space(const struct mreplica *x, const char *id)
{
    for (int i = 0; i < SPACES; i++)
        if (x->spaces[i].used && strcmp(x->spaces[i].id, id) == 0)
            return i;
    return -1;
}

/* ---- rights ---- */

static bool text_is(const char *json, const char *text)
{
    size_t len = strlen(text);
    return strlen(json) == len + 2 && memcmp(json + 1, text, len) == 0;
}

static int in_scope(const struct mreplica *x, int space)
{
    if (space == SPACE_USER)
        return 0;
    if (space == NOT_READY)
        return RAUM_ESCOPE_NOT_READY;
    return x->spaces[space].used && x->spaces[space].role != ROLE_NONE ? 0 : RAUM_ENOT_FOUND;
}

/* The picture that a slot is to hold: there, to be seen, of that person. */
static int slot_picture(struct mreplica *x, int space, const char *person, const char *value)
{
    char id[VALUE];
    if (strcmp(value, "null") == 0)
        return 0;
    snprintf(id, sizeof id, "%.*s", (int)strlen(value) - 2, value + 1);
    const struct mrow *image = oracle_find(x, T_IMAGES, space, id);
    if (!image || oracle_deleted(image) || oracle_hidden(x, image))
        return RAUM_ENOT_FOUND;
    return strcmp(image->f[F_D].value, person) == 0 ? 0 : RAUM_ENOT_ALLOWED;
}

static bool one_of(const char *value, const char *list)
{
    const char *found = strstr(list, value);
    return found && value[0] == '"';
}

/* A value that its field does not take. */
static bool bad_value(enum table t, enum field f, const char *value)
{
    static const unsigned required[TABLES] = {
        [T_IMAGES] = 1 << F_VISIBILITY | 1 << F_CREATED | 1 << F_A | 1 << F_C | 1 << F_D,
        [T_SLOTS] = 1 << F_VISIBILITY | 1 << F_CREATED | 1 << F_A | 1 << F_B,
        [T_TAGS] = 1 << F_VISIBILITY | 1 << F_CREATED | 1 << F_A,
        [T_SETTINGS] = 1 << F_CREATED,
    };
    if (f == F_X)
        return false;
    if (f == F_DELETED || (t == T_SETTINGS && f == F_VISIBILITY))
        return true;
    if (strcmp(value, "null") == 0)
        return required[t] >> f & 1;
    if (t == T_IMAGES && f == F_C)
        return strcmp(value, "true") != 0 && strcmp(value, "false") != 0;
    if (f == F_VISIBILITY)
        return !one_of(value, "\"space\"\"private\"");
    if (f == F_CREATED)
        return strncmp(value, "\"20", 3) != 0;
    if (t == T_IMAGES && f == F_A)
        return !one_of(value, "\"face\"\"hands\"\"reference\"");
    if (t == T_SLOTS && f == F_B)
        return !one_of(value, "\"avatar\"\"face-ref\"\"body-ref\"");
    return value[0] != '"';
}

int oracle_insert(struct mreplica *x, int space, enum table t, const char *id, enum field f,
                  const char *value, const char *subject)
{
    int result = in_scope(x, space);
    if (result)
        return result;
    const char *me = accounts[x->account];
    bool mine = text_is(subject, me);
    if (t == T_SLOTS && !mine)
        return RAUM_ENOT_ALLOWED;
    if (bad_value(t, f, value))
        return RAUM_EBAD_CHANGE;
    if (t == T_IMAGES && f == F_C && strcmp(value, "true") == 0 && !mine)
        return RAUM_ENOT_ALLOWED;
    if (t == T_SLOTS && f == F_C && (result = slot_picture(x, space, subject, value)) != 0)
        return result;
    return oracle_find(x, t, space, id) ? RAUM_EEXISTS : 0;
}

static int change_field(struct mreplica *x, const struct mrow *row, enum field f, const char *value)
{
    if (bad_value(row->table, f, value))
        return RAUM_EBAD_CHANGE;
    if (f == F_X || strcmp(row->f[f].value, value) == 0)
        return 0;
    if (columns[row->table][f].fixed)
        return RAUM_EIMMUTABLE_FIELD;
    if (f == F_VISIBILITY)
        return row->author == x->account ? 0 : RAUM_ENOT_ALLOWED;
    if (row->table == T_IMAGES && f == F_C && strcmp(value, "true") == 0)
        return text_is(row->f[F_D].value, accounts[x->account]) ? 0 : RAUM_ENOT_ALLOWED;
    if (row->table == T_SLOTS && f == F_C)
        return slot_picture(x, row->space, row->f[F_A].value, value);
    return 0;
}

int oracle_change(struct mreplica *x, int space, enum table t, const char *id, enum rights_op op,
                  enum field f, const char *value)
{
    int result = in_scope(x, space);
    if (result)
        return result;
    const struct mrow *row = oracle_find(x, t, space, id);
    if (!row || oracle_deleted(row) != (op == OP_RESTORE))
        return RAUM_ENOT_FOUND;
    if (space == SPACE_USER && row->author != x->account)
        return RAUM_ENOT_FOUND;
    if (space != SPACE_USER && oracle_hidden(x, row))
        return RAUM_ENOT_FOUND;
    if (space != SPACE_USER && op != OP_UPDATE && row->author != x->account &&
        x->spaces[space].role < ROLE_ADMIN)
        return RAUM_ENOT_ALLOWED;
    if (t == T_SLOTS && !text_is(row->f[F_A].value, accounts[x->account]))
        return RAUM_ENOT_ALLOWED;
    return op == OP_UPDATE ? change_field(x, row, f, value) : 0;
}

/* ---- merging ---- */

static int by_stamp(uint64_t at, int device, uint64_t other_at, int other_device)
{
    if (at != other_at)
        return at < other_at ? -1 : 1;
    return strcmp(m.devices[device], m.devices[other_device]);
}

/* Equal stamps of one device come from two rows of one id that met in a joined space. Booleans are
 * numbers, absent is least, texts go by their bytes. */
static int by_value(const char *a, const char *b, bool raw)
{
    bool a_none = !raw && strcmp(a, "null") == 0, b_none = !raw && strcmp(b, "null") == 0;
    if (a_none || b_none)
        return b_none - a_none;
    if (!raw && strcmp(a, b) != 0 && (a[0] == 't' || a[0] == 'f'))
        return a[0] == 't' ? 1 : -1;
    size_t skip = raw ? 0 : 1;
    size_t a_len = strlen(a) - 2 * skip, b_len = strlen(b) - 2 * skip,
           least = a_len < b_len ? a_len : b_len;
    int order = memcmp(a + skip, b + skip, least);
    return order ? order : (a_len > b_len) - (a_len < b_len);
}

static void merge_field(struct mrow *mine, const struct mrow *theirs, enum field f, bool push)
{
    const struct mcolumn *c = &columns[mine->table][f];
    const struct mfield *a = &theirs->f[f], *b = &mine->f[f];
    if (!c->name || (f == F_X && !a->value[0]))
        return;
    int order = f == F_X && !b->value[0] ? 1 : by_stamp(a->at, a->device, b->at, b->device);
    if (c->fixed)
        order = -order;
    if (order == 0)
        order = by_value(a->value, b->value, f == F_X);
    if (order <= 0)
        return;
    mine->f[f] = *a;
    if (push)
        mine->dirty |= UINT64_C(1) << c->tag;
}

/* Of two makings under one id the later gives the fields that nobody edited. */
static void merge_rest(struct mrow *mine, const struct mrow *theirs, bool push)
{
    uint64_t tags = oracle_all_tags(mine->table, false);
    if (by_stamp(theirs->rest_at, theirs->rest_device, mine->rest_at, mine->rest_device) <= 0)
        return;
    mine->rest_at = theirs->rest_at;
    mine->rest_device = theirs->rest_device;
    for (int f = 0; f < FIELDS; f++)
        tags &= ~(UINT64_C(1) << columns[mine->table][f].tag);
    if (push)
        mine->dirty |= tags;
}

void oracle_merge(struct mreplica *to, int space, const struct mrow *theirs, bool push)
{
    struct mrow *mine = oracle_find(to, theirs->table, space, theirs->id);
    if (!mine) {
        mine = oracle_new(to, theirs->table, space, theirs->id);
        struct mrow kept = *mine;
        *mine = *theirs;
        mine->space = kept.space;
        mine->dirty = push ? oracle_all_tags(mine->table, mine->f[F_X].value[0] != 0) : 0;
        return;
    }
    for (int f = 0; f < FIELDS; f++)
        merge_field(mine, theirs, (enum field)f, push);
    merge_rest(mine, theirs, push);
    int order =
        by_stamp(mine->author_at, mine->author_device, theirs->author_at, theirs->author_device);
    if (order == 0)
        order = strcmp(accounts[theirs->author], accounts[mine->author]);
    if (order > 0) {
        mine->author = theirs->author;
        mine->author_at = theirs->author_at;
        mine->author_device = theirs->author_device;
        if (push)
            mine->dirty |= UINT64_C(1) << 4;
    }
}

void oracle_erase(struct mreplica *x, int space)
{
    for (int i = 0; i < ROWS; i++)
        if (x->rows[i].used && x->rows[i].space == space)
            x->rows[i].used = false;
    x->spaces[space].used = false;
}

void oracle_join(struct mreplica *x, int from, int to)
{
    for (int i = 0; i < ROWS; i++)
        if (x->rows[i].used && x->rows[i].space == from) {
            struct mrow row = x->rows[i];
            x->rows[i].used = false;
            oracle_merge(x, to, &row, true);
        }
    oracle_erase(x, from);
}
