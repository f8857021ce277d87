/* SPDX-License-Identifier: Apache-2.0 */
/* test_pages.c - blocks of every size around the huge page, and advice, as /proc/self/smaps tells of both. */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mapping.h"
#include "check.h"
#include "machine/pages.h"
#include "scratch.h"
#include "statm.h"

/* Whether the mapping that starts at or before `at` and holds it has a flag ("hg", "rr") in smaps. */
static bool has_flag(const void *at, const char *flag)
{
    struct buffer text = {0};
    bool inside = false, found = false;
    assert_true(file_read(&text, "/proc/self/smaps", 16 << 20, NULL));
    for (char *line = strtok(text.bytes, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        unsigned long begin, end;
        if (sscanf(line, "%lx-%lx ", &begin, &end) == 2)
            inside = begin <= (uintptr_t)at && (uintptr_t)at < end;
        else if (inside && strncmp(line, "VmFlags:", 8) == 0)
            found = strstr(line, flag) != NULL;
    }
    buffer_release(&text);
    return found;
}

static void blocks_are_zeroed_and_aligned(void **state)
{
    (void)state;
    const size_t huge = PAGES_HUGE_BYTES;
    const size_t sizes[] = {1, 4095, 4096, 4097, huge - 1, huge, huge + 1, 5 * huge / 2, 3 * huge};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        size_t n_bytes = sizes[s];
        struct error err;
        uint8_t *block = pages_allocate(n_bytes, "a test", &err);
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % (n_bytes >= huge ? huge : PAGES_SMALL_BYTES), 0);
        for (size_t i = 0; i < n_bytes; i++)
            if (block[i] != 0)
                fail_msg("byte %zu of %zu is not zero", i, n_bytes);
        memset(block, 0xFF, n_bytes);
        pages_free(block, n_bytes);
    }
    pages_free(NULL, huge);
}

static void large_blocks_ask_for_huge_pages(void **state)
{
    (void)state;
    if (file_kind("/sys/kernel/mm/transparent_hugepage") == FILE_MISSING)
        skip();
    size_t n_bytes = 2 * PAGES_HUGE_BYTES + 1;
    uint8_t *large = pages_allocate(n_bytes, "a test", NULL);
    uint8_t *small = pages_allocate(PAGES_HUGE_BYTES - 1, "a test", NULL);
    assert_true(has_flag(large, " hg"));
    assert_true(has_flag(large + n_bytes - 1, " hg"));
    assert_false(has_flag(small, " hg"));
    pages_keep_small(large, n_bytes);
    assert_true(has_flag(large, " nh"));
    assert_false(has_flag(large, " hg"));
    pages_free(large, n_bytes);
    pages_free(small, PAGES_HUGE_BYTES - 1);
}

/* A block takes its own bytes and not what was mapped to align it, and gives all of them back. The small
 * blocks that stay in between make the kernel propose addresses of every alignment. */
static void nothing_is_left_behind(void **state)
{
    (void)state;
    enum { N = 64 };
    const size_t sizes[] = {PAGES_HUGE_BYTES, PAGES_HUGE_BYTES - 5, 3 * PAGES_HUGE_BYTES + 7, 1};
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t mapped[] = {PAGES_HUGE_BYTES, PAGES_HUGE_BYTES, 4 * PAGES_HUGE_BYTES, page};
    void *between[N];
    for (size_t i = 0; i < N; i++) {
        between[i] = pages_allocate(9 * page, "a test", NULL);
        long before = statm_read().mapped;
        void *block = pages_allocate(sizes[i % 4], "a test", NULL);
        assert_int_equal((size_t)(statm_read().mapped - before) * page, mapped[i % 4]);
        pages_free(block, sizes[i % 4]);
        assert_int_equal(statm_read().mapped, before);
    }
    for (size_t i = 0; i < N; i++)
        pages_free(between[i], 9 * page);
}

static void says_what_there_is_no_memory_for(void **state)
{
    (void)state;
    struct error err;
    assert_null(pages_allocate((size_t)1 << 50, "expert slots", &err));
    assert_string_equal(err.text, "no memory for 1073741824 MiB of expert slots: Cannot allocate memory");
    assert_null(pages_allocate(SIZE_MAX, "expert slots", &err));
    assert_string_equal(err.text, "no memory for 17592186044415 MiB of expert slots");
    assert_null(pages_allocate(PTRDIFF_MAX, "expert slots", NULL));
}

