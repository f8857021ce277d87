/* SPDX-License-Identifier: Apache-2.0 */
/* The hybrid between two recorders: each verb goes to the home of its weights, and the experts' arguments
 * live until main comes to them. */
#include <string.h>

#include "backend/hybrid.h"
#include "check.h"
#include "recorder.h"

struct pair {
    struct recorder main, experts;
    struct backend *hybrid;
};

static void pair_open(struct pair *pair)
{
    struct error err = {0};
    recorder_init(&pair->main, 100);
    recorder_init(&pair->experts, 60);
    pair->hybrid = hybrid_create(&pair->main.backend, &pair->experts.backend, 5, &err);
    if (pair->hybrid == NULL)
        fail_msg("%s", err.text);
}

/* The one call that came since the last, at main; none came at experts. */
static const struct record *only_main(struct pair *pair, const char *call)
{
    assert_int_equal(pair->experts.n_records, 0);
    assert_int_equal(pair->main.n_records, 1);
    assert_string_equal(pair->main.records[0].call, call);
    pair->main.n_records = 0;
    return &pair->main.records[0];
}

static void verbs_run_on_main(void **state)
{
    (void)state;
    struct pair pair;
    struct weight w[7];
    const struct row row = {0};
    const struct step step = {.rows = &row, .n_rows = 1, .attention = ATTENTION_EXPANDED};
    struct error err = {0};
    pair_open(&pair);
    struct backend *hybrid = pair.hybrid;

    hybrid->begin(hybrid, &step);
    assert_int_equal(only_main(&pair, "begin")->numbers[1], ATTENTION_EXPANDED);
    hybrid->embed(hybrid, &(struct embed_args){&w[0]});
    assert_ptr_equal(only_main(&pair, "embed")->given[0], &w[0]);
    hybrid->project(hybrid, &(struct project_args){4, &w[0], &w[1], &w[2], &w[3], &w[4], &w[5], &w[6]});
    const struct record *record = only_main(&pair, "project");
    assert_int_equal(record->layer, 4);
    for (size_t i = 0; i < 7; i++)
        assert_ptr_equal(record->given[i], &w[i]);
    hybrid->append(hybrid, 3);
    assert_int_equal(only_main(&pair, "append")->layer, 3);
    hybrid->attend(hybrid, &(struct attend_args){2, &w[0], true, &w[1], &w[2]});
    record = only_main(&pair, "attend");
    assert_true(record->layer == 2 && record->given[2] == &w[2] && record->numbers[0] == true);
    hybrid->dense(hybrid, &(struct dense_args){&w[0], &w[1], &w[2], &w[3]});
    assert_ptr_equal(only_main(&pair, "dense")->given[3], &w[3]);
    hybrid->route(hybrid, &(struct route_args){&w[0], &w[1], &w[2]});
    assert_ptr_equal(only_main(&pair, "route")->given[2], &w[2]);
    hybrid->shared(hybrid, &(struct shared_args){&w[0], &w[1], &w[2]});
    assert_ptr_equal(only_main(&pair, "shared")->given[2], &w[2]);
    hybrid->reduce(hybrid);
    only_main(&pair, "reduce");
    hybrid->narrow(hybrid);
    only_main(&pair, "narrow");
    hybrid->head(hybrid, &(struct head_args){&w[0], &w[1]});
    assert_ptr_equal(only_main(&pair, "head")->given[1], &w[1]);
    hybrid->handover(hybrid, NULL, NULL);
    only_main(&pair, "handover");
    pair.main.failure = "too hot";
    assert_false(hybrid->end(hybrid, &err));
    assert_string_equal(err.text, "too hot");
    only_main(&pair, "end");
    backend_free(hybrid);
}

