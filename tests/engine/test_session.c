/* SPDX-License-Identifier: Apache-2.0 */
/* A session holds exactly the list it was brought to: how much is computed for that, with what bits, and what
 * is left after everything that can go wrong. Exact models, whose bits do not depend on chunks. */
#include <string.h>

#include "base/random.h"
#include "check.h"
#include "fathom.h"

#define MODEL     "tests/golden/v3-256-q4_0.gguf"
#define CHUNK     4
#define N_CONTEXT 24
#define N_VOCAB   512

/* ---- what a hold tells ---- */

struct heard {
    uint64_t n_computed;  /* as the last report said */
    uint64_t n_announced; /* its total */
    size_t n_reports;
    size_t stop_at; /* the report that is answered with false; 0: none */
};

static bool hear(void *listener, uint64_t done, uint64_t total)
{
    struct heard *heard = listener;
    assert_true(done <= total && done >= heard->n_computed);
    heard->n_computed = done;
    heard->n_announced = total;
    return ++heard->n_reports != heard->stop_at;
}

static int open_model(void **state)
{
    struct fathom_error err = {0};
    const struct fathom_model_options options = {.exact = true, .n_threads = 2, .chunk_tokens = CHUNK};
    *state = fathom_model_open(MODEL, &options, &err);
    if (*state == NULL)
        print_error("%s\n", err.text);
    return *state == NULL;
}

static int close_model(void **state)
{
    fathom_model_close(*state);
    return 0;
}

/* A session, and the model to check it with. */
struct talk {
    struct fathom_model *model;
    struct fathom_session *session;
};

static struct talk opened(struct fathom_model *model, uint32_t n_context)
{
    struct fathom_error err = {0};
    const struct fathom_session_options options = {.n_context = n_context};
    struct fathom_session *session = fathom_session_open(model, &options, &err);
    if (session == NULL)
        fail_msg("%s", err.text);
    return (struct talk){model, session};
}

/* Tokens of no meaning; lists of one seed begin alike. */
static const uint32_t *list(uint32_t *tokens, uint64_t seed)
{
    struct random random = random_seeded(seed);
    for (size_t i = 0; i < N_CONTEXT; i++)
        tokens[i] = (uint32_t)random_below(&random, N_VOCAB);
    return tokens;
}

static void assert_holds(const struct fathom_session *session, const uint32_t *tokens, size_t n)
{
    size_t n_held;
    const uint32_t *held = fathom_session_tokens(session, &n_held);
    assert_int_equal(n_held, n);
    assert_memory_equal(held, tokens, n * sizeof *tokens);
}

/* The logits are those of a session that never held anything else. */
static void assert_as_new(struct talk talk, const uint32_t *tokens, size_t n)
{
    struct fathom_error err = {0};
    struct talk fresh = opened(talk.model, N_CONTEXT);
    assert_holds(talk.session, tokens, n);
    if (!fathom_session_hold(fresh.session, tokens, n, NULL, NULL, &err))
        fail_msg("%s", err.text);
    assert_non_null(fathom_session_logits(talk.session));
    assert_memory_equal(fathom_session_logits(talk.session), fathom_session_logits(fresh.session),
                        N_VOCAB * sizeof(float));
    fathom_session_close(fresh.session);
}

/* Brings the session there and checks what it took. */
static void hold(struct talk talk, const uint32_t *tokens, size_t n, size_t n_computed)
{
    struct fathom_error err = {0};
    struct heard heard = {0};
    if (!fathom_session_hold(talk.session, tokens, n, &(struct fathom_progress){hear, &heard}, NULL, &err))
        fail_msg("%s", err.text);
    assert_int_equal(heard.n_computed, n_computed);
    assert_int_equal(heard.n_announced, n_computed);
    assert_as_new(talk, tokens, n);
}

