/* SPDX-License-Identifier: Apache-2.0 */
/* test_forge.c - forged models open, are cataloged, and decode to weights of sane size, in every mix. */
#include "check.h"
#include "scratch.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/random.h"
#include "cli/command.h"
#include "cli/forge/file.h"
#include "cli/forge/vocabulary.h"
#include "quant/decode.h"
#include "quant/moments.h"

#define SEED 20250120

static const char *const mix_names[] = {"f32",   "f16",    "bf16",    "q8_0",    "legacy",
                                        "q4_0",  "q4_k_m", "q3_k_m",  "q2_k_xl", "UD-Q2_K_XL",
                                        "iq1_s", "IQ1-M",  "iq2_xxs", "iq3"};
#define N_MIXES (sizeof mix_names / sizeof *mix_names)

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

/* `fathom forge --preset tiny -o FILE` and up to six more words, NULL behind the last. */
static int forges(const char *path, const char *const *more)
{
    const char *words[16] = {"forge", "--preset", "tiny", "-o", path};
    int n = 5;
    for (; *more != NULL; more++)
        words[n++] = *more;
    return command_forge(n, (char **)words);
}

static double expected_deviation(enum role role, uint64_t n_columns)
{
    switch (role) {
    case ROLE_TOKEN_EMBEDDING:
        return 0.7;
    case ROLE_ROUTER:
        return 1.5 / sqrt((double)n_columns);
    default:
        return 1 / sqrt((double)n_columns);
    }
}

/* 24 rows anywhere in the tensor, or the whole of a vector. */
static void check_tensor(const struct gguf_tensor *tensor, enum role role, struct random *random)
{
    enum { N_ROWS = 24, MOST_COLUMNS = 1024 };
    static float values[N_ROWS * MOST_COLUMNS];
    size_t n_columns = tensor->dimensions[0];
    size_t row_bytes = format_row_bytes(tensor->format, n_columns), n_rows = tensor->n_bytes / row_bytes;
    assert_true(n_columns <= MOST_COLUMNS);
    bool vector = n_rows == 1;
    for (size_t i = 0; i < N_ROWS; i++)
        decode_row(tensor->format, tensor->bytes + random_below(random, n_rows) * row_bytes,
                   values + i * n_columns, n_columns);
    struct moments m = moments_of(values, (vector ? 1 : N_ROWS) * n_columns);
    double expected = expected_deviation(role, n_columns);
    bool sane = fabs(m.deviation / expected - 1) < 0.2 && fabs(m.mean) < 0.25 * expected;
    if (role == ROLE_ROUTER_BIAS)
        sane = m.deviation > 0.01 && m.deviation < 0.15;
    else if (vector) /* norms: evenly in 0.5 .. 1.5 */
        sane = fabs(m.mean - 1) < 0.15 && fabs(m.deviation - sqrt(1.0 / 12)) < 0.06;
    if (!sane) /* also where something is not finite */
        fail_msg("%s (%s): mean %g, deviation %g; seed %d", tensor->name, format_info(tensor->format)->name,
                 m.mean, m.deviation, SEED);
}

/* The preset as it comes back from the file's keys. */
static void check_geometry(const struct geometry *read)
{
    struct geometry preset = preset_geometry(PRESET_TINY);
    static const size_t counts = offsetof(struct geometry, gating); /* whole numbers, without gaps */
    assert_memory_equal(read, &preset, counts);
    assert_int_equal(read->gating, preset.gating);
    assert_int_equal(read->normalize_weights, preset.normalize_weights);
    assert_true(read->expert_scale == preset.expert_scale);
    assert_true(read->norm_epsilon == preset.norm_epsilon);
    assert_true(read->rope_theta == preset.rope_theta);
    assert_int_equal(read->yarn, preset.yarn);
    assert_true(read->yarn_factor == preset.yarn_factor);
    assert_true(read->yarn_log_multiplier == preset.yarn_log_multiplier);
    assert_int_equal(read->yarn_original_context, preset.yarn_original_context);
}

