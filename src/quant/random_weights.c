/* SPDX-License-Identifier: Apache-2.0 */
/* random_weights.c - random blocks: any bytes, and scales that fit. */
#include "quant/random_weights.h"

#include <math.h>

#include "base/bytes.h"
#include "quant/decode.h"
#include "quant/half.h"
#include "quant/scales.h"

#define BLOCK_VALUES    256 /* the most that a block of any format holds */
#define BLOCK_BYTES     256
#define MEASURED_BLOCKS 512 /* gives the deviation to about 1% */
#define MEASURE_SEED    7
#define SCALE_RMS       1.0408 /* root mean square of 0.5 .. 1.5, evenly: sqrt(13 / 12) */

static void set_scale(enum format format, uint8_t *block, double scale, double minimum)
{
    scales_put(format, block, float_to_f16((float)scale), float_to_f16((float)minimum));
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

struct random_scale random_weights_scale(enum format format)
{
    struct random_scale scale = {.deviation = 1};
    if (format_info(format)->float_activations)
        return scale;
    if (scales_have_minimum(format))
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

void random_weights_fill(enum format format, struct random_scale scale, double deviation,
                         struct random *random, uint8_t *blocks, size_t n_blocks)
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
