#include "modules/wardrobe/wears.h"

#include "engine/store.h"
#include "modules/wardrobe/wardrobe.h"
#include "modules/words.h"
#include <stdio.h>
#include <string.h>

#define TABLE "wardrobeWears"
#define DAY_LEN 10
/* Somewhere the day begins as early as this before it does in UTC. */
#define EARLIEST_MS ((int64_t)14 * 3600 * 1000)

static int check_day(const struct raum_handle *h, const char *day, struct raum_error *error)
{
    char newest[CLOCK_TEXT];
    const struct raum_env *env = h->raum->env;
    if (clock_parse_date(day, strlen(day)) != 0)
        return err_at(error, "wardrobe", RAUM_EUSAGE, "worn on a day like 2026-04-30");
    clock_format_ms(env->now_ms(env->ctx) + EARLIEST_MS, newest);
    if (memcmp(day, newest, DAY_LEN) > 0)
        return err_at(error, "wardrobe", RAUM_EUSAGE, "%s is yet to come", day);
    return 0;
}

static int add(struct raum_handle *h, const struct words_field *fields, int count, bool is_private,
               char id[RAUM_ID_MAX], struct raum_error *error)
{
    return words_insert(h, TABLE, fields, count, is_private ? "\"visibility\":\"private\"" : NULL,
                        id, error);
}

int wears_garment(struct raum_handle *h, const char *garment, const char *day, char id[RAUM_ID_MAX],
                  struct raum_error *error)
{
    const struct words_field fields[] = {{"garmentId", garment}, {"wornAt", day}};
    struct wardrobe_row row;
    int rc = check_day(h, day, error);
    if (rc == 0)
        rc = replica_begin(h->raum, error);
    if (rc)
        return rc;
    rc = wardrobe_load_live(&row, h, "wardrobeGarments", garment, error);
    if (rc == 0)
        rc = add(h, fields, 2, row.is_private, id, error);
    wardrobe_release(&row);
    return replica_end(h->raum, rc, error);
}

/* The id of a garment's row follows from the outfit's, so that both are found together. */
static void part_id(const struct raum_handle *h, const char *wear, const char *garment,
                    char out[ID_TEXT])
{
    char name[2 * RAUM_ID_MAX + 16];
    int len = snprintf(name, sizeof name, "wear:%s:%s", wear, garment);
    id_derive(h->raum->env, name, (size_t)len, out);
}

/* An outfit's row, while those of its garments follow it. */
struct wearing {
    const char *outfit, *day, *wear;
    bool is_private;
    int garments;
};

/* A garment that is gone is not worn; the same one twice in the list is worn once. */
static int add_part(struct raum_handle *h, struct wearing *x, const char *garment,
                    struct raum_error *error)
{
    char id[ID_TEXT], made[RAUM_ID_MAX];
    struct wardrobe_row row;
    int rc = wardrobe_load_live(&row, h, "wardrobeGarments", garment, NULL);
    if (rc == 0) {
        part_id(h, x->wear, garment, id);
        const struct words_field fields[] = {
            {"id", id}, {"outfitId", x->outfit}, {"wornAt", x->day}, {"garmentId", garment}};
        rc = add(h, fields, 4, x->is_private || row.is_private, made, error);
        x->garments += rc == 0;
        rc = rc == RAUM_EEXISTS ? 0 : rc;
    } else {
        rc = rc == RAUM_ENOT_FOUND ? 0 : err_set(error, rc, NULL);
    }
    wardrobe_release(&row);
    return rc;
}

