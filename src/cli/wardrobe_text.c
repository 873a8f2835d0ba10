/* Options and texts that garments and outfits have in common. */
#include "base/err.h"
#include "cli/cmd_wardrobe.h"
#include "engine/intern.h"
#include "engine/store.h"
#include "modules/wardrobe/outfits.h"
#include <string.h>
#include <time.h>

int wardrobe_words(struct cli *cli, const char *option, const char *words[WARDROBE_WORDS_MAX],
                   int *count)
{
    const char *word;
    int at = 0;
    *count = -1;
    while ((word = cli_next(cli, option, &at))) {
        if (*count < 0)
            *count = 0;
        if (*count == WARDROBE_WORDS_MAX)
            return cli_usage(cli, tr("%s: at most %d times"), option, WARDROBE_WORDS_MAX);
        words[(*count)++] = word;
    }
    return 0;
}

int garment_options(struct cli *cli, struct garment_fields *fields,
                    const char *tags[WARDROBE_WORDS_MAX])
{
    char currency[4];
    int64_t cents;
    const char *price = cli_value(cli, "--price");
    *fields = (struct garment_fields){.name = cli_value(cli, "--name"),
                                      .category = cli_value(cli, "--category"),
                                      .brand = cli_value(cli, "--brand"),
                                      .color = cli_value(cli, "--color"),
                                      .size = cli_value(cli, "--size"),
                                      .material = cli_value(cli, "--material"),
                                      .notes = cli_value(cli, "--notes"),
                                      .purchased = cli_value(cli, "--bought"),
                                      .price = price,
                                      .visibility = wardrobe_visibility(cli),
                                      .tags = tags};
    int rc = wardrobe_words(cli, "--tag", tags, &fields->tag_count);
    if (rc == 0)
        rc = cli_choice(cli, "--category", fields->category, garment_categories());
    if (rc == 0)
        rc = wardrobe_check_day(cli, "--bought");
    if (rc == 0 && price && *price && garment_price(price, &cents, currency, NULL) != 0)
        rc = cli_usage(cli, tr("--price takes a number like 49.90 or '49.90 CHF', not %.40s"),
                       price);
    return rc;
}

int wardrobe_check_day(struct cli *cli, const char *option)
{
    const char *day = cli_value(cli, option);
    if (!day || !*day || clock_parse_date(day, strlen(day)) == 0)
        return 0;
    return cli_usage(cli, tr("%s takes a day like 2026-04-30, not %.40s"), option, day);
}

int wardrobe_day(struct cli *cli, char day[WARDROBE_DAY])
{
    const struct raum_env *env = raum_env_native();
    time_t now = (time_t)(env->now_ms(env->ctx) / 1000);
    struct tm here;
    const char *given = cli_value(cli, "--on");
    int rc = wardrobe_check_day(cli, "--on");
    if (rc)
        return rc;
    localtime_r(&now, &here);
    strftime(day, WARDROBE_DAY, "%Y-%m-%d", &here);
    if (!given || !*given)
        return 0;
    if (strcmp(given, day) > 0)
        return cli_usage(cli, tr("%s is yet to come"), given);
    memcpy(day, given, WARDROBE_DAY);
    return 0;
}

const char *wardrobe_visibility(struct cli *cli)
{
    return cli_switch(cli, "--private") ? "private" : cli_switch(cli, "--shared") ? "space" : NULL;
}

enum wardrobe_shelf wardrobe_shelf(struct cli *cli)
{
    return cli_switch(cli, "--all")        ? SHELF_ALL
           : cli_switch(cli, "--archived") ? SHELF_ARCHIVED
                                           : SHELF_IN_USE;
}

static int found(struct cli *cli, const char *word, int rc)
{
    return rc == RAUM_EUSAGE
               ? cli_usage(cli, tr("several are called %.80s: say which by its id"), word)
               : rc;
}

int garment_find(struct cli *cli, const char *word, char id[RAUM_ID_MAX])
{
    return found(cli, word, garments_find(cli->scope, word, id, &cli->error));
}

int outfit_find(struct cli *cli, const char *word, char id[RAUM_ID_MAX])
{
    return found(cli, word, outfits_find(cli->scope, word, id, &cli->error));
}

void wardrobe_money(double cents, const char *currency, char out[WARDROBE_MONEY])
{
    int len = snprintf(out, WARDROBE_MONEY, "%.2f %.8s", cents / 100, currency ? currency : "");
    char *point = memchr(out, '.', len > 0 && len < WARDROBE_MONEY ? (size_t)len : 0);
    if (point && text_is_german())
        *point = ',';
}

int wardrobe_name(struct cli *cli, const char *table, const char *id, struct buf *out, bool *gone)
{
    struct buf row;
    struct json_doc doc;
    struct arena a;
    buf_init(&row, WARDROBE_ROW_MAX);
    json_init(&doc);
    arena_init(&a, WARDROBE_ROW_MAX);
    *gone = true;
    int rc = store_get(cli->scope, table, id, true, &row, &cli->error);
    if (rc == 0)
        rc = json_parse(&doc, buf_text(&row), row.len, 0, &cli->error);
    if (rc == 0) {
        const char *name = json_str(json_get(json_root(&doc), "name"), &a);
        *gone = json_is(json_get(json_root(&doc), "deletedAt"), JSON_STRING);
        buf_str(out, name ? name : "");
    } else if (rc == RAUM_ENOT_FOUND) {
        err_clear(&cli->error);
        rc = 0;
    }
    arena_release(&a);
    json_release(&doc);
    buf_release(&row);
    return rc;
}

void wardrobe_put_name(struct buf *out, const char *name, bool gone)
{
    buf_str(out, name);
    if (gone)
        buf_printf(out, "%s(%s)", *name ? " " : "", tr("gone"));
}

void wardrobe_empty(struct cli *cli, bool filtered, const char *none, const char *how)
{
    const struct space *s = intern_space(cli->raum, cli->scope->space);
    struct buf text;
    buf_init(&text, 4096);
    buf_printf(&text, "%s", none);
    if (!filtered && s && s->type != SPACE_PERSONAL)
        buf_printf(&text, " %s", tr("Nothing is borrowed from your personal space."));
    if (!filtered)
        buf_printf(&text, " %s", how);
    if (cli->json)
        cli_note(cli, "%s", buf_text(&text));
    else {
        out_text(&cli->out, buf_text(&text), text.len);
        out_printf(&cli->out, "\n");
    }
    buf_release(&text);
}

int wardrobe_list_json(struct cli *cli, struct raum_query *q, int64_t *count,
                       int (*row)(struct raum_handle *h, const char *id, struct buf *out,
                                  struct raum_error *error))
{
    struct buf b;
    int rc;
    buf_init(&b, (size_t)64 << 20);
    buf_char(&b, '[');
    while ((rc = raum_query_step(q, &cli->error)) == 0) {
        if ((*count)++)
            buf_char(&b, ',');
        rc = row(cli->scope, raum_query_text(q, 0, NULL), &b, &cli->error);
        if (rc)
            break;
        fwrite(buf_text(&b), 1, b.len, cli->out.file);
        buf_reset(&b);
    }
    buf_char(&b, ']');
    if (rc == RAUM_END)
        out_json(&cli->out, &b);
    buf_release(&b);
    return rc == RAUM_END ? 0 : rc;
}