static void refuses(struct talk talk, const uint32_t *tokens, size_t n, const char *line)
{
    struct fathom_error err = {0};
    assert_false(fathom_session_hold(talk.session, tokens, n, NULL, NULL, &err));
    assert_string_equal(err.text, line);
    assert_false(
        fathom_session_hold(talk.session, tokens, n, NULL, NULL, NULL)); /* who does not want the line */
}

/* ---- prefixes ---- */

static void only_what_is_not_held_is_computed(void **state)
{
    uint32_t a[N_CONTEXT], b[N_CONTEXT];
    const struct talk talk = opened(*state, N_CONTEXT);
    list(a, 1001);
    list(b, 1002);
    assert_null(fathom_session_logits(talk.session));
    assert_holds(talk.session, NULL, 0);
    hold(talk, a, 7, 7);
    hold(talk, a, 15, 8); /* the rest */
    hold(talk, a, 15, 0); /* nothing */
    hold(talk, a, 9, 1);  /* the last token's logits are gone */
    hold(talk, a, 9, 0);
    hold(talk, a, N_CONTEXT, N_CONTEXT - 9);
    memcpy(b, a, 11 * sizeof *b);
    b[11] = (a[11] + 1) % N_VOCAB;
    hold(talk, b, 20, 9); /* behind a common beginning */
    hold(talk, b, 1, 1);
    b[0] = (b[0] + 1) % N_VOCAB;
    hold(talk, b, 5, 5); /* nothing in common */
    fathom_session_close(talk.session);
}

/* A list that the session itself gave, whole or in part. */
static void its_own_list_may_be_given(void **state)
{
    uint32_t tokens[N_CONTEXT];
    size_t n;
    struct fathom_error err = {0};
    const struct talk talk = opened(*state, N_CONTEXT);
    hold(talk, list(tokens, 1011), 18, 18);
    assert_true(
        fathom_session_hold(talk.session, fathom_session_tokens(talk.session, &n), 17, NULL, NULL, &err));
    assert_as_new(talk, tokens, 17);
    assert_true(
        fathom_session_hold(talk.session, fathom_session_tokens(talk.session, &n) + 5, 12, NULL, NULL, &err));
    assert_as_new(talk, tokens + 5, 12);
    fathom_session_close(talk.session);
}

static void a_push_is_a_hold_of_one_more(void **state)
{
    uint32_t tokens[N_CONTEXT];
    struct fathom_error err = {0};
    const struct talk talk = opened(*state, N_CONTEXT);
    list(tokens, 1021);
    for (size_t i = 0; i < N_CONTEXT; i++) { /* the first onto nothing */
        if (!fathom_session_push(talk.session, tokens[i], &err))
            fail_msg("%s", err.text);
        if (i % 7 == 0 || i + 1 == N_CONTEXT)
            assert_as_new(talk, tokens, i + 1);
    }
    assert_false(fathom_session_push(talk.session, 1, &err));
    assert_string_equal(err.text, "context full: room for 24 tokens");
    assert_as_new(talk, tokens, N_CONTEXT);
    hold(talk, tokens, N_CONTEXT, 0);
    fathom_session_close(talk.session);
}

static void sessions_do_not_disturb_each_other(void **state)
{
    uint32_t a[N_CONTEXT], b[N_CONTEXT];
    const struct talk first = opened(*state, N_CONTEXT), second = opened(*state, 13);
    list(a, 1031);
    list(b, 1032);
    hold(first, a, 6, 6);
    hold(second, b, 13, 13);
    hold(first, a, 14, 8);
    hold(second, b, 3, 1);
    assert_as_new(first, a, 14);
    fathom_session_close(second.session);
    hold(first, a, 15, 1);
    fathom_session_close(first.session);
}

/* ---- what is refused ---- */

