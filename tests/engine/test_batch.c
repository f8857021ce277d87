/* SPDX-License-Identifier: Apache-2.0 */
/* Steps over several sessions: each gets the bits that it gets alone, whoever else is there, in whatever
 * order and number; and whatever goes wrong for one is told of that one. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/random.h"
#include "check.h"
#include "fathom.h"

#define MODEL     "tests/golden/v3-256-q4_0.gguf"
#define N_VOCAB   512
#define N_SPEAKER 6
#define N_TURNS   5

static struct fathom_model *opened(enum fathom_attention attention, uint32_t n_threads, uint32_t chunk_tokens)
{
    struct fathom_error err = {0};
    const struct fathom_model_options options = {
        .attention = attention, .n_threads = n_threads, .chunk_tokens = chunk_tokens};
    struct fathom_model *model = fathom_model_open(MODEL, &options, &err);
    if (model == NULL)
        fail_msg("%s", err.text);
    return model;
}

static struct fathom_session *talk(struct fathom_model *model, uint32_t n_context)
{
    struct fathom_error err = {0};
    const struct fathom_session_options options = {.n_context = n_context};
    struct fathom_session *session = fathom_session_open(model, &options, &err);
    if (session == NULL)
        fail_msg("%s", err.text);
    return session;
}

static void assert_holds(const struct fathom_session *session, const uint32_t *tokens, size_t n)
{
    size_t n_held;
    const uint32_t *held = fathom_session_tokens(session, &n_held);
    assert_int_equal(n_held, n);
    assert_memory_equal(held, tokens, n * sizeof *tokens);
}

static void fill(uint32_t *tokens, size_t n, uint64_t seed)
{
    struct random random = random_seeded(seed);
    for (size_t i = 0; i < n; i++)
        tokens[i] = (uint32_t)random_below(&random, N_VOCAB);
}

/* ---- company ---- */

/* One conversation: how many tokens it takes at each turn, and the logits that it has then, alone. */
struct speaker {
    struct fathom_session *session;
    uint32_t *tokens; /* [ends[N_TURNS - 1]] */
    size_t ends[N_TURNS];
    size_t turn;
    float alone[N_TURNS][N_VOCAB];
};

/* Decoding, or a piece of a prompt, of `longest` tokens at most. */
static void speaker_init(struct speaker *speaker, struct fathom_model *model, struct random *random,
                         size_t longest)
{
    size_t n_tokens = 0;
    for (size_t i = 0; i < N_TURNS; i++)
        speaker->ends[i] = n_tokens += random_below(random, 2) ? 1 : 1 + random_below(random, longest);
    speaker->tokens = calloc(n_tokens, sizeof(uint32_t));
    fill(speaker->tokens, n_tokens, random_below(random, 1000));
    speaker->session = talk(model, (uint32_t)n_tokens);
    for (size_t i = 0; i < N_TURNS; i++) {
        struct fathom_error err = {0};
        if (!fathom_session_hold(speaker->session, speaker->tokens, speaker->ends[i], NULL, NULL, &err))
            fail_msg("%s", err.text);
        memcpy(speaker->alone[i], fathom_session_logits(speaker->session), sizeof speaker->alone[i]);
    }
    fathom_session_rewind(speaker->session, 0);
    speaker->turn = 0;
}

static struct fathom_piece next_piece(const struct speaker *speaker)
{
    size_t begin = speaker->turn > 0 ? speaker->ends[speaker->turn - 1] : 0;
    return (struct fathom_piece){.session = speaker->session,
                                 .tokens = speaker->tokens + begin,
                                 .n_tokens = speaker->ends[speaker->turn] - begin};
}

/* Some that have not finished, in random order. */
static size_t choose(struct speaker *speakers, struct random *random, struct speaker **chosen)
{
    size_t n = 0;
    for (size_t i = 0; i < N_SPEAKER; i++)
        if (speakers[i].turn < N_TURNS && random_below(random, 3) > 0)
            chosen[n++] = &speakers[i];
    for (size_t i = n; i > 1; i--) {
        size_t other = random_below(random, (uint32_t)i);
        struct speaker *last = chosen[i - 1];
        chosen[i - 1] = chosen[other];
        chosen[other] = last;
    }
    return n;
}

