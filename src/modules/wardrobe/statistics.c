#include "modules/wardrobe/statistics.h"

#include "modules/wardrobe/wears.h"

#define GARMENTS                                                                                   \
    "SELECT id, name, category, wearCount, lastWornAt, priceCents, currency FROM "                 \
    "wardrobeGarments "

static int limited(struct raum_handle *h, const char *sql, int limit, struct raum_query **out,
                   struct raum_error *error)
{
    int rc = query_view(h, sql, out, error);
    if (rc == 0)
        raum_query_bind_int(*out, 1, limit);
    return rc;
}

int statistics_most_worn(struct raum_handle *h, int limit, struct raum_query **out,
                         struct raum_error *error)
{
    return limited(h,
                   GARMENTS "WHERE wearCount > 0 ORDER BY wearCount DESC, lastWornAt DESC, id "
                            "LIMIT ?1",
                   limit, out, error);
}

int statistics_not_worn(struct raum_handle *h, int limit, struct raum_query **out,
                        struct raum_error *error)
{
    return limited(h,
                   GARMENTS "WHERE isArchived = 0 ORDER BY lastWornAt IS NOT NULL, lastWornAt, "
                            "createdAt, id LIMIT ?1",
                   limit, out, error);
}

int statistics_categories(struct raum_handle *h, struct raum_query **out, struct raum_error *error)
{
    return query_view(h,
                      "SELECT category, count(*) AS garments, sum(isArchived) AS archived, "
                      "sum(wearCount) AS wears FROM wardrobeGarments GROUP BY category "
                      "ORDER BY garments DESC, category",
                      out, error);
}

/* total(): what other devices wrote may be larger than any sum of whole numbers. */
int statistics_costs(struct raum_handle *h, struct raum_query **out, struct raum_error *error)
{
    return query_view(h,
                      "SELECT currency, count(*) AS garments, total(priceCents) AS cents, "
                      "sum(wearCount) AS wears FROM wardrobeGarments WHERE priceCents IS NOT NULL "
                      "GROUP BY currency ORDER BY garments DESC, currency",
                      out, error);
}

int statistics_months(struct raum_handle *h, int limit, struct raum_query **out,
                      struct raum_error *error)
{
    return limited(h,
                   "SELECT substr(w.wornAt, 1, 7) AS month, sum(" WEARS_ENTRY ") AS wears, "
                   "sum(w.garmentId IS NOT NULL) AS garments FROM wardrobeWears w "
                   "GROUP BY month ORDER BY month DESC LIMIT ?1",
                   limit, out, error);
}
