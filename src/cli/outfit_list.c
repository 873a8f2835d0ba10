/* `raum outfit list`: once or for as long as one watches. */
#include "cli/cmd_wardrobe.h"
#include "cli/watching.h"
#include "engine/intern.h"
#include "modules/wardrobe/outfits.h"
#include <string.h>

static const struct out_column columns[] = {
    {"id", "id", OUT_TEXT, OUT_KEEP},
    {"name", "name", OUT_TEXT, OUT_SHRINK},
    {"garments", "garments", OUT_TEXT, OUT_KEEP},
    {"isFavorite", "favorite", OUT_BOOL, OUT_KEEP},
    {"wearCount", "worn", OUT_NUMBER, OUT_DROP},
    {"lastWornAt", "last worn", OUT_TEXT, OUT_DROP},
    {"occasion", "occasion", OUT_TEXT, OUT_DROP},
    {"season", "season", OUT_JSON, OUT_DROP},
    {"tags", "tags", OUT_JSON, OUT_DROP},
    {"isArchived", "archived", OUT_BOOL, OUT_DROP},
};
static const int shown[] = {OUTFIT_ID,   OUTFIT_NAME,    OUTFIT_GARMENTS, OUTFIT_FAVORITE,
                            OUTFIT_WORN, OUTFIT_LAST,    OUTFIT_OCCASION, OUTFIT_SEASONS,
                            OUTFIT_TAGS, OUTFIT_ARCHIVED};

/* "3", or "3, 1 gone": a garment that is not here any more is never passed over in silence. */
static void garments_text(const struct raum_query *q, char out[64])
{
    long long count = raum_query_int(q, OUTFIT_GARMENTS), gone = raum_query_int(q, OUTFIT_GONE);
    int len = snprintf(out, 64, "%lld", count);
    if (gone > 0)
        snprintf(out + len, 64 - (size_t)len, tr(", %lld gone"), gone);
}

static int list_people(struct cli *cli, struct raum_query *q, bool archived, int64_t *count)
{
    struct out_table t;
    int rc, n = archived ? 10 : 9;
    char garments[64];
    out_table_begin(&t, &cli->out, columns, n);
    while ((rc = raum_query_step(q, &cli->error)) == 0)
        for (int i = 0; i < n; i++)
            if (shown[i] == OUTFIT_GARMENTS) {
                garments_text(q, garments);
                out_cell_str(&t, garments);
            } else {
                out_cell_query(&t, q, shown[i]);
            }
    *count = t.rows;
    int ended = out_table_end(&t, rc == RAUM_END ? &cli->error : NULL);
    return rc == RAUM_END ? ended : rc;
}

static void watched_text(struct cli *cli, const struct raum_query *row)
{
    char garments[64];
    size_t len = 0;
    const char *name = raum_query_text(row, OUTFIT_NAME, &len);
    garments_text(row, garments);
    out_text(&cli->out, name ? name : "", len);
    out_printf(&cli->out, "  [%s]%s", garments, raum_query_int(row, OUTFIT_FAVORITE) ? " ★" : "");
}

static void watched_json(struct json_writer *w, const struct raum_query *row)
{
    json_put_key(w, "name");
    json_put_str(w, raum_query_text(row, OUTFIT_NAME, NULL));
    json_put_key(w, "garments");
    json_put_int(w, raum_query_int(row, OUTFIT_GARMENTS));
    json_put_key(w, "gone");
    json_put_int(w, raum_query_int(row, OUTFIT_GONE));
    json_put_key(w, "isFavorite");
    json_put_bool(w, raum_query_int(row, OUTFIT_FAVORITE) != 0);
    json_put_key(w, "lastWornAt");
    json_put_str(w, raum_query_text(row, OUTFIT_LAST, NULL));
}

static int watch(struct cli *cli, const struct outfit_filter *filter)
{
    static const struct watching how = {watched_text, watched_json};
    struct buf sql;
    buf_init(&sql, 1 << 16);
    int rc = outfits_sql(filter, &sql, &cli->error);
    if (rc == 0)
        rc = watching_run(cli, buf_text(&sql), &how);
    buf_release(&sql);
    return rc;
}

static void total(struct cli *cli, const struct outfit_filter *f, int64_t count)
{
    const struct space *s = intern_space(cli->raum, cli->scope->space);
    const char *name = s ? s->name : "";
    char text[512];
    bool filtered =
        f->occasion || f->season || f->tag || f->favorites || f->shelf == SHELF_ARCHIVED;
    if (count == 0) {
        if (filtered)
            snprintf(text, sizeof text, tr("0 such outfits in %s."), name);
        else
            snprintf(text, sizeof text, tr("0 outfits in %s."), name);
        wardrobe_empty(cli, filtered, text, tr("Make one: raum outfit create NAME GARMENT…"));
    } else if (!cli->json) {
        cli_note(cli, count == 1 ? tr("%lld outfit in %s") : tr("%lld outfits in %s"),
                 (long long)count, name);
    }
}

int outfit_list(struct cli *cli)
{
    struct outfit_filter filter = {.occasion = cli_value(cli, "--occasion"),
                                   .season = cli_value(cli, "--season"),
                                   .tag = cli_value(cli, "--tag"),
                                   .favorites = cli_switch(cli, "--favorites"),
                                   .shelf = wardrobe_shelf(cli)};
    struct raum_query *q = NULL;
    int64_t count = 0;
    int rc = cli_choice(cli, "--occasion", filter.occasion, outfit_occasions());
    if (rc == 0)
        rc = cli_choice(cli, "--season", filter.season, outfit_seasons());
    if (rc == 0)
        rc = cli_open_scope(cli);
    if (rc)
        return rc;
    if (cli_switch(cli, "--watch"))
        return watch(cli, &filter);
    rc = outfits_query(cli->scope, &filter, &q, &cli->error);
    if (rc)
        return rc;
    rc = cli->json ? wardrobe_list_json(cli, q, &count, outfits_json)
                   : list_people(cli, q, filter.shelf != SHELF_IN_USE, &count);
    raum_query_free(q);
    if (rc == 0)
        total(cli, &filter, count);
    return rc;
}
