/* SPDX-License-Identifier: Apache-2.0 */
/* attend_planes.c - attention's vectors and weights as planes of bytes: the integers of attend_int16.c, each
 * split in two. */
#include "kernel/avx512/attend_planes.h"

#include "kernel/avx512/attend_int16.h"

#define FOURS (ATTEND_CHUNK / LANES) /* vectors of a chunk, and bytes of a word */

struct planes {
    __m512i high, low;
};

/* Byte j of word i is of v[j]'s number i. Bytes are moved, where it is free, at the vectors' other port. */
INLINE struct planes split(const __m512i v[FOURS])
{
    const __m512i in_lane =
        _mm512_broadcast_i32x4(_mm_setr_epi8(0, 0, 0, 0, 4, 4, 4, 4, 8, 8, 8, 8, 12, 12, 12, 12));
    const __m512i low_half = _mm512_or_si512(in_lane, _mm512_set1_epi32(0x01000100));  /* twice */
    const __m512i neighbour = _mm512_or_si512(in_lane, _mm512_set1_epi32(0x02030001)); /* of every byte */
    const __mmask64 upper = 0xCCCCCCCCCCCCCCCC, odd = 0xAAAAAAAAAAAAAAAA;
    const __m512i even_bytes = _mm512_mask_shuffle_epi8(v[0], upper, v[2], low_half);
    const __m512i odd_bytes = _mm512_mask_shuffle_epi8(v[1], upper, v[3], low_half);
    struct planes planes = {_mm512_mask_shuffle_epi8(odd_bytes, ~odd, even_bytes, neighbour),
                            _mm512_mask_shuffle_epi8(even_bytes, odd, odd_bytes, neighbour)};
    return planes;
}

/* A chunk times a factor, rounded; a factor of zero makes zeros of whatever it is. */
INLINE struct planes round_chunk(const float *x, float factor)
{
    const __mmask16 some = factor == 0.0f ? 0 : 0xFFFF;
    __m512i v[FOURS];
    UNROLL
    for (int i = 0; i < FOURS; i++)
        v[i] = _mm512_cvtps_epi32(
            _mm512_mul_ps(_mm512_maskz_loadu_ps(some, x + i * LANES), _mm512_set1_ps(factor)));
    return split(v);
}

/* ---- keys and queries ---- */

/* n numbers in whole chunks. */
INLINE void pack_part(const float *x, size_t n, float factor, uint8_t *chunks)
{
    for (size_t i = 0; i < n; i += ATTEND_CHUNK, chunks += CHUNK_BYTES) {
        struct planes planes = round_chunk(x + i, factor);
        _mm512_storeu_si512(chunks, planes.high);
        _mm512_storeu_si512(chunks + PLANE_BYTES, planes.low);
    }
}

#define TOGETHER 4 /* keys */

/* Lengths of some keys before the first is rounded: a root and a quotient take a hundred cycles. */
INLINE void pack_together(const float *x, size_t stride, size_t n, struct attend_size size, float *rows,
                          size_t row_words)
{
    const size_t scales_at = attend_scales_at(size);
    float factors[TOGETHER][ATTEND_PARTS];
    for (size_t i = 0; i < n; i++) {
        const float lengths[ATTEND_PARTS] = {length_of(x + i * stride, size.plain),
                                             length_of(x + i * stride + size.plain, size.rotary)};
        for (size_t part = 0; part < ATTEND_PARTS; part++) {
            factors[i][part] = attend_factor(lengths[part]);
            rows[i * row_words + scales_at + part] = attend_scale(lengths[part]);
        }
    }
    for (size_t i = 0; i < n; i++) {
        uint8_t *row = (uint8_t *)(rows + i * row_words);
        pack_part(x + i * stride, size.plain, factors[i][0], row);
        pack_part(x + i * stride + size.plain, size.rotary, factors[i][1], row + 2 * size.plain);
    }
}

void avx512_planes_pack_keys(const float *x, size_t stride, size_t n, struct attend_size size, void *rows,
                             size_t row_words)
{
    for (size_t i = 0; i < n; i += TOGETHER)
        pack_together(x + i * stride, stride, min_size(TOGETHER, n - i), size, (float *)rows + i * row_words,
                      row_words);
}

/* A part of all lanes: its chunks and its scales. */
static void pack_lanes(const float *x, size_t stride, size_t n_lanes, size_t n, uint8_t *chunks,
                       float *scales)
{
    float factors[LANES];
    scale_lanes(x, stride, n_lanes, n, factors, scales);
    for (size_t i = 0; i < n; i += ATTEND_CHUNK) {
        __m512 high[LANES], low[LANES];
        for (size_t lane = 0; lane < LANES; lane++) {
            struct planes planes = {_mm512_setzero_si512(), _mm512_setzero_si512()};
            if (lane < n_lanes)
                planes = round_chunk(x + lane * stride + i, factors[lane]);
            high[lane] = _mm512_castsi512_ps(planes.high);
            low[lane] = _mm512_castsi512_ps(planes.low);
        }
        transpose(high);
        transpose(low);
        for (size_t word = 0; word < LANES; word++, chunks += PLANE_BYTES) {
            _mm512_storeu_ps(chunks, high[word]);
            _mm512_storeu_ps(chunks + PLANE_BYTES * LANES, low[word]);
        }
        chunks += PLANE_BYTES * LANES;
    }
}

