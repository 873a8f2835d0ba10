/* `raum garment …`: what hangs in the wardrobe of the space. */
#include "cli/cmd_wardrobe.h"
#include <string.h>

/* Opens the space and finds the garment of the first word. */
static int open_one(struct cli *cli, char id[RAUM_ID_MAX])
{
    int rc = cli_open_scope(cli);
    return rc ? rc : garment_find(cli, cli->words[0], id);
}

static int show(struct cli *cli)
{
    char id[RAUM_ID_MAX];
    int rc = open_one(cli, id);
    return rc ? rc : garment_print(cli, id);
}

static bool nothing(const struct garment_fields *f)
{
    return !f->name && !f->category && !f->brand && !f->color && !f->size && !f->material &&
           !f->notes && !f->purchased && !f->price && !f->visibility && f->tag_count < 0;
}

static int set(struct cli *cli)
{
    char id[RAUM_ID_MAX];
    const char *tags[WARDROBE_WORDS_MAX];
    struct garment_fields fields;
    int rc = garment_options(cli, &fields, tags);
    if (rc == 0 && nothing(&fields))
        rc = cli_usage(cli, "%s", tr("nothing to set; see: raum help garment set"));
    if (rc == 0)
        rc = open_one(cli, id);
    if (rc == 0)
        rc = garments_set(cli->scope, id, &fields, &cli->error);
    return garment_done(cli, id, rc);
}

/* Several in one transaction: all or none. */
static int shelve(struct cli *cli, bool on)
{
    char id[RAUM_ID_MAX];
    int rc = cli_open_scope(cli);
    if (rc == 0)
        rc = raum_begin(cli->raum, &cli->error);
    if (rc)
        return rc;
    for (int i = 0; rc == 0 && i < cli->count; i++) {
        rc = garment_find(cli, cli->words[i], id);
        if (rc == 0)
            rc = garments_archive(cli->scope, id, on, &cli->error);
    }
    if (rc)
        raum_rollback(cli->raum);
    else
        rc = raum_commit(cli->raum, &cli->error);
    if (rc == 0 && cli->count == 1)
        return garment_done(cli, id, 0);
    for (int i = 0; rc == 0 && i < cli->count; i++)
        rc = out_done(&cli->out, on ? "archived" : "back in use", cli->words[i]);
    return rc;
}

static int archive(struct cli *cli)
{
    return shelve(cli, true);
}

static int unarchive(struct cli *cli)
{
    return shelve(cli, false);
}

/* Opens space, garment and pictures, does something, closes the pictures. */
static int with_pool(struct cli *cli,
                     int (*act)(struct cli *cli, struct pictures *p, const char *id))
{
    struct pool pool;
    char id[RAUM_ID_MAX];
    int rc = open_one(cli, id);
    if (rc)
        return rc;
    rc = pool_open(&pool, cli);
    if (rc == 0)
        rc = act(cli, &pool.pictures, id);
    if (rc == 0)
        (void)!pictures_tidy(&pool.pictures, NULL);
    pool_close(&pool);
    return garment_done(cli, id, rc);
}

static int act_delete(struct cli *cli, struct pictures *p, const char *id)
{
    bool forever = cli_switch(cli, "--forever");
    int rc = garments_delete(cli->scope, p, id, forever, &cli->error);
    if (rc == 0 && !forever)
        cli_note(cli, tr("in the trash for 30 days; back with: raum garment restore %s"), id);
    return rc;
}

static int act_restore(struct cli *cli, struct pictures *p, const char *id)
{
    return garments_restore(cli->scope, p, id, &cli->error);
}

static int delete_garment(struct cli *cli)
{
    return with_pool(cli, act_delete);
}

static int restore(struct cli *cli)
{
    return with_pool(cli, act_restore);
}

#define CATEGORIES                                                                                 \
    "top, bottom, dress, outerwear, shoes, bag, accessory, glasses, jewelry, hat or other"