int wears_outfit(struct raum_handle *h, const char *outfit, const char *day, char id[RAUM_ID_MAX],
                 int *garments, struct raum_error *error)
{
    const struct words_field fields[] = {{"outfitId", outfit}, {"wornAt", day}};
    struct wearing x = {.outfit = outfit, .day = day, .wear = id};
    struct wardrobe_row row;
    const char **list;
    int count = 0;
    int rc = check_day(h, day, error);
    if (rc == 0)
        rc = replica_begin(h->raum, error);
    if (rc)
        return rc;
    rc = wardrobe_load_live(&row, h, "wardrobeOutfits", outfit, error);
    if (rc == 0)
        rc = wardrobe_list(&row, "garmentIds", &list, &count, error);
    if (rc == 0) {
        x.is_private = row.is_private;
        rc = add(h, fields, 2, x.is_private, id, error);
    }
    for (int i = 0; rc == 0 && i < count; i++)
        rc = add_part(h, &x, list[i], error);
    wardrobe_release(&row);
    if (garments)
        *garments = x.garments;
    return replica_end(h->raum, rc, error);
}

/* The rows of an outfit's garments that were written with this one. */
static int remove_parts(struct raum_handle *h, const char *wear, const char *outfit,
                        struct raum_error *error)
{
    struct raum_query *q = NULL;
    struct arena a;
    char id[ID_TEXT];
    struct part {
        struct part *next;
        char id[ID_TEXT];
    } *parts = NULL;
    arena_init(&a, 1 << 20);
    int rc = query_view(
        h, "SELECT id, garmentId FROM " TABLE " WHERE outfitId = ?1 AND garmentId IS NOT NULL", &q,
        error);
    if (rc == 0)
        raum_query_bind_text(q, 1, outfit, strlen(outfit));
    while (rc == 0 && (rc = raum_query_step(q, error)) == 0) {
        const char *garment = raum_query_text(q, 1, NULL);
        part_id(h, wear, garment ? garment : "", id);
        if (strcmp(raum_query_text(q, 0, NULL), id) != 0)
            continue;
        struct part *part = arena_alloc(&a, sizeof *part);
        if (!part) {
            rc = err_set(error, RAUM_ENOMEM, NULL);
            break;
        }
        part->next = parts;
        memcpy(part->id, id, sizeof id);
        parts = part;
    }
    raum_query_free(q);
    rc = rc == RAUM_END ? 0 : rc;
    for (; rc == 0 && parts; parts = parts->next)
        rc = store_delete(h, TABLE, parts->id, error);
    arena_release(&a);
    return rc;
}

int wears_remove(struct raum_handle *h, const char *id, struct raum_error *error)
{
    struct wardrobe_row row;
    int rc = replica_begin(h->raum, error);
    if (rc)
        return rc;
    rc = wardrobe_load_live(&row, h, TABLE, id, error);
    const char *outfit = rc == 0 ? json_str(json_get(row.root, "outfitId"), &row.arena) : NULL;
    if (rc == 0)
        rc = store_delete(h, TABLE, id, error);
    if (rc == 0 && outfit && !json_is(json_get(row.root, "garmentId"), JSON_STRING))
        rc = remove_parts(h, id, outfit, error);
    wardrobe_release(&row);
    return replica_end(h->raum, rc, error);
}

int wears_query(struct raum_handle *h, const char *garment, const char *outfit,
                struct raum_query **out, struct raum_error *error)
{
#define SELECT                                                                                     \
    "SELECT w.id AS id, w.wornAt AS wornAt, w.garmentId AS garmentId, w.outfitId AS outfitId, "    \
    "(SELECT count(DISTINCT p.garmentId) FROM " TABLE                                              \
    " p WHERE w.garmentId IS NULL AND p.outfitId = w.outfitId "                                    \
    "AND p.garmentId IS NOT NULL AND p.wornAt = w.wornAt) AS parts, w.createdAt AS createdAt "     \
    "FROM " TABLE " w WHERE "
#define ORDER " ORDER BY w.wornAt DESC, w.createdAt DESC, w.id DESC"
    int rc = query_view(h,
                        garment  ? SELECT "w.garmentId = ?1" ORDER
                        : outfit ? SELECT "w.outfitId = ?1 AND " WEARS_ENTRY ORDER
                                 : SELECT WEARS_ENTRY ORDER,
                        out, error);
    const char *of = garment ? garment : outfit;
    if (rc == 0 && of)
        raum_query_bind_text(*out, 1, of, strlen(of));
    return rc;
#undef SELECT
#undef ORDER
}
