#include "engine/fence_inside.h"

#include "engine/ddl.h"
#include <stdlib.h>
#include <string.h>

/* A plan is the text that xBestIndex hands to xFilter, and the key under which the inner statement
 * is kept:
 *
 *     8 characters   columns that are read, six bits each, lowest first, from '0'
 *     pairs          what is pushed down: comparisons, then the order:
 *                      = < > { } i   comparison with an argument ({ is <=, } is >=, i is IS)
 *                      n             IS NULL
 *                      -             a comparison that was left to SQLite, see apply()
 *                      A D           ORDER BY, ascending or descending
 *                    each followed by the column, from '0'
 *
 * Nothing is omitted: SQLite checks every comparison again, so the inner statement need only not
 * lose rows. A LIMIT is not pushed: SQLite 3.40 offers it also when terms that it does not show,
 * like `a.x < a.y`, filter after it. Nothing is lost but a smaller sort: rows are fetched one by
 * one. */
#define MASK_CHARS 8
#define PUSHED_MAX 8
#define ORDER_MAX 6

struct fence_inner {
    struct fence_table *table;
    struct db_stmt stmt;
    uint64_t used; /* f->uses at the last use */
    bool busy, kept;
    uint8_t at[SCOPE_COLUMNS_MAX]; /* column of the table -> column of the statement */
    uint64_t mask;
    char plan[FENCE_PLAN_MAX];
};

struct fence_vtab {
    sqlite3_vtab base;
    struct fence_table *table;
};

struct fence_cursor {
    sqlite3_vtab_cursor base;
    struct fence_table *table;
    struct fence_inner *inner;
    bool ended;
};

static int fail(struct fence *f, int code)
{
    if (f->stop != STOP_NONE)
        return SQLITE_INTERRUPT;
    return code == RAUM_ENOMEM ? SQLITE_NOMEM : SQLITE_ERROR;
}

/* ---- inner statements ---- */

static void quoted(struct buf *out, const char *name)
{
    buf_char(out, '"');
    buf_str(out, name); /* names of the schema hold no quotes */
    buf_char(out, '"');
}

static uint64_t plan_mask(const char *plan)
{
    uint64_t mask = 0;
    for (int i = 0; i < MASK_CHARS; i++)
        mask |= (uint64_t)(plan[i] - '0') << (6 * i);
    return mask;
}

static void plan_set_mask(char *plan, uint64_t mask)
{
    for (int i = 0; i < MASK_CHARS; i++)
        plan[i] = (char)('0' + (mask >> (6 * i) & 63));
}

static void write_condition(struct buf *sql, const struct fence_table *t, char op, int column,
                            int *args)
{
    static const struct {
        char op;
        const char *text;
    } texts[] = {{'=', " = "},  {'<', " < "},  {'>', " > "},       {'{', " <= "},
                 {'}', " >= "}, {'i', " IS "}, {'n', " IS NULL"}};
    quoted(sql, t->columns[column].name);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (texts[i].op == op)
            buf_str(sql, texts[i].text);
    ++*args;
    if (op != 'n')
        buf_printf(sql, "?%d", *args);
}

/* Arguments are numbered as they come; '-' keeps its number without using it. */
static void write_plan(struct buf *sql, const struct fence_table *t, const char *plan)
{
    int args = 0, conditions = 0, orders = 0;
    for (const char *p = plan + MASK_CHARS; *p; p += 2) {
        int column = p[1] - '0';
        switch (*p) {
        case '-':
            args++;
            break;
        case 'A':
        case 'D':
            buf_str(sql, orders++ ? ", " : " ORDER BY ");
            quoted(sql, t->columns[column].name);
            buf_str(sql, *p == 'D' ? " DESC" : "");
            break;
        default:
            buf_str(sql, conditions++ ? " AND " : " WHERE ");
            write_condition(sql, t, *p, column, &args);
        }
    }
}

static int prepare_inner(struct fence_inner *inner, struct raum_error *error)
{
    struct fence_table *t = inner->table;
    struct buf sql;
    unsigned count = 0;
    buf_init(&sql, 16384);
    buf_str(&sql, "SELECT ");
    for (unsigned i = 0; i < t->count; i++) {
        if (!(inner->mask >> i & 1))
            continue;
        buf_str(&sql, count ? ", " : "");
        quoted(&sql, t->columns[i].name);
        inner->at[i] = (uint8_t)count++;
    }
    buf_str(&sql, " FROM ");
    bool across = t->fence->handle->mode == HANDLE_ACROSS;
    buf_printf(&sql, "\"%s%s\"", across ? DDL_ACROSS : "", t->table->name);
    write_plan(&sql, t, inner->plan);
    int result = buf_error(&sql, error);
    if (result == 0)
        result = scope_prepare(t->fence->handle, &inner->stmt, buf_text(&sql), error);
    buf_release(&sql);
    return result;
}

