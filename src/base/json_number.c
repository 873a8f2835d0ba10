#include "base/json_internal.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* A double's nearest neighbours are told apart by 767 digits at most. Of a longer number the rest
 * counts only as "and a little more". */
#define DIGITS_MAX 780
#define EXPONENT_MAX ((int64_t)1000000000000)

/* A number's text taken apart: its significant digits lie in [first, last], a point among them
 * perhaps. */
struct decimal {
    const char *first, *last; /* not '0' both; first NULL: the number is zero */
    int64_t magnitude;        /* the power of ten of the first digit */
    bool negative;
    bool huge; /* the exponent is beyond counting; its sign is right */
};

static int64_t read_exponent(const char *at, const char *end, bool *huge)
{
    int64_t value = 0;
    bool negative = *at == '-';
    at += *at == '-' || *at == '+';
    for (; at < end; at++) {
        if (value < EXPONENT_MAX)
            value = value * 10 + (*at - '0');
        else
            *huge = true;
    }
    return negative ? -value : value;
}

static struct decimal decimal_of(const char *text, size_t len)
{
    struct decimal d = {.negative = *text == '-'};
    const char *end = text + len, *point = NULL, *at = text + d.negative;
    for (; at < end && *at != 'e' && *at != 'E'; at++) {
        if (*at == '.') {
            point = at;
        } else if (*at != '0') {
            if (!d.first)
                d.first = at;
            d.last = at;
        }
    }
    if (!point)
        point = at;
    if (d.first)
        d.magnitude = point - d.first - (d.first < point);
    if (d.first && at < end)
        d.magnitude += read_exponent(at + 1, end, &d.huge);
    return d;
}

bool json_number_int(const char *text, size_t len, int64_t *out)
{
    bool negative = *text == '-';
    uint64_t value = 0, most = (uint64_t)INT64_MAX + negative;
    for (size_t i = negative; i < len; i++) {
        unsigned digit = (unsigned char)text[i] - (unsigned)'0';
        if (digit > 9 || value > (most - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out = negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

/* Up to 2^53 times or through a power of ten up to 22: both are exact, so there is one rounding. */
static bool exact_double(const char *digits, int count, int64_t exponent, double *out)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (count > 15 || exponent < -22 || exponent > 22 || FLT_EVAL_METHOD != 0)
        return false;
    uint64_t value = 0;
    for (int i = 0; i < count; i++)
        value = value * 10 + (uint64_t)(digits[i] - '0');
    *out = exponent < 0 ? (double)value / powers[-exponent] : (double)value * powers[exponent];
    return true;
}

double json_number_double(const char *text, size_t len)
{
    struct decimal d = decimal_of(text, len);
    char digits[DIGITS_MAX + 32];
    int count = 0;
    double value = 0;
    if (!d.first)
        return d.negative ? -0.0 : 0.0;
    for (const char *at = d.first; at <= d.last; at++) {
        if (*at == '.')
            continue;
        digits[count++] = *at;
        if (count == DIGITS_MAX && at < d.last) {
            digits[count++] = '1';
            break;
        }
    }
    int64_t exponent = d.magnitude - count + 1;
    if (!exact_double(digits, count, exponent, &value)) {
        /* No point in the text: strtod cannot ask the locale for one. */
        int clipped = exponent > 9999 ? 9999 : exponent < -9999 ? -9999 : (int)exponent;
        snprintf(digits + count, sizeof digits - (size_t)count, "e%d", clipped);
        value = strtod(digits, NULL);
    }
    return d.negative ? -value : value;
}

bool json_number_same(const char *a, size_t a_len, const char *b, size_t b_len)
{
    if (a_len == b_len && memcmp(a, b, a_len) == 0)
        return true;
    struct decimal x = decimal_of(a, a_len), y = decimal_of(b, b_len);
    if (!x.first || !y.first)
        return !x.first && !y.first;
    if (x.negative != y.negative || x.magnitude != y.magnitude || x.huge || y.huge)
        return false;
    while (x.first <= x.last && y.first <= y.last) {
        x.first += *x.first == '.';
        y.first += *y.first == '.';
        if (*x.first++ != *y.first++)
            return false;
    }
    return x.first > x.last && y.first > y.last;
}

/* The digits of a positive number without zeros at the end, and the power of ten of the first.
 * Fifteen digits are enough for most and then the fewest; only numbers near zero, which have less
 * than 53 bits, may do with fewer than fifteen rightly rounded ones. */
static int shortest_digits(double value, char digits[20], int *magnitude)
{
    for (int count = value < DBL_MIN ? 1 : 15;; count++) {
        char text[40];
        int len = snprintf(text, sizeof text, "%.*e", count - 1, value);
        /* The locale's point is whatever lies between the first and the other digits. */
        const char *e = memchr(text, 'e', (size_t)len);
        digits[0] = text[0];
        memcpy(digits + 1, e - (count - 1), (size_t)count - 1);
        *magnitude = (int)strtol(e + 1, NULL, 10);
        char again[40];
        len = snprintf(again, sizeof again, "%.*se%d", count, digits, *magnitude - count + 1);
        if (count < 17 && json_number_double(again, (size_t)len) != value)
            continue;
        while (count > 1 && digits[count - 1] == '0')
            count--;
        return count;
    }
}

size_t json_number_format(double value, char out[JSON_NUMBER_TEXT])
{
    const char *sign = signbit(value) ? "-" : "";
    char digits[20];
    int magnitude;
    value = fabs(value);
    if (value < 9007199254740992.0 && value == (double)(int64_t)value)
        return (size_t)snprintf(out, JSON_NUMBER_TEXT, "%s%lld", sign, (long long)value);
    int count = shortest_digits(value, digits, &magnitude);
    if (magnitude >= count - 1 && magnitude < 21)
        return (size_t)snprintf(out, JSON_NUMBER_TEXT, "%s%.*s%.*s", sign, count, digits,
                                magnitude - count + 1, "00000000000000000000");
    if (magnitude >= 0 && magnitude < 21)
        return (size_t)snprintf(out, JSON_NUMBER_TEXT, "%s%.*s.%.*s", sign, magnitude + 1, digits,
                                count - magnitude - 1, digits + magnitude + 1);
    if (magnitude < 0 && magnitude >= -6)
        return (size_t)snprintf(out, JSON_NUMBER_TEXT, "%s0.%.*s%.*s", sign, -magnitude - 1,
                                "00000", count, digits);
    return (size_t)snprintf(out, JSON_NUMBER_TEXT, "%s%c%s%.*se%+d", sign, digits[0],
                            count > 1 ? "." : "", count - 1, digits + 1, magnitude);
}
