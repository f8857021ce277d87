/* SPDX-License-Identifier: Apache-2.0 */
/* test_read_ahead.c - mapped tensors come into memory untouched, others do not; stopping early is safe. */
#include "machine/pages.h"
#include "weights/planned.h"
#include "weights/read_ahead.h"

/* A model of holes, which no memory holds before they are read: its embedding and its output are all but the
 * whole of it, with the layers between them. */
struct setup {
    struct planned planned;
    struct home *homes;
    struct plan plan;
    const struct gguf_tensor *embedding, *output;
};

static void open_setup(struct setup *setup, uint32_t n_words)
{
    struct model model = model_small(LAYOUT_NEW);
    model.vocabulary = n_words;
    *setup = (struct setup){0};
    planned_open(&setup->planned, &model);
    setup->homes = calloc(setup->planned.file.n_tensors, sizeof *setup->homes);
    assert_non_null(setup->homes);
    for (size_t i = 0; i < setup->planned.file.n_tensors; i++)
        setup->homes[i].kind = HOME_MAP;
    setup->plan.homes = setup->homes;
    setup->embedding = setup->planned.catalog.model[ROLE_TOKEN_EMBEDDING];
    setup->output = setup->planned.catalog.model[ROLE_OUTPUT];
}

static void close_setup(struct setup *setup)
{
    free(setup->homes);
    planned_close(&setup->planned);
}

static void start(struct read_ahead *ahead, const struct setup *setup)
{
    read_ahead_start(ahead, &setup->planned.file, &setup->planned.catalog, &setup->plan);
}

static bool all_comes(const struct read_ahead *ahead)
{
    return read_ahead_wait(ahead, NULL) && ahead->n_done == ahead->n_pieces;
}

static bool refuse(void *listener, uint64_t done, uint64_t total)
{
    *(bool *)listener = done < total;
    return false;
}

/* But for the pages that it shares with its neighbours. */
static bool is_held(const struct gguf_tensor *tensor)
{
    return pages_are_held(tensor->bytes + PAGES_HUGE_BYTES, tensor->n_bytes - 2 * PAGES_HUGE_BYTES);
}

static void skip_where_nothing_can_be_told(const struct setup *setup)
{
    if (is_held(setup->embedding) || is_held(setup->output))
        skip(); /* a memory disk, or an emulator */
    if (!pages_read(setup->embedding->bytes, 1))
        skip(); /* Linux before 5.14 */
}

static void mapped_tensors_come(void **state)
{
    (void)state;
    struct setup setup;
    struct read_ahead ahead;
    open_setup(&setup, 1500000);
    skip_where_nothing_can_be_told(&setup);
    setup.homes[setup.output - setup.planned.file.tensors].kind = HOME_COPY;
    start(&ahead, &setup);
    assert_true(ahead.n_threads > 0);
    assert_true(all_comes(&ahead));
    read_ahead_stop(&ahead);
    assert_true(is_held(setup.embedding));
    assert_false(is_held(setup.output));

    setup.homes[setup.output - setup.planned.file.tensors].kind = HOME_MAP;
    start(&ahead, &setup);
    assert_true(all_comes(&ahead));
    read_ahead_stop(&ahead);
    assert_true(is_held(setup.output));
    close_setup(&setup);
}

static void little_is_left_alone(void **state)
{
    (void)state;
    struct setup setup;
    struct read_ahead ahead;
    open_setup(&setup, 500000);
    start(&ahead, &setup);
    assert_int_equal(ahead.n_threads, 0);
    read_ahead_stop(&ahead);
    close_setup(&setup);
}

static void stopping_waits_for_little(void **state)
{
    (void)state;
    struct setup setup;
    struct read_ahead ahead = {0};
    read_ahead_stop(&ahead); /* of nothing */
    open_setup(&setup, 10000000);
    start(&ahead, &setup);
    assert_true(ahead.n_pieces > 400);
    bool was_asked = false;
    assert_false(read_ahead_wait(&ahead, &(struct progress){refuse, &was_asked}));
    assert_true(was_asked);
    read_ahead_stop(&ahead);
    assert_int_equal(ahead.n_threads, 0);
    assert_true(ahead.n_done < ahead.n_pieces);
    read_ahead_stop(&ahead); /* again */
    close_setup(&setup);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mapped_tensors_come),
        cmocka_unit_test(little_is_left_alone),
        cmocka_unit_test(stopping_waits_for_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