static void free_inner(struct fence_inner *inner)
{
    if (!inner)
        return;
    db_finish(&inner->stmt);
    sqlite3_free(inner);
}

static void release_inner(struct fence_inner *inner)
{
    if (!inner)
        return;
    db_reset(&inner->stmt);
    inner->busy = false;
    if (!inner->kept)
        free_inner(inner);
}

/* Finds a place among the kept ones: a free one, or that of the one unused for longest. */
static void keep(struct fence *f, struct fence_inner *inner)
{
    unsigned place = f->inner_count;
    if (place == FENCE_INNERS_MAX) {
        uint64_t oldest = UINT64_MAX;
        for (unsigned i = 0; i < f->inner_count; i++)
            if (!f->inners[i]->busy && f->inners[i]->used < oldest) {
                oldest = f->inners[i]->used;
                place = i;
            }
        if (place == FENCE_INNERS_MAX)
            return;
        free_inner(f->inners[place]);
    } else {
        f->inner_count++;
    }
    f->inners[place] = inner;
    inner->kept = true;
}

/* A statement for the plan that nobody else is stepping; NULL: see f->failed. */
static struct fence_inner *take_inner(struct fence_table *t, const char *plan)
{
    struct fence *f = t->fence;
    struct fence_inner *inner = NULL;
    for (unsigned i = 0; i < f->inner_count && !inner; i++)
        if (!f->inners[i]->busy && f->inners[i]->table == t &&
            strcmp(f->inners[i]->plan, plan) == 0)
            inner = f->inners[i];
    if (!inner) {
        inner = sqlite3_malloc(sizeof *inner);
        if (!inner) {
            err_set(&f->failed, RAUM_ENOMEM, NULL);
            return NULL;
        }
        memset(inner, 0, sizeof *inner);
        inner->table = t;
        inner->mask = plan_mask(plan);
        memcpy(inner->plan, plan, strlen(plan) + 1);
        if (prepare_inner(inner, &f->failed) < 0) {
            free_inner(inner);
            return NULL;
        }
        keep(f, inner);
    }
    inner->busy = true;
    inner->used = ++f->uses;
    return inner;
}

/* ---- planning ---- */

struct planning {
    struct fence_table *table;
    sqlite3_index_info *info;
    char plan[FENCE_PLAN_MAX];
    size_t len;
    int args, pushed;
    bool unique, indexed;
    double rows;
};

static void put(struct planning *p, char op, int column)
{
    p->plan[p->len++] = op;
    p->plan[p->len++] = (char)('0' + column);
    p->plan[p->len] = '\0';
}

/* The others (LIKE, <>, IS NOT NULL…) SQLite 3.40 offers also where they are the ON of an outer
 * join, without saying so; and little would be gained. */
static char operator_of(unsigned char op)
{
    switch (op) {
    case SQLITE_INDEX_CONSTRAINT_EQ:
        return '=';
    case SQLITE_INDEX_CONSTRAINT_LT:
        return '<';
    case SQLITE_INDEX_CONSTRAINT_GT:
        return '>';
    case SQLITE_INDEX_CONSTRAINT_LE:
        return '{';
    case SQLITE_INDEX_CONSTRAINT_GE:
        return '}';
    case SQLITE_INDEX_CONSTRAINT_IS:
        return 'i';
    case SQLITE_INDEX_CONSTRAINT_ISNULL:
        return 'n';
    default:
        return 0;
    }
}

/* Sealed and derived columns would be opened or computed for every row just to be thrown away, and
 * what a derived one shows has no type that comparisons could rely on. */
static bool plain(const struct fence_table *t, int column)
{
    return column >= 0 && (unsigned)column < t->count && !t->columns[column].sealed &&
           !t->columns[column].derived;
}

/* The first column of an index after the space, or the id. */
static bool leads(const struct fence_table *t, int column)
{
    const char *name = t->columns[column].name;
    size_t len = strlen(name);
    for (const char *const *i = t->table->indexes; i && *i; i++)
        if (strncmp(*i, name, len) == 0 && ((*i)[len] == ',' || (*i)[len] == '\0'))
            return true;
    return false;
}

static void estimate(struct planning *p, char op, int column)
{
    bool one = op == '=' || op == 'i' || op == 'n';
    if (strcmp(p->table->columns[column].name, "id") == 0 && op == '=') {
        p->unique = true;
        p->rows = 1;
    } else {
        p->indexed |= leads(p->table, column);
        p->rows /= one ? 20 : 4;
    }
}