static void caches_and_weights_are_mains(void **state)
{
    (void)state;
    struct pair pair;
    struct error err = {0};
    struct weight weight = {0};
    pair_open(&pair);
    struct backend *hybrid = pair.hybrid;
    char bytes[1];

    struct cache *cache = hybrid->cache_create(hybrid, CACHE_F32, 9, &err);
    assert_int_equal(only_main(&pair, "cache_create")->numbers[1], 9);
    hybrid->cache_truncate(hybrid, cache, 5);
    assert_int_equal(only_main(&pair, "cache_truncate")->numbers[0], 5);
    hybrid->cache_copy(hybrid, cache, NULL, 2, 3);
    const struct record *record = only_main(&pair, "cache_copy");
    assert_true(record->given[0] == cache && record->numbers[0] == 2 && record->numbers[1] == 3);
    assert_int_equal(hybrid->cache_position_bytes(hybrid, CACHE_F32), 7);
    assert_int_equal(only_main(&pair, "cache_position_bytes")->numbers[0], CACHE_F32);
    hybrid->cache_export(hybrid, cache, 1, 4, bytes);
    record = only_main(&pair, "cache_export");
    assert_true(record->given[1] == bytes && record->numbers[0] == 1 && record->numbers[1] == 4);
    hybrid->cache_import(hybrid, cache, 1, 4, bytes);
    record = only_main(&pair, "cache_import");
    assert_true(record->given[1] == bytes && record->numbers[0] == 1 && record->numbers[1] == 4);
    hybrid->cache_free(hybrid, cache);
    assert_ptr_equal(only_main(&pair, "cache_free")->given[0], cache);

    assert_true(hybrid->weight_allocate(hybrid, &weight, &err));
    assert_ptr_equal(weight.home, &pair.main.backend); /* where it is, not who passed it on */
    only_main(&pair, "weight_allocate");
    assert_true(hybrid->weight_upload(hybrid, &weight, &(struct upload){1, 2, 3, bytes}, &err));
    record = only_main(&pair, "weight_upload");
    assert_true(record->numbers[0] == 1 && record->numbers[1] == 2 && record->numbers[2] == 3);
    hybrid->weight_release(hybrid, &weight);
    only_main(&pair, "weight_release");
    assert_null(hybrid->weight_map);
    backend_free(hybrid);
}

static void experts_at_home_on_main_stay_there(void **state)
{
    (void)state;
    struct pair pair;
    pair_open(&pair);
    const struct weight here = {.home = &pair.main.backend};
    struct expert_source source = {0};
    pair.hybrid->experts(pair.hybrid, &(struct experts_args){3, &here, &here, &here, &source});
    const struct record *record = only_main(&pair, "experts");
    assert_int_equal(record->layer, 3);
    assert_ptr_equal(record->given[3], &source);
    backend_free(pair.hybrid);
}

/* Main gets to the handovers of all layers long after the calls, when their arguments are gone. */
static void experts_elsewhere_are_handed_over(void **state)
{
    (void)state;
    struct pair pair;
    pair_open(&pair);
    const struct weight there[3] = {
        {.home = &pair.experts.backend}, {.home = &pair.experts.backend}, {.home = &pair.experts.backend}};
    struct expert_source source = {0};
    struct {
        expert_compute *compute;
        void *owner;
    } kept[5];
    for (uint32_t layer = 0; layer < 5; layer++) {
        struct experts_args args = {layer, &there[0], &there[1], &there[2], &source};
        pair.hybrid->experts(pair.hybrid, &args);
        memset(&args, 0xff, sizeof args);
        only_main(&pair, "handover");
        kept[layer].compute = pair.main.compute;
        kept[layer].owner = pair.main.owner;
    }
    const struct expert_batch batch = {.n_rows = 2};
    for (uint32_t layer = 0; layer < 5; layer++) {
        struct error err = {0};
        pair.experts.failure = layer == 3 ? "gone" : NULL;
        assert_int_equal(kept[layer].compute(kept[layer].owner, &batch, &err), layer != 3);
        assert_string_equal(err.text, layer == 3 ? "gone" : "");
        assert_int_equal(pair.experts.n_records, layer + 1);
        const struct record *record = &pair.experts.records[layer];
        assert_string_equal(record->call, "experts_batch");
        assert_int_equal(record->layer, layer);
        assert_true(record->given[0] == &there[0] && record->given[1] == &there[1] &&
                    record->given[2] == &there[2] && record->given[3] == &source &&
                    record->given[4] == &batch);
    }
    backend_free(pair.hybrid);
}

static void a_step_is_as_long_as_both_allow(void **state)
{
    (void)state;
    struct pair pair;
    struct error err = {0};
    pair_open(&pair);
    assert_int_equal(pair.hybrid->max_rows, 60);
    backend_free(pair.hybrid);
    pair.hybrid = hybrid_create(&pair.experts.backend, &pair.main.backend, 1, &err);
    assert_int_equal(pair.hybrid->max_rows, 60);
    backend_free(pair.hybrid);
}

static void a_home_that_computes_for_nobody_is_refused(void **state)
{
    (void)state;
    struct recorder main, experts;
    struct error err = {0};
    recorder_init(&main, 1);
    recorder_init(&experts, 1);
    experts.backend.name = "hermit";
    experts.backend.experts_batch = NULL;
    assert_null(hybrid_create(&main.backend, &experts.backend, 1, &err));
    assert_string_equal(err.text, "hermit cannot compute experts for recorder");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verbs_run_on_main),
        cmocka_unit_test(caches_and_weights_are_mains),
        cmocka_unit_test(experts_at_home_on_main_stay_there),
        cmocka_unit_test(experts_elsewhere_are_handed_over),
        cmocka_unit_test(a_step_is_as_long_as_both_allow),
        cmocka_unit_test(a_home_that_computes_for_nobody_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
