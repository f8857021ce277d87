/* SPDX-License-Identifier: Apache-2.0 */
/* test_mapping.c - mapped files of every kind of size, and everything that is not a regular file. */
#include <string.h>

#include "base/mapping.h"
#include "check.h"
#include "scratch.h"

static struct scratch scratch;

static int make_folder(void **state)
{
    (void)state;
    scratch_make(&scratch);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    scratch_remove(&scratch);
    return 0;
}

static void shows_the_file(void **state)
{
    (void)state;
    uint8_t bytes[9000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 256);
    const size_t sizes[] = {1, 4095, 4096, 4097, sizeof bytes};
    for (size_t i = 0; i < 5; i++) {
        const char *path = scratch_write(&scratch, "weights", bytes, sizes[i]);
        struct mapping mapping;
        assert_true(mapping_open(&mapping, path, NULL));
        assert_int_equal(mapping.n_bytes, sizes[i]);
        assert_memory_equal(mapping.bytes, bytes, sizes[i]);
        mapping_close(&mapping);
        assert_null(mapping.bytes);
        mapping_close(&mapping);
    }
}

/* Removed or replaced by name, the mapping keeps the file it opened. */
static void outlives_the_name(void **state)
{
    (void)state;
    const char *path = scratch_write_text(&scratch, "short", "old bytes");
    struct mapping mapping;
    assert_true(mapping_open(&mapping, path, NULL));
    assert_int_equal(remove(path), 0);
    assert_memory_equal(mapping.bytes, "old bytes", 9);
    mapping_close(&mapping);
}

static void empty_file_is_no_error(void **state)
{
    (void)state;
    struct mapping mapping;
    assert_true(mapping_open(&mapping, scratch_write_text(&scratch, "empty", ""), NULL));
    assert_null(mapping.bytes);
    assert_int_equal(mapping.n_bytes, 0);
    mapping_close(&mapping);
}

static void assert_refused(const char *path, const char *text)
{
    struct mapping mapping;
    struct error err;
    memset(&mapping, 0xFF, sizeof mapping);
    assert_false(mapping_open(&mapping, path, &err));
    assert_string_equal(err.text, text);
    assert_null(mapping.bytes);
    mapping_close(&mapping); /* safe after a failure */
}

static void refuses_other_things(void **state)
{
    (void)state;
    assert_refused(scratch_path(&scratch, "missing"), "cannot open: No such file or directory");
    assert_refused(scratch.folder, "is a folder, not a file");
    assert_refused("/dev/null", "is not a regular file");
    assert_int_equal(mkfifo(scratch_path(&scratch, "pipe"), 0600), 0);
    assert_refused(scratch_path(&scratch, "pipe"),
                   "is not a regular file"); /* and does not wait for a writer */
}

static void a_hole_begins_with_its_head(void **state)
{
    (void)state;
    struct mapping hole;
    struct error err;
    if (!mapping_make_hole(&hole, "head", 4, (uint64_t)1 << 30, &err))
        fail_msg("%s", err.text);
    assert_true(hole.n_bytes >= (size_t)1 << 30);
    assert_memory_equal(hole.bytes, "head\0", 5);
    assert_int_equal(hole.bytes[hole.n_bytes - 1], 0);
    mapping_close(&hole);
    assert_null(hole.bytes);
    assert_true(mapping_make_hole(&hole, "only a head", 11, 11, NULL));
    assert_memory_equal(hole.bytes, "only a head", 11);
    mapping_close(&hole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_the_file),
        cmocka_unit_test(outlives_the_name),
        cmocka_unit_test(empty_file_is_no_error),
        cmocka_unit_test(refuses_other_things),
        cmocka_unit_test(a_hole_begins_with_its_head),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
