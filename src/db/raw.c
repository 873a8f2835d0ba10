#include "db/raw.h"

#include <limits.h>

static int file_of(struct db *db, sqlite3_file **file, struct raum_error *error)
{
    *file = NULL;
    int rc = sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_FILE_POINTER, file);
    if (rc == SQLITE_OK && *file && (*file)->pMethods)
        return 0;
    return err_at(error, "raw", RAUM_EINTERNAL, "this database has no file");
}

static int done(struct db *db, int rc, const char *what, struct raum_error *error)
{
    return rc == SQLITE_OK ? 0 : db_fail(db, rc, what, error);
}

int db_raw_size(struct db *db, int64_t *size, struct raum_error *error)
{
    sqlite3_file *file;
    sqlite3_int64 bytes = 0;
    int result = file_of(db, &file, error);
    if (result == 0)
        result = done(db, file->pMethods->xFileSize(file, &bytes), "cannot read", error);
    *size = bytes;
    return result;
}

int db_raw_read(struct db *db, int64_t at, void *data, size_t len, struct raum_error *error)
{
    sqlite3_file *file;
    int result = len <= INT_MAX ? file_of(db, &file, error) : RAUM_EINTERNAL;
    if (result == 0)
        result = done(db, file->pMethods->xRead(file, data, (int)len, at), "cannot read", error);
    return result;
}

int db_raw_write(struct db *db, int64_t at, const void *data, size_t len, struct raum_error *error)
{
    sqlite3_file *file;
    int result = len <= INT_MAX ? file_of(db, &file, error) : RAUM_EINTERNAL;
    if (result == 0)
        result = done(db, file->pMethods->xWrite(file, data, (int)len, at), "cannot write", error);
    return result;
}

int db_raw_sync(struct db *db, struct raum_error *error)
{
    sqlite3_file *file;
    int result = file_of(db, &file, error);
    if (result == 0)
        result = done(db, file->pMethods->xSync(file, SQLITE_SYNC_FULL), "cannot write to the disk",
                      error);
    return result;
}

int db_copy(struct db *from, struct db *to, struct raum_error *error)
{
    const struct db_grant *before = from->grant, *there = to->grant;
    from->grant = to->grant = &db_grant_own;
    sqlite3_backup *copy = sqlite3_backup_init(to->handle, "main", from->handle, "main");
    /* All in one step: one state of the source, and in WAL mode nobody is kept waiting. */
    int rc = copy ? sqlite3_backup_step(copy, -1) : sqlite3_errcode(to->handle);
    if (copy)
        sqlite3_backup_finish(copy);
    from->grant = before;
    to->grant = there;
    return rc == SQLITE_DONE ? 0 : db_fail(to, rc, "cannot copy the database", error);
}
