/* SPDX-License-Identifier: Apache-2.0 */
/* test_topology.c - described machines of many shapes, this machine, and this machine through a narrow
 * mask. */
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "machine/topology.h"

struct shape {
    const char *description;
    size_t n_cores, n_processors, n_nodes;
};

static void reads_described_machines(void **state)
{
    (void)state;
    const struct shape shapes[] = {
        {"core:1 pu:1", 1, 1, 1},
        {"core:8 pu:2", 8, 16, 1},
        {"numa:2 core:8 pu:2", 16, 32, 2},
        {"pack:2 numa:4 core:3 pu:1", 24, 24, 8},
        {"pack:2 [numa] l3:4 core:4 pu:4", 32, 128, 2},
        {"pu:6", 6, 6, 1}, /* no cores: every hardware thread counts as one */
        {"numa:8 core:16 pu:2", 128, 256, 8},
    };
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        struct topology topology;
        struct error err = {0};
        if (!topology_read(&topology, shapes[s].description, &err))
            fail_msg("%s: %s", shapes[s].description, err.text);
        if (topology.n_cores != shapes[s].n_cores || topology.n_processors != shapes[s].n_processors ||
            topology.n_nodes != shapes[s].n_nodes)
            fail_msg("%s: %zu cores, %zu processors, %zu nodes", shapes[s].description, topology.n_cores,
                     topology.n_processors, topology.n_nodes);
        assert_true(topology.quota == 0);
        assert_true(topology.available_bytes == topology.memory_bytes);
        assert_int_equal(topology_default_threads(&topology), shapes[s].n_cores);
        topology_release(&topology);
        assert_null(topology.cores);
        assert_null(topology.nodes);
    }
}

/* Which processors share a cache: none, all of a node, some, and those of two nodes. */
static void groups_processors_by_cache(void **state)
{
    (void)state;
    static const struct {
        const char *description;
        size_t n_caches, n_together; /* processors that follow each other under the same one */
    } machines[] = {
        {"core:8 pu:2", 1, 16},
        {"numa:2 core:4 pu:1", 2, 4},
        {"numa:2 l3:2 l2:4 core:1 pu:1", 4, 4},
        {"l3:3 core:2 pu:1", 3, 2},
        {"l2:4 core:1 pu:1", 1, 4},
        {"l2:2 core:4 pu:1", 2, 4},
        {"l3:2 numa:2 core:2 pu:1", 2, 4},
    };
    for (size_t m = 0; m < sizeof machines / sizeof *machines; m++) {
        struct topology topology;
        struct error err = {0};
        if (!topology_read(&topology, machines[m].description, &err))
            fail_msg("%s: %s", machines[m].description, err.text);
        if (topology.n_caches != machines[m].n_caches)
            fail_msg("%s: %zu caches", machines[m].description, topology.n_caches);
        for (size_t i = 0; i < topology.n_processors; i++)
            if (topology.caches[i] != i / machines[m].n_together)
                fail_msg("%s: processor %zu has cache %u", machines[m].description, i, topology.caches[i]);
        topology_release(&topology);
    }
}

/* The second hardware threads come behind all the first ones, under the same caches. */
static void second_threads_share_their_cores_cache(void **state)
{
    (void)state;
    struct topology topology;
    assert_true(topology_read(&topology, "l3:2 core:2 pu:2", NULL));
    const uint32_t caches[] = {0, 0, 1, 1, 0, 0, 1, 1};
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(topology.caches[i], caches[i]);
    topology_release(&topology);
}

/* hwloc numbers the hardware threads of a description in order, so the whole answer is known. */
static void lists_cores_node_by_node(void **state)
{
    (void)state;
    struct topology topology;
    assert_true(topology_read(&topology, "numa:2 core:3 pu:2", NULL));
    const uint32_t processors[] = {0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11};
    for (size_t i = 0; i < 12; i++)
        assert_int_equal(topology.processors[i], processors[i]);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(topology.cores[i].processor, processors[i]);
        assert_int_equal(topology.cores[i].node, i / 3);
    }
    topology_release(&topology);
}

/* Two kinds of memory beside the same cores (HBM and DRAM), or memory of the whole machine besides: a
 * core counts once, and a node without cores of its own does not count. */
static void counts_a_core_once(void **state)
{
    (void)state;
    struct topology topology;
    assert_true(topology_read(&topology, "pack:2 [numa] [numa] core:4 pu:2", NULL));
    assert_int_equal(topology.n_cores, 8);
    assert_int_equal(topology.n_processors, 16);
    assert_int_equal(topology.n_nodes, 2);
    topology_release(&topology);
    assert_true(topology_read(&topology, "[numa] pack:2 core:4 pu:1", NULL));
    assert_int_equal(topology.n_cores, 8);
    assert_int_equal(topology.n_nodes, 1);
    topology_release(&topology);
}

static void reads_described_memory(void **state)
{
    (void)state;
    struct topology topology;
    assert_true(topology_read(&topology, "numa:2(memory=3221225472) core:4 pu:1", NULL));
    assert_true(topology.memory_bytes == (uint64_t)6 << 30);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(topology.nodes[i].number, i);
        assert_true(topology.nodes[i].memory_bytes == (uint64_t)3 << 30);
    }
    topology_release(&topology);
    /* of two kinds beside the same cores the first counts, and keeps its number */
    assert_true(topology_read(&topology, "pack:2 [numa(memory=1073741824)] [numa] core:4 pu:2", NULL));
    assert_int_equal(topology.n_nodes, 2);
    assert_true(topology.nodes[1].memory_bytes == (uint64_t)1 << 30);
    assert_true(topology.nodes[1].number > topology.nodes[0].number);
    topology_release(&topology);
}

