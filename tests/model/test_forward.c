/* SPDX-License-Identifier: Apache-2.0 */
/* The forward pass as a backend sees it: which verbs, in which order, with which weights; and that no token
 * and no result changes any of it, so that it can be recorded once and replayed. */
#include "opened.h"

#include "backend/recorder.h"

/* Every tensor of a model with the recorder for a home. */
struct shelf {
    struct opened opened;
    struct recorder recorder;
    struct resident weights;
    struct forward forward;
    struct expert_source source; /* asked by nobody here */
};

static void shelf_open(struct shelf *shelf, const struct model *model)
{
    opened_blank(&shelf->opened, model);
    recorder_init(&shelf->recorder, OPENED_MAX_ROWS);
    shelf->recorder.n_vocabulary = shelf->opened.geometry->n_vocabulary;
    opened_load(&shelf->opened, &shelf->recorder.backend, &shelf->recorder.backend, &shelf->weights);
    shelf->source = (struct expert_source){0};
    shelf->forward = (struct forward){.backend = &shelf->recorder.backend,
                                      .geometry = shelf->opened.geometry,
                                      .weights = &shelf->weights,
                                      .source = &shelf->source};
    recorder_clear(&shelf->recorder);
}

static void shelf_close(struct shelf *shelf)
{
    recorder_clear(&shelf->recorder);
    resident_release(&shelf->weights);
    opened_close(&shelf->opened);
}

/* A step of n rows; returns what forward_step() returns. */
static bool step(struct shelf *shelf, uint32_t token, size_t n, struct error *err)
{
    struct row rows[8];
    float logits[8 * 64];
    assert_true(n <= 8 && shelf->recorder.n_vocabulary <= 64);
    for (size_t i = 0; i < n; i++)
        rows[i] = (struct row){
            .token = token, .position = (uint32_t)(token + i), .wants_logits = (token + i) % 2 != 0};
    recorder_clear(&shelf->recorder);
    return forward_step(&shelf->forward, &(struct step){.rows = rows, .n_rows = n, .logits = logits}, err);
}

/* ---- the order of verbs ---- */

static void expect(const struct recorder *recorder, size_t *at, const char *call, uint32_t layer)
{
    if (*at >= recorder->n_records)
        fail_msg("the step ends before %s of layer %u", call, layer);
    const struct record *record = &recorder->records[(*at)++];
    if (strcmp(record->call, call) != 0 || record->layer != layer)
        fail_msg("call %zu is %s of layer %u, expected %s of layer %u", *at - 1, record->call, record->layer,
                 call, layer);
}

static void check_order(enum layout layout, uint32_t n_dense)
{
    struct model model = model_small(layout);
    struct shelf shelf;
    struct error err = {0};
    model.format = FORMAT_Q8_0;
    model.n_dense = n_dense;
    shelf_open(&shelf, &model);
    opened_must(step(&shelf, 3, 4, &err), &err);

    size_t at = 0;
    expect(&shelf.recorder, &at, "begin", 0);
    expect(&shelf.recorder, &at, "embed", 0);
    for (uint32_t layer = 0; layer < model.n_layers; layer++) {
        expect(&shelf.recorder, &at, "project", layer);
        expect(&shelf.recorder, &at, "append", layer);
        expect(&shelf.recorder, &at, "attend", layer);
        expect(&shelf.recorder, &at, "reduce", 0);
        if (layer + 1 == model.n_layers)
            expect(&shelf.recorder, &at, "narrow", 0);
        if (layer < n_dense) {
            expect(&shelf.recorder, &at, "dense", 0);
        } else {
            expect(&shelf.recorder, &at, "route", 0);
            expect(&shelf.recorder, &at, "shared", 0);
            expect(&shelf.recorder, &at, "experts", layer);
        }
        expect(&shelf.recorder, &at, "reduce", 0);
    }
    expect(&shelf.recorder, &at, "head", 0);
    expect(&shelf.recorder, &at, "end", 0);
    assert_int_equal(at, shelf.recorder.n_records);
    shelf_close(&shelf);
}

