/* SPDX-License-Identifier: Apache-2.0 */
/* amount.h - sizes, rates and times as people read them, and sizes as they type them. Sizes are in powers of
 * 1024. */
#ifndef FATHOM_BASE_AMOUNT_H
#define FATHOM_BASE_AMOUNT_H

#include <stdbool.h>
#include <stdint.h>

/* Room for any amount as text. By value, so that several fit in one printf. */
struct amount {
    char text[24];
};

struct amount amount_bytes(uint64_t n_bytes); /* "212.4 GiB", "14.0 KiB", "7 B" */
struct amount amount_rate(double a_second);   /* "8.43", "64.2", "1320": three digits that matter */
struct amount amount_seconds(double seconds); /* "0:07", "12:40", "3:05:00" */

/* "512", "640K", "24G", "1.5T", also with "iB" or "B" behind; false: no such size, or it does not fit. */
bool amount_parse_bytes(const char *text, uint64_t *n_bytes);

#endif
