/* SPDX-License-Identifier: Apache-2.0 */
/* dot.h - the one loop of this level over quantized rows; a format is an unpack function and a `struct
 * family`.
 *
 * 256 columns at a time, a row is unpacked to unsigned bytes (codes) in four vectors, and a float scale
 * for each 16 or 32 of them. VPDPBUSD sums the codes times the activations in integers, exactly; the sum
 * of each lane is then multiplied by its group's scale times the activation's and added to the row's 16
 * float lanes. What lies in which lane is the format's order, chosen so that unpacking is cheap; the
 * activations are put in the same order, once for ROWS rows. No float operation depends on the other rows
 * and tokens, hence neither do the bits. */
#ifndef FATHOM_KERNEL_AVX512_DOT_H
#define FATHOM_KERNEL_AVX512_DOT_H

#include <immintrin.h>

#include "base/bytes.h"
#include "kernel/ahead.h"
#include "kernel/kernel.h"
#include "kernel/lanes/lanes.h"
#include "kernel/unroll.h"
#include "quant/blocks.h"

#define SPAN         256 /* columns unpacked at once: a block of 256, or eight of 32 */
#define ROWS         4   /* rows that share the activations of a span, at least */
#define MOST_ROWS    8   /* and at most */
#define TOKENS       4   /* tokens that share the unpacked rows of a span */
#define MOST_VECTORS 4   /* of 64 codes: a span */

/* Which columns of a span the codes of a vector are, and which groups (of 16 or 32 columns) its lanes
 * belong to. */
enum order {
    LINEAR_32,   /* vector v: 64 v... */
    LINEAR_16,   /* the same, groups of 16 */
    QUARTERS_16, /* vector v: 32 v... and 128 + 32 v...: four codes a byte */
    HALVES_32,   /* vector v: the even (odd v: odd) 32 of the two pairs from 128 (v / 2): two codes a byte */
    NIBBLES_32,  /* vector v: the first (odd v: second) 16 of the four 32 from 128 (v / 2) */
    EIGHTS_32,   /* vector v: the v-th eight of every 32 */
    EIGHTS_16,   /* vector v: the first (odd v: second) eight of the eight 16 from 128 (v / 2) */
    /* Vectors 2 p and 2 p + 1: of every 32, the p-th 16, split in two: */
    TWOS_32 /* even v: columns 0, 1, 4, 5, 8, 9, 12 and 13 of it; odd v: the others */
};

/* A span of one row. */
struct weights {
    __m512i codes[MOST_VECTORS];
    __m512 scales;  /* groups of 16: [16]; of 32: [8], and behind them, if there are, the [8] minima */
    __m256i minima; /* groups of 16 alone: int16 [16] */
    float minimum;  /* times all of those: what is subtracted */
};

typedef void unpack_fn(const uint8_t *blocks, struct weights *to);

/* A format. */
struct family {
    unpack_fn *unpack;
    size_t span_bytes; /* of a row */
    enum order order;
    uint8_t offset;               /* code - offset is what the scale multiplies */
    uint8_t shifts[MOST_VECTORS]; /* codes of vector v are left as many bits higher in their bytes */
    bool minima;                  /* the groups also have a value that is added to each of their columns */
    bool small;                   /* blocks of 32: a row may end within a span */
    bool scalar;                  /* look-ups take the general registers: no more than ROWS rows */
};

/* A span of one token, in the order of the codes. */
struct inputs {
    __m512i values[MOST_VECTORS];
    __m512i start[MOST_VECTORS]; /* what the sums of codes begin with: -offset times the sums of values */
    __m512 scales;               /* as in struct weights; in place of minima: scale times sum of values */
    __m256 plain_scales;         /* [8]: of 32 columns, as they are */
    __m256i sums;                /* int16 [16]: of 16 values */
};

/* A load that is done once: compilers repeat it as an operand of every use, and one across cache lines is
 * slow. */
INLINE __m512i load_once(const void *at)
{
    __m512i v = _mm512_loadu_si512(at);
    __asm__("" : "+v"(v));
    return v;
}

/* Two numbers of binary16, by way of memory: to spread one from there over a vector costs no shuffle. */
struct two_floats {
    float of[2];
};

