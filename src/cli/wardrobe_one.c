/* One garment and one outfit, as people and programs see them. */
#include "cli/cmd_wardrobe.h"
#include "modules/wardrobe/outfits.h"
#include <string.h>

/* How often, when last, and what each time has cost. */
static void put_wears(struct cli *cli, struct json_value row, struct arena *a)
{
    const char *last = json_str(json_get(row, "lastWornAt"), a);
    int64_t count = 0;
    json_int(json_get(row, "wearCount"), &count);
    if (last)
        out_pair(&cli->out, tr("worn"),
                 count == 1 ? tr("%lld time, last %s") : tr("%lld times, last %s"),
                 (long long)count, last);
    else
        out_pair(&cli->out, tr("worn"), "%s", tr("never"));
}

static void put_price(struct cli *cli, struct json_value row, struct arena *a)
{
    char money[WARDROBE_MONEY];
    const char *currency = json_str(json_get(row, "currency"), a);
    int64_t cents, count = 0;
    if (!json_int(json_get(row, "priceCents"), &cents))
        return;
    json_int(json_get(row, "wearCount"), &count);
    wardrobe_money((double)cents, currency, money);
    out_pair(&cli->out, tr("price"), "%s", money);
    if (count > 0) {
        wardrobe_money((double)cents / (double)count, currency, money);
        out_pair(&cli->out, tr("per wear"), "%s", money);
    }
}

/* The outfits that it is part of, by their names. */
static int put_outfits(struct cli *cli, const char *id)
{
    const struct outfit_filter filter = {.garment = id, .shelf = SHELF_ALL};
    struct raum_query *q = NULL;
    struct buf names;
    buf_init(&names, 1 << 16);
    int rc = outfits_query(cli->scope, &filter, &q, &cli->error);
    while (rc == 0 && (rc = raum_query_step(q, &cli->error)) == 0) {
        const char *name = raum_query_text(q, OUTFIT_NAME, NULL);
        buf_printf(&names, "%s%s", names.len ? ", " : "", name ? name : "");
    }
    if (rc == RAUM_END && names.len)
        out_pair(&cli->out, tr("outfits"), "%s", buf_text(&names));
    raum_query_free(q);
    buf_release(&names);
    return rc == RAUM_END ? 0 : rc;
}

/* What every row ends with. */
static void put_tail(struct cli *cli, struct json_value row, struct arena *a)
{
    struct out *out = &cli->out;
    bool archived = false;
    out_member(out, tr("tags"), json_get(row, "tags"), a);
    if (json_bool(json_get(row, "isArchived"), &archived) && archived)
        out_pair(out, tr("archived"), "%s", tr("yes"));
    out_member(out, tr("visibility"), json_get(row, "visibility"), a);
    out_moment(out, tr("added"), json_get(row, "createdAt"), a);
    out_moment(out, tr("changed"), json_get(row, "updatedAt"), a);
    out_moment(out, tr("deleted"), json_get(row, "deletedAt"), a);
}

static int put_garment(struct cli *cli, const char *id, struct json_value row, struct arena *a)
{
    struct out *out = &cli->out;
    out_member(out, tr("id"), json_get(row, "id"), a);
    out_member(out, tr("name"), json_get(row, "name"), a);
    out_member(out, tr("category"), json_get(row, "category"), a);
    out_member(out, tr("brand"), json_get(row, "brand"), a);
    out_member(out, tr("color"), json_get(row, "color"), a);
    out_member(out, tr("size"), json_get(row, "size"), a);
    out_member(out, tr("material"), json_get(row, "material"), a);
    out_member(out, tr("notes"), json_get(row, "notes"), a);
    out_member(out, tr("bought"), json_get(row, "purchasedAt"), a);
    put_price(cli, row, a);
    out_pair(out, tr("photos"), "%u", json_count(json_get(row, "mediaIds")));
    put_wears(cli, row, a);
    int rc = put_outfits(cli, id);
    put_tail(cli, row, a);
    return rc;
}

/* Its garments in order, one a line. */
static int put_outfit(struct cli *cli, const char *id, struct json_value row, struct arena *a)
{
    struct out *out = &cli->out;
    struct json_value list = json_get(row, "garments");
    bool favorite = false, gone;
    (void)id;
    out_member(out, tr("id"), json_get(row, "id"), a);
    out_member(out, tr("name"), json_get(row, "name"), a);
    out_member(out, tr("description"), json_get(row, "description"), a);
    out_member(out, tr("occasion"), json_get(row, "occasion"), a);
    out_member(out, tr("season"), json_get(row, "season"), a);
    for (struct json_value v = json_first(list); v.doc; v = json_next(list, v)) {
        struct buf line;
        const char *name = json_str(json_get(v, "name"), a);
        const char *category = json_str(json_get(v, "category"), a);
        buf_init(&line, 4096);
        gone = json_bool(json_get(v, "gone"), &gone) && gone;
        wardrobe_put_name(&line, name ? name : "", gone);
        if (category && !gone)
            buf_printf(&line, "%s%s", line.len ? ", " : "", category);
        out_pair(out, tr("garment"), "%s", buf_text(&line));
        buf_release(&line);
    }
    if (json_bool(json_get(row, "isFavorite"), &favorite) && favorite)
        out_pair(out, tr("favorite"), "%s", tr("yes"));
    put_wears(cli, row, a);
    out_member(out, tr("last try-on"), json_get(row, "lastTryOn"), a);
    put_tail(cli, row, a);
    return 0;
}

static int
print(struct cli *cli, const char *id,
      int (*get)(struct raum_handle *h, const char *id, struct buf *out, struct raum_error *error),
      int (*put)(struct cli *cli, const char *id, struct json_value row, struct arena *a))
{
    struct buf b;
    struct json_doc doc;
    struct arena a;
    buf_init(&b, WARDROBE_ROW_MAX);
    json_init(&doc);
    arena_init(&a, 4 * WARDROBE_ROW_MAX);
    int rc = get(cli->scope, id, &b, &cli->error);
    if (rc == 0 && cli->json)
        out_json(&cli->out, &b);
    else if (rc == 0)
        rc = json_parse(&doc, buf_text(&b), b.len, 0, &cli->error);
    if (rc == 0 && !cli->json)
        rc = put(cli, id, json_root(&doc), &a);
    arena_release(&a);
    json_release(&doc);
    buf_release(&b);
    return rc;
}

int garment_print(struct cli *cli, const char *id)
{
    return print(cli, id, garments_json, put_garment);
}

int garment_done(struct cli *cli, const char *id, int rc)
{
    return rc || (cli->quiet && !cli->json) ? rc : garment_print(cli, id);
}

int outfit_print(struct cli *cli, const char *id)
{
    return print(cli, id, outfits_json, put_outfit);
}

int outfit_done(struct cli *cli, const char *id, int rc)
{
    return rc || (cli->quiet && !cli->json) ? rc : outfit_print(cli, id);
}
