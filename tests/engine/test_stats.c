/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics: the bytes that a token reads, against the file's own tensors; what steps of several sessions
 * share; memory that comes and goes; and how often the threads meet in a layer. */
#include <string.h>

#include "check.h"
#include "fathom.h"
#include "golden_case.h"
#include "weights/part.h"

#define N_TOKENS 9

static struct fathom_model *opened(const char *name, uint32_t n_threads)
{
    char path[160];
    struct fathom_error err = {0};
    const struct fathom_model_options options = {.n_threads = n_threads, .chunk_tokens = 4};
    snprintf(path, sizeof path, "tests/golden/%s.gguf", name);
    struct fathom_model *model = fathom_model_open(path, &options, &err);
    if (model == NULL)
        fail_msg("%s: %s", name, err.text);
    return model;
}

static struct fathom_session *talk(struct fathom_model *model)
{
    struct fathom_error err = {0};
    const struct fathom_session_options options = {.n_context = 64};
    struct fathom_session *session = fathom_session_open(model, &options, &err);
    if (session == NULL)
        fail_msg("%s", err.text);
    return session;
}

static const uint32_t tokens[N_TOKENS] = {5, 9, 100, 33, 7, 8, 61, 2, 90};

static void hold(struct fathom_session *session, size_t n)
{
    struct fathom_error err = {0};
    if (!fathom_session_hold(session, tokens, n, NULL, NULL, &err))
        fail_msg("%s", err.text);
}

/* What weights/part.c, which plans by it, says of one token of the file. */
static void token_bytes(const char *name, uint64_t bytes[PART_COUNT], uint64_t *weight_bytes,
                        struct geometry *geometry)
{
    char path[160];
    struct gguf file = {0};
    struct catalog catalog = {0};
    struct error err = {0};
    snprintf(path, sizeof path, "tests/golden/%s.gguf", name);
    if (!gguf_open(&file, path, &err) || !catalog_read(&catalog, &file, &err))
        fail_msg("%s", err.text);
    memset(bytes, 0, PART_COUNT * sizeof *bytes);
    *weight_bytes = 0;
    for (size_t i = 0; i < file.n_tensors; i++) {
        enum part part = part_of(&catalog, i);
        bytes[part] += part_token_bytes(&catalog, &file.tensors[i], part);
        *weight_bytes += part < PART_MTP ? file.tensors[i].n_bytes : 0;
    }
    *geometry = catalog.geometry;
    catalog_release(&catalog);
    gguf_close(&file);
}

static void a_token_reads_what_the_file_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_GOLDEN; i++) {
        uint64_t bytes[PART_COUNT], weight_bytes;
        struct geometry g;
        token_bytes(golden_names[i], bytes, &weight_bytes, &g);
        struct fathom_model *model = opened(golden_names[i], 1);
        struct fathom_session *session = talk(model);
        hold(session, 3);
        struct fathom_stats before = fathom_model_stats(model);
        assert_true(fathom_session_push(session, 11, NULL));
        struct fathom_stats after = fathom_model_stats(model);
        for (size_t part = 0; part < FATHOM_PART_CACHE; part++) {
            uint64_t read = after.read_bytes[part] - before.read_bytes[part];
            if (read != bytes[part])
                fail_msg("%s, %s: %llu bytes, the file says %llu", golden_names[i],
                         fathom_part_name((enum fathom_part)part), (unsigned long long)read,
                         (unsigned long long)bytes[part]);
        }
        assert_int_equal(after.n_experts - before.n_experts,
                         (g.n_layers - g.n_dense_layers) * g.n_experts_used);
        assert_int_equal(after.read_bytes[FATHOM_PART_CACHE] - before.read_bytes[FATHOM_PART_CACHE],
                         4 * fathom_model_info(model).cache_bytes_token);
        assert_int_equal(after.mapped_bytes + after.copied_bytes, weight_bytes);
        fathom_session_close(session);
        fathom_model_close(model);
    }
}

static void prompts_and_answers_are_told_apart(void **state)
{
    (void)state;
    struct fathom_model *model = opened("v3-256-q4_0", 2);
    struct fathom_session *session = talk(model);
    hold(session, N_TOKENS); /* chunks of 4, 4 and 1 */
    hold(session, N_TOKENS); /* nothing */
    for (uint32_t i = 0; i < 5; i++)
        assert_true(fathom_session_push(session, i, NULL));
    struct fathom_stats stats = fathom_session_stats(session), all = fathom_model_stats(model);
    assert_int_equal(stats.n_prompt_tokens, N_TOKENS);
    assert_int_equal(stats.n_generated_tokens, 5);
    assert_int_equal(stats.n_steps, 3 + 5);
    assert_true(stats.prompt_seconds > 0 && stats.generated_seconds > 0);
    assert_memory_equal(stats.read_bytes, all.read_bytes, sizeof all.read_bytes); /* it was alone */
    assert_int_equal(all.n_prompt_tokens, N_TOKENS);
    assert_int_equal(all.n_generated_tokens, 5);
    assert_true(all.prompt_seconds == stats.prompt_seconds);
    assert_true(all.generated_seconds == stats.generated_seconds);
    /* Only a hold's last chunk has logits. */
    uint64_t head_bytes = stats.read_bytes[FATHOM_PART_HEAD];
    assert_true(head_bytes > 0);
    assert_true(fathom_session_push(session, 1, NULL));
    assert_int_equal(fathom_session_stats(session).read_bytes[FATHOM_PART_HEAD], head_bytes / 6 * 7);
    fathom_session_close(session);
    fathom_model_close(model);
}

