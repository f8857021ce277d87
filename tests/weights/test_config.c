/* SPDX-License-Identifier: Apache-2.0 */
/* test_config.c - the released models, what old files leave out, and values out of range. */
#include "weights/model_image.h"

#include "weights/config.h"

/* Reads the keys of `image`, which is released. */
static bool reads(struct image image, struct geometry *geometry, struct error *err)
{
    struct buffer bytes = image_finish(&image);
    struct gguf file;
    if (!gguf_open_bytes(&file, bytes.bytes, bytes.n_bytes, "FILE", err))
        fail_msg("%s", err->text);
    bool ok = config_read(geometry, &file, err);
    gguf_close(&file);
    buffer_release(&bytes);
    return ok;
}

static struct geometry geometry_of(const struct model *model)
{
    struct image image = image_begin();
    model_keys(&image, model);
    struct geometry geometry;
    struct error err;
    if (!reads(image, &geometry, &err))
        fail_msg("%s", err.text);
    return geometry;
}

static void check_r1(const struct geometry *g)
{
    assert_int_equal(g->n_layers, 2);
    assert_int_equal(g->n_dense_layers, 1);
    assert_int_equal(g->n_hidden, 7168);
    assert_int_equal(g->n_vocabulary, 129280);
    assert_int_equal(g->n_context, 163840);
    assert_int_equal(g->n_heads, 128);
    assert_int_equal(g->query_rank, 1536);
    assert_int_equal(g->latent_rank, 512);
    assert_int_equal(g->head_plain, 128);
    assert_int_equal(g->head_rotary, 64);
    assert_int_equal(g->head_value, 128);
    assert_int_equal(g->n_dense_ff, 18432);
    assert_int_equal(g->n_experts, 256);
    assert_int_equal(g->n_experts_used, 8);
    assert_int_equal(g->n_expert_ff, 2048);
    assert_int_equal(g->n_shared_ff, 2048);
    assert_int_equal(g->n_groups, 8);
    assert_int_equal(g->n_groups_used, 4);
    assert_int_equal(g->gating, GATING_SIGMOID);
    assert_true(g->normalize_weights);
    assert_true(g->expert_scale == 2.5f);
    assert_true(g->norm_epsilon == 1e-6f);
    assert_true(g->rope_theta == 10000);
    assert_true(g->yarn);
    assert_true(g->yarn_factor == 40);
    assert_true(g->yarn_beta_fast == 32 && g->yarn_beta_slow == 1);
    assert_true(g->yarn_log_multiplier == 0.1f);
    assert_int_equal(g->yarn_original_context, 4096);
}

static void reads_r1_in_both_layouts(void **state)
{
    (void)state;
    for (enum layout layout = LAYOUT_OLD; layout <= LAYOUT_NEW; layout++) {
        struct model model = model_r1(layout);
        struct geometry geometry = geometry_of(&model);
        check_r1(&geometry);
    }
}

static void reads_v2_lite(void **state)
{
    (void)state;
    struct model model = model_v2_lite(LAYOUT_NEW);
    struct geometry g = geometry_of(&model);
    assert_int_equal(g.query_rank, 0);
    assert_int_equal(g.n_shared_ff, 2816);
    assert_int_equal(g.n_groups, 1);
    assert_int_equal(g.n_groups_used, 1);
    assert_int_equal(g.gating, GATING_SOFTMAX);
    assert_false(g.normalize_weights);
    assert_true(g.expert_scale == 1);
}

