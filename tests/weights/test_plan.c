/* SPDX-License-Identifier: Apache-2.0 */
/* test_plan.c - plans of DeepSeek-R1 on invented machines: what fits, what is refused and in which words, the
 * context that follows from memory, and homes by rules. */
#include "weights/planned.h"

static struct planned r1;

static int open_r1(void **state)
{
    (void)state;
    planned_open_r1(&r1);
    return 0;
}

static int close_r1(void **state)
{
    (void)state;
    planned_close(&r1);
    return 0;
}

static struct plan_request request_on(const struct plan_machine *machine)
{
    return (struct plan_request){.catalog = &r1.catalog,
                                 .file = &r1.file,
                                 .machine = machine,
                                 .cache = CACHE_F16,
                                 .chunk_tokens = 512};
}

static struct plan made(const struct plan_request *request)
{
    struct plan plan;
    struct error err;
    if (!plan_make(&plan, request, &err))
        fail_msg("%s", err.text);
    return plan;
}

static void refused(const struct plan_request *request, const char *const *mentions)
{
    struct plan plan;
    struct error err = {0};
    if (plan_make(&plan, request, &err))
        fail_msg("planned, but expected '%s'", mentions[0]);
    for (; *mentions != NULL; mentions++)
        assert_mentions(err.text, *mentions);
    assert_null(plan.homes);
    plan_release(&plan);
}

#define REFUSED(request, ...) refused(request, (const char *const[]){__VA_ARGS__, NULL})

static bool near(double x, double expected, double tolerance)
{
    return x > expected * (1 - tolerance) && x < expected * (1 + tolerance);
}

/* ---- sizes ---- */

/* The published figures of the file: 212 GiB, 6.74 GB of routed experts and 10.4 GB of the rest a token;
 * 70 KB of cache a token in f16, so 2.3 GB at 32768. */
static void r1_has_its_published_sizes(void **state)
{
    (void)state;
    struct plan_machine machine = desktop(512, 0, 0);
    struct plan_request request = request_on(&machine);
    struct plan plan = made(&request);
    assert_true(near((double)plan.all.n_bytes, 212.0 * (double)GIB, 0.02));
    assert_true(near((double)plan.parts[PART_ROUTED].token_bytes, 6.71 * GB, 0.01));
    assert_true(near((double)(plan.all.token_bytes - plan.parts[PART_ROUTED].token_bytes), 10.4 * GB, 0.02));
    assert_int_equal(plan.cache_token_bytes, 61 * 576 * 2);
    assert_int_equal(plan.n_context, 32768);
    assert_true(near((double)plan.cache_bytes, 2.3 * GB, 0.01));

    uint64_t sum = 0, n_tensors = 0;
    for (enum part part = 0; part < PART_COUNT; part++) {
        sum += plan.parts[part].n_bytes;
        n_tensors += plan.parts[part].n_tensors;
        assert_true(plan.parts[part].home_bytes[HOME_MAP] == plan.parts[part].n_bytes);
    }
    assert_true(sum == plan.all.n_bytes && sum == plan.mapped_bytes);
    assert_int_equal(n_tensors, r1.file.n_tensors);
    assert_true(plan.needed_bytes == plan.cache_bytes + plan.step_bytes + plan.words_bytes);
    plan_release(&plan);

    static const struct {
        enum cache_format format;
        uint64_t row_bytes;
    } caches[] = {{CACHE_F32, 576 * 4}, {CACHE_Q8_0, 18 * 34}, {CACHE_Q4_0, 18 * 18}};
    for (size_t i = 0; i < sizeof caches / sizeof *caches; i++) {
        request.cache = caches[i].format;
        plan = made(&request);
        assert_int_equal(plan.cache_token_bytes, 61 * caches[i].row_bytes);
        plan_release(&plan);
    }
}

/* ---- machines ---- */

