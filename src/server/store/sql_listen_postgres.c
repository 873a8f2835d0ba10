/* LISTEN by libpq. A lost connection is mended without blocking, so that the caller's wake_fd is
 * heard meanwhile; keepalives find out about one that died in silence. */
#include "server/store/sql_driver.h"

#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CONNECT_MS 10000 /* for one attempt */
#define RETRY_MS 1000    /* between two attempts */

enum link {
    LINK_DOWN,
    LINK_RISING,
    LINK_UP,
};

struct pg_listener {
    struct sql_listener base;
    PGconn *conn;
    char *channel;
    enum link link;
    PostgresPollingStatusType wants; /* rising */
    int64_t until;                   /* rising: given up then; down: tried again then */
};

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void say_nothing(void *arg, const char *text)
{
    (void)arg, (void)text;
}

static int unreachable(struct pg_listener *l, struct raum_error *error)
{
    const char *text = PQerrorMessage(l->conn);
    l->link = LINK_DOWN;
    l->until = now_ms() + RETRY_MS;
    return err_at(error, "sql", RAUM_EUNREACHABLE, "cannot reach the database: %.*s",
                  (int)strcspn(text, "\n"), text);
}

/* The channel has the schema in its name, which only the server knows. */
static int listen_now(struct pg_listener *l, struct raum_error *error)
{
    const char *values[] = {l->channel};
    char text[128];
    bool fine = false;
    PGresult *r =
        PQexecParams(l->conn, "SELECT " SQL_CHANNEL, 1, NULL, values, NULL, NULL, 0);
    if (PQresultStatus(r) == PGRES_TUPLES_OK) {
        snprintf(text, sizeof text, "LISTEN \"%s\"", PQgetvalue(r, 0, 0));
        PQclear(r);
        r = PQexec(l->conn, text);
        fine = PQresultStatus(r) == PGRES_COMMAND_OK;
    }
    PQclear(r);
    if (!fine)
        return unreachable(l, error);
    l->link = LINK_UP;
    return 0;
}

/* 0, and LINK_UP when it is there. */
static int rise(struct pg_listener *l, struct raum_error *error)
{
    if (l->link == LINK_DOWN) {
        l->link = LINK_RISING;
        l->until = now_ms() + CONNECT_MS;
        l->wants = PGRES_POLLING_WRITING;
        return PQresetStart(l->conn) ? 0 : unreachable(l, error);
    }
    l->wants = PQresetPoll(l->conn);
    if (l->wants == PGRES_POLLING_FAILED)
        return unreachable(l, error);
    return l->wants == PGRES_POLLING_OK ? listen_now(l, error) : 0;
}

static bool take_one(struct pg_listener *l, struct sql_notice *out)
{
    PGnotify *n = PQnotifies(l->conn);
    if (!n)
        return false;
    snprintf(l->base.payload, sizeof l->base.payload, "%s", n->extra);
    *out = (struct sql_notice){SQL_HEARD_NOTICE, l->base.payload};
    PQfreemem(n);
    return true;
}

enum event {
    EVENT_NONE,
    EVENT_LINE, /* the connection, or the time of its link */
    EVENT_END,  /* wake_fd, or the caller's time */
};

static enum event await(const struct pg_listener *l, int wake_fd, int64_t end)
{
    int64_t now = now_ms(), stop = l->link != LINK_UP && l->until < end ? l->until : end;
    bool writes = l->link == LINK_RISING && l->wants == PGRES_POLLING_WRITING;
    struct pollfd fds[] = {
        {.fd = l->link == LINK_DOWN ? -1 : PQsocket(l->conn), .events = writes ? POLLOUT : POLLIN},
        {.fd = wake_fd, .events = POLLIN}};
    int ready = poll(fds, 2, stop > now ? (int)(stop - now) : 0);
    if (ready > 0 && fds[0].revents)
        return EVENT_LINE;
    if (ready > 0)
        return EVENT_END;
    now = now_ms();
    if (l->link != LINK_UP && now >= l->until)
        return EVENT_LINE;
    return now >= end ? EVENT_END : EVENT_NONE;
}

/* What there is to do when `await` saw something of the line. */
static int attend(struct pg_listener *l, struct sql_notice *out, struct raum_error *error)
{
    if (l->link == LINK_UP) {
        if (!PQconsumeInput(l->conn) || PQstatus(l->conn) != CONNECTION_OK) {
            l->link = LINK_DOWN;
            l->until = now_ms();
        }
        return 0;
    }
    if (l->link == LINK_RISING && now_ms() >= l->until)
        return unreachable(l, error);
    int result = rise(l, error);
    if (result == 0 && l->link == LINK_UP)
        out->heard = SQL_HEARD_GAP;
    return result;
}

static int pg_wait(struct sql_listener *base, int wake_fd, int wait_ms, struct sql_notice *out,
                   struct raum_error *error)
{
    struct pg_listener *l = (struct pg_listener *)base;
    int64_t end = now_ms() + wait_ms;
    int result = 0;
    while (result == 0 && out->heard == SQL_HEARD_NOTHING) {
        if (l->link == LINK_UP && take_one(l, out))
            break;
        enum event event = await(l, wake_fd, end);
        if (event == EVENT_END)
            break;
        if (event == EVENT_LINE)
            result = attend(l, out, error);
    }
    return result;
}

static void pg_release(struct sql_listener *base)
{
    struct pg_listener *l = (struct pg_listener *)base;
    PQfinish(l->conn);
    free(l->channel);
    free(l);
}

int sql_postgres_listen(struct sql_listener **out, const char *url, const char *channel,
                        struct raum_error *error)
{
    /* What stands before the URL is a default, which the URL may change. */
    static const char *const names[] = {
        "connect_timeout",           "tcp_user_timeout", "keepalives_idle",
        "keepalives_interval",       "keepalives_count", "client_encoding",
        "fallback_application_name", "dbname",           NULL};
    const char *const values[] = {"10", "20000", "15", "5", "3", "UTF8", "raum", url, NULL};
    struct pg_listener *l = calloc(1, sizeof *l);
    if (!l)
        return err_set(error, RAUM_ENOMEM, NULL);
    l->base.wait = pg_wait;
    l->base.release = pg_release;
    l->channel = strdup(channel);
    l->conn = PQconnectdbParams(names, values, 1);
    int result = l->conn && l->channel ? 0 : err_set(error, RAUM_ENOMEM, NULL);
    if (result == 0) {
        PQsetNoticeProcessor(l->conn, say_nothing, NULL);
        result = PQstatus(l->conn) == CONNECTION_OK ? listen_now(l, error) : unreachable(l, error);
    }
    if (result < 0) {
        pg_release(&l->base);
        return result;
    }
    *out = &l->base;
    return 0;
}
