/* Hybrid logical clock and its text form. A stamp's time is one 64-bit number:
 *
 *     bits 63..20  milliseconds since 1970-01-01 UTC (44 bits, to the year 2527)
 *     bits 19..0   counter 0..999999 within the millisecond
 *
 * written as RFC 3339 with nine fraction digits: three for the millisecond, six for the counter
 * (ARCHITECTURE §3). The order of numbers, of texts and of events of one device is the same.
 * Knows no wall clock: the time comes in as an argument. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

#define CLOCK_TEXT 31 /* "2026-04-01T00:00:00.000000000Z" and a NUL */
#define CLOCK_COUNTER_MAX 999999u
#define CLOCK_AHEAD_MS_MAX 300000 /* G-S9: five minutes */
#define CLOCK_MS_MAX ((int64_t)17592186044415) /* 44 bits: 2527-06-23T06:20:44.415Z */
/* Plain times, of people and things, reach further: the years 0000 to 9999. */
#define CLOCK_PLAIN_MS_MIN ((int64_t)-62167219200000)
#define CLOCK_PLAIN_MS_MAX ((int64_t)253402300799999)

struct clock {
    uint64_t last; /* the newest time given out or seen */
};

/* Whatever is out of range counts as the nearest that is in it. */
uint64_t clock_at(int64_t ms, uint32_t counter);
int64_t clock_ms(uint64_t at);
uint32_t clock_counter(uint64_t at);

/* The next time of this device: greater than every one before, at least now_ms. */
uint64_t clock_tick(struct clock *c, int64_t now_ms);
/* Learns a time from elsewhere, so that the next tick is greater. RAUM_ECLOCK_AHEAD, and nothing
 * learned, if it is more than CLOCK_AHEAD_MS_MAX ahead of now_ms. */
int clock_see(struct clock *c, uint64_t at, int64_t now_ms) BASE_CHECK;

/* Nine digits, "Z", NUL. */
void clock_format(uint64_t at, char out[CLOCK_TEXT]);
/* Three digits, "Z", NUL: how createdAt and other plain times are written. Years 0000 to 9999,
 * what is beyond counts as the first or last. */
void clock_format_ms(int64_t ms, char out[CLOCK_TEXT]);
/* Reads RFC 3339: date, T or t or blank, time, optional fraction of 1..9 digits (missing ones are
 * 0), Z or z or an offset. Leap second 60 counts as the next second. Times before 1970 count as the
 * first, those past CLOCK_MS_MAX as the last. 0 or RAUM_EBAD_CHANGE. */
int clock_parse(const char *text, size_t len, uint64_t *at) BASE_CHECK;
/* The same texts as milliseconds of a plain time: exact, before 1970 below 0. What a fraction holds
 * beyond milliseconds is dropped. */
int clock_parse_ms(const char *text, size_t len, int64_t *ms) BASE_CHECK;
/* Reads YYYY-MM-DD that exists in the calendar. */
int clock_parse_date(const char *text, size_t len) BASE_CHECK;

#endif
