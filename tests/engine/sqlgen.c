#include "engine/sqlgen.h"

#include "engine/scope.h"
#include <string.h>

static const char *const tables[] = {"meImages",         "tasks",        "taskTags", "tags",
                                     "wardrobeGarments", "wardrobeWears"};
#define TABLES (sizeof tables / sizeof tables[0])

void sqlgen_init(struct sqlgen *g, uint64_t seed, bool wild)
{
    *g = (struct sqlgen){.state = seed * 2654435761u + 88172645463325252u, .wild = wild};
    buf_init(&g->sql, 60000);
}

void sqlgen_release(struct sqlgen *g)
{
    buf_release(&g->sql);
}

uint32_t sqlgen_random(struct sqlgen *g, uint32_t below)
{
    g->state ^= g->state << 13;
    g->state ^= g->state >> 7;
    g->state ^= g->state << 17;
    return (uint32_t)((g->state >> 33) % below);
}

#define PICK(list) (list)[sqlgen_random(g, sizeof(list) / sizeof(list)[0])]

static bool chance(struct sqlgen *g, uint32_t percent)
{
    return sqlgen_random(g, 100) < percent;
}

static void put(struct sqlgen *g, const char *text)
{
    buf_str(&g->sql, text);
}

static void expression(struct sqlgen *g, int depth);
static void select_core(struct sqlgen *g, int columns, int depth);

/* A column of a table, by chance one that often meets the others in comparisons. */
static const char *column_name(struct sqlgen *g, int table)
{
    static const char *const hidden[] = {"n", "space", "author", "stamps", "rowid", "extra", "sql"};
    static const char *const shared[] = {"id", "createdAt", "authorId", "visibility", "spaceId"};
    struct scope_column columns[SCOPE_COLUMNS_MAX + 1];
    if (g->wild && chance(g, 3))
        return PICK(hidden);
    if (table < 0)
        return chance(g, 50) ? "c0" : "c1";
    if (chance(g, 20))
        return PICK(shared);
    size_t count = scope_columns(schema_table(tables[table]), columns, SCOPE_COLUMNS_MAX);
    /* spaceId differs in nothing, the times only by when the test ran. */
    return columns[sqlgen_random(g, (uint32_t)count)].name;
}

static void column(struct sqlgen *g)
{
    if (g->sources == 0) {
        put(g, "1");
        return;
    }
    int alias = g->first + (int)sqlgen_random(g, (uint32_t)g->sources);
    buf_printf(&g->sql, "a%d.\"%s\"", alias, column_name(g, g->table[alias]));
}

static void literal(struct sqlgen *g)
{
    static const char *const values[] = {"NULL",
                                         "0",
                                         "1",
                                         "2",
                                         "5",
                                         "7",
                                         "-1",
                                         "3.5",
                                         "7.0",
                                         "'7'",
                                         "'07'",
                                         "'5'",
                                         "'face'",
                                         "'hands'",
                                         "'shoes'",
                                         "'space'",
                                         "'private'",
                                         "'guest'",
                                         "'somebody-else'",
                                         "''",
                                         "'05'",
                                         "x'37'",
                                         "'2024-01-05'",
                                         "'2030'",
                                         "'#1'",
                                         "9223372036854775807",
                                         "1e300",
                                         "'a b'",
                                         "'[]'"};
    static const char *const marks[] = {"\xf0\x90\xa4\x80",
                                        "\xf0\x91\xa5\x81"}; /* of tests/engine/room.c */
    static const char kinds[] = "itgxyw";
    if (chance(g, 25))
        buf_printf(&g->sql, "'%s-%c%d'", marks[!chance(g, 80)], kinds[sqlgen_random(g, 6)],
                   (int)sqlgen_random(g, 12));
    else
        put(g, PICK(values));
}

