/* SPDX-License-Identifier: Apache-2.0 */
/* Which positions are held, and that their bytes may be cut off, copied, carried away and brought back
 * without a bit of what is computed from them changing. */
#include "machine/team.h"
#include "opened.h"

#include "backend/recorder.h"

/* ---- bookkeeping ---- */

static void held_positions_are_counted(void **state)
{
    (void)state;
    struct recorder recorder;
    struct held_cache held;
    recorder_init(&recorder, 1);
    held_open(&held, &recorder.backend, CACHE_F32, 10);
    assert_int_equal(recorder.records[0].numbers[0], CACHE_F32);
    assert_int_equal(recorder.records[0].numbers[1], 10);
    assert_int_equal(held.n_held, 0);
    recorder_clear(&recorder);

    held_cache_extend(&held, 4);
    held_cache_extend(&held, 6);
    assert_int_equal(held.n_held, 10);
    held_cache_truncate(&held, 10); /* nothing to give back */
    assert_int_equal(recorder.n_records, 0);
    held_cache_truncate(&held, 3);
    assert_int_equal(held.n_held, 3);
    assert_int_equal(recorder.n_records, 1);
    assert_string_equal(recorder.records[0].call, "cache_truncate");
    assert_ptr_equal(recorder.records[0].given[0], held.bytes);
    assert_int_equal(recorder.records[0].numbers[0], 3);
    held_cache_extend(&held, 7);
    held_cache_truncate(&held, 0);
    assert_int_equal(held.n_held, 0);

    recorder_clear(&recorder);
    held_cache_close(&held);
    assert_string_equal(recorder.records[0].call, "cache_free");
    held_cache_close(&held);
    assert_int_equal(recorder.n_records, 1);
}

static struct cache *no_cache(struct backend *backend, enum cache_format format, size_t n_positions,
                              struct error *err)
{
    (void)backend;
    (void)format;
    fail(err, "no room for %zu positions", n_positions);
    return NULL;
}

static void a_cache_that_cannot_be_made_is_told(void **state)
{
    (void)state;
    struct recorder recorder;
    struct held_cache held;
    struct error err = {0};
    recorder_init(&recorder, 1);
    recorder.backend.cache_create = no_cache;
    assert_false(held_cache_open(&held, &recorder.backend, CACHE_F16, 5, &err));
    assert_string_equal(err.text, "no room for 5 positions");
    held_cache_close(&held);
    assert_int_equal(recorder.n_records, 0);
}

/* ---- bytes ---- */

enum { N_TOKENS = 75, N_KEPT = 66 }; /* more than one block of positions that attention reads */

struct talk {
    struct opened opened;
    struct station station;
    enum cache_format format;
    enum attention_form form;
    uint32_t tokens[N_TOKENS];
    size_t n_vocabulary;
    size_t position_bytes;
    float *logits; /* [N_TOKENS - N_KEPT][n_vocabulary] behind those kept, as they should be */
    float *again;
    struct held_cache held; /* all tokens */
};

static void talk_open(struct talk *talk, const char *name, enum cache_format format, enum attention_form form)
{
    *talk = (struct talk){.format = format, .form = form};
    opened_golden(&talk->opened, name);
    station_open(&talk->station, &talk->opened, NULL, format == CACHE_F32);
    tokens_fill(talk->tokens, N_TOKENS, talk->opened.geometry, 801);
    talk->n_vocabulary = talk->opened.geometry->n_vocabulary;
    talk->position_bytes = talk->station.backend->cache_position_bytes(talk->station.backend, talk->format);
    talk->logits = calloc(N_KEPT * talk->n_vocabulary, sizeof(float));
    talk->again = calloc(N_KEPT * talk->n_vocabulary, sizeof(float));
    assert_true(talk->logits != NULL && talk->again != NULL);
    held_open(&talk->held, talk->station.backend, format, N_TOKENS);
    portions_step(&talk->station.forward, &(struct portion){&talk->held, talk->tokens, N_KEPT}, 1, form,
                  talk->logits);
    portions_step(&talk->station.forward,
                  &(struct portion){&talk->held, talk->tokens + N_KEPT, N_TOKENS - N_KEPT}, 1, form,
                  talk->logits);
}

static void talk_close(struct talk *talk)
{
    held_cache_close(&talk->held);
    free(talk->logits);
    free(talk->again);
    station_close(&talk->station);
    opened_close(&talk->opened);
}

/* The last tokens again, on a cache that holds N_KEPT positions from somewhere. */
static void continues_alike(struct talk *talk, struct held_cache *held, const char *how)
{
    size_t n_rows = N_TOKENS - N_KEPT;
    assert_int_equal(held->n_held, N_KEPT);
    memset(talk->again, 0, n_rows * talk->n_vocabulary * sizeof(float));
    portions_step(&talk->station.forward, &(struct portion){held, talk->tokens + N_KEPT, n_rows}, 1,
                  talk->form, talk->again);
    if (memcmp(talk->again, talk->logits, n_rows * talk->n_vocabulary * sizeof(float)) != 0)
        fail_msg("format %d, form %d: other bits after %s", talk->format, talk->form, how);
}

