#include "cli/bench_data.h"

#include "cli/scratch.h"
#include "engine/intern.h"
#include "engine/query.h"
#include "engine/store.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int bench_open(struct bench_run *b, const char *name, struct raum **raum,
               struct raum_handle **scope, struct raum_error *error)
{
    char folder[SCRATCH_PATH_MAX + 64];
    snprintf(folder, sizeof folder, "%s/%s", b->folder, name);
    struct raum_options options = {.folder = folder};
    int result = raum_open(raum, &options, error);
    if (result == 0)
        result = raum_scope_new(*raum, scope, error);
    return result ? result : raum_scope_set(*scope, intern_personal(*raum)->id, error);
}

int bench_picture(char *out, size_t size, int i)
{
    return snprintf(
        out, size,
        "{\"kind\":\"face\",\"label\":\"Picture number %d\",\"mediaId\":\"m-%d\",\"width\":1024,"
        "\"height\":1536,\"tags\":[\"summer\",\"portrait\"]}",
        i, i);
}

int bench_fill(struct raum *raum, struct raum_handle *scope, int rows, int batch,
               struct raum_error *error)
{
    char json[400];
    int result = 0;
    for (int i = 0; i < rows && result == 0;) {
        result = raum_begin(raum, error);
        for (int k = 0; k < batch && i < rows && result == 0; k++, i++) {
            int len = bench_picture(json, sizeof json, i);
            result = raum_insert(scope, "meImages", json, (size_t)len, NULL, error);
        }
        if (result == 0)
            result = raum_commit(raum, error);
        else
            raum_rollback(raum);
    }
    return result;
}

int bench_query(struct raum_handle *scope, const char *sql, bool fenced, int *rows,
                struct raum_error *error)
{
    struct raum_query *q;
    size_t bytes = 0;
    *rows = 0;
    int result = fenced ? raum_query_new(scope, sql, &q, error) : query_view(scope, sql, &q, error);
    if (result < 0)
        return result;
    while ((result = raum_query_step(q, error)) == 0) {
        for (int i = 0; i < raum_query_columns(q); i++) {
            size_t len;
            raum_query_text(q, i, &len);
            bytes += len;
        }
        ++*rows;
    }
    raum_query_free(q);
    return result < 0 ? result : bytes ? 0 : err_set(error, RAUM_EINTERNAL, "nothing was read");
}

int bench_plain(const char *path, struct db **out, struct raum_error *error)
{
    int result = db_open(out, path, DB_CREATE, error);
    return result ? result
                  : db_exec(*out,
                            "CREATE TABLE pictures (id TEXT PRIMARY KEY, spaceId TEXT NOT NULL, "
                            "authorId TEXT NOT NULL,"
                            " visibility TEXT NOT NULL, createdAt TEXT, updatedAt TEXT, deletedAt "
                            "TEXT, kind TEXT,"
                            " label TEXT, mediaId TEXT, width INTEGER, height INTEGER, tags TEXT, "
                            "ai INTEGER,"
                            " profile INTEGER, subjectId TEXT);"
                            "CREATE INDEX pictures_space ON pictures (spaceId, createdAt);",
                            error);
}

int bench_plain_insert(struct db *db, struct db_stmt *insert, int i, const char *space,
                       struct raum_error *error)
{
    char id[48], label[48], media[24];
    int result = 0;
    if (!insert->stmt)
        result = db_prepare(db, insert, &db_grant_own,
                            "INSERT INTO pictures VALUES (?1, ?2, 'guest', 'space', ?5, ?5, NULL, "
                            "'face', ?3, ?4, 1024,"
                            " 1536, '[\"summer\",\"portrait\"]', 0, 1, 'guest')",
                            error);
    if (result < 0)
        return result;
    snprintf(id, sizeof id, "019a2b3c-%04x-7%03x-8000-%012x", i >> 12 & 0xffff, i & 0xfff, i);
    snprintf(label, sizeof label, "Picture number %d", i);
    snprintf(media, sizeof media, "m-%d", i);
    db_bind_str(insert, 1, id);
    db_bind_str(insert, 2, space);
    db_bind_str(insert, 3, label);
    db_bind_str(insert, 4, media);
    db_bind_str(insert, 5, "2026-04-01T00:00:00.000Z");
    return db_run(insert, error);
}

void bench_time(struct bench_times *t, double started)
{
    if (t->count < 64)
        t->ms[t->count++] = bench_now_ms() - started;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

double bench_median(struct bench_times *t)
{
    qsort(t->ms, (size_t)t->count, sizeof t->ms[0], ascending);
    return t->count ? t->ms[t->count / 2] : 0;
}

double bench_resident(bool peak)
{
    char line[256];
    double kib = 0;
    FILE *file = fopen("/proc/self/status", "r");
    const char *name = peak ? "VmHWM:" : "VmRSS:";
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, name, strlen(name)) == 0)
            kib = strtod(line + strlen(name), NULL);
    if (file)
        fclose(file);
    return kib / 1024;
}
