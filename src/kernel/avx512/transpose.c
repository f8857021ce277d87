/* SPDX-License-Identifier: Apache-2.0 */
/* transpose.c - unpacked rows to panels, for formats that are unpacked row by row. */
#include "kernel/avx512/panel.h"

/* Lane j of vector i becomes lane i of vector j. */
INLINE void transpose(__m512i v[16])
{
    __m512i w[16];
    UNROLL
    for (int i = 0; i < 16; i += 2) {
        w[i] = _mm512_unpacklo_epi32(v[i], v[i + 1]);
        w[i + 1] = _mm512_unpackhi_epi32(v[i], v[i + 1]);
    }
    /* w[4 i + j] of the next step: lanes of rows 4 i to 4 i + 3, column j of each quarter */
    UNROLL
    for (int i = 0; i < 16; i += 4) {
        v[i] = _mm512_unpacklo_epi64(w[i], w[i + 2]);
        v[i + 1] = _mm512_unpackhi_epi64(w[i], w[i + 2]);
        v[i + 2] = _mm512_unpacklo_epi64(w[i + 1], w[i + 3]);
        v[i + 3] = _mm512_unpackhi_epi64(w[i + 1], w[i + 3]);
    }
    UNROLL
    for (int j = 0; j < 4; j++) {
        __m512i a = _mm512_shuffle_i32x4(v[j], v[4 + j], 0x88),
                b = _mm512_shuffle_i32x4(v[j], v[4 + j], 0xDD);
        __m512i c = _mm512_shuffle_i32x4(v[8 + j], v[12 + j], 0x88);
        __m512i d = _mm512_shuffle_i32x4(v[8 + j], v[12 + j], 0xDD);
        w[j] = _mm512_shuffle_i32x4(a, c, 0x88);
        w[4 + j] = _mm512_shuffle_i32x4(b, d, 0x88);
        w[8 + j] = _mm512_shuffle_i32x4(a, c, 0xDD);
        w[12 + j] = _mm512_shuffle_i32x4(b, d, 0xDD);
    }
    UNROLL
    for (int i = 0; i < 16; i++)
        v[i] = w[i];
}

/* Where the four columns of lane `lane` of vector `v` stand in a span, in fours. */
INLINE size_t fours_of_lane(enum order order, size_t v, size_t lane)
{
    if (order == EIGHTS_16)
        return v / 2 * 32 + lane / 2 * 4 + v % 2 * 2 + lane % 2;
    return lane / 2 * 8 + 2 * v + lane % 2;
}

void avx512_transpose(const struct weights rows[PANEL_ROWS], struct family f, struct panel *panel,
                      size_t span)
{
    bool of_16 = f.order == EIGHTS_16;
    __m512i lanes[PANEL_ROWS];
    for (size_t v = 0; v < MOST_VECTORS; v++) {
        UNROLL
        for (size_t r = 0; r < PANEL_ROWS; r++)
            lanes[r] = rows[r].codes[v];
        transpose(lanes);
        UNROLL
        for (size_t lane = 0; lane < 16; lane++)
            _mm512_store_si512(panel->codes[span * SPAN / 4 + fours_of_lane(f.order, v, lane)], lanes[lane]);
    }
    for (size_t r = 0; r < PANEL_ROWS; r++)
        lanes[r] = _mm512_castps_si512(rows[r].scales);
    transpose(lanes);
    float(*first)[PANEL_ROWS] = panel->scales + span * (of_16 ? 16 : 8);
    float(*second)[PANEL_ROWS] = of_16 ? first + 8 : panel->minima + span * 8;
    UNROLL
    for (size_t i = 0; i < 8; i++) {
        _mm512_store_ps(first[i], _mm512_castsi512_ps(lanes[i]));
        _mm512_store_ps(second[i], _mm512_castsi512_ps(lanes[8 + i]));
    }
}
