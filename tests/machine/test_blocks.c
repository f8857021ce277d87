/* SPDX-License-Identifier: Apache-2.0 */
/* test_blocks.c - small and large blocks: zeroed, aligned, real where they are touched, and given back. */
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "machine/blocks.h"
#include "machine/pages.h"
#include "statm.h"

static void blocks_of_every_size_are_zeroed_and_aligned(void **state)
{
    (void)state;
    const size_t sizes[] = {1, 63, 4096, PAGES_HUGE_BYTES - 1, PAGES_HUGE_BYTES, PAGES_HUGE_BYTES + 1};
    struct blocks blocks = {0};
    struct error err = {0};
    uint64_t n_bytes = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint8_t *block = blocks_take(&blocks, sizes[i], 1, "a test", &err);
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % 64, 0);
        for (size_t at = 0; at < sizes[i]; at++)
            assert_int_equal(block[at], 0);
        block[0] = block[sizes[i] - 1] = 1;
        assert_int_equal(blocks.n_bytes, n_bytes += sizes[i]);
    }
    assert_non_null(blocks_take(&blocks, 0, 8, "nothing", &err));
    blocks_release(&blocks);
    assert_null(blocks.last);
    blocks_release(&blocks); /* of none */
}

static void a_large_block_is_real_only_where_it_is_touched(void **state)
{
    (void)state;
    const size_t n_bytes = (size_t)1 << 30;
    struct blocks blocks = {0};
    struct error err = {0};
    const struct statm before = statm_read();
    uint8_t *block = blocks_take(&blocks, n_bytes / 4, 4, "a test", &err);
    assert_non_null(block);
    block[n_bytes / 2] = 1;
    const long n_pages = (long)n_bytes / sysconf(_SC_PAGESIZE);
    /* a huge page of arm64 has up to 512 MiB */
    assert_true(statm_read().resident - before.resident <= n_pages / 2);
    assert_true(statm_read().mapped - before.mapped >= n_pages);
    blocks_release(&blocks);
    assert_true(statm_read().mapped - before.mapped < n_pages / 2);
}

static void what_overflows_is_refused(void **state)
{
    (void)state;
    struct blocks blocks = {0};
    struct error err = {0};
    assert_null(blocks_take(&blocks, SIZE_MAX / 2, 4, "a test", &err));
    assert_non_null(strstr(err.text, "of a test"));
    assert_null(blocks_take(&blocks, SIZE_MAX / 4, 2, "a test", &err));
    assert_non_null(strstr(err.text, "of a test"));
    assert_int_equal(blocks.n_bytes, 0);
    blocks_release(&blocks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_of_every_size_are_zeroed_and_aligned),
        cmocka_unit_test(a_large_block_is_real_only_where_it_is_touched),
        cmocka_unit_test(what_overflows_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
