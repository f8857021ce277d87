/* SPDX-License-Identifier: Apache-2.0 */
/* list.h - short lists of whole numbers, as "-p 128,512" gives them. */
#ifndef FATHOM_CLI_BENCH_LIST_H
#define FATHOM_CLI_BENCH_LIST_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define BENCH_LIST_MOST  16
#define BENCH_MOST_TOKEN (1 << 24) /* what -c takes */

struct bench_list {
    uint32_t items[BENCH_LIST_MOST];
    size_t n_items;
};

/* Numbers from 0 to BENCH_MOST_TOKEN with commas between them. The error names `option`. */
bool bench_list_parse(struct bench_list *list, const char *option, const char *text, struct error *err);
void bench_list_sort(struct bench_list *list); /* ascending, each number once */
void bench_list_drop_zero(struct bench_list *list);
uint32_t bench_list_most(const struct bench_list *list); /* 0 for an empty list */

#endif
