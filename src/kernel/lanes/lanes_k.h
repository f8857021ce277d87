/* SPDX-License-Identifier: Apache-2.0 */
/* lanes_k.h - the K-quants and IQ4_XS: blocks of 256 values with packed integer scales. */
#ifndef FATHOM_KERNEL_LANES_LANES_K_H
#define FATHOM_KERNEL_LANES_LANES_K_H

#include "kernel/lanes/lanes.h"
#include "quant/codebook.h"

/* Scales of four groups, a byte each: unsigned, times `factor`. */
INLINE void put_four(float (*to)[PANEL_ROWS], ints bytes, floats factor)
{
    UNROLL
    for (size_t i = 0; i < 4; i++)
        put_floats(to[i], byte_of(bytes, i), factor);
}

/* A block's one scale, for each 32 columns. */
INLINE void put_block_scale(float (*to)[PANEL_ROWS], floats scale)
{
    for (size_t i = 0; i < BLOCK_SUPER / BLOCK_SMALL; i++)
        VECTOR(store_ps)(to[i], scale);
}

/* Scales of four groups of 32 columns from `first` on, a byte each: unsigned, times the block's. */
INLINE void put_scales_of_32(struct span *to, size_t first, ints bytes, floats block)
{
    if (!to->paired) {
        put_four(to->scales + first, bytes, block);
        return;
    }
    UNROLL
    for (size_t i = 0; i < 4; i++) {
        ints twice = twice_of(byte_of(bytes, i));
        store_ints(to->pairs[2 * (first + i)], twice);
        store_ints(to->pairs[2 * (first + i) + 1], twice);
    }
}

/* The same of 16 columns each, with signs. */
INLINE void put_scales_of_16(struct span *to, size_t first, ints bytes, floats block)
{
    UNROLL
    for (size_t i = 0; i < 4; i++) {
        ints scale = signed_byte_of(bytes, i);
        if (to->paired)
            store_ints(to->pairs[first + i], twice_of(scale));
        else
            put_floats(to->scales[first + i], scale, block);
    }
}

INLINE floats negative(floats v)
{
    return VECTOR(xor_ps)(v, VECTOR(set1_ps)(-0.0f));
}

/* Codes times their group's scale are at most 45, so that the product is made here, once for all tokens,
 * where no pairs are wanted. */
INLINE void unpack_q2_k(const struct packed *rows, struct span *to)
{
    ints groups[4], last[4];
    load_rows(rows, offsetof(struct block_q2_k, groups), groups);
    load_rows(rows, sizeof(struct block_q2_k) - 16, last); /* ends with the scale and the minimum */
    floats scale = lower_halves(last[3]), minimum = negative(upper_halves(last[3]));
    for (size_t i = 0; i < 4; i++)
        put_four(to->minima + 4 * i, bits_at(groups[i], 4, 15), minimum);
    put_block_scale(to->scales, scale);
    UNROLL
    for (size_t part = 0; part < 4; part++) { /* 16 bytes of codes: `odd` of the 32 of a half */
        size_t half = part / 2, odd = part % 2;
        ints packed[4];
        load_rows(rows, offsetof(struct block_q2_k, codes) + 16 * part, packed);
        UNROLL
        for (size_t j = 0; j < 4; j++) {
            size_t group = 8 * half + 2 * j + odd;
            ints twice = twice_of(byte_of(groups[group / 4], group % 4) & all_lanes(15));
            if (to->paired)
                store_ints(to->pairs[group], twice);
            UNROLL
            for (size_t i = 0; i < 4; i++) {
                ints codes = bits_at(packed[i], 2 * j, 3);
                put_codes(to, 32 * half + 8 * j + 4 * odd + i,
                          to->paired ? codes : VECTOR(mullo_epi16)(codes, twice));
            }
        }
    }
}

/* Sixteen scales of 6 bits, see decode_k.c, four to a vector, from the last 16 bytes of a block: they begin 2
 * bytes earlier. */
