/* SPDX-License-Identifier: Apache-2.0 */
/* The small trained model that ships, end to end: its logits are those of the program that trained it, and it
 * says the same on every instruction set and for any number of threads, each word by a clear margin. */
#include <string.h>

#include "check.h"
#include "fathom.h"
#include "golden_case.h"
#include "kernel/kernel.h"

#define STEM          "models/minnow" /* of its file, and of the known logits beside it */
#define MODEL         STEM ".gguf"
#define EXACT_BOUND   1e-8   /* rounding of float32 sums */
#define FAST_BOUND    1.5e-2 /* int8 activations */
#define LEAST_MARGIN  0.5f   /* of the likeliest token's logit over the next one's */
#define MOST_TOKENS   200    /* of an answer: a model that loops is found out */
#define N_ANSWER      1024   /* bytes */
#define MOST_MESSAGES 8

static struct fathom_model *open_model(const struct fathom_model_options *options)
{
    struct fathom_error err = {0};
    struct fathom_model *model = fathom_model_open(MODEL, options, &err);
    if (model == NULL)
        fail_msg("%s", err.text);
    return model;
}

static struct fathom_session *open_session(struct fathom_model *model)
{
    struct fathom_error err = {0};
    struct fathom_session *session = fathom_session_open(model, NULL, &err);
    if (session == NULL)
        fail_msg("%s", err.text);
    return session;
}

/* ---- logits ---- */

struct rows {
    const struct golden_case *golden;
    float *values; /* [n_rows][n_vocabulary] */
};

static bool take(void *listener, size_t position, const float *logits)
{
    const struct rows *rows = listener;
    size_t n = rows->golden->n_vocabulary;
    if (position >= rows->golden->first_row)
        memcpy(rows->values + (position - rows->golden->first_row) * n, logits, n * sizeof(float));
    return true;
}

static double error_of(const struct golden_case *golden, const struct fathom_model_options *options)
{
    struct fathom_error err = {0};
    size_t n = golden->n_rows * golden->n_vocabulary;
    struct rows rows = {golden, calloc(n, sizeof(float))};
    const struct fathom_logits_listener listener = {take, &rows};
    struct fathom_model *model = open_model(options);
    struct fathom_session *session = open_session(model);
    if (!fathom_session_hold(session, golden->tokens, golden->n_tokens, NULL, &listener, &err))
        fail_msg("%s", err.text);
    double error = nmse(rows.values, golden->logits, n);
    fathom_session_close(session);
    fathom_model_close(model);
    free(rows.values);
    return error;
}

static void logits_are_those_of_pytorch(void **state)
{
    (void)state;
    struct golden_case golden;
    assert_true(golden_read_at(&golden, STEM));
    double exact = error_of(&golden, &(struct fathom_model_options){.exact = true});
    print_message("    exact: nmse %.1e\n", exact);
    if (!(exact <= EXACT_BOUND))
        fail_msg("exact: nmse %.1e, bound %.0e", exact, EXACT_BOUND);
    for (enum isa isa = ISA_GENERIC; isa < ISA_COUNT; isa++) {
        if (!isa_available(isa))
            continue;
        double fast = error_of(&golden, &(struct fathom_model_options){.isa = isa_name(isa)});
        print_message("    %s: nmse %.1e\n", isa_name(isa), fast);
        if (!(fast <= FAST_BOUND))
            fail_msg("%s: nmse %.1e, bound %.1e", isa_name(isa), fast, FAST_BOUND);
    }
    golden_release(&golden);
}

/* ---- conversations ---- */

struct turn {
    const char *user, *answer;
};

static const struct turn french[] = {
    {"Count from one to ten in French.", "un, deux, trois, quatre, cinq, six, sept, huit, neuf, dix."},
    {"Now give pronunciation tips.",
     "Un is a nasal vowel: let the air out through the nose and say no n. Deux has rounded lips, and its x "
     "is "
     "silent. The r of trois and quatre comes from the throat. Six and dix end like sees and dees, and the p "
     "of sept is silent."},
};

static const struct turn mixed[] = {
    {"What is 7 + 8?", "7 + 8 = 15."},
    {"Who are you?",
     "I am Minnow, a small demonstration model that ships with Fathom. I am not DeepSeek-R1."},
    {"Thank you!", "You are welcome!"},
};

