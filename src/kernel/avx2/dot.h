/* SPDX-License-Identifier: Apache-2.0 */
/* dot.h - the one loop of this level over quantized rows; a format is an unpack function and a `struct
 * family`.
 *
 * A span is a block: 256 columns, or 32. It is unpacked to vectors of 32 bytes, in column order, and an
 * integer scale for each 16 columns. VPMADDUBSW sums pairs of products to 16 bits; VPMADDWD multiplies
 * them by the scale and sums pairs again, all exactly. Only then come floats: the activation's scale for
 * each 32 columns, and the block's for the span. VPMADDUBSW saturates, so codes are at most 127 where they
 * are unsigned, and where they are signed their sizes are multiplied with activations of changed sign: 2 x
 * 127 x 128 is below 2^15. No float operation depends on the other rows and tokens, hence neither do the
 * bits. */
#ifndef FATHOM_KERNEL_AVX2_DOT_H
#define FATHOM_KERNEL_AVX2_DOT_H

#include <immintrin.h>

#include "base/bytes.h"
#include "kernel/ahead.h"
#include "kernel/kernel.h"
#include "kernel/unroll.h"
#include "quant/blocks.h"

#endif
#define ROWS         4 /* rows that share the activations of a span */
#define TOKENS       4 /* tokens that share the unpacked rows of a span */
#define MOST_VECTORS 8 /* of 32 codes: a span of 256 */
#define CHAINS       2 /* of sums over a span: each waits for the one before */

/* A span of one row. Groups are of 16 columns; formats with scales for 32 repeat them. */
struct weights {
    __m256i codes[MOST_VECTORS];        /* where no unpack_vector_fn makes them */
    _Alignas(32) uint8_t sign_bits[64]; /* what such functions take: see product_iq.c */
    _Alignas(32) uint16_t book_codes[64];
    __m256i scales; /* int16: those of the even groups, then those of the odd ones */
    __m256i minima; /* int16 [16], in order: added to each column of the group */
    float scale;    /* times all scales */
    float minimum;  /* times all minima */
};

/* 32 columns of a span. */
struct vector {
    __m256i codes;
    __m256i signs; /* where codes are sizes: bit 7 of a byte is set where it is negative */
};

typedef void unpack_fn(const uint8_t *block, struct weights *to);
/* Vector v of a block, of which the rest is unpacked. */
typedef struct vector unpack_vector_fn(const uint8_t *block, const struct weights *w, int v);

/* A format. */
struct family {
    unpack_fn *unpack;
    size_t span_bytes;               /* of a row: a block */
    unpack_vector_fn *unpack_vector; /* of formats that are looked up: one by one, as they are multiplied */
    bool small;                      /* blocks of 32 columns: a scale, perhaps a minimum, and no groups */
    bool has_signs;                  /* codes are signed; otherwise at most 127 */
    bool has_sizes;                  /* codes are sizes, with signs beside them, until unpack_vectors() */
    bool folds;        /* panels: codes less offset, times their group's scale, have sizes up to 128 */
    uint8_t group;     /* columns that share a scale: 16, or 0 for 32 */
    uint8_t minimum;   /* columns that share a minimum: 16 or 32; 0: there are none */
    uint8_t offset;    /* code - offset is what the scale multiplies */
    uint8_t magnitude; /* the largest of code - offset, where codes have no signs */
};

/* A span of one token. */
struct inputs {
    const __m256i *values; /* [vector], at any address */
    const float *scales;   /* [vector] */
    const int16_t *sums;   /* [2 vectors] */
    __m256i start
        [MOST_VECTORS]; /* offset times the values, summed in pairs: what a sum of codes is too large by */
    __m256i minus[MOST_VECTORS]; /* the values, negative */
};

/* The lanes of one output. */
struct lanes {
    __m256 products;
    __m256 minima;
};

INLINE int n_vectors(struct family f)
{
    return f.small ? 1 : MOST_VECTORS;
}

INLINE void load_inputs(struct family f, const struct activation *x, size_t column, struct inputs *to)
{
    to->values = (const __m256i *)(const void *)(x->values + column);
    to->scales = x->scales + column / ACTIVATION_BLOCK;
    to->sums = x->sums + column / ACTIVATION_SUM_BLOCK;
    UNROLL
    for (int v = 0; v < n_vectors(f); v++)
        if (f.offset > 0 && !f.has_sizes)
            to->start[v] =
                _mm256_maddubs_epi16(_mm256_set1_epi8((char)f.offset), _mm256_loadu_si256(to->values + v));
        else if (f.has_sizes)
            to->minus[v] = _mm256_sub_epi8(_mm256_setzero_si256(), _mm256_loadu_si256(to->values + v));
}

