#include "base/clock.h"

#include <stdbool.h>
#include <string.h>

#define MS_PER_DAY 86400000
#define COUNTER_BITS 20

uint64_t clock_at(int64_t ms, uint32_t counter)
{
    if (ms < 0)
        ms = 0;
    if (ms > CLOCK_MS_MAX)
        ms = CLOCK_MS_MAX;
    if (counter > CLOCK_COUNTER_MAX)
        counter = CLOCK_COUNTER_MAX;
    return (uint64_t)ms << COUNTER_BITS | counter;
}

int64_t clock_ms(uint64_t at)
{
    return (int64_t)(at >> COUNTER_BITS);
}

/* A number from elsewhere may hold more than six digits in its 20 bits: it counts as the most. */
uint32_t clock_counter(uint64_t at)
{
    uint32_t counter = at & ((1u << COUNTER_BITS) - 1);
    return counter > CLOCK_COUNTER_MAX ? CLOCK_COUNTER_MAX : counter;
}

uint64_t clock_tick(struct clock *c, int64_t now_ms)
{
    uint64_t now = clock_at(now_ms, 0);
    if (now > c->last)
        c->last = now;
    else if (clock_counter(c->last) < CLOCK_COUNTER_MAX)
        c->last++;
    else
        c->last = clock_at(clock_ms(c->last) + 1, 0);
    return c->last;
}

int clock_see(struct clock *c, uint64_t at, int64_t now_ms)
{
    if (now_ms < 0)
        now_ms = 0;
    if (clock_ms(at) - CLOCK_AHEAD_MS_MAX > now_ms)
        return RAUM_ECLOCK_AHEAD;
    if (at > c->last)
        c->last = clock_at(clock_ms(at), clock_counter(at));
    return 0;
}

/* Days since 1970-01-01 of a date in the Gregorian calendar. Years are counted from March, so that
 * the leap day is the last of its year; an era is the 400 years after which all repeats. */
static int64_t days_of(int year, int month, int day)
{
    int64_t y = (int64_t)year - (month <= 2) + 400; /* one era more: never negative */
    int64_t era = y / 400, year_of_era = y % 400;
    int64_t day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468 - 146097;
}

/* The reverse. */
static void date_of(int64_t days, int *year, int *month, int *day)
{
    days += 719468 + 146097; /* an era more here, too */
    int64_t era = days / 146097 - 1, day_of_era = days % 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t from_march = (5 * day_of_year + 2) / 153;
    *day = (int)(day_of_year - (153 * from_march + 2) / 5) + 1;
    *month = (int)(from_march < 10 ? from_march + 3 : from_march - 9);
    *year = (int)(year_of_era + era * 400) + (*month <= 2);
}

