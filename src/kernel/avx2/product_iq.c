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

/* ---- looking up ---- */

/* Two entries of a book, side by side. */
INLINE __m128i look_up_two(const uint64_t *first, const uint64_t *second)
{
    __m128d low = _mm_load_sd((const double *)(const void *)first);
    return _mm_castpd_si128(_mm_loadh_pd(low, (const double *)(const void *)second));
}

/* Four eights. */
INLINE __m256i look_up(const uint64_t *book, const uint16_t *codes)
{
    return _mm256_set_m128i(look_up_two(book + codes[2], book + codes[3]),
                            look_up_two(book + codes[0], book + codes[1]));
}

/* The same of codes that are bytes. */
INLINE __m256i look_up_bytes(const uint64_t *book, const uint8_t *codes)
{
    return _mm256_set_m128i(look_up_two(book + codes[2], book + codes[3]),
                            look_up_two(book + codes[0], book + codes[1]));
}

/* Eight fours. */
INLINE __m256i look_up_fours(const uint32_t *book, const uint16_t *codes)
{
    return _mm256_setr_epi32((int)book[codes[0]], (int)book[codes[1]], (int)book[codes[2]],
                             (int)book[codes[3]], (int)book[codes[4]], (int)book[codes[5]],
                             (int)book[codes[6]], (int)book[codes[7]]);
}

INLINE __m256i look_up_fours_bytes(const uint32_t *book, const uint8_t *codes)
{
    return _mm256_setr_epi32((int)book[codes[0]], (int)book[codes[1]], (int)book[codes[2]],
                             (int)book[codes[3]], (int)book[codes[4]], (int)book[codes[5]],
                             (int)book[codes[6]], (int)book[codes[7]]);
}

/* ---- codes of more than a byte ---- */

/* Sixteen codes of 16 bits to the `part`-th of w->book_codes. */
INLINE void put_book_codes(__m256i codes, size_t part, struct weights *w)
{
    _mm256_store_si256((__m256i *)(void *)w->book_codes + part, codes);
    __asm__("" : "+m"(w->book_codes)); /* gcc takes them out of the register again, one by one */
}

/* Where sixteen codes have their upper bits: `words` has the bytes of a word for each code, in which a factor
 * moves the bits to their place, bit 8 and above. */
struct upper_bits {
    __m256i words;
    __m256i factors;
    int mask;
};

/* Sixteen codes, lower bytes from `low` on, upper bits in the lanes of `high`. */
INLINE void put_joined_book_codes(struct upper_bits bits, const uint8_t *low, __m256i high, size_t part,
                                  struct weights *w)
{
    __m256i moved = _mm256_mullo_epi16(_mm256_shuffle_epi8(high, bits.words), bits.factors);
    __m256i upper = _mm256_and_si256(moved, _mm256_set1_epi16((short)bits.mask));
    put_book_codes(_mm256_or_si256(_mm256_cvtepu8_epi16(load_16(low)), upper), part, w);
}

/* ---- signs ---- */

/* 256 signs, a bit for each column, to memory, where those of a vector are broadcast as they are loaded:
 * beside four bytes of them stand the same four, shifted left by one. */
INLINE void put_signs(__m256i signs, struct weights *w)
{
    __m256i shifted = _mm256_add_epi8(signs, signs);
    __m256i *to = (__m256i *)(void *)w->sign_bits;
    _mm256_store_si256(to, _mm256_unpacklo_epi32(signs, shifted));     /* of vectors 0, 1, 4 and 5 */
    _mm256_store_si256(to + 1, _mm256_unpackhi_epi32(signs, shifted)); /* 2, 3, 6 and 7 */
    __asm__("" : "+m"(w->sign_bits)); /* gcc takes them out of the registers again */
}

/* Those of vector v, in bit 7 of each byte. Of two columns the first one's is a bit lower, and comes from the
 * shifted bytes, so that one factor moves both. */
INLINE __m256i signs_of(const struct weights *w, int v)
{
    const __m256i bytes = _mm256_setr_epi8(4, 0, 4, 0, 4, 0, 4, 0, 5, 1, 5, 1, 5, 1, 5, 1, 6, 2, 6, 2, 6, 2,
                                           6, 2, 7, 3, 7, 3, 7, 3, 7, 3);
    const __m256i factors = _mm256_set1_epi64x(0x0001000400100040);
    const uint8_t *at = w->sign_bits + v % 2 * 8 + v / 4 * 16 + v / 2 % 2 * 32;
    __m256i both = _mm256_shuffle_epi8(_mm256_set1_epi64x((long long)load_u64(at)), bytes);
    return _mm256_mullo_epi16(both, factors);
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
    put_signs(unpack_sign_words(_mm256_blend_epi32(first, second, 0xF0), &to->scales), to);
    to->scale = half_at(b->scale) * 0.125f;
}

