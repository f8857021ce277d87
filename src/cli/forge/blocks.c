/* SPDX-License-Identifier: Apache-2.0 */
/* blocks.c - random blocks. Knows of each format only where its float16 scale and minimum stand. */
#include "cli/forge/blocks.h"

#include <math.h>

#include "base/bytes.h"
#include "quant/decode.h"
#include "quant/half.h"

#define NOWHERE          0xFFFF
#define BLOCK_VALUES     256 /* the most that a block of any format holds */
#define BLOCK_BYTES      256
#define MEASURED_BLOCKS  512 /* gives the deviation to about 1% */
#define MEASURE_SEED     7
#define SCALE_RMS        1.0408 /* root mean square of 0.5 .. 1.5, evenly: sqrt(13 / 12) */
#define IQ1_M_SCALES     48     /* four words whose upper four bits together are the scale */
#define IQ1_M_SCALE_BITS 12

/* Bytes from the start of a block (the blocks' layout: ggml-common.h of ggml, MIT). */
static const struct {
    uint16_t scale, minimum;
} places[FORMAT_COUNT] = {
    [FORMAT_Q8_0] = {0, NOWHERE},    [FORMAT_Q4_0] = {0, NOWHERE},   [FORMAT_Q4_1] = {0, 2},
    [FORMAT_Q5_0] = {0, NOWHERE},    [FORMAT_Q5_1] = {0, 2},         [FORMAT_Q2_K] = {80, 82},
    [FORMAT_Q3_K] = {108, NOWHERE},  [FORMAT_Q4_K] = {0, 2},         [FORMAT_Q5_K] = {0, 2},
    [FORMAT_Q6_K] = {208, NOWHERE},  [FORMAT_IQ1_S] = {0, NOWHERE},  [FORMAT_IQ1_M] = {NOWHERE, NOWHERE},
    [FORMAT_IQ2_XXS] = {0, NOWHERE}, [FORMAT_IQ2_XS] = {0, NOWHERE}, [FORMAT_IQ2_S] = {0, NOWHERE},
    [FORMAT_IQ3_XXS] = {0, NOWHERE}, [FORMAT_IQ3_S] = {0, NOWHERE},  [FORMAT_IQ4_NL] = {0, NOWHERE},
    [FORMAT_IQ4_XS] = {0, NOWHERE},
};

static void set_scale(enum format format, uint8_t *block, double scale, double minimum)
{
    uint16_t f16 = float_to_f16((float)scale);
    if (format == FORMAT_IQ1_M) {
        for (unsigned i = 0; i < 4; i++) {
            uint8_t *word = block + IQ1_M_SCALES + 2 * i;
            unsigned codes = load_u16(word) & ((1u << IQ1_M_SCALE_BITS) - 1);
            store_u16(word, (uint16_t)(codes | (f16 >> (4 * i) & 0xF) << IQ1_M_SCALE_BITS));
        }
        return;
    }
    store_u16(block + places[format].scale, f16);
    if (places[format].minimum != NOWHERE)
        store_u16(block + places[format].minimum, float_to_f16((float)minimum));
}

struct moments {
    double mean, deviation;
};

/* Of seeded random blocks, all with the same scale and minimum. */
static struct moments measure(enum format format, double scale, double minimum)
{
    const struct format_info *info = format_info(format);
    struct random random = random_seeded(MEASURE_SEED);
    double sum = 0, squares = 0;
    for (size_t i = 0; i < MEASURED_BLOCKS; i++) {
        uint8_t block[BLOCK_BYTES];
        float values[BLOCK_VALUES];
        random_bytes(&random, block, info->block_bytes);
        set_scale(format, block, scale, minimum);
        decode_row(format, block, values, info->block_values);
        for (size_t k = 0; k < info->block_values; k++) {
            sum += values[k];
            squares += (double)values[k] * values[k];
        }
    }
    double n = (double)MEASURED_BLOCKS * info->block_values, mean = sum / n;
    return (struct moments){mean, sqrt(squares / n - mean * mean)};
}

struct block_scale block_scale_measure(enum format format)
{
    struct block_scale scale = {.deviation = 1};
    if (format_info(format)->float_activations)
        return scale;
    if (places[format].minimum != NOWHERE && format != FORMAT_IQ1_M)
        scale.minimum_ratio = -measure(format, 1, 0).mean / measure(format, 0, 1).mean;
    scale.deviation = measure(format, 1, scale.minimum_ratio).deviation;
    return scale;
}

static void fill_floats(enum format format, double deviation, struct random *random, uint8_t *values,
                        size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float value = (float)(deviation * random_normal(random));
        if (format == FORMAT_F32)
            store_u32(values + 4 * i, float_to_bits(value));
        else
            store_u16(values + 2 * i, format == FORMAT_F16 ? float_to_f16(value) : float_to_bf16(value));
    }
}

void blocks_fill(enum format format, struct block_scale scale, double deviation, struct random *random,
                 uint8_t *blocks, size_t n_blocks)
{
    const struct format_info *info = format_info(format);
    if (info->float_activations) {
        fill_floats(format, deviation, random, blocks, n_blocks);
        return;
    }
    random_bytes(random, blocks, n_blocks * info->block_bytes);
    for (size_t i = 0; i < n_blocks; i++) {
        double d = deviation / scale.deviation / SCALE_RMS * (0.5 + random_unit(random));
        set_scale(format, blocks + i * info->block_bytes, d, d * scale.minimum_ratio);
    }
}
