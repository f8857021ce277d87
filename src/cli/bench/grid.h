/* SPDX-License-Identifier: Apache-2.0 */
/* grid.h - rows of cells, shown as a table for a screen, for Markdown, or as CSV (RFC 4180). */
#ifndef FATHOM_CLI_BENCH_GRID_H
#define FATHOM_CLI_BENCH_GRID_H

#include "base/buffer.h"

enum grid_form { GRID_SCREEN, GRID_MARKDOWN, GRID_CSV };

struct grid_column {
    const char *title; /* "tok/s"; NULL ends the list */
    const char *name;  /* in CSV: "tokens_per_second" */
    bool is_text;      /* to the left; numbers stand to the right */
    bool only_csv;     /* on a screen it would be the same in every row */
};

struct grid {
    const struct grid_column *columns;
    struct buffer cells; /* each ends with a zero byte; row after row */
};

/* The next cell; every row has one for each column, perhaps empty. */
void grid_cell(struct grid *grid, const char *format, ...) __attribute__((format(printf, 2, 3)));
void grid_show(const struct grid *grid, enum grid_form form, struct buffer *page);
void grid_release(struct grid *grid); /* zeroed is fine */

#endif