INLINE struct two_floats load_two_halves(const uint8_t *at)
{
    struct two_floats two;
    _mm_store_sd((double *)(void *)two.of, _mm_castps_pd(_mm_cvtph_ps(_mm_cvtsi32_si128((int)load_u32(at)))));
    __asm__("" : "+m"(two));
    return two;
}

INLINE bool is_of_16(enum order order)
{
    return order == LINEAR_16 || order == QUARTERS_16 || order == EIGHTS_16;
}

/* How many integer sums a span has: the vectors whose lanes belong to the same groups share one. */
INLINE int n_sums(enum order order)
{
    switch (order) {
    case EIGHTS_32:
    case TWOS_32:
        return 1;
    case NIBBLES_32:
    case EIGHTS_16:
        return 2;
    default:
        return 4;
    }
}

/* The group of each lane of a sum. */
INLINE __m512i lane_groups(enum order order, int sum)
{
    const __m512i quarters = _mm512_set_epi32(3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0);
    const __m512i halves = _mm512_set_epi32(1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0);
    const __m512i pairs = _mm512_set_epi32(7, 7, 6, 6, 5, 5, 4, 4, 3, 3, 2, 2, 1, 1, 0, 0);
    const __m512i split = _mm512_set_epi32(9, 9, 9, 9, 8, 8, 8, 8, 1, 1, 1, 1, 0, 0, 0, 0);

    switch (order) {
    case LINEAR_32:
        return _mm512_add_epi32(halves, _mm512_set1_epi32(2 * sum));
    case HALVES_32:
        return _mm512_add_epi32(_mm512_add_epi32(halves, halves), _mm512_set1_epi32(sum / 2 * 4 + sum % 2));
    case LINEAR_16:
    case NIBBLES_32:
        return _mm512_add_epi32(quarters, _mm512_set1_epi32(4 * sum));
    case QUARTERS_16:
        return _mm512_add_epi32(split, _mm512_set1_epi32(2 * sum));
    default:
        return _mm512_add_epi32(pairs, _mm512_set1_epi32(8 * sum));
    }
}

/* 2^-shift of the vector that each group's codes are in; orders with shifts have as many sums as vectors. */
INLINE __m512 group_factors(struct family f)
{
#define FACTOR(v) (127 - f.shifts[v]) << 23 /* the bits of 2^-shift as a float */
    const int a = FACTOR(0), b = FACTOR(1), c = FACTOR(2), d = FACTOR(3), one = 127 << 23;
#undef FACTOR
    if (f.order == QUARTERS_16)
        return _mm512_castsi512_ps(_mm512_setr_epi32(a, a, b, b, c, c, d, d, a, a, b, b, c, c, d, d));
    return _mm512_castsi512_ps(
        _mm512_setr_epi32(a, b, a, b, c, d, c, d, one, one, one, one, one, one, one, one));
}

INLINE bool has_shifts(struct family f)
{
    return f.shifts[0] + f.shifts[1] + f.shifts[2] + f.shifts[3] > 0;
}

/* For TWOS: sixteens are split in place, then the halves of the even (odd) ones collected. */
INLINE void put_in_split_order(__m512i v[MOST_VECTORS])
{
    const __m128i twos = _mm_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15);
    const __m512i even = _mm512_setr_epi64(0, 4, 8, 12, 1, 5, 9, 13);
    const __m512i odd = _mm512_setr_epi64(2, 6, 10, 14, 3, 7, 11, 15);
    __m512i split[MOST_VECTORS];

    UNROLL
    for (int i = 0; i < MOST_VECTORS; i++)
        split[i] = _mm512_shuffle_epi8(v[i], _mm512_broadcast_i32x4(twos));
    UNROLL
    for (int p = 0; p < 2; p++) {
        __m512i low = _mm512_permutex2var_epi64(split[0], p == 0 ? even : odd, split[1]);
        __m512i high = _mm512_permutex2var_epi64(split[2], p == 0 ? even : odd, split[3]);
        v[2 * p] = _mm512_shuffle_i64x2(low, high, 0x44);
        v[2 * p + 1] = _mm512_shuffle_i64x2(low, high, 0xEE);
    }
}

