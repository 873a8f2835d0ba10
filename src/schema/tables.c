/* The tables of CONTRACT §2. Append-only: numbers and tags are in files; a field that goes keeps
 * its tag. */
#include "schema/schema.h"

#define S FIELD_SEALED
#define R FIELD_REQUIRED
#define END {.name = NULL}
/* What is derived from another table's rows is derived from those the reader may see (G-T9). */
#define SEEN(row) "(" row ".visibility <> 'private' OR " row ".author = scope_account())"

static const char *const visibilities[] = {"space", "private", NULL};
static const char *const kinds[] = {"face", "fullbody", "halfbody", "hands", "reference", NULL};
static const char *const slots[] = {"avatar", "face-ref", "body-ref", NULL};
static const char *const categories[] = {"top",       "bottom",  "dress",   "outerwear",
                                         "shoes",     "bag",     "accessory", "glasses",
                                         "jewelry",   "hat",     "other",   NULL};
static const char *const occasions[] = {"casual", "work",  "formal", "workout", "date",
                                        "travel", "event", "sleep",  "other",   NULL};
static const char *const seasons[] = {"spring", "summer", "autumn", "winter", NULL};
static const char *const modes[] = {"text", "reference", NULL};

const struct schema_field schema_base[] = {
    {"visibility", TAG_VISIBILITY, TYPE_TEXT, RIGHT_AUTHOR, R, "\"space\"", visibilities},
    {"createdAt", TAG_CREATED_AT, TYPE_TIME, RIGHT_FIXED, R, NULL, NULL},
    {"deletedAt", TAG_DELETED_AT, TYPE_TIME, RIGHT_DELETE, 0, NULL, NULL},
    END,
};

static const struct schema_field me_images[] = {
    {"kind", 8, TYPE_TEXT, RIGHT_MEMBER, R, "\"reference\"", kinds},
    {"label", 9, TYPE_TEXT, RIGHT_MEMBER, S, NULL, NULL},
    {"mediaId", 10, TYPE_TEXT, RIGHT_MEMBER, 0, NULL, NULL},
    {"width", 11, TYPE_INT, RIGHT_MEMBER, 0, NULL, NULL},
    {"height", 12, TYPE_INT, RIGHT_MEMBER, 0, NULL, NULL},
    {"tags", 13, TYPE_TEXTS, RIGHT_MEMBER, S, "[]", NULL},
    {"usage.aiReference", 14, TYPE_BOOL, RIGHT_CONSENT, R, "false", NULL},
    {"usage.showInProfile", 15, TYPE_BOOL, RIGHT_MEMBER, R, "true", NULL},
    {"subjectId", 16, TYPE_ACCOUNT, RIGHT_FIXED, R, "@author", NULL},
    END,
};
static const struct schema_derived me_images_derived[] = {
    {"primaryFor",
     "(SELECT s.slot FROM main.data_meSlots s WHERE s.space = d.space AND s.imageId = d.id AND "
     "s.deletedAt IS NULL AND " SEEN("s") " ORDER BY CASE s.slot WHEN 'avatar' THEN 0 "
     "WHEN 'face-ref' THEN 1 ELSE 2 END LIMIT 1)",
     "meSlots"},
    {"storagePath", "media_path(d.space, d.mediaId, 0)", NULL},
    {"publicUrl", "media_path(d.space, d.mediaId, 1)", NULL},
    {"thumbnailUrl", "media_path(d.space, d.mediaId, 2)", NULL},
    END,
};
static const char *const me_images_indexes[] = {"createdAt", NULL};

static const struct schema_field me_slots[] = {
    {"person", 8, TYPE_ACCOUNT, RIGHT_FIXED, R, "@author", NULL},
    {"slot", 9, TYPE_TEXT, RIGHT_FIXED, R, NULL, slots},
    {"imageId", 10, TYPE_TEXT, RIGHT_PERSON, 0, NULL, NULL},
    END,
};
static const char *const me_slots_indexes[] = {"imageId", NULL};

static const struct schema_field user_context[] = {
    {"about", 8, TYPE_TEXT, RIGHT_MEMBER, S, NULL, NULL},
    {"interests", 9, TYPE_TEXTS, RIGHT_MEMBER, S, "[]", NULL},
    {"goals", 10, TYPE_TEXTS, RIGHT_MEMBER, S, "[]", NULL},
    {"freeform", 11, TYPE_TEXT, RIGHT_MEMBER, S, NULL, NULL},
    END,
};

