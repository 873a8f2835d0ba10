/* A process that works and is killed at any instant: what it had been told was written is there,
 * what it had not is there as a whole or not at all (G-O1, G-S11). */
#include "engine/model.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define BATCHES 6
#define WRITES 3

struct work {
    bool insert;
    char id[VALUE], color[VALUE];
};
static struct work plan[BATCHES][WRITES];

static void make_plan(const struct mreplica *x)
{
    int next = 0;
    for (int b = 0; b < BATCHES; b++)
        for (int w = 0; w < WRITES; w++) {
            struct work *work = &plan[b][w];
            while (next < ROWS && !(x->rows[next].used && x->rows[next].table == T_TAGS &&
                                    x->rows[next].space == 0 && !oracle_deleted(&x->rows[next]) &&
                                    !oracle_hidden(x, &x->rows[next])))
                next++;
            work->insert = next == ROWS || below(2);
            snprintf(work->color, VALUE, "\"c%ld.%d.%d\"", m.op, b, w);
            if (work->insert)
                snprintf(work->id, VALUE, "t%ld.%d.%d", m.op, b, w);
            else
                snprintf(work->id, VALUE, "%s", x->rows[next++].id);
        }
}

/* The child: a byte to the parent after each commit. */
static void work_off(int replica, int out)
{
    char json[200], id[RAUM_ID_MAX];
    model_open(replica);
    for (int b = 0; b < BATCHES; b++) {
        int result = raum_begin(m.raums[replica], &error);
        for (int w = 0; w < WRITES && result == 0; w++) {
            const struct work *work = &plan[b][w];
            snprintf(json, sizeof json,
                     work->insert ? "{\"name\":\"n\",\"color\":%s,\"id\":\"%s\"}"
                                  : "{\"color\":%s}",
                     work->color, work->id);
            result = work->insert ? kit_insert(m.handles[replica][0], "tags", json, id)
                                  : kit_update(m.handles[replica][0], "tags", work->id, json);
        }
        if (result == 0)
            result = raum_commit(m.raums[replica], &error);
        if (result < 0 || write(out, "x", 1) != 1)
            _exit(1);
    }
    for (;;)
        pause();
}

static int acknowledged(int in, int most)
{
    char byte;
    int count = 0;
    while (count < most && read(in, &byte, 1) == 1)
        count++;
    return count;
}

static bool is_there(int replica, const struct work *work)
{
    char sql[300], wanted[VALUE];
    snprintf(sql, sizeof sql, "SELECT color FROM tags WHERE id = '%s'", work->id);
    snprintf(wanted, VALUE, "%.*s", (int)strlen(work->color) - 2, work->color + 1);
    return strcmp(kit_rows(m.handles[replica][0], sql), wanted) == 0;
}

static void take_over(int replica, const struct work *work)
{
    struct mreplica *x = m.now[replica];
    unsigned all = 1u << F_VISIBILITY | 1u << F_CREATED | 1u << F_DELETED | 1u << F_A | 1u << F_B;
    struct mrow *row = oracle_find(x, T_TAGS, 0, work->id);
    if (work->insert) {
        row = oracle_new(x, T_TAGS, 0, work->id);
        row->author = x->account;
        snprintf(row->f[F_VISIBILITY].value, VALUE, "\"space\"");
        snprintf(row->f[F_DELETED].value, VALUE, "null");
        snprintf(row->f[F_A].value, VALUE, "\"n\"");
        row->dirty = oracle_all_tags(T_TAGS, false);
    }
    snprintf(row->f[F_B].value, VALUE, "%s", work->color);
    check_written(replica, row, work->insert ? all : 1u << F_B, false, work->insert);
}

void model_crash(int replica)
{
    int pipes[2], least = (int)below(BATCHES + 1);
    unsigned wait_us = below(3) ? below(3000) : 0;
    if (m.now[replica]->spaces[0].role == ROLE_NONE || pipe(pipes) != 0)
        return;
    make_plan(m.now[replica]);
    model_close(replica);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        close(pipes[0]);
        work_off(replica, pipes[1]);
    }
    close(pipes[1]);
    int count = acknowledged(pipes[0], least);
    usleep(wait_us);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    count += acknowledged(pipes[0], BATCHES);
    close(pipes[0]);
    if (count < least)
        differs("the child stopped by itself after %d", count);
    model_open(replica);
    for (int b = 0; b < BATCHES; b++) {
        int there = 0;
        for (int w = 0; w < WRITES; w++)
            there += is_there(replica, &plan[b][w]);
        if (there != 0 && there != WRITES)
            differs("batch %d of a killed process is there in part: %d", b, there);
        if ((b < count && there == 0) || (b > count && there != 0))
            differs("batch %d is %s after %d were acknowledged", b, there ? "there" : "lost",
                    count);
        for (int w = 0; w < WRITES && there; w++)
            take_over(replica, &plan[b][w]);
    }
    if (kit_raw(m.raums[replica],
                "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"))
        differs("the file is damaged");
    check_replica(replica);
}
