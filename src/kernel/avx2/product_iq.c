/* SPDX-License-Identifier: Apache-2.0 */
/* product_iq.c - the code-book formats: IQ1, IQ2 and IQ3, where a code stands for eight (IQ3: four)
 * values. */
#include "kernel/avx2/avx2.h"
#include "kernel/avx2/panel.h"
#include "quant/codebook.h"

#define SIZE_OFFSET \
    64 /* added to the signed values of IQ2 and IQ3, which are at most 62, to make them codes */
#define EIGHTHS_MID 9 /* the code of zero in IQ1_M: values are 8 x (-1, 0, 1), and 1 more or less */
#define EACH_BYTE   0x0101010101010101u

/* Two entries of a book, side by side. */
INLINE __m128i look_up_two(const uint64_t *book, uint64_t first, uint64_t second)
{
    __m128d low = _mm_load_sd((const double *)(const void *)(book + first));
    return _mm_castpd_si128(_mm_loadh_pd(low, (const double *)(const void *)(book + second)));
}

/* Four eights; a word holds four codes of 16 bits. */
INLINE __m256i look_up(const uint64_t *book, uint64_t word)
{
    __m128i low = look_up_two(book, word & 0xFFFF, word >> 16 & 0xFFFF);
    return _mm256_set_m128i(look_up_two(book, word >> 32 & 0xFFFF, word >> 48), low);
}

/* The same of codes that are bytes. */
INLINE __m256i look_up_bytes(const uint64_t *book, const uint8_t *codes)
{
    __m128i low = look_up_two(book, codes[0], codes[1]);
    return _mm256_set_m128i(look_up_two(book, codes[2], codes[3]), low);
}

/* Four bytes to the lower halves of a word's four places. */
INLINE uint64_t spread_bytes(const uint8_t *at)
{
    return _pdep_u64(load_u32(at), 0x00FF00FF00FF00FF);
}

/* Eight fours; two words. */
INLINE __m256i look_up_fours(const uint32_t *book, uint64_t first, uint64_t second)
{
    uint64_t word[2] = {first, second};
    __m128i half[2];
    UNROLL
    for (int i = 0; i < 2; i++)
        half[i] = _mm_setr_epi32((int)book[word[i] & 0xFFFF], (int)book[word[i] >> 16 & 0xFFFF],
                                 (int)book[word[i] >> 32 & 0xFFFF], (int)book[word[i] >> 48]);
    return _mm256_set_m128i(half[1], half[0]);
}

/* -1 where the sign is set, else 1: of 32 columns, a bit for each in four bytes. */
INLINE __m256i signs_of(const uint8_t *signs)
{
    const __m256i byte_of = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
    const __m256i bit_of = _mm256_set1_epi64x((long long)0x8040201008040201);
    __m256i spread = _mm256_shuffle_epi8(_mm256_set1_epi32((int)load_u32(signs)), byte_of);
    __m256i negative = _mm256_cmpeq_epi8(_mm256_and_si256(spread, bit_of), bit_of);
    return _mm256_or_si256(negative, _mm256_set1_epi8(1));
}

/* Signs in memory, where four bytes are broadcast as they are loaded. */
struct signs {
    _Alignas(32) uint8_t bytes[32];
};

INLINE struct signs stored_signs(__m256i signs)
{
    struct signs to;
    _mm256_store_si256((__m256i *)(void *)to.bytes, signs);
    __asm__("" : "+m"(to)); /* gcc takes them out of the register again */
    return to;
}

/* Bytes of seven signs: bit 7 becomes their parity, so that an even number of the eight is set. */
INLINE __m256i complete_signs(__m256i seven)
{
    const __m256i parity = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, -128, -128, 0, -128, 0, 0, -128, -128, 0, 0, -128, 0, -128, -128, 0));
    const __m256i nibble = _mm256_set1_epi8(15);
    __m256i low = _mm256_shuffle_epi8(parity, _mm256_and_si256(seven, nibble));
    __m256i high = _mm256_shuffle_epi8(parity, _mm256_and_si256(_mm256_srli_epi16(seven, 4), nibble));
    return _mm256_xor_si256(seven, _mm256_xor_si256(low, high));
}

/* Words of 4 x 7 signs and a scale of 4 bits, one for each 32 columns: the signs, and the scales 2 s + 1. */
INLINE __m256i unpack_sign_words(__m256i words, __m256i *scales)
{
    __m256i seven = _mm256_and_si256(words, _mm256_set1_epi32(0x7F));
    __m256i second = _mm256_and_si256(_mm256_slli_epi32(words, 1), _mm256_set1_epi32(0x7F00));
    __m256i third = _mm256_and_si256(_mm256_slli_epi32(words, 2), _mm256_set1_epi32(0x7F0000));
    __m256i fourth = _mm256_and_si256(_mm256_slli_epi32(words, 3), _mm256_set1_epi32(0x7F000000));
    seven = _mm256_or_si256(_mm256_or_si256(seven, second), _mm256_or_si256(third, fourth));

    __m256i odd = _mm256_or_si256(_mm256_srli_epi32(words, 27), _mm256_set1_epi32(1));
    __m256i halves = _mm256_packs_epi32(odd, odd); /* 0..3 twice, 4..7 twice */
    *scales = _mm256_permute4x64_epi64(halves, 0x88);
    return complete_signs(seven);
}