static void plan_comparisons(struct planning *p)
{
    sqlite3_index_info *info = p->info;
    for (int i = 0; i < info->nConstraint; i++) {
        const struct sqlite3_index_constraint *c = &info->aConstraint[i];
        char op = operator_of(c->op);
        if (!op || !c->usable || !plain(p->table, c->iColumn) || p->pushed == PUSHED_MAX ||
            sqlite3_stricmp(sqlite3_vtab_collation(info, i), "BINARY") != 0)
            continue;
        put(p, op, c->iColumn);
        p->pushed++;
        /* Also where there is nothing to compare with: only so does SQLite know that the plan
         * rests on this term, which may be the ON of an outer join and hold for some other rows
         * alone. */
        info->aConstraintUsage[i].argvIndex = ++p->args;
        estimate(p, op, c->iColumn);
    }
}

/* All terms or none. SQLite offers only terms with the column's own collation, which is BINARY. */
static void plan_order(struct planning *p)
{
    const sqlite3_index_info *info = p->info;
    if (info->nOrderBy == 0 || info->nOrderBy > ORDER_MAX)
        return;
    for (int i = 0; i < info->nOrderBy; i++)
        if (!plain(p->table, info->aOrderBy[i].iColumn))
            return;
    for (int i = 0; i < info->nOrderBy; i++)
        put(p, info->aOrderBy[i].desc ? 'D' : 'A', info->aOrderBy[i].iColumn);
    p->info->orderByConsumed = 1;
}

static int best_index(sqlite3_vtab *vtab, sqlite3_index_info *info)
{
    struct fence_table *t = ((struct fence_vtab *)vtab)->table;
    struct fence *f = t->fence;
    struct planning p = {.table = t, .info = info, .rows = 10000};
    if (fence_exhausted(f))
        return SQLITE_INTERRUPT;
    uint64_t all = (UINT64_C(1) << t->count) - 1;
    uint64_t used = info->colUsed >> 63 ? all : (info->colUsed | t->keys) & all;
    plan_set_mask(p.plan, used);
    p.len = MASK_CHARS;
    plan_comparisons(&p);
    plan_order(&p);
    f->touched |= t->own;
    for (unsigned i = 0; i < t->count; i++)
        if (used >> i & 1)
            f->touched |= t->needs[i];
    if (p.rows < 1)
        p.rows = 1;
    info->estimatedRows = (sqlite3_int64)p.rows;
    info->estimatedCost = p.unique ? 5 : p.indexed ? 5 + 2 * p.rows : 10000 + 2 * p.rows;
    info->idxStr = sqlite3_mprintf("%s", p.plan);
    info->needToFreeIdxStr = 1;
    return info->idxStr ? SQLITE_OK : SQLITE_NOMEM;
}

/* ---- reading ---- */

static int open_cursor(sqlite3_vtab *vtab, sqlite3_vtab_cursor **out)
{
    struct fence_table *t = ((struct fence_vtab *)vtab)->table;
    int result = fence_pin(t->fence);
    if (result < 0)
        return fail(t->fence, result);
    struct fence_cursor *c = sqlite3_malloc(sizeof *c);
    if (!c)
        return SQLITE_NOMEM;
    memset(c, 0, sizeof *c);
    c->table = t;
    c->ended = true;
    t->fence->cursors++;
    *out = &c->base;
    return SQLITE_OK;
}

static int close_cursor(sqlite3_vtab_cursor *cursor)
{
    struct fence_cursor *c = (struct fence_cursor *)cursor;
    struct fence *f = c->table->fence;
    release_inner(c->inner);
    sqlite3_free(c);
    f->cursors--;
    if (f->cursors == 0 && !f->stepping)
        fence_unpin(f);
    return SQLITE_OK;
}

static int next(sqlite3_vtab_cursor *cursor)
{
    struct fence_cursor *c = (struct fence_cursor *)cursor;
    struct fence *f = c->table->fence;
    int result = db_step(&c->inner->stmt, &f->failed);
    if (result < 0)
        return fail(f, result);
    c->ended = result == RAUM_END;
    return SQLITE_OK;
}

/* Decides by the values at hand what is really pushed: a comparison whose value has another type
 * than the column is converted by rules that depend on the other side's expression, which is not
 * known here (an integer equals the text '05' or not). Such a comparison is left to SQLite. False:
 * a comparison with NULL, no row can match. */
