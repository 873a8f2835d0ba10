/* `raum garment stats`: what the wear log says. */
#include "cli/cmd_wardrobe.h"
#include "modules/wardrobe/statistics.h"
#include <stdlib.h>
#include <string.h>

#define TOP_DEFAULT 5
#define TOP_MAX 1000
#define MONTHS 12
#define BAR_MAX 20

/* By position in the queries of statistics.h. */
enum { ID, NAME, CATEGORY, WEARS, LAST, CENTS, CURRENCY };

static const struct out_column garment_columns[] = {
    {"name", "name", OUT_TEXT, OUT_SHRINK},        {"category", "category", OUT_TEXT, OUT_KEEP},
    {"wearCount", "worn", OUT_NUMBER, OUT_KEEP},   {"lastWornAt", "last worn", OUT_TEXT, OUT_KEEP},
    {"perWear", "per wear", OUT_NUMBER, OUT_DROP}, {"id", "id", OUT_TEXT, OUT_DROP},
};
static const struct out_column category_columns[] = {
    {"category", "category", OUT_TEXT, OUT_KEEP},
    {"garments", "garments", OUT_NUMBER, OUT_KEEP},
    {"archived", "archived", OUT_NUMBER, OUT_KEEP},
    {"wears", "worn", OUT_NUMBER, OUT_KEEP},
};
static const struct out_column cost_columns[] = {
    {"currency", "currency", OUT_TEXT, OUT_KEEP},  {"garments", "garments", OUT_NUMBER, OUT_KEEP},
    {"cents", "spent", OUT_NUMBER, OUT_KEEP},      {"wears", "worn", OUT_NUMBER, OUT_KEEP},
    {"perWear", "per wear", OUT_NUMBER, OUT_KEEP},
};
static const struct out_column month_columns[] = {
    {"month", "month", OUT_TEXT, OUT_KEEP},
    {"wears", "worn", OUT_NUMBER, OUT_KEEP},
    {"garments", "garments", OUT_NUMBER, OUT_KEEP},
    {"bar", "", OUT_TEXT, OUT_DROP},
};

/* ---- for people ---- */

static void money_cell(struct out_table *t, double cents, int64_t wears, const char *currency)
{
    char money[WARDROBE_MONEY];
    if (wears < 1) {
        out_cell_str(t, NULL);
        return;
    }
    wardrobe_money(cents / (double)wears, currency, money);
    out_cell_str(t, money);
}

static void garment_row(struct out_table *t, const struct raum_query *q)
{
    int64_t wears = raum_query_int(q, WEARS);
    bool priced = raum_query_type(q, CENTS) != RAUM_NULL;
    out_cell_query(t, q, NAME);
    out_cell_query(t, q, CATEGORY);
    out_cell_query(t, q, WEARS);
    out_cell_query(t, q, LAST);
    money_cell(t, raum_query_real(q, CENTS), priced ? wears : 0,
               raum_query_text(q, CURRENCY, NULL));
    out_cell_query(t, q, ID);
}

static void category_row(struct out_table *t, const struct raum_query *q)
{
    for (int i = 0; i < 4; i++)
        out_cell_query(t, q, i);
}

static void cost_row(struct out_table *t, const struct raum_query *q)
{
    const char *currency = raum_query_text(q, 0, NULL);
    double cents = raum_query_real(q, 2);
    out_cell_query(t, q, 0);
    out_cell_query(t, q, 1);
    money_cell(t, cents, 1, "");
    out_cell_query(t, q, 3);
    money_cell(t, cents, raum_query_int(q, 3), currency);
}

/* A stroke for each wear, up to a row's worth. */
static void month_row(struct out_table *t, const struct raum_query *q)
{
    char bar[3 * BAR_MAX + 1];
    int64_t wears = raum_query_int(q, 1);
    size_t len = 0;
    for (int i = 0; i < BAR_MAX && i < wears; i++, len += 3)
        memcpy(bar + len, "▪", 3);
    bar[len] = '\0';
    for (int i = 0; i < 3; i++)
        out_cell_query(t, q, i);
    out_cell_str(t, bar);
}

/* ---- for programs ---- */

static void put_value(struct json_writer *w, const struct raum_query *q, int at)
{
    size_t len = 0;
    const char *text;
    switch (raum_query_type(q, at)) {
    case RAUM_INTEGER:
        json_put_int(w, raum_query_int(q, at));
        return;
    case RAUM_REAL:
        json_put_double(w, raum_query_real(q, at));
        return;
    case RAUM_TEXT:
        text = raum_query_text(q, at, &len);
        json_put_text(w, text, len);
        return;
    case RAUM_NULL:
    case RAUM_BLOB:
        break;
    }
    json_put_null(w);
}

/* A row by the names of its columns; `cents` and `wears`: where money and number stand, for what
 * each time has cost. */