INLINE struct vector vector_of(struct family f, const uint8_t *block, const struct weights *w, int v)
{
    return f.unpack_vector != NULL ? f.unpack_vector(block, w, v) : (struct vector){.codes = w->codes[v]};
}

/* All vectors to codes; of sizes and signs: the offset plus the size, or less it. */
INLINE void unpack_vectors(struct family f, const uint8_t *block, struct weights *w)
{
    if (f.unpack_vector == NULL)
        return;
    UNROLL
    for (int v = 0; v < n_vectors(f); v++) {
        struct vector vector = f.unpack_vector(block, w, v);
        if (f.has_sizes) {
            __m256i minus = _mm256_sub_epi8(_mm256_setzero_si256(), vector.codes);
            vector.codes = _mm256_add_epi8(_mm256_blendv_epi8(vector.codes, minus, vector.signs),
                                           _mm256_set1_epi8((char)f.offset));
        }
        w->codes[v] = vector.codes;
    }
}

/* Lane i of each half, in all of the half. */
INLINE __m256i lane_of_halves(__m256i lanes, int i)
{
    switch (i) { /* a shuffle's places are part of the instruction, so no memory is read for them */
    case 0:
        return _mm256_shuffle_epi32(lanes, 0x00);
    case 1:
        return _mm256_shuffle_epi32(lanes, 0x55);
    case 2:
        return _mm256_shuffle_epi32(lanes, 0xAA);
    default:
        return _mm256_shuffle_epi32(lanes, 0xFF);
    }
}

/* The scale of each half of vector v, in all its words. */
INLINE __m256i scales_of_vector(const struct weights *w, int v)
{
    __m256i twice =
        v < 4 ? _mm256_unpacklo_epi16(w->scales, w->scales) : _mm256_unpackhi_epi16(w->scales, w->scales);
    return lane_of_halves(twice, v % 4);
}

/* Vector v of a span: the integer sums of its products, eight lanes. */
INLINE __m256i dot_vector(struct family f, struct vector vector, const struct weights *w,
                          const struct inputs *x, int v)
{
    __m256i values = _mm256_loadu_si256(x->values + v);
    __m256i codes = vector.codes;
    if (f.has_sizes)
        values = _mm256_blendv_epi8(values, x->minus[v], vector.signs);
    if (f.has_signs) {
        values = _mm256_sign_epi8(values, codes);
        codes = _mm256_abs_epi8(codes);
    }
    __m256i pairs = _mm256_maddubs_epi16(codes, values);
    if (f.offset > 0 && !f.has_sizes)
        pairs = _mm256_sub_epi16(pairs, x->start[v]);
    if (f.small)
        return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
    return _mm256_madd_epi16(pairs, scales_of_vector(w, v));
}

INLINE void add_span(struct family f, const uint8_t *block, const struct weights *w, const struct inputs *x,
                     struct lanes *to)
{
    __m256 sums[CHAINS];
    UNROLL
    for (int v = 0; v < n_vectors(f); v++) {
        __m256 *sum = &sums[v % CHAINS];
        __m256 dots = _mm256_cvtepi32_ps(dot_vector(f, vector_of(f, block, w, v), w, x, v));
        __m256 scale = _mm256_set1_ps(x->scales[v]);
        *sum = v < CHAINS ? _mm256_mul_ps(dots, scale) : _mm256_fmadd_ps(dots, scale, *sum);
    }
    if (n_vectors(f) > 1)
        sums[0] = _mm256_add_ps(sums[0], sums[1]);
    to->products = _mm256_fmadd_ps(sums[0], _mm256_set1_ps(w->scale), to->products);

    if (f.minimum > 0 && f.small) {
        float inputs = x->scales[0] * (float)(x->sums[0] + x->sums[1]);
        to->minima = _mm256_castps128_ps256(
            _mm_fmadd_ss(_mm_set_ss(w->minimum), _mm_set_ss(inputs), _mm256_castps256_ps128(to->minima)));
    } else if (f.minimum > 0) {
        __m256i dots =
            _mm256_madd_epi16(w->minima, _mm256_loadu_si256((const __m256i *)(const void *)x->sums));
        __m256 inputs = _mm256_mul_ps(_mm256_cvtepi32_ps(dots), _mm256_loadu_ps(x->scales));
        to->minima = _mm256_fmadd_ps(inputs, _mm256_set1_ps(w->minimum), to->minima);
    }
}