static void old_files_get_the_released_groups(void **state)
{
    (void)state;
    static const struct {
        uint32_t experts, gating, groups, groups_used;
    } cases[] = {{256, 2, 8, 4}, {256, 1, 1, 1}, {160, 1, 8, 3},
                 {160, 2, 1, 1}, {64, 1, 1, 1},  {384, 2, 1, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct model model = model_r1(LAYOUT_OLD);
        model.groups = 0;
        model.experts = cases[i].experts;
        model.gating = cases[i].gating;
        struct geometry g = geometry_of(&model);
        assert_int_equal(g.n_groups, cases[i].groups);
        assert_int_equal(g.n_groups_used, cases[i].groups_used);
    }
    /* a file that says one group means it */
    struct model model = model_r1(LAYOUT_NEW);
    model.groups = model.groups_used = 1;
    assert_int_equal(geometry_of(&model).n_groups, 1);
}

static void absent_keys_have_defaults(void **state)
{
    (void)state;
    struct model model = model_r1(LAYOUT_OLD);
    model.left_out = "deepseek2.expert_gating_func";
    assert_int_equal(geometry_of(&model).gating, GATING_SOFTMAX);
    model.left_out = "deepseek2.expert_weights_norm";
    assert_false(geometry_of(&model).normalize_weights);
    model.left_out = "deepseek2.expert_weights_scale";
    assert_true(geometry_of(&model).expert_scale == 1);
    model.left_out = "deepseek2.rope.scaling.type";
    assert_false(geometry_of(&model).yarn);
    model.left_out = "deepseek2.rope.scaling.yarn_log_multiplier";
    assert_true(geometry_of(&model).yarn_log_multiplier == 0);
    model.left_out = "deepseek2.rope.freq_base";
    assert_true(geometry_of(&model).rope_theta == 10000);
    model.left_out = "deepseek2.expert_shared_count";
    assert_int_equal(geometry_of(&model).n_shared_ff, 0);
    model.left_out = "deepseek2.leading_dense_block_count";
    assert_int_equal(geometry_of(&model).n_dense_layers, 0);
    model.left_out = NULL;
    model.beta_fast = 2; /* which is absent otherwise */
    assert_true(geometry_of(&model).yarn_beta_fast == 2 && geometry_of(&model).yarn_beta_slow == 1);
    model.scale = 0;
    assert_true(geometry_of(&model).expert_scale == 1);
}

static void special_shapes_are_read(void **state)
{
    (void)state;
    struct model model = model_r1(LAYOUT_NEW);
    model.n_mtp = 1; /* MTP layers do not count */
    assert_int_equal(geometry_of(&model).n_layers, 2);
    model.left_out = "deepseek2.expert_count"; /* no experts: every layer is dense */
    struct geometry g = geometry_of(&model);
    assert_int_equal(g.n_experts, 0);
    assert_int_equal(g.n_dense_layers, 2);

    model = model_r1(LAYOUT_NEW);
    model.left_out = "deepseek2.vocab_size"; /* counted in the tokenizer */
    struct image image = image_begin();
    model_keys(&image, &model);
    image_array(&image, "tokenizer.ggml.tokens", GGUF_TEXT, 3);
    for (int i = 0; i < 3; i++)
        image_put_text(&image.keys, "x");
    struct error err;
    assert_true(reads(image, &g, &err));
    assert_int_equal(g.n_vocabulary, 3);
}

static void necessary_keys_are_missed_by_name(void **state)
{
    (void)state;
    static const char *const keys[] = {
        "general.architecture",
        "deepseek2.block_count",
        "deepseek2.embedding_length",
        "deepseek2.vocab_size",
        "deepseek2.context_length",
        "deepseek2.feed_forward_length",
        "deepseek2.attention.head_count",
        "deepseek2.attention.kv_lora_rank",
        "deepseek2.attention.key_length",
        "deepseek2.attention.value_length",
        "deepseek2.attention.layer_norm_rms_epsilon",
        "deepseek2.rope.dimension_count",
        "deepseek2.rope.scaling.factor",
        "deepseek2.rope.scaling.original_context_length",
        "deepseek2.expert_used_count",
        "deepseek2.expert_feed_forward_length",
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        struct model model = model_r1(LAYOUT_OLD);
        model.left_out = keys[i];
        struct image image = image_begin();
        model_keys(&image, &model);
        struct geometry geometry;
        struct error err;
        if (reads(image, &geometry, &err))
            fail_msg("read without %s", keys[i]);
        assert_mentions(err.text, "FILE: ");
        assert_mentions(err.text, keys[i]);
        assert_mentions(err.text, "missing");
    }
}

/* R1's keys with one of them given another value. */
static void refuses(const char *key, uint32_t type, uint64_t value, const char *expected)
{
    struct model model = model_r1(LAYOUT_NEW);
    model.left_out = key;
    struct image image = image_begin();
    model_keys(&image, &model);
    if (type == GGUF_TEXT)
        image_text(&image, key, "linear");
    else
        image_number(&image, key, type, value, type == GGUF_U64 ? 8 : 4);
    struct geometry geometry;
    struct error err;
    if (reads(image, &geometry, &err))
        fail_msg("read with %s = %llu", key, (unsigned long long)value);
    assert_mentions(err.text, key);
    assert_mentions(err.text, expected);
}

static uint32_t bits(float value)
{
    return load_u32(&value);
}

static void values_out_of_range_are_refused(void **state)
{
    (void)state;
    refuses("deepseek2.block_count", GGUF_U32, 0, "0, expected 1 to 1024");
    refuses("deepseek2.block_count", GGUF_U64, UINT64_C(1) << 32, "4294967296, expected 1 to 1024");
    refuses("deepseek2.nextn_predict_layers", GGUF_U32, 2, "2, expected 0 to 1");
    refuses("deepseek2.leading_dense_block_count", GGUF_U32, 3, "3, expected 0 to 2");
    refuses("deepseek2.embedding_length", GGUF_U32, 7160, "multiple of 32");
    refuses("deepseek2.attention.head_count", GGUF_U32, 0, "0, expected 1 to 1024");
    refuses("deepseek2.attention.head_count", GGUF_I32, (uint32_t)-1, "-1, expected");
    refuses("deepseek2.attention.head_count", GGUF_TEXT, 0, "is of type text");
    refuses("deepseek2.attention.q_lora_rank", GGUF_U32, 1u << 20, "expected 0 to 16384");
    refuses("deepseek2.attention.key_length_mla", GGUF_U32, 64, "64, expected 65 to");
    refuses("deepseek2.attention.value_length_mla", GGUF_U32, 0, "0, expected 1 to 1024");
    refuses("deepseek2.rope.dimension_count", GGUF_U32, 63, "even");
    refuses("deepseek2.expert_count", GGUF_U32, 1025, "expected 0 to 1024");
    refuses("deepseek2.expert_used_count", GGUF_U32, 65, "65, expected 1 to 64");
    refuses("deepseek2.expert_gating_func", GGUF_U32, 3, "3, expected 1 (softmax) or 2 (sigmoid)");
    refuses("deepseek2.expert_group_count", GGUF_U32, 7, "do not divide");
    refuses("deepseek2.expert_group_count", GGUF_U32, 256, "groups of one");
    refuses("deepseek2.expert_group_used_count", GGUF_U32, 9, "9, expected 0 to 8");
    refuses("deepseek2.rope.scaling.type", GGUF_TEXT, 0, "linear, expected yarn or none");
    refuses("deepseek2.rope.scaling.factor", GGUF_F32, bits(0.5f), "0.5, expected");
    refuses("deepseek2.rope.scaling.factor", GGUF_F32, 0x7FC00000, "nan, expected");
    refuses("deepseek2.rope.freq_base", GGUF_F32, 0x7F800000, "inf, expected");
    refuses("deepseek2.attention.layer_norm_rms_epsilon", GGUF_F32, bits(-1), "-1, expected 0 to 1");
    refuses("deepseek2.expert_weights_scale", GGUF_F32, 0x7FC00000, "nan, expected");
    refuses("deepseek2.expert_weights_norm", GGUF_U32, 2, "2, expected true or false");
}

static void groups_too_small_for_the_choice_are_refused(void **state)
{
    (void)state;
    struct model model = model_r1(LAYOUT_NEW);
    model.groups = 128;
    model.groups_used = 3; /* six experts, of which eight are to be chosen */
    struct image image = image_begin();
    model_keys(&image, &model);
    struct geometry geometry;
    struct error err;
    assert_false(reads(image, &geometry, &err));
    assert_mentions(err.text, "3 groups of 2 experts cannot give the 8");
}

static void other_architectures_are_named(void **state)
{
    (void)state;
    struct image image = image_begin();
    image_text(&image, "general.architecture", "llama");
    struct geometry geometry;
    struct error err;
    assert_false(reads(image, &geometry, &err));
    assert_mentions(err.text, "FILE: a model of architecture llama");
    assert_mentions(err.text, "deepseek2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_r1_in_both_layouts),
        cmocka_unit_test(reads_v2_lite),
        cmocka_unit_test(old_files_get_the_released_groups),
        cmocka_unit_test(absent_keys_have_defaults),
        cmocka_unit_test(special_shapes_are_read),
        cmocka_unit_test(necessary_keys_are_missed_by_name),
        cmocka_unit_test(values_out_of_range_are_refused),
        cmocka_unit_test(groups_too_small_for_the_choice_are_refused),
        cmocka_unit_test(other_architectures_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