static void check_model(const char *path, bool old_layout)
{
    struct gguf file;
    struct catalog catalog;
    struct error err;
    if (!gguf_open(&file, path, &err) || !catalog_read(&catalog, &file, &err))
        fail_msg("%s", err.text);
    struct random random = random_seeded(SEED);
    for (size_t i = 0; i < file.n_tensors; i++) {
        assert_int_equal(catalog.uses[i].use, USE_ROLE);
        check_tensor(&file.tensors[i], catalog.uses[i].role, &random);
    }
    assert_int_equal(catalog.layers[0][ROLE_KEY_VALUE_UP] != NULL, old_layout);
    check_geometry(&catalog.geometry);
    catalog_release(&catalog);
    gguf_close(&file);
}

static void every_mix_is_forged(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_MIXES; i++) {
        bool old = i % 2 == 1; /* each layout with every other mix: a file takes a while to reach the disk */
        const char *path = scratch_path(&scratch, "model.gguf");
        const char *more[] = {"--mix", mix_names[i], "--layout", old ? "old" : "new", NULL};
        assert_int_equal(forges(path, more), STATUS_DONE);
        check_model(path, old);
    }
}

static void every_preset_fits_every_mix(void **state)
{
    (void)state;
    for (enum preset preset = PRESET_R1; preset <= PRESET_TINY; preset++)
        for (size_t i = 0; i < N_MIXES; i++) {
            struct forge_model model = {.geometry = preset_geometry(preset), .mix = mix_find(mix_names[i])};
            struct forge_tensors tensors;
            assert_true(forge_tensors_list(&tensors, &model, NULL));
            for (size_t k = 0; k < tensors.n_items; k++)
                assert_int_equal(
                    tensors.items[k].shape.n_columns % format_info(tensors.items[k].format)->block_values, 0);
            forge_tensors_release(&tensors);
        }
    assert_null(mix_find("q9_k"));
    assert_null(mix_find("q2_k_x"));
    assert_null(mix_find("q2_k_xll"));
    assert_null(mix_find(""));
}

static void mixes_give_each_role_its_format(void **state)
{
    (void)state;
    const struct mix *q2 = mix_find("UD-Q2_K_XL");
    assert_int_equal(mix_format(q2, ROLE_EXPERT_UP, 7168), FORMAT_Q2_K);
    assert_int_equal(mix_format(q2, ROLE_EXPERT_DOWN, 2048), FORMAT_Q3_K);
    assert_int_equal(mix_format(q2, ROLE_EXPERT_DOWN, 1408), FORMAT_Q8_0); /* V2-Lite's: no multiple of 256 */
    assert_int_equal(mix_format(q2, ROLE_EXPERT_DOWN, 72), FORMAT_F16);    /* nor of 32 */
    assert_int_equal(mix_format(q2, ROLE_KEY_UP, 128), FORMAT_Q8_0);
    assert_int_equal(mix_format(q2, ROLE_ROUTER, 7168), FORMAT_F32);
    assert_int_equal(mix_format(q2, ROLE_OUTPUT, 7168), FORMAT_Q6_K);
    assert_int_equal(mix_format(q2, ROLE_TOKEN_EMBEDDING, 7168), FORMAT_Q4_K);
}

static struct buffer read_whole(const char *path)
{
    struct buffer bytes = {0};
    struct error err;
    if (!file_read(&bytes, path, 16 << 20, &err))
        fail_msg("%s", err.text);
    return bytes;
}

static void the_seed_decides(void **state)
{
    (void)state;
    struct buffer made[3];
    static const char *const seeds[] = {"1", "1", "2"};
    for (size_t i = 0; i < 3; i++) {
        const char *more[] = {"--seed", seeds[i], NULL};
        assert_int_equal(forges(scratch_path(&scratch, "model.gguf"), more), STATUS_DONE);
        made[i] = read_whole(scratch_path(&scratch, "model.gguf"));
    }
    assert_int_equal(made[0].n_bytes, made[1].n_bytes);
    assert_int_equal(made[0].n_bytes, made[2].n_bytes);
    assert_true(made[0].n_bytes < 8 << 20);
    assert_memory_equal(made[0].bytes, made[1].bytes, made[0].n_bytes);
    assert_memory_not_equal(made[0].bytes, made[2].bytes, made[0].n_bytes);
    for (size_t i = 0; i < 3; i++)
        buffer_release(&made[i]);
}

