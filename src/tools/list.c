/* Every tool there is: names, what it takes and gives, who may call it. Schemas are put together of
 * pieces, which the formatter would tear apart.
 * clang-format off */
#include "tools/inside.h"

#define TEXT(max) "{\"type\":\"string\",\"minLength\":1,\"maxLength\":" #max "}"
#define SAID(max, says)                                                                            \
    "{\"type\":\"string\",\"minLength\":1,\"maxLength\":" #max ",\"description\":\"" says "\"}"
#define FLAG(says) "{\"type\":\"boolean\",\"description\":\"" says "\"}"
#define ID SAID(215, "The id, as a list gave it")
#define MEDIA_IDS(max)                                                                             \
    "{\"type\":\"array\",\"minItems\":1,\"maxItems\":" #max ",\"items\":" TEXT(215)                \
    ",\"description\":\"mediaId of pictures in this space\"}"
#define TAGS                                                                                       \
    "{\"type\":\"array\",\"maxItems\":20,\"items\":" TEXT(200) ",\"description\":\"Words\"}"
#define LIMIT                                                                                      \
    "{\"type\":\"integer\",\"minimum\":1,\"maximum\":200,\"default\":50,"                          \
    "\"description\":\"How many at most\"}"
#define CURSOR SAID(300, "nextCursor of the page before")
#define PAGED "\"limit\":" LIMIT ",\"cursor\":" CURSOR
#define CATEGORY                                                                                   \
    "{\"enum\":[\"top\",\"bottom\",\"dress\",\"outerwear\",\"shoes\",\"bag\",\"accessory\","       \
    "\"glasses\",\"jewelry\",\"hat\",\"other\"]}"
#define OCCASION                                                                                   \
    "{\"enum\":[\"casual\",\"work\",\"formal\",\"workout\",\"date\",\"travel\",\"event\","         \
    "\"sleep\",\"other\"]}"
#define QUALITY "{\"enum\":[\"low\",\"medium\",\"high\"],\"default\":\"medium\"}"
#define SIZE "{\"enum\":[\"1024x1024\",\"1024x1536\",\"1536x1024\"],\"default\":\"1024x1024\"}"
/* An object that knows exactly these. */
#define TAKES(properties, required)                                                                \
    "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"type\":\"object\","           \
    "\"properties\":{" properties "},\"required\":[" required "],\"additionalProperties\":false}"
/* An object that has these, and may have what newer versions add. */
#define GIVES(properties, required)                                                                \
    "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"type\":\"object\","           \
    "\"properties\":{" properties "},\"required\":[" required "]}"
#define ROW(required) "{\"type\":\"object\",\"required\":[\"id\"" required "]}"
#define ROWS(key, required)                                                                        \
    "\"" key "\":{\"type\":\"array\",\"items\":" ROW(required)                                     \
    "},\"nextCursor\":{\"type\":\"string\"},\"note\":{\"type\":\"string\"}"
#define PICTURES                                                                                   \
    GIVES("\"images\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{"         \
          "\"mediaId\":{\"type\":\"string\"}},\"required\":[\"mediaId\"]}},"                       \
          "\"prompt\":{\"type\":\"string\"},\"model\":{\"type\":\"string\"}",                      \
          "\"images\"")

