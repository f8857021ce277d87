/* SPDX-License-Identifier: Apache-2.0 */
/* place.h - where panels stand in a product, and what memory is asked for while they are filled. */
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

#endif
