#include "engine/ddl.h"

#include "base/plant.h"
#include <string.h>

const struct db_file_step ddl_steps[] = {
    /* Has a key's copy arrived at the server? (engine/vault.h) */
    {.to = 44, .sql = "ALTER TABLE keys ADD COLUMN acked INTEGER NOT NULL DEFAULT 0"},
    /* Writes that the server refused (sync/outgoing.h). */
    {.to = 45,
     .sql = "CREATE TABLE parked (n INTEGER, tbl INTEGER, code INTEGER NOT NULL,"
            " PRIMARY KEY (n, tbl)) WITHOUT ROWID"},
    /* What others wrote over, what is to come, what is being erased (engine/conflicts.h,
     * sync/session.h, engine/leave.h). */
    {.to = 46,
     .sql = "CREATE TABLE conflicts (id INTEGER PRIMARY KEY AUTOINCREMENT, n INTEGER NOT NULL,"
            " tbl INTEGER NOT NULL, tag INTEGER NOT NULL, value, at INTEGER NOT NULL,"
            " by INTEGER NOT NULL, UNIQUE (n, tbl, tag));"
            "CREATE TABLE coming (space INTEGER PRIMARY KEY, since TEXT);"
            "CREATE TABLE leaving (space INTEGER PRIMARY KEY, at INTEGER NOT NULL,"
            " state INTEGER NOT NULL)"},
    /* Which pictures the server has, and what is to be done about them (engine/media_work.h). */
    {.to = 47,
     .sql = "ALTER TABLE media ADD COLUMN sent INTEGER NOT NULL DEFAULT 0;"
            "CREATE INDEX media_unsent ON media (space, id) WHERE sent = 0;"
            "CREATE TABLE media_work (space INTEGER, id TEXT, work INTEGER,"
            " tries INTEGER NOT NULL DEFAULT 0, after INTEGER NOT NULL DEFAULT 0,"
            " code INTEGER NOT NULL DEFAULT 0, note TEXT, place TEXT,"
            " PRIMARY KEY (space, id, work)) WITHOUT ROWID;"
            "CREATE INDEX media_work_due ON media_work (work, code, after);"
            "INSERT OR IGNORE INTO media_work (space, id, work) SELECT w.space, w.id, 4 FROM"
            " (SELECT space, mediaId AS id FROM data_meImages WHERE deletedAt IS NULL UNION ALL"
            " SELECT space, mediaId FROM data_images WHERE deletedAt IS NULL UNION ALL"
            " SELECT g.space, j.value FROM data_wardrobeGarments g, json_each(g.mediaIds) j"
            " WHERE g.deletedAt IS NULL) w WHERE length(w.id) BETWEEN 1 AND 127"
            " AND w.id NOT GLOB '*[^A-Za-z0-9._-]*' AND NOT EXISTS"
            " (SELECT 1 FROM media m WHERE m.space = w.space AND m.id = w.id)"},
    {.to = 0},
};

/* A number of a space is never given out twice (AUTOINCREMENT): whoever still holds it, holds
 * nothing (G-T2). */
static const char fixed[] =
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "CREATE TABLE spaces (ref INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, type "
    "INTEGER NOT NULL,"
    " role INTEGER NOT NULL, sealed INTEGER NOT NULL, offline INTEGER NOT NULL, slug TEXT NOT NULL,"
    " name TEXT NOT NULL);"
    "CREATE TABLE accounts (ref INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE);"
    "CREATE TABLE actors (ref INTEGER PRIMARY KEY, account INTEGER NOT NULL, device TEXT NOT NULL,"
    " agent TEXT NOT NULL, UNIQUE (account, device, agent));"
    "CREATE TABLE keys (key_id BLOB PRIMARY KEY, space INTEGER NOT NULL, made TEXT NOT NULL,"
    " retired TEXT, acked INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;"
    "CREATE TABLE dirty (n INTEGER, tbl INTEGER, fields INTEGER NOT NULL, PRIMARY KEY (n, tbl))"
    " WITHOUT ROWID;"
    "CREATE TABLE parked (n INTEGER, tbl INTEGER, code INTEGER NOT NULL, PRIMARY KEY (n, tbl))"
    " WITHOUT ROWID;"
    "CREATE TABLE conflicts (id INTEGER PRIMARY KEY AUTOINCREMENT, n INTEGER NOT NULL, tbl INTEGER "
    "NOT NULL, tag INTEGER NOT NULL, value, at INTEGER NOT NULL, by INTEGER NOT NULL,"
    " UNIQUE (n, tbl, tag));"
    "CREATE TABLE coming (space INTEGER PRIMARY KEY, since TEXT);"
    "CREATE TABLE leaving (space INTEGER PRIMARY KEY, at INTEGER NOT NULL, state INTEGER NOT NULL);"
    "CREATE TABLE media (space INTEGER, id TEXT, hash TEXT NOT NULL, type TEXT NOT NULL,"
    " bytes INTEGER NOT NULL, width INTEGER, height INTEGER, purpose TEXT, created TEXT NOT NULL,"
    " deleted TEXT, sent INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (space, id)) WITHOUT ROWID;"
    "CREATE INDEX media_hash ON media (hash);"
    "CREATE INDEX media_unsent ON media (space, id) WHERE sent = 0;"
    "CREATE TABLE media_work (space INTEGER, id TEXT, work INTEGER,"
    " tries INTEGER NOT NULL DEFAULT 0, after INTEGER NOT NULL DEFAULT 0,"
    " code INTEGER NOT NULL DEFAULT 0, note TEXT, place TEXT,"
    " PRIMARY KEY (space, id, work)) WITHOUT ROWID;"
    "CREATE INDEX media_work_due ON media_work (work, code, after);"
    "CREATE TABLE intents (key TEXT PRIMARY KEY, value TEXT, state INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE data_opaque (n INTEGER PRIMARY KEY, id TEXT NOT NULL, space INTEGER NOT NULL,"
    " author INTEGER NOT NULL, visibility TEXT NOT NULL, createdAt TEXT, deletedAt TEXT,"
    " tbl TEXT NOT NULL, extra BLOB, stamps BLOB NOT NULL, UNIQUE (space, tbl, id));";