static const struct schema_field garments[] = {
    {"name", 8, TYPE_TEXT, RIGHT_MEMBER, S, NULL, NULL},
    {"category", 9, TYPE_TEXT, RIGHT_MEMBER, R, "\"other\"", categories},
    {"mediaIds", 10, TYPE_TEXTS, RIGHT_MEMBER, 0, "[]", NULL},
    {"brand", 11, TYPE_TEXT, RIGHT_MEMBER, S, NULL, NULL},
    {"color", 12, TYPE_TEXT, RIGHT_MEMBER, S, NULL, NULL},
    {"size", 13, TYPE_TEXT, RIGHT_MEMBER, S, NULL, NULL},
    {"material", 14, TYPE_TEXT, RIGHT_MEMBER, S, NULL, NULL},
    {"tags", 15, TYPE_TEXTS, RIGHT_MEMBER, S, "[]", NULL},
    {"notes", 16, TYPE_TEXT, RIGHT_MEMBER, S, NULL, NULL},
    {"purchasedAt", 17, TYPE_DATE, RIGHT_MEMBER, 0, NULL, NULL},
    {"priceCents", 18, TYPE_INT, RIGHT_MEMBER, 0, NULL, NULL},
    {"currency", 19, TYPE_TEXT, RIGHT_MEMBER, 0, NULL, NULL},
    {"isArchived", 20, TYPE_BOOL, RIGHT_MEMBER, R, "false", NULL},
    END,
};
static const struct schema_derived garments_derived[] = {
    {"wearCount",
     "(SELECT count(*) FROM main.data_wardrobeWears w WHERE w.space = d.space AND "
     "w.garmentId = d.id AND w.deletedAt IS NULL AND " SEEN("w") ")",
     "wardrobeWears"},
    {"lastWornAt",
     "(SELECT max(w.wornAt) FROM main.data_wardrobeWears w WHERE w.space = d.space AND "
     "w.garmentId = d.id AND w.deletedAt IS NULL AND " SEEN("w") ")",
     "wardrobeWears"},
    END,
};
static const char *const garments_indexes[] = {"createdAt", NULL};

static const struct schema_field outfits[] = {
    {"name", 8, TYPE_TEXT, RIGHT_MEMBER, S, NULL, NULL},
    {"description", 9, TYPE_TEXT, RIGHT_MEMBER, S, NULL, NULL},
    {"garmentIds", 10, TYPE_TEXTS, RIGHT_MEMBER, 0, "[]", NULL},
    {"occasion", 11, TYPE_TEXT, RIGHT_MEMBER, 0, NULL, occasions},
    {"season", 12, TYPE_TEXTS, RIGHT_MEMBER, 0, "[]", seasons},
    {"tags", 13, TYPE_TEXTS, RIGHT_MEMBER, S, "[]", NULL},
    {"isFavorite", 14, TYPE_BOOL, RIGHT_MEMBER, R, "false", NULL},
    {"isArchived", 15, TYPE_BOOL, RIGHT_MEMBER, R, "false", NULL},
    END,
};
static const struct schema_derived outfits_derived[] = {
    {"lastTryOn",
     "(SELECT i.id FROM main.data_images i WHERE i.space = d.space AND i.wardrobeOutfitId = d.id "
     "AND i.deletedAt IS NULL AND " SEEN("i") " ORDER BY i.createdAt DESC, i.id DESC LIMIT 1)",
     "images"},
    {"lastWornAt",
     "(SELECT max(w.wornAt) FROM main.data_wardrobeWears w WHERE w.space = d.space AND "
     "w.outfitId = d.id AND w.deletedAt IS NULL AND " SEEN("w") ")",
     "wardrobeWears"},
    END,
};

static const struct schema_field wears[] = {
    {"garmentId", 8, TYPE_TEXT, RIGHT_FIXED, 0, NULL, NULL},
    {"outfitId", 9, TYPE_TEXT, RIGHT_FIXED, 0, NULL, NULL},
    {"wornAt", 10, TYPE_DATE, RIGHT_MEMBER, R, NULL, NULL},
    END,
};
static const char *const wears_indexes[] = {"garmentId", "outfitId", NULL};

static const struct schema_field images[] = {
    {"mediaId", 8, TYPE_TEXT, RIGHT_MEMBER, 0, NULL, NULL},
    {"prompt", 9, TYPE_TEXT, RIGHT_MEMBER, S, NULL, NULL},
    {"model", 10, TYPE_TEXT, RIGHT_MEMBER, 0, NULL, NULL},
    {"size", 11, TYPE_TEXT, RIGHT_MEMBER, 0, NULL, NULL},
    {"generationMode", 12, TYPE_TEXT, RIGHT_MEMBER, 0, NULL, modes},
    {"referenceMediaIds", 13, TYPE_TEXTS, RIGHT_MEMBER, 0, "[]", NULL},
    {"wardrobeOutfitId", 14, TYPE_TEXT, RIGHT_MEMBER, 0, NULL, NULL},
    {"wardrobeGarmentId", 15, TYPE_TEXT, RIGHT_MEMBER, 0, NULL, NULL},
    {"width", 16, TYPE_INT, RIGHT_MEMBER, 0, NULL, NULL},
    {"height", 17, TYPE_INT, RIGHT_MEMBER, 0, NULL, NULL},
    END,
};
static const char *const images_indexes[] = {"wardrobeOutfitId, createdAt", "createdAt", NULL};

