/* SPDX-License-Identifier: Apache-2.0 */
/* test_writer.c - what is written is what is read again, and nothing appears before it is whole. */
#include "gguf/image.h"

#include "gguf/writer.h"

static struct scratch scratch;
static char path[1024];

static int make_path(void **state)
{
    (void)state;
    scratch_make(&scratch);
    strcpy(path, scratch_path(&scratch, "out.gguf"));
    return 0;
}

/* Nothing but what the test committed may be there. */
static int remove_path(void **state)
{
    (void)state;
    remove(path);
    int status = rmdir(scratch.folder);
    scratch_remove(&scratch);
    return status;
}

static void write_keys(struct gguf_writer *writer)
{
    gguf_write_u32(writer, "u32", 7);
    gguf_write_float(writer, "float", -2.5f);
    gguf_write_bool(writer, "bool", true);
    gguf_write_text(writer, "text", "some words");
    gguf_write_array(writer, "texts", GGUF_TEXT, 2);
    gguf_write_item_text(writer, "a", 1);
    gguf_write_item_text(writer, "b\0c", 3);
    gguf_write_array(writer, "numbers", GGUF_I32, 2);
    gguf_write_item_i32(writer, -1);
    gguf_write_item_i32(writer, 2);
    gguf_write_array(writer, "floats", GGUF_F32, 1);
    gguf_write_item_float(writer, 0.5f);
}

static void check_keys(const struct gguf *file)
{
    uint32_t small = 0;
    float real = 0;
    bool flag = false;
    struct gguf_text text = {"", 0};
    int64_t item;
    struct gguf_texts texts;
    assert_true(gguf_read_u32(file, "u32", &small, NULL) && small == 7);
    assert_true(gguf_read_float(file, "float", &real, NULL) && real == -2.5f);
    assert_true(gguf_read_bool(file, "bool", &flag, NULL) && flag);
    assert_true(gguf_read_text(file, "text", &text, NULL) && gguf_text_is(text, "some words"));
    assert_true(gguf_item_i64(gguf_find_key(file, "numbers"), 0, &item) && item == -1);
    assert_true(gguf_item_float(gguf_find_key(file, "floats"), 0, &real) && real == 0.5f);
    assert_true(gguf_read_texts(file, "texts", &texts, NULL));
    assert_true(gguf_texts_next(&texts, &text) && gguf_text_is(text, "a"));
    assert_true(gguf_texts_next(&texts, &text) && text.n_bytes == 3 && memcmp(text.bytes, "b\0c", 3) == 0);
}

/* [rows][columns] of three tensors, in pieces that do not care where one ends. */
static void write_tensors(struct gguf_writer *writer)
{
    static const uint64_t vector[] = {5}, matrix[] = {64, 3}, experts[] = {32, 2, 4};
    struct error err;
    assert_true(gguf_write_tensor(writer, "vector", 1, vector, FORMAT_F32, &err));
    assert_true(gguf_write_tensor(writer, "matrix", 2, matrix, FORMAT_Q8_0, &err));
    assert_true(gguf_write_tensor(writer, "experts", 3, experts, FORMAT_Q4_0, &err));
    uint64_t planned = gguf_writer_size(writer);
    assert_true(gguf_writer_start(writer, &err));
    uint8_t bytes[20 + 204 + 144];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    for (size_t at = 0, n; at < sizeof bytes; at += n) {
        n = min_size(7, sizeof bytes - at);
        assert_true(gguf_write_data(writer, bytes + at, n, &err));
    }
    assert_int_equal(writer->output.n_bytes, planned);
}

