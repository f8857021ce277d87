/* SPDX-License-Identifier: Apache-2.0 */
/* Routed experts from a source that delivers late and out of order, from copies that are spoiled as soon as
 * they are done with: the bits of resident experts, and failures that are told. */
#include "machine/team.h"
#include "opened.h"

#include "backend/hybrid.h"
#include "backend/late_source.h"
#include "backend/queue_backend.h"
#include "weights/paged.h"

#define N_TOKENS   24
#define MAX_LAYERS 4

/* A processor whose routed experts have no address: whoever looks there instead of asking falls. */
struct sourced {
    struct station station;
    struct late_layer layers[MAX_LAYERS];
    struct late_source *late;
    struct layer_weights *hidden_layers; /* the same weights, experts' handles gone */
    struct resident hidden;
    uint32_t n_moe;
};

static void *const no_address = (void *)(uintptr_t)64; /* in the page that is never mapped */

static void sourced_open(struct sourced *sourced, const struct opened *opened, const char *isa, uint64_t seed)
{
    uint32_t n_layers = opened->geometry->n_layers;
    *sourced = (struct sourced){.n_moe = n_layers - opened->geometry->n_dense_layers};
    assert_true(n_layers <= MAX_LAYERS);
    station_open(&sourced->station, opened, isa, false);
    sourced->hidden = sourced->station.weights;
    sourced->hidden_layers = calloc(n_layers, sizeof *sourced->hidden_layers);
    assert_non_null(sourced->hidden_layers);
    sourced->hidden.layers = sourced->hidden_layers;
    for (uint32_t i = 0; i < n_layers; i++) {
        struct layer_weights *layer = &sourced->hidden_layers[i];
        *layer = sourced->station.weights.layers[i];
        sourced->layers[i] =
            (struct late_layer){layer->weights[ROLE_EXPERT_GATE], layer->weights[ROLE_EXPERT_UP],
                                layer->weights[ROLE_EXPERT_DOWN]};
        layer->weights[ROLE_EXPERT_GATE].handle = no_address;
        layer->weights[ROLE_EXPERT_UP].handle = no_address;
        layer->weights[ROLE_EXPERT_DOWN].handle = no_address;
    }
    sourced->late = late_create(&(struct late_options){.layers = sourced->layers,
                                                       .n_layers = n_layers,
                                                       .n_experts = opened->geometry->n_experts,
                                                       .seed = seed});
    sourced->station.forward.weights = &sourced->hidden;
    sourced->station.forward.source = late_expert_source(sourced->late);
}

static void sourced_close(struct sourced *sourced)
{
    late_free(sourced->late);
    free(sourced->hidden_layers);
    station_close(&sourced->station);
}

/* ---- the same bits ---- */

static void compare(const char *name, const char *isa, size_t chunk, uint64_t seed)
{
    struct opened opened;
    struct station resident;
    struct sourced sourced;
    uint32_t tokens[N_TOKENS];
    opened_golden(&opened, name);
    tokens_fill(tokens, N_TOKENS, opened.geometry, seed);
    station_open(&resident, &opened, isa, false);
    sourced_open(&sourced, &opened, isa, seed + 1);
    float *want = station_logits(&resident.forward, tokens, N_TOKENS, ATTENTION_ABSORBED, chunk);
    float *got = station_logits(&sourced.station.forward, tokens, N_TOKENS, ATTENTION_ABSORBED, chunk);
    if (memcmp(got, want, (size_t)N_TOKENS * opened.geometry->n_vocabulary * sizeof(float)) != 0)
        fail_msg("%s, seed %llu: other bits in steps of %zu", name, (unsigned long long)seed, chunk);
    size_t n_steps = (N_TOKENS + chunk - 1) / chunk;
    for (uint32_t layer = 0; layer < opened.geometry->n_layers; layer++)
        assert_int_equal(late_n_wants(sourced.late, layer),
                         geometry_layer_is_dense(opened.geometry, layer) ? 0 : n_steps);
    free(got);
    free(want);
    sourced_close(&sourced);
    station_close(&resident);
    opened_close(&opened);
}

static void one_row_gives_the_same_bits(void **state)
{
    (void)state;
    compare("v3-legacy", NULL, 1, 601);
    compare("v3-iq1_m", "generic", 1, 602);
}

static void many_rows_give_the_same_bits(void **state)
{
    (void)state;
    compare("v3-legacy", NULL, N_TOKENS, 611);
    compare("v3-kvb-q2_k_xl", NULL, 9, 612);
    compare("v3-256-q4_0", "generic", N_TOKENS, 613);
}