INLINE void unpack_scales_q3_k(const ints last[4], ints scales[4])
{
    ints of[3];
    UNROLL
    for (size_t i = 0; i < 3; i++)
        of[i] = move_right(last[i], 16) | move_left(last[i + 1], 16);
    UNROLL
    for (size_t i = 0; i < 4; i++) {
        ints low = bits_at(of[i % 2], 4 * (i / 2), 15);
        ints whole = or_masked(low, move_bits(of[2], 2 * i, 4), all_bytes(48));
        scales[i] = VECTOR(sub_epi8)(whole, all_bytes(32));
    }
}

/* 128 less (code - 4) times the group's scale, which is 128 at most, and above -128: two codes at once, of
 * which the lower takes from the upper where it is negative and gives it back. Beside pairs, the codes. */
INLINE void put_group_q3_k(ints scale, const ints codes[4], size_t fours, struct span *to)
{
    ints twice = twice_of(scale);
    if (to->paired) {
        store_ints(to->pairs[fours / 4], twice);
        UNROLL
        for (size_t i = 0; i < 4; i++)
            put_codes(to, fours + i, codes[i]);
        return;
    }
    ints start = VECTOR(add_epi16)(VECTOR(slli_epi16)(twice, 2), VECTOR(set1_epi16)(128));
    start = VECTOR(add_epi16)(start, VECTOR(slli_epi16)(start, 8));
    UNROLL
    for (size_t i = 0; i < 4; i++)
        put_codes(to, fours + i, VECTOR(sub_epi16)(start, VECTOR(mullo_epi16)(codes[i], twice)));
}

INLINE void unpack_q3_k(const struct packed *rows, struct span *to)
{
    ints high[8], last[4], scales[4];
    load_rows(rows, offsetof(struct block_q3_k, high), high);
    load_rows(rows, offsetof(struct block_q3_k, high) + 16, high + 4);
    load_rows(rows, sizeof(struct block_q3_k) - 16, last);
    floats scale = upper_halves(last[3]);
    put_block_scale(to->scales, to->paired ? scale : negative(scale));
    unpack_scales_q3_k(last, scales);
    UNROLL
    for (size_t part = 0; part < 4; part++) {
        size_t half = part / 2, odd = part % 2;
        ints packed[4];
        load_rows(rows, offsetof(struct block_q3_k, codes) + 16 * part, packed);
        UNROLL
        for (size_t j = 0; j < 4; j++) {
            size_t group = 8 * half + 2 * j + odd;
            ints codes[4];
            UNROLL
            for (size_t i = 0; i < 4; i++)
                codes[i] = or_masked(bits_at(packed[i], 2 * j, 3),
                                     move_bits(high[4 * odd + i], 4 * half + j, 2), all_bytes(4));
            put_group_q3_k(signed_byte_of(scales[group / 4], group % 4), codes, 4 * group, to);
        }
    }
}

/* The first 16 bytes of Q4_K and Q5_K: scale, minimum, eight scales and eight minima of 6 bits. */
INLINE void put_groups_k(const struct packed *rows, struct span *to)
{
    ints head[4];
    load_rows(rows, 0, head);
    floats scale = lower_halves(head[0]), minimum = negative(upper_halves(head[0]));
    if (to->paired)
        put_block_scale(to->scales, scale);
    put_scales_of_32(to, 0, bits_at(head[1], 0, 63), scale);
    put_scales_of_32(to, 4, or_masked(bits_at(head[3], 0, 15), move_right(head[1], 2), all_bytes(48)), scale);
    put_four(to->minima, bits_at(head[2], 0, 63), minimum);
    put_four(to->minima + 4, or_masked(bits_at(head[3], 4, 15), move_right(head[2], 2), all_bytes(48)),
             minimum);
}

INLINE void unpack_q4_k(const struct packed *rows, struct span *to)
{
    put_groups_k(rows, to);
    UNROLL
    for (size_t part = 0; part < 8; part++) {
        ints packed[4];
        load_rows(rows, offsetof(struct block_q4_k, codes) + 16 * part, packed);
        UNROLL
        for (size_t i = 0; i < 4; i++) {
            size_t fours = part / 2 * 16 + part % 2 * 4 + i;
            put_codes(to, fours, bits_at(packed[i], 0, 15));
            put_codes(to, fours + 8, bits_at(packed[i], 4, 15));
        }
    }
}