/* Bytes of two scales of 4 bits, as 2 s + 1. */
INLINE __m256i unpack_nibble_scales(const uint8_t *groups)
{
    uint64_t packed = load_u64(groups);
    __m128i low = _mm_cvtsi64_si128((long long)packed), high = _mm_cvtsi64_si128((long long)(packed >> 4));
    __m128i bytes = _mm_and_si128(_mm_unpacklo_epi8(low, high), _mm_set1_epi8(15));
    return scales_of_16(_mm_add_epi8(_mm_add_epi8(bytes, bytes), _mm_set1_epi8(1)));
}

INLINE void unpack_iq2_xxs(const uint8_t *block, struct weights *to)
{
    const struct block_iq2_xxs *b = (const void *)block;
    const __m256i odd_first = _mm256_setr_epi32(1, 3, 5, 7, 1, 3, 5, 7);
    __m256i first = _mm256_permutevar8x32_epi32(load_32(b->groups), odd_first);
    __m256i second = _mm256_permutevar8x32_epi32(load_32(b->groups + 32), odd_first);
    struct signs signs =
        stored_signs(unpack_sign_words(_mm256_blend_epi32(first, second, 0xF0), &to->scales));

    UNROLL
    for (int v = 0; v < MOST_VECTORS; v++) {
        to->codes[v] = look_up_bytes(codebook_iq2_xxs, b->groups + 8 * v);
        to->signs[v] = signs_of(signs.bytes + 4 * v);
    }
    to->scale = half_at(b->scale) * 0.125f;
}

INLINE void unpack_iq2_xs(const uint8_t *block, struct weights *to)
{
    const struct block_iq2_xs *b = (const void *)block;
    __m256i first = _mm256_srli_epi16(load_32(b->codes), 9);
    __m256i second = _mm256_srli_epi16(load_32(b->codes + 32), 9);
    __m256i seven = _mm256_permute4x64_epi64(_mm256_packus_epi16(first, second), 0xD8);
    struct signs signs = stored_signs(complete_signs(seven));

    UNROLL
    for (int v = 0; v < MOST_VECTORS; v++) {
        uint64_t word = load_u64(b->codes + 8 * v) & 0x01FF01FF01FF01FF;
        to->codes[v] = look_up(codebook_iq2_xs, word);
        to->signs[v] = signs_of(signs.bytes + 4 * v);
    }
    to->scales = unpack_nibble_scales(b->groups);
    to->scale = half_at(b->scale) * 0.125f;
}

INLINE void unpack_iq2_s(const uint8_t *block, struct weights *to)
{
    const struct block_iq2_s *b = (const void *)block;

    UNROLL
    for (int v = 0; v < MOST_VECTORS; v++) {
        uint64_t word = spread_bytes(b->codes + 4 * v) | _pdep_u64(b->high[v], 0x0300030003000300);
        to->codes[v] = look_up(codebook_iq2_s, word);
        to->signs[v] = signs_of(b->signs + 4 * v);
    }
    to->scales = unpack_nibble_scales(b->groups);
    to->scale = half_at(b->scale) * 0.125f;
}

INLINE void unpack_iq3_xxs(const uint8_t *block, struct weights *to)
{
    const struct block_iq3_xxs *b = (const void *)block;
    struct signs signs = stored_signs(unpack_sign_words(load_32(b->groups), &to->scales));

    UNROLL
    for (int v = 0; v < MOST_VECTORS; v++) {
        uint64_t first = spread_bytes(b->codes + 8 * v), second = spread_bytes(b->codes + 8 * v + 4);
        to->codes[v] = look_up_fours(codebook_iq3_xxs, first, second);
        to->signs[v] = signs_of(signs.bytes + 4 * v);
    }
    to->scale = half_at(b->scale) * 0.25f;
}

INLINE void unpack_iq3_s(const uint8_t *block, struct weights *to)
{
    const struct block_iq3_s *b = (const void *)block;
    const uint64_t ninth_bits = 0x0100010001000100;

    UNROLL
    for (int v = 0; v < MOST_VECTORS; v++) {
        uint64_t first = spread_bytes(b->codes + 8 * v) | _pdep_u64(b->high[v], ninth_bits);
        uint64_t second = spread_bytes(b->codes + 8 * v + 4) | _pdep_u64(b->high[v] >> 4, ninth_bits);
        to->codes[v] = look_up_fours(codebook_iq3_s, first, second);
        to->signs[v] = signs_of(b->signs + 4 * v);
    }
    to->scales = scales_of_32(2 * _pdep_u64(load_u32(b->groups), 15 * EACH_BYTE) + EACH_BYTE);
    to->scale = half_at(b->scale);
}