static void check_tensors(const struct gguf *file)
{
    static const struct {
        const char *name;
        uint32_t n_dimensions;
        enum format format;
        size_t n_bytes;
    } expected[] = {
        {"vector", 1, FORMAT_F32, 20}, {"matrix", 2, FORMAT_Q8_0, 204}, {"experts", 3, FORMAT_Q4_0, 144}};
    assert_int_equal(file->n_tensors, 3);
    uint8_t value = 0;
    for (size_t i = 0; i < 3; i++) {
        const struct gguf_tensor *tensor = &file->tensors[i];
        assert_string_equal(tensor->name, expected[i].name);
        assert_int_equal(tensor->n_dimensions, expected[i].n_dimensions);
        assert_int_equal(tensor->format, expected[i].format);
        assert_int_equal(tensor->n_bytes, expected[i].n_bytes);
        assert_int_equal(tensor->offset % GGUF_ALIGNMENT, 0);
        for (size_t k = 0; k < tensor->n_bytes; k++)
            assert_int_equal(tensor->bytes[k], value++);
    }
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    struct gguf_writer writer;
    struct error err;
    assert_true(gguf_writer_open(&writer, path, &err));
    write_keys(&writer);
    write_tensors(&writer);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_true(gguf_writer_commit(&writer, &err));
    gguf_writer_discard(&writer);

    struct gguf file;
    if (!gguf_open(&file, path, &err))
        fail_msg("%s", err.text);
    assert_int_equal(file.shards[0].version, 3);
    check_keys(&file);
    check_tensors(&file);
    gguf_close(&file);
}

static void keys_of_another_file_are_copied(void **state)
{
    (void)state;
    struct gguf_writer writer;
    struct error err;
    assert_true(gguf_writer_open(&writer, path, &err));
    write_keys(&writer);
    assert_true(gguf_writer_start(&writer, &err) && gguf_writer_commit(&writer, &err));
    gguf_writer_discard(&writer);

    struct gguf first, second;
    assert_true(gguf_open(&first, path, &err));
    assert_true(gguf_writer_open(&writer, path, &err)); /* replaces it while it is mapped */
    for (size_t i = 0; i < first.shards[0].keys.n_items; i++)
        gguf_write_key(&writer, &first.shards[0].keys.items[i]);
    assert_true(gguf_writer_start(&writer, &err) && gguf_writer_commit(&writer, &err));
    gguf_writer_discard(&writer);
    assert_true(gguf_open(&second, path, &err));
    check_keys(&second);
    assert_int_equal(second.n_tensors, 0);
    assert_int_equal(gguf_bytes(&first), gguf_bytes(&second));
    gguf_close(&first);
    gguf_close(&second);
}

static void unfinished_files_do_not_appear(void **state)
{
    (void)state;
    static const uint64_t dimensions[] = {32};
    struct gguf_writer writer;
    struct error err;
    assert_true(gguf_writer_open(&writer, path, &err));
    assert_true(gguf_write_tensor(&writer, "t", 1, dimensions, FORMAT_F32, &err));
    assert_true(gguf_writer_start(&writer, &err));
    assert_true(gguf_write_data(&writer, "some", 4, &err));
    assert_false(gguf_writer_commit(&writer, &err));
    assert_mentions(err.text, "out.gguf: 0 of 1 tensors were written");
    gguf_writer_discard(&writer);
    gguf_writer_discard(&writer);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void long_names_are_refused(void **state)
{
    (void)state;
    static const uint64_t dimensions[] = {32};
    char name[GGUF_NAME_BYTES + 1] = {0};
    memset(name, 'n', GGUF_NAME_BYTES);
    struct gguf_writer writer;
    struct error err;
    assert_true(gguf_writer_open(&writer, path, &err));
    assert_false(gguf_write_tensor(&writer, name, 1, dimensions, FORMAT_F32, &err));
    name[GGUF_NAME_BYTES - 1] = '\0';
    assert_true(gguf_write_tensor(&writer, name, 1, dimensions, FORMAT_F32, &err));
    gguf_writer_discard(&writer);
}

static void folders_that_are_not_there_are_named(void **state)
{
    (void)state;
    struct gguf_writer writer;
    struct error err;
    const char *wrong = scratch_path(&scratch, "absent/out.gguf");
    assert_false(gguf_writer_open(&writer, wrong, &err));
    assert_mentions(err.text, wrong);
    gguf_writer_discard(&writer);
}

int main(void)
{
#define WITH_PATH(test) cmocka_unit_test_setup_teardown(test, make_path, remove_path)
    const struct CMUnitTest tests[] = {
        WITH_PATH(what_is_written_is_read),
        WITH_PATH(keys_of_another_file_are_copied),
        WITH_PATH(unfinished_files_do_not_appear),
        WITH_PATH(long_names_are_refused),
        WITH_PATH(folders_that_are_not_there_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
