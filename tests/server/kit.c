#include "server/kit.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *server(void)
{
    const char *url = getenv("RAUM_TEST_POSTGRES");
    return url && *url ? url : NULL;
}

bool kit_is_postgres(void)
{
    return server() != NULL;
}

static void on_server(struct kit *k, const char *verb)
{
    struct sql *c;
    char text[128];
    const char *tail = strcmp(verb, "DROP") == 0 ? " CASCADE" : "";
    KIT_OK(k, sql_open(&c, server(), raum_env_native(), &k->error));
    snprintf(text, sizeof text, "%s SCHEMA %s%s", verb, k->schema, tail);
    KIT_OK(k, sql_run(c, &k->error, text, ""));
    sql_close(c);
}

void kit_make(struct kit *k)
{
    unsigned char random[8];
    *k = (struct kit){0};
    snprintf(k->folder, sizeof k->folder, "%s/server-XXXXXX", P_tmpdir);
    assert_non_null(mkdtemp(k->folder));
    if (!kit_is_postgres()) {
        snprintf(k->url, sizeof k->url, "%s/server.db", k->folder);
        return;
    }
    raum_env_native()->random(raum_env_native()->ctx, random, sizeof random);
    snprintf(k->schema, sizeof k->schema, "t");
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(k->schema + 1 + 2 * i, 3, "%02x", random[i]);
    on_server(k, "CREATE");
    snprintf(k->url, sizeof k->url, "%s%coptions=-csearch_path%%3D%s", server(),
             strchr(server(), '?') ? '&' : '?', k->schema);
}

struct sql *kit_connect(struct kit *k)
{
    struct sql *c = NULL;
    KIT_OK(k, sql_open(&c, k->url, raum_env_native(), &k->error));
    return c;
}

void kit_open(struct kit *k)
{
    kit_make(k);
    k->sql = kit_connect(k);
    KIT_OK(k, sql_migrate(k->sql, &k->error));
}

void kit_remove(const char *folder)
{
    char path[1024];
    struct dirent *e;
    DIR *d = opendir(folder);
    while (d && (e = readdir(d))) {
        struct stat s;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (lstat(path, &s) == 0 && S_ISDIR(s.st_mode))
            kit_remove(path);
        else
            unlink(path);
    }
    if (d)
        closedir(d);
    rmdir(folder);
}

void kit_close(struct kit *k)
{
    sql_close(k->sql);
    k->sql = NULL;
    if (k->schema[0])
        on_server(k, "DROP");
    kit_remove(k->folder);
}
