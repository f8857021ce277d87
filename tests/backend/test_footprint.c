/* SPDX-License-Identifier: Apache-2.0 */
/* test_footprint.c - what a backend is said to take is what it takes, by its own count. */
#include <inttypes.h>
#include <math.h>

#include "backend/cpu/state.h"
#include "check.h"

static const struct geometry r1 = {.n_layers = 61,
                                   .n_dense_layers = 3,
                                   .n_hidden = 7168,
                                   .n_vocabulary = 129280,
                                   .n_heads = 128,
                                   .query_rank = 1536,
                                   .latent_rank = 512,
                                   .head_plain = 128,
                                   .head_rotary = 64,
                                   .head_value = 128,
                                   .n_dense_ff = 18432,
                                   .n_experts = 256,
                                   .n_experts_used = 8,
                                   .n_expert_ff = 2048,
                                   .n_shared_ff = 2048,
                                   .n_groups = 8,
                                   .n_groups_used = 4,
                                   .norm_epsilon = 1e-6f,
                                   .rope_theta = 10000};

static void check_with(const struct geometry *geometry, size_t max_rows, size_t n_members, bool exact,
                       bool int8_experts)
{
    struct topology topology;
    struct error err = {0};
    float frequencies[64] = {0};
    assert_true(topology_read(&topology, NULL, &err));
    struct team *team = team_create(&topology, n_members, &err);
    assert_non_null(team);
    struct cpu_options options = {.geometry = geometry,
                                  .rope = {frequencies, 1},
                                  .team = team,
                                  .exact = exact,
                                  .int8_experts = int8_experts,
                                  .max_rows = max_rows};
    struct backend *backend = cpu_create(&options, &err);
    assert_non_null(backend);
    uint64_t taken = cpu_of(backend)->blocks.n_bytes;
    double said = (double)cpu_footprint(&options, n_members);
    backend_free(backend);
    team_free(team);
    topology_release(&topology);
    if (fabs(said - (double)taken) > 0.05 * (double)taken)
        fail_msg("%zu rows, %zu members, exact %d, int8 experts %d: %.0f bytes said, %" PRIu64 " taken",
                 max_rows, n_members, exact, int8_experts, said, taken);
}

static void check(const struct geometry *geometry, size_t max_rows, size_t n_members, bool exact)
{
    check_with(geometry, max_rows, n_members, exact, false);
    check_with(geometry, max_rows, n_members, exact, true);
}

static void r1_takes_what_is_said(void **state)
{
    (void)state;
    check(&r1, 1, 1, false);
    check(&r1, 33, 2, false);
    check(&r1, 64, 3, true);
}

static void others_do_too(void **state)
{
    (void)state;
    struct geometry lite = r1; /* DeepSeek-V2-Lite */
    lite.n_layers = 27;
    lite.n_dense_layers = 1;
    lite.n_hidden = 2048;
    lite.n_heads = 16;
    lite.query_rank = 0;
    lite.n_dense_ff = 10944;
    lite.n_experts = 64;
    lite.n_experts_used = 6;
    lite.n_expert_ff = 1408;
    lite.n_shared_ff = 2816;
    check(&lite, 512, 2, false);
    struct geometry dense = lite; /* without experts */
    dense.n_dense_layers = dense.n_layers;
    dense.n_experts = dense.n_experts_used = dense.n_expert_ff = dense.n_shared_ff = 0;
    check(&dense, 512, 2, false);
    check(&dense, 512, 2, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(r1_takes_what_is_said),
        cmocka_unit_test(others_do_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
