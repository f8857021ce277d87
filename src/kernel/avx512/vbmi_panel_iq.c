/* SPDX-License-Identifier: Apache-2.0 */
/* vbmi_panel_iq.c - IQ2_XXS, IQ2_XS and IQ3 with books in registers: AVX-512 VBMI and GFNI, on top of
 * avx512.
 *
 * An entry is cut into two bytes, so VPERMI2B looks up 64 codes at once in each of two planes.
 * VPMULTISHIFTQB brings a value's bits into a byte of its own, and its sign beside them; a last VPERMB
 * makes the code of both, and ignores what lies above. */
#include <stddef.h>

#include "kernel/avx512/avx512.h"
#include "kernel/avx512/panel_one.h"
#include "kernel/avx512/vbmi_look_up.h"

/* Four bytes of each lane, at these bits of it, which wrap around at the end of two lanes. */
INLINE __m512i fields(__m512i lanes, int a, int b, int c, int d)
{
    uint32_t low =
        (uint32_t)(a & 63) | (uint32_t)(b & 63) << 8 | (uint32_t)(c & 63) << 16 | (uint32_t)(d & 63) << 24;
    uint64_t high = (uint64_t)((a + 32) & 63) | (uint64_t)((b + 32) & 63) << 8 |
                    (uint64_t)((c + 32) & 63) << 16 | (uint64_t)((d + 32) & 63) << 24;
    return _mm512_multishift_epi64_epi8(_mm512_set1_epi64((long long)(low | high << 32)), lanes);
}

/* Signs in bytes of seven, at these bits: bit 7 becomes the parity. */
INLINE __m512i complete_signs(__m512i lanes, int a, int b, int c, int d)
{
    const __m512i parity_last =
        _mm512_set1_epi64(0x010204081020407F); /* GF2P8AFFINEQB: row 7 adds up seven bits */
    return _mm512_gf2p8affine_epi64_epi8(fields(lanes, a, b, c, d), parity_last, 0);
}

/* Scales s in the top four bits of lanes, as 2 s + 1 times `factor`. */
INLINE void put_top_bits(float to[PANEL_ROWS], __m512i lanes, __m512 factor)
{
    put_floats(to, _mm512_or_si512(_mm512_srli_epi32(lanes, 27), _mm512_set1_epi32(1)), factor);
}

/* Eight columns of IQ2: levels of two bits in byte `byte` of both planes, their signs in byte `signed_at`. */
INLINE void put_eight(const __m512i planes[2], int byte, __m512i signs, int signed_at, size_t eight,
                      struct span *to)
{
    /* Two bits: SIZE_OFFSET plus 8, 25, 43 (and no fourth); less them, where bit 2 is the sign. */
    const __m512i codes = _mm512_set1_epi64(0x00152738006B5948);
    UNROLL
    for (int half = 0; half < 2; half++) {
        int at = 8 * byte, sign_at = 8 * signed_at + 4 * half - 2;
        __m512i level = fields(planes[half], at, at + 2, at + 4, at + 6);
        __m512i sign = fields(signs, sign_at, sign_at + 1, sign_at + 2, sign_at + 3);
        __m512i both = select_bits(_mm512_set1_epi8(3), level, sign);
        put_codes(to, 2 * eight + (size_t)half, _mm512_permutexvar_epi8(both, codes));
    }
}

/* Sixteen columns of IQ3: four codes' levels of three bits, their signs in two bytes from `signed_at` on.
 * `codes` has eight of them for a plus sign, then eight for a minus. */
INLINE void put_sixteen(const __m512i planes[2], __m512i signs, int signed_at, __m512i codes, size_t sixteen,
                        struct span *to)
{
    const __m512i second = _mm512_set1_epi32((int)0xFFFF0000);
    UNROLL
    for (int i = 0; i < 4; i++) {
        int at = 8 * i, sign_at = 8 * signed_at + 4 * i - 3;
        __m512i level =
            select_bits(second, fields(planes[1], 0, 0, at, at + 3), fields(planes[0], at, at + 3, 0, 0));
        __m512i sign = fields(signs, sign_at, sign_at + 1, sign_at + 2, sign_at + 3);
        __m512i both = select_bits(_mm512_set1_epi8(7), level, sign);
        put_codes(to, 4 * sixteen + (size_t)i, _mm512_permutexvar_epi8(both, codes));
    }
}

