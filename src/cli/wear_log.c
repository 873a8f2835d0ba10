/* Wearing things, and the log of it. */
#include "base/err.h"
#include "cli/cmd_wardrobe.h"
#include "modules/wardrobe/outfits.h"
#include "modules/wardrobe/wears.h"
#include <stdlib.h>
#include <string.h>

#define GARMENTS "wardrobeGarments"
#define OUTFITS "wardrobeOutfits"

static const struct out_column worn_columns[] = {
    {"id", "wear", OUT_TEXT, OUT_KEEP},      {"wornAt", "day", OUT_TEXT, OUT_KEEP},
    {"garmentId", NULL, OUT_TEXT, OUT_KEEP}, {"outfitId", NULL, OUT_TEXT, OUT_KEEP},
    {"name", "name", OUT_TEXT, OUT_SHRINK},  {"garments", "garments", OUT_NUMBER, OUT_DROP},
};

struct worn {
    char id[RAUM_ID_MAX], thing[RAUM_ID_MAX];
    int garments;
};

static int wear_one(struct cli *cli, bool outfits, const char *word, const char *day,
                    struct worn *worn)
{
    worn->garments = 1;
    int rc = outfits ? outfit_find(cli, word, worn->thing) : garment_find(cli, word, worn->thing);
    if (rc)
        return rc;
    return outfits
               ? wears_outfit(cli->scope, worn->thing, day, worn->id, &worn->garments, &cli->error)
               : wears_garment(cli->scope, worn->thing, day, worn->id, &cli->error);
}

static int print_worn(struct cli *cli, bool outfits, const char *day, const struct worn *worn)
{
    struct out_table t;
    struct buf name;
    bool gone;
    int rc = 0;
    buf_init(&name, WARDROBE_ROW_MAX);
    out_table_begin(&t, &cli->out, worn_columns, 6);
    for (int i = 0; rc == 0 && i < cli->count; i++) {
        buf_reset(&name);
        rc = wardrobe_name(cli, outfits ? OUTFITS : GARMENTS, worn[i].thing, &name, &gone);
        out_cell_str(&t, worn[i].id);
        out_cell_str(&t, day);
        out_cell_str(&t, outfits ? NULL : worn[i].thing);
        out_cell_str(&t, outfits ? worn[i].thing : NULL);
        out_cell_str(&t, buf_text(&name));
        out_cell_int(&t, worn[i].garments);
    }
    int ended = out_table_end(&t, rc ? NULL : &cli->error);
    buf_release(&name);
    return rc ? rc : ended;
}

/* All that are named, or none. */
static int wear(struct cli *cli, bool outfits)
{
    char day[WARDROBE_DAY];
    int rc = wardrobe_day(cli, day);
    if (rc == 0)
        rc = cli_open_scope(cli);
    if (rc)
        return rc;
    struct worn *worn = calloc((size_t)cli->count, sizeof *worn);
    rc = worn ? raum_begin(cli->raum, &cli->error) : err_set(&cli->error, RAUM_ENOMEM, NULL);
    if (rc == 0) {
        for (int i = 0; rc == 0 && i < cli->count; i++)
            rc = wear_one(cli, outfits, cli->words[i], day, &worn[i]);
        if (rc)
            raum_rollback(cli->raum);
        else
            rc = raum_commit(cli->raum, &cli->error);
    }
    if (rc == 0 && !(cli->quiet && !cli->json))
        rc = print_worn(cli, outfits, day, worn);
    free(worn);
    return rc;
}

int garment_wear(struct cli *cli)
{
    return wear(cli, false);
}

int outfit_wear(struct cli *cli)
{
    return wear(cli, true);
}

int garment_unwear(struct cli *cli)
{
    int rc = cli_open_scope(cli);
    if (rc == 0)
        rc = wears_remove(cli->scope, cli->words[0], &cli->error);
    return rc ? rc : out_done(&cli->out, "taken back", cli->words[0]);
}

/* ---- the log ---- */

static const struct out_column log_columns[] = {
    {"wornAt", "day", OUT_TEXT, OUT_KEEP},      {"garmentId", NULL, OUT_TEXT, OUT_KEEP},
    {"outfitId", NULL, OUT_TEXT, OUT_KEEP},     {"garment", "garment", OUT_TEXT, OUT_SHRINK},
    {"outfit", "outfit", OUT_TEXT, OUT_SHRINK}, {"garments", "garments", OUT_NUMBER, OUT_DROP},
    {"gone", NULL, OUT_BOOL, OUT_KEEP},         {"id", "wear", OUT_TEXT, OUT_KEEP},
};

