/* SPDX-License-Identifier: Apache-2.0 */
/* A step that is stopped between two verbs, at every place where it may be: it says so, and the same step
 * afterwards gives the bits that it gives undisturbed. */
#include "machine/team.h"
#include "opened.h"

#include "backend/hybrid.h"

#define N_HELD 5  /* tokens of each session before the step that is stopped */
#define N_MORE 12 /* tokens of the first session in that step, at most */

/* Says stop when it was asked so often. */
struct patience {
    size_t n_asked, n_most;
};

static bool is_over(void *stopper)
{
    struct patience *patience = stopper;
    return patience->n_asked++ == patience->n_most;
}

/* Two sessions, and what they have in the step: n_more rows of the first, and one of the second where
 * `company`. */
struct pair {
    struct held_cache held[2];
    size_t n_more;
    bool company;
    uint32_t tokens[2][N_HELD + N_MORE];
};

static void pair_open(struct pair *pair, const struct forward *forward, float *logits)
{
    for (size_t s = 0; s < 2; s++) {
        held_open(&pair->held[s], forward->backend, CACHE_F16, N_HELD + N_MORE);
        tokens_fill(pair->tokens[s], N_HELD + N_MORE, forward->geometry, 901 + s);
        portions_step(forward, &(struct portion){&pair->held[s], pair->tokens[s], N_HELD}, 1,
                      ATTENTION_ABSORBED, logits);
    }
}

/* Nothing is held of it. */
static bool try_step(struct pair *pair, const struct forward *forward, struct patience *patience,
                     float *logits, struct error *err)
{
    struct row rows[N_MORE + 1];
    size_t n_rows = 0;
    for (size_t s = 0; s < 1 + (size_t)pair->company; s++)
        for (size_t i = 0; i < (s == 0 ? pair->n_more : 1); i++)
            rows[n_rows++] = (struct row){.token = pair->tokens[s][N_HELD + i],
                                          .position = (uint32_t)(N_HELD + i),
                                          .cache = pair->held[s].bytes,
                                          .wants_logits = true};
    const struct step step = {.rows = rows,
                              .n_rows = n_rows,
                              .attention = ATTENTION_ABSORBED,
                              .logits = logits,
                              .stop = patience != NULL ? is_over : NULL,
                              .stopper = patience};
    return forward_step(forward, &step, err);
}

static void check_step(const struct forward *forward, size_t n_more, bool company)
{
    const size_t n_logits = (n_more + company) * forward->geometry->n_vocabulary;
    float *want = calloc(OPENED_MAX_ROWS * (size_t)forward->geometry->n_vocabulary, sizeof(float));
    float *got = calloc(n_logits, sizeof(float));
    struct pair pair = {.n_more = n_more, .company = company};
    struct error err = {0};
    struct patience patience;
    assert_true(want != NULL && got != NULL);
    pair_open(&pair, forward, want);
    opened_must(try_step(&pair, forward, NULL, want, &err), &err);
    for (size_t n_most = 0;; n_most++) {
        patience = (struct patience){.n_most = n_most};
        if (try_step(&pair, forward, &patience, got, &err))
            break;
        assert_string_equal(err.text, "stopped");
        assert_int_equal(patience.n_asked, n_most + 1); /* and not again */
        opened_must(try_step(&pair, forward, NULL, got, &err), &err);
        if (memcmp(got, want, n_logits * sizeof(float)) != 0)
            fail_msg("%zu rows, stopped at place %zu: other bits afterwards", n_more, n_most);
    }
    assert_memory_equal(got, want, n_logits * sizeof(float));
    assert_true(patience.n_asked >= (size_t)3 * forward->geometry->n_layers);
    for (size_t s = 0; s < 2; s++)
        held_cache_close(&pair.held[s]);
    free(want);
    free(got);
}

static void check_steps(const struct forward *forward)
{
    check_step(forward, 1, false);
    check_step(forward, N_MORE, false);
    check_step(forward, N_MORE, true);
}

static void a_step_can_be_stopped_anywhere(void **state)
{
    static const char *const names[] = {"v3-legacy", "v2lite-q8_0"};
    (void)state;
    for (size_t i = 0; i < 2; i++)
        for (size_t n_threads = 1; n_threads <= 3; n_threads++) {
            struct opened opened;
            struct station station;
            opened_golden(&opened, names[i]);
            station_open_team(&station, &opened, NULL, false, n_threads);
            check_steps(&station.forward);
            station_close(&station);
            opened_close(&opened);
        }
}

/* With verbs that leave the team: it is asked before each. */
static void experts_elsewhere_are_left_out_too(void **state)
{
    (void)state;
    struct opened opened;
    struct station near, far;
    struct error err = {0};
    opened_golden(&opened, "v3-legacy");
    near = far = (struct station){0};
    station_backend(&near, &opened, NULL, false);
    station_backend(&far, &opened, NULL, false);
    struct backend *hybrid = hybrid_create(near.backend, far.backend, opened.geometry->n_layers, &err);
    opened_must(hybrid != NULL, &err);
    opened_load(&opened, near.backend, far.backend, &near.weights);
    const struct forward forward = {.backend = hybrid, .geometry = opened.geometry, .weights = &near.weights};
    check_steps(&forward);
    backend_free(hybrid);
    station_close(&near);
    station_close(&far);
    opened_close(&opened);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_can_be_stopped_anywhere),
        cmocka_unit_test(experts_elsewhere_are_left_out_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
