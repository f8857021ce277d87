/* SPDX-License-Identifier: Apache-2.0 */
/* test_inspect.c - a model added up by its parts, as table and as JSON. */
#include "check.h"
#include "gguf/image.h"

#include <jansson.h>

#include "cli/command.h"
#include "cli/inspect/model.h"

#define VOCABULARY "tests/golden/deepseek-r1-vocab.gguf"

static struct scratch scratch;

/* One tiny model for all tests. */
static int forge_model(void **state)
{
    (void)state;
    scratch_make(&scratch);
    const char *words[] = {"forge", "--preset", "tiny", "-o", scratch_path(&scratch, "tiny.gguf")};
    return command_forge(5, (char **)words);
}

static int remove_model(void **state)
{
    (void)state;
    scratch_remove(&scratch);
    return 0;
}

static void opens(struct inspection *inspection, const char *path)
{
    struct error err;
    if (!inspection_open(inspection, path, &err))
        fail_msg("%s", err.text);
}

static void parts_add_up(void **state)
{
    (void)state;
    struct inspection inspection;
    opens(&inspection, scratch_path(&scratch, "tiny.gguf"));
    uint64_t n_bytes = 0, n_weights = 0, token_bytes = 0;
    size_t n_tensors = 0;
    for (enum part part = 0; part < PART_COUNT; part++) {
        const struct part_sum *sum = &inspection.parts[part];
        uint64_t formats = 0;
        for (size_t f = 0; f < FORMAT_COUNT; f++)
            formats += sum->format_bytes[f];
        assert_int_equal(formats, sum->n_bytes);
        n_bytes += sum->n_bytes;
        n_weights += sum->n_weights;
        token_bytes += sum->token_bytes;
        n_tensors += sum->n_tensors;
    }
    assert_int_equal(n_tensors, inspection.file.n_tensors);
    assert_int_equal(n_bytes, inspection.all.n_bytes);
    assert_int_equal(n_weights, inspection.all.n_weights);
    assert_int_equal(token_bytes, inspection.all.token_bytes);

    /* two MoE layers of 8 experts, 2 used: gate and up in Q2_K, down in Q3_K, 256 x 256 */
    const struct part_sum *routed = &inspection.parts[PART_ROUTED];
    assert_int_equal(routed->n_weights, 2 * 3 * 8 * 256 * 256);
    assert_int_equal(routed->n_bytes, 2 * 8 * 256 * (84 + 84 + 110));
    assert_int_equal(routed->token_bytes, 2 * 2 * 256 * (84 + 84 + 110));
    assert_int_equal(inspection.parts[PART_EMBEDDING].token_bytes, 144); /* a row of 256 in Q4_K */
    assert_int_equal(inspection.parts[PART_HEAD].token_bytes, inspection.parts[PART_HEAD].n_bytes);
    assert_int_equal(inspection.parts[PART_UNUSED].n_tensors, 0);
    assert_int_equal(inspection_cache_bytes(&inspection, FORMAT_F16), 3 * (256 + 32) * 2);
    assert_int_equal(inspection_cache_bytes(&inspection, FORMAT_Q8_0), 3 * (256 + 32) / 32 * 34);
    inspection_close(&inspection);
}

static void the_table_says_it_in_words(void **state)
{
    (void)state;
    static const char *const expected[] = {
        "Tiny q2_k_xl",
        "deepseek2",
        "1 dense of width 512, 2 with experts",
        "4 heads of 64 + 32",
        "2 used a token",
        "new layout",
        "YaRN 4 over 1024",
        "routed experts",
        "Q2_K 60%, Q3_K 40%",
        "512 tokens",
        "gpt2 / deepseek-v3",
        "2756 bytes: {%",
        "blk.1.attn_k_b.weight",
        "256 x 256 x 8",
    };
    struct inspection inspection;
    struct buffer page = {0};
    opens(&inspection, scratch_path(&scratch, "tiny.gguf"));
    inspection_show(&inspection, true, false, &page);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        assert_mentions(buffer_text(&page), expected[i]);
    assert_null(strchr(buffer_text(&page), '\033'));
    buffer_release(&page);
    inspection_close(&inspection);
}

static json_t *json_of(const char *path, bool tensors)
{
    struct inspection inspection;
    struct buffer page = {0};
    struct error err;
    opens(&inspection, path);
    assert_true(inspection_json(&inspection, tensors, &page, &err));
    inspection_close(&inspection);
    json_error_t reason;
    json_t *root = json_loads(buffer_text(&page), JSON_REJECT_DUPLICATES, &reason);
    if (root == NULL)
        fail_msg("line %d: %s", reason.line, reason.text);
    buffer_release(&page);
    return root;
}

static json_int_t number_in(json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);
    if (!json_is_integer(value))
        fail_msg("no number %s", name);
    return json_integer_value(value);
}

