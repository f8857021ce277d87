/* SPDX-License-Identifier: Apache-2.0 */
/* product_iq.c - the code-book formats: IQ1, IQ2 and IQ3, where a code stands for eight (IQ3: four)
 * values.
 *
 * Codes are prepared for the whole span in vectors and looked up one by one: eights are loaded from the
 * book straight into the place that EIGHTS order gives them, which makes one sum of a span (two where
 * groups are of 16). Signs are applied 64 at a time, by masks. */
#include "kernel/avx512/avx512.h"
#include "kernel/avx512/panel.h"
#include "quant/codebook.h"

#define SIZE_OFFSET \
    64 /* added to the signed values of IQ2 and IQ3, which are at most 62, to make them codes */
#define EIGHTHS_MID 9 /* the code of zero in IQ1_M: values are 8 x (-1, 0, 1), and 1 more or less */

struct masks {
    uint64_t of[MOST_VECTORS]; /* for each vector: bit i says that value i is negative */
};

/* Four entries of a book, side by side: loads that spread an entry over a vector and keep one place of it. */
INLINE __m256i look_up_four(const uint64_t *book, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    __m256i v = _mm256_zextsi128_si256(_mm_loadl_epi64((const __m128i *)(const void *)(book + a)));
    v = _mm256_mask_broadcastq_epi64(v, 2, _mm_loadl_epi64((const __m128i *)(const void *)(book + b)));
    v = _mm256_mask_broadcastq_epi64(v, 4, _mm_loadl_epi64((const __m128i *)(const void *)(book + c)));
    return _mm256_mask_broadcastq_epi64(v, 8, _mm_loadl_epi64((const __m128i *)(const void *)(book + d)));
}

INLINE __m512i join_two(const __m256i part[2])
{
    return _mm512_inserti64x4(_mm512_castsi256_si512(part[0]), part[1], 1);
}

/* The code at `place` of a word that holds four, of 16 bits each. Words stay in general registers: codes
 * that pass through memory in vectors are late by a store. */
INLINE uint64_t code_at(uint64_t word, int place)
{
    return word >> (16 * place) & 0xFFFF;
}

/* All eights of a span, four codes a word, in the order EIGHTS_32. */
INLINE void look_up_32(const uint64_t *book, const uint64_t words[8], __m512i values[MOST_VECTORS])
{
    __m256i part[MOST_VECTORS][2];
    UNROLL
    for (int i = 0; i < 2; i++) {
        UNROLL
        for (int v = 0; v < MOST_VECTORS; v++)
            part[v][i] = look_up_four(book, code_at(words[4 * i], v), code_at(words[4 * i + 1], v),
                                      code_at(words[4 * i + 2], v), code_at(words[4 * i + 3], v));
    }
    UNROLL
    for (int v = 0; v < MOST_VECTORS; v++)
        values[v] = join_two(part[v]);
}

/* The same in the order EIGHTS_16. */
INLINE void look_up_16(const uint64_t *book, const uint64_t words[8], __m512i values[MOST_VECTORS])
{
    UNROLL
    for (int half = 0; half < 2; half++) {
        __m256i part[2][2];
        UNROLL
        for (int i = 0; i < 2; i++) {
            uint64_t first = words[4 * half + 2 * i], second = words[4 * half + 2 * i + 1];
            part[0][i] = look_up_four(book, code_at(first, 0), code_at(first, 2), code_at(second, 0),
                                      code_at(second, 2));
            part[1][i] = look_up_four(book, code_at(first, 1), code_at(first, 3), code_at(second, 1),
                                      code_at(second, 3));
        }
        values[2 * half] = join_two(part[0]);
        values[2 * half + 1] = join_two(part[1]);
    }
}

/* Four bytes to the lower halves of a word's four places. */
INLINE uint64_t spread_bytes(const uint8_t *at)
{
    return _pdep_u64(load_u32(at), 0x00FF00FF00FF00FF);
}

