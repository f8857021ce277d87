/* SPDX-License-Identifier: Apache-2.0 */
/* topology.c - hwloc's view, narrowed to what this process may use.
 *
 * Nothing that a container hides is an error: without hwloc's view the
 * affinity mask alone counts, and without that there is one processor. Only
 * a description that is not one, and lack of memory, fail. */
#include "machine/topology.h"

#include <hwloc.h>
#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/bytes.h"
#include "base/file.h"
#include "base/memory.h"
#include "machine/cgroup.h"

/* hwloc's machine and what is being read from it. */
struct survey {
    hwloc_topology_t machine;
    hwloc_obj_type_t core_type; /* hardware threads where hwloc knows no cores */
    hwloc_bitmap_t allowed;     /* processors of the affinity mask */
    hwloc_bitmap_t threads;     /* the allowed ones of one core */
    hwloc_obj_t *caches;        /* [n_caches] those that were met so far, of the topology's list */
};

/* The memory node nearest to a core: the first of its local ones, which is its DRAM where there are
 * several kinds. */
static hwloc_obj_t node_of(const struct survey *survey, hwloc_obj_t core)
{
    hwloc_obj_t node = NULL;
    while ((node = hwloc_get_next_obj_by_type(survey->machine, HWLOC_OBJ_NUMANODE, node)) != NULL)
        if (hwloc_bitmap_isset(core->nodeset, node->os_index))
            break;
    return node;
}

/* The last cache that a core shares on the way to memory; its memory node where none is known. */
static hwloc_obj_t cache_of(hwloc_obj_t core, hwloc_obj_t node)
{
    hwloc_obj_t last = node;
    for (hwloc_obj_t at = core->parent; at != NULL; at = at->parent)
        if (hwloc_obj_type_is_dcache(at->type) &&
            hwloc_bitmap_weight(at->cpuset) > hwloc_bitmap_weight(core->cpuset))
            last = at;
    return last;
}

/* Number of the core's n-th allowed hardware thread, or -1. */
static int nth_thread(struct survey *survey, hwloc_obj_t core, size_t n)
{
    hwloc_bitmap_and(survey->threads, core->cpuset, survey->allowed);
    int processor = hwloc_bitmap_first(survey->threads);
    for (size_t i = 0; i < n && processor >= 0; i++)
        processor = hwloc_bitmap_next(survey->threads, processor);
    return processor;
}

/* Its index among those met so far. */
static uint32_t cache_index(struct topology *topology, struct survey *survey, hwloc_obj_t cache)
{
    size_t i = 0;
    while (i < topology->n_caches && survey->caches[i] != cache)
        i++;
    if (i == topology->n_caches)
        survey->caches[topology->n_caches++] = cache;
    return (uint32_t)i;
}

/* Appends the n-th hardware thread of every core that has one, node by node; the first ones are the cores. */
static bool add_threads(struct topology *topology, struct survey *survey, size_t n)
{
    size_t n_before = topology->n_processors;
    hwloc_obj_t node = NULL;
    while ((node = hwloc_get_next_obj_by_type(survey->machine, HWLOC_OBJ_NUMANODE, node)) != NULL) {
        size_t n_cores_before = topology->n_cores;
        hwloc_obj_t core = NULL;
        while ((core = hwloc_get_next_obj_by_type(survey->machine, survey->core_type, core)) != NULL) {
            int processor = node_of(survey, core) == node ? nth_thread(survey, core, n) : -1;
            if (processor < 0)
                continue;
            topology->caches[topology->n_processors] = cache_index(topology, survey, cache_of(core, node));
            topology->processors[topology->n_processors++] = (uint32_t)processor;
            if (n == 0)
                topology->cores[topology->n_cores++] =
                    (struct core){.processor = (uint32_t)processor, .node = (uint32_t)topology->n_nodes};
        }
        if (topology->n_cores > n_cores_before)
            topology->nodes[topology->n_nodes++] =
                (struct node){.number = node->os_index, .memory_bytes = node->attr->numanode.local_memory};
    }
    return topology->n_processors > n_before;
}

static bool allocate_lists(struct topology *topology, size_t n_processors, size_t n_nodes, struct error *err)
{
    topology->cores = memory_allocate(n_processors, sizeof *topology->cores, "the list of cores", err);
    topology->processors =
        memory_allocate(n_processors, sizeof *topology->processors, "the list of processors", err);
    topology->caches = memory_allocate(n_processors, sizeof *topology->caches, "the list of caches", err);
    topology->nodes = memory_allocate(n_nodes, sizeof *topology->nodes, "the list of memory nodes", err);
    return topology->cores != NULL && topology->processors != NULL && topology->caches != NULL &&
           topology->nodes != NULL;
}

