/* `raum outfit …`: what goes together. */
#include "cli/cmd_wardrobe.h"
#include "modules/wardrobe/outfits.h"
#include <string.h>

/* Words of options, and ids of garments, for as long as a command runs. */
struct given {
    struct outfit_fields fields;
    const char *seasons[WARDROBE_WORDS_MAX], *tags[WARDROBE_WORDS_MAX];
    char ids[WARDROBE_WORDS_MAX][RAUM_ID_MAX];
    const char *garments[WARDROBE_WORDS_MAX];
    int count;
};

static int open_one(struct cli *cli, char id[RAUM_ID_MAX])
{
    int rc = cli_open_scope(cli);
    return rc ? rc : outfit_find(cli, cli->words[0], id);
}

static int options(struct cli *cli, struct given *g)
{
    struct outfit_fields *f = &g->fields;
    const char *occasion = cli_value(cli, "--occasion");
    *f = (struct outfit_fields){.description = cli_value(cli, "--description"),
                                .occasion = occasion,
                                .visibility = wardrobe_visibility(cli),
                                .seasons = g->seasons,
                                .tags = g->tags};
    int rc = wardrobe_words(cli, "--tag", g->tags, &f->tag_count);
    if (rc == 0)
        rc = wardrobe_words(cli, "--season", g->seasons, &f->season_count);
    for (int i = 0; rc == 0 && i < f->season_count; i++)
        if (*g->seasons[i])
            rc = cli_choice(cli, "--season", g->seasons[i], outfit_seasons());
    if (rc == 0 && occasion && *occasion)
        rc = cli_choice(cli, "--occasion", occasion, outfit_occasions());
    return rc;
}

/* One more garment, by its id or its name. */
static int take(struct cli *cli, struct given *g, const char *word)
{
    if (g->count == WARDROBE_WORDS_MAX)
        return cli_usage(cli, tr("an outfit takes at most %d garments"), OUTFIT_GARMENTS_MAX);
    g->garments[g->count] = g->ids[g->count];
    return garment_find(cli, word, g->ids[g->count++]);
}

static int create(struct cli *cli)
{
    char id[RAUM_ID_MAX];
    struct given g = {.count = 0};
    int rc = options(cli, &g);
    g.fields.name = cli->words[0];
    if (rc == 0 && cli->count - 1 > OUTFIT_GARMENTS_MAX)
        rc = cli_usage(cli, tr("an outfit takes at most %d garments"), OUTFIT_GARMENTS_MAX);
    if (rc == 0)
        rc = cli_open_scope(cli);
    if (rc == 0)
        rc = raum_begin(cli->raum, &cli->error);
    if (rc)
        return rc;
    for (int i = 1; rc == 0 && i < cli->count; i++)
        rc = take(cli, &g, cli->words[i]);
    if (rc == 0)
        rc = outfits_create(cli->scope, &g.fields, g.garments, g.count, id, &cli->error);
    if (rc == 0 && cli_switch(cli, "--favorite"))
        rc = outfits_favorite(cli->scope, id, true, &cli->error);
    if (rc)
        raum_rollback(cli->raum);
    else
        rc = raum_commit(cli->raum, &cli->error);
    return outfit_done(cli, id, rc);
}

static int show(struct cli *cli)
{
    char id[RAUM_ID_MAX];
    int rc = open_one(cli, id);
    return rc ? rc : outfit_print(cli, id);
}

/* Those to add and those to take out stand behind each other in `g`. */
static int changes(struct cli *cli, struct given *g, struct outfit_change *change)
{
    const char *word;
    int at = 0, rc = 0;
    while (rc == 0 && (word = cli_next(cli, "--add", &at)))
        rc = take(cli, g, word);
    change->add = g->garments;
    change->add_count = g->count;
    for (at = 0; rc == 0 && (word = cli_next(cli, "--without", &at));)
        rc = take(cli, g, word);
    change->remove = g->garments + change->add_count;
    change->remove_count = g->count - change->add_count;
    return rc;
}

static int set(struct cli *cli)
{
    char id[RAUM_ID_MAX];
    struct given g = {.count = 0};
    struct outfit_change change;
    const struct outfit_fields *f = &g.fields;
    int rc = options(cli, &g);
    g.fields.name = cli_value(cli, "--name");
    bool nothing = !f->name && !f->description && !f->occasion && !f->visibility &&
                   f->season_count < 0 && f->tag_count < 0 && !cli_value(cli, "--add") &&
                   !cli_value(cli, "--without");
    if (rc == 0 && nothing)
        rc = cli_usage(cli, "%s", tr("nothing to set; see: raum help outfit set"));
    if (rc == 0)
        rc = open_one(cli, id);
    if (rc == 0)
        rc = changes(cli, &g, &change);
    if (rc == 0)
        rc = outfits_set(cli->scope, id, f, &change, &cli->error);
    return outfit_done(cli, id, rc);
}