INLINE __m512i join_four(const __m128i part[4])
{
    __m256i low = _mm256_inserti128_si256(_mm256_castsi128_si256(part[0]), part[1], 1);
    __m256i high = _mm256_inserti128_si256(_mm256_castsi128_si256(part[2]), part[3], 1);
    return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

/* All eights of a span from a book of fours; `codes` are 64 bytes, and a bit above each. Order EIGHTS_32. */
INLINE void look_up_fours(const uint32_t *book, const uint8_t *codes, uint64_t ninth,
                          __m512i values[MOST_VECTORS])
{
    UNROLL
    for (int v = 0; v < MOST_VECTORS; v++) {
        __m128i part[4];
        UNROLL
        for (int i = 0; i < 4; i++) {
            int at = 16 * i + 2 * v;
            part[i] = _mm_setr_epi32((int)book[codes[at] | (ninth >> at & 1) << 8],
                                     (int)book[codes[at + 1] | (ninth >> (at + 1) & 1) << 8],
                                     (int)book[codes[at + 8] | (ninth >> (at + 8) & 1) << 8],
                                     (int)book[codes[at + 9] | (ninth >> (at + 9) & 1) << 8]);
        }
        values[v] = join_four(part);
    }
}

/* Sizes to codes: SIZE_OFFSET plus the size, or less it where the sign's bit is set. */
INLINE __m512i with_signs(__m512i sizes, uint64_t negative)
{
    const __m512i offset = _mm512_set1_epi8(SIZE_OFFSET);
    return _mm512_mask_sub_epi8(_mm512_add_epi8(sizes, offset), negative, offset, sizes);
}

/* Bytes of seven signs: bit 7 becomes their parity, so that an even number of the eight is set. */
INLINE __m256i complete_signs(__m256i seven)
{
    const __m256i parity = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, -128, -128, 0, -128, 0, 0, -128, -128, 0, 0, -128, 0, -128, -128, 0));
    const __m256i nibble = _mm256_set1_epi8(15);
    __m256i low = _mm256_shuffle_epi8(parity, _mm256_and_si256(seven, nibble));
    __m256i high = _mm256_shuffle_epi8(parity, _mm256_and_si256(_mm256_srli_epi16(seven, 4), nibble));
    return _mm256_ternarylogic_epi64(seven, low, high, 0x96); /* a ^ b ^ c */
}

/* A byte of signs for each eight, in column order, to masks in the order of EIGHTS_16. */
INLINE struct masks masks_of_16(__m256i signs)
{
    const __m256i even_odd =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15));
    struct masks masks;
    _mm256_storeu_si256((__m256i *)masks.of, _mm256_shuffle_epi8(signs, even_odd));
    return masks;
}

/* The same in the order of EIGHTS_32. */
INLINE struct masks masks_of_32(__m256i signs)
{
    const __m256i by_four =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
    const __m256i halves = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    struct masks masks;
    __m256i sorted = _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(signs, by_four), halves);
    _mm256_storeu_si256((__m256i *)masks.of, sorted);
    return masks;
}

/* Words of 4 x 7 signs and a scale of 4 bits, one for each 32 columns: the masks, and the scales 2 s + 1. */
INLINE struct masks unpack_sign_words(__m256i words, __m256i *scales)
{
    const __m256i first = _mm256_set1_epi32(0x7F), second = _mm256_set1_epi32(0x7F00);
    const __m256i third = _mm256_set1_epi32(0x7F0000), fourth = _mm256_set1_epi32(0x7F000000);
    __m256i seven = _mm256_and_si256(words, first);
    seven = _mm256_ternarylogic_epi32(seven, _mm256_slli_epi32(words, 1), second, 0xF8); /* a | (b & c) */
    seven = _mm256_ternarylogic_epi32(seven, _mm256_slli_epi32(words, 2), third, 0xF8);
    seven = _mm256_ternarylogic_epi32(seven, _mm256_slli_epi32(words, 3), fourth, 0xF8);
    *scales = _mm256_or_si256(_mm256_srli_epi32(words, 27), _mm256_set1_epi32(1));
    return masks_of_32(complete_signs(seven));
}

INLINE __m512 scaled_8(__m256i integers, float scale)
{
    return _mm512_zextps256_ps512(_mm256_mul_ps(_mm256_cvtepi32_ps(integers), _mm256_set1_ps(scale)));
}

/* Bytes of two scales of 4 bits, as 2 s + 1: eight bytes to sixteen words of 32 bits. */
INLINE __m512 scaled_nibbles(const uint8_t *groups, float scale)
{
    uint64_t packed = load_u64(groups);
    __m128i low = _mm_cvtsi64_si128((long long)packed), high = _mm_cvtsi64_si128((long long)(packed >> 4));
    __m128i bytes = _mm_and_si128(_mm_unpacklo_epi8(low, high), _mm_set1_epi8(15));
    bytes = _mm_add_epi8(_mm_add_epi8(bytes, bytes), _mm_set1_epi8(1));
    return _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes)), _mm512_set1_ps(scale));
}

INLINE float half_at(const uint8_t *at)
{
    return _cvtsh_ss(load_u16(at));
}

