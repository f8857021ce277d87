/* SPDX-License-Identifier: Apache-2.0 */
/* list.c - reading and ordering short lists. */
#include "cli/bench/list.h"

#include <ctype.h>
#include <stdlib.h>

bool bench_list_parse(struct bench_list *list, const char *option, const char *text, struct error *err)
{
    *list = (struct bench_list){0};
    for (const char *at = text;;) {
        char *end = NULL;
        unsigned long long value = isdigit((unsigned char)*at) ? strtoull(at, &end, 10) : 0;
        if (end == NULL || value > BENCH_MOST_TOKEN || (*end != ',' && *end != '\0'))
            return fail(err, "%s %s: expected whole numbers up to %d with commas between them", option, text,
                        BENCH_MOST_TOKEN);
        if (list->n_items == BENCH_LIST_MOST)
            return fail(err, "%s %s: expected %d numbers at most", option, text, BENCH_LIST_MOST);
        list->items[list->n_items++] = (uint32_t)value;
        if (*end == '\0')
            return true;
        at = end + 1;
    }
}

static int ascending(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

void bench_list_sort(struct bench_list *list)
{
    qsort(list->items, list->n_items, sizeof *list->items, ascending);
    size_t n = 0;
    for (size_t i = 0; i < list->n_items; i++)
        if (n == 0 || list->items[i] != list->items[n - 1])
            list->items[n++] = list->items[i];
    list->n_items = n;
}

void bench_list_drop_zero(struct bench_list *list)
{
    size_t n = 0;
    for (size_t i = 0; i < list->n_items; i++)
        if (list->items[i] != 0)
            list->items[n++] = list->items[i];
    list->n_items = n;
}

uint32_t bench_list_most(const struct bench_list *list)
{
    uint32_t most = 0;
    for (size_t i = 0; i < list->n_items; i++)
        most = list->items[i] > most ? list->items[i] : most;
    return most;
}