static void take_turns(struct speaker **chosen, size_t n, uint64_t seed)
{
    struct fathom_piece pieces[N_SPEAKER];
    struct fathom_error err = {0};
    for (size_t i = 0; i < n; i++)
        pieces[i] = next_piece(chosen[i]);
    if (n > 0 && !fathom_step(pieces, n, &err))
        fail_msg("seed %llu: %s", (unsigned long long)seed, err.text);
    for (size_t i = 0; i < n; i++) {
        struct speaker *speaker = chosen[i];
        const float *logits = fathom_session_logits(speaker->session);
        assert_int_equal(pieces[i].outcome, FATHOM_DONE);
        assert_holds(speaker->session, speaker->tokens, speaker->ends[speaker->turn]);
        if (logits == NULL || memcmp(logits, speaker->alone[speaker->turn], N_VOCAB * sizeof(float)) != 0)
            fail_msg("seed %llu: %zu of %zu, %zu tokens: other bits than alone", (unsigned long long)seed, i,
                     n, pieces[i].n_tokens);
        speaker->turn++;
    }
}

static void check_company(struct fathom_model *model, size_t longest, uint64_t seed)
{
    struct random random = random_seeded(seed);
    static struct speaker speakers[N_SPEAKER];
    struct speaker *chosen[N_SPEAKER];
    size_t n_turns = 0;
    for (size_t i = 0; i < N_SPEAKER; i++)
        speaker_init(&speakers[i], model, &random, longest);
    while (n_turns < (size_t)N_SPEAKER * N_TURNS) {
        size_t n = choose(speakers, &random, chosen);
        take_turns(chosen, n, seed);
        n_turns += n;
    }
    for (size_t i = 0; i < N_SPEAKER; i++) {
        fathom_session_close(speakers[i].session);
        free(speakers[i].tokens);
    }
}

static void check_form(enum fathom_attention attention, uint64_t seed)
{
    for (uint32_t n_threads = 1; n_threads <= 2; n_threads++) {
        struct fathom_model *model = opened(attention, n_threads, 16);
        for (uint64_t i = 0; i < 2; i++)
            check_company(model, 40, seed + i);
        fathom_model_close(model);
    }
}

static void company_changes_no_bit_absorbed(void **state)
{
    (void)state;
    check_form(FATHOM_ATTENTION_ABSORBED, 3100);
}

static void company_changes_no_bit_expanded(void **state)
{
    (void)state;
    check_form(FATHOM_ATTENTION_EXPANDED, 3200);
}

/* Pieces on both sides of 170 rows, where the form changes: a chunk cut for others would be seen. */
static void company_changes_no_bit_where_the_form_depends_on_rows(void **state)
{
    (void)state;
    for (uint32_t n_threads = 1; n_threads <= 2; n_threads++) {
        struct fathom_model *model = opened(FATHOM_ATTENTION_AUTO, n_threads, 200);
        check_company(model, 260, 3300 + n_threads);
        fathom_model_close(model);
    }
}

/* More sessions than a backend step has rows. */
static void any_number_of_sessions_fits(void **state)
{
    (void)state;
    for (uint32_t chunk = 1; chunk <= 4; chunk += 3) {
        struct fathom_model *model = opened(FATHOM_ATTENTION_ABSORBED, 2, chunk);
        check_company(model, 6, 3400);
        fathom_model_close(model);
    }
}

/* ---- what one step costs ---- */

static void a_step_is_shared(void **state)
{
    (void)state;
    enum { N = 4 };
    struct fathom_model *model = opened(FATHOM_ATTENTION_AUTO, 1, 8);
    struct fathom_piece pieces[N];
    uint32_t tokens[9];
    fill(tokens, 9, 3501);
    for (size_t i = 0; i < N; i++)
        pieces[i] = (struct fathom_piece){talk(model, 32), tokens + i, 1};
    assert_true(fathom_step(pieces, N, NULL));
    assert_int_equal(fathom_model_stats(model).n_steps, 1);
    pieces[1].n_tokens = 5; /* 8 rows together */
    assert_true(fathom_step(pieces, N, NULL));
    assert_int_equal(fathom_model_stats(model).n_steps, 2);
    pieces[0].tokens = tokens;
    pieces[0].n_tokens = 9; /* a whole chunk, then one row, which the others join */
    assert_true(fathom_step(pieces, N, NULL));
    assert_int_equal(fathom_model_stats(model).n_steps, 4);
    for (size_t i = 0; i < N; i++)
        fathom_session_close(pieces[i].session);
    fathom_model_close(model);
}

