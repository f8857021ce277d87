/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of several sessions in one step: each session gets the bits that it gets alone, whoever else computes
 * at its side, how much, at what positions and in which order. */
#include "machine/team.h"
#include "opened.h"

#define N_SESSIONS 3
#define MAX_TOKENS 60

/* Tokens of each session in each step, in one of which all decode. */
static const size_t shares[][N_SESSIONS] = {{9, 1, 0}, {1, 50, 3}, {1, 1, 1}, {7, 1, 2}, {2, 4, 0}};
#define N_STEPS (sizeof shares / sizeof *shares)

/* The order of sessions in a step; the last three leave the others out. */
static const size_t orders[][N_SESSIONS] = {{0, 1, 2}, {2, 1, 0}, {1, 2, 0}, {0, 0, 0}, {1, 1, 1}, {2, 2, 2}};

struct talk {
    size_t n_tokens;
    uint32_t tokens[MAX_TOKENS];
    struct held_cache held;
    float *logits; /* [n_tokens][n_vocabulary] */
};

static void talks_open(struct talk *talks, const struct forward *forward, enum cache_format format,
                       uint64_t seed)
{
    for (size_t s = 0; s < N_SESSIONS; s++) {
        talks[s] = (struct talk){0};
        for (size_t i = 0; i < N_STEPS; i++)
            talks[s].n_tokens += shares[i][s];
        assert_true(talks[s].n_tokens <= MAX_TOKENS);
        tokens_fill(talks[s].tokens, talks[s].n_tokens, forward->geometry, seed + s);
        talks[s].logits = calloc(talks[s].n_tokens * forward->geometry->n_vocabulary, sizeof(float));
        assert_non_null(talks[s].logits);
        held_open(&talks[s].held, forward->backend, format, talks[s].n_tokens);
    }
}

static void talks_close(struct talk *talks)
{
    for (size_t s = 0; s < N_SESSIONS; s++) {
        held_cache_close(&talks[s].held);
        free(talks[s].logits);
    }
}

/* All shares from the caches' beginning; logits land at their sessions. Sessions that the order leaves out
 * keep what they have. */
static void talks_run(struct talk *talks, const struct forward *forward, enum attention_form form,
                      const size_t order[N_SESSIONS])
{
    size_t n_vocabulary = forward->geometry->n_vocabulary;
    size_t n_sessions = order[0] == order[1] ? 1 : N_SESSIONS;
    float *logits = calloc(OPENED_MAX_ROWS * n_vocabulary, sizeof(float));
    assert_non_null(logits);
    for (size_t i = 0; i < n_sessions; i++)
        held_cache_truncate(&talks[order[i]].held, 0);
    for (size_t step = 0; step < N_STEPS; step++) {
        struct portion portions[N_SESSIONS];
        size_t n = 0;
        for (size_t i = 0; i < n_sessions; i++) {
            struct talk *talk = &talks[order[i]];
            if (shares[step][order[i]] > 0)
                portions[n++] =
                    (struct portion){&talk->held, talk->tokens + talk->held.n_held, shares[step][order[i]]};
        }
        if (n == 0)
            continue;
        portions_step(forward, portions, n, form, logits);
        const float *from = logits;
        for (size_t i = 0; i < n_sessions; i++) {
            struct talk *talk = &talks[order[i]];
            size_t share = shares[step][order[i]];
            memcpy(talk->logits + (talk->held.n_held - share) * n_vocabulary, from,
                   share * n_vocabulary * sizeof(float));
            from += share * n_vocabulary;
        }
    }
    free(logits);
}

static void compare(const char *name, const char *isa, bool exact)
{
    struct opened opened;
    struct station station;
    struct talk alone[N_SESSIONS], together[N_SESSIONS];
    const enum cache_format format = exact ? CACHE_F32 : CACHE_F16;
    opened_golden(&opened, name);
    station_open(&station, &opened, isa, exact);
    size_t n_vocabulary = opened.geometry->n_vocabulary;
    for (enum attention_form form = ATTENTION_ABSORBED; form <= ATTENTION_EXPANDED; form++) {
        talks_open(alone, &station.forward, format, 701);
        talks_open(together, &station.forward, format, 701);
        for (size_t s = 0; s < N_SESSIONS; s++)
            talks_run(alone, &station.forward, form, orders[3 + s]);
        for (size_t o = 0; o < 3; o++) {
            talks_run(together, &station.forward, form, orders[o]);
            for (size_t s = 0; s < N_SESSIONS; s++)
                if (memcmp(together[s].logits, alone[s].logits,
                           alone[s].n_tokens * n_vocabulary * sizeof(float)) != 0)
                    fail_msg("%s, isa %s, exact %d, form %d, order %zu: company changes the bits of %zu",
                             name, isa != NULL ? isa : "best", exact, form, o, s);
        }
        talks_close(alone);
        talks_close(together);
    }
    station_close(&station);
    opened_close(&opened);
}

