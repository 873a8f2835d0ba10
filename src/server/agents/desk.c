#define _GNU_SOURCE
#include "server/agents/desk.h"

#include "server/agents/desk_inside.h"
#include "server/media/media.h"
#include "server/relay/relay.h"
#include "server/routes/routes.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARENA_BYTES ((size_t)4 << 20)
#define EXCHANGE_BYTES ((size_t)96 << 20)

/* ---- connections ---- */

static struct sql *take_seat(struct agent_desk *d, struct raum_error *error)
{
    struct sql *sql = NULL;
    pthread_mutex_lock(&d->lock);
    while (d->free_count == 0 && d->seat_count == DESK_SEATS_MAX)
        pthread_cond_wait(&d->seat_free, &d->lock);
    if (d->free_count)
        sql = d->seats[--d->free_count];
    else
        d->seat_count++;
    pthread_mutex_unlock(&d->lock);
    if (sql || sql_open(&sql, d->server->database, d->server->env, error) == 0)
        return sql;
    pthread_mutex_lock(&d->lock);
    d->seat_count--;
    pthread_cond_signal(&d->seat_free);
    pthread_mutex_unlock(&d->lock);
    return NULL;
}

static void leave_seat(struct agent_desk *d, struct sql *sql)
{
    pthread_mutex_lock(&d->lock);
    d->seats[d->free_count++] = sql;
    pthread_cond_signal(&d->seat_free);
    pthread_mutex_unlock(&d->lock);
}

int64_t desk_now(const struct agent_desk *d)
{
    return d->server->env->now_ms(d->server->env->ctx);
}

/* ---- questions ---- */

int agent_desk_token(struct agent_desk *d, const char *token, struct arena *a,
                     struct agent_grant *out, struct raum_error *error)
{
    struct sql *sql = take_seat(d, error);
    if (!sql)
        return error ? error->code : RAUM_EBUSY;
    int result = agents_by_token(sql, token, desk_now(d), a, out, error);
    leave_seat(d, sql);
    return result;
}

int agent_desk_id(struct agent_desk *d, const char *id, struct arena *a, struct agent_grant *out,
                  struct raum_error *error)
{
    struct sql *sql = take_seat(d, error);
    if (!sql)
        return error ? error->code : RAUM_EBUSY;
    int result = agents_by_id(sql, id, desk_now(d), a, out, error);
    leave_seat(d, sql);
    return result;
}

int agent_desk_any(struct agent_desk *d, const char *account, const char *space, bool *out,
                   struct raum_error *error)
{
    struct sql *sql = take_seat(d, error);
    if (!sql)
        return error ? error->code : RAUM_EBUSY;
    int result = agents_any(sql, account, space, desk_now(d), out, error);
    leave_seat(d, sql);
    return result;
}

int agent_desk_keys(struct agent_desk *d, const char *account, struct buf *out,
                    struct raum_error *error)
{
    struct arena a;
    struct session who = {.account = account};
    struct call c = {.server = d->server, .arena = &a, .session = &who, .rest = ""};
    c.sql = take_seat(d, error);
    if (!c.sql)
        return error ? error->code : RAUM_EBUSY;
    arena_init(&a, ARENA_BYTES);
    int result = vault_write(&c, out);
    arena_release(&a);
    leave_seat(d, c.sql);
    return result ? err_set(error, result, "%s", c.error.text) : 0;
}

int agent_desk_place(struct agent_desk *d, const char *space, char epoch[17], struct arena *a,
                     const char **slug, struct raum_error *error)
{
    struct sql_rows *rows = NULL;
    struct sql *sql = take_seat(d, error);
    if (!sql)
        return error ? error->code : RAUM_EBUSY;
    int result = relay_epoch(sql, d->server->env, epoch, error);
    if (result == 0)
        result = sql_one(sql, &rows, error,
                         "SELECT slug FROM spaces WHERE id = ?1 AND deleted IS NULL", "s", space);
    *slug = result == 0 ? sql_copy(rows, "slug", a) : NULL;
    sql_rows_free(rows);
    leave_seat(d, sql);
    if (result == RAUM_END)
        return err_set(error, RAUM_ENOT_FOUND, NULL);
    return result == 0 && !*slug ? err_set(error, RAUM_ENOMEM, NULL) : result;
}

/* ---- pictures ---- */