/* The name of what a row is about; programs get it plain, and whether it is gone apart. */
static int log_name(struct cli *cli, const char *table, const char *id, struct buf *out, bool *gone)
{
    struct buf name;
    buf_reset(out);
    if (!id)
        return 0;
    buf_init(&name, WARDROBE_ROW_MAX);
    bool away = false;
    int rc = wardrobe_name(cli, table, id, &name, &away);
    *gone = *gone || away;
    if (rc == 0)
        wardrobe_put_name(out, buf_text(&name), away && !cli->json);
    buf_release(&name);
    return rc;
}

static int log_row(struct cli *cli, struct out_table *t, const struct raum_query *q,
                   struct buf *garment, struct buf *outfit)
{
    const char *garment_id = raum_query_text(q, WEAR_GARMENT, NULL);
    const char *outfit_id = raum_query_text(q, WEAR_OUTFIT, NULL);
    bool gone = false;
    int rc = log_name(cli, GARMENTS, garment_id, garment, &gone);
    if (rc == 0)
        rc = log_name(cli, OUTFITS, outfit_id, outfit, &gone);
    if (rc)
        return rc;
    out_cell_query(t, q, WEAR_DAY);
    out_cell_query(t, q, WEAR_GARMENT);
    out_cell_query(t, q, WEAR_OUTFIT);
    out_cell_str(t, garment_id ? buf_text(garment) : NULL);
    out_cell_str(t, outfit_id ? buf_text(outfit) : NULL);
    out_cell_int(t, garment_id ? 1 : raum_query_int(q, WEAR_PARTS));
    out_cell_bool(t, gone);
    out_cell_query(t, q, WEAR_ID);
    return 0;
}

/* A garment's id or name, else an outfit's. */
static int log_query(struct cli *cli, struct raum_query **q)
{
    char garment[RAUM_ID_MAX], outfit[RAUM_ID_MAX];
    struct buf none;
    if (cli->count == 0)
        return wears_query(cli->scope, NULL, NULL, q, &cli->error);
    int rc = garment_find(cli, cli->words[0], garment);
    if (rc == 0)
        rc = outfit_find(cli, cli->words[0], outfit);
    if (rc)
        return rc;
    bool gone, found = false;
    buf_init(&none, WARDROBE_ROW_MAX);
    /* Deleted ones have a log too; what nobody here knows has none. */
    rc = wardrobe_name(cli, GARMENTS, garment, &none, &gone);
    found = !gone || none.len;
    if (rc == 0 && found) {
        rc = wears_query(cli->scope, garment, NULL, q, &cli->error);
    } else if (rc == 0) {
        rc = wardrobe_name(cli, OUTFITS, outfit, &none, &gone);
        if (rc == 0 && gone && !none.len)
            rc = cli_fail(cli, RAUM_ENOT_FOUND, tr("no garment or outfit %.80s in this space"),
                          cli->words[0]);
        if (rc == 0)
            rc = wears_query(cli->scope, NULL, outfit, q, &cli->error);
    }
    buf_release(&none);
    return rc;
}

int wear_log(struct cli *cli)
{
    struct raum_query *q = NULL;
    struct buf garment, outfit;
    struct out_table t;
    int rc = cli_open_scope(cli);
    if (rc == 0)
        rc = log_query(cli, &q);
    if (rc)
        return rc;
    buf_init(&garment, WARDROBE_ROW_MAX);
    buf_init(&outfit, WARDROBE_ROW_MAX);
    out_table_begin(&t, &cli->out, log_columns, 8);
    while ((rc = raum_query_step(q, &cli->error)) == 0 &&
           (rc = log_row(cli, &t, q, &garment, &outfit)) == 0)
        continue;
    raum_query_free(q);
    if (rc == RAUM_END && t.rows == 0)
        cli_note(cli, "%s", tr("nothing was worn yet. Say so: raum garment wear GARMENT"));
    int ended = out_table_end(&t, rc == RAUM_END ? &cli->error : NULL);
    buf_release(&garment);
    buf_release(&outfit);
    return rc == RAUM_END ? ended : rc;
}
