/* SPDX-License-Identifier: Apache-2.0 */
/* test_random_weights.c - random blocks decode to values of the deviation that was asked for. */
#include "check.h"

#include <math.h>

#include "base/memory.h"
#include "quant/decode.h"
#include "quant/moments.h"
#include "quant/random_weights.h"

#define SEED 20250120

static void blocks_have_the_deviation_asked_for(void **state)
{
    (void)state;
    enum { N_VALUES = 256 * 256 };
    uint8_t *blocks = memory_allocate(N_VALUES, sizeof(float), "blocks", NULL);
    float *values = memory_allocate(N_VALUES, sizeof *values, "values", NULL);
    for (enum format format = 0; format < FORMAT_COUNT; format++) {
        struct random random = random_seeded(SEED);
        size_t n_blocks = N_VALUES / format_info(format)->block_values;
        random_weights_fill(format, random_weights_scale(format), 0.0118, &random, blocks, n_blocks);
        decode_row(format, blocks, values, N_VALUES);
        struct moments m = moments_of(values, N_VALUES);
        /* formats whose codes are not symmetric, as Q4_0's -8 .. 7, keep a mean of half a code */
        if (!(fabs(m.deviation / 0.0118 - 1) < 0.05) || !(fabs(m.mean) < 0.15 * 0.0118))
            fail_msg("%s: mean %g, deviation %g", format_info(format)->name, m.mean, m.deviation);
    }
    memory_free(blocks);
    memory_free(values);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_have_the_deviation_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