static void comparison(struct sqlgen *g, int depth)
{
    static const char *const ops[] = {" = ", " = ", " = ", " < ", " > ", " <= ", " >= ",
                                      " IS ", " IS NOT ", " <> ", " LIKE ", " GLOB "};
    column(g);
    switch (sqlgen_random(g, 10)) {
    case 0:
        put(g, chance(g, 50) ? " IS NULL" : " IS NOT NULL");
        return;
    case 1:
        put(g, " BETWEEN ");
        literal(g);
        put(g, " AND ");
        literal(g);
        return;
    case 2:
        put(g, chance(g, 80) ? " IN (" : " NOT IN (");
        for (int i = (int)sqlgen_random(g, 4); i >= 0; i--) {
            literal(g);
            put(g, i ? ", " : ")");
        }
        return;
    case 3:
        if (depth > 0) {
            put(g, " IN (");
            select_core(g, 1, depth - 1);
            put(g, ")");
            return;
        }
        break;
    case 4:
        put(g, " COLLATE NOCASE");
        break;
    default:
        break;
    }
    put(g, PICK(ops));
    if (chance(g, 60))
        literal(g);
    else if (chance(g, 60))
        column(g);
    else
        expression(g, depth - 1);
}

static void condition(struct sqlgen *g, int depth)
{
    if (depth > 0 && chance(g, 30)) {
        put(g, chance(g, 15) ? "NOT (" : "(");
        condition(g, depth - 1);
        put(g, chance(g, 60) ? ") AND (" : ") OR (");
        condition(g, depth - 1);
        put(g, ")");
    } else if (depth > 0 && chance(g, 6)) {
        put(g, "EXISTS (");
        select_core(g, 1, depth - 1);
        put(g, ")");
    } else {
        comparison(g, depth);
    }
}

static void call(struct sqlgen *g, int depth)
{
    static const char *const one[] = {"length",  "upper", "lower", "typeof", "abs",   "hex",
                                      "quote",   "trim",  "json_quote", "unicode", "sign", "round",
                                      "date",    "json_valid", "total_changes", "json_type"};
    static const char *const two[] = {"ifnull",   "nullif", "instr", "substr",
                                      "coalesce", "max",    "min",   "printf"};
    if (chance(g, 70)) {
        buf_printf(&g->sql, "%s(", g->wild ? PICK(one) : one[sqlgen_random(g, 8)]);
        expression(g, depth - 1);
    } else {
        buf_printf(&g->sql, "%s(", two[sqlgen_random(g, g->wild ? 8 : 7)]);
        expression(g, depth - 1);
        put(g, ", ");
        expression(g, depth - 1);
    }
    put(g, ")");
}

static void junk(struct sqlgen *g)
{
    static const char *const texts[] = {"(SELECT sql FROM sqlite_master LIMIT 1)",
                                        "load_extension('x')",
                                        "(SELECT id FROM data_meImages)",
                                        "(SELECT label FROM main.data_meImages)",
                                        "scope_ref()",
                                        "open_value(1,2,3)",
                                        "current_space()",
                                        "(SELECT group_concat(name) FROM pragma_table_list)",
                                        "zeroblob(900000000)",
                                        "randomblob(100)",
                                        "(SELECT id FROM spaces)",
                                        "fts3_tokenizer('simple')",
                                        "(SELECT * FROM dbstat)",
                                        "sqlite_version()",
                                        "(SELECT count(*) FROM sqlite_stmt)",
                                        "?1",
                                        ":x",
                                        "\"no such\"",
                                        "current_account()",
                                        "'",
                                        "(SELECT value FROM json_each('[1,2]'))",
                                        "random()",
                                        "temp.meImages",
                                        "_rowid_"};
    put(g, PICK(texts));
}

static void expression(struct sqlgen *g, int depth)
{
    if (g->wild && chance(g, 4)) {
        junk(g);
        return;
    }
    if (depth <= 0) {
        if (chance(g, 75))
            column(g);
        else
            literal(g);
        return;
    }
    switch (sqlgen_random(g, 8)) {
    case 0:
        call(g, depth);
        break;
    case 1:
        put(g, "(");
        expression(g, depth - 1);
        put(g, chance(g, 50) ? " || " : chance(g, 50) ? " + " : " * ");
        expression(g, depth - 1);
        put(g, ")");
        break;
    case 2:
        put(g, "CASE WHEN ");
        condition(g, depth - 1);
        put(g, " THEN ");
        expression(g, depth - 1);
        put(g, " ELSE ");
        expression(g, depth - 1);
        put(g, " END");
        break;
    case 3: /* a scalar subquery takes any row; an aggregate has one */
        put(g, "(SELECT ");
        put(g, chance(g, 50) ? "count(*)" : "max(id)");
        buf_printf(&g->sql, " FROM %s)", PICK(tables));
        break;
    default:
        column(g);
    }
}