static void json_has_the_same(void **state)
{
    (void)state;
    struct inspection inspection;
    opens(&inspection, scratch_path(&scratch, "tiny.gguf"));
    json_t *root = json_of(scratch_path(&scratch, "tiny.gguf"), true);
    assert_int_equal(number_in(json_object_get(root, "geometry"), "experts_used"), 2);
    assert_int_equal(number_in(json_object_get(root, "all"), "token_bytes"), inspection.all.token_bytes);
    assert_int_equal(number_in(json_object_get(root, "cache_bytes_a_token"), "f16"), 3 * (256 + 32) * 2);
    assert_int_equal(number_in(json_object_get(root, "tokenizer"), "tokens"), 512);
    assert_int_equal(json_array_size(json_object_get(root, "tensors")), inspection.file.n_tensors);
    assert_int_equal(json_array_size(json_object_get(root, "not_used")), 0);
    json_t *tensor = json_array_get(json_object_get(root, "tensors"), 0);
    assert_string_equal(json_string_value(json_object_get(tensor, "name")), "token_embd.weight");
    assert_int_equal(number_in(tensor, "offset"), inspection.file.tensors[0].offset);
    json_decref(root);
    inspection_close(&inspection);
}

static void a_vocabulary_alone_is_shown(void **state)
{
    (void)state;
    struct inspection inspection;
    struct buffer page = {0};
    opens(&inspection, VOCABULARY);
    inspection_show(&inspection, true, false, &page);
    assert_mentions(buffer_text(&page), "a vocabulary without weights");
    assert_mentions(buffer_text(&page), "129280 tokens, 127741 merges");
    assert_mentions(buffer_text(&page), "68.6 KiB in f16"); /* 61 layers of 576 numbers */
    buffer_release(&page);
    inspection_close(&inspection);
    json_t *root = json_of(VOCABULARY, true);
    assert_null(json_object_get(root, "parts"));
    assert_int_equal(number_in(json_object_get(root, "geometry"), "layers"), 61);
    json_decref(root);
}

static void texts_of_the_file_do_not_reach_the_terminal(void **state)
{
    (void)state;
    struct image image = image_begin();
    image_text(&image, "general.architecture", "other\033[2J");
    image_text(&image, "general.name", "\033]0;title\a \xFF\xC2\x9B word\nmore");
    image_text(&image, "tokenizer.chat_template", "{%\033[31m%}");
    image_number(&image, "tokenizer.ggml.bos_token_id", GGUF_BOOL, 1, 1);
    struct buffer bytes = image_finish(&image), page = {0};
    const char *path = scratch_write(&scratch, "evil.gguf", bytes.bytes, bytes.n_bytes);
    struct inspection inspection;
    opens(&inspection, path);
    inspection_show(&inspection, false, false, &page);
    assert_mentions(buffer_text(&page), "?]0;title? ?? word more");
    assert_null(strchr(buffer_text(&page), '\033'));
    assert_null(strstr(buffer_text(&page), "\xC2\x9B"));
    inspection_close(&inspection);
    json_t *root = json_of(path, false);
    assert_true(json_is_null(json_object_get(root, "name"))); /* not UTF-8 */
    json_decref(root);
    buffer_release(&bytes);
    buffer_release(&page);
}

/* The program itself, its standard output thrown away. */
static int inspects(const char *path)
{
    const char *words[] = {"inspect", path};
    fflush(stdout);
    int kept = dup(STDOUT_FILENO);
    assert_non_null(freopen("/dev/null", "w", stdout));
    int status = command_inspect(path != NULL ? 2 : 1, (char **)words);
    fflush(stdout);
    assert_true(dup2(kept, STDOUT_FILENO) >= 0);
    close(kept);
    return status;
}

static void the_status_says_what_happened(void **state)
{
    (void)state;
    assert_int_equal(inspects(scratch_path(&scratch, "tiny.gguf")), STATUS_DONE);
    assert_int_equal(inspects(NULL), STATUS_USAGE);
    assert_int_equal(inspects("tests/corpus/gguf"), STATUS_USAGE); /* a folder of several models */
    assert_int_equal(inspects("tests/corpus/gguf/overlap.gguf"), STATUS_FAILED);
    assert_int_equal(inspects("tests/corpus/gguf/version-2.gguf"),
                     STATUS_FAILED); /* a tensor, and no model */
    assert_int_equal(inspects("absent.gguf"), STATUS_FAILED);
}

static void unused_and_ahead_are_told_apart(void **state)
{
    (void)state;
    struct inspection inspection;
    struct buffer page = {0};
    opens(&inspection, "tests/corpus/gguf/model-old.gguf");
    assert_int_equal(inspection.parts[PART_UNUSED].n_tensors, 1);
    assert_int_equal(inspection.parts[PART_MTP].n_tensors, 1);
    assert_int_equal(inspection.parts[PART_MTP].token_bytes, 0);
    /* there is no head of its own: the embedding is read whole */
    assert_int_equal(inspection.parts[PART_HEAD].n_tensors, 0);
    assert_int_equal(inspection.parts[PART_EMBEDDING].token_bytes, inspection.parts[PART_EMBEDDING].n_bytes);
    inspection_show(&inspection, false, true, &page);
    assert_mentions(buffer_text(&page), "not used: surprise.weight\n");
    assert_mentions(buffer_text(&page), "old layout");
    buffer_release(&page);
    inspection_close(&inspection);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_add_up),
        cmocka_unit_test(the_table_says_it_in_words),
        cmocka_unit_test(json_has_the_same),
        cmocka_unit_test(a_vocabulary_alone_is_shown),
        cmocka_unit_test(texts_of_the_file_do_not_reach_the_terminal),
        cmocka_unit_test(the_status_says_what_happened),
        cmocka_unit_test(unused_and_ahead_are_told_apart),
    };
    return cmocka_run_group_tests(tests, forge_model, remove_model);
}