static void discards_whole_pages_only(void **state)
{
    (void)state;
    size_t page = (size_t)sysconf(_SC_PAGESIZE), n_bytes = 8 * page;
    uint8_t *block = pages_allocate(n_bytes, "a test", NULL);
    memset(block, 1, n_bytes);
    pages_discard(block + page - 1, 3 * page + 2); /* the last byte of page 0 to the first of page 4 */
    pages_discard(block + 5 * page + 1, page);     /* touches two pages and covers none */
    pages_discard(block + 7 * page, 0);
    for (size_t i = 0; i < n_bytes; i++)
        if (block[i] != (i / page >= 1 && i / page <= 3 ? 0 : 1))
            fail_msg("byte %zu of page %zu is %d", i % page, i / page, block[i]);
    memset(block, 2, n_bytes); /* and may be used again */
    pages_free(block, n_bytes);
}

/* One who owns a file, or may write it, is told; nobody is of a file that is not there. */
static void owners_are_told_what_is_held(void **state)
{
    (void)state;
    struct scratch scratch;
    scratch_make(&scratch);
    assert_true(pages_are_told(scratch_write(&scratch, "weights", "x", 1)));
    assert_false(pages_are_told(scratch_path(&scratch, "absent")));
    scratch_remove(&scratch);
}

static void advice_reaches_the_kernel(void **state)
{
    (void)state;
    struct scratch scratch;
    struct mapping mapping;
    static uint8_t bytes[100000];
    memset(bytes, 7, sizeof bytes);
    scratch_make(&scratch);
    bool ok = mapping_open(&mapping, scratch_write(&scratch, "weights", bytes, sizeof bytes), NULL);
    scratch_remove(&scratch);
    assert_true(ok);

    assert_false(has_flag(mapping.bytes + 50000, " rr"));
    pages_will_need(mapping.bytes + 12345, 33333);
    pages_random(mapping.bytes + 50000, 1);
    assert_true(has_flag(mapping.bytes + 50000, " rr"));
    assert_false(has_flag(mapping.bytes, " rr"));
    pages_random(mapping.bytes, mapping.n_bytes);
    assert_true(has_flag(mapping.bytes, " rr"));
    assert_true(has_flag(mapping.bytes + mapping.n_bytes - 1, " rr"));
    assert_memory_equal(mapping.bytes, bytes, sizeof bytes);
    mapping_close(&mapping);

    pages_will_need(NULL, 0); /* an empty file's mapping */
    pages_random(NULL, 0);
}

/* Bytes of a range of mapped memory that are held; the range begins at a page. */
static size_t resident_bytes(const uint8_t *bytes, size_t n_bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), n_pages = (n_bytes + page - 1) / page, n = 0;
    unsigned char *held = calloc(n_pages, 1);
    assert_non_null(held);
    assert_int_equal(mincore((void *)(uintptr_t)bytes, n_bytes, held), 0);
    for (size_t i = 0; i < n_pages; i++)
        n += held[i] & 1;
    free(held);
    return n * page;
}

/* Reading ahead goes on behind the caller's back: five seconds are enough for any disk. */
static bool becomes_resident(const uint8_t *bytes, size_t n_bytes)
{
    for (int i = 0; i < 500 && resident_bytes(bytes, n_bytes) < n_bytes; i++)
        usleep(10000);
    return resident_bytes(bytes, n_bytes) >= n_bytes;
}

/* A file of 24 MB that is on disk and not in memory, if the file system can do that. */
static bool map_cold(struct mapping *mapping, size_t n_bytes)
{
    struct scratch scratch;
    uint8_t *bytes = malloc(n_bytes);
    assert_non_null(bytes);
    memset(bytes, 5, n_bytes);
    scratch_make(&scratch);
    const char *path = scratch_write(&scratch, "weights", bytes, n_bytes);
    free(bytes);
    int file = open(path, O_RDONLY);
    assert_true(file >= 0);
    assert_int_equal(fsync(file), 0);
    assert_int_equal(posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED), 0);
    close(file);
    assert_true(mapping_open(mapping, path, NULL));
    scratch_remove(&scratch);
    return resident_bytes(mapping->bytes, n_bytes) == 0;
}