/* ---- what goes wrong for one ---- */

static void full_and_cancelled_sessions_do_not_hold_up_others(void **state)
{
    (void)state;
    struct fathom_model *model = opened(FATHOM_ATTENTION_AUTO, 2, 4);
    struct fathom_error err = {0};
    uint32_t tokens[12];
    fill(tokens, 12, 3601);
    struct fathom_session *full = talk(model, 10), *cancelled = talk(model, 20), *fine = talk(model, 20);
    assert_true(fathom_session_hold(full, tokens, 9, NULL, NULL, &err));
    fathom_session_cancel(cancelled, true);
    struct fathom_piece pieces[] = {{full, tokens, 2}, {cancelled, tokens, 3}, {fine, tokens, 6}};
    assert_false(fathom_step(pieces, 3, &err));
    assert_int_equal(err.outcome, FATHOM_CONTEXT_FULL);
    assert_string_equal(err.text, "context full: 11 tokens, room for 10");
    assert_int_equal(pieces[0].outcome, FATHOM_CONTEXT_FULL);
    assert_int_equal(pieces[1].outcome, FATHOM_STOPPED);
    assert_int_equal(pieces[2].outcome, FATHOM_DONE);
    assert_holds(full, tokens, 9);
    assert_non_null(fathom_session_logits(full)); /* nothing has changed */
    assert_holds(cancelled, tokens, 0);
    assert_holds(fine, tokens, 6);
    assert_int_equal(fathom_session_room(full), 1);

    pieces[0].n_tokens = 1;
    assert_false(fathom_step(pieces, 2, &err));
    assert_int_equal(err.outcome, FATHOM_STOPPED);
    assert_string_equal(err.text, "stopped");
    assert_int_equal(pieces[0].outcome, FATHOM_DONE);
    assert_int_equal(fathom_session_room(full), 0);
    fathom_session_cancel(cancelled, false);
    assert_true(fathom_step(pieces + 1, 1, &err));
    assert_holds(cancelled, tokens, 3);
    fathom_session_close(full);
    fathom_session_close(cancelled);
    fathom_session_close(fine);
    fathom_model_close(model);
}

static void check_refused(struct fathom_piece *pieces, size_t n, const char *line)
{
    struct fathom_error err = {0};
    assert_false(fathom_step(pieces, n, &err));
    assert_string_equal(err.text, line);
    assert_int_equal(err.outcome, FATHOM_FAILED);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(pieces[i].outcome, FATHOM_FAILED);
        assert_holds(pieces[i].session, NULL, 0);
    }
    assert_false(fathom_step(pieces, n, NULL));
}

static void what_makes_no_sense_is_refused_whole(void **state)
{
    (void)state;
    struct fathom_model *model = opened(FATHOM_ATTENTION_AUTO, 1, 4),
                        *other = opened(FATHOM_ATTENTION_AUTO, 1, 4);
    uint32_t tokens[] = {1, 2, N_VOCAB, 3};
    struct fathom_session *a = talk(model, 10), *b = talk(model, 10), *c = talk(other, 10);
    check_refused(NULL, 0, "no pieces to compute");
    check_refused((struct fathom_piece[]){{a, tokens, 2}, {b, tokens, 0}}, 2, "no tokens to compute");
    check_refused((struct fathom_piece[]){{a, tokens, 2}, {b, tokens, 3}}, 2,
                  "token 512 at place 2: the model has 512");
    check_refused((struct fathom_piece[]){{a, tokens, 2}, {c, tokens, 2}}, 2, "a session of another model");
    check_refused((struct fathom_piece[]){{a, tokens, 2}, {b, tokens, 2}, {a, tokens, 2}}, 3,
                  "a session that already stands in the step");
    struct fathom_piece good[] = {{a, tokens, 2}, {b, tokens, 1}}; /* and it can still compute */
    assert_true(fathom_step(good, 2, NULL));
    fathom_session_close(a);
    fathom_session_close(b);
    fathom_session_close(c);
    fathom_model_close(model);
    fathom_model_close(other);
}