INLINE void unpack_iq2_xxs(const uint8_t *block, struct weights *to)
{
    const struct block_iq2_xxs *b = (const void *)block;
    uint64_t words[8];
    __m256i scales;
    __m512i groups = load_once(b->groups);
    struct masks negative = unpack_sign_words(_mm512_cvtepi64_epi32(_mm512_srli_epi64(groups, 32)), &scales);

    UNROLL
    for (int i = 0; i < 8; i++)
        words[i] = spread_bytes(b->groups + 8 * i);
    look_up_32(codebook_iq2_xxs, words, to->codes);
    UNROLL
    for (int v = 0; v < MOST_VECTORS; v++)
        to->codes[v] = with_signs(to->codes[v], negative.of[v]);
    to->scales = scaled_8(scales, half_at(b->scale) * 0.125f);
}

INLINE void unpack_iq2_xs(const uint8_t *block, struct weights *to)
{
    const struct block_iq2_xs *b = (const void *)block;
    uint64_t words[8];
    __m256i seven = _mm512_cvtepi16_epi8(_mm512_srli_epi16(load_once(b->codes), 9));
    struct masks negative = masks_of_16(complete_signs(seven));

    UNROLL
    for (int i = 0; i < 8; i++)
        words[i] = load_u64(b->codes + 8 * i) & 0x01FF01FF01FF01FF;
    look_up_16(codebook_iq2_xs, words, to->codes);
    UNROLL
    for (int v = 0; v < MOST_VECTORS; v++)
        to->codes[v] = with_signs(to->codes[v], negative.of[v]);
    to->scales = scaled_nibbles(b->groups, half_at(b->scale) * 0.125f);
}

INLINE void unpack_iq2_s(const uint8_t *block, struct weights *to)
{
    const struct block_iq2_s *b = (const void *)block;
    uint64_t words[8];
    struct masks negative = masks_of_16(_mm256_loadu_si256((const __m256i *)b->signs));

    UNROLL
    for (int i = 0; i < 8; i++)
        words[i] = spread_bytes(b->codes + 4 * i) | _pdep_u64(b->high[i], 0x0300030003000300);
    look_up_16(codebook_iq2_s, words, to->codes);
    UNROLL
    for (int v = 0; v < MOST_VECTORS; v++)
        to->codes[v] = with_signs(to->codes[v], negative.of[v]);
    to->scales = scaled_nibbles(b->groups, half_at(b->scale) * 0.125f);
}

INLINE void unpack_iq3_xxs(const uint8_t *block, struct weights *to)
{
    const struct block_iq3_xxs *b = (const void *)block;
    __m256i scales;
    struct masks negative = unpack_sign_words(_mm256_loadu_si256((const __m256i *)b->groups), &scales);

    look_up_fours(codebook_iq3_xxs, b->codes, 0, to->codes);
    UNROLL
    for (int v = 0; v < MOST_VECTORS; v++)
        to->codes[v] = with_signs(to->codes[v], negative.of[v]);
    to->scales = scaled_8(scales, half_at(b->scale) * 0.25f);
}

INLINE void unpack_iq3_s(const uint8_t *block, struct weights *to)
{
    const struct block_iq3_s *b = (const void *)block;
    struct masks negative = masks_of_32(_mm256_loadu_si256((const __m256i *)b->signs));

    look_up_fours(codebook_iq3_s, b->codes, load_u64(b->high), to->codes);
    UNROLL
    for (int v = 0; v < MOST_VECTORS; v++)
        to->codes[v] = with_signs(to->codes[v], negative.of[v]);
    uint64_t groups = _pdep_u64(load_u32(b->groups), 0x0F0F0F0F0F0F0F0F);
    groups = 2 * groups + 0x0101010101010101;
    to->scales = scaled_8(_mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long)groups)), half_at(b->scale));
}

/* IQ1_S: -1, 0 and 1 are codes 0, 1 and 2, and a group adds its shift less 1 times the scale. */
INLINE void unpack_iq1_s(const uint8_t *block, struct weights *to)
{
    const struct block_iq1_s *b = (const void *)block;
    const __m512i one = _mm512_set1_epi8(1);
    uint64_t words[8];
    __m128i groups = _mm_loadu_si128((const __m128i *)b->groups);

    UNROLL
    for (int i = 0; i < 8; i++)
        words[i] =
            spread_bytes(b->codes + 4 * i) | _pdep_u64(load_u16(b->groups + 2 * i), 0x0700070007000700);
    look_up_32(codebook_iq1, words, to->codes);
    UNROLL
    for (int v = 0; v < MOST_VECTORS; v++)
        to->codes[v] = _mm512_add_epi8(to->codes[v], one);

    __m256i wide = _mm256_cvtepu16_epi32(groups);
    __m256i odd = _mm256_or_si256(_mm256_and_si256(_mm256_srli_epi32(wide, 11), _mm256_set1_epi32(14)),
                                  _mm256_set1_epi32(1));
    __m256 scales = _mm256_mul_ps(_mm256_cvtepi32_ps(odd), _mm256_set1_ps(half_at(b->scale)));
    /* The shift is 1/8, or -1/8 where bit 15 is set. */
    __m256 shift =
        _mm256_mask_blend_ps(_mm_movepi16_mask(groups), _mm256_set1_ps(-0.875f), _mm256_set1_ps(-1.125f));
    to->scales = _mm512_insertf32x8(_mm512_castps256_ps512(scales), _mm256_mul_ps(scales, shift), 1);
}