static void subquery(struct sqlgen *g, int columns, int depth)
{
    put(g, "(");
    select_core(g, columns, depth);
    put(g, ")");
}

static void source(struct sqlgen *g, int alias, int depth)
{
    static const char *const strange[] = {"sqlite_master",
                                          "json_each('[1,\"a\"]')",
                                          "pragma_table_info('meImages')",
                                          "data_meImages",
                                          "main.meImages",
                                          "temp.tasks",
                                          "sqlite_stmt",
                                          "userContext",
                                          "images",
                                          "meSlots",
                                          "workbenchScenes"};
    g->table[alias] = -1;
    if (g->wild && chance(g, 4)) {
        put(g, PICK(strange));
    } else if (g->ctes && chance(g, 30)) {
        buf_printf(&g->sql, "cte%d", (int)sqlgen_random(g, (uint32_t)g->ctes));
    } else if (depth > 0 && chance(g, 15)) {
        subquery(g, 2, depth - 1);
    } else {
        g->table[alias] = (int)sqlgen_random(g, TABLES);
        put(g, tables[g->table[alias]]);
    }
    buf_printf(&g->sql, " AS a%d", alias);
}

static void sources(struct sqlgen *g, int count, int depth)
{
    static const char *const joins[] = {" JOIN ", " JOIN ", " JOIN ", " LEFT JOIN ", " LEFT JOIN ",
                                        " CROSS JOIN ", " RIGHT JOIN ", " FULL JOIN "};
    int first = g->names;
    g->names += count;
    for (int i = 0; i < count; i++) {
        bool natural = false;
        if (i > 0 && g->wild && chance(g, 10)) {
            put(g, chance(g, 50) ? " NATURAL JOIN " : " NATURAL LEFT JOIN ");
            natural = true;
        } else if (i > 0) {
            put(g, PICK(joins));
        }
        int keep_first = g->first, keep_sources = g->sources;
        source(g, first + i, depth);
        g->first = keep_first, g->sources = keep_sources;
        g->first = first;
        g->sources = i + 1;
        if (i == 0 || natural)
            continue;
        if (chance(g, g->wild ? 25 : 10)) {
            put(g,
                g->table[first + i] >= 0 && g->table[first] >= 0 ? " USING (id)" : " USING (c0)");
        } else {
            put(g, " ON ");
            if (chance(g, 60)) {
                column(g);
                buf_printf(&g->sql, " = a%d.\"%s\"", first + i,
                           column_name(g, g->table[first + i]));
            } else {
                comparison(g, 0);
            }
        }
    }
}

static void aggregates(struct sqlgen *g, int columns)
{
    static const char *const calls[] = {"count", "max", "min", "sum", "total", "count"};
    for (int i = 0; i < columns; i++) {
        put(g, i ? ", " : "");
        if (i == 0 && columns > 1) {
            put(g, "count(*)");
        } else {
            buf_printf(&g->sql, "%s(", calls[sqlgen_random(g, g->wild ? 6 : 3)]);
            column(g);
            put(g, ")");
        }
        buf_printf(&g->sql, " AS c%d", i);
    }
}

static void plain_columns(struct sqlgen *g, int columns, int depth)
{
    for (int i = 0; i < columns; i++) {
        put(g, i ? ", " : "");
        if (depth > 0 && chance(g, 6)) {
            put(g, chance(g, 50) ? "rank() OVER (ORDER BY " : "count(*) OVER (PARTITION BY ");
            column(g);
            put(g, ")");
        } else {
            expression(g, depth);
        }
        buf_printf(&g->sql, " AS c%d", i);
    }
}