static void memory_decides_what_is_held(void **state)
{
    (void)state;
    const struct {
        unsigned gib;
        bool exceeds;
    } cases[] = {{64, true}, {96, true}, {192, true}, {256, false}, {768, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct plan_machine machine = desktop(cases[i].gib, 0, 0);
        struct plan_request request = request_on(&machine);
        struct plan plan = made(&request);
        if (plan.exceeds_memory != cases[i].exceeds || plan.n_context != 32768)
            fail_msg("%u GiB: exceeds %d, context %u", cases[i].gib, plan.exceeds_memory, plan.n_context);
        assert_true(plan.budget_bytes + plan.reserve_bytes == machine.available_bytes);
        assert_true(plan.reserve_bytes >= GIB && plan.reserve_bytes <= 16 * GIB);
        assert_int_equal(plan.homes[0].kind, HOME_MAP);
        plan_release(&plan);
    }
}

/* Where two nodes would be read unevenly, weights are copied and spread, if memory allows. */
static void two_nodes_get_a_copy_if_it_fits(void **state)
{
    (void)state;
    struct plan_machine machine = invented("numa:2(memory=412316860416) core:32 pu:2", 0, 0);
    assert_int_equal(machine.n_threads, 64);
    assert_int_equal(machine.n_nodes, 2);
    struct plan_request request = request_on(&machine);
    struct plan plan = made(&request);
    assert_int_equal(plan.homes[5].kind, HOME_COPY);
    assert_int_equal(plan.homes[5].node, HOME_ALL_NODES);
    assert_true(plan.all.home_bytes[HOME_COPY] == plan.all.n_bytes && plan.mapped_bytes == 0);
    assert_true(plan.needed_bytes > plan.all.n_bytes);
    assert_false(plan.exceeds_memory);
    assert_mentions(plan.why, "2 memory nodes");
    uint64_t enough = plan.needed_bytes + 17 * GIB; /* with the reserve */
    plan_release(&plan);

    /* By the context that is asked for. */
    machine.available_bytes = enough;
    plan = made(&request);
    assert_int_equal(plan.homes[5].kind, HOME_COPY);
    plan_release(&plan);
    request.n_context = 163840;
    plan = made(&request);
    assert_int_equal(plan.homes[5].kind, HOME_MAP);
    plan_release(&plan);
    request.n_context = 0;

    machine.available_bytes = 200 * GIB;
    plan = made(&request);
    assert_int_equal(plan.homes[5].kind, HOME_MAP);
    assert_true(plan.exceeds_memory);
    plan_release(&plan);

    request.load = PLAN_LOAD_MAP;
    machine.available_bytes = machine.memory_bytes;
    plan = made(&request);
    assert_int_equal(plan.homes[5].kind, HOME_MAP);
    assert_mentions(plan.why, "as asked");
    plan_release(&plan);
}

static void a_quota_takes_threads(void **state)
{
    (void)state;
    struct topology topology;
    assert_true(topology_read(&topology, "numa:1(memory=274877906944) core:16 pu:2", NULL));
    assert_int_equal(plan_machine_of(&topology, 0).n_threads, 16);
    topology.quota = 3.5;
    assert_int_equal(plan_machine_of(&topology, 0).n_threads, 4);
    assert_int_equal(plan_machine_of(&topology, 7).n_threads, 7);
    struct plan_machine few = plan_machine_of(&topology, 0), many = plan_machine_of(&topology, 64);
    topology_release(&topology);
    struct plan_request request = request_on(&few);
    struct plan plan = made(&request);
    uint64_t step_bytes = plan.step_bytes;
    plan_release(&plan);
    request.machine = &many;
    plan = made(&request);
    assert_true(plan.step_bytes > step_bytes); /* each member has scratch */
    plan_release(&plan);
}

/* The file and its copy together are more than memory holds: the file's pages go as they are copied. */
static void the_source_is_dropped_where_both_do_not_fit(void **state)
{
    (void)state;
    for (unsigned gib = 256; gib <= 512; gib += 256) {
        struct plan_machine machine = desktop(gib, 0, 0);
        struct plan_request request = request_on(&machine);
        request.load = PLAN_LOAD_COPY;
        struct plan plan = made(&request);
        assert_int_equal(plan.drop_source, gib == 256);
        plan_release(&plan);
    }
}

/* ---- refusals ---- */

static void says_what_does_not_fit(void **state)
{
    (void)state;
    struct plan_machine machine = desktop(64, 0, 0);
    struct plan_request request = request_on(&machine);
    request.load = PLAN_LOAD_COPY;
    REFUSED(&request, "model.gguf: needs ", " of weights", "more than the 60.2 GiB that may be used",
            "--load map");
    request.load = PLAN_LOAD_LOCK;
    REFUSED(&request, "GiB of weights", "--load map");

    request.load = PLAN_LOAD_MAP;
    request.n_context = 163841;
    REFUSED(&request, "163841", "made for 163840");
    machine.available_bytes = 8 * GIB;
    request.n_context = 163840;
    REFUSED(&request, "of cache for 163840 tokens", "a context of", "fits (-c ");

    request.n_context = 0;
    machine.available_bytes = GIB / 2;
    REFUSED(&request, "of cache for 512 tokens", "smaller --chunk");
    machine.available_bytes = 0;
    REFUSED(&request, "more than the 0 B that may be used");
}

/* What the sentence offers is true, and a token more is not. */
static void what_is_said_to_fit_fits(void **state)
{
    (void)state;
    struct plan_machine machine = desktop(64, 0, 0);
    machine.available_bytes = 8 * GIB;
    struct plan_request request = request_on(&machine);
    struct plan plan = made(&request);
    uint32_t most = plan.most_context;
    plan_release(&plan);
    assert_true(most > 512 && most < 163840);
    request.n_context = most;
    plan = made(&request);
    assert_int_equal(plan.n_context, most);
    assert_true(plan.needed_bytes <= plan.budget_bytes);
    plan_release(&plan);
    request.n_context = most + 1;
    char offer[32];
    snprintf(offer, sizeof offer, "(-c %u)", most);
    REFUSED(&request, offer);
}

static void the_lock_limit_is_known_before(void **state)
{
    (void)state;
    struct plan_machine machine = desktop(512, 0, 0);
    struct plan_request request = request_on(&machine);
    request.load = PLAN_LOAD_LOCK;
    struct plan plan = made(&request);
    assert_true(plan.all.home_bytes[HOME_LOCK] == plan.all.n_bytes);
    plan_release(&plan);
    machine.lock_bytes = 8 << 20;
    REFUSED(&request, "locked", "8.0 MiB", "ulimit -l");
}

static void a_budget_replaces_the_reserve(void **state)
{
    (void)state;
    struct plan_machine machine = desktop(64, 0, 0);
    struct plan_request request = request_on(&machine);
    request.ram_bytes = 32 * GIB;
    struct plan plan = made(&request);
    assert_true(plan.budget_bytes == 32 * GIB && plan.reserve_bytes == 0);
    plan_release(&plan);
    request.ram_bytes = 65 * GIB;
    REFUSED(&request, "--ram 65.0 GiB", "64.0 GiB");
    request.ram_bytes = 1;
    REFUSED(&request, "more than the 1 B");
}

/* ---- context ---- */

static bool is_power_of_two(uint32_t n)
{
    return n > 0 && (n & (n - 1)) == 0;
}

/* From too little to plenty: a power of two that fits, never falling, with the weights that every token reads
 * beside it where that is possible at all. */
static void the_context_grows_with_memory(void **state)
{
    (void)state;
    struct plan_machine machine = desktop(64, 0, 0);
    struct plan_request request = request_on(&machine);
    uint32_t last = 0, n_different = 0;
    for (uint64_t mib = 200; mib < 24 * 1024; mib += 97) {
        machine.available_bytes = mib << 20;
        struct plan plan;
        if (!plan_make(&plan, &request, NULL)) {
            assert_int_equal(last, 0);
            continue;
        }
        assert_true(is_power_of_two(plan.n_context) && plan.n_context >= 512 && plan.n_context <= 32768);
        assert_true(plan.needed_bytes <= plan.budget_bytes);
        n_different += plan.n_context != last;
        last = plan.n_context;
        plan_release(&plan);
    }
    assert_int_equal(last, 32768);
    assert_true(n_different >= 6);
}

static uint32_t chunk_with(unsigned installed, unsigned available, unsigned ram, uint32_t asked)
{
    struct plan_machine machine = desktop(installed, 0, 0);
    machine.available_bytes = available * GIB;
    struct plan_request request = request_on(&machine);
    request.ram_bytes = ram * GIB;
    request.chunk_tokens = asked;
    struct plan plan = made(&request);
    uint32_t chunk = plan.chunk_tokens;
    assert_in_range(plan.step_bytes, 1, plan.needed_bytes);
    plan_release(&plan);
    return chunk;
}

/* Not by what is available, which differs from run to run. */
static void the_chunk_follows_installed_memory(void **state)
{
    (void)state;
    assert_int_equal(chunk_with(64, 60, 0, 0), 2048);
    assert_int_equal(chunk_with(64, 8, 0, 0), 2048);
    assert_int_equal(chunk_with(16, 14, 0, 0), 1024);
    assert_int_equal(chunk_with(6, 5, 0, 0), 512);
    assert_int_equal(chunk_with(64, 60, 3, 0), 512);
    assert_int_equal(chunk_with(64, 60, 0, 96), 96);
    assert_int_equal(chunk_with(64, 60, 0, PLAN_MOST_CHUNK), PLAN_MOST_CHUNK);

    struct plan_machine machine = desktop(64, 0, 0);
    struct plan_request request = request_on(&machine);
    request.chunk_tokens = PLAN_MOST_CHUNK + 1;
    REFUSED(&request, "a chunk of 4097 tokens, at most 4096");
}

static void several_sessions_share_the_memory(void **state)
{
    (void)state;
    struct plan_machine machine = desktop(256, 0, 0);
    struct plan_request request = request_on(&machine);
    request.n_context = 16384;
    struct plan one = made(&request);
    request.n_sessions = 3;
    struct plan three = made(&request);
    assert_int_equal(three.cache_bytes, 3 * one.cache_bytes);
    assert_int_equal(three.needed_bytes - one.needed_bytes, 2 * one.cache_bytes);
    request.n_context = 163840;
    request.n_sessions = 64;
    REFUSED(&request, "of cache for 64 x 163840 tokens", "a context of ");
    plan_release(&three);
    plan_release(&one);
}

static void a_short_model_keeps_its_own_context(void **state)
{
    (void)state;
    struct plan_machine machine = desktop(512, 0, 0);
    struct plan_request request = request_on(&machine);
    uint32_t n_context = r1.catalog.geometry.n_context;
    r1.catalog.geometry.n_context = 300;
    struct plan plan = made(&request);
    r1.catalog.geometry.n_context = n_context;
    assert_int_equal(plan.n_context, 300);
    assert_int_equal(plan.most_context, 300);
    plan_release(&plan);
    request.n_context = 100000; /* more than usual, since somebody asked */
    plan = made(&request);
    assert_int_equal(plan.n_context, 100000);
    plan_release(&plan);
}

/* ---- rules ---- */

static void add_rule(struct plan_rules *rules, const char *text)
{
    struct error err;
    if (!plan_rules_add(rules, text, &err))
        fail_msg("%s", err.text);
}

static struct home home_of(const struct plan *plan, const char *name)
{
    const struct gguf_tensor *tensor = gguf_find_tensor(&r1.file, name);
    assert_non_null(tensor);
    return plan->homes[tensor - r1.file.tensors];
}

static void the_first_rule_that_matches_decides(void **state)
{
    (void)state;
    struct plan_machine machine = invented("numa:2(memory=412316860416) core:32 pu:2", 0, 0);
    struct plan_rules rules = {0};
    add_rule(&rules, "^blk\\.([3-9]|1[0-9])\\..*_exps=node1");
    add_rule(&rules, "_exps=map");
    add_rule(&rules, "^output\\.weight$=lock");
    struct plan_request request = request_on(&machine);
    request.rules = &rules;
    request.load = PLAN_LOAD_COPY;
    struct plan plan = made(&request);
    assert_string_equal(home_name(home_of(&plan, "blk.3.ffn_gate_exps.weight")).text, "node1");
    assert_string_equal(home_name(home_of(&plan, "blk.19.ffn_down_exps.weight")).text, "node1");
    assert_string_equal(home_name(home_of(&plan, "blk.20.ffn_down_exps.weight")).text, "map");
    assert_string_equal(home_name(home_of(&plan, "output.weight")).text, "lock");
    assert_string_equal(home_name(home_of(&plan, "output_norm.weight")).text, "copy");
    const struct plan_part *routed = &plan.parts[PART_ROUTED];
    assert_true(routed->home_bytes[HOME_COPY] * 41 == routed->home_bytes[HOME_MAP] * 17);
    plan_release(&plan);
    plan_rules_release(&rules);
}

static void rules_that_decide_nothing_are_refused(void **state)
{
    (void)state;
    struct plan_machine machine = desktop(512, 0, 0);
    struct plan_rules rules = {0};
    struct plan_request request = request_on(&machine);
    request.rules = &rules;
    add_rule(&rules, "ffn_gate_expz=copy");
    REFUSED(&request, "rule ffn_gate_expz=copy matches no tensor");
    plan_rules_release(&rules);
    add_rule(&rules, "exps=copy");
    add_rule(&rules, "blk\\.9\\.ffn_up_exps=map");
    REFUSED(&request, "rule blk\\.9\\.ffn_up_exps=map decides nothing", "rules before it");
    plan_rules_release(&rules);
}

static void nodes_must_be_there_and_large_enough(void **state)
{
    (void)state;
    struct plan_machine machine = desktop(512, 0, 0);
    struct plan_rules rules = {0};
    struct plan_request request = request_on(&machine);
    request.rules = &rules;
    add_rule(&rules, "exps=node1");
    REFUSED(&request, "node1", "one memory node, node0");
    machine = invented("numa:4(memory=107374182400) core:16 pu:1", 0, 0);
    REFUSED(&request, "do not fit memory node 1, which has 100.0 GiB", "home copy spreads them");
    plan_rules_release(&rules);
    add_rule(&rules, "exps=node4");
    REFUSED(&request, "node4", "memory nodes 0 to 3");
    plan_rules_release(&rules);
}

/* Nothing but numbers goes in, so the same comes out. */
static void a_plan_is_a_function(void **state)
{
    (void)state;
    struct plan_machine machine = desktop(96, 80 * GB, 11.5 * GB);
    struct plan_request request = request_on(&machine);
    struct plan a = made(&request), b = made(&request);
    assert_memory_equal(a.homes, b.homes, r1.file.n_tensors * sizeof *a.homes);
    assert_string_equal(a.why, b.why);
    assert_memory_equal(&a.forecast, &b.forecast, sizeof a.forecast);
    assert_true(a.needed_bytes == b.needed_bytes && a.budget_bytes == b.budget_bytes);
    plan_release(&a);
    plan_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(r1_has_its_published_sizes),
        cmocka_unit_test(memory_decides_what_is_held),
        cmocka_unit_test(two_nodes_get_a_copy_if_it_fits),
        cmocka_unit_test(a_quota_takes_threads),
        cmocka_unit_test(the_source_is_dropped_where_both_do_not_fit),
        cmocka_unit_test(says_what_does_not_fit),
        cmocka_unit_test(what_is_said_to_fit_fits),
        cmocka_unit_test(the_lock_limit_is_known_before),
        cmocka_unit_test(a_budget_replaces_the_reserve),
        cmocka_unit_test(the_context_grows_with_memory),
        cmocka_unit_test(the_chunk_follows_installed_memory),
        cmocka_unit_test(several_sessions_share_the_memory),
        cmocka_unit_test(a_short_model_keeps_its_own_context),
        cmocka_unit_test(the_first_rule_that_matches_decides),
        cmocka_unit_test(rules_that_decide_nothing_are_refused),
        cmocka_unit_test(nodes_must_be_there_and_large_enough),
        cmocka_unit_test(a_plan_is_a_function),
    };
    return cmocka_run_group_tests(tests, open_r1, close_r1);
}