static int read_all(int fd, int64_t size, void **data, struct raum_error *error)
{
    char *bytes = malloc((size_t)size + 1);
    int64_t have = 0;
    ssize_t n = 1;
    while (bytes && have < size && n > 0) {
        n = pread(fd, bytes + have, (size_t)(size - have), (off_t)have);
        have += n > 0 ? n : 0;
    }
    if (bytes && have == size) {
        *data = bytes;
        return 0;
    }
    free(bytes);
    return err_set(error, bytes ? RAUM_EIO : RAUM_ENOMEM, NULL);
}

int agent_desk_media(struct agent_desk *d, const char *account, const char *space, const char *id,
                     enum media_variant variant, size_t max, void **data, size_t *len,
                     const char **type, struct raum_error *error)
{
    const struct storage *s = &d->server->media->storage;
    struct media_row row;
    struct arena a;
    int64_t size = 0;
    int fd = -1;
    struct sql *sql = take_seat(d, error);
    if (!sql)
        return error ? error->code : RAUM_EBUSY;
    arena_init(&a, ARENA_BYTES);
    int result = media_find(sql, &a, account, space, id, &row, error);
    leave_seat(d, sql);
    if (result == 0)
        result = s->open(s->ctx, row.hash, row.type, variant, &fd, &size, error);
    if (result == 0 && (size_t)size > max)
        result = err_set(error, RAUM_ETOO_LARGE, NULL);
    if (result == 0)
        result = read_all(fd, size, data, error);
    if (fd >= 0)
        close(fd);
    *len = (size_t)size;
    *type = result == 0 ? media_mime(variant == MEDIA_ORIGINAL ? row.type : MEDIA_WEBP) : NULL;
    arena_release(&a);
    return result;
}

/* ---- exchanges ---- */

static void put_row(struct json_writer *w, const struct wire_change *c)
{
    char at[24];
    json_open_object(w);
    json_put_key(w, "table");
    json_put_str(w, c->table);
    json_put_key(w, "id");
    json_put_str(w, c->id);
    json_put_key(w, "at");
    json_open_object(w);
    for (uint32_t i = 0; i < c->count; i++) {
        snprintf(at, sizeof at, "%llu", (unsigned long long)c->fields[i].stamp.at);
        json_put_key(w, c->fields[i].name);
        json_put_str(w, at);
    }
    json_close_object(w);
    json_close_object(w);
}

/* What was taken of it, in front of the array's end (agents.h: writes). */
static int note_writes(struct agent_entry *e, const struct relay_exchange *x,
                       struct raum_error *error)
{
    struct json_writer w;
    struct buf *b = &e->writes;
    if (b->len)
        b->data[b->len - 1] = ','; /* the closing bracket */
    else
        buf_char(b, '[');
    json_begin(&w, b);
    json_open_object(&w);
    json_put_key(&w, "from");
    json_put_int(&w, x->written[0].from);
    json_put_key(&w, "to");
    json_put_int(&w, x->written[0].to);
    json_put_key(&w, "dev");
    json_put_str(&w, x->who.client);
    json_put_key(&w, "rows");
    json_open_array(&w);
    for (uint32_t i = 0; i < x->request.count; i++)
        if (x->results[i].status == WIRE_APPLIED) {
            put_row(&w, &x->request.changes[i]);
            e->call.changes++;
        }
    json_close_array(&w);
    json_close_object(&w);
    buf_char(b, ']');
    return buf_error(b, error);
}

int desk_log_written(struct sql *sql, struct agent_entry *e, const struct relay_exchange *x,
                     struct raum_error *error)
{
    int result = note_writes(e, x, error);
    e->call.writes = buf_text(&e->writes);
    if (result < 0)
        return result;
    if (!e->stored)
        return agents_log_put(sql, &e->call, error);
    result = sql_scope(sql, "partition", e->call.space, error);
    return result ? result
                  : sql_run(sql, error,
                            "UPDATE agent_calls SET writes = ?1, changes = ?2 WHERE id = ?3", "sis",
                            e->call.writes, e->call.changes, e->call.id);
}

