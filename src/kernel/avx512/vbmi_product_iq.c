/* SPDX-License-Identifier: Apache-2.0 */
/* vbmi_product_iq.c - IQ3 with books in registers: AVX-512 VBMI and GFNI, on top of avx512.
 *
 * An entry is cut into two bytes, so VPERMI2B looks up 64 codes at once in each of two planes.
 * VPMULTISHIFTQB brings a value's bits into a byte of its own, and its sign beside them; a last VPERMB
 * makes the code of both, and ignores what lies above. The halves of entries stay apart: columns are in
 * TWOS order. */
#include "kernel/avx512/avx512.h"
#include "kernel/avx512/vbmi_look_up.h"

/* Eight bytes of each quadword, at these bits: four pairs, `step` apart within a pair. Bits wrap around. */
INLINE __m512i fields_of_pairs(__m512i quads, int a, int b, int c, int d, int step)
{
    uint64_t low = (uint64_t)(a & 63) | (uint64_t)((a + step) & 63) << 8 | (uint64_t)(b & 63) << 16 |
                   (uint64_t)((b + step) & 63) << 24;
    uint64_t high = (uint64_t)(c & 63) | (uint64_t)((c + step) & 63) << 8 | (uint64_t)(d & 63) << 16 |
                    (uint64_t)((d + step) & 63) << 24;
    return _mm512_multishift_epi64_epi8(_mm512_set1_epi64((long long)(low | high << 32)), quads);
}

/* Signs in bytes of seven, at these bits, to the low four bytes of quadwords: bit 7 becomes the parity. */
INLINE __m512i complete_signs(__m512i quads, int a, int b, int c, int d)
{
    const __m512i parity_last =
        _mm512_set1_epi64(0x010204081020407F); /* GF2P8AFFINEQB: row 7 adds up seven bits */
    uint64_t at = (uint64_t)a | (uint64_t)b << 8 | (uint64_t)c << 16 | (uint64_t)d << 24;
    __m512i seven = _mm512_multishift_epi64_epi8(_mm512_set1_epi64((long long)at), quads);
    return _mm512_gf2p8affine_epi64_epi8(seven, parity_last, 0);
}

/* The p-th 16 of each 32 of IQ3, whose entries are four bytes from bit 32 p on. `codes` has eight of them
 * for a plus sign, then eight for a minus. */
INLINE void put_iq3(const __m512i planes[2], __m512i signs, int p, __m512i codes, struct weights *to)
{
    int at = 32 * p;
    UNROLL
    for (int half = 0; half < 2; half++) {
        __m512i level = fields_of_pairs(planes[half], at, at + 8, at + 16, at + 24, 3);
        int sign_at = 16 * p + 2 * half - 3;
        __m512i sign = fields_of_pairs(signs, sign_at, sign_at + 4, sign_at + 8, sign_at + 12, 1);
        __m512i both = select_bits(_mm512_set1_epi8(7), level, sign);
        to->codes[2 * p + half] = _mm512_permutexvar_epi8(both, codes);
    }
}

/* Scales s in the top four bits of quadwords, as 2 s + 1 times `scale`. */
INLINE __m512 scaled_top_bits(__m512i quads, float scale)
{
    __m512i odd = _mm512_or_si512(_mm512_srli_epi64(quads, 59), _mm512_set1_epi64(1));
    return _mm512_zextps256_ps512(_mm256_mul_ps(_mm512_cvtepi64_ps(odd), _mm256_set1_ps(scale)));
}

INLINE void unpack_iq3_xxs(const uint8_t *block, struct weights *to)
{
    const struct block_iq3_xxs *b = (const void *)block;
    /* SIZE_OFFSET plus and less 4, 12, 20, 28, 36, 44, 52, 62 */
    const __m512i values = _mm512_broadcast_i32x4(_mm_set_epi64x(0x020C141C242C343C, 0x7E746C645C544C44));
    __m512i codes = load_once(b->codes);
    __m512i words = _mm512_cvtepu32_epi64(_mm256_loadu_si256((const __m256i *)b->groups));
    __m512i planes[2] = {look_up_256(planes_iq3_xxs[0], codes), look_up_256(planes_iq3_xxs[1], codes)};
    __m512i signs = complete_signs(words, 0, 7, 14, 21);

    put_iq3(planes, signs, 0, values, to);
    put_iq3(planes, signs, 1, values, to);
    to->scales = scaled_top_bits(_mm512_slli_epi64(words, 32), load_two_halves(b->scale).of[0] * 0.25f);
}

INLINE void unpack_iq3_s(const uint8_t *block, struct weights *to)
{
    const struct block_iq3_s *b = (const void *)block;
    /* SIZE_OFFSET plus and less 1, 3, 5, 7, 9, 11, 13, 15 */
    const __m512i values = _mm512_broadcast_i32x4(_mm_set_epi64x(0x31333537393B3D3F, 0x4F4D4B4947454341));
    __m512i codes = load_once(b->codes);
    __mmask64 ninth = load_u64(b->high);
    __m512i planes[2] = {look_up_512(planes_iq3_s[0], codes, ninth),
                         look_up_512(planes_iq3_s[1], codes, ninth)};
    __m512i signs = _mm512_cvtepu32_epi64(_mm256_loadu_si256((const __m256i *)b->signs));

    put_iq3(planes, signs, 0, values, to);
    put_iq3(planes, signs, 1, values, to);
    uint64_t groups = 2 * _pdep_u64(load_u32(b->groups), 0x0F0F0F0F0F0F0F0F) + 0x0101010101010101;
    __m256 scales = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long)groups)));
    scales = _mm256_mul_ps(scales, _mm256_set1_ps(load_two_halves(b->scale).of[0]));
    to->scales = _mm512_zextps256_ps512(scales);
}

LEVEL_PRODUCT(vbmi, iq3_xxs, sizeof(struct block_iq3_xxs), .order = TWOS_32, .offset = SIZE_OFFSET)
LEVEL_PRODUCT(vbmi, iq3_s, sizeof(struct block_iq3_s), .order = TWOS_32, .offset = SIZE_OFFSET)
