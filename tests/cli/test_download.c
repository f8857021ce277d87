/* SPDX-License-Identifier: Apache-2.0 */
/* test_download.c - NAME.part and its record, as runs that ended in the middle leave them. */
#include "check.h"

#include <fcntl.h>
#include <stdlib.h>

#include "base/file.h"
#include "cli/pull/download.h"
#include "scratch.h"

#define FILE_BYTES ((uint64_t)3 << 20) /* three pieces */
#define HELD_BYTES 70000

/* A file without a listed sum, of which HELD_BYTES of the second piece are there and recorded. */
struct stage {
    struct scratch scratch;
    struct repository_file file;
    struct error err;
};

static bool open_again(struct stage *stage, struct download *download)
{
    return download_open(download, stage->scratch.folder, &stage->file, 1, &stage->err);
}

static int set_up(void **state)
{
    static char path[] = "file", bytes[HELD_BYTES];
    struct stage *stage = calloc(1, sizeof *stage);
    struct download download;
    assert_non_null(stage);
    scratch_make(&stage->scratch);
    stage->file = (struct repository_file){.path = path, .n_bytes = FILE_BYTES, .version = "1"};
    memset(bytes, 7, sizeof bytes);
    assert_true(open_again(stage, &download));
    assert_int_equal(download.n_pieces, 3);
    assert_true(download_write(&download, 1, bytes, sizeof bytes, &stage->err));
    assert_true(download_record(&download, &stage->err));
    download_close(&download);
    *state = stage;
    return 0;
}

static int tear_down(void **state)
{
    struct stage *stage = *state;
    scratch_remove(&stage->scratch);
    free(stage);
    return 0;
}

static bool is_there(struct stage *stage, const char *name)
{
    return file_kind(scratch_path(&stage->scratch, name)) != FILE_MISSING;
}

static void test_goes_on(void **state)
{
    struct stage *stage = *state;
    struct download download;
    assert_true(open_again(stage, &download));
    assert_false(download.begun_anew);
    assert_int_equal(download.n_held, HELD_BYTES);
    assert_int_equal(download.held[1], HELD_BYTES);
    download_close(&download);
}

/* A record outlives nothing that it speaks of. */
static void test_forgets_what_is_gone(void **state)
{
    struct stage *stage = *state;
    struct download download;
    assert_true(open_again(stage, &download));
    assert_true(download_begin_anew(&download, false, &stage->err));
    assert_false(is_there(stage, "file.part.json"));
    download_close(&download);
}

static void test_distrusts_records(void **state)
{
    struct stage *stage = *state;
    struct download download;
    /* of bytes that are not there */
    assert_int_equal(truncate(scratch_path(&stage->scratch, "file.part"), 1 << 20), 0);
    assert_true(open_again(stage, &download));
    assert_true(download.begun_anew);
    assert_int_equal(download.n_held, 0);
    assert_false(is_there(stage, "file.part.json"));
    download_close(&download);
}

static void test_keeps_what_it_cannot_read_about(void **state)
{
    struct stage *stage = *state;
    struct download download;
    uint64_t before, after;
    assert_true(file_size(scratch_path(&stage->scratch, "file.part"), &before, NULL));
    unlink(scratch_path(&stage->scratch, "file.part.json"));
    mkdir(scratch_path(&stage->scratch, "file.part.json"), 0777);
    assert_false(open_again(stage, &download));
    assert_non_null(strstr(stage->err.text, "file.part.json: "));
    download_close(&download);
    assert_true(file_size(scratch_path(&stage->scratch, "file.part"), &after, NULL));
    assert_int_equal(after, before);
    rmdir(scratch_path(&stage->scratch, "file.part.json"));
}

/* File systems without holes give a file all its room at once. */
static void test_counts_room(void **state)
{
    struct stage *stage = *state;
    struct download download;
    assert_true(open_again(stage, &download));
    assert_true(download_room(&download) >= HELD_BYTES && download_room(&download) < FILE_BYTES / 2);
    download_close(&download);
    int part = open(scratch_path(&stage->scratch, "file.part"), O_WRONLY | O_CLOEXEC);
    int failed = posix_fallocate(part, 0, FILE_BYTES);
    close(part);
    if (failed != 0)
        skip();
    assert_true(open_again(stage, &download));
    assert_int_equal(download.n_held, HELD_BYTES);
    assert_int_equal(download_room(&download), FILE_BYTES);
    download_close(&download);
}

/* The sum that is noted of a file is never that of the one before. */
static void test_takes_old_notes_away(void **state)
{
    struct stage *stage = *state;
    struct download download;
    char *rest = calloc(1, 1 << 20);
    assert_non_null(rest);
    scratch_write_text(&stage->scratch, "file.sha256",
                       "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  file\n");
    assert_true(open_again(stage, &download));
    for (size_t piece = 0; piece < 3; piece++)
        assert_true(download_write(&download, piece, rest, (1 << 20) - download.held[piece], &stage->err));
    assert_true(download_is_whole(&download));
    assert_true(download_finish(&download, &stage->err));
    download_close(&download);
    assert_true(is_there(stage, "file"));
    assert_string_equal(checksum_known(scratch_path(&stage->scratch, "file")).text, "");
    free(rest);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(goes_on),           TEST(forgets_what_is_gone),
        TEST(distrusts_records), TEST(keeps_what_it_cannot_read_about),
        TEST(counts_room),       TEST(takes_old_notes_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