static bool apply(const struct fence_table *t, const char *given, sqlite3_value **values,
                  char *plan)
{
    int args = 0;
    memcpy(plan, given, strlen(given) + 1);
    for (char *p = plan + MASK_CHARS; *p && *p != 'A' && *p != 'D'; p += 2) {
        int type = sqlite3_value_type(values[args++]);
        if (*p == 'n')
            continue;
        if (type == SQLITE_NULL && *p != 'i')
            return false;
        int kind = t->columns[p[1] - '0'].type;
        bool number = kind == TYPE_INT || kind == TYPE_BOOL || kind == TYPE_REAL;
        bool same = number ? type == SQLITE_INTEGER || type == SQLITE_FLOAT : type == SQLITE_TEXT;
        if (!same && type != SQLITE_NULL)
            *p = '-';
    }
    return true;
}

static int bind(struct fence_inner *inner, int count, sqlite3_value **values)
{
    int rc = SQLITE_OK;
    const char *p = inner->plan + MASK_CHARS;
    for (int i = 0; i < count && rc == SQLITE_OK; i++)
        if (p[2 * i] != '-' && p[2 * i] != 'n')
            rc = sqlite3_bind_value(inner->stmt.stmt, i + 1, values[i]);
    return rc;
}

static int filter(sqlite3_vtab_cursor *cursor, int number, const char *text, int count,
                  sqlite3_value **values)
{
    struct fence_cursor *c = (struct fence_cursor *)cursor;
    struct fence *f = c->table->fence;
    char plan[FENCE_PLAN_MAX];
    (void)number;
    c->ended = true;
    if (!apply(c->table, text, values, plan))
        return SQLITE_OK;
    if (c->inner && strcmp(c->inner->plan, plan) == 0) {
        sqlite3_reset(c->inner->stmt.stmt);
    } else {
        release_inner(c->inner);
        c->inner = take_inner(c->table, plan);
        if (!c->inner)
            return fail(f, f->failed.code);
    }
    int rc = bind(c->inner, count, values);
    return rc == SQLITE_OK ? next(cursor) : rc;
}

static int at_end(sqlite3_vtab_cursor *cursor)
{
    return ((struct fence_cursor *)cursor)->ended;
}

/* Copies into the buffer of the register that receives it; sqlite3_result_value would make a new
 * one for every text. */
static int column(sqlite3_vtab_cursor *cursor, sqlite3_context *context, int at)
{
    const struct fence_inner *inner = ((struct fence_cursor *)cursor)->inner;
    if (!inner || at < 0 || at >= SCOPE_COLUMNS_MAX || !(inner->mask >> at & 1))
        return SQLITE_OK;
    sqlite3_value *value = sqlite3_column_value(inner->stmt.stmt, inner->at[at]);
    const char *text;
    switch (sqlite3_value_type(value)) {
    case SQLITE_TEXT:
        text = sqlite3_value_blob(value); /* without asking for a NUL behind it */
        sqlite3_result_text(context, text ? text : "", sqlite3_value_bytes(value),
                            SQLITE_TRANSIENT);
        break;
    case SQLITE_INTEGER:
        sqlite3_result_int64(context, sqlite3_value_int64(value));
        break;
    default:
        sqlite3_result_value(context, value);
    }
    return SQLITE_OK;
}

/* Never asked: the tables are WITHOUT ROWID. */
static int row_number(sqlite3_vtab_cursor *cursor, sqlite3_int64 *out)
{
    (void)cursor;
    *out = 0;
    return SQLITE_ERROR;
}

/* ---- the tables ---- */

/* Derived columns are declared without a type: their SQL has no affinity either. */
static const char *declared(const struct scope_column *c)
{
    if (c->derived)
        return "";
    switch ((enum schema_type)c->type) {
    case TYPE_INT:
    case TYPE_BOOL:
        return " INTEGER";
    case TYPE_REAL:
        return " REAL";
    case TYPE_TEXT:
    case TYPE_TIME:
    case TYPE_DATE:
    case TYPE_TEXTS:
    case TYPE_JSON:
    case TYPE_ACCOUNT:
        return " TEXT";
    }
    return "";
}

static int declare(sqlite3 *memory, const struct fence_table *t)
{
    struct buf sql;
    struct raum_error error;
    bool across = t->fence->handle->mode == HANDLE_ACROSS;
    buf_init(&sql, 16384);
    buf_str(&sql, "CREATE TABLE x(");
    for (unsigned i = 0; i < t->count; i++) {
        quoted(&sql, t->columns[i].name);
        buf_printf(&sql, "%s, ", declared(&t->columns[i]));
    }
    buf_printf(&sql, "PRIMARY KEY (%sid)) WITHOUT ROWID", across ? "spaceId, " : "");
    int rc = SQLITE_NOMEM;
    bool before = t->fence->building;
    t->fence->building = true;
    if (buf_error(&sql, &error) == 0)
        rc = sqlite3_declare_vtab(memory, buf_text(&sql));
    t->fence->building = before;
    buf_release(&sql);
    return rc;
}

