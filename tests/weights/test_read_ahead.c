/* SPDX-License-Identifier: Apache-2.0 */
/* test_read_ahead.c - what is mapped comes into memory without being touched, and stopping early is safe. */
#include <fcntl.h>

#include "check.h"
#include "machine/pages.h"
#include "scratch.h"
#include "weights/read_ahead.h"

enum { N_SHARDS = 2 };

/* Two shards of holes, which no memory holds before they are read. */
struct setup {
    struct scratch scratch;
    struct gguf_shard shards[N_SHARDS];
    struct gguf file;
};

static void open_setup(struct setup *setup, size_t shard_bytes)
{
    static const char *const names[N_SHARDS] = {"1", "2"};
    struct error err;
    *setup = (struct setup){.file = {.shards = setup->shards, .n_shards = N_SHARDS}};
    scratch_make(&setup->scratch);
    for (size_t i = 0; i < N_SHARDS; i++) {
        const char *path = scratch_path(&setup->scratch, names[i]);
        int file = open(path, O_CREAT | O_WRONLY, 0600);
        assert_true(file >= 0);
        assert_int_equal(ftruncate(file, (off_t)(shard_bytes + i)), 0);
        close(file);
        assert_true(mapping_open(&setup->shards[i].map, path, &err));
    }
}

static bool is_held(const struct gguf_shard *shard)
{
    return pages_are_held(shard->map.bytes, shard->map.n_bytes);
}

static void close_setup(struct setup *setup)
{
    for (size_t i = 0; i < N_SHARDS; i++)
        mapping_close(&setup->shards[i].map);
    scratch_remove(&setup->scratch);
}

static void all_shards_come(void **state)
{
    (void)state;
    struct setup setup;
    struct read_ahead ahead = {0};
    open_setup(&setup, READ_AHEAD_LEAST_BYTES / N_SHARDS + 4097);
    assert_false(is_held(&setup.shards[0]));
    assert_false(is_held(&setup.shards[1]));
    read_ahead_start(&ahead, &setup.file);
    while (!read_ahead_is_done(&ahead))
        usleep(1000);
    read_ahead_stop(&ahead);
    assert_true(is_held(&setup.shards[0]));
    assert_true(is_held(&setup.shards[1]));
    close_setup(&setup);
}

static void small_files_are_left_alone(void **state)
{
    (void)state;
    struct setup setup;
    struct read_ahead ahead = {0};
    open_setup(&setup, 1 << 20);
    read_ahead_start(&ahead, &setup.file);
    assert_int_equal(ahead.n_threads, 0);
    read_ahead_stop(&ahead);
    assert_false(is_held(&setup.shards[0]));
    close_setup(&setup);
}

static void stopping_waits_for_little(void **state)
{
    (void)state;
    struct setup setup;
    struct read_ahead ahead = {0};
    read_ahead_stop(&ahead); /* of nothing */
    open_setup(&setup, (size_t)8 << 30);
    ahead = (struct read_ahead){0};
    read_ahead_start(&ahead, &setup.file);
    read_ahead_stop(&ahead);
    assert_int_equal(ahead.n_threads, 0);
    assert_false(read_ahead_is_done(&ahead));
    close_setup(&setup);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_shards_come),
        cmocka_unit_test(small_files_are_left_alone),
        cmocka_unit_test(stopping_waits_for_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