/* Four vectors of consecutive values into the order of the codes. */
INLINE void put_in_order(enum order order, __m512i v[MOST_VECTORS])
{
    const __m512i even = _mm512_set_epi64(14, 12, 10, 8, 6, 4, 2, 0);
    const __m512i odd = _mm512_set_epi64(15, 13, 11, 9, 7, 5, 3, 1);
    __m512i a = v[0], b = v[1], c = v[2], d = v[3];

    switch (order) {
    case LINEAR_32:
    case LINEAR_16:
        break;
    case QUARTERS_16:
        v[0] = _mm512_shuffle_i64x2(a, c, 0x44);
        v[1] = _mm512_shuffle_i64x2(a, c, 0xEE);
        v[2] = _mm512_shuffle_i64x2(b, d, 0x44);
        v[3] = _mm512_shuffle_i64x2(b, d, 0xEE);
        break;
    case HALVES_32:
        v[0] = _mm512_shuffle_i64x2(a, b, 0x44);
        v[1] = _mm512_shuffle_i64x2(a, b, 0xEE);
        v[2] = _mm512_shuffle_i64x2(c, d, 0x44);
        v[3] = _mm512_shuffle_i64x2(c, d, 0xEE);
        break;
    case NIBBLES_32:
        v[0] = _mm512_shuffle_i64x2(a, b, 0x88);
        v[1] = _mm512_shuffle_i64x2(a, b, 0xDD);
        v[2] = _mm512_shuffle_i64x2(c, d, 0x88);
        v[3] = _mm512_shuffle_i64x2(c, d, 0xDD);
        break;
    case EIGHTS_16:
    case EIGHTS_32:
        v[0] = _mm512_permutex2var_epi64(a, even, b);
        v[1] = _mm512_permutex2var_epi64(a, odd, b);
        v[2] = _mm512_permutex2var_epi64(c, even, d);
        v[3] = _mm512_permutex2var_epi64(c, odd, d);
        break;
    default:
        put_in_split_order(v);
        break;
    }
    if (order == EIGHTS_32) { /* eights 0, 2, 4... and 1, 3, 5... of both halves: again */
        a = v[0], b = v[1], c = v[2], d = v[3];
        v[0] = _mm512_permutex2var_epi64(a, even, c);
        v[2] = _mm512_permutex2var_epi64(a, odd, c);
        v[1] = _mm512_permutex2var_epi64(b, even, d);
        v[3] = _mm512_permutex2var_epi64(b, odd, d);
    }
}

/* Lanes below n, of a vector whose first lane is `first`. */
INLINE __mmask16 lanes_below(size_t n, size_t first)
{
    size_t n_lanes = n > first ? min_size(n - first, 16) : 0;
    return (__mmask16)((1u << n_lanes) - 1);
}

/* `n` columns of a token from `column` on, and zeros behind them; n is 256, or less at the row's end. */
INLINE void load_inputs(struct family f, const struct activation *x, size_t column, size_t n,
                        struct inputs *to)
{
    const __m512i pairs = _mm512_set_epi32(7, 7, 6, 6, 5, 5, 4, 4, 3, 3, 2, 2, 1, 1, 0, 0);
    bool whole = n == SPAN;
    const float *scales_at = x->scales + column / ACTIVATION_BLOCK;
    const int16_t *sums_at = x->sums + column / ACTIVATION_SUM_BLOCK;

    UNROLL
    for (size_t v = 0; v < MOST_VECTORS; v++) {
        const int8_t *at = x->values + column + 64 * v;
        to->values[v] =
            whole ? _mm512_loadu_si512(at) : _mm512_maskz_loadu_epi32(lanes_below(n / 4, 16 * v), at);
    }
    put_in_order(f.order, to->values);

