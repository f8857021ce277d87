/* SPDX-License-Identifier: Apache-2.0 */
/* test_catalog.c - every role finds its tensor in both layouts; what is missing or misshapen is named. */
#include "weights/model_image.h"

#include "base/memory.h"
#include "weights/catalog.h"

/* A model of real size as a file with holes: header and length are there, the weights take no disk. */
static void store_sparse(struct scratch *scratch, struct image *image)
{
    struct buffer head = {0};
    image_head(image, &head);
    const char *path = scratch_write(scratch, "model.gguf", head.bytes, head.n_bytes);
    assert_int_equal(truncate(path, (off_t)(head.n_bytes + image->data_bytes)), 0);
    buffer_release(&head);
    buffer_release(&image->keys);
    buffer_release(&image->infos);
}

struct opened {
    struct buffer bytes;
    struct gguf file;
    struct catalog catalog;
};

/* The model in memory, without data: the catalog never looks at weights. */
static bool opens(struct opened *opened, struct image image, struct error *err)
{
    opened->bytes = image_finish(&image);
    if (!gguf_open_bytes(&opened->file, opened->bytes.bytes, opened->bytes.n_bytes, "FILE", err))
        fail_msg("%s", err->text);
    return catalog_read(&opened->catalog, &opened->file, err);
}

static void closes(struct opened *opened)
{
    catalog_release(&opened->catalog);
    gguf_close(&opened->file);
    buffer_release(&opened->bytes);
}

static void check_released(struct model model)
{
    struct image image = model_image(&model);
    struct scratch scratch;
    scratch_make(&scratch);
    store_sparse(&scratch, &image);
    struct gguf file;
    struct catalog catalog;
    struct error err;
    if (!gguf_open(&file, scratch.folder, &err) || !catalog_read(&catalog, &file, &err))
        fail_msg("%s", err.text);
    for (size_t i = 0; i < file.n_tensors; i++) {
        char name[GGUF_NAME_BYTES];
        assert_int_equal(catalog.uses[i].use, USE_ROLE);
        role_tensor_name(catalog.uses[i].role, catalog.uses[i].layer, name, sizeof name);
        assert_string_equal(name, file.tensors[i].name);
    }
    assert_non_null(catalog.model[ROLE_OUTPUT]);
    assert_int_equal(catalog.layers[1][ROLE_EXPERT_DOWN]->dimensions[0], model.expert_ff);
    assert_int_equal(catalog.layers[0][ROLE_EXPERT_DOWN] == NULL, true);
    assert_int_equal(catalog.layers[1][ROLE_DENSE_DOWN] == NULL, true);
    assert_int_equal(catalog.layers[0][ROLE_KEY_VALUE_UP] != NULL, model.layout == LAYOUT_OLD);
    assert_int_equal(catalog.layers[0][ROLE_KEY_UP] != NULL, model.layout == LAYOUT_NEW);
    assert_int_equal(catalog.layers[0][ROLE_QUERY] != NULL, model.query_rank == 0);
    assert_int_equal(catalog.layers[1][ROLE_ROUTER_BIAS] != NULL, model.bias);
    catalog_release(&catalog);
    gguf_close(&file);
    scratch_remove(&scratch);
}

static void released_models_are_cataloged(void **state)
{
    (void)state;
    for (enum layout layout = LAYOUT_OLD; layout <= LAYOUT_NEW; layout++) {
        check_released(model_r1(layout));
        check_released(model_v2_lite(layout));
    }
}

/* The names of all tensors of a small model. */
static size_t list_names(enum layout layout, char (**names)[GGUF_NAME_BYTES])
{
    struct model model = model_small(layout);
    struct opened opened;
    struct error err;
    if (!opens(&opened, model_image(&model), &err))
        fail_msg("%s", err.text);
    size_t n = opened.file.n_tensors;
    *names = memory_allocate(n, sizeof **names, "names", NULL);
    for (size_t i = 0; i < n; i++)
        memcpy((*names)[i], opened.file.tensors[i].name, GGUF_NAME_BYTES);
    closes(&opened);
    return n;
}

static bool may_be_absent(const char *name)
{
    return strcmp(name, "output.weight") == 0 || strstr(name, "exp_probs_b") != NULL;
}

static void each_tensor_is_missed_by_name(void **state)
{
    (void)state;
    for (enum layout layout = LAYOUT_OLD; layout <= LAYOUT_NEW; layout++) {
        char(*names)[GGUF_NAME_BYTES];
        size_t n = list_names(layout, &names);
        for (size_t i = 0; i < n; i++) {
            struct model model = model_small(layout);
            model.left_out = names[i];
            struct opened opened;
            struct error err = {.text = ""};
            if (opens(&opened, model_image(&model), &err) != may_be_absent(names[i]))
                fail_msg("without %s: \"%s\"", names[i], err.text);
            if (!may_be_absent(names[i])) {
                assert_mentions(err.text, "FILE: tensor ");
                assert_mentions(err.text, names[i]);
                assert_mentions(err.text, "missing");
            }
            closes(&opened);
        }
        memory_free(names);
    }
}

static void each_wrong_shape_is_named(void **state)
{
    (void)state;
    for (enum layout layout = LAYOUT_OLD; layout <= LAYOUT_NEW; layout++) {
        char(*names)[GGUF_NAME_BYTES];
        size_t n = list_names(layout, &names);
        for (size_t i = 0; i < n; i++) {
            struct model model = model_small(layout);
            model.spoiled = names[i];
            struct opened opened;
            struct error err;
            if (opens(&opened, model_image(&model), &err))
                fail_msg("took %s with a row more", names[i]);
            assert_mentions(err.text, "FILE: tensor ");
            assert_mentions(err.text, names[i]);
            assert_mentions(err.text, "expected");
            closes(&opened);
        }
        memory_free(names);
    }
}

