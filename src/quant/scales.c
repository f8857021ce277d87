/* SPDX-License-Identifier: Apache-2.0 */
/* scales.c - where each format keeps its floating-point numbers. A number is infinite or none where all bits
 * of its exponent are set; group scales and codes are integers, which stay finite times what is. */
#include "quant/scales.h"

#include "quant/blocks.h"

#define F16_EXPONENT  0x7C00u
#define BF16_EXPONENT 0x7F80u
#define F32_EXPONENT  0x7F800000u
#define NONE          UINT16_MAX

/* Bytes from a block's start to its binary16 numbers. */
static const struct {
    uint16_t scale, minimum;
} places[FORMAT_COUNT] = {
    [FORMAT_F32] = {NONE, NONE},
    [FORMAT_F16] = {0, NONE},
    [FORMAT_BF16] = {NONE, NONE},
    [FORMAT_Q8_0] = {offsetof(struct block_q8_0, scale), NONE},
    [FORMAT_Q4_0] = {offsetof(struct block_q4_0, scale), NONE},
    [FORMAT_Q4_1] = {offsetof(struct block_q4_1, scale), offsetof(struct block_q4_1, minimum)},
    [FORMAT_Q5_0] = {offsetof(struct block_q5_0, scale), NONE},
    [FORMAT_Q5_1] = {offsetof(struct block_q5_1, scale), offsetof(struct block_q5_1, minimum)},
    [FORMAT_Q2_K] = {offsetof(struct block_q2_k, scale), offsetof(struct block_q2_k, minimum)},
    [FORMAT_Q3_K] = {offsetof(struct block_q3_k, scale), NONE},
    [FORMAT_Q4_K] = {offsetof(struct block_q4_k, scale), offsetof(struct block_q4_k, minimum)},
    [FORMAT_Q5_K] = {offsetof(struct block_q5_k, scale), offsetof(struct block_q5_k, minimum)},
    [FORMAT_Q6_K] = {offsetof(struct block_q6_k, scale), NONE},
    [FORMAT_IQ1_S] = {offsetof(struct block_iq1_s, scale), NONE},
    [FORMAT_IQ1_M] = {NONE, NONE}, /* spread over the top halves of four words, the highest of them last */
    [FORMAT_IQ2_XXS] = {offsetof(struct block_iq2_xxs, scale), NONE},
    [FORMAT_IQ2_XS] = {offsetof(struct block_iq2_xs, scale), NONE},
    [FORMAT_IQ2_S] = {offsetof(struct block_iq2_s, scale), NONE},
    [FORMAT_IQ3_XXS] = {offsetof(struct block_iq3_xxs, scale), NONE},
    [FORMAT_IQ3_S] = {offsetof(struct block_iq3_s, scale), NONE},
    [FORMAT_IQ4_NL] = {offsetof(struct block_iq4_nl, scale), NONE},
    [FORMAT_IQ4_XS] = {offsetof(struct block_iq4_xs, scale), NONE},
};

static bool f16_is_finite(const uint8_t *at)
{
    return (load_u16(at) & F16_EXPONENT) != F16_EXPONENT;
}

static size_t find_in_f32(const uint8_t *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((load_u32(values + 4 * i) & F32_EXPONENT) == F32_EXPONENT)
            return i;
    return n;
}

static size_t find_in_bf16(const uint8_t *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((load_u16(values + 2 * i) & BF16_EXPONENT) == BF16_EXPONENT)
            return i;
    return n;
}

static size_t find_in_iq1_m(const uint8_t *blocks, size_t n_blocks)
{
    for (size_t i = 0; i < n_blocks; i++) {
        const uint8_t *groups = ((const struct block_iq1_m *)blocks)[i].groups;
        unsigned high = load_u16(groups + 6) >> 12, next = load_u16(groups + 4) >> 12;
        if (((high << 12 | next << 8) & F16_EXPONENT) == F16_EXPONENT)
            return i;
    }
    return n_blocks;
}

size_t scales_find_broken(enum format format, const void *blocks, size_t n_blocks)
{
    if (format == FORMAT_F32)
        return find_in_f32(blocks, n_blocks);
    if (format == FORMAT_BF16)
        return find_in_bf16(blocks, n_blocks);
    if (format == FORMAT_IQ1_M)
        return find_in_iq1_m(blocks, n_blocks);
    const uint8_t *at = blocks;
    size_t step = format_info(format)->block_bytes, scale = places[format].scale,
           minimum = places[format].minimum;
    for (size_t i = 0; i < n_blocks; i++, at += step)
        if (!f16_is_finite(at + scale) || (minimum != NONE && !f16_is_finite(at + minimum)))
            return i;
    return n_blocks;
}

bool scales_have_minimum(enum format format)
{
    return places[format].minimum != NONE;
}

void scales_put(enum format format, void *block, uint16_t scale, uint16_t minimum)
{
    uint8_t *at = block;
    if (format == FORMAT_IQ1_M)
        for (unsigned i = 0; i < 4; i++) {
            uint8_t *top = at + offsetof(struct block_iq1_m, groups) + 2 * i + 1;
            *top = (uint8_t)((*top & 0xF) | (scale >> (4 * i) & 0xF) << 4);
        }
    if (places[format].scale != NONE && !format_info(format)->float_activations)
        store_u16(at + places[format].scale, scale);
    if (places[format].minimum != NONE)
        store_u16(at + places[format].minimum, minimum);
}