/* ---- one session: rewinding, room, cancelling ---- */

static void a_rewound_session_computes_as_a_new_one(void **state)
{
    (void)state;
    struct fathom_model *model = opened(FATHOM_ATTENTION_ABSORBED, 2, 4);
    struct fathom_session *session = talk(model, 30), *fresh = talk(model, 30);
    uint32_t tokens[20];
    fill(tokens, 20, 3701);
    assert_int_equal(fathom_session_room(session), 30);
    assert_true(fathom_session_hold(session, tokens, 20, NULL, NULL, NULL));
    assert_int_equal(fathom_session_room(session), 10);
    fathom_session_rewind(session, 25); /* more than there are: all stay */
    assert_holds(session, tokens, 20);
    assert_non_null(fathom_session_logits(session));
    fathom_session_rewind(session, 8); /* two chunks */
    assert_holds(session, tokens, 8);
    assert_null(fathom_session_logits(session));
    assert_true(fathom_session_push(session, 5, NULL));
    assert_true(fathom_session_hold(fresh, tokens, 8, NULL, NULL, NULL));
    assert_true(fathom_session_push(fresh, 5, NULL));
    assert_memory_equal(fathom_session_logits(session), fathom_session_logits(fresh),
                        N_VOCAB * sizeof(float));
    fathom_session_close(session);
    fathom_session_close(fresh);
    fathom_model_close(model);
}

/* Cancels the session while another thread is computing. */
struct interruption {
    struct fathom_session *session;
    size_t n_reports;
};

static void *interrupt(void *argument)
{
    fathom_session_cancel(argument, true);
    return NULL;
}

static bool hear(void *listener, uint64_t done, uint64_t total)
{
    struct interruption *interruption = listener;
    pthread_t thread;
    (void)done, (void)total;
    if (++interruption->n_reports == 3) {
        assert_int_equal(pthread_create(&thread, NULL, interrupt, interruption->session), 0);
        pthread_join(thread, NULL);
    }
    return true;
}

static void another_thread_may_cancel(void **state)
{
    (void)state;
    struct fathom_model *model = opened(FATHOM_ATTENTION_ABSORBED, 2, 4);
    struct fathom_session *session = talk(model, 30), *fresh = talk(model, 30);
    struct fathom_error err = {0};
    struct interruption interruption = {session, 0};
    uint32_t tokens[20];
    fill(tokens, 20, 3801);
    assert_false(
        fathom_session_hold(session, tokens, 20, &(struct fathom_progress){hear, &interruption}, NULL, &err));
    assert_int_equal(err.outcome, FATHOM_STOPPED);
    assert_holds(session, tokens, 8);                    /* the chunks before */
    assert_false(fathom_session_push(session, 1, &err)); /* it stays cancelled */
    assert_int_equal(err.outcome, FATHOM_STOPPED);
    assert_holds(session, tokens, 8);
    fathom_session_cancel(session, false);
    assert_true(fathom_session_hold(session, tokens, 20, NULL, NULL, &err));
    assert_true(fathom_session_hold(fresh, tokens, 20, NULL, NULL, &err));
    assert_memory_equal(fathom_session_logits(session), fathom_session_logits(fresh),
                        N_VOCAB * sizeof(float));
    fathom_session_close(session);
    fathom_session_close(fresh);
    fathom_model_close(model);
}

/* Cancels some time from now, while a step is under way or just before or behind it. */
struct delayed {
    struct fathom_session *session;
    long nanoseconds;
};

static void *cancel_later(void *argument)
{
    const struct delayed *delayed = argument;
    nanosleep(&(struct timespec){.tv_nsec = delayed->nanoseconds}, NULL);
    fathom_session_cancel(delayed->session, true);
    return NULL;
}