    __m256 eight = whole ? _mm256_loadu_ps(scales_at)
                         : _mm256_maskz_loadu_ps((__mmask8)lanes_below(n / ACTIVATION_BLOCK, 0), scales_at);
    to->scales = _mm512_zextps256_ps512(eight);
    if (is_of_16(f.order))
        to->scales = _mm512_permutexvar_ps(pairs, to->scales);
    if (f.minima) {
        __m256i sums = whole ? _mm256_loadu_si256((const __m256i *)sums_at)
                             : _mm256_maskz_loadu_epi16(lanes_below(n / ACTIVATION_SUM_BLOCK, 0), sums_at);
        to->sums = sums;
        to->plain_scales = eight;
        if (!is_of_16(f.order)) {
            __m256 of_32 = _mm256_cvtepi32_ps(_mm256_madd_epi16(sums, _mm256_set1_epi16(1)));
            to->scales = _mm512_insertf32x8(to->scales, _mm256_mul_ps(eight, of_32), 1);
        }
    }
    if (has_shifts(f))
        to->scales = _mm512_mul_ps(to->scales, group_factors(f));
    UNROLL
    for (int s = 0; s < n_sums(f.order); s++) {
        __m512i sum = _mm512_setzero_si512();
        UNROLL
        for (int v = 0; v < MOST_VECTORS; v++)
            if (f.offset > 0 && v * n_sums(f.order) / MOST_VECTORS == s)
                sum = _mm512_dpbusd_epi32(sum, _mm512_set1_epi8((char)(f.offset << f.shifts[v])),
                                          to->values[v]);
        to->start[s] = _mm512_sub_epi32(_mm512_setzero_si512(), sum);
    }
}

/* The lanes of one output. */
struct lanes {
    __m512 products;
    __m512 minima; /* groups of 16: the lower eight lanes; of 32: the upper eight */
};

INLINE void add_span(struct family f, const struct weights *w, const struct inputs *x, struct lanes *to)
{
    int n = n_sums(f.order);
    __m512 scales = _mm512_mul_ps(w->scales, x->scales);

    UNROLL
    for (int s = 0; s < n; s++) {
        __m512i sum = x->start[s];
        UNROLL
        for (int v = 0; v < MOST_VECTORS; v++)
            if (v * n / MOST_VECTORS == s)
                sum = _mm512_dpbusd_epi32(sum, w->codes[v], x->values[v]);
        __m512 scale = _mm512_permutexvar_ps(lane_groups(f.order, s), scales);
        to->products = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), scale, to->products);
    }
    if (f.minima && is_of_16(f.order)) {
        __m256 of_32 = _mm256_cvtepi32_ps(_mm256_madd_epi16(w->minima, x->sums));
        __m256 minima = _mm512_castps512_ps256(to->minima);
        minima = _mm256_fnmadd_ps(_mm256_mul_ps(of_32, x->plain_scales), _mm256_set1_ps(w->minimum), minima);
        to->minima = _mm512_castps256_ps512(minima);
    } else if (f.minima) {
        to->minima = _mm512_add_ps(scales, to->minima);
    }
}

/* The sum of eight lanes, in an order of its own. */
INLINE float sum_of_8(__m256 v)
{
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

INLINE float sum_of_16(__m512 v)
{
    return sum_of_8(_mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1)));
}

INLINE float sum_of_lanes(struct family f, const struct lanes *lanes)
{
    float sum = sum_of_16(lanes->products);
    if (!f.minima)
        return sum;
    if (is_of_16(f.order))
        return sum + sum_of_8(_mm512_castps512_ps256(lanes->minima));
    return sum + sum_of_8(_mm512_extractf32x8_ps(lanes->minima, 1));
}

/* How many rows and tokens a tile has: constants. More than one token goes with ROWS rows. */
struct shape {
    size_t n_rows;
    size_t n_tokens;
};

/* A tile of rows and tokens. Past the last row is the last again: computed, and not written. */
struct tile {
    const uint8_t *rows[MOST_ROWS];
    struct activation tokens[TOKENS];
    struct lanes lanes[TOKENS][MOST_ROWS];
};

INLINE void multiply_span(struct family f, struct shape shape, struct tile *t, const uint8_t *const *rows,
                          size_t column, size_t n)
{
    struct inputs x;
    if (shape.n_tokens == 1) { /* codes stay in registers */
        load_inputs(f, &t->tokens[0], column, n, &x);
        UNROLL
        for (size_t row = 0; row < shape.n_rows; row++) {
            struct weights w;
            f.unpack(rows[row], &w);
            add_span(f, &w, &x, &t->lanes[0][row]);
        }
        return;
    }
    struct weights w[ROWS];
    UNROLL
    for (size_t row = 0; row < ROWS; row++)
        f.unpack(rows[row], &w[row]);
    for (size_t token = 0; token < shape.n_tokens; token++) {
        load_inputs(f, &t->tokens[token], column, n, &x);
        UNROLL
        for (size_t row = 0; row < ROWS; row++)
            add_span(f, &w[row], &x, &t->lanes[token][row]);
    }
}

