/* SPDX-License-Identifier: Apache-2.0 */
/* test_amount.c - sizes, rates and times as they are printed, and sizes as they are typed. */
#include "base/amount.h"

#include "check.h"

static void sizes_printed(void **state)
{
    (void)state;
    static const struct {
        uint64_t n_bytes;
        const char *text;
    } cases[] = {
        {0, "0 B"},
        {1023, "1023 B"},
        {1024, "1.0 KiB"},
        {1536, "1.5 KiB"},
        {1048575, "1.0 MiB"}, /* never 1024.0 KiB */
        {(uint64_t)212 << 30, "212.0 GiB"},
        {UINT64_MAX, "16.0 EiB"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(amount_bytes(cases[i].n_bytes).text, cases[i].text);
}

static void rates_and_times(void **state)
{
    (void)state;
    assert_string_equal(amount_rate(0.0).text, "0.00");
    assert_string_equal(amount_rate(8.4321).text, "8.43");
    assert_string_equal(amount_rate(9.996).text, "10.0");
    assert_string_equal(amount_rate(99.96).text, "100");
    assert_string_equal(amount_rate(1320.4).text, "1320");
    assert_string_equal(amount_seconds(-1).text, "0:00");
    assert_string_equal(amount_seconds(7.4).text, "0:07");
    assert_string_equal(amount_seconds(760).text, "12:40");
    assert_string_equal(amount_seconds(11100).text, "3:05:00");
    assert_string_equal(amount_seconds(1e300).text, "999:59:59");
}

static void sizes_typed(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t n_bytes;
    } good[] = {
        {"0", 0},
        {"512", 512},
        {"512B", 512},
        {"640K", 640 << 10},
        {"640k", 640 << 10},
        {"24G", (uint64_t)24 << 30},
        {"24GB", (uint64_t)24 << 30},
        {"24GiB", (uint64_t)24 << 30},
        {"1.5T", (uint64_t)3 << 39},
        {"15E", (uint64_t)15 << 60},
    };
    static const char *const bad[] = {"",
                                      "G",
                                      "-1",
                                      " 1",
                                      "1 G",
                                      "1GG",
                                      "1Gi",
                                      "0x10",
                                      "1e3",
                                      "1..5",
                                      "nan",
                                      "16E",
                                      "99999999999999999999999"};
    uint64_t n_bytes;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(amount_parse_bytes(good[i].text, &n_bytes));
        assert_true(n_bytes == good[i].n_bytes);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (amount_parse_bytes(bad[i], &n_bytes))
            fail_msg("'%s' was taken for %llu bytes", bad[i], (unsigned long long)n_bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_printed),
        cmocka_unit_test(rates_and_times),
        cmocka_unit_test(sizes_typed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