static void company_changes_no_bit(void **state)
{
    (void)state;
    compare("v3-legacy", NULL, false);
    compare("v3-kvb-q2_k_xl", NULL, false);
    compare("v3-iq3", NULL, false);
    compare("v2lite-q8_0", NULL, false);
}

static void company_changes_no_bit_in_plain_c(void **state)
{
    (void)state;
    compare("v3-legacy", "generic", false);
    compare("v3-256-q4_0", "generic", false);
}

static void company_changes_no_bit_when_exact(void **state)
{
    (void)state;
    compare("v3-legacy", NULL, true);
}

/* ---- forms ---- */

/* A long prompt is expanded by itself, at the side of a short one that is absorbed and one that decodes. */
static void each_session_takes_its_own_form(void **state)
{
    (void)state;
    enum { LONG = ATTENTION_EXPAND_ROWS + 3, SHORT = 12, N_ROWS = LONG + SHORT + 1 };
    struct opened opened;
    struct station station;
    struct held_cache held[6];
    uint32_t tokens[N_ROWS];
    opened_golden(&opened, "v3-longyarn-q8_0");
    station_open(&station, &opened, NULL, false);
    tokens_fill(tokens, N_ROWS, opened.geometry, 711);
    size_t n_vocabulary = opened.geometry->n_vocabulary;
    float *alone = calloc((size_t)N_ROWS * n_vocabulary, sizeof(float));
    float *together = calloc((size_t)N_ROWS * n_vocabulary, sizeof(float));
    assert_true(alone != NULL && together != NULL);
    for (size_t i = 0; i < 6; i++) {
        held_open(&held[i], station.backend, CACHE_F16, LONG);
        if (i % 3 == 2) /* has a past of its own, to which `together` is only scratch so far */
            portions_step(&station.forward, &(struct portion){&held[i], tokens + 5, 30}, 1, ATTENTION_AUTO,
                          together);
    }
    const struct portion portions[] = {{&held[0], tokens + SHORT, LONG}, {&held[1], tokens, SHORT},
                                       {&held[2], tokens + 2, 1},        {&held[3], tokens + SHORT, LONG},
                                       {&held[4], tokens, SHORT},        {&held[5], tokens + 2, 1}};
    static const enum attention_form forms[] = {ATTENTION_EXPANDED, ATTENTION_ABSORBED, ATTENTION_ABSORBED};
    float *at = alone;
    for (size_t i = 0; i < 3; at += portions[i++].n * n_vocabulary)
        portions_step(&station.forward, &portions[i], 1, forms[i], at);
    portions_step(&station.forward, portions + 3, 3, ATTENTION_AUTO, together);
    assert_memory_equal(together, alone, (size_t)N_ROWS * n_vocabulary * sizeof(float));

    for (size_t i = 0; i < 6; i++)
        held_cache_close(&held[i]);
    free(alone);
    free(together);
    station_close(&station);
    opened_close(&opened);
}

/* ---- rows that want no logits ---- */

/* Logits come for the rows that want them, in the rows' order, and are those of a step where all do: the same
 * bits when exact, else about, since fewer rows pass the last layer together. */
