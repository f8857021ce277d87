/* SPDX-License-Identifier: Apache-2.0 */
/* tile_model.h - AMX's tiles and the eleven instructions that Fathom uses, in C, in place of
 * kernel/avx512/amx_tile.h.
 *
 * After Intel's manual of instructions (LDTILECFG, TILELOADD, TILELOADDT1, TILEZERO, TDPBSSD, TDPBSUD,
 * TDPBUSD, TDPBUUD, TDPBF16PS, TILESTORED, TILERELEASE). What makes the processor raise #UD or #GP ends the
 * test: shapes that do not fit, a tile that is not configured. Where the machine has AMX, test_amx and
 * test_attend hold the two together. */
#ifndef FATHOM_TESTS_KERNEL_TILE_MODEL_H
#define FATHOM_TESTS_KERNEL_TILE_MODEL_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TILE_COUNT     8
#define TILE_ROWS      16
#define TILE_ROW_BYTES 64

struct model_tile {
    size_t n_rows, row_bytes; /* 0: not configured */
    uint8_t bytes[TILE_ROWS][TILE_ROW_BYTES];
};

struct tile_model {
    struct model_tile tiles[TILE_COUNT];
    /* machines that are wrong: the second operand's bytes are always signed, or the first one's; even numbers
     * meet odd ones; half of the operands' depth is summed */
    bool takes_signed, takes_first_signed, swaps_pairs, halves_depth;
};

/* One thread's tiles, as in the processor. */
static struct tile_model tile_model;

static inline void tile_require(int condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "tiles: %s\n", what);
        abort();
    }
}

static inline struct model_tile *tile_at(int tile)
{
    tile_require(tile >= 0 && tile < TILE_COUNT, "there is no such tile");
    tile_require(tile_model.tiles[tile].n_rows > 0, "a tile that is not configured");
    return &tile_model.tiles[tile];
}

/* 64 bytes: palette, start row, 14 reserved, 16 x u16 bytes a row, 16 x u8 rows. */
static inline void tile_configure(const void *shapes)
{
    const uint8_t *at = shapes;
    tile_require(at[0] == 1, "palette 1 is the only one");
    for (int i = 1; i < 16; i++)
        tile_require(at[i] == 0, "reserved bytes, and the start row, are zero");
    for (int i = 0; i < 16; i++) {
        size_t row_bytes = (size_t)at[16 + 2 * i] | (size_t)at[17 + 2 * i] << 8, n_rows = at[48 + i];
        tile_require((row_bytes == 0) == (n_rows == 0), "rows without bytes, or bytes without rows");
        tile_require(row_bytes <= TILE_ROW_BYTES && n_rows <= TILE_ROWS, "a tile is 16 rows of 64 bytes");
        tile_require(i < TILE_COUNT || n_rows == 0, "there are eight tiles");
        if (i < TILE_COUNT)
            tile_model.tiles[i] = (struct model_tile){.n_rows = n_rows, .row_bytes = row_bytes};
    }
}

static inline void tile_load(int tile, const void *from, size_t stride)
{
    struct model_tile *to = tile_at(tile);
    memset(to->bytes, 0, sizeof to->bytes);
    for (size_t row = 0; row < to->n_rows; row++)
        memcpy(to->bytes[row], (const uint8_t *)from + row * stride, to->row_bytes);
}

static inline void tile_zero(int tile)
{
    memset(tile_at(tile)->bytes, 0, sizeof tile_model.tiles[tile].bytes);
}

static inline void tile_store(int tile, void *to, size_t stride)
{
    const struct model_tile *from = tile_at(tile);
    for (size_t row = 0; row < from->n_rows; row++)
        memcpy((uint8_t *)to + row * stride, from->bytes[row], from->row_bytes);
}

static inline int tile_byte(uint8_t byte, bool is_signed)
{
    return is_signed ? (int8_t)byte : byte;
}

/* Whether operands fit together; returns their depth, in words. */
static inline size_t tile_depth(int to, int a, int b)
{
    const struct model_tile *sums = tile_at(to), *left = tile_at(a), *right = tile_at(b);
    tile_require(to != a && to != b && a != b, "three different tiles");
    tile_require(sums->n_rows == left->n_rows, "as many rows of sums as of the first operand");
    tile_require(sums->row_bytes == right->row_bytes, "as many columns of sums as of the second operand");
    tile_require(left->row_bytes == 4 * right->n_rows, "operands of one depth");
    return tile_model.halves_depth ? right->n_rows / 2 : right->n_rows;
}

