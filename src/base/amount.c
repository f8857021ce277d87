/* SPDX-License-Identifier: Apache-2.0 */
/* amount.c - amounts written and read. */
#include "base/amount.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char prefixes[] = "KMGTPE"; /* each 1024 times the one before */

struct amount amount_bytes(uint64_t n_bytes)
{
    struct amount amount;
    double value = (double)n_bytes;
    size_t prefix = 0;
    /* One decimal, and the largest unit that leaves something before it: 1023.95 would be printed as
     * 1024.0. */
    for (; value >= 1023.95 && prefix < sizeof prefixes - 1; prefix++)
        value /= 1024;
    if (prefix == 0)
        snprintf(amount.text, sizeof amount.text, "%.0f B", value);
    else
        snprintf(amount.text, sizeof amount.text, "%.1f %ciB", value, prefixes[prefix - 1]);
    return amount;
}

struct amount amount_rate(double a_second)
{
    struct amount amount;
    int decimals = a_second < 9.995 ? 2 : a_second < 99.95 ? 1 : 0;
    snprintf(amount.text, sizeof amount.text, "%.*f", decimals, a_second);
    return amount;
}

struct amount amount_seconds(double seconds)
{
    struct amount amount;
    const double longest = 999 * 3600.0 + 3599; /* further away is no longer a forecast */
    if (!(seconds < longest))
        seconds = longest;
    unsigned long s = seconds > 0 ? (unsigned long)lround(seconds) : 0;
    if (s >= 3600)
        snprintf(amount.text, sizeof amount.text, "%lu:%02lu:%02lu", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(amount.text, sizeof amount.text, "%lu:%02lu", s / 60, s % 60);
    return amount;
}

bool amount_parse_bytes(const char *text, uint64_t *n_bytes)
{
    size_t digits = strspn(text, "0123456789."); /* strtod takes signs, spaces, exponents and names besides */
    char *end;
    double value = strtod(text, &end);
    if (digits == 0 || end != text + digits)
        return false;
    const char *prefix = *end != '\0' ? strchr(prefixes, toupper((unsigned char)*end)) : NULL;
    if (prefix != NULL) {
        value = ldexp(value, 10 * (int)(prefix - prefixes + 1));
        end++;
        if (*end == 'i' && end[1] == 'B')
            end++;
    }
    if (*end == 'B')
        end++;
    if (*end != '\0' || !(value < 0x1p64))
        return false;
    *n_bytes = (uint64_t)value;
    return true;
}