static const struct schema_field tags[] = {
    {"name", 8, TYPE_TEXT, RIGHT_MEMBER, S | R, NULL, NULL},
    {"color", 9, TYPE_TEXT, RIGHT_MEMBER, 0, NULL, NULL},
    {"icon", 10, TYPE_TEXT, RIGHT_MEMBER, S, NULL, NULL},
    {"groupId", 11, TYPE_TEXT, RIGHT_MEMBER, 0, NULL, NULL},
    {"sortOrder", 12, TYPE_REAL, RIGHT_MEMBER, 0, "0", NULL},
    END,
};
static const struct schema_field tag_groups[] = {
    {"name", 8, TYPE_TEXT, RIGHT_MEMBER, S | R, NULL, NULL},
    {"color", 9, TYPE_TEXT, RIGHT_MEMBER, 0, NULL, NULL},
    {"sortOrder", 10, TYPE_REAL, RIGHT_MEMBER, 0, "0", NULL},
    END,
};
static const struct schema_field tasks[] = {
    {"title", 8, TYPE_TEXT, RIGHT_MEMBER, S | R, NULL, NULL},
    {"description", 9, TYPE_TEXT, RIGHT_MEMBER, S, NULL, NULL},
    {"isCompleted", 10, TYPE_BOOL, RIGHT_MEMBER, R, "false", NULL},
    {"dueDate", 11, TYPE_TEXT, RIGHT_MEMBER, 0, NULL, NULL},
    {"priority", 12, TYPE_JSON, RIGHT_MEMBER, 0, NULL, NULL},
    {"sortOrder", 13, TYPE_REAL, RIGHT_MEMBER, 0, "0", NULL},
    END,
};
static const char *const tasks_indexes[] = {"createdAt", NULL};
static const struct schema_field task_tags[] = {
    {"taskId", 8, TYPE_TEXT, RIGHT_FIXED, R, NULL, NULL},
    {"tagId", 9, TYPE_TEXT, RIGHT_FIXED, R, NULL, NULL},
    END,
};
static const char *const task_tags_indexes[] = {"taskId", NULL};
static const struct schema_field scenes[] = {
    {"name", 8, TYPE_TEXT, RIGHT_MEMBER, S | R, NULL, NULL},
    {"description", 9, TYPE_TEXT, RIGHT_MEMBER, S, NULL, NULL},
    {"openApps", 10, TYPE_JSON, RIGHT_MEMBER, 0, "[]", NULL},
    {"scopeTagIds", 11, TYPE_TEXTS, RIGHT_MEMBER, 0, "[]", NULL},
    {"sortOrder", 12, TYPE_REAL, RIGHT_MEMBER, 0, "0", NULL},
    END,
};
static const struct schema_field user_settings[] = {
    {"theme", 8, TYPE_TEXT, RIGHT_MEMBER, 0, NULL, NULL},
    {"locale", 9, TYPE_TEXT, RIGHT_MEMBER, 0, NULL, NULL},
    END,
};
static const struct schema_field tag_presets[] = {
    {"name", 8, TYPE_TEXT, RIGHT_MEMBER, S | R, NULL, NULL},
    {"isDefault", 9, TYPE_BOOL, RIGHT_MEMBER, R, "false", NULL},
    {"tags", 10, TYPE_JSON, RIGHT_MEMBER, S, "[]", NULL},
    END,
};

const struct schema_table schema_tables[] = {
    {"meImages", "profile", 1, MODULE_PROFILE, LEVEL_SPACE, me_images, me_images_derived,
     me_images_indexes},
    {"meSlots", "profile", 2, MODULE_PROFILE, LEVEL_SPACE, me_slots, NULL, me_slots_indexes},
    {"userContext", "profile", 3, MODULE_PROFILE, LEVEL_USER, user_context, NULL, NULL},
    {"wardrobeGarments", "wardrobe", 4, MODULE_WARDROBE, LEVEL_SPACE, garments, garments_derived,
     garments_indexes},
    {"wardrobeOutfits", "wardrobe", 5, MODULE_WARDROBE, LEVEL_SPACE, outfits, outfits_derived,
     garments_indexes},
    {"wardrobeWears", "wardrobe", 6, MODULE_WARDROBE, LEVEL_SPACE, wears, NULL, wears_indexes},
    {"images", "picture", 7, MODULE_PICTURE, LEVEL_SPACE, images, NULL, images_indexes},
    {"tags", "tags", 8, MODULE_TAGS, LEVEL_SPACE, tags, NULL, NULL},
    {"tagGroups", "tags", 9, MODULE_TAGS, LEVEL_SPACE, tag_groups, NULL, NULL},
    {"tasks", "todo", 10, MODULE_TASKS, LEVEL_SPACE, tasks, NULL, tasks_indexes},
    {"taskTags", "todo", 11, MODULE_TASKS, LEVEL_SPACE, task_tags, NULL, task_tags_indexes},
    {"workbenchScenes", "mana", 12, MODULE_SCENES, LEVEL_SPACE, scenes, NULL, NULL},
    {"userSettings", "mana", 13, MODULE_SCENES, LEVEL_USER, user_settings, NULL, NULL},
    {"userTagPresets", "tags", 14, MODULE_TAGS, LEVEL_USER, tag_presets, NULL, NULL},
    END,
};
const size_t schema_table_count = sizeof schema_tables / sizeof schema_tables[0] - 1;