INLINE struct vector unpack_vector_iq2_xxs(const uint8_t *block, const struct weights *w, int v)
{
    const struct block_iq2_xxs *b = (const void *)block;
    return (struct vector){look_up_bytes(codebook_iq2_xxs, b->groups + 8 * v), signs_of(w, v)};
}

INLINE void unpack_iq2_xs(const uint8_t *block, struct weights *to)
{
    const struct block_iq2_xs *b = (const void *)block;
    __m256i first = _mm256_srli_epi16(load_32(b->codes), 9);
    __m256i second = _mm256_srli_epi16(load_32(b->codes + 32), 9);
    __m256i seven = _mm256_permute4x64_epi64(_mm256_packus_epi16(first, second), 0xD8);
    put_signs(complete_signs(seven), to);
    put_book_codes(_mm256_and_si256(load_32(b->codes), _mm256_set1_epi16(0x1FF)), 0, to);
    put_book_codes(_mm256_and_si256(load_32(b->codes + 32), _mm256_set1_epi16(0x1FF)), 1, to);
    to->scales = unpack_nibble_scales(b->groups);
    to->scale = half_at(b->scale) * 0.125f;
}

INLINE struct vector unpack_vector_iq2_xs(const uint8_t *block, const struct weights *w, int v)
{
    (void)block;
    return (struct vector){look_up(codebook_iq2_xs, w->book_codes + 4 * v), signs_of(w, v)};
}

INLINE void unpack_iq2_s(const uint8_t *block, struct weights *to)
{
    const struct block_iq2_s *b = (const void *)block;
    const struct upper_bits two = {_mm256_setr_epi8(0, -1, 0, -1, 0, -1, 0, -1, 1, -1, 1, -1, 1, -1, 1, -1, 2,
                                                    -1, 2, -1, 2, -1, 2, -1, 3, -1, 3, -1, 3, -1, 3, -1),
                                   _mm256_set1_epi64x(0x0004001000400100), 0x300};
    for (size_t part = 0; part < 2; part++)
        put_joined_book_codes(two, b->codes + 16 * part, _mm256_set1_epi32((int)load_u32(b->high + 4 * part)),
                              part, to);
    put_signs(load_32(b->signs), to);
    to->scales = unpack_nibble_scales(b->groups);
    to->scale = half_at(b->scale) * 0.125f;
}

INLINE struct vector unpack_vector_iq2_s(const uint8_t *block, const struct weights *w, int v)
{
    (void)block;
    return (struct vector){look_up(codebook_iq2_s, w->book_codes + 4 * v), signs_of(w, v)};
}

INLINE void unpack_iq3_xxs(const uint8_t *block, struct weights *to)
{
    const struct block_iq3_xxs *b = (const void *)block;
    put_signs(unpack_sign_words(load_32(b->groups), &to->scales), to);
    to->scale = half_at(b->scale) * 0.25f;
}

INLINE struct vector unpack_vector_iq3_xxs(const uint8_t *block, const struct weights *w, int v)
{
    const struct block_iq3_xxs *b = (const void *)block;
    return (struct vector){look_up_fours_bytes(codebook_iq3_xxs, b->codes + 8 * v), signs_of(w, v)};
}

INLINE void unpack_iq3_s(const uint8_t *block, struct weights *to)
{
    const struct block_iq3_s *b = (const void *)block;
    const struct upper_bits one = {
        _mm256_setr_epi8(0, -1, 0, -1, 0, -1, 0, -1, 0, -1, 0, -1, 0, -1, 0, -1, 1, -1, 1, -1, 1, -1, 1, -1,
                         1, -1, 1, -1, 1, -1, 1, -1),
        _mm256_setr_epi16(256, 128, 64, 32, 16, 8, 4, 2, 256, 128, 64, 32, 16, 8, 4, 2), 0x100};
    for (size_t part = 0; part < 4; part++)
        put_joined_book_codes(one, b->codes + 16 * part,
                              _mm256_set1_epi16((short)load_u16(b->high + 2 * part)), part, to);
    put_signs(load_32(b->signs), to);
    to->scales = scales_of_32(2 * _pdep_u64(load_u32(b->groups), 15 * EACH_BYTE) + EACH_BYTE);
    to->scale = half_at(b->scale);
}