static void a_wrong_shape_is_shown(void **state)
{
    (void)state;
    struct model model = model_small(LAYOUT_NEW);
    model.spoiled = "blk.1.ffn_down_exps.weight";
    struct opened opened;
    struct error err;
    assert_false(opens(&opened, model_image(&model), &err));
    assert_string_equal(err.text,
                        "FILE: tensor blk.1.ffn_down_exps.weight: shape 224 x 97 x 6, expected 224 x 96 x 6");
    closes(&opened);
}

static void vectors_and_routers_are_float(void **state)
{
    (void)state;
    static const char *const names[] = {"output_norm.weight",         "blk.0.attn_norm.weight",
                                        "blk.0.attn_q_a_norm.weight", "blk.2.attn_kv_a_norm.weight",
                                        "blk.1.ffn_norm.weight",      "blk.1.ffn_gate_inp.weight",
                                        "blk.2.exp_probs_b.bias"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct model model = model_small(LAYOUT_NEW);
        model.as_f16 = names[i];
        struct opened opened;
        struct error err;
        assert_false(opens(&opened, model_image(&model), &err));
        assert_mentions(err.text, names[i]);
        assert_mentions(err.text, "format F16, expected F32");
        closes(&opened);
    }
    struct model model = model_small(LAYOUT_NEW);
    model.as_f16 = "blk.1.ffn_gate_exps.weight"; /* matrices may be anything */
    struct opened opened;
    struct error err;
    assert_true(opens(&opened, model_image(&model), &err));
    closes(&opened);
}

static bool experts_take_int8(struct model model)
{
    struct opened opened;
    struct error err;
    assert_true(opens(&opened, model_image(&model), &err));
    bool int8 = catalog_experts_take_int8(&opened.catalog);
    closes(&opened);
    return int8;
}

static void one_float_among_experts_is_seen(void **state)
{
    (void)state;
    struct model model = model_small(LAYOUT_NEW);
    assert_true(experts_take_int8(model));
    model.as_f16 = "blk.2.ffn_up_exps.weight";
    assert_false(experts_take_int8(model));
    model.as_f16 = "blk.2.ffn_gate_exps.weight";
    assert_false(experts_take_int8(model));
    model.as_f16 = "blk.2.ffn_down_exps.weight"; /* has inputs of its own */
    assert_true(experts_take_int8(model));
    model.as_f16 = "blk.2.ffn_up_shexp.weight";
    assert_true(experts_take_int8(model));
}

static enum use use_of(const struct opened *opened, const char *name)
{
    return opened->catalog.uses[gguf_find_tensor(&opened->file, name) - opened->file.tensors].use;
}

static void other_tensors_are_left_aside(void **state)
{
    (void)state;
    struct model model = model_small(LAYOUT_NEW);
    model.n_mtp = 1;
    struct image image = model_image(&model);
    image_append(&image, "blk.3.nextn.eh_proj.weight", FORMAT_F32, 96, 96, 1);
    image_append(&image, "blk.3.attn_norm.weight", FORMAT_F32, 96, 1, 1);
    image_append(&image, "blk.2.surprise.weight", FORMAT_F32, 96, 1, 1);
    image_append(&image, "rope_freqs.weight", FORMAT_F32, 32, 1, 1);
    image_append(&image, "blk.0.attn_kv_b.weight", FORMAT_F32, 160, 3 * (128 + 192), 1);
    struct opened opened;
    struct error err;
    if (!opens(&opened, image, &err))
        fail_msg("%s", err.text);
    assert_int_equal(opened.catalog.geometry.n_layers, 3);
    assert_int_equal(use_of(&opened, "blk.3.nextn.eh_proj.weight"), USE_MTP);
    assert_int_equal(use_of(&opened, "blk.3.attn_norm.weight"), USE_MTP);
    assert_int_equal(use_of(&opened, "blk.2.surprise.weight"), USE_NONE);
    assert_int_equal(use_of(&opened, "rope_freqs.weight"), USE_NONE);
    assert_int_equal(use_of(&opened, "blk.0.attn_kv_b.weight"),
                     USE_NONE); /* its two halves are there as well */
    assert_int_equal(use_of(&opened, "blk.0.attn_k_b.weight"), USE_ROLE);
    assert_null(opened.catalog.layers[0][ROLE_KEY_VALUE_UP]);
    closes(&opened);
}

static void stacked_matrices_are_taken(void **state)
{
    (void)state;
    struct model model = model_small(LAYOUT_NEW);
    model.left_out = "blk.1.attn_k_b.weight";
    struct image image = model_image(&model);
    image_append(&image, "blk.1.attn_k_b.weight", FORMAT_F32, 128, 3 * 160, 1);
    struct opened opened;
    struct error err;
    assert_true(opens(&opened, image, &err));
    closes(&opened);
}

static void a_vocabulary_alone_is_refused(void **state)
{
    (void)state;
    struct model model = model_small(LAYOUT_NEW);
    struct image image = image_begin();
    model_keys(&image, &model);
    struct opened opened;
    struct error err;
    assert_false(opens(&opened, image, &err));
    assert_string_equal(err.text, "FILE: holds a vocabulary and no weights");
    closes(&opened);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(released_models_are_cataloged), cmocka_unit_test(each_tensor_is_missed_by_name),
        cmocka_unit_test(each_wrong_shape_is_named),     cmocka_unit_test(a_wrong_shape_is_shown),
        cmocka_unit_test(vectors_and_routers_are_float), cmocka_unit_test(one_float_among_experts_is_seen),
        cmocka_unit_test(other_tensors_are_left_aside),  cmocka_unit_test(stacked_matrices_are_taken),
        cmocka_unit_test(a_vocabulary_alone_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
