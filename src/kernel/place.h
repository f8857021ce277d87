/* SPDX-License-Identifier: Apache-2.0 */
/* place.h - where panels stand in a product, and what memory is asked for meanwhile. */
#ifndef FATHOM_KERNEL_PLACE_H
#define FATHOM_KERNEL_PLACE_H

#include "base/bytes.h"
#include "kernel/kernel.h"

/* Panels beside each other. */
struct place {
    size_t row;
    size_t column, n_columns; /* n_columns a multiple of 32 */
};

/* Blocks of a row that are unpacked together. */
struct piece {
    size_t n_columns, n_bytes;
};

/* The bytes of a row that stand before a column. */
static inline size_t bytes_before(struct piece piece, size_t column)
{
    return column / piece.n_columns * piece.n_bytes;
}

/* Where those rows begin that are put into panels after those at `place`, `most` of rows and columns at once:
 * the same rows' next columns, else the next rows, else what the caller reads then; NULL: not known. */
static inline const uint8_t *next_place(const struct product *p, const struct place *place,
                                        const struct place *most, struct piece piece)
{
    const uint8_t *rows = p->rows;
    if (place->column + most->n_columns < p->n_columns)
        return rows + place->row * p->row_bytes + bytes_before(piece, place->column + most->n_columns);
    if (place->row + most->row < p->n_rows)
        return rows + (place->row + most->row) * p->row_bytes;
    return p->next;
}

/* Stretches of rows that memory is asked for, some with every step of other work, so that neither waits for
 * the other. */
struct ahead_rows {
    const char *at;
    size_t row_bytes; /* from row to row */
    size_t n_bytes;   /* of a row */
    size_t a_step;    /* rows; 0: nothing is asked for */
};

/* To the second-level cache: the first has what is multiplied. */
static inline __attribute__((always_inline)) void ask_for_rows(struct ahead_rows *ahead)
{
    const size_t line = 64;
    const char *at = ahead->at;
    for (size_t n = ahead->a_step; n > 0; n--, at += ahead->row_bytes) {
        for (size_t i = 0; i < ahead->n_bytes; i += line)
            __builtin_prefetch(at + i, 0, 2);
        __builtin_prefetch(at + ahead->n_bytes - 1, 0, 2);
    }
    ahead->at = at;
}

#endif