/* What is written and what is logged of it are one transaction. */
static int push(struct sql *sql, struct relay *relay, struct relay_exchange *x, struct arena *a,
                struct agent_entry *entry, struct raum_error *error)
{
    int result = sql_begin(sql, error);
    if (result < 0)
        return result;
    result = relay_exchange_push(relay, x, a, error);
    bool log = result == 0 && entry && x->count == 1;
    if (log)
        result = desk_log_written(sql, entry, x, error);
    result = sql_end(sql, result, error);
    if (result < 0)
        relay_forget(relay);
    else if (log)
        entry->stored = true;
    return result;
}

int agent_desk_exchange(struct agent_desk *d, const char *account, const char *space,
                        const void *body, size_t len, struct agent_entry *entry, struct buf *answer,
                        struct raum_error *error)
{
    const struct relay_caller who = {.account = account};
    struct relay_exchange x = {0};
    struct relay *relay;
    struct json_doc doc;
    struct arena a;
    struct sql *sql = take_seat(d, error);
    if (!sql)
        return error ? error->code : RAUM_EBUSY;
    json_init(&doc);
    arena_init(&a, EXCHANGE_BYTES);
    int result = json_parse(&doc, body, len, 0, error);
    if (result == 0)
        result = relay_of(&relay, sql, d->server->env, error);
    if (result == 0)
        result = relay_exchange_read(&x, &who, &doc, &a, error);
    if (result == 0 && x.request.count)
        result = push(sql, relay, &x, &a, entry, error);
    if (result == 0)
        result = relay_exchange_answer(relay, &x, space, &a, answer, error);
    arena_release(&a);
    json_release(&doc);
    leave_seat(d, sql);
    return result;
}

/* ---- coming and going ---- */

void agent_desk_on_news(struct agent_desk *d, agent_desk_news *news, void *arg)
{
    pthread_mutex_lock(&d->news_lock);
    d->news = news;
    d->news_arg = arg;
    pthread_mutex_unlock(&d->news_lock);
}

void agent_desk_on_close(struct agent_desk *d, void (*close)(void *arg), void *arg)
{
    d->close = close;
    d->close_arg = arg;
}

/* They take no signals: those belong to whoever called us. */
static int start(struct agent_desk *d, struct raum_error *error)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    d->hearing = pthread_create(&d->hearer, NULL, desk_hear, d) == 0;
    d->writing = d->hearing && pthread_create(&d->scribe, NULL, desk_scribe, d) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return d->writing ? 0 : err_set(error, RAUM_ENOMEM, "no thread can be started");
}

int agent_desk_new(struct agent_desk **out, struct server *s, struct raum_error *error)
{
    struct agent_desk *d = *out = calloc(1, sizeof *d);
    if (!d)
        return err_set(error, RAUM_ENOMEM, NULL);
    d->server = s;
    d->last = &d->first;
    pthread_mutex_init(&d->lock, NULL);
    pthread_mutex_init(&d->news_lock, NULL);
    pthread_mutex_init(&d->log_lock, NULL);
    pthread_cond_init(&d->seat_free, NULL);
    pthread_cond_init(&d->log_wanted, NULL);
    pthread_cond_init(&d->log_room, NULL);
    d->wake_fd = desk_wake_new();
    int result = d->wake_fd < 0 ? err_set(error, RAUM_EIO, NULL) : 0;
    if (result == 0)
        result = sql_listen(&d->listener, s->database, NOTICE_CHANNEL, error);
    if (result == 0)
        result = sql_open(&d->hear_sql, s->database, s->env, error);
    if (result == 0)
        result = sql_open(&d->log_sql, s->database, s->env, error);
    if (result == 0)
        result = start(d, error);
    if (result < 0) {
        agent_desk_free(d);
        *out = NULL;
    }
    return result;
}

void agent_desk_free(struct agent_desk *d)
{
    if (!d)
        return;
    agent_desk_on_news(d, NULL, NULL);
    if (d->close)
        d->close(d->close_arg);
    desk_stop(d);
    for (int i = 0; i < d->free_count; i++)
        sql_close(d->seats[i]);
    sql_listener_free(d->listener);
    sql_close(d->hear_sql);
    sql_close(d->log_sql);
    pthread_cond_destroy(&d->seat_free);
    pthread_cond_destroy(&d->log_wanted);
    pthread_cond_destroy(&d->log_room);
    pthread_mutex_destroy(&d->lock);
    pthread_mutex_destroy(&d->news_lock);
    pthread_mutex_destroy(&d->log_lock);
    free(d);
}
