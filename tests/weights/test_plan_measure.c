/* SPDX-License-Identifier: Apache-2.0 */
/* test_plan_measure.c - this machine's rates, and the shapes of a model that they are wanted for. */
#include "check.h"

#include "weights/plan_measure.h"
#include "weights/planned.h"

static void rates_are_measured(void **state)
{
    (void)state;
    struct topology topology;
    struct error err;
    struct plan_machine machine = {0};
    const struct cpu_shapes shapes = {.items = {{FORMAT_F32, 100}, {FORMAT_Q4_K, 512}, {FORMAT_Q8_0, 96}},
                                      .n_items = 3,
                                      .latent_rank = 128,
                                      .head_rotary = 32};
    assert_true(topology_read(&topology, NULL, &err));
    struct team *team = team_create(&topology, 2, &err);
    assert_non_null(team);
    if (!plan_measure(&machine, team, NULL, &shapes, &err))
        fail_msg("%s", err.text);
    team_free(team);
    topology_release(&topology);
    assert_int_equal(machine.rates.n_products, shapes.n_items);
    for (size_t i = 0; i < machine.rates.n_products; i++) {
        const struct cpu_rate *rate = &machine.rates.products[i];
        assert_int_equal(rate->format, shapes.items[i].format);
        assert_int_equal(rate->n_columns, shapes.items[i].n_columns);
        if (!(rate->one > 1e5 && rate->few > 1e5 && rate->many > 1e5))
            fail_msg("%s: %g %g %g", format_info(rate->format)->name, rate->one, rate->few, rate->many);
    }
    assert_true(machine.read_rate > 1e7 && machine.rates.attention > 1e5 && machine.rates.activations > 1e5);
}

static void shapes_are_the_models(void **state)
{
    (void)state;
    struct planned r1;
    planned_open_r1(&r1);
    struct cpu_shapes shapes = plan_shapes_of(&r1.file, &r1.catalog);
    static const struct cpu_shape some[] = {
        {FORMAT_Q2_K, 7168}, {FORMAT_Q2_K, 2048}, {FORMAT_F32, 7168}, {FORMAT_Q8_0, 128}};
    for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
        size_t n_found = 0;
        for (size_t j = 0; j < shapes.n_items; j++)
            n_found +=
                shapes.items[j].format == some[i].format && shapes.items[j].n_columns == some[i].n_columns;
        assert_int_equal(n_found, 1);
    }
    assert_true(shapes.n_items < 20);
    planned_close(&r1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_are_measured),
        cmocka_unit_test(shapes_are_the_models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