static void what_does_not_fit_is_refused(void **state)
{
    uint32_t tokens[N_CONTEXT];
    const struct talk talk = opened(*state, 10);
    struct fathom_error err = {0};
    assert_int_equal(fathom_session_context(talk.session), 10);
    hold(talk, list(tokens, 1041), 8, 8);
    refuses(talk, tokens, 11, "context full: 11 tokens, room for 10");
    refuses(talk, tokens, 0, "no tokens to hold");
    tokens[9] = N_VOCAB;
    refuses(talk, tokens, 10, "token 512 at place 9: the model has 512");
    tokens[9] = UINT32_MAX;
    refuses(talk, tokens, 10, "token 4294967295 at place 9: the model has 512");
    assert_false(fathom_session_push(talk.session, N_VOCAB, &err));
    assert_string_equal(err.text, "token 512: the model has 512");
    assert_as_new(talk, tokens, 8); /* and nothing of that has changed anything */
    hold(talk, tokens, 8, 0);
    tokens[9] = N_VOCAB - 1;
    hold(talk, tokens, 10, 2);
    fathom_session_close(talk.session);
    fathom_session_close(NULL);
}

static void contexts_are_as_long_as_asked(void **state)
{
    struct fathom_model *model = *state;
    struct fathom_error err = {0};
    struct fathom_session *session = fathom_session_open(model, NULL, &err);
    assert_non_null(session);
    assert_int_equal(fathom_session_context(session), 32768);
    fathom_session_close(session);
    const struct fathom_session_options options = {.n_context = fathom_model_info(model).n_context + 1};
    assert_null(fathom_session_open(model, &options, &err));
    assert_string_equal(err.text, "a context of 163841 tokens, but the model was made for 163840");
}

/* ---- stops ---- */

/* Stopped before any chunk, it holds the chunks before; and goes on from there. */
static void a_stopped_hold_keeps_what_was_finished(void **state)
{
    uint32_t a[N_CONTEXT], b[N_CONTEXT];
    list(a, 1051);
    list(b, 1052);
    for (size_t stop_at = 1; stop_at <= 4; stop_at++) {
        struct fathom_error err = {0};
        struct heard heard = {.stop_at = stop_at};
        const struct talk talk = opened(*state, N_CONTEXT);
        hold(talk, b, 9, 9);
        memcpy(a, b, 5 * sizeof *a); /* something in common, and something to forget */
        assert_false(
            fathom_session_hold(talk.session, a, 18, &(struct fathom_progress){hear, &heard}, NULL, &err));
        assert_string_equal(err.text, "stopped");
        assert_int_equal(heard.n_reports, stop_at);
        size_t n_held = 5 + CHUNK * (stop_at - 1);
        assert_holds(talk.session, a, n_held);
        assert_null(fathom_session_logits(talk.session)); /* of a chunk in the middle, none were asked for */
        if (stop_at % 2 == 0)
            hold(talk, a, 18, 18 - n_held);
        else
            hold(talk, a, n_held, 1);
        fathom_session_close(talk.session);
    }
}

static void a_push_after_a_stop_goes_on(void **state)
{
    uint32_t tokens[N_CONTEXT];
    struct fathom_error err = {0};
    struct heard heard = {.stop_at = 3};
    const struct talk talk = opened(*state, N_CONTEXT);
    list(tokens, 1061);
    assert_false(
        fathom_session_hold(talk.session, tokens, 20, &(struct fathom_progress){hear, &heard}, NULL, &err));
    assert_holds(talk.session, tokens, 8);
    assert_true(fathom_session_push(talk.session, tokens[8], &err));
    assert_as_new(talk, tokens, 9);
    fathom_session_close(talk.session);
}

/* ---- listeners ---- */

struct listener {
    float logits[N_CONTEXT][N_VOCAB];
    size_t n_heard;
    size_t stop_at; /* positions heard; 0: never */
};

static bool take(void *argument, size_t position, const float *logits)
{
    struct listener *listener = argument;
    assert_int_equal(position, listener->n_heard);
    memcpy(listener->logits[position], logits, sizeof listener->logits[position]);
    return ++listener->n_heard != listener->stop_at;
}