void avx512_planes_pack_queries(const float *x, size_t stride, size_t n_lanes, struct attend_size size,
                                void *panel)
{
    float *scales = (float *)panel + attend_scales_at(size) * LANES;
    pack_lanes(x, stride, n_lanes, size.plain, panel, scales);
    pack_lanes(x + size.plain, stride, n_lanes, size.rotary, (uint8_t *)panel + 2 * size.plain * LANES,
               scales + LANES);
}

/* ---- values ---- */

#define BYTES 16 /* of a fourth of a vector, which no instruction below leaves */

/* Rows p, p + 16, p + 32 and p + 48 of a chunk of n rows have their sixteen bytes side by side; rows past the
 * last are zeros. */
INLINE __m512i load_fourths(const uint8_t *at, size_t stride, size_t p, size_t n)
{
    __m512i v = _mm512_setzero_si512();
    UNROLL
    for (size_t i = 0; i < FOURS; i++)
        if (p + i * BYTES < n)
            v = _mm512_mask_broadcast_i32x4(
                v, (__mmask16)(0xF << 4 * i),
                _mm_loadu_si128((const __m128i *)(at + (p + i * BYTES) * stride)));
    return v;
}

/* Byte b of vector p becomes byte p of vector b, in each fourth: four times, vectors i and i + 8 are put
 * together like the teeth of a zip. */
INLINE void transpose_bytes(__m512i v[BYTES])
{
    __m512i t[BYTES];
    UNROLL
    for (int round = 0; round < 4; round++) {
        UNROLL
        for (int i = 0; i < BYTES / 2; i++) {
            t[2 * i] = _mm512_unpacklo_epi8(v[i], v[i + BYTES / 2]);
            t[2 * i + 1] = _mm512_unpackhi_epi8(v[i], v[i + BYTES / 2]);
        }
        UNROLL
        for (int i = 0; i < BYTES; i++)
            v[i] = t[i];
    }
}

/* Sixteen bytes of a plane of n rows, up to 64, from `at` on: four words, and so columns 0 .. 3, 16 .. 19,
 * 32 .. 35 and 48 .. 51 from the one that `to` belongs to. */
INLINE void pack_columns(const uint8_t *at, size_t stride, size_t n, uint8_t *to, size_t to_stride)
{
    __m512i v[BYTES];
    UNROLL
    for (size_t p = 0; p < BYTES; p++)
        v[p] = load_fourths(at, stride, p, n);
    transpose_bytes(v);
    UNROLL
    for (size_t b = 0; b < BYTES; b++)
        _mm512_storeu_si512(to + (b % FOURS * LANES + b / FOURS) * to_stride, v[b]);
}

/* A chunk of columns and n positions, up to a chunk. */
static void pack_square(const uint8_t *at, size_t stride, size_t n, uint8_t *to, size_t to_stride)
{
    for (size_t plane = 0; plane < CHUNK_BYTES; plane += PLANE_BYTES)
        for (size_t i = 0; i < PLANE_BYTES / BYTES; i++) {
            if (n == ATTEND_CHUNK)
                pack_columns(at + plane + i * BYTES, stride, ATTEND_CHUNK, to + plane + i * FOURS * to_stride,
                             to_stride);
            else
                pack_columns(at + plane + i * BYTES, stride, n, to + plane + i * FOURS * to_stride,
                             to_stride);
        }
}

void avx512_planes_pack_values(const struct attend_values *v)
{
    const size_t stride = v->row_words * sizeof(float);
    const size_t to_stride = round_up(v->n_positions, ATTEND_CHUNK) / ATTEND_CHUNK * CHUNK_BYTES;
    for (size_t p = 0; p < v->n_positions; p += ATTEND_CHUNK)
        for (size_t i = 0; i < v->n_columns; i += ATTEND_CHUNK)
            pack_square((const uint8_t *)v->rows + p * stride + 2 * i, stride,
                        min_size(ATTEND_CHUNK, v->n_positions - p),
                        (uint8_t *)v->words + i * to_stride + 2 * p, to_stride);
}

/* ---- weights ---- */

void avx512_planes_weigh(const struct attend_weigh *w)
{
    const __m512 factor = weigh_scores(w);
    uint8_t *to = w->weights;
    /* Four positions may take the place of the first two's floats. */
    for (size_t i = 0; i < round_up(w->n_positions, ATTEND_CHUNK); i += FOURS, to += CHUNK_BYTES) {
        __m512i v[FOURS];
        UNROLL
        for (size_t j = 0; j < FOURS; j++) {
            const __mmask16 some = i + j < w->n_positions ? 0xFFFF : 0;
            v[j] = _mm512_cvtps_epi32(
                _mm512_mul_ps(_mm512_maskz_loadu_ps(some, w->scores + (i + j) * LANES), factor));
        }
        struct planes planes = split(v);
        _mm512_storeu_si512(to, planes.high);
        _mm512_storeu_si512(to + PLANE_BYTES, planes.low);
    }
}