static void a_step_reads_its_weights_once(void **state)
{
    (void)state;
    struct fathom_model *model = opened("v3-256-q4_0", 1);
    struct fathom_session *a = talk(model), *b = talk(model);
    hold(a, 8);
    hold(b, 5);
    struct fathom_stats before = fathom_model_stats(model), before_a = fathom_session_stats(a);
    struct fathom_piece pieces[] = {{a, tokens, 1}, {b, tokens + 1, 3}};
    assert_true(fathom_step(pieces, 2, NULL));
    struct fathom_stats after = fathom_model_stats(model), after_a = fathom_session_stats(a);
    struct fathom_model_info info = fathom_model_info(model);
    assert_int_equal(after.n_steps - before.n_steps, 1);
    assert_int_equal(after.n_generated_tokens - before.n_generated_tokens, 1);
    assert_int_equal(after.n_prompt_tokens - before.n_prompt_tokens, 3);
    assert_int_equal(after_a.n_generated_tokens - before_a.n_generated_tokens, 1);
    for (size_t part = 0; part < FATHOM_PART_CACHE; part++)
        assert_int_equal(after.read_bytes[part] - before.read_bytes[part],
                         after_a.read_bytes[part] - before_a.read_bytes[part]);
    assert_int_equal(after.read_bytes[FATHOM_PART_CACHE] - before.read_bytes[FATHOM_PART_CACHE],
                     (9 + 8) * info.cache_bytes_token);
    assert_int_equal(after_a.read_bytes[FATHOM_PART_CACHE] - before_a.read_bytes[FATHOM_PART_CACHE],
                     9 * info.cache_bytes_token);
    /* The model's time is divided by rows, the session's is all of it. */
    double generated = after.generated_seconds - before.generated_seconds;
    double whole = after_a.generated_seconds - before_a.generated_seconds;
    assert_true(generated > 0.2 * whole && generated < 0.3 * whole);
    fathom_session_close(a);
    fathom_session_close(b);
    fathom_model_close(model);
}

static void memory_comes_and_goes(void **state)
{
    (void)state;
    struct fathom_model *model = opened("v3-256-q4_0", 1);
    struct fathom_model_info info = fathom_model_info(model);
    struct fathom_stats empty = fathom_model_stats(model);
    assert_int_equal(empty.cache_bytes, 0);
    assert_true(empty.buffer_bytes > 0);
    struct fathom_session *a = talk(model), *b = talk(model);
    uint64_t own = fathom_session_stats(a).buffer_bytes;
    assert_int_equal(own, 64 * sizeof(uint32_t) + info.n_vocabulary * sizeof(float));
    assert_int_equal(fathom_model_stats(model).buffer_bytes, empty.buffer_bytes + 2 * own);
    hold(a, 9);
    hold(b, 4);
    assert_int_equal(fathom_model_stats(model).cache_bytes, 13 * info.cache_bytes_token);
    fathom_session_rewind(a, 2);
    assert_int_equal(fathom_model_stats(model).cache_bytes, 6 * info.cache_bytes_token);
    assert_int_equal(fathom_session_stats(a).cache_bytes, 2 * info.cache_bytes_token);
    hold(a, 1); /* its logits are computed again */
    assert_int_equal(fathom_session_stats(a).cache_bytes, 1 * info.cache_bytes_token);
    fathom_session_close(a);
    fathom_session_close(b);
    struct fathom_stats after = fathom_model_stats(model);
    assert_int_equal(after.cache_bytes, 0);
    assert_int_equal(after.buffer_bytes, empty.buffer_bytes);
    fathom_model_close(model);
}

/* For one row a layer takes eight while positions are few; the beginning and the end of a step share what is
 * left of ten. */
static void few_rounds_a_layer(void **state)
{
    (void)state;
    struct geometry g;
    uint64_t bytes[PART_COUNT], weight_bytes;
    token_bytes("v3-256-q4_0", bytes, &weight_bytes, &g);
    assert_true(g.n_dense_layers < g.n_layers);
    struct fathom_model *model = opened("v3-256-q4_0", 2);
    struct fathom_session *session = talk(model);
    hold(session, 3);
    struct fathom_stats before = fathom_model_stats(model);
    assert_true(fathom_session_push(session, 11, NULL));
    struct fathom_stats after = fathom_model_stats(model);
    uint64_t n_rounds = after.n_rounds - before.n_rounds;
    print_message("    %llu rounds, %u layers\n", (unsigned long long)n_rounds, g.n_layers);
    assert_true(n_rounds > 0 && n_rounds < 10 * (uint64_t)g.n_layers);
    fathom_session_close(session);
    fathom_model_close(model);
}

static void parts_have_names(void **state)
{
    (void)state;
    assert_string_equal(fathom_part_name(FATHOM_PART_ROUTED), "routed experts");
    assert_string_equal(fathom_part_name(FATHOM_PART_CACHE), "cache");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_reads_what_the_file_says),
        cmocka_unit_test(prompts_and_answers_are_told_apart),
        cmocka_unit_test(a_step_reads_its_weights_once),
        cmocka_unit_test(memory_comes_and_goes),
        cmocka_unit_test(few_rounds_a_layer),
        cmocka_unit_test(parts_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