static int favorite(struct cli *cli)
{
    static const char *const on_off[] = {"on", "off", NULL};
    char id[RAUM_ID_MAX];
    const char *word = cli->count > 1 ? cli->words[1] : "on";
    int rc = cli_choice(cli, "favorite", word, on_off);
    if (rc == 0)
        rc = open_one(cli, id);
    if (rc == 0)
        rc = outfits_favorite(cli->scope, id, strcmp(word, "on") == 0, &cli->error);
    return outfit_done(cli, id, rc);
}

static int shelve(struct cli *cli, bool on)
{
    char id[RAUM_ID_MAX];
    int rc = open_one(cli, id);
    if (rc == 0)
        rc = outfits_archive(cli->scope, id, on, &cli->error);
    return outfit_done(cli, id, rc);
}

static int archive(struct cli *cli)
{
    return shelve(cli, true);
}

static int unarchive(struct cli *cli)
{
    return shelve(cli, false);
}

static int delete_outfit(struct cli *cli)
{
    char id[RAUM_ID_MAX];
    int rc = open_one(cli, id);
    if (rc == 0)
        rc = outfits_delete(cli->scope, id, &cli->error);
    if (rc == 0)
        cli_note(cli, tr("back with: raum outfit restore %s"), id);
    return outfit_done(cli, id, rc);
}

static int restore(struct cli *cli)
{
    char id[RAUM_ID_MAX];
    int rc = open_one(cli, id);
    if (rc == 0)
        rc = outfits_restore(cli->scope, id, &cli->error);
    return outfit_done(cli, id, rc);
}

#define OCCASIONS "casual, work, formal, workout, date, travel, event, sleep or other"
#define SEASONS "spring, summer, autumn or winter; may be given several times"

static const struct cli_option create_options[] = {
    {"--description", "TEXT", "more about it"},
    {"--occasion", "O", OCCASIONS},
    {"--season", "S", SEASONS},
    {"--tag", "T", "a word; may be given several times"},
    {"--favorite", NULL, "it is a favourite"},
    {"--private", NULL, "only for you, also in a shared space"},
    {0},
};
static const struct cli_option list_options[] = {
    {"--occasion", "O", "only for this occasion"},
    {"--season", "S", "only for this season"},
    {"--tag", "T", "only those with this tag"},
    {"--favorites", NULL, "only favourites"},
    {"--archived", NULL, "only those that were put away"},
    {"--all", NULL, "also those that were put away"},
    {"--watch", NULL, "stay, and show what changes"},
    {0},
};
static const struct cli_option set_options[] = {
    {"--name", "NAME", "what it is called"},
    {"--add", "GARMENT", "put one more in; may be given several times"},
    {"--without", "GARMENT", "take one out; may be given several times"},
    {"--description", "TEXT", "more about it; empty: nothing"},
    {"--occasion", "O", "casual, work, formal, … or other; empty: none"},
    {"--season", "S", "the seasons anew; may be given several times; empty: none"},
    {"--tag", "T", "the tags anew; may be given several times; empty: none"},
    {"--private", NULL, "only for you, also in a shared space"},
    {"--shared", NULL, "for everybody in the space"},
    {0},
};
static const struct cli_option wear_options[] = {
    {"--on", "D", "the day, such as 2026-04-30; else today"},
    {0},
};

const struct cli_command cmd_outfit[] = {
    {"outfit create", "NAME GARMENT…", 2, -1, "put garments of the space together", create_options,
     "raum outfit create 'Rainy day' 'Rain coat' Boots --occasion casual --season autumn", create,
     false},
    {"outfit list", "", 0, 0, "the outfits of the space, favourites first", list_options,
     "raum outfit list --season autumn\nraum outfit list --favorites --json\n"
     "raum outfit list --watch",
     outfit_list, false},
    {"outfit show", "OUTFIT", 1, 1, "one outfit, by its id or its name", NULL,
     "raum outfit show 'Rainy day'", show, false},
    {"outfit set", "OUTFIT", 1, 1, "change what is written about it, and what is in it",
     set_options, "raum outfit set 'Rainy day' --add Scarf --without Boots", set, false},
    {"outfit favorite", "OUTFIT [on|off]", 1, 2, "make it a favourite, or not", NULL,
     "raum outfit favorite 'Rainy day'\nraum outfit favorite 'Rainy day' off", favorite, false},
    {"outfit wear", "OUTFIT…", 1, -1, "write down that it was worn, with all its garments",
     wear_options, "raum outfit wear 'Rainy day' --on 2026-04-30", outfit_wear, false},
    {"outfit archive", "OUTFIT", 1, 1, "put away what is not in use", NULL, NULL, archive, false},
    {"outfit unarchive", "OUTFIT", 1, 1, "put it back in use", NULL, NULL, unarchive, false},
    {"outfit delete", "OUTFIT", 1, 1, "delete it; its garments stay", NULL, NULL, delete_outfit,
     false},
    {"outfit restore", "ID", 1, 1, "bring a deleted one back", NULL, NULL, restore, false},
    {0},
};
