/* `raum image list`: the pool of the space, once or for as long as one watches. */
#include "base/err.h"
#include "cli/cmd_image.h"
#include "cli/sync_media.h"
#include "cli/watching.h"
#include "engine/intern.h"
#include "modules/profile/me_images.h"
#include <string.h>

static const struct out_column columns[] = {
    {"id", "id", OUT_TEXT, OUT_KEEP},           {"label", "label", OUT_TEXT, OUT_SHRINK},
    {"kind", "kind", OUT_TEXT, OUT_KEEP},       {"slots", "slots", OUT_TEXT, OUT_KEEP},
    {"ai", "ai", OUT_BOOL, OUT_KEEP},           {"tags", "tags", OUT_JSON, OUT_DROP},
    {"size", "size", OUT_TEXT, OUT_DROP},       {"here", "on this device", OUT_TEXT, OUT_DROP},
    {"createdAt", "added", OUT_TIME, OUT_DROP},
};

static const struct space *space_of(const struct cli *cli)
{
    return intern_space(cli->raum, cli->scope->space);
}

/* Says why nothing is there, and how to change it (G-T4). */
static void empty(struct cli *cli, const struct me_filter *f)
{
    const struct space *s = space_of(cli);
    char text[1024];
    int len;
    if (f->kind || f->slot || f->reference)
        len = snprintf(text, sizeof text, tr("0 such pictures in %s."), s->name);
    else if (s->type == SPACE_PERSONAL)
        len = snprintf(text, sizeof text, tr("0 pictures in %s. Add some: raum image add FILE…"),
                       s->name);
    else
        len =
            snprintf(text, sizeof text,
                     tr("0 pictures in %s. The pool of this space is empty on purpose: nothing is "
                        "borrowed from your personal space. Add some: raum image add FILE…"),
                     s->name);
    (void)len;
    if (cli->json)
        cli_note(cli, "%s", text);
    else {
        out_text(&cli->out, text, strlen(text));
        out_printf(&cli->out, "\n");
    }
}

static void size_text(const struct raum_query *q, char out[48])
{
    snprintf(out, 48, "%lldx%lld", (long long)raum_query_int(q, ME_WIDTH),
             (long long)raum_query_int(q, ME_HEIGHT));
}

static void row(struct out_table *t, const struct raum_query *q, const char *here)
{
    char slots[64], size[48];
    image_slots(raum_query_int(q, ME_SLOTS), slots);
    size_text(q, size);
    out_cell_query(t, q, ME_ID);
    out_cell_query(t, q, ME_LABEL);
    out_cell_query(t, q, ME_KIND);
    out_cell_str(t, slots);
    out_cell_query(t, q, ME_CONSENT);
    out_cell_query(t, q, ME_TAGS);
    out_cell_str(t, size);
    out_cell_str(t, image_here_text(here));
    out_cell_query(t, q, ME_CREATED);
}

/* *absent: how many are not here at all. */
static int list_people(struct cli *cli, struct raum_query *q, int64_t *count, int64_t *absent)
{
    struct out_table t;
    int rc;
    out_table_begin(&t, &cli->out, columns, 9);
    while ((rc = raum_query_step(q, &cli->error)) == 0) {
        const char *here =
            sync_media_here(cli, cli->scope->space, raum_query_text(q, ME_MEDIA, NULL));
        row(&t, q, here);
        *absent += !here && raum_query_text(q, ME_MEDIA, NULL);
    }
    *count = t.rows;
    int ended = out_table_end(&t, rc == RAUM_END ? &cli->error : NULL);
    return rc == RAUM_END ? ended : rc;
}

static int list_json(struct cli *cli, struct raum_query *q, int64_t *count)
{
    struct buf b;
    int rc;
    buf_init(&b, (size_t)64 << 20);
    buf_char(&b, '[');
    while ((rc = raum_query_step(q, &cli->error)) == 0) {
        if ((*count)++)
            buf_char(&b, ',');
        rc = image_json(cli, raum_query_text(q, ME_ID, NULL), raum_query_int(q, ME_SLOTS),
                        raum_query_text(q, ME_MEDIA, NULL), &b);
        if (rc)
            break;
        fwrite(buf_text(&b), 1, b.len, cli->out.file);
        buf_reset(&b);
    }
    buf_char(&b, ']');
    out_json(&cli->out, &b);
    buf_release(&b);
    return rc == RAUM_END ? 0 : rc;
}

/* ---- watching ---- */

static void watched_text(struct cli *cli, const struct raum_query *row)
{
    char slots[64];
    size_t len = 0;
    const char *label = raum_query_text(row, ME_LABEL, &len);
    const char *kind = raum_query_text(row, ME_KIND, NULL);
    image_slots(raum_query_int(row, ME_SLOTS), slots);
    out_printf(&cli->out, "%s  ", kind ? kind : "");
    out_text(&cli->out, label ? label : "", len);
    out_printf(&cli->out, "%s%s%s", *slots ? "  [" : "", slots, *slots ? "]" : "");
    if (raum_query_int(row, ME_CONSENT))
        out_printf(&cli->out, "  ai");
}

static void watched_json(struct json_writer *w, const struct raum_query *row)
{
    size_t len = 0;
    const char *label = raum_query_text(row, ME_LABEL, &len);
    json_put_key(w, "kind");
    json_put_str(w, raum_query_text(row, ME_KIND, NULL));
    json_put_key(w, "label");
    json_put_text(w, label ? label : "", len);
    json_put_key(w, "aiReference");
    json_put_bool(w, raum_query_int(row, ME_CONSENT) != 0);
}

static int watch(struct cli *cli, const struct me_filter *filter)
{
    static const struct watching how = {watched_text, watched_json};
    struct buf sql;
    buf_init(&sql, 1 << 16);
    int rc = me_images_sql(cli->scope, filter, &sql, &cli->error);
    if (rc == 0)
        rc = watching_run(cli, buf_text(&sql), &how);
    buf_release(&sql);
    return rc;
}

int image_list(struct cli *cli)
{
    struct me_filter filter = {.kind = cli_value(cli, "--kind"),
                               .slot = cli_value(cli, "--slot"),
                               .reference = cli_switch(cli, "--reference")};
    struct raum_query *q = NULL;
    int64_t count = 0, absent = 0;
    int rc = cli_choice(cli, "--kind", filter.kind, me_kinds);
    if (rc == 0)
        rc = cli_choice(cli, "--slot", filter.slot, me_slots);
    if (rc == 0)
        rc = cli_open_scope(cli);
    if (rc)
        return rc;
    if (cli_switch(cli, "--watch"))
        return watch(cli, &filter);
    rc = me_images_query(cli->scope, &filter, &q, &cli->error);
    if (rc)
        return rc;
    rc = cli->json ? list_json(cli, q, &count) : list_people(cli, q, &count, &absent);
    raum_query_free(q);
    if (rc == 0 && count == 0)
        empty(cli, &filter);
    else if (rc == 0 && !cli->json)
        cli_note(cli, count == 1 ? tr("%lld picture in %s") : tr("%lld pictures in %s"),
                 (long long)count, space_of(cli)->name);
    if (rc == 0 && absent)
        cli_note(cli, tr("%lld of them are not here yet: raum sync"), (long long)absent);
    return rc;
}
