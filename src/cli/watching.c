#include "cli/watching.h"

#include "engine/intern.h"
#include "engine/spaces.h"
#include <string.h>
#include <time.h>

#define POLL_MS 100

struct watched {
    struct cli *cli;
    const struct watching *how;
};

static void event_text(const struct watched *x, const struct raum_watch_event *e)
{
    struct out *out = &x->cli->out;
    const char *sign = e->kind == RAUM_WATCH_DELETE   ? "- "
                       : e->kind == RAUM_WATCH_INSERT ? "+ "
                                                      : "~ ";
    out_printf(out, "%s", sign);
    out_text(out, e->key, strlen(e->key));
    if (e->kind != RAUM_WATCH_DELETE) {
        out_printf(out, "  ");
        x->how->text(x->cli, e->row);
    }
    out_printf(out, "\n");
}

static void event_json(const struct watched *x, const struct raum_watch_event *e)
{
    static const char *const names[] = {"begin", "reset",  "insert", "update",
                                        "move",  "delete", "end",    "not-ready"};
    struct buf b;
    struct json_writer w;
    buf_init(&b, 1 << 20);
    json_begin(&w, &b);
    json_open_object(&w);
    json_put_key(&w, "event");
    json_put_str(&w, names[e->kind]);
    if (e->space) {
        json_put_key(&w, "spaceId");
        json_put_str(&w, e->space);
    }
    if (e->key) {
        json_put_key(&w, "id");
        json_put_str(&w, e->key);
        json_put_key(&w, "from");
        json_put_int(&w, e->from);
        json_put_key(&w, "to");
        json_put_int(&w, e->to);
    }
    if (e->row && (e->kind == RAUM_WATCH_INSERT || e->kind == RAUM_WATCH_UPDATE))
        x->how->json(&w, e->row);
    json_close_object(&w);
    out_json(&x->cli->out, &b);
    buf_release(&b);
}

static void on_event(void *arg, const struct raum_watch_event *e)
{
    const struct watched *x = arg;
    struct cli *cli = x->cli;
    if (cli->json) {
        if (e->kind != RAUM_WATCH_BEGIN)
            event_json(x, e);
    } else if (e->kind == RAUM_WATCH_RESET) {
        const struct space *s = e->space ? intern_space_find(cli->raum, e->space) : NULL;
        out_printf(&cli->out, "%s", out_bold(&cli->out));
        out_text(&cli->out, s ? s->name : "", s ? strlen(s->name) : 0);
        out_printf(&cli->out, "%s\n", out_plain(&cli->out));
    } else if (e->kind == RAUM_WATCH_INSERT || e->kind == RAUM_WATCH_UPDATE ||
               e->kind == RAUM_WATCH_DELETE) {
        event_text(x, e);
    }
    fflush(cli->out.file);
}

static int follow(struct cli *cli)
{
    if (cli->space)
        return 0;
    const struct space *now = spaces_active(cli->raum);
    const char *seen = raum_scope_space(cli->scope);
    if (!now || (seen && strcmp(seen, now->id) == 0))
        return 0;
    return raum_scope_set(cli->scope, now->id, &cli->error);
}

int watching_run(struct cli *cli, const char *sql, const struct watching *how)
{
    const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
    struct watched x = {cli, how};
    struct raum_watch *w = NULL;
    int rc = raum_watch_new(cli->scope, sql, on_event, &x, &w, &cli->error);
    while (rc == 0 && !cli_stop && !ferror(cli->out.file)) {
        rc = follow(cli);
        if (rc == 0)
            rc = raum_poll(cli->raum, &cli->error);
        if (rc == 0)
            nanosleep(&pause, NULL);
    }
    raum_watch_free(w);
    return rc;
}