/* From the mapped file: one after the other, and side by side once they are known to be there. */
static void mapped_experts_give_the_same_bits(void **state)
{
    (void)state;
    struct opened opened;
    struct station station;
    struct paged paged;
    struct error err = {0};
    uint32_t tokens[N_TOKENS];
    opened_golden(&opened, "v3-legacy");
    tokens_fill(tokens, N_TOKENS, opened.geometry, 614);
    station_open(&station, &opened, NULL, false);
    const size_t n_bytes = (size_t)N_TOKENS * opened.geometry->n_vocabulary * sizeof(float);
    float *want = station_logits(&station.forward, tokens, N_TOKENS, ATTENTION_ABSORBED, 9);
    for (int stays = 0; stays < 2; stays++) {
        opened_must(paged_init(&paged, &station.weights, &opened.file, stays, &err), &err);
        station.forward.source = &paged.source;
        for (int again = 0; again < 2; again++) {
            float *got = station_logits(&station.forward, tokens, N_TOKENS, ATTENTION_ABSORBED, 9);
            assert_memory_equal(got, want, n_bytes);
            free(got);
        }
        const uint32_t layer = opened.geometry->n_layers - 1, id = 0;
        size_t n_delivered = paged.n_delivered;
        assert_int_equal(paged.source.are_there(&paged.source, layer, &id, 1), stays);
        assert_int_equal(paged.n_delivered, n_delivered);
        assert_true(stays || n_delivered > 0);
        paged_release(&paged);
    }
    free(want);
    station_close(&station);
    opened_close(&opened);
}

/* ---- what is wanted ---- */

/* Passes batches on, and counts which experts they are for. */
struct counter {
    struct backend backend; /* first */
    struct backend *experts;
    uint32_t n_used;
    uint32_t rows_of[MAX_LAYERS][GEOMETRY_MAX_EXPERTS];
};

static bool counted_batch(struct backend *backend, const struct experts_args *args,
                          const struct expert_batch *batch, struct error *err)
{
    struct counter *counter = (struct counter *)backend;
    for (size_t i = 0; i < batch->n_rows * counter->n_used; i++)
        counter->rows_of[args->layer][batch->chosen[i]]++;
    return counter->experts->experts_batch(counter->experts, args, batch, err);
}

/* What the router chose for any row, and nothing else, is wanted once a layer and step. */
static void what_was_chosen_is_wanted_once(void **state)
{
    (void)state;
    static struct counter counter;
    struct opened opened;
    struct sourced sourced;
    struct error err = {0};
    uint32_t tokens[N_TOKENS];
    opened_golden(&opened, "v3-legacy");
    tokens_fill(tokens, N_TOKENS, opened.geometry, 621);
    sourced_open(&sourced, &opened, NULL, 622);
    struct backend *cpu = sourced.station.backend;
    counter = (struct counter){*cpu, cpu, opened.geometry->n_experts_used, {{0}}};
    counter.backend.experts_batch = counted_batch;
    for (uint32_t i = 0; i < opened.geometry->n_layers; i++)
        sourced.hidden_layers[i].weights[ROLE_EXPERT_GATE].home = &counter.backend;
    struct backend *hybrid = hybrid_create(cpu, &counter.backend, opened.geometry->n_layers, &err);
    opened_must(hybrid != NULL, &err);
    sourced.station.forward.backend = hybrid;

    free(station_logits(&sourced.station.forward, tokens, N_TOKENS, ATTENTION_ABSORBED, 0));
    size_t n_shared = 0; /* experts of more than one row */
    for (uint32_t layer = 0; layer < opened.geometry->n_layers; layer++)
        for (uint32_t id = 0; id < opened.geometry->n_experts; id++) {
            uint32_t n_rows = counter.rows_of[layer][id];
            n_shared += n_rows > 1;
            if (late_n_wanted(sourced.late, layer, id) != (n_rows > 0))
                fail_msg("layer %u: expert %u of %u rows was wanted %zu times", layer, id, n_rows,
                         late_n_wanted(sourced.late, layer, id));
        }
    assert_true(n_shared > 0);
    backend_free(hybrid);
    sourced_close(&sourced);
    opened_close(&opened);
}

/* ---- failures ---- */

/* A step in which only n experts of `layer` come, and then one in which all do, on the same positions. */
static void check_failure(struct sourced *sourced, const struct forward *forward, const float *want,
                          uint32_t layer, size_t n)
{
    static float got[N_TOKENS * 512];
    uint32_t tokens[N_TOKENS];
    struct held_cache held;
    struct error err = {0};
    char line[64];
    assert_true(forward->geometry->n_vocabulary <= 512);
    tokens_fill(tokens, N_TOKENS, forward->geometry, 631);
    held_open(&held, forward->backend, CACHE_F16, N_TOKENS);
    const struct portion portion = {&held, tokens, N_TOKENS};

    late_fail(sourced->late, layer, n);
    if (portions_try(forward, &portion, 1, ATTENTION_ABSORBED, got, &err))
        fail_msg("layer %u: %zu experts came, and nothing failed", layer, n);
    snprintf(line, sizeof line, "layer %u: disk gone", layer);
    assert_string_equal(err.text, line);
    assert_int_equal(held.n_held, 0);

    late_fail(sourced->late, LATE_NEVER, 0);
    portions_step(forward, &portion, 1, ATTENTION_ABSORBED, got);
    assert_memory_equal(got, want, (size_t)N_TOKENS * forward->geometry->n_vocabulary * sizeof(float));
    held_cache_close(&held);
}

