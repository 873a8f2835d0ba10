#include "engine/fence_inside.h"

#include <stdlib.h>
#include <string.h>

/* What may be named behind the fence (G-T2, G-T3): SELECT, columns of the fence's own tables and
 * of json_each and json_tree, and these functions. Everything is computed from arguments alone.
 * Not here, on purpose: what looks into the connection or the file system, and json_patch, whose
 * time grows with the square of its arguments. instr, replace and the trims are our own for the
 * same reason. */
static const char *const functions[] = {
    "->", "->>", "abs", "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "avg", "ceil",
    "ceiling", "char", "coalesce", "cos", "cosh", "count", "cume_dist", "current_account",
    "current_date", "current_space", "current_time", "current_timestamp", "date", "datetime",
    "degrees", "dense_rank", "exp", "first_value", "floor", "format", "glob", "group_concat", "hex",
    "ifnull", "iif", "instr", "json", "json_array", "json_array_length", "json_extract",
    "json_group_array", "json_group_object", "json_insert", "json_object", "json_quote",
    "json_remove", "json_replace", "json_set", "json_type", "json_valid", "julianday",
    "lag", "last_value", "lead", "length", "like", "likelihood", "likely", "ln", "log", "log10",
    "log2", "lower", "ltrim", "max", "min", "mod", "nth_value", "ntile", "nullif", "percent_rank",
    "pi", "pow", "power", "printf", "quote", "radians", "random", "randomblob", "rank", "replace",
    "round", "row_number", "rtrim", "sign", "sin", "sinh", "sqrt", "strftime", "substr",
    "substring", "sum", "tan", "tanh", "time", "total", "trim", "trunc", "typeof", "unicode",
    "unixepoch", "unlikely", "upper", "zeroblob",
};

static int by_name(const void *name, const void *entry)
{
    return sqlite3_stricmp(name, *(const char *const *)entry);
}

static bool allowed_function(const char *name)
{
    return bsearch(name, functions, sizeof functions / sizeof functions[0], sizeof functions[0],
                   by_name) != NULL;
}

static bool ours(const struct fence *f, const char *table)
{
    for (size_t i = 0; i < schema_table_count; i++)
        if (f->tables[i].present && sqlite3_stricmp(f->tables[i].table->name, table) == 0)
            return true;
    return strcmp(table, "json_each") == 0 || strcmp(table, "json_tree") == 0;
}

/* SQLite asks for a table of which no column is used by its name alone, and a WITH name looks like
 * one. Other tables than the fence's are SQLite's own, which are known by their names. */
static bool builtin(const char *table)
{
    return sqlite3_strnicmp(table, "sqlite_", 7) == 0 || sqlite3_strnicmp(table, "pragma_", 7) == 0;
}

static int refuse(struct fence *f, const char *what, const char *name)
{
    if (!f->refused[0])
        sqlite3_snprintf((int)sizeof f->refused, f->refused, "%s%s", what, name);
    return SQLITE_DENY;
}

static int authorize(void *ctx, int action, const char *a, const char *b, const char *schema,
                     const char *within)
{
    struct fence *f = ctx;
    (void)schema, (void)within;
    if (f->building)
        return SQLITE_OK;
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_RECURSIVE:
        return SQLITE_OK;
    case SQLITE_READ:
        if (a && (ours(f, a) || (b && !*b && !builtin(a))))
            return SQLITE_OK;
        return refuse(f, "no such table: ", a ? a : "");
    case SQLITE_FUNCTION:
        return b && allowed_function(b) ? SQLITE_OK : refuse(f, "no such function: ", b ? b : "");
    default:
        return refuse(f, "only a SELECT can be run here", "");
    }
}

/* ---- closing ---- */

static void set_limits(sqlite3 *memory)
{
    static const int limits[][2] = {
        {SQLITE_LIMIT_COLUMN, 500},        {SQLITE_LIMIT_EXPR_DEPTH, 200},
        {SQLITE_LIMIT_COMPOUND_SELECT, 50}, {SQLITE_LIMIT_VDBE_OP, 250000},
        {SQLITE_LIMIT_FUNCTION_ARG, 100},  {SQLITE_LIMIT_ATTACHED, 0},
        {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 200}, {SQLITE_LIMIT_VARIABLE_NUMBER, 500},
        {SQLITE_LIMIT_TRIGGER_DEPTH, 1},   {SQLITE_LIMIT_WORKER_THREADS, 0},
    };
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        sqlite3_limit(memory, limits[i][0], limits[i][1]);
}

static int set_switches(sqlite3 *memory)
{
    static const int switches[][2] = {
        {SQLITE_DBCONFIG_DEFENSIVE, 1},      {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        {SQLITE_DBCONFIG_DQS_DML, 0},        {SQLITE_DBCONFIG_DQS_DDL, 0},
        {SQLITE_DBCONFIG_ENABLE_VIEW, 0},    {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
        {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0}, {SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, 0},
    };
    int rc = SQLITE_OK;
    for (size_t i = 0; i < sizeof switches / sizeof switches[0] && rc == SQLITE_OK; i++)
        rc = sqlite3_db_config(memory, switches[i][0], switches[i][1], NULL);
    return rc;
}

/* Sorting in memory is not a matter of speed: temporary files would hold opened sealed values
 * (G-K1). json_each and json_tree declare themselves at first use, which the authorizer would
 * refuse. */
int fence_rules_close(struct fence *f)
{
    int rc = sqlite3_exec(f->memory,
                          "PRAGMA temp_store=MEMORY;"
                          "SELECT count(*) FROM json_each('[]'), json_tree('[]')",
                          NULL, NULL, NULL);
    set_limits(f->memory);
    if (rc == SQLITE_OK)
        rc = set_switches(f->memory);
    return rc == SQLITE_OK ? sqlite3_set_authorizer(f->memory, authorize, f) : rc;
}
