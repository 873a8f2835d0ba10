/* What the wear log says about the wardrobe of a space. Queries over the scope's views; money is in
 * hundredths, per currency, never added across them. */
#ifndef MODULES_WARDROBE_STATISTICS_H
#define MODULES_WARDROBE_STATISTICS_H

#include "engine/query.h"

/* Columns: id name category wearCount lastWornAt priceCents currency. The most worn first, archived
 * ones too; those never worn are not in it. */
int statistics_most_worn(struct raum_handle *h, int limit, struct raum_query **out,
                         struct raum_error *error) BASE_CHECK;
/* The same columns: never worn first (the oldest of them first), then what was worn longest ago.
 * Without what is archived. */
int statistics_not_worn(struct raum_handle *h, int limit, struct raum_query **out,
                        struct raum_error *error) BASE_CHECK;
/* Columns: category garments archived wears; words of newer versions too. */
int statistics_categories(struct raum_handle *h, struct raum_query **out,
                          struct raum_error *error) BASE_CHECK;
/* Columns: currency garments cents wears, the last two of the garments whose price is known; cents
 * is a real number. */
int statistics_costs(struct raum_handle *h, struct raum_query **out,
                     struct raum_error *error) BASE_CHECK;
/* Columns: month ("2026-04"), wears (entries of the log), garments (garments worn). The newest
 * first. */
int statistics_months(struct raum_handle *h, int limit, struct raum_query **out,
                      struct raum_error *error) BASE_CHECK;

#endif