/* IQ1_S: -1, 0 and 1 are codes 0, 1 and 2; a group adds its shift (1/8 or -1/8) less 1, times the scale: in
 * eighths, -7 or -9. */
INLINE void unpack_iq1_s(const uint8_t *block, struct weights *to)
{
    const struct block_iq1_s *b = (const void *)block;
    __m128i groups = load_16(b->groups);

    UNROLL
    for (int v = 0; v < MOST_VECTORS; v++) {
        uint64_t high = _pdep_u64(load_u16(b->groups + 2 * v), 0x0700070007000700);
        __m256i values = look_up(codebook_iq1, spread_bytes(b->codes + 4 * v) | high);
        to->codes[v] = _mm256_add_epi8(values, _mm256_set1_epi8(1));
    }
    __m128i odd =
        _mm_or_si128(_mm_and_si128(_mm_srli_epi16(groups, 11), _mm_set1_epi16(14)), _mm_set1_epi16(1));
    __m128i negative = _mm_srai_epi16(groups, 15); /* -1 where the shift is negative */
    __m128i eighths = _mm_add_epi16(_mm_set1_epi16(-7), _mm_add_epi16(negative, negative));
    __m128i minima = _mm_mullo_epi16(odd, eighths);
    to->scales = _mm256_set_m128i(odd, odd);
    to->minima = _mm256_set_m128i(_mm_unpackhi_epi16(minima, minima), _mm_unpacklo_epi16(minima, minima));
    to->scale = half_at(b->scale);
    to->minimum = half_at(b->scale) * 0.125f;
}

/* IQ1_M: the shift is of every eight, so codes are eighths: 8 (-1, 0, 1), plus or minus 1. */
INLINE void unpack_iq1_m(const uint8_t *block, struct weights *to)
{
    const struct block_iq1_m *b = (const void *)block;
    const __m256i one = _mm256_set1_epi8(1), two = _mm256_set1_epi8(2);
    const __m256i byte_of = _mm256_setr_epi64x(0, 0, 0x0101010101010101, 0x0101010101010101);
    const __m256i bit_of = _mm256_setr_epi64x(0x0808080808080808, (long long)0x8080808080808080,
                                              0x0808080808080808, (long long)0x8080808080808080);
    UNROLL
    for (int v = 0; v < MOST_VECTORS; v++) {
        uint16_t high = load_u16(b->high + 2 * v);
        uint64_t upper = _pdep_u64(high, 0x0F000F000F000F00) & 0x0700070007000700;
        __m256i values = _mm256_add_epi8(look_up(codebook_iq1, spread_bytes(b->codes + 4 * v) | upper), one);
        __m256i spread = _mm256_shuffle_epi8(_mm256_set1_epi16((short)high), byte_of);
        __m256i negative = _mm256_cmpeq_epi8(_mm256_and_si256(spread, bit_of), bit_of);
        to->codes[v] = _mm256_or_si256(_mm256_slli_epi16(values, 3), _mm256_andnot_si256(negative, two));
    }
    /* Four words: 4 x 3 bits of scale and a quarter of the block's scale above them. */
    uint64_t groups = load_u64(b->groups);
    uint64_t first = _pdep_u64(_pext_u64(groups, 0x000000000FFF0FFF), 7 * EACH_BYTE);
    uint64_t second = _pdep_u64(_pext_u64(groups, 0x0FFF0FFF00000000), 7 * EACH_BYTE);
    to->scales =
        scales_of_16(_mm_set_epi64x((long long)(2 * second + EACH_BYTE), (long long)(2 * first + EACH_BYTE)));
    to->scale = _cvtsh_ss((uint16_t)_pext_u64(groups, 0xF000F000F000F000)) * 0.125f;
}

LOOKED_UP_PRODUCTS(iq1_s, sizeof(struct block_iq1_s), .minimum = 32, .magnitude = 2)
LOOKED_UP_PRODUCTS(iq1_m, sizeof(struct block_iq1_m), .group = 16, .offset = EIGHTHS_MID, .magnitude = 9)
LOOKED_UP_PRODUCTS(iq2_xxs, sizeof(struct block_iq2_xxs), .has_sizes = true, .magnitude = 43,
                   .offset = SIZE_OFFSET)
LOOKED_UP_PRODUCTS(iq2_xs, sizeof(struct block_iq2_xs), .group = 16, .has_sizes = true, .magnitude = 43,
                   .offset = SIZE_OFFSET)
LOOKED_UP_PRODUCTS(iq2_s, sizeof(struct block_iq2_s), .group = 16, .has_sizes = true, .magnitude = 43,
                   .offset = SIZE_OFFSET)
LOOKED_UP_PRODUCTS(iq3_xxs, sizeof(struct block_iq3_xxs), .has_sizes = true, .magnitude = 62,
                   .offset = SIZE_OFFSET)
LOOKED_UP_PRODUCTS(iq3_s, sizeof(struct block_iq3_s), .has_sizes = true, .magnitude = 15,
                   .offset = SIZE_OFFSET)
