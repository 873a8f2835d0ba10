#define _GNU_SOURCE
#include "cli/bench_server.h"
#include "cli/bench.h"
#include "server/server.h"
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int bench_server_start(struct bench_server *child, const char *data, const char *database,
                       struct raum_error *error)
{
    char *argv[] = {"raum",        "--data",      (char *)data, "serve",          "--listen",
                    "127.0.0.1:0", "--no-limits", "--database", (char *)database, NULL};
    if (!database)
        argv[7] = NULL;
    char line[256] = "";
    posix_spawn_file_actions_t files;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return err_set(error, RAUM_EIO, NULL);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    int failed = posix_spawn(&child->pid, "/proc/self/exe", &files, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    close(ends[1]);
    FILE *out = failed ? NULL : fdopen(ends[0], "r");
    const char *colon = out && fgets(line, sizeof line, out) ? strrchr(line, ':') : NULL;
    if (out)
        fclose(out);
    else
        close(ends[0]);
    child->port = colon ? (int)strtol(colon + 1, NULL, 10) : 0;
    return child->port ? 0 : err_set(error, RAUM_EUNREACHABLE, "the server did not start");
}

void bench_server_stop(struct bench_server *child)
{
    if (child->pid <= 0)
        return;
    kill(child->pid, SIGTERM);
    while (waitpid(child->pid, NULL, 0) < 0 && !cli_stop)
        continue;
    child->pid = 0;
}

double bench_server_memory(const struct bench_server *child, const char *name)
{
    char path[64], line[256];
    double kb = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)child->pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, name, strlen(name)) == 0)
            kb = strtod(line + strlen(name) + 1, NULL);
    if (f)
        fclose(f);
    return kb / 1024;
}

double bench_server_computed(const struct bench_server *child)
{
    char path[64], text[1024];
    unsigned long ticks = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)child->pid);
    FILE *f = fopen(path, "r");
    const char *behind = f && fgets(text, sizeof text, f) ? strrchr(text, ')') : NULL;
    /* Behind the name: the state, ten numbers, then the ticks in user and in system mode. */
    for (int i = 0; behind && i < 13; i++) {
        behind = strchr(behind + 1, ' ');
        if (behind && i >= 11)
            ticks += strtoul(behind + 1, NULL, 10);
    }
    if (f)
        fclose(f);
    return (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

int bench_server_open(struct server **out, const char *data, struct raum_error *error)
{
    char folder[1100];
    snprintf(folder, sizeof folder, "%s/server", data);
    const struct server_options options = {
        .data = folder, .host = "127.0.0.1", .env = raum_env_native()};
    return server_open(out, &options, error);
}
