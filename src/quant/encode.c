/* SPDX-License-Identifier: Apache-2.0 */
/* encode.c - the dispatch, the float formats, and Q8_0 and Q4_0 with the bits of ggml's reference (MIT).
 *
 * That reference divides in float32, multiplies with the reciprocal of the
 * scale before it is rounded to binary16, and rounds codes half away from
 * zero (Q8_0) or up (Q4_0); the `gguf` Python package does the same. */
#include "quant/encode.h"

#include <assert.h>

#include "quant/encode_block.h"

/* Exact where nearest_code() may be off by a rounding of its own; values that are not finite give zero. */
static int8_t rounded_code(float v)
{
    return fabsf(v) < 127.5f ? (int8_t)roundf(v) : 0;
}

static void encode_q8_0(const float *values, void *bytes)
{
    struct block_q8_0 *block = bytes;
    float largest = 0.0f;

    for (int i = 0; i < BLOCK_SMALL; i++)
        largest = fmaxf(largest, fabsf(values[i]));
    float scale = largest / 127.0f;
    float inverse = inverse_scale(scale);

    store_u16(block->scale, float_to_f16(scale));
    for (int i = 0; i < BLOCK_SMALL; i++)
        block->codes[i] = (uint8_t)rounded_code(values[i] * inverse);
}

/* The largest value, sign and all, is code 0, which stands for -8. */
static void encode_q4_0(const float *values, void *bytes)
{
    struct block_q4_0 *block = bytes;
    float largest = values[0];

    for (int i = 1; i < BLOCK_SMALL; i++)
        if (fabsf(values[i]) > fabsf(largest))
            largest = values[i];
    float scale = largest / -8.0f;
    double inverse = (double)inverse_scale(scale);

    store_u16(block->scale, float_to_f16(scale));
    for (int i = 0; i < BLOCK_SMALL / 2; i++) {
        int low = nearest_code((float)floor((double)values[i] * inverse + 8.5), 0, 15);
        int high = nearest_code((float)floor((double)values[i + BLOCK_SMALL / 2] * inverse + 8.5), 0, 15);
        block->codes[i] = (uint8_t)(low | high << 4);
    }
}

bool encode_supported(enum format format)
{
    switch (format) {
    case FORMAT_F32:
    case FORMAT_F16:
    case FORMAT_BF16:
    case FORMAT_Q8_0:
    case FORMAT_Q4_0:
    case FORMAT_Q4_K:
    case FORMAT_Q6_K:
        return true;
    default:
        return false;
    }
}

static void encode_blocks(void encode(const float *, void *), const float *values, uint8_t *to,
                          const struct format_info *info, size_t n_values)
{
    for (size_t i = 0; i < n_values / info->block_values; i++)
        encode(values + i * info->block_values, to + i * info->block_bytes);
}

void encode_row(enum format format, const float *values, void *blocks, size_t n_values)
{
    const struct format_info *info = format_info(format);
    uint8_t *to = blocks;

    assert(encode_supported(format) && n_values % info->block_values == 0);
    switch (format) {
    case FORMAT_F32:
        memcpy(blocks, values, n_values * sizeof *values);
        break;
    case FORMAT_F16:
        for (size_t i = 0; i < n_values; i++)
            store_u16(to + 2 * i, float_to_f16(values[i]));
        break;
    case FORMAT_BF16:
        for (size_t i = 0; i < n_values; i++)
            store_u16(to + 2 * i, float_to_bf16(values[i]));
        break;
    case FORMAT_Q8_0:
        encode_blocks(encode_q8_0, values, to, info, n_values);
        break;
    case FORMAT_Q4_0:
        encode_blocks(encode_q4_0, values, to, info, n_values);
        break;
    case FORMAT_Q4_K:
        encode_blocks(encode_q4_k, values, to, info, n_values);
        break;
    case FORMAT_Q6_K:
        encode_blocks(encode_q6_k, values, to, info, n_values);
        break;
    default:
        break;
    }
}