static const char *column_type(const struct schema_field *f)
{
    if (f->flags & FIELD_SEALED)
        return "BLOB";
    switch ((enum schema_type)f->type) {
    case TYPE_INT:
    case TYPE_BOOL:
    case TYPE_ACCOUNT:
        return "INTEGER";
    case TYPE_REAL:
        return "REAL";
    case TYPE_TEXT:
    case TYPE_TIME:
    case TYPE_DATE:
    case TYPE_TEXTS:
    case TYPE_JSON:
        return "TEXT";
    }
    return "BLOB";
}

static void create_table(struct buf *out, const struct schema_table *t)
{
    buf_printf(
        out,
        "CREATE TABLE \"data_%s\" (n INTEGER PRIMARY KEY, id TEXT NOT NULL, space INTEGER NOT NULL,"
        " author INTEGER NOT NULL, visibility TEXT NOT NULL, createdAt TEXT, deletedAt TEXT",
        t->name);
    for (const struct schema_field *f = t->fields; f->name; f++)
        buf_printf(out, ", \"%s\" %s", f->name, column_type(f));
    buf_str(out, ", extra BLOB, stamps BLOB NOT NULL, UNIQUE (space, id));");
    for (const char *const *i = t->indexes; i && *i; i++)
        buf_printf(out, "CREATE INDEX \"data_%s_%d\" ON \"data_%s\" (space, %s);", t->name,
                   (int)(i - t->indexes) + 1, t->name, *i);
}

void ddl_create(struct buf *out)
{
    buf_str(out, fixed);
    for (const struct schema_table *t = schema_tables; t->name; t++)
        create_table(out, t);
}

/* How a field is read: sealed values are opened, account numbers become ids. The constant names
 * table and field to the opening function: table number * 256 + tag. */
static void read_field(struct buf *out, const struct schema_table *t, const struct schema_field *f)
{
    if (f->flags & FIELD_SEALED)
        buf_printf(out, "CAST(open_value(d.\"%s\", d.id, %d, d.space) AS TEXT)", f->name,
                   t->number * 256 + f->tag);
    else if (f->type == TYPE_ACCOUNT)
        buf_printf(out, "account_id(d.\"%s\")", f->name);
    else
        buf_printf(out, "d.\"%s\"", f->name);
    buf_printf(out, " AS \"%s\"", f->name);
}

static void read_columns(struct buf *out, const struct schema_table *t, bool across)
{
    if (schema_is_slots(t))
        buf_str(out, "account_id(d.person) || ':' || d.slot AS id");
    else
        buf_str(out, "d.id AS id");
    if (t->level == LEVEL_SPACE)
        buf_printf(out,
                   ", %s AS spaceId, account_id(d.author) AS authorId, d.visibility AS visibility",
                   across ? "space_id(d.space)" : "scope_id()");
    buf_str(
        out,
        ", d.createdAt AS createdAt, stamps_time(d.stamps) AS updatedAt, d.deletedAt AS deletedAt");
    for (const struct schema_field *f = t->fields; f->name; f++) {
        buf_str(out, ", ");
        read_field(out, t, f);
    }
    for (const struct schema_derived *d = t->derived; d && d->name; d++)
        buf_printf(out, ", %s AS \"%s\"", d->sql, d->name);
}

void ddl_views(struct buf *out, const struct schema_table *t, const char secret[DDL_INNER],
               bool across)
{
    const char *prefix = across ? DDL_ACROSS : "";
    buf_printf(out, "CREATE TEMP VIEW \"%s%s%s\" AS SELECT ", prefix, secret, t->name);
    read_columns(out, t, across);
    buf_printf(out, " FROM main.\"data_%s\" AS d WHERE %s AND d.deletedAt IS NULL", t->name,
               across ? "d.space IN (SELECT ref FROM main.spaces WHERE role > 0)"
                      : "d.space = scope_ref()");
    if (t->level == LEVEL_SPACE && !PLANT(PRIVATE))
        buf_str(out, " AND (d.visibility <> 'private' OR d.author = scope_account())");
    buf_printf(out, ";CREATE TEMP VIEW \"%s%s\" AS SELECT * FROM \"%s%s%s\";", prefix, t->name,
               prefix, secret, t->name);
}
