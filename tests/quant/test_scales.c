/* SPDX-License-Identifier: Apache-2.0 */
/* test_scales.c - a block is called broken just where decoding it gives something that is no finite number:
 * on random blocks of every format, with scales that are often enough infinite. */
#include "check.h"

#include <math.h>
#include <string.h>

#include "base/random.h"
#include "quant/blocks.h"
#include "quant/decode.h"
#include "quant/scales.h"

#define ROUNDS      3000
#define MOST_BYTES  256
#define MOST_VALUES 256

static bool decodes_to_numbers(enum format format, const uint8_t *block)
{
    float values[MOST_VALUES];
    size_t n = format_info(format)->block_values;
    decode_row(format, block, values, n);
    for (size_t i = 0; i < n; i++)
        if (!isfinite(values[i]))
            return false;
    return true;
}

/* A random block, whose exponents are all ones in about a tenth of the rounds. */
static void draw(struct random *random, uint8_t *block, size_t n_bytes)
{
    random_bytes(random, block, n_bytes);
    if (random_below(random, 4) == 0)
        memset(block, random_below(random, 2) == 0 ? 0x7C : 0x00, 4);
    for (int i = 0; i < 3; i++)
        block[n_bytes - 1 - random_below(random, n_bytes < 8 ? n_bytes : 8)] =
            (uint8_t)(0x7C + random_below(random, 4));
}

static void test_agrees_with_decode(void **state)
{
    (void)state;
    for (enum format format = 0; format < FORMAT_COUNT; format++) {
        struct random random = random_seeded(7 + (uint64_t)format);
        size_t n_bytes = format_info(format)->block_bytes, n_broken = 0;
        uint8_t block[MOST_BYTES];
        for (int round = 0; round < ROUNDS; round++) {
            draw(&random, block, n_bytes);
            bool sound = decodes_to_numbers(format, block);
            n_broken += !sound;
            if ((scales_find_broken(format, block, 1) == 1) != sound)
                fail_msg("%s, round %d: sound %d, and the opposite was said", format_info(format)->name,
                         round, sound);
        }
        if (n_broken < 20 || n_broken > ROUNDS - 20)
            fail_msg("%s: %zu of %d blocks were broken, which tests nothing", format_info(format)->name,
                     n_broken, ROUNDS);
    }
}

static void test_tells_where(void **state)
{
    struct block_q5_1 blocks[9];
    (void)state;
    memset(blocks, 0, sizeof blocks);
    assert_int_equal(scales_find_broken(FORMAT_Q5_1, blocks, 9), 9);
    blocks[7].scale[1] = 0xFC;
    blocks[5].minimum[1] = 0x7E;
    assert_int_equal(scales_find_broken(FORMAT_Q5_1, blocks, 9), 5);
    assert_int_equal(scales_find_broken(FORMAT_Q5_1, blocks, 5), 5);
    assert_int_equal(scales_find_broken(FORMAT_Q5_1, blocks, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agrees_with_decode),
        cmocka_unit_test(test_tells_where),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