static void verbs_come_in_the_order_of_the_paper(void **state)
{
    (void)state;
    for (uint32_t n_dense = 0; n_dense <= 3; n_dense++) {
        check_order(LAYOUT_OLD, n_dense);
        check_order(LAYOUT_NEW, n_dense);
    }
}

/* ---- weights ---- */

static size_t n_uses(const struct recorder *recorder, const void *weight)
{
    size_t n = 0;
    for (size_t i = 0; i < recorder->n_records; i++)
        for (size_t j = 0; j < 7; j++)
            n += recorder->records[i].given[j] == weight;
    return n;
}

static void every_weight_is_used_once(void **state)
{
    (void)state;
    for (enum layout layout = LAYOUT_OLD; layout <= LAYOUT_NEW; layout++) {
        struct model model = model_small(layout);
        struct shelf shelf;
        struct error err = {0};
        model.format = FORMAT_Q8_0;
        shelf_open(&shelf, &model);
        opened_must(step(&shelf, 3, 1, &err), &err);
        for (enum role role = 0; role < ROLE_FIRST_OF_LAYER; role++)
            assert_int_equal(n_uses(&shelf.recorder, &shelf.weights.model[role]), 1);
        for (uint32_t layer = 0; layer < model.n_layers; layer++)
            for (enum role role = ROLE_FIRST_OF_LAYER; role < ROLE_COUNT; role++) {
                const struct weight *weight = &shelf.weights.layers[layer].weights[role];
                size_t n = n_uses(&shelf.recorder, weight);
                if (n != (weight->home != NULL))
                    fail_msg("layer %u: %s is used %zu times", layer, role_name(role), n);
            }
        assert_int_equal(n_uses(&shelf.recorder, &shelf.source), model.n_layers - model.n_dense);
        shelf_close(&shelf);
    }
}

/* ---- independence ---- */

static void tokens_and_results_change_no_call(void **state)
{
    (void)state;
    static struct record first[RECORDER_MAX];
    struct model model = model_small(LAYOUT_NEW);
    struct shelf shelf;
    struct error err = {0};
    model.format = FORMAT_Q8_0;
    shelf_open(&shelf, &model);
    opened_must(step(&shelf, 0, 5, &err), &err);
    size_t n = shelf.recorder.n_records;
    memcpy(first, shelf.recorder.records, n * sizeof *first);

    static const struct {
        uint32_t token;
        float answer;
        const char *failure;
    } others[] = {{17, 1e30f, NULL}, {39, NAN, NULL}, {1, -1.0f, "no more power"}, {0, 0.0f, NULL}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        shelf.recorder.answer = others[i].answer;
        shelf.recorder.failure = others[i].failure;
        assert_int_equal(step(&shelf, others[i].token, 5, &err), others[i].failure == NULL);
        assert_int_equal(shelf.recorder.n_records, n);
        for (size_t r = 0; r < n; r++)
            if (!recorder_same(&first[r], &shelf.recorder.records[r]))
                fail_msg("step %zu: call %zu (%s) differs", i, r, first[r].call);
    }
    shelf_close(&shelf);
}

static void the_end_says_what_failed(void **state)
{
    (void)state;
    struct model model = model_small(LAYOUT_NEW);
    struct shelf shelf;
    struct error err = {0};
    model.format = FORMAT_Q8_0;
    shelf_open(&shelf, &model);
    shelf.recorder.failure = "no more power";
    assert_false(step(&shelf, 2, 3, &err));
    assert_string_equal(err.text, "no more power");
    shelf.recorder.failure = NULL;
    assert_true(step(&shelf, 2, 3, &err));
    shelf_close(&shelf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verbs_come_in_the_order_of_the_paper),
        cmocka_unit_test(every_weight_is_used_once),
        cmocka_unit_test(tokens_and_results_change_no_call),
        cmocka_unit_test(the_end_says_what_failed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