/* Positions carried to a cache of another size, in uneven pieces and out of order. */
static void carry(struct talk *talk, struct held_cache *to)
{
    static const size_t ends[] = {0, 1, 31, 64, N_KEPT};
    struct backend *backend = talk->station.backend;
    uint8_t *bytes = malloc(N_KEPT * talk->position_bytes);
    assert_non_null(bytes);
    held_open(to, backend, talk->format, N_TOKENS + 40);
    for (size_t i = 4; i-- > 0;) {
        size_t first = ends[i], n = ends[i + 1] - first;
        backend->cache_export(backend, talk->held.bytes, first, n, bytes);
        backend->cache_import(backend, to->bytes, first, n, bytes);
        memset(bytes, 0xff, N_KEPT * talk->position_bytes);
    }
    free(bytes);
    held_cache_extend(to, N_KEPT);
}

static void check(const char *name, enum cache_format format, enum attention_form form)
{
    struct talk talk;
    struct held_cache carried, copied;
    talk_open(&talk, name, format, form);
    struct backend *backend = talk.station.backend;

    carry(&talk, &carried);
    continues_alike(&talk, &carried, "export and import");

    held_open(&copied, backend, format, N_TOKENS);
    backend->cache_copy(backend, copied.bytes, talk.held.bytes, 20, N_KEPT - 20);
    backend->cache_copy(backend, copied.bytes, carried.bytes, 0, 20);
    held_cache_extend(&copied, N_KEPT);
    continues_alike(&talk, &copied, "copies");

    /* Cut off far before the place, and what was cut off computed again in the steps it was computed in. */
    held_cache_truncate(&talk.held, 0);
    portions_step(&talk.station.forward, &(struct portion){&talk.held, talk.tokens, N_KEPT}, 1, form,
                  talk.again);
    continues_alike(&talk, &talk.held, "a cut to nothing");
    held_cache_truncate(&talk.held, N_KEPT);
    continues_alike(&talk, &talk.held, "a cut");

    held_cache_close(&carried);
    held_cache_close(&copied);
    talk_close(&talk);
}

static void moved_positions_give_the_same_bits(void **state)
{
    (void)state;
    for (enum attention_form form = ATTENTION_ABSORBED; form <= ATTENTION_EXPANDED; form++) {
        check("v3-legacy", CACHE_F16, form);
        check("v3-legacy", CACHE_F32, form);
        check("v3-legacy", CACHE_Q8_0, form);
        check("v3-legacy", CACHE_Q4_0, form);
    }
    check("v3-256-q4_0", CACHE_F16, ATTENTION_ABSORBED);
    check("v3-256-q4_0", CACHE_Q4_0, ATTENTION_ABSORBED);
}

/* Exported bytes are [position][layer][values]: one position's stand alone, and are the same wherever the
 * range that they are part of begins. */
static void exported_positions_stand_alone(void **state)
{
    (void)state;
    struct talk talk;
    talk_open(&talk, "v3-legacy", CACHE_F16, ATTENTION_ABSORBED);
    const struct geometry *g = talk.opened.geometry;
    struct backend *backend = talk.station.backend;
    size_t n_bytes = talk.position_bytes;
    assert_int_equal(n_bytes, (size_t)g->n_layers * (g->latent_rank + g->head_rotary) * 2);
    assert_int_equal(backend->cache_position_bytes(backend, CACHE_F32), 2 * n_bytes);
    size_t n_blocks = (g->latent_rank + g->head_rotary + 31) / 32; /* the last one filled up */
    assert_int_equal(backend->cache_position_bytes(backend, CACHE_Q8_0), g->n_layers * n_blocks * 34);
    assert_int_equal(backend->cache_position_bytes(backend, CACHE_Q4_0), g->n_layers * n_blocks * 18);
    uint8_t *all = malloc(N_TOKENS * n_bytes), *one = malloc(n_bytes + 1);
    assert_true(all != NULL && one != NULL);
    backend->cache_export(backend, talk.held.bytes, 0, N_TOKENS, all);
    for (size_t i = 0; i < N_TOKENS; i += 37) {
        one[n_bytes] = 0xa5;
        backend->cache_export(backend, talk.held.bytes, i, 1, one);
        assert_memory_equal(one, all + i * n_bytes, n_bytes);
        assert_int_equal(one[n_bytes], 0xa5);
    }
    free(all);
    free(one);
    talk_close(&talk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(held_positions_are_counted),
        cmocka_unit_test(a_cache_that_cannot_be_made_is_told),
        cmocka_unit_test(moved_positions_give_the_same_bits),
        cmocka_unit_test(exported_positions_stand_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