INLINE void unpack_q5_k(const struct packed *rows, struct span *to)
{
    const ints fifth = all_bytes(16);
    ints high[8];
    put_groups_k(rows, to);
    load_rows(rows, offsetof(struct block_q5_k, high), high);
    load_rows(rows, offsetof(struct block_q5_k, high) + 16, high + 4);
    UNROLL
    for (size_t part = 0; part < 8; part++) {
        ints packed[4];
        size_t bit = part / 2 * 2;
        load_rows(rows, offsetof(struct block_q5_k, codes) + 16 * part, packed);
        UNROLL
        for (size_t i = 0; i < 4; i++) {
            size_t fours = part / 2 * 16 + part % 2 * 4 + i;
            ints bits = high[part % 2 * 4 + i];
            put_codes(to, fours, or_masked(bits_at(packed[i], 0, 15), move_bits(bits, bit, 4), fifth));
            put_codes(to, fours + 8,
                      or_masked(bits_at(packed[i], 4, 15), move_bits(bits, bit + 1, 4), fifth));
        }
    }
}

INLINE void unpack_q6_k(const struct packed *rows, struct span *to)
{
    const ints upper = all_bytes(48);
    ints groups[4], last[4];
    load_rows(rows, offsetof(struct block_q6_k, groups), groups);
    load_rows(rows, sizeof(struct block_q6_k) - 16, last);
    if (to->paired)
        put_block_scale(to->scales, upper_halves(last[3]));
    for (size_t i = 0; i < 4; i++)
        put_scales_of_16(to, 4 * i, groups[i], upper_halves(last[3]));
    UNROLL
    for (size_t part = 0; part < 4; part++) { /* 16 columns' upper bits, of four groups of columns */
        size_t half = part / 2, odd = part % 2;
        ints high[4], first[4], second[4];
        load_rows(rows, offsetof(struct block_q6_k, high) + 16 * part, high);
        load_rows(rows, 64 * half + 16 * odd, first);
        load_rows(rows, 64 * half + 16 * odd + 32, second);
        UNROLL
        for (size_t i = 0; i < 4; i++) {
            size_t fours = 32 * half + 4 * odd + i;
            put_codes(to, fours, or_masked(bits_at(first[i], 0, 15), move_bits(high[i], 0, 4), upper));
            put_codes(to, fours + 8, or_masked(bits_at(second[i], 0, 15), move_bits(high[i], 2, 4), upper));
            put_codes(to, fours + 16, or_masked(bits_at(first[i], 4, 15), high[i], upper));
            put_codes(to, fours + 24, or_masked(bits_at(second[i], 4, 15), move_bits(high[i], 6, 4), upper));
        }
    }
}

INLINE void unpack_iq4_xs(const struct packed *rows, struct span *to)
{
    ints book = load_book(codebook_iq4) ^ all_bytes(0x80);
    ints head[4];
    load_rows(rows, 0, head); /* the scale, upper bits of groups, lower bits of groups */
    UNROLL
    for (size_t i = 0; i < 8; i++) {
        ints low = move_right(head[1], 4 * i) & all_lanes(15);
        ints high = move_bits(head[0], 16 + 2 * i, 4);
        ints group = or_masked(low, high, all_lanes(48));
        group = VECTOR(sub_epi32)(group, all_lanes(32));
        put_floats(to->scales[i], group, lower_halves(head[0]));
    }
    UNROLL
    for (size_t block = 0; block < 8; block++) {
        ints packed[4];
        load_rows(rows, offsetof(struct block_iq4_xs, codes) + 16 * block, packed);
        UNROLL
        for (size_t i = 0; i < 4; i++) {
            put_codes(to, 8 * block + i, bytes_look_up(book, bits_at(packed[i], 0, 15)));
            put_codes(to, 8 * block + 4 + i, bytes_look_up(book, bits_at(packed[i], 4, 15)));
        }
    }
}

#endif