static void put_row(struct json_writer *w, const struct raum_query *q, int cents, int wears)
{
    json_open_object(w);
    for (int i = 0; i < raum_query_columns(q); i++) {
        json_put_key(w, raum_query_name(q, i));
        put_value(w, q, i);
    }
    if (cents >= 0) {
        int64_t count = raum_query_int(q, wears);
        json_put_key(w, "centsPerWear");
        if (count > 0 && raum_query_type(q, cents) != RAUM_NULL)
            json_put_double(w, raum_query_real(q, cents) / (double)count);
        else
            json_put_null(w);
    }
    json_close_object(w);
}

/* ---- the parts ---- */

struct stats {
    struct cli *cli;
    struct buf json;
    struct json_writer writer;
    int top;
};

struct part {
    const char *key, *title; /* title through tr */
    const struct out_column *columns;
    int count, cents, wears;
    void (*row)(struct out_table *t, const struct raum_query *q);
};

static int put_people(struct stats *s, const struct part *part, struct raum_query *q)
{
    struct cli *cli = s->cli;
    struct out_table t;
    int rc = raum_query_step(q, &cli->error);
    if (rc)
        return rc;
    out_printf(&cli->out, "\n%s%s%s\n", out_bold(&cli->out), part->title, out_plain(&cli->out));
    out_table_begin(&t, &cli->out, part->columns, part->count);
    do
        part->row(&t, q);
    while ((rc = raum_query_step(q, &cli->error)) == 0);
    int ended = out_table_end(&t, rc == RAUM_END ? &cli->error : NULL);
    return ended ? ended : rc;
}

static int put_json(struct stats *s, const struct part *part, struct raum_query *q)
{
    int rc;
    json_put_key(&s->writer, part->key);
    json_open_array(&s->writer);
    while ((rc = raum_query_step(q, &s->cli->error)) == 0)
        put_row(&s->writer, q, part->cents, part->wears);
    json_close_array(&s->writer);
    return rc;
}

static int put_part(struct stats *s, const struct part *part, int rc, struct raum_query *q)
{
    if (rc == 0)
        rc = s->cli->json ? put_json(s, part, q) : put_people(s, part, q);
    raum_query_free(q);
    return rc == RAUM_END ? 0 : rc;
}

static int put_all(struct stats *s)
{
    const struct part most = {"mostWorn", tr("Most worn"), garment_columns, 6,
                              CENTS,      WEARS,           garment_row};
    const struct part least = {
        "notWorn", tr("Not worn for long"), garment_columns, 6, CENTS, WEARS, garment_row};
    const struct part categories = {"categories", tr("Categories"), category_columns, 4, -1,
                                    -1,           category_row};
    const struct part costs = {"costs", tr("Cost per wear"), cost_columns, 5, 2, 3, cost_row};
    const struct part months = {"months", tr("Months"), month_columns, 4, -1, -1, month_row};
    struct raum_handle *h = s->cli->scope;
    struct raum_error *error = &s->cli->error;
    struct raum_query *q = NULL;
    int rc = statistics_most_worn(h, s->top, &q, error);
    rc = put_part(s, &most, rc, q);
    if (rc == 0) {
        rc = statistics_not_worn(h, s->top, &q, error);
        rc = put_part(s, &least, rc, rc ? NULL : q);
    }
    if (rc == 0) {
        rc = statistics_categories(h, &q, error);
        rc = put_part(s, &categories, rc, rc ? NULL : q);
    }
    if (rc == 0) {
        rc = statistics_costs(h, &q, error);
        rc = put_part(s, &costs, rc, rc ? NULL : q);
    }
    if (rc == 0) {
        rc = statistics_months(h, MONTHS, &q, error);
        rc = put_part(s, &months, rc, rc ? NULL : q);
    }
    return rc;
}

static int take_top(struct cli *cli, int *top)
{
    const char *word = cli_value(cli, "--top");
    char *end;
    *top = TOP_DEFAULT;
    if (!word)
        return 0;
    long number = strtol(word, &end, 10);
    if (!*word || *end || number < 1 || number > TOP_MAX)
        return cli_usage(cli, tr("--top takes a number from 1 to %d"), TOP_MAX);
    *top = (int)number;
    return 0;
}

int garment_stats(struct cli *cli)
{
    const struct garment_filter all = {.shelf = SHELF_ALL};
    struct stats s = {.cli = cli};
    struct raum_query *q = NULL;
    int rc = take_top(cli, &s.top);
    if (rc == 0)
        rc = cli_open_scope(cli);
    if (rc == 0)
        rc = garments_query(cli->scope, &all, &q, &cli->error);
    if (rc)
        return rc;
    rc = raum_query_step(q, &cli->error);
    raum_query_free(q);
    if (rc < 0)
        return rc;
    if (rc == RAUM_END && !cli->json) {
        wardrobe_empty(cli, false, tr("No garments, no statistics."),
                       tr("Add some: raum garment add FILE…"));
        return 0;
    }
    buf_init(&s.json, WARDROBE_ROW_MAX);
    json_begin(&s.writer, &s.json);
    json_open_object(&s.writer);
    rc = put_all(&s);
    json_close_object(&s.writer);
    if (rc == 0)
        rc = buf_error(&s.json, &cli->error);
    if (rc == 0 && cli->json)
        out_json(&cli->out, &s.json);
    buf_release(&s.json);
    return rc;
}
