/* Prompts: briefs that a person chooses and a model then works from with the tools. */
#include "modules/tags/tags.h"
#include "modules/wardrobe/outfits.h"
#include "tools/host_inside.h"
#include <string.h>

#define ARGUMENTS_MAX 4

struct argument {
    const char *name, *description;
    bool required;
};
struct brief {
    const char *name, *title, *description;
    struct argument arguments[ARGUMENTS_MAX]; /* ends with name NULL */
    const char *text;
};

static const struct brief briefs[] = {
    {"stylist",
     "A stylist's brief",
     "Put outfits together from what hangs in the wardrobe of this space",
     {{"occasion", "What for: casual, work, date and so on", false},
      {"season", "spring, summer, autumn or winter", false},
      {"tag", "Only garments with this tag", false}},
     "You are a stylist. Look at the garments of this space with wardrobe.listGarments, with "
     "thumbnails, and at what is there already with wardrobe.listOutfits. Put together two or "
     "three outfits of garments that exist, each complete from top to shoes, and say in one "
     "sentence why it works. Ask before you save anything; then make the chosen one with "
     "wardrobe.createOutfit. If wardrobe.tryOn is among your tools, offer to try it on; share the "
     "picture only when asked to."},
    {"unworn",
     "What is not worn",
     "Find garments that are hardly worn, and give each a reason to be",
     {{"season", "spring, summer, autumn or winter", false}},
     "List the garments of this space with wardrobe.listGarments, all pages. Take the five that "
     "were worn least or longest ago (wearCount, lastWornAt). For each, name an outfit with other "
     "garments of this space that brings it back, or say plainly that it may go. Change nothing."},
    {"packing",
     "Pack for a trip",
     "A packing list of garments that go together",
     {{"days", "How many days", true},
      {"occasion", "What for: travel, work, event, …", false},
      {"season", "spring, summer, autumn or winter", false}},
     "Pack from the wardrobe of this space: as few garments as possible that still give a fresh "
     "outfit for each day. Show the garments once, then the days with what is worn. Ask before "
     "you save outfits with wardrobe.createOutfit (occasion travel) or the list as tasks with "
     "todo.create."},
};
#define BRIEFS (sizeof briefs / sizeof *briefs)

void prompts_list(struct json_writer *w)
{
    for (size_t i = 0; i < BRIEFS; i++) {
        json_open_object(w);
        json_put_key(w, "name");
        json_put_str(w, briefs[i].name);
        json_put_key(w, "title");
        json_put_str(w, briefs[i].title);
        json_put_key(w, "description");
        json_put_str(w, briefs[i].description);
        json_put_key(w, "arguments");
        json_open_array(w);
        for (const struct argument *a = briefs[i].arguments; a->name; a++) {
            json_open_object(w);
            json_put_key(w, "name");
            json_put_str(w, a->name);
            json_put_key(w, "description");
            json_put_str(w, a->description);
            json_put_key(w, "required");
            json_put_bool(w, a->required);
            json_close_object(w);
        }
        json_close_array(w);
        json_close_object(w);
    }
}

static const struct brief *find(const char *name)
{
    for (size_t i = 0; i < BRIEFS; i++)
        if (strcmp(briefs[i].name, name) == 0)
            return &briefs[i];
    return NULL;
}

/* What the person said goes behind it, a line each. */
static int put_answers(struct tool_call *call, const struct brief *b, struct json_value args,
                       struct buf *out, struct raum_error *error)
{
    for (const struct argument *a = b->arguments; a->name; a++) {
        struct json_value given = json_get(args, a->name);
        const char *text = json_str(given, call->arena);
        if (!text && (given.doc || a->required))
            return err_at(error, "tools", RAUM_EUSAGE, "Invalid params: %s is a text%s", a->name,
                          a->required ? ", and needed" : "");
        if (text)
            buf_printf(out, "\n%s: %s", a->name, text);
    }
    return buf_error(out, error);
}

int prompts_get(struct tool_call *call, const char *name, struct json_value args,
                struct json_writer *w, struct raum_error *error)
{
    const struct brief *b = find(name);
    struct buf text;
    if (!b)
        return RAUM_ENOT_FOUND;
    buf_init(&text, MCP_MESSAGE_MAX);
    buf_str(&text, b->text);
    int rc = put_answers(call, b, args, &text, error);
    if (rc == 0) {
        json_put_key(w, "description");
        json_put_str(w, b->description);
        json_put_key(w, "messages");
        json_open_array(w);
        json_open_object(w);
        json_put_key(w, "role");
        json_put_str(w, "user");
        json_put_key(w, "content");
        json_open_object(w);
        json_put_key(w, "type");
        json_put_str(w, "text");
        json_put_key(w, "text");
        json_put_text(w, buf_text(&text), text.len);
        json_close_object(w);
        json_close_object(w);
        json_close_array(w);
    }
    buf_release(&text);
    return rc;
}

int prompts_complete(struct tool_call *call, const char *name, const char *argument,
                     const char *value, struct json_writer *values, int *total,
                     struct raum_error *error)
{
    const char *const *words = strcmp(argument, "occasion") == 0 ? outfit_occasions()
                               : strcmp(argument, "season") == 0 ? outfit_seasons()
                                                                 : NULL;
    struct raum_query *q = NULL;
    if (!find(name))
        return err_at(error, "tools", RAUM_EUSAGE, "Invalid params: no such prompt");
    for (; words && *words; words++)
        complete_value(values, total, *words, value);
    if (strcmp(argument, "tag") != 0)
        return 0;
    int rc = tags_query(call->scope, &q, error);
    while (rc == 0 && (rc = raum_query_step(q, error)) == 0) {
        const char *tag = raum_query_text(q, 1, NULL);
        if (tag)
            complete_value(values, total, tag, value);
    }
    raum_query_free(q);
    return rc == RAUM_END ? 0 : rc;
}