const struct tool tools_all[] = {
    {.name = "me.listReferenceImages",
     .title = "Reference pictures",
     .description =
         "Pictures of people in this space that may be used by AI: those whose person agreed. Each "
         "has a mediaId that me.generateWithReference takes. With thumbnails the pictures "
         "themselves come along, small.",
     .input = TAKES("\"kind\":{\"enum\":[\"face\",\"fullbody\",\"halfbody\",\"hands\","
                    "\"reference\"]},\"thumbnails\":" FLAG("Send small pictures too") "," PAGED,
                    ""),
     .output = GIVES(ROWS("images", ",\"mediaId\",\"kind\""), "\"images\""),
     .policy = TOOL_READ,
     .table = "meImages",
     .run = tool_me_list},
    {.name = "me.generateWithReference",
     .title = "Make pictures from references",
     .description = "Makes new pictures of the people in the reference pictures, as the prompt "
                    "says. Every person must have agreed to the use by AI. Costs the owner's "
                    "allowance at the provider, and takes up to a minute.",
     .input = TAKES("\"prompt\":" TEXT(4000) ",\"referenceMediaIds\":" MEDIA_IDS(8)
                    ",\"quality\":" QUALITY ",\"size\":" SIZE
                    ",\"n\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":4,\"default\":1}",
                    "\"prompt\",\"referenceMediaIds\""),
     .output = PICTURES,
     .policy = TOOL_WRITE,
     .open_world = true,
     .table = "images",
     .run = tool_me_generate},
    {.name = "wardrobe.listGarments",
     .title = "Garments",
     .description = "What hangs in the wardrobe of this space, the newest first, without what was "
                    "put away. With tags: only those that have all of them.",
     .input = TAKES("\"category\":" CATEGORY ",\"tags\":" TAGS
                    ",\"thumbnails\":" FLAG("Send small pictures too") "," PAGED,
                    ""),
     .output = GIVES(ROWS("garments", ",\"category\""), "\"garments\""),
     .policy = TOOL_READ,
     .table = "wardrobeGarments",
     .run = tool_garments_list},
    {.name = "wardrobe.listOutfits",
     .title = "Outfits",
     .description = "The outfits of this space, favourites first, then the newest, each with its "
                    "garments in order.",
     .input = TAKES("\"occasion\":" OCCASION
                    ",\"favoriteOnly\":" FLAG("Only favourites") "," PAGED,
                    ""),
     .output = GIVES(ROWS("outfits", ",\"garments\""), "\"outfits\""),
     .policy = TOOL_READ,
     .table = "wardrobeOutfits",
     .run = tool_outfits_list},
    {.name = "wardrobe.createOutfit",
     .title = "Put an outfit together",
     .description = "Makes an outfit of garments of this space, for everybody in it.",
     .input = TAKES("\"name\":" TEXT(200) ",\"garmentIds\":{\"type\":\"array\",\"minItems\":1,"
                    "\"maxItems\":16,\"items\":" TEXT(215)
                    ",\"description\":\"id of garments, in order\"}"
                    ",\"description\":" TEXT(4000) ",\"occasion\":" OCCASION
                    ",\"season\":{\"type\":\"array\",\"maxItems\":4,\"items\":{\"enum\":"
                    "[\"spring\",\"summer\",\"autumn\",\"winter\"]}},\"tags\":" TAGS,
                    "\"name\",\"garmentIds\""),
     .output = GIVES("\"outfit\":" ROW(",\"name\",\"garments\""), "\"outfit\""),
     .policy = TOOL_WRITE,
     .table = "wardrobeOutfits",
     .run = tool_outfit_create},
    {.name = "wardrobe.addGarment",
     .title = "Hang a garment into the wardrobe",
     .description = "A new garment from pictures that are in this space already, the first one "
                    "its cover.",
     .input = TAKES("\"name\":" TEXT(200) ",\"category\":" CATEGORY
                    ",\"mediaIds\":" MEDIA_IDS(10) ",\"brand\":" TEXT(200) ",\"color\":" TEXT(200)
                    ",\"size\":" TEXT(200) ",\"material\":" TEXT(200) ",\"notes\":" TEXT(4000)
                    ",\"purchasedAt\":" SAID(10, "A day such as 2026-04-30")
                    ",\"price\":" SAID(40, "Such as 49.90 EUR") ",\"tags\":" TAGS,
                    "\"name\",\"category\",\"mediaIds\""),
     .output = GIVES("\"garment\":" ROW(",\"name\""), "\"garment\""),
     .policy = TOOL_WRITE,
     .table = "wardrobeGarments",
     .run = tool_garment_add},
    {.name = "wardrobe.tryOn",
     .title = "Try an outfit on",
     .description = "Makes a picture of the owner wearing the outfit, from the reference pictures "
                    "of this space. Without share only the owner sees it. Takes up to a minute.",
     .input = TAKES("\"outfitId\":" ID ",\"prompt\":" TEXT(4000)
                    ",\"accessoryOnly\":" FLAG("Only accessories, on the face picture")
                    ",\"quality\":" QUALITY
                    ",\"share\":" FLAG("For everybody in the space"),
                    "\"outfitId\""),
     .output = PICTURES,
     .policy = TOOL_WRITE,
     .open_world = true,
     .table = "wardrobeOutfits",
     .run = tool_try_on},
    {.name = "spaces.current",
     .title = "This space",
     .description = "Which space this is, of which type, what can be done in it, and on whose "
                    "behalf you act. There is no other space here.",
     .input = TAKES("", ""),
     .output = GIVES("\"name\":{\"type\":\"string\"},\"modules\":{\"type\":\"array\","
                     "\"items\":{\"type\":\"string\"}}",
                     "\"id\",\"slug\",\"name\",\"type\",\"modules\""),
     .policy = TOOL_READ,
     .run = tool_space_current},
    {.name = "tags.list",
     .title = "Tags",
     .description = "The tags of this space, in the order people gave them.",
     .input = TAKES(PAGED, ""),
     .output = GIVES(ROWS("tags", ",\"name\""), "\"tags\""),
     .policy = TOOL_READ,
     .table = "tags",
     .run = tool_tags_list},
    {.name = "tags.create",
     .title = "Make a tag",
     .description = "A new tag of this space; a group that is new is made, too.",
     .input = TAKES("\"name\":" TEXT(200) ",\"color\":" SAID(40, "Such as #d97706")
                    ",\"group\":" TEXT(200),
                    "\"name\""),
     .output = GIVES("\"id\":{\"type\":\"string\"}", "\"id\",\"name\""),
     .policy = TOOL_WRITE,
     .table = "tags",
     .run = tool_tag_create},
    {.name = "todo.list",
     .title = "Things to do",
     .description = "What is to be done in this space, the newest first.",
     .input = TAKES("\"all\":" FLAG("Done ones too") "," PAGED, ""),
     .output = GIVES(ROWS("tasks", ",\"title\",\"isCompleted\""), "\"tasks\""),
     .policy = TOOL_READ,
     .table = "tasks",
     .run = tool_tasks_list},
    {.name = "todo.create",
     .title = "Write down something to do",
     .description = "A new task of this space. Tags are names of tags that are there.",
     .input = TAKES("\"title\":" TEXT(1000) ",\"dueDate\":" SAID(40, "A day such as 2026-04-30")
                    ",\"tags\":" TAGS,
                    "\"title\""),
     .output = GIVES("\"id\":{\"type\":\"string\"}", "\"id\",\"title\""),
     .policy = TOOL_WRITE,
     .table = "tasks",
     .run = tool_task_create},
    {.name = "todo.complete",
     .title = "Tick a task off",
     .description = "Marks a task as done, or with done false as open again.",
     .input = TAKES("\"id\":" ID ",\"done\":" FLAG("false: open again"), "\"id\""),
     .output = GIVES("\"isCompleted\":{\"type\":\"boolean\"}", "\"id\",\"isCompleted\""),
     .policy = TOOL_WRITE,
     .idempotent = true,
     .table = "tasks",
     .run = tool_task_complete},
    {.name = "todo.delete",
     .title = "Delete a task",
     .description = "Deletes a task for everybody in this space.",
     .input = TAKES("\"id\":" ID, "\"id\""),
     .output = GIVES("\"deleted\":{\"const\":true}", "\"id\",\"deleted\""),
     .policy = TOOL_DESTRUCTIVE,
     .idempotent = true,
     .table = "tasks",
     .run = tool_task_delete},
    {.name = "scenes.list",
     .title = "Scenes",
     .description = "The workbench scenes of this space: what belongs together on the screen.",
     .input = TAKES(PAGED, ""),
     .output = GIVES(ROWS("scenes", ",\"name\""), "\"scenes\""),
     .policy = TOOL_READ,
     .table = "workbenchScenes",
     .run = tool_scenes_list},
    {.name = NULL},
};