/* The last columns of blocks of 32, with blocks of scale zero behind them. */
INLINE void multiply_last_span(struct family f, struct shape shape, struct tile *t, size_t column, size_t n)
{
    uint8_t blocks[MOST_ROWS][SPAN / BLOCK_SMALL * sizeof(struct block_q8_0)] = {{0}};
    const uint8_t *rows[MOST_ROWS];
    for (size_t r = 0; r < shape.n_rows; r++)
        rows[r] = memcpy(blocks[r], t->rows[r], n / BLOCK_SMALL * (f.span_bytes / (SPAN / BLOCK_SMALL)));
    multiply_span(f, shape, t, rows, column, n);
}

/* Rows from `row` on times tokens from `token` on. */
INLINE void multiply_tile(struct family f, struct shape shape, const struct product *p, size_t row,
                          size_t token)
{
    size_t n_rows = min_size(shape.n_rows, p->n_rows - row);
    size_t column = 0;
    struct ahead ahead = ahead_of_tile(p, row, shape.n_rows);
    struct tile t;

    UNROLL
    for (size_t r = 0; r < shape.n_rows; r++)
        t.rows[r] = (const uint8_t *)p->rows + (row + min_size(r, n_rows - 1)) * p->row_bytes;
    UNROLL
    for (size_t i = 0; i < shape.n_tokens; i++) {
        uint8_t *x = (uint8_t *)p->activations + (token + i) * p->activation_bytes;
        t.tokens[i] = activation_view(x, p->n_columns);
        UNROLL
        for (size_t r = 0; r < shape.n_rows; r++)
            t.lanes[i][r] = (struct lanes){_mm512_setzero_ps(), _mm512_setzero_ps()};
    }
    for (; column + SPAN <= p->n_columns; column += SPAN) {
        if (shape.n_tokens == 1)
            ahead_fetch(&ahead, shape.n_rows * f.span_bytes);
        multiply_span(f, shape, &t, t.rows, column, SPAN);
        UNROLL
        for (size_t r = 0; r < shape.n_rows; r++)
            t.rows[r] += f.span_bytes;
    }
    if (f.small && column < p->n_columns) {
        if (shape.n_tokens == 1)
            ahead_fetch(&ahead, shape.n_rows * (p->n_columns - column) * f.span_bytes / SPAN);
        multiply_last_span(f, shape, &t, column, p->n_columns - column);
    }
    for (size_t i = 0; i < shape.n_tokens; i++)
        for (size_t r = 0; r < n_rows; r++)
            p->out[(token + i) * p->out_stride + row + r] = sum_of_lanes(f, &t.lanes[i][r]);
}

/* All rows with one token. */
INLINE void multiply_token(struct family f, const struct product *p, size_t token)
{
    size_t row = 0;
    for (; !f.scalar && row + ROWS < p->n_rows; row += MOST_ROWS)
        multiply_tile(f, (struct shape){MOST_ROWS, 1}, p, row, token);
    for (; row < p->n_rows; row += ROWS)
        multiply_tile(f, (struct shape){ROWS, 1}, p, row, token);
}

INLINE void multiply(struct family f, const struct product *p)
{
    size_t in_tiles = p->n_tokens / TOKENS * TOKENS;
    for (size_t row = 0; row < p->n_rows; row += ROWS)
        for (size_t token = 0; token < in_tiles; token += TOKENS)
            multiply_tile(f, (struct shape){ROWS, TOKENS}, p, row, token);
    for (size_t token = in_tiles; token < p->n_tokens; token++)
        multiply_token(f, p, token);
}

/* The table's entry of a format. */
#define PRODUCT(name, ...) LEVEL_PRODUCT(avx512, name, __VA_ARGS__)
#define LEVEL_PRODUCT(level, name, ...)                           \
    void level##_product_##name(const struct product *p)          \
    {                                                             \
        multiply((struct family){unpack_##name, __VA_ARGS__}, p); \
    }

#endif