static void a_listener_hears_every_position(void **state)
{
    static struct listener listener;
    uint32_t tokens[N_CONTEXT];
    struct fathom_error err = {0};
    const struct talk talk = opened(*state, N_CONTEXT);
    hold(talk, list(tokens, 1071), 11, 11); /* held, and heard all the same */
    assert_true(fathom_session_hold(talk.session, tokens, 18, NULL,
                                    &(struct fathom_logits_listener){take, &listener}, &err));
    assert_int_equal(listener.n_heard, 18);
    assert_memory_equal(listener.logits[17], fathom_session_logits(talk.session), N_VOCAB * sizeof(float));
    for (size_t n = 1; n <= 18; n += 4) {
        hold(talk, tokens, n, n == 1 ? 1 : 4);
        assert_memory_equal(listener.logits[n - 1], fathom_session_logits(talk.session),
                            N_VOCAB * sizeof(float));
    }
    fathom_session_close(talk.session);
}

static void a_listener_may_stop(void **state)
{
    static struct listener listener;
    uint32_t tokens[N_CONTEXT];
    struct fathom_error err = {0};
    const struct talk talk = opened(*state, N_CONTEXT);
    list(tokens, 1081);
    listener.stop_at = 6;
    assert_false(fathom_session_hold(talk.session, tokens, 18, NULL,
                                     &(struct fathom_logits_listener){take, &listener}, &err));
    assert_string_equal(err.text, "stopped");
    assert_int_equal(listener.n_heard, 6);
    assert_holds(talk.session, tokens, 2 * CHUNK); /* the chunk that it stopped in was computed */
    hold(talk, tokens, 18, 10);
    fathom_session_close(talk.session);
}

/* ---- caches ---- */

/* A fast model with any cache: the kept prefix gives the bits that were computed at once. */
static void any_cache_continues_alike(void **state)
{
    (void)state;
    uint32_t tokens[N_CONTEXT];
    struct fathom_error err = {0};
    const struct fathom_model_options options = {
        .n_threads = 2,
        .attention = FATHOM_ATTENTION_ABSORBED,
        .chunk_tokens = CHUNK,
        .isa = "generic"}; /* one product for any number of tokens, so that the cache alone is seen */
    struct fathom_model *fast = fathom_model_open(MODEL, &options, &err);
    assert_non_null(fast);
    list(tokens, 1091);
    for (enum fathom_cache cache = FATHOM_CACHE_F16; cache <= FATHOM_CACHE_Q4_0; cache++) {
        const struct fathom_session_options way = {.n_context = N_CONTEXT, .cache = cache};
        struct fathom_session *once = fathom_session_open(fast, &way, &err);
        struct fathom_session *pieces = fathom_session_open(fast, &way, &err);
        assert_true(once != NULL && pieces != NULL);
        assert_true(fathom_session_hold(once, tokens, 16, NULL, NULL, &err));
        assert_true(fathom_session_hold(pieces, tokens, 21, NULL, NULL, &err));
        assert_true(fathom_session_hold(pieces, tokens, 8, NULL, NULL, &err));
        assert_true(fathom_session_hold(pieces, tokens, 12, NULL, NULL, &err));
        assert_true(fathom_session_hold(pieces, tokens, 16, NULL, NULL, &err));
        assert_memory_equal(fathom_session_logits(pieces), fathom_session_logits(once),
                            N_VOCAB * sizeof(float));
        fathom_session_close(once);
        fathom_session_close(pieces);
    }
    fathom_model_close(fast);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_is_not_held_is_computed),
        cmocka_unit_test(its_own_list_may_be_given),
        cmocka_unit_test(a_push_is_a_hold_of_one_more),
        cmocka_unit_test(sessions_do_not_disturb_each_other),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(contexts_are_as_long_as_asked),
        cmocka_unit_test(a_stopped_hold_keeps_what_was_finished),
        cmocka_unit_test(a_push_after_a_stop_goes_on),
        cmocka_unit_test(a_listener_hears_every_position),
        cmocka_unit_test(a_listener_may_stop),
        cmocka_unit_test(any_cache_continues_alike),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