static bool load_machine(struct survey *survey, const char *description, struct error *err)
{
    if (hwloc_topology_init(&survey->machine) != 0) {
        survey->machine = NULL;
        return fail(err, "hwloc does not start");
    }
    if (description != NULL && hwloc_topology_set_synthetic(survey->machine, description) != 0)
        return fail(err, "not a description of a machine: '%s'", description);
    if (hwloc_topology_load(survey->machine) != 0)
        return fail(err, "hwloc does not understand the machine");

    survey->core_type =
        hwloc_get_nbobjs_by_type(survey->machine, HWLOC_OBJ_CORE) > 0 ? HWLOC_OBJ_CORE : HWLOC_OBJ_PU;
    survey->allowed = hwloc_bitmap_alloc_full();
    survey->threads = hwloc_bitmap_alloc();
    if (survey->allowed == NULL || survey->threads == NULL)
        return fail(err, "no memory for sets of processors");
    /* The mask of the calling thread, since a process has none of its own. Unreadable: all that hwloc
     * allows. */
    if (description == NULL && hwloc_get_cpubind(survey->machine, survey->allowed, HWLOC_CPUBIND_THREAD) != 0)
        hwloc_bitmap_fill(survey->allowed);
    return true;
}

static void release_machine(struct survey *survey)
{
    memory_free(survey->caches);
    hwloc_bitmap_free(survey->threads);
    hwloc_bitmap_free(survey->allowed);
    if (survey->machine != NULL)
        hwloc_topology_destroy(survey->machine);
}

/* Without hwloc: every processor of the affinity mask is a core of one node. */
static bool read_mask(struct topology *topology, struct error *err)
{
    cpu_set_t mask;
    CPU_ZERO(&mask);
    if (sched_getaffinity(0, sizeof mask, &mask) != 0 || CPU_COUNT(&mask) == 0)
        CPU_SET(0, &mask);
    if (!allocate_lists(topology, (size_t)CPU_COUNT(&mask), 1, err))
        return false;
    for (uint32_t i = 0; i < CPU_SETSIZE; i++) {
        if (!CPU_ISSET(i, &mask))
            continue;
        topology->cores[topology->n_cores++] = (struct core){.processor = i};
        topology->processors[topology->n_processors++] = i;
    }
    topology->n_caches = 1;
    topology->n_nodes = 1;
    return true;
}

static bool read_processors(struct topology *topology, const char *description, struct error *err)
{
    struct survey survey = {0};
    bool ok = true;
    if (load_machine(&survey, description, description != NULL ? err : NULL)) {
        size_t n_threads = (size_t)hwloc_get_nbobjs_by_type(survey.machine, HWLOC_OBJ_PU);
        survey.caches = memory_allocate(n_threads, sizeof *survey.caches, "the list of caches", err);
        ok = survey.caches != NULL &&
             allocate_lists(topology, n_threads,
                            (size_t)hwloc_get_nbobjs_by_type(survey.machine, HWLOC_OBJ_NUMANODE), err);
        for (size_t i = 0; ok && add_threads(topology, &survey, i); i++)
            continue;
        if (description != NULL) /* what it says, or hwloc's default */
            topology->memory_bytes = hwloc_get_root_obj(survey.machine)->total_memory;
    } else {
        ok = description == NULL;
    }
    release_machine(&survey);

    if (!ok || topology->n_cores > 0)
        return ok;
    topology_release(topology);
    return read_mask(topology, err);
}

/* A line "Name:  number kB" of /proc/meminfo, in bytes; 0 where there is none. */
static uint64_t meminfo_bytes(const char *text, const char *name)
{
    const char *line = strstr(text, name);
    return line != NULL ? strtoull(line + strlen(name), NULL, 10) * 1024 : 0;
}

static void read_memory(struct topology *topology, const struct cgroup *cgroup)
{
    struct buffer text = {0};
    if (!file_read(&text, "/proc/meminfo", 1 << 20, NULL))
        buffer_clear(&text);
    uint64_t installed = meminfo_bytes(buffer_text(&text), "MemTotal:");
    uint64_t available = meminfo_bytes(buffer_text(&text), "MemAvailable:");
    buffer_release(&text);
    if (installed == 0)
        installed = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    if (available == 0)
        available = (uint64_t)sysconf(_SC_AVPHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    topology->memory_bytes = min_size(installed, cgroup->memory_bytes);
    topology->available_bytes = min_size(available, cgroup->available_bytes);
}

bool topology_read(struct topology *topology, const char *description, struct error *err)
{
    *topology = (struct topology){0};

    if (!read_processors(topology, description, err)) {
        topology_release(topology);
        return false;
    }
    if (description != NULL) {
        topology->available_bytes = topology->memory_bytes;
        return true;
    }
    struct cgroup cgroup = cgroup_read("");
    topology->quota = cgroup.quota;
    read_memory(topology, &cgroup);
    return true;
}

void topology_release(struct topology *topology)
{
    memory_free(topology->cores);
    memory_free(topology->processors);
    memory_free(topology->caches);
    memory_free(topology->nodes);
    *topology = (struct topology){0};
}

size_t topology_default_threads(const struct topology *topology)
{
    size_t n = max_size(topology->n_cores, 1);
    if (topology->quota > 0)
        n = min_size(n, (size_t)ceil(topology->quota));
    return n;
}