/* IQ1_M: the shift is of every eight, so codes are eighths: 8 (-1, 0, 1), plus or minus 1. */
INLINE void unpack_iq1_m(const uint8_t *block, struct weights *to)
{
    const struct block_iq1_m *b = (const void *)block;
    const __m512i one = _mm512_set1_epi8(1), two = _mm512_set1_epi8(2);
    uint64_t words[8];
    __m256i high = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)b->high));
    high = _mm256_or_si256(_mm256_slli_epi16(high, 4),
                           _mm256_slli_epi16(high, 8)); /* bit 7 of each byte: minus */
    struct masks minus = masks_of_16(_mm256_movm_epi8(_mm256_movepi8_mask(high)));

    UNROLL
    for (int i = 0; i < 8; i++) {
        uint64_t upper = _pdep_u64(load_u16(b->high + 2 * i), 0x0F000F000F000F00);
        words[i] = spread_bytes(b->codes + 4 * i) | (upper & 0x0700070007000700);
    }
    look_up_16(codebook_iq1, words, to->codes);
    UNROLL
    for (int v = 0; v < MOST_VECTORS; v++) {
        __m512i plus = _mm512_or_si512(_mm512_slli_epi16(_mm512_add_epi8(to->codes[v], one), 3), two);
        to->codes[v] = _mm512_mask_sub_epi8(plus, minus.of[v], plus, two);
    }
    /* Four words: 4 x 3 bits of scale and a quarter of the block's scale above them. */
    uint64_t groups = load_u64(b->groups);
    uint16_t scale = (uint16_t)_pext_u64(groups, 0xF000F000F000F000);
    uint64_t first = _pdep_u64(_pext_u64(groups, 0x000000000FFF0FFF), 0x0707070707070707);
    uint64_t second = _pdep_u64(_pext_u64(groups, 0x0FFF0FFF00000000), 0x0707070707070707);
    __m128i bytes = _mm_set_epi64x((long long)(2 * second + 0x0101010101010101),
                                   (long long)(2 * first + 0x0101010101010101));
    to->scales = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes)),
                               _mm512_set1_ps(_cvtsh_ss(scale) * 0.125f));
}

/* A format's products of few tokens and of many: `of` columns share a scale. */
#define PRODUCTS(name, of, code_offset, has_minima)                                                 \
    static const struct family family_##name = {unpack_##name,         sizeof(struct block_##name), \
                                                .scalar = true,        .order = EIGHTS_##of,        \
                                                .offset = code_offset, .minima = has_minima};       \
    void avx512_product_##name(const struct product *p)                                             \
    {                                                                                               \
        multiply(family_##name, p);                                                                 \
    }                                                                                               \
    static void fill_##name(const struct packed *packed, struct panel *panel, size_t span)          \
    {                                                                                               \
        struct weights rows[PANEL_ROWS];                                                            \
        for (size_t r = 0; r < PANEL_ROWS; r++)                                                     \
            unpack_##name(packed->at + r * packed->stride, &rows[r]);                               \
        avx512_transpose(rows, family_##name, panel, span);                                         \
    }                                                                                               \
    PANEL_FORMAT(avx512, name, .span_bytes = sizeof(struct block_##name), .offset = code_offset,    \
                 .group = of, .minimum = has_minima ? 32 : 0)

PRODUCTS(iq1_s, 32, 0, true)
PRODUCTS(iq1_m, 16, EIGHTHS_MID, false)
PRODUCTS(iq2_xxs, 32, SIZE_OFFSET, false)
PRODUCTS(iq2_xs, 16, SIZE_OFFSET, false)
PRODUCTS(iq2_s, 16, SIZE_OFFSET, false)
PRODUCTS(iq3_xxs, 32, SIZE_OFFSET, false)
PRODUCTS(iq3_s, 32, SIZE_OFFSET, false)