INLINE void unpack_iq2_xxs(const struct packed *rows, struct span *to)
{
    __m512i head[4];
    load_rows(rows, 0, head);
    __m512 factor = _mm512_mul_ps(lower_halves(head[0]), _mm512_set1_ps(0.125f));
    UNROLL
    for (size_t pair = 0; pair < 4; pair++) { /* twice four codes, then 4 x 7 signs and a scale */
        __m512i quads[4];
        load_rows(rows, offsetof(struct block_iq2_xxs, groups) + 16 * pair, quads);
        UNROLL
        for (size_t i = 0; i < 2; i++) {
            size_t group = 2 * pair + i;
            __m512i codes = quads[2 * i], signs = complete_signs(quads[2 * i + 1], 0, 7, 14, 21);
            __m512i planes[2] = {look_up_256(planes_iq2_xxs[0], codes),
                                 look_up_256(planes_iq2_xxs[1], codes)};
            put_top_bits(to->scales[group], quads[2 * i + 1], factor);
            UNROLL
            for (int k = 0; k < 4; k++)
                put_eight(planes, k, signs, k, 4 * group + (size_t)k, to);
        }
    }
}

/* Two lanes' codes of nine bits, two in each, are looked up together: bytes are of the first and the second
 * in turn. */
INLINE void put_pair_iq2_xs(__m512i first, __m512i second, size_t group, struct span *to)
{
    const __m512i low = _mm512_set1_epi32(0x00FF00FF), lowest = _mm512_set1_epi32(0x00800080);
    __m512i codes = select_bits(low, first, _mm512_slli_epi32(second, 8));
    __m512i high = select_bits(lowest, _mm512_srli_epi32(first, 1), _mm512_slli_epi32(second, 7));
    __mmask64 ninth = _mm512_movepi8_mask(high);
    __m512i planes[2] = {look_up_512(planes_iq2_xs[0], codes, ninth),
                         look_up_512(planes_iq2_xs[1], codes, ninth)};
    __m512i signs = complete_signs(first, 9, 25, 9, 25);
    put_eight(planes, 0, signs, 0, 2 * group, to);
    put_eight(planes, 2, signs, 1, 2 * group + 1, to);
    signs = complete_signs(second, 9, 25, 9, 25);
    put_eight(planes, 1, signs, 0, 2 * group + 2, to);
    put_eight(planes, 3, signs, 1, 2 * group + 3, to);
}

INLINE void unpack_iq2_xs(const struct packed *rows, struct span *to)
{
    __m512i head[4], last[4];
    load_rows(rows, 0, head);
    load_rows(rows, sizeof(struct block_iq2_xs) - 16, last); /* ends with eight bytes of scales */
    __m512 factor = _mm512_mul_ps(lower_halves(head[0]), _mm512_set1_ps(0.125f));
    UNROLL
    for (unsigned i = 0; i < 16; i++) {
        __m512i nibble = _mm512_slli_epi32(last[2 + i / 8], 28 - 4 * (i % 8));
        put_top_bits(to->scales[i], nibble, factor);
    }
    UNROLL
    for (size_t part = 0; part < 4; part++) {
        __m512i codes[4];
        load_rows(rows, offsetof(struct block_iq2_xs, codes) + 16 * part, codes);
        put_pair_iq2_xs(codes[0], codes[1], 4 * part, to);
        put_pair_iq2_xs(codes[2], codes[3], 4 * part + 2, to);
    }
}