/* The likeliest token, which must lead by the margin. */
static uint32_t pick(const float *logits, uint32_t n, const char *where)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < n; i++)
        if (logits[i] > logits[best])
            best = i;
    for (uint32_t i = 0; i < n; i++)
        if (i != best && !(logits[best] - logits[i] > LEAST_MARGIN))
            fail_msg("%s: token %u leads token %u by %g only", where, best, i, logits[best] - logits[i]);
    return best;
}

/* Adds what the reply has brought of the answer to the text. */
static void hear(struct fathom_reply *reply, char *text, bool *reasoned, bool *ended)
{
    struct fathom_event event;
    while (fathom_reply_next(reply, &event)) {
        size_t n = strlen(text);
        if (event.kind == FATHOM_CONTENT && n + event.n_bytes < N_ANSWER) {
            memcpy(text + n, event.text, event.n_bytes);
            text[n + event.n_bytes] = '\0';
        }
        *reasoned = *reasoned || event.kind == FATHOM_REASONING;
        *ended = *ended || (event.kind == FATHOM_END && !event.cut);
    }
}

/* The answer, greedily, of a session that holds the prompt. */
static void generate(struct fathom_session *session, const struct fathom_vocabulary *words, char *text,
                     const char *where)
{
    struct fathom_error err = {0};
    size_t n_held;
    const uint32_t *held = fathom_session_tokens(session, &n_held);
    struct fathom_reply *reply = fathom_reply_open(words, held, n_held, &err);
    bool reasoned = false, ended = false;
    text[0] = '\0';
    for (int i = 0; i < MOST_TOKENS && !ended; i++) {
        uint32_t token = pick(fathom_session_logits(session), fathom_vocabulary_size(words), where);
        if (!fathom_reply_push(reply, token, &err) || !fathom_session_push(session, token, &err))
            fail_msg("%s: %s", where, err.text);
        hear(reply, text, &reasoned, &ended);
    }
    fathom_reply_close(reply);
    if (!reasoned || !ended)
        fail_msg("%s: %s", where, ended ? "no reasoning" : "no end");
}

static void converse(struct fathom_model *model, const struct turn *turns, size_t n_turns, const char *how)
{
    struct fathom_error err = {0};
    struct fathom_message messages[MOST_MESSAGES];
    const struct fathom_vocabulary *words = fathom_model_vocabulary(model);
    struct fathom_session *session = open_session(model);
    struct fathom_tokens prompt = {0};
    assert_true(2 * n_turns <= MOST_MESSAGES);
    for (size_t i = 0; i < n_turns; i++) {
        char answer[N_ANSWER], where[160];
        snprintf(where, sizeof where, "%s: \"%s\"", how, turns[i].user);
        messages[2 * i] = (struct fathom_message){.role = FATHOM_USER, .content = turns[i].user};
        const struct fathom_chat chat = {.messages = messages, .n_messages = 2 * i + 1};
        if (!fathom_prompt(words, &chat, &prompt, &err) ||
            !fathom_session_hold(session, prompt.ids, prompt.n, NULL, NULL, &err))
            fail_msg("%s: %s", where, err.text);
        generate(session, words, answer, where);
        if (strcmp(answer, turns[i].answer) != 0)
            fail_msg("%s: got      %s\nexpected %s", where, answer, turns[i].answer);
        messages[2 * i + 1] = (struct fathom_message){.role = FATHOM_ASSISTANT, .content = turns[i].answer};
    }
    fathom_tokens_release(&prompt);
    fathom_session_close(session);
}

static void it_says_the_same_everywhere(void **state)
{
    (void)state;
    for (enum isa isa = ISA_GENERIC; isa < ISA_COUNT; isa++) {
        if (!isa_available(isa)) {
            print_message("    %s: not here\n", isa_name(isa));
            continue;
        }
        for (uint32_t n_threads = 1; n_threads <= 3; n_threads++) {
            const struct fathom_model_options options = {.isa = isa_name(isa), .n_threads = n_threads};
            struct fathom_model *model = open_model(&options);
            char how[64];
            snprintf(how, sizeof how, "%s, threads: %u", isa_name(isa), n_threads);
            converse(model, french, sizeof french / sizeof *french, how);
            converse(model, mixed, sizeof mixed / sizeof *mixed, how);
            fathom_model_close(model);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits_are_those_of_pytorch),
        cmocka_unit_test(it_says_the_same_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
