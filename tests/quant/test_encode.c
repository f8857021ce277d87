/* SPDX-License-Identifier: Apache-2.0 */
/* test_encode.c - the encoders' bits: ggml's where it defines them, the same everywhere where Fathom does. */
#include <float.h>
#include <math.h>

#include "base/index.h"
#include "base/random.h"
#include "check.h"
#include "oracle.h"
#include "quant/blocks.h"
#include "quant/decode.h"
#include "quant/encode.h"

static void check_against_oracle(enum format format)
{
    struct oracle oracle = oracle_open("encode", format);
    uint8_t *got = malloc(oracle.n_bytes + 1);
    assert_non_null(got);
    encode_row(format, oracle.values, got + 1, oracle.n_values);

    for (size_t i = 0; i < oracle.n_bytes; i++) {
        if (got[i + 1] != oracle.blocks[i])
            fail_msg("%s: byte %zu is %02x, expected %02x", format_info(format)->name, i, got[i + 1],
                     oracle.blocks[i]);
    }
    free(got);
    oracle_close(&oracle);
}

static void plain_formats_match_the_oracle(void **state)
{
    (void)state;
    check_against_oracle(FORMAT_F16);
    check_against_oracle(FORMAT_BF16);
    check_against_oracle(FORMAT_Q8_0);
    check_against_oracle(FORMAT_Q4_0);
}

static void f32_is_copied(void **state)
{
    (void)state;
    const float values[3] = {1.0f, -0.0f, FLT_MAX};
    uint8_t bytes[1 + sizeof values];
    encode_row(FORMAT_F32, values, bytes + 1, 3);
    assert_memory_equal(bytes + 1, values, sizeof values);
}

static void only_seven_are_supported(void **state)
{
    (void)state;
    int n = 0;
    for (int i = 0; i < FORMAT_COUNT; i++)
        n += encode_supported((enum format)i);
    assert_int_equal(n, 7);
    assert_true(encode_supported(FORMAT_Q4_K) && encode_supported(FORMAT_Q6_K));
    assert_false(encode_supported(FORMAT_Q5_K));
}

/* Values made by integers alone, so that no library's logarithm decides what is encoded. */
static void fill_exactly(float *x, size_t n, uint64_t seed)
{
    struct random random = random_seeded(seed);
    for (size_t i = 0; i < n; i++) {
        int sum = 0;
        for (int k = 0; k < 4; k++)
            sum += (int)(random_u64(&random) >> 52) - 2048;
        x[i] = (float)sum * 0x1p-17f * (float)(1 + i / 32 % 5);
    }
}

/* gcc and clang on x86-64 gave these hashes, gcc on arm64 too; any other must agree. */
static void searched_blocks_are_the_same_everywhere(void **state)
{
    (void)state;
    float x[16 * 256];
    uint8_t blocks[16 * sizeof(struct block_q6_k)];

    fill_exactly(x, 16 * 256, 7);
    encode_row(FORMAT_Q4_K, x, blocks, 16 * 256);
    assert_true(hash_bytes(blocks, 16 * sizeof(struct block_q4_k)) == 0x8037f1d85090a413u);
    encode_row(FORMAT_Q6_K, x, blocks, 16 * 256);
    assert_true(hash_bytes(blocks, 16 * sizeof(struct block_q6_k)) == 0xfefb70a5c419efbau);
}

static void encode_and_decode(enum format format, const float x[256], float back[256])
{
    uint8_t block[1 + 256 * sizeof(float)];
    encode_row(format, x, block + 1, 256);
    decode_row(format, block + 1, back, 256);
}

/* Zero must stay zero; so must what is too small for the scale. */
static void small_rows_become_zero(void **state)
{
    (void)state;
    const enum format formats[] = {FORMAT_Q8_0, FORMAT_Q4_0, FORMAT_Q4_K, FORMAT_Q6_K};
    const float sizes[] = {0.0f, -0.0f, 0x1p-149f, 0x1p-120f, 1e-20f};
    for (int f = 0; f < 4; f++) {
        for (int s = 0; s < 5; s++) {
            float x[256], back[256];
            for (int i = 0; i < 256; i++)
                x[i] = i % 3 ? sizes[s] : -sizes[s];
            encode_and_decode(formats[f], x, back);
            for (int i = 0; i < 256; i++)
                assert_true(back[i] == 0.0f);
        }
    }
}

/* Numbers that lie on a block's grid must come back exactly. */
static void grids_are_found(void **state)
{
    (void)state;
    float x[256], back[256];

    for (int i = 0; i < 256; i++) /* Q4_K: the block's scale is 1/4 and its minimum 1/2, exactly */
        x[i] = 0.25f * (float)(63 - i / 32 * 7) * (float)(i % 16) - 0.5f * (float)(7 + i / 32 * 8);
    encode_and_decode(FORMAT_Q4_K, x, back);
    for (int i = 0; i < 256; i++)
        assert_true(back[i] == x[i]);

    for (int i = 0; i < 256; i++) /* Q6_K: the block's scale is 1/128, exactly */
        x[i] = 0x1p-7f * (float)(i / 16 == 3 ? -128 : 100 + i / 16) * (float)(i % 16 * 63 / 15 - 32);
    encode_and_decode(FORMAT_Q6_K, x, back);
    for (int i = 0; i < 256; i++)
        assert_true(back[i] == x[i]);
}

/* Groups of one value, of one sign, and one huge value among small ones. */
static void odd_rows_stay_close(void **state)
{
    (void)state;
    float x[256], back[256];

    for (int i = 0; i < 256; i++)
        x[i] = i < 128 ? 2.5f : -2.5f;
    encode_and_decode(FORMAT_Q4_K, x, back);
    for (int i = 0; i < 256; i++)
        assert_true(fabsf(back[i] - x[i]) < 0.05f);
    encode_and_decode(FORMAT_Q6_K, x, back);
    for (int i = 0; i < 256; i++)
        assert_true(fabsf(back[i] - x[i]) < 0.02f);

    fill_exactly(x, 256, 3);
    x[100] = 1000.0f;
    encode_and_decode(FORMAT_Q4_K, x, back);
    assert_true(fabsf(back[100] - 1000.0f) < 5.0f);
    encode_and_decode(FORMAT_Q6_K, x, back);
    assert_true(fabsf(back[100] - 1000.0f) < 5.0f);
}

/* Whatever a file holds, an encoder comes back, and what it cannot reach is clipped. */
static void extreme_rows_end(void **state)
{
    (void)state;
    const enum format formats[] = {FORMAT_F16,  FORMAT_BF16, FORMAT_Q8_0,
                                   FORMAT_Q4_0, FORMAT_Q4_K, FORMAT_Q6_K};
    const float sizes[] = {FLT_MAX, INFINITY, NAN, 1e10f, 0x1p-126f};
    for (int f = 0; f < 6; f++) {
        for (int s = 0; s < 5; s++) {
            float x[256], back[256];
            fill_exactly(x, 256, 1);
            x[17] = sizes[s];
            x[200] = -sizes[s];
            encode_and_decode(formats[f], x, back);
            if (f >= 4 && sizes[s] == 1e10f)
                assert_true(isfinite(back[17]) && back[17] > 1e6f && back[200] < -1e6f);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_formats_match_the_oracle),
        cmocka_unit_test(f32_is_copied),
        cmocka_unit_test(only_seven_are_supported),
        cmocka_unit_test(searched_blocks_are_the_same_everywhere),
        cmocka_unit_test(small_rows_become_zero),
        cmocka_unit_test(grids_are_found),
        cmocka_unit_test(odd_rows_stay_close),
        cmocka_unit_test(extreme_rows_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