static void check_wanted(const char *name, bool exact)
{
    enum { N = 9 };
    struct opened opened;
    struct station station;
    struct held_cache held;
    uint32_t tokens[N];
    struct row rows[N];
    struct error err = {0};
    opened_golden(&opened, name);
    station_open(&station, &opened, NULL, exact);
    tokens_fill(tokens, N, opened.geometry, 721);
    size_t n_vocabulary = opened.geometry->n_vocabulary, n_wanted = 0;
    float *all = station_logits(&station.forward, tokens, N, ATTENTION_ABSORBED, 0);
    float *some = calloc((N + 1) * n_vocabulary, sizeof(float));
    assert_non_null(some);
    held_open(&held, station.backend, CACHE_F16, N);
    for (uint32_t i = 0; i < N; i++)
        rows[i] = (struct row){tokens[i], i, held.bytes, i % 4 == 1 || i == 6};
    struct step step = {rows, N, ATTENTION_ABSORBED, some};
    opened_must(forward_step(&station.forward, &step, &err), &err);
    for (size_t i = 0; i < N; i++) {
        const float *got = some + n_wanted * n_vocabulary, *expected = all + i * n_vocabulary;
        if (!rows[i].wants_logits)
            continue;
        n_wanted++;
        if (exact)
            assert_memory_equal(got, expected, n_vocabulary * sizeof(float));
        else
            assert_true(nmse(got, expected, n_vocabulary) < 1e-4);
    }
    assert_int_equal(n_wanted, 3);
    for (size_t i = 0; i < n_vocabulary; i++)
        assert_true(some[n_wanted * n_vocabulary + i] == 0.0f);

    for (size_t i = 0; i < N; i++) /* and where nobody does, there need not be room */
        rows[i].wants_logits = false;
    step.logits = NULL;
    opened_must(forward_step(&station.forward, &step, &err), &err);

    held_cache_close(&held);
    free(all);
    free(some);
    station_close(&station);
    opened_close(&opened);
}

static void only_those_who_want_logits_get_them(void **state)
{
    (void)state;
    check_wanted("v3-legacy", true);
    check_wanted("v3-legacy", false);
    check_wanted("v3-kvb-q2_k_xl", false);
}

/* Of three sessions one wants its last row's logits, one none, one two rows': the bits of each alone. */
static void who_wants_no_logits_changes_no_bit(void **state)
{
    (void)state;
    enum { N = 16 };
    static const size_t first[N_SESSIONS + 1] = {0, 6, 11, N};
    static const bool wanted[N] = {[5] = true, [12] = true, [15] = true};
    struct opened opened;
    struct station station;
    struct held_cache held[2 * N_SESSIONS];
    uint32_t tokens[N];
    struct row rows[N];
    struct error err = {0};
    opened_golden(&opened, "v3-kvb-q2_k_xl");
    station_open(&station, &opened, NULL, false);
    tokens_fill(tokens, N, opened.geometry, 731);
    size_t n_vocabulary = opened.geometry->n_vocabulary;
    float *alone = calloc(3 * n_vocabulary, sizeof(float)),
          *together = calloc(3 * n_vocabulary, sizeof(float));
    assert_true(alone != NULL && together != NULL);
    float *at = alone;
    for (size_t s = 0; s < 2 * N_SESSIONS; s++)
        held_open(&held[s], station.backend, CACHE_F16, N);
    for (size_t s = 0; s < N_SESSIONS; s++) {
        for (size_t i = first[s]; i < first[s + 1]; i++)
            rows[i] = (struct row){tokens[i], (uint32_t)(i - first[s]), held[s].bytes, wanted[i]};
        const struct step step = {rows + first[s], first[s + 1] - first[s], ATTENTION_ABSORBED, at};
        opened_must(forward_step(&station.forward, &step, &err), &err);
        for (size_t i = first[s]; i < first[s + 1]; i++) {
            at += wanted[i] ? n_vocabulary : 0;
            rows[i].cache = held[N_SESSIONS + s].bytes;
        }
    }
    const struct step step = {rows, N, ATTENTION_ABSORBED, together};
    opened_must(forward_step(&station.forward, &step, &err), &err);
    assert_memory_equal(together, alone, 3 * n_vocabulary * sizeof(float));

    for (size_t s = 0; s < 2 * N_SESSIONS; s++)
        held_cache_close(&held[s]);
    free(alone);
    free(together);
    station_close(&station);
    opened_close(&opened);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(company_changes_no_bit),
        cmocka_unit_test(company_changes_no_bit_in_plain_c),
        cmocka_unit_test(company_changes_no_bit_when_exact),
        cmocka_unit_test(each_session_takes_its_own_form),
        cmocka_unit_test(only_those_who_want_logits_get_them),
        cmocka_unit_test(who_wants_no_logits_changes_no_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