static int connect(sqlite3 *memory, void *ctx, int count, const char *const *args,
                   sqlite3_vtab **out, char **error)
{
    struct fence *f = ctx;
    (void)error;
    struct fence_table *t = NULL;
    for (size_t i = 0; i < schema_table_count && count > 2; i++)
        if (strcmp(f->tables[i].table->name, args[2]) == 0)
            t = &f->tables[i];
    if (!t)
        return SQLITE_ERROR;
    int rc = declare(memory, t);
    if (rc != SQLITE_OK)
        return rc;
    struct fence_vtab *v = sqlite3_malloc(sizeof *v);
    if (!v)
        return SQLITE_NOMEM;
    memset(v, 0, sizeof *v);
    v->table = t;
    *out = &v->base;
    return SQLITE_OK;
}

/* Not the same function as connect: the module itself is no table. */
static int create(sqlite3 *memory, void *ctx, int count, const char *const *args,
                  sqlite3_vtab **out, char **error)
{
    return connect(memory, ctx, count, args, out, error);
}

static int disconnect(sqlite3_vtab *vtab)
{
    sqlite3_free(vtab);
    return SQLITE_OK;
}

static int destroy(sqlite3_vtab *vtab)
{
    return disconnect(vtab);
}

static const sqlite3_module module = {
    .iVersion = 1,
    .xCreate = create,
    .xConnect = connect,
    .xBestIndex = best_index,
    .xDisconnect = disconnect,
    .xDestroy = destroy,
    .xOpen = open_cursor,
    .xClose = close_cursor,
    .xFilter = filter,
    .xNext = next,
    .xEof = at_end,
    .xColumn = column,
    .xRowid = row_number,
};

static uint64_t bit(const char *name)
{
    const struct schema_table *t = name ? schema_table(name) : NULL;
    return t ? UINT64_C(1) << t->number : 0;
}

int fence_vtab_module(struct fence *f)
{
    f->inners = calloc(FENCE_INNERS_MAX, sizeof *f->inners);
    f->tables = calloc(schema_table_count, sizeof *f->tables);
    if (!f->inners || !f->tables)
        return SQLITE_NOMEM;
    for (size_t i = 0; i < schema_table_count; i++) {
        struct fence_table *t = &f->tables[i];
        t->fence = f;
        t->table = &schema_tables[i];
        size_t count = scope_columns(t->table, t->columns, SCOPE_COLUMNS_MAX);
        t->count = (unsigned)(count < SCOPE_COLUMNS_MAX ? count : SCOPE_COLUMNS_MAX);
        t->own = bit(t->table->name);
        for (unsigned k = 0; k < t->count; k++) {
            t->needs[k] = bit(t->columns[k].needs);
            if (strcmp(t->columns[k].name, "id") == 0 || strcmp(t->columns[k].name, "spaceId") == 0)
                t->keys |= UINT64_C(1) << k;
        }
    }
    static const char *keep_modules[] = {"raum", "json_each", "json_tree", NULL};
    int rc = sqlite3_create_module_v2(f->memory, "raum", &module, f, NULL);
    return rc == SQLITE_OK ? sqlite3_drop_modules(f->memory, keep_modules) : rc;
}

int fence_vtab_sync(struct fence *f)
{
    int rc = SQLITE_OK;
    bool before = f->building;
    f->building = true;
    for (size_t i = 0; i < schema_table_count && rc == SQLITE_OK; i++) {
        struct fence_table *t = &f->tables[i];
        bool wanted = scope_has(f->handle, t->table);
        if (wanted == t->present)
            continue;
        char *sql = sqlite3_mprintf(wanted ? "CREATE VIRTUAL TABLE main.\"%w\" USING raum"
                                           : "DROP TABLE main.\"%w\"", t->table->name);
        rc = sql ? sqlite3_exec(f->memory, sql, NULL, NULL, NULL) : SQLITE_NOMEM;
        sqlite3_free(sql);
        if (rc == SQLITE_OK)
            t->present = wanted;
    }
    f->building = before;
    if (rc == SQLITE_OK)
        f->generation = f->handle->generation;
    return rc;
}

void fence_vtab_release(struct fence *f)
{
    for (unsigned i = 0; i < f->inner_count; i++)
        free_inner(f->inners[i]);
    free(f->inners);
    free(f->tables);
}