static void refuses_what_is_no_machine(void **state)
{
    (void)state;
    const char *const texts[] = {"hello", "core:0 pu:1", "core:4", "numa:2 core:x", "core:-1 pu:1"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct topology topology;
        struct error err = {0};
        memset(&topology, 0xFF, sizeof topology);
        if (topology_read(&topology, texts[i], &err))
            fail_msg("'%s' was taken for %zu cores", texts[i], topology.n_cores);
        assert_non_null(strstr(err.text, texts[i]));
        assert_null(topology.cores);
        topology_release(&topology);
    }
}

static void reads_this_machine(void **state)
{
    (void)state;
    struct topology topology;
    cpu_set_t mask;
    assert_true(topology_read(&topology, NULL, NULL));
    assert_int_equal(sched_getaffinity(0, sizeof mask, &mask), 0);
    assert_true(topology.n_cores >= 1);
    assert_int_equal(topology.n_processors, CPU_COUNT(&mask));
    assert_true(topology.n_cores <= topology.n_processors);
    assert_true(topology.n_nodes >= 1 && topology.n_nodes <= topology.n_cores);
    for (size_t i = 0; i < topology.n_processors; i++) {
        assert_true(CPU_ISSET(topology.processors[i], &mask));
        CPU_CLR(topology.processors[i], &mask); /* none appears twice */
    }
    uint32_t node = 0;
    for (size_t i = 0; i < topology.n_cores; i++) {
        assert_int_equal(topology.cores[i].processor, topology.processors[i]);
        assert_in_range(topology.cores[i].node, node, node + 1);
        node = topology.cores[i].node;
    }
    assert_int_equal(node, topology.n_nodes - 1);
    for (size_t i = 1; i < topology.n_nodes; i++)
        assert_true(topology.nodes[i].number != topology.nodes[i - 1].number);
    assert_true(topology.memory_bytes > (uint64_t)64 << 20);
    assert_true(topology.available_bytes > 0);
    assert_true(topology.available_bytes <= topology.memory_bytes);
    size_t n = topology_default_threads(&topology);
    assert_true(n >= 1 && n <= topology.n_cores);
    topology_release(&topology);
}

static void respects_the_mask(void **state)
{
    (void)state;
    cpu_set_t before, narrow;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    for (size_t processor = 0; processor < CPU_SETSIZE; processor++) {
        if (!CPU_ISSET(processor, &before))
            continue;
        CPU_ZERO(&narrow);
        CPU_SET(processor, &narrow);
        struct topology topology;
        assert_int_equal(sched_setaffinity(0, sizeof narrow, &narrow), 0);
        bool ok = topology_read(&topology, NULL, NULL);
        sched_setaffinity(0, sizeof before, &before);
        assert_true(ok);
        assert_int_equal(topology.n_cores, 1);
        assert_int_equal(topology.n_processors, 1);
        assert_int_equal(topology.n_nodes, 1);
        assert_int_equal(topology.cores[0].processor, processor);
        assert_int_equal(topology.cores[0].node, 0);
        topology_release(&topology);
    }
}

/* hwloc is told of processors that are not there, so that nothing remains of its view within the mask. */
static void without_hwloc_the_mask_counts(void **state)
{
    (void)state;
    cpu_set_t mask;
    struct topology topology;
    assert_int_equal(sched_getaffinity(0, sizeof mask, &mask), 0);
    setenv("HWLOC_SYNTHETIC", "core:2 pu:1(indexes=5000,5001)", 1);
    setenv("HWLOC_THISSYSTEM", "1", 1);
    bool ok = topology_read(&topology, NULL, NULL);
    unsetenv("HWLOC_SYNTHETIC");
    unsetenv("HWLOC_THISSYSTEM");
    assert_true(ok);
    assert_int_equal(topology.n_cores, CPU_COUNT(&mask));
    assert_int_equal(topology.n_processors, CPU_COUNT(&mask));
    assert_int_equal(topology.n_nodes, 1);
    for (size_t i = 0; i < topology.n_cores; i++) {
        assert_true(CPU_ISSET(topology.cores[i].processor, &mask));
        assert_int_equal(topology.processors[i], topology.cores[i].processor);
        assert_int_equal(topology.cores[i].node, 0);
    }
    assert_true(topology.memory_bytes > 0);
    topology_release(&topology);
}

static void default_stays_within_the_quota(void **state)
{
    (void)state;
    const struct {
        size_t n_cores;
        double quota;
        size_t n_threads;
    } cases[] = {{8, 0, 8},   {8, 100, 8}, {8, 8, 8},   {8, 7.5, 8}, {8, 6.5, 7},
                 {8, 1.5, 2}, {8, 1, 1},   {8, 0.1, 1}, {0, 0, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct topology topology = {.n_cores = cases[i].n_cores, .quota = cases[i].quota};
        assert_int_equal(topology_default_threads(&topology), cases[i].n_threads);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_described_machines),
        cmocka_unit_test(groups_processors_by_cache),
        cmocka_unit_test(second_threads_share_their_cores_cache),
        cmocka_unit_test(lists_cores_node_by_node),
        cmocka_unit_test(counts_a_core_once),
        cmocka_unit_test(reads_described_memory),
        cmocka_unit_test(refuses_what_is_no_machine),
        cmocka_unit_test(reads_this_machine),
        cmocka_unit_test(respects_the_mask),
        cmocka_unit_test(without_hwloc_the_mask_counts),
        cmocka_unit_test(default_stays_within_the_quota),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