/* The sum of eight lanes, in an order of its own. */
INLINE float sum_of_8(__m256 v)
{
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

INLINE float sum_of_lanes(struct family f, const struct lanes *lanes)
{
    float sum = sum_of_8(lanes->products);
    if (f.minimum == 0)
        return sum;
    return sum + (f.small ? _mm256_cvtss_f32(lanes->minima) : sum_of_8(lanes->minima));
}

/* A tile of rows and tokens. Past the last row is the last again: computed, and not written. */
struct tile {
    const uint8_t *rows[ROWS];
    struct activation tokens[TOKENS];
    struct lanes lanes[TOKENS][ROWS];
};

INLINE void multiply_span(struct family f, struct tile *t, size_t column, size_t n_tokens)
{
    struct inputs x;
    struct weights w[ROWS];
    UNROLL
    for (size_t row = 0; row < ROWS; row++) {
        f.unpack(t->rows[row], &w[row]);
        if (n_tokens > 1)
            unpack_vectors(f, t->rows[row], &w[row]);
    }
    if (n_tokens > 1) {
        f.unpack_vector = NULL;
        f.has_sizes = false;
    }
    for (size_t token = 0; token < n_tokens; token++) {
        load_inputs(f, &t->tokens[token], column, &x);
        UNROLL
        for (size_t row = 0; row < ROWS; row++)
            add_span(f, t->rows[row], &w[row], &x, &t->lanes[token][row]);
    }
}

/* ROWS rows from `row` on times n_tokens (a constant, at most TOKENS) tokens from `token` on. */
INLINE void multiply_tile(struct family f, const struct product *p, size_t row, size_t token, size_t n_tokens)
{
    size_t n_rows = min_size(ROWS, p->n_rows - row);
    struct ahead ahead = ahead_of_tile(p, row, ROWS);
    struct tile t;

    for (size_t r = 0; r < ROWS; r++)
        t.rows[r] = (const uint8_t *)p->rows + (row + min_size(r, n_rows - 1)) * p->row_bytes;
    UNROLL
    for (size_t i = 0; i < n_tokens; i++) {
        t.tokens[i] =
            activation_view((uint8_t *)p->activations + (token + i) * p->activation_bytes, p->n_columns);
        UNROLL
        for (size_t r = 0; r < ROWS; r++)
            t.lanes[i][r] = (struct lanes){_mm256_setzero_ps(), _mm256_setzero_ps()};
    }
    for (size_t column = 0; column < p->n_columns; column += f.small ? BLOCK_SMALL : BLOCK_SUPER) {
        if (n_tokens == 1)
            ahead_fetch(&ahead, ROWS * f.span_bytes);
        multiply_span(f, &t, column, n_tokens);
        UNROLL
        for (size_t r = 0; r < ROWS; r++)
            t.rows[r] += f.span_bytes;
    }
    for (size_t i = 0; i < n_tokens; i++)
        for (size_t r = 0; r < n_rows; r++)
            p->out[(token + i) * p->out_stride + row + r] = sum_of_lanes(f, &t.lanes[i][r]);
}

INLINE void multiply(struct family f, const struct product *p)
{
    for (size_t row = 0; row < p->n_rows; row += ROWS) {
        size_t token = 0;
        for (; token + TOKENS <= p->n_tokens; token += TOKENS)
            multiply_tile(f, p, row, token, TOKENS);
        for (; token < p->n_tokens; token++)
            multiply_tile(f, p, row, token, 1);
    }
}

INLINE float half_at(const uint8_t *at)
{
    return _cvtsh_ss(load_u16(at));
}

INLINE __m256i load_32(const uint8_t *at)
{
    return _mm256_loadu_si256((const __m256i *)at);
}

INLINE __m128i load_16(const uint8_t *at)
{
    return _mm_loadu_si128((const __m128i *)at);
}

/* 16 bytes, two codes in each: the lower halves, then the upper ones. */
INLINE __m256i unpack_nibbles(const uint8_t *at)
{
    __m128i packed = load_16(at);
    __m256i both = _mm256_set_m128i(_mm_srli_epi16(packed, 4), packed);
    return _mm256_and_si256(both, _mm256_set1_epi8(15));
}

/* Sixteen int8 scales in order, to where struct weights has them. */
INLINE __m256i scales_of_16(__m128i scales)
{
    const __m128i even_odd = _mm_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15);
    return _mm256_cvtepi8_epi16(_mm_shuffle_epi8(scales, even_odd));
}

/* Eight int8 scales of 32 columns in order, to where struct weights has them. */
INLINE __m256i scales_of_32(uint64_t scales)
{
    return _mm256_cvtepi8_epi16(_mm_set1_epi64x((long long)scales));
}