/* All of a range is asked for, though the kernel cuts a single piece of advice to a part of it. */
static void whole_ranges_are_read_ahead(void **state)
{
    (void)state;
    const size_t half = 12 << 20;
    struct mapping mapping;
    bool cold = map_cold(&mapping, 2 * half);
    if (cold)
        pages_will_need(mapping.bytes + half + 1, 1);
    if (!cold || !becomes_resident(mapping.bytes + half, 1)) { /* memory disks, emulators */
        mapping_close(&mapping);
        skip();
    }
    pages_random(mapping.bytes, 2 * half);
    assert_false(pages_are_held(mapping.bytes, half));
    pages_will_need(mapping.bytes, half);
    bool held = becomes_resident(mapping.bytes, half) && pages_are_held(mapping.bytes, half) &&
                pages_are_held(mapping.bytes + 5, half - 5);
    if (!held) { /* a machine short of memory takes clean pages back as they come */
        mapping_close(&mapping);
        skip();
    }
    assert_false(pages_are_held(mapping.bytes + 5, half + 4096));
    assert_true(pages_are_held(mapping.bytes, 0));
    assert_true(resident_bytes(mapping.bytes + half, half) < half);
    for (size_t i = 0; i < half; i++)
        assert_int_equal(mapping.bytes[i], 5);
    pages_drop(mapping.bytes, half); /* the file still holds them */
    assert_int_equal(mapping.bytes[half - 1], 5);
    mapping_close(&mapping);
}

static void locks_within_the_limit(void **state)
{
    (void)state;
    struct error err;
    size_t n_bytes = 64 << 10;
    if (mlock((void *)(uintptr_t)PAGES_SMALL_BYTES, 1) == 0)
        skip(); /* AddressSanitizer's own, which does nothing */
    uint8_t *block = pages_allocate(n_bytes, "a test", NULL);
    assert_non_null(block);
    if (pages_lock_limit() >= n_bytes) {
        assert_true(pages_lock(block, n_bytes, &err));
        assert_true(has_flag(block, " lo"));
    }
    assert_true(pages_lock(block, 0, &err));
    assert_false(
        pages_lock((void *)(uintptr_t)PAGES_SMALL_BYTES, n_bytes, &err)); /* nothing is mapped there */
    assert_non_null(strstr(err.text, "cannot lock"));
    pages_free(block, n_bytes);
}

/* The nodes that this kernel has, from sysfs; placing on one of them must succeed, whatever their number. */
static void places_on_nodes_that_are_there(void **state)
{
    (void)state;
    size_t n_bytes = 3 * PAGES_HUGE_BYTES;
    struct error err = {0};
    uint32_t nodes[] = {0, 0};
    uint8_t *block = pages_allocate(n_bytes, "a test", NULL);
    assert_non_null(block);
    if (!pages_place(block, n_bytes, nodes, 1, &err)) { /* containers may forbid it, kernels may lack it */
        assert_non_null(strstr(err.text, "mbind"));
        pages_free(block, n_bytes);
        skip();
    }
    assert_true(pages_place(block, n_bytes, nodes, 2, &err));
    memset(block, 1, n_bytes);
    nodes[0] = PAGES_MAX_NODES;
    assert_false(pages_place(block, n_bytes, nodes, 1, &err));
    assert_non_null(strstr(err.text, "node 1024"));
    nodes[0] = PAGES_MAX_NODES - 1; /* nobody has that one */
    assert_false(pages_place(block, n_bytes, nodes, 1, &err));
    pages_free(block, n_bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_zeroed_and_aligned), cmocka_unit_test(large_blocks_ask_for_huge_pages),
        cmocka_unit_test(nothing_is_left_behind),        cmocka_unit_test(says_what_there_is_no_memory_for),
        cmocka_unit_test(discards_whole_pages_only),     cmocka_unit_test(advice_reaches_the_kernel),
        cmocka_unit_test(owners_are_told_what_is_held),  cmocka_unit_test(whole_ranges_are_read_ahead),
        cmocka_unit_test(locks_within_the_limit),        cmocka_unit_test(places_on_nodes_that_are_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