static void check_token(const struct gguf *file, uint64_t id, const char *expected, int64_t expected_type)
{
    struct gguf_texts texts;
    struct gguf_text text = {"", 0};
    assert_true(gguf_read_texts(file, "tokenizer.ggml.tokens", &texts, NULL));
    for (uint64_t i = 0; i <= id; i++)
        assert_true(gguf_texts_next(&texts, &text));
    if (!gguf_text_is(text, expected))
        fail_msg("token %llu is %.*s, expected %s", (unsigned long long)id, (int)text.n_bytes, text.bytes,
                 expected);
    int64_t type;
    assert_true(gguf_item_i64(gguf_find_key(file, "tokenizer.ggml.token_type"), id, &type));
    assert_int_equal(type, expected_type);
}

static void the_vocabulary_has_bytes_and_specials(void **state)
{
    (void)state;
    static const char *const sizes[] = {"276", "129280"};
    static const uint64_t think[] = {259, 128798};
    for (size_t i = 0; i < 2; i++) {
        const char *path = scratch_path(&scratch, "model.gguf");
        const char *more[] = {"--vocab", sizes[i], "--moe", "0", NULL};
        assert_int_equal(forges(path, more), STATUS_DONE);
        struct gguf file;
        assert_true(gguf_open(&file, path, NULL));
        assert_int_equal(gguf_find_key(&file, "tokenizer.ggml.tokens")->n_items, strtoul(sizes[i], NULL, 10));
        check_token(&file, 0, "<｜begin▁of▁sentence｜>", 3);
        check_token(&file, 1, "<｜end▁of▁sentence｜>", 3);
        check_token(&file, 3, "Ā", 1);        /* byte 0 */
        check_token(&file, 3 + ' ', "Ġ", 1);  /* U+0120, as in every GPT-2 vocabulary */
        check_token(&file, 3 + '\n', "Ċ", 1); /* U+010A */
        check_token(&file, 3 + 'A', "A", 1);
        check_token(&file, 3 + 0xAD, "Ń", 1); /* U+0143, the last that cannot be seen */
        check_token(&file, 3 + 0xFF, "ÿ", 1);
        check_token(&file, think[i], "<think>", 4);
        check_token(&file, think[i] + 5, "<｜User｜>", 4);
        check_token(&file, think[i] + 6, "<｜Assistant｜>", 4);
        check_token(&file, think[i] + 16, "<｜tool▁sep｜>", 4);
        if (i == 1)
            check_token(&file, 259, "[PAD259]", 5);
        gguf_close(&file);
    }
}

static void the_template_is_r1s(void **state)
{
    (void)state;
    struct buffer expected = read_whole("tests/golden/deepseek-r1-chat-template.jinja");
    assert_string_equal(forge_chat_template, buffer_text(&expected));
    buffer_release(&expected);
}

static void a_vocabulary_is_taken_from_a_file(void **state)
{
    (void)state;
    static const char golden[] = "tests/golden/deepseek-r1-vocab.gguf";
    const char *path = scratch_path(&scratch, "model.gguf");
    const char *more[] = {"--vocab-from", golden, "--moe", "0", "--mix", "q4_0", NULL};
    assert_int_equal(forges(path, more), STATUS_DONE);
    struct gguf from, made;
    struct catalog catalog;
    assert_true(gguf_open(&from, golden, NULL) && gguf_open(&made, path, NULL));
    static const char *const keys[] = {"tokenizer.ggml.tokens", "tokenizer.ggml.merges", "tokenizer.ggml.pre",
                                       "tokenizer.chat_template"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct gguf_key *a = gguf_find_key(&from, keys[i]), *b = gguf_find_key(&made, keys[i]);
        assert_non_null(b);
        assert_int_equal(a->n_bytes, b->n_bytes);
        assert_memory_equal(a->value, b->value, a->n_bytes);
    }
    assert_true(catalog_read(&catalog, &made, NULL));
    assert_int_equal(catalog.geometry.n_vocabulary, 129280);
    catalog_release(&catalog);
    gguf_close(&from);
    gguf_close(&made);
}