INLINE struct vector unpack_vector_iq3_s(const uint8_t *block, const struct weights *w, int v)
{
    (void)block;
    return (struct vector){look_up_fours(codebook_iq3_s, w->book_codes + 8 * v), signs_of(w, v)};
}

/* Three bits of each of four codes, `stride` bits apart in a word; of the last, which would have to move
 * right, the word's upper byte is taken. */
INLINE struct upper_bits upper_threes(int stride)
{
    const __m256i words = _mm256_setr_epi8(0, 1, 0, 1, 0, 1, 1, -1, 2, 3, 2, 3, 2, 3, 3, -1, 4, 5, 4, 5, 4, 5,
                                           5, -1, 6, 7, 6, 7, 6, 7, 7, -1);
    const long long factors = stride == 3 ? 0x0080000400200100 : 0x0010000100100100;
    return (struct upper_bits){words, _mm256_set1_epi64x(factors), 0x700};
}

/* IQ1_S: -1, 0 and 1 are codes 0, 1 and 2; a group adds its shift (1/8 or -1/8) less 1, times the scale: in
 * eighths, -7 or -9. */
INLINE void unpack_iq1_s(const uint8_t *block, struct weights *to)
{
    const struct block_iq1_s *b = (const void *)block;
    __m128i groups = load_16(b->groups);
    for (size_t part = 0; part < 2; part++)
        put_joined_book_codes(upper_threes(3), b->codes + 16 * part,
                              _mm256_set1_epi64x((long long)load_u64(b->groups + 8 * part)), part, to);
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

INLINE struct vector unpack_vector_iq1_s(const uint8_t *block, const struct weights *w, int v)
{
    (void)block;
    return (struct vector){
        .codes = _mm256_add_epi8(look_up(codebook_iq1, w->book_codes + 4 * v), _mm256_set1_epi8(1))};
}

/* IQ1_M: the shift is of every eight, so codes are eighths: 8 (-1, 0, 1), plus or minus 1. */
INLINE void unpack_iq1_m(const uint8_t *block, struct weights *to)
{
    const struct block_iq1_m *b = (const void *)block;
    for (size_t part = 0; part < 2; part++)
        put_joined_book_codes(upper_threes(4), b->codes + 16 * part,
                              _mm256_set1_epi64x((long long)load_u64(b->high + 8 * part)), part, to);
    /* Four words: 4 x 3 bits of scale and a quarter of the block's scale above them. */
    uint64_t groups = load_u64(b->groups);
    uint64_t first = _pdep_u64(_pext_u64(groups, 0x000000000FFF0FFF), 7 * EACH_BYTE);
    uint64_t second = _pdep_u64(_pext_u64(groups, 0x0FFF0FFF00000000), 7 * EACH_BYTE);
    to->scales =
        scales_of_16(_mm_set_epi64x((long long)(2 * second + EACH_BYTE), (long long)(2 * first + EACH_BYTE)));
    to->scale = _cvtsh_ss((uint16_t)_pext_u64(groups, 0xF000F000F000F000)) * 0.125f;
}

INLINE struct vector unpack_vector_iq1_m(const uint8_t *block, const struct weights *w, int v)
{
    const struct block_iq1_m *b = (const void *)block;
    const __m256i one = _mm256_set1_epi8(1), two = _mm256_set1_epi8(2);
    const __m256i byte_of = _mm256_setr_epi64x(0, 0, 0x0101010101010101, 0x0101010101010101);
    const __m256i bit_of = _mm256_setr_epi64x(0x0808080808080808, (long long)0x8080808080808080,
                                              0x0808080808080808, (long long)0x8080808080808080);
    uint16_t high = load_u16(b->high + 2 * v);
    __m256i values = _mm256_add_epi8(look_up(codebook_iq1, w->book_codes + 4 * v), one);
    __m256i spread = _mm256_shuffle_epi8(_mm256_set1_epi16((short)high), byte_of);
    __m256i negative = _mm256_cmpeq_epi8(_mm256_and_si256(spread, bit_of), bit_of);
    return (struct vector){
        .codes = _mm256_or_si256(_mm256_slli_epi16(values, 3), _mm256_andnot_si256(negative, two))};
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
