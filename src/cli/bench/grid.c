/* SPDX-License-Identifier: Apache-2.0 */
/* grid.c - the three forms of a grid. */
#include "cli/bench/grid.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

#define CELL_BYTES  512 /* a longer cell is cut */
#define COLUMN_MOST 24

void grid_cell(struct grid *grid, const char *format, ...)
{
    char text[CELL_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    buffer_append(&grid->cells, text, strlen(text) + 1);
}

/* Bytes that do not begin a character are no column of their own. */
static size_t width_of(const char *text)
{
    size_t width = 0;
    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xC0) != 0x80;
    return width;
}

static void measure(const struct grid *grid, size_t widths[COLUMN_MOST])
{
    size_t n_columns = 0;
    for (const struct grid_column *c = grid->columns; c->title != NULL; c++)
        widths[n_columns++] = width_of(c->title);
    assert(n_columns > 0);
    const char *cell = buffer_text(&grid->cells), *end = cell + grid->cells.n_bytes;
    for (size_t i = 0; cell < end; cell += strlen(cell) + 1, i++)
        widths[i % n_columns] = max_size(widths[i % n_columns], width_of(cell));
}

static void append_padded(struct buffer *page, const char *text, size_t width, bool is_text)
{
    int pad = (int)(width - width_of(text));
    if (is_text)
        buffer_append_format(page, "%s%*s", text, pad, "");
    else
        buffer_append_format(page, "%*s%s", pad, "", text);
}

/* A field with a comma, a quote or a line break stands in quotes, and its own quotes are doubled. */
static void append_csv(struct buffer *page, const char *text)
{
    if (strpbrk(text, ",\"\r\n") == NULL) {
        buffer_append_text(page, text);
        return;
    }
    buffer_append_text(page, "\"");
    for (; *text != '\0'; text++) {
        if (*text == '"')
            buffer_append_text(page, "\"");
        buffer_append(page, text, 1);
    }
    buffer_append_text(page, "\"");
}

static void append_markdown(struct buffer *page, const char *text)
{
    buffer_append_text(page, " ");
    for (; *text != '\0'; text++) {
        if (*text == '|')
            buffer_append_text(page, "\\");
        buffer_append(page, text, 1);
    }
    buffer_append_text(page, " |");
}

static void append_cell(struct buffer *page, enum grid_form form, size_t column,
                        const struct grid_column *what, const char *text, size_t width)
{
    if (what->only_csv && form != GRID_CSV)
        return;
    switch (form) {
    case GRID_SCREEN:
        buffer_append_text(page, "  ");
        append_padded(page, text, width, what->is_text);
        break;
    case GRID_MARKDOWN:
        append_markdown(page, text);
        break;
    case GRID_CSV:
        if (column > 0)
            buffer_append_text(page, ",");
        append_csv(page, text);
        break;
    }
}

static void show_titles(const struct grid *grid, enum grid_form form, const size_t *widths,
                        struct buffer *page)
{
    if (form == GRID_MARKDOWN)
        buffer_append_text(page, "|");
    for (size_t i = 0; grid->columns[i].title != NULL; i++)
        append_cell(page, form, i, &grid->columns[i],
                    form == GRID_CSV ? grid->columns[i].name : grid->columns[i].title, widths[i]);
    buffer_append_text(page, "\n");
    if (form != GRID_MARKDOWN)
        return;
    buffer_append_text(page, "|");
    for (const struct grid_column *c = grid->columns; c->title != NULL; c++)
        if (!c->only_csv)
            buffer_append_text(page, c->is_text ? "---|" : "---:|");
    buffer_append_text(page, "\n");
}

void grid_show(const struct grid *grid, enum grid_form form, struct buffer *page)
{
    size_t widths[COLUMN_MOST], n_columns = 0;
    while (grid->columns[n_columns].title != NULL)
        n_columns++;
    assert(n_columns > 0);
    measure(grid, widths);
    show_titles(grid, form, widths, page);
    const char *cell = buffer_text(&grid->cells), *end = cell + grid->cells.n_bytes;
    for (size_t i = 0; cell < end; cell += strlen(cell) + 1, i++) {
        size_t column = i % n_columns;
        if (form == GRID_MARKDOWN && column == 0)
            buffer_append_text(page, "|");
        append_cell(page, form, column, &grid->columns[column], cell, widths[column]);
        if (column + 1 == n_columns)
            buffer_append_text(page, "\n");
    }
}

void grid_release(struct grid *grid)
{
    buffer_release(&grid->cells);
}