static void wrong_words_are_usage_errors(void **state)
{
    (void)state;
    const char *path = scratch_path(&scratch, "model.gguf");
    static const char *const wrong[][5] = {{"--mix", "q9"},
                                           {"--dense", "0", "--moe", "0"},
                                           {"--vocab", "275"},
                                           {"--vocab", "300", "--vocab-from", "x.gguf"},
                                           {"--layout", "other"},
                                           {"--preset", "r9"},
                                           {"surplus"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(forges(path, wrong[i]), STATUS_USAGE);
    const char *no_preset[] = {"forge", "-o", path}, *no_file[] = {"forge", "--preset", "tiny"};
    assert_int_equal(command_forge(3, (char **)no_preset), STATUS_USAGE);
    assert_int_equal(command_forge(3, (char **)no_file), STATUS_USAGE);
    assert_int_equal(file_kind(path), FILE_MISSING);
}

/* The tensors of a model that is only imagined are those of the file that would be forged. */
static void an_imagined_model_has_the_files_tensors(void **state)
{
    (void)state;
    struct forge_model model = {
        .name = "imagined", .geometry = preset_geometry(PRESET_TINY), .mix = mix_find("iq3")};
    const struct forge_file to = {.path = scratch_path(&scratch, "model.gguf"), .seed = 1};
    struct mapping hole;
    struct gguf imagined, forged;
    struct catalog catalog;
    struct error err;
    if (!forge_file_imagine(&model, &hole, &imagined, &err) || !catalog_read(&catalog, &imagined, &err) ||
        !forge_file_write(&to, &model, &err) || !gguf_open(&forged, to.path, &err))
        fail_msg("%s", err.text);
    assert_string_equal(gguf_path(&imagined), "imagined");
    assert_int_equal(catalog.geometry.n_layers, model.geometry.n_layers);
    assert_int_equal(imagined.n_tensors, forged.n_tensors);
    for (size_t i = 0; i < forged.n_tensors; i++) {
        const struct gguf_tensor *a = &imagined.tensors[i], *b = &forged.tensors[i];
        assert_string_equal(a->name, b->name);
        assert_true(a->format == b->format && a->n_bytes == b->n_bytes);
    }
    gguf_close(&forged);
    catalog_release(&catalog);
    gguf_close(&imagined);
    mapping_close(&hole);
}

static void what_cannot_be_written_leaves_nothing(void **state)
{
    (void)state;
    const char *none[] = {NULL};
    assert_int_equal(forges(scratch_path(&scratch, "absent/model.gguf"), none), STATUS_FAILED);
    assert_int_equal(forges(scratch.folder, none), STATUS_FAILED);
    const char *bad[] = {"--vocab-from", "tests/golden/README.md", NULL};
    assert_int_equal(forges(scratch_path(&scratch, "model.gguf"), bad), STATUS_FAILED);
    struct file_names names;
    assert_true(file_names_read(&names, scratch.folder, NULL));
    assert_int_equal(names.n_names, 0);
    file_names_release(&names);
}

int main(void)
{
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(every_mix_is_forged),
        cmocka_unit_test(every_preset_fits_every_mix),
        cmocka_unit_test(mixes_give_each_role_its_format),
        IN_FOLDER(the_seed_decides),
        IN_FOLDER(the_vocabulary_has_bytes_and_specials),
        cmocka_unit_test(the_template_is_r1s),
        IN_FOLDER(a_vocabulary_is_taken_from_a_file),
        IN_FOLDER(wrong_words_are_usage_errors),
        IN_FOLDER(an_imagined_model_has_the_files_tensors),
        IN_FOLDER(what_cannot_be_written_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
