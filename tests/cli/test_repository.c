/* SPDX-License-Identifier: Apache-2.0 */
/* test_repository.c - which files a name means, and SHA-256 with its notes. */
#include "check.h"

#include "base/file.h"
#include "cli/pull/checksum.h"
#include "cli/pull/repository.h"
#include "scratch.h"

static void test_reads_names(void **state)
{
    struct repository r;
    (void)state;
    assert_true(repository_read(&r, "unsloth/DeepSeek-R1-GGUF:UD-Q2_K_XL"));
    assert_string_equal(r.name, "unsloth/DeepSeek-R1-GGUF");
    assert_string_equal(r.quant, "UD-Q2_K_XL");
    assert_true(repository_read(&r, "a/b"));
    assert_null(r.quant);
    static const char *const others[] = {"",      "model", "/abs/path", "./a/b", "../b",   "a/",
                                         "a/b/c", "a/b:",  "a/.b",      "a b/c", "a/b?x:y"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (repository_read(&r, others[i]))
            fail_msg("'%s' was taken for a repository", others[i]);
}

static void add(struct repository_files *files, const char *path)
{
    struct repository_file *file = repository_add(files, path, NULL);
    assert_non_null(file);
    file->n_bytes = 1000;
}

/* As the repositories of R1 are laid out, a folder a model, and one beside them. */
static void fill(struct repository_files *files)
{
    static const char *const paths[] = {
        "DeepSeek-R1-UD-Q2_K_XL/DeepSeek-R1-UD-Q2_K_XL-00002-of-00002.gguf",
        "README.md",
        "DeepSeek-R1-Q2_K_XL/DeepSeek-R1-Q2_K_XL-00001-of-00001.gguf",
        "DeepSeek-R1-UD-Q2_K_XL/DeepSeek-R1-UD-Q2_K_XL-00001-of-00002.gguf",
        "DeepSeek-R1-Q2_K/DeepSeek-R1-Q2_K-00001-of-00002.gguf",
        "DeepSeek-R1-Q4_K_M.gguf",
    };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        add(files, paths[i]);
    repository_sort(files);
}

static const char *first_chosen(const struct repository_files *files)
{
    for (size_t i = 0; i < files->n_items; i++)
        if (files->items[i].chosen)
            return files->items[i].path;
    return "";
}

static void test_chooses(void **state)
{
    struct repository_files files = {0};
    struct buffer list = {0};
    struct error err = {""};
    (void)state;
    fill(&files);
    assert_int_equal(repository_choose(&files, NULL, NULL), 4);
    assert_int_equal(repository_choose(&files, "ud-q2_k_xl", NULL), 1);
    assert_non_null(strstr(first_chosen(&files), "UD-Q2_K_XL-00001"));
    assert_true(repository_is_whole(&files, &err));
    /* a name that is another's end means the one that it is all of */
    assert_int_equal(repository_choose(&files, "Q2_K_XL", NULL), 1);
    assert_non_null(strstr(first_chosen(&files), "R1-Q2_K_XL"));
    /* and never one that it only begins */
    assert_int_equal(repository_choose(&files, "Q2_K", NULL), 1);
    assert_non_null(strstr(first_chosen(&files), "Q2_K/"));
    assert_false(repository_is_whole(&files, &err));
    assert_non_null(strstr(err.text, "only 1 of its 2 shards"));
    assert_int_equal(repository_choose(&files, "Q4_K", NULL), 0);
    assert_int_equal(repository_choose(&files, "R1", NULL), 4);
    assert_int_equal(repository_choose(&files, "Q2", NULL), 0);
    assert_int_equal(repository_choose(&files, NULL, "*.md"), 0);
    assert_string_equal(first_chosen(&files), "README.md");
    assert_int_equal(repository_choose(&files, "UD-Q2_K_XL", "*-00002-*"), 1);
    assert_non_null(strstr(first_chosen(&files), "00002-of"));
    repository_list(&files, &list);
    assert_string_equal(buffer_text(&list), "Q2_K, Q2_K_XL, Q4_K_M, UD-Q2_K_XL");
    buffer_release(&list);
    repository_release(&files);
}

/* Merged, or cut otherwise, beside what it was: one model still, and the first whole cut of it. */
static void test_tells_cuts_apart(void **state)
{
    static const char *const paths[] = {
        "m-Q2-00001-of-00002.gguf", "m-Q2-00002-of-00002.gguf", "m-Q4-00001-of-00003.gguf",
        "m-Q4-00001-of-00002.gguf", "m-Q4-00002-of-00002.gguf", "m-Q4-00003-of-00003.gguf",
        "m-Q5-00001-of-00002.gguf", "m-Q5-00001-of-00003.gguf", "m-Q5-00002-of-00003.gguf",
        "m-Q5-00003-of-00003.gguf", "m-Q2-00001.gguf",          "m-Q2.gguf"};
    struct repository_files files = {0};
    struct error err = {""};
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        add(&files, paths[i]);
    repository_sort(&files);
    assert_int_equal(repository_choose(&files, "Q2", NULL), 1);
    assert_string_equal(first_chosen(&files), "m-Q2.gguf");
    assert_true(repository_is_whole(&files, &err));
    assert_int_equal(repository_choose(&files, "Q4", NULL), 1);
    assert_string_equal(first_chosen(&files), "m-Q4-00001-of-00002.gguf");
    assert_true(repository_is_whole(&files, &err));
    assert_int_equal(repository_choose(&files, NULL, NULL), 4); /* the odd name is a model of its own */
    assert_int_equal(repository_choose(&files, "Q5", NULL), 1);
    assert_string_equal(first_chosen(&files), "m-Q5-00001-of-00003.gguf");
    repository_release(&files);
}

static void test_stays_inside(void **state)
{
    static const char *const paths[] = {"",      "/etc/x", "../x", "a/../x", "a//x",
                                        "a/./x", "a/",     "..",   "a\nb",   "a\\..\\b"};
    struct repository_files files = {0};
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (repository_add(&files, paths[i], NULL) != NULL)
            fail_msg("the path '%s' was taken", paths[i]);
    add(&files, "a..b/.c/..d");
    repository_release(&files);
}

/* The example of FIPS 180-4, and what sha256sum writes. */
static void test_checksums(void **state)
{
    static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    struct scratch scratch;
    struct checksum sum, other;
    struct buffer text = {0};
    (void)state;
    scratch_make(&scratch);
    char *path = strdup(scratch_write_text(&scratch, "abc", "abc"));
    assert_true(checksum_file(path, &sum, NULL, NULL));
    assert_string_equal(sum.text, abc);
    assert_string_equal(checksum_known(path).text, "");
    assert_true(checksum_note(path, &sum, NULL));
    assert_string_equal(checksum_known(path).text, abc);
    assert_true(file_read(&text, scratch_path(&scratch, "abc.sha256"), 100, NULL));
    assert_memory_equal(buffer_text(&text), abc, 64);
    assert_string_equal(buffer_text(&text) + 64, "  abc\n");
    /* where the huggingface_hub program keeps files, their names tell */
    char blob[80];
    snprintf(blob, sizeof blob, "blobs/%s", abc);
    scratch_write_text(&scratch, blob, "abc");
    assert_int_equal(symlink(blob, scratch_path(&scratch, "link")), 0);
    assert_string_equal(checksum_known(scratch_path(&scratch, "link")).text, abc);

    assert_true(checksum_read(&other, "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD *x"));
    assert_true(checksum_same(&sum, &other));
    assert_false(checksum_read(&other, "ba7816bf"));
    assert_string_equal(other.text, "");
    buffer_release(&text);
    free(path);
    scratch_remove(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_names),      cmocka_unit_test(test_chooses),
        cmocka_unit_test(test_tells_cuts_apart), cmocka_unit_test(test_stays_inside),
        cmocka_unit_test(test_checksums),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