static void a_failing_source_is_told_at_the_end(void **state)
{
    (void)state;
    struct opened opened;
    struct station resident;
    struct sourced sourced;
    uint32_t tokens[N_TOKENS];
    opened_golden(&opened, "v3-legacy");
    tokens_fill(tokens, N_TOKENS, opened.geometry, 631);
    station_open(&resident, &opened, NULL, false);
    float *want = station_logits(&resident.forward, tokens, N_TOKENS, ATTENTION_ABSORBED, 0);
    sourced_open(&sourced, &opened, NULL, 632);
    for (uint32_t layer = opened.geometry->n_dense_layers; layer < opened.geometry->n_layers; layer++)
        for (size_t n = 0; n < 4; n++)
            check_failure(&sourced, &sourced.station.forward, want, layer, n);
    /* all that were wanted came, and the source has failed nevertheless */
    check_failure(&sourced, &sourced.station.forward, want, 1, 1000);
    free(want);
    sourced_close(&sourced);
    station_close(&resident);
    opened_close(&opened);
}

static void a_source_that_ends_early_fails_the_step(void **state)
{
    (void)state;
    struct opened opened;
    struct sourced sourced;
    struct held_cache held;
    struct error err = {0};
    static float logits[N_TOKENS * 512];
    uint32_t tokens[N_TOKENS];
    opened_golden(&opened, "v3-legacy");
    assert_true(opened.geometry->n_vocabulary <= 512);
    tokens_fill(tokens, N_TOKENS, opened.geometry, 651);
    sourced_open(&sourced, &opened, NULL, 652);
    held_open(&held, sourced.station.backend, CACHE_F16, N_TOKENS);
    const struct portion portion = {&held, tokens, N_TOKENS};

    late_fall_silent(sourced.late, 2, 3);
    assert_false(portions_try(&sourced.station.forward, &portion, 1, ATTENTION_ABSORBED, logits, &err));
    assert_true(strncmp(err.text, "layer 2: 3 of ", 14) == 0);
    assert_int_equal(held.n_held, 0);
    held_cache_close(&held);
    sourced_close(&sourced);
    opened_close(&opened);
}

/* ---- everything at once: far away, late, streamed ---- */

static void a_source_behind_a_handover_gives_the_same_bits(void **state)
{
    (void)state;
    struct opened opened;
    struct station resident;
    struct sourced sourced;
    struct resident far_weights;
    struct error err = {0};
    uint32_t tokens[N_TOKENS];
    opened_golden(&opened, "v3-legacy");
    tokens_fill(tokens, N_TOKENS, opened.geometry, 631);
    station_open(&resident, &opened, "generic", false);
    float *want = station_logits(&resident.forward, tokens, N_TOKENS, ATTENTION_ABSORBED, 0);
    sourced_open(&sourced, &opened, "generic", 642);
    struct backend *queue = queue_create(&(struct queue_options){.geometry = opened.geometry,
                                                                 .rope = opened.rope,
                                                                 .max_rows = OPENED_MAX_ROWS,
                                                                 .pace = QUEUE_DELAYED,
                                                                 .seed = 643},
                                         &err);
    opened_must(queue != NULL, &err);
    struct backend *hybrid = hybrid_create(queue, sourced.station.backend, opened.geometry->n_layers, &err);
    opened_must(hybrid != NULL, &err);
    opened_load(&opened, queue, sourced.station.backend, &far_weights);
    for (uint32_t i = 0; i < opened.geometry->n_layers; i++)
        for (enum role role = ROLE_EXPERT_GATE; role <= ROLE_EXPERT_DOWN; role++)
            far_weights.layers[i].weights[role].handle = no_address; /* mapped: nobody gives it back */
    const struct forward forward = {hybrid, opened.geometry, &far_weights, late_expert_source(sourced.late)};

    check_failure(&sourced, &forward, want, 2, 1); /* and a sound step after it */
    check_failure(&sourced, &forward, want, 1, 0);
    resident_release(&far_weights);
    backend_free(hybrid);
    backend_free(queue);
    free(want);
    sourced_close(&sourced);
    station_close(&resident);
    opened_close(&opened);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_row_gives_the_same_bits),
        cmocka_unit_test(many_rows_give_the_same_bits),
        cmocka_unit_test(mapped_experts_give_the_same_bits),
        cmocka_unit_test(what_was_chosen_is_wanted_once),
        cmocka_unit_test(a_failing_source_is_told_at_the_end),
        cmocka_unit_test(a_source_that_ends_early_fails_the_step),
        cmocka_unit_test(a_source_behind_a_handover_gives_the_same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