/* TDPBxyD: to[m][n] += sum over k and i of a[m][4 k + i] times b[k][4 n + i], both signed or not; it
 * wraps. */
static inline void tile_multiply(int to, int a, int b, bool a_signed, bool b_signed)
{
    size_t depth = tile_depth(to, a, b);
    struct model_tile *sums = tile_at(to);
    const struct model_tile *left = tile_at(a), *right = tile_at(b);
    a_signed = a_signed || tile_model.takes_first_signed;
    b_signed = b_signed || tile_model.takes_signed;
    for (size_t m = 0; m < sums->n_rows; m++) {
        for (size_t n = 0; n < sums->row_bytes / 4; n++) {
            uint32_t sum;
            memcpy(&sum, &sums->bytes[m][4 * n], sizeof sum);
            for (size_t byte = 0; byte < 4 * depth; byte++)
                sum += (uint32_t)(tile_byte(left->bytes[m][byte], a_signed) *
                                  tile_byte(right->bytes[byte / 4][4 * n + byte % 4], b_signed));
            memcpy(&sums->bytes[m][4 * n], &sum, sizeof sum);
        }
    }
}

/* A number in bfloat16; what is subnormal is zero to the processor. */
static inline float tile_bf16(const uint8_t *at)
{
    uint32_t bits = (uint32_t)(at[0] | at[1] << 8) << 16;
    float number;
    if ((bits & 0x7F800000) == 0)
        bits &= 0x80000000;
    memcpy(&number, &bits, sizeof number);
    return number;
}

/* TDPBF16PS: to[m][n] += sum over k and i of a[m][2 k + i] times b[k][2 n + i]: even and odd ones apart, from
 * zero on, each product rounded once. */
static inline void tile_multiply_bf16(int to, int a, int b)
{
    size_t depth = tile_depth(to, a, b), swapped = tile_model.swaps_pairs ? 1 : 0;
    struct model_tile *sums = tile_at(to);
    const struct model_tile *left = tile_at(a), *right = tile_at(b);
    for (size_t m = 0; m < sums->n_rows; m++) {
        for (size_t n = 0; n < sums->row_bytes / 4; n++) {
            float sum, part[2] = {0.0f, 0.0f};
            for (size_t k = 0; k < depth; k++)
                for (size_t i = 0; i < 2; i++)
                    part[i] = fmaf(tile_bf16(&left->bytes[m][4 * k + 2 * i]),
                                   tile_bf16(&right->bytes[k][4 * n + 2 * (i ^ swapped)]), part[i]);
            memcpy(&sum, &sums->bytes[m][4 * n], sizeof sum);
            sum += part[0] + part[1];
            memcpy(&sums->bytes[m][4 * n], &sum, sizeof sum);
        }
    }
}

static inline void tile_release(void)
{
    for (int i = 0; i < TILE_COUNT; i++)
        tile_model.tiles[i] = (struct model_tile){0};
}

#define TILE_CONFIGURE(shapes)              tile_configure(shapes)
#define TILE_LOAD(tile, from, stride)       tile_load(tile, from, stride)
#define TILE_LOAD_ONCE(tile, from, stride)  tile_load(tile, from, stride)
#define TILE_ZERO(tile)                     tile_zero(tile)
#define TILE_MULTIPLY_SIGNED(to, a, b)      tile_multiply(to, a, b, true, true)
#define TILE_MULTIPLY_UNSIGNED(to, a, b)    tile_multiply(to, a, b, false, false)
#define TILE_MULTIPLY_BY_UNSIGNED(to, a, b) tile_multiply(to, a, b, true, false)
#define TILE_MULTIPLY_BY_SIGNED(to, a, b)   tile_multiply(to, a, b, false, true)
#define TILE_MULTIPLY_BF16(to, a, b)        tile_multiply_bf16(to, a, b)
#define TILE_STORE(tile, to, stride)        tile_store(tile, to, stride)
#define TILE_RELEASE()                      tile_release()

#endif