static char *put_digits(char *out, uint32_t value, int width)
{
    for (int i = width - 1; i >= 0; i--) {
        out[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return out + width;
}

/* "2026-04-01T00:00:00.000", gives the place behind it. */
static char *put_ms(char *out, int64_t ms)
{
    int year, month, day;
    int64_t days = ms / MS_PER_DAY - (ms % MS_PER_DAY < 0); /* rounded down */
    date_of(days, &year, &month, &day);
    uint32_t rest = (uint32_t)(ms - days * MS_PER_DAY);
    out = put_digits(out, (uint32_t)year, 4);
    *out++ = '-';
    out = put_digits(out, (uint32_t)month, 2);
    *out++ = '-';
    out = put_digits(out, (uint32_t)day, 2);
    *out++ = 'T';
    out = put_digits(out, rest / 3600000, 2);
    *out++ = ':';
    out = put_digits(out, rest / 60000 % 60, 2);
    *out++ = ':';
    out = put_digits(out, rest / 1000 % 60, 2);
    *out++ = '.';
    return put_digits(out, rest % 1000, 3);
}

void clock_format(uint64_t at, char out[CLOCK_TEXT])
{
    out = put_ms(out, clock_ms(at));
    out = put_digits(out, clock_counter(at), 6);
    memcpy(out, "Z", 2);
}

void clock_format_ms(int64_t ms, char out[CLOCK_TEXT])
{
    if (ms < CLOCK_PLAIN_MS_MIN)
        ms = CLOCK_PLAIN_MS_MIN;
    if (ms > CLOCK_PLAIN_MS_MAX)
        ms = CLOCK_PLAIN_MS_MAX;
    out = put_ms(out, ms);
    memcpy(out, "Z", 2);
}

/* Exactly `width` digits, or -1. */
static int digits(const char *text, int width)
{
    int value = 0;
    for (int i = 0; i < width; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

static int days_in_month(int year, int month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

static bool read_date(const char *text, int64_t *days)
{
    int year = digits(text, 4), month = digits(text + 5, 2), day = digits(text + 8, 2);
    if (year < 0 || text[4] != '-' || text[7] != '-' || month < 1 || month > 12 || day < 1 ||
        day > days_in_month(year, month))
        return false;
    *days = days_of(year, month, day);
    return true;
}

/* "HH:MM:SS" to seconds; second 60 is let through and so counts as the next. */
static int read_time(const char *text)
{
    int hour = digits(text, 2), minute = digits(text + 3, 2), second = digits(text + 6, 2);
    if (hour < 0 || hour > 23 || text[2] != ':' || minute < 0 || minute > 59 || text[5] != ':' ||
        second < 0 || second > 60)
        return -1;
    return hour * 3600 + minute * 60 + second;
}

/* "Z" or "+HH:MM" to seconds east of UTC. */
static bool read_zone(const char *text, size_t len, int *seconds)
{
    *seconds = 0;
    if (len == 1)
        return text[0] == 'Z' || text[0] == 'z';
    if (len != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':')
        return false;
    int hour = digits(text + 1, 2), minute = digits(text + 4, 2);
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59)
        return false;
    *seconds = (hour * 3600 + minute * 60) * (text[0] == '-' ? -1 : 1);
    return true;
}

/* Up to nine digits behind a point, as billionths. Gives the bytes taken: 0 if there are no digits,
 * the point is then read as a zone and refused. */
static size_t read_fraction(const char *text, size_t len, uint32_t *billionths)
{
    size_t used = 1;
    uint32_t value = 0;
    for (; used < len && used < 10 && text[used] >= '0' && text[used] <= '9'; used++)
        value = value * 10 + (uint32_t)(text[used] - '0');
    for (size_t i = used; i < 10; i++)
        value *= 10;
    *billionths = value;
    return used > 1 ? used : 0;
}

static int read_moment(const char *text, size_t len, int64_t *ms, uint32_t *counter)
{
    int64_t days;
    if (len < 20 || !read_date(text, &days) ||
        (text[10] != 'T' && text[10] != 't' && text[10] != ' '))
        return RAUM_EBAD_CHANGE;
    int seconds = read_time(text + 11), zone;
    if (seconds < 0)
        return RAUM_EBAD_CHANGE;
    size_t used = 19;
    uint32_t fraction = 0;
    if (text[used] == '.')
        used += read_fraction(text + used, len - used, &fraction);
    if (!read_zone(text + used, len - used, &zone))
        return RAUM_EBAD_CHANGE;
    *ms = days * MS_PER_DAY + ((int64_t)seconds - zone) * 1000 + fraction / 1000000;
    *counter = fraction % 1000000;
    return 0;
}

int clock_parse(const char *text, size_t len, uint64_t *at)
{
    int64_t ms;
    uint32_t counter;
    if (read_moment(text, len, &ms, &counter) != 0)
        return RAUM_EBAD_CHANGE;
    if (ms < 0)
        counter = 0;
    if (ms > CLOCK_MS_MAX)
        counter = CLOCK_COUNTER_MAX;
    *at = clock_at(ms, counter);
    return 0;
}

int clock_parse_ms(const char *text, size_t len, int64_t *ms)
{
    uint32_t counter;
    return read_moment(text, len, ms, &counter);
}

int clock_parse_date(const char *text, size_t len)
{
    int64_t days;
    return len == 10 && read_date(text, &days) ? 0 : RAUM_EBAD_CHANGE;
}