/* ORDER BY all columns: whatever LIMIT cuts off, equal rows are equal. */
static void order(struct sqlgen *g, int columns)
{
    int at = (int)sqlgen_random(g, (uint32_t)columns);
    for (int i = 0; i < columns; i++)
        buf_printf(&g->sql, "%s%d%s", i ? ", " : " ORDER BY ", (at + i) % columns + 1,
                   chance(g, 40) ? " DESC" : "");
    if (chance(g, 50))
        buf_printf(&g->sql, " LIMIT %d", (int)sqlgen_random(g, 9) - 1);
    else
        return;
    if (chance(g, 40))
        buf_printf(&g->sql, " OFFSET %d", (int)sqlgen_random(g, 6));
}

/* One SELECT without ORDER BY; the sources of the one around it are put back. */
static void select_core(struct sqlgen *g, int columns, int depth)
{
    int first = g->first, count = g->sources;
    size_t start = g->sql.len;
    int want = 1 + (chance(g, 45) ? 1 : 0) + (chance(g, 12) ? 1 : 0);
    if (g->names + want >= 64 || g->depth > 6) {
        put(g, columns == 1 ? "SELECT 1 AS c0" : "SELECT 1 AS c0, 2 AS c1");
        for (int i = 2; i < columns; i++)
            buf_printf(&g->sql, ", 3 AS c%d", i);
        return;
    }
    g->depth++;
    /* FROM is written first, so that the columns know their tables, then moved behind. */
    put(g, " FROM ");
    sources(g, want, depth);
    if (chance(g, 50)) {
        put(g, " WHERE ");
        condition(g, depth);
    }
    bool grouped = chance(g, 12);
    size_t end = g->sql.len;
    char tail[20000];
    size_t len = end - start < sizeof tail ? end - start : 0;
    memcpy(tail, g->sql.data + start, len);
    g->sql.len = start;
    put(g, chance(g, 10) && !grouped ? "SELECT DISTINCT " : "SELECT ");
    if (grouped)
        aggregates(g, columns);
    else
        plain_columns(g, columns, depth);
    buf_add(&g->sql, tail, len);
    if (grouped && chance(g, 60)) {
        put(g, " GROUP BY ");
        column(g);
    }
    g->depth--;
    g->first = first;
    g->sources = count;
}

static void scramble(struct sqlgen *g)
{
    static const char bytes[] = "()',;\"*-/.=?x 1";
    for (int i = 0; i < 3 && g->sql.len; i++)
        g->sql.data[sqlgen_random(g, (uint32_t)g->sql.len)] =
            bytes[sqlgen_random(g, sizeof bytes - 1)];
}

const char *sqlgen_next(struct sqlgen *g)
{
    static const char *const compounds[] = {" UNION ALL ", " UNION ALL ", " UNION ", " EXCEPT ",
                                            " INTERSECT "};
    int columns = 1 + (int)sqlgen_random(g, 4),
        ctes = chance(g, 25) ? 1 + (int)sqlgen_random(g, 2) : 0;
    buf_reset(&g->sql);
    g->depth = g->names = g->sources = g->first = g->ctes = 0;
    for (int i = 0; i < ctes; i++) {
        buf_printf(&g->sql, i ? ", cte%d(c0, c1) AS (" : "WITH cte%d(c0, c1) AS (", i);
        select_core(g, 2, 1);
        put(g, ") ");
        g->ctes = i + 1;
    }
    if (g->wild && chance(g, 3))
        put(g, chance(g, 50) ? "EXPLAIN " : "EXPLAIN QUERY PLAN ");
    select_core(g, columns, 2);
    for (int i = chance(g, 20) ? 1 + (int)sqlgen_random(g, 2) : 0; i > 0; i--) {
        put(g, PICK(compounds));
        select_core(g, columns, 1);
    }
    if (chance(g, 60))
        order(g, columns);
    if (g->wild && chance(g, 4))
        scramble(g);
    return buf_text(&g->sql);
}