static const struct cli_option add_options[] = {
    {"--name", "NAME", "what it is called; else from the file's name"},
    {"--category", "C", CATEGORIES},
    {"--together", NULL, "all files are photographs of one garment"},
    {"--brand", "B", "who made it"},
    {"--color", "C", "its colour"},
    {"--size", "S", "its size"},
    {"--material", "M", "what it is made of"},
    {"--tag", "T", "a word; may be given several times"},
    {"--notes", "TEXT", "anything else"},
    {"--price", "P", "what it cost, such as 49.90 or '49.90 CHF'; EUR if it names no currency"},
    {"--bought", "D", "the day it was bought, such as 2026-04-30"},
    {"--private", NULL, "only for you, also in a shared space"},
    {0},
};
static const struct cli_option list_options[] = {
    {"--category", "C", "only this category"},
    {"--tag", "T", "only those with this tag"},
    {"--archived", NULL, "only those that were put away"},
    {"--all", NULL, "also those that were put away"},
    {"--watch", NULL, "stay, and show what changes"},
    {0},
};
static const struct cli_option set_options[] = {
    {"--name", "NAME", "what it is called"},
    {"--category", "C", CATEGORIES},
    {"--brand", "B", "who made it; empty: not known"},
    {"--color", "C", "its colour; empty: not known"},
    {"--size", "S", "its size; empty: not known"},
    {"--material", "M", "what it is made of; empty: not known"},
    {"--tag", "T", "the tags anew; may be given several times; empty: none"},
    {"--notes", "TEXT", "anything else; empty: nothing"},
    {"--price", "P", "what it cost, such as 49.90 or '49.90 CHF'; empty: not known"},
    {"--bought", "D", "the day it was bought; empty: not known"},
    {"--private", NULL, "only for you, also in a shared space"},
    {"--shared", NULL, "for everybody in the space"},
    {0},
};
static const struct cli_option wear_options[] = {
    {"--on", "D", "the day, such as 2026-04-30; else today"},
    {0},
};
static const struct cli_option photo_options[] = {
    {"--without", "N", "take one away, by its number; may be given several times"},
    {"--first", "N", "make this one the cover"},
    {"--whole", NULL, "fetch the originals, if they are not here"},
    {"--forever", NULL, "erase the bytes at once"},
    {0},
};
static const struct cli_option stats_options[] = {
    {"--top", "N", "how many garments a list shows; else 5"},
    {0},
};
static const struct cli_option delete_options[] = {
    {"--forever", NULL, "erase the bytes at once"},
    {0},
};

const struct cli_command cmd_garment[] = {
    {"garment add", "FILE…", 1, -1, "add garments, one for each photograph", add_options,
     "raum garment add shirt.jpg --category top --color blue --price 49.90\n"
     "raum garment add front.jpg back.jpg --together --name 'Rain coat'",
     garment_add, false},
    {"garment list", "", 0, 0, "the wardrobe of the space, newest first", list_options,
     "raum garment list --category shoes\nraum garment list --archived --json\n"
     "raum garment list --watch",
     garment_list, false},
    {"garment show", "GARMENT", 1, 1, "one garment, by its id or its name", NULL,
     "raum garment show 'Rain coat'", show, false},
    {"garment set", "GARMENT", 1, 1, "change what is written about it", set_options,
     "raum garment set 'Rain coat' --brand Ostsee --tag rain --tag autumn", set, false},
    {"garment wear", "GARMENT…", 1, -1, "write down that it was worn", wear_options,
     "raum garment wear 'Rain coat' Boots\nraum garment wear 'Rain coat' --on 2026-04-30",
     garment_wear, false},
    {"garment unwear", "WEAR", 1, 1, "take an entry of the log back", NULL, NULL, garment_unwear,
     false},
    {"garment log", "[GARMENT|OUTFIT]", 0, 1, "what was worn when", NULL,
     "raum garment log\nraum garment log 'Rain coat' --json", wear_log, false},
    {"garment stats", "", 0, 0, "most worn, not worn for long, cost per wear", stats_options,
     "raum garment stats --top 10\nraum garment stats --json", garment_stats, false},
    {"garment photo", "GARMENT [FILE…]", 1, -1, "its photographs: where they lie, more, fewer",
     photo_options,
     "raum garment photo 'Rain coat' back.jpg\nraum garment photo 'Rain coat' --without 2 --first "
     "3",
     garment_photo, false},
    {"garment archive", "GARMENT…", 1, -1, "put away what is not in use", NULL, NULL, archive,
     false},
    {"garment unarchive", "GARMENT…", 1, -1, "put it back in use", NULL, NULL, unarchive, false},
    {"garment delete", "GARMENT", 1, 1, "delete it; the bytes stay in the trash for 30 days",
     delete_options, "raum garment delete 'Rain coat' --forever", delete_garment, false},
    {"garment restore", "ID", 1, 1, "bring a deleted one back", NULL, NULL, restore, false},
    {0},
};
