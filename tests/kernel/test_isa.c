/* SPDX-License-Identifier: Apache-2.0 */
/* test_isa.c - names and masks of instruction sets, and tables without holes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernel/kernel.h"

#include <cmocka.h> /* last: its fail() is a macro */

static void test_names_are_read_back(void **state)
{
    (void)state;
    enum isa isa = ISA_COUNT;
    for (int i = 0; i < ISA_COUNT; i++) {
        assert_true(isa_by_name(isa_name((enum isa)i), &isa));
        assert_int_equal(isa, i);
    }
    assert_false(isa_by_name("mmx", &isa));
    assert_false(isa_by_name("", &isa));
    assert_int_equal(isa, ISA_COUNT - 1);
}

static void test_generic_is_everywhere_and_best_is_available(void **state)
{
    (void)state;
    assert_true(isa_available(ISA_GENERIC));
    assert_true(isa_available(isa_best()));
}

static void assert_attends(const struct attend_kernels *kernels)
{
    assert_non_null(kernels->pack_queries);
    assert_non_null(kernels->product);
    assert_non_null(kernels->weigh);
    assert_non_null(kernels->sum);
    if (kernels->word_numbers > 1) {
        assert_non_null(kernels->pack_keys);
        assert_non_null(kernels->pack_values);
    }
}

static void test_every_level_fills_every_entry(void **state)
{
    (void)state;
    for (int isa = 0; isa < ISA_COUNT; isa++) {
        struct kernels kernels;
        struct error err = {""};
        if (!isa_available((enum isa)isa)) {
            assert_false(kernels_fill(&kernels, (enum isa)isa, &err));
            assert_non_null(strstr(err.text, isa_name((enum isa)isa)));
            continue;
        }
        assert_true(kernels_fill(&kernels, (enum isa)isa, &err));
        assert_int_equal(kernels.isa, isa);
        for (int format = 0; format < FORMAT_COUNT; format++) {
            assert_non_null(kernels.product[format]);
            assert_non_null(kernels.product_exact[format]);
            assert_non_null(kernels.panel_product[format]);
            assert_true((kernels.wide_product[format] != NULL) ==
                        (isa == ISA_AMX && !format_info((enum format)format)->float_activations));
        }
        assert_true(kernels.many_rows > 0 && kernels.many_rows % 64 == 0);
        assert_non_null(kernels.quantize);
        assert_non_null(kernels.rms_norm);
        assert_non_null(kernels.silu_multiply);
        assert_non_null(kernels.add_scaled);
        assert_non_null(kernels.scale_add);
        assert_non_null(kernels.exponential);
        assert_non_null(kernels.f16_to_float);
        assert_non_null(kernels.float_to_f16);
        assert_non_null(kernels.q8_0_to_float);
        assert_non_null(kernels.q4_0_to_float);
        assert_non_null(kernels.attend_unpack);
        assert_attends(&kernels.attend_float);
        assert_attends(&kernels.attend_int16);
        assert_attends(kernels_attend_int16(&kernels, true));
        assert_ptr_equal(kernels_attend_int16(&kernels, false), &kernels.attend_int16);
        assert_int_equal(kernels.attend_float.word_numbers, 1);
    }
}

/* A machine may have avx512 and lack avxvnni, so nothing of avxvnni's may be left above it. */
static void test_a_level_that_some_machines_lack_is_overwritten(void **state)
{
    (void)state;
    struct kernels below, there, above;
    if (!isa_available(ISA_AVX_VNNI) || !isa_available(ISA_AVX512)) {
        print_message("not on this machine: %s and %s\n", isa_name(ISA_AVX_VNNI), isa_name(ISA_AVX512));
        skip();
    }
    assert_true(kernels_fill(&below, ISA_AVX2, NULL));
    assert_true(kernels_fill(&there, ISA_AVX_VNNI, NULL));
    assert_true(kernels_fill(&above, ISA_AVX512, NULL));
    for (int format = 0; format < FORMAT_COUNT; format++) {
        if (there.panel_product[format] != below.panel_product[format])
            assert_ptr_not_equal(above.panel_product[format], there.panel_product[format]);
    }
    assert_ptr_not_equal(above.attend_int16.product, there.attend_int16.product);
    assert_ptr_not_equal(above.attend_int16.sum, there.attend_int16.sum);
    there.attend_int16.product = below.attend_int16.product;
    there.attend_int16.sum = below.attend_int16.sum;
    assert_memory_equal(there.product, below.product, sizeof below.product);
    assert_memory_equal(&there.attend_float, &below.attend_float, sizeof below.attend_float);
    assert_memory_equal(&there.attend_int16, &below.attend_int16, sizeof below.attend_int16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_are_read_back),
        cmocka_unit_test(test_generic_is_everywhere_and_best_is_available),
        cmocka_unit_test(test_every_level_fills_every_entry),
        cmocka_unit_test(test_a_level_that_some_machines_lack_is_overwritten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