/* A prompt is cancelled in the middle of its chunk, at the side of another session that decodes. */
static void a_chunk_may_be_cancelled_midway(void **state)
{
    (void)state;
    enum { N = 400, DELAYS = 12 };
    struct fathom_model *model = opened(FATHOM_ATTENTION_AUTO, 2, 512);
    struct fathom_session *prompt = talk(model, N), *other = talk(model, 8), *fresh = talk(model, N);
    static uint32_t tokens[N];
    float beside[N_VOCAB];
    size_t n_stopped = 0;
    fill(tokens, N, 3901);
    assert_true(fathom_session_hold(fresh, tokens, N, NULL, NULL, NULL));
    assert_true(fathom_session_push(other, tokens[0], NULL));
    memcpy(beside, fathom_session_logits(other), sizeof beside);
    for (int i = 0; i < DELAYS; i++) {
        struct delayed delayed = {prompt, 500000L << (i % 6)};
        struct fathom_piece pieces[] = {{prompt, tokens, N}, {other, tokens, 1}};
        pthread_t thread;
        fathom_session_rewind(prompt, 0);
        fathom_session_rewind(other, 0);
        assert_int_equal(pthread_create(&thread, NULL, cancel_later, &delayed), 0);
        fathom_step(pieces, 2, NULL);
        pthread_join(thread, NULL);
        fathom_session_cancel(prompt, false);
        assert_int_equal(pieces[1].outcome, FATHOM_DONE);
        assert_memory_equal(fathom_session_logits(other), beside, sizeof beside);
        if (pieces[0].outcome == FATHOM_STOPPED) {
            n_stopped++;
            assert_holds(prompt, tokens, 0);
            assert_null(fathom_session_logits(prompt));
            assert_true(fathom_session_hold(prompt, tokens, N, NULL, NULL, NULL));
        }
        assert_holds(prompt, tokens, N);
        assert_memory_equal(fathom_session_logits(prompt), fathom_session_logits(fresh),
                            N_VOCAB * sizeof(float));
    }
    assert_true(n_stopped > 0);
    fathom_session_close(prompt);
    fathom_session_close(other);
    fathom_session_close(fresh);
    fathom_model_close(model);
}

static void failures_say_why(void **state)
{
    (void)state;
    struct fathom_model *model = opened(FATHOM_ATTENTION_ABSORBED, 1, 4);
    struct fathom_session *session = talk(model, 2);
    struct fathom_error err = {0};
    const uint32_t tokens[] = {1, 2, 3};
    assert_false(fathom_session_hold(session, tokens, 3, NULL, NULL, &err));
    assert_int_equal(err.outcome, FATHOM_CONTEXT_FULL);
    assert_false(fathom_session_hold(session, tokens, 0, NULL, NULL, &err));
    assert_int_equal(err.outcome, FATHOM_FAILED);
    assert_true(fathom_session_hold(session, tokens, 2, NULL, NULL, &err));
    assert_false(fathom_session_push(session, N_VOCAB, &err));
    assert_int_equal(err.outcome, FATHOM_CONTEXT_FULL);
    fathom_session_rewind(session, 1);
    assert_false(fathom_session_push(session, N_VOCAB, &err));
    assert_int_equal(err.outcome, FATHOM_FAILED);
    fathom_session_close(session);
    fathom_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(company_changes_no_bit_absorbed),
        cmocka_unit_test(company_changes_no_bit_expanded),
        cmocka_unit_test(company_changes_no_bit_where_the_form_depends_on_rows),
        cmocka_unit_test(any_number_of_sessions_fits),
        cmocka_unit_test(a_step_is_shared),
        cmocka_unit_test(full_and_cancelled_sessions_do_not_hold_up_others),
        cmocka_unit_test(what_makes_no_sense_is_refused_whole),
        cmocka_unit_test(a_rewound_session_computes_as_a_new_one),
        cmocka_unit_test(another_thread_may_cancel),
        cmocka_unit_test(a_chunk_may_be_cancelled_midway),
        cmocka_unit_test(failures_say_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
