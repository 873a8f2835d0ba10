/* `raum garment list`: the wardrobe of the space, once or for as long as one watches. */
#include "cli/cmd_wardrobe.h"
#include "cli/watching.h"
#include "engine/intern.h"
#include "engine/media_work.h"
#include <string.h>

static const struct out_column columns[] = {
    {"id", "id", OUT_TEXT, OUT_KEEP},
    {"name", "name", OUT_TEXT, OUT_SHRINK},
    {"category", "category", OUT_TEXT, OUT_KEEP},
    {"wearCount", "worn", OUT_NUMBER, OUT_KEEP},
    {"lastWornAt", "last worn", OUT_TEXT, OUT_DROP},
    {"color", "color", OUT_TEXT, OUT_DROP},
    {"brand", "brand", OUT_TEXT, OUT_DROP},
    {"size", "size", OUT_TEXT, OUT_DROP},
    {"photos", "photos", OUT_NUMBER, OUT_DROP},
    {"tags", "tags", OUT_JSON, OUT_DROP},
    {"isArchived", "archived", OUT_BOOL, OUT_DROP},
};
static const int shown[] = {GARMENT_ID,     GARMENT_NAME,  GARMENT_CATEGORY, GARMENT_WORN,
                            GARMENT_LAST,   GARMENT_COLOR, GARMENT_BRAND,    GARMENT_SIZE,
                            GARMENT_PHOTOS, GARMENT_TAGS,  GARMENT_ARCHIVED};

static int list_people(struct cli *cli, struct raum_query *q, bool archived, int64_t *count)
{
    struct out_table t;
    int rc, n = archived ? 11 : 10; /* who asks for those in use knows that none is archived */
    out_table_begin(&t, &cli->out, columns, n);
    while ((rc = raum_query_step(q, &cli->error)) == 0)
        for (int i = 0; i < n; i++)
            out_cell_query(&t, q, shown[i]);
    *count = t.rows;
    int ended = out_table_end(&t, rc == RAUM_END ? &cli->error : NULL);
    return rc == RAUM_END ? ended : rc;
}

static void watched_text(struct cli *cli, const struct raum_query *row)
{
    size_t len = 0;
    const char *name = raum_query_text(row, GARMENT_NAME, &len);
    const char *category = raum_query_text(row, GARMENT_CATEGORY, NULL);
    const char *last = raum_query_text(row, GARMENT_LAST, NULL);
    out_text(&cli->out, category ? category : "", category ? strlen(category) : 0);
    out_printf(&cli->out, "  ");
    out_text(&cli->out, name ? name : "", len);
    if (last)
        out_printf(&cli->out, "  %lld× %s", (long long)raum_query_int(row, GARMENT_WORN), last);
}

static void watched_json(struct json_writer *w, const struct raum_query *row)
{
    json_put_key(w, "name");
    json_put_str(w, raum_query_text(row, GARMENT_NAME, NULL));
    json_put_key(w, "category");
    json_put_str(w, raum_query_text(row, GARMENT_CATEGORY, NULL));
    json_put_key(w, "wearCount");
    json_put_int(w, raum_query_int(row, GARMENT_WORN));
    json_put_key(w, "lastWornAt");
    json_put_str(w, raum_query_text(row, GARMENT_LAST, NULL));
}

static int watch(struct cli *cli, const struct garment_filter *filter)
{
    static const struct watching how = {watched_text, watched_json};
    struct buf sql;
    buf_init(&sql, 1 << 16);
    int rc = garments_sql(filter, &sql, &cli->error);
    if (rc == 0)
        rc = watching_run(cli, buf_text(&sql), &how);
    buf_release(&sql);
    return rc;
}

static void total(struct cli *cli, const struct garment_filter *f, int64_t count)
{
    const struct space *s = intern_space(cli->raum, cli->scope->space);
    const char *name = s ? s->name : "";
    char text[512];
    bool filtered = f->category || f->tag || f->shelf == SHELF_ARCHIVED;
    if (count == 0) {
        if (filtered)
            snprintf(text, sizeof text, tr("0 such garments in %s."), name);
        else
            snprintf(text, sizeof text, tr("0 garments in %s."), name);
        wardrobe_empty(cli, filtered, text, tr("Add some: raum garment add FILE…"));
    } else if (!cli->json) {
        cli_note(cli, count == 1 ? tr("%lld garment in %s") : tr("%lld garments in %s"),
                 (long long)count, name);
        struct media_state state;
        if (media_work_state(cli->raum, cli->scope->space, &state, NULL) == 0 && state.coming)
            cli_note(cli, tr("%lld pictures of this space are not here yet: raum sync"),
                     (long long)state.coming);
    }
}

int garment_list(struct cli *cli)
{
    struct garment_filter filter = {.category = cli_value(cli, "--category"),
                                    .tag = cli_value(cli, "--tag"),
                                    .shelf = wardrobe_shelf(cli)};
    struct raum_query *q = NULL;
    int64_t count = 0;
    int rc = cli_choice(cli, "--category", filter.category, garment_categories());
    if (rc == 0)
        rc = cli_open_scope(cli);
    if (rc)
        return rc;
    if (cli_switch(cli, "--watch"))
        return watch(cli, &filter);
    rc = garments_query(cli->scope, &filter, &q, &cli->error);
    if (rc)
        return rc;
    rc = cli->json ? wardrobe_list_json(cli, q, &count, garments_json)
                   : list_people(cli, q, filter.shelf != SHELF_IN_USE, &count);
    raum_query_free(q);
    if (rc == 0)
        total(cli, &filter, count);
    return rc;
}