INLINE void unpack_iq3_xxs(const struct packed *rows, struct span *to)
{
    /* SIZE_OFFSET plus and less 4, 12, 20, 28, 36, 44, 52, 62 */
    const __m512i values = _mm512_broadcast_i32x4(_mm_set_epi64x(0x020C141C242C343C, 0x7E746C645C544C44));
    __m512i head[4], words[8];
    load_rows(rows, 0, head);
    load_rows(rows, offsetof(struct block_iq3_xxs, groups), words);
    load_rows(rows, offsetof(struct block_iq3_xxs, groups) + 16, words + 4);
    __m512 factor = _mm512_mul_ps(lower_halves(head[0]), _mm512_set1_ps(0.25f));
    UNROLL
    for (size_t i = 0; i < 8; i++)
        put_top_bits(to->scales[i], words[i], factor);
    UNROLL
    for (size_t part = 0; part < 4; part++) {
        __m512i codes[4];
        load_rows(rows, offsetof(struct block_iq3_xxs, codes) + 16 * part, codes);
        UNROLL
        for (size_t i = 0; i < 4; i++) {
            __m512i signs = complete_signs(words[2 * part + i / 2], 0, 7, 14, 21);
            __m512i planes[2] = {look_up_256(planes_iq3_xxs[0], codes[i]),
                                 look_up_256(planes_iq3_xxs[1], codes[i])};
            put_sixteen(planes, signs, (int)(2 * (i % 2)), values, 4 * part + i, to);
        }
    }
}

INLINE void unpack_iq3_s(const struct packed *rows, struct span *to)
{
    /* SIZE_OFFSET plus and less 1, 3, 5, 7, 9, 11, 13, 15 */
    const __m512i values = _mm512_broadcast_i32x4(_mm_set_epi64x(0x31333537393B3D3F, 0x4F4D4B4947454341));
    __m512i head[4], rest[12]; /* two words of ninth bits, eight of signs; the last four overlap */
    load_rows(rows, 0, head);
    load_rows(rows, offsetof(struct block_iq3_s, high), rest);
    load_rows(rows, offsetof(struct block_iq3_s, high) + 16, rest + 4);
    load_rows(rows, sizeof(struct block_iq3_s) - 16, rest + 8);
    const __m512i signs[8] = {rest[2], rest[3], rest[4], rest[5], rest[6], rest[7], rest[9], rest[10]};
    UNROLL
    for (unsigned i = 0; i < 8; i++)
        put_top_bits(to->scales[i], _mm512_slli_epi32(rest[11], 28 - 4 * i), lower_halves(head[0]));
    UNROLL
    for (size_t part = 0; part < 4; part++) {
        __m512i codes[4];
        load_rows(rows, offsetof(struct block_iq3_s, codes) + 16 * part, codes);
        UNROLL
        for (size_t i = 0; i < 4; i++) {
            size_t word = 4 * part + i;
            int bit = (int)(4 * (word % 8)) - 7; /* so that a ninth bit is its byte's highest */
            __mmask64 ninth = _mm512_movepi8_mask(fields(rest[word / 8], bit, bit + 1, bit + 2, bit + 3));
            __m512i planes[2] = {look_up_512(planes_iq3_s[0], codes[i], ninth),
                                 look_up_512(planes_iq3_s[1], codes[i], ninth)};
            put_sixteen(planes, signs[word / 2], (int)(2 * (word % 2)), values, word, to);
        }
    }
}

LEVEL_PANEL_PRODUCT(vbmi, iq2_xxs, .span_bytes = sizeof(struct block_iq2_xxs), .group = 32,
                    .offset = SIZE_OFFSET)
LEVEL_PANEL_PRODUCT(vbmi, iq2_xs, .span_bytes = sizeof(struct block_iq2_xs), .group = 16,
                    .offset = SIZE_OFFSET)
LEVEL_PANEL_PRODUCT(vbmi, iq3_xxs, .span_bytes = sizeof(struct block_iq3_xxs), .group = 32,
                    .offset = SIZE_OFFSET)
LEVEL_PANEL_PRODUCT(vbmi, iq3_s, .span_bytes = sizeof(struct block_iq3_s), .group = 32, .offset = SIZE_OFFSET)

/* In row order these two are slower, by 5% from memory (Zen 4, bench/kernel --columns 7168 --mib 64); IQ3 is
 * a quarter faster there. */
ONE_PRODUCT(vbmi, iq2_xxs)
ONE_PRODUCT(vbmi, iq2_xs)
